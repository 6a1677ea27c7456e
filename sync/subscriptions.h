/* How each mailbox is heard: which way its account is on, the groups of streams, and the watch
 * over subscriptions that fell silent.
 *
 * Before a run the scheduler asks how the mailbox is to be subscribed (subscriptions_order),
 * after it says what came of it (subscriptions_after). Between runs this part hears the streams
 * and marks mailboxes in the queue, looks every few seconds at what the callback listener wrote
 * down, tests whether push works at all (sync/hear.h decides), and ends subscriptions that fell
 * silent, so that the next run makes them anew: never more than LIMIT_SUBSCRIBES_PER_SECOND.
 *
 * Ownership: borrows all of struct subscriptions_deps. Callbacks: wake says that something is
 * in the queue now. What survives a crash: rows of struct watch, which the next life ends, so
 * that Exchange is told to unsubscribe; nothing else. Errors of the store are logged and tried
 * again. */
#ifndef SIB_SYNC_SUBSCRIPTIONS_H
#define SIB_SYNC_SUBSCRIPTIONS_H

#include "base/config.h"
#include "base/loop.h"
#include "sync/run.h"

/* A stream to this Exchange, whose group names `anchor`; NULL: it has none, or no memory. */
typedef struct remote_stream *subscriptions_stream_fn(const struct config_exchange *exchange,
                                                      const char *anchor, remote_stream_fn *fn,
                                                      void *fn_arg, void *arg);

struct subscriptions_deps {
    struct loop *loop;
    struct store *store;
    const struct config *config;
    const struct log_ctx *log;
    uint64_t seed; /* of jitter */
    struct remote *(*open_remote)(const struct mailbox *mailbox, void *arg, struct err *err);
    subscriptions_stream_fn *open_stream; /* NULL: there are no streams */
    void *arg;                            /* of the two above */
    loop_fn *wake;
    void *wake_arg;
};

struct subscriptions;
/* Ends what an earlier life left behind. */
struct subscriptions *subscriptions_new(const struct subscriptions_deps *deps, struct err *err);

/* How this run is to subscribe. Valid until subscriptions_after, which must follow. */
void subscriptions_order(struct subscriptions *subscriptions, const struct mailbox *mailbox,
                         struct run_watch *order);
/* The run has ended: what `sync status` shows, and after how long to look again anyway. Legal
 * without an order. No transaction is begun: the caller may be inside one. */
struct subscriptions_said {
    char text[64]; /* "push", "stream: no callback comes", ... */
    int64_t sweep_ms;
};
void subscriptions_after(struct subscriptions *subscriptions, const struct mailbox *mailbox,
                         bool subscribed, struct subscriptions_said *said);

/* Nobody wants to hear of this mailbox any more: Exchange is told, where it tells us over a
 * stream; a call of its own is answered with Unsubscribe, for the caller ends the mailbox's
 * rows (store/watch.h). Legal inside a transaction. */
void subscriptions_forget(struct subscriptions *subscriptions, const struct mailbox *mailbox);

/* Close the streams, end every subscription in one transaction (the listener answers
 * Unsubscribe from then on), and tell Exchange of those that it does not call about. `done`
 * runs once, within TIME_UNSUBSCRIBE_MS. */
void subscriptions_stop(struct subscriptions *subscriptions, loop_fn *done, void *arg);
/* As sudden as a crash when it was not stopped. */
void subscriptions_free(struct subscriptions **subscriptions);

#endif
