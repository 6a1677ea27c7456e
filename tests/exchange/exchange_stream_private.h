/* Streams as the stand-in's own files see them. */
#ifndef SIB_TESTS_EXCHANGE_EXCHANGE_STREAM_PRIVATE_H
#define SIB_TESTS_EXCHANGE_EXCHANGE_STREAM_PRIVATE_H

#include "tests/exchange/exchange_soap.h"
#include "tests/exchange/exchange_stream.h"

struct streams;
struct streams *ex_streams_new(struct exchange *ex);
/* Streams that are still attached say nothing any more. */
void ex_streams_free(struct streams **streams);

void ex_op_get_streaming_events(struct call *call);
/* Something is there to be said of this subscription, or it is gone. */
void ex_stream_wake(struct exchange_stream *stream);

#endif
