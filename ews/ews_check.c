#include "ews/ews_check.h"

#include <string.h>

#include "base/id.h"
#include "ews/ews_probe.h"

/* ---- Where the mailbox is -----------------------------------------------------------------
 */

static void on_server(const struct err *err, const char *url, void *arg)
{
    struct remote_call *call = arg;
    call->check.finding = NULL;
    ews_call_ending(call);
    call->check.find(err, err->kind == ERR_OK ? url : NULL, call->arg);
    ews_call_free(call);
}

static void on_find_failed(const struct err *err, const struct xml_node *root, void *arg)
{
    (void)root;
    on_server(err, NULL, arg);
}

struct remote_call *ews_check_find(struct remote *base, ews_check_find_fn *fn, void *arg)
{
    struct ews_remote *remote = (struct ews_remote *)base;
    struct ews_account *account = remote->mailbox.account;
    struct remote_call *call = ews_call_new(remote, arg);
    struct err err;
    if (!call)
        return NULL;
    call->check.find = fn;
    if (account->autodiscover)
        call->check.finding =
            autodiscover_find(account->autodiscover, remote->address, on_server, call);
    if (!call->check.finding) {
        err_set(&err, ERR_INTERNAL, "the server of this account is named by its URL");
        ews_call_fail(call, &err, on_find_failed);
    }
    return call;
}

/* ---- What the server says to a stranger ---------------------------------------------------
 */

/* A page for people: nobody reads it, and a long one is not waited for. */
static bool on_page(const void *bytes, size_t len, void *arg)
{
    struct remote_call *call = arg;
    (void)bytes;
    call->check.page_bytes += len;
    return call->check.page_bytes <= LIMIT_GREETING_BYTES;
}

static void greeted(struct remote_call *call, const struct err *err,
                    const struct ews_greeting *greeting)
{
    ews_call_ending(call);
    call->check.greeting(err, err->kind == ERR_OK ? greeting : NULL, call->arg);
    ews_call_free(call);
}

static void on_answer(const struct err *err, const struct transport_reply *reply, void *arg)
{
    struct remote_call *call = arg;
    struct ews_account *account = call->remote->mailbox.account;
    const struct ews_greeting greeting = {
        .status = reply->status,
        .url = ews_account_url(account, call->remote->address),
        .offers = reply->challenge,
        .server = reply->server,
        .has_clock = reply->date.ms > 0,
        .clock_ahead_ms = reply->date.ms - loop_wall(account->loop).ms,
    };
    struct err said = *err;
    call->check.sent = NULL;
    if (said.kind == ERR_CANCELLED && reply->status)
        err_clear(&said); /* we had heard enough */
    greeted(call, &said, &greeting);
}

static void on_greeting_failed(const struct err *err, const struct xml_node *root, void *arg)
{
    struct remote_call *call = arg;
    (void)root;
    call->job = NULL;
    greeted(call, err, NULL);
}

static void ask_as_stranger(struct remote_call *call)
{
    struct ews_account *account = call->remote->mailbox.account;
    char id[LIMIT_UUID];
    struct err err;
    id_new(id);
    const struct transport_request request = {
        .account = &account->config.auth,
        .url = ews_account_url(account, call->remote->address),
        .method = "GET",
        .anonymous = true,
        .request_id = id,
        .timeout_ms = TIME_GREETING_MS,
        .bytes = on_page,
        .done = on_answer,
        .arg = call,
    };
    call->check.sent = account->transport->ops->start(account->transport, &request);
    if (call->check.sent)
        return;
    err_set(&err, ERR_SYSTEM, "no memory for a request");
    ews_call_fail(call, &err, on_greeting_failed);
}

static void on_found(const struct err *err, const char *url, void *arg)
{
    struct remote_call *call = arg;
    (void)url;
    call->check.finding = NULL;
    if (err->kind == ERR_OK)
        ask_as_stranger(call);
    else
        greeted(call, err, NULL);
}

struct remote_call *ews_check_greet(struct remote *base, ews_greeting_fn *fn, void *arg)
{
    struct ews_remote *remote = (struct ews_remote *)base;
    struct ews_account *account = remote->mailbox.account;
    struct remote_call *call = ews_call_new(remote, arg);
    struct err err;
    if (!call)
        return NULL;
    call->check.greeting = fn;
    call->check.account = account;
    if (ews_account_url(account, remote->address)) {
        ask_as_stranger(call);
        return call;
    }
    call->check.finding =
        autodiscover_find(account->autodiscover, remote->address, on_found, call);
    if (!call->check.finding) {
        err_set(&err, ERR_SYSTEM, "no memory for a request");
        ews_call_fail(call, &err, on_greeting_failed);
    }
    return call;
}

void ews_check_clear(struct remote_call *call)
{
    autodiscover_cancel(&call->check.finding);
    if (call->check.sent)
        call->check.account->transport->ops->cancel(call->check.sent);
    call->check.sent = NULL;
}

/* ---- Signing in ---------------------------------------------------------------------------
 */

/* An error in SOAP came from behind the door: whoever hears it has been let in. */
static void on_sign_in(const struct err *job_err, const struct xml_node *root, void *arg)
{
    struct remote_call *call = arg;
    struct err err = *job_err;
    call->job = NULL;
    if (root || strncmp(err.code, "Error", 5) == 0)
        err_clear(&err);
    ews_call_end_done(call, &err);
}

struct remote_call *ews_check_sign_in(struct remote *base, remote_done_fn *fn, void *arg)
{
    struct ews_remote *remote = (struct ews_remote *)base;
    struct remote_call *call = ews_call_new(remote, arg);
    struct buf request;
    if (!call)
        return NULL;
    const struct request_root root = {.name = "inbox"};
    struct soap_header header = ews_call_header(call);
    header.impersonate = NULL;
    call->fn.done = fn;
    buf_init(&request, LIMIT_REQUEST_BYTES);
    request_get_folders(&request, &header, &root, 1);
    ews_call_send(call, &request, on_sign_in);
    return call;
}

/* ---- Creating ------------------------------------------------------------------------------
 */

static void on_probed(struct remote_call *call, const struct err *err)
{
    bool ok = err->kind == ERR_OK;
    const struct ews_remote *remote = call->remote;
    const char *way = ews_way_name(remote->mailbox.account->way.way);
    const char *staging = remote->hidden.staging;
    ews_call_ending(call);
    call->check.create(err, ok ? way : NULL, ok ? staging : NULL, call->arg);
    ews_call_free(call);
}

struct remote_call *ews_check_create(struct remote *base, ews_check_create_fn *fn, void *arg)
{
    struct remote_call *call = ews_call_new((struct ews_remote *)base, arg);
    if (!call)
        return NULL;
    call->check.create = fn;
    ews_probe_begin(call, on_probed);
    return call;
}
