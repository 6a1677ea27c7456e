/* A backlog of messages into Exchange, beside its CreateItem requests over plain libcurl. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/phone.h"
#include "base/id.h"
#include "ews/request.h"
#include "store/mapping.h"
#include "tests/bench/bench.h"

enum { MAILBOXES = 100, MESSAGE_BYTES = 80 * 1000, COMMITS = 200 };

/* Prepared requests, one for each mailbox. */
struct prepared {
    const char *url;
    struct {
        char *bytes;
        size_t len;
    } bodies[MAILBOXES];
};

static void deposit_all(struct bench_site *site, long count)
{
    char path[LIMIT_PATH], name[32], id[LIMIT_UUID];
    struct err err;

    snprintf(path, sizeof path, "%s/message.wav", site->dir);
    for (long i = 0; i < count; i++) {
        snprintf(name, sizeof name, "box%ld", i % site->mailbox_count);
        bench_write_wav(path, MESSAGE_BYTES, i);
        const struct phone_deposit deposit = {
            .mailbox = name, .file = path, .from_number = "+15550100", .from_name = "Ann"};
        if (!phone_deposit(site->store, &deposit, NULL, id, &err))
            bench_end("%s", err.text);
    }
}

static void inbox_of(struct bench_site *site, const char *mailbox, char *id)
{
    struct folder_row *rows;
    struct err err;
    int count;

    id[0] = '\0';
    if (!folder_list(site->store, mailbox, &rows, &count, &err))
        bench_end("%s", err.text);
    for (int i = 0; i < count; i++) {
        if (rows[i].place == REMOTE_INBOX && rows[i].root)
            snprintf(id, LIMIT_REMOTE_ID, "%s", rows[i].id);
    }
    free(rows);
    if (!id[0])
        bench_end("a mailbox has no Inbox after its first look");
}

static void prepare(struct bench_site *site, struct prepared *prepared)
{
    char path[LIMIT_PATH], folder[LIMIT_REMOTE_ID], address[64], id[LIMIT_UUID],
        creation[LIMIT_UUID];
    struct err err;

    prepared->url = site->exchange_url;
    snprintf(path, sizeof path, "%s/message.wav", site->dir);
    bench_write_wav(path, MESSAGE_BYTES, 0);
    for (long i = 0; i < site->mailbox_count; i++) {
        snprintf(address, sizeof address, "box%ld@example.net", i);
        inbox_of(site, site->mailboxes[i], folder);
        id_new(id);
        id_new(creation);
        const struct soap_header header = {.impersonate = address};
        const struct remote_new message = {
            .message_id = id,
            .creation = creation,
            .folder = folder,
            .subject = "a message",
            .body = "",
            .item_class = "IPM.Note.Microsoft.Voicemail.UM.CA",
            .from_number = "+15550100",
            .from_name = "Ann",
            .from_address = "",
            .reference = "",
            .received = clock_wall(),
            .duration_ms = 10000,
            .audio_path = path,
            .audio_name = "message.wav",
            .audio_type = "audio/wav",
        };
        struct body *body = request_create(&header, &message, REQUEST_INLINE, &err);
        if (!body)
            bench_end("%s", err.text);
        size_t len = (size_t)body_length(body);
        char *bytes = malloc(len);
        for (size_t at = 0; bytes && at < len;) {
            long n = body_read(body, bytes + at, len - at);
            if (n <= 0)
                bench_end("a prepared request cannot be read");
            at += (size_t)n;
        }
        prepared->bodies[i].bytes = bytes;
        prepared->bodies[i].len = len;
        body_free(&body);
    }
}

static void next_request(long number, struct bench_request *request, void *arg)
{
    const struct prepared *prepared = arg;
    long i = number % MAILBOXES;

    *request = (struct bench_request){.url = prepared->url,
                                      .body = prepared->bodies[i].bytes,
                                      .len = prepared->bodies[i].len};
}

static double bare(struct bench_site *site, struct prepared *prepared, long count)
{
    const struct bench_load load = {.concurrency = site->options->connections,
                                    .count = count,
                                    .login = "svc:secret",
                                    .next = next_request,
                                    .arg = prepared};
    return (double)count / bench_load_run(&load);
}

/* How many the stand-in takes when it does not hold its answers back. */
static double ceiling(const struct bench_options *options, long count)
{
    struct bench_site other;

    bench_site_open(&other, options, "ceiling");
    bench_site_mailboxes(&other, MAILBOXES);
    bench_site_exchange(&other, 0);
    bench_site_configure(&other, false);
    bench_site_start(&other, BENCH_SYNC);
    bench_site_wait(&other, 0);
    bench_site_stop(&other, BENCH_SYNC);
    struct prepared own = {0};
    prepare(&other, &own);
    double rate = bare(&other, &own, count);
    for (int i = 0; i < MAILBOXES; i++)
        free(own.bodies[i].bytes);
    bench_site_close(&other);
    return rate;
}

void bench_drain(const struct bench_options *options)
{
    struct bench_site site;
    struct prepared prepared = {0};
    long count = options->messages;
    struct bench_figure figure = {
        .name = "backlog",
        .unit = "/s",
        .ours_is = "sib-sync from its start until each message is agreed, 80 KB each, 100 "
                   "mailboxes",
        .limit_is =
            "the same CreateItem requests, prepared, over plain libcurl, as many at once",
        .better = BENCH_MORE,
    };

    bench_say("backlog: %ld messages, %d ms latency, %d connections", count,
              options->latency_ms, options->connections);
    bench_site_open(&site, options, "drain");
    bench_site_mailboxes(&site, MAILBOXES);
    bench_site_exchange(&site, options->latency_ms);
    bench_site_configure(&site, false);
    bench_site_start(&site, BENCH_SYNC);
    bench_site_wait(&site, 0);
    bench_site_stop(&site, BENCH_SYNC);
    deposit_all(&site, count);
    double exchange_before = bench_site_cpu(&site, BENCH_EXCHANGE);
    double from = bench_seconds();
    bench_site_start(&site, BENCH_SYNC);
    bench_site_wait(&site, -1);
    double seconds = bench_seconds() - from;
    double sync = bench_site_cpu(&site, BENCH_SYNC);
    double exchange = bench_site_cpu(&site, BENCH_EXCHANGE) - exchange_before;
    double memory = bench_site_memory(&site, BENCH_SYNC);
    bench_site_stop(&site, BENCH_SYNC);
    prepare(&site, &prepared);
    figure.ours = (double)count / seconds;
    figure.limit = bare(&site, &prepared, count);
    double most = ceiling(options, count), commits = bench_commits(&site, COMMITS);
    snprintf(
        figure.note, sizeof figure.note,
        "sib-sync used %.0f %% of a core and %.1f MB, the stand-in %.0f %%; the disk takes "
        "%.0f commits/s; without latency the stand-in takes %.0f/s%s",
        100 * sync / seconds, memory / 1e6, 100 * exchange / seconds, commits, most,
        most < 2 * figure.limit ? ": near the limit, it slows both" : "");
    bench_figure(&figure);
    for (int i = 0; i < MAILBOXES; i++)
        free(prepared.bodies[i].bytes);
    bench_site_close(&site);
}
