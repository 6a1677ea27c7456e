/* The loop over libevent. */
#include "base/loop_private.h"

#include <stdlib.h>

#include <event2/event.h>
#include <event2/event_struct.h>

struct system_loop {
    struct loop base;
    struct event_base *events;
};

struct system_timer {
    struct loop_timer base;
    struct event *event;
    loop_fn *fn;
    void *arg;
};

struct loop_watch {
    struct event_base *events;
    struct event *event;
    int fd;
    loop_watch_fn *fn;
    loop_fn *signal_fn;
    void *arg;
};

static const struct loop_ops system_ops;

static struct event_base *events_of(struct loop *loop)
{
    return loop->ops == &system_ops ? ((struct system_loop *)loop)->events : NULL;
}

struct loop *loop_system_new(struct err *err)
{
    struct system_loop *loop = calloc(1, sizeof *loop);

    if (loop) {
        loop->base.ops = &system_ops;
        loop->events = event_base_new();
    }
    if (!loop || !loop->events) {
        free(loop);
        err_set(err, ERR_SYSTEM, "cannot make an event loop");
        return NULL;
    }
    return &loop->base;
}

static struct mono system_now(const struct loop *loop)
{
    (void)loop;
    return clock_mono();
}

static struct wall system_wall(const struct loop *loop)
{
    (void)loop;
    return clock_wall();
}

static void timer_fired(evutil_socket_t fd, short what, void *arg)
{
    struct system_timer *timer = arg;

    (void)fd;
    (void)what;
    timer->fn(timer->arg);
}

static struct loop_timer *system_timer_new(struct loop *loop, loop_fn *fn, void *arg)
{
    struct system_timer *timer = calloc(1, sizeof *timer);
    if (!timer)
        return NULL;
    timer->base.loop = loop;
    timer->fn = fn;
    timer->arg = arg;
    timer->event = event_new(events_of(loop), -1, 0, timer_fired, timer);
    if (!timer->event) {
        free(timer);
        return NULL;
    }
    return &timer->base;
}

static void system_timer_set(struct loop_timer *timer, int64_t delay_ms)
{
    struct timeval tv = {.tv_sec = (time_t)(delay_ms / 1000),
                         .tv_usec = (suseconds_t)(delay_ms % 1000 * 1000)};

    event_add(((struct system_timer *)timer)->event, &tv);
}

static void system_timer_stop(struct loop_timer *timer)
{
    event_del(((struct system_timer *)timer)->event);
}

static bool system_timer_is_set(const struct loop_timer *timer)
{
    return event_pending(((const struct system_timer *)timer)->event, EV_TIMEOUT, NULL) != 0;
}

static void system_timer_free(struct loop_timer *timer)
{
    event_free(((struct system_timer *)timer)->event);
    free(timer);
}

static void system_run(struct loop *loop)
{
    event_base_loop(events_of(loop), EVLOOP_NO_EXIT_ON_EMPTY);
}

static void system_stop(struct loop *loop)
{
    event_base_loopbreak(events_of(loop));
}

static void system_free(struct loop *loop)
{
    event_base_free(events_of(loop));
    free(loop);
}

static const struct loop_ops system_ops = {
    .now = system_now,
    .wall = system_wall,
    .timer_new = system_timer_new,
    .timer_set = system_timer_set,
    .timer_stop = system_timer_stop,
    .timer_is_set = system_timer_is_set,
    .timer_free = system_timer_free,
    .run = system_run,
    .stop = system_stop,
    .free = system_free,
};

static void watch_fired(evutil_socket_t fd, short what, void *arg)
{
    struct loop_watch *watch = arg;

    if (what & EV_SIGNAL)
        watch->signal_fn(watch->arg);
    else
        watch->fn((int)fd,
                  (what & EV_READ ? LOOP_READ : 0) | (what & EV_WRITE ? LOOP_WRITE : 0),
                  watch->arg);
}

static short event_flags(int want)
{
    return (short)(EV_PERSIST | (want & LOOP_READ ? EV_READ : 0) |
                   (want & LOOP_WRITE ? EV_WRITE : 0));
}

struct loop_watch *loop_watch_new(struct loop *loop, int fd, int want, loop_watch_fn *fn,
                                  void *arg)
{
    struct event_base *events = events_of(loop);
    struct loop_watch *watch = events ? calloc(1, sizeof *watch) : NULL;

    if (!watch)
        return NULL;
    watch->events = events;
    watch->fd = fd;
    watch->fn = fn;
    watch->arg = arg;
    watch->event = event_new(events, fd, event_flags(want), watch_fired, watch);
    if (!watch->event) {
        free(watch);
        return NULL;
    }
    if (want)
        event_add(watch->event, NULL);
    return watch;
}

void loop_watch_want(struct loop_watch *watch, int want)
{
    event_del(watch->event);
    event_assign(watch->event, watch->events, watch->fd, event_flags(want), watch_fired, watch);
    if (want)
        event_add(watch->event, NULL);
}

struct loop_watch *loop_signal_new(struct loop *loop, int signo, loop_fn *fn, void *arg)
{
    struct event_base *events = events_of(loop);
    struct loop_watch *watch = events ? calloc(1, sizeof *watch) : NULL;

    if (!watch)
        return NULL;
    watch->events = events;
    watch->fd = signo;
    watch->signal_fn = fn;
    watch->arg = arg;
    watch->event = evsignal_new(events, signo, watch_fired, watch);
    if (!watch->event) {
        free(watch);
        return NULL;
    }
    event_add(watch->event, NULL);
    return watch;
}

void loop_watch_free(struct loop_watch **watch)
{
    if (*watch) {
        event_free((*watch)->event);
        free(*watch);
    }
    *watch = NULL;
}
