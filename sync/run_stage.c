/* The run's staged creates (remote/remote.h: stage, publish, unstage).
 *
 * A message goes this way when a create of it in one request lapsed (its time passed, and a
 * look did not find it), when it went this way before, or when another server may be creating
 * it too. Its attempt is one row with one token, whatever is sent again; each step is written
 * down before the next goes out:
 * - begun: not open, no winner. STEP_STAGE until it is settled which copy is shown.
 * - settled: not open, a winner. Nothing was ever asked to show it.
 * - showing: open, a winner. STEP_PUBLISH; the answer may have been lost.
 * - gone: open, gone_ms set. That copy is not there; a look says where it is.
 * - closed: closed_ms set. Agreed, or given up; a day later it is cleared.
 *
 * None of these steps needs to wait for the time of the one before: none can show it twice. */
#include "sync/run_private.h"

#include <string.h>

#include "base/id.h"
#include "base/text.h"
#include "store/alarm.h"
#include "store/history.h"

enum { CLEAR_A_RUN = 4 };

/* ---- planning ---- */

struct attempt *run_stage_under_way(struct run_facts *facts)
{
    for (int i = 0; i < facts->attempt_count; i++) {
        if (facts->attempts[i].how == ATTEMPT_STAGED && !facts->attempts[i].closed_ms)
            return &facts->attempts[i];
    }
    return NULL;
}

bool run_stage_must(const struct run *run, const struct run_facts *facts)
{
    bool must = run->deps.staged_only;

    for (int i = 0; i < facts->attempt_count; i++)
        must = must || facts->attempts[i].how == ATTEMPT_STAGED || facts->attempts[i].lapsed;
    return must;
}

/* One more than any before: what was shown once is never the winner again. */
static int next_generation(const struct run_facts *facts)
{
    int last = 0;

    for (int i = 0; i < facts->attempt_count; i++) {
        if (facts->attempts[i].generation > last)
            last = facts->attempts[i].generation;
    }
    return last + 1;
}

static bool begin(struct run_work *work, const struct run_facts *facts, struct err *err)
{
    struct run *run = work->run;
    struct attempt *attempt = &work->attempt;

    memset(attempt, 0, sizeof *attempt);
    id_new(attempt->creation);
    text_copy(attempt->message, sizeof attempt->message, work->id);
    attempt->how = ATTEMPT_STAGED;
    attempt->sent_ms = store_now(run->deps.store).ms;
    attempt->read = work->message.read;
    attempt->urgent = work->message.urgent;
    attempt->content = work->message.content_at;
    text_copy(attempt->subject, sizeof attempt->subject, work->message.subject);
    attempt->generation = next_generation(facts);
    return attempt_begin(run->deps.store, run->mailbox.id, attempt, err);
}

/* From now on it may be shown, whatever comes of the request. */
static bool show(struct run_work *work, struct err *err)
{
    struct run *run = work->run;

    work->step = STEP_PUBLISH;
    work->attempt.open = true;
    work->attempt.unknown_until_ms = store_now(run->deps.store).ms + run->deps.in_doubt_ms;
    return attempt_put_staged(run->deps.store, &work->attempt, err);
}

bool run_stage_plan(struct run_work *work, struct run_facts *facts, struct err *err)
{
    const struct attempt *attempt = run_stage_under_way(facts);

    work->step = STEP_STAGE;
    if (!attempt)
        return begin(work, facts, err);
    work->attempt = *attempt;
    return !attempt->winner[0] || show(work, err);
}

/* ---- what became of it ---- */

/* There is no item. If the copy that was to be shown is gone, and a thorough look that began
 * after that found nothing, then it was shown, and a person removed it or moved it away. */
bool run_stage_settle(struct run_work *work, struct run_facts *facts, bool *wait,
                      struct err *err)
{
    struct run *run = work->run;
    struct attempt *attempt = run_stage_under_way(facts);

    if (!attempt || !attempt->gone_ms)
        return true;
    if (run->passes < RUN_PASSES_IN_DOUBT || run->look_began_ms <= attempt->gone_ms) {
        run_wait(run, 1);
        *wait = true;
        return true;
    }
    log_warning(&run->log,
                "message %s was put into the Inbox there and is in no folder any more: it "
                "counts as deleted by its owner, and can be restored here",
                work->id);
    run_agree_on_attempt(work, attempt);
    attempt->closed_ms = store_now(run->deps.store).ms;
    return attempt_close(run->deps.store, attempt->creation, err);
}

/* It is not to be shown any more (deleted here meanwhile, say). What was asked to show it may
 * still do so for a while. */
bool run_stage_abandon(struct run_work *work, struct run_facts *facts, bool *wait,
                       struct err *err)
{
    struct run *run = work->run;
    struct attempt *attempt = run_stage_under_way(facts);

    if (!attempt)
        return true;
    if (attempt->open &&
        (run->passes < RUN_PASSES_IN_DOUBT || run->look_began_ms < attempt->unknown_until_ms)) {
        run_wait(run, attempt->unknown_until_ms - store_now(run->deps.store).ms);
        *wait = true;
        return true;
    }
    attempt->closed_ms = store_now(run->deps.store).ms;
    return attempt_close(run->deps.store, attempt->creation, err);
}

/* It is there. What it was sent with is agreed, so that what differs was done by a person. */
static bool shown(struct run_work *work, struct err *err)
{
    struct store *store = work->run->deps.store;
    struct item_row *item = &work->item;
    struct attempt made;
    bool found;

    if (!attempt_find(store, item->creation, &made, &found, err))
        return false;
    text_copy(item->folder, sizeof item->folder, work->target);
    item->place = work->place == AGREED_SENT ? REMOTE_SENT : REMOTE_INBOX;
    work->agreed.place = work->place;
    work->agreed.read = found ? made.read : item->read;
    work->agreed.urgent = found ? made.urgent : item->urgent;
    work->agreed.content = found ? made.content : 0;
    text_copy(work->agreed.subject, sizeof work->agreed.subject,
              found ? made.subject : item->subject);
    text_copy(work->agreed.item, sizeof work->agreed.item, item->id);
    text_copy(work->agreed.folder, sizeof work->agreed.folder, item->folder);
    text_copy(work->agreed.version, sizeof work->agreed.version, item->version);
    work->agreed.refusals = 0;
    work->agreed.intent.what = 0;
    work->run->result.created++;
    return attempt_close(store, work->attempt.creation, err) &&
           alarm_clear(store, ALARM_MESSAGE_SET_ASIDE, work->run->mailbox.id, work->id, err) &&
           item_put_own(store, work->run->mailbox.id, "", item, err) &&
           agreed_set(store, work->id, &work->agreed, err) &&
           history_add(store, work->id, "exchange", "created", work->why, err);
}

bool run_stage_done(struct run_work *work, const struct remote_ref *ref, struct err *err)
{
    if (work->step == STEP_PUBLISH)
        return shown(work, err);
    text_copy(work->attempt.winner, sizeof work->attempt.winner, ref->id);
    return attempt_put_staged(work->run->deps.store, &work->attempt, err);
}

/* Nobody ever asked to show the copy that was settled upon, and it is gone: somebody emptied
 * our hidden folder. The name of that generation is spent; the next one has its own. */
static bool stage_anew(struct run_work *work, struct err *err)
{
    struct run *run = work->run;

    log_warning(&run->log,
                "message %s: its staged copy was removed from our hidden folder by somebody "
                "else; it is staged anew",
                work->id);
    run->result.again = run->result.count_attempt = true;
    work->attempt.generation++;
    return attempt_put_staged(run->deps.store, &work->attempt, err);
}

bool run_stage_failed(struct run_work *work, const struct err *said, struct err *err)
{
    struct run *run = work->run;
    int64_t now = store_now(run->deps.store).ms;
    bool gone = said->kind == ERR_GONE && strcmp(said->code, REMOTE_PUBLISHED) == 0;

    run->look_again = run->look_again || said->kind == ERR_GONE;
    if (gone && work->step == STEP_STAGE && !run->deps.staged_only)
        return stage_anew(work, err);
    if (gone) {
        work->attempt.open = true; /* it was shown, perhaps by another server */
        work->attempt.gone_ms = now;
        return attempt_put_staged(run->deps.store, &work->attempt, err);
    }
    if (work->step == STEP_STAGE || said->effect == ERR_EFFECT_NONE)
        return true;
    work->attempt.unknown_until_ms = now + run->deps.in_doubt_ms;
    return attempt_put_staged(run->deps.store, &work->attempt, err);
}

/* ---- the phase that clears up, last and least important ---- */

static void cleared(const struct err *said, void *arg)
{
    struct run *run = arg;
    struct err err;

    run->call = NULL;
    if (said->kind != ERR_OK)
        log_debug(&run->log, "staged copies stay for now: %s", said->text);
    else if (run_begin(run))
        run_commit(run, attempt_clear(run->deps.store, run->leftover.creation, &err), &err);
    run_next(run, said->kind == ERR_OK && ++run->cleared < CLEAR_A_RUN ? RUN_CLEAR : RUN_DONE);
}

void run_clear(struct run *run)
{
    int64_t before = store_now(run->deps.store).ms - TIME_STAGED_KEPT_MS;
    struct attempt *next = &run->leftover;
    int count = 0;
    struct err err;

    /* With several servers it is not known here that no other one is staging it. */
    bool may = !run->deps.staged_only;
    if (may && !attempt_list_uncleared(run->deps.store, run->mailbox.id, before, next, 1,
                                       &count, &err))
        run_fail(run, &err);
    if (!count) {
        run_next(run, RUN_DONE);
        return;
    }
    run->call =
        run->remote->ops->unstage(run->remote, next->message, next->generation, cleared, run);
    run_check_call(run);
}
