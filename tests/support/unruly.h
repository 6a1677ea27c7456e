/* A transport to an Exchange in this process that does to requests what a network, a proxy and
 * a dying server may do: execute them late (a day and more), before others, twice, never; lose
 * answers. Only a create in one request, which the product bounds by closing its connection, is
 * executed at most once and within its bound.
 *
 * Ownership: borrows the loop and what stands behind the server. Requests outlive their
 * callers, and transport_free. */
#ifndef SIB_TESTS_SUPPORT_UNRULY_H
#define SIB_TESTS_SUPPORT_UNRULY_H

#include "base/loop.h"
#include "base/rng.h"
#include "ews/transport.h"

/* Percent. */
struct unruly_faults {
    int late, twice;
    int lost; /* the connection breaks: the request is lost, or goes on alone */
    int mute; /* it is executed, and the answer is lost */
};

struct unruly_server {
    /* Appends the answer; returns the HTTP status. */
    int (*execute)(const char *request, size_t len, struct buf *answer, void *arg);
    /* Would this request make an item that is seen at once? */
    bool (*is_direct)(const char *request, void *arg);
    void *arg;
};

struct unruly;
typedef void unruly_executed_fn(const char *request, void *arg);

/* executed: after each request that took effect. */
struct unruly *unruly_new(struct loop *loop, const struct unruly_server *server, uint64_t seed,
                          unruly_executed_fn *executed, void *arg);
void unruly_free(struct unruly **unruly);
/* One for each client; freed by transport_free. */
struct transport *unruly_transport(struct unruly *unruly);
void unruly_set_faults(struct unruly *unruly, const struct unruly_faults *faults);
/* Execute what is still on its way, in any order. Returns how many. */
int unruly_flush(struct unruly *unruly);
long unruly_executed(const struct unruly *unruly);

#endif
