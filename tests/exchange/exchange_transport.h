/* The transport seam of EWS (ews/transport.h) over a stand-in in the same process.
 *
 * Purpose: tests of everything above the seam, on real or virtual time, with an exchange that
 * is slow, late, silent or gone. Half of the latency passes before a request is executed, half
 * after; a request that is late may be executed after its caller has given up, but never later
 * than TIME_REQUEST_MARGIN_MS after its time-out, which is what the caller is promised (the
 * fault "stray" breaks that promise on purpose: the exchange itself keeps the request).
 * Ownership: borrows loop and exchange, which must outlive it. Freed with transport_free; calls
 * that are then under way end without a callback.
 * Errors that `done` gets: a lost answer, a drop and a time-out are ERR_UNAVAILABLE with effect
 * UNKNOWN; a refused connection has effect NONE. */
#ifndef SIB_TESTS_EXCHANGE_EXCHANGE_TRANSPORT_H
#define SIB_TESTS_EXCHANGE_EXCHANGE_TRANSPORT_H

#include "ews/transport.h"
#include "tests/exchange/exchange.h"

struct transport *exchange_transport_new(struct loop *loop, struct exchange *ex,
                                         int64_t latency_ms, struct err *err);
void exchange_transport_set_latency(struct transport *transport, int64_t latency_ms);
/* No connection can be made (down), and what is under way breaks. */
void exchange_transport_set_down(struct transport *transport, bool down);
/* Another exchange from now on, or the same after it was opened again; NULL is like down. */
void exchange_transport_set_exchange(struct transport *transport, struct exchange *ex);
/* Every request body, as it goes out; NULL: nobody looks. */
typedef void exchange_transport_look_fn(const char *body, size_t len, void *arg);
void exchange_transport_set_look(struct transport *transport, exchange_transport_look_fn *fn,
                                 void *arg);

#endif
