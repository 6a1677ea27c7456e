/* The guard's judgement: pure, on both sides of each of its borders. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "sync/guard.h"

static struct guard_facts usual(void)
{
    return (struct guard_facts){.count = 20, .percent = 10, .agreed = 100, .items = 100};
}

static void the_limit_is_the_count_or_the_share_whichever_is_more(void **state)
{
    struct guard_facts facts = usual();

    (void)state;
    assert_int_equal(guard_limit(&facts, 0), 20);
    assert_int_equal(guard_limit(&facts, 200), 20);
    assert_int_equal(guard_limit(&facts, 210), 21);
    assert_int_equal(guard_limit(&facts, 100000), 10000);
    assert_int_equal(guard_limit(&facts, INT64_MAX), INT64_MAX / 100 * 10);
    facts.count = 0;
    facts.percent = 100;
    assert_int_equal(guard_limit(&facts, 7), 7);
}

/* rule: guard-mass-loss */
static void more_than_the_limit_in_one_run_is_a_mass_loss(void **state)
{
    struct guard_facts facts = usual();

    (void)state;
    for (int64_t n = 0; n <= 100; n++) {
        facts.vanished = n;
        assert_int_equal(guard_judge(&facts), n > 20 ? GUARD_MASS_LOSS : GUARD_PASS);
    }
    facts.agreed = 1000;
    facts.vanished = 100;
    assert_int_equal(guard_judge(&facts), GUARD_PASS);
    facts.vanished = 101;
    assert_int_equal(guard_judge(&facts), GUARD_MASS_LOSS);
}

/* rule: guard-mass-loss */
static void what_vanishes_in_bulk_is_added_up_and_a_trickle_is_not(void **state)
{
    struct guard_facts facts = usual();

    (void)state;
    facts.vanished = GUARD_BULK;
    facts.vanished_before = 15;
    assert_int_equal(guard_judge(&facts), GUARD_PASS);
    facts.vanished_before = 16;
    assert_int_equal(guard_judge(&facts), GUARD_MASS_LOSS);
    facts.vanished = GUARD_BULK - 1; /* a person, one after the other */
    facts.vanished_before = 20;
    assert_int_equal(guard_judge(&facts), GUARD_PASS);
}

/* rule: guard-foreign */
static void a_few_dragged_over_pass_and_a_foreign_mailbox_does_not(void **state)
{
    struct guard_facts facts = usual();

    (void)state;
    facts.foreign = 20;
    assert_int_equal(guard_judge(&facts), GUARD_PASS);
    facts.foreign = 21;
    assert_int_equal(guard_judge(&facts), GUARD_FOREIGN);
    facts.vanished = 100; /* a swap: the own ones are gone, too; the foreign ones explain it */
    assert_int_equal(guard_judge(&facts), GUARD_FOREIGN);
}

/* rule: guard-foreign */
static void the_very_item_of_another_mailbox_is_enough(void **state)
{
    struct guard_facts facts = usual();

    (void)state;
    facts.foreign = facts.same = 1;
    assert_int_equal(guard_judge(&facts), GUARD_FOREIGN);
}

/* rule: guard-mass-loss */
/* rule: guard-foreign */
static void an_administrator_who_was_told_and_answered_is_obeyed(void **state)
{
    struct guard_facts facts = usual();

    (void)state;
    facts.vanished = 100;
    facts.foreign = 50;
    facts.told = true;
    assert_int_equal(guard_judge(&facts), GUARD_PASS);
}

static void the_sentences_say_both_ways_on_and_fit(void **state)
{
    struct guard_facts facts = usual();
    char text[LIMIT_REASON], name[LIMIT_MAILBOX_NAME];

    (void)state;
    facts.vanished = 30;
    guard_explain(&facts, GUARD_MASS_LOSS, "ann", "ann@example.net", "ben", text, sizeof text);
    assert_non_null(strstr(text, "30 of 100 messages"));
    assert_non_null(strstr(text, "If Exchange is right: \"sibctl sync resync ann\""));
    assert_non_null(
        strstr(text, "if Connection is right: \"sibctl sync resync ann --from-connection\""));
    assert_non_null(strstr(text, "then \"sibctl sync resume ann\""));
    facts.foreign = 25;
    guard_explain(&facts, GUARD_FOREIGN, "ann", "ann@example.net", "ben", text, sizeof text);
    assert_non_null(strstr(text, "25 messages of the mailbox ben"));
    assert_non_null(strstr(text, "ann@example.net"));
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    facts.vanished_before = 12;
    guard_explain(&facts, GUARD_MASS_LOSS, "ann.with.a.name.as.people.have", "", "", text,
                  sizeof text);
    assert_non_null(strstr(text, "sync resume ann.with.a.name.as.people.have\""));
    guard_explain(&facts, GUARD_FOREIGN, name, name, name, text, sizeof text);
    assert_true(strlen(text) < sizeof text);
    guard_explain(&facts, GUARD_PASS, name, name, name, text, sizeof text);
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_limit_is_the_count_or_the_share_whichever_is_more),
        cmocka_unit_test(more_than_the_limit_in_one_run_is_a_mass_loss),
        cmocka_unit_test(what_vanishes_in_bulk_is_added_up_and_a_trickle_is_not),
        cmocka_unit_test(a_few_dragged_over_pass_and_a_foreign_mailbox_does_not),
        cmocka_unit_test(the_very_item_of_another_mailbox_is_enough),
        cmocka_unit_test(an_administrator_who_was_told_and_answered_is_obeyed),
        cmocka_unit_test(the_sentences_say_both_ways_on_and_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
