/* What the end of a run means: pure, from the result to what is recorded. */
#ifndef SIB_SYNC_OUTCOME_H
#define SIB_SYNC_OUTCOME_H

#include "sync/run.h"

struct outcome {
    enum mailbox_condition condition;
    bool again;
    int64_t again_ms; /* 0: by the schedule of retries */
    bool count_attempt;
    bool of_account;   /* no matter of this mailbox: it is as if the run had not been */
    bool hold;         /* nothing of this mailbox before again_ms is over */
    const char *alarm; /* to be raised; NULL: none */
    bool fatal;        /* the store failed: the process must end */
};

struct outcome outcome_of(const struct run_result *result);

#endif
