#include "sync/scheduler_private.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/id.h"
#include "base/text.h"
#include "queue/wording.h"
#include "store/alarm.h"
#include "store/mapping.h"
#include "sync/account.h"

enum {
    FIRST_LOOK_MS = 20, /* at start mailboxes are looked at this far apart */
};

static void look(void *arg);

void scheduler_give_up(struct scheduler *scheduler, const struct err *err)
{
    log_error(scheduler->deps.log, "%s", err->text);
    scheduler->draining = true;
    if (scheduler->deps.fatal)
        scheduler->deps.fatal(err, scheduler->deps.arg);
}

/* Begin a transaction, or treat the failure: a busy store is tried again with the next poll. */
bool scheduler_begin(struct scheduler *scheduler)
{
    struct err err;

    if (store_begin(scheduler->deps.store, &err))
        return true;
    if (err.kind == ERR_IO)
        scheduler_give_up(scheduler, &err);
    else
        log_warning(scheduler->deps.log, "%s", err.text);
    return false;
}

bool scheduler_commit(struct scheduler *scheduler, bool ok, struct err *err)
{
    if (ok && store_commit(scheduler->deps.store, err))
        return true;
    store_rollback(scheduler->deps.store);
    if (err->kind == ERR_IO)
        scheduler_give_up(scheduler, err);
    else
        log_warning(scheduler->deps.log, "%s", err->text);
    return false;
}

/* Nothing is under way any more: nobody needs to tell us of changes either. */
void scheduler_drained(struct scheduler *scheduler)
{
    loop_fn *idle = scheduler->idle;

    scheduler->idle = NULL;
    subscriptions_stop(scheduler->subscriptions, idle, scheduler->idle_arg);
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
            !scheduler_begin(scheduler))
            continue;
        if (scheduler_commit(scheduler, write_alarm(scheduler, lane, wanted, &err), &err))
            lane->alarm = wanted;
    }
}

/* Nobody wrote anything since all that was due had been started, and nothing became due. */
static bool is_quiet(struct scheduler *scheduler)
{
    struct store *store = scheduler->deps.store;

    return scheduler->seen_version && store_version(store) == scheduler->seen_version &&
           (!scheduler->seen_due_ms || store_now(store).ms < scheduler->seen_due_ms);
}

static bool all_may_start(const struct scheduler *scheduler)
{
    struct mono now = loop_now(scheduler->deps.loop);

    for (int i = 0; i < scheduler->lanes.count; i++) {
        if (!lane_may_start(&scheduler->lanes.lane[i], now))
            return false;
    }
    return true;
}

static void start_all(struct scheduler *scheduler)
{
    int64_t version;

    scheduler_save_waiting(scheduler);
    do
        version = store_version(scheduler->deps.store);
    while (!scheduler->draining && scheduler_start_next(scheduler));
    /* What waits for an account's turn may begin without anybody writing anything. */
    scheduler->seen_version = all_may_start(scheduler) ? version : 0;
}

static void look(void *arg)
{
    struct scheduler *scheduler = arg;
    struct err err;

    if (scheduler->draining)
        return;
    look_at_accounts(scheduler);
    if (!is_quiet(scheduler))
        start_all(scheduler);
    if (scheduler->draining)
        return;
    if (!store_checkpoint(scheduler->deps.store, &err) && err.kind == ERR_IO)
        scheduler_give_up(scheduler, &err);
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
    wording_read(deps->config, &scheduler->book);
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
    scheduler_save_waiting(scheduler);
    scheduler->idle = idle;
    scheduler->idle_arg = arg;
    if (scheduler->running == 0)
        scheduler_drained(scheduler);
}

void scheduler_free(struct scheduler **scheduler)
{
    struct scheduler *s = *scheduler;

    if (s) {
        for (int i = 0; s->slots && i < s->lanes.runs; i++) {
            run_cancel(&s->slots[i].run);
            dry_free(&s->slots[i].dry);
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
