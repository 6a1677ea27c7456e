/* The figures for monitoring, in the text format of Prometheus (version 0.0.4).
 *
 * Read from the store and from what sibd last wrote about itself; nothing is written. Names
 * begin with sib_; times are in seconds. Ownership: out is the caller's. */
#ifndef SIB_ADMIN_METRICS_H
#define SIB_ADMIN_METRICS_H

#include <jansson.h>

#include "base/buf.h"
#include "base/config.h"
#include "store/store.h"

/* daemon: what sibd wrote, NULL: it does not run. False: the store could not be read. */
bool metrics_write(struct store *store, const struct config *config, const json_t *daemon,
                   struct buf *out, struct err *err);

#endif
