#include "tests/support/answer_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CLIENTS_MAX = 4096, HEAD_MAX = 16 * 1024, PIECE = 256 * 1024, BACKLOG = 2048 };

struct client {
    int fd;
    size_t head_len;
    long body_left; /* -1: the head is not whole yet */
    bool whole;     /* a request is there and waits for its answer */
    int64_t due_us; /* of that answer, when they are delayed */
    char head[HEAD_MAX];
};

struct serving {
    int listener, epoll;
    const char *answer;
    size_t answer_len;
    int gather, gathered;
    int64_t delay_us;
    int waiting; /* for their delayed answers */
    struct client *clients[CLIENTS_MAX];
};

static int64_t now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void drop(struct serving *serving, struct client *client)
{
    serving->clients[client->fd] = NULL;
    close(client->fd);
    free(client);
}

static void answer(struct serving *serving, struct client *client)
{
    client->whole = false;
    client->head_len = 0;
    client->body_left = -1;
    if (send(client->fd, serving->answer, serving->answer_len, MSG_NOSIGNAL) !=
        (ssize_t)serving->answer_len)
        drop(serving, client);
}

static void request_is_whole(struct serving *serving, struct client *client)
{
    client->whole = true;
    if (++serving->gathered < serving->gather)
        return;
    if (serving->delay_us > 0) {
        client->due_us = now_us() + serving->delay_us;
        serving->waiting++;
        return;
    }
    if (serving->gathered > serving->gather) {
        answer(serving, client);
        return;
    }
    for (int fd = 0; fd < CLIENTS_MAX; fd++) {
        if (serving->clients[fd] && serving->clients[fd]->whole)
            answer(serving, serving->clients[fd]);
    }
}

/* Bytes of a head: how many of them belong to it. */
static size_t take_head(struct client *client, const char *bytes, size_t len)
{
    size_t room = HEAD_MAX - 1 - client->head_len, before = client->head_len;
    size_t n = len < room ? len : room;

    memcpy(client->head + before, bytes, n);
    client->head[before + n] = '\0';
    char *end = strstr(client->head, "\r\n\r\n");
    if (!end) {
        client->head_len += n;
        return n;
    }
    const char *length = strcasestr(client->head, "\r\nContent-Length:");
    client->body_left = length && length < end ? strtol(length + 17, NULL, 10) : 0;
    return (size_t)(end + 4 - client->head) - before;
}

static void take(struct serving *serving, struct client *client, const char *bytes, size_t len)
{
    size_t at = client->body_left < 0 ? take_head(client, bytes, len) : 0;

    if (client->body_left < 0)
        return;
    client->body_left -= (long)(len - at);
    if (client->body_left <= 0)
        request_is_whole(serving, client);
}

static void on_client(struct serving *serving, struct client *client)
{
    static char piece[PIECE];
    ssize_t n = recv(client->fd, piece, sizeof piece, 0);

    if (n > 0)
        take(serving, client, piece, (size_t)n);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        drop(serving, client);
}

static void on_listener(struct serving *serving)
{
    int fd = accept4(serving->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), one = 1;
    struct client *client = fd >= 0 && fd < CLIENTS_MAX ? calloc(1, sizeof *client) : NULL;

    if (!client) {
        if (fd >= 0)
            close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    *client = (struct client){.fd = fd, .body_left = -1};
    serving->clients[fd] = client;
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    epoll_ctl(serving->epoll, EPOLL_CTL_ADD, fd, &event);
}

/* Answers what is due; how long until the next is, as epoll takes it. */
static int answer_due(struct serving *serving)
{
    int64_t now = now_us(), next = INT64_MAX;

    if (serving->waiting == 0)
        return -1;
    for (int fd = 0; fd < CLIENTS_MAX; fd++) {
        struct client *client = serving->clients[fd];
        if (!client || !client->whole)
            continue;
        if (client->due_us > now) {
            next = client->due_us < next ? client->due_us : next;
            continue;
        }
        serving->waiting--;
        answer(serving, client);
    }
    return next == INT64_MAX ? -1 : (int)((next - now + 999) / 1000);
}

static void serve(struct serving *serving)
{
    struct epoll_event events[64];

    for (;;) {
        int count = epoll_wait(serving->epoll, events, 64, answer_due(serving));
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;
            if (fd == serving->listener)
                on_listener(serving);
            else if (serving->clients[fd])
                on_client(serving, serving->clients[fd]);
        }
    }
}

static void run(int listener, const char *body, int gather, int delay_ms)
{
    struct serving *serving = calloc(1, sizeof *serving);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener};
    char *text;

    int len = asprintf(&text,
                       "HTTP/1.1 200 OK\r\nContent-Type: text/xml; charset=utf-8\r\n"
                       "Content-Length: %zu\r\n\r\n%s",
                       strlen(body), body);
    if (!serving || len < 0)
        _exit(1);
    serving->listener = listener;
    serving->epoll = epoll_create1(EPOLL_CLOEXEC);
    serving->answer = text;
    serving->answer_len = (size_t)len;
    serving->gather = gather;
    serving->delay_us = (int64_t)delay_ms * 1000;
    epoll_ctl(serving->epoll, EPOLL_CTL_ADD, listener, &event);
    serve(serving);
}

static int listen_somewhere(int *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(fd, BACKLOG) != 0 || getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    *port = ntohs(address.sin_port);
    return fd;
}

bool answer_server_start(struct answer_server *server, const char *body, int gather,
                         int delay_ms)
{
    int listener = listen_somewhere(&server->port);

    if (listener < 0)
        return false;
    server->pid = fork();
    if (server->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        run(listener, body, gather, delay_ms);
    }
    close(listener);
    return server->pid > 0;
}

void answer_server_stop(struct answer_server *server)
{
    if (server->pid <= 0)
        return;
    kill(server->pid, SIGKILL);
    waitpid(server->pid, NULL, 0);
    server->pid = 0;
}
