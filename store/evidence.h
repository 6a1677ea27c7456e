/* What is known beside the mirror, so that what is not a person's act is seen for what it is:
 * the times of an item when it was last told of, signs that the other side was restored from a
 * backup, messages that vanished a moment ago, items whose message is not of this mailbox.
 *
 * Writer: the service mailbox-sync only. Plain values; what is written in one transaction with
 * a page of changes survives a crash together with it. */
#ifndef SIB_STORE_EVIDENCE_H
#define SIB_STORE_EVIDENCE_H

#include "store/mapping.h"

/* One row a mailbox. Times of the other side are by its clock, `_at` are by ours; 0: never. */
struct evidence {
    /* the last look that came to its end: at all folders, or at all that had changed */
    int64_t looked_at;
    /* signs since that look */
    bool refused;      /* a state of a folder was refused */
    bool compared;     /* all folders were listed anew because of a suspicion */
    int64_t older;     /* items whose time of change is before the one told earlier */
    int64_t others_ms; /* made last, of other mail that was there at that look already */
    /* the finding */
    int64_t restored_at; /* it was restored from a backup: found then */
    bool restoring;      /* what follows from it is not done yet */
    int64_t restored_to; /* what was made after this is gone there, by its clock */
    int64_t put_back;    /* messages that were made or set again because of it */
    /* the guard */
    int64_t vanished; /* messages that vanished in bulk since vanished_at */
    int64_t vanished_at;
    bool guarded;    /* the guard stopped this mailbox and said so */
    int64_t full_at; /* a create was refused then because there is no room; 0: there is */
    char address[LIMIT_ADDRESS]; /* of the mailbox there that the mirror is of; "": none */
};

/* All zero when nothing is recorded. */
bool evidence_get(struct store *store, const char *mailbox, struct evidence *out,
                  struct err *err);
/* (tx) */
bool evidence_put(struct store *store, const char *mailbox, const struct evidence *evidence,
                  struct err *err);

/* Counted for a judgement; looked_at as in struct evidence. */
struct evidence_counts {
    int64_t kept;          /* items that were known at that look, and are there */
    int64_t kept_ms;       /* when the last of them was made */
    int64_t vanished;      /* in the inbox here, agreed upon, nowhere there */
    int64_t lost;          /* those of them that were made after all that is kept */
    int64_t first_lost_ms; /* when the first of them was made; 0: none, or not known */
    int64_t reappeared;    /* items in an older state than one that is gone now */
};
bool evidence_count(struct store *store, const char *mailbox, int64_t looked_at,
                    struct evidence_counts *out, struct err *err);
/* Only vanished, lost and first_lost_ms: lost are those that were made after `kept_ms`. */
bool evidence_count_lost(struct store *store, const char *mailbox, int64_t kept_ms,
                         struct evidence_counts *out, struct err *err);

/* The item of a message when it was last told of: its latest state. */
struct known {
    char item[LIMIT_REMOTE_ID]; /* "": never told of */
    int64_t created_ms, modified_ms;
    int64_t told_at;    /* of that item for the first time */
    int64_t changed_at; /* of that last change */
};
bool known_get(struct store *store, const char *message, struct known *out, struct err *err);
/* (tx) */
bool known_set(struct store *store, const char *mailbox, const char *message,
               const struct known *known, struct err *err);

/* Items of a mailbox whose message is not one of this mailbox here. */
struct strays {
    int64_t foreign;        /* their message belongs to another mailbox that is in use */
    int64_t same;           /* of these: the very item is known in the other mailbox, too */
    char other[LIMIT_UUID]; /* the mailbox that most of them belong to */
    int64_t unknown;        /* there is no such message here, and no trace that there was */
};
bool stray_count(struct store *store, const char *mailbox, struct strays *out, struct err *err);
/* (tx) An administrator said that they may be there: they are not counted any more. */
bool stray_accept(struct store *store, const char *mailbox, struct err *err);
/* The next item of an unknown message, by id, after `after` ("" : the first). */
bool stray_next_unknown(struct store *store, const char *mailbox, const char *after,
                        struct item_row *out, bool *found, struct err *err);
/* (tx) Items of unknown messages: those that have a message here by now are its own. */
bool stray_claim(struct store *store, const char *mailbox, struct err *err);

#endif
