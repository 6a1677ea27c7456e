#include "ews/ews_way.h"

#include <string.h>

static const char *const names[REQUEST_WAYS] = {
    [REQUEST_INLINE] = "inline",
    [REQUEST_MIME] = "mime",
};

static bool choose(struct ews_way *way, const char *word)
{
    for (int i = 0; word && i < REQUEST_WAYS; i++) {
        if (strcmp(word, names[i]) != 0)
            continue;
        way->way = (enum request_way)i;
        way->chosen = true;
        return true;
    }
    return false;
}

void ews_way_init(struct ews_way *way, const char *word, const char *remembered)
{
    memset(way, 0, sizeof(*way));
    way->set = choose(way, word);
    if (!way->set)
        choose(way, remembered);
}

const char *ews_way_name(enum request_way way)
{
    return names[way];
}

void ews_way_found(struct ews_way *way, enum request_way found)
{
    way->way = found;
    way->chosen = way->kept = true;
    way->names = false;
}

bool ews_way_answered(struct ews_way *way, int attachments)
{
    if (attachments > 0) {
        way->kept = way->names = way->chosen = true;
        return false;
    }
    return !way->kept || way->names;
}

bool ews_way_looked(struct ews_way *way, bool kept)
{
    way->kept = kept;
    way->names = false;
    way->chosen = kept || way->set;
    if (!way->chosen) /* what is tried next, should nothing be found out before */
        way->way = (way->way + 1) % REQUEST_WAYS;
    return kept;
}
