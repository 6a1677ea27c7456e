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
                                " intent_subject, intent_until, content, content_until"
                                " FROM agreed"
                                " WHERE message = ?",
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
        out->content = db_int(stmt, 14);
        out->content_until_ms = db_int(stmt, 15);
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
                  " VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                  "sbbbssssbibbbbsiiii", message, (int)agreed->place, agreed->read,
                  agreed->urgent, agreed->subject, agreed->item, agreed->folder,
                  agreed->version, agreed->refusals, agreed->content, (int)intent->what,
                  (int)intent->place, intent->read, intent->urgent, intent->subject,
                  intent->until_ms, agreed->content_until_ms, store_stamp(store),
                  db_next_row(store));
}

bool attempt_begin(struct store *store, const char *mailbox, const struct attempt *attempt,
                   struct err *err)
{
    return db_run(store, err,
                  "INSERT INTO attempt VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, 0,"
                  " 0, 0, ?, ?)",
                  "sssbiibbbsibbsii", attempt->creation, attempt->message, mailbox,
                  store_node(store), attempt->sent_ms, attempt->unknown_until_ms,
                  attempt->how == ATTEMPT_DIRECT, attempt->read, attempt->urgent,
                  attempt->subject, attempt->content, (int)attempt->how, attempt->generation,
                  attempt->winner, store_stamp(store), db_next_row(store));
}

bool attempt_extend(struct store *store, const char *creation, int64_t until_ms,
                    struct err *err)
{
    bool ok = db_run(
        store, err,
        "UPDATE attempt SET unknown_until = ?1, stamp = ?2, row = ?3"
        " WHERE open = 1 AND node = ?4 AND unknown_until < ?1 AND (?5 = '' OR creation = ?5)",
        "iiibs", until_ms, store_stamp(store), db_next_row(store), store_node(store), creation);
    if (!ok || creation[0])
        return ok;
    return db_run(store, err,
                  "UPDATE agreed SET intent_until = ?1, stamp = ?2, row = ?3"
                  " WHERE intent != 0 AND intent_until < ?1",
                  "iii", until_ms, store_stamp(store), db_next_row(store)) &&
           db_run(store, err,
                  "UPDATE agreed SET content_until = ?1, stamp = ?2, row = ?3"
                  " WHERE content_until != 0 AND content_until < ?1",
                  "iii", until_ms, store_stamp(store), db_next_row(store));
}

bool attempt_close(struct store *store, const char *creation, struct err *err)
{
    return db_run(store, err,
                  "UPDATE attempt SET open = 0, closed = ?, stamp = ?, row = ?"
                  " WHERE creation = ? AND closed = 0",
                  "iiis", store_now(store).ms, store_stamp(store), db_next_row(store),
                  creation);
}

bool attempt_lapse(struct store *store, const char *creation, struct err *err)
{
    return db_run(store, err,
                  "UPDATE attempt SET open = 0, closed = ?, lapsed = 1, stamp = ?, row = ?"
                  " WHERE creation = ? AND closed = 0",
                  "iiis", store_now(store).ms, store_stamp(store), db_next_row(store),
                  creation);
}

bool attempt_put_staged(struct store *store, const struct attempt *attempt, struct err *err)
{
    return db_run(store, err,
                  "UPDATE attempt SET open = ?, unknown_until = ?, generation = ?, winner = ?,"
                  " gone = ?, stamp = ?, row = ? WHERE creation = ? AND closed = 0",
                  "bibsiiis", attempt->open, attempt->unknown_until_ms, attempt->generation,
                  attempt->winner, attempt->gone_ms, store_stamp(store), db_next_row(store),
                  attempt->creation);
}

bool attempt_clear(struct store *store, const char *creation, struct err *err)
{
    return db_run(store, err,
                  "UPDATE attempt SET cleared = 1, stamp = ?, row = ? WHERE creation = ?",
                  "iis", store_stamp(store), db_next_row(store), creation);
}

#define ATTEMPT_COLUMNS                                                                        \
    "creation, message, how, sent, unknown_until, open, lapsed, read, urgent, subject,"        \
    " closed, generation, winner, gone, content"

static void read_attempt(sqlite3_stmt *stmt, struct attempt *out)
{
    db_copy(stmt, 0, out->creation, sizeof out->creation);
    db_copy(stmt, 1, out->message, sizeof out->message);
    out->how = (enum attempt_how)db_int(stmt, 2);
    out->sent_ms = db_int(stmt, 3);
    out->unknown_until_ms = db_int(stmt, 4);
    out->open = db_int(stmt, 5) != 0;
    out->lapsed = db_int(stmt, 6) != 0;
    out->read = db_int(stmt, 7) != 0;
    out->urgent = db_int(stmt, 8) != 0;
    db_copy(stmt, 9, out->subject, sizeof out->subject);
    out->closed_ms = db_int(stmt, 10);
    out->generation = (int)db_int(stmt, 11);
    db_copy(stmt, 12, out->winner, sizeof out->winner);
    out->gone_ms = db_int(stmt, 13);
    out->content = db_int(stmt, 14);
}

static bool read_attempts(struct store *store, sqlite3_stmt *stmt, struct attempt *out, int max,
                          int *count, struct err *err)
{
    int next = 0;

    *count = 0;
    if (!stmt)
        return false;
    while (*count < max && (next = db_next(store, stmt, err)) > 0)
        read_attempt(stmt, &out[(*count)++]);
    db_end(stmt);
    return next >= 0;
}

bool attempt_find(struct store *store, const char *creation, struct attempt *out, bool *found,
                  struct err *err)
{
    int count;
    bool ok = read_attempts(store,
                            db_query(store, err,
                                     "SELECT " ATTEMPT_COLUMNS
                                     " FROM attempt WHERE creation = ? LIMIT 1",
                                     "s", creation),
                            out, 1, &count, err);
    *found = ok && count > 0;
    return ok;
}

bool attempt_list(struct store *store, const char *message, struct attempt *out, int max,
                  int *count, struct err *err)
{
    return read_attempts(store,
                         db_query(store, err,
                                  "SELECT * FROM (SELECT " ATTEMPT_COLUMNS " FROM attempt"
                                  " WHERE message = ? ORDER BY open DESC, how DESC,"
                                  " lapsed DESC, sent DESC, creation LIMIT ?)"
                                  " ORDER BY sent, creation",
                                  "sb", message, max),
                         out, max, count, err);
}

bool attempt_list_uncleared(struct store *store, const char *mailbox, int64_t before_ms,
                            struct attempt *out, int max, int *count, struct err *err)
{
    return read_attempts(store,
                         db_query(store, err,
                                  "SELECT " ATTEMPT_COLUMNS " FROM attempt"
                                  " WHERE mailbox = ? AND how = 1 AND cleared = 0"
                                  " AND closed > 0 AND closed <= ? ORDER BY closed LIMIT ?",
                                  "sib", mailbox, before_ms, max),
                         out, max, count, err);
}

bool attempt_any_open(struct store *store, const char *mailbox, bool *any, struct err *err)
{
    sqlite3_stmt *stmt =
        db_one(store, err, any, "SELECT 1 FROM attempt WHERE mailbox = ? AND open = 1 LIMIT 1",
               "s", mailbox);
    db_end(stmt);
    return stmt != NULL;
}
