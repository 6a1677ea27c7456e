/* The scheduler's own structs, shared by its parts: scheduler.c (accounts, life),
 * scheduler_start.c (claims, and what begins), scheduler_end.c (what came of it). */
#ifndef SIB_SYNC_SCHEDULER_PRIVATE_H
#define SIB_SYNC_SCHEDULER_PRIVATE_H

#include "queue/job.h"
#include "sync/dry.h"
#include "sync/late.h"
#include "sync/scheduler.h"

struct slot {
    struct scheduler *scheduler;
    struct lane *lane;
    struct run *run; /* NULL, and no dry run: free */
    struct dry *dry; /* what a resync would do, instead of a run */
    struct job dry_job;
    struct remote *remote;
    struct mailbox mailbox;
    bool unsaved; /* the run has ended, and what came of it could not be written yet */
    struct run_result result;
    struct subscriptions_said said;
    int attempts;
};

struct scheduler {
    struct scheduler_deps deps;
    char owner[LIMIT_UUID];
    struct rng rng;
    struct subject_book book;
    struct loop_timer *poll;
    int64_t seen_version; /* of the store, when all that was due had been started; 0: never */
    int64_t seen_due_ms;  /* what came next then */
    struct subscriptions *subscriptions;
    struct late *late;
    struct lanes lanes;
    struct slot *slots;
    int running;
    bool draining;
    loop_fn *idle;
    void *idle_arg;
};

/* scheduler.c. The store failed for good. */
void scheduler_give_up(struct scheduler *scheduler, const struct err *err);
/* A transaction; a failure is dealt with: a busy store is tried again with the next poll. */
bool scheduler_begin(struct scheduler *scheduler);
bool scheduler_commit(struct scheduler *scheduler, bool ok, struct err *err);
/* Nothing is under way any more: nobody needs to tell us of changes either. */
void scheduler_drained(struct scheduler *scheduler);

/* scheduler_start.c. Start what comes next, if there is room. False: nothing (more) is due. */
bool scheduler_start_next(struct scheduler *scheduler);

/* scheduler_end.c: a run_done_fn; the end of a dry run; what could not be written before. */
void scheduler_run_ended(const struct run_result *result, void *slot);
void scheduler_dry_ended(void *slot);
/* There was none, and why. */
void scheduler_dry_failed(struct slot *slot, const struct err *why);
void scheduler_save_waiting(struct scheduler *scheduler);

#endif
