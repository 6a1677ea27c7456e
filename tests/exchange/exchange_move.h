/* What befalls a mailbox as a whole: it moves to another server, and SyncStates become void.
 * Private to the stand-in. */
#ifndef SIB_TESTS_EXCHANGE_EXCHANGE_MOVE_H
#define SIB_TESTS_EXCHANGE_EXCHANGE_MOVE_H

#include "tests/exchange/exchange_private.h"

/* Why a request that came to `host` cannot be done now; NULL: it can. code: 64 bytes. */
const char *ex_move_refusal(struct exchange *ex, int64_t mailbox, const char *host, char *code);
/* Is a SyncState void that had told all up to change number `at`? */
bool ex_states_are_lost(struct exchange *ex, int64_t mailbox, int64_t at);
/* From now on, every state that had told more than `after`. Within a transaction. */
bool ex_states_lose(struct exchange *ex, int64_t mailbox, int64_t after);
/* What a fault does to a mailbox before a request (fault_act). */
void ex_move_befall(struct exchange *ex, const char *address, const struct fault_plan *plan);
void ex_movements_free(struct exchange *ex);

#endif
