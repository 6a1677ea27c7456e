/* Text copied into fields of a fixed size. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

static void a_text_that_fits_to_the_last_byte_is_copied_whole(void **state)
{
    (void)state;
    char out[6];

    assert_true(text_copy(out, sizeof out, "12345"));
    assert_string_equal(out, "12345");
    assert_true(text_copy(out, sizeof out, ""));
    assert_string_equal(out, "");
    assert_true(text_copy(out, 1, ""));
    assert_string_equal(out, "");
}

static void a_text_that_is_too_long_is_cut_and_the_caller_is_told(void **state)
{
    (void)state;
    char out[6];

    assert_false(text_copy(out, sizeof out, "123456"));
    assert_string_equal(out, "12345");
    assert_false(text_copy(out, 1, "1"));
    assert_string_equal(out, "");
}

static void nothing_is_written_behind_the_field(void **state)
{
    (void)state;
    char out[8] = "#######";

    assert_false(text_copy(out, 4, "123456"));
    assert_memory_equal(out, "123\0###", 8);
}

/* Characters of one to four bytes, cut at every place. */
static void a_cut_leaves_whole_characters_and_as_many_as_fit(void **state)
{
    (void)state;
    static const char text[] = "a\xc3\xa4\xe2\x82\xac\xf0\x9f\x93\x9e\xc3\xbcz";
    static const size_t ends[] = {0, 1, 3, 6, 10, 12, 13};

    for (size_t size = 1; size <= sizeof text; size++) {
        char out[sizeof text];
        size_t whole = 0;
        for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
            if (ends[i] < size)
                whole = ends[i];
        assert_int_equal(text_copy(out, size, text), size == sizeof text);
        assert_int_equal(strlen(out), whole);
        assert_memory_equal(out, text, whole);
    }
}

static void bytes_that_are_not_utf8_are_cut_where_the_field_ends(void **state)
{
    (void)state;
    char out[8];

    assert_false(text_copy(out, sizeof out, "\x80\x80\x80\x80\x80\x80\x80\x80\x80"));
    assert_string_equal(out, "\x80\x80\x80\x80\x80\x80\x80");
    assert_false(text_copy(out, 3, "\x80\x80\x80"));
    assert_string_equal(out, "\x80\x80");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_that_fits_to_the_last_byte_is_copied_whole),
        cmocka_unit_test(a_text_that_is_too_long_is_cut_and_the_caller_is_told),
        cmocka_unit_test(nothing_is_written_behind_the_field),
        cmocka_unit_test(a_cut_leaves_whole_characters_and_as_many_as_fit),
        cmocka_unit_test(bytes_that_are_not_utf8_are_cut_where_the_field_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
