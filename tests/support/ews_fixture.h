/* What the tests of ews/ share: a transport inside the process that gives canned answers, the
 * schema, and the folder of reference data. */
#ifndef SIB_TESTS_EWS_FIXTURE_H
#define SIB_TESTS_EWS_FIXTURE_H

#include "base/buf.h"
#include "base/loop.h"
#include "ews/transport.h"

/* The folder with reference data: the environment's SIB_SHARED, or ../shared. */
const char *fixture_shared(void);

/* Does this text fit the schema? 1 yes, 0 no (says why), -1 no schema or no xmllint here. */
int fixture_schema_valid(const char *text, size_t len);

/* One canned answer. */
struct fake_answer {
    struct err err;
    int status;
    const char *content_type;
    int64_t retry_after_ms;
    const char *body;
    size_t body_len; /* 0: strlen(body) */
};

/* Asked for each request, in order; request: its whole body. */
typedef struct fake_answer fake_answer_fn(const char *request, size_t len, void *arg);

struct fake_transport;
/* delay_ms: how long an answer takes; piece: bytes handed over at a time. */
struct fake_transport *fake_transport_new(struct loop *loop, fake_answer_fn *fn, void *arg,
                                          int64_t delay_ms, size_t piece);
struct transport *fake_transport_base(struct fake_transport *fake);
int fake_transport_in_flight(const struct fake_transport *fake);
int fake_transport_most(const struct fake_transport *fake);  /* in flight at one time */
int fake_transport_count(const struct fake_transport *fake); /* requests so far */
/* The mailboxes of the requests so far, in order, one per line. */
const char *fake_transport_mailboxes(const struct fake_transport *fake);

/* Bytes that are allocated now, whichever allocator the build has. */
size_t fixture_memory_in_use(void);

/* A SOAP envelope around a body ("<m:...>", prefixes s, m, t, e bound). */
const char *fixture_soap(struct buf *out, const char *body);

#endif
