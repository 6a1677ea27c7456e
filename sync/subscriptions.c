#include "sync/subscriptions.h"

#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "queue/queue.h"
#include "store/watch.h"
#include "sync/subscriptions_private.h"

enum {
    POLL_SWEEP_MS = 60 * 1000, /* without being told, each mailbox is looked at every minute */
    TICK_MS = 5 * 1000,
    WATCHDOG_MS = 30 * 1000,
    SILENT_INTERVALS = 2, /* a subscription that says nothing for so many of them is lost */
    MARK_AGAIN_MS = 1000, /* when the store was busy */
    ALONE_MS =
        6 * 3600 * 1000, /* push is tried again with a mailbox that it does not work for */
    TOKENS_BURST = LIMIT_SUBSCRIBES_PER_SECOND / 2,
    TOKENS_PER_SECOND = LIMIT_SUBSCRIBES_PER_SECOND - TOKENS_BURST,
};

static_assert(TOKENS_PER_SECOND > 0, "the burst is part of the limit");

/* ---- the store ---- */

bool subscriptions_begin(struct subscriptions *all)
{
    struct err err;

    if (store_begin(all->deps.store, &err))
        return true;
    log_warning(all->deps.log, "%s", err.text);
    return false;
}

bool subscriptions_commit(struct subscriptions *all, bool ok, struct err *err)
{
    if (ok && store_commit(all->deps.store, err))
        return true;
    store_rollback(all->deps.store);
    log_warning(all->deps.log, "%s", err->text);
    return false;
}

/* ---- members ---- */

static int compare_members(const void *a, const void *b)
{
    return strcmp(((const struct member *)a)->mailbox, ((const struct member *)b)->mailbox);
}

struct hearing *subscriptions_hearing(struct subscriptions *all, const char *exchange)
{
    const struct config_exchange *found = config_exchange(all->deps.config, exchange);

    for (size_t i = 0; found && i < all->hearing_count; i++) {
        if (all->hearings[i].exchange == found)
            return &all->hearings[i];
    }
    return NULL;
}

static struct member *find_member(struct subscriptions *all, const char *mailbox)
{
    struct member key;

    text_copy(key.mailbox, sizeof key.mailbox, mailbox);
    struct member *const *found = tfind(&key, &all->tree, compare_members);
    return found ? *found : NULL;
}

struct member *subscriptions_member(struct subscriptions *all, const struct mailbox *mailbox)
{
    struct hearing *hearing = subscriptions_hearing(all, mailbox->exchange);
    struct member *member = find_member(all, mailbox->id);

    if (member || !hearing)
        return member;
    member = calloc(1, sizeof *member);
    if (!member)
        return NULL;
    text_copy(member->mailbox, sizeof member->mailbox, mailbox->id);
    member->hearing = hearing;
    if (!tsearch(member, &all->tree, compare_members)) {
        free(member);
        return NULL;
    }
    TAILQ_INSERT_TAIL(&all->members, member, all);
    return member;
}

/* ---- marks ---- */

static void mark(struct subscriptions *all, struct member *member, int64_t delay_ms)
{
    if (member->marked && member->mark_ms <= delay_ms)
        return;
    if (!member->marked)
        TAILQ_INSERT_TAIL(&all->marked, member, mark);
    member->marked = true;
    member->mark_ms = delay_ms;
    loop_timer_set(all->marker, 0);
}

void subscriptions_mark(struct subscriptions *all, struct member *member, int64_t delay_ms)
{
    member->anywhere = true;
    mark(all, member, delay_ms);
}

static bool add_spots(struct store *store, struct member *member,
                      const struct remote_where *where)
{
    struct err err;

    if (!member->hint)
        member->hint = calloc(1, sizeof *member->hint);
    for (int i = 0; member->hint && i < where->count; i++) {
        if (!hint_add(store, member->mailbox, member->hint, where->spots[i].folder,
                      where->spots[i].from, &err))
            return false;
    }
    return member->hint && where->count > 0;
}

void subscriptions_mark_where(struct subscriptions *all, struct member *member,
                              const struct remote_where *where)
{
    if (!member->anywhere && !add_spots(all->deps.store, member, where))
        member->anywhere = true;
    mark(all, member, 0);
}

static bool push(struct store *store, const struct member *member, struct err *err)
{
    if (member->folders)
        return queue_push(store, member->mailbox, QUEUE_FOLDERS, member->mark_ms, err);
    return queue_push_hint(store, member->mailbox, member->anywhere ? NULL : member->hint,
                           member->mark_ms, err);
}

static void unmark(struct member *member)
{
    free(member->hint);
    member->hint = NULL;
    member->marked = member->folders = member->anywhere = member->end_row = false;
}

int64_t subscriptions_spread(struct subscriptions *all)
{
    struct mono now = loop_now(all->deps.loop);

    if (mono_since(all->spread_at, now) < 0)
        all->spread_at = now;
    all->spread_at = mono_add(all->spread_at, SUBSCRIPTIONS_SPREAD_MS);
    return mono_since(all->spread_at, now);
}

static void write_marks(void *arg)
{
    struct subscriptions *all = arg;
    struct store *store = all->deps.store;
    struct member *member;
    bool ok = true;
    struct err err;

    if (all->stopped || TAILQ_EMPTY(&all->marked))
        return;
    if (!subscriptions_begin(all)) {
        loop_timer_set(all->marker, MARK_AGAIN_MS);
        return;
    }
    TAILQ_FOREACH(member, &all->marked, mark)
    {
        ok = ok &&
             (!member->end_row || watch_end_way(store, member->mailbox, WATCH_STREAM, &err)) &&
             push(store, member, &err);
    }
    if (!subscriptions_commit(all, ok, &err)) {
        loop_timer_set(all->marker, MARK_AGAIN_MS);
        return;
    }
    while ((member = TAILQ_FIRST(&all->marked))) {
        TAILQ_REMOVE(&all->marked, member, mark);
        unmark(member);
    }
    all->deps.wake(all->deps.wake_arg);
}

/* ---- the clock ---- */

static bool add_tally(const struct watch_tally *tally, void *arg)
{
    struct hearing *hearing = subscriptions_hearing(arg, tally->exchange);

    if (hearing) {
        hearing->tallied += tally->count;
        if (tally->heard_ms > hearing->tallied_heard_ms)
            hearing->tallied_heard_ms = tally->heard_ms;
    }
    return true;
}

/* What the callback listener has written down since the last time. */
static bool tally(struct subscriptions *all, struct err *err)
{
    for (size_t i = 0; i < all->hearing_count; i++)
        all->hearings[i].tallied = all->hearings[i].tallied_heard_ms = 0;
    if (!watch_tallies(all->deps.store, add_tally, all, err))
        return false;
    for (size_t i = 0; i < all->hearing_count; i++) {
        struct hearing *hearing = &all->hearings[i];
        hearing->called =
            hearing->tallied_heard_ms != 0 && hearing->tallied_heard_ms != hearing->heard_ms;
        hearing->heard_ms = hearing->tallied_heard_ms;
        if (hearing->tallied == 0 && hearing->state == HEAR_AT_PUSH)
            hearing->push_waits = false; /* nobody is there to be called about */
    }
    return true;
}

/* ---- subscriptions that fell silent ---- */

struct silent {
    struct subscriptions *all;
    int64_t before_ms;
    int count;
    bool ok;
    struct err *err;
};

static bool is_silent(const struct watch *watch, int64_t before_ms)
{
    int64_t heard = watch->heard_ms > watch->made_ms ? watch->heard_ms : watch->made_ms;

    return !watch->ended && watch->way == WATCH_PUSH && heard < before_ms;
}

static bool collect_silent(const struct watch *watch, void *arg)
{
    struct silent *silent = arg;
    struct subscriptions *all = silent->all;
    struct member *member = find_member(all, watch->mailbox);

    if (!is_silent(watch, silent->before_ms) || !member ||
        !hearing_on_push(member->hearing->state))
        return true;
    member->silent = watch->heard_ms ? 1 : member->silent + 1;
    member->silent_since = loop_now(all->deps.loop);
    silent->count++;
    subscriptions_mark(all, member, subscriptions_spread(all));
    return true;
}

/* They are ended together, and made anew by runs that are spread over time. A mailbox that
 * nothing is known of here (it was removed) ends too: its row is old. */
static void watch_over(struct subscriptions *all)
{
    struct store *store = all->deps.store;
    struct silent silent = {.all = all};
    struct mono now = loop_now(all->deps.loop);
    struct err err;

    if (mono_since(now, all->watched_at) < WATCHDOG_MS)
        return;
    all->watched_at = now;
    silent.before_ms =
        store_now(store).ms - SILENT_INTERVALS * 60000 * all->deps.config->sync.status_minutes;
    if (!watch_each(store, collect_silent, &silent, &err)) {
        log_warning(all->deps.log, "%s", err.text);
        return;
    }
    if (!silent.count || !subscriptions_begin(all))
        return;
    if (subscriptions_commit(all, watch_end_silent(store, silent.before_ms, &err), &err))
        log_info(all->deps.log, "%d subscriptions fell silent; subscribing again",
                 silent.count);
}

static void tick(void *arg)
{
    struct subscriptions *all = arg;
    struct err err;

    if (all->stopped)
        return;
    loop_timer_set(all->tick, TICK_MS);
    if (!tally(all, &err)) {
        log_warning(all->deps.log, "%s", err.text);
        return;
    }
    for (size_t i = 0; i < all->hearing_count; i++)
        hearing_consider(&all->hearings[i]);
    watch_over(all);
}

void subscriptions_consider(struct subscriptions *all)
{
    if (!all->stopped)
        loop_timer_set(all->tick, 0);
}

/* ---- a run ---- */

/* A subscription may be made: a token, of which each second brings a few. */
static bool may_subscribe(const char *mailbox, void *arg)
{
    struct subscriptions *all = arg;
    struct member *member = find_member(all, mailbox);
    struct mono now = loop_now(all->deps.loop);

    all->tokens += mono_since(now, all->token_at) * TOKENS_PER_SECOND;
    all->token_at = now;
    if (all->tokens > TOKENS_BURST * 1000)
        all->tokens = TOKENS_BURST * 1000;
    if (all->tokens < 1000) {
        if (member)
            member->waits = true;
        return false;
    }
    all->tokens -= 1000;
    return true;
}

/* The other side is up and does not want it: asking again will not help. */
static bool is_refusal(const struct err *err)
{
    return err->kind == ERR_REFUSED || err->kind == ERR_CONFIG || err->kind == ERR_PROTOCOL ||
           err->kind == ERR_DENIED;
}

static void wait_for_call(struct hearing *hearing)
{
    if (hearing->push_waits)
        return;
    hearing->push_waits = true;
    hearing->push_since = loop_now(hearing->all->deps.loop);
}

static void asked(const char *mailbox, const char *subscription, const struct err *err,
                  void *arg)
{
    struct subscriptions *all = arg;
    struct member *member = find_member(all, mailbox);

    if (!member)
        return;
    struct hearing *hearing = member->hearing;
    bool stream = member->holding != NULL;
    if (err->kind == ERR_OK && stream) {
        streams_joined(member, subscription);
    } else if (err->kind == ERR_OK) {
        streams_leave(member);
        wait_for_call(hearing);
    } else if (stream && is_refusal(err)) {
        hearing->stream_failures++;
        subscriptions_consider(all);
    } else if (!stream && is_refusal(err)) {
        member->silent++;
        member->silent_since = loop_now(all->deps.loop);
        wait_for_call(hearing);
    }
}

static struct hear_mailbox way_of(struct member *member)
{
    struct hearing *hearing = member->hearing;
    struct mono now = loop_now(hearing->all->deps.loop);

    if (member->silent >= HEAR_MAILBOX_SILENT &&
        mono_since(now, member->silent_since) > ALONE_MS)
        member->silent = HEAR_MAILBOX_SILENT - 1;
    return hear_mailbox(hearing->word, hearing->callback_possible, hearing->state,
                        member->silent);
}

/* A first callback is seen at once, not with the next look: until then mailboxes are polled,
 * and their status says so. */
static void look_for_proof(struct subscriptions *all, const struct member *member)
{
    struct watch watch;
    bool found;
    struct err err;

    if (member->hearing->state == HEAR_AT_PUSH_TRIAL &&
        watch_current(all->deps.store, member->mailbox, WATCH_PUSH, &watch, &found, &err) &&
        found && watch.heard_ms > member->hearing->heard_ms)
        subscriptions_consider(all);
}

void subscriptions_order(struct subscriptions *all, const struct mailbox *mailbox,
                         struct run_watch *order)
{
    struct member *member = subscriptions_member(all, mailbox);

    *order = (struct run_watch){.status_minutes = (int)all->deps.config->sync.status_minutes,
                                .may = may_subscribe,
                                .asked = asked,
                                .arg = all};
    if (!member || all->stopped)
        return;
    look_for_proof(all, member);
    enum hear_way way = way_of(member).way;
    if (way == HEAR_PUSH) {
        order->callback_url = member->hearing->exchange->callback_url;
    } else if (way == HEAR_STREAM && streams_seat(member, mailbox)) {
        member->holding = member->group;
        member->holding->holders++;
        order->stream = member->group->stream;
        text_copy(order->subscription, sizeof order->subscription,
                  member->subscription ? member->subscription : "");
    }
}

/* A callback came to its subscription: push works for it. */
static void forgive(struct subscriptions *all, struct member *member)
{
    struct watch watch;
    bool found;
    struct err err;

    if (member->silent > 0 &&
        watch_current(all->deps.store, member->mailbox, WATCH_PUSH, &watch, &found, &err) &&
        found && watch.heard_ms)
        member->silent = 0;
}

void subscriptions_after(struct subscriptions *all, const struct mailbox *mailbox,
                         bool subscribed, struct subscriptions_said *said)
{
    struct member *member = subscriptions_member(all, mailbox);
    struct hear_mailbox is = {HEAR_POLL, true, ""};

    if (member) {
        if (way_of(member).way == HEAR_PUSH)
            forgive(all, member);
        is = way_of(member);
        bool stream = member->holding != NULL;
        streams_release(&member->holding);
        if (is.way == HEAR_PUSH && subscribed && member->group) {
            streams_leave(member);
            member->waits = true;
        }
        if (member->waits)
            subscriptions_mark(all, member, subscriptions_spread(all));
        member->waits = false;
        if (is.way == HEAR_STREAM && !stream)
            is = (struct hear_mailbox){HEAR_POLL, true,
                                       member->hearing->group_count <
                                               member->hearing->group_limit
                                           ? "not subscribed"
                                           : "no room in the streams"};
        else if (is.way != HEAR_POLL && !subscribed)
            is = (struct hear_mailbox){HEAR_POLL, true, "not subscribed"};
        else if (is.way == HEAR_STREAM && !(member->group && member->group->heard))
            is.polled = true;
    }
    snprintf(said->text, sizeof said->text, "%s%s%s", hear_way_name(is.way),
             is.why[0] ? ": " : "", is.why);
    said->sweep_ms = is.polled ? POLL_SWEEP_MS : all->deps.config->sync.sweep_ms;
}

void subscriptions_forget(struct subscriptions *all, const struct mailbox *mailbox)
{
    struct member *member = find_member(all, mailbox->id);

    if (!member)
        return;
    streams_leave(member);
    member->end_row = false; /* the caller ended its rows */
    member->silent = 0;
}

/* ---- life ---- */

static void add_hearing(struct subscriptions *all, const struct config_exchange *exchange)
{
    const struct subscriptions_deps *deps = &all->deps;
    struct hearing *hearing = &all->hearings[all->hearing_count++];
    struct mono now = loop_now(deps->loop);

    *hearing = (struct hearing){
        .all = all,
        .exchange = exchange,
        .log = {deps->log, "exchange", exchange->name},
        .word = hear_word_of(exchange->notify),
        .callback_possible = exchange->callback_url && deps->config->notify.listen,
        .tried_push = now,
        .tried_stream = now,
        .group_limit = LIMIT_STREAMS,
        .canary = {.way = HEAR_POLL},
        .unwritten = true,
    };
    hearing->state = hear_first(hearing->word, hearing->callback_possible);
    TAILQ_INIT(&hearing->groups);
    if (hear_fell_back(hearing->word, hearing->callback_possible, hearing->state))
        log_warning(&hearing->log,
                    "notify = %s cannot work: there is no callback-url, or no "
                    "[notify] listen; every mailbox is polled",
                    exchange->notify);
}

/* Nobody calls about a stream's, so nobody can be answered with Unsubscribe: Exchange is told,
 * though not where the group's cookies would lead, for they are forgotten. */
static bool tell_leftover(const struct watch *watch, void *arg)
{
    struct subscriptions *all = arg;

    if (!watch->ended && watch->way == WATCH_STREAM && watch->subscription[0])
        unsubscribe_add(all->unsubscribe, watch->mailbox, watch->subscription, NULL);
    return true;
}

static bool end_leftovers(struct subscriptions *all, struct err *err)
{
    bool ok = store_begin(all->deps.store, err) && watch_end_all(all->deps.store, err) &&
              store_commit(all->deps.store, err);

    store_rollback(all->deps.store);
    return ok;
}

static void stop_deadline(void *arg);

struct subscriptions *subscriptions_new(const struct subscriptions_deps *deps, struct err *err)
{
    struct subscriptions *all = calloc(1, sizeof *all);

    if (!all) {
        err_set(err, ERR_SYSTEM, "out of memory");
        return NULL;
    }
    all->deps = *deps;
    all->rng = rng_seed(deps->seed);
    all->token_at = all->spread_at = all->watched_at = loop_now(deps->loop);
    all->tokens = TOKENS_BURST * 1000;
    TAILQ_INIT(&all->members);
    TAILQ_INIT(&all->marked);
    all->tick = loop_timer_new(deps->loop, tick, all);
    all->marker = loop_timer_new(deps->loop, write_marks, all);
    all->deadline = loop_timer_new(deps->loop, stop_deadline, all);
    all->unsubscribe = unsubscribe_new(all);
    for (size_t i = 0; i < deps->config->exchange_count; i++)
        add_hearing(all, &deps->config->exchange[i]);
    err_clear(err);
    if (!all->tick || !all->marker || !all->deadline || !all->unsubscribe ||
        !watch_each(deps->store, tell_leftover, all, err) || !end_leftovers(all, err)) {
        if (err->kind == ERR_OK)
            err_set(err, ERR_SYSTEM, "out of memory");
        subscriptions_free(&all);
        return NULL;
    }
    loop_timer_set(all->tick, TICK_MS);
    return all;
}

static void stop_deadline(void *arg)
{
    struct subscriptions *all = arg;
    loop_fn *done = all->done;

    all->done = NULL;
    unsubscribe_free(&all->unsubscribe);
    if (done)
        done(all->done_arg);
}

void subscriptions_stop(struct subscriptions *all, loop_fn *done, void *arg)
{
    struct member *member;
    struct err err;

    all->stopped = true;
    all->done = done;
    all->done_arg = arg;
    for (size_t i = 0; i < all->hearing_count; i++)
        canary_end(&all->hearings[i].canary, true);
    TAILQ_FOREACH(member, &all->members, all) streams_leave(member);
    if (!end_leftovers(all, &err)) /* the next start does it */
        log_warning(all->deps.log, "%s", err.text);
    loop_timer_set(all->deadline, unsubscribe_idle(all->unsubscribe) ? 0 : TIME_UNSUBSCRIBE_MS);
}

static void free_nothing(void *node)
{
    (void)node; /* members are in a list, too */
}

void subscriptions_free(struct subscriptions **subscriptions)
{
    struct subscriptions *all = *subscriptions;
    struct member *member;

    *subscriptions = NULL;
    if (!all)
        return;
    for (size_t i = 0; i < all->hearing_count; i++) {
        struct canary *canary = &all->hearings[i].canary;
        if (canary->remote) {
            remote_cancel(canary->remote, &canary->call);
            remote_free(&canary->remote);
        }
        streams_release(&canary->group);
    }
    unsubscribe_free(&all->unsubscribe);
    TAILQ_FOREACH(member, &all->members, all) streams_release(&member->holding);
    for (size_t i = 0; i < all->hearing_count; i++)
        streams_free(&all->hearings[i]);
    tdestroy(all->tree, free_nothing);
    while ((member = TAILQ_FIRST(&all->members))) {
        TAILQ_REMOVE(&all->members, member, all);
        free(member->subscription);
        free(member->hint);
        free(member);
    }
    loop_timer_free(&all->tick);
    loop_timer_free(&all->marker);
    loop_timer_free(&all->deadline);
    free(all);
}
