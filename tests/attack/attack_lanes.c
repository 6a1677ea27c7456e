/* The connections of the attackers: on one loop, plain or through TLS. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/attack/attack.h"

enum { OUT_MAX = 2 * 1024 * 1024, AGAIN_MS = 5, DEAF_MS = 500, LANES_MAX = 1024 };

struct lane {
    const struct attack *attack;
    struct field *field;
    int number, fd;
    SSL *tls;
    struct loop_watch *watch;
    struct loop_timer *timer; /* the next byte, or the next connection */
    struct buf out;
    size_t sent;
    unsigned seed;
};

struct field {
    struct loop *loop;
    const struct attack_target *target;
    struct lane lanes[LANES_MAX];
    long made[32], answers[32]; /* of each attack */
};

static void lane_open(struct lane *lane);

static void lane_close(struct lane *lane, int again_ms)
{
    loop_watch_free(&lane->watch);
    SSL_free(lane->tls);
    lane->tls = NULL;
    if (lane->fd >= 0)
        close(lane->fd);
    lane->fd = -1;
    buf_clear(&lane->out);
    loop_timer_set(lane->timer, again_ms);
}

/* Half of them from the honest one's address, as behind a load balancer; the others from one
 * of their own each. */
static void choose_source(int fd, int number)
{
    const struct sockaddr_in from = {
        .sin_family = AF_INET,
        .sin_addr.s_addr =
            htonl(INADDR_LOOPBACK + (number % 2 ? 0 : 0x10000 + (unsigned)number))};

    if (bind(fd, (const struct sockaddr *)&from, sizeof from) != 0)
        fprintf(stderr, "bind: %s\n", strerror(errno));
}

/* -1: later; 0: over. */
static ssize_t lane_result(struct lane *lane, ssize_t n)
{
    if (n > 0)
        return n;
    if (!lane->tls)
        return n < 0 && (errno == EAGAIN || errno == ENOTCONN) ? -1 : 0;
    int why = SSL_get_error(lane->tls, (int)n);
    ERR_clear_error();
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? -1 : 0;
}

static ssize_t lane_write(struct lane *lane, const void *bytes, size_t len)
{
    return lane_result(lane, lane->tls ? SSL_write(lane->tls, bytes, (int)len)
                                       : send(lane->fd, bytes, len, MSG_NOSIGNAL));
}

static ssize_t lane_read(struct lane *lane, void *bytes, size_t len)
{
    return lane_result(lane, lane->tls ? SSL_read(lane->tls, bytes, (int)len)
                                       : recv(lane->fd, bytes, len, 0));
}

/* All of `make` is sent: what now? False: the lane was closed. */
static bool lane_sent(struct lane *lane)
{
    const struct attack *attack = lane->attack;

    if (attack->resets) {
        const struct linger now = {.l_onoff = 1};
        setsockopt(lane->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        lane_close(lane, 0);
        return false;
    }
    if (attack->halves)
        shutdown(lane->fd, SHUT_WR);
    if (attack->pace_ms)
        loop_timer_set(lane->timer, attack->pace_ms);
    else if (attack->deaf)
        loop_timer_set(lane->timer, DEAF_MS);
    loop_watch_want(lane->watch, attack->deaf ? 0 : LOOP_READ);
    return true;
}

/* False: the lane was closed. */
static bool lane_send(struct lane *lane)
{
    char filler[16 * 1024];
    bool endless = lane->attack->filler && !lane->attack->pace_ms;

    ssize_t n;
    if (lane->sent < lane->out.len) {
        n = lane_write(lane, lane->out.data + lane->sent, lane->out.len - lane->sent);
    } else if (endless) {
        memset(filler, lane->attack->filler, sizeof filler);
        n = lane_write(lane, filler, sizeof filler);
    } else {
        return lane_sent(lane);
    }
    if (n == 0) {
        lane_close(lane, AGAIN_MS);
        return false;
    }
    if (n > 0 && lane->sent < lane->out.len)
        lane->sent += (size_t)n;
    return lane->sent < lane->out.len || endless || lane_sent(lane);
}

static void lane_ready(int fd, int ready, void *arg)
{
    struct lane *lane = arg;
    char bytes[16 * 1024];
    ssize_t n = -1;

    (void)fd;
    if (ready & LOOP_READ) {
        n = lane_read(lane, bytes, sizeof bytes);
        if (n == 0) {
            lane_close(lane, AGAIN_MS);
            return;
        }
        lane->field->answers[lane->attack - attacks] += n > 0;
    }
    if (n > 0 && lane->attack->again) {
        lane->sent = 0;
        loop_watch_want(lane->watch, LOOP_READ | LOOP_WRITE);
    } else if (ready & LOOP_WRITE) {
        lane_send(lane);
    }
}

/* One byte more, or a new connection. */
static void lane_tick(void *arg)
{
    struct lane *lane = arg;

    if (lane->fd < 0)
        lane_open(lane);
    else if (lane->attack->deaf || lane_write(lane, &lane->attack->filler, 1) == 0)
        lane_close(lane, AGAIN_MS);
    else
        loop_timer_set(lane->timer, lane->attack->pace_ms);
}

static void lane_open(struct lane *lane)
{
    const struct attack_target *target = lane->field->target;
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)target->port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    lane->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    choose_source(lane->fd, lane->number);
    if (connect(lane->fd, (const struct sockaddr *)&to, sizeof to) != 0 &&
        errno != EINPROGRESS) {
        lane_close(lane, AGAIN_MS);
        return;
    }
    lane->sent = 0;
    buf_init(&lane->out, OUT_MAX);
    lane->attack->make(&lane->out, &lane->seed);
    if (target->tls && !lane->attack->raw) {
        lane->tls = SSL_new(target->tls);
        SSL_set_fd(lane->tls, lane->fd);
        SSL_set_connect_state(lane->tls);
    }
    lane->watch =
        loop_watch_new(lane->field->loop, lane->fd, LOOP_READ | LOOP_WRITE, lane_ready, lane);
    lane->field->made[lane->attack - attacks]++;
}

static void lane_make(struct field *field, int number, const struct attack *attack)
{
    struct lane *lane = &field->lanes[number];

    *lane = (struct lane){.attack = attack,
                          .field = field,
                          .number = number,
                          .fd = -1,
                          .seed = (unsigned)number + 1};
    lane->timer = loop_timer_new(field->loop, lane_tick, lane);
    loop_timer_set(lane->timer, 0);
}

static void stop(void *arg)
{
    loop_stop(arg);
}

void attack_run(const struct attack_target *target)
{
    struct err err;
    static struct field field;
    int lanes = 0;

    field = (struct field){.loop = loop_system_new(&err), .target = target};
    struct loop_timer *end = loop_timer_new(field.loop, stop, field.loop);
    for (int i = 0; i < attack_count; i++)
        for (int j = 0; j < attacks[i].lanes && lanes < LANES_MAX; j++)
            lane_make(&field, lanes++, &attacks[i]);
    loop_timer_set(end, target->seconds * 1000L);
    loop_run(field.loop);
    for (int i = 0; i < attack_count; i++)
        printf("# %-26s %4d at a time, %6ld connections, %6ld answers\n", attacks[i].name,
               attacks[i].lanes, field.made[i], field.answers[i]);
    for (int i = 0; i < lanes; i++) {
        lane_close(&field.lanes[i], 0);
        loop_timer_free(&field.lanes[i].timer);
    }
    loop_timer_free(&end);
    loop_free(&field.loop);
}
