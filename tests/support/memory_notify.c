/* Subscriptions of an Exchange in memory: a call to our URL some time after something changed,
 * unless it is lost. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "tests/support/memory_call.h"

enum { CALL_MS = 300, LATE_MS = 20 * 1000 };

static bool struck(struct memory_remotes *remotes, enum memory_fault fault)
{
    int percent = remotes->faults[fault];

    if (!percent || (int)rng_below(&remotes->exchange->rng, 100) >= percent)
        return false;
    remotes->hits[fault]++;
    return true;
}

static void end(struct memory_subscription *subscription)
{
    subscription->number = 0;
    loop_timer_free(&subscription->timer);
}

/* status: a sign of life, and nothing else. */
static void call_us(struct memory_subscription *subscription, bool status)
{
    struct memory_remotes *remotes = subscription->mailbox->exchange->remotes;
    char folders[MEMORY_FOLDERS_MAX][MEMORY_ID];
    int count = 0;

    for (int i = 0; i < MEMORY_FOLDERS_MAX && !status && !subscription->anywhere; i++) {
        if (subscription->in[i])
            snprintf(folders[count++], MEMORY_ID, "f%d", i);
    }
    if (!remotes->deliver(subscription->url, folders, count, remotes->arg))
        end(subscription);
}

/* What is to be told is told, or lost. */
static void forget(struct memory_subscription *subscription)
{
    subscription->changed = subscription->anywhere = false;
    memset(subscription->in, 0, sizeof subscription->in);
}

static void due(void *arg)
{
    struct memory_subscription *subscription = arg;
    struct memory_remotes *remotes = subscription->mailbox->exchange->remotes;

    if (struck(remotes, MEMORY_UNSUBSCRIBED)) {
        end(subscription);
        return;
    }
    if (struck(remotes, MEMORY_SILENT)) {
        forget(subscription);
        return;
    }
    bool twice = struck(remotes, MEMORY_TWICE);
    call_us(subscription, false);
    if (twice && subscription->number)
        call_us(subscription, false);
    forget(subscription);
}

/* In a folder that is not subscribed to nothing is heard; MEMORY_TOP: of folders themselves. */
static void heard(struct memory_mailbox *mailbox, int folder)
{
    struct memory_remotes *remotes = mailbox->exchange->remotes;

    if (folder == MEMORY_STAGING || folder == MEMORY_LIMBO || folder == MEMORY_ARCHIVE ||
        mailbox->empty)
        return;
    bool mapped = memory_place(mailbox, folder) != REMOTE_PLACES;
    for (int i = 0; i < MEMORY_SUBSCRIPTIONS; i++) {
        struct memory_subscription *one = &remotes->subscriptions[i];
        if (!one->number || one->mailbox != mailbox)
            continue;
        one->anywhere = one->anywhere || !mapped;
        one->in[folder] = true;
        if (one->changed)
            continue;
        one->changed = true;
        bool late = struck(remotes, MEMORY_SLOW_CALL);
        loop_timer_set(one->timer, 1 + (int64_t)rng_below(&remotes->exchange->rng,
                                                          late ? LATE_MS : CALL_MS));
    }
}

int memory_subscribe(struct remote_call *call)
{
    struct memory_remotes *remotes = call->remotes;
    struct memory_subscription *one = remotes->subscriptions;

    while (one->number && one < &remotes->subscriptions[MEMORY_SUBSCRIPTIONS - 1])
        one++;
    if (one->number) /* the oldest makes room, as one that nobody answers for would */
        end(one = remotes->subscriptions);
    one->mailbox = call->mailbox;
    one->number = ++remotes->subscription_numbers;
    forget(one);
    text_copy(one->url, sizeof one->url, call->url);
    one->timer = loop_timer_new(remotes->exchange->loop, due, one);
    assert(one->timer);
    call->mailbox->heard = heard;
    return one->number;
}

void memory_unsubscribe(struct memory_remotes *remotes, int number)
{
    for (int i = 0; i < MEMORY_SUBSCRIPTIONS; i++) {
        if (number && remotes->subscriptions[i].number == number)
            end(&remotes->subscriptions[i]);
    }
}

void memory_status_calls(struct memory_remotes *remotes)
{
    for (int i = 0; i < MEMORY_SUBSCRIPTIONS; i++) {
        if (remotes->subscriptions[i].number)
            call_us(&remotes->subscriptions[i], true);
    }
}
