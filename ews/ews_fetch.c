/* Fetching the audio of an item: which attachment it is, then its content. */
#include "ews/ews_call.h"
#include "ews/ews_names.h"

static void ask_attachments(struct remote_call *call, ews_answer_fn *fn)
{
    struct buf request;
    struct soap_header header = ews_call_header(call);
    buf_init(&request, LIMIT_REQUEST_BYTES);
    request_get_item(&request, &header, call->item, REQUEST_ATTACHMENTS);
    ews_call_send(call, &request, fn);
}

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

static void on_content(const struct err *job_err, const struct xml_node *root, void *arg)
{
    struct remote_call *call = arg;
    struct err err = *job_err;
    call->job = NULL;
    if (root && response_done(root, "GetAttachmentResponse", &err)) {
        if (call->download)
            download_commit(&call->download, &err);
        else
            err_set(&err, ERR_PROTOCOL, "Exchange sent an attachment without its content");
    }
    if (call->download_err.kind != ERR_OK)
        err = call->download_err;
    ews_call_end_done(call, &err);
}

static void on_attachments(const struct err *job_err, const struct xml_node *root, void *arg)
{
    struct remote_call *call = arg;
    struct err err = *job_err;
    const char *audio = NULL;
    int total;
    call->job = NULL;
    if (root && response_attachments(root, &audio, &total, &err) && !audio) {
        err_set(&err, ERR_GONE, "the item has no audio attached");
        err.when = ERR_WHEN_NEVER;
    }
    if (err.kind != ERR_OK)
        return ews_call_end_done(call, &err);
    struct buf request;
    struct soap_header header = ews_call_header(call);
    buf_init(&request, LIMIT_REQUEST_BYTES);
    request_get_attachment(&request, &header, audio);
    struct body *body = body_from_buf(&request);
    if (!body) {
        err_set(&err, ERR_SYSTEM, "no memory for a request");
        return ews_call_end_done(call, &err);
    }
    struct xml_sink sink = {EWS_NS_TYPES, "Content", sink_begin, sink_text, call};
    ews_call_send_body(call, body, &sink, on_content);
}

struct remote_call *ews_fetch_audio(struct remote *remote, const char *item, const char *path,
                                    remote_done_fn *fn, void *arg)
{
    struct remote_call *call = ews_call_new((struct ews_remote *)remote, arg);
    if (!call)
        return NULL;
    call->fn.done = fn;
    if (!ews_call_remember(&call->item, item) || !ews_call_remember(&call->path, path)) {
        struct err err;
        err_set(&err, ERR_SYSTEM, "no memory to fetch an attachment");
        ews_call_fail(call, &err, on_attachments);
        return call;
    }
    ask_attachments(call, on_attachments);
    return call;
}
