/* What came of a run, or of a dry run: the state of the mailbox, alarms, the queue. */
#include "sync/scheduler_private.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "store/alarm.h"
#include "sync/account.h"
#include "sync/notice.h"
#include "sync/outcome.h"

enum {
    SWEEP_JITTER_PERCENT = 10,
    HOLD_JITTER_PERCENT = 20, /* later than a mailbox was told to come back, never sooner */
    HOLD_JITTER_MAX_MS = 60 * 1000,
    ACCOUNT_AGAIN_MS = 10 * 1000, /* an account failed, but is not held (yet) */
};

static void count(struct scheduler *scheduler, const char *counter, long add)
{
    if (scheduler->deps.count && add)
        scheduler->deps.count(counter, add, scheduler->deps.arg);
}

static void report(struct slot *slot, const struct run_result *result)
{
    struct scheduler *scheduler = slot->scheduler;
    const struct log_ctx ctx = {scheduler->deps.log, "mailbox", slot->mailbox.name};
    int changes =
        result->created + result->updated + result->moved + result->removed + result->taken_in;

    count(scheduler, "runs", 1);
    count(scheduler, "created", result->created);
    count(scheduler, "taken_in", result->taken_in);
    if (result->err.kind != ERR_OK)
        log_warning(&ctx, "run ended early: %s", result->err.text);
    if (changes)
        log_info(&ctx,
                 "run: created %d, updated %d, moved %d, removed %d, taken in %d, looks %d",
                 result->created, result->updated, result->moved, result->removed,
                 result->taken_in, result->looks);
    else
        log_debug(&ctx, "run: nothing to do, looks %d", result->looks);
}

static bool write_alarms(struct slot *slot, const struct outcome *outcome, const char *reason,
                         struct err *err)
{
    static const char *const names[] = {ALARM_MAILBOX_PARKED, ALARM_MAILBOX_SUSPENDED,
                                        ALARM_MAILBOX_FULL};
    struct store *store = slot->scheduler->deps.store;
    char text[LIMIT_REASON];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        bool raised = outcome->alarm && strcmp(outcome->alarm, names[i]) == 0;
        if (!raised && !alarm_clear(store, names[i], slot->mailbox.id, NULL, err))
            return false;
    }
    if (!outcome->alarm)
        return true;
    snprintf(text, sizeof text, "mailbox %s: %.420s", slot->mailbox.name,
             reason[0] ? reason : "the Exchange mailbox is full; new messages wait here");
    return alarm_raise(store, outcome->alarm, slot->mailbox.id, "", text, err);
}

static bool write_state(struct slot *slot, const struct run_result *result,
                        const struct outcome *outcome, const char *notify, struct err *err)
{
    struct store *store = slot->scheduler->deps.store;
    struct mailbox_state state;
    int64_t now = store_now(store).ms;

    if (!mailbox_state_get(store, slot->mailbox.id, &state, err))
        return false;
    /* An administrator suspended it while it ran: that stands. */
    if (state.condition != MAILBOX_SUSPENDED || outcome->condition == MAILBOX_SUSPENDED) {
        state.condition = outcome->condition;
        text_copy(state.reason, sizeof state.reason,
                  outcome->condition == MAILBOX_OK ? "" : result->err.text);
    }
    text_copy(state.last_error, sizeof state.last_error, result->err.text);
    text_copy(state.notify, sizeof state.notify, notify);
    state.last_run_ms = now;
    if (result->err.kind == ERR_OK)
        state.last_ok_ms = now;
    return mailbox_state_set(store, slot->mailbox.id, &state, err);
}

/* Never before the time that was asked for, and many mailboxes not at the same moment. */
static int64_t later(struct scheduler *scheduler, int64_t delay_ms)
{
    int64_t most = delay_ms * HOLD_JITTER_PERCENT / 100;

    if (most > HOLD_JITTER_MAX_MS)
        most = HOLD_JITTER_MAX_MS;
    return delay_ms + (int64_t)rng_below(&scheduler->rng, (uint64_t)most + 1);
}

/* Rows of an account that is held stay due: they are not claimed before it is well. */
static int64_t account_delay(struct slot *slot, const struct outcome *outcome)
{
    int64_t delay = outcome->again_ms > ACCOUNT_AGAIN_MS ? outcome->again_ms : ACCOUNT_AGAIN_MS;

    return lane_is_held(slot->lane) ? 0 : later(slot->scheduler, delay);
}

static bool write_queue(struct slot *slot, const struct run_result *result,
                        const struct outcome *outcome, int64_t sweep_ms, struct err *err)
{
    struct scheduler *scheduler = slot->scheduler;
    struct store *store = scheduler->deps.store;
    const char *id = slot->mailbox.id;

    if (!outcome->again)
        return queue_done(store, scheduler->owner, id, err) &&
               (outcome->condition == MAILBOX_SUSPENDED ||
                queue_push(store, id, QUEUE_SWEEP,
                           rng_jitter(&scheduler->rng, sweep_ms, SWEEP_JITTER_PERCENT), err));
    if (outcome->of_account)
        return queue_give_back(store, scheduler->owner, id, account_delay(slot, outcome),
                               result->err.text, err);
    int64_t delay = outcome->again_ms;
    if (!delay || (outcome->hold && result->err.when == ERR_WHEN_BACK_OFF)) {
        int64_t own = queue_back_off(slot->attempts, &scheduler->rng);
        delay = delay > own ? delay : own;
    }
    if (outcome->hold)
        delay = later(scheduler, delay);
    return queue_again(store, scheduler->owner, id, delay, outcome->count_attempt,
                       result->err.text, err) &&
           (!outcome->hold || queue_not_before(store, id, store_now(store).ms + delay, err));
}

static void release(struct slot *slot)
{
    struct scheduler *scheduler = slot->scheduler;

    slot->run = NULL;
    remote_free(&slot->remote);
    scheduler->running--;
    if (scheduler->draining && scheduler->running == 0 && scheduler->idle) {
        scheduler_drained(scheduler);
        return;
    }
    loop_timer_set(scheduler->poll, 0);
}

/* (tx) What else is wished of the mailbox stays as it was; a wish for a resync stays when there
 * is another job. */
static bool end_dry_wish(struct slot *slot, struct err *err)
{
    struct scheduler *scheduler = slot->scheduler;
    struct store *store = scheduler->deps.store;
    const char *id = slot->mailbox.id;
    struct job job;
    bool run, dry;

    if (!job_open_run(store, id, &job, &run, err) || !job_open_dry(store, id, &job, &dry, err))
        return false;
    return run || dry ? queue_give_back(store, scheduler->owner, id, 0, "", err)
                      : queue_done_one(store, scheduler->owner, id, QUEUE_RESYNC, err);
}

/* What came of a dry run, or why there was none. */
static bool save_dry(struct slot *slot)
{
    struct scheduler *scheduler = slot->scheduler;
    struct store *store = scheduler->deps.store;
    struct err err;

    return scheduler_begin(scheduler) &&
           scheduler_commit(
               scheduler,
               (slot->dry ? dry_write(slot->dry, &err)
                          : dry_fail(store, &slot->dry_job, slot->result.err.text, &err)) &&
                   end_dry_wish(slot, &err),
               &err);
}

/* What came of the run, in one transaction. */
static bool save_run(struct slot *slot)
{
    struct scheduler *scheduler = slot->scheduler;
    const struct run_result *result = &slot->result;
    struct outcome outcome = outcome_of(result);
    struct err err;

    return scheduler_begin(scheduler) &&
           scheduler_commit(
               scheduler,
               write_state(slot, result, &outcome, slot->said.text, &err) &&
                   write_alarms(slot, &outcome, result->err.text, &err) &&
                   notice_write(scheduler->deps.store, &slot->mailbox, result, &err) &&
                   write_queue(slot, result, &outcome, slot->said.sweep_ms, &err),
               &err);
}

static bool save(struct slot *slot)
{
    return slot->dry_job.id ? save_dry(slot) : save_run(slot);
}

static void close_slot(struct slot *slot)
{
    struct lanes *lanes = &slot->scheduler->lanes;
    struct mono now = loop_now(slot->scheduler->deps.loop);

    slot->unsaved = false;
    slot->dry_job.id = 0;
    dry_free(&slot->dry);
    lanes_look(lanes, now);
    lane_ended(lanes, slot->lane, outcome_of(&slot->result).of_account, now);
    release(slot);
}

/* What cannot be written now (the disk is full, say) is written later: the mailbox is claimed
 * until then, and nobody else would let it go. */
static void close_or_wait(struct slot *slot)
{
    struct scheduler *scheduler = slot->scheduler;

    if (slot->unsaved && !scheduler->draining)
        loop_timer_set(scheduler->poll, TIME_POLL_MS);
    else
        close_slot(slot);
}

void scheduler_run_ended(const struct run_result *result, void *arg)
{
    struct slot *slot = arg;
    struct scheduler *scheduler = slot->scheduler;

    slot->run = NULL;
    slot->result = *result;
    report(slot, result);
    subscriptions_after(scheduler->subscriptions, &slot->mailbox, result->subscribed,
                        &slot->said);
    if (outcome_of(result).fatal)
        scheduler_give_up(scheduler, &result->err);
    else
        slot->unsaved = !save(slot);
    close_or_wait(slot);
}

void scheduler_dry_failed(struct slot *slot, const struct err *why)
{
    slot->scheduler->running++;
    lane_started(slot->lane);
    slot->result = (struct run_result){.err = *why};
    slot->result.err.scope = ERR_SCOPE_MAILBOX;
    slot->unsaved = !save(slot);
    close_or_wait(slot);
}

void scheduler_dry_ended(void *arg)
{
    struct slot *slot = arg;

    slot->result = (struct run_result){.again = false};
    slot->unsaved = !save(slot);
    close_or_wait(slot);
}

void scheduler_save_waiting(struct scheduler *scheduler)
{
    for (int i = 0; i < scheduler->lanes.runs; i++) {
        struct slot *slot = &scheduler->slots[i];
        if (slot->unsaved && (save(slot) || scheduler->draining))
            close_slot(slot);
    }
}
