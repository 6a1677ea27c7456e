#include "queue/job.h"

#include <string.h>

#include "store/db.h"

enum { ENDED_KEPT_MS = 24 * 3600 * 1000 };

#define JOB_COLUMNS "id, mailbox, kind, state, done, total, error, asked, ended"

/* Ends the query of at most one row. */
static bool read_one(sqlite3_stmt *stmt, bool found, struct job *out)
{
    memset(out, 0, sizeof *out);
    if (stmt && found) {
        out->id = db_int(stmt, 0);
        db_copy(stmt, 1, out->mailbox, sizeof out->mailbox);
        db_copy(stmt, 2, out->kind, sizeof out->kind);
        db_copy(stmt, 3, out->state, sizeof out->state);
        out->done = db_int(stmt, 4);
        out->total = db_int(stmt, 5);
        db_copy(stmt, 6, out->error, sizeof out->error);
        out->asked_ms = db_int(stmt, 7);
        out->ended_ms = db_int(stmt, 8);
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
                  "si", mailbox, now_ms - ENDED_KEPT_MS);
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
                    "INSERT INTO job(mailbox, kind, state, done, total, error, asked, ended)"
                    " VALUES(?, ?, 'waiting', 0, 0, '', ?, 0)",
                    "ssi", mailbox, kind, now_ms) ||
            !job_open(store, mailbox, kind, &job, &found, err))
            return false;
    }
    *id = job.id;
    return true;
}

bool job_update(struct store *store, const struct job *job, struct err *err)
{
    bool ended = strcmp(job->state, "done") == 0 || strcmp(job->state, "failed") == 0;
    int64_t ended_ms = 0;

    assert(ended || strcmp(job->state, "running") == 0 || strcmp(job->state, "waiting") == 0);
    if (ended)
        ended_ms = job->ended_ms ? job->ended_ms : store_now(store).ms;
    return db_run(store, err,
                  "UPDATE job SET state = ?, done = ?, total = ?, error = ?, ended = ?"
                  " WHERE id = ?",
                  "siisii", job->state, job->done, job->total, job->error, ended_ms, job->id);
}
