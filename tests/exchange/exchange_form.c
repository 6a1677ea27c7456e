#include "tests/exchange/exchange_form.h"

#include <stdio.h>
#include <string.h>

/* Where the node's tag stands: how many tags of that name come before it, counted again in the
 * bytes. Beyond the first 64 KiB nothing exact is said. */
static int occurrences_before(const struct xml_node *at, const struct xml_node *stop,
                              bool *found)
{
    int count = 0;
    for (; at && !*found; at = at->next) {
        if (at == stop) {
            *found = true;
            return count;
        }
        count += !strcmp(at->name, stop->name);
        count += occurrences_before(at->first_child, stop, found);
    }
    return count;
}

static void locate(const struct form *form, const struct xml_node *node, int *line,
                   int *position)
{
    bool found = false;
    int skip = occurrences_before(form->envelope, node, &found);
    const char *text = buf_str(form->head), *start = text;
    size_t len = strlen(node->name);
    *line = 1;
    for (; *text; text++) {
        bool opens = *text == '<' && text[1] != '/' && text[1] != '!' && text[1] != '?';
        const char *name = text + 1;
        size_t prefix = opens ? strcspn(name, ": \t\r\n/>") : 0;
        if (opens && name[prefix] == ':')
            name += prefix + 1;
        if (opens && !strncmp(name, node->name, len) && strchr(" \t\r\n/>", name[len]) &&
            skip-- == 0)
            break;
        if (*text == '\n') {
            ++*line;
            start = text + 1;
        }
    }
    *position = (int)(text - start) + 2;
}

static void answer_violation(const struct form *form, const struct schema_violation *violation,
                             struct exchange_answer *answer)
{
    int line, position;
    locate(form, violation->node, &line, &position);
    answer->status = 500;
    ex_soap_violation(&answer->body, violation->text, line, position);
}

static const char *const versions[] = {
    "Exchange2007",     "Exchange2007_SP1", "Exchange2009", "Exchange2010",
    "Exchange2010_SP1", "Exchange2010_SP2", "Exchange2012", "Exchange2013",
    "Exchange2013_SP1", "Exchange2015",     "Exchange2016", "V2015_10_05",
    "V2016_01_06",      "V2016_04_13",      "V2016_07_13",  "V2016_10_10",
    "V2017_01_07",      "V2017_04_14",      "V2017_07_11"};

bool ex_form_knows_version(const char *version)
{
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++)
        if (!strcmp(versions[i], version))
            return true;
    return false;
}

/* A SetItemField names one property, and its t:Message holds that one and no other. */
static bool one_property_each(const struct form *form, struct exchange_answer *answer)
{
    const struct xml_node *change = xml_child(form->body, NS_MESSAGES, "ItemChanges");
    for (change = change ? change->first_child : NULL; change; change = change->next) {
        const struct xml_node *updates = xml_child(change, NS_TYPES, "Updates");
        for (const struct xml_node *set = updates->first_child; set; set = set->next) {
            const struct xml_node *first = set->first_child->next;
            first = first ? first->first_child : NULL;
            if (!first || !first->next)
                continue;
            struct schema_violation violation = {.node = first->next};
            snprintf(
                violation.text, sizeof violation.text,
                "The element 'Message' in namespace '%s' has invalid child element '%.60s': "
                "a SetItemField holds one property.",
                NS_TYPES, first->next->name);
            answer_violation(form, &violation, answer);
            return false;
        }
    }
    return true;
}

static bool contents_are_base64(const struct form *form, struct exchange_answer *answer)
{
    for (size_t i = 0; i < form->contents->count; i++) {
        if (!form->contents->writers[i] || ex_blob_is_base64(form->contents->writers[i]))
            continue;
        struct schema_violation violation = {.node = xml_find(form->body, NS_TYPES, "Content")};
        snprintf(violation.text, sizeof violation.text,
                 "The '%s:Content' element is invalid - its value is invalid according to its "
                 "datatype 'http://www.w3.org/2001/XMLSchema:base64Binary'.",
                 NS_TYPES);
        answer_violation(form, &violation, answer);
        return false;
    }
    return true;
}

bool ex_form_is_well_made(const struct form *form, struct exchange_answer *answer)
{
    struct schema_violation violation;
    const struct xml_node *header = xml_child(form->envelope, NS_SOAP, "Header");
    const struct xml_node *impersonation = xml_child(header, NS_TYPES, "ExchangeImpersonation");
    const struct schema_type *type =
        form->operation ? ex_schema_operation(form->operation->name) : NULL;
    if (!type || strcmp(form->body->ns, NS_MESSAGES) != 0) {
        snprintf(violation.text, sizeof violation.text,
                 "The element '%.60s' in namespace '%.80s' is not declared.", form->body->name,
                 form->body->ns);
        violation.node = form->body;
        answer_violation(form, &violation, answer);
        return false;
    }
    if ((impersonation &&
         !ex_schema_check(impersonation, &ex_schema_impersonation, &violation)) ||
        !ex_schema_check(form->body, type, &violation)) {
        answer_violation(form, &violation, answer);
        return false;
    }
    return contents_are_base64(form, answer) && one_property_each(form, answer);
}

bool ex_form_has_binary(const struct xml_node *node)
{
    for (; node; node = node->next) {
        const char *type = xml_attr(node, "PropertyType");
        if ((type && !strcmp(node->name, "ExtendedFieldURI") && !strcmp(type, "Binary")) ||
            ex_form_has_binary(node->first_child))
            return true;
    }
    return false;
}
