#include "ews/ews_outbox.h"

#include "ews/ews_call.h"
#include "ews/ews_names.h"
#include "ews/request_stage.h"
#include "ews/response_composed.h"
#include "ews/response_stage.h"

/* ---- The folder ------------------------------------------------------------------------- */

/* Somebody removes it as fast as it is made. */
enum { MADE_MAX = 3 };

static void find(struct remote_call *call);

static void end(struct remote_call *call, const struct err *err, const char *id)
{
    ews_outbox_fn *then = call->outbox.then;
    call->outbox.then = NULL;
    then(call, err, id);
}

/* Does it tell about this folder alone? Then the rest of the mailbox goes on without it. */
static bool is_local(const struct err *err)
{
    switch (err->kind) {
    case ERR_DENIED:
    case ERR_GONE:
    case ERR_CONFLICT:
    case ERR_REFUSED:
    case ERR_FULL:
    case ERR_PROTOCOL: return err->scope < ERR_SCOPE_ACCOUNT;
    case ERR_TEMPORARY: return err->scope == ERR_SCOPE_ITEM;
    default: return false;
    }
}

/* The first mailbox of an account is a warning; that each of thousands lacks the same right is
 * not. */
static void do_without(struct remote_call *call, const struct err *err)
{
    struct ews_account *account = call->remote->mailbox.account;
    struct log_ctx ctx = {&account->log, "mailbox", call->remote->address};
    struct err ok;
    log_at(account->told_no_outbox ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING, &ctx,
           "there is no folder \"" EWS_VOICE_OUTBOX "\" below the Outbox, so nothing that is "
           "composed in Outlook is taken in: %s",
           err->text);
    account->told_no_outbox = true;
    err_clear(&ok);
    end(call, &ok, NULL);
}

static void failed(struct remote_call *call, const struct err *err)
{
    struct err said = *err;
    if (is_local(err))
        return do_without(call, err);
    err_prefix(&said, "the folder \"" EWS_VOICE_OUTBOX "\" below the Outbox: ");
    said.effect = ERR_EFFECT_NONE; /* made twice it would be found, not made again */
    end(call, &said, NULL);
}

static void on_made(const struct err *job_err, const struct xml_node *root, void *arg)
{
    struct remote_call *call = arg;
    struct err err = *job_err;
    const char *id = NULL;
    call->job = NULL;
    if (root)
        response_create_folder(root, &id, &err);
    if (err.kind == ERR_OK)
        return end(call, &err, id);
    /* Made by somebody else at this moment: it is found now. */
    if (err.kind == ERR_CONFLICT && call->outbox.made < MADE_MAX)
        return find(call);
    failed(call, &err);
}

static struct request_root outbox_of(const struct remote_call *call)
{
    const struct ews_remote *remote = call->remote;
    return (struct request_root){
        "outbox", ews_account_delegated(remote->mailbox.account, remote->address)};
}

static void make(struct remote_call *call)
{
    struct buf request;
    struct soap_header header = ews_call_header(call);
    const struct request_root root = outbox_of(call);
    const struct request_above above = {.root = &root};
    call->outbox.made++;
    buf_init(&request, LIMIT_REQUEST_BYTES);
    request_create_folder(&request, &header, &above, EWS_VOICE_OUTBOX, NULL);
    ews_call_send(call, &request, on_made);
}

static void on_found(const struct err *job_err, const struct xml_node *root, void *arg)
{
    struct remote_call *call = arg;
    struct err err = *job_err;
    struct response_hidden found = {.id = NULL};
    long next;
    call->job = NULL;
    if (root)
        response_find_hidden(root, EWS_VOICE_OUTBOX, 0, &found, &next, &err);
    if (err.kind != ERR_OK)
        return failed(call, &err);
    if (found.id)
        return end(call, &err, found.id);
    make(call);
}

static void find(struct remote_call *call)
{
    struct buf request;
    struct soap_header header = ews_call_header(call);
    const struct request_root root = outbox_of(call);
    const struct request_above above = {.root = &root};
    buf_init(&request, LIMIT_REQUEST_BYTES);
    request_find_hidden(&request, &header, &above, EWS_VOICE_OUTBOX, 0);
    ews_call_send(call, &request, on_found);
}

void ews_outbox_find(struct remote_call *call, ews_outbox_fn *then)
{
    call->outbox.then = then;
    call->outbox.made = 0;
    find(call);
}

/* ---- What is in it ---------------------------------------------------------------------- */

static void on_composed(const struct err *job_err, const struct xml_node *root, void *arg)
{
    struct remote_call *call = arg;
    struct err err = *job_err;
    struct response_composed *composed = root ? response_composed(root, &err) : NULL;
    ews_call_ending(call);
    call->fn.composed(&err, composed ? &composed->told : NULL, call->arg);
    response_composed_free(&composed);
    ews_call_free(call);
}

struct remote_call *ews_composed(struct remote *remote, const char *item,
                                 remote_composed_fn *fn, void *arg)
{
    struct remote_call *call = ews_call_new((struct ews_remote *)remote, arg);
    struct buf request;
    if (!call)
        return NULL;
    call->fn.composed = fn;
    struct soap_header header = ews_call_header(call);
    buf_init(&request, LIMIT_REQUEST_BYTES);
    request_get_item(&request, &header, item, REQUEST_COMPOSED);
    ews_call_send(call, &request, on_composed);
    return call;
}
