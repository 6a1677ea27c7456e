/* Several items with one id: which is the message's own, which is ours too often, which is a
 * person's copy.
 *
 * Each create puts a token of its own on the item; a copy that a person makes carries the token
 * of what was copied. So items with one token are one creation and its copies, and two tokens
 * are two creations of ours (a crash, a lost answer, a split brain). Of several creations one
 * is kept by a rule that both servers compute alike from what they see in Exchange: one that a
 * person touched before one that nobody did, then the one made first, then the smaller token.
 * Pure. */
#ifndef SIB_SYNC_CHOOSE_H
#define SIB_SYNC_CHOOSE_H

#include "store/mapping.h"

enum { CHOOSE_ITEMS_MAX = 64, CHOOSE_ATTEMPTS_MAX = 32 };

struct choice {
    int keep;                     /* index of the message's item; -1: there is none */
    int remove[CHOOSE_ITEMS_MAX]; /* indices of our own surplus creations */
    int remove_count;
};

/* items: those that carry the message's id, oldest first. agreed_item: "" or the item that was
 * last agreed upon. attempts: the creates that were begun for it. */
struct choice choose_item(const struct item_row *items, int count, const char *agreed_item,
                          const struct attempt *attempts, int attempt_count);

/* Did a person change this item since the attempt made it? Unknown attempts: no. */
bool choose_is_touched(const struct item_row *item, const struct attempt *attempts,
                       int attempt_count);

const struct attempt *choose_attempt(const char *creation, const struct attempt *attempts,
                                     int attempt_count);

#endif
