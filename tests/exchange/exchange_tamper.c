#include "tests/exchange/exchange_tamper.h"

#include <stdlib.h>
#include <string.h>

enum { BACK_OFF_MS = 300000 };

void ex_answer_init(struct exchange_answer *answer)
{
    *answer = (struct exchange_answer){.type = "text/xml; charset=utf-8", .retry_after_ms = -1};
    buf_init(&answer->body, EXCHANGE_ANSWER_MAX);
}

void ex_answer_fault(struct exchange_answer *answer, const char *code, int64_t back_off_ms)
{
    answer->status = 500;
    ex_soap_fault(&answer->body, code, back_off_ms);
}

int ex_answer_things(const struct xml_node *body)
{
    static const char *const lists[] = {"Items",          "ItemIds", "ItemChanges",
                                        "FolderIds",      "Folders", "AttachmentIds",
                                        "ParentFolderIds"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        const struct xml_node *list = xml_child(body, NS_MESSAGES, lists[i]);
        int count = 0;
        for (const struct xml_node *n = list ? list->first_child : NULL; n; n = n->next)
            count++;
        if (count)
            return count;
    }
    return 1;
}

/* A response message for each thing; `show` writes one. */
static void each_thing(const struct answer_about *about, struct exchange_answer *answer,
                       void (*show)(struct call *call, const void *arg), const void *arg)
{
    struct call call = {.ex = about->ex, .operation = about->operation};
    answer->status = 200;
    ex_soap_begin(&call, &answer->body);
    for (int i = ex_answer_things(about->body); i > 0; i--)
        if (call.stopped)
            ex_soap_stopped(&call);
        else
            show(&call, arg);
    ex_soap_end(&call);
}

static void show_code(struct call *call, const void *code)
{
    ex_soap_error(call, code);
}

static void show_busy(struct call *call, const void *arg)
{
    const struct limit_refusal *refusal = arg;
    ex_soap_busy(call, refusal->back_off_ms, refusal->policy);
}

static void show_busy_inner(struct call *call, const void *arg)
{
    (void)arg;
    ex_soap_busy_inner(call);
}

void ex_answer_code(const struct answer_about *about, const char *code,
                    struct exchange_answer *answer)
{
    if (about->operation)
        each_thing(about, answer, show_code, code);
    else
        ex_answer_fault(answer, code, -1);
}

void ex_answer_refusal(const struct answer_about *about, const struct limit_refusal *refusal,
                       struct exchange_answer *answer)
{
    bool busy = !strcmp(refusal->code, "ErrorServerBusy");
    if (busy && about->operation && refusal->shape == 1)
        each_thing(about, answer, show_busy, refusal);
    else if (busy && about->operation && refusal->shape == 2)
        each_thing(about, answer, show_busy_inner, NULL);
    else
        ex_answer_fault(answer, refusal->code,
                        refusal->back_off_ms > 0 ? refusal->back_off_ms : -1);
}

static void log_in_page(struct exchange_answer *answer)
{
    static const char page[] =
        "<!DOCTYPE html><html><head><title>Sign in</title></head>"
        "<body><form action=\"/auth\">Please sign in.</form></body></html>";
    answer->status = 200;
    answer->type = "text/html";
    buf_add_str(&answer->body, page);
}

void ex_answer_instead(const struct answer_about *about, const struct fault_plan *plan,
                       struct exchange_answer *answer)
{
    const struct limit_refusal busy = {.code = "ErrorServerBusy",
                                       .back_off_ms =
                                           plan->number >= 0 ? plan->number : BACK_OFF_MS,
                                       .shape = plan->answer == FAULT_BUSY_200     ? 1
                                                : plan->answer == FAULT_BUSY_INNER ? 2
                                                                                   : 0};
    switch (plan->answer) {
    case FAULT_NONE: break;
    case FAULT_BUSY_FAULT:
    case FAULT_BUSY_200:
    case FAULT_BUSY_INNER: ex_answer_refusal(about, &busy, answer); break;
    case FAULT_CODE: ex_answer_code(about, plan->code, answer); break;
    case FAULT_FAULT_CODE: ex_answer_fault(answer, plan->code, -1); break;
    case FAULT_FAULT_200:
        ex_answer_fault(answer, plan->code, -1);
        answer->status = 200;
        break;
    case FAULT_HTTP:
        answer->status = plan->status;
        answer->type = "";
        answer->retry_after_ms = plan->number >= 0 ? plan->number * 1000 : -1;
        break;
    case FAULT_HTML: log_in_page(answer); break;
    }
}

static char *find(const struct buf *body, const char *text)
{
    return body->len ? memmem(body->data, body->len, text, strlen(text)) : NULL;
}

/* Keeps the first `keep` bytes, puts `text` there, and goes on `skip` bytes later. */
static void splice(struct buf *body, size_t keep, const char *text, size_t skip)
{
    size_t len = 0;
    char *bytes = buf_take(body, &len);
    buf_add(body, bytes, keep);
    buf_add_str(body, text);
    buf_add(body, bytes + keep + skip, len - keep - skip);
    free(bytes);
}

/* A reference to a character that XML forbids, in a text if there is one. */
static void add_bad_char(struct buf *body)
{
    static const char *const places[] = {"<t:Subject>", "<t:DisplayName>", "<m:MessageText>",
                                         "<s:Body>"};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        const char *at = find(body, places[i]);
        if (at) {
            splice(body, (size_t)(at - body->data) + strlen(places[i]), "&#x1B;", 0);
            return;
        }
    }
}

/* Response messages are the children of m:ResponseMessages, and nothing else is called so. */
static void drop_last_message(struct buf *body)
{
    static const char open[] = "ResponseMessage ResponseClass=", close[] = "ResponseMessage>";
    const char *last = NULL, *end = NULL;
    for (char *at = find(body, open); at;
         at = memmem(at + 1, body->len - (size_t)(at + 1 - body->data), open, sizeof open - 1))
        last = at;
    if (last)
        end = memmem(last, body->len - (size_t)(last - body->data), close, sizeof close - 1);
    if (!end)
        return;
    while (last > body->data && *last != '<')
        last--;
    splice(body, (size_t)(last - body->data), "", (size_t)(end - last) + sizeof close - 1);
}

void ex_answer_spoil(const struct fault_plan *plan, struct exchange_answer *answer)
{
    struct buf *body = &answer->body;
    if (plan->short_answer)
        drop_last_message(body);
    if (plan->bad_char)
        add_bad_char(body);
    if (plan->cut_answer)
        body->len /= 2;
    if (plan->cut_at >= 0 && body->len > (size_t)plan->cut_at)
        body->len = (size_t)plan->cut_at;
}
