/* A small HTTP and HTTPS server on the loop, over libevent: the callback listener, the
 * administration interface and the stand-in for Exchange stand on it.
 *
 * Every limit is given at birth: header and body bytes, connections, time for a whole request.
 * Callbacks: `handler` runs once a request is complete; it, or anybody later, must answer
 * exactly once with http_reply (which ends the request object). When the client goes away
 * first, the request object stays valid until http_reply, which then does nothing. */
#ifndef SIB_BASE_HTTP_H
#define SIB_BASE_HTTP_H

#include <stddef.h>

#include "base/loop.h"

struct http_server;
struct http_request;

struct http_config {
    const char *listen;      /* "127.0.0.1:8080", "[::1]:0"; port 0: any free one */
    const char *certificate; /* PEM chain; NULL: plain HTTP */
    const char *key;         /* PEM */
    long max_header_bytes, max_body_bytes;
    int max_connections;
    int timeout_s; /* for a whole request to arrive, and for idle connections */
};

typedef void http_handler_fn(struct http_request *request, void *arg);

struct http_server *http_server_new(struct loop *loop, const struct http_config *config,
                                    http_handler_fn *handler, void *arg, struct err *err);
int http_server_port(const struct http_server *server);
/* Stops accepting and closes; requests not yet answered are forgotten (http_reply is a no-op).
 */
void http_server_free(struct http_server **server);

/* Borrowed, valid until http_reply. */
const char *http_method(const struct http_request *request);
const char *http_path(const struct http_request *request); /* with the query, as sent */
const char *http_header(const struct http_request *request,
                        const char *name); /* NULL if absent */
const char *http_peer(const struct http_request *request);
const void *http_body(const struct http_request *request, size_t *len);

void http_reply(struct http_request **request, int status, const char *content_type,
                const void *body, size_t len);
/* An extra header for the coming reply. */
void http_reply_header(struct http_request *request, const char *name, const char *value);
/* Close the connection without any answer: as a server that died would (tests). */
void http_drop(struct http_request **request);

#endif
