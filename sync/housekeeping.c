#include "sync/housekeeping.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/crash.h"
#include "queue/dispatch.h"
#include "queue/queue.h"
#include "store/aged.h"
#include "store/audio.h"
#include "store/history.h"
#include "store/mailbox.h"
#include "store/message.h"

enum {
    BATCH = 50,          /* messages in one transaction: other writers wait for it */
    PAUSE_MS = 50,       /* before the next batch: they have their turn */
    OFTEN_MS = 60000,    /* between looks for transcriptions that do not come */
    SELDOM_MS = 3600000, /* between looks for all else */
};

struct chore {
    enum aged_what what;
    const char *done; /* for the history */
    const char *why;
    bool (*act)(struct store *, const char *id, bool *changed, struct err *);
};

struct housekeeping {
    struct housekeeping_deps deps;
    struct loop_timer *often, *seldom;
    char ids[BATCH][LIMIT_UUID];
};

static bool expire(struct store *store, const char *id, bool *changed, struct err *err)
{
    return message_expire_audio(store, id, changed, err);
}

static bool purge(struct store *store, const char *id, bool *changed, struct err *err)
{
    struct message message;

    return message_set_folder(store, id, FOLDER_PURGED, changed, err) &&
           message_get(store, id, &message, err) && dispatch_settle(store, message.group, err);
}

static bool give_up(struct store *store, const char *id, bool *changed, struct err *err)
{
    return message_set_transcript(store, id, TRANSCRIPT_FAILED, NULL, changed, err);
}

static const struct chore chores[AGED_KINDS] = {
    [AGED_RECORDING] = {AGED_RECORDING, "recording expired",
                        "older than recording-expires in [store]", expire},
    [AGED_DELETED] = {AGED_DELETED, "purged",
                      "deleted for longer than deleted-expires in [store]", purge},
    [AGED_TRANSCRIPT] = {AGED_TRANSCRIPT, "transcription failed",
                         "none came within transcription-timeout in [store]", give_up},
};

/* (tx) */
static bool do_one(struct store *store, const struct chore *chore, const char *id,
                   struct err *err)
{
    struct message message;
    struct mailbox mailbox;
    bool changed = false;

    if (!message_get(store, id, &message, err) ||
        !mailbox_get(store, message.mailbox, &mailbox, err) ||
        !chore->act(store, id, &changed, err))
        return false;
    if (!changed) /* its own writer and the query do not agree: it would come for ever */
        return err_set(err, ERR_INTERNAL, "the message %s stays as it is", id);
    if (mailbox.single_inbox && !mailbox.removed &&
        !queue_push(store, mailbox.id, QUEUE_CHANGE, 0, err))
        return false;
    return history_add(store, id, "connection", chore->done, chore->why, err);
}

/* What was listed is judged again under the write lock: somebody may have restored it. */
static bool do_batch(struct housekeeping *keeping, const struct chore *chore,
                     struct wall before, int *count, struct err *err)
{
    struct store *store = keeping->deps.store;

    if (!aged_list(store, chore->what, before, keeping->ids, BATCH, count, err))
        return false;
    if (*count == 0)
        return true;
    if (!store_begin(store, err))
        return false;
    bool ok = aged_list(store, chore->what, before, keeping->ids, BATCH, count, err);
    for (int i = 0; ok && i < *count; i++)
        ok = do_one(store, chore, keeping->ids[i], err);
    crash_point("housekeeping.before-commit");
    if (ok && store_commit(store, err))
        return true;
    store_rollback(store);
    return false;
}

/* Returns whether there may be more of it. age_ms 0: never. */
static bool do_chore(struct housekeeping *keeping, enum aged_what what, int64_t age_ms)
{
    const struct housekeeping_deps *deps = &keeping->deps;
    const struct chore *chore = &chores[what];
    struct wall before = {store_now(deps->store).ms - age_ms};
    struct err err;
    int count = 0;

    if (!age_ms)
        return false;
    if (!do_batch(keeping, chore, before, &count, &err)) {
        log_warning(deps->log, "%s: cannot be done now, tried again later: %s", chore->done,
                    err.text);
        return false;
    }
    if (!count)
        return false;
    log_info(deps->log, "%s: %d messages, %s", chore->done, count, chore->why);
    if (deps->changed)
        deps->changed(deps->arg);
    return count == BATCH;
}

static void collect_audio(const struct housekeeping *keeping)
{
    const struct housekeeping_deps *deps = &keeping->deps;
    struct err err;
    int64_t removed;

    if (!audio_collect(deps->store, &removed, &err))
        log_warning(deps->log, "%s", err.text);
    else if (removed)
        log_info(deps->log, "removed %lld audio files that no message names",
                 (long long)removed);
}

static void look_often(void *arg)
{
    struct housekeeping *keeping = arg;
    bool more = do_chore(keeping, AGED_TRANSCRIPT,
                         keeping->deps.config->store.transcription_timeout_ms);

    loop_timer_set(keeping->often, more ? PAUSE_MS : OFTEN_MS);
}

/* The files go last: nobody names those of what was purged and expired any more. */
static void look_seldom(void *arg)
{
    struct housekeeping *keeping = arg;
    const struct config *config = keeping->deps.config;
    bool more = do_chore(keeping, AGED_DELETED, config->store.deleted_expires_ms);

    more = do_chore(keeping, AGED_RECORDING, config->store.recording_expires_ms) || more;
    if (!more)
        collect_audio(keeping);
    loop_timer_set(keeping->seldom, more ? PAUSE_MS : SELDOM_MS);
}

struct housekeeping *housekeeping_new(const struct housekeeping_deps *deps)
{
    struct housekeeping *keeping = calloc(1, sizeof *keeping);

    if (!keeping)
        return NULL;
    keeping->deps = *deps;
    keeping->often = loop_timer_new(deps->loop, look_often, keeping);
    keeping->seldom = loop_timer_new(deps->loop, look_seldom, keeping);
    if (!keeping->often || !keeping->seldom) {
        housekeeping_free(&keeping);
        return NULL;
    }
    loop_timer_set(keeping->often, OFTEN_MS);
    loop_timer_set(keeping->seldom, OFTEN_MS);
    return keeping;
}

void housekeeping_free(struct housekeeping **housekeeping)
{
    struct housekeeping *keeping = *housekeeping;

    if (!keeping)
        return;
    loop_timer_free(&keeping->often);
    loop_timer_free(&keeping->seldom);
    free(keeping);
    *housekeeping = NULL;
}
