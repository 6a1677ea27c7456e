#include "role/services.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

struct slot {
    struct services *services;
    const struct services_entry *entry;
    struct log_ctx ctx;
    enum service_state state;
    struct child *child;
    struct ladder ladder;
    struct loop_timer *retry;
    long restarts;
    struct wall since;
    struct mono up_since; /* while RUNNING */
    bool has_exited;
    int last_exit; /* as of waitpid */
};

struct services {
    struct loop *loop;
    struct services_setup setup;
    enum role_status status;
    struct loop_timer *tell;
    struct slot *slots;
};

static const char *const STATE_NAMES[] = {
    [SERVICE_STOPPED] = "stopped", [SERVICE_STARTING] = "starting",
    [SERVICE_RUNNING] = "running", [SERVICE_STOPPING] = "stopping",
    [SERVICE_WAITING] = "waiting", [SERVICE_FAILED] = "failed",
};
static_assert(sizeof STATE_NAMES / sizeof STATE_NAMES[0] == SERVICE_STATES, "each has a name");

const char *service_state_name(enum service_state state)
{
    return STATE_NAMES[state];
}

bool services_wanted(const struct services_entry *entry, enum role_status status)
{
    return (entry->run_when & SERVICES_RUN_WHEN(status)) != 0;
}

static bool wanted(const struct slot *slot)
{
    return services_wanted(slot->entry, slot->services->status);
}

static void set_state(struct slot *slot, enum service_state state)
{
    struct services *services = slot->services;
    if (slot->state == state)
        return;
    log_debug(&slot->ctx, "%s -> %s", STATE_NAMES[slot->state], STATE_NAMES[state]);
    slot->state = state;
    slot->since = loop_wall(services->loop);
    if (!loop_timer_is_set(services->tell))
        loop_timer_set(services->tell, 0);
}

/* ---- one service ---- */

static void reconcile(struct services *services);

static void describe_exit(int wait_status, char *text, size_t size)
{
    if (WIFEXITED(wait_status))
        snprintf(text, size, "exit code %d", WEXITSTATUS(wait_status));
    else
        snprintf(text, size, "signal %d", WTERMSIG(wait_status));
}

/* It died although it is wanted: when again? */
static void try_later(struct slot *slot, int wait_status, int64_t up_ms)
{
    const char *program = slot->entry->program.argv[0];
    char how[64];
    describe_exit(wait_status, how, sizeof how);
    int64_t delay =
        ladder_next(&slot->ladder, slot->services->setup.ladder_times, wait_status, up_ms);
    if (delay == LADDER_NEVER) {
        set_state(slot, SERVICE_FAILED);
        log_error(&slot->ctx,
                  "%s ended with %s, which needs a person; it is not started again before a "
                  "reload (SIGHUP)",
                  program, how);
        return;
    }
    set_state(slot, SERVICE_WAITING);
    loop_timer_set(slot->retry, delay);
    log_warning(&slot->ctx, "%s ended with %s; it is started again in %lld ms", program, how,
                (long long)delay);
}

static void service_ready(void *arg)
{
    struct slot *slot = arg;
    if (child_state(slot->child) != CHILD_RUNNING || slot->state != SERVICE_STARTING)
        return;
    slot->up_since = loop_now(slot->services->loop);
    set_state(slot, SERVICE_RUNNING);
    log_info(&slot->ctx, "running as process %d", (int)child_pid(slot->child));
    reconcile(slot->services);
}

static void service_gone(int wait_status, void *arg)
{
    struct slot *slot = arg;
    int64_t up_ms = slot->state == SERVICE_RUNNING
                        ? mono_since(loop_now(slot->services->loop), slot->up_since)
                        : 0;
    child_free(&slot->child);
    slot->has_exited = true;
    slot->last_exit = wait_status;
    if (slot->state == SERVICE_STOPPING) {
        set_state(slot, SERVICE_STOPPED);
        log_info(&slot->ctx, "stopped");
    } else {
        try_later(slot, wait_status, up_ms);
    }
    reconcile(slot->services);
}

static void start(struct slot *slot)
{
    struct services *services = slot->services;
    const struct child_events events = {
        .ready = service_ready, .gone = service_gone, .arg = slot, .log = &slot->ctx};
    struct err err = {0};
    if (slot->has_exited)
        slot->restarts++;
    slot->child = child_new(services->loop, &slot->entry->program, services->setup.child_times,
                            &events, &err);
    if (slot->child) {
        set_state(slot, SERVICE_STARTING);
        return;
    }
    log_warning(&slot->ctx, "cannot be started: %s", err.text);
    set_state(slot, SERVICE_WAITING);
    loop_timer_set(slot->retry, services->setup.ladder_times->unit_ms);
}

static void start_again(void *arg)
{
    struct slot *slot = arg;
    if (wanted(slot))
        start(slot);
    else
        set_state(slot, SERVICE_STOPPED);
}

static void stop(struct slot *slot)
{
    loop_timer_stop(slot->retry);
    ladder_reset(&slot->ladder);
    if (!slot->child) {
        set_state(slot, SERVICE_STOPPED);
        return;
    }
    set_state(slot, SERVICE_STOPPING);
    child_stop(slot->child);
}

/* ---- all of them ---- */

/* Is one still on its way down? */
static bool stop_unwanted(struct services *services)
{
    for (size_t i = services->setup.count; i-- > 0;) {
        struct slot *slot = &services->slots[i];
        if (wanted(slot) || slot->state == SERVICE_STOPPED)
            continue;
        stop(slot);
        if (slot->child)
            return true;
    }
    return false;
}

static void start_wanted(struct services *services)
{
    for (size_t i = 0; i < services->setup.count; i++) {
        struct slot *slot = &services->slots[i];
        if (wanted(slot) && slot->state == SERVICE_STOPPED)
            start(slot);
        if (slot->state == SERVICE_STARTING)
            return;
    }
}

static void reconcile(struct services *services)
{
    if (!stop_unwanted(services))
        start_wanted(services);
}

static void tell(void *arg)
{
    struct services *services = arg;
    services->setup.changed(services->setup.arg);
}

void services_set_status(struct services *services, enum role_status status)
{
    services->status = status;
    reconcile(services);
}

void services_reload(struct services *services)
{
    for (size_t i = 0; i < services->setup.count; i++) {
        struct slot *slot = &services->slots[i];
        ladder_reset(&slot->ladder);
        if (slot->child)
            child_reload(slot->child);
        else if (slot->state == SERVICE_WAITING || slot->state == SERVICE_FAILED)
            stop(slot);
    }
    reconcile(services);
}

bool services_settled(const struct services *services)
{
    for (size_t i = 0; i < services->setup.count; i++) {
        const struct slot *slot = &services->slots[i];
        bool up = slot->state != SERVICE_STOPPED && slot->state != SERVICE_STARTING &&
                  slot->state != SERVICE_STOPPING;
        if (wanted(slot) ? !up : slot->state != SERVICE_STOPPED)
            return false;
    }
    return true;
}

size_t services_count(const struct services *services)
{
    return services->setup.count;
}

void services_report(const struct services *services, size_t index,
                     struct services_report *report)
{
    const struct slot *slot = &services->slots[index];
    *report = (struct services_report){
        .name = slot->entry->program.name,
        .state = slot->state,
        .pid = slot->child ? child_pid(slot->child) : 0,
        .restarts = slot->restarts,
        .since = slot->since,
        .counters = slot->child ? child_counters(slot->child) : "",
    };
    if (slot->has_exited)
        describe_exit(slot->last_exit, report->last_exit, sizeof report->last_exit);
}

static bool make_slots(struct services *services)
{
    services->slots = calloc(services->setup.count + 1, sizeof *services->slots);
    services->tell = loop_timer_new(services->loop, tell, services);
    if (!services->slots || !services->tell)
        return false;
    for (size_t i = 0; i < services->setup.count; i++) {
        const struct services_entry *entry = &services->setup.table[i];
        struct slot *slot = &services->slots[i];
        *slot = (struct slot){.services = services,
                              .entry = entry,
                              .ctx = {.parent = services->setup.log,
                                      .key = "service",
                                      .value = entry->program.name},
                              .since = loop_wall(services->loop),
                              .retry = loop_timer_new(services->loop, start_again, slot)};
        if (!slot->retry)
            return false;
    }
    return true;
}

struct services *services_new(struct loop *loop, const struct services_setup *setup,
                              struct err *err)
{
    struct services *services = calloc(1, sizeof *services);
    if (!services) {
        err_set(err, ERR_SYSTEM, "no memory for the services.");
        return NULL;
    }
    *services =
        (struct services){.loop = loop, .setup = *setup, .status = ROLE_NOT_FUNCTIONING};
    if (!make_slots(services)) {
        err_set(err, ERR_SYSTEM, "no memory for the services.");
        services_free(&services);
    }
    return services;
}

void services_free(struct services **services)
{
    struct services *gone = *services;
    if (!gone)
        return;
    *services = NULL;
    for (size_t i = gone->slots ? gone->setup.count : 0; i-- > 0;) {
        child_free(&gone->slots[i].child);
        loop_timer_free(&gone->slots[i].retry);
    }
    loop_timer_free(&gone->tell);
    free(gone->slots);
    free(gone);
}
