#include "role/child.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/service.h"
#include "base/text.h"

enum { LINE_MAX_BYTES = 1024 };
static_assert(SERVICE_CONTROL_FD == 3, "SIB_CONTROL_FD says so");

const struct child_times CHILD_TIMES = {.ready_ms = TIME_READY_MS,
                                        .stall_ms = TIME_STALL_MS,
                                        .stop_ms = TIME_STOP_MS,
                                        .closed_ms = 1000};

struct child {
    struct loop *loop;
    const struct child_spec *spec;
    const struct child_times *times;
    struct child_events events;
    enum child_state state;
    pid_t pid;
    int pidfd, control;
    struct loop_watch *exit_watch, *control_watch;
    struct loop_timer *patience; /* runs twice before what is awaited counts as failed */
    int64_t half_ms;
    bool half_gone, closed, termed;
    const char *killed_why;
    char line[LINE_MAX_BYTES]; /* what the child says, up to the next newline */
    size_t line_len;
    char counters[LINE_MAX_BYTES];
};

/* Wait for something for ms, in two halves. When we (or both of us) have been frozen, the timer
 * fires once for all that time; the other half is then still ahead. */
static void await(struct child *child, int64_t ms)
{
    child->half_gone = false;
    child->half_ms = ms / 2;
    loop_timer_set(child->patience, child->half_ms);
}

/* The whole process group: what the service started must not outlive it. */
static void kill_group(const struct child *child, int signo)
{
    if (kill(-child->pid, signo) != 0)
        kill(child->pid, signo);
}

static void kill_because(struct child *child, const char *why)
{
    loop_timer_stop(child->patience);
    if (!child->killed_why) {
        child->killed_why = why;
        log_warning(child->events.log, "process %d is killed: %s", (int)child->pid, why);
    }
    kill_group(child, SIGKILL);
}

/* ---- what the child says ---- */

static void take_line(struct child *child)
{
    if (strcmp(child->line, "READY") == 0 && child->state == CHILD_STARTING &&
        !child->killed_why) {
        child->state = CHILD_RUNNING;
        await(child, child->times->stall_ms);
        child->events.ready(child->events.arg);
    } else if (strncmp(child->line, "BEAT ", 5) == 0) {
        const char *counters = strchr(child->line + 5, ' ');
        text_copy(child->counters, sizeof child->counters, counters ? counters + 1 : "");
        if (child->state == CHILD_RUNNING && !child->closed && !child->killed_why)
            await(child, child->times->stall_ms);
    }
}

static void take_bytes(struct child *child, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != '\n') {
            if (child->line_len < sizeof child->line - 1)
                child->line[child->line_len++] = bytes[i];
            continue;
        }
        child->line[child->line_len] = '\0';
        child->line_len = 0;
        take_line(child);
    }
}

/* Normally the exit follows at once: a moment for it, so that a service which ends by itself is
 * not killed between its last words and its exit. */
static void control_closed(struct child *child)
{
    loop_watch_free(&child->control_watch);
    close(child->control);
    child->control = -1;
    child->closed = true;
    if (child->state != CHILD_STOPPING && !child->killed_why)
        await(child, child->times->closed_ms);
}

static void child_said(int fd, int ready, void *arg)
{
    struct child *child = arg;
    char bytes[LINE_MAX_BYTES];
    (void)ready;
    ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n > 0)
        take_bytes(child, bytes, (size_t)n);
    else if (n == 0 || (errno != EAGAIN && errno != EINTR))
        control_closed(child);
}

/* ---- patience and death ---- */

static void term_or_kill(struct child *child)
{
    if (child->termed) {
        kill_because(child, "it did not stop in time");
        return;
    }
    child->termed = true;
    kill_group(child, SIGTERM);
    await(child, child->times->stop_ms / 2);
}

/* Its words may lie unread when we have been frozen. */
static bool half_time(struct child *child)
{
    bool first = !child->half_gone;
    child->half_gone = true;
    if (child->control >= 0)
        child_said(child->control, LOOP_READ, child);
    if (first && child->half_gone)
        loop_timer_set(child->patience, child->half_ms);
    return first || !child->half_gone;
}

static void patience_ended(void *arg)
{
    struct child *child = arg;
    if (half_time(child))
        return;
    if (child->state == CHILD_STOPPING)
        term_or_kill(child);
    else if (child->closed)
        kill_because(child, "it closed its control socket and went on");
    else if (child->state == CHILD_STARTING)
        kill_because(child, "it did not become ready in time");
    else
        kill_because(child, "it made no progress");
}

static void process_exited(int fd, int ready, void *arg)
{
    struct child *child = arg;
    int status;
    (void)fd;
    (void)ready;
    kill_group(child, SIGKILL); /* before reaping, while the group's number is still its own */
    if (waitpid(child->pid, &status, WNOHANG) != child->pid)
        return;
    loop_watch_free(&child->exit_watch);
    loop_watch_free(&child->control_watch);
    loop_timer_stop(child->patience);
    child->state = CHILD_GONE;
    child->events.gone(status, child->events.arg);
}

/* ---- starting ---- */

/* Between fork and exec: only what is safe there. Signals are blocked; the loop's handlers,
 * which would write into the parent's loop, go before they are let through again. */
static _Noreturn void run_program(const struct child_spec *spec, int control, pid_t parent)
{
    sigset_t none;
    for (int signo = 1; signo < NSIG; signo++)
        signal(signo, SIG_DFL);
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(EXIT_FAILURE);
    if (dup2(control, SERVICE_CONTROL_FD) < 0 ||
        close_range(SERVICE_CONTROL_FD + 1, ~0U, 0) != 0)
        _exit(EXIT_FAILURE);
    setenv("SIB_CONTROL_FD", "3", 1);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execv(spec->argv[0], (char *const *)spec->argv);
    _exit(errno == ENOENT ? 127 : 126);
}

static bool start_process(struct child *child, struct err *err)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return err_set(err, ERR_SYSTEM, "no control socket: %s.", strerror(errno));
    if (ends[1] == SERVICE_CONTROL_FD) { /* or dup2 would leave it to be closed by exec */
        int swap = ends[0];
        ends[0] = ends[1];
        ends[1] = swap;
    }
    sigset_t all, before;
    pid_t self = getpid();
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    child->pid = fork();
    if (child->pid == 0)
        run_program(child->spec, ends[1], self);
    int fork_errno = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    close(ends[1]);
    child->control = ends[0];
    if (child->pid < 0)
        return err_set(err, ERR_SYSTEM, "no process: %s.", strerror(fork_errno));
    setpgid(child->pid, child->pid); /* as the child does; whoever comes first */
    child->pidfd = pidfd_open(child->pid, 0);
    if (child->pidfd < 0)
        return err_set(err, ERR_SYSTEM, "no descriptor of a process: %s.", strerror(errno));
    return true;
}

static bool watch_process(struct child *child, struct err *err)
{
    child->patience = loop_timer_new(child->loop, patience_ended, child);
    child->exit_watch =
        loop_watch_new(child->loop, child->pidfd, LOOP_READ, process_exited, child);
    child->control_watch =
        loop_watch_new(child->loop, child->control, LOOP_READ, child_said, child);
    if (!child->patience || !child->exit_watch || !child->control_watch)
        return err_set(err, ERR_SYSTEM, "the process cannot be watched.");
    await(child, child->times->ready_ms);
    return true;
}

struct child *child_new(struct loop *loop, const struct child_spec *spec,
                        const struct child_times *times, const struct child_events *events,
                        struct err *err)
{
    struct child *child = calloc(1, sizeof *child);
    if (!child) {
        err_set(err, ERR_SYSTEM, "no memory for a process.");
        return NULL;
    }
    *child = (struct child){.loop = loop,
                            .spec = spec,
                            .times = times,
                            .events = *events,
                            .pid = -1,
                            .pidfd = -1,
                            .control = -1};
    if (!start_process(child, err) || !watch_process(child, err))
        child_free(&child);
    return child;
}

/* ---- the rest ---- */

void child_stop(struct child *child)
{
    static const char stop[] = "STOP\n";
    if (child->state == CHILD_STOPPING || child->state == CHILD_GONE)
        return;
    child->state = CHILD_STOPPING;
    if (child->killed_why)
        return;
    if (child->control >= 0 && send(child->control, stop, sizeof stop - 1,
                                    MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof stop - 1)
        await(child, child->times->stop_ms / 2);
    else
        term_or_kill(child);
}

void child_reload(struct child *child)
{
    if (child->state == CHILD_RUNNING)
        kill(child->pid, SIGHUP);
}

enum child_state child_state(const struct child *child)
{
    return child->state;
}

pid_t child_pid(const struct child *child)
{
    return child->pid;
}

const char *child_counters(const struct child *child)
{
    return child->counters;
}

const char *child_killed_why(const struct child *child)
{
    return child->killed_why;
}

void child_free(struct child **child)
{
    struct child *gone = *child;
    if (!gone)
        return;
    *child = NULL;
    if (gone->pid > 0 && gone->state != CHILD_GONE) {
        kill_group(gone, SIGKILL);
        while (waitpid(gone->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    loop_watch_free(&gone->exit_watch);
    loop_watch_free(&gone->control_watch);
    loop_timer_free(&gone->patience);
    if (gone->control >= 0)
        close(gone->control);
    if (gone->pidfd >= 0)
        close(gone->pidfd);
    free(gone);
}
