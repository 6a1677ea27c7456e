/* What an item says, changed: its recordings removed, then its body replaced.
 *
 * The recordings go first. Whatever is lost in between, an item that lacks its recording says
 * nothing wrong about it, and the next try finds less to do; the other way round the notice
 * would stand beside the recording, and what was to be gone would be there for longer. They are
 * removed one by one, and the item is asked again after each until it has none: that finishes
 * what an earlier try began, and believes no server that only says that it removed something.
 */
#include <stdlib.h>
#include <string.h>

#include "ews/ews_call.h"

/* More recordings than this are not on one item, unless the server keeps what it removes. */
enum { REMOVALS_MAX = 16 };

static void ask(struct remote_call *call);

/* What became of this request err says; what those before it did is done. */
static void fail(struct remote_call *call, struct err *err)
{
    if (call->rewrite.removed)
        err->effect = ERR_EFFECT_UNKNOWN;
    ews_call_end_ref(call, err, NULL);
}

static void on_written(const struct err *job_err, const struct xml_node *root, void *arg)
{
    struct remote_call *call = arg;
    struct err err = *job_err;
    struct remote_ref ref;
    int attachments;
    call->job = NULL;
    if (root)
        response_ref(root, "UpdateItemResponse", &ref, &attachments, &err);
    if (err.kind != ERR_OK)
        return fail(call, &err);
    ews_call_end_ref(call, &err, &ref);
}

static void write_body(struct remote_call *call)
{
    const struct remote_content content = {call->rewrite.body, call->rewrite.item_class,
                                           call->rewrite.drop_audio};
    struct soap_header header = ews_call_header(call);
    struct buf request;
    buf_init(&request, LIMIT_REQUEST_BYTES);
    request_rewrite(&request, &header, call->item, call->version, &content);
    ews_call_send(call, &request, on_written);
}

/* A fault in other words than those of EWS, which all begin so: the server does not know the
 * operation. That is no fault of the mailbox, and will be the same tomorrow. */
static void explain_unknown(const struct xml_node *root, struct err *err)
{
    if (!root || err->kind == ERR_OK || !err->code[0] || strncmp(err->code, "Error", 5) == 0)
        return;
    err_set(err, ERR_REFUSED,
            "this server cannot remove an attachment: the recording stays there, and the item "
            "as it is");
    err->scope = ERR_SCOPE_ITEM;
    err->when = ERR_WHEN_NEVER;
    err->effect = ERR_EFFECT_NONE;
}

/* A recording that is not there any more was removed by somebody else, or is part of an item
 * that is gone; asking again tells. */
static void on_removed(const struct err *job_err, const struct xml_node *root, void *arg)
{
    struct remote_call *call = arg;
    struct err err = *job_err;
    const char *version = "";
    call->job = NULL;
    if (root)
        response_root_item(root, &version, &err);
    explain_unknown(root, &err);
    if (err.kind != ERR_OK && err.kind != ERR_GONE)
        return fail(call, &err);
    call->rewrite.removed = call->rewrite.removed || err.kind == ERR_OK;
    if (!ews_call_remember(&call->version, err.kind == ERR_OK ? version : "")) {
        err_set(&err, ERR_SYSTEM, "no memory for the version of an item");
        return fail(call, &err);
    }
    ask(call);
}

static void remove_audio(struct remote_call *call, const char *attachment)
{
    struct soap_header header = ews_call_header(call);
    struct buf request;
    struct err err;
    if (call->rewrite.removals++ == REMOVALS_MAX) {
        err_set(&err, ERR_PROTOCOL,
                "the server keeps a recording that it was told to remove (%d times)",
                REMOVALS_MAX);
        err.scope = ERR_SCOPE_ITEM;
        return fail(call, &err);
    }
    buf_init(&request, LIMIT_REQUEST_BYTES);
    request_delete_attachment(&request, &header, attachment);
    ews_call_send(call, &request, on_removed);
}

static void on_attachments(const struct err *job_err, const struct xml_node *root, void *arg)
{
    struct remote_call *call = arg;
    struct err err = *job_err;
    const char *audio = NULL;
    int total;
    call->job = NULL;
    if (root)
        response_attachments(root, &audio, &total, &err);
    if (err.kind != ERR_OK) {
        err.effect = ERR_EFFECT_NONE; /* it was only asked */
        return fail(call, &err);
    }
    if (audio)
        remove_audio(call, audio);
    else
        write_body(call);
}

static void ask(struct remote_call *call)
{
    struct soap_header header = ews_call_header(call);
    struct buf request;
    buf_init(&request, LIMIT_REQUEST_BYTES);
    request_get_item(&request, &header, call->item, REQUEST_ATTACHMENTS);
    ews_call_send(call, &request, on_attachments);
}

struct remote_call *ews_rewrite(struct remote *remote, const char *item, const char *version,
                                const struct remote_content *content, remote_ref_fn *fn,
                                void *arg)
{
    struct remote_call *call = ews_call_new((struct ews_remote *)remote, arg);
    if (!call)
        return NULL;
    call->fn.ref = fn;
    call->rewrite.drop_audio = content->drop_audio;
    if (!ews_call_remember(&call->item, item) || !ews_call_remember(&call->version, version) ||
        !ews_call_remember(&call->rewrite.body, content->body) ||
        (content->item_class &&
         !ews_call_remember(&call->rewrite.item_class, content->item_class))) {
        struct err err;
        err_set(&err, ERR_SYSTEM, "no memory to change what an item says");
        ews_call_fail(call, &err, on_written);
    } else if (content->drop_audio) {
        ask(call);
    } else {
        write_body(call);
    }
    return call;
}
