/* A backup of a mailbox, and the way back to it. The backup is one for each mailbox, in tables
 * beside the live ones; the contents of attachments that only it names are kept. */
#include "tests/exchange/exchange_move.h"
#include "tests/exchange/exchange_push.h"

/* Properties and attachments hang on items and folders. FROM stands for "" or "backup_". */
#define OWNERS(from, mailbox)                                                                  \
    "(is_folder=0 AND owner IN (SELECT id FROM " from "item WHERE mailbox=" mailbox            \
    ")) OR (is_folder=1 AND owner IN (SELECT id FROM " from "folder WHERE mailbox=" mailbox    \
    "))"
#define ITEMS(from) "item IN (SELECT id FROM " from "item WHERE mailbox=?1)"

static void run_all(struct exchange *ex, const char *const *statements, int64_t mailbox)
{
    for (; *statements; statements++)
        ex_db_run(ex->db, *statements, "i", mailbox);
}

bool exchange_snapshot(struct exchange *ex, const char *address, struct err *err)
{
    static const char *const statements[] = {
        "DELETE FROM backup_attachment WHERE " ITEMS("backup_"),
        "DELETE FROM backup_property WHERE " OWNERS("backup_", "?1"),
        "DELETE FROM backup_item WHERE mailbox=?1",
        "DELETE FROM backup_folder WHERE mailbox=?1",
        "INSERT INTO backup_folder SELECT * FROM folder WHERE mailbox=?1",
        "INSERT INTO backup_item SELECT * FROM item WHERE mailbox=?1",
        "INSERT INTO backup_property SELECT * FROM property WHERE " OWNERS("", "?1"),
        "INSERT INTO backup_attachment SELECT * FROM attachment WHERE " ITEMS(""),
        NULL};
    int64_t mailbox = exchange_mailbox_peek(ex, address);
    if (!mailbox)
        return err_set(err, ERR_NO_MAILBOX, "there is no mailbox \"%s\"", address);
    ex_db_begin(ex->db);
    run_all(ex, statements, mailbox);
    ex_db_run(ex->db, "INSERT OR REPLACE INTO backup (mailbox, seq) VALUES (?,?)", "ii",
              mailbox, ex->seq);
    return exchange_commit(ex, err);
}

/* Everything is as it was then, numbers of changes too. What was told since then is void; what
 * was told before is good, for those numbers are true again. Change numbers go on from where
 * they were, and ids are never given twice, so nothing new looks like something forgotten. */
bool exchange_restore(struct exchange *ex, const char *address, struct err *err)
{
    static const char *const statements[] = {
        "DELETE FROM attachment WHERE " ITEMS(""),
        "DELETE FROM property WHERE " OWNERS("", "?1"),
        "DELETE FROM item WHERE mailbox=?1",
        "DELETE FROM folder WHERE mailbox=?1",
        "INSERT INTO folder SELECT * FROM backup_folder WHERE mailbox=?1",
        "INSERT INTO item SELECT * FROM backup_item WHERE mailbox=?1",
        "INSERT INTO property SELECT * FROM backup_property WHERE " OWNERS("backup_", "?1"),
        "INSERT INTO attachment SELECT * FROM backup_attachment WHERE " ITEMS("backup_"),
        NULL};
    int64_t mailbox = exchange_mailbox_peek(ex, address);
    int64_t seq =
        ex_db_value(ex->db, -1, "SELECT seq FROM backup WHERE mailbox=?", "i", mailbox);
    if (!mailbox || seq < 0)
        return err_set(err, ERR_NO_MAILBOX, "there is no backup of the mailbox \"%s\"",
                       address);
    ex_db_begin(ex->db);
    run_all(ex, statements, mailbox);
    ex_states_lose(ex, mailbox, seq);
    ex_push_drop(ex->push, mailbox);
    return exchange_commit(ex, err);
}
