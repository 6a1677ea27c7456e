/* Streaming notifications: GetStreamingEvents, whose answer goes on for as long as it was
 * asked.
 *
 * The first envelope stands in the answer's body, the others come from the loop: events when
 * they happen (those of one turn in one envelope), a heartbeat every 45 s, "Closed" at the end
 * of ConnectionTimeout. A subscription that is gone is named once in ErrorSubscriptionIds.
 * Ownership: an answer with a stream owns it until exchange_stream_attach; then whoever
 * attached frees it, also inside its own callback. */
#ifndef SIB_TESTS_EXCHANGE_EXCHANGE_STREAM_H
#define SIB_TESTS_EXCHANGE_EXCHANGE_STREAM_H

#include "tests/exchange/exchange.h"

struct exchange_stream;

enum exchange_stream_word {
    EXCHANGE_STREAM_BYTES, /* more of the answer */
    EXCHANGE_STREAM_END,   /* it is whole */
    EXCHANGE_STREAM_CUT,   /* the connection breaks; bytes: what still got through */
};
typedef void exchange_stream_fn(enum exchange_stream_word word, const char *bytes, size_t len,
                                void *arg);
/* Not called before this has returned. */
void exchange_stream_attach(struct exchange_stream *stream, exchange_stream_fn *fn, void *arg);
void exchange_stream_free(struct exchange_stream **stream);

/* For tests: connections that hang, and subscriptions that are heard over them. */
int exchange_streams(const struct exchange *ex);
int exchange_stream_seats(const struct exchange *ex);
/* How many may hang at once (the default: 10); more get ErrorExceededConnectionCount. */
void exchange_set_streams_max(struct exchange *ex, int max);
/* All break now; halfway: in the middle of an envelope. */
void exchange_break_streams(struct exchange *ex, bool halfway);
/* From now on no stream says anything after its first envelope. */
void exchange_set_streams_silent(struct exchange *ex, bool silent);

#endif
