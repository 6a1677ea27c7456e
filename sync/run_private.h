/* The run's own struct, shared by its three parts: run.c (phases), run_in.c, run_out.c. */
#ifndef SIB_SYNC_RUN_PRIVATE_H
#define SIB_SYNC_RUN_PRIVATE_H

#include "queue/job.h"
#include "store/evidence.h"
#include "store/audio.h"
#include "store/outbox.h"
#include "sync/choose.h"
#include "sync/outbox.h"
#include "sync/plan.h"
#include "sync/run.h"

enum {
    RUN_STEPS_MAX = 8,  /* steps for one message in one run */
    RUN_PASSES_MAX = 4, /* looks over all folders in one run */
    RUN_PASSES_IN_DOUBT = 2,
};

enum run_phase {
    RUN_FOLDERS,
    RUN_WATCH,
    RUN_IN,
    RUN_GUARD,
    RUN_IMPORT,
    RUN_OUTBOX,
    RUN_OUT,
    RUN_CLEAR,
    RUN_DONE
};

/* What a step asks of the other side. */
enum run_step {
    STEP_NONE,
    STEP_SET,
    STEP_CREATE,
    STEP_STAGE,   /* the staged create: put it where nobody sees it */
    STEP_PUBLISH, /* ... and show it */
    STEP_MOVE,
    STEP_REWRITE, /* what the item says is not what is told here any more */
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
    struct intent before; /* what an earlier step may still bring about (SET and MOVE) */
    struct remote_fields fields;
    struct attempt attempt;
    enum agreed_place place;      /* agreed when the step is done */
    char target[LIMIT_REMOTE_ID]; /* folder of a create or a move */
    const char *why;
};

/* The item of the Voice Outbox at hand. */
struct run_letter {
    struct outbox_row row;        /* item "": none yet */
    struct outbox_letter *letter; /* what was composed, while its recording is fetched */
    char path[LIMIT_PATH];        /* of the recording; "": none */
};

/* An item of an unknown message, and what it says of it. */
struct import {
    struct item_row item; /* id "" : none was looked at yet */
    char number[LIMIT_PHONE_NUMBER], name[LIMIT_DISPLAY_NAME], address[LIMIT_ADDRESS];
    char reference[LIMIT_UUID];
    bool private;
    struct wall received;
    char path[LIMIT_PATH]; /* of its recording; "" : none */
};

struct run {
    struct run_deps deps;
    struct remote *remote;
    struct mailbox mailbox;
    struct log_ctx log;
    unsigned reasons;
    char event[LIMIT_EVENT]; /* the reasons in words, for the history */
    enum plan_rule rule;     /* by the open job's kind; no job: RULE_NORMAL */
    run_done_fn *done;
    void *arg;
    struct run_result result;
    struct loop_timer *turn; /* the next phase begins in a turn of its own */
    enum run_phase phase;
    bool stop; /* an error for the whole mailbox came: nothing new begins */

    /* in */
    bool need_in, folders_known, folders_changed;
    bool in_doubt;    /* a create without an answer is open: the look must be thorough */
    bool dropped;     /* in this pass an item of ours went away */
    bool unconfirmed; /* before this pass there was an item that no look had told of */
    bool look_again;  /* a step found that the mirror is not true any more */
    int passes;
    struct hint_claim hints; /* !anywhere: this pass is over these folders only */
    int restarts; /* folders that had to be begun again: no look at all of them for that */
    int pages;    /* of changes that were not the last of their folder */
    struct folder_row *folders;
    int folder_count, folder_at;
    struct remote_call *call;
    char *token; /* of the page that is asked for */
    char secret[40];
    /* wall; when the first look over freshly listed folders began, and when the present look
     * did; 0: none has */
    int64_t look_began_ms, pass_began_ms;

    struct run_letter outbox; /* what people composed */

    /* out */
    char (*messages)[LIMIT_UUID];
    int message_count, message_at, message_cap;
    struct run_work work;
    struct job job;           /* id 0: none */
    struct import import;     /* the message that is taken back: run_import.c */
    struct evidence evidence; /* that what was told is no person's doing: run_guard.c */
    int64_t vanished;         /* messages that the guard let go */
    bool made_room;           /* something was removed there since the last look */
    bool still_full;          /* creates wait without being tried */
    int cleared;              /* leftovers of staged creates that were dealt with */
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
/* Is it enough to look at some folders? */
bool run_in_locate(struct run *run, struct err *err);
void run_folders(struct run *run);
void run_watch(struct run *run);
void run_in(struct run *run);

/* run_outbox.c: what people composed is taken in, once. */
void run_outbox(struct run *run);
/* (tx) The other side told of an item in the Voice Outbox. */
bool run_outbox_note(struct run *run, const struct folder_row *folder,
                     const struct remote_change *change, struct err *err);
/* Let go of the item at hand. */
void run_outbox_clear(struct run *run);

/* run_take.c (tx): all of the letter at hand is delivered, or a receipt is, and the row says
 * so; or nothing is. *wait: it is perhaps half done. ERR_DATA, ERR_USAGE, ERR_NO_MAILBOX:
 * something is wrong with this one. */
bool run_take(struct run *run, const struct audio_info *audio, bool quiet, bool *wait,
              struct err *err);
/* (tx) A receipt for the owner of the mailbox; audio NULL: without the recording. id:
 * LIMIT_UUID bytes. */
bool run_tell_sender(struct run *run, const char *subject, const char *reason,
                     const struct audio_info *audio, char *id, struct err *err);

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

/* run_import.c: the phase RUN_IMPORT, when an administrator asked for it. */
void run_import(struct run *run);
void run_import_clear(struct run *run);

/* run_guard.c: what is not the act of a person. */
bool run_guard_load(struct run *run, struct err *err);
/* (tx) The state of a folder was refused. */
bool run_guard_refused(struct run *run, struct err *err);
/* (tx) A page of a listing. */
bool run_guard_see(struct run *run, const struct folder_row *folder,
                   const struct remote_page *page, struct err *err);
/* Not in a transaction: the phase RUN_GUARD, before anything is concluded. */
void run_guard(struct run *run);
/* (tx) Before it is planned: when Exchange was restored, what was agreed of this message is put
 * right. */
bool run_guard_message(struct run_work *work, bool present, struct err *err);
/* Not in a transaction: after the way out. */
bool run_guard_end(struct run *run, struct err *err);

/* run_record.c (tx): what came of the step. said->kind ERR_OK: it was done (ref: what the item
 * is called now; NULL for a removal). */
bool run_record(struct run_work *work, const struct err *said, const struct remote_ref *ref,
                struct err *err);
/* (tx) The message is refused: counted, and set aside after LIMIT_SET_ASIDE_AFTER times. */
bool run_refuse(struct run_work *work, const struct err *said, struct err *err);

#endif
