/* The transport seam of EWS: a request's bytes go out, a response's bytes come back.  (A seam.)
 *
 * transport_curl.c does it with libcurl's multi interface on the loop; a test's stand-in does
 * it inside the process. Nothing above can tell.
 *
 * Ownership: the request is copied except its body, which the transport takes and frees.
 *
 * Callbacks: `bytes` any number of times, then `done` exactly once; none before
 * transport_start returned; none after transport_cancel. */
#ifndef SIB_EWS_TRANSPORT_H
#define SIB_EWS_TRANSPORT_H

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

struct transport_request {
    const struct transport_account *account;
    const char *url;
    const char *anchor_mailbox; /* X-AnchorMailbox; NULL: none */
    const char *request_id;     /* client-request-id */
    int64_t timeout_ms;         /* for everything; the connection is closed when it passes */
    struct body *body;          /* taken */
    /* false: stop; ends with ERR_CANCELLED */
    bool (*bytes)(const void *bytes, size_t len, void *arg);
    /* status: HTTP status, 0 if none came. retry_after_ms: from the header, -1 if absent.
     * content_type: "" if none. err->kind ERR_OK means only that a whole HTTP response came. */
    void (*done)(const struct err *err, int status, const char *content_type,
                 int64_t retry_after_ms, void *arg);
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

struct loop;
struct transport *transport_curl_new(struct loop *loop, struct err *err);
/* Words for what this libcurl lacks for `auth`; NULL when it can do it. */
const char *transport_curl_lacks(const char *auth);

#endif
