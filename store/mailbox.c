#include "store/mailbox.h"

#include <ctype.h>
#include <string.h>

#include "base/id.h"
#include "store/db.h"

static const char *const condition_names[] = {
    [MAILBOX_OK] = "ok",
    [MAILBOX_SUSPENDED] = "suspended",
    [MAILBOX_PARKED] = "parked",
};

static_assert(sizeof condition_names / sizeof condition_names[0] == MAILBOX_CONDITIONS,
              "each condition has its name");

#define MAILBOX_COLUMNS "id, name, smtp, exchange, display, single_inbox, removed"

static void read_row(sqlite3_stmt *stmt, struct mailbox *out)
{
    db_copy(stmt, 0, out->id, sizeof out->id);
    db_copy(stmt, 1, out->name, sizeof out->name);
    db_copy(stmt, 2, out->smtp, sizeof out->smtp);
    db_copy(stmt, 3, out->exchange, sizeof out->exchange);
    db_copy(stmt, 4, out->display, sizeof out->display);
    out->single_inbox = db_int(stmt, 5) != 0;
    out->removed = db_int(stmt, 6) != 0;
}

static bool usable_name(const char *name)
{
    size_t len = strlen(name);

    if (len == 0 || len >= LIMIT_MAILBOX_NAME || id_valid(name))
        return false;
    for (; *name; name++) {
        if (!isalnum((unsigned char)*name) && !strchr("._-+@", *name))
            return false;
    }
    return true;
}

static bool usable_address(const char *address)
{
    const char *at = strrchr(address, '@');

    if (!at || at == address || !at[1] || strlen(address) >= LIMIT_ADDRESS)
        return false;
    for (const char *p = address; *p; p++) {
        if ((unsigned char)*p <= ' ' || strchr("<>\"(),;", *p))
            return false;
    }
    return true;
}

static bool name_is_free(struct store *store, const char *name, struct err *err)
{
    bool found;
    sqlite3_stmt *stmt = db_one(
        store, err, &found, "SELECT 1 FROM mailbox WHERE name = ? AND removed = 0", "s", name);
    db_end(stmt);
    if (stmt && found)
        return err_set(err, ERR_USAGE, "there is a mailbox %s already", name);
    return stmt != NULL;
}

bool mailbox_add(struct store *store, struct mailbox *mailbox, struct err *err)
{
    if (!usable_name(mailbox->name))
        return err_set(
            err, ERR_USAGE,
            "\"%s\" cannot name a mailbox: use up to %d letters, digits and . _ - + @",
            mailbox->name, LIMIT_MAILBOX_NAME - 1);
    if (!usable_address(mailbox->smtp))
        return err_set(err, ERR_DATA, "\"%s\" is not a mail address such as ann@example.com",
                       mailbox->smtp);
    if (!name_is_free(store, mailbox->name, err))
        return false;
    id_new(mailbox->id);
    mailbox->removed = false;
    int64_t stamp = store_stamp(store);
    return db_run(
        store, err,
        "INSERT INTO mailbox VALUES(?1, ?2, ?3, ?4, ?5, ?6, 0, ?7, ?7, ?7, ?7, ?7, ?7, ?8)",
        "sssssbii", mailbox->id, mailbox->name, mailbox->smtp, mailbox->exchange,
        mailbox->display, mailbox->single_inbox, stamp, db_next_row(store));
}

bool mailbox_remove(struct store *store, const char *name, struct err *err)
{
    struct mailbox mailbox;

    return mailbox_find(store, name, &mailbox, err) &&
           db_run(store, err,
                  "UPDATE mailbox SET removed = 1, removed_at = ?, row = ? WHERE id = ?", "iis",
                  store_stamp(store), db_next_row(store), mailbox.id);
}

bool mailbox_set_single_inbox(struct store *store, const char *name, bool on, struct err *err)
{
    struct mailbox mailbox;

    if (!mailbox_find(store, name, &mailbox, err))
        return false;
    return mailbox.single_inbox == on ||
           db_run(
               store, err,
               "UPDATE mailbox SET single_inbox = ?, single_inbox_at = ?, row = ? WHERE id = ?",
               "biis", on, store_stamp(store), db_next_row(store), mailbox.id);
}

bool mailbox_find(struct store *store, const char *name, struct mailbox *out, struct err *err)
{
    bool found;
    sqlite3_stmt *stmt = db_one(
        store, err, &found,
        "SELECT " MAILBOX_COLUMNS " FROM mailbox WHERE name = ? AND removed = 0", "s", name);
    if (stmt && found)
        read_row(stmt, out);
    db_end(stmt);
    if (!stmt)
        return false;
    if (!found && id_valid(name))
        return mailbox_get(store, name, out, err);
    if (!found)
        err_set(err, ERR_NO_MAILBOX,
                "there is no mailbox \"%s\"; \"sibctl mailbox list\" shows all", name);
    return found;
}

bool mailbox_get(struct store *store, const char *id, struct mailbox *out, struct err *err)
{
    bool found;
    sqlite3_stmt *stmt = db_one(
        store, err, &found, "SELECT " MAILBOX_COLUMNS " FROM mailbox WHERE id = ?", "s", id);
    if (stmt && found)
        read_row(stmt, out);
    db_end(stmt);
    if (!stmt)
        return false;
    if (!found)
        err_set(err, ERR_NO_MAILBOX, "there is no mailbox with the id %s", id);
    return found;
}

bool mailbox_each(struct store *store, mailbox_fn *fn, void *arg, struct err *err)
{
    struct mailbox mailbox;
    int next;
    sqlite3_stmt *stmt =
        db_query(store, err,
                 "SELECT " MAILBOX_COLUMNS " FROM mailbox WHERE removed = 0 ORDER BY name", "");
    if (!stmt)
        return false;
    while ((next = db_next(store, stmt, err)) > 0) {
        read_row(stmt, &mailbox);
        if (!fn(&mailbox, arg))
            break;
    }
    db_end(stmt);
    return next >= 0;
}

const char *mailbox_condition_name(enum mailbox_condition condition)
{
    return condition_names[condition];
}

bool mailbox_state_get(struct store *store, const char *mailbox_id, struct mailbox_state *out,
                       struct err *err)
{
    bool found;
    sqlite3_stmt *stmt =
        db_one(store, err, &found,
               "SELECT condition, reason, last_error, notify, last_run, last_ok"
               " FROM mailbox_state WHERE mailbox = ?",
               "s", mailbox_id);
    memset(out, 0, sizeof *out);
    if (stmt && found) {
        out->condition = (enum mailbox_condition)db_int(stmt, 0);
        db_copy(stmt, 1, out->reason, sizeof out->reason);
        db_copy(stmt, 2, out->last_error, sizeof out->last_error);
        db_copy(stmt, 3, out->notify, sizeof out->notify);
        out->last_run_ms = db_int(stmt, 4);
        out->last_ok_ms = db_int(stmt, 5);
    }
    db_end(stmt);
    return stmt != NULL;
}

bool mailbox_state_set(struct store *store, const char *mailbox_id,
                       const struct mailbox_state *state, struct err *err)
{
    return db_run(
        store, err,
        "INSERT INTO mailbox_state VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)"
        " ON CONFLICT(mailbox) DO UPDATE SET condition = ?2, reason = ?3,"
        " last_error = ?4, notify = ?5, last_run = ?6, last_ok = ?7, stamp = ?8, row = ?9",
        "sbsssiiii", mailbox_id, (int)state->condition, state->reason, state->last_error,
        state->notify, state->last_run_ms, state->last_ok_ms, store_stamp(store),
        db_next_row(store));
}
