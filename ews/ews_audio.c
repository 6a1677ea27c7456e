/* Messages with their audio: creating them, and fetching it.
 *
 * Some servers that speak EWS drop an attachment that is created with its item, and say
 * nothing. So until a server has been seen to keep one (its answer names it, or a look
 * afterwards finds it), each create is checked; an item without its audio is removed again and
 * the account refused. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ews/ews_call.h"
#include "ews/ews_names.h"

static bool remember(char **place, const char *text)
{
    free(*place);
    *place = strdup(text);
    return *place != NULL;
}

static void ask_attachments(struct remote_call *call, ews_answer_fn *fn)
{
    struct buf request;
    struct soap_header header = ews_call_header(call);
    buf_init(&request, LIMIT_REQUEST_BYTES);
    request_get_item(&request, &header, call->item, REQUEST_ATTACHMENTS);
    ews_call_send(call, &request, fn);
}

/* ---- Create ----------------------------------------------------------------------------- */

/* The item without its audio was removed, or not. */
static void on_removed(const struct err *job_err, const struct xml_node *root, void *arg)
{
    struct remote_call *call = arg;
    struct err removal = *job_err, err;
    if (root)
        response_done(root, "DeleteItemResponse", &removal);
    err_set(
        &err, ERR_CONFIG,
        "the server drops the audio of messages (it ignores attachments in CreateItem), so it "
        "cannot be used for single inbox; is it an Exchange?");
    err.scope = ERR_SCOPE_ACCOUNT;
    err.when = ERR_WHEN_BACK_OFF;
    bool gone = removal.kind == ERR_OK || removal.kind == ERR_GONE;
    err.effect = gone ? ERR_EFFECT_NONE : ERR_EFFECT_UNKNOWN;
    ews_call_end_ref(call, &err, NULL);
}

static void on_checked(const struct err *job_err, const struct xml_node *root, void *arg)
{
    struct remote_call *call = arg;
    struct err err = *job_err;
    const char *audio;
    int total = 0;
    call->job = NULL;
    if (root)
        response_attachments(root, &audio, &total, &err);
    if (err.kind != ERR_OK) {
        err.effect =
            ERR_EFFECT_UNKNOWN; /* the item is there; nobody knows whether it is whole */
        return ews_call_end_ref(call, &err, NULL);
    }
    if (total > 0) {
        struct remote_ref ref = {.id = call->item, .version = call->version};
        ews_account_saw_attachment(call->remote->mailbox.account);
        return ews_call_end_ref(call, &err, &ref);
    }
    struct buf request;
    struct soap_header header = ews_call_header(call);
    buf_init(&request, LIMIT_REQUEST_BYTES);
    request_delete(&request, &header, call->item);
    ews_call_send(call, &request, on_removed);
}

static void on_created(const struct err *job_err, const struct xml_node *root, void *arg)
{
    struct remote_call *call = arg;
    struct err err = *job_err;
    struct remote_ref ref = {0};
    int attachments = 0;
    call->job = NULL;
    if (root)
        response_ref(root, "CreateItemResponse", &ref, &attachments, &err);
    struct ews_account *account = call->remote->mailbox.account;
    if (attachments > 0)
        ews_account_saw_attachment(account);
    bool doubt = call->with_audio && !ews_account_keeps_attachments(account);
    if (err.kind != ERR_OK || !doubt)
        return ews_call_end_ref(call, &err, &ref);
    assert(ref.id && ref.version); /* no error: there is an answer, and it names the item */
    if (!remember(&call->item, ref.id) || !remember(&call->version, ref.version)) {
        err_set(&err, ERR_SYSTEM, "no memory for an item");
        err.effect = ERR_EFFECT_UNKNOWN;
        return ews_call_end_ref(call, &err, NULL);
    }
    ask_attachments(call, on_checked);
}

struct remote_call *ews_create(struct remote *remote, const struct remote_new *message,
                               remote_ref_fn *fn, void *arg)
{
    struct remote_call *call = ews_call_new((struct ews_remote *)remote, arg);
    if (!call)
        return NULL;
    call->fn.ref = fn;
    call->with_audio = message->audio_path != NULL;
    struct err err;
    struct soap_header header = ews_call_header(call);
    struct body *body = request_create(&header, message, REQUEST_INLINE, &err);
    if (body)
        ews_call_send_body(call, body, NULL, on_created);
    else
        ews_call_fail(call, &err, on_created);
    return call;
}

/* ---- Fetch ------------------------------------------------------------------------------ */

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
    if (!remember(&call->item, item) || !remember(&call->path, path)) {
        struct err err;
        err_set(&err, ERR_SYSTEM, "no memory to fetch an attachment");
        ews_call_fail(call, &err, on_attachments);
        return call;
    }
    ask_attachments(call, on_attachments);
    return call;
}
