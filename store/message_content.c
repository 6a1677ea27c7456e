/* What is told of a message: its transcription, its recording, its text; and who owns a
 * dispatch message. State that people change: message.c. */
#include "store/message.h"

#include <stdlib.h>
#include <string.h>

#include "store/db.h"

static char *text_of(sqlite3_stmt *stmt, bool found)
{
    char *text = NULL;

    if (stmt && found && db_text(stmt, 0)[0])
        text = strdup(db_text(stmt, 0));
    db_end(stmt);
    return text;
}

char *message_transcript(struct store *store, const char *id)
{
    struct err err;
    bool found = false;
    sqlite3_stmt *stmt =
        db_one(store, &err, &found, "SELECT transcript FROM message WHERE id = ?", "s", id);

    return text_of(stmt, found);
}

char *message_text(struct store *store, const char *id)
{
    struct err err;
    bool found = false;
    sqlite3_stmt *stmt =
        db_one(store, &err, &found, "SELECT text FROM message WHERE id = ?", "s", id);

    return text_of(stmt, found);
}

bool message_is_held(const struct message *message, bool hold_transcript)
{
    return (message->dispatch && !message->accepted_at) ||
           (hold_transcript && message->transcript == TRANSCRIPT_PENDING);
}

/* A change was written: say so, if it was one. */
static bool finish(struct store *store, bool ok, bool *changed)
{
    if (changed)
        *changed = ok && db_changes(store) > 0;
    return ok;
}

bool message_set_transcript(struct store *store, const char *id, enum transcript_state state,
                            const char *text, bool *changed, struct err *err)
{
    if (text && strlen(text) >= LIMIT_TRANSCRIPT)
        return err_set(err, ERR_DATA, "the transcription is longer than %d bytes",
                       LIMIT_TRANSCRIPT - 1);
    return finish(store,
                  db_run(store, err,
                         "UPDATE message SET transcript_state = ?1, transcript = ?2,"
                         " transcript_at = ?3, row = ?4,"
                         " dirty_since = CASE dirty_since WHEN 0 THEN ?5 ELSE dirty_since END"
                         " WHERE id = ?6 AND folder != ?7"
                         " AND (transcript_state != ?1 OR transcript IS NOT ?2)",
                         "bsiiisb", (int)state, text, store_stamp(store), db_next_row(store),
                         store_now(store).ms, id, (int)FOLDER_PURGED),
                  changed);
}

bool message_expire_audio(struct store *store, const char *id, bool *changed, struct err *err)
{
    return finish(store,
                  db_run(store, err,
                         "UPDATE message SET audio = '', audio_bytes = 0, audio_at = ?1,"
                         " row = ?2,"
                         " dirty_since = CASE dirty_since WHEN 0 THEN ?3 ELSE dirty_since END"
                         " WHERE id = ?4 AND audio != ''",
                         "iiis", store_stamp(store), db_next_row(store), store_now(store).ms,
                         id),
                  changed);
}

bool message_accept(struct store *store, const char *id, bool *changed, struct err *err)
{
    return finish(store,
                  db_run(store, err,
                         "UPDATE message SET accepted_at = ?1, row = ?2,"
                         " dirty_since = CASE dirty_since WHEN 0 THEN ?3 ELSE dirty_since END"
                         " WHERE id = ?4 AND dispatch = 1 AND accepted_at = 0",
                         "iiis", store_stamp(store), db_next_row(store), store_now(store).ms,
                         id),
                  changed);
}

bool message_set_receipts(struct store *store, const char *id, unsigned receipts,
                          struct err *err)
{
    return db_run(store, err,
                  "UPDATE message SET receipts = ?1, receipts_at = ?2, row = ?3 WHERE id = ?4",
                  "biis", (int)receipts, store_stamp(store), db_next_row(store), id);
}

bool message_mark_pending_dirty(struct store *store, const char *mailbox_id, struct err *err)
{
    static_assert(TRANSCRIPT_PENDING == 1, "the query says so");
    return db_run(store, err,
                  "UPDATE message SET dirty_since = ? WHERE mailbox = ? AND dirty_since = 0"
                  " AND transcript_state = 1",
                  "is", store_now(store).ms, mailbox_id);
}
