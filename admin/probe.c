#include "admin/probe.h"

#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool bad_url(const char *url, struct err *err)
{
    return err_set(err, ERR_CONFIG, "\"%.200s\" is not an address such as https://HOST/path",
                   url);
}

static bool copy_part(char *out, size_t size, const char *start, size_t len)
{
    if (len == 0 || len >= size)
        return false;
    memcpy(out, start, len);
    out[len] = '\0';
    return true;
}

bool probe_parse_url(const char *url, struct probe *out, struct err *err)
{
    bool tls = strncmp(url, "https://", 8) == 0;
    const char *p = strstr(url, "://");

    memset(out, 0, sizeof *out);
    if (!p)
        return bad_url(url, err);
    p += 3;
    size_t len = strcspn(p, "/?#");
    const char *at = memrchr(p, '@', len);
    if (at) {
        len -= (size_t)(at + 1 - p);
        p = at + 1;
    }
    bool bracket = *p == '[';
    size_t host = bracket ? strcspn(p, "]") - 1 : strcspn(p, ":/?#");
    if (!copy_part(out->host, sizeof out->host, p + bracket, host))
        return bad_url(url, err);
    const char *rest = p + host + 2 * bracket;
    size_t digits = rest < p + len && *rest == ':' ? (size_t)(p + len - rest - 1) : 0;
    if (digits == 0)
        snprintf(out->port, sizeof out->port, "%s", tls ? "443" : "80");
    else if (strspn(rest + 1, "0123456789") < digits ||
             !copy_part(out->port, sizeof out->port, rest + 1, digits))
        return bad_url(url, err);
    return true;
}

bool probe_resolve(struct probe *probe, struct err *err)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct addrinfo *list;
    int code = getaddrinfo(probe->host, probe->port, &hints, &list);

    if (code != 0)
        return err_set(err, ERR_NO_HOST,
                       "The name %s does not resolve (%s); check url and this server's DNS.",
                       probe->host, gai_strerror(code));
    probe->count = 0;
    for (struct addrinfo *a = list; a && probe->count < PROBE_ADDRESSES_MAX; a = a->ai_next) {
        memcpy(&probe->addresses[probe->count], a->ai_addr, a->ai_addrlen);
        probe->lengths[probe->count++] = a->ai_addrlen;
    }
    freeaddrinfo(list);
    return true;
}

/* 0, or errno. */
static int try_connect(const struct sockaddr *address, socklen_t len, int timeout_ms)
{
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int code = 0;
    socklen_t size = sizeof code;

    if (fd < 0)
        return errno;
    if (connect(fd, address, len) != 0) {
        struct pollfd wait = {.fd = fd, .events = POLLOUT};
        code = errno;
        if (code == EINPROGRESS && poll(&wait, 1, timeout_ms) == 1)
            getsockopt(fd, SOL_SOCKET, SO_ERROR, &code, &size);
        else if (code == EINPROGRESS)
            code = ETIMEDOUT;
    }
    close(fd);
    return code;
}

bool probe_connect(const struct probe *probe, int timeout_ms, char *text, struct err *err)
{
    char number[PROBE_TEXT_BYTES - 16] = "?";
    int code = 0;

    for (int i = 0; i < probe->count; i++) {
        const struct sockaddr *address = (const struct sockaddr *)&probe->addresses[i];
        code = try_connect(address, probe->lengths[i], timeout_ms);
        getnameinfo(address, probe->lengths[i], number, sizeof number, NULL, 0, NI_NUMERICHOST);
        if (code == 0) {
            snprintf(text, PROBE_TEXT_BYTES, "%s port %s", number, probe->port);
            return true;
        }
    }
    return err_set(
        err, ERR_UNAVAILABLE,
        "No connection to %s port %s, last tried at %s (%s); check url, the firewalls "
        "on the way, and that Exchange runs.",
        probe->host, probe->port, number, strerror(code));
}
