/* The services of this server: which of them run is decided by its status and nothing else.
 *
 * Wanted services are started in the order of the table, each after the one before it is ready
 * (or has failed); unwanted ones are stopped in the opposite order, one at a time. One that
 * dies is started again as ladder.h says. Ownership: the table and all that the set-up points
 * at are borrowed until services_free, which kills and reaps what still runs. Callbacks:
 * `changed` comes from the loop, once for any number of changes in one turn. */
#ifndef SIB_ROLE_SERVICES_H
#define SIB_ROLE_SERVICES_H

#include <sys/types.h>

#include "base/loop.h"
#include "role/child.h"
#include "role/ladder.h"
#include "role/status.h"

#define SERVICES_RUN_WHEN(status) (1u << (status))

struct services_entry {
    struct child_spec program;
    unsigned run_when; /* the statuses it runs in: SERVICES_RUN_WHEN(...) | ... */
};

struct services_setup {
    const struct services_entry *table;
    size_t count;
    const struct child_times *child_times;
    const struct ladder_times *ladder_times;
    const struct log_ctx *log;
    loop_fn *changed;
    void *arg;
};

enum service_state {
    SERVICE_STOPPED,  /* not wanted, and no process is left: a fact from waitpid */
    SERVICE_STARTING, /* not READY yet */
    SERVICE_RUNNING,
    SERVICE_STOPPING,
    SERVICE_WAITING, /* to be started again */
    SERVICE_FAILED,  /* not tried again until services_reload */
    SERVICE_STATES,
};
const char *service_state_name(enum service_state state);

/* What there is to say about one service; borrowed until the next turn of the loop. */
struct services_report {
    const char *name;
    enum service_state state;
    pid_t pid; /* 0: none */
    long restarts;
    struct wall since;    /* of this state */
    char last_exit[64];   /* "exit code 1", "signal 9"; "" if it never ended */
    const char *counters; /* as in child.h */
};

struct services;
/* Nothing is wanted until the first services_set_status. */
struct services *services_new(struct loop *loop, const struct services_setup *setup,
                              struct err *err);

/* Is it to run while the server has this status? The one place that decides. */
bool services_wanted(const struct services_entry *entry, enum role_status status);
void services_set_status(struct services *services, enum role_status status);
/* SIGHUP to those that run; those that failed or wait are tried again at once. */
void services_reload(struct services *services);

/* All that is not wanted is gone, and of what is wanted nothing is still being started. */
bool services_settled(const struct services *services);
size_t services_count(const struct services *services);
void services_report(const struct services *services, size_t index,
                     struct services_report *report);
void services_free(struct services **services);

#endif
