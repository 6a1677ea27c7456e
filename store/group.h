/* The copies of one dispatch message: whose it is, and what becomes of the others' copies.
 *
 * Whoever accepted it last has it; before that, who accepts it first is told "yes" and
 * everybody later "no", so that "last" says something only when two servers did not see each
 * other. The rule is pure and looks at nothing but the copies, so that both servers, once each
 * has the other's rows, come to the same rows. For that:
 * - What is withdrawn is purged with the stamp of the acceptance that made it so, and keeps
 * what it says. So a copy that was withdrawn and accepted on the other server after that is
 * known by its stamps, and comes back: nothing is lost when both were purged.
 * - When the owner purges the message himself, the withdrawn copies let go of what they say. */
#ifndef SIB_STORE_GROUP_H
#define SIB_STORE_GROUP_H

#include "store/message.h"

struct group_copy {
    char id[LIMIT_UUID], mailbox[LIMIT_UUID];
    enum message_folder folder;
    int64_t folder_at, accepted_at;
    bool full; /* it has not let go of what it says */
};

enum group_fate {
    GROUP_STAYS,     /* as it is */
    GROUP_WITHDRAWN, /* another has the message: purged */
    GROUP_REVIVED,   /* it was withdrawn, and accepted after that: back where it belongs */
    GROUP_FORGOTTEN, /* its owner purged the message: lets go of what it says */
};

/* Whose it is: the index, or -1: nobody's yet. Pure. */
int group_owner(const struct group_copy *copies, int count);
/* What is to be done about each copy; afterwards, all of them stay. Pure. */
enum group_fate group_fate(const struct group_copy *copies, int count, int index);

/* At most LIMIT_RECIPIENTS, in the order of their ids. */
bool group_load(struct store *store, const char *group, struct group_copy *copies, int *count,
                struct err *err);
/* (tx) Do what the fate of a copy says; `owner` is the copy of who has the message. */
bool group_apply(struct store *store, const struct group_copy *copy, enum group_fate fate,
                 const struct group_copy *owner, struct err *err);

#endif
