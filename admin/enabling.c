#include "admin/enabling.h"

#include <stdio.h>

#include "queue/queue.h"
#include "store/alarm.h"
#include "store/watch.h"

/* A change here waits for a person, and would go out at once; but first comes a look at all
 * that may have happened there. */
static bool look_at_all(struct store *store, const struct mailbox *mailbox, struct err *err)
{
    return queue_not_before(store, mailbox->id, 0, err) &&
           queue_push(store, mailbox->id, QUEUE_CHANGE, 0, err) &&
           queue_push(store, mailbox->id, QUEUE_SWEEP, 0, err);
}

/* What a run says of itself; without runs it says nothing. */
static bool forget_runs(struct store *store, const struct mailbox *mailbox, struct err *err)
{
    static const char *const names[] = {ALARM_MAILBOX_PARKED, ALARM_MAILBOX_FULL,
                                        ALARM_SYNC_DELAYED, ALARM_SYNC_STALLED};
    struct mailbox_state state;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (!alarm_clear(store, names[i], mailbox->id, NULL, err))
            return false;
    }
    if (!mailbox_state_get(store, mailbox->id, &state, err))
        return false;
    state.last_error[0] = state.notify[0] = '\0';
    if (state.condition == MAILBOX_PARKED) {
        state.condition = MAILBOX_OK;
        state.reason[0] = '\0';
    }
    return mailbox_state_set(store, mailbox->id, &state, err);
}

bool enabling_switch(struct store *store, const struct mailbox *mailbox, bool on,
                     struct err *err)
{
    if (mailbox->single_inbox == on)
        return true;
    if (!mailbox_set_single_inbox(store, mailbox->id, on, err))
        return false;
    if (on)
        return look_at_all(store, mailbox, err);
    /* The push wakes mailbox-sync, which lets go of what it holds for the mailbox. */
    return watch_end(store, mailbox->id, "", err) && forget_runs(store, mailbox, err) &&
           queue_push(store, mailbox->id, QUEUE_CHANGE, 0, err);
}

bool enabling_suspend(struct store *store, const struct mailbox *mailbox, struct err *err)
{
    struct mailbox_state state;

    if (!mailbox_state_get(store, mailbox->id, &state, err))
        return false;
    if (state.condition == MAILBOX_SUSPENDED)
        return true;
    state.condition = MAILBOX_SUSPENDED;
    snprintf(state.reason, sizeof state.reason,
             "Suspended by an administrator; \"sibctl sync resume %s\" goes on.",
             mailbox->name);
    return mailbox_state_set(store, mailbox->id, &state, err);
}

bool enabling_resume(struct store *store, const struct mailbox *mailbox, struct err *err)
{
    struct mailbox_state state;

    if (!mailbox_state_get(store, mailbox->id, &state, err))
        return false;
    state.condition = MAILBOX_OK;
    state.reason[0] = '\0';
    return mailbox_state_set(store, mailbox->id, &state, err) &&
           alarm_clear(store, ALARM_MAILBOX_SUSPENDED, mailbox->id, NULL, err) &&
           alarm_clear(store, ALARM_MAILBOX_PARKED, mailbox->id, NULL, err) &&
           (!mailbox->single_inbox || look_at_all(store, mailbox, err));
}
