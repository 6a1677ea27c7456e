#include "admin/sync_steps.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/status.h"
#include "base/id.h"
#include "base/loop.h"
#include "base/text.h"
#include "ews/record.h"

enum {
    CALLBACK_WAIT_MS = 75 * 1000, /* Exchange calls after a minute even if nothing happens */
    LOOK_EVERY_MS = 250,
    CLOCK_MAY_DIFFER_MS = 60 * 1000,
};

static enum step_outcome outcome(const struct sync_test *test)
{
    return test->err.kind == ERR_OK ? STEP_OK : STEP_FAILED;
}

/* Wait for the call that was just started. */
static enum step_outcome wait_for(struct sync_test *test)
{
    if (test->call)
        loop_run(test->loop);
    else
        err_set(&test->err, ERR_SYSTEM, "out of memory");
    return outcome(test);
}

static void ended(struct sync_test *test, const struct err *err)
{
    test->call = NULL;
    test->err = *err;
    loop_stop(test->loop);
}

/* ---- before the first byte ----------------------------------------------------------------
 */

static bool open_transport(struct sync_test *test)
{
    test->loop = loop_system_new(&test->err);
    if (test->loop)
        test->transport = transport_curl_new(test->loop, &test->err);
    if (!test->transport || !test->record_dir)
        return test->transport != NULL;
    struct transport *record = record_new(test->transport, test->record_dir, NULL, &test->err);
    if (record)
        test->transport = record;
    return record != NULL;
}

static enum step_outcome configuration(struct sync_test *test)
{
    const struct config_exchange *exchange =
        config_exchange(test->config, test->mailbox.exchange);

    if (!exchange) {
        err_set(&test->err, ERR_CONFIG, "%s has no section [exchange \"%s\"]; %s needs it.",
                test->config->path, test->mailbox.exchange, test->mailbox.name);
        return STEP_FAILED;
    }
    test->exchange = exchange;
    if (!open_transport(test))
        return STEP_FAILED;
    const struct account_deps deps = {test->loop, test->transport, test->store, NULL};
    test->account = account_open(&deps, exchange, &test->err);
    if (test->account)
        test->remote = ews_remote_new(account_ews(test->account), test->mailbox.smtp);
    if (!test->remote)
        return STEP_FAILED;
    snprintf(test->answer, sizeof test->answer, "%.150s as %.80s (%s)%s%.150s",
             exchange->url ? exchange->url : "autodiscover",
             exchange->user        ? exchange->user
             : exchange->client_id ? exchange->client_id
                                   : "",
             exchange->auth, exchange->impersonate ? ", acting as " : "",
             exchange->impersonate ? test->mailbox.smtp : "");
    return STEP_OK;
}

static void on_url(const struct err *err, const char *url, void *arg)
{
    struct sync_test *test = arg;
    if (err->kind == ERR_OK)
        text_copy(test->url, sizeof test->url, url);
    ended(test, err);
}

static enum step_outcome server(struct sync_test *test)
{
    if (test->exchange->url) {
        text_copy(test->url, sizeof test->url, test->exchange->url);
        snprintf(test->answer, sizeof test->answer, "named by url");
        return STEP_SKIPPED;
    }
    test->call = ews_check_find(test->remote, on_url, test);
    if (wait_for(test) == STEP_OK)
        snprintf(test->answer, sizeof test->answer, "autodiscover names %.400s", test->url);
    return outcome(test);
}

static enum step_outcome name(struct sync_test *test)
{
    const char *proxy = test->exchange->proxy;

    if (!probe_parse_url(proxy ? proxy : test->url, &test->probe, &test->err) ||
        !probe_resolve(&test->probe, &test->err))
        return STEP_FAILED;
    snprintf(test->answer, sizeof test->answer, "%s%.200s has %d %s", proxy ? "the proxy " : "",
             test->probe.host, test->probe.count,
             test->probe.count == 1 ? "address" : "addresses");
    return STEP_OK;
}

static enum step_outcome connection(struct sync_test *test)
{
    char text[PROBE_TEXT_BYTES];

    if (!probe_connect(&test->probe, TIME_CONNECT_MS, text, &test->err))
        return STEP_FAILED;
    snprintf(test->answer, sizeof test->answer, "%s answers", text);
    return STEP_OK;
}

/* ---- being let in -------------------------------------------------------------------------
 */

static void on_greeting(const struct err *err, const struct ews_greeting *greeting, void *arg)
{
    struct sync_test *test = arg;

    if (err->kind == ERR_OK) {
        text_copy(test->offers, sizeof test->offers, greeting->offers);
        test->has_clock = greeting->has_clock;
        test->clock_ahead_ms = greeting->clock_ahead_ms;
    }
    ended(test, err);
}

/* An answer to a request without credentials: TLS is good, and something speaks HTTP. */
static enum step_outcome tls(struct sync_test *test)
{
    bool tls = strncmp(test->url, "https:", 6) == 0;

    test->call = ews_check_greet(test->remote, on_greeting, test);
    if (wait_for(test) == STEP_OK)
        snprintf(test->answer, sizeof test->answer, "%s",
                 !tls ? "none: passwords and messages travel open; for a laboratory only"
                 : test->exchange->verify
                     ? "the certificate is good"
                     : "the certificate is NOT checked; set verify = yes and ca-file");
    return outcome(test);
}

static enum step_outcome clocks(struct sync_test *test)
{
    int64_t ahead = test->clock_ahead_ms;
    int64_t off = ahead < 0 ? -ahead : ahead;

    if (!test->has_clock) {
        snprintf(test->answer, sizeof test->answer, "the server does not tell its time");
        return STEP_SKIPPED;
    }
    if (off > CLOCK_MAY_DIFFER_MS) {
        err_set(
            &test->err, ERR_CONFIG,
            "The clock of Exchange is %lld s %s ours. Which change is the later one is told "
            "by the clocks: set both by NTP (here: timedatectl; there: w32tm /query "
            "/status).",
            (long long)off / 1000, ahead < 0 ? "behind" : "ahead of");
        return STEP_FAILED;
    }
    snprintf(test->answer, sizeof test->answer, "within %lld s of ours",
             (long long)(off + 999) / 1000);
    return STEP_OK;
}

static void on_done(const struct err *err, void *arg)
{
    ended(arg, err);
}

static enum step_outcome authentication(struct sync_test *test)
{
    test->call = ews_check_sign_in(test->remote, on_done, test);
    if (wait_for(test) == STEP_OK)
        snprintf(test->answer, sizeof test->answer, "%s lets the account in%s%.200s",
                 test->exchange->auth, test->offers[0] ? "; offered were: " : "", test->offers);
    return outcome(test);
}

/* ---- the mailbox --------------------------------------------------------------------------
 */

static void count_folders(struct sync_test *test, const struct remote_folder *folders,
                          size_t count)
{
    int by_place[REMOTE_PLACES] = {0};

    for (size_t i = 0; i < count; i++) {
        by_place[folders[i].place]++;
        if (folders[i].root && folders[i].place == REMOTE_INBOX)
            text_copy(test->inbox, sizeof test->inbox, folders[i].id);
    }
    snprintf(
        test->answer, sizeof test->answer,
        "%zu are mapped: Inbox %d, below it %d, Junk Email %d, Deleted Items and below %d%s%s",
        count - (size_t)by_place[REMOTE_OUTBOX], by_place[REMOTE_INBOX], by_place[REMOTE_BELOW],
        by_place[REMOTE_JUNK], by_place[REMOTE_DELETED],
        by_place[REMOTE_SENT] ? ", Sent Items 1" : "",
        by_place[REMOTE_OUTBOX] ? "; and the Voice Outbox" : "");
}

static void on_folders(const struct err *err, const struct remote_folder *folders, size_t count,
                       void *arg)
{
    if (err->kind == ERR_OK)
        count_folders(arg, folders, count);
    ended(arg, err);
}

static enum step_outcome list_folders(struct sync_test *test)
{
    unsigned with = (test->config->sync.sent_items ? REMOTE_WITH_SENT : 0u) |
                    (test->config->sync.voice_outbox ? REMOTE_WITH_OUTBOX : 0u);
    test->call = test->remote->ops->folders(test->remote, with, on_folders, test);
    if (wait_for(test) == STEP_OK && !test->inbox[0])
        err_set(&test->err, ERR_PROTOCOL, "Exchange names no Inbox for %s.",
                test->mailbox.smtp);
    return outcome(test);
}

/* The first request in the user's name; the folders that came with it are the next step. */
static enum step_outcome impersonation(struct sync_test *test)
{
    if (list_folders(test) != STEP_OK)
        return STEP_FAILED;
    snprintf(test->answer, sizeof test->answer, "%s %.300s",
             test->exchange->impersonate ? "the account may act as"
                                         : "the account may open the mailbox of",
             test->mailbox.smtp);
    return STEP_OK;
}

static void on_changes(const struct err *err, const struct remote_page *page, void *arg)
{
    struct sync_test *test = arg;
    size_t ours = 0;

    if (err->kind == ERR_OK) {
        for (size_t i = 0; i < page->count; i++)
            ours += page->changes[i].kind == REMOTE_SEEN &&
                    page->changes[i].item.message_id[0] != '\0';
        snprintf(test->answer, sizeof test->answer,
                 "first page of the Inbox: %zu %s, %zu of them ours%s", page->count,
                 page->count == 1 ? "item" : "items", ours, page->last ? "" : "; more follow");
    }
    ended(test, err);
}

static enum step_outcome changes(struct sync_test *test)
{
    test->call = test->remote->ops->changes(test->remote, test->inbox, "", on_changes, test);
    return wait_for(test);
}

static void on_created(const struct err *err, const char *way, const char *staging, void *arg)
{
    struct sync_test *test = arg;

    if (err->kind == ERR_OK) {
        text_copy(test->way, sizeof test->way, way);
        text_copy(test->staging, sizeof test->staging, staging);
    }
    ended(test, err);
}

static enum step_outcome creation(struct sync_test *test)
{
    test->call = ews_check_create(test->remote, on_created, test);
    if (wait_for(test) == STEP_OK)
        snprintf(test->answer, sizeof test->answer,
                 "an item was made in a hidden folder and removed again");
    return outcome(test);
}

static enum step_outcome attachment(struct sync_test *test)
{
    bool inline_works = strcmp(test->way, "inline") == 0;

    if (strcmp(test->exchange->create, "auto") != 0 &&
        strcmp(test->exchange->create, test->way) != 0) {
        err_set(&test->err, ERR_CONFIG,
                "This server drops the audio of messages sent with create = %s; set create = "
                "auto in [exchange \"%s\"].",
                test->exchange->create, test->exchange->name);
        return STEP_FAILED;
    }
    snprintf(test->answer, sizeof test->answer, "%s",
             inline_works ? "the server keeps the audio of a new item"
                          : "the server drops attachments of new items, but keeps whole "
                            "messages (MIME): these are sent");
    return STEP_OK;
}

/* ---- being called -------------------------------------------------------------------------
 */

static bool write_watch(struct sync_test *test, bool add)
{
    struct err err;
    bool ok = store_begin(test->store, &err) &&
              (add ? watch_add(test->store, &test->watch, &err)
                   : watch_end(test->store, test->watch.mailbox, test->watch.secret, &err)) &&
              store_commit(test->store, &err);

    if (!ok) {
        store_rollback(test->store);
        test->err = err;
    }
    return ok;
}

static void on_watch(const struct err *err, const char *subscription, void *arg)
{
    struct sync_test *test = arg;

    if (err->kind == ERR_OK)
        text_copy(test->watch.subscription, sizeof test->watch.subscription, subscription);
    ended(test, err);
}

static enum step_outcome subscribe(struct sync_test *test, const char *url)
{
    const char *folders[] = {test->staging};
    const struct remote_watching watching = {
        .url = url, .status_minutes = 1, .folders = folders, .count = 1};

    test->call = test->remote->ops->watch(test->remote, &watching, on_watch, test);
    return wait_for(test);
}

static bool was_heard(struct sync_test *test)
{
    struct watch watch;
    struct err err;
    bool found;

    return watch_find(test->store, test->watch.secret, &watch, &found, &err) && found &&
           watch.heard_ms > 0;
}

static void stop(void *arg)
{
    loop_stop(((struct sync_test *)arg)->loop);
}

/* sib-notify writes down that it was called; another item makes sure that there is a reason. */
static void wait_for_call(struct sync_test *test, const char *url)
{
    struct mono began = loop_now(test->loop);
    struct loop_timer *timer = loop_timer_new(test->loop, stop, test);
    int64_t waited = 0;

    test->call = ews_check_create(test->remote, on_created, test);
    wait_for(test);
    while (timer && test->err.kind == ERR_OK && !was_heard(test) && waited < CALLBACK_WAIT_MS) {
        loop_timer_set(timer, LOOK_EVERY_MS);
        loop_run(test->loop);
        waited = mono_since(loop_now(test->loop), began);
    }
    loop_timer_free(&timer);
    if (test->err.kind != ERR_OK)
        return;
    if (was_heard(test))
        snprintf(test->answer, sizeof test->answer, "Exchange called after %.1f s",
                 (double)mono_since(loop_now(test->loop), began) / 1000);
    else
        err_set(
            &test->err, ERR_UNAVAILABLE,
            "Exchange did not call %.150s within %d s. Every mailbox server must resolve "
            "that name, reach the port, and trust the certificate of [notify]; sibd must be "
            "running. Until it calls, changes arrive %s.",
            url, CALLBACK_WAIT_MS / 1000,
            strcmp(test->exchange->notify, "auto") == 0 ? "by streaming or polling"
                                                        : "by polling");
}

/* Why nobody waits for a call of Exchange; NULL: somebody does. */
static const char *no_callback(const struct sync_test *test)
{
    const char *word = test->exchange->notify;

    if (!test->exchange->callback_url)
        return "Exchange is not asked to call: callback-url is not set";
    if (!test->config->notify.listen)
        return "Exchange is not asked to call: [notify] has no listen";
    if (strcmp(word, "stream") == 0 || strcmp(word, "poll") == 0)
        return "Exchange is not asked to call: notify says otherwise";
    json_t *status;
    bool runs = daemon_read(test->config->node.state_dir, &status);
    json_decref(status);
    if (!runs)
        return "sibd does not run, so nobody listens; start it and test again";
    return NULL;
}

static enum step_outcome callback(struct sync_test *test)
{
    const char *base = test->exchange->callback_url;
    const char *why_not = no_callback(test);
    char url[LIMIT_URL];

    if (why_not) {
        text_copy(test->answer, sizeof test->answer, why_not);
        return STEP_SKIPPED;
    }
    test->watch = (struct watch){.made_ms = store_now(test->store).ms, .way = WATCH_TRIAL};
    id_token(test->watch.secret);
    text_copy(test->watch.mailbox, sizeof test->watch.mailbox, test->mailbox.id);
    snprintf(url, sizeof url, "%s%s%s", base, base[strlen(base) - 1] == '/' ? "" : "/",
             test->watch.secret);
    if (!write_watch(test, true))
        return STEP_FAILED;
    if (subscribe(test, url) == STEP_OK)
        wait_for_call(test, base);
    struct err said = test->err;
    write_watch(test, false); /* the next call is answered with Unsubscribe */
    test->err = said;
    return outcome(test);
}

const struct sync_step sync_steps[] = {
    {"configuration", configuration},
    {"server", server},
    {"name", name},
    {"connection", connection},
    {"TLS", tls},
    {"clock", clocks},
    {"authentication", authentication},
    {"impersonation", impersonation},
    {"folders", list_folders},
    {"changes", changes},
    {"creation", creation},
    {"attachment", attachment},
    {"callback", callback},
};
const size_t sync_step_count = sizeof sync_steps / sizeof sync_steps[0];

void sync_test_clear(struct sync_test *test)
{
    if (test->remote)
        remote_cancel(test->remote, &test->call);
    remote_free(&test->remote);
    account_close(&test->account);
    if (test->transport)
        transport_free(&test->transport);
    loop_free(&test->loop);
}
