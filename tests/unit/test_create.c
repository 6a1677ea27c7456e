/* Two ways to create a message, over a server that keeps attachments and one that drops them.
 */
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
#include "ews/ews.h"
#include "tests/exchange/exchange.h"
#include "tests/exchange/exchange_transport.h"

enum { AUDIO_BYTES = 100000 };

struct scene {
    struct loop *loop;
    struct exchange *exchange;
    struct transport *transport;
    struct ews_account *account;
    struct remote *remote;
    char path[64], copy[80];
    char found[16]; /* what found_way said */
    /* what the callbacks saw */
    int calls;
    struct err err;
    char id[LIMIT_REMOTE_ID], folder[LIMIT_REMOTE_ID], audio[LIMIT_REMOTE_ID];
    size_t items;
};

static void found_way(const char *way, void *arg)
{
    snprintf(((struct scene *)arg)->found, 16, "%s", way);
}

static void saw_folders(const struct err *err, const struct remote_folder *folders,
                        size_t count, void *arg)
{
    struct scene *s = arg;
    s->err = *err;
    if (err->kind == ERR_OK && count > 0)
        snprintf(s->folder, sizeof(s->folder), "%s", folders[0].id);
}

static void saw_ref(const struct err *err, const struct remote_ref *ref, void *arg)
{
    struct scene *s = arg;
    s->calls++;
    s->err = *err;
    snprintf(s->id, sizeof(s->id), "%s", ref ? ref->id : "");
}

static void saw_done(const struct err *err, void *arg)
{
    struct scene *s = arg;
    s->err = *err;
}

static void saw_attachments(const struct err *err, const struct remote_composed *told,
                            void *arg)
{
    struct scene *s = arg;
    s->err = *err;
    s->items = told ? told->attachment_count : 0;
    if (s->items > 0)
        snprintf(s->audio, sizeof(s->audio), "%s", told->attachments[0].id);
}

static void saw_changes(const struct err *err, const struct remote_page *page, void *arg)
{
    struct scene *s = arg;
    s->err = *err;
    s->items = err->kind == ERR_OK ? page->count : 0;
}

static void open_account(struct scene *s, const char *create, const char *known)
{
    const struct ews_config config = {
        .name = "main",
        .url = "https://exchange.test/EWS/Exchange.asmx",
        .impersonate = true,
        .create = create,
        .create_known = known,
        .found_way = found_way,
        .found_way_arg = s,
        .auth = {.auth = "basic", .user = "svc", .password = "p", .max_connections = 4},
    };
    struct err err;
    s->account = ews_account_new(s->loop, s->transport, &config, &err);
    assert_non_null(s->account);
    s->remote = ews_remote_new(s->account, "ann@example.com");
    s->remote->ops->folders(s->remote, 0, saw_folders, s);
    loop_virtual_run(s->loop, 60000);
    assert_int_equal(s->err.kind, ERR_OK);
}

static void close_account(struct scene *s)
{
    remote_free(&s->remote);
    ews_account_free(&s->account);
}

static void open_scene(struct scene *s, const char *flavour)
{
    struct err err;
    memset(s, 0, sizeof(*s));
    s->loop = loop_virtual_new((struct wall){1795600000000});
    s->exchange = exchange_new(NULL, s->loop, 1, &err);
    assert_non_null(s->exchange);
    assert_true(exchange_set_flavour(s->exchange, flavour, &err));
    s->transport = exchange_transport_new(s->loop, s->exchange, 10, &err);
    snprintf(s->path, sizeof(s->path), "/tmp/sib-test-create-XXXXXX");
    int fd = mkstemp(s->path);
    for (int i = 0; i < AUDIO_BYTES; i++) {
        unsigned char byte = (unsigned char)(i * 31 + i / 256);
        assert_int_equal(write(fd, &byte, 1), 1);
    }
    close(fd);
    snprintf(s->copy, sizeof(s->copy), "%s.copy", s->path);
}

static void close_scene(struct scene *s)
{
    close_account(s);
    transport_free(&s->transport);
    exchange_free(&s->exchange);
    loop_free(&s->loop);
    unlink(s->path);
    unlink(s->copy);
}

static void create(struct scene *s)
{
    const struct remote_new message = {
        .message_id = "0b8f5c3e-3a50-4a5f-9a77-0d6f0c1b2a39",
        .creation = "c0ffee00-3a50-4a5f-9a77-0d6f0c1b2a39",
        .folder = s->folder,
        .subject = "Nachricht von J\xC3\xB6rg",
        .body = "A voice message.\n",
        .item_class = "IPM.Note.Microsoft.Voicemail.UM.CA",
        .from_number = "5000",
        .from_name = "J\xC3\xB6rg",
        .from_address = "",
        .reference = "",
        .received = {1795600000000},
        .duration_ms = 3000,
        .audio_path = s->path,
        .audio_name = "voice.wav",
        .audio_type = "audio/wav",
    };
    int before = s->calls;
    s->remote->ops->create(s->remote, &message, saw_ref, s);
    assert_int_equal(s->calls, before);
    loop_virtual_run(s->loop, 60000);
    assert_int_equal(s->calls, before + 1);
}

static void expect_items(struct scene *s, size_t count)
{
    s->remote->ops->changes(s->remote, s->folder, "", saw_changes, s);
    loop_virtual_run(s->loop, 60000);
    assert_int_equal(s->err.kind, ERR_OK);
    assert_int_equal(s->items, count);
}

/* The item in the Inbox carries exactly the bytes of the file. */
static void expect_audio(struct scene *s)
{
    struct buf sent, kept;
    struct err err;
    s->remote->ops->composed(s->remote, s->id, saw_attachments, s);
    loop_virtual_run(s->loop, 60000);
    assert_int_equal(s->err.kind, ERR_OK);
    assert_int_equal(s->items, 1);
    s->remote->ops->fetch(s->remote, s->audio, s->copy, saw_done, s);
    loop_virtual_run(s->loop, 60000);
    if (s->err.kind != ERR_OK)
        fail_msg("%s", s->err.text);
    buf_init(&sent, MIB);
    buf_init(&kept, MIB);
    assert_true(file_read(s->path, &sent, &err) && file_read(s->copy, &kept, &err));
    assert_int_equal(kept.len, AUDIO_BYTES);
    assert_memory_equal(sent.data, kept.data, sent.len);
    buf_clear(&sent);
    buf_clear(&kept);
}

static void exchange_is_found_to_keep_attachments_once_and_for_all(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, "exchange");
    open_account(&s, "auto", NULL);
    create(&s);
    assert_int_equal(s.err.kind, ERR_OK);
    assert_string_equal(s.found, "inline");
    expect_audio(&s);
    expect_items(&s, 1); /* of the probe nothing is left that could be seen */
    long before = exchange_count(s.exchange, "");
    create(&s);
    assert_int_equal(s.err.kind, ERR_OK);
    assert_int_equal(exchange_count(s.exchange, ""), before + 1);
    close_scene(&s);
}

static void a_server_that_drops_attachments_gets_the_whole_message(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, "gromox");
    open_account(&s, "auto", NULL);
    create(&s);
    if (s.err.kind != ERR_OK)
        fail_msg("%s", s.err.text);
    assert_string_equal(s.found, "mime");
    expect_audio(&s);
    expect_items(&s, 1);
    long before = exchange_count(s.exchange, "CreateItem");
    create(&s);
    assert_int_equal(exchange_count(s.exchange, "CreateItem"), before + 1);
    close_scene(&s);
}

static void what_was_remembered_is_not_found_out_again(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, "gromox");
    open_account(&s, "auto", "mime");
    create(&s);
    assert_int_equal(s.err.kind, ERR_OK);
    assert_string_equal(s.found, "");
    assert_int_equal(exchange_count(s.exchange, "CreateItem"), 1);
    assert_int_equal(exchange_count(s.exchange, "CreateFolder"), 0);
    expect_audio(&s);
    close_scene(&s);
}

static void a_server_that_changed_its_habit_is_found_out_anew(void **state)
{
    (void)state;
    struct scene s;
    struct err err;
    open_scene(&s, "exchange");
    open_account(&s, "auto", "inline");
    create(&s);
    assert_int_equal(s.err.kind, ERR_OK);
    assert_true(exchange_set_flavour(s.exchange, "gromox", &err));
    create(&s);
    assert_int_equal(s.err.kind, ERR_TEMPORARY);
    assert_int_equal(s.err.effect, ERR_EFFECT_NONE);
    expect_items(&s, 1); /* the one without its audio was removed again */
    create(&s);
    assert_int_equal(s.err.kind, ERR_OK);
    assert_string_equal(s.found, "mime");
    expect_audio(&s);
    expect_items(&s, 2);
    close_scene(&s);
}

static void a_way_that_was_set_and_does_not_work_is_the_administrators_to_mend(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, "gromox");
    open_account(&s, "inline", NULL);
    create(&s);
    assert_int_equal(s.err.kind, ERR_CONFIG);
    assert_int_equal(s.err.effect, ERR_EFFECT_NONE);
    assert_non_null(strstr(s.err.text, "create = auto"));
    expect_items(&s, 0);
    close_account(&s);
    open_account(&s, "mime", NULL);
    create(&s);
    assert_int_equal(s.err.kind, ERR_OK);
    expect_audio(&s);
    close_scene(&s);
}

/* The first create of a server never shows an item without its audio, wherever it ends. */
static void a_probe_that_fails_leaves_nothing_that_can_be_seen(void **state)
{
    (void)state;
    static const char *const faults[] = {
        "busy-200:CreateFolder:1",   "busy-200:FindFolder:2", "busy-200:CreateItem:1",
        "busy-200:GetItem:1",        "drop:CreateItem:1",     "lose-answer:CreateItem:1",
        "lose-answer:CreateFolder:1"};
    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        struct scene s;
        struct err err;
        open_scene(&s, "gromox");
        open_account(&s, "auto", NULL);
        if (!exchange_set_faults(s.exchange, faults[i], &err))
            fail_msg("%s", err.text);
        create(&s);
        if (s.err.kind == ERR_OK)
            fail_msg("%s did nothing", faults[i]);
        assert_int_equal(s.err.effect, ERR_EFFECT_NONE);
        expect_items(&s, 0);
        exchange_set_faults(s.exchange, "", &err);
        create(&s);
        assert_int_equal(s.err.kind, ERR_OK);
        expect_audio(&s);
        expect_items(&s, 1);
        close_scene(&s);
    }
}

/* Then the message itself is the probe: looked at, and removed when its audio was dropped. */
static void without_the_right_to_a_hidden_folder_messages_arrive_all_the_same(void **state)
{
    (void)state;
    static const char *const flavours[] = {"exchange", "gromox"};
    for (int i = 0; i < 2; i++) {
        struct scene s;
        struct err err;
        open_scene(&s, flavours[i]);
        open_account(&s, "auto", NULL);
        assert_true(
            exchange_set_faults(s.exchange, "code:CreateFolder:ErrorAccessDenied:*", &err));
        create(&s);
        if (i == 1) {
            assert_int_equal(s.err.kind, ERR_TEMPORARY);
            expect_items(&s, 0);
            create(&s);
        }
        assert_int_equal(s.err.kind, ERR_OK);
        expect_audio(&s);
        expect_items(&s, 1);
        close_scene(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exchange_is_found_to_keep_attachments_once_and_for_all),
        cmocka_unit_test(a_server_that_drops_attachments_gets_the_whole_message),
        cmocka_unit_test(what_was_remembered_is_not_found_out_again),
        cmocka_unit_test(a_server_that_changed_its_habit_is_found_out_anew),
        cmocka_unit_test(a_way_that_was_set_and_does_not_work_is_the_administrators_to_mend),
        cmocka_unit_test(without_the_right_to_a_hidden_folder_messages_arrive_all_the_same),
        cmocka_unit_test(a_probe_that_fails_leaves_nothing_that_can_be_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
