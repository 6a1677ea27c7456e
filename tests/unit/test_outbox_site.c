/* What people compose in Outlook, on a whole site: taken in from the Voice Outbox once,
 * delivered, removed there; and what is wrong with it, said to its sender. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/id.h"
#include "store/alarm.h"
#include "store/outbox.h"
#include "tests/exchange/exchange_user.h"
#include "tests/support/site.h"

enum { QUIET_MS = 10 * 1000, PATIENCE_MS = 60 * 1000, LONG_MS = 30 * 60 * 1000 };

#define ON  "[sync]\nvoice-outbox = on\n"
#define BOX "Outbox/Voice Outbox"
#define WAV "en-greeting-ulaw.wav"

/* ---- a site with three people ---- */

static struct site *open_site(uint64_t seed, const char *extra)
{
    struct site *site = site_new(seed, extra ? extra : ON);

    site_mailbox(site, "ann");
    site_mailbox(site, "ben");
    site_mailbox(site, "cat");
    site_start(site);
    site_run(site, QUIET_MS);
    return site;
}

static struct mailbox mailbox_of(struct site *site, const char *name)
{
    struct mailbox mailbox;
    struct err err;

    if (!mailbox_find(site->store, name, &mailbox, &err))
        fail_msg("%s", err.text);
    return mailbox;
}

static void give_alias(struct site *site, const char *name, const char *address)
{
    struct mailbox mailbox = mailbox_of(site, name);
    struct err err;

    assert_true(store_begin(site->store, &err));
    assert_true(mailbox_add_alias(site->store, mailbox.id, address, &err));
    assert_true(store_commit(site->store, &err));
}

/* Ann composes it. files: of fixtures/voice, separated by spaces. Returns what the item is
 * called; borrowed until the next call. */
static const char *compose(struct site *site, const struct exchange_user_new *what,
                           const char *files)
{
    struct exchange_user_new new_item = *what;
    struct exchange_user_file list[4];
    struct buf bytes[4];
    static char item[EXCHANGE_ID_MAX];
    char names[256], *rest = names;
    struct err err;
    int count = 0;

    snprintf(names, sizeof names, "%s", files);
    for (char *name; count < 4 && (name = strsep(&rest, " ")) && *name; count++) {
        buf_init(&bytes[count], 8 << 20);
        if (!file_read(site_fixture(name), &bytes[count], &err))
            fail_msg("%s", err.text);
        list[count] =
            (struct exchange_user_file){name, "audio/wav", bytes[count].data, bytes[count].len};
    }
    if (count > 0) {
        new_item.files = list;
        new_item.file_count = count;
    }
    if (!exchange_user_compose(site->exchange, "ann@example.net", NULL, &new_item, item, &err))
        fail_msg("%s", err.text);
    for (int i = 0; i < count; i++)
        buf_clear(&bytes[i]);
    return item;
}

static long waiting(struct site *site)
{
    return exchange_user_count(site->exchange, "ann@example.net", BOX);
}

/* ---- what a mailbox holds ---- */

struct holding {
    int voice, receipts, sent;
    struct message last, last_receipt, last_sent;
};

static bool hold(const struct message *message, void *arg)
{
    struct holding *holding = arg;

    if (message->kind == KIND_VOICE && message->folder == FOLDER_SENT) {
        if (holding->sent++ == 0)
            holding->last_sent = *message;
    } else if (message->kind == KIND_VOICE) {
        if (holding->voice++ == 0)
            holding->last = *message;
    } else if (holding->receipts++ == 0) {
        holding->last_receipt = *message;
    }
    return true;
}

static struct holding held_by(struct site *site, const char *name)
{
    struct mailbox mailbox = mailbox_of(site, name);
    struct holding holding = {.voice = 0};
    struct err err;

    assert_true(message_each(site->store, mailbox.id, FOLDERS, hold, &holding, &err));
    return holding;
}

static void assert_audio(const struct message *message, const char *file)
{
    char sum[LIMIT_SHA256];
    struct err err;

    assert_true(sha256_file(site_fixture(file), sum, &err));
    assert_string_equal(message->audio, sum);
}

static void assert_says(struct site *site, const struct message *message, const char *words)
{
    char *text = message_text(site->store, message->id);

    assert_non_null(text);
    if (!strstr(text, words))
        fail_msg("the receipt does not say \"%s\": %s", words, text);
    free(text);
}

static bool count_alarm(const struct alarm *alarm, void *arg)
{
    *(int *)arg += strcmp(alarm->name, ALARM_MESSAGE_SET_ASIDE) == 0;
    return true;
}

static int alarms(struct site *site)
{
    int count = 0;
    struct err err;

    assert_true(alarm_each(site->store, count_alarm, &count, &err));
    return count;
}

static void wish_a_look(struct site *site, const char *name)
{
    struct mailbox mailbox = mailbox_of(site, name);
    struct err err;

    assert_true(store_begin(site->store, &err));
    assert_true(queue_push(site->store, mailbox.id, QUEUE_NOTIFICATION, 0, &err));
    assert_true(store_commit(site->store, &err));
    scheduler_poke(site->scheduler);
}

/* ---- delivered ---- */

/* rule: composed */
static void what_is_composed_is_delivered_to_each_recipient_once(void **state)
{
    struct site *site = open_site(1, NULL);

    (void)state;
    give_alias(site, "cat", "kate@example.org");
    compose(site,
            &(struct exchange_user_new){.subject = "Lunch \xE2\x98\x95",
                                        .body = "See you there",
                                        .to = "Ben@Example.NET",
                                        .cc = "kate@example.org, ben@example.net",
                                        .bcc = "ann@example.net",
                                        .urgent = true,
                                        .private = true},
            WAV);
    site_run(site, QUIET_MS); /* it is heard of at once */
    assert_int_equal(waiting(site), 0);
    for (const char *const *name = (const char *const[]){"ann", "ben", "cat", NULL}; *name;
         name++) {
        struct holding holding = held_by(site, *name);
        assert_int_equal(holding.voice, 1);
        assert_int_equal(holding.receipts, 0);
        assert_audio(&holding.last, WAV);
        assert_string_equal(holding.last.subject, "Lunch \xE2\x98\x95");
        assert_string_equal(holding.last.from_address, "ann@example.net");
        assert_true(holding.last.urgent);
        assert_true(holding.last.private);
        assert_false(holding.last.read);
        assert_says(site, &holding.last, "See you there");
        assert_int_equal(site_items(site, *name, holding.last.id), 1);
    }
    site_assert_agree(site);
    site_count_from_here(site);
    wish_a_look(site, "ann");
    site_run(site, QUIET_MS);
    assert_int_equal(site_count(site, ""), 4); /* one for each folder */
    site_free(&site);
}

/* rule: composed */
static void without_a_subject_it_gets_that_of_its_type(void **state)
{
    struct site *site = open_site(2, NULL);

    (void)state;
    compose(site, &(struct exchange_user_new){.subject = "", .to = "ben@example.net"}, WAV);
    site_run(site, QUIET_MS);
    struct holding holding = held_by(site, "ben");
    assert_int_equal(holding.voice, 1);
    assert_true(holding.last.subject[0] != '\0');
    site_free(&site);
}

/* rule: composed */
static void a_recipient_who_has_only_a_phone_gets_it_too(void **state)
{
    struct site *site = open_site(3, NULL);
    struct err err;

    (void)state;
    assert_true(store_begin(site->store, &err));
    assert_true(mailbox_set_single_inbox(site->store, "ben", false, &err));
    assert_true(store_commit(site->store, &err));
    compose(site, &(struct exchange_user_new){.subject = "x", .to = "ben@example.net"}, WAV);
    site_run(site, QUIET_MS);
    assert_int_equal(held_by(site, "ben").voice, 1);
    assert_int_equal(waiting(site), 0);
    site_free(&site);
}

/* rule: composed-reply */
static void a_reply_carries_the_reference_to_its_recipients(void **state)
{
    struct site *site = open_site(4, NULL);
    char id[LIMIT_UUID], wanted[64];
    struct err err;
    size_t i;
    const json_t *item;

    (void)state;
    site_deposit(site, "ann", WAV, "", id);
    site_run(site, QUIET_MS);
    compose(site,
            &(struct exchange_user_new){
                .subject = "RE: x", .to = "ben@example.net", .reply_to = id},
            "en-urgent-ulaw.wav");
    site_run(site, QUIET_MS);
    struct holding holding = held_by(site, "ben");
    assert_int_equal(holding.voice, 1);
    assert_string_equal(holding.last.reference, id);
    snprintf(wanted, sizeof wanted, "<%s@sib.invalid>", id);
    json_t *list = exchange_user_list(site->exchange, "ben@example.net", "Inbox", &err);
    assert_int_equal(json_array_size(json_object_get(list, "items")), 1);
    json_array_foreach(json_object_get(list, "items"), i, item)
    {
        const char *said = json_string_value(json_object_get(item, "in_reply_to"));
        assert_non_null(said);
        assert_string_equal(said, wanted);
    }
    json_decref(list);
    site_free(&site);
}

/* rule: composed */
static void receipts_that_were_asked_for_come_back(void **state)
{
    struct site *site = open_site(5, NULL);

    (void)state;
    compose(site,
            &(struct exchange_user_new){.subject = "x",
                                        .to = "ben@example.net",
                                        .delivery_receipt = true,
                                        .read_receipt = true},
            WAV);
    site_run(site, QUIET_MS);
    struct holding ann = held_by(site, "ann");
    assert_int_equal(ann.receipts, 1);
    assert_int_equal(ann.last_receipt.kind, KIND_DELIVERY_RECEIPT);
    struct holding ben = held_by(site, "ben");
    assert_int_equal(ben.last.receipts, MESSAGE_WANTS_READ_RECEIPT);
    site_free(&site);
}

/* rule: composed */
static void the_sender_keeps_a_copy_when_sent_items_are_kept(void **state)
{
    struct site *site = open_site(6, "[sync]\nvoice-outbox = on\nsent-items = on\n");

    (void)state;
    compose(site, &(struct exchange_user_new){.subject = "x", .to = "ben@example.net"}, WAV);
    site_run(site, QUIET_MS);
    struct holding ann = held_by(site, "ann");
    assert_int_equal(ann.sent, 1);
    assert_int_equal(ann.voice, 0);
    assert_audio(&ann.last_sent, WAV);
    assert_int_equal(held_by(site, "ben").voice, 1);
    site_free(&site);
}

/* ---- what is wrong with it ---- */

/* rule: composed-wrong */
static void those_who_are_known_get_it_and_one_receipt_names_the_others(void **state)
{
    struct site *site = open_site(10, NULL);

    (void)state;
    compose(site,
            &(struct exchange_user_new){.subject = "x",
                                        .to = "ben@example.net,zoe@example.net",
                                        .cc = "nobody@example.com,my list"},
            WAV);
    site_run(site, PATIENCE_MS);
    assert_int_equal(held_by(site, "ben").voice, 1);
    struct holding ann = held_by(site, "ann");
    assert_int_equal(ann.receipts, 1);
    assert_int_equal(ann.last_receipt.kind, KIND_NON_DELIVERY_RECEIPT);
    assert_audio(&ann.last_receipt, WAV);
    assert_says(site, &ann.last_receipt, "1 of 4");
    assert_says(site, &ann.last_receipt, "zoe@example.net: nobody here");
    assert_says(site, &ann.last_receipt, "nobody@example.com: nobody here");
    assert_says(site, &ann.last_receipt, "my list: this is not a mail address");
    assert_int_equal(waiting(site), 0);
    site_assert_agree(site);
    site_free(&site);
}

/* rule: composed-wrong */
static void without_a_recipient_it_comes_back_with_its_recording_after_a_while(void **state)
{
    struct site *site = open_site(11, NULL);

    (void)state;
    compose(site, &(struct exchange_user_new){.subject = "x"}, WAV);
    site_run(site, 20 * 1000); /* perhaps it is only half done */
    assert_int_equal(waiting(site), 1);
    assert_int_equal(held_by(site, "ann").receipts, 0);
    site_run(site, PATIENCE_MS);
    struct holding ann = held_by(site, "ann");
    assert_int_equal(ann.receipts, 1);
    assert_audio(&ann.last_receipt, WAV);
    assert_says(site, &ann.last_receipt, "no recipient");
    assert_int_equal(waiting(site), 0);
    site_free(&site);
}

/* rule: composed-wrong */
static void from_somebody_else_it_comes_back(void **state)
{
    struct site *site = open_site(12, NULL);

    (void)state;
    give_alias(site, "ann", "annie@example.org");
    compose(site,
            &(struct exchange_user_new){.subject = "good",
                                        .from_address = "Annie@example.org",
                                        .to = "cat@example.net"},
            WAV);
    compose(site,
            &(struct exchange_user_new){
                .subject = "bad", .from_address = "ben@example.net", .to = "cat@example.net"},
            WAV);
    site_run(site, PATIENCE_MS);
    struct holding cat = held_by(site, "cat");
    assert_int_equal(cat.voice, 1);
    assert_string_equal(cat.last.subject, "good");
    struct holding ann = held_by(site, "ann");
    assert_int_equal(ann.receipts, 1);
    assert_says(site, &ann.last_receipt, "ben@example.net, which is not an address");
    assert_int_equal(waiting(site), 0);
    site_free(&site);
}

/* rule: composed-wrong */
static void
a_recording_that_phones_do_not_play_is_refused_and_stays_with_its_owner(void **state)
{
    static const struct {
        const char *bytes;
        size_t len;
        const char *name, *says;
    } bad[] = {
        {"ID3\x04\0\0\0\0\0\0", 10, "memo.mp3", "\"memo.mp3\" is an MP3 file"},
        {"\0\0\0\x20"
         "ftypM4A ",
         12, "memo.wav", "\"memo.wav\" is an M4A or MP4 file"},
        {"RIFF\x24\0\0\0WAVEfmt "
         "\x10\0\0\0\x55\0\1\0\x40\x1F\0\0\x40\x1F\0\0\1\0\0\0data\0\0\0\0",
         44, "memo.wav", "its coding (format 85"},
        {"x", 0, "empty.wav", "\"empty.wav\" is an empty file"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct site *site = open_site(13 + i, NULL);
        const struct exchange_user_file file = {bad[i].name, "audio/mpeg", bad[i].bytes,
                                                bad[i].len};
        const char *item = compose(
            site,
            &(struct exchange_user_new){
                .subject = "memo", .to = "ben@example.net", .files = &file, .file_count = 1},
            "");
        site_run(site, PATIENCE_MS);
        assert_int_equal(held_by(site, "ben").voice, 0);
        struct holding ann = held_by(site, "ann");
        assert_int_equal(ann.receipts, 1);
        assert_int_equal(ann.last_receipt.kind, KIND_NON_DELIVERY_RECEIPT);
        assert_says(site, &ann.last_receipt, bad[i].says);
        assert_says(site, &ann.last_receipt, "WAV");
        assert_says(site, &ann.last_receipt, "left in the Voice Outbox");
        assert_int_equal(waiting(site), 1); /* nobody's recording is lost */
        site_run(site, 3 * LONG_MS);
        assert_int_equal(held_by(site, "ann").receipts, 1);    /* said once */
        site_user(site, "ann", "subject", item, "memo", NULL); /* says what it said */
        site_run(site, PATIENCE_MS);
        assert_int_equal(held_by(site, "ann").receipts, 1);
        site_free(&site);
    }
}

/* rule: composed-wrong */
static void one_recording_is_needed_and_other_files_do_not_matter(void **state)
{
    struct site *site = open_site(20, NULL);
    const struct exchange_user_file none[] = {{"plan.pdf", "application/pdf", "%PDF", 4}};

    (void)state;
    compose(site, &(struct exchange_user_new){.subject = "two", .to = "ben@example.net"},
            WAV " en-urgent-ulaw.wav");
    compose(site,
            &(struct exchange_user_new){
                .subject = "none", .to = "ben@example.net", .files = none, .file_count = 1},
            "");
    site_run(site, PATIENCE_MS);
    assert_int_equal(held_by(site, "ben").voice, 0);
    assert_int_equal(held_by(site, "ann").receipts, 2);
    assert_int_equal(waiting(site), 2);
    site_free(&site);
}

/* rule: composed-wrong */
static void what_is_corrected_is_sent_and_what_is_taken_back_is_forgotten(void **state)
{
    struct site *site = open_site(21, NULL);

    (void)state;
    compose(site, &(struct exchange_user_new){.subject = "half", .to = "ben@example.net"}, "");
    site_run(site, 5000);
    site_user(site, "ann", "move", "half", "Drafts", NULL); /* thought better of it */
    site_run(site, PATIENCE_MS);
    assert_int_equal(held_by(site, "ann").receipts, 0);
    const char *item = compose(
        site, &(struct exchange_user_new){.subject = "empty", .to = "ben@example.net"}, "");
    site_run(site, PATIENCE_MS);
    assert_int_equal(held_by(site, "ann").receipts, 1);
    site_user(site, "ann", "subject", item, "still empty", NULL);
    site_run(site, PATIENCE_MS);
    assert_int_equal(held_by(site, "ann").receipts, 2); /* it was sent again, as it was */
    site_user(site, "ann", "purge", item, NULL);
    site_run(site, PATIENCE_MS);
    assert_int_equal(held_by(site, "ann").receipts, 2);
    assert_int_equal(held_by(site, "ben").voice, 0);
    site_free(&site);
}

/* rule: composed-wrong */
static void what_exchange_refuses_us_is_set_aside_and_the_others_go_on(void **state)
{
    struct site *site = open_site(22, NULL);
    struct err err;

    (void)state;
    site->expect_warnings = true;
    assert_true(exchange_set_faults(
        site->exchange, "code:GetItem:ErrorCorruptData:1-2,code:GetItem:ErrorCorruptData:4",
        &err));
    compose(site, &(struct exchange_user_new){.subject = "bad", .to = "ben@example.net"}, WAV);
    site_run(site, 500);
    compose(site, &(struct exchange_user_new){.subject = "good", .to = "ben@example.net"}, WAV);
    site_run(site, LONG_MS);
    assert_int_equal(held_by(site, "ben").voice, 1);
    assert_string_equal(held_by(site, "ben").last.subject, "good");
    assert_int_equal(alarms(site), 1);
    struct holding ann = held_by(site, "ann");
    assert_int_equal(ann.receipts, 1);
    assert_says(site, &ann.last_receipt, "could not be read");
    assert_int_equal(waiting(site), 1);
    site_user(site, "ann", "subject", "bad", "better", NULL); /* tried again */
    site_run(site, PATIENCE_MS);
    assert_int_equal(held_by(site, "ben").voice, 2);
    assert_int_equal(alarms(site), 0);
    assert_int_equal(waiting(site), 0);
    site_free(&site);
}

/* ---- once ---- */

/* rule: composed */
static void a_lost_answer_anywhere_delivers_once(void **state)
{
    static const char *const faults[] = {
        "lose-answer:GetItem:1",      "lose-answer:GetAttachment:1", "lose-answer:DeleteItem:1",
        "drop:GetItem:1-3",           "drop:GetAttachment:1-3",      "drop:DeleteItem:1-3",
        "lose-answer:DeleteItem:1-4", "cut-answer:GetAttachment:1"};

    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        struct site *site = open_site(30 + i, "request-timeout = 5s\n" ON);
        struct err err;
        site->expect_warnings = true;
        if (!exchange_set_faults(site->exchange, faults[i], &err))
            fail_msg("%s", err.text);
        compose(site,
                &(struct exchange_user_new){.subject = "x",
                                            .to = "ben@example.net,cat@example.net"},
                WAV);
        site_run(site, LONG_MS);
        assert_int_equal(held_by(site, "ben").voice, 1);
        assert_int_equal(held_by(site, "cat").voice, 1);
        assert_int_equal(held_by(site, "ann").receipts, 0);
        assert_int_equal(waiting(site), 0);
        site_assert_agree(site);
        site_free(&site);
    }
}

/* rule: composed */
static void what_was_taken_is_not_delivered_again_under_another_name(void **state)
{
    struct site *site = open_site(40, "request-timeout = 5s\n" ON);
    struct err err;

    (void)state;
    site->expect_warnings = true;
    assert_true(exchange_set_faults(site->exchange, "drop:DeleteItem:*", &err));
    compose(site, &(struct exchange_user_new){.subject = "once", .to = "ben@example.net"}, WAV);
    site_run(site, 1000);
    assert_int_equal(held_by(site, "ben").voice, 1);
    assert_int_equal(waiting(site), 1);
    site_user(site, "ann", "move", "once", "Drafts", NULL);
    site_user(site, "ann", "move", "once", BOX, NULL);
    site_run(site, 60 * 1000);
    assert_true(exchange_set_faults(site->exchange, "", &err));
    site_run(site, LONG_MS);
    assert_int_equal(held_by(site, "ben").voice, 1);
    assert_int_equal(waiting(site), 0);
    struct holding ann = held_by(site, "ann");
    assert_int_equal(ann.receipts, 1); /* it says so, and has the recording */
    assert_audio(&ann.last_receipt, WAV);
    assert_says(site, &ann.last_receipt, "before");
    site_free(&site);
}

/* rule: composed */
static void what_is_changed_after_it_was_taken_is_only_removed(void **state)
{
    struct site *site = open_site(41, "request-timeout = 5s\n" ON);
    struct err err;

    (void)state;
    site->expect_warnings = true;
    assert_true(exchange_set_faults(site->exchange, "drop:DeleteItem:*", &err));
    compose(site, &(struct exchange_user_new){.subject = "once", .to = "ben@example.net"}, WAV);
    site_run(site, 1000);
    site_user(site, "ann", "subject", "once", "another", NULL);
    site_run(site, 60 * 1000);
    assert_true(exchange_set_faults(site->exchange, "", &err));
    site_run(site, LONG_MS);
    assert_int_equal(held_by(site, "ben").voice, 1);
    assert_int_equal(held_by(site, "ann").receipts, 0);
    assert_int_equal(waiting(site), 0);
    site_free(&site);
}

/* rule: composed */
static void what_comes_back_from_a_backup_is_not_delivered_again(void **state)
{
    struct site *site = open_site(42, NULL);

    (void)state;
    site->expect_warnings = true;
    site_kill(site);
    compose(site, &(struct exchange_user_new){.subject = "once", .to = "ben@example.net"}, WAV);
    site_user(site, "ann", "snapshot", NULL);
    site_start(site);
    site_run(site, QUIET_MS);
    assert_int_equal(held_by(site, "ben").voice, 1);
    assert_int_equal(waiting(site), 0);
    site_user(site, "ann", "restore-backup", NULL);
    site_run(site, 3 * LONG_MS);
    assert_int_equal(held_by(site, "ben").voice, 1);
    assert_int_equal(held_by(site, "ann").receipts, 0);
    assert_int_equal(waiting(site), 0);
    site_free(&site);
}

/* The same file to the same people twice: both are meant. */
static void two_that_are_alike_are_both_delivered(void **state)
{
    struct site *site = open_site(43, NULL);

    (void)state;
    compose(site, &(struct exchange_user_new){.subject = "x", .to = "ben@example.net"}, WAV);
    site_run(site, QUIET_MS);
    compose(site, &(struct exchange_user_new){.subject = "x", .to = "ben@example.net"}, WAV);
    site_run(site, QUIET_MS);
    assert_int_equal(held_by(site, "ben").voice, 2);
    site_free(&site);
}

/* ---- the folder ---- */

/* rule: map-unmapped */
static void a_message_of_ours_that_is_moved_there_was_not_composed(void **state)
{
    struct site *site = open_site(50, NULL);
    char id[LIMIT_UUID];

    (void)state;
    site_deposit(site, "ann", WAV, "", id);
    site_run(site, QUIET_MS);
    site_user(site, "ann", "move", id, BOX, NULL);
    site_run(site, PATIENCE_MS);
    assert_int_equal(site_message(site, id).folder, FOLDER_DELETED);
    assert_int_equal(waiting(site), 1);
    assert_int_equal(held_by(site, "ann").receipts, 0);
    site_user(site, "ann", "move", id, "Inbox", NULL);
    site_run(site, PATIENCE_MS);
    assert_int_equal(site_message(site, id).folder, FOLDER_INBOX);
    site_assert_agree(site);
    site_free(&site);
}

/* rule: composed */
static void the_folder_is_made_again_when_a_person_removed_it(void **state)
{
    struct site *site = open_site(51, NULL);

    (void)state;
    site->expect_warnings = true;
    compose(site, &(struct exchange_user_new){.subject = "half"}, WAV);
    site_run(site, 5000); /* it is noted */
    site_user(site, "ann", "folder", "move", BOX, "Deleted Items", NULL);
    assert_int_equal(waiting(site), -1);
    site_run(site, 3 * LONG_MS);
    assert_int_equal(waiting(site), 0);
    assert_int_equal(held_by(site, "ann").receipts, 0); /* it was deleted, too */
    compose(site, &(struct exchange_user_new){.subject = "x", .to = "ben@example.net"}, WAV);
    site_run(site, QUIET_MS);
    assert_int_equal(held_by(site, "ben").voice, 1);
    site_free(&site);
}

/* rule: composed */
static void
switched_off_what_waits_there_is_left_alone_and_sent_when_it_is_on_again(void **state)
{
    struct site *site = open_site(52, NULL);

    (void)state;
    site_kill(site);
    site->config->sync.voice_outbox = false;
    compose(site, &(struct exchange_user_new){.subject = "x", .to = "ben@example.net"}, WAV);
    site_start(site);
    site_run(site, 3 * LONG_MS);
    assert_int_equal(waiting(site), 1);
    assert_int_equal(held_by(site, "ben").voice, 0);
    site_kill(site);
    site->config->sync.voice_outbox = true;
    site_start(site);
    site_run(site, 3 * LONG_MS);
    assert_int_equal(waiting(site), 0);
    assert_int_equal(held_by(site, "ben").voice, 1);
    site_free(&site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_composed_is_delivered_to_each_recipient_once),
        cmocka_unit_test(without_a_subject_it_gets_that_of_its_type),
        cmocka_unit_test(a_recipient_who_has_only_a_phone_gets_it_too),
        cmocka_unit_test(a_reply_carries_the_reference_to_its_recipients),
        cmocka_unit_test(receipts_that_were_asked_for_come_back),
        cmocka_unit_test(the_sender_keeps_a_copy_when_sent_items_are_kept),
        cmocka_unit_test(those_who_are_known_get_it_and_one_receipt_names_the_others),
        cmocka_unit_test(without_a_recipient_it_comes_back_with_its_recording_after_a_while),
        cmocka_unit_test(from_somebody_else_it_comes_back),
        cmocka_unit_test(
            a_recording_that_phones_do_not_play_is_refused_and_stays_with_its_owner),
        cmocka_unit_test(one_recording_is_needed_and_other_files_do_not_matter),
        cmocka_unit_test(what_is_corrected_is_sent_and_what_is_taken_back_is_forgotten),
        cmocka_unit_test(what_exchange_refuses_us_is_set_aside_and_the_others_go_on),
        cmocka_unit_test(a_lost_answer_anywhere_delivers_once),
        cmocka_unit_test(what_was_taken_is_not_delivered_again_under_another_name),
        cmocka_unit_test(what_is_changed_after_it_was_taken_is_only_removed),
        cmocka_unit_test(what_comes_back_from_a_backup_is_not_delivered_again),
        cmocka_unit_test(two_that_are_alike_are_both_delivered),
        cmocka_unit_test(a_message_of_ours_that_is_moved_there_was_not_composed),
        cmocka_unit_test(the_folder_is_made_again_when_a_person_removed_it),
        cmocka_unit_test(
            switched_off_what_waits_there_is_left_alone_and_sent_when_it_is_on_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
