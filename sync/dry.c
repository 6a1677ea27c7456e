#include "sync/dry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/text.h"
#include "store/copy.h"
#include "store/history.h"
#include "store/mapping.h"
#include "sync/choose.h"
#include "sync/dry_remote.h"
#include "sync/outcome.h"

enum {
    TRIES_MAX = 6,           /* a busy server is waited for so often ... */
    WAIT_MS = 10 * 1000,     /* ... so long when it does not say, ... */
    WAIT_MAX_MS = 5 * 60000, /* ... and not longer than that */
    PROGRESS_MS = 500,
};

struct dry {
    struct run_deps deps; /* over the copy */
    struct store *store;  /* the real one */
    struct store *scratch;
    struct remote *remote; /* the one that sends no write */
    struct mailbox mailbox;
    struct job job;   /* of the real store */
    int64_t copy_job; /* the one that the run over the copy works on */
    struct log_ctx log;
    struct run *run;
    struct loop_timer *again, *progress;
    int tries;
    struct run_result result;
    dry_done_fn *done;
    void *arg;
};

/* ---- progress ---- */

/* How far the run over the copy has come. */
static bool read_progress(struct dry *dry, bool *moved)
{
    struct job *job = &dry->job, copy;
    struct err err;

    if (!job_get(dry->scratch, dry->copy_job, &copy, &err))
        return false;
    *moved = copy.pages != job->pages || copy.done != job->done || copy.total != job->total;
    job->pages = copy.pages;
    job->done = copy.done;
    job->total = copy.total;
    return true;
}

/* A store that is busy is left alone: the next time will do. */
static void show_progress(void *arg)
{
    struct dry *dry = arg;
    bool moved;
    struct err err;

    loop_timer_set(dry->progress, PROGRESS_MS);
    if (!read_progress(dry, &moved) || !moved || !store_begin(dry->store, &err))
        return;
    if (!job_update(dry->store, &dry->job, &err) || !store_commit(dry->store, &err))
        store_rollback(dry->store);
}

/* ---- the run ---- */

static void ended(const struct run_result *result, void *arg);

static void start_run(void *arg)
{
    struct dry *dry = arg;

    dry->run =
        run_start(&dry->deps, dry->remote, &dry->mailbox, 1u << QUEUE_RESYNC, ended, dry);
    if (dry->run)
        return;
    err_set(&dry->result.err, ERR_SYSTEM, "out of memory");
    loop_timer_stop(dry->progress);
    dry->done(dry->arg);
}

/* The other side is busy or away: a run would come back to it, and so does this one. */
static bool waits(struct dry *dry, const struct run_result *result)
{
    int64_t wait_ms = result->again_ms > 0 ? result->again_ms : WAIT_MS;

    if (result->err.kind == ERR_OK || outcome_of(result).condition != MAILBOX_OK ||
        ++dry->tries >= TRIES_MAX || wait_ms > WAIT_MAX_MS)
        return false;
    log_info(&dry->log, "waits: %s", result->err.text);
    loop_timer_set(dry->again, wait_ms);
    return true;
}

static void ended(const struct run_result *result, void *arg)
{
    struct dry *dry = arg;
    bool moved;

    dry->run = NULL;
    if (waits(dry, result))
        return;
    dry->result = *result;
    log_info(&dry->log, "ended; %ld writes were not sent", dry_remote_writes(dry->remote));
    read_progress(dry, &moved);
    loop_timer_stop(dry->progress);
    dry->done(dry->arg);
}

/* An item of somebody else's message: the guard knows it by that message. */
static void see(const struct remote_page *page, void *arg)
{
    struct dry *dry = arg;
    struct err err;

    for (size_t i = 0; i < page->count; i++) {
        const char *message = page->changes[i].item.message_id;
        if (page->changes[i].kind == REMOTE_SEEN && id_valid(message) &&
            !store_copy_stranger(dry->store, dry->scratch, message, &err))
            log_warning(&dry->log, "%s", err.text);
    }
}

/* ---- the report ---- */

struct report {
    struct dry *dry;
    bool ok;
    struct err *err;
};

static bool add(struct report *report, const struct job_line *line)
{
    report->ok = job_line_add(report->dry->store, report->dry->job.id, line, report->err);
    return report->ok;
}

static void describe(const struct message *message, struct job_line *line)
{
    text_copy(line->message, sizeof line->message, message->id);
    text_copy(line->subject, sizeof line->subject, message->subject);
    line->received_ms = message->received.ms;
}

static bool add_deed(const struct history *entry, void *arg)
{
    struct report *report = arg;
    struct job_line line = {.message = ""};
    struct message message;
    struct err unknown;

    text_copy(line.message, sizeof line.message, entry->message);
    if (message_get(report->dry->store, entry->message, &message, &unknown))
        describe(&message, &line);
    text_copy(line.side, sizeof line.side, entry->side);
    text_copy(line.what, sizeof line.what, entry->what);
    text_copy(line.why, sizeof line.why, entry->why);
    return add(report, &line);
}

/* Why the run left a message as it is. */
static const char *why_it_waits(struct dry *dry, const char *id)
{
    static struct attempt attempts[CHOOSE_ATTEMPTS_MAX];
    struct agreed agreed;
    int count = 0;
    struct err err;

    if (agreed_get(dry->scratch, id, &agreed, &err) && agreed.refusals >= LIMIT_SET_ASIDE_AFTER)
        return "set aside: Exchange refuses it";
    if (!attempt_list(dry->scratch, id, attempts, CHOOSE_ATTEMPTS_MAX, &count, &err))
        count = 0;
    for (int i = 0; i < count; i++) {
        if (attempts[i].open)
            return "a create whose answer was lost may still take effect";
    }
    return "it cannot be settled now; it is looked at again";
}

static bool add_waiting(const struct message *message, void *arg)
{
    struct report *report = arg;
    struct job_line line = {.what = "waits"};

    describe(message, &line);
    text_copy(line.why, sizeof line.why, why_it_waits(report->dry, message->id));
    return add(report, &line);
}

static bool add_lines(struct dry *dry, struct err *err)
{
    struct report report = {.dry = dry, .ok = true, .err = err};

    if (dry->result.suspend) {
        struct job_line line = {.what = "suspended"};
        text_copy(line.why, sizeof line.why, dry->result.err.text);
        if (!add(&report, &line))
            return false;
    }
    if (!history_all(dry->scratch, add_deed, &report, err) || !report.ok)
        return false;
    if (dry->result.suspend)
        return true;
    return message_each_dirty(dry->scratch, dry->mailbox.id, add_waiting, &report, err) &&
           report.ok;
}

bool dry_fail(struct store *store, const struct job *job, const char *why, struct err *err)
{
    struct job failed = *job;

    text_copy(failed.state, sizeof failed.state, "failed");
    text_copy(failed.error, sizeof failed.error, why);
    return job_update(store, &failed, err);
}

bool dry_write(struct dry *dry, struct err *err)
{
    if (dry->result.err.kind != ERR_OK && !dry->result.suspend)
        return dry_fail(dry->store, &dry->job, dry->result.err.text, err);
    text_copy(dry->job.state, sizeof dry->job.state, "done");
    dry->job.done = dry->job.total;
    return add_lines(dry, err) && job_update(dry->store, &dry->job, err);
}

/* ---- life ---- */

static struct wall real_now(void *arg)
{
    return store_now(arg);
}

/* The copy, with the job that says by which rule the run goes. */
static bool open_scratch(struct dry *dry, struct err *err)
{
    const struct store_options options = {
        .state_dir = store_state_dir(dry->store),
        .node = store_node(dry->store),
        .now = real_now,
        .now_arg = dry->store,
        .memory = true,
    };
    const char *kind =
        strcmp(dry->job.kind, JOB_DRY_CONNECTION) == 0 ? JOB_FROM_CONNECTION : JOB_RESYNC;

    dry->scratch = store_open(&options, err);
    if (!dry->scratch || !store_copy_mailbox(dry->store, dry->scratch, dry->mailbox.id, err) ||
        !store_begin(dry->scratch, err))
        return false;
    if (job_ask(dry->scratch, dry->mailbox.id, kind, &dry->copy_job, err))
        return store_commit(dry->scratch, err);
    store_rollback(dry->scratch);
    return false;
}

/* For those who watch: it has begun (perhaps not for the first time). A store that is busy is
 * told with the first progress. */
static void note_start(struct dry *dry)
{
    struct err err;

    text_copy(dry->job.state, sizeof dry->job.state, "running");
    dry->job.pages = dry->job.done = dry->job.total = 0;
    if (store_begin(dry->store, &err) &&
        (!job_update(dry->store, &dry->job, &err) || !store_commit(dry->store, &err)))
        store_rollback(dry->store);
}

struct dry *dry_start(const struct dry_order *order, struct err *err)
{
    struct dry *dry = calloc(1, sizeof *dry);

    if (!dry) {
        err_set(err, ERR_SYSTEM, "out of memory");
        return NULL;
    }
    dry->store = order->deps->store;
    dry->mailbox = *order->mailbox;
    dry->job = *order->job;
    dry->done = order->done;
    dry->arg = order->arg;
    dry->log = (struct log_ctx){order->deps->log, "run", "dry"};
    dry->deps = *order->deps;
    dry->deps.log = &dry->log;
    dry->deps.watch = (struct run_watch){.status_minutes = 0};
    dry->deps.voice_outbox = false; /* nothing is delivered */
    dry->again = loop_timer_new(dry->deps.loop, start_run, dry);
    dry->progress = loop_timer_new(dry->deps.loop, show_progress, dry);
    bool ok = dry->again && dry->progress && open_scratch(dry, err);
    if (ok) {
        dry->deps.store = dry->scratch;
        dry->remote = dry_remote_new(dry->deps.loop, dry->scratch, order->remote, see, dry);
        ok = dry->remote != NULL;
    }
    if (!ok) {
        if (err->kind == ERR_OK)
            err_set(err, ERR_SYSTEM, "out of memory");
        dry_free(&dry);
        return NULL;
    }
    note_start(dry);
    loop_timer_set(dry->again, 0);
    loop_timer_set(dry->progress, PROGRESS_MS);
    return dry;
}

void dry_free(struct dry **dry)
{
    struct dry *d = *dry;

    *dry = NULL;
    if (!d)
        return;
    run_cancel(&d->run);
    remote_free(&d->remote);
    loop_timer_free(&d->again);
    loop_timer_free(&d->progress);
    store_close(&d->scratch);
    free(d);
}
