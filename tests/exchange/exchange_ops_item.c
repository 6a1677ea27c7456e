/* Operations that write items. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/exchange/exchange_limit.h"
#include "tests/exchange/exchange_ops.h"

static void show_id(struct call *call, const struct item *item, bool attachments)
{
    struct attachment attachment = {.id = 0};
    struct xml_writer *xml = &call->xml;
    xml_open(xml, "m:Items");
    xml_open(xml, "t:Message");
    ex_shape_item_id(call, item);
    bool open = false;
    while (attachments && ex_attachment_next(call->ex, item->id, attachment.id, &attachment)) {
        if (!open)
            xml_open(xml, "t:Attachments");
        open = true;
        xml_open(xml, "t:FileAttachment");
        xml_open(xml, "t:AttachmentId");
        xml_attribute(xml, "Id", attachment.key);
        xml_close(xml);
        xml_close(xml);
    }
    if (open)
        xml_close(xml);
    xml_close(xml);
    xml_close(xml);
}

static const char *set_properties(struct call *call, struct item *item,
                                  const struct xml_node *message, bool is_new)
{
    const char *code = NULL;
    const struct xml_node *property = xml_child(message, NS_TYPES, "ExtendedProperty");
    for (; property && !code; property = xml_next(property, NS_TYPES, "ExtendedProperty"))
        code = ex_shape_set_property(call->ex, item, property, is_new);
    return code;
}

/* The other server takes a Message-ID from MIME alone. */
static const char *apply(struct exchange *ex, struct item *item, const struct xml_node *message)
{
    char *id = strdup(item->text[ITEM_INTERNET_ID]);
    const char *code = ex_message_apply(item, message, NULL);
    if (ex->flavour == FLAVOUR_GROMOX && id)
        ex_item_set_text(item, ITEM_INTERNET_ID, id);
    free(id);
    return code;
}

/* Without PidTagMessageFlags a new item is a draft, and a draft is read. What t:IsRead says
 * goes over the flags. Properties are looked at twice: some belong into the row, the rest needs
 * it. */
static const char *create_one(struct call *call, const struct folder *folder,
                              const struct xml_node *message, struct item *item)
{
    const struct xml_node *mime_node = xml_child(message, NS_TYPES, "MimeContent");
    struct mime *mime = NULL;
    const char *code = NULL;
    ex_item_init(item);
    item->draft = item->read = true;
    if (ex_limits_is_full(call->ex, folder->mailbox))
        return "ErrorQuotaExceeded";
    if (mime_node)
        code = ex_mime_read(call->ex, mime_node->text, item, &mime);
    if (!code)
        code = set_properties(call, item, message, true);
    if (!code)
        code = apply(call->ex, item, message);
    if (!code)
        code = ex_item_create(call->ex, folder->id, item, ITEM_FROM_CLIENT);
    if (!code && mime) /* what is said beside the MIME wins over it */
        code = ex_mime_keep(call->ex, item, mime);
    if (!code)
        code = set_properties(call, item, message, true);
    if (!code && mime)
        code = ex_mime_attach(call->ex, item, mime);
    if (!code && call->ex->flavour == FLAVOUR_EXCHANGE) /* the other drops them */
        code = ex_message_attach(call, item, message);
    ex_mime_free(&mime);
    return code;
}

/* An item that failed half-way is taken out again without a trace. */
static void undo(struct call *call, struct item *item)
{
    if (!item->id)
        return;
    ex_db_run(call->ex->db, "DELETE FROM attachment WHERE item=?", "i", item->id);
    ex_db_run(call->ex->db, "DELETE FROM property WHERE is_folder=0 AND owner=?", "i",
              item->id);
    ex_db_run(call->ex->db, "DELETE FROM item WHERE id=?", "i", item->id);
}

void ex_op_create_item(struct call *call)
{
    const char *disposition = xml_attr(call->request, "MessageDisposition");
    const struct xml_node *to = ex_ops_list(call, "SavedItemFolderId");
    struct folder folder;
    const char *absent = NULL;
    if (!disposition)
        absent = "ErrorMessageDispositionRequired";
    else if (strcmp(disposition, "SaveOnly") != 0)
        absent = "ErrorSendAsDenied"; /* this server sends nothing */
    else if (to)
        absent = ex_ops_folder(call, to, "ErrorFolderNotFound", &folder);
    else if (!ex_folder_by_kind(call->ex, call->mailbox, "drafts", &folder))
        absent = "ErrorFolderNotFound";
    for (const struct xml_node *message = ex_ops_list(call, "Items"); message;
         message = message->next) {
        if (ex_ops_stops(call))
            continue;
        struct item item = {.id = 0};
        const char *code = absent ? absent : create_one(call, &folder, message, &item);
        if (code) {
            undo(call, &item);
            ex_soap_error(call, code);
        } else {
            ex_soap_success(call);
            show_id(call, &item, true);
            ex_soap_done(call);
        }
        ex_item_clear(&item);
    }
}

static const char *set_field(struct call *call, struct item *item,
                             const struct xml_node *change)
{
    static const struct {
        const char *uri, *element;
    } settable[] = {
        {"item:Subject", "Subject"},
        {"item:Importance", "Importance"},
        {"item:Sensitivity", "Sensitivity"},
        {"item:ItemClass", "ItemClass"},
        {"item:Body", "Body"},
        {"item:Categories", "Categories"},
        {"message:IsRead", "IsRead"},
        {"message:From", "From"},
        {"message:Sender", "Sender"},
        {"message:ToRecipients", "ToRecipients"},
        {"item:Flag", "Flag"},
    };
    const struct xml_node *path = change->first_child, *message = path->next;
    const struct xml_node *only = message->first_child;
    if (!only)
        return "ErrorIncorrectUpdatePropertyCount";
    if (!strcmp(path->name, "ExtendedFieldURI")) {
        char key[PROPERTY_KEY_MAX], given[PROPERTY_KEY_MAX];
        const struct xml_node *uri = xml_child(only, NS_TYPES, "ExtendedFieldURI");
        const char *code = ex_property_key(path, key, sizeof key);
        if (!code &&
            (!uri || ex_property_key(uri, given, sizeof given) || strcmp(key, given) != 0))
            code = "ErrorUpdatePropertyMismatch";
        return code ? code : ex_shape_set_property(call->ex, item, only, false);
    }
    for (size_t i = 0; i < sizeof settable / sizeof *settable; i++)
        if (!strcmp(settable[i].uri, xml_attr(path, "FieldURI")))
            return strcmp(settable[i].element, only->name) != 0
                       ? "ErrorUpdatePropertyMismatch"
                       : ex_message_apply(item, message, only->name);
    return "ErrorInvalidPropertySet";
}

static const char *delete_field(struct call *call, struct item *item,
                                const struct xml_node *change)
{
    const struct xml_node *path = change->first_child;
    char key[PROPERTY_KEY_MAX];
    if (!strcmp(path->name, "ExtendedFieldURI")) {
        const char *code = ex_property_key(path, key, sizeof key);
        if (!code)
            ex_property_remove(call->ex, false, item->id, key);
        return code;
    }
    if (strcmp(xml_attr(path, "FieldURI"), "item:Subject") != 0)
        return "ErrorInvalidPropertyDelete";
    ex_item_set_text(item, ITEM_SUBJECT, "");
    return NULL;
}

static const char *check_version(struct call *call, const struct item *item,
                                 const struct xml_node *id)
{
    char now[EXCHANGE_ID_MAX];
    const char *given = xml_attr(id, "ChangeKey");
    if (strcmp(xml_attr(call->request, "ConflictResolution"), "NeverOverwrite") != 0)
        return NULL;
    if (!given)
        return "ErrorChangeKeyRequiredForWriteOperations";
    ex_item_change_key(call->ex, item, now);
    return strcmp(now, given) ? "ErrorIrresolvableConflict" : NULL;
}

static const char *update_one(struct call *call, const struct xml_node *change,
                              struct item *item)
{
    const struct xml_node *id = xml_child(change, NS_TYPES, "ItemId");
    const struct xml_node *updates = xml_child(change, NS_TYPES, "Updates");
    bool only_read = true;
    const char *code = ex_item_by_key(call->ex, call->mailbox, xml_attr(id, "Id"), item);
    if (!code)
        code = check_version(call, item, id);
    bool was_read = item->read;
    for (const struct xml_node *u = updates->first_child; u && !code; u = u->next) {
        const char *uri = xml_attr(u->first_child, "FieldURI");
        only_read = only_read && uri && !strcmp(uri, "message:IsRead");
        if (!strcmp(u->name, "SetItemField"))
            code = set_field(call, item, u);
        else if (!strcmp(u->name, "DeleteItemField"))
            code = delete_field(call, item, u);
        else
            code = "ErrorInvalidPropertyAppend";
    }
    if (code || (only_read && was_read == item->read)) /* nothing new is no change */
        return code;
    return ex_item_save(call->ex, item, only_read);
}

void ex_op_update_item(struct call *call)
{
    bool may = xml_attr(call->request, "MessageDisposition") != NULL;
    for (const struct xml_node *change = ex_ops_list(call, "ItemChanges"); change;
         change = change->next) {
        if (ex_ops_stops(call))
            continue;
        struct item item = {.id = 0};
        const char *code =
            may ? update_one(call, change, &item) : "ErrorMessageDispositionRequired";
        if (code) {
            ex_soap_error(call, code);
        } else {
            ex_soap_success(call);
            show_id(call, &item, false);
            xml_open(&call->xml, "m:ConflictResults");
            xml_element(&call->xml, "t:Count", "0");
            xml_close(&call->xml);
            ex_soap_done(call);
        }
        ex_item_clear(&item);
    }
}

static void move_or_copy(struct call *call,
                         const char *(*act)(struct exchange *, struct item *, int64_t))
{
    const struct xml_node *wanted = ex_ops_child(call, "ReturnNewItemIds");
    bool show = true;
    struct folder to;
    if (wanted && ex_schema_boolean(wanted->text, &show) && call->ex->flavour == FLAVOUR_GROMOX)
        show = !show;
    const char *absent =
        ex_ops_folder(call, ex_ops_list(call, "ToFolderId"), "ErrorToFolderNotFound", &to);
    for (const struct xml_node *id = ex_ops_list(call, "ItemIds"); id; id = id->next) {
        if (ex_ops_stops(call))
            continue;
        struct item item = {.id = 0};
        const char *code = absent;
        if (!code)
            code = ex_item_by_key(call->ex, call->mailbox, xml_attr(id, "Id"), &item);
        if (!code)
            code = act(call->ex, &item, to.id);
        if (code) {
            ex_soap_error(call, code);
        } else {
            ex_soap_success(call);
            if (show)
                show_id(call, &item, false);
            else
                xml_element(&call->xml, "m:Items", "");
            ex_soap_done(call);
        }
        ex_item_clear(&item);
    }
}

void ex_op_move_item(struct call *call)
{
    move_or_copy(call, ex_item_move);
}

/* A copy takes room; a move does not. */
static const char *copy_one(struct exchange *ex, struct item *item, int64_t folder)
{
    return ex_limits_is_full(ex, item->mailbox) ? "ErrorQuotaExceeded"
                                                : ex_item_copy(ex, item, folder);
}

void ex_op_copy_item(struct call *call)
{
    move_or_copy(call, copy_one);
}

static const char *delete_one(struct call *call, const struct xml_node *id)
{
    const char *how = xml_attr(call->request, "DeleteType");
    bool soft = !strcmp(how, "SoftDelete");
    struct folder to;
    struct item item;
    const char *code = ex_item_by_key(call->ex, call->mailbox, xml_attr(id, "Id"), &item);
    if (!code && !strcmp(how, "HardDelete"))
        code = ex_item_remove(call->ex, &item);
    else if (!code &&
             ex_folder_by_kind(call->ex, call->mailbox,
                               soft ? "recoverableitemsdeletions" : "deleteditems", &to))
        code = ex_item_move(call->ex, &item, to.id);
    ex_item_clear(&item);
    return code;
}

void ex_op_delete_item(struct call *call)
{
    for (const struct xml_node *id = ex_ops_list(call, "ItemIds"); id; id = id->next)
        if (!ex_ops_stops(call))
            ex_soap_result(call, delete_one(call, id));
}

static void show_root(struct call *call, const struct item *item)
{
    char version[EXCHANGE_ID_MAX];
    ex_item_change_key(call->ex, item, version);
    xml_open(&call->xml, "m:RootItemId");
    xml_attribute(&call->xml, "RootItemId", item->key);
    xml_attribute(&call->xml, "RootItemChangeKey", version);
    xml_close(&call->xml);
}

void ex_op_delete_attachment(struct call *call)
{
    for (const struct xml_node *id = ex_ops_list(call, "AttachmentIds"); id; id = id->next) {
        const char *key = xml_attr(id, "Id"), *code = NULL;
        struct attachment attachment;
        struct item item = {.id = 0};
        if (ex_ops_stops(call))
            continue;
        if (strncmp(key, "AAMk", 4) != 0)
            code = "ErrorInvalidAttachmentId";
        else if (!ex_attachment_by_key(call->ex, call->mailbox, key, &attachment) ||
                 !ex_item_by_id(call->ex, attachment.item, &item))
            code = "ErrorItemNotFound";
        if (!code)
            code = ex_attachment_remove(call->ex, &item, &attachment);
        if (code) {
            ex_soap_error(call, code);
        } else {
            ex_soap_success(call);
            show_root(call, &item);
            ex_soap_done(call);
        }
        ex_item_clear(&item);
    }
}
