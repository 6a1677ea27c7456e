/* What the files of the HTTP server share. Only base/http*.c include this. */
#ifndef SIB_BASE_HTTP_PRIVATE_H
#define SIB_BASE_HTTP_PRIVATE_H

#include "base/buf.h"
#include "base/http.h"
#include "base/http_parse.h"
#include "base/http_places.h"
#include "base/http_wire.h"

enum conn_phase {
    CONN_HELLO,
    CONN_QUEUED,
    CONN_HEAD,
    CONN_BODY,
    CONN_HANDLING,
    CONN_REPLYING,
    CONN_LEAVING,
};

struct http_conn {
    struct http_place place; /* the first member */
    TAILQ_ENTRY(http_conn) hello;
    struct http_server *server;
    struct http_wire wire;
    struct loop_watch *watch;
    struct loop_timer *deadline;
    struct http_request *request; /* whose head was taken and which was not answered yet */
    struct http_chunks chunks;
    struct buf in, out; /* not taken yet; not sent yet */
    size_t looked, sent, held, thrown_away;
    enum conn_phase phase;
    int wanted;     /* of the watch */
    bool ahead;     /* `in` holds bytes of the next request: no event will tell of them */
    bool closing;   /* after what is in `out` */
    bool streaming; /* more of the answer will come */
    char peer[48];
    unsigned long number;
};

struct http_server {
    struct loop *loop;
    struct loop_watch *listener;
    struct loop_timer *resume; /* accept again after running out of descriptors */
    struct loop_timer *turn;   /* begins handshakes */
    TAILQ_HEAD(http_conn_list, http_conn) hellos; /* QUEUED, the newest last */
    SSL_CTX *tls;
    struct http_places places;
    struct http_config config;
    int fd, port, max_places;
    unsigned long accepted; /* connections so far */
    size_t held;            /* bytes of bodies */
    http_handler_fn *handler;
    void *arg;
    bool said;
    struct mono said_at;
    long unsaid;
};

/* ---- connections (http_conn.c) ---- */

void http_conn_new(struct http_server *server, int fd, const struct sockaddr *address);
void http_conn_free(struct http_conn *conn);
/* For the timer `turn`; server is the struct http_server. */
void http_conn_begin_handshakes(void *server);
/* The address as text. */
void http_conn_describe(const struct sockaddr *address, char *out, size_t size);

/* ---- requests and answers (http_request.c) ---- */

/* Belongs to its connection until the handler has it, and then to the handler. */
struct http_request {
    struct http_conn *conn; /* NULL: gone */
    char *bytes;            /* what `head` points into */
    struct http_head head;
    struct buf body;
    struct buf reply_fields;
    bool handed, close;
    char peer[48];
    unsigned long connection;
};

/* bytes: the whole head, copied. NULL: no memory, or *refused is the status to refuse with. */
struct http_request *http_request_new(const char *bytes, size_t len, int *refused);
void http_request_free(struct http_request **request);

struct http_answer {
    int status;
    const char *fields; /* lines with their ends, or "" */
    const char *type;   /* may be NULL */
    const void *body;
    size_t len;
    bool close, no_body; /* no_body: only its length is told */
};
/* The whole answer, into an empty buffer that is made for it. False: no memory. */
bool http_answer_write(const struct http_answer *answer, struct wall now, struct buf *out);

#endif
