/* Mailboxes: who has one, and which Exchange mailbox belongs to it. */
#ifndef SIB_STORE_MAILBOX_H
#define SIB_STORE_MAILBOX_H

#include "store/language.h"
#include "store/store.h"

struct mailbox {
    char id[LIMIT_UUID];
    char name[LIMIT_MAILBOX_NAME];
    char smtp[LIMIT_ADDRESS];
    char exchange[LIMIT_MAILBOX_NAME]; /* the [exchange] section; "": the only one */
    char display[LIMIT_DISPLAY_NAME];
    char language[LIMIT_LANGUAGE]; /* of the subjects and receipts made for this user: "en",
                                      "ja" */
    char extension[LIMIT_PHONE_NUMBER]; /* "" unknown */
    bool single_inbox;                  /* on for this user */
    bool hold_transcript; /* what waits for its transcription is synchronised when that came */
    bool removed;
    bool erase; /* removed, and the copies in Exchange are to be removed, too */
};

/* (tx) A new mailbox; id is filled, and language when it is "". ERR_USAGE when the name is
 * taken or not usable (letters, digits, and . _ - + @), ERR_DATA when the address is not one or
 * the language not known. */
bool mailbox_add(struct store *store, struct mailbox *mailbox, struct err *err);
/* (tx) The row stays as a tombstone; the copies in Exchange stay with their user. */
bool mailbox_remove(struct store *store, const char *name, struct err *err);
/* (tx) The same, and the copies in Exchange are to be removed by the next run. Also of one that
 * was removed without: by its id. */
bool mailbox_erase(struct store *store, const char *name, struct err *err);
/* (tx) The copies are gone: nothing more is to be done for this mailbox, by its id. */
bool mailbox_erased(struct store *store, const char *id, struct err *err);
/* (tx) Give the mailbox with this id the smtp, display, language, extension and hold_transcript
 * of `mailbox`; what differs gets a new stamp. What was held for its transcription, and is not
 * any more, is dirty then: the caller wishes a look. `changed` may be NULL. */
bool mailbox_set(struct store *store, const struct mailbox *mailbox, bool *changed,
                 struct err *err);
/* (tx) */
bool mailbox_set_single_inbox(struct store *store, const char *name, bool on, struct err *err);

/* ERR_NO_MAILBOX when there is none. By name, or by id. */
bool mailbox_find(struct store *store, const char *name, struct mailbox *out, struct err *err);
bool mailbox_get(struct store *store, const char *id, struct mailbox *out, struct err *err);

/* Each mailbox that is not removed, by name; stops when fn returns false. fn must not write. */
typedef bool mailbox_fn(const struct mailbox *mailbox, void *arg);
bool mailbox_each(struct store *store, mailbox_fn *fn, void *arg, struct err *err);

/* Further addresses (proxy addresses) under which a mailbox is known; compared without regard
 * to case, and kept in lower case. Never more than LIMIT_ALIASES of one mailbox. */
/* (tx) ERR_USAGE when the address is another mailbox's, ERR_DATA when it is not one. Adding
 * what is there, and removing what is not, is ERR_USAGE, too. */
bool mailbox_add_alias(struct store *store, const char *id, const char *address,
                       struct err *err);
bool mailbox_remove_alias(struct store *store, const char *id, const char *address,
                          struct err *err);
/* By address; stops when fn returns false. fn must not write. */
typedef bool mailbox_alias_fn(const char *address, void *arg);
bool mailbox_each_alias(struct store *store, const char *id, mailbox_alias_fn *fn, void *arg,
                        struct err *err);
/* The mailbox, not removed, whose primary or further address this is, without regard to case.
 * A primary address comes before a further one; of two alike the older mailbox. */
bool mailbox_find_address(struct store *store, const char *address, struct mailbox *out,
                          bool *found, struct err *err);

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
