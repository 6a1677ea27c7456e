/* Exchange Web Services as a remote mailbox (remote/remote.h).
 *
 * An account is one configured Exchange with its credentials: it holds the limit of requests in
 * flight and the queue of those that wait, fairly by mailbox. A remote opened on it is one
 * mailbox, reached by impersonation when that is configured.
 * Ownership: the account borrows loop and transport, and must outlive its remotes. */
#ifndef SIB_EWS_EWS_H
#define SIB_EWS_EWS_H

#include "base/loop.h"
#include "ews/transport.h"
#include "remote/remote.h"

struct ews_config {
    const char *name; /* of the [exchange] section, for logs */
    const char *url;
    const char *version; /* RequestServerVersion; NULL: Exchange2013_SP1 */
    bool impersonate;
    int64_t request_timeout_ms;
    struct transport_account auth;
};

struct ews_account;
/* config and what it points at are copied. */
struct ews_account *ews_account_new(struct loop *loop, struct transport *transport,
                                    const struct ews_config *config, struct err *err);
/* Requests in flight and waiting. */
int ews_account_in_flight(const struct ews_account *account);
int ews_account_waiting(const struct ews_account *account);
void ews_account_free(struct ews_account **account);

/* address: the mailbox's primary SMTP address. */
struct remote *ews_remote_new(struct ews_account *account, const char *address);

/* Called with each request and response body (a text without the audio), for tests and for a
 * debug log; NULL: none. */
typedef void ews_trace_fn(const char *direction, const char *bytes, size_t len, void *arg);
void ews_account_trace(struct ews_account *account, ews_trace_fn *fn, void *arg);

#endif
