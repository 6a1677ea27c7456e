#include "tests/exchange/exchange_limit.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/exchange/exchange_push.h"

const char ex_limits_help[] =
    "Limits: --limits SPEC[,SPEC...], each SPEC is WORD=NUMBER[@MAILBOX]; off without one\n"
    "  burst=MS         the budget at first, and at most; every request costs some of it\n"
    "  recharge=MS      that much comes back in an hour (default 900000)\n"
    "  cutoff=MS        so far below zero the mailbox is ErrorServerBusy, in its three shapes\n"
    "                   in turn, until the budget is positive again (default 0); between,\n"
    "                   every answer is held back half a second\n"
    "  cost=PERCENT     of what a request costs else (20 ms to 60 ms, 10 ms for each further\n"
    "                   thing in it, 1 ms for 8 KiB of it; refused 5 ms)\n"
    "  work=1           an answer takes as long as the request costs\n"
    "  concurrency=N    requests at a time, else ErrorExceededConnectionCount\n"
    "  syncs=N          SyncFolderItems and -Hierarchy at a time, else ErrorServerBusy\n"
    "  subscriptions=N  else ErrorExceededSubscriptionCount\n"
    "  quota=BYTES      all that is in the mailbox, else ErrorQuotaExceeded on creates\n";

enum which { BURST, RECHARGE, CUTOFF, COST, WORK, CONCURRENCY, SYNCS, SUBSCRIPTIONS, QUOTA };
enum { WHICHES = QUOTA + 1, HELD_MAX = 128, MICRO_DELAY_MS = 500, SYNC_BACK_OFF_MS = 5000 };

static const struct {
    const char *word;
    int64_t otherwise; /* -1: no limit */
} knobs[WHICHES] = {
    [BURST] = {"burst", -1},  [RECHARGE] = {"recharge", 900000},
    [CUTOFF] = {"cutoff", 0}, [COST] = {"cost", 100},
    [WORK] = {"work", 0},     [CONCURRENCY] = {"concurrency", -1},
    [SYNCS] = {"syncs", -1},  [SUBSCRIPTIONS] = {"subscriptions", -1},
    [QUOTA] = {"quota", -1},
};

struct rule {
    struct rule *next;
    enum which which;
    int64_t number;
    char mailbox[256]; /* "": all */
};

/* A connection that a request holds; free once its answer has left. */
struct held {
    bool used, sync, leaving;
    struct mono until; /* with leaving */
};

struct gauge {
    struct gauge *next;
    int64_t mailbox;
    int64_t value[WHICHES];
    int64_t balance; /* milliseconds */
    int64_t unpaid;  /* recharge that was too little for a millisecond, in ms * ms an hour */
    struct mono charged;
    bool cut_off;
    int refused; /* how often, for the shape */
    struct held held[HELD_MAX];
};

struct limits {
    struct rule *first, **end;
    struct gauge *gauges;
};

static bool parse_rule(struct rule *rule, char *text)
{
    char *at = strchr(text, '@'), *equals = strchr(text, '='), *rest;
    if (at) {
        *at++ = '\0';
        if (!at[0] || strlen(at) >= sizeof rule->mailbox)
            return false;
        snprintf(rule->mailbox, sizeof rule->mailbox, "%s", at);
    }
    if (!equals || equals < text || (at && equals > at))
        return false;
    *equals = '\0';
    rule->number = strtoll(equals + 1, &rest, 10);
    if (rest == equals + 1 || *rest || rule->number < 0 || rule->number > INT64_C(1) << 50)
        return false;
    for (int i = 0; i < WHICHES; i++)
        if (!strcmp(knobs[i].word, text)) {
            rule->which = (enum which)i;
            return true;
        }
    return false;
}

static bool add_rule(struct limits *limits, char *part, struct err *err)
{
    struct rule *rule = calloc(1, sizeof *rule);
    char text[160];
    snprintf(text, sizeof text, "%s", part);
    if (!rule || !parse_rule(rule, part)) {
        free(rule);
        return err_set(err, ERR_USAGE, "the limit \"%s\" is not understood; see --help", text);
    }
    *limits->end = rule;
    limits->end = &rule->next;
    return true;
}

struct limits *ex_limits_new(const char *spec, struct err *err)
{
    struct limits *limits = calloc(1, sizeof *limits);
    char *copy = strdup(spec);
    bool ok = limits && copy;
    if (!ok)
        err_set(err, ERR_SYSTEM, "no memory for limits");
    if (limits)
        limits->end = &limits->first;
    for (char *save = NULL, *part = ok ? strtok_r(copy, ", ", &save) : NULL; part && ok;
         part = strtok_r(NULL, ", ", &save))
        ok = add_rule(limits, part, err);
    free(copy);
    if (!ok)
        ex_limits_free(&limits);
    return limits;
}

void ex_limits_free(struct limits **limits)
{
    if (!*limits)
        return;
    for (struct rule *rule = (*limits)->first, *next; rule; rule = next) {
        next = rule->next;
        free(rule);
    }
    for (struct gauge *gauge = (*limits)->gauges, *next; gauge; gauge = next) {
        next = gauge->next;
        free(gauge);
    }
    free(*limits);
    *limits = NULL;
}

static void set_values(const struct limits *limits, struct gauge *gauge, const char *address)
{
    for (int i = 0; i < WHICHES; i++)
        gauge->value[i] = knobs[i].otherwise;
    for (const struct rule *rule = limits->first; rule; rule = rule->next)
        if (!rule->mailbox[0] || !fnmatch(rule->mailbox, address, FNM_CASEFOLD))
            gauge->value[rule->which] = rule->number;
}

/* NULL when nothing is limited at all. */
static struct gauge *gauge_of(struct exchange *ex, int64_t mailbox)
{
    struct limits *limits = ex->limits;
    char address[LIMIT_ADDRESS];
    if (!limits || !limits->first || !mailbox)
        return NULL;
    for (struct gauge *gauge = limits->gauges; gauge; gauge = gauge->next)
        if (gauge->mailbox == mailbox)
            return gauge;
    struct gauge *gauge = calloc(1, sizeof *gauge);
    if (!gauge)
        return NULL;
    exchange_address(ex, mailbox, address, sizeof address);
    set_values(limits, gauge, address);
    gauge->mailbox = mailbox;
    gauge->balance = gauge->value[BURST];
    gauge->charged = loop_now(ex->loop);
    gauge->next = limits->gauges;
    limits->gauges = gauge;
    return gauge;
}

enum { HOUR_MS = 60 * 60 * 1000 };

static void recharge(struct exchange *ex, struct gauge *gauge)
{
    struct mono now = loop_now(ex->loop);
    int64_t passed = mono_since(now, gauge->charged);
    gauge->charged = now;
    if (gauge->value[BURST] < 0 || passed <= 0)
        return;
    if (passed > 24 * (int64_t)HOUR_MS) /* more than any budget needs */
        passed = 24 * (int64_t)HOUR_MS;
    gauge->unpaid += passed * gauge->value[RECHARGE];
    gauge->balance += gauge->unpaid / HOUR_MS;
    gauge->unpaid %= HOUR_MS;
    if (gauge->balance > gauge->value[BURST])
        gauge->balance = gauge->value[BURST];
    if (gauge->balance > 0)
        gauge->cut_off = false;
}

static bool is_sync(const char *operation)
{
    return !strncmp(operation, "SyncFolder", 10);
}

static void count_held(struct exchange *ex, struct gauge *gauge, int *all, int *syncs)
{
    struct mono now = loop_now(ex->loop);
    *all = *syncs = 0;
    for (int i = 0; i < HELD_MAX; i++) {
        struct held *held = &gauge->held[i];
        if (held->used && held->leaving && mono_since(now, held->until) >= 0)
            held->used = false;
        *all += held->used;
        *syncs += held->used && held->sync;
    }
}

static void take_place(struct gauge *gauge, const char *operation)
{
    for (int i = 0; i < HELD_MAX; i++)
        if (!gauge->held[i].used) {
            gauge->held[i] = (struct held){.used = true, .sync = is_sync(operation)};
            return;
        }
}

void ex_limits_enter(struct exchange *ex, int64_t mailbox, const char *operation,
                     struct limit_refusal *refusal)
{
    struct gauge *gauge = gauge_of(ex, mailbox);
    int all, syncs;
    *refusal = (struct limit_refusal){.code = NULL};
    if (!gauge)
        return;
    recharge(ex, gauge);
    count_held(ex, gauge, &all, &syncs);
    const int64_t *value = gauge->value;
    if (value[CONCURRENCY] >= 0 && all >= value[CONCURRENCY]) {
        *refusal = (struct limit_refusal){.code = "ErrorExceededConnectionCount"};
    } else if (is_sync(operation) && value[SYNCS] >= 0 && syncs >= value[SYNCS]) {
        *refusal = (struct limit_refusal){.code = "ErrorServerBusy",
                                          .back_off_ms = SYNC_BACK_OFF_MS,
                                          .policy = "ConcurrentSyncCalls"};
    } else if (gauge->cut_off) {
        int64_t rate = value[RECHARGE] > 0 ? value[RECHARGE] : 1;
        *refusal =
            (struct limit_refusal){.code = "ErrorServerBusy",
                                   .back_off_ms = (1 - gauge->balance) * HOUR_MS / rate + 1};
    }
    if (refusal->code)
        refusal->shape = gauge->refused++ % 3;
    take_place(gauge, operation);
}

static int64_t cost_of(const struct gauge *gauge, const char *operation, int things,
                       int64_t bytes)
{
    static const struct {
        const char *operation;
        int64_t ms;
    } costs[] = {{"SyncFolderItems", 50}, {"SyncFolderHierarchy", 50}, {"FindItem", 60},
                 {"FindFolder", 40},      {"CreateItem", 40},          {"Subscribe", 60}};
    int64_t ms = 20;
    if (!things)
        return 5;
    for (size_t i = 0; i < sizeof costs / sizeof *costs; i++)
        if (!strcmp(costs[i].operation, operation))
            ms = costs[i].ms;
    ms += (things - 1) * 10 + bytes / (8 * KIB);
    return ms * gauge->value[COST] / 100;
}

/* The oldest request of that kind that is still being worked on leaves. */
static void free_place(struct gauge *gauge, const char *operation, struct mono until)
{
    for (int i = 0; i < HELD_MAX; i++) {
        struct held *held = &gauge->held[i];
        if (held->used && !held->leaving && held->sync == is_sync(operation)) {
            held->leaving = true;
            held->until = until;
            return;
        }
    }
}

int64_t ex_limits_leave(struct exchange *ex, int64_t mailbox, const char *operation, int things,
                        int64_t bytes, int64_t hold_ms)
{
    struct gauge *gauge = gauge_of(ex, mailbox);
    int64_t longer_ms = 0;
    if (!gauge)
        return 0;
    int64_t cost = cost_of(gauge, operation, things, bytes);
    if (gauge->value[BURST] >= 0) {
        recharge(ex, gauge);
        gauge->balance -= cost;
        gauge->cut_off = gauge->cut_off || gauge->balance < -gauge->value[CUTOFF];
        longer_ms += gauge->balance < 0 && things ? MICRO_DELAY_MS : 0;
    }
    if (gauge->value[WORK] && things)
        longer_ms += cost;
    free_place(gauge, operation, mono_add(loop_now(ex->loop), hold_ms + longer_ms));
    return longer_ms;
}

bool ex_limits_may_subscribe(struct exchange *ex, int64_t mailbox)
{
    struct gauge *gauge = gauge_of(ex, mailbox);
    return !gauge || gauge->value[SUBSCRIPTIONS] < 0 ||
           ex_push_count(ex->push, mailbox) < gauge->value[SUBSCRIPTIONS];
}

bool ex_limits_is_full(struct exchange *ex, int64_t mailbox)
{
    struct gauge *gauge = gauge_of(ex, mailbox);
    if (!gauge || gauge->value[QUOTA] < 0)
        return false;
    return ex_db_value(ex->db, 0, "SELECT sum(size) FROM item WHERE mailbox=? AND gone=0", "i",
                       mailbox) >= gauge->value[QUOTA];
}

int64_t ex_limits_balance(struct exchange *ex, int64_t mailbox)
{
    struct gauge *gauge = gauge_of(ex, mailbox);
    if (!gauge)
        return 0;
    recharge(ex, gauge);
    return gauge->balance;
}
