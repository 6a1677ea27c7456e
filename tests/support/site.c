#include "tests/support/site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/id.h"
#include "base/text.h"
#include "ews/ews_stream.h"
#include "store/watch.h"
#include "sync/account.h"
#include "tests/exchange/exchange_user.h"
#include "tests/support/mark.h"

/* 2026-11-22T10:00:00Z */
#define SITE_START_MS 1795341600000

static const char config_head[] =
    "[node]\nname = one\nidentity = publisher\nstate-dir = %s\n"
    "[cluster]\nenabled = no\n"
    "[exchange \"main\"]\nurl = http://exchange.test/EWS/Exchange.asmx\n"
    "user = svc\npassword-file = %s/password\n"
    "create = inline\ncallback-url = http://voice.test/\n%s\n"
    "[notify]\nlisten = 127.0.0.1:1\n";

static long counts[32];
static const char *const counted[] = {
    "",          "CreateItem", "UpdateItem", "MoveItem",        "DeleteItem",
    "Subscribe", "GetFolder",  "FindFolder", "SyncFolderItems", "DeleteAttachment"};

const char *site_fixture(const char *name)
{
    static char path[256];

    for (const char *const *up = (const char *const[]){"", "../", "../../", NULL}; *up; up++) {
        snprintf(path, sizeof path, "%sfixtures/voice/%s", *up, name);
        if (access(path, R_OK) == 0)
            return path;
    }
    fail_msg("the fixture %s is not found; run the tests from the top of the project", name);
    return path;
}

static struct wall now(void *arg)
{
    return loop_wall(((struct site *)arg)->loop);
}

static void sink(enum log_level level, const char *line, void *arg)
{
    struct site *site = arg;

    if (getenv("SITE_LOG"))
        fprintf(stderr, "%lld %s\n", (long long)loop_now(site->loop).ms, line);
    if (level > LOG_LEVEL_WARNING)
        return;
    if (!site->warnings++)
        snprintf(site->first_warning, sizeof site->first_warning, "%s", line);
}

/* ---- Exchange calls back: what sib-notify does, without a socket ---- */

static enum exchange_push_result take(struct site *site, const char *secret,
                                      const struct notification *notes, size_t count)
{
    struct watch watch;
    bool found = false;
    struct err err;

    if (!site->scheduler)
        return EXCHANGE_PUSH_FAILED;
    if (!watch_find(site->store, secret, &watch, &found, &err) || !found || watch.ended)
        return EXCHANGE_PUSH_UNSUBSCRIBE;
    return mark_notified(site->store, &watch, notes, count, &err) ? EXCHANGE_PUSH_OK
                                                                  : EXCHANGE_PUSH_FAILED;
}

static void deliver_push(const char *url, const char *body, size_t len,
                         const char *subscription, void *arg)
{
    struct site *site = arg;
    struct notification parsed[8];
    size_t count;
    struct err err;

    assert_true(notification_parse(body, len, parsed, 8, &count, &err));
    enum exchange_push_result result = take(site, strrchr(url, '/') + 1, parsed, count);
    exchange_push_answered(site->exchange, subscription, result);
    if (site->scheduler)
        scheduler_poke(site->scheduler);
}

/* ---- life ---- */

static void write_config(struct site *site, const char *extra)
{
    char path[128], text[2048];
    struct err err;

    snprintf(path, sizeof path, "%s/password", site->dir);
    assert_true(file_replace(path, "secret\n", 7, 0600, &err));
    snprintf(text, sizeof text, config_head, site->dir, site->dir, extra ? extra : "");
    snprintf(path, sizeof path, "%s/sib.conf", site->dir);
    assert_true(file_replace(path, text, strlen(text), 0600, &err));
    site->config = config_load(path, &err);
    if (!site->config) {
        fail_msg("%s", err.text);
        return;
    }
    site->config->sync.voice_outbox = extra && strstr(extra, "voice-outbox = on");
}

struct site *site_new(uint64_t seed, const char *extra)
{
    struct site *site = calloc(1, sizeof *site);
    struct err err;

    assert_non_null(site);
    id_seed(seed + 1);
    text_copy(site->dir, sizeof site->dir, "/tmp/sib-site-XXXXXX");
    assert_non_null(mkdtemp(site->dir));
    site->loop = loop_virtual_new((struct wall){SITE_START_MS});
    log_set_level(getenv("SITE_LOG") ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING);
    log_set_sink(sink, site);
    write_config(site, extra);
    const struct store_options options = {
        .state_dir = site->dir, .node = 1, .now = now, .now_arg = site, .memory = true};
    site->store = store_open(&options, &err);
    site->exchange = exchange_new(NULL, site->loop, seed, &err);
    if (!site->store || !site->exchange)
        fail_msg("%s", err.text);
    exchange_set_deliver(site->exchange, deliver_push, site);
    site->transport = exchange_transport_new(site->loop, site->exchange, 20, &err);
    assert_non_null(site->transport);
    const struct account_deps deps = {site->loop, site->transport, site->store, NULL};
    site->account = account_open(&deps, config_exchange(site->config, ""), &err);
    if (!site->account)
        fail_msg("%s", err.text);
    return site;
}

void site_free(struct site **site)
{
    struct site *s = *site;
    char command[128];

    site_kill(s);
    account_close(&s->account);
    transport_free(&s->transport);
    exchange_free(&s->exchange);
    store_close(&s->store);
    loop_free(&s->loop);
    config_free(&s->config);
    log_set_sink(NULL, NULL);
    id_seed(0);
    snprintf(command, sizeof command, "rm -rf %s", s->dir);
    if (system(command) != 0)
        print_message("%s stays behind\n", s->dir);
    int warnings = s->expect_warnings ? 0 : s->warnings;
    char first[sizeof s->first_warning];
    text_copy(first, sizeof first, s->first_warning);
    free(s);
    *site = NULL;
    if (warnings)
        fail_msg("%d unexpected warnings, the first: %s", warnings, first);
}

static struct remote *open_remote(const struct mailbox *mailbox, void *arg, struct err *err)
{
    (void)err;
    return ews_remote_new(account_ews(((struct site *)arg)->account), mailbox->smtp);
}

static struct remote_stream *open_stream(const struct config_exchange *exchange,
                                         const char *anchor, remote_stream_fn *fn, void *fn_arg,
                                         void *arg)
{
    (void)exchange;
    return ews_stream_new(account_ews(((struct site *)arg)->account), anchor, fn, fn_arg);
}

static void health(const struct config_exchange *exchange, struct ews_health *health, void *arg)
{
    (void)exchange;
    account_health(((struct site *)arg)->account, health);
}

static void account_changed(void *arg)
{
    struct site *site = arg;

    if (site->scheduler)
        scheduler_poke(site->scheduler);
}

void site_start(struct site *site)
{
    struct err err;
    const struct scheduler_deps deps = {
        .loop = site->loop,
        .store = site->store,
        .config = site->config,
        .max_runs = 16,
        .seed = 7,
        .open_remote = open_remote,
        .open_stream = open_stream,
        .health = health,
        .arg = site,
    };

    ews_account_watch(account_ews(site->account), account_changed, site);
    site->scheduler = scheduler_new(&deps, &err);
    if (!site->scheduler)
        fail_msg("%s", err.text);
    const struct housekeeping_deps keeping = {
        .loop = site->loop,
        .store = site->store,
        .config = site->config,
        .changed = account_changed,
        .arg = site,
    };
    site->housekeeping = housekeeping_new(&keeping);
    assert_non_null(site->housekeeping);
}

void site_kill(struct site *site)
{
    housekeeping_free(&site->housekeeping);
    scheduler_free(&site->scheduler);
    store_rollback(site->store);
}

/* ---- people ---- */

void site_mailbox(struct site *site, const char *name)
{
    struct mailbox mailbox = {.single_inbox = true};
    struct err err;

    snprintf(mailbox.name, sizeof mailbox.name, "%s", name);
    snprintf(mailbox.smtp, sizeof mailbox.smtp, "%s@example.net", name);
    bool ok = store_begin(site->store, &err) && mailbox_add(site->store, &mailbox, &err) &&
              queue_push(site->store, mailbox.id, QUEUE_CHANGE, 0, &err) &&
              store_commit(site->store, &err);
    if (!ok)
        fail_msg("%s", err.text);
}

void site_deposit(struct site *site, const char *mailbox, const char *wav, const char *flags,
                  char *id)
{
    const struct phone_deposit deposit = {
        .mailbox = mailbox,
        .file = site_fixture(wav),
        .from_number = "+15550100",
        .from_name = "Ann \"O'Neil\" & <Sons>",
        .urgent = strchr(flags, 'u') != NULL,
        .private = strchr(flags, 'p') != NULL,
        .secure = strchr(flags, 's') != NULL,
    };
    struct err err;

    if (!phone_deposit(site->store, &deposit, NULL, id, &err))
        fail_msg("%s", err.text);
    if (site->scheduler)
        scheduler_poke(site->scheduler);
}

void site_run(struct site *site, int64_t ms)
{
    loop_virtual_run(site->loop, ms);
}

void site_user(struct site *site, const char *mailbox, const char *act, ...)
{
    const char *words[8];
    char address[LIMIT_ADDRESS], item[EXCHANGE_ID_MAX];
    int count = 0;
    struct err err;
    va_list args;

    va_start(args, act);
    while (count < 8 && (words[count] = va_arg(args, const char *)))
        count++;
    va_end(args);
    snprintf(address, sizeof address, "%s@example.net", mailbox);
    if (!exchange_user_act(site->exchange, address, act, words, count, item, &err))
        fail_msg("%s %s: %s", mailbox, act, err.text);
}

struct message site_message(struct site *site, const char *id)
{
    struct message message;
    struct err err;

    if (!message_get(site->store, id, &message, &err))
        fail_msg("%s", err.text);
    return message;
}

void site_count_from_here(struct site *site)
{
    for (size_t i = 0; i < sizeof counted / sizeof counted[0]; i++)
        counts[i] = exchange_count(site->exchange, counted[i]);
}

long site_count(struct site *site, const char *operation)
{
    for (size_t i = 0; i < sizeof counted / sizeof counted[0]; i++) {
        if (strcmp(counted[i], operation) == 0)
            return exchange_count(site->exchange, operation) - counts[i];
    }
    fail_msg("%s is not counted", operation);
    return 0;
}
