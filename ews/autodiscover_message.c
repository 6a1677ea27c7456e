#include "ews/autodiscover_message.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "ews/ews_names.h"

#define NS_ADDRESSING "http://www.w3.org/2005/08/addressing"
#define NS_SOAP_WORDS "http://schemas.microsoft.com/exchange/2010/Autodiscover"
#define NS_ACTION     NS_SOAP_WORDS "/Autodiscover/GetUserSettings"
#define NS_POX_ASKS                                                                            \
    "http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"
#define NS_POX_SAYS                                                                            \
    "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
#define NS_POX_SHELL "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"

/* ---- Requests --------------------------------------------------------------------------- */

static void close_all(struct xml_writer *writer)
{
    while (writer->depth > 0)
        xml_close(writer);
}

void autodiscover_soap_request(struct buf *out, const char *to, const char *address)
{
    static const char *const settings[] = {"ExternalEwsUrl", "InternalEwsUrl",
                                           "GroupingInformation", "EwsSupportedSchemas"};
    struct xml_writer writer;
    xml_writer_init(&writer, out);
    xml_declaration(&writer);
    xml_open(&writer, "s:Envelope");
    xml_attribute(&writer, "xmlns:s", EWS_NS_SOAP);
    xml_attribute(&writer, "xmlns:w", NS_ADDRESSING);
    xml_attribute(&writer, "xmlns:a", NS_SOAP_WORDS);
    xml_open(&writer, "s:Header");
    xml_element(&writer, "a:RequestedServerVersion", "Exchange2010");
    xml_element(&writer, "w:Action", NS_ACTION);
    xml_element(&writer, "w:To", to);
    xml_close(&writer);
    xml_open(&writer, "s:Body");
    xml_open(&writer, "a:GetUserSettingsRequestMessage");
    xml_open(&writer, "a:Request");
    xml_open(&writer, "a:Users");
    xml_open(&writer, "a:User");
    xml_element(&writer, "a:Mailbox", address);
    xml_close(&writer);
    xml_close(&writer);
    xml_open(&writer, "a:RequestedSettings");
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
        xml_element(&writer, "a:Setting", settings[i]);
    close_all(&writer);
}

void autodiscover_pox_request(struct buf *out, const char *address)
{
    struct xml_writer writer;
    xml_writer_init(&writer, out);
    xml_declaration(&writer);
    xml_open(&writer, "Autodiscover");
    xml_attribute(&writer, "xmlns", NS_POX_ASKS);
    xml_open(&writer, "Request");
    xml_element(&writer, "EMailAddress", address);
    xml_element(&writer, "AcceptableResponseSchema", NS_POX_SAYS);
    close_all(&writer);
}

/* ---- Texts of an answer ----------------------------------------------------------------- */

/* Without blanks at its ends; nothing when it is too long or has a character that no URL,
 * address or name of ours has. */
static void take(char *out, size_t size, const char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t len = strlen(text);
    while (len && isspace((unsigned char)text[len - 1]))
        len--;
    out[0] = '\0';
    if (len >= size)
        return;
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7F)
            return;
    }
    memcpy(out, text, len);
    out[len] = '\0';
}

/* A word for the log: what no such word has in it becomes a question mark. */
static void take_code(char *out, size_t size, const char *text)
{
    text += strspn(text, " \t\r\n");
    size_t len = strcspn(text, " \t\r\n");
    if (len >= size)
        len = size - 1;
    for (size_t i = 0; i < len; i++)
        out[i] = isalnum((unsigned char)text[i]) || strchr("._:-", text[i]) ? text[i] : '?';
    out[len] = '\0';
}

static bool is(const char *a, const char *b)
{
    return strcasecmp(a, b) == 0;
}

static void settle_settings(struct autodiscover_answer *out)
{
    out->word = AUTODISCOVER_SETTINGS;
    if (out->external[0] || out->internal[0])
        return;
    out->word = AUTODISCOVER_REFUSES;
    if (!out->code[0])
        text_copy(out->code, sizeof(out->code), "no-EwsUrl");
}

/* ---- SOAP ------------------------------------------------------------------------------- */

static void read_setting(const struct xml_node *setting, struct autodiscover_answer *out)
{
    char name[64];
    take(name, sizeof(name), xml_child_text(setting, NS_SOAP_WORDS, "Name"));
    const char *value = xml_child_text(setting, NS_SOAP_WORDS, "Value");
    if (strcmp(name, "ExternalEwsUrl") == 0)
        take(out->external, sizeof(out->external), value);
    else if (strcmp(name, "InternalEwsUrl") == 0)
        take(out->internal, sizeof(out->internal), value);
    else if (strcmp(name, "GroupingInformation") == 0)
        take(out->group, sizeof(out->group), value);
    else if (strcmp(name, "EwsSupportedSchemas") == 0)
        take(out->schemas, sizeof(out->schemas), value);
}

static void read_settings(const struct xml_node *user, struct autodiscover_answer *out)
{
    const struct xml_node *errors = xml_child(user, NS_SOAP_WORDS, "UserSettingErrors");
    const struct xml_node *error = xml_child(errors, NS_SOAP_WORDS, "UserSettingError");
    const struct xml_node *settings = xml_child(user, NS_SOAP_WORDS, "UserSettings");
    const struct xml_node *setting = xml_child(settings, NS_SOAP_WORDS, "UserSetting");
    for (; setting; setting = xml_next(setting, NS_SOAP_WORDS, "UserSetting"))
        read_setting(setting, out);
    /* One URL may be missing, and its error with it, when the other is there. */
    take_code(out->code, sizeof(out->code), xml_child_text(error, NS_SOAP_WORDS, "ErrorCode"));
    settle_settings(out);
}

static enum autodiscover_word word_of(const char *code)
{
    static const struct {
        const char *code;
        enum autodiscover_word word;
    } words[] = {
        {"RedirectUrl", AUTODISCOVER_REDIRECT_URL},
        {"RedirectAddress", AUTODISCOVER_REDIRECT_ADDRESS},
        {"InvalidUser", AUTODISCOVER_NO_USER},
        {"ServerBusy", AUTODISCOVER_BUSY},
        {"InternalServerError", AUTODISCOVER_BUSY},
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (is(code, words[i].code))
            return words[i].word;
    }
    return AUTODISCOVER_REFUSES;
}

/* ErrorCode of a level: nothing said counts as no error. */
static bool failed(const struct xml_node *level, struct autodiscover_answer *out)
{
    take_code(out->code, sizeof(out->code), xml_child_text(level, NS_SOAP_WORDS, "ErrorCode"));
    if (out->code[0] == '\0' || is(out->code, "NoError")) {
        out->code[0] = '\0';
        return false;
    }
    out->word = word_of(out->code);
    return true;
}

static bool read_fault(const struct xml_node *fault, struct autodiscover_answer *out)
{
    const char *code = xml_child_text(fault, NULL, "faultcode");
    const char *colon = strrchr(code, ':');
    out->word = AUTODISCOVER_REFUSES;
    take_code(out->code, sizeof(out->code), colon ? colon + 1 : code);
    if (!out->code[0])
        text_copy(out->code, sizeof(out->code), "Fault");
    return true;
}

/* Errors stand at three levels: of the request, of the user, of a setting. */
static bool read_soap(const struct xml_node *root, struct autodiscover_answer *out)
{
    const struct xml_node *body = xml_child(root, EWS_NS_SOAP, "Body");
    const struct xml_node *fault = xml_child(body, EWS_NS_SOAP, "Fault");
    if (fault)
        return read_fault(fault, out);
    const struct xml_node *response =
        xml_child(xml_child(body, NS_SOAP_WORDS, "GetUserSettingsResponseMessage"),
                  NS_SOAP_WORDS, "Response");
    const struct xml_node *user = xml_child(xml_child(response, NS_SOAP_WORDS, "UserResponses"),
                                            NS_SOAP_WORDS, "UserResponse");
    if (!response)
        return false;
    if (failed(response, out)) {
        /* A redirect is said of a user only. */
        if (out->word != AUTODISCOVER_BUSY)
            out->word = AUTODISCOVER_REFUSES;
        return true;
    }
    if (!user || xml_next(user, NS_SOAP_WORDS, "UserResponse"))
        return false; /* one was asked for */
    take(out->target, sizeof(out->target),
         xml_child_text(user, NS_SOAP_WORDS, "RedirectTarget"));
    if (!failed(user, out))
        read_settings(user, out);
    return true;
}

/* ---- POX -------------------------------------------------------------------------------- */

/* EwsUrl is newer than ASUrl; they name the same. */
static void take_url(const struct xml_node *protocol, char *out)
{
    const char *url = xml_child_text(protocol, NS_POX_SAYS, "EwsUrl");
    if (!*url)
        url = xml_child_text(protocol, NS_POX_SAYS, "ASUrl");
    if (!out[0])
        take(out, LIMIT_URL, url);
}

static void read_protocol(const struct xml_node *protocol, struct autodiscover_answer *out)
{
    char type[32];
    take(type, sizeof(type), xml_child_text(protocol, NS_POX_SAYS, "Type"));
    bool outside = is(type, "EXPR");
    if (outside)
        take_url(protocol, out->external);
    else if (is(type, "EXCH"))
        take_url(protocol, out->internal);
    if (outside && !out->group[0])
        take(out->group, sizeof(out->group),
             xml_child_text(protocol, NS_POX_SAYS, "GroupingInformation"));
}

/* WEB names the servers of the browser's pages, and beside them those of EWS: only asked when
 * the other protocols did not tell. */
static void read_web(const struct xml_node *protocol, struct autodiscover_answer *out)
{
    if (!is(xml_child_text(protocol, NS_POX_SAYS, "Type"), "WEB"))
        return;
    take_url(xml_child(xml_child(protocol, NS_POX_SAYS, "External"), NS_POX_SAYS, "Protocol"),
             out->external);
    take_url(xml_child(xml_child(protocol, NS_POX_SAYS, "Internal"), NS_POX_SAYS, "Protocol"),
             out->internal);
}

static void read_account(const struct xml_node *account, struct autodiscover_answer *out)
{
    char action[32];
    take(action, sizeof(action), xml_child_text(account, NS_POX_SAYS, "Action"));
    if (is(action, "redirectAddr")) {
        out->word = AUTODISCOVER_REDIRECT_ADDRESS;
        take(out->target, sizeof(out->target),
             xml_child_text(account, NS_POX_SAYS, "RedirectAddr"));
        return;
    }
    if (is(action, "redirectUrl")) {
        out->word = AUTODISCOVER_REDIRECT_URL;
        take(out->target, sizeof(out->target),
             xml_child_text(account, NS_POX_SAYS, "RedirectUrl"));
        return;
    }
    const struct xml_node *first = xml_child(account, NS_POX_SAYS, "Protocol"), *protocol;
    for (protocol = first; protocol; protocol = xml_next(protocol, NS_POX_SAYS, "Protocol"))
        read_protocol(protocol, out);
    for (protocol = first; protocol; protocol = xml_next(protocol, NS_POX_SAYS, "Protocol"))
        read_web(protocol, out);
    settle_settings(out);
}

/* 500: no such address. 600: the request is not understood; 601: no provider for this kind of
 * answer; 602 and 603: a failure of the directory, or another one that may pass. */
static void read_error(const char *code, struct autodiscover_answer *out)
{
    take_code(out->code, sizeof(out->code), code);
    out->word = is(out->code, "500")                           ? AUTODISCOVER_NO_USER
                : is(out->code, "602") || is(out->code, "603") ? AUTODISCOVER_BUSY
                                                               : AUTODISCOVER_REFUSES;
}

/* An error stands inside HTTP 200, in a Response of either namespace. */
static bool read_pox(const struct xml_node *root, struct autodiscover_answer *out)
{
    const struct xml_node *response = xml_child(root, NULL, "Response");
    if (!response ||
        (strcmp(response->ns, NS_POX_SAYS) != 0 && strcmp(response->ns, NS_POX_SHELL) != 0))
        return false;
    const struct xml_node *error = xml_child(response, response->ns, "Error");
    const struct xml_node *account = xml_child(response, NS_POX_SAYS, "Account");
    if (!error)
        error = xml_child(account, NULL, "Error");
    if (error)
        read_error(xml_child_text(error, NULL, "ErrorCode"), out);
    else if (account)
        read_account(account, out);
    return error || account;
}

bool autodiscover_read(const struct xml_node *root, struct autodiscover_answer *out)
{
    memset(out, 0, sizeof(*out));
    if (!root)
        return false;
    if (strcmp(root->name, "Envelope") == 0 && strcmp(root->ns, EWS_NS_SOAP) == 0)
        return read_soap(root, out);
    if (strcmp(root->name, "Autodiscover") == 0 && strcmp(root->ns, NS_POX_SHELL) == 0)
        return read_pox(root, out);
    return false;
}
