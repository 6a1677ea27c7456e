/* The durable work queue: which mailbox needs a look, when, and why.
 *
 * One row a mailbox and reason ("state, not events": a row says "look", never "do this step"),
 * so any number of the same wish is one row. Rows live in the store's database: a push stands
 * in the transaction that made it necessary. A claim survives the claimer's death: the row
 * stays, and the next claimer takes over rows of others (queue_recover). Nothing in the queue
 * ever expires. Set-aside rows are messages that the other side refuses for themselves: never
 * due, kept for a person. */
#ifndef SIB_QUEUE_QUEUE_H
#define SIB_QUEUE_QUEUE_H

#include "base/rng.h"
#include "queue/hint.h"
#include "store/store.h"

/* In order of priority: a person is waiting first. */
enum queue_reason {
    QUEUE_CHANGE,       /* something changed here: a deposit, a key on the phone */
    QUEUE_RESYNC,       /* an administrator asked, and waits */
    QUEUE_NOTIFICATION, /* the other side says that something changed there */
    QUEUE_FOLDERS,      /* ... and that it was a folder: which are there now? */
    QUEUE_RETRY,        /* the last run could not finish */
    QUEUE_SWEEP,        /* it is time to look anyway */
    QUEUE_SET_ASIDE,    /* not work: a message that was refused (message is set) */
    QUEUE_REASONS,
};

const char *queue_reason_name(enum queue_reason reason); /* "change", "resync", ... */

struct queue_row {
    int64_t id;
    char mailbox[LIMIT_UUID];
    char message[LIMIT_UUID]; /* set-aside only, else "" */
    enum queue_reason reason;
    int64_t due_ms;     /* wall */
    int64_t created_ms; /* wall, of the first push */
    int attempts;
    char last_error[LIMIT_REASON];
    bool claimed;
};

/* (tx) Wish a look at a mailbox in delay_ms. An existing row keeps the earlier due time; a row
 * that is claimed is marked so that the mailbox is looked at once more after the present run,
 * delay_ms from now at the soonest. Not for QUEUE_SET_ASIDE. QUEUE_NOTIFICATION: something
 * changed there, anywhere. */
bool queue_push(struct store *store, const char *mailbox, enum queue_reason reason,
                int64_t delay_ms, struct err *err);
/* (tx) QUEUE_NOTIFICATION, and where it was; NULL: anywhere. */
bool queue_push_hint(struct store *store, const char *mailbox, const struct hint *hint,
                     int64_t delay_ms, struct err *err);

/* Would queue_push with the same words change nothing? What the caller knows then was before
 * the look that is wished already, also when that row is claimed the next moment. */
bool queue_is_wished(struct store *store, const char *mailbox, enum queue_reason reason,
                     int64_t delay_ms, bool *wished, struct err *err);
/* The same of queue_push_hint. */
bool queue_is_hinted(struct store *store, const char *mailbox, const struct hint *hint,
                     int64_t delay_ms, bool *wished, struct err *err);

/* Who claims, and for whom. may: is there room for a mailbox of this [exchange] section (""
 * for those that name none)? It is asked once for each section that has rows;
 * NULL: always. However many rows a section has that may not be claimed, they cost nothing. */
struct queue_claimer {
    const char *owner;
    bool (*may)(const char *exchange, void *arg);
    void *arg;
};

/* (tx) Claim every due row of the one mailbox that comes next: by the best priority among its
 * due rows, then by due time; mailboxes claimed already are passed over, and so are those with
 * a not-before in the future, and those that may not be claimed. *found false: nothing is due.
 * reasons: bit set of the reasons that were claimed. */
struct queue_claim {
    char mailbox[LIMIT_UUID];
    unsigned reasons;         /* 1u << enum queue_reason */
    int attempts;             /* the greatest among the rows */
    int64_t waiting_since_ms; /* wall: the oldest created_ms */
};
bool queue_claim_next(struct store *store, const struct queue_claimer *claimer,
                      struct queue_claim *out, bool *found, struct err *err);

/* (tx) The run went well: claimed rows go, unless they were pushed again meanwhile (then they
 * are due as that push said, mostly at once). */
bool queue_done(struct store *store, const char *owner, const char *mailbox, struct err *err);

/* (tx) The run must be repeated: claimed rows become one retry row, due in delay_ms; attempts
 * are counted only when count_attempt. */
bool queue_again(struct store *store, const char *owner, const char *mailbox, int64_t delay_ms,
                 bool count_attempt, const char *error, struct err *err);

/* (tx) The run could not do its work, for a reason that is not its mailbox's: claimed rows are
 * as they were before, due in delay_ms at the soonest (0: as they were). */
bool queue_give_back(struct store *store, const char *owner, const char *mailbox,
                     int64_t delay_ms, const char *error, struct err *err);

/* (tx) One of the wishes was fulfilled (unless it was pushed again meanwhile); the other
 * claimed rows are as they were before. */
bool queue_done_one(struct store *store, const char *owner, const char *mailbox,
                    enum queue_reason reason, struct err *err);

/* (tx) Free what other owners claimed (they died): due now. For the start of a claimer; also
 * makes due now what was pushed before the calendar was set back. */
bool queue_recover(struct store *store, const char *owner, struct err *err);

/* (tx) Do not claim anything of this mailbox before then (wall; back-off by the other side).
 * The later of two words holds; 0 lifts it. */
bool queue_not_before(struct store *store, const char *mailbox, int64_t until_ms,
                      struct err *err);

/* When the next mailbox can be claimed (wall ms; in the past: now); 0: never, there is nothing.
 * Claimed rows do not count, nor do others of their mailbox: ask again after queue_done or
 * queue_again. A not-before counts. claimer NULL: whoever it is. */
bool queue_next_due(struct store *store, const struct queue_claimer *claimer, int64_t *due_ms,
                    struct err *err);

/* How long to wait after a failed run whose claim had so many attempts (0: the first failure):
 * 10 s doubling to 5 min, give or take a fifth. Pure. */
int64_t queue_back_off(int attempts, struct rng *rng);

/* (tx) A refused message, with what was said. */
bool queue_set_aside(struct store *store, const char *mailbox, const char *message,
                     const char *error, struct err *err);
/* (tx) A person's word: due now / forget. ERR_NO_INPUT when there is no such row; ERR_TEMPORARY
 * when a row to forget is claimed. The row is given back as it was, so that the caller can act
 * on a set-aside message; retried, that one becomes a retry row of its mailbox. */
bool queue_retry(struct store *store, int64_t id, struct queue_row *row, struct err *err);
bool queue_drop(struct store *store, int64_t id, struct queue_row *row, struct err *err);

typedef bool queue_fn(const struct queue_row *row, void *arg);
/* mailbox "": all. By reason, then due time; claimed and set-aside rows too. */
bool queue_each(struct store *store, const char *mailbox, queue_fn *fn, void *arg,
                struct err *err);
bool queue_count(struct store *store, const char *mailbox, int64_t *count, struct err *err);

#endif
