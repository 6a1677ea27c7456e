/* A voice message as MIME: what stands in it, and what cannot get into it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "base/limits.h"
#include "ews/mime.h"

static struct remote_new a_message(void)
{
    return (struct remote_new){
        .message_id = "0b8f5c3e-3a50-4a5f-9a77-0d6f0c1b2a39",
        .creation = "c",
        .folder = "F",
        .subject = "Message from Ann",
        .body = "Hello.\n",
        .item_class = "IPM.Note",
        .from_number = "+49 30 1234",
        .from_name = "Ann",
        .from_address = "ann@example.com",
        .reference = "",
        .received = {1763805600123},
        .duration_ms = 4400,
        .urgent = true,
        .private = true,
        .audio_path = "/x",
        .audio_name = "voice.wav",
        .audio_type = "audio/wav",
    };
}

static struct buf written(const struct remote_new *message)
{
    struct buf out;
    buf_init(&out, MIB);
    mime_begin(&out, message);
    buf_add_str(&out, "UklGRg==\r\n");
    mime_end(&out, message);
    assert_false(out.failed);
    return out;
}

static void has(const struct buf *text, const char *part)
{
    if (!strstr(buf_str(text), part))
        fail_msg("%s\nis not in\n%s", part, buf_str(text));
}

static void a_voice_message_carries_its_headers_its_text_and_its_audio(void **state)
{
    (void)state;
    struct remote_new message = a_message();
    struct buf text = written(&message);
    has(&text, "MIME-Version: 1.0\r\nDate: 22 Nov 2025 10:00:00 +0000\r\n");
    has(&text, "Message-ID: <0b8f5c3e-3a50-4a5f-9a77-0d6f0c1b2a39@sib.invalid>\r\n");
    has(&text, "Subject: Message from Ann\r\n");
    has(&text, "From: =?UTF-8?B?QW5u?=\r\n <ann@example.com>\r\n");
    has(&text, "Importance: high\r\nSensitivity: Private\r\n");
    has(&text, "X-VoiceMessageDuration: 4\r\nX-CallingTelephoneNumber: +49 30 1234\r\n");
    has(&text, "\r\n\r\n--=_0b8f5c3e-3a50-4a5f-9a77-0d6f0c1b2a39\r\nContent-Type: text/plain");
    has(&text, "base64\r\n\r\nSGVsbG8uCg==\r\n--=_0b8f");
    has(&text, "filename=\"voice.wav\"\r\nContent-Transfer-Encoding: base64\r\n\r\nUklGRg==\r\n"
               "--=_0b8f5c3e-3a50-4a5f-9a77-0d6f0c1b2a39--\r\n");
    buf_clear(&text);
}

/* RFC 2047 undone, far enough for what is written here. */
static void decode_words(const char *value, struct buf *out)
{
    unsigned char raw[128];
    for (const char *at = value; (at = strstr(at, "=?UTF-8?B?"));) {
        at += 10;
        const char *end = strstr(at, "?=");
        assert_non_null(end);
        assert_true(end + 2 - (at - 10) <= 75);
        int n = EVP_DecodeBlock(raw, (const unsigned char *)at, (int)(end - at));
        while (n > 0 && raw[n - 1] == '\0')
            n--;
        assert_true(buf_add(out, raw, (size_t)n));
    }
}

static void any_subject_survives_as_encoded_words(void **state)
{
    (void)state;
    static const char message_and_phones[] =
        "\xE3\x83\xA1\xE3\x83\x83\xE3\x82\xBB\xE3\x83\xBC\xE3\x82\xB8 \xF0\x9F\x93\x9E"
        "\xF0\x9F\x93\x9E\xF0\x9F\x93\x9E\xF0\x9F\x93\x9E\xF0\x9F\x93\x9E\xF0\x9F\x93\x9E"
        "\xF0\x9F\x93\x9E\xF0\x9F\x93\x9E\xF0\x9F\x93\x9E\xF0\x9F\x93\x9E\xF0\x9F\x93\x9E";
    static const char *const subjects[] = {
        "Nachricht von J\xC3\xB6rg",
        message_and_phones,
        " begins with a space",
        "=?UTF-8?B?QUJD?=",
        "a\r\nBcc: eve@example.com",
        "one that is plain but far longer than what fits on a line of sixty characters or so"};
    for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++) {
        struct remote_new message = a_message();
        char value[2000];
        struct buf back;
        message.subject = subjects[i];
        struct buf text = written(&message);
        const char *begin = strstr(buf_str(&text), "\r\nSubject: ");
        assert_non_null(begin);
        const char *end = strstr(begin, "\r\nFrom: ");
        snprintf(value, sizeof(value), "%.*s", (int)(end - begin), begin);
        buf_init(&back, 1000);
        decode_words(value, &back);
        assert_string_equal(buf_str(&back), subjects[i]);
        buf_clear(&back);
        buf_clear(&text);
    }
}

static void an_answer_names_what_it_answers(void **state)
{
    (void)state;
    struct remote_new message = a_message();
    message.reference = "1c8f5c3e-3a50-4a5f-9a77-0d6f0c1b2a39";
    struct buf text = written(&message);
    has(&text, "\r\nIn-Reply-To: <1c8f5c3e-3a50-4a5f-9a77-0d6f0c1b2a39@sib.invalid>\r\n");
    has(&text, "\r\nReferences: <1c8f5c3e-3a50-4a5f-9a77-0d6f0c1b2a39@sib.invalid>\r\n");
    buf_clear(&text);
}

static void nothing_from_outside_becomes_a_header(void **state)
{
    (void)state;
    struct remote_new message = a_message();
    message.subject = message.from_name = message.from_number = "x\r\nBcc: eve@example.com";
    message.from_address = "a@example.com>\r\nBcc: eve@example.com";
    message.audio_name = "a\"\r\nBcc: eve@example.com";
    message.reference = "x>\r\nBcc: eve@example.com";
    struct buf text = written(&message);
    assert_null(strstr(buf_str(&text), "\nBcc"));
    assert_null(strstr(buf_str(&text), "From: "));
    has(&text, "filename=\"a___Bcc: eve@example.com\"");
    buf_clear(&text);
}

static void a_bare_message_has_no_empty_headers(void **state)
{
    (void)state;
    struct remote_new message = a_message();
    message.subject = message.from_name = message.from_number = message.from_address = "";
    message.body = "";
    message.duration_ms = 0;
    message.urgent = message.private = false;
    struct buf text = written(&message);
    assert_null(strstr(buf_str(&text), "Subject"));
    assert_null(strstr(buf_str(&text), "From"));
    assert_null(strstr(buf_str(&text), "X-Voice"));
    assert_null(strstr(buf_str(&text), ": \r\n"));
    buf_clear(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_voice_message_carries_its_headers_its_text_and_its_audio),
        cmocka_unit_test(any_subject_survives_as_encoded_words),
        cmocka_unit_test(an_answer_names_what_it_answers),
        cmocka_unit_test(nothing_from_outside_becomes_a_header),
        cmocka_unit_test(a_bare_message_has_no_empty_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
