#include "tests/exchange/exchange_autodiscover.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "base/text.h"
#include "base/xml.h"

#define NS_ENVELOPE "http://schemas.xmlsoap.org/soap/envelope/"
#define NS_WORDS    "http://schemas.microsoft.com/exchange/2010/Autodiscover"
#define NS_SHELL    "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"
#define NS_OUTLOOK                                                                             \
    "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
#define GROUP "STAND-IN-1"

/* One step of a chain of redirects: .../autodiscover/step3/autodiscover.svc */
static const char step[] = "/autodiscover/step";

const char ex_autodiscover_help[] =
    "Autodiscover: --autodiscover SPEC, what its two doors do\n"
    "  well              tell this server's EWS (the default)\n"
    "  redirect:N        N redirects by HTTP 302, then well\n"
    "  redirect-to:URL   HTTP 302 to there (over http, to a stranger)\n"
    "  lead-to:URL       a redirect inside the answer\n"
    "  address:ADDRESS   a redirect to another address\n"
    "  error:CODE        500 or 600 (POX), InvalidUser, ServerBusy ... (SOAP), in HTTP 200\n"
    "  html              a log-in page\n"
    "  http-CODE         that status\n"
    "  slow:MS           well, but so late\n";

bool ex_autodiscover_parse(const char *spec, struct ex_autodiscover *out, struct err *err)
{
    static const struct {
        const char *word;
        enum ex_autodiscover_act act;
    } words[] = {{"redirect-to:", EX_AUTODISCOVER_REDIRECT},
                 {"lead-to:", EX_AUTODISCOVER_LEAD},
                 {"address:", EX_AUTODISCOVER_ADDRESS},
                 {"error:", EX_AUTODISCOVER_ERROR},
                 {"html", EX_AUTODISCOVER_HTML},
                 {"http-", EX_AUTODISCOVER_STATUS}};
    memset(out, 0, sizeof *out);
    if (!spec[0] || !strcmp(spec, "well"))
        return true;
    if (!strncmp(spec, "slow:", 5))
        out->slow_ms = strtoll(spec + 5, NULL, 10);
    if (!strncmp(spec, "redirect:", 9)) {
        out->act = EX_AUTODISCOVER_REDIRECT;
        out->hops = (int)strtol(spec + 9, NULL, 10);
    }
    if (out->slow_ms > 0 || out->hops > 0)
        return true;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t len = strlen(words[i].word);
        if (strncmp(spec, words[i].word, len) != 0)
            continue;
        out->act = words[i].act;
        out->status = (int)strtol(spec + len, NULL, 10);
        if (text_copy(out->target, sizeof out->target, spec + len))
            return true;
    }
    return err_set(err, ERR_USAGE, "--autodiscover \"%.100s\" is not understood; see --help",
                   spec);
}

/* ---- Requests --------------------------------------------------------------------------- */

static bool ends_with(const char *path, const char *end)
{
    size_t len = strcspn(path, "?"), n = strlen(end);
    return len >= n && strncasecmp(path + len - n, end, n) == 0;
}

bool ex_autodiscover_path(const char *path)
{
    return strncasecmp(path, "/autodiscover/", 14) == 0 &&
           (ends_with(path, "/autodiscover.svc") || ends_with(path, "/autodiscover.xml"));
}

/* Whose settings are asked for; "": the request is not one. */
static void read_address(bool soap, const void *body, size_t len, char *out, size_t size)
{
    static const struct xml_limits limits = {64 * KIB, 20, 1000};
    struct xml_reader *reader = xml_reader_new(&limits, NULL);
    const struct xml_node *root = NULL;
    struct err err;
    out[0] = '\0';
    if (reader && xml_reader_feed(reader, body, len, &err) &&
        xml_reader_end(reader, &root, &err))
        text_copy(out, size, xml_text(xml_find(root, NULL, soap ? "Mailbox" : "EMailAddress")));
    xml_reader_free(&reader);
}

/* ---- Answers ---------------------------------------------------------------------------- */

static void setting(struct xml_writer *writer, const char *name, const char *value)
{
    xml_open(writer, "UserSetting");
    xml_element(writer, "Name", name);
    xml_element(writer, "Value", value);
    xml_close(writer);
}

static void write_soap(struct xml_writer *writer, const char *code, const char *target,
                       const char *ews_url)
{
    xml_open(writer, "s:Envelope");
    xml_attribute(writer, "xmlns:s", NS_ENVELOPE);
    xml_open(writer, "s:Body");
    xml_open(writer, "GetUserSettingsResponseMessage");
    xml_attribute(writer, "xmlns", NS_WORDS);
    xml_open(writer, "Response");
    xml_element(writer, "ErrorCode", "NoError");
    xml_open(writer, "UserResponses");
    xml_open(writer, "UserResponse");
    xml_element(writer, "ErrorCode", code);
    if (target[0])
        xml_element(writer, "RedirectTarget", target);
    xml_open(writer, "UserSettings");
    if (ews_url) {
        setting(writer, "ExternalEwsUrl", ews_url);
        setting(writer, "InternalEwsUrl", ews_url);
        setting(writer, "GroupingInformation", GROUP);
        setting(writer, "EwsSupportedSchemas", "Exchange2007, Exchange2010, Exchange2013");
    }
}

static void write_error(struct xml_writer *writer, const char *code)
{
    xml_open(writer, "Response");
    xml_attribute(writer, "xmlns", NS_SHELL);
    xml_open(writer, "Error");
    xml_attribute(writer, "Id", "1");
    xml_element(writer, "ErrorCode", code);
    xml_element(writer, "Message", "The stand-in was told to say so.");
}

/* action: settings, redirectAddr or redirectUrl; name: of the element with the target. */
static void write_account(struct xml_writer *writer, const char *action, const char *name,
                          const char *target, const char *ews_url)
{
    xml_open(writer, "Response");
    xml_attribute(writer, "xmlns", NS_OUTLOOK);
    xml_open(writer, "Account");
    xml_element(writer, "AccountType", "email");
    xml_element(writer, "Action", action);
    if (name)
        xml_element(writer, name, target);
    if (!ews_url)
        return;
    xml_open(writer, "Protocol");
    xml_element(writer, "Type", "EXCH");
    xml_element(writer, "EwsUrl", ews_url);
    xml_close(writer);
    xml_open(writer, "Protocol");
    xml_element(writer, "Type", "EXPR");
    xml_element(writer, "EwsUrl", ews_url);
    xml_element(writer, "GroupingInformation", GROUP);
    xml_close(writer);
}

static void write_answer(const struct ex_autodiscover *how, bool soap, const char *ews_url,
                         struct buf *out)
{
    struct xml_writer writer;
    bool lead = how->act == EX_AUTODISCOVER_LEAD, error = how->act == EX_AUTODISCOVER_ERROR;
    bool address = how->act == EX_AUTODISCOVER_ADDRESS, well = !lead && !error && !address;
    xml_writer_init(&writer, out);
    xml_declaration(&writer);
    if (soap) {
        write_soap(&writer,
                   lead      ? "RedirectUrl"
                   : address ? "RedirectAddress"
                   : error   ? how->target
                             : "NoError",
                   lead || address ? how->target : "", well ? ews_url : NULL);
    } else {
        xml_open(&writer, "Autodiscover");
        xml_attribute(&writer, "xmlns", NS_SHELL);
        if (error)
            write_error(&writer, how->target);
        else
            write_account(&writer,
                          lead      ? "redirectUrl"
                          : address ? "redirectAddr"
                                    : "settings",
                          lead      ? "RedirectUrl"
                          : address ? "RedirectAddr"
                                    : NULL,
                          how->target, well ? ews_url : NULL);
    }
    while (writer.depth > 0)
        xml_close(&writer);
}

/* False: the chain is at its end. */
static bool redirect(const struct ex_autodiscover *how, const char *host, const char *path,
                     struct ex_autodiscover_answer *answer)
{
    int at = strncasecmp(path, step, sizeof step - 1) == 0
                 ? (int)strtol(path + sizeof step - 1, NULL, 10)
                 : 0;
    if (how->act != EX_AUTODISCOVER_REDIRECT || (how->hops && at >= how->hops))
        return false;
    answer->status = 302;
    if (how->hops)
        snprintf(answer->location, sizeof answer->location, "https://%s%s%d/autodiscover.%s",
                 host, step, at + 1, ends_with(path, ".svc") ? "svc" : "xml");
    else
        text_copy(answer->location, sizeof answer->location, how->target);
    return true;
}

void ex_autodiscover_answer(const struct ex_autodiscover *how, const char *host,
                            const char *path, const char *ews_url, const void *body, size_t len,
                            struct ex_autodiscover_answer *answer)
{
    bool soap = ends_with(path, ".svc");
    struct ex_autodiscover unknown = {.act = EX_AUTODISCOVER_ERROR};
    char address[LIMIT_ADDRESS];
    *answer = (struct ex_autodiscover_answer){
        .status = 200, .type = "text/xml; charset=utf-8", .delay_ms = how->slow_ms};
    buf_init(&answer->body, 64 * KIB);
    if (redirect(how, host, path, answer))
        return;
    if (how->act == EX_AUTODISCOVER_STATUS) {
        answer->status = how->status;
        return;
    }
    if (how->act == EX_AUTODISCOVER_HTML) {
        answer->type = "text/html";
        buf_add_str(&answer->body, "<!DOCTYPE html><html><body><form>Log in<br></form></body>");
        return;
    }
    read_address(soap, body, len, address, sizeof address);
    text_copy(unknown.target, sizeof unknown.target, soap ? "InvalidUser" : "500");
    write_answer(strchr(address, '@') ? how : &unknown, soap, ews_url, &answer->body);
}
