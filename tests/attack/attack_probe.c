/* The honest client: real notifications, and how long each takes from the first packet to the
 * answer. It blocks, and runs in a process of its own. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/attack/attack.h"

enum { EVERY_MS = 200, GIVE_UP_S = 3, PROBES_MAX = 1000 };

struct probe {
    int fd;
    SSL *tls;
};

static double now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1000 + (double)now.tv_nsec / 1e6;
}

static void hang_up(struct probe *probe)
{
    SSL_free(probe->tls);
    if (probe->fd >= 0)
        close(probe->fd);
    *probe = (struct probe){.fd = -1};
}

static bool dial(struct probe *probe, const struct attack_target *target)
{
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)target->port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval limit = {.tv_sec = GIVE_UP_S};
    const int on = 1;

    probe->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(probe->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(probe->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    setsockopt(probe->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (connect(probe->fd, (const struct sockaddr *)&to, sizeof to) != 0)
        return false;
    if (!target->tls)
        return true;
    probe->tls = SSL_new(target->tls);
    SSL_set_fd(probe->tls, probe->fd);
    return SSL_connect(probe->tls) == 1;
}

static bool ask(struct probe *probe)
{
    struct buf request;
    char answer[4096] = "";
    size_t len = 0;
    ssize_t n;

    buf_init(&request, sizeof answer);
    attack_notification(&request, ATTACK_REAL, "sub-real");
    n = probe->tls ? SSL_write(probe->tls, request.data, (int)request.len)
                   : send(probe->fd, request.data, request.len, MSG_NOSIGNAL);
    bool sent = n == (ssize_t)request.len;
    buf_clear(&request);
    while (sent && !strstr(answer, "</s:Envelope>")) {
        n = probe->tls ? SSL_read(probe->tls, answer + len, (int)(sizeof answer - len - 1))
                       : recv(probe->fd, answer + len, sizeof answer - len - 1, 0);
        if (n <= 0)
            break;
        len += (size_t)n;
        answer[len] = '\0';
    }
    return strstr(answer, ">OK</m:SubscriptionStatus>") != NULL;
}

static int by_size(const void *a, const void *b)
{
    double difference = *(const double *)a - *(const double *)b;
    return (difference > 0) - (difference < 0);
}

bool attack_probe(const struct attack_target *target, bool keep)
{
    static double took[PROBES_MAX];
    struct probe probe = {.fd = -1};
    int count = 0, failed = 0;
    double end = now_ms() + target->seconds * 1000.0;

    while (now_ms() < end && count < PROBES_MAX) {
        double start = now_ms();
        bool ok = (probe.fd >= 0 || dial(&probe, target)) && ask(&probe);
        took[count] = now_ms() - start;
        failed += !ok;
        if (!ok)
            printf("# a real notification at %.0f ms was not answered OK after %.1f ms\n",
                   start - (end - target->seconds * 1000.0), took[count]);
        if (!keep || !ok)
            hang_up(&probe);
        double rest = EVERY_MS - took[count++];
        /* A kept connection that the server closes meanwhile is seen at once. */
        if (rest > 0)
            poll(&(struct pollfd){.fd = probe.fd, .events = POLLRDHUP}, 1, (int)rest);
    }
    hang_up(&probe);
    qsort(took, (size_t)count, sizeof took[0], by_size);
    printf("real %s count %d failed %d p50 %.1f ms p99 %.1f ms max %.1f ms\n",
           keep ? "kept" : "fresh", count, failed, took[count / 2],
           took[(int)(0.99 * (count - 1) + 0.5)], took[count - 1]);
    return failed == 0;
}
