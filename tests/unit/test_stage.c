/* The staged create over the real client and the strict stand-in: whatever answer is lost and
 * whichever request is executed late or twice, the message is there once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "store/mapping.h"
#include "tests/support/site.h"

enum { HOUR_MS = 3600 * 1000, LONG_MS = HOUR_MS / 2 };

/* The first create is lost on the way, its time passes, and nothing is found. */
#define LAPSES "drop:CreateItem:1"

static struct site *begin(uint64_t seed, const char *faults, char *id)
{
    struct site *site = site_new(seed, "request-timeout = 5s");
    struct err err;

    site->expect_warnings = true;
    site_mailbox(site, "ann");
    if (!exchange_set_faults(site->exchange, faults, &err))
        fail_msg("%s", err.text);
    site_deposit(site, "ann", "en-short-pcm16.wav", "u", id);
    site_start(site);
    return site;
}

static void no_faults(struct site *site)
{
    struct err err;

    assert_true(exchange_set_faults(site->exchange, "", &err));
}

static void what_lapsed_is_staged_and_then_shown(void **state)
{
    char id[LIMIT_UUID];
    struct site *site = begin(1, LAPSES, id);

    (void)state;
    site_run(site, LONG_MS);
    site_assert_agree(site);
    assert_int_equal(site_items(site, "ann", id), 1);
    assert_int_equal(exchange_count(site->exchange, "CreateItem"), 1);
    assert_int_equal(exchange_count(site->exchange, "CreateFolder"), 4);
    assert_int_equal(exchange_count(site->exchange, "MoveItem"), 1);
    site_free(&site);
}

static void an_undisturbed_create_is_not_staged(void **state)
{
    char id[LIMIT_UUID];
    struct site *site = begin(2, "", id);

    (void)state;
    site_run(site, LONG_MS);
    site_assert_agree(site);
    assert_int_equal(exchange_count(site->exchange, "CreateFolder"), 0);
    assert_int_equal(exchange_count(site->exchange, "MoveItem"), 0);
    site_free(&site);
}

/* Numbers count the requests of that name: the hidden folders are the first three folders. */
static const char *const disturbed[] = {
    "lose-answer:CreateItem:2",
    "lose-answer:CreateItem:2-4",
    "drop:CreateItem:2",
    "stray:CreateItem:2:600000",
    "stray:CreateItem:2-3:1500000",
    "twice:CreateItem:2:60000",
    "lose-answer:CreateFolder:1",
    "lose-answer:CreateFolder:2-3",
    "twice:CreateFolder:1-3:0",
    "lose-answer:CreateFolder:4",
    "drop:CreateFolder:4",
    "stray:CreateFolder:4:600000",
    "stray:CreateFolder:4-5:1200000",
    "twice:CreateFolder:4:5000",
    "lose-answer:MoveItem:1",
    "drop:MoveItem:1-2",
    "stray:MoveItem:1:600000",
    "stray:MoveItem:1-2:1500000",
    "twice:MoveItem:1:0",
    "twice:MoveItem:1:600000",
    "lose-answer:MoveItem:1,twice:MoveItem:1:0",
    "lose-answer:GetItem:1",
    "drop:GetItem:1-3",
    "busy-200:CreateFolder:4:3000",
    "busy-fault:MoveItem:1-2:3000",
    "code:MoveItem:ErrorMoveCopyFailed:1-2",
    "lose-answer:FindItem:1",
    "lose-answer:FindFolder:30%",
    "lose-answer:*:30%",
    "drop:*:30%,twice:MoveItem:*:1000",
    "code:CreateItem:ErrorQuotaExceeded:2-3",
};

static void whatever_is_disturbed_it_is_shown_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof disturbed / sizeof disturbed[0]; i++) {
        char faults[160], id[LIMIT_UUID], differs[512];
        snprintf(faults, sizeof faults, "%s,%s", LAPSES, disturbed[i]);
        struct site *site = begin(10 + i, faults, id);
        /* A full mailbox is tried again after an hour. */
        for (int minute = 0; minute < 45 || (minute < 180 && !site_items(site, "ann", id));
             minute++) {
            site_run(site, 60 * 1000);
            if (site_items(site, "ann", id) > 1)
                fail_msg("%s: there twice", faults);
            if (minute == 15)
                no_faults(site);
        }
        if (site_items(site, "ann", id) != 1)
            fail_msg("%s: there %d times", faults, site_items(site, "ann", id));
        if (!site_agrees(site, differs, sizeof differs))
            fail_msg("%s: %s", faults, differs);
        site_free(&site);
    }
}

static void a_service_that_dies_at_any_moment_shows_it_once(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 15; seed++) {
        struct rng rng = rng_seed(seed);
        char id[LIMIT_UUID];
        struct site *site = begin(100 + seed, LAPSES, id);
        site_run(site, 7000); /* its time has just passed */
        for (int i = 0; i < 6; i++) {
            site_run(site, (int64_t)rng_below(&rng, 900));
            site_kill(site);
            assert_true(site_items(site, "ann", id) <= 1);
            site_run(site, (int64_t)rng_below(&rng, 300));
            site_start(site);
        }
        site_run(site, LONG_MS);
        if (site_items(site, "ann", id) != 1)
            fail_msg("seed %llu: there %d times", (unsigned long long)seed,
                     site_items(site, "ann", id));
        site_assert_agree(site);
        site_free(&site);
    }
}

static void what_staging_left_behind_is_cleared_a_day_later(void **state)
{
    char id[LIMIT_UUID];
    /* One copy is shown, and another one comes an hour after it. */
    struct site *site = begin(3, LAPSES ",stray:CreateItem:2:3600000", id);
    long removed = exchange_count(site->exchange, "DeleteFolder");

    (void)state;
    site_run(site, 2 * HOUR_MS);
    site_assert_agree(site);
    assert_int_equal(exchange_count(site->exchange, "CreateItem"), 2);
    site_run(site, 20 * HOUR_MS);
    assert_int_equal(exchange_count(site->exchange, "DeleteFolder"), removed);
    assert_int_equal(exchange_count(site->exchange, "DeleteItem"), 0);
    site_run(site, 5 * HOUR_MS);
    assert_int_equal(exchange_count(site->exchange, "DeleteFolder"), removed + 1);
    assert_int_equal(exchange_count(site->exchange, "DeleteItem"), 1);
    site_run(site, 3 * HOUR_MS);
    assert_int_equal(exchange_count(site->exchange, "DeleteFolder"), removed + 1);
    assert_int_equal(site_items(site, "ann", id), 1);
    site_assert_agree(site);
    site_free(&site);
}

static void what_its_owner_removed_before_we_knew_stays_removed(void **state)
{
    char id[LIMIT_UUID];
    struct site *site = begin(4, LAPSES ",lose-answer:MoveItem:1", id);

    (void)state;
    for (int ms = 0; ms < HOUR_MS && site_items(site, "ann", id) == 0; ms += 10)
        site_run(site, 10);
    site_kill(site);
    assert_int_equal(site_items(site, "ann", id), 1);
    site_user(site, "ann", "purge", id, NULL);
    site_start(site);
    site_run(site, 2 * HOUR_MS);
    assert_int_equal(site_items(site, "ann", id), 0);
    assert_int_equal(site_message(site, id).folder, FOLDER_DELETED);
    site_assert_agree(site);
    site_free(&site);
}

static void what_is_restored_here_afterwards_is_shown_again(void **state)
{
    char id[LIMIT_UUID];
    struct err err;
    struct site *site = begin(5, LAPSES, id);

    (void)state;
    site_run(site, LONG_MS);
    for (int i = 1; i <= 3; i++) {
        site_user(site, "ann", "purge", id, NULL);
        site_run(site, LONG_MS);
        assert_int_equal(site_message(site, id).folder, FOLDER_DELETED);
        assert_true(phone_restore(site->store, id, NULL, NULL, &err));
        site_run(site, LONG_MS);
        assert_int_equal(site_items(site, "ann", id), 1);
        assert_int_equal(exchange_count(site->exchange, "MoveItem"), 1 + i);
        site_assert_agree(site);
    }
    site_free(&site);
}

static void what_was_done_by_phone_meanwhile_arrives_too(void **state)
{
    char id[LIMIT_UUID];
    struct err err;
    struct site *site = begin(6, LAPSES ",drop:MoveItem:1", id);

    (void)state;
    site_run(site, 8000);
    assert_true(phone_set_read(site->store, id, true, NULL, NULL, &err));
    assert_true(phone_set_subject(site->store, id, "by phone", NULL, NULL, &err));
    site_run(site, LONG_MS);
    assert_int_equal(site_items(site, "ann", id), 1);
    assert_true(site_message(site, id).read);
    site_assert_agree(site);
    site_free(&site);
}

static void what_was_deleted_by_phone_meanwhile_is_not_shown_in_the_end(void **state)
{
    char id[LIMIT_UUID];
    struct err err;
    struct site *site = begin(7, LAPSES ",stray:MoveItem:1:600000", id);

    (void)state;
    site_run(site, 8000);
    assert_true(phone_delete(site->store, id, NULL, NULL, &err));
    site_run(site, 3 * HOUR_MS);
    assert_int_equal(site_message(site, id).folder, FOLDER_DELETED);
    site_assert_agree(site);
    site_free(&site);
}

/* ---- what is written down ---- */

static void write_attempt(struct site *site, const char *mailbox, const char *creation,
                          enum attempt_how how, int64_t sent_ms)
{
    struct attempt attempt = {.how = how, .sent_ms = sent_ms, .generation = 1};
    struct err err;

    snprintf(attempt.creation, sizeof attempt.creation, "%s", creation);
    snprintf(attempt.message, sizeof attempt.message, "m");
    assert_true(attempt_begin(site->store, mailbox, &attempt, &err));
}

static void a_staged_attempt_is_remembered_before_any_number_of_others(void **state)
{
    struct site *site = site_new(8, NULL);
    struct attempt list[4], found;
    int count;
    bool any;
    struct err err;

    (void)state;
    assert_true(store_begin(site->store, &err));
    write_attempt(site, "box", "staged", ATTEMPT_STAGED, 1);
    write_attempt(site, "box", "lapsed", ATTEMPT_DIRECT, 2);
    assert_true(attempt_lapse(site->store, "lapsed", &err));
    for (int i = 0; i < 20; i++) {
        char creation[16];
        snprintf(creation, sizeof creation, "d%d", i);
        write_attempt(site, "box", creation, ATTEMPT_DIRECT, 10 + i);
        assert_true(attempt_close(site->store, creation, &err));
    }
    assert_true(attempt_list(site->store, "m", list, 4, &count, &err));
    assert_int_equal(count, 4);
    assert_string_equal(list[0].creation, "staged");
    assert_int_equal(list[0].how, ATTEMPT_STAGED);
    assert_int_equal(list[0].closed_ms, 0);
    assert_string_equal(list[1].creation, "lapsed");
    assert_true(list[1].lapsed && list[1].closed_ms > 0 && !list[1].open);
    assert_true(attempt_any_open(site->store, "box", &any, &err));
    assert_false(any); /* nothing was asked to show it yet */

    found = list[0];
    found.open = true;
    found.generation = 2;
    snprintf(found.winner, sizeof found.winner, "AAMk=");
    assert_true(attempt_put_staged(site->store, &found, &err));
    assert_true(attempt_find(site->store, "staged", &found, &any, &err));
    assert_true(any && found.open && found.generation == 2);
    assert_string_equal(found.winner, "AAMk=");
    assert_true(attempt_any_open(site->store, "box", &any, &err));
    assert_true(any);
    store_rollback(site->store);
    site_free(&site);
}

static void what_is_left_behind_is_listed_until_it_is_cleared(void **state)
{
    struct site *site = site_new(9, NULL);
    struct attempt left;
    int count;
    struct err err;
    int64_t now = store_now(site->store).ms;

    (void)state;
    assert_true(store_begin(site->store, &err));
    write_attempt(site, "box", "staged", ATTEMPT_STAGED, now);
    write_attempt(site, "box", "direct", ATTEMPT_DIRECT, now);
    assert_true(attempt_close(site->store, "direct", &err));
    assert_true(attempt_list_uncleared(site->store, "box", now, &left, 1, &count, &err));
    assert_int_equal(count, 0); /* it is under way */
    assert_true(attempt_close(site->store, "staged", &err));
    assert_true(attempt_list_uncleared(site->store, "box", now - 1, &left, 1, &count, &err));
    assert_int_equal(count, 0);
    assert_true(attempt_list_uncleared(site->store, "other", now, &left, 1, &count, &err));
    assert_int_equal(count, 0);
    assert_true(attempt_list_uncleared(site->store, "box", now, &left, 1, &count, &err));
    assert_int_equal(count, 1);
    assert_string_equal(left.creation, "staged");
    assert_true(attempt_clear(site->store, "staged", &err));
    assert_true(attempt_list_uncleared(site->store, "box", now, &left, 1, &count, &err));
    assert_int_equal(count, 0);
    store_rollback(site->store);
    site_free(&site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_lapsed_is_staged_and_then_shown),
        cmocka_unit_test(an_undisturbed_create_is_not_staged),
        cmocka_unit_test(whatever_is_disturbed_it_is_shown_once),
        cmocka_unit_test(a_service_that_dies_at_any_moment_shows_it_once),
        cmocka_unit_test(what_staging_left_behind_is_cleared_a_day_later),
        cmocka_unit_test(what_its_owner_removed_before_we_knew_stays_removed),
        cmocka_unit_test(what_is_restored_here_afterwards_is_shown_again),
        cmocka_unit_test(what_was_done_by_phone_meanwhile_arrives_too),
        cmocka_unit_test(what_was_deleted_by_phone_meanwhile_is_not_shown_in_the_end),
        cmocka_unit_test(a_staged_attempt_is_remembered_before_any_number_of_others),
        cmocka_unit_test(what_is_left_behind_is_listed_until_it_is_cleared),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
