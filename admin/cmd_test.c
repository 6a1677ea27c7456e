/* sibctl sync test: each step of what a run needs, tried one after the other; nothing is
 * changed.
 *
 * The steps before the first request are tried apart, so that the first failure names the
 * cause: configuration, name, connection. TLS, authentication and impersonation are proven by
 * the first request itself. */
#include <stdlib.h>
#include <string.h>

#include "admin/cli.h"
#include "admin/commands.h"
#include "admin/probe.h"
#include "admin/view.h"
#include "base/loop.h"
#include "ews/ews.h"
#include "sync/account.h"

struct test {
    struct sibctl *ctl;
    struct mailbox mailbox;
    const struct config_exchange *exchange;
    struct probe probe;
    json_t *steps; /* with --json */
    bool failed;
    enum err_kind kind; /* of the failure */

    struct loop *loop;
    struct transport *transport;
    struct ews_account *account;
    struct remote *remote;
    struct remote_call *call;
    struct err err; /* of the present step */
    char answer[LIMIT_REASON];
    char inbox[LIMIT_REMOTE_ID];
};

/* ---- the steps, each: true and `answer`, or false and `err` ---- */

static bool step_configuration(struct test *test)
{
    const struct config_exchange *exchange =
        config_exchange(test->ctl->config, test->mailbox.exchange);

    if (!exchange)
        return err_set(&test->err, ERR_CONFIG,
                       "%s has no section [exchange \"%s\"]; %s needs it.",
                       test->ctl->config->path, test->mailbox.exchange, test->mailbox.name);
    test->exchange = exchange;
    test->account = account_open(test->loop, test->transport, exchange, &test->err);
    if (!test->account)
        return false;
    snprintf(test->answer, sizeof test->answer, "%.150s as %.80s (%s)%s%.150s", exchange->url,
             exchange->user, exchange->auth, exchange->impersonate ? ", acting as " : "",
             exchange->impersonate ? test->mailbox.smtp : "");
    return true;
}

static bool step_name(struct test *test)
{
    const char *proxy = test->exchange->proxy;

    if (!probe_parse_url(proxy ? proxy : test->exchange->url, &test->probe, &test->err) ||
        !probe_resolve(&test->probe, &test->err))
        return false;
    snprintf(test->answer, sizeof test->answer, "%s%.200s has %d %s", proxy ? "the proxy " : "",
             test->probe.host, test->probe.count,
             test->probe.count == 1 ? "address" : "addresses");
    return true;
}

static bool step_connection(struct test *test)
{
    char text[PROBE_TEXT_BYTES];

    if (!probe_connect(&test->probe, TIME_CONNECT_MS, text, &test->err))
        return false;
    snprintf(test->answer, sizeof test->answer, "%s answers", text);
    return true;
}

static void count_folders(struct test *test, const struct remote_folder *folders, size_t count)
{
    int by_place[REMOTE_PLACES] = {0};

    for (size_t i = 0; i < count; i++) {
        by_place[folders[i].place]++;
        if (folders[i].root && folders[i].place == REMOTE_INBOX)
            snprintf(test->inbox, sizeof test->inbox, "%s", folders[i].id);
    }
    snprintf(
        test->answer, sizeof test->answer,
        "%zu are mapped: Inbox %d, below it %d, Junk Email %d, Deleted Items and below %d%s",
        count, by_place[REMOTE_INBOX], by_place[REMOTE_BELOW], by_place[REMOTE_JUNK],
        by_place[REMOTE_DELETED], by_place[REMOTE_SENT] ? ", Sent Items 1" : "");
}

static void on_folders(const struct err *err, const struct remote_folder *folders, size_t count,
                       void *arg)
{
    struct test *test = arg;

    test->call = NULL;
    test->err = *err;
    if (err->kind == ERR_OK)
        count_folders(test, folders, count);
    loop_stop(test->loop);
}

/* The first request: TLS, authentication, impersonation, and the mailbox itself. */
static bool step_sign_in(struct test *test)
{
    test->remote = ews_remote_new(test->account, test->mailbox.smtp);
    if (!test->remote)
        return err_set(&test->err, ERR_SYSTEM, "out of memory");
    test->call = test->remote->ops->folders(test->remote, test->ctl->config->sync.sent_items,
                                            on_folders, test);
    loop_run(test->loop);
    if (test->err.kind == ERR_OK && !test->inbox[0])
        err_set(&test->err, ERR_PROTOCOL, "Exchange names no Inbox for %s.",
                test->mailbox.smtp);
    return test->err.kind == ERR_OK;
}

static void on_changes(const struct err *err, const struct remote_page *page, void *arg)
{
    struct test *test = arg;
    size_t ours = 0;

    test->call = NULL;
    test->err = *err;
    if (err->kind == ERR_OK) {
        for (size_t i = 0; i < page->count; i++)
            ours += page->changes[i].kind == REMOTE_SEEN &&
                    page->changes[i].item.message_id[0] != '\0';
        snprintf(test->answer, sizeof test->answer,
                 "first page of the Inbox: %zu %s, %zu of them ours%s", page->count,
                 page->count == 1 ? "item" : "items", ours, page->last ? "" : "; more follow");
    }
    loop_stop(test->loop);
}

static bool step_changes(struct test *test)
{
    test->call = test->remote->ops->changes(test->remote, test->inbox, "", on_changes, test);
    loop_run(test->loop);
    return test->err.kind == ERR_OK;
}

/* ---- the report ---- */

static void report(struct test *test, const char *step, bool ok, int64_t ms, const char *answer)
{
    const struct screen *screen = &test->ctl->screen;
    enum style style = ok ? STYLE_GOOD : STYLE_BAD;
    char clean[LIMIT_REASON];

    if (!ok) {
        test->failed = true;
        test->kind = test->err.kind;
    }
    if (test->steps) {
        json_array_append_new(test->steps,
                              json_pack("{s:s, s:b, s:I, s:o}", "step", step, "ok", ok, "ms",
                                        (json_int_t)ms, "answer", view_text(answer)));
        return;
    }
    fprintf(screen->out, "%s%-6s%s  %-13s  %6lld ms  %s\n", screen_begin(screen, style),
            ok ? "ok" : "FAILED", screen_end(screen, style), step, (long long)ms,
            text_clean(answer, clean, sizeof clean));
    fflush(screen->out);
}

typedef bool step_fn(struct test *test);

static bool run_step(struct test *test, const char *name, step_fn *step)
{
    struct mono start = clock_mono();

    err_clear(&test->err);
    test->answer[0] = '\0';
    bool ok = step(test);
    int64_t ms = mono_since(clock_mono(), start);
    report(test, name, ok, ms, ok ? test->answer : test->err.text);
    return ok;
}

/* One request answers two questions: may we in, and what is there. */
static bool run_first_request(struct test *test)
{
    struct mono start = clock_mono();

    err_clear(&test->err);
    bool ok = step_sign_in(test);
    int64_t ms = mono_since(clock_mono(), start);
    if (!ok) {
        report(test, "sign-in", false, ms, test->err.text);
        return false;
    }
    report(test, "sign-in", true, ms,
           strncmp(test->exchange->url, "https:", 6) != 0 ? "the account may in; without TLS"
           : test->exchange->verify ? "the certificate is good, and the account may in"
                                    : "the account may in; the certificate is NOT checked");
    report(test, "folders", true, ms, test->answer);
    return true;
}

static bool run_steps(struct test *test)
{
    static const struct {
        const char *name;
        step_fn *step;
    } before[] = {{"configuration", step_configuration},
                  {"name", step_name},
                  {"connection", step_connection}};

    for (size_t i = 0; i < sizeof before / sizeof before[0]; i++)
        if (!run_step(test, before[i].name, before[i].step))
            return false;
    return run_first_request(test) && run_step(test, "changes", step_changes);
}

static bool prepare(struct test *test, struct err *err)
{
    struct sibctl *ctl = test->ctl;

    if (!sibctl_open(ctl, err) ||
        !mailbox_find(ctl->store, ctl->call.args[0], &test->mailbox, err))
        return false;
    test->loop = loop_system_new(err);
    if (test->loop)
        test->transport = transport_curl_new(test->loop, err);
    if (!test->transport)
        return false;
    if (ctl->call.json)
        test->steps = json_array();
    return true;
}

static void clear(struct test *test)
{
    if (test->remote) {
        remote_cancel(test->remote, &test->call);
        remote_free(&test->remote);
    }
    ews_account_free(&test->account);
    if (test->transport)
        transport_free(&test->transport);
    loop_free(&test->loop);
    json_decref(test->steps);
}

bool cmd_sync_test(struct sibctl *ctl, struct err *err)
{
    struct test *test = calloc(1, sizeof *test);
    bool ok;

    if (!test)
        return err_set(err, ERR_SYSTEM, "out of memory");
    test->ctl = ctl;
    ok = prepare(test, err);
    if (ok) {
        run_steps(test);
        if (test->steps)
            ok = sibctl_json(ctl,
                             json_pack("{s:s, s:b, s:O}", "mailbox", test->mailbox.name, "ok",
                                       !test->failed, "steps", test->steps),
                             err);
        ok = ok && (!test->failed || sibctl_failed(test->kind, err));
    }
    clear(test);
    free(test);
    return ok;
}
