#include "store/server.h"

#include "store/db.h"

bool server_learn(struct store *store, const char *exchange, const char *name,
                  const char *value, struct err *err)
{
    return db_run(store, err,
                  "INSERT INTO server(exchange, name, value) VALUES(?, ?, ?)"
                  " ON CONFLICT(exchange, name) DO UPDATE SET value = excluded.value",
                  "sss", exchange, name, value);
}

bool server_recall(struct store *store, const char *exchange, const char *name, char *value,
                   struct err *err)
{
    bool found;
    sqlite3_stmt *stmt =
        db_one(store, err, &found, "SELECT value FROM server WHERE exchange = ? AND name = ?",
               "ss", exchange, name);

    value[0] = '\0';
    if (stmt && found)
        db_copy(stmt, 0, value, LIMIT_LEARNED);
    db_end(stmt);
    return stmt != NULL;
}
