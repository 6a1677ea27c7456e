/* The HTTP server of http.h over libevent's evhttp.
 *
 * evhttp knows limits on headers and bodies, but its time-outs run anew with each byte, and it
 * neither counts connections nor says when one ends before its first request. So each
 * connection has a record of ours: made in the bufferevent callback (which runs for each
 * accept), tied to evhttp's own connection one turn later ("adopted"), and ended by evhttp's
 * close callback. The record carries the one deadline of the connection:
 *
 *     IDLE --first byte--> ARRIVING --complete--> HANDLING --http_reply--> REPLYING
 * --written--. ^  deadline           deadline            none          a stalled write only |
 *       `--------------------------------------------------------------------------------------'
 *
 * Nothing is read while a request is handled or answered: evhttp ends the process when bytes
 * come in then, and takes a client's half-close for its end. A struct http_request copies what
 * the handler may ask for, so it needs neither connection nor server to stay valid. */
#include "base/http.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/http_listen.h"
#include "base/log.h"

enum conn_phase { CONN_IDLE, CONN_ARRIVING, CONN_HANDLING, CONN_REPLYING };

struct http_conn {
    TAILQ_ENTRY(http_conn) link;
    struct http_server *server;
    struct bufferevent *bev;
    struct evhttp_connection
        *evcon;                   /* NULL: not adopted yet; then we hold a reference to bev */
    struct http_request *request; /* not answered yet */
    struct loop_timer *deadline;
    enum conn_phase phase;
    bool doomed; /* to be closed at the next turn */
};

struct http_server {
    struct loop *loop;
    struct evhttp *evhttp;
    struct evconnlistener *listener;
    struct loop_timer *turn;   /* adopts and closes, outside evhttp's callbacks */
    struct loop_timer *resume; /* accept again after running out of descriptors */
    SSL_CTX *tls;
    TAILQ_HEAD(, http_conn) conns;
    int count, max_connections, port;
    int64_t timeout_ms;
    long max_header_bytes, max_body_bytes;
    http_handler_fn *handler;
    void *arg;
};

struct http_request {
    struct http_conn *conn;        /* NULL: gone */
    struct evhttp_request *evhttp; /* NULL: gone */
    const char *method;
    char *path, *peer;
    struct evkeyvalq headers;
    struct evbuffer *body;
};

/* ---- requests ---- */

static void request_free(struct http_request *request)
{
    if (request->conn)
        request->conn->request = NULL;
    evhttp_clear_headers(&request->headers);
    if (request->body)
        evbuffer_free(request->body);
    free(request->path);
    free(request->peer);
    free(request);
}

static const char *method_name(enum evhttp_cmd_type type)
{
    switch (type) {
    case EVHTTP_REQ_GET: return "GET";
    case EVHTTP_REQ_POST: return "POST";
    case EVHTTP_REQ_HEAD: return "HEAD";
    case EVHTTP_REQ_PUT: return "PUT";
    case EVHTTP_REQ_DELETE: return "DELETE";
    default: return "";
    }
}

static struct http_request *request_new(struct http_conn *conn, struct evhttp_request *evhttp)
{
    struct http_request *request = calloc(1, sizeof *request);
    if (!request)
        return NULL;
    char *peer = NULL;
    ev_uint16_t port = 0;
    evhttp_connection_get_peer(conn->evcon, &peer, &port);
    TAILQ_INIT(&request->headers);
    request->method = method_name(evhttp_request_get_command(evhttp));
    request->path = strdup(evhttp_request_get_uri(evhttp));
    request->peer = strdup(peer ? peer : "");
    request->body = evbuffer_new();
    bool ok = request->path && request->peer && request->body;
    if (ok)
        ok = evbuffer_add_buffer(request->body, evhttp_request_get_input_buffer(evhttp)) == 0;
    const struct evkeyval *header;
    TAILQ_FOREACH(header, evhttp_request_get_input_headers(evhttp), next)
    ok = ok && evhttp_add_header(&request->headers, header->key, header->value) == 0;
    if (!ok) {
        request_free(request);
        return NULL;
    }
    request->conn = conn;
    request->evhttp = evhttp;
    conn->request = request;
    return request;
}

const char *http_method(const struct http_request *request)
{
    return request->method;
}

const char *http_path(const struct http_request *request)
{
    return request->path;
}

const char *http_header(const struct http_request *request, const char *name)
{
    return evhttp_find_header(&request->headers, name);
}

const char *http_peer(const struct http_request *request)
{
    return request->peer;
}

const void *http_body(const struct http_request *request, size_t *len)
{
    *len = evbuffer_get_length(request->body);
    return *len ? evbuffer_pullup(request->body, -1) : (const void *)"";
}

/* ---- connections ---- */

static void schedule_turn(struct http_server *server)
{
    if (!loop_timer_is_set(server->turn))
        loop_timer_set(server->turn, 0);
}

static void input_changed(struct evbuffer *input, const struct evbuffer_cb_info *info,
                          void *arg)
{
    (void)input;
    struct http_conn *conn = arg;
    if (info->n_added == 0 || conn->phase != CONN_IDLE)
        return;
    conn->phase = CONN_ARRIVING;
    loop_timer_set(conn->deadline, conn->server->timeout_ms);
}

static void conn_free(struct http_conn *conn)
{
    struct http_server *server = conn->server;
    if (conn->request) {
        conn->request->conn = NULL;
        conn->request->evhttp = NULL;
    }
    evbuffer_remove_cb(bufferevent_get_input(conn->bev), input_changed, conn);
    if (!conn->evcon)
        bufferevent_decref(conn->bev);
    loop_timer_free(&conn->deadline);
    TAILQ_REMOVE(&server->conns, conn, link);
    server->count--;
    free(conn);
}

static void conn_closed(struct evhttp_connection *evcon, void *arg)
{
    (void)evcon;
    conn_free(arg);
}

/* Tie the record to evhttp's connection, which is the argument of the callbacks that evhttp has
 * put on our bufferevent. No callbacks: it was closed before we came to it. */
static bool conn_adopt(struct http_conn *conn)
{
    if (conn->evcon)
        return true;
    bufferevent_event_cb event_cb = NULL;
    void *arg = NULL;
    bufferevent_getcb(conn->bev, NULL, NULL, &event_cb, &arg);
    if (!event_cb || !arg) {
        conn_free(conn);
        return false;
    }
    conn->evcon = arg;
    evhttp_connection_set_closecb(conn->evcon, conn_closed, conn);
    const struct timeval stall = {.tv_sec = (time_t)(conn->server->timeout_ms / 1000)};
    bufferevent_set_timeouts(conn->bev, NULL, &stall);
    bufferevent_decref(conn->bev);
    return true;
}

static void run_turn(void *arg)
{
    struct http_server *server = arg;
    struct http_conn *next;
    for (struct http_conn *conn = TAILQ_FIRST(&server->conns); conn; conn = next) {
        next = TAILQ_NEXT(conn, link);
        if (conn_adopt(conn) && conn->doomed)
            evhttp_connection_free(conn->evcon); /* ends in conn_closed */
    }
}

static void deadline_passed(void *arg)
{
    struct http_conn *conn = arg;
    if (conn_adopt(conn))
        evhttp_connection_free(conn->evcon);
}

static struct bufferevent *bufferevent_for(struct http_server *server, bool doomed)
{
    struct event_base *base = loop_event_base(server->loop);
    SSL *tls = server->tls && !doomed ? SSL_new(server->tls) : NULL;
    if (!tls)
        return bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
    struct bufferevent *bev = bufferevent_openssl_socket_new(
        base, -1, tls, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
    if (bev)
        bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
    else
        SSL_free(tls);
    return bev;
}

/* evhttp's callback for each accepted connection. */
static struct bufferevent *conn_new(struct event_base *base, void *arg)
{
    (void)base;
    struct http_server *server = arg;
    struct http_conn *conn = calloc(1, sizeof *conn);
    if (!conn)
        return NULL;
    conn->doomed = server->count >= server->max_connections;
    conn->server = server;
    conn->bev = bufferevent_for(server, conn->doomed);
    conn->deadline = loop_timer_new(server->loop, deadline_passed, conn);
    if (!conn->bev || !conn->deadline) {
        loop_timer_free(&conn->deadline);
        if (conn->bev)
            bufferevent_free(conn->bev);
        free(conn);
        return NULL;
    }
    bool tls_failed = server->tls && !bufferevent_openssl_get_ssl(conn->bev);
    conn->doomed = conn->doomed || tls_failed; /* never plain text where TLS was promised */
    bufferevent_incref(conn->bev);
    bufferevent_setwatermark(conn->bev, EV_READ, 0,
                             (size_t)(server->max_header_bytes + server->max_body_bytes) +
                                 4096);
    evbuffer_add_cb(bufferevent_get_input(conn->bev), input_changed, conn);
    loop_timer_set(conn->deadline, server->timeout_ms);
    TAILQ_INSERT_TAIL(&server->conns, conn, link);
    server->count++;
    schedule_turn(server);
    return conn->bev;
}

/* ---- handling ---- */

static struct http_conn *conn_of(struct http_server *server, struct evhttp_request *evhttp)
{
    struct evhttp_connection *evcon = evhttp_request_get_connection(evhttp);
    const struct bufferevent *bev = evhttp_connection_get_bufferevent(evcon);
    struct http_conn *conn;
    TAILQ_FOREACH(conn, &server->conns, link)
    if (conn->bev == bev)
        return conn_adopt(conn) ? conn : NULL;
    return NULL;
}

/* What evhttp lets through although two readers could disagree about where the request ends. */
static int refused_status(const struct http_server *server, struct evhttp_request *evhttp)
{
    const struct evkeyvalq *headers = evhttp_request_get_input_headers(evhttp);
    const char *encoding = evhttp_find_header(headers, "Transfer-Encoding");
    const char *length = evhttp_find_header(headers, "Content-Length");
    int lengths = 0;
    const struct evkeyval *header;
    TAILQ_FOREACH(header, headers, next)
    lengths += strcasecmp(header->key, "Content-Length") == 0;
    if (lengths > 1 || (encoding && (length || strcasecmp(encoding, "chunked") != 0)))
        return 400;
    long long bytes = length ? strtoll(length, NULL, 10) : 0;
    if (bytes > server->max_body_bytes)
        return 413;
    enum evhttp_cmd_type type = evhttp_request_get_command(evhttp);
    bool may_have_body = type == EVHTTP_REQ_POST || type == EVHTTP_REQ_PUT;
    return !may_have_body && (bytes != 0 || encoding) ? 400 : 0;
}

static void reply_written(struct evhttp_request *evhttp, void *arg)
{
    struct http_server *server = arg;
    struct http_conn *conn = conn_of(server, evhttp);
    if (!conn)
        return;
    bool more = evbuffer_get_length(bufferevent_get_input(conn->bev)) > 0;
    conn->phase = more ? CONN_ARRIVING : CONN_IDLE;
    loop_timer_set(conn->deadline, server->timeout_ms);
}

static void request_complete(struct evhttp_request *evhttp, void *arg)
{
    struct http_server *server = arg;
    struct http_conn *conn = conn_of(server, evhttp);
    int refused = refused_status(server, evhttp);
    struct http_request *request =
        conn && !conn->doomed && !refused ? request_new(conn, evhttp) : NULL;
    if (!request) { /* an error page closes the connection */
        evhttp_send_error(evhttp, refused ? refused : HTTP_SERVUNAVAIL, NULL);
        return;
    }
    conn->phase = CONN_HANDLING;
    loop_timer_stop(conn->deadline);
    bufferevent_disable(conn->bev, EV_READ);
    evhttp_request_set_on_complete_cb(evhttp, reply_written, server);
    server->handler(request, server->arg);
}

void http_reply(struct http_request **request, int status, const char *content_type,
                const void *body, size_t len)
{
    struct http_request *done = *request;
    *request = NULL;
    struct http_conn *conn = done->conn;
    if (conn) {
        struct evkeyvalq *headers = evhttp_request_get_output_headers(done->evhttp);
        if (content_type)
            evhttp_add_header(headers, "Content-Type", content_type);
        struct evbuffer *bytes = evbuffer_new();
        bool ok = bytes && (len == 0 || evbuffer_add(bytes, body, len) == 0);
        conn->phase = CONN_REPLYING;
        if (ok)
            evhttp_send_reply(done->evhttp, status, NULL, bytes);
        else
            evhttp_send_error(done->evhttp, HTTP_SERVUNAVAIL, NULL);
        bufferevent_disable(conn->bev, EV_READ);
        if (bytes)
            evbuffer_free(bytes);
    }
    request_free(done);
}

void http_reply_header(struct http_request *request, const char *name, const char *value)
{
    if (request->conn)
        evhttp_add_header(evhttp_request_get_output_headers(request->evhttp), name, value);
}

void http_drop(struct http_request **request)
{
    struct http_conn *conn = (*request)->conn;
    if (conn) {
        conn->doomed = true;
        schedule_turn(conn->server);
    }
    request_free(*request);
    *request = NULL;
}

/* ---- the server ---- */

static void resume_accepting(void *arg)
{
    struct http_server *server = arg;
    evconnlistener_enable(server->listener);
}

/* Out of descriptors: the listener would spin. What waits in the kernel's queue waits a little.
 */
static void accept_failed(struct evconnlistener *listener, void *arg)
{
    struct http_server *server = arg;
    log_warning(NULL, "accepting a connection on port %d failed: %s", server->port,
                strerror(errno));
    evconnlistener_disable(listener);
    loop_timer_set(server->resume, 100);
}

static bool start(struct http_server *server, const struct http_config *config, struct err *err)
{
    struct event_base *base = loop_event_base(server->loop);
    if (!base)
        return err_set(err, ERR_INTERNAL, "an HTTP server needs the system's loop.");
    signal(SIGPIPE, SIG_IGN); /* a client that left would end the process */
    server->turn = loop_timer_new(server->loop, run_turn, server);
    server->resume = loop_timer_new(server->loop, resume_accepting, server);
    server->evhttp = evhttp_new(base);
    if (!server->turn || !server->resume || !server->evhttp)
        return err_set(err, ERR_SYSTEM, "no memory for an HTTP server.");
    evhttp_set_max_headers_size(server->evhttp, config->max_header_bytes);
    evhttp_set_max_body_size(server->evhttp, config->max_body_bytes);
    evhttp_set_allowed_methods(server->evhttp, EVHTTP_REQ_GET | EVHTTP_REQ_POST |
                                                   EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT |
                                                   EVHTTP_REQ_DELETE);
    evhttp_set_flags(server->evhttp, EVHTTP_SERVER_LINGERING_CLOSE);
    evhttp_set_timeout(server->evhttp,
                       config->timeout_s); /* for a connection without a record */
    evhttp_set_bevcb(server->evhttp, conn_new, server);
    evhttp_set_gencb(server->evhttp, request_complete, server);
    if (config->certificate) {
        server->tls = http_listen_tls(config->certificate, config->key, err);
        if (!server->tls)
            return false;
    }
    int fd = http_listen_open(config->listen, &server->port, err);
    if (fd < 0)
        return false;
    struct evhttp_bound_socket *bound = evhttp_accept_socket_with_handle(server->evhttp, fd);
    if (!bound) {
        close(fd);
        return err_set(err, ERR_SYSTEM, "no memory for an HTTP server.");
    }
    server->listener = evhttp_bound_socket_get_listener(bound);
    evconnlistener_set_error_cb(server->listener, accept_failed);
    return true;
}

struct http_server *http_server_new(struct loop *loop, const struct http_config *config,
                                    http_handler_fn *handler, void *arg, struct err *err)
{
    struct http_server *server = calloc(1, sizeof *server);
    if (!server) {
        err_set(err, ERR_SYSTEM, "no memory for an HTTP server.");
        return NULL;
    }
    server->loop = loop;
    server->handler = handler;
    server->arg = arg;
    server->max_connections = config->max_connections;
    server->timeout_ms = (int64_t)config->timeout_s * 1000;
    server->max_header_bytes = config->max_header_bytes;
    server->max_body_bytes = config->max_body_bytes;
    TAILQ_INIT(&server->conns);
    if (!start(server, config, err))
        http_server_free(&server);
    return server;
}

int http_server_port(const struct http_server *server)
{
    return server->port;
}

void http_server_free(struct http_server **server)
{
    struct http_server *gone = *server;
    if (!gone)
        return;
    *server = NULL;
    if (gone->evhttp)
        evhttp_free(gone->evhttp);
    struct http_conn *next;
    for (struct http_conn *conn = TAILQ_FIRST(&gone->conns); conn; conn = next) {
        next = TAILQ_NEXT(conn, link);
        conn_free(conn); /* those not adopted yet */
    }
    loop_timer_free(&gone->turn);
    loop_timer_free(&gone->resume);
    SSL_CTX_free(gone->tls);
    free(gone);
}
