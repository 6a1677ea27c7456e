/* Was the other side restored from a backup? From the signs to the finding, and from the
 * finding to what it means for one message.
 *
 * A restore takes back what was done after some moment: items are in an older state, items
 * that were made later are gone, items that were moved or removed are where they were. None of
 * it is the act of a person. What a person does afterwards is newer than all that was known,
 * and counts. Where a restore and a person's act look alike (the newest message removed for
 * good in the same hours in which Exchange lost its states), the message is put back: removing
 * it once more is a smaller evil than losing it. Pure. */
#ifndef SIB_SYNC_RESTORE_H
#define SIB_SYNC_RESTORE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    /* After so long without a look a state may be refused because it is old. */
    RESTORE_LOOKED_MS = 24 * 60 * 60 * 1000,
    /* So many of the newest messages, and no older one, vanish: worth a look at everything. */
    RESTORE_SUSPICIOUS = 3,
    /* Clocks of two servers differ by no more. */
    RESTORE_CLOCKS_MS = 5 * 60 * 1000,
};

struct restore_signs {
    bool refused;       /* a state of a folder was refused */
    bool compared;      /* everything was listed anew because of a suspicion */
    int64_t older;      /* items whose time of change went back */
    int64_t reappeared; /* items in an older state than one that is gone now */
    int64_t kept;       /* items that were known before, and are there */
    int64_t vanished;   /* messages that are gone there */
    int64_t lost;       /* of these: made after all that is kept */
    bool mail_between;  /* other mail is there that came between the first of them and the
                         * last look: no restore would have left it */
    int64_t unseen_ms;  /* how long ago that last look was; negative: there was none */
};

enum restore_verdict {
    RESTORE_NO,
    RESTORE_LOOK, /* list everything anew, then judge again */
    RESTORE_YES,
};

enum restore_verdict restore_judge(const struct restore_signs *signs);

/* One message's item, once it is found that there was a restore. */
struct restore_item {
    bool known;          /* at the last look before it was; what was known of it then: */
    bool same;           /* it is the very item that was told of last */
    bool gone_agreed;    /* both sides had agreed that it is gone */
    int64_t known_ms;    /* its last change then */
    int64_t modified_ms; /* its last change as it is now; 0: not told */
    bool read_there, read_here;
};
/* Is its state one that the restore brought back? */
bool restore_is_back(const struct restore_item *item);
/* Did the restore take it away? created_ms 0: it was never told of, so it was made last. */
bool restore_is_lost(int64_t created_ms, int64_t restored_to);

#endif
