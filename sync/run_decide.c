/* The run's judgement: the facts of one message, the plan, the next step. */
#include "sync/run_private.h"

#include <string.h>

#include "base/bug.h"
#include "base/id.h"
#include "base/text.h"
#include "store/audio.h"
#include "queue/deliver.h"
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

static enum remote_place remote_of(enum agreed_place place)
{
    switch (place) {
    case AGREED_DELETED: return REMOTE_DELETED;
    case AGREED_SENT: return REMOTE_SENT;
    default: return REMOTE_INBOX;
    }
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
            (message_set_read(store, work->id, surplus->read, NULL, err) &&
             deliver_read_receipt(store, work->id, err))) &&
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
    /* The one that stays says what its own create was sent with; what was agreed is of this. */
    if (strcmp(work->item.id, work->agreed.item) == 0 && work->agreed.content) {
        work->agreed.content = 0;
        if (!agreed_set(work->run->deps.store, work->id, &work->agreed, err))
            return false;
    }
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
        if (!attempt->open || attempt->how != ATTEMPT_DIRECT || bug(doubt_ignored))
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

    agreed->place = work->message.home == FOLDER_SENT ? AGREED_SENT : AGREED_INBOX;
    agreed->read = attempt->read;
    agreed->urgent = attempt->urgent;
    agreed->content = attempt->content;
    text_copy(agreed->subject, sizeof agreed->subject, attempt->subject);
    text_copy(agreed->folder, sizeof agreed->folder,
              run_root_folder(work->run, remote_of(agreed->place)));
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
    if (bug(adopted_as_found))
        work->agreed.read = work->item.read;
    /* It is there: nothing more is shown. */
    return (!made || !made->open || attempt_close(store, made->creation, err)) &&
           (!staged || attempt_close(store, staged->creation, err));
}

static enum agreed_place seen_place(const struct item_row *item)
{
    switch (item->place) {
    case REMOTE_DELETED: return AGREED_DELETED;
    case REMOTE_SENT: return AGREED_SENT;
    default: return AGREED_INBOX;
    }
}

/* A write of ours went unanswered. What the item shows of it is ours, not a person's: it is
 * agreed. It is remembered until a look that began after its time has seen the item. */
static void agree_on_intent(struct run_work *work)
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
    if (intent->what & INTENT_PLACE && seen_place(item) == intent->place &&
        agreed->place != intent->place) {
        agreed->place = intent->place;
        text_copy(agreed->folder, sizeof agreed->folder, item->folder);
    }
}

static void settle_intent(struct run_work *work, bool present)
{
    struct intent *intent = &work->agreed.intent;

    if (present)
        agree_on_intent(work);
    if (work->run->passes > 0 && work->run->pass_began_ms >= intent->until_ms)
        intent->what = 0;
}

static enum plan_there where(const struct run_work *work, bool present)
{
    if (!present)
        return THERE_ABSENT;
    switch (work->item.place) {
    case REMOTE_DELETED: return THERE_DELETED;
    case REMOTE_SENT: return work->run->deps.sent_items ? THERE_SENT : THERE_ABSENT;
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

/* Without sent items, nothing is said of what was sent; what was agreed of it is remembered. */
static bool is_held(const struct run_work *work)
{
    const struct run *run = work->run;
    bool sent = work->message.folder == FOLDER_SENT || work->agreed.place == AGREED_SENT;

    return message_is_held(&work->message, run->mailbox.hold_transcript) ||
           (sent && !run->deps.sent_items);
}

static struct plan make_plan(const struct run_work *work, enum plan_there there)
{
    const struct message *message = &work->message;
    const struct plan_base base = {work->agreed.place, work->agreed.read, work->agreed.urgent,
                                   work->agreed.subject, work->agreed.content};
    const struct plan_here here = {
        .rule = work->run->rule,
        .folder = message->folder,
        .held = is_held(work) && !bug(held_ignored),
        .read = message->read,
        .urgent = message->urgent,
        .subject = message->subject,
        .folder_ms = stamp_time(message->folder_at).ms,
        .read_ms = stamp_time(message->read_at).ms,
        .urgent_ms = stamp_time(message->urgent_at).ms,
        .subject_ms = stamp_time(message->subject_at).ms,
        .content = message->content_at,
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
         !deliver_read_receipt(store, work->id, err) ||
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

static const char *taken_to(enum message_folder from, enum message_folder to)
{
    if (to == FOLDER_DELETED)
        return "deleted";
    return from == FOLDER_DELETED ? "restored" : "moved";
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
           note(work, taken_to(work->message.folder, plan->folder), plan->why, err);
}

/* ---- what is agreed now, and the next step ---- */

static bool same_agreed(const struct agreed *a, const struct agreed *b)
{
    return a->place == b->place && a->read == b->read && a->urgent == b->urgent &&
           a->refusals == b->refusals && a->intent.what == b->intent.what &&
           a->content == b->content && a->content_until_ms == b->content_until_ms &&
           strcmp(a->subject, b->subject) == 0 && strcmp(a->item, b->item) == 0 &&
           strcmp(a->folder, b->folder) == 0 && strcmp(a->version, b->version) == 0;
}

static void agree(struct run_work *work, const struct plan *plan, enum plan_there there)
{
    struct agreed *agreed = &work->agreed;
    const struct item_row *item = &work->item;

    if (plan->left_alone && there != THERE_ABSENT)
        return;
    if (plan->action == ACTION_NONE)
        agreed->place = plan->place;
    else if (there != THERE_ABSENT)
        agreed->place = seen_place(item);
    if (there == THERE_ABSENT || agreed->place == AGREED_GONE) {
        agreed->item[0] = agreed->folder[0] = agreed->version[0] = '\0';
        agreed->content_until_ms = 0;
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

/* Where a create or a move goes. False: that folder is not there (Sent Items may be missing),
 * and the message waits. */
static bool aim(struct run_work *work, enum agreed_place place)
{
    work->place = place;
    text_copy(work->target, sizeof work->target, run_root_folder(work->run, remote_of(place)));
    if (!work->target[0])
        work->run->result.deferred++;
    return work->target[0] != '\0';
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
    attempt->content = work->message.content_at;
    text_copy(attempt->subject, sizeof attempt->subject, work->message.subject);
    return bug(attempt_not_written) ||
           attempt_begin(run->deps.store, run->mailbox.id, attempt, err);
}

static unsigned intent_of(const struct remote_fields *fields)
{
    return (fields->set_read ? INTENT_READ : 0u) | (fields->set_urgent ? INTENT_URGENT : 0u) |
           (fields->set_subject ? INTENT_SUBJECT : 0u);
}

/* An earlier request may still set something else than this step does: carried out late, it
 * would undo it. */
static bool contradicts_intent(const struct run_work *work)
{
    const struct intent *intent = &work->agreed.intent;
    const struct remote_fields *fields = &work->fields;

    if (work->step == STEP_MOVE)
        return intent->what & INTENT_PLACE && intent->place != work->place;
    return (fields->set_read && intent->what & INTENT_READ && intent->read != fields->read) ||
           (fields->set_urgent && intent->what & INTENT_URGENT &&
            intent->urgent != fields->urgent) ||
           (fields->set_subject && intent->what & INTENT_SUBJECT &&
            strcmp(intent->subject, fields->subject) != 0);
}

static bool wait_for_intent(struct run_work *work)
{
    work->step = STEP_NONE;
    run_wait(work->run, work->agreed.intent.until_ms - store_now(work->run->deps.store).ms);
    work->run->result.deferred++;
    return true;
}

/* Written down before it goes out, as a create is; beside what was intended before and may
 * still take effect. */
static bool intend(struct run_work *work, struct err *err)
{
    struct intent *intent = &work->agreed.intent;
    const struct remote_fields *fields = &work->fields;
    struct store *store = work->run->deps.store;

    if (contradicts_intent(work))
        return wait_for_intent(work);
    work->before = *intent;
    if (work->step == STEP_MOVE) {
        intent->what |= INTENT_PLACE;
        intent->place = work->place;
    }
    if (work->step == STEP_SET) {
        intent->what |= intent_of(fields);
        intent->read = fields->set_read ? fields->read : intent->read;
        intent->urgent = fields->set_urgent ? fields->urgent : intent->urgent;
    }
    if (work->step == STEP_SET && fields->set_subject)
        text_copy(intent->subject, sizeof intent->subject, work->message.subject);
    intent->what = bug(intent_forgotten) ? 0 : intent->what;
    intent->until_ms = store_now(store).ms + work->run->deps.in_doubt_ms;
    return agreed_set(store, work->id, &work->agreed, err);
}

static bool plan_move(struct run_work *work, enum agreed_place place, struct err *err)
{
    if (!aim(work, place))
        return true;
    work->step = STEP_MOVE;
    return intend(work, err);
}

/* While a write without an answer may still take effect there is no rest: what it does after
 * that would pass for the act of a person, or an act of a person for what it does. */
static bool come_to_rest(struct run_work *work, struct err *err)
{
    const struct intent *intent = &work->agreed.intent;

    if (intent->what)
        return wait_for_intent(work);
    return message_mark_clean(work->run->deps.store, work->id, work->message.row, err);
}

/* All else is agreed; the item is to say what is told here. While a rewrite that was not
 * answered may still take effect no other is sent, for it might be the one that stays. */
static bool plan_rewrite(struct run_work *work, struct err *err)
{
    struct run *run = work->run;
    struct agreed *agreed = &work->agreed;
    int64_t now = store_now(run->deps.store).ms;
    bool expired = compose_is_expired(&work->message);

    if (run->result.full && !expired) { /* what drops a recording makes room */
        run->result.deferred++;
        return true;
    }
    if (now < agreed->content_until_ms) {
        run_wait(run, agreed->content_until_ms - now);
        run->result.deferred++;
        return true;
    }
    if (compose_is_decoy(&work->message) && !expired) {
        agreed->content = work->message.content_at; /* it says what it would say now */
        agreed->content_until_ms = 0;
        return agreed_set(run->deps.store, work->id, agreed, err) && come_to_rest(work, err);
    }
    work->step = STEP_REWRITE;
    work->why = expired ? "its recording expired" : "its transcription came or failed";
    agreed->content_until_ms = now + run->deps.in_doubt_ms;
    return agreed_set(run->deps.store, work->id, agreed, err);
}

/* It was there once. A person who moves it to and fro may have hidden it from every look that
 * found it gone; so nothing is made anew before this run has looked everywhere. */
static bool looks_first(struct run_work *work)
{
    struct run *run = work->run;

    if (work->agreed.place == AGREED_NEVER || run->look_began_ms)
        return false;
    run->look_again = true;
    return true;
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
        work->why = work->run->rule == RULE_CONNECTION ? "Connection wins, in a resync"
                                                       : "changed here";
        return intend(work, err);
    }
    switch (plan->action) {
    case ACTION_CREATE:
        return looks_first(work) || !aim(work, plan->place) || plan_create(work, facts, err);
    case ACTION_MOVE_TO_INBOX: return plan_move(work, AGREED_INBOX, err);
    case ACTION_MOVE_TO_SENT: return plan_move(work, AGREED_SENT, err);
    case ACTION_MOVE_TO_DELETED: return plan_move(work, AGREED_DELETED, err);
    case ACTION_REMOVE: work->step = STEP_REMOVE; return true;
    default: break;
    }
    return plan->rewrite ? plan_rewrite(work, err) : come_to_rest(work, err);
}

/* The copy of a user who was removed is gone, and no answer said so: it was lost with us. */
static bool note_erased(struct run_work *work, const struct agreed *before,
                        const struct plan *plan, struct err *err)
{
    bool was_there = before->place != AGREED_NEVER && before->place != AGREED_GONE &&
                     before->place != AGREED_DROPPED;

    return work->run->rule != RULE_ERASE || plan->action != ACTION_NONE || !was_there ||
           history_add(work->run->deps.store, work->id, "exchange", "removed", plan->why, err);
}

bool run_decide(struct run_work *work, struct err *err)
{
    static struct run_facts facts; /* no call is made while it is in use */
    struct store *store = work->run->deps.store;
    bool wait = false;

    work->step = STEP_NONE;
    if (!load(work, &facts, err))
        return false;
    if (bug(resync_forgets) && work->run->job.id)
        work->agreed.place = AGREED_NEVER;
    const struct agreed before = work->agreed;
    if (before.refusals >= LIMIT_SET_ASIDE_AFTER && work->run->rule != RULE_ERASE) {
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
    if (!run_guard_message(work, present, err))
        return false;
    if (present ? !adopt(work, &facts, err) : !settle_attempts(work, &facts, &wait, err))
        return false;
    if (wait) {
        work->run->result.deferred++;
        return true;
    }
    settle_intent(work, present);
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
    if (!take_in(work, &plan, err) || !note_erased(work, &before, &plan, err) ||
        (!same_agreed(&before, &work->agreed) &&
         !agreed_set(store, work->id, &work->agreed, err)))
        return false;
    /* Taking in changed the row: what is sent, and when it is clean, goes by the new one. */
    return message_get(store, work->id, &work->message, err) &&
           next_step(work, &plan, &facts, err);
}
