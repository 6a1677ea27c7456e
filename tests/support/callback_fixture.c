#include "tests/support/callback_fixture.h"

#include <arpa/inet.h>
#include <fcntl.h>
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

#include "queue/queue.h"

/* For the commit, which takes no argument of ours. */
static struct callback_fixture *the_fixture;

/* In place of store_commit: counts, looks that nobody was answered yet, and can fail. */
static bool commit(struct store *store, struct err *err)
{
    struct callback_fixture *f = the_fixture;
    char byte;

    f->commits++;
    for (int i = 0; i < f->client_count; i++) {
        if (f->clients[i].fd >= 0 && !f->clients[i].done) {
            assert_int_equal(f->clients[i].in.len, 0);
            assert_true(recv(f->clients[i].fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0);
        }
    }
    if (f->stop_after_commit)
        loop_stop(f->loop);
    if (!f->commit_fails)
        return store_commit(store, err);
    store_rollback(store);
    return err_set(err, f->store_dies ? ERR_IO : ERR_FULL, "the test wants no commit");
}

static void broken(const struct err *err, void *arg)
{
    (void)err;
    ((struct callback_fixture *)arg)->broken++;
}

static void poked(void *arg)
{
    struct callback_fixture *f = arg;

    f->pokes++;
}

static void log_line(enum log_level level, const char *line, void *arg)
{
    (void)line;
    ((struct callback_fixture *)arg)->bad_lines += level <= LOG_LEVEL_WARNING;
}

static void out_of_patience(void *arg)
{
    struct callback_fixture *f = arg;

    f->open_count = -1;
    loop_stop(f->loop);
}

static void handle(struct http_request *request, void *arg)
{
    struct callback_fixture *f = arg;

    callback_handle(request, f->callback);
    if (f->stop_after_request)
        loop_stop(f->loop);
}

static void head(struct http_request **request, void *arg)
{
    callback_head(request, ((struct callback_fixture *)arg)->callback);
}

static void ok(bool result, const struct err *err)
{
    if (!result)
        fail_msg("%s", err->text);
}

void cf_add_watch(struct callback_fixture *f, const char *secret, const char *mailbox,
                  const char *subscription)
{
    struct watch watch = {.made_ms = 1};
    struct err err = {0};

    snprintf(watch.secret, sizeof watch.secret, "%s", secret);
    snprintf(watch.mailbox, sizeof watch.mailbox, "%s", mailbox);
    snprintf(watch.subscription, sizeof watch.subscription, "%s", subscription);
    ok(store_begin(f->store, &err), &err);
    ok(watch_add(f->store, &watch, &err), &err);
    ok(store_commit(f->store, &err), &err);
}

int cf_set_up(void **state)
{
    struct callback_fixture *f = calloc(1, sizeof *f);
    struct err err = {0};
    const struct http_config http = {.listen = "127.0.0.1:0",
                                     .max_header_bytes = LIMIT_CALLBACK_HEADER_BYTES,
                                     .max_body_bytes = LIMIT_CALLBACK_BYTES,
                                     .max_connections = LIMIT_CALLBACK_CONNECTIONS,
                                     .timeout_s = LIMIT_CALLBACK_TIMEOUT_S,
                                     .max_held_bytes = LIMIT_CALLBACK_BODIES,
                                     .head = head};

    *state = the_fixture = f;
    log_set_sink(log_line, f);
    snprintf(f->dir, sizeof f->dir, "/tmp/test-callback-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    const struct store_options options = {.state_dir = f->dir, .memory = true};
    f->store = store_open(&options, &err);
    f->loop = loop_system_new(&err);
    f->patience = loop_timer_new(f->loop, out_of_patience, f);
    const struct callback_config config = {
        .loop = f->loop, .store = f->store, .commit = commit, .broken = broken, .arg = f};
    f->callback = callback_new(&config, &err);
    f->server = http_server_new(f->loop, &http, handle, f, &err);
    ok(f->server != NULL, &err);
    f->poke = poke_listen(f->loop, f->dir, "sync", poked, f, &err);
    ok(f->poke != NULL, &err);
    cf_add_watch(f, SECRET_A, "ann", "sub-a");
    cf_add_watch(f, SECRET_B, "bob", "sub-b");
    return 0;
}

void cf_client_close(struct callback_client *client)
{
    loop_watch_free(&client->watch);
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
}

int cf_tear_down(void **state)
{
    struct callback_fixture *f = *state;

    for (int i = 0; i < f->client_count; i++) {
        cf_client_close(&f->clients[i]);
        buf_clear(&f->clients[i].out);
        buf_clear(&f->clients[i].in);
    }
    http_server_free(&f->server);
    callback_free(&f->callback);
    poke_free(&f->poke);
    loop_timer_free(&f->patience);
    store_close(&f->store);
    loop_free(&f->loop);
    rmdir(f->dir);
    log_set_sink(NULL, NULL);
    int bad_lines = f->bad_lines;
    free(f);
    return bad_lines;
}

static bool whole_answer(const struct callback_client *client)
{
    const char *text = buf_str(&client->in);
    const char *end = strstr(text, "\r\n\r\n");
    const char *length = strstr(text, "Content-Length: ");

    return end && length && length < end &&
           strlen(end + 4) >= strtoul(length + strlen("Content-Length: "), NULL, 10);
}

static void client_finished(struct callback_client *client)
{
    client->done = true;
    loop_watch_free(&client->watch);
    if (--client->f->open_count == 0)
        loop_stop(client->f->loop);
}

static void client_moves(int fd, int ready, void *arg)
{
    struct callback_client *client = arg;
    char bytes[4096];

    if (ready & LOOP_WRITE) {
        ssize_t n = send(fd, client->out.data + client->sent, client->out.len - client->sent,
                         MSG_NOSIGNAL);
        client->sent = n < 0 ? client->out.len : client->sent + (size_t)n;
        if (client->sent == client->out.len)
            loop_watch_want(client->watch, LOOP_READ);
    }
    if (ready & LOOP_READ) {
        ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n > 0)
            buf_add(&client->in, bytes, (size_t)n);
        if (n <= 0 || whole_answer(client))
            client_finished(client);
    }
}

struct callback_client *cf_call(struct callback_fixture *f, const char *method,
                                const char *path, const char *body)
{
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)http_server_port(f->server)),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    assert_in_range(f->client_count, 0, CLIENTS_MAX - 1);
    struct callback_client *client = &f->clients[f->client_count++];
    client->f = f;
    buf_init(&client->in, MIB);
    buf_init(&client->out, 4 * MIB);
    buf_printf(&client->out, "%s %s HTTP/1.1\r\nHost: test\r\n", method, path);
    if (body)
        buf_printf(&client->out,
                   "Content-Type: text/xml; charset=utf-8\r\nContent-Length: %zu\r\n",
                   strlen(body));
    buf_printf(&client->out, "\r\n%s", body ? body : "");
    client->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(client->fd, (const struct sockaddr *)&to, sizeof to), 0);
    fcntl(client->fd, F_SETFL, O_NONBLOCK);
    client->watch =
        loop_watch_new(f->loop, client->fd, LOOP_READ | LOOP_WRITE, client_moves, client);
    f->open_count++;
    return client;
}

void cf_run(struct callback_fixture *f)
{
    loop_timer_set(f->patience, PATIENCE_MS);
    loop_run(f->loop);
    loop_timer_stop(f->patience);
    assert_int_not_equal(f->open_count, -1);
}

int cf_status_of(const struct callback_client *client)
{
    static const char protocol[] = "HTTP/1.1 ";
    const char *in = buf_str(&client->in);
    size_t len = sizeof protocol - 1;

    return strncmp(in, protocol, len) == 0 ? (int)strtol(in + len, NULL, 10) : 0;
}

bool cf_says(const struct callback_client *client, const char *text)
{
    return strstr(buf_str(&client->in), text) != NULL;
}

int64_t cf_rows_of(struct callback_fixture *f, const char *mailbox)
{
    struct err err = {0};
    int64_t rows;

    ok(queue_count(f->store, mailbox, &rows, &err), &err);
    return rows;
}

struct watch cf_watch_of(struct callback_fixture *f, const char *secret)
{
    struct watch watch;
    struct err err = {0};
    bool found;

    ok(watch_find(f->store, secret, &watch, &found, &err), &err);
    assert_true(found);
    return watch;
}
