#include "tests/support/store_fixture.h"

#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/text.h"
static struct wall fixture_now(void *arg)
{
    return ((struct store_fixture *)arg)->now;
}

struct store *sf_open(struct store_fixture *f, int node)
{
    const struct store_options options = {.state_dir = f->state,
                                          .node = node,
                                          .now = fixture_now,
                                          .now_arg = f,
                                          .memory = f->memory};

    return store_open(&options, &f->err);
}

void sf_reopen(struct store_fixture *f, int node)
{
    store_close(&f->store);
    f->store = sf_open(f, node);
    sf_ok(f, f->store != NULL);
}

static int set_up(void **state, bool memory)
{
    struct store_fixture *f = calloc(1, sizeof *f);

    assert_non_null(f);
    *state = f;
    f->memory = memory;
    f->now.ms = SF_START_S * 1000LL;
    text_copy(f->dir, sizeof f->dir, "/tmp/sib-store-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->state, sizeof f->state, "%s/state", f->dir);
    f->store = sf_open(f, 1);
    sf_ok(f, f->store != NULL);
    return 0;
}

int sf_set_up(void **state)
{
    return set_up(state, true);
}

int sf_set_up_on_disk(void **state)
{
    return set_up(state, false);
}

int sf_tear_down(void **state)
{
    struct store_fixture *f = *state;
    char command[128];

    store_close(&f->store);
    snprintf(command, sizeof command, "rm -rf %s", f->dir);
    if (system(command) != 0)
        print_message("%s stays behind\n", f->dir);
    free(f);
    return 0;
}

void sf_ok(struct store_fixture *f, bool result)
{
    if (!result)
        fail_msg("%s", f->err.text);
}

void sf_begin(struct store_fixture *f)
{
    sf_ok(f, store_begin(f->store, &f->err));
}

void sf_commit(struct store_fixture *f)
{
    sf_ok(f, store_commit(f->store, &f->err));
}

const char *sf_message(struct store_fixture *f, const char *subject)
{
    const struct message_new message = {.mailbox = "ann", .subject = subject};

    sf_begin(f);
    sf_ok(f, message_add(f->store, &message, f->id, &f->err));
    sf_commit(f);
    return f->id;
}

struct message sf_get(struct store_fixture *f, const char *id)
{
    struct message message;

    sf_ok(f, message_get(f->store, id, &message, &f->err));
    return message;
}

void sf_clean(struct store_fixture *f, const char *id)
{
    struct message message = sf_get(f, id);

    sf_begin(f);
    sf_ok(f, message_mark_clean(f->store, id, message.row, &f->err));
    sf_commit(f);
    assert_false(sf_is_dirty(f, id));
}

bool sf_is_dirty(struct store_fixture *f, const char *id)
{
    return sf_get(f, id).dirty_since_ms != 0;
}

int64_t sf_count(struct store_fixture *f, struct store *store)
{
    int64_t count, unread;

    sf_ok(f, message_count(store, "ann", FOLDER_INBOX, &count, &unread, &f->err));
    return count;
}

const char *sf_path(struct store_fixture *f, const char *name)
{
    static char path[SF_PATH];

    snprintf(path, sizeof path, "%s/%s", f->state, name);
    return path;
}

int64_t sf_size(struct store_fixture *f, const char *name)
{
    struct stat st;

    return stat(sf_path(f, name), &st) == 0 ? st.st_size : -1;
}

int64_t sf_number(struct store_fixture *f, const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *stmt;

    assert_int_equal(sqlite3_open(sf_path(f, "store.db"), &db), SQLITE_OK);
    /* A look must not copy the log: that is what is being tested. */
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_busy_timeout(db, 5000);
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK ||
        sqlite3_step(stmt) != SQLITE_ROW)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    int64_t number = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return number;
}
