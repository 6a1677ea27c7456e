#include "sync/hear.h"

#include <assert.h>
#include <string.h>

static const char *const way_names[HEAR_WAYS] = {
    [HEAR_PUSH] = "push", [HEAR_STREAM] = "stream", [HEAR_POLL] = "poll"};

/* clang-format off */

#define PT HEAR_AT_PUSH_TRIAL
#define PU HEAR_AT_PUSH
#define ST HEAR_AT_STREAM_TRIAL
#define SM HEAR_AT_STREAM
#define PO HEAR_AT_POLL

/* The next state, by the configured word, the present state and what happened. A fixed word
 * never enters a state of another way: such a row leads to its own first state. */
static const enum hear_state next_state[HEAR_WORDS][HEAR_STATES][HEAR_EVENTS] = {
    [HEAR_WORD_PUSH] = {     /* NOTHING CALLED SILENT OPENED BROKEN */
        [HEAR_AT_PUSH_TRIAL]   = {PT,   PU,    PO,    PT,    PT},
        [HEAR_AT_PUSH]         = {PU,   PU,    PT,    PU,    PU},
        [HEAR_AT_STREAM_TRIAL] = {PT,   PU,    PO,    PT,    PT},
        [HEAR_AT_STREAM]       = {PT,   PU,    PO,    PT,    PT},
        [HEAR_AT_POLL]         = {PO,   PU,    PO,    PO,    PO},
    },
    [HEAR_WORD_STREAM] = {
        [HEAR_AT_PUSH_TRIAL]   = {ST,   ST,    ST,    SM,    PO},
        [HEAR_AT_PUSH]         = {ST,   ST,    ST,    SM,    PO},
        [HEAR_AT_STREAM_TRIAL] = {ST,   ST,    ST,    SM,    PO},
        [HEAR_AT_STREAM]       = {SM,   SM,    SM,    SM,    PO},
        [HEAR_AT_POLL]         = {PO,   PO,    PO,    SM,    PO},
    },
    [HEAR_WORD_POLL] = {
        [HEAR_AT_PUSH_TRIAL]   = {PO,   PO,    PO,    PO,    PO},
        [HEAR_AT_PUSH]         = {PO,   PO,    PO,    PO,    PO},
        [HEAR_AT_STREAM_TRIAL] = {PO,   PO,    PO,    PO,    PO},
        [HEAR_AT_STREAM]       = {PO,   PO,    PO,    PO,    PO},
        [HEAR_AT_POLL]         = {PO,   PO,    PO,    PO,    PO},
    },
    [HEAR_WORD_AUTO] = {
        [HEAR_AT_PUSH_TRIAL]   = {PT,   PU,    ST,    PT,    PT},
        [HEAR_AT_PUSH]         = {PU,   PU,    PT,    PU,    PU},
        [HEAR_AT_STREAM_TRIAL] = {ST,   PU,    ST,    SM,    PO},
        [HEAR_AT_STREAM]       = {SM,   PU,    SM,    SM,    PO},
        [HEAR_AT_POLL]         = {PO,   PU,    PO,    SM,    PO},
    },
};

#undef PT
#undef PU
#undef ST
#undef SM
#undef PO
/* clang-format on */

enum hear_word hear_word_of(const char *word)
{
    if (word && strcmp(word, "push") == 0)
        return HEAR_WORD_PUSH;
    if (word && strcmp(word, "stream") == 0)
        return HEAR_WORD_STREAM;
    return word && strcmp(word, "poll") == 0 ? HEAR_WORD_POLL : HEAR_WORD_AUTO;
}

const char *hear_way_name(enum hear_way way)
{
    assert(way < HEAR_WAYS);
    return way_names[way];
}

int64_t hear_self_test_ms(int64_t status_minutes)
{
    return status_minutes * 60000 + HEAR_SELF_TEST_MARGIN_MS;
}

enum hear_state hear_first(enum hear_word word, bool callback_possible)
{
    switch (word) {
    case HEAR_WORD_PUSH: return callback_possible ? HEAR_AT_PUSH_TRIAL : HEAR_AT_POLL;
    case HEAR_WORD_STREAM: return HEAR_AT_STREAM_TRIAL;
    case HEAR_WORD_POLL: return HEAR_AT_POLL;
    default: return callback_possible ? HEAR_AT_PUSH_TRIAL : HEAR_AT_STREAM_TRIAL;
    }
}

/* A callback outweighs everything; silence is only asked about while push is relied upon. */
enum hear_event hear_event(const struct hear_facts *facts)
{
    bool relied_upon = facts->state == HEAR_AT_PUSH_TRIAL || facts->state == HEAR_AT_PUSH;

    if (facts->called && facts->callback_possible)
        return HEAR_CALLED;
    if (relied_upon && facts->push_waited_ms > facts->self_test_ms)
        return HEAR_SILENT;
    if (facts->stream_open)
        return HEAR_OPENED;
    return facts->stream_failures >= HEAR_STREAM_FAILURES ? HEAR_BROKEN : HEAR_NOTHING;
}

enum hear_state hear_next(enum hear_word word, enum hear_state state, enum hear_event event)
{
    assert(word < HEAR_WORDS && state < HEAR_STATES && event < HEAR_EVENTS);
    return next_state[word][state][event];
}

enum hear_way hear_trial(const struct hear_facts *facts)
{
    bool wants_push = facts->word == HEAR_WORD_PUSH || facts->word == HEAR_WORD_AUTO;
    bool wants_stream = facts->word == HEAR_WORD_STREAM || facts->word == HEAR_WORD_AUTO;
    bool without_push = facts->state != HEAR_AT_PUSH_TRIAL && facts->state != HEAR_AT_PUSH;

    if (wants_push && without_push && facts->callback_possible &&
        facts->since_push_ms >= HEAR_TRY_PUSH_MS)
        return HEAR_PUSH;
    if (wants_stream && facts->state == HEAR_AT_POLL &&
        facts->since_stream_ms >= HEAR_TRY_STREAM_MS)
        return HEAR_STREAM;
    return HEAR_POLL;
}

static struct hear_mailbox alone(enum hear_word word)
{
    if (word == HEAR_WORD_PUSH)
        return (struct hear_mailbox){HEAR_PUSH, true, "no callback came for it; polled too"};
    return (struct hear_mailbox){HEAR_STREAM, false, "no callback came for it"};
}

struct hear_mailbox hear_mailbox(enum hear_word word, bool callback_possible,
                                 enum hear_state state, int silent_in_a_row)
{
    const char *no_push =
        word == HEAR_WORD_STREAM || !callback_possible ? "" : "no callback comes";

    switch (state) {
    case HEAR_AT_PUSH_TRIAL:
        return (struct hear_mailbox){HEAR_PUSH, true, "no callback came yet; polled too"};
    case HEAR_AT_PUSH:
        if (silent_in_a_row >= HEAR_MAILBOX_SILENT)
            return alone(word);
        if (silent_in_a_row > 0)
            return (struct hear_mailbox){HEAR_PUSH, true, "fell silent; polled too"};
        return (struct hear_mailbox){HEAR_PUSH, false, ""};
    case HEAR_AT_STREAM_TRIAL:
        return (struct hear_mailbox){HEAR_STREAM, true, *no_push ? no_push : "not open yet"};
    case HEAR_AT_STREAM: return (struct hear_mailbox){HEAR_STREAM, false, no_push};
    default: break;
    }
    if (word == HEAR_WORD_POLL)
        return (struct hear_mailbox){HEAR_POLL, true, ""};
    if (word == HEAR_WORD_PUSH)
        return (struct hear_mailbox){
            HEAR_POLL, true, callback_possible ? "no callback comes" : "no callback-url"};
    return (struct hear_mailbox){HEAR_POLL, true,
                                 *no_push ? "no callback comes, streams fail" : "streams fail"};
}

bool hear_fell_back(enum hear_word word, bool callback_possible, enum hear_state state)
{
    switch (word) {
    case HEAR_WORD_PUSH:
    case HEAR_WORD_STREAM: return state == HEAR_AT_POLL;
    case HEAR_WORD_POLL: return false;
    default: break;
    }
    if (state == HEAR_AT_PUSH_TRIAL || state == HEAR_AT_PUSH)
        return false;
    return callback_possible || state == HEAR_AT_POLL;
}
