/* What a 401 of Exchange says beside the number: which ways to prove oneself it offers, and
 * what it has against a token. Pure. */
#ifndef SIB_EWS_CHALLENGE_H
#define SIB_EWS_CHALLENGE_H

#include "base/err.h"
#include "ews/transport.h"

/* Is this scheme ("Basic", "NTLM", "Negotiate", "Bearer") among those of a WWW-Authenticate? */
bool challenge_offers(const char *challenge, const char *scheme);

/* Gives *err, the error of a 401, the sentence that fits. The rest of *err stays. auth: as the
 * configuration says it. */
void challenge_explain(struct err *err, const char *auth, const struct transport_reply *reply);

#endif
