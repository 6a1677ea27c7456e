/* The tokens of one account (OAuth 2.0 client credentials, RFC 6749, 4.4): fetched, kept in
 * memory, and renewed before they end.
 *
 * Who needs a token asks oauth_token; when there is none, oauth_wait tells when there is, or
 * why not. However many wait, one request is under way. A token is renewed while it is still
 * good, at the first request after 80 % of its life or five minutes before its end, whichever
 * is earlier; who asks meanwhile gets the old one. After a failure the next attempt waits,
 * longer each time; who asks meanwhile hears the failure again.
 *
 * Ownership: borrows loop and transport; copies its configuration, the secret and the key
 * included, and wipes them at the end. Callbacks: as loop.h says. Errors: ERR_UNAVAILABLE and
 * ERR_DENIED of the account's scope; nothing was sent to Exchange. Nothing survives a crash. */
#ifndef SIB_EWS_OAUTH_H
#define SIB_EWS_OAUTH_H

#include "base/loop.h"
#include "ews/transport.h"

#define OAUTH_SCOPE "https://outlook.office365.com/.default"

struct oauth_config {
    const char *name;      /* of the [exchange] section, for the log */
    const char *tenant;    /* a domain or an identifier; NULL: token_url says it all */
    const char *token_url; /* NULL: that of Entra for the tenant */
    const char *scope;     /* NULL: OAUTH_SCOPE */
    const char *client_id;
    const char *secret;            /* NULL: by certificate */
    const char *certificate, *key; /* PEM files */
    const char *ca_file, *proxy;   /* NULL: the system's; none */
    bool verify;
};

struct oauth;
struct oauth_wait;

/* NULL when the configuration cannot work; err names the key. */
struct oauth *oauth_new(struct loop *loop, struct transport *transport,
                        const struct oauth_config *config, struct err *err);
/* Nobody may wait any more. */
void oauth_free(struct oauth **oauth);

/* The token, NULL when there is none now; *number names it for oauth_refused. Borrowed: gone at
 * the next call of anything here and at the next turn of the loop. */
const char *oauth_token(struct oauth *oauth, long *number);

/* Once there is a token, or there will be none soon (err); the token is then oauth_token's.
 * NULL: no memory. */
typedef void oauth_wait_fn(const struct err *err, void *arg);
struct oauth_wait *oauth_wait(struct oauth *oauth, oauth_wait_fn *fn, void *arg);
void oauth_wait_cancel(struct oauth_wait **wait);

/* Exchange refused the token of this number. True: there is a newer one, or this one was
 * forgotten, so that another attempt makes sense; false: it was fetched just now, and another
 * would be no better. */
bool oauth_refused(struct oauth *oauth, long number);

#endif
