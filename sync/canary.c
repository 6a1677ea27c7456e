/* A way that did not work is tried with one mailbox, beside the way by which it is heard. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/text.h"
#include "store/mapping.h"
#include "store/watch.h"
#include "sync/subscriptions_private.h"

enum { TRIES = 8 };

static struct member *any_member(struct hearing *hearing, struct mailbox *mailbox)
{
    struct subscriptions *all = hearing->all;
    struct member *member;
    uint64_t count = 0;
    struct err err;

    TAILQ_FOREACH(member, &all->members, all) count += member->hearing == hearing;
    for (int i = 0; count > 0 && i < TRIES; i++) {
        uint64_t skip = rng_below(&all->rng, count);
        TAILQ_FOREACH(member, &all->members, all)
        {
            if (member->hearing == hearing && skip-- == 0)
                break;
        }
        if (member && mailbox_get(all->deps.store, member->mailbox, mailbox, &err) &&
            mailbox->single_inbox && !mailbox->removed)
            return member;
    }
    return NULL;
}

static bool end_row(struct canary *canary)
{
    struct subscriptions *all = canary->hearing->all;
    struct err err;

    return subscriptions_begin(all) &&
           subscriptions_commit(
               all, watch_end(all->deps.store, canary->member->mailbox, canary->secret, &err),
               &err);
}

void canary_end(struct canary *canary, bool keep)
{
    if (canary->way == HEAR_POLL)
        return;
    if (!keep && canary->secret[0])
        end_row(canary);
    if (canary->remote) {
        remote_cancel(canary->remote, &canary->call);
        remote_free(&canary->remote);
    }
    if (canary->group)
        streams_release(&canary->group);
    canary->way = HEAR_POLL;
    canary->secret[0] = '\0';
}

static void came(const struct err *err, const char *subscription, void *arg)
{
    struct canary *canary = arg;
    struct subscriptions *all = canary->hearing->all;
    struct err failed;

    canary->call = NULL;
    if (err->kind != ERR_OK || !subscriptions_begin(all) ||
        !subscriptions_commit(
            all, watch_set_subscription(all->deps.store, canary->secret, subscription, &failed),
            &failed)) {
        log_debug(&canary->hearing->log, "trying %s: %s", hear_way_name(canary->way),
                  err->text);
        if (canary->way == HEAR_STREAM && canary->member->group == canary->group)
            streams_leave(canary->member);
        canary_end(canary, false);
        return;
    }
    if (canary->way != HEAR_STREAM)
        return;
    streams_joined(canary->member, subscription);
    canary_end(canary, true);
}

static bool ask(struct canary *canary, const struct folder_row *folders, int count)
{
    const struct hearing *hearing = canary->hearing;
    const struct config *config = hearing->all->deps.config;
    const char *base = hearing->exchange->callback_url;
    const char **ids = calloc((size_t)count + 1, sizeof *ids);
    char url[LIMIT_URL];

    if (!ids)
        return false;
    for (int i = 0; i < count; i++)
        ids[i] = folders[i].id;
    snprintf(url, sizeof url, "%s%s%s", base ? base : "",
             base && base[0] && base[strlen(base) - 1] == '/' ? "" : "/", canary->secret);
    const struct remote_watching how = {
        .url = canary->way == HEAR_PUSH ? url : NULL,
        .status_minutes = (int)config->sync.status_minutes,
        .stream = canary->group ? canary->group->stream : NULL,
        .folders = ids,
        .count = (size_t)count,
    };
    canary->call = canary->remote->ops->watch(canary->remote, &how, came, canary);
    free(ids);
    return canary->call != NULL;
}

static bool add_row(struct canary *canary)
{
    struct subscriptions *all = canary->hearing->all;
    struct watch watch = {.made_ms = store_now(all->deps.store).ms,
                          .way = canary->way == HEAR_PUSH ? WATCH_PUSH : WATCH_STREAM};
    struct err err;

    id_token(watch.secret);
    text_copy(watch.mailbox, sizeof watch.mailbox, canary->member->mailbox);
    if (!subscriptions_begin(all) ||
        !subscriptions_commit(all, watch_add(all->deps.store, &watch, &err), &err))
        return false;
    text_copy(canary->secret, sizeof canary->secret, watch.secret);
    return true;
}

static bool begin(struct canary *canary, const struct mailbox *mailbox,
                  const struct folder_row *folders, int count)
{
    const struct subscriptions_deps *deps = &canary->hearing->all->deps;
    struct err err;

    if (canary->way == HEAR_STREAM) {
        canary->group = streams_seat(canary->member, mailbox);
        if (!canary->group)
            return false;
        canary->group->holders++;
    }
    canary->remote = deps->open_remote(mailbox, deps->arg, &err);
    return canary->remote && add_row(canary) && ask(canary, folders, count);
}

bool canary_begin(struct hearing *hearing, enum hear_way way)
{
    struct canary *canary = &hearing->canary;
    struct mailbox mailbox;
    struct folder_row *folders = NULL;
    int count = 0;
    struct err err;
    struct member *member = any_member(hearing, &mailbox);

    if (!member ||
        !folder_list(hearing->all->deps.store, member->mailbox, &folders, &count, &err))
        return false;
    *canary = (struct canary){.hearing = hearing,
                              .way = way,
                              .member = member,
                              .since = loop_now(hearing->all->deps.loop)};
    bool ok = count > 0 && begin(canary, &mailbox, folders, count);
    free(folders);
    if (!ok) {
        if (way == HEAR_STREAM)
            streams_leave(member);
        canary_end(canary, false);
    } else {
        log_info(&hearing->log, "trying with mailbox %s whether %s works again", mailbox.name,
                 hear_way_name(way));
    }
    return ok;
}
