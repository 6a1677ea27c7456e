#include "store/outbox.h"

#include <string.h>

#include "store/db.h"

static_assert(OUTBOX_SEEN == 0 && OUTBOX_TAKEN == 1 && OUTBOX_KEPT == 2 && OUTBOX_DONE == 3,
              "SQL below and in schema.c says these numbers");
static_assert(LIMIT_SET_ASIDE_AFTER == 3, "SQL below says 3");

#define OUTBOX_COLUMNS                                                                         \
    "item, folder, version, state, digest, refusals, noted, changed, taken FROM outbox"

static void read_row(sqlite3_stmt *stmt, struct outbox_row *out)
{
    db_copy(stmt, 0, out->item, sizeof out->item);
    db_copy(stmt, 1, out->folder, sizeof out->folder);
    db_copy(stmt, 2, out->version, sizeof out->version);
    out->state = (enum outbox_state)db_int(stmt, 3);
    db_copy(stmt, 4, out->digest, sizeof out->digest);
    out->refusals = (int)db_int(stmt, 5);
    out->noted_ms = db_int(stmt, 6);
    out->changed_ms = db_int(stmt, 7);
    out->taken_ms = db_int(stmt, 8);
}

static bool read_one(sqlite3_stmt *stmt, bool found, struct outbox_row *out)
{
    if (stmt && found)
        read_row(stmt, out);
    db_end(stmt);
    return stmt != NULL;
}

bool outbox_get(struct store *store, const char *mailbox, const char *item,
                struct outbox_row *out, bool *found, struct err *err)
{
    sqlite3_stmt *stmt =
        db_one(store, err, found, "SELECT " OUTBOX_COLUMNS " WHERE mailbox = ? AND item = ?",
               "ss", mailbox, item);

    return read_one(stmt, stmt && *found, out);
}

/* What was told again without a change writes the number of the listing and nothing else. */
static bool note_known(struct store *store, const char *mailbox, const char *folder,
                       const struct outbox_row *old, const char *version, struct err *err)
{
    bool changed = strcmp(old->version, version) != 0;
    bool back = old->state == OUTBOX_DONE;
    bool again = changed && old->state == OUTBOX_KEPT;
    enum outbox_state state = back ? OUTBOX_TAKEN : again ? OUTBOX_SEEN : old->state;

    return db_run(store, err,
                  "UPDATE outbox SET seen = coalesce((SELECT list_number FROM folder"
                  " WHERE mailbox = ?1 AND id = ?2), 0), folder = ?2"
                  " WHERE mailbox = ?1 AND item = ?3",
                  "sss", mailbox, folder, old->item) &&
           ((!changed && !back) ||
            db_run(store, err,
                   "UPDATE outbox SET version = ?1, state = ?2, refusals = 0, changed = ?3,"
                   " stamp = ?4, row = ?5 WHERE mailbox = ?6 AND item = ?7",
                   "sbiiiss", version, (int)state, store_now(store).ms, store_stamp(store),
                   db_next_row(store), mailbox, old->item));
}

bool outbox_note(struct store *store, const char *mailbox, const char *folder, const char *item,
                 const char *version, struct err *err)
{
    struct outbox_row old;
    bool found;

    if (!outbox_get(store, mailbox, item, &old, &found, err))
        return false;
    if (found)
        return note_known(store, mailbox, folder, &old, version, err);
    return db_run(store, err,
                  "INSERT INTO outbox VALUES(?1, ?2, ?3, ?4, 0, '', '', 0, ?5, ?5, 0,"
                  " coalesce((SELECT list_number FROM folder WHERE mailbox = ?1 AND id = ?3),"
                  " 0), ?6, ?7)",
                  "ssssiii", mailbox, item, folder, version, store_now(store).ms,
                  store_stamp(store), db_next_row(store));
}

bool outbox_drop(struct store *store, const char *mailbox, const char *item, struct err *err)
{
    return db_run(store, err,
                  "UPDATE outbox SET state = 3, refusals = 0, stamp = ?1, row = ?2"
                  " WHERE mailbox = ?3 AND item = ?4 AND state = 1",
                  "iiss", store_stamp(store), db_next_row(store), mailbox, item) &&
           db_run(store, err,
                  "DELETE FROM outbox WHERE mailbox = ? AND item = ? AND state IN (0, 2)", "ss",
                  mailbox, item);
}

#define UNSEEN                                                                                 \
    " (folder != ?2 OR seen < (SELECT list_number FROM folder WHERE mailbox = ?1 AND id = "    \
    "?2))"

bool outbox_end_listing(struct store *store, const char *mailbox, const char *folder,
                        struct err *err)
{
    return db_run(store, err,
                  "UPDATE outbox SET state = 3, refusals = 0, stamp = ?3, row = ?4"
                  " WHERE mailbox = ?1 AND state = 1 AND" UNSEEN,
                  "ssii", mailbox, folder, store_stamp(store), db_next_row(store)) &&
           db_run(store, err,
                  "DELETE FROM outbox WHERE mailbox = ?1 AND state IN (0, 2) AND" UNSEEN, "ss",
                  mailbox, folder);
}

bool outbox_next(struct store *store, const char *mailbox, const struct outbox_row *after,
                 struct outbox_row *out, bool *found, struct err *err)
{
    sqlite3_stmt *stmt = db_one(
        store, err, found,
        "SELECT " OUTBOX_COLUMNS " WHERE mailbox = ?1 AND state IN (0, 1) AND refusals < 3"
        " AND (noted, item) > (?2, ?3) ORDER BY noted, item LIMIT 1",
        "sis", mailbox, after ? after->noted_ms : (int64_t)-1, after ? after->item : "");

    return read_one(stmt, stmt && *found, out);
}

bool outbox_set(struct store *store, const char *mailbox, const struct outbox_row *row,
                struct err *err)
{
    return db_run(store, err,
                  "UPDATE outbox SET state = ?1, digest = ?2, refusals = ?3, taken = ?4,"
                  " stamp = ?5, row = ?6 WHERE mailbox = ?7 AND item = ?8",
                  "bsbiiiss", (int)row->state, row->digest, row->refusals, row->taken_ms,
                  store_stamp(store), db_next_row(store), mailbox, row->item);
}

bool outbox_set_messages(struct store *store, const char *mailbox, const char *item,
                         const char *messages, struct err *err)
{
    return db_run(store, err,
                  "UPDATE outbox SET messages = ?1, stamp = ?2, row = ?3"
                  " WHERE mailbox = ?4 AND item = ?5",
                  "siiss", messages, store_stamp(store), db_next_row(store), mailbox, item);
}

char *outbox_messages(struct store *store, const char *mailbox, const char *item)
{
    struct err err;
    bool found;
    char *messages = NULL;
    sqlite3_stmt *stmt = db_one(store, &err, &found,
                                "SELECT messages FROM outbox WHERE mailbox = ? AND item = ?",
                                "ss", mailbox, item);

    if (stmt && found && db_text(stmt, 0)[0])
        messages = strdup(db_text(stmt, 0));
    db_end(stmt);
    return messages;
}

bool outbox_find_taken(struct store *store, const char *mailbox, const char *digest,
                       struct outbox_row *out, bool *found, struct err *err)
{
    sqlite3_stmt *stmt = db_one(store, err, found,
                                "SELECT " OUTBOX_COLUMNS " WHERE mailbox = ? AND digest = ?"
                                " AND digest != '' AND state IN (1, 3) LIMIT 1",
                                "ss", mailbox, digest);

    return read_one(stmt, stmt && *found, out);
}

bool outbox_any_set_aside(struct store *store, const char *mailbox, bool *any, struct err *err)
{
    sqlite3_stmt *stmt = db_one(
        store, err, any,
        "SELECT 1 FROM outbox WHERE mailbox = ? AND state != 3 AND refusals >= 3 LIMIT 1", "s",
        mailbox);

    db_end(stmt);
    return stmt != NULL;
}
