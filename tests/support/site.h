/* A whole site in one process on virtual time: a message store in memory, the scheduler of
 * Mailbox Sync over the real EWS client, and the stand-in for Exchange behind the transport
 * seam.
 *
 * Ownership: the site owns all of it; fields may be used, not freed. Every function fails the
 * running cmocka test when something goes wrong that is not what is being tested. */
#ifndef SIB_TESTS_SUPPORT_SITE_H
#define SIB_TESTS_SUPPORT_SITE_H

#include "admin/phone.h"
#include "base/config.h"
#include "sync/housekeeping.h"
#include "sync/scheduler.h"
#include "tests/exchange/exchange.h"
#include "tests/exchange/exchange_transport.h"

struct site {
    char dir[64];
    struct loop *loop;
    struct store *store;
    struct config *config;
    struct exchange *exchange;
    struct transport *transport;
    struct account *account;
    struct scheduler *scheduler; /* NULL while the service is stopped */
    struct housekeeping *housekeeping;
    int warnings;         /* log lines of level warning or error */
    bool expect_warnings; /* else one fails the test at the end */
    char first_warning[512];
};

/* extra: lines added to the configuration file, NULL: none. Without "voice-outbox = on" among
 * them it is off, so that a quiet run asks once each for the three folders that are always
 * mapped. */
struct site *site_new(uint64_t seed, const char *extra);
void site_free(struct site **site);

/* Start and stop the service. A stop is as sudden as a crash: what is under way is abandoned.
 */
void site_start(struct site *site);
void site_kill(struct site *site);

void site_mailbox(struct site *site, const char *name);
/* The WAV of fixtures/voice by name; flags: letters u(rgent) p(rivate) s(ecure). */
void site_deposit(struct site *site, const char *mailbox, const char *wav, const char *flags,
                  char *id);
/* Let time pass. */
void site_run(struct site *site, int64_t ms);
/* Act as the owner of the mailbox in Exchange: words as in exchange_user.h, NULL at the end. */
void site_user(struct site *site, const char *mailbox, const char *act, ...)
    __attribute__((sentinel));

/* What a message is here. */
struct message site_message(struct site *site, const char *id);
/* How many items carry this id in Exchange, in mapped folders. */
int site_items(struct site *site, const char *mailbox, const char *id);
/* Both sides agree about every message of every mailbox; the first difference fails the test.
 */
void site_assert_agree(struct site *site);
/* The same as a question; text: what differs. */
bool site_agrees(struct site *site, char *text, size_t size);

/* Requests executed by Exchange since the last call of site_count_from_here. */
void site_count_from_here(struct site *site);
long site_count(struct site *site, const char *operation);

/* The folder with the fixtures, found from where the tests run. */
const char *site_fixture(const char *name);

#endif
