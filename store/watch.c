#include "store/watch.h"

#include <string.h>

#include "store/db.h"

enum { ENDED_KEPT_MS = 24 * 3600 * 1000 };

#define WATCH_COLUMNS "secret, mailbox, subscription, made, heard, ended, way"

static void read_row(sqlite3_stmt *stmt, struct watch *out)
{
    db_copy(stmt, 0, out->secret, sizeof out->secret);
    db_copy(stmt, 1, out->mailbox, sizeof out->mailbox);
    db_copy(stmt, 2, out->subscription, sizeof out->subscription);
    out->made_ms = db_int(stmt, 3);
    out->heard_ms = db_int(stmt, 4);
    out->ended = db_int(stmt, 5) != 0;
    out->way = (enum watch_way)db_int(stmt, 6);
}

bool watch_add(struct store *store, const struct watch *watch, struct err *err)
{
    return db_run(store, err, "INSERT INTO watch VALUES(?, ?, ?, ?, ?, ?, ?)", "sssiibi",
                  watch->secret, watch->mailbox, watch->subscription, watch->made_ms,
                  watch->heard_ms, watch->ended, (int64_t)watch->way);
}

bool watch_set_subscription(struct store *store, const char *secret, const char *subscription,
                            struct err *err)
{
    return db_run(store, err, "UPDATE watch SET subscription = ? WHERE secret = ?", "ss",
                  subscription, secret);
}

bool watch_heard(struct store *store, const char *secret, struct err *err)
{
    return db_run(store, err, "UPDATE watch SET heard = ? WHERE secret = ?", "is",
                  store_now(store).ms, secret);
}

bool watch_end(struct store *store, const char *mailbox, const char *secret, struct err *err)
{
    return db_run(store, err,
                  "UPDATE watch SET ended = 1 WHERE mailbox = ?1 AND (?2 = '' OR secret = ?2)",
                  "ss", mailbox, secret) &&
           db_run(store, err, "DELETE FROM watch WHERE ended = 1 AND max(made, heard) < ?", "i",
                  store_now(store).ms - ENDED_KEPT_MS);
}

bool watch_end_others(struct store *store, const char *mailbox, const char *secret,
                      struct err *err)
{
    return db_run(store, err, "UPDATE watch SET ended = 1 WHERE mailbox = ?1 AND secret != ?2",
                  "ss", mailbox, secret);
}

bool watch_end_way(struct store *store, const char *mailbox, enum watch_way way,
                   struct err *err)
{
    return db_run(store, err,
                  "UPDATE watch SET ended = 1 WHERE mailbox = ? AND way = ? AND ended = 0",
                  "si", mailbox, (int64_t)way);
}

bool watch_end_push(struct store *store, const char *exchange, int64_t before_ms,
                    struct err *err)
{
    return db_run(store, err,
                  "UPDATE watch SET ended = 1 WHERE way = ?1 AND ended = 0"
                  " AND max(made, heard) < ?2"
                  " AND mailbox IN (SELECT id FROM mailbox WHERE exchange = ?3)",
                  "iis", (int64_t)WATCH_PUSH, before_ms, exchange);
}

bool watch_end_silent(struct store *store, int64_t before_ms, struct err *err)
{
    return db_run(store, err,
                  "UPDATE watch SET ended = 1 WHERE ended = 0 AND way = ?"
                  " AND max(made, heard) < ?",
                  "ii", (int64_t)WATCH_PUSH, before_ms);
}

bool watch_end_all(struct store *store, struct err *err)
{
    return db_run(store, err, "UPDATE watch SET ended = 1 WHERE ended = 0", "") &&
           db_run(store, err, "DELETE FROM watch WHERE ended = 1 AND max(made, heard) < ?", "i",
                  store_now(store).ms - ENDED_KEPT_MS);
}

static bool one(struct store *store, sqlite3_stmt *stmt, struct watch *out, bool *found)
{
    (void)store;
    memset(out, 0, sizeof *out);
    if (stmt && *found)
        read_row(stmt, out);
    db_end(stmt);
    return stmt != NULL;
}

bool watch_find(struct store *store, const char *secret, struct watch *out, bool *found,
                struct err *err)
{
    return one(store,
               db_one(store, err, found, "SELECT " WATCH_COLUMNS " FROM watch WHERE secret = ?",
                      "s", secret),
               out, found);
}

bool watch_current(struct store *store, const char *mailbox, enum watch_way way,
                   struct watch *out, bool *found, struct err *err)
{
    return one(store,
               db_one(store, err, found,
                      "SELECT " WATCH_COLUMNS " FROM watch WHERE mailbox = ? AND ended = 0"
                      " AND way = ? ORDER BY made DESC LIMIT 1",
                      "si", mailbox, (int64_t)way),
               out, found);
}

bool watch_tallies(struct store *store, watch_tally_fn *fn, void *arg, struct err *err)
{
    struct watch_tally tally;
    int next;
    sqlite3_stmt *stmt = db_query(store, err,
                                  "SELECT m.exchange, count(*), max(w.heard) FROM watch w"
                                  " JOIN mailbox m ON m.id = w.mailbox WHERE w.ended = 0"
                                  " AND w.way = ? AND w.subscription != '' GROUP BY m.exchange",
                                  "i", (int64_t)WATCH_PUSH);
    if (!stmt)
        return false;
    while ((next = db_next(store, stmt, err)) > 0) {
        db_copy(stmt, 0, tally.exchange, sizeof tally.exchange);
        tally.count = db_int(stmt, 1);
        tally.heard_ms = db_int(stmt, 2);
        if (!fn(&tally, arg))
            break;
    }
    db_end(stmt);
    return next >= 0;
}

bool watch_each(struct store *store, watch_fn *fn, void *arg, struct err *err)
{
    struct watch watch;
    int next;
    sqlite3_stmt *stmt =
        db_query(store, err, "SELECT " WATCH_COLUMNS " FROM watch ORDER BY mailbox, made", "");
    if (!stmt)
        return false;
    while ((next = db_next(store, stmt, err)) > 0) {
        read_row(stmt, &watch);
        if (!fn(&watch, arg))
            break;
    }
    db_end(stmt);
    return next >= 0;
}
