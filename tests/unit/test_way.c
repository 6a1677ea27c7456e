/* In which way audio travels: what is known, what is found out, what is forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ews/ews_way.h"

static void a_way_that_was_set_is_never_found_out(void **state)
{
    (void)state;
    struct ews_way way;
    ews_way_init(&way, "mime", "inline");
    assert_true(way.chosen && way.set);
    assert_int_equal(way.way, REQUEST_MIME);
    ews_way_init(&way, "auto", "mime");
    assert_true(way.chosen && !way.set);
    assert_int_equal(way.way, REQUEST_MIME);
    ews_way_init(&way, NULL, "");
    assert_false(way.chosen);
    ews_way_init(&way, "auto", NULL);
    assert_false(way.chosen);
}

static void a_server_whose_answers_name_the_audio_is_not_looked_at(void **state)
{
    (void)state;
    struct ews_way way;
    ews_way_init(&way, "inline", NULL);
    assert_false(ews_way_answered(&way, 1));
    assert_false(ews_way_answered(&way, 1));
    /* Suddenly it does not: another server answers, look. */
    assert_true(ews_way_answered(&way, 0));
    assert_true(ews_way_looked(&way, true));
    assert_false(ews_way_answered(&way, 0));
}

static void a_server_that_drops_audio_is_found_out_anew(void **state)
{
    (void)state;
    struct ews_way way;
    ews_way_init(&way, "auto", "inline");
    assert_true(ews_way_answered(&way, 0)); /* remembered is not seen */
    assert_false(ews_way_looked(&way, false));
    assert_false(way.chosen);
    ews_way_found(&way, REQUEST_MIME);
    assert_true(way.chosen);
    assert_int_equal(way.way, REQUEST_MIME);
    assert_false(ews_way_answered(&way, 0));

    ews_way_init(&way, "inline", NULL);
    assert_true(ews_way_answered(&way, 0));
    assert_false(ews_way_looked(&way, false));
    assert_true(way.chosen); /* an administrator's word stands */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_way_that_was_set_is_never_found_out),
        cmocka_unit_test(a_server_whose_answers_name_the_audio_is_not_looked_at),
        cmocka_unit_test(a_server_that_drops_audio_is_found_out_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
