/* Single inbox switched on for the first time, off for a month, and on again: nothing doubled,
 * nothing resurrected, nothing lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/enabling.h"
#include "base/rng.h"
#include "queue/job.h"
#include "store/alarm.h"
#include "store/mapping.h"
#include "store/watch.h"
#include "tests/support/crowd.h"

enum {
    QUIET_MS = 10 * 1000,
    LONG_MS = 30 * 60 * 1000,
    MANY = 5000,
    SOME = 300,
};
#define MONTH_MS (30LL * 24 * 3600 * 1000)

/* ---- the administrator ---- */

static struct mailbox mailbox_of(struct site *site)
{
    struct mailbox mailbox;
    struct err err;

    if (!mailbox_find(site->store, "ann", &mailbox, &err))
        fail_msg("%s", err.text);
    return mailbox;
}

static void switch_to(struct site *site, bool on)
{
    const struct mailbox mailbox = mailbox_of(site);
    struct err err;

    if (!store_begin(site->store, &err) || !enabling_switch(site->store, &mailbox, on, &err) ||
        !store_commit(site->store, &err))
        fail_msg("%s", err.text);
    if (site->scheduler)
        scheduler_poke(site->scheduler);
}

static struct mailbox_state state_of(struct site *site)
{
    struct mailbox_state state;
    struct err err;

    assert_true(mailbox_state_get(site->store, mailbox_of(site).id, &state, &err));
    return state;
}

static bool find_alarm(const struct alarm *alarm, void *arg)
{
    if (strcmp(alarm->name, *(const char **)arg) == 0)
        *(const char **)arg = "";
    return true;
}

static bool has_alarm(struct site *site, const char *name)
{
    const char *wanted = name;
    struct err err;

    assert_true(alarm_each(site->store, find_alarm, &wanted, &err));
    return wanted[0] == '\0';
}

/* ---- the first time ---- */

/* Messages from the time before: what shows in Exchange is what is in the inbox here. */
static void check_arrived(struct site *site, const struct crowd *crowd)
{
    struct agreed agreed;
    struct err err;

    assert_int_equal(crowd_items(site, "ann"),
                     crowd->fates[CROWD_NEW] + crowd->fates[CROWD_READ]);
    site_assert_agree(site);
    for (int i = 0; i < crowd->count; i++) {
        enum crowd_fate fate = crowd_fate(i, true);
        if (fate != CROWD_DELETED && fate != CROWD_PURGED)
            continue;
        assert_true(agreed_get(site->store, crowd->ids[i], &agreed, &err));
        assert_string_equal(agreed.item, "");
        assert_int_equal(site_message(site, crowd->ids[i]).folder,
                         fate == CROWD_PURGED ? FOLDER_PURGED : FOLDER_DELETED);
    }
}

/* rule: first-enabling */
static void the_first_time_all_arrive_once_and_other_mail_is_not_touched(void **state)
{
    struct site *site = site_new(1, NULL);

    (void)state;
    site_mailbox(site, "ann");
    switch_to(site, false);
    struct crowd crowd = crowd_here(site, "ann", MANY, true);
    crowd_mail(site, "ann", MANY);
    char *before = crowd_others(site, "ann");
    site_start(site);
    site_run(site, QUIET_MS);
    assert_int_equal(exchange_count(site->exchange, ""), 0); /* it is off */
    site_count_from_here(site);
    switch_to(site, true);
    crowd_settle(site, "ann", LONG_MS);
    check_arrived(site, &crowd);
    char *after = crowd_others(site, "ann");
    assert_string_equal(before, after);
    int inbox = crowd.fates[CROWD_NEW] + crowd.fates[CROWD_READ];
    long rest = site_count(site, "") - inbox;
    print_message(
        "%d messages here, %d in the inbox; %d other mails: %ld creates, %ld looks, %ld "
        "for the folders, %ld in all\n",
        MANY, inbox, MANY, site_count(site, "CreateItem"), site_count(site, "SyncFolderItems"),
        site_count(site, "GetFolder") + site_count(site, "FindFolder"), site_count(site, ""));
    assert_int_equal(site_count(site, "CreateItem"), inbox);
    assert_int_equal(site_count(site, "UpdateItem") + site_count(site, "MoveItem") +
                         site_count(site, "DeleteItem"),
                     0);
    assert_in_range(rest, 1, inbox / 100);
    free(before);
    free(after);
    crowd_free(&crowd);
    site_free(&site);
}

/* rule: first-enabling */
static void the_first_time_killed_again_and_again_all_arrive_once(void **state)
{
    struct site *site = site_new(2, "request-timeout = 5s");
    struct rng rng = rng_seed(2);

    (void)state;
    site->expect_warnings = true;
    site_mailbox(site, "ann");
    struct crowd crowd = crowd_here(site, "ann", SOME, true);
    crowd_mail(site, "ann", SOME);
    char *before = crowd_others(site, "ann");
    for (int i = 0; i < 25; i++) {
        site_start(site);
        site_run(site, 1 + (int64_t)rng_below(&rng, 700));
        site_kill(site);
    }
    site_start(site);
    crowd_settle(site, "ann", 2 * LONG_MS);
    check_arrived(site, &crowd);
    char *after = crowd_others(site, "ann");
    assert_string_equal(before, after);
    free(before);
    free(after);
    crowd_free(&crowd);
    site_free(&site);
}

/* ---- off, and on again after a month ---- */

enum { AGREED_BEFORE = 40 };

/* Messages that both sides have; then it is switched off. The service is stopped. */
static void play_until_off(struct site *site, char (*ids)[LIMIT_UUID])
{
    site_mailbox(site, "ann");
    for (int i = 0; i < AGREED_BEFORE; i++)
        site_deposit(site, "ann", "en-short-pcm16.wav", "", ids[i]);
    site_start(site);
    site_run(site, LONG_MS);
    site_assert_agree(site);
    switch_to(site, false);
    site_run(site, QUIET_MS);
    site_kill(site);
}

/* A month goes by: people act on both sides, Exchange forgets what we know. */
static void play_a_month(struct site *site, char (*ids)[LIMIT_UUID], char *deposited)
{
    struct err err;

    site_user(site, "ann", "read", ids[0], NULL);
    site_user(site, "ann", "delete", ids[1], NULL);
    site_user(site, "ann", "purge", ids[2], NULL);
    site_user(site, "ann", "move", ids[3], "Archive", NULL);
    site_user(site, "ann", "move", ids[4], "Inbox/Project", NULL);
    site_run(site, MONTH_MS);
    assert_true(phone_set_read(site->store, ids[5], true, NULL, NULL, &err));
    assert_true(phone_delete(site->store, ids[6], NULL, NULL, &err));
    assert_true(phone_purge(site->store, ids[7], NULL, NULL, &err));
    assert_true(phone_delete(site->store, ids[8], NULL, NULL, &err));
    site_user(site, "ann", "read", ids[8], NULL);
    assert_true(phone_purge(site->store, ids[9], NULL, NULL, &err));
    site_user(site, "ann", "read", ids[9], NULL);
    assert_true(phone_set_read(site->store, ids[2], true, NULL, NULL, &err));
    site_deposit(site, "ann", "en-short-pcm16.wav", "", deposited);
    assert_true(exchange_lose_states(site->exchange, "ann@example.net", &err));
    exchange_drop_subscriptions(site->exchange);
}

/* rule: re-enabling
 * rule: resync-off */
static void after_a_month_off_nothing_is_doubled_resurrected_or_lost(void **state)
{
    struct site *site = site_new(3, NULL);
    char ids[AGREED_BEFORE][LIMIT_UUID], deposited[LIMIT_UUID];

    (void)state;
    site->expect_warnings = true; /* the states are refused */
    play_until_off(site, ids);
    play_a_month(site, ids, deposited);
    site_start(site);
    site_run(site, QUIET_MS);
    assert_int_equal(site_items(site, "ann", deposited), 0); /* it is still off */
    site_count_from_here(site);
    switch_to(site, true);
    site_run(site, LONG_MS);
    site_assert_agree(site);
    crowd_items(site, "ann");
    assert_int_equal(site_count(site, "CreateItem"), 1);
    assert_int_equal(site_items(site, "ann", deposited), 1);
    assert_true(site_message(site, ids[0]).read);
    assert_int_equal(site_message(site, ids[1]).folder, FOLDER_DELETED);
    assert_int_equal(site_message(site, ids[2]).folder, FOLDER_DELETED);
    assert_int_equal(site_message(site, ids[3]).folder, FOLDER_DELETED);
    assert_int_equal(site_items(site, "ann", ids[2]), 0);
    assert_int_equal(site_message(site, ids[4]).folder, FOLDER_INBOX);
    assert_int_equal(site_message(site, ids[6]).folder, FOLDER_DELETED);
    assert_int_equal(site_items(site, "ann", ids[7]), 0); /* purged here, unchanged there */
    assert_true(site_message(site, ids[8]).read);
    assert_int_equal(site_items(site, "ann", ids[9]), 1); /* purged here, read there: theirs */
    assert_int_equal(exchange_subscriptions(site->exchange), 1);
    site_free(&site);
}

/* rule: re-enabling
 * rule: guard-mass-loss */
static void more_deletions_than_a_persons_are_asked_about(void **state)
{
    struct site *site = site_new(4, NULL);
    char ids[AGREED_BEFORE][LIMIT_UUID];
    struct err err;

    (void)state;
    site->expect_warnings = true;
    play_until_off(site, ids);
    for (int i = 0; i < 25; i++)
        site_user(site, "ann", "purge", ids[i], NULL);
    site_run(site, MONTH_MS);
    assert_true(exchange_lose_states(site->exchange, "ann@example.net", &err));
    site_start(site);
    switch_to(site, true);
    site_run(site, LONG_MS);
    assert_int_equal(state_of(site).condition, MAILBOX_SUSPENDED);
    assert_true(has_alarm(site, ALARM_MAILBOX_SUSPENDED));
    for (int i = 0; i < AGREED_BEFORE; i++)
        assert_int_equal(site_message(site, ids[i]).folder, FOLDER_INBOX);
    /* Switched off and on, it is still to be answered. */
    switch_to(site, false);
    site_run(site, QUIET_MS);
    switch_to(site, true);
    site_run(site, LONG_MS);
    assert_int_equal(state_of(site).condition, MAILBOX_SUSPENDED);
    assert_true(has_alarm(site, ALARM_MAILBOX_SUSPENDED));
    site_free(&site);
}

static bool count_watch(const struct watch *watch, void *arg)
{
    *(int *)arg += !watch->ended;
    return true;
}

static int live_watches(struct site *site)
{
    int count = 0;
    struct err err;

    assert_true(watch_each(site->store, count_watch, &count, &err));
    return count;
}

static void check_off(struct site *site, const char *id)
{
    struct agreed agreed;
    struct err err;

    assert_int_equal(live_watches(site), 0);
    assert_int_equal(exchange_subscriptions(site->exchange), 0);
    assert_string_equal(state_of(site).notify, "");
    assert_true(agreed_get(site->store, id, &agreed, &err));
    assert_true(agreed.item[0] != '\0');
    assert_int_equal(site_items(site, "ann", id), 1);
    site_count_from_here(site);
    site_user(site, "ann", "read", id, NULL);
    site_run(site, LONG_MS);
    assert_int_equal(site_count(site, ""), 0);
    assert_false(site_message(site, id).read);
    switch_to(site, true);
    site_run(site, QUIET_MS);
    assert_true(site_message(site, id).read);
    assert_int_equal(exchange_subscriptions(site->exchange), 1);
    site_assert_agree(site);
}

/* rule: re-enabling */
static void switched_off_its_subscription_ends_and_all_else_stays(void **state)
{
    static const char *const ways[] = {"notify = push", "notify = stream"};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct site *site = site_new(5 + i, ways[i]);
        char id[LIMIT_UUID];
        site->expect_warnings = true;
        site_mailbox(site, "ann");
        site_deposit(site, "ann", "en-short-pcm16.wav", "", id);
        site_start(site);
        site_run(site, QUIET_MS);
        assert_int_equal(exchange_subscriptions(site->exchange), 1);
        switch_to(site, false);
        assert_int_equal(live_watches(site), 0);
        site_run(site, LONG_MS); /* a status call is answered with Unsubscribe */
        check_off(site, id);
        site_free(&site);
    }
}

/* rule: re-enabling */
static void switched_off_in_the_middle_of_a_run_it_ends_all_the_same(void **state)
{
    (void)state;
    for (int ms = 1; ms < 300; ms += 21) {
        struct site *site = site_new(7, NULL);
        char id[LIMIT_UUID];
        site->expect_warnings = true;
        site_mailbox(site, "ann");
        site_deposit(site, "ann", "en-short-pcm16.wav", "", id);
        site_start(site);
        site_run(site, ms);
        switch_to(site, false);
        site_run(site, LONG_MS);
        assert_int_equal(live_watches(site), 0);
        assert_int_equal(exchange_subscriptions(site->exchange), 0);
        switch_to(site, true);
        site_run(site, LONG_MS);
        site_assert_agree(site);
        assert_int_equal(site_items(site, "ann", id), 1);
        site_free(&site);
    }
}

/* rule: re-enabling */
static void a_parked_mailbox_that_is_switched_off_is_no_alarm(void **state)
{
    struct site *site = site_new(8, NULL);
    struct err err;

    (void)state;
    site->expect_warnings = true;
    site_mailbox(site, "ann");
    assert_true(
        exchange_set_faults(site->exchange, "fault:*:ErrorImpersonateUserDenied:*", &err));
    site_start(site);
    site_run(site, QUIET_MS);
    assert_true(has_alarm(site, ALARM_MAILBOX_PARKED));
    switch_to(site, false);
    assert_false(has_alarm(site, ALARM_MAILBOX_PARKED));
    assert_int_equal(state_of(site).condition, MAILBOX_OK);
    assert_string_equal(state_of(site).reason, "");
    assert_string_equal(state_of(site).last_error, "");
    site_run(site, LONG_MS);
    assert_false(has_alarm(site, ALARM_MAILBOX_PARKED));
    assert_true(exchange_set_faults(site->exchange, "", &err));
    switch_to(site, true); /* at once, though it was to wait */
    site_run(site, QUIET_MS);
    assert_int_equal(state_of(site).condition, MAILBOX_OK);
    assert_true(state_of(site).last_ok_ms > 0);
    site_free(&site);
}

/* rule: re-enabling
 * rule: resync-off */
static void off_for_the_whole_site_and_on_again_is_the_same(void **state)
{
    struct site *site = site_new(9, NULL);
    char ids[AGREED_BEFORE][LIMIT_UUID], deposited[LIMIT_UUID];

    (void)state;
    site->expect_warnings = true;
    play_until_off(site, ids);
    switch_to(site, true);
    site_start(site);
    site_run(site, QUIET_MS);
    site_kill(site);
    site->config->sync.single_inbox = false;
    site_start(site);
    site_run(site, QUIET_MS);
    site_count_from_here(site);
    site_run(site, LONG_MS);
    site_kill(site);
    play_a_month(site, ids, deposited);
    assert_int_equal(site_count(site, ""), 0);
    site->config->sync.single_inbox = true;
    site_start(site);
    site_run(site, LONG_MS);
    site_assert_agree(site);
    crowd_items(site, "ann");
    assert_int_equal(site_count(site, "CreateItem"), 1);
    assert_int_equal(site_message(site, ids[1]).folder, FOLDER_DELETED);
    assert_int_equal(site_message(site, ids[2]).folder, FOLDER_DELETED);
    assert_int_equal(site_items(site, "ann", ids[7]), 0);
    site_free(&site);
}

/* ---- suspended, and going on ---- */

typedef bool change_fn(struct store *store, const struct mailbox *mailbox, struct err *err);

static bool change_one(const struct mailbox *mailbox, void *arg)
{
    struct mailbox *all = arg;

    for (; all->id[0]; all++) {
    }
    *all = *mailbox;
    return true;
}

/* What sibctl does with --all: one transaction. */
static void change_all(struct site *site, change_fn *change)
{
    struct mailbox all[4] = {{.id = ""}};
    struct err err;

    assert_true(mailbox_each(site->store, change_one, all, &err));
    assert_true(store_begin(site->store, &err));
    for (struct mailbox *mailbox = all; mailbox->id[0]; mailbox++)
        assert_true(change(site->store, mailbox, &err));
    assert_true(store_commit(site->store, &err));
    scheduler_poke(site->scheduler);
}

static void act_on_both_sides(struct site *site, const char *mailbox, char (*ids)[LIMIT_UUID],
                              char *deposited)
{
    struct err err;

    site_user(site, mailbox, "read", ids[0], NULL);
    site_user(site, mailbox, "delete", ids[1], NULL);
    site_user(site, mailbox, "purge", ids[2], NULL);
    assert_true(phone_set_read(site->store, ids[3], true, NULL, NULL, &err));
    assert_true(phone_delete(site->store, ids[4], NULL, NULL, &err));
    site_deposit(site, mailbox, "en-short-pcm16.wav", "", deposited);
}

static void check_acts(struct site *site, const char *mailbox, char (*ids)[LIMIT_UUID],
                       const char *deposited)
{
    assert_true(site_message(site, ids[0]).read);
    assert_int_equal(site_message(site, ids[1]).folder, FOLDER_DELETED);
    assert_int_equal(site_message(site, ids[2]).folder, FOLDER_DELETED);
    assert_int_equal(site_items(site, mailbox, deposited), 1);
}

/* rule: suspend-resume */
static void suspended_nothing_is_done_and_resumed_nothing_was_lost(void **state)
{
    static const char *const names[] = {"ann", "ben"};

    (void)state;
    for (int all = 0; all < 2; all++) {
        struct site *site = site_new(10, NULL);
        char ids[2][5][LIMIT_UUID], deposited[2][LIMIT_UUID];
        for (int m = 0; m <= all; m++) {
            site_mailbox(site, names[m]);
            for (int i = 0; i < 5; i++)
                site_deposit(site, names[m], "en-short-pcm16.wav", "", ids[m][i]);
        }
        site_start(site);
        site_run(site, LONG_MS);
        change_all(site, enabling_suspend);
        site_run(site, QUIET_MS);
        site_count_from_here(site);
        for (int m = 0; m <= all; m++)
            act_on_both_sides(site, names[m], ids[m], deposited[m]);
        /* Shorter than what makes a subscription old, and longer than the sweep. */
        site_run(site, all ? 4 * LONG_MS : 2 * QUIET_MS);
        assert_int_equal(site_count(site, ""), 0);
        assert_false(site_message(site, ids[0][0]).read);
        change_all(site, enabling_resume);
        site_run(site, QUIET_MS); /* and not only with the next sweep */
        site_assert_agree(site);
        for (int m = 0; m <= all; m++)
            check_acts(site, names[m], ids[m], deposited[m]);
        site_free(&site);
    }
}

/* Nothing here tells of it: what Exchange said meanwhile was not listened to.
 * rule: suspend-resume */
static void what_was_done_there_meanwhile_is_seen_when_it_goes_on(void **state)
{
    struct site *site = site_new(11, NULL);
    char id[LIMIT_UUID];

    (void)state;
    site_mailbox(site, "ann");
    site_deposit(site, "ann", "en-short-pcm16.wav", "", id);
    site_start(site);
    site_run(site, 130 * 1000); /* between two status calls of Exchange */
    change_all(site, enabling_suspend);
    site_user(site, "ann", "read", id, NULL);
    site_run(site, QUIET_MS);
    assert_false(site_message(site, id).read);
    change_all(site, enabling_resume);
    site_run(site, QUIET_MS);
    assert_true(site_message(site, id).read);
    site_free(&site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_time_all_arrive_once_and_other_mail_is_not_touched),
        cmocka_unit_test(the_first_time_killed_again_and_again_all_arrive_once),
        cmocka_unit_test(after_a_month_off_nothing_is_doubled_resurrected_or_lost),
        cmocka_unit_test(more_deletions_than_a_persons_are_asked_about),
        cmocka_unit_test(switched_off_its_subscription_ends_and_all_else_stays),
        cmocka_unit_test(switched_off_in_the_middle_of_a_run_it_ends_all_the_same),
        cmocka_unit_test(a_parked_mailbox_that_is_switched_off_is_no_alarm),
        cmocka_unit_test(off_for_the_whole_site_and_on_again_is_the_same),
        cmocka_unit_test(suspended_nothing_is_done_and_resumed_nothing_was_lost),
        cmocka_unit_test(what_was_done_there_meanwhile_is_seen_when_it_goes_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
