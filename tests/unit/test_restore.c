/* Was Exchange restored: the finding, over the whole space of its signs; and what it means for
 * one item. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sync/restore.h"

enum { MINUTE_MS = 60 * 1000 };

static void each_case_has_its_verdict(void **state)
{
    static const struct {
        const char *what;
        struct restore_signs signs;
        enum restore_verdict verdict;
    } cases[] = {
        {"a quiet look", {.kept = 9}, RESTORE_NO},
        {"a person removes one message", {.kept = 9, .vanished = 1}, RESTORE_NO},
        {"... the newest one", {.kept = 9, .vanished = 1, .lost = 1}, RESTORE_NO},
        {"... the three newest: looked at closely",
         {.kept = 9, .vanished = 3, .lost = 3},
         RESTORE_LOOK},
        {"... and it was only that",
         {.kept = 9, .vanished = 3, .lost = 3, .compared = true},
         RESTORE_NO},
        {"three, and an older one too", {.kept = 9, .vanished = 4, .lost = 3}, RESTORE_NO},
        {"all of a mailbox", {.vanished = 5, .lost = 5}, RESTORE_NO},
        {"a state is refused, and nothing vanished", {.refused = true, .kept = 9}, RESTORE_NO},
        {"... and an old message vanished",
         {.refused = true, .kept = 9, .vanished = 1},
         RESTORE_NO},
        {"... and the newest vanished",
         {.refused = true, .kept = 9, .vanished = 1, .lost = 1},
         RESTORE_YES},
        {"... but other mail of that time is there",
         {.refused = true, .kept = 9, .vanished = 1, .lost = 1, .mail_between = true},
         RESTORE_NO},
        {"... but nobody looked for a month, so that it may be old",
         {.refused = true,
          .kept = 9,
          .vanished = 1,
          .lost = 1,
          .unseen_ms = 30LL * RESTORE_LOOKED_MS},
         RESTORE_NO},
        {"a state is refused, and an item went back",
         {.refused = true, .kept = 9, .older = 1},
         RESTORE_YES},
        {"... even after a month",
         {.refused = true, .kept = 9, .older = 1, .unseen_ms = 30LL * RESTORE_LOOKED_MS},
         RESTORE_YES},
        {"a state is refused, and what was moved is where it was",
         {.refused = true, .kept = 9, .reappeared = 1},
         RESTORE_YES},
        {"an item went back, no state was refused: looked at closely",
         {.kept = 9, .older = 1},
         RESTORE_LOOK},
        {"... and it was so", {.kept = 9, .older = 1, .compared = true}, RESTORE_YES},
        {"the mailbox was never looked at before",
         {.refused = true, .older = 3, .vanished = 3, .lost = 3, .unseen_ms = -1},
         RESTORE_NO},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (restore_judge(&cases[i].signs) != cases[i].verdict)
            fail_msg("%s", cases[i].what);
    }
}

typedef void signs_fn(const struct restore_signs *signs);

static void over_all_signs(signs_fn *fn)
{
    static const int64_t unseen[] = {-1, MINUTE_MS, RESTORE_LOOKED_MS, RESTORE_LOOKED_MS + 1};

    for (int bits = 0; bits < 8; bits++)
        for (int older = 0; older < 2; older++)
            for (int back = 0; back < 2; back++)
                for (int kept = 0; kept < 2; kept++)
                    for (int vanished = 0; vanished < 5; vanished++)
                        for (int lost = 0; lost <= vanished; lost++)
                            for (int u = 0; u < 4; u++)
                                fn(&(struct restore_signs){.refused = bits & 1,
                                                           .compared = bits & 2,
                                                           .mail_between = bits & 4,
                                                           .older = older,
                                                           .reappeared = back,
                                                           .kept = kept,
                                                           .vanished = vanished,
                                                           .lost = lost,
                                                           .unseen_ms = unseen[u]});
}

static void check_promises(const struct restore_signs *signs)
{
    enum restore_verdict verdict = restore_judge(signs);
    struct restore_signs more = *signs;

    /* Without a sign that a person cannot give, a person did it. */
    if (!signs->refused && !signs->older)
        assert_int_not_equal(verdict, RESTORE_YES);
    /* A closer look comes to an end. */
    if (signs->compared)
        assert_int_not_equal(verdict, RESTORE_LOOK);
    /* What a look of old cannot tell of is not judged by it. */
    if (signs->unseen_ms < 0)
        assert_int_equal(verdict, RESTORE_NO);
    /* One more sign never turns a yes into a no. */
    more.older++;
    if (verdict == RESTORE_YES)
        assert_int_equal(restore_judge(&more), RESTORE_YES);
    more = *signs;
    more.mail_between = false;
    if (verdict == RESTORE_YES)
        assert_int_equal(restore_judge(&more), RESTORE_YES);
}

static void the_promises_hold_for_all_signs(void **state)
{
    (void)state;
    over_all_signs(check_promises);
}

static void an_older_state_is_the_restores_and_a_newer_one_is_a_persons(void **state)
{
    struct restore_item item = {
        .known = true, .same = true, .known_ms = 1000, .modified_ms = 999};

    (void)state;
    assert_true(restore_is_back(&item));
    item.modified_ms = 1001;
    assert_false(restore_is_back(&item));
    item.read_here = true; /* newer all the same: marked unread by a person */
    assert_false(restore_is_back(&item));
}

static void with_equal_times_only_what_no_person_does_counts(void **state)
{
    struct restore_item item = {
        .known = true, .same = true, .known_ms = 1000, .modified_ms = 1000};

    (void)state;
    assert_false(restore_is_back(&item));
    item.read_there = true; /* a person read it, and the time did not change */
    assert_false(restore_is_back(&item));
    item.read_there = false;
    item.read_here = true;
    assert_true(restore_is_back(&item));
    item.read_here = false;
    item.same = false;
    assert_true(restore_is_back(&item));
    item.same = true;
    item.gone_agreed = true;
    assert_true(restore_is_back(&item));
}

static void what_no_time_is_known_of_is_not_judged(void **state)
{
    struct restore_item item = {.known = true, .known_ms = 1000};

    (void)state;
    assert_false(restore_is_back(&item));
    item.modified_ms = 1;
    item.known = false;
    assert_false(restore_is_back(&item));
    assert_true(restore_is_lost(0, 1000)); /* never told of: we made it last */
    assert_true(restore_is_lost(1001, 1000));
    assert_false(restore_is_lost(1000, 1000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_case_has_its_verdict),
        cmocka_unit_test(the_promises_hold_for_all_signs),
        cmocka_unit_test(an_older_state_is_the_restores_and_a_newer_one_is_a_persons),
        cmocka_unit_test(with_equal_times_only_what_no_person_does_counts),
        cmocka_unit_test(what_no_time_is_known_of_is_not_judged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
