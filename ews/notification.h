/* Reading Exchange's callbacks (SendNotification) and answering them.
 *
 * Bytes are hostile: limits of base/limits.h, no DTD, no recovery needed for an answer. */
#ifndef SIB_EWS_NOTIFICATION_H
#define SIB_EWS_NOTIFICATION_H

#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "remote/remote.h"

struct notification {
    char subscription[LIMIT_REMOTE_ID];
    bool status_only; /* a StatusEvent and nothing else */
    bool folders;     /* a folder was made, moved, copied or removed */
    bool lost;        /* ErrorReadEventsFailed: the subscription is gone */
    int events;
    struct remote_where where;
};

/* Parse one POST body. out: up to max notifications; count: how many. False: not a notification
 * (answer 400). */
bool notification_parse(const void *bytes, size_t len, struct notification *out, size_t max,
                        size_t *count, struct err *err);

/* Does an event (a CreatedEvent, MovedEvent ...) say that there are other folders now? A
 * ModifiedEvent never does: Exchange sends that of the folder with every change of what is in
 * it, and a new name changes nothing of what is mapped. */
struct xml_node;
bool notification_is_of_folders(const struct xml_node *event);

/* Where the events of a Notification took place. More folders than fit, an event that names
 * none, or more events to come: anywhere. */
void notification_where(const struct xml_node *notification, struct remote_where *where);

/* The whole SOAP answer: "OK" or "Unsubscribe". */
void notification_answer(struct buf *out, bool keep);

#endif
