/* What came of a step: recorded in one transaction, so that the next plan starts from the
 * truth. */
#include "sync/run_private.h"

#include <stdio.h>
#include <string.h>

#include "base/bug.h"
#include "base/text.h"
#include "store/alarm.h"
#include "store/history.h"

static void take_ref(struct run_work *work, const struct remote_ref *ref)
{
    text_copy(work->item.id, sizeof work->item.id, ref->id);
    text_copy(work->item.version, sizeof work->item.version, ref->version);
    text_copy(work->agreed.item, sizeof work->agreed.item, ref->id);
    text_copy(work->agreed.version, sizeof work->agreed.version, ref->version);
}

static void take_fields(struct run_work *work)
{
    const struct remote_fields *sent = &work->fields;

    if (sent->set_read)
        work->agreed.read = work->item.read = sent->read;
    if (sent->set_urgent)
        work->agreed.urgent = work->item.urgent = sent->urgent;
    if (sent->set_subject) {
        text_copy(work->agreed.subject, sizeof work->agreed.subject, sent->subject);
        text_copy(work->item.subject, sizeof work->item.subject, sent->subject);
    }
}

static void take_created(struct run_work *work)
{
    struct item_row *item = &work->item;
    const struct attempt *attempt = &work->attempt;

    memset(item, 0, sizeof *item);
    item->place = work->place == AGREED_SENT ? REMOTE_SENT : REMOTE_INBOX;
    text_copy(item->message, sizeof item->message, work->id);
    text_copy(item->creation, sizeof item->creation, attempt->creation);
    text_copy(item->subject, sizeof item->subject, attempt->subject);
    item->read = attempt->read;
    item->urgent = attempt->urgent;
    item->created_ms = item->modified_ms = attempt->sent_ms;
    work->agreed.read = attempt->read;
    work->agreed.urgent = attempt->urgent;
    work->agreed.content = attempt->content;
    text_copy(work->agreed.subject, sizeof work->agreed.subject, attempt->subject);
}

static void take_folder(struct run_work *work)
{
    text_copy(work->item.folder, sizeof work->item.folder, work->target);
    text_copy(work->agreed.folder, sizeof work->agreed.folder, work->target);
    work->agreed.place = work->place;
}

static bool note(struct run_work *work, const char *what, struct err *err)
{
    return history_add(work->run->deps.store, work->id, "exchange", what, work->why, err);
}

/* What was done is certain now. What an earlier request was to do is not, also when it was the
 * same: it may still take effect, after another change. */
static void forget_intent(struct run_work *work)
{
    struct intent *intent = &work->agreed.intent;
    bool writes = work->step == STEP_SET || work->step == STEP_MOVE;

    intent->what = writes ? intent->what & work->before.what : 0;
    intent->until_ms = work->before.until_ms;
}

/* An item that is there (still, or now): put it into the mirror and agree on it. */
static bool record_item(struct run_work *work, const char *old_id, const char *what,
                        struct err *err)
{
    struct store *store = work->run->deps.store;

    work->agreed.refusals = 0;
    forget_intent(work);
    return item_put_own(store, work->run->mailbox.id, old_id, &work->item, err) &&
           agreed_set(store, work->id, &work->agreed, err) && note(work, what, err);
}

/* It says what was told here when the step was planned. An intent that is open stays so: this
 * says nothing about it. */
static bool record_rewritten(struct run_work *work, const char *old_id, struct err *err)
{
    struct store *store = work->run->deps.store;

    work->agreed.refusals = 0;
    work->agreed.content = work->message.content_at;
    work->agreed.content_until_ms = 0;
    return item_put_own(store, work->run->mailbox.id, old_id, &work->item, err) &&
           agreed_set(store, work->id, &work->agreed, err) && note(work, "rewritten", err);
}

static bool record_removed(struct run_work *work, struct err *err)
{
    struct store *store = work->run->deps.store;
    bool known;

    if (!item_drop(store, work->run->mailbox.id, work->item.id, "", &known, err) ||
        !note(work, "removed", err))
        return false;
    if (work->step == STEP_REMOVE_SURPLUS)
        return true;
    work->agreed.place = AGREED_GONE;
    work->agreed.item[0] = work->agreed.folder[0] = work->agreed.version[0] = '\0';
    return agreed_set(store, work->id, &work->agreed, err);
}

/* "read, subject" */
static void name_fields(const struct remote_fields *set, char *out, size_t size)
{
    snprintf(out, size, "%s%s%s",
             !set->set_read ? ""
             : set->read    ? ", read"
                            : ", unread",
             !set->set_urgent ? ""
             : set->urgent    ? ", urgent"
                              : ", normal",
             set->set_subject ? ", subject" : "");
    memmove(out, out + 2, strlen(out) - 1);
}

static const char *moved_to(enum agreed_place place)
{
    switch (place) {
    case AGREED_DELETED: return "moved to Deleted Items";
    case AGREED_SENT: return "moved to Sent Items";
    default: return "moved to the Inbox";
    }
}

static bool record_done(struct run_work *work, const struct remote_ref *ref, struct err *err)
{
    struct run_result *result = &work->run->result;
    struct store *store = work->run->deps.store;
    char old_id[LIMIT_REMOTE_ID], what[LIMIT_EVENT];

    text_copy(old_id, sizeof old_id, work->item.id);
    switch (work->step) {
    case STEP_SET:
        take_ref(work, ref);
        take_fields(work);
        result->updated++;
        name_fields(&work->fields, what, sizeof what);
        return record_item(work, old_id, what, err);
    case STEP_CREATE:
        take_created(work);
        take_ref(work, ref);
        take_folder(work);
        result->created++;
        return attempt_close(store, work->attempt.creation, err) &&
               alarm_clear(store, ALARM_MESSAGE_SET_ASIDE, work->run->mailbox.id, work->id,
                           err) &&
               record_item(work, "", "created", err);
    case STEP_STAGE:
    case STEP_PUBLISH: return run_stage_done(work, ref, err);
    case STEP_MOVE:
        take_ref(work, ref);
        take_folder(work);
        result->moved++;
        return record_item(work, old_id, moved_to(work->place), err);
    case STEP_REWRITE:
        take_ref(work, ref);
        result->updated++;
        return record_rewritten(work, old_id, err);
    case STEP_REMOVE:
    case STEP_REMOVE_SURPLUS: result->removed++; return record_removed(work, err);
    case STEP_NONE: break;
    }
    return true;
}

/* ---- failures ---- */

bool run_refuse(struct run_work *work, const struct err *said, struct err *err)
{
    struct store *store = work->run->deps.store;
    const char *mailbox = work->run->mailbox.id;
    char text[LIMIT_REASON];

    work->agreed.refusals++;
    if (!agreed_set(store, work->id, &work->agreed, err))
        return false;
    if (work->agreed.refusals < LIMIT_SET_ASIDE_AFTER) {
        work->run->result.again = work->run->result.count_attempt = true;
        return true;
    }
    snprintf(text, sizeof text, "Exchange refuses the message %s: %.400s", work->id,
             said->text);
    log_error(&work->run->log, "set aside after %d refusals: %s", work->agreed.refusals, text);
    return queue_set_aside(store, mailbox, work->id, said->text, err) &&
           alarm_raise(store, ALARM_MESSAGE_SET_ASIDE, mailbox, work->id, text, err) &&
           history_add(store, work->id, "exchange", "refused", said->text, err);
}

static bool is_refusal(const struct err *err)
{
    return err->scope == ERR_SCOPE_ITEM && err->when == ERR_WHEN_NEVER &&
           err->effect == ERR_EFFECT_NONE && err->kind != ERR_FULL;
}

/* It was not done: forgotten, but not what an earlier request may have done; that, too, makes
 * an item go from where it is looked for. It may have been: remembered until its time, from
 * now, has passed. */
static bool settle_intent(struct run_work *work, const struct err *said, struct err *err)
{
    struct intent *intent = &work->agreed.intent;

    if (!intent->what || (work->step != STEP_SET && work->step != STEP_MOVE))
        return true;
    if (said->effect == ERR_EFFECT_NONE)
        *intent = work->before;
    else
        intent->until_ms = store_now(work->run->deps.store).ms + work->run->deps.in_doubt_ms;
    return agreed_set(work->run->deps.store, work->id, &work->agreed, err);
}

/* The same for a rewrite. */
static bool settle_rewrite(struct run_work *work, const struct err *said, struct err *err)
{
    struct store *store = work->run->deps.store;

    if (work->step != STEP_REWRITE)
        return true;
    work->agreed.content_until_ms =
        said->effect == ERR_EFFECT_NONE ? 0 : store_now(store).ms + work->run->deps.in_doubt_ms;
    return agreed_set(store, work->id, &work->agreed, err);
}

static bool record_failed(struct run_work *work, const struct err *said, struct err *err)
{
    struct run *run = work->run;
    struct store *store = run->deps.store;
    bool staged = work->step == STEP_STAGE || work->step == STEP_PUBLISH;
    bool known;

    if (staged)
        return run_stage_failed(work, said, err) &&
               (said->kind == ERR_GONE || !is_refusal(said) || run_refuse(work, said, err));
    if (work->step == STEP_CREATE &&
        (said->effect == ERR_EFFECT_NONE || bug(lost_answer_closes)) &&
        !attempt_close(store, work->attempt.creation, err))
        return false;
    /* It went out when its turn came, not when it was planned: its time is counted from now. */
    if (work->step == STEP_CREATE && said->effect == ERR_EFFECT_UNKNOWN &&
        !attempt_extend(store, work->attempt.creation,
                        store_now(store).ms + run->deps.in_doubt_ms, err))
        return false;
    if (!settle_intent(work, said, err) || !settle_rewrite(work, said, err))
        return false;
    if (said->kind == ERR_GONE && work->step != STEP_CREATE) {
        run->look_again = true;
        return item_drop(store, run->mailbox.id, work->item.id, "", &known, err);
    }
    return !is_refusal(said) || run_refuse(work, said, err);
}

/* What the failure means for the run, beside what was written down. */
static void judge(struct run_work *work, const struct err *said)
{
    struct run *run = work->run;

    if (said->kind == ERR_FULL) {
        run->result.full = true;
        run->result.deferred++;
        return;
    }
    if (is_refusal(said))
        return;
    if (said->kind == ERR_GONE || said->kind == ERR_CONFLICT) {
        run->look_again = true;
        return;
    }
    bool stopped = run->stop;
    run_fail(run, said);
    if (work->step == STEP_CREATE && said->effect == ERR_EFFECT_UNKNOWN &&
        run->result.again_ms < run->deps.in_doubt_ms)
        run->result.again_ms = 0; /* a look may find it before its time is over */
    /* One message's own trouble does not hold up the others. */
    if (said->scope == ERR_SCOPE_ITEM)
        run->stop = stopped;
}

/* Removing what is not there is done. */
static bool is_done(const struct run_work *work, const struct err *said)
{
    bool removal = work->step == STEP_REMOVE || work->step == STEP_REMOVE_SURPLUS;

    return said->kind == ERR_OK || (removal && said->kind == ERR_GONE);
}

bool run_record(struct run_work *work, const struct err *said, const struct remote_ref *ref,
                struct err *err)
{
    if (is_done(work, said)) {
        work->open = work->open && !bug(clean_after_step);
        return record_done(work, ref, err) &&
               (!bug(clean_after_step) ||
                (message_get(work->run->deps.store, work->id, &work->message, err) &&
                 message_mark_clean(work->run->deps.store, work->id, work->message.row, err)));
    }
    log_debug(&work->run->log, "message %s: %s (effect %s)", work->id, said->text,
              said->effect == ERR_EFFECT_UNKNOWN ? "unknown" : "none");
    work->open = false; /* it is looked at again in another pass or run */
    judge(work, said);
    return record_failed(work, said, err);
}
