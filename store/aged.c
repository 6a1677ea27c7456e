#include "store/aged.h"

#include "store/db.h"
#include "store/message.h"

static_assert(FOLDER_DELETED == 1 && FOLDER_PURGED == 3 && TRANSCRIPT_PENDING == 1,
              "the queries below, and their indexes, say so");

/* Each has an index of its own (store/schema.c): it is asked often and finds nothing. */
static sqlite3_stmt *ask(struct store *store, enum aged_what what, struct wall before, int max,
                         struct err *err)
{
    switch (what) {
    case AGED_RECORDING:
        return db_query(store, err,
                        "SELECT id FROM message WHERE audio != '' AND received < ?"
                        " ORDER BY received LIMIT ?",
                        "ib", before.ms, max);
    case AGED_DELETED:
        return db_query(store, err,
                        "SELECT id FROM message WHERE folder = 1 AND folder_at < ?"
                        " ORDER BY folder_at LIMIT ?",
                        "ib", stamp_at(before), max);
    case AGED_TRANSCRIPT:
    case AGED_KINDS: break;
    }
    return db_query(store, err,
                    "SELECT id FROM message WHERE transcript_state = 1 AND folder != 3"
                    " AND transcript_at < ? ORDER BY transcript_at LIMIT ?",
                    "ib", stamp_at(before), max);
}

bool aged_list(struct store *store, enum aged_what what, struct wall before,
               char (*ids)[LIMIT_UUID], int max, int *count, struct err *err)
{
    int next = 0;
    sqlite3_stmt *stmt = ask(store, what, before, max, err);

    *count = 0;
    if (!stmt)
        return false;
    while (*count < max && (next = db_next(store, stmt, err)) > 0)
        db_copy(stmt, 0, ids[(*count)++], LIMIT_UUID);
    db_end(stmt);
    return next >= 0;
}
