#include "base/rng.h"

uint64_t rng_next(struct rng *rng)
{
    uint64_t z = (rng->state += 0x9E3779B97F4A7C15u);

    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

uint64_t rng_below(struct rng *rng, uint64_t bound)
{
    return rng_next(rng) % bound;
}

int64_t rng_jitter(struct rng *rng, int64_t value, int percent)
{
    int64_t span = value * percent / 100;

    if (span <= 0)
        return value;
    return value - span + (int64_t)rng_below(rng, (uint64_t)(2 * span + 1));
}
