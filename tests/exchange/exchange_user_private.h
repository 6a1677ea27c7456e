/* Shared by the files of exchange_user.h only. */
#ifndef SIB_TESTS_EXCHANGE_EXCHANGE_USER_PRIVATE_H
#define SIB_TESTS_EXCHANGE_EXCHANGE_USER_PRIVATE_H

#include <jansson.h>

#include "tests/exchange/exchange_mailbox.h"

/* Our properties as the mailbox names them (ex_property_key). */
#define USER_MESSAGE_ID "set:" EXCHANGE_PROPERTY_SET ":name:" EXCHANGE_MESSAGE_ID ":String"
#define USER_CREATION   "set:" EXCHANGE_PROPERTY_SET ":name:" EXCHANGE_CREATION ":String"

bool ex_user_mailbox(struct exchange *ex, const char *address, int64_t *mailbox,
                     struct err *err);
/* By its path below the top of the mailbox; made with all above it when asked. */
bool ex_user_folder(struct exchange *ex, int64_t mailbox, const char *path, bool make,
                    struct folder *folder, struct err *err);
bool ex_user_item(struct exchange *ex, int64_t mailbox, const char *word, struct item *item,
                  struct err *err);

enum { USER_WORDS_MAX = 64 }; /* arguments of an act */

/* Acts on a mailbox as a whole (exchange_user_whole.c). *known: is the word one of them? If
 * not, nothing was done. */
struct user_words {
    const char *act;
    const char *const *args;
    int count;
};
bool ex_user_whole(struct exchange *ex, const char *mailbox, const struct user_words *words,
                   bool *known, struct err *err);

/* compose [FOLDER] [--to ...]: exchange_user_compose.c. */
bool ex_user_compose_words(struct exchange *ex, const char *mailbox,
                           const struct user_words *words, char *item, struct err *err);
/* folder NULL: the Voice Outbox; from: the "new" of a request to the control endpoint. */
bool ex_user_compose_json(struct exchange *ex, const char *mailbox, const char *folder,
                          const json_t *from, char *item, struct err *err);

/* All items of a mailbox in the order of the list: the Inbox and what is below it first. */
struct user_walk {
    struct exchange *ex;
    struct db_query *query;
};
void ex_user_walk_begin(struct user_walk *walk, struct exchange *ex, int64_t mailbox);
int64_t ex_user_walk_next(struct user_walk *walk); /* 0: no more */
void ex_user_walk_end(struct user_walk *walk);

#endif
