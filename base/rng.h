/* A small seeded random source (splitmix64), for jitter and for tests; never for secrets. */
#ifndef SIB_BASE_RNG_H
#define SIB_BASE_RNG_H

#include <stdint.h>

struct rng {
    uint64_t state;
};

static inline struct rng rng_seed(uint64_t seed)
{
    return (struct rng){seed};
}

uint64_t rng_next(struct rng *rng);
/* 0 .. bound-1; bound > 0. */
uint64_t rng_below(struct rng *rng, uint64_t bound);
/* value, give or take `percent`. */
int64_t rng_jitter(struct rng *rng, int64_t value, int percent);

#endif
