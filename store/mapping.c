/* What was agreed, and the creates that were begun. Folders and items: mirror.c. */
#include "store/mapping.h"

#include <string.h>

#include "store/db.h"

bool agreed_get(struct store *store, const char *message, struct agreed *out, struct err *err)
{
    bool found;
    sqlite3_stmt *stmt = db_one(store, err, &found,
                                "SELECT place, read, urgent, subject, item, folder, version,"
                                " refusals, intent, intent_place, intent_read, intent_urgent,"
                                " intent_subject, intent_until FROM agreed WHERE message = ?",
                                "s", message);
    memset(out, 0, sizeof *out);
    if (stmt && found) {
        out->place = (enum agreed_place)db_int(stmt, 0);
        out->read = db_int(stmt, 1) != 0;
        out->urgent = db_int(stmt, 2) != 0;
        db_copy(stmt, 3, out->subject, sizeof out->subject);
        db_copy(stmt, 4, out->item, sizeof out->item);
        db_copy(stmt, 5, out->folder, sizeof out->folder);
        db_copy(stmt, 6, out->version, sizeof out->version);
        out->refusals = (int)db_int(stmt, 7);
        out->intent.what = (unsigned)db_int(stmt, 8);
        out->intent.place = (enum agreed_place)db_int(stmt, 9);
        out->intent.read = db_int(stmt, 10) != 0;
        out->intent.urgent = db_int(stmt, 11) != 0;
        db_copy(stmt, 12, out->intent.subject, sizeof out->intent.subject);
        out->intent.until_ms = db_int(stmt, 13);
    }
    db_end(stmt);
    return stmt != NULL;
}

bool agreed_set(struct store *store, const char *message, const struct agreed *agreed,
                struct err *err)
{
    const struct intent *intent = &agreed->intent;

    return db_run(store, err,
                  "INSERT OR REPLACE INTO agreed"
                  " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                  "sbbbssssbbbbbsiii", message, (int)agreed->place, agreed->read,
                  agreed->urgent, agreed->subject, agreed->item, agreed->folder,
                  agreed->version, agreed->refusals, (int)intent->what, (int)intent->place,
                  intent->read, intent->urgent, intent->subject, intent->until_ms,
                  store_stamp(store), db_next_row(store));
}

bool attempt_begin(struct store *store, const char *mailbox, const struct attempt *attempt,
                   struct err *err)
{
    return db_run(store, err, "INSERT INTO attempt VALUES(?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?)",
                  "sssbiibbsii", attempt->creation, attempt->message, mailbox,
                  store_node(store), attempt->sent_ms, attempt->unknown_until_ms, attempt->read,
                  attempt->urgent, attempt->subject, store_stamp(store), db_next_row(store));
}

bool attempt_extend(struct store *store, const char *creation, int64_t until_ms,
                    struct err *err)
{
    bool ok = db_run(
        store, err,
        "UPDATE attempt SET unknown_until = ?1, stamp = ?2, row = ?3"
        " WHERE open = 1 AND node = ?4 AND unknown_until < ?1 AND (?5 = '' OR creation = ?5)",
        "iiibs", until_ms, store_stamp(store), db_next_row(store), store_node(store), creation);
    return ok &&
           (creation[0] || db_run(store, err,
                                  "UPDATE agreed SET intent_until = ?1, stamp = ?2, row = ?3"
                                  " WHERE intent != 0 AND intent_until < ?1",
                                  "iii", until_ms, store_stamp(store), db_next_row(store)));
}

bool attempt_close(struct store *store, const char *creation, struct err *err)
{
    return db_run(
        store, err,
        "UPDATE attempt SET open = 0, stamp = ?, row = ? WHERE creation = ? AND open = 1",
        "iis", store_stamp(store), db_next_row(store), creation);
}

bool attempt_list(struct store *store, const char *message, struct attempt *out, int max,
                  int *count, struct err *err)
{
    int next = 0;
    sqlite3_stmt *stmt = db_query(store, err,
                                  "SELECT * FROM (SELECT creation, message, sent,"
                                  " unknown_until, open, read, urgent, subject FROM attempt"
                                  " WHERE message = ? ORDER BY open DESC, sent DESC, creation"
                                  " LIMIT ?) ORDER BY sent, creation",
                                  "sb", message, max);
    *count = 0;
    if (!stmt)
        return false;
    while (*count < max && (next = db_next(store, stmt, err)) > 0) {
        struct attempt *a = &out[(*count)++];
        db_copy(stmt, 0, a->creation, sizeof a->creation);
        db_copy(stmt, 1, a->message, sizeof a->message);
        a->sent_ms = db_int(stmt, 2);
        a->unknown_until_ms = db_int(stmt, 3);
        a->open = db_int(stmt, 4) != 0;
        a->read = db_int(stmt, 5) != 0;
        a->urgent = db_int(stmt, 6) != 0;
        db_copy(stmt, 7, a->subject, sizeof a->subject);
    }
    db_end(stmt);
    return next >= 0;
}

bool attempt_any_open(struct store *store, const char *mailbox, bool *any, struct err *err)
{
    sqlite3_stmt *stmt =
        db_one(store, err, any, "SELECT 1 FROM attempt WHERE mailbox = ? AND open = 1 LIMIT 1",
               "s", mailbox);
    db_end(stmt);
    return stmt != NULL;
}
