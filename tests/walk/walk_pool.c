#include "tests/walk/walk_pool.h"

#include <assert.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/bug.h"
#include "base/text.h"

enum { PROGRESS_MS = 500 };

/* What all workers see. */
struct shared {
    atomic_ulong next;
    atomic_int findings, locked;
    struct pool_finding finding[POOL_FINDINGS];
    struct {
        uint64_t seed;
        atomic_ulong walks;
        struct walk_sum sum;
    } worker[POOL_JOBS_MAX];
};

static bool may_go_on(const struct pool_order *order, struct shared *shared, struct mono start)
{
    if (order->stop_after && shared->findings >= order->stop_after)
        return false;
    return !order->seconds || mono_since(clock_mono(), start) < order->seconds * 1000;
}

static void add_finding(struct shared *shared, uint64_t seed, const char *text)
{
    int at = atomic_fetch_add(&shared->findings, 1);

    if (at >= POOL_FINDINGS)
        return;
    shared->finding[at].seed = seed;
    text_copy(shared->finding[at].text, sizeof shared->finding[at].text, text);
}

static void work(const struct pool_order *order, struct shared *shared, int number,
                 struct mono start)
{
    static struct walk walk;
    struct walk_site *site;

    bug_choose(order->bug);
    site = walk_site_new(false);
    while (may_go_on(order, shared, start)) {
        uint64_t at = atomic_fetch_add(&shared->next, 1);
        if (at >= order->seeds)
            break;
        shared->worker[number].seed = order->first + at;
        if (!walk_run(site, order->first + at, &walk, &shared->worker[number].sum))
            add_finding(shared, order->first + at, walk.finding);
        shared->worker[number].walks++;
    }
    walk_site_free(&site);
}

static uint64_t walks_of(struct shared *shared, int jobs)
{
    uint64_t walks = 0;

    for (int i = 0; i < jobs; i++)
        walks += shared->worker[i].walks;
    return walks;
}

static void say_progress(struct shared *shared, const struct pool_order *order, int jobs,
                         struct mono start)
{
    uint64_t walks = walks_of(shared, jobs);
    double seconds = (double)mono_since(clock_mono(), start) / 1000;

    fprintf(stderr, "\r%llu of %llu walks, %.0f a second, %d findings   ",
            (unsigned long long)walks, (unsigned long long)order->seeds,
            (double)walks / (seconds > 0 ? seconds : 1), shared->findings);
}

/* A worker that dies found something, too. */
static void wait_for(struct shared *shared, pid_t pid, const pid_t *pids, int jobs, int status)
{
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return;
    for (int i = 0; i < jobs; i++) {
        char text[80];
        snprintf(text, sizeof text, "the process ended with status %d", status);
        if (pids[i] == pid)
            add_finding(shared, shared->worker[i].seed, text);
    }
}

static void wait_for_all(struct shared *shared, const struct pool_order *order,
                         const pid_t *pids, int jobs, struct mono start)
{
    int left = jobs, status;
    sigset_t ended, before;

    /* Blocked, so that the end of a worker wakes us also when it comes before we wait for it.
     */
    sigemptyset(&ended);
    sigaddset(&ended, SIGCHLD);
    sigprocmask(SIG_BLOCK, &ended, &before);
    while (left > 0) {
        pid_t pid = waitpid(-1, &status, order->progress ? WNOHANG : 0);
        if (pid > 0) {
            wait_for(shared, pid, pids, jobs, status);
            left--;
            continue;
        }
        say_progress(shared, order, jobs, start);
        sigtimedwait(&ended, NULL, &(struct timespec){.tv_nsec = PROGRESS_MS * 1000 * 1000});
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (order->progress)
        fputs("\r                                                            \r", stderr);
}

static void add_up(struct pool_result *result, struct shared *shared, int jobs)
{
    for (int i = 0; i < jobs; i++) {
        const struct walk_sum *sum = &shared->worker[i].sum;
        result->sum.acts += sum->acts;
        result->sum.runs += sum->runs;
        for (int k = 0; k < MEMORY_OPS; k++)
            result->sum.requests[k] += sum->requests[k];
        for (int k = 0; k < MEMORY_FAULTS; k++)
            result->sum.hits[k] += sum->hits[k];
    }
    result->walks = walks_of(shared, jobs);
    result->finding_count = shared->findings;
    memcpy(result->findings, shared->finding, sizeof result->findings);
}

static int by_seed(const void *a, const void *b)
{
    uint64_t x = ((const struct pool_finding *)a)->seed,
             y = ((const struct pool_finding *)b)->seed;

    return x < y ? -1 : x > y;
}

static int jobs_at_once(void)
{
    const char *wanted = getenv("WALK_JOBS");
    long jobs = wanted ? strtol(wanted, NULL, 10) : sysconf(_SC_NPROCESSORS_ONLN);

    return jobs < 1 ? 1 : jobs > POOL_JOBS_MAX ? POOL_JOBS_MAX : (int)jobs;
}

void pool_run(const struct pool_order *order, struct pool_result *result)
{
    struct mono start = clock_mono();
    struct shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int jobs = jobs_at_once();
    pid_t pids[POOL_JOBS_MAX];

    if (shared == MAP_FAILED)
        walk_die("no memory to share");
    memset(result, 0, sizeof *result);
    fflush(stdout);
    for (int i = 0; i < jobs; i++) {
        pids[i] = fork();
        if (pids[i] < 0)
            walk_die("no process can be made");
        if (pids[i] == 0) {
            work(order, shared, i, start);
            _exit(0);
        }
    }
    wait_for_all(shared, order, pids, jobs, start);
    add_up(result, shared, jobs);
    int told = result->finding_count < POOL_FINDINGS ? result->finding_count : POOL_FINDINGS;
    qsort(result->findings, (size_t)told, sizeof result->findings[0], by_seed);
    result->took_ms = mono_since(clock_mono(), start);
    munmap(shared, sizeof *shared);
}
