#include "queue/job.h"

#include <string.h>

#include "store/db.h"

enum { ENDED_KEPT_MS = 24 * 3600 * 1000 };

#define JOB_COLUMNS "id, mailbox, kind, state, pages, done, total, error, asked, ended"

/* Ends the query of at most one row. */
static bool read_one(sqlite3_stmt *stmt, bool found, struct job *out)
{
    memset(out, 0, sizeof *out);
    if (stmt && found) {
        out->id = db_int(stmt, 0);
        db_copy(stmt, 1, out->mailbox, sizeof out->mailbox);
        db_copy(stmt, 2, out->kind, sizeof out->kind);
        db_copy(stmt, 3, out->state, sizeof out->state);
        out->pages = db_int(stmt, 4);
        out->done = db_int(stmt, 5);
        out->total = db_int(stmt, 6);
        db_copy(stmt, 7, out->error, sizeof out->error);
        out->asked_ms = db_int(stmt, 8);
        out->ended_ms = db_int(stmt, 9);
    }
    db_end(stmt);
    return stmt != NULL;
}

bool job_open(struct store *store, const char *mailbox, const char *kind, struct job *out,
              bool *found, struct err *err)
{
    sqlite3_stmt *stmt = db_one(store, err, found,
                                "SELECT " JOB_COLUMNS " FROM job WHERE mailbox = ? AND kind = ?"
                                " AND state IN ('waiting', 'running') ORDER BY id LIMIT 1",
                                "ss", mailbox, kind);
    return read_one(stmt, *found, out);
}

bool job_open_run(struct store *store, const char *mailbox, struct job *out, bool *found,
                  struct err *err)
{
    sqlite3_stmt *stmt =
        db_one(store, err, found,
               "SELECT " JOB_COLUMNS " FROM job WHERE mailbox = ?1"
               " AND kind IN ('" JOB_ERASE "', '" JOB_FROM_CONNECTION "', '" JOB_IMPORT
               "', '" JOB_RESYNC "')"
               " AND state IN ('waiting', 'running')"
               " ORDER BY state != 'running', kind != '" JOB_ERASE "',"
               " kind != '" JOB_FROM_CONNECTION "', kind != '" JOB_IMPORT "' LIMIT 1",
               "s", mailbox);
    return read_one(stmt, *found, out);
}

bool job_open_dry(struct store *store, const char *mailbox, struct job *out, bool *found,
                  struct err *err)
{
    sqlite3_stmt *stmt = db_one(store, err, found,
                                "SELECT " JOB_COLUMNS " FROM job WHERE mailbox = ?1"
                                " AND kind IN ('" JOB_DRY_RUN "', '" JOB_DRY_CONNECTION "')"
                                " AND state IN ('waiting', 'running') ORDER BY id LIMIT 1",
                                "s", mailbox);
    return read_one(stmt, *found, out);
}

bool job_is_dry(const struct job *job)
{
    return strcmp(job->kind, JOB_DRY_RUN) == 0 || strcmp(job->kind, JOB_DRY_CONNECTION) == 0;
}

bool job_has_ended(const struct job *job)
{
    return strcmp(job->state, "done") == 0 || strcmp(job->state, "failed") == 0;
}

bool job_get(struct store *store, int64_t id, struct job *out, struct err *err)
{
    bool found;
    sqlite3_stmt *stmt =
        db_one(store, err, &found, "SELECT " JOB_COLUMNS " FROM job WHERE id = ?", "i", id);
    if (!read_one(stmt, found, out))
        return false;
    return found || err_set(err, ERR_NO_INPUT, "there is no job %lld", (long long)id);
}

/* Jobs that ended are kept for a day, for those who watch them. */
static bool drop_old(struct store *store, const char *mailbox, int64_t now_ms, struct err *err)
{
    return db_run(store, err,
                  "DELETE FROM job WHERE mailbox = ? AND state IN ('done', 'failed')"
                  " AND ended < ?",
                  "si", mailbox, now_ms - ENDED_KEPT_MS) &&
           db_run(store, err, "DELETE FROM job_line WHERE job NOT IN (SELECT id FROM job)",
                  "") &&
           db_run(store, err, "DELETE FROM job_sum WHERE job NOT IN (SELECT id FROM job)", "");
}

bool job_ask(struct store *store, const char *mailbox, const char *kind, int64_t *id,
             struct err *err)
{
    struct job job;
    bool found;
    int64_t now_ms = store_now(store).ms;

    *id = 0;
    if (!job_open(store, mailbox, kind, &job, &found, err))
        return false;
    if (!found) {
        if (!drop_old(store, mailbox, now_ms, err) ||
            !db_run(store, err,
                    "INSERT INTO job(mailbox, kind, state, pages, done, total, error, asked,"
                    " ended) VALUES(?, ?, 'waiting', 0, 0, 0, '', ?, 0)",
                    "ssi", mailbox, kind, now_ms) ||
            !job_open(store, mailbox, kind, &job, &found, err))
            return false;
    }
    *id = job.id;
    return true;
}

bool job_update(struct store *store, const struct job *job, struct err *err)
{
    bool ended = job_has_ended(job);
    int64_t ended_ms = 0;

    assert(ended || strcmp(job->state, "running") == 0 || strcmp(job->state, "waiting") == 0);
    if (ended)
        ended_ms = job->ended_ms ? job->ended_ms : store_now(store).ms;
    return db_run(store, err,
                  "UPDATE job SET state = ?, pages = ?, done = ?, total = ?, error = ?,"
                  " ended = ? WHERE id = ?",
                  "siiisii", job->state, job->pages, job->done, job->total, job->error,
                  ended_ms, job->id);
}

/* ---- reports ---- */

bool job_line_add(struct store *store, int64_t job, const struct job_line *line,
                  struct err *err)
{
    return db_run(store, err,
                  "INSERT INTO job_sum VALUES(?1, ?2, ?3, 1) ON CONFLICT(job, side, what)"
                  " DO UPDATE SET count = count + 1",
                  "iss", job, line->side, line->what) &&
           db_run(
               store, err,
               "INSERT INTO job_line SELECT ?1, number, ?2, ?3, ?4, ?5, ?6, ?7 FROM"
               " (SELECT coalesce(max(number), 0) + 1 AS number FROM job_line WHERE job = ?1)"
               " WHERE number <= ?8",
               "ississsi", job, line->message, line->subject, line->received_ms, line->side,
               line->what, line->why, (int64_t)LIMIT_JOB_LINES);
}

bool job_line_each(struct store *store, int64_t job, job_line_fn *fn, void *arg,
                   struct err *err)
{
    struct job_line line;
    int next;
    sqlite3_stmt *stmt = db_query(store, err,
                                  "SELECT message, subject, received, side, what, why"
                                  " FROM job_line WHERE job = ? ORDER BY number",
                                  "i", job);
    if (!stmt)
        return false;
    while ((next = db_next(store, stmt, err)) > 0) {
        db_copy(stmt, 0, line.message, sizeof line.message);
        db_copy(stmt, 1, line.subject, sizeof line.subject);
        line.received_ms = db_int(stmt, 2);
        db_copy(stmt, 3, line.side, sizeof line.side);
        db_copy(stmt, 4, line.what, sizeof line.what);
        db_copy(stmt, 5, line.why, sizeof line.why);
        if (!fn(&line, arg))
            break;
    }
    db_end(stmt);
    return next >= 0;
}

bool job_sum_each(struct store *store, int64_t job, job_sum_fn *fn, void *arg, struct err *err)
{
    int next;
    sqlite3_stmt *stmt = db_query(store, err,
                                  "SELECT side, what, count FROM job_sum WHERE job = ?"
                                  " ORDER BY side DESC, what",
                                  "i", job);
    if (!stmt)
        return false;
    while ((next = db_next(store, stmt, err)) > 0) {
        if (!fn(db_text(stmt, 0), db_text(stmt, 1), db_int(stmt, 2), arg))
            break;
    }
    db_end(stmt);
    return next >= 0;
}
