/* Subscribe, Unsubscribe, and GetEvents of those who ask. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/exchange/exchange_limit.h"
#include "tests/exchange/exchange_ops.h"
#include "tests/exchange/exchange_push.h"
#include "tests/exchange/exchange_schema.h"

enum { FOLDERS_MAX = 5000, URL_MAX_CHARACTERS = 2082 };

static int events_of(const struct xml_node *request)
{
    static const struct {
        const char *name;
        enum push_event event;
    } known[] = {{"CopiedEvent", PUSH_COPIED},   {"CreatedEvent", PUSH_CREATED},
                 {"DeletedEvent", PUSH_DELETED}, {"ModifiedEvent", PUSH_MODIFIED},
                 {"MovedEvent", PUSH_MOVED},     {"NewMailEvent", PUSH_NEW_MAIL}};
    int events = 0;
    const struct xml_node *list = xml_child(request, NS_TYPES, "EventTypes");
    for (const struct xml_node *type = list->first_child; type; type = type->next)
        for (size_t i = 0; i < sizeof known / sizeof *known; i++)
            if (!strcmp(known[i].name, type->text))
                events |= (int)known[i].event;
    return events;
}

static bool is_url(const char *url)
{
    size_t len = strlen(url);
    bool http = !strncasecmp(url, "http://", 7), https = !strncasecmp(url, "https://", 8);
    return (http || https) && len > 8 && len <= URL_MAX_CHARACTERS &&
           !strpbrk(url, " \t\r\n<>\"");
}

/* The folders of the request; a subscription belongs to one mailbox. */
static const char *folders_of(struct call *call, const struct xml_node *request,
                              int64_t *folders, int *count)
{
    const struct xml_node *list = xml_child(request, NS_TYPES, "FolderIds");
    const char *flag = xml_attr(request, "SubscribeToAllFolders");
    bool all = false;
    if (flag)
        ex_schema_boolean(flag, &all);
    if (all == (list != NULL))
        return "ErrorInvalidSubscriptionRequest";
    for (const struct xml_node *id = list ? list->first_child : NULL; id; id = id->next) {
        struct folder folder;
        const char *code = ex_ops_folder(call, id, "ErrorFolderNotFound", &folder);
        if (code)
            return code;
        if (folder.mailbox != call->mailbox || *count == FOLDERS_MAX)
            return "ErrorInvalidSubscriptionRequest";
        folders[(*count)++] = folder.id;
    }
    return NULL;
}

static const char *subscribe(struct call *call, const struct xml_node *request, char *id,
                             char *watermark)
{
    int64_t *folders = calloc(FOLDERS_MAX, sizeof *folders);
    struct push_request wanted = {.mailbox = call->mailbox,
                                  .version = call->version,
                                  .url = xml_child_text(request, NS_TYPES, "URL"),
                                  .folders = folders,
                                  .mute = call->ex->flavour == FLAVOUR_GROMOX};
    const char *code = folders ? NULL : "ErrorInternalServerError";
    const char *minutes_in = "StatusFrequency";
    wanted.pull = !strcmp(request->name, "PullSubscriptionRequest");
    if (wanted.pull)
        minutes_in = "Timeout";
    wanted.stream = !strcmp(request->name, "StreamingSubscriptionRequest");
    if (!code && !wanted.pull && !wanted.stream && !is_url(wanted.url))
        code = "ErrorInvalidPushSubscriptionUrl";
    if (!code && xml_child(request, NS_TYPES, "Watermark"))
        code = "ErrorInvalidWatermark"; /* events of the past are not kept */
    if (!code)
        code = folders_of(call, request, folders, &wanted.folder_count);
    if (!code) {
        long minutes = 0; /* the schema has seen to its range */
        ex_schema_integer(xml_child_text(request, NS_TYPES, minutes_in), &minutes);
        wanted.events = events_of(request);
        wanted.status_minutes = (int)minutes;
        if (!ex_limits_may_subscribe(call->ex, call->mailbox) ||
            !ex_push_subscribe(call->ex->push, &wanted, id, watermark))
            code = "ErrorExceededSubscriptionCount";
    }
    free(folders);
    return code;
}

void ex_op_subscribe(struct call *call)
{
    char id[PUSH_ID_MAX], watermark[PUSH_WATERMARK_MAX];
    const char *code = subscribe(call, call->request->first_child, id, watermark);
    if (code) {
        ex_soap_error(call, code);
        return;
    }
    ex_soap_success(call);
    xml_element(&call->xml, "m:SubscriptionId", id);
    if (!ex_push_is_stream(call->ex->push, id))
        xml_element(&call->xml, "m:Watermark", watermark);
    ex_soap_done(call);
}

void ex_op_unsubscribe(struct call *call)
{
    const char *id = xml_child_text(call->request, NS_MESSAGES, "SubscriptionId");
    bool found = ex_push_unsubscribe(call->ex->push, call->mailbox, id);
    ex_soap_result(call, found ? NULL : "ErrorSubscriptionNotFound");
}

/* The other server calls its response message by a name that the schema does not have, and
 * knows no watermarks. */
void ex_op_get_events(struct call *call)
{
    bool other = call->ex->flavour == FLAVOUR_GROMOX;
    const struct push_pull pull = {
        .mailbox = call->mailbox,
        .id = xml_child_text(call->request, NS_MESSAGES, "SubscriptionId"),
        .watermark = xml_child_text(call->request, NS_MESSAGES, "Watermark"),
        .marked = !other};
    if (other)
        snprintf(call->message, sizeof call->message, "m:GetEventsResponseMessageType");
    struct xml_writer at = call->xml;
    size_t len = call->xml.out->len;
    ex_soap_success(call);
    const char *code = ex_push_pull(call->ex->push, &pull, &call->xml);
    if (!code) {
        ex_soap_done(call);
        return;
    }
    call->xml = at; /* nothing was said yet */
    call->xml.out->len = len;
    ex_soap_error(call, code);
}
