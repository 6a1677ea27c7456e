/* Tables, identifiers, properties and attachments; folders and items have their own files. */
#include "tests/exchange/exchange_mailbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/exchange/exchange_ident.h"

const char exchange_tables[] =
    "CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value INTEGER);"
    "CREATE TABLE IF NOT EXISTS mailbox (id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " address TEXT UNIQUE COLLATE NOCASE);"
    "CREATE TABLE IF NOT EXISTS folder (id INTEGER PRIMARY KEY AUTOINCREMENT, mailbox INTEGER,"
    " parent INTEGER, born INTEGER, touched INTEGER, gone INTEGER DEFAULT 0, key TEXT,"
    " kind TEXT, name TEXT, class TEXT);"
    "CREATE UNIQUE INDEX IF NOT EXISTS folder_key ON folder (key);"
    "CREATE INDEX IF NOT EXISTS folder_parent ON folder (mailbox, parent);"
    "CREATE TABLE IF NOT EXISTS item (id INTEGER PRIMARY KEY AUTOINCREMENT, mailbox INTEGER,"
    " folder INTEGER, born INTEGER, full INTEGER, touched INTEGER, gone INTEGER DEFAULT 0,"
    " received INTEGER, sent INTEGER, created INTEGER, modified INTEGER, read INTEGER,"
    " draft INTEGER, size INTEGER, key TEXT, subject TEXT, class TEXT, importance TEXT,"
    " sensitivity TEXT, body TEXT, body_type TEXT, from_name TEXT, from_address TEXT,"
    " recipients TEXT, internet_id TEXT, cc TEXT, bcc TEXT, in_reply_to TEXT, refs TEXT,"
    " receipts INTEGER);"
    "CREATE UNIQUE INDEX IF NOT EXISTS item_key ON item (key);"
    "CREATE INDEX IF NOT EXISTS item_touched ON item (folder, touched);"
    "CREATE INDEX IF NOT EXISTS item_unread ON item (folder) WHERE gone=0 AND read=0;"
    "CREATE TABLE IF NOT EXISTS property (is_folder INTEGER, owner INTEGER, key TEXT, value "
    "TEXT,"
    " PRIMARY KEY (is_folder, owner, key)) WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS attachment (id INTEGER PRIMARY KEY AUTOINCREMENT, item INTEGER,"
    " key TEXT, name TEXT, type TEXT, content_id TEXT, is_inline INTEGER, size INTEGER,"
    " hash TEXT);"
    "CREATE INDEX IF NOT EXISTS attachment_item ON attachment (item);"
    "CREATE INDEX IF NOT EXISTS attachment_key ON attachment (key);"
    "CREATE INDEX IF NOT EXISTS attachment_hash ON attachment (hash);"
    /* Which SyncStates are void, and where a mailbox is, if not here (exchange_move.c). */
    "CREATE TABLE IF NOT EXISTS lost (mailbox INTEGER, after INTEGER, until INTEGER);"
    "CREATE TABLE IF NOT EXISTS place (mailbox INTEGER PRIMARY KEY, host TEXT, code TEXT);"
    /* One backup of a mailbox (exchange_backup.c): the number of the last change in it, and the
     * rows as they were. */
    "CREATE TABLE IF NOT EXISTS backup (mailbox INTEGER PRIMARY KEY, seq INTEGER);"
    "CREATE TABLE IF NOT EXISTS backup_folder AS SELECT * FROM folder WHERE 0;"
    "CREATE TABLE IF NOT EXISTS backup_item AS SELECT * FROM item WHERE 0;"
    "CREATE TABLE IF NOT EXISTS backup_property AS SELECT * FROM property WHERE 0;"
    "CREATE TABLE IF NOT EXISTS backup_attachment AS SELECT * FROM attachment WHERE 0;"
    "CREATE INDEX IF NOT EXISTS backup_item_mailbox ON backup_item (mailbox);"
    "CREATE INDEX IF NOT EXISTS backup_attachment_hash ON backup_attachment (hash);";

bool ex_property_set(struct exchange *ex, bool is_folder, int64_t owner, const char *key,
                     const char *value)
{
    return ex_db_run(ex->db,
                     "INSERT INTO property (is_folder, owner, key, value) VALUES (?,?,?,?)"
                     " ON CONFLICT (is_folder, owner, key) DO UPDATE SET value=excluded.value",
                     "iiss", (int64_t)is_folder, owner, key, value);
}

void ex_property_remove(struct exchange *ex, bool is_folder, int64_t owner, const char *key)
{
    ex_db_run(ex->db, "DELETE FROM property WHERE is_folder=? AND owner=? AND key=?", "iis",
              (int64_t)is_folder, owner, key);
}

char *ex_property_get(struct exchange *ex, bool is_folder, int64_t owner, const char *key)
{
    struct db_query *query = ex_db_query(
        ex->db, "SELECT value FROM property WHERE is_folder=? AND owner=? AND key=?", "iis",
        (int64_t)is_folder, owner, key);
    char *value = ex_db_row(query) ? strdup(ex_db_text(query, 0)) : NULL;
    ex_db_end(&query);
    return value;
}

static void read_attachment(struct db_query *query, struct attachment *attachment)
{
    *attachment = (struct attachment){
        .id = ex_db_int(query, 0),
        .item = ex_db_int(query, 1),
        .is_inline = ex_db_int(query, 6),
        .size = ex_db_int(query, 7),
    };
    snprintf(attachment->key, sizeof attachment->key, "%s", ex_db_text(query, 2));
    snprintf(attachment->name, sizeof attachment->name, "%s", ex_db_text(query, 3));
    snprintf(attachment->type, sizeof attachment->type, "%s", ex_db_text(query, 4));
    snprintf(attachment->content_id, sizeof attachment->content_id, "%s", ex_db_text(query, 5));
    snprintf(attachment->hash, sizeof attachment->hash, "%s", ex_db_text(query, 8));
}

#define ATTACHMENT_COLUMNS                                                                     \
    "a.id, a.item, a.key, a.name, a.type, a.content_id, a.is_inline, a.size, a.hash"

bool ex_attachment_add(struct exchange *ex, struct item *item, struct attachment *attachment)
{
    bool ok = ex_db_run(
        ex->db,
        "INSERT INTO attachment (item, name, type, content_id, is_inline, size, hash)"
        " VALUES (?,?,?,?,?,?,?)",
        "isssiis", item->id, attachment->name, attachment->type, attachment->content_id,
        (int64_t)attachment->is_inline, attachment->size, attachment->hash);
    attachment->id = ex_db_last_id(ex->db);
    attachment->item = item->id;
    ex_ident_attachment(ex, item->key, attachment->id, attachment->key);
    item->size += attachment->size;
    return ok &&
           ex_db_run(ex->db, "UPDATE attachment SET key=? WHERE id=?", "si", attachment->key,
                     attachment->id) &&
           ex_db_run(ex->db, "UPDATE item SET size=? WHERE id=?", "ii", item->size, item->id);
}

bool ex_attachment_by_key(struct exchange *ex, int64_t mailbox, const char *key,
                          struct attachment *attachment)
{
    struct db_query *query =
        ex_db_query(ex->db,
                    "SELECT " ATTACHMENT_COLUMNS " FROM attachment a JOIN item i"
                    " ON i.id=a.item WHERE a.key=? AND i.mailbox=? AND i.gone=0",
                    "si", key, mailbox);
    bool found = ex_db_row(query);
    if (found)
        read_attachment(query, attachment);
    ex_db_end(&query);
    return found;
}

bool ex_attachment_next(struct exchange *ex, int64_t item, int64_t after,
                        struct attachment *attachment)
{
    struct db_query *query = ex_db_query(ex->db,
                                         "SELECT " ATTACHMENT_COLUMNS " FROM attachment a"
                                         " WHERE a.item=? AND a.id>? ORDER BY a.id LIMIT 1",
                                         "ii", item, after);
    bool found = ex_db_row(query);
    if (found)
        read_attachment(query, attachment);
    ex_db_end(&query);
    return found;
}
