/* Where a mailbox's Exchange is: looked up once, kept, and looked up again when it moved.
 *
 * One search for a mailbox, whoever asks and however many; at most LIMIT_AUTODISCOVER_SEARCHES
 * at a time. Until a door of a domain is known, one search of that domain runs and the others
 * wait for it: afterwards they ask that door first, so that thousands of mailboxes do not walk
 * the candidates each. Whom a search asks, and who sees credentials: autodiscover_plan.h.
 *
 * A failure is kept, too: the same is not asked again for TIME_AUTODISCOVER_REST_MS, then for
 * twice as long, up to TIME_AUTODISCOVER_MAX_MS, give or take a fifth. When nobody answered for
 * a domain, that holds for all its mailboxes; when the password was refused twice, for the
 * whole account. A URL that was found once is used until another is found: a search that fails
 * takes nothing away.
 *
 * Ownership: borrows loop, transport and what the configuration points at. Freeing it ends
 * searches and waits without a callback.
 * Callbacks: a wait's, exactly once, from the loop, never after autodiscover_cancel; `known`
 * from inside the calls, `found` from the loop. Survives a crash: what `found` kept. */
#ifndef SIB_EWS_AUTODISCOVER_H
#define SIB_EWS_AUTODISCOVER_H

#include "base/limits.h"
#include "base/log.h"
#include "base/loop.h"
#include "ews/transport.h"

struct autodiscover;
struct autodiscover_wait;
struct oauth;

struct autodiscover_config {
    const struct transport_account *account;
    struct oauth *oauth; /* whose tokens are shown; NULL: none */
    const char *hosts;   /* autodiscover-hosts; NULL: none */
    bool internal_first; /* autodiscover-prefer */
    /* The URL that was found earlier; false: none. NULL: nothing is kept. */
    bool (*known)(const char *address, char url[LIMIT_URL], void *arg);
    /* One was found, perhaps the same; group: GroupingInformation, "" if none. */
    void (*found)(const char *address, const char *url, const char *group, void *arg);
    void *arg;
};

/* log: borrowed. NULL: no memory. */
struct autodiscover *autodiscover_new(struct loop *loop, struct transport *transport,
                                      const struct autodiscover_config *config,
                                      const struct log_ctx *log);
void autodiscover_free(struct autodiscover **autodiscover);

/* The URL that requests for the mailbox go to; NULL: it has to be found first. Borrowed until
 * the loop turns. */
const char *autodiscover_url(struct autodiscover *autodiscover, const char *address);

/* The same, but the last one when it is to be looked up again. */
const char *autodiscover_last_url(struct autodiscover *autodiscover, const char *address);

/* err ERR_OK: url is set. Else effect NONE, and back_off_ms says when to come back. */
typedef void autodiscover_fn(const struct err *err, const char *url, void *arg);
/* NULL: no memory, and no callback. */
struct autodiscover_wait *autodiscover_find(struct autodiscover *autodiscover,
                                            const char *address, autodiscover_fn *fn,
                                            void *arg);
void autodiscover_cancel(struct autodiscover_wait **wait);

/* There is another password than the one that was refused. */
void autodiscover_renew(struct autodiscover *autodiscover);

/* The server said that the mailbox is served elsewhere: the next request looks it up again, but
 * no more often than every TIME_AUTODISCOVER_REST_MS. */
void autodiscover_moved(struct autodiscover *autodiscover, const char *address);
/* The URL's server was reached, or it was not (LIMIT_UNREACHED times in a row: moved). */
void autodiscover_reached(struct autodiscover *autodiscover, const char *address, bool reached);

/* Searches that run or wait, for tests. */
int autodiscover_searching(const struct autodiscover *autodiscover);

#endif
