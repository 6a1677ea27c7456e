/* The stand-in for Exchange: the habits of another EWS server, and what both take alike. */
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

static void be(struct stand *f, const char *flavour)
{
    struct err err;
    assert_true(exchange_set_flavour(f->ex, flavour, &err));
}

/* The newest item of the Inbox; the list keeps it. */
static const json_t *newest(struct stand *f, json_t **list)
{
    struct err err;
    json_decref(*list);
    *list = exchange_user_list(f->ex, ANN, "Inbox", &err);
    return json_array_get(json_object_get(*list, "items"), 0);
}

static const char *text(const json_t *object, const char *name)
{
    const char *value = json_string_value(json_object_get(object, name));
    return value ? value : "(none)";
}

static const char voice_mail[] =
    "From: =?utf-8?Q?B=C3=B6b?= =?utf-8?B?IMOEY21l?= <bob@example.net>\r\n"
    "Subject: =?UTF-8?B?U3ByYWNobmFjaHJpY2h0?= from\r\n Bob\r\n"
    "Date: Fri, 20 Nov 2026 10:30:00 +0100\r\n"
    "Message-ID: <m-1@example.net>\r\nImportance: high\r\nSensitivity: Private\r\n"
    "X-VoiceMessageDuration: 17\r\nX-CallingTelephoneNumber: +4930123\r\n"
    "X-VoiceMessageSenderName: Bob\r\nX-AttachmentOrder: a.wav\r\nMIME-Version: 1.0\r\n"
    "Content-Type: multipart/mixed; boundary=\"=_b 1\"\r\n\r\nnothing here\r\n"
    "--=_b 1\r\nContent-Type: text/plain; charset=utf-8\r\n"
    "Content-Transfer-Encoding: quoted-printable\r\n\r\nA c=\r\nall =E2=80=93 17 s\r\n"
    "--=_b 1\r\nContent-Type: audio/wav; name=\"x.wav\"\r\nContent-ID: <part2@x>\r\n"
    "Content-Disposition: attachment; filename=\"a.wav\"\r\n"
    "Content-Transfer-Encoding: base64\r\n\r\nUkl\r\nGRg==\r\n--=_b 1--\r\n";

#define WITH_MIME(children)                                                                    \
    CREATE("<t:MimeContent CharacterSet=\"UTF-8\">%s</t:MimeContent>" children)

static void mime_becomes_a_voice_message(void **state)
{
    struct stand *f = *state;
    static const char *const flavours[] = {"exchange", "gromox"};
    char *mime = stand_base64(voice_mail);
    json_t *list = NULL;
    for (size_t i = 0; i < 2; i++) {
        be(f, flavours[i]);
        assert_string_equal(stand_askf(f, WITH_MIME(FLAGS), mime), "NoError");
        const json_t *item = newest(f, &list);
        const json_t *properties = json_object_get(item, "properties");
        const json_t *file = json_array_get(json_object_get(item, "attachments"), 0);
        assert_string_equal(text(item, "subject"), "Sprachnachricht from Bob");
        assert_string_equal(text(item, "body"), "A call \xe2\x80\x93 17 s");
        assert_string_equal(text(item, "from_name"), "B\xc3\xb6"
                                                     "b \xc3\x84"
                                                     "cme");
        assert_string_equal(text(item, "from_address"), "bob@example.net");
        assert_true(json_is_true(json_object_get(item, "urgent")));
        assert_true(json_is_true(json_object_get(item, "private")));
        assert_int_equal(json_array_size(json_object_get(item, "attachments")), 1);
        assert_string_equal(text(file, "name"), "a.wav");
        assert_string_equal(text(file, "type"), "audio/wav");
        assert_int_equal(json_integer_value(json_object_get(file, "size")), 4);
        assert_string_equal(text(properties, "tag:0x6801:Integer"), "17");
        assert_string_equal(text(properties, "tag:0x6802:String"), "+4930123");
        assert_string_equal(text(properties, "tag:0x6803:String"), "Bob");
        assert_string_equal(text(properties, "tag:0x6805:String"), "a.wav");
        stand_askf(f,
                   "<m:GetItem><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape>"
                   "<t:IncludeMimeContent>true</t:IncludeMimeContent><t:AdditionalProperties>"
                   "<t:FieldURI FieldURI=\"item:DateTimeSent\"/><t:FieldURI"
                   " FieldURI=\"message:InternetMessageId\"/></t:AdditionalProperties>"
                   "</m:ItemShape><m:ItemIds><t:ItemId Id=\"%s\"/></m:ItemIds></m:GetItem>",
                   text(item, "id"));
        assert_string_equal(xml_text(xml_find(f->root, NULL, "DateTimeSent")),
                            "2026-11-20T09:30:00Z");
        assert_string_equal(xml_text(xml_find(f->root, NULL, "InternetMessageId")),
                            "<m-1@example.net>");
        assert_string_equal(xml_text(xml_find(f->root, NULL, "MimeContent")), mime);
    }
    json_decref(list);
    free(mime);
}

static void what_is_said_beside_mime_wins(void **state)
{
    struct stand *f = *state;
    char *mime = stand_base64(voice_mail);
    json_t *list = NULL;
    assert_string_equal(
        stand_askf(
            f,
            WITH_MIME("<t:ItemClass>IPM.Note.Microsoft.Voicemail.UM.CA</t:ItemClass>"
                      "<t:Subject>explicit</t:Subject><t:Importance>Normal</t:Importance>"
                      "<t:ExtendedProperty><t:ExtendedFieldURI PropertyTag=\"0x6801\""
                      " PropertyType=\"Integer\"/><t:Value>99</t:Value></t:ExtendedProperty>"
                      "<t:ExtendedProperty><t:ExtendedFieldURI PropertyTag=\"0x0039\""
                      " PropertyType=\"SystemTime\"/><t:Value>2026-11-01T00:00:00Z</t:Value>"
                      "</t:ExtendedProperty>" FLAGS OUR_ID("v-9")),
            mime),
        "NoError");
    const json_t *item = newest(f, &list), *properties = json_object_get(item, "properties");
    assert_string_equal(text(item, "subject"), "explicit");
    assert_string_equal(text(item, "item_class"), "IPM.Note.Microsoft.Voicemail.UM.CA");
    assert_string_equal(text(item, "message_id"), "v-9");
    assert_true(json_is_false(json_object_get(item, "urgent")));
    assert_true(json_is_false(json_object_get(item, "draft")));
    assert_string_equal(text(item, "from_address"), "bob@example.net"); /* of the MIME */
    assert_string_equal(text(properties, "tag:0x6801:Integer"), "99");
    assert_string_equal(text(properties, "tag:0x6802:String"), "+4930123");
    json_decref(list);
    free(mime);
}

static void mime_that_is_none_is_refused(void **state)
{
    struct stand *f = *state;
    static const char hostile[] =
        "Subject: =?utf-8?Q?x\r\nContent-Type: multipart/mixed; boundary=\"b\"\r\n\r\n--b\r\n"
        "--b\r\nContent-Type: multipart/mixed; boundary=\"b\"\r\n\r\n--b\r\n\r\n--b--\r\n";
    assert_string_equal(stand_askf(f, WITH_MIME(FLAGS), "Ukl*"),
                        "ErrorMimeContentInvalidBase64String");
    assert_string_equal(stand_askf(f, WITH_MIME(FLAGS), ""), "ErrorMimeContentInvalid");
    char *mime = stand_base64(hostile);
    stand_askf(f, WITH_MIME(FLAGS), mime);
    free(mime);
    assert_int_equal(f->answer.status, 200);
}

static void a_megabyte_of_mime_is_taken(void **state)
{
    struct stand *f = *state;
    enum { AUDIO = 1400 * 1000 };
    json_t *list = NULL;
    static const char head[] = "Subject: long\r\nContent-Type: audio/wav; name=\"l.wav\"\r\n"
                               "Content-Transfer-Encoding: base64\r\n\r\n";
    char *whole = malloc(2 * AUDIO + 1024);
    size_t at = sizeof head - 1;
    assert_non_null(whole);
    memcpy(whole, head, at);
    for (int i = 0; i < AUDIO / 3 * 4; i++)
        whole[at++] = "QUJD"[i % 4];
    whole[at] = '\0';
    struct buf encoded;
    buf_init(&encoded, 8 * AUDIO);
    for (size_t i = 0; i < at; i += 3000) { /* a multiple of three: no padding between */
        char piece[3001];
        snprintf(piece, sizeof piece, "%.3000s", whole + i);
        char *part = stand_base64(piece);
        buf_add_str(&encoded, part);
        free(part);
    }
    char *base = buf_take(&encoded, NULL);
    assert_string_equal(stand_askf(f, WITH_MIME(FLAGS), base), "NoError");
    const json_t *file = json_array_get(json_object_get(newest(f, &list), "attachments"), 0);
    assert_int_equal(json_integer_value(json_object_get(file, "size")), AUDIO / 3 * 3);
    json_decref(list);
    free(base);
    free(whole);
}

static void inline_attachments_are_dropped_without_a_word(void **state)
{
    struct stand *f = *state;
    json_t *list = NULL;
    be(f, "gromox");
    assert_string_equal(stand_askf(f, VOICE("v-1", "UklGRg==")), "NoError");
    assert_null(xml_find(f->root, NULL, "AttachmentId"));
    const json_t *item = newest(f, &list);
    assert_int_equal(json_array_size(json_object_get(item, "attachments")), 0);
    assert_string_equal(text(item, "message_id"), "v-1");
    json_decref(list);
}

static void an_internet_message_id_is_dropped(void **state)
{
    struct stand *f = *state;
    char id[EXCHANGE_ID_MAX];
    static const char get[] =
        "<m:GetItem><m:ItemShape><t:BaseShape>AllProperties</t:BaseShape></m:ItemShape>"
        "<m:ItemIds><t:ItemId Id=\"%s\"/></m:ItemIds></m:GetItem>";
    static const char make[] = CREATE("<t:Subject>x</t:Subject>" FLAGS
                                      "<t:InternetMessageId>&lt;a@b&gt;</t:InternetMessageId>");
    for (int i = 0; i < 2; i++) {
        be(f, i ? "gromox" : "exchange");
        assert_string_equal(stand_askf(f, "%s", make), "NoError");
        snprintf(id, sizeof id, "%s", xml_attr(xml_find(f->root, NULL, "ItemId"), "Id"));
        stand_askf(f, get, id);
        assert_true(!xml_find(f->root, NULL, "InternetMessageId") == (i == 1));
    }
}

static void new_item_ids_come_when_they_are_not_wanted(void **state)
{
    struct stand *f = *state;
    static const char move[] =
        "<m:MoveItem><m:ToFolderId><t:DistinguishedFolderId Id=\"deleteditems\"/>"
        "</m:ToFolderId><m:ItemIds><t:ItemId Id=\"%s\"/></m:ItemIds><m:ReturnNewItemIds>%s"
        "</m:ReturnNewItemIds></m:MoveItem>";
    for (int i = 0; i < 4; i++) {
        char id[EXCHANGE_ID_MAX];
        bool wanted = i % 2, gromox = i >= 2;
        be(f, gromox ? "gromox" : "exchange");
        stand_create(f, "x", id);
        assert_string_equal(stand_askf(f, move, id, wanted ? "true" : "false"), "NoError");
        assert_true((xml_find(f->root, NULL, "ItemId") != NULL) == (wanted != gromox));
    }
}

static void faults_come_with_status_200(void **state)
{
    struct stand *f = *state;
    be(f, "gromox");
    assert_string_equal(stand_askf(f, CREATE("<t:Nonsense/>")), "ErrorSchemaValidation");
    assert_int_equal(f->answer.status, 200);
    assert_non_null(xml_find(f->root, NULL, "Fault"));
    stand_faults(f, "busy-fault,http-500:GetItem");
    assert_string_equal(stand_sync(f, "", 10), "ErrorServerBusy");
    assert_int_equal(f->answer.status, 200);
}

static void a_bad_state_begins_again(void **state)
{
    struct stand *f = *state;
    struct err err;
    char id[EXCHANGE_ID_MAX];
    stand_create(f, "x", id);
    char *token = stand_catch_up(f, "");
    be(f, "gromox");
    assert_string_equal(stand_sync(f, "H4sIAAAA", 10), "NoError");
    assert_string_equal(stand_changes(f), "Create ");
    assert_string_equal(stand_sync(f, token, 10), "NoError");
    assert_string_equal(stand_changes(f), "");
    assert_true(exchange_lose_states(f->ex, ANN, &err));
    assert_string_equal(stand_sync(f, token, 10), "NoError");
    assert_string_equal(stand_changes(f), "Create ");
    free(token);
}

static void a_binary_property_fails_the_whole_request(void **state)
{
    struct stand *f = *state;
    static const char make[] =
        CREATE("<t:Subject>x</t:Subject><t:ExtendedProperty><t:ExtendedFieldURI"
               " PropertyTag=\"0x300B\" PropertyType=\"Binary\"/><t:Value>QUJD</t:Value>"
               "</t:ExtendedProperty>" FLAGS);
    assert_string_equal(stand_askf(f, "%s", make), "NoError");
    be(f, "gromox");
    assert_string_equal(stand_askf(f, "%s", make), "ErrorInternalServerError");
    assert_non_null(xml_find(f->root, NULL, "Fault"));
    assert_int_equal(exchange_user_count(f->ex, ANN, "Inbox"), 1);
}

static void no_call(const char *url, const char *body, size_t len, const char *subscription,
                    void *arg)
{
    (void)url, (void)body, (void)len, (void)subscription, (void)arg;
    fail_msg("a subscriber was called");
}

static void a_subscriber_is_never_called(void **state)
{
    struct stand *f = *state;
    struct err err;
    be(f, "gromox");
    exchange_set_deliver(f->ex, no_call, NULL);
    assert_string_equal(
        stand_askf(f, "<m:Subscribe><m:PushSubscriptionRequest SubscribeToAllFolders=\"true\">"
                      "<t:EventTypes><t:EventType>CreatedEvent</t:EventType></t:EventTypes>"
                      "<t:StatusFrequency>1</t:StatusFrequency><t:URL>http://h/x</t:URL>"
                      "</m:PushSubscriptionRequest></m:Subscribe>"),
        "NoError");
    assert_non_null(xml_find(f->root, NULL, "SubscriptionId"));
    assert_true(exchange_user_do(f->ex, ANN, &err, "compose", "Inbox", NULL));
    loop_virtual_run(f->loop, 10 * 60 * 1000);
    assert_int_equal(exchange_subscriptions(f->ex), 1);
}

static void a_flavour_that_is_not_known_is_named(void **state)
{
    struct stand *f = *state;
    struct err err;
    assert_false(exchange_set_flavour(f->ex, "vanilla", &err));
    assert_int_equal(err.kind, ERR_USAGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROMISE(mime_becomes_a_voice_message),
        PROMISE(what_is_said_beside_mime_wins),
        PROMISE(mime_that_is_none_is_refused),
        PROMISE(a_megabyte_of_mime_is_taken),
        PROMISE(inline_attachments_are_dropped_without_a_word),
        PROMISE(an_internet_message_id_is_dropped),
        PROMISE(new_item_ids_come_when_they_are_not_wanted),
        PROMISE(faults_come_with_status_200),
        PROMISE(a_bad_state_begins_again),
        PROMISE(a_binary_property_fails_the_whole_request),
        PROMISE(a_subscriber_is_never_called),
        PROMISE(a_flavour_that_is_not_known_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
