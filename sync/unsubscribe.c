/* Telling Exchange of subscriptions that nobody listens to any more: a few at a time, each
 * once. What fails is left to Exchange, which forgets them by itself after half an hour. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "sync/subscriptions_private.h"

enum { AT_ONCE = 16, WAITING_MAX = 20000 };

struct wish {
    TAILQ_ENTRY(wish) link;
    struct unsubscribe *owner;
    struct group *group;
    struct remote *remote; /* NULL: it waits */
    struct remote_call *call;
    char mailbox[LIMIT_UUID];
    char subscription[];
};

struct unsubscribe {
    struct subscriptions *all;
    struct loop_timer *turn;
    TAILQ_HEAD(, wish) waiting, active;
    int waiting_count, active_count;
};

static void wish_free(struct wish *wish)
{
    streams_release(&wish->group);
    if (wish->remote) {
        remote_cancel(wish->remote, &wish->call);
        remote_free(&wish->remote);
    }
    free(wish);
}

static void end(struct wish *wish)
{
    struct unsubscribe *owner = wish->owner;

    TAILQ_REMOVE(&owner->active, wish, link);
    owner->active_count--;
    wish_free(wish);
    loop_timer_set(owner->turn, 0);
}

static void answered(const struct err *err, void *arg)
{
    struct wish *wish = arg;

    wish->call = NULL;
    if (err->kind != ERR_OK)
        log_debug(wish->owner->all->deps.log, "unsubscribe: %s", err->text);
    end(wish);
}

static bool start(struct wish *wish)
{
    const struct subscriptions_deps *deps = &wish->owner->all->deps;
    struct remote_stream *stream = wish->group ? wish->group->stream : NULL;
    struct mailbox mailbox;
    struct err err;

    if (!mailbox_get(deps->store, wish->mailbox, &mailbox, &err))
        return false;
    wish->remote = deps->open_remote(&mailbox, deps->arg, &err);
    if (wish->remote)
        wish->call = wish->remote->ops->unwatch(wish->remote, wish->subscription, stream,
                                                answered, wish);
    return wish->call != NULL;
}

static void turn(void *arg)
{
    struct unsubscribe *owner = arg;
    struct wish *wish;

    while (owner->active_count < AT_ONCE && (wish = TAILQ_FIRST(&owner->waiting))) {
        TAILQ_REMOVE(&owner->waiting, wish, link);
        owner->waiting_count--;
        TAILQ_INSERT_TAIL(&owner->active, wish, link);
        owner->active_count++;
        if (!start(wish)) {
            TAILQ_REMOVE(&owner->active, wish, link);
            owner->active_count--;
            wish_free(wish);
        }
    }
    if (owner->all->stopped && unsubscribe_idle(owner))
        loop_timer_set(owner->all->deadline, 0);
}

struct unsubscribe *unsubscribe_new(struct subscriptions *all)
{
    struct unsubscribe *unsubscribe = calloc(1, sizeof *unsubscribe);

    if (!unsubscribe)
        return NULL;
    unsubscribe->all = all;
    TAILQ_INIT(&unsubscribe->waiting);
    TAILQ_INIT(&unsubscribe->active);
    unsubscribe->turn = loop_timer_new(all->deps.loop, turn, unsubscribe);
    if (!unsubscribe->turn)
        unsubscribe_free(&unsubscribe);
    return unsubscribe;
}

void unsubscribe_add(struct unsubscribe *unsubscribe, const char *mailbox,
                     const char *subscription, struct group *group)
{
    size_t size = strlen(subscription) + 1;
    struct wish *wish =
        unsubscribe->waiting_count < WAITING_MAX ? calloc(1, sizeof *wish + size) : NULL;

    if (!wish)
        return;
    wish->owner = unsubscribe;
    memcpy(wish->subscription, subscription, size);
    text_copy(wish->mailbox, sizeof wish->mailbox, mailbox);
    wish->group = group;
    if (group)
        group->holders++;
    TAILQ_INSERT_TAIL(&unsubscribe->waiting, wish, link);
    unsubscribe->waiting_count++;
    loop_timer_set(unsubscribe->turn, 0);
}

bool unsubscribe_idle(const struct unsubscribe *unsubscribe)
{
    return unsubscribe->waiting_count == 0 && unsubscribe->active_count == 0;
}

void unsubscribe_free(struct unsubscribe **unsubscribe)
{
    struct unsubscribe *gone = *unsubscribe;
    struct wish *wish;

    *unsubscribe = NULL;
    if (!gone)
        return;
    loop_timer_free(&gone->turn);
    while ((wish = TAILQ_FIRST(&gone->active))) {
        TAILQ_REMOVE(&gone->active, wish, link);
        wish_free(wish);
    }
    while ((wish = TAILQ_FIRST(&gone->waiting))) {
        TAILQ_REMOVE(&gone->waiting, wish, link);
        wish_free(wish);
    }
    free(gone);
}
