/* sibctl message: what a person hears by phone and does by keys (phone.h), and what it shows.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/cli.h"
#include "admin/commands.h"
#include "admin/phone.h"
#include "admin/table.h"
#include "admin/view.h"
#include "base/file.h"
#include "store/audio.h"

static bool find(struct sibctl *ctl, struct message *message, struct mailbox *mailbox,
                 struct err *err)
{
    return sibctl_open(ctl, err) && message_get(ctl->store, ctl->call.args[0], message, err) &&
           mailbox_get(ctl->store, message->mailbox, mailbox, err);
}

/* ---- what is there ---- */

static void add_row(struct table *table, const char *name, enum style style, const char *value)
{
    table_cell(table, STYLE_DIM, "%s", name);
    table_cell(table, style, "%s", value);
}

static const char *describe_flags(const struct message *message, char *out, size_t size)
{
    const char *dispatch = message->accepted_at ? ", dispatch, accepted" : ", dispatch";

    snprintf(out, size, "%s%s%s%s%s", message->read ? "read" : "unread",
             message->urgent ? ", urgent" : "", message->private ? ", private" : "",
             message->secure ? ", secure" : "", message->dispatch ? dispatch : "");
    return out;
}

static const char *describe_sync(const struct message *message, const struct mailbox *mailbox,
                                 struct wall now, char *out, size_t size)
{
    char span[TEXT_SHORT];
    int64_t waits = now.ms - message->dirty_since_ms;

    if (message_is_held(message, mailbox->hold_transcript))
        snprintf(out, size, "not synchronised: waits %s",
                 message->dispatch && !message->accepted_at ? "until somebody accepts it"
                                                            : "for its transcription");
    else if (!mailbox->single_inbox)
        snprintf(out, size, "not synchronised: single inbox is off for %s", mailbox->name);
    else if (message->dirty_since_ms == 0)
        snprintf(out, size, "both sides agree");
    else
        snprintf(out, size, "not yet in step: has waited for %s",
                 text_span(waits > 0 ? waits : 0, span));
    return out;
}

/* Line by line: what is cleaned has no lines any more. */
static void print_text(struct sibctl *ctl, const char *text)
{
    size_t room = strlen(text) + 1;
    char *line = malloc(room), *clean = malloc(room);

    fputc('\n', ctl->screen.out);
    for (const char *end; line && clean && *text; text = *end ? end + 1 : end) {
        end = text + strcspn(text, "\n");
        snprintf(line, room, "%.*s", (int)(end - text), text);
        fprintf(ctl->screen.out, "%s\n", text_clean(line, clean, room));
    }
    free(line);
    free(clean);
}

static bool print_message(struct sibctl *ctl, const struct message *message,
                          const struct mailbox *mailbox, const char *transcript,
                          struct err *err)
{
    static const struct table_column columns[] = {{0}, {.shrink = true}};
    struct table *table = table_new(columns, 2);
    char caller[VIEW_CALLER_BYTES], text[256], time[TEXT_SHORT], size[TEXT_SHORT];

    add_row(table, "Subject", message->read ? STYLE_PLAIN : STYLE_BOLD, message->subject);
    add_row(table, "From", STYLE_PLAIN, view_caller(message, caller));
    add_row(table, "Received", STYLE_PLAIN, text_time_exact(message->received, time));
    add_row(table, "Mailbox", STYLE_PLAIN, mailbox->name);
    add_row(table, "Folder", STYLE_PLAIN, message_folder_name(message->folder));
    add_row(table, "State", STYLE_PLAIN, describe_flags(message, text, sizeof text));
    if (message->audio[0]) {
        snprintf(text, sizeof text, "%s, %s", text_duration(message->duration_ms, time),
                 text_size(message->audio_bytes, size));
        add_row(table, "Audio", STYLE_PLAIN, text);
    } else if (message->duration_ms > 0 && message->folder != FOLDER_PURGED) {
        add_row(table, "Audio", STYLE_PLAIN, "expired");
    }
    if (message->transcript == TRANSCRIPT_PENDING || message->transcript == TRANSCRIPT_FAILED)
        add_row(table, "Transcript", STYLE_PLAIN,
                message->transcript == TRANSCRIPT_PENDING ? "in progress"
                                                          : "could not be made");
    add_row(table, "Exchange", view_synced(message, mailbox) ? STYLE_GOOD : STYLE_WARN,
            describe_sync(message, mailbox, store_now(ctl->store), text, sizeof text));
    add_row(table, "Id", STYLE_PLAIN, message->id);
    bool ok = table_print(table, &ctl->screen, err);
    table_free(&table);
    if (ok && transcript)
        print_text(ctl, transcript);
    return ok;
}

/* With what its sender typed, or a receipt says. */
static json_t *view_whole(const struct message *message, const struct mailbox *mailbox,
                          const char *transcript, const char *text)
{
    json_t *json = view_message(message, mailbox, transcript);

    if (json && text && json_object_set_new(json, "text", view_text(text)) != 0) {
        json_decref(json);
        json = NULL;
    }
    return json;
}

bool cmd_message_show(struct sibctl *ctl, struct err *err)
{
    struct message message;
    struct mailbox mailbox;

    if (!find(ctl, &message, &mailbox, err))
        return false;
    bool kept = message.folder != FOLDER_PURGED;
    char *transcript = kept ? message_transcript(ctl->store, message.id) : NULL;
    char *text = kept ? message_text(ctl->store, message.id) : NULL;
    bool ok = ctl->call.json
                  ? sibctl_json(ctl, view_whole(&message, &mailbox, transcript, text), err)
                  : print_message(ctl, &message, &mailbox, transcript, err);
    if (ok && text && !ctl->call.json)
        print_text(ctl, text);
    free(transcript);
    free(text);
    return ok;
}

struct listing {
    struct sibctl *ctl;
    const struct mailbox *mailbox;
    json_t *json;
    struct table *table;
};

static bool list_json(const struct listing *listing, const struct message *message)
{
    char *transcript = message->transcript == TRANSCRIPT_TEXT
                           ? message_transcript(listing->ctl->store, message->id)
                           : NULL;
    json_t *json = view_message(message, listing->mailbox, transcript);

    free(transcript);
    return json && json_array_append_new(listing->json, json) == 0;
}

/* "new urgent"; "" for an ordinary message that was read. */
static const char *brief_flags(const struct message *message, char *out)
{
    snprintf(out, TEXT_SHORT, "%s%s%s%s", message->read ? "" : " new",
             message->urgent ? " urgent" : "", message->private ? " private" : "",
             message->secure ? " secure" : "");
    return out[0] ? out + 1 : out;
}

static bool list_one(const struct message *message, void *arg)
{
    struct listing *listing = arg;
    struct table *table = listing->table;
    enum style style = message->read ? STYLE_PLAIN : STYLE_BOLD;
    bool synced = view_synced(message, listing->mailbox);
    char caller[VIEW_CALLER_BYTES], text[TEXT_SHORT];

    if (listing->json)
        return list_json(listing, message);
    table_cell(table, style, "%s", text_time(message->received, text));
    table_cell(table, style, "%s", view_caller(message, caller));
    table_cell(table, style, "%s", message->subject);
    table_cell(table, STYLE_PLAIN, "%s",
               message->audio[0] ? text_duration(message->duration_ms, text) : "");
    table_cell(table, STYLE_PLAIN, "%s", message_folder_name(message->folder));
    table_cell(table, STYLE_PLAIN, "%s", brief_flags(message, text));
    table_cell(table, synced ? STYLE_PLAIN : STYLE_WARN, "%s", synced ? "yes" : "no");
    table_cell(table, STYLE_DIM, "%s", message->id);
    return true;
}

static bool list_messages(struct listing *listing, enum message_folder folder, struct err *err)
{
    static const struct table_column columns[] = {
        {.heading = "RECEIVED"},
        {.heading = "FROM", .shrink = true},
        {.heading = "SUBJECT", .shrink = true},
        {.heading = "LENGTH", .right = true},
        {.heading = "FOLDER"},
        {.heading = "STATE"},
        {.heading = "SYNCED"},
        {.heading = "ID"},
    };
    struct sibctl *ctl = listing->ctl;
    const struct mailbox *mailbox = listing->mailbox;

    if (ctl->call.json)
        listing->json = json_array();
    else
        listing->table = table_new(columns, sizeof columns / sizeof columns[0]);
    bool ok = message_each(ctl->store, mailbox->id, folder, list_one, listing, err);
    if (ctl->call.json)
        return sibctl_json_list(ctl, ok, "messages", listing->json, err);
    if (!ok)
        return false;
    if (table_rows(listing->table) > 0)
        return table_print(listing->table, &ctl->screen, err);
    if (folder == FOLDERS)
        sibctl_say(ctl, "%s has no messages.", mailbox->name);
    else
        sibctl_say(ctl, "%s has no messages in the folder %s.", mailbox->name,
                   message_folder_name(folder));
    return true;
}

bool cmd_message_list(struct sibctl *ctl, struct err *err)
{
    const char *name = command_option(&ctl->call, "folder");
    enum message_folder folder = FOLDERS;
    struct mailbox mailbox;
    struct listing listing = {.ctl = ctl, .mailbox = &mailbox};

    if (name && !message_folder_parse(name, &folder))
        return err_set(err, ERR_USAGE, "there is no folder %.40s", name);
    if (!sibctl_open(ctl, err) || !mailbox_find(ctl->store, ctl->call.args[0], &mailbox, err))
        return false;
    bool ok = list_messages(&listing, folder, err);
    table_free(&listing.table);
    return ok;
}

static bool history_one(const struct history *entry, void *arg)
{
    struct listing *listing = arg;
    char time[TEXT_SHORT];

    if (listing->json)
        return json_array_append_new(listing->json, view_history(entry)) == 0;
    table_cell(listing->table, STYLE_PLAIN, "%s",
               text_time_exact((struct wall){entry->time_ms}, time));
    table_cell(listing->table, STYLE_PLAIN, "%s", entry->side);
    table_cell(listing->table, STYLE_BOLD, "%s", entry->what);
    table_cell(listing->table, STYLE_PLAIN, "%s", entry->why);
    table_cell(listing->table, STYLE_PLAIN, "%s", entry->event[0] ? entry->event : "-");
    table_cell(listing->table, STYLE_PLAIN, "%s", entry->server);
    return true;
}

bool cmd_message_history(struct sibctl *ctl, struct err *err)
{
    static const struct table_column columns[] = {
        {.heading = "TIME"},  {.heading = "SIDE"},
        {.heading = "WHAT"},  {.heading = "WHY", .shrink = true},
        {.heading = "EVENT"}, {.heading = "SERVER"}};
    struct message message;
    struct mailbox mailbox;
    struct listing listing = {.ctl = ctl, .mailbox = &mailbox};

    if (!find(ctl, &message, &mailbox, err))
        return false;
    if (ctl->call.json)
        listing.json = json_array();
    else
        listing.table = table_new(columns, sizeof columns / sizeof columns[0]);
    bool ok = history_each(ctl->store, message.id, history_one, &listing, err);
    if (ctl->call.json)
        return sibctl_json_list(ctl, ok, "history", listing.json, err);
    if (ok && table_rows(listing.table) == 0)
        sibctl_say(ctl, "Nothing is recorded about this message.");
    else
        ok = ok && table_print(listing.table, &ctl->screen, err);
    table_free(&listing.table);
    return ok;
}

/* ---- the audio ---- */

static bool copy_out(const char *path, FILE *out, struct err *err)
{
    char block[65536];
    ssize_t n;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return file_error(err, "read", path);
    while ((n = read(fd, block, sizeof block)) > 0)
        if (fwrite(block, 1, (size_t)n, out) != (size_t)n)
            break;
    bool ok = n == 0;
    if (!ok)
        file_error(err, n < 0 ? "read" : "write", n < 0 ? path : "the audio");
    close(fd);
    return ok;
}

bool cmd_message_audio(struct sibctl *ctl, struct err *err)
{
    struct message message;
    struct mailbox mailbox;
    char path[LIMIT_PATH];

    if (ctl->screen.terminal)
        return err_set(
            err, ERR_USAGE,
            "audio is not for a terminal; write sibctl message audio %.40s > FILE.wav",
            ctl->call.args[0]);
    if (!find(ctl, &message, &mailbox, err))
        return false;
    if (!message.audio[0] || message.folder == FOLDER_PURGED)
        return err_set(err, ERR_GONE,
                       message.duration_ms > 0 && message.folder != FOLDER_PURGED
                           ? "the recording of the message %s expired and is not kept any more"
                           : "the message %s has no audio",
                       message.id);
    return audio_path(ctl->store, message.audio, path, err) &&
           copy_out(path, ctl->screen.out, err);
}

/* ---- acts ---- */

static bool show_act(struct sibctl *ctl, bool changed, const char *state, struct err *err)
{
    struct message message;
    struct mailbox mailbox;

    if (!find(ctl, &message, &mailbox, err))
        return false;
    if (ctl->call.json) {
        char *transcript = message_transcript(ctl->store, message.id);
        bool ok = sibctl_json(ctl, view_message(&message, &mailbox, transcript), err);
        free(transcript);
        return ok;
    }
    sibctl_say(ctl, changed ? "The message is %s now." : "Nothing changes: the message is %s.",
               changed                         ? state
               : message.folder == FOLDER_SENT ? "in the folder sent"
                                               : state);
    return true;
}

static bool act_read(struct sibctl *ctl, bool read, struct err *err)
{
    bool changed;

    return sibctl_open(ctl, err) &&
           phone_set_read(ctl->store, ctl->call.args[0], read, NULL, &changed, err) &&
           show_act(ctl, changed, read ? "read" : "unread", err);
}

bool cmd_message_read(struct sibctl *ctl, struct err *err)
{
    return act_read(ctl, true, err);
}

bool cmd_message_unread(struct sibctl *ctl, struct err *err)
{
    return act_read(ctl, false, err);
}

static bool act_urgent(struct sibctl *ctl, bool urgent, struct err *err)
{
    bool changed;

    return sibctl_open(ctl, err) &&
           phone_set_urgent(ctl->store, ctl->call.args[0], urgent, NULL, &changed, err) &&
           show_act(ctl, changed, urgent ? "urgent" : "not urgent", err);
}

bool cmd_message_urgent(struct sibctl *ctl, struct err *err)
{
    return act_urgent(ctl, true, err);
}

bool cmd_message_normal(struct sibctl *ctl, struct err *err)
{
    return act_urgent(ctl, false, err);
}

bool cmd_message_subject(struct sibctl *ctl, struct err *err)
{
    bool changed;

    return sibctl_open(ctl, err) &&
           phone_set_subject(ctl->store, ctl->call.args[0], ctl->call.args[1], NULL, &changed,
                             err) &&
           show_act(ctl, changed, "named so", err);
}

bool cmd_message_transcript(struct sibctl *ctl, struct err *err)
{
    const char *text = command_option(&ctl->call, "text");
    bool failed = command_given(&ctl->call, "failed"), changed;

    if (failed == (text != NULL))
        return err_set(err, ERR_USAGE, "say either --text TEXT or --failed");
    return sibctl_open(ctl, err) &&
           phone_set_transcript(ctl->store, ctl->call.args[0], text, NULL, &changed, err) &&
           show_act(ctl, changed, failed ? "marked as not to be transcribed" : "transcribed",
                    err);
}

typedef bool phone_folder_fn(struct store *, const char *, const char *, bool *, struct err *);

static bool act_folder(struct sibctl *ctl, phone_folder_fn *act, const char *state,
                       struct err *err)
{
    bool changed;

    return sibctl_open(ctl, err) && act(ctl->store, ctl->call.args[0], NULL, &changed, err) &&
           show_act(ctl, changed, state, err);
}

bool cmd_message_delete(struct sibctl *ctl, struct err *err)
{
    return act_folder(ctl, phone_delete, "deleted", err);
}

bool cmd_message_restore(struct sibctl *ctl, struct err *err)
{
    return act_folder(ctl, phone_restore, "in the inbox", err);
}

bool cmd_message_purge(struct sibctl *ctl, struct err *err)
{
    return act_folder(ctl, phone_purge, "gone for good", err);
}

bool cmd_message_accept(struct sibctl *ctl, struct err *err)
{
    return act_folder(ctl, phone_accept, "accepted", err);
}
