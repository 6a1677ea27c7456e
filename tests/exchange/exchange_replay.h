/* Answers that were recorded from a server, played in their order. Private to the stand-in.
 *
 * A folder of files NNNN-OPERATION.http (ews/record.h), each a status line, headers, an empty
 * line and a body. An operation gets its own recordings, each once, the lowest number first.
 * Ownership: what an answer's `type` points to lives as long as the replay. */
#ifndef SIB_TESTS_EXCHANGE_EXCHANGE_REPLAY_H
#define SIB_TESTS_EXCHANGE_EXCHANGE_REPLAY_H

#include "tests/exchange/exchange.h"

struct replay;

/* NULL and *err when the folder cannot be read or has no recording. */
struct replay *ex_replay_new(const char *dir, struct err *err);
void ex_replay_free(struct replay **replay);
/* operation: "" for what is no SOAP ("other" in the names of files). None left: HTTP 500 with a
 * sentence. */
void ex_replay_answer(struct replay *replay, const char *operation,
                      struct exchange_answer *answer);

#endif
