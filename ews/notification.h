/* Reading Exchange's callbacks (SendNotification) and answering them.
 *
 * Bytes are hostile: limits of base/limits.h, no DTD, no recovery needed for an answer. */
#ifndef SIB_EWS_NOTIFICATION_H
#define SIB_EWS_NOTIFICATION_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"

struct notification {
    char subscription[LIMIT_REMOTE_ID];
    bool status_only; /* a StatusEvent and nothing else */
    bool lost;        /* ErrorReadEventsFailed: the subscription is gone */
    int events;
};

/* Parse one POST body. out: up to max notifications; count: how many. False: not a notification
 * (answer 400). */
bool notification_parse(const void *bytes, size_t len, struct notification *out, size_t max,
                        size_t *count, struct err *err);

/* The whole SOAP answer: "OK" or "Unsubscribe". */
void notification_answer(struct buf *out, bool keep);

#endif
