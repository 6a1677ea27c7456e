#include "store/endpoint.h"

#include <string.h>

#include "store/db.h"

bool endpoint_set(struct store *store, const char *exchange, const char *address,
                  const char *url, const char *group, struct err *err)
{
    return db_run(store, err,
                  "INSERT INTO endpoint VALUES(?1, lower(?2), ?3, ?4, ?5)"
                  " ON CONFLICT(exchange, address) DO UPDATE SET url = excluded.url,"
                  " grouping = excluded.grouping, found = excluded.found",
                  "ssssi", exchange, address, url, group, store_now(store).ms);
}

bool endpoint_get(struct store *store, const char *exchange, const char *address,
                  struct endpoint *out, bool *found, struct err *err)
{
    sqlite3_stmt *stmt = db_one(store, err, found,
                                "SELECT exchange, address, url, grouping, found FROM endpoint"
                                " WHERE exchange = ?1 AND address = lower(?2)",
                                "ss", exchange, address);

    memset(out, 0, sizeof *out);
    if (stmt && *found) {
        db_copy(stmt, 0, out->exchange, sizeof out->exchange);
        db_copy(stmt, 1, out->address, sizeof out->address);
        db_copy(stmt, 2, out->url, sizeof out->url);
        db_copy(stmt, 3, out->group, sizeof out->group);
        out->found_ms = db_int(stmt, 4);
    }
    db_end(stmt);
    return stmt != NULL;
}
