/* The stand-in for Exchange: folders, seen and hidden, as a client uses them to agree. */
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

#define ROOT "<t:DistinguishedFolderId Id=\"root\"/>"
#define NOTE_URI                                                                               \
    "<t:ExtendedFieldURI PropertySetId=\"" EXCHANGE_PROPERTY_SET                               \
    "\" PropertyName=\"SibNote\" PropertyType=\"%s\"/>"
#define MAKE                                                                                   \
    "<m:CreateFolder><m:ParentFolderId>%s</m:ParentFolderId><m:Folders><t:Folder>"             \
    "<t:FolderClass>IPF.Sib</t:FolderClass><t:DisplayName>%s</t:DisplayName>"                  \
    "<t:ExtendedProperty>" NOTE_URI "<t:Value>%s</t:Value></t:ExtendedProperty>"               \
    "</t:Folder></m:Folders></m:CreateFolder>"
#define SHAPE                                                                                  \
    "<m:FolderShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties>"                 \
    "<t:FieldURI FieldURI=\"folder:DisplayName\"/><t:FieldURI FieldURI=\"folder:FolderClass\"" \
    "/>" NOTE_URI "</t:AdditionalProperties></m:FolderShape>"
#define FIND                                                                                   \
    "<m:FindFolder Traversal=\"%s\">" SHAPE "<m:Restriction><t:IsEqualTo>"                     \
    "<t:FieldURI FieldURI=\"folder:DisplayName\"/><t:FieldURIOrConstant>"                      \
    "<t:Constant Value=\"%s\"/></t:FieldURIOrConstant></t:IsEqualTo></m:Restriction>"          \
    "<m:ParentFolderIds>%s</m:ParentFolderIds></m:FindFolder>"

static void copy_id(struct stand *f, char *id)
{
    snprintf(id, EXCHANGE_ID_MAX, "%s", xml_attr(xml_find(f->root, NULL, "FolderId"), "Id"));
}

static int found(struct stand *f, const char *traversal, const char *name, const char *below)
{
    assert_string_equal(stand_askf(f, FIND, traversal, "String", name, below), "NoError");
    return (int)strtol(xml_attr(xml_find(f->root, NULL, "RootFolder"), "TotalItemsInView"),
                       NULL, 10);
}

static void a_hidden_folder_is_made_once_with_its_properties(void **state)
{
    struct stand *f = *state;
    char id[EXCHANGE_ID_MAX], by_id[EXCHANGE_ID_MAX + 32];
    assert_string_equal(stand_askf(f, MAKE, ROOT, "0017", "String", "server 1"), "NoError");
    copy_id(f, id);
    assert_string_equal(stand_askf(f, MAKE, ROOT, "0017", "String", "server 2"),
                        "ErrorFolderExists");
    snprintf(by_id, sizeof by_id, "<t:FolderId Id=\"%s\"/>", id);
    assert_string_equal(stand_askf(f, MAKE, by_id, "0017", "String", "x"), "NoError");
    assert_string_equal(stand_askf(f,
                                   "<m:GetFolder>" SHAPE "<m:FolderIds>%s</m:FolderIds>"
                                   "</m:GetFolder>",
                                   "String", by_id),
                        "NoError");
    assert_string_equal(xml_text(xml_find(f->root, NULL, "Value")), "server 1");
    assert_string_equal(xml_text(xml_find(f->root, NULL, "FolderClass")), "IPF.Sib");
}

static void a_folder_whose_property_is_refused_is_not_made(void **state)
{
    struct stand *f = *state;
    assert_string_equal(stand_askf(f, MAKE, ROOT, "attempt", "Integer", "many"),
                        "ErrorInvalidExtendedPropertyValue");
    assert_int_equal(found(f, "Shallow", "attempt", ROOT), 0);
    assert_string_equal(stand_askf(f, MAKE, ROOT, "attempt", "Integer", "7"), "NoError");
}

static void a_folder_is_found_by_its_whole_name(void **state)
{
    struct stand *f = *state;
    stand_askf(f, MAKE, ROOT, "0017", "String", "a");
    stand_askf(f, MAKE, ROOT, "17", "String", "b");
    stand_askf(f, MAKE, ROOT, "x0017", "String", "c");
    assert_int_equal(found(f, "Shallow", "0017", ROOT), 1);
    assert_string_equal(xml_text(xml_find(f->root, NULL, "Value")), "a");
    assert_int_equal(found(f, "Shallow", "17", ROOT), 1);
    assert_string_equal(xml_text(xml_find(f->root, NULL, "Value")), "b");
    assert_int_equal(found(f, "Shallow", "X0017", ROOT), 1);
    assert_int_equal(found(f, "Shallow", "001", ROOT), 0);
}

static void what_is_hidden_is_not_in_the_tree_of_a_person(void **state)
{
    struct stand *f = *state;
    struct err err;
    char id[EXCHANGE_ID_MAX];
    stand_askf(f, MAKE, ROOT, "staging", "String", "a");
    copy_id(f, id);
    assert_int_equal(found(f, "Deep", "staging", INBOX), 0);
    assert_int_equal(
        found(f, "Deep", "staging", "<t:DistinguishedFolderId Id=\"msgfolderroot\"/>"), 0);
    assert_int_equal(found(f, "Deep", "staging", ROOT), 1);
    assert_string_equal(
        stand_askf(f,
                   "<m:CreateItem MessageDisposition=\"SaveOnly\"><m:SavedItemFolderId>"
                   "<t:FolderId Id=\"%s\"/></m:SavedItemFolderId><m:Items><t:Message>"
                   "<t:Subject>staged</t:Subject>" FLAGS
                   "</t:Message></m:Items></m:CreateItem>",
                   id),
        "NoError");
    json_t *list = exchange_user_list(f->ex, ANN, NULL, &err);
    assert_int_equal(json_array_size(json_object_get(list, "items")), 0);
    json_decref(list);
}

static void a_folder_goes_with_all_that_is_in_it(void **state)
{
    struct stand *f = *state;
    char id[EXCHANGE_ID_MAX], item[EXCHANGE_ID_MAX];
    stand_askf(f, MAKE, ROOT, "staging", "String", "a");
    copy_id(f, id);
    stand_create(f, "x", item);
    static const char move[] =
        "<m:MoveItem><m:ToFolderId><t:FolderId Id=\"%s\"/></m:ToFolderId>"
        "<m:ItemIds><t:ItemId Id=\"%s\"/></m:ItemIds></m:MoveItem>";
    static const char delete[] = "<m:DeleteFolder DeleteType=\"HardDelete\"><m:FolderIds>"
                                 "<t:FolderId Id=\"%s\"/></m:FolderIds></m:DeleteFolder>";
    assert_string_equal(stand_askf(f, move, id, item), "NoError");
    assert_string_equal(stand_askf(f, move, id, item), "ErrorItemNotFound"); /* it has moved */
    snprintf(item, sizeof item, "%s", xml_attr(xml_find(f->root, NULL, "ItemId"), "Id"));
    assert_string_equal(stand_askf(f, delete, id), "NoError");
    assert_string_equal(stand_askf(f, delete, id), "ErrorFolderNotFound");
    assert_string_equal(stand_askf(f, move, id, item), "ErrorToFolderNotFound");
    assert_int_equal(found(f, "Deep", "staging", ROOT), 0);
}

static void finds_items_page_by_page_with_their_properties(void **state)
{
    struct stand *f = *state;
    static const char find[] =
        "<m:FindItem Traversal=\"Shallow\"><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape>"
        "<t:AdditionalProperties><t:FieldURI FieldURI=\"item:Subject\"/>" OUR_URI
        "</t:AdditionalProperties></m:ItemShape><m:IndexedPageItemView"
        " MaxEntriesReturned=\"2\" Offset=\"%d\" BasePoint=\"Beginning\"/><m:Restriction>"
        "<t:IsEqualTo>" OUR_URI "<t:FieldURIOrConstant><t:Constant Value=\"007\"/>"
        "</t:FieldURIOrConstant></t:IsEqualTo></m:Restriction><m:ParentFolderIds>" INBOX
        "</m:ParentFolderIds></m:FindItem>";
    int seen = 0;
    for (int i = 0; i < 3; i++)
        stand_askf(f, CREATE("<t:Subject>copy</t:Subject>" FLAGS OUR_ID("007")));
    stand_askf(f, CREATE("<t:Subject>other</t:Subject>" FLAGS OUR_ID("7")));
    const struct xml_node *root;
    do {
        assert_string_equal(stand_askf(f, find, seen), "NoError");
        root = xml_find(f->root, NULL, "RootFolder");
        assert_string_equal(xml_attr(root, "TotalItemsInView"), "3");
        const struct xml_node *items = xml_find(root, NULL, "Items");
        for (const struct xml_node *n = items->first_child; n; n = n->next, seen++) {
            assert_string_equal(xml_child_text(n, NULL, "Subject"), "copy");
            assert_string_equal(xml_text(xml_find(n, NULL, "Value")), "007");
        }
        assert_int_equal(strtol(xml_attr(root, "IndexedPagingOffset"), NULL, 10), seen);
    } while (strcmp(xml_attr(root, "IncludesLastItemInRange"), "true") != 0);
    assert_int_equal(seen, 3);
}

static int calls;

static void count_call(const char *url, const char *body, size_t len, const char *subscription,
                       void *arg)
{
    (void)url, (void)body, (void)len;
    calls++;
    exchange_push_answered(arg, subscription, EXCHANGE_PUSH_OK);
}

static void what_happens_in_hidden_folders_is_told_to_nobody(void **state)
{
    struct stand *f = *state;
    struct err err;
    char id[EXCHANGE_ID_MAX];
    static const char subscribe[] =
        "<m:Subscribe><m:PushSubscriptionRequest%s<t:EventTypes>"
        "<t:EventType>CreatedEvent</t:EventType><t:EventType>ModifiedEvent</t:EventType>"
        "<t:EventType>DeletedEvent</t:EventType><t:EventType>MovedEvent</t:EventType>"
        "</t:EventTypes><t:StatusFrequency>30</t:StatusFrequency><t:URL>http://h/x</t:URL>"
        "</m:PushSubscriptionRequest></m:Subscribe>";
    calls = 0;
    exchange_set_deliver(f->ex, count_call, f->ex);
    stand_create(f, "x", id);
    assert_string_equal(stand_askf(f, subscribe, "><t:FolderIds>" INBOX "</t:FolderIds>"),
                        "NoError");
    assert_string_equal(stand_askf(f, subscribe, " SubscribeToAllFolders=\"true\">"),
                        "NoError");
    stand_askf(f, MAKE, ROOT, "staging", "String", "a");
    char folder[EXCHANGE_ID_MAX];
    copy_id(f, folder);
    stand_askf(f,
               "<m:CreateItem MessageDisposition=\"SaveOnly\"><m:SavedItemFolderId>"
               "<t:FolderId Id=\"%s\"/></m:SavedItemFolderId><m:Items><t:Message>"
               "<t:Subject>staged</t:Subject>" FLAGS "</t:Message></m:Items></m:CreateItem>",
               folder);
    loop_virtual_run(f->loop, 1000);
    assert_int_equal(calls, 0);
    assert_true(exchange_user_do(f->ex, ANN, &err, "read", id, NULL));
    loop_virtual_run(f->loop, 1000);
    assert_int_equal(calls, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROMISE(a_hidden_folder_is_made_once_with_its_properties),
        PROMISE(a_folder_whose_property_is_refused_is_not_made),
        PROMISE(a_folder_is_found_by_its_whole_name),
        PROMISE(what_is_hidden_is_not_in_the_tree_of_a_person),
        PROMISE(a_folder_goes_with_all_that_is_in_it),
        PROMISE(finds_items_page_by_page_with_their_properties),
        PROMISE(what_happens_in_hidden_folders_is_told_to_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
