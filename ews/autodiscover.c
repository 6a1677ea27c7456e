#include "ews/autodiscover.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include "base/rng.h"
#include "base/text.h"
#include "ews/autodiscover_search.h"

TAILQ_HEAD(wait_list, autodiscover_wait);
TAILQ_HEAD(search_list, search);

/* How long not to ask, growing with each failure. */
struct rest {
    struct mono until;
    int failures;
    int password; /* the one it was with; another ends the rest */
};

/* A mailbox and what is known of its server. */
struct place {
    char *address;
    char *url;     /* NULL: none was found yet */
    bool stale;    /* it moved: another search before the next request */
    int unreached; /* in a row */
    struct rest rest;
    struct err *err; /* why the last search found nothing; NULL: it did */
    struct search *search;
};

struct domain {
    TAILQ_ENTRY(domain) link;
    char name[LIMIT_HOST];
    struct autodiscover_endpoint *door; /* that worked; NULL: none is known */
    int searching;
    struct rest rest; /* nobody answers for it */
    struct err err;
};

/* Waits for its turn, or is under way. */
struct search {
    TAILQ_ENTRY(search) link;
    struct autodiscover *autodiscover;
    struct place *place;
    struct domain *domain;
    struct wait_list waits;
    struct autodiscover_search *running; /* NULL: waits */
};

struct autodiscover_wait {
    TAILQ_ENTRY(autodiscover_wait) link;
    struct autodiscover *autodiscover;
    struct place *place;
    struct search *search; /* NULL: it is due */
    struct err err;        /* when due */
    autodiscover_fn *fn;
    void *arg;
};

struct autodiscover {
    struct loop *loop;
    struct autodiscover_config config;
    struct autodiscover_scene scene;
    const struct log_ctx *log;
    void *places; /* a tree by address */
    TAILQ_HEAD(, domain) domains;
    struct search_list waiting, running;
    int running_count;
    struct wait_list due;
    struct loop_timer *turn; /* hands out what is due, and starts what may start */
    struct rng rng;
    int password; /* counts them */
    int refusals; /* of the present one, in a row */
    struct rest refused;
    struct err refused_err;
};

/* ---- Rests ------------------------------------------------------------------------------ */

static int64_t left(const struct autodiscover *ad, const struct rest *rest)
{
    int64_t ms = mono_since(rest->until, loop_now(ad->loop));
    return ms > 0 && rest->password == ad->password ? ms : 0;
}

static void rest_for(const struct autodiscover *ad, struct rest *rest, int64_t ms)
{
    rest->until = mono_add(loop_now(ad->loop), ms);
    rest->password = ad->password;
}

static void rest_longer(struct autodiscover *ad, struct rest *rest)
{
    int64_t ms = TIME_AUTODISCOVER_REST_MS;
    for (int i = 0; i < rest->failures && ms < TIME_AUTODISCOVER_MAX_MS; i++)
        ms *= 2;
    if (ms > TIME_AUTODISCOVER_MAX_MS)
        ms = TIME_AUTODISCOVER_MAX_MS;
    rest->failures++;
    rest_for(ad, rest, rng_jitter(&ad->rng, ms, 20));
}

/* ---- Places and domains ----------------------------------------------------------------- */

static int by_address(const void *a, const void *b)
{
    return strcasecmp(((const struct place *)a)->address, ((const struct place *)b)->address);
}

static void place_free(void *arg)
{
    struct place *place = arg;
    free(place->address);
    free(place->url);
    free(place->err);
    free(place);
}

/* What was kept may be from before the configuration changed: the rules hold for it, too. */
static void take_known(struct autodiscover *ad, struct place *place)
{
    char url[LIMIT_URL], host[LIMIT_HOST], domain[LIMIT_HOST];
    if (ad->config.known && ad->config.known(place->address, url, ad->config.arg) &&
        autodiscover_host(url, host) && autodiscover_domain(place->address, domain) &&
        autodiscover_may_ask(&ad->scene.rules, domain, host))
        place->url = strdup(url);
}

static struct place *place_of(struct autodiscover *ad, const char *address)
{
    struct place key = {.address = (char *)address};
    struct place *const *found = tfind(&key, &ad->places, by_address);
    if (found)
        return *found;
    struct place *place = calloc(1, sizeof(*place));
    if (!place || !(place->address = strdup(address)) ||
        !tsearch(place, &ad->places, by_address)) {
        if (place)
            place_free(place);
        return NULL;
    }
    take_known(ad, place);
    return place;
}

static struct domain *domain_of(struct autodiscover *ad, const char *address)
{
    char name[LIMIT_HOST];
    struct domain *domain;
    autodiscover_domain(address, name); /* "": an address without one; it fails at once */
    TAILQ_FOREACH(domain, &ad->domains, link)
    {
        if (strcmp(domain->name, name) == 0)
            return domain;
    }
    domain = calloc(1, sizeof(*domain));
    if (!domain)
        return NULL;
    text_copy(domain->name, sizeof(domain->name), name);
    TAILQ_INSERT_TAIL(&ad->domains, domain, link);
    return domain;
}

/* ---- Waits ------------------------------------------------------------------------------ */

/* An old URL is better than none: it is handed out again, and the error is kept for the log. */
static void make_due(struct autodiscover_wait *wait, const struct err *err)
{
    struct autodiscover *ad = wait->autodiscover;
    if (wait->search)
        TAILQ_REMOVE(&wait->search->waits, wait, link);
    wait->search = NULL;
    wait->err = *err;
    TAILQ_INSERT_TAIL(&ad->due, wait, link);
    loop_timer_set(ad->turn, 0);
}

static void hand_out(struct autodiscover *ad)
{
    struct autodiscover_wait *wait;
    int count = 0;
    TAILQ_FOREACH(wait, &ad->due, link)
    {
        count++; /* what comes due meanwhile waits for the next turn */
    }
    while (count-- > 0 && (wait = TAILQ_FIRST(&ad->due))) {
        TAILQ_REMOVE(&ad->due, wait, link);
        autodiscover_fn *fn = wait->fn;
        void *arg = wait->arg;
        struct err err = wait->err;
        const char *url = wait->place->url;
        free(wait);
        if (url)
            err_clear(&err);
        fn(&err, url, arg);
    }
}

/* ---- Searches --------------------------------------------------------------------------- */

static void search_free(struct search *search)
{
    struct autodiscover *ad = search->autodiscover;
    struct autodiscover_wait *wait;
    if (search->running) {
        TAILQ_REMOVE(&ad->running, search, link);
        ad->running_count--;
        search->domain->searching--;
    } else {
        TAILQ_REMOVE(&ad->waiting, search, link);
    }
    while ((wait = TAILQ_FIRST(&search->waits))) {
        TAILQ_REMOVE(&search->waits, wait, link);
        free(wait);
    }
    autodiscover_search_free(&search->running);
    search->place->search = NULL;
    free(search);
}

/* Everybody who waits for it hears this, or gets the old URL. */
static void search_end(struct search *search, const struct err *err)
{
    struct autodiscover *ad = search->autodiscover;
    struct autodiscover_wait *wait;
    while ((wait = TAILQ_FIRST(&search->waits)))
        make_due(wait, err);
    search_free(search);
    loop_timer_set(ad->turn, 0);
}

static void keep_door(struct domain *domain, const struct autodiscover_plan *plan)
{
    if (!autodiscover_plan_may_keep(plan))
        return;
    if (!domain->door)
        domain->door = calloc(1, sizeof(*domain->door));
    if (domain->door)
        *domain->door = plan->ask;
}

static void found(struct search *search, const struct autodiscover_plan *plan)
{
    struct autodiscover *ad = search->autodiscover;
    struct place *place = search->place;
    struct err err = {0};
    char *url = strdup(plan->url);
    if (!url) {
        err_set(&err, ERR_SYSTEM, "no memory for the URL of %s", place->address);
        search_end(search, &err);
        return;
    }
    struct log_ctx ctx = {ad->log, "mailbox", place->address};
    log_info(&ctx, "autodiscover %s url=%s group=\"%s\" redirects=%d",
             place->url && strcmp(place->url, url) == 0 ? "found no change" : "found", url,
             plan->group, plan->hops);
    free(place->url);
    free(place->err);
    place->url = url;
    place->err = NULL;
    place->stale = false;
    place->unreached = 0;
    place->rest.failures = 0;
    rest_for(ad, &place->rest, TIME_AUTODISCOVER_REST_MS);
    search->domain->rest = (struct rest){0};
    ad->refused = (struct rest){0};
    keep_door(search->domain, plan);
    if (ad->config.found)
        ad->config.found(place->address, url, plan->group, ad->config.arg);
    search_end(search, &err);
}

/* Whom the failure concerns: the account, when the password was refused; the domain, when
 * nobody spoke for it; else this mailbox. */
static void failed(struct search *search, const struct autodiscover_plan *plan,
                   const struct err *err)
{
    struct autodiscover *ad = search->autodiscover;
    struct place *place = search->place;
    struct log_ctx ctx = {ad->log, "mailbox", place->address};
    struct err told = *err;
    log_warning(&ctx, "%s%s", err->text, place->url ? " (the old URL is kept)" : "");
    if (!place->err)
        place->err = calloc(1, sizeof(*place->err));
    if (place->err)
        *place->err = *err;
    rest_longer(ad, &place->rest);
    if (ad->refusals >= LIMIT_REFUSED_PASSWORDS) {
        ad->refused_err = *err;
        rest_for(ad, &ad->refused, TIME_AUTODISCOVER_MAX_MS);
    } else if (!plan->answered) {
        search->domain->err = *err;
        rest_longer(ad, &search->domain->rest);
    }
    /* The door may be at fault: the next search knows only the candidates. */
    if (!plan->answered) {
        free(search->domain->door);
        search->domain->door = NULL;
    }
    told.back_off_ms = left(ad, &place->rest);
    search_end(search, &told);
}

static void on_search(const struct err *err, const struct autodiscover_plan *plan, bool tried,
                      void *arg)
{
    struct search *search = arg;
    if (!tried)
        search_end(search, err);
    else if (err->kind == ERR_OK)
        found(search, plan);
    else
        failed(search, plan, err);
}

/* ---- Turns ------------------------------------------------------------------------------ */

static void begin(struct search *search)
{
    struct autodiscover *ad = search->autodiscover;
    struct domain *domain = search->domain;
    const char *address = search->place->address;
    struct err err;
    /* After the rest that refusals cost, one more may be tried. */
    if (ad->refusals >= LIMIT_REFUSED_PASSWORDS)
        ad->refusals = LIMIT_REFUSED_PASSWORDS - 1;
    search->running = autodiscover_search_new(&ad->scene, address, domain->door, &ad->refusals,
                                              on_search, search);
    if (!search->running) {
        err_set(&err, ERR_SYSTEM, "no memory to look for the server of %s", address);
        search_end(search, &err);
        return;
    }
    TAILQ_REMOVE(&ad->waiting, search, link);
    TAILQ_INSERT_TAIL(&ad->running, search, link);
    ad->running_count++;
    domain->searching++;
}

/* Why it need not even begin; NULL: it may. */
static const struct err *known_failure(const struct autodiscover *ad, const struct place *place,
                                       const struct domain *domain, int64_t *ms)
{
    const struct {
        const struct rest *rest;
        const struct err *err;
    } table[] = {{&ad->refused, &ad->refused_err},
                 {&place->rest, place->err},
                 {&domain->rest, &domain->err}};
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        *ms = left(ad, table[i].rest);
        if (table[i].err && *ms > 0)
            return table[i].err;
    }
    return NULL;
}

static bool end_if_hopeless(struct search *search)
{
    int64_t ms;
    const struct err *why =
        known_failure(search->autodiscover, search->place, search->domain, &ms);
    if (!why)
        return false;
    struct err err = *why;
    err.back_off_ms = ms;
    search_end(search, &err);
    return true;
}

static bool may_begin(const struct search *search)
{
    const struct autodiscover *ad = search->autodiscover;
    if (ad->refusals > 0 && ad->running_count > 0)
        return false;
    return search->domain->door || !search->domain->searching;
}

/* Start what may start. A domain whose door is not known yet is searched for by one alone; and
 * so is everything while it is in doubt whether the credentials are right. */
static void pump(struct autodiscover *ad)
{
    struct search *search = TAILQ_FIRST(&ad->waiting), *next;
    for (; search && ad->running_count < LIMIT_AUTODISCOVER_SEARCHES; search = next) {
        next = TAILQ_NEXT(search, link);
        if (TAILQ_EMPTY(&search->waits))
            search_free(search);
        else if (!end_if_hopeless(search) && may_begin(search))
            begin(search);
    }
}

static void on_turn(void *arg)
{
    struct autodiscover *ad = arg;
    pump(ad);
    hand_out(ad);
}

/* ---- The interface ---------------------------------------------------------------------- */

struct autodiscover *autodiscover_new(struct loop *loop, struct transport *transport,
                                      const struct autodiscover_config *config,
                                      const struct log_ctx *log)
{
    struct autodiscover *ad = calloc(1, sizeof(*ad));
    if (!ad)
        return NULL;
    ad->loop = loop;
    ad->config = *config;
    ad->log = log;
    ad->scene = (struct autodiscover_scene){.loop = loop,
                                            .transport = transport,
                                            .account = config->account,
                                            .oauth = config->oauth,
                                            .rules = {.hosts = config->hosts,
                                                      .auth = config->account->auth,
                                                      .verify = config->account->verify,
                                                      .internal_first = config->internal_first},
                                            .log = log};
    ad->rng = rng_seed((uint64_t)loop_wall(loop).ms);
    TAILQ_INIT(&ad->domains);
    TAILQ_INIT(&ad->waiting);
    TAILQ_INIT(&ad->running);
    TAILQ_INIT(&ad->due);
    ad->turn = loop_timer_new(loop, on_turn, ad);
    if (!ad->turn)
        autodiscover_free(&ad);
    return ad;
}

static void free_searches(struct search_list *list)
{
    struct search *next;
    for (struct search *search = TAILQ_FIRST(list); search; search = next) {
        next = TAILQ_NEXT(search, link);
        search_free(search);
    }
}

void autodiscover_free(struct autodiscover **autodiscover)
{
    struct autodiscover *ad = *autodiscover;
    struct autodiscover_wait *wait;
    struct domain *domain;
    *autodiscover = NULL;
    if (!ad)
        return;
    free_searches(&ad->waiting);
    free_searches(&ad->running);
    while ((wait = TAILQ_FIRST(&ad->due))) {
        TAILQ_REMOVE(&ad->due, wait, link);
        free(wait);
    }
    while ((domain = TAILQ_FIRST(&ad->domains))) {
        TAILQ_REMOVE(&ad->domains, domain, link);
        free(domain->door);
        free(domain);
    }
    tdestroy(ad->places, place_free);
    loop_timer_free(&ad->turn);
    free(ad);
}

const char *autodiscover_url(struct autodiscover *ad, const char *address)
{
    struct place *place = place_of(ad, address);
    if (!place || !place->url || (place->stale && left(ad, &place->rest) == 0))
        return NULL;
    return place->url;
}

const char *autodiscover_last_url(struct autodiscover *ad, const char *address)
{
    struct place *place = place_of(ad, address);
    return place ? place->url : NULL;
}

static struct search *search_of(struct autodiscover *ad, struct place *place)
{
    if (place->search)
        return place->search;
    struct search *search = calloc(1, sizeof(*search));
    if (!search)
        return NULL;
    search->autodiscover = ad;
    search->place = place;
    search->domain = domain_of(ad, place->address);
    TAILQ_INIT(&search->waits);
    TAILQ_INSERT_TAIL(&ad->waiting, search, link);
    place->search = search;
    return search;
}

struct autodiscover_wait *autodiscover_find(struct autodiscover *ad, const char *address,
                                            autodiscover_fn *fn, void *arg)
{
    struct place *place = place_of(ad, address);
    struct autodiscover_wait *wait = place ? calloc(1, sizeof(*wait)) : NULL;
    struct err ok = {0};
    if (!wait)
        return NULL;
    *wait =
        (struct autodiscover_wait){.autodiscover = ad, .place = place, .fn = fn, .arg = arg};
    if (autodiscover_url(ad, address)) {
        make_due(wait, &ok);
        return wait;
    }
    struct search *search = search_of(ad, place);
    if (!search) {
        free(wait);
        return NULL;
    }
    wait->search = search;
    TAILQ_INSERT_TAIL(&search->waits, wait, link);
    loop_timer_set(ad->turn, 0);
    return wait;
}

void autodiscover_cancel(struct autodiscover_wait **wait_pointer)
{
    struct autodiscover_wait *wait = *wait_pointer;
    *wait_pointer = NULL;
    if (!wait)
        return;
    TAILQ_REMOVE(wait->search ? &wait->search->waits : &wait->autodiscover->due, wait, link);
    free(wait);
}

void autodiscover_renew(struct autodiscover *ad)
{
    ad->refusals = 0;
    ad->password++;
}

void autodiscover_moved(struct autodiscover *ad, const char *address)
{
    struct place *place = place_of(ad, address);
    if (place && place->url)
        place->stale = true;
}

void autodiscover_reached(struct autodiscover *ad, const char *address, bool reached)
{
    struct place *place = place_of(ad, address);
    if (!place)
        return;
    place->unreached = reached ? 0 : place->unreached + 1;
    if (place->unreached >= LIMIT_UNREACHED)
        autodiscover_moved(ad, address);
}

int autodiscover_searching(const struct autodiscover *ad)
{
    const struct search *search;
    int count = ad->running_count;
    TAILQ_FOREACH(search, &ad->waiting, link)
    {
        count++;
    }
    return count;
}
