#include "ews/response.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ews/ews_names.h"
#include "ews/response_private.h"
#include "ews/soap.h"

static bool is_true(const char *text)
{
    return strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
}

static struct wall time_of(const struct xml_node *item, const char *name)
{
    struct wall when = {0};
    const char *text = xml_child_text(item, EWS_NS_TYPES, name);
    if (!clock_parse(text, &when))
        when.ms = 0;
    return when;
}

const char *response_named_property(const struct xml_node *item, const char *name)
{
    const struct xml_node *property = xml_child(item, EWS_NS_TYPES, "ExtendedProperty");
    for (; property; property = xml_next(property, EWS_NS_TYPES, "ExtendedProperty")) {
        const struct xml_node *field = xml_child(property, EWS_NS_TYPES, "ExtendedFieldURI");
        const char *set = xml_attr(field, "PropertySetId");
        const char *own = xml_attr(field, "PropertyName");
        if (set && own && strcasecmp(set, EWS_PROPERTY_SET) == 0 && strcasecmp(own, name) == 0)
            return xml_child_text(property, EWS_NS_TYPES, "Value");
    }
    return "";
}

bool response_read_id(const struct xml_node *id, const char **text, const char **version)
{
    const char *value = xml_attr(id, "Id");
    const char *key = xml_attr(id, "ChangeKey");
    if (!value || !*value || strlen(value) >= LIMIT_REMOTE_ID)
        return false;
    if (key && strlen(key) >= LIMIT_REMOTE_ID)
        return false;
    *text = value;
    *version = key ? key : "";
    return true;
}

bool response_read_item(const struct xml_node *node, struct remote_item *item)
{
    *item = (struct remote_item){
        .message_id = response_named_property(node, EWS_NAME_MESSAGE_ID),
        .creation = response_named_property(node, EWS_NAME_CREATION),
        .subject = xml_child_text(node, EWS_NS_TYPES, "Subject"),
        .read = is_true(xml_child_text(node, EWS_NS_TYPES, "IsRead")),
        .urgent = strcmp(xml_child_text(node, EWS_NS_TYPES, "Importance"), "High") == 0,
        .modified = time_of(node, "LastModifiedTime"),
        .created = time_of(node, "DateTimeCreated"),
    };
    return response_read_id(xml_child(node, EWS_NS_TYPES, "ItemId"), &item->id, &item->version);
}

bool response_only_message(const struct xml_node *root, const char *name,
                           const struct xml_node **message, struct err *err)
{
    return soap_open_answer(root, name, 1, message, err) && soap_message_ok(*message, err);
}

/* ---- Changes ---------------------------------------------------------------------------- */

static bool read_change(const struct xml_node *node, struct remote_change *change)
{
    *change = (struct remote_change){
        .item = {.id = "", .version = "", .message_id = "", .creation = "", .subject = ""}};
    if (strcmp(node->name, "Create") == 0 || strcmp(node->name, "Update") == 0) {
        change->kind = REMOTE_SEEN;
        return node->first_child && response_read_item(node->first_child, &change->item);
    }
    const struct xml_node *id = xml_child(node, EWS_NS_TYPES, "ItemId");
    if (strcmp(node->name, "ReadFlagChange") == 0) {
        change->kind = REMOTE_READ_FLAG;
        change->item.read = is_true(xml_child_text(node, EWS_NS_TYPES, "IsRead"));
        return response_read_id(id, &change->item.id, &change->item.version);
    }
    change->kind = REMOTE_REMOVED;
    return strcmp(node->name, "Delete") == 0 &&
           response_read_id(id, &change->item.id, &change->item.version);
}

static struct remote_change *changes_room(size_t count, struct err *err)
{
    struct remote_change *changes = calloc(count ? count : 1, sizeof(*changes));
    if (!changes)
        err_set(err, ERR_SYSTEM, "no memory for the changes of a folder");
    return changes;
}

static bool read_changes(const struct xml_node *parent, struct remote_page *page,
                         struct err *err)
{
    size_t count = 0;
    for (const struct xml_node *n = parent ? parent->first_child : NULL; n; n = n->next)
        count++;
    struct remote_change *changes = changes_room(count, err);
    if (!changes)
        return false;
    page->changes = changes;
    page->count = count;
    const struct xml_node *node = parent ? parent->first_child : NULL;
    for (size_t i = 0; i < count; i++, node = node->next) {
        if (!read_change(node, &changes[i]))
            return soap_nonsense(err, "a change of a folder cannot be read");
    }
    return true;
}

bool response_sync_items(const struct xml_node *root, struct remote_page *page, struct err *err)
{
    *page = (struct remote_page){0};
    const struct xml_node *message;
    if (!response_only_message(root, "SyncFolderItemsResponse", &message, err))
        return false;
    page->token = xml_child_text(message, EWS_NS_MESSAGES, "SyncState");
    if (!*page->token || strlen(page->token) > LIMIT_SYNC_TOKEN)
        return soap_nonsense(err, "it has no SyncState, or one that is too long");
    const char *last = xml_child_text(message, EWS_NS_MESSAGES, "IncludesLastItemInRange");
    if (!*last)
        return soap_nonsense(err, "it does not say whether more changes follow");
    page->last = is_true(last);
    if (read_changes(xml_child(message, EWS_NS_MESSAGES, "Changes"), page, err))
        return true;
    response_page_clear(page);
    return false;
}

/* The first item below m:Items, of whatever kind; NULL if there is none. */
static const struct xml_node *first_item(const struct xml_node *message)
{
    const struct xml_node *items = xml_child(message, EWS_NS_MESSAGES, "Items");
    return items ? items->first_child : NULL;
}

bool response_get_item(const struct xml_node *root, struct remote_page *page, struct err *err)
{
    *page = (struct remote_page){.token = "", .last = true};
    const struct xml_node *message;
    if (!response_only_message(root, "GetItemResponse", &message, err))
        return false;
    struct remote_change change = {.kind = REMOTE_SEEN};
    if (!first_item(message) || !response_read_item(first_item(message), &change.item))
        return soap_nonsense(err, "it has no item");
    struct remote_change *changes = changes_room(1, err);
    if (!changes)
        return false;
    changes[0] = change;
    page->changes = changes;
    page->count = 1;
    return true;
}

void response_page_clear(struct remote_page *page)
{
    free((void *)page->changes);
    *page = (struct remote_page){0};
}

/* ---- Writes ----------------------------------------------------------------------------- */

bool response_ref(const struct xml_node *root, const char *name, struct remote_ref *ref,
                  int *attachments, struct err *err)
{
    *ref = (struct remote_ref){0};
    *attachments = 0;
    const struct xml_node *message;
    if (!response_only_message(root, name, &message, err))
        return false;
    const struct xml_node *item = first_item(message);
    if (!response_read_id(xml_child(item, EWS_NS_TYPES, "ItemId"), &ref->id, &ref->version))
        return soap_nonsense(err, "it does not name the item that was written");
    const struct xml_node *list = xml_child(item, EWS_NS_TYPES, "Attachments");
    for (const struct xml_node *n = list ? list->first_child : NULL; n; n = n->next)
        ++*attachments;
    return true;
}

bool response_done(const struct xml_node *root, const char *name, struct err *err)
{
    const struct xml_node *message;
    return response_only_message(root, name, &message, err);
}

bool response_subscribe(const struct xml_node *root, const char **subscription, struct err *err)
{
    const struct xml_node *message;
    if (!response_only_message(root, "SubscribeResponse", &message, err))
        return false;
    *subscription = xml_child_text(message, EWS_NS_MESSAGES, "SubscriptionId");
    if (!**subscription || strlen(*subscription) >= LIMIT_REMOTE_ID)
        return soap_nonsense(err, "it has no subscription id");
    return true;
}

/* ---- Attachments ------------------------------------------------------------------------ */

static bool is_audio(const struct xml_node *attachment)
{
    static const char *const endings[] = {".wav", ".mp3", ".m4a", ".amr", ".au", ".ogg"};
    if (strncasecmp(xml_child_text(attachment, EWS_NS_TYPES, "ContentType"), "audio/", 6) == 0)
        return true;
    const char *dot = strrchr(xml_child_text(attachment, EWS_NS_TYPES, "Name"), '.');
    for (size_t i = 0; dot && i < sizeof(endings) / sizeof(endings[0]); i++) {
        if (strcasecmp(dot, endings[i]) == 0)
            return true;
    }
    return false;
}

bool response_attachments(const struct xml_node *root, const char **audio, int *total,
                          struct err *err)
{
    *audio = NULL;
    *total = 0;
    const struct xml_node *message;
    if (!response_only_message(root, "GetItemResponse", &message, err))
        return false;
    if (!first_item(message))
        return soap_nonsense(err, "it has no item");
    const struct xml_node *list = xml_child(first_item(message), EWS_NS_TYPES, "Attachments");
    for (const struct xml_node *n = list ? list->first_child : NULL; n; n = n->next) {
        ++*total;
        if (*audio || strcmp(n->name, "FileAttachment") != 0 || !is_audio(n))
            continue;
        const char *version;
        if (!response_read_id(xml_child(n, EWS_NS_TYPES, "AttachmentId"), audio, &version))
            return soap_nonsense(err, "an attachment has no id");
    }
    return true;
}

bool response_root_item(const struct xml_node *root, const char **version, struct err *err)
{
    const struct xml_node *message;
    *version = "";
    if (!response_only_message(root, "DeleteAttachmentResponse", &message, err))
        return false;
    const struct xml_node *item = xml_child(message, EWS_NS_MESSAGES, "RootItemId");
    const char *key = xml_attr(item, "RootItemChangeKey");
    if (key && strlen(key) >= LIMIT_REMOTE_ID)
        return soap_nonsense(err, "a version that is too long");
    *version = key ? key : "";
    return true;
}
