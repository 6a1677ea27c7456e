/* Which of several items is the message's own. Pure, so each case is tried in every order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "remote/remote.h"
#include "sync/choose.h"

enum { ITEMS_MAX = 5 };

/* An item: id, token of its creation, when it was made, and what a person did to it: 'r' read,
 * 'u' urgent, 's' subject, 'd' deleted, 'm' moved below the Inbox. */
struct given {
    const char *id, *creation;
    int64_t created_ms;
    const char *done;
};

static struct item_row item_of(const struct given *given)
{
    struct item_row item = {.created_ms = given->created_ms, .place = REMOTE_INBOX};

    text_copy(item.id, sizeof item.id, given->id);
    text_copy(item.creation, sizeof item.creation, given->creation);
    text_copy(item.subject, sizeof item.subject, "as sent");
    for (const char *p = given->done; p && *p; p++) {
        switch (*p) {
        case 'r': item.read = true; break;
        case 'u': item.urgent = true; break;
        case 's': text_copy(item.subject, sizeof item.subject, "another"); break;
        case 'd': item.place = REMOTE_DELETED; break;
        default: item.place = REMOTE_BELOW;
        }
    }
    return item;
}

/* Our creates had the tokens "A", "B" and "C". */
static const struct attempt ours[] = {
    {.creation = "A", .subject = "as sent"},
    {.creation = "B", .subject = "as sent"},
    {.creation = "C", .subject = "as sent"},
};

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* "KEPT" or "KEPT -REMOVED -REMOVED", in the order of their names. */
static void describe(const struct item_row *items, const struct choice *choice, char *text,
                     size_t size)
{
    const char *removed[CHOOSE_ITEMS_MAX];

    snprintf(text, size, "%s", choice->keep < 0 ? "nothing" : items[choice->keep].id);
    for (int i = 0; i < choice->remove_count; i++)
        removed[i] = items[choice->remove[i]].id;
    qsort(removed, (size_t)choice->remove_count, sizeof *removed, by_name);
    for (int i = 0; i < choice->remove_count; i++)
        snprintf(text + strlen(text), size - strlen(text), " -%s", removed[i]);
}

static void assert_choice(const struct item_row *items, int count, const char *agreed,
                          const char *expected)
{
    char text[ITEMS_MAX * (LIMIT_REMOTE_ID + 2)];
    struct choice choice = choose_item(items, count, agreed, ours, 3);

    describe(items, &choice, text, sizeof text);
    assert_string_equal(text, expected);
}

/* Every order of items[at..]. */
static void permute(struct item_row *items, int count, int at, const char *agreed,
                    const char *expected)
{
    if (at == count) {
        assert_choice(items, count, agreed, expected);
        return;
    }
    for (int i = at; i < count; i++) {
        struct item_row swap = items[at];
        items[at] = items[i];
        items[i] = swap;
        permute(items, count, at + 1, agreed, expected);
        items[i] = items[at];
        items[at] = swap;
    }
}

static void choose_in_every_order(const struct given *given, const char *agreed,
                                  const char *expected)
{
    struct item_row items[ITEMS_MAX];
    int count = 0;

    for (; count < ITEMS_MAX && given[count].id; count++)
        items[count] = item_of(&given[count]);
    permute(items, count, 0, agreed, expected);
}

static void without_items_there_is_none_to_keep(void **state)
{
    (void)state;
    choose_in_every_order((const struct given[]){{0}}, "", "nothing");
}

static void a_single_item_is_the_messages_own(void **state)
{
    (void)state;
    choose_in_every_order((const struct given[]){{"1", "A", 10, ""}, {0}}, "", "1");
    choose_in_every_order((const struct given[]){{"1", "", 10, ""}, {0}}, "", "1");
    choose_in_every_order((const struct given[]){{"1", "unknown", 10, "rd"}, {0}}, "x", "1");
}

static void a_persons_copy_is_neither_taken_nor_removed(void **state)
{
    const struct given items[] = {
        {"1", "A", 10, "r"}, {"2", "A", 20, ""}, {"3", "A", 5, "m"}, {0}};

    (void)state;
    choose_in_every_order(items, "1", "1");
    choose_in_every_order(items, "2", "2"); /* whichever was agreed, whatever was done to it */
    choose_in_every_order(items, "3", "3");
}

static void of_copies_none_of_which_was_agreed_the_oldest_stands(void **state)
{
    const struct given given[] = {{"3", "A", 5, ""}, {"1", "A", 10, ""}, {0}};
    const struct item_row items[] = {item_of(&given[0]), item_of(&given[1])};

    (void)state;
    assert_choice(items, 2, "", "3"); /* the list comes oldest first */
    assert_choice(items, 2, "an item that is gone", "3");
}

/* rule: two-of-ours */
static void of_two_creations_the_first_made_stays(void **state)
{
    (void)state;
    choose_in_every_order((const struct given[]){{"1", "A", 10, ""}, {"2", "B", 20, ""}, {0}},
                          "", "1 -2");
    choose_in_every_order((const struct given[]){{"1", "A", 20, ""}, {"2", "B", 10, ""}, {0}},
                          "", "2 -1");
    /* What this server agreed upon does not decide: the other would decide otherwise. */
    choose_in_every_order((const struct given[]){{"1", "A", 10, ""}, {"2", "B", 20, ""}, {0}},
                          "2", "1 -2");
    choose_in_every_order(
        (const struct given[]){{"1", "A", 30, ""}, {"2", "B", 10, ""}, {"3", "C", 20, ""}, {0}},
        "", "2 -1 -3");
}

/* rule: two-of-ours */
static void made_in_the_same_moment_the_smaller_token_decides(void **state)
{
    (void)state;
    choose_in_every_order((const struct given[]){{"9", "A", 10, ""}, {"1", "B", 10, ""}, {0}},
                          "", "9 -1");
}

/* rule: two-of-ours */
static void what_a_person_touched_stays_before_what_nobody_did(void **state)
{
    static const char *const acts[] = {"r", "u", "s", "d", "m"};

    (void)state;
    for (size_t i = 0; i < sizeof acts / sizeof acts[0]; i++) {
        const struct given items[] = {{"1", "A", 10, ""}, {"2", "B", 20, acts[i]}, {0}};
        choose_in_every_order(items, "", "2 -1");
    }
    /* Both touched: the first made. */
    choose_in_every_order((const struct given[]){{"1", "A", 10, "d"}, {"2", "B", 20, "r"}, {0}},
                          "", "1 -2");
}

static void what_no_create_of_ours_made_is_never_removed(void **state)
{
    (void)state;
    choose_in_every_order(
        (const struct given[]){{"1", "A", 10, ""}, {"2", "unknown", 20, ""}, {0}}, "", "1");
    choose_in_every_order((const struct given[]){{"1", "A", 10, ""}, {"2", "", 20, "r"}, {0}},
                          "", "1");
    choose_in_every_order(
        (const struct given[]){
            {"1", "unknown", 10, ""}, {"2", "other", 20, ""}, {"3", "", 30, ""}, {0}},
        "", "1");
}

static void a_copy_of_a_surplus_creation_is_left_to_its_owner(void **state)
{
    const struct given items[] = {
        {"1", "A", 10, ""}, {"2", "B", 20, ""}, {"3", "B", 30, ""}, {0}};
    const struct item_row rows[] = {item_of(&items[0]), item_of(&items[1]), item_of(&items[2])};

    (void)state;
    assert_choice(rows, 3, "", "1 -2");
}

static void touched_means_different_from_what_its_attempt_sent(void **state)
{
    const struct attempt sent = {
        .creation = "A", .read = true, .urgent = true, .subject = "as sent"};
    struct item_row item = item_of(&(struct given){"1", "A", 10, "ru"});

    (void)state;
    assert_false(choose_is_touched(&item, &sent, 1));
    item.read = false; /* marked unread by a person */
    assert_true(choose_is_touched(&item, &sent, 1));
    item.read = true;
    text_copy(item.creation, sizeof item.creation, "unknown");
    item.place = REMOTE_DELETED;
    assert_false(choose_is_touched(&item, &sent, 1));
    assert_null(choose_attempt("unknown", &sent, 1));
    assert_ptr_equal(choose_attempt("A", &sent, 1), &sent);
}

static void no_number_of_items_overflows_the_choice(void **state)
{
    static struct item_row items[CHOOSE_ITEMS_MAX + 8];
    static struct attempt attempts[CHOOSE_ITEMS_MAX + 8];
    const int count = CHOOSE_ITEMS_MAX + 8;

    (void)state;
    for (int i = 0; i < count; i++) {
        snprintf(items[i].id, sizeof items[i].id, "%d", i);
        snprintf(items[i].creation, sizeof items[i].creation, "t%d", i);
        text_copy(attempts[i].creation, sizeof attempts[i].creation, items[i].creation);
        items[i].created_ms = i;
    }
    struct choice choice = choose_item(items, count, "", attempts, count);
    assert_int_equal(choice.keep, 0);
    assert_int_equal(choice.remove_count, CHOOSE_ITEMS_MAX - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_items_there_is_none_to_keep),
        cmocka_unit_test(a_single_item_is_the_messages_own),
        cmocka_unit_test(a_persons_copy_is_neither_taken_nor_removed),
        cmocka_unit_test(of_copies_none_of_which_was_agreed_the_oldest_stands),
        cmocka_unit_test(of_two_creations_the_first_made_stays),
        cmocka_unit_test(made_in_the_same_moment_the_smaller_token_decides),
        cmocka_unit_test(what_a_person_touched_stays_before_what_nobody_did),
        cmocka_unit_test(what_no_create_of_ours_made_is_never_removed),
        cmocka_unit_test(a_copy_of_a_surplus_creation_is_left_to_its_owner),
        cmocka_unit_test(touched_means_different_from_what_its_attempt_sent),
        cmocka_unit_test(no_number_of_items_overflows_the_choice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
