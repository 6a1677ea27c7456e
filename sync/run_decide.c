/* The run's judgement: the facts of one message, the plan, the next step. */
#include "sync/run_private.h"

#include <string.h>

#include "base/id.h"
#include "base/text.h"
#include "store/audio.h"
#include "store/history.h"
#include "sync/compose.h"

static bool load(struct run_work *work, struct run_facts *facts, struct err *err)
{
    struct store *store = work->run->deps.store;
    const char *mailbox = work->run->mailbox.id;

    return message_get(store, work->id, &work->message, err) &&
           agreed_get(store, work->id, &work->agreed, err) &&
           item_list(store, mailbox, work->id, facts->items, CHOOSE_ITEMS_MAX,
                     &facts->item_count, err) &&
           attempt_list(store, work->id, facts->attempts, CHOOSE_ATTEMPTS_MAX,
                        &facts->attempt_count, err);
}

const char *run_root_folder(const struct run *run, enum remote_place place)
{
    for (int i = 0; i < run->folder_count; i++) {
        if (run->folders[i].root && run->folders[i].place == (int)place)
            return run->folders[i].id;
    }
    return "";
}

/* ---- surplus creations ---- */

/* What a person did to the one that goes counts: it becomes a change here, which the plan then
 * carries to the one that stays. */
static bool inherit(struct run_work *work, const struct item_row *surplus,
                    const struct run_facts *facts, struct err *err)
{
    struct store *store = work->run->deps.store;
    const struct attempt *made =
        choose_attempt(surplus->creation, facts->attempts, facts->attempt_count);

    if (!made || work->message.folder == FOLDER_PURGED)
        return true;
    return (surplus->read == made->read ||
            message_set_read(store, work->id, surplus->read, NULL, err)) &&
           (surplus->urgent == made->urgent ||
            message_set_urgent(store, work->id, surplus->urgent, NULL, err)) &&
           (strcmp(surplus->subject, made->subject) == 0 ||
            message_set_subject(store, work->id, surplus->subject, NULL, err)) &&
           (surplus->place != REMOTE_DELETED ||
            message_set_folder(store, work->id, FOLDER_DELETED, NULL, err));
}

static bool plan_surplus(struct run_work *work, const struct run_facts *facts, struct err *err)
{
    work->item = facts->items[facts->choice.remove[0]];
    work->step = STEP_REMOVE_SURPLUS;
    work->why = "created twice by this system; one is kept";
    return inherit(work, &work->item, facts, err);
}

/* ---- whether a create is in doubt ---- */

void run_wait(struct run *run, int64_t ms)
{
    ms = ms > 1 ? ms : 1;
    run->result.again = true;
    if (!run->result.again_ms || ms < run->result.again_ms)
        run->result.again_ms = ms;
}

/* There is no item. Is a create in one request still under way? Ends those that a look after
 * their time did not find. *wait: leave the message alone for now. */
static bool settle_attempts(struct run_work *work, struct run_facts *facts, bool *wait,
                            struct err *err)
{
    struct run *run = work->run;

    for (int i = 0; i < facts->attempt_count; i++) {
        struct attempt *attempt = &facts->attempts[i];
        if (!attempt->open || attempt->how != ATTEMPT_DIRECT)
            continue;
        if (run->passes < RUN_PASSES_IN_DOUBT ||
            run->look_began_ms < attempt->unknown_until_ms) {
            run_wait(run, attempt->unknown_until_ms - store_now(run->deps.store).ms);
            *wait = true;
            continue;
        }
        if (!attempt_lapse(run->deps.store, attempt->creation, err))
            return false;
        attempt->open = false;
        attempt->lapsed = true;
    }
    return run_stage_settle(work, facts, wait, err);
}

/* ---- the past ---- */

void run_agree_on_attempt(struct run_work *work, const struct attempt *attempt)
{
    struct agreed *agreed = &work->agreed;

    agreed->place = AGREED_INBOX;
    agreed->read = attempt->read;
    agreed->urgent = attempt->urgent;
    text_copy(agreed->subject, sizeof agreed->subject, attempt->subject);
    text_copy(agreed->folder, sizeof agreed->folder, run_root_folder(work->run, REMOTE_INBOX));
}

/* The item is there; was it us who made it, in an attempt whose answer never came? Then what
 * was agreed is what the attempt sent, and what differs from that was done by a person since.
 */
static bool adopt(struct run_work *work, struct run_facts *facts, struct err *err)
{
    struct store *store = work->run->deps.store;
    const struct attempt *staged = run_stage_under_way(facts);
    const struct attempt *made =
        choose_attempt(work->item.creation, facts->attempts, facts->attempt_count);

    if (made && (made->open || staged || work->agreed.place == AGREED_NEVER))
        run_agree_on_attempt(work, made);
    /* It is there: nothing more is shown. */
    return (!made || !made->open || attempt_close(store, made->creation, err)) &&
           (!staged || attempt_close(store, staged->creation, err));
}

/* A write of ours went unanswered. What the item shows of it is ours, not a person's: it is
 * agreed. It is remembered until a look that began after its time has seen the item. */
static void settle_intent(struct run_work *work)
{
    struct agreed *agreed = &work->agreed;
    const struct item_row *item = &work->item;
    struct intent *intent = &agreed->intent;

    if (intent->what & INTENT_READ && item->read == intent->read)
        agreed->read = item->read;
    if (intent->what & INTENT_URGENT && item->urgent == intent->urgent)
        agreed->urgent = item->urgent;
    if (intent->what & INTENT_SUBJECT && strcmp(item->subject, intent->subject) == 0)
        text_copy(agreed->subject, sizeof agreed->subject, item->subject);
    bool deleted = item->place == REMOTE_DELETED;
    if (intent->what & INTENT_PLACE && deleted == (intent->place == AGREED_DELETED) &&
        agreed->place != intent->place) {
        agreed->place = intent->place;
        text_copy(agreed->folder, sizeof agreed->folder, item->folder);
    }
    if (work->run->passes > 0 && work->run->pass_began_ms >= intent->until_ms)
        intent->what = 0;
}

static enum plan_there where(const struct run_work *work, bool present)
{
    if (!present)
        return THERE_ABSENT;
    switch (work->item.place) {
    case REMOTE_DELETED: return THERE_DELETED;
    case REMOTE_INBOX:
    case REMOTE_BELOW:
    case REMOTE_JUNK:
        return work->agreed.place == AGREED_INBOX && work->agreed.folder[0] &&
                       strcmp(work->agreed.folder, work->item.folder) != 0
                   ? THERE_MOVED
                   : THERE_INBOX;
    default: return THERE_ABSENT;
    }
}

static struct plan make_plan(const struct run_work *work, enum plan_there there)
{
    const struct message *message = &work->message;
    const struct plan_base base = {work->agreed.place, work->agreed.read, work->agreed.urgent,
                                   work->agreed.subject};
    const struct plan_here here = {
        .folder = message->folder,
        .held = message->dispatch,
        .read = message->read,
        .urgent = message->urgent,
        .subject = message->subject,
        .folder_ms = stamp_time(message->folder_at).ms,
        .read_ms = stamp_time(message->read_at).ms,
        .urgent_ms = stamp_time(message->urgent_at).ms,
        .subject_ms = stamp_time(message->subject_at).ms,
    };
    const struct plan_item item = {.there = there,
                                   .read = work->item.read,
                                   .urgent = work->item.urgent,
                                   .subject = work->item.subject,
                                   .modified_ms = work->item.modified_ms};

    return plan_make(&base, &here, &item);
}

/* ---- taking in ---- */

static bool note(struct run_work *work, const char *what, const char *why, struct err *err)
{
    work->run->result.taken_in++;
    return history_add(work->run->deps.store, work->id, "connection", what, why, err);
}

static bool take_in_fields(struct run_work *work, const struct plan *plan, struct err *err)
{
    struct store *store = work->run->deps.store;
    const struct item_row *item = &work->item;

    if (plan->read == TAKE_THERE_TO_HERE &&
        (!message_set_read(store, work->id, item->read, NULL, err) ||
         !note(work, item->read ? "read" : "unread", "changed in Exchange", err)))
        return false;
    if (plan->urgent == TAKE_THERE_TO_HERE &&
        (!message_set_urgent(store, work->id, item->urgent, NULL, err) ||
         !note(work, item->urgent ? "urgent" : "normal", "changed in Exchange", err)))
        return false;
    if (plan->subject == TAKE_THERE_TO_HERE &&
        (!message_set_subject(store, work->id, item->subject, NULL, err) ||
         !note(work, "subject", "changed in Exchange", err)))
        return false;
    return true;
}

static bool take_in(struct run_work *work, const struct plan *plan, struct err *err)
{
    if (!take_in_fields(work, plan, err))
        return false;
    if (plan->conflict &&
        !history_add(work->run->deps.store, work->id, "connection", "conflict", plan->why, err))
        return false;
    if (plan->folder == work->message.folder)
        return true;
    return message_set_folder(work->run->deps.store, work->id, plan->folder, NULL, err) &&
           note(work, plan->folder == FOLDER_INBOX ? "restored" : "deleted", plan->why, err);
}

/* ---- what is agreed now, and the next step ---- */

static bool same_agreed(const struct agreed *a, const struct agreed *b)
{
    return a->place == b->place && a->read == b->read && a->urgent == b->urgent &&
           a->refusals == b->refusals && a->intent.what == b->intent.what &&
           strcmp(a->subject, b->subject) == 0 && strcmp(a->item, b->item) == 0 &&
           strcmp(a->folder, b->folder) == 0 && strcmp(a->version, b->version) == 0;
}

static void agree(struct run_work *work, const struct plan *plan, enum plan_there there)
{
    struct agreed *agreed = &work->agreed;
    const struct item_row *item = &work->item;

    if (plan->action == ACTION_NONE)
        agreed->place = plan->place;
    else if (there != THERE_ABSENT)
        agreed->place = there == THERE_DELETED ? AGREED_DELETED : AGREED_INBOX;
    if (there == THERE_ABSENT || agreed->place == AGREED_GONE) {
        agreed->item[0] = agreed->folder[0] = agreed->version[0] = '\0';
        return;
    }
    agreed->read = item->read;
    agreed->urgent = item->urgent;
    text_copy(agreed->subject, sizeof agreed->subject, item->subject);
    text_copy(agreed->item, sizeof agreed->item, item->id);
    text_copy(agreed->folder, sizeof agreed->folder, item->folder);
    text_copy(agreed->version, sizeof agreed->version, item->version);
}

/* Never an item without its audio. */
static bool audio_is_there(const struct run_work *work, struct err *err)
{
    char path[LIMIT_PATH];

    return !compose_has_audio(&work->message) ||
           audio_path(work->run->deps.store, work->message.audio, path, err);
}

static bool plan_create(struct run_work *work, struct run_facts *facts, struct err *err)
{
    struct run *run = work->run;
    struct attempt *attempt = &work->attempt;
    int64_t now = store_now(run->deps.store).ms;

    if (run->result.full) { /* creates wait for room; reads and deletions go on */
        run->result.deferred++;
        work->step = STEP_NONE;
        return true;
    }
    struct err said;
    if (!audio_is_there(work, &said)) {
        work->step = STEP_NONE;
        return run_refuse(work, &said, err);
    }
    text_copy(work->target, sizeof work->target, run_root_folder(run, REMOTE_INBOX));
    work->place = AGREED_INBOX;
    if (run_stage_must(run, facts))
        return run_stage_plan(work, facts, err);
    work->step = STEP_CREATE;
    memset(attempt, 0, sizeof *attempt);
    id_new(attempt->creation);
    text_copy(attempt->message, sizeof attempt->message, work->id);
    attempt->sent_ms = now;
    attempt->unknown_until_ms = now + run->deps.in_doubt_ms;
    attempt->open = true;
    attempt->read = work->message.read;
    attempt->urgent = work->message.urgent;
    text_copy(attempt->subject, sizeof attempt->subject, work->message.subject);
    return attempt_begin(run->deps.store, run->mailbox.id, attempt, err);
}

static void plan_move(struct run_work *work, enum remote_place place, enum agreed_place agreed)
{
    work->step = STEP_MOVE;
    work->place = agreed;
    text_copy(work->target, sizeof work->target, run_root_folder(work->run, place));
}

/* Written down before it goes out, as a create is. */
static bool intend(struct run_work *work, struct err *err)
{
    struct intent *intent = &work->agreed.intent;
    const struct remote_fields *fields = &work->fields;
    struct store *store = work->run->deps.store;

    memset(intent, 0, sizeof *intent);
    if (work->step == STEP_MOVE) {
        intent->what = INTENT_PLACE;
        intent->place = work->place;
    } else {
        intent->what = (fields->set_read ? INTENT_READ : 0u) |
                       (fields->set_urgent ? INTENT_URGENT : 0u) |
                       (fields->set_subject ? INTENT_SUBJECT : 0u);
        intent->read = fields->read;
        intent->urgent = fields->urgent;
        text_copy(intent->subject, sizeof intent->subject, work->message.subject);
    }
    intent->until_ms = store_now(store).ms + work->run->deps.in_doubt_ms;
    return agreed_set(store, work->id, &work->agreed, err);
}

static bool next_step(struct run_work *work, const struct plan *plan, struct run_facts *facts,
                      struct err *err)
{
    const struct message *message = &work->message;

    work->why = plan->why;
    work->fields = (struct remote_fields){
        .set_read = plan->read == TAKE_HERE_TO_THERE,
        .read = message->read,
        .set_urgent = plan->urgent == TAKE_HERE_TO_THERE,
        .urgent = message->urgent,
        .set_subject = plan->subject == TAKE_HERE_TO_THERE,
        .subject = work->message.subject,
    };
    if (work->fields.set_read || work->fields.set_urgent || work->fields.set_subject) {
        work->step = STEP_SET;
        return intend(work, err);
    }
    switch (plan->action) {
    case ACTION_CREATE: return plan_create(work, facts, err);
    case ACTION_MOVE_TO_INBOX:
        plan_move(work, REMOTE_INBOX, AGREED_INBOX);
        return intend(work, err);
    case ACTION_MOVE_TO_DELETED:
        plan_move(work, REMOTE_DELETED, AGREED_DELETED);
        return intend(work, err);
    case ACTION_REMOVE: work->step = STEP_REMOVE; return true;
    default: break;
    }
    return message_mark_clean(work->run->deps.store, work->id, message->row, err);
}

bool run_decide(struct run_work *work, struct err *err)
{
    static struct run_facts facts; /* no call is made while it is in use */
    struct store *store = work->run->deps.store;
    bool wait = false;

    work->step = STEP_NONE;
    if (!load(work, &facts, err))
        return false;
    const struct agreed before = work->agreed;
    if (before.refusals >= LIMIT_SET_ASIDE_AFTER) {
        work->run->result.deferred++;
        return true;
    }
    facts.choice = choose_item(facts.items, facts.item_count, work->agreed.item, facts.attempts,
                               facts.attempt_count);
    if (facts.choice.remove_count > 0)
        return plan_surplus(work, &facts, err);
    bool present = facts.choice.keep >= 0;
    memset(&work->item, 0, sizeof work->item);
    if (present)
        work->item = facts.items[facts.choice.keep];
    if (present ? !adopt(work, &facts, err) : !settle_attempts(work, &facts, &wait, err))
        return false;
    if (wait) {
        work->run->result.deferred++;
        return true;
    }
    if (present)
        settle_intent(work);
    enum plan_there there = where(work, present);
    struct plan plan = make_plan(work, there);
    if (!present && plan.action != ACTION_CREATE &&
        !run_stage_abandon(work, &facts, &wait, err))
        return false;
    if (wait) {
        work->run->result.deferred++;
        return true;
    }
    agree(work, &plan, there);
    if (!take_in(work, &plan, err) || (!same_agreed(&before, &work->agreed) &&
                                       !agreed_set(store, work->id, &work->agreed, err)))
        return false;
    /* Taking in changed the row: what is sent, and when it is clean, goes by the new one. */
    return message_get(store, work->id, &work->message, err) &&
           next_step(work, &plan, &facts, err);
}
