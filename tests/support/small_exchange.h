/* One mailbox of a very small Exchange, for histories by the hundred thousand: just the
 * requests that a create takes, executed the moment they are handed in. It reads only requests
 * that our own client wrote; whether those are valid is looked at elsewhere.
 *
 * Ownership: it owns all it gives out; items are valid until the next request. One thread. */
#ifndef SIB_TESTS_SUPPORT_SMALL_EXCHANGE_H
#define SIB_TESTS_SUPPORT_SMALL_EXCHANGE_H

#include "base/buf.h"
#include "base/loop.h"

enum small_folder_id {
    SMALL_ROOT,
    SMALL_INBOX,
    SMALL_KEPT, /* below the Inbox */
    SMALL_JUNK,
    SMALL_DELETED,
    SMALL_ARCHIVE, /* not mapped */
    SMALL_FIRST_OWN,
};

/* What the protocol stands on, taken away: the judge must notice each. */
enum small_broken {
    SMALL_SOUND,
    SMALL_TAKES_ANY_NAME,   /* two folders of one name: nothing is committed */
    SMALL_FORGETS_COMMITS,  /* the record goes as soon as its winner was moved */
    SMALL_MOVES_BY_COPYING, /* what was moved stays where it was, too */
};

struct small_item {
    int number; /* its id: a move gives it another */
    int folder; /* -1: gone */
    char message[40], creation[40], subject[256];
    bool read, urgent;
    bool staged; /* it came out of a hidden folder */
    int64_t created_ms, modified_ms, changed_at;
};

struct small_exchange;
struct small_exchange *small_new(struct loop *loop, enum small_broken broken);
void small_free(struct small_exchange **ex);

/* Executes a request; the answer is appended. */
void small_execute(struct small_exchange *ex, const char *request, struct buf *answer);
/* Would this request make an item that is seen at once? */
bool small_is_direct_create(const struct small_exchange *ex, const char *request);

/* Items in mapped folders; the first of them in *item (NULL when there is none). */
int small_visible(const struct small_exchange *ex, struct small_item **item);
/* Items and folders in our hidden folders. */
int small_hidden(const struct small_exchange *ex);
/* Acts of a person. folder -1: removed for good. */
void small_move(struct small_exchange *ex, struct small_item *item, int folder);
void small_touch(struct small_exchange *ex, struct small_item *item);
/* Somebody empties the folder Staging. */
int small_empty_staging(struct small_exchange *ex);

#endif
