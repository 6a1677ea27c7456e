/* The run's own struct, shared by its three parts: run.c (phases), run_in.c, run_out.c. */
#ifndef SIB_SYNC_RUN_PRIVATE_H
#define SIB_SYNC_RUN_PRIVATE_H

#include "queue/job.h"
#include "sync/choose.h"
#include "sync/plan.h"
#include "sync/run.h"

enum {
    RUN_STEPS_MAX = 8,  /* steps for one message in one run */
    RUN_PASSES_MAX = 4, /* looks over all folders in one run */
    RUN_PASSES_IN_DOUBT = 2,
};

enum run_phase { RUN_FOLDERS, RUN_WATCH, RUN_IN, RUN_OUT, RUN_CLEAR, RUN_DONE };

/* What a step asks of the other side. */
enum run_step {
    STEP_NONE,
    STEP_SET,
    STEP_CREATE,
    STEP_STAGE,   /* the staged create: put it where nobody sees it */
    STEP_PUBLISH, /* ... and show it */
    STEP_MOVE,
    STEP_REMOVE,
    STEP_REMOVE_SURPLUS
};

/* What is known of a message on the other side. Large: one at a time, static. */
struct run_facts {
    struct item_row items[CHOOSE_ITEMS_MAX];
    int item_count;
    struct attempt attempts[CHOOSE_ATTEMPTS_MAX];
    int attempt_count;
    struct choice choice;
};

/* The message on its way out: one at a time, for a mailbox has one writer. */
struct run_work {
    struct run *run;
    bool open; /* it is not at rest yet */
    int steps;
    char id[LIMIT_UUID];
    /* the facts, as read in the transaction that planned the present step */
    struct message message;
    struct agreed agreed;
    struct item_row item; /* the message's own item, or the surplus one */
    /* the present step */
    enum run_step step;
    struct remote_fields fields;
    struct attempt attempt;
    enum agreed_place place;      /* agreed when the step is done */
    char target[LIMIT_REMOTE_ID]; /* folder of a create or a move */
    const char *why;
};

struct run {
    struct run_deps deps;
    struct remote *remote;
    struct mailbox mailbox;
    struct log_ctx log;
    unsigned reasons;
    run_done_fn *done;
    void *arg;
    struct run_result result;
    struct loop_timer *turn; /* the next phase begins in a turn of its own */
    enum run_phase phase;
    bool stop; /* an error for the whole mailbox came: nothing new begins */

    /* in */
    bool need_in, folders_known, folders_changed;
    bool in_doubt;   /* a create without an answer is open: the look must be thorough */
    bool dropped;    /* in this pass an item of ours went away */
    bool look_again; /* a step found that the mirror is not true any more */
    int passes;
    int pages; /* of changes that were not the last of their folder */
    struct folder_row *folders;
    int folder_count, folder_at;
    struct remote_call *call;
    char secret[40];
    /* wall; when the first look over freshly listed folders began, and when the present look
     * did; 0: none has */
    int64_t look_began_ms, pass_began_ms;

    /* out */
    char (*messages)[LIMIT_UUID];
    int message_count, message_at, message_cap;
    struct run_work work;
    struct job job; /* id 0: none */
    int cleared;    /* leftovers of staged creates that were dealt with */
    struct attempt leftover;
};

/* run.c */
void run_next(struct run *run,
              enum run_phase phase); /* go there in the next turn of the loop */
void run_fail(struct run *run,
              const struct err *err); /* an error that ends or bounds the run */
bool run_begin(struct run *run);      /* a transaction; on failure the run fails */
bool run_commit(struct run *run, bool ok, struct err *err);

/* A call that could not even be started ends the run. */
void run_check_call(struct run *run);

/* run_in.c */
bool run_in_needed(struct run *run, struct err *err);
void run_folders(struct run *run);
void run_watch(struct run *run);
void run_in(struct run *run);

/* run_out.c */
void run_out(struct run *run);

/* run_decide.c (tx): read the facts of work->id, plan, take in what the other side changed, and
 * choose the next step. STEP_NONE: nothing is left to do, or it must wait. */
bool run_decide(struct run_work *work, struct err *err);

/* What the attempt had sent is what both sides last had in common. */
void run_agree_on_attempt(struct run_work *work, const struct attempt *attempt);
const char *run_root_folder(const struct run *run, enum remote_place place);
/* Look again in so many milliseconds, if not sooner. */
void run_wait(struct run *run, int64_t ms);

/* run_stage.c (tx): the staged create, see there. */
bool run_stage_must(const struct run *run, const struct run_facts *facts);
bool run_stage_plan(struct run_work *work, struct run_facts *facts, struct err *err);
bool run_stage_settle(struct run_work *work, struct run_facts *facts, bool *wait,
                      struct err *err);
bool run_stage_abandon(struct run_work *work, struct run_facts *facts, bool *wait,
                       struct err *err);
struct attempt *run_stage_under_way(struct run_facts *facts);
bool run_stage_done(struct run_work *work, const struct remote_ref *ref, struct err *err);
bool run_stage_failed(struct run_work *work, const struct err *said, struct err *err);
/* Not in a transaction: the phase RUN_CLEAR. */
void run_clear(struct run *run);

/* run_record.c (tx): what came of the step. said->kind ERR_OK: it was done (ref: what the item
 * is called now; NULL for a removal). */
bool run_record(struct run_work *work, const struct err *said, const struct remote_ref *ref,
                struct err *err);
/* (tx) The message is refused: counted, and set aside after LIMIT_SET_ASIDE_AFTER times. */
bool run_refuse(struct run_work *work, const struct err *said, struct err *err);

#endif
