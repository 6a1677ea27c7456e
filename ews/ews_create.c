/* Creating a message, whole, in one step. */
#include "ews/ews_call.h"
#include "ews/ews_make.h"

static void on_made(struct remote_call *call, const struct err *err, enum ews_made made,
                    const struct remote_ref *ref)
{
    (void)made;
    ews_call_end_ref(call, err, ref);
}

struct remote_call *ews_create(struct remote *remote, const struct remote_new *message,
                               remote_ref_fn *fn, void *arg)
{
    struct remote_call *call = ews_call_new((struct ews_remote *)remote, arg);
    if (!call)
        return NULL;
    call->fn.ref = fn;
    ews_make_message(call, message, on_made);
    return call;
}
