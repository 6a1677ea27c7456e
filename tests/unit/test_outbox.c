/* What is to become of what people composed: each verdict and its sentence; and what the store
 * remembers of the items of a Voice Outbox. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "store/mapping.h"
#include "store/outbox.h"
#include "sync/outbox.h"
#include "tests/support/store_fixture.h"

#define BOX    "ann"
#define FOLDER "folder-1"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* ---- before its recording is fetched ---- */

static struct remote_attachment file_of(const char *name, const char *type)
{
    return (struct remote_attachment){
        .id = "att", .name = name, .type = type, .bytes = 1000, .is_file = true};
}

static struct outbox_look look_at(const struct remote_attachment *files, size_t count,
                                  bool quiet)
{
    const struct remote_composed composed = {.id = "item",
                                             .version = "v",
                                             .from = "",
                                             .subject = "",
                                             .body = "",
                                             .reference = "",
                                             .attachments = files,
                                             .attachment_count = count,
                                             .too_much = ""};
    struct outbox_look look;

    outbox_look(&composed, quiet, &look);
    return look;
}

static void a_recording_is_known_by_its_type_or_its_name(void **state)
{
    const struct remote_attachment recordings[] = {
        file_of("a.wav", "audio/wav"), file_of("message", "audio/x-wav"),
        file_of("A.WAV", "application/octet-stream"), file_of("memo.mp3", ""),
        file_of("memo.m4a", "application/octet-stream")};

    (void)state;
    for (size_t i = 0; i < COUNT(recordings); i++) {
        const struct remote_attachment files[] = {file_of("logo.png", "image/png"),
                                                  recordings[i],
                                                  file_of("plan.pdf", "application/pdf")};
        struct outbox_look look = look_at(files, 3, false);
        assert_int_equal(look.step, OUTBOX_FETCH);
        assert_int_equal(look.audio, 1);
    }
}

/* rule: composed-wrong */
static void without_exactly_one_recording_it_is_kept_where_it_is(void **state)
{
    struct remote_attachment message = file_of("a.wav", "audio/wav");
    struct remote_attachment large = file_of("a.wav", "audio/wav");
    message.is_file = false;
    large.bytes = LIMIT_AUDIO_BYTES + 1;
    const struct remote_attachment two[] = {file_of("a.wav", "audio/wav"),
                                            file_of("b.mp3", "audio/mpeg")};
    const struct remote_attachment many[] = {file_of("1.pdf", ""), file_of("2.pdf", ""),
                                             file_of("3.pdf", ""), file_of("4.pdf", ""),
                                             file_of("5.pdf", "")};
    const struct {
        const struct remote_attachment *files;
        size_t count;
        const char *says;
    } cases[] = {
        {NULL, 0, "no recording attached. Attach one WAV file"},
        {many, 5, "only \"1.pdf\", \"2.pdf\", \"3.pdf\" and 2 more"},
        {&message, 1, "no recording attached, only \"a.wav\""},
        {two, 2, "2 recordings attached (\"a.wav\", \"b.mp3\")"},
        {&large, 1, "\"a.wav\" is larger than 48 MiB"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        /* perhaps it is only half done */
        assert_int_equal(look_at(cases[i].files, cases[i].count, false).step, OUTBOX_WAIT);
        struct outbox_look look = look_at(cases[i].files, cases[i].count, true);
        assert_int_equal(look.step, OUTBOX_KEEP);
        if (!strstr(look.reason, cases[i].says))
            fail_msg("\"%s\" does not say \"%s\"", look.reason, cases[i].says);
    }
}

/* rule: composed-wrong */
static void what_is_more_than_is_taken_in_is_said(void **state)
{
    const struct remote_attachment file = file_of("a.wav", "audio/wav");
    struct remote_composed composed = {
        .attachments = &file, .attachment_count = 1, .too_much = "It has 900 recipients."};
    struct outbox_look look;

    (void)state;
    outbox_look(&composed, true, &look);
    assert_int_equal(look.step, OUTBOX_KEEP);
    assert_string_equal(look.reason, "It has 900 recipients.");
    outbox_look(&composed, false, &look);
    assert_int_equal(look.step, OUTBOX_WAIT);
}

/* Names come from outside, as long as they like. */
static void the_longest_names_fit_into_the_sentence(void **state)
{
    char name[LIMIT_ATTACHMENT_NAME];
    struct remote_attachment files[LIMIT_ATTACHMENTS];

    (void)state;
    for (size_t at = 0; at + 3 < sizeof name; at += 3)
        memcpy(name + at, "\xE9\x9F\xB3", 4);
    for (size_t i = 0; i < LIMIT_ATTACHMENTS; i++)
        files[i] = file_of(name, i % 2 ? "audio/wav" : "image/png");
    struct outbox_look look = look_at(files, LIMIT_ATTACHMENTS, true);
    assert_int_equal(look.step, OUTBOX_KEEP);
    assert_true(text_is_utf8(look.reason));
    assert_non_null(strstr(look.reason, "and 13 more"));
    assert_non_null(strstr(look.reason, "GSM 6.10"));
}

/* ---- its recording ---- */

/* rule: composed-wrong */
static void what_was_found_instead_of_a_recording_is_named(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *says;
    } cases[] = {
        {"ID3\x03", 4, "an MP3 file"},
        {"\xFF\xFB\x90\x64", 4, "an MP3 file"},
        {"\xFF\xF1\x50\x80", 4, "an AAC file"},
        {"\0\0\0\x18"
         "ftypmp42",
         12, "an M4A or MP4 file"},
        {"OggS\0", 5, "an Ogg file"},
        {"fLaC", 4, "a FLAC file"},
        {"#!AMR\n", 6, "an AMR file"},
        {"\x30\x26\xB2\x75\x8E\x66", 6, "a Windows Media file"},
        {"FORM\0\0\0\0AIFF", 12, "an AIFF file"},
        {"RIFF\4\0\0\0AVI ", 12, "a RIFF file that is no WAV"},
        {"<html>", 6, "not a WAV file"},
        {"", 0, "an empty file"},
        {"RIFF\4\0\0\0WAVE", 12, "cannot be taken"},
        {"RI", 2, "not a WAV file"},
    };
    char reason[LIMIT_REASON];

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_false(outbox_audio_is_good("memo", (const unsigned char *)cases[i].bytes,
                                          cases[i].len, (int64_t)cases[i].len, reason,
                                          sizeof reason));
        if (!strstr(reason, cases[i].says) || !strstr(reason, "Attach one WAV file") ||
            !strstr(reason, "\"memo\""))
            fail_msg("\"%s\" does not say \"%s\"", reason, cases[i].says);
    }
}

static void a_wav_that_phones_play_is_good(void **state)
{
    static const unsigned char wav[] =
        "RIFF\x2C\0\0\0WAVEfmt \x10\0\0\0\7\0\1\0\x40\x1F\0\0\x40\x1F\0\0\1\0\x08\0"
        "data\x08\0\0\0\0\0\0\0\0\0\0";
    char reason[LIMIT_REASON];

    (void)state;
    assert_true(outbox_audio_is_good("a.mp3", wav, 52, 52, reason, sizeof reason));
    assert_false(outbox_audio_is_good("a.wav", wav, 48, 48, reason, sizeof reason));
    assert_non_null(strstr(reason, "truncated"));
}

/* ---- with its recording at hand ---- */

static struct outbox_verdict judge(const struct outbox_person *people, size_t count, bool owner,
                                   bool quiet, char *text, size_t size)
{
    struct buf reason;

    buf_init(&reason, OUTBOX_REASON);
    struct outbox_verdict verdict =
        outbox_judge(people, count, owner, "zoe@example.net", quiet, &reason);
    assert_false(reason.failed);
    snprintf(text, size, "%s", buf_str(&reason));
    buf_clear(&reason);
    return verdict;
}

static void assert_verdict(struct outbox_verdict verdict, bool wait, bool deliver, bool tell)
{
    assert_int_equal(verdict.wait, wait);
    assert_int_equal(verdict.deliver, deliver);
    assert_int_equal(verdict.tell, tell);
}

/* rule: composed-wrong */
static void who_is_known_gets_it_and_who_is_not_is_named(void **state)
{
    const struct outbox_person people[] = {{"ben@example.net", "id-ben"},
                                           {"zoe@example.net", ""},
                                           {"", ""},
                                           {"/o=Example/cn=Recipients/cn=x", ""}};
    char text[OUTBOX_REASON];

    (void)state;
    assert_verdict(judge(people, 1, true, false, text, sizeof text), false, true, false);
    assert_string_equal(text, "");
    assert_verdict(judge(people, 4, true, true, text, sizeof text), false, true, true);
    assert_non_null(strstr(text, "1 of 4 recipients"));
    assert_non_null(strstr(text, "zoe@example.net: nobody here has this address"));
    assert_non_null(strstr(text, "a recipient without an address: this is not"));
    assert_non_null(strstr(text, "cn=x: this is not a mail address"));
    assert_null(strstr(text, "ben@example.net"));
    assert_verdict(judge(people + 1, 1, true, true, text, sizeof text), false, false, true);
    assert_null(strstr(text, "delivered to 0"));
    /* half typed, perhaps */
    assert_true(judge(people, 4, true, false, text, sizeof text).wait);
}

/* rule: composed-wrong */
static void nothing_is_delivered_for_somebody_else_or_to_nobody(void **state)
{
    const struct outbox_person ben = {"ben@example.net", "id-ben"};
    char text[OUTBOX_REASON];

    (void)state;
    assert_verdict(judge(&ben, 1, false, true, text, sizeof text), false, false, true);
    assert_non_null(strstr(text, "zoe@example.net, which is not an address of this mailbox"));
    assert_verdict(judge(&ben, 0, true, true, text, sizeof text), false, false, true);
    assert_non_null(strstr(text, "no recipient"));
    assert_verdict(judge(&ben, 0, true, false, text, sizeof text), true, false, true);
}

static void the_longest_list_of_unknown_people_is_cut_and_counted(void **state)
{
    static struct outbox_person people[LIMIT_RECIPIENTS];
    char address[LIMIT_LEGACY_ADDRESS], text[OUTBOX_REASON];

    (void)state;
    memset(address, 'x', sizeof address - 1);
    address[sizeof address - 1] = '\0';
    for (size_t i = 0; i < LIMIT_RECIPIENTS; i++)
        people[i].address = address;
    assert_verdict(judge(people, LIMIT_RECIPIENTS, true, true, text, sizeof text), false, false,
                   true);
    assert_non_null(strstr(text, " more\n"));
    assert_non_null(strstr(text, "Correct the addresses"));
}

/* ---- what makes it the same ---- */

static void digest(const struct remote_composed *composed, const char *what, char *hex)
{
    struct outbox_letter *letter = outbox_letter_new(composed, composed->attachment_count);

    assert_non_null(letter);
    outbox_digest(letter, what, hex);
    outbox_letter_free(&letter);
    assert_null(letter);
}

/* rule: composed */
static void the_same_message_is_known_whatever_its_item_is_called(void **state)
{
    const char *const ben[] = {"ben@example.net"}, *const cat[] = {"cat@example.net"};
    const struct remote_composed base = {.id = "item-1",
                                         .version = "v1",
                                         .from = "",
                                         .to = ben,
                                         .to_count = 1,
                                         .subject = "a",
                                         .body = "b",
                                         .reference = "",
                                         .created = {1795341600000},
                                         .too_much = ""};
    struct remote_composed other = base;
    char a[LIMIT_SHA256], b[LIMIT_SHA256];

    (void)state;
    digest(&base, "sum", a);
    other.id = "item-2";
    other.version = "v2";
    digest(&other, "sum", b);
    assert_string_equal(a, b);
    digest(&base, "another sum", b);
    assert_string_not_equal(a, b);
    for (int i = 0; i < 6; i++) {
        other = base;
        switch (i) {
        case 0: other.subject = "ab", other.body = ""; break;
        case 1: other.to = cat; break;
        case 2: other.to_count = 0; break;
        case 3: other.created.ms += 1000; break;
        case 4: other.urgent = true; break;
        case 5: other.from = "ann@example.net"; break;
        }
        digest(&other, "sum", b);
        assert_string_not_equal(a, b);
    }
    /* Nothing tells when it was made: only its name can. */
    other = base;
    other.created.ms = 0;
    digest(&other, "sum", a);
    other.id = "item-2";
    digest(&other, "sum", b);
    assert_string_not_equal(a, b);
}

/* ---- what the store remembers ---- */

static void note(struct store_fixture *f, const char *item, const char *version)
{
    sf_begin(f);
    sf_ok(f, outbox_note(f->store, BOX, FOLDER, item, version, &f->err));
    sf_commit(f);
    f->now.ms += 1000;
}

static void drop(struct store_fixture *f, const char *item)
{
    sf_begin(f);
    sf_ok(f, outbox_drop(f->store, BOX, item, &f->err));
    sf_commit(f);
}

static void set_state(struct store_fixture *f, const char *item, enum outbox_state to,
                      const char *sum)
{
    struct outbox_row row;
    bool found;

    sf_ok(f, outbox_get(f->store, BOX, item, &row, &found, &f->err));
    assert_true(found);
    row.state = to;
    text_copy(row.digest, sizeof row.digest, sum);
    sf_begin(f);
    sf_ok(f, outbox_set(f->store, BOX, &row, &f->err));
    sf_commit(f);
}

/* -1: not known. */
static int state_of(struct store_fixture *f, const char *item)
{
    struct outbox_row row;
    bool found;

    sf_ok(f, outbox_get(f->store, BOX, item, &row, &found, &f->err));
    return found ? (int)row.state : -1;
}

static void put_folders(struct store_fixture *f, const char *id)
{
    struct folder_row row = {.place = 5, .root = true};

    text_copy(row.id, sizeof row.id, id);
    sf_begin(f);
    sf_ok(f, folder_replace_all(f->store, BOX, &row, 1, &f->err));
    sf_commit(f);
}

static void end_listing(struct store_fixture *f, const char *folder)
{
    int gone;

    sf_begin(f);
    sf_ok(f, outbox_end_listing(f->store, BOX, folder, &f->err));
    sf_ok(f, folder_end_listing(f->store, BOX, folder, &gone, &f->err));
    sf_commit(f);
}

static void items_come_in_the_order_in_which_they_were_noted(void **state)
{
    struct store_fixture *f = *state;
    struct outbox_row row, next;
    bool found;

    put_folders(f, FOLDER);
    note(f, "b", "v1");
    note(f, "a", "v1");
    note(f, "c", "v1");
    note(f, "b", "v2"); /* changed, but it was there first */
    set_state(f, "a", OUTBOX_TAKEN, "sum");
    sf_ok(f, outbox_next(f->store, BOX, NULL, &row, &found, &f->err));
    assert_string_equal(row.item, "b");
    assert_string_equal(row.version, "v2");
    assert_true(row.changed_ms > row.noted_ms);
    sf_ok(f, outbox_next(f->store, BOX, &row, &next, &found, &f->err));
    assert_string_equal(next.item, "a");
    assert_int_equal(next.state, OUTBOX_TAKEN);
    sf_ok(f, outbox_next(f->store, BOX, &next, &row, &found, &f->err));
    assert_string_equal(row.item, "c");
    sf_ok(f, outbox_next(f->store, BOX, &row, &next, &found, &f->err));
    assert_false(found);
    sf_ok(f, outbox_next(f->store, "ben", NULL, &next, &found, &f->err));
    assert_false(found);
}

/* rule: composed */
static void what_was_taken_is_never_to_be_looked_at_again(void **state)
{
    struct store_fixture *f = *state;
    struct outbox_row row;
    bool found;

    put_folders(f, FOLDER);
    note(f, "a", "v1");
    set_state(f, "a", OUTBOX_TAKEN, "sum");
    note(f, "a", "v2"); /* somebody changed it before it could be removed */
    assert_int_equal(state_of(f, "a"), OUTBOX_TAKEN);
    drop(f, "a");
    assert_int_equal(state_of(f, "a"), OUTBOX_DONE);
    sf_ok(f, outbox_next(f->store, BOX, NULL, &row, &found, &f->err));
    assert_false(found);
    sf_ok(f, outbox_find_taken(f->store, BOX, "sum", &row, &found, &f->err));
    assert_true(found);
    sf_ok(f, outbox_find_taken(f->store, BOX, "", &row, &found, &f->err));
    assert_false(found);
    note(f, "a", "v1"); /* back from a backup: it goes once more */
    assert_int_equal(state_of(f, "a"), OUTBOX_TAKEN);
}

/* rule: composed-wrong */
static void what_was_refused_is_looked_at_again_when_it_changed(void **state)
{
    struct store_fixture *f = *state;

    put_folders(f, FOLDER);
    note(f, "a", "v1");
    set_state(f, "a", OUTBOX_KEPT, "sum");
    note(f, "a", "v1");
    assert_int_equal(state_of(f, "a"), OUTBOX_KEPT);
    note(f, "a", "v2");
    assert_int_equal(state_of(f, "a"), OUTBOX_SEEN);
    drop(f, "a");
    assert_int_equal(state_of(f, "a"), -1);
    drop(f, "a");
}

static void what_is_refused_us_is_set_aside_until_it_changes(void **state)
{
    struct store_fixture *f = *state;
    struct outbox_row row;
    bool found, any;

    put_folders(f, FOLDER);
    note(f, "a", "v1");
    sf_ok(f, outbox_get(f->store, BOX, "a", &row, &found, &f->err));
    row.refusals = LIMIT_SET_ASIDE_AFTER;
    sf_begin(f);
    sf_ok(f, outbox_set(f->store, BOX, &row, &f->err));
    sf_commit(f);
    sf_ok(f, outbox_next(f->store, BOX, NULL, &row, &found, &f->err));
    assert_false(found);
    sf_ok(f, outbox_any_set_aside(f->store, BOX, &any, &f->err));
    assert_true(any);
    note(f, "a", "v2");
    sf_ok(f, outbox_next(f->store, BOX, NULL, &row, &found, &f->err));
    assert_true(found);
    assert_int_equal(row.refusals, 0);
    sf_ok(f, outbox_any_set_aside(f->store, BOX, &any, &f->err));
    assert_false(any);
}

static void what_a_listing_does_not_show_is_gone(void **state)
{
    struct store_fixture *f = *state;

    put_folders(f, FOLDER);
    note(f, "seen", "v1");
    note(f, "kept", "v1");
    note(f, "taken", "v1");
    note(f, "there", "v1");
    set_state(f, "kept", OUTBOX_KEPT, "k");
    set_state(f, "taken", OUTBOX_TAKEN, "t");
    end_listing(f, FOLDER);
    assert_int_equal(state_of(f, "seen"), OUTBOX_SEEN);
    sf_begin(f);
    sf_ok(f, folder_begin_listing(f->store, BOX, FOLDER, &f->err));
    sf_commit(f);
    note(f, "there", "v1");
    end_listing(f, FOLDER);
    assert_int_equal(state_of(f, "seen"), -1);
    assert_int_equal(state_of(f, "kept"), -1);
    assert_int_equal(state_of(f, "taken"), OUTBOX_DONE);
    assert_int_equal(state_of(f, "there"), OUTBOX_SEEN);
    /* The folder was removed, and made again. */
    put_folders(f, "folder-2");
    end_listing(f, "folder-2");
    assert_int_equal(state_of(f, "there"), -1);
    assert_int_equal(state_of(f, "taken"), OUTBOX_DONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_recording_is_known_by_its_type_or_its_name),
        cmocka_unit_test(without_exactly_one_recording_it_is_kept_where_it_is),
        cmocka_unit_test(what_is_more_than_is_taken_in_is_said),
        cmocka_unit_test(the_longest_names_fit_into_the_sentence),
        cmocka_unit_test(what_was_found_instead_of_a_recording_is_named),
        cmocka_unit_test(a_wav_that_phones_play_is_good),
        cmocka_unit_test(who_is_known_gets_it_and_who_is_not_is_named),
        cmocka_unit_test(nothing_is_delivered_for_somebody_else_or_to_nobody),
        cmocka_unit_test(the_longest_list_of_unknown_people_is_cut_and_counted),
        cmocka_unit_test(the_same_message_is_known_whatever_its_item_is_called),
        cmocka_unit_test_setup_teardown(items_come_in_the_order_in_which_they_were_noted,
                                        sf_set_up, sf_tear_down),
        cmocka_unit_test_setup_teardown(what_was_taken_is_never_to_be_looked_at_again,
                                        sf_set_up, sf_tear_down),
        cmocka_unit_test_setup_teardown(what_was_refused_is_looked_at_again_when_it_changed,
                                        sf_set_up, sf_tear_down),
        cmocka_unit_test_setup_teardown(what_is_refused_us_is_set_aside_until_it_changes,
                                        sf_set_up, sf_tear_down),
        cmocka_unit_test_setup_teardown(what_a_listing_does_not_show_is_gone, sf_set_up,
                                        sf_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
