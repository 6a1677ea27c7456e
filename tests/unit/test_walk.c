/* A random walk: people on both sides, faults of Exchange and of the network, sudden ends of
 * the service, all from one seed on virtual time; then quiet. Afterwards both sides agree, and
 * at no moment was there more than one visible item of a message.
 *
 * WALK_FIRST=k WALK_SEEDS=n runs n seeds from k on (make prove: many); a failing seed is
 * printed and replays with WALK_FIRST=seed WALK_SEEDS=1. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/history.h"
#include "store/mapping.h"
#include "tests/exchange/exchange_user.h"
#include "tests/support/site.h"

enum { MESSAGES = 12, ACTS = 80, QUIET_MS = 2 * 3600 * 1000, SEEDS = 40 };

struct walk {
    struct site *site;
    struct rng rng;
    uint64_t seed;
    char ids[MESSAGES][LIMIT_UUID];
    bool ann[MESSAGES];     /* whose it is */
    bool several[MESSAGES]; /* a person made it lawful that there are several items */
    int count;
};

/* WALK_LOG=1 tells the story. */
static void tell(const struct walk *w, const char *who, const char *what, int i)
{
    if (getenv("WALK_LOG"))
        fprintf(stderr, "%lld %s: %s %s\n", (long long)loop_now(w->site->loop).ms, who, what,
                i < 0 ? "" : w->ids[i]);
}

static const char *owner(const struct walk *w, int i)
{
    return w->ann[i] ? "ann" : "ben";
}

static void deposit(struct walk *w)
{
    static const char *const flags[] = {"", "u", "p", "s", ""};
    int i = w->count;

    if (i == MESSAGES)
        return;
    w->ann[i] = rng_below(&w->rng, 2);
    site_deposit(w->site, owner(w, i), "en-short-pcm16.wav", flags[rng_below(&w->rng, 5)],
                 w->ids[i]);
    w->count++;
}

static void by_phone(struct walk *w, int i)
{
    struct store *store = w->site->store;
    const char *id = w->ids[i];
    char subject[32];
    struct err err;

    snprintf(subject, sizeof subject, "phone %d", (int)rng_below(&w->rng, 100));
    uint64_t what = rng_below(&w->rng, 8);
    static const char *const names[] = {"read",   "unread",  "delete",        "restore",
                                        "urgent", "subject", "perhaps purge", "read or not"};
    tell(w, "phone", names[what], i);
    /* What is refused (a purged message) is refused. */
    switch (what) {
    case 0: phone_set_read(store, id, true, NULL, NULL, &err); break;
    case 1: phone_set_read(store, id, false, NULL, NULL, &err); break;
    case 2: phone_delete(store, id, NULL, NULL, &err); break;
    case 3: phone_restore(store, id, NULL, NULL, &err); break;
    case 4: phone_set_urgent(store, id, rng_below(&w->rng, 2), NULL, NULL, &err); break;
    case 5: phone_set_subject(store, id, subject, NULL, NULL, &err); break;
    case 6:
        if (rng_below(&w->rng, 3) == 0)
            phone_purge(store, id, NULL, NULL, &err);
        break;
    default: phone_set_read(store, id, rng_below(&w->rng, 2), NULL, NULL, &err); break;
    }
    if (w->site->scheduler)
        scheduler_poke(w->site->scheduler);
}

static void in_exchange(struct walk *w, int i)
{
    static const char *const acts[][3] = {{"read"},
                                          {"unread"},
                                          {"delete"},
                                          {"delete"},
                                          {"restore"},
                                          {"move", "Inbox/Kept"},
                                          {"move", "Archive"},
                                          {"move", "Junk Email"},
                                          {"purge"},
                                          {"subject", "outlook"},
                                          {"urgent", "on"},
                                          {"urgent", "off"},
                                          {"move", "Deleted Items/Old"},
                                          {"move", "Inbox"},
                                          {"copy", "Inbox/Copies"}};
    const char *const *act = acts[rng_below(&w->rng, sizeof acts / sizeof acts[0])];
    const char *words[] = {w->ids[i], act[1]};
    char address[64], item[EXCHANGE_ID_MAX];
    struct err err;

    if (strcmp(act[0], "copy") == 0 && rng_below(&w->rng, 4))
        return;
    if (strcmp(act[0], "copy") == 0 || (act[1] && strcmp(act[1], "Archive") == 0))
        w->several[i] = true;
    snprintf(address, sizeof address, "%s@example.net", owner(w, i));
    /* It may not be there (yet, or any more): then nothing happens. */
    bool done = exchange_user_act(w->site->exchange, address, act[0], words, act[1] ? 2 : 1,
                                  item, &err);
    tell(w, done ? "outlook" : "outlook, in vain", act[1] ? act[1] : act[0], i);
}

static void trouble(struct walk *w)
{
    static const char *const faults[] = {
        "",
        "",
        "lose-answer:CreateItem:40%",
        "drop:CreateItem:40%",
        "late:CreateItem:30%:4000",
        "late:CreateItem:30%:6900",
        "lose-answer:MoveItem:50%,lose-answer:UpdateItem:50%",
        "busy-200:*:30%:3000",
        "busy-fault:*:30%",
        "http-503:*:40%:5",
        "cut-answer:SyncFolderItems:40%",
        "code:SyncFolderItems:ErrorInvalidSyncStateData:20%",
        "lose-answer:*:20%,drop:*:20%",
        "html:*:20%",
    };
    struct err err;

    const char *fault = faults[rng_below(&w->rng, sizeof faults / sizeof faults[0])];

    tell(w, "fault", fault, -1);
    if (!exchange_set_faults(w->site->exchange, fault, &err))
        fail_msg("%s", err.text);
}

static void act(struct walk *w)
{
    int i = w->count ? (int)rng_below(&w->rng, (uint64_t)w->count) : 0;

    switch (rng_below(&w->rng, 12)) {
    case 0:
    case 1: deposit(w); break;
    case 2:
    case 3:
    case 4:
        if (w->count)
            by_phone(w, i);
        break;
    case 5:
    case 6:
    case 7:
        if (w->count)
            in_exchange(w, i);
        break;
    case 8: trouble(w); break;
    case 9:
        tell(w, "service", w->site->scheduler ? "killed" : "started", -1);
        if (w->site->scheduler)
            site_kill(w->site);
        else
            site_start(w->site);
        break;
    case 10: exchange_drop_subscriptions(w->site->exchange); break;
    default: site_run(w->site, (int64_t)rng_below(&w->rng, 60000)); break;
    }
    site_run(w->site, (int64_t)rng_below(&w->rng, 700));
}

static void check_single(struct walk *w)
{
    for (int i = 0; i < w->count; i++) {
        int items = w->several[i] ? 1 : site_items(w->site, owner(w, i), w->ids[i]);
        if (items > 1)
            fail_msg("seed %llu: message %s is there %d times", (unsigned long long)w->seed,
                     w->ids[i], items);
    }
}

static bool tell_history(const struct history *entry, void *arg)
{
    (void)arg;
    fprintf(stderr, "  %lld %s %s: %s\n", (long long)entry->time_ms, entry->side, entry->what,
            entry->why);
    return true;
}

/* What is known of each message, when a walk failed. */
static void tell_all(struct walk *w)
{
    struct item_row items[8];
    struct agreed agreed;
    struct mailbox mailbox;
    struct err err;
    int count;

    for (int i = 0; i < w->count; i++) {
        struct message message = site_message(w->site, w->ids[i]);
        if (!mailbox_get(w->site->store, message.mailbox, &mailbox, &err) ||
            !agreed_get(w->site->store, w->ids[i], &agreed, &err) ||
            !item_list(w->site->store, mailbox.id, w->ids[i], items, 8, &count, &err))
            fail_msg("%s", err.text);
        fprintf(stderr, "%s: here %s, agreed %d, dirty %lld, items %d there %d\n", w->ids[i],
                message_folder_name(message.folder), agreed.place,
                (long long)message.dirty_since_ms, count,
                site_items(w->site, mailbox.name, w->ids[i]));
        for (int k = 0; k < count; k++)
            fprintf(stderr, "  item %.20s in %.20s (place %d) creation %s\n", items[k].id,
                    items[k].folder, items[k].place, items[k].creation);
        history_each(w->site->store, w->ids[i], tell_history, NULL, &err);
    }
}

static void walk(uint64_t seed)
{
    struct walk w = {.seed = seed, .rng = rng_seed(seed * 77 + 5)};
    char text[512];
    struct err err;

    w.site = site_new(seed, "request-timeout = 5s");
    w.site->expect_warnings = true;
    site_mailbox(w.site, "ann");
    site_mailbox(w.site, "ben");
    site_start(w.site);
    for (int i = 0; i < ACTS; i++) {
        act(&w);
        check_single(&w);
    }
    assert_true(exchange_set_faults(w.site->exchange, "", &err));
    if (!w.site->scheduler)
        site_start(w.site);
    site_run(w.site, QUIET_MS);
    bool agrees = site_agrees(w.site, text, sizeof text);
    if (!agrees && getenv("WALK_LOG"))
        tell_all(&w);
    if (!agrees)
        fail_msg("seed %llu: %s", (unsigned long long)seed, text);
    site_free(&w.site);
}

static uint64_t number(const char *name, uint64_t fallback)
{
    const char *text = getenv(name);

    return text ? strtoull(text, NULL, 10) : fallback;
}

static void after_any_walk_both_sides_agree(void **state)
{
    uint64_t first = number("WALK_FIRST", 1), seeds = number("WALK_SEEDS", SEEDS);

    (void)state;
    for (uint64_t seed = first; seed < first + seeds; seed++)
        walk(seed);
    print_message("%llu walks of %d acts\n", (unsigned long long)seeds, ACTS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(after_any_walk_both_sides_agree)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
