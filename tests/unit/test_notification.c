/* Callbacks of Exchange: what each of the recorded ones says, and what is refused. */
#include <dirent.h>
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
#include "ews/notification.h"

#define SUBSCRIPTION "FgBleGNoMDEuZXhhbXBsZS5uZXQQAAAA"
#define HEAD                                                                                   \
    "<?xml version=\"1.0\"?><s:Envelope "                                                      \
    "xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\">"                                   \
    "<s:Body><m:SendNotification "                                                             \
    "xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\" "                   \
    "xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\">"                \
    "<m:ResponseMessages>"
#define TAIL "</m:ResponseMessages></m:SendNotification></s:Body></s:Envelope>"
#define MESSAGE(id, events)                                                                    \
    "<m:SendNotificationResponseMessage ResponseClass=\"Success\">"                            \
    "<m:ResponseCode>NoError</m:ResponseCode><m:Notification><t:SubscriptionId>" id            \
    "</t:SubscriptionId><t:PreviousWatermark>AA==</t:PreviousWatermark>"                       \
    "<t:MoreEvents>false</t:MoreEvents>" events                                                \
    "</m:Notification></m:SendNotificationResponseMessage>"
#define STATUS "<t:StatusEvent><t:Watermark>AA==</t:Watermark></t:StatusEvent>"
/* As real servers send it, without a Notification and so against the schema. */
#define LOST(values)                                                                           \
    "<m:SendNotificationResponseMessage "                                                      \
    "ResponseClass=\"Error\"><m:MessageText>x</m:MessageText>"                                 \
    "<m:ResponseCode>ErrorReadEventsFailed</m:ResponseCode><m:DescriptiveLinkKey>0"            \
    "</m:DescriptiveLinkKey><m:MessageXml>" values                                             \
    "</m:MessageXml></m:SendNotificationResponseMessage>"

#define NO_BODY                                                                                \
    "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body/></s:Envelope>"

enum { OUT_MAX = 4 };
static struct notification out[OUT_MAX];
static size_t count;

static bool parse_n(const char *text, size_t len)
{
    struct err err = {0};
    memset(out, 0xAA, sizeof out);
    bool ok = notification_parse(text, len, out, OUT_MAX, &count, &err);
    assert_int_equal(ok, err.kind == ERR_OK);
    assert_int_equal(ok, count > 0);
    return ok;
}

static bool parse(const char *text)
{
    return parse_n(text, strlen(text));
}

static const char *shared(void)
{
    const char *folder = getenv("SIB_SHARED");
    return folder ? folder : "../shared";
}

struct expected {
    const char *file, *subscription;
    int events;
    bool status_only;
};

/* An event about a folder, and whether it says that there are other folders now. */
#define FOLDER_EVENT(name)                                                                     \
    "<t:" name "><t:Watermark>AA==</t:Watermark><t:TimeStamp>2026-11-22T10:00:03Z"             \
    "</t:TimeStamp><t:FolderId Id=\"A\"/><t:ParentFolderId Id=\"B\"/></t:" name ">"
#define ITEM_EVENT(name)                                                                       \
    "<t:" name "><t:Watermark>AA==</t:Watermark><t:TimeStamp>2026-11-22T10:00:03Z"             \
    "</t:TimeStamp><t:ItemId Id=\"A\"/><t:ParentFolderId Id=\"B\"/></t:" name ">"

static const struct expected EXPECTED[] = {
    {"awsdocs-workmail-SendNotification-ModifiedEvent-folder.xml",
     "hKJETtoAdi9PPW0tZDQ4MThmMDoVYB", 1, false},
    {"synthetic/SendNotification-Copied.xml", SUBSCRIPTION, 1, false},
    {"synthetic/SendNotification-Deleted-MoreEvents.xml", SUBSCRIPTION, 1, false},
    {"synthetic/SendNotification-ItemModified-readflag.xml", SUBSCRIPTION, 1, false},
    {"synthetic/SendNotification-Moved.xml", SUBSCRIPTION, 1, false},
    {"synthetic/SendNotification-NewMail+Created+FolderModified.xml", SUBSCRIPTION, 3, false},
    {"synthetic/SendNotification-Status.xml", SUBSCRIPTION, 1, true},
};
enum { EXPECTED_COUNT = sizeof EXPECTED / sizeof EXPECTED[0] };

static void read_trace(const char *file, struct buf *bytes)
{
    char path[LIMIT_PATH];
    struct err err = {0};
    snprintf(path, sizeof path, "%s/ews-traces/%s", shared(), file);
    buf_init(bytes, LIMIT_CALLBACK_BYTES);
    if (!file_read(path, bytes, &err)) {
        print_message("skipped: %s is not there (SIB_SHARED names the folder)\n", path);
        buf_clear(bytes);
        skip();
    }
}

static void each_recorded_notification_is_read_as_it_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < EXPECTED_COUNT; i++) {
        const struct expected *expected = &EXPECTED[i];
        struct buf bytes;
        read_trace(expected->file, &bytes);
        assert_true(parse_n(buf_str(&bytes), bytes.len));
        assert_int_equal(count, 1);
        assert_string_equal(out[0].subscription, expected->subscription);
        assert_int_equal(out[0].events, expected->events);
        assert_int_equal(out[0].status_only, expected->status_only);
        assert_false(out[0].lost);
        buf_clear(&bytes);
    }
}

static int unknown_in(const char *folder)
{
    char path[LIMIT_PATH];
    snprintf(path, sizeof path, "%s/ews-traces/%s", shared(), folder);
    DIR *dir = opendir(path);
    if (!dir) {
        print_message("skipped: %s is not there (SIB_SHARED names the folder)\n", path);
        skip();
    }
    int unknown = 0;
    const struct dirent *entry;
    while ((entry = readdir(dir))) {
        bool known = !strstr(entry->d_name, "SendNotification");
        for (size_t i = 0; i < EXPECTED_COUNT; i++)
            known = known || strstr(EXPECTED[i].file, entry->d_name);
        unknown += !known;
    }
    closedir(dir);
    return unknown;
}

static void no_recorded_notification_is_left_out_of_the_table(void **state)
{
    (void)state;
    assert_int_equal(unknown_in("."), 0);
    assert_int_equal(unknown_in("synthetic"), 0);
}

static void a_recorded_notification_cut_anywhere_is_refused(void **state)
{
    (void)state;
    struct buf bytes;
    read_trace(EXPECTED[6].file, &bytes);
    while (bytes.len > 0 && bytes.data[bytes.len - 1] != '>')
        bytes.len--;
    for (size_t len = 0; len < bytes.len; len++)
        assert_false(parse_n(buf_str(&bytes), len));
    buf_clear(&bytes);
}

static void a_lost_subscription_is_named_by_the_message_xml(void **state)
{
    (void)state;
    assert_true(parse(HEAD LOST("<t:Value Name=\"Other\">x</t:Value>"
                                "<t:Value Name=\"SubscriptionId\"> sub-1\n</t:Value>") TAIL));
    assert_int_equal(count, 1);
    assert_true(out[0].lost);
    assert_false(out[0].status_only);
    assert_int_equal(out[0].events, 0);
    assert_string_equal(out[0].subscription, "sub-1");
}

static void a_lost_subscription_without_a_name_is_still_lost(void **state)
{
    (void)state;
    assert_true(parse(HEAD LOST("") TAIL));
    assert_true(out[0].lost);
    assert_string_equal(out[0].subscription, "");
}

static void several_messages_in_one_call_are_all_read(void **state)
{
    (void)state;
    assert_true(parse(HEAD MESSAGE("one", STATUS) MESSAGE("two", STATUS "<t:NewMailEvent/>")
                          LOST("<t:Value Name=\"SubscriptionId\">three</t:Value>") TAIL));
    assert_int_equal(count, 3);
    assert_string_equal(out[0].subscription, "one");
    assert_true(out[0].status_only);
    assert_string_equal(out[1].subscription, "two");
    assert_false(out[1].status_only);
    assert_int_equal(out[1].events, 2);
    assert_string_equal(out[2].subscription, "three");
    assert_true(out[2].lost);
}

static void more_messages_than_asked_for_are_refused(void **state)
{
    (void)state;
    assert_true(parse(HEAD MESSAGE("a", STATUS) MESSAGE("b", STATUS) MESSAGE("c", STATUS)
                          MESSAGE("d", STATUS) TAIL));
    assert_false(parse(HEAD MESSAGE("a", STATUS) MESSAGE("b", STATUS) MESSAGE("c", STATUS)
                           MESSAGE("d", STATUS) MESSAGE("e", STATUS) TAIL));
}

static void what_is_not_a_notification_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "garbage",
        "<a/>",
        HEAD TAIL,
        HEAD MESSAGE("", STATUS) TAIL,
        HEAD MESSAGE("a b", STATUS) TAIL,
        HEAD "<m:SendNotificationResponseMessage ResponseClass=\"Success\"/>" TAIL,
        "<!DOCTYPE a [<!ENTITY e \"x\">]>" HEAD MESSAGE("one", STATUS) TAIL,
        HEAD MESSAGE("one", STATUS) TAIL "<more/>",
        HEAD MESSAGE("o&#27;ne", STATUS) TAIL,
        NO_BODY,
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (parse(texts[i]))
            fail_msg("accepted: %s", texts[i]);
}

/* HEAD, `times` times the piece, TAIL */
static bool parse_repeated(const char *piece, size_t times, const char *end)
{
    struct buf text;
    buf_init(&text, 64 * MIB);
    buf_add_str(&text, HEAD);
    for (size_t i = 0; i < times; i++)
        buf_add_str(&text, piece);
    buf_add_str(&text, end);
    bool ok = parse_n(buf_str(&text), text.len);
    buf_clear(&text);
    return ok;
}

static void what_is_huge_or_deep_is_refused(void **state)
{
    (void)state;
    assert_true(parse_repeated("<x></x>", 3, MESSAGE("a", STATUS) TAIL));
    assert_false(parse_repeated("<x>", 100000, ""));
    assert_false(parse_repeated("<x/>", 100000, MESSAGE("a", STATUS) TAIL));
    assert_false(parse_repeated("                ", 70000, MESSAGE("a", STATUS) TAIL));
    assert_false(
        parse_repeated("<!-- a comment that is long -->", 40000, MESSAGE("a", "") TAIL));
}

static void an_id_too_long_to_keep_is_refused(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, MIB);
    for (size_t len = LIMIT_REMOTE_ID - 1; len <= LIMIT_REMOTE_ID; len++) {
        buf_reset(&text);
        buf_printf(&text, HEAD MESSAGE("%0*d", STATUS) TAIL, (int)len, 0);
        assert_int_equal(parse(buf_str(&text)), len < LIMIT_REMOTE_ID);
    }
    buf_clear(&text);
}

static void answers_are_valid_by_the_schema(void **state)
{
    (void)state;
    char schema[LIMIT_PATH], command[3 * LIMIT_PATH];
    snprintf(schema, sizeof schema, "%s/ews-schema/ews-all.xsd", shared());
    for (int keep = 0; keep <= 1; keep++) {
        struct buf answer;
        buf_init(&answer, 64 * KIB);
        notification_answer(&answer, keep);
        assert_false(answer.failed);
        const char *word = keep ? ">OK</" : ">Unsubscribe</";
        assert_non_null(strstr(buf_str(&answer), word));
        if (access(schema, R_OK) != 0 || system("command -v xmllint >/dev/null") != 0) {
            print_message("skipped: no %s, or no xmllint\n", schema);
            buf_clear(&answer);
            skip();
        }
        snprintf(command, sizeof command,
                 "xmllint --nonet --noout --schema '%s' - 2>&1 |"
                 " grep -q ' validates$'",
                 schema);
        FILE *lint = popen(command, "w");
        fwrite(buf_str(&answer), 1, answer.len, lint);
        assert_int_equal(pclose(lint), 0);
        buf_clear(&answer);
    }
}

/* rule: map-below-made
 * rule: map-below-moved
 * rule: map-below-removed */
static void folders_that_are_made_moved_or_removed_are_told_apart_from_items(void **state)
{
    static const char *const told[] = {
        MESSAGE("s", FOLDER_EVENT("CreatedEvent")), MESSAGE("s", FOLDER_EVENT("MovedEvent")),
        MESSAGE("s", FOLDER_EVENT("DeletedEvent")), MESSAGE("s", FOLDER_EVENT("CopiedEvent")),
        MESSAGE("s", ITEM_EVENT("CreatedEvent") FOLDER_EVENT("DeletedEvent"))};
    /* A folder is modified with every change of what is in it. */
    static const char *const not_told[] = {
        MESSAGE("s", FOLDER_EVENT("ModifiedEvent")), MESSAGE("s", ITEM_EVENT("CreatedEvent")),
        MESSAGE("s", ITEM_EVENT("MovedEvent") FOLDER_EVENT("ModifiedEvent")),
        MESSAGE("s", STATUS)};
    char text[4096];

    (void)state;
    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++) {
        snprintf(text, sizeof text, "%s%s%s", HEAD, told[i], TAIL);
        assert_true(parse(text));
        assert_true(out[0].folders);
    }
    for (size_t i = 0; i < sizeof not_told / sizeof not_told[0]; i++) {
        snprintf(text, sizeof text, "%s%s%s", HEAD, not_told[i], TAIL);
        assert_true(parse(text));
        assert_false(out[0].folders);
    }
}

#define IN(name, parent, more)                                                                 \
    "<t:" name "><t:Watermark>AA==</t:Watermark><t:TimeStamp>2026-11-22T10:00:03Z"             \
    "</t:TimeStamp><t:ItemId Id=\"A\"/>" parent more "</t:" name ">"
#define PARENT(id) "<t:ParentFolderId Id=\"" id "\" ChangeKey=\"C\"/>"
#define OLD(id)    "<t:OldItemId Id=\"O\"/><t:OldParentFolderId Id=\"" id "\"/>"
#define MORE(word)                                                                             \
    "<m:SendNotificationResponseMessage ResponseClass=\"Success\"><m:ResponseCode>NoError"     \
    "</m:ResponseCode><m:Notification><t:SubscriptionId>s</"                                   \
    "t:SubscriptionId><t:MoreEvents>" word                                                     \
    "</t:MoreEvents>" IN("DeletedEvent", PARENT("a"),                                          \
                         "") "</m:Notification></m:SendNotificationResponseMessage>"

/* rule: notify-where */
static void the_folders_of_events_are_told(void **state)
{
    static const struct {
        const char *message, *where; /* "a<b": moved from b to a; "": anywhere */
    } cases[] = {
        {MESSAGE("s", IN("NewMailEvent", PARENT("a"), "")), "a"},
        {MESSAGE("s", IN("CreatedEvent", PARENT("a"), "") IN("NewMailEvent", PARENT("a"), "")
                          STATUS),
         "a"},
        {MESSAGE("s", IN("DeletedEvent", PARENT("a"), "") IN("ModifiedEvent", PARENT("b"), "")),
         "a b"},
        {MESSAGE("s", IN("MovedEvent", PARENT("a"), OLD("b"))), "a<b"},
        {MESSAGE("s", IN("CopiedEvent", PARENT("a"), OLD("b"))), "a"},
        {MESSAGE("s", FOLDER_EVENT("ModifiedEvent")), "A"},
        {MESSAGE("s", STATUS), ""},
        {MESSAGE("s", ""), ""},
        {MESSAGE("s", "<t:NewMailEvent/>"), ""},
        {MESSAGE("s", IN("ModifiedEvent", PARENT("a"), "") IN("DeletedEvent", "", "")), ""},
        {MESSAGE("s", IN("MovedEvent", PARENT("a"), "")), ""},
        {MESSAGE("s", IN("ModifiedEvent", PARENT(""), "")), ""},
        {MESSAGE("s", IN("ModifiedEvent", "<t:ParentFolderId/>", "")), ""},
        {MESSAGE("s",
                 IN("ModifiedEvent", PARENT("a"), "") IN("ModifiedEvent", PARENT("b"), "")
                     IN("ModifiedEvent", PARENT("c"), "") IN("ModifiedEvent", PARENT("d"), "")
                         IN("ModifiedEvent", PARENT("a"), "")),
         "a b c d"},
        {MESSAGE("s",
                 IN("ModifiedEvent", PARENT("a"), "") IN("ModifiedEvent", PARENT("b"), "")
                     IN("ModifiedEvent", PARENT("c"), "") IN("ModifiedEvent", PARENT("d"), "")
                         IN("ModifiedEvent", PARENT("e"), "")),
         ""},
        {MORE("false"), "a"},
        {MORE("true"), ""},
        {MORE("1"), ""},
    };
    static char text[8192];

    (void)state;
    static_assert(LIMIT_SPOTS == 4, "so many fit, above");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char where[64] = "";
        snprintf(text, sizeof text, "%s%s%s", HEAD, cases[i].message, TAIL);
        assert_true(parse(text));
        for (int k = 0; k < out[0].where.count; k++) {
            const struct remote_spot *spot = &out[0].where.spots[k];
            snprintf(where + strlen(where), sizeof where - strlen(where), "%s%s%s%s",
                     k ? " " : "", spot->folder, spot->from[0] ? "<" : "", spot->from);
        }
        assert_string_equal(where, cases[i].where);
    }
}

static void a_folder_whose_id_is_too_long_is_anywhere(void **state)
{
    struct buf text;

    (void)state;
    buf_init(&text, MIB);
    for (size_t len = LIMIT_REMOTE_ID - 1; len <= LIMIT_REMOTE_ID; len++) {
        buf_reset(&text);
        buf_printf(&text, HEAD MESSAGE("s", IN("NewMailEvent", PARENT("%0*d"), "")) TAIL,
                   (int)len, 0);
        assert_true(parse(buf_str(&text)));
        assert_int_equal(out[0].where.count, len < LIMIT_REMOTE_ID);
    }
    buf_clear(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_folders_of_events_are_told),
        cmocka_unit_test(a_folder_whose_id_is_too_long_is_anywhere),
        cmocka_unit_test(each_recorded_notification_is_read_as_it_says),
        cmocka_unit_test(no_recorded_notification_is_left_out_of_the_table),
        cmocka_unit_test(a_recorded_notification_cut_anywhere_is_refused),
        cmocka_unit_test(a_lost_subscription_is_named_by_the_message_xml),
        cmocka_unit_test(a_lost_subscription_without_a_name_is_still_lost),
        cmocka_unit_test(several_messages_in_one_call_are_all_read),
        cmocka_unit_test(more_messages_than_asked_for_are_refused),
        cmocka_unit_test(what_is_not_a_notification_is_refused),
        cmocka_unit_test(what_is_huge_or_deep_is_refused),
        cmocka_unit_test(an_id_too_long_to_keep_is_refused),
        cmocka_unit_test(answers_are_valid_by_the_schema),
        cmocka_unit_test(folders_that_are_made_moved_or_removed_are_told_apart_from_items),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
