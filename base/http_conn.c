/* A connection of the HTTP server.
 *
 *     HELLO --whole ClientHello--> QUEUED --its turn--> HEAD     (TLS only; plain begins there)
 *
 *     HEAD --empty line--> BODY --complete--> HANDLING --http_reply--> REPLYING
 *      ^ |                  |                                         ^      | written
 *      | '------------------'--refused, or answered by `head`---------'      |
 *      '------------------------------ kept open ----------------------------|
 *                                                                            v
 *     LEAVING: what still comes is thrown away until the client closes <-----'
 *
 * One deadline: for all up to BODY together from the accept, or from the first byte of a
 * further request; anew with each piece written while REPLYING; a short one while LEAVING; none
 * while HANDLING. Nothing is read while HANDLING or REPLYING, so a client that sends ahead is
 * held back by TCP. A read or a write that ends a connection frees it at once; therefore each
 * function below that may do so is the last thing that its caller does. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/http_private.h"

enum { READ_BYTES = 16 * 1024, WRITES_IN_A_TURN = 16 };

/* ---- ending and waiting ---- */

static void conn_hold(struct http_conn *conn, size_t bytes)
{
    conn->server->held += bytes - conn->held;
    conn->held = bytes;
}

void http_conn_free(struct http_conn *conn)
{
    if (conn->request && conn->request->handed)
        conn->request->conn = NULL;
    else
        http_request_free(&conn->request);
    if (conn->phase == CONN_QUEUED)
        TAILQ_REMOVE(&conn->server->hellos, conn, hello);
    conn_hold(conn, 0);
    loop_watch_free(&conn->watch);
    loop_timer_free(&conn->deadline);
    http_wire_close(&conn->wire);
    buf_clear(&conn->in);
    buf_clear(&conn->out);
    http_places_leave(&conn->server->places, &conn->place);
    free(conn);
}

static void set_deadline(struct http_conn *conn)
{
    loop_timer_set(conn->deadline, (int64_t)conn->server->config.timeout_s * 1000);
}

static void conn_wait(struct http_conn *conn)
{
    int want = conn->wire.want;

    if (conn->phase == CONN_HANDLING || conn->phase == CONN_QUEUED)
        want = 0;
    else if (conn->ahead || http_wire_has_more(&conn->wire))
        want |= LOOP_WRITE; /* which comes at once */
    if (want != conn->wanted)
        loop_watch_want(conn->watch, want);
    conn->wanted = want;
}

/* ---- answering ---- */

static void leave(struct http_conn *conn)
{
    conn->phase = CONN_LEAVING;
    conn->ahead = false;
    buf_clear(&conn->in);
    http_wire_end_writing(&conn->wire);
    http_places_move(&conn->server->places, &conn->place, HTTP_LEAVING);
    loop_timer_set(conn->deadline, TIME_HTTP_FAREWELL_MS);
    conn_wait(conn);
}

/* All that there was of an answer that goes on: nothing is waited for, and for no longer than
 * whoever answers wishes. */
static void rest(struct http_conn *conn)
{
    conn->sent = 0;
    conn->wire.want = 0;
    loop_timer_stop(conn->deadline);
    conn_wait(conn);
}

static void sent_all(struct http_conn *conn)
{
    buf_clear(&conn->out);
    if (conn->streaming) {
        rest(conn);
        return;
    }
    if (conn->closing) {
        leave(conn);
        return;
    }
    conn->phase = CONN_HEAD;
    conn->looked = 0;
    conn->wire.want = LOOP_READ;
    conn->ahead = conn->in.len > 0;
    if (!conn->ahead)
        buf_clear(&conn->in);
    http_places_move(&conn->server->places, &conn->place, HTTP_KEPT);
    set_deadline(conn);
    conn_wait(conn);
}

/* The client does not read, or not fast enough: that keeps no place for ever. */
static void stall(struct http_conn *conn)
{
    if (conn->place.standing == HTTP_BUSY)
        http_places_move(&conn->server->places, &conn->place, HTTP_KEPT);
    conn_wait(conn);
}

static void conn_send(struct http_conn *conn)
{
    ssize_t n = 0;

    for (int i = 0; i < WRITES_IN_A_TURN && conn->sent < conn->out.len; i++) {
        n = http_wire_write(&conn->wire, conn->out.data + conn->sent,
                            conn->out.len - conn->sent);
        if (n <= 0)
            break;
        conn->sent += (size_t)n;
        set_deadline(conn);
    }
    if (n == HTTP_WIRE_BROKEN || n == HTTP_WIRE_END)
        http_conn_free(conn);
    else if (conn->sent == conn->out.len)
        sent_all(conn);
    else
        stall(conn);
}

static void conn_answer(struct http_conn *conn, const struct http_answer *answer)
{
    conn->phase = CONN_REPLYING;
    conn->closing = answer->close;
    conn->sent = 0;
    conn_hold(conn, 0);
    if (!http_answer_write(answer, loop_wall(conn->server->loop), &conn->out)) {
        http_conn_free(conn);
        return;
    }
    set_deadline(conn);
    conn_send(conn);
}

/* What never becomes a request. */
static void refuse(struct http_conn *conn, int status)
{
    const struct http_answer answer = {
        .status = status, .fields = "", .body = "", .close = true};

    http_request_free(&conn->request);
    http_places_move(&conn->server->places, &conn->place, HTTP_LEAVING);
    conn_answer(conn, &answer);
}

void http_reply(struct http_request **request, int status, const char *content_type,
                const void *body, size_t len)
{
    struct http_request *done = *request;
    struct http_conn *conn = done->conn;

    *request = NULL;
    if (conn) {
        bool whole = conn->phase == CONN_HANDLING;
        struct http_answer answer = {.status = status,
                                     .fields = buf_str(&done->reply_fields),
                                     .type = content_type,
                                     .body = body,
                                     .len = len};
        answer.close = done->close || !done->head.keep_alive || !whole;
        answer.no_body = strcmp(done->head.method, "HEAD") == 0;
        conn->request = NULL;
        http_places_move(&conn->server->places, &conn->place, HTTP_BUSY);
        conn_answer(conn, &answer);
    }
    http_request_free(&done);
}

void http_drop(struct http_request **request)
{
    struct http_conn *conn = (*request)->conn;

    if (conn) {
        conn->request = NULL;
        http_conn_free(conn);
    }
    http_request_free(request);
}

/* ---- receiving ---- */

/* The bodies of all hold more than they may: the oldest that is not complete gives way. False:
 * that is this one. */
static bool make_room(struct http_conn *conn)
{
    struct http_server *server = conn->server;
    struct http_place *place, *next;

    for (int standing = HTTP_STRANGER; standing <= HTTP_KEPT; standing++) {
        for (place = TAILQ_FIRST(&server->places.standing[standing]); place; place = next) {
            struct http_conn *other = (struct http_conn *)place;
            next = TAILQ_NEXT(place, link);
            if (server->held <= (size_t)server->config.max_held_bytes)
                return true;
            if (other != conn && other->held > 0)
                http_conn_free(other);
        }
    }
    return server->held <= (size_t)server->config.max_held_bytes;
}

static void hand_over(struct http_conn *conn)
{
    struct http_server *server = conn->server;
    struct http_request *request = conn->request;

    conn->phase = CONN_HANDLING;
    request->handed = true;
    loop_timer_stop(conn->deadline);
    http_places_move(&server->places, &conn->place, HTTP_BUSY);
    conn_wait(conn);
    server->handler(request, server->arg);
}

static void take_in(struct http_conn *conn, size_t used)
{
    struct buf *in = &conn->in;

    in->len -= used;
    memmove(in->data, in->data + used, in->len);
}

/* Gives the status to refuse with, or 0. */
static int take_body(struct http_conn *conn, bool *complete)
{
    struct http_request *request = conn->request;
    struct buf *body = &request->body;
    size_t used;

    if (request->head.chunked) {
        used = http_chunks_feed(&conn->chunks, buf_str(&conn->in), conn->in.len, body);
        *complete = conn->chunks.state == HTTP_CHUNKS_DONE;
        if (conn->chunks.state == HTTP_CHUNKS_BAD)
            return 400;
        if (conn->chunks.state == HTTP_CHUNKS_TOO_LONG)
            return 413;
    } else {
        size_t left = (size_t)request->head.length - body->len;
        used = conn->in.len < left ? conn->in.len : left;
        buf_add(body, buf_str(&conn->in), used);
        *complete = used == left;
    }
    if (conn->in.len)
        take_in(conn, used);
    conn_hold(conn, body->cap);
    bool room = conn->server->config.max_held_bytes == 0 || make_room(conn);
    return body->failed || !room ? 503 : 0;
}

static void receive_body(struct http_conn *conn)
{
    bool complete = false;
    int refused = take_body(conn, &complete);

    if (refused)
        refuse(conn, refused);
    else if (complete)
        hand_over(conn);
    else
        conn_wait(conn);
}

static int take_head(struct http_conn *conn, size_t len)
{
    const struct http_config *config = &conn->server->config;
    int refused;

    struct http_request *request = http_request_new(buf_str(&conn->in), len, &refused);
    if (!request)
        return refused ? refused : 503;
    take_in(conn, len);
    conn->request = request;
    request->conn = conn;
    memcpy(request->peer, conn->peer, sizeof request->peer);
    request->connection = conn->number;
    if (request->head.length > config->max_body_bytes)
        return 413;
    size_t max =
        request->head.chunked ? (size_t)config->max_body_bytes : (size_t)request->head.length;
    buf_init(&request->body, max);
    conn->chunks = (struct http_chunks){.max = max};
    conn->phase = CONN_BODY;
    return 0;
}

/* Few bytes into a socket that has sent all before: it takes them or is broken. */
static bool say_continue(struct http_conn *conn)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    const struct http_head *head = &conn->request->head;

    return !head->expects || conn->in.len > 0 || (head->length == 0 && !head->chunked) ||
           http_wire_write(&conn->wire, text, sizeof text - 1) == (ssize_t)sizeof text - 1;
}

static void receive_head(struct http_conn *conn)
{
    struct http_server *server = conn->server;

    if (!http_head_begins(buf_str(&conn->in), conn->in.len)) {
        refuse(conn, 400);
        return;
    }
    size_t len = http_head_end(buf_str(&conn->in), conn->in.len, &conn->looked);
    if (len == 0 && conn->in.len < (size_t)server->config.max_header_bytes) {
        conn_wait(conn);
        return;
    }
    bool fits = len && len <= (size_t)server->config.max_header_bytes;
    int refused = fits ? take_head(conn, len) : 431;
    if (refused) {
        refuse(conn, refused);
        return;
    }
    struct http_request *request = conn->request;
    if (server->config.head)
        server->config.head(&request, server->arg);
    if (!request) /* answered: the connection may be gone */
        return;
    if (!say_continue(conn)) {
        http_conn_free(conn);
        return;
    }
    conn->wire.want = LOOP_READ;
    receive_body(conn);
}

/* Of a request. Who has come so far is not the next to be pushed out, once; and a further
 * request has its own time, while that of a first one runs from the accept. */
static void first_bytes(struct http_conn *conn)
{
    if (conn->place.standing == HTTP_KEPT)
        set_deadline(conn);
    http_places_move(&conn->server->places, &conn->place, conn->place.standing);
}

static void conn_receive(struct http_conn *conn)
{
    char bytes[READ_BYTES];
    size_t room = sizeof bytes;

    if (!conn->ahead) {
        if (conn->phase == CONN_HEAD && conn->in.max - conn->in.len < room)
            room = conn->in.max - conn->in.len;
        ssize_t n = http_wire_read(&conn->wire, bytes, room);
        if (n == HTTP_WIRE_LATER) {
            conn_wait(conn);
            return;
        }
        if (n <= 0 || !buf_add(&conn->in, bytes, (size_t)n)) {
            http_conn_free(conn);
            return;
        }
    }
    if (conn->phase == CONN_HEAD && conn->looked == 0)
        first_bytes(conn);
    conn->ahead = false;
    if (conn->phase == CONN_HEAD)
        receive_head(conn);
    else
        receive_body(conn);
}

/* A handshake is a millisecond's work, so few are begun in a turn, and the newest first: in a
 * flood that comes faster than it can be served, those who wait longest are the flood, and are
 * pushed out one day. An honest client's turn comes at once. No handler runs in here, for a
 * request cannot come before the client has heard of us. */
void http_conn_begin_handshakes(void *arg)
{
    struct http_server *server = arg;
    struct http_conn *conn;

    for (int i = 0; i < LIMIT_HTTP_HELLOS; i++) {
        conn = TAILQ_LAST(&server->hellos, http_conn_list);
        if (!conn)
            return;
        TAILQ_REMOVE(&server->hellos, conn, hello);
        conn->phase = CONN_HEAD;
        http_places_move(&server->places, &conn->place, HTTP_STRANGER); /* it waited for us */
        if (http_wire_begin_tls(&conn->wire, server->tls))
            conn_receive(conn);
        else
            http_conn_free(conn);
    }
    loop_timer_set(server->turn, 0);
}

static void receive_hello(struct http_conn *conn)
{
    struct http_server *server = conn->server;

    switch (http_wire_hello(&conn->wire)) {
    case HTTP_HELLO_MORE: break;
    case HTTP_HELLO_NONSENSE: http_conn_free(conn); break;
    case HTTP_HELLO_WHOLE:
        conn->phase = CONN_QUEUED;
        conn_wait(conn);
        TAILQ_INSERT_TAIL(&server->hellos, conn, hello);
        if (!loop_timer_is_set(server->turn))
            loop_timer_set(server->turn, 0);
        break;
    }
}

static void throw_away(struct http_conn *conn)
{
    char bytes[READ_BYTES];

    ssize_t n = http_wire_read(&conn->wire, bytes, sizeof bytes);
    if (n == HTTP_WIRE_LATER)
        return;
    conn->thrown_away += n > 0 ? (size_t)n : 0;
    if (n <= 0 || conn->thrown_away > LIMIT_HTTP_FAREWELL_BYTES)
        http_conn_free(conn);
}

static void conn_ready(int fd, int ready, void *arg)
{
    struct http_conn *conn = arg;

    (void)fd, (void)ready;
    switch (conn->phase) {
    case CONN_HELLO: receive_hello(conn); break;
    case CONN_HEAD:
    case CONN_BODY: conn_receive(conn); break;
    case CONN_REPLYING: conn_send(conn); break;
    case CONN_LEAVING: throw_away(conn); break;
    case CONN_QUEUED:
    case CONN_HANDLING: break;
    }
}

static void deadline_passed(void *arg)
{
    http_conn_free(arg);
}

/* ---- beginning ---- */

void http_conn_describe(const struct sockaddr *address, char *out, size_t size)
{
    const void *bytes = address->sa_family == AF_INET6
                            ? (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr
                            : (const void *)&((const struct sockaddr_in *)address)->sin_addr;

    if (!inet_ntop(address->sa_family, bytes, out, (socklen_t)size))
        out[0] = '\0';
}

void http_conn_new(struct http_server *server, int fd, const struct sockaddr *address)
{
    const int on = 1;
    struct http_conn *conn = calloc(1, sizeof *conn);

    if (!conn || !http_places_enter(&server->places, &conn->place, address)) {
        free(conn);
        close(fd);
        return;
    }
    conn->server = server;
    conn->number = ++server->accepted;
    conn->wire = (struct http_wire){.fd = fd, .want = LOOP_READ};
    conn->wanted = LOOP_READ;
    conn->phase = server->tls ? CONN_HELLO : CONN_HEAD;
    http_conn_describe(address, conn->peer, sizeof conn->peer);
    buf_init(&conn->in, (size_t)(server->config.max_header_bytes > READ_BYTES
                                     ? server->config.max_header_bytes
                                     : READ_BYTES));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    conn->deadline = loop_timer_new(server->loop, deadline_passed, conn);
    conn->watch = loop_watch_new(server->loop, fd, LOOP_READ, conn_ready, conn);
    if (!conn->deadline || !conn->watch)
        http_conn_free(conn);
    else
        set_deadline(conn);
}

/* ---- answers that go on ---- */

/* Behind what was not sent yet. Frees the connection when it broke or does not take it. */
static void send_more(struct http_conn *conn, const char *head, const void *body, size_t len,
                      const char *tail)
{
    if (conn->out.len == 0)
        buf_init(&conn->out, LIMIT_HTTP_STREAM_BYTES);
    buf_add_str(&conn->out, head);
    buf_add(&conn->out, body, len);
    buf_add_str(&conn->out, tail);
    if (conn->out.failed) {
        http_conn_free(conn);
        return;
    }
    set_deadline(conn);
    conn_send(conn);
}

void http_reply_begin(struct http_request *request, int status, const char *content_type)
{
    struct http_conn *conn = request->conn;
    struct buf head;

    if (!conn)
        return;
    buf_init(&head, LIMIT_HTTP_STREAM_BYTES);
    buf_printf(&head,
               "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\n"
               "Connection: close\r\n%s\r\n",
               status, status == 200 ? "OK" : "-", content_type,
               buf_str(&request->reply_fields));
    conn->phase = CONN_REPLYING;
    conn->streaming = true;
    conn->sent = 0;
    conn_hold(conn, 0);
    http_places_move(&conn->server->places, &conn->place, HTTP_BUSY);
    send_more(conn, buf_str(&head), "", 0, "");
    buf_clear(&head);
}

bool http_reply_piece(struct http_request *request, const void *bytes, size_t len)
{
    char size[24];

    if (!request->conn)
        return false;
    snprintf(size, sizeof size, "%zx\r\n", len);
    if (len > 0) /* an empty chunk would be the last */
        send_more(request->conn, size, bytes, len, "\r\n");
    return request->conn != NULL;
}

void http_reply_end(struct http_request **request)
{
    struct http_conn *conn = (*request)->conn;

    if (conn) {
        conn->streaming = false;
        conn->closing = true;
        conn->request = NULL;
        send_more(conn, "0\r\n\r\n", "", 0, "");
    }
    http_request_free(request);
}
