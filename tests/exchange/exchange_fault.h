/* Misbehaviour on request: what a specification says is to go wrong, and when.
 *
 * A specification is a list "KIND:OPERATION:WHEN:NUMBER, ..." (ex_faults_help has the words);
 * what stands at the end may be left out. Chance comes from the seed, so that a run can be
 * repeated. Ownership: ex_faults_new copies. Asking counts: ask once for a request. */
#ifndef SIB_TESTS_EXCHANGE_EXCHANGE_FAULT_H
#define SIB_TESTS_EXCHANGE_EXCHANGE_FAULT_H

#include <stdint.h>

#include "base/err.h"

struct faults;

enum fault_answer {
    FAULT_NONE,
    FAULT_BUSY_FAULT, /* HTTP 500, SOAP fault ErrorServerBusy */
    FAULT_BUSY_200,   /* HTTP 200, ErrorServerBusy in the response message */
    FAULT_BUSY_INNER, /* HTTP 200, ErrorInternalServerError around ErrorServerBusy */
    FAULT_CODE,       /* HTTP 200, `code` in the response message */
    FAULT_FAULT_CODE, /* HTTP 500, SOAP fault with `code` */
    FAULT_HTTP,       /* HTTP `number` without a body */
    FAULT_HTML,       /* HTTP 200 with a log-in page */
};

/* Everything that is to happen to one request. */
struct fault_plan {
    bool drop;                /* close without executing */
    bool lose_answer;         /* execute, commit, close */
    bool cut_answer;          /* execute, commit, send half of the answer */
    int64_t delay_ms;         /* execute, then wait before answering */
    int64_t late_ms;          /* wait before executing */
    enum fault_answer answer; /* not executed: this instead */
    int64_t number;           /* back-off, Retry-After or HTTP status; -1: not given */
    int status;               /* FAULT_HTTP */
    char code[64];
};

/* NULL and *err (ERR_USAGE, naming the part) when the specification is wrong. */
struct faults *ex_faults_new(const char *spec, uint64_t seed, struct err *err);
void ex_faults_free(struct faults **faults);
/* operation: "CreateItem", or "SendNotification" for a push call. faults may be NULL. */
void ex_faults_ask(struct faults *faults, const char *operation, struct fault_plan *plan);
/* Text for --help. */
extern const char ex_faults_help[];

#endif
