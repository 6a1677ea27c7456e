/* A whole server beside a stand-in for Exchange, made of the real programs. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/id.h"
#include "queue/queue.h"
#include "store/mailbox.h"
#include "store/message.h"
#include "tests/bench/bench.h"

enum { START_MS = 10000, WAIT_S = 600 };

static const char *const program_names[BENCH_PROGRAMS] = {"sib-exchange", "sib-sync",
                                                          "sib-notify"};

/* A port that was free a moment ago. */
static int free_port(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0)
        bench_end("no port: %s", strerror(errno));
    close(fd);
    return ntohs(address.sin_port);
}

static void open_store(struct bench_site *site)
{
    struct err err;
    const struct store_options options = {.state_dir = site->dir, .node = 1};

    site->store = store_open(&options, &err);
    if (!site->store)
        bench_end("%s", err.text);
}

void bench_site_open(struct bench_site *site, const struct bench_options *options,
                     const char *name)
{
    char path[LIMIT_PATH];
    struct err err;

    *site = (struct bench_site){.options = options};
    snprintf(site->dir, sizeof site->dir, "%s/%s-XXXXXX", options->folder, name);
    if (!mkdtemp(site->dir))
        bench_end("cannot make %s: %s", site->dir, strerror(errno));
    snprintf(path, sizeof path, "%s/password", site->dir);
    if (!file_replace(path, "secret\n", 7, 0600, &err))
        bench_end("%s", err.text);
    site->notify_port = free_port();
    snprintf(site->callback_url, sizeof site->callback_url, "http://127.0.0.1:%d/",
             site->notify_port);
    open_store(site);
}

void bench_site_mailboxes(struct bench_site *site, long count)
{
    struct err err;

    site->mailboxes = calloc((size_t)count, sizeof *site->mailboxes);
    if (!site->mailboxes)
        bench_end("no memory");
    bool ok = store_begin(site->store, &err);
    for (long i = 0; ok && i < count; i++) {
        struct mailbox mailbox = {.single_inbox = true};
        snprintf(mailbox.name, sizeof mailbox.name, "box%ld", i);
        snprintf(mailbox.smtp, sizeof mailbox.smtp, "box%ld@example.net", i);
        ok = mailbox_add(site->store, &mailbox, &err) &&
             queue_push(site->store, mailbox.id, QUEUE_CHANGE, 0, &err);
        snprintf(site->mailboxes[i], sizeof site->mailboxes[i], "%s", mailbox.id);
    }
    if (!ok || !store_commit(site->store, &err))
        bench_end("%s", err.text);
    site->mailbox_count = count;
}

void bench_site_configure(struct bench_site *site, bool push)
{
    char path[LIMIT_PATH], text[4096];
    struct err err;

    snprintf(text, sizeof text,
             "[node]\nname = one\nstate-dir = %s\nlog-level = warning\n"
             "[exchange \"main\"]\nurl = %s\nuser = svc\npassword-file = %s/password\n"
             "connections = %d\nnotify = %s\ncallback-url = %s\n"
             "[notify]\nlisten = 127.0.0.1:%d\n",
             site->dir, site->exchange_url, site->dir, site->options->connections,
             push ? "push" : "poll", site->callback_url, site->notify_port);
    snprintf(path, sizeof path, "%s/sib.conf", site->dir);
    if (!file_replace(path, text, strlen(text), 0600, &err))
        bench_end("%s", err.text);
}

/* ---- programs ---- */

/* Standard output goes to `out`; the child dies with us. */
static pid_t start_program(const struct bench_site *site, const char *const argv[], int out)
{
    pid_t parent = getpid(), pid = fork();

    if (pid < 0)
        bench_end("fork: %s", strerror(errno));
    if (pid > 0)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(1);
    setenv("XDG_RUNTIME_DIR", site->dir, 1);
    if (dup2(out, STDOUT_FILENO) >= 0)
        execv(argv[0], (char *const *)argv);
    _exit(127);
}

void bench_site_exchange(struct bench_site *site, int latency_ms)
{
    char program[LIMIT_PATH], latency[16];
    int ends[2];
    size_t len = 0;
    ssize_t n;

    snprintf(program, sizeof program, "%s/sib-exchange", site->options->programs);
    snprintf(latency, sizeof latency, "%d", latency_ms);
    const char *const argv[] = {program, "--latency", latency, "--user", "svc", NULL};
    if (pipe2(ends, O_CLOEXEC) != 0)
        bench_end("pipe: %s", strerror(errno));
    site->pids[BENCH_EXCHANGE] = start_program(site, argv, ends[1]);
    close(ends[1]);
    while (len + 1 < sizeof site->exchange_url &&
           (n = read(ends[0], site->exchange_url + len, sizeof site->exchange_url - len - 1)) >
               0) {
        len += (size_t)n;
        if (memchr(site->exchange_url, '\n', len))
            break;
    }
    close(ends[0]);
    site->exchange_url[len] = '\0';
    site->exchange_url[strcspn(site->exchange_url, "\n")] = '\0';
    if (strncmp(site->exchange_url, "http", 4) != 0)
        bench_end("%s did not start", program);
}

static bool answers(int port)
{
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool ok = connect(fd, (const struct sockaddr *)&to, sizeof to) == 0;

    close(fd);
    return ok;
}

void bench_site_start(struct bench_site *site, enum bench_program program)
{
    char path[LIMIT_PATH], config[LIMIT_PATH];

    snprintf(path, sizeof path, "%s/%s", site->options->programs, program_names[program]);
    snprintf(config, sizeof config, "%s/sib.conf", site->dir);
    const char *const argv[] = {path, "-c", config, NULL};
    site->pids[program] = start_program(site, argv, STDERR_FILENO);
    if (program != BENCH_NOTIFY)
        return;
    for (long waited = 0; !answers(site->notify_port); waited += 10) {
        if (waited > START_MS)
            bench_end("sib-notify did not start");
        bench_sleep_ms(10);
    }
}

void bench_site_stop(struct bench_site *site, enum bench_program program)
{
    int status;

    if (site->pids[program] <= 0)
        return;
    kill(site->pids[program], SIGTERM);
    if (waitpid(site->pids[program], &status, 0) != site->pids[program] || status != 0)
        bench_end("%s ended with status %d", program_names[program], status);
    site->pids[program] = 0;
}

static void read_proc(pid_t pid, const char *name, char *text, size_t size)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%ld/%s", (long)pid, name);
    FILE *file = fopen(path, "re");
    size_t len = file ? fread(text, 1, size - 1, file) : 0;
    if (!len)
        bench_end("cannot read %s: did the program end?", path);
    text[len] = '\0';
    fclose(file);
}

double bench_site_cpu(const struct bench_site *site, enum bench_program program)
{
    char text[1024], *at;
    unsigned long user = 0, system = 0;

    read_proc(site->pids[program], "stat", text, sizeof text);
    /* Fields 14 and 15; the second is in parentheses. */
    at = strrchr(text, ')');
    for (int field = 2; at && field < 14; field++)
        at = strchr(at + 1, ' ');
    if (at) {
        user = strtoul(at + 1, &at, 10);
        system = strtoul(at, NULL, 10);
    }
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

double bench_site_memory(const struct bench_site *site, enum bench_program program)
{
    char text[256], *at;

    read_proc(site->pids[program], "statm", text, sizeof text);
    strtoul(text, &at, 10);
    return (double)strtoul(at, NULL, 10) * (double)sysconf(_SC_PAGESIZE);
}

/* ---- waiting ---- */

static bool is_clean(struct bench_site *site, const char *mailbox, int64_t since_ms)
{
    struct mailbox_state state;
    int64_t dirty, oldest;
    struct err err;

    /* What costs little is asked first: asking must not be what is measured. */
    if (!mailbox_state_get(site->store, mailbox, &state, &err))
        bench_end("%s", err.text);
    if (state.last_ok_ms <= since_ms)
        return false;
    if (!message_dirty_count(site->store, mailbox, &dirty, &oldest, &err))
        bench_end("%s", err.text);
    return dirty == 0;
}

void bench_site_wait(struct bench_site *site, int64_t since_ms)
{
    double until = bench_seconds() + WAIT_S;

    for (long i = 0; i < site->mailbox_count; i++) {
        while (!is_clean(site, site->mailboxes[i], since_ms)) {
            if (bench_seconds() > until)
                bench_end("mailbox %ld is not through after %d s", i, WAIT_S);
            bench_sleep_ms(site->mailbox_count > 1 ? 5 : 1);
        }
    }
}

void bench_site_close(struct bench_site *site)
{
    char command[LIMIT_PATH];

    bench_site_stop(site, BENCH_SYNC);
    bench_site_stop(site, BENCH_NOTIFY);
    bench_site_stop(site, BENCH_EXCHANGE);
    store_close(&site->store);
    free(site->mailboxes);
    snprintf(command, sizeof command, "rm -rf '%s'", site->dir);
    if (system(command) != 0)
        bench_say("%s stays behind", site->dir);
}

/* ---- voice messages ---- */

static void put(unsigned char *at, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        at[i] = (unsigned char)(value >> (8 * i));
}

void bench_write_wav(const char *path, size_t bytes, long number)
{
    enum { HEAD = 44 };
    unsigned char *wav = malloc(bytes);
    FILE *file = fopen(path, "we");

    if (!wav || !file || bytes < HEAD + 8)
        bench_end("cannot write %s", path);
    memset(wav, 0xFF, bytes); /* silence in u-law */
    memcpy(wav, "RIFF....WAVEfmt ", 16);
    put(wav + 4, (uint32_t)bytes - 8, 4);
    put(wav + 16, 16, 4);
    put(wav + 20, 7, 2);
    put(wav + 22, 1, 2);
    put(wav + 24, 8000, 4);
    put(wav + 28, 8000, 4);
    put(wav + 32, 1, 2);
    put(wav + 34, 8, 2);
    memcpy(wav + 36, "data", 4);
    put(wav + 40, (uint32_t)bytes - HEAD, 4);
    put(wav + HEAD, (uint32_t)number, 4);
    bool ok = fwrite(wav, 1, bytes, file) == bytes;
    ok = fclose(file) == 0 && ok;
    free(wav);
    if (!ok)
        bench_end("cannot write %s", path);
}
