#include "sync/run_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "store/history.h"

static void turn(void *arg);

void run_next(struct run *run, enum run_phase phase)
{
    run->phase = phase;
    loop_timer_set(run->turn, 0);
}

void run_fail(struct run *run, const struct err *err)
{
    run->stop = true;
    if (run->result.err.kind == ERR_OK)
        run->result.err = *err;
    run->result.again = true;
    run->result.count_attempt = true;
    if (err->when == ERR_WHEN_BACK_OFF && err->back_off_ms > run->result.again_ms)
        run->result.again_ms = err->back_off_ms;
}

bool run_begin(struct run *run)
{
    struct err err;

    if (store_begin(run->deps.store, &err)) {
        history_set_event(run->deps.store, run->event);
        return true;
    }
    err.scope = ERR_SCOPE_SERVICE;
    run_fail(run, &err);
    return false;
}

bool run_commit(struct run *run, bool ok, struct err *err)
{
    if (ok && store_commit(run->deps.store, err))
        return true;
    store_rollback(run->deps.store);
    err->scope = ERR_SCOPE_SERVICE;
    run_fail(run, err);
    return false;
}

void run_check_call(struct run *run)
{
    struct err err;

    if (run->call)
        return;
    err_set(&err, ERR_SYSTEM, "out of memory");
    err.scope = ERR_SCOPE_MAILBOX;
    run_fail(run, &err);
    run_next(run, RUN_DONE);
}

static void destroy(struct run *run)
{
    loop_timer_free(&run->turn);
    run_outbox_clear(run);
    run_import_clear(run);
    free(run->folders);
    free(run->hints.folders);
    free(run->token);
    free(run->messages);
    free(run);
}

static void finish(struct run *run)
{
    struct run_result result = run->result;
    run_done_fn *done = run->done;
    void *arg = run->arg;

    destroy(run);
    done(&result, arg);
}

static void turn(void *arg)
{
    struct run *run = arg;

    if (run->stop && run->phase != RUN_OUT)
        run->phase = RUN_DONE;
    switch (run->phase) {
    case RUN_FOLDERS: run_folders(run); return;
    case RUN_WATCH: run_watch(run); return;
    case RUN_IN: run_in(run); return;
    case RUN_GUARD: run_guard(run); return;
    case RUN_IMPORT: run_import(run); return;
    case RUN_OUTBOX: run_outbox(run); return;
    case RUN_OUT: run_out(run); return;
    case RUN_CLEAR: run_clear(run); return;
    case RUN_DONE: finish(run); return;
    }
}

/* A resync forgets how far each folder was read and holds every message against the other side.
 */
static bool begin_resync(struct run *run, struct err *err)
{
    struct store *store = run->deps.store;

    text_copy(run->job.state, sizeof run->job.state, "running");
    return folder_begin_listing(store, run->mailbox.id, "", err) &&
           message_mark_all_dirty(store, run->mailbox.id, err) &&
           job_update(store, &run->job, err);
}

/* Who wins, as the job says that this run works on. */
static enum plan_rule rule_of(const struct job *job)
{
    if (strcmp(job->kind, JOB_FROM_CONNECTION) == 0)
        return RULE_CONNECTION;
    return strcmp(job->kind, JOB_ERASE) == 0 ? RULE_ERASE : RULE_NORMAL;
}

static bool prepare(struct run *run, struct err *err)
{
    bool found;

    if (!job_open_run(run->deps.store, run->mailbox.id, &run->job, &found, err))
        return false;
    if (!found)
        memset(&run->job, 0, sizeof run->job);
    run->rule = rule_of(&run->job);
    if (strcmp(run->job.state, "waiting") == 0 &&
        (!run_begin(run) || !run_commit(run, begin_resync(run, err), err)))
        return false;
    return run_in_needed(run, err);
}

/* "change, notification" */
static void name_event(struct run *run)
{
    size_t at = 0;

    for (int i = 0; i < QUEUE_REASONS; i++) {
        if (run->reasons & 1u << i && at < sizeof run->event)
            at += (size_t)snprintf(run->event + at, sizeof run->event - at, "%s%s",
                                   at ? ", " : "", queue_reason_name((enum queue_reason)i));
    }
}

static bool must_list_folders(const struct run *run)
{
    const unsigned reasons = 1u << QUEUE_SWEEP | 1u << QUEUE_RESYNC | 1u << QUEUE_FOLDERS;
    bool has_sent = run_root_folder(run, REMOTE_SENT)[0] != '\0';

    return !run->folders_known || run->in_doubt || run->job.id || run->reasons & reasons ||
           has_sent != run->deps.sent_items;
}

struct run *run_start(const struct run_deps *deps, struct remote *remote,
                      const struct mailbox *mailbox, unsigned reasons, run_done_fn *done,
                      void *arg)
{
    struct run *run = calloc(1, sizeof *run);
    struct err err;

    if (!run)
        return NULL;
    run->deps = *deps;
    run->remote = remote;
    run->mailbox = *mailbox;
    run->log = (struct log_ctx){deps->log, "mailbox", run->mailbox.name};
    run->reasons = reasons;
    name_event(run);
    run->done = done;
    run->arg = arg;
    run->turn = loop_timer_new(deps->loop, turn, run);
    if (!run->turn) {
        destroy(run);
        return NULL;
    }
    run->work.run = run;
    err_clear(&err);
    if (!prepare(run, &err))
        run_fail(run, &err);
    if (!run_in_locate(run, &err))
        run_fail(run, &err);
    if (must_list_folders(run))
        run_next(run, RUN_FOLDERS);
    else
        run_next(run, RUN_WATCH);
    return run;
}

void run_cancel(struct run **run)
{
    if (*run) {
        remote_cancel((*run)->remote, &(*run)->call);
        destroy(*run);
    }
    *run = NULL;
}
