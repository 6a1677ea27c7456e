#include "store/history.h"

#include "store/store_private.h"

void history_set_event(struct store *store, const char *event)
{
    store->event = event;
}

bool history_add(struct store *store, const char *message, const char *side, const char *what,
                 const char *why, struct err *err)
{
    return db_run(store, err,
                  "INSERT INTO history(time, message, side, what, why, event, server)"
                  " VALUES(?, ?, ?, ?, ?, ?, ?)",
                  "issssss", store_now(store).ms, message, side, what, why, store->event,
                  store->server);
}

/* Ends the query. */
static bool walk(struct store *store, sqlite3_stmt *stmt, history_fn *fn, void *arg,
                 struct err *err)
{
    int next;

    if (!stmt)
        return false;
    while ((next = db_next(store, stmt, err)) > 0) {
        struct history entry = {.time_ms = db_int(stmt, 0)};
        db_copy(stmt, 1, entry.message, sizeof entry.message);
        db_copy(stmt, 2, entry.side, sizeof entry.side);
        db_copy(stmt, 3, entry.what, sizeof entry.what);
        db_copy(stmt, 4, entry.why, sizeof entry.why);
        db_copy(stmt, 5, entry.event, sizeof entry.event);
        db_copy(stmt, 6, entry.server, sizeof entry.server);
        if (!fn(&entry, arg))
            break;
    }
    db_end(stmt);
    return next >= 0;
}

#define HISTORY_COLUMNS "time, message, side, what, why, event, server"

bool history_each(struct store *store, const char *message, history_fn *fn, void *arg,
                  struct err *err)
{
    return walk(store,
                db_query(store, err,
                         "SELECT " HISTORY_COLUMNS " FROM history WHERE message = ?"
                         " ORDER BY id",
                         "s", message),
                fn, arg, err);
}

bool history_all(struct store *store, history_fn *fn, void *arg, struct err *err)
{
    return walk(store,
                db_query(store, err, "SELECT " HISTORY_COLUMNS " FROM history ORDER BY id", ""),
                fn, arg, err);
}
