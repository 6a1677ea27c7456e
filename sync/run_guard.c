/* The run's guard: between the way in and the way out it asks whether what was told is the
 * doing of a person (sync/guard.h, sync/restore.h), and acts on the answer. */
#include "sync/run_private.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/id.h"
#include "base/text.h"
#include "store/history.h"
#include "sync/guard.h"
#include "sync/restore.h"

/* Less than the hour after which a full mailbox is run again (sync/outcome.c). */
enum { FULL_REMEMBERED_MS = 55 * 60 * 1000 };

static bool load(struct run *run, struct err *err)
{
    return evidence_get(run->deps.store, run->mailbox.id, &run->evidence, err);
}

static bool save(struct run *run, struct err *err)
{
    return evidence_put(run->deps.store, run->mailbox.id, &run->evidence, err);
}

static bool save_now(struct run *run, struct err *err)
{
    return run_begin(run) && run_commit(run, save(run, err), err);
}

/* The mirror is that of another mailbox: nothing of it holds for this one. */
static bool forget_mirror(struct run *run, struct err *err)
{
    bool first = !run->evidence.address[0];

    text_copy(run->evidence.address, sizeof run->evidence.address, run->mailbox.smtp);
    return run_begin(run) &&
           run_commit(run,
                      save(run, err) &&
                          (first ||
                           folder_replace_all(run->deps.store, run->mailbox.id, NULL, 0, err)),
                      err);
}

bool run_guard_load(struct run *run, struct err *err)
{
    return load(run, err) && (strcasecmp(run->evidence.address, run->mailbox.smtp) == 0 ||
                              forget_mirror(run, err));
}

bool run_guard_refused(struct run *run, struct err *err)
{
    if (!load(run, err))
        return false;
    run->evidence.refused = true;
    return save(run, err);
}

/* Other mail, which is none of ours, tells whether Exchange went back in time: what was there
 * at the last look would not be there. */
bool run_guard_see(struct run *run, const struct folder_row *folder,
                   const struct remote_page *page, struct err *err)
{
    struct evidence *evidence = &run->evidence;
    int64_t newest = evidence->others_ms;

    if (!folder->listing || (!evidence->refused && !evidence->compared))
        return true;
    for (size_t i = 0; i < page->count; i++) {
        const struct remote_item *item = &page->changes[i].item;
        if (page->changes[i].kind == REMOTE_SEEN && !id_valid(item->message_id) &&
            item->created.ms > newest &&
            item->created.ms <= evidence->looked_at - RESTORE_CLOCKS_MS)
            newest = item->created.ms;
    }
    if (newest == evidence->others_ms)
        return true;
    if (!load(run, err)) /* what the page itself told is in it already */
        return false;
    evidence->others_ms = newest;
    return save(run, err);
}

/* ---- was it restored from a backup? ---- */

static void forget_signs(struct evidence *evidence)
{
    evidence->refused = evidence->compared = false;
    evidence->older = evidence->others_ms = 0;
}

static enum restore_verdict judge(const struct run *run, const struct evidence_counts *counts)
{
    const struct evidence *evidence = &run->evidence;
    const struct restore_signs signs = {
        .refused = evidence->refused,
        .compared = evidence->compared,
        .older = evidence->older,
        .reappeared = counts->reappeared,
        .kept = counts->kept,
        .vanished = counts->vanished,
        .lost = counts->lost,
        .mail_between = counts->first_lost_ms && evidence->others_ms > counts->first_lost_ms,
        .unseen_ms =
            evidence->looked_at ? store_now(run->deps.store).ms - evidence->looked_at : -1,
    };

    return restore_judge(&signs);
}

static bool found(struct run *run, const struct evidence_counts *counts, struct err *err)
{
    struct evidence *evidence = &run->evidence;

    log_warning(&run->log,
                "Exchange was restored from a backup: what it lacks is put back, and what went "
                "back is set again from here");
    forget_signs(evidence);
    evidence->restoring = true;
    evidence->restored_at = store_now(run->deps.store).ms;
    evidence->restored_to = counts->kept_ms;
    evidence->put_back = 0;
    return save_now(run, err);
}

static bool look_at_everything(struct run *run, struct err *err)
{
    struct store *store = run->deps.store;

    log_warning(&run->log,
                "the newest messages vanished from Exchange, or items are older than "
                "they were: comparing everything before anything is concluded");
    run->evidence.compared = true;
    run->need_in = true;
    return run_begin(run) &&
           run_commit(run,
                      save(run, err) && folder_begin_listing(store, run->mailbox.id, "", err),
                      err);
}

/* *look: everything has to be listed anew first. */
static bool look_for_restore(struct run *run, bool missing, bool *look, struct err *err)
{
    struct evidence *evidence = &run->evidence;
    bool signs = evidence->refused || evidence->older > 0 || evidence->compared;
    struct evidence_counts counts;

    if (evidence->restoring || (!signs && !missing))
        return true;
    if (!evidence_count(run->deps.store, run->mailbox.id, evidence->looked_at, &counts, err))
        return false;
    switch (judge(run, &counts)) {
    case RESTORE_YES: return found(run, &counts, err);
    case RESTORE_LOOK: *look = true; return look_at_everything(run, err);
    case RESTORE_NO: break;
    }
    if (!signs)
        return true;
    forget_signs(evidence);
    return save_now(run, err);
}

/* ---- room there ---- */

/* A create that is refused because the mailbox is full sends the whole recording first: it is
 * tried again when something was removed there, when an administrator asks, or hourly. */
static void recall_full(struct run *run)
{
    int64_t full_at = run->evidence.full_at;

    run->still_full = full_at && !run->made_room && !run->job.id &&
                      store_now(run->deps.store).ms - full_at < FULL_REMEMBERED_MS;
    run->result.full = run->result.full || run->still_full;
}

static bool full_is_news(const struct run *run)
{
    return run->still_full ? false : run->result.full || run->evidence.full_at;
}

/* ---- the guard ---- */

static bool count(struct run *run, bool missing, struct guard_facts *facts,
                  struct strays *strays, struct err *err)
{
    struct store *store = run->deps.store;
    const struct evidence *evidence = &run->evidence;
    struct evidence_counts lost = {0};
    int64_t now = store_now(store).ms;

    if (!item_count_missing(store, run->mailbox.id, &facts->vanished, &facts->agreed, err) ||
        !stray_count(store, run->mailbox.id, strays, err) ||
        (missing && evidence->restoring &&
         !evidence_count_lost(store, run->mailbox.id, evidence->restored_to, &lost, err)) ||
        (strays->foreign && !item_count(store, run->mailbox.id, &facts->items, err)))
        return false;
    facts->count = run->deps.guard_count;
    facts->percent = run->deps.guard_percent;
    /* What is put back is not deleted; and nothing is, where this side wins. */
    facts->vanished = run->rule == RULE_NORMAL ? facts->vanished - lost.lost : 0;
    facts->foreign = strays->foreign;
    facts->same = strays->same;
    if (evidence->vanished_at && now - evidence->vanished_at < GUARD_MEMORY_MS)
        facts->vanished_before = evidence->vanished;
    facts->told = evidence->guarded && strcmp(run->job.kind, JOB_RESYNC) == 0;
    return true;
}

static bool stop(struct run *run, const struct guard_facts *facts, enum guard_verdict verdict,
                 const struct strays *strays, struct err *err)
{
    struct mailbox other = {.name = "another user"};
    char text[LIMIT_REASON];
    struct err ignored;

    if (strays->other[0])
        mailbox_get(run->deps.store, strays->other, &other, &ignored);
    guard_explain(facts, verdict, run->mailbox.name, run->mailbox.smtp, other.name, text,
                  sizeof text);
    run->result.suspend = true;
    run->evidence.guarded = true;
    return save_now(run, err) && err_set(err, ERR_REFUSED, "%s", text);
}

/* What it said is over, or an administrator was told and asked for a resync: it may be so. */
static bool let_pass(struct run *run, bool accept, struct err *err)
{
    run->evidence.guarded = false;
    run->evidence.vanished = 0;
    return run_begin(run) &&
           run_commit(run,
                      save(run, err) &&
                          (!accept || stray_accept(run->deps.store, run->mailbox.id, err)),
                      err);
}

/* *look: everything has to be looked at once more before anything is concluded. */
static bool judge_run(struct run *run, bool *look, struct err *err)
{
    struct guard_facts facts = {0};
    struct strays strays;
    bool missing;

    *look = false;
    if (!load(run, err) || !item_any_missing(run->deps.store, run->mailbox.id, &missing, err) ||
        !look_for_restore(run, missing, look, err))
        return false;
    if (*look)
        return true;
    if (!count(run, missing, &facts, &strays, err))
        return false;
    recall_full(run);
    run->result.unknown = strays.unknown;
    run->vanished = facts.vanished;
    if (run->rule == RULE_ERASE)
        return true;
    enum guard_verdict verdict = guard_judge(&facts);
    if (verdict != GUARD_PASS)
        return stop(run, &facts, verdict, &strays, err);
    return !run->evidence.guarded || let_pass(run, facts.told && strays.foreign, err);
}

/* Who does not pass still comes to the end of the way out, where the job is told. */
void run_guard(struct run *run)
{
    bool look = false;
    struct err err;

    err_clear(&err);
    if (!judge_run(run, &look, &err)) {
        run_fail(run, &err);
        run_next(run, RUN_OUT);
    } else {
        run_next(run, look ? RUN_FOLDERS : RUN_IMPORT);
    }
}

/* ---- one message after a restore ---- */

static enum agreed_place place_of(const struct item_row *item)
{
    return item->place == REMOTE_DELETED ? AGREED_DELETED : AGREED_INBOX;
}

static bool differs(const struct run_work *work)
{
    const struct item_row *item = &work->item;
    const struct message *message = &work->message;
    enum message_folder there =
        place_of(item) == AGREED_DELETED ? FOLDER_DELETED : FOLDER_INBOX;

    return item->read != message->read || item->urgent != message->urgent ||
           strcmp(item->subject, message->subject) != 0 || there != message->folder;
}

static bool put_back(struct run_work *work, struct err *err)
{
    struct run *run = work->run;

    run->evidence.put_back++;
    return save(run, err) && agreed_set(run->deps.store, work->id, &work->agreed, err) &&
           history_add(run->deps.store, work->id, "exchange", "put back",
                       "after a restore of Exchange from a backup", err);
}

/* It shows an older state, and that is no person's: it becomes what both last had in common, so
 * that ours is the later one. */
static bool rebase(struct run_work *work, struct known *known, struct err *err)
{
    struct run *run = work->run;
    struct agreed *agreed = &work->agreed;
    const struct item_row *item = &work->item;
    bool changes = differs(work);

    agreed->place = place_of(item);
    agreed->read = item->read;
    agreed->urgent = item->urgent;
    if (stamp_time(work->message.content_at).ms > item->created_ms)
        agreed->content = 0; /* its body may be older than what is told here */
    agreed->intent.what = 0;
    text_copy(agreed->subject, sizeof agreed->subject, item->subject);
    text_copy(agreed->item, sizeof agreed->item, item->id);
    text_copy(agreed->folder, sizeof agreed->folder, item->folder);
    text_copy(agreed->version, sizeof agreed->version, item->version);
    text_copy(known->item, sizeof known->item, item->id);
    known->created_ms = item->created_ms;
    known->modified_ms = item->modified_ms;
    known->told_at = known->changed_at = store_now(run->deps.store).ms;
    return known_set(run->deps.store, run->mailbox.id, work->id, known, err) &&
           (!changes || put_back(work, err));
}

/* It moved: the mirror held the old item still when it was told of the new one. */
static bool learn(struct run_work *work, struct known *known, struct err *err)
{
    const struct item_row *item = &work->item;

    if (!item->confirmed || strcmp(known->item, item->id) == 0 ||
        item->modified_ms < known->modified_ms)
        return true;
    text_copy(known->item, sizeof known->item, item->id);
    known->created_ms = item->created_ms;
    known->modified_ms = item->modified_ms;
    known->told_at = known->changed_at = store_now(work->run->deps.store).ms;
    return known_set(work->run->deps.store, work->run->mailbox.id, work->id, known, err);
}

/* In the inbox here, nowhere there: gone there is what is agreed, so that it is created. */
static bool give_back(struct run_work *work, const struct known *known, struct err *err)
{
    struct agreed *agreed = &work->agreed;

    if (work->message.folder != FOLDER_INBOX || agreed->place != AGREED_INBOX ||
        !restore_is_lost(known->created_ms, work->run->evidence.restored_to))
        return true;
    agreed->place = AGREED_GONE;
    agreed->item[0] = agreed->folder[0] = agreed->version[0] = '\0';
    return put_back(work, err);
}

bool run_guard_message(struct run_work *work, bool present, struct err *err)
{
    const struct agreed *agreed = &work->agreed;
    struct known known;

    if (work->message.folder == FOLDER_PURGED ||
        (agreed->place != AGREED_INBOX && agreed->place != AGREED_DELETED &&
         agreed->place != AGREED_GONE))
        return true;
    if (!known_get(work->run->deps.store, work->id, &known, err))
        return false;
    if (!work->run->evidence.restoring)
        return !present || learn(work, &known, err);
    if (!present)
        return give_back(work, &known, err);
    const struct restore_item item = {
        .known = known.item[0] != '\0' && known.changed_at <= work->run->evidence.looked_at,
        .same = strcmp(known.item, work->item.id) == 0,
        .gone_agreed = agreed->place == AGREED_GONE,
        .known_ms = known.modified_ms,
        .modified_ms = work->item.modified_ms,
        .read_there = work->item.read,
        .read_here = work->message.read};
    return restore_is_back(&item) ? rebase(work, &known, err) : learn(work, &known, err);
}

/* ---- after the way out ---- */

/* Every message was planned once; what follows from a restore is in its agreement. */
bool run_guard_end(struct run *run, struct err *err)
{
    struct store *store = run->deps.store;
    struct evidence *evidence = &run->evidence;
    int64_t now = store_now(store).ms, left = 0, agreed;
    bool bulk = run->vanished >= GUARD_BULK;

    if (!evidence->restoring && !bulk && !full_is_news(run))
        return true;
    if (full_is_news(run))
        evidence->full_at = run->result.full ? now : 0;
    if (bulk && !item_count_missing(store, run->mailbox.id, &left, &agreed, err))
        return false;
    if (bulk && run->vanished - left >= GUARD_BULK) {
        if (!evidence->vanished_at || now - evidence->vanished_at >= GUARD_MEMORY_MS) {
            evidence->vanished_at = now;
            evidence->vanished = 0;
        }
        evidence->vanished += run->vanished - left;
    }
    run->vanished = 0;
    evidence->restoring = false;
    return save_now(run, err);
}
