#include "store/history.h"

#include "store/db.h"

bool history_add(struct store *store, const char *message, const char *side, const char *what,
                 const char *why, struct err *err)
{
    return db_run(store, err,
                  "INSERT INTO history(time, message, side, what, why) VALUES(?, ?, ?, ?, ?)",
                  "issss", store_now(store).ms, message, side, what, why);
}

bool history_each(struct store *store, const char *message, history_fn *fn, void *arg,
                  struct err *err)
{
    int next;
    sqlite3_stmt *stmt = db_query(store, err,
                                  "SELECT time, message, side, what, why FROM history"
                                  " WHERE message = ? ORDER BY id",
                                  "s", message);
    if (!stmt)
        return false;
    while ((next = db_next(store, stmt, err)) > 0) {
        struct history entry = {.time_ms = db_int(stmt, 0)};
        db_copy(stmt, 1, entry.message, sizeof entry.message);
        db_copy(stmt, 2, entry.side, sizeof entry.side);
        db_copy(stmt, 3, entry.what, sizeof entry.what);
        db_copy(stmt, 4, entry.why, sizeof entry.why);
        if (!fn(&entry, arg))
            break;
    }
    db_end(stmt);
    return next >= 0;
}
