/* Negotiate (SPNEGO with Kerberos) as IIS takes it: each request's token is verified with the
 * key of the service, which stands in the keytab that KRB5_KTNAME names.
 *
 * The library of GSS-API is looked for when it is needed, since libcurl brings it along but not
 * its headers. Ownership: nothing is borrowed. */
#ifndef SIB_TESTS_EXCHANGE_EXCHANGE_NEGOTIATE_H
#define SIB_TESTS_EXCHANGE_EXCHANGE_NEGOTIATE_H

#include <stddef.h>

#include "base/err.h"

enum { EXCHANGE_NEGOTIATE_VALUE_MAX = 4096 };

struct exchange_negotiate;
struct exchange_negotiate *exchange_negotiate_new(struct err *err);
void exchange_negotiate_free(struct exchange_negotiate **negotiate);

/* Whose ticket it is: "svc@REALM", borrowed until the next call; NULL: refused. value: for
 * WWW-Authenticate, in both cases. */
const char *exchange_negotiate_user(struct exchange_negotiate *negotiate,
                                    const char *authorization, char *value, size_t size);

#endif
