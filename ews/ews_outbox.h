/* The Voice Outbox: the folder below the Outbox into which people put what they compose.
 * Private to the files that implement remote/remote.h over EWS. */
#ifndef SIB_EWS_EWS_OUTBOX_H
#define SIB_EWS_EWS_OUTBOX_H

#include "remote/remote.h"

/* id NULL without an error: the mailbox has none, and we may not make it. */
typedef void ews_outbox_fn(struct remote_call *call, const struct err *err, const char *id);

/* Find the folder, or make it. Only what would hit any other request of the mailbox too is an
 * error; whatever else keeps the folder from us goes into the log, and the mailbox does without
 * it. Nothing else of the call may be under way; cancelling the call cancels it. */
void ews_outbox_find(struct remote_call *call, ews_outbox_fn *then);

#endif
