/* The run's way out: the messages that are not agreed, one after the other, step by step. */
#include "sync/run_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crash.h"
#include "base/text.h"
#include "store/audio.h"
#include "sync/compose.h"

enum { MESSAGES_A_TURN = 64, JOB_EVERY = 16, BODY_BYTES_MAX = 2 * LIMIT_TRANSCRIPT + 4096 };

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

static bool begin_out(struct run *run, struct err *err)
{
    run->message_count = run->message_at = 0;
    if (!message_each_dirty(run->deps.store, run->mailbox.id, collect, run, err))
        return false;
    if (run->job.id && !run->job.total)
        run->job.total = run->message_count;
    return true;
}

/* ---- steps ---- */

static void ref_came(const struct err *err, const struct remote_ref *ref, void *arg);
static void removed(const struct err *err, void *arg);
static void shown_came(const struct err *err, const struct remote_page *page, void *arg);

/* The words are read now, perhaps later than the message: what came in between changed its
 * content_at, and is sent again with that. */
static void compose(const struct run_work *work, struct buf *body)
{
    struct store *store = work->run->deps.store;
    char *transcript = message_transcript(store, work->id);
    char *text = message_text(store, work->id);

    buf_init(body, BODY_BYTES_MAX);
    compose_body(&work->message, &(struct compose_words){transcript, text}, body);
    free(transcript);
    free(text);
}

static void rewrite(struct run_work *work)
{
    struct run *run = work->run;
    bool drop_audio = !compose_has_audio(&work->message);
    char item_class[COMPOSE_CLASS_BYTES];
    struct buf body;

    compose(work, &body);
    compose_item_class(&work->message, run->deps.item_class, item_class);
    const struct remote_content content = {.body = buf_str(&body),
                                           .item_class = drop_audio ? item_class : NULL,
                                           .drop_audio = drop_audio};
    run->call = run->remote->ops->rewrite(run->remote, work->item.id, work->item.version,
                                          &content, ref_came, run);
    buf_clear(&body);
}

static void create(struct run_work *work)
{
    struct run *run = work->run;
    const struct message *message = &work->message;
    char path[LIMIT_PATH] = "", item_class[COMPOSE_CLASS_BYTES];
    struct err gone;
    struct buf body;

    /* Looked for when it was planned; should it be gone since, opening it says so. */
    bool audio = compose_has_audio(message);
    if (audio)
        audio_path(run->deps.store, message->audio, path, &gone);
    compose(work, &body);
    const struct remote_new item = {
        .message_id = message->id,
        .creation = work->attempt.creation,
        .folder = work->target,
        .generation = work->attempt.generation,
        .subject = work->attempt.subject,
        .body = buf_str(&body),
        .item_class = compose_item_class(message, run->deps.item_class, item_class),
        .from_number = message->from_number,
        .from_name = message->from_name,
        .from_address = message->from_address,
        .reference = message->reference,
        .received = message->received,
        .duration_ms = message->duration_ms,
        .read = work->attempt.read,
        .urgent = work->attempt.urgent,
        .private = message->private,
        .audio_path = audio ? path : NULL,
        .audio_name = COMPOSE_AUDIO_NAME,
        .audio_type = COMPOSE_AUDIO_TYPE,
    };
    if (work->step == STEP_STAGE)
        run->call = run->remote->ops->stage(run->remote, &item, ref_came, run);
    else
        run->call = run->remote->ops->create(run->remote, &item, ref_came, run);
    buf_clear(&body);
}

static void publish(struct run_work *work)
{
    struct run *run = work->run;
    const struct remote_staged staged = {.message_id = work->id, .item = work->attempt.winner};

    run->call = run->remote->ops->publish(run->remote, &staged, work->target, shown_came, run);
}

static void start_call(struct run *run)
{
    struct remote *remote = run->remote;
    struct run_work *work = &run->work;

    crash_point("run.before-request");
    switch (work->step) {
    case STEP_CREATE:
    case STEP_STAGE: create(work); break;
    case STEP_PUBLISH: publish(work); break;
    case STEP_SET:
        run->call = remote->ops->set(remote, work->item.id, work->item.version, &work->fields,
                                     ref_came, run);
        break;
    case STEP_MOVE:
        run->call = remote->ops->move(remote, work->item.id, work->target, ref_came, run);
        break;
    case STEP_REWRITE: rewrite(work); break;
    case STEP_REMOVE:
    case STEP_REMOVE_SURPLUS:
        run->call = remote->ops->remove(remote, work->item.id, removed, run);
        break;
    case STEP_NONE: return;
    }
    run_check_call(run);
}

/* ---- planning ---- */

static bool note_progress(struct run *run, struct err *err)
{
    if (!run->job.id || ++run->job.done % JOB_EVERY != 0)
        return true;
    return job_update(run->deps.store, &run->job, err);
}

/* (tx) Plan for the message at hand and those after it, until a step needs the other side. */
static bool plan_messages(struct run *run, struct err *err)
{
    struct run_work *work = &run->work;

    work->step = STEP_NONE;
    for (int n = 0; n < MESSAGES_A_TURN && !run->stop; n++) {
        if (!work->open && run->message_at == run->message_count)
            return true;
        if (!work->open) {
            memcpy(work->id, run->messages[run->message_at++], sizeof work->id);
            work->steps = 0;
            work->open = true;
        }
        if (!run_decide(work, err))
            return false;
        if (work->step != STEP_NONE && work->steps++ < RUN_STEPS_MAX)
            return true;
        if (work->step != STEP_NONE) {
            log_warning(&run->log,
                        "message %s does not come to rest; it is looked at again later",
                        work->id);
            run->result.again = run->result.count_attempt = true;
            work->step = STEP_NONE;
        }
        work->open = false;
        if (!note_progress(run, err))
            return false;
    }
    return true;
}

/* One transaction: write down what came of the last step (said NULL: there was none), and plan
 * on. Then the next step goes out. */
static void plan_on(struct run *run, const struct err *said, const struct remote_ref *ref)
{
    struct err err;

    err_clear(&err);
    if (!run_begin(run) || !run_commit(run,
                                       (!said || run_record(&run->work, said, ref, &err)) &&
                                           plan_messages(run, &err),
                                       &err))
        run_next(run, RUN_DONE);
    else if (run->work.step != STEP_NONE)
        start_call(run);
    else
        run_next(run, RUN_OUT);
}

static void answered(struct run *run, const struct err *said, const struct remote_ref *ref)
{
    run->call = NULL;
    crash_point("run.answered");
    plan_on(run, said, ref);
}

static void ref_came(const struct err *err, const struct remote_ref *ref, void *arg)
{
    answered(arg, err, ref);
}

/* What was staged is there, as a person may have changed it already. */
static void shown_came(const struct err *err, const struct remote_page *page, void *arg)
{
    struct run *run = arg;
    struct item_row *row = &run->work.item;

    memset(row, 0, sizeof *row);
    if (page && page->count > 0) {
        const struct remote_item *item = &page->changes[0].item;
        text_copy(row->id, sizeof row->id, item->id);
        text_copy(row->version, sizeof row->version, item->version);
        text_copy(row->message, sizeof row->message, run->work.id);
        text_copy(row->creation, sizeof row->creation, item->creation);
        text_copy(row->subject, sizeof row->subject, item->subject);
        row->read = item->read;
        row->urgent = item->urgent;
        row->modified_ms = item->modified.ms;
        row->created_ms = item->created.ms;
    }
    answered(run, err, NULL);
}

static void removed(const struct err *err, void *arg)
{
    answered(arg, err, NULL);
}

/* ---- the phase ---- */

/* (tx) The copies of a user who was removed are gone: nothing more is done for that mailbox. */
static bool end_erase(struct run *run, struct err *err)
{
    return strcmp(run->job.kind, JOB_ERASE) != 0 || strcmp(run->job.state, "done") != 0 ||
           mailbox_erased(run->deps.store, run->mailbox.id, err);
}

/* (tx) What else was asked for meanwhile is done by a run of its own. */
static bool write_end(struct run *run, struct err *err)
{
    struct store *store = run->deps.store;
    struct job other;
    bool found;

    return job_update(store, &run->job, err) && end_erase(run, err) &&
           job_open_run(store, run->mailbox.id, &other, &found, err) &&
           (!found || queue_push(store, run->mailbox.id, QUEUE_RESYNC, 0, err));
}

static void end_job(struct run *run)
{
    struct err err;

    if (!run->job.id || run->result.again)
        return;
    text_copy(run->job.state, sizeof run->job.state, run->stop ? "failed" : "done");
    text_copy(run->job.error, sizeof run->job.error, run->result.err.text);
    run->job.done = run->job.total;
    run->job.ended_ms = store_now(run->deps.store).ms;
    if (run_begin(run))
        run_commit(run, write_end(run, &err), &err);
}

static void end_out(struct run *run)
{
    struct err err;

    free(run->messages);
    run->messages = NULL;
    run->message_cap = 0;
    if (!run->stop && !run_guard_end(run, &err))
        run_fail(run, &err);
    if (run->look_again && !run->stop && run->passes++ < RUN_PASSES_MAX) {
        run->need_in = true;
        run_next(run, RUN_FOLDERS);
        return;
    }
    run->result.again = run->result.again || run->look_again;
    end_job(run);
    run_next(run, run->stop ? RUN_DONE : RUN_CLEAR);
}

void run_out(struct run *run)
{
    struct err err;

    err_clear(&err);
    if (!run->messages && !run->stop && !begin_out(run, &err))
        run_fail(run, &err);
    if (run->stop || (!run->work.open && run->message_at == run->message_count))
        end_out(run);
    else
        plan_on(run, NULL, NULL);
}
