#include "tests/exchange/exchange_soap.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *ex_soap_text(const char *code)
{
    static const struct {
        const char *code, *text;
    } texts[] = {
        {"ErrorItemNotFound", "The specified object was not found in the store."},
        {"ErrorFolderNotFound", "The specified folder could not be found in the store."},
        {"ErrorToFolderNotFound", "The specified folder could not be found in the store."},
        {"ErrorSyncFolderNotFound", "The specified folder could not be found in the store."},
        {"ErrorParentFolderNotFound", "The parent folder could not be found."},
        {"ErrorFolderExists", "A folder with the specified name already exists."},
        {"ErrorInvalidIdMalformed", "Id is malformed."},
        {"ErrorInvalidSyncStateData",
         "Synchronization state data is corrupt or otherwise invalid."},
        {"ErrorIrresolvableConflict",
         "The send or update operation could not be performed because the change key passed in "
         "the request does not match the current change key for the item."},
        {"ErrorChangeKeyRequiredForWriteOperations",
         "A change key is required for this operation."},
        {"ErrorQuotaExceeded", "Mailbox has exceeded maximum mailbox size."},
        {"ErrorServerBusy",
         "The server cannot service this request right now. Try again later."},
        {"ErrorInternalServerError",
         "An internal server error occurred. The operation failed."},
        {"ErrorBatchProcessingStopped",
         "Processing was stopped because a batch processing error occurred."},
        {"ErrorDeleteDistinguishedFolder", "Distinguished folders cannot be deleted."},
        {"ErrorMoveDistinguishedFolder", "Distinguished folders cannot be moved."},
        {"ErrorMoveCopyFailed", "The move or copy operation failed."},
        {"ErrorInvalidPropertySet", "Set action is invalid for property."},
        {"ErrorInvalidPropertyRequest", "Property is not valid for this operation."},
        {"ErrorInvalidExtendedProperty",
         "The extended property attribute combination is invalid."},
        {"ErrorInvalidExtendedPropertyValue",
         "The extended property value does not fit the type of the property."},
        {"ErrorIncorrectUpdatePropertyCount",
         "An object within a change description must contain one and only one property to "
         "modify."},
        {"ErrorUpdatePropertyMismatch",
         "The property in the path does not match the property in the object."},
        {"ErrorSubscriptionNotFound", "The specified subscription was not found."},
        {"ErrorInvalidSubscriptionRequest", "Subscription information is invalid."},
        {"ErrorInvalidPushSubscriptionUrl", "The specified push subscription URL is invalid."},
        {"ErrorExceededSubscriptionCount",
         "You have exceeded the available subscriptions for your account. Remove unnecessary "
         "subscriptions and try your request again."},
        {"ErrorNonExistentMailbox", "The SMTP address has no mailbox associated with it."},
        {"ErrorImpersonateUserDenied",
         "The account does not have permission to impersonate the requested user."},
        {"ErrorExceededConnectionCount",
         "You have exceeded the available concurrent connections for your account. Try again "
         "once your other requests have completed."},
        {"ErrorMailboxMoveInProgress", "The mailbox is being moved. Try again later."},
        {"ErrorProxyRequestNotAllowed", "The request cannot be proxied to another server."},
        {"ErrorMailboxStoreUnavailable", "The mailbox database is temporarily unavailable."},
        {"ErrorAccessDenied", "Access is denied. Check credentials and try again."},
        {"ErrorInvalidAttachmentId", "The attachment Id is not valid."},
        {"ErrorAttachmentNotFound", "The attachment could not be found."},
        {"ErrorInvalidServerVersion", "The specified server version is invalid."},
        {"ErrorUnsupportedQueryFilter", "Restriction is not supported."},
        {"ErrorInvalidRequest", "The request is invalid."},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (!strcmp(texts[i].code, code))
            return texts[i].text;
    return "The operation failed.";
}

static void server_version(struct xml_writer *xml)
{
    xml_open(xml, "h:ServerVersionInfo");
    xml_attribute(xml, "MajorVersion", "15");
    xml_attribute(xml, "MinorVersion", "2");
    xml_attribute(xml, "MajorBuildNumber", "2562");
    xml_attribute(xml, "MinorBuildNumber", "17");
    xml_attribute(xml, "Version", "V2017_07_11");
    xml_attribute(xml, "xmlns:h", NS_TYPES);
    xml_close(xml);
}

void ex_soap_begin(struct call *call, struct buf *out)
{
    struct xml_writer *xml = &call->xml;
    snprintf(call->response, sizeof call->response, "m:%sResponse", call->operation->name);
    snprintf(call->message, sizeof call->message, "m:%sResponseMessage", call->operation->name);
    xml_writer_init(xml, out);
    xml_declaration(xml);
    xml_open(xml, "s:Envelope");
    xml_attribute(xml, "xmlns:s", NS_SOAP);
    xml_open(xml, "s:Header");
    server_version(xml);
    xml_close(xml);
    xml_open(xml, "s:Body");
    xml_open(xml, call->response);
    xml_attribute(xml, "xmlns:m", NS_MESSAGES);
    xml_attribute(xml, "xmlns:t", NS_TYPES);
    xml_open(xml, "m:ResponseMessages");
}

void ex_soap_end(struct call *call)
{
    while (call->xml.depth > 0)
        xml_close(&call->xml);
}

void ex_soap_success(struct call *call)
{
    xml_open(&call->xml, call->message);
    xml_attribute(&call->xml, "ResponseClass", "Success");
    xml_element(&call->xml, "m:ResponseCode", "NoError");
}

void ex_soap_done(struct call *call)
{
    xml_close(&call->xml);
}

struct detail {
    const char *name, *text;
};

static void message(struct call *call, const char *class, const char *code,
                    const struct detail *details)
{
    struct xml_writer *xml = &call->xml;
    xml_open(xml, call->message);
    xml_attribute(xml, "ResponseClass", class);
    xml_element(xml, "m:MessageText", ex_soap_text(code));
    xml_element(xml, "m:ResponseCode", code);
    xml_element(xml, "m:DescriptiveLinkKey", "0");
    if (details) {
        xml_open(xml, "m:MessageXml");
        for (; details->name; details++) {
            xml_open(xml, "t:Value");
            xml_attribute(xml, "Name", details->name);
            xml_content(xml, details->text);
            xml_close(xml);
        }
        xml_close(xml);
    }
    /* The trap: an error of SyncFolderItems has an empty state and says that all is told. */
    if (!strcmp(call->operation->name, "SyncFolderItems") ||
        !strcmp(call->operation->name, "SyncFolderHierarchy")) {
        bool items = !strcmp(call->operation->name, "SyncFolderItems");
        xml_element(xml, "m:SyncState", "");
        xml_element(xml, items ? "m:IncludesLastItemInRange" : "m:IncludesLastFolderInRange",
                    "true");
    }
    if (call->operation->rest) {
        xml_open(xml, call->operation->rest);
        xml_close(xml);
    }
    xml_close(xml);
}

/* After these nothing more of the batch is tried. */
static bool stops_batch(const char *code)
{
    static const char *const codes[] = {
        "ErrorAccessDenied",          "ErrorAccountDisabled",
        "ErrorADUnavailable",         "ErrorADOperation",
        "ErrorConnectionFailed",      "ErrorMailboxStoreUnavailable",
        "ErrorMailboxMoveInProgress", "ErrorPasswordChangeRequired",
        "ErrorPasswordExpired",       "ErrorQuotaExceeded",
        "ErrorInsufficientResources"};
    for (size_t i = 0; i < sizeof codes / sizeof *codes; i++)
        if (!strcmp(codes[i], code))
            return true;
    return false;
}

void ex_soap_error(struct call *call, const char *code)
{
    message(call, "Error", code, NULL);
    call->stopped = stops_batch(code);
}

void ex_soap_stopped(struct call *call)
{
    message(call, "Warning", "ErrorBatchProcessingStopped", NULL);
}

void ex_soap_busy(struct call *call, int64_t back_off_ms, const char *policy)
{
    char number[24];
    struct detail details[3] = {{NULL, NULL}};
    int count = 0;
    snprintf(number, sizeof number, "%" PRId64, back_off_ms);
    if (policy)
        details[count++] = (struct detail){"Policy", policy};
    if (back_off_ms > 0)
        details[count++] = (struct detail){"BackOffMilliseconds", number};
    message(call, "Error", "ErrorServerBusy", count ? details : NULL);
}

void ex_soap_busy_inner(struct call *call)
{
    message(call, "Error", "ErrorInternalServerError",
            (const struct detail[]){{"InnerErrorMessageText", ex_soap_text("ErrorServerBusy")},
                                    {"InnerErrorResponseCode", "ErrorServerBusy"},
                                    {"InnerErrorDescriptiveLinkKey", "0"},
                                    {NULL, NULL}});
}

void ex_soap_result(struct call *call, const char *code)
{
    if (code) {
        ex_soap_error(call, code);
        return;
    }
    ex_soap_success(call);
    ex_soap_done(call);
}

static void fault_begin(struct xml_writer *xml, struct buf *out, const char *code,
                        const char *text, const char *short_text)
{
    char name[80];
    snprintf(name, sizeof name, "a:%s", code);
    xml_writer_init(xml, out);
    xml_declaration(xml);
    xml_open(xml, "s:Envelope");
    xml_attribute(xml, "xmlns:s", NS_SOAP);
    xml_open(xml, "s:Body");
    xml_open(xml, "s:Fault");
    xml_open(xml, "faultcode");
    xml_attribute(xml, "xmlns:a", NS_TYPES);
    xml_content(xml, name);
    xml_close(xml);
    xml_open(xml, "faultstring");
    xml_attribute(xml, "xml:lang", "en-US");
    xml_content(xml, text);
    xml_close(xml);
    xml_open(xml, "detail");
    xml_open(xml, "e:ResponseCode");
    xml_attribute(xml, "xmlns:e", NS_ERRORS);
    xml_content(xml, code);
    xml_close(xml);
    xml_open(xml, "e:Message");
    xml_attribute(xml, "xmlns:e", NS_ERRORS);
    xml_content(xml, short_text);
    xml_close(xml);
}

static void fault_end(struct xml_writer *xml)
{
    while (xml->depth > 0)
        xml_close(xml);
}

void ex_soap_fault(struct buf *out, const char *code, int64_t back_off_ms)
{
    struct xml_writer xml;
    fault_begin(&xml, out, code, ex_soap_text(code), ex_soap_text(code));
    if (back_off_ms > 0) {
        char number[24];
        snprintf(number, sizeof number, "%" PRId64, back_off_ms);
        xml_open(&xml, "t:MessageXml");
        xml_attribute(&xml, "xmlns:t", NS_TYPES);
        xml_open(&xml, "t:Value");
        xml_attribute(&xml, "Name", "BackOffMilliseconds");
        xml_content(&xml, number);
    }
    fault_end(&xml);
}

void ex_soap_violation(struct buf *out, const char *violation, int line, int position)
{
    struct xml_writer xml;
    char text[700], number[16];
    snprintf(text, sizeof text, "The request failed schema validation: %s", violation);
    fault_begin(&xml, out, "ErrorSchemaValidation", text,
                "The request failed schema validation.");
    xml_open(&xml, "t:MessageXml");
    xml_attribute(&xml, "xmlns:t", NS_TYPES);
    snprintf(number, sizeof number, "%d", line);
    xml_element(&xml, "t:LineNumber", number);
    snprintf(number, sizeof number, "%d", position);
    xml_element(&xml, "t:LinePosition", number);
    xml_element(&xml, "t:Violation", violation);
    fault_end(&xml);
}
