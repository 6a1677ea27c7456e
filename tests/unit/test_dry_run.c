/* A dry run of a resync: what it says is what the resync then does, and it does nothing itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/text.h"
#include "queue/job.h"
#include "store/alarm.h"
#include "store/history.h"
#include "store/mapping.h"
#include "tests/exchange/exchange_user.h"
#include "tests/support/site.h"

enum { QUIET_MS = 10 * 1000, LONG_MS = 30 * 60 * 1000, LINES_MAX = 256 };

/* ---- asking, and what was said ---- */

static struct mailbox mailbox_of(struct site *site, const char *name)
{
    struct mailbox mailbox;
    struct err err;

    if (!mailbox_find(site->store, name, &mailbox, &err))
        fail_msg("%s", err.text);
    return mailbox;
}

static int64_t ask(struct site *site, const char *name, const char *kind)
{
    const struct mailbox mailbox = mailbox_of(site, name);
    int64_t id;
    struct err err;

    if (!store_begin(site->store, &err) || !job_ask(site->store, mailbox.id, kind, &id, &err) ||
        !queue_push(site->store, mailbox.id, QUEUE_RESYNC, 0, &err) ||
        !store_commit(site->store, &err))
        fail_msg("%s", err.text);
    if (site->scheduler)
        scheduler_poke(site->scheduler);
    return id;
}

static struct job job_of(struct site *site, int64_t id)
{
    struct job job;
    struct err err;

    if (!job_get(site->store, id, &job, &err))
        fail_msg("%s", err.text);
    return job;
}

/* Each line as "message side what", sorted; and how many the sums say there are. */
struct said {
    char lines[LINES_MAX][160];
    int count;
    int64_t summed;
    struct job_line last;
};

static bool add_line(const struct job_line *line, void *arg)
{
    struct said *said = arg;

    assert_true(said->count < LINES_MAX);
    snprintf(said->lines[said->count++], sizeof said->lines[0], "%s %s %s", line->message,
             line->side, line->what);
    said->last = *line;
    return true;
}

static bool add_sum(const char *side, const char *what, int64_t count, void *arg)
{
    (void)side;
    (void)what;
    ((struct said *)arg)->summed += count;
    return true;
}

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

static struct said *said_in(struct site *site, int64_t job)
{
    struct said *said = calloc(1, sizeof *said);
    struct err err;

    assert_non_null(said);
    assert_true(job_line_each(site->store, job, add_line, said, &err));
    assert_true(job_sum_each(site->store, job, add_sum, said, &err));
    qsort(said->lines, (size_t)said->count, sizeof said->lines[0], compare);
    return said;
}

/* A dry run to its end. */
static struct said *dry_run(struct site *site, const char *name, const char *kind)
{
    int64_t id = ask(site, name, kind);

    site_run(site, QUIET_MS);
    const struct job job = job_of(site, id);
    if (strcmp(job.state, "done") != 0)
        fail_msg("the dry run is %s: %s", job.state, job.error);
    return said_in(site, id);
}

static void assert_said(const struct said *said, const char *id, const char *side,
                        const char *what)
{
    char line[160];

    snprintf(line, sizeof line, "%s %s %s", id, side, what);
    for (int i = 0; i < said->count; i++) {
        if (strcmp(said->lines[i], line) == 0)
            return;
    }
    for (int i = 0; i < said->count; i++)
        print_message("said: %s\n", said->lines[i]);
    fail_msg("not said: %s", line);
}

/* ---- what must not move ---- */

/* Everything that is true on either side, as one text. */
struct facts {
    char text[512 * 1024];
    size_t len;
};

static void add_text(struct facts *facts, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void add_text(struct facts *facts, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    int n = vsnprintf(facts->text + facts->len, sizeof facts->text - facts->len, fmt, args);
    va_end(args);
    assert_true(n >= 0 && facts->len + (size_t)n < sizeof facts->text);
    facts->len += (size_t)n;
}

static bool add_history(const struct history *entry, void *arg)
{
    add_text(arg, "history %s %s %s\n", entry->message, entry->side, entry->what);
    return true;
}

static bool add_queue(const struct queue_row *row, void *arg)
{
    add_text(arg, "queue %s %lld %d\n", queue_reason_name(row->reason), (long long)row->due_ms,
             row->claimed);
    return true;
}

static bool add_alarm(const struct alarm *alarm, void *arg)
{
    add_text(arg, "alarm %s\n", alarm->name);
    return true;
}

static void add_mapping(struct site *site, const char *id, const char *message,
                        struct facts *facts)
{
    static struct item_row items[16];
    struct agreed agreed;
    int count;
    struct err err;

    assert_true(agreed_get(site->store, message, &agreed, &err));
    add_text(facts, "agreed %s %d %d %d %s %s\n", message, agreed.place, agreed.read,
             agreed.urgent, agreed.item, agreed.version);
    assert_true(item_list(site->store, id, message, items, 16, &count, &err));
    for (int i = 0; i < count; i++)
        add_text(facts, "item %s %s %s\n", items[i].id, items[i].folder, items[i].version);
}

struct walk {
    struct site *site;
    struct facts *facts;
};

static bool add_message(const struct message *message, void *arg)
{
    struct walk *walk = arg;

    add_text(walk->facts, "message %s %d %d %d %s %lld\n", message->id, message->folder,
             message->read, message->urgent, message->subject, (long long)message->row);
    return true;
}

static void add_folders(struct site *site, const char *id, struct facts *facts)
{
    struct folder_row *folders;
    int count;
    struct err err;

    assert_true(folder_list(site->store, id, &folders, &count, &err));
    for (int i = 0; i < count; i++) {
        char *token = folder_token(site->store, id, folders[i].id, &err);
        add_text(facts, "folder %s %d %s\n", folders[i].id, folders[i].listing, token);
        free(token);
    }
    free(folders);
}

static struct facts *facts_of(struct site *site, const char *name,
                              const char (*ids)[LIMIT_UUID], int count)
{
    const struct mailbox mailbox = mailbox_of(site, name);
    struct facts *facts = calloc(1, sizeof *facts);
    struct walk walk = {site, facts};
    struct mailbox_state state;
    char address[LIMIT_ADDRESS];
    struct err err;

    assert_non_null(facts);
    assert_true(message_each(site->store, mailbox.id, FOLDERS, add_message, &walk, &err));
    for (int i = 0; i < count; i++)
        add_mapping(site, mailbox.id, ids[i], facts);
    add_folders(site, mailbox.id, facts);
    assert_true(history_all(site->store, add_history, facts, &err));
    assert_true(queue_each(site->store, mailbox.id, add_queue, facts, &err));
    assert_true(alarm_each(site->store, add_alarm, facts, &err));
    assert_true(mailbox_state_get(site->store, mailbox.id, &state, &err));
    add_text(facts, "state %d %s %lld\n", state.condition, state.reason,
             (long long)state.last_run_ms);
    snprintf(address, sizeof address, "%s@example.net", name);
    json_t *list = exchange_user_list(site->exchange, address, NULL, &err);
    char *dump = json_dumps(list, JSON_SORT_KEYS);
    add_text(facts, "%s\n", dump);
    free(dump);
    json_decref(list);
    return facts;
}

/* ---- the scene: something of everything ---- */

enum { PEOPLE = 12 };

/* Agreed messages, then acts on both sides that no run has seen. The service is stopped. */
static void play(struct site *site, char (*ids)[LIMIT_UUID])
{
    struct err err;

    site_mailbox(site, "ann");
    for (int i = 0; i < PEOPLE; i++)
        site_deposit(site, "ann", "en-short-pcm16.wav", "", ids[i]);
    site_start(site);
    site_run(site, QUIET_MS);
    site_assert_agree(site);
    site_kill(site);
    site_user(site, "ann", "read", ids[0], NULL);
    site_user(site, "ann", "delete", ids[1], NULL);
    site_user(site, "ann", "purge", ids[2], NULL);
    site_user(site, "ann", "move", ids[3], "Archive", NULL);
    site_user(site, "ann", "subject", ids[4], "called back", NULL);
    assert_true(phone_set_read(site->store, ids[5], true, NULL, NULL, &err));
    assert_true(phone_delete(site->store, ids[6], NULL, NULL, &err));
    assert_true(phone_purge(site->store, ids[7], NULL, NULL, &err));
    site_deposit(site, "ann", "en-short-pcm16.wav", "", ids[PEOPLE]);
}

/* A mailbox that is suspended is looked at by nothing but the dry run. */
static void set_condition(struct site *site, enum mailbox_condition condition)
{
    const struct mailbox mailbox = mailbox_of(site, "ann");
    struct mailbox_state state;
    struct err err;

    assert_true(store_begin(site->store, &err));
    assert_true(mailbox_state_get(site->store, mailbox.id, &state, &err));
    state.condition = condition;
    assert_true(mailbox_state_set(site->store, mailbox.id, &state, &err));
    assert_true(store_commit(site->store, &err));
}

/* rule: resync-dry-run */
static void a_dry_run_says_what_a_resync_would_do_and_does_nothing(void **state)
{
    struct site *site = site_new(1, NULL);
    char ids[PEOPLE + 1][LIMIT_UUID];

    (void)state;
    play(site, ids);
    set_condition(site, MAILBOX_SUSPENDED);
    site_start(site);
    site_run(site, QUIET_MS);
    struct facts *before = facts_of(site, "ann", (const char(*)[LIMIT_UUID])ids, PEOPLE + 1);
    site_count_from_here(site);
    struct said *said = dry_run(site, "ann", JOB_DRY_RUN);
    struct facts *after = facts_of(site, "ann", (const char(*)[LIMIT_UUID])ids, PEOPLE + 1);
    assert_string_equal(before->text, after->text);
    assert_int_equal(site_count(site, "CreateItem") + site_count(site, "UpdateItem") +
                         site_count(site, "MoveItem") + site_count(site, "DeleteItem") +
                         site_count(site, "Subscribe"),
                     0);
    assert_said(said, ids[0], "connection", "read");
    assert_said(said, ids[1], "connection", "deleted");
    assert_said(said, ids[2], "connection", "deleted");
    assert_said(said, ids[3], "connection", "deleted");
    assert_said(said, ids[4], "connection", "subject");
    assert_said(said, ids[6], "exchange", "moved to Deleted Items");
    assert_said(said, ids[7], "exchange", "removed");
    assert_said(said, ids[PEOPLE], "exchange", "created");
    assert_int_equal(said->count, 9);
    assert_int_equal(said->summed, 9);
    free(before);
    free(after);
    free(said);
    site_free(&site);
}

/* What a resync wrote into the history since then. */
struct done {
    struct said said;
    int skip;
};

static bool add_done(const struct history *entry, void *arg)
{
    struct done *done = arg;

    if (done->skip-- > 0)
        return true;
    assert_true(done->said.count < LINES_MAX);
    snprintf(done->said.lines[done->said.count++], sizeof done->said.lines[0], "%s %s %s",
             entry->message, entry->side, entry->what);
    return true;
}

static bool count_history(const struct history *entry, void *arg)
{
    (void)entry;
    ++*(int *)arg;
    return true;
}

/* The same lines, in another order perhaps. */
static void assert_then_does(struct site *site, const struct said *said, const char *kind)
{
    struct done *done = calloc(1, sizeof *done);
    struct err err;

    assert_non_null(done);
    assert_true(history_all(site->store, count_history, &done->skip, &err));
    set_condition(site, MAILBOX_OK);
    int64_t id = ask(site, "ann", kind);
    site_run(site, QUIET_MS);
    assert_string_equal(job_of(site, id).state, "done");
    assert_true(history_all(site->store, add_done, done, &err));
    qsort(done->said.lines, (size_t)done->said.count, sizeof done->said.lines[0], compare);
    assert_int_equal(done->said.count, said->count);
    for (int i = 0; i < said->count; i++)
        assert_string_equal(done->said.lines[i], said->lines[i]);
    free(done);
}

/* rule: resync-dry-run
 * rule: resync */
static void a_resync_does_what_the_dry_run_said(void **state)
{
    struct site *site = site_new(2, NULL);
    char ids[PEOPLE + 1][LIMIT_UUID];

    (void)state;
    play(site, ids);
    set_condition(site, MAILBOX_SUSPENDED);
    site_start(site);
    struct said *said = dry_run(site, "ann", JOB_DRY_RUN);
    assert_int_equal(said->count, 9);
    assert_then_does(site, said, JOB_RESYNC);
    site_assert_agree(site);
    free(said);
    site_free(&site);
}

/* rule: resync-dry-run
 * rule: resync-from-connection */
static void a_dry_run_says_what_connection_would_put_back(void **state)
{
    struct site *site = site_new(3, NULL);
    char ids[PEOPLE + 1][LIMIT_UUID];

    (void)state;
    play(site, ids);
    set_condition(site, MAILBOX_SUSPENDED);
    site_start(site);
    struct said *said = dry_run(site, "ann", JOB_DRY_CONNECTION);
    assert_said(said, ids[0], "exchange", "unread");
    assert_said(said, ids[1], "exchange", "moved to the Inbox");
    assert_said(said, ids[2], "exchange", "created");
    assert_said(said, ids[3], "exchange", "created");
    assert_said(said, ids[4], "exchange", "subject");
    for (int i = 0; i < said->count; i++)
        assert_null(strstr(said->lines[i], " connection "));
    assert_then_does(site, said, JOB_FROM_CONNECTION);
    site_assert_agree(site);
    free(said);
    site_free(&site);
}

/* rule: resync-dry-run
 * rule: guard-mass-loss */
static void a_dry_run_says_that_the_guard_would_stop_it(void **state)
{
    struct site *site = site_new(4, NULL);
    char ids[30][LIMIT_UUID];

    (void)state;
    site_mailbox(site, "ann");
    for (int i = 0; i < 30; i++)
        site_deposit(site, "ann", "en-short-pcm16.wav", "", ids[i]);
    site_start(site);
    site_run(site, LONG_MS);
    site_kill(site);
    set_condition(site, MAILBOX_SUSPENDED);
    site->expect_warnings = true;
    for (int i = 0; i < 25; i++)
        site_user(site, "ann", "purge", ids[i], NULL);
    site_start(site);
    struct said *said = dry_run(site, "ann", JOB_DRY_RUN);
    assert_int_equal(said->count, 1);
    assert_string_equal(said->last.what, "suspended");
    assert_string_equal(said->last.message, "");
    assert_non_null(strstr(said->last.why, "25 of 30 messages vanished"));
    for (int i = 0; i < 30; i++)
        assert_int_equal(site_message(site, ids[i]).folder, FOLDER_INBOX);
    free(said);
    site_free(&site);
}

/* rule: resync-dry-run */
static void what_is_in_doubt_is_said_to_wait(void **state)
{
    struct site *site = site_new(5, "request-timeout = 5s");
    char id[LIMIT_UUID];
    struct err err;

    (void)state;
    site->expect_warnings = true;
    site_mailbox(site, "ann");
    site_start(site);
    site_run(site, QUIET_MS);
    assert_true(exchange_set_faults(site->exchange, "drop:CreateItem:1", &err));
    site_deposit(site, "ann", "en-short-pcm16.wav", "", id);
    site_run(site, 2000);
    site_kill(site);
    set_condition(site, MAILBOX_SUSPENDED);
    site_start(site);
    int64_t job = ask(site, "ann", JOB_DRY_RUN);
    site_run(site, 2000);
    assert_string_equal(job_of(site, job).state, "done");
    struct said *said = said_in(site, job);
    assert_said(said, id, "", "waits");
    assert_int_equal(said->count, 1);
    assert_non_null(strstr(said->last.why, "answer was lost"));
    free(said);
    site_free(&site);
}

/* rule: resync-dry-run */
static void a_dry_run_waits_for_a_busy_exchange(void **state)
{
    struct site *site = site_new(6, NULL);
    char ids[PEOPLE + 1][LIMIT_UUID];
    struct err err;

    (void)state;
    site->expect_warnings = true;
    play(site, ids);
    set_condition(site, MAILBOX_SUSPENDED);
    assert_true(exchange_set_faults(site->exchange, "busy-200:SyncFolderItems:1-2:7000", &err));
    site_start(site);
    int64_t id = ask(site, "ann", JOB_DRY_RUN);
    site_run(site, 5000);
    assert_string_equal(job_of(site, id).state, "running");
    site_run(site, 60 * 1000);
    assert_string_equal(job_of(site, id).state, "done");
    struct said *said = said_in(site, id);
    assert_int_equal(said->count, 9);
    free(said);
    site_free(&site);
}

/* rule: resync-dry-run */
static void a_dry_run_that_cannot_be_done_fails_with_the_reason(void **state)
{
    struct site *site = site_new(7, NULL);
    struct err err;

    (void)state;
    site->expect_warnings = true;
    site_mailbox(site, "ann");
    site_start(site);
    site_run(site, QUIET_MS);
    assert_true(
        exchange_set_faults(site->exchange, "code:GetFolder:ErrorNonExistentMailbox:*", &err));
    int64_t id = ask(site, "ann", JOB_DRY_RUN);
    site_run(site, QUIET_MS);
    const struct job job = job_of(site, id);
    assert_string_equal(job.state, "failed");
    assert_true(strlen(job.error) > 20);
    site_free(&site);
}

/* rule: resync-dry-run */
static void a_dry_run_that_was_killed_begins_anew(void **state)
{
    (void)state;
    for (int ms = 1; ms < 200; ms += 23) {
        struct site *site = site_new(8, NULL);
        char ids[PEOPLE + 1][LIMIT_UUID];
        play(site, ids);
        set_condition(site, MAILBOX_SUSPENDED);
        site_start(site);
        int64_t id = ask(site, "ann", JOB_DRY_RUN);
        site_run(site, ms);
        site_kill(site);
        site_start(site);
        site_run(site, QUIET_MS);
        assert_string_equal(job_of(site, id).state, "done");
        struct said *said = said_in(site, id);
        assert_int_equal(said->count, 9);
        assert_int_equal(said->summed, 9);
        free(said);
        site_free(&site);
    }
}

static bool find_sweep(const struct queue_row *row, void *arg)
{
    if (row->reason == QUEUE_SWEEP)
        *(int64_t *)arg = row->due_ms;
    return true;
}

/* rule: resync-dry-run
 * rule: run-order */
static void other_wishes_of_the_mailbox_wait_for_the_dry_run_and_stay(void **state)
{
    struct site *site = site_new(9, NULL);
    char ids[PEOPLE + 1][LIMIT_UUID], late[LIMIT_UUID];
    struct mailbox mailbox;
    int64_t before = 0, after = 0, count;
    struct err err;

    (void)state;
    play(site, ids);
    site_start(site);
    site_run(site, QUIET_MS);
    site_assert_agree(site);
    mailbox = mailbox_of(site, "ann");
    assert_true(queue_each(site->store, mailbox.id, find_sweep, &before, &err));
    free(dry_run(site, "ann", JOB_DRY_RUN)); /* it is no sweep */
    assert_true(queue_each(site->store, mailbox.id, find_sweep, &after, &err));
    assert_true(before > 0 && after == before);
    site_count_from_here(site);
    int64_t id = ask(site, "ann", JOB_DRY_RUN);
    site_run(site, 30);
    assert_string_equal(job_of(site, id).state, "running");
    site_deposit(site, "ann", "en-short-pcm16.wav", "", late);
    site_run(site, 20);
    assert_int_equal(site_count(site, "CreateItem"), 0); /* one at a time */
    site_run(site, QUIET_MS);
    assert_string_equal(job_of(site, id).state, "done");
    assert_int_equal(site_count(site, "CreateItem"), 1);
    site_assert_agree(site);
    assert_true(queue_count(site->store, mailbox.id, &count, &err));
    assert_int_equal(count, 1);
    /* What was claimed together with it. */
    site_count_from_here(site);
    site_deposit(site, "ann", "en-short-pcm16.wav", "", late);
    id = ask(site, "ann", JOB_DRY_RUN);
    site_run(site, 3000);
    assert_string_equal(job_of(site, id).state, "done");
    assert_int_equal(site_count(site, "CreateItem"), 1);
    site_free(&site);
}

/* rule: resync-dry-run */
static void a_resync_that_is_asked_for_meanwhile_follows(void **state)
{
    struct site *site = site_new(10, NULL);
    char ids[PEOPLE + 1][LIMIT_UUID];

    (void)state;
    play(site, ids);
    site_start(site);
    site_run(site, QUIET_MS);
    int64_t dry = ask(site, "ann", JOB_DRY_RUN), other = ask(site, "ann", JOB_DRY_CONNECTION),
            real = ask(site, "ann", JOB_RESYNC);
    site_run(site, QUIET_MS);
    assert_string_equal(job_of(site, dry).state, "done");
    assert_string_equal(job_of(site, other).state, "done");
    assert_string_equal(job_of(site, real).state, "done");
    assert_int_equal(job_of(site, dry).done, PEOPLE + 1);
    site_assert_agree(site);
    site_free(&site);
}

/* rule: resync-dry-run */
static void a_mailbox_that_is_off_can_be_asked_what_would_happen(void **state)
{
    struct site *site = site_new(11, NULL);
    char ids[PEOPLE + 1][LIMIT_UUID];
    struct err err;

    (void)state;
    play(site, ids);
    assert_true(store_begin(site->store, &err));
    assert_true(mailbox_set_single_inbox(site->store, "ann", false, &err));
    assert_true(store_commit(site->store, &err));
    site_start(site);
    struct said *said = dry_run(site, "ann", JOB_DRY_RUN);
    assert_int_equal(said->count, 9);
    assert_int_equal(site_message(site, ids[1]).folder, FOLDER_INBOX);
    free(said);
    site_free(&site);
}

/* rule: resync-dry-run
 * rule: guard-foreign */
static void a_dry_run_knows_whose_items_are_there(void **state)
{
    struct site *site = site_new(12, NULL);
    char ids[30][LIMIT_UUID], id[LIMIT_UUID];
    struct mailbox ben;
    struct err err;

    (void)state;
    site->expect_warnings = true;
    site_mailbox(site, "ann");
    site_mailbox(site, "ben");
    for (int i = 0; i < 30; i++)
        site_deposit(site, "ben", "en-short-pcm16.wav", "", ids[i]);
    site_deposit(site, "ann", "en-short-pcm16.wav", "", id);
    site_start(site);
    site_run(site, LONG_MS);
    set_condition(site, MAILBOX_SUSPENDED);
    /* Somebody gave ann ben's address. */
    ben = mailbox_of(site, "ann");
    text_copy(ben.smtp, sizeof ben.smtp, "ben@example.net");
    bool changed;
    assert_true(store_begin(site->store, &err));
    assert_true(mailbox_set(site->store, &ben, &changed, &err));
    assert_true(store_commit(site->store, &err));
    struct said *said = dry_run(site, "ann", JOB_DRY_RUN);
    assert_int_equal(said->count, 1);
    assert_string_equal(said->last.what, "suspended");
    assert_non_null(strstr(said->last.why, "ben"));
    free(said);
    site_free(&site);
}

static bool count_line(const struct job_line *line, void *arg)
{
    (void)line;
    ++*(int *)arg;
    return true;
}

/* rule: resync-dry-run */
static void a_long_report_is_cut_and_counted_whole(void **state)
{
    struct site *site = site_new(13, NULL);
    struct job_line line = {.message = "m", .side = "exchange", .what = "created"};
    struct said said = {.count = 0};
    int64_t job;
    struct err err;

    (void)state;
    site_mailbox(site, "ann");
    assert_true(store_begin(site->store, &err));
    assert_true(job_ask(site->store, mailbox_of(site, "ann").id, JOB_DRY_RUN, &job, &err));
    for (int i = 0; i < LIMIT_JOB_LINES + 500; i++)
        assert_true(job_line_add(site->store, job, &line, &err));
    assert_true(store_commit(site->store, &err));
    int lines = 0;
    assert_true(job_line_each(site->store, job, count_line, &lines, &err));
    assert_int_equal(lines, LIMIT_JOB_LINES);
    assert_true(job_sum_each(site->store, job, add_sum, &said, &err));
    assert_int_equal(said.summed, LIMIT_JOB_LINES + 500);
    site_free(&site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dry_run_says_what_a_resync_would_do_and_does_nothing),
        cmocka_unit_test(a_resync_does_what_the_dry_run_said),
        cmocka_unit_test(a_dry_run_says_what_connection_would_put_back),
        cmocka_unit_test(a_dry_run_says_that_the_guard_would_stop_it),
        cmocka_unit_test(what_is_in_doubt_is_said_to_wait),
        cmocka_unit_test(a_dry_run_waits_for_a_busy_exchange),
        cmocka_unit_test(a_dry_run_that_cannot_be_done_fails_with_the_reason),
        cmocka_unit_test(a_dry_run_that_was_killed_begins_anew),
        cmocka_unit_test(other_wishes_of_the_mailbox_wait_for_the_dry_run_and_stay),
        cmocka_unit_test(a_resync_that_is_asked_for_meanwhile_follows),
        cmocka_unit_test(a_mailbox_that_is_off_can_be_asked_what_would_happen),
        cmocka_unit_test(a_dry_run_knows_whose_items_are_there),
        cmocka_unit_test(a_long_report_is_cut_and_counted_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
