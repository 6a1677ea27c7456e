/* Clients that mean harm, and the honest one beside them: what they share. */
#ifndef SIB_TESTS_ATTACK_ATTACK_H
#define SIB_TESTS_ATTACK_ATTACK_H

#include <openssl/types.h>

#include "base/buf.h"
#include "base/loop.h"

/* The watches that attack_prepare makes: each a mailbox, a secret in a path, a subscription. */
#define ATTACK_REAL  "11111111111111111111111111111111" /* Exchange's own */
#define ATTACK_KNOWN "22222222222222222222222222222222" /* strangers know the path alone */
#define ATTACK_LEAKED                                                                          \
    "33333333333333333333333333333333" /* strangers know the subscription, too */

struct attack_target {
    int port, seconds;
    SSL_CTX *tls; /* NULL: plain */
};

/* One way to do harm, on so many connections. Each sends `make`'s bytes, then, when `filler` is
 * set, that character for ever; a connection that has ended is made anew at once. */
struct attack {
    const char *name;
    int lanes;
    void (*make)(struct buf *out, unsigned *seed);
    char filler;
    int pace_ms; /* one byte each so often; 0: as fast as they go */
    bool raw;    /* plain bytes, also to a TLS port */
    bool resets; /* leaves as soon as all is sent, without a word */
    bool halves; /* says that it sends no more, and waits */
    bool again;  /* sends the same once more on the same connection when there was an answer */
    bool deaf;   /* never reads */
};
extern const struct attack attacks[];
extern const int attack_count;

/* Everything at once, for target->seconds; says how much of each there was. */
void attack_run(const struct attack_target *target);

/* A notification of Exchange, with its HTTP header. */
void attack_notification(struct buf *out, const char *secret, const char *subscription);

/* Send real notifications every 200 ms, each on a new connection or all on one, and say in
 * which time they were answered. False: one was not answered OK. */
bool attack_probe(const struct attack_target *target, bool keep);

/* Make the watches in a message store, and a certificate with its key there; and look what has
 * become of them: a line "mailbox rows heard" for each. */
bool attack_prepare(const char *state_dir);
bool attack_look(const char *state_dir);

#endif
