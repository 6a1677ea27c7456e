/* The statuses of a server (table 3-1 of the design): what it does now, as opposed to its
 * identity, which never changes. */
#ifndef SIB_ROLE_STATUS_H
#define SIB_ROLE_STATUS_H

enum role_status {
    ROLE_NOT_FUNCTIONING,
    ROLE_STARTING,
    ROLE_PRIMARY,
    ROLE_SECONDARY,
    ROLE_DEACTIVATED,
    ROLE_REPLICATING_DATA,
    ROLE_SPLIT_BRAIN_RECOVERY,
    ROLE_STATUSES,
};

/* The product's own words: "Primary", "Split Brain Recovery". */
const char *role_status_name(enum role_status status);

#endif
