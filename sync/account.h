/* From a configured [exchange] section to an account of EWS: the one place that does it.
 *
 * Beside the account it holds what the account says to the rest of the system: what was learned
 * of the server is kept in the store. Ownership: borrows everything in struct account_deps and
 * the section until account_close. What survives a crash: what was learned. */
#ifndef SIB_SYNC_ACCOUNT_H
#define SIB_SYNC_ACCOUNT_H

#include "base/config.h"
#include "ews/ews.h"
#include "store/store.h"

struct account_deps {
    struct loop *loop;
    struct transport *transport;
    struct store *store;
    const struct log_ctx *log;
};

struct account;

/* Reads the files with secrets; refuses what libcurl here cannot do, by name. */
struct account *account_open(const struct account_deps *deps,
                             const struct config_exchange *exchange, struct err *err);
struct ews_account *account_ews(const struct account *account);
/* How it stands. A parked account is given what its password file holds now when that file was
 * changed since it was read. */
void account_health(struct account *account, struct ews_health *health);
/* After its remotes. NULL is legal; nulls. */
void account_close(struct account **account);

/* Looks, without asking anybody, whether the account can work: libcurl, the secret, the
 * certificate. Says in the log what libcurl here can do only in part. */
bool account_check(struct loop *loop, const struct config_exchange *exchange,
                   const struct log_ctx *log, struct err *err);

/* A create without an answer may still take effect for so long (milliseconds). */
int64_t account_in_doubt_ms(const struct config_exchange *exchange);

#endif
