/* Reaching a server step by step, as an administrator would: its name, then its port.
 *
 * Blocking; for sibctl only, never on a loop that serves. Ownership: plain values. Errors:
 * ERR_NO_HOST, ERR_UNAVAILABLE, ERR_CONFIG, each with what to look at. */
#ifndef SIB_ADMIN_PROBE_H
#define SIB_ADMIN_PROBE_H

#include <sys/socket.h>

#include "base/err.h"

enum { PROBE_HOST_BYTES = 256, PROBE_ADDRESSES_MAX = 8, PROBE_TEXT_BYTES = 64 };

struct probe {
    char host[PROBE_HOST_BYTES];
    char port[8];
    struct sockaddr_storage addresses[PROBE_ADDRESSES_MAX];
    socklen_t lengths[PROBE_ADDRESSES_MAX];
    int count;
};

/* Host and port of "https://host:port/path"; the port of the scheme when none is given. */
bool probe_parse_url(const char *url, struct probe *out, struct err *err);
bool probe_resolve(struct probe *probe, struct err *err);
/* The first address that answers, as text ("192.0.2.1 port 443"). text: PROBE_TEXT_BYTES. */
bool probe_connect(const struct probe *probe, int timeout_ms, char *text, struct err *err);

#endif
