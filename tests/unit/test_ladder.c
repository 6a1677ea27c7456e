/* When a service that died is started again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/service.h"
#include "role/ladder.h"

/* Wait statuses as Linux makes them; test_service_child meets real ones. */
#define EXITED(code)  ((code) << 8)
#define KILLED(signo) (signo)

static void each_death_in_a_row_waits_twice_as_long_up_to_a_minute(void **state)
{
    (void)state;
    static const int64_t expected[] = {0, 1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};
    struct ladder ladder = {0};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        assert_int_equal(ladder_next(&ladder, &LADDER_TIMES, EXITED(1), 100), expected[i]);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(ladder_next(&ladder, &LADDER_TIMES, KILLED(9), 100), 60000);
    assert_false(ladder.failed);
}

static void having_been_up_long_enough_begins_anew(void **state)
{
    (void)state;
    struct ladder ladder = {0};
    for (int i = 0; i < 5; i++)
        ladder_next(&ladder, &LADDER_TIMES, EXITED(1), 0);
    assert_int_equal(ladder_next(&ladder, &LADDER_TIMES, EXITED(1), 59999), 16000);
    assert_int_equal(ladder_next(&ladder, &LADDER_TIMES, EXITED(1), 60000), 0);
    assert_int_equal(ladder_next(&ladder, &LADDER_TIMES, EXITED(1), 0), 1000);
}

static void exits_that_a_person_must_mend_are_not_retried(void **state)
{
    (void)state;
    static const int codes[] = {SERVICE_EXIT_CONFIG, 126, 127};
    for (size_t i = 0; i < 3; i++) {
        struct ladder ladder = {0};
        assert_int_equal(ladder_next(&ladder, &LADDER_TIMES, EXITED(codes[i]), 1 << 30),
                         LADDER_NEVER);
        assert_true(ladder.failed);
        ladder_reset(&ladder);
        assert_false(ladder.failed);
        assert_int_equal(ladder_next(&ladder, &LADDER_TIMES, EXITED(1), 0), 0);
    }
}

static void every_other_end_is_retried(void **state)
{
    (void)state;
    for (int code = 0; code < 256; code++) {
        struct ladder ladder = {0};
        if (code != SERVICE_EXIT_CONFIG && code != 126 && code != 127)
            assert_int_equal(ladder_next(&ladder, &LADDER_TIMES, EXITED(code), 0), 0);
    }
    for (int signo = 1; signo < 65; signo++) { /* 78 as a signal would not be an exit code */
        struct ladder ladder = {0};
        assert_int_equal(ladder_next(&ladder, &LADDER_TIMES, KILLED(signo), 0), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_death_in_a_row_waits_twice_as_long_up_to_a_minute),
        cmocka_unit_test(having_been_up_long_enough_begins_anew),
        cmocka_unit_test(exits_that_a_person_must_mend_are_not_retried),
        cmocka_unit_test(every_other_end_is_retried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
