/* What a mailbox of the stand-in holds: folders, items, properties, attachments.
 *
 * Purpose: the plain facts and the rules that belong to them (a move makes a new item, every
 * change a new change key, everything is numbered for SyncFolderItems and told to
 * subscriptions). Used by the EWS operations and by the acts of a person alike. Private to the
 * stand-in. Ownership: items and folders are copies; ex_item_clear frees what an item holds.
 * Errors: functions return a ResponseCode literal of EWS, NULL when all is well. Writing
 * happens in the caller's transaction (ex_db_begin, ex_db_commit). */
#ifndef SIB_TESTS_EXCHANGE_EXCHANGE_MAILBOX_H
#define SIB_TESTS_EXCHANGE_EXCHANGE_MAILBOX_H

#include "tests/exchange/exchange_private.h"

struct folder {
    int64_t id, mailbox, parent; /* parent 0: the root */
    int64_t born, touched, gone;
    char key[EXCHANGE_ID_MAX]; /* FolderId */
    char kind[40];             /* its distinguished name; "" : made by somebody */
    char name[256];
    char class[64];
};

enum item_text {
    ITEM_SUBJECT,
    ITEM_CLASS,
    ITEM_IMPORTANCE,
    ITEM_SENSITIVITY,
    ITEM_BODY,
    ITEM_BODY_TYPE,
    ITEM_FROM_NAME,
    ITEM_FROM_ADDRESS,
    ITEM_TO, /* addresses, separated by ", " */
    ITEM_INTERNET_ID,
    ITEM_CC,
    ITEM_BCC,
    ITEM_IN_REPLY_TO,
    ITEM_REFERENCES,
    ITEM_TEXTS,
};

enum { ITEM_READ_RECEIPT = 1, ITEM_DELIVERY_RECEIPT = 2 };

struct item {
    int64_t id, mailbox, folder;
    int64_t born, full, touched, gone; /* numbers of changes; full: the last but read flags */
    int64_t received, sent, created, modified; /* milliseconds since 1970 */
    bool read, draft;
    int64_t receipts; /* ITEM_READ_RECEIPT, ITEM_DELIVERY_RECEIPT: asked for */
    int64_t size;
    char key[EXCHANGE_ID_MAX]; /* ItemId */
    char *text[ITEM_TEXTS];    /* never NULL in an item that was loaded */
};

/* One extended property; key: its canonical name with its type (ex_property_key). */
struct property {
    char key[320];
    char *value; /* several values: separated by 0x1F */
};

struct attachment {
    int64_t id, item;
    char key[EXCHANGE_ID_MAX + 32]; /* AttachmentId */
    char name[256], type[128], content_id[256];
    bool is_inline;
    int64_t size;
    char hash[LIMIT_SHA256];
};

extern const char exchange_tables[]; /* SQL */

/* Folders. */
const char *ex_folder_make_defaults(struct exchange *ex, int64_t mailbox);
bool ex_folder_by_id(struct exchange *ex, int64_t id, struct folder *folder);
bool ex_folder_by_kind(struct exchange *ex, int64_t mailbox, const char *kind,
                       struct folder *folder);
bool ex_folder_by_name(struct exchange *ex, int64_t mailbox, int64_t parent, const char *name,
                       struct folder *folder);
const char *ex_folder_by_key(struct exchange *ex, int64_t mailbox, const char *key,
                             struct folder *folder);
const char *ex_folder_create(struct exchange *ex, int64_t mailbox, int64_t parent,
                             const char *name, const char *class, struct folder *folder);
const char *ex_folder_rename(struct exchange *ex, struct folder *folder, const char *name);
const char *ex_folder_move(struct exchange *ex, struct folder *folder, int64_t parent);
/* With all that is in it, for good. */
const char *ex_folder_remove(struct exchange *ex, struct folder *folder);
/* Is `folder` the folder `above` or somewhere below it? */
bool ex_folder_within(struct exchange *ex, int64_t folder, int64_t above);
int64_t ex_folder_unread(struct exchange *ex, int64_t folder);
/* "Inbox/Project"; text: at least size bytes. Returns text. */
const char *ex_folder_path(struct exchange *ex, int64_t folder, char *text, size_t size);
void ex_folder_change_key(const struct exchange *ex, const struct folder *folder, char *text);

/* Items. */
void ex_item_init(
    struct item *item); /* an item to be created, with the defaults of a message */
void ex_item_clear(struct item *item);
void ex_item_set_text(struct item *item, enum item_text which, const char *text);
bool ex_item_by_id(struct exchange *ex, int64_t id, struct item *item);
const char *ex_item_by_key(struct exchange *ex, int64_t mailbox, const char *key,
                           struct item *item);
void ex_item_change_key(const struct exchange *ex, const struct item *item, char *text);
/* What made an item: decides whether a NewMailEvent goes with it. */
enum item_origin { ITEM_FROM_CLIENT, ITEM_FROM_OUTSIDE };
const char *ex_item_create(struct exchange *ex, int64_t folder, struct item *item,
                           enum item_origin origin);
/* Write what the struct says. only_read: nothing but the read flag changed. */
const char *ex_item_save(struct exchange *ex, struct item *item, bool only_read);
/* The item becomes another one with a new id; *item is the new one afterwards. */
const char *ex_item_move(struct exchange *ex, struct item *item, int64_t folder);
const char *ex_item_copy(struct exchange *ex, struct item *item, int64_t folder);
const char *ex_item_remove(struct exchange *ex, struct item *item);

/* Properties of an item (or, with is_folder, of a folder). */
bool ex_property_set(struct exchange *ex, bool is_folder, int64_t owner, const char *key,
                     const char *value);
void ex_property_remove(struct exchange *ex, bool is_folder, int64_t owner, const char *key);
/* A copy for the caller to free, NULL when it is not there. */
char *ex_property_get(struct exchange *ex, bool is_folder, int64_t owner, const char *key);

/* Attachments. */
bool ex_attachment_add(struct exchange *ex, struct item *item, struct attachment *attachment);
bool ex_attachment_by_key(struct exchange *ex, int64_t mailbox, const char *key,
                          struct attachment *attachment);
/* One after another: fills the one whose id is the least above `after`. */
bool ex_attachment_next(struct exchange *ex, int64_t item, int64_t after,
                        struct attachment *attachment);
/* The item is another version of itself afterwards. */
const char *ex_attachment_remove(struct exchange *ex, struct item *item,
                                 const struct attachment *attachment);

/* Does this text look like an id of ours at all? */
bool exchange_id_well_formed(const char *key);

#endif
