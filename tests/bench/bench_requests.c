/* Requests of the EWS client, beside the same bytes over plain libcurl: what the client itself
 * costs. It looks inside the client, for the requests are prepared: only their way out and the
 * answers are measured. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/id.h"
#include "base/loop.h"
#include "ews/ews_call.h"
#include "ews/request.h"
#include "tests/bench/bench.h"
#include "tests/support/answer_server.h"

enum { BOXES = 100, MESSAGE_BYTES = 80 * 1000, ROUNDS_MAX = 21 };

/* A server that answers at once shows what the client costs; one that needs a few milliseconds,
 * as the quickest Exchange does, shows what is left of that in practice. */
struct course {
    const char *name;
    int delay_ms, rounds, round;
};
static const struct course courses[] = {{"requests", 0, 21, 1500},
                                        {"requests, 5 ms away", 5, 11, 400}};

static const char answer[] =
    "<?xml version=\"1.0\" encoding=\"utf-8\"?><s:Envelope "
    "xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><m:CreateItemResponse "
    "xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\" "
    "xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\"><m:ResponseMessages>"
    "<m:CreateItemResponseMessage ResponseClass=\"Success\"><m:ResponseCode>NoError"
    "</m:ResponseCode><m:Items><t:Message><t:ItemId Id=\"AAMkAGY3\" ChangeKey=\"CQAAABYA\"/>"
    "<t:Attachments><t:FileAttachment><t:AttachmentId Id=\"AAMkAGY3AT\"/></t:FileAttachment>"
    "</t:Attachments></t:Message></m:Items></m:CreateItemResponseMessage></m:ResponseMessages>"
    "</m:CreateItemResponse></s:Body></s:Envelope>";

struct requests {
    struct loop *loop;
    struct transport *transport;
    struct ews_account *account;
    const char *url;
    struct {
        char address[64];
        char *bytes;
        size_t len;
        struct body *body; /* the same bytes */
        struct ews_mailbox mailbox;
    } box[BOXES];
    long begun, ended, count;
};

/* ---- the prepared requests ---- */

static void write_body(struct body *body, char **bytes, size_t *len)
{
    *len = (size_t)body_length(body);
    *bytes = malloc(*len);
    for (size_t at = 0; *bytes && at < *len;) {
        long n = body_read(body, *bytes + at, *len - at);
        if (n <= 0)
            bench_end("a prepared request cannot be read");
        at += (size_t)n;
    }
    if (!*bytes)
        bench_end("no memory");
}

static void prepare(struct requests *requests, const char *path)
{
    char id[LIMIT_UUID], creation[LIMIT_UUID];
    struct err err;

    for (long i = 0; i < BOXES; i++) {
        snprintf(requests->box[i].address, sizeof requests->box[i].address,
                 "box%ld@example.net", i);
        id_new(id);
        id_new(creation);
        const struct soap_header header = {.impersonate = requests->box[i].address};
        const struct remote_new message = {
            .message_id = id,
            .creation = creation,
            .folder = "AAMkAGY3AAA=",
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
        write_body(body, &requests->box[i].bytes, &requests->box[i].len);
        body_free(&body);
        struct buf text;
        buf_init(&text, LIMIT_REQUEST_BYTES);
        buf_add(&text, requests->box[i].bytes, requests->box[i].len);
        requests->box[i].body = body_from_buf(&text);
        if (!requests->box[i].body)
            bench_end("no memory");
    }
}

/* ---- plain libcurl ---- */

static void next_request(long number, struct bench_request *request, void *arg)
{
    const struct requests *requests = arg;
    long i = number % BOXES;

    *request = (struct bench_request){
        .url = requests->url, .body = requests->box[i].bytes, .len = requests->box[i].len};
}

static double bare_round(struct requests *requests, int concurrency, int count)
{
    const struct bench_load load = {.concurrency = concurrency,
                                    .count = count,
                                    .login = "svc:secret",
                                    .next = next_request,
                                    .arg = requests};
    return count / bench_load_run(&load);
}

/* ---- the client ---- */

static void begin_next(struct requests *requests);

static void on_answer(const struct err *err, const struct xml_node *root, void *arg)
{
    struct requests *requests = arg;

    if (!root)
        bench_end("a request failed: %s", err->text);
    if (++requests->ended == requests->count)
        loop_stop(requests->loop);
    else
        begin_next(requests);
}

static void begin_next(struct requests *requests)
{
    if (requests->begun == requests->count)
        return;
    long i = requests->begun++ % BOXES;
    struct body *body = body_share(requests->box[i].body);
    body_rewind(body);
    if (!ews_job_start(&requests->box[i].mailbox, body, NULL, on_answer, requests))
        bench_end("no memory");
}

static double our_round(struct requests *requests, int concurrency, int count)
{
    double from = bench_seconds();

    requests->begun = requests->ended = 0;
    requests->count = count;
    for (int i = 0; i < concurrency; i++)
        begin_next(requests);
    loop_run(requests->loop);
    return count / (bench_seconds() - from);
}

static void open_client(struct requests *requests, int concurrency)
{
    const struct ews_config config = {.name = "bench",
                                      .url = requests->url,
                                      .impersonate = true,
                                      .auth = {.auth = "basic",
                                               .user = "svc",
                                               .password = "secret",
                                               .max_connections = concurrency}};
    struct err err;

    requests->loop = loop_system_new(&err);
    requests->transport = requests->loop ? transport_curl_new(requests->loop, &err) : NULL;
    requests->account =
        requests->transport
            ? ews_account_new(requests->loop, requests->transport, &config, &err)
            : NULL;
    if (!requests->account)
        bench_end("%s", err.text);
    for (long i = 0; i < BOXES; i++)
        ews_mailbox_init(&requests->box[i].mailbox, requests->account,
                         requests->box[i].address);
}

static void close_client(struct requests *requests)
{
    ews_account_free(&requests->account);
    transport_free(&requests->transport);
    loop_free(&requests->loop);
    for (long i = 0; i < BOXES; i++) {
        free(requests->box[i].bytes);
        body_free(&requests->box[i].body);
    }
    free(requests);
}

static void make_messages(struct requests *requests, const struct bench_options *options)
{
    char path[LIMIT_PATH];

    snprintf(path, sizeof path, "%s/requests.wav", options->folder);
    bench_write_wav(path, MESSAGE_BYTES, 0);
    prepare(requests, path);
    unlink(path);
}

/* Seconds of processor time that this process has used. */
static double processor(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* Rounds of both by turns, so that what else the machine does strikes both; the median of the
 * ratios of neighbours. */
static void run_course(struct requests *requests, const struct course *course, int concurrency)
{
    double ours[ROUNDS_MAX], bare[ROUNDS_MAX], ratio[ROUNDS_MAX], our_cpu = 0, bare_cpu = 0;
    struct bench_figure figure = {
        .name = course->name,
        .unit = "/s",
        .ours_is =
            "the EWS client (account, turns, pace, transport, answers read) with prepared "
            "CreateItem requests of 80 KB",
        .limit_is = "the same bytes over a plain loop of libcurl, as many at once",
        .better = BENCH_MORE,
    };

    our_round(requests, concurrency, course->round);
    bare_round(requests, concurrency, course->round);
    for (int i = 0; i < course->rounds; i++) {
        double from = processor();
        ours[i] = our_round(requests, concurrency, course->round);
        double between = processor();
        bare[i] = bare_round(requests, concurrency, course->round);
        our_cpu += between - from;
        bare_cpu += processor() - between;
        ratio[i] = ours[i] / bare[i];
    }
    double sent = (double)course->rounds * course->round;
    figure.ours = bench_median(ours, course->rounds);
    figure.limit = bench_median(bare, course->rounds);
    figure.spread = bench_spread(ours, course->rounds);
    snprintf(
        figure.note, sizeof figure.note,
        "the median of %d ratios of neighbouring rounds: %.2f of the plain loop; processor "
        "time of a request: %.0f us, of the plain loop %.0f us",
        course->rounds, bench_median(ratio, course->rounds), our_cpu / sent * 1e6,
        bare_cpu / sent * 1e6);
    bench_figure(&figure);
}

void bench_requests(const struct bench_options *options)
{
    struct answer_server server;
    char url[64];

    for (size_t i = 0; i < sizeof courses / sizeof courses[0]; i++) {
        struct requests *requests = calloc(1, sizeof *requests);
        bench_say("%s: %d rounds of %d each way, %d at once", courses[i].name,
                  courses[i].rounds, courses[i].round, options->connections);
        if (!requests || !answer_server_start(&server, answer, 1, courses[i].delay_ms))
            bench_end("no server to ask");
        snprintf(url, sizeof url, "http://127.0.0.1:%d/EWS/Exchange.asmx", server.port);
        requests->url = url;
        make_messages(requests, options);
        open_client(requests, options->connections);
        run_course(requests, &courses[i], options->connections);
        close_client(requests);
        answer_server_stop(&server);
    }
}
