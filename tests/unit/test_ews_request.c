/* Every request that is sent fits the schema of Exchange, whatever is in the message. */
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
#include "base/xml.h"
#include "ews/ews_names.h"
#include "ews/request.h"
#include "ews/request_stage.h"
#include "tests/support/ews_fixture.h"

static const struct soap_header header = {"Exchange2013_SP1", "ann@example.com"};
static const char odd_subject[] = "5 < 6 & \"q\" \x01\x1B\xFF \xF0\x9F\x93\x9E ]]>\r\n'";

static void check(const char *text, size_t len)
{
    int valid = fixture_schema_valid(text, len);
    if (valid < 0) {
        print_message("skipped: no schema in %s\n", fixture_shared());
        skip();
    }
    if (!valid)
        print_message("%.*s\n", (int)len, text);
    assert_int_equal(valid, 1);
}

static void check_buf(struct buf *buf)
{
    assert_false(buf->failed);
    check(buf_str(buf), buf->len);
    buf_clear(buf);
}

static struct buf whole(struct body *body)
{
    struct buf all;
    char piece[1000];
    buf_init(&all, 64 * MIB);
    assert_non_null(body);
    int64_t length = body_length(body);
    for (long n; (n = body_read(body, piece, sizeof(piece))) != 0;) {
        assert_true(n > 0);
        buf_add(&all, piece, (size_t)n);
    }
    assert_int_equal(all.len, length);
    body_free(&body);
    return all;
}

static struct remote_new message_with(const char *subject)
{
    return (struct remote_new){
        .message_id = "0b8f5c3e-3a50-4a5f-9a77-0d6f0c1b2a39",
        .creation = "c0ffee00-3a50-4a5f-9a77-0d6f0c1b2a39",
        .folder = "AAMkFolder+/=",
        .subject = subject,
        .body = "You have a voice message.\nFrom: 5 & <6>\x02",
        .item_class = "IPM.Note.Microsoft.Voicemail.UM.CA",
        .from_number = "+1 555 0100",
        .from_name = "Bob \"B\" <Builder>",
        .from_address = "bob@example.com",
        .reference = "",
        .received = {1795600000000},
        .duration_ms = 12345,
        .urgent = true,
        .private = true,
    };
}

static void requests_about_folders_fit_the_schema(void **state)
{
    (void)state;
    struct buf out;
    struct request_root roots[] = {
        {"inbox", NULL}, {"junkemail", NULL}, {"deleteditems", "a@b.c"}};
    const char *folders[] = {"AAMk1=", "AAMk2="};
    buf_init(&out, MIB);
    request_get_folders(&out, &header, roots, 3);
    check_buf(&out);
    request_find_folders(&out, &header, &roots[2], 500);
    check_buf(&out);
    request_sync_items(&out, &header, "AAMk=", "");
    assert_null(strstr(buf_str(&out), "SyncState"));
    check_buf(&out);
    request_sync_items(&out, &header, "AAMk=", "H4sIAAA=");
    assert_non_null(strstr(buf_str(&out), "<m:SyncState>H4sIAAA=</m:SyncState>"));
    check_buf(&out);
    request_subscribe(&out, &header, "https://sib.example.com:8443/n/0123?a=b&c=d", 2, folders,
                      2);
    check_buf(&out);
    request_unsubscribe(&out, &header, "JwBzdWI=");
    check_buf(&out);
    struct soap_header plain = {NULL, NULL};
    request_unsubscribe(&out, &plain, "JwBzdWI=");
    assert_null(strstr(buf_str(&out), "Impersonation"));
    assert_non_null(strstr(buf_str(&out), EWS_VERSION_DEFAULT));
    check_buf(&out);
}

static void requests_about_items_fit_the_schema(void **state)
{
    (void)state;
    struct buf out;
    struct remote_fields all = {true, true, true, true, true, odd_subject};
    struct remote_fields only_read = {.set_read = true, .read = false};
    buf_init(&out, MIB);
    request_update(&out, &header, "AAMk=", "CQAA", &all);
    assert_non_null(strstr(buf_str(&out), "SuppressReadReceipts=\"true\""));
    check_buf(&out);
    request_update(&out, &header, "AAMk=", "", &only_read);
    assert_null(strstr(buf_str(&out), "ChangeKey"));
    assert_null(strstr(buf_str(&out), "Subject"));
    check_buf(&out);
    request_move(&out, &header, "AAMk=", "AAMkF=");
    check_buf(&out);
    request_delete(&out, &header, "AAMk=");
    assert_non_null(strstr(buf_str(&out), "DeleteType=\"HardDelete\""));
    check_buf(&out);
    request_get_item(&out, &header, "AAMk=", REQUEST_STATE);
    check_buf(&out);
    request_get_item(&out, &header, "AAMk=", REQUEST_ATTACHMENTS);
    check_buf(&out);
    request_get_item(&out, &header, "AAMk=", REQUEST_COMPOSED);
    assert_non_null(strstr(buf_str(&out), "<t:BodyType>Text</t:BodyType>"));
    check_buf(&out);
    request_get_attachment(&out, &header, "AAMkA=");
    check_buf(&out);
    request_delete_attachment(&out, &header, "AAMkA=");
    check_buf(&out);
}

static void requests_that_change_what_an_item_says_fit_the_schema(void **state)
{
    (void)state;
    struct buf out;
    const struct remote_content words = {odd_subject, NULL, false};
    const struct remote_content expired = {"", "IPM.Note", true};
    buf_init(&out, MIB);
    request_rewrite(&out, &header, "AAMk=", "CQAA", &words);
    assert_non_null(strstr(buf_str(&out), "BodyType=\"Text\">5 &lt; 6 &amp;"));
    check_buf(&out);
    request_rewrite(&out, &header, "AAMk=", "", &expired);
    assert_null(strstr(buf_str(&out), "ChangeKey"));
    assert_non_null(strstr(buf_str(&out), "<t:ItemClass>IPM.Note</t:ItemClass>"));
    check_buf(&out);
}

static void requests_about_the_voice_outbox_fit_the_schema(void **state)
{
    (void)state;
    struct buf out;
    const struct request_root roots[] = {{"outbox", NULL}, {"outbox", "ann@example.com"}};
    buf_init(&out, MIB);
    for (int i = 0; i < 2; i++) {
        const struct request_above above = {.root = &roots[i]};
        request_find_hidden(&out, &header, &above, EWS_VOICE_OUTBOX, 0);
        assert_non_null(strstr(buf_str(&out), "<t:Constant Value=\"Voice Outbox\"/>"));
        check_buf(&out);
        request_create_folder(&out, &header, &above, EWS_VOICE_OUTBOX, NULL);
        assert_non_null(strstr(buf_str(&out), "<t:FolderClass>IPF.Note</t:FolderClass>"));
        check_buf(&out);
    }
}

/* path: a template that becomes the name of a small file. */
static struct remote_new message_with_audio(char *path)
{
    struct remote_new message = message_with(odd_subject);
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "RIFFx", 5), 5);
    close(fd);
    message.audio_path = path;
    return message;
}

static void a_message_with_audio_fits_the_schema(void **state)
{
    (void)state;
    char path[] = "/tmp/sib-test-audio-XXXXXX";
    struct remote_new message = message_with_audio(path);
    struct err err = {0};
    message.audio_name = "voice \"1\".wav";
    message.audio_type = "audio/wav";
    struct buf all = whole(request_create(&header, &message, REQUEST_INLINE, &err));
    assert_non_null(strstr(buf_str(&all), "<t:Content>UklGRng=</t:Content>"));
    assert_non_null(strstr(buf_str(&all), "\"0x0E07\" PropertyType=\"Integer\"/><t:Value>0<"));
    assert_non_null(strstr(buf_str(&all), "<t:IsRead>false</t:IsRead>"));
    assert_non_null(strstr(buf_str(&all), "&lt;0b8f5c3e-3a50-4a5f-9a77-0d6f0c1b2a39@"));
    assert_non_null(strstr(buf_str(&all), "<t:Sensitivity>Private<"));
    assert_non_null(strstr(buf_str(&all), "\xF0\x9F\x93\x9E"));
    check_buf(&all);
    unlink(path);
}

/* rule: composed-reply */
static void a_message_that_answers_another_fits_the_schema(void **state)
{
    (void)state;
    static const char answered[] = "&lt;1c8f5c3e-3a50-4a5f-9a77-0d6f0c1b2a39@sib.invalid&gt;";
    char path[] = "/tmp/sib-test-audio-XXXXXX";
    struct remote_new message = message_with_audio(path);
    struct err err = {0};
    message.audio_name = "voice.wav";
    message.audio_type = "audio/wav";
    message.reference = "1c8f5c3e-3a50-4a5f-9a77-0d6f0c1b2a39";
    for (int i = 0; i < 2; i++) {
        char element[120];
        struct buf all = whole(request_create(&header, &message, REQUEST_INLINE, &err));
        snprintf(element, sizeof element, "<t:InReplyTo>%s</t:InReplyTo>", answered);
        assert_non_null(strstr(buf_str(&all), element));
        snprintf(element, sizeof element, "<t:References>%s</t:References>", answered);
        assert_non_null(strstr(buf_str(&all), element));
        check_buf(&all);
        message.audio_path = NULL; /* the second time: secure */
    }
    message.audio_path = path;
    struct buf all = whole(request_create(&header, &message, REQUEST_MIME, &err));
    assert_null(strstr(buf_str(&all), "InReplyTo"));
    check_buf(&all);
    message.reference = "no UUID>\r\n";
    all = whole(request_create(&header, &message, REQUEST_INLINE, &err));
    assert_null(strstr(buf_str(&all), "InReplyTo"));
    check_buf(&all);
    unlink(path);
}

static void a_message_as_mime_fits_the_schema(void **state)
{
    (void)state;
    char path[] = "/tmp/sib-test-audio-XXXXXX";
    struct remote_new message = message_with_audio(path);
    struct err err = {0};
    message.audio_name = "voice.wav";
    message.audio_type = "audio/wav";
    struct buf all = whole(request_create(&header, &message, REQUEST_MIME, &err));
    assert_non_null(strstr(buf_str(&all), "<t:Message><t:MimeContent CharacterSet=\"UTF-8\">"));
    assert_null(strstr(buf_str(&all), "t:Body"));
    assert_null(strstr(buf_str(&all), "Attachment>"));
    assert_non_null(strstr(buf_str(&all), "\"0x0E07\" PropertyType=\"Integer\"/><t:Value>0<"));
    assert_non_null(strstr(buf_str(&all), "<t:IsRead>false</t:IsRead>"));
    check_buf(&all);
    unlink(path);
}

static void a_message_without_audio_or_sender_fits_the_schema(void **state)
{
    (void)state;
    struct remote_new message = message_with("");
    struct err err = {0};
    message.from_number = message.from_name = message.from_address = "";
    message.body = "";
    message.read = true;
    message.private = message.urgent = false;
    message.duration_ms = 0;
    struct buf all = whole(request_create(&header, &message, REQUEST_INLINE, &err));
    assert_null(strstr(buf_str(&all), "Attachment"));
    assert_null(strstr(buf_str(&all), "<t:From>"));
    assert_non_null(strstr(buf_str(&all), "\"0x0E07\" PropertyType=\"Integer\"/><t:Value>1<"));
    check_buf(&all);
}

static void a_subject_longer_than_exchange_takes_is_cut_between_characters(void **state)
{
    (void)state;
    char subject[LIMIT_SUBJECT];
    for (size_t i = 0; i < 1024; i += 4)
        memcpy(subject + i, "\xF0\x9F\x93\x9E", 4);
    subject[1024] = '\0';
    struct remote_fields fields = {.set_subject = true, .subject = subject};
    struct buf out;
    buf_init(&out, MIB);
    request_update(&out, &header, "AAMk=", "CQAA", &fields);
    const char *begin = strstr(buf_str(&out), "<t:Subject>") + strlen("<t:Subject>");
    assert_int_equal(strstr(begin, "</t:Subject>") - begin, 127 * 4);
    check_buf(&out);
}

static void a_missing_or_too_large_file_is_told_before_anything_is_sent(void **state)
{
    (void)state;
    struct remote_new message = message_with("s");
    struct err err = {0};
    message.audio_path = "/nonexistent/audio.wav";
    message.audio_name = "a.wav";
    message.audio_type = "audio/wav";
    assert_null(request_create(&header, &message, REQUEST_INLINE, &err));
    assert_int_equal(err.kind, ERR_NO_INPUT);

    char path[] = "/tmp/sib-test-audio-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(ftruncate(fd, LIMIT_AUDIO_BYTES + 1), 0);
    close(fd);
    message.audio_path = path;
    assert_null(request_create(&header, &message, REQUEST_INLINE, &err));
    assert_int_equal(err.kind, ERR_REFUSED);
    assert_int_equal(err.when, ERR_WHEN_NEVER);
    assert_int_equal(err.effect, ERR_EFFECT_NONE);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_about_folders_fit_the_schema),
        cmocka_unit_test(requests_about_items_fit_the_schema),
        cmocka_unit_test(requests_that_change_what_an_item_says_fit_the_schema),
        cmocka_unit_test(a_message_with_audio_fits_the_schema),
        cmocka_unit_test(a_message_as_mime_fits_the_schema),
        cmocka_unit_test(a_message_that_answers_another_fits_the_schema),
        cmocka_unit_test(requests_about_the_voice_outbox_fit_the_schema),
        cmocka_unit_test(a_message_without_audio_or_sender_fits_the_schema),
        cmocka_unit_test(a_subject_longer_than_exchange_takes_is_cut_between_characters),
        cmocka_unit_test(a_missing_or_too_large_file_is_told_before_anything_is_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
