/* Politeness that is fast: who is throttled, refuses, hangs or is away never slows the others,
 * and nobody is asked before the time. On virtual time, over the real client and scheduler. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "store/alarm.h"
#include "store/message.h"
#include "sync/account.h"
#include "tests/exchange/exchange_user.h"
#include "tests/support/site.h"

enum {
    SECOND = 1000,
    MINUTE = 60 * SECOND,
    HOUR = 60 * MINUTE,
    MAILBOXES = 200,
    BUSY = 20,
    DENYING = 5,
    WELL = MAILBOXES - BUSY - DENYING,
    MESSAGES = 2,
    HANGING = 40,
    LATENCY_MS = 100,
    SEEN_MAX = 256,
};

/* ---- a transport that looks on ---- */

struct seen {
    char mailbox[LIMIT_ADDRESS];
    int in_flight;
    int64_t answered_ms; /* the last time */
    long asked;
};

struct watcher {
    struct transport base;
    struct loop *loop;
    struct transport *inner;
    struct seen seen[SEEN_MAX];
    int seen_count;
    int in_flight, most;
    long asked, too_early, two_at_once;
    long in_second, peak; /* requests in the present second; the most in one */
    int64_t second;
    struct transport_call *hanging;
};

struct transport_call {
    struct watcher *watcher;
    struct seen *seen;
    struct transport_request request;
    struct transport_call *inner; /* NULL: it hangs */
    struct loop_timer *timeout;
    struct transport_call *next;
};

static struct seen *seen_of(struct watcher *watcher, const char *mailbox)
{
    for (int i = 0; i < watcher->seen_count; i++) {
        if (strcmp(watcher->seen[i].mailbox, mailbox) == 0)
            return &watcher->seen[i];
    }
    assert_true(watcher->seen_count < SEEN_MAX);
    struct seen *seen = &watcher->seen[watcher->seen_count++];
    *seen = (struct seen){.answered_ms = -1};
    snprintf(seen->mailbox, sizeof seen->mailbox, "%s", mailbox);
    return seen;
}

/* How long a mailbox of this name wants to be left alone after each answer: those with an odd
 * number name a time, the others do not, and our own schedule begins at 8 s. */
static int64_t rest_of(const char *mailbox)
{
    if (strncmp(mailbox, "busy", 4) != 0)
        return 0;
    return strtol(mailbox + 4, NULL, 10) % 2 ? 30 * SECOND : 8 * SECOND;
}

static void end_call(struct transport_call *call)
{
    call->seen->in_flight--;
    call->watcher->in_flight--;
    loop_timer_free(&call->timeout);
    for (struct transport_call **at = &call->watcher->hanging; *at; at = &(*at)->next) {
        if (*at == call) {
            *at = call->next;
            break;
        }
    }
    free(call);
}

static bool on_bytes(const void *bytes, size_t len, void *arg)
{
    struct transport_call *call = arg;

    return call->request.bytes(bytes, len, call->request.arg);
}

static void on_done(const struct err *err, const struct transport_reply *reply, void *arg)
{
    struct transport_call *call = arg;
    struct transport_request request = call->request;

    call->seen->answered_ms = loop_now(call->watcher->loop).ms;
    end_call(call);
    request.done(err, reply, request.arg);
}

static void on_timeout(void *arg)
{
    struct transport_reply none = transport_reply_none();
    struct err err;

    err_set(&err, ERR_UNAVAILABLE, "no answer in time");
    err.scope = ERR_SCOPE_MAILBOX;
    err.effect = ERR_EFFECT_UNKNOWN;
    on_done(&err, &none, arg);
}

static void count_start(struct watcher *watcher, struct seen *seen)
{
    int64_t now = loop_now(watcher->loop).ms;

    if (now / SECOND != watcher->second) {
        watcher->second = now / SECOND;
        watcher->in_second = 0;
    }
    if (++watcher->in_second > watcher->peak)
        watcher->peak = watcher->in_second;
    watcher->asked++;
    seen->asked++;
    watcher->two_at_once += seen->in_flight++ > 0;
    if (++watcher->in_flight > watcher->most)
        watcher->most = watcher->in_flight;
    if (seen->answered_ms >= 0 && now < seen->answered_ms + rest_of(seen->mailbox))
        watcher->too_early++;
}

static struct transport_call *start(struct transport *base,
                                    const struct transport_request *request)
{
    struct watcher *watcher = (struct watcher *)base;
    struct transport_call *call = calloc(1, sizeof *call);
    struct transport_request passed = *request;

    call->watcher = watcher;
    call->request = *request;
    call->seen = seen_of(watcher, request->anchor_mailbox);
    count_start(watcher, call->seen);
    if (strstr(request->url, "hang.test")) {
        body_free(&passed.body);
        call->timeout = loop_timer_new(watcher->loop, on_timeout, call);
        loop_timer_set(call->timeout, request->timeout_ms);
        call->next = watcher->hanging;
        watcher->hanging = call;
        return call;
    }
    passed.bytes = on_bytes;
    passed.done = on_done;
    passed.arg = call;
    call->inner = watcher->inner->ops->start(watcher->inner, &passed);
    return call;
}

static void cancel(struct transport_call *call)
{
    if (call->inner)
        call->watcher->inner->ops->cancel(call->inner);
    end_call(call);
}

static void free_nothing(struct transport *base)
{
    (void)base;
}

static const struct transport_ops watcher_ops = {start, cancel, free_nothing};

/* ---- a site with one or two accounts ---- */

struct world {
    struct site *site;
    struct watcher watcher;
    struct account *accounts[2];
};

static const char two_sections[] = "[exchange \"second\"]\n"
                                   "url = http://hang.test/EWS/Exchange.asmx\n"
                                   "auth = negotiate\n";

static struct remote *open_remote(const struct mailbox *mailbox, void *arg, struct err *err)
{
    struct world *world = arg;

    (void)err;
    return ews_remote_new(account_ews(world->accounts[mailbox->exchange[0] != '\0']),
                          mailbox->smtp);
}

static void health(const struct config_exchange *exchange, struct ews_health *health, void *arg)
{
    struct world *world = arg;

    account_health(world->accounts[strcmp(exchange->name, "second") == 0], health);
}

static void account_changed(void *arg)
{
    struct world *world = arg;

    if (world->site->scheduler)
        scheduler_poke(world->site->scheduler);
}

static void start_site(struct world *world)
{
    struct site *site = world->site;
    struct err err;
    const struct account_deps account_deps = {site->loop, &world->watcher.base, site->store,
                                              NULL};
    const struct scheduler_deps deps = {.loop = site->loop,
                                        .store = site->store,
                                        .config = site->config,
                                        .seed = 7,
                                        .open_remote = open_remote,
                                        .health = health,
                                        .arg = world};

    for (size_t i = 0; i < site->config->exchange_count; i++) {
        world->accounts[i] = account_open(&account_deps, &site->config->exchange[i], &err);
        if (!world->accounts[i])
            fail_msg("%s", err.text);
        ews_account_watch(account_ews(world->accounts[i]), account_changed, world);
    }
    site->scheduler = scheduler_new(&deps, &err);
    if (!site->scheduler)
        fail_msg("%s", err.text);
}

static struct world *world_new(uint64_t seed, const char *extra)
{
    struct world *world = calloc(1, sizeof *world);

    world->site = site_new(seed, extra);
    world->site->expect_warnings = true;
    exchange_transport_set_latency(world->site->transport, LATENCY_MS);
    world->watcher.base.ops = &watcher_ops;
    world->watcher.loop = world->site->loop;
    world->watcher.inner = world->site->transport;
    return world;
}

static void world_free(struct world *world)
{
    assert_int_equal(world->watcher.two_at_once, 0);
    site_kill(world->site);
    account_close(&world->accounts[0]);
    account_close(&world->accounts[1]);
    site_free(&world->site);
    free(world);
}

static void add_mailboxes(struct world *world, const char *kind, int count,
                          const char *exchange)
{
    struct err err;

    assert_true(store_begin(world->site->store, &err));
    for (int i = 0; i < count; i++) {
        struct mailbox mailbox = {.single_inbox = true};
        snprintf(mailbox.name, sizeof mailbox.name, "%s%d", kind, i);
        snprintf(mailbox.smtp, sizeof mailbox.smtp, "%s%d@example.net", kind, i);
        snprintf(mailbox.exchange, sizeof mailbox.exchange, "%s", exchange);
        assert_true(mailbox_add(world->site->store, &mailbox, &err));
        assert_true(queue_push(world->site->store, mailbox.id, QUEUE_CHANGE, 0, &err));
    }
    assert_true(store_commit(world->site->store, &err));
}

static void deposit(struct world *world, const char *kind, int count, int messages)
{
    char name[32], id[LIMIT_UUID];

    for (int n = 0; n < messages; n++) {
        for (int i = 0; i < count; i++) {
            snprintf(name, sizeof name, "%s%d", kind, i);
            site_deposit(world->site, name, "en-short-pcm16.wav", "", id);
        }
    }
}

static int64_t waiting(struct world *world, const char *kind, int count)
{
    int64_t sum = 0;

    for (int i = 0; i < count; i++) {
        char name[32];
        struct mailbox mailbox;
        int64_t dirty, oldest;
        struct err err;
        snprintf(name, sizeof name, "%s%d", kind, i);
        assert_true(mailbox_find(world->site->store, name, &mailbox, &err));
        assert_true(message_dirty_count(world->site->store, mailbox.id, &dirty, &oldest, &err));
        sum += dirty;
    }
    return sum;
}

/* Until every message of these mailboxes is in Exchange. */
static int64_t run_until_delivered(struct world *world, const char *kind, int count)
{
    int64_t from = loop_now(world->site->loop).ms;

    while (waiting(world, kind, count)) {
        site_run(world->site, 50);
        assert_true(loop_now(world->site->loop).ms - from < 2 * HOUR);
    }
    return loop_now(world->site->loop).ms - from;
}

struct wanted_alarm {
    const char *name;
    bool found;
};

static bool find_alarm(const struct alarm *alarm, void *arg)
{
    struct wanted_alarm *wanted = arg;

    wanted->found = wanted->found || strcmp(alarm->name, wanted->name) == 0;
    return true;
}

static bool has_alarm(struct site *site, const char *name)
{
    struct wanted_alarm wanted = {.name = name};
    struct err err;

    assert_true(alarm_each(site->store, find_alarm, &wanted, &err));
    return wanted.found;
}

/* ---- 200 mailboxes, 25 of them bad ---- */

/* Every shape of "busy", with a time and without, and two ways to be refused. */
static const char bad_ones[] =
    "busy-200:*:*:30000@busy1@*,busy-200:*:*:30000@busy1?@*,"
    "busy-fault:*:*:30000@busy3@*,busy-fault:*:*:30000@busy5@*,busy-fault:*:*:30000@busy7@*,"
    "http-429:*:*:30@busy9@*,"
    "busy-inner@busy0@*,busy-inner@busy2@*,busy-fault:*:*:0@busy4@*,busy-200:*:*:0@busy6@*,"
    "http-429@busy8@*,"
    "fault:*:ErrorImpersonateUserDenied@deny0@*,fault:*:ErrorImpersonateUserDenied@deny1@*,"
    "http-403@deny2@*,http-403@deny3@*,fault:*:ErrorNonExistentMailbox@deny4@*";

static int64_t time_to_deliver(bool bad)
{
    struct world *world = world_new(1, NULL);
    struct err err;

    add_mailboxes(world, "well", WELL, "");
    if (bad) {
        add_mailboxes(world, "busy", BUSY, "");
        add_mailboxes(world, "deny", DENYING, "");
        if (!exchange_set_faults(world->site->exchange, bad_ones, &err))
            fail_msg("%s", err.text);
    }
    start_site(world);
    site_run(world->site, MINUTE);
    if (bad) {
        deposit(world, "busy", BUSY, 1);
        deposit(world, "deny", DENYING, 1);
    }
    deposit(world, "well", WELL, MESSAGES);
    int64_t ms = run_until_delivered(world, "well", WELL);
    struct ews_health now;
    account_health(world->accounts[0], &now);
    assert_int_equal(now.limit, 8);
    site_run(world->site, 3 * MINUTE);
    assert_int_equal(world->watcher.too_early, 0);
    assert_true(world->watcher.most <= 8);
    if (bad) {
        assert_int_equal(waiting(world, "busy", BUSY), BUSY);
        account_health(world->accounts[0], &now);
        assert_int_equal(now.limit, 8);
        /* They are left alone: some two requests a minute at the most. */
        for (int i = 0; i < world->watcher.seen_count; i++)
            assert_true(strncmp(world->watcher.seen[i].mailbox, "busy", 4) != 0 ||
                        world->watcher.seen[i].asked < 30);
        assert_true(exchange_set_faults(world->site->exchange, "", &err));
        run_until_delivered(world, "busy", BUSY);
        run_until_delivered(world, "deny", DENYING);
    }
    world_free(world);
    return ms;
}

static void throttled_and_refusing_mailboxes_do_not_slow_the_others(void **state)
{
    (void)state;
    int64_t without = time_to_deliver(false), with = time_to_deliver(true);
    print_message("%d messages of %d mailboxes: %lld ms alone, %lld ms beside %d throttled and "
                  "%d that refuse: x %.3f\n",
                  WELL * MESSAGES, WELL, (long long)without, (long long)with, BUSY, DENYING,
                  (double)with / (double)without);
    assert_true((double)with <= 1.1 * (double)without);
}

static int64_t time_beside(bool hanging)
{
    struct world *world = world_new(2, two_sections);

    add_mailboxes(world, "well", WELL, "");
    if (hanging)
        add_mailboxes(world, "hang", HANGING, "second");
    start_site(world);
    site_run(world->site, MINUTE);
    deposit(world, "well", WELL, MESSAGES);
    int64_t ms = run_until_delivered(world, "well", WELL);
    if (hanging)
        assert_true(world->watcher.hanging != NULL);
    world_free(world);
    return ms;
}

static void an_account_that_hangs_changes_nothing_for_another(void **state)
{
    (void)state;
    int64_t without = time_beside(false), with = time_beside(true);
    print_message("beside an account that hangs: %lld ms, without it %lld ms: x %.3f\n",
                  (long long)with, (long long)without, (double)with / (double)without);
    assert_true((double)with <= 1.05 * (double)without);
}

/* ---- the whole server ---- */

static void a_server_that_was_away_is_met_without_a_storm(void **state)
{
    struct world *world = world_new(3, NULL);

    (void)state;
    add_mailboxes(world, "well", MAILBOXES, "");
    start_site(world);
    site_run(world->site, MINUTE);
    exchange_transport_set_down(world->site->transport, true);
    deposit(world, "well", MAILBOXES, 1);
    long before = world->watcher.asked;
    site_run(world->site, 10 * MINUTE);
    long probes = world->watcher.asked - before;
    assert_true(has_alarm(world->site, ALARM_EXCHANGE_UNAVAILABLE));
    assert_true(probes < 40);
    world->watcher.peak = world->watcher.in_second = 0;
    exchange_transport_set_down(world->site->transport, false);
    int64_t ms = run_until_delivered(world, "well", MAILBOXES);
    /* 8 at once, each for LATENCY_MS: what the limit lets through at its full height. */
    long bound = 8 * SECOND / LATENCY_MS + 8;
    print_message("10 minutes away: %ld requests meanwhile; back: %d messages in %lld ms, at "
                  "most %ld requests in one second (the limit allows %ld)\n",
                  probes, MAILBOXES, (long long)ms, world->watcher.peak, bound);
    assert_true(world->watcher.peak <= bound);
    assert_true(ms < 2 * MINUTE);
    site_run(world->site, MINUTE);
    assert_false(has_alarm(world->site, ALARM_EXCHANGE_UNAVAILABLE));
    site_assert_agree(world->site);
    world_free(world);
}

struct tally {
    long attempts;
};

static bool add_attempts(const struct queue_row *row, void *arg)
{
    ((struct tally *)arg)->attempts += row->attempts;
    return true;
}

static void trouble_of_the_account_uses_up_no_attempts_and_claims_nothing(void **state)
{
    struct world *world = world_new(4, NULL);
    struct tally before = {0}, tally = {0};
    struct err err;

    (void)state;
    add_mailboxes(world, "well", 50, "");
    start_site(world);
    site_run(world->site, MINUTE);
    exchange_transport_set_down(world->site->transport, true);
    site_run(world->site, SECOND); /* what broke in the middle was a failure of its own */
    deposit(world, "well", 50, 1);
    assert_true(queue_each(world->site->store, "", add_attempts, &before, &err));
    site_run(world->site, HOUR);
    assert_true(queue_each(world->site->store, "", add_attempts, &tally, &err));
    assert_int_equal(tally.attempts, before.attempts);
    assert_true(before.attempts <= 8);
    assert_int_equal(scheduler_running(world->site->scheduler), 0);
    world_free(world);
}

static void a_server_that_throttles_everybody_is_asked_one_at_a_time(void **state)
{
    struct world *world = world_new(5, NULL);
    struct ews_health now;
    struct err err;

    (void)state;
    add_mailboxes(world, "well", MAILBOXES, "");
    start_site(world);
    site_run(world->site, MINUTE);
    assert_true(exchange_set_faults(world->site->exchange, "busy-200:*:*:20000", &err));
    deposit(world, "well", MAILBOXES, 1);
    site_run(world->site, 30 * SECOND);
    account_health(world->accounts[0], &now);
    assert_true(now.limit <= 2);
    assert_false(now.held);
    assert_true(exchange_set_faults(world->site->exchange, "", &err));
    int64_t ms = run_until_delivered(world, "well", MAILBOXES);
    account_health(world->accounts[0], &now);
    print_message("after everybody was throttled: all delivered in %lld ms, limit %d again\n",
                  (long long)ms, now.limit);
    assert_int_equal(now.limit, 8);
    world_free(world);
}

/* ---- credentials ---- */

static void a_refused_password_parks_the_account_and_a_new_one_frees_it_at_once(void **state)
{
    struct world *world = world_new(6, NULL);
    struct site *site = world->site;
    char path[LIMIT_PATH];
    struct ews_health now;
    struct err err;

    (void)state;
    exchange_set_account(site->exchange, "svc", "another");
    add_mailboxes(world, "well", MAILBOXES, "");
    start_site(world);
    site_run(site, MINUTE);
    assert_int_equal(world->watcher.asked, 2);
    assert_true(has_alarm(site, ALARM_ACCOUNT_REFUSED));
    account_health(world->accounts[0], &now);
    assert_int_equal(now.state, PACE_PARKED);
    assert_non_null(strstr(now.cause, "password"));
    site_run(site, 6 * HOUR);
    assert_in_range(world->watcher.asked, 2 + 4, 2 + 6);
    deposit(world, "well", 3, 1);
    snprintf(path, sizeof path, "%s/password", site->dir);
    assert_true(file_replace(path, "another\n", 8, 0600, &err));
    site_run(site, 2 * MINUTE);
    assert_int_equal(waiting(world, "well", 3), 0);
    assert_false(has_alarm(site, ALARM_ACCOUNT_REFUSED));
    world_free(world);
}

static void a_restart_with_the_same_password_costs_one_try(void **state)
{
    struct world *world = world_new(7, NULL);

    (void)state;
    exchange_set_account(world->site->exchange, "svc", "another");
    add_mailboxes(world, "well", 10, "");
    start_site(world);
    site_run(world->site, MINUTE);
    for (int i = 1; i <= 5; i++) {
        site_kill(world->site);
        account_close(&world->accounts[0]);
        start_site(world);
        site_run(world->site, MINUTE);
        assert_int_equal(world->watcher.asked, 2 + i);
    }
    world_free(world);
}

/* ---- one mailbox ---- */

static void ignore_changes(const struct err *err, const struct remote_page *page, void *arg)
{
    (void)err;
    (void)page;
    ++*(int *)arg;
}

static void two_remotes_of_one_address_share_its_one_place(void **state)
{
    struct world *world = world_new(8, NULL);
    struct remote *remotes[3];
    static const char *const spellings[] = {"ann@example.net", "ann@example.net",
                                            "Ann@Example.net"};
    int answers = 0;

    (void)state;
    start_site(world);
    for (int i = 0; i < 3; i++)
        remotes[i] = ews_remote_new(account_ews(world->accounts[0]), spellings[i]);
    for (int n = 0; n < 4; n++) {
        for (int i = 0; i < 3; i++)
            remotes[i]->ops->changes(remotes[i], "f", "", ignore_changes, &answers);
    }
    site_run(world->site, MINUTE);
    assert_int_equal(answers, 12);
    assert_int_equal(world->watcher.most, 1);
    for (int i = 0; i < 3; i++)
        remote_free(&remotes[i]);
    world_free(world);
}

struct refused {
    int answers;
    struct err err;
};

static void note_refusal(const struct err *err, const struct remote_page *page, void *arg)
{
    struct refused *refused = arg;

    (void)page;
    refused->answers++;
    refused->err = *err;
}

static void what_waits_when_the_breaker_opens_ends_with_the_cause(void **state)
{
    struct world *world = world_new(9, NULL);
    struct refused refused = {0};
    struct remote *remotes[40];
    char address[64];

    (void)state;
    start_site(world);
    exchange_transport_set_down(world->site->transport, true);
    for (int i = 0; i < 40; i++) {
        snprintf(address, sizeof address, "m%d@example.net", i);
        remotes[i] = ews_remote_new(account_ews(world->accounts[0]), address);
        remotes[i]->ops->changes(remotes[i], "f", "", note_refusal, &refused);
    }
    site_run(world->site, SECOND);
    assert_int_equal(refused.answers, 40);
    assert_int_equal(world->watcher.asked, PACE_BREAK_AFTER);
    remotes[0]->ops->changes(remotes[0], "f", "", note_refusal, &refused);
    assert_int_equal(refused.answers, 40);
    site_run(world->site, 1);
    assert_int_equal(refused.answers, 41);
    assert_int_equal(refused.err.kind, ERR_UNAVAILABLE);
    assert_int_equal(refused.err.scope, ERR_SCOPE_ACCOUNT);
    assert_int_equal(refused.err.effect, ERR_EFFECT_NONE);
    assert_int_equal(refused.err.when, ERR_WHEN_BACK_OFF);
    assert_in_range(refused.err.back_off_ms, 1, 6 * SECOND);
    assert_non_null(strstr(refused.err.text, "refuses the connection"));
    for (int i = 0; i < 40; i++)
        remote_free(&remotes[i]);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(throttled_and_refusing_mailboxes_do_not_slow_the_others),
        cmocka_unit_test(an_account_that_hangs_changes_nothing_for_another),
        cmocka_unit_test(a_server_that_was_away_is_met_without_a_storm),
        cmocka_unit_test(trouble_of_the_account_uses_up_no_attempts_and_claims_nothing),
        cmocka_unit_test(a_server_that_throttles_everybody_is_asked_one_at_a_time),
        cmocka_unit_test(a_refused_password_parks_the_account_and_a_new_one_frees_it_at_once),
        cmocka_unit_test(a_restart_with_the_same_password_costs_one_try),
        cmocka_unit_test(two_remotes_of_one_address_share_its_one_place),
        cmocka_unit_test(what_waits_when_the_breaker_opens_ends_with_the_cause),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
