#include "sync/dry_remote.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/text.h"
#include "store/mapping.h"
#include "sync/choose.h"

/* A call under way: a read that the real remote does, or a write whose answer comes in a turn
 * of its own. Handed out as a remote_call. */
struct dry_call {
    TAILQ_ENTRY(dry_call) link;
    struct dry_remote *remote;
    struct remote_call *read; /* NULL: a write */
    struct loop_timer *turn;  /* of a write */
    union {
        remote_folders_fn *folders;
        remote_changes_fn *page;
        remote_ref_fn *ref;
        remote_done_fn *done;
    } fn;
    void *arg;
    char id[LIMIT_REMOTE_ID], version[32];
    struct attempt shown; /* of a publish: what it was created with */
};

struct dry_remote {
    struct remote base;
    struct loop *loop;
    struct store *scratch;
    struct remote *real;
    TAILQ_HEAD(, dry_call) calls;
    dry_see_fn *see;
    void *see_arg;
    long writes;
};

static struct dry_remote *of(struct remote *remote)
{
    return (struct dry_remote *)remote;
}

static struct dry_call *call_new(struct remote *remote, void *arg)
{
    struct dry_call *call = calloc(1, sizeof *call);

    if (!call)
        return NULL;
    call->remote = of(remote);
    call->arg = arg;
    TAILQ_INSERT_TAIL(&call->remote->calls, call, link);
    return call;
}

static void call_free(struct dry_call *call)
{
    TAILQ_REMOVE(&call->remote->calls, call, link);
    loop_timer_free(&call->turn);
    free(call);
}

/* It is over before its callback runs, which may begin the next one. */
static struct dry_call call_end(struct dry_call *call)
{
    struct dry_call ended = *call;

    call_free(call);
    return ended;
}

/* ---- reads: the real ones ---- */

/* As handed out; NULL when the real remote has no memory. */
static struct remote_call *reading(struct dry_call *call)
{
    if (call->read)
        return (struct remote_call *)call;
    call_free(call);
    return NULL;
}

static void folders_came(const struct err *err, const struct remote_folder *list, size_t count,
                         void *arg)
{
    struct dry_call ended = call_end(arg);

    ended.fn.folders(err, list, count, ended.arg);
}

static struct remote_call *folders(struct remote *remote, unsigned with, remote_folders_fn *fn,
                                   void *arg)
{
    struct remote *real = of(remote)->real;
    struct dry_call *call = call_new(remote, arg);

    if (!call)
        return NULL;
    call->fn.folders = fn;
    call->read =
        real->ops->folders(real, with & ~(unsigned)REMOTE_WITH_OUTBOX, folders_came, call);
    return reading(call);
}

static void page_came(const struct err *err, const struct remote_page *page, void *arg)
{
    struct dry_call ended = call_end(arg);

    if (page)
        ended.remote->see(page, ended.remote->see_arg);
    ended.fn.page(err, page, ended.arg);
}

static struct remote_call *changes(struct remote *remote, const char *folder, const char *token,
                                   remote_changes_fn *fn, void *arg)
{
    struct remote *real = of(remote)->real;
    struct dry_call *call = call_new(remote, arg);

    if (!call)
        return NULL;
    call->fn.page = fn;
    call->read = real->ops->changes(real, folder, token, page_came, call);
    return reading(call);
}

static struct remote_call *get(struct remote *remote, const char *item, remote_changes_fn *fn,
                               void *arg)
{
    struct remote *real = of(remote)->real;
    struct dry_call *call = call_new(remote, arg);

    if (!call)
        return NULL;
    call->fn.page = fn;
    call->read = real->ops->get(real, item, page_came, call);
    return reading(call);
}

/* ---- writes: nothing is sent ---- */

static const struct err all_is_well = {.kind = ERR_OK};

/* id NULL: the item gets a new one. answer runs in the next turn. */
static struct dry_call *writing(struct remote *remote, const char *id, loop_fn *answer,
                                void *arg)
{
    struct dry_call *call = call_new(remote, arg);

    if (!call)
        return NULL;
    long number = ++call->remote->writes;
    if (id)
        text_copy(call->id, sizeof call->id, id);
    else
        snprintf(call->id, sizeof call->id, "dry-%ld", number);
    snprintf(call->version, sizeof call->version, "dry-%ld", number);
    call->turn = loop_timer_new(call->remote->loop, answer, call);
    if (!call->turn) {
        call_free(call);
        return NULL;
    }
    loop_timer_set(call->turn, 0);
    return call;
}

static void answer_ref(void *arg)
{
    struct dry_call ended = call_end(arg);

    ended.fn.ref(&all_is_well, &(struct remote_ref){ended.id, ended.version}, ended.arg);
}

static struct remote_call *write_ref(struct remote *remote, const char *id, remote_ref_fn *fn,
                                     void *arg)
{
    struct dry_call *call = writing(remote, id, answer_ref, arg);

    if (call)
        call->fn.ref = fn;
    return (struct remote_call *)call;
}

static void answer_done(void *arg)
{
    struct dry_call ended = call_end(arg);

    ended.fn.done(&all_is_well, ended.arg);
}

static struct remote_call *write_done(struct remote *remote, remote_done_fn *fn, void *arg)
{
    struct dry_call *call = writing(remote, NULL, answer_done, arg);

    if (call)
        call->fn.done = fn;
    return (struct remote_call *)call;
}

static struct remote_call *create(struct remote *remote, const struct remote_new *item,
                                  remote_ref_fn *fn, void *arg)
{
    (void)item;
    return write_ref(remote, NULL, fn, arg);
}

static void answer_shown(void *arg)
{
    struct dry_call ended = call_end(arg);
    const struct attempt *shown = &ended.shown;
    const struct remote_change change = {.kind = REMOTE_SEEN,
                                         .item = {.id = ended.id,
                                                  .version = ended.version,
                                                  .message_id = shown->message,
                                                  .creation = shown->creation,
                                                  .subject = shown->subject,
                                                  .read = shown->read,
                                                  .urgent = shown->urgent,
                                                  .modified = {shown->sent_ms},
                                                  .created = {shown->sent_ms}}};
    const struct remote_page page = {.changes = &change, .count = 1, .token = "", .last = true};

    ended.fn.page(&all_is_well, &page, ended.arg);
}

/* What was staged is shown as it was created. */
static struct remote_call *publish(struct remote *remote, const struct remote_staged *staged,
                                   const char *folder, remote_changes_fn *fn, void *arg)
{
    static struct attempt attempts[CHOOSE_ATTEMPTS_MAX];
    struct dry_call *call = writing(remote, NULL, answer_shown, arg);
    int count = 0;
    struct err err;

    (void)folder;
    if (!call)
        return NULL;
    call->fn.page = fn;
    if (!attempt_list(of(remote)->scratch, staged->message_id, attempts, CHOOSE_ATTEMPTS_MAX,
                      &count, &err))
        count = 0;
    for (int i = 0; i < count; i++) {
        if (strcmp(attempts[i].winner, staged->item) == 0)
            call->shown = attempts[i];
    }
    return (struct remote_call *)call;
}

static struct remote_call *unstage(struct remote *remote, const char *message_id,
                                   int generation, remote_done_fn *fn, void *arg)
{
    (void)message_id;
    (void)generation;
    return write_done(remote, fn, arg);
}

static struct remote_call *set(struct remote *remote, const char *item, const char *version,
                               const struct remote_fields *fields, remote_ref_fn *fn, void *arg)
{
    (void)version;
    (void)fields;
    return write_ref(remote, item, fn, arg);
}

static struct remote_call *rewrite(struct remote *remote, const char *item, const char *version,
                                   const struct remote_content *content, remote_ref_fn *fn,
                                   void *arg)
{
    (void)version;
    (void)content;
    return write_ref(remote, item, fn, arg);
}

static struct remote_call *move(struct remote *remote, const char *item, const char *folder,
                                remote_ref_fn *fn, void *arg)
{
    (void)item;
    (void)folder;
    return write_ref(remote, NULL, fn, arg);
}

static struct remote_call *remove_item(struct remote *remote, const char *item,
                                       remote_done_fn *fn, void *arg)
{
    (void)item;
    return write_done(remote, fn, arg);
}

/* ---- what a run that only looks never asks for ---- */

static struct remote_call *composed(struct remote *remote, const char *item,
                                    remote_composed_fn *fn, void *arg)
{
    (void)remote;
    (void)item;
    (void)fn;
    (void)arg;
    assert(!"a dry run sees no Voice Outbox");
    return NULL;
}

static struct remote_call *fetch(struct remote *remote, const char *attachment,
                                 const char *path, remote_done_fn *fn, void *arg)
{
    (void)remote;
    (void)attachment;
    (void)path;
    (void)fn;
    (void)arg;
    assert(!"a dry run sees no Voice Outbox");
    return NULL;
}

static struct remote_call *watch(struct remote *remote, const struct remote_watching *how,
                                 remote_watch_fn *fn, void *arg)
{
    (void)remote;
    (void)how;
    (void)fn;
    (void)arg;
    assert(!"a dry run is not told of changes");
    return NULL;
}

static struct remote_call *unwatch(struct remote *remote, const char *subscription,
                                   struct remote_stream *stream, remote_done_fn *fn, void *arg)
{
    (void)remote;
    (void)subscription;
    (void)stream;
    (void)fn;
    (void)arg;
    assert(!"a dry run is not told of changes");
    return NULL;
}

/* ---- the remote ---- */

static void cancel(struct remote_call *base)
{
    struct dry_call *call = (struct dry_call *)base;

    remote_cancel(call->remote->real, &call->read);
    call_free(call);
}

static void end(struct remote *remote)
{
    for (struct dry_call *call = TAILQ_FIRST(&of(remote)->calls), *next; call; call = next) {
        next = TAILQ_NEXT(call, link);
        cancel((struct remote_call *)call);
    }
    free(remote);
}

static const struct remote_ops ops = {
    .folders = folders,
    .changes = changes,
    .create = create,
    .stage = create,
    .publish = publish,
    .unstage = unstage,
    .set = set,
    .rewrite = rewrite,
    .move = move,
    .remove = remove_item,
    .get = get,
    .composed = composed,
    .fetch = fetch,
    .watch = watch,
    .unwatch = unwatch,
    .cancel = cancel,
    .free = end,
};

struct remote *dry_remote_new(struct loop *loop, struct store *scratch, struct remote *real,
                              dry_see_fn *see, void *arg)
{
    struct dry_remote *remote = calloc(1, sizeof *remote);

    if (!remote)
        return NULL;
    *remote = (struct dry_remote){.base = {&ops},
                                  .loop = loop,
                                  .scratch = scratch,
                                  .real = real,
                                  .see = see,
                                  .see_arg = arg};
    TAILQ_INIT(&remote->calls);
    return &remote->base;
}

long dry_remote_writes(const struct remote *remote)
{
    return ((const struct dry_remote *)remote)->writes;
}
