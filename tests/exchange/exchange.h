/* A stand-in for Microsoft Exchange: EWS requests in, answers out, over mailboxes of its own.
 *
 * Purpose: what the product meets in the field, in one process, from one seed, on real or
 * virtual time, as strict as Exchange where strictness has cost somebody a day. Ownership: the
 * exchange borrows the loop, which must outlive it; it owns everything else. Callbacks:
 * `deliver` (push) runs from the loop only, never inside a request. Survives a crash: with a
 * directory, everything that was answered, except subscriptions, which Exchange keeps in memory
 * too. Without one, nothing. Errors: functions that return bool fill *err. One thread; one
 * process at a time in a directory. */
#ifndef SIB_TESTS_EXCHANGE_EXCHANGE_H
#define SIB_TESTS_EXCHANGE_EXCHANGE_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/loop.h"

/* The named properties of our product, as a person who looks at items sees them. */
#define EXCHANGE_PROPERTY_SET "b7a3f0c2-5d0e-4c53-9f2b-7c1d5b8e6a41"
#define EXCHANGE_MESSAGE_ID   "SibMessageId"
#define EXCHANGE_CREATION     "SibCreation"

#define EXCHANGE_REQUEST_MAX (64L * 1024 * 1024)
#define EXCHANGE_ANSWER_MAX  (160L * 1024 * 1024)

enum { EXCHANGE_ID_MAX = 256 };

struct exchange;

/* dir: where mailboxes are kept (made when missing); NULL: in memory. Equal seeds give equal
 * identifiers and equal random faults. NULL and *err on failure. */
struct exchange *exchange_new(const char *dir, struct loop *loop, uint64_t seed,
                              struct err *err);
void exchange_free(struct exchange **ex);

/* Make a mailbox with the usual folders; true also when it is there already. */
bool exchange_add_mailbox(struct exchange *ex, const char *address, struct err *err);
/* Unknown mailboxes are made when first named (the default), or refused. */
void exchange_set_auto_mailboxes(struct exchange *ex, bool on);
/* Misbehave as the specification says (exchange_fault.h); replaces the earlier one; "" : none.
 */
bool exchange_set_faults(struct exchange *ex, const char *spec, struct err *err);
/* Only this account may log in, and a wrong password gets 401; NULL: anybody (sib-exchange and
 * the in-process transport ask exchange_may_log_in). */
void exchange_set_account(struct exchange *ex, const char *user, const char *password);
bool exchange_may_log_in(const struct exchange *ex, const char *user, const char *password);

/* What came out of a request. */
struct exchange_answer {
    int status;             /* HTTP status; 0 with dropped */
    const char *type;       /* content type, a literal */
    struct buf body;        /* exchange_answer_clear frees it */
    int64_t retry_after_ms; /* -1: no such header */
    bool dropped;           /* the connection ends without an answer */
    int64_t delay_ms;       /* the answer is to be held back so long */
};

/* A whole request of the authenticated user. The answer is made afresh; clear it afterwards. */
void exchange_handle(struct exchange *ex, const char *user, const void *bytes, size_t len,
                     struct exchange_answer *answer);
void exchange_answer_clear(struct exchange_answer *answer);

/* The same in pieces, so that a large attachment is never whole in memory more than once. */
struct exchange_request;
struct exchange_request *exchange_request_new(struct exchange *ex, const char *user);
void exchange_request_feed(struct exchange_request *request, const void *bytes, size_t len);
/* How long a fault of the kind "late" holds the execution back (0: not). Ask once, after the
 * last feed and before the end. */
int64_t exchange_request_late(struct exchange_request *request);
/* Executes, commits, answers, frees. */
void exchange_request_end(struct exchange_request **request, struct exchange_answer *answer);
/* Forgets it without executing. */
void exchange_request_free(struct exchange_request **request);

/* How often an operation ("CreateItem") was executed since the start; "": all of them. */
long exchange_count(const struct exchange *ex, const char *operation);

/* Push. `deliver` gets one SendNotification document for a URL; whoever delivers it says how it
 * went with exchange_push_answered, at once or later, once per call. Without a hook nothing
 * leaves, and every delivery counts as failed. */
enum exchange_push_result { EXCHANGE_PUSH_OK, EXCHANGE_PUSH_UNSUBSCRIBE, EXCHANGE_PUSH_FAILED };
typedef void exchange_deliver_fn(const char *url, const char *body, size_t len,
                                 const char *subscription, void *arg);
void exchange_set_deliver(struct exchange *ex, exchange_deliver_fn *fn, void *arg);
void exchange_push_answered(struct exchange *ex, const char *subscription,
                            enum exchange_push_result result);
/* Reads a subscriber's answer (an HTTP body) as Exchange does: exactly OK or Unsubscribe. */
enum exchange_push_result exchange_push_read_answer(const void *bytes, size_t len);
/* Shortens StatusFrequency for tests; 0: as subscribed. */
void exchange_set_status_ms(struct exchange *ex, int64_t ms);
int exchange_subscriptions(const struct exchange *ex);
/* All subscriptions vanish silently, as after a failover of the mailbox server. */
void exchange_drop_subscriptions(struct exchange *ex);

#endif
