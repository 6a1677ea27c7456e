#include "role/ladder.h"

#include <sys/wait.h>

#include "base/service.h"

const struct ladder_times LADDER_TIMES = {
    .unit_ms = 1000, .max_ms = 60 * 1000, .long_enough_ms = 60 * 1000};

/* 126 and 127: the program cannot be run, or is not there. */
static bool is_permanent(int wait_status)
{
    if (!WIFEXITED(wait_status))
        return false;
    int code = WEXITSTATUS(wait_status);
    return code == SERVICE_EXIT_CONFIG || code == 126 || code == 127;
}

int64_t ladder_next(struct ladder *ladder, const struct ladder_times *times, int wait_status,
                    int64_t up_ms)
{
    if (is_permanent(wait_status)) {
        ladder->failed = true;
        return LADDER_NEVER;
    }
    if (up_ms >= times->long_enough_ms)
        ladder->step = 0;
    int64_t delay = ladder->step == 0 ? 0 : times->unit_ms;
    for (int i = 1; i < ladder->step && delay < times->max_ms; i++)
        delay *= 2;
    ladder->step++;
    return delay < times->max_ms ? delay : times->max_ms;
}

void ladder_reset(struct ladder *ladder)
{
    *ladder = (struct ladder){0};
}
