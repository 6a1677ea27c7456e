/* Carries push notifications from the stand-in to their URLs, with libcurl on the system's
 * loop.
 *
 * Ownership: borrows loop and exchange; exchange_caller_free ends what is under way without a
 * word. Callbacks: it sets the exchange's deliver hook and answers it with
 * exchange_push_answered. TLS of the other side is verified only when a CA file is given. */
#ifndef SIB_TESTS_EXCHANGE_EXCHANGE_CALLER_H
#define SIB_TESTS_EXCHANGE_EXCHANGE_CALLER_H

#include "tests/exchange/exchange.h"

struct exchange_caller;
struct exchange_caller *exchange_caller_new(struct loop *loop, struct exchange *ex,
                                            const char *ca_file, struct err *err);
void exchange_caller_free(struct exchange_caller **caller);

#endif
