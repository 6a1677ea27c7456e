/* One search of autodiscover: carries out the plan over the transport, in bounded time.
 *
 * Ownership: borrows everything in struct autodiscover_scene and refusals. Freeing it ends what
 * is under way without a callback; it is legal inside the callback. Callbacks: exactly once,
 * from the loop. */
#ifndef SIB_EWS_AUTODISCOVER_SEARCH_H
#define SIB_EWS_AUTODISCOVER_SEARCH_H

#include "base/log.h"
#include "base/loop.h"
#include "ews/autodiscover_plan.h"
#include "ews/oauth.h"
#include "ews/transport.h"

struct autodiscover_scene {
    struct loop *loop;
    struct transport *transport;
    const struct transport_account *account;
    struct oauth *oauth; /* whose tokens are shown; NULL: none */
    struct autodiscover_rules rules;
    const struct log_ctx *log;
};

/* err ERR_OK: the plan says what was found. Else why nothing was; `tried` says whether the
 * search itself came to that end, and not for want of memory or of a token. */
typedef void autodiscover_search_fn(const struct err *err, const struct autodiscover_plan *plan,
                                    bool tried, void *arg);

struct autodiscover_search;
/* first, refusals: as autodiscover_plan_begin. NULL: no memory. */
struct autodiscover_search *autodiscover_search_new(const struct autodiscover_scene *scene,
                                                    const char *address,
                                                    const struct autodiscover_endpoint *first,
                                                    int *refusals, autodiscover_search_fn *fn,
                                                    void *arg);
void autodiscover_search_free(struct autodiscover_search **search);

#endif
