/* What each answer of Exchange means for us: one table from ResponseCode to a grade.
 *
 * Source: ResponseCodeType of messages.xsd (every value is in the table, a test says so) and
 * the classes of [MS-OXWSCDATA]; docs/exchange.md says them in words. Codes outside the schema
 * are graded by the class of the answer. Texts are localised and never looked at. */
#ifndef SIB_EWS_EWS_ERROR_H
#define SIB_EWS_EWS_ERROR_H

#include "base/err.h"

/* Fill err for a ResponseCode that is not NoError. text: the server's own words, for people. */
bool ews_error_from_code(struct err *err, const char *code, const char *text,
                         int64_t back_off_ms);
/* Fill err for an HTTP status without a SOAP answer that explains it. retry_after_ms -1: none.
 */
bool ews_error_from_http(struct err *err, int status, const char *content_type,
                         int64_t retry_after_ms);
bool ews_error_known(const char *code);

#endif
