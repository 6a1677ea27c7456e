/* What is mapped to what: our messages, the items of the other side, and what was last agreed.
 *
 * Writer: the service mailbox-sync only. All of it is replicated, so that a new Primary goes on
 * where the old one stopped. Three facts are kept for each message:
 *   agreed    the state that both sides last had in common, and the item that carried it;
 *   attempts  creates that were begun: written before the request, closed after the answer, so
 *             that a crash or a time-out in between leaves a doubt that is written down;
 *   items     a mirror of what the other side last told about items that carry our id. */
#ifndef SIB_STORE_MAPPING_H
#define SIB_STORE_MAPPING_H

#include "store/message.h"

enum agreed_place {
    AGREED_NEVER, /* nothing agreed yet: never created there */
    AGREED_INBOX,
    AGREED_DELETED,
    AGREED_GONE, /* deleted here; there it is gone, or somewhere that is not mapped */
    AGREED_SENT,
    AGREED_DROPPED, /* given up by an administrator: stays here only */
    AGREED_PLACES,
};

/* A write to an item that was begun and not yet answered: what it sets. Found on the item by a
 * look, it was ours, and counts as agreed, so that it is never taken for the act of a person.
 */
enum { INTENT_PLACE = 1, INTENT_READ = 2, INTENT_URGENT = 4, INTENT_SUBJECT = 8 };

struct intent {
    unsigned what; /* INTENT_ bits; 0: none */
    enum agreed_place place;
    bool read, urgent;
    char subject[LIMIT_SUBJECT];
    int64_t until_ms; /* wall; it may still take effect until then */
};

struct agreed {
    enum agreed_place place;
    bool read, urgent;
    char subject[LIMIT_SUBJECT];
    char item[LIMIT_REMOTE_ID];   /* "" when there is none */
    char folder[LIMIT_REMOTE_ID]; /* the remote folder it was in */
    char version[LIMIT_REMOTE_ID];
    int refusals;    /* known refusals of this message by the other side */
    int64_t content; /* the message's content_at that the item shows; 0: not known */
    /* wall; a rewrite of the item (remote/remote.h) may still take effect until then; 0: none
     * can. Until then no other is sent, which that one could undo. */
    int64_t content_until_ms;
    struct intent intent;
};

bool agreed_get(struct store *store, const char *message, struct agreed *out, struct err *err);
/* (tx) */
bool agreed_set(struct store *store, const char *message, const struct agreed *agreed,
                struct err *err);

/* A create that was begun: in one request, or staged (remote/remote.h), which goes on under one
 * token until the message is agreed. */
enum attempt_how { ATTEMPT_DIRECT, ATTEMPT_STAGED };

struct attempt {
    char creation[LIMIT_UUID]; /* token put on the item */
    char message[LIMIT_UUID];
    enum attempt_how how;
    int64_t sent_ms;          /* wall; when the request went out */
    int64_t unknown_until_ms; /* wall; until then it may still take effect */
    bool open;                /* an item may be shown because of it that is not known yet */
    bool lapsed;              /* its time passed, and a look did not find it */
    bool read, urgent;        /* the state it was sent with */
    char subject[LIMIT_SUBJECT];
    int64_t content;   /* the message's content_at that it was sent with */
    int64_t closed_ms; /* wall; when it was over; 0: it is under way */
    /* staged only */
    int generation;
    char winner[LIMIT_REMOTE_ID]; /* the copy that is to be shown; "" : not settled */
    int64_t gone_ms;              /* wall; when that copy was found to be gone; 0: it was not */
};

/* (tx) A create in one request is open from now on; a staged one when it is to be shown. */
bool attempt_begin(struct store *store, const char *mailbox, const struct attempt *attempt,
                   struct err *err);
/* (tx) It may take effect until then, if that is later than what is written down. creation "" :
 * all open attempts of this server, all intents and all rewrites (their process died: when they
 * went out is not known). */
bool attempt_extend(struct store *store, const char *creation, int64_t until_ms,
                    struct err *err);
/* (tx) The outcome is known now. */
bool attempt_close(struct store *store, const char *creation, struct err *err);
/* (tx) Nothing was found after its time had passed; closes it. */
bool attempt_lapse(struct store *store, const char *creation, struct err *err);
/* (tx) How far a staged attempt has come: open, unknown_until_ms, generation, winner, gone_ms.
 */
bool attempt_put_staged(struct store *store, const struct attempt *attempt, struct err *err);
bool attempt_find(struct store *store, const char *creation, struct attempt *out, bool *found,
                  struct err *err);
/* The staged attempts of a mailbox that were over before a time, and what they left behind is
 * still there; the oldest first, at most max. */
bool attempt_list_uncleared(struct store *store, const char *mailbox, int64_t before_ms,
                            struct attempt *out, int max, int *count, struct err *err);
/* (tx) Nothing is left of it on the other side. */
bool attempt_clear(struct store *store, const char *creation, struct err *err);
/* The attempts for a message, oldest first; *count of them. When there are more than max, those
 * that are open, those that were staged or lapsed, and then the newest: what is in doubt, and
 * what forbids a create in one request, is never left out. */
bool attempt_list(struct store *store, const char *message, struct attempt *out, int max,
                  int *count, struct err *err);
/* Is any attempt of this mailbox open? */
bool attempt_any_open(struct store *store, const char *mailbox, bool *any, struct err *err);

/* A remote folder that is mapped. */
struct folder_row {
    char id[LIMIT_REMOTE_ID];
    char name[LIMIT_DISPLAY_NAME];
    int place; /* enum remote_place */
    bool root;
    bool listing;        /* a listing from the beginning is under way */
    int64_t list_number; /* of the last listing that was begun */
    bool has_token;
};

/* (tx) Replace the known folders of a mailbox by these; a folder that is no longer there takes
 * its items along (marking their messages dirty). Tokens of those that stay are kept. */
bool folder_replace_all(struct store *store, const char *mailbox, const struct folder_row *rows,
                        int count, struct err *err);
/* All folders of a mailbox, the roots first; *out is malloc'ed (NULL when there are none), the
 * caller frees it. At most LIMIT_FOLDERS. */
bool folder_list(struct store *store, const char *mailbox, struct folder_row **out, int *count,
                 struct err *err);
/* malloc'ed; "" when none. NULL on error. */
char *folder_token(struct store *store, const char *mailbox, const char *folder,
                   struct err *err);
/* (tx) */
bool folder_set_token(struct store *store, const char *mailbox, const char *folder,
                      const char *token, struct err *err);
/* (tx) Forget the token and begin a listing: items not seen again by its end are gone. "" :
 * every folder of the mailbox. */
bool folder_begin_listing(struct store *store, const char *mailbox, const char *folder,
                          struct err *err);
/* (tx) The last page of a listing came: what was not seen in it is gone; *gone counts. */
bool folder_end_listing(struct store *store, const char *mailbox, const char *folder, int *gone,
                        struct err *err);

/* An item of the other side that carries our id. */
struct item_row {
    char id[LIMIT_REMOTE_ID];
    char folder[LIMIT_REMOTE_ID];
    int place; /* enum remote_place of that folder */
    char version[LIMIT_REMOTE_ID];
    char message[LIMIT_UUID];
    char creation[LIMIT_UUID];
    char subject[LIMIT_SUBJECT];
    bool read, urgent;
    int64_t modified_ms, created_ms;
    bool confirmed; /* the other side told of it (read only: set by the store) */
};

/* (tx) Insert or replace; the message it belongs to becomes dirty when something differs from
 * what was known. */
bool item_put(struct store *store, const char *mailbox, const struct item_row *item,
              struct err *err);
/* (tx) Our own write was answered: record without marking dirty. old_id: "" or the id it had.
 */
bool item_put_own(struct store *store, const char *mailbox, const char *old_id,
                  const struct item_row *item, struct err *err);
/* (tx) Only the read flag; unknown items are not ours and ignored. */
bool item_set_read(struct store *store, const char *mailbox, const char *id, bool read,
                   struct err *err);
/* (tx) Gone from `folder` ("": wherever it is); its message becomes dirty; *known says whether
 * it was one of ours. */
bool item_drop(struct store *store, const char *mailbox, const char *id, const char *folder,
               bool *known, struct err *err);
/* (tx) A look at this folder is complete. What we had put there ourselves, and no look has told
 * of to this day, went away before the other side ever told of it (a removal of what a token
 * does not know is not told either); *gone counts. */
bool item_drop_unconfirmed(struct store *store, const char *mailbox, const char *folder,
                           int *gone, struct err *err);
/* Is there anything for item_drop_unconfirmed to do, in any folder? */
bool item_any_unconfirmed(struct store *store, const char *mailbox, bool *any, struct err *err);
/* Items that carry this message's id, oldest first. */
bool item_list(struct store *store, const char *mailbox, const char *message,
               struct item_row *out, int max, int *count, struct err *err);
/* Is there a message whose agreed item is not in the mirror, and no other item of it either? */
bool item_any_missing(struct store *store, const char *mailbox, bool *any, struct err *err);
/* How many such messages there are, and how many messages have an agreed item at all (0, not
 * counted, when none is missing). */
bool item_count_missing(struct store *store, const char *mailbox, int64_t *missing,
                        int64_t *agreed, struct err *err);
bool item_count(struct store *store, const char *mailbox, int64_t *count, struct err *err);

#endif
