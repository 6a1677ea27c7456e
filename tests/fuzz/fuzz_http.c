/* The HTTP server, over a real socket: whatever a client sends in whatever pieces, and however
 * the handler answers, the connection comes to an end and limits hold. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/http.h"
#include "tests/fuzz/fuzz_targets.h"

enum { HEADER_MAX = 2000, BODY_MAX = 1000, PIECES_MAX = 64, END_MS = 3000 };
enum act { ACT_ANSWER, ACT_LATER, ACT_DROP, ACT_EARLY, ACT_EARLY_DROP, ACTS };

struct session {
    struct loop *loop;
    struct http_server *server;
    struct loop_timer *send, *later, *end;
    struct loop_watch *watch;
    int fd;
    const unsigned char *bytes;
    size_t len, piece;
    enum act act;
    struct http_request *kept;
    bool ended;
};

static void answer(struct http_request **request)
{
    size_t len;
    const char *body = http_body(*request, &len);

    http_reply_header(*request, "X-Reply", "yes");
    http_reply(request, 200, "text/plain", body, len);
    fuzz_check(!*request);
}

static void handle(struct http_request *request, void *arg)
{
    struct session *session = arg;
    size_t len;

    fuzz_check(http_method(request)[0] && http_path(request) && http_peer(request));
    fuzz_check(http_body(request, &len) && len <= BODY_MAX);
    fuzz_check(strlen(http_path(request)) <= HEADER_MAX);
    http_header(request, "X-Mark");
    fuzz_check(session->act < ACT_EARLY);
    /* One connection: nothing is handled before what came before it was answered. */
    fuzz_check(!session->kept);
    switch (session->act) {
    case ACT_LATER:
        session->kept = request;
        loop_timer_set(session->later, 1);
        break;
    case ACT_DROP: http_drop(&request); break;
    default: answer(&request); break;
    }
}

/* Before the body. */
static void look_at_head(struct http_request **request, void *arg)
{
    struct session *session = arg;
    size_t len;

    http_body(*request, &len);
    fuzz_check(len == 0 && !session->kept && http_method(*request)[0]);
    if (session->act == ACT_EARLY)
        answer(request);
    else if (session->act == ACT_EARLY_DROP)
        http_drop(request);
}

static void answer_later(void *arg)
{
    struct session *session = arg;
    if (session->kept)
        answer(&session->kept);
}

static void finish(struct session *session)
{
    session->ended = true;
    loop_stop(session->loop);
}

static void too_late(void *arg)
{
    loop_stop(((struct session *)arg)->loop);
}

static void send_piece(void *arg)
{
    struct session *session = arg;
    size_t n = session->piece < session->len ? session->piece : session->len;

    ssize_t sent = n ? send(session->fd, session->bytes, n, MSG_NOSIGNAL) : 0;
    if (sent < 0) {
        finish(session); /* the server has closed already */
        return;
    }
    session->bytes += sent;
    session->len -= (size_t)sent;
    if (session->len)
        loop_timer_set(session->send, 0);
    else
        shutdown(session->fd, SHUT_WR);
}

static void receive(int fd, int ready, void *arg)
{
    char bytes[4096];

    (void)ready;
    if (read(fd, bytes, sizeof bytes) <= 0)
        finish(arg);
}

static int dial(int port)
{
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    /* From another address each time: thousands of sessions a second would use up the ports of
     * one. */
    static uint32_t sessions;
    const struct sockaddr_in from = {.sin_family = AF_INET,
                                     .sin_addr.s_addr =
                                         htonl(INADDR_LOOPBACK + 256 + sessions++ % 0xFFF000)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    fuzz_check(fd >= 0 && bind(fd, (const struct sockaddr *)&from, sizeof from) == 0);
    fuzz_check(connect(fd, (const struct sockaddr *)&to, sizeof to) == 0);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static void open_session(struct session *session)
{
    struct http_config config = {.listen = "127.0.0.1:0",
                                 .max_header_bytes = HEADER_MAX,
                                 .max_body_bytes = BODY_MAX,
                                 .max_connections = 2,
                                 .timeout_s = 1,
                                 .max_held_bytes = BODY_MAX / 2 + 100,
                                 .head = look_at_head};
    struct err err;

    if (session->act == ACT_LATER)
        config.max_held_bytes = 0;
    session->loop = loop_system_new(&err);
    fuzz_check(session->loop);
    session->server = http_server_new(session->loop, &config, handle, session, &err);
    session->send = loop_timer_new(session->loop, send_piece, session);
    session->later = loop_timer_new(session->loop, answer_later, session);
    session->end = loop_timer_new(session->loop, too_late, session);
    fuzz_check(session->server && session->send && session->later && session->end);
    session->fd = dial(http_server_port(session->server));
    session->watch = loop_watch_new(session->loop, session->fd, LOOP_READ, receive, session);
    fuzz_check(session->watch);
}

static void close_session(struct session *session)
{
    loop_watch_free(&session->watch);
    close(session->fd);
    http_server_free(&session->server);
    if (session->kept) /* nobody is there any more: nothing happens */
        answer(&session->kept);
    loop_timer_free(&session->send);
    loop_timer_free(&session->later);
    loop_timer_free(&session->end);
    loop_free(&session->loop);
}

void fuzz_http(const unsigned char *bytes, size_t len)
{
    struct session session = {0};

    if (len < 2)
        return;
    session.act = bytes[0] % ACTS;
    session.bytes = bytes + 2;
    session.len = len - 2;
    session.piece = bytes[1] ? bytes[1] : session.len;
    if (session.len / PIECES_MAX > session.piece)
        session.piece = session.len / PIECES_MAX;
    open_session(&session);
    loop_timer_set(session.send, 0);
    loop_timer_set(session.end, END_MS);
    loop_run(session.loop);
    fuzz_check(session.ended);
    close_session(&session);
}
