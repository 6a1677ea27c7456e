#include "base/loop_private.h"

#include <stddef.h>

void loop_free(struct loop **loop)
{
    if (*loop)
        (*loop)->ops->free(*loop);
    *loop = NULL;
}

struct mono loop_now(const struct loop *loop)
{
    return loop->ops->now(loop);
}

struct wall loop_wall(const struct loop *loop)
{
    return loop->ops->wall(loop);
}

struct loop_timer *loop_timer_new(struct loop *loop, loop_fn *fn, void *arg)
{
    return loop->ops->timer_new(loop, fn, arg);
}

void loop_timer_set(struct loop_timer *timer, int64_t delay_ms)
{
    timer->loop->ops->timer_set(timer, delay_ms < 0 ? 0 : delay_ms);
}

void loop_timer_stop(struct loop_timer *timer)
{
    timer->loop->ops->timer_stop(timer);
}

bool loop_timer_is_set(const struct loop_timer *timer)
{
    return timer->loop->ops->timer_is_set(timer);
}

void loop_timer_free(struct loop_timer **timer)
{
    if (*timer)
        (*timer)->loop->ops->timer_free(*timer);
    *timer = NULL;
}

void loop_run(struct loop *loop)
{
    loop->ops->run(loop);
}

void loop_stop(struct loop *loop)
{
    loop->ops->stop(loop);
}
