/* Authentication over real sockets: NTLM against a server that verifies it, OAuth against the
 * stand-in for Exchange, Negotiate without a ticket, and what never happens: another scheme
 * than the configured one, another account on a connection, a body that is sent for nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/http.h"
#include "base/limits.h"
#include "base/log.h"
#include "ews/ews.h"
#include "ews/oauth.h"
#include "ews/transport.h"
#include "tests/exchange/exchange_ntlm.h"
#include "tests/exchange/exchange_server.h"

enum { SEEN_MAX = 200, BIG_BODY = 3 * 1024 * 1024 };

/* A request as the server saw it. */
struct seen {
    unsigned long connection;
    char claims[64]; /* who the client says it is for: X-AnchorMailbox */
    char scheme[16]; /* of its Authorization */
    char user[64];   /* whose the connection was; "": refused */
    size_t body;
};

struct scene {
    struct loop *loop;
    struct http_server *server;
    struct exchange_ntlm *ntlm;
    const char *offer; /* instead of NTLM: this challenge, always */
    bool hang_up;      /* after each answer that is not a challenge */
    bool forget;       /* the next request's connection is nobody's any more */
    struct seen seen[SEEN_MAX];
    int seen_count;
    struct transport *transport;
    struct transport_account ann, bob;
    struct loop_timer *guard;
    char url[128];
    int done, waited_for, ok, denied;
    struct err err;
    char challenge[200];
};

/* ---- The server ---------------------------------------------------------------------------
 */

static struct seen *note(struct scene *s, struct http_request *request)
{
    const char *authorization = http_header(request, "Authorization");
    const char *claims = http_header(request, "X-AnchorMailbox");
    struct seen *seen = &s->seen[s->seen_count++];
    assert_true(s->seen_count < SEEN_MAX);
    *seen = (struct seen){.connection = http_connection(request)};
    http_body(request, &seen->body);
    snprintf(seen->claims, sizeof(seen->claims), "%s", claims ? claims : "");
    snprintf(seen->scheme, sizeof(seen->scheme), "%.*s",
             authorization ? (int)strcspn(authorization, " ") : 0,
             authorization ? authorization : "");
    return seen;
}

static void refuse(struct http_request *request, const char *challenge)
{
    http_reply_header(request, "WWW-Authenticate", challenge);
    http_reply(&request, 401, "text/plain", "no", 2);
}

static void handle(struct http_request *request, void *arg)
{
    struct scene *s = arg;
    struct seen *seen = note(s, request);
    char value[EXCHANGE_NTLM_VALUE_MAX];
    if (s->offer) {
        refuse(request, s->offer);
        return;
    }
    if (s->forget) {
        s->forget = false;
        exchange_ntlm_step(s->ntlm, seen->connection, "", value, sizeof(value));
        refuse(request, "NTLM");
        return;
    }
    if (exchange_ntlm_step(s->ntlm, seen->connection, http_header(request, "Authorization"),
                           value, sizeof(value)) != EXCHANGE_NTLM_IN) {
        refuse(request, value);
        return;
    }
    snprintf(seen->user, sizeof(seen->user), "%s",
             exchange_ntlm_user(s->ntlm, seen->connection));
    if (s->hang_up)
        http_reply_header(request, "Connection", "close");
    http_reply(&request, 200, "text/xml", "<a/>", 4);
}

/* ---- The scene ----------------------------------------------------------------------------
 */

static void took_too_long(void *arg)
{
    (void)arg;
    fail_msg("nothing came within 20 s");
}

static void open_scene(struct scene *s)
{
    struct err err = {0};
    memset(s, 0, sizeof(*s));
    s->loop = loop_system_new(&err);
    s->transport = transport_curl_new(s->loop, &err);
    s->ntlm = exchange_ntlm_new(&err);
    if (!s->ntlm)
        fail_msg("%s", err.text);
    exchange_ntlm_add(s->ntlm, "EX\\ann", "ann's secret");
    exchange_ntlm_add(s->ntlm, "EX\\bob", "bob's secret");
    const struct http_config config = {.listen = "127.0.0.1:0",
                                       .max_header_bytes = 16384,
                                       .max_body_bytes = 8 * MIB,
                                       .max_connections = 64,
                                       .timeout_s = 10};
    s->server = http_server_new(s->loop, &config, handle, s, &err);
    assert_non_null(s->server);
    s->ann = (struct transport_account){.auth = "ntlm",
                                        .user = "EX\\ann",
                                        .password = "ann's secret",
                                        .verify = true,
                                        .max_connections = 8};
    s->bob = s->ann;
    s->bob.user = "EX\\bob";
    s->bob.password = "bob's secret";
    snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%d/EWS/Exchange.asmx",
             http_server_port(s->server));
    s->guard = loop_timer_new(s->loop, took_too_long, s);
    loop_timer_set(s->guard, 20000);
}

static void close_scene(struct scene *s)
{
    transport_free(&s->transport);
    http_server_free(&s->server);
    exchange_ntlm_free(&s->ntlm);
    loop_timer_free(&s->guard);
    loop_free(&s->loop);
}

static bool took_bytes(const void *bytes, size_t len, void *arg)
{
    (void)bytes, (void)len, (void)arg;
    return true;
}

static void ended(const struct err *err, const struct transport_reply *reply, void *arg)
{
    struct scene *s = arg;
    s->done++;
    s->err = *err;
    s->ok += reply->status == 200;
    s->denied += reply->status == 401;
    snprintf(s->challenge, sizeof(s->challenge), "%s", reply->challenge);
    if (s->done >= s->waited_for)
        loop_stop(s->loop);
}

static void send_as(struct scene *s, const struct transport_account *account, size_t len,
                    bool anonymous)
{
    struct buf bytes;
    buf_init(&bytes, 8 * MIB);
    for (size_t i = 0; i < len; i++)
        buf_add(&bytes, "x", 1);
    const struct transport_request request = {.account = account,
                                              .url = s->url,
                                              .anchor_mailbox =
                                                  anonymous ? "nobody" : account->user,
                                              .anonymous = anonymous,
                                              .timeout_ms = 10000,
                                              .body = body_from_buf(&bytes),
                                              .bytes = took_bytes,
                                              .done = ended,
                                              .arg = s};
    assert_non_null(s->transport->ops->start(s->transport, &request));
}

static void send_and_wait(struct scene *s, const struct transport_account *account, size_t len)
{
    s->waited_for = s->done + 1;
    send_as(s, account, len, false);
    loop_run(s->loop);
}

static size_t body_bytes(const struct scene *s)
{
    size_t sum = 0;
    for (int i = 0; i < s->seen_count; i++)
        sum += s->seen[i].body;
    return sum;
}

/* ---- NTLM ---------------------------------------------------------------------------------
 */

static void the_right_password_opens_a_connection_once(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    for (int i = 0; i < 3; i++) {
        send_and_wait(&s, &s.ann, 100);
        assert_int_equal(s.err.kind, ERR_OK);
    }
    assert_int_equal(s.ok, 3);
    assert_int_equal(s.denied, 0); /* the first answer, a challenge, was not ours to see */
    assert_int_equal(s.seen_count, 4);
    assert_int_equal(s.seen[0].connection, s.seen[3].connection);
    assert_string_equal(s.seen[3].scheme, ""); /* the connection speaks for itself */
    assert_string_equal(s.seen[3].user, "EX\\ann");
    assert_int_equal(body_bytes(&s), 300);
    close_scene(&s);
}

static void a_wrong_password_is_tried_once_a_request(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    s.ann.password = "wrong";
    for (int i = 0; i < 2; i++)
        send_and_wait(&s, &s.ann, 100);
    assert_int_equal(s.denied, 2);
    assert_int_equal(s.err.kind, ERR_OK);
    assert_int_equal(s.seen_count, 4);
    for (int i = 0; i < s.seen_count; i++)
        assert_string_equal(s.seen[i].scheme, "NTLM");
    close_scene(&s);
}

static void a_large_body_goes_out_once(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    send_and_wait(&s, &s.ann, BIG_BODY);
    assert_int_equal(s.ok, 1);
    assert_int_equal(body_bytes(&s), BIG_BODY);
    send_and_wait(&s, &s.ann, BIG_BODY);
    assert_int_equal(s.ok, 2);
    assert_int_equal(body_bytes(&s), 2 * BIG_BODY);
    close_scene(&s);
}

static void no_connection_ever_carries_two_accounts(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    for (int round = 0; round < 3; round++) {
        s.waited_for = s.done + 12;
        for (int i = 0; i < 4; i++) {
            send_as(&s, &s.ann, 10, false);
            send_as(&s, &s.bob, 10, false);
            send_as(&s, &s.ann, 10, true);
        }
        loop_run(s.loop);
    }
    assert_int_equal(s.ok, 24);
    assert_int_equal(s.denied, 12); /* those that show no credentials */
    for (int i = 0; i < s.seen_count; i++) {
        const struct seen *a = &s.seen[i];
        if (a->user[0])
            assert_string_equal(a->user, a->claims);
        for (int j = 0; j < i; j++)
            if (s.seen[j].connection == a->connection)
                assert_string_equal(s.seen[j].claims, a->claims);
    }
    close_scene(&s);
}

static void one_name_with_two_passwords_is_two_accounts(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    send_and_wait(&s, &s.ann, 10);
    s.bob = s.ann;
    s.bob.password = "what it was before";
    send_and_wait(&s, &s.bob, 10);
    assert_int_equal(s.ok, 1);
    assert_int_equal(s.denied, 1);
    assert_int_not_equal(s.seen[0].connection, s.seen[2].connection);
    close_scene(&s);
}

static void a_server_that_closes_or_forgets_is_proven_to_again(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s);
    s.hang_up = true;
    for (int i = 0; i < 3; i++)
        send_and_wait(&s, &s.ann, 50);
    assert_int_equal(s.ok, 3);
    assert_int_equal(s.seen_count, 6);
    assert_int_equal(body_bytes(&s), 150);
    s.hang_up = false;
    send_and_wait(&s, &s.ann, 50);
    s.forget = true; /* the body went out, a 401 came: nothing was done, so it may go again */
    send_and_wait(&s, &s.ann, 50);
    assert_int_equal(s.err.kind, ERR_OK);
    assert_int_equal(s.ok + s.denied, 5);
    close_scene(&s);
}

/* ---- Only what is configured ---------------------------------------------------------------
 */

static void nothing_but_the_configured_scheme_is_tried(void **state)
{
    (void)state;
    static const struct {
        const char *auth, *offer, *scheme;
    } cases[] = {
        {"ntlm", "Basic realm=\"x\"", "NTLM"}, {"basic", "NTLM", "Basic"},
        {"basic", "Negotiate", "Basic"},       {"oauth2", "Basic realm=\"x\"", "Bearer"},
        {"none", "Basic realm=\"x\"", ""},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct scene s;
        open_scene(&s);
        s.offer = cases[i].offer;
        s.ann.auth = cases[i].auth;
        struct buf bytes;
        buf_init(&bytes, 100);
        buf_add_str(&bytes, "x");
        struct transport_request request = {.account = &s.ann,
                                            .url = s.url,
                                            .bearer = "token",
                                            .timeout_ms = 10000,
                                            .body = body_from_buf(&bytes),
                                            .bytes = took_bytes,
                                            .done = ended,
                                            .arg = &s};
        s.waited_for = 1;
        s.transport->ops->start(s.transport, &request);
        loop_run(s.loop);
        assert_int_equal(s.denied, 1);
        assert_string_equal(s.challenge, cases[i].offer);
        assert_int_equal(s.seen_count, 1);
        assert_string_equal(s.seen[0].scheme, cases[i].scheme);
        close_scene(&s);
    }
}

static void without_a_ticket_negotiate_says_what_is_missing_and_sends_nothing(void **state)
{
    (void)state;
    struct scene s;
    if (transport_curl_lacks("negotiate")) {
        print_message("skipped: %s\n", transport_curl_lacks("negotiate"));
        skip();
    }
    setenv("KRB5CCNAME", "FILE:/nonexistent/cache", 1);
    setenv("KRB5_CLIENT_KTNAME", "FILE:/nonexistent/keytab", 1);
    setenv("KRB5_CONFIG", "/dev/null", 1);
    open_scene(&s);
    s.offer = "Negotiate, NTLM, Basic realm=\"x\"";
    s.ann.auth = "negotiate";
    send_and_wait(&s, &s.ann, 1000);
    assert_int_equal(s.err.kind, ERR_DENIED);
    assert_int_equal(s.err.scope, ERR_SCOPE_ACCOUNT);
    assert_int_equal(s.err.effect, ERR_EFFECT_NONE);
    assert_non_null(strstr(s.err.text, "KRB5_CLIENT_KTNAME"));
    assert_non_null(strstr(s.err.text, "kinit"));
    assert_int_equal(body_bytes(&s), 0);
    close_scene(&s);
}

static void what_libcurl_cannot_do_is_said_by_name(void **state)
{
    (void)state;
    char text[600];
    transport_curl_describe(text, sizeof(text));
    assert_non_null(strstr(text, "libcurl "));
    assert_non_null(strstr(text, "channel binding with NTLM"));
    assert_non_null(strstr(transport_curl_warns("ntlm"), "Extended Protection"));
    assert_null(transport_curl_warns("basic"));
    assert_null(transport_curl_warns("oauth2"));
}

/* ---- The stand-in -------------------------------------------------------------------------
 */

struct stand {
    struct loop *loop;
    struct exchange *ex;
    struct exchange_auth *auth;
    struct exchange_server_config config;
    struct exchange_server *server;
    struct transport *transport;
    struct ews_account *account;
    struct remote *remote;
    struct loop_timer *guard;
    char url[128], token_url[128];
    int done;
    struct err err;
};

static void open_stand(struct stand *f, const struct exchange_auth_config *auth)
{
    struct err err = {0};
    memset(f, 0, sizeof(*f));
    f->loop = loop_system_new(&err);
    f->ex = exchange_new(NULL, f->loop, 1, &err);
    f->auth = exchange_auth_new(f->loop, auth, &err);
    if (!f->auth)
        fail_msg("%s", err.text);
    f->config = (struct exchange_server_config){.listen = "127.0.0.1:0", .auth = f->auth};
    f->server = exchange_server_new(f->loop, f->ex, &f->config, &err);
    assert_non_null(f->server);
    f->transport = transport_curl_new(f->loop, &err);
    int port = exchange_server_port(f->server);
    snprintf(f->url, sizeof(f->url), "http://127.0.0.1:%d/EWS/Exchange.asmx", port);
    snprintf(f->token_url, sizeof(f->token_url),
             "http://127.0.0.1:%d/contoso.com/oauth2/v2.0/token", port);
    f->guard = loop_timer_new(f->loop, took_too_long, f);
    loop_timer_set(f->guard, 20000);
}

static void open_account(struct stand *f, const char *auth, const char *user,
                         const char *secret)
{
    struct err err;
    const struct oauth_config oauth = {.name = "main",
                                       .token_url = f->token_url,
                                       .client_id = user,
                                       .secret = secret,
                                       .verify = true};
    const bool oauth2 = strcmp(auth, "oauth2") == 0;
    const struct ews_config config = {.name = "main",
                                      .url = f->url,
                                      .impersonate = true,
                                      .request_timeout_ms = 10000,
                                      .auth = {.auth = auth,
                                               .user = user,
                                               .password = oauth2 ? NULL : secret,
                                               .verify = true,
                                               .max_connections = 4},
                                      .oauth = oauth2 ? &oauth : NULL};
    f->account = ews_account_new(f->loop, f->transport, &config, &err);
    assert_non_null(f->account);
    f->remote = ews_remote_new(f->account, "ann@example.com");
}

static void close_stand(struct stand *f)
{
    remote_free(&f->remote);
    ews_account_free(&f->account);
    transport_free(&f->transport);
    exchange_server_free(&f->server);
    exchange_auth_free(&f->auth);
    exchange_free(&f->ex);
    loop_timer_free(&f->guard);
    loop_free(&f->loop);
}

static void took_folders(const struct err *err, const struct remote_folder *folders,
                         size_t count, void *arg)
{
    struct stand *f = arg;
    (void)folders;
    f->done++;
    f->err = *err;
    if (err->kind == ERR_OK)
        assert_true(count > 0);
    loop_stop(f->loop);
}

static void ask_folders(struct stand *f)
{
    f->remote->ops->folders(f->remote, 0, took_folders, f);
    loop_run(f->loop);
}

static void oauth_goes_from_secret_to_folders(void **state)
{
    (void)state;
    struct stand f;
    const struct exchange_auth_config auth = {.scheme = "oauth2",
                                              .user = "app",
                                              .password = "a secret",
                                              .tenant = "contoso.com",
                                              .token_life_s = 3600};
    open_stand(&f, &auth);
    open_account(&f, "oauth2", "app", "a secret");
    ask_folders(&f);
    assert_int_equal(f.err.kind, ERR_OK);
    ask_folders(&f);
    assert_int_equal(f.err.kind, ERR_OK);
    close_stand(&f);
    open_stand(&f, &auth);
    open_account(&f, "oauth2", "app", "another secret");
    ask_folders(&f);
    assert_int_equal(f.err.kind, ERR_DENIED);
    assert_string_equal(f.err.code, "invalid_client");
    assert_non_null(strstr(f.err.text, "Value, not its ID"));
    close_stand(&f);
}

static void ntlm_goes_from_password_to_folders(void **state)
{
    (void)state;
    struct stand f;
    const struct exchange_auth_config auth = {
        .scheme = "ntlm", .user = "EX\\svc", .password = "a secret"};
    for (int wrong = 0; wrong < 2; wrong++) {
        open_stand(&f, &auth);
        open_account(&f, "ntlm", "EX\\svc", wrong ? "another" : "a secret");
        ask_folders(&f);
        assert_int_equal(f.err.kind, wrong ? ERR_DENIED : ERR_OK);
        close_stand(&f);
    }
}

int main(void)
{
    const struct CMUnitTest ntlm[] = {
        cmocka_unit_test(the_right_password_opens_a_connection_once),
        cmocka_unit_test(a_wrong_password_is_tried_once_a_request),
        cmocka_unit_test(a_large_body_goes_out_once),
        cmocka_unit_test(no_connection_ever_carries_two_accounts),
        cmocka_unit_test(one_name_with_two_passwords_is_two_accounts),
        cmocka_unit_test(a_server_that_closes_or_forgets_is_proven_to_again),
        cmocka_unit_test(nothing_but_the_configured_scheme_is_tried),
        cmocka_unit_test(ntlm_goes_from_password_to_folders),
    };
    const struct CMUnitTest others[] = {
        cmocka_unit_test(without_a_ticket_negotiate_says_what_is_missing_and_sends_nothing),
        cmocka_unit_test(what_libcurl_cannot_do_is_said_by_name),
        cmocka_unit_test(oauth_goes_from_secret_to_folders),
    };
    log_set_level(LOG_LEVEL_ERROR);
    int failed = 0;
    if (transport_curl_lacks("ntlm"))
        print_message("skipped: %s\n", transport_curl_lacks("ntlm"));
    else
        failed = cmocka_run_group_tests(ntlm, NULL, NULL);
    return failed + cmocka_run_group_tests(others, NULL, NULL);
}
