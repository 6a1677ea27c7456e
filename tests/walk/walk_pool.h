/* Many walks over all processors: each worker is a process with a site of its own and takes one
 * seed after the other. */
#ifndef SIB_TESTS_WALK_WALK_POOL_H
#define SIB_TESTS_WALK_WALK_POOL_H

#include "tests/walk/walk.h"

enum { POOL_FINDINGS = 16, POOL_JOBS_MAX = 64 };

struct pool_order {
    uint64_t first, seeds;
    int64_t seconds; /* no seed is begun after so long; 0: all of them */
    int stop_after;  /* findings; 0: never */
    const char *bug; /* base/bug.h; NULL: none */
    bool progress;   /* to stderr, as it goes */
};

struct pool_finding {
    uint64_t seed;
    char text[WALK_FINDING];
};

struct pool_result {
    uint64_t walks;
    int64_t took_ms;
    struct walk_sum sum;
    int finding_count; /* all of them; the first POOL_FINDINGS are told */
    struct pool_finding findings[POOL_FINDINGS];
};

void pool_run(const struct pool_order *order, struct pool_result *result);

#endif
