#include "base/service.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/log.h"

enum { COUNTERS_MAX = 16, LINE_MAX_BYTES = 256 };

struct counter {
    const char *name;
    long value;
};

struct service {
    struct loop *loop;
    loop_fn *stop, *reload;
    void *arg;
    int fd; /* the control socket; -1: started by hand */
    struct loop_watch *control, *term, *interrupt, *hangup;
    struct loop_timer *beat;
    struct counter counters[COUNTERS_MAX];
    long beats;
    char line[LINE_MAX_BYTES]; /* what the supervisor said, up to the next newline */
    size_t line_len;
    bool stopping;
};

/* The last thing that any callback of ours does, for the service may be freed in it. */
static void stop_once(struct service *service)
{
    if (service->stopping)
        return;
    service->stopping = true;
    service->stop(service->arg);
}

static void asked_by_signal(void *arg)
{
    stop_once(arg);
}

static void asked_to_reload(void *arg)
{
    struct service *service = arg;
    if (service->reload && !service->stopping)
        service->reload(service->arg);
}

static void supervisor_gone(struct service *service)
{
    loop_watch_free(&service->control);
    close(service->fd);
    service->fd = -1;
    if (!service->stopping)
        log_warning(NULL, "the supervisor is gone, so this service ends");
    alarm(TIME_STOP_MS / 1000); /* nobody else is left to end us if that should not succeed */
    stop_once(service);
}

/* A line is far smaller than the socket's buffer: it goes whole or not at all. One that does
 * not go is left out, for the next beat says more than it did; and that the supervisor is gone
 * is noticed by reading. */
static void say(const struct service *service, const char *line, size_t len)
{
    if (service->fd < 0)
        return;
    ssize_t ignored = send(service->fd, line, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)ignored;
}

static void beat(void *arg)
{
    struct service *service = arg;
    struct buf line;
    loop_timer_set(service->beat, TIME_BEAT_MS);
    buf_init(&line, 4 * KIB);
    buf_printf(&line, "BEAT %ld", ++service->beats);
    for (const struct counter *c = service->counters;
         c < service->counters + COUNTERS_MAX && c->name; c++)
        buf_printf(&line, " %s=%ld", c->name, c->value);
    buf_add_str(&line, "\n");
    if (!line.failed)
        say(service, line.data, line.len);
    buf_clear(&line);
}

/* Is STOP among what was said? Words that we do not know are a newer supervisor's: left alone.
 */
static bool take_bytes(struct service *service, const char *bytes, size_t len)
{
    bool stop = false;
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] != '\n') {
            if (service->line_len < sizeof service->line - 1)
                service->line[service->line_len++] = bytes[i];
            continue;
        }
        service->line[service->line_len] = '\0';
        service->line_len = 0;
        stop = stop || strcmp(service->line, "STOP") == 0;
    }
    return stop;
}

static void supervisor_said(int fd, int ready, void *arg)
{
    struct service *service = arg;
    char bytes[LINE_MAX_BYTES];
    (void)ready;
    ssize_t n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        supervisor_gone(service);
    else if (n > 0 && take_bytes(service, bytes, (size_t)n))
        stop_once(service);
}

/* Take the descriptor that the environment names, and keep it and its name from our children.
 */
static bool open_control(struct service *service, struct err *err)
{
    const char *name = getenv("SIB_CONTROL_FD");
    if (!name)
        return true;
    char *end;
    long fd = strtol(name, &end, 10);
    if (*name == '\0' || *end != '\0' || fd < SERVICE_CONTROL_FD || fd > 1024 ||
        fcntl((int)fd, F_SETFD, FD_CLOEXEC) != 0)
        return err_set(err, ERR_USAGE, "SIB_CONTROL_FD=%s names no open descriptor.", name);
    service->fd = (int)fd;
    unsetenv("SIB_CONTROL_FD");
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* a second line of defence */
    service->control =
        loop_watch_new(service->loop, service->fd, LOOP_READ, supervisor_said, service);
    if (!service->control)
        return err_set(err, ERR_SYSTEM, "the control socket cannot be watched.");
    return true;
}

struct service *service_new(struct loop *loop, loop_fn *stop, loop_fn *reload, void *arg,
                            struct err *err)
{
    struct service *service = calloc(1, sizeof *service);
    if (!service) {
        err_set(err, ERR_SYSTEM, "no memory for a service.");
        return NULL;
    }
    *service =
        (struct service){.loop = loop, .stop = stop, .reload = reload, .arg = arg, .fd = -1};
    signal(SIGPIPE, SIG_IGN);
    if (!open_control(service, err)) {
        service_free(&service);
        return NULL;
    }
    service->term = loop_signal_new(loop, SIGTERM, asked_by_signal, service);
    service->interrupt = loop_signal_new(loop, SIGINT, asked_by_signal, service);
    service->hangup = loop_signal_new(loop, SIGHUP, asked_to_reload, service);
    service->beat = loop_timer_new(loop, beat, service);
    if (!service->term || !service->interrupt || !service->hangup || !service->beat) {
        err_set(err, ERR_SYSTEM, "signals cannot be watched.");
        service_free(&service);
    }
    return service;
}

void service_ready(struct service *service)
{
    static const char ready[] = "READY\n";
    if (service->fd < 0)
        return;
    say(service, ready, sizeof ready - 1);
    loop_timer_set(service->beat, 0);
}

void service_count(struct service *service, const char *counter, long add)
{
    for (struct counter *c = service->counters; c < service->counters + COUNTERS_MAX; c++) {
        if (c->name && strcmp(c->name, counter) != 0)
            continue;
        c->name = counter;
        c->value += add;
        return;
    }
}

void service_free(struct service **service)
{
    struct service *gone = *service;
    if (!gone)
        return;
    *service = NULL;
    loop_watch_free(&gone->control);
    loop_watch_free(&gone->term);
    loop_watch_free(&gone->interrupt);
    loop_watch_free(&gone->hangup);
    loop_timer_free(&gone->beat);
    if (gone->fd >= 0)
        close(gone->fd);
    free(gone);
}
