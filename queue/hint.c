#include "queue/hint.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "queue/queue.h"
#include "store/db.h"

static const struct hint everywhere = {.anywhere = true};

/* ---- of one wish ---- */

static bool is_mapped(struct store *store, const char *mailbox, const char *folder, bool *is,
                      struct err *err)
{
    sqlite3_stmt *stmt =
        db_one(store, err, is, "SELECT 1 FROM folder WHERE mailbox = ? AND id = ?", "ss",
               mailbox, folder);

    db_end(stmt);
    return stmt != NULL;
}

static void add(struct hint *hint, const char *folder)
{
    for (int i = 0; i < hint->count; i++) {
        if (strcmp(hint->folders[i], folder) == 0)
            return;
    }
    if (hint->count == LIMIT_HINT_FOLDERS)
        hint->anywhere = true;
    else
        text_copy(hint->folders[hint->count++], LIMIT_REMOTE_ID, folder);
}

bool hint_add(struct store *store, const char *mailbox, struct hint *hint, const char *folder,
              const char *from, struct err *err)
{
    bool to = false, out_of = false;

    if (hint->anywhere)
        return true;
    if (!is_mapped(store, mailbox, folder, &to, err) ||
        (from[0] && !is_mapped(store, mailbox, from, &out_of, err)))
        return false;
    if (to)
        add(hint, folder);
    if (out_of)
        add(hint, from);
    hint->anywhere = hint->anywhere || (!to && !out_of);
    return true;
}

/* ---- of a mailbox: taken 0 until a claim takes them ---- */

static_assert(LIMIT_HINTS >= LIMIT_HINT_FOLDERS, "one wish fits");

static bool put(struct store *store, const char *mailbox, const char *folder, struct err *err)
{
    return db_run(store, err,
                  "INSERT OR IGNORE INTO queue_hint(mailbox, taken, folder) SELECT ?1, 0,"
                  " CASE WHEN (SELECT count(*) FROM queue_hint WHERE mailbox = ?1"
                  " AND taken = 0) < ?3 THEN ?2 ELSE '' END",
                  "ssb", mailbox, folder, LIMIT_HINTS);
}

static bool is_there(struct store *store, const char *mailbox, const char *folder, bool *is,
                     struct err *err)
{
    sqlite3_stmt *stmt = db_one(store, err, is,
                                "SELECT 1 FROM queue_hint WHERE mailbox = ? AND taken = 0"
                                " AND folder = ?",
                                "ss", mailbox, folder);

    db_end(stmt);
    return stmt != NULL;
}

bool hint_put(struct store *store, const char *mailbox, const struct hint *hint,
              struct err *err)
{
    bool done;

    if (!hint)
        hint = &everywhere;
    if (!hint_is_put(store, mailbox, hint, &done, err))
        return false;
    if (done)
        return true;
    if (hint->anywhere || hint->count == 0)
        return put(store, mailbox, "", err);
    for (int i = 0; i < hint->count; i++) {
        if (!put(store, mailbox, hint->folders[i], err))
            return false;
    }
    return true;
}

bool hint_is_put(struct store *store, const char *mailbox, const struct hint *hint, bool *is,
                 struct err *err)
{
    if (!is_there(store, mailbox, "", is, err))
        return false;
    if (*is || !hint || hint->anywhere || hint->count == 0)
        return true;
    *is = true;
    for (int i = 0; i < hint->count && *is; i++) {
        if (!is_there(store, mailbox, hint->folders[i], is, err))
            return false;
    }
    return true;
}

bool hint_end(struct store *store, const char *mailbox, struct err *err)
{
    return db_run(store, err, "DELETE FROM queue_hint WHERE mailbox = ? AND taken = 1", "s",
                  mailbox);
}

/* Nobody said where: then it is anywhere, also when the wish is given back and others say. */
bool hint_take(struct store *store, const char *mailbox, struct err *err)
{
    if (!hint_end(store, mailbox, err) ||
        !db_run(store, err, "UPDATE queue_hint SET taken = 1 WHERE mailbox = ?", "s", mailbox))
        return false;
    return db_changes(store) > 0 ||
           db_run(store, err, "INSERT INTO queue_hint(mailbox, taken, folder) VALUES(?, 1, '')",
                  "s", mailbox);
}

bool hint_give_back(struct store *store, const char *mailbox, struct err *err)
{
    return db_run(store, err,
                  "UPDATE OR IGNORE queue_hint SET taken = 0 WHERE mailbox = ? AND taken = 1",
                  "s", mailbox) &&
           hint_end(store, mailbox, err);
}

bool hint_recover(struct store *store, const char *owner, struct err *err)
{
    return db_run(store, err,
                  "INSERT OR IGNORE INTO queue_hint(mailbox, taken, folder)"
                  " SELECT mailbox, 0, '' FROM queue WHERE owner > '' AND owner != ?1"
                  " AND reason = ?2",
                  "sb", owner, (int)QUEUE_NOTIFICATION) &&
           db_run(store, err,
                  "DELETE FROM queue_hint WHERE taken = 1 AND mailbox IN"
                  " (SELECT mailbox FROM queue WHERE owner > '' AND owner != ?)",
                  "s", owner);
}

/* ---- of a claim ---- */

static bool collect(struct store *store, sqlite3_stmt *stmt, struct hint_claim *out,
                    struct err *err)
{
    int next = 0, cap = 0;

    while (!out->anywhere && (next = db_next(store, stmt, err)) > 0) {
        if (out->count == cap) {
            cap = cap ? 2 * cap : LIMIT_HINT_FOLDERS;
            void *grown = realloc(out->folders, (size_t)cap * sizeof *out->folders);
            if (!grown)
                return err_set(err, ERR_SYSTEM, "out of memory");
            out->folders = grown;
        }
        db_copy(stmt, 0, out->folders[out->count++], LIMIT_REMOTE_ID);
        out->anywhere = out->folders[out->count - 1][0] == '\0';
    }
    return next >= 0;
}

bool hint_claimed(struct store *store, const char *mailbox, struct hint_claim *out,
                  struct err *err)
{
    memset(out, 0, sizeof *out);
    sqlite3_stmt *stmt = db_query(store, err,
                                  "SELECT folder FROM queue_hint WHERE mailbox = ?"
                                  " AND taken = 1 ORDER BY folder",
                                  "s", mailbox);
    if (!stmt)
        return false;
    bool ok = collect(store, stmt, out, err);
    db_end(stmt);
    out->anywhere = out->anywhere || out->count == 0 || !ok;
    if (out->anywhere) {
        free(out->folders);
        out->folders = NULL;
        out->count = 0;
    }
    return ok;
}
