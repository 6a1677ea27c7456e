#include "store/schema.h"

/* Stamps (..._at) are hybrid logical clock values, see store_stamp. `row` is the number of the
 * row's last change on this server; the other server asks for rows above the number it has. */
static const char version_1[] =
    "CREATE TABLE meta(key TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "INSERT INTO meta VALUES('stamp', 0), ('row', 0);"

    "CREATE TABLE mailbox("
    " id TEXT PRIMARY KEY, name TEXT NOT NULL, smtp TEXT NOT NULL, exchange TEXT NOT NULL,"
    " display TEXT NOT NULL, single_inbox INTEGER NOT NULL, removed INTEGER NOT NULL,"
    " name_at INTEGER NOT NULL, smtp_at INTEGER NOT NULL, exchange_at INTEGER NOT NULL,"
    " display_at INTEGER NOT NULL, single_inbox_at INTEGER NOT NULL, removed_at INTEGER NOT "
    "NULL,"
    " row INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX mailbox_name ON mailbox(name) WHERE removed = 0;"
    "CREATE INDEX mailbox_row ON mailbox(row);"

    "CREATE TABLE mailbox_state("
    " mailbox TEXT PRIMARY KEY, condition INTEGER NOT NULL, reason TEXT NOT NULL,"
    " last_error TEXT NOT NULL, notify TEXT NOT NULL, last_run INTEGER NOT NULL,"
    " last_ok INTEGER NOT NULL, stamp INTEGER NOT NULL, row INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX mailbox_state_row ON mailbox_state(row);"

    "CREATE TABLE message("
    " id TEXT PRIMARY KEY, mailbox TEXT NOT NULL, kind INTEGER NOT NULL,"
    " from_number TEXT NOT NULL, from_name TEXT NOT NULL, from_address TEXT NOT NULL,"
    " received INTEGER NOT NULL, duration INTEGER NOT NULL,"
    " audio TEXT NOT NULL, audio_bytes INTEGER NOT NULL,"
    " private INTEGER NOT NULL, secure INTEGER NOT NULL, dispatch INTEGER NOT NULL,"
    " subject TEXT NOT NULL, read INTEGER NOT NULL, urgent INTEGER NOT NULL,"
    " folder INTEGER NOT NULL, transcript_state INTEGER NOT NULL, transcript TEXT,"
    " subject_at INTEGER NOT NULL, read_at INTEGER NOT NULL, urgent_at INTEGER NOT NULL,"
    " folder_at INTEGER NOT NULL, audio_at INTEGER NOT NULL, transcript_at INTEGER NOT NULL,"
    " row INTEGER NOT NULL, dirty_since INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX message_mailbox ON message(mailbox, folder, received);"
    "CREATE INDEX message_dirty ON message(mailbox, dirty_since) WHERE dirty_since != 0;"
    "CREATE INDEX message_row ON message(row);"
    "CREATE INDEX message_audio ON message(audio) WHERE audio != '';"

    "CREATE TABLE agreed("
    " message TEXT PRIMARY KEY, place INTEGER NOT NULL, read INTEGER NOT NULL,"
    " urgent INTEGER NOT NULL, subject TEXT NOT NULL, item TEXT NOT NULL, folder TEXT NOT NULL,"
    " version TEXT NOT NULL, refusals INTEGER NOT NULL, stamp INTEGER NOT NULL,"
    " row INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX agreed_row ON agreed(row);"

    "CREATE TABLE attempt("
    " creation TEXT PRIMARY KEY, message TEXT NOT NULL, mailbox TEXT NOT NULL,"
    " node INTEGER NOT NULL, sent INTEGER NOT NULL, unknown_until INTEGER NOT NULL,"
    " open INTEGER NOT NULL, read INTEGER NOT NULL, urgent INTEGER NOT NULL,"
    " subject TEXT NOT NULL, stamp INTEGER NOT NULL, row INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX attempt_message ON attempt(message, sent);"
    "CREATE INDEX attempt_open ON attempt(mailbox) WHERE open = 1;"
    "CREATE INDEX attempt_row ON attempt(row);"

    "CREATE TABLE folder("
    " mailbox TEXT NOT NULL, id TEXT NOT NULL, name TEXT NOT NULL, place INTEGER NOT NULL,"
    " root INTEGER NOT NULL, token TEXT NOT NULL, listing INTEGER NOT NULL,"
    " list_number INTEGER NOT NULL, stamp INTEGER NOT NULL, row INTEGER NOT NULL,"
    " PRIMARY KEY(mailbox, id)) WITHOUT ROWID;"
    "CREATE INDEX folder_row ON folder(row);"

    "CREATE TABLE item("
    " mailbox TEXT NOT NULL, id TEXT NOT NULL, folder TEXT NOT NULL, version TEXT NOT NULL,"
    " message TEXT NOT NULL, creation TEXT NOT NULL, subject TEXT NOT NULL,"
    " read INTEGER NOT NULL, urgent INTEGER NOT NULL, modified INTEGER NOT NULL,"
    " created INTEGER NOT NULL, seen INTEGER NOT NULL, confirmed INTEGER NOT NULL, stamp "
    "INTEGER NOT NULL,"
    " row INTEGER NOT NULL, PRIMARY KEY(mailbox, id)) WITHOUT ROWID;"
    "CREATE INDEX item_message ON item(mailbox, message);"
    "CREATE INDEX item_folder ON item(mailbox, folder, seen);"
    "CREATE INDEX item_unconfirmed ON item(mailbox, folder) WHERE confirmed = 0;"
    "CREATE INDEX item_row ON item(row);"

    "CREATE TABLE watch("
    " secret TEXT PRIMARY KEY, mailbox TEXT NOT NULL, subscription TEXT NOT NULL,"
    " made INTEGER NOT NULL, heard INTEGER NOT NULL, ended INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX watch_mailbox ON watch(mailbox, ended);"

    "CREATE TABLE alarm("
    " id INTEGER PRIMARY KEY, name TEXT NOT NULL, mailbox TEXT NOT NULL, subject TEXT NOT NULL,"
    " text TEXT NOT NULL, raised INTEGER NOT NULL, UNIQUE(name, mailbox, subject));"

    "CREATE TABLE history("
    " id INTEGER PRIMARY KEY, time INTEGER NOT NULL, message TEXT NOT NULL, side TEXT NOT NULL,"
    " what TEXT NOT NULL, why TEXT NOT NULL);"
    "CREATE INDEX history_message ON history(message, id);"

    "CREATE TABLE queue("
    " id INTEGER PRIMARY KEY AUTOINCREMENT, mailbox TEXT NOT NULL, reason INTEGER NOT NULL,"
    " message TEXT NOT NULL, due INTEGER NOT NULL, created INTEGER NOT NULL,"
    " attempts INTEGER NOT NULL, last_error TEXT NOT NULL, owner TEXT NOT NULL,"
    " again INTEGER NOT NULL, UNIQUE(mailbox, reason, message));"
    "CREATE INDEX queue_due ON queue(owner, reason, due);"
    "CREATE TABLE queue_hold(mailbox TEXT PRIMARY KEY, until INTEGER NOT NULL) WITHOUT ROWID;"

    "CREATE TABLE job("
    " id INTEGER PRIMARY KEY, mailbox TEXT NOT NULL, kind TEXT NOT NULL, state TEXT NOT NULL,"
    " done INTEGER NOT NULL, total INTEGER NOT NULL, error TEXT NOT NULL,"
    " asked INTEGER NOT NULL, ended INTEGER NOT NULL);"
    "CREATE INDEX job_mailbox ON job(mailbox, state);";

const char *const schema_steps[] = {version_1};

const int schema_version = sizeof schema_steps / sizeof schema_steps[0];
