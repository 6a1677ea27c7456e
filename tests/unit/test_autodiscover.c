/* Autodiscover over a transport that maps hosts to behaviours and writes down who was shown
 * credentials: the search, what is kept of it, and its use by an account. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/text.h"
#include "ews/autodiscover.h"
#include "ews/autodiscover_plan.h"
#include "ews/ews.h"
#include "ews/oauth.h"
#include "store/endpoint.h"
#include "sync/account.h"
#include "tests/exchange/exchange_autodiscover.h"
#include "tests/support/store_fixture.h"

/* ---- The world: hosts and what they do --------------------------------------------------- */

enum { HOSTS_MAX = 32, ASKED_MAX = 4096 };

enum trouble { NO_TROUBLE, NO_SUCH_HOST, NO_CONNECTION, BAD_CERTIFICATE, SILENCE };

struct host {
    char name[64];
    enum trouble trouble;
    bool refuses; /* every password */
    bool open;    /* asks for none */
    const char *challenge;
    const char *refused_token;
    struct ex_autodiscover how;
    char ews_url[128];
    int ews_status;       /* of POST /EWS/Exchange.asmx; 0: 200 */
    const char *ews_body; /* NULL: a folder */
};

struct asked {
    char url[160];
    bool shown; /* credentials */
    char bearer[16];
};

struct world {
    struct transport base;
    struct loop *loop;
    struct host hosts[HOSTS_MAX];
    int host_count;
    struct asked asked[ASKED_MAX];
    int count, in_flight;
    int64_t delay_ms;
    int tokens; /* that were given out */
};

struct transport_call {
    struct world *world;
    struct transport_request request;
    char url[LIMIT_URL];
    bool silent;
    char bearer[16];
    struct buf body;
    struct loop_timer *timer;
};

static struct host *host_of(struct world *world, const char *url)
{
    const char *name = strstr(url, "://") + 3;
    for (int i = 0; i < world->host_count; i++)
        if (strlen(world->hosts[i].name) == strcspn(name, ":/?") &&
            !strncasecmp(world->hosts[i].name, name, strlen(world->hosts[i].name)))
            return &world->hosts[i];
    return NULL;
}

static void call_free(struct transport_call *call)
{
    call->world->in_flight--;
    loop_timer_free(&call->timer);
    buf_clear(&call->body);
    free(call);
}

static void finish(struct transport_call *call, const struct err *err,
                   const struct transport_reply *reply)
{
    const struct transport_request request = call->request;
    call_free(call);
    request.done(err, reply, request.arg);
}

static void finish_in_trouble(struct transport_call *call, enum trouble trouble)
{
    static const enum err_kind kinds[] = {ERR_OK, ERR_NO_HOST, ERR_UNAVAILABLE, ERR_CONFIG,
                                          ERR_UNAVAILABLE};
    const struct transport_reply none = transport_reply_none();
    struct err err;
    err_set(&err, kinds[trouble], "trouble %d", trouble);
    err.scope = ERR_SCOPE_ACCOUNT;
    finish(call, &err, &none);
}

static const char folder[] =
    "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body/></s:Envelope>";

static void answer_ews(struct transport_call *call, const struct host *host)
{
    const char *body = host->ews_body ? host->ews_body : folder;
    struct transport_reply reply = transport_reply_none();
    struct err ok = {0};
    reply.status = host->ews_status ? host->ews_status : 200;
    reply.location = "https://elsewhere.example/";
    call->request.bytes(body, strlen(body), call->request.arg);
    finish(call, &ok, &reply);
}

static void answer_token(struct transport_call *call, const struct host *host)
{
    struct transport_reply reply = transport_reply_none();
    struct err ok = {0};
    char json[128];
    snprintf(
        json, sizeof(json),
        host->refuses
            ? "{\"error\":\"invalid_client\"}"
            : "{\"access_token\":\"token%d\",\"token_type\":\"Bearer\",\"expires_in\":3600}",
        ++call->world->tokens);
    reply.status = host->refuses ? 401 : 200;
    call->request.bytes(json, strlen(json), call->request.arg);
    finish(call, &ok, &reply);
}

static bool refuses(const struct host *host, const struct transport_call *call)
{
    if (host->open)
        return false;
    return call->request.anonymous || host->refuses ||
           (host->refused_token && !strcmp(host->refused_token, call->bearer));
}

static void answer_autodiscover(struct transport_call *call, const struct host *host,
                                const char *path)
{
    struct ex_autodiscover_answer answer;
    struct transport_reply reply = transport_reply_none();
    struct err err = {0};
    ex_autodiscover_answer(&host->how, host->name, path, host->ews_url, buf_str(&call->body),
                           call->body.len, &answer);
    reply.status = answer.status;
    reply.content_type = answer.type;
    reply.location = answer.location;
    if (!call->request.bytes(buf_str(&answer.body), answer.body.len, call->request.arg))
        err_set(&err, ERR_CANCELLED, "stopped");
    finish(call, &err, &reply);
    buf_clear(&answer.body);
}

static void on_answer(void *arg)
{
    struct transport_call *call = arg;
    const struct host *host = host_of(call->world, call->url);
    const char *path = strstr(call->url, "://") + 3;
    path += strcspn(path, "/");
    if (!host || (host->trouble &&
                  (strncmp(call->url, "https:", 6) == 0 || host->trouble == NO_SUCH_HOST))) {
        finish_in_trouble(call, host ? host->trouble : NO_SUCH_HOST);
        return;
    }
    if (call->silent) {
        finish_in_trouble(call, SILENCE);
        return;
    }
    struct transport_reply reply = transport_reply_none();
    struct err ok = {0};
    bool get = call->request.method != NULL;
    if (strcmp(path, "/token") == 0) {
        answer_token(call, host);
    } else if (!get && refuses(host, call)) {
        reply.status = 401;
        reply.challenge = host->challenge ? host->challenge : "Basic realm=\"x\"";
        finish(call, &ok, &reply);
    } else if (strcmp(path, "/EWS/Exchange.asmx") == 0) {
        answer_ews(call, host);
    } else {
        answer_autodiscover(call, host, path);
    }
}

static struct transport_call *world_start(struct transport *base,
                                          const struct transport_request *request)
{
    struct world *world = (struct world *)base;
    struct transport_call *call = calloc(1, sizeof(*call));
    const struct host *host = host_of(world, request->url);
    struct body *body = request->body;
    char piece[4096];
    long n;
    call->world = world;
    call->request = *request;
    text_copy(call->url, sizeof(call->url), request->url);
    buf_init(&call->body, MIB);
    while (body && (n = body_read(body, piece, sizeof(piece))) > 0)
        buf_add(&call->body, piece, (size_t)n);
    body_free(&body);
    assert_true(world->count < ASKED_MAX);
    struct asked *asked = &world->asked[world->count++];
    text_copy(asked->url, sizeof(asked->url), request->url);
    asked->shown = !request->anonymous;
    text_copy(call->bearer, sizeof(call->bearer), request->bearer ? request->bearer : "");
    text_copy(asked->bearer, sizeof(asked->bearer), call->bearer);
    world->in_flight++;
    call->timer = loop_timer_new(world->loop, on_answer, call);
    int64_t slow_ms = host ? host->how.slow_ms : 0;
    call->silent = slow_ms >= request->timeout_ms || (host && host->trouble == SILENCE);
    if (call->silent)
        slow_ms = request->timeout_ms; /* the real one ends it by itself */
    loop_timer_set(call->timer, world->delay_ms + slow_ms);
    return call;
}

static void world_cancel(struct transport_call *call)
{
    call_free(call);
}

static void world_free(struct transport *base)
{
    (void)base;
}

static const struct transport_ops world_ops = {world_start, world_cancel, world_free};

/* ---- The scene --------------------------------------------------------------------------- */

struct result {
    int calls;
    struct err err;
    char url[LIMIT_URL];
};

static struct world world;
static struct autodiscover *finder;
static struct transport_account account;
static struct autodiscover_config config;
static struct result result;
static int found_calls;
static char kept[LIMIT_URL], kept_group[LIMIT_GROUP];
static char kept_for[LIMIT_ADDRESS]; /* "": everybody */

static struct host *add_host(const char *name)
{
    struct host *host = &world.hosts[world.host_count++];
    *host = (struct host){0};
    text_copy(host->name, sizeof(host->name), name);
    text_copy(host->ews_url, sizeof(host->ews_url),
              "https://mail.example.com/EWS/Exchange.asmx");
    return host;
}

static bool known(const char *address, char url[LIMIT_URL], void *arg)
{
    (void)arg;
    text_copy(url, LIMIT_URL, kept);
    return kept[0] && (!kept_for[0] || strcmp(kept_for, address) == 0);
}

static void found(const char *address, const char *url, const char *group, void *arg)
{
    (void)arg;
    found_calls++;
    text_copy(kept_for, sizeof(kept_for), address);
    text_copy(kept, sizeof(kept), url);
    text_copy(kept_group, sizeof(kept_group), group);
}

static void open_finder(void)
{
    static const struct log_ctx log = {NULL, "exchange", "main"};
    finder = autodiscover_new(world.loop, &world.base, &config, &log);
    assert_non_null(finder);
}

static void ignore_log(enum log_level level, const char *line, void *arg)
{
    (void)level, (void)line, (void)arg;
}

static int set_up(void **state)
{
    (void)state;
    memset(&world, 0, sizeof(world));
    memset(&result, 0, sizeof(result));
    found_calls = 0;
    kept[0] = kept_group[0] = kept_for[0] = '\0';
    world.base.ops = &world_ops;
    world.delay_ms = 10;
    world.loop = loop_virtual_new((struct wall){1795600000000});
    account = (struct transport_account){
        .auth = "basic", .user = "u", .password = "p", .verify = true, .max_connections = 8};
    config = (struct autodiscover_config){.account = &account, .known = known, .found = found};
    log_set_sink(ignore_log, NULL);
    open_finder();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    autodiscover_free(&finder);
    assert_int_equal(world.in_flight, 0);
    loop_free(&world.loop);
    log_set_sink(NULL, NULL);
    return 0;
}

static void on_found(const struct err *err, const char *url, void *arg)
{
    struct result *out = arg;
    out->calls++;
    out->err = *err;
    text_copy(out->url, sizeof(out->url), url ? url : "");
    assert_int_equal(url != NULL, err->kind == ERR_OK);
}

static void settle(void)
{
    loop_virtual_settle(world.loop, 10 * 60000);
}

static const struct result *find(const char *address)
{
    result = (struct result){0};
    assert_non_null(autodiscover_find(finder, address, on_found, &result));
    assert_int_equal(result.calls, 0);
    settle();
    assert_int_equal(result.calls, 1);
    return &result;
}

static int shown_to(const char *prefix)
{
    int count = 0;
    for (int i = 0; i < world.count; i++)
        count +=
            world.asked[i].shown && strncmp(world.asked[i].url, prefix, strlen(prefix)) == 0;
    return count;
}

/* ---- Searches ---------------------------------------------------------------------------- */

static void a_server_is_found_and_only_it_sees_credentials(void **state)
{
    (void)state;
    add_host("example.com")->how.act = EX_AUTODISCOVER_HTML; /* the company's web site */
    add_host("autodiscover.example.com");
    assert_string_equal(find("ann@example.com")->url,
                        "https://mail.example.com/EWS/Exchange.asmx");
    assert_int_equal(shown_to("https://autodiscover.example.com/"), 1);
    assert_int_equal(found_calls, 1);
    assert_string_equal(kept_group, "STAND-IN-1");
    assert_string_equal(autodiscover_url(finder, "ANN@example.com"), kept);
    int before = world.count;
    find("ann@example.com");
    assert_int_equal(world.count, before); /* nobody is asked twice */
}

static void a_web_site_that_asks_for_no_password_never_sees_one(void **state)
{
    (void)state;
    struct host *site = add_host("example.com");
    site->how.act = EX_AUTODISCOVER_HTML;
    site->open = true;
    add_host("autodiscover.example.com");
    find("ann@example.com");
    assert_int_equal(shown_to("https://example.com/"), 0);
    assert_int_equal(result.err.kind, ERR_OK);
}

static void the_old_kind_of_answer_will_do(void **state)
{
    (void)state;
    struct host *host = add_host("example.com");
    host->open = true;
    host->how = (struct ex_autodiscover){.act = EX_AUTODISCOVER_STATUS, .status = 404};
    add_host("autodiscover.example.com")->how = (struct ex_autodiscover){
        .act = EX_AUTODISCOVER_REDIRECT,
        .target = "https://pox.example.com/autodiscover/autodiscover.xml"};
    add_host("pox.example.com");
    assert_int_equal(find("ann@example.com")->err.kind, ERR_OK);
    assert_int_equal(shown_to("https://pox.example.com/autodiscover/autodiscover.xml"), 1);
}

static void a_redirect_over_http_is_where_exchange_online_is_found(void **state)
{
    (void)state;
    account.auth = "oauth2";
    autodiscover_free(&finder);
    open_finder();
    struct host *alias = add_host("autodiscover.example.com");
    alias->trouble = BAD_CERTIFICATE;
    alias->how = (struct ex_autodiscover){
        .act = EX_AUTODISCOVER_REDIRECT,
        .target = "https://autodiscover-s.outlook.com/autodiscover/autodiscover.xml"};
    text_copy(add_host("autodiscover-s.outlook.com")->ews_url, 128,
              "https://outlook.office365.com/EWS/Exchange.asmx");
    assert_string_equal(find("ann@example.com")->url,
                        "https://outlook.office365.com/EWS/Exchange.asmx");
    assert_int_equal(shown_to("http:"), 0);
    assert_int_equal(shown_to("https://"), 1);
    account.auth = "basic";
    autodiscover_free(&finder);
    kept[0] = '\0';
    open_finder();
    assert_int_equal(find("ann@example.com")->err.kind, ERR_CONFIG);
    assert_non_null(strstr(result.err.text, "autodiscover-hosts"));
    assert_int_equal(shown_to("https://"), 1);
}

static void chains_end_after_ten_redirects(void **state)
{
    (void)state;
    struct host *host = add_host("autodiscover.example.com");
    host->how = (struct ex_autodiscover){.act = EX_AUTODISCOVER_REDIRECT, .hops = 10};
    host->open = true;
    assert_int_equal(find("ann@example.com")->err.kind, ERR_OK);
    host->how.hops = 11;
    assert_int_equal(find("bob@example.com")->err.kind, ERR_OK); /* by the door that is known */
    host->how.hops = 100;
    assert_int_equal(find("cyd@example.com")->err.kind, ERR_PROTOCOL);
    assert_non_null(strstr(result.err.text, "too many"));
}

static void a_server_that_is_silent_is_left_in_time(void **state)
{
    (void)state;
    add_host("example.com")->trouble = SILENCE;
    add_host("autodiscover.example.com")->how.slow_ms = 3600 * 1000;
    struct mono start = loop_now(world.loop);
    result = (struct result){0};
    autodiscover_find(finder, "ann@example.com", on_found, &result);
    while (!result.calls)
        loop_virtual_run(world.loop, 1000);
    assert_true(mono_since(loop_now(world.loop), start) <= TIME_AUTODISCOVER_MS);
    assert_int_equal(result.err.when, ERR_WHEN_BACK_OFF);
    assert_int_equal(result.err.effect, ERR_EFFECT_NONE);
}

static void an_answer_without_end_is_not_read_to_it(void **state)
{
    (void)state;
    find("ann@nowhere.example"); /* only to have an error for comparison */
    struct host *host = add_host("autodiscover.example.com");
    host->how.act = EX_AUTODISCOVER_HTML;
    host->open = true;
    find("ann@example.com");
    assert_int_equal(result.err.kind, ERR_PROTOCOL);
}

/* ---- Many mailboxes ---------------------------------------------------------------------- */

static void one_search_serves_all_who_wait(void **state)
{
    struct result results[5] = {0};
    (void)state;
    add_host("autodiscover.example.com");
    for (int i = 0; i < 5; i++)
        autodiscover_find(finder, i % 2 ? "ann@example.com" : "Ann@Example.com", on_found,
                          &results[i]);
    settle();
    for (int i = 0; i < 5; i++)
        assert_string_equal(results[i].url, kept);
    assert_int_equal(found_calls, 1);
    assert_int_equal(shown_to(""), 1);
}

static void the_candidates_of_a_domain_are_walked_once_for_a_thousand_mailboxes(void **state)
{
    enum { MANY = 1000 };
    static struct result results[MANY];
    char address[64];
    int most = 0;
    (void)state;
    memset(results, 0, sizeof(results));
    config.known = NULL;
    autodiscover_free(&finder);
    open_finder();
    add_host("example.com")->trouble = SILENCE;
    add_host("autodiscover.example.com");
    for (int i = 0; i < MANY; i++) {
        snprintf(address, sizeof(address), "user%d@example.com", i);
        autodiscover_find(finder, address, on_found, &results[i]);
    }
    for (int i = 0; i < 100000 && autodiscover_searching(finder); i++) {
        loop_virtual_run(world.loop, 10);
        most = world.in_flight > most ? world.in_flight : most;
    }
    settle();
    for (int i = 0; i < MANY; i++)
        assert_int_equal(results[i].err.kind, ERR_OK);
    assert_int_equal(found_calls, MANY);
    assert_int_equal(most, LIMIT_AUTODISCOVER_SEARCHES);
    /* One that is silent was asked once, and each mailbox cost two questions. */
    assert_int_equal(world.count, 1 + 2 * MANY);
}

static void a_domain_that_nobody_answers_for_is_not_asked_for_each_mailbox(void **state)
{
    char address[64];
    (void)state;
    find("ann@example.com");
    assert_int_equal(result.err.kind, ERR_NO_HOST);
    int before = world.count;
    for (int i = 0; i < 100; i++) {
        snprintf(address, sizeof(address), "user%d@example.com", i);
        find(address);
        assert_int_equal(result.err.kind, ERR_NO_HOST);
        assert_true(result.err.back_off_ms > 0);
        assert_null(strstr(result.err.text, "ann@"));
    }
    assert_int_equal(world.count, before);
    find("ann@other.example"); /* another domain is another matter */
    assert_true(world.count > before);
}

static void a_failure_is_asked_about_again_later_and_later(void **state)
{
    int searches = 0;
    (void)state;
    add_host("autodiscover.example.com")->how =
        (struct ex_autodiscover){.act = EX_AUTODISCOVER_ERROR, .target = "ServerBusy"};
    for (int minute = 0; minute < 6 * 60; minute++) {
        int before = world.count;
        result = (struct result){0};
        autodiscover_find(finder, "ann@example.com", on_found, &result);
        loop_virtual_run(world.loop, 60000);
        assert_int_equal(result.calls, 1);
        assert_int_equal(result.err.kind, ERR_UNAVAILABLE);
        assert_true(result.err.back_off_ms > 0);
        searches += world.count > before;
    }
    /* 0, 5, 15, 35, 75, 135, 195, 255, 315 minutes, give or take */
    assert_in_range(searches, 8, 10);
}

static void an_unknown_address_costs_its_own_mailbox_only(void **state)
{
    (void)state;
    struct host *host = add_host("autodiscover.example.com");
    host->how = (struct ex_autodiscover){.act = EX_AUTODISCOVER_ERROR, .target = "InvalidUser"};
    assert_int_equal(find("ann@example.com")->err.kind, ERR_NO_MAILBOX);
    host->how = (struct ex_autodiscover){0};
    assert_int_equal(find("bob@example.com")->err.kind, ERR_OK);
    assert_int_equal(find("ann@example.com")->err.kind, ERR_NO_MAILBOX); /* not yet again */
}

/* ---- Passwords --------------------------------------------------------------------------- */

static void one_refusal_concerns_the_mailbox_alone(void **state)
{
    (void)state;
    add_host("autodiscover.example.com")->refuses = true;
    find("ann@example.com");
    assert_int_equal(result.err.kind, ERR_DENIED);
    assert_int_equal(result.err.scope, ERR_SCOPE_MAILBOX);
    assert_int_equal(shown_to(""), 1);
    add_host("autodiscover.other.example");
    text_copy(world.hosts[1].ews_url, sizeof(world.hosts[1].ews_url),
              "https://mail.other.example/EWS/Exchange.asmx");
    assert_int_equal(find("ann@other.example")->err.kind, ERR_OK);
}

static void after_two_refusals_nobody_is_shown_the_password_for_an_hour(void **state)
{
    char address[64];
    (void)state;
    add_host("example.com")->refuses = true;
    add_host("autodiscover.example.com")->refuses = true;
    find("ann@example.com");
    assert_int_equal(result.err.kind, ERR_DENIED);
    assert_int_equal(result.err.scope, ERR_SCOPE_ACCOUNT);
    assert_int_equal(shown_to(""), 2);
    add_host("autodiscover.other.example")->refuses = true;
    for (int i = 0; i < 50; i++) {
        snprintf(address, sizeof(address), "user%d@%s.example%s", i,
                 i % 2 ? "other" : "example", i % 2 ? "" : ".com");
        result = (struct result){0};
        autodiscover_find(finder, address, on_found, &result);
        loop_virtual_run(world.loop, 60000);
        assert_int_equal(result.err.kind, ERR_DENIED);
        assert_int_equal(shown_to(""), 2);
    }
    loop_virtual_run(world.loop, 3600 * 1000);
    find("cyd@example.com");
    assert_int_equal(shown_to(""), 3); /* once more, and an hour again */
}

/* ---- Tokens ------------------------------------------------------------------------------ */

static struct oauth *open_oauth(void)
{
    const struct oauth_config how = {.name = "main",
                                     .token_url = "https://login.example.net/token",
                                     .client_id = "c",
                                     .secret = "s",
                                     .verify = true};
    struct err err;
    autodiscover_free(&finder);
    config.oauth = oauth_new(world.loop, &world.base, &how, &err);
    assert_non_null(config.oauth);
    account.auth = "oauth2";
    open_finder();
    return config.oauth;
}

static const char *last_bearer(void)
{
    return world.asked[world.count - 1].bearer;
}

static void a_token_is_fetched_when_a_host_asks_and_an_old_one_is_renewed_once(void **state)
{
    (void)state;
    struct oauth *oauth = open_oauth();
    add_host("login.example.net");
    struct host *host = add_host("autodiscover.example.com");
    host->challenge = "Bearer realm=\"\"";
    assert_int_equal(find("ann@example.com")->err.kind, ERR_OK);
    assert_string_equal(last_bearer(), "token1");
    loop_virtual_run(world.loop, 20 * 60000);
    host->refused_token = "token1";
    assert_int_equal(find("bob@example.com")->err.kind, ERR_OK);
    assert_string_equal(last_bearer(), "token2");
    host->refuses = true; /* whatever is shown */
    loop_virtual_run(world.loop, 20 * 60000);
    int before = shown_to("https://autodiscover.example.com/");
    find("cyd@example.com");
    assert_int_equal(result.err.kind, ERR_DENIED);
    assert_true(shown_to("https://autodiscover.example.com/") <= before + 2);
    autodiscover_free(&finder);
    oauth_free(&oauth);
}

static void without_a_token_nothing_is_shown_and_the_reason_is_told(void **state)
{
    (void)state;
    struct oauth *oauth = open_oauth();
    add_host("login.example.net")->refuses = true;
    add_host("autodiscover.example.com")->challenge = "Bearer";
    find("ann@example.com");
    assert_int_equal(result.err.kind, ERR_DENIED);
    assert_int_equal(shown_to("https://autodiscover.example.com/"), 0);
    /* It may be given up while the token is on its way. */
    for (int after_ms = 0; after_ms < 40; after_ms += 3) {
        result = (struct result){0};
        struct autodiscover_wait *wait =
            autodiscover_find(finder, "bob@example.com", on_found, &result);
        loop_virtual_run(world.loop, after_ms);
        if (!result.calls)
            autodiscover_cancel(&wait);
    }
    autodiscover_free(&finder);
    oauth_free(&oauth);
    assert_int_equal(world.in_flight, 0);
}

/* ---- What is kept ------------------------------------------------------------------------ */

static void a_url_that_was_kept_is_used_without_asking(void **state)
{
    (void)state;
    text_copy(kept, sizeof(kept), "https://mail.example.com/EWS/Exchange.asmx");
    assert_string_equal(autodiscover_url(finder, "ann@example.com"), kept);
    assert_string_equal(find("ann@example.com")->url, kept);
    assert_int_equal(world.count, 0);
}

static void a_kept_url_that_the_rules_forbid_by_now_is_looked_up_again(void **state)
{
    (void)state;
    add_host("autodiscover.example.com");
    text_copy(kept, sizeof(kept), "https://mail.hoster.example/EWS/Exchange.asmx");
    assert_null(autodiscover_url(finder, "ann@example.com"));
    assert_string_equal(find("ann@example.com")->url,
                        "https://mail.example.com/EWS/Exchange.asmx");
}

static void a_mailbox_that_moved_is_looked_up_again_but_not_often(void **state)
{
    (void)state;
    struct host *host = add_host("autodiscover.example.com");
    find("ann@example.com");
    text_copy(host->ews_url, sizeof(host->ews_url),
              "https://new.example.com/EWS/Exchange.asmx");
    loop_virtual_run(world.loop, TIME_AUTODISCOVER_REST_MS + 1);
    autodiscover_moved(finder, "ann@example.com");
    assert_null(autodiscover_url(finder, "ann@example.com"));
    assert_string_equal(autodiscover_last_url(finder, "ann@example.com"),
                        "https://mail.example.com/EWS/Exchange.asmx");
    assert_string_equal(find("ann@example.com")->url,
                        "https://new.example.com/EWS/Exchange.asmx");
    int before = world.count;
    for (int i = 0; i < 4; i++) { /* it says so once more and once more */
        autodiscover_moved(finder, "ann@example.com");
        result = (struct result){0};
        autodiscover_find(finder, "ann@example.com", on_found, &result);
        loop_virtual_run(world.loop, 60000);
        assert_string_equal(result.url, "https://new.example.com/EWS/Exchange.asmx");
    }
    assert_int_equal(world.count, before);
}

static void a_search_that_fails_takes_no_url_away(void **state)
{
    (void)state;
    text_copy(kept, sizeof(kept), "https://mail.example.com/EWS/Exchange.asmx");
    autodiscover_url(finder, "ann@example.com");
    autodiscover_moved(finder, "ann@example.com");
    find("ann@example.com");
    assert_int_equal(result.err.kind, ERR_OK);
    assert_string_equal(result.url, "https://mail.example.com/EWS/Exchange.asmx");
    assert_true(world.count > 0);
}

static void a_server_that_is_not_reached_three_times_is_looked_up_again(void **state)
{
    (void)state;
    text_copy(kept, sizeof(kept), "https://mail.example.com/EWS/Exchange.asmx");
    for (int i = 0; i < LIMIT_UNREACHED - 1; i++)
        autodiscover_reached(finder, "ann@example.com", false);
    autodiscover_reached(finder, "ann@example.com", true);
    for (int i = 0; i < LIMIT_UNREACHED - 1; i++)
        autodiscover_reached(finder, "ann@example.com", false);
    assert_non_null(autodiscover_url(finder, "ann@example.com"));
    autodiscover_reached(finder, "ann@example.com", false);
    assert_null(autodiscover_url(finder, "ann@example.com"));
}

/* ---- Cancelling -------------------------------------------------------------------------- */

static void nobody_is_called_after_a_cancel(void **state)
{
    struct result other = {0};
    (void)state;
    add_host("autodiscover.example.com");
    for (int after_ms = 0; after_ms < 60; after_ms++) {
        char address[64];
        snprintf(address, sizeof(address), "user%d@example.com", after_ms);
        result = other = (struct result){0};
        struct autodiscover_wait *wait = autodiscover_find(finder, address, on_found, &result);
        autodiscover_find(finder, address, on_found, &other);
        loop_virtual_run(world.loop, after_ms);
        if (!result.calls)
            autodiscover_cancel(&wait);
        int calls = result.calls;
        settle();
        assert_int_equal(result.calls, calls);
        assert_int_equal(other.calls, 1);
    }
}

static void freeing_ends_everything_without_a_word(void **state)
{
    (void)state;
    add_host("autodiscover.example.com");
    for (int after_ms = 0; after_ms < 60; after_ms += 3) {
        result = (struct result){0};
        kept[0] = '\0';
        autodiscover_find(finder, "ann@example.com", on_found, &result);
        autodiscover_find(finder, "bob@example.com", on_found, &result);
        loop_virtual_run(world.loop, after_ms);
        int calls = result.calls;
        autodiscover_free(&finder);
        assert_int_equal(world.in_flight, 0);
        settle();
        assert_int_equal(result.calls, calls);
        open_finder();
    }
}

/* ---- An account -------------------------------------------------------------------------- */

struct scene {
    struct ews_account *account;
    struct remote *remote;
    struct err err;
    int calls;
};

static void open_account(struct scene *scene)
{
    const struct ews_config ews = {.name = "main",
                                   .impersonate = true,
                                   .auth = account,
                                   .known_url = known,
                                   .found_url = found};
    struct err err;
    *scene = (struct scene){0};
    scene->account = ews_account_new(world.loop, &world.base, &ews, &err);
    assert_non_null(scene->account);
    scene->remote = ews_remote_new(scene->account, "ann@example.com");
}

static void close_account(struct scene *scene)
{
    remote_free(&scene->remote);
    assert_int_equal(ews_account_in_flight(scene->account), 0);
    ews_account_free(&scene->account);
}

static void on_removed(const struct err *err, void *arg)
{
    struct scene *scene = arg;
    scene->calls++;
    scene->err = *err;
}

static void ask_ews(struct scene *scene)
{
    int calls = scene->calls;
    scene->remote->ops->unwatch(scene->remote, "sub", NULL, on_removed, scene);
    loop_virtual_run(world.loop, 130 * 1000);
    assert_int_equal(scene->calls, calls + 1);
}

static const char *last_asked(void)
{
    return world.asked[world.count - 1].url;
}

static void an_account_finds_the_server_before_the_first_request(void **state)
{
    struct scene scene;
    (void)state;
    add_host("autodiscover.example.com");
    add_host("mail.example.com");
    open_account(&scene);
    ask_ews(&scene);
    assert_string_equal(last_asked(), "https://mail.example.com/EWS/Exchange.asmx");
    int before = world.count;
    ask_ews(&scene);
    assert_int_equal(world.count, before + 1);
    close_account(&scene);
    /* After a restart nobody is asked. */
    open_account(&scene);
    before = world.count;
    ask_ews(&scene);
    assert_int_equal(world.count, before + 1);
    close_account(&scene);
}

/* One request of the configured account; the store says what is known before. */
static void ask_configured(struct store *store, const struct config_exchange *exchange)
{
    const struct account_deps deps = {
        .loop = world.loop, .transport = &world.base, .store = store};
    struct err err;
    struct account *opened = account_open(&deps, exchange, &err);
    struct scene scene = {0};
    if (!opened)
        fail_msg("%s", err.text);
    scene.remote = ews_remote_new(account_ews(opened), "ann@example.com");
    ask_ews(&scene);
    remote_free(&scene.remote);
    account_close(&opened);
}

static void what_is_found_goes_into_the_store_and_is_used_after_a_restart(void **state)
{
    char auth[] = "basic", user[] = "u", name[] = "main", prefer[] = "external", way[] = "auto";
    const struct config_exchange exchange = {.name = name,
                                             .autodiscover = true,
                                             .autodiscover_prefer = prefer,
                                             .auth = auth,
                                             .user = user,
                                             .verify = true,
                                             .impersonate = true,
                                             .connections = 2,
                                             .request_timeout_ms = 60000,
                                             .create = way};
    void *fixture;
    struct endpoint endpoint;
    bool there;
    (void)state;
    sf_set_up_on_disk(&fixture);
    struct store_fixture *f = fixture;
    add_host("autodiscover.example.com");
    add_host("mail.example.com");
    ask_configured(f->store, &exchange);
    sf_ok(f, endpoint_get(f->store, "main", "ann@example.com", &endpoint, &there, &f->err));
    assert_true(there);
    assert_string_equal(endpoint.url, "https://mail.example.com/EWS/Exchange.asmx");
    assert_string_equal(endpoint.group, "STAND-IN-1");
    sf_reopen(f, 1);
    int before = world.count;
    ask_configured(f->store, &exchange);
    assert_int_equal(world.count, before + 1);
    assert_string_equal(last_asked(), "https://mail.example.com/EWS/Exchange.asmx");
    sf_tear_down(&fixture);
}

static void a_request_without_a_server_fails_without_being_sent(void **state)
{
    struct scene scene;
    (void)state;
    open_account(&scene);
    ask_ews(&scene);
    assert_int_equal(scene.err.kind, ERR_NO_HOST);
    assert_int_equal(scene.err.effect, ERR_EFFECT_NONE);
    assert_int_equal(scene.err.scope, ERR_SCOPE_MAILBOX);
    assert_int_equal(shown_to(""), 0);
    close_account(&scene);
}

static void a_request_that_waits_for_its_server_can_be_given_up(void **state)
{
    struct scene scene;
    (void)state;
    add_host("autodiscover.example.com");
    add_host("mail.example.com");
    for (int after_ms = 0; after_ms < 40; after_ms += 7) {
        kept[0] = '\0';
        open_account(&scene);
        struct remote_call *call =
            scene.remote->ops->unwatch(scene.remote, "sub", NULL, on_removed, &scene);
        loop_virtual_run(world.loop, after_ms);
        assert_int_equal(scene.calls, 0);
        scene.remote->ops->cancel(call);
        assert_int_equal(ews_account_in_flight(scene.account), 0);
        settle();
        assert_int_equal(scene.calls, 0);
        close_account(&scene);
    }
}

static void a_refused_password_parks_the_account_and_a_new_one_is_tried_at_once(void **state)
{
    struct scene scene;
    struct ews_health health;
    (void)state;
    struct host *first = add_host("example.com"), *door = add_host("autodiscover.example.com");
    add_host("mail.example.com");
    first->refuses = door->refuses = true;
    open_account(&scene);
    for (int i = 0; i < 4; i++) {
        ask_ews(&scene);
        assert_int_equal(scene.err.kind, ERR_DENIED);
    }
    assert_int_equal(shown_to(""), 2);
    ews_account_health(scene.account, &health);
    assert_int_equal(health.state, PACE_PARKED);
    first->refuses = door->refuses = false;
    assert_true(ews_account_renew(scene.account, "new"));
    loop_virtual_run(world.loop, 60000);
    ask_ews(&scene);
    assert_string_equal(last_asked(), "https://mail.example.com/EWS/Exchange.asmx");
    close_account(&scene);
}

#define FAULT(code)                                                                            \
    "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body><s:Fault>"        \
    "<faultcode>a:" code "</faultcode><detail><e:ResponseCode xmlns:e='"                       \
    "http://schemas.microsoft.com/exchange/services/2006/errors'>" code                        \
    "</e:ResponseCode></detail></s:Fault></s:Body></s:Envelope>"
#define MESSAGE(code)                                                                          \
    "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body>"                 \
    "<m:UnsubscribeResponse xmlns:m='http://schemas.microsoft.com/exchange/services/2006/"     \
    "messages'><m:ResponseMessages><m:UnsubscribeResponseMessage ResponseClass='Error'>"       \
    "<m:ResponseCode>" code "</m:ResponseCode></m:UnsubscribeResponseMessage>"                 \
    "</m:ResponseMessages></m:UnsubscribeResponse></s:Body></s:Envelope>"

static void what_says_that_a_mailbox_moved_has_it_looked_up_again(void **state)
{
    static const struct {
        int status;
        const char *body;
        bool moved;
    } table[] = {
        {500, FAULT("ErrorMailboxMoveInProgress"), true},
        {200, MESSAGE("ErrorMailboxMoveInProgress"), true},
        {500, FAULT("ErrorProxyRequestNotAllowed"), true},
        {302, "<html></html>", true},
        {301, "", true},
        {500, FAULT("ErrorServerBusy"), false},
        {200, MESSAGE("ErrorSubscriptionNotFound"), false},
        {503, "", false},
        {404, "", false},
    };
    struct scene scene;
    (void)state;
    struct host *door = add_host("autodiscover.example.com");
    struct host *old = add_host("mail.example.com");
    add_host("new.example.com");
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        text_copy(door->ews_url, sizeof(door->ews_url),
                  "https://new.example.com/EWS/Exchange.asmx");
        text_copy(kept, sizeof(kept), "https://mail.example.com/EWS/Exchange.asmx");
        old->ews_status = table[i].status;
        old->ews_body = table[i].body;
        open_account(&scene);
        ask_ews(&scene);
        assert_string_equal(last_asked(), "https://mail.example.com/EWS/Exchange.asmx");
        loop_virtual_run(world.loop, TIME_AUTODISCOVER_REST_MS);
        ask_ews(&scene);
        bool moved = strcmp(last_asked(), "https://new.example.com/EWS/Exchange.asmx") == 0;
        if (moved != table[i].moved)
            fail_msg("HTTP %d %s: %s", table[i].status, table[i].body,
                     moved ? "looked up again" : "not looked up again");
        close_account(&scene);
    }
}

static void a_server_that_cannot_be_reached_is_looked_up_after_three_requests(void **state)
{
    struct scene scene;
    (void)state;
    struct host *door = add_host("autodiscover.example.com");
    add_host("new.example.com");
    add_host("mail.example.com")->trouble = NO_CONNECTION;
    text_copy(door->ews_url, sizeof(door->ews_url),
              "https://new.example.com/EWS/Exchange.asmx");
    text_copy(kept, sizeof(kept), "https://mail.example.com/EWS/Exchange.asmx");
    open_account(&scene);
    for (int i = 0; i < LIMIT_UNREACHED; i++) {
        ask_ews(&scene);
        assert_string_equal(last_asked(), "https://mail.example.com/EWS/Exchange.asmx");
    }
    ask_ews(&scene);
    assert_string_equal(last_asked(), "https://new.example.com/EWS/Exchange.asmx");
    close_account(&scene);
}

/* ---- Hostile worlds ---------------------------------------------------------------------- */

static const char *const names[] = {"example.com",      "autodiscover.example.com",
                                    "mail.example.com", "sub.example.com",
                                    "evil.example",     "autodiscover.sub.example.com",
                                    "named.example",    "autodiscover.evil.example",
                                    "notexample.com",   "autodiscover.named.example"};
static const char *const leads[] = {
    "https://mail.example.com/autodiscover/autodiscover.svc",
    "http://mail.example.com/autodiscover/autodiscover.svc",
    "https://evil.example/autodiscover/autodiscover.svc",
    "http://evil.example/autodiscover/autodiscover.xml",
    "https://named.example/autodiscover/autodiscover.xml",
    "https://notexample.com/autodiscover/autodiscover.xml",
    "https://example.com@evil.example/autodiscover/autodiscover.xml",
    "https://sub.example.com/autodiscover/autodiscover.xml",
    "https://autodiscover.example.com/autodiscover/autodiscover.svc"};
static const char *const people[] = {"ann@sub.example.com", "ann@evil.example",
                                     "ann@named.example", "bob@example.com", "ann@example.com"};

static void make_hostile(struct host *host, struct rng *rng)
{
    static const enum ex_autodiscover_act acts[] = {
        EX_AUTODISCOVER_WELL,  EX_AUTODISCOVER_REDIRECT, EX_AUTODISCOVER_LEAD,
        EX_AUTODISCOVER_LEAD,  EX_AUTODISCOVER_ADDRESS,  EX_AUTODISCOVER_ADDRESS,
        EX_AUTODISCOVER_ERROR, EX_AUTODISCOVER_HTML,     EX_AUTODISCOVER_STATUS};
    host->trouble = rng_below(rng, 4) ? NO_TROUBLE : (enum trouble)rng_below(rng, 5);
    host->open = rng_below(rng, 3) == 0;
    host->refuses = rng_below(rng, 8) == 0;
    host->challenge = rng_below(rng, 5) ? "Basic realm=\"x\"" : "NTLM";
    host->how.act = acts[rng_below(rng, sizeof(acts) / sizeof(acts[0]))];
    host->how.status = 404;
    if (host->how.act == EX_AUTODISCOVER_REDIRECT && rng_below(rng, 3) == 0)
        host->how.hops = (int)rng_below(rng, 20);
    text_copy(host->how.target, sizeof(host->how.target),
              host->how.act == EX_AUTODISCOVER_ADDRESS
                  ? people[rng_below(rng, sizeof(people) / sizeof(people[0]))]
                  : leads[rng_below(rng, sizeof(leads) / sizeof(leads[0]))]);
    snprintf(host->ews_url, sizeof(host->ews_url), "%s://%s/EWS/Exchange.asmx",
             rng_below(rng, 3) ? "https" : "http",
             names[rng_below(rng, sizeof(names) / sizeof(names[0]))]);
}

static bool may_see(const char *url, bool named)
{
    char host[160];
    if (strncmp(url, "https://", 8) != 0 || strchr(url, '@'))
        return false;
    snprintf(host, sizeof(host), ".%.*s", (int)strcspn(url + 8, ":/?"), url + 8);
    const char *ours = strstr(host, ".example.com"), *other = strstr(host, ".named.example");
    return (ours && strcmp(ours, ".example.com") == 0) ||
           (named && other && strcmp(other, ".named.example") == 0);
}

/* Whatever the hosts of a world do to each other and to us. */
static void no_host_outside_the_rule_ever_sees_credentials(void **state)
{
    long shown = 0, good = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 3000; seed++) {
        struct rng rng = rng_seed(seed);
        bool named = seed % 2;
        autodiscover_free(&finder);
        world.host_count = world.count = 0;
        kept[0] = '\0';
        config.hosts = named ? "named.example" : NULL;
        account.verify = seed % 5 != 0;
        open_finder();
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
            make_hostile(add_host(names[i]), &rng);
        find("ann@example.com");
        assert_int_equal(autodiscover_searching(finder), 0);
        good += result.err.kind == ERR_OK;
        for (int i = 0; i < world.count; i++) {
            shown += world.asked[i].shown;
            if (world.asked[i].shown && !may_see(world.asked[i].url, named))
                fail_msg("seed %d: %s saw credentials", (int)seed, world.asked[i].url);
        }
        assert_true(world.count < 150);
        assert_true(result.url[0] == '\0' || may_see(result.url, named));
    }
    print_message("credentials were shown %ld times, %ld searches found a URL\n", shown, good);
    assert_true(shown > 300 && good > 100);
}

#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_WORLD(a_server_is_found_and_only_it_sees_credentials),
        IN_WORLD(a_web_site_that_asks_for_no_password_never_sees_one),
        IN_WORLD(the_old_kind_of_answer_will_do),
        IN_WORLD(a_redirect_over_http_is_where_exchange_online_is_found),
        IN_WORLD(chains_end_after_ten_redirects),
        IN_WORLD(a_server_that_is_silent_is_left_in_time),
        IN_WORLD(an_answer_without_end_is_not_read_to_it),
        IN_WORLD(one_search_serves_all_who_wait),
        IN_WORLD(the_candidates_of_a_domain_are_walked_once_for_a_thousand_mailboxes),
        IN_WORLD(a_domain_that_nobody_answers_for_is_not_asked_for_each_mailbox),
        IN_WORLD(a_failure_is_asked_about_again_later_and_later),
        IN_WORLD(an_unknown_address_costs_its_own_mailbox_only),
        IN_WORLD(one_refusal_concerns_the_mailbox_alone),
        IN_WORLD(after_two_refusals_nobody_is_shown_the_password_for_an_hour),
        IN_WORLD(a_token_is_fetched_when_a_host_asks_and_an_old_one_is_renewed_once),
        IN_WORLD(without_a_token_nothing_is_shown_and_the_reason_is_told),
        IN_WORLD(a_url_that_was_kept_is_used_without_asking),
        IN_WORLD(a_kept_url_that_the_rules_forbid_by_now_is_looked_up_again),
        IN_WORLD(a_mailbox_that_moved_is_looked_up_again_but_not_often),
        IN_WORLD(a_search_that_fails_takes_no_url_away),
        IN_WORLD(a_server_that_is_not_reached_three_times_is_looked_up_again),
        IN_WORLD(nobody_is_called_after_a_cancel),
        IN_WORLD(freeing_ends_everything_without_a_word),
        IN_WORLD(an_account_finds_the_server_before_the_first_request),
        IN_WORLD(what_is_found_goes_into_the_store_and_is_used_after_a_restart),
        IN_WORLD(a_request_without_a_server_fails_without_being_sent),
        IN_WORLD(a_request_that_waits_for_its_server_can_be_given_up),
        IN_WORLD(a_refused_password_parks_the_account_and_a_new_one_is_tried_at_once),
        IN_WORLD(what_says_that_a_mailbox_moved_has_it_looked_up_again),
        IN_WORLD(a_server_that_cannot_be_reached_is_looked_up_after_three_requests),
        IN_WORLD(no_host_outside_the_rule_ever_sees_credentials),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
