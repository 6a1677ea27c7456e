#include "admin/view.h"

#include <stdlib.h>
#include <string.h>

#include "admin/text.h"

json_t *view_text(const char *text)
{
    size_t size = strlen(text) + 1;

    if (text_is_utf8(text))
        return json_string(text);
    char *clean = malloc(size);
    json_t *json = clean ? json_string(text_clean(text, clean, size)) : NULL;
    free(clean);
    return json;
}

json_t *view_time(int64_t ms)
{
    char text[CLOCK_TEXT_MAX];

    return ms ? json_string(clock_format((struct wall){ms}, text)) : json_null();
}

const char *view_caller(const struct message *message, char *out)
{
    if (message->from_name[0] && message->from_number[0])
        snprintf(out, VIEW_CALLER_BYTES, "%s <%s>", message->from_name, message->from_number);
    else
        snprintf(out, VIEW_CALLER_BYTES, "%s",
                 message->from_name[0] ? message->from_name : message->from_number);
    return out;
}

bool view_synced(const struct message *message, const struct mailbox *mailbox)
{
    return message->dirty_since_ms == 0 && mailbox->single_inbox;
}

json_t *view_message(const struct message *message, const struct mailbox *mailbox,
                     const char *transcript)
{
    static const char *const transcription[] = {
        [TRANSCRIPT_NONE] = "none",
        [TRANSCRIPT_PENDING] = "pending",
        [TRANSCRIPT_TEXT] = "text",
        [TRANSCRIPT_FAILED] = "failed",
    };
    char from[VIEW_CALLER_BYTES];
    json_t *json = json_pack(
        "{s:s, s:s, s:o, s:s, s:b, s:b, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:I, s:s, s:b,"
        " s:b, s:b, s:s}",
        "id", message->id, "kind", message_kind_name(message->kind), "mailbox",
        view_text(mailbox->name), "folder", message_folder_name(message->folder), "read",
        message->read, "urgent", message->urgent, "private", message->private, "secure",
        message->secure, "subject", view_text(message->subject), "from",
        view_text(view_caller(message, from)), "from_number", view_text(message->from_number),
        "from_name", view_text(message->from_name), "received", view_time(message->received.ms),
        "duration_ms", (json_int_t)message->duration_ms, "audio_sha256", message->audio,
        "synced", view_synced(message, mailbox), "dispatch", message->dispatch, "accepted",
        message->accepted_at != 0, "transcription", transcription[message->transcript]);

    if (json && transcript &&
        json_object_set_new(json, "transcript", view_text(transcript)) != 0) {
        json_decref(json);
        json = NULL;
    }
    return json;
}

static bool add_alias(const char *address, void *arg)
{
    return json_array_append_new(arg, view_text(address)) == 0;
}

json_t *view_aliases(struct store *store, const char *mailbox_id, struct err *err)
{
    json_t *aliases = json_array();

    if (aliases && !mailbox_each_alias(store, mailbox_id, add_alias, aliases, err)) {
        json_decref(aliases);
        return NULL;
    }
    if (!aliases)
        err_set(err, ERR_SYSTEM, "out of memory");
    return aliases;
}

json_t *view_mailbox(const struct mailbox *mailbox, json_t *aliases)
{
    return json_pack(
        "{s:s, s:o, s:o, s:o, s:o, s:b, s:s, s:o, s:b, s:o, s:b, s:b}", "id", mailbox->id,
        "name", view_text(mailbox->name), "smtp", view_text(mailbox->smtp), "exchange",
        view_text(mailbox->exchange), "display", view_text(mailbox->display), "single_inbox",
        mailbox->single_inbox, "language", mailbox->language, "extension",
        view_text(mailbox->extension), "hold_transcription", mailbox->hold_transcript,
        "aliases", aliases, "removed", mailbox->removed, "erase", mailbox->erase);
}

json_t *view_mailbox_status(const struct mailbox *mailbox, const struct mailbox_status *status)
{
    const struct mailbox_state *recorded = &status->recorded;

    return json_pack("{s:o, s:s, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:I, s:I}", "mailbox",
                     view_text(mailbox->name), "state", status->state, "lag_ms",
                     (json_int_t)status->lag_ms, "waiting", (json_int_t)status->waiting,
                     "notify", view_text(recorded->notify), "last_error",
                     view_text(recorded->last_error), "reason", view_text(status->reason),
                     "last_run", view_time(recorded->last_run_ms), "last_ok",
                     view_time(recorded->last_ok_ms), "messages", (json_int_t)status->messages,
                     "unread", (json_int_t)status->unread);
}

json_t *view_history(const struct history *entry)
{
    return json_pack("{s:o, s:s, s:o, s:o, s:o, s:o}", "time", view_time(entry->time_ms),
                     "side", entry->side, "what", view_text(entry->what), "why",
                     view_text(entry->why), "event", view_text(entry->event), "server",
                     view_text(entry->server));
}

json_t *view_queue_row(const struct queue_row *row, const char *mailbox)
{
    return json_pack("{s:I, s:o, s:s, s:o, s:i, s:o, s:o}", "id", (json_int_t)row->id,
                     "mailbox", view_text(mailbox), "reason", queue_reason_name(row->reason),
                     "due", view_time(row->due_ms), "attempts", row->attempts, "last_error",
                     view_text(row->last_error), "message",
                     row->message[0] ? view_text(row->message) : json_null());
}

json_t *view_alarm(const struct alarm *alarm, const char *mailbox)
{
    json_t *json = json_pack("{s:o, s:o, s:o}", "name", view_text(alarm->name), "time",
                             view_time(alarm->raised_ms), "text", view_text(alarm->text));

    if (json && mailbox[0] && json_object_set_new(json, "mailbox", view_text(mailbox)) != 0) {
        json_decref(json);
        json = NULL;
    }
    return json;
}

json_t *view_job(const struct job *job, const char *mailbox)
{
    return json_pack("{s:I, s:o, s:s, s:b, s:s, s:I, s:I, s:I, s:o, s:o, s:o}", "id",
                     (json_int_t)job->id, "mailbox", view_text(mailbox), "kind", job->kind,
                     "dry_run", job_is_dry(job), "state", job->state, "pages",
                     (json_int_t)job->pages, "done", (json_int_t)job->done, "total",
                     (json_int_t)job->total, "error", view_text(job->error), "asked",
                     view_time(job->asked_ms), "ended", view_time(job->ended_ms));
}
