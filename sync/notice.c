#include "sync/notice.h"

#include <stdio.h>

#include "base/text.h"
#include "store/alarm.h"
#include "store/evidence.h"

static bool note_restored(struct store *store, const struct mailbox *mailbox,
                          struct evidence *evidence, struct err *err)
{
    char text[LIMIT_REASON], when[CLOCK_TEXT_MAX];

    if (!evidence->restored_at)
        return true;
    if (store_now(store).ms - evidence->restored_at >= NOTICE_RESTORED_MS) {
        evidence->restored_at = 0;
        return alarm_clear(store, ALARM_EXCHANGE_RESTORED, mailbox->id, NULL, err);
    }
    clock_format((struct wall){evidence->restored_at}, when);
    snprintf(text, sizeof text,
             "mailbox %s: Exchange was restored from a backup, as was found at %s; %lld %s put "
             "back or set again from here. Nothing needs to be done",
             mailbox->name, when, (long long)evidence->put_back,
             evidence->put_back == 1 ? "message was" : "messages were");
    return alarm_raise(store, ALARM_EXCHANGE_RESTORED, mailbox->id, "", text, err);
}

static bool note_unknown(struct store *store, const struct mailbox *mailbox, int64_t unknown,
                         struct err *err)
{
    char text[LIMIT_REASON];

    if (!unknown)
        return alarm_clear(store, ALARM_UNKNOWN_ITEMS, mailbox->id, NULL, err);
    snprintf(
        text, sizeof text,
        "mailbox %s: %lld %s in Exchange came from here and %s not known here any more (was "
        "the message store restored from a backup?): left alone; \"sibctl sync resync %s "
        "--import\" takes %s back",
        mailbox->name, (long long)unknown, unknown == 1 ? "message" : "messages",
        unknown == 1 ? "is" : "are", mailbox->name, unknown == 1 ? "it" : "them");
    return alarm_raise(store, ALARM_UNKNOWN_ITEMS, mailbox->id, "", text, err);
}

bool notice_write(struct store *store, const struct mailbox *mailbox,
                  const struct run_result *result, struct err *err)
{
    struct evidence evidence;
    bool whole = result->looked && result->err.kind == ERR_OK;
    bool looked = whole || (result->looked_local && result->err.kind == ERR_OK);

    if (!evidence_get(store, mailbox->id, &evidence, err))
        return false;
    if (!looked && !evidence.restored_at)
        return true;
    if (looked)
        evidence.looked_at = store_now(store).ms;
    return note_restored(store, mailbox, &evidence, err) &&
           evidence_put(store, mailbox->id, &evidence, err) &&
           (!whole || note_unknown(store, mailbox, result->unknown, err));
}
