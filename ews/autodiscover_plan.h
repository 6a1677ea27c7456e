/* Autodiscover as a decision: whom to ask next for a mailbox's server, and what to make of the
 * answer. Pure: no I/O, no clock. ews/autodiscover.c carries it out.
 *
 * Candidates for ann@example.com, in order ([MS-OXDISCO]; docs/exchange.md):
 *   SOAP  https://example.com/autodiscover/autodiscover.svc
 *   SOAP  https://autodiscover.example.com/autodiscover/autodiscover.svc
 *   POX   the same two hosts, autodiscover.xml
 *   GET   http://autodiscover.example.com/autodiscover/autodiscover.xml, for its redirect only
 * The service connection point is not used, for it needs Active Directory and a machine that is
 * a member of it; nor the SRV record, for it needs a resolver of our own, and without DNSSEC it
 * names a host that nobody vouches for. Exchange Online, and every Exchange on premises that
 * Outlook finds from the Internet, answers at one of the candidates.
 *
 * Who may see credentials: a host that (1) is the domain of the address, below it, or named in
 * autodiscover-hosts, (2) has shown a valid certificate for https, and (3) was asked without
 * credentials first and answered 401 with the configured way to authenticate. So the web site
 * of a company, which stands at the first candidate, never sees a password unless it asks for
 * one. With verify = no, (2) cannot be had: then only the candidates themselves see
 * credentials, and no host that an answer named. No label of a domain is ever cut off: for
 * ann@sales.example.com nobody at example.com is asked. The host of the URL that is found is
 * held to (1) and https, too, for it will see the credentials next.
 *
 * Redirects, by HTTP, by RedirectUrl and by address, are counted together: at most
 * LIMIT_AUTODISCOVER_HOPS; an address or a URL that was there already is not followed. After
 * LIMIT_REFUSED_PASSWORDS refusals the search ends, so that the account is not locked out. */
#ifndef SIB_EWS_AUTODISCOVER_PLAN_H
#define SIB_EWS_AUTODISCOVER_PLAN_H

#include "base/err.h"
#include "base/limits.h"
#include "ews/autodiscover_message.h"

/* What the configuration says; borrowed. */
struct autodiscover_rules {
    const char *hosts; /* hosts and domains, separated by blanks or commas; NULL: none */
    const char *auth;  /* "basic", "ntlm", "negotiate", "oauth2" */
    bool verify;
    bool internal_first; /* of the two URLs in an answer */
};

enum autodiscover_kind { AUTODISCOVER_SOAP, AUTODISCOVER_POX, AUTODISCOVER_GET };

/* A door to autodiscover. */
struct autodiscover_endpoint {
    enum autodiscover_kind kind;
    char url[LIMIT_URL];
};

/* What came of the present question. */
struct autodiscover_seen {
    const struct err *err; /* the transport's; ERR_OK: a whole HTTP answer came */
    int status;
    const char *location, *challenge;
    const struct autodiscover_answer *answer; /* NULL: the body makes no sense */
};

enum autodiscover_next { AUTODISCOVER_ASK, AUTODISCOVER_FOUND, AUTODISCOVER_FAILED };

enum {
    AUTODISCOVER_SHUNNED_MAX = 16,
    AUTODISCOVER_ADDRESSES_MAX = LIMIT_AUTODISCOVER_HOPS + 1
};

struct autodiscover_plan {
    struct autodiscover_rules rules;
    /* the question to ask now */
    struct autodiscover_endpoint ask;
    char host[LIMIT_HOST]; /* of it */
    bool credentials;      /* may and must be shown */
    const char *address;   /* whose settings are asked for */
    /* how it went so far */
    char domain[LIMIT_HOST]; /* of the address that the search began with */
    int candidate;           /* the next one of the present address */
    bool led;                /* somebody's answer led to the present question */
    int hops;
    int *refusals; /* of the account's credentials, in a row; shared by its searches */
    bool answered; /* somebody spoke autodiscover, so that the domain as such is not at fault */
    char addresses[AUTODISCOVER_ADDRESSES_MAX][LIMIT_ADDRESS];
    int address_count;
    char visited[AUTODISCOVER_ADDRESSES_MAX][LIMIT_URL];
    int visited_count;
    char shunned[AUTODISCOVER_SHUNNED_MAX][LIMIT_HOST];
    int shunned_count;
    int weight; /* of what why says */
    struct err why;
    /* what was found */
    char url[LIMIT_URL];
    char group[LIMIT_GROUP];
};

/* first: a door that is known to have worked for the domain, asked before the others; NULL:
 * none. refusals: borrowed; counted up here, and set to 0 when the credentials were accepted.
 * FAILED: the address is no address of a domain with a dot in it. */
enum autodiscover_next autodiscover_plan_begin(struct autodiscover_plan *plan,
                                               const struct autodiscover_rules *rules,
                                               const char *address,
                                               const struct autodiscover_endpoint *first,
                                               int *refusals);
/* ASK: the next question stands in the plan. FOUND: url and group. FAILED:
 * autodiscover_plan_error. */
enum autodiscover_next autodiscover_plan_saw(struct autodiscover_plan *plan,
                                             const struct autodiscover_seen *seen);
/* Why nothing was found: the most telling thing that was heard, with a remedy. */
void autodiscover_plan_error(const struct autodiscover_plan *plan, struct err *err);

/* May this door be kept for other mailboxes of the domain? */
bool autodiscover_plan_may_keep(const struct autodiscover_plan *plan);

/* The host, in lower case, of an https URL; false for anything that two readers of URLs could
 * read in two ways (user names, escapes, brackets, backslashes, control characters). */
bool autodiscover_host(const char *url, char host[LIMIT_HOST]);
/* The domain of an address, in lower case; false unless it is a name with a dot in it. */
bool autodiscover_domain(const char *address, char domain[LIMIT_HOST]);
/* Is host the domain, below it, or one of those (or below one) that rules->hosts names? */
bool autodiscover_may_ask(const struct autodiscover_rules *rules, const char *domain,
                          const char *host);

#endif
