/* One mailbox with many messages: a quiet look, and a comparison of everything, beside reading
 * its pages over plain libcurl. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/poke.h"
#include "ews/request.h"
#include "queue/job.h"
#include "queue/queue.h"
#include "store/mailbox.h"
#include "store/mapping.h"
#include "tests/bench/bench.h"

enum { REPEATS_MAX = 9, BATCH = 1000, TOKEN_BYTES = 1024 * 1024 };

static void fill(struct bench_site *site, long count)
{
    const struct message_new message = {
        .mailbox = site->mailboxes[0], .from_number = "+15550100", .from_name = "Ann"};
    char id[LIMIT_UUID];
    struct err err;

    for (long i = 0; i < count;) {
        bool ok = store_begin(site->store, &err);
        for (long end = i + BATCH; ok && i < count && i < end; i++)
            ok = message_add(site->store, &message, id, &err);
        ok = ok && queue_push(site->store, site->mailboxes[0], QUEUE_CHANGE, 0, &err);
        if (!ok || !store_commit(site->store, &err))
            bench_end("%s", err.text);
    }
}

/* Milliseconds from the wish to its end. */
static double look(struct bench_site *site, enum queue_reason reason)
{
    int64_t since = clock_wall().ms, id = 0;
    struct job job = {.state = "waiting"};
    bool resync = reason == QUEUE_RESYNC;
    struct err err;

    bench_sleep_ms(2); /* the end is told by a later millisecond */
    double from = bench_seconds();
    if (!store_begin(site->store, &err) ||
        (resync && !job_ask(site->store, site->mailboxes[0], "resync", &id, &err)) ||
        !queue_push(site->store, site->mailboxes[0], reason, 0, &err) ||
        !store_commit(site->store, &err))
        bench_end("%s", err.text);
    poke_send(site->dir, "sync");
    bench_site_wait(site, since);
    while (resync && strcmp(job.state, "done") != 0) {
        if (!job_get(site->store, id, &job, &err) || strcmp(job.state, "failed") == 0)
            bench_end("a resync failed: %s", job.error);
        bench_sleep_ms(1);
    }
    return (bench_seconds() - from) * 1000;
}

/* ---- the limit ---- */

struct reading {
    const char *url, *folder;
    struct buf request;
    char *token; /* of the next page */
    bool last, whole;
    long pages;
};

static void next_page(long number, struct bench_request *request, void *arg)
{
    struct reading *reading = arg;
    const struct soap_header header = {.impersonate = "box0@example.net"};

    (void)number;
    buf_reset(&reading->request);
    request_sync_items(&reading->request, &header, reading->folder, reading->token);
    *request = (struct bench_request){
        .url = reading->url, .body = buf_str(&reading->request), .len = reading->request.len};
}

/* Only what is needed to ask for the next page. */
static void read_page(long number, const char *bytes, size_t len, void *arg)
{
    struct reading *reading = arg;
    const char *token = memmem(bytes, len, "SyncState>", 10);
    const char *end = token ? strchr(token + 10, '<') : NULL;

    (void)number;
    if (!end || end - token >= TOKEN_BYTES)
        bench_end("a page cannot be read: %.300s", bytes);
    memcpy(reading->token, token + 10, (size_t)(end - token - 10));
    reading->token[end - token - 10] = '\0';
    reading->last = memmem(bytes, len, "InRange>true", 12) != NULL;
    reading->pages++;
}

static double read_all(struct bench_site *site, const struct folder_row *folders, int count,
                       long *pages)
{
    double seconds = 0;
    struct reading reading = {.url = site->exchange_url, .token = malloc(TOKEN_BYTES)};
    const struct bench_load load = {.concurrency = 1,
                                    .count = 1,
                                    .login = "svc:secret",
                                    .next = next_page,
                                    .answer = read_page,
                                    .arg = &reading};

    if (!reading.token)
        bench_end("no memory");
    buf_init(&reading.request, 2 * TOKEN_BYTES);
    for (int i = 0; i < count; i++) {
        reading.folder = folders[i].id;
        reading.token[0] = '\0';
        do
            seconds += bench_load_run(&load);
        while (!reading.last);
    }
    *pages = reading.pages;
    buf_clear(&reading.request);
    free(reading.token);
    return seconds * 1000;
}

static void add_figure(const char *name, const char *ours_is, double *ours, double *limit,
                       int repeats, const char *note)
{
    struct bench_figure figure = {
        .name = name,
        .unit = "ms",
        .ours_is = ours_is,
        .limit_is = "reading all pages of its folders over plain libcurl, one after the other",
        .better = BENCH_LESS,
        .spread = bench_spread(ours, repeats),
    };
    figure.ours = bench_median(ours, repeats);
    figure.limit = bench_median(limit, repeats);
    snprintf(figure.note, sizeof figure.note, "%s", note);
    bench_figure(&figure);
}

void bench_resync(const struct bench_options *options)
{
    struct folder_row *folders;
    struct bench_site site;
    struct err err;
    int count, repeats = options->repeats < REPEATS_MAX ? options->repeats : REPEATS_MAX;
    double quiet[REPEATS_MAX], resync[REPEATS_MAX], bare[REPEATS_MAX];
    long pages = 0;
    char note[256];

    bench_say("one mailbox of %ld messages", options->mailbox_messages);
    bench_site_open(&site, options, "resync");
    bench_site_mailboxes(&site, 1);
    bench_site_exchange(&site, 0);
    bench_site_configure(&site, false);
    fill(&site, options->mailbox_messages);
    double from = bench_seconds();
    bench_site_start(&site, BENCH_SYNC);
    bench_site_wait(&site, 0);
    double filled = bench_seconds() - from;
    if (!folder_list(site.store, site.mailboxes[0], &folders, &count, &err))
        bench_end("%s", err.text);
    look(&site, QUEUE_NOTIFICATION); /* it hears of what it has created itself */
    double cpu = 0, exchange = 0, wall = 0;
    for (int i = 0; i < repeats; i++) {
        bare[i] = read_all(&site, folders, count, &pages);
        quiet[i] = look(&site, QUEUE_NOTIFICATION);
        double sync_before = bench_site_cpu(&site, BENCH_SYNC);
        double exchange_before = bench_site_cpu(&site, BENCH_EXCHANGE);
        resync[i] = look(&site, QUEUE_RESYNC);
        cpu += bench_site_cpu(&site, BENCH_SYNC) - sync_before;
        exchange += bench_site_cpu(&site, BENCH_EXCHANGE) - exchange_before;
        wall += resync[i] / 1000;
    }
    snprintf(note, sizeof note, "%ld pages; filled at %.0f messages/s from one mailbox", pages,
             (double)options->mailbox_messages / filled);
    add_figure("quiet look, large mailbox", "a notification came, nothing has changed", quiet,
               bare, repeats, note);
    snprintf(note, sizeof note,
             "processor: sib-sync %.0f ms, the stand-in %.0f ms of %.0f ms each",
             1000 * cpu / repeats, 1000 * exchange / repeats, 1000 * wall / repeats);
    add_figure("resync, large mailbox", "every folder listed anew and compared", resync, bare,
               repeats, note);
    free(folders);
    bench_site_close(&site);
}
