#include "sync/plan.h"

#include <assert.h>
#include <string.h>

/* What the folder table says for a cell. */
enum verdict {
    V_AGREE_INBOX,    /* both have it in the Inbox */
    V_AGREE_DELETED,  /* both have it deleted */
    V_AGREE_GONE,     /* deleted here, not there */
    V_NOTHING,        /* deleted here before it ever went out */
    V_CREATE,         /* here, and not yet there */
    V_DELETED_THERE,  /* a person deleted it there: delete here */
    V_VANISHED_THERE, /* hard-deleted, or moved where nothing is mapped: delete here */
    V_RESTORED_THERE, /* came back there: restore here */
    V_DELETED_HERE,   /* deleted here: move to Deleted Items */
    V_RESTORED_HERE,  /* restored here: move back to the Inbox */
    V_PURGED,         /* purged here, in Deleted Items there: remove */
    V_PURGED_IF_SAME, /* purged here: remove there unless a person changed it there */
    V_LEAVE,          /* purged here, and a person's own there now: leave it alone */
    V_LATER_INBOX,    /* deleted here, put somewhere there: the later change wins */
    V_LATER_DELETED,  /* in the inbox here, deleted there, nothing agreed: the later wins */
    VERDICTS,
};

/*   agreed            here              absent            inbox            moved deleted Every
 * cell is written; the reasons that are not plain:
 * - never agreed, present there: found after a restore from backup, so neither side is the
 * past.
 * - gone + inbox here: restored here, created anew there.
 * - gone + purged here: what comes back after a purge is left alone. */
static const enum verdict table[4][3][THERE_PLACES] = {
    [AGREED_NEVER] =
        {
            [FOLDER_INBOX] = {V_CREATE, V_AGREE_INBOX, V_AGREE_INBOX, V_LATER_DELETED},
            [FOLDER_DELETED] = {V_NOTHING, V_LATER_INBOX, V_LATER_INBOX, V_AGREE_DELETED},
            [2] = {V_LEAVE, V_LEAVE, V_LEAVE, V_LEAVE},
        },
    [AGREED_INBOX] =
        {
            [FOLDER_INBOX] = {V_VANISHED_THERE, V_AGREE_INBOX, V_AGREE_INBOX, V_DELETED_THERE},
            [FOLDER_DELETED] = {V_AGREE_GONE, V_DELETED_HERE, V_LATER_INBOX, V_AGREE_DELETED},
            [2] = {V_LEAVE, V_PURGED_IF_SAME, V_LEAVE, V_PURGED},
        },
    [AGREED_DELETED] =
        {
            [FOLDER_INBOX] = {V_CREATE, V_AGREE_INBOX, V_AGREE_INBOX, V_RESTORED_HERE},
            [FOLDER_DELETED] = {V_AGREE_GONE, V_RESTORED_THERE, V_RESTORED_THERE,
                                V_AGREE_DELETED},
            [2] = {V_LEAVE, V_LEAVE, V_LEAVE, V_PURGED},
        },
    [AGREED_GONE] =
        {
            [FOLDER_INBOX] = {V_CREATE, V_AGREE_INBOX, V_AGREE_INBOX, V_RESTORED_HERE},
            [FOLDER_DELETED] = {V_AGREE_GONE, V_RESTORED_THERE, V_RESTORED_THERE,
                                V_AGREE_DELETED},
            [2] = {V_LEAVE, V_LEAVE, V_LEAVE, V_LEAVE},
        },
};

struct outcome {
    enum plan_action action;
    enum message_folder folder;
    enum agreed_place place;
    const char *why;
};

static const struct outcome outcomes[VERDICTS] = {
    [V_AGREE_INBOX] = {ACTION_NONE, FOLDER_INBOX, AGREED_INBOX, "both sides agree"},
    [V_AGREE_DELETED] = {ACTION_NONE, FOLDER_DELETED, AGREED_DELETED, "both sides agree"},
    [V_AGREE_GONE] = {ACTION_NONE, FOLDER_DELETED, AGREED_GONE, "deleted on both sides"},
    [V_NOTHING] = {ACTION_NONE, FOLDER_DELETED, AGREED_NEVER, "deleted before it was sent"},
    [V_CREATE] = {ACTION_CREATE, FOLDER_INBOX, AGREED_INBOX,
                  "in the inbox here, not in Exchange"},
    [V_DELETED_THERE] = {ACTION_NONE, FOLDER_DELETED, AGREED_DELETED, "deleted in Exchange"},
    [V_VANISHED_THERE] = {ACTION_NONE, FOLDER_DELETED, AGREED_GONE,
                          "removed in Exchange, or moved to a folder that is not mapped"},
    [V_RESTORED_THERE] = {ACTION_NONE, FOLDER_INBOX, AGREED_INBOX, "restored in Exchange"},
    [V_DELETED_HERE] = {ACTION_MOVE_TO_DELETED, FOLDER_DELETED, AGREED_DELETED, "deleted here"},
    [V_RESTORED_HERE] = {ACTION_MOVE_TO_INBOX, FOLDER_INBOX, AGREED_INBOX, "restored here"},
    [V_PURGED] = {ACTION_REMOVE, FOLDER_PURGED, AGREED_GONE, "purged here"},
    [V_PURGED_IF_SAME] = {ACTION_REMOVE, FOLDER_PURGED, AGREED_GONE, "purged here"},
    [V_LEAVE] = {ACTION_NONE, FOLDER_PURGED, AGREED_GONE,
                 "purged here; left alone in Exchange"},
};

static const char *const action_names[ACTIONS] = {
    [ACTION_NONE] = "none",
    [ACTION_CREATE] = "create",
    [ACTION_MOVE_TO_INBOX] = "move-to-inbox",
    [ACTION_MOVE_TO_DELETED] = "move-to-deleted",
    [ACTION_REMOVE] = "remove",
};

const char *plan_action_name(enum plan_action action)
{
    return action_names[action];
}

/* Did the change here come after the one there? Unknown times: no. */
static bool here_is_later(int64_t here_ms, int64_t there_ms)
{
    return here_ms > 0 && there_ms > 0 && here_ms > there_ms;
}

static enum verdict settle(enum verdict verdict, const struct plan_base *base,
                           const struct plan_here *here, const struct plan_item *item,
                           bool *conflict)
{
    bool here_wins = here_is_later(here->folder_ms, item->modified_ms);

    switch (verdict) {
    case V_LATER_INBOX: *conflict = true; return here_wins ? V_DELETED_HERE : V_RESTORED_THERE;
    case V_LATER_DELETED:
        *conflict = true;
        return here_wins ? V_RESTORED_HERE : V_DELETED_THERE;
    case V_PURGED_IF_SAME:
        return item->read == base->read && item->urgent == base->urgent &&
                       strcmp(item->subject, base->subject) == 0
                   ? V_PURGED
                   : V_LEAVE;
    default: return verdict;
    }
}

/* One field: `agreed` says that there is a past to compare with. */
static enum plan_take take(bool agreed, bool same, bool here_changed, bool there_changed,
                           bool here_later)
{
    if (same)
        return TAKE_NOTHING;
    if (agreed && !there_changed)
        return TAKE_HERE_TO_THERE;
    if (agreed && !here_changed)
        return TAKE_THERE_TO_HERE;
    return here_later ? TAKE_HERE_TO_THERE : TAKE_THERE_TO_HERE;
}

static void plan_fields(struct plan *plan, const struct plan_base *base,
                        const struct plan_here *here, const struct plan_item *item)
{
    bool agreed = base->place != AGREED_NEVER && base->place != AGREED_GONE;

    plan->read =
        take(agreed, here->read == item->read, here->read != base->read,
             item->read != base->read, here_is_later(here->read_ms, item->modified_ms));
    plan->urgent =
        take(agreed, here->urgent == item->urgent, here->urgent != base->urgent,
             item->urgent != base->urgent, here_is_later(here->urgent_ms, item->modified_ms));
    plan->subject = take(agreed, strcmp(here->subject, item->subject) == 0,
                         strcmp(here->subject, base->subject) != 0,
                         strcmp(item->subject, base->subject) != 0,
                         here_is_later(here->subject_ms, item->modified_ms));
}

static int here_index(enum message_folder folder)
{
    return folder == FOLDER_PURGED ? 2 : (int)folder;
}

struct plan plan_make(const struct plan_base *base, const struct plan_here *here,
                      const struct plan_item *item)
{
    struct plan plan = {
        .folder = here->folder, .place = base->place, .why = "not synchronised"};

    if (here->held || here->folder == FOLDER_SENT || base->place == AGREED_DROPPED ||
        base->place == AGREED_SENT)
        return plan;
    enum verdict verdict = settle(table[base->place][here_index(here->folder)][item->there],
                                  base, here, item, &plan.conflict);
    const struct outcome *outcome = &outcomes[verdict];
    plan.action = outcome->action;
    plan.folder = outcome->folder;
    plan.place = outcome->place;
    plan.why = outcome->why;
    if (item->there != THERE_ABSENT && here->folder != FOLDER_PURGED)
        plan_fields(&plan, base, here, item);
    return plan;
}

bool plan_is_quiet(const struct plan *plan, const struct plan_here *here)
{
    return plan->action == ACTION_NONE && plan->folder == here->folder &&
           plan->read == TAKE_NOTHING && plan->urgent == TAKE_NOTHING &&
           plan->subject == TAKE_NOTHING;
}
