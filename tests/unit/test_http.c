/* The HTTP server against clients that behave and clients that do not. A client is a forked
 * process with a blocking socket; what it read comes back through a pipe. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/buf.h"
#include "base/http.h"

enum { BODY_MAX = 1000, HEADER_MAX = 2000, CONNECTIONS_MAX = 4 };

enum act { ACT_ECHO, ACT_KEEP, ACT_DROP, ACT_FREE_SERVER };

struct fixture {
    struct loop *loop;
    struct http_server *server;
    struct loop_timer *later;
    enum act act;
    int handled;
    struct http_request *kept;
    struct buf seen; /* what the client read */
};

static void echo(struct http_request **request)
{
    size_t len;
    const void *body = http_body(*request, &len);
    const char *mark = http_header(*request, "X-Mark");
    struct buf out;
    buf_init(&out, 64 * 1024);
    buf_printf(&out, "%s %s [%s] ", http_method(*request), http_path(*request),
               mark ? mark : "-");
    buf_add(&out, body, len);
    http_reply_header(*request, "X-Reply", "yes");
    http_reply(request, 200, "text/plain", buf_str(&out), out.len);
    assert_null(*request);
    buf_clear(&out);
}

static void handle(struct http_request *request, void *arg)
{
    struct fixture *fixture = arg;
    fixture->handled++;
    switch (fixture->act) {
    case ACT_ECHO: echo(&request); break;
    case ACT_KEEP:
        assert_null(fixture->kept);
        fixture->kept = request;
        loop_timer_set(fixture->later, 150);
        break;
    case ACT_DROP: http_drop(&request); break;
    case ACT_FREE_SERVER:
        http_server_free(&fixture->server);
        assert_string_equal(http_path(request), "/free");
        http_reply(&request, 200, NULL, "", 0);
        break;
    }
}

static void answer_kept(void *arg)
{
    struct fixture *fixture = arg;
    echo(&fixture->kept);
}

static struct http_config config(void)
{
    return (struct http_config){.listen = "127.0.0.1:0",
                                .max_header_bytes = HEADER_MAX,
                                .max_body_bytes = BODY_MAX,
                                .max_connections = CONNECTIONS_MAX,
                                .timeout_s = 1};
}

static void open_with(struct fixture *fixture, const struct http_config *with)
{
    struct err err = {0};
    memset(fixture, 0, sizeof *fixture);
    fixture->loop = loop_system_new(&err);
    assert_non_null(fixture->loop);
    fixture->later = loop_timer_new(fixture->loop, answer_kept, fixture);
    fixture->server = http_server_new(fixture->loop, with, handle, fixture, &err);
    if (!fixture->server)
        fail_msg("%s", err.text);
    assert_int_not_equal(http_server_port(fixture->server), 0);
    buf_init(&fixture->seen, 1 << 20);
}

static void open_act(struct fixture *fixture, enum act act)
{
    const struct http_config with = config();
    open_with(fixture, &with);
    fixture->act = act;
}

static void close_all(struct fixture *fixture)
{
    http_server_free(&fixture->server);
    assert_null(fixture->server);
    if (fixture->kept)
        http_reply(&fixture->kept, 200, NULL, "", 0); /* nobody is there: no harm */
    loop_timer_free(&fixture->later);
    loop_free(&fixture->loop);
    buf_clear(&fixture->seen);
}

/* ---- clients ---- */

static int dial(int port)
{
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    const struct timeval limit = {.tv_sec = 5};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(fd, (const struct sockaddr *)&to, sizeof to) != 0)
        _exit(1);
    return fd;
}

static void put(int fd, const char *text)
{
    if (send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
        return;
}

/* How many bytes of ours lie at the server, unread; -1: its end is gone. */
static long unread_there(int fd)
{
    struct sockaddr_in ours, theirs;
    socklen_t size = sizeof ours;
    char line[256], ends[64];
    long found = -1;

    if (getsockname(fd, (struct sockaddr *)&ours, &size) != 0 ||
        getpeername(fd, (struct sockaddr *)&theirs, &size) != 0)
        return -1;
    snprintf(ends, sizeof ends, ": %08X:%04X %08X:%04X 01 ", theirs.sin_addr.s_addr,
             ntohs(theirs.sin_port), ours.sin_addr.s_addr, ntohs(ours.sin_port));
    FILE *table = fopen("/proc/net/tcp", "re");
    while (table && found < 0 && fgets(line, sizeof line, table)) {
        const char *queues = strstr(line, ends);
        const char *colon = queues ? strchr(queues + strlen(ends), ':') : NULL;
        if (colon)
            found = strtol(colon + 1, NULL, 16);
    }
    if (table)
        fclose(table);
    return found;
}

/* What was sent is with the server, so that what follows is seen on its own. */
static void until_read(int fd)
{
    int unsent = 1;

    while (ioctl(fd, SIOCOUTQ, &unsent) == 0 && unsent > 0)
        sched_yield();
    while (unread_there(fd) > 0)
        sched_yield();
}

/* Pass on what comes until `mark` was in it. */
static void copy_until(int from, int out, const char *mark)
{
    char seen[4096];
    size_t len = 0;
    ssize_t n;

    do {
        n = read(from, seen + len, sizeof seen - len - 1);
        if (n <= 0 || write(out, seen + len, (size_t)n) != n)
            _exit(1);
        len += (size_t)n;
        seen[len] = '\0';
    } while (!strstr(seen, mark) && len + 1 < sizeof seen);
}

static void copy_until_closed(int from, int out)
{
    char bytes[4096];
    ssize_t n;
    while ((n = read(from, bytes, sizeof bytes)) > 0)
        if (write(out, bytes, (size_t)n) != n)
            _exit(1);
    dprintf(out, n == 0 ? "<eof>" : "<reset>");
}

typedef void client_fn(int port, int out);

static void client_said(int fd, int ready, void *arg)
{
    struct fixture *fixture = arg;
    char bytes[4096];
    (void)ready;
    ssize_t n = read(fd, bytes, sizeof bytes);
    if (n > 0)
        buf_add(&fixture->seen, bytes, (size_t)n);
    else
        loop_stop(fixture->loop);
}

/* Run the client to its end while the server serves; gives how long that took. */
static int64_t run_client(struct fixture *fixture, client_fn *client)
{
    int ends[2];
    int status;
    assert_int_equal(pipe(ends), 0);
    int port = http_server_port(fixture->server);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        client(port, ends[1]);
        _exit(0);
    }
    close(ends[1]);
    struct loop_watch *watch =
        loop_watch_new(fixture->loop, ends[0], LOOP_READ, client_said, fixture);
    struct mono start = loop_now(fixture->loop);
    loop_run(fixture->loop);
    loop_watch_free(&watch);
    close(ends[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    return mono_since(loop_now(fixture->loop), start);
}

static void stop_loop(void *arg)
{
    loop_stop(arg);
}

static void run_for(struct fixture *fixture, int64_t ms)
{
    struct loop_timer *timer = loop_timer_new(fixture->loop, stop_loop, fixture->loop);
    loop_timer_set(timer, ms);
    loop_run(fixture->loop);
    loop_timer_free(&timer);
}

static int count(const char *text, const char *word)
{
    int n = 0;
    for (const char *at = text; (at = strstr(at, word)) != NULL; at++)
        n++;
    return n;
}

#define CLOSE "Connection: close\r\n\r\n"

/* ---- those that behave ---- */

static void get_twice(int port, int out)
{
    int fd = dial(port);
    put(fd, "GET /a?b=1%20 HTTP/1.1\r\nHost: x\r\nX-Mark: one\r\n\r\n");
    copy_until(fd, out, "[one] ");
    put(fd, "GET /c HTTP/1.1\r\nHost: x\r\n" CLOSE);
    copy_until_closed(fd, out);
}

static void a_connection_serves_several_requests(void **state)
{
    (void)state;
    struct fixture fixture;
    open_act(&fixture, ACT_ECHO);
    run_client(&fixture, get_twice);
    const char *seen = buf_str(&fixture.seen);
    assert_non_null(strstr(seen, "HTTP/1.1 200 OK"));
    assert_non_null(strstr(seen, "X-Reply: yes"));
    assert_non_null(strstr(seen, "Content-Type: text/plain"));
    assert_non_null(strstr(seen, "GET /a?b=1%20 [one] "));
    assert_non_null(strstr(seen, "GET /c [-] <eof>"));
    close_all(&fixture);
}

static void post_chunked_and_plain(int port, int out)
{
    int fd = dial(port);
    put(fd, "POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhel");
    until_read(fd);
    put(fd, "lo");
    put(fd, "POST /q HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n" CLOSE);
    put(fd, "3\r\nabc\r\n");
    until_read(fd);
    put(fd, "2\r\nde\r\n0\r\n\r\n");
    copy_until_closed(fd, out);
}

static void bodies_arrive_whole_in_both_encodings(void **state)
{
    (void)state;
    struct fixture fixture;
    open_act(&fixture, ACT_ECHO);
    run_client(&fixture, post_chunked_and_plain);
    assert_non_null(strstr(buf_str(&fixture.seen), "POST /p [-] hello"));
    assert_non_null(strstr(buf_str(&fixture.seen), "POST /q [-] abcde<eof>"));
    close_all(&fixture);
}

static void post_expecting(int port, int out)
{
    int fd = dial(port);
    put(fd,
        "POST /e HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\n" CLOSE);
    copy_until(fd, out, "100 Continue\r\n\r\n");
    put(fd, "body");
    copy_until_closed(fd, out);
}

static void a_client_that_expects_100_continue_gets_it(void **state)
{
    (void)state;
    struct fixture fixture;
    open_act(&fixture, ACT_ECHO);
    run_client(&fixture, post_expecting);
    assert_non_null(strstr(buf_str(&fixture.seen), "HTTP/1.1 100 Continue"));
    assert_non_null(strstr(buf_str(&fixture.seen), "POST /e [-] body<eof>"));
    close_all(&fixture);
}

static void half_close(int port, int out)
{
    int fd = dial(port);
    put(fd, "GET /h HTTP/1.1\r\nHost: x\r\n\r\n");
    shutdown(fd, SHUT_WR);
    copy_until_closed(fd, out);
}

static void a_client_that_half_closes_still_gets_its_answer(void **state)
{
    (void)state;
    struct fixture fixture;
    open_act(&fixture, ACT_KEEP);
    run_client(&fixture, half_close);
    assert_non_null(strstr(buf_str(&fixture.seen), "GET /h [-] "));
    close_all(&fixture);
}

/* ---- those that do not ---- */

static void post_too_long(int port, int out)
{
    char body[2 * BODY_MAX + 1];
    memset(body, 'x', sizeof body);
    body[BODY_MAX + BODY_MAX / 2] = '\0';
    int fd = dial(port);
    char head[128];
    snprintf(head, sizeof head, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n",
             strlen(body));
    put(fd, head);
    for (size_t at = 0; at < strlen(body); at += 250) { /* each piece seen on its own */
        char piece[251];
        snprintf(piece, sizeof piece, "%s", body + at);
        until_read(fd);
        put(fd, piece);
    }
    copy_until_closed(fd, out);
}

static void post_chunks_too_long(int port, int out)
{
    int fd = dial(port);
    put(fd, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\nabc");
    copy_until_closed(fd, out);
}

static void a_body_over_the_limit_is_refused_and_never_handled(void **state)
{
    (void)state;
    client_fn *const clients[] = {post_too_long, post_chunks_too_long};
    for (size_t i = 0; i < 2; i++) {
        struct fixture fixture;
        open_act(&fixture, ACT_ECHO);
        run_client(&fixture, clients[i]);
        assert_non_null(strstr(buf_str(&fixture.seen), "HTTP/1.1 413 "));
        assert_non_null(strstr(buf_str(&fixture.seen), "<eof>"));
        assert_int_equal(fixture.handled, 0);
        close_all(&fixture);
    }
}

static void long_header(int port, int out)
{
    int fd = dial(port);
    put(fd, "GET / HTTP/1.1\r\nX-Long: ");
    for (int i = 0; i < HEADER_MAX; i++)
        put(fd, "xx");
    copy_until_closed(fd, out);
}

static void headers_over_the_limit_are_refused(void **state)
{
    (void)state;
    struct fixture fixture;
    open_act(&fixture, ACT_ECHO);
    run_client(&fixture, long_header);
    assert_int_equal(fixture.handled, 0);
    assert_null(strstr(buf_str(&fixture.seen), "200 OK"));
    close_all(&fixture);
}

static void ambiguous(int port, int out)
{
    static const char *const requests[] = {
        "POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\nContent-Length: 1\r\n\r\na",
        "GET / HTTP/1.1\r\nContent-Length: 4\r\n\r\nabcd",
        "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 4x\r\n\r\nabcd",
        "nonsense\r\n\r\n",
    };
    for (size_t i = 0; i < sizeof requests / sizeof requests[0]; i++) {
        int fd = dial(port);
        put(fd, requests[i]);
        copy_until_closed(fd, out);
        close(fd);
    }
}

static void a_request_whose_end_is_a_matter_of_opinion_is_refused(void **state)
{
    (void)state;
    struct fixture fixture;
    open_act(&fixture, ACT_ECHO);
    run_client(&fixture, ambiguous);
    assert_int_equal(fixture.handled, 0);
    assert_int_equal(count(buf_str(&fixture.seen), " 400 "), 7);
    close_all(&fixture);
}

static void one_too_many(int port, int out)
{
    int fds[CONNECTIONS_MAX];
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        fds[i] = dial(port);
    usleep(50 * 1000);
    int extra = dial(port);
    copy_until_closed(extra, out);
    close(fds[0]);
    usleep(50 * 1000);
    fds[0] = dial(port);
    put(fds[0], "GET /room HTTP/1.1\r\nHost: x\r\n" CLOSE);
    copy_until_closed(fds[0], out);
}

static void connections_over_the_maximum_are_closed_at_once(void **state)
{
    (void)state;
    struct fixture fixture;
    open_act(&fixture, ACT_ECHO);
    int64_t ms = run_client(&fixture, one_too_many);
    assert_true(ms < 900);
    assert_int_equal(strncmp(buf_str(&fixture.seen), "<eof>", 5), 0);
    assert_non_null(strstr(buf_str(&fixture.seen), "GET /room"));
    close_all(&fixture);
}

static void dribble(int port, int out)
{
    int fd = dial(port);
    put(fd, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n");
    for (int i = 0; i < 30; i++) {
        char byte;
        put(fd, "x");
        usleep(100 * 1000);
        if (recv(fd, &byte, 1, MSG_DONTWAIT) == 0)
            break;
    }
    dprintf(out, "<cut>");
}

static void a_client_that_dribbles_is_cut_after_the_whole_time(void **state)
{
    (void)state;
    struct fixture fixture;
    open_act(&fixture, ACT_ECHO);
    int64_t ms = run_client(&fixture, dribble);
    assert_true(ms >= 900 && ms < 2000);
    assert_int_equal(fixture.handled, 0);
    close_all(&fixture);
}

static void idle(int port, int out)
{
    int silent = dial(port);
    int fd = dial(port);
    put(fd, "GET /i HTTP/1.1\r\nHost: x\r\n\r\n");
    copy_until_closed(fd, out);
    copy_until_closed(silent, out);
}

static void idle_connections_are_closed(void **state)
{
    (void)state;
    struct fixture fixture;
    open_act(&fixture, ACT_ECHO);
    int64_t ms = run_client(&fixture, idle);
    assert_true(ms >= 900 && ms < 2000);
    assert_int_equal(count(buf_str(&fixture.seen), "<eof>"), 2);
    close_all(&fixture);
}

static void chatter_while_waiting(int port, int out)
{
    int fd = dial(port);
    put(fd, "GET /first HTTP/1.1\r\nHost: x\r\n\r\n");
    usleep(50 * 1000);
    put(fd, "GET /second HTTP/1.1\r\nHost: x\r\n" CLOSE);
    copy_until_closed(fd, out);
}

static void requests_sent_ahead_wait_their_turn(void **state)
{
    (void)state;
    struct fixture fixture;
    open_act(&fixture, ACT_KEEP);
    run_client(&fixture, chatter_while_waiting);
    assert_non_null(strstr(buf_str(&fixture.seen), "GET /first"));
    assert_non_null(strstr(buf_str(&fixture.seen), "GET /second [-] <eof>"));
    close_all(&fixture);
}

static void ask_and_leave(int port, int out)
{
    (void)out;
    int fd = dial(port);
    put(fd, "POST /gone HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc");
    usleep(50 * 1000);
}

static void a_request_outlives_its_client(void **state)
{
    (void)state;
    struct fixture fixture;
    open_act(&fixture, ACT_KEEP);
    run_client(&fixture, ask_and_leave);
    assert_non_null(fixture.kept);
    assert_string_equal(http_path(fixture.kept), "/gone");
    run_for(&fixture, 300);
    assert_null(fixture.kept); /* answered into the void */
    close_all(&fixture);
}

static void a_request_outlives_the_server(void **state)
{
    (void)state;
    struct fixture fixture;
    open_act(&fixture, ACT_KEEP);
    run_client(&fixture, ask_and_leave);
    http_server_free(&fixture.server);
    size_t len;
    assert_memory_equal(http_body(fixture.kept, &len), "abc", 3);
    assert_string_equal(http_method(fixture.kept), "POST");
    assert_string_equal(http_header(fixture.kept, "host"), "x");
    assert_string_equal(http_peer(fixture.kept), "127.0.0.1");
    close_all(&fixture);
}

static void ask(int port, int out)
{
    int fd = dial(port);
    put(fd, "GET /free HTTP/1.1\r\nHost: x\r\n\r\n");
    copy_until_closed(fd, out);
}

static void the_server_may_be_freed_by_its_handler(void **state)
{
    (void)state;
    struct fixture fixture;
    open_act(&fixture, ACT_FREE_SERVER);
    run_client(&fixture, ask);
    assert_string_equal(buf_str(&fixture.seen), "<eof>");
    close_all(&fixture);
}

static void a_dropped_request_gets_no_answer(void **state)
{
    (void)state;
    struct fixture fixture;
    open_act(&fixture, ACT_DROP);
    run_client(&fixture, ask);
    assert_string_equal(buf_str(&fixture.seen), "<eof>");
    assert_int_equal(fixture.handled, 1);
    close_all(&fixture);
}

static void a_port_in_use_is_said_so(void **state)
{
    (void)state;
    struct fixture fixture;
    struct err err = {0};
    struct http_config again = config();
    char listen[64];
    open_act(&fixture, ACT_ECHO);
    snprintf(listen, sizeof listen, "127.0.0.1:%d", http_server_port(fixture.server));
    again.listen = listen;
    assert_null(http_server_new(fixture.loop, &again, handle, &fixture, &err));
    assert_int_equal(err.kind, ERR_UNAVAILABLE);
    again.listen = "nowhere";
    assert_null(http_server_new(fixture.loop, &again, handle, &fixture, &err));
    assert_int_equal(err.kind, ERR_CONFIG);
    close_all(&fixture);
}

/* ---- TLS ---- */

static char tls_dir[] = "/tmp/test_http.XXXXXX";
static char certificate_path[64], key_path[64];

static void make_certificate(void)
{
    assert_non_null(mkdtemp(tls_dir));
    snprintf(certificate_path, sizeof certificate_path, "%s/cert.pem", tls_dir);
    snprintf(key_path, sizeof key_path, "%s/key.pem", tls_dir);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x509 = X509_new();
    X509_gmtime_adj(X509_getm_notBefore(x509), 0);
    X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC,
                               (const unsigned char *)"localhost", -1, -1, 0);
    X509_set_issuer_name(x509, X509_get_subject_name(x509));
    X509_set_pubkey(x509, key);
    assert_true(X509_sign(x509, key, EVP_sha256()) > 0);
    FILE *file = fopen(certificate_path, "w");
    PEM_write_X509(file, x509);
    fclose(file);
    file = fopen(key_path, "w");
    PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL);
    fclose(file);
    X509_free(x509);
    EVP_PKEY_free(key);
}

static void tls_get(int port, int out, int version)
{
    int fd = dial(port);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_security_level(context, 0);
    SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(context, version);
    SSL *tls = SSL_new(context);
    SSL_set_fd(tls, fd);
    if (SSL_connect(tls) != 1) {
        dprintf(out, "<refused>");
    } else {
        static const char text[] =
            "POST /tls HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n" CLOSE "ok";
        char bytes[4096];
        int n;
        SSL_write(tls, text, sizeof text - 1);
        while ((n = SSL_read(tls, bytes, sizeof bytes)) > 0)
            if (write(out, bytes, (size_t)n) != n)
                break;
    }
    SSL_free(tls);
    SSL_CTX_free(context);
}

static void tls_each_version(int port, int out)
{
    tls_get(port, out, TLS1_3_VERSION);
    tls_get(port, out, TLS1_2_VERSION);
    tls_get(port, out, TLS1_1_VERSION);
    int fd = dial(port);
    put(fd, "GET /plain HTTP/1.1\r\n\r\n");
    copy_until_closed(fd, out);
}

static void tls_1_2_and_newer_are_spoken_and_nothing_else(void **state)
{
    (void)state;
    struct fixture fixture;
    struct http_config with = config();
    make_certificate();
    with.certificate = certificate_path;
    with.key = key_path;
    open_with(&fixture, &with);
    run_client(&fixture, tls_each_version);
    assert_int_equal(count(buf_str(&fixture.seen), "POST /tls [-] ok"), 2);
    assert_int_equal(count(buf_str(&fixture.seen), "<refused>"), 1);
    assert_int_equal(fixture.handled, 2);
    struct err err = {0};
    with.key = NULL;
    assert_null(http_server_new(fixture.loop, &with, handle, &fixture, &err));
    with.key = with.certificate;
    assert_null(http_server_new(fixture.loop, &with, handle, &fixture, &err));
    assert_int_equal(err.kind, ERR_CONFIG);
    close_all(&fixture);
    unlink(certificate_path);
    unlink(key_path);
    rmdir(tls_dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_serves_several_requests),
        cmocka_unit_test(bodies_arrive_whole_in_both_encodings),
        cmocka_unit_test(a_client_that_expects_100_continue_gets_it),
        cmocka_unit_test(a_client_that_half_closes_still_gets_its_answer),
        cmocka_unit_test(a_body_over_the_limit_is_refused_and_never_handled),
        cmocka_unit_test(headers_over_the_limit_are_refused),
        cmocka_unit_test(a_request_whose_end_is_a_matter_of_opinion_is_refused),
        cmocka_unit_test(connections_over_the_maximum_are_closed_at_once),
        cmocka_unit_test(a_client_that_dribbles_is_cut_after_the_whole_time),
        cmocka_unit_test(idle_connections_are_closed),
        cmocka_unit_test(requests_sent_ahead_wait_their_turn),
        cmocka_unit_test(a_request_outlives_its_client),
        cmocka_unit_test(a_request_outlives_the_server),
        cmocka_unit_test(the_server_may_be_freed_by_its_handler),
        cmocka_unit_test(a_dropped_request_gets_no_answer),
        cmocka_unit_test(a_port_in_use_is_said_so),
        cmocka_unit_test(tls_1_2_and_newer_are_spoken_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
