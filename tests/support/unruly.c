#include "tests/support/unruly.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/limits.h"

/* A request on its way; `call` waits for its answer, or nobody does. */
struct errand {
    TAILQ_ENTRY(errand) link;
    struct unruly *unruly;
    struct transport_call *call;
    struct buf request;
    struct loop_timer *timer;
    bool mute;
};

struct transport_call {
    struct unruly *unruly;
    struct transport_request about;
    struct loop_timer *timer; /* the answer, the break, or the time-out */
    struct errand *errand;    /* the one that answers; NULL: it is not on its way any more */
    struct buf answer;
    int status; /* of the answer that came; 0: none */
    bool broken;
};

struct unruly {
    struct loop *loop;
    struct unruly_server server;
    struct rng rng;
    struct unruly_faults faults;
    bool calm; /* trouble comes in bursts */
    unruly_executed_fn *executed;
    void *arg;
    TAILQ_HEAD(, errand) errands;
    long count;
};

struct unruly_end {
    struct transport base;
    struct unruly *unruly;
};

static bool strikes(struct unruly *unruly, int percent)
{
    return percent > 0 && !unruly->calm && (int)rng_below(&unruly->rng, 100) < percent;
}

static void errand_free(struct errand *errand)
{
    TAILQ_REMOVE(&errand->unruly->errands, errand, link);
    if (errand->call)
        errand->call->errand = NULL;
    loop_timer_free(&errand->timer);
    buf_clear(&errand->request);
    free(errand);
}

static void execute(void *arg)
{
    struct errand *errand = arg;
    struct unruly *unruly = errand->unruly;
    struct transport_call *call = errand->call;
    struct buf answer;

    buf_init(&answer, 4 * MIB);
    int status = unruly->server.execute(buf_str(&errand->request), errand->request.len, &answer,
                                        unruly->server.arg);
    unruly->count++;
    unruly->executed(buf_str(&errand->request), unruly->arg);
    if (call && !errand->mute) {
        call->status = status;
        call->answer = answer;
        loop_timer_set(call->timer, 1 + (int64_t)rng_below(&unruly->rng, 20));
    } else {
        buf_clear(&answer);
    }
    errand_free(errand);
}

/* A little, or anything up to a day and a half. */
static int64_t delay(struct unruly *unruly)
{
    if (!strikes(unruly, unruly->faults.late))
        return 1 + (int64_t)rng_below(&unruly->rng, 20);
    return (int64_t)rng_below(&unruly->rng, 1ull << (6 + rng_below(&unruly->rng, 22)));
}

/* What is promised of it: its connection is closed for certain by then. */
static int64_t delay_of_direct(struct unruly *unruly, int64_t timeout_ms)
{
    if (!strikes(unruly, unruly->faults.late))
        return 1 + (int64_t)rng_below(&unruly->rng, 20);
    return (int64_t)rng_below(&unruly->rng,
                              (uint64_t)(timeout_ms + TIME_REQUEST_MARGIN_MS - 1));
}

static void send(struct unruly *unruly, const struct buf *request, struct transport_call *call,
                 int64_t delay_ms)
{
    struct errand *errand = calloc(1, sizeof *errand);

    errand->unruly = unruly;
    errand->call = call;
    errand->mute = strikes(unruly, unruly->faults.mute);
    buf_init(&errand->request, 4 * MIB);
    buf_add(&errand->request, request->data, request->len);
    errand->timer = loop_timer_new(unruly->loop, execute, errand);
    loop_timer_set(errand->timer, delay_ms);
    TAILQ_INSERT_TAIL(&unruly->errands, errand, link);
    if (call)
        call->errand = errand;
}

/* ---- the seam ---- */

static void call_free(struct transport_call *call)
{
    if (call->errand)
        call->errand->call = NULL;
    loop_timer_free(&call->timer);
    buf_clear(&call->answer);
    free(call);
}

static void come_back(void *arg)
{
    struct transport_call *call = arg;
    struct transport_request about = call->about;
    struct transport_reply reply = transport_reply_none();
    struct err err;

    err_clear(&err);
    if (call->status) {
        reply.status = call->status;
        reply.content_type = "text/xml";
        about.bytes(buf_str(&call->answer), call->answer.len, about.arg);
    } else {
        err_set(&err, ERR_UNAVAILABLE, "%s", call->broken ? "it broke" : "no answer in time");
        err.scope = ERR_SCOPE_MAILBOX;
        err.effect = ERR_EFFECT_UNKNOWN;
    }
    call_free(call);
    about.done(&err, &reply, about.arg);
}

static struct transport_call *start(struct transport *base,
                                    const struct transport_request *request)
{
    struct unruly *unruly = ((struct unruly_end *)base)->unruly;
    struct transport_call *call = calloc(1, sizeof *call);
    struct body *body = request->body;
    char piece[4096];
    struct buf whole;

    if (rng_below(&unruly->rng, 6) == 0)
        unruly->calm = !unruly->calm;
    call->unruly = unruly;
    call->about = *request;
    buf_init(&whole, 4 * MIB);
    for (long n; (n = body_read(body, piece, sizeof piece)) > 0;)
        buf_add(&whole, piece, (size_t)n);
    body_free(&body);
    call->timer = loop_timer_new(unruly->loop, come_back, call);
    /* The connection breaks at once, or nothing is heard until the time-out; either way the
     * request is lost, or goes on alone. */
    call->broken = strikes(unruly, unruly->faults.lost);
    loop_timer_set(call->timer, call->broken && strikes(unruly, 50) ? 30 : request->timeout_ms);
    bool direct = unruly->server.is_direct(buf_str(&whole), unruly->server.arg);
    int64_t first = direct ? delay_of_direct(unruly, request->timeout_ms) : delay(unruly);
    if (!call->broken)
        send(unruly, &whole, call, first);
    else if (strikes(unruly, 50))
        send(unruly, &whole, NULL, first);
    if (!direct && strikes(unruly, unruly->faults.twice))
        send(unruly, &whole, NULL, delay(unruly));
    buf_clear(&whole);
    return call;
}

static void end(struct transport *base)
{
    free(base);
}

struct transport *unruly_transport(struct unruly *unruly)
{
    static const struct transport_ops ops = {start, call_free, end};
    struct unruly_end *transport = calloc(1, sizeof *transport);

    transport->base.ops = &ops;
    transport->unruly = unruly;
    return &transport->base;
}

struct unruly *unruly_new(struct loop *loop, const struct unruly_server *server, uint64_t seed,
                          unruly_executed_fn *executed, void *arg)
{
    struct unruly *unruly = calloc(1, sizeof *unruly);

    unruly->loop = loop;
    unruly->server = *server;
    unruly->rng = rng_seed(seed);
    unruly->executed = executed;
    unruly->arg = arg;
    TAILQ_INIT(&unruly->errands);
    return unruly;
}

void unruly_free(struct unruly **unruly)
{
    struct errand *next;

    if (!*unruly)
        return;
    for (struct errand *errand = TAILQ_FIRST(&(*unruly)->errands); errand; errand = next) {
        next = TAILQ_NEXT(errand, link);
        errand_free(errand);
    }
    free(*unruly);
    *unruly = NULL;
}

void unruly_set_faults(struct unruly *unruly, const struct unruly_faults *faults)
{
    unruly->faults = *faults;
    unruly->calm = false;
}

int unruly_flush(struct unruly *unruly)
{
    int count = 0;

    for (; !TAILQ_EMPTY(&unruly->errands); count++) {
        struct errand *errand = TAILQ_FIRST(&unruly->errands);
        for (uint64_t skip = rng_below(&unruly->rng, 8); skip && TAILQ_NEXT(errand, link);
             skip--)
            errand = TAILQ_NEXT(errand, link);
        execute(errand);
    }
    return count;
}

long unruly_executed(const struct unruly *unruly)
{
    return unruly->count;
}
