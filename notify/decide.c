#include "notify/decide.h"

#include <string.h>

static struct decision only(enum decide_answer answer)
{
    return (struct decision){.answer = answer};
}

bool decide_unheard(const struct decide_facts *facts, struct decision *out)
{
    if (!facts->is_post)
        *out = only(DECIDE_BAD_METHOD);
    else if (!facts->addressed)
        *out = only(DECIDE_NOT_FOUND);
    else if (facts->lookup_failed)
        *out = only(DECIDE_TRY_AGAIN);
    else if (!facts->known || facts->ended) /* a leftover of a previous life, or a stranger */
        *out = only(DECIDE_UNSUBSCRIBE);
    else
        return false;
    return true;
}

struct decision decide_callback(const struct decide_facts *facts)
{
    struct decision decision;

    if (decide_unheard(facts, &decision))
        return decision;
    if (!facts->parsed)
        return only(DECIDE_BAD_BODY);
    if (!facts->matches)
        return only(DECIDE_UNSUBSCRIBE);
    /* What happened to folders since it was lost is not known. */
    if (facts->lost)
        return (struct decision){.answer = DECIDE_UNSUBSCRIBE,
                                 .heard = true,
                                 .mark = true,
                                 .folders = true,
                                 .end = true};
    bool mark = !facts->status_only;
    return (struct decision){
        .answer = DECIDE_OK, .heard = true, .mark = mark, .folders = mark && facts->folders};
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
    facts->matches = facts->lost = facts->folders = false;
    facts->status_only = true;
    for (size_t i = 0; i < count; i++) {
        if (!is_of(&notes[i], recorded))
            continue;
        facts->matches = true;
        facts->status_only = facts->status_only && notes[i].status_only;
        facts->lost = facts->lost || notes[i].lost;
        facts->folders = facts->folders || notes[i].folders;
    }
}
