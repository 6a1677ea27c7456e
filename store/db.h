/* SQLite behind the store: statements by literal, bound by a string of types.
 *
 * Only store/ and queue/ include this: SQL is written nowhere else. Statements are prepared
 * once and kept; a statement that is being walked must not be started again from inside. */
#ifndef SIB_STORE_DB_H
#define SIB_STORE_DB_H

#include <sqlite3.h>

#include "store/store.h"

/* types: 's' const char *, 'i' int64_t (pass int64_t!), 'b' int or bool.
 * sql must be a string literal (the cache goes by its address). */

/* Run a statement that returns no row; *changes may be NULL. */
bool db_run(struct store *store, struct err *err, const char *sql, const char *types, ...);
int db_changes(struct store *store);

/* Begin a query; walk it with db_next, read with db_text/db_int, end with db_end always. NULL
 * on error. */
sqlite3_stmt *db_query(struct store *store, struct err *err, const char *sql, const char *types,
                       ...);
/* 1 a row, 0 no more, -1 error. */
int db_next(struct store *store, sqlite3_stmt *stmt, struct err *err);
const char *db_text(sqlite3_stmt *stmt, int column); /* "" for NULL */
int64_t db_int(sqlite3_stmt *stmt, int column);
void db_copy(sqlite3_stmt *stmt, int column, char *out, size_t size);
void db_end(sqlite3_stmt *stmt);

/* One row or none: *found. The columns are read by the caller before db_end. */
sqlite3_stmt *db_one(struct store *store, struct err *err, bool *found, const char *sql,
                     const char *types, ...);

/* The number for a row that changes now (tx). */
int64_t db_next_row(struct store *store);

#endif
