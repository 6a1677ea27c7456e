/* Histories of one message that goes to Exchange over a network that executes requests late (a
 * day and more), before others, twice or never, and loses answers; with one server, which may
 * have tried a create in one request before, or with two at once; with services that die at any
 * moment, and a person who reads, moves or removes what is shown.
 *
 * At every moment, which is after each executed request, at most one copy is visible; when all
 * is quiet there is exactly one, or none if its owner removed it, and both sides agree. Then
 * what is still on its way is executed, and the same holds.
 *
 * The runs, the store and the EWS client are the real ones; the Exchange is a small one
 * (tests/support/small_exchange.h). STAGE_FIRST=k STAGE_SEEDS=n runs n histories from k on; a
 * failing one is named, and STAGE_FIRST=k STAGE_SEEDS=1 STAGE_LOG=1 tells it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/id.h"
#include "base/log.h"
#include "ews/ews.h"
#include "store/mapping.h"
#include "sync/run.h"
#include "tests/support/small_exchange.h"
#include "tests/support/unruly.h"

enum {
    SEEDS = 150,
    REQUEST_MS = 5000,
    MINUTE = 60 * 1000,
    HOUR = 60 * MINUTE,
    CLIENTS_MAX = 2,
    SETTLE_MS = 48 * HOUR,
};

#define START_MS 1795341600000 /* 2026-11-22T10:00:00Z */

struct history;

struct client {
    struct history *history;
    struct store *store;
    struct mailbox mailbox;
    struct transport *transport;
    struct ews_account *account;
    struct remote *remote;
    struct run *run;
    struct loop_timer *timer;
    unsigned reasons;
    bool up, settled;
    int tries;
    long runs;
};

/* What a person does, once, when there is something to do it to. */
enum act { ACT_NOTHING, ACT_READ, ACT_KEEP, ACT_DELETE, ACT_PURGE, ACT_ARCHIVE, ACTS };

struct history {
    uint64_t seed;
    struct rng rng;
    struct loop *loop;
    struct small_exchange *ex;
    struct unruly *unruly;
    struct client clients[CLIENTS_MAX];
    int count;
    char message[LIMIT_UUID];
    enum act act;
    bool acted, removed; /* by a person */
    bool phoned;
    bool empties; /* somebody removes staged copies */
    int emptied;  /* so many staged copies were removed by somebody else */
    struct loop_timer *person, *crash, *phone, *empty;
    char violation[256];
};

static char state_dir[64];
static long executed, staged, removed, emptied, lost;

static void tell(const struct history *h, const char *who, const char *what)
{
    if (getenv("STAGE_LOG"))
        fprintf(stderr, "%10lld %s: %s\n", (long long)loop_now(h->loop).ms, who, what);
}

static void violated(struct history *h, const char *what, int number)
{
    tell(h, "VIOLATED", what);
    if (!h->violation[0])
        snprintf(h->violation, sizeof h->violation, "%s (%d) at %lld ms", what, number,
                 (long long)loop_now(h->loop).ms);
}

/* ---- the judge ---- */

static void judge(const char *request, void *arg)
{
    struct history *h = arg;
    struct small_item *item;
    int visible = small_visible(h->ex, &item);

    const char *body = strstr(request, "<s:Body><m:");
    char name[32];
    snprintf(name, sizeof name, "%.24s", body ? body + 11 : "?");
    tell(h, "executed", name);
    if (h->empties && small_hidden(h->ex) > 0 && !loop_timer_is_set(h->empty))
        loop_timer_set(h->empty, (int64_t)rng_below(&h->rng, 1ull << rng_below(&h->rng, 14)));
    if (visible > 1)
        violated(h, "more than one copy was visible", visible);
    if (visible > 0 && h->removed)
        violated(h, "what a person had removed came back", visible);
}

/* ---- services ---- */

static void look(void *arg);

static void done(const struct run_result *result, void *arg)
{
    struct client *client = arg;
    struct history *h = client->history;

    client->run = NULL;
    remote_free(&client->remote);
    tell(h, client == h->clients ? "one" : "two",
         result->err.kind == ERR_OK ? result->again ? "again" : "done" : result->err.text);
    if (result->suspend)
        violated(h, "the mailbox was suspended", 0);
    client->settled = !result->again && result->err.kind == ERR_OK;
    if (client->settled) {
        client->tries = 0;
        client->reasons = 1u << QUEUE_SWEEP;
        loop_timer_set(client->timer, MINUTE + (int64_t)rng_below(&h->rng, 24 * HOUR));
        return;
    }
    int64_t wait = result->again_ms;
    if (!wait)
        wait = (int64_t)100 << (client->tries < 9 ? client->tries : 9);
    client->tries += result->count_attempt;
    client->reasons = 1u << QUEUE_RETRY;
    loop_timer_set(client->timer, rng_jitter(&h->rng, wait, 20) + 1);
}

static void look(void *arg)
{
    struct client *client = arg;
    struct history *h = client->history;
    const struct run_deps deps = {
        .loop = h->loop,
        .store = client->store,
        .item_class = "IPM.Note.Microsoft.Voicemail.UM.CA",
        .in_doubt_ms = REQUEST_MS + TIME_REQUEST_MARGIN_MS,
        .staged_only = h->count > 1,
        .guard_count = 20,
        .guard_percent = 10,
    };

    if (!client->up || client->run)
        return;
    client->runs++;
    client->remote = ews_remote_new(client->account, client->mailbox.smtp);
    client->run =
        run_start(&deps, client->remote, &client->mailbox, client->reasons, done, client);
    assert_non_null(client->run);
}

static void begin_client(struct client *client)
{
    struct err err;
    struct store *store = client->store;
    int64_t until = store_now(store).ms + REQUEST_MS + TIME_REQUEST_MARGIN_MS;

    /* As the scheduler does when it begins. */
    assert_true(store_begin(store, &err) && attempt_extend(store, "", until, &err) &&
                store_commit(store, &err));
    client->up = true;
    client->settled = false;
    client->reasons = 1u << QUEUE_CHANGE | 1u << QUEUE_RETRY;
    loop_timer_set(client->timer, (int64_t)rng_below(&client->history->rng, 2000));
}

static void kill_client(struct client *client)
{
    client->up = false;
    run_cancel(&client->run);
    remote_free(&client->remote);
    store_rollback(client->store);
    loop_timer_stop(client->timer);
}

static struct wall now(void *arg)
{
    return loop_wall(((struct history *)arg)->loop);
}

static void fill_store(struct client *client, char *message)
{
    struct err err;
    struct mailbox *mailbox = &client->mailbox;

    *mailbox = (struct mailbox){.name = "ann", .smtp = "ann@example.net", .single_inbox = true};
    assert_true(store_begin(client->store, &err) && mailbox_add(client->store, mailbox, &err));
    const struct message_new new = {.mailbox = mailbox->id, .from_number = "5550100"};
    assert_true(message_add(client->store, &new, message, &err) &&
                store_commit(client->store, &err));
}

static void open_client(struct history *h, int number)
{
    struct client *client = &h->clients[number];
    char message[LIMIT_UUID];
    struct err err;

    client->history = h;
    const struct store_options options = {
        .state_dir = state_dir, .node = number + 1, .now = now, .now_arg = h, .memory = true};
    client->store = store_open(&options, &err);
    if (!client->store)
        fail_msg("%s", err.text);
    id_seed(h->seed + 1); /* the same message on both */
    fill_store(client, message);
    assert_true(number == 0 || strcmp(message, h->message) == 0);
    memcpy(h->message, message, sizeof h->message);
    client->transport = unruly_transport(h->unruly);
    const struct ews_config config = {.name = "main",
                                      .url = "http://exchange.test/",
                                      .request_timeout_ms = REQUEST_MS,
                                      .create = "inline",
                                      .auth = {.auth = "basic", .user = "u", .password = "p"}};
    client->account = ews_account_new(h->loop, client->transport, &config, &err);
    assert_non_null(client->account);
    client->timer = loop_timer_new(h->loop, look, client);
}

static void close_client(struct client *client)
{
    kill_client(client);
    loop_timer_free(&client->timer);
    ews_account_free(&client->account);
    transport_free(&client->transport);
    store_close(&client->store);
}

/* ---- people and accidents ---- */

static void at_random(struct history *h, struct loop_timer *timer)
{
    loop_timer_set(timer, (int64_t)rng_below(&h->rng, 1ull << (4 + rng_below(&h->rng, 20))));
}

static void person(void *arg)
{
    struct history *h = arg;
    struct small_item *item;

    small_visible(h->ex, &item);
    /* Nobody can know of what a create in one request made, and a person removed at once. */
    bool removes = h->act == ACT_PURGE || h->act == ACT_ARCHIVE;
    if (!item || (removes && !item->staged)) {
        at_random(h, h->person);
        return;
    }
    static const char *const names[ACTS] = {"",        "reads",  "keeps",
                                            "deletes", "purges", "archives"};
    tell(h, "person", names[h->act]);
    h->acted = true;
    switch (h->act) {
    case ACT_READ:
        item->read = true;
        small_touch(h->ex, item);
        break;
    case ACT_KEEP: small_move(h->ex, item, SMALL_KEPT); break;
    case ACT_DELETE: small_move(h->ex, item, SMALL_DELETED); break;
    case ACT_PURGE: small_move(h->ex, item, -1); break;
    case ACT_ARCHIVE: small_move(h->ex, item, SMALL_ARCHIVE); break;
    default: break;
    }
    h->removed = removes;
}

static void phone(void *arg)
{
    struct history *h = arg;
    struct store *store = h->clients[0].store;
    struct err err;

    tell(h, "phone", "subject and read");
    h->phoned = true;
    assert_true(store_begin(store, &err) &&
                message_set_subject(store, h->message, "by phone", NULL, &err) &&
                message_set_urgent(store, h->message, true, NULL, &err) &&
                store_commit(store, &err));
    loop_timer_set(h->clients[0].timer, 1);
}

static void empty(void *arg)
{
    struct history *h = arg;
    int count = small_empty_staging(h->ex);

    tell(h, "somebody", count ? "empties Staging" : "finds Staging empty");
    h->emptied += count;
    h->empties = rng_below(&h->rng, 2);
}

static void crash(void *arg)
{
    struct history *h = arg;
    struct client *client = &h->clients[rng_below(&h->rng, (uint64_t)h->count)];

    tell(h, client == h->clients ? "one" : "two", client->up ? "dies" : "begins");
    if (client->up)
        kill_client(client);
    else
        begin_client(client);
    at_random(h, h->crash);
}

/* ---- a history ---- */

static int execute(const char *request, size_t len, struct buf *answer, void *arg)
{
    (void)len;
    small_execute(arg, request, answer);
    return 200;
}

static bool is_direct(const char *request, void *arg)
{
    return small_is_direct_create(arg, request);
}

static void open_history(struct history *h, uint64_t seed, int clients,
                         enum small_broken broken)
{
    memset(h, 0, sizeof *h);
    h->seed = seed;
    h->rng = rng_seed(seed * 2654435761u + 11);
    h->count = clients ? clients : 1 + (int)rng_below(&h->rng, 2);
    h->loop = loop_virtual_new((struct wall){START_MS});
    h->ex = small_new(h->loop, broken);
    const struct unruly_server server = {execute, is_direct, h->ex};
    h->unruly = unruly_new(h->loop, &server, seed + 99, judge, h);
    for (int i = 0; i < h->count; i++)
        open_client(h, i);
    id_seed(seed + 1000003);
    h->person = loop_timer_new(h->loop, person, h);
    h->crash = loop_timer_new(h->loop, crash, h);
    h->phone = loop_timer_new(h->loop, phone, h);
    h->empty = loop_timer_new(h->loop, empty, h);
    h->act = (enum act)rng_below(&h->rng, ACTS);
}

static void close_history(struct history *h)
{
    for (int i = 0; i < h->count; i++)
        close_client(&h->clients[i]);
    loop_timer_free(&h->person);
    loop_timer_free(&h->crash);
    loop_timer_free(&h->phone);
    loop_timer_free(&h->empty);
    unruly_free(&h->unruly);
    small_free(&h->ex);
    loop_free(&h->loop);
    id_seed(0);
}

static void trouble(struct history *h)
{
    static const int much[] = {0, 10, 30, 60};
    struct unruly_faults faults = {much[rng_below(&h->rng, 4)], much[rng_below(&h->rng, 3)],
                                   much[rng_below(&h->rng, 3)], much[rng_below(&h->rng, 4)]};
    int64_t rest = (int64_t)rng_below(&h->rng, 1ull << (10 + rng_below(&h->rng, 14)));

    unruly_set_faults(h->unruly, &faults);
    for (int i = 0; i < h->count; i++)
        begin_client(&h->clients[i]);
    if (h->act != ACT_NOTHING)
        at_random(h, h->person);
    if (rng_below(&h->rng, 2))
        at_random(h, h->crash);
    if (h->count == 1 && rng_below(&h->rng, 4) == 0)
        at_random(h, h->phone);
    h->empties = rng_below(&h->rng, 8) == 0;
    loop_virtual_run(h->loop, rest);
}

static bool settled(const struct history *h)
{
    for (int i = 0; i < h->count; i++) {
        if (!h->clients[i].settled || h->clients[i].run)
            return false;
    }
    return true;
}

/* Each service looks once more, however long it takes. */
static void settle(struct history *h)
{
    loop_timer_stop(h->person);
    for (int i = 0; i < h->count; i++) {
        if (!h->clients[i].up)
            begin_client(&h->clients[i]);
        h->clients[i].settled = false;
        if (!h->clients[i].run) {
            h->clients[i].reasons = 1u << QUEUE_SWEEP;
            loop_timer_set(h->clients[i].timer, (int64_t)rng_below(&h->rng, 1000));
        }
    }
    for (int64_t ms = 0; ms < SETTLE_MS && !settled(h); ms += 1000)
        loop_virtual_run(h->loop, 1000);
    if (!settled(h))
        violated(h, "it does not come to rest", 0);
}

static void compare(struct history *h, struct client *client, const struct small_item *item)
{
    struct message message;
    struct err err;

    assert_true(message_get(client->store, h->message, &message, &err));
    bool deleted = !item || item->folder == SMALL_DELETED;
    if (deleted != (message.folder == FOLDER_DELETED))
        violated(h, "the two sides do not agree on the folder", message.folder);
    if (item && message.read != item->read)
        violated(h, "the two sides do not agree on read", item->read);
    if (item && (strcmp(message.subject, item->subject) != 0 || message.urgent != item->urgent))
        violated(h, "the two sides do not agree on a field", item->urgent);
    if (h->acted && h->act == ACT_READ && item && !item->read)
        violated(h, "what a person did was undone", 0);
    if (h->acted && h->act == ACT_DELETE && item && item->folder != SMALL_DELETED)
        violated(h, "what a person did was undone", item->folder);
    if (h->phoned && item && !item->urgent)
        violated(h, "what was done by phone was forgotten", 0);
}

static void check(struct history *h)
{
    struct small_item *item;
    int visible = small_visible(h->ex, &item);

    /* Was it shown before its copy was removed? When nobody can tell, it counts as shown and
     * deleted by its owner, and is kept here. */
    bool may_be_gone = h->removed || h->emptied;
    if (visible > 1 || (visible == 1 && h->removed) || (visible == 0 && !may_be_gone))
        violated(h, "when all is quiet there are so many copies", visible);
    for (int i = 0; i < h->count; i++)
        compare(h, &h->clients[i], item);
}

static void play(struct history *h)
{
    const struct unruly_faults none = {0};

    trouble(h);
    unruly_set_faults(h->unruly, &none);
    loop_timer_stop(h->crash);
    loop_timer_stop(h->phone);
    loop_timer_stop(h->empty);
    h->empties = false;
    settle(h);
    check(h);
    /* A day later what was left behind is cleared; and something is always later than that. */
    if (h->act != ACT_NOTHING && !h->acted)
        at_random(h, h->person);
    if (rng_below(&h->rng, 2))
        loop_virtual_run(h->loop, 25 * HOUR);
    settle(h);
    unruly_flush(h->unruly);
    settle(h);
    check(h);
}

/* "" : all went well. */
static const char *run_history(uint64_t seed, int clients, enum small_broken broken)
{
    static struct history h;
    static char violation[sizeof h.violation];
    struct small_item *item;

    open_history(&h, seed, clients, broken);
    play(&h);
    executed += unruly_executed(h.unruly);
    small_visible(h.ex, &item);
    staged += item && item->staged;
    removed += h.removed;
    emptied += h.emptied > 0;
    lost += !item && !h.removed;
    memcpy(violation, h.violation, sizeof violation);
    close_history(&h);
    return violation;
}

static uint64_t number(const char *name, uint64_t fallback)
{
    const char *text = getenv(name);

    return text ? strtoull(text, NULL, 10) : fallback;
}

static void a_message_is_shown_once_whatever_happens_to_the_requests(void **state)
{
    uint64_t first = number("STAGE_FIRST", 1), seeds = number("STAGE_SEEDS", SEEDS);

    (void)state;
    executed = staged = removed = emptied = lost = 0;
    for (uint64_t seed = first; seed < first + seeds; seed++) {
        const char *violation = run_history(seed, (int)number("STAGE_CLIENTS", 0), SMALL_SOUND);
        if (violation[0])
            fail_msg("STAGE_FIRST=%llu: %s", (unsigned long long)seed, violation);
    }
    print_message(
        "%llu histories, %ld requests executed; %ld messages were staged, %ld removed "
        "by their owner; of %ld whose staged copy somebody removed, %ld counted as "
        "deleted\n",
        (unsigned long long)seeds, executed, staged, removed, emptied, lost);
}

/* ---- the judge can say no ---- */

static void is_caught(enum small_broken broken, const char *what)
{
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        const char *violation = run_history(seed, 2, broken);
        if (!violation[0])
            continue;
        print_message("%s: seed %llu: %s\n", what, (unsigned long long)seed, violation);
        return;
    }
    fail_msg("%s was not noticed", what);
}

static void a_server_that_takes_two_folders_of_one_name_is_caught(void **state)
{
    (void)state;
    is_caught(SMALL_TAKES_ANY_NAME, "no commit");
}

static void a_commit_that_is_forgotten_early_is_caught(void **state)
{
    (void)state;
    is_caught(SMALL_FORGETS_COMMITS, "commit forgotten early");
}

static void a_move_that_leaves_the_item_where_it_was_is_caught(void **state)
{
    (void)state;
    is_caught(SMALL_MOVES_BY_COPYING, "published by a copy");
}

static int begin(void **state)
{
    (void)state;
    snprintf(state_dir, sizeof state_dir, "/tmp/sib-stage-XXXXXX");
    log_set_level(getenv("STAGE_LOG") ? LOG_LEVEL_WARNING : LOG_LEVEL_ERROR);
    return mkdtemp(state_dir) ? 0 : -1;
}

static int end(void **state)
{
    char command[96];

    (void)state;
    snprintf(command, sizeof command, "rm -rf %s", state_dir);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_is_shown_once_whatever_happens_to_the_requests),
        cmocka_unit_test(a_server_that_takes_two_folders_of_one_name_is_caught),
        cmocka_unit_test(a_commit_that_is_forgotten_early_is_caught),
        cmocka_unit_test(a_move_that_leaves_the_item_where_it_was_is_caught),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
