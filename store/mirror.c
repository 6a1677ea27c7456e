/* The mirror of the other side: its mapped folders, and its items that carry our ids. */
#include "store/mapping.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "store/db.h"
#include "store/evidence.h"

/* ---- folders ---- */

static void read_folder(sqlite3_stmt *stmt, struct folder_row *out)
{
    db_copy(stmt, 0, out->id, sizeof out->id);
    db_copy(stmt, 1, out->name, sizeof out->name);
    out->place = (int)db_int(stmt, 2);
    out->root = db_int(stmt, 3) != 0;
    out->listing = db_int(stmt, 4) != 0;
    out->list_number = db_int(stmt, 5);
    out->has_token = db_int(stmt, 6) != 0;
}

/* Room for one more row; the rows are large, so there is never much more room than rows. */
static bool grow(struct folder_row **rows, int count, int *room, struct err *err)
{
    if (*rows && count < *room)
        return true;
    int more = *room ? *room * 2 : 8;
    struct folder_row *grown = realloc(*rows, (size_t)more * sizeof *grown);
    if (!grown)
        return err_set(err, ERR_SYSTEM, "out of memory");
    *rows = grown;
    *room = more;
    return true;
}

bool folder_list(struct store *store, const char *mailbox, struct folder_row **out, int *count,
                 struct err *err)
{
    struct folder_row *rows = NULL;
    int next = 0, room = 0;
    bool ok = true;
    sqlite3_stmt *stmt = db_query(store, err,
                                  "SELECT id, name, place, root, listing, list_number,"
                                  " token != '' FROM folder WHERE mailbox = ?"
                                  " ORDER BY root DESC, place, id",
                                  "s", mailbox);
    *out = NULL;
    *count = 0;
    if (!stmt)
        return false;
    while (ok && *count < LIMIT_FOLDERS && (next = db_next(store, stmt, err)) > 0) {
        ok = grow(&rows, *count, &room, err);
        if (!ok)
            break;
        assert(rows);
        read_folder(stmt, &rows[(*count)++]);
    }
    db_end(stmt);
    if (!ok || next < 0) {
        free(rows);
        *count = 0;
        return false;
    }
    *out = rows;
    return true;
}

static bool mark_messages_of_folder(struct store *store, const char *mailbox,
                                    const char *folder, struct err *err)
{
    return db_run(store, err,
                  "UPDATE message SET dirty_since = ?1 WHERE dirty_since = 0 AND mailbox = ?2"
                  " AND id IN (SELECT message FROM item WHERE mailbox = ?2 AND folder = ?3)",
                  "iss", store_now(store).ms, mailbox, folder);
}

static bool remove_folder(struct store *store, const char *mailbox, const char *folder,
                          struct err *err)
{
    return mark_messages_of_folder(store, mailbox, folder, err) &&
           db_run(store, err, "DELETE FROM item WHERE mailbox = ? AND folder = ?", "ss",
                  mailbox, folder) &&
           db_run(store, err, "DELETE FROM folder WHERE mailbox = ? AND id = ?", "ss", mailbox,
                  folder);
}

static const struct folder_row *find_row(const struct folder_row *rows, int count,
                                         const char *id)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(rows[i].id, id) == 0)
            return &rows[i];
    }
    return NULL;
}

static bool put_folder(struct store *store, const char *mailbox, const struct folder_row *row,
                       const struct folder_row *old, struct err *err)
{
    if (old && strcmp(old->name, row->name) == 0 && old->place == row->place &&
        old->root == row->root)
        return true;
    /* Moved from below the Inbox to below Deleted Items, say: all in it changed its place. */
    if (old && old->place != row->place && !bug(folder_move_unmarked) &&
        !mark_messages_of_folder(store, mailbox, row->id, err))
        return false;
    return db_run(store, err,
                  "INSERT INTO folder VALUES(?1, ?2, ?3, ?4, ?5, '', 1, 1, ?6, ?7)"
                  " ON CONFLICT(mailbox, id) DO UPDATE SET name = ?3, place = ?4, root = ?5,"
                  " stamp = ?6, row = ?7",
                  "sssbbii", mailbox, row->id, row->name, row->place, row->root,
                  store_stamp(store), db_next_row(store));
}

bool folder_replace_all(struct store *store, const char *mailbox, const struct folder_row *rows,
                        int count, struct err *err)
{
    struct folder_row *old;
    int known;

    if (!folder_list(store, mailbox, &old, &known, err))
        return false;
    bool ok = true;
    for (int i = 0; ok && i < known; i++)
        ok = find_row(rows, count, old[i].id) || remove_folder(store, mailbox, old[i].id, err);
    for (int i = 0; ok && i < count; i++)
        ok = put_folder(store, mailbox, &rows[i], find_row(old, known, rows[i].id), err);
    free(old);
    return ok;
}

char *folder_token(struct store *store, const char *mailbox, const char *folder,
                   struct err *err)
{
    bool found;
    char *token = NULL;
    sqlite3_stmt *stmt =
        db_one(store, err, &found, "SELECT token FROM folder WHERE mailbox = ? AND id = ?",
               "ss", mailbox, folder);
    if (stmt)
        token = strdup(found ? db_text(stmt, 0) : "");
    if (stmt && !token)
        err_set(err, ERR_SYSTEM, "out of memory");
    db_end(stmt);
    return token;
}

bool folder_set_token(struct store *store, const char *mailbox, const char *folder,
                      const char *token, struct err *err)
{
    return db_run(store, err,
                  "UPDATE folder SET token = ?1, stamp = ?2, row = ?3"
                  " WHERE mailbox = ?4 AND id = ?5 AND token != ?1",
                  "siiss", token, store_stamp(store), db_next_row(store), mailbox, folder);
}

bool folder_begin_listing(struct store *store, const char *mailbox, const char *folder,
                          struct err *err)
{
    return db_run(store, err,
                  "UPDATE folder SET token = '', listing = 1, list_number = list_number + 1,"
                  " stamp = ?1, row = ?2 WHERE mailbox = ?3 AND (?4 = '' OR id = ?4)",
                  "iiss", store_stamp(store), db_next_row(store), mailbox, folder);
}

bool folder_end_listing(struct store *store, const char *mailbox, const char *folder, int *gone,
                        struct err *err)
{
    static const char unseen[] =
        "UPDATE message SET dirty_since = ?1 WHERE dirty_since = 0 AND mailbox = ?2"
        " AND id IN (SELECT message"
        " FROM item WHERE mailbox = ?2 AND folder = ?3 AND seen < (SELECT list_number FROM "
        "folder"
        " WHERE mailbox = ?2 AND id = ?3))";
    static const char drop[] =
        "DELETE FROM item WHERE mailbox = ?1 AND folder = ?2 AND seen <"
        " (SELECT list_number FROM folder WHERE mailbox = ?1 AND id = ?2)";

    *gone = 0;
    if (!bug(listing_keeps_gone) &&
        (!db_run(store, err, unseen, "iss", store_now(store).ms, mailbox, folder) ||
         !db_run(store, err, drop, "ss", mailbox, folder)))
        return false;
    *gone = bug(listing_keeps_gone) ? 0 : db_changes(store);
    return db_run(
        store, err,
        "UPDATE folder SET listing = 0, stamp = ?, row = ? WHERE mailbox = ? AND id = ?"
        " AND listing = 1",
        "iiss", store_stamp(store), db_next_row(store), mailbox, folder);
}

/* ---- items ---- */

/* Two servers of one mailbox may have clocks that differ by so much. */
enum { MIRROR_CLOCKS_MS = 60 * 1000 };

#define ITEM_COLUMNS                                                                           \
    "i.id, i.folder, coalesce(f.place, -1), i.version, i.message, i.creation, i.subject, "     \
    "i.read,"                                                                                  \
    " i.urgent, i.modified, i.created, i.confirmed"
#define ITEM_FOLDER " LEFT JOIN folder f ON f.mailbox = i.mailbox AND f.id = i.folder"
#define ITEM_FROM   " FROM item i" ITEM_FOLDER
/* Without statistics SQLite takes the first column of the primary key for as good as a whole
 * index and reads all of a mailbox; so the index is named where it matters. */
#define ITEM_FROM_MESSAGE " FROM item i INDEXED BY item_message" ITEM_FOLDER

static void read_item(sqlite3_stmt *stmt, struct item_row *out)
{
    db_copy(stmt, 0, out->id, sizeof out->id);
    db_copy(stmt, 1, out->folder, sizeof out->folder);
    out->place = (int)db_int(stmt, 2);
    db_copy(stmt, 3, out->version, sizeof out->version);
    db_copy(stmt, 4, out->message, sizeof out->message);
    db_copy(stmt, 5, out->creation, sizeof out->creation);
    db_copy(stmt, 6, out->subject, sizeof out->subject);
    out->read = db_int(stmt, 7) != 0;
    out->urgent = db_int(stmt, 8) != 0;
    out->modified_ms = db_int(stmt, 9);
    out->created_ms = db_int(stmt, 10);
    out->confirmed = db_int(stmt, 11) != 0;
}

static bool find_item(struct store *store, const char *mailbox, const char *id,
                      struct item_row *out, bool *found, struct err *err)
{
    sqlite3_stmt *stmt = db_one(
        store, err, found, "SELECT " ITEM_COLUMNS ITEM_FROM " WHERE i.mailbox = ? AND i.id = ?",
        "ss", mailbox, id);
    if (stmt && *found)
        read_item(stmt, out);
    db_end(stmt);
    return stmt != NULL;
}

static bool write_item(struct store *store, const char *mailbox, const struct item_row *item,
                       bool confirmed, struct err *err)
{
    return db_run(
        store, err,
        "INSERT OR REPLACE INTO item VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10,"
        " ?11, coalesce((SELECT list_number FROM folder WHERE mailbox = ?1 AND id = ?3),"
        " 0), ?12, coalesce((SELECT 3 FROM item WHERE mailbox = ?1 AND id = ?2 AND message = ?5"
        " AND whose = 3), (SELECT mailbox != ?1 FROM message WHERE id = ?5), 2), ?13, ?14)",
        "sssssssbbiibii", mailbox, item->id, item->folder, item->version, item->message,
        item->creation, item->subject, item->read, item->urgent, item->modified_ms,
        item->created_ms, confirmed, store_stamp(store), db_next_row(store));
}

/* An item of another mailbox's message is no matter of that message. */
static bool mark(struct store *store, const char *mailbox, const char *message, struct err *err)
{
    return db_run(store, err,
                  "UPDATE message SET dirty_since = ? WHERE id = ? AND mailbox = ?"
                  " AND dirty_since = 0",
                  "iss", store_now(store).ms, message, mailbox);
}

/* What its times say, beside what it is: the latest state of the message's item is known from
 * now on; and an item that goes back in time is a sign that the other side was restored. */
static bool learn(struct store *store, const char *mailbox, const struct item_row *old,
                  const struct item_row *item, struct err *err)
{
    bool older = old && item->modified_ms && old->confirmed &&
                 item->modified_ms < old->modified_ms - MIRROR_CLOCKS_MS;

    return (!older || db_run(store, err,
                             "INSERT INTO evidence VALUES(?1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0,"
                             " 0, '', 0, ?2, ?3) ON CONFLICT(mailbox) DO UPDATE SET"
                             " older = older + 1, stamp = ?2, row = ?3",
                             "sii", mailbox, store_stamp(store), db_next_row(store))) &&
           db_run(store, err,
                  "INSERT INTO known(message, mailbox, item, created, modified, told_at,"
                  " changed_at, stamp, row) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7, ?8 WHERE "
                  "EXISTS (SELECT 1"
                  " FROM message WHERE id = ?1 AND mailbox = ?2)"
                  " ON CONFLICT(message) DO UPDATE SET created = ?4, modified = ?5,"
                  " told_at = CASE item WHEN ?3 THEN told_at ELSE ?6 END, item = ?3,"
                  " changed_at = ?6, stamp = ?7, row = ?8 WHERE (modified < ?5 OR ?5 = 0) AND "
                  "(item = ?3 OR NOT EXISTS"
                  " (SELECT 1 FROM item o WHERE o.mailbox = ?2 AND o.id = known.item))",
                  "sssiiiii", item->message, mailbox, item->id, item->created_ms,
                  item->modified_ms, store_now(store).ms, store_stamp(store),
                  db_next_row(store));
}

/* Does what is told now say something that the mirror did not say before? The version alone
 * does not: our own writes change it, and so do properties that do not concern us. */
static bool is_news(const struct item_row *old, const struct item_row *item)
{
    return strcmp(old->folder, item->folder) != 0 || strcmp(old->subject, item->subject) != 0 ||
           old->read != item->read || old->urgent != item->urgent ||
           strcmp(old->message, item->message) != 0;
}

bool item_put(struct store *store, const char *mailbox, const struct item_row *item,
              struct err *err)
{
    struct item_row old;
    bool found;

    if (!find_item(store, mailbox, item->id, &old, &found, err))
        return false;
    if ((!found || is_news(&old, item)) && !bug(news_unmarked) &&
        !mark(store, mailbox, item->message, err))
        return false;
    return learn(store, mailbox, found ? &old : NULL, item, err) &&
           write_item(store, mailbox, item, true, err);
}

bool item_put_own(struct store *store, const char *mailbox, const char *old_id,
                  const struct item_row *item, struct err *err)
{
    struct item_row old;
    bool found;

    if (old_id[0] && strcmp(old_id, item->id) != 0 &&
        !db_run(store, err, "DELETE FROM item WHERE mailbox = ? AND id = ?", "ss", mailbox,
                old_id))
        return false;
    if (!find_item(store, mailbox, item->id, &old, &found, err) ||
        !write_item(store, mailbox, item, false, err))
        return false;
    /* Only its fields changed: whether it was told of stays as it was. */
    return !found ||
           db_run(store, err, "UPDATE item SET confirmed = ? WHERE mailbox = ? AND id = ?",
                  "bss", old.confirmed, mailbox, item->id);
}

bool item_set_read(struct store *store, const char *mailbox, const char *id, bool read,
                   struct err *err)
{
    struct item_row old;
    bool found;

    if (!find_item(store, mailbox, id, &old, &found, err))
        return false;
    if (!found || old.read == read || bug(read_flag_unheard))
        return true;
    return mark(store, mailbox, old.message, err) &&
           db_run(store, err,
                  "UPDATE item SET read = ?, stamp = ?, row = ? WHERE mailbox = ? AND id = ?",
                  "biiss", read, store_stamp(store), db_next_row(store), mailbox, id);
}

bool item_drop(struct store *store, const char *mailbox, const char *id, const char *folder,
               bool *known, struct err *err)
{
    struct item_row old;

    if (!find_item(store, mailbox, id, &old, known, err))
        return false;
    if (*known && folder[0] && strcmp(folder, old.folder) != 0)
        *known = false;
    if (!*known)
        return true;
    return mark(store, mailbox, old.message, err) &&
           db_run(store, err, "DELETE FROM item WHERE mailbox = ? AND id = ?", "ss", mailbox,
                  id);
}

bool item_drop_unconfirmed(struct store *store, const char *mailbox, const char *folder,
                           int *gone, struct err *err)
{
    *gone = 0;
    if (bug(unconfirmed_kept))
        return true;
    if (!db_run(store, err,
                "UPDATE message SET dirty_since = ?1 WHERE dirty_since = 0 AND mailbox = ?2"
                " AND id IN (SELECT message"
                " FROM item INDEXED BY item_unconfirmed"
                " WHERE mailbox = ?2 AND folder = ?3 AND confirmed = 0)",
                "iss", store_now(store).ms, mailbox, folder) ||
        !db_run(store, err,
                "DELETE FROM item INDEXED BY item_unconfirmed"
                " WHERE mailbox = ? AND folder = ? AND confirmed = 0",
                "ss", mailbox, folder))
        return false;
    *gone = db_changes(store);
    return true;
}

bool item_any_unconfirmed(struct store *store, const char *mailbox, bool *any, struct err *err)
{
    sqlite3_stmt *stmt = db_one(store, err, any,
                                "SELECT 1 FROM item INDEXED BY item_unconfirmed"
                                " WHERE mailbox = ? AND confirmed = 0 LIMIT 1",
                                "s", mailbox);

    db_end(stmt);
    return stmt != NULL;
}

bool item_list(struct store *store, const char *mailbox, const char *message,
               struct item_row *out, int max, int *count, struct err *err)
{
    int next = 0;
    sqlite3_stmt *stmt = db_query(store, err,
                                  "SELECT " ITEM_COLUMNS ITEM_FROM_MESSAGE
                                  " WHERE i.mailbox = ? AND i.message = ?"
                                  " ORDER BY i.created, i.id",
                                  "ss", mailbox, message);
    *count = 0;
    if (!stmt)
        return false;
    while (*count < max && (next = db_next(store, stmt, err)) > 0)
        read_item(stmt, &out[(*count)++]);
    db_end(stmt);
    return next >= 0;
}

bool item_count(struct store *store, const char *mailbox, int64_t *count, struct err *err)
{
    bool found;
    sqlite3_stmt *stmt =
        db_one(store, err, &found, "SELECT count(*) FROM item WHERE mailbox = ?", "s", mailbox);
    *count = stmt && found ? db_int(stmt, 0) : 0;
    db_end(stmt);
    return stmt != NULL;
}

#define MISSING                                                                                \
    " FROM message m JOIN agreed a ON a.message = m.id WHERE m.mailbox = ?1 AND "              \
    "m.dirty_since != 0"                                                                       \
    " AND m.folder != 3 AND a.item != ''"                                                      \
    " AND NOT EXISTS (SELECT 1 FROM item i WHERE i.mailbox = ?1 AND i.message = m.id)"

bool item_any_missing(struct store *store, const char *mailbox, bool *any, struct err *err)
{
    sqlite3_stmt *stmt = db_one(store, err, any, "SELECT 1" MISSING " LIMIT 1", "s", mailbox);

    db_end(stmt);
    return stmt != NULL;
}

bool item_count_missing(struct store *store, const char *mailbox, int64_t *missing,
                        int64_t *agreed, struct err *err)
{
    bool found;
    sqlite3_stmt *stmt =
        db_one(store, err, &found,
               /* Counting all that is agreed costs as much as the mailbox is large. */
               "SELECT n, CASE n WHEN 0 THEN 0 ELSE (SELECT count(*) FROM message m"
               " JOIN agreed a ON a.message = m.id WHERE m.mailbox = ?1"
               " AND a.item != '') END FROM (SELECT count(*) AS n" MISSING
               /* What is deleted here loses nothing when Deleted Items is emptied there. */
               " AND m.folder = 0)",
               "s", mailbox);
    *missing = stmt && found ? db_int(stmt, 0) : 0;
    *agreed = stmt && found ? db_int(stmt, 1) : 0;
    db_end(stmt);
    return stmt != NULL;
}

bool stray_next_unknown(struct store *store, const char *mailbox, const char *after,
                        struct item_row *out, bool *found, struct err *err)
{
    sqlite3_stmt *stmt = db_one(store, err, found,
                                "SELECT " ITEM_COLUMNS ITEM_FROM " WHERE i.mailbox = ?"
                                " AND i.whose = 2 AND i.id > ? ORDER BY i.id LIMIT 1",
                                "ss", mailbox, after);
    if (stmt && *found)
        read_item(stmt, out);
    db_end(stmt);
    return stmt != NULL;
}
