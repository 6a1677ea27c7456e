/* Long work that an administrator asked for (a resync), with progress that moves.
 *
 * sibctl makes a row and watches it; mailbox-sync does the work and writes how far it is. A row
 * whose worker died is taken up again with the mailbox's next run. */
#ifndef SIB_QUEUE_JOB_H
#define SIB_QUEUE_JOB_H

#include "store/store.h"

struct job {
    int64_t id;
    char mailbox[LIMIT_UUID];
    char kind[16];       /* "resync" */
    char state[16];      /* "waiting", "running", "done", "failed" */
    int64_t done, total; /* messages; total 0: not known yet */
    char error[LIMIT_REASON];
    int64_t asked_ms, ended_ms; /* wall; 0: not yet */
};

/* (tx) One waiting job a mailbox and kind: asking again gives the same one. */
bool job_ask(struct store *store, const char *mailbox, const char *kind, int64_t *id,
             struct err *err);
/* The job of this mailbox that is waiting or running; *found. */
bool job_open(struct store *store, const char *mailbox, const char *kind, struct job *out,
              bool *found, struct err *err);
bool job_get(struct store *store, int64_t id, struct job *out, struct err *err);
/* (tx) Progress or end. */
bool job_update(struct store *store, const struct job *job, struct err *err);

#endif
