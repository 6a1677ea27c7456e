/* The message store's promises: what was committed is there, whatever happens to processes,
 * clocks and disks. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/text.h"
#include "store/audio.h"
#include "store/db.h"
#include "tests/support/site.h"
#include "tests/support/store_fixture.h"

enum {
    WRITERS = 2,
    TRANSACTIONS = 200, /* of each writer */
    TEXT_BYTES = 40000, /* of a transcription: 200 of them are 2000 pages of log */
    KILLS = 12,
    DISK_BYTES = 8 << 20, /* of the small disk that becomes full */
    PATIENCE_MS = 20000,
};

/* ---- helpers ---- */

static char *long_text(void)
{
    static char text[TEXT_BYTES + 1];

    memset(text, 'a', TEXT_BYTES);
    return text;
}

/* One message with a long text, in a transaction of its own. */
static bool add_long(struct store *store, char *id, struct err *err)
{
    const struct message_new message = {.mailbox = "ann", .transcript = long_text()};

    if (!store_begin(store, err))
        return false;
    if (message_add(store, &message, id, err))
        return store_commit(store, err);
    store_rollback(store);
    return false;
}

static int64_t stamp(struct store_fixture *f)
{
    sf_begin(f);
    int64_t got = store_stamp(f->store);
    sf_commit(f);
    return got;
}

static void assert_whole(struct store_fixture *f)
{
    assert_int_equal(sf_number(f, "SELECT count(*) FROM pragma_integrity_check"
                                  " WHERE integrity_check = 'ok'"),
                     1);
}

static void change_by_hand(struct store_fixture *f, const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(sf_path(f, "store.db"), &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_close(db);
}

static void write_bytes(const char *path, const void *bytes, size_t len, long at)
{
    FILE *file = fopen(path, at ? "r+" : "w");

    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static unsigned mode_of(struct store_fixture *f, const char *name)
{
    struct stat st;

    assert_int_equal(stat(sf_path(f, name), &st), 0);
    return st.st_mode & 0777;
}

static void forget_database(struct store_fixture *f)
{
    static const char *const files[] = {"store.db", "store.db-wal", "store.db-shm"};

    store_close(&f->store);
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
        unlink(sf_path(f, files[i]));
}

static void assert_exits_well(pid_t child)
{
    int status;

    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- opening ---- */

static void a_store_is_made_where_none_was_and_only_its_owner_may_read_it(void **state)
{
    struct store_fixture *f = *state;
    mode_t old = umask(0);

    store_close(&f->store);
    snprintf(f->state, sizeof f->state, "%s/a/b", f->dir);
    f->store = sf_open(f, 1);
    sf_message(f, "s");
    umask(old);
    assert_int_equal(mode_of(f, ""), 0700);
    assert_int_equal(mode_of(f, "store.lock"), 0600);
    assert_int_equal(mode_of(f, "store.db"), 0600);
    assert_int_equal(mode_of(f, "store.db-wal"), 0600);
    assert_string_equal(store_state_dir(f->store), f->state);
}

static void what_was_committed_is_there_when_it_is_opened_again(void **state)
{
    struct store_fixture *f = *state;

    sf_message(f, "Call Ben back \xE2\x98\x8E");
    sf_reopen(f, 1);
    assert_string_equal(sf_get(f, f->id).subject, "Call Ben back \xE2\x98\x8E");
    assert_int_equal(sf_number(f, "PRAGMA user_version"), store_schema_version());
}

static void a_database_of_a_newer_schema_is_refused_by_a_sentence(void **state)
{
    struct store_fixture *f = *state;

    store_close(&f->store);
    change_by_hand(f, "PRAGMA user_version = 99");
    assert_null(sf_open(f, 1));
    assert_int_equal(f->err.kind, ERR_CONFIG);
    assert_non_null(strstr(f->err.text, "newer sib (schema 99"));
    assert_int_equal(sf_number(f, "PRAGMA user_version"), 99);
}

static void an_empty_file_is_brought_to_the_present_schema(void **state)
{
    struct store_fixture *f = *state;

    forget_database(f);
    write_bytes(sf_path(f, "store.db"), "", 0, 0);
    f->store = sf_open(f, 1);
    sf_ok(f, f->store != NULL);
    sf_message(f, "s");
    assert_int_equal(sf_number(f, "PRAGMA user_version"), store_schema_version());
}

static void a_migration_that_fails_leaves_nothing_of_itself(void **state)
{
    struct store_fixture *f = *state;

    forget_database(f);
    change_by_hand(f, "CREATE TABLE job(somebody)"); /* the last table of the first step */
    assert_null(sf_open(f, 1));
    assert_int_equal(sf_number(f, "SELECT count(*) FROM sqlite_master"), 1);
    assert_int_equal(sf_number(f, "PRAGMA user_version"), 0);
}

static void what_is_no_database_is_refused_and_stays_as_it_is(void **state)
{
    static const char words[] = "These are the minutes of the meeting, not a database.";
    struct store_fixture *f = *state;
    char found[sizeof words] = "";

    forget_database(f);
    write_bytes(sf_path(f, "store.db"), words, sizeof words, 0);
    assert_null(sf_open(f, 1));
    assert_int_equal(f->err.kind, ERR_IO);
    FILE *file = fopen(sf_path(f, "store.db"), "r");
    assert_int_equal(fread(found, 1, sizeof found, file), sizeof found);
    fclose(file);
    assert_memory_equal(found, words, sizeof words);
}

static void several_processes_may_open_a_new_store_at_once(void **state)
{
    struct store_fixture *f = *state;
    pid_t children[4];

    forget_database(f);
    for (int i = 0; i < 4; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            struct store *store = sf_open(f, 1);
            _exit(store && add_long(store, f->id, &f->err) ? 0 : 1);
        }
    }
    for (int i = 0; i < 4; i++)
        assert_exits_well(children[i]);
    f->store = sf_open(f, 1);
    assert_int_equal(sf_count(f, f->store), 4);
}

static void a_damaged_store_answers_nothing_more(void **state)
{
    struct store_fixture *f = *state;
    unsigned char noise[4096];
    int64_t count, unread;

    sf_message(f, "s");
    store_close(&f->store);
    change_by_hand(f, "PRAGMA wal_checkpoint(TRUNCATE)");
    int64_t page =
        sf_number(f, "SELECT rootpage FROM sqlite_master WHERE name = 'message_mailbox'");
    memset(noise, 0xA5, sizeof noise);
    write_bytes(sf_path(f, "store.db"), noise, sizeof noise, (page - 1) * (long)sizeof noise);
    f->store = sf_open(f, 1);
    sf_ok(f, f->store != NULL);
    assert_false(message_count(f->store, "ann", FOLDER_INBOX, &count, &unread, &f->err));
    assert_int_equal(f->err.kind, ERR_IO);
    err_clear(&f->err);
    assert_false(store_begin(f->store, &f->err));
    assert_int_equal(f->err.kind, ERR_IO);
    assert_non_null(strstr(f->err.text, "restart"));
    assert_false(store_checkpoint(f->store, &f->err));
    assert_int_equal(f->err.kind, ERR_IO);
}

/* ---- transactions ---- */

static void a_transaction_rolled_back_leaves_nothing(void **state)
{
    struct store_fixture *f = *state;
    const struct message_new message = {.mailbox = "ann", .subject = "never"};
    char id[LIMIT_UUID];
    struct message got;

    sf_message(f, "kept");
    int64_t row = sf_get(f, f->id).row;
    sf_begin(f);
    sf_ok(f, message_add(f->store, &message, id, &f->err));
    sf_ok(f, message_set_read(f->store, f->id, true, NULL, &f->err));
    store_rollback(f->store);
    store_rollback(f->store); /* nothing to roll back: nothing happens */
    assert_false(message_get(f->store, id, &got, &f->err));
    assert_int_equal(f->err.kind, ERR_NO_MAILBOX);
    assert_false(sf_get(f, f->id).read);
    assert_int_equal(sf_count(f, f->store), 1);
    sf_message(f, "next");
    assert_int_equal(sf_get(f, f->id).row, row + 1);
}

static void after_a_commit_or_a_rollback_others_may_write(void **state)
{
    struct store_fixture *f = *state;
    struct store *other = sf_open(f, 1);

    assert_non_null(other);
    sf_message(f, "committed");
    sf_ok(f, add_long(other, f->id, &f->err));
    sf_begin(f);
    store_rollback(f->store);
    sf_ok(f, add_long(other, f->id, &f->err));
    assert_int_equal(sf_count(f, f->store), 3);
    store_close(&other);
}

static void others_see_a_transaction_only_after_its_commit(void **state)
{
    struct store_fixture *f = *state;
    const struct message_new message = {.mailbox = "ann"};
    struct store *other = sf_open(f, 1);

    assert_non_null(other);
    sf_begin(f);
    sf_ok(f, message_add(f->store, &message, f->id, &f->err));
    assert_int_equal(sf_count(f, other), 0);
    sf_commit(f);
    assert_int_equal(sf_count(f, other), 1);
    store_close(&other);
}

/* ---- stamps and row numbers ---- */

static void a_stamp_carries_the_time_of_the_change(void **state)
{
    struct store_fixture *f = *state;

    assert_int_equal(stamp_time(stamp(f)).ms, f->now.ms);
}

static void stamps_only_grow_also_when_the_clock_goes_back(void **state)
{
    struct store_fixture *f = *state;
    int64_t last = stamp(f);

    f->now.ms -= 3600 * 1000;
    for (int i = 0; i < 5; i++) {
        int64_t next = stamp(f);
        assert_true(next > last);
        last = next;
    }
    f->now.ms += 7200 * 1000;
    int64_t next = stamp(f);
    assert_true(next > last);
    assert_int_equal(stamp_time(next).ms, f->now.ms);
}

static void a_hundred_thousand_stamps_in_a_millisecond_all_differ(void **state)
{
    struct store_fixture *f = *state;
    int64_t last = 0;

    sf_begin(f);
    for (int i = 0; i < 100000; i++) {
        int64_t next = store_stamp(f->store);
        if (next <= last)
            fail_msg("stamp %d does not grow", i);
        last = next;
    }
    sf_commit(f);
    /* The counter ran over into the next millisecond, no further. */
    assert_int_equal(stamp_time(last).ms, f->now.ms + 1);
}

static void stamps_go_on_over_a_reopen_with_a_clock_set_back(void **state)
{
    struct store_fixture *f = *state;
    int64_t last = stamp(f);

    f->now.ms -= 24LL * 3600 * 1000;
    sf_reopen(f, 1);
    assert_true(stamp(f) > last);
}

static void stamps_of_two_nodes_never_are_the_same(void **state)
{
    struct store_fixture *f = *state;

    int64_t one = stamp(f);
    forget_database(f);
    f->store = sf_open(f, 2);
    assert_int_equal(store_node(f->store), 2);
    int64_t two = stamp(f);
    assert_true(one != two);
    assert_int_equal(stamp_time(one).ms, stamp_time(two).ms);
    assert_true(two > one); /* the last word in a tie */
}

static void row_numbers_grow_with_every_change(void **state)
{
    struct store_fixture *f = *state;
    char first[LIMIT_UUID];

    text_copy(first, sizeof first, sf_message(f, "1"));
    int64_t one = sf_get(f, first).row;
    sf_message(f, "2");
    int64_t two = sf_get(f, f->id).row;
    assert_true(two > one);
    sf_begin(f);
    sf_ok(f, message_set_read(f->store, first, true, NULL, &f->err));
    sf_ok(f, message_set_urgent(f->store, f->id, true, NULL, &f->err));
    sf_commit(f);
    assert_true(sf_get(f, first).row > two);
    assert_true(sf_get(f, f->id).row > sf_get(f, first).row);
    sf_reopen(f, 1);
    sf_message(f, "3");
    assert_int_equal(sf_number(f, "SELECT count(DISTINCT row) FROM message"), 3);
    assert_int_equal(sf_number(f, "SELECT max(row) FROM message"), sf_get(f, f->id).row);
}

/* ---- several processes ---- */

/* What a child does; never returns. */
static void write_many(struct store_fixture *f)
{
    struct store *store = sf_open(f, 1);

    for (int i = 0; i < TRANSACTIONS; i++) {
        if (!store || !add_long(store, f->id, &f->err) || !store_checkpoint(store, &f->err)) {
            fprintf(stderr, "%s\n", f->err.text);
            _exit(1);
        }
    }
    _exit(0);
}

static void two_processes_writing_at_once_lose_nothing(void **state)
{
    struct store_fixture *f = *state;
    pid_t children[WRITERS];

    for (int i = 0; i < WRITERS; i++) {
        children[i] = fork();
        if (children[i] == 0)
            write_many(f);
    }
    for (int i = 0; i < WRITERS; i++)
        assert_exits_well(children[i]);
    assert_int_equal(sf_count(f, f->store), WRITERS * TRANSACTIONS);
    assert_int_equal(sf_number(f, "SELECT count(DISTINCT row) FROM message"),
                     WRITERS * TRANSACTIONS);
    assert_int_equal(sf_number(f, "SELECT count(DISTINCT read_at) FROM message"),
                     WRITERS * TRANSACTIONS);
    assert_whole(f);
    /* All of it is some 4000 pages: there were checkpoints in between. */
    assert_true(sf_size(f, "store.db-wal") < (int64_t)TRANSACTIONS * TEXT_BYTES);
}

/* Begin, write, say so, and never commit. */
static void hang_in_a_transaction(struct store_fixture *f, int say)
{
    const struct message_new message = {.mailbox = "ann", .transcript = long_text()};
    struct store *store = sf_open(f, 1);

    if (!store || !store_begin(store, &f->err))
        _exit(1);
    for (int i = 0; i < 100; i++) {
        if (!message_add(store, &message, f->id, &f->err))
            _exit(1);
    }
    if (write(say, "x", 1) != 1)
        _exit(1);
    for (;;)
        pause();
}

static void a_writer_killed_in_its_transaction_holds_up_nobody(void **state)
{
    struct store_fixture *f = *state;
    int fds[2];
    char byte;

    sf_message(f, "before");
    assert_int_equal(pipe(fds), 0);
    pid_t child = fork();
    if (child == 0)
        hang_in_a_transaction(f, fds[1]);
    assert_int_equal(read(fds[0], &byte, 1), 1);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    struct mono start = clock_mono();
    sf_message(f, "after");
    assert_true(mono_since(clock_mono(), start) < TIME_LOCK_MS / 2);
    assert_int_equal(sf_count(f, f->store), 2);
    assert_whole(f);
    close(fds[0]);
    close(fds[1]);
}

/* Commit for ever, and tell each id once it is committed. */
static void write_and_tell(struct store_fixture *f, int say)
{
    struct store *store = sf_open(f, 1);
    char id[LIMIT_UUID];

    while (store && add_long(store, id, &f->err)) {
        if (write(say, id, sizeof id) != sizeof id || !store_checkpoint(store, &f->err))
            break;
    }
    _exit(1);
}

static void what_was_committed_survives_a_kill_at_any_moment(void **state)
{
    struct store_fixture *f = *state;
    int fds[2];
    int64_t told = 0;

    for (int i = 0; i < KILLS; i++) {
        char id[LIMIT_UUID];
        assert_int_equal(pipe(fds), 0);
        pid_t child = fork();
        if (child == 0)
            write_and_tell(f, fds[1]);
        close(fds[1]);
        /* It dies in the middle of what comes after the i-th. */
        for (int n = 0; n <= i; n++, told++) {
            struct pollfd next = {.fd = fds[0], .events = POLLIN};
            assert_int_equal(poll(&next, 1, PATIENCE_MS), 1);
            assert_int_equal(read(fds[0], id, sizeof id), sizeof id);
            assert_string_equal(sf_get(f, id).mailbox, "ann");
        }
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
        for (; read(fds[0], id, sizeof id) == sizeof id; told++)
            assert_string_equal(sf_get(f, id).mailbox, "ann");
        close(fds[0]);
    }
    /* At each death one may have been committed and not told. */
    assert_in_range(sf_count(f, f->store), told, told + KILLS);
    assert_whole(f);
}

/* ---- checkpoints ---- */

static void a_checkpoint_shrinks_the_log(void **state)
{
    struct store_fixture *f = *state;

    sf_ok(f, add_long(f->store, f->id, &f->err));
    int64_t small = sf_size(f, "store.db-wal");
    sf_ok(f, store_checkpoint(f->store, &f->err));
    assert_int_equal(sf_size(f, "store.db-wal"), small); /* not worth it yet */
    for (int i = 0; i < 120; i++)
        sf_ok(f, add_long(f->store, f->id, &f->err));
    assert_true(sf_size(f, "store.db-wal") > 4000000); /* it does not shrink by itself */
    sf_ok(f, store_checkpoint(f->store, &f->err));
    assert_int_equal(sf_size(f, "store.db-wal"), 0);
    assert_int_equal(sf_count(f, f->store), 121);
    sf_message(f, "and on it goes");
    assert_true(sf_size(f, "store.db-wal") > 0);
}

/* sibctl writes and ends; the services that stay must see to the log. */
static void a_log_that_another_process_wrote_is_shrunk_too(void **state)
{
    struct store_fixture *f = *state;
    struct store *other = sf_open(f, 1);

    for (int i = 0; i < 120; i++)
        sf_ok(f, add_long(other, f->id, &f->err));
    store_close(&other);
    assert_true(sf_size(f, "store.db-wal") > 4000000);
    sf_ok(f, store_checkpoint(f->store, &f->err));
    assert_int_equal(sf_size(f, "store.db-wal"), 0);
    assert_int_equal(sf_count(f, f->store), 120);
}

struct in_the_way {
    struct store_fixture *f;
    bool ok;
    int64_t took_ms;
};

static bool checkpoint_now(const struct message *message, void *arg)
{
    struct in_the_way *way = arg;
    struct mono start = clock_mono();

    (void)message;
    sf_ok(way->f, add_long(way->f->store, way->f->id, &way->f->err));
    way->ok = store_checkpoint(way->f->store, &way->f->err);
    way->took_ms = mono_since(clock_mono(), start);
    return false;
}

static void a_reader_in_the_way_of_a_checkpoint_holds_up_no_writer(void **state)
{
    struct store_fixture *f = *state;
    struct store *reader = sf_open(f, 1);
    struct in_the_way way = {.f = f};

    for (int i = 0; i < 120; i++)
        sf_ok(f, add_long(f->store, f->id, &f->err));
    sf_ok(f, message_each(reader, "ann", FOLDERS, checkpoint_now, &way, &f->err));
    assert_true(way.ok);
    assert_true(way.took_ms < TIME_LOCK_MS / 4);
    sf_ok(f, store_checkpoint(f->store, &f->err)); /* the next time it goes through */
    assert_int_equal(sf_size(f, "store.db-wal"), 0);
    assert_int_equal(sf_count(f, reader), 121);
    store_close(&reader);
}

static void nobody_else_copies_the_log(void **state)
{
    struct store_fixture *f = *state;
    struct store *other = sf_open(f, 1);

    for (int i = 0; i < 240; i++)
        sf_ok(f, add_long(i % 2 ? f->store : other, f->id, &f->err));
    store_close(&other);
    store_close(&f->store);
    assert_true(sf_size(f, "store.db-wal") > 8000000);
    f->store = sf_open(f, 1);
    assert_int_equal(sf_count(f, f->store), 240);
}

/* ---- a full disk ---- */

/* The database may have so many pages: SQLite then says what it says of a full disk. */
static void allow_pages(struct store_fixture *f, const char *pragma)
{
    sqlite3_stmt *stmt = db_query(f->store, &f->err, pragma, "");

    sf_ok(f, stmt && db_next(f->store, stmt, &f->err) > 0);
    db_end(stmt);
}

static void the_reserve_is_made_with_the_first_audio_and_given_up_when_full(void **state)
{
    struct store_fixture *f = *state;
    struct audio_info info;
    int64_t count = 0;

    assert_int_equal(sf_size(f, "reserve"), -1);
    sf_ok(f, audio_import(f->store, site_fixture("en-short-pcm16.wav"), &info, &f->err));
    assert_int_equal(sf_size(f, "reserve"), LIMIT_DISK_RESERVE);
    assert_int_equal(mode_of(f, "reserve"), 0600);
    allow_pages(f, "PRAGMA max_page_count = 100");
    while (count < 100 && add_long(f->store, f->id, &f->err))
        count++;
    assert_int_equal(f->err.kind, ERR_FULL);
    assert_int_equal(sf_size(f, "reserve"), -1);
    assert_int_equal(sf_count(f, f->store), count);
    allow_pages(f, "PRAGMA max_page_count = 10000");
    sf_ok(f, add_long(f->store, f->id, &f->err));
    sf_ok(f, audio_import(f->store, site_fixture("en-short-pcm16.wav"), &info, &f->err));
    assert_int_equal(sf_size(f, "reserve"), LIMIT_DISK_RESERVE);
}

/* A small disk at the state-dir; false: this account may not mount one. */
static bool mount_small_disk(struct store_fixture *f)
{
    char options[32];

    forget_database(f);
    snprintf(options, sizeof options, "size=%d,mode=0700", DISK_BYTES);
    if (mount("sib-test", f->state, "tmpfs", 0, options) == 0)
        return true;
    print_message("skipped: no small disk can be mounted (%s)\n", strerror(errno));
    return false;
}

/* Leave no byte. */
static void fill_disk(struct store_fixture *f)
{
    static const char zeros[4096];
    int fd = open(sf_path(f, "filler"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    while (write(fd, zeros, sizeof zeros) > 0) {
    }
    assert_int_equal(errno, ENOSPC);
    close(fd);
}

static void assert_refused_when_full(struct store_fixture *f)
{
    struct audio_info info;
    int64_t count = sf_count(f, f->store);
    bool ok = true;

    for (int i = 0; ok && i < 200; i++, count += ok)
        ok = add_long(f->store, f->id, &f->err);
    assert_false(ok);
    assert_int_equal(f->err.kind, ERR_FULL);
    assert_non_null(strstr(f->err.text, "full; free some space"));
    assert_int_equal(sf_count(f, f->store), count); /* what was accepted is there */
    /* The reserve is given up, so that what is open can be ended. */
    assert_int_equal(sf_size(f, "reserve"), -1);
    sf_message(f, "on the reserve");
    fill_disk(f);
    assert_false(audio_import(f->store, site_fixture("en-short-pcm16.wav"), &info, &f->err));
    assert_int_equal(f->err.kind, ERR_FULL);
    assert_non_null(strstr(f->err.text, "free some space"));
    assert_int_equal(sf_size(f, "reserve"), -1);
}

static void use_small_disk(struct store_fixture *f)
{
    struct audio_info info;
    struct store *late;

    f->store = sf_open(f, 1);
    sf_ok(f, f->store != NULL);
    sf_ok(f, audio_import(f->store, site_fixture("en-short-pcm16.wav"), &info, &f->err));
    sf_message(f, "early");
    fill_disk(f);
    assert_refused_when_full(f);
    late = sf_open(f, 1); /* a reader that comes now */
    sf_ok(f, late != NULL);
    assert_int_equal(sf_count(f, late), sf_count(f, f->store));
    store_close(&late);
    sf_reopen(f, 1);
    unlink(sf_path(f, "filler"));
    int64_t count = sf_count(f, f->store);
    sf_ok(f, add_long(f->store, f->id, &f->err));
    sf_ok(f, audio_import(f->store, site_fixture("en-greeting-ulaw.wav"), &info, &f->err));
    assert_int_equal(sf_size(f, "reserve"), LIMIT_DISK_RESERVE);
    assert_int_equal(sf_count(f, f->store), count + 1);
    assert_whole(f);
}

static void a_full_disk_is_said_so_and_all_works_again_afterwards(void **state)
{
    struct store_fixture *f = *state;

    if (!mount_small_disk(f))
        skip();
    use_small_disk(f);
}

static int unmount(void **state)
{
    struct store_fixture *f = *state;

    store_close(&f->store);
    umount2(f->state, MNT_DETACH);
    return sf_tear_down(state);
}

#define PROMISE(name) cmocka_unit_test_setup_teardown(name, sf_set_up_on_disk, sf_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROMISE(a_store_is_made_where_none_was_and_only_its_owner_may_read_it),
        PROMISE(what_was_committed_is_there_when_it_is_opened_again),
        PROMISE(a_database_of_a_newer_schema_is_refused_by_a_sentence),
        PROMISE(an_empty_file_is_brought_to_the_present_schema),
        PROMISE(a_migration_that_fails_leaves_nothing_of_itself),
        PROMISE(what_is_no_database_is_refused_and_stays_as_it_is),
        PROMISE(several_processes_may_open_a_new_store_at_once),
        PROMISE(a_damaged_store_answers_nothing_more),
        PROMISE(a_transaction_rolled_back_leaves_nothing),
        PROMISE(after_a_commit_or_a_rollback_others_may_write),
        PROMISE(others_see_a_transaction_only_after_its_commit),
        PROMISE(a_stamp_carries_the_time_of_the_change),
        PROMISE(stamps_only_grow_also_when_the_clock_goes_back),
        PROMISE(a_hundred_thousand_stamps_in_a_millisecond_all_differ),
        PROMISE(stamps_go_on_over_a_reopen_with_a_clock_set_back),
        PROMISE(stamps_of_two_nodes_never_are_the_same),
        PROMISE(row_numbers_grow_with_every_change),
        PROMISE(two_processes_writing_at_once_lose_nothing),
        PROMISE(a_writer_killed_in_its_transaction_holds_up_nobody),
        PROMISE(what_was_committed_survives_a_kill_at_any_moment),
        PROMISE(a_checkpoint_shrinks_the_log),
        PROMISE(a_log_that_another_process_wrote_is_shrunk_too),
        PROMISE(a_reader_in_the_way_of_a_checkpoint_holds_up_no_writer),
        PROMISE(nobody_else_copies_the_log),
        PROMISE(the_reserve_is_made_with_the_first_audio_and_given_up_when_full),
        cmocka_unit_test_setup_teardown(a_full_disk_is_said_so_and_all_works_again_afterwards,
                                        sf_set_up_on_disk, unmount),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
