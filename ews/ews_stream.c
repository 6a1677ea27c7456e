#include "ews/ews_stream.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/id.h"
#include "base/text.h"
#include "ews/envelopes.h"
#include "ews/ews_error.h"
#include "ews/ews_names.h"
#include "ews/ews_private.h"
#include "ews/request.h"
#include "ews/response_stream.h"

enum { OPEN_MS = TIME_STREAM_MIN * 60 * 1000 + 2 * TIME_STREAM_BEAT_MS };

static_assert(TIME_STREAM_MIN >= 1 && TIME_STREAM_MIN <= 30, "as the schema has it");

struct ews_stream {
    struct remote_stream base;
    struct ews_account *account;
    struct affinity affinity;
    remote_stream_fn *fn;
    void *arg;
    struct opening *opening; /* NULL: not open */
};

/* One connection, from open to its last word or to close. */
struct opening {
    struct ews_stream *stream; /* NULL: closed, and freed when nothing is inside any more */
    struct ews_account *account;
    struct autodiscover_wait *server_wait; /* one of these three is under way */
    struct oauth_wait *token_wait;
    struct transport_call *call;
    struct body *body; /* until it is sent */
    long token;        /* which one went along */
    struct envelopes *envelopes;
    struct loop_timer *watchdog, *failing;
    int inside; /* callbacks of ours that run for it */
    bool said_open, said_closed;
    struct err err; /* why it ends, when we end it */
    char request_id[LIMIT_UUID];
};

static void opening_free(struct opening *opening)
{
    envelopes_free(&opening->envelopes);
    body_free(&opening->body);
    loop_timer_free(&opening->watchdog);
    loop_timer_free(&opening->failing);
    free(opening);
}

/* Nothing is heard of it any more. */
static void opening_leave(struct opening *opening)
{
    if (!opening->stream)
        return;
    opening->stream->opening = NULL;
    opening->stream = NULL;
    opening->account->streams--;
    autodiscover_cancel(&opening->server_wait);
    oauth_wait_cancel(&opening->token_wait);
    if (opening->call)
        opening->account->transport->ops->cancel(opening->call);
    opening->call = NULL;
    loop_timer_stop(opening->watchdog);
    loop_timer_stop(opening->failing);
    if (opening->inside == 0)
        opening_free(opening);
}

static void opening_enter(struct opening *opening)
{
    opening->inside++;
}

/* False: it was closed meanwhile, and is gone. */
static bool opening_exit(struct opening *opening)
{
    opening->inside--;
    if (opening->stream)
        return true;
    if (opening->inside == 0)
        opening_free(opening);
    return false;
}

/* The last word. */
static void end(struct opening *opening, const struct err *err)
{
    struct ews_stream *stream = opening->stream;
    struct log_ctx ctx = {&opening->account->log, "mailbox", stream->affinity.anchor};
    struct err copy = *err;

    log_debug(&ctx, "stream ended: %s", err->kind == ERR_OK ? "its time is over" : err->text);
    opening_leave(opening);
    stream->fn(REMOTE_STREAM_ENDED, NULL, NULL, &copy, stream->arg);
}

/* ---- what arrives ---- */

static bool say(struct opening *opening, enum remote_stream_word word, const char *subscription,
                const struct remote_where *where)
{
    struct ews_stream *stream = opening->stream;
    struct err none;

    if (!stream)
        return false;
    err_clear(&none);
    stream->fn(word, subscription, where, &none, stream->arg);
    return opening->stream != NULL;
}

static bool on_subscription(const char *subscription, enum response_stream_word word,
                            const struct remote_where *where, void *arg)
{
    static const enum remote_stream_word words[] = {
        [STREAMED_CHANGE] = REMOTE_STREAM_CHANGED,
        [STREAMED_FOLDERS] = REMOTE_STREAM_FOLDERS,
        [STREAMED_LOSS] = REMOTE_STREAM_LOST,
    };

    return say(arg, words[word], subscription, where);
}

static bool on_envelope(const struct xml_node *root, void *arg)
{
    struct opening *opening = arg;
    bool closed, lost;
    struct err err;

    err_clear(&err);
    if (!opening->said_open && !xml_find(root, EWS_NS_SOAP, "Fault") &&
        strcmp(xml_text(xml_find(root, EWS_NS_MESSAGES, "ResponseCode")), "NoError") == 0) {
        opening->said_open = true;
        if (!say(opening, REMOTE_STREAM_OPEN, NULL, NULL))
            return false;
    }
    bool ok = response_stream(root, on_subscription, opening, &closed, &lost, &err);
    if (!opening->stream)
        return false;
    opening->said_closed = ok && closed;
    if (!ok)
        opening->err = err;
    return ok && !closed;
}

static bool on_bytes(const void *bytes, size_t len, void *arg)
{
    struct opening *opening = arg;
    struct err err;

    err_clear(&err);
    loop_timer_set(opening->watchdog, TIME_STREAM_BEAT_MS);
    opening_enter(opening);
    bool ok = envelopes_feed(opening->envelopes, bytes, len, &err);
    if (!opening_exit(opening))
        return false;
    if (!ok && !opening->said_closed && opening->err.kind == ERR_OK)
        opening->err = err;
    return ok;
}

/* Does the HTTP answer say more than what was read of it? */
static bool http_explains(const struct opening *opening, const struct err *transport_err,
                          const struct transport_reply *reply)
{
    bool unread = opening->err.kind == ERR_OK && transport_err->kind == ERR_OK;
    if (reply->status != 0 && reply->status != 200)
        return opening->err.kind == ERR_OK || !opening->err.code[0];
    return !opening->said_open &&
           (unread || strncasecmp(reply->content_type, "text/html", 9) == 0);
}

/* What the end of the connection means. */
static void judge(const struct opening *opening, const struct err *transport_err,
                  const struct transport_reply *reply, struct err *err)
{
    err_clear(err);
    if (opening->said_closed)
        return;
    if (http_explains(opening, transport_err, reply))
        ews_error_from_http(err, reply->status, reply->content_type, reply->retry_after_ms);
    else if (opening->err.kind != ERR_OK)
        *err = opening->err;
    else if (transport_err->kind != ERR_OK)
        *err = *transport_err;
    else
        err_set(err, ERR_UNAVAILABLE, "Exchange ended a stream %s",
                envelopes_at_rest(opening->envelopes) ? "before its time"
                                                      : "in the middle of an envelope");
    err->effect = ERR_EFFECT_NONE;
}

static void on_done(const struct err *transport_err, const struct transport_reply *reply,
                    void *arg)
{
    struct opening *opening = arg;
    struct err err;

    opening->call = NULL;
    affinity_take(&opening->stream->affinity, reply->cookies);
    if (reply->status == 401 && opening->account->oauth)
        oauth_refused(opening->account->oauth, opening->token);
    judge(opening, transport_err, reply, &err);
    end(opening, &err);
}

static void on_silence(void *arg)
{
    struct opening *opening = arg;
    struct err err;

    err_set(&err, ERR_UNAVAILABLE,
            "a stream of Exchange gave no sign of life for %d s (it should every 45 s)",
            TIME_STREAM_BEAT_MS / 1000);
    err.scope = ERR_SCOPE_ACCOUNT;
    end(opening, &err);
}

static void on_failing(void *arg)
{
    struct opening *opening = arg;
    struct err err = opening->err;

    end(opening, &err);
}

/* ---- opening ---- */

static struct body *build_request(struct ews_stream *stream, const char *const *subscriptions,
                                  size_t count)
{
    struct buf request;
    struct soap_header header = ews_account_header(stream->account, stream->affinity.anchor);

    buf_init(&request, LIMIT_REQUEST_BYTES);
    request_stream(&request, &header, subscriptions, count, TIME_STREAM_MIN);
    return body_from_buf(&request);
}

static void fail_later(struct opening *opening, const char *what)
{
    err_set(&opening->err, ERR_SYSTEM, "%s", what);
    loop_timer_set(opening->failing, 0);
}

/* bearer: the token, NULL without OAuth. */
static void send(struct opening *opening, const char *bearer)
{
    struct ews_stream *stream = opening->stream;
    struct ews_account *account = opening->account;
    const struct transport_request request = {
        .account = &account->config.auth,
        .url = ews_account_url(account, stream->affinity.anchor),
        .bearer = bearer,
        .anchor_mailbox = stream->affinity.anchor,
        .prefer_affinity = true,
        .cookies = stream->affinity.cookies,
        .request_id = opening->request_id,
        .timeout_ms = OPEN_MS,
        .body = opening->body,
        .bytes = on_bytes,
        .done = on_done,
        .arg = opening,
    };

    opening->body = NULL;
    loop_timer_set(opening->watchdog, TIME_STREAM_BEAT_MS);
    opening->call = account->transport->ops->start(account->transport, &request);
    if (!opening->call)
        fail_later(opening, "no memory for a stream");
}

static void on_token(const struct err *err, void *arg)
{
    struct opening *opening = arg;
    const char *bearer = NULL;
    struct err failed = *err;

    opening->token_wait = NULL;
    if (err->kind == ERR_OK) {
        bearer = oauth_token(opening->account->oauth, &opening->token);
        err_set(&failed, ERR_TEMPORARY, "the token for Exchange ended before it was used");
    }
    if (bearer)
        send(opening, bearer);
    else
        end(opening, &failed);
}

static void send_signed(struct opening *opening)
{
    struct oauth *oauth = opening->account->oauth;
    const char *bearer = oauth ? oauth_token(oauth, &opening->token) : NULL;

    if (bearer || !oauth) {
        send(opening, bearer);
        return;
    }
    opening->token_wait = oauth_wait(oauth, on_token, opening);
    if (!opening->token_wait)
        fail_later(opening, "no memory for a stream");
}

static void on_server(const struct err *err, const char *url, void *arg)
{
    struct opening *opening = arg;

    (void)url;
    opening->server_wait = NULL;
    if (err->kind == ERR_OK)
        send_signed(opening);
    else
        end(opening, err);
}

/* The server of the anchor, then a token, then the request. */
static void start(struct opening *opening)
{
    struct autodiscover *autodiscover = opening->account->autodiscover;
    const char *anchor = opening->stream->affinity.anchor;

    if (!autodiscover || autodiscover_url(autodiscover, anchor)) {
        send_signed(opening);
        return;
    }
    opening->server_wait = autodiscover_find(autodiscover, anchor, on_server, opening);
    if (!opening->server_wait)
        fail_later(opening, "no memory for a stream");
}

static struct opening *opening_new(struct ews_stream *stream)
{
    static const struct xml_limits each = {.max_bytes = LIMIT_STREAM_BYTES,
                                           .max_depth = LIMIT_XML_DEPTH,
                                           .max_nodes = LIMIT_STREAM_NODES};
    struct opening *opening = calloc(1, sizeof *opening);

    if (!opening)
        return NULL;
    opening->account = stream->account;
    opening->stream = stream;
    id_new(opening->request_id);
    err_clear(&opening->err);
    opening->envelopes = envelopes_new(&each, on_envelope, opening);
    opening->watchdog = loop_timer_new(stream->account->loop, on_silence, opening);
    opening->failing = loop_timer_new(stream->account->loop, on_failing, opening);
    if (opening->envelopes && opening->watchdog && opening->failing)
        return opening;
    opening_free(opening);
    return NULL;
}

static void stream_close(struct remote_stream *base)
{
    struct ews_stream *stream = (struct ews_stream *)base;

    if (stream->opening)
        opening_leave(stream->opening);
}

static bool stream_open(struct remote_stream *base, const char *const *subscriptions,
                        size_t count, struct err *err)
{
    struct ews_stream *stream = (struct ews_stream *)base;
    struct ews_account *account = stream->account;

    stream_close(base);
    assert(count > 0 && count <= LIMIT_STREAM_MAILBOXES);
    if (account->streams >= LIMIT_STREAMS)
        return err_set(err, ERR_TEMPORARY, "Exchange %s has %d streams already",
                       account->config.name, LIMIT_STREAMS);
    struct body *body = build_request(stream, subscriptions, count);
    stream->opening = body ? opening_new(stream) : NULL;
    if (!stream->opening) {
        body_free(&body);
        return err_set(err, ERR_SYSTEM, "no memory for a stream");
    }
    account->streams++;
    stream->opening->body = body;
    start(stream->opening);
    return true;
}

/* ---- the group ---- */

static void stream_free(struct remote_stream *base)
{
    stream_close(base);
    free(base);
}

struct remote_stream *ews_stream_new(struct ews_account *account, const char *anchor,
                                     remote_stream_fn *fn, void *arg)
{
    static const struct remote_stream_ops ops = {stream_open, stream_close, stream_free};
    struct ews_stream *stream = calloc(1, sizeof *stream);

    if (!stream)
        return NULL;
    stream->base.ops = &ops;
    stream->account = account;
    stream->fn = fn;
    stream->arg = arg;
    text_copy(stream->affinity.anchor, sizeof stream->affinity.anchor, anchor);
    return &stream->base;
}

struct affinity *ews_stream_affinity(struct remote_stream *base, const char *address)
{
    struct ews_stream *stream = (struct ews_stream *)base;

    if (!stream)
        return NULL;
    if (!stream->affinity.anchor[0])
        text_copy(stream->affinity.anchor, sizeof stream->affinity.anchor, address);
    return &stream->affinity;
}
