/* The stand-in for Exchange: it plays what was recorded from a server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "tests/exchange/exchange_user.h"
#include "tests/support/stand_in.h"

static char dir[] = "/tmp/test-replay-XXXXXX";

static void record(const char *name, const char *text)
{
    char path[128];
    struct err err;
    snprintf(path, sizeof path, "%s/%s", dir, name);
    assert_true(file_replace(path, text, strlen(text), 0600, &err));
}

static int make_folder(void **state)
{
    snprintf(dir, sizeof dir, "/tmp/test-replay-XXXXXX");
    assert_non_null(mkdtemp(dir));
    return stand_begin(state);
}

static int remove_folder(void **state)
{
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
    return stand_end(state);
}

static void play(struct stand *f)
{
    struct err err;
    if (!exchange_set_replay(f->ex, dir, &err))
        fail_msg("%s", err.text);
}

static const char *body_of(struct stand *f)
{
    return buf_str(&f->answer.body);
}

static void recordings_are_played_in_order_by_operation(void **state)
{
    struct stand *f = *state;
    record("0010-SyncFolderItems.http",
           "HTTP/1.1 200\r\nContent-Type: text/plain\r\n\r\nthe second sync\r\n");
    record("0002-SyncFolderItems.http",
           "HTTP/1.1 503\r\ncontent-type: text/html\r\nRetry-After: 7\r\n\r\n<busy>");
    record("0003-CreateItem-cut.http", "HTTP/1.1 200 OK\nContent-Type: text/plain\n\nhalf");
    record("0004-CreateItem.txt", "not a recording");
    play(f);
    stand_sync(f, "", 10);
    assert_int_equal(f->answer.status, 503);
    assert_int_equal(f->answer.retry_after_ms, 7000);
    assert_string_equal(f->answer.type, "text/html");
    assert_string_equal(body_of(f), "<busy>");
    stand_askf(f, CREATE("<t:Subject>x</t:Subject>"));
    assert_string_equal(body_of(f), "half");
    stand_sync(f, "", 10);
    assert_int_equal(f->answer.status, 200);
    assert_string_equal(body_of(f), "the second sync\r\n");
    assert_int_equal(exchange_count(f->ex, ""), 0);
    assert_int_equal(exchange_user_count(f->ex, ANN, "Inbox"), 0);
}

static void when_none_is_left_it_says_so(void **state)
{
    struct stand *f = *state;
    record("0001-GetItem.http", "HTTP/1.1 200 OK\r\n\r\n");
    play(f);
    stand_sync(f, "", 10);
    assert_int_equal(f->answer.status, 500);
    assert_non_null(strstr(body_of(f), "no recording of SyncFolderItems is left in /tmp/"));
    stand_askf(f, GET_ITEM, "x");
    assert_int_equal(f->answer.status, 200);
    assert_int_equal(f->answer.body.len, 0);
    stand_askf(f, GET_ITEM, "x");
    assert_int_equal(f->answer.status, 500);
    struct err err;
    assert_true(exchange_set_replay(f->ex, NULL, &err));
    assert_string_equal(stand_sync(f, "", 10), "NoError");
}

static void what_is_no_recording_is_named(void **state)
{
    struct stand *f = *state;
    static const char *const broken[] = {"",
                                         "HTTP",
                                         "HTTP/1.1 200",
                                         "HTTP/1.1 7 x\r\n\r\n",
                                         "HTTP/1.1 200 OK\r\nContent-Type: x\r\n",
                                         "\r\n\r\nHTTP/1.1 200 OK"};
    struct err err;
    assert_false(exchange_set_replay(f->ex, dir, &err));
    assert_int_equal(err.kind, ERR_DATA);
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        record("0001-SyncFolderItems.http", broken[i]);
        play(f);
        stand_sync(f, "", 10);
        assert_int_equal(f->answer.status, 500);
        assert_non_null(strstr(body_of(f), "is not understood"));
    }
    assert_false(exchange_set_replay(f->ex, "/no/such/folder", &err));
    assert_int_equal(err.kind, ERR_IO);
}

static void faults_strike_recordings_too(void **state)
{
    struct stand *f = *state;
    record("0001-SyncFolderItems.http",
           "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n0123456789");
    play(f);
    stand_faults(f, "busy-200:*:1,cut-at:*:2:4");
    assert_string_equal(stand_sync(f, "", 10), "ErrorServerBusy");
    stand_sync(f, "", 10);
    assert_memory_equal(f->answer.body.data, "0123", 4);
    assert_int_equal(f->answer.body.len, 4);
}

#define WITH_FOLDER(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(recordings_are_played_in_order_by_operation),
        WITH_FOLDER(when_none_is_left_it_says_so),
        WITH_FOLDER(what_is_no_recording_is_named),
        WITH_FOLDER(faults_strike_recordings_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
