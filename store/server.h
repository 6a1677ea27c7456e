/* What was learned of a groupware server, so that it need not be found out again: short words
 * under short names, for each configured [exchange].
 *
 * Kept on one server only: the other one learns for itself. */
#ifndef SIB_STORE_SERVER_H
#define SIB_STORE_SERVER_H

#include "store/store.h"

enum { LIMIT_LEARNED = 64 };

/* (tx) */
bool server_learn(struct store *store, const char *exchange, const char *name,
                  const char *value, struct err *err);
/* value: LIMIT_LEARNED bytes; "" when nothing is known. */
bool server_recall(struct store *store, const char *exchange, const char *name, char *value,
                   struct err *err);

#endif
