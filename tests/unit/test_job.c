/* Long work that an administrator asked for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "queue/job.h"
#include "tests/support/queue_fixture.h"

static int64_t ask(struct queue_fixture *f, const char *mailbox)
{
    int64_t id;

    qf_begin(f);
    qf_ok(f, job_ask(f->store, mailbox, "resync", &id, &f->err));
    qf_commit(f);
    return id;
}

static void update(struct queue_fixture *f, struct job *job, const char *word)
{
    snprintf(job->state, sizeof job->state, "%s", word);
    qf_begin(f);
    qf_ok(f, job_update(f->store, job, &f->err));
    qf_commit(f);
}

static void asking_for_a_job_again_gives_the_same_one_until_it_ends(void **state)
{
    struct queue_fixture *f = *state;
    struct job job;
    bool found;

    int64_t id = ask(f, "ann");
    assert_int_equal(ask(f, "ann"), id);
    assert_int_not_equal(ask(f, "bob"), id);
    qf_ok(f, job_open(f->store, "ann", "resync", &job, &found, &f->err));
    assert_true(found);
    assert_string_equal(job.state, "waiting");
    assert_int_equal(job.asked_ms, f->now.ms);
    job.done = 3;
    job.total = 10;
    update(f, &job, "running");
    assert_int_equal(ask(f, "ann"), id);

    f->now.ms += SECOND;
    snprintf(job.error, sizeof job.error, "no such mailbox");
    update(f, &job, "failed");
    qf_ok(f, job_open(f->store, "ann", "resync", &job, &found, &f->err));
    assert_false(found);
    int64_t next = ask(f, "ann");
    assert_int_not_equal(next, id);
    qf_ok(f, job_get(f->store, id, &job, &f->err));
    assert_string_equal(job.state, "failed");
    assert_string_equal(job.error, "no such mailbox");
    assert_int_equal(job.done, 3);
    assert_int_equal(job.total, 10);
    assert_int_equal(job.ended_ms, f->now.ms);
}

static void an_ended_job_is_kept_for_a_day(void **state)
{
    struct queue_fixture *f = *state;
    struct job job;

    int64_t id = ask(f, "ann");
    qf_ok(f, job_get(f->store, id, &job, &f->err));
    update(f, &job, "done");
    ask(f, "bob");
    f->now.ms += 23 * HOUR;
    int64_t next = ask(f, "ann");
    qf_ok(f, job_get(f->store, id, &job, &f->err));
    qf_ok(f, job_get(f->store, next, &job, &f->err));
    update(f, &job, "done");
    f->now.ms += 2 * HOUR;
    ask(f, "ann");
    assert_false(job_get(f->store, id, &job, &f->err));
    assert_int_equal(f->err.kind, ERR_NO_INPUT);
    qf_ok(f, job_get(f->store, next, &job, &f->err));
}

static int64_t ask_kind(struct queue_fixture *f, const char *kind)
{
    int64_t id;

    qf_begin(f);
    qf_ok(f, job_ask(f->store, "ann", kind, &id, &f->err));
    qf_commit(f);
    return id;
}

static void what_changes_most_comes_first_unless_something_is_under_way(void **state)
{
    struct queue_fixture *f = *state;
    struct job job;
    bool found;

    qf_ok(f, job_open_run(f->store, "ann", &job, &found, &f->err));
    assert_false(found);
    int64_t dry = ask_kind(f, JOB_DRY_RUN);
    qf_ok(f, job_open_run(f->store, "ann", &job, &found, &f->err));
    assert_false(found); /* it does nothing */
    int64_t plain = ask_kind(f, JOB_RESYNC), word = ask_kind(f, JOB_FROM_CONNECTION);
    qf_ok(f, job_open_run(f->store, "ann", &job, &found, &f->err));
    assert_true(found && job.id == word);
    update(f, &job, "done");
    qf_ok(f, job_open_run(f->store, "ann", &job, &found, &f->err));
    assert_true(found && job.id == plain);
    job.pages = 7;
    update(f, &job, "running");
    ask_kind(f, JOB_FROM_CONNECTION);
    qf_ok(f, job_open_run(f->store, "ann", &job, &found, &f->err));
    assert_true(found && job.id == plain && job.pages == 7);
    qf_ok(f, job_open_dry(f->store, "ann", &job, &found, &f->err));
    assert_true(found && job.id == dry && job_is_dry(&job));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, qf_set_up, qf_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(asking_for_a_job_again_gives_the_same_one_until_it_ends),
        TEST(an_ended_job_is_kept_for_a_day),
        TEST(what_changes_most_comes_first_unless_something_is_under_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
