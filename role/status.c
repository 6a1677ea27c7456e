#include "role/status.h"

#include <assert.h>

static const char *const NAMES[] = {
    [ROLE_NOT_FUNCTIONING] = "Not Functioning",
    [ROLE_STARTING] = "Starting",
    [ROLE_PRIMARY] = "Primary",
    [ROLE_SECONDARY] = "Secondary",
    [ROLE_DEACTIVATED] = "Deactivated",
    [ROLE_REPLICATING_DATA] = "Replicating Data",
    [ROLE_SPLIT_BRAIN_RECOVERY] = "Split Brain Recovery",
};
static_assert(sizeof NAMES / sizeof NAMES[0] == ROLE_STATUSES, "each status has a name");

const char *role_status_name(enum role_status status)
{
    return NAMES[status];
}
