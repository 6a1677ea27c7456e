/* SQLite for the stand-in, behind four verbs.
 *
 * One connection, one thread. Statements are kept and used again; a statement that is being
 * read may be asked for a second time (recursion), then a second copy is prepared. Errors: the
 * first failure is remembered; nothing is committed after it (ex_db_commit is false). */
#ifndef SIB_TESTS_EXCHANGE_EXCHANGE_DB_H
#define SIB_TESTS_EXCHANGE_EXCHANGE_DB_H

#include <stdint.h>

#include "base/err.h"

struct db;
struct db_query;

/* path NULL: in memory. */
struct db *ex_db_open(const char *path, const char *schema, struct err *err);
void ex_db_close(struct db **db);

bool ex_db_begin(struct db *db);
/* False when anything failed since ex_db_begin: then everything was rolled back. */
bool ex_db_commit(struct db *db, struct err *err);
void ex_db_rollback(struct db *db);

/* kinds: one letter an argument, 'i' int64_t, 's' const char * (NULL allowed). sql: a literal.
 */
bool ex_db_run(struct db *db, const char *sql, const char *kinds, ...);
/* Rows one by one; always ended with ex_db_end. */
struct db_query *ex_db_query(struct db *db, const char *sql, const char *kinds, ...);
bool ex_db_row(struct db_query *query);
int64_t ex_db_int(struct db_query *query, int column);
/* "" for NULL; valid until the next row. */
const char *ex_db_text(struct db_query *query, int column);
void ex_db_end(struct db_query **query);
/* The first column of the first row, or `otherwise`. */
int64_t ex_db_value(struct db *db, int64_t otherwise, const char *sql, const char *kinds, ...);
int64_t ex_db_last_id(struct db *db);

#endif
