#include "store/evidence.h"

#include <string.h>

#include "store/db.h"

bool evidence_get(struct store *store, const char *mailbox, struct evidence *out,
                  struct err *err)
{
    bool found;
    sqlite3_stmt *stmt =
        db_one(store, err, &found,
               "SELECT looked_at, refused, compared, older, others,"
               " restored_at, restoring, restored_to, put_back, vanished,"
               " vanished_at, guarded, address, full_at FROM evidence WHERE mailbox = ?",
               "s", mailbox);
    memset(out, 0, sizeof *out);
    if (stmt && found) {
        out->looked_at = db_int(stmt, 0);
        out->refused = db_int(stmt, 1) != 0;
        out->compared = db_int(stmt, 2) != 0;
        out->older = db_int(stmt, 3);
        out->others_ms = db_int(stmt, 4);
        out->restored_at = db_int(stmt, 5);
        out->restoring = db_int(stmt, 6) != 0;
        out->restored_to = db_int(stmt, 7);
        out->put_back = db_int(stmt, 8);
        out->vanished = db_int(stmt, 9);
        out->vanished_at = db_int(stmt, 10);
        out->guarded = db_int(stmt, 11) != 0;
        db_copy(stmt, 12, out->address, sizeof out->address);
        out->full_at = db_int(stmt, 13);
    }
    db_end(stmt);
    return stmt != NULL;
}

bool evidence_put(struct store *store, const char *mailbox, const struct evidence *evidence,
                  struct err *err)
{
    return db_run(store, err,
                  "INSERT OR REPLACE INTO evidence(mailbox, looked_at, refused, compared,"
                  " older, others, restored_at, restoring, restored_to, put_back,"
                  " vanished, vanished_at, guarded, address, full_at, stamp, row)"
                  " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                  "sibbiiibiiiibsiii", mailbox, evidence->looked_at, evidence->refused,
                  evidence->compared, evidence->older, evidence->others_ms,
                  evidence->restored_at, evidence->restoring, evidence->restored_to,
                  evidence->put_back, evidence->vanished, evidence->vanished_at,
                  evidence->guarded, evidence->address, evidence->full_at, store_stamp(store),
                  db_next_row(store));
}

/* In the inbox on both sides as was agreed, and nowhere there now. */
#define VANISHED                                                                               \
    " FROM message m JOIN agreed a ON a.message = m.id LEFT JOIN known k ON k.message = m.id"  \
    " WHERE m.mailbox = ?1 AND m.dirty_since != 0 AND m.folder = 0 AND a.place = 1"            \
    " AND NOT EXISTS (SELECT 1 FROM item i WHERE i.mailbox = ?1 AND i.message = m.id)"
/* What was never told of was made last, by us. */
#define MADE "coalesce(nullif(k.created, 0), 9223372036854775807)"

bool evidence_count_lost(struct store *store, const char *mailbox, int64_t kept_ms,
                         struct evidence_counts *out, struct err *err)
{
    bool found;
    sqlite3_stmt *stmt =
        db_one(store, err, &found,
               "SELECT count(*), sum(" MADE " > ?2), min(CASE WHEN k.created > ?2"
               " THEN k.created END)" VANISHED,
               "si", mailbox, kept_ms);
    if (stmt && found) {
        out->vanished = db_int(stmt, 0);
        out->lost = db_int(stmt, 1);
        out->first_lost_ms = db_int(stmt, 2);
    }
    db_end(stmt);
    return stmt != NULL;
}

static bool count_kept(struct store *store, const char *mailbox, int64_t looked_at,
                       struct evidence_counts *out, struct err *err)
{
    bool found;
    sqlite3_stmt *stmt =
        db_one(store, err, &found,
               "SELECT count(*), max(i.created) FROM item i JOIN known k ON k.message ="
               " i.message AND k.item = i.id WHERE i.mailbox = ? AND i.confirmed = 1"
               " AND k.told_at <= ?",
               "si", mailbox, looked_at);
    if (stmt && found) {
        out->kept = db_int(stmt, 0);
        out->kept_ms = db_int(stmt, 1);
    }
    db_end(stmt);
    return stmt != NULL;
}

bool evidence_count(struct store *store, const char *mailbox, int64_t looked_at,
                    struct evidence_counts *out, struct err *err)
{
    bool found;

    memset(out, 0, sizeof *out);
    if (!count_kept(store, mailbox, looked_at, out, err) ||
        !evidence_count_lost(store, mailbox, out->kept_ms, out, err))
        return false;
    sqlite3_stmt *stmt = db_one(
        store, err, &found,
        "SELECT count(*) FROM message m JOIN agreed a ON a.message = m.id"
        " JOIN known k ON k.message = m.id JOIN item i ON i.mailbox = ?1 AND i.message = m.id"
        " WHERE m.mailbox = ?1 AND m.dirty_since != 0 AND m.folder != 3 AND i.modified > 0"
        " AND ((k.item != i.id AND i.modified < k.modified AND NOT EXISTS"
        " (SELECT 1 FROM item o WHERE o.mailbox = ?1 AND o.id = k.item))"
        " OR (k.item = i.id AND a.place = 3 AND i.modified <= k.modified"
        " AND k.changed_at <= ?2))",
        "si", mailbox, looked_at);
    out->reappeared = stmt && found ? db_int(stmt, 0) : 0;
    db_end(stmt);
    return stmt != NULL;
}

/* ---- what was last told of a message's item ---- */

bool known_get(struct store *store, const char *message, struct known *out, struct err *err)
{
    bool found;
    sqlite3_stmt *stmt = db_one(
        store, err, &found,
        "SELECT item, created, modified, told_at, changed_at FROM known WHERE message = ?", "s",
        message);
    memset(out, 0, sizeof *out);
    if (stmt && found) {
        db_copy(stmt, 0, out->item, sizeof out->item);
        out->created_ms = db_int(stmt, 1);
        out->modified_ms = db_int(stmt, 2);
        out->told_at = db_int(stmt, 3);
        out->changed_at = db_int(stmt, 4);
    }
    db_end(stmt);
    return stmt != NULL;
}

bool known_set(struct store *store, const char *mailbox, const char *message,
               const struct known *known, struct err *err)
{
    return db_run(store, err,
                  "INSERT OR REPLACE INTO known(message, mailbox, item, created, modified,"
                  " told_at, changed_at, stamp, row) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?)",
                  "sssiiiiii", message, mailbox, known->item, known->created_ms,
                  known->modified_ms, known->told_at, known->changed_at, store_stamp(store),
                  db_next_row(store));
}

/* ---- items whose message is not one of this mailbox ---- */

#define FOREIGN                                                                                \
    " FROM item i JOIN message m ON m.id = i.message JOIN mailbox b ON b.id = m.mailbox"       \
    " WHERE i.mailbox = ?1 AND i.whose = 1 AND m.mailbox != ?1 AND b.removed = 0"

static bool count_foreign(struct store *store, const char *mailbox, struct strays *out,
                          struct err *err)
{
    int next;
    sqlite3_stmt *stmt = db_query(
        store, err,
        "SELECT m.mailbox, count(DISTINCT i.message), sum(EXISTS (SELECT 1 FROM agreed a"
        " WHERE a.message = m.id AND a.item = i.id) OR EXISTS (SELECT 1 FROM known k"
        " WHERE k.message = m.id AND k.item = i.id))" FOREIGN
        " GROUP BY m.mailbox ORDER BY 2 DESC, 1",
        "s", mailbox);
    if (!stmt)
        return false;
    while ((next = db_next(store, stmt, err)) > 0) {
        if (!out->other[0])
            db_copy(stmt, 0, out->other, sizeof out->other);
        out->foreign += db_int(stmt, 1);
        out->same += db_int(stmt, 2);
    }
    db_end(stmt);
    return next >= 0;
}

bool stray_count(struct store *store, const char *mailbox, struct strays *out, struct err *err)
{
    bool found;
    int64_t any;

    memset(out, 0, sizeof *out);
    sqlite3_stmt *stmt =
        db_one(store, err, &found,
               "SELECT count(*), count(DISTINCT CASE whose WHEN 2 THEN message END) FROM item"
               " WHERE mailbox = ? AND whose IN (1, 2)",
               "s", mailbox);
    any = stmt && found ? db_int(stmt, 0) : 0;
    out->unknown = stmt && found ? db_int(stmt, 1) : 0;
    db_end(stmt);
    return stmt && (!any || count_foreign(store, mailbox, out, err));
}

bool stray_accept(struct store *store, const char *mailbox, struct err *err)
{
    return db_run(store, err,
                  "UPDATE item SET whose = 3, stamp = ?, row = ? WHERE mailbox = ?"
                  " AND whose = 1",
                  "iis", store_stamp(store), db_next_row(store), mailbox);
}

bool stray_claim(struct store *store, const char *mailbox, struct err *err)
{
    return db_run(store, err,
                  "UPDATE item SET whose = 0, stamp = ?1, row = ?2 WHERE mailbox = ?3"
                  " AND whose = 2 AND EXISTS (SELECT 1 FROM message m WHERE m.id = item.message"
                  " AND m.mailbox = ?3)",
                  "iis", store_stamp(store), db_next_row(store), mailbox);
}
