/* Sent items: what a user sent is kept in Sent Items when that is switched on, and only then.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/phone.h"
#include "queue/queue.h"
#include "tests/exchange/exchange_user.h"
#include "tests/support/site.h"

enum { QUIET_MS = 10 * 1000, LONG_MS = 3 * 60 * 60 * 1000 };

#define ON  "[sync]\nsent-items = on"
#define BEN "ben@example.net"

/* A site in which Ben sends Ann a message and keeps a copy; sent: that copy's id. */
static struct site *begin(uint64_t seed, const char *extra, char *sent)
{
    struct site *site = site_new(seed, extra);
    const struct phone_deposit deposit = {.mailbox = "ann",
                                          .sender = "ben",
                                          .file = site_fixture("en-greeting-ulaw.wav"),
                                          .keep_sent = true};
    struct delivered delivered;
    struct err err;

    site_mailbox(site, "ann");
    site_mailbox(site, "ben");
    if (!phone_deposit_all(site->store, &deposit, NULL, &delivered, &err))
        fail_msg("%s", err.text);
    assert_string_not_equal(delivered.sent, "");
    memcpy(sent, delivered.sent, LIMIT_UUID);
    site_start(site);
    site_run(site, QUIET_MS);
    return site;
}

static struct site *begin_on(uint64_t seed, char *sent)
{
    return begin(seed, ON, sent);
}

static void switch_sent_items(struct site *site, bool on)
{
    site_kill(site);
    site->config->sync.sent_items = on;
    site_start(site);
    site_run(site, LONG_MS);
}

static long in(struct site *site, const char *folder)
{
    return exchange_user_count(site->exchange, BEN, folder);
}

/* rule: map-sent */
static void what_is_sent_is_created_in_sent_items_as_read(void **state)
{
    char sent[LIMIT_UUID];
    struct site *site = begin_on(1, sent);

    (void)state;
    site_assert_agree(site);
    assert_int_equal(in(site, "Sent Items"), 1);
    assert_int_equal(in(site, "Inbox"), 0);
    assert_int_equal(site_message(site, sent).folder, FOLDER_SENT);
    assert_true(site_message(site, sent).read);
    site_count_from_here(site);
    site_run(site, LONG_MS);
    assert_int_equal(site_count(site, "CreateItem"), 0);
    assert_int_equal(site_count(site, "UpdateItem"), 0);
    site_free(&site);
}

/* rule: map-sent */
static void
deleted_there_is_deleted_here_and_restored_here_goes_back_to_sent_items(void **state)
{
    char sent[LIMIT_UUID];
    struct site *site = begin_on(2, sent);
    struct err err;

    (void)state;
    site_user(site, "ben", "delete", sent, NULL);
    site_run(site, QUIET_MS);
    assert_int_equal(site_message(site, sent).folder, FOLDER_DELETED);
    assert_true(phone_restore(site->store, sent, NULL, NULL, &err));
    assert_int_equal(site_message(site, sent).folder, FOLDER_SENT);
    site_run(site, QUIET_MS);
    site_assert_agree(site);
    assert_int_equal(in(site, "Sent Items"), 1);
    assert_true(phone_delete(site->store, sent, NULL, NULL, &err));
    site_run(site, QUIET_MS);
    site_assert_agree(site);
    assert_int_equal(in(site, "Deleted Items"), 1);
    site_free(&site);
}

/* rule: map-sent
 * rule: map-inbox */
static void dragged_between_sent_items_and_the_inbox_it_follows(void **state)
{
    char sent[LIMIT_UUID];
    struct site *site = begin_on(3, sent);

    (void)state;
    site_user(site, "ben", "move", sent, "Inbox/Project", NULL);
    site_run(site, QUIET_MS);
    site_assert_agree(site);
    assert_int_equal(site_message(site, sent).folder, FOLDER_INBOX);
    site_user(site, "ben", "move", sent, "Sent Items", NULL);
    site_run(site, QUIET_MS);
    site_assert_agree(site);
    assert_int_equal(site_message(site, sent).folder, FOLDER_SENT);
    site_user(site, "ben", "purge", sent, NULL);
    site_run(site, QUIET_MS);
    assert_int_equal(site_message(site, sent).folder, FOLDER_DELETED);
    site_free(&site);
}

/* rule: map-sent */
static void a_lost_answer_leaves_one_copy_in_sent_items(void **state)
{
    char sent[LIMIT_UUID];
    struct site *site = site_new(4, ON "\n[exchange \"main\"]\nrequest-timeout = 5s");
    const struct phone_deposit deposit = {.mailbox = "ann",
                                          .sender = "ben",
                                          .file = site_fixture("en-greeting-ulaw.wav"),
                                          .keep_sent = true};
    struct delivered delivered;
    struct err err;

    (void)state;
    site->expect_warnings = true;
    site_mailbox(site, "ann");
    site_mailbox(site, "ben");
    assert_true(exchange_set_faults(site->exchange, "lose-answer:CreateItem:1-2", &err));
    assert_true(phone_deposit_all(site->store, &deposit, NULL, &delivered, &err));
    memcpy(sent, delivered.sent, sizeof sent);
    site_start(site);
    site_run(site, LONG_MS);
    site_assert_agree(site);
    assert_int_equal(in(site, "Sent Items"), 1);
    assert_int_equal(site_message(site, sent).folder, FOLDER_SENT);
    site_free(&site);
}

/* rule: map-sent */
static void switched_off_nothing_that_was_sent_is_synchronised(void **state)
{
    char sent[LIMIT_UUID];
    struct site *site = begin(5, NULL, sent);

    (void)state;
    assert_int_equal(in(site, "Sent Items"), 0);
    assert_int_equal(site_items(site, "ben", sent), 0);
    assert_int_equal(site_message(site, sent).folder, FOLDER_SENT);
    site_assert_agree(site);
    site_free(&site);
}

/* rule: map-unmapped */
static void switched_off_what_is_put_into_sent_items_is_deleted_here(void **state)
{
    struct site *site = site_new(6, NULL);
    char id[LIMIT_UUID];

    (void)state;
    site_mailbox(site, "ann");
    site_deposit(site, "ann", "en-greeting-ulaw.wav", "", id);
    site_start(site);
    site_run(site, QUIET_MS);
    site_user(site, "ann", "move", id, "Sent Items", NULL);
    site_run(site, QUIET_MS);
    site_assert_agree(site);
    assert_int_equal(site_message(site, id).folder, FOLDER_DELETED);
    site_user(site, "ann", "move", id, "Inbox", NULL);
    site_run(site, QUIET_MS);
    assert_int_equal(site_message(site, id).folder, FOLDER_INBOX);
    site_free(&site);
}

/* rule: map-sent */
static void switched_on_later_what_was_sent_before_follows(void **state)
{
    char sent[LIMIT_UUID];
    struct site *site = begin(7, NULL, sent);

    (void)state;
    switch_sent_items(site, true);
    site_assert_agree(site);
    assert_int_equal(in(site, "Sent Items"), 1);
    site_free(&site);
}

/* rule: map-sent */
static void switched_off_for_a_while_nothing_is_lost_or_doubled(void **state)
{
    char sent[LIMIT_UUID];
    struct site *site = begin_on(8, sent);
    struct err err;

    (void)state;
    switch_sent_items(site, false);
    assert_int_equal(in(site, "Sent Items"), 1);
    assert_int_equal(site_message(site, sent).folder, FOLDER_SENT);
    assert_true(phone_delete(site->store, sent, NULL, NULL, &err));
    site_run(site, QUIET_MS);
    assert_int_equal(in(site, "Sent Items"), 1);
    switch_sent_items(site, true);
    site_assert_agree(site);
    assert_int_equal(in(site, "Sent Items"), 0);
    assert_int_equal(in(site, "Deleted Items"), 1);
    site_free(&site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_sent_is_created_in_sent_items_as_read),
        cmocka_unit_test(
            deleted_there_is_deleted_here_and_restored_here_goes_back_to_sent_items),
        cmocka_unit_test(dragged_between_sent_items_and_the_inbox_it_follows),
        cmocka_unit_test(a_lost_answer_leaves_one_copy_in_sent_items),
        cmocka_unit_test(switched_off_nothing_that_was_sent_is_synchronised),
        cmocka_unit_test(switched_off_what_is_put_into_sent_items_is_deleted_here),
        cmocka_unit_test(switched_on_later_what_was_sent_before_follows),
        cmocka_unit_test(switched_off_for_a_while_nothing_is_lost_or_doubled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
