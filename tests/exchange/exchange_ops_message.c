/* What a t:Message of a request says, put into an item. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/exchange/exchange_ops.h"

static const char *set_text(struct item *item, const struct xml_node *node,
                            enum item_text which)
{
    ex_item_set_text(item, which, node->text);
    return NULL;
}

static const char *set_body(struct item *item, const struct xml_node *node)
{
    ex_item_set_text(item, ITEM_BODY, node->text);
    ex_item_set_text(item, ITEM_BODY_TYPE, xml_attr(node, "BodyType"));
    return NULL;
}

static const char *set_from(struct item *item, const struct xml_node *node)
{
    const struct xml_node *mailbox = xml_child(node, NS_TYPES, "Mailbox");
    const char *name = xml_child_text(mailbox, NS_TYPES, "Name");
    const char *address = xml_child_text(mailbox, NS_TYPES, "EmailAddress");
    ex_item_set_text(item, ITEM_FROM_NAME, name[0] ? name : address);
    ex_item_set_text(item, ITEM_FROM_ADDRESS, address);
    return NULL;
}

static const char *set_people(struct item *item, const struct xml_node *node,
                              enum item_text which)
{
    struct buf list;
    buf_init(&list, 64 * KIB);
    for (const struct xml_node *m = node->first_child; m; m = m->next) {
        buf_add_str(&list, list.len ? ", " : "");
        buf_add_str(&list, xml_child_text(m, NS_TYPES, "EmailAddress"));
    }
    ex_item_set_text(item, which, buf_str(&list));
    buf_clear(&list);
    return NULL;
}

static const char *set_receipt(struct item *item, const struct xml_node *node, int64_t which)
{
    bool wanted;
    if (!ex_schema_boolean(node->text, &wanted))
        return "ErrorInvalidPropertySet";
    item->receipts = wanted ? item->receipts | which : item->receipts & ~which;
    return NULL;
}

static bool is_one_of(const char *name, const char *const *names)
{
    while (*names && strcmp(*names, name) != 0)
        names++;
    return *names != NULL;
}

static const char *apply_one(struct item *item, const struct xml_node *node)
{
    /* Done elsewhere, or of no use to the stand-in. */
    static const char *const others[] = {"ExtendedProperty",
                                         "Attachments",
                                         "MimeContent",
                                         "Categories",
                                         "Culture",
                                         "Flag",
                                         "ReplyTo",
                                         "ConversationTopic",
                                         "ConversationIndex",
                                         "IsResponseRequested",
                                         "ReminderDueBy",
                                         "ReminderIsSet",
                                         "ReminderMinutesBeforeStart",
                                         NULL};
    const char *name = node->name;
    if (!strcmp(name, "Subject"))
        return set_text(item, node, ITEM_SUBJECT);
    if (!strcmp(name, "ItemClass"))
        return set_text(item, node, ITEM_CLASS);
    if (!strcmp(name, "Importance"))
        return set_text(item, node, ITEM_IMPORTANCE);
    if (!strcmp(name, "Sensitivity"))
        return set_text(item, node, ITEM_SENSITIVITY);
    if (!strcmp(name, "InternetMessageId"))
        return set_text(item, node, ITEM_INTERNET_ID);
    if (!strcmp(name, "Body"))
        return set_body(item, node);
    if (!strcmp(name, "From") || !strcmp(name, "Sender"))
        return set_from(item, node);
    if (!strcmp(name, "ToRecipients"))
        return set_people(item, node, ITEM_TO);
    if (!strcmp(name, "CcRecipients"))
        return set_people(item, node, ITEM_CC);
    if (!strcmp(name, "BccRecipients"))
        return set_people(item, node, ITEM_BCC);
    if (!strcmp(name, "InReplyTo"))
        return set_text(item, node, ITEM_IN_REPLY_TO);
    if (!strcmp(name, "References"))
        return set_text(item, node, ITEM_REFERENCES);
    if (!strcmp(name, "IsReadReceiptRequested"))
        return set_receipt(item, node, ITEM_READ_RECEIPT);
    if (!strcmp(name, "IsDeliveryReceiptRequested"))
        return set_receipt(item, node, ITEM_DELIVERY_RECEIPT);
    if (!strcmp(name, "IsRead"))
        return ex_schema_boolean(node->text, &item->read) ? NULL : "ErrorInvalidPropertySet";
    return is_one_of(name, others) ? NULL : "ErrorInvalidPropertySet"; /* read-only */
}

const char *ex_message_apply(struct item *item, const struct xml_node *message,
                             const char *only)
{
    const char *code = NULL;
    for (const struct xml_node *n = message->first_child; n && !code; n = n->next)
        if (!only || !strcmp(n->name, only))
            code = apply_one(item, n);
    return code;
}

/* How many t:Content stand before this one: contents were gathered in that order. */
static size_t contents_before(const struct xml_node *at, const struct xml_node *stop,
                              bool *found)
{
    size_t count = 0;
    for (; at && !*found; at = at->next) {
        if (at == stop) {
            *found = true;
            break;
        }
        count += !strcmp(at->name, "Content");
        count += contents_before(at->first_child, stop, found);
    }
    return count;
}

static const char *attach_one(struct call *call, struct item *item, const struct xml_node *file)
{
    const struct xml_node *content = xml_child(file, NS_TYPES, "Content");
    struct attachment attachment = {.id = 0};
    struct err err;
    bool found = false;
    if (strcmp(file->name, "FileAttachment") != 0 || !content)
        return "ErrorRequiredPropertyMissing";
    snprintf(attachment.name, sizeof attachment.name, "%s",
             xml_child_text(file, NS_TYPES, "Name"));
    snprintf(attachment.type, sizeof attachment.type, "%s",
             xml_child_text(file, NS_TYPES, "ContentType"));
    snprintf(attachment.content_id, sizeof attachment.content_id, "%s",
             xml_child_text(file, NS_TYPES, "ContentId"));
    ex_schema_boolean(xml_child_text(file, NS_TYPES, "IsInline"), &attachment.is_inline);
    size_t index = contents_before(call->request, content, &found);
    if (index >= call->contents->count || !call->contents->writers[index])
        return "ErrorInternalServerError";
    if (!ex_blob_finish(&call->contents->writers[index], attachment.hash, &attachment.size,
                        &err))
        return err.kind == ERR_DATA ? "ErrorContentConversionFailed"
                                    : "ErrorInternalServerError";
    snprintf(call->contents->hashes[index], LIMIT_SHA256, "%s", attachment.hash);
    return ex_attachment_add(call->ex, item, &attachment) ? NULL : "ErrorInternalServerError";
}

const char *ex_message_attach(struct call *call, struct item *item,
                              const struct xml_node *message)
{
    const struct xml_node *list = xml_child(message, NS_TYPES, "Attachments");
    const char *code = NULL;
    for (const struct xml_node *file = list ? list->first_child : NULL; file && !code;
         file = file->next)
        code = attach_one(call, item, file);
    return code;
}
