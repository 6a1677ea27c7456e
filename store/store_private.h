/* The store's own struct; only store/ includes this. */
#ifndef SIB_STORE_STORE_PRIVATE_H
#define SIB_STORE_STORE_PRIVATE_H

#include "store/db.h"

enum { DB_STATEMENTS_MAX = 256 };

struct store {
    sqlite3 *db;
    char state_dir[LIMIT_STATE_DIR];
    int node;
    struct wall (*now)(void *arg);
    void *now_arg;
    bool memory;
    int lock_fd; /* the writers' lock file; -1 in memory */
    bool in_tx;
    bool broken;   /* a failed fsync or damage: nothing more until the next start */
    int64_t stamp; /* last one given in this transaction, or read at its beginning */
    int64_t row;
    const char *event;     /* of the history's lines in this transaction */
    const char *own_event; /* when nothing else is set */
    char server[LIMIT_MAILBOX_NAME];
    int64_t commits; /* our own */
    bool counters_changed;
    bool counters_known; /* read since the last rollback */
    struct {
        const char *sql; /* by address of the literal */
        sqlite3_stmt *stmt;
    } statements[DB_STATEMENTS_MAX];
    int statement_count;
};

/* Fill err from SQLite's last error; marks the store broken when that is called for. */
bool db_error(struct store *store, const char *doing, struct err *err);

/* The disk's reserve: a file that is given up when the disk is full (audio.c, store.c). */
bool store_reserve_keep(struct store *store, struct err *err);
void store_reserve_release(struct store *store);

#endif
