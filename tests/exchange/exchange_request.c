/* From the bytes of a request to the bytes of its answer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/exchange/exchange_form.h"
#include "tests/exchange/exchange_move.h"
#include "tests/exchange/exchange_replay.h"
#include "tests/exchange/exchange_soap.h"
#include "tests/exchange/exchange_stray.h"
#include "tests/exchange/exchange_tamper.h"

enum { HEAD_BYTES = 64 * 1024 };

struct exchange_request {
    struct exchange *ex;
    char user[LIMIT_ADDRESS];
    char host[256]; /* where it was sent to */
    int64_t bytes;
    struct xml_reader *reader;
    struct contents contents;
    size_t contents_room;
    struct buf head; /* the first bytes, to say where a violation is */
    struct err err;
    bool failed;
    bool prepared;
    const struct xml_node *envelope, *body; /* body: the operation's element */
    const struct operation *operation;
    struct fault_plan plan;
    int64_t held; /* the mailbox of which it holds a connection; 0: none */
    struct limit_refusal refusal;
};

static bool begin_content(void *arg)
{
    struct exchange_request *request = arg;
    struct contents *contents = &request->contents;
    if (contents->count == request->contents_room) {
        size_t room = request->contents_room ? request->contents_room * 2 : 4;
        void *bigger = realloc(contents->writers, room * sizeof(struct blob_writer *));
        if (!bigger)
            return false;
        contents->writers = bigger;
        bigger = realloc(contents->hashes, room * sizeof *contents->hashes);
        if (!bigger)
            return false;
        contents->hashes = bigger;
        request->contents_room = room;
    }
    struct blob_writer *writer = ex_blob_writer_new(request->ex->blobs);
    contents->hashes[contents->count][0] = '\0';
    contents->writers[contents->count++] = writer;
    return writer != NULL;
}

static bool add_content(const char *bytes, size_t len, void *arg)
{
    struct exchange_request *request = arg;
    ex_blob_add_base64(request->contents.writers[request->contents.count - 1], bytes, len);
    return true;
}

struct exchange_request *exchange_request_new(struct exchange *ex, const char *user)
{
    struct exchange_request *request = calloc(1, sizeof *request);
    if (!request)
        return NULL;
    request->ex = ex;
    snprintf(request->user, sizeof request->user, "%s", user);
    buf_init(&request->head, HEAD_BYTES);
    const struct xml_limits limits = {.max_bytes = EXCHANGE_REQUEST_MAX,
                                      .max_depth = LIMIT_XML_DEPTH,
                                      .max_nodes = LIMIT_XML_NODES};
    request->reader = xml_reader_new(&limits, &(struct xml_sink){.ns = NS_TYPES,
                                                                 .name = "Content",
                                                                 .begin = begin_content,
                                                                 .text = add_content,
                                                                 .arg = request});
    if (!request->reader)
        exchange_request_free(&request);
    return request;
}

void exchange_request_feed(struct exchange_request *request, const void *bytes, size_t len)
{
    size_t room = HEAD_BYTES - request->head.len;
    request->bytes += (int64_t)len;
    buf_add(&request->head, bytes, len < room ? len : room);
    if (!request->failed && !xml_reader_feed(request->reader, bytes, len, &request->err))
        request->failed = true;
}

void exchange_request_at(struct exchange_request *request, const char *url)
{
    const char *host = strstr(url, "://") ? strstr(url, "://") + 3 : url;
    snprintf(request->host, sizeof request->host, "%.*s", (int)strcspn(host, "/:?"), host);
}

static const char *name_of(const struct exchange_request *request)
{
    return request->operation ? request->operation->name : "";
}

/* Gives the connection back; things 0: nothing was done. Returns how much longer the answer has
 * to wait. */
static int64_t leave(struct exchange_request *request, int things, int64_t hold_ms)
{
    int64_t mailbox = request->held;
    request->held = 0;
    return mailbox ? ex_limits_leave(request->ex, mailbox, name_of(request), things,
                                     request->bytes, hold_ms)
                   : 0;
}

void exchange_request_free(struct exchange_request **request)
{
    struct exchange_request *r = *request;
    if (!r)
        return;
    leave(r, 0, 0);
    for (size_t i = 0; i < r->contents.count; i++)
        ex_blob_writer_free(&r->contents.writers[i]);
    free(r->contents.writers);
    free(r->contents.hashes);
    xml_reader_free(&r->reader);
    buf_clear(&r->head);
    free(r);
    *request = NULL;
}

/* Whose mailbox: the impersonated user's, else the caller's own. */
static const char *address_of(const struct exchange_request *request)
{
    const struct xml_node *header = xml_child(request->envelope, NS_SOAP, "Header");
    const struct xml_node *impersonation = xml_child(header, NS_TYPES, "ExchangeImpersonation");
    const struct xml_node *sid = xml_child(impersonation, NS_TYPES, "ConnectingSID");
    return sid && sid->first_child ? xml_text(sid->first_child) : request->user;
}

/* The request has arrived: faults are asked once, and a connection is held from now on. */
static void prepare(struct exchange_request *request)
{
    if (request->prepared)
        return;
    request->prepared = true;
    const struct xml_node *root = NULL;
    if (!request->failed)
        request->failed = !xml_reader_end(request->reader, &root, &request->err);
    request->failed = request->failed || xml_reader_recovered(request->reader);
    request->envelope = request->failed ? NULL : root;
    const struct xml_node *body = xml_child(request->envelope, NS_SOAP, "Body");
    request->body = body ? body->first_child : NULL;
    request->operation = request->body ? ex_operation_find(request->body->name) : NULL;
    ex_faults_ask(request->ex->faults, request->body ? request->body->name : "",
                  address_of(request), &request->plan);
    if (request->plan.acts)
        ex_move_befall(request->ex, address_of(request), &request->plan);
    request->held = exchange_mailbox_peek(request->ex, address_of(request));
    ex_limits_enter(request->ex, request->held, name_of(request), &request->refusal);
}

int64_t exchange_request_late(struct exchange_request *request)
{
    prepare(request);
    return request->plan.late_ms;
}

/* Why a request that is well made is a fault all the same; NULL: it is none. */
static const char *fault_of(struct exchange_request *request, const char *version)
{
    if (version && !ex_form_knows_version(version))
        return "ErrorInvalidServerVersion";
    if (request->ex->flavour == FLAVOUR_GROMOX &&
        ex_form_has_binary(request->body->first_child))
        return "ErrorInternalServerError";
    return NULL;
}

/* Within a transaction. False: the mailbox cannot be had, and that was answered. */
static bool find_mailbox(struct exchange_request *request, struct call *call,
                         struct exchange_answer *answer)
{
    char code[64];
    call->mailbox = exchange_mailbox(request->ex, address_of(request));
    if (!call->mailbox) {
        ex_answer_fault(answer, "ErrorNonExistentMailbox", -1);
        return false;
    }
    const char *refusal = ex_move_refusal(request->ex, call->mailbox, request->host, code);
    const struct answer_about about = {request->ex, request->operation, request->body};
    if (refusal)
        ex_answer_code(&about, refusal, answer);
    return !refusal;
}

static void execute(struct exchange_request *request, struct exchange_answer *answer)
{
    struct exchange *ex = request->ex;
    const struct xml_node *header = xml_child(request->envelope, NS_SOAP, "Header");
    const char *version =
        xml_attr(xml_child(header, NS_TYPES, "RequestServerVersion"), "Version");
    const struct form form = {.envelope = request->envelope,
                              .body = request->body,
                              .operation = request->operation,
                              .contents = &request->contents,
                              .head = &request->head};
    if (!ex_form_is_well_made(&form, answer))
        return;
    const char *fault = fault_of(request, version);
    if (fault) {
        ex_answer_fault(answer, fault, -1);
        return;
    }
    struct call call = {.ex = ex,
                        .operation = request->operation,
                        .request = request->body,
                        .version = version ? version : "Exchange2007",
                        .contents = &request->contents,
                        .stop_at = request->plan.stop_at};
    ex_db_begin(ex->db);
    if (!find_mailbox(request, &call, answer)) {
        ex_db_rollback(ex->db);
        return;
    }
    answer->status = 200;
    ex_soap_begin(&call, &answer->body);
    request->operation->run(&call);
    ex_soap_end(&call);
    answer->stream = call.stream;
    if (!exchange_commit(ex, &request->err) || answer->body.failed) {
        buf_reset(&answer->body);
        answer->body.failed = false;
        ex_answer_fault(answer, "ErrorInternalServerError", -1);
        return;
    }
    ex->counts[ex_operation_index(request->operation)]++;
}

/* What the request asks for, or why not. */
static void answer(struct exchange_request *r, struct exchange_answer *out)
{
    const struct answer_about about = {r->ex, r->operation, r->body};
    int things = 0;
    if (r->plan.answer != FAULT_NONE) {
        ex_answer_instead(&about, &r->plan, out);
    } else if (r->ex->replay) {
        ex_replay_answer(r->ex->replay, r->body ? r->body->name : "", out);
        ex_answer_spoil(&r->plan, out);
    } else if (!r->body) {
        out->status = 400; /* as IIS says to what is not SOAP at all */
        out->type = "";
    } else if (r->refusal.code) {
        ex_answer_refusal(&about, &r->refusal, out);
    } else {
        execute(r, out);
        things = ex_answer_things(r->body);
        ex_answer_spoil(&r->plan, out);
    }
    out->delay_ms += leave(r, things, out->delay_ms);
    if (r->ex->flavour == FLAVOUR_GROMOX && out->status == 500 && out->body.len)
        out->status = 200;
}

void ex_request_execute(struct exchange_request *request)
{
    struct exchange_answer thrown_away;
    ex_answer_init(&thrown_away);
    ex_faults_plan_init(&request->plan);
    if (request->body)
        execute(request, &thrown_away);
    exchange_answer_clear(&thrown_away);
}

/* An execution uses the contents up: for a second one they are read again from where the first
 * put them. */
static bool refill(struct exchange_request *request)
{
    struct contents *contents = &request->contents;
    bool ok = true;
    for (size_t i = 0; i < contents->count && ok; i++) {
        struct buf bytes;
        if (contents->writers[i])
            continue;
        buf_init(&bytes, EXCHANGE_REQUEST_MAX);
        ok = contents->hashes[i][0] &&
             ex_blob_read(request->ex->blobs, contents->hashes[i], &bytes);
        if (ok)
            contents->writers[i] = ex_blob_writer_new(request->ex->blobs);
        if (contents->writers[i])
            ex_blob_add(contents->writers[i], buf_str(&bytes), bytes.len);
        buf_clear(&bytes);
    }
    return ok;
}

/* What goes on after the answer is made; takes the request in any case. */
static void go_on(struct exchange_request **request)
{
    struct exchange_request *r = *request;
    int64_t stray_ms = r->plan.stray_ms, again_ms = r->plan.again_ms;
    if (stray_ms >= 0) {
        ex_stray_add(r->ex, request, stray_ms);
        return;
    }
    if (again_ms >= 0 && r->body && refill(r)) {
        if (again_ms > 0)
            ex_stray_add(r->ex, request, again_ms);
        else
            ex_request_execute(r);
    }
    exchange_request_free(request);
}

void exchange_request_end(struct exchange_request **request, struct exchange_answer *out)
{
    struct exchange_request *r = *request;
    ex_answer_init(out);
    prepare(r);
    bool not_now = r->plan.drop || r->plan.stray_ms >= 0;
    out->delay_ms = r->plan.delay_ms;
    if (!not_now)
        answer(r, out);
    leave(r, 0, 0);
    out->dropped = not_now || r->plan.lose_answer;
    if (out->dropped) {
        buf_clear(&out->body);
        out->status = 0;
    }
    if (r->plan.drop)
        exchange_request_free(request);
    else
        go_on(request);
    *request = NULL;
}

void exchange_handle(struct exchange *ex, const char *user, const void *bytes, size_t len,
                     struct exchange_answer *answer)
{
    struct exchange_request *request = exchange_request_new(ex, user);
    if (!request) {
        ex_answer_init(answer);
        answer->status = 500;
        return;
    }
    exchange_request_feed(request, bytes, len);
    exchange_request_end(&request, answer);
}

long exchange_count(const struct exchange *ex, const char *operation)
{
    long all = 0;
    const struct operation *found = ex_operation_find(operation);
    if (found)
        return ex->counts[ex_operation_index(found)];
    for (size_t i = 0; i < sizeof ex->counts / sizeof *ex->counts; i++)
        all += ex->counts[i];
    return operation[0] ? 0 : all;
}
