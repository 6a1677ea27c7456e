#include "sync/scheduler.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/text.h"
#include "store/alarm.h"
#include "store/mapping.h"
#include "sync/account.h"
#include "sync/late.h"
#include "sync/outcome.h"
#include "sync/subscriptions.h"

enum {
    FIRST_LOOK_MS = 20, /* at start mailboxes are looked at this far apart */
    SWEEP_JITTER_PERCENT = 10,
    HOLD_JITTER_PERCENT = 20, /* later than a mailbox was told to come back, never sooner */
    HOLD_JITTER_MAX_MS = 60 * 1000,
    ACCOUNT_AGAIN_MS = 10 * 1000, /* an account failed, but is not held (yet) */
};

struct slot {
    struct scheduler *scheduler;
    struct lane *lane;
    struct run *run; /* NULL: free */
    struct remote *remote;
    struct mailbox mailbox;
    int attempts;
    bool ended;
};

struct scheduler {
    struct scheduler_deps deps;
    char owner[LIMIT_UUID];
    struct rng rng;
    struct loop_timer *poll;
    struct subscriptions *subscriptions;
    struct late *late;
    struct lanes lanes;
    struct slot *slots;
    int running;
    bool draining;
    loop_fn *idle;
    void *idle_arg;
};

static void look(void *arg);

static void give_up(struct scheduler *scheduler, const struct err *err)
{
    log_error(scheduler->deps.log, "%s", err->text);
    scheduler->draining = true;
    if (scheduler->deps.fatal)
        scheduler->deps.fatal(err, scheduler->deps.arg);
}

/* Begin a transaction, or treat the failure: a busy store is tried again with the next poll. */
static bool begin(struct scheduler *scheduler)
{
    struct err err;

    if (store_begin(scheduler->deps.store, &err))
        return true;
    if (err.kind == ERR_IO)
        give_up(scheduler, &err);
    else
        log_warning(scheduler->deps.log, "%s", err.text);
    return false;
}

static bool commit(struct scheduler *scheduler, bool ok, struct err *err)
{
    if (ok && store_commit(scheduler->deps.store, err))
        return true;
    store_rollback(scheduler->deps.store);
    if (err->kind == ERR_IO)
        give_up(scheduler, err);
    else
        log_warning(scheduler->deps.log, "%s", err->text);
    return false;
}

/* ---- after a run ---- */

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
    count(scheduler, "taken-in", result->taken_in);
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

/* Nothing is under way any more: nobody needs to tell us of changes either. */
static void drained(struct scheduler *scheduler)
{
    loop_fn *idle = scheduler->idle;

    scheduler->idle = NULL;
    subscriptions_stop(scheduler->subscriptions, idle, scheduler->idle_arg);
}

static void release(struct slot *slot)
{
    struct scheduler *scheduler = slot->scheduler;

    slot->run = NULL;
    remote_free(&slot->remote);
    scheduler->running--;
    if (scheduler->draining && scheduler->running == 0 && scheduler->idle) {
        drained(scheduler);
        return;
    }
    loop_timer_set(scheduler->poll, 0);
}

static void ended(const struct run_result *result, void *arg)
{
    struct slot *slot = arg;
    struct scheduler *scheduler = slot->scheduler;
    struct outcome outcome = outcome_of(result);
    struct subscriptions_said said;
    struct err err;

    report(slot, result);
    lanes_look(&scheduler->lanes, loop_now(scheduler->deps.loop));
    lane_ended(&scheduler->lanes, slot->lane, outcome.of_account,
               loop_now(scheduler->deps.loop));
    subscriptions_after(scheduler->subscriptions, &slot->mailbox, result->subscribed, &said);
    if (outcome.fatal)
        give_up(scheduler, &result->err);
    else if (begin(scheduler))
        commit(scheduler,
               write_state(slot, result, &outcome, said.text, &err) &&
                   write_alarms(slot, &outcome, result->err.text, &err) &&
                   write_queue(slot, result, &outcome, said.sweep_ms, &err),
               &err);
    release(slot);
}

/* ---- before a run ---- */

/* There is one: the lane had room when the mailbox was claimed. */
static struct slot *free_slot(struct scheduler *scheduler, struct lane *lane)
{
    for (int i = 0; i < scheduler->lanes.runs; i++) {
        if (scheduler->slots[i].lane == lane && !scheduler->slots[i].run)
            return &scheduler->slots[i];
    }
    return NULL;
}

static bool may_claim(const char *exchange, void *arg)
{
    struct scheduler *scheduler = arg;
    const struct lane *lane = lanes_of(&scheduler->lanes, scheduler->deps.config, exchange);

    return lane_may_start(lane, loop_now(scheduler->deps.loop));
}

static struct run_deps run_deps_for(struct scheduler *scheduler,
                                    const struct config_exchange *exchange)
{
    const struct config *config = scheduler->deps.config;
    return (struct run_deps){
        .loop = scheduler->deps.loop,
        .store = scheduler->deps.store,
        .log = scheduler->deps.log,
        .item_class = exchange->item_class,
        .in_doubt_ms = account_in_doubt_ms(exchange),
        .sent_items = config->sync.sent_items,
        .guard_count = config->sync.guard_count,
        .guard_percent = config->sync.guard_percent,
    };
}

/* The mailbox cannot be run as it is configured: recorded as a run that ended so. */
static void fail_start(struct slot *slot, struct err *err)
{
    struct run_result result = {.err = *err, .again = true, .count_attempt = true};

    result.err.scope = ERR_SCOPE_MAILBOX;
    result.err.when = ERR_WHEN_NEVER;
    slot->scheduler->running++;
    lane_started(slot->lane);
    ended(&result, slot);
}

static void start(struct slot *slot, const struct queue_claim *claim)
{
    struct scheduler *scheduler = slot->scheduler;
    const struct config_exchange *exchange =
        config_exchange(scheduler->deps.config, slot->mailbox.exchange);
    struct err err;

    slot->attempts = claim->attempts;
    if (!exchange) {
        err_set(&err, ERR_CONFIG, "there is no section [exchange \"%s\"] in the configuration",
                slot->mailbox.exchange);
        fail_start(slot, &err);
        return;
    }
    slot->remote = scheduler->deps.open_remote(&slot->mailbox, scheduler->deps.arg, &err);
    if (!slot->remote) {
        fail_start(slot, &err);
        return;
    }
    struct run_deps deps = run_deps_for(scheduler, exchange);
    subscriptions_order(scheduler->subscriptions, &slot->mailbox, &deps.watch);
    slot->run = run_start(&deps, slot->remote, &slot->mailbox, claim->reasons, ended, slot);
    if (!slot->run) {
        err_set(&err, ERR_SYSTEM, "out of memory");
        fail_start(slot, &err);
        return;
    }
    scheduler->running++;
    lane_started(slot->lane);
}

/* Claim one mailbox. *runnable false: it was claimed and let go again, nothing to run. */
static bool claim_one(struct scheduler *scheduler, struct mailbox *mailbox,
                      struct queue_claim *claim, bool *runnable, struct err *err)
{
    const struct queue_claimer claimer = {scheduler->owner, may_claim, scheduler};
    struct store *store = scheduler->deps.store;
    struct mailbox_state state;
    bool found = false;

    *runnable = false;
    if (!queue_claim_next(store, &claimer, claim, &found, err) || !found)
        return err->kind == ERR_OK || found;
    if (!mailbox_get(store, claim->mailbox, mailbox, err))
        return err->kind == ERR_NO_MAILBOX &&
               queue_done(store, scheduler->owner, claim->mailbox, err);
    if (!mailbox_state_get(store, claim->mailbox, &state, err))
        return false;
    *runnable = scheduler->deps.config->sync.single_inbox && mailbox->single_inbox &&
                !mailbox->removed && state.condition != MAILBOX_SUSPENDED;
    return *runnable || queue_done(store, scheduler->owner, claim->mailbox, err);
}

/* Start what is due while there is room. False: nothing (more) is due. */
static bool start_next(struct scheduler *scheduler)
{
    const struct queue_claimer claimer = {scheduler->owner, may_claim, scheduler};
    struct queue_claim claim = {.mailbox = ""};
    struct mailbox mailbox;
    bool runnable = false;
    int64_t due;
    struct err err;

    err_clear(&err);
    if (!queue_next_due(scheduler->deps.store, &claimer, &due, &err) || !due ||
        due > store_now(scheduler->deps.store).ms || !begin(scheduler))
        return false;
    if (!commit(scheduler, claim_one(scheduler, &mailbox, &claim, &runnable, &err), &err))
        return false;
    if (runnable) {
        struct lane *lane =
            lanes_of(&scheduler->lanes, scheduler->deps.config, mailbox.exchange);
        struct slot *slot = free_slot(scheduler, lane);
        slot->mailbox = mailbox;
        start(slot, &claim);
    }
    return claim.mailbox[0] != '\0';
}

/* ---- accounts ---- */

static bool write_alarm(struct scheduler *scheduler, const struct lane *lane,
                        enum lane_alarm wanted, struct err *err)
{
    static const char *const names[] = {[LANE_UNAVAILABLE] = ALARM_EXCHANGE_UNAVAILABLE,
                                        [LANE_REFUSED] = ALARM_ACCOUNT_REFUSED};
    struct store *store = scheduler->deps.store;
    char text[LIMIT_REASON];

    for (enum lane_alarm alarm = LANE_UNAVAILABLE; alarm <= LANE_REFUSED; alarm++) {
        if (alarm != wanted && !alarm_clear(store, names[alarm], "", lane->exchange->name, err))
            return false;
    }
    if (wanted == LANE_QUIET)
        return true;
    snprintf(text, sizeof text,
             wanted == LANE_REFUSED ? "Exchange %s refuses the account, which is tried once an "
                                      "hour, or at once with a new password file: %.340s"
                                    : "Exchange %s cannot be reached: %.420s",
             lane->exchange->name, lane->health.cause);
    return alarm_raise(store, names[wanted], "", lane->exchange->name, text, err);
}

/* Alarms follow how the accounts stand: written when that changes, not oftener. */
static void look_at_accounts(struct scheduler *scheduler)
{
    struct mono now = loop_now(scheduler->deps.loop);
    struct err err;

    lanes_look(&scheduler->lanes, now);
    for (int i = 0; i < scheduler->lanes.count; i++) {
        struct lane *lane = &scheduler->lanes.lane[i];
        enum lane_alarm wanted = lane_wants_alarm(lane, now);
        if (!scheduler->deps.health || !lane->exchange || wanted == lane->alarm ||
            !begin(scheduler))
            continue;
        if (commit(scheduler, write_alarm(scheduler, lane, wanted, &err), &err))
            lane->alarm = wanted;
    }
}

static void look(void *arg)
{
    struct scheduler *scheduler = arg;
    struct err err;

    if (scheduler->draining)
        return;
    look_at_accounts(scheduler);
    while (!scheduler->draining && start_next(scheduler)) {
    }
    if (scheduler->draining)
        return;
    if (!store_checkpoint(scheduler->deps.store, &err) && err.kind == ERR_IO)
        give_up(scheduler, &err);
    loop_timer_set(scheduler->poll, TIME_POLL_MS);
}

/* ---- life ---- */

struct first_look {
    struct scheduler *scheduler;
    char (*ids)[LIMIT_UUID];
    size_t count, cap;
};

static bool collect(const struct mailbox *mailbox, void *arg)
{
    struct first_look *first = arg;

    if (!mailbox->single_inbox)
        return true;
    if (first->count == first->cap) {
        size_t cap = first->cap ? first->cap * 2 : 64;
        void *grown = realloc(first->ids, cap * sizeof *first->ids);
        if (!grown)
            return false;
        first->ids = grown;
        first->cap = cap;
    }
    text_copy(first->ids[first->count++], LIMIT_UUID, mailbox->id);
    return true;
}

/* Creates that an earlier process left open may have gone out up to the moment of its death. */
static int64_t longest_doubt(const struct scheduler *scheduler)
{
    const struct config *config = scheduler->deps.config;
    int64_t longest = 0;

    for (size_t i = 0; i < config->exchange_count; i++) {
        int64_t doubt = account_in_doubt_ms(&config->exchange[i]);
        longest = doubt > longest ? doubt : longest;
    }
    return longest;
}

static bool look_at_all(struct scheduler *scheduler, struct err *err)
{
    struct store *store = scheduler->deps.store;
    struct first_look first = {.scheduler = scheduler};

    bool ok = mailbox_each(store, collect, &first, err) && store_begin(store, err);
    if (ok) {
        ok = queue_recover(store, scheduler->owner, err) &&
             attempt_extend(store, "", store_now(store).ms + longest_doubt(scheduler), err);
        for (size_t i = 0; ok && i < first.count; i++)
            ok = queue_push(store, first.ids[i], QUEUE_SWEEP,
                            (int64_t)rng_below(&scheduler->rng, first.count * FIRST_LOOK_MS),
                            err);
        ok = ok && store_commit(store, err);
        store_rollback(store);
    }
    free(first.ids);
    return ok;
}

static void wake(void *arg)
{
    scheduler_poke(arg);
}

static struct subscriptions *open_subscriptions(struct scheduler *scheduler, struct err *err)
{
    const struct scheduler_deps *deps = &scheduler->deps;
    const struct subscriptions_deps own = {
        .loop = deps->loop,
        .store = deps->store,
        .config = deps->config,
        .log = deps->log,
        .seed = deps->seed + 1,
        .open_remote = deps->open_remote,
        .open_stream = deps->open_stream,
        .arg = deps->arg,
        .wake = wake,
        .wake_arg = scheduler,
    };

    return subscriptions_new(&own, err);
}

static void open_slots(struct scheduler *scheduler)
{
    const struct scheduler_deps *deps = &scheduler->deps;
    struct lanes *lanes = &scheduler->lanes;
    int at = 0;

    lanes_init(lanes, deps->config, deps->max_runs, deps->health, deps->arg);
    scheduler->slots = calloc((size_t)lanes->runs, sizeof *scheduler->slots);
    for (int i = 0; scheduler->slots && i < lanes->count; i++) {
        for (int n = 0; n < lanes->lane[i].share; n++)
            scheduler->slots[at++] =
                (struct slot){.scheduler = scheduler, .lane = &lanes->lane[i]};
    }
}

struct scheduler *scheduler_new(const struct scheduler_deps *deps, struct err *err)
{
    struct scheduler *scheduler = calloc(1, sizeof *scheduler);
    if (!scheduler) {
        err_set(err, ERR_SYSTEM, "out of memory");
        return NULL;
    }
    scheduler->deps = *deps;
    scheduler->rng = rng_seed(deps->seed);
    id_new(scheduler->owner);
    open_slots(scheduler);
    scheduler->poll = loop_timer_new(deps->loop, look, scheduler);
    err_clear(err);
    scheduler->subscriptions = open_subscriptions(scheduler, err);
    scheduler->late = late_new(deps->loop, deps->store, deps->config, deps->log);
    if (!scheduler->slots || !scheduler->poll || !scheduler->subscriptions ||
        !scheduler->late || !look_at_all(scheduler, err)) {
        if (err->kind == ERR_OK)
            err_set(err, ERR_SYSTEM, "out of memory");
        scheduler_free(&scheduler);
        return NULL;
    }
    loop_timer_set(scheduler->poll, 0);
    return scheduler;
}

void scheduler_poke(struct scheduler *scheduler)
{
    if (!scheduler->draining)
        loop_timer_set(scheduler->poll, 0);
}

int scheduler_running(const struct scheduler *scheduler)
{
    return scheduler->running;
}

void scheduler_drain(struct scheduler *scheduler, loop_fn *idle, void *arg)
{
    scheduler->draining = true;
    scheduler->idle = idle;
    scheduler->idle_arg = arg;
    if (scheduler->running == 0)
        drained(scheduler);
}

void scheduler_free(struct scheduler **scheduler)
{
    struct scheduler *s = *scheduler;

    if (s) {
        for (int i = 0; s->slots && i < s->lanes.runs; i++) {
            run_cancel(&s->slots[i].run);
            remote_free(&s->slots[i].remote);
        }
        loop_timer_free(&s->poll);
        late_free(&s->late);
        subscriptions_free(&s->subscriptions);
        free(s->slots);
        free(s);
    }
    *scheduler = NULL;
}
