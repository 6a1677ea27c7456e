/* A stream of bytes taken apart into the SOAP envelopes that stand in it one after another.
 *
 * A hanging connection (GetStreamingEvents) answers with one envelope after another for half an
 * hour, each a document of its own, in pieces that begin and end anywhere. A small scanner
 * finds where each document ends; a reader of base/xml.h, made anew for each, reads it while it
 * arrives. Between two documents stand only blanks and a byte order mark.
 *
 * Limits: each envelope is bounded in bytes and nodes, the number of envelopes is not; nothing
 * grows with time. Ownership: root is valid until the callback returns. The callback runs
 * inside envelopes_feed; it may free the envelopes, then feed returns false at once. Errors:
 * what is not XML, is too long or has a DTD ends it for good (ERR_PROTOCOL). */
#ifndef SIB_EWS_ENVELOPES_H
#define SIB_EWS_ENVELOPES_H

#include "base/xml.h"

/* false: stop; feed then fails with ERR_CANCELLED. */
typedef bool envelopes_fn(const struct xml_node *root, void *arg);

struct envelopes;
struct envelopes *envelopes_new(const struct xml_limits *each, envelopes_fn *fn, void *arg);
bool envelopes_feed(struct envelopes *envelopes, const void *bytes, size_t len,
                    struct err *err);
/* Is it between two envelopes? If not, the connection ended in the middle of one. */
bool envelopes_at_rest(const struct envelopes *envelopes);
/* Legal inside the callback. */
void envelopes_free(struct envelopes **envelopes);

#endif
