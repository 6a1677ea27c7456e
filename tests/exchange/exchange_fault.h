/* Misbehaviour on request: what a specification says is to go wrong, when, and for whom.
 *
 * A specification is a list "KIND:OPERATION:WHEN:NUMBER@MAILBOX, ..." (ex_faults_help has the
 * words); what stands at the end may be left out. MAILBOX is a pattern (* and ?) for the
 * address of the mailbox that a request is about, without regard to case; a fault without one
 * strikes all. Requests are counted for each fault, over all mailboxes that it is bound to.
 * Chance comes from the seed, so that a run can be repeated. Ownership: ex_faults_new copies.
 * Asking counts: ask once for a request. */
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
    FAULT_FAULT_200,  /* the same with HTTP 200 */
    FAULT_HTTP,       /* HTTP `status` without a body */
    FAULT_HTML,       /* HTTP 200 with a log-in page */
};

/* What happens to the mailbox before the request is looked at. */
enum fault_act {
    FAULT_MOVE = 1,               /* it moves to another server for `move_ms` */
    FAULT_SNAPSHOT = 2,           /* a backup is made of it */
    FAULT_RESTORE = 4,            /* it goes back to that backup */
    FAULT_LOSE_STATES = 8,        /* every SyncState that was handed out is void */
    FAULT_LOSE_SUBSCRIPTIONS = 16 /* its subscriptions vanish silently */
};

/* Everything that is to happen to one request. */
struct fault_plan {
    bool drop;         /* close without executing */
    bool lose_answer;  /* execute, commit, close */
    bool cut_answer;   /* execute, commit, send half of the answer */
    bool short_answer; /* execute, commit, leave the last response message out */
    bool bad_char;     /* execute, commit, put a character into the answer that XML forbids */
    int64_t delay_ms;  /* execute, then wait before answering */
    int64_t late_ms;   /* wait before executing */
    int64_t stray_ms;  /* close now, execute so much later, whatever the caller does; -1: no */
    int64_t again_ms;  /* execute a second time so much later, nobody hears of it; -1: no */
    int64_t cut_at;    /* send only so many bytes of the answer; -1: all */
    int64_t stop_at;   /* the so manieth thing of the batch fails, and stops the rest; 0: no */
    int acts;          /* fault_act, or-ed */
    int64_t move_ms;
    enum fault_answer answer; /* not executed: this instead */
    int64_t number;           /* back-off or Retry-After; -1: not given */
    int status;               /* FAULT_HTTP */
    char code[64];
};

/* NULL and *err (ERR_USAGE, naming the part) when the specification is wrong. */
struct faults *ex_faults_new(const char *spec, uint64_t seed, struct err *err);
void ex_faults_free(struct faults **faults);
/* operation: "CreateItem", or "SendNotification" for a push call. mailbox: its address. faults
 * may be NULL. */
void ex_faults_ask(struct faults *faults, const char *operation, const char *mailbox,
                   struct fault_plan *plan);
/* A plan in which nothing goes wrong. */
void ex_faults_plan_init(struct fault_plan *plan);
/* Text for --help. */
extern const char ex_faults_help[];

#endif
