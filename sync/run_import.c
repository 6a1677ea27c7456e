/* Taking back messages that only Exchange has: items of ours whose message is not known here
 * any more, because the store was restored from a backup. An administrator asks for it. Each is
 * read, its recording fetched, and kept under its own id in one transaction, agreed at once.
 * What was purged here has left a trace and is no such item. A crash leaves an item as it was:
 * unknown, and taken back by the next run of the job. */
#include "sync/run_private.h"

#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/id.h"
#include "base/text.h"
#include "store/audio.h"
#include "store/history.h"

static void drop_file(struct run *run)
{
    if (run->import.path[0])
        unlink(run->import.path);
    run->import.path[0] = '\0';
}

void run_import_clear(struct run *run)
{
    drop_file(run);
}

static void go_on(struct run *run)
{
    drop_file(run);
    run_next(run, run->stop ? RUN_DONE : RUN_IMPORT);
}

/* One that cannot be taken back holds up no other: it stays where it is, and is counted. */
static void failed(struct run *run, const struct err *said)
{
    bool stopped = run->stop;

    log_warning(&run->log, "message %s is not taken back from Exchange: %s",
                run->import.item.message, said->text);
    if (said->scope == ERR_SCOPE_ITEM && said->when == ERR_WHEN_NEVER) {
        go_on(run);
        return;
    }
    run_fail(run, said);
    if (said->scope == ERR_SCOPE_ITEM)
        run->stop = stopped;
    go_on(run);
}

/* ---- keeping it ---- */

static bool add(struct run *run, const struct audio_info *audio, struct err *err)
{
    const struct import *import = &run->import;
    const struct item_row *item = &import->item;
    char id[LIMIT_UUID];
    const struct message_new message = {
        .id = item->message,
        .mailbox = run->mailbox.id,
        .kind = KIND_VOICE,
        .from_number = import->number,
        .from_name = import->name,
        .from_address = import->address,
        .reference = import->reference,
        .subject = item->subject,
        .received = import->received,
        .urgent = item->urgent,
        .read = item->read,
        .private = import->private,
        .secure = audio == NULL, /* its recording never left; nothing else may either */
        .sent = item->place == REMOTE_SENT,
        .audio = audio,
    };

    return message_add(run->deps.store, &message, id, err) &&
           (item->place != REMOTE_DELETED ||
            message_set_folder(run->deps.store, id, FOLDER_DELETED, NULL, err));
}

static bool agree(struct run *run, struct err *err)
{
    const struct item_row *item = &run->import.item;
    struct store *store = run->deps.store;
    struct message message;
    struct agreed agreed = {.read = item->read, .urgent = item->urgent};

    if (!message_get(store, item->message, &message, err))
        return false;
    agreed.place = item->place == REMOTE_DELETED ? AGREED_DELETED
                   : item->place == REMOTE_SENT  ? AGREED_SENT
                                                 : AGREED_INBOX;
    agreed.content = message.content_at;
    text_copy(agreed.subject, sizeof agreed.subject, item->subject);
    text_copy(agreed.item, sizeof agreed.item, item->id);
    text_copy(agreed.folder, sizeof agreed.folder, item->folder);
    text_copy(agreed.version, sizeof agreed.version, item->version);
    struct known known = {.created_ms = item->created_ms,
                          .modified_ms = item->modified_ms,
                          .told_at = store_now(store).ms,
                          .changed_at = store_now(store).ms};
    text_copy(known.item, sizeof known.item, item->id);
    return agreed_set(store, item->message, &agreed, err) &&
           known_set(store, run->mailbox.id, item->message, &known, err) &&
           stray_claim(store, run->mailbox.id, err) &&
           message_mark_clean(store, item->message, message.row, err);
}

static void keep(struct run *run, const struct audio_info *audio)
{
    const char *why = audio ? "it was not known here any more"
                            : "it was not known here any more; Exchange has no recording of it";
    const char *id = run->import.item.message;
    struct err err;

    if (run_begin(run)) {
        bool ok = add(run, audio, &err) && agree(run, &err) &&
                  history_add(run->deps.store, id, "connection", "taken back from Exchange",
                              why, &err);
        if (!ok && (err.kind == ERR_DATA || err.kind == ERR_USAGE)) {
            store_rollback(run->deps.store);
            err.scope = ERR_SCOPE_ITEM;
            err.when = ERR_WHEN_NEVER;
            failed(run, &err);
            return;
        }
        if (run_commit(run, ok, &err))
            run->result.taken_in++;
    }
    go_on(run);
}

/* ---- its recording ---- */

static void fetched(const struct err *said, void *arg)
{
    struct run *run = arg;
    struct audio_info audio;
    struct err err;

    run->call = NULL;
    crash_point("run.answered");
    if (said->kind != ERR_OK) {
        failed(run, said);
    } else if (!audio_import(run->deps.store, run->import.path, &audio, &err)) {
        err.scope = err.kind == ERR_DATA ? ERR_SCOPE_ITEM : ERR_SCOPE_SERVICE;
        err.when = err.kind == ERR_DATA ? ERR_WHEN_NEVER : err.when;
        failed(run, &err);
    } else {
        keep(run, &audio);
    }
}

static void fetch(struct run *run, const char *attachment)
{
    struct err err;

    if (!audio_temp_path(run->deps.store, run->import.path, &err)) {
        run->import.path[0] = '\0';
        err.scope = ERR_SCOPE_SERVICE;
        failed(run, &err);
        return;
    }
    run->call =
        run->remote->ops->fetch(run->remote, attachment, run->import.path, fetched, run);
    run_check_call(run);
}

static const char *recording_of(const struct remote_composed *whole)
{
    for (size_t i = 0; i < whole->attachment_count; i++) {
        const struct remote_attachment *attachment = &whole->attachments[i];
        if (attachment->is_file && strncasecmp(attachment->type, "audio/", 6) == 0)
            return attachment->id;
    }
    return NULL;
}

/* ---- the item ---- */

static void take_words(struct run *run, const struct remote_composed *whole)
{
    struct import *import = &run->import;

    text_copy(import->number, sizeof import->number, whole->caller_number);
    text_copy(import->name, sizeof import->name, whole->caller_name);
    text_copy(import->address, sizeof import->address, whole->from);
    text_copy(import->reference, sizeof import->reference, whole->reference);
    import->private = whole->private;
    import->received = whole->received.ms ? whole->received : whole->created;
}

static void came(const struct err *said, const struct remote_composed *whole, void *arg)
{
    struct run *run = arg;

    run->call = NULL;
    crash_point("run.answered");
    if (said->kind == ERR_GONE) { /* its owner removed it */
        go_on(run);
    } else if (said->kind != ERR_OK) {
        failed(run, said);
    } else {
        const char *recording = recording_of(whole);
        take_words(run, whole);
        if (recording)
            fetch(run, recording);
        else
            keep(run, NULL);
    }
}

void run_import(struct run *run)
{
    struct store *store = run->deps.store;
    struct import *import = &run->import;
    struct item_row next;
    struct strays strays = {.unknown = 0};
    bool found = false;
    struct err err;

    if (strcmp(run->job.kind, JOB_IMPORT) == 0 &&
        (!stray_next_unknown(store, run->mailbox.id, import->item.id, &next, &found, &err) ||
         (!found && !stray_count(store, run->mailbox.id, &strays, &err)))) {
        run_fail(run, &err);
        run_next(run, RUN_DONE);
    } else if (!found) {
        if (strcmp(run->job.kind, JOB_IMPORT) == 0)
            run->result.unknown = strays.unknown;
        run_next(run, RUN_OUTBOX);
    } else {
        import->item = next;
        crash_point("run.before-request");
        run->call = run->remote->ops->composed(run->remote, next.id, came, run);
        run_check_call(run);
    }
}
