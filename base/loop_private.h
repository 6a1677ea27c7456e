/* What the two implementations of the loop fill in. Only loop*.c include this. */
#ifndef SIB_BASE_LOOP_PRIVATE_H
#define SIB_BASE_LOOP_PRIVATE_H

#include "base/loop.h"

struct loop_ops {
    struct mono (*now)(const struct loop *);
    struct wall (*wall)(const struct loop *);
    struct loop_timer *(*timer_new)(struct loop *, loop_fn *, void *);
    void (*timer_set)(struct loop_timer *, int64_t);
    void (*timer_stop)(struct loop_timer *);
    bool (*timer_is_set)(const struct loop_timer *);
    void (*timer_free)(struct loop_timer *);
    void (*run)(struct loop *);
    void (*stop)(struct loop *);
    void (*free)(struct loop *);
};

struct loop {
    const struct loop_ops *ops;
};

/* The first member of each implementation's timer. */
struct loop_timer {
    struct loop *loop;
};

#endif
