/* Fetching the bytes of an attachment into a file, as they come. */
#include "ews/ews_call.h"
#include "ews/ews_names.h"

/* Only the first attachment of the answer is taken: one was asked for. */
static bool sink_begin(void *arg)
{
    struct remote_call *call = arg;
    if (call->download)
        return err_set(&call->download_err, ERR_PROTOCOL, "two attachments came for one asked");
    call->download = download_new(call->path, LIMIT_AUDIO_BYTES, &call->download_err);
    return call->download != NULL;
}

static bool sink_text(const char *bytes, size_t len, void *arg)
{
    struct remote_call *call = arg;
    return download_add(call->download, bytes, len, &call->download_err);
}

/* A message or an appointment that is attached comes as properties; whatever of it was taken
 * for content is none. */
static bool take_content(struct remote_call *call, const struct xml_node *root, struct err *err)
{
    if (xml_find(root, EWS_NS_TYPES, "ItemAttachment") ||
        xml_find(root, EWS_NS_TYPES, "ReferenceAttachment")) {
        err_set(err, ERR_REFUSED, "what is attached is not a file but an item or a link");
        err->when = ERR_WHEN_NEVER;
        return false;
    }
    if (!call->download)
        return err_set(err, ERR_PROTOCOL, "Exchange sent an attachment without its content");
    return download_commit(&call->download, err);
}

static void on_content(const struct err *job_err, const struct xml_node *root, void *arg)
{
    struct remote_call *call = arg;
    struct err err = *job_err;
    call->job = NULL;
    if (root && response_done(root, "GetAttachmentResponse", &err))
        take_content(call, root, &err);
    if (call->download_err.kind != ERR_OK)
        err = call->download_err;
    ews_call_end_done(call, &err);
}

struct remote_call *ews_fetch(struct remote *remote, const char *attachment, const char *path,
                              remote_done_fn *fn, void *arg)
{
    struct remote_call *call = ews_call_new((struct ews_remote *)remote, arg);
    struct buf request;
    struct err err;
    if (!call)
        return NULL;
    call->fn.done = fn;
    struct soap_header header = ews_call_header(call);
    buf_init(&request, LIMIT_REQUEST_BYTES);
    request_get_attachment(&request, &header, attachment);
    struct body *body = body_from_buf(&request);
    if (!body || !ews_call_remember(&call->path, path)) {
        body_free(&body);
        err_set(&err, ERR_SYSTEM, "no memory to fetch an attachment");
        ews_call_fail(call, &err, on_content);
        return call;
    }
    struct xml_sink sink = {EWS_NS_TYPES, "Content", sink_begin, sink_text, call};
    ews_call_send_body(call, body, &sink, on_content);
    return call;
}
