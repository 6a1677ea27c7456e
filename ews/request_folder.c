/* Requests about folders: finding, synchronising, being called about them. */
#include <stdio.h>

#include "ews/ews_names.h"
#include "ews/request.h"
#include "ews/request_private.h"

void request_id(struct xml_writer *writer, const char *name, const char *id,
                const char *version)
{
    xml_open(writer, name);
    xml_attribute(writer, "Id", id);
    if (version && *version)
        xml_attribute(writer, "ChangeKey", version);
    xml_close(writer);
}

void request_field(struct xml_writer *writer, const char *field)
{
    xml_open(writer, "t:FieldURI");
    xml_attribute(writer, "FieldURI", field);
    xml_close(writer);
}

void request_named_property(struct xml_writer *writer, const char *name)
{
    xml_open(writer, "t:ExtendedFieldURI");
    xml_attribute(writer, "PropertySetId", EWS_PROPERTY_SET);
    xml_attribute(writer, "PropertyName", name);
    xml_attribute(writer, "PropertyType", "String");
    xml_close(writer);
}

void request_state_shape(struct xml_writer *writer)
{
    xml_open(writer, "m:ItemShape");
    xml_element(writer, "t:BaseShape", "IdOnly");
    xml_open(writer, "t:AdditionalProperties");
    request_field(writer, "item:Subject");
    request_field(writer, "item:Importance");
    request_field(writer, "message:IsRead");
    request_field(writer, "item:LastModifiedTime");
    request_field(writer, "item:DateTimeCreated");
    request_named_property(writer, EWS_NAME_MESSAGE_ID);
    request_named_property(writer, EWS_NAME_CREATION);
    xml_close(writer);
    xml_close(writer);
}

static void folder_shape(struct xml_writer *writer)
{
    xml_open(writer, "m:FolderShape");
    xml_element(writer, "t:BaseShape", "IdOnly");
    xml_open(writer, "t:AdditionalProperties");
    request_field(writer, "folder:DisplayName");
    request_field(writer, "folder:FolderClass");
    xml_close(writer);
    xml_close(writer);
}

void request_root_id(struct xml_writer *writer, const struct request_root *root)
{
    xml_open(writer, "t:DistinguishedFolderId");
    xml_attribute(writer, "Id", root->name);
    if (root->mailbox) {
        xml_open(writer, "t:Mailbox");
        xml_element(writer, "t:EmailAddress", root->mailbox);
        xml_close(writer);
    }
    xml_close(writer);
}

void request_get_folders(struct buf *out, const struct soap_header *header,
                         const struct request_root *roots, size_t count)
{
    struct xml_writer writer;
    soap_begin(&writer, out, header);
    xml_open(&writer, "m:GetFolder");
    folder_shape(&writer);
    xml_open(&writer, "m:FolderIds");
    for (size_t i = 0; i < count; i++)
        request_root_id(&writer, &roots[i]);
    soap_end(&writer);
}

static void number_attribute(struct xml_writer *writer, const char *name, long value)
{
    char text[24];
    snprintf(text, sizeof(text), "%ld", value);
    xml_attribute(writer, name, text);
}

void request_find_folders(struct buf *out, const struct soap_header *header,
                          const struct request_root *root, long offset)
{
    struct xml_writer writer;
    soap_begin(&writer, out, header);
    xml_open(&writer, "m:FindFolder");
    xml_attribute(&writer, "Traversal", "Deep");
    folder_shape(&writer);
    xml_open(&writer, "m:IndexedPageFolderView");
    number_attribute(&writer, "MaxEntriesReturned", REQUEST_FOLDER_PAGE);
    number_attribute(&writer, "Offset", offset);
    xml_attribute(&writer, "BasePoint", "Beginning");
    xml_close(&writer);
    xml_open(&writer, "m:ParentFolderIds");
    request_root_id(&writer, root);
    soap_end(&writer);
}

void request_sync_items(struct buf *out, const struct soap_header *header, const char *folder,
                        const char *token)
{
    struct xml_writer writer;
    char page[24];
    snprintf(page, sizeof(page), "%d", LIMIT_SYNC_PAGE);
    soap_begin(&writer, out, header);
    xml_open(&writer, "m:SyncFolderItems");
    request_state_shape(&writer);
    xml_open(&writer, "m:SyncFolderId");
    request_id(&writer, "t:FolderId", folder, NULL);
    xml_close(&writer);
    if (*token)
        xml_element(&writer, "m:SyncState", token);
    xml_element(&writer, "m:MaxChangesReturned", page);
    xml_element(&writer, "m:SyncScope", "NormalItems");
    soap_end(&writer);
}

/* Which folders, and what is worth telling about them. */
static void subscription_wishes(struct xml_writer *writer, const char *const *folders,
                                size_t count)
{
    static const char *const events[] = {"NewMailEvent", "CreatedEvent", "ModifiedEvent",
                                         "MovedEvent", "DeletedEvent"};
    xml_open(writer, "t:FolderIds");
    for (size_t i = 0; i < count; i++)
        request_id(writer, "t:FolderId", folders[i], NULL);
    xml_close(writer);
    xml_open(writer, "t:EventTypes");
    for (size_t i = 0; i < sizeof(events) / sizeof(events[0]); i++)
        xml_element(writer, "t:EventType", events[i]);
    xml_close(writer);
}

void request_subscribe(struct buf *out, const struct soap_header *header, const char *url,
                       int status_minutes, const char *const *folders, size_t count)
{
    struct xml_writer writer;
    char minutes[24];
    snprintf(minutes, sizeof(minutes), "%d", status_minutes);
    soap_begin(&writer, out, header);
    xml_open(&writer, "m:Subscribe");
    xml_open(&writer, "m:PushSubscriptionRequest");
    subscription_wishes(&writer, folders, count);
    xml_element(&writer, "t:StatusFrequency", minutes);
    xml_element(&writer, "t:URL", url);
    soap_end(&writer);
}

void request_subscribe_stream(struct buf *out, const struct soap_header *header,
                              const char *const *folders, size_t count)
{
    struct xml_writer writer;
    soap_begin(&writer, out, header);
    xml_open(&writer, "m:Subscribe");
    xml_open(&writer, "m:StreamingSubscriptionRequest");
    subscription_wishes(&writer, folders, count);
    soap_end(&writer);
}

void request_stream(struct buf *out, const struct soap_header *header,
                    const char *const *subscriptions, size_t count, int minutes)
{
    struct xml_writer writer;
    char text[24];
    snprintf(text, sizeof(text), "%d", minutes);
    soap_begin(&writer, out, header);
    xml_open(&writer, "m:GetStreamingEvents");
    xml_open(&writer, "m:SubscriptionIds");
    for (size_t i = 0; i < count; i++)
        xml_element(&writer, "t:SubscriptionId", subscriptions[i]);
    xml_close(&writer);
    xml_element(&writer, "m:ConnectionTimeout", text);
    soap_end(&writer);
}

void request_unsubscribe(struct buf *out, const struct soap_header *header,
                         const char *subscription)
{
    struct xml_writer writer;
    soap_begin(&writer, out, header);
    xml_open(&writer, "m:Unsubscribe");
    xml_element(&writer, "m:SubscriptionId", subscription);
    soap_end(&writer);
}
