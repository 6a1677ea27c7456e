/* What must be done now and then in the store, whether or not Exchange is there: recordings and
 * deleted messages whose time is over, transcriptions that never come, audio files that no
 * message names.
 *
 * A transcription is missed within a minute of its time; all else is looked at once an hour.
 * Each is done in batches, one transaction each, with a turn of the loop in between; what a
 * crash interrupts is found again by the next look. Every message that is changed gets a line
 * in its history, and its mailbox a wish for a look.
 * Ownership: borrows everything in the deps. Callbacks: changed runs after a commit that wishes
 * for a look at a mailbox, never inside housekeeping_new. Failures are logged and tried again
 * with the next look. */
#ifndef SIB_SYNC_HOUSEKEEPING_H
#define SIB_SYNC_HOUSEKEEPING_H

#include "base/config.h"
#include "base/loop.h"
#include "store/store.h"

struct housekeeping_deps {
    struct loop *loop;
    struct store *store;
    const struct config *config;
    const struct log_ctx *log;
    loop_fn *changed; /* NULL: nobody is told */
    void *arg;
};

struct housekeeping;
/* NULL: no memory. The first look at everything is in a minute. */
struct housekeeping *housekeeping_new(const struct housekeeping_deps *deps);
void housekeeping_free(struct housekeeping **housekeeping);

#endif
