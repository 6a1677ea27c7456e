#include "sync/plan.h"

#include <assert.h>
#include <string.h>

#include "base/bug.h"

/* ---- what the table looks at ---- */

/* What was agreed, and what is here: kept is in the inbox or among what was sent. */
enum past { PAST_NONE, PAST_KEPT, PAST_DELETED, PAST_GONE, PASTS };
enum here { HERE_KEPT, HERE_DELETED, HERE_PURGED, HERES };

/* Where it is there, seen from what was agreed: moved is kept, too, but by a person's hand in
 * another folder than was agreed. */
enum there { NOWHERE, KEPT, MOVED, DELETED, THERES };

static const enum past pasts[AGREED_PLACES] = {
    [AGREED_NEVER] = PAST_NONE,      [AGREED_INBOX] = PAST_KEPT, [AGREED_SENT] = PAST_KEPT,
    [AGREED_DELETED] = PAST_DELETED, [AGREED_GONE] = PAST_GONE,  [AGREED_DROPPED] = PAST_NONE,
};

static const enum here heres[FOLDERS] = {
    [FOLDER_INBOX] = HERE_KEPT,
    [FOLDER_SENT] = HERE_KEPT,
    [FOLDER_DELETED] = HERE_DELETED,
    [FOLDER_PURGED] = HERE_PURGED,
};

static enum there seen_there(enum agreed_place agreed, enum plan_there there)
{
    switch (there) {
    case THERE_INBOX: return agreed == AGREED_SENT ? MOVED : KEPT;
    case THERE_SENT: return agreed == AGREED_INBOX ? MOVED : KEPT;
    case THERE_MOVED: return MOVED;
    case THERE_DELETED: return DELETED;
    default: return NOWHERE;
    }
}

/* ---- the table ---- */

/* What the table says for a cell. */
enum verdict {
    V_AGREE_KEPT,     /* kept on both sides */
    V_AGREE_DELETED,  /* both have it deleted */
    V_AGREE_GONE,     /* deleted here, not there */
    V_NOTHING,        /* deleted here before it ever went out */
    V_CREATE,         /* kept here, and not yet there */
    V_DELETED_THERE,  /* a person deleted it there: delete here; moved here meanwhile: the later
                       */
    V_VANISHED_THERE, /* hard-deleted, or moved where nothing is mapped: delete here */
    V_RESTORED_THERE, /* came back there: restore here */
    V_DELETED_HERE,   /* deleted here: move to Deleted Items */
    V_RESTORED_HERE,  /* restored here: move back to where it is kept */
    V_PURGED,         /* purged here, in Deleted Items there: remove */
    V_PURGED_IF_SAME, /* purged here: remove there unless a person changed it there */
    V_LEAVE,          /* purged here, and a person's own there now: leave it alone */
    V_LATER_KEPT,     /* deleted here, put somewhere there: the later change wins */
    V_LATER_DELETED,  /* kept here, deleted there, nothing agreed: the later wins */
    V_ERASE,          /* the user was removed: remove */
    V_ERASED,         /* the user was removed, nothing is there */
    VERDICTS,
};

/*  agreed, here:      nowhere, kept, moved, deleted there. Every cell is written; the reasons
 *                     that are not plain:
 * - never agreed, present there: found after a restore from backup, so neither side is the
 * past.
 * - gone, kept here: restored here, created anew there.
 * - gone, purged here: what comes back after a purge is left alone. */
static const enum verdict table[PASTS][HERES][THERES] =
    {
        [PAST_NONE] =
            {
                [HERE_KEPT] = {V_CREATE, V_AGREE_KEPT, V_AGREE_KEPT, V_LATER_DELETED},
                [HERE_DELETED] = {V_NOTHING, V_LATER_KEPT, V_LATER_KEPT, V_AGREE_DELETED},
                [HERE_PURGED] = {V_LEAVE, V_LEAVE, V_LEAVE, V_LEAVE},
            },
        [PAST_KEPT] =
            {
                [HERE_KEPT] = {V_VANISHED_THERE, V_AGREE_KEPT, V_AGREE_KEPT, V_DELETED_THERE},
                [HERE_DELETED] = {V_AGREE_GONE, V_DELETED_HERE, V_LATER_KEPT, V_AGREE_DELETED},
                [HERE_PURGED] = {V_LEAVE, V_PURGED_IF_SAME, V_LEAVE, V_PURGED},
            },
        [PAST_DELETED] =
            {
                [HERE_KEPT] = {V_CREATE, V_AGREE_KEPT, V_AGREE_KEPT, V_RESTORED_HERE},
                [HERE_DELETED] = {V_AGREE_GONE, V_RESTORED_THERE, V_RESTORED_THERE,
                                  V_AGREE_DELETED},
                [HERE_PURGED] = {V_LEAVE, V_LEAVE, V_LEAVE, V_PURGED},
            },
        [PAST_GONE] =
            {
                [HERE_KEPT] = {V_CREATE, V_AGREE_KEPT, V_AGREE_KEPT, V_RESTORED_HERE},
                [HERE_DELETED] = {V_AGREE_GONE, V_RESTORED_THERE, V_RESTORED_THERE,
                                  V_AGREE_DELETED},
                [HERE_PURGED] = {V_LEAVE, V_LEAVE, V_LEAVE, V_LEAVE},
            },
};

/* RULE_CONNECTION: what was agreed says nothing. What is purged here is in the table above. */
static const enum verdict connection[HERE_PURGED][THERES] = {
    [HERE_KEPT] = {V_CREATE, V_AGREE_KEPT, V_AGREE_KEPT, V_RESTORED_HERE},
    [HERE_DELETED] = {V_AGREE_GONE, V_DELETED_HERE, V_DELETED_HERE, V_AGREE_DELETED},
};

/* What both sides are to have in the end. END_KEPT: in the inbox or sent, see kept_in. */
enum end { END_KEPT, END_DELETED, END_GONE, END_NEVER, END_PURGED, END_ERASED };

struct outcome {
    enum end end;
    enum plan_action action; /* a move to where it is kept is added by place_kept */
    const char *why;
};

static const struct outcome outcomes[VERDICTS] = {
    [V_AGREE_KEPT] = {END_KEPT, ACTION_NONE, "both sides agree"},
    [V_AGREE_DELETED] = {END_DELETED, ACTION_NONE, "both sides agree"},
    [V_AGREE_GONE] = {END_GONE, ACTION_NONE, "deleted on both sides"},
    [V_NOTHING] = {END_NEVER, ACTION_NONE, "deleted before it was sent"},
    [V_CREATE] = {END_KEPT, ACTION_CREATE, "kept here, not in Exchange"},
    [V_DELETED_THERE] = {END_DELETED, ACTION_NONE, "deleted in Exchange"},
    [V_VANISHED_THERE] = {END_GONE, ACTION_NONE,
                          "removed in Exchange, or moved to a folder that is not mapped"},
    [V_RESTORED_THERE] = {END_KEPT, ACTION_NONE, "restored in Exchange"},
    [V_DELETED_HERE] = {END_DELETED, ACTION_MOVE_TO_DELETED, "deleted here"},
    [V_RESTORED_HERE] = {END_KEPT, ACTION_NONE, "restored here"},
    [V_PURGED] = {END_PURGED, ACTION_REMOVE, "purged here"},
    [V_LEAVE] = {END_PURGED, ACTION_NONE, "purged here; left alone in Exchange"},
    [V_ERASE] = {END_ERASED, ACTION_REMOVE, "its user was removed"},
    [V_ERASED] = {END_ERASED, ACTION_NONE, "its user was removed"},
};

static const char *const action_names[ACTIONS] = {
    [ACTION_NONE] = "none",
    [ACTION_CREATE] = "create",
    [ACTION_MOVE_TO_INBOX] = "move-to-inbox",
    [ACTION_MOVE_TO_SENT] = "move-to-sent",
    [ACTION_MOVE_TO_DELETED] = "move-to-deleted",
    [ACTION_REMOVE] = "remove",
};

const char *plan_action_name(enum plan_action action)
{
    return action_names[action];
}

/* ---- who is later ---- */

/* Did the change here come after the one there? Unknown times: no. */
static bool is_later(int64_t here_ms, int64_t there_ms)
{
    return here_ms > 0 && there_ms > 0 && (here_ms > there_ms) != bug(earlier_wins);
}

static bool folder_is_later(const struct plan_here *here, const struct plan_item *item)
{
    return is_later(here->folder_ms, item->modified_ms);
}

/* Was it moved here from the one place where it is kept to the other? */
static bool was_moved_here(const struct plan_base *base, const struct plan_here *here)
{
    return (base->place == AGREED_INBOX && here->folder == FOLDER_SENT) ||
           (base->place == AGREED_SENT && here->folder == FOLDER_INBOX);
}

static bool is_unchanged_there(const struct plan_base *base, const struct plan_item *item)
{
    return item->read == base->read && item->urgent == base->urgent &&
           strcmp(item->subject, base->subject) == 0;
}

/* A verdict that hangs on more than the places becomes one that does not. */
static enum verdict settle(enum verdict verdict, const struct plan_base *base,
                           const struct plan_here *here, const struct plan_item *item,
                           bool *conflict)
{
    switch (verdict) {
    case V_LATER_KEPT:
        *conflict = true;
        return folder_is_later(here, item) ? V_DELETED_HERE : V_RESTORED_THERE;
    case V_DELETED_THERE:
    case V_LATER_DELETED:
        if (verdict == V_DELETED_THERE && !was_moved_here(base, here))
            return verdict;
        *conflict = true;
        return folder_is_later(here, item) ? V_RESTORED_HERE : V_DELETED_THERE;
    case V_VANISHED_THERE: return bug(vanished_made_anew) ? V_CREATE : verdict;
    case V_PURGED_IF_SAME: return is_unchanged_there(base, item) ? V_PURGED : V_LEAVE;
    default: return verdict;
    }
}

static enum verdict judge(const struct plan_base *base, const struct plan_here *here,
                          const struct plan_item *item, bool *conflict)
{
    enum here at = heres[here->folder];
    enum there there = seen_there(base->place, item->there);

    if (here->rule == RULE_ERASE)
        return there == NOWHERE ? V_ERASED : V_ERASE;
    if (here->rule == RULE_CONNECTION && at != HERE_PURGED)
        return connection[at][there];
    return settle(table[pasts[base->place]][at][there], base, here, item, conflict);
}

/* ---- where it is kept ---- */

static bool is_kept_there(enum plan_there there)
{
    return there == THERE_INBOX || there == THERE_MOVED || there == THERE_SENT;
}

/* Inbox or sent, for what is to be kept on both sides. Kept on one side now: as it is there. On
 * both: the rule of every field. */
static enum message_folder kept_in(const struct plan_base *base, const struct plan_here *here,
                                   const struct plan_item *item, bool *conflict)
{
    enum message_folder there = item->there == THERE_SENT ? FOLDER_SENT : FOLDER_INBOX;

    if (!is_kept_there(item->there))
        return here->folder;
    if (heres[here->folder] != HERE_KEPT || there == here->folder)
        return there;
    if (here->rule == RULE_CONNECTION)
        return here->folder;
    if (pasts[base->place] == PAST_KEPT && !was_moved_here(base, here))
        return there;
    if (pasts[base->place] == PAST_KEPT && item->there != THERE_MOVED)
        return here->folder;
    *conflict = true;
    return folder_is_later(here, item) ? here->folder : there;
}

static void place_kept(struct plan *plan, const struct plan_base *base,
                       const struct plan_here *here, const struct plan_item *item)
{
    plan->folder = kept_in(base, here, item, &plan->conflict);
    bool sent = plan->folder == FOLDER_SENT;
    plan->place = sent ? AGREED_SENT : AGREED_INBOX;
    if (plan->action == ACTION_CREATE)
        return;
    if (!is_kept_there(item->there) || sent != (item->there == THERE_SENT)) {
        plan->action = sent ? ACTION_MOVE_TO_SENT : ACTION_MOVE_TO_INBOX;
        if (is_kept_there(item->there))
            plan->why = "moved here";
    } else if (plan->folder != here->folder && heres[here->folder] == HERE_KEPT) {
        plan->why = "moved in Exchange";
    }
}

/* ---- the other fields ---- */

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
    enum past past = pasts[base->place];
    bool agreed = (past == PAST_KEPT || past == PAST_DELETED) && !bug(base_ignored);
    bool wins = here->rule == RULE_CONNECTION;

    plan->read = take(agreed, here->read == item->read, here->read != base->read,
                      !wins && item->read != base->read,
                      wins || is_later(here->read_ms, item->modified_ms));
    plan->urgent = take(agreed, here->urgent == item->urgent, here->urgent != base->urgent,
                        !wins && item->urgent != base->urgent,
                        wins || is_later(here->urgent_ms, item->modified_ms));
    plan->subject = take(agreed, strcmp(here->subject, item->subject) == 0,
                         strcmp(here->subject, base->subject) != 0,
                         !wins && strcmp(item->subject, base->subject) != 0,
                         wins || is_later(here->subject_ms, item->modified_ms));
}

/* ---- the plan ---- */

static void place(struct plan *plan, enum message_folder folder, enum agreed_place agreed)
{
    plan->folder = folder;
    plan->place = agreed;
}

struct plan plan_make(const struct plan_base *base, const struct plan_here *here,
                      const struct plan_item *item)
{
    struct plan plan = {
        .folder = here->folder, .place = base->place, .why = "not synchronised"};

    plan.left_alone = here->rule != RULE_ERASE && (here->held || base->place == AGREED_DROPPED);
    if (plan.left_alone)
        return plan;
    const struct outcome *outcome = &outcomes[judge(base, here, item, &plan.conflict)];
    plan.action = outcome->action;
    plan.why = outcome->why;
    switch (outcome->end) {
    case END_KEPT: place_kept(&plan, base, here, item); break;
    case END_DELETED: place(&plan, FOLDER_DELETED, AGREED_DELETED); break;
    case END_GONE:
        place(&plan, bug(vanished_purged) ? FOLDER_PURGED : FOLDER_DELETED, AGREED_GONE);
        break;
    case END_NEVER: place(&plan, FOLDER_DELETED, AGREED_NEVER); break;
    case END_PURGED: place(&plan, FOLDER_PURGED, AGREED_GONE); break;
    case END_ERASED: place(&plan, here->folder, AGREED_GONE); return plan;
    }
    if (item->there != THERE_ABSENT && here->folder != FOLDER_PURGED) {
        plan_fields(&plan, base, here, item);
        /* Only this side ever changes what is told. */
        plan.rewrite = base->content != here->content && !bug(rewrite_forgotten);
    }
    return plan;
}

bool plan_is_quiet(const struct plan *plan, const struct plan_here *here)
{
    return plan->action == ACTION_NONE && plan->folder == here->folder &&
           plan->read == TAKE_NOTHING && plan->urgent == TAKE_NOTHING &&
           plan->subject == TAKE_NOTHING && !plan->rewrite;
}
