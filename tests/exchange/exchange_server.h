/* The stand-in behind HTTP: /EWS/Exchange.asmx for EWS, POST /user for acts of a person,
 * /autodiscover/autodiscover.svc and .xml.
 *
 * Ownership: borrows loop and exchange; config and its strings must outlive it. What is under
 * way when it is freed is not answered. Errors: exchange_server_new gives NULL and *err. */
#ifndef SIB_TESTS_EXCHANGE_EXCHANGE_SERVER_H
#define SIB_TESTS_EXCHANGE_EXCHANGE_SERVER_H

#include "tests/exchange/exchange.h"
#include "tests/exchange/exchange_auth.h"
#include "tests/exchange/exchange_autodiscover.h"

struct exchange_server_config {
    const char *listen; /* "127.0.0.1:0" */
    const char *certificate, *key;
    const char *dump_dir; /* every request body goes into a file here; NULL: none */
    int64_t latency_ms;
    struct exchange_auth *auth;                 /* how callers prove themselves; NULL: Basic */
    const struct ex_autodiscover *autodiscover; /* how it misbehaves; NULL: not */
};

struct exchange_server;
struct exchange_server *exchange_server_new(struct loop *loop, struct exchange *ex,
                                            const struct exchange_server_config *config,
                                            struct err *err);
int exchange_server_port(const struct exchange_server *server);
void exchange_server_free(struct exchange_server **server);

#endif
