/* Which mailbox comes next, and what begins with it: a run, or a dry run. */
#include "sync/scheduler_private.h"

#include "store/watch.h"
#include "sync/account.h"

/* There is one: the lane had room when the mailbox was claimed. */
static struct slot *free_slot(struct scheduler *scheduler, struct lane *lane)
{
    for (int i = 0; i < scheduler->lanes.runs; i++) {
        if (scheduler->slots[i].lane == lane && !scheduler->slots[i].run &&
            !scheduler->slots[i].dry && !scheduler->slots[i].unsaved)
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
        .voice_outbox = config->sync.voice_outbox,
        .book = &scheduler->book,
        .guard_count = config->sync.guard_count,
        .guard_percent = config->sync.guard_percent,
    };
}

/* ---- a dry run ---- */

static void start_dry(struct slot *slot, const struct run_deps *deps)
{
    const struct dry_order order = {.deps = deps,
                                    .remote = slot->remote,
                                    .mailbox = &slot->mailbox,
                                    .job = &slot->dry_job,
                                    .done = scheduler_dry_ended,
                                    .arg = slot};
    struct err err;

    err_clear(&err);
    slot->dry = dry_start(&order, &err);
    if (!slot->dry) {
        scheduler_dry_failed(slot, &err);
        return;
    }
    slot->scheduler->running++;
    lane_started(slot->lane);
}

/* ---- the start of a run ---- */

/* The mailbox cannot be run as it is configured: recorded as a run that ended so. */
static void fail_start(struct slot *slot, struct err *err)
{
    struct run_result result = {.err = *err, .again = true, .count_attempt = true};

    if (slot->dry_job.id) {
        scheduler_dry_failed(slot, err);
        return;
    }
    result.err.scope = ERR_SCOPE_MAILBOX;
    result.err.when = ERR_WHEN_NEVER;
    slot->scheduler->running++;
    lane_started(slot->lane);
    scheduler_run_ended(&result, slot);
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
    if (slot->dry_job.id) {
        start_dry(slot, &deps);
        return;
    }
    subscriptions_order(scheduler->subscriptions, &slot->mailbox, &deps.watch);
    slot->run = run_start(&deps, slot->remote, &slot->mailbox, claim->reasons,
                          scheduler_run_ended, slot);
    if (!slot->run) {
        err_set(&err, ERR_SYSTEM, "out of memory");
        fail_start(slot, &err);
        return;
    }
    scheduler->running++;
    lane_started(slot->lane);
}

/* What was claimed, and what is to be done with it. */
struct claimed {
    struct queue_claim claim; /* mailbox "": nothing is due */
    struct mailbox mailbox;
    bool runs;      /* a run */
    struct job dry; /* a dry run comes first; id 0: none. Also of a mailbox that has no runs */
};

/* (tx) Nothing is done with it: it is suspended, or off, and then nobody needs to tell us of
 * changes in it. */
static bool let_go(struct scheduler *scheduler, const struct mailbox *mailbox, struct err *err)
{
    if (!mailbox->single_inbox || mailbox->removed) {
        if (!watch_end(scheduler->deps.store, mailbox->id, "", err))
            return false;
        subscriptions_forget(scheduler->subscriptions, mailbox);
    }
    return queue_done(scheduler->deps.store, scheduler->owner, mailbox->id, err);
}

/* Whose user was removed has runs only to remove the copies, when that was asked for; and then
 * also when it was off or suspended before. */
static bool may_erase(struct store *store, const struct mailbox *mailbox, bool *may,
                      struct err *err)
{
    struct job job;

    *may = false;
    return !mailbox->erase || job_open(store, mailbox->id, JOB_ERASE, &job, may, err);
}

/* (tx) Claim one mailbox. */
static bool claim_one(struct scheduler *scheduler, struct claimed *out, struct err *err)
{
    const struct queue_claimer claimer = {scheduler->owner, may_claim, scheduler};
    struct store *store = scheduler->deps.store;
    const char *id = out->claim.mailbox;
    bool on = scheduler->deps.config->sync.single_inbox, found = false;
    struct mailbox_state state;

    if (!queue_claim_next(store, &claimer, &out->claim, &found, err) || !found)
        return err->kind == ERR_OK || found;
    if (!mailbox_get(store, id, &out->mailbox, err))
        return err->kind == ERR_NO_MAILBOX && queue_done(store, scheduler->owner, id, err);
    if (!mailbox_state_get(store, id, &state, err) ||
        !job_open_dry(store, id, &out->dry, &found, err))
        return false;
    if (!found || !on || out->mailbox.removed)
        out->dry.id = 0;
    if (out->mailbox.removed) {
        if (!may_erase(store, &out->mailbox, &out->runs, err))
            return false;
        out->runs = out->runs && on;
        return out->runs || let_go(scheduler, &out->mailbox, err);
    }
    out->runs = on && out->mailbox.single_inbox && state.condition != MAILBOX_SUSPENDED;
    return out->runs || out->dry.id || let_go(scheduler, &out->mailbox, err);
}

/* Start what is due while there is room. False: nothing (more) is due. */
bool scheduler_start_next(struct scheduler *scheduler)
{
    const struct queue_claimer claimer = {scheduler->owner, may_claim, scheduler};
    struct claimed claimed = {.runs = false};
    int64_t due;
    struct err err;

    err_clear(&err);
    if (!queue_next_due(scheduler->deps.store, &claimer, &due, &err))
        due =
            store_now(scheduler->deps.store).ms; /* not known: asked again with the next poll */
    scheduler->seen_due_ms = due;
    if (err.kind != ERR_OK || !due || due > store_now(scheduler->deps.store).ms ||
        !scheduler_begin(scheduler))
        return false;
    if (!scheduler_commit(scheduler, claim_one(scheduler, &claimed, &err), &err))
        return false;
    if (claimed.runs || claimed.dry.id) {
        struct lane *lane =
            lanes_of(&scheduler->lanes, scheduler->deps.config, claimed.mailbox.exchange);
        struct slot *slot = free_slot(scheduler, lane);
        slot->mailbox = claimed.mailbox;
        slot->dry_job = claimed.dry;
        start(slot, &claimed.claim);
    }
    return claimed.claim.mailbox[0] != '\0';
}
