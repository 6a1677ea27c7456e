/* Tokens of OAuth 2.0: what the token server answers, the proof by certificate, renewal and
 * those who wait for it, and the requests that carry a token. On virtual time, over a token
 * endpoint and an Exchange in this process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/limits.h"
#include "base/log.h"
#include "ews/challenge.h"
#include "ews/ews.h"
#include "ews/oauth.h"
#include "ews/oauth_answer.h"
#include "ews/oauth_assertion.h"
#include "tests/exchange/exchange_oauth.h"
#include "tests/support/ews_fixture.h"

#define SECRET    "a secret & more=1"
#define TOKEN_URL "https://login.example.com/contoso.com/oauth2/v2.0/token"
#define EWS_URL   "https://exchange.example.com/EWS/Exchange.asmx"
#define CLIENT    "5f0c6e5a-0000-4000-8000-000000000001"

/* ---- Answers ------------------------------------------------------------------------------
 */

static bool reads(int status, const char *json, struct oauth_answer *answer, struct err *err)
{
    memset(err, 0, sizeof(*err));
    return oauth_answer_read(status, -1, json, strlen(json), answer, err);
}

static void a_token_and_its_life_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *life;
        int64_t ms;
    } lives[] = {
        {"3599", 3599000},
        {"\"3599\"", 3599000},
        {"3599.9", 3599900},
        {"1", 60000},
        {"-5", 60000},
        {"\"soon\"", 60000},
        {"99999999", 86400000},
        {"1e300", 86400000},
        {"null", 60000},
        {"{}", 60000},
        {"9223372036854775807", 86400000},
    };
    for (size_t i = 0; i < sizeof(lives) / sizeof(lives[0]); i++) {
        char json[200];
        struct oauth_answer answer;
        struct err err;
        snprintf(
            json, sizeof(json),
            "{\"token_type\":\"bearer\",\"expires_in\":%s,\"access_token\":\"ab.c-_~+/=\"}",
            lives[i].life);
        assert_true(reads(200, json, &answer, &err));
        assert_string_equal(answer.token, "ab.c-_~+/=");
        if (answer.life_ms != lives[i].ms)
            fail_msg("%s gives %lld", lives[i].life, (long long)answer.life_ms);
        oauth_answer_clear(&answer);
        assert_null(answer.token);
    }
    struct oauth_answer answer;
    struct err err;
    assert_true(reads(200, "{\"access_token\":\"t\"}", &answer, &err));
    assert_int_equal(answer.life_ms, 600000);
    oauth_answer_clear(&answer);
}

static void what_is_no_token_is_refused(void **state)
{
    (void)state;
    static const char *const answers[] = {
        "",
        "{",
        "[]",
        "{}",
        "\"access_token\"",
        "{\"access_token\":null}",
        "{\"access_token\":\"\"}",
        "{\"access_token\":7}",
        "{\"access_token\":\"a b\"}",
        "{\"access_token\":\"a\\r\\nX-Evil: 1\"}",
        "{\"access_token\":\"a\\u0000b\"}",
        "{\"access_token\":\"\xc3\xa4\"}",
        "{\"access_token\":\"a\",\"token_type\":\"mac\"}",
        "{\"access_token\":\"a\",\"access_token\":\"b\"}",
        "{\"a\":[[[[[[[[[[1]]]]]]]]]],\"access_token\":\"a\"}",
        "<!DOCTYPE html><html></html>",
    };
    struct oauth_answer answer;
    struct err err;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        if (reads(200, answers[i], &answer, &err))
            fail_msg("taken: %s", answers[i]);
        assert_int_equal(err.kind, ERR_PROTOCOL);
        assert_int_equal(err.scope, ERR_SCOPE_ACCOUNT);
        assert_null(answer.token);
    }
    static const char head[] = "{\"access_token\":\"";
    char *json = malloc(LIMIT_TOKEN + 100);
    size_t at = sizeof head - 1;
    assert_non_null(json);
    memcpy(json, head, at);
    memset(json + at, 'a', LIMIT_TOKEN);
    memcpy(json + at + LIMIT_TOKEN, "\"}", 3);
    assert_false(reads(200, json, &answer, &err));
    memcpy(json + at + LIMIT_TOKEN - 1, "\"}", 3);
    assert_true(reads(200, json, &answer, &err));
    oauth_answer_clear(&answer);
    free(json);
}

static void each_refusal_names_its_remedy(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *json;
        enum err_kind kind;
        const char *code, *word;
    } cases[] = {
        {401,
         "{\"error\":\"invalid_client\",\"error_codes\":[7000215],\"error_description\":"
         "\"AADSTS7000215: Invalid client secret\\r\\nTrace ID: 1\"}",
         ERR_DENIED, "invalid_client", "Value, not its ID"},
        {401, "{\"error\":\"invalid_client\",\"error_description\":\"AADSTS7000222: expired\"}",
         ERR_DENIED, "invalid_client", "has expired"},
        {400, "{\"error\":\"unauthorized_client\",\"error_codes\":[700016]}", ERR_DENIED,
         "unauthorized_client", "client-id and tenant"},
        {400, "{\"error\":\"invalid_request\",\"error_codes\":[90002]}", ERR_DENIED,
         "invalid_request", "no such tenant"},
        {401, "{\"error\":\"invalid_client\",\"error_codes\":[700027]}", ERR_DENIED,
         "invalid_client", "upload client-certificate"},
        {401, "{\"error\":\"invalid_client\",\"error_codes\":[700024]}", ERR_DENIED,
         "invalid_client", "clock"},
        {400, "{\"error\":\"temporarily_unavailable\"}", ERR_UNAVAILABLE,
         "temporarily_unavailable", "asked again"},
        {400, "{\"error\":\"something_new\"}", ERR_DENIED, "something_new", "something_new"},
        {400, "{\"error\":\"x\",\"error_codes\":[\"7000215\"],\"error_description\":7}",
         ERR_DENIED, "x", "refused"},
        {429, "", ERR_UNAVAILABLE, "HTTP 429", "asked again"},
        {503, "{\"error\":\"invalid_client\"}", ERR_UNAVAILABLE, "HTTP 503", "asked again"},
        {404, "not here", ERR_CONFIG, "HTTP 404", "token-url"},
        {302, "", ERR_CONFIG, "HTTP 302", "token-url"},
        {403, "<html>", ERR_DENIED, "HTTP 403", "client-id"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct oauth_answer answer;
        struct err err;
        assert_false(reads(cases[i].status, cases[i].json, &answer, &err));
        assert_int_equal(err.kind, cases[i].kind);
        assert_int_equal(err.scope, ERR_SCOPE_ACCOUNT);
        assert_int_equal(err.when, ERR_WHEN_BACK_OFF);
        assert_int_equal(err.effect, ERR_EFFECT_NONE);
        assert_string_equal(err.code, cases[i].code);
        if (!strstr(err.text, cases[i].word) || strpbrk(err.text, "\r\n"))
            fail_msg("%zu: no '%s' in: %s", i, cases[i].word, err.text);
    }
    struct oauth_answer answer;
    struct err err = {0};
    assert_false(oauth_answer_read(429, 42000, "", 0, &answer, &err));
    assert_int_equal(err.back_off_ms, 42000);
    assert_false(oauth_answer_read(429, INT64_MAX, "", 0, &answer, &err));
    assert_int_equal(err.back_off_ms, TIME_BACK_OFF_MAX_MS);
}

/* ---- The proof by certificate -------------------------------------------------------------
 */

static char folder[] = "/tmp/sib-test-oauth-XXXXXX";
static char certificate_path[64], key_path[64], other_key_path[64], old_path[64];

static void write_key(const char *path, EVP_PKEY *key)
{
    FILE *file = fopen(path, "w");
    PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
    fclose(file);
    chmod(path, 0600);
}

static void write_certificate(const char *path, EVP_PKEY *key, long days)
{
    X509 *x509 = X509_new();
    X509_gmtime_adj(X509_getm_notBefore(x509), -10 * 86400);
    X509_gmtime_adj(X509_getm_notAfter(x509), days * 86400);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC,
                               (const unsigned char *)"sib", -1, -1, 0);
    X509_set_issuer_name(x509, X509_get_subject_name(x509));
    X509_set_pubkey(x509, key);
    assert_true(X509_sign(x509, key, EVP_sha256()) > 0);
    FILE *file = fopen(path, "w");
    PEM_write_X509(file, x509);
    fclose(file);
    X509_free(x509);
}

static int make_files(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(certificate_path, sizeof(certificate_path), "%s/cert.pem", folder);
    snprintf(key_path, sizeof(key_path), "%s/key.pem", folder);
    snprintf(other_key_path, sizeof(other_key_path), "%s/other.pem", folder);
    snprintf(old_path, sizeof(old_path), "%s/old.pem", folder);
    EVP_PKEY *key = EVP_RSA_gen(2048), *other = EVP_EC_gen("P-256");
    write_key(key_path, key);
    write_key(other_key_path, other);
    write_certificate(certificate_path, key, 3650);
    write_certificate(old_path, key, -1);
    EVP_PKEY_free(key);
    EVP_PKEY_free(other);
    return 0;
}

static int remove_files(void **state)
{
    (void)state;
    const char *const paths[] = {certificate_path, key_path, other_key_path, old_path};
    for (int i = 0; i < 4; i++)
        unlink(paths[i]);
    rmdir(folder);
    return 0;
}

static void a_key_that_cannot_prove_anything_is_refused_with_its_name(void **state)
{
    (void)state;
    struct wall now = clock_wall();
    struct err err;
    struct {
        const char *certificate, *key, *word;
    } cases[] = {
        {"/nonexistent/cert.pem", key_path, "cert.pem"},
        {key_path, key_path, "no certificate"},
        {certificate_path, "/nonexistent/key.pem", "key.pem"},
        {certificate_path, certificate_path, "chmod 600"},
        {certificate_path, other_key_path, "RSA"},
        {old_path, key_path, "expired"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_null(oauth_key_load(cases[i].certificate, cases[i].key, now, &err));
        if (!strstr(err.text, cases[i].word))
            fail_msg("no '%s' in: %s", cases[i].word, err.text);
    }
    chmod(key_path, 0640);
    assert_null(oauth_key_load(certificate_path, key_path, now, &err));
    assert_non_null(strstr(err.text, "chmod 600"));
    chmod(key_path, 0600);
}

/* ---- The scene: a token endpoint and an Exchange behind one transport ----------------------
 */

struct transport_call {
    struct scene *scene;
    struct transport_call *next;
    struct transport_request request;
    struct loop_timer *timer;
    char bearer[100];
    struct buf sent;
};

struct waiter {
    struct scene *scene;
    struct oauth_wait *wait;
    struct waiter *cancels; /* in its callback */
    int told;
    struct err err;
};

struct scene {
    struct transport base;
    struct loop *loop;
    struct exchange_oauth *server;
    struct oauth *oauth;
    struct ews_account *account;
    struct remote *remote;
    int64_t delay_ms; /* of the token endpoint */
    bool unreachable, endless;
    bool refuse_all; /* Exchange does */
    int token_requests, ews_requests, ews_refused;
    struct transport_call *calls;
    char form[4096]; /* the last one */
    char ews_body[4096];
    int done;
    struct err err;
    struct buf log;
};

static void call_free(struct transport_call *call)
{
    for (struct transport_call **at = &call->scene->calls; *at; at = &(*at)->next)
        if (*at == call) {
            *at = call->next;
            break;
        }
    loop_timer_free(&call->timer);
    buf_clear(&call->sent);
    free(call);
}

static void give(struct transport_call *call, int status, const char *body, int retry_after_s,
                 const char *challenge)
{
    struct transport_request request = call->request;
    struct err err = {0};
    call_free(call);
    if (!request.bytes(body, strlen(body), request.arg))
        err_set(&err, ERR_CANCELLED, "stopped");
    struct transport_reply reply = transport_reply_none();
    reply.status = status;
    reply.challenge = challenge;
    reply.retry_after_ms = retry_after_s ? retry_after_s * 1000 : -1;
    request.done(&err, &reply, request.arg);
}

static void fail_call(struct transport_call *call)
{
    struct transport_request request = call->request;
    struct transport_reply reply = transport_reply_none();
    struct err err;
    err_set(&err, ERR_UNAVAILABLE, "Exchange takes no connection");
    call_free(call);
    request.done(&err, &reply, request.arg);
}

static void answer_token(struct transport_call *call)
{
    struct scene *s = call->scene;
    struct exchange_oauth_answer answer;
    if (s->unreachable) {
        fail_call(call);
        return;
    }
    if (s->endless) {
        char *much = malloc(LIMIT_TOKEN_ANSWER + 10);
        memset(much, ' ', LIMIT_TOKEN_ANSWER + 9);
        much[LIMIT_TOKEN_ANSWER + 9] = '\0';
        give(call, 200, much, 0, "");
        free(much);
        return;
    }
    exchange_oauth_answer(s->server, strstr(call->request.url, ".com/") + 4,
                          buf_str(&call->sent), call->sent.len, &answer);
    give(call, answer.status, answer.body, answer.retry_after_s, "");
}

static const char deleted[] =
    "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\""
    " xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\"><s:Body>"
    "<m:DeleteItemResponse><m:ResponseMessages><m:DeleteItemResponseMessage"
    " ResponseClass=\"Success\"><m:ResponseCode>NoError</m:ResponseCode>"
    "</m:DeleteItemResponseMessage></m:ResponseMessages></m:DeleteItemResponse></s:Body>"
    "</s:Envelope>";

static void answer_ews(struct transport_call *call)
{
    struct scene *s = call->scene;
    char authorization[128];
    snprintf(authorization, sizeof(authorization), "Bearer %s", call->bearer);
    snprintf(s->ews_body, sizeof(s->ews_body), "%s", buf_str(&call->sent));
    if (!s->refuse_all && exchange_oauth_accepts(s->server, authorization)) {
        give(call, 200, deleted, 0, "");
        return;
    }
    s->ews_refused++;
    give(call, 401, "<html>no</html>", 0, "Bearer client_id=\"1\", error=\"invalid_token\"");
}

static void on_timer(void *arg)
{
    struct transport_call *call = arg;
    if (strcmp(call->request.url, EWS_URL) == 0)
        answer_ews(call);
    else
        answer_token(call);
}

static struct transport_call *start(struct transport *base,
                                    const struct transport_request *request)
{
    struct scene *s = (struct scene *)base;
    struct transport_call *call = calloc(1, sizeof(*call));
    bool ews = strcmp(request->url, EWS_URL) == 0;
    char piece[512];
    call->scene = s;
    call->request = *request;
    snprintf(call->bearer, sizeof(call->bearer), "%s", request->bearer ? request->bearer : "");
    buf_init(&call->sent, MIB);
    for (long n; (n = body_read(request->body, piece, sizeof(piece))) > 0;)
        buf_add(&call->sent, piece, (size_t)n);
    body_free(&call->request.body);
    if (ews) {
        s->ews_requests++;
        assert_non_null(request->bearer);
        assert_false(request->anonymous);
        assert_string_equal(request->anchor_mailbox, "ann@example.com");
    } else {
        s->token_requests++;
        assert_true(request->anonymous);
        assert_true(request->secret);
        assert_null(request->bearer);
        assert_null(request->anchor_mailbox);
        assert_string_equal(request->content_type, "application/x-www-form-urlencoded");
        snprintf(s->form, sizeof(s->form), "%s", buf_str(&call->sent));
    }
    call->next = s->calls;
    s->calls = call;
    call->timer = loop_timer_new(s->loop, on_timer, call);
    loop_timer_set(call->timer, ews ? 10 : s->delay_ms);
    return call;
}

static void take_log(enum log_level level, const char *line, void *arg)
{
    struct scene *s = arg;
    (void)level;
    buf_printf(&s->log, "%s\n", line);
}

static struct oauth_config config_of(void)
{
    return (struct oauth_config){.name = "main",
                                 .token_url = TOKEN_URL,
                                 .client_id = CLIENT,
                                 .secret = SECRET,
                                 .verify = true};
}

static void open_scene(struct scene *s, int64_t life_s)
{
    static const struct transport_ops ops = {start, call_free, NULL};
    struct err err;
    *s = (struct scene){.base = {&ops}, .delay_ms = 100};
    buf_init(&s->log, MIB);
    log_set_sink(take_log, s);
    log_set_level(LOG_LEVEL_DEBUG);
    s->loop = loop_virtual_new(clock_wall());
    const struct exchange_oauth_config server = {.tenant = "contoso.com",
                                                 .client_id = CLIENT,
                                                 .secret = SECRET,
                                                 .certificate = certificate_path,
                                                 .life_s = life_s};
    s->server = exchange_oauth_new(s->loop, &server, &err);
    assert_non_null(s->server);
}

static void open_oauth(struct scene *s, int64_t life_s)
{
    struct oauth_config config = config_of();
    struct err err;
    open_scene(s, life_s);
    s->oauth = oauth_new(s->loop, &s->base, &config, &err);
    assert_non_null(s->oauth);
}

static void open_account(struct scene *s, int64_t life_s)
{
    struct oauth_config oauth = config_of();
    struct err err;
    open_scene(s, life_s);
    const struct ews_config config = {
        .name = "main",
        .url = EWS_URL,
        .impersonate = true,
        .request_timeout_ms = 60000,
        .auth = {.auth = "oauth2", .user = CLIENT, .verify = true, .max_connections = 8},
        .oauth = &oauth};
    s->account = ews_account_new(s->loop, &s->base, &config, &err);
    assert_non_null(s->account);
    s->remote = ews_remote_new(s->account, "ann@example.com");
}

static void close_scene(struct scene *s)
{
    remote_free(&s->remote);
    ews_account_free(&s->account);
    oauth_free(&s->oauth);
    assert_null(s->calls);
    exchange_oauth_free(&s->server);
    log_set_sink(NULL, NULL);
    log_set_level(LOG_LEVEL_INFO);
    /* Whatever happened: neither a secret nor a token is in the log. */
    assert_null(strstr(buf_str(&s->log), "a secret"));
    assert_null(strstr(buf_str(&s->log), "eyJ0"));
    buf_clear(&s->log);
    loop_free(&s->loop);
}

static void on_told(const struct err *err, void *arg)
{
    struct waiter *w = arg;
    w->wait = NULL;
    w->told++;
    w->err = *err;
    if (w->cancels)
        oauth_wait_cancel(&w->cancels->wait);
}

static void wait_for(struct scene *s, struct waiter *w)
{
    *w = (struct waiter){.scene = s};
    w->wait = oauth_wait(s->oauth, on_told, w);
    assert_non_null(w->wait);
    assert_int_equal(w->told, 0);
}

static void fetch(struct scene *s)
{
    struct waiter w;
    wait_for(s, &w);
    loop_virtual_run(s->loop, s->delay_ms);
    assert_int_equal(w.told, 1);
    assert_int_equal(w.err.kind, ERR_OK);
}

/* ---- Renewal ------------------------------------------------------------------------------
 */

static void one_request_is_made_for_all_who_wait(void **state)
{
    (void)state;
    struct scene s;
    struct waiter w[5];
    long number;
    open_oauth(&s, 3600);
    assert_null(oauth_token(s.oauth, &number));
    for (int i = 0; i < 5; i++)
        wait_for(&s, &w[i]);
    w[1].cancels = &w[2];
    oauth_wait_cancel(&w[3].wait);
    loop_virtual_run(s.loop, 1000);
    assert_int_equal(s.token_requests, 1);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(w[i].told, i == 2 || i == 3 ? 0 : 1);
        assert_int_equal(w[i].err.kind, ERR_OK);
    }
    assert_non_null(oauth_token(s.oauth, &number));
    assert_non_null(strstr(s.form, "grant_type=client_credentials&client_id=" CLIENT));
    assert_non_null(strstr(s.form, "scope=https%3A%2F%2Foutlook.office365.com%2F.default"));
    assert_non_null(strstr(s.form, "client_secret=a%20secret%20%26%20more%3D1"));
    /* Who asks now need not wait for a request. */
    wait_for(&s, &w[0]);
    loop_virtual_run(s.loop, 0);
    assert_int_equal(w[0].told, 1);
    assert_int_equal(s.token_requests, 1);
    close_scene(&s);
}

static void a_token_is_renewed_ahead_of_its_end_while_the_old_one_serves(void **state)
{
    (void)state;
    static const struct {
        int64_t life_s, renew_s;
    } cases[] = {{3600, 2880}, {1200, 900}, {200, 160}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct scene s;
        long first, number;
        open_oauth(&s, cases[i].life_s);
        fetch(&s);
        assert_non_null(oauth_token(s.oauth, &first));
        loop_virtual_run(s.loop, cases[i].renew_s * 1000 - 1);
        assert_non_null(oauth_token(s.oauth, &number));
        assert_int_equal(s.token_requests, 1);
        loop_virtual_run(s.loop, 1);
        for (int n = 0; n < 10; n++) /* in the background, once */
            assert_non_null(oauth_token(s.oauth, &number));
        assert_int_equal(number, first);
        assert_int_equal(s.token_requests, 2);
        loop_virtual_run(s.loop, 100);
        assert_non_null(oauth_token(s.oauth, &number));
        assert_int_not_equal(number, first);
        assert_int_equal(s.token_requests, 2);
        close_scene(&s);
    }
}

static void an_idle_account_asks_for_nothing_and_an_ended_token_is_not_used(void **state)
{
    (void)state;
    struct scene s;
    long number;
    open_oauth(&s, 3600);
    fetch(&s);
    loop_virtual_run(s.loop, 3600 * 1000 - 1);
    assert_int_equal(s.token_requests, 1);
    loop_virtual_run(s.loop, 1);
    assert_null(oauth_token(s.oauth, &number));
    fetch(&s);
    assert_int_equal(s.token_requests, 2);
    close_scene(&s);
}

static void a_renewal_that_fails_leaves_the_old_token_and_backs_off(void **state)
{
    (void)state;
    struct scene s;
    long number;
    open_oauth(&s, 3600);
    fetch(&s);
    s.unreachable = true;
    loop_virtual_run(s.loop, 2880 * 1000);
    for (int second = 0; second < 700; second++) {
        assert_non_null(oauth_token(s.oauth, &number));
        loop_virtual_run(s.loop, 1000);
    }
    /* after 5, 10, 20, 40, 80, 160, 300 s */
    assert_in_range(s.token_requests, 7, 9);
    assert_non_null(strstr(buf_str(&s.log), "was not renewed"));
    s.unreachable = false;
    loop_virtual_run(s.loop, 300 * 1000);
    fetch(&s);
    assert_non_null(oauth_token(s.oauth, &number));
    close_scene(&s);
}

static void without_a_token_everybody_hears_why_and_nobody_storms(void **state)
{
    (void)state;
    struct scene s;
    struct waiter w;
    open_oauth(&s, 3600);
    exchange_oauth_set_fault(s.server, EXCHANGE_OAUTH_DOWN);
    wait_for(&s, &w);
    loop_virtual_run(s.loop, 100);
    assert_int_equal(w.err.kind, ERR_UNAVAILABLE);
    assert_int_equal(w.err.scope, ERR_SCOPE_ACCOUNT);
    assert_int_equal(w.err.effect, ERR_EFFECT_NONE);
    for (int i = 0; i < 50; i++) {
        wait_for(&s, &w);
        loop_virtual_run(s.loop, 100);
        assert_int_equal(w.told, 1);
        assert_int_equal(w.err.kind, ERR_UNAVAILABLE);
        assert_in_range(w.err.back_off_ms, 1, 7000);
    }
    assert_int_equal(s.token_requests, 1); /* Retry-After was 7 s, longer than our own 5 */
    exchange_oauth_set_fault(s.server, EXCHANGE_OAUTH_REFUSING);
    loop_virtual_run(s.loop, 2000);
    wait_for(&s, &w);
    loop_virtual_run(s.loop, 100);
    assert_int_equal(w.err.kind, ERR_DENIED);
    assert_string_equal(w.err.code, "invalid_client");
    assert_non_null(strstr(w.err.text, "has expired"));
    loop_virtual_run(s.loop, 10000);
    exchange_oauth_set_fault(s.server, EXCHANGE_OAUTH_STRANGE);
    wait_for(&s, &w);
    loop_virtual_run(s.loop, 100);
    assert_int_equal(w.err.kind, ERR_PROTOCOL);
    loop_virtual_run(s.loop, 20000);
    s.endless = true;
    wait_for(&s, &w);
    loop_virtual_run(s.loop, 100);
    assert_non_null(strstr(w.err.text, "no end"));
    loop_virtual_run(s.loop, 40000);
    s.endless = false;
    s.unreachable = true;
    wait_for(&s, &w);
    loop_virtual_run(s.loop, 100);
    assert_int_equal(w.err.kind, ERR_UNAVAILABLE);
    assert_non_null(strstr(w.err.text, TOKEN_URL));
    assert_int_equal(s.token_requests, 5);
    close_scene(&s);
}

static void a_request_under_way_ends_with_its_owner(void **state)
{
    (void)state;
    struct scene s;
    struct waiter w;
    open_oauth(&s, 3600);
    wait_for(&s, &w);
    oauth_wait_cancel(&w.wait);
    assert_null(w.wait);
    oauth_wait_cancel(&w.wait);
    oauth_free(&s.oauth);
    loop_virtual_run(s.loop, 1000);
    assert_int_equal(w.told, 0);
    close_scene(&s);
}

static void a_certificate_proves_it_without_a_secret(void **state)
{
    (void)state;
    struct scene s;
    struct oauth_config config = config_of();
    struct err err;
    open_scene(&s, 3600);
    config.secret = "";
    assert_null(oauth_new(s.loop, &s.base, &config, &err));
    assert_non_null(strstr(err.text, "client-secret-file"));
    config.certificate = certificate_path;
    config.key = key_path;
    s.oauth = oauth_new(s.loop, &s.base, &config, &err);
    assert_non_null(s.oauth);
    fetch(&s);
    assert_non_null(strstr(s.form, "client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3A"));
    assert_null(strstr(s.form, "client_secret"));
    /* The server takes each proof once: the next one is another. */
    loop_virtual_run(s.loop, 3600 * 1000);
    fetch(&s);
    assert_int_equal(exchange_oauth_issued(s.server), 2);
    close_scene(&s);
}

static void an_assertion_for_another_time_place_or_client_is_not_taken(void **state)
{
    (void)state;
    struct scene s;
    struct err err;
    open_scene(&s, 3600);
    struct oauth_key *key = oauth_key_load(certificate_path, key_path, loop_wall(s.loop), &err);
    static const char path[] = "/contoso.com/oauth2/v2.0/token";
    for (int i = 0; i < 6; i++) {
        struct oauth_claims claims = {CLIENT, TOKEN_URL, "id", loop_wall(s.loop)};
        char id[8];
        struct buf form;
        snprintf(id, sizeof(id), "id-%d", i);
        claims.id = id;
        if (i == 1)
            claims.client_id = "another";
        if (i == 2)
            claims.audience = "https://login.example.com/fabrikam.com/oauth2/v2.0/token";
        if (i == 3)
            claims.now.ms -= 3600 * 1000;
        if (i == 4)
            claims.now.ms += 3600 * 1000;
        buf_init(&form, MIB);
        buf_printf(&form, "grant_type=client_credentials&client_id=" CLIENT "&scope=x/.default"
                          "&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:"
                          "jwt-bearer&client_assertion=");
        assert_true(oauth_assertion(key, &claims, &form, &err));
        if (i == 5)
            form.data[form.len - 20] ^= 1; /* in the signature */
        struct exchange_oauth_answer answer;
        exchange_oauth_answer(s.server, path, buf_str(&form), form.len, &answer);
        if (answer.status != (i == 0 ? 200 : 401))
            fail_msg("%d: %s", i, answer.body);
        buf_clear(&form);
    }
    oauth_key_free(&key);
    close_scene(&s);
}

static void the_secret_goes_nowhere_without_tls(void **state)
{
    (void)state;
    struct scene s;
    struct err err;
    static const struct {
        const char *tenant, *url;
        bool ok;
    } cases[] = {
        {"contoso.com", NULL, true},
        {"72f988bf-86f1-41af-91ab-2d7cd011db47", NULL, true},
        {"contoso.com/../evil", NULL, false},
        {"", NULL, false},
        {NULL, NULL, false},
        {NULL, "https://sts.example.com/adfs/oauth2/token", true},
        {NULL, "http://sts.example.com/adfs/oauth2/token", false},
        {NULL, "http://127.0.0.1:80/token", true},
        {NULL, "http://[::1]:80/token", true},
        {NULL, "http://localhost:80/token", true},
        {NULL, "http://localhost.example.com/token", false},
        {NULL, "http://127.0.0.1@example.com/token", false},
        {NULL, "http://127.0.0.1.example.com/token", false},
        {NULL, "http://[::1].example.com/token", false},
    };
    open_scene(&s, 3600);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct oauth_config config = config_of();
        config.tenant = cases[i].tenant;
        config.token_url = cases[i].url;
        s.oauth = oauth_new(s.loop, &s.base, &config, &err);
        if ((s.oauth != NULL) != cases[i].ok)
            fail_msg("%s %s", cases[i].tenant ? cases[i].tenant : "-",
                     cases[i].url ? cases[i].url : "-");
        oauth_free(&s.oauth);
    }
    close_scene(&s);
}

/* ---- Requests with a token ----------------------------------------------------------------
 */

static void took_end(const struct err *err, void *arg)
{
    struct scene *s = arg;
    s->done++;
    s->err = *err;
}

static struct remote_call *remove_one(struct scene *s)
{
    return s->remote->ops->remove(s->remote, "item", took_end, s);
}

static void requests_carry_the_token_that_was_fetched_once(void **state)
{
    (void)state;
    struct scene s;
    open_account(&s, 3600);
    for (int i = 0; i < 3; i++)
        remove_one(&s);
    loop_virtual_run(s.loop, 5000);
    assert_int_equal(s.done, 3);
    assert_int_equal(s.err.kind, ERR_OK);
    assert_int_equal(s.token_requests, 1);
    assert_int_equal(s.ews_requests, 3);
    close_scene(&s);
}

static void a_token_refused_before_its_end_is_replaced_and_the_request_repeated(void **state)
{
    (void)state;
    struct scene s;
    char first[4096];
    open_account(&s, 3600);
    remove_one(&s);
    loop_virtual_run(s.loop, TIME_TOKEN_FRESH_MS + s.delay_ms);
    assert_int_equal(s.done, 1);
    snprintf(first, sizeof(first), "%s", s.ews_body);
    exchange_oauth_revoke(s.server);
    remove_one(&s);
    loop_virtual_run(s.loop, 5000);
    assert_int_equal(s.done, 2);
    assert_int_equal(s.err.kind, ERR_OK);
    assert_int_equal(s.ews_refused, 1);
    assert_int_equal(s.token_requests, 2);
    assert_int_equal(s.ews_requests, 3);
    assert_string_equal(s.ews_body, first); /* the whole body, again */
    close_scene(&s);
}

static void a_token_refused_at_once_is_an_error_and_no_storm(void **state)
{
    (void)state;
    struct scene s;
    open_account(&s, 3600);
    s.refuse_all = true;
    remove_one(&s);
    loop_virtual_run(s.loop, 1000);
    assert_int_equal(s.done, 1);
    assert_int_equal(s.err.kind, ERR_DENIED);
    assert_int_equal(s.err.scope, ERR_SCOPE_ACCOUNT);
    assert_int_equal(s.ews_requests, 1);
    for (int i = 0; i < 600; i++) {
        remove_one(&s);
        loop_virtual_run(s.loop, 100);
    }
    assert_in_range(s.token_requests, 1, 6); /* in a minute */
    assert_in_range(s.ews_requests, 1, 40);  /* the account slows down, too */
    close_scene(&s);
}

static void a_refused_token_is_explained(void **state)
{
    (void)state;
    struct scene s;
    open_account(&s, 3600);
    s.refuse_all = true;
    remove_one(&s);
    loop_virtual_run(s.loop, 1000);
    assert_int_equal(s.done, 1);
    assert_non_null(strstr(s.err.text, "full_access_as_app"));
    assert_non_null(strstr(s.err.text, "invalid_token"));
    assert_int_equal(s.ews_requests, 1);
    close_scene(&s);
}

static void a_request_without_a_token_fails_and_frees_its_place(void **state)
{
    (void)state;
    struct scene s;
    open_account(&s, 3600);
    exchange_oauth_set_fault(s.server, EXCHANGE_OAUTH_REFUSING);
    remove_one(&s);
    loop_virtual_run(s.loop, 1000);
    assert_int_equal(s.done, 1);
    assert_int_equal(s.err.kind, ERR_DENIED);
    assert_int_equal(s.err.scope, ERR_SCOPE_ACCOUNT);
    assert_int_equal(ews_account_in_flight(s.account), 0);
    assert_int_equal(s.ews_requests, 0);
    /* The account is not parked as for a password: once it is mended, requests flow again. */
    for (int i = 0; i < 20; i++) {
        remove_one(&s);
        loop_virtual_run(s.loop, 1000);
    }
    assert_int_equal(s.ews_requests, 0);
    assert_in_range(s.token_requests, 1, 6);
    exchange_oauth_set_fault(s.server, EXCHANGE_OAUTH_WELL);
    loop_virtual_run(s.loop, 120 * 1000);
    s.err.kind = ERR_OK;
    remove_one(&s);
    loop_virtual_run(s.loop, 1000);
    assert_int_equal(s.err.kind, ERR_OK);
    assert_true(s.ews_requests > 0);
    close_scene(&s);
}

static void a_request_given_up_while_it_waits_for_a_token_disturbs_nobody(void **state)
{
    (void)state;
    struct scene s;
    open_account(&s, 3600);
    struct remote *other = ews_remote_new(s.account, "ann@example.com");
    struct remote_call *call = remove_one(&s);
    other->ops->remove(other, "item", took_end, &s);
    loop_virtual_run(s.loop, 50);
    s.remote->ops->cancel(call);
    loop_virtual_run(s.loop, 5000);
    assert_int_equal(s.done, 1);
    assert_int_equal(s.err.kind, ERR_OK);
    assert_int_equal(s.ews_requests, 1);
    assert_int_equal(ews_account_in_flight(s.account), 0);
    remote_free(&other);
    close_scene(&s);
}

/* ---- What a 401 says -----------------------------------------------------------------------
 */

static void a_challenge_names_what_it_offers(void **state)
{
    (void)state;
    static const char iis[] = "Negotiate, NTLM, Basic realm=\"a, Bearer b\"";
    assert_true(challenge_offers(iis, "Negotiate"));
    assert_true(challenge_offers(iis, "ntlm"));
    assert_true(challenge_offers(iis, "Basic"));
    assert_false(challenge_offers(iis, "Bearer"));
    assert_false(challenge_offers("", "Basic"));
    assert_false(challenge_offers("Digest Basic=\"1\", basic=1", "Basic"));
    assert_true(challenge_offers("Bearer error=\"invalid_token\"", "Bearer"));
    assert_false(challenge_offers("Basic realm=\"\\\", NTLM", "NTLM"));
}

static void a_401_says_what_to_change(void **state)
{
    (void)state;
    static const struct {
        const char *auth, *challenge, *server, *word;
    } cases[] = {
        {"basic", "Negotiate, NTLM", "", "only NTLM, Negotiate"},
        {"ntlm", "Bearer x=1", "", "only Bearer"},
        {"basic", "Basic realm=\"x\"", "", "as it was"},
        {"ntlm", "", "", "as it was"},
        {"negotiate", "Negotiate", "", "SPN"},
        {"oauth2", "Bearer error=\"invalid_token\"", "", "(invalid_token)"},
        {"oauth2", "Bearer error=\"invalid_token\"",
         "x-ms-diagnostics=2000003;reason=\"The audience is\twrong\";error_category=\"x\"",
         "(The audience is wrong)"},
        {"oauth2", "", "", "full_access_as_app"},
        {"none", "Basic", "", "as it was"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct transport_reply reply = transport_reply_none();
        struct err err;
        err_set(&err, ERR_DENIED, "as it was");
        reply.challenge = cases[i].challenge;
        reply.server = cases[i].server;
        challenge_explain(&err, cases[i].auth, &reply);
        assert_int_equal(err.kind, ERR_DENIED);
        if (!strstr(err.text, cases[i].word))
            fail_msg("%zu: no '%s' in: %s", i, cases[i].word, err.text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_token_and_its_life_are_read),
        cmocka_unit_test(what_is_no_token_is_refused),
        cmocka_unit_test(each_refusal_names_its_remedy),
        cmocka_unit_test(a_key_that_cannot_prove_anything_is_refused_with_its_name),
        cmocka_unit_test(one_request_is_made_for_all_who_wait),
        cmocka_unit_test(a_token_is_renewed_ahead_of_its_end_while_the_old_one_serves),
        cmocka_unit_test(an_idle_account_asks_for_nothing_and_an_ended_token_is_not_used),
        cmocka_unit_test(a_renewal_that_fails_leaves_the_old_token_and_backs_off),
        cmocka_unit_test(without_a_token_everybody_hears_why_and_nobody_storms),
        cmocka_unit_test(a_request_under_way_ends_with_its_owner),
        cmocka_unit_test(a_certificate_proves_it_without_a_secret),
        cmocka_unit_test(an_assertion_for_another_time_place_or_client_is_not_taken),
        cmocka_unit_test(the_secret_goes_nowhere_without_tls),
        cmocka_unit_test(requests_carry_the_token_that_was_fetched_once),
        cmocka_unit_test(a_token_refused_before_its_end_is_replaced_and_the_request_repeated),
        cmocka_unit_test(a_token_refused_at_once_is_an_error_and_no_storm),
        cmocka_unit_test(a_refused_token_is_explained),
        cmocka_unit_test(a_request_without_a_token_fails_and_frees_its_place),
        cmocka_unit_test(a_request_given_up_while_it_waits_for_a_token_disturbs_nobody),
        cmocka_unit_test(a_challenge_names_what_it_offers),
        cmocka_unit_test(a_401_says_what_to_change),
    };
    return cmocka_run_group_tests(tests, make_files, remove_files);
}
