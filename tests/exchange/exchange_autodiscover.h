/* The stand-in's autodiscover: what /autodiscover/autodiscover.svc and .xml answer, well or
 * badly, as a specification says. Pure: a request in, an answer out; whoever serves it asks for
 * the login. */
#ifndef SIB_TESTS_EXCHANGE_EXCHANGE_AUTODISCOVER_H
#define SIB_TESTS_EXCHANGE_EXCHANGE_AUTODISCOVER_H

#include "base/buf.h"
#include "base/err.h"

/* Text for --help. */
extern const char ex_autodiscover_help[];

enum ex_autodiscover_act {
    EX_AUTODISCOVER_WELL,
    EX_AUTODISCOVER_REDIRECT, /* by HTTP 302; the rest leads on in a chain */
    EX_AUTODISCOVER_LEAD,     /* by RedirectUrl / redirectUrl */
    EX_AUTODISCOVER_ADDRESS,  /* by RedirectAddress / redirectAddr */
    EX_AUTODISCOVER_ERROR,    /* inside HTTP 200 */
    EX_AUTODISCOVER_HTML,
    EX_AUTODISCOVER_STATUS,
};

struct ex_autodiscover {
    enum ex_autodiscover_act act;
    char target[256]; /* a URL, an address, or an error code */
    int hops;         /* of a chain of redirects; 0: to the target */
    int status;
    int64_t slow_ms;
};

/* spec: see ex_autodiscover_help; "": well. */
bool ex_autodiscover_parse(const char *spec, struct ex_autodiscover *out, struct err *err);

struct ex_autodiscover_answer {
    int status;
    const char *type;   /* a literal */
    char location[512]; /* "": no such header */
    int64_t delay_ms;
    struct buf body; /* to be cleared */
};

/* host: as the client named it; ews_url: what is to be found. path: with the query of a chain.
 */
void ex_autodiscover_answer(const struct ex_autodiscover *how, const char *host,
                            const char *path, const char *ews_url, const void *body, size_t len,
                            struct ex_autodiscover_answer *answer);

/* Is it one of the two paths (in any case, with a step of a chain)? */
bool ex_autodiscover_path(const char *path);

#endif
