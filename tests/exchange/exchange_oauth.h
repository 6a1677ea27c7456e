/* The token endpoint of the stand-in, and the tokens that it issued (RFC 6749, 4.4).
 *
 * As strict as Entra where a client can go wrong: the form, the secret, or the signature and
 * each claim of an assertion, which is checked against the certificate alone. Ownership:
 * borrows the loop; the configuration is copied. No I/O: bytes in, an answer out. */
#ifndef SIB_TESTS_EXCHANGE_EXCHANGE_OAUTH_H
#define SIB_TESTS_EXCHANGE_EXCHANGE_OAUTH_H

#include <stddef.h>

#include "base/loop.h"

struct exchange_oauth_config {
    const char *tenant, *client_id;
    const char *secret;      /* NULL: none */
    const char *certificate; /* PEM file whose key signs assertions; NULL: none */
    int64_t life_s;
};

/* What is wrong with the endpoint for the time being. */
enum exchange_oauth_fault {
    EXCHANGE_OAUTH_WELL,
    EXCHANGE_OAUTH_DOWN,     /* 503 with Retry-After: 7 */
    EXCHANGE_OAUTH_REFUSING, /* as for a secret that has expired */
    EXCHANGE_OAUTH_STRANGE,  /* a web page */
};

struct exchange_oauth_answer {
    int status;
    int retry_after_s; /* 0: no such header */
    char body[1024];   /* JSON, or a page */
};

struct exchange_oauth;
struct exchange_oauth *exchange_oauth_new(struct loop *loop,
                                          const struct exchange_oauth_config *config,
                                          struct err *err);
void exchange_oauth_free(struct exchange_oauth **oauth);
void exchange_oauth_set_fault(struct exchange_oauth *oauth, enum exchange_oauth_fault fault);

/* Is this the path of the endpoint, /TENANT/oauth2/v2.0/token of any tenant? */
bool exchange_oauth_is_endpoint(const char *path);
void exchange_oauth_answer(struct exchange_oauth *oauth, const char *path, const char *form,
                           size_t len, struct exchange_oauth_answer *answer);

/* Is this the value of an Authorization header with a token that is good now? */
bool exchange_oauth_accepts(const struct exchange_oauth *oauth, const char *authorization);
/* No token that was issued so far is good any more. */
void exchange_oauth_revoke(struct exchange_oauth *oauth);
/* How many requests came, and how many got a token. */
long exchange_oauth_asked(const struct exchange_oauth *oauth);
long exchange_oauth_issued(const struct exchange_oauth *oauth);

#endif
