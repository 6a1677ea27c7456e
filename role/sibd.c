/* sibd: the role manager and supervisor of one server.
 *
 * It reads the configuration, takes the lock of its state folder, and runs the services that
 * its status calls for. A lone server is Primary at once. */
#include <errno.h>
#include <getopt.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "base/config.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/text.h"
#include "role/lock.h"
#include "role/services.h"
#include "role/status_file.h"

enum { COUNTERS_EVERY_MS = 5000, SERVICES_MAX = 3, ARGUMENTS_MAX = 6 };

struct sibd {
    const char *config_path;
    const char *record_dir; /* where mailbox-sync writes what Exchange says; NULL: nowhere */
    struct config *config;
    char status_path[LIMIT_PATH];
    char programs[SERVICES_MAX][LIMIT_PATH];
    const char *argv[SERVICES_MAX][ARGUMENTS_MAX];
    struct services_entry table[SERVICES_MAX];
    size_t service_count;
    struct loop *loop;
    struct services *services;
    struct loop_watch *term, *interrupt, *hangup;
    struct loop_timer *refresh, *watchdog;
    uint64_t watchdog_us;
    struct log_ctx log_node, log;
    enum role_status status;
    bool said_ready, stopping;
    int lock;
};

/* ---- what others are told ---- */

static void write_status(struct sibd *sibd)
{
    const struct status_file status = {
        .node = sibd->config->node.name,
        .identity =
            sibd->config->node.identity == CONFIG_SUBSCRIBER ? "subscriber" : "publisher",
        .status = sibd->status,
        .pid = getpid(),
        .written = loop_wall(sibd->loop),
        .services = sibd->services,
    };
    struct err err = {0};
    if (!status_file_write(&status, sibd->status_path, &err))
        log_warning(&sibd->log, "%s", err.text);
}

static void tell_systemd(const struct sibd *sibd)
{
    struct buf text;
    buf_init(&text, 4 * KIB);
    buf_printf(&text, "STATUS=%s", role_status_name(sibd->status));
    for (size_t i = 0; i < services_count(sibd->services); i++) {
        struct services_report report;
        services_report(sibd->services, i, &report);
        buf_printf(&text, "%s %s %s", i ? "," : ":", report.name,
                   service_state_name(report.state));
    }
    sd_notify(0, buf_str(&text));
    buf_clear(&text);
}

static void services_changed(void *arg)
{
    struct sibd *sibd = arg;
    write_status(sibd);
    tell_systemd(sibd);
    if (!services_settled(sibd->services))
        return;
    if (sibd->stopping) {
        loop_stop(sibd->loop);
    } else if (!sibd->said_ready) {
        sibd->said_ready = true;
        sd_notify(0, "READY=1");
        log_info(&sibd->log, "ready");
    }
}

static void refresh(void *arg)
{
    struct sibd *sibd = arg;
    write_status(sibd);
    loop_timer_set(sibd->refresh, COUNTERS_EVERY_MS);
}

static void feed_watchdog(void *arg)
{
    struct sibd *sibd = arg;
    sd_notify(0, "WATCHDOG=1");
    loop_timer_set(sibd->watchdog, (int64_t)(sibd->watchdog_us / 2000));
}

/* ---- configuration ---- */

static struct config *read_config(const char *path, struct err *err)
{
    struct config *config = config_load(path, err);
    if (config && config->cluster.enabled) {
        err_set(
            err, ERR_CONFIG,
            "%s: [cluster] enabled = yes: two servers are not built yet; say enabled = no, and "
            "this server runs alone as Primary.",
            path);
        config_free(&config);
    }
    return config;
}

/* A reload that fails leaves everything as it is. */
static void reload(void *arg)
{
    struct sibd *sibd = arg;
    struct err err = {0};
    if (sibd->stopping)
        return;
    sd_notify(0, "RELOADING=1");
    struct config *config = read_config(sibd->config_path, &err);
    if (!config) {
        log_error(&sibd->log, "the configuration is not reloaded: %s", err.text);
    } else {
        if (strcmp(config->node.state_dir, sibd->config->node.state_dir) != 0)
            log_warning(&sibd->log, "a new state-dir takes effect with a restart");
        log_set_level((enum log_level)config->node.log_level);
        config_free(&sibd->config);
        sibd->config = config;
        sibd->log_node.value = config->node.name;
        log_info(&sibd->log, "configuration reloaded");
    }
    services_reload(sibd->services);
    if (sibd->said_ready)
        sd_notify(0, "READY=1");
}

/* ---- start and stop ---- */

/* The one place that sets the status; what follows from it is the services' business. */
static void set_status(struct sibd *sibd, enum role_status status)
{
    log_info(&sibd->log, "status %s -> %s", role_status_name(sibd->status),
             role_status_name(status));
    sibd->status = status;
    sibd->log.value = role_status_name(status);
    services_set_status(sibd->services, status);
}

static void stop(void *arg)
{
    struct sibd *sibd = arg;
    if (sibd->stopping)
        return;
    log_info(&sibd->log, "stopping");
    sd_notify(0, "STOPPING=1");
    sibd->stopping = true;
    set_status(sibd, ROLE_NOT_FUNCTIONING);
    if (services_settled(sibd->services))
        services_changed(sibd);
}

/* Our services' programs stand beside our own. */
static bool add_service(struct sibd *sibd, const char *name, const char *program,
                        unsigned run_when, struct err *err)
{
    size_t i = sibd->service_count;
    char *path = sibd->programs[i];
    ssize_t n = readlink("/proc/self/exe", path, LIMIT_PATH - 1);
    if (n < 0)
        return file_error(err, "read", "/proc/self/exe");
    path[n] = '\0';
    size_t folder = (size_t)(strrchr(path, '/') + 1 - path);
    if (!text_copy(path + folder, LIMIT_PATH - folder, program))
        return err_set(err, ERR_CONFIG, "the path %s is too long.", path);
    bool records = sibd->record_dir && strcmp(program, "sib-sync") == 0;
    const char *const argv[ARGUMENTS_MAX] = {
        path, "-c", sibd->config_path, records ? "--record" : NULL, sibd->record_dir, NULL};
    memcpy(sibd->argv[i], argv, sizeof argv);
    sibd->table[i] = (struct services_entry){
        .program = {.name = name, .argv = sibd->argv[i]},
        .run_when = run_when,
    };
    sibd->service_count++;
    return true;
}

static bool make_table(struct sibd *sibd, struct err *err)
{
    const unsigned primary = SERVICES_RUN_WHEN(ROLE_PRIMARY);
    const unsigned always =
        (SERVICES_RUN_WHEN(ROLE_STATUSES) - 1) & ~SERVICES_RUN_WHEN(ROLE_NOT_FUNCTIONING);

    if (!add_service(sibd, "mailbox-sync", "sib-sync", primary, err))
        return false;
    /* Without a listener changes arrive in other ways, and there is nothing for it to do. */
    if (sibd->config->notify.listen &&
        !add_service(sibd, "exchange-notification", "sib-notify", primary, err))
        return false;
    return !sibd->config->admin.listen ||
           add_service(sibd, "administration", "sib-admin", always, err);
}

/* Root gives its rights up before the first child; the state folder goes to that account. */
static bool become_user(const struct config *config, struct err *err)
{
    const char *name = config->node.user;
    if (!name || geteuid() != 0)
        return true;
    const struct passwd *user = getpwnam(name);
    if (!user)
        return err_set(err, ERR_CONFIG, "%s: [node] user = %s: there is no such account.",
                       config->path, name);
    struct stat folder;
    if (stat(config->node.state_dir, &folder) == 0 && folder.st_uid != user->pw_uid &&
        chown(config->node.state_dir, user->pw_uid, user->pw_gid) != 0)
        return file_error(err, "give away", config->node.state_dir);
    if (initgroups(name, user->pw_gid) != 0 || setgid(user->pw_gid) != 0 ||
        setuid(user->pw_uid) != 0)
        return err_set(err, ERR_SYSTEM, "becoming user %s failed: %s.", name, strerror(errno));
    return true;
}

static bool open_loop(struct sibd *sibd, struct err *err)
{
    sibd->loop = loop_system_new(err);
    if (!sibd->loop)
        return false;
    sibd->term = loop_signal_new(sibd->loop, SIGTERM, stop, sibd);
    sibd->interrupt = loop_signal_new(sibd->loop, SIGINT, stop, sibd);
    sibd->hangup = loop_signal_new(sibd->loop, SIGHUP, reload, sibd);
    sibd->refresh = loop_timer_new(sibd->loop, refresh, sibd);
    sibd->watchdog = loop_timer_new(sibd->loop, feed_watchdog, sibd);
    if (!sibd->term || !sibd->interrupt || !sibd->hangup || !sibd->refresh || !sibd->watchdog)
        return err_set(err, ERR_SYSTEM, "signals and timers cannot be made.");
    loop_timer_set(sibd->refresh, COUNTERS_EVERY_MS);
    if (sd_watchdog_enabled(0, &sibd->watchdog_us) > 0)
        loop_timer_set(sibd->watchdog, 0);
    return true;
}

static bool open_all(struct sibd *sibd, struct err *err)
{
    const char *folder = sibd->config->node.state_dir;
    if (!file_make_dirs(folder, 0750, err) || !become_user(sibd->config, err))
        return false;
    sibd->lock = lock_take(folder, err);
    if (sibd->lock < 0)
        return false;
    if ((size_t)snprintf(sibd->status_path, LIMIT_PATH, "%s/status.json", folder) >= LIMIT_PATH)
        return err_set(err, ERR_CONFIG, "the path %s is too long.", folder);
    if (!make_table(sibd, err) || !open_loop(sibd, err))
        return false;
    const struct services_setup setup = {.table = sibd->table,
                                         .count = sibd->service_count,
                                         .child_times = &CHILD_TIMES,
                                         .ladder_times = &LADDER_TIMES,
                                         .log = &sibd->log,
                                         .changed = services_changed,
                                         .arg = sibd};
    sibd->services = services_new(sibd->loop, &setup, err);
    return sibd->services != NULL;
}

static void close_all(struct sibd *sibd)
{
    services_free(&sibd->services);
    loop_timer_free(&sibd->refresh);
    loop_timer_free(&sibd->watchdog);
    loop_watch_free(&sibd->term);
    loop_watch_free(&sibd->interrupt);
    loop_watch_free(&sibd->hangup);
    loop_free(&sibd->loop);
    config_free(&sibd->config);
    if (sibd->lock >= 0)
        close(sibd->lock);
}

static int run(struct sibd *sibd)
{
    struct err err = {0};
    bool ok = open_all(sibd, &err);
    if (ok) {
        log_info(&sibd->log, "sibd %s starts", SIB_VERSION);
        set_status(sibd, ROLE_PRIMARY);
        loop_run(sibd->loop);
        log_info(&sibd->log, "stopped");
    } else {
        log_error(&sibd->log, "%s", err.text);
        sd_notifyf(0, "STATUS=%s", err.text);
    }
    close_all(sibd);
    return ok ? EXIT_SUCCESS : err_exit_code(err.kind);
}

static int usage(FILE *out, int code)
{
    fputs("usage: sibd [-c FILE] [-n] [--record DIR]\n"
          "  -c FILE       the configuration (default " CONFIG_DEFAULT_PATH ")\n"
          "  -n            check the configuration and the accounts, say what libcurl here\n"
          "                cannot do, and exit: 0, or 78 when something is wrong\n"
          "  --record DIR  write what Exchange answers into DIR, without secrets, addresses\n"
          "                and audio, as files for a report\n"
          "  -h            this help\n"
          "  -V            the version\n",
          out);
    return code;
}

/* Libcurl and the certificates are mailbox-sync's business: its program goes on with the check
 * in this process. */
static int check_accounts(struct sibd *sibd)
{
    struct err err = {0};
    const char *program = sibd->programs[0];
    config_free(&sibd->config);
    if (!add_service(sibd, "mailbox-sync", "sib-sync", SERVICES_RUN_WHEN(ROLE_PRIMARY), &err)) {
        fprintf(stderr, "sibd: %s\n", err.text);
        return err_exit_code(err.kind);
    }
    execl(program, program, "-n", "-c", sibd->config_path, (char *)NULL);
    fprintf(stderr, "sibd: %s cannot be run: %s; the accounts are not checked.\n", program,
            strerror(errno));
    return EX_OSERR;
}

enum { OPTION_RECORD = 256 };
static const struct option options[] = {{"record", required_argument, NULL, OPTION_RECORD},
                                        {"help", no_argument, NULL, 'h'},
                                        {"version", no_argument, NULL, 'V'},
                                        {0}};

int main(int argc, char **argv)
{
    struct sibd sibd = {.config_path = CONFIG_DEFAULT_PATH, .lock = -1};
    struct err err = {0};
    bool check = false;
    int option;
    while ((option = getopt_long(argc, argv, "c:nhV", options, NULL)) != -1) {
        switch (option) {
        case 'c': sibd.config_path = optarg; break;
        case 'n': check = true; break;
        case OPTION_RECORD: sibd.record_dir = optarg; break;
        case 'h': return usage(stdout, EXIT_SUCCESS);
        case 'V': puts("sibd " SIB_VERSION); return EXIT_SUCCESS;
        default: return usage(stderr, EX_USAGE);
        }
    }
    if (optind < argc)
        return usage(stderr, EX_USAGE);
    sibd.config = read_config(sibd.config_path, &err);
    if (!sibd.config) {
        fprintf(stderr, "sibd: %s\n", err.text);
        return check ? EX_CONFIG : err_exit_code(err.kind);
    }
    if (check)
        return check_accounts(&sibd);
    signal(SIGPIPE, SIG_IGN);
    log_set_level((enum log_level)sibd.config->node.log_level);
    sibd.log_node = (struct log_ctx){.key = "node", .value = sibd.config->node.name};
    sibd.log = (struct log_ctx){
        .parent = &sibd.log_node, .key = "status", .value = role_status_name(sibd.status)};
    return run(&sibd);
}
