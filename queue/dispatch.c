#include "queue/dispatch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "queue/queue.h"
#include "store/group.h"
#include "store/history.h"
#include "store/mailbox.h"

static bool wish(struct store *store, const char *mailbox_id, struct err *err)
{
    struct mailbox mailbox;

    if (!mailbox_get(store, mailbox_id, &mailbox, err))
        return false;
    return !mailbox.single_inbox || mailbox.removed ||
           queue_push(store, mailbox_id, QUEUE_CHANGE, 0, err);
}

static bool explain(struct store *store, const struct group_copy *copy, enum group_fate fate,
                    const struct mailbox *owner, struct err *err)
{
    char why[LIMIT_REASON];

    switch (fate) {
    case GROUP_WITHDRAWN:
        snprintf(why, sizeof why, "a dispatch message that %s accepted", owner->display);
        return history_add(store, copy->id, "connection", "purged", why, err);
    case GROUP_REVIVED:
        return history_add(store, copy->id, "connection", "restored",
                           "a dispatch message that was accepted here last", err);
    case GROUP_STAYS:
    case GROUP_FORGOTTEN: break;
    }
    return true;
}

static bool settle(struct store *store, const struct group_copy *copies, int count,
                   struct err *err)
{
    int owner = group_owner(copies, count);
    struct mailbox mailbox;

    if (owner < 0)
        return true;
    if (!mailbox_get(store, copies[owner].mailbox, &mailbox, err))
        return false;
    for (int i = 0; i < count; i++) {
        enum group_fate fate = group_fate(copies, count, i);
        bool look = fate == GROUP_WITHDRAWN || fate == GROUP_REVIVED;
        if (!group_apply(store, &copies[i], fate, &copies[owner], err) ||
            !explain(store, &copies[i], fate, &mailbox, err) ||
            (look && !wish(store, copies[i].mailbox, err)))
            return false;
    }
    return true;
}

/* The copies of a group, in memory of our own: there may be many. */
static struct group_copy *load(struct store *store, const char *group, int *count,
                               struct err *err)
{
    struct group_copy *copies = calloc(LIMIT_RECIPIENTS, sizeof *copies);

    if (!copies)
        err_set(err, ERR_SYSTEM, "out of memory");
    else if (!group_load(store, group, copies, count, err)) {
        free(copies);
        copies = NULL;
    }
    return copies;
}

bool dispatch_settle(struct store *store, const char *group, struct err *err)
{
    int count;
    struct group_copy *copies = load(store, group, &count, err);
    bool ok = copies && settle(store, copies, count, err);

    free(copies);
    return ok;
}

static bool refuse(struct store *store, const struct group_copy *owner, struct err *err)
{
    struct mailbox mailbox;

    return mailbox_get(store, owner->mailbox, &mailbox, err) &&
           err_set(err, ERR_REFUSED, "the message was accepted already by %s (%s)",
                   mailbox.display, mailbox.name);
}

/* Is it still to be had by the owner of this copy? */
static bool may_accept(struct store *store, const struct message *message, bool *his,
                       struct err *err)
{
    int count;

    if (!message->dispatch)
        return err_set(err, ERR_REFUSED,
                       "the message %s is not a dispatch message: there is nothing to accept",
                       message->id);
    struct group_copy *copies = load(store, message->group, &count, err);
    if (!copies)
        return false;
    int owner = group_owner(copies, count);
    *his = owner >= 0 && strcmp(copies[owner].id, message->id) == 0;
    bool ok = owner < 0 || *his || refuse(store, &copies[owner], err);
    free(copies);
    if (ok && !*his && message->folder == FOLDER_PURGED)
        return err_set(err, ERR_REFUSED, "the message %s was purged; nothing of it is left",
                       message->id);
    return ok;
}

bool dispatch_accept(struct store *store, const char *message_id, const char *why,
                     bool *changed, struct err *err)
{
    struct message message;
    bool his = false;

    *changed = false;
    if (!message_get(store, message_id, &message, err) ||
        !may_accept(store, &message, &his, err))
        return false;
    if (his)
        return true;
    return message_accept(store, message_id, changed, err) &&
           history_add(store, message_id, "connection", "accepted", why, err) &&
           wish(store, message.mailbox, err) && dispatch_settle(store, message.group, err);
}
