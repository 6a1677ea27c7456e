/* The three-way rule over its whole input space: every combination of what was agreed, what is
 * here and what is there, for folder, read, urgent, subject and times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "sync/plan.h"

/* A small world in which a plan can be carried out: what both sides hold. */
struct world {
    struct plan_base base;
    struct plan_here here;
    struct plan_item item;
};

static const char *const subjects[] = {"a", "b", "c"};
static const enum agreed_place places[] = {AGREED_NEVER, AGREED_INBOX, AGREED_DELETED,
                                           AGREED_GONE};
static const enum message_folder folders[] = {FOLDER_INBOX, FOLDER_DELETED, FOLDER_PURGED};

static void carry_out_fields(struct world *w, const struct plan *plan)
{
    if (plan->read == TAKE_HERE_TO_THERE)
        w->item.read = w->here.read;
    if (plan->read == TAKE_THERE_TO_HERE)
        w->here.read = w->item.read;
    if (plan->urgent == TAKE_HERE_TO_THERE)
        w->item.urgent = w->here.urgent;
    if (plan->urgent == TAKE_THERE_TO_HERE)
        w->here.urgent = w->item.urgent;
    if (plan->subject == TAKE_HERE_TO_THERE)
        w->item.subject = w->here.subject;
    if (plan->subject == TAKE_THERE_TO_HERE)
        w->here.subject = w->item.subject;
}

/* What a run would do: both sides changed, the agreement recorded. */
static void carry_out(struct world *w, const struct plan *plan)
{
    carry_out_fields(w, plan);
    w->here.folder = plan->folder;
    switch (plan->action) {
    case ACTION_CREATE:
        w->item.there = THERE_INBOX;
        w->item.read = w->here.read;
        w->item.urgent = w->here.urgent;
        w->item.subject = w->here.subject;
        break;
    case ACTION_MOVE_TO_INBOX: w->item.there = THERE_INBOX; break;
    case ACTION_MOVE_TO_DELETED: w->item.there = THERE_DELETED; break;
    case ACTION_REMOVE: w->item.there = THERE_ABSENT; break;
    default: break;
    }
    w->base.place = plan->place;
    if (w->item.there != THERE_ABSENT) {
        w->base.read = w->item.read;
        w->base.urgent = w->item.urgent;
        w->base.subject = w->item.subject;
    }
    if (w->item.there == THERE_MOVED) /* where it is now is what is agreed */
        w->item.there = THERE_INBOX;
}

typedef void check_fn(const struct world *before, const struct plan *plan, void *arg);

static void each_field(struct world *w, check_fn *check, void *arg)
{
    for (unsigned bits = 0; bits < 64; bits++) {
        w->base.read = bits & 1;
        w->here.read = bits & 2;
        w->item.read = bits & 4;
        w->base.urgent = bits & 8;
        w->here.urgent = bits & 16;
        w->item.urgent = bits & 32;
        for (unsigned s = 0; s < 27; s++) {
            w->base.subject = subjects[s % 3];
            w->here.subject = subjects[s / 3 % 3];
            w->item.subject = subjects[s / 9];
            struct plan plan = plan_make(&w->base, &w->here, &w->item);
            check(w, &plan, arg);
        }
    }
}

/* 4 agreements x 3 folders x 4 places x 4 orders of time x 64 x 27: 331,776 cases. */
static void enumerate(check_fn *check, void *arg)
{
    static const int64_t times[][2] = {{0, 0}, {100, 200}, {200, 100}, {100, 0}};

    for (size_t b = 0; b < 4; b++) {
        for (size_t h = 0; h < 3; h++) {
            for (int t = 0; t < THERE_PLACES; t++) {
                for (size_t k = 0; k < 4; k++) {
                    struct world w = {.base.place = places[b], .here.folder = folders[h]};
                    w.item.there = (enum plan_there)t;
                    w.here.folder_ms = w.here.read_ms = w.here.urgent_ms = w.here.subject_ms =
                        times[k][0];
                    w.item.modified_ms = times[k][1];
                    each_field(&w, check, arg);
                }
            }
        }
    }
}

static void check_quiet_afterwards(const struct world *before, const struct plan *plan,
                                   void *arg)
{
    struct world after = *before;

    (void)arg;
    carry_out(&after, plan);
    struct plan again = plan_make(&after.base, &after.here, &after.item);
    if (!plan_is_quiet(&again, &after.here) || again.place != after.base.place)
        fail_msg("agreed %d here %d there %d: %s, then %s (%s)", before->base.place,
                 before->here.folder, before->item.there, plan->why, again.why,
                 plan_action_name(again.action));
}

static void a_second_run_does_nothing(void **state)
{
    (void)state;
    enumerate(check_quiet_afterwards, NULL);
}

static void check_equal(const struct world *before, const struct plan *plan, void *arg)
{
    struct world w = *before;

    (void)arg;
    carry_out(&w, plan);
    if (w.here.folder == FOLDER_PURGED)
        return; /* nothing is here any more; what is there is the user's own */
    if (w.item.there == THERE_ABSENT) {
        assert_int_equal(w.here.folder, FOLDER_DELETED);
        return;
    }
    assert_int_equal(w.here.folder,
                     w.item.there == THERE_DELETED ? FOLDER_DELETED : FOLDER_INBOX);
    assert_int_equal(w.here.read, w.item.read);
    assert_int_equal(w.here.urgent, w.item.urgent);
    assert_string_equal(w.here.subject, w.item.subject);
}

static void both_sides_are_equal_after_one_run(void **state)
{
    (void)state;
    enumerate(check_equal, NULL);
}

static void check_purge(const struct world *before, const struct plan *plan, void *arg)
{
    (void)arg;
    if (before->here.folder != FOLDER_PURGED) {
        assert_int_not_equal(plan->folder, FOLDER_PURGED);
        assert_int_not_equal(plan->action, ACTION_REMOVE);
    } else {
        assert_int_equal(plan->folder, FOLDER_PURGED);
        assert_int_not_equal(plan->action, ACTION_CREATE);
    }
}

static void nothing_is_purged_that_no_person_purged(void **state)
{
    (void)state;
    enumerate(check_purge, NULL);
}

static void check_one_sided(const struct world *w, const struct plan *plan, void *arg)
{
    (void)arg;
    if (w->base.place != AGREED_INBOX && w->base.place != AGREED_DELETED)
        return;
    if (w->item.there == THERE_ABSENT || w->here.folder == FOLDER_PURGED)
        return;
    if (w->here.read != w->base.read && w->item.read == w->base.read)
        assert_int_equal(plan->read, TAKE_HERE_TO_THERE);
    if (w->here.read == w->base.read && w->item.read != w->base.read)
        assert_int_equal(plan->read, TAKE_THERE_TO_HERE);
    if (w->here.read == w->item.read)
        assert_int_equal(plan->read, TAKE_NOTHING);
}

static void a_change_on_one_side_only_is_copied_whatever_the_clocks_say(void **state)
{
    (void)state;
    enumerate(check_one_sided, NULL);
}

static struct plan plan_subjects(const char *base, const char *here, const char *there,
                                 int64_t here_ms, int64_t there_ms)
{
    const struct plan_base b = {AGREED_INBOX, false, false, base};
    const struct plan_here h = {
        .folder = FOLDER_INBOX, .subject = here, .subject_ms = here_ms, .folder_ms = here_ms};
    const struct plan_item i = {
        .there = THERE_INBOX, .subject = there, .modified_ms = there_ms};

    return plan_make(&b, &h, &i);
}

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
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const struct plan_base base = {rows[i].agreed, false, false, "a"};
        const struct plan_here here = {.folder = rows[i].here, .subject = "a"};
        const struct plan_item item = {.there = rows[i].there, .subject = "a"};
        struct plan plan = plan_make(&base, &here, &item);
        if (plan.action != rows[i].action || plan.folder != rows[i].folder)
            fail_msg("%s: got %s, folder %d", rows[i].rule, plan_action_name(plan.action),
                     plan.folder);
    }
}

static void deleted_here_and_kept_there_goes_to_the_later(void **state)
{
    const struct plan_base base = {AGREED_INBOX, false, false, "a"};
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

static void deleted_here_and_read_there_is_deleted_and_read(void **state)
{
    const struct plan_base base = {AGREED_INBOX, false, false, "a"};
    const struct plan_here here = {.folder = FOLDER_DELETED, .subject = "a"};
    const struct plan_item item = {.there = THERE_INBOX, .read = true, .subject = "a"};
    struct plan plan = plan_make(&base, &here, &item);

    (void)state;
    assert_int_equal(plan.action, ACTION_MOVE_TO_DELETED);
    assert_int_equal(plan.read, TAKE_THERE_TO_HERE);
}

static void a_dispatch_message_is_not_touched(void **state)
{
    const struct plan_base base = {AGREED_NEVER, false, false, ""};
    const struct plan_here here = {.folder = FOLDER_INBOX, .held = true, .subject = "a"};
    const struct plan_item item = {.there = THERE_ABSENT, .subject = ""};
    struct plan plan = plan_make(&base, &here, &item);

    (void)state;
    assert_true(plan_is_quiet(&plan, &here));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_second_run_does_nothing),
        cmocka_unit_test(both_sides_are_equal_after_one_run),
        cmocka_unit_test(nothing_is_purged_that_no_person_purged),
        cmocka_unit_test(a_change_on_one_side_only_is_copied_whatever_the_clocks_say),
        cmocka_unit_test(of_two_different_changes_the_later_wins_else_exchange),
        cmocka_unit_test(each_row_of_the_rules),
        cmocka_unit_test(deleted_here_and_kept_there_goes_to_the_later),
        cmocka_unit_test(deleted_here_and_read_there_is_deleted_and_read),
        cmocka_unit_test(a_dispatch_message_is_not_touched),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
