/* Measuring: what every measurement shares.
 *
 * A figure is ours beside a limit: the same outcome in the least that any program would have to
 * do, measured in the same run on the same disk. Errors: whatever goes wrong ends the program
 * (bench_end), for half a measurement is none; programs that were started end with it. */
#ifndef SIB_TESTS_BENCH_BENCH_H
#define SIB_TESTS_BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/limits.h"
#include "store/store.h"

struct bench_options {
    const char *folder;   /* on the disk that is measured */
    const char *programs; /* the folder of sib-sync and the others */
    const char *fixtures; /* the folder of voice messages */
    long deposits, messages, notifications, mailbox_messages, mailboxes;
    int repeats;
    int latency_ms, connections;
    bool json;
};

/* ---- figures ---- */

enum bench_better { BENCH_MORE, BENCH_LESS };

struct bench_figure {
    const char *name, *unit, *ours_is, *limit_is;
    enum bench_better better;
    double ours, limit;
    double spread; /* percent between the least and the greatest of the repeats; 0: one run */
    char note[256];
};

void bench_figure(const struct bench_figure *figure);
void bench_print(const struct bench_options *options);

_Noreturn void bench_end(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* What it does now, on standard error. */
void bench_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
double bench_seconds(void);
void bench_sleep_ms(long ms);
double bench_median(double *values, int count);
double bench_spread(const double *values, int count);

/* ---- a site: store, configuration, programs ---- */

enum bench_program { BENCH_EXCHANGE, BENCH_SYNC, BENCH_NOTIFY, BENCH_PROGRAMS };

struct bench_site {
    const struct bench_options *options;
    char dir[LIMIT_PATH / 2];
    struct store *store;
    pid_t pids[BENCH_PROGRAMS];
    char exchange_url[128], callback_url[64];
    int notify_port;
    char (*mailboxes)[LIMIT_UUID];
    long mailbox_count;
};

/* A new folder with an open store in it. */
void bench_site_open(struct bench_site *site, const struct bench_options *options,
                     const char *name);
/* Mailboxes box0@example.net ... */
void bench_site_mailboxes(struct bench_site *site, long count);
void bench_site_exchange(struct bench_site *site, int latency_ms);
/* Needs the Exchange's address. push: Exchange calls sib-notify; else mailboxes are polled. */
void bench_site_configure(struct bench_site *site, bool push);
void bench_site_start(struct bench_site *site, enum bench_program program);
void bench_site_stop(struct bench_site *site, enum bench_program program);
/* Seconds of processor time so far; resident bytes. */
double bench_site_cpu(const struct bench_site *site, enum bench_program program);
double bench_site_memory(const struct bench_site *site, enum bench_program program);
/* Until nothing is dirty in any mailbox, and each has been looked at since then (wall ms; -1:
 * whenever). */
void bench_site_wait(struct bench_site *site, int64_t since_ms);
void bench_site_close(struct bench_site *site);

/* A voice message of so many bytes, each `number` with other content. */
void bench_write_wav(const char *path, size_t bytes, long number);

/* ---- load: requests over plain libcurl ---- */

struct bench_request {
    const char *url;
    const void *body;
    size_t len;
};

struct bench_load {
    int concurrency;
    long count;
    const char *login; /* "user:password"; NULL: none */
    void (*next)(long number, struct bench_request *request, void *arg);
    /* NULL: only the status, which must be 200, is looked at. */
    void (*answer)(long number, const char *bytes, size_t len, void *arg);
    void *arg;
};

/* Seconds for all of them. */
double bench_load_run(const struct bench_load *load);

/* What the disk takes: SQLite's commits of one row a second, WAL and synchronous=FULL, in the
 * site's folder. */
double bench_commits(const struct bench_site *site, long count);

/* ---- measurements ---- */

void bench_deposit(const struct bench_options *options);
void bench_drain(const struct bench_options *options);
void bench_notify(const struct bench_options *options);
void bench_resync(const struct bench_options *options);
void bench_idle(const struct bench_options *options);
void bench_requests(const struct bench_options *options);

#endif
