/* What a server says is written down, and nothing of it changes on its way. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "ews/ews.h"
#include "ews/record.h"
#include "tests/exchange/exchange.h"
#include "tests/exchange/exchange_transport.h"

enum { DIR_BYTES = 64 };

struct scene {
    char dir[DIR_BYTES];
    struct loop *loop;
    struct exchange *exchange;
    struct transport *transport;
    struct ews_account *account;
    struct remote *remote;
    struct err err;
    size_t folders;
    int calls;
};

static void saw_folders(const struct err *err, const struct remote_folder *folders,
                        size_t count, void *arg)
{
    struct scene *s = arg;
    (void)folders;
    s->calls++;
    s->err = *err;
    s->folders = count;
}

static void open_scene(struct scene *s, const char *dir)
{
    const struct ews_config config = {
        .name = "main",
        .url = "https://exchange.test/EWS/Exchange.asmx",
        .impersonate = true,
        .create = "inline",
        .auth = {.auth = "basic", .user = "svc", .password = "secret", .max_connections = 4},
    };
    struct err err;
    memset(s, 0, sizeof(*s));
    snprintf(s->dir, sizeof(s->dir), "%s", dir);
    s->loop = loop_virtual_new((struct wall){1795600000000});
    s->exchange = exchange_new(NULL, s->loop, 1, &err);
    struct transport *inner = exchange_transport_new(s->loop, s->exchange, 10, &err);
    s->transport = record_new(inner, s->dir, NULL, &err);
    assert_non_null(s->transport);
    s->account = ews_account_new(s->loop, s->transport, &config, &err);
    s->remote = ews_remote_new(s->account, "ann.example@corp.example");
}

static void close_scene(struct scene *s)
{
    remote_free(&s->remote);
    ews_account_free(&s->account);
    transport_free(&s->transport);
    exchange_free(&s->exchange);
    loop_free(&s->loop);
}

static void list_folders(struct scene *s)
{
    s->remote->ops->folders(s->remote, 0, saw_folders, s);
    loop_virtual_run(s->loop, 60000);
}

static void new_folder(char *dir)
{
    snprintf(dir, DIR_BYTES, "/tmp/sib-test-record-XXXXXX");
    assert_non_null(mkdtemp(dir));
}

static void remove_folder(const char *dir)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    assert_int_equal(system(command), 0);
}

static void answers_become_files_without_names(void **state)
{
    (void)state;
    struct scene s;
    struct buf text;
    struct err err;
    struct stat st;
    char dir[DIR_BYTES], path[128];
    new_folder(dir);
    open_scene(&s, dir);
    list_folders(&s);
    assert_int_equal(s.err.kind, ERR_OK);
    assert_int_equal(s.folders, 3);
    assert_int_equal(record_count(s.transport), 3); /* GetFolder, and FindFolder twice */
    snprintf(path, sizeof(path), "%s/0001-GetFolder.http", dir);
    buf_init(&text, MIB);
    assert_true(file_read(path, &text, &err));
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_memory_equal(text.data, "HTTP/1.1 200\r\nContent-Type: text/xml", 36);
    assert_non_null(strstr(text.data, "NoError"));
    assert_null(strstr(text.data, "ann"));
    assert_null(strstr(text.data, "Inbox"));
    buf_clear(&text);
    close_scene(&s);
    remove_folder(dir);
}

static void numbers_go_on_where_an_earlier_recording_ended(void **state)
{
    (void)state;
    struct scene s;
    char dir[DIR_BYTES], path[128];
    new_folder(dir);
    for (int i = 0; i < 2; i++) {
        open_scene(&s, dir);
        list_folders(&s);
        close_scene(&s);
    }
    snprintf(path, sizeof(path), "%s/0004-GetFolder.http", dir);
    assert_int_equal(access(path, F_OK), 0);
    remove_folder(dir);
}

static void a_folder_that_cannot_be_written_changes_nothing_else(void **state)
{
    (void)state;
    struct scene s;
    char dir[DIR_BYTES], other[80];
    new_folder(dir);
    open_scene(&s, dir);
    snprintf(other, sizeof(other), "%s.gone", dir);
    assert_int_equal(rename(dir, other), 0);
    list_folders(&s);
    assert_int_equal(s.err.kind, ERR_OK);
    assert_int_equal(s.folders, 3);
    assert_int_equal(record_count(s.transport), 0);
    close_scene(&s);
    remove_folder(other);
}

static void what_is_under_way_can_be_given_up(void **state)
{
    (void)state;
    struct scene s;
    char dir[DIR_BYTES];
    new_folder(dir);
    open_scene(&s, dir);
    struct remote_call *call = s.remote->ops->folders(s.remote, 0, saw_folders, &s);
    loop_virtual_run(s.loop, 3);
    remote_cancel(s.remote, &call);
    loop_virtual_run(s.loop, 60000);
    assert_int_equal(s.calls, 0);
    assert_int_equal(record_count(s.transport), 0);
    close_scene(&s);
    remove_folder(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_become_files_without_names),
        cmocka_unit_test(numbers_go_on_where_an_earlier_recording_ended),
        cmocka_unit_test(a_folder_that_cannot_be_written_changes_nothing_else),
        cmocka_unit_test(what_is_under_way_can_be_given_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
