#include "admin/web.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "admin/metrics.h"
#include "admin/status.h"
#include "base/file.h"

enum { PASSWORD_MAX = 256, METRICS_MAX = 64 * 1024 * 1024 };

#define METRICS_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define TEXT_TYPE    "text/plain; charset=utf-8"
#define USER         "admin:"

struct web {
    struct web_config config;
    char expected[(sizeof USER + PASSWORD_MAX) * 4 / 3 +
                  16]; /* "Basic …"; "": nobody is asked */
};

static void answer(struct http_request **request, int status, const char *text)
{
    http_reply(request, status, TEXT_TYPE, text, strlen(text));
}

/* The time that it takes says nothing of the password. */
static bool is_allowed(const struct web *web, const struct http_request *request)
{
    const char *given = http_header(request, "Authorization");
    size_t len = strlen(web->expected);

    if (!web->expected[0])
        return true;
    return given && strlen(given) == len && CRYPTO_memcmp(given, web->expected, len) == 0;
}

static void metrics(struct web *web, struct http_request **request)
{
    json_t *status = NULL;
    struct buf out;
    struct err err;

    bool runs = daemon_read(web->config.config->node.state_dir, &status);
    buf_init(&out, METRICS_MAX);
    if (metrics_write(web->config.store, web->config.config, runs ? status : NULL, &out,
                      &err)) {
        http_reply(request, 200, METRICS_TYPE, out.data, out.len);
    } else {
        log_warning(web->config.log, "metrics: %s", err.text);
        answer(request, 500, "the figures cannot be read; the log says why\n");
    }
    buf_clear(&out);
    json_decref(status);
}

static void count(const struct web *web, const char *counter)
{
    if (web->config.count)
        web->config.count(counter, 1, web->config.arg);
}

void web_handle(struct http_request *request, void *arg)
{
    struct web *web = arg;
    const char *path = http_path(request);
    bool get = strcmp(http_method(request), "GET") == 0;

    count(web, "requests");
    if (!get) {
        http_reply_header(request, "Allow", "GET");
        answer(&request, 405, "only GET is answered here\n");
    } else if (strcmp(path, "/health/live") == 0) {
        answer(&request, 200, "live\n");
    } else if (!is_allowed(web, request)) {
        count(web, "refused");
        http_reply_header(request, "WWW-Authenticate",
                          "Basic realm=\"sib\", charset=\"UTF-8\"");
        answer(&request, 401, "user admin, with the password of [admin] password-file\n");
    } else if (strcmp(path, "/metrics") == 0) {
        metrics(web, &request);
    } else {
        answer(&request, 404, "there is /metrics and /health/live\n");
    }
}

static bool read_password(struct web *web, struct err *err)
{
    const char *path = web->config.config->admin.password_file;
    char plain[sizeof USER + PASSWORD_MAX];
    struct buf password;

    if (!path)
        return true;
    buf_init(&password, PASSWORD_MAX);
    bool ok = file_read_secret(path, &password, err);
    if (ok) {
        int len = snprintf(plain, sizeof plain, USER "%s", buf_str(&password));
        memcpy(web->expected, "Basic ", 6);
        EVP_EncodeBlock((unsigned char *)web->expected + 6, (unsigned char *)plain, len);
        OPENSSL_cleanse(plain, sizeof plain);
    }
    buf_clear(&password);
    return ok || err_prefix(err, "%s: [admin] ", web->config.config->path);
}

struct web *web_new(const struct web_config *config, struct err *err)
{
    struct web *web = calloc(1, sizeof *web);

    if (!web) {
        err_set(err, ERR_SYSTEM, "out of memory");
        return NULL;
    }
    web->config = *config;
    if (!read_password(web, err))
        web_free(&web);
    return web;
}

void web_free(struct web **web)
{
    if (*web)
        OPENSSL_cleanse((*web)->expected, sizeof(*web)->expected);
    free(*web);
    *web = NULL;
}
