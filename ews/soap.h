/* The SOAP envelope of Exchange Web Services: writing a request's, opening an answer's.
 *
 * An answer is opened in one order that nobody above can get wrong: a fault first, then the
 * number of response messages, then each message's ResponseClass; only a message that
 * soap_message_ok has accepted may be looked into. Ownership: nodes are borrowed from the
 * reader that made them. Errors: an answer that makes no sense is ERR_PROTOCOL with effect
 * UNKNOWN. */
#ifndef SIB_EWS_SOAP_H
#define SIB_EWS_SOAP_H

#include "base/xml.h"

struct soap_header {
    const char *version;     /* RequestServerVersion */
    const char *impersonate; /* primary SMTP address to act as; NULL: none */
};

/* Declaration, Envelope, Header; ends inside the open Body. */
void soap_begin(struct xml_writer *writer, struct buf *out, const struct soap_header *header);
/* Closes everything that is open. */
void soap_end(struct xml_writer *writer);

/* root: a whole document. response: local name of the element in the Body ("GetItemResponse").
 * first: the first of exactly `count` response messages. One error for several things asked is
 * that error, with effect UNKNOWN. */
bool soap_open_answer(const struct xml_node *root, const char *response, int count,
                      const struct xml_node **first, struct err *err);
const struct xml_node *soap_next_message(const struct xml_node *message);
/* Success? If not, err says what Exchange means by it. In a batch that stopped in the middle
 * (ErrorBatchProcessingStopped) the messages behind the error have effect NONE: send those
 * things again. */
bool soap_message_ok(const struct xml_node *message, struct err *err);

/* Is this document a SOAP envelope at all? */
bool soap_is_envelope(const struct xml_node *root);
/* ERR_PROTOCOL, effect UNKNOWN. Returns false. */
bool soap_nonsense(struct err *err, const char *what);

#endif
