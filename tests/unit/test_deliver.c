/* Delivery: one message into the mailboxes of all who are to have it; subjects in the language
 * of each, receipts, refusals; each whole or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/phone.h"
#include "store/receipt.h"
#include "tests/support/people.h"

static int set_up(void **state)
{
    sf_set_up(state);
    *state = people_new(*state);
    return 0;
}

static int tear_down(void **state)
{
    struct people *p = *state;
    void *fixture = p->f;

    free(p);
    return sf_tear_down(&fixture);
}

static void must(struct people *p, bool ok)
{
    sf_ok(p->f, ok);
}

static void text_is(struct people *p, const char *id, const char *expected)
{
    char *text = message_text(p->f->store, id);

    assert_non_null(text);
    assert_string_equal(text, expected);
    free(text);
}

/* ---- deliveries ---- */

/* rule: subject-templates */
static void each_recipient_has_the_subject_in_the_own_language(void **state)
{
    struct people *p = *state;
    const char *const to[] = {p->ann.id, p->ben.id};
    const struct delivered got = people_deliver(
        p, &(struct delivery){
               .to = to, .to_count = 2, .from_number = "2065551212", .why = "test"});

    assert_int_equal(got.count, 2);
    assert_string_equal(sf_get(p->f, got.ids[0]).subject, "Voice message from 2065551212");
    assert_string_equal(sf_get(p->f, got.ids[1]).subject, "2065551212 からのボイスメッセージ");
    assert_string_equal(people_why(p, got.ids[1]), "test");
    assert_true(people_wished(p, &p->ann));
}

static void between_users_the_sender_is_named_as_known_here(void **state)
{
    struct people *p = *state;
    const char *const to[] = {p->ben.id};
    const struct delivered got = people_deliver(p, &(struct delivery){.to = to,
                                                                      .to_count = 1,
                                                                      .sender = p->ann.id,
                                                                      .urgent = true,
                                                                      .private = true,
                                                                      .secure = true,
                                                                      .why = "test"});
    struct message message = sf_get(p->f, got.ids[0]);

    assert_string_equal(message.subject,
                        "至急 親展 セキュア Ann Example [4133] からのメッセージ");
    assert_string_equal(message.from_number, "4133");
    assert_string_equal(message.from_name, "Ann Example");
    assert_string_equal(message.from_address, "ann@example.com");
    assert_string_equal(message.sender, p->ann.id);
    assert_true(message.urgent && message.private && message.secure);
}

/* rule: subject-templates */
static void a_subject_stays_when_formats_and_language_change(void **state)
{
    struct people *p = *state;
    struct subject_book book = *subject_built_in();
    const char *const to[] = {p->ann.id};
    struct delivery delivery = {
        .to = to, .to_count = 1, .from_number = "100", .why = "test", .book = &book};
    const struct delivered before = people_deliver(p, &delivery);

    book.language[LANGUAGE_JA].format[SUBJECT_OUTSIDE_CALLER] = "着信 %CALLEDID%";
    memcpy(p->ann.language, "ja", 3);
    sf_begin(p->f);
    must(p, mailbox_set(p->f->store, &p->ann, NULL, &p->f->err));
    sf_commit(p->f);
    const struct delivered after = people_deliver(p, &delivery);
    assert_string_equal(sf_get(p->f, before.ids[0]).subject, "Voice message from 100");
    assert_string_equal(sf_get(p->f, after.ids[0]).subject, "着信 4133");
}

static void a_recipient_named_twice_gets_one_copy(void **state)
{
    struct people *p = *state;
    const char *const to[] = {p->ann.id, p->ben.id, p->ann.id};
    const struct delivered got =
        people_deliver(p, &(struct delivery){.to = to, .to_count = 3, .why = "test"});

    assert_int_equal(got.count, 2);
    assert_int_equal(people_count(p, &p->ann, FOLDERS, KIND_VOICE), 1);
}

static void a_sender_who_keeps_it_has_a_read_copy_among_the_sent(void **state)
{
    struct people *p = *state;
    const char *const to[] = {p->ben.id};
    const struct delivered got = people_deliver(p, &(struct delivery){.to = to,
                                                                      .to_count = 1,
                                                                      .sender = p->ann.id,
                                                                      .keep_sent = true,
                                                                      .receipts = 3,
                                                                      .why = "test"});
    struct message sent = sf_get(p->f, got.sent);

    assert_int_equal(sent.folder, FOLDER_SENT);
    assert_string_equal(sent.mailbox, p->ann.id);
    assert_true(sent.read);
    assert_int_equal(sent.receipts, 0);
    assert_string_equal(sent.subject, "Message from Ann Example [4133]");
}

static void of_a_delivery_that_fails_nothing_stays(void **state)
{
    struct people *p = *state;
    const char *const to[] = {p->ann.id, p->carl.id};
    struct delivered delivered;

    sf_begin(p->f);
    must(p, mailbox_remove(p->f->store, "carl", &p->f->err));
    sf_commit(p->f);
    sf_begin(p->f);
    assert_false(deliver(p->f->store,
                         &(struct delivery){.to = to, .to_count = 2, .why = "test"}, &delivered,
                         &p->f->err));
    store_rollback(p->f->store);
    assert_int_equal(p->f->err.kind, ERR_NO_MAILBOX);
    assert_int_equal(people_count(p, &p->ann, FOLDERS, KIND_VOICE), 0);
    assert_false(people_wished(p, &p->ann));
}

static void a_mailbox_that_is_off_is_delivered_to_without_a_look(void **state)
{
    struct people *p = *state;
    const char *const to[] = {p->carl.id};

    people_deliver(p, &(struct delivery){.to = to, .to_count = 1, .why = "test"});
    assert_int_equal(people_count(p, &p->carl, FOLDER_INBOX, KIND_VOICE), 1);
    assert_false(people_wished(p, &p->carl));
}

/* ---- receipts ---- */

static struct delivered ask(struct people *p, const struct mailbox *from,
                            const struct mailbox *to, unsigned receipts)
{
    const char *const ids[] = {to->id};

    return people_deliver(p, &(struct delivery){.to = ids,
                                                .to_count = 1,
                                                .sender = from->id,
                                                .receipts = receipts,
                                                .subject = "Plan",
                                                .why = "test"});
}

/* rule: kind-receipts */
static void a_delivery_receipt_comes_at_once_in_the_senders_language(void **state)
{
    struct people *p = *state;
    const struct delivered got = ask(p, &p->ben, &p->ann, MESSAGE_WANTS_DELIVERY_RECEIPT);
    struct message receipt = people_newest(p, &p->ben, FOLDER_INBOX);

    assert_int_equal(receipt.kind, KIND_DELIVERY_RECEIPT);
    assert_string_equal(receipt.subject, "配信済み: Plan");
    text_is(p, receipt.id,
            "メッセージ「Plan」は、2023-11-14 22:13 UTC に Ann Example 宛てに"
            "配信されました。\n");
    assert_string_equal(receipt.reference, got.ids[0]);
    assert_string_equal(receipt.sender, p->ann.id);
    assert_false(receipt.read);
    assert_int_equal(sf_get(p->f, got.ids[0]).receipts, 0);
    assert_true(people_wished(p, &p->ben));
}

/* rule: kind-receipts */
static void a_delivery_receipt_names_the_message_as_its_sender_would(void **state)
{
    struct people *p = *state;
    const char *const to[] = {p->ben.id};

    people_deliver(p, &(struct delivery){.to = to,
                                         .to_count = 1,
                                         .sender = p->ann.id,
                                         .receipts = MESSAGE_WANTS_DELIVERY_RECEIPT,
                                         .why = "test"});
    assert_string_equal(people_newest(p, &p->ann, FOLDER_INBOX).subject,
                        "Delivered: Message from Ann Example [4133]");
}

/* rule: kind-receipts */
static void a_read_receipt_comes_once_however_often_it_is_read(void **state)
{
    struct people *p = *state;
    const struct delivered got = ask(p, &p->ann, &p->ben, MESSAGE_WANTS_READ_RECEIPT);

    assert_int_equal(people_count(p, &p->ann, FOLDERS, KIND_READ_RECEIPT), 0);
    p->f->now.ms += 3600 * 1000;
    must(p, phone_set_read(p->f->store, got.ids[0], true, NULL, NULL, &p->f->err));
    struct message receipt = people_newest(p, &p->ann, FOLDER_INBOX);
    assert_int_equal(receipt.kind, KIND_READ_RECEIPT);
    assert_string_equal(receipt.subject, "Read: Plan");
    text_is(p, receipt.id,
            "Your message \"Plan\" was read by Ben Example at 2023-11-14 23:13 UTC.\n");
    for (int i = 0; i < 3; i++) {
        must(p, phone_set_read(p->f->store, got.ids[0], false, NULL, NULL, &p->f->err));
        must(p, phone_set_read(p->f->store, got.ids[0], true, NULL, NULL, &p->f->err));
    }
    assert_int_equal(people_count(p, &p->ann, FOLDERS, KIND_READ_RECEIPT), 1);
}

/* rule: kind-receipts */
static void a_receipt_makes_no_receipt(void **state)
{
    struct people *p = *state;

    ask(p, &p->ann, &p->ben, MESSAGE_WANTS_DELIVERY_RECEIPT | MESSAGE_WANTS_READ_RECEIPT);
    struct message receipt = people_newest(p, &p->ann, FOLDER_INBOX);
    assert_true(receipt_is(receipt.kind));
    /* Even one that claimed to want one. */
    sf_begin(p->f);
    must(p, message_set_receipts(p->f->store, receipt.id, 3, &p->f->err));
    sf_commit(p->f);
    must(p, phone_set_read(p->f->store, receipt.id, true, NULL, NULL, &p->f->err));
    assert_int_equal(people_count(p, &p->ben, FOLDERS, KIND_READ_RECEIPT), 0);
    assert_int_equal(people_count(p, &p->ben, FOLDERS, KIND_DELIVERY_RECEIPT), 0);
}

static void of_a_sender_who_is_gone_nothing_is_wanted(void **state)
{
    struct people *p = *state;
    const struct delivered got = ask(p, &p->ann, &p->ben, MESSAGE_WANTS_READ_RECEIPT);

    sf_begin(p->f);
    must(p, mailbox_remove(p->f->store, "ann", &p->f->err));
    sf_commit(p->f);
    must(p, phone_set_read(p->f->store, got.ids[0], true, NULL, NULL, &p->f->err));
    assert_true(sf_get(p->f, got.ids[0]).read);
    assert_int_equal(people_count(p, &p->ann, FOLDERS, KIND_READ_RECEIPT), 0);
}

static void a_receipt_without_a_sender_is_refused(void **state)
{
    struct people *p = *state;
    char id[LIMIT_UUID];
    const struct phone_deposit deposit = {.mailbox = "ann", .receipts = 1};

    assert_false(phone_deposit(p->f->store, &deposit, NULL, id, &p->f->err));
    assert_int_equal(p->f->err.kind, ERR_USAGE);
}

/* rule: kind-receipts */
static void a_refusal_says_why_and_carries_the_original(void **state)
{
    struct people *p = *state;
    char id[LIMIT_UUID];
    const struct audio_info audio = {.duration_ms = 4000};

    sf_begin(p->f);
    must(p, deliver_refusal(p->f->store,
                            &(struct refusal){.sender = p->ben.id,
                                              .subject = "Plan",
                                              .reason = "nobody has the address x@y.",
                                              .audio = &audio,
                                              .secure = true,
                                              .why = "test"},
                            id, &p->f->err));
    sf_commit(p->f);
    struct message receipt = sf_get(p->f, id);
    assert_int_equal(receipt.kind, KIND_NON_DELIVERY_RECEIPT);
    assert_string_equal(receipt.subject, "配信不能: Plan");
    assert_int_equal(receipt.duration_ms, 4000);
    assert_true(receipt.secure); /* what was secure does not leave in a refusal */
    text_is(p, id,
            "メッセージ「Plan」(2023-11-14 22:13 UTC) を配信できませんでした。\n\n"
            "nobody has the address x@y.\n");
}

/* rule: kind-receipts */
static void every_receipt_has_its_words_in_both_languages(void **state)
{
    static const enum message_kind kinds[] = {KIND_DELIVERY_RECEIPT, KIND_READ_RECEIPT,
                                              KIND_NON_DELIVERY_RECEIPT};

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        char subject[LANGUAGES][LIMIT_SUBJECT];
        for (int language = 0; language < LANGUAGES; language++) {
            struct buf text;
            const struct receipt_facts facts = {
                .kind = kinds[i], .name = "%REASON%", .reason = "%NAME%"};
            buf_init(&text, 4096);
            receipt_make((enum language)language, &facts, subject[language], &text);
            /* What a name holds is no parameter. */
            assert_non_null(strstr(buf_str(&text), i == 2 ? "%NAME%" : "%REASON%"));
            assert_non_null(strstr(subject[language],
                                   language == LANGUAGE_EN ? "(no subject)" : "(件名なし)"));
            buf_clear(&text);
        }
        assert_string_not_equal(subject[0], subject[1]);
    }
}

static void a_subject_as_long_as_may_be_still_has_its_receipt(void **state)
{
    struct people *p = *state;
    const char *const to[] = {p->ann.id};
    char subject[LIMIT_SUBJECT];

    for (size_t i = 0; i + 3 < sizeof subject; i += 3)
        memcpy(subject + i, "着\0", 4);
    people_deliver(p, &(struct delivery){.to = to,
                                         .to_count = 1,
                                         .sender = p->ben.id,
                                         .receipts = MESSAGE_WANTS_DELIVERY_RECEIPT,
                                         .subject = subject,
                                         .why = "test"});
    struct message receipt = people_newest(p, &p->ben, FOLDER_INBOX);
    assert_non_null(strstr(receipt.subject, "配信済み: 着着着"));
}

#define PROMISE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROMISE(each_recipient_has_the_subject_in_the_own_language),
        PROMISE(between_users_the_sender_is_named_as_known_here),
        PROMISE(a_subject_stays_when_formats_and_language_change),
        PROMISE(a_recipient_named_twice_gets_one_copy),
        PROMISE(a_sender_who_keeps_it_has_a_read_copy_among_the_sent),
        PROMISE(of_a_delivery_that_fails_nothing_stays),
        PROMISE(a_mailbox_that_is_off_is_delivered_to_without_a_look),
        PROMISE(a_delivery_receipt_comes_at_once_in_the_senders_language),
        PROMISE(a_delivery_receipt_names_the_message_as_its_sender_would),
        PROMISE(a_read_receipt_comes_once_however_often_it_is_read),
        PROMISE(a_receipt_makes_no_receipt),
        PROMISE(of_a_sender_who_is_gone_nothing_is_wanted),
        PROMISE(a_receipt_without_a_sender_is_refused),
        PROMISE(a_refusal_says_why_and_carries_the_original),
        PROMISE(every_receipt_has_its_words_in_both_languages),
        PROMISE(a_subject_as_long_as_may_be_still_has_its_receipt),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
