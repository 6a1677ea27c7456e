/* What becomes of a callback, case by case. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "notify/decide.h"

/* What the rules say, in the order of their precedence; -1: either. */
struct rule {
    int is_post, addressed, lookup_failed, known, ended, parsed, matches, lost, status_only;
    struct decision is;
};

/* clang-format off */
static const struct rule rules[] = {
    {0, -1, -1, -1, -1, -1, -1, -1, -1, {.answer = DECIDE_BAD_METHOD}},
    {1,  0, -1, -1, -1, -1, -1, -1, -1, {.answer = DECIDE_NOT_FOUND}},
    {1,  1,  1, -1, -1, -1, -1, -1, -1, {.answer = DECIDE_TRY_AGAIN}},
    {1,  1,  0,  0, -1, -1, -1, -1, -1, {.answer = DECIDE_UNSUBSCRIBE}},
    {1,  1,  0,  1,  1, -1, -1, -1, -1, {.answer = DECIDE_UNSUBSCRIBE}},
    {1,  1,  0,  1,  0,  0, -1, -1, -1, {.answer = DECIDE_BAD_BODY}},
    {1,  1,  0,  1,  0,  1,  0, -1, -1, {.answer = DECIDE_UNSUBSCRIBE}},
    {1,  1,  0,  1,  0,  1,  1,  1, -1,
     {.answer = DECIDE_UNSUBSCRIBE, .heard = true, .mark = true, .end = true}},
    {1,  1,  0,  1,  0,  1,  1,  0,  1, {.answer = DECIDE_OK, .heard = true}},
    {1,  1,  0,  1,  0,  1,  1,  0,  0, {.answer = DECIDE_OK, .heard = true, .mark = true}},
};
/* clang-format on */

static bool fits(int wanted, bool is)
{
    return wanted < 0 || (wanted == 1) == is;
}

static bool applies(const struct rule *rule, const struct decide_facts *facts)
{
    return fits(rule->is_post, facts->is_post) && fits(rule->addressed, facts->addressed) &&
           fits(rule->lookup_failed, facts->lookup_failed) && fits(rule->known, facts->known) &&
           fits(rule->parsed, facts->parsed) && fits(rule->ended, facts->ended) &&
           fits(rule->matches, facts->matches) && fits(rule->lost, facts->lost) &&
           fits(rule->status_only, facts->status_only);
}

static void every_case_is_decided_by_exactly_one_rule(void **state)
{
    (void)state;
    for (int bits = 0; bits < 1024; bits++) {
        const struct decide_facts facts = {
            .is_post = bits & 1,
            .lookup_failed = bits & 2,
            .known = bits & 4,
            .ended = bits & 8,
            .parsed = bits & 16,
            .matches = bits & 32,
            .status_only = bits & 64,
            .lost = bits & 128,
            .addressed = bits & 256,
            .folders = bits & 512,
        };
        struct decision got = decide_callback(&facts), early = {.answer = DECIDE_ANSWERS};
        /* What the header decides, no body changes. */
        assert_int_equal(decide_unheard(&facts, &early), !facts.is_post || !facts.addressed ||
                                                             facts.lookup_failed ||
                                                             !facts.known || facts.ended);
        assert_true(early.answer == DECIDE_ANSWERS || early.answer == got.answer);
        int fitting = 0;
        for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
            if (!applies(&rules[i], &facts))
                continue;
            fitting++;
            assert_int_equal(got.answer, rules[i].is.answer);
            assert_int_equal(got.heard, rules[i].is.heard);
            assert_int_equal(got.mark, rules[i].is.mark);
            assert_int_equal(got.end, rules[i].is.end);
            assert_int_equal(got.folders, got.mark && (facts.folders || facts.lost));
        }
        assert_int_equal(fitting, 1);
    }
}

static struct decide_facts compared(const char *recorded, size_t count,
                                    const struct notification *notes)
{
    struct decide_facts facts = {0};

    decide_compare(notes, count, recorded, &facts);
    return facts;
}

static void only_notifications_of_the_recorded_subscription_count(void **state)
{
    const struct notification mine = {.subscription = "mine", .events = 1};
    const struct notification alive = {
        .subscription = "mine", .events = 1, .status_only = true};
    const struct notification other = {.subscription = "other", .events = 1};
    const struct notification lost = {.lost = true};
    const struct notification folders = {.subscription = "mine", .events = 1, .folders = true};
    const struct notification lost_other = {.subscription = "other", .lost = true};
    (void)state;

    assert_true(compared("mine", 1, &mine).matches);
    assert_true(compared("", 1, &mine).matches);
    assert_false(compared("mine", 1, &other).matches);
    assert_false(compared("mine", 0, NULL).matches);
    assert_true(compared("mine", 1, &alive).status_only);
    assert_true(compared("mine", 1, &lost).lost);
    assert_false(compared("mine", 1, &mine).folders);
    assert_true(compared("mine", 1, &folders).folders);
    assert_false(compared("other", 1, &folders).folders);
    assert_false(compared("mine", 1, &lost_other).matches);
    assert_false(compared("mine", 1, &lost_other).lost);

    const struct notification mixed[] = {other, alive, lost_other, mine};
    struct decide_facts facts = compared("mine", 3, mixed);
    assert_true(facts.matches && facts.status_only && !facts.lost);
    facts = compared("mine", 4, mixed);
    assert_true(facts.matches && !facts.status_only && !facts.lost);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_case_is_decided_by_exactly_one_rule),
        cmocka_unit_test(only_notifications_of_the_recorded_subscription_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
