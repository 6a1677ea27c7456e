/* A small HTTP and HTTPS server on the system's loop: the callback listener, the administration
 * interface and the stand-in for Exchange stand on it.
 *
 * Every limit is given at birth: header and body bytes, connections, time for a whole request.
 * When all places for connections are taken, one that matters least is closed for a new one
 * (http_places.h). A request whose end is a matter of opinion is refused (http_parse.h); so is
 * what is too long, as soon as that can be seen.
 * Callbacks: `handler` runs once a request is complete; it, or anybody later, must answer
 * exactly once with http_reply (which ends the request object). When the client goes away
 * first, the request object stays valid until http_reply, which then does nothing. `head`, when
 * there is one, runs before that, once the header is complete and before any of the body is
 * taken: it may answer with http_reply at once, then no body is taken, `handler` does not run
 * and the connection is closed after the answer. It must not free the server. */
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
    /* Bodies of all requests not answered yet; the oldest that is incomplete gives way.
     * 0: no bound but that of each. */
    long max_held_bytes;
    void (*head)(struct http_request **request, void *arg); /* may be NULL */
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
/* The connection's number within its server; no other ever has it. */
unsigned long http_connection(const struct http_request *request);
const void *http_body(const struct http_request *request, size_t *len);

void http_reply(struct http_request **request, int status, const char *content_type,
                const void *body, size_t len);
/* An extra header for the coming reply. "Connection: close" closes after it. */
void http_reply_header(struct http_request *request, const char *name, const char *value);
/* An answer that goes on, in pieces (chunks), until its end; the request stays the caller's.
 * False: the client has gone, or does not take what it is given; end it. To break it off in the
 * middle: http_drop. */
void http_reply_begin(struct http_request *request, int status, const char *content_type);
bool http_reply_piece(struct http_request *request, const void *bytes, size_t len);
void http_reply_end(struct http_request **request);
/* Close the connection without any answer: as a server that died would (tests). */
void http_drop(struct http_request **request);

#endif
