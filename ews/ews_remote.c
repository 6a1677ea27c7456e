/* The remote mailbox (remote/remote.h) over EWS: the operations of one request each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ews/ews_call.h"
#include "ews/ews_stream.h"
#include "ews/ews_make.h"

/* ---- Calls ------------------------------------------------------------------------------ */

struct remote_call *ews_call_new(struct ews_remote *remote, void *arg)
{
    struct remote_call *call = calloc(1, sizeof(*call));
    if (!call)
        return NULL;
    call->remote = remote;
    call->arg = arg;
    TAILQ_INSERT_TAIL(&remote->calls, call, link);
    return call;
}

void ews_call_ending(struct remote_call *call)
{
    TAILQ_REMOVE(&call->remote->calls, call, link);
    call->remote = NULL;
    call->job = NULL;
    call->calling = true;
}

bool ews_call_remember(char **place, const char *text)
{
    free(*place);
    *place = strdup(text);
    return *place != NULL;
}

void ews_call_free(struct remote_call *call)
{
    ews_check_clear(call);
    ews_make_clear(call);
    ews_stage_free(&call->stage);
    response_folders_clear(&call->folders);
    download_abort(&call->download);
    free(call->item);
    free(call->version);
    free(call->rewrite.body);
    free(call->rewrite.item_class);
    free(call->path);
    free(call);
}

void ews_call_end_ref(struct remote_call *call, const struct err *err,
                      const struct remote_ref *ref)
{
    ews_call_ending(call);
    call->fn.ref(err, err->kind == ERR_OK ? ref : NULL, call->arg);
    ews_call_free(call);
}

void ews_call_end_done(struct remote_call *call, const struct err *err)
{
    ews_call_ending(call);
    call->fn.done(err, call->arg);
    ews_call_free(call);
}

static void call_cancel(struct remote_call *call)
{
    if (call->calling)
        return;
    TAILQ_REMOVE(&call->remote->calls, call, link);
    ews_job_cancel(&call->job);
    ews_call_free(call);
}

struct soap_header ews_call_header(const struct remote_call *call)
{
    return ews_account_header(call->remote->mailbox.account, call->remote->address);
}

void ews_call_fail(struct remote_call *call, const struct err *err, ews_answer_fn *fn)
{
    call->job = ews_job_fail(&call->remote->mailbox, err, fn, call);
}

void ews_call_send_body(struct remote_call *call, struct body *body,
                        const struct xml_sink *sink, ews_answer_fn *fn)
{
    call->job = ews_job_start(&call->remote->mailbox, body, sink, fn, call);
}

void ews_call_send(struct remote_call *call, struct buf *request, ews_answer_fn *fn)
{
    ews_call_send_near(call, NULL, request, fn);
}

void ews_call_send_near(struct remote_call *call, struct affinity *affinity,
                        struct buf *request, ews_answer_fn *fn)
{
    struct body *body = body_from_buf(request);
    if (body) {
        call->job = ews_job_start_near(&call->remote->mailbox, affinity, body, fn, call);
        return;
    }
    struct err err;
    err_set(&err, ERR_SYSTEM, "no memory for a request, or the request is too long");
    ews_call_fail(call, &err, fn);
}

static struct remote_call *begin(struct remote *remote, void *arg, struct buf *request,
                                 struct soap_header *header)
{
    struct remote_call *call = ews_call_new((struct ews_remote *)remote, arg);
    if (call)
        *header = ews_call_header(call);
    buf_init(request, LIMIT_REQUEST_BYTES);
    return call;
}

/* ---- Changes ---------------------------------------------------------------------------- */

static void end_changes(struct remote_call *call, const struct err *err,
                        const struct remote_page *page)
{
    ews_call_ending(call);
    call->fn.changes(err, err->kind == ERR_OK ? page : NULL, call->arg);
    ews_call_free(call);
}

static void on_changes(const struct err *job_err, const struct xml_node *root, void *arg)
{
    struct err err = *job_err;
    struct remote_page page = {0};
    if (root)
        response_sync_items(root, &page, &err);
    if (strcmp(err.code, "ErrorInvalidSyncStateData") == 0)
        snprintf(err.code, sizeof(err.code), "token");
    end_changes(arg, &err, &page);
    response_page_clear(&page);
}

static struct remote_call *changes(struct remote *remote, const char *folder, const char *token,
                                   remote_changes_fn *fn, void *arg)
{
    struct buf request;
    struct soap_header header;
    struct remote_call *call = begin(remote, arg, &request, &header);
    if (!call)
        return NULL;
    call->fn.changes = fn;
    request_sync_items(&request, &header, folder, token);
    ews_call_send(call, &request, on_changes);
    return call;
}

static void on_item(const struct err *job_err, const struct xml_node *root, void *arg)
{
    struct err err = *job_err;
    struct remote_page page = {0};
    if (root)
        response_get_item(root, &page, &err);
    end_changes(arg, &err, &page);
    response_page_clear(&page);
}

static struct remote_call *get(struct remote *remote, const char *item, remote_changes_fn *fn,
                               void *arg)
{
    struct buf request;
    struct soap_header header;
    struct remote_call *call = begin(remote, arg, &request, &header);
    if (!call)
        return NULL;
    call->fn.changes = fn;
    request_get_item(&request, &header, item, REQUEST_STATE);
    ews_call_send(call, &request, on_item);
    return call;
}

/* ---- Writes ----------------------------------------------------------------------------- */

static void on_ref(const struct err *job_err, const struct xml_node *root, void *arg)
{
    struct remote_call *call = arg;
    struct err err = *job_err;
    struct remote_ref ref;
    int attachments;
    if (root)
        response_ref(root, call->answer, &ref, &attachments, &err);
    ews_call_end_ref(call, &err, &ref);
}

static struct remote_call *set(struct remote *remote, const char *item, const char *version,
                               const struct remote_fields *fields, remote_ref_fn *fn, void *arg)
{
    struct buf request;
    struct soap_header header;
    struct remote_call *call = begin(remote, arg, &request, &header);
    if (!call)
        return NULL;
    call->fn.ref = fn;
    call->answer = "UpdateItemResponse";
    if (!fields->set_read && !fields->set_urgent && !fields->set_subject) {
        struct err err;
        err_set(&err, ERR_INTERNAL, "an update of an item that sets nothing");
        ews_call_fail(call, &err, on_ref);
        return call;
    }
    request_update(&request, &header, item, version, fields);
    ews_call_send(call, &request, on_ref);
    return call;
}

static struct remote_call *move(struct remote *remote, const char *item, const char *folder,
                                remote_ref_fn *fn, void *arg)
{
    struct buf request;
    struct soap_header header;
    struct remote_call *call = begin(remote, arg, &request, &header);
    if (!call)
        return NULL;
    call->fn.ref = fn;
    call->answer = "MoveItemResponse";
    request_move(&request, &header, item, folder);
    ews_call_send(call, &request, on_ref);
    return call;
}

static void on_plain(const struct err *job_err, const struct xml_node *root, void *arg)
{
    struct remote_call *call = arg;
    struct err err = *job_err;
    if (root)
        response_done(root, call->answer, &err);
    ews_call_end_done(call, &err);
}

static struct remote_call *remove_item(struct remote *remote, const char *item,
                                       remote_done_fn *fn, void *arg)
{
    struct buf request;
    struct soap_header header;
    struct remote_call *call = begin(remote, arg, &request, &header);
    if (!call)
        return NULL;
    call->fn.done = fn;
    call->answer = "DeleteItemResponse";
    request_delete(&request, &header, item);
    ews_call_send(call, &request, on_plain);
    return call;
}

/* ---- Subscriptions ---------------------------------------------------------------------- */

static void on_watch(const struct err *job_err, const struct xml_node *root, void *arg)
{
    struct remote_call *call = arg;
    struct err err = *job_err;
    const char *subscription = NULL;
    if (root)
        response_subscribe(root, &subscription, &err);
    ews_call_ending(call);
    call->fn.watch(&err, err.kind == ERR_OK ? subscription : NULL, call->arg);
    ews_call_free(call);
}

static bool watching_makes_sense(const struct remote_watching *how)
{
    if (how->count == 0 || !how->url == !how->stream)
        return false;
    return how->stream || (strlen(how->url) < LIMIT_URL && how->status_minutes >= 1 &&
                           how->status_minutes <= 1440);
}

static struct remote_call *watch(struct remote *remote, const struct remote_watching *how,
                                 remote_watch_fn *fn, void *arg)
{
    struct buf request;
    struct soap_header header;
    struct remote_call *call = begin(remote, arg, &request, &header);
    if (!call)
        return NULL;
    call->fn.watch = fn;
    if (!watching_makes_sense(how)) {
        struct err err;
        err_set(&err, ERR_CONFIG,
                "callbacks need a URL of at most %d characters, a folder, and "
                "1 to 1440 minutes between status calls",
                LIMIT_URL - 1);
        ews_call_fail(call, &err, on_watch);
        return call;
    }
    if (how->stream)
        request_subscribe_stream(&request, &header, how->folders, how->count);
    else
        request_subscribe(&request, &header, how->url, how->status_minutes, how->folders,
                          how->count);
    ews_call_send_near(call, ews_stream_affinity(how->stream, call->remote->address), &request,
                       on_watch);
    return call;
}

static struct remote_call *unwatch(struct remote *remote, const char *subscription,
                                   struct remote_stream *stream, remote_done_fn *fn, void *arg)
{
    struct buf request;
    struct soap_header header;
    struct remote_call *call = begin(remote, arg, &request, &header);
    if (!call)
        return NULL;
    call->fn.done = fn;
    call->answer = "UnsubscribeResponse";
    request_unsubscribe(&request, &header, subscription);
    ews_call_send_near(call, ews_stream_affinity(stream, call->remote->address), &request,
                       on_plain);
    return call;
}

/* ---- The remote ------------------------------------------------------------------------- */

static void remote_end(struct remote *base)
{
    struct ews_remote *remote = (struct ews_remote *)base;
    struct remote_call *next;
    for (struct remote_call *call = TAILQ_FIRST(&remote->calls); call; call = next) {
        next = TAILQ_NEXT(call, link);
        call_cancel(call);
    }
    free(remote);
}

static const struct remote_ops ops = {
    .folders = ews_folders,
    .changes = changes,
    .create = ews_create,
    .stage = ews_stage,
    .publish = ews_publish,
    .unstage = ews_unstage,
    .set = set,
    .rewrite = ews_rewrite,
    .move = move,
    .remove = remove_item,
    .get = get,
    .composed = ews_composed,
    .fetch = ews_fetch,
    .watch = watch,
    .unwatch = unwatch,
    .cancel = call_cancel,
    .free = remote_end,
};

struct remote *ews_remote_new(struct ews_account *account, const char *address)
{
    struct ews_remote *remote = calloc(1, sizeof(*remote));
    if (!remote)
        return NULL;
    remote->base.ops = &ops;
    snprintf(remote->address, sizeof(remote->address), "%s", address);
    ews_mailbox_init(&remote->mailbox, account, remote->address);
    TAILQ_INIT(&remote->calls);
    return &remote->base;
}
