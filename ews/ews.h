/* Exchange Web Services as a remote mailbox (remote/remote.h).
 *
 * An account is one configured Exchange with its credentials: it holds the limit of requests in
 * flight and the queue of those that wait, fairly by mailbox. A remote opened on it is one
 * mailbox, reached by impersonation when that is configured.
 * Ownership: the account borrows loop and transport, and must outlive its remotes. */
#ifndef SIB_EWS_EWS_H
#define SIB_EWS_EWS_H

#include "base/loop.h"
#include "ews/pace.h"
#include "ews/transport.h"
#include "remote/remote.h"

struct oauth_config;

struct ews_config {
    const char *name; /* of the [exchange] section, for logs */
    const char *url;  /* NULL: each mailbox's is found by autodiscover */
    const char *autodiscover_hosts;
    bool autodiscover_internal; /* the internal URL rather than the external one */
    /* What was found earlier, and what to call when one is found (autodiscover.h); NULL: nobody
     * remembers it. */
    bool (*known_url)(const char *address, char url[LIMIT_URL], void *arg);
    void (*found_url)(const char *address, const char *url, const char *group, void *arg);
    void *url_arg;
    const char *version; /* RequestServerVersion; NULL: Exchange2013_SP1 */
    bool impersonate;
    int64_t request_timeout_ms;
    struct transport_account auth;
    const struct oauth_config *oauth; /* with auth = oauth2; else NULL */
    /* How the audio of a new item travels: "auto", "inline" or "mime"; NULL: auto. In auto: the
     * way that was found out in an earlier life (NULL: none), and what to call when one is
     * found (NULL: nobody remembers it). */
    const char *create, *create_known;
    void (*found_way)(const char *way, void *arg);
    void *found_way_arg;
};

struct ews_account;
/* config and what it points at are copied. */
struct ews_account *ews_account_new(struct loop *loop, struct transport *transport,
                                    const struct ews_config *config, struct err *err);
/* How the account stands. */
struct ews_health {
    enum pace_state state;
    bool held;    /* nothing is sent but probes */
    bool probing; /* one is under way */
    int limit, in_flight, waiting;
    int64_t next_try_ms; /* held: until the next probe */
    char cause[512];     /* held: why, a sentence; else "" */
};
void ews_account_health(const struct ews_account *account, struct ews_health *health);
/* Called from the loop after the state has changed; fn NULL: nobody listens. */
typedef void ews_health_fn(void *arg);
void ews_account_watch(struct ews_account *account, ews_health_fn *fn, void *arg);
/* An earlier process was refused with these very credentials. */
void ews_account_suspect(struct ews_account *account);
/* Another password, tried at once. False: no memory. */
bool ews_account_renew(struct ews_account *account, const char *password);

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
