#include "ews/notification.h"

#include <string.h>

#include "base/xml.h"
#include "ews/ews_names.h"

/* A notification is flat and small: limits far below those of an answer. */
static const struct xml_limits LIMITS = {
    .max_bytes = LIMIT_CALLBACK_BYTES, .max_depth = 16, .max_nodes = 20000};

static bool nonsense(struct err *err, const char *what)
{
    return err_set(err, ERR_PROTOCOL, "This is not a notification of Exchange: %s.", what);
}

/* An identifier without the blanks around it; false when it is empty or too long. */
static bool take_id(const char *text, char *id)
{
    text += strspn(text, " \t\r\n");
    size_t len = strcspn(text, " \t\r\n");
    if (len == 0 || len >= LIMIT_REMOTE_ID || text[len + strspn(text + len, " \t\r\n")] != '\0')
        return false;
    memcpy(id, text, len);
    id[len] = '\0';
    return true;
}

static bool is_event(const char *name)
{
    size_t len = strlen(name);
    return len > strlen("Event") && strcmp(name + len - strlen("Event"), "Event") == 0;
}

bool notification_is_of_folders(const struct xml_node *event)
{
    static const char *const names[] = {"CreatedEvent", "DeletedEvent", "MovedEvent",
                                        "CopiedEvent"};

    if (!xml_child(event, EWS_NS_TYPES, "FolderId"))
        return false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(event->name, names[i]) == 0)
            return true;
    }
    return false;
}

static bool take_folder(const struct xml_node *event, const char *name, char *folder)
{
    const char *id = xml_attr(xml_child(event, EWS_NS_TYPES, name), "Id");

    return id && take_id(id, folder);
}

/* In which folder something changed, as the event of it or of an item in it says. False: it
 * does not say. */
static bool read_spot(const struct xml_node *event, struct remote_spot *spot)
{
    bool of_folder = xml_child(event, EWS_NS_TYPES, "FolderId") != NULL;

    spot->from[0] = '\0';
    return take_folder(event, of_folder ? "FolderId" : "ParentFolderId", spot->folder) &&
           (strcmp(event->name, "MovedEvent") != 0 ||
            take_folder(event, "OldParentFolderId", spot->from));
}

static bool is_false(const char *text)
{
    return text[0] == '\0' || strcmp(text, "false") == 0 || strcmp(text, "0") == 0;
}

/* False: there is no room for one more. */
static bool add_spot(struct remote_where *where, const struct remote_spot *spot)
{
    for (int i = 0; i < where->count; i++) {
        if (strcmp(where->spots[i].folder, spot->folder) == 0 &&
            strcmp(where->spots[i].from, spot->from) == 0)
            return true;
    }
    if (where->count == LIMIT_SPOTS)
        return false;
    where->spots[where->count++] = *spot;
    return true;
}

void notification_where(const struct xml_node *notification, struct remote_where *where)
{
    bool known = is_false(xml_child_text(notification, EWS_NS_TYPES, "MoreEvents"));
    struct remote_spot spot;

    where->count = 0;
    for (const struct xml_node *event = notification->first_child; event && known;
         event = event->next) {
        if (!is_event(event->name) || strcmp(event->name, "StatusEvent") == 0)
            continue;
        known = read_spot(event, &spot) && add_spot(where, &spot);
    }
    if (!known)
        where->count = 0;
}

static void count_events(const struct xml_node *node, struct notification *out)
{
    int status = 0;
    for (const struct xml_node *child = node->first_child; child; child = child->next) {
        if (strcmp(child->ns, EWS_NS_TYPES) != 0 || !is_event(child->name))
            continue;
        out->events++;
        status += strcmp(child->name, "StatusEvent") == 0;
        out->folders = out->folders || notification_is_of_folders(child);
    }
    out->status_only = out->events > 0 && status == out->events;
}

/* ResponseClass="Error" (in practice ErrorReadEventsFailed): the subscription is deleted.
 * Against the schema there is no Notification then; the id stands in MessageXml. It may be
 * missing, for then the address that was called still says whose it was. */
static void read_error(const struct xml_node *message, struct notification *out)
{
    const struct xml_node *value =
        xml_child(xml_child(message, EWS_NS_MESSAGES, "MessageXml"), EWS_NS_TYPES, "Value");
    out->lost = true;
    for (; value; value = xml_next(value, EWS_NS_TYPES, "Value")) {
        const char *name = xml_attr(value, "Name");
        if (name && strcmp(name, "SubscriptionId") == 0 &&
            take_id(xml_text(value), out->subscription))
            return;
    }
}

static bool read_message(const struct xml_node *message, struct notification *out,
                         struct err *err)
{
    *out = (struct notification){0};
    const char *class = xml_attr(message, "ResponseClass");
    const struct xml_node *notification = xml_child(message, EWS_NS_MESSAGES, "Notification");
    if (class && strcmp(class, "Error") == 0) {
        read_error(message, out);
        if (notification && !out->subscription[0])
            take_id(xml_child_text(notification, EWS_NS_TYPES, "SubscriptionId"),
                    out->subscription);
        return true;
    }
    if (!notification)
        return nonsense(err, "a message has neither an error nor a Notification");
    if (!take_id(xml_child_text(notification, EWS_NS_TYPES, "SubscriptionId"),
                 out->subscription))
        return nonsense(err, "the SubscriptionId is missing or too long");
    count_events(notification, out);
    notification_where(notification, &out->where);
    return true;
}

static bool read_tree(const struct xml_node *root, struct notification *out, size_t max,
                      size_t *count, struct err *err)
{
    if (strcmp(root->name, "Envelope") != 0)
        return nonsense(err, "there is no SOAP envelope");
    const struct xml_node *body = xml_child(root, root->ns, "Body");
    const struct xml_node *send = xml_child(body, EWS_NS_MESSAGES, "SendNotification");
    const struct xml_node *list = xml_child(send, EWS_NS_MESSAGES, "ResponseMessages");
    const char *name = "SendNotificationResponseMessage";
    const struct xml_node *message = xml_child(list, EWS_NS_MESSAGES, name);
    if (!message)
        return nonsense(err, "there is no SendNotification with a message in it");
    for (; message; message = xml_next(message, EWS_NS_MESSAGES, name)) {
        if (*count == max)
            return nonsense(err, "there are too many messages in it");
        if (!read_message(message, &out[*count], err))
            return false;
        (*count)++;
    }
    return true;
}

bool notification_parse(const void *bytes, size_t len, struct notification *out, size_t max,
                        size_t *count, struct err *err)
{
    *count = 0;
    struct xml_reader *reader = xml_reader_new(&LIMITS, NULL);
    if (!reader)
        return err_set(err, ERR_SYSTEM, "no memory for a notification.");
    const struct xml_node *root = NULL;
    bool ok = xml_reader_feed(reader, bytes, len, err) && xml_reader_end(reader, &root, err);
    if (ok && xml_reader_recovered(reader))
        ok = nonsense(err, "it is not well-formed");
    ok = ok && read_tree(root, out, max, count, err);
    xml_reader_free(&reader);
    if (!ok)
        *count = 0;
    return ok;
}

void notification_answer(struct buf *out, bool keep)
{
    struct xml_writer writer;
    xml_writer_init(&writer, out);
    xml_declaration(&writer);
    xml_open(&writer, "s:Envelope");
    xml_attribute(&writer, "xmlns:s", EWS_NS_SOAP);
    xml_open(&writer, "s:Body");
    xml_open(&writer, "m:SendNotificationResult");
    xml_attribute(&writer, "xmlns:m", EWS_NS_MESSAGES);
    xml_element(&writer, "m:SubscriptionStatus", keep ? "OK" : "Unsubscribe");
    while (writer.depth > 0)
        xml_close(&writer);
}
