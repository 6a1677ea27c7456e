/* What people composed is taken in: each item of the Voice Outbox is read, its recording
 * fetched, and then delivered in one transaction that also says so of the item. Only after that
 * is it removed there, as often as that takes: whatever dies, and whichever answer is lost, the
 * message is delivered once. */
#include "sync/run_private.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/file.h"
#include "base/id.h"
#include "base/poke.h"
#include "base/text.h"
#include "store/alarm.h"

/* One alarm a mailbox, however many of its items are set aside. */
#define ALARM_SUBJECT "Voice Outbox"

/* ---- what the other side tells of the folder ---- */

static bool clear_alarm(struct run *run, struct err *err)
{
    struct store *store = run->deps.store;
    bool any;

    if (!outbox_any_set_aside(store, run->mailbox.id, &any, err))
        return false;
    return any ||
           alarm_clear(store, ALARM_MESSAGE_SET_ASIDE, run->mailbox.id, ALARM_SUBJECT, err);
}

bool run_outbox_note(struct run *run, const struct folder_row *folder,
                     const struct remote_change *change, struct err *err)
{
    const struct remote_item *item = &change->item;
    struct store *store = run->deps.store;

    switch (change->kind) {
    case REMOTE_SEEN:
        /* A message of ours that a person put there was not composed. */
        return id_valid(item->message_id) ||
               (outbox_note(store, run->mailbox.id, folder->id, item->id, item->version, err) &&
                clear_alarm(run, err));
    case REMOTE_READ_FLAG: return true;
    case REMOTE_REMOVED:
        return outbox_drop(store, run->mailbox.id, item->id, err) && clear_alarm(run, err);
    }
    return true;
}

/* ---- the item at hand ---- */

static void drop_letter(struct run *run)
{
    outbox_letter_free(&run->outbox.letter);
    if (run->outbox.path[0])
        unlink(run->outbox.path);
    run->outbox.path[0] = '\0';
}

void run_outbox_clear(struct run *run)
{
    drop_letter(run);
    run->outbox.row.item[0] = '\0';
}

static void go_on(struct run *run)
{
    drop_letter(run);
    run_next(run, run->stop ? RUN_DONE : RUN_OUTBOX);
}

static int64_t quiet_in_ms(const struct run *run)
{
    return run->outbox.row.changed_ms + TIME_OUTBOX_QUIET_MS - store_now(run->deps.store).ms;
}

static bool is_quiet(const struct run *run)
{
    return quiet_in_ms(run) <= 0;
}

static void wait_for_quiet(struct run *run)
{
    run_wait(run, quiet_in_ms(run));
    go_on(run);
}

/* ---- transactions ---- */

/* (tx) The item is gone there. */
static bool forget(struct run *run, struct err *err)
{
    return outbox_drop(run->deps.store, run->mailbox.id, run->outbox.row.item, err) &&
           clear_alarm(run, err);
}

/* Whether it was said already: a change of the item that changes nothing of what was refused is
 * not refused again. */
static bool keep(struct run *run, const char *subject, const char *reason, struct err *err)
{
    struct outbox_row *row = &run->outbox.row;
    char digest[LIMIT_SHA256], text[LIMIT_REASON + sizeof OUTBOX_KEPT_REMEDY], id[LIMIT_UUID];

    outbox_digest(run->outbox.letter, reason, digest);
    bool said = row->digest[0] && strcmp(row->digest, digest) == 0;
    text_copy(row->digest, sizeof row->digest, digest);
    row->state = OUTBOX_KEPT;
    row->refusals = 0;
    snprintf(text, sizeof text, "%s%s", reason, OUTBOX_KEPT_REMEDY);
    return (said ||
            (run_tell_sender(run, subject, text, NULL, id, err) &&
             outbox_set_messages(run->deps.store, run->mailbox.id, row->item, id, err))) &&
           outbox_set(run->deps.store, run->mailbox.id, row, err);
}

/* Refused, and left there. */
static void keep_item(struct run *run, const char *subject, const char *reason)
{
    struct err err;

    if (run_begin(run) && run_commit(run, keep(run, subject, reason, &err), &err))
        log_info(&run->log, "left in the Voice Outbox: %s", reason);
    go_on(run);
}

/* ---- failures ---- */

static bool is_refusal(const struct err *said)
{
    return said->scope == ERR_SCOPE_ITEM && said->when == ERR_WHEN_NEVER &&
           said->effect == ERR_EFFECT_NONE && said->kind != ERR_FULL;
}

/* (tx) */
static bool set_aside(struct run *run, const struct err *said, struct err *err)
{
    const struct outbox_row *row = &run->outbox.row;
    char text[LIMIT_REASON], id[LIMIT_UUID];

    snprintf(
        text, sizeof text,
        "mailbox %s: a message in the Voice Outbox cannot be %s: %.300s; it is tried again "
        "when it is changed",
        run->mailbox.name, row->state == OUTBOX_TAKEN ? "removed" : "delivered", said->text);
    log_error(&run->log, "set aside after %d refusals: %s", row->refusals, text);
    if (!alarm_raise(run->deps.store, ALARM_MESSAGE_SET_ASIDE, run->mailbox.id, ALARM_SUBJECT,
                     text, err))
        return false;
    if (row->state == OUTBOX_TAKEN) /* it was delivered */
        return true;
    snprintf(text, sizeof text, "It could not be read: %.300s." OUTBOX_KEPT_REMEDY, said->text);
    return run_tell_sender(run, run->outbox.letter ? run->outbox.letter->subject : "", text,
                           NULL, id, err);
}

static void refuse(struct run *run, const struct err *said)
{
    struct outbox_row *row = &run->outbox.row;
    struct err err;

    row->refusals++;
    if (row->refusals < LIMIT_SET_ASIDE_AFTER)
        run->result.again = run->result.count_attempt = true;
    if (run_begin(run))
        run_commit(run,
                   outbox_set(run->deps.store, run->mailbox.id, row, &err) &&
                       (row->refusals < LIMIT_SET_ASIDE_AFTER || set_aside(run, said, &err)),
                   &err);
    go_on(run);
}

static void failed(struct run *run, const struct err *said)
{
    bool stopped = run->stop;

    log_debug(&run->log, "an item of the Voice Outbox: %s", said->text);
    if (is_refusal(said) && said->kind != ERR_GONE) {
        refuse(run, said);
        return;
    }
    run_fail(run, said);
    if (said->scope == ERR_SCOPE_ITEM) /* the others are not held up */
        run->stop = stopped;
    go_on(run);
}

static void gone(struct run *run)
{
    struct err err;

    if (run_begin(run))
        run_commit(run, forget(run, &err), &err);
    go_on(run);
}

/* ---- removing what was taken ---- */

static void removed(const struct err *said, void *arg)
{
    struct run *run = arg;

    run->call = NULL;
    crash_point("run.answered");
    if (said->kind != ERR_OK && said->kind != ERR_GONE) {
        failed(run, said);
        return;
    }
    run->result.removed += said->kind == ERR_OK;
    gone(run);
}

static void remove_item(struct run *run)
{
    drop_letter(run);
    crash_point("run.before-request");
    run->call = run->remote->ops->remove(run->remote, run->outbox.row.item, removed, run);
    run_check_call(run);
}

/* ---- delivering ---- */

/* Nothing that is wrong with one message ends the run. */
static bool is_its_own(const struct err *err)
{
    return err->kind == ERR_DATA || err->kind == ERR_USAGE || err->kind == ERR_NO_MAILBOX;
}

static void take_letter(struct run *run, const struct audio_info *audio)
{
    bool wait;
    struct err err;

    if (!run_begin(run)) {
        go_on(run);
        return;
    }
    bool ok = run_take(run, audio, is_quiet(run), &wait, &err);
    if (!ok && is_its_own(&err)) {
        store_rollback(run->deps.store);
        refuse(run, &err);
    } else if (!run_commit(run, ok, &err)) {
        go_on(run);
    } else if (wait) {
        wait_for_quiet(run);
    } else {
        run->result.taken_in++;
        poke_send(store_state_dir(run->deps.store), "sync");
        remove_item(run);
    }
}

/* ---- its recording ---- */

/* The first bytes of the file, and how long it is. -1: err. */
static ssize_t read_head(const char *path, unsigned char *head, int64_t *bytes, struct err *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : pread(fd, head, LIMIT_WAV_HEADER_BYTES, 0);

    if (len < 0 || fstat(fd, &st) != 0) {
        file_error(err, "read", path);
        len = -1;
    } else {
        *bytes = st.st_size;
    }
    if (fd >= 0)
        close(fd);
    return len;
}

/* Into the store. reason: LIMIT_REASON bytes; filled: it is no recording that phones play. */
static bool import(struct run *run, struct audio_info *audio, char *reason, struct err *err)
{
    unsigned char *head = malloc(LIMIT_WAV_HEADER_BYTES);
    int64_t bytes = 0;

    reason[0] = '\0';
    if (!head)
        return err_set(err, ERR_SYSTEM, "out of memory");
    ssize_t len = read_head(run->outbox.path, head, &bytes, err);
    bool good = len >= 0 && outbox_audio_is_good(run->outbox.letter->audio_name, head,
                                                 (size_t)len, bytes, reason, LIMIT_REASON);
    free(head);
    if (len < 0 || !good)
        return len >= 0;
    return audio_import(run->deps.store, run->outbox.path, audio, err);
}

static void fetched(const struct err *said, void *arg)
{
    struct run *run = arg;
    struct audio_info audio;
    char reason[LIMIT_REASON];
    struct err err;

    run->call = NULL;
    crash_point("run.answered");
    if (said->kind != ERR_OK) {
        failed(run, said);
    } else if (!import(run, &audio, reason, &err)) {
        err.scope = ERR_SCOPE_SERVICE; /* our own disk */
        failed(run, &err);
    } else if (!reason[0]) {
        take_letter(run, &audio);
    } else if (is_quiet(run)) {
        keep_item(run, run->outbox.letter->subject, reason);
    } else {
        wait_for_quiet(run);
    }
}

static void fetch(struct run *run)
{
    struct err err;

    if (!audio_temp_path(run->deps.store, run->outbox.path, &err)) {
        run->outbox.path[0] = '\0';
        err.scope = ERR_SCOPE_SERVICE;
        failed(run, &err);
        return;
    }
    crash_point("run.before-request");
    run->call = run->remote->ops->fetch(run->remote, run->outbox.letter->audio_id,
                                        run->outbox.path, fetched, run);
    run_check_call(run);
}

/* ---- what was composed ---- */

static void composed_came(const struct err *said, const struct remote_composed *composed,
                          void *arg)
{
    struct run *run = arg;
    struct outbox_look look;

    run->call = NULL;
    crash_point("run.answered");
    if (said->kind == ERR_GONE) { /* its owner took it back */
        gone(run);
        return;
    }
    if (said->kind != ERR_OK) {
        failed(run, said);
        return;
    }
    outbox_look(composed, is_quiet(run), &look);
    if (look.step == OUTBOX_WAIT) {
        wait_for_quiet(run);
        return;
    }
    run->outbox.letter = outbox_letter_new(
        composed, look.step == OUTBOX_FETCH ? look.audio : composed->attachment_count);
    if (!run->outbox.letter) {
        run_check_call(run); /* no memory */
    } else if (look.step == OUTBOX_KEEP) {
        keep_item(run, run->outbox.letter->subject, look.reason);
    } else {
        fetch(run);
    }
}

/* ---- the phase ---- */

static void read_item(struct run *run)
{
    crash_point("run.before-request");
    run->call =
        run->remote->ops->composed(run->remote, run->outbox.row.item, composed_came, run);
    run_check_call(run);
}

/* Not when it is switched off; nor when its owner deleted the folder with all that is in it,
 * which is then some folder below Deleted Items. */
static bool is_to_be_sent(const struct run *run)
{
    return run->deps.voice_outbox &&
           strcmp(run->outbox.row.folder, run_root_folder(run, REMOTE_OUTBOX)) == 0;
}

void run_outbox(struct run *run)
{
    struct outbox_row *row = &run->outbox.row;
    struct outbox_row next;
    bool found = false;
    struct err err;

    if (!run->mailbox.removed && !outbox_next(run->deps.store, run->mailbox.id,
                                              row->item[0] ? row : NULL, &next, &found, &err)) {
        run_fail(run, &err);
        run_next(run, RUN_DONE);
    } else if (!found) {
        run_outbox_clear(run);
        run_next(run, RUN_OUT);
    } else {
        *row = next;
        if (row->state == OUTBOX_TAKEN)
            remove_item(run);
        else if (is_to_be_sent(run))
            read_item(run);
        else
            go_on(run);
    }
}
