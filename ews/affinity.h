/* What keeps a group of subscriptions on one server of Exchange: the anchor mailbox that all
 * requests of the group name, and the cookies that the first of them brought.
 *
 * A group has a jar of its own, never shared with another: a cookie of one group would send the
 * other's requests to the wrong server. Source: Microsoft's "How to: Maintain affinity between
 * a group of subscriptions and the Mailbox server". Pure; a plain value. */
#ifndef SIB_EWS_AFFINITY_H
#define SIB_EWS_AFFINITY_H

#include <stdbool.h>

#include "base/limits.h"

struct affinity {
    char anchor[LIMIT_ADDRESS];  /* "": the first mailbox of the group will be it */
    char cookies[LIMIT_COOKIES]; /* as a request sends them: "a=1; b=2" */
};

/* Keep the cookies that an answer has set; one of the same name is replaced. */
void affinity_take(struct affinity *affinity, const char *cookies);

#endif
