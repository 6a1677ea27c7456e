/* What an item says: to whom it belongs, and that a decoy gives nothing away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "sync/compose.h"

#define SHA "606c95bf4f35688bf2c9b7d015cb24119687829e6cda89ec3fb34cd7029be1ab"

static struct message message_of(void)
{
    return (struct message){.kind = KIND_VOICE,
                            .from_number = "+81 3 1234 5678",
                            .from_name = "田中",
                            .received = {1795341600000},
                            .duration_ms = 65500,
                            .audio = SHA,
                            .audio_bytes = 45114,
                            .subject = "the subject"};
}

static const char *body_with(const struct message *message, const char *transcript,
                             const char *words)
{
    static char text[4096];
    struct buf out;

    buf_init(&out, sizeof text - 1);
    compose_body(message, &(struct compose_words){transcript, words}, &out);
    assert_false(out.failed);
    snprintf(text, sizeof text, "%s", buf_str(&out));
    buf_clear(&out);
    return text;
}

static const char *body_of(const struct message *message, const char *transcript)
{
    return body_with(message, transcript, NULL);
}

/* rule: kind-normal */
static void the_body_names_the_caller_the_time_and_the_length(void **state)
{
    struct message message = message_of();

    (void)state;
    assert_string_equal(body_of(&message, NULL), "Voice message\r\n\r\n"
                                                 "From: 田中 (+81 3 1234 5678)\r\n"
                                                 "Received: 2026-11-22 10:00 UTC\r\n"
                                                 "Duration: 1:06\r\n");
}

static void a_caller_is_named_by_what_is_known(void **state)
{
    struct message message = message_of();

    (void)state;
    message.from_number[0] = '\0';
    assert_non_null(strstr(body_of(&message, NULL), "From: 田中\r\n"));
    message.from_name[0] = '\0';
    assert_non_null(strstr(body_of(&message, NULL), "From: unknown caller\r\n"));
    text_copy(message.from_number, sizeof message.from_number, "100");
    assert_non_null(strstr(body_of(&message, NULL), "From: 100\r\n"));
    /* The longest of both: cut, never past its end. */
    memset(message.from_name, 'n', sizeof message.from_name - 1);
    memset(message.from_number, '1', sizeof message.from_number - 1);
    message.from_number[sizeof message.from_number - 1] = '\0';
    assert_non_null(strstr(body_of(&message, NULL), "1111)\r\n"));
}

/* rule: kind-normal */
static void the_transcription_stands_in_the_body(void **state)
{
    struct message message = message_of();

    (void)state;
    assert_null(strstr(body_of(&message, "not said to have come"), "not said"));
    message.transcript = TRANSCRIPT_TEXT;
    assert_non_null(strstr(body_of(&message, "もしもし、やまだです。"),
                           "\r\nTranscription:\r\nもしもし、やまだです。\r\n"));
    assert_null(strstr(body_of(&message, NULL), "Transcription"));
    assert_null(strstr(body_of(&message, ""), "Transcription"));
}

/* rule: transcription-later */
static void what_became_of_the_transcription_is_said(void **state)
{
    struct message message = message_of();

    (void)state;
    message.transcript = TRANSCRIPT_PENDING;
    assert_non_null(strstr(body_of(&message, NULL), "\r\nTranscription: in progress\r\n"));
    assert_null(strstr(body_of(&message, "too early"), "too early"));
    message.transcript = TRANSCRIPT_FAILED;
    assert_non_null(
        strstr(body_of(&message, NULL), "\r\nTranscription: could not be made\r\n"));
}

/* rule: kind-receipts */
static void a_receipt_says_its_text_and_nothing_of_a_call(void **state)
{
    struct message message = message_of();

    (void)state;
    message.kind = KIND_READ_RECEIPT;
    message.audio[0] = '\0';
    message.duration_ms = 0;
    assert_string_equal(body_with(&message, NULL, "Ben heard your message."),
                        "Ben heard your message.\r\n");
    message.kind = KIND_VOICE;
    assert_non_null(strstr(body_with(&message, NULL, "Typed by the sender."),
                           "\r\n\r\nTyped by the sender.\r\n"));
}

/* rule: audio-expired */
static void audio_that_is_no_longer_kept_is_said_so(void **state)
{
    struct message message = message_of();

    (void)state;
    assert_null(strstr(body_of(&message, NULL), "no longer kept"));
    message.audio[0] = '\0';
    assert_non_null(strstr(body_of(&message, NULL), "The recording is no longer kept."));
    message.kind = KIND_FAX; /* has none anyway */
    assert_null(strstr(body_of(&message, NULL), "no longer kept"));
    message.kind = KIND_VOICE;
    message.duration_ms = 0; /* it never had any */
    assert_null(strstr(body_of(&message, NULL), "no longer kept"));
}

/* rule: kind-secure */
static void a_decoy_says_nothing_of_the_content(void **state)
{
    struct message message = message_of();

    (void)state;
    message.secure = true;
    message.transcript = TRANSCRIPT_TEXT;
    const char *body = body_with(&message, "the secret words", "the secret text");
    assert_null(strstr(body, "secret"));
    assert_null(strstr(body, "Transcription"));
    assert_null(strstr(body, SHA));
    assert_non_null(strstr(body, "marked secure: its audio is not in this mailbox"));
    assert_non_null(strstr(body, "call the voice mail system"));
    assert_non_null(strstr(body, "From: 田中"));
    message.transcript = TRANSCRIPT_PENDING; /* it says the same whatever becomes of it */
    assert_null(strstr(body_of(&message, NULL), "Transcription"));
    message.transcript = TRANSCRIPT_TEXT;
    message.audio[0] = '\0';
    assert_null(
        strstr(body_with(&message, "the secret words", "the secret text"), "the secret"));
    assert_non_null(strstr(body_of(&message, NULL), "no longer kept"));
    assert_null(strstr(body_of(&message, NULL), "call the voice mail system"));
}

static void audio_goes_along_unless_the_message_is_secure_or_has_none(void **state)
{
    struct message message = message_of();

    (void)state;
    assert_true(compose_has_audio(&message));
    message.private = message.urgent = true;
    assert_true(compose_has_audio(&message));
    message.secure = true;
    assert_false(compose_has_audio(&message));
    message = message_of();
    message.audio[0] = '\0';
    assert_false(compose_has_audio(&message));
}

static void a_body_too_long_for_its_buffer_is_a_failure_not_a_part(void **state)
{
    struct message message = message_of();
    struct buf out;

    (void)state;
    buf_init(&out, 20);
    compose_body(&message, &(struct compose_words){NULL, NULL}, &out);
    assert_true(out.failed);
    buf_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_body_names_the_caller_the_time_and_the_length),
        cmocka_unit_test(a_caller_is_named_by_what_is_known),
        cmocka_unit_test(the_transcription_stands_in_the_body),
        cmocka_unit_test(what_became_of_the_transcription_is_said),
        cmocka_unit_test(a_receipt_says_its_text_and_nothing_of_a_call),
        cmocka_unit_test(audio_that_is_no_longer_kept_is_said_so),
        cmocka_unit_test(a_decoy_says_nothing_of_the_content),
        cmocka_unit_test(audio_goes_along_unless_the_message_is_secure_or_has_none),
        cmocka_unit_test(a_body_too_long_for_its_buffer_is_a_failure_not_a_part),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
