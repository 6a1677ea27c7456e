/* Three users of a store: ann (English, extension 4133), ben (Japanese, 4134), carl (English,
 * no extension; single inbox off); and what is asked of their messages. */
#ifndef SIB_TESTS_SUPPORT_PEOPLE_H
#define SIB_TESTS_SUPPORT_PEOPLE_H

#include "queue/deliver.h"
#include "tests/support/store_fixture.h"

struct people {
    struct store_fixture *f;
    struct mailbox ann, ben, carl;
};

/* Into the store of the fixture; *people is freed by the caller. */
struct people *people_new(struct store_fixture *f);

/* The newest message of a mailbox in a folder; fails the test when there is none. */
struct message people_newest(struct people *p, const struct mailbox *mailbox,
                             enum message_folder folder);
/* How many messages of a kind, purged ones too when folder says so. */
int people_count(struct people *p, const struct mailbox *mailbox, enum message_folder folder,
                 enum message_kind kind);
/* Is a look at it wished? Forgets the wish. */
bool people_wished(struct people *p, const struct mailbox *mailbox);
/* The last "why" in the history of a message; valid until the next call. */
const char *people_why(struct people *p, const char *id);
/* A delivery in a transaction of its own. */
struct delivered people_deliver(struct people *p, const struct delivery *delivery);

#endif
