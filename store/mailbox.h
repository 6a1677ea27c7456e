/* Mailboxes: who has one, and which Exchange mailbox belongs to it. */
#ifndef SIB_STORE_MAILBOX_H
#define SIB_STORE_MAILBOX_H

#include "store/store.h"

struct mailbox {
    char id[LIMIT_UUID];
    char name[LIMIT_MAILBOX_NAME];
    char smtp[LIMIT_ADDRESS];
    char exchange[LIMIT_MAILBOX_NAME]; /* the [exchange] section; "": the only one */
    char display[LIMIT_DISPLAY_NAME];
    bool single_inbox; /* on for this user */
    bool removed;
};

/* (tx) A new mailbox; id is filled. ERR_USAGE when the name is taken or not usable (letters,
 * digits, and . _ - + @), ERR_DATA when the address is not one. */
bool mailbox_add(struct store *store, struct mailbox *mailbox, struct err *err);
/* (tx) The row stays as a tombstone; the copies in Exchange stay with their user. */
bool mailbox_remove(struct store *store, const char *name, struct err *err);
/* (tx) */
bool mailbox_set_single_inbox(struct store *store, const char *name, bool on, struct err *err);

/* ERR_NO_MAILBOX when there is none. By name, or by id. */
bool mailbox_find(struct store *store, const char *name, struct mailbox *out, struct err *err);
bool mailbox_get(struct store *store, const char *id, struct mailbox *out, struct err *err);

/* Each mailbox that is not removed, by name; stops when fn returns false. fn must not write. */
typedef bool mailbox_fn(const struct mailbox *mailbox, void *arg);
bool mailbox_each(struct store *store, mailbox_fn *fn, void *arg, struct err *err);

/* How the synchronisation of a mailbox stands; written by sib-sync and by administrators. */
enum mailbox_condition {
    MAILBOX_OK,        /* "ok" */
    MAILBOX_SUSPENDED, /* "suspended": by an administrator, or by the guard against mass loss */
    MAILBOX_PARKED,    /* "parked": a person must act (reason says what), tried gently */
    MAILBOX_CONDITIONS,
};

struct mailbox_state {
    enum mailbox_condition condition;
    char reason[LIMIT_REASON];       /* a sentence; "" when ok */
    char last_error[LIMIT_REASON];   /* of the last run; "" when it went well */
    char notify[64];                 /* "push", "stream: WHY", "poll", "" not yet */
    int64_t last_run_ms, last_ok_ms; /* wall; 0: never */
};

const char *mailbox_condition_name(enum mailbox_condition condition);
/* Defaults when nothing is recorded yet. */
bool mailbox_state_get(struct store *store, const char *mailbox_id, struct mailbox_state *out,
                       struct err *err);
/* (tx) */
bool mailbox_state_set(struct store *store, const char *mailbox_id,
                       const struct mailbox_state *state, struct err *err);

#endif
