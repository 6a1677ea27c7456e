#include "store/copy.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "store/store_private.h"

enum { COLUMNS_MAX = 64, TABLES_MAX = 64, NAME_BYTES = 64 };

/* How the rows of a mailbox (?1) are found: by what the table has. The counters go along, so
 * that stamps stay in order. */
static const char whole[] = "1", by_id[] = "id = ?1", by_mailbox[] = "mailbox = ?1",
                  by_message[] = "message IN (SELECT id FROM message WHERE mailbox = ?1)";

/* Left out: what runs write and never read, and what belongs to those that are under way. */
static const char tables_sql[] =
    "SELECT name, CASE WHEN name = 'meta' THEN 0 WHEN name = 'mailbox' THEN 1"
    " WHEN EXISTS(SELECT 1 FROM pragma_table_info(t.name) c WHERE c.name = 'mailbox') THEN 2"
    " WHEN EXISTS(SELECT 1 FROM pragma_table_info(t.name) c WHERE c.name = 'message') THEN 3"
    " END AS how FROM sqlite_schema t WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
    " AND name NOT IN ('history', 'alarm', 'watch', 'queue', 'queue_hold', 'queue_hint',"
    " 'job', 'job_line')"
    " AND how IS NOT NULL";

struct table {
    char name[NAME_BYTES];
    const char *where;
};

static bool prepare(struct store *store, const char *sql, sqlite3_stmt **out, struct err *err)
{
    return sqlite3_prepare_v2(store->db, sql, -1, out, NULL) == SQLITE_OK ||
           db_error(store, "copy a mailbox", err);
}

/* "INSERT OR REPLACE INTO item VALUES(?,?,?)". */
static bool prepare_insert(struct store *to, const char *table, int columns, sqlite3_stmt **out,
                           struct err *err)
{
    char sql[64 + 2 * COLUMNS_MAX];
    int at = snprintf(sql, sizeof sql, "INSERT OR REPLACE INTO %s VALUES(", table);

    assert(columns > 0 && columns <= COLUMNS_MAX);
    for (int i = 0; i < columns; i++) {
        sql[at++] = i ? ',' : ' ';
        sql[at++] = '?';
    }
    sql[at++] = ')';
    sql[at] = '\0';
    return prepare(to, sql, out, err);
}

static bool put_row(struct store *to, sqlite3_stmt *row, sqlite3_stmt *insert, struct err *err)
{
    for (int i = 0; i < sqlite3_column_count(row); i++)
        sqlite3_bind_value(insert, i + 1, sqlite3_column_value(row, i));
    bool ok = sqlite3_step(insert) == SQLITE_DONE || db_error(to, "copy a mailbox", err);
    sqlite3_reset(insert);
    return ok;
}

static bool copy_rows(struct store *from, struct store *to, sqlite3_stmt *rows,
                      const char *table, struct err *err)
{
    sqlite3_stmt *insert = NULL;
    int step = SQLITE_ROW;
    bool ok = prepare_insert(to, table, sqlite3_column_count(rows), &insert, err);

    while (ok && (step = sqlite3_step(rows)) == SQLITE_ROW)
        ok = put_row(to, rows, insert, err);
    sqlite3_finalize(insert);
    return ok && (step == SQLITE_DONE || db_error(from, "copy a mailbox", err));
}

static bool copy_table(struct store *from, struct store *to, const struct table *table,
                       const char *mailbox, struct err *err)
{
    char sql[160 + NAME_BYTES];
    sqlite3_stmt *rows = NULL;

    snprintf(sql, sizeof sql, "SELECT * FROM %.*s WHERE %s", NAME_BYTES, table->name,
             table->where);
    if (!prepare(from, sql, &rows, err))
        return false;
    if (sqlite3_bind_parameter_count(rows) > 0)
        sqlite3_bind_text(rows, 1, mailbox, -1, SQLITE_STATIC);
    bool ok = copy_rows(from, to, rows, table->name, err);
    sqlite3_finalize(rows);
    return ok;
}

static bool list_tables(struct store *store, struct table *tables, int *count, struct err *err)
{
    static const char *const hows[] = {whole, by_id, by_mailbox, by_message};
    sqlite3_stmt *stmt = NULL;
    int step = SQLITE_DONE;

    *count = 0;
    if (!prepare(store, tables_sql, &stmt, err))
        return false;
    while (*count < TABLES_MAX && (step = sqlite3_step(stmt)) == SQLITE_ROW) {
        struct table *table = &tables[(*count)++];
        db_copy(stmt, 0, table->name, sizeof table->name);
        table->where = hows[db_int(stmt, 1)];
    }
    sqlite3_finalize(stmt);
    assert(*count < TABLES_MAX);
    return step == SQLITE_DONE || db_error(store, "copy a mailbox", err);
}

static bool copy_all(struct store *from, struct store *to, const struct table *tables,
                     int count, const char *id, struct err *err)
{
    for (int i = 0; i < count; i++) {
        if (!copy_table(from, to, &tables[i], id, err))
            return false;
    }
    return true;
}

static bool copy_tables(struct store *from, struct store *to, const char *mailbox,
                        struct err *err)
{
    struct table tables[TABLES_MAX];
    int count;

    return list_tables(from, tables, &count, err) &&
           copy_all(from, to, tables, count, mailbox, err);
}

bool store_copy_mailbox(struct store *from, struct store *to, const char *mailbox,
                        struct err *err)
{
    assert(!from->in_tx && !to->in_tx);
    /* A transaction that only reads: all tables as of one moment, and no lock of writers. */
    if (sqlite3_exec(from->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
        return db_error(from, "copy a mailbox", err);
    bool ok = store_begin(to, err);
    if (ok && !copy_tables(from, to, mailbox, err)) {
        store_rollback(to);
        ok = false;
    }
    ok = ok && store_commit(to, err);
    sqlite3_exec(from->db, "COMMIT", NULL, NULL, NULL);
    return ok;
}

static bool has_message(struct store *store, const char *id, bool *has, struct err *err)
{
    sqlite3_stmt *stmt = db_one(store, err, has, "SELECT 1 FROM message WHERE id = ?", "s", id);

    db_end(stmt);
    return stmt != NULL;
}

bool store_copy_stranger(struct store *from, struct store *to, const char *message,
                         struct err *err)
{
    static const struct table tables[] = {
        {"message", by_id},
        {"mailbox", "id = (SELECT mailbox FROM message WHERE id = ?1)"},
        {"item", "message = ?1 AND mailbox = (SELECT mailbox FROM message WHERE id = ?1)"},
    };
    bool has;

    assert(!from->in_tx && !to->in_tx);
    if (!has_message(to, message, &has, err))
        return false;
    if (has)
        return true;
    if (!store_begin(to, err))
        return false;
    if (copy_all(from, to, tables, sizeof tables / sizeof tables[0], message, err))
        return store_commit(to, err);
    store_rollback(to);
    return false;
}
