#include "ews/ews_make.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ews/ews_probe.h"

static void end(struct remote_call *call, const struct err *err, enum ews_made made,
                const struct remote_ref *ref)
{
    ews_made_fn *then = call->make.then;
    call->make.then = NULL;
    then(call, err, made, err->kind == ERR_OK ? ref : NULL);
}

/* ---- The item is there; is its audio? ---------------------------------------------------- */

/* A way that was set is the administrator's to mend; else it is found out anew the next time.
 */
static void tell_dropped(const struct ews_way *way, struct err *err)
{
    if (way->set) {
        err_set(
            err, ERR_CONFIG,
            "the server drops the audio of a message that is sent in this way; set create = "
            "auto instead of create = %s",
            ews_way_name(way->way));
        err->scope = ERR_SCOPE_ACCOUNT;
        err->when = ERR_WHEN_BACK_OFF;
        return;
    }
    err_set(err, ERR_TEMPORARY,
            "the server dropped the audio of a message; another way is tried next");
    err->scope = ERR_SCOPE_MAILBOX;
}

/* The item without its audio was removed, or not. */
static void on_removed(const struct err *job_err, const struct xml_node *root, void *arg)
{
    struct remote_call *call = arg;
    struct err removal = *job_err, err;
    call->job = NULL;
    if (root)
        response_done(root, "DeleteItemResponse", &removal);
    tell_dropped(&call->remote->mailbox.account->way, &err);
    bool gone = removal.kind == ERR_OK || removal.kind == ERR_GONE;
    err.effect = gone ? ERR_EFFECT_NONE : ERR_EFFECT_UNKNOWN;
    end(call, &err, EWS_MADE_DROPPED, NULL);
}

static void on_looked(const struct err *job_err, const struct xml_node *root, void *arg)
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
        return end(call, &err, EWS_MADE_WHOLE, NULL);
    }
    bool kept = total > 0;
    if (call->make.look == LOOK_IN_DOUBT)
        ews_way_looked(&call->remote->mailbox.account->way, kept);
    if (kept) {
        const struct remote_ref ref = {.id = call->item, .version = call->version};
        return end(call, &err, EWS_MADE_WHOLE, &ref);
    }
    struct buf request;
    struct soap_header header = ews_call_header(call);
    buf_init(&request, LIMIT_REQUEST_BYTES);
    request_delete(&request, &header, call->item);
    ews_call_send(call, &request, on_removed);
}

static void look(struct remote_call *call, const struct remote_ref *ref)
{
    struct buf request;
    struct err err;
    struct soap_header header = ews_call_header(call);
    if (!ews_call_remember(&call->item, ref->id) ||
        !ews_call_remember(&call->version, ref->version)) {
        err_set(&err, ERR_SYSTEM, "no memory for an item");
        err.effect = ERR_EFFECT_UNKNOWN;
        return end(call, &err, EWS_MADE_WHOLE, NULL);
    }
    buf_init(&request, LIMIT_REQUEST_BYTES);
    request_get_item(&request, &header, call->item, REQUEST_ATTACHMENTS);
    ews_call_send(call, &request, on_looked);
}

/* ---- Making ------------------------------------------------------------------------------ */

static void on_created(const struct err *job_err, const struct xml_node *root, void *arg)
{
    struct remote_call *call = arg;
    struct err err = *job_err;
    struct remote_ref ref = {0};
    int attachments = 0;
    call->job = NULL;
    if (root)
        response_ref(root, "CreateItemResponse", &ref, &attachments, &err);
    if (err.kind != ERR_OK)
        return end(call, &err, EWS_MADE_WHOLE, NULL);
    assert(ref.id && ref.version); /* no error: there is an answer, and it names the item */
    bool doubt = call->make.look == LOOK_ALWAYS;
    if (call->make.look == LOOK_IN_DOUBT)
        doubt = ews_way_answered(&call->remote->mailbox.account->way, attachments);
    if (doubt)
        return look(call, &ref);
    end(call, &err, EWS_MADE_WHOLE, &ref);
}

void ews_make_begin(struct remote_call *call, struct body *body, enum ews_make_look look,
                    ews_made_fn *then)
{
    call->make.look = look;
    call->make.then = then;
    ews_call_send_body(call, body, NULL, on_created);
}

/* ---- A message ----------------------------------------------------------------------------
 */

static void on_unbuilt(const struct err *job_err, const struct xml_node *root, void *arg)
{
    struct remote_call *call = arg;
    (void)root;
    call->job = NULL;
    call->make.made(call, job_err, EWS_MADE_WHOLE, NULL);
}

/* The request in the way that was chosen; those in other ways are not needed any more. */
static void send_chosen(struct remote_call *call)
{
    enum request_way way = call->remote->mailbox.account->way.way;
    struct body *body = call->make.bodies[way];
    call->make.bodies[way] = NULL;
    ews_make_clear(call);
    if (body)
        ews_make_begin(call, body, LOOK_IN_DOUBT, call->make.made);
    else
        ews_call_fail(call, &call->make.unbuilt, on_unbuilt);
}

/* When our hidden folder is refused to us, the message itself is the probe: it is looked at,
 * and removed again if its audio was dropped. */
static void on_probed(struct remote_call *call, const struct err *err)
{
    bool not_ours = err->kind == ERR_DENIED || err->scope == ERR_SCOPE_ITEM;
    bool try_it = err->kind == ERR_OK || (not_ours && err->kind != ERR_CONFIG);
    if (try_it)
        send_chosen(call);
    else
        call->make.made(call, err, EWS_MADE_WHOLE, NULL);
}

static bool build(struct remote_call *call, const struct remote_new *message,
                  enum request_way way)
{
    struct soap_header header = ews_call_header(call);
    call->make.bodies[way] = request_create(&header, message, way, &call->make.unbuilt);
    return call->make.bodies[way] != NULL;
}

void ews_make_message(struct remote_call *call, const struct remote_new *message,
                      ews_made_fn *then)
{
    const struct ews_way *way = &call->remote->mailbox.account->way;
    call->make.made = then;
    if (!message->audio_path) {
        struct body *body = NULL;
        if (build(call, message, REQUEST_INLINE))
            body = call->make.bodies[REQUEST_INLINE];
        call->make.bodies[REQUEST_INLINE] = NULL;
        if (body)
            ews_make_begin(call, body, LOOK_NEVER, then);
        else
            ews_call_fail(call, &call->make.unbuilt, on_unbuilt);
    } else if (way->chosen) {
        build(call, message, way->way);
        send_chosen(call);
    } else if (!build(call, message, REQUEST_INLINE)) {
        ews_call_fail(call, &call->make.unbuilt, on_unbuilt);
    } else {
        build(call, message, REQUEST_MIME); /* larger: it may not fit where the other does */
        ews_probe_begin(call, on_probed);
    }
}

void ews_make_clear(struct remote_call *call)
{
    for (int i = 0; i < REQUEST_WAYS; i++)
        body_free(&call->make.bodies[i]);
}
