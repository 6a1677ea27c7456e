/* The loop on virtual time: timers in order of their time, then of their setting. */
#include "base/loop_private.h"

#include <assert.h>
#include <stdlib.h>

struct virtual_timer {
    struct loop_timer base;
    loop_fn *fn;
    void *arg;
    int64_t due_ms;
    uint64_t order;             /* of setting: ties run first come, first served */
    struct virtual_timer *next; /* in the list of set timers, sorted */
    bool set;
};

struct virtual_loop {
    struct loop base;
    struct mono now;
    struct wall wall;
    struct virtual_timer *first;
    uint64_t order;
    bool stopped;
};

static const struct loop_ops virtual_ops;

static struct virtual_loop *virtual_of(struct loop *loop)
{
    assert(loop->ops == &virtual_ops);
    return (struct virtual_loop *)loop;
}

struct loop *loop_virtual_new(struct wall start)
{
    struct virtual_loop *loop = calloc(1, sizeof *loop);
    if (!loop)
        return NULL;
    loop->base.ops = &virtual_ops;
    loop->wall = start;
    loop->now.ms = 1000; /* not zero, which elsewhere means "never" */
    return &loop->base;
}

static struct mono virtual_now(const struct loop *loop)
{
    return ((const struct virtual_loop *)loop)->now;
}

static struct wall virtual_wall(const struct loop *loop)
{
    return ((const struct virtual_loop *)loop)->wall;
}

static struct loop_timer *virtual_timer_new(struct loop *loop, loop_fn *fn, void *arg)
{
    struct virtual_timer *timer = calloc(1, sizeof *timer);
    if (!timer)
        return NULL;
    timer->base.loop = loop;
    timer->fn = fn;
    timer->arg = arg;
    return &timer->base;
}

static void virtual_timer_stop(struct loop_timer *base)
{
    struct virtual_timer *timer = (struct virtual_timer *)base;

    if (!timer->set)
        return;
    struct virtual_timer **at = &virtual_of(base->loop)->first;
    while (*at != timer)
        at = &(*at)->next;
    *at = timer->next;
    timer->set = false;
}

static void virtual_timer_set(struct loop_timer *base, int64_t delay_ms)
{
    struct virtual_timer *timer = (struct virtual_timer *)base;
    struct virtual_loop *loop = virtual_of(base->loop);

    virtual_timer_stop(base);
    timer->due_ms = loop->now.ms + delay_ms;
    timer->order = loop->order++;
    struct virtual_timer **at = &loop->first;
    while (*at && (*at)->due_ms <= timer->due_ms)
        at = &(*at)->next;
    timer->next = *at;
    *at = timer;
    timer->set = true;
}

static bool virtual_timer_is_set(const struct loop_timer *base)
{
    return ((const struct virtual_timer *)base)->set;
}

static void virtual_timer_free(struct loop_timer *base)
{
    virtual_timer_stop(base);
    free(base);
}

static void advance(struct virtual_loop *loop, int64_t to_ms)
{
    if (to_ms > loop->now.ms) {
        loop->wall.ms += to_ms - loop->now.ms;
        loop->now.ms = to_ms;
    }
}

/* Take the first timer that is due by `until_ms`, move the time to it, and run it. */
static bool run_next(struct virtual_loop *loop, int64_t until_ms)
{
    struct virtual_timer *timer = loop->first;

    if (!timer || timer->due_ms > until_ms)
        return false;
    loop->first = timer->next;
    timer->set = false;
    advance(loop, timer->due_ms);
    timer->fn(timer->arg);
    return true;
}

long loop_virtual_run(struct loop *base, int64_t ms)
{
    struct virtual_loop *loop = virtual_of(base);
    int64_t until = loop->now.ms + ms;
    long ran = 0;

    while (run_next(loop, until))
        ran++;
    advance(loop, until);
    return ran;
}

int64_t loop_virtual_settle(struct loop *base, int64_t limit_ms)
{
    struct virtual_loop *loop = virtual_of(base);
    int64_t start = loop->now.ms;

    while (run_next(loop, start + limit_ms)) {
    }
    return loop->now.ms - start;
}

void loop_virtual_stall(struct loop *base, int64_t ms)
{
    struct virtual_loop *loop = virtual_of(base);

    advance(loop, loop->now.ms + ms);
}

void loop_virtual_jump_wall(struct loop *base, int64_t ms)
{
    virtual_of(base)->wall.ms += ms;
}

static void virtual_run_loop(struct loop *base)
{
    struct virtual_loop *loop = virtual_of(base);

    loop->stopped = false;
    while (!loop->stopped && loop->first && run_next(loop, loop->first->due_ms)) {
    }
}

static void virtual_stop(struct loop *base)
{
    virtual_of(base)->stopped = true;
}

static void virtual_free(struct loop *base)
{
    free(base);
}

static const struct loop_ops virtual_ops = {
    .now = virtual_now,
    .wall = virtual_wall,
    .timer_new = virtual_timer_new,
    .timer_set = virtual_timer_set,
    .timer_stop = virtual_timer_stop,
    .timer_is_set = virtual_timer_is_set,
    .timer_free = virtual_timer_free,
    .run = virtual_run_loop,
    .stop = virtual_stop,
    .free = virtual_free,
};
