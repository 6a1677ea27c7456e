#include "sync/lane.h"

#include <assert.h>
#include <string.h>

enum {
    PAUSE_FIRST_MS = 5 * 1000,
    PAUSE_LAST_MS = 60 * 1000,
    PAUSE_JITTER_PERCENT = 20,
    ALARM_AFTER_MS =
        5 * 60 * 1000, /* what is shorter mends itself before anybody has read it */
};

static int share_of(const struct config_exchange *exchange, int runs_each)
{
    if (runs_each > 0)
        return runs_each;
    return (int)exchange->connections * LANE_RUNS_PER_CONNECTION;
}

void lanes_init(struct lanes *lanes, const struct config *config, int runs_each,
                lane_health_fn *health, void *arg)
{
    memset(lanes, 0, sizeof *lanes);
    lanes->health = health;
    lanes->arg = arg;
    lanes->rng = rng_seed(config->exchange_count);
    for (size_t i = 0; i < config->exchange_count; i++) {
        const struct config_exchange *exchange = &config->exchange[i];
        lanes->lane[lanes->count++] = (struct lane){.exchange = exchange,
                                                    .share = share_of(exchange, runs_each),
                                                    .alarm = LANE_UNKNOWN};
    }
    lanes->lane[lanes->count++] = (struct lane){.share = 1};
    for (int i = 0; i < lanes->count; i++)
        lanes->runs += lanes->lane[i].share;
}

void lanes_look(struct lanes *lanes, struct mono now)
{
    for (int i = 0; lanes->health && i < lanes->count; i++) {
        struct lane *lane = &lanes->lane[i];
        bool was_held = lane->health.held;
        if (lane->exchange)
            lanes->health(lane->exchange, &lane->health, lanes->arg);
        if (lane->health.held && !was_held)
            lane->held_since = now;
    }
}

struct lane *lanes_of(struct lanes *lanes, const struct config *config, const char *exchange)
{
    const struct config_exchange *section = config_exchange(config, exchange);

    for (int i = 0; i < lanes->count - 1; i++) {
        if (lanes->lane[i].exchange == section)
            return &lanes->lane[i];
    }
    return &lanes->lane[lanes->count - 1];
}

bool lane_is_held(const struct lane *lane)
{
    return lane->health.held || lane->failures >= LANE_FAILURES;
}

bool lane_may_start(const struct lane *lane, struct mono now)
{
    if (lane->health.held || lane->running >= lane->share)
        return false;
    if (lane->failures < LANE_FAILURES)
        return true;
    return lane->running == 0 && mono_since(now, lane->until) >= 0;
}

void lane_started(struct lane *lane)
{
    lane->running++;
}

void lane_ended(struct lanes *lanes, struct lane *lane, bool of_account, struct mono now)
{
    assert(lane->running > 0);
    lane->running--;
    if (lanes->health)
        return;
    if (!of_account) {
        lane->failures = 0;
        lane->pause_ms = 0;
        return;
    }
    if (++lane->failures < LANE_FAILURES)
        return;
    lane->pause_ms = lane->pause_ms ? lane->pause_ms * 2 : PAUSE_FIRST_MS;
    if (lane->pause_ms > PAUSE_LAST_MS)
        lane->pause_ms = PAUSE_LAST_MS;
    lane->until = mono_add(now, rng_jitter(&lanes->rng, lane->pause_ms, PAUSE_JITTER_PERCENT));
}

enum lane_alarm lane_wants_alarm(const struct lane *lane, struct mono now)
{
    if (lane->health.state == PACE_PARKED)
        return LANE_REFUSED;
    if (lane->health.held && mono_since(now, lane->held_since) >= ALARM_AFTER_MS)
        return LANE_UNAVAILABLE;
    /* What an earlier life raised stands until the account was seen to be well. */
    return lane->health.state == PACE_OPEN ? LANE_QUIET : lane->alarm;
}
