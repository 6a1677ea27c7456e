/* Die at every crash point while what people composed is taken in, go on in the same folders,
 * and find everything delivered, once, and nothing left in the Voice Outbox but what its owner
 * must correct.
 *
 * CRASH_AT=N runs one point only; SITE_LOG=1 shows the log; CRASH_FULL=1 dies a second time at
 * every point of the life after. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/id.h"
#include "base/rng.h"
#include "tests/exchange/exchange_user.h"
#include "tests/support/crash_site.h"

enum { LETTERS = 4, PHASE_MS = 3000, QUIET_MS = 45 * 1000, BOUND_MS = 2 * 3600 * 1000 };

#define BOX "Outbox/Voice Outbox"

/* Hundreds of forks: a small quarantine of freed memory makes them twice as fast. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=1";
}

/* ---- the scenario ---- */

static const char *const names[] = {"ann", "ben", "cat"};
enum { MAILBOXES = sizeof names / sizeof names[0] };

/* What is composed, all by Ann, and who has it in the end. */
static const struct letter {
    const char *subject, *to, *wav; /* wav NULL: no recording, so it stays there */
    bool delivery_receipt;
    int copies[MAILBOXES]; /* voice messages */
    int receipts;          /* for Ann */
} letters[LETTERS] = {
    {"to two", "ben@example.net,cat@example.net", "en-short-pcm16.wav", false, {0, 1, 1}, 0},
    {"to one and nobody",
     "zoe@example.net,ben@example.net",
     "ja-thanks-pcm16.wav",
     false,
     {0, 1, 0},
     1},
    {"to herself", "ann@example.net", "en-urgent-ulaw.wav", true, {1, 0, 0}, 1},
    {"without a recording", "ben@example.net", NULL, false, {0, 0, 0}, 1},
};

struct scenario {
    char dir[CRASH_DIR_MAX];
    struct crash_trace *trace;
};

static void add_mailboxes(struct site *site)
{
    struct mailbox mailbox;
    struct err err;

    for (int i = 0; i < MAILBOXES; i++) {
        if (!mailbox_find(site->store, names[i], &mailbox, &err))
            site_mailbox(site, names[i]);
    }
}

/* The folder is there as soon as the first run of Ann's mailbox was. */
static bool can_compose(struct site *site)
{
    return exchange_user_count(site->exchange, "ann@example.net", BOX) >= 0;
}

static void compose(struct site *site, int number)
{
    const struct letter *letter = &letters[number];
    struct buf bytes;
    struct err err;

    buf_init(&bytes, 8 << 20);
    if (letter->wav && !file_read(site_fixture(letter->wav), &bytes, &err))
        fail_msg("%s", err.text);
    const struct exchange_user_file file = {letter->wav, "audio/wav", bytes.data, bytes.len};
    const struct exchange_user_new new_item = {.subject = letter->subject,
                                               .to = letter->to,
                                               .delivery_receipt = letter->delivery_receipt,
                                               .files = &file,
                                               .file_count = letter->wav ? 1 : 0};
    if (!exchange_user_compose(site->exchange, "ann@example.net", NULL, &new_item, NULL, &err))
        fail_msg("%s", err.text);
    buf_clear(&bytes);
    crash_diary_add(site->dir, "composed", number, "-");
}

static void compose_what_is_not(struct site *site)
{
    for (int i = 0; i < LETTERS; i++) {
        if (!crash_diary_find(site->dir, "composed", i, NULL))
            compose(site, i);
    }
}

static struct site *open_life(const struct scenario *scenario, int64_t start_ms, uint64_t seed)
{
    struct site *site = crash_site_open(&(struct crash_life){scenario->dir, start_ms, seed});

    site->config->sync.voice_outbox = true;
    return site;
}

static void first_life(struct crash_trace *trace, void *arg)
{
    struct scenario *scenario = arg;
    struct site *site = open_life(scenario, CRASH_SITE_START_MS, 1);

    add_mailboxes(site);
    site_start(site);
    site_run(site, PHASE_MS);
    crash_arm(trace, site); /* test_crash_points.c dies before */
    compose_what_is_not(site);
    site_run(site, QUIET_MS);
    crash_site_close(&site);
}

/* ---- what must be true ---- */

static bool all_agreed(struct site *site, char *text, size_t size)
{
    int64_t count = 0, oldest;
    struct mailbox mailbox;
    struct err err;

    for (int i = 0; i < MAILBOXES && !count; i++) {
        assert_true(mailbox_find(site->store, names[i], &mailbox, &err));
        assert_true(message_dirty_count(site->store, mailbox.id, &count, &oldest, &err));
    }
    snprintf(text, size, "%lld messages of a mailbox are not agreed", (long long)count);
    return count == 0 && site_agrees(site, text, size);
}

static bool all_taken(struct site *site, char *text, size_t size)
{
    long left = exchange_user_count(site->exchange, "ann@example.net", BOX);

    snprintf(text, size, "%ld items are in the Voice Outbox", left);
    return left == 1; /* the one that Ann must correct */
}

static void run_until_quiet(struct site *site)
{
    char text[512] = "";

    for (int64_t ms = 0; ms < BOUND_MS; ms += QUIET_MS) {
        site_run(site, QUIET_MS);
        if (scheduler_running(site->scheduler) == 0 && all_taken(site, text, sizeof text) &&
            all_agreed(site, text, sizeof text))
            return;
    }
    fail_msg("no rest in %d minutes: %s", BOUND_MS / 60000, text);
}

struct tally {
    const char *subject; /* part of it */
    const char *audio;
    int voice, receipts;
};

static bool tally_one(const struct message *message, void *arg)
{
    struct tally *tally = arg;

    if (!strstr(message->subject, tally->subject))
        return true;
    if (message->kind == KIND_VOICE) {
        tally->voice++;
        assert_string_equal(message->audio, tally->audio);
    } else {
        tally->receipts++;
    }
    return true;
}

static void check_letter(struct site *site, const struct letter *letter)
{
    char sum[LIMIT_SHA256] = "";
    struct mailbox mailbox;
    struct err err;

    if (letter->wav)
        assert_true(sha256_file(site_fixture(letter->wav), sum, &err));
    for (int i = 0; i < MAILBOXES; i++) {
        struct tally tally = {.subject = letter->subject, .audio = sum};
        assert_true(mailbox_find(site->store, names[i], &mailbox, &err));
        assert_true(message_each(site->store, mailbox.id, FOLDERS, tally_one, &tally, &err));
        if (tally.voice != letter->copies[i] || tally.receipts != (i ? 0 : letter->receipts))
            fail_msg("\"%s\": %s has %d copies and %d receipts", letter->subject, names[i],
                     tally.voice, tally.receipts);
    }
}

/* Whatever carries an id of ours is there once, also in Exchange. */
static void check_once(struct site *site, const char *name)
{
    char address[LIMIT_ADDRESS];
    struct err err;
    size_t i;
    const json_t *item;

    snprintf(address, sizeof address, "%s@example.net", name);
    json_t *list = exchange_user_list(site->exchange, address, NULL, &err);
    json_array_foreach(json_object_get(list, "items"), i, item)
    {
        const char *id = json_string_value(json_object_get(item, "message_id"));
        if (id[0])
            assert_int_equal(site_items(site, name, id), 1);
    }
    json_decref(list);
}

static void check_quiet(struct site *site)
{
    static const char *const writes[] = {"CreateItem", "UpdateItem", "MoveItem", "DeleteItem"};
    struct mailbox mailbox;
    struct err err;

    site_count_from_here(site);
    assert_true(store_begin(site->store, &err));
    for (int i = 0; i < MAILBOXES; i++)
        assert_true(mailbox_find(site->store, names[i], &mailbox, &err) &&
                    queue_push(site->store, mailbox.id, QUEUE_NOTIFICATION, 0, &err));
    assert_true(store_commit(site->store, &err));
    scheduler_poke(site->scheduler);
    site_run(site, QUIET_MS);
    for (size_t i = 0; i < sizeof writes / sizeof writes[0]; i++) {
        if (site_count(site, writes[i]) != 0)
            fail_msg("a run after a quiet one sent %s", writes[i]);
    }
}

/* ---- the lives after the first ---- */

static void go_on(struct site *site)
{
    add_mailboxes(site);
    if (can_compose(site)) /* while the service is down */
        compose_what_is_not(site);
    site_start(site);
    site_run(site, QUIET_MS);
    compose_what_is_not(site);
    run_until_quiet(site);
}

static void later_life(struct crash_trace *trace, void *arg)
{
    struct scenario *scenario = arg;
    struct site *site = open_life(scenario, trace->wall_ms + 1000, 1000);

    crash_arm(trace, site);
    go_on(site);
    crash_site_close(&site);
}

static void last_life(struct scenario *scenario)
{
    struct site *site = open_life(scenario, scenario->trace->wall_ms + 1000, 2000);

    go_on(site);
    for (int i = 0; i < LETTERS; i++)
        check_letter(site, &letters[i]);
    for (int i = 0; i < MAILBOXES; i++)
        check_once(site, names[i]);
    check_quiet(site);
    crash_site_close(&site);
}

/* ---- the tests ---- */

static void scenario_begin(struct scenario *scenario, struct crash_trace *trace)
{
    *scenario = (struct scenario){.trace = trace};
    crash_site_make_dir(scenario->dir);
}

static long count_points(struct crash_trace *trace)
{
    struct scenario scenario;

    scenario_begin(&scenario, trace);
    assert_false(crash_run(trace, 0, first_life, &scenario));
    last_life(&scenario);
    crash_site_remove_dir(scenario.dir);
    assert_in_range(trace->passed, 1, CRASH_POINTS_MAX);
    return trace->passed;
}

/* Between a commit and the next one nothing of ours is made durable: to die at the end of this
 * gap is the same as at its beginning, but for what stands in Exchange, and around that there
 * are points of their own. */
static bool tells_something(char (*points)[CRASH_NAME_MAX], long point)
{
    return point < 2 || strcmp(points[point - 1], "store.before-commit") != 0 ||
           strcmp(points[point - 2], "store.committed") != 0;
}

/* rule: composed
 * rule: composed-wrong */
static void after_a_crash_at_any_point_what_was_composed_is_delivered_once(void **state)
{
    struct crash_trace *trace = *state;
    long points = count_points(trace), first = 1, last = points, died = 0;
    char(*at)[CRASH_NAME_MAX] = calloc((size_t)points, sizeof *at);

    assert_non_null(at);
    memcpy(at, trace->names, (size_t)points * sizeof *at);
    if (getenv("CRASH_AT"))
        first = last = strtol(getenv("CRASH_AT"), NULL, 10);
    assert_in_range(last, 1, points);
    for (long point = first; point <= last; point++) {
        struct scenario scenario;
        if (first < last && !tells_something(at, point))
            continue;
        scenario_begin(&scenario, trace);
        print_message("point %ld %s: %s\n", point, at[point - 1], scenario.dir);
        assert_true(crash_run(trace, point, first_life, &scenario));
        last_life(&scenario);
        crash_site_remove_dir(scenario.dir);
        died++;
    }
    print_message("died at %ld of %ld points\n", died, points);
    free(at);
}

/* rule: composed */
static void a_crash_while_it_goes_on_delivers_once_too(void **state)
{
    struct crash_trace *trace = *state;
    long points = count_points(trace);
    struct rng rng = rng_seed(7);
    int rounds = getenv("CRASH_FULL") ? 400 : 12;

    for (int round = 0; round < rounds; round++) {
        struct scenario scenario;
        long first = 1 + (long)rng_below(&rng, (uint64_t)points);
        long second = 1 + (long)rng_below(&rng, 60);
        scenario_begin(&scenario, trace);
        print_message("points %ld and %ld: %s\n", first, second, scenario.dir);
        assert_true(crash_run(trace, first, first_life, &scenario));
        crash_run(trace, second, later_life, &scenario);
        last_life(&scenario);
        crash_site_remove_dir(scenario.dir);
    }
}

static int set_up(void **state)
{
    *state = crash_trace_new();
    return 0;
}

static int tear_down(void **state)
{
    struct crash_trace *trace = *state;

    crash_trace_free(&trace);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_a_crash_at_any_point_what_was_composed_is_delivered_once),
        cmocka_unit_test(a_crash_while_it_goes_on_delivers_once_too),
    };

    if (!crash_points_built()) {
        print_message("this build has no crash points\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
