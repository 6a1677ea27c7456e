/* Groups of mailboxes, each heard over one stream.
 *
 * The set of a connection is fixed when it is opened, so a mailbox that joins makes it
 * necessary to open the stream anew; joins are gathered for a while. What happened between two
 * openings may never be told: after each opening all its mailboxes are looked at once more, one
 * after another. A group that fails several times in a row is dissolved: its mailboxes look for
 * another way, and for another server with a fresh anchor and no cookies. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "store/endpoint.h"
#include "sync/subscriptions_private.h"

enum {
    JOIN_MS = 500,            /* joins are gathered for so long before the first opening */
    JOIN_AGAIN_MS = 5 * 1000, /* and while the group is heard already */
    AGAIN_MS = 1000,          /* opened anew after its time was over; jittered */
    STEADY_MS = 60 * 1000,    /* an opening that lasted so long was a good one */
    BRIEF_MS = 5 * 1000,      /* one that was shorter is not repeated at once */
    BACK_OFF_FIRST_MS = 5 * 1000,
    BACK_OFF_LAST_MS = 5 * 60 * 1000,
};

static void group_free(struct group *group)
{
    remote_stream_free(&group->stream);
    loop_timer_free(&group->timer);
    free(group);
}

void streams_release(struct group **group)
{
    struct group *held = *group;

    *group = NULL;
    if (held && --held->holders == 0 && held->dissolved)
        group_free(held);
}

/* Nobody sits in it any more. */
static void group_end(struct group *group)
{
    struct hearing *hearing = group->hearing;

    TAILQ_REMOVE(&hearing->groups, group, link);
    hearing->group_count--;
    group->dissolved = true;
    group->open = group->heard = false;
    group->stream->ops->close(group->stream);
    loop_timer_stop(group->timer);
    if (group->holders == 0)
        group_free(group);
}

bool streams_any_open(const struct hearing *hearing)
{
    const struct group *group;

    TAILQ_FOREACH(group, &hearing->groups, link)
    {
        if (group->heard)
            return true;
    }
    return false;
}

static int count_heard(const struct hearing *hearing)
{
    const struct group *group;
    int count = 0;

    TAILQ_FOREACH(group, &hearing->groups, link) count += group->heard;
    return count;
}

static struct member *find_subscription(const struct group *group, const char *subscription)
{
    struct member *member;

    TAILQ_FOREACH(member, &group->members, seat)
    {
        if (member->subscription && strcmp(member->subscription, subscription) == 0)
            return member;
    }
    return NULL;
}

/* ---- opening ---- */

static int64_t back_off(struct group *group, const struct err *err)
{
    int64_t wait = BACK_OFF_FIRST_MS;

    for (int i = 1; i < group->failures && wait < BACK_OFF_LAST_MS; i++)
        wait *= 2;
    if (wait > BACK_OFF_LAST_MS)
        wait = BACK_OFF_LAST_MS;
    if (err->when == ERR_WHEN_BACK_OFF && err->back_off_ms > wait)
        wait = err->back_off_ms;
    return rng_jitter(&group->hearing->all->rng, wait, 20);
}

/* Exchange takes no more hanging connections: those that are heard are as many as it allows. */
static void learn_limit(struct hearing *hearing, const struct err *err)
{
    if (strcmp(err->code, "ErrorExceededConnectionCount") != 0)
        return;
    int heard = count_heard(hearing);
    hearing->group_limit = heard > 0 ? heard : 1;
    log_warning(&hearing->log, "Exchange allows %d streams; other mailboxes are polled",
                hearing->group_limit);
}

/* The anchor is what is wrong, not streams: the next group takes another one. */
static bool is_anchors_fault(const struct group *group, const struct err *err)
{
    return group->anchor && err->code[0] &&
           (err->kind == ERR_DENIED || err->kind == ERR_NO_MAILBOX);
}

static void failed(struct group *group, const struct err *err)
{
    struct hearing *hearing = group->hearing;

    if (is_anchors_fault(group, err)) {
        log_info(&hearing->log, "a stream needs another anchor mailbox: %s", err->text);
        group->anchor->no_anchor = true;
        streams_dissolve(group);
        return;
    }
    group->failures++;
    if (group->failures > hearing->stream_failures)
        hearing->stream_failures = group->failures;
    log_info(&hearing->log, "a stream for %d mailboxes failed (%d in a row): %s", group->seats,
             group->failures, err->text);
    learn_limit(hearing, err);
    bool hopeless = group->failures >= HEAR_STREAM_FAILURES || hearing->state == HEAR_AT_POLL ||
                    strcmp(err->code, "ErrorExceededConnectionCount") == 0;
    if (hopeless)
        streams_dissolve(group);
    else
        loop_timer_set(group->timer, back_off(group, err));
    subscriptions_consider(hearing->all);
}

static void ended(struct group *group, const struct err *err)
{
    struct subscriptions *all = group->hearing->all;
    int64_t lasted = mono_since(loop_now(all->deps.loop), group->opened);
    bool good = err->kind == ERR_OK || (group->heard && lasted >= STEADY_MS);

    group->open = group->heard = false;
    if (!good) {
        failed(group, err);
        return;
    }
    group->failures = 0;
    if (err->kind != ERR_OK)
        log_info(&group->hearing->log, "a stream broke and is opened anew: %s", err->text);
    loop_timer_set(group->timer,
                   lasted < BRIEF_MS ? BRIEF_MS : (int64_t)rng_below(&all->rng, AGAIN_MS));
}

static void opened(struct group *group)
{
    struct subscriptions *all = group->hearing->all;
    uint64_t window = (uint64_t)group->seats * SUBSCRIPTIONS_SPREAD_MS;
    struct member *member;

    group->heard = true;
    group->failures = 0;
    group->hearing->stream_failures = 0;
    TAILQ_FOREACH(member, &group->members, seat)
    {
        if (member->subscription)
            subscriptions_mark(all, member, (int64_t)rng_below(&all->rng, window + 1));
    }
    subscriptions_consider(all);
}

static void lost(struct group *group, const char *subscription)
{
    struct member *member = find_subscription(group, subscription);
    struct subscriptions *all = group->hearing->all;

    if (!member)
        return;
    free(member->subscription);
    member->subscription = NULL;
    member->end_row = true;
    subscriptions_mark(all, member, subscriptions_spread(all));
}

static void on_stream(enum remote_stream_word word, const char *subscription,
                      const struct remote_where *where, const struct err *err, void *arg)
{
    struct group *group = arg;
    struct subscriptions *all = group->hearing->all;
    struct member *member;

    switch (word) {
    case REMOTE_STREAM_OPEN: opened(group); break;
    case REMOTE_STREAM_CHANGED:
        member = find_subscription(group, subscription);
        if (member)
            subscriptions_mark_where(all, member, where);
        break;
    case REMOTE_STREAM_FOLDERS:
        member = find_subscription(group, subscription);
        if (!member)
            break;
        member->folders = true;
        subscriptions_mark(all, member, 0);
        break;
    case REMOTE_STREAM_LOST: lost(group, subscription); break;
    case REMOTE_STREAM_ENDED: ended(group, err); break;
    }
}

/* Those whose mailbox is gone, or not synchronised any more. False: nobody is left. */
static bool prune(struct group *group)
{
    struct subscriptions *all = group->hearing->all;
    struct member *member, *next;
    struct mailbox mailbox;
    struct err err;
    int left = group->seats;

    for (member = TAILQ_FIRST(&group->members); left > 0 && member; member = next) {
        next = TAILQ_NEXT(member, seat);
        if (mailbox_get(all->deps.store, member->mailbox, &mailbox, &err) && !mailbox.removed &&
            mailbox.single_inbox)
            continue;
        left--;
        streams_leave(member); /* the last one ends the group */
    }
    return left > 0;
}

static void open_group(void *arg)
{
    struct group *group = arg;
    const char *subscriptions[LIMIT_STREAM_MAILBOXES];
    struct member *member;
    size_t count = 0;
    struct err err;

    if (!prune(group))
        return;
    TAILQ_FOREACH(member, &group->members, seat)
    {
        if (member->subscription)
            subscriptions[count++] = member->subscription;
    }
    group->open = group->heard = false;
    group->stream->ops->close(group->stream);
    if (count == 0)
        return;
    group->opened = loop_now(group->hearing->all->deps.loop);
    group->open = group->stream->ops->open(group->stream, subscriptions, count, &err);
    if (!group->open)
        failed(group, &err);
}

/* ---- seats ---- */

/* One connection reaches one server: with autodiscover, which was found for the mailbox, and
 * the group that Exchange put it in (GroupingInformation). False: that is not known yet. */
static bool place_of(const struct hearing *hearing, const struct mailbox *mailbox, char *place,
                     size_t size)
{
    struct endpoint endpoint;
    bool found;
    struct err err;

    place[0] = '\0';
    if (hearing->exchange->url)
        return true;
    if (!endpoint_get(hearing->all->deps.store, hearing->exchange->name, mailbox->smtp,
                      &endpoint, &found, &err) ||
        !found)
        return false;
    snprintf(place, size, "%s %s", endpoint.url, endpoint.group);
    return true;
}

struct first {
    struct hearing *hearing;
    const char *place;
    struct mailbox mailbox; /* the first by address that has no seat */
    bool found;
};

static bool compare_address(const struct mailbox *mailbox, void *arg)
{
    struct first *first = arg;
    struct subscriptions *all = first->hearing->all;
    char place[LIMIT_URL + LIMIT_GROUP];

    if (!mailbox->single_inbox ||
        config_exchange(all->deps.config, mailbox->exchange) != first->hearing->exchange ||
        (first->found && strcasecmp(mailbox->smtp, first->mailbox.smtp) >= 0))
        return true;
    struct member *member = subscriptions_member(all, mailbox);
    if (member && !member->group && !member->no_anchor &&
        place_of(first->hearing, mailbox, place, sizeof place) &&
        strcmp(place, first->place) == 0) {
        first->mailbox = *mailbox;
        first->found = true;
    }
    return true;
}

static void sit(struct member *member, struct group *group)
{
    member->group = group;
    group->seats++;
    TAILQ_INSERT_TAIL(&group->members, member, seat);
}

/* The anchor is the first of its group by address, and sits in it from the beginning. A group
 * for an exception, while the others are called, has only that one to begin with. */
static struct group *group_new(struct hearing *hearing, const struct mailbox *mailbox,
                               const char *place)
{
    struct subscriptions *all = hearing->all;
    const struct subscriptions_deps *deps = &all->deps;
    struct first first = {.hearing = hearing, .place = place, .mailbox = *mailbox};
    bool many = hearing->state == HEAR_AT_STREAM_TRIAL || hearing->state == HEAR_AT_STREAM;
    struct err err;

    if (many && !mailbox_each(deps->store, compare_address, &first, &err))
        return NULL;
    struct group *group = calloc(1, sizeof *group);
    if (!group)
        return NULL;
    group->hearing = hearing;
    text_copy(group->place, sizeof group->place, place);
    TAILQ_INIT(&group->members);
    group->timer = loop_timer_new(deps->loop, open_group, group);
    group->stream = group->timer ? deps->open_stream(hearing->exchange, first.mailbox.smtp,
                                                     on_stream, group, deps->arg)
                                 : NULL;
    if (!group->stream) {
        group_free(group);
        return NULL;
    }
    TAILQ_INSERT_TAIL(&hearing->groups, group, link);
    hearing->group_count++;
    group->anchor = subscriptions_member(all, &first.mailbox);
    if (first.found)
        sit(group->anchor, group);
    return group;
}

struct group *streams_seat(struct member *member, const struct mailbox *mailbox)
{
    struct hearing *hearing = member->hearing;
    char place[LIMIT_URL + LIMIT_GROUP];
    struct group *group;

    if (member->group || !hearing->all->deps.open_stream ||
        !place_of(hearing, mailbox, place, sizeof place))
        return member->group;
    TAILQ_FOREACH(group, &hearing->groups, link)
    {
        if (group->seats < LIMIT_STREAM_MAILBOXES && strcmp(group->place, place) == 0)
            break;
    }
    if (!group && hearing->group_count < hearing->group_limit)
        group = group_new(hearing, mailbox, place);
    if (group && !member->group)
        sit(member, group);
    return group;
}

void streams_joined(struct member *member, const char *subscription)
{
    struct group *group = member->group;
    struct group *made_for = member->holding ? member->holding : group;
    struct subscriptions *all = member->hearing->all;

    if (!group || group != made_for) { /* it was dissolved meanwhile */
        unsubscribe_add(all->unsubscribe, member->mailbox, subscription, made_for);
        member->end_row = true;
        subscriptions_mark(all, member, subscriptions_spread(all));
        return;
    }
    if (member->subscription)
        unsubscribe_add(all->unsubscribe, member->mailbox, member->subscription, group);
    free(member->subscription);
    member->subscription = strdup(subscription);
    member->end_row = false;
    if (!loop_timer_is_set(group->timer))
        loop_timer_set(group->timer, group->open ? JOIN_AGAIN_MS : JOIN_MS);
}

void streams_leave(struct member *member)
{
    struct group *group = member->group;

    if (!group)
        return;
    if (member->subscription) {
        unsubscribe_add(member->hearing->all->unsubscribe, member->mailbox,
                        member->subscription, group);
        member->end_row = true;
    }
    free(member->subscription);
    member->subscription = NULL;
    member->group = NULL;
    group->seats--;
    TAILQ_REMOVE(&group->members, member, seat);
    if (group->seats == 0)
        group_end(group);
}

void streams_dissolve(struct group *group)
{
    struct subscriptions *all = group->hearing->all;
    struct member *member;
    int seats = group->seats;

    while (seats-- > 0) { /* the last one ends the group */
        member = TAILQ_FIRST(&group->members);
        bool subscribed = member->subscription != NULL;
        streams_leave(member);
        if (subscribed)
            subscriptions_mark(all, member, subscriptions_spread(all));
    }
}

void streams_free(struct hearing *hearing)
{
    struct group *group, *next;

    for (group = TAILQ_FIRST(&hearing->groups); group; group = next) {
        next = TAILQ_NEXT(group, link);
        group_free(group);
    }
    TAILQ_INIT(&hearing->groups);
    hearing->group_count = 0;
}
