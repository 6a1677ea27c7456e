/* The calls of remote/remote.h, turned into requests that are under way. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "tests/support/memory_call.h"

/* "i12", "f3", "s1", "v7": the number. */
static int number_of(const char *id)
{
    return id[0] ? (int)strtol(id + 1, NULL, 10) : 0;
}

static struct remote_call *folders(struct remote *remote, unsigned with, remote_folders_fn *fn,
                                   void *arg)
{
    struct remote_call *call = memory_call_new(remote, MEMORY_OP_FOLDERS, arg);

    call->with = with;
    call->fn.folders = fn;
    memory_call_send(call);
    return call;
}

static struct remote_call *changes(struct remote *remote, const char *folder, const char *token,
                                   remote_changes_fn *fn, void *arg)
{
    struct remote_call *call = memory_call_new(remote, MEMORY_OP_CHANGES, arg);

    call->folder = number_of(folder);
    text_copy(call->token, sizeof call->token, token);
    call->fn.changes = fn;
    memory_call_send(call);
    return call;
}

static struct remote_call *make(struct remote *remote, enum memory_op op,
                                const struct remote_new *item, remote_ref_fn *fn, void *arg)
{
    struct remote_call *call = memory_call_new(remote, op, arg);
    struct memory_item *wanted = &call->wanted;

    call->folder = number_of(item->folder);
    call->generation = item->generation;
    text_copy(wanted->message, sizeof wanted->message, item->message_id);
    text_copy(wanted->creation, sizeof wanted->creation, item->creation);
    assert(strlen(item->subject) < sizeof wanted->subject);
    text_copy(wanted->subject, sizeof wanted->subject, item->subject);
    wanted->read = item->read;
    wanted->urgent = item->urgent;
    wanted->private = item->private;
    wanted->audio = item->audio_path != NULL;
    text_copy(wanted->body, sizeof wanted->body, item->body);
    call->fn.ref = fn;
    memory_call_send(call);
    return call;
}

static struct remote_call *create(struct remote *remote, const struct remote_new *item,
                                  remote_ref_fn *fn, void *arg)
{
    return make(remote, MEMORY_OP_CREATE, item, fn, arg);
}

static struct remote_call *stage(struct remote *remote, const struct remote_new *item,
                                 remote_ref_fn *fn, void *arg)
{
    return make(remote, MEMORY_OP_STAGE, item, fn, arg);
}

static struct remote_call *publish(struct remote *remote, const struct remote_staged *staged,
                                   const char *folder, remote_changes_fn *fn, void *arg)
{
    struct remote_call *call = memory_call_new(remote, MEMORY_OP_PUBLISH, arg);

    call->item = number_of(staged->item);
    call->folder = number_of(folder);
    call->fn.changes = fn;
    memory_call_send(call);
    return call;
}

static struct remote_call *unstage(struct remote *remote, const char *message_id,
                                   int generation, remote_done_fn *fn, void *arg)
{
    struct remote_call *call = memory_call_new(remote, MEMORY_OP_UNSTAGE, arg);

    text_copy(call->wanted.message, sizeof call->wanted.message, message_id);
    call->generation = generation;
    call->fn.done = fn;
    memory_call_send(call);
    return call;
}

static struct remote_call *set(struct remote *remote, const char *item, const char *version,
                               const struct remote_fields *fields, remote_ref_fn *fn, void *arg)
{
    struct remote_call *call = memory_call_new(remote, MEMORY_OP_SET, arg);

    call->item = number_of(item);
    call->version = number_of(version);
    call->fields = *fields;
    if (fields->set_subject)
        text_copy(call->subject, sizeof call->subject, fields->subject);
    call->fn.ref = fn;
    memory_call_send(call);
    return call;
}

static struct remote_call *rewrite(struct remote *remote, const char *item, const char *version,
                                   const struct remote_content *content, remote_ref_fn *fn,
                                   void *arg)
{
    struct remote_call *call = memory_call_new(remote, MEMORY_OP_REWRITE, arg);

    call->item = number_of(item);
    call->version = number_of(version);
    text_copy(call->wanted.body, sizeof call->wanted.body, content->body);
    call->drop_audio = content->drop_audio;
    call->fn.ref = fn;
    memory_call_send(call);
    return call;
}

static struct remote_call *move(struct remote *remote, const char *item, const char *folder,
                                remote_ref_fn *fn, void *arg)
{
    struct remote_call *call = memory_call_new(remote, MEMORY_OP_MOVE, arg);

    call->item = number_of(item);
    call->folder = number_of(folder);
    call->fn.ref = fn;
    memory_call_send(call);
    return call;
}

static struct remote_call *take_away(struct remote *remote, const char *item,
                                     remote_done_fn *fn, void *arg)
{
    struct remote_call *call = memory_call_new(remote, MEMORY_OP_REMOVE, arg);

    call->item = number_of(item);
    call->fn.done = fn;
    memory_call_send(call);
    return call;
}

static struct remote_call *get(struct remote *remote, const char *item, remote_changes_fn *fn,
                               void *arg)
{
    struct remote_call *call = memory_call_new(remote, MEMORY_OP_GET, arg);

    call->item = number_of(item);
    call->fn.changes = fn;
    memory_call_send(call);
    return call;
}

static struct remote_call *composed(struct remote *remote, const char *item,
                                    remote_composed_fn *fn, void *arg)
{
    struct remote_call *call = memory_call_new(remote, MEMORY_OP_COMPOSED, arg);

    call->item = number_of(item);
    call->fn.composed = fn;
    memory_call_send(call);
    return call;
}

static struct remote_call *fetch(struct remote *remote, const char *attachment,
                                 const char *path, remote_done_fn *fn, void *arg)
{
    struct remote_call *call = memory_call_new(remote, MEMORY_OP_FETCH, arg);

    call->item = number_of(attachment);
    text_copy(call->url, sizeof call->url, path);
    call->fn.done = fn;
    memory_call_send(call);
    return call;
}

static struct remote_call *watch(struct remote *remote, const struct remote_watching *how,
                                 remote_watch_fn *fn, void *arg)
{
    struct remote_call *call = memory_call_new(remote, MEMORY_OP_WATCH, arg);

    text_copy(call->url, sizeof call->url, how->url ? how->url : "");
    call->fn.watch = fn;
    memory_call_send(call);
    return call;
}

static struct remote_call *unwatch(struct remote *remote, const char *subscription,
                                   struct remote_stream *stream, remote_done_fn *fn, void *arg)
{
    struct remote_call *call = memory_call_new(remote, MEMORY_OP_UNWATCH, arg);

    (void)stream;
    call->subscription = number_of(subscription);
    call->fn.done = fn;
    memory_call_send(call);
    return call;
}

static void free_remote(struct remote *remote)
{
    free(remote);
}

static const struct remote_ops ops = {
    .folders = folders,
    .changes = changes,
    .create = create,
    .stage = stage,
    .publish = publish,
    .unstage = unstage,
    .set = set,
    .rewrite = rewrite,
    .move = move,
    .remove = take_away,
    .get = get,
    .composed = composed,
    .fetch = fetch,
    .watch = watch,
    .unwatch = unwatch,
    .cancel = memory_call_cancel,
    .free = free_remote,
};

struct remote *memory_remote_new(struct memory_remotes *remotes, const char *address)
{
    struct memory_remote *remote = calloc(1, sizeof *remote);

    assert(remote);
    remote->base.ops = &ops;
    remote->remotes = remotes;
    remote->mailbox = memory_mailbox_find(remotes->exchange, address);
    assert(remote->mailbox);
    return &remote->base;
}

struct memory_remotes *memory_remotes_new(struct memory_exchange *exchange)
{
    struct memory_remotes *remotes = calloc(1, sizeof *remotes);

    assert(remotes);
    remotes->exchange = exchange;
    remotes->timeout_ms = 5000;
    remotes->late_ms = 6900;
    remotes->latency_ms = 30;
    remotes->back_off_ms = 3000;
    exchange->remotes = remotes;
    return remotes;
}

void memory_remotes_free(struct memory_remotes **remotes)
{
    struct memory_remotes *r = *remotes;

    while (r && r->calls) {
        r->calls->execute_ms = 0;
        r->calls->heard = false;
        memory_call_cancel(r->calls);
    }
    for (int i = 0; r && i < MEMORY_SUBSCRIPTIONS; i++)
        loop_timer_free(&r->subscriptions[i].timer);
    if (r)
        r->exchange->remotes = NULL;
    free(r);
    *remotes = NULL;
}
