/* Is a request well made, as Exchange sees it before it looks at any mailbox? Private. */
#ifndef SIB_TESTS_EXCHANGE_EXCHANGE_FORM_H
#define SIB_TESTS_EXCHANGE_EXCHANGE_FORM_H

#include "tests/exchange/exchange_soap.h"

/* A request, taken apart; everything is borrowed. */
struct form {
    const struct xml_node *envelope, *body; /* body: the operation's element */
    const struct operation *operation;      /* NULL: not known */
    const struct contents *contents;
    const struct buf *head; /* the first bytes, to say where a violation is */
};

/* False: it violates the schema, and that was answered, with line and position. */
bool ex_form_is_well_made(const struct form *form, struct exchange_answer *answer);
bool ex_form_knows_version(const char *version);
/* Does a property of the type Binary stand at a node, beside it or below? */
bool ex_form_has_binary(const struct xml_node *node);

#endif
