#include "tests/exchange/exchange_schema.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

static bool violated(struct schema_violation *violation, const struct xml_node *node,
                     const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static bool violated(struct schema_violation *violation, const struct xml_node *node,
                     const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(violation->text, sizeof violation->text, fmt, args);
    va_end(args);
    violation->node = node;
    return false;
}

bool ex_schema_boolean(const char *text, bool *value)
{
    *value = !strcmp(text, "true") || !strcmp(text, "1");
    return *value || !strcmp(text, "false") || !strcmp(text, "0");
}

bool ex_schema_integer(const char *text, long *value)
{
    char *end;
    errno = 0;
    *value = strtol(text, &end, 10);
    return end != text && !*end && !errno && !isspace((unsigned char)text[0]);
}

static bool is_guid(const char *text)
{
    if (strlen(text) != 36)
        return false;
    for (int i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        if (dash ? text[i] != '-' : !isxdigit((unsigned char)text[i]))
            return false;
    }
    return true;
}

/* PropertyTagType: 0x and four or fewer hexadecimal digits, or a short number. */
static bool is_tag(const char *text)
{
    char *end;
    if (!isdigit((unsigned char)text[0]))
        return false;
    unsigned long value = strtoul(text, &end, text[1] == 'x' ? 16 : 10);
    return !*end && value <= 0xffff;
}

static bool is_value(const struct schema_type *type, const char *text)
{
    bool flag;
    long number;
    struct wall time;
    switch (type->kind) {
    case SCHEMA_ELEMENTS: return strspn(text, " \t\r\n") == strlen(text);
    case SCHEMA_FULL_STRING:
        return (long)strlen(text) >= type->least && (long)strlen(text) <= type->most;
    case SCHEMA_BOOLEAN: return ex_schema_boolean(text, &flag);
    case SCHEMA_INTEGER:
        return ex_schema_integer(text, &number) && number >= type->least &&
               number <= type->most;
    case SCHEMA_DATE_TIME: return clock_parse(text, &time);
    case SCHEMA_GUID: return is_guid(text);
    case SCHEMA_TAG: return is_tag(text);
    case SCHEMA_ENUM:
        for (const char *const *value = type->values; *value; value++)
            if (!strcmp(*value, text))
                return true;
        return false;
    case SCHEMA_ANY:
    case SCHEMA_STRING:
    case SCHEMA_BASE64: break;
    }
    return true;
}

static const char *constraint(const struct schema_type *type)
{
    switch (type->kind) {
    case SCHEMA_ENUM: return " - The Enumeration constraint failed.";
    case SCHEMA_GUID:
    case SCHEMA_TAG: return " - The Pattern constraint failed.";
    case SCHEMA_INTEGER:
    case SCHEMA_FULL_STRING: return " - The value is outside the range of the type.";
    default: return ".";
    }
}

static bool check_attributes(const struct xml_node *node, const struct schema_type *type,
                             struct schema_violation *violation)
{
    static const struct schema_attribute none = {NULL, NULL, false};
    const struct schema_attribute *known = type->attributes ? type->attributes : &none;
    for (const struct schema_attribute *a = known; a->name; a++) {
        const char *value = xml_attr(node, a->name);
        if (!value && a->required)
            return violated(violation, node, "The required attribute '%s' is missing.",
                            a->name);
        if (value && !is_value(a->type, value))
            return violated(violation, node,
                            "The '%s' attribute is invalid - The value '%.100s' is invalid "
                            "according to its datatype '%s:%s'%s",
                            a->name, value, NS_TYPES, a->type->name, constraint(a->type));
    }
    for (int i = 0; i < node->attr_count; i++) {
        const struct schema_attribute *a = known;
        while (a->name && strcmp(a->name, node->attrs[i].name))
            a++;
        if (!a->name)
            return violated(violation, node, "The '%.100s' attribute is not declared.",
                            node->attrs[i].name);
    }
    return true;
}

static bool is_child(const struct schema_child *child, const struct xml_node *node)
{
    return !strcmp(child->name, node->name) &&
           !strcmp(child->messages ? NS_MESSAGES : NS_TYPES, node->ns);
}

static bool unexpected(const struct xml_node *parent, const struct xml_node *node,
                       const struct schema_child *expected, struct schema_violation *violation)
{
    return violated(
        violation, node,
        "The element '%.60s' in namespace '%.80s' has invalid child element '%.60s' "
        "in namespace '%.80s'. List of possible elements expected: '%s'.",
        parent->name, parent->ns, node->name, node->ns,
        expected && expected->name ? expected->name : "");
}

/* A required child, or one of a required choice, that is passed over without having been seen.
 */
static const struct schema_child *
missing(const struct schema_child *from, const struct schema_child *to, unsigned char satisfied)
{
    for (; from < to && from->name; from++)
        if (from->least && (!from->choice || from->choice != satisfied) &&
            (!from->choice || from->choice != to->choice || !to->name))
            return from;
    return NULL;
}

static bool check_sequence(const struct xml_node *node, const struct schema_type *type,
                           struct schema_violation *violation)
{
    const struct schema_child *at = type->children;
    unsigned char satisfied = 0; /* the choice of which one was seen last */
    if (!at)
        return !node->first_child || unexpected(node, node->first_child, NULL, violation);
    for (const struct xml_node *child = node->first_child; child; child = child->next) {
        const struct schema_child *match = at;
        while (match->name &&
               (!is_child(match, child) || (match->choice && match->choice == satisfied)))
            match++;
        const struct schema_child *skipped = match->name ? missing(at, match, satisfied) : at;
        if (skipped)
            return unexpected(node, child, skipped, violation);
        if (!ex_schema_check(child, match->type, violation))
            return false;
        satisfied = match->choice;
        at = match->most == 1 ? match + 1 : match;
    }
    const struct schema_child *end = at;
    while (end->name)
        end++;
    const struct schema_child *lacking = missing(at, end, satisfied);
    if (lacking)
        return violated(violation, node,
                        "The element '%.60s' in namespace '%.80s' has incomplete content. List "
                        "of possible elements expected: '%s'.",
                        node->name, node->ns, lacking->name);
    return true;
}

static bool check_any_order(const struct xml_node *node, const struct schema_type *type,
                            struct schema_violation *violation)
{
    if (!node->first_child && strcmp(type->name, "ArrayOfRecipientsType") != 0)
        return violated(violation, node,
                        "The element '%.60s' in namespace '%.80s' has incomplete content. List "
                        "of possible elements expected: '%s'.",
                        node->name, node->ns, type->children->name);
    for (const struct xml_node *child = node->first_child; child; child = child->next) {
        const struct schema_child *match = type->children;
        while (match->name && !is_child(match, child))
            match++;
        if (!match->name)
            return unexpected(node, child, type->children, violation);
        if (!ex_schema_check(child, match->type, violation))
            return false;
    }
    return true;
}

bool ex_schema_check(const struct xml_node *node, const struct schema_type *type,
                     struct schema_violation *violation)
{
    if (type->kind == SCHEMA_ANY)
        return true;
    if (!check_attributes(node, type, violation))
        return false;
    if (!is_value(type, node->text))
        return violated(violation, node,
                        "The '%s:%.60s' element is invalid - The value '%.100s' is invalid "
                        "according to its datatype '%s:%s'%s",
                        node->ns, node->name, node->text, NS_TYPES, type->name,
                        constraint(type));
    if (type->kind != SCHEMA_ELEMENTS)
        return !node->first_child || unexpected(node, node->first_child, NULL, violation);
    return type->any_order ? check_any_order(node, type, violation)
                           : check_sequence(node, type, violation);
}
