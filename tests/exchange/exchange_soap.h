/* One EWS call as it is executed, and the envelope of its answer. Private to the stand-in.
 *
 * Ownership: the call lives on the stack of exchange_request_end; everything in it is borrowed.
 * Answers look as those of Exchange Server do (prefixes, header, order). */
#ifndef SIB_TESTS_EXCHANGE_EXCHANGE_SOAP_H
#define SIB_TESTS_EXCHANGE_EXCHANGE_SOAP_H

#include "base/xml.h"
#include "tests/exchange/exchange_mailbox.h"
#include "tests/exchange/exchange_schema.h"

struct call;

struct operation {
    const char *name;
    void (*run)(struct call *call);
    /* What an error message ends with: "m:Items", ...; NULL: nothing. */
    const char *rest;
};

/* The operation of that name; NULL when there is none. */
const struct operation *ex_operation_find(const char *name);
int ex_operation_index(const struct operation *operation);

/* What stood in the n-th t:Content of the request. */
struct contents {
    struct blob_writer **writers; /* NULL once it was used */
    char (*hashes)[LIMIT_SHA256]; /* then: what it became */
    size_t count;
};

struct call {
    struct exchange *ex;
    const struct operation *operation;
    const struct xml_node *request; /* the operation's element */
    const char *version;            /* RequestServerVersion */
    int64_t mailbox;
    struct contents *contents;
    struct xml_writer xml;
    char response[64], message[64]; /* element names of the answer */
    int64_t stop_at; /* a fault: this thing fails, and stops the batch; 0: none */
    int64_t things;  /* begun so far */
    bool stopped;    /* what follows is not processed any more */
    struct exchange_stream *stream; /* the answer goes on; NULL: it does not */
};

/* Envelope, header, body, m:XResponse, m:ResponseMessages; and the end of all that. */
void ex_soap_begin(struct call *call, struct buf *out);
void ex_soap_end(struct call *call);

/* Opens a response message that says NoError; what it has to say follows, then ex_soap_done. */
void ex_soap_success(struct call *call);
void ex_soap_done(struct call *call);
/* A whole response message. Some errors stop the rest of the batch (call->stopped). */
void ex_soap_error(struct call *call, const char *code);
void ex_soap_stopped(struct call *call); /* ErrorBatchProcessingStopped, a warning */
/* ErrorServerBusy; policy: the part that was exceeded, or NULL. */
void ex_soap_busy(struct call *call, int64_t back_off_ms, const char *policy);
void ex_soap_busy_inner(struct call *call); /* ErrorServerBusy inside */
/* code NULL: an empty success message (DeleteItem and the like), else an error. */
void ex_soap_result(struct call *call, const char *code);

/* A whole SOAP fault. back_off_ms -1: none. */
void ex_soap_fault(struct buf *out, const char *code, int64_t back_off_ms);
/* ErrorSchemaValidation, as Exchange words it. */
void ex_soap_violation(struct buf *out, const char *violation, int line, int position);
/* The sentence that goes with a code. */
const char *ex_soap_text(const char *code);

#endif
