/* The scheduler: which mailbox is looked at next, how many at once, and what happens after a
 * run.
 *
 * Takes claims from the queue (a person waiting first), keeps one run a mailbox, so many at
 * once for each account (sync/lane.h), and records how each run ended: the state of the
 * mailbox, alarms, when it is looked at again. While an account is held nothing of its
 * mailboxes is claimed, counted or written; poke it when that changes. It looks into the queue
 * when it is poked and every TIME_POLL_MS. Ownership: borrows all of struct scheduler_deps.
 * Callbacks: open_remote is asked for the other side of a mailbox at the start of each run; the
 * scheduler frees what it gives. */
#ifndef SIB_SYNC_SCHEDULER_H
#define SIB_SYNC_SCHEDULER_H

#include "base/config.h"
#include "sync/lane.h"
#include "sync/run.h"
#include "sync/subscriptions.h"

struct scheduler_deps {
    struct loop *loop;
    struct store *store;
    const struct config *config;
    const struct log_ctx *log;
    int max_runs;  /* for each account; 0: by its connections */
    uint64_t seed; /* of jitter */
    /* The other side of this mailbox; NULL with err: it cannot be reached as configured. */
    struct remote *(*open_remote)(const struct mailbox *mailbox, void *arg, struct err *err);
    lane_health_fn *health; /* how an account stands; NULL: it is judged by its runs */
    subscriptions_stream_fn *open_stream;                    /* NULL: streams cannot be had */
    void (*count)(const char *counter, long add, void *arg); /* NULL: nobody counts */
    void (*fatal)(const struct err *err, void *arg); /* the store failed: end the process */
    void *arg;
};

struct scheduler;
/* Takes over claims of dead owners and spreads a first look over all mailboxes. */
struct scheduler *scheduler_new(const struct scheduler_deps *deps, struct err *err);
void scheduler_poke(struct scheduler *scheduler);
int scheduler_running(const struct scheduler *scheduler);
/* Starts nothing new; `idle` runs once when nothing is under way any more and the subscriptions
 * are ended (sync/subscriptions.h). */
void scheduler_drain(struct scheduler *scheduler, loop_fn *idle, void *arg);
/* Gives up what is under way; what was being written stays in doubt, written down. */
void scheduler_free(struct scheduler **scheduler);

#endif
