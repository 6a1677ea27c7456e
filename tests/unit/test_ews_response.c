/* Opening the answers of Exchange and reading them. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/limits.h"
#include "ews/response.h"
#include "ews/response_composed.h"
#include "ews/soap.h"
#include "tests/support/ews_fixture.h"

static struct xml_reader *parsed(const char *text, const struct xml_node **root)
{
    struct err err = {0};
    struct xml_reader *reader = xml_reader_new(NULL, NULL);
    assert_true(xml_reader_feed(reader, text, strlen(text), &err));
    assert_true(xml_reader_end(reader, root, &err));
    return reader;
}

/* The error of opening an answer with one body element and one message. */
static bool opens(const char *body, const char *response, int count, struct err *err)
{
    struct buf text;
    const struct xml_node *root, *message;
    struct xml_reader *reader = parsed(fixture_soap(&text, body), &root);
    err_clear(err);
    bool ok = soap_open_answer(root, response, count, &message, err);
    for (int i = 0; ok && i < count; i++, message = soap_next_message(message))
        ok = soap_message_ok(message, err);
    xml_reader_free(&reader);
    buf_clear(&text);
    return ok;
}

#define BUSY_VALUES                                                                            \
    "<t:Value Name=\"Policy\">x</t:Value><t:Value Name=\"BackOffMilliseconds\"> "              \
    "5000\n</t:Value>"

static const char busy_fault[] =
    "<s:Fault><faultcode>t:ErrorServerBusy</faultcode><faultstring>Busy.</faultstring><detail>"
    "<e:ResponseCode> ErrorServerBusy "
    "</e:ResponseCode><e:Message>Busy.</e:Message><t:MessageXml>" BUSY_VALUES
    "</t:MessageXml></detail></s:Fault>";
static const char busy_message[] =
    "<m:SyncFolderItemsResponse><m:ResponseMessages><m:SyncFolderItemsResponseMessage "
    "ResponseClass=\"Error\"><m:MessageText>Busy.</"
    "m:MessageText><m:ResponseCode>ErrorServerBusy"
    "</m:ResponseCode><m:DescriptiveLinkKey>0</m:DescriptiveLinkKey><m:MessageXml>" BUSY_VALUES
    "</m:MessageXml><m:SyncState/><m:IncludesLastItemInRange>true</m:IncludesLastItemInRange>"
    "</m:SyncFolderItemsResponseMessage></m:ResponseMessages></m:SyncFolderItemsResponse>";
static const char busy_inside[] =
    "<m:SyncFolderItemsResponse><m:ResponseMessages><m:SyncFolderItemsResponseMessage "
    "ResponseClass=\"Error\"><m:MessageText>Internal.</m:MessageText><m:ResponseCode>"
    "ErrorInternalServerError</m:ResponseCode><m:MessageXml><t:Value "
    "Name=\"InnerErrorResponseCode\">"
    "ErrorServerBusy</t:Value>" BUSY_VALUES "</m:MessageXml></m:SyncFolderItemsResponseMessage>"
    "</m:ResponseMessages></m:SyncFolderItemsResponse>";

static void server_busy_is_understood_in_its_three_shapes(void **state)
{
    (void)state;
    const char *shapes[] = {busy_fault, busy_message, busy_inside};
    for (int i = 0; i < 3; i++) {
        struct err err;
        assert_false(opens(shapes[i], "SyncFolderItemsResponse", 1, &err));
        assert_string_equal(err.code, "ErrorServerBusy");
        assert_int_equal(err.kind, ERR_UNAVAILABLE);
        assert_int_equal(err.scope, ERR_SCOPE_MAILBOX);
        assert_int_equal(err.when, ERR_WHEN_BACK_OFF);
        assert_int_equal(err.back_off_ms, 5000);
        /* Inside "internal server error" it is the store that is busy, perhaps half-way. */
        assert_int_equal(err.effect, i < 2 ? ERR_EFFECT_NONE : ERR_EFFECT_UNKNOWN);
    }
}

/* What is waited for when these stand in the MessageXml of a fault. */
static int64_t wait_of(const char *values)
{
    char body[1024];
    struct err err;
    snprintf(body, sizeof(body),
             "<s:Fault><faultcode>t:ErrorServerBusy</faultcode><detail><t:MessageXml>%s"
             "</t:MessageXml></detail></s:Fault>",
             values);
    assert_false(opens(body, "GetItemResponse", 1, &err));
    assert_string_equal(err.code, "ErrorServerBusy");
    assert_int_equal(err.when, ERR_WHEN_BACK_OFF);
    return err.back_off_ms;
}

#define WAIT(text) "<t:Value Name=\"BackOffMilliseconds\">" text "</t:Value>"
#define OTHER      "<t:Value Name=\"Policy\">7</t:Value>"

static void a_wait_is_found_wherever_it_stands(void **state)
{
    (void)state;
    static const char *const places[] = {
        WAIT("5000"),
        OTHER WAIT("5000"),
        OTHER OTHER WAIT("5000") OTHER,
        WAIT("\n\t 5000 \n"),
        "<t:Inner><t:Deeper/><t:Deeper>" WAIT("5000") "</t:Deeper></t:Inner>",
        "<t:Value xmlns:x=\"urn:x\" x:Name=\"No\" Kind=\"1\" "
        "Name='BackOffMilliseconds'>5000</t:Value>",
        "<Value xmlns=\"urn:other\" Name=\"BackOffMilliseconds\">50<!-- -->00</Value>",
        WAIT("") WAIT("soon") WAIT("5000") WAIT("20"),
    };
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        assert_int_equal(wait_of(places[i]), 5000);
}

static void a_wait_that_makes_no_sense_is_left_to_us(void **state)
{
    (void)state;
    static const char *const ours[] = {
        "",       OTHER,     WAIT("-5"),         WAIT("soon"),
        WAIT(""), WAIT("0"), WAIT("0x7fffffff"), WAIT("-99999999999999999999")};
    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        assert_int_equal(wait_of(ours[i]), 0);
    assert_int_equal(wait_of(WAIT("99999999999999999999")), TIME_BACK_OFF_MAX_MS);
    assert_int_equal(wait_of(WAIT("3600001")), TIME_BACK_OFF_MAX_MS);
}

static void a_fault_without_detail_is_told_by_its_own_code(void **state)
{
    (void)state;
    static const struct {
        const char *fault, *code;
        enum err_kind kind;
        enum err_effect effect;
    } rows[] = {
        {"<faultcode>a:ErrorNonExistentMailbox</faultcode>", "ErrorNonExistentMailbox",
         ERR_NO_MAILBOX, ERR_EFFECT_NONE},
        {"<faultcode>s:Client</faultcode><faultstring>x</faultstring>", "Client", ERR_TEMPORARY,
         ERR_EFFECT_UNKNOWN},
        {"<faultcode> s:Server\n</faultcode>", "Server", ERR_TEMPORARY, ERR_EFFECT_UNKNOWN},
        {"", "Fault", ERR_TEMPORARY, ERR_EFFECT_UNKNOWN},
        {"<faultcode>x:No\nLine \xE2\x82\xAC</faultcode>", "No?Line????", ERR_TEMPORARY,
         ERR_EFFECT_UNKNOWN},
        {"<faultcode>x</faultcode><detail><ResponseCode>ErrorServerBusy</ResponseCode></"
         "detail>",
         "ErrorServerBusy", ERR_UNAVAILABLE, ERR_EFFECT_NONE},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char body[512];
        struct err err;
        snprintf(body, sizeof(body), "<s:Fault>%s</s:Fault>", rows[i].fault);
        assert_false(opens(body, "CreateItemResponse", 1, &err));
        assert_string_equal(err.code, rows[i].code);
        assert_int_equal(err.kind, rows[i].kind);
        assert_int_equal(err.effect, rows[i].effect);
    }
}

#define ANSWER(messages)                                                                       \
    "<m:GetItemResponse><m:ResponseMessages>" messages                                         \
    "</m:ResponseMessages></m:GetItemResponse>"
#define GOOD                                                                                   \
    "<m:GetItemResponseMessage "                                                               \
    "ResponseClass=\"Success\"><m:ResponseCode>NoError</m:ResponseCode>"                       \
    "</m:GetItemResponseMessage>"
#define STOPPED                                                                                \
    "<m:GetItemResponseMessage ResponseClass=\"Warning\"><m:ResponseCode>"                     \
    "ErrorBatchProcessingStopped</m:ResponseCode></m:GetItemResponseMessage>"

static void an_answer_has_one_message_for_each_thing_asked(void **state)
{
    (void)state;
    struct err err;
    assert_true(opens(ANSWER(GOOD), "GetItemResponse", 1, &err));
    assert_true(opens(ANSWER(GOOD GOOD), "GetItemResponse", 2, &err));
    assert_false(opens(ANSWER(GOOD GOOD), "GetItemResponse", 1, &err));
    assert_int_equal(err.kind, ERR_PROTOCOL);
    assert_int_equal(err.effect, ERR_EFFECT_UNKNOWN);
    assert_false(opens(ANSWER(GOOD), "GetItemResponse", 2, &err));
    assert_int_equal(err.kind, ERR_PROTOCOL);
    assert_false(opens(ANSWER(""), "GetItemResponse", 1, &err));
    assert_int_equal(err.kind, ERR_PROTOCOL);
}

#define FAILED(class, code)                                                                    \
    "<m:GetItemResponseMessage ResponseClass=\"" class "\"><m:ResponseCode>" code              \
                                                       "</m:ResponseCode></"                   \
                                                       "m:GetItemResponseMessage>"

static void what_was_not_processed_is_not_success(void **state)
{
    (void)state;
    static const char *const answers[] = {ANSWER(GOOD STOPPED), ANSWER(STOPPED)};
    for (int i = 0; i < 2; i++) {
        struct err err;
        assert_false(opens(answers[i], "GetItemResponse", 2 - i, &err));
        assert_string_equal(err.code, "ErrorBatchProcessingStopped");
        assert_int_equal(err.effect, ERR_EFFECT_NONE);
        assert_int_equal(err.when, ERR_WHEN_RETRY);
        assert_int_equal(err.scope, ERR_SCOPE_ITEM);
        assert_int_equal(err.back_off_ms, 0);
    }
}

static void of_a_batch_that_stopped_each_message_says_its_own(void **state)
{
    (void)state;
    struct buf text;
    const struct xml_node *root, *message;
    struct err err = {0};
    struct xml_reader *reader =
        parsed(fixture_soap(&text, ANSWER(GOOD FAILED("Error", "ErrorMailboxStoreUnavailable")
                                              STOPPED STOPPED)),
               &root);
    assert_true(soap_open_answer(root, "GetItemResponse", 4, &message, &err));
    assert_true(soap_message_ok(message, &err));
    message = soap_next_message(message);
    assert_false(soap_message_ok(message, &err));
    assert_string_equal(err.code, "ErrorMailboxStoreUnavailable");
    assert_int_equal(err.effect, ERR_EFFECT_UNKNOWN);
    for (int i = 0; i < 2; i++) {
        message = soap_next_message(message);
        assert_false(soap_message_ok(message, &err));
        assert_int_equal(err.effect, ERR_EFFECT_NONE);
    }
    assert_null(soap_next_message(message));
    xml_reader_free(&reader);
    buf_clear(&text);
}

static void one_error_for_several_things_leaves_the_rest_in_doubt(void **state)
{
    (void)state;
    struct err err;
    const char *answer = ANSWER(FAILED("Error", "ErrorAccessDenied"));
    assert_false(opens(answer, "GetItemResponse", 2, &err));
    assert_string_equal(err.code, "ErrorAccessDenied");
    assert_int_equal(err.effect, ERR_EFFECT_UNKNOWN);
    assert_false(opens(answer, "GetItemResponse", 1, &err));
    assert_int_equal(err.effect, ERR_EFFECT_NONE);
}

static void the_class_of_a_message_decides_about_what_is_not_known(void **state)
{
    (void)state;
    struct err err;
    assert_true(opens(ANSWER(FAILED("Success", "")), "GetItemResponse", 1, &err));
    assert_true(opens(ANSWER(FAILED("Warning", "NoError")), "GetItemResponse", 1, &err));
    assert_false(opens(ANSWER(FAILED("Success", "ErrorX")), "GetItemResponse", 1, &err));
    assert_int_equal(err.kind, ERR_PROTOCOL);
    assert_int_equal(err.effect, ERR_EFFECT_UNKNOWN);
    assert_false(opens(ANSWER(FAILED("Warning", "ErrorX")), "GetItemResponse", 1, &err));
    assert_int_equal(err.kind, ERR_TEMPORARY);
    assert_int_equal(err.effect, ERR_EFFECT_UNKNOWN);
    assert_false(opens(ANSWER(FAILED("Error", "ErrorX")), "GetItemResponse", 1, &err));
    assert_int_equal(err.kind, ERR_REFUSED);
    assert_false(opens(ANSWER(FAILED("success", "NoError")), "GetItemResponse", 1, &err));
    assert_int_equal(err.kind, ERR_PROTOCOL);
}

static void an_answer_that_makes_no_sense_may_have_taken_effect(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "",
        "<m:GetItemResponse/>",
        "<m:DeleteItemResponse><m:ResponseMessages/></m:DeleteItemResponse>",
        ANSWER("<m:GetItemResponseMessage/>"),
        ANSWER("<m:GetItemResponseMessage ResponseClass=\"Error\"/>"),
        ANSWER("<m:GetItemResponseMessage ResponseClass=\"Error\"><m:ResponseCode>NoError"
               "</m:ResponseCode></m:GetItemResponseMessage>"),
    };
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        struct err err;
        assert_false(opens(bodies[i], "GetItemResponse", 1, &err));
        assert_int_equal(err.kind, ERR_PROTOCOL);
        assert_int_equal(err.effect, ERR_EFFECT_UNKNOWN);
    }
}

static bool read_sync(const char *message, struct remote_page *page, struct xml_reader **reader,
                      struct err *err)
{
    struct buf body, text;
    const struct xml_node *root;
    buf_init(&body, MIB);
    buf_printf(
        &body,
        "<m:SyncFolderItemsResponse><m:ResponseMessages><m:SyncFolderItemsResponseMessage "
        "ResponseClass=\"Success\"><m:ResponseCode>NoError</m:ResponseCode>%s"
        "</m:SyncFolderItemsResponseMessage></m:ResponseMessages></m:SyncFolderItemsResponse>",
        message);
    *reader = parsed(fixture_soap(&text, buf_str(&body)), &root);
    buf_clear(&body);
    buf_clear(&text);
    err_clear(err);
    return response_sync_items(root, page, err);
}

#define PROPERTY(set, name, value)                                                             \
    "<t:ExtendedProperty><t:ExtendedFieldURI PropertySetId=\"" set "\" PropertyName=\"" name   \
    "\" PropertyType=\"String\"/><t:Value>" value "</t:Value></t:ExtendedProperty>"

static void changes_of_every_kind_are_read(void **state)
{
    (void)state;
    struct remote_page page;
    struct xml_reader *reader;
    struct err err;
    assert_true(
        read_sync("<m:SyncState>H4s</m:SyncState><m:IncludesLastItemInRange>false</"
                  "m:IncludesLastItemInRange>"
                  "<m:Changes><t:Create><t:Message><t:ItemId Id=\"a\" "
                  "ChangeKey=\"1\"/><t:Subject>S &amp; "
                  "T</t:Subject><t:DateTimeCreated>2026-11-22T10:00:00Z</"
                  "t:DateTimeCreated><t:Importance>High"
                  "</t:Importance>" PROPERTY("B7A3F0C2-5D0E-4C53-9F2B-7C1D5B8E6A41",
                                             "SibMessageId", "uuid")
                      PROPERTY("b7a3f0c2-5d0e-4c53-9f2b-7c1d5b8e6a41", "SibCreation", "token")
                          PROPERTY("00000000-5d0e-4c53-9f2b-7c1d5b8e6a41", "SibCreation",
                                   "theirs") "<t:LastModifiedTime>2026-11-22T10:00:01.5Z</"
                                             "t:LastModifiedTime><t:IsRead>true</t:IsRead>"
                                             "</t:Message></t:Create>"
                                             "<t:Update><t:MeetingRequest><t:ItemId Id=\"b\" "
                                             "ChangeKey=\"2\"/></t:MeetingRequest>"
                                             "</t:Update><t:ReadFlagChange><t:ItemId Id=\"c\" "
                                             "ChangeKey=\"3\"/><t:IsRead>true</t:IsRead>"
                                             "</t:ReadFlagChange><t:Delete><t:ItemId Id=\"d\" "
                                             "ChangeKey=\"4\"/></t:Delete></m:Changes>",
                  &page, &reader, &err));
    assert_int_equal(page.count, 4);
    assert_false(page.last);
    assert_string_equal(page.token, "H4s");
    const struct remote_item *item = &page.changes[0].item;
    assert_int_equal(page.changes[0].kind, REMOTE_SEEN);
    assert_string_equal(item->id, "a");
    assert_string_equal(item->version, "1");
    assert_string_equal(item->message_id, "uuid");
    assert_string_equal(item->creation, "token");
    assert_string_equal(item->subject, "S & T");
    assert_true(item->read && item->urgent);
    assert_int_equal(item->modified.ms - item->created.ms, 1500);
    assert_int_equal(page.changes[1].kind, REMOTE_SEEN);
    assert_string_equal(page.changes[1].item.message_id, "");
    assert_int_equal(page.changes[1].item.modified.ms, 0);
    assert_int_equal(page.changes[2].kind, REMOTE_READ_FLAG);
    assert_true(page.changes[2].item.read);
    assert_int_equal(page.changes[3].kind, REMOTE_REMOVED);
    assert_string_equal(page.changes[3].item.id, "d");
    response_page_clear(&page);
    xml_reader_free(&reader);
}

static void an_empty_sync_state_is_never_accepted(void **state)
{
    (void)state;
    static const char *const messages[] = {
        "<m:SyncState/><m:IncludesLastItemInRange>true</m:IncludesLastItemInRange>",
        "<m:IncludesLastItemInRange>true</m:IncludesLastItemInRange><m:Changes/>",
        "<m:SyncState>H4s</m:SyncState><m:Changes/>",
        "<m:SyncState>H</m:SyncState><m:IncludesLastItemInRange>true</"
        "m:IncludesLastItemInRange>"
        "<m:Changes><t:Create><t:Message/></t:Create></m:Changes>",
        "<m:SyncState>H</m:SyncState><m:IncludesLastItemInRange>true</"
        "m:IncludesLastItemInRange>"
        "<m:Changes><t:Delete/></m:Changes>",
    };
    for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
        struct remote_page page;
        struct xml_reader *reader;
        struct err err;
        assert_false(read_sync(messages[i], &page, &reader, &err));
        assert_int_equal(err.kind, ERR_PROTOCOL);
        assert_null(page.changes);
        xml_reader_free(&reader);
    }
}

/* Whatever the document is, no reader crashes, and none takes it for something else. */
static void read_everything(const struct xml_node *root)
{
    static const enum remote_place places[] = {REMOTE_INBOX, REMOTE_JUNK, REMOTE_DELETED};
    static const char *const names[] = {"CreateItemResponse", "MoveItemResponse",
                                        "DeleteItemResponse", "UnsubscribeResponse"};
    struct err err = {0};
    struct remote_page page;
    struct response_folders folders = {0};
    struct remote_ref ref;
    const char *text;
    int count;
    long next;
    if (response_sync_items(root, &page, &err))
        assert_true(*page.token);
    response_page_clear(&page);
    response_get_item(root, &page, &err);
    response_page_clear(&page);
    for (size_t n = 1; n <= 3; n++)
        response_get_folders(root, places, n, &folders, &err);
    response_find_folders(root, REMOTE_BELOW, 0, &folders, &next, &err);
    response_folders_clear(&folders);
    for (size_t i = 0; i < 4; i++) {
        response_ref(root, names[i], &ref, &count, &err);
        response_done(root, names[i], &err);
    }
    response_subscribe(root, &text, &err);
    response_attachments(root, &text, &count, &err);
    struct response_composed *composed = response_composed(root, &err);
    response_composed_free(&composed);
}

static int read_folder(const char *name)
{
    char folder[1024];
    snprintf(folder, sizeof(folder), "%s/%s", fixture_shared(), name);
    DIR *dir = opendir(folder);
    if (!dir)
        return -1;
    int count = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        char path[2048];
        struct buf bytes;
        struct err err = {0};
        const struct xml_node *root;
        if (entry->d_name[0] == '.' || entry->d_type == DT_DIR)
            continue;
        snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
        buf_init(&bytes, 8 * MIB);
        assert_true(file_read(path, &bytes, &err));
        const char *start = strstr(buf_str(&bytes), "\r\n\r\n");
        start = start && strstr(path, ".http") ? start + 4 : buf_str(&bytes);
        const char *xml = strstr(start, "<?xml");
        start = xml && strstr(path, ".http") ? xml : start;
        struct xml_reader *reader = xml_reader_new(NULL, NULL);
        if (xml_reader_feed(reader, start, strlen(start), &err) &&
            xml_reader_end(reader, &root, &err)) {
            read_everything(root);
            count++;
        }
        xml_reader_free(&reader);
        buf_clear(&bytes);
    }
    closedir(dir);
    return count;
}

static void recorded_answers_go_through_every_reader(void **state)
{
    (void)state;
    int captures = read_folder("ews-traces");
    int synthetic = read_folder("ews-traces/synthetic");
    if (captures < 0) {
        print_message("skipped: no recorded answers in %s\n", fixture_shared());
        skip();
    }
    assert_true(captures > 100);
    assert_true(synthetic > 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(server_busy_is_understood_in_its_three_shapes),
        cmocka_unit_test(a_wait_is_found_wherever_it_stands),
        cmocka_unit_test(a_wait_that_makes_no_sense_is_left_to_us),
        cmocka_unit_test(a_fault_without_detail_is_told_by_its_own_code),
        cmocka_unit_test(an_answer_has_one_message_for_each_thing_asked),
        cmocka_unit_test(what_was_not_processed_is_not_success),
        cmocka_unit_test(of_a_batch_that_stopped_each_message_says_its_own),
        cmocka_unit_test(one_error_for_several_things_leaves_the_rest_in_doubt),
        cmocka_unit_test(the_class_of_a_message_decides_about_what_is_not_known),
        cmocka_unit_test(an_answer_that_makes_no_sense_may_have_taken_effect),
        cmocka_unit_test(changes_of_every_kind_are_read),
        cmocka_unit_test(an_empty_sync_state_is_never_accepted),
        cmocka_unit_test(recorded_answers_go_through_every_reader),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
