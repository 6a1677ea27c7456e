/* Tables and texts for people: widths as a terminal shows them, nothing obeyed from outside. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/progress.h"
#include "admin/table.h"

static const struct table_column columns[] = {{.heading = "FROM"},
                                              {.heading = "SUBJECT", .shrink = true},
                                              {.heading = "N", .right = true}};

struct fixture {
    struct table *table;
    struct screen screen;
    char *text;
    size_t size;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    f->table = table_new(columns, 3);
    f->screen.out = open_memstream(&f->text, &f->size);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    table_free(&f->table);
    fclose(f->screen.out);
    free(f->text);
    free(f);
    return 0;
}

static void add(struct fixture *f, const char *from, const char *subject, int number)
{
    table_cell(f->table, STYLE_PLAIN, "%s", from);
    table_cell(f->table, STYLE_BOLD, "%s", subject);
    table_cell(f->table, STYLE_PLAIN, "%d", number);
}

static const char *printed(struct fixture *f)
{
    struct err err;

    assert_true(table_print(f->table, &f->screen, &err));
    fflush(f->screen.out);
    return f->text;
}

static void columns_are_as_wide_as_their_widest_cell(void **state)
{
    add(*state, "Ann", "Hello", 7);
    add(*state, "Bartholomew", "Hi", 1234);
    assert_string_equal(printed(*state), "FROM         SUBJECT     N\n"
                                         "Ann          Hello       7\n"
                                         "Bartholomew  Hi       1234\n");
}

static void japanese_takes_two_columns_a_character(void **state)
{
    add(*state, "田中", "会議", 1);
    add(*state, "Anna", "Test", 2);
    assert_string_equal(printed(*state), "FROM  SUBJECT  N\n"
                                         "田中  会議     1\n"
                                         "Anna  Test     2\n");
}

static void combining_marks_take_no_column(void **state)
{
    add(*state, "Zoe\xcc\x88", "x", 1);
    add(*state, "Mary", "y", 2);
    assert_string_equal(printed(*state), "FROM  SUBJECT  N\n"
                                         "Zoe\xcc\x88   x        1\n"
                                         "Mary  y        2\n");
}

static void a_narrow_terminal_cuts_only_what_may_shrink(void **state)
{
    struct fixture *f = *state;

    f->screen.columns = 20;
    add(f, "Bartholomew", "a long subject", 7);
    /* 8 is the least that a column shrinks to: rather a long line than nothing. */
    assert_string_equal(printed(f), "FROM         SUBJECT   N\n"
                                    "Bartholomew  a long …  7\n");
}

static void a_wide_character_is_never_cut_in_half(void **state)
{
    struct fixture *f = *state;

    f->screen.columns = 17;
    add(f, "Ann", "会議の予定です", 7);
    /* Seven columns are left for the text: three characters, a blank for the half one. */
    assert_string_equal(printed(f), "FROM  SUBJECT   N\n"
                                    "Ann   会議の…   7\n");
}

static void colour_comes_only_when_it_is_wanted(void **state)
{
    struct fixture *f = *state;

    add(f, "Ann", "Hello", 7);
    assert_null(strchr(printed(f), '\033'));
    f->screen.colour = true;
    assert_non_null(strstr(printed(f), "\033[1mHello\033[0m"));
}

static void control_sequences_of_a_caller_are_not_obeyed(void **state)
{
    add(*state, "\033[2Jevil\r\n",
        "a\xc2\x9b" /* NOLINT(misc-misleading-bidirectional): it is what the test sends */
        "31mb\xe2\x80\xae"
        "c\xff",
        1);
    assert_string_equal(printed(*state), "FROM        SUBJECT    N\n"
                                         "?[2Jevil\?\?  a?31mb?c?  1\n");
}

static void a_line_has_no_blanks_at_its_end(void **state)
{
    struct fixture *f = *state;

    table_cell(f->table, STYLE_PLAIN, "Ann");
    table_cell(f->table, STYLE_PLAIN, "%s", "");
    table_cell(f->table, STYLE_PLAIN, "%s", "");
    assert_non_null(strstr(printed(f), "\nAnn\n"));
}

static void durations_sizes_and_spans_read_well(void **state)
{
    char text[TEXT_SHORT];

    (void)state;
    assert_string_equal(text_duration(0, text), "0:00");
    assert_string_equal(text_duration(12400, text), "0:12");
    assert_string_equal(text_duration(3723000, text), "1:02:03");
    assert_string_equal(text_size(999, text), "999 B");
    assert_string_equal(text_size(96200, text), "96.2 kB");
    assert_string_equal(text_size(999960, text), "1.0 MB");
    assert_string_equal(text_size(4100000, text), "4.1 MB");
    assert_string_equal(text_span(0, text), "0 ms");
    assert_string_equal(text_span(119000, text), "119 s");
    assert_string_equal(text_span(120000, text), "2 min");
    assert_string_equal(text_span(3 * 86400000LL, text), "3 d");
}

static void what_is_not_utf8_is_found(void **state)
{
    static const char *const bad[] = {"\xff",         "\xc0\x80",         "\xe3\x81",
                                      "\xed\xa0\x80", "\xf4\x90\x80\x80", "a\x80"};

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(text_is_utf8(bad[i]));
    assert_true(text_is_utf8("こんにちは \xf0\x9f\x93\x9e"));
}

static void a_cleaned_text_is_cut_at_a_whole_character(void **state)
{
    char out[6];

    (void)state;
    assert_string_equal(text_clean("会議", out, sizeof out), "会");
}

static void the_bar_stays_within_the_terminal(void **state)
{
    const struct progress_facts facts = {
        .done = 60, .total = 120, .parts = 3, .parts_ended = 1, .started = true};
    char text[256];

    (void)state;
    for (int width = 20; width <= 200; width++) {
        progress_format(&facts, width, text, sizeof text);
        assert_true(text_width(text) < width || text[0] != '[');
    }
    progress_format(&facts, 54, text, sizeof text);
    assert_string_equal(text, "[########--------]  60/120 messages, 1 of 3 mailboxes");
}

static void more_done_than_expected_is_a_full_bar(void **state)
{
    const struct progress_facts facts = {.done = 9, .total = 4, .parts = 1, .started = true};
    char text[256];

    (void)state;
    progress_format(&facts, 80, text, sizeof text);
    assert_null(strchr(text, '-'));
}

static void pages_are_shown_before_messages_are_known(void **state)
{
    struct progress_facts facts = {.pages = 14, .parts = 1, .started = true};
    char text[256];

    (void)state;
    progress_format(&facts, 20, text, sizeof text);
    assert_string_equal(text, "14 pages of Exchange read");
    facts.total = 100;
    progress_format(&facts, 20, text, sizeof text);
    assert_string_equal(text, "0/100 messages");
}

#define TABLE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TABLE_TEST(columns_are_as_wide_as_their_widest_cell),
        TABLE_TEST(japanese_takes_two_columns_a_character),
        TABLE_TEST(combining_marks_take_no_column),
        TABLE_TEST(a_narrow_terminal_cuts_only_what_may_shrink),
        TABLE_TEST(a_wide_character_is_never_cut_in_half),
        TABLE_TEST(colour_comes_only_when_it_is_wanted),
        TABLE_TEST(control_sequences_of_a_caller_are_not_obeyed),
        TABLE_TEST(a_line_has_no_blanks_at_its_end),
        cmocka_unit_test(durations_sizes_and_spans_read_well),
        cmocka_unit_test(what_is_not_utf8_is_found),
        cmocka_unit_test(a_cleaned_text_is_cut_at_a_whole_character),
        cmocka_unit_test(the_bar_stays_within_the_terminal),
        cmocka_unit_test(more_done_than_expected_is_a_full_bar),
        cmocka_unit_test(pages_are_shown_before_messages_are_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
