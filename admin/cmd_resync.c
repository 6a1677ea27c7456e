/* sibctl sync resync: ask for a comparison of everything, or for what it would do, and watch
 * it. */
#include <stdlib.h>
#include <string.h>

#include "admin/cli.h"
#include "admin/commands.h"
#include "admin/dry_report.h"
#include "admin/progress.h"
#include "admin/view.h"
#include "base/loop.h"

enum { LOOK_MS = 250, NOBODY_MS = 5000 };

struct resync {
    struct sibctl *ctl;
    const char *kind; /* of job */
    bool dry;
    struct mailbox *mailboxes; /* those that are resynchronised */
    int64_t *jobs;             /* their jobs */
    size_t count;
    struct loop *loop;
    struct loop_timer *timer;
    struct mono start;
    struct progress progress;
    bool ok;
    struct err *err;
};

/* --all passes over those that are off; and those that are suspended, unless nothing is done.
 */
static bool keep_those_on(struct resync *resync, struct err *err)
{
    size_t kept = 0;
    struct mailbox_state state;

    if (!command_given(&resync->ctl->call, "all"))
        return true;
    for (size_t i = 0; i < resync->count; i++) {
        const struct mailbox *mailbox = &resync->mailboxes[i];
        if (!mailbox_state_get(resync->ctl->store, mailbox->id, &state, err))
            return false;
        if (state.condition == MAILBOX_SUSPENDED && !resync->dry)
            sibctl_hint(resync->ctl, "%s is suspended and is passed over.", mailbox->name);
        else if (mailbox->single_inbox)
            resync->mailboxes[kept++] = *mailbox;
    }
    resync->count = kept;
    return true;
}

/* Nothing is worked on while it is off or suspended: the job is remembered, and begins then. */
static bool may_begin(struct resync *resync, const struct mailbox *mailbox, struct err *err)
{
    struct sibctl *ctl = resync->ctl;
    bool wait = command_given(&ctl->call, "wait");
    struct mailbox_state state;

    if (!mailbox_state_get(ctl->store, mailbox->id, &state, err))
        return false;
    if (mailbox->single_inbox && state.condition != MAILBOX_SUSPENDED)
        return true;
    const char *is = mailbox->single_inbox ? "suspended" : "off";
    const char *how = mailbox->single_inbox ? "sync resume" : "mailbox enable";
    if (wait)
        return err_set(err, ERR_REFUSED,
                       "%s is %s: its resync begins with \"sibctl %s %s\"; ask without --wait",
                       mailbox->name, is, how, mailbox->name);
    sibctl_hint(ctl, "%s is %s: its resync begins with \"sibctl %s %s\".", mailbox->name, is,
                how, mailbox->name);
    return true;
}

static bool may_resync(struct sibctl *ctl, struct resync *resync, struct err *err)
{
    if (command_given(&ctl->call, "import") &&
        (resync->dry || command_given(&ctl->call, "from-connection")))
        return err_set(err, ERR_USAGE,
                       "--import goes neither with --dry-run nor with --from-connection");
    if (!ctl->config->sync.single_inbox)
        return err_set(err, ERR_REFUSED,
                       "single inbox is off in the configuration ([sync] single-inbox)");
    return resync->dry || command_given(&ctl->call, "all") ||
           may_begin(resync, &resync->mailboxes[0], err);
}

static bool ask(struct resync *resync, struct err *err)
{
    struct store *store = resync->ctl->store;
    bool ok = true;

    resync->jobs = calloc(resync->count + 1, sizeof *resync->jobs);
    if (!resync->jobs)
        return err_set(err, ERR_SYSTEM, "out of memory");
    if (!store_begin(store, err))
        return false;
    for (size_t i = 0; ok && i < resync->count; i++)
        ok = job_ask(store, resync->mailboxes[i].id, resync->kind, &resync->jobs[i], err) &&
             queue_push(store, resync->mailboxes[i].id, QUEUE_RESYNC, 0, err);
    if (!ok) {
        store_rollback(store);
        return false;
    }
    if (!store_commit(store, err))
        return false;
    sibctl_poke(resync->ctl);
    return true;
}

/* ---- waiting ---- */

/* All jobs together. */
static bool sum_up(struct resync *resync, struct progress_facts *facts, struct err *err)
{
    struct job job;

    *facts = (struct progress_facts){.parts = (int64_t)resync->count};
    for (size_t i = 0; i < resync->count; i++) {
        if (!job_get(resync->ctl->store, resync->jobs[i], &job, err))
            return false;
        facts->pages += job.pages;
        facts->done += job.done;
        facts->total += job.total;
        facts->parts_ended += job_has_ended(&job);
        facts->started = facts->started || strcmp(job.state, "waiting") != 0;
    }
    return true;
}

static bool daemon_runs(const struct sibctl *ctl)
{
    json_t *status;
    bool runs = daemon_read(ctl->config->node.state_dir, &status);

    json_decref(status);
    return runs;
}

static void look(void *arg)
{
    struct resync *resync = arg;
    struct progress_facts facts;
    int64_t waited_ms = mono_since(loop_now(resync->loop), resync->start);

    resync->ok = sum_up(resync, &facts, resync->err);
    if (resync->ok) {
        progress_show(&resync->progress, &facts, waited_ms);
        if (!facts.started && facts.parts > 0 && waited_ms >= NOBODY_MS &&
            !daemon_runs(resync->ctl))
            resync->ok = err_set(resync->err, ERR_UNAVAILABLE,
                                 "nobody works on it: sibd does not run here. Start sibd; the "
                                 "%s is remembered and begins then.",
                                 resync->dry ? "dry run" : "resync");
    }
    if (!resync->ok || facts.parts_ended == facts.parts)
        loop_stop(resync->loop);
    else
        loop_timer_set(resync->timer, LOOK_MS);
}

static bool wait_for_all(struct resync *resync, struct err *err)
{
    resync->loop = loop_system_new(err);
    if (!resync->loop)
        return false;
    resync->err = err;
    resync->start = loop_now(resync->loop);
    resync->progress = progress_new(resync->ctl->errors);
    resync->timer = loop_timer_new(resync->loop, look, resync);
    loop_timer_set(resync->timer, 0);
    loop_run(resync->loop);
    progress_end(&resync->progress);
    loop_timer_free(&resync->timer);
    loop_free(&resync->loop);
    return resync->ok;
}

/* ---- the answer ---- */

/* What came of one job, for people; *failed when it failed. */
static bool tell(struct resync *resync, const struct mailbox *mailbox, const struct job *job,
                 bool *failed, struct err *err)
{
    struct sibctl *ctl = resync->ctl;

    if (strcmp(job->state, "failed") == 0) {
        sibctl_hint(ctl, "The %s of %s failed: %s", resync->dry ? "dry run" : "resync",
                    mailbox->name, job->error);
        *failed = true;
    } else if (ctl->call.json) {
        return true;
    } else if (strcmp(job->state, "done") != 0) {
        sibctl_say(ctl, "%s: asked for; \"sibctl sync status\" shows how it stands.",
                   mailbox->name);
    } else if (resync->dry) {
        return dry_report_print(ctl, job, mailbox, err);
    } else {
        sibctl_say(ctl, "%s: %lld messages compared; both sides agree.", mailbox->name,
                   (long long)job->done);
    }
    return true;
}

static bool view(struct resync *resync, const struct mailbox *mailbox, const struct job *job,
                 json_t *list, struct err *err)
{
    json_t *object = view_job(job, mailbox->name);
    bool reported = resync->dry && strcmp(job->state, "done") == 0;

    return json_array_append_new(list, object) == 0
               ? !reported || dry_report_view(resync->ctl, job, object, err)
               : err_set(err, ERR_SYSTEM, "out of memory");
}

static bool answer(struct resync *resync, struct err *err)
{
    struct sibctl *ctl = resync->ctl;
    json_t *list = ctl->call.json ? json_array() : NULL;
    struct job job;
    bool ok = true, failed = false;

    for (size_t i = 0; ok && i < resync->count; i++)
        ok = job_get(ctl->store, resync->jobs[i], &job, err) &&
             tell(resync, &resync->mailboxes[i], &job, &failed, err) &&
             (!list || view(resync, &resync->mailboxes[i], &job, list, err));
    if (list)
        ok = sibctl_json_list(ctl, ok, "jobs", list, err);
    if (!ok)
        return false;
    if (resync->count == 0)
        sibctl_say(ctl, "No mailbox has single inbox on.");
    return !failed || sibctl_failed(ERR_UNAVAILABLE, err);
}

static const char *kind_of(bool dry, bool from_connection)
{
    if (dry)
        return from_connection ? JOB_DRY_CONNECTION : JOB_DRY_RUN;
    return from_connection ? JOB_FROM_CONNECTION : JOB_RESYNC;
}

bool cmd_sync_resync(struct sibctl *ctl, struct err *err)
{
    struct resync resync = {.ctl = ctl, .dry = command_given(&ctl->call, "dry-run")};

    resync.kind = command_given(&ctl->call, "import")
                      ? JOB_IMPORT
                      : kind_of(resync.dry, command_given(&ctl->call, "from-connection"));
    if (!sibctl_open(ctl, err) || !sibctl_mailboxes(ctl, &resync.mailboxes, &resync.count, err))
        return false;
    bool ok = may_resync(ctl, &resync, err) && keep_those_on(&resync, err) && ask(&resync, err);
    if (ok && (resync.dry || command_given(&ctl->call, "wait")) && resync.count > 0)
        ok = wait_for_all(&resync, err);
    ok = ok && answer(&resync, err);
    free(resync.jobs);
    free(resync.mailboxes);
    return ok;
}
