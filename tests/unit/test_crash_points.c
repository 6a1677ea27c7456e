/* Die at every crash point, go on in the same folders, and find everything there, once.
 *
 * A fixed scenario on virtual time is run once to count its crash points. Then, for each point,
 * a process runs it and is killed there; the next one does what people had not done yet, and
 * both sides must agree, as if nothing had happened. CRASH_FULL=1 takes a larger scenario and
 * more double crashes; CRASH_AT=N runs one point only; SITE_LOG=1 shows the log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/id.h"
#include "base/rng.h"
#include "tests/exchange/exchange_user.h"
#include "tests/support/crash_site.h"

enum { PHASES = 5, PHASE_MS = 3000, QUIET_MS = 10 * 1000, BOUND_MS = 2 * 3600 * 1000 };

/* Hundreds of forks: a small quarantine of freed memory makes them twice as fast. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=1";
}

/* ---- the scenario ---- */

enum step_kind {
    ADD,
    DEPOSIT,
    READ,
    URGENT,
    SUBJECT,
    DELETE,
    RESTORE,
    PURGE,
    TRANSCRIBE,
    EXPIRE,
    OWNER
};

struct step {
    int phase;
    enum step_kind kind;
    int number;         /* of the mailbox (ADD) or of the message */
    const char *text;   /* DEPOSIT: flags; SUBJECT: the text; OWNER: what the owner does */
    const char *detail; /* OWNER: more words */
};

/* The message whose transcription comes, and whose recording then expires. */
enum { EXPIRING = 6 };

static const struct step steps[] = {
    {0, ADD, 0, NULL, NULL},
    {0, ADD, 1, NULL, NULL},
    {0, ADD, 2, NULL, NULL},
    {0, DEPOSIT, 0, "", NULL},
    {0, DEPOSIT, 1, "u", NULL},
    {0, DEPOSIT, 2, "p", NULL},
    {1, DEPOSIT, 3, "s", NULL},
    {1, DEPOSIT, 4, "up", NULL},
    {1, DEPOSIT, EXPIRING, "t", NULL},
    {1, READ, 0, NULL, NULL},
    {1, DELETE, 1, NULL, NULL},
    {1, OWNER, 2, "read", NULL},
    {2, OWNER, 3, "delete", NULL},
    {2, URGENT, 0, NULL, NULL},
    {2, DEPOSIT, 5, "", NULL},
    {2, TRANSCRIBE, EXPIRING, "what was said", NULL},
    {2, OWNER, 4, "move", "Inbox/Project"},
    {3, RESTORE, 1, NULL, NULL},
    {3, OWNER, 3, "restore", NULL},
    {3, SUBJECT, 2, "Call Ben", NULL},
    {3, OWNER, 5, "purge", NULL},
    {3, EXPIRE, EXPIRING, NULL, NULL},
    {4, OWNER, 0, "delete", NULL},
    {4, PURGE, 4, NULL, NULL},
    {4, OWNER, 1, "unread", NULL},
};
enum { STEPS = sizeof steps / sizeof steps[0], MESSAGES = 7, MAILBOXES = 3, COPIES_MAX = 4 };

/* What must be true in the end, whatever died meanwhile. */
static const struct ending {
    enum message_folder folder;
    bool read, urgent, private;
    const char *subject; /* NULL: as it was made */
    int items;           /* in Exchange */
} endings[MESSAGES] = {
    {FOLDER_DELETED, true, true, false, NULL, 1},
    {FOLDER_INBOX, false, true, false, NULL, 1},
    {FOLDER_INBOX, true, false, true, "Call Ben", 1},
    {FOLDER_INBOX, false, false, false, NULL, 1},
    {FOLDER_PURGED, false, true, true, NULL, 0},
    {FOLDER_DELETED, false, false, false, NULL, 0},
    {FOLDER_INBOX, false, false, false, NULL, 1},
};

static const char *const wavs[MESSAGES] = {"en-short-pcm16.wav",   "ja-greeting-ulaw.wav",
                                           "en-greeting-ulaw.wav", "en-meeting-pcm16.wav",
                                           "ja-thanks-pcm16.wav",  "en-urgent-ulaw.wav",
                                           "en-short-pcm16.wav"};

struct scenario {
    char dir[CRASH_DIR_MAX];
    int copies;
    struct crash_trace *trace;
    long die_again_at; /* in the second life; 0: it comes to its end */
    bool while_down;   /* people go on while the service is down */
};

static const char *mailbox_name(int number)
{
    static const char *const names[MAILBOXES] = {"ann", "ben", "cat"};

    return names[number % MAILBOXES];
}

/* A message's number among all copies. */
static int message_number(const struct step *step, int copy)
{
    return copy * MESSAGES + step->number;
}

static const char *mailbox_of(int number)
{
    return mailbox_name(number + number / MESSAGES);
}

static void id_of(const struct scenario *scenario, int number, char *id)
{
    if (!crash_diary_find(scenario->dir, "accepted", number, id))
        fail_msg("message %d was never accepted", number);
}

static struct wall received_of(int number)
{
    return (struct wall){CRASH_SITE_START_MS - (number + 1) * 61000LL};
}

static void add_mailbox(struct site *site, int number)
{
    struct mailbox mailbox;
    struct err err;

    if (!mailbox_find(site->store, mailbox_name(number), &mailbox, &err))
        site_mailbox(site, mailbox_name(number));
}

static void deposit(struct site *site, const struct step *step, int number)
{
    char id[LIMIT_UUID];
    struct err err;
    const struct phone_deposit deposit = {
        .mailbox = mailbox_of(number),
        .file = site_fixture(wavs[number % MESSAGES]),
        .from_number = "+15550100",
        .from_name = "Ann \"O'Neil\" & <Sons>",
        .urgent = strchr(step->text, 'u') != NULL,
        .private = strchr(step->text, 'p') != NULL,
        .secure = strchr(step->text, 's') != NULL,
        .received = received_of(number),
        .transcript_pending = strchr(step->text, 't') != NULL,
    };

    if (!phone_deposit(site->store, &deposit, NULL, id, &err))
        fail_msg("%s", err.text);
    crash_diary_add(site->dir, "accepted", number, id);
}

/* What housekeeping does when its time has come. */
static bool expire(struct site *site, const char *id, struct err *err)
{
    const struct message message = site_message(site, id);

    return store_begin(site->store, err) && message_expire_audio(site->store, id, NULL, err) &&
           queue_push(site->store, message.mailbox, QUEUE_CHANGE, 0, err) &&
           store_commit(site->store, err);
}

static bool by_phone(struct site *site, const struct step *step, const char *id,
                     struct err *err)
{
    switch (step->kind) {
    case READ: return phone_set_read(site->store, id, true, NULL, NULL, err);
    case URGENT: return phone_set_urgent(site->store, id, true, NULL, NULL, err);
    case SUBJECT: return phone_set_subject(site->store, id, step->text, NULL, NULL, err);
    case DELETE: return phone_delete(site->store, id, NULL, NULL, err);
    case RESTORE: return phone_restore(site->store, id, NULL, NULL, err);
    case PURGE: return phone_purge(site->store, id, NULL, NULL, err);
    case TRANSCRIBE: return phone_set_transcript(site->store, id, step->text, NULL, NULL, err);
    case EXPIRE: return expire(site, id, err);
    default: fail_msg("not an act by phone"); return false;
    }
}

/* Whether the owner can do this now. What is purged before the service knows that it is there
 * leaves no trace, and is taken for never created: so the service must be up for a purge. */
static bool owner_can(struct site *site, const struct step *step, int number, const char *id)
{
    return site_items(site, mailbox_of(number), id) > 0 &&
           (site->scheduler || strcmp(step->text, "purge") != 0);
}

/* False: not yet. */
static bool take_step(struct scenario *scenario, struct site *site, const struct step *step,
                      int copy)
{
    char id[LIMIT_UUID];
    struct err err;
    int number = message_number(step, copy);

    if (step->kind == ADD) {
        add_mailbox(site, step->number);
    } else if (step->kind == DEPOSIT) {
        deposit(site, step, number);
    } else {
        id_of(scenario, number, id);
        if (step->kind == OWNER) {
            if (!owner_can(site, step, number, id))
                return false;
            site_user(site, mailbox_of(number), step->text, id, step->detail, NULL);
        } else if (!by_phone(site, step, id, &err)) {
            fail_msg("%s", err.text);
        }
    }
    if (site->scheduler)
        scheduler_poke(site->scheduler);
    return true;
}

/* Do what is not done yet of a phase; false when some of it must wait for Exchange. */
static bool act(struct scenario *scenario, struct site *site, int phase)
{
    bool all = true;

    for (int copy = 0; copy < scenario->copies; copy++) {
        for (int i = 0; i < STEPS; i++) {
            int entry = copy * STEPS + i;
            if (steps[i].phase != phase || crash_diary_find(site->dir, "done", entry, NULL))
                continue;
            if (take_step(scenario, site, &steps[i], copy))
                crash_diary_add(site->dir, "done", entry, "-");
            else
                all = false;
        }
    }
    return all;
}

static bool is_done(const struct scenario *scenario, int phase)
{
    for (int entry = 0; entry < scenario->copies * STEPS; entry++) {
        if (steps[entry % STEPS].phase == phase &&
            !crash_diary_find(scenario->dir, "done", entry, NULL))
            return false;
    }
    return true;
}

/* The first life: without troubles, but for its end. */
static void first_life(struct crash_trace *trace, void *arg)
{
    struct scenario *scenario = arg;
    struct site *site =
        crash_site_open(&(struct crash_life){scenario->dir, CRASH_SITE_START_MS, 1});

    crash_arm(trace, site);
    site_start(site);
    for (int phase = 0; phase < PHASES; phase++) {
        if (!act(scenario, site, phase))
            fail_msg("the owner has no message to act upon in phase %d", phase);
        site_run(site, PHASE_MS);
    }
    site_run(site, QUIET_MS);
    crash_site_close(&site);
}

/* ---- what must be true ---- */

/* Also what was purged is agreed. */
static bool all_agreed(struct site *site, char *text, size_t size)
{
    int64_t count = 0, oldest;
    struct mailbox mailbox;
    struct err err;

    for (int i = 0; i < MAILBOXES && !count; i++) {
        if (mailbox_find(site->store, mailbox_name(i), &mailbox, &err))
            assert_true(message_dirty_count(site->store, mailbox.id, &count, &oldest, &err));
    }
    snprintf(text, size, "%lld messages of a mailbox are not agreed", (long long)count);
    return count == 0 && site_agrees(site, text, size);
}

static void run_until_quiet(struct site *site)
{
    char text[512] = "";

    for (int64_t ms = 0; ms < BOUND_MS; ms += QUIET_MS) {
        site_run(site, QUIET_MS);
        if (scheduler_running(site->scheduler) == 0 && all_agreed(site, text, sizeof text))
            return;
    }
    fail_msg("no rest in %d minutes: %s", BOUND_MS / 60000, text);
}

static void check_words(const json_t *item)
{
    const char *body = json_string_value(json_object_get(item, "body"));

    assert_non_null(strstr(body, "what was said"));
    assert_non_null(strstr(body, "no longer kept"));
}

static void check_attachment(const json_t *item, int number, bool none)
{
    const json_t *files = json_object_get(item, "attachments");
    char sum[LIMIT_SHA256];
    struct err err;

    assert_int_equal(json_array_size(files), none ? 0 : 1);
    if (none)
        return;
    assert_true(sha256_file(site_fixture(wavs[number % MESSAGES]), sum, &err));
    assert_string_equal(json_string_value(json_object_get(json_array_get(files, 0), "sha256")),
                        sum);
}

/* What stands in Exchange, held against what was said at the phone and not against the store.
 */
static void check_item(const json_t *item, int number, const struct ending *ending)
{
    struct wall received;

    assert_int_equal(json_is_true(json_object_get(item, "read")), ending->read);
    assert_int_equal(json_is_true(json_object_get(item, "urgent")), ending->urgent);
    assert_int_equal(json_is_true(json_object_get(item, "private")), ending->private);
    assert_false(json_is_true(json_object_get(item, "draft")));
    assert_true(clock_parse(json_string_value(json_object_get(item, "received")), &received));
    assert_int_equal(received.ms / 1000, received_of(number).ms / 1000);
    check_attachment(item, number, number % MESSAGES == 3 || number % MESSAGES == EXPIRING);
    if (number % MESSAGES == EXPIRING)
        check_words(item);
}

static void check_promise(struct scenario *scenario, struct site *site, int number)
{
    const struct ending *ending = &endings[number % MESSAGES];
    char id[LIMIT_UUID], address[LIMIT_ADDRESS];
    struct err err;
    size_t i;
    int found = 0;
    const json_t *item;

    id_of(scenario, number, id);
    struct message message = site_message(site, id);
    assert_int_equal(message.folder, ending->folder);
    assert_int_equal(message.read, ending->read);
    assert_int_equal(message.urgent, ending->urgent);
    if (ending->subject)
        assert_string_equal(message.subject, ending->subject);
    snprintf(address, sizeof address, "%s@example.net", mailbox_of(number));
    json_t *list = exchange_user_list(site->exchange, address, NULL, &err);
    json_array_foreach(json_object_get(list, "items"), i, item)
    {
        if (strcmp(json_string_value(json_object_get(item, "message_id")), id) != 0)
            continue;
        found++;
        check_item(item, number, ending);
    }
    json_decref(list);
    if (found != ending->items)
        fail_msg("message %d (%s) is in Exchange %d times, not %d", number, id, found,
                 ending->items);
}

/* Whatever carries an id of ours is a message that we have, and there once: also of deposits
 * that died before their id was said. */
static void check_no_strangers(struct site *site, const char *name)
{
    char address[LIMIT_ADDRESS];
    struct err err;
    const json_t *item, *other;
    size_t i, k;

    snprintf(address, sizeof address, "%s@example.net", name);
    json_t *list = exchange_user_list(site->exchange, address, NULL, &err);
    const json_t *items = json_object_get(list, "items");
    json_array_foreach(items, i, item)
    {
        const char *id = json_string_value(json_object_get(item, "message_id"));
        assert_true(site_message(site, id).folder != FOLDER_PURGED);
        json_array_foreach(items, k, other)
        {
            if (k != i &&
                strcmp(json_string_value(json_object_get(other, "message_id")), id) == 0)
                fail_msg("two items of %s carry the id %s", name, id);
        }
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
        assert_true(mailbox_find(site->store, mailbox_name(i), &mailbox, &err) &&
                    queue_push(site->store, mailbox.id, QUEUE_NOTIFICATION, 0, &err));
    assert_true(store_commit(site->store, &err));
    scheduler_poke(site->scheduler);
    site_run(site, QUIET_MS);
    for (size_t i = 0; i < sizeof writes / sizeof writes[0]; i++) {
        if (site_count(site, writes[i]) != 0)
            fail_msg("a run after a quiet one sent %s", writes[i]);
    }
    assert_true(site_count(site, "SyncFolderItems") >= MAILBOXES * 3);
    site_assert_agree(site);
}

/* ---- the lives after the first ---- */

/* People go on in one phase at most while the service is down: what both sides do to the same
 * message in a later one must not become a conflict, whose end would be another. */
static void go_on(struct scenario *scenario, struct site *site)
{
    for (int phase = 0; phase < PHASES; phase++) {
        if (is_done(scenario, phase))
            continue;
        bool done = !site->scheduler && scenario->while_down && act(scenario, site, phase);
        if (!site->scheduler)
            site_start(site);
        run_until_quiet(site);
        if (done)
            continue;
        if (!act(scenario, site, phase))
            fail_msg("both sides are quiet, and the owner has still no message in phase %d",
                     phase);
    }
    if (!site->scheduler)
        site_start(site);
    run_until_quiet(site);
}

static void later_life(struct crash_trace *trace, void *arg)
{
    struct scenario *scenario = arg;
    struct site *site =
        crash_site_open(&(struct crash_life){scenario->dir, trace->wall_ms + 1000, 1000});

    crash_arm(trace, site);
    go_on(scenario, site);
    crash_site_close(&site);
}

static void last_life(struct scenario *scenario)
{
    struct site *site = crash_site_open(
        &(struct crash_life){scenario->dir, scenario->trace->wall_ms + 1000, 2000});

    go_on(scenario, site);
    for (int number = 0; number < scenario->copies * MESSAGES; number++)
        check_promise(scenario, site, number);
    for (int i = 0; i < MAILBOXES; i++)
        check_no_strangers(site, mailbox_name(i));
    check_quiet(site);
    crash_site_close(&site);
}

/* ---- the tests ---- */

static bool full(void)
{
    return getenv("CRASH_FULL") != NULL;
}

static void scenario_begin(struct scenario *scenario, struct crash_trace *trace)
{
    *scenario = (struct scenario){.copies = full() ? COPIES_MAX : 1, .trace = trace};
    crash_site_make_dir(scenario->dir);
}

/* How many points one life without troubles passes; their names are left in the trace. */
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

static void the_scenario_passes_each_kind_of_point(void **state)
{
    static const char *const names[] = {"store.before-commit", "store.committed",
                                        "audio.written",       "audio.renamed",
                                        "run.before-request",  "run.answered"};
    struct crash_trace *trace = *state;
    long points = count_points(trace);

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        int count = 0;
        for (long k = 0; k < points; k++)
            count += strcmp(trace->names[k], names[i]) == 0;
        print_message("%4d times %s\n", count, names[i]);
        assert_true(count >= MESSAGES);
    }
}

static void die_at(struct crash_trace *trace, long point, const char *name)
{
    struct scenario scenario;

    scenario_begin(&scenario, trace);
    scenario.while_down = point % 2 == 0;
    print_message("point %ld %s: %s\n", point, name, scenario.dir);
    assert_true(crash_run(trace, point, first_life, &scenario));
    assert_string_equal(trace->names[point - 1], name); /* else it is not the same run */
    last_life(&scenario);
    crash_site_remove_dir(scenario.dir);
}

/* Between a commit and the next one nothing of ours is made durable: to die at the end of this
 * gap is the same as at its beginning, but for what stands in Exchange, and around that there
 * are points of their own. Only CRASH_FULL takes both ends. */
static bool tells_something(char (*names)[CRASH_NAME_MAX], long point)
{
    return full() || point < 2 || strcmp(names[point - 1], "store.before-commit") != 0 ||
           strcmp(names[point - 2], "store.committed") != 0;
}

static void after_a_crash_at_any_point_everything_is_there_once(void **state)
{
    struct crash_trace *trace = *state;
    long points = count_points(trace), first = 1, last = points, died = 0;
    char(*names)[CRASH_NAME_MAX] = calloc((size_t)points, sizeof *names);

    assert_non_null(names);
    memcpy(names, trace->names, (size_t)points * sizeof *names);
    if (getenv("CRASH_AT"))
        first = last = strtol(getenv("CRASH_AT"), NULL, 10);
    assert_in_range(last, 1, points);
    for (long point = first; point <= last; point++) {
        if (first < last && !tells_something(names, point))
            continue;
        die_at(trace, point, names[point - 1]);
        died++;
    }
    print_message("died at %ld of %ld points\n", died, points);
    free(names);
}

static void a_crash_while_healing_heals_too(void **state)
{
    struct crash_trace *trace = *state;
    long points = count_points(trace);
    struct rng rng = rng_seed(42);
    int rounds = full() ? 400 : 12, twice = 0;

    for (int round = 0; round < rounds; round++) {
        struct scenario scenario;
        long first = 1 + (long)rng_below(&rng, (uint64_t)points);
        long second = 1 + (long)rng_below(&rng, 60);
        scenario_begin(&scenario, trace);
        scenario.while_down = round % 2 == 0;
        print_message("points %ld and %ld: %s\n", first, second, scenario.dir);
        assert_true(crash_run(trace, first, first_life, &scenario));
        twice += crash_run(trace, second, later_life, &scenario);
        last_life(&scenario);
        crash_site_remove_dir(scenario.dir);
    }
    print_message("%d of %d died twice\n", twice, rounds);
    assert_true(twice > rounds / 2);
}

static int set_up(void **state)
{
    if (!crash_points_built())
        return 0;
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
        cmocka_unit_test(the_scenario_passes_each_kind_of_point),
        cmocka_unit_test(after_a_crash_at_any_point_everything_is_there_once),
        cmocka_unit_test(a_crash_while_healing_heals_too),
    };

    if (!crash_points_built()) {
        print_message("this build has no crash points\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
