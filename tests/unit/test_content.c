/* What an item says follows what is told here: transcriptions that come later, recordings that
 * expire, messages that are purged by age. A whole site on virtual time, over the real EWS
 * client and the stand-in. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/audio.h"
#include "store/history.h"
#include "tests/exchange/exchange_user.h"
#include "tests/support/site.h"

enum { SECOND = 1000, MINUTE = 60 * 1000, HOUR = 60 * MINUTE };
#define DAY     (24LL * HOUR)
#define WAV     "en-greeting-ulaw.wav"
#define NOTICE  "The recording is no longer kept."
#define PENDING "Transcription: in progress"
#define FAILED  "Transcription: could not be made"
#define EXPIRES "[store]\nrecording-expires = 2h"

/* ---- the scene ---- */

static void transcribe(struct site *site, const char *id, const char *text)
{
    struct err err;
    bool changed;

    if (!phone_set_transcript(site->store, id, text, NULL, &changed, &err))
        fail_msg("%s", err.text);
    assert_true(changed);
    if (site->scheduler)
        scheduler_poke(site->scheduler);
}

static void deposit_pending(struct site *site, const char *flags, char *id)
{
    const struct phone_deposit deposit = {
        .mailbox = "ann",
        .file = site_fixture(WAV),
        .from_number = "+15550100",
        .private = strchr(flags, 'p') != NULL,
        .secure = strchr(flags, 's') != NULL,
        .transcript_pending = true,
    };
    struct err err;

    if (!phone_deposit(site->store, &deposit, NULL, id, &err))
        fail_msg("%s", err.text);
    if (site->scheduler)
        scheduler_poke(site->scheduler);
}

static void hold(struct site *site)
{
    struct mailbox mailbox;
    struct err err;

    assert_true(mailbox_find(site->store, "ann", &mailbox, &err));
    mailbox.hold_transcript = true;
    assert_true(store_begin(site->store, &err));
    assert_true(mailbox_set(site->store, &mailbox, NULL, &err));
    assert_true(store_commit(site->store, &err));
}

/* The message's one item in Exchange; the caller gives it back with json_decref. */
static json_t *item_of(struct site *site, const char *id)
{
    struct err err;
    size_t i;
    json_t *item, *found = NULL;
    json_t *list = exchange_user_list(site->exchange, "ann@example.net", NULL, &err);

    assert_non_null(list);
    json_array_foreach(json_object_get(list, "items"), i, item)
    {
        const char *kind = json_string_value(json_object_get(item, "folder_kind"));
        if (strcmp(json_string_value(json_object_get(item, "message_id")), id) != 0 ||
            strcmp(kind, "other") == 0)
            continue;
        assert_null(found);
        found = json_incref(item);
    }
    json_decref(list);
    if (!found)
        fail_msg("there is no item of the message");
    return found;
}

static bool says(struct site *site, const char *id, const char *words)
{
    json_t *item = item_of(site, id);
    bool found = strstr(json_string_value(json_object_get(item, "body")), words) != NULL;

    json_decref(item);
    return found;
}

static bool is_of_class(struct site *site, const char *id, const char *class)
{
    json_t *item = item_of(site, id);
    bool is = strcmp(json_string_value(json_object_get(item, "item_class")), class) == 0;

    json_decref(item);
    return is;
}

static int recordings(struct site *site, const char *id)
{
    json_t *item = item_of(site, id);
    int count = (int)json_array_size(json_object_get(item, "attachments"));

    json_decref(item);
    return count;
}

struct search {
    const char *what, *why;
    int found;
};

static bool look_for(const struct history *entry, void *arg)
{
    struct search *search = arg;

    search->found += strcmp(entry->what, search->what) == 0 &&
                     (!search->why || strstr(entry->why, search->why));
    return true;
}

static int history_of(struct site *site, const char *id, const char *what, const char *why)
{
    struct search search = {what, why, 0};
    struct err err;

    assert_true(history_each(site->store, id, look_for, &search, &err));
    return search.found;
}

/* Nothing is left to do, and doing it again does nothing. */
static void assert_rest(struct site *site)
{
    struct mailbox mailbox;
    int64_t waiting, oldest;
    struct err err;

    site_assert_agree(site);
    assert_true(mailbox_find(site->store, "ann", &mailbox, &err));
    assert_true(message_dirty_count(site->store, mailbox.id, &waiting, &oldest, &err));
    assert_int_equal(waiting, 0);
    site_count_from_here(site);
    assert_true(store_begin(site->store, &err));
    assert_true(queue_push(site->store, mailbox.id, QUEUE_NOTIFICATION, 0, &err));
    assert_true(store_commit(site->store, &err));
    scheduler_poke(site->scheduler);
    site_run(site, 2 * SECOND);
    assert_int_equal(site_count(site, "UpdateItem"), 0);
    assert_int_equal(site_count(site, "CreateItem"), 0);
    assert_int_equal(site_count(site, "MoveItem"), 0);
    assert_int_equal(site_count(site, "DeleteItem"), 0);
    assert_int_equal(site_count(site, "DeleteAttachment"), 0);
}

static struct site *begin(uint64_t seed, const char *extra)
{
    struct site *site = site_new(seed, extra);

    site_mailbox(site, "ann");
    site_start(site);
    site_run(site, 5 * SECOND);
    return site;
}

static void set_faults(struct site *site, const char *spec)
{
    struct err err;

    if (!exchange_set_faults(site->exchange, spec, &err))
        fail_msg("%s", err.text);
}

/* ---- transcriptions ---- */

/* rule: transcription-later */
static void a_transcription_that_comes_later_is_written_into_the_item(void **state)
{
    struct site *site = begin(1, NULL);
    char id[LIMIT_UUID];

    (void)state;
    deposit_pending(site, "", id);
    site_run(site, 5 * SECOND);
    assert_true(says(site, id, PENDING));
    site_count_from_here(site);
    transcribe(site, id, "Call me back, 5 < 6 & so on.");
    site_run(site, 5 * SECOND);
    assert_true(says(site, id, "Call me back, 5 < 6 & so on."));
    assert_false(says(site, id, PENDING));
    assert_int_equal(recordings(site, id), 1);
    assert_int_equal(site_count(site, "UpdateItem"), 1);
    assert_int_equal(site_count(site, "DeleteAttachment"), 0);
    assert_int_equal(history_of(site, id, "rewritten", "transcription"), 1);
    assert_rest(site);
    site_free(&site);
}

/* Our own change comes back as a notification and as a change of the folder: it is nobody's
 * act, and nothing follows from it. */
static void our_own_rewrite_comes_back_and_nothing_is_done(void **state)
{
    struct site *site = begin(2, NULL);
    char id[LIMIT_UUID];

    (void)state;
    deposit_pending(site, "", id);
    site_run(site, 5 * SECOND);
    site_count_from_here(site);
    transcribe(site, id, "It came.");
    site_run(site, 3 * HOUR);
    assert_int_equal(site_count(site, "UpdateItem"), 1);
    assert_false(site_message(site, id).read);
    assert_int_equal(history_of(site, id, "conflict", NULL), 0);
    assert_rest(site);
    site_free(&site);
}

/* rule: transcription-later */
static void a_transcription_that_cannot_be_made_says_so(void **state)
{
    struct site *site = begin(3, NULL);
    char id[LIMIT_UUID];

    (void)state;
    deposit_pending(site, "", id);
    site_run(site, 5 * SECOND);
    transcribe(site, id, NULL);
    site_run(site, 5 * SECOND);
    assert_true(says(site, id, FAILED));
    assert_false(says(site, id, PENDING));
    assert_rest(site);
    site_free(&site);
}

/* rule: transcription-later */
static void a_transcription_that_never_comes_counts_as_failed_after_its_time(void **state)
{
    struct site *site = begin(4, "[store]\ntranscription-timeout = 5m");
    char id[LIMIT_UUID];

    (void)state;
    deposit_pending(site, "", id);
    site_run(site, 4 * MINUTE);
    assert_true(says(site, id, PENDING));
    site_run(site, 3 * MINUTE);
    assert_true(says(site, id, FAILED));
    assert_int_equal(history_of(site, id, "transcription failed", "transcription-timeout"), 1);
    /* It comes after all. */
    transcribe(site, id, "Late, but here.");
    site_run(site, 5 * SECOND);
    assert_true(says(site, id, "Late, but here."));
    assert_rest(site);
    site_free(&site);
}

/* rule: transcription-held */
static void a_message_is_held_back_until_its_transcription_comes(void **state)
{
    struct site *site = begin(5, NULL);
    char id[LIMIT_UUID];

    (void)state;
    hold(site);
    deposit_pending(site, "", id);
    site_run(site, 5 * MINUTE);
    assert_int_equal(site_items(site, "ann", id), 0);
    site_count_from_here(site);
    transcribe(site, id, "Here it is.");
    site_run(site, 5 * SECOND);
    assert_true(says(site, id, "Here it is."));
    assert_int_equal(site_count(site, "CreateItem"), 1);
    assert_int_equal(site_count(site, "UpdateItem"), 0);
    assert_rest(site);
    site_free(&site);
}

/* rule: transcription-held */
static void a_message_is_held_back_until_its_transcription_fails(void **state)
{
    struct site *site = begin(6, NULL);
    char ids[2][LIMIT_UUID];

    (void)state;
    hold(site);
    deposit_pending(site, "", ids[0]); /* told that it failed */
    deposit_pending(site, "", ids[1]); /* nothing is ever heard of it */
    site_run(site, 5 * MINUTE);
    transcribe(site, ids[0], NULL);
    site_run(site, 5 * SECOND);
    assert_true(says(site, ids[0], FAILED));
    assert_int_equal(site_items(site, "ann", ids[1]), 0);
    site_run(site, 10 * MINUTE);
    assert_true(says(site, ids[1], FAILED));
    assert_rest(site);
    site_free(&site);
}

static struct {
    int seen;
    bool leaked;
} spy;

static void look_at_request(const char *body, size_t len, void *arg)
{
    (void)arg;
    spy.seen++;
    spy.leaked = spy.leaked || memmem(body, len, "The combination", 15) ||
                 memmem(body, len, "FileAttachment", 14) || memmem(body, len, "RIFF", 4) ||
                 memmem(body, len, "UklGR", 5); /* RIFF in base64 */
}

/* rule: kind-secure */
static void nothing_of_a_secure_message_ever_leaves(void **state)
{
    struct site *site = begin(7, EXPIRES);
    char id[LIMIT_UUID];

    (void)state;
    memset(&spy, 0, sizeof spy);
    exchange_transport_set_look(site->transport, look_at_request, NULL);
    deposit_pending(site, "s", id);
    site_run(site, 5 * SECOND);
    site_count_from_here(site);
    transcribe(site, id, "The combination is 1234.");
    site_run(site, 5 * SECOND);
    assert_int_equal(site_count(site, "UpdateItem"), 0); /* the decoy says the same */
    assert_true(says(site, id, "log on to your mailbox"));
    site_run(site, 4 * HOUR); /* the recording expires */
    assert_true(says(site, id, NOTICE));
    assert_false(says(site, id, "log on to your mailbox"));
    assert_int_equal(recordings(site, id), 0);
    assert_rest(site);
    assert_true(spy.seen > 0);
    assert_false(spy.leaked);
    exchange_transport_set_look(site->transport, NULL, NULL);
    site_free(&site);
}

/* Private messages are never transcribed: what a service says of one is refused. */
static void a_private_message_is_never_transcribed(void **state)
{
    struct site *site = begin(8, NULL);
    char id[LIMIT_UUID];
    struct err err;

    (void)state;
    hold(site);
    deposit_pending(site, "p", id);
    site_run(site, 5 * SECOND);
    assert_int_equal(site_message(site, id).transcript, TRANSCRIPT_NONE);
    assert_int_equal(site_items(site, "ann", id), 1); /* held for nothing */
    assert_false(says(site, id, PENDING));
    assert_false(phone_set_transcript(site->store, id, "Psst.", NULL, NULL, &err));
    assert_int_equal(err.kind, ERR_REFUSED);
    assert_rest(site);
    site_free(&site);
}

/* rule: kind-normal */
static void a_normal_message_says_who_called_and_carries_its_recording(void **state)
{
    struct site *site = begin(9, NULL);
    char id[LIMIT_UUID];

    (void)state;
    site_deposit(site, "ann", WAV, "", id);
    site_run(site, 5 * SECOND);
    assert_true(says(site, id, "+15550100"));
    assert_true(says(site, id, "Received: 2026-"));
    assert_true(says(site, id, "Duration: 0:"));
    assert_false(says(site, id, "Transcription"));
    assert_int_equal(recordings(site, id), 1);
    assert_rest(site);
    site_free(&site);
}

/* ---- recordings that expire ---- */

/* rule: audio-expired */
static void a_recording_that_expires_is_replaced_on_both_sides(void **state)
{
    struct site *site = begin(10, EXPIRES);
    char ids[3][LIMIT_UUID];
    struct err err;

    (void)state;
    site_deposit(site, "ann", WAV, "", ids[0]);
    site_deposit(site, "ann", WAV, "", ids[1]);
    site_run(site, 5 * SECOND);
    assert_true(phone_delete(site->store, ids[1], NULL, NULL, &err));
    site_run(site, 90 * MINUTE);
    site_deposit(site, "ann", WAV, "", ids[2]); /* the same audio, younger */
    site_run(site, 90 * MINUTE);
    for (int i = 0; i < 2; i++) {
        assert_string_equal(site_message(site, ids[i]).audio, "");
        assert_true(says(site, ids[i], NOTICE));
        assert_int_equal(recordings(site, ids[i]), 0);
        assert_true(is_of_class(site, ids[i], "IPM.Note")); /* no player for nothing */
        assert_int_equal(history_of(site, ids[i], "recording expired", "recording-expires"), 1);
        assert_int_equal(history_of(site, ids[i], "rewritten", "expired"), 1);
    }
    /* The file is the other message's, too. */
    char path[LIMIT_PATH];
    assert_true(audio_path(site->store, site_message(site, ids[2]).audio, path, &err));
    assert_int_equal(recordings(site, ids[2]), 1);
    assert_false(says(site, ids[2], NOTICE));
    assert_false(is_of_class(site, ids[2], "IPM.Note"));
    assert_rest(site);
    site_run(site, 3 * HOUR); /* and now its own time is over: the file goes */
    assert_int_equal(recordings(site, ids[2]), 0);
    site_free(&site);
}

/* A state that changed meanwhile, there and here, is taken over as ever. */
static void what_a_person_does_meanwhile_counts(void **state)
{
    struct site *site = begin(11, EXPIRES);
    char ids[4][LIMIT_UUID];
    struct err err;

    (void)state;
    for (int i = 0; i < 4; i++)
        site_deposit(site, "ann", WAV, "", ids[i]);
    site_run(site, 5 * SECOND);
    site_kill(site);
    site_user(site, "ann", "move", ids[0], "Inbox/Kept", NULL);
    site_user(site, "ann", "read", ids[1], NULL);
    site_user(site, "ann", "purge", ids[2], NULL);
    assert_true(phone_set_urgent(site->store, ids[3], true, NULL, NULL, &err));
    site_run(site, 3 * HOUR);
    assert_true(store_begin(site->store, &err));
    for (int i = 0; i < 4; i++)
        assert_true(message_expire_audio(site->store, ids[i], NULL, &err));
    assert_true(store_commit(site->store, &err));
    site_start(site);
    site_run(site, 10 * MINUTE);
    assert_true(says(site, ids[0], NOTICE));
    assert_int_equal(site_message(site, ids[0]).folder, FOLDER_INBOX);
    assert_true(site_message(site, ids[1]).read);
    assert_true(says(site, ids[1], NOTICE));
    assert_int_equal(site_message(site, ids[2]).folder, FOLDER_DELETED);
    assert_true(says(site, ids[3], NOTICE));
    assert_rest(site);
    site_free(&site);
}

/* The item was moved, and nobody has told us: the id that we know is gone. */
static void an_item_that_was_moved_is_found_and_rewritten(void **state)
{
    struct site *site = begin(12, EXPIRES);
    char moved[LIMIT_UUID], gone[LIMIT_UUID];
    struct err err;

    (void)state;
    site_deposit(site, "ann", WAV, "", moved);
    site_deposit(site, "ann", WAV, "", gone);
    site_run(site, 5 * SECOND);
    exchange_drop_subscriptions(site->exchange);
    site_user(site, "ann", "move", moved, "Inbox/Kept", NULL);
    site_user(site, "ann", "purge", gone, NULL);
    assert_true(store_begin(site->store, &err));
    struct message message = site_message(site, moved);
    assert_true(message_expire_audio(site->store, moved, NULL, &err));
    assert_true(message_expire_audio(site->store, gone, NULL, &err));
    assert_true(queue_push(site->store, message.mailbox, QUEUE_CHANGE, 0, &err));
    assert_true(store_commit(site->store, &err));
    scheduler_poke(site->scheduler);
    site_run(site, MINUTE);
    assert_true(says(site, moved, NOTICE));
    assert_int_equal(recordings(site, moved), 0);
    assert_int_equal(site_message(site, moved).folder, FOLDER_INBOX);
    assert_int_equal(site_message(site, gone).folder, FOLDER_DELETED);
    site_run(site, 3 * HOUR);
    assert_rest(site);
    site_free(&site);
}

/* rule: audio-expired */
static void what_expired_before_it_was_created_never_leaves(void **state)
{
    struct site *site = begin(13, EXPIRES);
    char id[LIMIT_UUID];

    (void)state;
    site->expect_warnings = true;
    exchange_transport_set_down(site->transport, true);
    site_deposit(site, "ann", WAV, "", id);
    site_run(site, 4 * HOUR);
    assert_string_equal(site_message(site, id).audio, "");
    memset(&spy, 0, sizeof spy);
    exchange_transport_set_look(site->transport, look_at_request, NULL);
    exchange_transport_set_down(site->transport, false);
    site_run(site, HOUR);
    assert_int_equal(recordings(site, id), 0);
    assert_true(says(site, id, NOTICE));
    assert_false(spy.leaked);
    assert_rest(site);
    exchange_transport_set_look(site->transport, NULL, NULL);
    site_free(&site);
}

/* rule: audio-expired */
static void what_expires_while_its_create_is_in_doubt_is_found_and_replaced(void **state)
{
    static const char *const faults[] = {"lose-answer:CreateItem:1", "drop:CreateItem:1-2",
                                         "late:CreateItem:1:6500"};

    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        struct site *site = begin(14 + i, "request-timeout = 5s");
        char id[LIMIT_UUID];
        struct err err;

        site->expect_warnings = true;
        set_faults(site, faults[i]);
        site_deposit(site, "ann", WAV, "", id);
        site_run(site, 300);
        assert_true(store_begin(site->store, &err));
        assert_true(message_expire_audio(site->store, id, NULL, &err));
        assert_true(store_commit(site->store, &err));
        site_run(site, 30 * MINUTE);
        assert_int_equal(site_items(site, "ann", id), 1);
        assert_int_equal(recordings(site, id), 0);
        assert_true(says(site, id, NOTICE));
        assert_rest(site);
        site_free(&site);
    }
}

/* What is found says what its create was sent with: nothing is written once more. */
static void what_is_found_after_a_doubt_is_not_rewritten(void **state)
{
    static const char *const faults[] = {"lose-answer:CreateItem:1", "drop:CreateItem:1-2",
                                         "late:CreateItem:1:6500"};

    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        struct site *site = begin(30 + i, "request-timeout = 5s");
        char id[LIMIT_UUID];

        site->expect_warnings = true;
        set_faults(site, faults[i]);
        site_count_from_here(site);
        site_deposit(site, "ann", WAV, "", id);
        site_run(site, 30 * MINUTE);
        assert_int_equal(recordings(site, id), 1);
        assert_int_equal(site_count(site, "UpdateItem"), 0);
        assert_rest(site);
        site_free(&site);
    }
}

/* ---- answers that are lost ---- */

static void a_rewrite_whose_answer_is_lost_is_done_once_more(void **state)
{
    static const char *const faults[] = {
        "lose-answer:UpdateItem:1",      "drop:UpdateItem:1",
        "late:UpdateItem:1:6500",        "lose-answer:DeleteAttachment:1",
        "drop:DeleteAttachment:1",       "late:DeleteAttachment:1:6500",
        "lose-answer:GetItem:1-2",       "http-503:UpdateItem:1-3",
        "http-503:DeleteAttachment:1-3",
    };

    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        struct site *site =
            begin(20 + i, "request-timeout = 5s\n[store]\nrecording-expires = 30m");
        char id[LIMIT_UUID];

        site->expect_warnings = true;
        site_deposit(site, "ann", WAV, "", id);
        site_run(site, 5 * SECOND);
        set_faults(site, faults[i]);
        site_run(site, 100 * MINUTE);
        if (!says(site, id, NOTICE) || recordings(site, id) != 0)
            fail_msg("%s: the item is not rewritten", faults[i]);
        assert_rest(site);
        site_free(&site);
    }
}

/* An older rewrite that takes effect late does not undo a newer one. */
static void a_rewrite_that_takes_effect_late_does_not_undo_a_newer_one(void **state)
{
    struct site *site = begin(40, "request-timeout = 5s");
    char id[LIMIT_UUID];

    (void)state;
    site->expect_warnings = true;
    deposit_pending(site, "", id);
    site_run(site, 5 * SECOND);
    set_faults(site, "late:UpdateItem:1:6500");
    transcribe(site, id, NULL); /* "could not be made" is on its way, and is late */
    site_run(site, 5500);
    transcribe(site, id, "The true words.");
    site_run(site, 30 * MINUTE);
    assert_true(says(site, id, "The true words."));
    assert_false(says(site, id, FAILED));
    assert_rest(site);
    site_free(&site);
}

/* Killed at any moment of it, the item says in the end what is told here. */
static void killed_at_many_moments_every_item_is_rewritten(void **state)
{
    (void)state;
    for (int64_t ms = 0; ms < 300; ms += 25) {
        struct site *site = begin(50, "request-timeout = 5s\n[store]\nrecording-expires = 30m");
        char id[LIMIT_UUID];
        struct err err;

        site_deposit(site, "ann", WAV, "", id);
        site_run(site, 5 * SECOND);
        assert_true(store_begin(site->store, &err));
        struct message message = site_message(site, id);
        assert_true(message_expire_audio(site->store, id, NULL, &err));
        assert_true(queue_push(site->store, message.mailbox, QUEUE_CHANGE, 0, &err));
        assert_true(store_commit(site->store, &err));
        scheduler_poke(site->scheduler);
        site_run(site, ms);
        site_kill(site);
        site_run(site, SECOND);
        site_start(site);
        site_run(site, 5 * MINUTE);
        if (!says(site, id, NOTICE) || recordings(site, id) != 0)
            fail_msg("killed after %lld ms: the item is not rewritten", (long long)ms);
        assert_rest(site);
        site_free(&site);
    }
}

/* A server that refuses it for good: set aside, visible, and all else of the mailbox goes on.
 */
static void a_rewrite_that_is_refused_holds_up_nothing_else(void **state)
{
    struct site *site = begin(60, NULL);
    char refused[LIMIT_UUID], other[LIMIT_UUID];

    (void)state;
    site->expect_warnings = true;
    deposit_pending(site, "", refused);
    site_run(site, 5 * SECOND);
    set_faults(site, "code:UpdateItem:ErrorInvalidPropertySet:*");
    transcribe(site, refused, "Words that it does not take.");
    site_run(site, 2 * HOUR);
    site_deposit(site, "ann", WAV, "", other);
    site_run(site, MINUTE);
    assert_int_equal(site_items(site, "ann", other), 1);
    assert_true(says(site, refused, PENDING));
    site_free(&site);
}

/* ---- messages that are purged by age ---- */

/* rule: purged-here */
static void what_was_deleted_for_long_is_purged_by_age(void **state)
{
    struct site *site = begin(70, "[store]\ndeleted-expires = 1d");
    char here[LIMIT_UUID], there[LIMIT_UUID], kept[LIMIT_UUID], back[LIMIT_UUID];
    struct err err;

    (void)state;
    site_deposit(site, "ann", WAV, "", here);
    site_deposit(site, "ann", WAV, "", there);
    site_deposit(site, "ann", WAV, "", kept);
    site_deposit(site, "ann", WAV, "", back);
    site_run(site, 5 * SECOND);
    assert_true(phone_delete(site->store, here, NULL, NULL, &err));
    assert_true(phone_delete(site->store, back, NULL, NULL, &err));
    site_user(site, "ann", "delete", there, NULL);
    site_run(site, 20LL * HOUR);
    assert_true(phone_restore(site->store, back, NULL, NULL, &err));
    site_run(site, 3LL * HOUR);
    assert_int_equal(site_message(site, here).folder, FOLDER_DELETED);
    site_run(site, 3LL * HOUR);
    assert_int_equal(site_message(site, here).folder, FOLDER_PURGED);
    assert_int_equal(site_message(site, there).folder, FOLDER_PURGED);
    assert_int_equal(site_message(site, kept).folder, FOLDER_INBOX);
    assert_int_equal(site_message(site, back).folder, FOLDER_INBOX);
    assert_int_equal(site_items(site, "ann", here), 0);
    assert_int_equal(site_items(site, "ann", there), 0);
    assert_int_equal(history_of(site, here, "purged", "deleted-expires"), 1);
    assert_rest(site);
    site_free(&site);
}

/* More than one batch, in one hour, and nothing is done to those whose time is not over. */
static void many_are_done_in_batches(void **state)
{
    enum { MESSAGES = 110 };
    struct site *site = begin(80, EXPIRES);
    static char ids[MESSAGES][LIMIT_UUID];
    char young[LIMIT_UUID];

    (void)state;
    for (int i = 0; i < MESSAGES; i++)
        site_deposit(site, "ann", WAV, "", ids[i]);
    site_count_from_here(site);
    site_run(site, 2 * HOUR - 10 * MINUTE);
    site_deposit(site, "ann", WAV, "", young);
    site_run(site, HOUR + 20 * MINUTE);
    for (int i = 0; i < MESSAGES; i++)
        assert_string_equal(site_message(site, ids[i]).audio, "");
    assert_string_not_equal(site_message(site, young).audio, "");
    assert_int_equal(site_count(site, "DeleteItem"), 0);
    assert_rest(site);
    site_free(&site);
}

static bool is_wished(struct site *site, const char *name)
{
    struct mailbox mailbox;
    struct err err;
    bool wished = false;

    assert_true(mailbox_find(site->store, name, &mailbox, &err));
    assert_true(queue_is_wished(site->store, mailbox.id, QUEUE_CHANGE, 0, &wished, &err));
    return wished;
}

static void count_call(void *arg)
{
    ++*(int *)arg;
}

/* With the service stopped, and one mailbox for which single inbox is off. */
static void what_is_done_asks_for_a_look_where_single_inbox_is_on(void **state)
{
    struct site *site = begin(85, EXPIRES);
    struct mailbox off = {.name = "bob", .smtp = "bob@example.net"};
    char ids[2][LIMIT_UUID];
    struct err err;
    int told = 0;

    (void)state;
    assert_true(store_begin(site->store, &err));
    assert_true(mailbox_add(site->store, &off, &err));
    assert_true(store_commit(site->store, &err));
    site_deposit(site, "ann", WAV, "", ids[0]);
    site_deposit(site, "bob", WAV, "", ids[1]);
    site_run(site, 5 * SECOND);
    site_kill(site);
    assert_false(is_wished(site, "ann"));
    struct housekeeping *keeping =
        housekeeping_new(&(struct housekeeping_deps){.loop = site->loop,
                                                     .store = site->store,
                                                     .config = site->config,
                                                     .changed = count_call,
                                                     .arg = &told});
    site_run(site, HOUR);
    assert_int_equal(told, 0);
    assert_false(is_wished(site, "ann"));
    site_run(site, 2 * HOUR + 2 * MINUTE);
    assert_int_equal(told, 1);
    assert_true(is_wished(site, "ann"));
    assert_false(is_wished(site, "bob"));
    assert_string_equal(site_message(site, ids[1]).audio, "");
    site_run(site, 2 * HOUR);
    assert_int_equal(told, 1);
    housekeeping_free(&keeping);
    assert_null(keeping);
    site_free(&site);
}

/* As delivered, nothing is thrown away. */
static void without_a_word_in_the_configuration_nothing_expires(void **state)
{
    struct site *site = begin(90, NULL);
    char kept[LIMIT_UUID], deleted[LIMIT_UUID];
    struct err err;

    (void)state;
    site_deposit(site, "ann", WAV, "", kept);
    site_deposit(site, "ann", WAV, "", deleted);
    site_run(site, 5 * SECOND);
    assert_true(phone_delete(site->store, deleted, NULL, NULL, &err));
    site_run(site, DAY + 2 * HOUR);
    assert_string_not_equal(site_message(site, kept).audio, "");
    assert_int_equal(site_message(site, deleted).folder, FOLDER_DELETED);
    assert_int_equal(recordings(site, deleted), 1);
    assert_rest(site);
    site_free(&site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transcription_that_comes_later_is_written_into_the_item),
        cmocka_unit_test(our_own_rewrite_comes_back_and_nothing_is_done),
        cmocka_unit_test(a_transcription_that_cannot_be_made_says_so),
        cmocka_unit_test(a_transcription_that_never_comes_counts_as_failed_after_its_time),
        cmocka_unit_test(a_message_is_held_back_until_its_transcription_comes),
        cmocka_unit_test(a_message_is_held_back_until_its_transcription_fails),
        cmocka_unit_test(nothing_of_a_secure_message_ever_leaves),
        cmocka_unit_test(a_private_message_is_never_transcribed),
        cmocka_unit_test(a_normal_message_says_who_called_and_carries_its_recording),
        cmocka_unit_test(a_recording_that_expires_is_replaced_on_both_sides),
        cmocka_unit_test(what_a_person_does_meanwhile_counts),
        cmocka_unit_test(an_item_that_was_moved_is_found_and_rewritten),
        cmocka_unit_test(what_expired_before_it_was_created_never_leaves),
        cmocka_unit_test(what_expires_while_its_create_is_in_doubt_is_found_and_replaced),
        cmocka_unit_test(what_is_found_after_a_doubt_is_not_rewritten),
        cmocka_unit_test(a_rewrite_whose_answer_is_lost_is_done_once_more),
        cmocka_unit_test(a_rewrite_that_takes_effect_late_does_not_undo_a_newer_one),
        cmocka_unit_test(killed_at_many_moments_every_item_is_rewritten),
        cmocka_unit_test(a_rewrite_that_is_refused_holds_up_nothing_else),
        cmocka_unit_test(what_was_deleted_for_long_is_purged_by_age),
        cmocka_unit_test(many_are_done_in_batches),
        cmocka_unit_test(what_is_done_asks_for_a_look_where_single_inbox_is_on),
        cmocka_unit_test(without_a_word_in_the_configuration_nothing_expires),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
