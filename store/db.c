#include "store/store_private.h"

#include <assert.h>
#include <stdarg.h>

#include "base/text.h"

bool db_error(struct store *store, const char *doing, struct err *err)
{
    int code = sqlite3_extended_errcode(store->db);

    switch (code & 0xff) {
    case SQLITE_FULL:
        store_reserve_release(store);
        return err_set(err, ERR_FULL,
                       "cannot %s: the disk of %s is full; free some space and try again",
                       doing, store->state_dir);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(err, ERR_TEMPORARY, "cannot %s: the message store is busy; try again",
                       doing);
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_IOERR:
        /* After a failed fsync pages may pass for written: nothing more until a new start. */
        store->broken = true;
        return err_set(err, ERR_IO, "cannot %s: the message store in %s failed: %s (%d)", doing,
                       store->state_dir, sqlite3_errmsg(store->db), code);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
        return err_set(err, ERR_DENIED,
                       "cannot %s: the message store in %s is not writable: %s", doing,
                       store->state_dir, sqlite3_errmsg(store->db));
    default:
        return err_set(err, ERR_INTERNAL, "cannot %s: %s (%d)", doing,
                       sqlite3_errmsg(store->db), code);
    }
}

static sqlite3_stmt *prepare(struct store *store, const char *sql, struct err *err)
{
    sqlite3_stmt *stmt;

    for (int i = 0; i < store->statement_count; i++) {
        if (store->statements[i].sql == sql) {
            assert(!sqlite3_stmt_busy(store->statements[i].stmt));
            return store->statements[i].stmt;
        }
    }
    assert(store->statement_count < DB_STATEMENTS_MAX);
    if (sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL) !=
        SQLITE_OK) {
        db_error(store, "prepare a statement", err);
        return NULL;
    }
    store->statements[store->statement_count].sql = sql;
    store->statements[store->statement_count++].stmt = stmt;
    return stmt;
}

static void bind(sqlite3_stmt *stmt, const char *types, va_list args)
{
    for (int i = 1; *types; types++, i++) {
        switch (*types) {
        case 's':
            sqlite3_bind_text(stmt, i, va_arg(args, const char *), -1, SQLITE_TRANSIENT);
            break;
        case 'i': sqlite3_bind_int64(stmt, i, va_arg(args, int64_t)); break;
        case 'b': sqlite3_bind_int(stmt, i, va_arg(args, int)); break;
        default: assert(!"an unknown type of argument");
        }
    }
}

static sqlite3_stmt *query(struct store *store, struct err *err, const char *sql,
                           const char *types, va_list args)
{
    if (store->broken) {
        err_set(err, ERR_IO, "the message store in %s has failed; restart sibd",
                store->state_dir);
        return NULL;
    }
    sqlite3_stmt *stmt = prepare(store, sql, err);
    if (stmt)
        bind(stmt, types, args);
    return stmt;
}

bool db_run(struct store *store, struct err *err, const char *sql, const char *types, ...)
{
    va_list args;

    assert(store->in_tx);
    va_start(args, types);
    sqlite3_stmt *stmt = query(store, err, sql, types, args);
    va_end(args);
    if (!stmt)
        return false;
    bool ok = sqlite3_step(stmt) == SQLITE_DONE || db_error(store, "write", err);
    db_end(stmt);
    return ok;
}

int db_changes(struct store *store)
{
    return sqlite3_changes(store->db);
}

sqlite3_stmt *db_query(struct store *store, struct err *err, const char *sql, const char *types,
                       ...)
{
    va_list args;

    va_start(args, types);
    sqlite3_stmt *stmt = query(store, err, sql, types, args);
    va_end(args);
    return stmt;
}

int db_next(struct store *store, sqlite3_stmt *stmt, struct err *err)
{
    switch (sqlite3_step(stmt)) {
    case SQLITE_ROW: return 1;
    case SQLITE_DONE: return 0;
    default: db_error(store, "read", err); return -1;
    }
}

const char *db_text(sqlite3_stmt *stmt, int column)
{
    const unsigned char *text = sqlite3_column_text(stmt, column);

    return text ? (const char *)text : "";
}

int64_t db_int(sqlite3_stmt *stmt, int column)
{
    return sqlite3_column_int64(stmt, column);
}

void db_copy(sqlite3_stmt *stmt, int column, char *out, size_t size)
{
    text_copy(out, size, db_text(stmt, column));
}

void db_end(sqlite3_stmt *stmt)
{
    if (stmt) {
        sqlite3_reset(stmt);
        sqlite3_clear_bindings(stmt);
    }
}

sqlite3_stmt *db_one(struct store *store, struct err *err, bool *found, const char *sql,
                     const char *types, ...)
{
    va_list args;

    *found = false;
    va_start(args, types);
    sqlite3_stmt *stmt = query(store, err, sql, types, args);
    va_end(args);
    if (!stmt)
        return NULL;
    int next = db_next(store, stmt, err);
    if (next < 0) {
        db_end(stmt);
        return NULL;
    }
    *found = next > 0;
    return stmt;
}

int64_t db_next_row(struct store *store)
{
    assert(store->in_tx);
    store->counters_changed = true;
    return ++store->row;
}
