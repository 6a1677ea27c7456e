/* In which folders something changed there: what a look need not leave out, and may stop at.
 *
 * A wish for a look because of a notification (QUEUE_NOTIFICATION) says where: in these
 * folders, or anywhere. What several wishes say comes together in the rows of the mailbox, and
 * a claim of the wish takes them along: what is said from then on is for the look after that
 * one. When the claim ends well they are gone; when its rows become as they were before, so do
 * these; when its owner died, or when there are too many, it is "anywhere". A wish without a
 * word about where is "anywhere", too.
 *
 * Only folders that are mapped are kept. Each event names one of them: the folder that the item
 * came from or went to may be another one, about which there is nothing to look at. An event
 * that names none that we know is not understood, and so it is "anywhere". */
#ifndef SIB_QUEUE_HINT_H
#define SIB_QUEUE_HINT_H

#include "store/store.h"

/* Of one wish. */
struct hint {
    bool anywhere;
    int count;
    char folders[LIMIT_HINT_FOLDERS][LIMIT_REMOTE_ID];
};

/* Something changed in a folder; from: it was moved out of that one, "": it was not. */
bool hint_add(struct store *store, const char *mailbox, struct hint *hint, const char *folder,
              const char *from, struct err *err);

/* Of a claim. */
struct hint_claim {
    bool anywhere;
    int count;
    char (*folders)[LIMIT_REMOTE_ID]; /* malloc'ed; the caller frees it. NULL when anywhere */
};

/* What the present claim of the mailbox took along; nothing: anywhere. */
bool hint_claimed(struct store *store, const char *mailbox, struct hint_claim *out,
                  struct err *err);

/* ---- for queue.c and queue_claim.c; (tx) but for the question ---- */

/* hint NULL: anywhere. */
bool hint_put(struct store *store, const char *mailbox, const struct hint *hint,
              struct err *err);
/* Would hint_put change nothing? */
bool hint_is_put(struct store *store, const char *mailbox, const struct hint *hint, bool *is,
                 struct err *err);
/* The wish was claimed; the claim is over; its rows are as they were before. */
bool hint_take(struct store *store, const char *mailbox, struct err *err);
bool hint_end(struct store *store, const char *mailbox, struct err *err);
bool hint_give_back(struct store *store, const char *mailbox, struct err *err);
/* What claims of others than `owner` took along is "anywhere". */
bool hint_recover(struct store *store, const char *owner, struct err *err);

#endif
