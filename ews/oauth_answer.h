/* What a token server answers (RFC 6749, 4.4.3 and 5.2): a token, or why there is none.
 *
 * Pure: bytes in, a value or a sentence out. Every byte is hostile; lengths, depth, the
 * alphabet of a token and its life are bounded. Ownership: the token is the answer's;
 * oauth_answer_clear wipes and frees it. */
#ifndef SIB_EWS_OAUTH_ANSWER_H
#define SIB_EWS_OAUTH_ANSWER_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct oauth_answer {
    char *token;
    int64_t life_ms; /* from now; within OAUTH_LIFE_MIN_MS and OAUTH_LIFE_MAX_MS */
};

enum { OAUTH_LIFE_MIN_MS = 60 * 1000, OAUTH_LIFE_MAX_MS = 86400 * 1000 };

/* retry_after_ms -1: no such header. False: err says what to do about it; err->code is the
 * server's own word ("invalid_client"). A server that cannot answer now is ERR_UNAVAILABLE, one
 * that refuses ERR_DENIED, one that is not a token server ERR_CONFIG or ERR_PROTOCOL; all of
 * them concern the account, and nothing was sent to Exchange. */
bool oauth_answer_read(int status, int64_t retry_after_ms, const char *bytes, size_t len,
                       struct oauth_answer *answer, struct err *err);
void oauth_answer_clear(struct oauth_answer *answer);

#endif
