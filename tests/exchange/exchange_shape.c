/* Items and folders as XML, in the order of the schema. */
#include "tests/exchange/exchange_shape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *ex_shape_time(int64_t ms, char *text)
{
    return clock_format((struct wall){ms - ms % 1000}, text);
}

enum part {
    PART_TEXT, /* ex_shape_value of the path */
    PART_PARENT,
    PART_BODY,
    PART_ATTACHMENTS,
    PART_EXTENDED,
    PART_SENDER,
    PART_TO,
    PART_CC,
    PART_BCC,
    PART_MIME,
};

enum { BY_DEFAULT = 1, BY_ALL = 2, NOT_IN_LISTS = 4 };

/* The children of t:Message that we can give, in schema order. */
static const struct {
    const char *element, *uri;
    enum part part;
    int when;
} parts[] = {
    {"t:MimeContent", "item:MimeContent", PART_MIME, NOT_IN_LISTS},
    {"t:ParentFolderId", "item:ParentFolderId", PART_PARENT, BY_ALL},
    {"t:ItemClass", "item:ItemClass", PART_TEXT, BY_ALL},
    {"t:Subject", "item:Subject", PART_TEXT, BY_DEFAULT | BY_ALL},
    {"t:Sensitivity", "item:Sensitivity", PART_TEXT, BY_DEFAULT | BY_ALL},
    {"t:Body", "item:Body", PART_BODY, BY_DEFAULT | BY_ALL | NOT_IN_LISTS},
    {"t:Attachments", "item:Attachments", PART_ATTACHMENTS, BY_DEFAULT | BY_ALL | NOT_IN_LISTS},
    {"t:DateTimeReceived", "item:DateTimeReceived", PART_TEXT, BY_ALL},
    {"t:Size", "item:Size", PART_TEXT, BY_DEFAULT | BY_ALL},
    {"t:Importance", "item:Importance", PART_TEXT, BY_ALL},
    {"t:InReplyTo", "item:InReplyTo", PART_TEXT, BY_ALL},
    {"t:IsDraft", "item:IsDraft", PART_TEXT, BY_ALL},
    {"t:DateTimeSent", "item:DateTimeSent", PART_TEXT, BY_DEFAULT | BY_ALL},
    {"t:DateTimeCreated", "item:DateTimeCreated", PART_TEXT, BY_DEFAULT | BY_ALL},
    {"t:DisplayTo", "item:DisplayTo", PART_TEXT, BY_ALL},
    {"t:HasAttachments", "item:HasAttachments", PART_TEXT, BY_DEFAULT | BY_ALL},
    {"t:ExtendedProperty", "", PART_EXTENDED, BY_DEFAULT | BY_ALL},
    {"t:LastModifiedTime", "item:LastModifiedTime", PART_TEXT, BY_ALL},
    {"t:Sender", "message:Sender", PART_SENDER, BY_ALL | NOT_IN_LISTS},
    {"t:ToRecipients", "message:ToRecipients", PART_TO, BY_DEFAULT | BY_ALL | NOT_IN_LISTS},
    {"t:CcRecipients", "message:CcRecipients", PART_CC, BY_DEFAULT | BY_ALL | NOT_IN_LISTS},
    {"t:BccRecipients", "message:BccRecipients", PART_BCC, BY_DEFAULT | BY_ALL | NOT_IN_LISTS},
    {"t:IsReadReceiptRequested", "message:IsReadReceiptRequested", PART_TEXT,
     BY_DEFAULT | BY_ALL},
    {"t:IsDeliveryReceiptRequested", "message:IsDeliveryReceiptRequested", PART_TEXT,
     BY_DEFAULT | BY_ALL},
    {"t:From", "message:From", PART_SENDER, BY_DEFAULT | BY_ALL},
    {"t:InternetMessageId", "message:InternetMessageId", PART_TEXT, BY_ALL},
    {"t:IsRead", "message:IsRead", PART_TEXT, BY_DEFAULT | BY_ALL},
    {"t:References", "message:References", PART_TEXT, BY_ALL},
};

enum { PART_COUNT = sizeof parts / sizeof *parts };

static const struct xml_node *additional(const struct xml_node *shape)
{
    const struct xml_node *list = xml_child(shape, NS_TYPES, "AdditionalProperties");
    return list ? list->first_child : NULL;
}

static bool asked_for(const struct xml_node *shape, const char *uri)
{
    for (const struct xml_node *path = additional(shape); path; path = path->next)
        if (!strcmp(path->name, "FieldURI") && !strcmp(xml_attr(path, "FieldURI"), uri))
            return true;
    return false;
}

static bool asks_mime(const struct xml_node *shape)
{
    bool wanted = false;
    return ex_schema_boolean(xml_child_text(shape, NS_TYPES, "IncludeMimeContent"), &wanted) &&
           wanted;
}

const char *ex_shape_refused(const struct xml_node *shape, bool in_list)
{
    char key[PROPERTY_KEY_MAX];
    for (const struct xml_node *path = additional(shape); path; path = path->next) {
        const char *code = strcmp(path->name, "ExtendedFieldURI")
                               ? NULL
                               : ex_property_key(path, key, sizeof key);
        if (code)
            return code;
    }
    for (int i = 0; in_list && i < PART_COUNT; i++)
        if ((parts[i].when & NOT_IN_LISTS) && asked_for(shape, parts[i].uri))
            return "ErrorInvalidPropertyRequest";
    return in_list && asks_mime(shape) ? "ErrorInvalidPropertyRequest" : NULL;
}

void ex_shape_item_id(struct call *call, const struct item *item)
{
    char change_key[EXCHANGE_ID_MAX];
    ex_item_change_key(call->ex, item, change_key);
    xml_open(&call->xml, "t:ItemId");
    xml_attribute(&call->xml, "Id", item->key);
    xml_attribute(&call->xml, "ChangeKey", change_key);
    xml_close(&call->xml);
}

void ex_shape_folder_id(struct call *call, const char *element, const struct folder *folder)
{
    char change_key[EXCHANGE_ID_MAX];
    ex_folder_change_key(call->ex, folder, change_key);
    xml_open(&call->xml, element);
    xml_attribute(&call->xml, "Id", folder->key);
    xml_attribute(&call->xml, "ChangeKey", change_key);
    xml_close(&call->xml);
}

bool ex_attachment_is_file(const struct attachment *attachment)
{
    return strcasecmp(attachment->type, "message/rfc822") != 0;
}

void ex_shape_attachment_head(struct call *call, const struct attachment *attachment)
{
    struct xml_writer *xml = &call->xml;
    xml_open(xml, "t:AttachmentId");
    xml_attribute(xml, "Id", attachment->key);
    xml_close(xml);
    xml_element(xml, "t:Name", attachment->name);
    if (attachment->type[0] && ex_attachment_is_file(attachment))
        xml_element(xml, "t:ContentType", attachment->type);
    if (attachment->content_id[0])
        xml_element(xml, "t:ContentId", attachment->content_id);
}

static void show_attachments(struct call *call, const struct item *item)
{
    struct xml_writer *xml = &call->xml;
    struct attachment attachment = {.id = 0};
    bool open = false;
    char text[TIME_TEXT_MAX];
    while (ex_attachment_next(call->ex, item->id, attachment.id, &attachment)) {
        if (!open)
            xml_open(xml, "t:Attachments");
        open = true;
        bool is_file = ex_attachment_is_file(&attachment);
        xml_open(xml, is_file ? "t:FileAttachment" : "t:ItemAttachment");
        ex_shape_attachment_head(call, &attachment);
        snprintf(text, sizeof text, "%lld", (long long)attachment.size);
        xml_element(xml, "t:Size", text);
        xml_element(xml, "t:LastModifiedTime", ex_shape_time(item->modified, text));
        xml_element(xml, "t:IsInline", attachment.is_inline ? "true" : "false");
        if (is_file)
            xml_element(xml, "t:IsContactPhoto", "false");
        xml_close(xml);
    }
    if (open)
        xml_close(xml);
}

static void show_extended(struct call *call, const struct xml_node *path, const char *value)
{
    struct xml_writer *xml = &call->xml;
    bool several = strstr(xml_attr(path, "PropertyType"), "Array") != NULL;
    xml_open(xml, "t:ExtendedProperty");
    xml_open(xml, "t:ExtendedFieldURI");
    for (int i = 0; i < path->attr_count; i++)
        xml_attribute(xml, path->attrs[i].name, path->attrs[i].value);
    xml_close(xml);
    if (several)
        xml_open(xml, "t:Values");
    for (size_t len; several && (len = strcspn(value, "\x1f"), value[len]); value += len + 1) {
        xml_open(xml, "t:Value");
        xml_content_n(xml, value, len);
        xml_close(xml);
    }
    xml_element(xml, "t:Value", value);
    if (several)
        xml_close(xml);
    xml_close(xml);
}

static void show_all_extended(struct call *call, const struct item *item,
                              const struct xml_node *shape)
{
    for (const struct xml_node *path = additional(shape); path; path = path->next) {
        if (strcmp(path->name, "ExtendedFieldURI") != 0)
            continue;
        char *value = ex_shape_value(call->ex, item, path);
        if (value)
            show_extended(call, path, value);
        free(value);
    }
}

static void show_mailbox(struct xml_writer *xml, const char *name, const char *address)
{
    xml_open(xml, "t:Mailbox");
    xml_element(xml, "t:Name", name);
    if (address[0]) {
        xml_element(xml, "t:EmailAddress", address);
        xml_element(xml, "t:RoutingType", address[0] == '/' ? "EX" : "SMTP");
    }
    xml_close(xml);
}

/* Addresses of SMTP, or of the directory ("/o=First Organization/..."); a list of one's own has
 * only its name. */
static void show_recipients(struct call *call, const char *element, const char *list)
{
    struct xml_writer *xml = &call->xml;
    if (!list[0])
        return;
    xml_open(xml, element);
    while (*list) {
        char address[1024];
        size_t len = strcspn(list, ",");
        snprintf(address, sizeof address, "%.*s", (int)len, list);
        bool has_address = strchr(address, '@') || address[0] == '/';
        show_mailbox(xml, address, has_address ? address : "");
        list += len;
        list += strspn(list, ", ");
    }
    xml_close(xml);
}

/* What a reader sees of HTML: enough for what tests write. */
static void text_of_html(const char *html, struct buf *out)
{
    static const struct {
        const char *name, *text;
    } known[] = {{"&lt;", "<"},   {"&gt;", ">"},    {"&amp;", "&"},  {"&quot;", "\""},
                 {"&nbsp;", " "}, {"<br>", "\r\n"}, {"</p>", "\r\n"}};
    while (*html) {
        size_t i = 0, count = sizeof known / sizeof *known;
        while (i < count && strncasecmp(html, known[i].name, strlen(known[i].name)) != 0)
            i++;
        if (i < count)
            buf_add_str(out, known[i].text);
        else if (*html != '<')
            buf_add(out, html, 1);
        size_t tag = *html == '<' ? strcspn(html, ">") : 0;
        html += i < count ? strlen(known[i].name) : tag + (html[tag] != '\0');
    }
}

/* As it was written, unless the shape asks for plain text. */
static void show_body(struct call *call, const struct item *item, const struct xml_node *shape)
{
    bool strip = !strcmp(xml_child_text(shape, NS_TYPES, "BodyType"), "Text") &&
                 !strcmp(item->text[ITEM_BODY_TYPE], "HTML");
    struct buf text;
    buf_init(&text, LIMIT_RESPONSE_BYTES);
    if (strip)
        text_of_html(item->text[ITEM_BODY], &text);
    xml_open(&call->xml, "t:Body");
    xml_attribute(&call->xml, "BodyType", strip ? "Text" : item->text[ITEM_BODY_TYPE]);
    xml_content(&call->xml, strip ? buf_str(&text) : item->text[ITEM_BODY]);
    xml_close(&call->xml);
    buf_clear(&text);
}

static void show_mime(struct call *call, const struct item *item)
{
    char *hash = ex_property_get(call->ex, false, item->id, "mime");
    if (hash) {
        xml_open(&call->xml, "t:MimeContent");
        xml_attribute(&call->xml, "CharacterSet", "UTF-8");
        xml_flush(&call->xml);
        ex_blob_read_base64(call->ex->blobs, hash, call->xml.out);
        xml_close(&call->xml);
    }
    free(hash);
}

static void show_text(struct call *call, const struct item *item, int i)
{
    const struct xml_attr attr = {"FieldURI", parts[i].uri};
    const struct xml_node path = {
        .ns = NS_TYPES, .name = "FieldURI", .attrs = &attr, .attr_count = 1};
    char *value = ex_shape_value(call->ex, item, &path);
    if (value)
        xml_element(&call->xml, parts[i].element, value);
    free(value);
}

static void show_part(struct call *call, const struct item *item, const struct xml_node *shape,
                      int i)
{
    struct folder parent;
    switch (parts[i].part) {
    case PART_TEXT: show_text(call, item, i); break;
    case PART_PARENT:
        if (ex_folder_by_id(call->ex, item->folder, &parent))
            ex_shape_folder_id(call, "t:ParentFolderId", &parent);
        break;
    case PART_BODY: show_body(call, item, shape); break;
    case PART_ATTACHMENTS: show_attachments(call, item); break;
    case PART_EXTENDED: show_all_extended(call, item, shape); break;
    case PART_SENDER:
        if (item->text[ITEM_FROM_NAME][0] || item->text[ITEM_FROM_ADDRESS][0]) {
            xml_open(&call->xml, parts[i].element);
            show_mailbox(&call->xml, item->text[ITEM_FROM_NAME], item->text[ITEM_FROM_ADDRESS]);
            xml_close(&call->xml);
        }
        break;
    case PART_TO: show_recipients(call, "t:ToRecipients", item->text[ITEM_TO]); break;
    case PART_CC: show_recipients(call, "t:CcRecipients", item->text[ITEM_CC]); break;
    case PART_BCC: show_recipients(call, "t:BccRecipients", item->text[ITEM_BCC]); break;
    case PART_MIME: show_mime(call, item); break;
    }
}

void ex_shape_item(struct call *call, const struct item *item, const struct xml_node *shape)
{
    const char *base = xml_child_text(shape, NS_TYPES, "BaseShape");
    int base_when = !strcmp(base, "Default") ? BY_DEFAULT : strcmp(base, "IdOnly") ? BY_ALL : 0;
    bool in_list = strcmp(call->operation->name, "GetItem") != 0;
    xml_open(&call->xml, "t:Message");
    for (int i = 0; i < PART_COUNT; i++) {
        bool wanted =
            (parts[i].when & base_when && !(in_list && parts[i].when & NOT_IN_LISTS)) ||
            asked_for(shape, parts[i].uri) || parts[i].part == PART_EXTENDED ||
            (parts[i].part == PART_MIME && asks_mime(shape));
        if (wanted)
            show_part(call, item, shape, i);
        if (parts[i].part == PART_MIME)
            ex_shape_item_id(call, item);
    }
    xml_close(&call->xml);
}

static const char *folder_element(const struct folder *folder)
{
    return !strcmp(folder->class, "IPF.Appointment") ? "t:CalendarFolder"
           : !strcmp(folder->class, "IPF.Contact")   ? "t:ContactsFolder"
           : !strcmp(folder->class, "IPF.Task")      ? "t:TasksFolder"
                                                     : "t:Folder";
}

static void show_count(struct xml_writer *xml, const char *element, int64_t count)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)count);
    xml_element(xml, element, text);
}

static void show_folder_extended(struct call *call, const struct folder *folder,
                                 const struct xml_node *shape)
{
    for (const struct xml_node *path = additional(shape); path; path = path->next) {
        if (strcmp(path->name, "ExtendedFieldURI") != 0)
            continue;
        char *value = ex_shape_folder_value(call->ex, folder, path);
        if (value)
            show_extended(call, path, value);
        free(value);
    }
}

void ex_shape_folder(struct call *call, const struct folder *folder,
                     const struct xml_node *shape)
{
    struct xml_writer *xml = &call->xml;
    struct exchange *ex = call->ex;
    const char *base = xml_child_text(shape, NS_TYPES, "BaseShape");
    bool usual = strcmp(base, "IdOnly") != 0, all = !strcmp(base, "AllProperties");
    struct folder parent;
    xml_open(xml, folder_element(folder));
    ex_shape_folder_id(call, "t:FolderId", folder);
    if ((all || asked_for(shape, "folder:ParentFolderId")) &&
        ex_folder_by_id(ex, folder->parent, &parent))
        ex_shape_folder_id(call, "t:ParentFolderId", &parent);
    if (all || asked_for(shape, "folder:FolderClass"))
        xml_element(xml, "t:FolderClass", folder->class);
    if (usual || asked_for(shape, "folder:DisplayName"))
        xml_element(xml, "t:DisplayName", folder->name);
    if (usual || asked_for(shape, "folder:TotalCount"))
        show_count(xml, "t:TotalCount",
                   ex_db_value(ex->db, 0, "SELECT count(*) FROM item WHERE folder=? AND gone=0",
                               "i", folder->id));
    if (usual || asked_for(shape, "folder:ChildFolderCount"))
        show_count(xml, "t:ChildFolderCount",
                   ex_db_value(ex->db, 0,
                               "SELECT count(*) FROM folder WHERE parent=? AND gone=0", "i",
                               folder->id));
    show_folder_extended(call, folder, shape);
    if (asked_for(shape, "folder:DistinguishedFolderId") && folder->kind[0])
        xml_element(xml, "t:DistinguishedFolderId", folder->kind);
    /* Calendars and contacts have no such element. */
    bool has_unread =
        strcmp(folder->class, "IPF.Appointment") && strcmp(folder->class, "IPF.Contact");
    if (has_unread && (usual || asked_for(shape, "folder:UnreadCount")))
        show_count(xml, "t:UnreadCount", ex_folder_unread(ex, folder->id));
    xml_close(xml);
}
