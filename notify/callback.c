#include "notify/callback.h"

#include <stdlib.h>
#include <string.h>

#include "base/crash.h"
#include "base/id.h"
#include "base/poke.h"
#include "notify/decide.h"
#include "queue/queue.h"
#include "store/watch.h"

enum {
    MARK_DELAY_MS = 0,        /* a notification is looked into at once */
    NOTES_MAX = 64,           /* response messages in one call */
    ANSWER_BYTES_MAX = 4096,  /* of ours */
    SAY_EVERY_MS = 60 * 1000, /* what strangers can cause is logged no more often than this */
};

/* A call that waits for its answer. */
struct call {
    struct http_request *request;
    struct decision decision;
    char secret[ID_TOKEN_MAX];
    char mailbox[LIMIT_UUID];
};

/* A line that is not repeated for a while, and how often it would have been. */
struct seldom {
    bool said;
    struct mono last;
    long times;
};

struct callback {
    struct callback_config config;
    struct loop_timer *turn;
    struct call calls[LIMIT_CALLBACK_CONNECTIONS];
    size_t call_count;
    struct notification notes[NOTES_MAX];
    struct seldom strangers, failures;
};

static bool may_say(struct callback *callback, struct seldom *line)
{
    struct mono now = loop_now(callback->config.loop);

    line->times++;
    if (line->said && mono_since(now, line->last) < SAY_EVERY_MS)
        return false;
    line->said = true;
    line->last = now;
    return true;
}

static void count(struct callback *callback, const char *counter, long add)
{
    if (callback->config.count)
        callback->config.count(counter, add, callback->config.arg);
}

/* ---- what a call is ---- */

/* The last component of the path, without the query: 32 hexadecimal digits, or nothing. */
static void take_secret(const char *path, char *secret)
{
    size_t len = strcspn(path, "?#");
    size_t start = len;

    secret[0] = '\0';
    while (start > 0 && path[start - 1] != '/')
        start--;
    if (len - start != ID_TOKEN_MAX - 1 ||
        strspn(path + start, "0123456789abcdef") < ID_TOKEN_MAX - 1)
        return;
    memcpy(secret, path + start, ID_TOKEN_MAX - 1);
    secret[ID_TOKEN_MAX - 1] = '\0';
}

static void report_failure(struct callback *callback, const char *doing, const struct err *err)
{
    if (may_say(callback, &callback->failures)) {
        log_warning(callback->config.log, "%s (%ld times), Exchange will call again: %s", doing,
                    callback->failures.times, err->text);
        callback->failures.times = 0;
    }
    if (err->kind == ERR_IO && callback->config.broken)
        callback->config.broken(err, callback->config.arg);
}

static void report_stranger(struct callback *callback, const struct call *call)
{
    if (!may_say(callback, &callback->strangers))
        return;
    log_debug(callback->config.log,
              "calls at addresses that are not known: %ld, the last from %s",
              callback->strangers.times, http_peer(call->request));
    callback->strangers.times = 0;
}

static void examine(struct callback *callback, struct call *call)
{
    struct decide_facts facts = {.is_post = strcmp(http_method(call->request), "POST") == 0};
    struct watch watch = {0};
    struct err err = {0};
    size_t len, note_count = 0;

    take_secret(http_path(call->request), call->secret);
    if (facts.is_post && call->secret[0] &&
        !watch_find(callback->config.store, call->secret, &watch, &facts.known, &err)) {
        facts.lookup_failed = true;
        report_failure(callback, "looking up a callback failed", &err);
    }
    if (facts.is_post && !facts.lookup_failed) {
        const void *body = http_body(call->request, &len);
        facts.parsed =
            notification_parse(body, len, callback->notes, NOTES_MAX, &note_count, &err) &&
            note_count > 0;
        if (!facts.known)
            report_stranger(callback, call);
    }
    facts.ended = watch.ended;
    decide_compare(callback->notes, note_count, watch.subscription, &facts);
    call->decision = decide_callback(&facts);
    memcpy(call->mailbox, watch.mailbox, sizeof call->mailbox);
}

/* ---- writing down ---- */

static bool writes(const struct call *call)
{
    return call->decision.heard || call->decision.mark || call->decision.end;
}

static bool record_call(struct store *store, const struct call *call, struct err *err)
{
    const struct decision *decision = &call->decision;

    return (!decision->heard || watch_heard(store, call->secret, err)) &&
           (!decision->mark ||
            queue_push(store, call->mailbox, QUEUE_NOTIFICATION, MARK_DELAY_MS, err)) &&
           (!decision->end || watch_end(store, call->mailbox, call->secret, err));
}

static bool record_all(struct callback *callback, struct err *err)
{
    struct store *store = callback->config.store;
    bool ok = true;

    if (!store_begin(store, err))
        return false;
    for (size_t i = 0; i < callback->call_count && ok; i++)
        ok = !writes(&callback->calls[i]) || record_call(store, &callback->calls[i], err);
    if (!ok) {
        store_rollback(store);
        return false;
    }
    return callback->config.commit ? callback->config.commit(store, err)
                                   : store_commit(store, err);
}

/* One transaction for all that arrived; when it fails, their answer becomes "try again". */
static void record(struct callback *callback)
{
    struct err err = {0};
    long writers = 0, marks = 0;

    for (size_t i = 0; i < callback->call_count; i++) {
        writers += writes(&callback->calls[i]);
        marks += callback->calls[i].decision.mark;
    }
    if (writers == 0)
        return;
    if (record_all(callback, &err)) {
        count(callback, "marks", marks);
        if (marks > 0)
            poke_send(store_state_dir(callback->config.store), "sync");
        return;
    }
    report_failure(callback, "writing down what Exchange said failed", &err);
    for (size_t i = 0; i < callback->call_count; i++) {
        if (writes(&callback->calls[i]))
            callback->calls[i].decision = (struct decision){.answer = DECIDE_TRY_AGAIN};
    }
}

/* ---- answering ---- */

struct plain_answer {
    int status;
    const char *text;
};

static const struct plain_answer plain_answers[DECIDE_ANSWERS] = {
    [DECIDE_BAD_BODY] = {400, "this is not a notification\n"},
    [DECIDE_NOT_FOUND] = {404, "there is nothing here\n"},
    [DECIDE_BAD_METHOD] = {405, "only POST is answered here\n"},
    [DECIDE_TRY_AGAIN] = {503, "try again\n"},
};

static void answer_plain(struct call *call, enum decide_answer answer)
{
    const struct plain_answer *plain = &plain_answers[answer];

    if (answer == DECIDE_BAD_METHOD)
        http_reply_header(call->request, "Allow", "POST");
    http_reply(&call->request, plain->status, "text/plain; charset=utf-8", plain->text,
               strlen(plain->text));
}

static void answer(struct callback *callback, struct call *call)
{
    enum decide_answer word = call->decision.answer;
    struct log_ctx log = {callback->config.log, "mailbox", call->mailbox};
    struct buf soap;

    if (call->decision.end)
        log_info(&log, "Exchange has dropped the subscription, it will be made anew");
    if (word != DECIDE_OK)
        count(callback, "refused", 1);
    if (word != DECIDE_OK && word != DECIDE_UNSUBSCRIBE) {
        answer_plain(call, word);
        return;
    }
    buf_init(&soap, ANSWER_BYTES_MAX);
    notification_answer(&soap, word == DECIDE_OK);
    if (soap.failed)
        answer_plain(call, DECIDE_TRY_AGAIN);
    else
        http_reply(&call->request, 200, "text/xml; charset=utf-8", buf_str(&soap), soap.len);
    buf_clear(&soap);
}

static void end_turn(void *arg)
{
    struct callback *callback = arg;

    for (size_t i = 0; i < callback->call_count; i++)
        examine(callback, &callback->calls[i]);
    crash_point("callback.examined");
    record(callback);
    crash_point("callback.recorded");
    count(callback, "calls", (long)callback->call_count);
    for (size_t i = 0; i < callback->call_count; i++)
        answer(callback, &callback->calls[i]);
    callback->call_count = 0;
}

void callback_handle(struct http_request *request, void *arg)
{
    struct callback *callback = arg;

    /* No more than there may be connections; should the limits ever differ, nothing is lost. */
    if (callback->call_count == LIMIT_CALLBACK_CONNECTIONS) {
        http_reply(&request, 503, NULL, "", 0);
        return;
    }
    callback->calls[callback->call_count++] = (struct call){.request = request};
    if (!loop_timer_is_set(callback->turn))
        loop_timer_set(callback->turn, 0);
}

/* ---- making and ending ---- */

struct callback *callback_new(const struct callback_config *config, struct err *err)
{
    struct callback *callback = calloc(1, sizeof *callback);

    if (callback) {
        callback->config = *config;
        callback->turn = loop_timer_new(config->loop, end_turn, callback);
    }
    if (!callback || !callback->turn) {
        free(callback);
        err_set(err, ERR_SYSTEM, "out of memory");
        return NULL;
    }
    return callback;
}

void callback_free(struct callback **callback)
{
    struct callback *gone = *callback;

    if (gone) {
        loop_timer_free(&gone->turn);
        for (size_t i = 0; i < gone->call_count; i++)
            http_reply(&gone->calls[i].request, 503, NULL, "", 0);
        free(gone);
    }
    *callback = NULL;
}
