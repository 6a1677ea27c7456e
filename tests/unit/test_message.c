/* Messages: every field as it was given, every change stamped and dirty, purged for good. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "base/id.h"
#include "store/audio.h"
#include "tests/support/site.h"
#include "tests/support/store_fixture.h"

static void add(struct store_fixture *f, const struct message_new *message, char *id)
{
    sf_begin(f);
    sf_ok(f, message_add(f->store, message, id, &f->err));
    sf_commit(f);
}

/* What a message takes, with one text changed, is refused with these words. */
static void assert_refused(struct store_fixture *f, const struct message_new *message,
                           const char *words)
{
    char id[LIMIT_UUID] = "";

    sf_begin(f);
    assert_false(message_add(f->store, message, id, &f->err));
    store_rollback(f->store);
    assert_int_equal(f->err.kind, ERR_DATA);
    assert_non_null(strstr(f->err.text, words));
    assert_int_equal(sf_count(f, f->store), 0);
}

static void set_folder(struct store_fixture *f, const char *id, enum message_folder folder)
{
    sf_begin(f);
    sf_ok(f, message_set_folder(f->store, id, folder, NULL, &f->err));
    sf_commit(f);
}

/* ---- adding ---- */

static void every_field_is_kept_as_it_was_given(void **state)
{
    struct store_fixture *f = *state;
    struct audio_info audio;
    const struct message_new given = {
        .mailbox = "ann",
        .kind = KIND_FAX,
        .from_number = "+81 3 1234 5678",
        .from_name = "田中 \"O'Neil\" & <Söhne>",
        .from_address = "ben@example.com",
        .subject = "Résumé; DROP TABLE message",
        .received = {1699999999123},
        .urgent = true,
        .private = true,
        .secure = true,
        .dispatch = true,
        .read = true,
        .transcript = "もしもし",
        .audio = &audio,
    };

    sf_ok(f, audio_import(f->store, site_fixture("en-short-pcm16.wav"), &audio, &f->err));
    add(f, &given, f->id);
    struct message got = sf_get(f, f->id);
    assert_true(id_valid(got.id));
    assert_string_equal(got.id, f->id);
    assert_string_equal(got.mailbox, "ann");
    assert_int_equal(got.kind, KIND_FAX);
    assert_string_equal(got.from_number, given.from_number);
    assert_string_equal(got.from_name, given.from_name);
    assert_string_equal(got.from_address, given.from_address);
    assert_string_equal(got.subject, given.subject);
    assert_int_equal(got.received.ms, given.received.ms);
    assert_true(got.urgent && got.private && got.secure && got.dispatch && got.read);
    assert_string_equal(got.audio, audio.sha256);
    assert_int_equal(got.audio_bytes, audio.bytes);
    assert_int_equal(got.duration_ms, audio.duration_ms);
    assert_int_equal(got.folder, FOLDER_INBOX);
    assert_int_equal(got.transcript, TRANSCRIPT_TEXT);
    char *text = message_transcript(f->store, f->id);
    assert_string_equal(text, "もしもし");
    free(text);
}

static void what_is_not_given_is_empty_and_received_is_now(void **state)
{
    struct store_fixture *f = *state;
    const struct message_new given = {.mailbox = "ann"};

    add(f, &given, f->id);
    struct message got = sf_get(f, f->id);
    assert_int_equal(got.received.ms, f->now.ms);
    assert_string_equal(got.from_number, "");
    assert_string_equal(got.from_name, "");
    assert_string_equal(got.from_address, "");
    assert_string_equal(got.audio, "");
    assert_int_equal(got.duration_ms, 0);
    assert_false(got.urgent || got.private || got.secure || got.dispatch || got.read);
    assert_int_equal(got.transcript, TRANSCRIPT_NONE);
    assert_null(message_transcript(f->store, f->id));
}

static void a_new_message_is_dirty_and_stamped_with_now(void **state)
{
    struct store_fixture *f = *state;
    struct message got = sf_get(f, sf_message(f, "s"));

    assert_int_equal(got.dirty_since_ms, f->now.ms);
    assert_int_equal(stamp_time(got.read_at).ms, f->now.ms);
    assert_int_equal(got.subject_at, got.read_at);
    assert_int_equal(got.urgent_at, got.read_at);
    assert_int_equal(got.folder_at, got.read_at);
    assert_true(got.row > 0);
}

static void the_subject_is_made_from_the_template_of_its_type(void **state)
{
    struct store_fixture *f = *state;
    static const struct {
        struct message_new given;
        const char *subject;
    } rows[] = {
        {{.from_number = "100"}, "Voice message from 100"},
        {{.from_number = ""}, "Voice message from Unknown caller ID"},
        {{.from_number = "100", .urgent = true}, "Urgent Voice message from 100"},
        {{.from_number = "100", .urgent = true, .dispatch = true},
         "Urgent Dispatch Voice message from 100"},
        {{.from_number = "100", .from_name = "Ben", .from_address = "ben@example.com"},
         "Message from Ben [100]"},
        {{.from_number = "100",
          .from_address = "ben@example.com",
          .private = true,
          .secure = true},
         "Private Secure Message from Unknown name [100]"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct message_new given = rows[i].given;
        given.mailbox = "ann";
        add(f, &given, f->id);
        assert_string_equal(sf_get(f, f->id).subject, rows[i].subject);
    }
}

static void texts_over_their_limit_are_refused_and_at_it_are_kept(void **state)
{
    struct store_fixture *f = *state;
    static char text[LIMIT_TRANSCRIPT + 1];
    struct message_new given = {.mailbox = "ann"};
    const struct {
        const char **field;
        size_t limit;
        const char *words;
    } rows[] = {
        {&given.from_number, LIMIT_PHONE_NUMBER, "number"},
        {&given.from_name, LIMIT_DISPLAY_NAME, "name"},
        {&given.from_address, LIMIT_ADDRESS, "address"},
        {&given.subject, LIMIT_SUBJECT, "subject"},
        {&given.transcript, LIMIT_TRANSCRIPT, "transcription"},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        memset(text, 'x', rows[i].limit);
        text[rows[i].limit] = '\0';
        *rows[i].field = text;
        assert_refused(f, &given, rows[i].words);
        *rows[i].field = NULL;
    }
    memset(text, 'x', LIMIT_SUBJECT - 1);
    text[LIMIT_SUBJECT - 1] = '\0';
    given.subject = text;
    add(f, &given, f->id);
    assert_string_equal(sf_get(f, f->id).subject, text);
    memset(text, 'y', LIMIT_SUBJECT);
    sf_begin(f);
    assert_false(message_set_subject(f->store, f->id, text, NULL, &f->err));
    store_rollback(f->store);
    assert_int_equal(f->err.kind, ERR_DATA);
}

static void an_unknown_message_is_said_to_be_unknown(void **state)
{
    struct store_fixture *f = *state;
    struct message got;

    assert_false(message_get(f->store, "no such id", &got, &f->err));
    assert_int_equal(f->err.kind, ERR_NO_MAILBOX);
    assert_non_null(strstr(f->err.text, "no such id"));
    sf_begin(f);
    assert_false(message_set_folder(f->store, "no such id", FOLDER_DELETED, NULL, &f->err));
    bool changed = true;
    sf_ok(f, message_set_read(f->store, "no such id", true, &changed, &f->err));
    store_rollback(f->store);
    assert_false(changed);
}

/* ---- changing ---- */

enum field { READ, URGENT, SUBJECT, FOLDER, FIELDS };

static bool change(struct store_fixture *f, const char *id, enum field field, bool second)
{
    bool changed = false;

    sf_begin(f);
    switch (field) {
    case READ: sf_ok(f, message_set_read(f->store, id, second, &changed, &f->err)); break;
    case URGENT: sf_ok(f, message_set_urgent(f->store, id, second, &changed, &f->err)); break;
    case SUBJECT:
        sf_ok(f, message_set_subject(f->store, id, second ? "b" : "a", &changed, &f->err));
        break;
    default:
        sf_ok(f, message_set_folder(f->store, id, second ? FOLDER_DELETED : FOLDER_INBOX,
                                    &changed, &f->err));
    }
    sf_commit(f);
    return changed;
}

static void stamps_of(const struct message *message, int64_t *stamps)
{
    stamps[READ] = message->read_at;
    stamps[URGENT] = message->urgent_at;
    stamps[SUBJECT] = message->subject_at;
    stamps[FOLDER] = message->folder_at;
}

static void a_change_stamps_its_own_field_and_makes_the_message_dirty(void **state)
{
    struct store_fixture *f = *state;

    for (int field = 0; field < FIELDS; field++) {
        int64_t before[FIELDS], after[FIELDS];
        sf_message(f, "a");
        sf_clean(f, f->id);
        struct message old = sf_get(f, f->id);
        stamps_of(&old, before);
        f->now.ms += 1000;
        assert_true(change(f, f->id, (enum field)field, true));
        struct message new = sf_get(f, f->id);
        stamps_of(&new, after);
        for (int i = 0; i < FIELDS; i++)
            assert_int_equal(stamp_time(after[i]).ms, f->now.ms - (i == field ? 0 : 1000));
        assert_int_equal(new.dirty_since_ms, f->now.ms);
        assert_true(new.row > old.row);
        assert_int_equal(new.read, field == READ);
        assert_int_equal(new.urgent, field == URGENT);
        assert_string_equal(new.subject, field == SUBJECT ? "b" : "a");
        assert_int_equal(new.folder, field == FOLDER ? FOLDER_DELETED : FOLDER_INBOX);
    }
}

static void setting_what_is_so_already_changes_nothing(void **state)
{
    struct store_fixture *f = *state;

    sf_message(f, "a");
    sf_clean(f, f->id);
    struct message before = sf_get(f, f->id);
    f->now.ms += 1000;
    for (int field = 0; field < FIELDS; field++)
        assert_false(change(f, f->id, (enum field)field, false));
    struct message after = sf_get(f, f->id);
    int64_t old[FIELDS], new[FIELDS];
    stamps_of(&before, old);
    stamps_of(&after, new);
    assert_memory_equal(old, new, sizeof old);
    assert_int_equal(after.row, before.row);
    assert_int_equal(after.dirty_since_ms, 0);
}

static void dirty_counts_from_the_first_change(void **state)
{
    struct store_fixture *f = *state;
    int64_t first = f->now.ms, count, oldest;

    sf_message(f, "a");
    f->now.ms += 5000;
    change(f, f->id, READ, true);
    assert_int_equal(sf_get(f, f->id).dirty_since_ms, first);
    sf_begin(f);
    sf_ok(f, message_mark_dirty(f->store, f->id, &f->err));
    sf_commit(f);
    assert_int_equal(sf_get(f, f->id).dirty_since_ms, first);
    sf_ok(f, message_dirty_count(f->store, "ann", &count, &oldest, &f->err));
    assert_int_equal(count, 1);
    assert_int_equal(oldest, first);
    sf_clean(f, f->id);
    sf_ok(f, message_dirty_count(f->store, "ann", &count, &oldest, &f->err));
    assert_int_equal(count, 0);
    assert_int_equal(oldest, 0);
}

static void clean_forgets_no_change_that_came_meanwhile(void **state)
{
    struct store_fixture *f = *state;

    sf_message(f, "a");
    int64_t seen = sf_get(f, f->id).row;
    change(f, f->id, READ, true); /* after the run looked */
    sf_begin(f);
    sf_ok(f, message_mark_clean(f->store, f->id, seen, &f->err));
    sf_commit(f);
    assert_true(sf_is_dirty(f, f->id));
    sf_clean(f, f->id);
}

/* ---- purging ---- */

static void purging_lets_go_of_audio_and_transcription_and_leaves_a_tombstone(void **state)
{
    struct store_fixture *f = *state;
    struct audio_info audio;
    const struct message_new given = {
        .mailbox = "ann", .transcript = "secret words", .audio = &audio};

    sf_ok(f, audio_import(f->store, site_fixture("en-short-pcm16.wav"), &audio, &f->err));
    add(f, &given, f->id);
    sf_clean(f, f->id);
    set_folder(f, f->id, FOLDER_DELETED);
    assert_string_equal(sf_get(f, f->id).audio, audio.sha256); /* deleted is not purged */
    set_folder(f, f->id, FOLDER_PURGED);
    struct message got = sf_get(f, f->id);
    assert_int_equal(got.folder, FOLDER_PURGED);
    assert_string_equal(got.audio, "");
    assert_null(message_transcript(f->store, f->id));
    assert_true(sf_is_dirty(f, f->id));
}

static void what_is_purged_cannot_come_back(void **state)
{
    struct store_fixture *f = *state;
    bool changed = true;

    sf_message(f, "a");
    set_folder(f, f->id, FOLDER_PURGED);
    sf_begin(f);
    for (int folder = FOLDER_INBOX; folder < FOLDER_PURGED; folder++) {
        assert_false(
            message_set_folder(f->store, f->id, (enum message_folder)folder, NULL, &f->err));
        assert_int_equal(f->err.kind, ERR_REFUSED);
    }
    sf_ok(f, message_set_folder(f->store, f->id, FOLDER_PURGED, &changed, &f->err));
    sf_commit(f);
    assert_false(changed);
    assert_int_equal(sf_get(f, f->id).folder, FOLDER_PURGED);
}

/* ---- lists and counts ---- */

static void counts_are_by_mailbox_and_folder(void **state)
{
    struct store_fixture *f = *state;
    const struct message_new ben = {.mailbox = "ben"};
    int64_t count, unread;

    for (int i = 0; i < 3; i++)
        sf_message(f, "a");
    change(f, f->id, READ, true);
    sf_message(f, "b");
    set_folder(f, f->id, FOLDER_DELETED);
    add(f, &ben, f->id);
    sf_ok(f, message_count(f->store, "ann", FOLDER_INBOX, &count, &unread, &f->err));
    assert_int_equal(count, 3);
    assert_int_equal(unread, 2);
    sf_ok(f, message_count(f->store, "ann", FOLDER_DELETED, &count, &unread, &f->err));
    assert_int_equal(count, 1);
    assert_int_equal(unread, 1);
    sf_ok(f, message_count(f->store, "nobody", FOLDER_INBOX, &count, &unread, &f->err));
    assert_int_equal(count, 0);
    assert_int_equal(unread, 0);
}

enum { LIST_BYTES = 64 };

static bool add_subject(const struct message *message, void *arg)
{
    char *list = arg;

    text_copy(list + strlen(list), LIST_BYTES - strlen(list), message->subject);
    return strlen(list) < 8;
}

static void each_message_comes_newest_first_and_purged_ones_only_when_asked(void **state)
{
    struct store_fixture *f = *state;
    char list[LIST_BYTES] = "";
    static const char names[] = "abcd";

    for (int i = 0; i < 4; i++) {
        const char subject[] = {names[i], '\0'};
        f->now.ms += 1000;
        sf_message(f, subject);
        if (i == 1)
            set_folder(f, f->id, FOLDER_PURGED);
        if (i == 2)
            set_folder(f, f->id, FOLDER_DELETED);
    }
    sf_ok(f, message_each(f->store, "ann", FOLDERS, add_subject, list, &f->err));
    assert_string_equal(list, "dca");
    list[0] = '\0';
    sf_ok(f, message_each(f->store, "ann", FOLDER_PURGED, add_subject, list, &f->err));
    assert_string_equal(list, "b");
    list[0] = '\0';
    sf_ok(f, message_each(f->store, "ann", FOLDER_DELETED, add_subject, list, &f->err));
    assert_string_equal(list, "c");
}

static void what_is_not_agreed_comes_oldest_change_first_tombstones_too(void **state)
{
    struct store_fixture *f = *state;
    char ids[3][LIMIT_UUID], list[16] = "";
    static const char names[] = "abc";

    for (int i = 0; i < 3; i++) {
        const char subject[] = {names[i], '\0'};
        f->now.ms += 1000;
        text_copy(ids[i], sizeof ids[i], sf_message(f, subject));
    }
    sf_clean(f, ids[0]);
    f->now.ms += 1000;
    set_folder(f, ids[0], FOLDER_PURGED); /* the last to change now */
    sf_clean(f, ids[1]);
    sf_ok(f, message_each_dirty(f->store, "ann", add_subject, list, &f->err));
    assert_string_equal(list, "ca");
    sf_begin(f);
    sf_ok(f, message_mark_all_dirty(f->store, "ben", &f->err));
    sf_ok(f, message_mark_all_dirty(f->store, "ann", &f->err));
    sf_commit(f);
    list[0] = '\0';
    sf_ok(f, message_each_dirty(f->store, "ann", add_subject, list, &f->err));
    assert_int_equal(strlen(list), 3);
    assert_int_equal(list[0], 'c');
}

static void names_of_folders_are_read_as_they_are_written(void **state)
{
    enum message_folder folder;

    (void)state;
    for (int i = 0; i < FOLDERS; i++) {
        assert_true(message_folder_parse(message_folder_name((enum message_folder)i), &folder));
        assert_int_equal(folder, i);
    }
    assert_false(message_folder_parse("Inbox", &folder));
    for (int i = 0; i < KINDS; i++)
        assert_non_null(message_kind_name((enum message_kind)i));
}

#define PROMISE(name) cmocka_unit_test_setup_teardown(name, sf_set_up, sf_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROMISE(every_field_is_kept_as_it_was_given),
        PROMISE(what_is_not_given_is_empty_and_received_is_now),
        PROMISE(a_new_message_is_dirty_and_stamped_with_now),
        PROMISE(the_subject_is_made_from_the_template_of_its_type),
        PROMISE(texts_over_their_limit_are_refused_and_at_it_are_kept),
        PROMISE(an_unknown_message_is_said_to_be_unknown),
        PROMISE(a_change_stamps_its_own_field_and_makes_the_message_dirty),
        PROMISE(setting_what_is_so_already_changes_nothing),
        PROMISE(dirty_counts_from_the_first_change),
        PROMISE(clean_forgets_no_change_that_came_meanwhile),
        PROMISE(purging_lets_go_of_audio_and_transcription_and_leaves_a_tombstone),
        PROMISE(what_is_purged_cannot_come_back),
        PROMISE(counts_are_by_mailbox_and_folder),
        PROMISE(each_message_comes_newest_first_and_purged_ones_only_when_asked),
        PROMISE(what_is_not_agreed_comes_oldest_change_first_tombstones_too),
        cmocka_unit_test(names_of_folders_are_read_as_they_are_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
