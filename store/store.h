/* The Connection message store: one SQLite database and a folder of audio files.
 *
 * Any number of processes may open it at once; facts are in it, not in a process. WAL mode,
 * synchronous=FULL; every write transaction and every checkpoint takes one lock file first
 * (docs/store.md says why). What was committed survives kill -9 and power loss.
 * Ownership: the store borrows nothing; strings handed in are copied; rows handed out are plain
 * values. Errors: a failed fsync or a damaged file breaks the store: every later call fails
 * with ERR_IO and the process should end (it recovers on the next start). A full disk gives
 * ERR_FULL and leaves nothing half done. Writers: every function that changes something must be
 * called between store_begin and store_commit, says so with "(tx)", and takes effect at the
 * commit. */
#ifndef SIB_STORE_STORE_H
#define SIB_STORE_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/limits.h"

struct store;

struct store_options {
    const char *state_dir;
    int node;           /* 1 publisher, 2 subscriber: the last word in a tie of stamps */
    const char *server; /* its name, for the history; NULL: "publisher" or "subscriber" */
    const char *event; /* what makes this process write, for the history: a literal; NULL: "" */
    struct wall (*now)(void *arg); /* NULL: the system's clock */
    void *now_arg;
    bool memory; /* tests: no files but audio; state_dir holds the audio */
};

/* Opens, creates, or migrates forward. A database of a newer version is refused. */
struct store *store_open(const struct store_options *options, struct err *err);
void store_close(struct store **store);

/* Tests, of a store in memory: as empty as it was when it was opened. */
bool store_clear(struct store *store, struct err *err);

const char *store_state_dir(const struct store *store);
struct wall store_now(const struct store *store);
int store_node(const struct store *store);

/* Take the lock and begin. No nesting. */
bool store_begin(struct store *store, struct err *err);
bool store_commit(struct store *store, struct err *err);
void store_rollback(struct store *store);

/* Copy the write-ahead log into the database when it has grown; between transactions. */
bool store_checkpoint(struct store *store, struct err *err);

/* Is there room on the disk, beside the reserve? It is made when it is missing. ERR_FULL, with
 * a sentence: no. */
bool store_has_room(struct store *store, struct err *err);

/* Another number once anything was committed, by whatever process: whoever finds the same
 * number has seen all that there is. 0: not known. */
int64_t store_version(struct store *store);

/* A new stamp (tx): hybrid logical clock and node in one number; a greater stamp is a later
 * change. Its time is stamp_time. */
int64_t store_stamp(struct store *store);
struct wall stamp_time(int64_t stamp);
/* The smallest stamp of a time. */
int64_t stamp_at(struct wall time);

/* Version of the schema that this program writes. */
int store_schema_version(void);

#endif
