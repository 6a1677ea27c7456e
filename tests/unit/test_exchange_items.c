/* The stand-in for Exchange: items and folders, and what changed since a state. */
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

static void an_item_without_message_flags_is_a_draft(void **state)
{
    struct stand *f = *state;
    struct err err;
    assert_string_equal(stand_askf(f, CREATE("<t:Subject>draft</t:Subject>")), "NoError");
    assert_string_equal(stand_askf(f, CREATE("<t:Subject>message</t:Subject>" FLAGS)),
                        "NoError");
    json_t *list = exchange_user_list(f->ex, ANN, NULL, &err);
    const json_t *items = json_object_get(list, "items");
    assert_int_equal(json_array_size(items), 2);
    assert_true(json_is_false(json_object_get(json_array_get(items, 0), "draft")));
    assert_true(json_is_false(json_object_get(json_array_get(items, 0), "read")));
    assert_true(json_is_true(json_object_get(json_array_get(items, 1), "draft")));
    json_decref(list);
}

static void a_move_changes_the_id_and_keeps_what_is_inside(void **state)
{
    struct stand *f = *state;
    char id[EXCHANGE_ID_MAX], moved[EXCHANGE_ID_MAX];
    assert_string_equal(stand_askf(f, VOICE("v-1", "UklGRg==")), "NoError");
    snprintf(id, sizeof id, "%s", xml_attr(xml_find(f->root, NULL, "ItemId"), "Id"));
    assert_string_equal(stand_askf(f,
                                   "<m:MoveItem><m:ToFolderId><t:DistinguishedFolderId"
                                   " Id=\"deleteditems\"/></m:ToFolderId><m:ItemIds>"
                                   "<t:ItemId Id=\"%s\"/></m:ItemIds></m:MoveItem>",
                                   id),
                        "NoError");
    snprintf(moved, sizeof moved, "%s", xml_attr(xml_find(f->root, NULL, "ItemId"), "Id"));
    assert_string_not_equal(id, moved);
    static const char get[] =
        "<m:GetItem><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>"
        "<t:FieldURI FieldURI=\"item:Attachments\"/>" OUR_URI
        "</t:AdditionalProperties></m:ItemShape><m:ItemIds><t:ItemId Id=\"%s\"/></m:ItemIds>"
        "</m:GetItem>";
    assert_string_equal(stand_askf(f, get, id), "ErrorItemNotFound");
    assert_string_equal(stand_askf(f, get, moved), "NoError");
    assert_string_equal(xml_text(xml_find(f->root, NULL, "Value")), "v-1");
    char attachment[EXCHANGE_ID_MAX + 64];
    snprintf(attachment, sizeof attachment, "%s",
             xml_attr(xml_find(f->root, NULL, "AttachmentId"), "Id"));
    assert_string_equal(
        stand_askf(f,
                   "<m:GetAttachment><m:AttachmentIds><t:AttachmentId Id=\"%s\"/>"
                   "</m:AttachmentIds></m:GetAttachment>",
                   attachment),
        "NoError");
    assert_string_equal(xml_text(xml_find(f->root, NULL, "Content")), "UklGRg==");
}

/* The item is another version of itself, and says so; another item with the same content keeps
 * it. */
static void an_attachment_that_is_removed_changes_its_item_and_no_other(void **state)
{
    struct stand *f = *state;
    static const char delete[] = "<m:DeleteAttachment><m:AttachmentIds><t:AttachmentId "
                                 "Id=\"%s\"/></m:AttachmentIds></m:DeleteAttachment>";
    char id[EXCHANGE_ID_MAX], version[EXCHANGE_ID_MAX];
    char first[EXCHANGE_ID_MAX + 64], second[EXCHANGE_ID_MAX + 64];

    stand_askf(f, VOICE("v-1", "UklGRg=="));
    snprintf(first, sizeof first, "%s",
             xml_attr(xml_find(f->root, NULL, "AttachmentId"), "Id"));
    snprintf(id, sizeof id, "%s", xml_attr(xml_find(f->root, NULL, "ItemId"), "Id"));
    snprintf(version, sizeof version, "%s",
             xml_attr(xml_find(f->root, NULL, "ItemId"), "ChangeKey"));
    stand_askf(f, VOICE("v-2", "UklGRg=="));
    snprintf(second, sizeof second, "%s",
             xml_attr(xml_find(f->root, NULL, "AttachmentId"), "Id"));
    char *before = stand_catch_up(f, "");
    assert_string_equal(stand_askf(f, delete, first), "NoError");
    const struct xml_node *item = xml_find(f->root, NULL, "RootItemId");
    assert_string_equal(xml_attr(item, "RootItemId"), id);
    assert_string_not_equal(xml_attr(item, "RootItemChangeKey"), version);
    snprintf(version, sizeof version, "%s", xml_attr(item, "RootItemChangeKey"));
    assert_string_equal(stand_askf(f, GET_ITEM, id), "NoError");
    assert_null(xml_find(f->root, NULL, "AttachmentId"));
    assert_string_equal(xml_attr(xml_find(f->root, NULL, "ItemId"), "ChangeKey"), version);
    stand_sync(f, before, 10);
    assert_string_equal(stand_changes(f), "Update ");
    free(before);
    assert_string_equal(stand_askf(f, delete, first), "ErrorItemNotFound");
    assert_string_equal(stand_askf(f, delete, "rubbish"), "ErrorInvalidAttachmentId");
    assert_string_equal(stand_askf(f,
                                   "<m:GetAttachment><m:AttachmentIds><t:AttachmentId "
                                   "Id=\"%s\"/></m:AttachmentIds></m:GetAttachment>",
                                   second),
                        "NoError");
    assert_string_equal(xml_text(xml_find(f->root, NULL, "Content")), "UklGRg==");
    stand_refuses(f, "<m:DeleteAttachment><m:ItemIds/></m:DeleteAttachment>");
}

static void finds_an_item_by_our_property(void **state)
{
    struct stand *f = *state;
    static const char find[] =
        "<m:FindItem Traversal=\"Shallow\"><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape>"
        "</m:ItemShape><m:IndexedPageItemView MaxEntriesReturned=\"10\" Offset=\"0\""
        " BasePoint=\"Beginning\"/><m:Restriction><t:IsEqualTo>" OUR_URI
        "<t:FieldURIOrConstant><t:Constant Value=\"%s\"/></t:FieldURIOrConstant></t:IsEqualTo>"
        "</m:Restriction><m:ParentFolderIds>" INBOX "</m:ParentFolderIds></m:FindItem>";
    stand_askf(f, VOICE("v-1", "UklGRg=="));
    stand_askf(f, VOICE("v-2", "UklGRg=="));
    assert_string_equal(stand_askf(f, find, "v-2"), "NoError");
    const struct xml_node *root = xml_find(f->root, NULL, "RootFolder");
    assert_string_equal(xml_attr(root, "TotalItemsInView"), "1");
    assert_non_null(xml_find(root, NULL, "ItemId"));
    stand_askf(f, find, "v-3");
    assert_null(xml_find(f->root, NULL, "ItemId"));
}

static void pages_the_first_sync_newest_first(void **state)
{
    struct stand *f = *state;
    struct err err;
    char id[EXCHANGE_ID_MAX], subject[32], *token = strdup("");
    /* The one without a subject arrives while the listing goes on, and is told at its end. */
    static const char *const expected[] = {"n7", "n6", "n5", "n4", "n3", "n2", "n1", ""};
    int seen = 0;
    for (int i = 1; i <= 7; i++) {
        snprintf(subject, sizeof subject, "n%d", i);
        stand_create(f, subject, id);
    }
    do {
        assert_string_equal(stand_sync(f, token, 3), "NoError");
        const struct xml_node *changes = xml_find(f->root, NULL, "Changes");
        for (const struct xml_node *n = changes->first_child; n; n = n->next) {
            assert_true(seen < 8);
            assert_string_equal(xml_text(xml_find(n, NULL, "Subject")), expected[seen++]);
        }
        if (seen == 3)
            assert_true(exchange_user_do(f->ex, ANN, &err, "compose", "Inbox", NULL));
        free(token);
        token = stand_state(f);
    } while (!stand_is_last(f));
    free(token);
    assert_int_equal(seen, 8);
}

static void tells_every_kind_of_change(void **state)
{
    struct stand *f = *state;
    struct err err;
    char read[EXCHANGE_ID_MAX], subject[EXCHANGE_ID_MAX], gone[EXCHANGE_ID_MAX],
        moved[EXCHANGE_ID_MAX];
    stand_create(f, "read", read);
    stand_create(f, "subject", subject);
    stand_create(f, "gone", gone);
    stand_create(f, "moved", moved);
    char *token = stand_catch_up(f, "");
    assert_true(exchange_user_do(f->ex, ANN, &err, "read", read, NULL));
    assert_true(exchange_user_do(f->ex, ANN, &err, "subject", subject, "other", NULL));
    assert_true(exchange_user_do(f->ex, ANN, &err, "purge", gone, NULL));
    assert_true(exchange_user_do(f->ex, ANN, &err, "move", moved, "Inbox/Project", NULL));
    assert_true(exchange_user_do(f->ex, ANN, &err, "compose", "Inbox", NULL));
    assert_string_equal(stand_sync(f, token, 512), "NoError");
    assert_string_equal(stand_changes(f), "ReadFlagChange Update Delete Delete Create ");
    const struct xml_node *flag = xml_find(f->root, NULL, "ReadFlagChange");
    assert_string_equal(xml_child_text(flag, NULL, "IsRead"), "true");
    free(token);
    token = stand_state(f);
    assert_string_equal(stand_sync(f, token, 512), "NoError");
    assert_string_equal(stand_changes(f), "");
    free(token);
}

static void a_change_between_two_pages_is_not_lost(void **state)
{
    struct stand *f = *state;
    struct err err;
    char ids[4][EXCHANGE_ID_MAX];
    char *token = stand_catch_up(f, "");
    for (int i = 0; i < 4; i++)
        stand_create(f, "x", ids[i]);
    assert_string_equal(stand_sync(f, token, 2), "NoError");
    assert_false(stand_is_last(f));
    assert_string_equal(stand_changes(f), "Create Create ");
    free(token);
    token = stand_state(f);
    assert_true(exchange_user_do(f->ex, ANN, &err, "purge", ids[0], NULL));
    assert_true(exchange_user_do(f->ex, ANN, &err, "purge", ids[3], NULL));
    assert_string_equal(stand_sync(f, token, 2), "NoError");
    assert_string_equal(stand_changes(f), "Create Delete "); /* the fourth was never told */
    assert_true(stand_is_last(f));
    free(token);
}

static void refuses_a_sync_state_that_is_not_its_own(void **state)
{
    struct stand *f = *state;
    char *token = stand_catch_up(f, "");
    assert_string_equal(stand_sync(f, "H4sIAAAA", 10), "ErrorInvalidSyncStateData");
    assert_string_equal(xml_text(xml_find(f->root, NULL, "SyncState")), "");
    assert_true(stand_is_last(f));
    token[strlen(token) / 2] ^= 1;
    assert_string_equal(stand_sync(f, token, 10), "ErrorInvalidSyncStateData");
    token[strlen(token) / 2] ^= 1;
    const char *code =
        stand_askf(f,
                   "<m:SyncFolderItems><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape>"
                   "</m:ItemShape><m:SyncFolderId><t:DistinguishedFolderId"
                   " Id=\"deleteditems\"/></m:SyncFolderId><m:SyncState>%s</m:SyncState>"
                   "<m:MaxChangesReturned>1</m:MaxChangesReturned></m:SyncFolderItems>",
                   token);
    assert_string_equal(code, "ErrorInvalidSyncStateData");
    free(token);
}

static void an_old_change_key_conflicts(void **state)
{
    struct stand *f = *state;
    char id[EXCHANGE_ID_MAX], key[EXCHANGE_ID_MAX];
    stand_create(f, "one", id);
    snprintf(key, sizeof key, "%s", xml_attr(xml_find(f->root, NULL, "ItemId"), "ChangeKey"));
    assert_string_equal(stand_askf(f, UPDATE_READ, "NeverOverwrite", id, key, "true"),
                        "NoError");
    assert_string_not_equal(xml_attr(xml_find(f->root, NULL, "ItemId"), "ChangeKey"), key);
    assert_string_equal(stand_askf(f, UPDATE_READ, "NeverOverwrite", id, key, "false"),
                        "ErrorIrresolvableConflict");
    assert_string_equal(stand_askf(f, UPDATE_READ, "AutoResolve", id, key, "false"), "NoError");
}

static void a_folder_is_made_once(void **state)
{
    struct stand *f = *state;
    static const char make[] =
        "<m:CreateFolder><m:ParentFolderId>" INBOX "</m:ParentFolderId><m:Folders><t:Folder>"
        "<t:DisplayName>%s</t:DisplayName></t:Folder></m:Folders></m:CreateFolder>";
    assert_string_equal(stand_askf(f, make, "Project"), "NoError");
    assert_string_equal(stand_askf(f, make, "project"), "ErrorFolderExists");
    static const char find[] =
        "<m:FindFolder Traversal=\"%s\"><m:FolderShape><t:BaseShape>Default</t:BaseShape>"
        "</m:FolderShape><m:ParentFolderIds><t:DistinguishedFolderId Id=\"msgfolderroot\"/>"
        "</m:ParentFolderIds></m:FindFolder>";
    stand_askf(f, find, "Shallow");
    assert_null(strstr(f->answer.body.data, "Project"));
    stand_askf(f, find, "Deep");
    assert_non_null(strstr(f->answer.body.data, "Project"));
}

static void mime_content_becomes_an_item(void **state)
{
    struct stand *f = *state;
    struct err err;
    /* Subject: hi, a text and a.wav with "RIFF" inside. */
    static const char mime[] =
        "From: \"Bob\" <bob@example.net>\r\nSubject: hi\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\n"
        "--b\r\nContent-Type: text/plain\r\n\r\nA call.\r\n"
        "--b\r\nContent-Type: audio/wav; name=\"a.wav\"\r\n"
        "Content-Transfer-Encoding: base64\r\n\r\nUklGRg==\r\n--b--\r\n";
    char *text = stand_base64(mime);
    assert_string_equal(
        stand_askf(f, CREATE("<t:MimeContent CharacterSet=\"UTF-8\">%s</t:MimeContent>" FLAGS),
                   text),
        "NoError");
    free(text);
    json_t *list = exchange_user_list(f->ex, ANN, "Inbox", &err);
    const json_t *item = json_array_get(json_object_get(list, "items"), 0);
    const json_t *file = json_array_get(json_object_get(item, "attachments"), 0);
    assert_string_equal(json_string_value(json_object_get(item, "subject")), "hi");
    assert_string_equal(json_string_value(json_object_get(item, "body")), "A call.");
    assert_string_equal(json_string_value(json_object_get(item, "from_name")), "Bob");
    assert_string_equal(json_string_value(json_object_get(file, "name")), "a.wav");
    assert_int_equal(json_integer_value(json_object_get(file, "size")), 4);
    json_decref(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROMISE(an_item_without_message_flags_is_a_draft),
        PROMISE(a_move_changes_the_id_and_keeps_what_is_inside),
        PROMISE(an_attachment_that_is_removed_changes_its_item_and_no_other),
        PROMISE(finds_an_item_by_our_property),
        PROMISE(pages_the_first_sync_newest_first),
        PROMISE(tells_every_kind_of_change),
        PROMISE(a_change_between_two_pages_is_not_lost),
        PROMISE(refuses_a_sync_state_that_is_not_its_own),
        PROMISE(an_old_change_key_conflicts),
        PROMISE(a_folder_is_made_once),
        PROMISE(mime_content_becomes_an_item),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
