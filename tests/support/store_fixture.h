/* A message store with a clock of the test's, in memory or on disk, in a folder of its own; a
 * step that fails fails the test. */
#ifndef SIB_TESTS_SUPPORT_STORE_FIXTURE_H
#define SIB_TESTS_SUPPORT_STORE_FIXTURE_H

#include "store/message.h"

enum { SF_START_S = 1700000000, SF_PATH = 160 };

struct store_fixture {
    char dir[64];   /* ours, removed at the end */
    char state[96]; /* the state-dir, below it */
    struct store *store;
    struct wall now;
    struct err err;
    bool memory;
    char id[LIMIT_UUID]; /* of the last sf_message */
};

/* For cmocka: *state becomes a struct store_fixture with an empty store. */
int sf_set_up(void **state);         /* in memory; audio in the folder */
int sf_set_up_on_disk(void **state); /* all of it in the folder */
int sf_tear_down(void **state);

/* The same files once more, as another process would open them; NULL and f->err. */
struct store *sf_open(struct store_fixture *f, int node);
void sf_reopen(struct store_fixture *f, int node);

void sf_ok(struct store_fixture *f, bool result);
void sf_begin(struct store_fixture *f);
void sf_commit(struct store_fixture *f);

/* A message for the mailbox "ann" in a transaction of its own; its id is f->id, too. */
const char *sf_message(struct store_fixture *f, const char *subject);
struct message sf_get(struct store_fixture *f, const char *id);
/* The message is agreed. */
void sf_clean(struct store_fixture *f, const char *id);
bool sf_is_dirty(struct store_fixture *f, const char *id);
/* How many are in the inbox of "ann". */
int64_t sf_count(struct store_fixture *f, struct store *store);

/* The path of a file in the state-dir; valid until the next call. */
const char *sf_path(struct store_fixture *f, const char *name);
/* Its size; -1: it is not there. */
int64_t sf_size(struct store_fixture *f, const char *name);
/* The number that a query gives in a connection that is not the store's. */
int64_t sf_number(struct store_fixture *f, const char *sql);

#endif
