#include "ews/soap.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "ews/ews_error.h"
#include "ews/ews_names.h"

void soap_begin(struct xml_writer *writer, struct buf *out, const struct soap_header *header)
{
    xml_writer_init(writer, out);
    xml_declaration(writer);
    xml_open(writer, "s:Envelope");
    xml_attribute(writer, "xmlns:s", EWS_NS_SOAP);
    xml_attribute(writer, "xmlns:m", EWS_NS_MESSAGES);
    xml_attribute(writer, "xmlns:t", EWS_NS_TYPES);
    xml_open(writer, "s:Header");
    xml_open(writer, "t:RequestServerVersion");
    xml_attribute(writer, "Version", header->version ? header->version : EWS_VERSION_DEFAULT);
    xml_close(writer);
    if (header->impersonate) {
        xml_open(writer, "t:ExchangeImpersonation");
        xml_open(writer, "t:ConnectingSID");
        xml_element(writer, "t:PrimarySmtpAddress", header->impersonate);
        xml_close(writer);
        xml_close(writer);
    }
    xml_close(writer);
    xml_open(writer, "s:Body");
}

void soap_end(struct xml_writer *writer)
{
    while (writer->depth > 0)
        xml_close(writer);
}

bool soap_nonsense(struct err *err, const char *what)
{
    err_set(err, ERR_PROTOCOL, "the answer of Exchange makes no sense: %s", what);
    err->scope = ERR_SCOPE_MAILBOX;
    err->effect = ERR_EFFECT_UNKNOWN;
    return false;
}

static int64_t number_of(const char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    char *end;
    long long value = strtoll(text, &end, 10);
    if (end == text || value < 0)
        return 0;
    return value < TIME_BACK_OFF_MAX_MS ? value : TIME_BACK_OFF_MAX_MS;
}

/* The next <t:Value Name="name"> below top, after `from` in the order of the document; from is
 * top for the first. */
static const struct xml_node *next_value(const struct xml_node *top,
                                         const struct xml_node *from, const char *name)
{
    const struct xml_node *node = from;
    for (;;) {
        if (node->first_child) {
            node = node->first_child;
        } else {
            while (node != top && !node->next)
                node = node->parent;
            if (node == top)
                return NULL;
            node = node->next;
        }
        const char *attr = strcmp(node->name, "Value") == 0 ? xml_attr(node, "Name") : NULL;
        if (attr && strcmp(attr, name) == 0)
            return node;
    }
}

/* The longest wait that is asked for, wherever among its siblings it stands; 0: none. */
static int64_t back_off_in(const struct xml_node *node)
{
    int64_t longest = 0;
    const struct xml_node *value = node;
    while ((value = next_value(node, value, "BackOffMilliseconds"))) {
        int64_t wait = number_of(value->text);
        longest = wait > longest ? wait : longest;
    }
    return longest;
}

/* Copy a code without white space at its ends; what no code has in it becomes a question mark,
 * for it goes into the log. */
static void take_code(char *out, size_t size, const char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t len = strlen(text);
    while (len && isspace((unsigned char)text[len - 1]))
        len--;
    if (len >= size)
        len = size - 1;
    for (size_t i = 0; i < len; i++) {
        bool usual = isalnum((unsigned char)text[i]) || strchr("._:-", text[i]);
        out[i] = usual ? text[i] : '?';
    }
    out[len] = '\0';
}

static bool says_nothing(const char *code)
{
    return code[0] == '\0' || strcmp(code, "NoError") == 0;
}

static bool code_error(const struct xml_node *node, enum ews_shape shape, const char *code_text,
                       const char *text, struct err *err)
{
    char code[sizeof(err->code)], inner[sizeof(err->code)];
    const struct xml_node *value = next_value(node, node, "InnerErrorResponseCode");
    take_code(code, sizeof(code), code_text);
    take_code(inner, sizeof(inner), xml_text(value));
    return ews_error_from_answer(err, &(struct ews_said){.shape = shape,
                                                         .code = code,
                                                         .inner = inner,
                                                         .text = text,
                                                         .back_off_ms = back_off_in(node)});
}

static bool fault_error(const struct xml_node *fault, struct err *err)
{
    const struct xml_node *detail = xml_child(fault, NULL, "detail");
    const char *code = xml_child_text(detail, NULL, "ResponseCode");
    const char *text = xml_child_text(detail, NULL, "Message");
    if (!*text)
        text = xml_child_text(fault, NULL, "faultstring");
    if (!*code) {
        const char *faultcode = xml_child_text(fault, NULL, "faultcode");
        const char *colon = strrchr(faultcode, ':');
        code = colon ? colon + 1 : faultcode;
    }
    return code_error(fault, EWS_SHAPE_FAULT, *code ? code : "Fault", text, err);
}

bool soap_is_envelope(const struct xml_node *root)
{
    return root && strcmp(root->name, "Envelope") == 0 && strcmp(root->ns, EWS_NS_SOAP) == 0;
}

bool soap_open_answer(const struct xml_node *root, const char *response, int count,
                      const struct xml_node **first, struct err *err)
{
    if (!soap_is_envelope(root))
        return soap_nonsense(err, "it is not a SOAP envelope");
    const struct xml_node *body = xml_child(root, EWS_NS_SOAP, "Body");
    const struct xml_node *fault = xml_child(body, EWS_NS_SOAP, "Fault");
    if (fault)
        return fault_error(fault, err);
    const struct xml_node *messages = xml_child(xml_child(body, EWS_NS_MESSAGES, response),
                                                EWS_NS_MESSAGES, "ResponseMessages");
    if (!messages)
        return soap_nonsense(err, "it answers another question");
    int found = 0;
    for (const struct xml_node *m = messages->first_child; m; m = m->next)
        found++;
    if (found != count) {
        /* The whole request failed and was answered once: that error says more. What became of
         * the rest it does not say. */
        if (found != 1 || soap_message_ok(messages->first_child, err))
            return soap_nonsense(err, "it does not have one message for each thing asked");
        err->effect = ERR_EFFECT_UNKNOWN;
        return false;
    }
    *first = messages->first_child;
    return true;
}

const struct xml_node *soap_next_message(const struct xml_node *message)
{
    return message ? message->next : NULL;
}

bool soap_message_ok(const struct xml_node *message, struct err *err)
{
    const char *class = xml_attr(message, "ResponseClass");
    const char *said = xml_child_text(message, EWS_NS_MESSAGES, "ResponseCode");
    char code[sizeof(err->code)];
    if (!class)
        return soap_nonsense(err, "a message has no ResponseClass");
    take_code(code, sizeof(code), said);
    bool success = strcmp(class, "Success") == 0, warning = strcmp(class, "Warning") == 0;
    if ((success || warning) && says_nothing(code))
        return true;
    if (success)
        return soap_nonsense(err, "a message says that it succeeded, and that it failed");
    if (says_nothing(code))
        return soap_nonsense(err, "a message failed without a ResponseCode");
    return code_error(message, warning ? EWS_SHAPE_WARNING : EWS_SHAPE_ERROR, said,
                      xml_child_text(message, EWS_NS_MESSAGES, "MessageText"), err);
}
