/* What the files of the stand-in share among themselves; nobody else includes it. */
#ifndef SIB_TESTS_EXCHANGE_EXCHANGE_PRIVATE_H
#define SIB_TESTS_EXCHANGE_EXCHANGE_PRIVATE_H

#include "base/rng.h"
#include "tests/exchange/exchange.h"
#include "tests/exchange/exchange_blob.h"
#include "tests/exchange/exchange_db.h"
#include "tests/exchange/exchange_fault.h"

struct push;
struct streams;
struct limits;
struct stray;
struct replay;
struct movement;

enum flavour {
    FLAVOUR_EXCHANGE, /* Exchange Server */
    FLAVOUR_GROMOX,   /* another EWS server, with habits of its own */
};

struct exchange {
    struct loop *loop;
    char *dir; /* NULL: in memory */
    uint64_t seed;
    struct rng rng;
    struct db *db;
    struct blobs *blobs;
    struct faults *faults;
    struct limits *limits; /* NULL: none */
    struct stray *strays;  /* requests that are executed when nobody waits any more */
    struct movement *movements;
    struct replay *replay; /* NULL: mailboxes answer */
    struct push *push;
    struct streams *streams;
    enum flavour flavour;
    int64_t seq;       /* number of the last change, over all mailboxes */
    int64_t saved_seq; /* what the disk says it is */
    bool auto_mailboxes;
    char *user, *password;
    long counts[32]; /* executed requests, by operation (exchange_ops.h) */
};

extern const char ex_flavour_help[];

/* The number of the change being made now. */
static inline int64_t exchange_next_seq(struct exchange *ex)
{
    return ++ex->seq;
}

static inline int64_t exchange_wall_ms(const struct exchange *ex)
{
    return loop_wall(ex->loop).ms;
}

/* ex_db_commit, with the number of the last change: states that were handed out stay good. */
bool exchange_commit(struct exchange *ex, struct err *err);

/* The mailbox of that address; 0 when there is none and none may be made. */
int64_t exchange_mailbox(struct exchange *ex, const char *address);
/* Its address; "" when there is no such row. */
void exchange_address(struct exchange *ex, int64_t mailbox, char *address, size_t size);
/* Like exchange_mailbox, but never makes one. */
int64_t exchange_mailbox_peek(struct exchange *ex, const char *address);

/* A well-mixed number out of two, the same for the same seed. */
uint64_t exchange_mix(const struct exchange *ex, uint64_t a, uint64_t b);

#endif
