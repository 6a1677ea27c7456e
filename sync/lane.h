/* The accounts as the scheduler sees them: each has its own share of the runs, and none while
 * it is held.
 *
 * One lane for each [exchange] section, and one more for mailboxes that name a section that
 * there is not. A lane is held while its account says so (it has a breaker and probes of its
 * own, ews/pace.h); where nobody can be asked, after LANE_FAILURES runs in a row that failed
 * because of the account: then one run is let through after 5 s, doubling to 60 s.
 * Ownership: borrows the configuration and what the callback needs. Pure but for the callback:
 * time is passed in. */
#ifndef SIB_SYNC_LANE_H
#define SIB_SYNC_LANE_H

#include "base/config.h"
#include "base/rng.h"
#include "ews/ews.h"

enum {
    LANE_FAILURES = 3,
    LANE_RUNS_PER_CONNECTION = 2, /* runs wait for their disk, too */
    LANES_MAX = CONFIG_EXCHANGES_MAX + 1,
};

/* How an account stands. */
typedef void lane_health_fn(const struct config_exchange *exchange, struct ews_health *health,
                            void *arg);

enum lane_alarm { LANE_QUIET, LANE_UNAVAILABLE, LANE_REFUSED, LANE_UNKNOWN };

struct lane {
    const struct config_exchange *exchange; /* NULL: the lane of no section */
    int share, running;
    struct ews_health health;
    struct mono held_since;
    enum lane_alarm alarm; /* raised in the store */
    /* without anybody to ask */
    int failures;
    int64_t pause_ms;
    struct mono until;
};

struct lanes {
    struct lane lane[LANES_MAX];
    int count, runs; /* runs: all shares together */
    lane_health_fn *health;
    void *arg;
    struct rng rng;
};

/* runs_each: the share of each lane; 0: by its connections. health NULL: nobody can be asked.
 */
void lanes_init(struct lanes *lanes, const struct config *config, int runs_each,
                lane_health_fn *health, void *arg);
/* Ask how each account stands. */
void lanes_look(struct lanes *lanes, struct mono now);
/* By the section that a mailbox names; never NULL. */
struct lane *lanes_of(struct lanes *lanes, const struct config *config, const char *exchange);

bool lane_may_start(const struct lane *lane, struct mono now);
bool lane_is_held(const struct lane *lane);
void lane_started(struct lane *lane);
/* A run ended; of_account: it failed because of the account. */
void lane_ended(struct lanes *lanes, struct lane *lane, bool of_account, struct mono now);
/* The alarm that should be raised now. */
enum lane_alarm lane_wants_alarm(const struct lane *lane, struct mono now);

#endif
