/* One service as a child process: fork, exec, watch, stop, reap.
 *
 * The child gets one end of a control socket (base/service.h says what is said over it), its
 * own process group, our stderr for its log lines, and dies with us. Death has four detectors:
 * it exits; its control socket closes; no READY in time; no beat in time. In the last three it
 * is killed. That it is gone is a fact from waitpid and nothing else. Ownership: the child
 * belongs to who made it; child_free of one that lives kills and reaps it. Callbacks: from the
 * loop only; `gone` comes once, last, and the child may be freed in it. */
#ifndef SIB_ROLE_CHILD_H
#define SIB_ROLE_CHILD_H

#include <sys/types.h>

#include "base/log.h"
#include "base/loop.h"

struct child_times {
    int64_t ready_ms;  /* start to READY */
    int64_t stall_ms;  /* beat to beat */
    int64_t stop_ms;   /* STOP to SIGKILL; SIGTERM at half of it */
    int64_t closed_ms; /* a socket that closed to the exit that it announces */
};
extern const struct child_times CHILD_TIMES; /* what sibd uses */

enum child_state { CHILD_STARTING, CHILD_RUNNING, CHILD_STOPPING, CHILD_GONE };

struct child_spec {
    const char *name;
    const char *const *argv; /* argv[0] is the path; ends with NULL */
};

struct child_events {
    void (*ready)(void *arg);
    void (*gone)(int wait_status, void *arg);
    void *arg;
    const struct log_ctx *log; /* says whose child it is */
};

struct child;
/* spec, times and what they point at are borrowed until child_free. A program that cannot be
 * run is a child that exits with 126 or 127. */
struct child *child_new(struct loop *loop, const struct child_spec *spec,
                        const struct child_times *times, const struct child_events *events,
                        struct err *err);
void child_stop(struct child *child); /* any number of times */
void child_reload(struct child *child);
enum child_state child_state(const struct child *child);
pid_t child_pid(const struct child *child);
/* "runs=3 calls=9" from the last beat; "" if none. */
const char *child_counters(const struct child *child);
/* Why we killed it, in words; NULL when we did not. */
const char *child_killed_why(const struct child *child);
void child_free(struct child **child);

#endif
