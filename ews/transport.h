/* The transport seam of EWS: a request's bytes go out, a response's bytes come back.  (A seam.)
 *
 * transport_curl.c does it with libcurl's multi interface on the loop; a test's stand-in does
 * it inside the process. Nothing above can tell.
 *
 * Ownership: the request is copied except its body, which the transport takes and frees. Who
 * may have to send the same once more shares it first (body_share), and rewinds it after
 * `done`.
 *
 * Callbacks: `bytes` any number of times, then `done` exactly once; none before
 * transport_start returned; none after transport_cancel. */
#ifndef SIB_EWS_TRANSPORT_H
#define SIB_EWS_TRANSPORT_H

#include "base/clock.h"
#include "base/err.h"
#include "ews/body.h"

/* Credentials and addresses of one account; borrowed, must outlive every request. Connections
 * are never shared between two accounts. */
struct transport_account {
    const char *auth; /* "basic", "ntlm", "negotiate", "oauth2" */
    const char *user, *password;
    const char *ca_file; /* NULL: the system's */
    const char *proxy;   /* NULL: none */
    bool verify;         /* certificate and name; false only for a test set-up */
    int max_connections;
};

/* What came back beside the body. Texts are borrowed until `done` returns, never NULL. */
struct transport_reply {
    int status;               /* HTTP status; 0: none came */
    int64_t retry_after_ms;   /* -1: no such header */
    struct wall date;         /* the server's clock when it answered; 0: not told */
    const char *content_type; /* "": none */
    const char *location;     /* where a redirect leads */
    const char *cookies;      /* those that were set, as a request sends them: "a=1; b=2" */
    const char *challenge;    /* WWW-Authenticate, several joined by ", " */
    const char *server;       /* the server's own names for the request, for the log */
};

struct transport_request {
    const struct transport_account *account;
    const char *url;
    const char *method;         /* NULL: POST; "GET" has no body */
    const char *content_type;   /* NULL: SOAP's */
    bool anonymous;             /* show no credentials, whatever the account has */
    bool secret;                /* request and answer hold secrets: nobody writes them down */
    const char *bearer;         /* the token that proves who we are (oauth2); NULL: none */
    const char *anchor_mailbox; /* X-AnchorMailbox; NULL: none */
    bool prefer_affinity;       /* X-PreferServerAffinity */
    const char *cookies;        /* NULL: none */
    const char *request_id;     /* client-request-id; NULL: none */
    int64_t timeout_ms;         /* for everything; the connection is closed when it passes */
    struct body *body;          /* taken */
    /* false: stop; ends with ERR_CANCELLED */
    bool (*bytes)(const void *bytes, size_t len, void *arg);
    /* err->kind ERR_OK means only that a whole HTTP response came. */
    void (*done)(const struct err *err, const struct transport_reply *reply, void *arg);
    void *arg;
};

struct transport;
struct transport_call;

struct transport_ops {
    struct transport_call *(*start)(struct transport *, const struct transport_request *);
    void (*cancel)(struct transport_call *);
    void (*free)(struct transport *);
};

struct transport {
    const struct transport_ops *ops;
};

static inline void transport_free(struct transport **transport)
{
    if (*transport)
        (*transport)->ops->free(*transport);
    *transport = NULL;
}

/* A reply to fill in: no status, no header. */
static inline struct transport_reply transport_reply_none(void)
{
    return (struct transport_reply){.retry_after_ms = -1,
                                    .content_type = "",
                                    .location = "",
                                    .cookies = "",
                                    .challenge = "",
                                    .server = ""};
}

struct loop;
struct transport *transport_curl_new(struct loop *loop, struct err *err);
/* Words for what this libcurl lacks for `auth`; NULL when it can do it. */
const char *transport_curl_lacks(const char *auth);
/* Words for what it can do with `auth` only in part; NULL when there is nothing to say. */
const char *transport_curl_warns(const char *auth);
/* Its version, and everything that it cannot do, by name. */
void transport_curl_describe(char *text, size_t size);

#endif
