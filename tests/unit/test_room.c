/* The disk of the message store is full: nothing dies, nothing is lost, it is said, and it goes
 * on by itself when there is room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/alarm.h"
#include "store/db.h"
#include "sync/room.h"
#include "tests/support/site.h"

enum { HOURS_MS = 3 * 60 * 60 * 1000, DISK_BYTES = 8 << 20 };
#define WAV "en-short-pcm16.wav"

/* The database itself, which no module but the store needs. */
static sqlite3 *database(struct store *store)
{
    struct err err;
    sqlite3_stmt *stmt = db_query(store, &err, "SELECT 1", "");

    assert_non_null(stmt);
    sqlite3 *db = sqlite3_db_handle(stmt);
    db_end(stmt);
    return db;
}

static bool find_alarm(const struct alarm *alarm, void *arg)
{
    bool *found = arg;

    *found = *found || strcmp(alarm->name, ALARM_DISK_FULL) == 0;
    return true;
}

static bool is_raised(struct store *store)
{
    bool found = false;
    struct err err;

    assert_true(alarm_each(store, find_alarm, &found, &err));
    return found;
}

/* ---- the service ---- */

/* The database may have so many pages: SQLite then says what it says of a full disk. */
static void allow_pages(struct store *store, int pages)
{
    char sql[64];

    snprintf(sql, sizeof sql, "PRAGMA max_page_count = %d", pages);
    assert_int_equal(sqlite3_exec(database(store), sql, NULL, NULL, NULL), SQLITE_OK);
}

/* rule: store-full */
static void the_service_outlives_a_full_disk_and_goes_on(void **state)
{
    char ids[12][LIMIT_UUID];
    struct site *site = site_new(1, NULL);
    const struct phone_deposit deposit = {
        .mailbox = "ann", .file = site_fixture(WAV), .from_number = "+15550100"};
    char refused[LIMIT_UUID];
    struct err err;

    (void)state;
    site->expect_warnings = true;
    site_mailbox(site, "ann");
    for (int i = 0; i < 12; i++)
        site_deposit(site, "ann", WAV, "", ids[i]);
    site_start(site);
    site_run(site, 60); /* in the middle of it */
    allow_pages(site->store, 1);
    for (int i = 0; i < 200 && phone_deposit(site->store, &deposit, NULL, refused, &err); i++) {
    }
    assert_int_equal(err.kind, ERR_FULL);
    assert_non_null(strstr(err.text, "free some space"));
    site_run(site, HOURS_MS);
    assert_non_null(site->scheduler);
    allow_pages(site->store, 100000);
    site_run(site, HOURS_MS);
    site_assert_agree(site);
    for (int i = 0; i < 12; i++)
        assert_int_equal(site_items(site, "ann", ids[i]), 1);
    site_free(&site);
}

/* What a run came to could not be written: the mailbox is let go as soon as it can be. */
/* rule: store-full */
static void a_run_that_could_not_be_written_down_lets_its_mailbox_go_later(void **state)
{
    char id[LIMIT_UUID];
    struct site *site = site_new(2, NULL);

    (void)state;
    site->expect_warnings = true;
    site_mailbox(site, "ann");
    site_start(site);
    site_run(site, HOURS_MS);
    for (int at = 0; at < 200; at += 5) {
        site_deposit(site, "ann", WAV, "", id);
        site_run(site, at);
        /* Every write fails, whatever it is, as it does with a read-only disk. */
        assert_int_equal(
            sqlite3_exec(database(site->store), "PRAGMA query_only = 1", NULL, NULL, NULL),
            SQLITE_OK);
        site_run(site, 20 * 1000);
        assert_int_equal(
            sqlite3_exec(database(site->store), "PRAGMA query_only = 0", NULL, NULL, NULL),
            SQLITE_OK);
        site_run(site, 20 * 60 * 1000);
        assert_int_equal(site_items(site, "ann", id), 1);
        assert_int_equal(site_message(site, id).dirty_since_ms, 0);
    }
    site_assert_agree(site);
    site_free(&site);
}

/* ---- a real small disk ---- */

static void fill(const char *dir)
{
    static const char zeros[4096];
    char path[LIMIT_PATH];

    snprintf(path, sizeof path, "%s/filler", dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    while (write(fd, zeros, sizeof zeros) > 0) {
    }
    assert_int_equal(errno, ENOSPC);
    close(fd);
}

static void empty(const char *dir)
{
    char path[LIMIT_PATH];

    snprintf(path, sizeof path, "%s/filler", dir);
    assert_int_equal(unlink(path), 0);
}

static void drop_line(enum log_level level, const char *line, void *arg)
{
    (void)level;
    (void)line;
    (void)arg;
}

static void use_small_disk(const char *dir)
{
    const struct store_options options = {.state_dir = dir, .node = 1};
    struct loop *loop = loop_virtual_new((struct wall){1795341600000});
    const struct log_ctx log = {NULL, "test", "room"};
    struct err err;
    struct store *store = store_open(&options, &err);

    assert_non_null(store);
    log_set_sink(drop_line, NULL);
    struct room *room = room_new(loop, store, &log);
    loop_virtual_run(loop, ROOM_LOOK_MS);
    assert_false(is_raised(store));
    fill(dir);
    loop_virtual_run(loop, 3 * ROOM_LOOK_MS);
    /* The look itself met the full disk, gave up the reserve, and said so in it. */
    assert_true(is_raised(store));
    empty(dir);
    loop_virtual_run(loop, 2 * ROOM_LOOK_MS);
    assert_false(is_raised(store));
    room_free(&room);
    store_close(&store);
    loop_free(&loop);
    log_set_sink(NULL, NULL);
}

/* rule: store-full */
static void a_full_disk_is_an_alarm_until_there_is_room(void **state)
{
    char dir[] = "/tmp/sib-room-XXXXXX", options[48];

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(options, sizeof options, "size=%d,mode=0700", DISK_BYTES);
    if (mount("sib-test", dir, "tmpfs", 0, options) != 0) {
        print_message("skipped: no small disk can be mounted (%s)\n", strerror(errno));
    } else {
        use_small_disk(dir);
        umount2(dir, MNT_DETACH);
    }
    rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_service_outlives_a_full_disk_and_goes_on),
        cmocka_unit_test(a_run_that_could_not_be_written_down_lets_its_mailbox_go_later),
        cmocka_unit_test(a_full_disk_is_an_alarm_until_there_is_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
