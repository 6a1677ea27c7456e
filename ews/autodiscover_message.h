/* Autodiscover's requests and answers: GetUserSettings (SOAP, [MS-OXWSADISC]) and the plain XML
 * of [MS-OXDSCLI] (POX).
 *
 * Ownership: plain values. Bytes are hostile: limits of base/limits.h, no DTD; what is too long
 * for its place counts as not said. */
#ifndef SIB_EWS_AUTODISCOVER_MESSAGE_H
#define SIB_EWS_AUTODISCOVER_MESSAGE_H

#include "base/buf.h"
#include "base/limits.h"
#include "base/xml.h"

enum autodiscover_word {
    AUTODISCOVER_SETTINGS,         /* external, internal: one of them at least */
    AUTODISCOVER_REDIRECT_URL,     /* target: ask there */
    AUTODISCOVER_REDIRECT_ADDRESS, /* target: ask for that address */
    AUTODISCOVER_NO_USER,          /* the server does not know the address */
    AUTODISCOVER_BUSY,             /* it cannot say just now */
    AUTODISCOVER_REFUSES,          /* it cannot say */
};

struct autodiscover_answer {
    enum autodiscover_word word;
    char external[LIMIT_URL], internal[LIMIT_URL]; /* of EWS; "": not told */
    char group[LIMIT_GROUP];                       /* GroupingInformation */
    char schemas[256];                             /* EwsSupportedSchemas, for the log */
    char target[LIMIT_URL];
    char code[64]; /* the server's own word for an error */
};

/* The whole request; to: the URL that it is sent to. */
void autodiscover_soap_request(struct buf *out, const char *to, const char *address);
void autodiscover_pox_request(struct buf *out, const char *address);

/* Reads a whole answer of either kind. False: it is neither. */
bool autodiscover_read(const struct xml_node *root, struct autodiscover_answer *out);

#endif
