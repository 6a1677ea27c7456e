/* What a person does by phone: each act whole, once, with its history and its wish for a look.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "admin/phone.h"
#include "queue/queue.h"
#include "store/history.h"
#include "store/mailbox.h"

enum { WAV_SECONDS = 2, WAV_RATE = 8000, START_S = 1700000000 };

struct fixture {
    char folder[64], wav[96], broken[96];
    struct store *store;
    struct wall now;
    struct mailbox ann, bob; /* single inbox is off for bob */
    struct err err;
};

static struct wall fixture_now(void *arg)
{
    return ((struct fixture *)arg)->now;
}

static void must(struct fixture *f, bool ok)
{
    if (!ok)
        fail_msg("%s", f->err.text);
}

static void put_number(FILE *file, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        fputc((int)(value >> (8 * i) & 0xff), file);
}

/* Silence: PCM, 8 bit, mono. */
static void write_wav(const char *path)
{
    const uint32_t data = WAV_SECONDS * WAV_RATE;
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs("RIFF", file);
    put_number(file, 36 + data, 4);
    fputs("WAVEfmt ", file);
    put_number(file, 16, 4);
    put_number(file, 1, 2);
    put_number(file, 1, 2);
    put_number(file, WAV_RATE, 4);
    put_number(file, WAV_RATE, 4);
    put_number(file, 1, 2);
    put_number(file, 8, 2);
    fputs("data", file);
    put_number(file, data, 4);
    for (uint32_t i = 0; i < data; i++)
        fputc(0x80, file);
    fclose(file);
}

static void add_mailbox(struct fixture *f, struct mailbox *mailbox, const char *name, bool on)
{
    snprintf(mailbox->name, sizeof mailbox->name, "%s", name);
    snprintf(mailbox->smtp, sizeof mailbox->smtp, "%s@example.com", name);
    mailbox->single_inbox = on;
    must(f, store_begin(f->store, &f->err));
    must(f, mailbox_add(f->store, mailbox, &f->err));
    must(f, store_commit(f->store, &f->err));
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    *state = f;
    f->now.ms = START_S * 1000LL;
    snprintf(f->folder, sizeof f->folder, "/tmp/test_phone.XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->wav, sizeof f->wav, "%s/a.wav", f->folder);
    snprintf(f->broken, sizeof f->broken, "%s/b.wav", f->folder);
    write_wav(f->wav);
    FILE *file = fopen(f->broken, "w");
    assert_non_null(file);
    fputs("this is text", file);
    fclose(file);
    const struct store_options options = {
        .state_dir = f->folder, .node = 1, .now = fixture_now, .now_arg = f, .memory = true};
    f->store = store_open(&options, &f->err);
    must(f, f->store != NULL);
    add_mailbox(f, &f->ann, "ann", true);
    add_mailbox(f, &f->bob, "bob", false);
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    char command[128];

    store_close(&f->store);
    snprintf(command, sizeof command, "rm -r %s", f->folder);
    int ignored = system(command);
    (void)ignored;
    free(f);
    return 0;
}

static void deposit(struct fixture *f, const char *mailbox, char *id)
{
    const struct phone_deposit given = {
        .mailbox = mailbox, .file = f->wav, .from_number = "100", .from_name = "田中"};

    must(f, phone_deposit(f->store, &given, NULL, id, &f->err));
}

static struct message get(struct fixture *f, const char *id)
{
    struct message message;

    must(f, message_get(f->store, id, &message, &f->err));
    return message;
}

static int64_t queued(struct fixture *f, const struct mailbox *mailbox)
{
    int64_t count;

    must(f, queue_count(f->store, mailbox->id, &count, &f->err));
    return count;
}

static bool drop_row(const struct queue_row *row, void *arg)
{
    *(int64_t *)arg = row->id;
    return false;
}

/* What waits for the mailbox is done, and both sides agree about the message. */
static void settle(struct fixture *f, const char *id)
{
    struct queue_row row;
    int64_t number = 0;
    struct message message = get(f, id);

    must(f, queue_each(f->store, f->ann.id, drop_row, &number, &f->err));
    must(f, store_begin(f->store, &f->err));
    must(f, queue_drop(f->store, number, &row, &f->err));
    must(f, message_mark_clean(f->store, id, message.row, &f->err));
    must(f, store_commit(f->store, &f->err));
    assert_int_equal(queued(f, &f->ann), 0);
}

struct lines {
    char text[512];
};

static bool add_line(const struct history *entry, void *arg)
{
    struct lines *lines = arg;
    size_t len = strlen(lines->text);

    snprintf(lines->text + len, sizeof lines->text - len, "%s %s %s;", entry->side, entry->what,
             entry->why);
    return true;
}

static void assert_history(struct fixture *f, const char *id, const char *expected)
{
    struct lines lines = {""};

    must(f, history_each(f->store, id, add_line, &lines, &f->err));
    assert_string_equal(lines.text, expected);
}

static bool count_one(const struct message *message, void *arg)
{
    (void)message;
    ++*(int *)arg;
    return true;
}

static int message_total(struct fixture *f, const struct mailbox *mailbox)
{
    int count = 0;

    must(f, message_each(f->store, mailbox->id, FOLDERS, count_one, &count, &f->err));
    return count;
}

/* ---- deposits ---- */

static void a_deposit_is_kept_whole_and_asks_for_a_look(void **state)
{
    struct fixture *f = *state;
    const struct phone_deposit given = {.mailbox = "ann",
                                        .file = f->wav,
                                        .from_number = "100",
                                        .from_name = "田中",
                                        .subject = "会議",
                                        .urgent = true,
                                        .secure = true,
                                        .received = {12345000},
                                        .transcript = "こんにちは"};
    char id[LIMIT_UUID];

    must(f, phone_deposit(f->store, &given, NULL, id, &f->err));
    struct message message = get(f, id);
    assert_string_equal(message.mailbox, f->ann.id);
    assert_string_equal(message.from_name, "田中");
    assert_string_equal(message.subject, "会議");
    assert_true(message.urgent && message.secure && !message.private && !message.read);
    assert_int_equal(message.received.ms, 12345000);
    assert_int_equal(message.duration_ms, WAV_SECONDS * 1000);
    assert_int_equal(message.folder, FOLDER_INBOX);
    assert_true(message.dirty_since_ms != 0);
    char *transcript = message_transcript(f->store, id);
    assert_string_equal(transcript, "こんにちは");
    free(transcript);
    assert_int_equal(queued(f, &f->ann), 1);
    assert_history(f, id, "connection created by phone;");
}

static void what_a_transcription_service_says_is_kept_and_asks_for_a_look(void **state)
{
    static const char not_utf8[] = {'a', (char)0xFF, '\0'};
    struct fixture *f = *state;
    struct phone_deposit given = {.mailbox = "ann", .file = f->wav, .transcript_pending = true};
    char id[LIMIT_UUID], private[LIMIT_UUID];
    bool changed;

    must(f, phone_deposit(f->store, &given, NULL, id, &f->err));
    assert_int_equal(get(f, id).transcript, TRANSCRIPT_PENDING);
    assert_false(phone_set_transcript(f->store, id, "", NULL, NULL, &f->err));
    assert_int_equal(f->err.kind, ERR_DATA);
    assert_false(phone_set_transcript(f->store, id, not_utf8, NULL, NULL, &f->err));
    assert_int_equal(f->err.kind, ERR_DATA);
    assert_int_equal(get(f, id).transcript, TRANSCRIPT_PENDING);
    must(f, phone_set_transcript(f->store, id, "もしもし", NULL, &changed, &f->err));
    assert_true(changed);
    must(f, phone_set_transcript(f->store, id, "もしもし", NULL, &changed, &f->err));
    assert_false(changed);
    assert_int_equal(get(f, id).transcript, TRANSCRIPT_TEXT);
    assert_int_equal(queued(f, &f->ann), 1);
    assert_history(f, id,
                   "connection created by phone;"
                   "connection transcription by the transcription service;");
    must(f, phone_purge(f->store, id, NULL, NULL, &f->err));
    assert_false(phone_set_transcript(f->store, id, "late", NULL, NULL, &f->err));
    assert_int_equal(f->err.kind, ERR_REFUSED);

    given.private = true;
    must(f, phone_deposit(f->store, &given, NULL, private, &f->err));
    assert_int_equal(get(f, private).transcript, TRANSCRIPT_NONE);
    assert_false(phone_set_transcript(f->store, private, "psst", NULL, NULL, &f->err));
    assert_int_equal(f->err.kind, ERR_REFUSED);
    assert_null(message_transcript(f->store, private));
}

static void without_a_time_and_a_subject_both_are_made(void **state)
{
    struct fixture *f = *state;
    char id[LIMIT_UUID];

    deposit(f, "ann", id);
    struct message message = get(f, id);
    assert_int_equal(message.received.ms, f->now.ms);
    assert_true(message.subject[0] != '\0');
}

static void a_mailbox_that_is_off_takes_messages_without_a_look(void **state)
{
    struct fixture *f = *state;
    char id[LIMIT_UUID];

    deposit(f, "bob", id);
    assert_int_equal(message_total(f, &f->bob), 1);
    assert_int_equal(queued(f, &f->bob), 0);
}

static void a_refused_deposit_leaves_nothing_and_no_id(void **state)
{
    struct fixture *f = *state;
    char longer[LIMIT_SUBJECT + 10];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    const struct {
        struct phone_deposit given;
        enum err_kind kind;
    } cases[] = {
        {{.mailbox = "carol", .file = f->wav}, ERR_NO_MAILBOX},
        {{.mailbox = "ann", .file = f->broken}, ERR_DATA},
        {{.mailbox = "ann", .file = "/nonexistent.wav"}, ERR_NO_INPUT},
        {{.mailbox = "ann", .file = f->wav, .subject = longer}, ERR_DATA},
        {{.mailbox = "ann", .file = f->wav, .from_name = "\xff"}, ERR_DATA},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char id[LIMIT_UUID] = "untouched";
        assert_false(phone_deposit(f->store, &cases[i].given, NULL, id, &f->err));
        assert_int_equal(f->err.kind, cases[i].kind);
        assert_string_equal(id, "untouched");
        assert_int_equal(message_total(f, &f->ann), 0);
        assert_int_equal(queued(f, &f->ann), 0);
    }
}

static void a_removed_mailbox_takes_no_deposit_even_by_its_id(void **state)
{
    struct fixture *f = *state;
    const struct phone_deposit given = {.mailbox = f->ann.id, .file = f->wav};
    char id[LIMIT_UUID];

    must(f, store_begin(f->store, &f->err));
    must(f, mailbox_remove(f->store, "ann", &f->err));
    must(f, store_commit(f->store, &f->err));
    assert_false(phone_deposit(f->store, &given, NULL, id, &f->err));
    assert_int_equal(f->err.kind, ERR_NO_MAILBOX);
}

/* ---- changes ---- */

static void each_change_is_made_recorded_and_asks_for_a_look(void **state)
{
    struct fixture *f = *state;
    char id[LIMIT_UUID];
    bool changed;

    deposit(f, "ann", id);
    settle(f, id);
    must(f, phone_set_read(f->store, id, true, NULL, &changed, &f->err));
    assert_true(changed && get(f, id).read && get(f, id).dirty_since_ms);
    settle(f, id);
    must(f, phone_set_urgent(f->store, id, true, NULL, &changed, &f->err));
    assert_true(changed && get(f, id).urgent);
    settle(f, id);
    must(f, phone_set_subject(f->store, id, "new", "by the operator", &changed, &f->err));
    assert_true(changed);
    assert_string_equal(get(f, id).subject, "new");
    settle(f, id);
    must(f, phone_delete(f->store, id, NULL, &changed, &f->err));
    assert_true(changed && get(f, id).folder == FOLDER_DELETED);
    settle(f, id);
    must(f, phone_restore(f->store, id, NULL, &changed, &f->err));
    assert_true(changed && get(f, id).folder == FOLDER_INBOX);
    settle(f, id);
    must(f, phone_purge(f->store, id, NULL, &changed, &f->err));
    assert_true(changed && get(f, id).folder == FOLDER_PURGED);
    settle(f, id);
    assert_history(f, id,
                   "connection created by phone;connection read by phone;"
                   "connection urgent by phone;connection subject by the operator;"
                   "connection deleted by phone;connection restored by phone;"
                   "connection purged by phone;");
}

static void what_is_so_already_changes_nothing(void **state)
{
    struct fixture *f = *state;
    char id[LIMIT_UUID];
    bool changed = true;

    deposit(f, "ann", id);
    settle(f, id);
    must(f, phone_set_read(f->store, id, false, NULL, &changed, &f->err));
    assert_false(changed);
    must(f, phone_set_urgent(f->store, id, false, NULL, &changed, &f->err));
    assert_false(changed);
    must(f, phone_restore(f->store, id, NULL, &changed, &f->err));
    assert_false(changed);
    must(f, phone_set_subject(f->store, id, get(f, id).subject, NULL, &changed, &f->err));
    assert_false(changed);
    assert_int_equal(queued(f, &f->ann), 0);
    assert_int_equal(get(f, id).dirty_since_ms, 0);
    assert_history(f, id, "connection created by phone;");
}

static void deleted_stays_deleted(void **state)
{
    struct fixture *f = *state;
    char id[LIMIT_UUID];
    bool changed;

    deposit(f, "ann", id);
    must(f, phone_delete(f->store, id, NULL, &changed, &f->err));
    must(f, phone_delete(f->store, id, NULL, &changed, &f->err));
    assert_false(changed);
    assert_int_equal(get(f, id).folder, FOLDER_DELETED);
}

static void a_sent_message_is_not_restored_into_the_inbox(void **state)
{
    struct fixture *f = *state;
    char id[LIMIT_UUID];
    bool changed;

    deposit(f, "ann", id);
    must(f, store_begin(f->store, &f->err));
    must(f, message_set_folder(f->store, id, FOLDER_SENT, NULL, &f->err));
    must(f, store_commit(f->store, &f->err));
    must(f, phone_restore(f->store, id, NULL, &changed, &f->err));
    assert_false(changed);
    assert_int_equal(get(f, id).folder, FOLDER_SENT);
}

static void a_purged_message_is_refused_with_a_sentence(void **state)
{
    struct fixture *f = *state;
    char id[LIMIT_UUID];
    bool changed = true;

    deposit(f, "ann", id);
    must(f, phone_purge(f->store, id, NULL, NULL, &f->err));
    assert_false(phone_restore(f->store, id, NULL, &changed, &f->err));
    assert_int_equal(f->err.kind, ERR_REFUSED);
    assert_false(changed);
    assert_non_null(strstr(f->err.text, id));
    assert_false(phone_set_read(f->store, id, true, NULL, NULL, &f->err));
    assert_int_equal(f->err.kind, ERR_REFUSED);
    must(f, phone_purge(f->store, id, NULL, &changed, &f->err));
    assert_false(changed);
    assert_history(f, id, "connection created by phone;connection purged by phone;");
}

static void an_unknown_message_is_said_to_be_unknown(void **state)
{
    struct fixture *f = *state;

    assert_false(phone_delete(f->store, "nothing", NULL, NULL, &f->err));
    assert_int_equal(f->err.kind, ERR_NO_MAILBOX);
    /* And the store is usable: the transaction has ended. */
    char id[LIMIT_UUID];
    deposit(f, "ann", id);
}

#define PHONE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PHONE_TEST(a_deposit_is_kept_whole_and_asks_for_a_look),
        PHONE_TEST(what_a_transcription_service_says_is_kept_and_asks_for_a_look),
        PHONE_TEST(without_a_time_and_a_subject_both_are_made),
        PHONE_TEST(a_mailbox_that_is_off_takes_messages_without_a_look),
        PHONE_TEST(a_refused_deposit_leaves_nothing_and_no_id),
        PHONE_TEST(a_removed_mailbox_takes_no_deposit_even_by_its_id),
        PHONE_TEST(each_change_is_made_recorded_and_asks_for_a_look),
        PHONE_TEST(what_is_so_already_changes_nothing),
        PHONE_TEST(deleted_stays_deleted),
        PHONE_TEST(a_sent_message_is_not_restored_into_the_inbox),
        PHONE_TEST(a_purged_message_is_refused_with_a_sentence),
        PHONE_TEST(an_unknown_message_is_said_to_be_unknown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
