#include "ews/response_stream.h"

#include <string.h>

#include "base/limits.h"
#include "ews/ews_names.h"
#include "ews/notification.h"
#include "ews/soap.h"

struct reading {
    response_stream_fn *fn;
    void *arg;
    bool stopped;
};

static bool is_id(const char *text)
{
    return *text && strlen(text) < LIMIT_REMOTE_ID;
}

static bool tell(struct reading *reading, const char *subscription,
                 enum response_stream_word word, const struct remote_where *where)
{
    reading->stopped =
        reading->stopped || !reading->fn(subscription, word, where, reading->arg);
    return !reading->stopped;
}

/* Something besides signs of life? And was it of folders? */
static bool has_event(const struct xml_node *notification, bool *folders)
{
    bool any = false;

    *folders = false;
    for (const struct xml_node *n = notification->first_child; n; n = n->next) {
        size_t len = strlen(n->name);
        any = any || (len > 5 && strcmp(n->name + len - 5, "Event") == 0 &&
                      strcmp(n->name, "StatusEvent") != 0);
        *folders = *folders || notification_is_of_folders(n);
    }
    return any;
}

static bool read_notification(struct reading *reading, const char *id,
                              const struct xml_node *notification)
{
    struct remote_where where;
    bool folders;

    if (!has_event(notification, &folders))
        return true;
    if (folders)
        return tell(reading, id, STREAMED_FOLDERS, NULL);
    notification_where(notification, &where);
    return tell(reading, id, STREAMED_CHANGE, &where);
}

static bool read_notifications(struct reading *reading, const struct xml_node *message,
                               struct err *err)
{
    const struct xml_node *list = xml_child(message, EWS_NS_MESSAGES, "Notifications");
    const struct xml_node *n = xml_child(list, EWS_NS_TYPES, "Notification");
    if (!n) /* as the schema has it; servers write both */
        n = xml_child(list, EWS_NS_MESSAGES, "Notification");
    for (; n; n = xml_next(n, NULL, "Notification")) {
        const char *id = xml_child_text(n, EWS_NS_TYPES, "SubscriptionId");
        if (!is_id(id))
            return soap_nonsense(err, "a notification has no subscription id");
        if (!read_notification(reading, id, n))
            return true;
    }
    return true;
}

static bool read_lost(struct reading *reading, const struct xml_node *message)
{
    const struct xml_node *list = xml_child(message, EWS_NS_MESSAGES, "ErrorSubscriptionIds");
    bool any = false;
    for (const struct xml_node *id = list ? list->first_child : NULL; id; id = id->next) {
        if (strcmp(id->name, "SubscriptionId") != 0 || !is_id(xml_text(id)))
            continue;
        any = true;
        if (!tell(reading, xml_text(id), STREAMED_LOSS, NULL))
            break;
    }
    return any;
}

bool response_stream(const struct xml_node *root, response_stream_fn *fn, void *arg,
                     bool *closed, bool *lost, struct err *err)
{
    struct reading reading = {.fn = fn, .arg = arg};
    const struct xml_node *message;
    *closed = *lost = false;
    if (!soap_open_answer(root, "GetStreamingEventsResponse", 1, &message, err))
        return false;
    const char *status = xml_child_text(message, EWS_NS_MESSAGES, "ConnectionStatus");
    *closed = strcmp(status, "Closed") == 0;
    if (soap_message_ok(message, err))
        return read_notifications(&reading, message, err);
    *lost = read_lost(&reading, message);
    return *lost;
}
