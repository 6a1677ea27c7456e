/* Claims: who comes next, and what becomes of the rows after a run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "store/db.h"
#include "store/mailbox.h"
#include "tests/support/queue_fixture.h"

/* rule: run-order */
static void a_person_waiting_comes_first(void **state)
{
    struct queue_fixture *f = *state;
    static const enum queue_reason backwards[] = {QUEUE_SWEEP,   QUEUE_RETRY,
                                                  QUEUE_FOLDERS, QUEUE_NOTIFICATION,
                                                  QUEUE_RESYNC,  QUEUE_CHANGE};

    for (size_t i = 0; i < sizeof backwards / sizeof backwards[0]; i++) {
        qf_push(f, queue_reason_name(backwards[i]), backwards[i]);
        f->now.ms += SECOND;
    }
    assert_string_equal(qf_claim(f), "change");
    assert_string_equal(qf_claim(f), "resync");
    assert_string_equal(qf_claim(f), "notification");
    assert_string_equal(qf_claim(f), "folders");
    assert_string_equal(qf_claim(f), "retry");
    assert_string_equal(qf_claim(f), "sweep");
    assert_string_equal(qf_claim(f), "-");
}

static void within_a_reason_the_one_due_longest_comes_first(void **state)
{
    struct queue_fixture *f = *state;

    qf_push_in(f, "late", QUEUE_CHANGE, 3 * SECOND);
    qf_push_in(f, "early", QUEUE_CHANGE, 1 * SECOND);
    qf_push_in(f, "never yet", QUEUE_CHANGE, HOUR);
    assert_string_equal(qf_claim(f), "-");
    f->now.ms += 5 * SECOND;
    assert_string_equal(qf_claim(f), "early");
    assert_string_equal(qf_claim(f), "late");
    assert_string_equal(qf_claim(f), "-");
}

static void a_claim_takes_every_due_row_of_its_mailbox(void **state)
{
    struct queue_fixture *f = *state;
    struct queue_claim got;
    int64_t start = f->now.ms;

    qf_push(f, "ann", QUEUE_SWEEP);
    f->now.ms += SECOND;
    qf_push(f, "ann", QUEUE_CHANGE);
    qf_push_in(f, "ann", QUEUE_RETRY, HOUR);
    assert_true(qf_claim_as(f, QF_ME, &got));
    assert_int_equal(got.reasons, 1u << QUEUE_SWEEP | 1u << QUEUE_CHANGE);
    assert_int_equal(got.waiting_since_ms, start);
    assert_int_equal(got.attempts, 0);
    qf_done(f, "ann");
    assert_int_equal(qf_count(f, "ann"), 1);
    assert_int_equal(qf_next_due(f), HOUR);
}

static void a_mailbox_is_never_claimed_twice_at_once(void **state)
{
    struct queue_fixture *f = *state;
    struct queue_claim got;

    qf_push(f, "ann", QUEUE_SWEEP);
    assert_string_equal(qf_claim(f), "ann");
    qf_push(f, "ann", QUEUE_CHANGE);
    assert_false(qf_claim_as(f, QF_ME, &got));
    assert_false(qf_claim_as(f, "another", &got));
    assert_int_equal(qf_next_due(f), -1);
    qf_done(f, "ann");
    assert_true(qf_claim_as(f, "another", &got));
    assert_int_equal(got.reasons, 1u << QUEUE_CHANGE);
}

static void a_push_during_a_claim_brings_one_more_look(void **state)
{
    struct queue_fixture *f = *state;
    struct queue_claim got;

    qf_push(f, "ann", QUEUE_CHANGE);
    assert_string_equal(qf_claim(f), "ann");
    f->now.ms += SECOND;
    qf_push(f, "ann", QUEUE_CHANGE);
    qf_push(f, "ann", QUEUE_CHANGE);
    assert_int_equal(qf_count(f, "ann"), 1);
    qf_done(f, "ann");
    assert_true(qf_claim_as(f, QF_ME, &got));
    assert_string_equal(got.mailbox, "ann");
    assert_int_equal(got.waiting_since_ms, f->now.ms);
    qf_done(f, "ann");
    assert_string_equal(qf_claim(f), "-");
    assert_int_equal(qf_count(f, ""), 0);
}

static void a_later_wish_pushed_during_a_claim_keeps_its_time(void **state)
{
    struct queue_fixture *f = *state;

    qf_push(f, "ann", QUEUE_SWEEP);
    assert_string_equal(qf_claim(f), "ann");
    qf_push_in(f, "ann", QUEUE_SWEEP, HOUR);
    qf_done(f, "ann");
    assert_string_equal(qf_claim(f), "-");
    assert_int_equal(qf_next_due(f), HOUR);
    f->now.ms += HOUR;
    assert_string_equal(qf_claim(f), "ann");
}

static void done_keeps_what_was_pushed_meanwhile(void **state)
{
    struct queue_fixture *f = *state;

    qf_push(f, "ann", QUEUE_CHANGE);
    qf_push(f, "ann", QUEUE_NOTIFICATION);
    assert_string_equal(qf_claim(f), "ann");
    qf_push(f, "ann", QUEUE_NOTIFICATION);
    qf_push(f, "ann", QUEUE_RETRY);
    qf_done(f, "ann");
    struct queue_row row = qf_first(f, "ann");
    assert_int_equal(qf_count(f, "ann"), 2);
    assert_int_equal(row.reason, QUEUE_NOTIFICATION);
    assert_false(row.claimed);
    assert_int_equal(qf_next_due(f), 0);
}

static void done_by_one_owner_leaves_the_rows_of_another(void **state)
{
    struct queue_fixture *f = *state;
    struct queue_claim got;

    qf_push(f, "ann", QUEUE_CHANGE);
    assert_true(qf_claim_as(f, "another", &got));
    qf_done(f, "ann");
    assert_int_equal(qf_count(f, "ann"), 1);
    assert_true(qf_first(f, "ann").claimed);
}

static void again_counts_attempts_and_keeps_the_error(void **state)
{
    struct queue_fixture *f = *state;
    struct queue_claim got;
    int64_t start = f->now.ms;

    qf_push(f, "ann", QUEUE_CHANGE);
    qf_push(f, "ann", QUEUE_NOTIFICATION);
    assert_true(qf_claim_as(f, QF_ME, &got));
    qf_again(f, "ann", 10 * SECOND, true, "no route to host");
    struct queue_row row = qf_first(f, "ann");
    assert_int_equal(qf_count(f, "ann"), 1);
    assert_int_equal(row.reason, QUEUE_RETRY);
    assert_int_equal(row.attempts, 1);
    assert_string_equal(row.last_error, "no route to host");
    assert_int_equal(row.due_ms, start + 10 * SECOND);
    assert_int_equal(row.created_ms, start);

    assert_string_equal(qf_claim(f), "-");
    f->now.ms += 10 * SECOND;
    assert_true(qf_claim_as(f, QF_ME, &got));
    assert_int_equal(got.attempts, 1);
    assert_int_equal(got.waiting_since_ms, start);
    qf_again(f, "ann", 20 * SECOND, false, NULL);
    row = qf_first(f, "ann");
    assert_int_equal(row.attempts, 1);
    assert_int_equal(row.due_ms, f->now.ms + 20 * SECOND);
    f->now.ms += 20 * SECOND;
    assert_string_equal(qf_claim(f), "ann");
    qf_again(f, "ann", 40 * SECOND, true, "refused");
    assert_int_equal(qf_first(f, "ann").attempts, 2);
}

static void again_keeps_what_was_pushed_meanwhile(void **state)
{
    struct queue_fixture *f = *state;

    qf_push(f, "ann", QUEUE_CHANGE);
    assert_string_equal(qf_claim(f), "ann");
    qf_push(f, "ann", QUEUE_CHANGE);
    qf_again(f, "ann", HOUR, true, "busy");
    assert_int_equal(qf_count(f, "ann"), 2);
    struct queue_claim got;
    assert_true(qf_claim_as(f, QF_ME, &got));
    assert_int_equal(got.reasons, 1u << QUEUE_CHANGE);
    assert_int_equal(got.attempts, 1);
}

static void a_fresh_failure_does_not_forget_the_attempts_of_a_waiting_retry(void **state)
{
    struct queue_fixture *f = *state;

    for (int i = 0; i < 4; i++) {
        qf_push(f, "ann", QUEUE_RETRY);
        assert_string_equal(qf_claim(f), "ann");
        qf_again(f, "ann", HOUR, true, "busy");
    }
    qf_push(f, "ann", QUEUE_CHANGE);
    assert_string_equal(qf_claim(f), "ann");
    qf_again(f, "ann", 10 * SECOND, true, "still busy");
    struct queue_row row = qf_first(f, "ann");
    assert_int_equal(qf_count(f, "ann"), 1);
    assert_int_equal(row.attempts, 4);
    assert_int_equal(row.due_ms, f->now.ms + 10 * SECOND);
    assert_string_equal(row.last_error, "still busy");
}

static void a_claim_of_a_dead_owner_is_taken_over(void **state)
{
    struct queue_fixture *f = *state;
    struct queue_claim got;

    qf_push(f, "ann", QUEUE_CHANGE);
    qf_push(f, "bob", QUEUE_CHANGE);
    assert_true(qf_claim_as(f, "dead", &got));
    assert_string_equal(got.mailbox, "ann");
    qf_push_in(f, "ann", QUEUE_CHANGE, HOUR);
    assert_string_equal(qf_claim(f), "bob");
    f->now.ms += SECOND;
    qf_recover(f, QF_ME);
    assert_true(qf_first(f, "bob").claimed);
    assert_string_equal(qf_claim(f), "ann");
    assert_string_equal(qf_claim(f), "-");
}

static void a_mailbox_that_kills_its_claimer_goes_behind_the_others(void **state)
{
    struct queue_fixture *f = *state;
    struct queue_claim got;

    qf_push(f, "poison", QUEUE_CHANGE);
    f->now.ms += SECOND;
    qf_push(f, "ann", QUEUE_CHANGE);
    assert_true(qf_claim_as(f, "dead", &got));
    assert_string_equal(got.mailbox, "poison");
    f->now.ms += SECOND;
    qf_recover(f, QF_ME);
    assert_string_equal(qf_claim(f), "ann");
    assert_string_equal(qf_claim(f), "poison");
}

static void next_due_is_when_a_claim_would_find_something(void **state)
{
    struct queue_fixture *f = *state;

    assert_int_equal(qf_next_due(f), -1);
    qf_push_in(f, "ann", QUEUE_SWEEP, 50 * SECOND);
    assert_int_equal(qf_next_due(f), 50 * SECOND);
    qf_push_in(f, "bob", QUEUE_CHANGE, 70 * SECOND);
    assert_int_equal(qf_next_due(f), 50 * SECOND);
    qf_hold(f, "ann", f->now.ms + 90 * SECOND);
    assert_int_equal(qf_next_due(f), 70 * SECOND);
    f->now.ms += 80 * SECOND;
    assert_int_equal(qf_next_due(f), -10 * SECOND);
    assert_string_equal(qf_claim(f), "bob");
    qf_push(f, "bob", QUEUE_RESYNC);
    assert_int_equal(qf_next_due(f), 10 * SECOND);
    f->now.ms += 10 * SECOND;
    assert_string_equal(qf_claim(f), "ann");
    assert_int_equal(qf_next_due(f), -1);
    qf_done(f, "bob");
    assert_int_equal(qf_next_due(f), -10 * SECOND);
}

static void a_calendar_set_back_delays_nothing_after_a_start(void **state)
{
    struct queue_fixture *f = *state;

    qf_push(f, "ann", QUEUE_CHANGE);
    qf_push(f, "bob", QUEUE_CHANGE);
    qf_hold(f, "bob", f->now.ms + HOUR);
    f->now.ms -= 1000LL * HOUR;
    qf_recover(f, QF_ME);
    assert_string_equal(qf_claim(f), "ann");
    assert_string_equal(qf_claim(f), "bob");
}

static void each_of_1000_mailboxes_is_claimed_once_before_any_twice(void **state)
{
    struct queue_fixture *f = *state;
    enum { MAILBOXES = 1000, AT_ONCE = 8 };
    static unsigned char claims[MAILBOXES];
    char name[16], running[AT_ONCE][16] = {{0}};

    memset(claims, 0, sizeof claims);
    for (int i = 0; i < MAILBOXES; i++) {
        snprintf(name, sizeof name, "%d", i);
        qf_push(f, name, QUEUE_CHANGE);
    }
    for (int i = 0; i < 3 * MAILBOXES; i++) {
        char *slot = running[i % AT_ONCE];
        f->now.ms += 1;
        if (slot[0]) { /* busy mailboxes: each is pushed again while its run is under way */
            qf_push(f, slot, QUEUE_CHANGE);
            qf_done(f, slot);
        }
        snprintf(slot, sizeof running[0], "%s", qf_claim(f));
        assert_string_not_equal(slot, "-");
        long number = strtol(slot, NULL, 10);
        assert_in_range(number, 0, MAILBOXES - 1);
        int claimed = ++claims[number];
        assert_int_equal(claimed, i / MAILBOXES + 1);
    }
}

/* Steps of SQLite's machine since the last look, over all statements: time that does not depend
 * on the machine. */
static int steps(struct queue_fixture *f)
{
    int sum = 0;
    sqlite3_stmt *any = db_query(f->store, &f->err, "SELECT 1", "");
    sqlite3 *db = sqlite3_db_handle(any);

    db_end(any);
    for (sqlite3_stmt *s = sqlite3_next_stmt(db, NULL); s; s = sqlite3_next_stmt(db, s))
        sum += sqlite3_stmt_status(s, SQLITE_STMTSTATUS_VM_STEP, 1);
    return sum;
}

static void ten_thousand_rows_cost_a_claim_no_more_than_ten(void **state)
{
    struct queue_fixture *f = *state;
    enum { ROWS = 10000, BOUND = 1000 };
    char name[32];

    qf_begin(f);
    for (int i = 0; i < ROWS; i++) {
        snprintf(name, sizeof name, "mailbox-%d", i);
        qf_ok(f, queue_push(f->store, name, QUEUE_SWEEP, i % 2 ? HOUR : 0, &f->err));
    }
    qf_commit(f);
    steps(f);
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "%s", qf_claim(f));
        assert_in_range(steps(f), 1, BOUND);
        if (i % 2)
            qf_again(f, name, HOUR, true, "busy");
        else
            qf_done(f, name);
        assert_in_range(steps(f), 1, BOUND);
        qf_push(f, name, QUEUE_CHANGE);
        assert_in_range(steps(f), 1, BOUND);
        assert_int_equal(qf_next_due(f), 0);
        assert_in_range(steps(f), 1, BOUND);
    }
}

static void no_claim_scans_the_queue(void **state)
{
    struct queue_fixture *f = *state;
    int seen = 0;

    qf_push(f, "ann", QUEUE_CHANGE);
    assert_string_equal(qf_claim(f), "ann");
    qf_again(f, "ann", 0, true, "busy");
    assert_string_equal(qf_claim(f), "ann");
    qf_done(f, "ann");
    qf_next_due(f);
    sqlite3_stmt *any = db_query(f->store, &f->err, "SELECT 2", "");
    sqlite3 *db = sqlite3_db_handle(any);
    for (sqlite3_stmt *s = sqlite3_next_stmt(db, NULL); s; s = sqlite3_next_stmt(db, s)) {
        char sql[2048];
        sqlite3_stmt *plan;
        if (!strstr(sqlite3_sql(s), "queue") || strstr(sqlite3_sql(s), "EXPLAIN"))
            continue;
        seen++;
        snprintf(sql, sizeof sql, "EXPLAIN QUERY PLAN %s", sqlite3_sql(s));
        assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &plan, NULL), SQLITE_OK);
        while (sqlite3_step(plan) == SQLITE_ROW) {
            const char *detail = (const char *)sqlite3_column_text(plan, 3);
            if (strcmp(detail, "SCAN queue") == 0 || strcmp(detail, "SCAN q") == 0 ||
                strstr(detail, "TEMP B-TREE"))
                fail_msg("%s: %s", detail, sqlite3_sql(s));
        }
        sqlite3_finalize(plan);
    }
    db_end(any);
    assert_in_range(seen, 10, 100);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, qf_set_up, qf_tear_down)

/* ---- sections of Exchange ---- */

static void add_mailbox(struct queue_fixture *f, const char *name, const char *exchange,
                        char *id)
{
    struct mailbox mailbox = {.single_inbox = true};

    snprintf(mailbox.name, sizeof mailbox.name, "%s", name);
    snprintf(mailbox.smtp, sizeof mailbox.smtp, "%s@example.net", name);
    snprintf(mailbox.exchange, sizeof mailbox.exchange, "%s", exchange);
    qf_begin(f);
    qf_ok(f, mailbox_add(f->store, &mailbox, &f->err));
    qf_commit(f);
    memcpy(id, mailbox.id, sizeof mailbox.id);
}

static bool not_held(const char *exchange, void *arg)
{
    (void)arg;
    return strcmp(exchange, "held") != 0;
}

static bool claim_not_held(struct queue_fixture *f, struct queue_claim *claim)
{
    const struct queue_claimer claimer = {QF_ME, not_held, NULL};
    bool found;

    qf_begin(f);
    qf_ok(f, queue_claim_next(f->store, &claimer, claim, &found, &f->err));
    qf_commit(f);
    return found;
}

static void what_may_not_be_claimed_is_passed_over_and_keeps_its_place(void **state)
{
    struct queue_fixture *f = *state;
    struct queue_claim got;
    const struct queue_claimer claimer = {QF_ME, not_held, NULL};
    char held[LIMIT_UUID], other[LIMIT_UUID], plain[LIMIT_UUID];
    int64_t due;

    add_mailbox(f, "ann", "held", held);
    add_mailbox(f, "bob", "other", other);
    add_mailbox(f, "cy", "", plain);
    qf_push(f, held, QUEUE_CHANGE);
    f->now.ms += SECOND;
    qf_push(f, other, QUEUE_SWEEP);
    f->now.ms += SECOND;
    qf_push(f, plain, QUEUE_SWEEP);
    assert_true(claim_not_held(f, &got));
    assert_string_equal(got.mailbox, other);
    assert_true(claim_not_held(f, &got));
    assert_string_equal(got.mailbox, plain);
    assert_false(claim_not_held(f, &got));
    assert_true(queue_next_due(f->store, &claimer, &due, &f->err));
    assert_int_equal(due, 0);
    assert_int_equal(qf_next_due(f), -2 * SECOND);
    assert_string_equal(qf_claim(f), held);
}

static void what_is_given_back_is_as_it_was(void **state)
{
    struct queue_fixture *f = *state;
    struct queue_claim got;

    qf_push(f, "ann", QUEUE_SWEEP);
    qf_push(f, "ann", QUEUE_CHANGE);
    assert_true(qf_claim_as(f, QF_ME, &got));
    qf_begin(f);
    qf_ok(f, queue_give_back(f->store, QF_ME, "ann", 0, "held", &f->err));
    qf_commit(f);
    assert_int_equal(qf_next_due(f), 0);
    assert_true(qf_claim_as(f, QF_ME, &got));
    assert_int_equal(got.reasons, 1u << QUEUE_SWEEP | 1u << QUEUE_CHANGE);
    assert_int_equal(got.attempts, 0);
    qf_begin(f);
    qf_ok(f, queue_give_back(f->store, QF_ME, "ann", SECOND, "held", &f->err));
    qf_commit(f);
    assert_int_equal(qf_next_due(f), SECOND);
    assert_string_equal(qf_first(f, "ann").last_error, "held");
}

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Time for 200 claims of healthy mailboxes. */
static double time_claims(struct queue_fixture *f, const char *healthy)
{
    struct queue_claim got;
    double from = seconds();

    for (int i = 0; i < 200; i++) {
        qf_push(f, healthy, QUEUE_CHANGE);
        assert_true(claim_not_held(f, &got));
        assert_string_equal(got.mailbox, healthy);
        qf_done(f, healthy);
    }
    return seconds() - from;
}

static void a_held_account_with_20000_due_mailboxes_costs_the_others_nothing(void **state)
{
    struct queue_fixture *f = *state;
    struct mailbox mailbox = {.single_inbox = true, .exchange = "held"};
    char healthy[LIMIT_UUID];

    add_mailbox(f, "ann", "other", healthy);
    double alone = time_claims(f, healthy);
    qf_begin(f);
    for (int i = 0; i < 20000; i++) {
        snprintf(mailbox.name, sizeof mailbox.name, "box%d", i);
        snprintf(mailbox.smtp, sizeof mailbox.smtp, "box%d@example.net", i);
        qf_ok(f, mailbox_add(f->store, &mailbox, &f->err));
        qf_ok(f, queue_push(f->store, mailbox.id, QUEUE_CHANGE, 0, &f->err));
    }
    qf_commit(f);
    double beside = time_claims(f, healthy);
    print_message("a claim: %.0f us alone, %.0f us beside 20000 due mailboxes that are held\n",
                  alone / 200 * 1e6, beside / 200 * 1e6);
    assert_true(beside < 10 * alone + 0.2); /* walking past them takes some 100 times as long */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_person_waiting_comes_first),
        TEST(within_a_reason_the_one_due_longest_comes_first),
        TEST(a_claim_takes_every_due_row_of_its_mailbox),
        TEST(a_mailbox_is_never_claimed_twice_at_once),
        TEST(a_push_during_a_claim_brings_one_more_look),
        TEST(a_later_wish_pushed_during_a_claim_keeps_its_time),
        TEST(done_keeps_what_was_pushed_meanwhile),
        TEST(done_by_one_owner_leaves_the_rows_of_another),
        TEST(again_counts_attempts_and_keeps_the_error),
        TEST(again_keeps_what_was_pushed_meanwhile),
        TEST(a_fresh_failure_does_not_forget_the_attempts_of_a_waiting_retry),
        TEST(a_claim_of_a_dead_owner_is_taken_over),
        TEST(a_mailbox_that_kills_its_claimer_goes_behind_the_others),
        TEST(next_due_is_when_a_claim_would_find_something),
        TEST(a_calendar_set_back_delays_nothing_after_a_start),
        TEST(each_of_1000_mailboxes_is_claimed_once_before_any_twice),
        TEST(ten_thousand_rows_cost_a_claim_no_more_than_ten),
        TEST(no_claim_scans_the_queue),
        TEST(what_may_not_be_claimed_is_passed_over_and_keeps_its_place),
        TEST(what_is_given_back_is_as_it_was),
        TEST(a_held_account_with_20000_due_mailboxes_costs_the_others_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
