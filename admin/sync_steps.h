/* The steps of "sync test": each thing that a run needs, tried apart, so that the first failure
 * names its cause.
 *
 * Each step waits on a loop of its own: for sibctl only. A step fills `answer`, a sentence for
 * people, or `err`. What it makes in Exchange stands in the hidden folder and is removed again.
 * Ownership: sync_test_clear frees what the steps opened. */
#ifndef SIB_ADMIN_SYNC_STEPS_H
#define SIB_ADMIN_SYNC_STEPS_H

#include "admin/probe.h"
#include "base/config.h"
#include "ews/ews_check.h"
#include "store/mailbox.h"
#include "store/watch.h"
#include "sync/account.h"

enum step_outcome { STEP_OK, STEP_FAILED, STEP_SKIPPED };

struct sync_test {
    const struct config *config;
    struct store *store;
    struct mailbox mailbox;
    const char *record_dir; /* where what Exchange says is written down; NULL: nowhere */

    const struct config_exchange *exchange;
    struct probe probe;
    struct loop *loop;
    struct transport *transport; /* the recording one, when there is one */
    struct account *account;
    struct remote *remote;
    struct remote_call *call;
    char url[LIMIT_URL];
    char offers[256];
    bool has_clock;
    int64_t clock_ahead_ms;
    char inbox[LIMIT_REMOTE_ID], staging[LIMIT_REMOTE_ID], way[16];
    struct watch watch;
    /* of the present step */
    struct err err;
    char answer[LIMIT_REASON];
};

typedef enum step_outcome sync_step_fn(struct sync_test *test);
struct sync_step {
    const char *name;
    sync_step_fn *run;
};
/* In their order; the first that fails ends the test. */
extern const struct sync_step sync_steps[];
extern const size_t sync_step_count;

void sync_test_clear(struct sync_test *test);

#endif
