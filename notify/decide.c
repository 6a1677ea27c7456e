#include "notify/decide.h"

#include <string.h>

static struct decision only(enum decide_answer answer)
{
    return (struct decision){.answer = answer};
}

struct decision decide_callback(const struct decide_facts *facts)
{
    if (!facts->is_post)
        return only(DECIDE_BAD_METHOD);
    if (facts->lookup_failed)
        return only(DECIDE_TRY_AGAIN);
    if (!facts->known) /* a leftover of a previous life, or a stranger */
        return only(facts->parsed ? DECIDE_UNSUBSCRIBE : DECIDE_NOT_FOUND);
    if (!facts->parsed)
        return only(DECIDE_BAD_BODY);
    if (facts->ended || !facts->matches)
        return only(DECIDE_UNSUBSCRIBE);
    if (facts->lost)
        return (struct decision){
            .answer = DECIDE_UNSUBSCRIBE, .heard = true, .mark = true, .end = true};
    return (struct decision){.answer = DECIDE_OK, .heard = true, .mark = !facts->status_only};
}

/* An error may come without its subscription's id; then the secret alone says whose it is. */
static bool is_of(const struct notification *note, const char *recorded)
{
    return !recorded[0] || strcmp(note->subscription, recorded) == 0 ||
           (note->lost && !note->subscription[0]);
}

void decide_compare(const struct notification *notes, size_t count, const char *recorded,
                    struct decide_facts *facts)
{
    facts->matches = facts->lost = false;
    facts->status_only = true;
    for (size_t i = 0; i < count; i++) {
        if (!is_of(&notes[i], recorded))
            continue;
        facts->matches = true;
        facts->status_only = facts->status_only && notes[i].status_only;
        facts->lost = facts->lost || notes[i].lost;
    }
}
