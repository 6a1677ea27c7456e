/* Subscriptions: who calls us back, at which secret path, and when it last did.
 *
 * Writers: mailbox-sync makes and ends them; exchange-notification notes that one was heard.
 * Kept on one server only (a new Primary subscribes anew). */
#ifndef SIB_STORE_WATCH_H
#define SIB_STORE_WATCH_H

#include "store/store.h"

struct watch {
    char secret[40]; /* in the URL's path */
    char mailbox[LIMIT_UUID];
    char subscription[LIMIT_REMOTE_ID]; /* "" until the answer to Subscribe came */
    int64_t made_ms, heard_ms;          /* wall; heard 0: never */
    bool ended;                         /* to be answered with Unsubscribe */
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

/* *found false when there is none (or only ended ones, for a mailbox). */
bool watch_find(struct store *store, const char *secret, struct watch *out, bool *found,
                struct err *err);
bool watch_of_mailbox(struct store *store, const char *mailbox, struct watch *out, bool *found,
                      struct err *err);
typedef bool watch_fn(const struct watch *watch, void *arg);
bool watch_each(struct store *store, watch_fn *fn, void *arg, struct err *err);

#endif
