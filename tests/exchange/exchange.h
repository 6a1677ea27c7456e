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
/* The folder below the Outbox into which people put voice messages that they compose. */
#define EXCHANGE_VOICE_OUTBOX "Voice Outbox"

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
/* How much a mailbox may use up (exchange_limit.h); replaces the earlier one; "" : no limits.
 */
bool exchange_set_limits(struct exchange *ex, const char *spec, struct err *err);
/* What is left of its throttling budget, in milliseconds; 0 without one. */
int64_t exchange_budget(struct exchange *ex, const char *mailbox);
/* Whose habits: "exchange" (the default), or "gromox", another EWS server, which drops inline
 * attachments and InternetMessageId, never makes a push call, gives new item ids when told not
 * to, sends faults with HTTP 200, begins again at a bad SyncState, and fails a whole request
 * for a Binary property. */
bool exchange_set_flavour(struct exchange *ex, const char *name, struct err *err);

/* Instead of its mailboxes, answers that were recorded (exchange_replay.h); NULL: no more. */
bool exchange_set_replay(struct exchange *ex, const char *dir, struct err *err);

/* What befalls a mailbox as a whole. False and *err (ERR_NO_MAILBOX) when it is not there. */
struct exchange_move {
    int64_t lasts_ms; /* ErrorMailboxMoveInProgress so long */
    const char *to; /* the host that has it afterwards; NULL: this one, whatever it is called */
    const char *code; /* what other hosts say then; NULL: ErrorProxyRequestNotAllowed */
    bool keep_states, keep_subscriptions;
};
bool exchange_move_mailbox(struct exchange *ex, const char *mailbox,
                           const struct exchange_move *move, struct err *err);
/* Every SyncState that was handed out is void; the subscriptions vanish silently. */
bool exchange_lose_states(struct exchange *ex, const char *mailbox, struct err *err);
bool exchange_lose_subscriptions(struct exchange *ex, const char *mailbox, struct err *err);
/* A backup, replacing the earlier one; and the way back to it: items, folders and change
 * numbers are as they were, subscriptions are gone, SyncStates handed out since then are void.
 */
bool exchange_snapshot(struct exchange *ex, const char *mailbox, struct err *err);
bool exchange_restore(struct exchange *ex, const char *mailbox, struct err *err);

/* Only this account may log in, and a wrong password gets 401; NULL: anybody (sib-exchange and
 * the in-process transport ask exchange_may_log_in). */
void exchange_set_account(struct exchange *ex, const char *user, const char *password);
bool exchange_may_log_in(const struct exchange *ex, const char *user, const char *password);

/* What came out of a request. */
struct exchange_answer {
    int status;                     /* HTTP status; 0 with dropped */
    const char *type;               /* content type, a literal */
    struct buf body;                /* exchange_answer_clear frees it */
    int64_t retry_after_ms;         /* -1: no such header */
    bool dropped;                   /* the connection ends without an answer */
    int64_t delay_ms;               /* the answer is to be held back so long */
    struct exchange_stream *stream; /* it goes on after the body (exchange_stream.h); or NULL */
};

/* A whole request of the authenticated user. The answer is made afresh; clear it afterwards. */
void exchange_handle(struct exchange *ex, const char *user, const void *bytes, size_t len,
                     struct exchange_answer *answer);
void exchange_answer_clear(struct exchange_answer *answer);

/* The same in pieces, so that a large attachment is never whole in memory more than once. */
struct exchange_request;
struct exchange_request *exchange_request_new(struct exchange *ex, const char *user);
void exchange_request_feed(struct exchange_request *request, const void *bytes, size_t len);
/* Where the request was sent to: a URL, or a host. Asked only when a mailbox moved to a host of
 * its own; say it before the end. */
void exchange_request_at(struct exchange_request *request, const char *url);
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
