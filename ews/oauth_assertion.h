/* The proof of an application that has a certificate instead of a secret: a signed JSON Web
 * Token (RFC 7523, 2.2; RFC 7515; RS256), which goes to the token server as client_assertion.
 *
 * Ownership: the key is the caller's until oauth_key_free, which wipes it. Errors are about
 * files and say what the file should be. */
#ifndef SIB_EWS_OAUTH_ASSERTION_H
#define SIB_EWS_OAUTH_ASSERTION_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"

enum {
    OAUTH_ASSERTION_LIFE_S = 9 * 60, /* Entra asks for five to ten minutes */
    OAUTH_ASSERTION_EARLY_S = 60,    /* for a clock there that is behind ours */
};

struct oauth_key;

/* A PEM certificate, and the RSA key that belongs to it: without a passphrase, and unreadable
 * for others. `now`: a certificate that has ended is refused at once. */
struct oauth_key *oauth_key_load(const char *certificate, const char *key, struct wall now,
                                 struct err *err);
void oauth_key_free(struct oauth_key **key);

struct oauth_claims {
    const char *client_id; /* who asks: iss and sub */
    const char *audience;  /* the token server's URL */
    const char *id;        /* jti, another one each time */
    struct wall now;
};

/* Adds the assertion to out. */
bool oauth_assertion(const struct oauth_key *key, const struct oauth_claims *claims,
                     struct buf *out, struct err *err);

#endif
