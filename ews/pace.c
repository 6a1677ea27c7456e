#include "ews/pace.h"

#include <assert.h>
#include <string.h>

static int at_least_one(int n)
{
    return n > 1 ? n : 1;
}

static int start_limit(const struct pace *pace)
{
    return pace->most < PACE_START ? pace->most : PACE_START;
}

void pace_init(struct pace *pace, int most, bool lockable, uint64_t seed)
{
    *pace = (struct pace){.most = at_least_one(most),
                          .lockable = lockable,
                          .pause_ms = PACE_PROBE_FIRST_MS,
                          .rng = rng_seed(seed)};
    pace->limit = start_limit(pace);
}

void pace_suspect(struct pace *pace)
{
    if (pace->lockable)
        pace->denials = PACE_DENIALS - 1;
}

void pace_renew(struct pace *pace)
{
    pace->denials = 0;
    pace->denied = pace->sent; /* what is in flight carries the old ones */
    if (pace->state == PACE_PARKED || pace->state == PACE_OPEN)
        pace->state = PACE_UNPROVEN;
}

/* ---- The limit -------------------------------------------------------------------------- */

static void forget_recent(struct pace *pace)
{
    pace->recent_count = pace->recent_at = 0;
}

static void set_limit(struct pace *pace, int limit, int slow_to)
{
    pace->limit = limit;
    pace->slow_to = slow_to;
    pace->grown = 0;
    pace->cut = pace->sent;
    forget_recent(pace);
}

static void halve(struct pace *pace, uint64_t request, struct mono now)
{
    if (request < pace->cut)
        return;
    set_limit(pace, at_least_one(pace->limit / 2), 0);
    pace->cut_at = now;
}

static void grow(struct pace *pace, struct mono now)
{
    if (mono_since(now, pace->cut_at) >= PACE_FORGET_MS)
        pace->slow_to = start_limit(pace);
    int needed = pace->limit < pace->slow_to ? 1 : PACE_GROW_ROUNDS * pace->limit;
    if (pace->limit >= pace->most || ++pace->grown < needed)
        return;
    pace->limit++;
    pace->grown = 0;
}

/* Is it the server that throttles, or a few mailboxes that are? */
static bool is_crowd(const struct pace *pace)
{
    int throttled = 0, different = 0;
    for (int i = 0; i < pace->recent_count; i++) {
        bool seen = pace->recent[i] == 0;
        throttled += !seen;
        for (int j = 0; j < i && !seen; j++)
            seen = pace->recent[j] == pace->recent[i];
        different += !seen;
    }
    return different >= PACE_CROWD && 2 * throttled > pace->recent_count;
}

static void forget_known(struct pace *pace, uint64_t mailbox)
{
    for (int i = 0; i < PACE_KNOWN; i++) {
        if (pace->known[i] == mailbox)
            pace->known[i] = 0;
    }
}

static bool is_known(const struct pace *pace, uint64_t mailbox)
{
    for (int i = 0; i < PACE_KNOWN; i++) {
        if (pace->known[i] == mailbox)
            return true;
    }
    return false;
}

static void note_answer(struct pace *pace, uint64_t request, uint64_t throttled,
                        struct mono now)
{
    if (throttled) {
        if (is_known(pace, throttled))
            return;
        pace->known[pace->known_at] = throttled;
        pace->known_at = (pace->known_at + 1) % PACE_KNOWN;
    }
    if (request < pace->cut)
        return;
    pace->recent[pace->recent_at] = throttled;
    pace->recent_at = (pace->recent_at + 1) % PACE_RECENT;
    if (pace->recent_count < PACE_RECENT)
        pace->recent_count++;
    if (throttled && is_crowd(pace))
        halve(pace, request, now);
}

/* ---- The breaker and the credentials ---------------------------------------------------- */

static void plan_probe(struct pace *pace, int64_t pause_ms, struct mono now)
{
    pace->next_probe =
        mono_add(now, rng_jitter(&pace->rng, pause_ms, PACE_PROBE_JITTER_PERCENT));
}

static void open_breaker(struct pace *pace, struct mono now)
{
    pace->state = PACE_BROKEN;
    pace->pause_ms = PACE_PROBE_FIRST_MS;
    plan_probe(pace, pace->pause_ms, now);
}

/* An hour is the least here: an earlier try would be one more in the directory's count. */
static void park(struct pace *pace, struct mono now)
{
    pace->state = PACE_PARKED;
    pace->next_probe = mono_add(
        now, PACE_PARKED_MS + (int64_t)rng_below(&pace->rng, PACE_PARKED_MS / 100 *
                                                                 PACE_PROBE_JITTER_PERCENT));
}

static void heal(struct pace *pace)
{
    if (pace_is_held(pace))
        set_limit(pace, 1, start_limit(pace));
    pace->state = PACE_OPEN;
}

/* Exchange itself spoke, so the way there is free and the credentials are good. */
static void reached(struct pace *pace, uint64_t request)
{
    pace->failures = 0;
    if (request < pace->denied)
        return; /* it began before a refusal came, and says nothing about it */
    pace->denials = 0;
    if (pace->state != PACE_PARKED)
        heal(pace);
}

static void failed(struct pace *pace, uint64_t mailbox, bool certain, struct mono now)
{
    if (!certain && pace->failures && mailbox == pace->failed_mailbox)
        return;
    pace->failed_mailbox = mailbox;
    if (++pace->failures >= PACE_BREAK_AFTER && !pace_is_held(pace))
        open_breaker(pace, now);
}

static void denied(struct pace *pace, struct mono now)
{
    pace->denied = pace->sent;
    if (++pace->denials >= PACE_DENIALS)
        park(pace, now);
    else if (pace->state == PACE_OPEN)
        pace->state = PACE_UNPROVEN;
}

/* ---- Requests --------------------------------------------------------------------------- */

bool pace_is_held(const struct pace *pace)
{
    return pace->state == PACE_BROKEN || pace->state == PACE_PARKED;
}

bool pace_may_begin(const struct pace *pace)
{
    int room = pace->state == PACE_UNPROVEN ? 1 : pace->limit;
    return !pace_is_held(pace) && pace->in_flight < room;
}

uint64_t pace_begin(struct pace *pace)
{
    pace->in_flight++;
    return pace->sent++;
}

void pace_end(struct pace *pace, uint64_t request, enum pace_end end, uint64_t mailbox,
              struct mono now)
{
    assert(pace->in_flight > 0 && mailbox);
    pace->in_flight--;
    if (end == PACE_DENIED && !pace->lockable)
        end = PACE_DOWN; /* a ticket or a token: nobody is locked out, and it may be mended soon
                          */
    switch (end) {
    case PACE_WELL:
        reached(pace, request);
        forget_known(pace, mailbox);
        note_answer(pace, request, 0, now);
        grow(pace, now);
        break;
    case PACE_BUSY:
        reached(pace, request);
        note_answer(pace, request, mailbox, now);
        break;
    case PACE_SLOW:
        reached(pace, request);
        halve(pace, request, now);
        break;
    case PACE_LOST:
        halve(pace, request, now);
        failed(pace, mailbox, false, now);
        break;
    case PACE_DOWN:
        halve(pace, request, now);
        failed(pace, mailbox, true, now);
        break;
    case PACE_DENIED: denied(pace, now); break;
    case PACE_GIVEN_UP:
    case PACE_ENDS: break;
    }
}

/* ---- Probes ----------------------------------------------------------------------------- */

bool pace_probe_is_due(const struct pace *pace, struct mono now)
{
    return pace_is_held(pace) && !pace->probing && mono_since(now, pace->next_probe) >= 0;
}

void pace_probe_begin(struct pace *pace)
{
    assert(!pace->probing);
    pace->probing = true;
}

static void probe_failed(struct pace *pace, struct mono now)
{
    if (pace->state == PACE_PARKED) {
        /* It was not refused, only not reached: the next one may come as after a failure. */
        plan_probe(pace, PACE_PROBE_LAST_MS, now);
        return;
    }
    pace->pause_ms *= 2;
    if (pace->pause_ms > PACE_PROBE_LAST_MS)
        pace->pause_ms = PACE_PROBE_LAST_MS;
    plan_probe(pace, pace->pause_ms, now);
}

void pace_probe_end(struct pace *pace, enum pace_end end, struct mono now)
{
    assert(pace->probing);
    pace->probing = false;
    if (!pace_is_held(pace))
        return; /* a request that was in flight was answered meanwhile */
    if (end == PACE_WELL || end == PACE_BUSY || end == PACE_SLOW) {
        pace->failures = pace->denials = 0;
        heal(pace);
    } else if (end == PACE_DENIED && pace->lockable) {
        denied(pace, now);
        if (pace->state == PACE_BROKEN)
            probe_failed(pace, now);
    } else {
        probe_failed(pace, now);
    }
}

int64_t pace_wait_ms(const struct pace *pace, struct mono now)
{
    int64_t wait = mono_since(pace->next_probe, now);
    return wait > 1 ? wait : 1;
}
