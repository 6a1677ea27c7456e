/* Subscriptions: how each mailbox is heard; who calls us back, at which secret path, and when
 * it last did.
 *
 * Writers: mailbox-sync makes and ends them; exchange-notification notes that one was heard.
 * Kept on one server only (a new Primary subscribes anew). */
#ifndef SIB_STORE_WATCH_H
#define SIB_STORE_WATCH_H

#include "store/store.h"

/* WATCH_TRIAL: of an administrator's test; nobody waits for its changes. */
enum watch_way { WATCH_PUSH, WATCH_STREAM, WATCH_TRIAL };

struct watch {
    char secret[40]; /* in the URL's path; of a stream's no more than a key */
    char mailbox[LIMIT_UUID];
    char subscription[LIMIT_REMOTE_ID]; /* "" until the answer to Subscribe came */
    int64_t made_ms, heard_ms;          /* wall; heard 0: never */
    bool ended;                         /* to be answered with Unsubscribe */
    enum watch_way way;
};

/* (tx) Written before Subscribe is sent. */
bool watch_add(struct store *store, const struct watch *watch, struct err *err);
/* (tx) */
bool watch_set_subscription(struct store *store, const char *secret, const char *subscription,
                            struct err *err);
/* (tx) */
bool watch_heard(struct store *store, const char *secret, struct err *err);
/* (tx) One, or with secret "" all of a mailbox. Rows of ended watches are dropped after a day.
 */
bool watch_end(struct store *store, const char *mailbox, const char *secret, struct err *err);

/* (tx) All of a mailbox but this one. */
bool watch_end_others(struct store *store, const char *mailbox, const char *secret,
                      struct err *err);
/* (tx) All of one way, of one mailbox. */
bool watch_end_way(struct store *store, const char *mailbox, enum watch_way way,
                   struct err *err);
/* (tx) Every push subscription of the mailboxes of one Exchange (as it is named in the mailbox)
 * that was neither made nor heard since then (wall). */
bool watch_end_push(struct store *store, const char *exchange, int64_t before_ms,
                    struct err *err);
/* (tx) Every push subscription that was neither made nor heard since then (wall). */
bool watch_end_silent(struct store *store, int64_t before_ms, struct err *err);
/* (tx) All that there are: they belong to a life that is over. */
bool watch_end_all(struct store *store, struct err *err);

/* *found false when there is none (or only ended ones, for a mailbox). */
bool watch_find(struct store *store, const char *secret, struct watch *out, bool *found,
                struct err *err);
/* The newest of this way that is not ended. */
bool watch_current(struct store *store, const char *mailbox, enum watch_way way,
                   struct watch *out, bool *found, struct err *err);

/* What is known of push together, for each Exchange as mailboxes name it. */
struct watch_tally {
    char exchange[LIMIT_MAILBOX_NAME];
    int64_t count;    /* push subscriptions that were made and not ended */
    int64_t heard_ms; /* the last callback to one of them; wall; 0: none */
};
typedef bool watch_tally_fn(const struct watch_tally *tally, void *arg);
bool watch_tallies(struct store *store, watch_tally_fn *fn, void *arg, struct err *err);

typedef bool watch_fn(const struct watch *watch, void *arg);
bool watch_each(struct store *store, watch_fn *fn, void *arg, struct err *err);

#endif
