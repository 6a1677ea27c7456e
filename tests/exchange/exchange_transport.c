#include "tests/exchange/exchange_transport.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "tests/exchange/exchange_stream.h"

struct memory_transport {
    struct transport base;
    struct loop *loop;
    struct exchange *ex;
    int64_t latency_ms;
    bool down;
    exchange_transport_look_fn *look;
    void *look_arg;
    struct transport_call *calls;
};

/* A request on its way there, kept back there, or its answer on its way back. */
enum way { WAY_THERE, WAY_KEPT, WAY_BACK, WAY_STREAM };

struct transport_call {
    struct transport_call *next;
    struct memory_transport *transport;
    struct transport_request about; /* strings and body are not ours any more */
    struct exchange_request *request;
    struct exchange_answer answer;
    struct exchange_stream *stream; /* the answer goes on */
    struct err err;                 /* decided before it began; ERR_OK: none */
    enum way way;
    bool login_refused;
    bool given_up; /* nobody waits: executed perhaps, answered never */
    bool in_bytes; /* inside the caller's `bytes`: a cancel waits for its return */
    struct loop_timer *step, *timeout;
    struct mono deadline;
};

static void free_call(struct transport_call *call)
{
    for (struct transport_call **at = &call->transport->calls; *at; at = &(*at)->next)
        if (*at == call) {
            *at = call->next;
            break;
        }
    loop_timer_free(&call->step);
    loop_timer_free(&call->timeout);
    exchange_request_free(&call->request);
    exchange_answer_clear(&call->answer);
    exchange_stream_free(&call->stream);
    free(call);
}

/* The last word to the caller. */
static void finish(struct transport_call *call, const struct err *err,
                   const struct transport_reply *reply)
{
    struct transport_request about = call->about;
    struct err copy = *err;
    free_call(call);
    about.done(&copy, reply, about.arg);
}

static void finish_without(struct transport_call *call, const struct err *err)
{
    const struct transport_reply none = transport_reply_none();
    finish(call, err, &none);
}

static void finish_broken(struct transport_call *call, enum err_effect effect,
                          const char *words)
{
    struct err err;
    err_set(&err, ERR_UNAVAILABLE, "%s", words);
    err.scope = effect == ERR_EFFECT_NONE ? ERR_SCOPE_ACCOUNT : ERR_SCOPE_MAILBOX;
    err.effect = effect;
    finish_without(call, &err);
}

/* Hands bytes over in pieces. False: the call has ended meanwhile. */
static bool hand_over(struct transport_call *call, const char *bytes, size_t len)
{
    enum { PIECE = 16 * 1024 };
    struct err err;
    for (size_t at = 0; at < len; at += PIECE) {
        size_t n = len - at < PIECE ? len - at : PIECE;
        call->in_bytes = true;
        bool go_on = call->about.bytes(bytes + at, n, call->about.arg);
        call->in_bytes = false;
        if (call->given_up) {
            free_call(call);
            return false;
        }
        if (!go_on) {
            err_set(&err, ERR_CANCELLED, "reading the answer of Exchange was stopped");
            err.effect = ERR_EFFECT_UNKNOWN;
            finish_without(call, &err);
            return false;
        }
    }
    return true;
}

static void finish_whole(struct transport_call *call)
{
    struct err err;
    err_clear(&err);
    struct transport_reply reply = transport_reply_none();
    reply.status = call->answer.status;
    reply.content_type = call->answer.type ? call->answer.type : "";
    reply.retry_after_ms = call->answer.retry_after_ms;
    reply.date = loop_wall(call->transport->loop);
    finish(call, &err, &reply);
}

static void on_stream(enum exchange_stream_word word, const char *bytes, size_t len, void *arg)
{
    struct transport_call *call = arg;
    if (!hand_over(call, bytes, len))
        return;
    if (word == EXCHANGE_STREAM_END)
        finish_whole(call);
    else if (word == EXCHANGE_STREAM_CUT)
        finish_broken(call, ERR_EFFECT_UNKNOWN, "the connection to Exchange broke");
}

static void come_back(struct transport_call *call)
{
    if (call->answer.dropped) {
        finish_broken(call, ERR_EFFECT_UNKNOWN,
                      "the connection to Exchange broke before it answered");
        return;
    }
    struct exchange_stream *stream = call->answer.stream;
    call->answer.stream = NULL;
    call->stream = stream;
    if (!hand_over(call, buf_str(&call->answer.body), call->answer.body.len))
        return;
    if (!stream) {
        finish_whole(call);
        return;
    }
    call->way = WAY_STREAM;
    exchange_stream_attach(stream, on_stream, call);
}

static void arrive(struct transport_call *call)
{
    int64_t back_ms = call->transport->latency_ms - call->transport->latency_ms / 2;
    if (call->login_refused) {
        call->answer =
            (struct exchange_answer){.status = 401, .type = "", .retry_after_ms = -1};
        buf_init(&call->answer.body, 1);
    } else {
        int64_t late_ms = call->way == WAY_THERE ? exchange_request_late(call->request) : 0;
        if (late_ms > 0) {
            call->way = WAY_KEPT;
            loop_timer_set(call->step, late_ms);
            return;
        }
        exchange_request_end(&call->request, &call->answer);
    }
    call->way = WAY_BACK;
    if (call->given_up)
        free_call(call);
    else
        loop_timer_set(call->step, back_ms + call->answer.delay_ms);
}

static void on_step(void *arg)
{
    struct transport_call *call = arg;
    if (call->err.kind != ERR_OK) {
        struct err err = call->err;
        finish_without(call, &err);
    } else if (call->way == WAY_BACK) {
        come_back(call);
    } else if (call->transport->ex) {
        arrive(call);
    } else if (call->given_up) {
        free_call(call);
    } else {
        finish_broken(call, ERR_EFFECT_UNKNOWN, "the connection to Exchange broke");
    }
}

/* A request that nobody waits for any more is still executed if it gets there while the bound
 * on requests in flight has not passed; afterwards its connection is closed for certain. */
static void on_bound(void *arg)
{
    free_call(arg);
}

static void give_up(struct transport_call *call)
{
    call->given_up = true;
    if (call->in_bytes)
        return;
    if (call->way >= WAY_BACK || call->err.kind != ERR_OK) {
        free_call(call);
        return;
    }
    int64_t left = mono_since(call->deadline, loop_now(call->transport->loop));
    loop_timer_free(&call->timeout);
    call->timeout = loop_timer_new(call->transport->loop, on_bound, call);
    loop_timer_set(call->timeout, (left > 0 ? left : 0) + TIME_REQUEST_MARGIN_MS - 1);
}

static void on_timeout(void *arg)
{
    struct transport_call *call = arg;
    struct transport_request about = call->about;
    struct err err;
    give_up(call);
    err_set(&err, ERR_UNAVAILABLE, "no answer from Exchange within %ld s",
            (long)(about.timeout_ms / 1000));
    err.scope = ERR_SCOPE_MAILBOX;
    err.effect = ERR_EFFECT_UNKNOWN;
    const struct transport_reply none = transport_reply_none();
    about.done(&err, &none, about.arg);
}

/* The body is read at once: its file may be gone later. */
static bool read_body(struct transport_call *call, struct body *body)
{
    struct memory_transport *transport = call->transport;
    struct buf whole;
    char piece[16 * 1024];
    long n;
    buf_init(&whole, EXCHANGE_REQUEST_MAX);
    while ((n = body_read(body, piece, sizeof piece)) > 0) {
        exchange_request_feed(call->request, piece, (size_t)n);
        if (transport->look)
            buf_add(&whole, piece, (size_t)n);
    }
    if (n == 0 && transport->look)
        transport->look(buf_str(&whole), whole.len, transport->look_arg);
    buf_clear(&whole);
    return n == 0;
}

static void prepare(struct transport_call *call, const struct transport_request *request)
{
    struct memory_transport *transport = call->transport;
    const struct transport_account *account = request->account;
    const char *user = account && account->user ? account->user : "";
    const char *password = account && account->password ? account->password : "";
    err_clear(&call->err);
    if (!transport->down && transport->ex)
        call->request = exchange_request_new(transport->ex, user);
    if (!call->request) {
        err_set(&call->err, ERR_UNAVAILABLE, "Exchange refuses the connection");
        call->err.scope = ERR_SCOPE_ACCOUNT;
        return;
    }
    exchange_request_at(call->request, request->url);
    call->login_refused = !exchange_may_log_in(transport->ex, user, password);
    if (!read_body(call, request->body))
        err_set(&call->err, ERR_IO, "the audio of the message could not be read to its end");
}

static struct transport_call *start(struct transport *base,
                                    const struct transport_request *request)
{
    struct memory_transport *transport = (struct memory_transport *)base;
    struct transport_call *call = calloc(1, sizeof *call);
    struct body *body = request->body;
    if (!call) {
        body_free(&body);
        return NULL;
    }
    call->transport = transport;
    call->about = *request;
    prepare(call, request);
    body_free(&body);
    call->about.body = NULL;
    call->about.account = NULL;
    call->next = transport->calls;
    transport->calls = call;
    call->deadline = mono_add(loop_now(transport->loop), request->timeout_ms);
    call->step = loop_timer_new(transport->loop, on_step, call);
    call->timeout = loop_timer_new(transport->loop, on_timeout, call);
    loop_timer_set(call->step, transport->latency_ms / 2);
    if (request->timeout_ms > 0)
        loop_timer_set(call->timeout, request->timeout_ms);
    return call;
}

static void cancel(struct transport_call *call)
{
    give_up(call);
}

static void free_transport(struct transport *base)
{
    struct memory_transport *transport = (struct memory_transport *)base;
    while (transport->calls)
        free_call(transport->calls);
    free(transport);
}

static const struct transport_ops memory_ops = {
    .start = start, .cancel = cancel, .free = free_transport};

struct transport *exchange_transport_new(struct loop *loop, struct exchange *ex,
                                         int64_t latency_ms, struct err *err)
{
    struct memory_transport *transport = calloc(1, sizeof *transport);
    if (!transport) {
        err_set(err, ERR_SYSTEM, "no memory for a transport");
        return NULL;
    }
    transport->base.ops = &memory_ops;
    transport->loop = loop;
    transport->ex = ex;
    transport->latency_ms = latency_ms;
    return &transport->base;
}

void exchange_transport_set_latency(struct transport *transport, int64_t latency_ms)
{
    ((struct memory_transport *)transport)->latency_ms = latency_ms;
}

/* What is under way breaks: a request that was not executed yet is lost, an answer too. */
static void break_all(struct memory_transport *transport)
{
    for (struct transport_call *call = transport->calls, *next; call; call = next) {
        next = call->next;
        if (call->given_up) {
            free_call(call);
            continue;
        }
        exchange_request_free(&call->request);
        exchange_stream_free(&call->stream);
        exchange_stream_free(&call->answer.stream);
        err_set(&call->err, ERR_UNAVAILABLE, "the connection to Exchange broke");
        call->err.scope = ERR_SCOPE_MAILBOX;
        call->err.effect = ERR_EFFECT_UNKNOWN;
        loop_timer_set(call->step, 0);
    }
}

void exchange_transport_set_down(struct transport *transport, bool down)
{
    struct memory_transport *memory = (struct memory_transport *)transport;
    memory->down = down;
    if (down)
        break_all(memory);
}

void exchange_transport_set_exchange(struct transport *transport, struct exchange *ex)
{
    struct memory_transport *memory = (struct memory_transport *)transport;
    if (ex != memory->ex)
        break_all(memory);
    memory->ex = ex;
}

void exchange_transport_set_look(struct transport *transport, exchange_transport_look_fn *fn,
                                 void *arg)
{
    struct memory_transport *memory = (struct memory_transport *)transport;
    memory->look = fn;
    memory->look_arg = arg;
}
