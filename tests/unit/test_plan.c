/* The three-way rule over its whole input space: every combination of what was agreed, what is
 * here and what is there, for folder, read, subject, urgent, content and times, under each
 * rule.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/plan_world.h"

/* ---- the whole input space ---- */

typedef void check_fn(const struct world *before, const struct plan *plan);

/* A text matters only by which of the three are the same. */
static const char *const subjects[][3] = {
    {"a", "a", "a"}, {"a", "a", "b"}, {"a", "b", "a"}, {"a", "b", "b"}, {"a", "b", "c"}};

/* 0: not known. */
static const int64_t times[][2] = {{0, 0}, {100, 200}, {200, 100}, {100, 0}, {0, 100}, {1, 1}};

enum {
    SUBJECTS = sizeof subjects / sizeof subjects[0],
    TIMES = sizeof times / sizeof times[0]
};
/* What is not a place or a time: the rule, held, content, read and urgent thrice, subjects. */
enum { REST = PLAN_RULES * 2 * 2 * 64 * SUBJECTS };
enum { CASES = AGREED_PLACES * FOLDERS * THERE_PLACES * TIMES * REST };

static struct world world_of(int number)
{
    struct world w = {0};

    w.base.place = (enum agreed_place)world_digit(&number, AGREED_PLACES);
    w.here.folder = (enum message_folder)world_digit(&number, FOLDERS);
    w.item.there = (enum plan_there)world_digit(&number, THERE_PLACES);
    const int64_t *time = times[world_digit(&number, TIMES)];
    w.here.folder_ms = w.here.read_ms = w.here.urgent_ms = w.here.subject_ms = time[0];
    w.item.modified_ms = time[1];
    w.here.rule = (enum plan_rule)world_digit(&number, PLAN_RULES);
    w.here.held = world_digit(&number, 2);
    w.here.content = world_digit(&number, 2);
    w.base.read = world_digit(&number, 2);
    w.here.read = world_digit(&number, 2);
    w.item.read = world_digit(&number, 2);
    w.base.urgent = world_digit(&number, 2);
    w.here.urgent = world_digit(&number, 2);
    w.item.urgent = world_digit(&number, 2);
    const char *const *subject = subjects[world_digit(&number, SUBJECTS)];
    w.base.subject = subject[0];
    w.here.subject = subject[1];
    w.item.subject = subject[2];
    return w;
}

static void enumerate(check_fn *check)
{
    for (int i = 0; i < CASES; i++) {
        struct world w = world_of(i);
        struct plan plan = plan_make(&w.base, &w.here, &w.item);
        check(&w, &plan);
    }
}

/* rule: three-way-space */
static void the_whole_space_is_gone_through(void **state)
{
    (void)state;
    printf("%d cases: %d agreements, %d folders here, %d places there, %d orders of time, %d "
           "values of the rest\n",
           CASES, AGREED_PLACES, FOLDERS, THERE_PLACES, TIMES, REST);
    assert_int_equal(CASES, 6 * 4 * 5 * 6 * 3 * 2 * 2 * 64 * 5);
}

static bool is_left_alone(const struct world *w)
{
    return w->here.rule != RULE_ERASE && (w->here.held || w->base.place == AGREED_DROPPED);
}

static void check_quiet_afterwards(const struct world *before, const struct plan *plan)
{
    struct world after = *before;

    world_carry_out(&after, plan, 300);
    struct plan again = plan_make(&after.base, &after.here, &after.item);
    if (!plan_is_quiet(&again, &after.here) || again.place != after.base.place ||
        again.conflict)
        fail_msg("agreed %d here %d there %d rule %d: %s, then %s (%s)", before->base.place,
                 before->here.folder, before->item.there, before->here.rule, plan->why,
                 again.why, plan_action_name(again.action));
}

/* rule: three-way-idempotent */
static void a_second_run_does_nothing(void **state)
{
    (void)state;
    enumerate(check_quiet_afterwards);
}

static enum message_folder mapped(enum plan_there there)
{
    switch (there) {
    case THERE_SENT: return FOLDER_SENT;
    case THERE_INBOX:
    case THERE_MOVED: return FOLDER_INBOX;
    default: return FOLDER_DELETED; /* in Deleted Items, or nowhere */
    }
}

static void check_equal(const struct world *before, const struct plan *plan)
{
    struct world w = *before;

    world_carry_out(&w, plan, 300);
    if (is_left_alone(before)) {
        assert_int_equal(w.here.folder, before->here.folder);
        assert_true(plan_is_quiet(plan, &before->here));
    } else if (w.here.rule == RULE_ERASE) {
        assert_int_equal(w.item.there, THERE_ABSENT);
    } else if (w.here.folder != FOLDER_PURGED) { /* else what is there is the user's own */
        assert_int_equal(w.here.folder, mapped(w.item.there));
        if (w.item.there == THERE_ABSENT)
            return;
        assert_int_equal(w.here.read, w.item.read);
        assert_int_equal(w.here.urgent, w.item.urgent);
        assert_string_equal(w.here.subject, w.item.subject);
        assert_int_equal(w.here.content, w.item_content);
    }
}

/* rule: three-way-equal */
static void both_sides_are_equal_after_one_run(void **state)
{
    (void)state;
    enumerate(check_equal);
}

static void check_purge(const struct world *before, const struct plan *plan)
{
    if (before->here.folder == FOLDER_PURGED) {
        assert_int_equal(plan->folder, FOLDER_PURGED);
        assert_int_not_equal(plan->action, ACTION_CREATE);
        return;
    }
    assert_int_not_equal(plan->folder, FOLDER_PURGED);
    if (before->here.rule != RULE_ERASE)
        assert_int_not_equal(plan->action, ACTION_REMOVE);
}

/* rule: three-way-no-purge
 * rule: deleted-there */
static void nothing_is_purged_that_no_person_purged(void **state)
{
    (void)state;
    enumerate(check_purge);
}

static void check_never_changed(const struct world *before, const struct plan *plan)
{
    if (before->here.rule == RULE_NORMAL)
        return;
    assert_int_equal(plan->folder, before->here.folder);
    assert_int_not_equal(plan->read, TAKE_THERE_TO_HERE);
    assert_int_not_equal(plan->urgent, TAKE_THERE_TO_HERE);
    assert_int_not_equal(plan->subject, TAKE_THERE_TO_HERE);
    assert_false(plan->conflict);
}

/* rule: resync-from-connection */
static void when_connection_wins_this_side_is_never_changed(void **state)
{
    (void)state;
    enumerate(check_never_changed);
}

static void check_erased(const struct world *before, const struct plan *plan)
{
    if (before->here.rule != RULE_ERASE)
        return;
    assert_int_equal(plan->action,
                     before->item.there == THERE_ABSENT ? ACTION_NONE : ACTION_REMOVE);
    assert_int_equal(plan->place, AGREED_GONE);
    assert_int_equal(plan->read, TAKE_NOTHING);
    assert_false(plan->rewrite);
}

/* rule: user-removed-copies */
static void of_a_removed_user_everything_there_is_removed_and_nothing_else_is_done(void **state)
{
    (void)state;
    enumerate(check_erased);
}

static void check_one_sided(const struct world *w, const struct plan *plan)
{
    bool agreed = w->base.place == AGREED_INBOX || w->base.place == AGREED_SENT ||
                  w->base.place == AGREED_DELETED;

    if (!agreed || w->item.there == THERE_ABSENT || w->here.folder == FOLDER_PURGED ||
        w->here.rule != RULE_NORMAL || w->here.held)
        return;
    if (w->here.read != w->base.read && w->item.read == w->base.read)
        assert_int_equal(plan->read, TAKE_HERE_TO_THERE);
    if (w->here.read == w->base.read && w->item.read != w->base.read)
        assert_int_equal(plan->read, TAKE_THERE_TO_HERE);
    if (w->here.urgent != w->base.urgent && w->item.urgent == w->base.urgent)
        assert_int_equal(plan->urgent, TAKE_HERE_TO_THERE);
    if (w->here.urgent == w->base.urgent && w->item.urgent != w->base.urgent)
        assert_int_equal(plan->urgent, TAKE_THERE_TO_HERE);
    if (strcmp(w->here.subject, w->base.subject) != 0 &&
        strcmp(w->item.subject, w->base.subject) == 0)
        assert_int_equal(plan->subject, TAKE_HERE_TO_THERE);
    if (strcmp(w->here.subject, w->base.subject) == 0 &&
        strcmp(w->item.subject, w->base.subject) != 0)
        assert_int_equal(plan->subject, TAKE_THERE_TO_HERE);
}

/* rule: three-way-field
 * rule: takeover-read */
static void a_change_on_one_side_only_is_copied_whatever_the_clocks_say(void **state)
{
    (void)state;
    enumerate(check_one_sided);
}

static struct plan plan_subjects(const char *base, const char *here, const char *there,
                                 int64_t here_ms, int64_t there_ms)
{
    const struct plan_base b = {.place = AGREED_INBOX, .subject = base};
    const struct plan_here h = {
        .folder = FOLDER_INBOX, .subject = here, .subject_ms = here_ms, .folder_ms = here_ms};
    const struct plan_item i = {
        .there = THERE_INBOX, .subject = there, .modified_ms = there_ms};

    return plan_make(&b, &h, &i);
}

/* rule: three-way-field */
static void of_two_different_changes_the_later_wins_else_exchange(void **state)
{
    (void)state;
    assert_int_equal(plan_subjects("a", "b", "c", 200, 100).subject, TAKE_HERE_TO_THERE);
    assert_int_equal(plan_subjects("a", "b", "c", 100, 200).subject, TAKE_THERE_TO_HERE);
    assert_int_equal(plan_subjects("a", "b", "c", 100, 0).subject, TAKE_THERE_TO_HERE);
    assert_int_equal(plan_subjects("a", "b", "c", 0, 100).subject, TAKE_THERE_TO_HERE);
    assert_int_equal(plan_subjects("a", "b", "b", 200, 100).subject, TAKE_NOTHING);
}

struct row {
    const char *rule;
    enum agreed_place agreed;
    enum message_folder here;
    enum plan_there there;
    enum plan_action action;
    enum message_folder folder;
};

static void check_rows(const struct row *rows, size_t count, enum plan_rule rule)
{
    for (size_t i = 0; i < count; i++) {
        const struct plan_base base = {.place = rows[i].agreed, .subject = "a"};
        const struct plan_here here = {.rule = rule, .folder = rows[i].here, .subject = "a"};
        const struct plan_item item = {.there = rows[i].there, .subject = "a"};
        struct plan plan = plan_make(&base, &here, &item);
        if (plan.action != rows[i].action || plan.folder != rows[i].folder)
            fail_msg("%s: got %s, folder %d", rows[i].rule, plan_action_name(plan.action),
                     plan.folder);
    }
}

/* rule: map-inbox
 * rule: map-deleted
 * rule: map-sent
 * rule: map-back
 * rule: map-back-purged
 * rule: deleted-here
 * rule: deleted-there
 * rule: purged-here
 * rule: restored-here */
static void each_row_of_the_rules(void **state)
{
    static const struct row rows[] = {
        {"a new message is created", AGREED_NEVER, FOLDER_INBOX, THERE_ABSENT, ACTION_CREATE,
         FOLDER_INBOX},
        {"deleted here: moved to Deleted Items", AGREED_INBOX, FOLDER_DELETED, THERE_INBOX,
         ACTION_MOVE_TO_DELETED, FOLDER_DELETED},
        {"purged here, unchanged there: removed", AGREED_INBOX, FOLDER_PURGED, THERE_INBOX,
         ACTION_REMOVE, FOLDER_PURGED},
        {"purged here, in Deleted Items there: removed", AGREED_DELETED, FOLDER_PURGED,
         THERE_DELETED, ACTION_REMOVE, FOLDER_PURGED},
        {"moved to Deleted Items there: deleted here", AGREED_INBOX, FOLDER_INBOX,
         THERE_DELETED, ACTION_NONE, FOLDER_DELETED},
        {"hard-deleted there: deleted here, never purged", AGREED_INBOX, FOLDER_INBOX,
         THERE_ABSENT, ACTION_NONE, FOLDER_DELETED},
        {"restored here: moved back to the Inbox", AGREED_DELETED, FOLDER_INBOX, THERE_DELETED,
         ACTION_MOVE_TO_INBOX, FOLDER_INBOX},
        {"restored there: restored here", AGREED_DELETED, FOLDER_DELETED, THERE_INBOX,
         ACTION_NONE, FOLDER_INBOX},
        {"back in a mapped folder: returned here", AGREED_GONE, FOLDER_DELETED, THERE_INBOX,
         ACTION_NONE, FOLDER_INBOX},
        {"back after a purge: left alone", AGREED_GONE, FOLDER_PURGED, THERE_INBOX, ACTION_NONE,
         FOLDER_PURGED},
        {"moved among inbox folders there: still in the inbox here", AGREED_INBOX, FOLDER_INBOX,
         THERE_MOVED, ACTION_NONE, FOLDER_INBOX},
        {"purged here, kept by a person there: left alone", AGREED_INBOX, FOLDER_PURGED,
         THERE_MOVED, ACTION_NONE, FOLDER_PURGED},
        {"deleted before it was ever sent: nothing is sent", AGREED_NEVER, FOLDER_DELETED,
         THERE_ABSENT, ACTION_NONE, FOLDER_DELETED},
        {"restored here after it vanished there: created again", AGREED_GONE, FOLDER_INBOX,
         THERE_ABSENT, ACTION_CREATE, FOLDER_INBOX},
        {"given up by an administrator: nothing", AGREED_DROPPED, FOLDER_INBOX, THERE_ABSENT,
         ACTION_NONE, FOLDER_INBOX},
        {"a sent message is created in Sent Items", AGREED_NEVER, FOLDER_SENT, THERE_ABSENT,
         ACTION_CREATE, FOLDER_SENT},
        {"sent, deleted there: deleted here", AGREED_SENT, FOLDER_SENT, THERE_DELETED,
         ACTION_NONE, FOLDER_DELETED},
        {"sent, gone there: deleted here", AGREED_SENT, FOLDER_SENT, THERE_ABSENT, ACTION_NONE,
         FOLDER_DELETED},
        {"sent, dragged into the Inbox there: inbox here", AGREED_SENT, FOLDER_SENT,
         THERE_INBOX, ACTION_NONE, FOLDER_INBOX},
        {"sent, dragged below the Inbox there: inbox here", AGREED_SENT, FOLDER_SENT,
         THERE_MOVED, ACTION_NONE, FOLDER_INBOX},
        {"inbox, dragged into Sent Items there: sent here", AGREED_INBOX, FOLDER_INBOX,
         THERE_SENT, ACTION_NONE, FOLDER_SENT},
        {"sent, moved to the inbox here: moved there", AGREED_SENT, FOLDER_INBOX, THERE_SENT,
         ACTION_MOVE_TO_INBOX, FOLDER_INBOX},
        {"sent, deleted here: moved to Deleted Items", AGREED_SENT, FOLDER_DELETED, THERE_SENT,
         ACTION_MOVE_TO_DELETED, FOLDER_DELETED},
        {"sent, restored here: moved back to Sent Items", AGREED_DELETED, FOLDER_SENT,
         THERE_DELETED, ACTION_MOVE_TO_SENT, FOLDER_SENT},
        {"restored there into Sent Items: sent here", AGREED_DELETED, FOLDER_DELETED,
         THERE_SENT, ACTION_NONE, FOLDER_SENT},
        {"sent, purged here: removed", AGREED_SENT, FOLDER_PURGED, THERE_SENT, ACTION_REMOVE,
         FOLDER_PURGED},
        {"sent, purged here, dragged into the Inbox there: left alone", AGREED_SENT,
         FOLDER_PURGED, THERE_INBOX, ACTION_NONE, FOLDER_PURGED},
    };

    (void)state;
    check_rows(rows, sizeof rows / sizeof rows[0], RULE_NORMAL);
}

/* rule: deleted-here-kept-there */
static void deleted_here_and_kept_there_goes_to_the_later(void **state)
{
    const struct plan_base base = {.place = AGREED_INBOX, .subject = "a"};
    struct plan_here here = {.folder = FOLDER_DELETED, .subject = "a", .folder_ms = 200};
    struct plan_item item = {.there = THERE_MOVED, .subject = "a", .modified_ms = 100};

    (void)state;
    struct plan plan = plan_make(&base, &here, &item);
    assert_int_equal(plan.action, ACTION_MOVE_TO_DELETED);
    assert_true(plan.conflict);
    item.modified_ms = 300;
    plan = plan_make(&base, &here, &item);
    assert_int_equal(plan.action, ACTION_NONE);
    assert_int_equal(plan.folder, FOLDER_INBOX);
    assert_true(plan.conflict);
}

/* rule: deleted-here-read-there */
static void deleted_here_and_read_there_is_deleted_and_read(void **state)
{
    const struct plan_base base = {.place = AGREED_INBOX, .subject = "a"};
    const struct plan_here here = {.folder = FOLDER_DELETED, .subject = "a"};
    const struct plan_item item = {.there = THERE_INBOX, .read = true, .subject = "a"};
    struct plan plan = plan_make(&base, &here, &item);

    (void)state;
    assert_int_equal(plan.action, ACTION_MOVE_TO_DELETED);
    assert_int_equal(plan.read, TAKE_THERE_TO_HERE);
}

static void a_message_that_is_held_is_not_touched(void **state)
{
    const struct plan_base base = {.place = AGREED_NEVER, .subject = ""};
    const struct plan_here here = {.folder = FOLDER_INBOX, .held = true, .subject = "a"};
    const struct plan_item item = {.there = THERE_ABSENT, .subject = ""};
    struct plan plan = plan_make(&base, &here, &item);

    (void)state;
    assert_true(plan_is_quiet(&plan, &here));
}

/* rule: resync-from-connection */
static void when_connection_wins_the_rows_are_these(void **state)
{
    static const struct row rows[] = {
        {"vanished there: created again", AGREED_INBOX, FOLDER_INBOX, THERE_ABSENT,
         ACTION_CREATE, FOLDER_INBOX},
        {"a sent one, vanished there: created again", AGREED_SENT, FOLDER_SENT, THERE_ABSENT,
         ACTION_CREATE, FOLDER_SENT},
        {"deleted there: moved back", AGREED_INBOX, FOLDER_INBOX, THERE_DELETED,
         ACTION_MOVE_TO_INBOX, FOLDER_INBOX},
        {"dragged into Sent Items there: moved back", AGREED_INBOX, FOLDER_INBOX, THERE_SENT,
         ACTION_MOVE_TO_INBOX, FOLDER_INBOX},
        {"below the Inbox there: stays", AGREED_INBOX, FOLDER_INBOX, THERE_MOVED, ACTION_NONE,
         FOLDER_INBOX},
        {"restored there: deleted again", AGREED_DELETED, FOLDER_DELETED, THERE_INBOX,
         ACTION_MOVE_TO_DELETED, FOLDER_DELETED},
        {"deleted here, nothing there: nothing", AGREED_GONE, FOLDER_DELETED, THERE_ABSENT,
         ACTION_NONE, FOLDER_DELETED},
        {"purged here, a person's own there: left alone", AGREED_GONE, FOLDER_PURGED,
         THERE_INBOX, ACTION_NONE, FOLDER_PURGED},
    };

    (void)state;
    check_rows(rows, sizeof rows / sizeof rows[0], RULE_CONNECTION);
}

static void moved_here_and_deleted_there_goes_to_the_later(void **state)
{
    const struct plan_base base = {.place = AGREED_SENT, .subject = "a"};
    struct plan_here here = {.folder = FOLDER_INBOX, .subject = "a", .folder_ms = 200};
    struct plan_item item = {.there = THERE_DELETED, .subject = "a", .modified_ms = 100};

    (void)state;
    struct plan plan = plan_make(&base, &here, &item);
    assert_int_equal(plan.action, ACTION_MOVE_TO_INBOX);
    assert_true(plan.conflict);
    item.modified_ms = 300;
    plan = plan_make(&base, &here, &item);
    assert_int_equal(plan.folder, FOLDER_DELETED);
    assert_true(plan.conflict);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_whole_space_is_gone_through),
        cmocka_unit_test(a_second_run_does_nothing),
        cmocka_unit_test(both_sides_are_equal_after_one_run),
        cmocka_unit_test(nothing_is_purged_that_no_person_purged),
        cmocka_unit_test(when_connection_wins_this_side_is_never_changed),
        cmocka_unit_test(
            of_a_removed_user_everything_there_is_removed_and_nothing_else_is_done),
        cmocka_unit_test(a_change_on_one_side_only_is_copied_whatever_the_clocks_say),
        cmocka_unit_test(of_two_different_changes_the_later_wins_else_exchange),
        cmocka_unit_test(each_row_of_the_rules),
        cmocka_unit_test(when_connection_wins_the_rows_are_these),
        cmocka_unit_test(deleted_here_and_kept_there_goes_to_the_later),
        cmocka_unit_test(moved_here_and_deleted_there_goes_to_the_later),
        cmocka_unit_test(deleted_here_and_read_there_is_deleted_and_read),
        cmocka_unit_test(a_message_that_is_held_is_not_touched),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
