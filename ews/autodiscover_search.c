#include "ews/autodiscover_search.h"

#include <stdlib.h>

#include "base/id.h"
#include "base/xml.h"
#include "ews/autodiscover_message.h"

struct autodiscover_search {
    struct autodiscover_scene scene;
    struct autodiscover_plan plan;
    enum autodiscover_next next; /* what the beginning of the plan said */
    struct loop_timer *timer;    /* begins the search, then ends it if it takes too long */
    bool begun;
    struct transport_call *call;
    struct oauth_wait *token;
    long token_number;
    struct xml_reader *reader;
    size_t bytes;
    bool unreadable;
    autodiscover_search_fn *fn;
    void *arg;
};

/* ---- Its end ---------------------------------------------------------------------------- */

void autodiscover_search_free(struct autodiscover_search **search_pointer)
{
    struct autodiscover_search *search = *search_pointer;
    *search_pointer = NULL;
    if (!search)
        return;
    if (search->call)
        search->scene.transport->ops->cancel(search->call);
    oauth_wait_cancel(&search->token);
    xml_reader_free(&search->reader);
    loop_timer_free(&search->timer);
    free(search);
}

/* The last word: it may be freed in there. */
static void finish(struct autodiscover_search *search, const struct err *err, bool tried)
{
    const struct err copy = *err;
    loop_timer_stop(search->timer);
    search->fn(&copy, &search->plan, tried, search->arg);
}

static void no_memory(struct autodiscover_search *search)
{
    struct err err;
    err_set(&err, ERR_SYSTEM, "no memory to look for the server of %s", search->plan.address);
    err.scope = ERR_SCOPE_MAILBOX;
    finish(search, &err, false);
}

static void ask(struct autodiscover_search *search);

static void act(struct autodiscover_search *search, enum autodiscover_next next)
{
    struct err err = {0};
    if (next == AUTODISCOVER_ASK) {
        ask(search);
        return;
    }
    if (next == AUTODISCOVER_FAILED)
        autodiscover_plan_error(&search->plan, &err);
    finish(search, &err, true);
}

/* ---- One question ----------------------------------------------------------------------- */

static bool on_bytes(const void *bytes, size_t len, void *arg)
{
    struct autodiscover_search *search = arg;
    struct err ignored;
    search->bytes += len;
    if (!search->unreadable && !xml_reader_feed(search->reader, bytes, len, &ignored))
        search->unreadable = true;
    /* The page of an error or of a login is taken to its end: the status counts. */
    return search->bytes <= LIMIT_AUTODISCOVER_BYTES;
}

/* A refused token may only be old: once more with a new one, then it counts as a refusal. */
static bool token_again(struct autodiscover_search *search, int status)
{
    long number = search->token_number;
    search->token_number = 0;
    return status == 401 && number && oauth_refused(search->scene.oauth, number);
}

static void on_done(const struct err *err, const struct transport_reply *reply, void *arg)
{
    struct autodiscover_search *search = arg;
    struct autodiscover_plan *plan = &search->plan;
    struct autodiscover_answer answer;
    const struct xml_node *root = NULL;
    struct err ignored;
    search->call = NULL;
    struct log_ctx ctx = {search->scene.log, "mailbox", plan->address};
    log_debug(&ctx, "autodiscover: status=%d url=%s shown=%d %s", reply->status, plan->ask.url,
              plan->credentials, err->kind == ERR_OK ? "" : err->text);
    if (token_again(search, reply->status)) {
        ask(search);
        return;
    }
    bool read = !search->unreadable && xml_reader_end(search->reader, &root, &ignored) &&
                autodiscover_read(root, &answer);
    const struct autodiscover_seen seen = {.err = err,
                                           .status = reply->status,
                                           .location = reply->location,
                                           .challenge = reply->challenge,
                                           .answer = read ? &answer : NULL};
    act(search, autodiscover_plan_saw(plan, &seen));
}

static struct body *question(const struct autodiscover_plan *plan)
{
    struct buf text;
    buf_init(&text, 16 * KIB);
    if (plan->ask.kind == AUTODISCOVER_SOAP)
        autodiscover_soap_request(&text, plan->ask.url, plan->address);
    else
        autodiscover_pox_request(&text, plan->address);
    struct body *body = text.failed ? NULL : body_from_buf(&text);
    buf_clear(&text);
    return body;
}

static bool send_question(struct autodiscover_search *search, const char *bearer)
{
    static const struct xml_limits limits = {.max_bytes = LIMIT_AUTODISCOVER_BYTES,
                                             .max_depth = LIMIT_XML_DEPTH,
                                             .max_nodes = 20000};
    struct transport *transport = search->scene.transport;
    const struct autodiscover_plan *plan = &search->plan;
    bool get = plan->ask.kind == AUTODISCOVER_GET;
    char id[LIMIT_UUID];
    id_new(id);
    xml_reader_free(&search->reader);
    search->reader = xml_reader_new(&limits, NULL);
    search->bytes = 0;
    search->unreadable = false;
    struct transport_request request = {
        .account = search->scene.account,
        .url = plan->ask.url,
        .method = get ? "GET" : NULL,
        .anonymous = !plan->credentials,
        .bearer = plan->credentials ? bearer : NULL,
        .anchor_mailbox = get ? NULL : plan->address,
        .request_id = id,
        .timeout_ms = TIME_AUTODISCOVER_ASK_MS,
        .body = get ? NULL : question(plan),
        .bytes = on_bytes,
        .done = on_done,
        .arg = search,
    };
    if (!search->reader || (!get && !request.body)) {
        body_free(&request.body);
        return false;
    }
    search->call = transport->ops->start(transport, &request);
    return search->call != NULL;
}

static void on_token(const struct err *err, void *arg)
{
    struct autodiscover_search *search = arg;
    search->token = NULL;
    if (err->kind == ERR_OK)
        ask(search);
    else
        finish(search, err, false); /* of the account; oauth knows when to come back */
}

static void ask(struct autodiscover_search *search)
{
    struct oauth *oauth = search->plan.credentials ? search->scene.oauth : NULL;
    const char *bearer = oauth ? oauth_token(oauth, &search->token_number) : NULL;
    if (oauth && !bearer) {
        search->token = oauth_wait(oauth, on_token, search);
        if (!search->token)
            no_memory(search);
    } else if (!send_question(search, bearer)) {
        no_memory(search);
    }
}

/* ---- Its beginning ---------------------------------------------------------------------- */

static void on_late(struct autodiscover_search *search)
{
    struct err err = {0};
    if (search->call)
        search->scene.transport->ops->cancel(search->call);
    search->call = NULL;
    oauth_wait_cancel(&search->token);
    autodiscover_plan_error(&search->plan, &err);
    err_prefix(&err, "no end after %d s: ", TIME_AUTODISCOVER_MS / 1000);
    finish(search, &err, true);
}

static void on_timer(void *arg)
{
    struct autodiscover_search *search = arg;
    if (search->begun) {
        on_late(search);
        return;
    }
    search->begun = true;
    loop_timer_set(search->timer, TIME_AUTODISCOVER_MS);
    act(search, search->next);
}

struct autodiscover_search *autodiscover_search_new(const struct autodiscover_scene *scene,
                                                    const char *address,
                                                    const struct autodiscover_endpoint *first,
                                                    int *refusals, autodiscover_search_fn *fn,
                                                    void *arg)
{
    struct autodiscover_search *search = calloc(1, sizeof(*search));
    if (!search)
        return NULL;
    search->scene = *scene;
    search->fn = fn;
    search->arg = arg;
    search->next =
        autodiscover_plan_begin(&search->plan, &scene->rules, address, first, refusals);
    search->timer = loop_timer_new(scene->loop, on_timer, search);
    if (!search->timer)
        autodiscover_search_free(&search);
    else
        loop_timer_set(search->timer, 0);
    return search;
}
