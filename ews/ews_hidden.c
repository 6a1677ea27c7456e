#include "ews/ews_hidden.h"

#include <assert.h>
#include <string.h>

#include "base/text.h"
#include "ews/ews_call.h"
#include "ews/request_stage.h"
#include "ews/response_stage.h"

#define TOP_NAME     "sib"
#define STAGING_NAME "Staging"
#define COMMITS_NAME "Commits"

/* A folder that somebody removes as fast as it is made. */
enum { MADE_MAX = 6 };

static void go_on(struct remote_call *call);

static void end(struct remote_call *call, const struct err *err)
{
    ews_hidden_fn *then = call->hidden.then;
    call->hidden.then = NULL;
    then(call, err);
}

static void failed(struct remote_call *call, const struct err *err)
{
    struct err said = *err;
    if (ews_hidden_is_stale(call->remote, err) && ++call->hidden.made <= MADE_MAX)
        return go_on(call);
    err_prefix(&said, "our hidden folder \"" TOP_NAME "\" below the root of the mailbox: ");
    said.effect = ERR_EFFECT_NONE; /* nothing that anybody sees, or would see twice */
    end(call, &said);
}

/* What is made when it is missing; where it belongs is known by then. */
static struct request_above above(struct remote_call *call, struct request_root *root)
{
    struct ews_remote *remote = call->remote;
    *root = (struct request_root){
        "root", ews_account_delegated(remote->mailbox.account, remote->address)};
    if (!remote->hidden.top[0])
        return (struct request_above){.root = root};
    return (struct request_above){.id = remote->hidden.top};
}

static char *place_of(struct ews_hidden *hidden, const char *name)
{
    if (strcmp(name, TOP_NAME) == 0)
        return hidden->top;
    return strcmp(name, STAGING_NAME) == 0 ? hidden->staging : hidden->commits;
}

/* ---- Making ----------------------------------------------------------------------------- */

static void on_made(const struct err *job_err, const struct xml_node *root, void *arg)
{
    struct remote_call *call = arg;
    struct err err = *job_err;
    const char *id = "";
    call->job = NULL;
    if (root && response_create_folder(root, &id, &err))
        text_copy(place_of(&call->remote->hidden, call->hidden.name), LIMIT_REMOTE_ID, id);
    /* Made by somebody else at this moment: it is found now. */
    bool exists = err.kind == ERR_CONFLICT && call->hidden.made <= MADE_MAX;
    if (err.kind != ERR_OK && !exists)
        return failed(call, &err);
    go_on(call);
}

static void make(struct remote_call *call, const char *name)
{
    struct request_root root;
    struct buf request;
    struct soap_header header = ews_call_header(call);
    struct request_above place = above(call, &root);
    call->hidden.name = name;
    call->hidden.made++;
    buf_init(&request, LIMIT_REQUEST_BYTES);
    request_create_folder(&request, &header, &place, name, NULL);
    ews_call_send(call, &request, on_made);
}

/* ---- Finding ---------------------------------------------------------------------------- */

static bool take_found(const struct xml_node *root, struct ews_hidden *hidden, const char *name,
                       struct err *err)
{
    struct response_hidden found;
    long next;
    if (!response_find_hidden(root, name, 0, &found, &next, err))
        return false;
    if (found.id)
        text_copy(place_of(hidden, name), LIMIT_REMOTE_ID, found.id);
    return true;
}

static void on_top(const struct err *job_err, const struct xml_node *root, void *arg)
{
    struct remote_call *call = arg;
    struct err err = *job_err;
    struct ews_hidden *hidden = &call->remote->hidden;
    call->job = NULL;
    if (root)
        take_found(root, hidden, TOP_NAME, &err);
    if (err.kind != ERR_OK)
        return failed(call, &err);
    if (!hidden->top[0])
        return make(call, TOP_NAME);
    go_on(call);
}

static void on_below(const struct err *job_err, const struct xml_node *root, void *arg)
{
    struct remote_call *call = arg;
    struct err err = *job_err;
    struct ews_hidden *hidden = &call->remote->hidden;
    call->job = NULL;
    if (root && take_found(root, hidden, STAGING_NAME, &err))
        take_found(root, hidden, COMMITS_NAME, &err);
    if (err.kind != ERR_OK)
        return failed(call, &err);
    if (!hidden->staging[0])
        return make(call, STAGING_NAME);
    if (!hidden->commits[0])
        return make(call, COMMITS_NAME);
    go_on(call);
}

static void on_known(const struct err *job_err, const struct xml_node *root, void *arg)
{
    struct remote_call *call = arg;
    (void)root;
    call->job = NULL;
    end(call, job_err);
}

/* The next thing that is not known yet. */
static void go_on(struct remote_call *call)
{
    const struct ews_hidden *hidden = &call->remote->hidden;
    struct err ok;
    err_clear(&ok);
    if (hidden->top[0] && hidden->staging[0] && hidden->commits[0])
        return ews_call_fail(call, &ok, on_known); /* no error: in a turn of its own */
    struct request_root root;
    struct buf request;
    struct soap_header header = ews_call_header(call);
    struct request_above place = above(call, &root);
    bool top = !hidden->top[0];
    buf_init(&request, LIMIT_REQUEST_BYTES);
    request_find_hidden(&request, &header, &place, top ? TOP_NAME : NULL, 0);
    ews_call_send(call, &request, top ? on_top : on_below);
}

void ews_hidden_find(struct remote_call *call, ews_hidden_fn *then)
{
    assert(!call->hidden.then && !call->job);
    call->hidden = (struct ews_hidden_search){.then = then};
    go_on(call);
}

bool ews_hidden_is_stale(struct ews_remote *remote, const struct err *err)
{
    bool stale = err->kind == ERR_GONE && remote->hidden.top[0];
    if (stale)
        memset(&remote->hidden, 0, sizeof(remote->hidden));
    return stale;
}
