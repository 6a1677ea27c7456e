#include "sync/guard.h"

#include <stdio.h>

#include "base/bug.h"

int64_t guard_limit(const struct guard_facts *facts, int64_t whole)
{
    int64_t share =
        whole > 0 ? whole / 100 * facts->percent + whole % 100 * facts->percent / 100 : 0;

    return share > facts->count ? share : facts->count;
}

enum guard_verdict guard_judge(const struct guard_facts *facts)
{
    int64_t vanished = facts->vanished;

    if (facts->told || bug(guard_off))
        return GUARD_PASS;
    /* An item is in one mailbox only: known in both, they are one and the same. */
    if (facts->same > 0 || facts->foreign > guard_limit(facts, facts->items))
        return GUARD_FOREIGN;
    if (vanished >= GUARD_BULK)
        vanished += facts->vanished_before;
    return vanished > guard_limit(facts, facts->agreed) ? GUARD_MASS_LOSS : GUARD_PASS;
}

static void explain_foreign(const struct guard_facts *facts, const char *mailbox,
                            const char *address, const char *other, char *text, size_t size)
{
    snprintf(
        text, size,
        "The Exchange mailbox %s carries %lld %s of the mailbox %s: nothing is written. "
        "Correct the address (\"sibctl mailbox set %s --smtp\"), then \"sibctl sync resume "
        "%s\"; if they belong there, \"sibctl sync resync %s\" first",
        address, (long long)facts->foreign, facts->foreign == 1 ? "message" : "messages", other,
        mailbox, mailbox, mailbox);
}

void guard_explain(const struct guard_facts *facts, enum guard_verdict verdict,
                   const char *mailbox, const char *address, const char *other, char *text,
                   size_t size)
{
    char before[64] = "";

    text[0] = '\0';
    if (verdict == GUARD_FOREIGN)
        explain_foreign(facts, mailbox, address, other, text, size);
    if (verdict != GUARD_MASS_LOSS)
        return;
    if (facts->vanished_before)
        snprintf(before, sizeof before, " (and %lld within the hour before)",
                 (long long)facts->vanished_before);
    snprintf(
        text, size,
        "%lld of %lld messages vanished from Exchange at once%s, more than the guard allows "
        "(%lld): nothing was deleted. If Exchange is right: \"sibctl sync resync %s\"; if "
        "Connection is right: \"sibctl sync resync %s --from-connection\"; then \"sibctl "
        "sync resume %s\"",
        (long long)facts->vanished, (long long)facts->agreed, before,
        (long long)guard_limit(facts, facts->agreed), mailbox, mailbox, mailbox);
}
