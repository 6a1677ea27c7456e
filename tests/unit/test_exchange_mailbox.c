/* The stand-in for Exchange: what befalls a mailbox as a whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/exchange/exchange_user.h"
#include "tests/support/stand_in.h"

static void user(struct stand *f, const char *act, const char *a, const char *b)
{
    struct err err;
    if (!exchange_user_do(f->ex, ANN, &err, act, a, b, NULL))
        fail_msg("%s", err.text);
}

static const char subscribe[] =
    "<m:Subscribe><m:PushSubscriptionRequest SubscribeToAllFolders=\"true\"><t:EventTypes>"
    "<t:EventType>CreatedEvent</t:EventType></t:EventTypes><t:StatusFrequency>1"
    "</t:StatusFrequency><t:URL>http://h/x</t:URL></m:PushSubscriptionRequest></m:Subscribe>";

static void a_restored_mailbox_is_as_it_was(void **state)
{
    struct stand *f = *state;
    struct err err;
    char kept[EXCHANGE_ID_MAX], gone[EXCHANGE_ID_MAX];
    assert_string_equal(stand_askf(f, VOICE("v-1", "UklGRg==")), "NoError");
    snprintf(gone, sizeof gone, "%s", xml_attr(xml_find(f->root, NULL, "ItemId"), "Id"));
    stand_create(f, "kept", kept);
    user(f, "folder", "add", "Inbox/Then");
    user(f, "move", "kept", "Inbox/Then");
    user(f, "snapshot", NULL, NULL);
    user(f, "purge", gone, NULL);
    user(f, "read", "kept", NULL);
    user(f, "folder", "remove", "Inbox/Then");
    user(f, "compose", "Inbox", NULL);
    assert_string_equal(stand_askf(f, GET_ITEM, gone), "ErrorItemNotFound");
    user(f, "restore-backup", NULL, NULL);
    assert_string_equal(stand_askf(f, GET_ITEM, gone), "NoError");
    assert_string_equal(xml_text(xml_find(f->root, NULL, "Value")), "v-1");
    assert_int_equal(exchange_user_count(f->ex, ANN, "Inbox"), 1);
    assert_int_equal(exchange_user_count(f->ex, ANN, "Inbox/Then"), 1);
    json_t *list = exchange_user_list(f->ex, ANN, "Inbox/Then", &err);
    assert_true(json_is_false(
        json_object_get(json_array_get(json_object_get(list, "items"), 0), "read")));
    json_decref(list);
    char attachment[EXCHANGE_ID_MAX + 64];
    snprintf(attachment, sizeof attachment, "%s",
             xml_attr(xml_find(f->root, NULL, "AttachmentId"), "Id"));
    assert_string_equal(stand_askf(f,
                                   "<m:GetAttachment><m:AttachmentIds><t:AttachmentId"
                                   " Id=\"%s\"/></m:AttachmentIds></m:GetAttachment>",
                                   attachment),
                        "NoError");
    assert_string_equal(xml_text(xml_find(f->root, NULL, "Content")), "UklGRg==");
}

static void states_handed_out_since_the_backup_are_void(void **state)
{
    struct stand *f = *state;
    char id[EXCHANGE_ID_MAX];
    stand_create(f, "one", id);
    char *before = stand_catch_up(f, "");
    user(f, "snapshot", NULL, NULL);
    stand_create(f, "two", id);
    char *after = stand_catch_up(f, before);
    stand_askf(f, "%s", subscribe);
    user(f, "restore-backup", NULL, NULL);
    assert_int_equal(exchange_subscriptions(f->ex), 0);
    assert_string_equal(stand_sync(f, after, 10), "ErrorInvalidSyncStateData");
    assert_string_equal(stand_sync(f, before, 10), "NoError");
    assert_string_equal(stand_changes(f), "");
    stand_create(f, "three", id);
    assert_string_equal(stand_sync(f, before, 10), "NoError");
    assert_string_equal(stand_changes(f), "Create ");
    char *now = stand_state(f);
    assert_string_equal(stand_sync(f, now, 10), "NoError");
    assert_string_equal(stand_sync(f, after, 10), "ErrorInvalidSyncStateData");
    free(now);
    free(after);
    free(before);
}

static void a_restored_mailbox_never_gives_a_number_twice(void **state)
{
    struct stand *f = *state;
    char one[EXCHANGE_ID_MAX], two[EXCHANGE_ID_MAX], key[EXCHANGE_ID_MAX];
    user(f, "snapshot", NULL, NULL);
    stand_create(f, "x", one);
    snprintf(key, sizeof key, "%s", xml_attr(xml_find(f->root, NULL, "ItemId"), "ChangeKey"));
    user(f, "restore-backup", NULL, NULL);
    stand_create(f, "x", two);
    assert_string_not_equal(one, two);
    assert_string_not_equal(key, xml_attr(xml_find(f->root, NULL, "ItemId"), "ChangeKey"));
    assert_string_equal(stand_askf(f, GET_ITEM, one), "ErrorItemNotFound");
}

static void there_is_no_way_back_without_a_backup(void **state)
{
    struct stand *f = *state;
    struct err err;
    assert_true(exchange_add_mailbox(f->ex, ANN, &err));
    assert_false(exchange_user_do(f->ex, ANN, &err, "restore-backup", NULL));
    assert_int_equal(err.kind, ERR_NO_MAILBOX);
    assert_false(exchange_user_do(f->ex, ANN, &err, "snapshot", "now", NULL));
    assert_int_equal(err.kind, ERR_USAGE);
    assert_false(exchange_snapshot(f->ex, "nobody@example.net", &err));
}

static void a_mailbox_that_moves_is_away_for_a_while(void **state)
{
    struct stand *f = *state;
    char id[EXCHANGE_ID_MAX];
    stand_create(f, "x", id);
    char *token = stand_catch_up(f, "");
    stand_askf(f, "%s", subscribe);
    user(f, "move-server", "60000", NULL);
    assert_string_equal(stand_sync(f, token, 10), "ErrorMailboxMoveInProgress");
    assert_int_equal(f->answer.status, 200);
    assert_int_equal(exchange_subscriptions(f->ex), 0);
    f->mailbox = BOB;
    assert_string_equal(stand_sync(f, "", 10), "NoError");
    f->mailbox = ANN;
    loop_virtual_run(f->loop, 60000);
    assert_string_equal(stand_sync(f, token, 10), "ErrorInvalidSyncStateData");
    assert_string_equal(stand_sync(f, "", 10), "NoError");
    assert_string_equal(stand_askf(f, GET_ITEM, id), "NoError");
    free(token);
}

static void a_move_may_keep_states_and_subscriptions(void **state)
{
    struct stand *f = *state;
    struct err err;
    const struct exchange_move move = {.keep_states = true, .keep_subscriptions = true};
    char *token = stand_catch_up(f, "");
    stand_askf(f, "%s", subscribe);
    assert_true(exchange_move_mailbox(f->ex, ANN, &move, &err));
    assert_string_equal(stand_sync(f, token, 10), "NoError");
    assert_int_equal(exchange_subscriptions(f->ex), 1);
    free(token);
}

static const char *ask_at(struct stand *f, const char *url)
{
    char *text = stand_envelope(
        ANN, "<m:GetFolder><m:FolderShape><t:BaseShape>IdOnly</t:BaseShape></m:FolderShape>"
             "<m:FolderIds>" INBOX "</m:FolderIds></m:GetFolder>");
    struct exchange_request *request = exchange_request_new(f->ex, "svc");
    exchange_request_feed(request, text, strlen(text));
    exchange_request_at(request, url);
    free(text);
    exchange_answer_clear(&f->answer);
    exchange_request_end(&request, &f->answer);
    const char *body = buf_str(&f->answer.body);
    return strstr(body, "NoError")                       ? "here"
           : strstr(body, "ErrorProxyRequestNotAllowed") ? "elsewhere"
                                                         : body;
}

static void a_moved_mailbox_is_found_at_its_new_host_only(void **state)
{
    struct stand *f = *state;
    exchange_add_mailbox(f->ex, ANN, &(struct err){0});
    assert_string_equal(ask_at(f, "https://mail1.example.net/EWS/Exchange.asmx"), "here");
    user(f, "move-server", "0", "mail2.example.net");
    assert_string_equal(ask_at(f, "https://mail1.example.net/EWS/Exchange.asmx"), "elsewhere");
    assert_string_equal(ask_at(f, "https://MAIL2.example.net:443/EWS/Exchange.asmx"), "here");
    assert_string_equal(ask_at(f, "mail2.example.net:8443"), "here");
    user(f, "move-server", "0", NULL);
    assert_string_equal(ask_at(f, "https://mail1.example.net/"), "here");
}

static void faults_befall_a_mailbox_before_the_request(void **state)
{
    struct stand *f = *state;
    char id[EXCHANGE_ID_MAX];
    char *token = stand_catch_up(f, "");
    stand_askf(f, "%s", subscribe);
    stand_faults(f, "snapshot:CreateItem:1,restore:SyncFolderItems:2,lose-states:GetItem:1,"
                    "lose-subscriptions:GetItem:1,move:GetItem:2:1000");
    stand_create(f, "x", id);
    assert_string_equal(stand_sync(f, token, 10), "NoError");
    assert_string_equal(stand_changes(f), "Create ");
    assert_string_equal(stand_sync(f, token, 10), "NoError");
    assert_string_equal(stand_changes(f), "");
    assert_string_equal(stand_askf(f, GET_ITEM, id), "ErrorItemNotFound");
    assert_int_equal(exchange_subscriptions(f->ex), 0);
    assert_string_equal(stand_sync(f, token, 10), "ErrorInvalidSyncStateData");
    assert_string_equal(stand_askf(f, GET_ITEM, id), "ErrorMailboxMoveInProgress");
    loop_virtual_run(f->loop, 1000);
    assert_string_equal(stand_askf(f, GET_ITEM, id), "ErrorItemNotFound");
    free(token);
}

static void what_befell_a_mailbox_is_there_after_a_restart(void **state)
{
    struct stand *f = *state;
    struct err err;
    char dir[] = "/tmp/test-exchange-XXXXXX", id[EXCHANGE_ID_MAX], command[64];
    assert_non_null(mkdtemp(dir));
    exchange_free(&f->ex);
    f->ex = exchange_new(dir, f->loop, 7, &err);
    stand_create(f, "x", id);
    char *token = stand_catch_up(f, "");
    user(f, "snapshot", NULL, NULL);
    user(f, "purge", id, NULL);
    user(f, "lose-states", NULL, NULL);
    exchange_free(&f->ex);
    f->ex = exchange_new(dir, f->loop, 7, &err);
    assert_string_equal(stand_sync(f, token, 10), "ErrorInvalidSyncStateData");
    user(f, "restore-backup", NULL, NULL);
    assert_int_equal(exchange_user_count(f->ex, ANN, "Inbox"), 1);
    free(token);
    exchange_free(&f->ex);
    snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

static void merging_keeps_what_a_person_did_meanwhile(void **state)
{
    struct stand *f = *state;
    struct err err;
    char id[EXCHANGE_ID_MAX], key[EXCHANGE_ID_MAX];
    stand_create(f, "before", id);
    snprintf(key, sizeof key, "%s", xml_attr(xml_find(f->root, NULL, "ItemId"), "ChangeKey"));
    user(f, "subject", id, "after");
    assert_string_equal(stand_askf(f, UPDATE_READ, "NeverOverwrite", id, key, "true"),
                        "ErrorIrresolvableConflict");
    assert_string_equal(stand_askf(f, UPDATE_READ, "AutoResolve", id, key, "true"), "NoError");
    json_t *list = exchange_user_list(f->ex, ANN, "Inbox", &err);
    const json_t *item = json_array_get(json_object_get(list, "items"), 0);
    assert_string_equal(json_string_value(json_object_get(item, "subject")), "after");
    assert_true(json_is_true(json_object_get(item, "read")));
    json_decref(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROMISE(a_restored_mailbox_is_as_it_was),
        PROMISE(states_handed_out_since_the_backup_are_void),
        PROMISE(a_restored_mailbox_never_gives_a_number_twice),
        PROMISE(there_is_no_way_back_without_a_backup),
        PROMISE(a_mailbox_that_moves_is_away_for_a_while),
        PROMISE(a_move_may_keep_states_and_subscriptions),
        PROMISE(a_moved_mailbox_is_found_at_its_new_host_only),
        PROMISE(faults_befall_a_mailbox_before_the_request),
        PROMISE(what_befell_a_mailbox_is_there_after_a_restart),
        PROMISE(merging_keeps_what_a_person_did_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
