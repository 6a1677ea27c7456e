/* How one Exchange is heard: from what happened to the next state (hear.h), and what a change
 * of state means: for the log and the alarm, for the rows of the way that is left, for the
 * mailboxes that are looked at once more. */
#include <stdio.h>

#include "base/text.h"
#include "store/alarm.h"
#include "store/watch.h"
#include "sync/subscriptions_private.h"

/* ---- a change of state ---- */

/* While push is tested again, what was subscribed lately goes on; when it is given up, nothing
 * does. */
static bool end_push(struct hearing *hearing, struct err *err)
{
    struct store *store = hearing->all->deps.store;
    const struct config *config = hearing->all->deps.config;
    bool first = config_exchange(config, "") == hearing->exchange;
    int64_t before_ms = INT64_MAX;

    if (hearing->state == HEAR_AT_PUSH_TRIAL)
        before_ms = store_now(store).ms - hear_self_test_ms(config->sync.status_minutes);
    return watch_end_push(store, hearing->exchange->name, before_ms, err) &&
           (!first || watch_end_push(store, "", before_ms, err));
}

static bool write_alarm(struct hearing *hearing, struct err *err)
{
    struct store *store = hearing->all->deps.store;
    struct hear_mailbox now =
        hear_mailbox(hearing->word, hearing->callback_possible, hearing->state, 0);
    char subject[LIMIT_UUID], text[LIMIT_REASON];

    text_copy(subject, sizeof subject, hearing->exchange->name);
    bool trial = hearing->state == HEAR_AT_PUSH_TRIAL || hearing->state == HEAR_AT_STREAM_TRIAL;
    if (!hear_fell_back(hearing->word, hearing->callback_possible, hearing->state))
        return trial || alarm_clear(store, ALARM_NOTIFICATIONS_FELL_BACK, "", subject, err);
    snprintf(text, sizeof text,
             "Exchange %s: changes arrive by %s%s%s; check callback-url, [notify] listen, and "
             "firewalls between Exchange and this server.",
             hearing->exchange->name, hear_way_name(now.way), now.why[0] ? ": " : "", now.why);
    return alarm_raise(store, ALARM_NOTIFICATIONS_FELL_BACK, "", subject, text, err);
}

struct looks {
    struct hearing *hearing;
    struct err *err;
    bool ok;
};

static bool wish_look(const struct mailbox *mailbox, void *arg)
{
    struct looks *looks = arg;
    struct subscriptions *all = looks->hearing->all;

    if (mailbox->single_inbox &&
        subscriptions_hearing(all, mailbox->exchange) == looks->hearing) {
        struct member *member = subscriptions_member(all, mailbox);
        if (member)
            subscriptions_mark(all, member, subscriptions_spread(all));
    }
    return true;
}

/* What a change of state means for the store; tried again with the next tick when it fails. */
static void write_change(struct hearing *hearing)
{
    struct subscriptions *all = hearing->all;
    struct err err;
    struct looks looks = {.hearing = hearing};

    if (!hearing->unwritten || !subscriptions_begin(all))
        return;
    if (!subscriptions_commit(
            all, (!hearing->end_push || end_push(hearing, &err)) && write_alarm(hearing, &err),
            &err))
        return;
    hearing->unwritten = hearing->end_push = false;
    if (hearing->look_at_all && mailbox_each(all->deps.store, wish_look, &looks, &err))
        hearing->look_at_all = false;
}

bool hearing_on_push(enum hear_state state)
{
    return state == HEAR_AT_PUSH_TRIAL || state == HEAR_AT_PUSH;
}

static void say_change(const struct hearing *hearing, enum hear_state from)
{
    struct hear_mailbox was = hear_mailbox(hearing->word, hearing->callback_possible, from, 0);
    struct hear_mailbox is =
        hear_mailbox(hearing->word, hearing->callback_possible, hearing->state, 0);

    if (was.way != is.way)
        log_warning(&hearing->log, "changes arrive by %s now, not by %s any more%s%s",
                    hear_way_name(is.way), hear_way_name(was.way), is.why[0] ? ": " : "",
                    is.why);
    else if (is.polled && !was.polled)
        log_info(&hearing->log, "no word by %s for a while: subscribing again, and polling",
                 hear_way_name(is.way));
    else
        log_info(&hearing->log, "%s works", hear_way_name(is.way));
}

static void enter(struct hearing *hearing, enum hear_state next)
{
    struct mono now = loop_now(hearing->all->deps.loop);
    enum hear_state from = hearing->state;
    bool tried_push = hearing->canary.way == HEAR_PUSH;

    hearing->state = next;
    say_change(hearing, from);
    if (hearing_on_push(from) && !hearing_on_push(next))
        hearing->tried_push = now;
    if (next == HEAR_AT_POLL) {
        hearing->tried_stream = now;
        while (!TAILQ_EMPTY(&hearing->groups))
            streams_dissolve(TAILQ_FIRST(&hearing->groups));
    }
    canary_end(&hearing->canary, next == HEAR_AT_PUSH && tried_push);
    hearing->push_waits = false;
    hearing->stream_failures = 0;
    hearing->unwritten = true;
    hearing->end_push = hearing->end_push || (hearing_on_push(from) && next != HEAR_AT_PUSH);
    hearing->look_at_all =
        hearing->look_at_all || next == HEAR_AT_POLL || next == HEAR_AT_PUSH_TRIAL ||
        hearing_on_push(from) != hearing_on_push(next) || from == HEAR_AT_POLL;
    if (next == HEAR_AT_PUSH && from == HEAR_AT_PUSH_TRIAL)
        hearing->look_at_all = false;
}

/* ---- the clock ---- */

static struct hear_facts facts_of(struct hearing *hearing)
{
    struct subscriptions *all = hearing->all;
    struct mono now = loop_now(all->deps.loop);

    return (struct hear_facts){
        .word = hearing->word,
        .callback_possible = hearing->callback_possible,
        .state = hearing->state,
        .called = hearing->called,
        .push_waited_ms = hearing->push_waits ? mono_since(now, hearing->push_since) : -1,
        .self_test_ms = hear_self_test_ms(all->deps.config->sync.status_minutes),
        .stream_open = streams_any_open(hearing),
        .stream_failures =
            all->deps.open_stream ? hearing->stream_failures : HEAR_STREAM_FAILURES,
        .since_push_ms = mono_since(now, hearing->tried_push),
        .since_stream_ms = mono_since(now, hearing->tried_stream),
    };
}

static void try_again(struct hearing *hearing, const struct hear_facts *facts)
{
    struct canary *canary = &hearing->canary;
    struct mono now = loop_now(hearing->all->deps.loop);

    if (canary->way != HEAR_POLL && mono_since(now, canary->since) > facts->self_test_ms)
        canary_end(canary, false);
    if (canary->way != HEAR_POLL)
        return;
    enum hear_way way = hear_trial(facts);
    if (way == HEAR_PUSH)
        hearing->tried_push = now;
    if (way == HEAR_STREAM)
        hearing->tried_stream = now;
    if (way != HEAR_POLL)
        canary_begin(hearing, way);
}

void hearing_consider(struct hearing *hearing)
{
    struct hear_facts facts = facts_of(hearing);
    enum hear_state next = hear_next(hearing->word, hearing->state, hear_event(&facts));

    if (hearing->called) {
        hearing->called = false;
        hearing->push_since = loop_now(hearing->all->deps.loop);
        hearing->push_waits = true;
    }
    if (next != hearing->state)
        enter(hearing, next);
    else
        try_again(hearing, &facts);
    write_change(hearing);
}
