/* What sib-sync costs when nothing happens, with many mailboxes and with none. */
#include <stdio.h>
#include <string.h>

#include "tests/bench/bench.h"

enum { SETTLE_MS = 3000, MEASURE_MS = 10000 };

struct idle {
    double cpu_percent, megabytes;
};

static struct idle measure(const struct bench_options *options, long mailboxes)
{
    struct bench_site site;
    struct idle idle;

    bench_site_open(&site, options, "idle");
    if (mailboxes)
        bench_site_mailboxes(&site, mailboxes);
    bench_site_exchange(&site, 0);
    bench_site_configure(&site, true);
    bench_site_start(&site, BENCH_NOTIFY);
    int64_t since = clock_wall().ms;
    bench_site_start(&site, BENCH_SYNC);
    /* Each mailbox has a row that is due now, and later its first look: all of them at the
     * latest when 20 ms each have passed. */
    bench_sleep_ms(mailboxes * 20);
    bench_site_wait(&site, since);
    bench_sleep_ms(SETTLE_MS);
    double cpu = bench_site_cpu(&site, BENCH_SYNC);
    bench_sleep_ms(MEASURE_MS);
    idle.cpu_percent =
        100 * (bench_site_cpu(&site, BENCH_SYNC) - cpu) / ((double)MEASURE_MS / 1000);
    idle.megabytes = bench_site_memory(&site, BENCH_SYNC) / 1e6;
    bench_site_close(&site);
    return idle;
}

void bench_idle(const struct bench_options *options)
{
    bench_say("idle: %ld mailboxes", options->mailboxes);
    struct idle none = measure(options, 0), many = measure(options, options->mailboxes);
    struct bench_figure figure = {
        .name = "idle, processor",
        .unit = "% of core",
        .ours_is = "sib-sync, every mailbox subscribed and quiet, over 10 s (ticks of 10 ms)",
        .limit_is = "sib-sync without any mailbox",
        .better = BENCH_LESS,
        .ours = many.cpu_percent,
        .limit = none.cpu_percent,
    };
    snprintf(figure.note, sizeof figure.note, "%ld mailboxes", options->mailboxes);
    bench_figure(&figure);
    figure.name = "idle, memory";
    figure.unit = "MB";
    figure.ours = many.megabytes;
    figure.limit = none.megabytes;
    figure.ours_is = "resident memory of sib-sync then";
    bench_figure(&figure);
}
