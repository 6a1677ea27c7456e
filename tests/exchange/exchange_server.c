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
#include "tests/exchange/exchange_user.h"

struct exchange_server {
    struct loop *loop;
    struct exchange *ex;
    const struct exchange_server_config *config;
    struct http_server *http;
    struct held *held;
    long dumped;
};

/* A request that is kept back before it is executed (request), or its answer afterwards. */
struct held {
    struct held *next;
    struct exchange_server *server;
    struct http_request *http;
    struct exchange_request *request;
    struct exchange_answer answer;
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

static void on_held(void *arg);

static void execute(struct held *held)
{
    exchange_request_end(&held->request, &held->answer);
    int64_t wait = held->server->config->latency_ms + held->answer.delay_ms;
    if (wait > 0) {
        loop_timer_set(held->timer, wait);
        return;
    }
    reply(&held->http, &held->answer);
    free_held(held);
}

static void on_held(void *arg)
{
    struct held *held = arg;
    if (held->request) {
        execute(held);
        return;
    }
    reply(&held->http, &held->answer);
    free_held(held);
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

static void handle_ews(struct exchange_server *server, struct http_request *http)
{
    char user[256], password[256];
    size_t len;
    const void *body = http_body(http, &len);
    if (!read_login(http_header(http, "Authorization"), user, sizeof user, password,
                    sizeof password) ||
        !exchange_may_log_in(server->ex, user, password)) {
        const struct exchange_answer refused = {.status = 401, .retry_after_ms = -1};
        reply(&http, &refused);
        return;
    }
    struct held *held = calloc(1, sizeof *held);
    if (held)
        held->request = exchange_request_new(server->ex, user);
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
    if (!ews && !user)
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
