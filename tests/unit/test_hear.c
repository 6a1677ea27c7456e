/* Which way next: the whole table, and the rules about time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sync/hear.h"

static enum hear_way way_in(enum hear_state state)
{
    switch (state) {
    case HEAR_AT_PUSH_TRIAL:
    case HEAR_AT_PUSH: return HEAR_PUSH;
    case HEAR_AT_STREAM_TRIAL:
    case HEAR_AT_STREAM: return HEAR_STREAM;
    default: return HEAR_POLL;
    }
}

static bool is_trial(enum hear_state state)
{
    return state == HEAR_AT_PUSH_TRIAL || state == HEAR_AT_STREAM_TRIAL;
}

static struct hear_facts quiet(enum hear_word word, enum hear_state state)
{
    return (struct hear_facts){.word = word,
                               .callback_possible = true,
                               .state = state,
                               .push_waited_ms = -1,
                               .self_test_ms = hear_self_test_ms(2)};
}

/* ---- the table ---- */

static void a_fixed_word_uses_its_own_way_or_polls(void **state)
{
    (void)state;
    for (int word = 0; word < HEAR_WORDS; word++)
        for (int from = 0; from < HEAR_STATES; from++)
            for (int event = 0; event < HEAR_EVENTS; event++) {
                enum hear_way way = way_in(hear_next(
                    (enum hear_word)word, (enum hear_state)from, (enum hear_event)event));
                if (word == HEAR_WORD_POLL)
                    assert_int_equal(way, HEAR_POLL);
                if (word == HEAR_WORD_PUSH)
                    assert_int_not_equal(way, HEAR_STREAM);
                if (word == HEAR_WORD_STREAM)
                    assert_int_not_equal(way, HEAR_PUSH);
            }
}

static void nothing_changes_while_nothing_happens(void **state)
{
    (void)state;
    for (int word = 0; word < HEAR_WORDS; word++)
        for (int possible = 0; possible < 2; possible++) {
            enum hear_state first = hear_first((enum hear_word)word, possible);
            assert_int_equal(hear_next((enum hear_word)word, first, HEAR_NOTHING), first);
            for (int event = 0; event < HEAR_EVENTS; event++) {
                enum hear_state next =
                    hear_next((enum hear_word)word, first, (enum hear_event)event);
                assert_int_equal(hear_next((enum hear_word)word, next, HEAR_NOTHING), next);
            }
        }
}

/* However things went, good news leads back to the first choice. */
static void every_state_comes_back_to_the_first_choice(void **state)
{
    (void)state;
    for (int from = 0; from < HEAR_STATES; from++) {
        enum hear_state at = (enum hear_state)from;
        assert_int_equal(hear_next(HEAR_WORD_AUTO, at, HEAR_CALLED), HEAR_AT_PUSH);
        assert_int_equal(hear_next(HEAR_WORD_PUSH, at, HEAR_CALLED), HEAR_AT_PUSH);
        assert_int_equal(hear_next(HEAR_WORD_STREAM, at, HEAR_OPENED), HEAR_AT_STREAM);
    }
    assert_int_equal(hear_next(HEAR_WORD_AUTO, HEAR_AT_POLL, HEAR_OPENED), HEAR_AT_STREAM);
}

static void no_event_repeated_goes_round_in_circles(void **state)
{
    (void)state;
    for (int word = 0; word < HEAR_WORDS; word++)
        for (int from = 0; from < HEAR_STATES; from++)
            for (int event = 0; event < HEAR_EVENTS; event++) {
                enum hear_state at = (enum hear_state)from;
                for (int i = 0; i < HEAR_STATES; i++)
                    at = hear_next((enum hear_word)word, at, (enum hear_event)event);
                assert_int_equal(hear_next((enum hear_word)word, at, (enum hear_event)event),
                                 at);
            }
}

static void proven_push_gets_a_second_test_before_it_is_given_up(void **state)
{
    (void)state;
    assert_int_equal(hear_next(HEAR_WORD_AUTO, HEAR_AT_PUSH, HEAR_SILENT), HEAR_AT_PUSH_TRIAL);
    assert_int_equal(hear_next(HEAR_WORD_AUTO, HEAR_AT_PUSH_TRIAL, HEAR_SILENT),
                     HEAR_AT_STREAM_TRIAL);
    assert_int_equal(hear_next(HEAR_WORD_AUTO, HEAR_AT_STREAM_TRIAL, HEAR_BROKEN),
                     HEAR_AT_POLL);
}

/* ---- facts ---- */

static void silence_counts_only_while_push_is_relied_upon(void **state)
{
    (void)state;
    for (int at = 0; at < HEAR_STATES; at++) {
        struct hear_facts facts = quiet(HEAR_WORD_AUTO, (enum hear_state)at);
        facts.push_waited_ms = facts.self_test_ms + 1;
        bool push = way_in(facts.state) == HEAR_PUSH;
        assert_int_equal(hear_event(&facts), push ? HEAR_SILENT : HEAR_NOTHING);
        facts.push_waited_ms = facts.self_test_ms;
        assert_int_equal(hear_event(&facts), HEAR_NOTHING);
    }
}

static void a_callback_outweighs_everything_else(void **state)
{
    struct hear_facts facts = quiet(HEAR_WORD_AUTO, HEAR_AT_PUSH_TRIAL);

    (void)state;
    facts.called = true;
    facts.push_waited_ms = 10 * facts.self_test_ms;
    facts.stream_failures = 100;
    assert_int_equal(hear_event(&facts), HEAR_CALLED);
    facts.callback_possible = false; /* nobody can have called */
    assert_int_equal(hear_event(&facts), HEAR_SILENT);
}

static void one_open_stream_is_proof_that_streams_work(void **state)
{
    struct hear_facts facts = quiet(HEAR_WORD_AUTO, HEAR_AT_STREAM);

    (void)state;
    facts.stream_failures = HEAR_STREAM_FAILURES;
    assert_int_equal(hear_event(&facts), HEAR_BROKEN);
    facts.stream_failures--;
    assert_int_equal(hear_event(&facts), HEAR_NOTHING);
    facts.stream_failures = 100;
    facts.stream_open = true;
    assert_int_equal(hear_event(&facts), HEAR_OPENED);
}

static void ways_that_did_not_work_are_tried_from_time_to_time(void **state)
{
    (void)state;
    for (int word = 0; word < HEAR_WORDS; word++)
        for (int at = 0; at < HEAR_STATES; at++) {
            struct hear_facts facts = quiet((enum hear_word)word, (enum hear_state)at);
            bool push_word = word == HEAR_WORD_AUTO || word == HEAR_WORD_PUSH;
            bool stream_word = word == HEAR_WORD_AUTO || word == HEAR_WORD_STREAM;
            assert_int_equal(hear_trial(&facts), HEAR_POLL);
            facts.since_stream_ms = HEAR_TRY_STREAM_MS;
            assert_int_equal(hear_trial(&facts),
                             stream_word && at == HEAR_AT_POLL ? HEAR_STREAM : HEAR_POLL);
            facts.since_stream_ms = 0;
            facts.since_push_ms = HEAR_TRY_PUSH_MS;
            bool wanted = push_word && way_in(facts.state) != HEAR_PUSH;
            assert_int_equal(hear_trial(&facts), wanted ? HEAR_PUSH : HEAR_POLL);
            facts.callback_possible = false;
            assert_int_equal(hear_trial(&facts), HEAR_POLL);
        }
}

/* ---- mailboxes ---- */

static void what_is_not_proven_is_polled_as_well(void **state)
{
    (void)state;
    for (int word = 0; word < HEAR_WORDS; word++)
        for (int at = 0; at < HEAR_STATES; at++) {
            struct hear_mailbox is =
                hear_mailbox((enum hear_word)word, true, (enum hear_state)at, 0);
            assert_int_equal(is.way, way_in((enum hear_state)at));
            assert_int_equal(is.polled, is_trial((enum hear_state)at) || at == HEAR_AT_POLL);
            assert_true(strlen(is.why) < 48);
        }
}

static void one_silent_mailbox_goes_its_own_way(void **state)
{
    (void)state;
    struct hear_mailbox once = hear_mailbox(HEAR_WORD_AUTO, true, HEAR_AT_PUSH, 1);
    assert_int_equal(once.way, HEAR_PUSH);
    assert_true(once.polled);
    struct hear_mailbox twice =
        hear_mailbox(HEAR_WORD_AUTO, true, HEAR_AT_PUSH, HEAR_MAILBOX_SILENT);
    assert_int_equal(twice.way, HEAR_STREAM);
    struct hear_mailbox fixed =
        hear_mailbox(HEAR_WORD_PUSH, true, HEAR_AT_PUSH, HEAR_MAILBOX_SILENT);
    assert_int_equal(fixed.way, HEAR_PUSH);
    assert_true(fixed.polled);
    assert_true(fixed.why[0] != '\0');
}

/* rule: notify-ways */
static void a_fixed_word_that_does_not_work_says_so(void **state)
{
    (void)state;
    assert_int_equal(hear_first(HEAR_WORD_PUSH, false), HEAR_AT_POLL);
    assert_true(hear_fell_back(HEAR_WORD_PUSH, false, HEAR_AT_POLL));
    assert_string_equal(hear_mailbox(HEAR_WORD_PUSH, false, HEAR_AT_POLL, 0).why,
                        "no callback-url");
    assert_false(hear_fell_back(HEAR_WORD_POLL, false, HEAR_AT_POLL));
    assert_string_equal(hear_mailbox(HEAR_WORD_POLL, true, HEAR_AT_POLL, 0).why, "");
    assert_true(hear_fell_back(HEAR_WORD_STREAM, true, HEAR_AT_POLL));
}

/* rule: notify-ways */
static void without_a_callback_address_streams_are_the_first_choice(void **state)
{
    (void)state;
    assert_int_equal(hear_first(HEAR_WORD_AUTO, false), HEAR_AT_STREAM_TRIAL);
    assert_false(hear_fell_back(HEAR_WORD_AUTO, false, HEAR_AT_STREAM));
    assert_true(hear_fell_back(HEAR_WORD_AUTO, true, HEAR_AT_STREAM));
    assert_true(hear_fell_back(HEAR_WORD_AUTO, false, HEAR_AT_POLL));
}

static void words_are_read(void **state)
{
    (void)state;
    assert_int_equal(hear_word_of("push"), HEAR_WORD_PUSH);
    assert_int_equal(hear_word_of("stream"), HEAR_WORD_STREAM);
    assert_int_equal(hear_word_of("poll"), HEAR_WORD_POLL);
    assert_int_equal(hear_word_of("auto"), HEAR_WORD_AUTO);
    assert_int_equal(hear_word_of(NULL), HEAR_WORD_AUTO);
    assert_string_equal(hear_way_name(HEAR_STREAM), "stream");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fixed_word_uses_its_own_way_or_polls),
        cmocka_unit_test(nothing_changes_while_nothing_happens),
        cmocka_unit_test(every_state_comes_back_to_the_first_choice),
        cmocka_unit_test(no_event_repeated_goes_round_in_circles),
        cmocka_unit_test(proven_push_gets_a_second_test_before_it_is_given_up),
        cmocka_unit_test(silence_counts_only_while_push_is_relied_upon),
        cmocka_unit_test(a_callback_outweighs_everything_else),
        cmocka_unit_test(one_open_stream_is_proof_that_streams_work),
        cmocka_unit_test(ways_that_did_not_work_are_tried_from_time_to_time),
        cmocka_unit_test(what_is_not_proven_is_polled_as_well),
        cmocka_unit_test(one_silent_mailbox_goes_its_own_way),
        cmocka_unit_test(a_fixed_word_that_does_not_work_says_so),
        cmocka_unit_test(without_a_callback_address_streams_are_the_first_choice),
        cmocka_unit_test(words_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
