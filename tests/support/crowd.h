/* Large mailboxes, made fast: many messages here, much other mail there, and what became of
 * them.
 *
 * Every function fails the running test when something goes wrong that is not what is being
 * tested. Ownership: a crowd owns its ids; crowd_free. */
#ifndef SIB_TESTS_SUPPORT_CROWD_H
#define SIB_TESTS_SUPPORT_CROWD_H

#include "tests/support/site.h"

/* What a message of the crowd is when it is made, by its number. */
enum crowd_fate { CROWD_NEW, CROWD_READ, CROWD_DELETED, CROWD_PURGED, CROWD_FATES };

struct crowd {
    char (*ids)[LIMIT_UUID];
    int count;
    int fates[CROWD_FATES]; /* how many of each */
};

/* count messages in a mailbox here, all with one recording. mixed: of every ten one deleted and
 * one purged, of the others every third read; else all new. */
struct crowd crowd_here(struct site *site, const char *mailbox, int count, bool mixed);
void crowd_free(struct crowd *crowd);
enum crowd_fate crowd_fate(int number, bool mixed);

/* The same messages as items in the Inbox there, as an earlier life made them; no recordings.
 * The first look takes them for what they are. */
void crowd_there(struct site *site, const char *mailbox, const struct crowd *crowd);

/* Other mail in the Inbox there. */
void crowd_mail(struct site *site, const char *mailbox, int count);
/* All that is in the mailbox there and carries no id of ours, as one text (free it). */
char *crowd_others(struct site *site, const char *mailbox);
/* How many items there carry an id of ours; every message has one at most, else the test fails.
 */
int crowd_items(struct site *site, const char *mailbox);

/* Until nothing is left to be sent, or the time is over; how long it took. */
int64_t crowd_settle(struct site *site, const char *mailbox, int64_t limit_ms);

#endif
