#include "ews/response_composed.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/id.h"
#include "ews/ews_names.h"
#include "ews/response_private.h"
#include "ews/soap.h"

enum {
    /* Every text of an item at its longest, each with its NUL. */
    TEXTS_MAX = LIMIT_COMPOSED_BODY + LIMIT_SUBJECT +
                (LIMIT_RECIPIENTS + 1) * LIMIT_LEGACY_ADDRESS +
                LIMIT_ATTACHMENTS * (LIMIT_ATTACHMENT_NAME + LIMIT_CONTENT_TYPE) +
                LIMIT_PHONE_NUMBER + LIMIT_DISPLAY_NAME,
};

void response_composed_free(struct response_composed **composed)
{
    if (*composed)
        free((*composed)->texts);
    free(*composed);
    *composed = NULL;
}

/* ---- Texts ------------------------------------------------------------------------------ */

static size_t cut(const char *text, size_t size)
{
    size_t len = strnlen(text, size);
    if (len < size)
        return len;
    len = size - 1;
    while (len && ((unsigned char)text[len] & 0xC0) == 0x80)
        len--;
    return len;
}

/* A copy of at most size bytes with its NUL. A control character becomes a space, but for the
 * line ends and tabs of a text of several lines; a CR before its LF goes. (C1 and the marks
 * that turn the direction of writing are characters like others.) */
static const char *take(struct response_composed *composed, const char *text, size_t size,
                        bool lines)
{
    size_t len = cut(text, size);
    char *out = composed->texts + composed->used, *p = out;
    assert(composed->used + len < TEXTS_MAX);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        bool keeps = lines && (c == '\n' || c == '\t');
        if (lines && c == '\r' && text[i + 1] == '\n')
            continue;
        if (lines && c == '\r')
            c = '\n';
        else if ((c < ' ' || c == 0x7F) && !keeps)
            c = ' ';
        *p++ = (char)c;
    }
    *p++ = '\0';
    composed->used += (size_t)(p - out);
    return out;
}

static const char *take_child(struct response_composed *composed, const struct xml_node *node,
                              const char *name, size_t size)
{
    return take(composed, xml_child_text(node, EWS_NS_TYPES, name), size, false);
}

static bool is_true(const struct xml_node *node, const char *name)
{
    const char *text = xml_child_text(node, EWS_NS_TYPES, name);
    return strcmp(text, "true") == 0 || strcmp(text, "1") == 0;
}

static void say_too_much(struct response_composed *composed, const char *what, long most)
{
    if (!composed->too_much[0])
        snprintf(composed->too_much, sizeof(composed->too_much),
                 "The message has more %s than the %ld that are taken in.", what, most);
}

/* ---- People ----------------------------------------------------------------------------- */

/* Who has no address (a list of one's own, a name that was never resolved) is told by name. */
static const char *address_of(struct response_composed *composed,
                              const struct xml_node *mailbox)
{
    const char *address = xml_child_text(mailbox, EWS_NS_TYPES, "EmailAddress");
    if (!*address)
        address = xml_child_text(mailbox, EWS_NS_TYPES, "Name");
    return take(composed, address, LIMIT_LEGACY_ADDRESS, false);
}

static void read_recipients(struct response_composed *composed, const struct xml_node *list)
{
    const struct xml_node *node = xml_child(list, EWS_NS_TYPES, "Mailbox");
    for (; node; node = xml_next(node, EWS_NS_TYPES, "Mailbox")) {
        if (composed->told.to_count == LIMIT_RECIPIENTS)
            return say_too_much(composed, "recipients", LIMIT_RECIPIENTS);
        composed->to[composed->told.to_count++] = address_of(composed, node);
    }
}

/* A draft that nobody has sent may lack either. */
static const char *sender_of(struct response_composed *composed, const struct xml_node *item)
{
    const struct xml_node *from = xml_child(item, EWS_NS_TYPES, "From");
    if (!from)
        from = xml_child(item, EWS_NS_TYPES, "Sender");
    const struct xml_node *mailbox = xml_child(from, EWS_NS_TYPES, "Mailbox");
    return take_child(composed, mailbox, "EmailAddress", LIMIT_LEGACY_ADDRESS);
}

/* ---- References ------------------------------------------------------------------------- */

static bool is_ours(const char *id, size_t len)
{
    static const char domain[] = "@" EWS_MESSAGE_ID_DOMAIN;
    const size_t uuid_len = LIMIT_UUID - 1;
    return len == uuid_len + sizeof(domain) - 1 &&
           strncasecmp(id + uuid_len, domain, sizeof(domain) - 1) == 0;
}

void response_reference(const char *value, char *out)
{
    char uuid[LIMIT_UUID];
    out[0] = '\0';
    while ((value = strchr(value, '<'))) {
        size_t len = strcspn(++value, "<> \t\r\n");
        if (value[len] != '>' || !is_ours(value, len))
            continue;
        for (size_t i = 0; i < LIMIT_UUID - 1; i++)
            uuid[i] = (char)tolower((unsigned char)value[i]);
        uuid[LIMIT_UUID - 1] = '\0';
        if (id_valid(uuid))
            memcpy(out, uuid, sizeof(uuid));
    }
}

static void read_reference(struct response_composed *composed, const struct xml_node *item)
{
    response_reference(xml_child_text(item, EWS_NS_TYPES, "InReplyTo"), composed->reference);
    if (!composed->reference[0])
        response_reference(xml_child_text(item, EWS_NS_TYPES, "References"),
                           composed->reference);
}

/* ---- Attachments ------------------------------------------------------------------------ */

static int64_t size_of(const struct xml_node *node)
{
    const char *text = xml_child_text(node, EWS_NS_TYPES, "Size");
    char *end;
    errno = 0;
    long long size = strtoll(text, &end, 10);
    return errno || end == text || *end || size < 0 ? -1 : size;
}

/* "Audio/WAV; codec=1" as "audio/wav". */
static const char *type_of(struct response_composed *composed, const struct xml_node *node)
{
    char type[LIMIT_CONTENT_TYPE];
    const char *text = xml_child_text(node, EWS_NS_TYPES, "ContentType");
    size_t len = 0;
    text += strspn(text, " \t\r\n");
    for (; text[len] && !strchr("; \t\r\n", text[len]) && len + 1 < sizeof(type); len++)
        type[len] = (char)tolower((unsigned char)text[len]);
    type[len] = '\0';
    return take(composed, type, sizeof(type), false);
}

/* A logo of a signature is no attachment to people. */
static bool is_picture_in_text(const struct xml_node *node)
{
    return strcmp(node->name, "FileAttachment") == 0 && is_true(node, "IsInline") &&
           strncasecmp(xml_child_text(node, EWS_NS_TYPES, "ContentType"), "image/", 6) == 0;
}

static bool read_attachments(struct response_composed *composed, const struct xml_node *list,
                             struct err *err)
{
    for (const struct xml_node *n = list ? list->first_child : NULL; n; n = n->next) {
        if (is_picture_in_text(n))
            continue;
        if (composed->told.attachment_count == LIMIT_ATTACHMENTS) {
            say_too_much(composed, "attachments", LIMIT_ATTACHMENTS);
            return true;
        }
        struct remote_attachment attachment = {
            .name = take_child(composed, n, "Name", LIMIT_ATTACHMENT_NAME),
            .type = type_of(composed, n),
            .bytes = size_of(n),
            .is_file = strcmp(n->name, "FileAttachment") == 0,
        };
        const char *version;
        if (!response_read_id(xml_child(n, EWS_NS_TYPES, "AttachmentId"), &attachment.id,
                              &version))
            return soap_nonsense(err, "an attachment has no id");
        composed->attachments[composed->told.attachment_count++] = attachment;
    }
    return true;
}

/* ---- The item --------------------------------------------------------------------------- */

/* A body that is not plain text, although that was asked for, is not taken for text. */
static const char *body_of(struct response_composed *composed, const struct xml_node *item)
{
    const struct xml_node *body = xml_child(item, EWS_NS_TYPES, "Body");
    const char *type = xml_attr(body, "BodyType");
    if (!type || strcmp(type, "Text") != 0)
        body = NULL;
    if (strlen(xml_text(body)) >= LIMIT_COMPOSED_BODY)
        say_too_much(composed, "bytes of text", LIMIT_COMPOSED_BODY - 1L);
    return take(composed, xml_text(body), LIMIT_COMPOSED_BODY, true);
}

/* Personal, Private and Confidential: it is kept among those whom it was sent to. */
static bool is_private(const struct xml_node *item)
{
    const char *text = xml_child_text(item, EWS_NS_TYPES, "Sensitivity");
    return *text && strcmp(text, "Normal") != 0;
}

/* Only on what is played (see voice_properties in request_item.c). */
static const char *tagged_property(const struct xml_node *item, const char *tag)
{
    const struct xml_node *property = xml_child(item, EWS_NS_TYPES, "ExtendedProperty");
    for (; property; property = xml_next(property, EWS_NS_TYPES, "ExtendedProperty")) {
        const struct xml_node *field = xml_child(property, EWS_NS_TYPES, "ExtendedFieldURI");
        const char *own = xml_attr(field, "PropertyTag");
        if (own && strcasecmp(own, tag) == 0)
            return xml_child_text(property, EWS_NS_TYPES, "Value");
    }
    return "";
}

static struct wall received_of(const struct xml_node *item)
{
    struct wall when;
    if (!clock_parse(xml_child_text(item, EWS_NS_TYPES, "DateTimeReceived"), &when))
        when.ms = 0;
    return when;
}

static bool read_item(struct response_composed *composed, const struct xml_node *item,
                      struct err *err)
{
    static const char *const lists[] = {"ToRecipients", "CcRecipients", "BccRecipients"};
    struct remote_composed *told = &composed->told;
    struct remote_item state;
    if (!response_read_item(item, &state))
        return soap_nonsense(err, "it has no item");
    read_reference(composed, item);
    *told = (struct remote_composed){
        .id = state.id,
        .version = state.version,
        .from = sender_of(composed, item),
        .to = composed->to,
        .subject = take_child(composed, item, "Subject", LIMIT_SUBJECT),
        .body = body_of(composed, item),
        .urgent = state.urgent,
        .private = is_private(item),
        .reference = composed->reference,
        .wants_delivery_receipt = is_true(item, "IsDeliveryReceiptRequested"),
        .wants_read_receipt = is_true(item, "IsReadReceiptRequested"),
        .attachments = composed->attachments,
        .created = state.created,
        .caller_number = take(composed, tagged_property(item, EWS_TAG_VOICE_NUMBER),
                              LIMIT_PHONE_NUMBER, false),
        .caller_name = take(composed, tagged_property(item, EWS_TAG_VOICE_NAME),
                            LIMIT_DISPLAY_NAME, false),
        .received = received_of(item),
        .too_much = composed->too_much,
    };
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        read_recipients(composed, xml_child(item, EWS_NS_TYPES, lists[i]));
    return read_attachments(composed, xml_child(item, EWS_NS_TYPES, "Attachments"), err);
}

struct response_composed *response_composed(const struct xml_node *root, struct err *err)
{
    const struct xml_node *message;
    if (!response_only_message(root, "GetItemResponse", &message, err))
        return NULL;
    const struct xml_node *items = xml_child(message, EWS_NS_MESSAGES, "Items");
    const struct xml_node *item = items ? items->first_child : NULL;
    if (!item) {
        soap_nonsense(err, "it has no item");
        return NULL;
    }
    struct response_composed *composed = calloc(1, sizeof(*composed));
    if (!composed || !(composed->texts = malloc(TEXTS_MAX)))
        err_set(err, ERR_SYSTEM, "no memory for a message that was composed");
    else if (read_item(composed, item, err))
        return composed;
    response_composed_free(&composed);
    return NULL;
}
