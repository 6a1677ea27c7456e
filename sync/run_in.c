/* The run's way in: the folders, the subscription, the changes of each folder. */
#include "sync/run_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bug.h"
#include "base/id.h"
#include "base/text.h"
#include "store/watch.h"

/* A subscription from which nothing came for so many of its status intervals is lost. */
enum { WATCH_SILENT_INTERVALS = 2 };

static void folders_came(const struct err *err, const struct remote_folder *folders,
                         size_t count, void *arg);
static void changes_came(const struct err *err, const struct remote_page *page, void *arg);

static bool load_folders(struct run *run, struct err *err)
{
    free(run->folders);
    run->folders = NULL;
    if (!folder_list(run->deps.store, run->mailbox.id, &run->folders, &run->folder_count, err))
        return false;
    run->folders_known = run->folder_count > 0;
    return true;
}

bool run_in_needed(struct run *run, struct err *err)
{
    if (!run_guard_load(run, err) || !load_folders(run, err) ||
        !attempt_any_open(run->deps.store, run->mailbox.id, &run->in_doubt, err))
        return false;
    /* An earlier look saw an item of ours go and came to no end: where it went is not known. */
    if (!item_any_missing(run->deps.store, run->mailbox.id, &run->look_again, err))
        return false;
    /* Only a change here, and nothing in doubt: it can go out at once. */
    run->need_in = run->look_again || run->in_doubt || !run->folders_known ||
                   (run->reasons & ~(1u << QUEUE_CHANGE)) != 0;
    for (int i = 0; run->folders && i < run->folder_count; i++)
        run->need_in = run->need_in || !run->folders[i].has_token || run->folders[i].listing;
    return true;
}

/* ---- which folders? ---- */

static bool is_known(const struct run *run, const char *id)
{
    for (int i = 0; i < run->folder_count; i++) {
        if (strcmp(run->folders[i].id, id) == 0)
            return true;
    }
    return false;
}

/* Nothing asks for more than the folders that notifications named. */
static bool is_local(const struct run *run)
{
    const unsigned local = 1u << QUEUE_CHANGE | 1u << QUEUE_NOTIFICATION;

    if ((run->reasons & ~local) != 0 || !(run->reasons & 1u << QUEUE_NOTIFICATION) ||
        run->look_again || run->in_doubt || !run->folders_known || run->job.id ||
        run->evidence.refused || run->evidence.compared || run->evidence.older ||
        run->evidence.restoring)
        return false;
    for (int i = 0; i < run->folder_count; i++) {
        if (!run->folders[i].has_token || run->folders[i].listing)
            return false;
    }
    return true;
}

/* From now on all are looked at. */
static void widen(struct run *run)
{
    free(run->hints.folders);
    run->hints = (struct hint_claim){.anywhere = true};
}

bool run_in_locate(struct run *run, struct err *err)
{
    run->hints.anywhere = true;
    if (!is_local(run))
        return true;
    if (!hint_claimed(run->deps.store, run->mailbox.id, &run->hints, err))
        return false;
    for (int i = 0; i < run->hints.count; i++) {
        if (!is_known(run, run->hints.folders[i])) {
            widen(run);
            return true;
        }
    }
    return true;
}

static bool is_looked_at(const struct run *run, const char *folder)
{
    for (int i = 0; i < run->hints.count; i++) {
        if (strcmp(run->hints.folders[i], folder) == 0)
            return true;
    }
    return run->hints.anywhere;
}

/* ---- folders ---- */

void run_folders(struct run *run)
{
    widen(run);
    if (!run->look_began_ms)
        run->look_began_ms = store_now(run->deps.store).ms;
    unsigned with = (run->deps.sent_items ? REMOTE_WITH_SENT : 0u) |
                    (run->deps.voice_outbox && !run->mailbox.removed ? REMOTE_WITH_OUTBOX : 0u);
    run->call = run->remote->ops->folders(run->remote, with, folders_came, run);
    run_check_call(run);
}

static bool same_folders(const struct run *run, const struct remote_folder *folders,
                         size_t count)
{
    if ((size_t)run->folder_count != count)
        return false;
    for (size_t i = 0; i < count; i++) {
        bool found = false;
        for (int k = 0; k < run->folder_count && !found; k++)
            found = strcmp(run->folders[k].id, folders[i].id) == 0;
        if (!found)
            return false;
    }
    return true;
}

/* Sent items are synchronised from now on: what was sent before was at rest without them. */
static bool replace_folders(struct run *run, const struct folder_row *rows, int count,
                            struct err *err)
{
    struct store *store = run->deps.store;
    bool sent = false;

    for (int i = 0; i < count; i++)
        sent = sent || rows[i].place == REMOTE_SENT;
    sent = sent && run->folders_known && !run_root_folder(run, REMOTE_SENT)[0];
    return folder_replace_all(store, run->mailbox.id, rows, count, err) &&
           (!sent || message_mark_all_dirty(store, run->mailbox.id, err));
}

static bool store_folders(struct run *run, const struct remote_folder *folders, size_t count,
                          struct err *err)
{
    struct folder_row *rows = calloc(count ? count : 1, sizeof *rows);

    if (!rows)
        return err_set(err, ERR_SYSTEM, "out of memory");
    for (size_t i = 0; i < count; i++) {
        text_copy(rows[i].id, sizeof rows[i].id, folders[i].id);
        text_copy(rows[i].name, sizeof rows[i].name, folders[i].name);
        rows[i].place = (int)folders[i].place;
        rows[i].root = folders[i].root;
    }
    bool ok =
        run_begin(run) && run_commit(run, replace_folders(run, rows, (int)count, err), err);
    free(rows);
    return ok;
}

static void folders_came(const struct err *err, const struct remote_folder *folders,
                         size_t count, void *arg)
{
    struct run *run = arg;
    struct err failed;

    run->call = NULL;
    if (err->kind != ERR_OK) {
        run_fail(run, err);
        run_next(run, RUN_DONE);
        return;
    }
    run->folders_changed = run->folders_changed || !same_folders(run, folders, count);
    if (count > LIMIT_FOLDERS)
        count = LIMIT_FOLDERS;
    if (!store_folders(run, folders, count, &failed) || !load_folders(run, &failed)) {
        run_fail(run, &failed);
        run_next(run, RUN_DONE);
        return;
    }
    run_next(run, RUN_WATCH);
}

/* ---- the subscription: subscribe first, then look ---- */

static bool hears(const struct run *run)
{
    return (run->deps.watch.callback_url || run->deps.watch.stream) && !run->mailbox.removed;
}

static enum watch_way way_of(const struct run *run)
{
    return run->deps.watch.stream ? WATCH_STREAM : WATCH_PUSH;
}

static bool watch_is_live(const struct run *run, const struct watch *watch)
{
    int64_t heard = watch->heard_ms > watch->made_ms ? watch->heard_ms : watch->made_ms;
    int64_t silent_ms =
        (int64_t)WATCH_SILENT_INTERVALS * run->deps.watch.status_minutes * 60000;

    if (!watch->subscription[0] || run->folders_changed)
        return false;
    if (watch->way == WATCH_STREAM)
        return strcmp(run->deps.watch.subscription, watch->subscription) == 0;
    return store_now(run->deps.store).ms - heard < silent_ms;
}

static void after_watch(struct run *run)
{
    struct err err;

    run->folder_at = 0;
    run->dropped = run->look_again; /* what a step did not find went away, too */
    run->look_again = false;
    if (!run->need_in) {
        run_next(run, RUN_GUARD);
        return;
    }
    run->pass_began_ms = store_now(run->deps.store).ms;
    if (!item_any_unconfirmed(run->deps.store, run->mailbox.id, &run->unconfirmed, &err))
        run_fail(run, &err);
    run_next(run, RUN_IN);
}

/* The way that it was heard before ends only now, when the new one has begun. */
static bool record_watch(struct run *run, const char *subscription, struct err *err)
{
    struct store *store = run->deps.store;

    return watch_set_subscription(store, run->secret, subscription, err) &&
           watch_end_others(store, run->mailbox.id, run->secret, err);
}

static void watch_came(const struct err *err, const char *subscription, void *arg)
{
    struct run *run = arg;
    struct err failed;

    run->call = NULL;
    run->result.subscribed = err->kind == ERR_OK;
    if (err->kind != ERR_OK)
        log_warning(&run->log, "cannot subscribe, polling instead: %s", err->text);
    if (run_begin(run)) {
        bool ok = err->kind == ERR_OK
                      ? record_watch(run, subscription, &failed)
                      : watch_end(run->deps.store, run->mailbox.id, run->secret, &failed);
        run_commit(run, ok, &failed);
    }
    text_copy(run->deps.watch.subscription, sizeof run->deps.watch.subscription,
              err->kind == ERR_OK ? subscription : "");
    if (run->deps.watch.asked)
        run->deps.watch.asked(run->mailbox.id, subscription, err, run->deps.watch.arg);
    run->folders_changed = false;
    /* What was made or moved while nobody was told is not known. */
    if (err->kind == ERR_OK && !run->look_began_ms)
        run_next(run, RUN_FOLDERS);
    else
        after_watch(run);
}

static bool begin_watch(struct run *run, struct err *err)
{
    struct store *store = run->deps.store;
    struct watch watch = {.made_ms = store_now(store).ms, .way = way_of(run)};

    id_token(watch.secret);
    text_copy(run->secret, sizeof run->secret, watch.secret);
    text_copy(watch.mailbox, sizeof watch.mailbox, run->mailbox.id);
    return run_begin(run) && run_commit(run,
                                        watch_end_way(store, run->mailbox.id, watch.way, err) &&
                                            watch_add(store, &watch, err),
                                        err);
}

static void ask_for_watch(struct run *run)
{
    char url[LIMIT_URL];
    const char *base = run->deps.watch.callback_url;
    const char **ids = calloc((size_t)run->folder_count + 1, sizeof *ids);
    const char *slash = base && base[0] && base[strlen(base) - 1] == '/' ? "" : "/";

    for (int i = 0; ids && i < run->folder_count; i++)
        ids[i] = run->folders[i].id;
    snprintf(url, sizeof url, "%s%s%s", base ? base : "", slash, run->secret);
    const struct remote_watching how = {.url = run->deps.watch.stream ? NULL : url,
                                        .status_minutes = run->deps.watch.status_minutes,
                                        .stream = run->deps.watch.stream,
                                        .folders = ids,
                                        .count = ids ? (size_t)run->folder_count : 0};
    run->call = run->remote->ops->watch(run->remote, &how, watch_came, run);
    run_check_call(run);
    free(ids);
}

void run_watch(struct run *run)
{
    struct watch watch;
    bool found;
    struct err err;

    if (!hears(run)) {
        after_watch(run);
        return;
    }
    if (!watch_current(run->deps.store, run->mailbox.id, way_of(run), &watch, &found, &err)) {
        run_fail(run, &err);
        run_next(run, RUN_DONE);
        return;
    }
    run->result.subscribed = found && watch_is_live(run, &watch);
    if (run->result.subscribed ||
        (run->deps.watch.may && !run->deps.watch.may(run->mailbox.id, run->deps.watch.arg))) {
        after_watch(run);
        return;
    }
    run->need_in = true;
    widen(run);
    if (!begin_watch(run, &err)) {
        run_next(run, RUN_DONE);
        return;
    }
    ask_for_watch(run);
}

/* ---- changes ---- */

static void ask_for_changes(struct run *run, const char *folder)
{
    struct err err;

    free(run->token);
    run->token = folder_token(run->deps.store, run->mailbox.id, folder, &err);
    if (!run->token) {
        run_fail(run, &err);
        run_next(run, RUN_DONE);
        return;
    }
    run->result.looks++;
    run->call = run->remote->ops->changes(run->remote, folder, run->token, changes_came, run);
    run_check_call(run);
}

/* Some folders were looked at. What went away may be in any other. It is no pass: who waits for
 * one means all folders. */
static void end_of_local_pass(struct run *run, bool missing)
{
    run->need_in = missing && !bug(vanished_at_once);
    run->result.looked_local = !run->need_in;
    run_next(run, run->need_in ? RUN_FOLDERS : RUN_GUARD);
}

/* All folders were looked at. What went away from one may have arrived in another that was
 * looked at before it, or in a folder that is new: look again before it is taken for deleted.
 * The same for what a create without an answer may have made, and a person have moved since. */
static void end_of_pass(struct run *run)
{
    struct err err;
    bool missing = false;

    if (run->dropped && !item_any_missing(run->deps.store, run->mailbox.id, &missing, &err)) {
        run_fail(run, &err);
        run_next(run, RUN_DONE);
        return;
    }
    if (!run->hints.anywhere) {
        end_of_local_pass(run, missing);
        return;
    }
    run->passes++;
    bool doubt = run->in_doubt && run->passes < RUN_PASSES_IN_DOUBT;
    run->need_in = doubt || (missing && run->passes < RUN_PASSES_MAX && !bug(vanished_at_once));
    run->result.looked = run->result.looked || !run->need_in;
    if (!run->need_in)
        run_next(run, RUN_GUARD);
    else if (doubt || run->passes == 1)
        run_next(run, RUN_FOLDERS);
    else
        run_next(run, RUN_WATCH);
}

void run_in(struct run *run)
{
    while (run->folder_at < run->folder_count &&
           !is_looked_at(run, run->folders[run->folder_at].id))
        run->folder_at++;
    if (run->folder_at < run->folder_count)
        ask_for_changes(run, run->folders[run->folder_at].id);
    else
        end_of_pass(run);
}

static bool put_seen(struct run *run, const struct folder_row *folder,
                     const struct remote_item *item, struct err *err)
{
    struct item_row row = {.place = folder->place,
                           .read = item->read,
                           .urgent = item->urgent,
                           .modified_ms = item->modified.ms,
                           .created_ms = item->created.ms};

    if (!id_valid(item->message_id)) /* not one of ours */
        return true;
    text_copy(row.id, sizeof row.id, item->id);
    text_copy(row.folder, sizeof row.folder, folder->id);
    text_copy(row.version, sizeof row.version, item->version);
    text_copy(row.message, sizeof row.message, item->message_id);
    text_copy(row.creation, sizeof row.creation, item->creation);
    text_copy(row.subject, sizeof row.subject, item->subject);
    return item_put(run->deps.store, run->mailbox.id, &row, err);
}

static bool apply_change(struct run *run, const struct folder_row *folder,
                         const struct remote_change *change, struct err *err)
{
    const char *mailbox = run->mailbox.id;
    bool known;

    if (folder->place == REMOTE_OUTBOX) /* mapped to nothing: what is there is not mirrored */
        return run_outbox_note(run, folder, change, err);
    switch (change->kind) {
    case REMOTE_SEEN: return put_seen(run, folder, &change->item, err);
    case REMOTE_READ_FLAG:
        return item_set_read(run->deps.store, mailbox, change->item.id, change->item.read, err);
    case REMOTE_REMOVED:
        run->made_room = true;
        if (!item_drop(run->deps.store, mailbox, change->item.id, folder->id, &known, err))
            return false;
        run->dropped = run->dropped || known;
        return true;
    }
    return true;
}

/* A page more, for those who watch the job. */
static bool note_page(struct run *run, struct err *err)
{
    if (!run->job.id)
        return true;
    run->job.pages++;
    return job_update(run->deps.store, &run->job, err);
}

static bool apply_page(struct run *run, struct folder_row *folder,
                       const struct remote_page *page, struct err *err)
{
    struct store *store = run->deps.store;
    int gone = 0;

    for (size_t i = 0; i < page->count && (page->last || !bug(page_skipped)); i++) {
        if (!apply_change(run, folder, &page->changes[i], err))
            return false;
    }
    if (!run_guard_see(run, folder, page, err))
        return false;
    if (page->last) {
        if (folder->listing && folder->place == REMOTE_OUTBOX &&
            !outbox_end_listing(store, run->mailbox.id, folder->id, err))
            return false;
        if (folder->listing &&
            !folder_end_listing(store, run->mailbox.id, folder->id, &gone, err))
            return false;
        folder->listing = false;
        run->dropped = run->dropped || gone > 0;
        if (!item_drop_unconfirmed(store, run->mailbox.id, folder->id, &gone, err))
            return false;
        run->dropped = run->dropped || gone > 0;
    }
    return folder_set_token(store, run->mailbox.id, folder->id, page->token, err) &&
           note_page(run, err);
}

static void begin_again(struct run *run, const char *folder)
{
    struct err err;

    log_warning(&run->log,
                "the other side refused the state of a folder: comparing it in full");
    if (run_begin(run) &&
        run_commit(run,
                   folder_begin_listing(run->deps.store, run->mailbox.id, folder, &err) &&
                       run_guard_refused(run, &err),
                   &err))
        run->folders[run->folder_at].listing = true;
    if (!run->hints.anywhere) { /* the others may have lost theirs, too */
        widen(run);
        run->folder_at = 0;
    }
    run_next(run, run->stop ? RUN_DONE : RUN_IN);
}

/* After a restore every folder's state is refused, once. */
static void changes_failed(struct run *run, const struct err *err)
{
    bool may = err->kind == ERR_GONE && run->restarts++ < run->folder_count + RUN_PASSES_MAX;

    run->passes += bug(refusal_counts_as_look);
    if (may && strcmp(err->code, "token") == 0) {
        begin_again(run, run->folders[run->folder_at].id);
    } else if (may) {
        run_next(run, RUN_FOLDERS); /* the folder is gone: which are there now? */
    } else {
        run_fail(run, err);
        run_next(run, RUN_DONE);
    }
}

/* Most pages say that nothing happened: those are worth no transaction. */
static bool tells_nothing(const struct run *run, const struct folder_row *folder,
                          const struct remote_page *page)
{
    return page->last && page->count == 0 && !folder->listing && !run->job.id &&
           !run->unconfirmed && strcmp(page->token, run->token) == 0;
}

static void changes_came(const struct err *err, const struct remote_page *page, void *arg)
{
    struct run *run = arg;
    struct err failed;

    run->call = NULL;
    if (err->kind != ERR_OK) {
        changes_failed(run, err);
        return;
    }
    if (tells_nothing(run, &run->folders[run->folder_at], page)) {
        run->folder_at++;
        run_next(run, RUN_IN);
        return;
    }
    if (!run_begin(run) ||
        !run_commit(run, apply_page(run, &run->folders[run->folder_at], page, &failed),
                    &failed)) {
        run_next(run, RUN_DONE);
        return;
    }
    if (page->last)
        run->folder_at++;
    else if (++run->pages > LIMIT_SYNC_PAGES) {
        err_set(&failed, ERR_PROTOCOL,
                "the other side never comes to an end of its changes (%d pages)",
                LIMIT_SYNC_PAGES);
        failed.scope = ERR_SCOPE_MAILBOX;
        run_fail(run, &failed);
    }
    run_next(run, run->stop ? RUN_DONE : RUN_IN);
}
