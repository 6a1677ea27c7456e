#include "store/alarm.h"

#include "store/db.h"

bool alarm_raise(struct store *store, const char *name, const char *mailbox,
                 const char *subject, const char *text, struct err *err)
{
    return db_run(
        store, err,
        "INSERT INTO alarm(name, mailbox, subject, text, raised) VALUES(?, ?, ?, ?, ?)"
        " ON CONFLICT(name, mailbox, subject) DO UPDATE SET text = excluded.text",
        "ssssi", name, mailbox, subject, text, store_now(store).ms);
}

bool alarm_clear(struct store *store, const char *name, const char *mailbox,
                 const char *subject, struct err *err)
{
    if (!subject)
        return db_run(store, err, "DELETE FROM alarm WHERE name = ? AND mailbox = ?", "ss",
                      name, mailbox);
    return db_run(store, err,
                  "DELETE FROM alarm WHERE name = ? AND mailbox = ? AND subject = ?", "sss",
                  name, mailbox, subject);
}

bool alarm_each(struct store *store, alarm_fn *fn, void *arg, struct err *err)
{
    int next;
    sqlite3_stmt *stmt = db_query(store, err,
                                  "SELECT id, name, mailbox, subject, text, raised FROM alarm"
                                  " ORDER BY raised, id",
                                  "");
    if (!stmt)
        return false;
    while ((next = db_next(store, stmt, err)) > 0) {
        struct alarm alarm = {.id = db_int(stmt, 0), .raised_ms = db_int(stmt, 5)};
        db_copy(stmt, 1, alarm.name, sizeof alarm.name);
        db_copy(stmt, 2, alarm.mailbox, sizeof alarm.mailbox);
        db_copy(stmt, 3, alarm.subject, sizeof alarm.subject);
        db_copy(stmt, 4, alarm.text, sizeof alarm.text);
        if (!fn(&alarm, arg))
            break;
    }
    db_end(stmt);
    return next >= 0;
}
