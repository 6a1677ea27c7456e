/* Notifications taken, marked and answered, beside the same HTTP server answering at once. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/http.h"
#include "base/id.h"
#include "ews/notification.h"
#include "store/watch.h"
#include "tests/bench/bench.h"

enum { MAILBOXES = 100, CONCURRENCY = 32, REPEATS_MAX = 9 };

struct caller {
    char url[128], body[2048];
};

static void watch_mailboxes(struct bench_site *site, struct caller *callers)
{
    struct err err;

    if (!store_begin(site->store, &err))
        bench_end("%s", err.text);
    for (int i = 0; i < MAILBOXES; i++) {
        struct watch watch = {.made_ms = clock_wall().ms};
        char subscription[64];
        id_token(watch.secret);
        snprintf(watch.mailbox, sizeof watch.mailbox, "%s", site->mailboxes[i]);
        snprintf(subscription, sizeof subscription, "subscription-%d", i);
        if (!watch_add(site->store, &watch, &err) ||
            !watch_set_subscription(site->store, watch.secret, subscription, &err))
            bench_end("%s", err.text);
        snprintf(callers[i].url, sizeof callers[i].url, "%s%s", site->callback_url,
                 watch.secret);
        snprintf(
            callers[i].body, sizeof callers[i].body,
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><s:Envelope "
            "xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><m:SendNotification "
            "xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\" "
            "xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\">"
            "<m:ResponseMessages><m:SendNotificationResponseMessage ResponseClass=\"Success\">"
            "<m:ResponseCode>NoError</m:ResponseCode><m:Notification>"
            "<t:SubscriptionId>%s</t:SubscriptionId>"
            "<t:PreviousWatermark>AAAAAMxPAAAAAAAAAQ==</t:PreviousWatermark>"
            "<t:MoreEvents>false</t:MoreEvents>"
            "<t:ModifiedEvent><t:Watermark>AAAAANVPAAAAAAAAAQ==</t:Watermark>"
            "<t:TimeStamp>2026-11-22T10:00:00Z</t:TimeStamp>"
            "<t:ItemId Id=\"AAMkADk3\" ChangeKey=\"CQAAAA==\"/>"
            "<t:ParentFolderId Id=\"AAMkADk4\" ChangeKey=\"AQAAAA==\"/></t:ModifiedEvent>"
            "</m:Notification></m:SendNotificationResponseMessage></m:ResponseMessages>"
            "</m:SendNotification></s:Body></s:Envelope>",
            subscription);
    }
    if (!store_commit(site->store, &err))
        bench_end("%s", err.text);
}

static void next_request(long number, struct bench_request *request, void *arg)
{
    const struct caller *caller = (struct caller *)arg + number % MAILBOXES;

    *request = (struct bench_request){
        .url = caller->url, .body = caller->body, .len = strlen(caller->body)};
}

static void is_ok(long number, const char *bytes, size_t len, void *arg)
{
    (void)number, (void)arg;
    if (!memmem(bytes, len, ">OK<", 4))
        bench_end("a notification was answered with %.*s", (int)len, bytes);
}

static double calls(struct caller *callers, long count)
{
    const struct bench_load load = {.concurrency = CONCURRENCY,
                                    .count = count,
                                    .next = next_request,
                                    .answer = is_ok,
                                    .arg = callers};
    return (double)count / bench_load_run(&load);
}

/* ---- the limit ---- */

static void answer_at_once(struct http_request *request, void *arg)
{
    struct buf soap;

    (void)arg;
    buf_init(&soap, 4096);
    notification_answer(&soap, true);
    http_reply(&request, 200, "text/xml; charset=utf-8", buf_str(&soap), soap.len);
    buf_clear(&soap);
}

static _Noreturn void serve(int port_out)
{
    const struct http_config config = {
        .listen = "127.0.0.1:0",
        .max_header_bytes = LIMIT_CALLBACK_HEADER_BYTES,
        .max_body_bytes = LIMIT_CALLBACK_BYTES,
        .max_connections = LIMIT_CALLBACK_CONNECTIONS,
        .timeout_s = LIMIT_CALLBACK_TIMEOUT_S,
    };
    struct err err;
    struct loop *loop = loop_system_new(&err);
    struct http_server *server =
        loop ? http_server_new(loop, &config, answer_at_once, NULL, &err) : NULL;
    int port = server ? http_server_port(server) : 0;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (write(port_out, &port, sizeof port) == sizeof port && server)
        loop_run(loop);
    _exit(1);
}

static pid_t start_limit(int *port)
{
    int ends[2];

    pid_t pid = pipe(ends) == 0 ? fork() : -1;
    if (pid == 0)
        serve(ends[1]);
    if (pid < 0 || read(ends[0], port, sizeof *port) != sizeof *port || !*port)
        bench_end("the bare listener did not start");
    close(ends[0]);
    close(ends[1]);
    return pid;
}

void bench_notify(const struct bench_options *options)
{
    static struct caller callers[MAILBOXES], bare[MAILBOXES];
    struct bench_site site;
    double ours[REPEATS_MAX], limits[REPEATS_MAX];
    int repeats = options->repeats < REPEATS_MAX ? options->repeats : REPEATS_MAX;
    int port = 0;

    bench_say("notifications: %d times %ld", repeats, options->notifications);
    pid_t limit = start_limit(&port);
    bench_site_open(&site, options, "notify");
    bench_site_mailboxes(&site, MAILBOXES);
    snprintf(site.exchange_url, sizeof site.exchange_url, "http://127.0.0.1:1/");
    bench_site_configure(&site, true);
    watch_mailboxes(&site, callers);
    for (int i = 0; i < MAILBOXES; i++) {
        bare[i] = callers[i];
        snprintf(bare[i].url, sizeof bare[i].url, "http://127.0.0.1:%d/", port);
    }
    bench_site_start(&site, BENCH_NOTIFY);
    double cpu = bench_site_cpu(&site, BENCH_NOTIFY), seconds = 0;
    for (int i = 0; i < repeats; i++) {
        limits[i] = calls(bare, options->notifications);
        double from = bench_seconds();
        ours[i] = calls(callers, options->notifications);
        seconds += bench_seconds() - from;
    }
    cpu = bench_site_cpu(&site, BENCH_NOTIFY) - cpu;
    struct bench_figure figure = {
        .name = "notifications",
        .unit = "/s",
        .ours_is = "sib-notify: parsed, marked in the queue, committed, answered; 32 callers",
        .limit_is = "the same HTTP server, answering without reading or writing anything",
        .better = BENCH_MORE,
        .spread = bench_spread(ours, repeats),
    };
    figure.ours = bench_median(ours, repeats);
    figure.limit = bench_median(limits, repeats);
    snprintf(figure.note, sizeof figure.note, "sib-notify used %.0f %% of a core",
             100 * cpu / seconds);
    bench_figure(&figure);
    kill(limit, SIGKILL);
    waitpid(limit, NULL, 0);
    bench_site_close(&site);
}
