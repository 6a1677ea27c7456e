#include "store/message.h"

#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/text.h"
#include "store/audio.h"
#include "store/db.h"
#include "store/subject.h"

static const char *const folder_names[] = {
    [FOLDER_INBOX] = "inbox",
    [FOLDER_DELETED] = "deleted",
    [FOLDER_SENT] = "sent",
    [FOLDER_PURGED] = "purged",
};
static const char *const kind_names[] = {
    [KIND_VOICE] = "voice",
    [KIND_FAX] = "fax",
    [KIND_DELIVERY_RECEIPT] = "delivery-receipt",
    [KIND_READ_RECEIPT] = "read-receipt",
    [KIND_NON_DELIVERY_RECEIPT] = "non-delivery-receipt",
};

static_assert(sizeof folder_names / sizeof folder_names[0] == FOLDERS,
              "each folder has its name");
static_assert(FOLDER_PURGED == 3, "SQL below says 3: what is purged lets go of its audio");
static_assert(FOLDER_INBOX == 0 && FOLDER_SENT == 2, "SQL below says 0 and 2: a home");
static_assert(sizeof kind_names / sizeof kind_names[0] == KINDS, "each kind has its name");

#define MESSAGE_COLUMNS                                                                        \
    "id, mailbox, kind, from_number, from_name, from_address, received, duration, audio,"      \
    " audio_bytes, private, secure, dispatch, subject, read, urgent, folder, "                 \
    "transcript_state,"                                                                        \
    " subject_at, read_at, urgent_at, folder_at, row, dirty_since, home, sender, reference,"   \
    " receipts, dispatch_group, accepted_at, max(audio_at, transcript_at)"

const char *message_folder_name(enum message_folder folder)
{
    return folder_names[folder];
}

bool message_folder_parse(const char *name, enum message_folder *folder)
{
    for (int i = 0; i < FOLDERS; i++) {
        if (strcmp(name, folder_names[i]) == 0) {
            *folder = (enum message_folder)i;
            return true;
        }
    }
    return false;
}

const char *message_kind_name(enum message_kind kind)
{
    return kind_names[kind];
}

static void read_row(sqlite3_stmt *stmt, struct message *out)
{
    db_copy(stmt, 0, out->id, sizeof out->id);
    db_copy(stmt, 1, out->mailbox, sizeof out->mailbox);
    out->kind = (enum message_kind)db_int(stmt, 2);
    db_copy(stmt, 3, out->from_number, sizeof out->from_number);
    db_copy(stmt, 4, out->from_name, sizeof out->from_name);
    db_copy(stmt, 5, out->from_address, sizeof out->from_address);
    out->received.ms = db_int(stmt, 6);
    out->duration_ms = db_int(stmt, 7);
    db_copy(stmt, 8, out->audio, sizeof out->audio);
    out->audio_bytes = db_int(stmt, 9);
    out->private = db_int(stmt, 10) != 0;
    out->secure = db_int(stmt, 11) != 0;
    out->dispatch = db_int(stmt, 12) != 0;
    db_copy(stmt, 13, out->subject, sizeof out->subject);
    out->read = db_int(stmt, 14) != 0;
    out->urgent = db_int(stmt, 15) != 0;
    out->folder = (enum message_folder)db_int(stmt, 16);
    out->transcript = (enum transcript_state)db_int(stmt, 17);
    out->subject_at = db_int(stmt, 18);
    out->read_at = db_int(stmt, 19);
    out->urgent_at = db_int(stmt, 20);
    out->folder_at = db_int(stmt, 21);
    out->row = db_int(stmt, 22);
    out->dirty_since_ms = db_int(stmt, 23);
    out->home = (enum message_folder)db_int(stmt, 24);
    db_copy(stmt, 25, out->sender, sizeof out->sender);
    db_copy(stmt, 26, out->reference, sizeof out->reference);
    out->receipts = (unsigned)db_int(stmt, 27);
    db_copy(stmt, 28, out->group, sizeof out->group);
    out->accepted_at = db_int(stmt, 29);
    out->content_at = db_int(stmt, 30);
}

static const char *or_empty(const char *text)
{
    return text ? text : "";
}

static bool too_long(const char *text, size_t size, const char *what, struct err *err)
{
    if (!text || strlen(text) < size)
        return false;
    err_set(err, ERR_DATA, "the %s is longer than %zu bytes", what, size - 1);
    return true;
}

static bool check_new(const struct message_new *message, struct err *err)
{
    return !too_long(message->from_number, LIMIT_PHONE_NUMBER, "caller's number", err) &&
           !too_long(message->from_name, LIMIT_DISPLAY_NAME, "caller's name", err) &&
           !too_long(message->from_address, LIMIT_ADDRESS, "caller's address", err) &&
           !too_long(message->subject, LIMIT_SUBJECT, "subject", err) &&
           !too_long(message->text, LIMIT_TRANSCRIPT, "text", err) &&
           !too_long(message->transcript, LIMIT_TRANSCRIPT, "transcription", err);
}

static void make_subject(const struct message_new *message, char *out, size_t size)
{
    const struct subject_facts facts = {
        .caller_number = message->from_number,
        .name = message->from_name,
        .urgent = message->urgent,
        .private = message->private,
        .secure = message->secure,
        .dispatch = message->dispatch,
    };
    bool user = message->from_address && message->from_address[0];

    subject_make(&subject_built_in()->language[LANGUAGE_EN],
                 user ? SUBJECT_USER : SUBJECT_OUTSIDE_CALLER, &facts, out, size);
}

/* Looked at under the write lock, under which audio that no message names is removed. */
static bool check_audio(struct store *store, const struct audio_info *audio, struct err *err)
{
    char path[LIMIT_PATH];

    if (!audio->sha256[0] || audio_path(store, audio->sha256, path, err))
        return true;
    err->kind = ERR_TEMPORARY;
    return false;
}

/* A private message is never given to a transcription service: none is waited for. */
static enum transcript_state first_transcript(const struct message_new *message)
{
    if (message->transcript)
        return TRANSCRIPT_TEXT;
    return message->transcript_pending && !message->private ? TRANSCRIPT_PENDING
                                                            : TRANSCRIPT_NONE;
}

bool message_add(struct store *store, const struct message_new *message, char *id,
                 struct err *err)
{
    char subject[LIMIT_SUBJECT];
    const struct audio_info none = {.sha256 = ""};
    const struct audio_info *audio = message->audio ? message->audio : &none;
    int64_t now = store_now(store).ms;

    if (!check_new(message, err) || !check_audio(store, audio, err))
        return false;
    make_subject(message, subject, sizeof subject);
    if (message->id)
        text_copy(id, LIMIT_UUID, message->id);
    else
        id_new(id);
    return db_run(
        store, err,
        "INSERT INTO message VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12,"
        " ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?17, ?20, ?21, ?22, ?23, ?24, 0,"
        " ?25, ?25, ?25, ?25, ?25, ?25, ?25, ?26, ?27)",
        "ssbsssiisibbbsbbbbssssbsiii", id, message->mailbox, (int)message->kind,
        or_empty(message->from_number), or_empty(message->from_name),
        or_empty(message->from_address), message->received.ms ? message->received.ms : now,
        audio->duration_ms, audio->sha256, audio->bytes, message->private, message->secure,
        message->dispatch, message->subject ? message->subject : subject, message->read,
        message->urgent, message->sent ? (int)FOLDER_SENT : (int)FOLDER_INBOX,
        (int)first_transcript(message), message->transcript, or_empty(message->sender),
        or_empty(message->reference), message->text, (int)message->receipts,
        or_empty(message->group), store_stamp(store), db_next_row(store), now);
}

bool message_get(struct store *store, const char *id, struct message *out, struct err *err)
{
    bool found;
    sqlite3_stmt *stmt = db_one(
        store, err, &found, "SELECT " MESSAGE_COLUMNS " FROM message WHERE id = ?", "s", id);
    if (stmt && found)
        read_row(stmt, out);
    db_end(stmt);
    if (!stmt)
        return false;
    if (!found)
        err_set(err, ERR_NO_MAILBOX, "there is no message with the id %s", id);
    return found;
}

static bool walk(struct store *store, sqlite3_stmt *stmt, message_fn *fn, void *arg,
                 struct err *err)
{
    struct message message;
    int next;

    if (!stmt)
        return false;
    while ((next = db_next(store, stmt, err)) > 0) {
        read_row(stmt, &message);
        if (!fn(&message, arg))
            break;
    }
    db_end(stmt);
    return next >= 0;
}

bool message_each(struct store *store, const char *mailbox_id, enum message_folder folder,
                  message_fn *fn, void *arg, struct err *err)
{
    if (folder == FOLDERS)
        return walk(store,
                    db_query(store, err,
                             "SELECT " MESSAGE_COLUMNS " FROM message WHERE mailbox = ?"
                             " AND folder != ? ORDER BY received DESC, id",
                             "sb", mailbox_id, (int)FOLDER_PURGED),
                    fn, arg, err);
    return walk(store,
                db_query(store, err,
                         "SELECT " MESSAGE_COLUMNS
                         " FROM message WHERE mailbox = ? AND folder = ?"
                         " ORDER BY received DESC, id",
                         "sb", mailbox_id, (int)folder),
                fn, arg, err);
}

bool message_each_dirty(struct store *store, const char *mailbox_id, message_fn *fn, void *arg,
                        struct err *err)
{
    return walk(store,
                db_query(store, err,
                         "SELECT " MESSAGE_COLUMNS " FROM message WHERE mailbox = ?"
                         " AND dirty_since != 0 ORDER BY dirty_since, id",
                         "s", mailbox_id),
                fn, arg, err);
}

bool message_dirty_count(struct store *store, const char *mailbox_id, int64_t *count,
                         int64_t *oldest_ms, struct err *err)
{
    bool found;
    sqlite3_stmt *stmt = db_one(store, err, &found,
                                "SELECT count(*), min(dirty_since) FROM message"
                                " WHERE mailbox = ? AND dirty_since != 0",
                                "s", mailbox_id);
    *count = stmt && found ? db_int(stmt, 0) : 0;
    *oldest_ms = stmt && found ? db_int(stmt, 1) : 0;
    db_end(stmt);
    return stmt != NULL;
}

bool message_count(struct store *store, const char *mailbox_id, enum message_folder folder,
                   int64_t *count, int64_t *unread, struct err *err)
{
    bool found;
    sqlite3_stmt *stmt = db_one(store, err, &found,
                                "SELECT count(*), count(*) FILTER (WHERE read = 0) FROM message"
                                " WHERE mailbox = ? AND folder = ?",
                                "sb", mailbox_id, (int)folder);
    *count = stmt && found ? db_int(stmt, 0) : 0;
    *unread = stmt && found ? db_int(stmt, 1) : 0;
    db_end(stmt);
    return stmt != NULL;
}

/* A change was written: say so, if it was one. */
static bool finish(struct store *store, bool ok, bool *changed)
{
    if (changed)
        *changed = ok && db_changes(store) > 0;
    return ok;
}

bool message_set_read(struct store *store, const char *id, bool read, bool *changed,
                      struct err *err)
{
    return finish(store,
                  db_run(store, err,
                         "UPDATE message SET read = ?1, read_at = ?2, row = ?3,"
                         " dirty_since = CASE dirty_since WHEN 0 THEN ?4 ELSE dirty_since END"
                         " WHERE id = ?5 AND read != ?1",
                         "biiis", read, store_stamp(store), db_next_row(store),
                         store_now(store).ms, id),
                  changed);
}

bool message_set_urgent(struct store *store, const char *id, bool urgent, bool *changed,
                        struct err *err)
{
    return finish(store,
                  db_run(store, err,
                         "UPDATE message SET urgent = ?1, urgent_at = ?2, row = ?3,"
                         " dirty_since = CASE dirty_since WHEN 0 THEN ?4 ELSE dirty_since END"
                         " WHERE id = ?5 AND urgent != ?1",
                         "biiis", urgent, store_stamp(store), db_next_row(store),
                         store_now(store).ms, id),
                  changed);
}

bool message_set_subject(struct store *store, const char *id, const char *subject,
                         bool *changed, struct err *err)
{
    if (too_long(subject, LIMIT_SUBJECT, "subject", err))
        return false;
    return finish(store,
                  db_run(store, err,
                         "UPDATE message SET subject = ?1, subject_at = ?2, row = ?3,"
                         " dirty_since = CASE dirty_since WHEN 0 THEN ?4 ELSE dirty_since END"
                         " WHERE id = ?5 AND subject != ?1",
                         "siiis", subject, store_stamp(store), db_next_row(store),
                         store_now(store).ms, id),
                  changed);
}

bool message_set_folder(struct store *store, const char *id, enum message_folder folder,
                        bool *changed, struct err *err)
{
    struct message message;

    if (!message_get(store, id, &message, err))
        return false;
    if (message.folder == FOLDER_PURGED && folder != FOLDER_PURGED)
        return err_set(err, ERR_REFUSED, "the message %s was purged; it cannot come back", id);
    return finish(store,
                  db_run(store, err,
                         "UPDATE message SET folder = ?1, folder_at = ?2, row = ?3,"
                         " home = CASE WHEN ?1 IN (0, 2) THEN ?1 ELSE home END,"
                         " audio = CASE ?1 WHEN 3 THEN '' ELSE audio END,"
                         " transcript = CASE ?1 WHEN 3 THEN NULL ELSE transcript END,"
                         " text = CASE ?1 WHEN 3 THEN NULL ELSE text END,"
                         " dirty_since = CASE dirty_since WHEN 0 THEN ?4 ELSE dirty_since END"
                         " WHERE id = ?5 AND folder != ?1",
                         "biiis", (int)folder, store_stamp(store), db_next_row(store),
                         store_now(store).ms, id),
                  changed);
}

bool message_mark_dirty(struct store *store, const char *id, struct err *err)
{
    return db_run(store, err,
                  "UPDATE message SET dirty_since = ? WHERE id = ? AND dirty_since = 0", "is",
                  store_now(store).ms, id);
}

bool message_mark_clean(struct store *store, const char *id, int64_t row, struct err *err)
{
    return db_run(store, err, "UPDATE message SET dirty_since = 0 WHERE id = ? AND row = ?",
                  "si", id, row);
}

bool message_mark_all_dirty(struct store *store, const char *mailbox_id, struct err *err)
{
    return db_run(store, err,
                  "UPDATE message SET dirty_since = ? WHERE mailbox = ? AND dirty_since = 0",
                  "is", store_now(store).ms, mailbox_id);
}
