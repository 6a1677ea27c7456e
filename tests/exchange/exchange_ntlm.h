/* NTLM as IIS speaks it (MS-NLMP), as far as a client can go wrong: a challenge of its own for
 * each connection, NTLMv2 verified with the password, and the connection, not the request, is
 * what is authenticated. NTLMv1 and LM are refused.
 *
 * Ownership: everything is copied. No I/O. Connections are told apart by a number that is never
 * used again (http_connection); of those that have ended nothing is said, the oldest are
 * forgotten. */
#ifndef SIB_TESTS_EXCHANGE_EXCHANGE_NTLM_H
#define SIB_TESTS_EXCHANGE_EXCHANGE_NTLM_H

#include <stddef.h>

#include "base/err.h"

enum exchange_ntlm_step {
    EXCHANGE_NTLM_IN,        /* the connection is that of a user */
    EXCHANGE_NTLM_CHALLENGE, /* answer 401 with this WWW-Authenticate */
    EXCHANGE_NTLM_REFUSED,   /* the same, and it is the end of this attempt */
};

enum { EXCHANGE_NTLM_VALUE_MAX = 512 };

struct exchange_ntlm;
/* NULL when OpenSSL has no MD4 (its legacy provider). */
struct exchange_ntlm *exchange_ntlm_new(struct err *err);
void exchange_ntlm_free(struct exchange_ntlm **ntlm);
/* user: "DOMAIN\USER" or "USER", of any domain then; at most 8. */
void exchange_ntlm_add(struct exchange_ntlm *ntlm, const char *user, const char *password);

/* A request came: its Authorization, or NULL. value: for WWW-Authenticate. */
enum exchange_ntlm_step exchange_ntlm_step(struct exchange_ntlm *ntlm, unsigned long connection,
                                           const char *authorization, char *value, size_t size);
/* Whose connection it is; NULL: nobody's yet. */
const char *exchange_ntlm_user(const struct exchange_ntlm *ntlm, unsigned long connection);

#endif
