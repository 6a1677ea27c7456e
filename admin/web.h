/* What is answered over HTTP: GET /metrics and GET /health/live.
 *
 * With [admin] password-file every path but /health/live asks for HTTP Basic (user admin).
 * Ownership: borrows its configuration. Callbacks: web_handle is a handler of base/http.h. */
#ifndef SIB_ADMIN_WEB_H
#define SIB_ADMIN_WEB_H

#include "base/config.h"
#include "base/http.h"
#include "base/log.h"
#include "store/store.h"

struct web;

struct web_config {
    struct store *store;
    const struct config *config;
    const struct log_ctx *log;
    void (*count)(const char *counter, long add, void *arg); /* may be NULL */
    void *arg;
};

/* NULL: the password file cannot be read, or there is no memory. */
struct web *web_new(const struct web_config *config, struct err *err);
void web_free(struct web **web);

void web_handle(struct http_request *request, void *web);

#endif
