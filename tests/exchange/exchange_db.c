#include "tests/exchange/exchange_db.h"

#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct db_query {
    struct db_query *next;
    struct db *db;
    const char *sql;
    sqlite3_stmt *stmt;
    bool busy;
};

struct db {
    sqlite3 *handle;
    struct db_query *queries; /* prepared once, used again */
    bool failed;
    char why[256];
};

static bool failed(struct db *db)
{
    if (!db->failed)
        snprintf(db->why, sizeof db->why, "%s", sqlite3_errmsg(db->handle));
    db->failed = true;
    return false;
}

struct db *ex_db_open(const char *path, const char *schema, struct err *err)
{
    struct db *db = calloc(1, sizeof *db);
    if (!db) {
        err_set(err, ERR_SYSTEM, "no memory for the stand-in's database");
        return NULL;
    }
    /* One process at a time, and no other reader: the exclusive lock says so. */
    const char *setup = "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL;"
                        "PRAGMA synchronous=FULL; PRAGMA temp_store=MEMORY;";
    if (sqlite3_open(path ? path : ":memory:", &db->handle) != SQLITE_OK ||
        sqlite3_exec(db->handle, setup, NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(db->handle, schema, NULL, NULL, NULL) != SQLITE_OK) {
        err_set(err, ERR_IO, "cannot open the mailboxes in %s: %s", path ? path : "memory",
                sqlite3_errmsg(db->handle));
        ex_db_close(&db);
        return NULL;
    }
    return db;
}

void ex_db_close(struct db **db)
{
    if (!*db)
        return;
    for (struct db_query *q = (*db)->queries, *next; q; q = next) {
        next = q->next;
        sqlite3_finalize(q->stmt);
        free(q);
    }
    sqlite3_close((*db)->handle);
    free(*db);
    *db = NULL;
}

bool ex_db_begin(struct db *db)
{
    db->failed = false;
    return ex_db_run(db, "BEGIN", "");
}

bool ex_db_commit(struct db *db, struct err *err)
{
    if (!db->failed && ex_db_run(db, "COMMIT", ""))
        return true;
    char why[sizeof db->why];
    snprintf(why, sizeof why, "%s", db->why);
    ex_db_rollback(db);
    return err_set(err, ERR_IO, "the stand-in's database refused a change: %s", why);
}

void ex_db_rollback(struct db *db)
{
    db->failed = false;
    if (!sqlite3_get_autocommit(db->handle))
        sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
    db->failed = false;
}

static struct db_query *prepare(struct db *db, const char *sql)
{
    for (struct db_query *q = db->queries; q; q = q->next)
        if (!q->busy && (q->sql == sql || !strcmp(q->sql, sql))) {
            q->busy = true;
            return q;
        }
    struct db_query *q = calloc(1, sizeof *q);
    if (!q || sqlite3_prepare_v2(db->handle, sql, -1, &q->stmt, NULL) != SQLITE_OK) {
        failed(db);
        free(q);
        return NULL;
    }
    q->db = db;
    q->sql = sql;
    q->busy = true;
    q->next = db->queries;
    db->queries = q;
    return q;
}

static void bind(struct db_query *query, const char *kinds, va_list args)
{
    for (int i = 0; kinds[i]; i++) {
        if (kinds[i] == 'i') {
            sqlite3_bind_int64(query->stmt, i + 1, va_arg(args, int64_t));
        } else {
            const char *text = va_arg(args, const char *);
            sqlite3_bind_text(query->stmt, i + 1, text, -1, SQLITE_TRANSIENT);
        }
    }
}

static struct db_query *query_v(struct db *db, const char *sql, const char *kinds, va_list args)
{
    struct db_query *query = prepare(db, sql);
    if (query)
        bind(query, kinds, args);
    return query;
}

bool ex_db_run(struct db *db, const char *sql, const char *kinds, ...)
{
    va_list args;
    va_start(args, kinds);
    struct db_query *query = query_v(db, sql, kinds, args);
    va_end(args);
    if (!query)
        return false;
    int rc = sqlite3_step(query->stmt);
    if (rc != SQLITE_DONE && rc != SQLITE_ROW)
        failed(db);
    ex_db_end(&query);
    return rc == SQLITE_DONE || rc == SQLITE_ROW;
}

struct db_query *ex_db_query(struct db *db, const char *sql, const char *kinds, ...)
{
    va_list args;
    va_start(args, kinds);
    struct db_query *query = query_v(db, sql, kinds, args);
    va_end(args);
    return query;
}

bool ex_db_row(struct db_query *query)
{
    if (!query)
        return false;
    int rc = sqlite3_step(query->stmt);
    if (rc != SQLITE_DONE && rc != SQLITE_ROW)
        failed(query->db);
    return rc == SQLITE_ROW;
}

int64_t ex_db_int(struct db_query *query, int column)
{
    return sqlite3_column_int64(query->stmt, column);
}

const char *ex_db_text(struct db_query *query, int column)
{
    const char *text = (const char *)sqlite3_column_text(query->stmt, column);
    return text ? text : "";
}

void ex_db_end(struct db_query **query)
{
    if (!*query)
        return;
    sqlite3_reset((*query)->stmt);
    sqlite3_clear_bindings((*query)->stmt);
    (*query)->busy = false;
    *query = NULL;
}

int64_t ex_db_value(struct db *db, int64_t otherwise, const char *sql, const char *kinds, ...)
{
    va_list args;
    va_start(args, kinds);
    struct db_query *query = query_v(db, sql, kinds, args);
    va_end(args);
    int64_t value = otherwise;
    if (ex_db_row(query) && sqlite3_column_type(query->stmt, 0) != SQLITE_NULL)
        value = ex_db_int(query, 0);
    ex_db_end(&query);
    return value;
}

int64_t ex_db_last_id(struct db *db)
{
    return sqlite3_last_insert_rowid(db->handle);
}
