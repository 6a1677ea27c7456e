/* Remote mailboxes (remote/remote.h) over an Exchange in memory, with what makes one hard: time
 * that each request takes, answers that are lost after the thing was done, requests that are
 * never carried out or long after their caller gave up, refusals, and calls about changes that
 * come late, twice or never.
 *
 * Ownership: memory_remotes_new hangs itself into the exchange; memory_remotes_free before the
 * exchange goes. A remote may be freed while what it asked for is still to be carried out. */
#ifndef SIB_TESTS_SUPPORT_MEMORY_REMOTE_H
#define SIB_TESTS_SUPPORT_MEMORY_REMOTE_H

#include "tests/support/memory_exchange.h"

/* In percent of the requests (of the last four: of the calls to us). */
enum memory_fault {
    MEMORY_LOST,    /* done, and the answer is lost */
    MEMORY_DROPPED, /* never carried out, and nothing is said */
    MEMORY_LATE,    /* carried out late, perhaps after the caller gave up */
    MEMORY_BUSY,    /* "come back later" */
    MEMORY_BROKE,   /* failed inside; done or not */
    MEMORY_UNREACHED,
    MEMORY_STATES, /* a token is refused */
    MEMORY_SILENT, /* no call comes */
    MEMORY_TWICE,
    MEMORY_SLOW_CALL,
    MEMORY_UNSUBSCRIBED, /* the subscription is forgotten without a word */
    MEMORY_FAULTS,
};

/* What a request asks for; counted. */
enum memory_op {
    MEMORY_OP_FOLDERS,
    MEMORY_OP_CHANGES,
    MEMORY_OP_CREATE,
    MEMORY_OP_STAGE,
    MEMORY_OP_PUBLISH,
    MEMORY_OP_UNSTAGE,
    MEMORY_OP_SET,
    MEMORY_OP_REWRITE,
    MEMORY_OP_MOVE,
    MEMORY_OP_REMOVE,
    MEMORY_OP_GET,
    MEMORY_OP_COMPOSED,
    MEMORY_OP_FETCH,
    MEMORY_OP_WATCH,
    MEMORY_OP_UNWATCH,
    MEMORY_OPS,
};

const char *memory_op_name(enum memory_op op);
const char *memory_fault_name(enum memory_fault fault);

/* We are called at a URL: something changed in these folders (by their ids; none: a sign of
 * life). False, and the other side forgets the subscription. */
typedef bool memory_deliver_fn(const char *url, const char (*folders)[MEMORY_ID], int count,
                               void *arg);
/* A request came to an end there (executed or not): what it was. */
typedef void memory_told_fn(const char *text, void *arg);

struct memory_subscription {
    struct memory_mailbox *mailbox;
    int number; /* 0: free */
    char url[256];
    bool changed;
    bool anywhere, in[MEMORY_FOLDERS_MAX]; /* where */
    struct loop_timer *timer;
};

enum { MEMORY_SUBSCRIPTIONS = 32 };

struct memory_remotes {
    struct memory_exchange *exchange;
    int faults[MEMORY_FAULTS];
    int64_t timeout_ms; /* a caller gives up after so long */
    int64_t late_ms;    /* what was sent is carried out within so long, or never */
    int64_t latency_ms; /* of most requests, at most */
    int64_t back_off_ms;
    const char *recording; /* the file that every attachment is */
    memory_deliver_fn *deliver;
    memory_told_fn *told; /* NULL: nobody listens */
    void *arg;
    struct memory_subscription subscriptions[MEMORY_SUBSCRIPTIONS];
    int subscription_numbers;
    struct remote_call *calls; /* all that are under way, those without a caller too */
    int under_way;
    long requests[MEMORY_OPS], hits[MEMORY_FAULTS];
    long writes;         /* carried out: whatever changes what a person sees */
    long copies_removed; /* that a person had made, while what they were made of was there */
};

struct memory_remotes *memory_remotes_new(struct memory_exchange *exchange);
void memory_remotes_free(struct memory_remotes **remotes);
/* Calls are made at once for every subscription, as their status calls are. */
void memory_status_calls(struct memory_remotes *remotes);

struct remote *memory_remote_new(struct memory_remotes *remotes, const char *address);

#endif
