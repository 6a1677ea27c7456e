/* How callers prove themselves to the stand-in over HTTP: NTLM, Negotiate, or tokens
 * with the endpoint that issues them. (Basic is the stand-in's own.)
 *
 * Ownership: borrows the loop; the configuration is copied. It answers a request itself when it
 * does not let it through. */
#ifndef SIB_TESTS_EXCHANGE_EXCHANGE_AUTH_H
#define SIB_TESTS_EXCHANGE_EXCHANGE_AUTH_H

#include <stdint.h>

#include "base/http.h"

struct exchange_auth_config {
    const char *scheme;          /* "ntlm", "negotiate" or "oauth2" */
    const char *user, *password; /* ntlm; with oauth2 the application and its secret */
    const char *tenant;          /* oauth2; NULL: "tenant" */
    const char *certificate;     /* oauth2: of the key that signs assertions; NULL: none */
    int64_t token_life_s;        /* 0: an hour */
    /* "", or of the token endpoint: "down", "refuse", "strange", "slow:MS" */
    const char *token_fault;
};

struct exchange_auth;
struct exchange_auth *exchange_auth_new(struct loop *loop,
                                        const struct exchange_auth_config *config,
                                        struct err *err);
void exchange_auth_free(struct exchange_auth **auth);

/* Is it for the token endpoint? Then it is answered here. */
bool exchange_auth_takes(struct exchange_auth *auth, struct http_request *request);
/* Who sends this; NULL: answered with 401. Borrowed from auth. */
const char *exchange_auth_user(struct exchange_auth *auth, struct http_request *request);

#endif
