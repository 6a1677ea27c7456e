/* Acting as the person whose mailbox it is: what Outlook would do, without Outlook.
 *
 * Purpose: the same acts for tests in the process, for the HTTP control endpoint of
 * sib-exchange and so for sib-exchange-user. An act is its word and its arguments:
 *   read|unread ITEM
 *   delete ITEM         to Deleted Items, or away when it is there
 *   move ITEM FOLDER    FOLDER is a path such as Inbox/Project, made when missing
 *   copy ITEM FOLDER
 *   restore ITEM        back to the Inbox
 *   purge ITEM          away, without a trace in Deleted Items
 *   subject ITEM TEXT
 *   urgent ITEM on|off
 *   compose [FOLDER] [--to ADDRESS,...] [--cc ...] [--bcc ...] [--subject TEXT] [--body TEXT]
 *           [--html TEXT] [--from ADDRESS] [--urgent] [--private] [--reply-to ITEM]
 * [--read-receipt]
 *           [--delivery-receipt] [--attach FILE[:NAME[:TYPE]]]... [--read] [--draft]
 *                       a new message (see exchange_user_new)
 *   folder add|remove PATH, folder rename PATH NAME, folder move PATH FOLDER
 * and what an administrator of Exchange does to the mailbox (exchange.h):
 *   snapshot, restore-backup, lose-states, lose-subscriptions
 *   move-server MS [HOST]
 * ITEM is an item id, our message id (SibMessageId), a number of the list, or a part of the
 * subject that only one item has; outside Deleted Items first. Ownership: JSON that is returned
 * belongs to the caller (json_decref). Callbacks: none; subscribers hear of it in the next turn
 * of the loop. Errors: ERR_USAGE, ERR_NO_MAILBOX (no such mailbox, item or folder),
 * ERR_REFUSED. */
#ifndef SIB_TESTS_EXCHANGE_EXCHANGE_USER_H
#define SIB_TESTS_EXCHANGE_EXCHANGE_USER_H

#include <jansson.h>

#include "tests/exchange/exchange.h"

/* type "message/rfc822": an attached message (ItemAttachment). */
struct exchange_user_file {
    const char *name, *type;
    const void *bytes;
    size_t len;
};

/* What `compose` makes; NULL fields have defaults. */
struct exchange_user_new {
    const char *subject, *body, *from_name, *from_address;
    const char *html; /* instead of body */
    /* Separated by commas. "/o=..." is an address of the directory (RoutingType EX), a word
     * without "@" a list of one's own that has no address. */
    const char *to, *cc, *bcc;
    bool urgent, private, read, draft, read_receipt, delivery_receipt;
    const char *reply_to;   /* an ITEM */
    const char *message_id; /* as our product makes it; its creation token is the same */
    const struct exchange_user_file *files;
    int file_count;
};

/* {"mailbox": ..., "items": [{"number", "id", "change_key", "folder", "folder_kind", "subject",
 * "read", "urgent", "private", "draft", "received", "created", "modified", "item_class",
 * "message_id", "creation", "body", "from_name", "from_address", "to", "cc", "bcc",
 * "in_reply_to", "references", "read_receipt", "delivery_receipt", "size", "attachments":
 * [{"id", "name", "type", "size", "sha256"}], "properties": {name: value}}]}. folder_kind: the
 * distinguished name of the root above ("inbox", "deleteditems", ..., "other"). Folder by
 * folder, the Inbox first, newest first. folder NULL: all. */
json_t *exchange_user_list(struct exchange *ex, const char *mailbox, const char *folder,
                           struct err *err);
/* {"mailbox": ..., "folders": [{"path", "kind", "items", "unread"}]}. */
json_t *exchange_user_folders(struct exchange *ex, const char *mailbox, struct err *err);

/* Any act by its words. item: EXCHANGE_ID_MAX bytes, NULL when it is of no interest; gets the
 * id of the item afterwards ("" when it is gone or there is none). */
bool exchange_user_act(struct exchange *ex, const char *mailbox, const char *act,
                       const char *const *args, int count, char *item, struct err *err);
/* The same for tests: exchange_user_do(ex, "ann@example.net", &err, "move", id, "Inbox/A",
 * NULL). */
bool exchange_user_do(struct exchange *ex, const char *mailbox, struct err *err,
                      const char *act, ...) __attribute__((sentinel));
/* folder NULL: into the Voice Outbox, as an add-in of Outlook does: a draft, read, From the
 * owner of the mailbox; ERR_NO_MAILBOX when that folder is not there yet. */
bool exchange_user_compose(struct exchange *ex, const char *mailbox, const char *folder,
                           const struct exchange_user_new *new_item, char *item,
                           struct err *err);
/* What stands behind --attach: FILE[:NAME[:TYPE]]. */
struct exchange_user_named {
    char path[1024], name[256], type[128];
};
void exchange_user_split(const char *word, struct exchange_user_named *named);
/* Items in a folder by its path (not below it); -1 when there is no such folder. */
long exchange_user_count(struct exchange *ex, const char *mailbox, const char *folder);

/* The control endpoint: a JSON request {"mailbox", "act", "args": [...], "new": {...}} in, a
 * JSON answer out ("error" and "kind" when it failed). Returns the HTTP status. */
int exchange_user_http(struct exchange *ex, const void *body, size_t len, struct buf *answer);

#endif
