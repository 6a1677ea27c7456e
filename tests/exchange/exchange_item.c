#include "tests/exchange/exchange_mailbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/exchange/exchange_ident.h"
#include "tests/exchange/exchange_push.h"

#define ITEM_COLUMNS                                                                           \
    "SELECT id, mailbox, folder, born, full, touched, gone, received, sent, created, "         \
    "modified,"                                                                                \
    " read, draft, size, key, subject, class, importance, sensitivity, body, body_type,"       \
    " from_name, from_address, recipients, internet_id, cc, bcc, in_reply_to, refs, receipts"  \
    " FROM item "

static const char internal[] = "ErrorInternalServerError";

void ex_item_set_text(struct item *item, enum item_text which, const char *text)
{
    char *copy = strdup(text);
    free(item->text[which]);
    item->text[which] = copy;
}

void ex_item_init(struct item *item)
{
    static const char *const defaults[ITEM_TEXTS] = {[ITEM_CLASS] = "IPM.Note",
                                                     [ITEM_IMPORTANCE] = "Normal",
                                                     [ITEM_SENSITIVITY] = "Normal",
                                                     [ITEM_BODY_TYPE] = "Text"};
    *item = (struct item){0};
    for (int i = 0; i < ITEM_TEXTS; i++)
        ex_item_set_text(item, (enum item_text)i, defaults[i] ? defaults[i] : "");
}

void ex_item_clear(struct item *item)
{
    for (int i = 0; i < ITEM_TEXTS; i++)
        free(item->text[i]);
    *item = (struct item){0};
}

static bool read_item(struct db_query *query, struct item *item)
{
    bool found = ex_db_row(query);
    *item = (struct item){0};
    if (found) {
        int64_t *numbers[] = {&item->id,   &item->mailbox, &item->folder,  &item->born,
                              &item->full, &item->touched, &item->gone,    &item->received,
                              &item->sent, &item->created, &item->modified};
        for (int i = 0; i < 11; i++)
            *numbers[i] = ex_db_int(query, i);
        item->read = ex_db_int(query, 11);
        item->draft = ex_db_int(query, 12);
        item->size = ex_db_int(query, 13);
        snprintf(item->key, sizeof item->key, "%s", ex_db_text(query, 14));
        for (int i = 0; i < ITEM_TEXTS; i++)
            ex_item_set_text(item, (enum item_text)i, ex_db_text(query, 15 + i));
        item->receipts = ex_db_int(query, 15 + ITEM_TEXTS);
    }
    ex_db_end(&query);
    return found;
}

bool ex_item_by_id(struct exchange *ex, int64_t id, struct item *item)
{
    return read_item(ex_db_query(ex->db, ITEM_COLUMNS "WHERE id=?", "i", id), item);
}

const char *ex_item_by_key(struct exchange *ex, int64_t mailbox, const char *key,
                           struct item *item)
{
    *item = (struct item){0};
    if (!exchange_id_well_formed(key))
        return "ErrorInvalidIdMalformed";
    if (read_item(ex_db_query(ex->db, ITEM_COLUMNS "WHERE key=? AND mailbox=? AND gone=0", "si",
                              key, mailbox),
                  item))
        return NULL;
    return "ErrorItemNotFound";
}

void ex_item_change_key(const struct exchange *ex, const struct item *item, char *text)
{
    ex_ident_change_key(ex, IDENT_ITEM, item->mailbox, item->touched, text);
}

static void tell(struct exchange *ex, enum push_event event, const struct item *item,
                 int64_t old_folder, const char *old_key)
{
    char change_key[EXCHANGE_ID_MAX];
    ex_item_change_key(ex, item, change_key);
    ex_push_tell(ex->push, &(struct push_news){.event = event,
                                               .mailbox = item->mailbox,
                                               .folder = item->folder,
                                               .old_folder = old_folder,
                                               .item = item->key,
                                               .old_item = old_key,
                                               .change_key = change_key});
}

static bool insert(struct exchange *ex, struct item *item)
{
    item->born = item->full = item->touched = exchange_next_seq(ex);
    item->gone = 0;
    char *const *t = item->text;
    bool ok = ex_db_run(
        ex->db,
        "INSERT INTO item (mailbox, folder, born, full, touched, received, sent, created,"
        " modified, read, draft, size, subject, class, importance, sensitivity, body, "
        "body_type,"
        " from_name, from_address, recipients, internet_id, cc, bcc, in_reply_to, refs,"
        " receipts) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
        "iiiiiiiiiiiissssssssssssssi", item->mailbox, item->folder, item->born, item->full,
        item->touched, item->received, item->sent, item->created, item->modified,
        (int64_t)item->read, (int64_t)item->draft, item->size, t[ITEM_SUBJECT], t[ITEM_CLASS],
        t[ITEM_IMPORTANCE], t[ITEM_SENSITIVITY], t[ITEM_BODY], t[ITEM_BODY_TYPE],
        t[ITEM_FROM_NAME], t[ITEM_FROM_ADDRESS], t[ITEM_TO], t[ITEM_INTERNET_ID], t[ITEM_CC],
        t[ITEM_BCC], t[ITEM_IN_REPLY_TO], t[ITEM_REFERENCES], item->receipts);
    item->id = ex_db_last_id(ex->db);
    ex_ident_make(ex, IDENT_ITEM, item->mailbox, item->id, item->key);
    return ok &&
           ex_db_run(ex->db, "UPDATE item SET key=? WHERE id=?", "si", item->key, item->id);
}

const char *ex_item_create(struct exchange *ex, int64_t folder, struct item *item,
                           enum item_origin origin)
{
    struct folder to;
    if (!ex_folder_by_id(ex, folder, &to))
        return "ErrorFolderNotFound";
    int64_t now = exchange_wall_ms(ex);
    item->mailbox = to.mailbox;
    item->folder = folder;
    item->created = item->modified = now;
    if (!item->received)
        item->received = now;
    if (!item->sent)
        item->sent = now;
    item->size =
        (int64_t)(strlen(item->text[ITEM_BODY]) + strlen(item->text[ITEM_SUBJECT]) + 512);
    if (!insert(ex, item))
        return internal;
    tell(ex, PUSH_CREATED, item, 0, NULL);
    if (origin == ITEM_FROM_OUTSIDE && !strcmp(to.kind, "inbox"))
        tell(ex, PUSH_NEW_MAIL, item, 0, NULL);
    return NULL;
}

const char *ex_item_save(struct exchange *ex, struct item *item, bool only_read)
{
    item->touched = exchange_next_seq(ex);
    if (!only_read)
        item->full = item->touched;
    item->modified = exchange_wall_ms(ex);
    char *const *t = item->text;
    if (!ex_db_run(
            ex->db,
            "UPDATE item SET full=?, touched=?, received=?, sent=?, modified=?, read=?,"
            " draft=?, subject=?, class=?, importance=?, sensitivity=?, body=?, body_type=?,"
            " from_name=?, from_address=?, recipients=?, internet_id=?, cc=?, bcc=?,"
            " in_reply_to=?, refs=?, receipts=? WHERE id=?",
            "iiiiiiissssssssssssssii", item->full, item->touched, item->received, item->sent,
            item->modified, (int64_t)item->read, (int64_t)item->draft, t[ITEM_SUBJECT],
            t[ITEM_CLASS], t[ITEM_IMPORTANCE], t[ITEM_SENSITIVITY], t[ITEM_BODY],
            t[ITEM_BODY_TYPE], t[ITEM_FROM_NAME], t[ITEM_FROM_ADDRESS], t[ITEM_TO],
            t[ITEM_INTERNET_ID], t[ITEM_CC], t[ITEM_BCC], t[ITEM_IN_REPLY_TO],
            t[ITEM_REFERENCES], item->receipts, item->id))
        return internal;
    tell(ex, PUSH_MODIFIED, item, 0, NULL);
    return NULL;
}

/* A tombstone stays, so that SyncFolderItems can tell; its properties need not. */
static bool bury(struct exchange *ex, int64_t id)
{
    int64_t seq = exchange_next_seq(ex);
    return ex_db_run(ex->db, "UPDATE item SET gone=?, touched=?, body='' WHERE id=?", "iii",
                     seq, seq, id);
}

/* An attachment's id has its item's in it, so it is another one after a move. */
static bool move_attachments(struct exchange *ex, int64_t from, const struct item *to)
{
    struct attachment attachment;
    bool ok = true;
    while (ok && ex_attachment_next(ex, from, 0, &attachment)) {
        ex_ident_attachment(ex, to->key, attachment.id, attachment.key);
        ok = ex_db_run(ex->db, "UPDATE attachment SET item=?, key=? WHERE id=?", "isi", to->id,
                       attachment.key, attachment.id);
    }
    return ok;
}

const char *ex_item_move(struct exchange *ex, struct item *item, int64_t folder)
{
    struct folder to;
    if (!ex_folder_by_id(ex, folder, &to) || to.mailbox != item->mailbox)
        return "ErrorToFolderNotFound";
    int64_t old_id = item->id, old_folder = item->folder;
    char old_key[EXCHANGE_ID_MAX];
    snprintf(old_key, sizeof old_key, "%s", item->key);
    item->folder = folder;
    item->modified = exchange_wall_ms(ex);
    if (!bury(ex, old_id) || !insert(ex, item) ||
        !ex_db_run(ex->db, "UPDATE property SET owner=? WHERE is_folder=0 AND owner=?", "ii",
                   item->id, old_id) ||
        !move_attachments(ex, old_id, item))
        return internal;
    tell(ex, PUSH_MOVED, item, old_folder, old_key);
    return NULL;
}

const char *ex_item_copy(struct exchange *ex, struct item *item, int64_t folder)
{
    struct folder to;
    if (!ex_folder_by_id(ex, folder, &to) || to.mailbox != item->mailbox)
        return "ErrorToFolderNotFound";
    int64_t old_id = item->id, old_folder = item->folder, after = 0;
    char old_key[EXCHANGE_ID_MAX];
    snprintf(old_key, sizeof old_key, "%s", item->key);
    item->folder = folder;
    item->created = item->modified = exchange_wall_ms(ex);
    int64_t size = item->size;
    if (!insert(ex, item) ||
        !ex_db_run(ex->db,
                   "INSERT INTO property (is_folder, owner, key, value)"
                   " SELECT 0, ?, key, value FROM property WHERE is_folder=0 AND owner=?",
                   "ii", item->id, old_id))
        return internal;
    struct attachment attachment;
    while (ex_attachment_next(ex, old_id, after, &attachment)) {
        after = attachment.id;
        if (!ex_attachment_add(ex, item, &attachment))
            return internal;
    }
    item->size = size;
    ex_db_run(ex->db, "UPDATE item SET size=? WHERE id=?", "ii", size, item->id);
    tell(ex, PUSH_COPIED, item, old_folder, old_key);
    return NULL;
}

/* A content goes when the last attachment that names it goes, here and in a backup. It goes
 * before the commit: should that fail, a live item lacks its audio, which a stand-in may do
 * once in a power cut. */
static void forget(struct exchange *ex, const struct attachment *attachment)
{
    ex_db_run(ex->db, "DELETE FROM attachment WHERE id=?", "i", attachment->id);
    if (!ex_db_value(ex->db, 1,
                     "SELECT (SELECT count(*) FROM attachment WHERE hash=?)"
                     " + (SELECT count(*) FROM backup_attachment WHERE hash=?)",
                     "ss", attachment->hash, attachment->hash))
        ex_blob_forget(ex->blobs, attachment->hash);
}

static void remove_attachments(struct exchange *ex, int64_t item)
{
    struct attachment attachment;
    while (ex_attachment_next(ex, item, 0, &attachment))
        forget(ex, &attachment);
}

const char *ex_attachment_remove(struct exchange *ex, struct item *item,
                                 const struct attachment *attachment)
{
    forget(ex, attachment);
    item->size -= item->size > attachment->size ? attachment->size : 0;
    if (!ex_db_run(ex->db, "UPDATE item SET size=? WHERE id=?", "ii", item->size, item->id))
        return internal;
    return ex_item_save(ex, item, false);
}

const char *ex_item_remove(struct exchange *ex, struct item *item)
{
    if (!bury(ex, item->id) ||
        !ex_db_run(ex->db, "DELETE FROM property WHERE is_folder=0 AND owner=?", "i", item->id))
        return internal;
    remove_attachments(ex, item->id);
    item->gone = item->touched = ex->seq;
    tell(ex, PUSH_DELETED, item, 0, NULL);
    return NULL;
}
