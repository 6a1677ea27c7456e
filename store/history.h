/* What happened to a message, and why: for people who ask. Append only. */
#ifndef SIB_STORE_HISTORY_H
#define SIB_STORE_HISTORY_H

#include "store/store.h"

struct history {
    int64_t time_ms; /* wall */
    char message[LIMIT_UUID];
    char side[16]; /* "connection" or "exchange": where it was done */
    char what[64]; /* "created", "read", "unread", "deleted", ... */
    char why[LIMIT_REASON];
};

/* (tx) */
bool history_add(struct store *store, const char *message, const char *side, const char *what,
                 const char *why, struct err *err);
typedef bool history_fn(const struct history *entry, void *arg);
bool history_each(struct store *store, const char *message, history_fn *fn, void *arg,
                  struct err *err);

#endif
