/* What people composed in Outlook: the items of each Voice Outbox, and what became of them.
 *
 * Writer: the service mailbox-sync only. An item is noted in the transaction of the page that
 * told of it, and taken in the one that delivers it: so after a crash it is either still to be
 * looked at, or was delivered and is only to be removed. What was taken stays known for good:
 * an item that comes back (from a backup, or because a person moved it out and in again) is
 * never delivered a second time. */
#ifndef SIB_STORE_OUTBOX_H
#define SIB_STORE_OUTBOX_H

#include "store/store.h"

enum outbox_state {
    OUTBOX_SEEN,  /* to be looked at */
    OUTBOX_TAKEN, /* delivered, or refused with its recording attached: to be removed there */
    OUTBOX_KEPT,  /* refused, and left there: looked at again when its owner changed it */
    OUTBOX_DONE,  /* taken, and gone there */
    OUTBOX_STATES,
};

struct outbox_row {
    char item[LIMIT_REMOTE_ID];
    char folder[LIMIT_REMOTE_ID];
    char version[LIMIT_REMOTE_ID];
    enum outbox_state state;
    char digest[LIMIT_SHA256]; /* of what was taken or refused; "": nothing yet */
    int refusals;              /* how often the other side refused us this item */
    int64_t noted_ms;          /* wall; when it was first told of */
    int64_t changed_ms;        /* wall; when its last change was told of */
    int64_t taken_ms;          /* wall; 0: not */
};

/* (tx) The other side told of an item in this folder. One that was refused is to be looked at
 * again when its version is another one; one that had gone after it was taken is there again,
 * and to be removed. */
bool outbox_note(struct store *store, const char *mailbox, const char *folder, const char *item,
                 const char *version, struct err *err);
/* (tx) The item is not there any more. Nothing happens when it is not known. */
bool outbox_drop(struct store *store, const char *mailbox, const char *item, struct err *err);
/* (tx) A listing of the folder came to its end (folder_end_listing comes after this): what was
 * not seen in it, or was in another folder, is not there any more. */
bool outbox_end_listing(struct store *store, const char *mailbox, const char *folder,
                        struct err *err);

/* The first item behind `after` (NULL: from the beginning), in the order in which they were
 * noted, that is to be looked at or removed, and was not refused us too often. */
bool outbox_next(struct store *store, const char *mailbox, const struct outbox_row *after,
                 struct outbox_row *out, bool *found, struct err *err);
bool outbox_get(struct store *store, const char *mailbox, const char *item,
                struct outbox_row *out, bool *found, struct err *err);
/* (tx) state, digest, refusals and taken_ms of an item that is noted. */
bool outbox_set(struct store *store, const char *mailbox, const struct outbox_row *row,
                struct err *err);
/* (tx) Which messages were made of it: their ids, with spaces between them. */
bool outbox_set_messages(struct store *store, const char *mailbox, const char *item,
                         const char *messages, struct err *err);
/* malloc'ed; NULL when there are none. */
char *outbox_messages(struct store *store, const char *mailbox, const char *item);
/* An item that was taken with this digest, if there is one. */
bool outbox_find_taken(struct store *store, const char *mailbox, const char *digest,
                       struct outbox_row *out, bool *found, struct err *err);
/* Is there an item that was set aside because the other side refuses it to us? */
bool outbox_any_set_aside(struct store *store, const char *mailbox, bool *any, struct err *err);

#endif
