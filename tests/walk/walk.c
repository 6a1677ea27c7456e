#include "tests/walk/walk.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "queue/queue.h"

enum {
    QUIET_STEP_MS = 1000,
    QUIET_LONG_MS = 60 * 1000,
    QUIET_STEPS = 1500,             /* something that is begun again and again */
    QUIET_MAX_MS = 6 * 3600 * 1000, /* of virtual time until both sides must agree */
    DAY_MS = 25 * 3600 * 1000,
};

int walk_draw(struct walk *walk, int below)
{
    return (int)rng_below(&walk->rng, (uint64_t)below);
}

int64_t walk_wall(const struct walk *walk)
{
    return loop_wall(walk->site->loop).ms;
}

bool walk_find(struct walk *walk, const char *fmt, ...)
{
    va_list args;

    if (walk->finding[0])
        return false;
    va_start(args, fmt);
    vsnprintf(walk->finding, sizeof walk->finding, fmt, args);
    va_end(args);
    walk_say(walk->site, "JUDGE: %s", walk->finding);
    return false;
}

/* ---- acts ---- */

static void act(struct walk *walk)
{
    struct diary *diary = &walk->diary;
    struct diary_message *message =
        diary->count ? &diary->messages[walk_draw(walk, diary->count)] : NULL;
    int what = walk_draw(walk, 100);

    walk->acts++;
    if (what < 14 || !message)
        walk_deposit(walk);
    else if (what < 46)
        walk_phone(walk, message);
    else if (what < 78)
        walk_outlook(walk, message);
    else if (what < 82)
        walk_folders(walk);
    else if (what < 83)
        walk_mail(walk);
    else if (what < 85)
        walk_compose(walk);
    else if (what < 91)
        walk_trouble(walk);
    else if (what < 97)
        walk_service(walk);
    else
        walk_administrator(walk);
}

/* Acts come in bursts; between them, seconds or minutes. */
static void pass(struct walk *walk)
{
    int how = walk_draw(walk, 100);
    int64_t ms = how < 55   ? 1 + walk_draw(walk, 3)
                 : how < 90 ? 5 + walk_draw(walk, 300)
                 : how < 98 ? 1000 + walk_draw(walk, 5000)
                            : 10000 + walk_draw(walk, 120000);

    walk_site_pass(walk->site, ms);
}

/* ---- quiet ---- */

/* Until nothing waits any more but sweeps. What is done by the hour only is not waited for step
 * by step. */
static bool settle(struct walk *walk)
{
    struct walk_site *site = walk->site;
    int64_t passed = 0;

    for (int steps = 0; passed < QUIET_MAX_MS && steps < QUIET_STEPS; steps++) {
        int64_t wait = walk_site_waits(site);
        if (wait < 0 && !walk_resume(walk))
            return true;
        wait = wait < QUIET_STEP_MS ? QUIET_STEP_MS : wait;
        if (wait > QUIET_LONG_MS)
            walk_site_sleep(site, wait);
        else
            walk_site_pass(site, wait);
        passed += wait;
    }
    return walk_find(walk, "it does not come to rest: something is always due");
}

static bool sweep(struct walk *walk)
{
    for (int side = 0; side < WALK_SIDES; side++)
        walk_site_push(walk->site, side, QUEUE_SWEEP);
    return settle(walk);
}

/* Peace; and a sweep finds what no call told of. */
static bool quiet(struct walk *walk)
{
    walk_say(walk->site, "--- quiet ---");
    walk_peace(walk);
    return settle(walk) && judge_lag(walk) && sweep(walk) && judge_quiet(walk);
}

static bool is_at_rest(struct walk *walk)
{
    int64_t before = judge_mark(walk);

    return sweep(walk) &&
           (judge_mark(walk) == before ||
            walk_find(walk, "a sweep after everything was agreed wrote something"));
}

/* A day later nothing of staging is left. */
static bool clear_up(struct walk *walk)
{
    int runs = 8;

    walk_site_sleep(walk->site, DAY_MS);
    while (runs-- > 0 && sweep(walk)) {
    }
    for (int side = 0; side < WALK_SIDES && !walk->finding[0]; side++) {
        if (memory_hidden(walk->site->remote[side]))
            return walk_find(walk, "staged copies stay behind for ever");
    }
    return !walk->finding[0];
}

/* ---- the walk ---- */

static bool chapter(struct walk *walk)
{
    walk->chapter_at = walk_wall(walk);
    for (int i = 0; i < WALK_ACTS / WALK_CHAPTERS; i++) {
        act(walk);
        pass(walk);
        if (!judge_step(walk))
            return false;
    }
    return quiet(walk);
}

static void add_up(struct walk *walk, struct walk_sum *sum)
{
    const struct memory_remotes *remotes = walk->site->remotes;

    sum->acts += walk->acts;
    sum->runs += walk->site->runs;
    for (int i = 0; i < MEMORY_OPS; i++)
        sum->requests[i] += remotes->requests[i];
    for (int i = 0; i < MEMORY_FAULTS; i++)
        sum->hits[i] += remotes->hits[i];
}

bool walk_run(struct walk_site *site, uint64_t seed, struct walk *walk, struct walk_sum *sum)
{
    memset(walk, 0, sizeof *walk);
    walk->site = site;
    walk->seed = seed;
    walk->rng = rng_seed(seed * 77 + 5);
    walk_site_begin(site, seed);
    site->exchange->page_items = 1 + walk_draw(walk, 12);
    walk_site_start(site);
    bool ok = true;
    for (int i = 0; ok && i < WALK_CHAPTERS; i++)
        ok = chapter(walk);
    ok = ok && is_at_rest(walk);
    if (ok && seed % 16 == 0)
        ok = clear_up(walk);
    add_up(walk, sum);
    walk_site_end(site);
    return ok;
}
