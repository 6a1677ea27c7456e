/* How fast one Exchange may be asked, and whether at all.  Pure: no input, no output, no clock.
 *
 * Three rules in one value, for each configured Exchange:
 *
 * Limit.  So many requests may be in flight: at first the smaller of 8 and what is configured,
 * never more than that. Trouble of the server (no answer, an answer that it ran out of time, a
 * 502 to 504) halves it, never below 1. A request that began before the last halving does not
 * halve again, so that one bad moment costs one halving. After each PACE_GROW_ROUNDS times
 * `limit` requests that went well it grows by one.
 *
 * A mailbox that is throttled is not the server: budgets are kept for each mailbox, and 20 of
 * 200 may be over theirs all day. Only when, among the last PACE_RECENT answers, at least
 * PACE_CROWD different mailboxes were newly throttled and these are more than half of the
 * answers, the limit is halved. A server that throttles everybody gets there within its first
 * answers. With fewer mailboxes than PACE_CROWD fewer requests are in flight anyway, for a
 * mailbox has one.
 *
 * Newly: a mailbox whose last answer was "throttled", too, says nothing new. So those that are
 * over their budget all day make no crowd while everybody else is quiet. Trouble that is
 * PACE_FORGET_MS old is forgotten: the limit then grows by one with each success until it is
 * where an account starts.
 *
 * Breaker.  PACE_BREAK_AFTER failures in a row without one answer of Exchange itself open it;
 * requests without an answer count only when they are those of another mailbox than the failure
 * before, for one mailbox may hang alone. Nothing is sent then but a probe, after 5 s, doubling
 * to 60 s, a fifth more or less. A probe that Exchange answers closes it: the limit begins at 1
 * and doubles with each round until it is where an account starts.
 *
 * Credentials.  Until they were accepted once, one request is in flight. Two refusals of a
 * password in a row park the account: nothing is sent but one probe an hour, or at once with a
 * new password (pace_renew). A directory that locks an account after ten failures in half an
 * hour sees at most those that were in flight when the password changed, and one.
 *
 * The caller counts: each pace_begin is followed by one pace_end. */
#ifndef SIB_EWS_PACE_H
#define SIB_EWS_PACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/rng.h"

enum {
    PACE_START = 8,
    PACE_GROW_ROUNDS = 4,
    PACE_RECENT = 16,
    PACE_CROWD = 4,
    PACE_KNOWN = 256,
    PACE_FORGET_MS = 60 * 1000,
    PACE_BREAK_AFTER = 5,
    PACE_DENIALS = 2,
    PACE_PROBE_FIRST_MS = 5 * 1000,
    PACE_PROBE_LAST_MS = 60 * 1000,
    PACE_PROBE_JITTER_PERCENT = 20,
    PACE_PARKED_MS = 60 * 60 * 1000,
};

/* How a request ended, as far as the pace is concerned. */
enum pace_end {
    PACE_WELL,     /* Exchange itself answered, whatever it said */
    PACE_BUSY,     /* this mailbox is throttled */
    PACE_SLOW,     /* Exchange answered that it ran out of time */
    PACE_LOST,     /* no answer: a time-out, a connection that broke */
    PACE_DOWN,     /* not reached: no connection, a bad certificate, a proxy that complains */
    PACE_DENIED,   /* the credentials were refused */
    PACE_GIVEN_UP, /* by us; it says nothing */
    PACE_ENDS,
};

enum pace_state {
    PACE_UNPROVEN, /* the credentials were not accepted yet, or were refused once */
    PACE_OPEN,     /* requests flow */
    PACE_BROKEN,   /* the breaker is open */
    PACE_PARKED,   /* the credentials are refused */
    PACE_STATES,
};

struct pace {
    int most, limit, in_flight;
    enum pace_state state;
    bool probing;
    bool lockable; /* the credentials are a password */
    struct mono next_probe;
    /* private */
    int grown;            /* requests that went well since the limit last changed */
    int slow_to;          /* below this the limit doubles with each round */
    uint64_t sent;        /* requests ever begun: the number of the next one */
    uint64_t cut, denied; /* those below had begun before the last halving, before a refusal */
    int failures, denials;
    uint64_t failed_mailbox;
    int64_t pause_ms;
    uint64_t recent[PACE_RECENT]; /* the mailbox of an answer "throttled", 0: another answer */
    int recent_count, recent_at;
    uint64_t known[PACE_KNOWN]; /* mailboxes whose last answer was "throttled"; 0: free */
    int known_at;
    struct mono cut_at;
    struct rng rng;
};

/* most: what is configured, at least 1. */
void pace_init(struct pace *pace, int most, bool lockable, uint64_t seed);
/* An earlier process was refused and nothing is new since: the first refusal parks. */
void pace_suspect(struct pace *pace);
/* Other credentials than before. */
void pace_renew(struct pace *pace);

/* May a request begin? */
bool pace_may_begin(const struct pace *pace);
/* The number of the request, for pace_end. */
uint64_t pace_begin(struct pace *pace);
/* mailbox: any number that tells mailboxes apart, not 0. */
void pace_end(struct pace *pace, uint64_t request, enum pace_end end, uint64_t mailbox,
              struct mono now);

/* Is nothing to be sent but probes? */
bool pace_is_held(const struct pace *pace);
bool pace_probe_is_due(const struct pace *pace, struct mono now);
void pace_probe_begin(struct pace *pace);
void pace_probe_end(struct pace *pace, enum pace_end end, struct mono now);
/* Until the next probe may begin, at least 1. */
int64_t pace_wait_ms(const struct pace *pace, struct mono now);

#endif
