#include "store/language.h"

#include <assert.h>
#include <string.h>

static const char *const names[] = {
    [LANGUAGE_EN] = "en",
    [LANGUAGE_JA] = "ja",
};

static_assert(sizeof names / sizeof names[0] == LANGUAGES, "each language has its name");

const char *language_name(enum language language)
{
    return names[language];
}

bool language_parse(const char *name, enum language *language)
{
    for (int i = 0; i < LANGUAGES; i++) {
        if (strcmp(names[i], name) == 0) {
            *language = (enum language)i;
            return true;
        }
    }
    *language = LANGUAGE_EN;
    return false;
}
