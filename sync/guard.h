/* The guard: what a run sees there that is no person's doing, and what it must not do then.
 *
 * More vanished than a person deletes (a restore, a wrong mailbox, an empty database): nothing
 * is deleted here. Another mailbox's messages are there (a wrong address, mailboxes swapped):
 * nothing is written on either side. A few of them, a colleague may have dragged over; they are
 * left alone. Pure. */
#ifndef SIB_SYNC_GUARD_H
#define SIB_SYNC_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* So many in one run are no longer single acts of a person: they are added up over an hour, so
 * that what is emptied bit by bit does not slip through. A person's trickle stays below. */
enum { GUARD_BULK = 5, GUARD_MEMORY_MS = 60 * 60 * 1000 };

struct guard_facts {
    int64_t count, percent;  /* the configuration */
    int64_t agreed;          /* messages that both sides have, or had a moment ago */
    int64_t vanished;        /* of these: nowhere there, and would be deleted here now */
    int64_t vanished_before; /* in bulk, within the last hour */
    int64_t items;           /* items there that carry an id of ours */
    int64_t foreign;         /* of these: the message belongs to another mailbox here */
    int64_t same;            /* of those: the very item is known in that other mailbox */
    bool told;               /* it stopped this mailbox before, and an administrator answered
                              * with a resync */
};

enum guard_verdict { GUARD_PASS, GUARD_MASS_LOSS, GUARD_FOREIGN };

/* guard-count or guard-percent of `whole`, whichever is more. */
int64_t guard_limit(const struct guard_facts *facts, int64_t whole);
enum guard_verdict guard_judge(const struct guard_facts *facts);

/* The sentence for the administrator. other, address: the foreign mailbox's name, and the
 * address that is configured for `mailbox`. */
void guard_explain(const struct guard_facts *facts, enum guard_verdict verdict,
                   const char *mailbox, const char *address, const char *other, char *text,
                   size_t size);

#endif
