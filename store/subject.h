/* The subject of a new message, from the template for its type.
 *
 * Parameters: %CALLERID% %CALLEDID% %NAME% %EXTENSION% with a text for "unknown" each, and %U%
 * %P% %S% %D% which appear for urgent, private, secure and dispatch messages. Pure. */
#ifndef SIB_STORE_SUBJECT_H
#define SIB_STORE_SUBJECT_H

#include <stdbool.h>
#include <stddef.h>

struct subject_facts {
    const char *caller_number, *called_number, *name, *extension; /* "" or NULL: unknown */
    bool urgent, private, secure, dispatch;
};

enum subject_type { SUBJECT_OUTSIDE_CALLER, SUBJECT_USER, SUBJECT_TYPES };

const char *subject_template(enum subject_type type);
/* Runs of spaces become one; out is cut at a whole character. */
void subject_make(const char *template, const struct subject_facts *facts, char *out,
                  size_t size);

#endif
