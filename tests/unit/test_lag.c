/* How far a mailbox is behind: what counts, what does not, and since when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "queue/lag.h"
#include "store/mapping.h"
#include "tests/support/queue_fixture.h"

struct seen {
    char name[LIMIT_MAILBOX_NAME];
    int64_t since_ms;
    int count;
};

static bool collect(const struct mailbox *mailbox, int64_t since_ms, void *arg)
{
    struct seen *seen = arg;

    snprintf(seen->name, sizeof seen->name, "%s", mailbox->name);
    seen->since_ms = since_ms;
    seen->count++;
    return true;
}

static struct seen late(struct queue_fixture *f, int64_t before_ms)
{
    struct seen seen = {.count = 0};

    qf_ok(f, lag_each(f->store, before_ms, collect, &seen, &f->err));
    return seen;
}

static int64_t since(struct queue_fixture *f, const struct mailbox *mailbox)
{
    int64_t ms;

    qf_ok(f, lag_since(f->store, mailbox->id, &ms, &f->err));
    return ms;
}

static struct mailbox add_mailbox(struct queue_fixture *f, bool on)
{
    struct mailbox mailbox = {.name = "ann", .smtp = "ann@example.net", .single_inbox = on};

    qf_begin(f);
    qf_ok(f, mailbox_add(f->store, &mailbox, &f->err));
    qf_commit(f);
    return mailbox;
}

static void add_message(struct queue_fixture *f, const struct mailbox *mailbox, char *id)
{
    const struct message_new message = {.mailbox = mailbox->id};

    qf_begin(f);
    qf_ok(f, message_add(f->store, &message, id, &f->err));
    qf_commit(f);
}

static void nothing_that_waits_is_no_lag(void **state)
{
    struct queue_fixture *f = *state;
    struct mailbox mailbox = add_mailbox(f, true);

    qf_push_in(f, mailbox.id, QUEUE_SWEEP, HOUR);
    qf_push_in(f, mailbox.id, QUEUE_RESYNC, 0);
    assert_int_equal(since(f, &mailbox), 0);
    assert_int_equal(late(f, f->now.ms + HOUR).count, 0);
}

static void a_change_here_waits_since_it_was_made(void **state)
{
    struct queue_fixture *f = *state;
    struct mailbox mailbox = add_mailbox(f, true);
    char id[LIMIT_UUID];
    int64_t made = f->now.ms;

    add_message(f, &mailbox, id);
    f->now.ms += HOUR;
    assert_int_equal(since(f, &mailbox), made);
    struct seen seen = late(f, f->now.ms);
    assert_int_equal(seen.count, 1);
    assert_string_equal(seen.name, "ann");
    assert_int_equal(seen.since_ms, made);
    assert_int_equal(late(f, made).count, 0);
}

static void a_change_there_waits_since_we_heard_of_it(void **state)
{
    struct queue_fixture *f = *state;
    struct mailbox mailbox = add_mailbox(f, true);
    struct queue_claim claim;
    int64_t heard = f->now.ms;

    qf_push(f, mailbox.id, QUEUE_NOTIFICATION);
    assert_int_equal(since(f, &mailbox), heard);
    f->now.ms += 5 * SECOND;
    assert_true(qf_claim_as(f, QF_ME, &claim));
    assert_int_equal(since(f, &mailbox), heard);
    /* The run failed: it is still owed, since then. */
    qf_again(f, mailbox.id, HOUR, true, "busy");
    assert_int_equal(since(f, &mailbox), heard);
    f->now.ms += HOUR;
    assert_true(qf_claim_as(f, QF_ME, &claim));
    qf_done(f, mailbox.id);
    assert_int_equal(since(f, &mailbox), 0);
}

static void a_sweep_that_fails_is_owed_since_its_time_and_not_since_it_was_planned(void **state)
{
    struct queue_fixture *f = *state;
    struct mailbox mailbox = add_mailbox(f, true);
    struct queue_claim claim;

    qf_push_in(f, mailbox.id, QUEUE_SWEEP, HOUR);
    f->now.ms += HOUR + SECOND;
    int64_t due = f->now.ms - SECOND;
    assert_true(qf_claim_as(f, QF_ME, &claim));
    qf_again(f, mailbox.id, HOUR, true, "busy");
    assert_int_equal(since(f, &mailbox), due);
}

static void what_was_refused_waits_for_a_person_and_is_no_lag(void **state)
{
    struct queue_fixture *f = *state;
    struct mailbox mailbox = add_mailbox(f, true);
    const struct agreed agreed = {.refusals = LIMIT_SET_ASIDE_AFTER};
    char id[LIMIT_UUID];

    add_message(f, &mailbox, id);
    qf_begin(f);
    qf_ok(f, agreed_set(f->store, id, &agreed, &f->err));
    qf_ok(f, queue_set_aside(f->store, mailbox.id, id, "too large", &f->err));
    qf_commit(f);
    assert_int_equal(since(f, &mailbox), 0);
    assert_int_equal(late(f, f->now.ms + HOUR).count, 0);
}

static void a_mailbox_that_is_off_or_suspended_is_not_late(void **state)
{
    struct queue_fixture *f = *state;
    struct mailbox mailbox = add_mailbox(f, true);
    const struct mailbox_state suspended = {.condition = MAILBOX_SUSPENDED};
    char id[LIMIT_UUID];

    add_message(f, &mailbox, id);
    assert_int_equal(late(f, f->now.ms + HOUR).count, 1);
    qf_begin(f);
    qf_ok(f, mailbox_state_set(f->store, mailbox.id, &suspended, &f->err));
    qf_commit(f);
    assert_int_equal(late(f, f->now.ms + HOUR).count, 0);
    qf_begin(f);
    const struct mailbox_state ok = {.condition = MAILBOX_OK};
    qf_ok(f, mailbox_state_set(f->store, mailbox.id, &ok, &f->err));
    qf_ok(f, mailbox_set_single_inbox(f->store, "ann", false, &f->err));
    qf_commit(f);
    assert_int_equal(late(f, f->now.ms + HOUR).count, 0);
}

#define PROMISE(name) cmocka_unit_test_setup_teardown(name, qf_set_up, qf_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROMISE(nothing_that_waits_is_no_lag),
        PROMISE(a_change_here_waits_since_it_was_made),
        PROMISE(a_change_there_waits_since_we_heard_of_it),
        PROMISE(a_sweep_that_fails_is_owed_since_its_time_and_not_since_it_was_planned),
        PROMISE(what_was_refused_waits_for_a_person_and_is_no_lag),
        PROMISE(a_mailbox_that_is_off_or_suspended_is_not_late),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
