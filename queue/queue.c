#include "queue/queue.h"

#include <string.h>

#include "base/bug.h"
#include "store/db.h"

enum {
    BACK_OFF_FIRST_MS = 10 * 1000,
    BACK_OFF_LAST_MS = 5 * 60 * 1000,
    BACK_OFF_JITTER_PERCENT = 20,
};

static const char *const reason_names[] = {
    [QUEUE_CHANGE] = "change",
    [QUEUE_RESYNC] = "resync",
    [QUEUE_NOTIFICATION] = "notification",
    [QUEUE_FOLDERS] = "folders",
    [QUEUE_RETRY] = "retry",
    [QUEUE_SWEEP] = "sweep",
    [QUEUE_SET_ASIDE] = "set-aside",
};

static_assert(sizeof reason_names / sizeof reason_names[0] == QUEUE_REASONS,
              "each reason has its name");

/* Whose share of the work the mailbox (?1) belongs to. */
#define LANE "coalesce((SELECT exchange FROM mailbox WHERE id = ?1), '')"

#define ROW_COLUMNS "id, mailbox, message, reason, due, created, attempts, last_error, owner"

static void read_row(sqlite3_stmt *stmt, struct queue_row *out)
{
    out->id = db_int(stmt, 0);
    db_copy(stmt, 1, out->mailbox, sizeof out->mailbox);
    db_copy(stmt, 2, out->message, sizeof out->message);
    out->reason = (enum queue_reason)db_int(stmt, 3);
    out->due_ms = db_int(stmt, 4);
    out->created_ms = db_int(stmt, 5);
    out->attempts = (int)db_int(stmt, 6);
    db_copy(stmt, 7, out->last_error, sizeof out->last_error);
    out->claimed = db_text(stmt, 8)[0] != '\0';
}

const char *queue_reason_name(enum queue_reason reason)
{
    assert(reason < QUEUE_REASONS);
    return reason_names[reason];
}

int64_t queue_back_off(int attempts, struct rng *rng)
{
    int64_t wait_ms = BACK_OFF_FIRST_MS;

    for (int i = 0; i < attempts && wait_ms < BACK_OFF_LAST_MS; i++)
        wait_ms *= 2;
    if (wait_ms > BACK_OFF_LAST_MS)
        wait_ms = BACK_OFF_LAST_MS;
    return rng_jitter(rng, wait_ms, BACK_OFF_JITTER_PERCENT);
}

/* Is a run over this mailbox under way? */
static bool is_claimed(struct store *store, const char *mailbox, struct err *err)
{
    bool found;
    sqlite3_stmt *stmt =
        db_one(store, err, &found, "SELECT 1 FROM queue WHERE mailbox = ? AND +owner != ''",
               "s", mailbox);

    db_end(stmt);
    return found;
}

static bool push(struct store *store, const char *mailbox, enum queue_reason reason,
                 int64_t delay_ms, struct err *err)
{
    int64_t now_ms = store_now(store).ms;

    assert(reason < QUEUE_SET_ASIDE);
    if (bug(mark_lost_in_run) && is_claimed(store, mailbox, err))
        return true;
    /* The due time of a claimed row is spent: the first push during the claim sets it anew. */
    return db_run(
        store, err,
        "INSERT INTO queue(mailbox, reason, message, due, created, attempts,"
        " last_error, owner, again, lane) VALUES(?1, ?2, '', ?3, ?4, 0, '', '', 0, " LANE
        ") ON CONFLICT(mailbox, reason, message) DO UPDATE SET lane = excluded.lane,"
        " due = CASE WHEN owner != '' AND again = 0 THEN excluded.due"
        " ELSE min(due, excluded.due) END, again = owner != ''",
        "siii", mailbox, (int64_t)reason, now_ms + (delay_ms > 0 ? delay_ms : 0), now_ms);
}

bool queue_push(struct store *store, const char *mailbox, enum queue_reason reason,
                int64_t delay_ms, struct err *err)
{
    return (reason != QUEUE_NOTIFICATION || hint_put(store, mailbox, NULL, err)) &&
           push(store, mailbox, reason, delay_ms, err);
}

bool queue_push_hint(struct store *store, const char *mailbox, const struct hint *hint,
                     int64_t delay_ms, struct err *err)
{
    return hint_put(store, mailbox, hint, err) &&
           push(store, mailbox, QUEUE_NOTIFICATION, delay_ms, err);
}

static bool is_wished(struct store *store, const char *mailbox, enum queue_reason reason,
                      int64_t delay_ms, bool *wished, struct err *err)
{
    sqlite3_stmt *stmt = db_one(store, err, wished,
                                "SELECT 1 FROM queue WHERE mailbox = ? AND reason = ?"
                                " AND message = '' AND due <= ? AND (owner = '' OR again != 0)",
                                "sii", mailbox, (int64_t)reason,
                                store_now(store).ms + (delay_ms > 0 ? delay_ms : 0));
    db_end(stmt);
    return stmt != NULL;
}

bool queue_is_wished(struct store *store, const char *mailbox, enum queue_reason reason,
                     int64_t delay_ms, bool *wished, struct err *err)
{
    if (reason == QUEUE_NOTIFICATION)
        return queue_is_hinted(store, mailbox, NULL, delay_ms, wished, err);
    return is_wished(store, mailbox, reason, delay_ms, wished, err);
}

bool queue_is_hinted(struct store *store, const char *mailbox, const struct hint *hint,
                     int64_t delay_ms, bool *wished, struct err *err)
{
    return is_wished(store, mailbox, QUEUE_NOTIFICATION, delay_ms, wished, err) &&
           (!*wished || hint_is_put(store, mailbox, hint, wished, err));
}

bool queue_not_before(struct store *store, const char *mailbox, int64_t until_ms,
                      struct err *err)
{
    if (until_ms <= 0)
        return db_run(store, err, "DELETE FROM queue_hold WHERE mailbox = ?", "s", mailbox);
    return db_run(store, err,
                  "INSERT INTO queue_hold(mailbox, until) VALUES(?, ?) ON CONFLICT(mailbox)"
                  " DO UPDATE SET until = max(until, excluded.until)",
                  "si", mailbox, until_ms);
}

bool queue_set_aside(struct store *store, const char *mailbox, const char *message,
                     const char *error, struct err *err)
{
    assert(message[0]);
    return db_run(
        store, err,
        "INSERT INTO queue(mailbox, reason, message, due, created, attempts,"
        " last_error, owner, again, lane) VALUES(?1, ?2, ?3, ?4, ?4, 1, ?5, '', 0, " LANE
        ") ON CONFLICT(mailbox, reason, message) DO UPDATE SET"
        " attempts = attempts + 1, last_error = excluded.last_error",
        "sisis", mailbox, (int64_t)QUEUE_SET_ASIDE, message, store_now(store).ms,
        error ? error : "");
}

/* The row of that number; ERR_NO_INPUT when there is none. */
static bool get_row(struct store *store, int64_t id, struct queue_row *row, struct err *err)
{
    bool found;

    memset(row, 0, sizeof *row);
    sqlite3_stmt *stmt =
        db_one(store, err, &found, "SELECT " ROW_COLUMNS " FROM queue WHERE id = ?", "i", id);
    if (stmt && found)
        read_row(stmt, row);
    db_end(stmt);
    if (stmt && !found)
        return err_set(err, ERR_NO_INPUT, "there is no row %lld in the queue", (long long)id);
    return stmt != NULL;
}

static bool delete_row(struct store *store, int64_t id, struct err *err)
{
    return db_run(store, err, "DELETE FROM queue WHERE id = ?", "i", id);
}

bool queue_retry(struct store *store, int64_t id, struct queue_row *row, struct err *err)
{
    if (!get_row(store, id, row, err))
        return false;
    if (row->reason != QUEUE_SET_ASIDE)
        return queue_push(store, row->mailbox, row->reason, 0, err);
    return delete_row(store, id, err) && queue_push(store, row->mailbox, QUEUE_RETRY, 0, err);
}

bool queue_drop(struct store *store, int64_t id, struct queue_row *row, struct err *err)
{
    if (!get_row(store, id, row, err))
        return false;
    /* The row is also the mark that a run is under way: without it a second run could begin. */
    if (row->claimed)
        return err_set(err, ERR_TEMPORARY,
                       "row %lld of the queue is being worked on just now; try again",
                       (long long)id);
    return delete_row(store, id, err);
}

bool queue_each(struct store *store, const char *mailbox, queue_fn *fn, void *arg,
                struct err *err)
{
    struct queue_row row;
    int next;
    sqlite3_stmt *stmt = db_query(store, err,
                                  "SELECT " ROW_COLUMNS " FROM queue"
                                  " WHERE ?1 = '' OR mailbox = ?1 ORDER BY reason, due, id",
                                  "s", mailbox);
    if (!stmt)
        return false;
    while ((next = db_next(store, stmt, err)) > 0) {
        read_row(stmt, &row);
        if (!fn(&row, arg))
            break;
    }
    db_end(stmt);
    return next >= 0;
}

bool queue_count(struct store *store, const char *mailbox, int64_t *count, struct err *err)
{
    bool found;
    sqlite3_stmt *stmt =
        mailbox[0] ? db_one(store, err, &found, "SELECT count(*) FROM queue WHERE mailbox = ?",
                            "s", mailbox)
                   : db_one(store, err, &found, "SELECT count(*) FROM queue", "");

    *count = stmt && found ? db_int(stmt, 0) : 0;
    db_end(stmt);
    return stmt != NULL;
}
