/* Making an answer of a server fit to be shown to strangers: pure.
 *
 * What a recording is for stays: which elements come in which order, codes, flags, dates,
 * sizes, even what is not well-formed. What is somebody's business goes: every text that is not
 * known to be harmless keeps its length and loses its letters and digits; ids, tokens and
 * watermarks become others of the same length, the same for the same; audio becomes a short
 * silence. The rule is an allow-list, so that an element that nobody thought of is masked.
 * Works on bytes, not on a parsed document: what a server writes wrongly is what is wanted. */
#ifndef SIB_EWS_REDACT_H
#define SIB_EWS_REDACT_H

#include "base/buf.h"

/* salt: random, one for a whole recording, so that equal ids stay equal within it and cannot be
 * guessed from outside. Everything that is not XML is masked whole. */
void redact_body(struct buf *out, const char *bytes, size_t len, const char *salt);
/* The value of a header: of a URL the path stays, of a challenge the scheme. */
void redact_location(struct buf *out, const char *url);
void redact_challenge(struct buf *out, const char *challenge);

#endif
