/* Is a request what the schema of EWS allows? Tables of types, and the walk over a request.
 *
 * As Exchange does: children in the order of the schema, known names only, the right namespace,
 * required attributes, values within their types. Elements that the product has no use for are
 * known by name and not looked into. Private to the stand-in. */
#ifndef SIB_TESTS_EXCHANGE_EXCHANGE_SCHEMA_H
#define SIB_TESTS_EXCHANGE_EXCHANGE_SCHEMA_H

#include "base/xml.h"

#define NS_SOAP     "http://schemas.xmlsoap.org/soap/envelope/"
#define NS_TYPES    "http://schemas.microsoft.com/exchange/services/2006/types"
#define NS_MESSAGES "http://schemas.microsoft.com/exchange/services/2006/messages"
#define NS_ERRORS   "http://schemas.microsoft.com/exchange/services/2006/errors"

enum schema_kind {
    SCHEMA_ELEMENTS, /* children, no text */
    SCHEMA_ANY,      /* known, not looked into */
    SCHEMA_STRING,
    SCHEMA_FULL_STRING, /* at least `least` characters, at most `most` */
    SCHEMA_BOOLEAN,
    SCHEMA_INTEGER, /* within least..most */
    SCHEMA_DATE_TIME,
    SCHEMA_BASE64, /* read elsewhere: it may be large */
    SCHEMA_ENUM,   /* one of values */
    SCHEMA_GUID,
    SCHEMA_TAG, /* "0x0E07" or a number */
};

struct schema_type;

struct schema_attribute {
    const char *name;
    const struct schema_type *type; /* a simple one */
    bool required;
};

enum { SCHEMA_MANY = 255 };

struct schema_child {
    const char *name;
    const struct schema_type *type;
    unsigned char least, most; /* most: 1 or SCHEMA_MANY */
    unsigned char choice;      /* not 0: neighbours with the same number exclude each other */
    bool messages;             /* in the namespace of messages, else of types */
};

struct schema_type {
    const char *name; /* as in the XSD, for the sentence */
    enum schema_kind kind;
    long least, most;
    const char *const *values; /* SCHEMA_ENUM; ends with NULL */
    const struct schema_attribute *attributes;
    const struct schema_child *children; /* ends with a NULL name */
    bool any_order;                      /* a repeated choice: at least one, in any order */
};

struct schema_violation {
    const struct xml_node *node; /* where */
    char text[512];
};

/* The type of an operation's element ("CreateItem"); NULL: unknown. */
const struct schema_type *ex_schema_operation(const char *name);
extern const struct schema_type ex_schema_impersonation;
extern const char *const ex_schema_distinguished_ids[],
    *const ex_schema_property_sets[], *const ex_schema_property_types[],
                                          *const ex_schema_event_types[],
                                              *const ex_schema_field_uris[];
bool ex_schema_check(const struct xml_node *node, const struct schema_type *type,
                     struct schema_violation *violation);

/* Simple values, as xs: types. */
bool ex_schema_boolean(const char *text, bool *value);
bool ex_schema_integer(const char *text, long *value);

#endif
