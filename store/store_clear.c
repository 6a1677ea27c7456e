/* Emptying a store in memory, for tests by the hundred thousand. */
#include <assert.h>
#include <string.h>

#include "base/buf.h"
#include "store/store_private.h"

/* One statement a table, whatever tables there are. */
static bool compose(struct store *store, struct buf *sql, struct err *err)
{
    sqlite3_stmt *stmt =
        db_query(store, err, "SELECT name FROM sqlite_master WHERE type = 'table'", "");
    int next;

    if (!stmt)
        return false;
    while ((next = db_next(store, stmt, err)) > 0) {
        if (strcmp(db_text(stmt, 0), "meta") != 0)
            buf_printf(sql, "DELETE FROM %s;", db_text(stmt, 0));
    }
    db_end(stmt);
    buf_add_str(sql, "UPDATE meta SET value = 0;");
    return next == 0;
}

bool store_clear(struct store *store, struct err *err)
{
    struct buf sql;

    assert(store->memory && !store->in_tx);
    buf_init(&sql, 8 * KIB);
    bool ok = compose(store, &sql, err);
    store->counters_known = false;
    if (ok && sqlite3_exec(store->db, buf_str(&sql), NULL, NULL, NULL) != SQLITE_OK)
        ok = db_error(store, "empty the store", err);
    buf_clear(&sql);
    return ok;
}
