/* Long work that an administrator asked for (a resync), with progress that moves.
 *
 * sibctl makes a row and watches it; mailbox-sync does the work and writes how far it is. A row
 * whose worker died is taken up again with the mailbox's next run. A dry run leaves a report:
 * how many of each kind, and the lines themselves up to LIMIT_JOB_LINES. Jobs that ended are
 * kept for a day, with their reports. */
#ifndef SIB_QUEUE_JOB_H
#define SIB_QUEUE_JOB_H

#include "store/store.h"

/* Kinds. The last two only say what the first two would do. */
#define JOB_RESYNC          "resync"
#define JOB_FROM_CONNECTION "from-connection" /* Connection wins everything that differs */
#define JOB_ERASE           "erase"  /* the user was removed: remove the copies in Exchange */
#define JOB_IMPORT          "import" /* and take back messages that only Exchange has */
#define JOB_DRY_RUN         "dry-run"
#define JOB_DRY_CONNECTION  "dry-connection"

struct job {
    int64_t id;
    char mailbox[LIMIT_UUID];
    char kind[16];
    char state[16];      /* "waiting", "running", "done", "failed" */
    int64_t pages;       /* of the other side's folders that were read; first they are */
    int64_t done, total; /* messages compared; total 0: not known yet */
    char error[LIMIT_REASON];
    int64_t asked_ms, ended_ms; /* wall; 0: not yet */
};

/* (tx) One waiting job a mailbox and kind: asking again gives the same one. */
bool job_ask(struct store *store, const char *mailbox, const char *kind, int64_t *id,
             struct err *err);
/* The job of this mailbox that is waiting or running; *found. */
bool job_open(struct store *store, const char *mailbox, const char *kind, struct job *out,
              bool *found, struct err *err);
/* The one that the next run of the mailbox is to do, of those that do something: one that is
 * running goes on; else what was asked for last by which the others are done, too. */
bool job_open_run(struct store *store, const char *mailbox, struct job *out, bool *found,
                  struct err *err);
/* The oldest that only says what it would do. */
bool job_open_dry(struct store *store, const char *mailbox, struct job *out, bool *found,
                  struct err *err);
bool job_is_dry(const struct job *job);
bool job_has_ended(const struct job *job);
bool job_get(struct store *store, int64_t id, struct job *out, struct err *err);
/* (tx) Progress or end. */
bool job_update(struct store *store, const struct job *job, struct err *err);

/* One line of a report: what would be done with a message. */
struct job_line {
    char message[LIMIT_UUID]; /* "" : about the whole mailbox */
    char subject[LIMIT_SUBJECT];
    int64_t received_ms; /* wall */
    char side[16];       /* "connection" or "exchange"; "" : nothing is done, it waits */
    char what[64];       /* "created", "read", "deleted", ... as in the history */
    char why[LIMIT_REASON];
};

/* (tx) Counted always; kept while there are fewer than LIMIT_JOB_LINES. */
bool job_line_add(struct store *store, int64_t job, const struct job_line *line,
                  struct err *err);
typedef bool job_line_fn(const struct job_line *line, void *arg);
/* In the order in which they were added. */
bool job_line_each(struct store *store, int64_t job, job_line_fn *fn, void *arg,
                   struct err *err);
/* How often each thing is said, the kept lines and those that were not. */
typedef bool job_sum_fn(const char *side, const char *what, int64_t count, void *arg);
bool job_sum_each(struct store *store, int64_t job, job_sum_fn *fn, void *arg, struct err *err);

#endif
