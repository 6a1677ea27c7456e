/* What happened to a message, and why: for people who ask. Append only.
 *
 * Each line says when, on which side, what was done, by which rule (why), what made this system
 * look (event), and which server did it. What was done by one side because of the other stands
 * in the same transaction as the deed. */
#ifndef SIB_STORE_HISTORY_H
#define SIB_STORE_HISTORY_H

#include "store/store.h"

struct history {
    int64_t time_ms; /* wall */
    char message[LIMIT_UUID];
    char side[16]; /* "connection" or "exchange": where it was done */
    char what[64]; /* "created", "read", "unread", "deleted", ... */
    char why[LIMIT_REASON];
    char event[LIMIT_EVENT];         /* "notification", "sweep", "sibctl", ... */
    char server[LIMIT_MAILBOX_NAME]; /* its name in the configuration */
};

/* What makes the lines of this transaction happen; borrowed until its end. Else that is the
 * event of struct store_options. (tx) */
void history_set_event(struct store *store, const char *event);

/* (tx) */
bool history_add(struct store *store, const char *message, const char *side, const char *what,
                 const char *why, struct err *err);
typedef bool history_fn(const struct history *entry, void *arg);
bool history_each(struct store *store, const char *message, history_fn *fn, void *arg,
                  struct err *err);
/* Of all messages, in the order in which it happened. */
bool history_all(struct store *store, history_fn *fn, void *arg, struct err *err);

#endif
