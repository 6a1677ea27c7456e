/* Dispatch messages: one of those who have it accepts it, and from then on it is his alone.
 *
 * A copy that nobody accepted is not synchronised. Functions are (tx): they stand in the
 * caller's transaction; after the commit the caller pokes mailbox-sync. Wishes for a look at
 * the mailboxes concerned, and the lines of the history, are in the same transaction. */
#ifndef SIB_QUEUE_DISPATCH_H
#define SIB_QUEUE_DISPATCH_H

#include "store/message.h"

/* (tx) The owner of this copy accepts the message; nothing happens when it is his already.
 * ERR_REFUSED when another has it, or when it is no dispatch message. */
bool dispatch_accept(struct store *store, const char *message_id, const char *why,
                     bool *changed, struct err *err);

/* (tx) Bring the copies of a group to what the rule says (store/group.h): after rows of another
 * server were merged into ours, and after a copy was purged. Nothing happens when they are. */
bool dispatch_settle(struct store *store, const char *group, struct err *err);

#endif
