/* The mapped folders of a mailbox: the roots in one request, then what is below two of them,
 * and the Voice Outbox. */
#include "ews/ews_call.h"
#include "ews/ews_names.h"

static const char *const root_names[REMOTE_PLACES] = {
    [REMOTE_INBOX] = "inbox",
    [REMOTE_JUNK] = "junkemail",
    [REMOTE_DELETED] = "deleteditems",
    [REMOTE_SENT] = "sentitems",
};

static const enum remote_place roots[] = {REMOTE_INBOX, REMOTE_JUNK, REMOTE_DELETED,
                                          REMOTE_SENT};

/* Folders below these are mapped too, to that place. */
static const struct {
    enum remote_place root, below;
} branches[] = {{REMOTE_INBOX, REMOTE_BELOW}, {REMOTE_DELETED, REMOTE_DELETED}};

enum { BRANCHES = sizeof(branches) / sizeof(branches[0]) };

static size_t root_count(const struct remote_call *call)
{
    return call->with & REMOTE_WITH_SENT ? 4 : 3;
}

static struct request_root root_of(const struct remote_call *call, enum remote_place place)
{
    return (struct request_root){
        .name = root_names[place],
        .mailbox = ews_account_delegated(call->remote->mailbox.account, call->remote->address),
    };
}

static void end(struct remote_call *call, const struct err *err)
{
    bool ok = err->kind == ERR_OK;
    ews_call_ending(call);
    call->fn.folders(err, ok ? call->folders.list : NULL, ok ? call->folders.count : 0,
                     call->arg);
    ews_call_free(call);
}

static void on_outbox(struct remote_call *call, const struct err *outbox_err, const char *id)
{
    struct err err = *outbox_err;
    if (id)
        response_add_outbox(&call->folders, id, &err);
    end(call, &err);
}

static void find_more(struct remote_call *call);

static void on_found(const struct err *job_err, const struct xml_node *root, void *arg)
{
    struct remote_call *call = arg;
    struct err err = *job_err;
    long next = -1;
    call->job = NULL;
    if (root)
        response_find_folders(root, branches[call->branch].below, call->offset, &call->folders,
                              &next, &err);
    if (err.kind != ERR_OK)
        return end(call, &err);
    call->offset = next;
    if (next < 0) {
        call->branch++;
        call->offset = 0;
    }
    if (call->branch < BRANCHES)
        return find_more(call);
    if (call->with & REMOTE_WITH_OUTBOX)
        return ews_outbox_find(call, on_outbox);
    end(call, &err);
}

static void find_more(struct remote_call *call)
{
    struct buf request;
    struct soap_header header = ews_call_header(call);
    struct request_root root = root_of(call, branches[call->branch].root);
    buf_init(&request, LIMIT_REQUEST_BYTES);
    request_find_folders(&request, &header, &root, call->offset);
    ews_call_send(call, &request, on_found);
}

static void on_roots(const struct err *job_err, const struct xml_node *root, void *arg)
{
    struct remote_call *call = arg;
    struct err err = *job_err;
    call->job = NULL;
    if (root)
        response_get_folders(root, roots, root_count(call), &call->folders, &err);
    if (err.kind != ERR_OK)
        return end(call, &err);
    find_more(call);
}

struct remote_call *ews_folders(struct remote *remote, unsigned with, remote_folders_fn *fn,
                                void *arg)
{
    struct remote_call *call = ews_call_new((struct ews_remote *)remote, arg);
    if (!call)
        return NULL;
    call->fn.folders = fn;
    call->with = with;
    struct buf request;
    struct soap_header header = ews_call_header(call);
    struct request_root asked[4];
    for (size_t i = 0; i < root_count(call); i++)
        asked[i] = root_of(call, roots[i]);
    buf_init(&request, LIMIT_REQUEST_BYTES);
    request_get_folders(&request, &header, asked, root_count(call));
    ews_call_send(call, &request, on_roots);
    return call;
}
