/* The languages in which texts for users are made: subjects, receipts. */
#ifndef SIB_STORE_LANGUAGE_H
#define SIB_STORE_LANGUAGE_H

#include <stdbool.h>

enum language {
    LANGUAGE_EN,
    LANGUAGE_JA,
    LANGUAGES,
};

const char *language_name(enum language language); /* "en", "ja" */
/* False, and English, when the word is none of them. */
bool language_parse(const char *name, enum language *language);

#endif
