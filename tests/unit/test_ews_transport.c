/* The transport over libcurl, against small servers on real sockets. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/http.h"
#include "base/limits.h"
#include "ews/transport.h"
#include "tests/support/ews_fixture.h"

/* ---- A server that does what it is told -------------------------------------------------- */

enum behaviour {
    ANSWER,       /* 200 and a text */
    DIE,          /* read the whole request, then close */
    DIE_LATER,    /* answer the first request of a connection, die at the second */
    SILENT,       /* read the request, say nothing */
    CUT,          /* promise more bytes than come */
    BUSY,         /* 503 with Retry-After */
    REDIRECT,     /* 302 to somewhere else */
    CHALLENGE,    /* 401, asks for Basic */
    NTLM,         /* 401 with a challenge, then 200 */
    NTLM_DIE,     /* the same, but die instead of the 200 */
    CLOSE_UNREAD, /* close as soon as there is a connection */
};

enum { SERVER_CONNECTIONS = 16, HEAD_MAX = 8192 };

struct connection {
    struct server *server;
    struct loop_watch *watch;
    int fd;
    char head[HEAD_MAX + 1];
    size_t head_len;
    bool in_body;
    long long body_left;
    int requests;
};

struct server {
    struct loop *loop;
    enum behaviour behaviour;
    int fd, port;
    struct loop_watch *watch;
    struct connection connections[SERVER_CONNECTIONS];
    int connection_count, requests;
    long long body_bytes;
    size_t most_memory;      /* in use in this process while a request came in */
    char head[HEAD_MAX + 1]; /* of the last request */
};

static void say(struct connection *c, const char *text)
{
    assert_int_equal(write(c->fd, text, strlen(text)), strlen(text));
}

static void hang_up(struct connection *c)
{
    loop_watch_free(&c->watch);
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

/* A challenge (type 2) with flags for NTLMv2 and the domain "EX". */
static const char ntlm_challenge[] =
    "HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM "
    "TlRMTVNTUAACAAAAAAAAADAAAAABAogAAQIDBAUGBwgAAAAAAAAAAAwADAAwAAAAAgAEAEUAWAAAAAAA"
    "\r\nContent-Length: 0\r\n\r\n";

static void ntlm_step(struct connection *c)
{
    bool last = c->requests == 2;
    assert_non_null(strstr(c->server->head, "Authorization: NTLM TlRMTVNTUAA"));
    if (last && c->server->behaviour == NTLM_DIE)
        hang_up(c);
    else
        say(c, last ? "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n<a/>" : ntlm_challenge);
}

static void request_is_whole(struct connection *c)
{
    struct server *server = c->server;
    server->requests++;
    c->requests++;
    memcpy(server->head, c->head, sizeof(server->head));
    c->head_len = 0;
    c->in_body = false;
    switch (server->behaviour) {
    case DIE: hang_up(c); break;
    case SILENT: break;
    case NTLM:
    case NTLM_DIE: ntlm_step(c); break;
    case CUT:
        say(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart");
        hang_up(c);
        break;
    case BUSY:
        say(c, "HTTP/1.1 503 Busy\r\nRetry-After: 30\r\nContent-Length: 4\r\n\r\nbusy");
        break;
    case REDIRECT:
        say(c,
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n");
        break;
    case CHALLENGE:
        say(c, "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"x\"\r\n"
               "Content-Length: 2\r\n\r\nno");
        break;
    case DIE_LATER:
        if (c->requests > 1) {
            hang_up(c);
            break;
        }
        /* fall through */
    default:
        say(c, "HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=utf-8\r\n"
               "Content-Length: 4\r\n\r\n<a/>");
        break;
    }
}

static void take_head(struct connection *c, const char *bytes, size_t len)
{
    assert_true(c->head_len + len <= HEAD_MAX);
    memcpy(c->head + c->head_len, bytes, len);
    c->head_len += len;
    c->head[c->head_len] = '\0';
    char *end = strstr(c->head, "\r\n\r\n");
    if (!end)
        return;
    size_t extra = c->head_len - (size_t)(end + 4 - c->head);
    const char *length = strstr(c->head, "Content-Length: ");
    assert_non_null(length);
    c->in_body = true;
    c->body_left = strtoll(length + 16, NULL, 10) - (long long)extra;
    c->server->body_bytes += (long long)extra;
    end[2] = '\0';
}

static void on_ready(int fd, int ready, void *arg)
{
    struct connection *c = arg;
    char bytes[65536];
    (void)ready;
    size_t memory = fixture_memory_in_use();
    if (memory > c->server->most_memory)
        c->server->most_memory = memory;
    ssize_t n = read(fd, bytes, c->in_body ? sizeof(bytes) : HEAD_MAX / 2);
    if (n <= 0) {
        hang_up(c);
        return;
    }
    if (c->in_body) {
        c->body_left -= n;
        c->server->body_bytes += n;
    } else {
        take_head(c, bytes, (size_t)n);
    }
    if (c->in_body && c->body_left <= 0)
        request_is_whole(c);
}

static void on_accept(int fd, int ready, void *arg)
{
    struct server *server = arg;
    (void)ready;
    assert_true(server->connection_count < SERVER_CONNECTIONS);
    struct connection *c = &server->connections[server->connection_count++];
    *c = (struct connection){.server = server, .fd = accept(fd, NULL, NULL)};
    assert_true(c->fd >= 0);
    if (server->behaviour == CLOSE_UNREAD) {
        hang_up(c);
        return;
    }
    c->watch = loop_watch_new(server->loop, c->fd, LOOP_READ, on_ready, c);
}

static int listen_anywhere(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    *port = ntohs(address.sin_port);
    return fd;
}

/* ---- The scene -------------------------------------------------------------------------- */

struct scene {
    struct loop *loop;
    struct server server;
    struct transport *transport;
    struct transport_account account;
    struct loop_timer *guard;
    char url[128];
    int64_t timeout_ms;
    bool stop_bytes;
    struct transport_call *cancel_in_bytes;
    /* what came */
    int done, waited_for;
    struct err err;
    int status;
    char content_type[100];
    int64_t retry_after_ms;
    struct buf bytes;
};

static void took_too_long(void *arg)
{
    (void)arg;
    fail_msg("nothing came within 20 s");
}

static void open_scene(struct scene *s, enum behaviour behaviour)
{
    struct err err = {0};
    memset(s, 0, sizeof(*s));
    s->loop = loop_system_new(&err);
    s->transport = transport_curl_new(s->loop, &err);
    assert_non_null(s->transport);
    s->server.loop = s->loop;
    s->server.behaviour = behaviour;
    s->server.fd = listen_anywhere(&s->server.port);
    assert_int_equal(listen(s->server.fd, 16), 0);
    s->server.watch = loop_watch_new(s->loop, s->server.fd, LOOP_READ, on_accept, &s->server);
    s->account = (struct transport_account){.auth = "basic",
                                            .user = "EX\\svc",
                                            .password = "secret",
                                            .verify = true,
                                            .max_connections = 4};
    snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%d/EWS/Exchange.asmx", s->server.port);
    s->timeout_ms = 10000;
    s->guard = loop_timer_new(s->loop, took_too_long, s);
    loop_timer_set(s->guard, 20000);
    buf_init(&s->bytes, MIB);
}

static void close_scene(struct scene *s)
{
    transport_free(&s->transport);
    assert_null(s->transport);
    loop_timer_free(&s->guard);
    loop_watch_free(&s->server.watch);
    for (int i = 0; i < s->server.connection_count; i++)
        hang_up(&s->server.connections[i]);
    close(s->server.fd);
    loop_free(&s->loop);
    buf_clear(&s->bytes);
}

static bool took_bytes(const void *bytes, size_t len, void *arg)
{
    struct scene *s = arg;
    buf_add(&s->bytes, bytes, len);
    if (s->cancel_in_bytes) {
        s->transport->ops->cancel(s->cancel_in_bytes);
        s->cancel_in_bytes = NULL;
        loop_stop(s->loop);
    }
    return !s->stop_bytes;
}

static void ended(const struct err *err, const struct transport_reply *reply, void *arg)
{
    struct scene *s = arg;
    s->done++;
    s->err = *err;
    s->status = reply->status;
    s->retry_after_ms = reply->retry_after_ms;
    snprintf(s->content_type, sizeof(s->content_type), "%s", reply->content_type);
    if (s->done >= s->waited_for)
        loop_stop(s->loop);
}

static struct transport_call *send_body(struct scene *s, struct body *body)
{
    struct transport_request request = {
        .account = &s->account,
        .url = s->url,
        .anchor_mailbox = "ann@example.com",
        .request_id = "0b8f5c3e-3a50-4a5f-9a77-0d6f0c1b2a39",
        .timeout_ms = s->timeout_ms,
        .body = body,
        .bytes = took_bytes,
        .done = ended,
        .arg = s,
    };
    int before = s->done;
    struct transport_call *call = s->transport->ops->start(s->transport, &request);
    assert_non_null(call);
    assert_int_equal(s->done, before); /* never before start has returned */
    return call;
}

static struct transport_call *send_text(struct scene *s, const char *text)
{
    struct buf bytes;
    buf_init(&bytes, MIB);
    buf_add_str(&bytes, text);
    return send_body(s, body_from_buf(&bytes));
}

static void send_and_wait(struct scene *s, const char *text)
{
    s->waited_for = s->done + 1;
    send_text(s, text);
    loop_run(s->loop);
}

/* ---- What goes well --------------------------------------------------------------------- */

static void a_request_goes_out_as_exchange_wants_it(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "POST /EWS/Exchange.asmx HTTP/1.1\r\n",
        "Content-Length: 10\r\n",
        "Content-Type: text/xml; charset=utf-8\r\n",
        "Accept: text/xml\r\n",
        "User-Agent: sib/",
        "client-request-id: 0b8f5c3e-3a50-4a5f-9a77-0d6f0c1b2a39\r\n",
        "return-client-request-id: true\r\n",
        "X-AnchorMailbox: ann@example.com\r\n",
        "Accept-Encoding: ",
        "Authorization: Basic RVhcc3ZjOnNlY3JldA==\r\n",
    };
    struct scene s;
    open_scene(&s, ANSWER);
    send_and_wait(&s, "<request/>");
    assert_int_equal(s.err.kind, ERR_OK);
    assert_int_equal(s.status, 200);
    assert_string_equal(s.content_type, "text/xml; charset=utf-8");
    assert_int_equal(s.retry_after_ms, -1);
    assert_string_equal(buf_str(&s.bytes), "<a/>");
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        if (!strstr(s.server.head, lines[i]))
            fail_msg("no '%s' in:\n%s", lines[i], s.server.head);
    }
    assert_null(strstr(s.server.head, "Expect"));
    assert_null(strstr(s.server.head, "chunked"));
    close_scene(&s);
}

static void a_connection_is_used_again_but_never_by_another_account(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, ANSWER);
    send_and_wait(&s, "<a/>");
    send_and_wait(&s, "<a/>");
    assert_int_equal(s.server.connection_count, 1);
    s.account.user = "EX\\other";
    send_and_wait(&s, "<a/>");
    assert_int_equal(s.server.connection_count, 2);
    assert_int_equal(s.server.requests, 3);
    close_scene(&s);
}

static void twenty_megabytes_are_sent_with_constant_memory(void **state)
{
    (void)state;
    struct scene s;
    struct buf before, after;
    struct err err = {0};
    char path[] = "/tmp/sib-test-audio-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(ftruncate(fd, 20 * MIB), 0);
    close(fd);
    buf_init(&before, 100);
    buf_init(&after, 100);
    buf_add_str(&before, "<a>");
    buf_add_str(&after, "</a>");
    open_scene(&s, ANSWER);
    send_and_wait(&s, "<warm/>");
    struct body *body = body_with_file(&before, path, &after, &err);
    assert_non_null(body);
    int64_t length = body_length(body);
    size_t used = fixture_memory_in_use();
    long long sent = s.server.body_bytes;
    s.waited_for = 2;
    send_body(&s, body);
    loop_run(s.loop);
    assert_int_equal(s.err.kind, ERR_OK);
    assert_int_equal(s.server.body_bytes - sent, length);
    assert_true(s.server.most_memory < used + MIB);
    unlink(path);
    close_scene(&s);
}

static void ntlm_takes_its_two_steps_on_one_connection_and_is_not_repeated(void **state)
{
    (void)state;
    for (int dies = 0; dies < 2; dies++) {
        struct scene s;
        if (transport_curl_lacks("ntlm")) {
            print_message("skipped: %s\n", transport_curl_lacks("ntlm"));
            skip();
        }
        open_scene(&s, dies ? NTLM_DIE : NTLM);
        s.account.auth = "ntlm";
        send_and_wait(&s, "<request/>");
        assert_int_equal(s.err.kind, dies ? ERR_UNAVAILABLE : ERR_OK);
        assert_int_equal(s.err.effect, dies ? ERR_EFFECT_UNKNOWN : ERR_EFFECT_NONE);
        if (!dies) /* else libcurl connects again, and is not let to send anything there */
            assert_int_equal(s.server.connection_count, 1);
        assert_int_equal(s.server.requests, 2);
        assert_int_equal(s.server.body_bytes, 10); /* the first step carries no body */
        close_scene(&s);
    }
}

static void many_requests_at_once_all_come_back(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, ANSWER);
    s.waited_for = 8;
    for (int i = 0; i < 8; i++)
        send_text(&s, "<a/>");
    loop_run(s.loop);
    assert_int_equal(s.done, 8);
    assert_int_equal(s.server.requests, 8);
    close_scene(&s);
}

/* ---- What goes wrong -------------------------------------------------------------------- */

static void a_server_that_does_not_listen_leaves_no_doubt(void **state)
{
    (void)state;
    struct scene s;
    int port;
    open_scene(&s, ANSWER);
    int fd = listen_anywhere(&port); /* bound, not listening */
    snprintf(s.url, sizeof(s.url), "http://127.0.0.1:%d/", port);
    send_and_wait(&s, "<a/>");
    assert_int_equal(s.err.kind, ERR_UNAVAILABLE);
    assert_int_equal(s.err.effect, ERR_EFFECT_NONE);
    assert_int_equal(s.err.scope, ERR_SCOPE_ACCOUNT);
    assert_int_equal(s.status, 0);
    close(fd);
    snprintf(s.url, sizeof(s.url), "http://no-such-host.invalid/");
    send_and_wait(&s, "<a/>");
    assert_int_equal(s.err.kind, ERR_NO_HOST);
    assert_int_equal(s.err.effect, ERR_EFFECT_NONE);
    close_scene(&s);
}

static void a_server_that_dies_after_reading_leaves_doubt(void **state)
{
    (void)state;
    static const enum behaviour deaths[] = {DIE, CUT};
    for (int i = 0; i < 2; i++) {
        struct scene s;
        open_scene(&s, deaths[i]);
        send_and_wait(&s, "<a/>");
        assert_int_equal(s.err.kind, ERR_UNAVAILABLE);
        assert_int_equal(s.err.effect, ERR_EFFECT_UNKNOWN);
        assert_int_equal(s.server.requests, 1);
        close_scene(&s);
    }
}

static void a_request_is_never_sent_twice_when_a_kept_connection_dies(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, DIE_LATER);
    send_and_wait(&s, "<a/>");
    assert_int_equal(s.err.kind, ERR_OK);
    send_and_wait(&s, "<create/>");
    assert_int_equal(s.err.kind, ERR_UNAVAILABLE);
    assert_int_equal(s.err.effect, ERR_EFFECT_UNKNOWN);
    assert_int_equal(s.server.requests, 2);
    close_scene(&s);
}

static void a_time_out_leaves_doubt_and_closes_the_connection(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, SILENT);
    s.timeout_ms = 300;
    send_and_wait(&s, "<a/>");
    assert_int_equal(s.err.kind, ERR_UNAVAILABLE);
    assert_int_equal(s.err.effect, ERR_EFFECT_UNKNOWN);
    assert_int_equal(s.err.scope, ERR_SCOPE_MAILBOX);
    assert_non_null(strstr(s.err.text, "no answer"));
    char byte;
    assert_int_equal(recv(s.server.connections[0].fd, &byte, 1, 0), 0);
    close_scene(&s);
}

static void the_wait_asked_for_and_the_status_are_handed_on(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, BUSY);
    send_and_wait(&s, "<a/>");
    assert_int_equal(s.err.kind, ERR_OK);
    assert_int_equal(s.status, 503);
    assert_int_equal(s.retry_after_ms, 30000);
    s.server.behaviour = CHALLENGE;
    send_and_wait(&s, "<a/>");
    assert_int_equal(s.err.kind, ERR_OK);
    assert_int_equal(s.status, 401);
    close_scene(&s);
}

static void a_redirect_is_not_followed(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, REDIRECT);
    send_and_wait(&s, "<a/>");
    assert_int_equal(s.err.kind, ERR_OK);
    assert_int_equal(s.status, 302);
    assert_int_equal(s.server.requests, 1);
    close_scene(&s);
}

static void stopping_the_bytes_ends_with_cancelled(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, ANSWER);
    s.stop_bytes = true;
    send_and_wait(&s, "<a/>");
    assert_int_equal(s.err.kind, ERR_CANCELLED);
    assert_int_equal(s.status, 200);
    close_scene(&s);
}

static void stop(void *arg)
{
    loop_stop(arg);
}

static void let_pass(struct scene *s, int64_t ms)
{
    struct loop_timer *timer = loop_timer_new(s->loop, stop, s->loop);
    loop_timer_set(timer, ms);
    loop_run(s->loop);
    loop_timer_free(&timer);
}

static void no_callback_comes_after_cancel(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, SILENT);
    struct transport_call *call = send_text(&s, "<a/>");
    s.transport->ops->cancel(call);
    call = send_text(&s, "<a/>");
    let_pass(&s, 100);
    s.transport->ops->cancel(call);
    s.server.behaviour = ANSWER;
    s.cancel_in_bytes = send_text(&s, "<a/>");
    loop_run(s.loop);
    let_pass(&s, 50);
    assert_int_equal(s.done, 0);
    send_text(&s, "<a/>"); /* under way when the transport is freed */
    close_scene(&s);
    assert_int_equal(s.done, 0);
}

static void free_transport(const struct err *err, const struct transport_reply *reply,
                           void *arg)
{
    struct scene *s = arg;
    ended(err, reply, s);
    transport_free(&s->transport);
}

static void the_transport_may_be_freed_inside_a_callback(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, ANSWER);
    struct buf bytes;
    buf_init(&bytes, 10);
    buf_add_str(&bytes, "<a/>");
    struct transport_request request = {.account = &s.account,
                                        .url = s.url,
                                        .timeout_ms = 5000,
                                        .body = body_from_buf(&bytes),
                                        .bytes = took_bytes,
                                        .done = free_transport,
                                        .arg = &s};
    s.transport->ops->start(s.transport, &request);
    s.waited_for = 1;
    loop_run(s.loop);
    assert_int_equal(s.done, 1);
    assert_null(s.transport);
    close_scene(&s);
}

/* ---- TLS -------------------------------------------------------------------------------- */

static char tls_dir[] = "/tmp/sib-test-tls-XXXXXX";
static char certificate_path[64], key_path[64];

static void make_certificate(void)
{
    assert_non_null(mkdtemp(tls_dir));
    snprintf(certificate_path, sizeof(certificate_path), "%s/cert.pem", tls_dir);
    snprintf(key_path, sizeof(key_path), "%s/key.pem", tls_dir);
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

static void answer_tls(struct http_request *request, void *arg)
{
    int *asked = arg;
    ++*asked;
    http_reply(&request, 200, "text/xml", "<a/>", 4);
}

static void a_certificate_that_is_not_trusted_stops_everything(void **state)
{
    (void)state;
    struct scene s;
    struct err err = {0};
    int asked = 0;
    make_certificate();
    open_scene(&s, ANSWER);
    struct http_config config = {.listen = "127.0.0.1:0",
                                 .certificate = certificate_path,
                                 .key = key_path,
                                 .max_header_bytes = 16384,
                                 .max_body_bytes = 16384,
                                 .max_connections = 10,
                                 .timeout_s = 5};
    struct http_server *server = http_server_new(s.loop, &config, answer_tls, &asked, &err);
    assert_non_null(server);
    snprintf(s.url, sizeof(s.url), "https://localhost:%d/", http_server_port(server));
    send_and_wait(&s, "<a/>");
    assert_int_equal(s.err.kind, ERR_CONFIG);
    assert_int_equal(s.err.scope, ERR_SCOPE_ACCOUNT);
    assert_int_equal(s.err.effect, ERR_EFFECT_NONE);
    assert_non_null(strstr(s.err.text, "ca-file"));
    assert_int_equal(asked, 0);
    s.account.ca_file = certificate_path;
    send_and_wait(&s, "<a/>");
    assert_int_equal(s.err.kind, ERR_OK);
    snprintf(s.url, sizeof(s.url), "https://127.0.0.1:%d/", http_server_port(server));
    send_and_wait(&s, "<a/>"); /* the right issuer, the wrong name */
    assert_int_equal(s.err.kind, ERR_CONFIG);
    assert_int_equal(asked, 1);
    s.account.ca_file = "/nonexistent/ca.pem";
    send_and_wait(&s, "<a/>");
    assert_int_equal(s.err.kind, ERR_CONFIG);
    snprintf(s.url, sizeof(s.url), "https://127.0.0.1:%d/", s.server.port);
    s.account.ca_file = NULL;
    s.server.behaviour = CLOSE_UNREAD;
    send_and_wait(&s, "<a/>");
    assert_int_equal(s.err.effect, ERR_EFFECT_NONE);
    http_server_free(&server);
    unlink(certificate_path);
    unlink(key_path);
    rmdir(tls_dir);
    close_scene(&s);
}

static void what_libcurl_lacks_is_said(void **state)
{
    (void)state;
    assert_null(transport_curl_lacks("basic"));
    assert_null(transport_curl_lacks("oauth2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_goes_out_as_exchange_wants_it),
        cmocka_unit_test(a_connection_is_used_again_but_never_by_another_account),
        cmocka_unit_test(twenty_megabytes_are_sent_with_constant_memory),
        cmocka_unit_test(ntlm_takes_its_two_steps_on_one_connection_and_is_not_repeated),
        cmocka_unit_test(many_requests_at_once_all_come_back),
        cmocka_unit_test(a_server_that_does_not_listen_leaves_no_doubt),
        cmocka_unit_test(a_server_that_dies_after_reading_leaves_doubt),
        cmocka_unit_test(a_request_is_never_sent_twice_when_a_kept_connection_dies),
        cmocka_unit_test(a_time_out_leaves_doubt_and_closes_the_connection),
        cmocka_unit_test(the_wait_asked_for_and_the_status_are_handed_on),
        cmocka_unit_test(a_redirect_is_not_followed),
        cmocka_unit_test(stopping_the_bytes_ends_with_cancelled),
        cmocka_unit_test(no_callback_comes_after_cancel),
        cmocka_unit_test(the_transport_may_be_freed_inside_a_callback),
        cmocka_unit_test(a_certificate_that_is_not_trusted_stops_everything),
        cmocka_unit_test(what_libcurl_lacks_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
