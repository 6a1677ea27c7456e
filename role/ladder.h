/* When to start a service again that has died: 0, 1, 2, 4 ... 60 s, from the beginning again
 * once it has been up long enough, and never after an exit that only a person can mend.
 *
 * Pure: no clock, no timers; a plain value that its owner keeps. */
#ifndef SIB_ROLE_LADDER_H
#define SIB_ROLE_LADDER_H

#include <stdbool.h>
#include <stdint.h>

struct ladder_times {
    int64_t unit_ms, max_ms; /* the second delay, and the longest */
    int64_t long_enough_ms;  /* up for so long: the next death is a first one */
};
extern const struct ladder_times LADDER_TIMES; /* what sibd uses */

struct ladder {
    int step;    /* deaths in a row */
    bool failed; /* not to be tried again until ladder_reset */
};

enum { LADDER_NEVER = -1 };

/* It died with wait_status (as of waitpid) after having been up, that is READY, for up_ms.
 * Returns the delay in milliseconds, or LADDER_NEVER. */
int64_t ladder_next(struct ladder *ladder, const struct ladder_times *times, int wait_status,
                    int64_t up_ms);

/* A person has acted: begin anew. */
void ladder_reset(struct ladder *ladder);

#endif
