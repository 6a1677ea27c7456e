/* The two sides of a walk in one process on virtual time: the real store (in memory), queue,
 * scheduler, runs and plan on this side; an Exchange in memory on the other.
 *
 * One site serves many walks, one after the other: the store is opened once and emptied between
 * them. Time in which nothing can happen is jumped over. Ownership: fields may be used, not
 * freed. Anything that goes wrong and is not part of a walk ends the process with a sentence.
 */
#ifndef SIB_TESTS_WALK_WALK_SITE_H
#define SIB_TESTS_WALK_WALK_SITE_H

#include "base/config.h"
#include "store/audio.h"
#include "store/mailbox.h"
#include "sync/scheduler.h"
#include "tests/support/memory_remote.h"

enum { WALK_SIDES = 2 }; /* mailboxes */

struct walk_site {
    char dir[64];
    struct store *store;
    struct config *config;
    const char *recording;   /* a file */
    struct audio_info audio; /* the same, in the store already */
    bool story;

    /* of one walk */
    struct loop *loop;
    struct memory_exchange *exchange;
    struct memory_remotes *remotes;
    struct scheduler *scheduler; /* NULL while the service is down */
    struct mailbox mailboxes[WALK_SIDES];
    struct memory_mailbox *remote[WALK_SIDES];
    uint64_t lives;
    long runs;
};

struct walk_site *walk_site_new(bool story);
void walk_site_free(struct walk_site **site);

/* Everything empty, two mailboxes, no service. */
void walk_site_begin(struct walk_site *site, uint64_t seed);
void walk_site_end(struct walk_site *site);

void walk_site_start(struct walk_site *site);
/* As sudden as a crash. */
void walk_site_kill(struct walk_site *site);
/* Time passes. */
void walk_site_pass(struct walk_site *site, int64_t ms);
/* The same, but everything here stands still meanwhile. */
void walk_site_sleep(struct walk_site *site, int64_t ms);
/* How long until something is done that is not a sweep (ms; 0: it is under way, or due); -1:
 * nothing waits but sweeps. */
int64_t walk_site_waits(struct walk_site *site);
/* When the queue wants something done next (ms from now); -1: never. */
int64_t walk_site_next_due(struct walk_site *site);

/* A wish for a look at one mailbox. */
void walk_site_push(struct walk_site *site, int side, enum queue_reason reason);
void walk_site_poke(struct walk_site *site);

void walk_say(struct walk_site *site, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
_Noreturn void walk_die(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
