#include "tests/support/queue_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct wall fixture_now(void *arg)
{
    return ((struct queue_fixture *)arg)->now;
}

void qf_open_store(struct queue_fixture *f, const char *dir)
{
    struct store_options options = {.state_dir = dir ? dir : "/nonexistent",
                                    .now = fixture_now,
                                    .now_arg = f,
                                    .memory = dir == NULL};
    f->store = store_open(&options, &f->err);
    if (!f->store)
        fail_msg("%s", f->err.text);
}

int qf_set_up(void **state)
{
    struct queue_fixture *f = calloc(1, sizeof *f);

    f->now.ms = 1700000000000;
    qf_open_store(f, NULL);
    *state = f;
    return 0;
}

int qf_tear_down(void **state)
{
    struct queue_fixture *f = *state;

    store_close(&f->store);
    free(f);
    return 0;
}

void qf_ok(struct queue_fixture *f, bool result)
{
    if (!result)
        fail_msg("%s", f->err.text);
}

void qf_begin(struct queue_fixture *f)
{
    qf_ok(f, store_begin(f->store, &f->err));
}

void qf_commit(struct queue_fixture *f)
{
    qf_ok(f, store_commit(f->store, &f->err));
}

void qf_push_in(struct queue_fixture *f, const char *mailbox, enum queue_reason reason,
                int64_t delay_ms)
{
    qf_begin(f);
    qf_ok(f, queue_push(f->store, mailbox, reason, delay_ms, &f->err));
    qf_commit(f);
}

void qf_push(struct queue_fixture *f, const char *mailbox, enum queue_reason reason)
{
    qf_push_in(f, mailbox, reason, 0);
}

bool qf_claim_as(struct queue_fixture *f, const char *owner, struct queue_claim *claim)
{
    bool found;

    qf_begin(f);
    qf_ok(f, queue_claim_next(f->store, &(struct queue_claimer){.owner = owner}, claim, &found,
                              &f->err));
    qf_commit(f);
    return found;
}

const char *qf_claim(struct queue_fixture *f)
{
    static struct queue_claim got;

    return qf_claim_as(f, QF_ME, &got) ? got.mailbox : "-";
}

void qf_done(struct queue_fixture *f, const char *mailbox)
{
    qf_begin(f);
    qf_ok(f, queue_done(f->store, QF_ME, mailbox, &f->err));
    qf_commit(f);
}

void qf_again(struct queue_fixture *f, const char *mailbox, int64_t delay_ms,
              bool count_attempt, const char *error)
{
    qf_begin(f);
    qf_ok(f, queue_again(f->store, QF_ME, mailbox, delay_ms, count_attempt, error, &f->err));
    qf_commit(f);
}

void qf_recover(struct queue_fixture *f, const char *owner)
{
    qf_begin(f);
    qf_ok(f, queue_recover(f->store, owner, &f->err));
    qf_commit(f);
}

void qf_hold(struct queue_fixture *f, const char *mailbox, int64_t until_ms)
{
    qf_begin(f);
    qf_ok(f, queue_not_before(f->store, mailbox, until_ms, &f->err));
    qf_commit(f);
}

void qf_set_aside(struct queue_fixture *f, const char *message, const char *error)
{
    qf_begin(f);
    qf_ok(f, queue_set_aside(f->store, "ann", message, error, &f->err));
    qf_commit(f);
}

int64_t qf_count(struct queue_fixture *f, const char *mailbox)
{
    int64_t rows;

    qf_ok(f, queue_count(f->store, mailbox, &rows, &f->err));
    return rows;
}

int64_t qf_next_due(struct queue_fixture *f)
{
    int64_t due;

    qf_ok(f, queue_next_due(f->store, NULL, &due, &f->err));
    return due ? due - f->now.ms : -1;
}

static bool keep_row(const struct queue_row *row, void *arg)
{
    *(struct queue_row *)arg = *row;
    return false;
}

struct queue_row qf_first(struct queue_fixture *f, const char *mailbox)
{
    struct queue_row row = {0};

    qf_ok(f, queue_each(f->store, mailbox, keep_row, &row, &f->err));
    return row;
}
