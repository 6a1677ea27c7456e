/* The pace of one Exchange: its limit, its breaker, its credentials. No clock, no network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "ews/pace.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR, FLIGHTS = 64 };

/* A server and its clients, stepped from one answer to the next. */
struct world {
    struct pace pace;
    struct mono now;
    struct rng rng;
    struct {
        bool busy;
        uint64_t request, mailbox;
        enum pace_end end;
        struct mono done;
    } flights[FLIGHTS];
    enum pace_end (*answer)(struct world *world, uint64_t mailbox);
    int64_t latency_ms;
    int mailboxes, crowd; /* crowd: of the mailboxes, those over their budget */
    bool wrong_password;
    /* counted */
    long sent, well;
    struct mono denied_at[512];
    int denied;
};

static struct world world_new(int most, uint64_t seed)
{
    struct world world = {.latency_ms = 50, .mailboxes = 200, .rng = rng_seed(seed)};

    pace_init(&world.pace, most, true, seed);
    return world;
}

/* Make the credentials accepted. */
static void prove(struct world *world)
{
    uint64_t request = pace_begin(&world->pace);
    pace_end(&world->pace, request, PACE_WELL, 1, world->now);
}

static void send_all(struct world *world)
{
    for (int i = 0; i < FLIGHTS && pace_may_begin(&world->pace); i++) {
        if (world->flights[i].busy)
            continue;
        uint64_t mailbox = 1 + rng_below(&world->rng, (uint64_t)world->mailboxes);
        world->flights[i].busy = true;
        world->flights[i].mailbox = mailbox;
        world->flights[i].end = world->answer(world, mailbox);
        world->flights[i].request = pace_begin(&world->pace);
        int64_t ms = rng_jitter(&world->rng, world->latency_ms, 30);
        world->flights[i].done = mono_add(world->now, ms);
        world->sent++;
    }
    assert_true(world->pace.limit >= 1 && world->pace.limit <= world->pace.most);
    assert_true(world->pace.in_flight <= world->pace.most);
}

static void count_end(struct world *world, enum pace_end end)
{
    world->well += end == PACE_WELL;
    if (end == PACE_DENIED) {
        assert_true(world->denied < 512);
        world->denied_at[world->denied++] = world->now;
    }
}

static void probe(struct world *world)
{
    enum pace_end end = world->answer(world, 1);

    pace_probe_begin(&world->pace);
    count_end(world, end);
    pace_probe_end(&world->pace, end, world->now);
}

/* To the next answer or probe, not beyond `until`. */
static void step(struct world *world, struct mono until)
{
    int next = -1;

    send_all(world);
    for (int i = 0; i < FLIGHTS; i++) {
        if (world->flights[i].busy &&
            (next < 0 || world->flights[i].done.ms < world->flights[next].done.ms))
            next = i;
    }
    bool probes = pace_is_held(&world->pace) &&
                  (next < 0 || world->pace.next_probe.ms < world->flights[next].done.ms);
    struct mono at = probes      ? world->pace.next_probe
                     : next >= 0 ? world->flights[next].done
                                 : until;
    if (at.ms > until.ms) {
        world->now = until;
        return;
    }
    if (at.ms > world->now.ms)
        world->now = at;
    if (probes) {
        probe(world);
        return;
    }
    world->flights[next].busy = false;
    count_end(world, world->flights[next].end);
    pace_end(&world->pace, world->flights[next].request, world->flights[next].end,
             world->flights[next].mailbox, world->now);
}

static void run(struct world *world, int64_t ms)
{
    struct mono until = mono_add(world->now, ms);

    while (world->now.ms < until.ms)
        step(world, until);
}

static enum pace_end all_well(struct world *world, uint64_t mailbox)
{
    (void)world;
    (void)mailbox;
    return PACE_WELL;
}

static enum pace_end crowd_is_busy(struct world *world, uint64_t mailbox)
{
    return mailbox <= (uint64_t)world->crowd ? PACE_BUSY : PACE_WELL;
}

static enum pace_end all_down(struct world *world, uint64_t mailbox)
{
    (void)world;
    (void)mailbox;
    return PACE_DOWN;
}

static enum pace_end by_password(struct world *world, uint64_t mailbox)
{
    (void)mailbox;
    return world->wrong_password ? PACE_DENIED : PACE_WELL;
}

/* ---- the limit ---- */

static void the_limit_starts_at_eight_and_never_exceeds_what_is_configured(void **state)
{
    static const int most[] = {1, 2, 7, 8, 9, 64};

    (void)state;
    for (size_t i = 0; i < sizeof most / sizeof most[0]; i++) {
        struct world world = world_new(most[i], i);
        world.answer = all_well;
        assert_int_equal(world.pace.limit, most[i] < 8 ? most[i] : 8);
        run(&world, MINUTE);
        assert_int_equal(world.pace.limit, most[i]);
    }
}

static void trouble_halves_the_limit_once_for_all_that_was_in_flight(void **state)
{
    static const enum pace_end troubles[] = {PACE_SLOW, PACE_LOST, PACE_DOWN};

    (void)state;
    for (size_t i = 0; i < sizeof troubles / sizeof troubles[0]; i++) {
        struct world world = world_new(8, 1);
        uint64_t requests[8];
        prove(&world);
        for (int n = 0; n < 8; n++)
            requests[n] = pace_begin(&world.pace);
        assert_false(pace_may_begin(&world.pace));
        for (uint64_t n = 0; n < 4; n++)
            pace_end(&world.pace, requests[n], troubles[i], n + 1, world.now);
        assert_int_equal(world.pace.limit, 4);
        assert_false(pace_may_begin(&world.pace));
        for (uint64_t n = 4; n < 8; n++)
            pace_end(&world.pace, requests[n], PACE_WELL, n + 1, world.now);
        uint64_t later = pace_begin(&world.pace);
        pace_end(&world.pace, later, troubles[i], 9, world.now);
        assert_int_equal(world.pace.limit, 2);
    }
}

static void the_limit_never_falls_below_one(void **state)
{
    struct world world = world_new(8, 1);

    (void)state;
    prove(&world);
    for (int i = 0; i < 100; i++)
        pace_end(&world.pace, pace_begin(&world.pace), PACE_SLOW, 1, world.now);
    assert_int_equal(world.pace.limit, 1);
    assert_true(pace_may_begin(&world.pace));
}

static void the_limit_grows_by_one_for_some_rounds_that_went_well(void **state)
{
    struct world world = world_new(8, 1);

    (void)state;
    prove(&world);
    pace_end(&world.pace, pace_begin(&world.pace), PACE_SLOW, 1, world.now);
    for (int limit = 4; limit < 8; limit++) {
        assert_int_equal(world.pace.limit, limit);
        for (int i = 0; i < PACE_GROW_ROUNDS * limit; i++) {
            assert_int_equal(world.pace.limit, limit);
            pace_end(&world.pace, pace_begin(&world.pace), PACE_WELL, 1, world.now);
        }
    }
    assert_int_equal(world.pace.limit, 8);
}

/* From 1 to 8 it takes some 28 rounds and four times as many, 64 some 250 rounds. */
static void the_limit_is_back_within_seconds_after_trouble(void **state)
{
    static const struct {
        int most;
        int64_t within_ms;
    } rows[] = {{8, 3 * SECOND}, {64, 20 * SECOND}};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct world world = world_new(rows[i].most, 3);
        world.answer = all_well;
        prove(&world);
        for (int n = 0; n < 10; n++)
            pace_end(&world.pace, pace_begin(&world.pace), PACE_SLOW, 1, world.now);
        assert_int_equal(world.pace.limit, 1);
        run(&world, rows[i].within_ms);
        assert_int_equal(world.pace.limit, rows[i].most);
    }
}

static void a_few_throttled_mailboxes_leave_the_limit_alone(void **state)
{
    long well[2];

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct world world = world_new(8, 5);
        world.answer = crowd_is_busy;
        world.crowd = i ? 20 : 0;
        run(&world, 10 * MINUTE);
        well[i] = world.well;
        assert_true(world.sent > 50000);
    }
    /* Every tenth answer says "busy" all the time, which no client of ours would even ask for;
     * the rest goes as fast as before. */
    assert_true((double)well[1] >= 0.88 * (double)well[0]);
}

static void three_throttled_mailboxes_alone_never_halve(void **state)
{
    struct world world = world_new(8, 5);

    (void)state;
    prove(&world);
    for (uint64_t i = 0; i < 1000; i++)
        pace_end(&world.pace, pace_begin(&world.pace), PACE_BUSY, 1 + i % 3, world.now);
    assert_int_equal(world.pace.limit, 8);
}

static void those_that_are_throttled_all_day_make_no_crowd_when_others_are_quiet(void **state)
{
    struct world world = world_new(8, 5);

    (void)state;
    prove(&world);
    for (uint64_t i = 0; i < 20; i++) /* they come one by one, while others are busy */
        for (uint64_t n = 0; n < 10; n++)
            pace_end(&world.pace, pace_begin(&world.pace), n ? PACE_WELL : PACE_BUSY,
                     n ? 1000 + n : 1 + i, world.now);
    for (uint64_t i = 0; i < 1000; i++)
        pace_end(&world.pace, pace_begin(&world.pace), PACE_BUSY, 1 + i % 20, world.now);
    assert_int_equal(world.pace.limit, 8);
}

static void trouble_of_a_minute_ago_is_forgotten(void **state)
{
    struct world world = world_new(8, 5);

    (void)state;
    prove(&world);
    for (int i = 0; i < 10; i++)
        pace_end(&world.pace, pace_begin(&world.pace), PACE_SLOW, 1, world.now);
    world.now = mono_add(world.now, PACE_FORGET_MS);
    for (int i = 0; i < 7; i++)
        pace_end(&world.pace, pace_begin(&world.pace), PACE_WELL, 1, world.now);
    assert_int_equal(world.pace.limit, 8);
}

static void a_server_that_throttles_everybody_is_heard_at_once(void **state)
{
    struct world world = world_new(8, 6);

    (void)state;
    world.answer = all_well;
    run(&world, MINUTE);
    world.answer = crowd_is_busy;
    world.crowd = world.mailboxes;
    run(&world, SECOND); /* some twenty rounds */
    assert_int_equal(world.pace.limit, 1);
    assert_false(pace_is_held(&world.pace));
}

/* ---- the breaker ---- */

static void failures_in_a_row_open_the_breaker(void **state)
{
    struct world world = world_new(8, 7);

    (void)state;
    prove(&world);
    for (int n = 1; n <= PACE_BREAK_AFTER; n++) {
        assert_false(pace_is_held(&world.pace));
        pace_end(&world.pace, pace_begin(&world.pace), PACE_DOWN, 1, world.now);
    }
    assert_true(pace_is_held(&world.pace));
    assert_false(pace_may_begin(&world.pace));
    assert_false(pace_probe_is_due(&world.pace, mono_add(world.now, 3900)));
    assert_true(pace_probe_is_due(&world.pace, mono_add(world.now, 6100)));
}

static void an_answer_in_between_keeps_it_closed(void **state)
{
    static const enum pace_end answers[] = {PACE_WELL, PACE_BUSY, PACE_SLOW};
    struct world world = world_new(8, 7);

    (void)state;
    prove(&world);
    for (int n = 1; n < 100; n++) {
        enum pace_end end = n % PACE_BREAK_AFTER ? PACE_DOWN : answers[n % 3];
        pace_end(&world.pace, pace_begin(&world.pace), end, (uint64_t)n, world.now);
        assert_false(pace_is_held(&world.pace));
    }
}

static void one_mailbox_that_hangs_does_not_open_it(void **state)
{
    struct world world = world_new(8, 7);

    (void)state;
    prove(&world);
    for (int n = 0; n < 100; n++)
        pace_end(&world.pace, pace_begin(&world.pace), PACE_LOST, 7, world.now);
    assert_false(pace_is_held(&world.pace));
    for (uint64_t n = 0; n < PACE_BREAK_AFTER; n++)
        pace_end(&world.pace, pace_begin(&world.pace), PACE_LOST, 10 + n, world.now);
    assert_true(pace_is_held(&world.pace));
}

static void probes_come_after_five_seconds_doubling_to_a_minute(void **state)
{
    static const int64_t pauses[] = {5, 10, 20, 40, 60, 60, 60};
    struct world world = world_new(8, 8);

    (void)state;
    world.answer = all_down;
    while (!pace_is_held(&world.pace))
        step(&world, mono_add(world.now, SECOND));
    for (size_t i = 0; i < sizeof pauses / sizeof pauses[0]; i++) {
        int64_t wait = pace_wait_ms(&world.pace, world.now);
        assert_in_range(wait, pauses[i] * 800, pauses[i] * 1200);
        world.now = mono_add(world.now, wait);
        assert_true(pace_probe_is_due(&world.pace, world.now));
        pace_probe_begin(&world.pace);
        assert_false(pace_probe_is_due(&world.pace, world.now));
        pace_probe_end(&world.pace, PACE_LOST, world.now);
    }
}

static void after_a_good_probe_requests_begin_slowly_and_grow_quickly(void **state)
{
    struct world world = world_new(64, 9);

    (void)state;
    world.answer = all_down;
    run(&world, 10 * MINUTE);
    assert_true(pace_is_held(&world.pace));
    world.answer = all_well;
    while (pace_is_held(&world.pace))
        step(&world, mono_add(world.now, MINUTE));
    assert_int_equal(world.pace.limit, 1);
    long before = world.sent;
    run(&world, 50);
    assert_true(world.sent - before <= 4);
    run(&world, 5 * 50);
    assert_true(world.pace.limit >= 8);
    run(&world, 20 * SECOND);
    assert_int_equal(world.pace.limit, 64);
}

static void while_it_is_open_only_probes_go_out(void **state)
{
    struct world world = world_new(8, 10);

    (void)state;
    world.answer = all_down;
    run(&world, MINUTE);
    long before = world.sent;
    run(&world, DAY);
    assert_int_equal(world.sent, before);
}

/* ---- the credentials ---- */

static void until_they_are_accepted_one_request_is_in_flight(void **state)
{
    struct world world = world_new(64, 11);

    (void)state;
    uint64_t first = pace_begin(&world.pace);
    assert_false(pace_may_begin(&world.pace));
    pace_end(&world.pace, first, PACE_LOST, 1, world.now);
    first = pace_begin(&world.pace);
    assert_false(pace_may_begin(&world.pace));
    pace_end(&world.pace, first, PACE_WELL, 1, world.now);
    pace_begin(&world.pace);
    assert_true(pace_may_begin(&world.pace));
}

static void two_refusals_park_and_an_hour_passes_before_the_next_try(void **state)
{
    struct world world = world_new(8, 12);

    (void)state;
    world.answer = by_password;
    world.wrong_password = true;
    run(&world, SECOND);
    assert_int_equal(world.denied, 2);
    assert_int_equal(world.pace.state, PACE_PARKED);
    run(&world, HOUR - SECOND);
    assert_int_equal(world.denied, 2);
    run(&world, HOUR / 4);
    assert_int_equal(world.denied, 3);
    world.wrong_password = false;
    run(&world, 2 * HOUR);
    assert_int_equal(world.denied, 3);
    assert_int_equal(world.pace.state, PACE_OPEN);
}

static void a_new_password_is_tried_at_once_and_alone(void **state)
{
    struct world world = world_new(8, 13);

    (void)state;
    world.answer = by_password;
    world.wrong_password = true;
    run(&world, MINUTE);
    pace_renew(&world.pace);
    assert_true(pace_may_begin(&world.pace));
    uint64_t request = pace_begin(&world.pace);
    assert_false(pace_may_begin(&world.pace));
    pace_end(&world.pace, request, PACE_WELL, 1, world.now);
    assert_int_equal(world.pace.state, PACE_OPEN);
}

static void an_old_answer_does_not_excuse_a_refusal(void **state)
{
    struct world world = world_new(8, 14);
    uint64_t old[3];

    (void)state;
    prove(&world);
    for (int i = 0; i < 3; i++)
        old[i] = pace_begin(&world.pace);
    pace_end(&world.pace, old[0], PACE_DENIED, 1, world.now);
    pace_end(&world.pace, old[1], PACE_WELL, 1, world.now);
    assert_int_equal(world.pace.state, PACE_UNPROVEN);
    pace_end(&world.pace, old[2], PACE_DENIED, 1, world.now);
    assert_int_equal(world.pace.state, PACE_PARKED);
}

static void after_a_restart_one_refusal_is_enough(void **state)
{
    struct world world = world_new(8, 15);

    (void)state;
    world.answer = by_password;
    world.wrong_password = true;
    pace_suspect(&world.pace);
    run(&world, MINUTE);
    assert_int_equal(world.denied, 1);
    assert_int_equal(world.pace.state, PACE_PARKED);
}

static void a_token_that_is_refused_opens_the_breaker_and_locks_nothing(void **state)
{
    struct world world = world_new(8, 16);

    (void)state;
    pace_init(&world.pace, 8, false, 16);
    world.answer = by_password;
    world.wrong_password = true;
    run(&world, MINUTE);
    assert_int_equal(world.pace.state, PACE_BROKEN);
    world.wrong_password = false;
    run(&world, 2 * MINUTE);
    assert_int_equal(world.pace.state, PACE_OPEN);
}

/* The most refusals within half an hour. */
static int most_refusals(const struct world *world)
{
    int most = 0, first = 0;

    for (int i = 0; i < world->denied; i++) {
        while (mono_since(world->denied_at[i], world->denied_at[first]) > HOUR / 2)
            first++;
        if (i - first + 1 > most)
            most = i - first + 1;
    }
    return most;
}

/* The password changes at any moment of a busy week, in any number of requests in flight, and
 * is put right hours later, or by a new file: ten refusals in half an hour lock an account. */
static void no_week_of_wrong_passwords_locks_the_account(void **state)
{
    int worst = 0;

    (void)state;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct world world = world_new(8, 100 + seed);
        world.answer = by_password;
        world.latency_ms = 20 * SECOND; /* many answers are still to come at any moment */
        for (int day = 0; day < 7; day++) {
            world.wrong_password = false;
            run(&world, HOUR + (int64_t)rng_below(&world.rng, HOUR));
            world.wrong_password = true;
            run(&world, 20 * HOUR + (int64_t)rng_below(&world.rng, HOUR));
            if (day % 2)
                pace_renew(&world.pace); /* the next try is wrong, too */
            run(&world, HOUR);
        }
        int most = most_refusals(&world);
        worst = most > worst ? most : worst;
        assert_true(world.denied > 7 * 15);
    }
    print_message("a week of wrong passwords: at most %d refusals within 30 minutes\n", worst);
    assert_true(worst < 10);
}

/* ---- anything at any time ---- */

static void whatever_comes_the_limits_hold_and_the_end_is_good(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 300; seed++) {
        struct rng rng = rng_seed(seed);
        int most = 1 + (int)rng_below(&rng, 64);
        struct world world = world_new(most, seed);
        struct pace *pace = &world.pace;
        uint64_t flights[64];
        int count = 0;
        for (int n = 0; n < 500; n++) {
            world.now = mono_add(world.now, (int64_t)rng_below(&rng, 2 * SECOND));
            if (pace_probe_is_due(pace, world.now)) {
                pace_probe_begin(pace);
                pace_probe_end(pace, (enum pace_end)rng_below(&rng, PACE_GIVEN_UP + 1),
                               world.now);
            }
            while (pace_may_begin(pace) && rng_below(&rng, 4))
                flights[count++] = pace_begin(pace);
            assert_int_equal(pace->in_flight, count);
            assert_true(count <= most && pace->limit >= 1 && pace->limit <= most);
            if (count) {
                int at = (int)rng_below(&rng, (uint64_t)count);
                pace_end(pace, flights[at], (enum pace_end)rng_below(&rng, PACE_GIVEN_UP + 1),
                         1 + rng_below(&rng, 5), world.now);
                flights[at] = flights[--count];
            }
        }
        while (count)
            pace_end(pace, flights[--count], PACE_GIVEN_UP, 1, world.now);
        world.answer = all_well;
        for (int n = 0;
             n < 2 * HOUR / (30 * SECOND) && (pace->limit < most || pace->state != PACE_OPEN);
             n++)
            run(&world, 30 * SECOND);
        assert_int_equal(pace->state, PACE_OPEN);
        assert_int_equal(pace->limit, most);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_limit_starts_at_eight_and_never_exceeds_what_is_configured),
        cmocka_unit_test(trouble_halves_the_limit_once_for_all_that_was_in_flight),
        cmocka_unit_test(the_limit_never_falls_below_one),
        cmocka_unit_test(the_limit_grows_by_one_for_some_rounds_that_went_well),
        cmocka_unit_test(the_limit_is_back_within_seconds_after_trouble),
        cmocka_unit_test(a_few_throttled_mailboxes_leave_the_limit_alone),
        cmocka_unit_test(three_throttled_mailboxes_alone_never_halve),
        cmocka_unit_test(those_that_are_throttled_all_day_make_no_crowd_when_others_are_quiet),
        cmocka_unit_test(trouble_of_a_minute_ago_is_forgotten),
        cmocka_unit_test(a_server_that_throttles_everybody_is_heard_at_once),
        cmocka_unit_test(failures_in_a_row_open_the_breaker),
        cmocka_unit_test(an_answer_in_between_keeps_it_closed),
        cmocka_unit_test(one_mailbox_that_hangs_does_not_open_it),
        cmocka_unit_test(probes_come_after_five_seconds_doubling_to_a_minute),
        cmocka_unit_test(after_a_good_probe_requests_begin_slowly_and_grow_quickly),
        cmocka_unit_test(while_it_is_open_only_probes_go_out),
        cmocka_unit_test(until_they_are_accepted_one_request_is_in_flight),
        cmocka_unit_test(two_refusals_park_and_an_hour_passes_before_the_next_try),
        cmocka_unit_test(a_new_password_is_tried_at_once_and_alone),
        cmocka_unit_test(an_old_answer_does_not_excuse_a_refusal),
        cmocka_unit_test(after_a_restart_one_refusal_is_enough),
        cmocka_unit_test(a_token_that_is_refused_opens_the_breaker_and_locks_nothing),
        cmocka_unit_test(no_week_of_wrong_passwords_locks_the_account),
        cmocka_unit_test(whatever_comes_the_limits_hold_and_the_end_is_good),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
