/* Extended properties: their names, what is computed from them and into them, and filters. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/exchange/exchange_shape.h"

static void lower(char *text)
{
    for (; *text; text++)
        *text = (char)tolower((unsigned char)*text);
}

const char *ex_property_key(const struct xml_node *uri, char *key, size_t size)
{
    const char *tag = xml_attr(uri, "PropertyTag"), *set = xml_attr(uri, "PropertySetId");
    const char *known_set = xml_attr(uri, "DistinguishedPropertySetId");
    const char *name = xml_attr(uri, "PropertyName"), *id = xml_attr(uri, "PropertyId");
    const char *type = xml_attr(uri, "PropertyType");
    if (tag) {
        unsigned long number = strtoul(tag, NULL, 0);
        if (set || known_set || name || id || number >= 0x8000)
            return "ErrorInvalidExtendedProperty";
        snprintf(key, size, "tag:0x%04lx:%s", number, type);
        return NULL;
    }
    if (!set == !known_set || !name == !id || strlen(name ? name : id) > 200)
        return "ErrorInvalidExtendedProperty";
    char guid[64];
    snprintf(guid, sizeof guid, "%s", set ? set : known_set);
    if (set)
        lower(guid);
    snprintf(key, size, "%s:%s:%s:%s:%s", set ? "set" : "common", guid, name ? "name" : "id",
             name ? name : id, type);
    return NULL;
}

static bool value_fits(const char *type, const char *value)
{
    bool flag;
    long number;
    struct wall time;
    if (!strcmp(type, "Integer") || !strcmp(type, "Long") || !strcmp(type, "Short"))
        return ex_schema_integer(value, &number);
    if (!strcmp(type, "Boolean"))
        return ex_schema_boolean(value, &flag);
    if (!strcmp(type, "SystemTime"))
        return clock_parse(value, &time);
    return true;
}

static char *join_values(const struct xml_node *property)
{
    const struct xml_node *values = xml_child(property, NS_TYPES, "Values");
    if (!values)
        return strdup(xml_child_text(property, NS_TYPES, "Value"));
    struct buf out;
    buf_init(&out, LIMIT_RESPONSE_BYTES);
    buf_add_str(&out, "");
    for (const struct xml_node *v = values->first_child; v; v = v->next) {
        buf_add_str(&out, v == values->first_child ? "" : "\x1f");
        buf_add_str(&out, v->text);
    }
    char *text = strdup(buf_str(&out));
    buf_clear(&out);
    return text;
}

enum { FLAG_READ = 1, FLAG_UNSENT = 8 };

static int64_t time_of(const char *value)
{
    struct wall time = {0};
    clock_parse(value, &time);
    return time.ms;
}

/* True when the tag is one that the item itself holds. */
static bool set_computed(struct item *item, const char *key, const char *value, bool is_new)
{
    static const struct {
        const char *key;
        enum item_text text;
    } texts[] = {
        {"tag:0x0c1a:String", ITEM_FROM_NAME},    {"tag:0x0042:String", ITEM_FROM_NAME},
        {"tag:0x0c1f:String", ITEM_FROM_ADDRESS}, {"tag:0x0065:String", ITEM_FROM_ADDRESS},
        {"tag:0x001a:String", ITEM_CLASS},        {"tag:0x0037:String", ITEM_SUBJECT}};
    if (!strcmp(key, "tag:0x0e07:Integer")) {
        if (is_new) {
            long flags = strtol(value, NULL, 10);
            item->draft = flags & FLAG_UNSENT;
            item->read = flags & FLAG_READ;
        }
        return true;
    }
    if (!strcmp(key, "tag:0x0e06:SystemTime")) {
        item->received = time_of(value);
        return true;
    }
    if (!strcmp(key, "tag:0x0039:SystemTime")) {
        item->sent = time_of(value);
        return true;
    }
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!strcmp(texts[i].key, key))
            ex_item_set_text(item, texts[i].text, value);
    return false; /* kept as it was given too */
}

const char *ex_property_read(const struct xml_node *property, char *key, char **value)
{
    const struct xml_node *uri = xml_child(property, NS_TYPES, "ExtendedFieldURI");
    const char *code = ex_property_key(uri, key, PROPERTY_KEY_MAX);
    *value = NULL;
    if (code)
        return code;
    if (!xml_child(property, NS_TYPES, "Values") &&
        !value_fits(xml_attr(uri, "PropertyType"), xml_child_text(property, NS_TYPES, "Value")))
        return "ErrorInvalidExtendedPropertyValue";
    *value = join_values(property);
    return *value ? NULL : "ErrorInternalServerError";
}

const char *ex_shape_set_property(struct exchange *ex, struct item *item,
                                  const struct xml_node *property, bool is_new)
{
    char key[PROPERTY_KEY_MAX], *value;
    const char *code = ex_property_read(property, key, &value);
    if (code)
        return code;
    if (!set_computed(item, key, value, is_new) && item->id &&
        !ex_property_set(ex, false, item->id, key, value))
        code = "ErrorInternalServerError";
    free(value);
    return code;
}

static char *number_text(int64_t number)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)number);
    return strdup(text);
}

static char *time_text(int64_t ms)
{
    char text[TIME_TEXT_MAX];
    return strdup(ex_shape_time(ms, text));
}

static bool has_attachments(struct exchange *ex, const struct item *item)
{
    struct attachment attachment;
    return ex_attachment_next(ex, item->id, 0, &attachment);
}

/* Properties that are kept as something else. */
static char *computed(struct exchange *ex, const struct item *item, const char *key)
{
    if (!strcmp(key, "tag:0x0e07:Integer"))
        return number_text((item->read ? FLAG_READ : 0) | (item->draft ? FLAG_UNSENT : 0) |
                           (has_attachments(ex, item) ? 16 : 0));
    if (!strcmp(key, "tag:0x0e06:SystemTime"))
        return time_text(item->received);
    if (!strcmp(key, "tag:0x0039:SystemTime"))
        return time_text(item->sent);
    if (!strcmp(key, "tag:0x3007:SystemTime"))
        return time_text(item->created);
    if (!strcmp(key, "tag:0x3008:SystemTime"))
        return time_text(item->modified);
    if (!strcmp(key, "tag:0x0e08:Integer"))
        return number_text(item->size);
    if (!strcmp(key, "tag:0x0e1b:Boolean"))
        return strdup(has_attachments(ex, item) ? "true" : "false");
    return NULL;
}

static char *field_value(struct exchange *ex, const struct item *item, const char *uri)
{
    static const struct {
        const char *uri;
        enum item_text text;
    } texts[] = {{"item:Subject", ITEM_SUBJECT},
                 {"item:ItemClass", ITEM_CLASS},
                 {"item:Importance", ITEM_IMPORTANCE},
                 {"item:Sensitivity", ITEM_SENSITIVITY},
                 {"item:Body", ITEM_BODY},
                 {"item:DisplayTo", ITEM_TO},
                 {"message:InternetMessageId", ITEM_INTERNET_ID},
                 {"item:InReplyTo", ITEM_IN_REPLY_TO},
                 {"message:References", ITEM_REFERENCES}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!strcmp(texts[i].uri, uri)) {
            const char *text = item->text[texts[i].text];
            bool absent = texts[i].text >= ITEM_INTERNET_ID && !text[0];
            return absent ? NULL : strdup(text);
        }
    if (!strcmp(uri, "item:DateTimeReceived"))
        return time_text(item->received);
    if (!strcmp(uri, "item:DateTimeSent"))
        return time_text(item->sent);
    if (!strcmp(uri, "item:DateTimeCreated"))
        return time_text(item->created);
    if (!strcmp(uri, "item:LastModifiedTime"))
        return time_text(item->modified);
    if (!strcmp(uri, "item:Size"))
        return number_text(item->size);
    if (!strcmp(uri, "item:IsDraft"))
        return strdup(item->draft ? "true" : "false");
    if (!strcmp(uri, "item:HasAttachments"))
        return strdup(has_attachments(ex, item) ? "true" : "false");
    if (!strcmp(uri, "message:IsRead"))
        return strdup(item->read ? "true" : "false");
    if (!strcmp(uri, "message:IsReadReceiptRequested"))
        return strdup(item->receipts & ITEM_READ_RECEIPT ? "true" : "false");
    if (!strcmp(uri, "message:IsDeliveryReceiptRequested"))
        return strdup(item->receipts & ITEM_DELIVERY_RECEIPT ? "true" : "false");
    return NULL;
}

char *ex_shape_value(struct exchange *ex, const struct item *item, const struct xml_node *path)
{
    char key[PROPERTY_KEY_MAX];
    if (!strcmp(path->name, "FieldURI"))
        return field_value(ex, item, xml_attr(path, "FieldURI"));
    if (strcmp(path->name, "ExtendedFieldURI") != 0 || ex_property_key(path, key, sizeof key))
        return NULL;
    char *value = computed(ex, item, key);
    return value ? value : ex_property_get(ex, false, item->id, key);
}

char *ex_shape_folder_value(struct exchange *ex, const struct folder *folder,
                            const struct xml_node *path)
{
    char key[PROPERTY_KEY_MAX];
    const char *uri = xml_attr(path, "FieldURI");
    if (!strcmp(path->name, "FieldURI") && !strcmp(uri, "folder:DisplayName"))
        return strdup(folder->name);
    if (!strcmp(path->name, "FieldURI") && !strcmp(uri, "folder:FolderClass"))
        return strdup(folder->class);
    if (strcmp(path->name, "ExtendedFieldURI") != 0 || ex_property_key(path, key, sizeof key))
        return NULL;
    return ex_property_get(ex, true, folder->id, key);
}

static bool is_path(const struct xml_node *node)
{
    return !strcmp(node->name, "FieldURI") || !strcmp(node->name, "ExtendedFieldURI") ||
           !strcmp(node->name, "IndexedFieldURI");
}

static bool contains(const struct xml_node *expression, const char *have, const char *want)
{
    const char *mode = xml_attr(expression, "ContainmentMode");
    const char *how = xml_attr(expression, "ContainmentComparison");
    bool fold = how && strstr(how, "IgnoreCase");
    size_t len = strlen(want);
    if (!mode || !strcmp(mode, "Substring"))
        return fold ? strcasestr(have, want) != NULL : strstr(have, want) != NULL;
    if (!strcmp(mode, "Prefixed"))
        return fold ? !strncasecmp(have, want, len) : !strncmp(have, want, len);
    return fold ? !strcasecmp(have, want) : !strcmp(have, want);
}

/* Is what the path names a text? Then digits in it are no number. */
static bool is_textual(const struct xml_node *path)
{
    const char *type = xml_attr(path, "PropertyType"), *uri = xml_attr(path, "FieldURI");
    static const char *const texts[] = {"folder:DisplayName", "folder:FolderClass",
                                        "item:Subject",       "item:ItemClass",
                                        "item:Body",          "message:InternetMessageId"};
    if (type)
        return !strcmp(type, "String");
    for (size_t i = 0; uri && i < sizeof texts / sizeof *texts; i++)
        if (!strcmp(texts[i], uri))
            return true;
    return false;
}

/* Texts compare as a store does it, without regard to case; numbers as numbers; times of one
 * width compare well as text. */
static int compare(const struct xml_node *path, const char *a, const char *b)
{
    long x, y;
    if (is_textual(path))
        return strcasecmp(a, b);
    if (ex_schema_integer(a, &x) && ex_schema_integer(b, &y))
        return x < y ? -1 : x > y;
    return strcmp(a, b);
}

static bool compares(const struct xml_node *expression, const char *have, const char *want)
{
    const char *op = expression->name;
    int order = compare(expression->first_child, have, want);
    if (!strcmp(op, "IsEqualTo"))
        return order == 0;
    if (!strcmp(op, "IsNotEqualTo"))
        return order != 0;
    if (!strcmp(op, "IsGreaterThan"))
        return order > 0;
    if (!strcmp(op, "IsGreaterThanOrEqualTo"))
        return order >= 0;
    if (!strcmp(op, "IsLessThan"))
        return order < 0;
    return order <= 0;
}

static bool matches_property(struct exchange *ex, const void *thing, shape_value_fn *value,
                             const struct xml_node *expression, const char **code)
{
    const struct xml_node *path = expression->first_child;
    char key[PROPERTY_KEY_MAX];
    if (!path || !is_path(path) ||
        (!strcmp(path->name, "ExtendedFieldURI") && ex_property_key(path, key, sizeof key))) {
        *code = "ErrorInvalidExtendedProperty";
        return false;
    }
    const struct xml_node *constant = xml_find(expression, NS_TYPES, "Constant");
    const char *want = xml_attr(constant, "Value");
    char *have = value(ex, thing, path);
    bool match = have != NULL;
    if (match && strcmp(expression->name, "Exists") != 0) {
        if (!want)
            *code = "ErrorUnsupportedQueryFilter";
        match = want &&
                (strcmp(expression->name, "Contains") == 0 ? contains(expression, have, want)
                                                           : compares(expression, have, want));
    }
    free(have);
    return match;
}

bool ex_shape_matches(struct exchange *ex, const void *thing, shape_value_fn *value,
                      const struct xml_node *expression, const char **code)
{
    const struct xml_node *child = expression->first_child;
    if (!strcmp(expression->name, "Not"))
        return child && !ex_shape_matches(ex, thing, value, child, code);
    if (!strcmp(expression->name, "And") || !strcmp(expression->name, "Or")) {
        bool and = !strcmp(expression->name, "And");
        for (; child && !*code; child = child->next)
            if (ex_shape_matches(ex, thing, value, child, code) != and)
                return !and;
        return and;
    }
    return matches_property(ex, thing, value, expression, code);
}
