/* The subject of a new message, from the format for its type, in a language.
 *
 * A format has parameters: %CALLERID% %CALLEDID% %NAME% %EXTENSION%, with a text for "unknown"
 * each, and %U% %P% %S% %D%, which appear for urgent, private, secure and dispatch messages. A
 * subject is made once, when the message is stored; later formats change nothing of it. Pure.
 * Ownership: a book borrows its texts; the built-in one is static. */
#ifndef SIB_STORE_SUBJECT_H
#define SIB_STORE_SUBJECT_H

#include <stdbool.h>
#include <stddef.h>

#include "store/language.h"

enum subject_type {
    SUBJECT_OUTSIDE_CALLER,
    SUBJECT_USER,        /* from a user to a user */
    SUBJECT_INTERVIEW,   /* an interview handler asked; %NAME% is the handler's */
    SUBJECT_LIVE_RECORD, /* a call that was recorded while it went on */
    SUBJECT_TYPES,
};

enum subject_word {
    SUBJECT_UNKNOWN_CALLER,
    SUBJECT_UNKNOWN_CALLED,
    SUBJECT_UNKNOWN_NAME,
    SUBJECT_UNKNOWN_EXTENSION,
    SUBJECT_URGENT,
    SUBJECT_PRIVATE,
    SUBJECT_SECURE,
    SUBJECT_DISPATCH,
    SUBJECT_WORDS,
};

struct subject_texts {
    const char *format[SUBJECT_TYPES];
    const char *word[SUBJECT_WORDS];
};

struct subject_book {
    struct subject_texts language[LANGUAGES];
};

struct subject_facts {
    const char *caller_number, *called_number, *name, *extension; /* "" or NULL: unknown */
    bool urgent, private, secure, dispatch;
};

const struct subject_book *subject_built_in(void);

/* Runs of spaces become one; out is cut at a whole character. */
void subject_make(const struct subject_texts *texts, enum subject_type type,
                  const struct subject_facts *facts, char *out, size_t size);

#endif
