/* What is told of a message: it changes with a stamp of its own, and a purged message keeps
 * nothing of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/id.h"
#include "store/audio.h"
#include "tests/support/site.h"
#include "tests/support/store_fixture.h"

static const struct message_new plain = {.mailbox = "ann"};

static struct message add(struct store_fixture *f, const struct message_new *message)
{
    struct message out;
    char id[LIMIT_UUID];

    sf_begin(f);
    sf_ok(f, message_add(f->store, message, id, &f->err));
    sf_commit(f);
    sf_ok(f, message_get(f->store, id, &out, &f->err));
    return out;
}

static struct message again(struct store_fixture *f, const struct message *message)
{
    struct message out;

    sf_ok(f, message_get(f->store, message->id, &out, &f->err));
    return out;
}

static bool set_transcript(struct store_fixture *f, const struct message *message,
                           enum transcript_state to, const char *text)
{
    bool changed;

    sf_begin(f);
    sf_ok(f, message_set_transcript(f->store, message->id, to, text, &changed, &f->err));
    sf_commit(f);
    return changed;
}

static void a_transcription_that_comes_changes_the_content(void **state)
{
    struct store_fixture *f = *state;
    struct message_new given = plain;
    given.transcript_pending = true;
    struct message before = add(f, &given);

    assert_int_equal(before.transcript, TRANSCRIPT_PENDING);
    assert_true(set_transcript(f, &before, TRANSCRIPT_TEXT, "call me back"));
    struct message after = again(f, &before);
    assert_true(after.content_at > before.content_at);
    assert_int_equal(after.subject_at, before.subject_at);
    assert_true(after.row > before.row);
    char *text = message_transcript(f->store, after.id);
    assert_string_equal(text, "call me back");
    free(text);
    assert_false(set_transcript(f, &before, TRANSCRIPT_TEXT, "call me back"));
    assert_true(set_transcript(f, &before, TRANSCRIPT_FAILED, NULL));
    assert_null(message_transcript(f->store, after.id));
}

static void a_transcription_over_its_limit_is_refused(void **state)
{
    struct store_fixture *f = *state;
    struct message message = add(f, &plain);
    char *text = malloc(LIMIT_TRANSCRIPT + 1);

    assert_non_null(text);
    memset(text, 'a', LIMIT_TRANSCRIPT);
    text[LIMIT_TRANSCRIPT] = '\0';
    sf_begin(f);
    assert_false(
        message_set_transcript(f->store, message.id, TRANSCRIPT_TEXT, text, NULL, &f->err));
    assert_int_equal(f->err.kind, ERR_DATA);
    store_rollback(f->store);
    free(text);
}

static void a_recording_that_expires_leaves_its_message(void **state)
{
    struct store_fixture *f = *state;
    struct audio_info audio;
    struct message_new given = plain;
    bool changed;

    sf_ok(f, audio_import(f->store, site_fixture("en-short-pcm16.wav"), &audio, &f->err));
    given.audio = &audio;
    struct message before = add(f, &given);
    sf_begin(f);
    sf_ok(f, message_expire_audio(f->store, before.id, &changed, &f->err));
    assert_true(changed);
    sf_ok(f, message_expire_audio(f->store, before.id, &changed, &f->err));
    assert_false(changed);
    sf_commit(f);
    struct message after = again(f, &before);
    assert_string_equal(after.audio, "");
    assert_int_equal(after.audio_bytes, 0);
    assert_int_equal(after.duration_ms, before.duration_ms);
    assert_true(after.content_at > before.content_at);
}

static void what_is_purged_keeps_no_text_and_takes_none(void **state)
{
    struct store_fixture *f = *state;
    struct message_new given = plain;
    given.text = "could not be delivered";
    struct message message = add(f, &given);
    char *text = message_text(f->store, message.id);

    assert_string_equal(text, "could not be delivered");
    free(text);
    sf_begin(f);
    sf_ok(f, message_set_folder(f->store, message.id, FOLDER_PURGED, NULL, &f->err));
    sf_commit(f);
    assert_null(message_text(f->store, message.id));
    assert_false(set_transcript(f, &message, TRANSCRIPT_TEXT, "too late"));
    assert_null(message_transcript(f->store, message.id));
}

/* rule: kind-dispatch */
static void a_dispatch_message_is_held_until_it_is_accepted_once(void **state)
{
    struct store_fixture *f = *state;
    struct message_new given = plain;
    bool changed;

    given.dispatch = true;
    given.group = "6d1e2f10-0000-4000-8000-000000000001";
    struct message message = add(f, &given);
    assert_string_equal(message.group, given.group);
    assert_true(message_is_held(&message, false));
    sf_begin(f);
    sf_ok(f, message_accept(f->store, message.id, &changed, &f->err));
    assert_true(changed);
    sf_ok(f, message_accept(f->store, message.id, &changed, &f->err));
    assert_false(changed);
    sf_commit(f);
    message = again(f, &message);
    assert_true(message.accepted_at > 0);
    assert_false(message_is_held(&message, false));
}

/* rule: transcription-held */
static void a_pending_transcription_holds_only_where_that_is_wanted(void **state)
{
    struct store_fixture *f = *state;
    struct message_new given = plain;

    given.transcript_pending = true;
    struct message message = add(f, &given);
    assert_true(message_is_held(&message, true));
    assert_false(message_is_held(&message, false));
    set_transcript(f, &message, TRANSCRIPT_FAILED, NULL);
    message = again(f, &message);
    assert_false(message_is_held(&message, true));
}

static void a_message_remembers_where_it_belongs(void **state)
{
    struct store_fixture *f = *state;
    struct message_new given = plain;

    given.sent = true;
    given.sender = "ann";
    given.receipts = MESSAGE_WANTS_READ_RECEIPT;
    struct message message = add(f, &given);
    assert_int_equal(message.folder, FOLDER_SENT);
    assert_int_equal(message.home, FOLDER_SENT);
    assert_int_equal(message.receipts, MESSAGE_WANTS_READ_RECEIPT);
    sf_begin(f);
    sf_ok(f, message_set_receipts(f->store, message.id, 0, &f->err));
    sf_ok(f, message_set_folder(f->store, message.id, FOLDER_DELETED, NULL, &f->err));
    sf_commit(f);
    message = again(f, &message);
    assert_int_equal(message.home, FOLDER_SENT);
    assert_int_equal(message.receipts, 0);
    sf_begin(f);
    sf_ok(f, message_set_folder(f->store, message.id, FOLDER_INBOX, NULL, &f->err));
    sf_commit(f);
    assert_int_equal(again(f, &message).home, FOLDER_INBOX);
}

#define PROMISE(name) cmocka_unit_test_setup_teardown(name, sf_set_up, sf_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROMISE(a_transcription_that_comes_changes_the_content),
        PROMISE(a_transcription_over_its_limit_is_refused),
        PROMISE(a_recording_that_expires_leaves_its_message),
        PROMISE(what_is_purged_keeps_no_text_and_takes_none),
        PROMISE(a_dispatch_message_is_held_until_it_is_accepted_once),
        PROMISE(a_pending_transcription_holds_only_where_that_is_wanted),
        PROMISE(a_message_remembers_where_it_belongs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
