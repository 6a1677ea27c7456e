/* The rows of one mailbox, copied from one store into another: for work on facts that must not
 * touch the facts.
 *
 * The copy has all that a run reads of it: every row of a table that names the mailbox, or a
 * message of it, so that a new table needs no word here. History, alarms, subscriptions, jobs
 * and the queue stay behind. Audio is not copied: the rows name it by its hash, and a store
 * that is opened in memory with the same state-dir finds it. Nothing of this survives the store
 * that is copied into. */
#ifndef SIB_STORE_COPY_H
#define SIB_STORE_COPY_H

#include "store/store.h"

/* As the rows stand at one moment, without waiting for a writer of `from` and without holding
 * one up. Between transactions of both stores. `to` is empty and of the same schema; stamps
 * that it gives afterwards are later than all that was copied. */
bool store_copy_mailbox(struct store *from, struct store *to, const char *mailbox,
                        struct err *err);

/* The message of another mailbox, with that mailbox and what is mapped to it, unless `to` has
 * it already: so that an item which carries its id is known for a stranger's. Nothing happens
 * when there is no such message. */
bool store_copy_stranger(struct store *from, struct store *to, const char *message,
                         struct err *err);

#endif
