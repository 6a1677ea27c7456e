#include "queue/lag.h"

#include "queue/queue.h"
#include "store/db.h"

static_assert(LIMIT_SET_ASIDE_AFTER == 3, "SQL below says 3: refused so often is set aside");

/* What waits here, oldest first. */
#define CHANGES_HERE                                                                           \
    "FROM message m LEFT JOIN agreed a ON a.message = m.id"                                    \
    " WHERE m.dirty_since != 0 AND coalesce(a.refusals, 0) < 3"

/* A look that is owed because something happened there: not a sweep, nor what an administrator
 * asked for, nor what was set aside; what changed here is counted by its messages. */
#define LOOKS_OWED  " reason NOT IN (?2, ?3, ?4, ?5)"
#define OTHER_LOOKS (int)QUEUE_CHANGE, (int)QUEUE_RESYNC, (int)QUEUE_SWEEP, (int)QUEUE_SET_ASIDE

bool lag_since(struct store *store, const char *mailbox, int64_t *since_ms, struct err *err)
{
    bool found;
    sqlite3_stmt *stmt =
        db_one(store, err, &found,
               "SELECT min(since) FROM (SELECT min(m.dirty_since) AS since " CHANGES_HERE
               " AND m.mailbox = ?1 UNION ALL"
               " SELECT min(created) FROM queue WHERE mailbox = ?1 AND" LOOKS_OWED ")",
               "sbbbb", mailbox, OTHER_LOOKS);

    *since_ms = stmt && found ? db_int(stmt, 0) : 0;
    db_end(stmt);
    return stmt != NULL;
}

static bool tell(struct store *store, const char *id, int64_t since_ms, lag_fn *fn, void *arg,
                 bool *more, struct err *err)
{
    struct mailbox_state state;
    struct mailbox mailbox;

    if (!mailbox_get(store, id, &mailbox, err)) {
        *more = err->kind == ERR_NO_MAILBOX;
        return *more;
    }
    if (!mailbox_state_get(store, id, &state, err))
        return false;
    if (mailbox.single_inbox && !mailbox.removed && state.condition != MAILBOX_SUSPENDED)
        *more = fn(&mailbox, since_ms, arg);
    return true;
}

bool lag_each(struct store *store, int64_t before_ms, lag_fn *fn, void *arg, struct err *err)
{
    char id[LIMIT_UUID];
    bool more = true;
    int next = 0;
    sqlite3_stmt *stmt =
        db_query(store, err,
                 "SELECT mailbox, min(since) FROM (SELECT m.mailbox, m.dirty_since AS "
                 "since " CHANGES_HERE " AND m.dirty_since < ?1 UNION ALL"
                 " SELECT mailbox, created FROM queue WHERE created < ?1 AND" LOOKS_OWED ")"
                 " GROUP BY mailbox",
                 "ibbbb", before_ms, OTHER_LOOKS);

    if (!stmt)
        return false;
    while (more && (next = db_next(store, stmt, err)) > 0) {
        db_copy(stmt, 0, id, sizeof id);
        if (!tell(store, id, db_int(stmt, 1), fn, arg, &more, err))
            next = -1;
        if (next < 0)
            break;
    }
    db_end(stmt);
    return next >= 0;
}
