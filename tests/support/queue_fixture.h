/* A store in memory with a clock of the test's, and each step of the queue in a transaction of
 * its own; a step that fails fails the test. */
#ifndef SIB_TESTS_SUPPORT_QUEUE_FIXTURE_H
#define SIB_TESTS_SUPPORT_QUEUE_FIXTURE_H

#include "queue/queue.h"

enum { SECOND = 1000, HOUR = 3600 * 1000 };

struct queue_fixture {
    struct store *store;
    struct wall now;
    struct err err;
};

#define QF_ME "me" /* the owner of claims */

/* For cmocka: *state becomes a struct queue_fixture with an empty store. */
int qf_set_up(void **state);
int qf_tear_down(void **state);
/* dir NULL: in memory. */
void qf_open_store(struct queue_fixture *f, const char *dir);
void qf_ok(struct queue_fixture *f, bool result);
void qf_begin(struct queue_fixture *f);
void qf_commit(struct queue_fixture *f);
void qf_push_in(struct queue_fixture *f, const char *mailbox, enum queue_reason reason,
                int64_t delay_ms);
/* Due at once. */
void qf_push(struct queue_fixture *f, const char *mailbox, enum queue_reason reason);
bool qf_claim_as(struct queue_fixture *f, const char *owner, struct queue_claim *claim);
/* By the owner QF_ME: the mailbox that was claimed, or "-". */
const char *qf_claim(struct queue_fixture *f);
void qf_done(struct queue_fixture *f, const char *mailbox);
void qf_again(struct queue_fixture *f, const char *mailbox, int64_t delay_ms,
              bool count_attempt, const char *error);
void qf_recover(struct queue_fixture *f, const char *owner);
void qf_hold(struct queue_fixture *f, const char *mailbox, int64_t until_ms);
/* A message of the mailbox "ann". */
void qf_set_aside(struct queue_fixture *f, const char *message, const char *error);
int64_t qf_count(struct queue_fixture *f, const char *mailbox);
/* Relative to now; -1: nothing is due ever. */
int64_t qf_next_due(struct queue_fixture *f);
/* The first row of the mailbox. */
struct queue_row qf_first(struct queue_fixture *f, const char *mailbox);

#endif
