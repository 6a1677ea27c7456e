/* From a configured [exchange] section to an account of EWS: the one place that does it. */
#ifndef SIB_SYNC_ACCOUNT_H
#define SIB_SYNC_ACCOUNT_H

#include "base/config.h"
#include "ews/ews.h"

/* Reads the password file; refuses what libcurl here cannot do, by name. The config is borrowed
 * until the account is freed. */
struct ews_account *account_open(struct loop *loop, struct transport *transport,
                                 const struct config_exchange *exchange, struct err *err);

/* A create without an answer may still take effect for so long (milliseconds). */
int64_t account_in_doubt_ms(const struct config_exchange *exchange);

#endif
