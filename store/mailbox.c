#include "store/mailbox.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/id.h"
#include "store/db.h"
#include "store/message.h"

static const char *const condition_names[] = {
    [MAILBOX_OK] = "ok",
    [MAILBOX_SUSPENDED] = "suspended",
    [MAILBOX_PARKED] = "parked",
};

static_assert(sizeof condition_names / sizeof condition_names[0] == MAILBOX_CONDITIONS,
              "each condition has its name");

#define MAILBOX_COLUMNS                                                                        \
    "id, name, smtp, exchange, display, single_inbox, removed, language, extension,"           \
    " hold_transcript, erase"

static void read_row(sqlite3_stmt *stmt, struct mailbox *out)
{
    db_copy(stmt, 0, out->id, sizeof out->id);
    db_copy(stmt, 1, out->name, sizeof out->name);
    db_copy(stmt, 2, out->smtp, sizeof out->smtp);
    db_copy(stmt, 3, out->exchange, sizeof out->exchange);
    db_copy(stmt, 4, out->display, sizeof out->display);
    out->single_inbox = db_int(stmt, 5) != 0;
    out->removed = db_int(stmt, 6) != 0;
    db_copy(stmt, 7, out->language, sizeof out->language);
    db_copy(stmt, 8, out->extension, sizeof out->extension);
    out->hold_transcript = db_int(stmt, 9) != 0;
    out->erase = db_int(stmt, 10) != 0;
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

static bool check_fields(const struct mailbox *mailbox, struct err *err)
{
    enum language language;

    if (!language_parse(mailbox->language, &language))
        return err_set(err, ERR_DATA, "the language \"%s\" is not known; there are en and ja",
                       mailbox->language);
    return usable_address(mailbox->smtp) ||
           err_set(err, ERR_DATA, "\"%s\" is not a mail address such as ann@example.com",
                   mailbox->smtp);
}

bool mailbox_add(struct store *store, struct mailbox *mailbox, struct err *err)
{
    if (!mailbox->language[0])
        snprintf(mailbox->language, sizeof mailbox->language, "%s", language_name(LANGUAGE_EN));
    if (!usable_name(mailbox->name))
        return err_set(
            err, ERR_USAGE,
            "\"%s\" cannot name a mailbox: use up to %d letters, digits and . _ - + @",
            mailbox->name, LIMIT_MAILBOX_NAME - 1);
    if (!check_fields(mailbox, err) || !name_is_free(store, mailbox->name, err))
        return false;
    id_new(mailbox->id);
    mailbox->removed = mailbox->erase = false;
    int64_t stamp = store_stamp(store);
    return db_run(store, err,
                  "INSERT INTO mailbox(id, name, smtp, exchange, display, language, extension,"
                  " single_inbox, hold_transcript, removed, erase, name_at, smtp_at,"
                  " exchange_at, display_at, language_at, extension_at, single_inbox_at,"
                  " hold_transcript_at, removed_at, erase_at, row)"
                  " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 0, 0, ?10, ?10, ?10, ?10, ?10,"
                  " ?10, ?10, ?10, ?10, ?10, ?11)",
                  "sssssssbbii", mailbox->id, mailbox->name, mailbox->smtp, mailbox->exchange,
                  mailbox->display, mailbox->language, mailbox->extension,
                  mailbox->single_inbox, mailbox->hold_transcript, stamp, db_next_row(store));
}

static bool remove_one(struct store *store, const char *name, bool erase, struct err *err)
{
    struct mailbox mailbox;

    return mailbox_find(store, name, &mailbox, err) &&
           db_run(store, err,
                  "UPDATE mailbox SET removed = 1, erase = max(erase, ?1),"
                  " removed_at = CASE removed WHEN 0 THEN ?2 ELSE removed_at END,"
                  " erase_at = CASE WHEN erase < ?1 THEN ?2 ELSE erase_at END, row = ?3"
                  " WHERE id = ?4",
                  "biis", erase, store_stamp(store), db_next_row(store), mailbox.id);
}

bool mailbox_remove(struct store *store, const char *name, struct err *err)
{
    return remove_one(store, name, false, err);
}

bool mailbox_erase(struct store *store, const char *name, struct err *err)
{
    return remove_one(store, name, true, err);
}

bool mailbox_erased(struct store *store, const char *id, struct err *err)
{
    return db_run(store, err,
                  "UPDATE mailbox SET erase = 0, erase_at = ?, row = ? WHERE id = ?"
                  " AND erase = 1",
                  "iis", store_stamp(store), db_next_row(store), id);
}

bool mailbox_set(struct store *store, const struct mailbox *mailbox, bool *changed,
                 struct err *err)
{
    bool ok = check_fields(mailbox, err) &&
              db_run(store, err,
                     "UPDATE mailbox SET smtp = ?1, display = ?2, language = ?3,"
                     " extension = ?4, hold_transcript = ?5,"
                     " smtp_at = CASE smtp WHEN ?1 THEN smtp_at ELSE ?6 END,"
                     " display_at = CASE display WHEN ?2 THEN display_at ELSE ?6 END,"
                     " language_at = CASE language WHEN ?3 THEN language_at ELSE ?6 END,"
                     " extension_at = CASE extension WHEN ?4 THEN extension_at ELSE ?6 END,"
                     " hold_transcript_at = CASE hold_transcript WHEN ?5 THEN"
                     " hold_transcript_at ELSE ?6 END, row = ?7"
                     " WHERE id = ?8 AND (smtp != ?1 OR display != ?2 OR language != ?3"
                     " OR extension != ?4 OR hold_transcript != ?5)",
                     "ssssbiis", mailbox->smtp, mailbox->display, mailbox->language,
                     mailbox->extension, mailbox->hold_transcript, store_stamp(store),
                     db_next_row(store), mailbox->id);

    bool differs = ok && db_changes(store) > 0;
    if (changed)
        *changed = differs;
    return ok && (!differs || mailbox->hold_transcript ||
                  message_mark_pending_dirty(store, mailbox->id, err));
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

/* What compares addresses folds ASCII only, as SQLite's lower() does. */
static void fold(const char *address, char *out)
{
    size_t i = 0;

    for (; address[i] && i + 1 < LIMIT_ADDRESS; i++)
        out[i] = (char)tolower((unsigned char)address[i]);
    out[i] = '\0';
}

bool mailbox_find_address(struct store *store, const char *address, struct mailbox *out,
                          bool *found, struct err *err)
{
    char folded[LIMIT_ADDRESS];

    *found = false;
    if (!usable_address(address))
        return true; /* too long, or none: nobody has it */
    fold(address, folded);
    sqlite3_stmt *stmt =
        db_one(store, err, found,
               "SELECT " MAILBOX_COLUMNS " FROM (SELECT 0 AS rank, * FROM mailbox"
               " WHERE lower(smtp) = ?1 AND removed = 0 UNION ALL SELECT 1 AS rank, mailbox.*"
               " FROM mailbox_address a JOIN mailbox ON mailbox.id = a.mailbox"
               " WHERE a.address = ?1 AND a.removed = 0 AND mailbox.removed = 0)"
               " ORDER BY rank, name_at, id LIMIT 1",
               "s", folded);
    if (stmt && *found)
        read_row(stmt, out);
    db_end(stmt);
    return stmt != NULL;
}

static bool count_aliases(struct store *store, const char *id, int64_t *count, struct err *err)
{
    bool found;
    sqlite3_stmt *stmt = db_one(
        store, err, &found,
        "SELECT count(*) FROM mailbox_address WHERE mailbox = ? AND removed = 0", "s", id);

    *count = stmt && found ? db_int(stmt, 0) : 0;
    db_end(stmt);
    return stmt != NULL;
}

bool mailbox_add_alias(struct store *store, const char *id, const char *address,
                       struct err *err)
{
    struct mailbox owner;
    char folded[LIMIT_ADDRESS];
    int64_t count;
    bool taken;

    if (!usable_address(address))
        return err_set(err, ERR_DATA, "\"%s\" is not a mail address such as ann@example.com",
                       address);
    fold(address, folded);
    if (!mailbox_find_address(store, folded, &owner, &taken, err) ||
        !count_aliases(store, id, &count, err))
        return false;
    if (taken)
        return err_set(err, ERR_USAGE, "the address %s belongs to the mailbox %s already",
                       folded, owner.name);
    if (count >= LIMIT_ALIASES)
        return err_set(err, ERR_USAGE, "a mailbox has at most %d further addresses",
                       LIMIT_ALIASES);
    return db_run(store, err,
                  "INSERT INTO mailbox_address VALUES(?1, ?2, 0, ?3, ?4)"
                  " ON CONFLICT(address, mailbox) DO UPDATE SET removed = 0, stamp = ?3,"
                  " row = ?4",
                  "ssii", folded, id, store_stamp(store), db_next_row(store));
}

bool mailbox_remove_alias(struct store *store, const char *id, const char *address,
                          struct err *err)
{
    char folded[LIMIT_ADDRESS];

    fold(address, folded);
    if (!db_run(store, err,
                "UPDATE mailbox_address SET removed = 1, stamp = ?, row = ?"
                " WHERE address = ? AND mailbox = ? AND removed = 0",
                "iiss", store_stamp(store), db_next_row(store), folded, id))
        return false;
    return db_changes(store) > 0 ||
           err_set(err, ERR_USAGE, "the mailbox has no further address %s", folded);
}

bool mailbox_each_alias(struct store *store, const char *id, mailbox_alias_fn *fn, void *arg,
                        struct err *err)
{
    int next;
    sqlite3_stmt *stmt = db_query(store, err,
                                  "SELECT address FROM mailbox_address WHERE mailbox = ?"
                                  " AND removed = 0 ORDER BY address",
                                  "s", id);
    if (!stmt)
        return false;
    while ((next = db_next(store, stmt, err)) > 0) {
        if (!fn(db_text(stmt, 0), arg))
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
