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
#include "store/subject.h"

/* How the other side is to tell us of changes in this mailbox; neither: it is only polled. */
struct run_watch {
    const char *callback_url; /* base */
    int status_minutes;
    struct remote_stream *stream;
    char
        subscription[LIMIT_REMOTE_ID]; /* the one that the stream is heard with; "": none yet */
    /* May a subscription be made now? NULL: always. */
    bool (*may)(const char *mailbox, void *arg);
    /* One was made (err->kind ERR_OK), or not. Inside a call of the run's own; NULL: nobody. */
    void (*asked)(const char *mailbox, const char *subscription, const struct err *err,
                  void *arg);
    void *arg;
};

struct run_deps {
    struct loop *loop;
    struct store *store;
    const struct log_ctx *log;
    const char *item_class;
    struct run_watch watch;
    int64_t in_doubt_ms; /* a create without an answer may take effect for so long */
    bool sent_items;
    bool voice_outbox;               /* deliver what people compose; else it waits there */
    const struct subject_book *book; /* wording of their subjects; NULL: the built-in one */
    bool staged_only; /* another server may be creating the same messages: stage every create */
    int64_t guard_count, guard_percent;
};

struct run_result {
    struct err err;   /* ERR_OK: all that could be done was done */
    bool again;       /* look again in again_ms, because of err or of a doubt */
    int64_t again_ms; /* 0: by the schedule of retries */
    bool count_attempt;
    bool suspend;    /* the guard: reason in err.text */
    bool subscribed; /* the other side tells us of changes in this mailbox */
    bool full;       /* creates wait for room on the other side */
    int created, updated, moved, removed, taken_in, looks;
    int deferred;      /* messages left in doubt or set aside */
    bool looked;       /* a look at all folders came to its end */
    bool looked_local; /* ... or one at those in which something had changed */
    int64_t unknown;   /* when it looked: items there whose message is not known here at all */
};

struct run;
typedef void run_done_fn(const struct run_result *result, void *arg);

/* reasons: bit set of enum queue_reason. mailbox is copied. */
struct run *run_start(const struct run_deps *deps, struct remote *remote,
                      const struct mailbox *mailbox, unsigned reasons, run_done_fn *done,
                      void *arg);
void run_cancel(struct run **run);

#endif
