#include "tests/support/crash_site.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/crash.h"
#include "base/file.h"
#include "base/text.h"
#include "base/id.h"
#include "store/watch.h"
#include "sync/account.h"
#include "tests/support/mark.h"

static const char config_text[] =
    "[node]\nname = one\nidentity = publisher\nstate-dir = %s/state\n"
    "[cluster]\nenabled = no\n"
    "[exchange \"main\"]\nurl = http://exchange.test/EWS/Exchange.asmx\n"
    "user = svc\npassword-file = %s/password\nrequest-timeout = 5s\n"
    "create = inline\ncallback-url = http://voice.test/\n"
    "[notify]\nlisten = 127.0.0.1:1\n";

/* ---- folders ---- */

void crash_site_make_dir(char *path)
{
    /* Killed processes lose nothing that the kernel has; a real disk would only be slower. */
    text_copy(path, CRASH_DIR_MAX,
              access("/dev/shm", W_OK) == 0 ? "/dev/shm/sib-crash-XXXXXX"
                                            : "/tmp/sib-crash-XXXXXX");
    assert_non_null(mkdtemp(path));
}

void crash_site_remove_dir(const char *path)
{
    char command[128];

    if (getenv("CRASH_KEEP"))
        return;
    snprintf(command, sizeof command, "rm -rf %s", path);
    if (system(command) != 0)
        print_message("%s stays behind\n", path);
}

/* ---- the site ---- */

static struct wall now(void *arg)
{
    return loop_wall(((struct site *)arg)->loop);
}

/* A line of the level error is for a person, and a crash needs none: it fails the test. */
static void sink(enum log_level level, const char *line, void *arg)
{
    struct site *site = arg;

    if (getenv("SITE_LOG"))
        fprintf(stderr, "%lld %s\n", (long long)loop_wall(site->loop).ms, line);
    if (level == LOG_LEVEL_ERROR && !site->warnings++)
        snprintf(site->first_warning, sizeof site->first_warning, "%s", line);
}

static void deliver_push(const char *url, const char *body, size_t len,
                         const char *subscription, void *arg)
{
    struct site *site = arg;
    struct notification parsed[8];
    struct watch watch;
    size_t count;
    bool found = false;
    struct err err;
    enum exchange_push_result result = EXCHANGE_PUSH_OK;

    assert_true(notification_parse(body, len, parsed, 8, &count, &err));
    bool known = site->scheduler &&
                 watch_find(site->store, strrchr(url, '/') + 1, &watch, &found, &err) &&
                 found && !watch.ended;
    if (site->scheduler && !known)
        result = EXCHANGE_PUSH_UNSUBSCRIBE;
    else if (!site->scheduler || !mark_notified(site->store, &watch, parsed, count, &err))
        result = EXCHANGE_PUSH_FAILED;
    exchange_push_answered(site->exchange, subscription, result);
    if (site->scheduler)
        scheduler_poke(site->scheduler);
}

static void write_config(struct site *site)
{
    char path[128], text[1024];
    struct err err;

    snprintf(path, sizeof path, "%s/password", site->dir);
    assert_true(file_replace(path, "secret\n", 7, 0600, &err));
    snprintf(text, sizeof text, config_text, site->dir, site->dir);
    snprintf(path, sizeof path, "%s/sib.conf", site->dir);
    assert_true(file_replace(path, text, strlen(text), 0600, &err));
    site->config = config_load(path, &err);
    if (!site->config) {
        fail_msg("%s", err.text);
        return;
    }
    site->config->sync.voice_outbox = false; /* a test that wants it switches it on */
}

static void open_parts(struct site *site, const struct crash_life *life)
{
    char path[128];
    struct err err;
    const struct store_options options = {
        .state_dir = site->config->node.state_dir, .node = 1, .now = now, .now_arg = site};

    site->store = store_open(&options, &err);
    if (!site->store)
        fail_msg("%s", err.text);
    snprintf(path, sizeof path, "%s/exchange", life->dir);
    site->exchange = exchange_new(path, site->loop, life->seed, &err);
    if (!site->exchange)
        fail_msg("%s", err.text);
    exchange_set_deliver(site->exchange, deliver_push, site);
    site->transport = exchange_transport_new(site->loop, site->exchange, 20, &err);
    assert_non_null(site->transport);
    const struct account_deps deps = {site->loop, site->transport, site->store, NULL};
    site->account = account_open(&deps, config_exchange(site->config, ""), &err);
    if (!site->account)
        fail_msg("%s", err.text);
}

struct site *crash_site_open(const struct crash_life *life)
{
    struct site *site = calloc(1, sizeof *site);

    assert_non_null(site);
    id_seed(life->seed + 1);
    snprintf(site->dir, sizeof site->dir, "%s", life->dir);
    site->loop = loop_virtual_new((struct wall){life->start_ms});
    log_set_level(getenv("SITE_LOG") ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARNING);
    log_set_sink(sink, site);
    write_config(site);
    open_parts(site, life);
    return site;
}

void crash_site_close(struct site **site)
{
    struct site *s = *site;
    char first[sizeof s->first_warning];

    site_kill(s);
    account_close(&s->account);
    transport_free(&s->transport);
    exchange_free(&s->exchange);
    store_close(&s->store);
    loop_free(&s->loop);
    config_free(&s->config);
    log_set_sink(NULL, NULL);
    id_seed(0);
    snprintf(first, sizeof first, "%s", s->first_warning);
    free(s);
    *site = NULL;
    if (first[0])
        fail_msg("an error in the log: %s", first);
}

/* ---- the diary ---- */

static void diary_path(const char *dir, char *path, size_t size)
{
    snprintf(path, size, "%s/diary", dir);
}

void crash_diary_add(const char *dir, const char *word, int number, const char *text)
{
    char path[128], line[128];

    diary_path(dir, path, sizeof path);
    int n = snprintf(line, sizeof line, "%s %d %s\n", word, number, text);
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, line, (size_t)n), n);
    assert_int_equal(fsync(fd), 0);
    close(fd);
}

/* "WORD NUMBER [TEXT]": is it this word and number? said: the text, LIMIT_UUID bytes. */
static bool read_line(char *line, const char *word, int number, char *said)
{
    char *rest = NULL, *end;
    const char *there = strtok_r(line, " \n", &rest), *digits = strtok_r(NULL, " \n", &rest);
    const char *text = strtok_r(NULL, " \n", &rest);

    text_copy(said, LIMIT_UUID, text ? text : "");
    return there && digits && strcmp(there, word) == 0 && strtol(digits, &end, 10) == number &&
           *end == '\0';
}

bool crash_diary_find(const char *dir, const char *word, int number, char *text)
{
    char path[128], line[128], said[LIMIT_UUID];
    bool found = false;

    diary_path(dir, path, sizeof path);
    FILE *file = fopen(path, "re");
    while (file && !found && fgets(line, sizeof line, file)) {
        found = read_line(line, word, number, said);
    }
    if (file)
        fclose(file);
    if (found && text)
        text_copy(text, LIMIT_UUID, said);
    return found;
}

/* ---- dying ---- */

bool crash_points_built(void)
{
#ifdef SIB_CRASH_POINTS
    return true;
#else
    return false;
#endif
}

struct crash_trace *crash_trace_new(void)
{
    void *shared = mmap(NULL, sizeof(struct crash_trace), PROT_READ | PROT_WRITE,
                        MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    assert_true(shared != MAP_FAILED);
    return shared;
}

void crash_trace_free(struct crash_trace **trace)
{
    if (*trace)
        munmap(*trace, sizeof **trace);
    *trace = NULL;
}

#ifdef SIB_CRASH_POINTS

static struct site *armed; /* whose calendar it is */

static void on_point(const char *name, void *arg)
{
    struct crash_trace *trace = arg;

    if (trace->passed < CRASH_POINTS_MAX)
        snprintf(trace->names[trace->passed], CRASH_NAME_MAX, "%s", name);
    trace->passed++;
    trace->wall_ms = loop_wall(armed->loop).ms;
    if (trace->passed == trace->die_at)
        kill(getpid(), SIGKILL);
}

void crash_arm(struct crash_trace *trace, struct site *site)
{
    armed = site;
    crash_set_handler(on_point, trace);
}

static void disarm(void)
{
    crash_set_handler(NULL, NULL);
}

#else

void crash_arm(struct crash_trace *trace, struct site *site)
{
    (void)trace;
    (void)site;
}

static void disarm(void)
{
}

#endif

bool crash_run(struct crash_trace *trace, long die_at, crash_life_fn *life, void *arg)
{
    int status;

    trace->die_at = die_at;
    trace->passed = 0;
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        setenv("CMOCKA_TEST_ABORT", "1", 1); /* a failed assertion ends this process */
        life(trace, arg);
        disarm();
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && die_at)
        return true;
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        fail_msg(
            "the life that was to die at point %ld ended with status 0x%x after %ld points",
            die_at, (unsigned)status, trace->passed);
    return false;
}
