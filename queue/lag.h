/* How far behind a mailbox is: since when the oldest change waits that is not on the other side
 * yet.
 *
 * A change here waits from the moment it was made; one there from the moment we heard of it, or
 * owed it a look. Not counted: what Exchange refused and a person has to see to (it has its own
 * alarm), and mailboxes that are off or suspended (they wait for a person, too). Read only. */
#ifndef SIB_QUEUE_LAG_H
#define SIB_QUEUE_LAG_H

#include "store/mailbox.h"

/* since_ms: wall; 0: nothing waits. */
bool lag_since(struct store *store, const char *mailbox, int64_t *since_ms, struct err *err);

/* The mailboxes that wait since a time before that, in no order. fn must not write. */
typedef bool lag_fn(const struct mailbox *mailbox, int64_t since_ms, void *arg);
bool lag_each(struct store *store, int64_t before_ms, lag_fn *fn, void *arg, struct err *err);

#endif
