/* The parts of the HTTP server that know no HTTP: the listening socket and the TLS context. */
#ifndef SIB_BASE_HTTP_LISTEN_H
#define SIB_BASE_HTTP_LISTEN_H

#include <openssl/types.h>

#include "base/err.h"

/* A listening, non-blocking socket at "host:port" or "[host]:port", and the port it got. -1:
 * err. */
int http_listen_open(const char *where, int *port, struct err *err);

/* A context for TLS 1.2 and newer; certificate, a PEM chain, and key must fit. NULL: err. */
SSL_CTX *http_listen_tls(const char *certificate, const char *key, struct err *err);

#endif
