/* What a mailbox may use up: throttling budget, connections, subscriptions, room.
 *
 * Off until a specification says otherwise: a list "WORD=NUMBER@MAILBOX, ..." (ex_limits_help
 * has the words); a later entry wins over an earlier one, MAILBOX is a pattern as with faults.
 * Time is the loop's, so that virtual time recharges a budget too. Private to the stand-in.
 * Ownership: the limits own their gauges, one for each mailbox that was heard of; mailboxes are
 * named by their row. */
#ifndef SIB_TESTS_EXCHANGE_EXCHANGE_LIMIT_H
#define SIB_TESTS_EXCHANGE_EXCHANGE_LIMIT_H

#include "tests/exchange/exchange_private.h"

struct limits;

/* NULL and *err (ERR_USAGE, naming the part). */
struct limits *ex_limits_new(const char *spec, struct err *err);
void ex_limits_free(struct limits **limits);

/* Why a request is turned away. */
struct limit_refusal {
    const char *code;    /* NULL: it is not */
    int64_t back_off_ms; /* 0: not told */
    const char *policy;  /* the part of the policy, for MessageXml; NULL: none */
    int shape;           /* of ErrorServerBusy: 0, 1, 2, another one each time */
};

/* A request for a mailbox has come in, and holds a connection until ex_limits_leave. */
void ex_limits_enter(struct exchange *ex, int64_t mailbox, const char *operation,
                     struct limit_refusal *refusal);
/* It was executed (or refused: no things, no bytes), and its answer leaves after hold_ms.
 * Returns how much later the answer is to go for the budget's sake. */
int64_t ex_limits_leave(struct exchange *ex, int64_t mailbox, const char *operation, int things,
                        int64_t bytes, int64_t hold_ms);
/* May the mailbox have one more subscription? */
bool ex_limits_may_subscribe(struct exchange *ex, int64_t mailbox);
/* Is as much in the mailbox as may be? */
bool ex_limits_is_full(struct exchange *ex, int64_t mailbox);
/* What is left of the budget, for tests and for people. */
int64_t ex_limits_balance(struct exchange *ex, int64_t mailbox);

extern const char ex_limits_help[];

#endif
