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

/* The text of <t:Value Name="name"> anywhere below node; NULL if there is none. */
static const char *named_value(const struct xml_node *node, const char *name)
{
    for (const struct xml_node *child = node ? node->first_child : NULL; child;
         child = child->next) {
        const char *attr = strcmp(child->name, "Value") == 0 ? xml_attr(child, "Name") : NULL;
        if (attr && strcmp(attr, name) == 0)
            return child->text;
        const char *below = named_value(child, name);
        if (below)
            return below;
    }
    return NULL;
}

/* Copy without white space at the ends. */
static void trimmed(char *out, size_t size, const char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t len = strlen(text);
    while (len && isspace((unsigned char)text[len - 1]))
        len--;
    if (len >= size)
        len = size - 1;
    memcpy(out, text, len);
    out[len] = '\0';
}

/* An error that wraps another one ("internal error", inside it "server busy") is the inner one.
 */
static bool code_error(const struct xml_node *node, const char *code_text, const char *text,
                       struct err *err)
{
    char code[sizeof(err->code)], inner_code[sizeof(err->code)];
    trimmed(code, sizeof(code), code_text);
    const char *inner = named_value(node, "InnerErrorResponseCode");
    if (inner) {
        trimmed(inner_code, sizeof(inner_code), inner);
        bool wraps = strcmp(code, "ErrorInternalServerError") == 0 || code[0] == '\0';
        bool useful = inner_code[0] && strcmp(inner_code, "NoError") != 0;
        if (useful && (wraps || strcmp(inner_code, "ErrorServerBusy") == 0))
            memcpy(code, inner_code, sizeof(code));
    }
    const char *back_off = named_value(node, "BackOffMilliseconds");
    return ews_error_from_code(err, code, text, back_off ? number_of(back_off) : 0);
}

static bool fault_error(const struct xml_node *fault, struct err *err)
{
    const struct xml_node *detail = xml_child(fault, NULL, "detail");
    const char *code = xml_child_text(detail, EWS_NS_ERRORS, "ResponseCode");
    const char *text = xml_child_text(detail, EWS_NS_ERRORS, "Message");
    if (!*text)
        text = xml_child_text(fault, NULL, "faultstring");
    if (!*code) {
        const char *faultcode = xml_child_text(fault, NULL, "faultcode");
        const char *colon = strrchr(faultcode, ':');
        code = colon ? colon + 1 : faultcode;
        while (isspace((unsigned char)*code))
            code++;
        if (strncmp(code, "Error", 5) != 0)
            code = "ErrorInternalServerError"; /* "Server", "Client": nothing is known */
    }
    return code_error(fault, code, text, err);
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
        /* The whole request failed and was answered once: that error says more. */
        if (found == 1 && !soap_message_ok(messages->first_child, err))
            return false;
        return soap_nonsense(err, "it does not have one message for each thing asked");
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
    if (!class)
        return soap_nonsense(err, "a message has no ResponseClass");
    const char *code = xml_child_text(message, EWS_NS_MESSAGES, "ResponseCode");
    if (strcmp(class, "Success") == 0)
        return true;
    if (strcmp(class, "Warning") == 0 && (!*code || strcmp(code, "NoError") == 0))
        return true;
    if (!*code || strcmp(code, "NoError") == 0)
        return soap_nonsense(err, "a message failed without a ResponseCode");
    return code_error(message, code, xml_child_text(message, EWS_NS_MESSAGES, "MessageText"),
                      err);
}
