/* The stand-in for Exchange: strict where Exchange is strict, and the same after a restart. */
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

static void refuses_what_the_schema_does_not_allow(void **state)
{
    struct stand *f = *state;
    stand_refuses(f, CREATE("<t:IsRead>true</t:IsRead><t:Subject>wrong order</t:Subject>"));
    stand_refuses(f, CREATE("<t:Shubject>unknown</t:Shubject>"));
    stand_refuses(f, CREATE("<m:Subject>wrong namespace</m:Subject>"));
    stand_refuses(f, CREATE("<t:Importance>Urgent</t:Importance>"));
    stand_refuses(f, CREATE("<t:Body>no type</t:Body>"));
    stand_refuses(f, CREATE("<t:Subject>a</t:Subject><t:Subject>twice</t:Subject>"));
    stand_refuses(f, CREATE(FLAGS "<t:Importance>High</t:Importance>"));
    stand_refuses(f, VOICE("v-1", "Ukl*GRg=="));
    stand_refuses(f, "<m:NoSuchThing/>");
    stand_refuses(f,
                  "<m:DeleteItem><m:ItemIds><t:ItemId Id=\"x\"/></m:ItemIds></m:DeleteItem>");
    stand_refuses(f, "<m:GetItem><m:ItemIds><t:ItemId Id=\"x\"/></m:ItemIds></m:GetItem>");
    stand_refuses(
        f, "<m:GetFolder><m:FolderShape><t:BaseShape>IdOnly</t:BaseShape></m:FolderShape>"
           "<m:FolderIds><t:DistinguishedFolderId Id=\"inbocks\"/></m:FolderIds>"
           "</m:GetFolder>");
    stand_refuses(f, "<m:Unsubscribe><m:SubscriptionId></m:SubscriptionId></m:Unsubscribe>");
}

static void names_the_line_of_a_violation(void **state)
{
    struct stand *f = *state;
    stand_refuses(f, "\n\n" CREATE("<t:Subject>a</t:Subject>\n<t:Nonsense/>"));
    assert_string_equal(xml_text(xml_find(f->root, NULL, "LineNumber")), "6");
}

static void refuses_numbers_out_of_their_range(void **state)
{
    struct stand *f = *state;
    assert_string_equal(stand_sync(f, "", 0), "ErrorSchemaValidation");
    assert_string_equal(stand_sync(f, "", 513), "ErrorSchemaValidation");
    assert_string_equal(stand_sync(f, "", 512), "NoError");
    stand_refuses(f,
                  "<m:Subscribe><m:PushSubscriptionRequest><t:FolderIds>" INBOX "</t:FolderIds>"
                  "<t:EventTypes><t:EventType>CreatedEvent</t:EventType></t:EventTypes>"
                  "<t:StatusFrequency>1441</t:StatusFrequency><t:URL>http://h/</t:URL>"
                  "</m:PushSubscriptionRequest></m:Subscribe>");
}

static void refuses_an_update_of_two_properties_at_once(void **state)
{
    struct stand *f = *state;
    char id[EXCHANGE_ID_MAX];
    stand_create(f, "one", id);
    const char *code = stand_askf(
        f,
        "<m:UpdateItem MessageDisposition=\"SaveOnly\" ConflictResolution=\"AutoResolve\">"
        "<m:ItemChanges><t:ItemChange><t:ItemId Id=\"%s\"/><t:Updates><t:SetItemField>"
        "<t:FieldURI FieldURI=\"message:IsRead\"/><t:Message><t:Subject>x</t:Subject>"
        "<t:IsRead>true</t:IsRead></t:Message></t:SetItemField></t:Updates></t:ItemChange>"
        "</m:ItemChanges></m:UpdateItem>",
        id);
    assert_string_equal(code, "ErrorSchemaValidation");
}

static void refuses_what_is_not_xml(void **state)
{
    struct stand *f = *state;
    static const char broken[] = "<s:Envelope><s:Body></s:Envelope>";
    exchange_handle(f->ex, "svc", broken, sizeof broken - 1, &f->answer);
    assert_int_equal(f->answer.status, 400);
}

static void an_unknown_mailbox_is_refused_when_told_so(void **state)
{
    struct stand *f = *state;
    struct err err;
    exchange_set_auto_mailboxes(f->ex, false);
    assert_string_equal(stand_sync(f, "", 10), "ErrorNonExistentMailbox");
    assert_int_equal(f->answer.status, 500);
    assert_true(exchange_add_mailbox(f->ex, ANN, &err));
    assert_string_equal(stand_sync(f, "", 10), "NoError");
}

static void a_person_finds_an_item_in_four_ways(void **state)
{
    struct stand *f = *state;
    struct err err;
    char id[EXCHANGE_ID_MAX];
    stand_askf(f, VOICE("v-1", "UklGRg=="));
    stand_create(f, "Lunch on Friday", id);
    assert_true(exchange_user_do(f->ex, ANN, &err, "read", "v-1", NULL));
    assert_true(exchange_user_do(f->ex, ANN, &err, "read", "friday", NULL));
    assert_true(exchange_user_do(f->ex, ANN, &err, "unread", id, NULL));
    assert_true(exchange_user_do(f->ex, ANN, &err, "urgent", "1", "on", NULL));
    assert_false(exchange_user_do(f->ex, ANN, &err, "read", "no such thing", NULL));
    assert_int_equal(err.kind, ERR_NO_MAILBOX);
    assert_true(exchange_user_do(f->ex, ANN, &err, "delete", id, NULL));
    assert_int_equal(exchange_user_count(f->ex, ANN, "Deleted Items"), 1);
    assert_true(exchange_user_do(f->ex, ANN, &err, "restore", "friday", NULL));
    assert_int_equal(exchange_user_count(f->ex, ANN, "Inbox"), 2);
    assert_true(exchange_user_do(f->ex, ANN, &err, "delete", "friday", NULL));
    assert_true(exchange_user_do(f->ex, ANN, &err, "delete", "friday", NULL));
    assert_int_equal(exchange_user_count(f->ex, ANN, "Deleted Items"), 0);
    assert_true(exchange_user_do(f->ex, ANN, &err, "folder", "add", "Inbox/A/B", NULL));
    assert_true(exchange_user_do(f->ex, ANN, &err, "move", "v-1", "Inbox/A/B", NULL));
    assert_true(exchange_user_do(f->ex, ANN, &err, "folder", "rename", "Inbox/A", "C", NULL));
    assert_int_equal(exchange_user_count(f->ex, ANN, "Inbox/C/B"), 1);
    assert_true(exchange_user_do(f->ex, ANN, &err, "folder", "remove", "Inbox/C", NULL));
    assert_int_equal(exchange_user_count(f->ex, ANN, "Deleted Items/C/B"), 1);
}

static void what_was_answered_is_there_after_a_restart(void **state)
{
    struct stand *f = *state;
    struct err err;
    char dir[] = "/tmp/test-exchange-XXXXXX", id[EXCHANGE_ID_MAX], command[64];
    assert_non_null(mkdtemp(dir));
    exchange_free(&f->ex);
    f->ex = exchange_new(dir, f->loop, 7, &err);
    assert_non_null(f->ex);
    assert_string_equal(stand_askf(f, VOICE("v-1", "UklGRg==")), "NoError");
    snprintf(id, sizeof id, "%s", xml_attr(xml_find(f->root, NULL, "ItemId"), "Id"));
    char *token = stand_catch_up(f, "");
    exchange_free(&f->ex);
    f->ex = exchange_new(dir, f->loop, 99, &err); /* the directory's own seed counts */
    assert_non_null(f->ex);
    assert_string_equal(stand_sync(f, token, 10), "NoError");
    assert_string_equal(stand_changes(f), "");
    assert_true(exchange_user_do(f->ex, ANN, &err, "read", id, NULL));
    assert_string_equal(stand_sync(f, token, 10), "NoError");
    assert_string_equal(stand_changes(f), "ReadFlagChange ");
    json_t *list = exchange_user_list(f->ex, ANN, NULL, &err);
    const json_t *item = json_array_get(json_object_get(list, "items"), 0);
    assert_string_equal(json_string_value(json_object_get(item, "message_id")), "v-1");
    assert_int_equal(json_array_size(json_object_get(item, "attachments")), 1);
    json_decref(list);
    free(token);
    exchange_free(&f->ex);
    snprintf(command, sizeof command, "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

static void equal_seeds_give_equal_ids(void **state)
{
    struct stand *f = *state;
    struct err err;
    char one[EXCHANGE_ID_MAX], two[EXCHANGE_ID_MAX];
    stand_create(f, "x", one);
    exchange_free(&f->ex);
    f->ex = exchange_new(NULL, f->loop, 7, &err);
    stand_create(f, "x", two);
    assert_string_equal(one, two);
    exchange_free(&f->ex);
    f->ex = exchange_new(NULL, f->loop, 8, &err);
    stand_create(f, "x", two);
    assert_string_not_equal(one, two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROMISE(refuses_what_the_schema_does_not_allow),
        PROMISE(names_the_line_of_a_violation),
        PROMISE(refuses_numbers_out_of_their_range),
        PROMISE(refuses_an_update_of_two_properties_at_once),
        PROMISE(refuses_what_is_not_xml),
        PROMISE(an_unknown_mailbox_is_refused_when_told_so),
        PROMISE(a_person_finds_an_item_in_four_ways),
        PROMISE(what_was_answered_is_there_after_a_restart),
        PROMISE(equal_seeds_give_equal_ids),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
