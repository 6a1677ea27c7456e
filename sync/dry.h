/* A dry run: what a resync would do with one mailbox, found out by doing it to a copy.
 *
 * The copy is a store in memory with the rows of this one mailbox (store/copy.h), and the other
 * side is one that reads from the real one and sends no write (sync/dry_remote.h). Over these
 * two the very code of a run does its work, so that nothing can be said here that a run would
 * not do; what it writes into the copy's history is the report. Neither side changes, nor does
 * what is known here of the other.
 *
 * While it is under way the mailbox has no other run: whoever starts it holds the claim. When
 * the other side is busy or away it waits, as a run would, and goes on with what it has read.
 * Ownership: borrows all that struct dry_order names until dry_free. Callbacks: done runs
 * exactly once, never before dry_start has returned, never after dry_free; then the report is
 * written (dry_write). A crash leaves the job open and nothing else: it begins anew. */
#ifndef SIB_SYNC_DRY_H
#define SIB_SYNC_DRY_H

#include "queue/job.h"
#include "sync/run.h"

struct dry;
typedef void dry_done_fn(void *arg);

struct dry_order {
    const struct run_deps *deps; /* of the run that it stands for; its store gets the report */
    struct remote *remote;       /* the real one */
    const struct mailbox *mailbox;
    const struct job *job; /* one that is dry (queue/job.h) */
    dry_done_fn *done;
    void *arg;
};

/* NULL: it cannot even begin; err says why. */
struct dry *dry_start(const struct dry_order *order, struct err *err);
/* (tx, of the real store; after done) The report, and the end of the job. */
bool dry_write(struct dry *dry, struct err *err);
/* (tx) A job that could not be begun, or came to nothing: that is its end. */
bool dry_fail(struct store *store, const struct job *job, const char *why, struct err *err);
/* Gives up what is under way. */
void dry_free(struct dry **dry);

#endif
