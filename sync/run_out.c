/* The run's way out: the messages that are not agreed, a few at once, step by step. */
#include "sync/run_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crash.h"
#include "base/text.h"
#include "store/audio.h"
#include "sync/compose.h"

enum { MESSAGES_A_TURN = 32, JOB_EVERY = 16, BODY_BYTES_MAX = LIMIT_TRANSCRIPT + 4096 };

static void advance(struct run_work *work);

/* ---- the list of messages ---- */

static bool collect(const struct message *message, void *arg)
{
    struct run *run = arg;

    if (run->message_count == run->message_cap) {
        int cap = run->message_cap ? run->message_cap * 2 : 64;
        void *grown = realloc(run->messages, (size_t)cap * sizeof *run->messages);
        if (!grown)
            return false;
        run->messages = grown;
        run->message_cap = cap;
    }
    text_copy(run->messages[run->message_count++], LIMIT_UUID, message->id);
    return true;
}

/* More than this vanished at once: a restore, a wrong mailbox, an empty database. Nothing is
 * deleted; a person says which side is right. */
static bool guard(struct run *run, struct err *err)
{
    int64_t missing, agreed;

    if (!item_count_missing(run->deps.store, run->mailbox.id, &missing, &agreed, err))
        return false;
    int64_t limit = agreed * run->deps.guard_percent / 100;
    if (limit < run->deps.guard_count)
        limit = run->deps.guard_count;
    if (missing <= limit || run->reasons & 1u << QUEUE_RESYNC)
        return true;
    run->result.suspend = true;
    return err_set(err, ERR_REFUSED,
                   "%lld of %lld messages vanished from Exchange at once, more than the guard "
                   "allows (%lld): nothing was deleted; if Exchange is right run \"sibctl sync "
                   "resync %s\", then \"sibctl sync resume %s\"",
                   (long long)missing, (long long)agreed, (long long)limit, run->mailbox.name,
                   run->mailbox.name);
}

static bool begin_out(struct run *run, struct err *err)
{
    run->message_count = run->message_at = 0;
    if (!guard(run, err) ||
        !message_each_dirty(run->deps.store, run->mailbox.id, collect, run, err))
        return false;
    if (run->job.id && !run->job.total)
        run->job.total = run->message_count;
    return true;
}

/* ---- progress of a job ---- */

static void job_step(struct run *run, bool end)
{
    struct err err;

    if (!run->job.id)
        return;
    if (!end && ++run->job.done % JOB_EVERY != 0)
        return;
    if (end && !run->result.again) {
        text_copy(run->job.state, sizeof run->job.state, run->stop ? "failed" : "done");
        text_copy(run->job.error, sizeof run->job.error, run->result.err.text);
        run->job.done = run->job.total;
        run->job.ended_ms = store_now(run->deps.store).ms;
    }
    if (run_begin(run))
        run_commit(run, job_update(run->deps.store, &run->job, &err), &err);
}

/* ---- steps ---- */

static void finished(struct run_work *work)
{
    work->busy = false;
    job_step(work->run, false);
    run_next(work->run, RUN_OUT);
}

static void answered(struct run_work *work, const struct err *err, const struct remote_ref *ref)
{
    bool ok;

    work->call = NULL;
    /* Removing what is not there is done. */
    if (err->kind == ERR_GONE &&
        (work->step == STEP_REMOVE || work->step == STEP_REMOVE_SURPLUS))
        ok = run_record(work, NULL);
    else if (err->kind != ERR_OK) {
        run_record_failure(work, err);
        ok = false;
    } else {
        ok = run_record(work, ref);
    }
    if (ok && !work->run->stop)
        advance(work);
    else
        finished(work);
}

static void ref_came(const struct err *err, const struct remote_ref *ref, void *arg)
{
    answered(arg, err, ref);
}

static void removed(const struct err *err, void *arg)
{
    answered(arg, err, NULL);
}

/* The message cannot be sent as it is (its audio is not there): as if it had been refused. */
static void cannot_send(struct run_work *work, struct err *err)
{
    err->scope = ERR_SCOPE_ITEM;
    err->when = ERR_WHEN_NEVER;
    err->effect = ERR_EFFECT_NONE;
    err->kind = ERR_REFUSED;
    run_record_failure(work, err);
    finished(work);
}

static void create(struct run_work *work)
{
    struct run *run = work->run;
    const struct message *message = &work->message;
    char path[LIMIT_PATH];
    struct buf body;
    struct err err;
    bool audio = compose_has_audio(message);

    if (audio && !audio_path(run->deps.store, message->audio, path, &err)) {
        cannot_send(work, &err);
        return;
    }
    char *transcript = message_transcript(run->deps.store, message->id);
    buf_init(&body, BODY_BYTES_MAX);
    compose_body(message, transcript, &body);
    free(transcript);
    const struct remote_new item = {
        .message_id = message->id,
        .creation = work->attempt.creation,
        .folder = work->target,
        .subject = message->subject,
        .body = buf_str(&body),
        .item_class = run->deps.item_class,
        .from_number = message->from_number,
        .from_name = message->from_name,
        .from_address = message->from_address,
        .received = message->received,
        .duration_ms = message->duration_ms,
        .read = message->read,
        .urgent = message->urgent,
        .private = message->private,
        .audio_path = audio ? path : NULL,
        .audio_name = COMPOSE_AUDIO_NAME,
        .audio_type = COMPOSE_AUDIO_TYPE,
    };
    work->call = run->remote->ops->create(run->remote, &item, ref_came, work);
    buf_clear(&body);
}

static void start_call(struct run_work *work)
{
    struct remote *remote = work->run->remote;

    crash_point("run.before-request");
    switch (work->step) {
    case STEP_CREATE: create(work); return;
    case STEP_SET:
        work->call = remote->ops->set(remote, work->item.id, work->item.version, &work->fields,
                                      ref_came, work);
        return;
    case STEP_MOVE:
        work->call = remote->ops->move(remote, work->item.id, work->target, ref_came, work);
        return;
    case STEP_REMOVE:
    case STEP_REMOVE_SURPLUS:
        work->call = remote->ops->remove(remote, work->item.id, removed, work);
        return;
    case STEP_NONE: return;
    }
}

/* Plan and take one step; when nothing is left to do the work is finished. */
static void advance(struct run_work *work)
{
    if (!run_decide(work) || work->step == STEP_NONE) {
        finished(work);
        return;
    }
    if (work->steps++ == RUN_STEPS_MAX) {
        log_warning(&work->run->log,
                    "message %s does not come to rest; it is looked at again later", work->id);
        work->run->result.again = work->run->result.count_attempt = true;
        finished(work);
        return;
    }
    start_call(work);
    if (work->call || !work->busy)
        return;
    struct err err;
    err_set(&err, ERR_SYSTEM, "out of memory");
    err.scope = ERR_SCOPE_MAILBOX;
    run_record_failure(work, &err);
    finished(work);
}

static struct run_work *free_work(struct run *run)
{
    for (int i = 0; i < RUN_PARALLEL; i++) {
        if (!run->work[i].busy)
            return &run->work[i];
    }
    return NULL;
}

static bool any_busy(const struct run *run)
{
    for (int i = 0; i < RUN_PARALLEL; i++) {
        if (run->work[i].busy)
            return true;
    }
    return false;
}

static void end_out(struct run *run)
{
    free(run->messages);
    run->messages = NULL;
    run->message_cap = 0;
    if (run->look_again && !run->stop && run->passes++ < RUN_PASSES_MAX) {
        run->need_in = true;
        run_next(run, RUN_FOLDERS);
        return;
    }
    run->result.again = run->result.again || run->look_again;
    job_step(run, true);
    run_next(run, RUN_DONE);
}

void run_out(struct run *run)
{
    struct err err;
    struct run_work *work;

    if (!run->messages && !run->stop && !any_busy(run)) {
        err_clear(&err);
        if (!begin_out(run, &err))
            run_fail(run, &err);
    }
    for (int n = 0; !run->stop && run->message_at < run->message_count && n < MESSAGES_A_TURN;
         n++) {
        work = free_work(run);
        if (!work)
            return; /* goes on when one is finished */
        work->busy = true;
        work->steps = 0;
        text_copy(work->id, sizeof work->id, run->messages[run->message_at++]);
        advance(work);
    }
    if (any_busy(run))
        return;
    if (!run->stop && run->message_at < run->message_count)
        run_next(run, RUN_OUT);
    else
        end_out(run);
}

void run_out_cancel(struct run *run)
{
    for (int i = 0; i < RUN_PARALLEL; i++)
        remote_cancel(run->remote, &run->work[i].call);
}
