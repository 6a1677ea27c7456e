/* A user goes: the mailbox stays as a tombstone, nothing is synchronised any more, and the
 * copies in Exchange stay with the user or, on request, are removed by runs until none is left.
 */
#ifndef SIB_QUEUE_REMOVAL_H
#define SIB_QUEUE_REMOVAL_H

#include "store/mailbox.h"

/* (tx) By name; by id also one that was removed before, with copies now. out: as it is
 * afterwards. After the commit the caller pokes mailbox-sync. */
bool removal_ask(struct store *store, const char *name, bool copies, struct mailbox *out,
                 struct err *err);

#endif
