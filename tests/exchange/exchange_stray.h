/* Requests that are executed when nobody waits for their answer any more: after the caller gave
 * up, or a second time. Private to the stand-in. */
#ifndef SIB_TESTS_EXCHANGE_EXCHANGE_STRAY_H
#define SIB_TESTS_EXCHANGE_EXCHANGE_STRAY_H

#include "tests/exchange/exchange_private.h"

/* Takes the request; ex_request_execute runs it after ms, then it is freed. */
void ex_stray_add(struct exchange *ex, struct exchange_request **request, int64_t ms);
void ex_strays_free(struct exchange *ex);

/* Executes without faults and throws the answer away (exchange_request.c). */
void ex_request_execute(struct exchange_request *request);

#endif
