#include "ews/response_stream.h"

#include <string.h>

#include "base/limits.h"
#include "ews/ews_names.h"
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

static bool tell(struct reading *reading, const char *subscription, bool lost)
{
    reading->stopped = reading->stopped || !reading->fn(subscription, lost, reading->arg);
    return !reading->stopped;
}

/* Something besides signs of life? */
static bool has_event(const struct xml_node *notification)
{
    for (const struct xml_node *n = notification->first_child; n; n = n->next) {
        size_t len = strlen(n->name);
        if (len > 5 && strcmp(n->name + len - 5, "Event") == 0 &&
            strcmp(n->name, "StatusEvent") != 0)
            return true;
    }
    return false;
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
        if (has_event(n) && !tell(reading, id, false))
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
        if (!tell(reading, xml_text(id), true))
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
