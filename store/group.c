#include "store/group.h"

#include <string.h>

#include "store/db.h"

static_assert(FOLDER_PURGED == 3, "SQL below says 3");

int group_owner(const struct group_copy *copies, int count)
{
    int owner = -1;

    for (int i = 0; i < count; i++) {
        if (copies[i].accepted_at &&
            (owner < 0 || copies[i].accepted_at > copies[owner].accepted_at ||
             (copies[i].accepted_at == copies[owner].accepted_at &&
              strcmp(copies[i].id, copies[owner].id) < 0)))
            owner = i;
    }
    return owner;
}

enum group_fate group_fate(const struct group_copy *copies, int count, int index)
{
    const struct group_copy *copy = &copies[index];
    int owner = group_owner(copies, count);

    if (owner < 0)
        return GROUP_STAYS;
    if (index == owner)
        return copy->folder == FOLDER_PURGED && copy->folder_at < copy->accepted_at &&
                       copy->full
                   ? GROUP_REVIVED
                   : GROUP_STAYS;
    if (copy->folder != FOLDER_PURGED)
        return GROUP_WITHDRAWN;
    bool over = copies[owner].folder == FOLDER_PURGED &&
                copies[owner].folder_at > copies[owner].accepted_at;
    return over && copy->full ? GROUP_FORGOTTEN : GROUP_STAYS;
}

bool group_load(struct store *store, const char *group, struct group_copy *copies, int *count,
                struct err *err)
{
    int next;
    sqlite3_stmt *stmt =
        db_query(store, err,
                 "SELECT id, mailbox, folder, folder_at, accepted_at,"
                 " audio != '' OR transcript IS NOT NULL OR text IS NOT NULL"
                 " FROM message WHERE dispatch_group = ? AND dispatch_group != '' ORDER BY id",
                 "s", group);

    *count = 0;
    if (!stmt)
        return false;
    while ((next = db_next(store, stmt, err)) > 0 && *count < LIMIT_RECIPIENTS) {
        struct group_copy *copy = &copies[(*count)++];
        db_copy(stmt, 0, copy->id, sizeof copy->id);
        db_copy(stmt, 1, copy->mailbox, sizeof copy->mailbox);
        copy->folder = (enum message_folder)db_int(stmt, 2);
        copy->folder_at = db_int(stmt, 3);
        copy->accepted_at = db_int(stmt, 4);
        copy->full = db_int(stmt, 5) != 0;
    }
    db_end(stmt);
    return next >= 0;
}

/* Only what was accepted can be in Exchange and needs a look there. */
static bool withdraw(struct store *store, const struct group_copy *copy, int64_t stamp,
                     struct err *err)
{
    return db_run(store, err,
                  "UPDATE message SET folder = 3, folder_at = max(folder_at, ?1), row = ?2,"
                  " dirty_since = CASE WHEN accepted_at != 0 AND dirty_since = 0 THEN ?3"
                  " WHEN accepted_at = 0 THEN 0 ELSE dirty_since END WHERE id = ?4",
                  "iiis", stamp, db_next_row(store), store_now(store).ms, copy->id);
}

bool group_apply(struct store *store, const struct group_copy *copy, enum group_fate fate,
                 const struct group_copy *owner, struct err *err)
{
    switch (fate) {
    case GROUP_STAYS: return true;
    case GROUP_WITHDRAWN: return withdraw(store, copy, owner->accepted_at, err);
    case GROUP_REVIVED:
        return db_run(store, err,
                      "UPDATE message SET folder = home, folder_at = accepted_at, row = ?1,"
                      " dirty_since = CASE dirty_since WHEN 0 THEN ?2 ELSE dirty_since END"
                      " WHERE id = ?3",
                      "iis", db_next_row(store), store_now(store).ms, copy->id);
    case GROUP_FORGOTTEN:
        return db_run(store, err,
                      "UPDATE message SET audio = '', transcript = NULL, text = NULL, row = ?"
                      " WHERE id = ?",
                      "is", db_next_row(store), copy->id);
    }
    return true;
}
