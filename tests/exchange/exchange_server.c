#include "tests/exchange/exchange_server.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/http.h"
#include "base/limits.h"
#include "base/log.h"
#include "tests/exchange/exchange_private.h"
#include "tests/exchange/exchange_stream.h"
#include "tests/exchange/exchange_user.h"

enum { EXPECT_MS = 1000, DOOMED_MAX = 64, LARGE_BYTES = 1024 * 1024 };

struct exchange_server {
    struct loop *loop;
    struct exchange *ex;
    const struct exchange_server_config *config;
    struct http_server *http;
    struct held *held;
    long dumped;
    unsigned long doomed[DOOMED_MAX]; /* connections that had a large body */
    int next_doomed;
};

/* A request that is kept back before it is executed (request), or its answer afterwards. */
struct held {
    struct held *next;
    struct exchange_server *server;
    struct http_request *http;
    struct exchange_request *request;
    struct exchange_answer answer;
    char location[512]; /* of a redirect; "": none */
    struct loop_timer *timer;
};

static void free_held(struct held *held)
{
    for (struct held **at = &held->server->held; *at; at = &(*at)->next)
        if (*at == held) {
            *at = held->next;
            break;
        }
    loop_timer_free(&held->timer);
    exchange_request_free(&held->request);
    exchange_answer_clear(&held->answer);
    free(held);
}

static void reply(struct http_request **http, const struct exchange_answer *answer)
{
    char seconds[24];
    if (answer->dropped) {
        http_drop(http);
        return;
    }
    if (answer->retry_after_ms >= 0) {
        snprintf(seconds, sizeof seconds, "%ld", (long)((answer->retry_after_ms + 999) / 1000));
        http_reply_header(*http, "Retry-After", seconds);
    }
    if (answer->status == 401)
        http_reply_header(*http, "WWW-Authenticate", "Basic realm=\"stand-in for Exchange\"");
    http_reply(http, answer->status, answer->type && answer->type[0] ? answer->type : NULL,
               buf_str(&answer->body), answer->body.len);
}

/* A stream goes on until it ends, or its client has gone. */
static void on_stream(enum exchange_stream_word word, const char *bytes, size_t len, void *arg)
{
    struct held *held = arg;
    bool there = http_reply_piece(held->http, bytes, len);
    if (there && word == EXCHANGE_STREAM_BYTES)
        return;
    if (word == EXCHANGE_STREAM_CUT)
        http_drop(&held->http);
    else
        http_reply_end(&held->http);
    free_held(held);
}

static void finish(struct held *held)
{
    struct exchange_answer *answer = &held->answer;
    if (!answer->stream || answer->dropped) {
        reply(&held->http, answer);
        free_held(held);
        return;
    }
    http_reply_begin(held->http, answer->status, answer->type);
    http_reply_piece(held->http, buf_str(&answer->body), answer->body.len);
    exchange_stream_attach(answer->stream, on_stream, held);
}

static void on_held(void *arg);

/* The other server takes a second until it says that the body may come. */
static int64_t expect_ms(const struct held *held)
{
    return held->server->ex->flavour == FLAVOUR_GROMOX && http_header(held->http, "Expect")
               ? EXPECT_MS
               : 0;
}

static void execute(struct held *held)
{
    exchange_request_end(&held->request, &held->answer);
    int64_t wait = held->server->config->latency_ms + held->answer.delay_ms + expect_ms(held);
    if (wait > 0) {
        loop_timer_set(held->timer, wait);
        return;
    }
    finish(held);
}

static void on_held(void *arg)
{
    struct held *held = arg;
    if (held->request) {
        execute(held);
        return;
    }
    if (held->location[0])
        http_reply_header(held->http, "Location", held->location);
    finish(held);
}

static void reply_text(struct http_request *http, int status, const char *text)
{
    http_reply(&http, status, "text/plain", text, strlen(text));
}

/* "Basic dXNlcjpwYXNz" taken apart. */
static bool read_login(const char *header, char *user, size_t user_size, char *password,
                       size_t password_size)
{
    unsigned char text[768] = "";
    if (!header || strncasecmp(header, "Basic ", 6) != 0 || strlen(header) > 900)
        return false;
    header += 6;
    int len = EVP_DecodeBlock(text, (const unsigned char *)header, (int)strlen(header));
    if (len < 0 || len >= (int)sizeof text)
        return false;
    text[len] = '\0';
    char *colon = strchr((char *)text, ':');
    if (!colon)
        return false;
    snprintf(user, user_size, "%.*s", (int)(colon - (char *)text), (char *)text);
    snprintf(password, password_size, "%s", colon + 1);
    return true;
}

static void dump(struct exchange_server *server, const void *body, size_t len)
{
    char path[LIMIT_PATH];
    struct err err;
    if (!server->config->dump_dir)
        return;
    snprintf(path, sizeof path, "%s/%06ld.xml", server->config->dump_dir, ++server->dumped);
    if (!file_replace(path, body, len, 0600, &err))
        log_warning(NULL, "cannot dump a request reason=\"%s\"", err.text);
}

/* The other server is done with a connection after a large body, and does not say so: who sends
 * one more request there gets no answer, and it is not executed. */
static bool is_doomed(struct exchange_server *server, const struct http_request *http,
                      size_t len)
{
    unsigned long connection = http_connection(http);
    if (server->ex->flavour != FLAVOUR_GROMOX)
        return false;
    for (int i = 0; i < DOOMED_MAX; i++)
        if (server->doomed[i] == connection)
            return true;
    if (len > LARGE_BYTES)
        server->doomed[server->next_doomed++ % DOOMED_MAX] = connection;
    return false;
}

/* Who it is; NULL: a refusal was sent. */
static const char *log_in(struct exchange_server *server, struct http_request *http, char *user,
                          size_t size)
{
    char password[256];
    struct exchange_auth *auth = server->config->auth;
    if (auth)
        return exchange_auth_user(auth, http);
    if (read_login(http_header(http, "Authorization"), user, size, password, sizeof password) &&
        exchange_may_log_in(server->ex, user, password))
        return user;
    const struct exchange_answer refused = {.status = 401, .retry_after_ms = -1};
    reply(&http, &refused);
    return NULL;
}

static void handle_autodiscover(struct exchange_server *server, struct http_request *http)
{
    static const struct ex_autodiscover well = {0};
    const struct ex_autodiscover *how = server->config->autodiscover;
    const char *host = http_header(http, "Host");
    struct ex_autodiscover_answer answer;
    char user[256], url[512];
    size_t len;
    const void *body = http_body(http, &len);
    if (!log_in(server, http, user, sizeof user))
        return;
    struct held *held = calloc(1, sizeof *held);
    if (!held) {
        reply_text(http, 500, "no memory\n");
        return;
    }
    snprintf(url, sizeof url, "http%s://%s/EWS/Exchange.asmx",
             server->config->certificate ? "s" : "", host ? host : "localhost");
    ex_autodiscover_answer(how ? how : &well, host ? host : "localhost", http_path(http), url,
                           body, len, &answer);
    held->answer = (struct exchange_answer){.status = answer.status,
                                            .type = answer.type,
                                            .body = answer.body,
                                            .retry_after_ms = -1};
    snprintf(held->location, sizeof held->location, "%s", answer.location);
    held->server = server;
    held->http = http;
    held->timer = loop_timer_new(server->loop, on_held, held);
    held->next = server->held;
    server->held = held;
    loop_timer_set(held->timer, server->config->latency_ms + answer.delay_ms);
}

static void handle_ews(struct exchange_server *server, struct http_request *http)
{
    char user[256];
    size_t len;
    const void *body = http_body(http, &len);
    if (is_doomed(server, http, len)) {
        http_drop(&http);
        return;
    }
    if (server->ex->flavour == FLAVOUR_GROMOX && http_header(http, "Transfer-Encoding")) {
        reply_text(http, 400, "no chunks\n");
        return;
    }
    const char *who = log_in(server, http, user, sizeof user);
    if (!who)
        return;
    struct held *held = calloc(1, sizeof *held);
    if (held)
        held->request = exchange_request_new(server->ex, who);
    if (!held || !held->request) {
        free(held);
        reply_text(http, 500, "no memory\n");
        return;
    }
    dump(server, body, len);
    held->server = server;
    held->http = http;
    held->timer = loop_timer_new(server->loop, on_held, held);
    held->next = server->held;
    server->held = held;
    exchange_request_feed(held->request, body, len);
    if (http_header(http, "Host"))
        exchange_request_at(held->request, http_header(http, "Host"));
    int64_t late = exchange_request_late(held->request);
    if (late > 0)
        loop_timer_set(held->timer, late);
    else
        execute(held);
}

static void handle_user(struct exchange_server *server, struct http_request *http)
{
    struct buf answer;
    size_t len;
    const void *body = http_body(http, &len);
    buf_init(&answer, EXCHANGE_ANSWER_MAX);
    int status = exchange_user_http(server->ex, body, len, &answer);
    http_reply(&http, status, "application/json", buf_str(&answer), answer.len);
    buf_clear(&answer);
}

static void handle(struct http_request *http, void *arg)
{
    struct exchange_server *server = arg;
    const char *path = http_path(http);
    bool ews = !strcasecmp(path, "/EWS/Exchange.asmx"), user = !strcmp(path, "/user");
    if (server->config->auth && exchange_auth_takes(server->config->auth, http))
        return;
    if (ex_autodiscover_path(path) && !strcmp(http_method(http), "POST"))
        handle_autodiscover(server, http);
    else if (!ews && !user)
        reply_text(http, 404, "EWS is at /EWS/Exchange.asmx\n");
    else if (strcmp(http_method(http), "POST") != 0)
        reply_text(http, 405, "POST only\n");
    else if (ews)
        handle_ews(server, http);
    else
        handle_user(server, http);
}

struct exchange_server *exchange_server_new(struct loop *loop, struct exchange *ex,
                                            const struct exchange_server_config *config,
                                            struct err *err)
{
    struct exchange_server *server = calloc(1, sizeof *server);
    const struct http_config http = {.listen = config->listen,
                                     .certificate = config->certificate,
                                     .key = config->key,
                                     .max_header_bytes = 64 * KIB,
                                     .max_body_bytes = EXCHANGE_REQUEST_MAX,
                                     .max_connections = 1024,
                                     .timeout_s = 300};
    if (!server) {
        err_set(err, ERR_SYSTEM, "no memory for the server");
        return NULL;
    }
    server->loop = loop;
    server->ex = ex;
    server->config = config;
    if (!config->dump_dir || file_make_dirs(config->dump_dir, 0700, err))
        server->http = http_server_new(loop, &http, handle, server, err);
    if (!server->http)
        exchange_server_free(&server);
    return server;
}

int exchange_server_port(const struct exchange_server *server)
{
    return http_server_port(server->http);
}

void exchange_server_free(struct exchange_server **server)
{
    if (!*server)
        return;
    http_server_free(&(*server)->http);
    for (struct held *held = (*server)->held, *next; held; held = next) {
        next = held->next;
        if (held->http)
            http_drop(&held->http);
        free_held(held);
    }
    free(*server);
    *server = NULL;
}
