/* Where a mailbox's server was found (autodiscover), so that it need not be looked for again
 * after a restart.
 *
 * By address, as Exchange knows the mailbox: with another address it is another mailbox there.
 * Kept on one server only: the other one looks for itself. */
#ifndef SIB_STORE_ENDPOINT_H
#define SIB_STORE_ENDPOINT_H

#include "store/store.h"

struct endpoint {
    char address[LIMIT_ADDRESS];
    char exchange[LIMIT_MAILBOX_NAME]; /* of the [exchange] section that looked */
    char url[LIMIT_URL];
    char group[LIMIT_GROUP]; /* GroupingInformation; "": not told */
    int64_t found_ms;        /* wall */
};

/* (tx) Replaces what was found before. found_ms is the store's clock. */
bool endpoint_set(struct store *store, const char *exchange, const char *address,
                  const char *url, const char *group, struct err *err);
/* *found false when nothing is known. Addresses are the same in upper and lower case. */
bool endpoint_get(struct store *store, const char *exchange, const char *address,
                  struct endpoint *out, bool *found, struct err *err);

#endif
