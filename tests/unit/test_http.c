/* The HTTP server against clients that behave and clients that do not. A client is a forked
 * process with a blocking socket; what it read comes back through a pipe. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
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
#include "base/limits.h"

enum { BODY_MAX = 1000, HEADER_MAX = 2000, CONNECTIONS_MAX = 4 };

enum act { ACT_ECHO, ACT_KEEP, ACT_DROP, ACT_FREE_SERVER, ACT_LARGE };

struct fixture {
    struct loop *loop;
    struct http_server *server;
    struct loop_timer *later;
    enum act act;
    int handled;
    struct http_request *kept;
    struct buf seen; /* what the client read */
};

/* The handler says here that it was called, for a client that waits for it. */
static int handled_ends[2] = {-1, -1};

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

/* More than the system's buffers take. */
static void answer_large(struct http_request **request)
{
    enum { LARGE = 12 * 1024 * 1024 };
    char *bytes = calloc(1, LARGE);
    bool small = strcmp(http_path(*request), "/small") == 0;
    http_reply(request, 200, NULL, bytes, small ? 2 : LARGE);
    free(bytes);
}

static void handle(struct http_request *request, void *arg)
{
    struct fixture *fixture = arg;
    fixture->handled++;
    if (handled_ends[1] >= 0)
        assert_int_equal(write(handled_ends[1], "h", 1), 1);
    switch (fixture->act) {
    case ACT_ECHO: echo(&request); break;
    case ACT_KEEP:
        assert_null(fixture->kept);
        fixture->kept = request;
        loop_timer_set(fixture->later, 150);
        break;
    case ACT_DROP: http_drop(&request); break;
    case ACT_LARGE: answer_large(&request); break;
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

/* What must happen soon happens long before the time for a request is over. */
enum { PATIENT_S = 10, SOON_MS = 4000 };

static void open_patient(struct fixture *fixture, enum act act)
{
    struct http_config with = config();
    with.timeout_s = PATIENT_S;
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

    /* What was sent to an end that is gone stays unsent. */
    struct pollfd end = {.fd = fd};
    while (poll(&end, 1, 0) == 0 && ioctl(fd, SIOCOUTQ, &unsent) == 0 && unsent > 0)
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
/* In a client: until the handler was called once more. */
static void wait_until_handled(void)
{
    char byte;
    if (read(handled_ends[0], &byte, 1) != 1)
        _exit(1);
}

/* In a client: until the server says something or closes, but no longer than this. */
static void wait_for_server(int fd, int ms)
{
    struct pollfd wait = {.fd = fd, .events = POLLIN | POLLRDHUP};
    poll(&wait, 1, ms);
}

static int64_t run_client(struct fixture *fixture, client_fn *client)
{
    int ends[2];
    int status;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(pipe(handled_ends), 0);
    int port = http_server_port(fixture->server);
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        close(handled_ends[1]);
        client(port, ends[1]);
        _exit(0);
    }
    close(ends[1]);
    close(handled_ends[0]);
    handled_ends[0] = -1;
    struct loop_watch *watch =
        loop_watch_new(fixture->loop, ends[0], LOOP_READ, client_said, fixture);
    struct mono start = loop_now(fixture->loop);
    loop_run(fixture->loop);
    loop_watch_free(&watch);
    close(ends[0]);
    close(handled_ends[1]);
    handled_ends[1] = -1;
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

static void ask_for(int fd, const char *path)
{
    char text[128];
    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
    put(fd, text);
}

static void say_whether_open(int fd, int out)
{
    char byte;
    ssize_t n = recv(fd, &byte, 1, MSG_DONTWAIT);
    dprintf(out, n < 0 && errno == EAGAIN ? "<open>" : "<closed>");
}

static void one_too_many(int port, int out)
{
    int fds[CONNECTIONS_MAX];
    for (int i = 0; i < CONNECTIONS_MAX; i++)
        fds[i] = dial(port);
    int extra = dial(port);
    ask_for(extra, "/room");
    copy_until(extra, out, "/room");
    copy_until_closed(fds[0], out);
    say_whether_open(fds[1], out);
}

static void for_a_new_connection_the_oldest_stranger_gives_way(void **state)
{
    (void)state;
    struct fixture fixture;
    open_patient(&fixture, ACT_ECHO);
    int64_t ms = run_client(&fixture, one_too_many);
    assert_true(ms < SOON_MS);
    assert_non_null(strstr(buf_str(&fixture.seen), "GET /room [-] <eof><open>"));
    close_all(&fixture);
}

static void more_than_descriptors(int port, int out)
{
    struct rlimit limit;
    int first = -1, last = -1;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        last = dial(port);
        first = i == 0 ? last : first;
    }
    ask_for(last, "/last");
    copy_until(last, out, "/last");
    copy_until_closed(first, out);
}

static void without_descriptors_too_the_oldest_stranger_gives_way(void **state)
{
    (void)state;
    struct fixture fixture;
    struct rlimit limit, before;
    open_patient(&fixture, ACT_ECHO);
    getrlimit(RLIMIT_NOFILE, &limit);
    before = limit;
    int free_fds[4]; /* two for the pipes of the client, two for us */
    for (int i = 0; i < 4; i++)
        free_fds[i] = dup(0);
    limit.rlim_cur = (rlim_t)free_fds[3] + 1;
    for (int i = 0; i < 4; i++)
        close(free_fds[i]);
    setrlimit(RLIMIT_NOFILE, &limit);
    int64_t ms = run_client(&fixture, more_than_descriptors);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_true(ms < SOON_MS);
    assert_non_null(strstr(buf_str(&fixture.seen), "GET /last [-] "));
    close_all(&fixture);
}

static void strangers_beside_one_who_was_answered(int port, int out)
{
    int kept = dial(port), last = -1;
    ask_for(kept, "/first");
    copy_until(kept, out, "/first");
    for (int i = 0; i < 5 * CONNECTIONS_MAX; i++) {
        last = dial(port);
        put(last, "GET /slow HTTP/1.1\r\n");
    }
    ask_for(last, "/");
    copy_until_closed(last, out);
    ask_for(kept, "/second");
    copy_until(kept, out, "/second");
}

static void a_connection_that_was_answered_outlives_strangers(void **state)
{
    (void)state;
    struct fixture fixture;
    open_patient(&fixture, ACT_ECHO);
    run_client(&fixture, strangers_beside_one_who_was_answered);
    assert_non_null(strstr(buf_str(&fixture.seen), "GET /second [-] "));
    close_all(&fixture);
}

static void ask_and_do_not_read(int port, int out)
{
    int fds[CONNECTIONS_MAX];
    for (int i = 0; i < CONNECTIONS_MAX; i++) {
        fds[i] = dial(port);
        ask_for(fds[i], "/large");
        until_read(fds[i]);
    }
    int extra = dial(port);
    ask_for(extra, "/small");
    copy_until(extra, out, "\r\n\r\n");
}

static void who_does_not_read_his_answer_gives_way(void **state)
{
    (void)state;
    struct fixture fixture;
    open_patient(&fixture, ACT_LARGE);
    int64_t ms = run_client(&fixture, ask_and_do_not_read);
    assert_true(ms < SOON_MS);
    assert_non_null(strstr(buf_str(&fixture.seen), "Content-Length: 2\r\n"));
    close_all(&fixture);
}

/* More than may be held at once: the first is not complete and the oldest. */
static void two_large_bodies(int port, int out)
{
    char body[BODY_MAX + 1];
    memset(body, 'x', BODY_MAX);
    body[BODY_MAX] = '\0';
    const char *head = "POST /large HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n" CLOSE;
    int first = dial(port), second = dial(port);
    put(first, head);
    put(first, body + 1);
    until_read(first);
    put(second, head);
    put(second, body);
    copy_until_closed(second, out);
    copy_until_closed(first, out);
}

static void bodies_of_all_together_have_a_limit(void **state)
{
    (void)state;
    struct fixture fixture;
    struct http_config with = config();
    with.timeout_s = PATIENT_S;
    with.max_held_bytes = 3 * BODY_MAX / 2;
    open_with(&fixture, &with);
    int64_t ms = run_client(&fixture, two_large_bodies);
    assert_true(ms < SOON_MS);
    assert_non_null(strstr(buf_str(&fixture.seen), "POST /large [-] xxx"));
    assert_int_equal(count(buf_str(&fixture.seen), "<eof>"), 2);
    assert_int_equal(fixture.handled, 1);
    close_all(&fixture);
    with.max_held_bytes = BODY_MAX / 2; /* no room for one: it is told to come again */
    open_with(&fixture, &with);
    run_client(&fixture, two_large_bodies);
    assert_int_equal(fixture.handled, 0);
    assert_int_equal(count(buf_str(&fixture.seen), " 503 "), 2);
    close_all(&fixture);
}

static void announce_a_gigabyte(int port, int out)
{
    char bytes[16 * 1024] = {0};
    long sent = 0;
    ssize_t n;
    int fd = dial(port);
    put(fd, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\n\r\n");
    copy_until(fd, out, "\r\n\r\n");
    while (sent < (1L << 26) && (n = send(fd, bytes, sizeof bytes, MSG_NOSIGNAL)) > 0)
        sent += n;
    dprintf(out, sent < (1L << 24) ? "<cut>" : "<swallowed>");
}

static void a_gigabyte_is_refused_before_it_comes(void **state)
{
    (void)state;
    struct fixture fixture;
    open_act(&fixture, ACT_ECHO);
    run_client(&fixture, announce_a_gigabyte);
    assert_non_null(strstr(buf_str(&fixture.seen), " 413 "));
    assert_non_null(strstr(buf_str(&fixture.seen), "<cut>"));
    assert_int_equal(fixture.handled, 0);
    close_all(&fixture);
}

static void refuse_early(struct http_request **request, void *arg)
{
    size_t len;
    (void)arg;
    http_body(*request, &len);
    assert_int_equal(len, 0);
    if (strcmp(http_path(*request), "/early") == 0)
        http_reply(request, 404, NULL, "early", 5);
    else if (strcmp(http_path(*request), "/drop") == 0)
        http_drop(request);
}

static void ask_early(int port, int out)
{
    static const char *const paths[] = {"/early", "/drop", "/late"};
    for (int i = 0; i < 3; i++) {
        char text[256];
        int fd = dial(port);
        snprintf(text, sizeof text,
                 "POST %s HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n"
                 "Content-Length: 4\r\n%s\r\n",
                 paths[i], i == 2 ? "Connection: close\r\n" : "");
        put(fd, text);
        if (i == 2) {
            copy_until(fd, out, "100 Continue\r\n\r\n");
            put(fd, "body");
        }
        copy_until_closed(fd, out);
        close(fd);
    }
}

static void a_request_may_be_answered_before_its_body(void **state)
{
    (void)state;
    struct fixture fixture;
    struct http_config with = config();
    with.head = refuse_early;
    open_with(&fixture, &with);
    run_client(&fixture, ask_early);
    const char *seen = buf_str(&fixture.seen);
    assert_non_null(strstr(seen, " 404 "));
    assert_non_null(strstr(seen, "early<eof><eof>HTTP/1.1 100 "));
    assert_non_null(strstr(seen, "POST /late [-] body<eof>"));
    assert_int_equal(count(seen, " 100 "), 1);
    assert_int_equal(fixture.handled, 1);
    close_all(&fixture);
}

/* More header than is ever taken in one piece, ended properly. */
static void long_header_at_once(int port, int out)
{
    char text[2 * HEADER_MAX];
    int fd = dial(port);
    snprintf(text, sizeof text, "GET / HTTP/1.1\r\nX-Long: %*d\r\n\r\n", HEADER_MAX, 0);
    put(fd, text);
    copy_until_closed(fd, out);
    fd = dial(port);
    put(fd, "\x16\x03\x01");
    copy_until_closed(fd, out);
}

static void a_header_over_the_limit_is_refused_also_when_it_comes_at_once(void **state)
{
    (void)state;
    struct fixture fixture;
    open_patient(&fixture, ACT_ECHO);
    int64_t ms = run_client(&fixture, long_header_at_once);
    assert_true(ms < SOON_MS);
    assert_non_null(strstr(buf_str(&fixture.seen), " 431 "));
    assert_non_null(strstr(buf_str(&fixture.seen), " 400 ")); /* of what is none */
    assert_int_equal(fixture.handled, 0);
    close_all(&fixture);
}

static void dribble(int port, int out)
{
    int fd = dial(port);
    put(fd, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n");
    for (int i = 0; i < 30; i++) {
        char byte;
        put(fd, "x");
        wait_for_server(fd, 100);
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
    wait_until_handled();
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
    wait_until_handled();
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

static void open_tls(struct fixture *fixture)
{
    struct http_config with = config();
    if (!certificate_path[0])
        make_certificate();
    with.timeout_s = PATIENT_S;
    with.certificate = certificate_path;
    with.key = key_path;
    open_with(fixture, &with);
}

static void tls_1_2_and_newer_are_spoken_and_nothing_else(void **state)
{
    (void)state;
    struct fixture fixture;
    struct http_config with = config();
    open_tls(&fixture);
    run_client(&fixture, tls_each_version);
    assert_int_equal(count(buf_str(&fixture.seen), "POST /tls [-] ok"), 2);
    assert_int_equal(count(buf_str(&fixture.seen), "<refused>"), 1);
    assert_int_equal(fixture.handled, 2);
    struct err err = {0};
    with.certificate = certificate_path;
    assert_null(http_server_new(fixture.loop, &with, handle, &fixture, &err));
    with.key = with.certificate;
    assert_null(http_server_new(fixture.loop, &with, handle, &fixture, &err));
    assert_int_equal(err.kind, ERR_CONFIG);
    close_all(&fixture);
}

static void put_bytes(int fd, const char *bytes, size_t len)
{
    if (send(fd, bytes, len, MSG_NOSIGNAL) < 0)
        _exit(1);
}

static void tls_rubbish(int port, int out)
{
    static const char too_long[] = "\x16\x03\x01\x20\x00\x01\x02\x00\x00";
    static const char promising[] = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03";
    int fd = dial(port);
    put(fd, "GET / HTTP/1.1\r\n");
    copy_until_closed(fd, out);
    fd = dial(port);
    put_bytes(fd, too_long, sizeof too_long - 1);
    copy_until_closed(fd, out);
    fd = dial(port);
    put_bytes(fd, promising, 4);
    wait_for_server(fd, 20);
    put_bytes(fd, promising + 4, 7);
    wait_for_server(fd, 20);
    say_whether_open(fd, out);
    shutdown(fd, SHUT_WR);
    copy_until_closed(fd, out);
}

static void what_is_no_hello_of_tls_is_closed_at_once(void **state)
{
    (void)state;
    struct fixture fixture;
    open_tls(&fixture);
    int64_t ms = run_client(&fixture, tls_rubbish);
    assert_true(ms < SOON_MS);
    const char *seen = buf_str(&fixture.seen);
    assert_int_equal(count(seen, "<eof>") + count(seen, "<reset>"), 3);
    assert_int_equal(count(seen, "<open>"), 1);
    close_all(&fixture);
}

/* A true hello, first byte by byte and then the rest. */
static void tls_in_drops(int port, int out)
{
    char hello[4096];
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *tls = SSL_new(context);
    BIO *wire = BIO_new(BIO_s_mem());
    int fd = dial(port);
    SSL_set_bio(tls, BIO_new(BIO_s_mem()), wire);
    SSL_connect(tls);
    int len = BIO_read(wire, hello, sizeof hello);
    for (int i = 0; i < 40; i++) {
        put_bytes(fd, hello + i, 1);
        wait_for_server(fd, 1);
    }
    put_bytes(fd, hello + 40, (size_t)len - 40);
    ssize_t n = read(fd, hello, sizeof hello);
    dprintf(out, n > 5 && hello[0] == 0x16 ? "<hello>" : "<nothing>");
    SSL_free(tls);
    SSL_CTX_free(context);
}

static void a_hello_may_come_in_drops(void **state)
{
    (void)state;
    struct fixture fixture;
    open_tls(&fixture);
    run_client(&fixture, tls_in_drops);
    assert_string_equal(buf_str(&fixture.seen), "<hello>");
    close_all(&fixture);
}

enum { HANDSHAKES = 3 * LIMIT_HTTP_HELLOS };

/* All are there before the server looks: more than it begins in a turn. */
static void tls_many_at_once(int port, int out)
{
    char hello[4096];
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *tls = SSL_new(context);
    BIO *wire = BIO_new(BIO_s_mem());
    int fds[HANDSHAKES], good = 0;
    SSL_set_bio(tls, BIO_new(BIO_s_mem()), wire);
    SSL_connect(tls);
    int len = BIO_read(wire, hello, sizeof hello);
    for (int i = 0; i < HANDSHAKES; i++) {
        fds[i] = dial(port);
        put_bytes(fds[i], hello, (size_t)len);
    }
    for (int i = 0; i < HANDSHAKES; i++)
        good += read(fds[i], hello, sizeof hello) > 5 && hello[0] == 0x16;
    tls_get(port, out, TLS1_3_VERSION);
    dprintf(out, "<%d hellos>", good);
    SSL_free(tls);
    SSL_CTX_free(context);
}

static void many_handshakes_at_once_are_all_answered(void **state)
{
    (void)state;
    struct fixture fixture;
    struct http_config with = config();
    char expected[32];
    with.max_connections = 2 * HANDSHAKES;
    with.timeout_s = PATIENT_S;
    with.certificate = certificate_path;
    with.key = key_path;
    open_with(&fixture, &with);
    run_client(&fixture, tls_many_at_once);
    snprintf(expected, sizeof expected, "<%d hellos>", HANDSHAKES);
    assert_non_null(strstr(buf_str(&fixture.seen), expected));
    assert_non_null(strstr(buf_str(&fixture.seen), "POST /tls [-] ok"));
    close_all(&fixture);
}

static int remove_certificate(void **state)
{
    (void)state;
    unlink(certificate_path);
    unlink(key_path);
    rmdir(tls_dir);
    return 0;
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
        cmocka_unit_test(a_header_over_the_limit_is_refused_also_when_it_comes_at_once),
        cmocka_unit_test(for_a_new_connection_the_oldest_stranger_gives_way),
        cmocka_unit_test(without_descriptors_too_the_oldest_stranger_gives_way),
        cmocka_unit_test(a_connection_that_was_answered_outlives_strangers),
        cmocka_unit_test(who_does_not_read_his_answer_gives_way),
        cmocka_unit_test(bodies_of_all_together_have_a_limit),
        cmocka_unit_test(a_gigabyte_is_refused_before_it_comes),
        cmocka_unit_test(a_request_may_be_answered_before_its_body),
        cmocka_unit_test(a_client_that_dribbles_is_cut_after_the_whole_time),
        cmocka_unit_test(idle_connections_are_closed),
        cmocka_unit_test(requests_sent_ahead_wait_their_turn),
        cmocka_unit_test(a_request_outlives_its_client),
        cmocka_unit_test(a_request_outlives_the_server),
        cmocka_unit_test(the_server_may_be_freed_by_its_handler),
        cmocka_unit_test(a_dropped_request_gets_no_answer),
        cmocka_unit_test(a_port_in_use_is_said_so),
        cmocka_unit_test(tls_1_2_and_newer_are_spoken_and_nothing_else),
        cmocka_unit_test(what_is_no_hello_of_tls_is_closed_at_once),
        cmocka_unit_test(a_hello_may_come_in_drops),
        cmocka_unit_test(many_handshakes_at_once_are_all_answered),
    };
    return cmocka_run_group_tests(tests, NULL, remove_certificate);
}
