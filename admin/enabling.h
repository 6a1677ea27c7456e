/* Single inbox for one mailbox: on, off, suspended, and going on.
 *
 * What is known of the mailbox stays: what was agreed, the mirror, the states of the folders;
 * so that whenever it goes on, what was done on either side meanwhile is taken for what it is.
 * All of it takes effect at the commit; whoever commits pokes mailbox-sync. */
#ifndef SIB_ADMIN_ENABLING_H
#define SIB_ADMIN_ENABLING_H

#include "store/mailbox.h"

/* (tx) On: everything is looked at, the folders listed anew. Off: subscriptions and alarms that
 * say what cannot be done end; the suspension of a mailbox stays, for a person must answer it.
 * Nothing happens when it is so already. */
bool enabling_switch(struct store *store, const struct mailbox *mailbox, bool on,
                     struct err *err);
/* (tx) The first reason stays. */
bool enabling_suspend(struct store *store, const struct mailbox *mailbox, struct err *err);
/* (tx) Everything is looked at: what others told meanwhile was not listened to. */
bool enabling_resume(struct store *store, const struct mailbox *mailbox, struct err *err);

#endif
