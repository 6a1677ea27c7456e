/* Pokes: "look into the database now", sent as a datagram to a unix socket.
 *
 * Facts go through the database; a poke only saves the wait until the next poll. It may be lost
 * (nobody listens, queue full): that costs TIME_POLL_MS and nothing else, so sending never
 * fails. */
#ifndef SIB_BASE_POKE_H
#define SIB_BASE_POKE_H

#include "base/loop.h"

/* Poke the service of that name ("sync") whose socket is in state_dir. */
void poke_send(const char *state_dir, const char *service);

struct poke;
/* Listen for pokes; fn runs once for any number that came together. */
struct poke *poke_listen(struct loop *loop, const char *state_dir, const char *service,
                         loop_fn *fn, void *arg, struct err *err);
void poke_free(struct poke **poke);

#endif
