/* Requests about items: create, update, move, delete, get. */
#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "ews/ews_names.h"
#include "ews/mime.h"
#include "ews/request.h"
#include "ews/request_private.h"

/* Exchange takes subjects of at most 255 UTF-16 units; a longer one would be refused for good.
 */
enum { SUBJECT_UNITS = 255 };

static void subject_element(struct xml_writer *writer, const char *subject)
{
    size_t len = 0, units = 0;
    while (subject[len]) {
        unsigned char c = (unsigned char)subject[len];
        size_t add = (c & 0xC0) == 0x80 ? 0 : c >= 0xF0 ? 2 : 1;
        if (units + add > SUBJECT_UNITS)
            break;
        units += add;
        len++;
    }
    xml_open(writer, "t:Subject");
    xml_content_n(writer, subject, len);
    xml_close(writer);
}

static void tag_uri(struct xml_writer *writer, const char *tag, const char *type)
{
    xml_open(writer, "t:ExtendedFieldURI");
    xml_attribute(writer, "PropertyTag", tag);
    xml_attribute(writer, "PropertyType", type);
    xml_close(writer);
}

static void tagged(struct xml_writer *writer, const char *tag, const char *type,
                   const char *value)
{
    xml_open(writer, "t:ExtendedProperty");
    tag_uri(writer, tag, type);
    xml_element(writer, "t:Value", value);
    xml_close(writer);
}

static void named(struct xml_writer *writer, const char *name, const char *value)
{
    xml_open(writer, "t:ExtendedProperty");
    request_named_property(writer, name);
    xml_element(writer, "t:Value", value);
    xml_close(writer);
}

/* [MS-OXOUM] 2.2.5. Only on what is played: elsewhere the tags mean other things. */
static void voice_properties(struct xml_writer *writer, const struct remote_new *message)
{
    char seconds[24];
    if (!message->audio_path)
        return;
    if (message->duration_ms > 0) {
        long long whole = (message->duration_ms + 500) / 1000;
        snprintf(seconds, sizeof(seconds), "%lld", whole > 0 ? whole : 1);
        tagged(writer, EWS_TAG_VOICE_DURATION, "Integer", seconds);
    }
    if (*message->from_number)
        tagged(writer, EWS_TAG_VOICE_NUMBER, "String", message->from_number);
    if (*message->from_name)
        tagged(writer, EWS_TAG_VOICE_NAME, "String", message->from_name);
    tagged(writer, EWS_TAG_ATTACHMENT_ORDER, "String", message->audio_name);
}

static void properties(struct xml_writer *writer, const struct remote_new *message)
{
    char when[CLOCK_TEXT_MAX];
    clock_format(message->received, when);
    tagged(writer, EWS_TAG_FLAGS, "Integer", message->read ? "1" : "0");
    tagged(writer, EWS_TAG_DELIVERY_TIME, "SystemTime", when);
    tagged(writer, EWS_TAG_SUBMIT_TIME, "SystemTime", when);
    voice_properties(writer, message);
    named(writer, EWS_NAME_MESSAGE_ID, message->message_id);
    named(writer, EWS_NAME_CREATION, message->creation);
}

static void sender(struct xml_writer *writer, const struct remote_new *message)
{
    const char *name = *message->from_name ? message->from_name : message->from_number;
    xml_open(writer, "t:From");
    xml_open(writer, "t:Mailbox");
    if (*name)
        xml_element(writer, "t:Name", name);
    xml_element(writer, "t:EmailAddress", message->from_address);
    xml_close(writer);
    xml_close(writer);
}

static void create_begin(struct xml_writer *writer, struct buf *out,
                         const struct soap_header *header, const struct remote_new *message)
{
    soap_begin(writer, out, header);
    xml_open(writer, "m:CreateItem");
    xml_attribute(writer, "MessageDisposition", "SaveOnly");
    xml_open(writer, "m:SavedItemFolderId");
    request_id(writer, "t:FolderId", message->folder, NULL);
    xml_close(writer);
    xml_open(writer, "m:Items");
    xml_open(writer, "t:Message");
}

static void class_and_subject(struct xml_writer *writer, const struct remote_new *message)
{
    xml_element(writer, "t:ItemClass", message->item_class);
    subject_element(writer, message->subject);
    xml_element(writer, "t:Sensitivity", message->private ? "Private" : "Normal");
}

static void text_body(struct xml_writer *writer, const char *text)
{
    xml_open(writer, "t:Body");
    xml_attribute(writer, "BodyType", "Text");
    xml_content(writer, text);
    xml_close(writer);
}

/* As a mail program names the message with this id. */
static void internet_id(struct xml_writer *writer, const char *element, const char *message_id)
{
    char id[LIMIT_UUID + sizeof(EWS_MESSAGE_ID_DOMAIN) + 8];
    snprintf(id, sizeof(id), "<%s@" EWS_MESSAGE_ID_DOMAIN ">", message_id);
    xml_element(writer, element, id);
}

static void reference(struct xml_writer *writer, const char *element,
                      const struct remote_new *message)
{
    if (id_valid(message->reference))
        internet_id(writer, element, message->reference);
}

/* What stands behind the attachments; in_mime: the sender and the ids stand in the MIME. */
static void create_end(struct xml_writer *writer, const struct remote_new *message,
                       bool in_mime)
{
    xml_element(writer, "t:Importance", message->urgent ? "High" : "Normal");
    if (!in_mime)
        reference(writer, "t:InReplyTo", message);
    properties(writer, message);
    if (*message->from_address && !in_mime)
        sender(writer, message);
    if (!in_mime)
        internet_id(writer, "t:InternetMessageId", message->message_id);
    xml_element(writer, "t:IsRead", message->read ? "true" : "false");
    if (!in_mime)
        reference(writer, "t:References", message);
    soap_end(writer);
}

static void attachment_begin(struct xml_writer *writer, const struct remote_new *message)
{
    xml_open(writer, "t:Attachments");
    xml_open(writer, "t:FileAttachment");
    xml_element(writer, "t:Name", message->audio_name);
    xml_element(writer, "t:ContentType", message->audio_type);
    xml_element(writer, "t:IsInline", "false");
    xml_open(writer, "t:Content");
    xml_flush(writer);
}

static void create_without_audio(struct body *body, const struct soap_header *header,
                                 const struct remote_new *message)
{
    struct xml_writer writer;
    struct buf text;
    buf_init(&text, LIMIT_REQUEST_BYTES);
    create_begin(&writer, &text, header, message);
    class_and_subject(&writer, message);
    text_body(&writer, message->body);
    create_end(&writer, message, false);
    body_add_text(body, &text);
}

static void create_inline(struct body *body, const struct soap_header *header,
                          const struct remote_new *message)
{
    struct xml_writer writer;
    struct buf before, after;
    buf_init(&before, LIMIT_REQUEST_BYTES);
    buf_init(&after, LIMIT_REQUEST_BYTES);
    create_begin(&writer, &before, header, message);
    class_and_subject(&writer, message);
    text_body(&writer, message->body);
    attachment_begin(&writer, message);
    writer.out = &after;
    xml_close(&writer); /* Content */
    xml_close(&writer); /* FileAttachment */
    xml_close(&writer); /* Attachments */
    create_end(&writer, message, false);
    body_add_text(body, &before);
    body_add_file(body, message->audio_path, BODY_ONE_LINE);
    body_add_text(body, &after);
}

static void create_mime(struct body *body, const struct soap_header *header,
                        const struct remote_new *message)
{
    struct xml_writer writer;
    struct buf before, head, tail, after;
    buf_init(&before, LIMIT_REQUEST_BYTES);
    buf_init(&head, LIMIT_REQUEST_BYTES);
    buf_init(&tail, LIMIT_REQUEST_BYTES);
    buf_init(&after, LIMIT_REQUEST_BYTES);
    create_begin(&writer, &before, header, message);
    xml_open(&writer, "t:MimeContent");
    xml_attribute(&writer, "CharacterSet", "UTF-8");
    xml_flush(&writer);
    writer.out = &after;
    xml_close(&writer);
    class_and_subject(&writer, message);
    create_end(&writer, message, true);
    mime_begin(&head, message);
    mime_end(&tail, message);
    body_add_text(body, &before);
    body_begin_base64(body);
    body_add_text(body, &head);
    body_add_file(body, message->audio_path, BODY_MIME_LINES);
    body_add_text(body, &tail);
    body_end_base64(body);
    body_add_text(body, &after);
}

struct body *request_create(const struct soap_header *header, const struct remote_new *message,
                            enum request_way way, struct err *err)
{
    struct body *body = body_new();
    if (body && !message->audio_path)
        create_without_audio(body, header, message);
    else if (body && way == REQUEST_MIME)
        create_mime(body, header, message);
    else if (body)
        create_inline(body, header, message);
    return body_whole(body, err);
}

static void open_change(struct xml_writer *writer, const char *field)
{
    xml_open(writer, "t:SetItemField");
    request_field(writer, field);
    xml_open(writer, "t:Message");
}

static void close_change(struct xml_writer *writer)
{
    xml_close(writer);
    xml_close(writer);
}

/* Ends inside the open Updates. */
static void update_begin(struct xml_writer *writer, struct buf *out,
                         const struct soap_header *header, const char *item,
                         const char *version)
{
    soap_begin(writer, out, header);
    xml_open(writer, "m:UpdateItem");
    xml_attribute(writer, "MessageDisposition", "SaveOnly");
    xml_attribute(writer, "ConflictResolution", "AlwaysOverwrite");
    xml_attribute(writer, "SuppressReadReceipts", "true");
    xml_open(writer, "m:ItemChanges");
    xml_open(writer, "t:ItemChange");
    request_id(writer, "t:ItemId", item, version);
    xml_open(writer, "t:Updates");
}

void request_update(struct buf *out, const struct soap_header *header, const char *item,
                    const char *version, const struct remote_fields *fields)
{
    struct xml_writer writer;
    update_begin(&writer, out, header, item, version);
    if (fields->set_subject) {
        open_change(&writer, "item:Subject");
        subject_element(&writer, fields->subject);
        close_change(&writer);
    }
    if (fields->set_urgent) {
        open_change(&writer, "item:Importance");
        xml_element(&writer, "t:Importance", fields->urgent ? "High" : "Normal");
        close_change(&writer);
    }
    if (fields->set_read) {
        open_change(&writer, "message:IsRead");
        xml_element(&writer, "t:IsRead", fields->read ? "true" : "false");
        close_change(&writer);
    }
    soap_end(&writer);
}

/* Outlook's player comes with the class and goes by the property: without them, it looks for
 * nothing. */
void request_rewrite(struct buf *out, const struct soap_header *header, const char *item,
                     const char *version, const struct remote_content *content)
{
    struct xml_writer writer;
    update_begin(&writer, out, header, item, version);
    if (content->item_class) {
        open_change(&writer, "item:ItemClass");
        xml_element(&writer, "t:ItemClass", content->item_class);
        close_change(&writer);
    }
    open_change(&writer, "item:Body");
    text_body(&writer, content->body);
    close_change(&writer);
    if (content->drop_audio) {
        open_change(&writer, "item:ItemClass");
        xml_element(&writer, "t:ItemClass", EWS_PLAIN_CLASS);
        close_change(&writer);
        xml_open(&writer, "t:DeleteItemField");
        tag_uri(&writer, EWS_TAG_ATTACHMENT_ORDER, "String");
        xml_close(&writer);
    }
    soap_end(&writer);
}

void request_move(struct buf *out, const struct soap_header *header, const char *item,
                  const char *folder)
{
    struct xml_writer writer;
    soap_begin(&writer, out, header);
    xml_open(&writer, "m:MoveItem");
    xml_open(&writer, "m:ToFolderId");
    request_id(&writer, "t:FolderId", folder, NULL);
    xml_close(&writer);
    xml_open(&writer, "m:ItemIds");
    request_id(&writer, "t:ItemId", item, NULL);
    xml_close(&writer);
    xml_element(&writer, "m:ReturnNewItemIds", "true");
    soap_end(&writer);
}

void request_delete(struct buf *out, const struct soap_header *header, const char *item)
{
    struct xml_writer writer;
    soap_begin(&writer, out, header);
    xml_open(&writer, "m:DeleteItem");
    xml_attribute(&writer, "DeleteType", "HardDelete");
    xml_attribute(&writer, "SuppressReadReceipts", "true");
    xml_open(&writer, "m:ItemIds");
    request_id(&writer, "t:ItemId", item, NULL);
    soap_end(&writer);
}

static void attachment_shape(struct xml_writer *writer)
{
    xml_open(writer, "m:ItemShape");
    xml_element(writer, "t:BaseShape", "IdOnly");
    xml_open(writer, "t:AdditionalProperties");
    request_field(writer, "item:Attachments");
    xml_close(writer);
    xml_close(writer);
}

static void composed_shape(struct xml_writer *writer)
{
    static const char *const fields[] = {
        "item:Attachments",
        "item:Subject",
        "item:Sensitivity",
        "item:Body",
        "item:Importance",
        "item:InReplyTo",
        "item:DateTimeCreated",
        "item:DateTimeReceived",
        "message:Sender",
        "message:ToRecipients",
        "message:CcRecipients",
        "message:BccRecipients",
        "message:IsReadReceiptRequested",
        "message:IsDeliveryReceiptRequested",
        "message:From",
        "message:References",
    };
    xml_open(writer, "m:ItemShape");
    xml_element(writer, "t:BaseShape", "IdOnly");
    xml_element(writer, "t:BodyType", "Text");
    xml_open(writer, "t:AdditionalProperties");
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        request_field(writer, fields[i]);
    tag_uri(writer, EWS_TAG_VOICE_NUMBER, "String");
    tag_uri(writer, EWS_TAG_VOICE_NAME, "String");
    xml_close(writer);
    xml_close(writer);
}

void request_get_item(struct buf *out, const struct soap_header *header, const char *item,
                      enum request_shape shape)
{
    static void (*const shapes[])(struct xml_writer *) = {
        [REQUEST_STATE] = request_state_shape,
        [REQUEST_ATTACHMENTS] = attachment_shape,
        [REQUEST_COMPOSED] = composed_shape,
    };
    struct xml_writer writer;
    soap_begin(&writer, out, header);
    xml_open(&writer, "m:GetItem");
    shapes[shape](&writer);
    xml_open(&writer, "m:ItemIds");
    request_id(&writer, "t:ItemId", item, NULL);
    soap_end(&writer);
}

void request_get_attachment(struct buf *out, const struct soap_header *header,
                            const char *attachment)
{
    struct xml_writer writer;
    soap_begin(&writer, out, header);
    xml_open(&writer, "m:GetAttachment");
    xml_open(&writer, "m:AttachmentIds");
    request_id(&writer, "t:AttachmentId", attachment, NULL);
    soap_end(&writer);
}

void request_delete_attachment(struct buf *out, const struct soap_header *header,
                               const char *attachment)
{
    struct xml_writer writer;
    soap_begin(&writer, out, header);
    xml_open(&writer, "m:DeleteAttachment");
    xml_open(&writer, "m:AttachmentIds");
    request_id(&writer, "t:AttachmentId", attachment, NULL);
    soap_end(&writer);
}
