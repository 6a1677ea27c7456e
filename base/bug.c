#include "base/bug.h"

#include <stdlib.h>
#include <string.h>

#define BUG_NAME(name, words)  #name,
#define BUG_WORDS(name, words) words,

static const char *const names[] = {BUG_LIST(BUG_NAME)};
static const char *const words_of[] = {BUG_LIST(BUG_WORDS)};

const char *bug_name(enum bug bug)
{
    return names[bug];
}

const char *bug_words(enum bug bug)
{
    return words_of[bug];
}

#ifdef SIB_BUGS

static int chosen = -2; /* -1: none; -2: the environment was not asked yet */

void bug_choose(const char *name)
{
    chosen = -1;
    for (int i = 0; name && i < BUGS; i++) {
        if (strcmp(names[i], name) == 0)
            chosen = i;
    }
}

bool bug_is_on(enum bug bug)
{
    if (chosen == -2)
        bug_choose(getenv("SIB_BUG"));
    return chosen == (int)bug;
}

bool bug_built(void)
{
    return true;
}

#else

void bug_choose(const char *name)
{
    (void)name;
}

bool bug_built(void)
{
    return false;
}

#endif
