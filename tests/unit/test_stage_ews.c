/* stage, publish and unstage over the real client, one call at a time, with a server that is
 * odd in one thing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ews/ews.h"
#include "ews/request_stage.h"
#include "tests/support/ews_fixture.h"
#include "tests/support/small_exchange.h"

#define K1 "11111111-1111-4111-8111-111111111111"
#define K2 "22222222-2222-4222-8222-222222222222"
#define T1 "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa"

typedef void odd_fn(const char *request, char *answer);

static struct bench {
    struct loop *loop;
    struct small_exchange *ex;
    struct ews_account *account;
    struct transport *transport;
    struct remote *remote;
    struct buf answer;
    odd_fn *odd;
    const char *fails; /* requests of this name are not executed */
    char operations[1024];
    /* what came of the last call */
    int ended;
    struct err err;
    char id[LIMIT_REMOTE_ID], creation[LIMIT_UUID];
} bench;

static struct fake_answer answer(const char *request, size_t len, void *arg)
{
    const char *body = strstr(request, "<s:Body><m:") + strlen("<s:Body><m:");
    size_t used = strlen(bench.operations);

    (void)len;
    (void)arg;
    snprintf(bench.operations + used, sizeof bench.operations - used, "%.*s ",
             (int)strcspn(body, " >"), body);
    if (bench.fails && strncmp(body, bench.fails, strlen(bench.fails)) == 0) {
        struct fake_answer broken = {0};
        err_set(&broken.err, ERR_UNAVAILABLE, "it broke");
        broken.err.scope = ERR_SCOPE_MAILBOX;
        broken.err.effect = ERR_EFFECT_UNKNOWN;
        return broken;
    }
    buf_clear(&bench.answer);
    buf_init(&bench.answer, MIB);
    small_execute(bench.ex, request, &bench.answer);
    if (bench.odd)
        bench.odd(body, (char *)buf_str(&bench.answer));
    return (struct fake_answer){.status = 200, .body = buf_str(&bench.answer)};
}

static void open_remote(void)
{
    struct err err;
    const struct ews_config config = {.name = "main",
                                      .url = "http://exchange.test/",
                                      .request_timeout_ms = 5000,
                                      .create = "inline",
                                      .auth = {.auth = "basic", .user = "u", .password = "p"}};

    bench.account = ews_account_new(bench.loop, bench.transport, &config, &err);
    assert_non_null(bench.account);
    bench.remote = ews_remote_new(bench.account, "ann@example.net");
    assert_non_null(bench.remote);
}

static int begin(void **state)
{
    (void)state;
    memset(&bench, 0, sizeof bench);
    bench.loop = loop_virtual_new((struct wall){1795341600000});
    bench.ex = small_new(bench.loop, SMALL_SOUND);
    bench.transport =
        fake_transport_base(fake_transport_new(bench.loop, answer, NULL, 10, 4096));
    buf_init(&bench.answer, MIB);
    open_remote();
    return 0;
}

static int end(void **state)
{
    (void)state;
    remote_free(&bench.remote);
    ews_account_free(&bench.account);
    transport_free(&bench.transport);
    small_free(&bench.ex);
    buf_clear(&bench.answer);
    loop_free(&bench.loop);
    return 0;
}

/* ---- calls ---- */

static void ref_came(const struct err *err, const struct remote_ref *ref, void *arg)
{
    (void)arg;
    bench.ended++;
    bench.err = *err;
    snprintf(bench.id, sizeof bench.id, "%s", ref ? ref->id : "");
}

static void item_came(const struct err *err, const struct remote_page *page, void *arg)
{
    (void)arg;
    bench.ended++;
    bench.err = *err;
    snprintf(bench.id, sizeof bench.id, "%s", page ? page->changes[0].item.id : "");
    snprintf(bench.creation, sizeof bench.creation, "%s",
             page ? page->changes[0].item.creation : "");
}

static void done_came(const struct err *err, void *arg)
{
    (void)arg;
    bench.ended++;
    bench.err = *err;
}

static struct remote_call *start_stage(const char *message, const char *creation,
                                       int generation)
{
    char subject[64] = "Voice message";
    const struct remote_new new = {.message_id = message,
                                   .creation = creation,
                                   .folder = "not looked at",
                                   .subject = subject,
                                   .body = "A call.",
                                   .item_class = "IPM.Note",
                                   .from_number = "5550100",
                                   .from_name = "",
                                   .from_address = "",
                                   .reference = "",
                                   .generation = generation};

    bench.ended = 0;
    bench.operations[0] = '\0';
    struct remote_call *call = bench.remote->ops->stage(bench.remote, &new, ref_came, NULL);
    memset(subject, 'x', sizeof subject - 1); /* all of it was copied */
    assert_int_equal(bench.ended, 0);
    return call;
}

/* NULL: it went well. */
static const char *finish(void)
{
    loop_virtual_settle(bench.loop, 600000);
    assert_int_equal(bench.ended, 1);
    return bench.err.kind == ERR_OK ? NULL : bench.err.text;
}

static const char *stage(const char *message, const char *creation, int generation)
{
    assert_non_null(start_stage(message, creation, generation));
    return finish();
}

static const char *publish(const char *message, const char *item)
{
    const struct remote_staged staged = {.message_id = message, .item = item};

    bench.ended = 0;
    bench.operations[0] = '\0';
    assert_non_null(bench.remote->ops->publish(bench.remote, &staged, "F1", item_came, NULL));
    return finish();
}

static const char *unstage(const char *message, int generation)
{
    bench.ended = 0;
    bench.operations[0] = '\0';
    assert_non_null(
        bench.remote->ops->unstage(bench.remote, message, generation, done_came, NULL));
    return finish();
}

static bool said_published(void)
{
    return bench.err.kind == ERR_GONE && strcmp(bench.err.code, REMOTE_PUBLISHED) == 0;
}

/* ---- promises ---- */

static void staging_shows_nothing_and_publishing_shows_it_whole(void **state)
{
    char staged[LIMIT_REMOTE_ID];
    struct small_item *item;

    (void)state;
    assert_null(stage(K1, T1, 1));
    assert_int_equal(small_visible(bench.ex, NULL), 0);
    assert_string_equal(bench.operations, "FindFolder CreateFolder FindFolder CreateFolder "
                                          "FindFolder CreateFolder FindFolder FindItem "
                                          "CreateItem CreateFolder ");
    memcpy(staged, bench.id, sizeof staged);
    assert_null(publish(K1, staged));
    assert_string_equal(bench.operations, "MoveItem GetItem ");
    assert_string_equal(bench.creation, T1);
    assert_int_equal(small_visible(bench.ex, &item), 1);
    assert_string_equal(item->subject, "Voice message");
    assert_int_equal(item->folder, SMALL_INBOX);
    assert_string_not_equal(bench.id, staged);
}

static void the_hidden_folders_are_found_the_next_time(void **state)
{
    (void)state;
    assert_null(stage(K1, T1, 1));
    assert_null(stage(K2, T1, 1));
    assert_string_equal(bench.operations, "FindFolder FindItem CreateItem CreateFolder ");
    remote_free(&bench.remote);
    ews_account_free(&bench.account);
    open_remote();
    assert_null(stage("33333333-3333-4333-8333-333333333333", T1, 1));
    assert_string_equal(bench.operations,
                        "FindFolder FindFolder FindFolder FindItem CreateItem CreateFolder ");
}

static void staged_twice_is_the_same_copy(void **state)
{
    char staged[LIMIT_REMOTE_ID];

    (void)state;
    assert_null(stage(K1, T1, 1));
    memcpy(staged, bench.id, sizeof staged);
    assert_null(stage(K1, "another token", 1));
    assert_string_equal(bench.id, staged);
    assert_null(strstr(bench.operations, "CreateItem"));
}

static void a_copy_that_is_staged_already_is_used(void **state)
{
    (void)state;
    bench.fails = "CreateFolder";
    assert_non_null(stage(K1, T1, 1)); /* no hidden folder */
    bench.fails = NULL;
    assert_null(stage(K2, T1, 1)); /* now there are */
    bench.fails = "CreateFolder";
    assert_non_null(stage(K1, T1, 1)); /* a copy, not committed */
    assert_int_equal(bench.err.effect, ERR_EFFECT_NONE);
    bench.fails = NULL;
    assert_null(stage(K1, T1, 1));
    assert_string_equal(bench.operations, "FindFolder FindItem CreateFolder ");
}

static void published_before_is_said_by_both(void **state)
{
    char staged[LIMIT_REMOTE_ID];

    (void)state;
    assert_null(stage(K1, T1, 1));
    memcpy(staged, bench.id, sizeof staged);
    assert_null(publish(K1, staged));
    assert_non_null(publish(K1, staged));
    assert_true(said_published());
    assert_non_null(stage(K1, T1, 1));
    assert_true(said_published());
    assert_int_equal(bench.err.effect, ERR_EFFECT_NONE);
    assert_int_equal(small_visible(bench.ex, NULL), 1);
    assert_null(stage(K1, T1, 2)); /* shown anew, because a person wished it */
}

static void a_folder_to_publish_in_that_is_gone_is_not_published_before(void **state)
{
    const struct remote_staged staged = {.message_id = K1, .item = bench.id};

    (void)state;
    assert_null(stage(K1, T1, 1));
    bench.ended = 0;
    assert_non_null(bench.remote->ops->publish(bench.remote, &staged, "F60", item_came, NULL));
    assert_non_null(finish());
    assert_int_equal(bench.err.kind, ERR_GONE);
    assert_false(said_published());
}

static void an_answer_that_was_lost_leaves_the_effect_unknown(void **state)
{
    char staged[LIMIT_REMOTE_ID];

    (void)state;
    assert_null(stage(K1, T1, 1));
    memcpy(staged, bench.id, sizeof staged);
    bench.fails = "MoveItem";
    assert_non_null(publish(K1, staged));
    assert_int_equal(bench.err.effect, ERR_EFFECT_UNKNOWN);
    bench.fails = "GetItem"; /* moved; what it is like now could not be asked */
    assert_non_null(publish(K1, staged));
    assert_int_equal(bench.err.effect, ERR_EFFECT_UNKNOWN);
    assert_int_equal(small_visible(bench.ex, NULL), 1);
}

static void no_ids(const char *request, char *text)
{
    char *at;

    if (strncmp(request, "MoveItem", 8) == 0 && (at = strstr(text, "<t:ItemId Id=")))
        memcpy(at, "<t:NoneId", 9);
}

static void a_server_that_does_not_name_what_it_moved_is_asked(void **state)
{
    char staged[LIMIT_REMOTE_ID];

    (void)state;
    assert_null(stage(K1, T1, 1));
    memcpy(staged, bench.id, sizeof staged);
    bench.odd = no_ids;
    assert_null(publish(K1, staged));
    assert_string_equal(bench.operations, "MoveItem FindItem GetItem ");
    assert_string_equal(bench.creation, T1);
    assert_string_not_equal(bench.id, staged);
}

static void no_tokens(const char *request, char *text)
{
    char *at;

    if (strncmp(request, "GetItem", 7) == 0 && (at = strstr(text, "SibCreation")))
        memcpy(at, "XibCreation", 11);
}

static void a_server_that_drops_our_properties_on_the_way_is_not_used(void **state)
{
    char staged[LIMIT_REMOTE_ID];

    (void)state;
    assert_null(stage(K1, T1, 1));
    memcpy(staged, bench.id, sizeof staged);
    bench.odd = no_tokens;
    assert_non_null(publish(K1, staged));
    assert_int_equal(bench.err.kind, ERR_CONFIG);
    assert_int_equal(bench.err.scope, ERR_SCOPE_ACCOUNT);
    assert_int_equal(bench.err.effect, ERR_EFFECT_UNKNOWN);
}

static void no_winner(const char *request, char *text)
{
    char *at;

    if (strncmp(request, "FindFolder", 10) == 0 && (at = strstr(text, "SibWinner")))
        memcpy(at, "XibWinner", 9);
}

static void a_commit_that_names_no_winner_needs_a_person(void **state)
{
    (void)state;
    assert_null(stage(K1, T1, 1));
    bench.odd = no_winner;
    assert_non_null(stage(K1, T1, 1));
    assert_int_equal(bench.err.kind, ERR_REFUSED);
    assert_int_equal(bench.err.when, ERR_WHEN_NEVER);
    assert_int_equal(bench.err.effect, ERR_EFFECT_NONE);
    assert_non_null(strstr(bench.err.text, K1));
}

static void other_message(const char *request, char *text)
{
    char *at;

    if (strncmp(request, "GetItem", 7) == 0 && (at = strstr(text, K1)))
        memcpy(at, K2, strlen(K2));
}

static void a_commit_that_names_another_message_needs_a_person(void **state)
{
    (void)state;
    assert_null(stage(K1, T1, 1));
    bench.odd = other_message;
    assert_non_null(stage(K1, T1, 1));
    assert_int_equal(bench.err.kind, ERR_REFUSED);
    assert_int_equal(bench.err.when, ERR_WHEN_NEVER);
}

static void a_hidden_folder_that_was_removed_is_made_again(void **state)
{
    struct buf ignored;

    (void)state;
    assert_null(stage(K1, T1, 1));
    buf_init(&ignored, MIB);
    for (int folder = SMALL_FIRST_OWN; folder < SMALL_FIRST_OWN + 4; folder++) {
        char request[128];
        snprintf(request, sizeof request,
                 "<s:Body><m:DeleteFolder><m:FolderIds><t:FolderId Id=\"F%d\"/>", folder);
        small_execute(bench.ex, request, &ignored);
    }
    buf_clear(&ignored);
    assert_non_null(stage(K2, T1, 1));
    assert_int_equal(bench.err.kind, ERR_TEMPORARY); /* and a look comes first */
    assert_null(stage(K2, T1, 1));
}

static void unstaging_removes_every_copy_and_the_commit_of_that_generation(void **state)
{
    char staged[LIMIT_REMOTE_ID];

    (void)state;
    assert_null(stage(K1, T1, 1));
    memcpy(staged, bench.id, sizeof staged);
    assert_null(stage(K2, T1, 1));
    assert_int_equal(small_hidden(bench.ex), 4);
    assert_null(publish(K1, staged));
    assert_null(unstage(K1, 2)); /* there is none of that generation */
    assert_int_equal(small_hidden(bench.ex), 3);
    assert_null(unstage(K1, 1));
    assert_int_equal(small_hidden(bench.ex), 2);
    assert_null(unstage(K1, 1));
    assert_int_equal(small_hidden(bench.ex), 2);
    assert_null(unstage(K2, 1));
    assert_int_equal(small_hidden(bench.ex), 0);
    assert_int_equal(small_visible(bench.ex, NULL), 1);
}

static void a_process_that_was_frozen_on_the_way_does_not_commit_when_it_wakes(void **state)
{
    (void)state;
    assert_null(stage(K2, T1, 1));
    int hidden = small_hidden(bench.ex);
    remote_free(&bench.remote);
    ews_account_free(&bench.account);
    transport_free(&bench.transport);
    bench.transport = fake_transport_base(
        fake_transport_new(bench.loop, answer, NULL, TIME_STAGE_MS / 2, 4096));
    open_remote();
    assert_non_null(start_stage(K1, T1, 1));
    loop_virtual_settle(bench.loop, 10LL * TIME_STAGE_MS);
    assert_int_equal(bench.ended, 1);
    assert_int_equal(bench.err.kind, ERR_TEMPORARY);
    assert_null(strstr(bench.operations, "CreateFolder"));
    assert_int_equal(small_hidden(bench.ex), hidden + 1); /* the copy, and nothing else */
}

static void a_call_can_be_given_up_at_any_moment(void **state)
{
    (void)state;
    for (int ms = 0; ms < 130; ms += 5) {
        char message[LIMIT_UUID];
        snprintf(message, sizeof message, "44444444-4444-4444-8444-%012d", ms);
        struct remote_call *call = start_stage(message, T1, 1);
        loop_virtual_run(bench.loop, ms);
        if (bench.ended)
            continue;
        remote_cancel(bench.remote, &call);
        loop_virtual_settle(bench.loop, 600000);
        assert_int_equal(bench.ended, 0);
    }
    start_stage(K1, T1, 1);
    loop_virtual_run(bench.loop, 5);
    remote_free(&bench.remote); /* and with the remote */
    loop_virtual_settle(bench.loop, 600000);
    assert_int_equal(bench.ended, 0);
    assert_int_equal(small_visible(bench.ex, NULL), 0);
}

static void every_request_fits_the_schema(void **state)
{
    const struct soap_header header = {.impersonate = "ann@example.net"};
    const struct request_root root = {"root", "ann@example.net"};
    const struct request_above above[] = {{.root = &root}, {.id = "AAMk=\"<&"}};

    (void)state;
    for (int i = 0; i < 6; i++) {
        struct buf out;
        buf_init(&out, MIB);
        switch (i) {
        case 0: request_find_hidden(&out, &header, &above[0], "sib", 0); break;
        case 1: request_find_hidden(&out, &header, &above[1], NULL, 500); break;
        case 2: request_create_folder(&out, &header, &above[0], "sib", NULL); break;
        case 3: request_create_folder(&out, &header, &above[1], K1, "AAMk=<"); break;
        case 4: request_delete_folder(&out, &header, "AAMk="); break;
        default: request_find_copies(&out, &header, "AAMk=", K1); break;
        }
        int valid = fixture_schema_valid(buf_str(&out), out.len);
        buf_clear(&out);
        if (valid < 0) {
            print_message("no schema here, or no xmllint: nothing was looked at\n");
            skip();
        }
        assert_int_equal(valid, 1);
    }
}

#define PROMISE(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_request_fits_the_schema),
        PROMISE(staging_shows_nothing_and_publishing_shows_it_whole),
        PROMISE(the_hidden_folders_are_found_the_next_time),
        PROMISE(staged_twice_is_the_same_copy),
        PROMISE(a_copy_that_is_staged_already_is_used),
        PROMISE(published_before_is_said_by_both),
        PROMISE(a_folder_to_publish_in_that_is_gone_is_not_published_before),
        PROMISE(an_answer_that_was_lost_leaves_the_effect_unknown),
        PROMISE(a_server_that_does_not_name_what_it_moved_is_asked),
        PROMISE(a_server_that_drops_our_properties_on_the_way_is_not_used),
        PROMISE(a_commit_that_names_no_winner_needs_a_person),
        PROMISE(a_commit_that_names_another_message_needs_a_person),
        PROMISE(a_hidden_folder_that_was_removed_is_made_again),
        PROMISE(unstaging_removes_every_copy_and_the_commit_of_that_generation),
        PROMISE(a_process_that_was_frozen_on_the_way_does_not_commit_when_it_wakes),
        PROMISE(a_call_can_be_given_up_at_any_moment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
