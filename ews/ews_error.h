/* What each answer of Exchange means for us: one table from ResponseCode to a grade.
 *
 * Source: ResponseCodeType of messages.xsd (every value is in the table, a test says so) and
 * the classes of [MS-OXWSCDATA]; docs/exchange.md says them in words. Codes outside the schema
 * are graded by the shape of the answer that they came in. Texts are localised and never looked
 * at. */
#ifndef SIB_EWS_EWS_ERROR_H
#define SIB_EWS_EWS_ERROR_H

#include "base/err.h"

/* What a code came in. It decides only when the table does not know the code. */
enum ews_shape {
    EWS_SHAPE_FAULT,   /* the whole request failed, nobody knows how far it had come */
    EWS_SHAPE_ERROR,   /* a message of class Error: this one thing was not done */
    EWS_SHAPE_WARNING, /* a message of class Warning: done perhaps, or only in part */
    EWS_SHAPES,
};

/* An error as the server put it. */
struct ews_said {
    enum ews_shape shape;
    const char *code;    /* not NoError */
    const char *inner;   /* the error that this one wraps; "": none */
    const char *text;    /* the server's own words, for people */
    int64_t back_off_ms; /* 0: it asks for no wait */
};

bool ews_error_from_answer(struct err *err, const struct ews_said *said);
/* The same for the code of a message of class Error and nothing more. */
bool ews_error_from_code(struct err *err, const char *code, const char *text,
                         int64_t back_off_ms);
/* Fill err for an HTTP status without a SOAP answer that explains it. retry_after_ms -1: none.
 */
bool ews_error_from_http(struct err *err, int status, const char *content_type,
                         int64_t retry_after_ms);
bool ews_error_known(const char *code);

/* The mailbox is served elsewhere, or soon will be: look its server up again. */
bool ews_error_is_moved(const struct err *err);
/* The server has too much to do: send it less. (That there are too many subscriptions is not
 * of this kind.) */
bool ews_error_is_throttled(const struct err *err);

#endif
