#include "sync/late.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "queue/lag.h"
#include "store/alarm.h"

enum {
    LOOK_MS = 60 * 1000,
    EACH_MAX = 20, /* alarms for single mailboxes of one Exchange; more are one alarm */
    /* Alarms that are wanted or there; what is beyond waits for the next look. */
    ALARMS_MAX = 2 * (EACH_MAX + 1) * (CONFIG_EXCHANGES_MAX + 1),
};

struct alarms {
    struct alarm *list;
    int count;
};

/* The late mailboxes of one Exchange. */
struct crowd {
    const struct config_exchange *exchange;
    struct alarm single[EACH_MAX];
    int64_t oldest_ms;
    long long count;
};

struct late {
    struct loop *loop;
    struct store *store;
    const struct config *config;
    const struct log_ctx *log;
    struct loop_timer *timer;
    /* of the look under way */
    const char *name;
    struct crowd *crowds;
    struct alarms wanted, there;
};

/* ---- what is late ---- */

static struct crowd *crowd_of(struct late *late, const char *exchange)
{
    const struct config_exchange *section = config_exchange(late->config, exchange);

    return &late->crowds[section ? (size_t)(section - late->config->exchange)
                                 : late->config->exchange_count];
}

static void when(int64_t ms, char *out, size_t size)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;

    gmtime_r(&seconds, &tm);
    strftime(out, size, "%Y-%m-%d %H:%M UTC", &tm);
}

static bool add_late(const struct mailbox *mailbox, int64_t since_ms, void *arg)
{
    struct late *late = arg;
    struct crowd *crowd = crowd_of(late, mailbox->exchange);
    char since[32];

    if (crowd->count < EACH_MAX) {
        struct alarm *alarm = &crowd->single[crowd->count];
        when(since_ms, since, sizeof since);
        *alarm = (struct alarm){.id = 0};
        text_copy(alarm->name, sizeof alarm->name, late->name);
        text_copy(alarm->mailbox, sizeof alarm->mailbox, mailbox->id);
        snprintf(alarm->text, sizeof alarm->text,
                 "mailbox %s: a change of %s is not on the other side yet; \"sibctl sync "
                 "status %s\" says why",
                 mailbox->name, since, mailbox->name);
    }
    if (!crowd->count++ || since_ms < crowd->oldest_ms)
        crowd->oldest_ms = since_ms;
    return true;
}

static void want(struct late *late, const struct alarm *alarm)
{
    if (late->wanted.count < ALARMS_MAX)
        late->wanted.list[late->wanted.count++] = *alarm;
}

static void want_crowd(struct late *late, const struct crowd *crowd)
{
    struct alarm alarm = {.id = 0};
    const char *name = crowd->exchange ? crowd->exchange->name : "";
    char since[32];

    when(crowd->oldest_ms, since, sizeof since);
    text_copy(alarm.name, sizeof alarm.name, late->name);
    text_copy(alarm.subject, sizeof alarm.subject, name);
    snprintf(
        alarm.text, sizeof alarm.text,
        "Exchange %s: %lld mailboxes are behind, the oldest change is of %s; \"sibctl sync "
        "status\" shows them",
        name, crowd->count, since);
    want(late, &alarm);
}

static bool find_wanted(struct late *late, const char *name, int64_t limit_ms, struct err *err)
{
    size_t count = late->config->exchange_count + 1;

    late->name = name;
    for (size_t i = 0; i < count; i++) {
        late->crowds[i].count = 0;
        late->crowds[i].exchange = i + 1 < count ? &late->config->exchange[i] : NULL;
    }
    if (!lag_each(late->store, store_now(late->store).ms - limit_ms, add_late, late, err))
        return false;
    for (size_t i = 0; i < count; i++) {
        const struct crowd *crowd = &late->crowds[i];
        if (crowd->count > EACH_MAX)
            want_crowd(late, crowd);
        else
            for (long long k = 0; k < crowd->count; k++)
                want(late, &crowd->single[k]);
    }
    return true;
}

/* ---- what is raised, and the difference ---- */

static bool add_there(const struct alarm *alarm, void *arg)
{
    struct late *late = arg;

    if ((strcmp(alarm->name, ALARM_SYNC_DELAYED) == 0 ||
         strcmp(alarm->name, ALARM_SYNC_STALLED) == 0) &&
        late->there.count < ALARMS_MAX)
        late->there.list[late->there.count++] = *alarm;
    return true;
}

static const struct alarm *find(const struct alarms *alarms, const struct alarm *alarm)
{
    for (int i = 0; i < alarms->count; i++) {
        const struct alarm *one = &alarms->list[i];
        if (strcmp(one->name, alarm->name) == 0 && strcmp(one->mailbox, alarm->mailbox) == 0 &&
            strcmp(one->subject, alarm->subject) == 0)
            return one;
    }
    return NULL;
}

static bool is_new(const struct late *late, const struct alarm *wanted)
{
    const struct alarm *old = find(&late->there, wanted);

    return !old || strcmp(old->text, wanted->text) != 0;
}

static bool differs(const struct late *late)
{
    for (int i = 0; i < late->there.count; i++) {
        if (!find(&late->wanted, &late->there.list[i]))
            return true;
    }
    for (int i = 0; i < late->wanted.count; i++) {
        if (is_new(late, &late->wanted.list[i]))
            return true;
    }
    return false;
}

static bool write_difference(struct late *late, struct err *err)
{
    struct store *store = late->store;

    for (int i = 0; i < late->there.count; i++) {
        const struct alarm *old = &late->there.list[i];
        if (!find(&late->wanted, old) &&
            !alarm_clear(store, old->name, old->mailbox, old->subject, err))
            return false;
    }
    for (int i = 0; i < late->wanted.count; i++) {
        const struct alarm *alarm = &late->wanted.list[i];
        if (is_new(late, alarm) &&
            !alarm_raise(store, alarm->name, alarm->mailbox, alarm->subject, alarm->text, err))
            return false;
    }
    return true;
}

static bool look_now(struct late *late, struct err *err)
{
    late->wanted.count = late->there.count = 0;
    if (late->config->sync.single_inbox &&
        (!find_wanted(late, ALARM_SYNC_DELAYED, late->config->sync.lag_limit_ms, err) ||
         !find_wanted(late, ALARM_SYNC_STALLED, TIME_STALLED_MS, err)))
        return false;
    if (!alarm_each(late->store, add_there, late, err))
        return false;
    if (!differs(late))
        return true;
    bool ok = store_begin(late->store, err) && write_difference(late, err) &&
              store_commit(late->store, err);
    store_rollback(late->store);
    return ok;
}

/* A store that failed for good is found by whoever writes to it next. */
static void look(void *arg)
{
    struct late *late = arg;
    struct err err;

    if (!look_now(late, &err))
        log_warning(late->log, "alarms for mailboxes that are behind: %s", err.text);
    loop_timer_set(late->timer, LOOK_MS);
}

struct late *late_new(struct loop *loop, struct store *store, const struct config *config,
                      const struct log_ctx *log)
{
    struct late *late = calloc(1, sizeof *late);

    if (!late)
        return NULL;
    *late = (struct late){.loop = loop, .store = store, .config = config, .log = log};
    late->timer = loop_timer_new(loop, look, late);
    late->crowds = calloc(config->exchange_count + 1, sizeof *late->crowds);
    late->wanted.list = calloc(ALARMS_MAX, sizeof *late->wanted.list);
    late->there.list = calloc(ALARMS_MAX, sizeof *late->there.list);
    if (!late->timer || !late->crowds || !late->wanted.list || !late->there.list) {
        late_free(&late);
        return NULL;
    }
    loop_timer_set(late->timer, LOOK_MS);
    return late;
}

void late_free(struct late **late)
{
    if (*late) {
        loop_timer_free(&(*late)->timer);
        free((*late)->crowds);
        free((*late)->wanted.list);
        free((*late)->there.list);
        free(*late);
    }
    *late = NULL;
}
