/* One run over one mailbox: look at what is true on both sides, and make them agree.
 *
 * In before out: when anything is in doubt the run first takes in what the other side has (the
 * folders, then the changes of each, page by page, each page and its token in one transaction),
 * then goes over the messages that are not agreed. For each: plan, one step, record, plan
 * again, until nothing is left to do. A crash anywhere needs no case of its own: run again.
 * Ownership: the run borrows everything in struct run_deps and the remote, until `done`.
 * Callbacks: done runs exactly once, never before run_start has returned, unless run_cancel
 * came first. run_cancel gives up at once; a write that was under way stays in doubt, written
 * down. */
#ifndef SIB_SYNC_RUN_H
#define SIB_SYNC_RUN_H

#include "base/log.h"
#include "base/loop.h"
#include "queue/queue.h"
#include "remote/remote.h"
#include "store/mailbox.h"

struct run_deps {
    struct loop *loop;
    struct store *store;
    const struct log_ctx *log;
    const char *item_class;
    const char *callback_url; /* base; NULL: no push */
    int status_minutes;
    int64_t in_doubt_ms; /* a create without an answer may take effect for so long */
    bool sent_items;
    int64_t guard_count, guard_percent;
};

struct run_result {
    struct err err;   /* ERR_OK: all that could be done was done */
    bool again;       /* look again in again_ms, because of err or of a doubt */
    int64_t again_ms; /* 0: by the schedule of retries */
    bool count_attempt;
    bool suspend; /* the guard: reason in err.text */
    bool push;    /* the other side calls us about this mailbox */
    bool full;    /* creates wait for room on the other side */
    int created, updated, moved, removed, taken_in, looks;
    int deferred; /* messages left in doubt or set aside */
};

struct run;
typedef void run_done_fn(const struct run_result *result, void *arg);

/* reasons: bit set of enum queue_reason. mailbox is copied. */
struct run *run_start(const struct run_deps *deps, struct remote *remote,
                      const struct mailbox *mailbox, unsigned reasons, run_done_fn *done,
                      void *arg);
void run_cancel(struct run **run);

#endif
