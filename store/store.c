#include "store/store_private.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/file.h"
#include "base/text.h"
#include "store/schema.h"

/* A stamp: milliseconds since 1970, a counter within the millisecond, the node. */
enum { STAMP_NODE_BITS = 4, STAMP_COUNTER_BITS = 16 };
enum { CHECKPOINT_BYTES = 4 << 20, LOCK_PAUSE_MS = 2 };

static struct wall system_now(void *arg)
{
    (void)arg;
    return clock_wall();
}

const char *store_state_dir(const struct store *store)
{
    return store->state_dir;
}

struct wall store_now(const struct store *store)
{
    return store->now(store->now_arg);
}

int store_node(const struct store *store)
{
    return store->node;
}

int store_schema_version(void)
{
    return schema_version;
}

struct wall stamp_time(int64_t stamp)
{
    return (struct wall){stamp >> (STAMP_NODE_BITS + STAMP_COUNTER_BITS)};
}

int64_t stamp_at(struct wall time)
{
    return time.ms << (STAMP_NODE_BITS + STAMP_COUNTER_BITS);
}

int64_t store_stamp(struct store *store)
{
    assert(store->in_tx);
    int64_t physical = store_now(store).ms << STAMP_COUNTER_BITS;
    int64_t last = store->stamp >> STAMP_NODE_BITS;
    int64_t next = physical > last ? physical : last + 1;

    store->stamp = next << STAMP_NODE_BITS | store->node;
    store->counters_changed = true;
    return store->stamp;
}

/* ---- the disk's reserve ---- */

static void reserve_path(const struct store *store, char *path)
{
    snprintf(path, LIMIT_PATH, "%s/reserve", store->state_dir);
}

bool store_reserve_keep(struct store *store, struct err *err)
{
    char path[LIMIT_PATH];
    struct stat st;

    if (store->memory)
        return true;
    reserve_path(store, path);
    if (stat(path, &st) == 0 && st.st_size >= LIMIT_DISK_RESERVE)
        return true;
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return file_error(err, "create", path);
    errno = posix_fallocate(fd, 0, LIMIT_DISK_RESERVE);
    bool ok = errno == 0;
    if (!ok) {
        unlink(path);
        err_set(
            err, ERR_FULL,
            "the disk of %s is full (not even a reserve of %ld KiB is left); free some space",
            store->state_dir, LIMIT_DISK_RESERVE / KIB);
    }
    close(fd);
    return ok;
}

bool store_has_room(struct store *store, struct err *err)
{
    struct statvfs disk;

    if (store->memory)
        return true;
    if (!store_reserve_keep(store, err))
        return false;
    if (statvfs(store->state_dir, &disk) != 0)
        return file_error(err, "look at the disk of", store->state_dir);
    return (int64_t)disk.f_bavail * (int64_t)disk.f_frsize >= LIMIT_DISK_RESERVE ||
           err_set(err, ERR_FULL,
                   "the disk of %s is full: no new message is taken, and what was taken waits; "
                   "free some space",
                   store->state_dir);
}

void store_reserve_release(struct store *store)
{
    char path[LIMIT_PATH];

    if (store->memory)
        return;
    reserve_path(store, path);
    unlink(path);
}

/* ---- the writers' lock ---- */

static bool lock(struct store *store, struct err *err)
{
    struct mono start = clock_mono();

    if (store->lock_fd < 0)
        return true;
    while (flock(store->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return file_error(err, "lock the message store in", store->state_dir);
        if (mono_since(clock_mono(), start) > TIME_LOCK_MS)
            return err_set(err, ERR_TEMPORARY,
                           "the message store in %s is locked by another program; try again",
                           store->state_dir);
        nanosleep(&(struct timespec){.tv_nsec = LOCK_PAUSE_MS * 1000000L}, NULL);
    }
    return true;
}

static void unlock(struct store *store)
{
    if (store->lock_fd >= 0)
        flock(store->lock_fd, LOCK_UN);
}

/* ---- transactions ---- */

static bool exec(struct store *store, const char *sql, const char *doing, struct err *err)
{
    return sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK ||
           db_error(store, doing, err);
}

/* The same for what is said with every transaction: prepared once. */
static bool say(struct store *store, const char *sql, const char *doing, struct err *err)
{
    sqlite3_stmt *stmt = db_query(store, err, sql, "");

    if (!stmt)
        return false;
    bool ok = sqlite3_step(stmt) == SQLITE_DONE || db_error(store, doing, err);
    db_end(stmt);
    return ok;
}

static bool read_counters(struct store *store, struct err *err)
{
    store->counters_changed = false;
    if (store->memory && store->counters_known) /* nobody else writes there */
        return true;
    sqlite3_stmt *stmt = db_query(store, err,
                                  "SELECT (SELECT value FROM meta WHERE key = 'stamp'),"
                                  " (SELECT value FROM meta WHERE key = 'row')",
                                  "");
    if (!stmt)
        return false;
    bool ok = db_next(store, stmt, err) > 0;
    if (ok) {
        store->stamp = db_int(stmt, 0);
        store->row = db_int(stmt, 1);
    }
    db_end(stmt);
    store->counters_known = ok;
    return ok;
}

static bool write_counters(struct store *store, struct err *err)
{
    return !store->counters_changed ||
           db_run(store, err,
                  "UPDATE meta SET value = CASE key WHEN 'stamp' THEN ?1 ELSE ?2 END"
                  " WHERE key IN ('stamp', 'row')",
                  "ii", store->stamp, store->row);
}

static bool usable(const struct store *store, struct err *err)
{
    return !store->broken ||
           err_set(err, ERR_IO, "the message store in %s has failed; restart sibd",
                   store->state_dir);
}

bool store_begin(struct store *store, struct err *err)
{
    assert(!store->in_tx);
    store->event = store->own_event;
    if (!usable(store, err) || !lock(store, err))
        return false;
    if (!say(store, "BEGIN IMMEDIATE", "begin a transaction", err)) {
        unlock(store);
        return false;
    }
    store->in_tx = true;
    if (!read_counters(store, err)) {
        store_rollback(store);
        return false;
    }
    return true;
}

bool store_commit(struct store *store, struct err *err)
{
    assert(store->in_tx);
    crash_point("store.before-commit");
    if (!write_counters(store, err) || !say(store, "COMMIT", "commit", err)) {
        store_rollback(store);
        return false;
    }
    store->in_tx = false;
    store->commits++;
    unlock(store);
    crash_point("store.committed");
    return true;
}

int64_t store_version(struct store *store)
{
    struct err err;
    bool found = false;
    sqlite3_stmt *stmt = db_one(store, &err, &found, "PRAGMA data_version", "");
    /* SQLite counts what others committed, we what we did. */
    int64_t version = stmt && found ? db_int(stmt, 0) + store->commits : 0;

    db_end(stmt);
    return version;
}

void store_rollback(struct store *store)
{
    if (!store->in_tx)
        return;
    /* A failed rollback leaves a transaction that SQLite has ended itself. */
    sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    store->in_tx = store->counters_known = false;
    unlock(store);
}

/* Whoever wrote it: sibctl writes and ends, the services that stay look. */
static bool log_has_grown(const struct store *store)
{
    char path[LIMIT_PATH];
    struct stat st;

    if (store->memory)
        return false;
    snprintf(path, sizeof path, "%s/store.db-wal", store->state_dir);
    return stat(path, &st) == 0 && st.st_size >= CHECKPOINT_BYTES;
}

bool store_checkpoint(struct store *store, struct err *err)
{
    assert(!store->in_tx);
    if (!usable(store, err))
        return false;
    if (!log_has_grown(store))
        return true;
    if (!lock(store, err))
        return false;
    /* Whoever waits here keeps every writer waiting: a reader in the way ends it at once. */
    sqlite3_busy_timeout(store->db, 0);
    int code =
        sqlite3_wal_checkpoint_v2(store->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    sqlite3_busy_timeout(store->db, TIME_LOCK_MS);
    unlock(store);
    if (code == SQLITE_BUSY) /* a reader stands in the way; the next time will do */
        return true;
    return code == SQLITE_OK || db_error(store, "checkpoint", err);
}

/* ---- opening ---- */

static int user_version(struct store *store)
{
    sqlite3_stmt *stmt;
    int version = -1;

    if (sqlite3_prepare_v2(store->db, "PRAGMA user_version", -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        version = sqlite3_column_int(stmt, 0);
    sqlite3_finalize(stmt);
    return version;
}

static bool migrate_step(struct store *store, int version, struct err *err)
{
    char pragma[48];

    snprintf(pragma, sizeof pragma, "PRAGMA user_version = %d", version + 1);
    if (exec(store, "BEGIN IMMEDIATE", "migrate", err) &&
        exec(store, schema_steps[version], "migrate", err) &&
        exec(store, pragma, "migrate", err) && exec(store, "COMMIT", "migrate", err))
        return true;
    sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    return false;
}

static bool migrate(struct store *store, struct err *err)
{
    if (!lock(store, err))
        return false;
    int version = user_version(store);
    bool ok = version >= 0 || db_error(store, "open the database", err);
    if (ok && version > schema_version)
        ok = err_set(
            err, ERR_CONFIG,
            "the message store in %s was written by a newer sib (schema %d, this program "
            "knows %d); install that version again",
            store->state_dir, version, schema_version);
    for (; ok && version < schema_version; version++)
        ok = migrate_step(store, version, err);
    unlock(store);
    return ok;
}

static bool set_up(struct store *store, struct err *err)
{
    sqlite3_extended_result_codes(store->db, 1);
    sqlite3_busy_timeout(store->db, TIME_LOCK_MS);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_db_config(store->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    return exec(store, "PRAGMA journal_mode = WAL", "open the database", err) &&
           exec(store, "PRAGMA synchronous = FULL", "open the database", err) &&
           exec(store, "PRAGMA wal_autocheckpoint = 0", "open the database", err) &&
           exec(store, "PRAGMA temp_store = MEMORY", "open the database", err);
}

static bool open_files(struct store *store, struct err *err)
{
    char path[LIMIT_PATH];
    const char *name = ":memory:";

    if (!store->memory) {
        if (!file_make_dirs(store->state_dir, 0700, err))
            return false;
        if ((size_t)snprintf(path, sizeof path, "%s/store.lock", store->state_dir) >=
            sizeof path)
            return err_set(err, ERR_CONFIG, "state-dir %s is too long", store->state_dir);
        store->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (store->lock_fd < 0)
            return file_error(err, "open", path);
        snprintf(path, sizeof path, "%s/store.db", store->state_dir);
        name = path;
        /* Made here so that nobody else may read it; the log and the index take its mode. One
         * that is there is not opened: closing it would give up SQLite's own locks on it. */
        int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0 && errno != EEXIST)
            return file_error(err, "open", path);
        if (fd >= 0)
            close(fd);
    }
    if (sqlite3_open_v2(name, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) !=
        SQLITE_OK)
        return db_error(store, "open the database", err);
    /* Switching to WAL writes: under the lock like every write. */
    if (!lock(store, err))
        return false;
    bool ok = set_up(store, err);
    unlock(store);
    return ok;
}

struct store *store_open(const struct store_options *options, struct err *err)
{
    struct store *store = calloc(1, sizeof *store);
    if (!store) {
        err_set(err, ERR_SYSTEM, "out of memory");
        return NULL;
    }
    store->lock_fd = -1;
    store->node = options->node ? options->node : 1;
    store->now = options->now ? options->now : system_now;
    store->now_arg = options->now_arg;
    store->memory = options->memory;
    store->event = store->own_event = options->event ? options->event : "";
    text_copy(store->server, sizeof store->server,
              options->server    ? options->server
              : store->node == 1 ? "publisher"
                                 : "subscriber");
    err_clear(err);
    const char *dir = options->state_dir ? options->state_dir : "";
    if (!text_copy(store->state_dir, sizeof store->state_dir, dir)) {
        err_set(err, ERR_CONFIG, "state-dir %s is too long", dir);
        store_close(&store);
        return NULL;
    }
    if (!open_files(store, err) || !migrate(store, err)) {
        store_close(&store);
        return NULL;
    }
    return store;
}

void store_close(struct store **store)
{
    struct store *s = *store;

    if (s) {
        store_rollback(s);
        for (int i = 0; i < s->statement_count; i++)
            sqlite3_finalize(s->statements[i].stmt);
        sqlite3_close(s->db);
        if (s->lock_fd >= 0)
            close(s->lock_fd);
        free(s);
    }
    *store = NULL;
}
