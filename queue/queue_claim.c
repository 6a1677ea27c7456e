/* Claims: which mailbox comes next, and what becomes of its rows after the run.
 *
 * A claimed row carries its owner's name until queue_done or queue_again; `again` says that it
 * was pushed meanwhile. "+owner" keeps SQLite from choosing the index over owners, which has
 * nearly every row under the owner '', where the one over mailboxes has a handful. */
#include "queue/queue.h"

#include <string.h>

#include "base/bug.h"
#include "store/db.h"

/* A mailbox that is neither held back (?2: now) nor claimed. */
#define IS_FREE                                                                                \
    " AND NOT EXISTS(SELECT 1 FROM queue_hold h WHERE h.mailbox = q.mailbox AND h.until > ?2)" \
    " AND NOT EXISTS(SELECT 1 FROM queue c WHERE c.mailbox = q.mailbox AND c.owner != '')"

static_assert(QUEUE_SET_ASIDE == 6 && QUEUE_SET_ASIDE + 1 == QUEUE_REASONS,
              "\"reason < 6\" below is work; what is set aside comes last");

/* ---- Lanes ---- */

typedef bool lane_fn(struct store *store, const char *lane, void *arg, struct err *err);

/* The first section that has rows, or the next one after `lane`. */
static bool next_lane(struct store *store, bool first, char *lane, bool *found, struct err *err)
{
    sqlite3_stmt *stmt = db_one(store, err, found,
                                first ? "SELECT lane FROM queue WHERE owner = '' AND lane >= ?"
                                        " ORDER BY lane LIMIT 1"
                                      : "SELECT lane FROM queue WHERE owner = '' AND lane > ?"
                                        " ORDER BY lane LIMIT 1",
                                "s", lane);
    if (stmt && *found)
        db_copy(stmt, 0, lane, LIMIT_MAILBOX_NAME);
    db_end(stmt);
    return stmt != NULL;
}

/* The sections that have rows and may be claimed, one look into the index for each. */
static bool each_lane(struct store *store, const struct queue_claimer *claimer, lane_fn *fn,
                      void *arg, struct err *err)
{
    char lane[LIMIT_MAILBOX_NAME] = "";
    bool found, first = true;

    for (;; first = false) {
        if (!next_lane(store, first, lane, &found, err))
            return false;
        if (!found)
            return true;
        if (claimer && claimer->may && !claimer->may(lane, claimer->arg))
            continue;
        if (!fn(store, lane, arg, err))
            return false;
    }
}

struct candidate {
    char mailbox[LIMIT_UUID];
    int64_t reason, due_ms; /* due 0: there is none */
};

/* The first of one reason, by the index: over all of them at once, thousands of sweeps that are
 * not due yet, or of an account that is held, would be walked past. */
#define FIRST(reason)                                                                          \
    " SELECT * FROM (SELECT mailbox, due, " reason " AS reason FROM queue q WHERE owner = ''"  \
    " AND lane = ?1 AND reason = " reason " AND due <= ?2" IS_FREE                             \
    " ORDER BY due, id LIMIT 1)"

static_assert(QUEUE_SET_ASIDE == 6, "each reason below it is asked for, here and in sooner_in");

static bool pick_in(struct store *store, const char *lane, void *arg, struct err *err)
{
    struct candidate *best = arg;
    int next;
    sqlite3_stmt *stmt =
        db_query(store, err,
                 FIRST("0") " UNION ALL" FIRST("1") " UNION ALL" FIRST("2") " UNION ALL" FIRST(
                     "3") " UNION ALL" FIRST("4") " UNION ALL" FIRST("5"),
                 "si", lane, store_now(store).ms);
    if (!stmt)
        return false;
    while ((next = db_next(store, stmt, err)) > 0) {
        int64_t due = db_int(stmt, 1), reason = db_int(stmt, 2);
        if (best->due_ms &&
            (best->reason < reason || (best->reason == reason && best->due_ms <= due)))
            continue;
        best->reason = reason;
        best->due_ms = due > 0 ? due : 1;
        db_copy(stmt, 0, best->mailbox, sizeof best->mailbox);
    }
    db_end(stmt);
    return next == 0;
}

static bool pick(struct store *store, const struct queue_claimer *claimer, char *mailbox,
                 bool *found, struct err *err)
{
    struct candidate best = {.due_ms = 0};

    if (!each_lane(store, claimer, pick_in, &best, err))
        return false;
    *found = best.due_ms != 0;
    memcpy(mailbox, best.mailbox, sizeof best.mailbox);
    return true;
}

/* ---- Claims ---- */

/* What the claimed rows of a mailbox say together. */
static bool sum_up(struct store *store, const char *owner, const char *mailbox,
                   struct queue_claim *out, struct err *err)
{
    int next;
    sqlite3_stmt *stmt = db_query(
        store, err,
        /* A sweep was wished an hour before its time; nothing waited then. */
        "SELECT reason, attempts, CASE reason WHEN ?3 THEN max(created, due) ELSE created END"
        " FROM queue WHERE mailbox = ?1 AND +owner = ?2",
        "ssb", mailbox, owner, (int)QUEUE_SWEEP);

    if (!stmt)
        return false;
    out->waiting_since_ms = store_now(store).ms;
    while ((next = db_next(store, stmt, err)) > 0) {
        out->reasons |= 1u << db_int(stmt, 0);
        if (db_int(stmt, 1) > out->attempts)
            out->attempts = (int)db_int(stmt, 1);
        if (db_int(stmt, 2) < out->waiting_since_ms)
            out->waiting_since_ms = db_int(stmt, 2);
    }
    db_end(stmt);
    return next == 0;
}

bool queue_claim_next(struct store *store, const struct queue_claimer *claimer,
                      struct queue_claim *out, bool *found, struct err *err)
{
    int64_t now_ms = store_now(store).ms;
    const char *owner = claimer->owner;

    assert(owner[0]);
    memset(out, 0, sizeof *out);
    if (!pick(store, claimer, out->mailbox, found, err))
        return false;
    if (!*found)
        return true;
    /* What held the mailbox back is over, else it had not been picked. */
    return db_run(store, err, "DELETE FROM queue_hold WHERE mailbox = ?", "s", out->mailbox) &&
           db_run(store, err,
                  "UPDATE queue SET owner = ?1, again = 0 WHERE mailbox = ?2 AND reason < 6"
                  " AND +owner = '' AND +due <= ?3",
                  "ssi", owner, out->mailbox, now_ms) &&
           sum_up(store, owner, out->mailbox, out, err) &&
           (!(out->reasons & 1u << QUEUE_NOTIFICATION) || hint_take(store, out->mailbox, err));
}

static bool delete_finished(struct store *store, const char *owner, const char *mailbox,
                            struct err *err)
{
    return db_run(store, err,
                  "DELETE FROM queue WHERE mailbox = ?1 AND +owner = ?2 AND again = 0", "ss",
                  mailbox, owner);
}

bool queue_done(struct store *store, const char *owner, const char *mailbox, struct err *err)
{
    /* What was pushed during the run is a new wish, made when it became due. */
    return delete_finished(store, owner, mailbox, err) && hint_end(store, mailbox, err) &&
           db_run(store, err,
                  "UPDATE queue SET owner = '', again = 0, attempts = 0, last_error = '',"
                  " created = min(due, ?3) WHERE mailbox = ?1 AND +owner = ?2",
                  "ssi", mailbox, owner, store_now(store).ms);
}

bool queue_again(struct store *store, const char *owner, const char *mailbox, int64_t delay_ms,
                 bool count_attempt, const char *error, struct err *err)
{
    struct queue_claim claim = {0};
    int64_t now_ms = store_now(store).ms;

    if (!sum_up(store, owner, mailbox, &claim, err))
        return false;
    int64_t attempts = claim.attempts + (count_attempt ? 1 : 0);
    const char *said = error ? error : "";
    if (bug(retry_forgotten))
        return queue_done(store, owner, mailbox, err);
    return delete_finished(store, owner, mailbox, err) && hint_end(store, mailbox, err) &&
           db_run(store, err,
                  "UPDATE queue SET owner = '', again = 0, attempts = ?3, last_error = ?4"
                  " WHERE mailbox = ?1 AND +owner = ?2",
                  "ssis", mailbox, owner, attempts, said) &&
           db_run(store, err,
                  "INSERT INTO queue(mailbox, reason, message, due, created, attempts,"
                  " last_error, owner, again, lane) VALUES(?1, ?2, '', ?3, ?4, ?5, ?6, '', 0,"
                  " coalesce((SELECT exchange FROM mailbox WHERE id = ?1), ''))"
                  " ON CONFLICT(mailbox, reason, message) DO UPDATE SET"
                  " due = min(due, excluded.due), created = min(created, excluded.created),"
                  " attempts = max(attempts, excluded.attempts),"
                  " last_error = excluded.last_error",
                  "siiiis", mailbox, (int64_t)QUEUE_RETRY,
                  now_ms + (delay_ms > 0 ? delay_ms : 0), claim.waiting_since_ms, attempts,
                  said);
}

bool queue_give_back(struct store *store, const char *owner, const char *mailbox,
                     int64_t delay_ms, const char *error, struct err *err)
{
    int64_t soonest = delay_ms > 0 ? store_now(store).ms + delay_ms : 0;

    return hint_give_back(store, mailbox, err) &&
           db_run(store, err,
                  "UPDATE queue SET owner = '', again = 0, due = max(due, ?3), last_error = ?4"
                  " WHERE mailbox = ?1 AND +owner = ?2",
                  "ssis", mailbox, owner, soonest, error ? error : "");
}

bool queue_done_one(struct store *store, const char *owner, const char *mailbox,
                    enum queue_reason reason, struct err *err)
{
    return hint_give_back(store, mailbox, err) &&
           db_run(store, err,
                  "DELETE FROM queue WHERE mailbox = ?1 AND +owner = ?2 AND reason = ?3"
                  " AND again = 0",
                  "ssi", mailbox, owner, (int64_t)reason) &&
           db_run(store, err,
                  "UPDATE queue SET owner = '', again = 0 WHERE mailbox = ?1 AND +owner = ?2",
                  "ss", mailbox, owner);
}

/* Due now rather than when they were: a mailbox whose run ends the process each time goes
 * behind the others. And because the calendar may have been set back while nobody ran, nothing
 * stays due in a future that was made in one. */
bool queue_recover(struct store *store, const char *owner, struct err *err)
{
    int64_t now_ms = store_now(store).ms;

    return hint_recover(store, owner, err) &&
           (bug(claim_of_the_dead) || db_run(store, err,
                                             "UPDATE queue SET owner = '', again = 0, due = ?2"
                                             " WHERE owner > '' AND owner != ?1",
                                             "si", owner, now_ms)) &&
           db_run(store, err, "UPDATE queue SET due = ?1, created = ?1 WHERE created > ?1", "i",
                  now_ms) &&
           db_run(store, err, "DELETE FROM queue_hold WHERE until > ?", "i",
                  now_ms + TIME_BACK_OFF_MAX_MS);
}

/* The sooner of *due_ms (0: none) and the one column of a query of at most one row. */
static bool sooner(sqlite3_stmt *stmt, bool found, int64_t *due_ms)
{
    if (stmt && found && sqlite3_column_type(stmt, 0) != SQLITE_NULL) {
        int64_t due = db_int(stmt, 0) > 0 ? db_int(stmt, 0) : 1;
        if (*due_ms == 0 || due < *due_ms)
            *due_ms = due;
    }
    db_end(stmt);
    return stmt != NULL;
}

#define DUE(reason)                                                                            \
    "(SELECT due FROM queue q WHERE owner = '' AND lane = ?1 AND reason = " reason IS_FREE     \
    " ORDER BY due LIMIT 1)"

static bool sooner_in(struct store *store, const char *lane, void *arg, struct err *err)
{
    bool found;
    sqlite3_stmt *stmt = db_one(
        store, err, &found,
        "SELECT min(due) FROM (SELECT " DUE(
            "0") " AS due"
                 " UNION ALL SELECT " DUE("1") " UNION ALL SELECT " DUE(
                     "2") " UNION ALL SELECT " DUE("3") " UNION ALL SELECT " DUE("4") " UNION "
                                                                                      "ALL "
                                                                                      "SELECT"
                                                                                      " " DUE(
                                                                                          "5") ")",
        "si", lane, store_now(store).ms);
    return sooner(stmt, found, arg);
}

bool queue_next_due(struct store *store, const struct queue_claimer *claimer, int64_t *due_ms,
                    struct err *err)
{
    bool found;

    *due_ms = 0;
    if (!each_lane(store, claimer, sooner_in, due_ms, err))
        return false;
    sqlite3_stmt *held = db_one(
        store, err, &found,
        "SELECT min(max(q.due, h.until)) FROM queue_hold h CROSS JOIN queue q"
        " WHERE h.until > ?1 AND q.mailbox = h.mailbox AND q.reason < 6 AND +q.owner = ''"
        " AND NOT EXISTS(SELECT 1 FROM queue c WHERE c.mailbox = q.mailbox AND c.owner != '')",
        "i", store_now(store).ms);
    return sooner(held, found, due_ms);
}
