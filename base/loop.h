/* The one loop: time, timers, descriptors, deferred calls.  (A seam.)
 *
 * Two implementations: loop_system_new (libevent) and loop_virtual_new (no descriptors; time
 * moves only when loop_virtual_run says so). Nothing above can tell which one it runs on.
 * Ownership: a timer, watch or deferred call belongs to who made it and must be freed before
 * the loop. _free takes the address, nulls it, and is legal on NULL and inside the callback.
 * Callbacks: never before the starting call has returned; never after _free.
 * One thread. */
#ifndef SIB_BASE_LOOP_H
#define SIB_BASE_LOOP_H

#include "base/clock.h"
#include "base/err.h"

struct loop;
struct loop_timer;
struct loop_watch;

struct loop *loop_system_new(struct err *err);
struct loop *loop_virtual_new(struct wall start);
void loop_free(struct loop **loop);

struct mono loop_now(const struct loop *loop);
struct wall loop_wall(const struct loop *loop);

typedef void loop_fn(void *arg);

struct loop_timer *loop_timer_new(struct loop *loop, loop_fn *fn, void *arg);
/* Runs once; replaces an earlier set. */
void loop_timer_set(struct loop_timer *timer, int64_t delay_ms);
void loop_timer_stop(struct loop_timer *timer);
bool loop_timer_is_set(const struct loop_timer *timer);
void loop_timer_free(struct loop_timer **timer);

/* Descriptors (system loop only; the virtual loop returns NULL). Level triggered. */
enum { LOOP_READ = 1, LOOP_WRITE = 2 };
typedef void loop_watch_fn(int fd, int ready, void *arg);
struct loop_watch *loop_watch_new(struct loop *loop, int fd, int want, loop_watch_fn *fn,
                                  void *arg);
void loop_watch_want(struct loop_watch *watch, int want);
void loop_watch_free(struct loop_watch **watch);

/* Signals as events (system loop only). */
struct loop_watch *loop_signal_new(struct loop *loop, int signo, loop_fn *fn, void *arg);

void loop_run(struct loop *loop);  /* until loop_stop */
void loop_stop(struct loop *loop); /* from a callback: return from loop_run after this turn */

/* Virtual loop: run everything due up to `ms` from now, in order of time, then of setting.
 * Returns the number of callbacks that ran. */
long loop_virtual_run(struct loop *loop, int64_t ms);
/* Run until nothing is due any more within `limit_ms`; returns the virtual time that passed. */
int64_t loop_virtual_settle(struct loop *loop, int64_t limit_ms);
/* Time passes while nothing runs, as in a process that stands still: what became due meanwhile
 * runs late, with the next loop_virtual_run. */
void loop_virtual_stall(struct loop *loop, int64_t ms);
/* Move the calendar alone, as an administrator or a bad clock would. */
void loop_virtual_jump_wall(struct loop *loop, int64_t ms);

#endif
