/* Random walks by the hundred thousand (make walk): people on both sides, faults of Exchange
 * and of the network, sudden ends of the service, all from one seed on virtual time, over the
 * real store, queue, scheduler, runs and plan, and an Exchange in memory.
 * tests/unit/test_walk.c is the slower twin over the whole EWS client.
 *
 * WALK_FIRST=k WALK_SEEDS=n walks n seeds from k on; WALK_SECONDS=s ends after so long.
 * WALK_SEED=k tells the story of one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/bug.h"
#include "tests/walk/walk_pool.h"

enum { SEEDS = 1000000, SECONDS = 20, BUG_SEEDS = 20000, NEAR_SEEDS = 300, RARE = 100 };

static uint64_t number(const char *name, uint64_t fallback)
{
    const char *text = getenv(name);

    return text && *text ? strtoull(text, NULL, 10) : fallback;
}

static void say_sum(const struct pool_result *result)
{
    double seconds = (double)result->took_ms / 1000;
    const struct walk_sum *sum = &result->sum;

    printf("%llu walks in %.1f s (%.1f a second): %ld acts, %ld runs\n",
           (unsigned long long)result->walks, seconds, (double)result->walks / seconds,
           sum->acts, sum->runs);
    printf("  requests:");
    for (int i = 0; i < MEMORY_OPS; i++)
        printf(" %s %ld%s", memory_op_name((enum memory_op)i), sum->requests[i],
               i + 1 < MEMORY_OPS ? "," : "\n");
    printf("  faults hit:");
    for (int i = 0; i < MEMORY_FAULTS; i++)
        printf(" %s %ld%s", memory_fault_name((enum memory_fault)i), sum->hits[i],
               i + 1 < MEMORY_FAULTS ? "," : "\n");
}

static void say_findings(const struct pool_result *result)
{
    for (int i = 0; i < result->finding_count && i < POOL_FINDINGS; i++)
        printf("seed %llu: %s\n  replay: make walk SEED=%llu\n",
               (unsigned long long)result->findings[i].seed, result->findings[i].text,
               (unsigned long long)result->findings[i].seed);
}

/* rule: accepted-never-lost
 * rule: map-below-made
 * rule: map-below-renamed
 * rule: map-below-moved
 * rule: map-below-removed
 * rule: map-junk
 * rule: map-deleted
 * rule: map-unmapped
 * rule: map-back
 * rule: map-back-purged
 * rule: fields-both-ways
 * rule: deleted-here
 * rule: purged-here
 * rule: deleted-there
 * rule: moved-unmapped
 * rule: restored-here
 * rule: copied-by-user
 * rule: quiet
 * rule: kind-secure
 * rule: kind-dispatch
 * rule: transcription-later
 * rule: audio-expired
 * rule: composed
 * rule: resync
 * rule: guard-mass-loss
 * rule: refused-state
 * rule: item-gone
 * rule: exchange-full
 * rule: suspend-resume
 * rule: staged */
static void after_any_walk_both_sides_agree_and_nothing_is_lost_or_doubled(void **state)
{
    const struct pool_order order = {
        .first = number("WALK_FIRST", 1),
        .seeds = number("WALK_SEEDS", SEEDS),
        .seconds = (int64_t)number("WALK_SECONDS", getenv("WALK_SEEDS") ? 0 : SECONDS),
        .stop_after = (int)number("WALK_STOP", POOL_FINDINGS),
        .progress = getenv("WALK_PROGRESS") != NULL,
        .bug = getenv("SIB_BUG"),
    };
    static struct pool_result result;

    (void)state;
    pool_run(&order, &result);
    say_sum(&result);
    say_findings(&result);
    fflush(stdout);
    if (result.finding_count)
        fail_msg("%d of %llu walks", result.finding_count, (unsigned long long)result.walks);
}

/* ---- deliberate bugs ---- */

/* The walks with a bug until one is caught; false: none was. */
static bool catch_bug(const char *name, uint64_t first, uint64_t seeds,
                      struct pool_result *result)
{
    const struct pool_order order = {
        .first = first, .seeds = seeds, .stop_after = 1, .bug = name};

    pool_run(&order, result);
    return result->finding_count > 0;
}

static int write_bugs(void)
{
    static struct pool_result result;
    int missed = 0;

    printf("# Each deliberate bug of base/bug.h, and a walk that catches it. make walk-bugs "
           "writes\n"
           "# this file; make test walks these seeds once more.\n"
           "# bug | seed | walks until then | what the judge said | what the bug does\n");
    for (int bug = 0; bug < BUGS; bug++) {
        bool caught = catch_bug(bug_name(bug), 1, BUG_SEEDS, &result);
        fprintf(stderr, "%s: %s\n", bug_name(bug), caught ? "caught" : "NOT CAUGHT");
        missed += !caught;
        if (caught)
            printf("%s | %llu | %llu | %s | %s\n", bug_name(bug),
                   (unsigned long long)result.findings[0].seed,
                   (unsigned long long)result.walks, result.findings[0].text, bug_words(bug));
    }
    return missed ? 1 : 0;
}

/* The seed that is written down for a bug (0: none is), and how many walks that took. */
static uint64_t recorded_seed(const char *name, unsigned long long *walks)
{
    char line[1024], *end;
    unsigned long long seed = 0;
    size_t len = strlen(name);
    FILE *file = fopen("tests/walk/bugs.txt", "re");

    while (file && !seed && fgets(line, sizeof line, file)) {
        if (strncmp(line, name, len) != 0 || strncmp(line + len, " | ", 3) != 0)
            continue;
        seed = strtoull(line + len + 3, &end, 10);
        *walks = strncmp(end, " | ", 3) == 0 ? strtoull(end + 3, NULL, 10) : 0;
    }
    if (file)
        fclose(file);
    return seed;
}

/* The product may have changed since the seed was written down: then a walk near it will do,
 * but for bugs that few walks meet. */
static void each_deliberate_bug_is_caught(void **state)
{
    static struct pool_result result;
    unsigned long long walks = 0;

    (void)state;
    if (!bug_built())
        skip();
    for (int bug = 0; bug < BUGS; bug++) {
        uint64_t seed = recorded_seed(bug_name(bug), &walks);
        if (!seed)
            fail_msg("no walk is known that catches %s: make walk-bugs", bug_name(bug));
        if (catch_bug(bug_name(bug), seed, 1, &result))
            continue;
        print_message("%s: seed %llu does not catch it any more: make walk-bugs\n",
                      bug_name(bug), (unsigned long long)seed);
        if (walks < RARE && !catch_bug(bug_name(bug), seed + 1, NEAR_SEEDS, &result))
            fail_msg("nothing catches %s (%s)", bug_name(bug), bug_words(bug));
    }
}

/* ---- one of them ---- */

static int tell_story(uint64_t seed)
{
    static struct walk walk;
    struct walk_sum sum = {0};

    bug_choose(getenv("SIB_BUG"));
    struct walk_site *site = walk_site_new(true);
    bool ok = walk_run(site, seed, &walk, &sum);
    walk_site_free(&site);
    printf("seed %llu: %s\n", (unsigned long long)seed, ok ? "nothing found" : walk.finding);
    return ok ? 0 : 1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_any_walk_both_sides_agree_and_nothing_is_lost_or_doubled),
        cmocka_unit_test(each_deliberate_bug_is_caught),
    };
    const struct CMUnitTest walks[] = {
        cmocka_unit_test(after_any_walk_both_sides_agree_and_nothing_is_lost_or_doubled),
    };

    if (number("WALK_SEED", 0))
        return tell_story(number("WALK_SEED", 0));
    if (number("WALK_BUGS", 0))
        return write_bugs();
    if (getenv("WALK_SEEDS"))
        return cmocka_run_group_tests(walks, NULL, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
