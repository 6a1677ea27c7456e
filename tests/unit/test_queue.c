/* The durable queue: pushing, holding back, setting aside, and the word of a person. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/queue_fixture.h"

static void one_row_a_mailbox_and_reason(void **state)
{
    struct queue_fixture *f = *state;

    qf_push_in(f, "ann", QUEUE_CHANGE, 5 * SECOND);
    qf_push_in(f, "ann", QUEUE_CHANGE, 2 * SECOND);
    qf_push_in(f, "ann", QUEUE_CHANGE, 9 * SECOND);
    assert_int_equal(qf_count(f, "ann"), 1);
    assert_int_equal(qf_next_due(f), 2 * SECOND);
    qf_push(f, "ann", QUEUE_NOTIFICATION);
    qf_push(f, "bob", QUEUE_CHANGE);
    assert_int_equal(qf_count(f, "ann"), 2);
    assert_int_equal(qf_count(f, ""), 3);
}

static void a_push_falls_with_its_transaction(void **state)
{
    struct queue_fixture *f = *state;

    qf_begin(f);
    qf_ok(f, queue_push(f->store, "ann", QUEUE_CHANGE, 0, &f->err));
    store_rollback(f->store);
    assert_int_equal(qf_count(f, ""), 0);
    assert_string_equal(qf_claim(f), "-");
}

static void set_aside_rows_are_never_due(void **state)
{
    struct queue_fixture *f = *state;

    qf_set_aside(f, "m1", "too large");
    qf_set_aside(f, "m2", "schema");
    qf_set_aside(f, "m1", "too large still");
    assert_int_equal(qf_count(f, "ann"), 2);
    assert_int_equal(qf_next_due(f), -1);
    assert_string_equal(qf_claim(f), "-");
    struct queue_row row = qf_first(f, "ann");
    assert_string_equal(row.message, "m1");
    assert_string_equal(row.last_error, "too large still");
    assert_int_equal(row.attempts, 2);

    qf_push(f, "ann", QUEUE_CHANGE);
    assert_string_equal(qf_claim(f), "ann");
    qf_done(f, "ann");
    assert_int_equal(qf_count(f, "ann"), 2);
}

static void not_before_holds_a_mailbox_back_but_no_other(void **state)
{
    struct queue_fixture *f = *state;

    qf_push(f, "ann", QUEUE_CHANGE);
    qf_push(f, "bob", QUEUE_SWEEP);
    qf_hold(f, "ann", f->now.ms + 30 * SECOND);
    qf_hold(f, "ann", f->now.ms + 10 * SECOND);
    assert_string_equal(qf_claim(f), "bob");
    assert_string_equal(qf_claim(f), "-");
    assert_int_equal(qf_next_due(f), 30 * SECOND);
    qf_push(f, "ann", QUEUE_RESYNC);
    assert_string_equal(qf_claim(f), "-");
    f->now.ms += 30 * SECOND - 1;
    assert_string_equal(qf_claim(f), "-");
    f->now.ms += 1;
    assert_int_equal(qf_next_due(f), -30 * SECOND);
    assert_string_equal(qf_claim(f), "ann");

    qf_push(f, "cleo", QUEUE_CHANGE);
    qf_hold(f, "cleo", f->now.ms + HOUR);
    qf_hold(f, "cleo", 0);
    assert_string_equal(qf_claim(f), "cleo");
}

static bool person(struct queue_fixture *f,
                   bool (*act)(struct store *, int64_t, struct queue_row *, struct err *),
                   int64_t id, struct queue_row *row)
{
    qf_begin(f);
    bool result = act(f->store, id, row, &f->err);
    qf_commit(f);
    return result;
}

static void retry_makes_a_waiting_row_due_now(void **state)
{
    struct queue_fixture *f = *state;
    struct queue_row row;

    qf_push_in(f, "ann", QUEUE_RETRY, HOUR);
    assert_true(person(f, queue_retry, qf_first(f, "ann").id, &row));
    assert_int_equal(row.due_ms, f->now.ms + HOUR);
    assert_string_equal(qf_claim(f), "ann");
    assert_true(person(f, queue_retry, row.id, &row));
    assert_true(row.claimed);
    qf_done(f, "ann");
    assert_string_equal(qf_claim(f), "ann");
    assert_false(person(f, queue_retry, 4711, &row));
    assert_int_equal(f->err.kind, ERR_NO_INPUT);
}

static void retry_of_a_set_aside_message_becomes_work(void **state)
{
    struct queue_fixture *f = *state;
    struct queue_claim got;
    struct queue_row row;

    qf_set_aside(f, "m1", "too large");
    assert_true(person(f, queue_retry, qf_first(f, "ann").id, &row));
    assert_int_equal(row.reason, QUEUE_SET_ASIDE);
    assert_string_equal(row.mailbox, "ann");
    assert_string_equal(row.message, "m1");
    assert_int_equal(qf_count(f, ""), 1);
    assert_true(qf_claim_as(f, QF_ME, &got));
    assert_int_equal(got.reasons, 1u << QUEUE_RETRY);
}

static void drop_forgets_a_row_but_never_a_run(void **state)
{
    struct queue_fixture *f = *state;
    struct queue_row row;

    qf_set_aside(f, "m1", "too large");
    assert_true(person(f, queue_drop, qf_first(f, "ann").id, &row));
    assert_string_equal(row.message, "m1");
    assert_int_equal(qf_count(f, ""), 0);
    assert_false(person(f, queue_drop, row.id, &row));
    assert_int_equal(f->err.kind, ERR_NO_INPUT);

    qf_push(f, "ann", QUEUE_CHANGE);
    assert_string_equal(qf_claim(f), "ann");
    assert_false(person(f, queue_drop, qf_first(f, "ann").id, &row));
    assert_int_equal(f->err.kind, ERR_TEMPORARY);
    assert_int_equal(qf_count(f, "ann"), 1);
}

static void nothing_expires(void **state)
{
    struct queue_fixture *f = *state;
    struct queue_claim got;
    int64_t start = f->now.ms;

    qf_push(f, "ann", QUEUE_CHANGE);
    for (int i = 0; i < 1000; i++) {
        f->now.ms += 100LL * HOUR;
        qf_recover(f, QF_ME);
        assert_true(qf_claim_as(f, QF_ME, &got));
        qf_again(f, "ann", HOUR, true, "down");
    }
    f->now.ms += HOUR;
    assert_true(qf_claim_as(f, QF_ME, &got));
    assert_int_equal(got.attempts, 1000);
    assert_int_equal(got.waiting_since_ms, start);
}

static void a_claim_survives_its_process_on_disk(void **state)
{
    struct queue_fixture *f = *state;
    char dir[] = "/tmp/test-queue-XXXXXX", command[64];

    store_close(&f->store);
    assert_non_null(mkdtemp(dir));
    qf_open_store(f, dir);
    qf_push(f, "ann", QUEUE_CHANGE);
    assert_string_equal(qf_claim(f), "ann");
    store_close(&f->store);

    qf_open_store(f, dir);
    assert_int_equal(qf_count(f, ""), 1);
    assert_string_equal(qf_claim(f), "-");
    qf_recover(f, "the next");
    assert_string_equal(qf_claim(f), "ann");
    qf_done(f, "ann");
    store_close(&f->store);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    assert_int_equal(system(command), 0);
}

static void back_off_doubles_from_ten_seconds_to_five_minutes(void **state)
{
    static const int64_t base[] = {10, 20, 40, 80, 160, 300, 300};
    struct rng rng = rng_seed(7);
    (void)state;

    for (int i = 0; i < 1000; i++) {
        for (int n = 0; n < 7; n++) {
            int64_t wait = queue_back_off(n, &rng);
            assert_in_range(wait, base[n] * 800, base[n] * 1200);
        }
        assert_in_range(queue_back_off(1000000, &rng), 240 * SECOND, 360 * SECOND);
    }
    struct rng same = rng_seed(11);
    rng = rng_seed(11);
    assert_int_equal(queue_back_off(3, &rng), queue_back_off(3, &same));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, qf_set_up, qf_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(one_row_a_mailbox_and_reason),
        TEST(a_push_falls_with_its_transaction),
        TEST(set_aside_rows_are_never_due),
        TEST(not_before_holds_a_mailbox_back_but_no_other),
        TEST(retry_makes_a_waiting_row_due_now),
        TEST(retry_of_a_set_aside_message_becomes_work),
        TEST(drop_forgets_a_row_but_never_a_run),
        TEST(nothing_expires),
        TEST(a_claim_survives_its_process_on_disk),
        TEST(back_off_doubles_from_ten_seconds_to_five_minutes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
