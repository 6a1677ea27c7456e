/* Alarms for mailboxes that are behind: longer than [sync] lag-limit, and longer than five
 * days.
 *
 * Looks once a minute and writes only what changed. When many mailboxes of one Exchange are
 * late, one alarm for all of them says so. Ownership: borrows what it is given; late_free. */
#ifndef SIB_SYNC_LATE_H
#define SIB_SYNC_LATE_H

#include "base/config.h"
#include "base/log.h"
#include "base/loop.h"
#include "store/store.h"

struct late;
struct late *late_new(struct loop *loop, struct store *store, const struct config *config,
                      const struct log_ctx *log);
void late_free(struct late **late);

#endif
