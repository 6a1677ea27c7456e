/* A remote mailbox that is only looked at: what reads goes to the real one, what writes is
 * answered as done, with ids that are made up, and is never sent.
 *
 * Ownership: borrows the loop, the store (a scratch copy, which knows what was staged) and the
 * real remote, which is not freed with it. Callbacks: as remote/remote.h says. Nothing is made
 * on the other side, not even the folder for what people compose; nobody is subscribed.
 * Nothing survives a crash, and nothing needs to. */
#ifndef SIB_SYNC_DRY_REMOTE_H
#define SIB_SYNC_DRY_REMOTE_H

#include "base/loop.h"
#include "remote/remote.h"
#include "store/store.h"

/* Each page that was read, before the one who asked has it. */
typedef void dry_see_fn(const struct remote_page *page, void *arg);

/* NULL without memory; ended by remote_free. */
struct remote *dry_remote_new(struct loop *loop, struct store *scratch, struct remote *real,
                              dry_see_fn *see, void *arg);
/* Writes that were answered and not sent. */
long dry_remote_writes(const struct remote *remote);

#endif
