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
    RECENT_MARKS = 256,       /* mailboxes; two that share a slot are only marked more often */
    NOTES_MAX = 64,           /* response messages in one call */
    ANSWER_BYTES_MAX = 4096,  /* of ours */
    SAY_EVERY_MS = 60 * 1000, /* what strangers can cause is logged no more often than this */
    MARK_SLACK_MS = 50,       /* the delay of an earlier mark was counted by another clock */
};

/* A call that waits for its answer. */
struct call {
    struct http_request *request;
    struct decision decision;
    char secret[ID_TOKEN_MAX];
    char mailbox[LIMIT_UUID];
    int64_t delay_ms;  /* of the mark */
    struct hint *hint; /* where it was; NULL: anywhere */
};

/* When a mailbox was marked last. */
struct recent {
    char mailbox[LIMIT_UUID];
    struct mono at;
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
    struct recent recent[RECENT_MARKS];
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

static void report_stranger(struct callback *callback, const struct http_request *request)
{
    if (!may_say(callback, &callback->strangers))
        return;
    log_debug(callback->config.log,
              "calls at addresses that are not known: %ld, the last from %s",
              callback->strangers.times, http_peer(request));
    callback->strangers.times = 0;
}

/* What the header says. */
static void identify(struct callback *callback, struct call *call, struct decide_facts *facts,
                     struct watch *watch)
{
    struct err err = {0};

    take_secret(http_path(call->request), call->secret);
    facts->is_post = strcmp(http_method(call->request), "POST") == 0;
    facts->addressed = call->secret[0] != '\0';
    if (!facts->is_post || !facts->addressed)
        return;
    facts->lookup_failed =
        !watch_find(callback->config.store, call->secret, watch, &facts->known, &err);
    if (facts->lookup_failed)
        report_failure(callback, "looking up a callback failed", &err);
    facts->ended = watch->ended;
    memcpy(call->mailbox, watch->mailbox, sizeof call->mailbox);
}

static struct recent *recent_of(struct callback *callback, const char *mailbox)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (const char *c = mailbox; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619u;
    return &callback->recent[hash % RECENT_MARKS];
}

/* The first mark of a mailbox is due at once, further ones not before TIME_MARK_MS are over:
 * bursts of Exchange, and floods of whoever knows a secret, are one look and one row. */
static int64_t mark_delay(struct callback *callback, const char *mailbox)
{
    const struct recent *recent = recent_of(callback, mailbox);

    if (strcmp(recent->mailbox, mailbox) != 0)
        return 0;
    int64_t since = mono_since(loop_now(callback->config.loop), recent->at);
    return since < TIME_MARK_MS ? TIME_MARK_MS - since : 0;
}

static bool add_spots(struct store *store, const char *mailbox,
                      const struct remote_where *where, struct hint *hint, struct err *err)
{
    hint->anywhere = hint->anywhere || where->count == 0;
    for (int i = 0; i < where->count; i++) {
        const struct remote_spot *spot = &where->spots[i];
        if (!hint_add(store, mailbox, hint, spot->folder, spot->from, err))
            return false;
    }
    return true;
}

/* Where the notifications say that it was; anywhere when that cannot be told. */
static void locate(struct callback *callback, size_t count, struct call *call)
{
    struct store *store = callback->config.store;
    struct hint *hint = calloc(1, sizeof *hint);
    struct err err = {0};

    for (size_t i = 0; hint && i < count && !hint->anywhere; i++) {
        const struct notification *note = &callback->notes[i];
        if (!note->status_only && !add_spots(store, call->mailbox, &note->where, hint, &err))
            hint->anywhere = true;
    }
    call->hint = hint;
}

static bool is_wished(struct store *store, const struct call *call, bool *wished,
                      struct err *err)
{
    int64_t delay_ms = call->delay_ms + MARK_SLACK_MS;

    if (call->decision.folders)
        return queue_is_wished(store, call->mailbox, QUEUE_FOLDERS, delay_ms, wished, err);
    return queue_is_hinted(store, call->mailbox, call->hint, delay_ms, wished, err);
}

/* What is written down already is not written again. */
static void leave_out(struct callback *callback, struct call *call, const struct watch *watch)
{
    struct store *store = callback->config.store;
    struct decision *decision = &call->decision;
    struct err err = {0};
    bool wished = false;

    int64_t since_ms = store_now(store).ms - watch->heard_ms;
    if (since_ms >= 0 && since_ms < TIME_HEARD_MS)
        decision->heard = false;
    if (!decision->mark)
        return;
    call->delay_ms = mark_delay(callback, call->mailbox);
    /* What cannot be read may still be written; if not, that is reported. */
    if (is_wished(store, call, &wished, &err))
        decision->mark = !wished;
}

static void forget_place(struct call *call)
{
    free(call->hint);
    call->hint = NULL;
}

static void examine(struct callback *callback, struct call *call)
{
    struct decide_facts facts = {0};
    struct watch watch = {0};
    struct err err = {0};
    size_t len, count = 0;

    identify(callback, call, &facts, &watch);
    if (!decide_unheard(&facts, &call->decision)) {
        const void *body = http_body(call->request, &len);
        facts.parsed =
            notification_parse(body, len, callback->notes, NOTES_MAX, &count, &err) &&
            count > 0;
        decide_compare(callback->notes, count, watch.subscription, &facts);
        call->decision = decide_callback(&facts);
        if (call->decision.mark && !call->decision.folders)
            locate(callback, count, call);
        leave_out(callback, call, &watch);
        if (!call->decision.mark)
            forget_place(call);
    }
}

/* ---- writing down ---- */

static bool writes(const struct call *call)
{
    return call->decision.heard || call->decision.mark || call->decision.end;
}

static bool mark(struct store *store, const struct call *call, struct err *err)
{
    if (call->decision.folders)
        return queue_push(store, call->mailbox, QUEUE_FOLDERS, call->delay_ms, err);
    return queue_push_hint(store, call->mailbox, call->hint, call->delay_ms, err);
}

static bool record_call(struct store *store, const struct call *call, struct err *err)
{
    const struct decision *decision = &call->decision;

    return (!decision->heard || watch_heard(store, call->secret, err)) &&
           (!decision->mark || mark(store, call, err)) &&
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

static void remember_marks(struct callback *callback)
{
    for (size_t i = 0; i < callback->call_count; i++) {
        const struct call *call = &callback->calls[i];
        if (!call->decision.mark)
            continue;
        struct recent *recent = recent_of(callback, call->mailbox);
        memcpy(recent->mailbox, call->mailbox, sizeof recent->mailbox);
        recent->at = loop_now(callback->config.loop);
    }
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
        remember_marks(callback);
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
    if (word != DECIDE_OK) { /* who may be a stranger keeps no place */
        count(callback, "refused", 1);
        http_reply_header(call->request, "Connection", "close");
    }
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
    for (size_t i = 0; i < callback->call_count; i++) {
        forget_place(&callback->calls[i]);
        answer(callback, &callback->calls[i]);
    }
    callback->call_count = 0;
}

void callback_head(struct http_request **request, void *arg)
{
    struct callback *callback = arg;
    struct call call = {.request = *request};
    struct decide_facts facts = {0};
    struct watch watch = {0};

    identify(callback, &call, &facts, &watch);
    if (!decide_unheard(&facts, &call.decision))
        return;
    if (facts.is_post && !facts.known)
        report_stranger(callback, call.request);
    count(callback, "calls", 1);
    answer(callback, &call);
    *request = call.request;
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
