/* Requests over plain libcurl, so many at a time: the least that a client of HTTP does. */
#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "tests/bench/bench.h"

enum { ANSWER_BYTES = 64 * 1024 * 1024, CONCURRENCY_MAX = 256 };

struct lane {
    const struct bench_load *load;
    CURL *easy;
    long number;
    struct buf answer;
};

static size_t take(char *bytes, size_t size, size_t count, void *arg)
{
    struct lane *lane = arg;

    if (lane->load->answer)
        buf_add(&lane->answer, bytes, size * count);
    return size * count;
}

static void open_lane(struct lane *lane, const struct bench_load *load,
                      struct curl_slist *headers)
{
    lane->load = load;
    lane->easy = curl_easy_init();
    if (!lane->easy)
        bench_end("libcurl cannot be used");
    buf_init(&lane->answer, ANSWER_BYTES);
    curl_easy_setopt(lane->easy, CURLOPT_PRIVATE, lane);
    curl_easy_setopt(lane->easy, CURLOPT_POST, 1L);
    curl_easy_setopt(lane->easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(lane->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(lane->easy, CURLOPT_PROXY, "");
    curl_easy_setopt(lane->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(lane->easy, CURLOPT_UPLOAD_BUFFERSIZE, 128L * 1024);
    curl_easy_setopt(lane->easy, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(lane->easy, CURLOPT_WRITEDATA, lane);
    if (load->login)
        curl_easy_setopt(lane->easy, CURLOPT_USERPWD, load->login);
}

static void start(struct lane *lane, CURLM *multi, long number)
{
    struct bench_request request = {0};

    lane->number = number;
    lane->load->next(number, &request, lane->load->arg);
    curl_easy_setopt(lane->easy, CURLOPT_URL, request.url);
    curl_easy_setopt(lane->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request.len);
    curl_easy_setopt(lane->easy, CURLOPT_POSTFIELDS, request.body);
    curl_multi_add_handle(multi, lane->easy);
}

static void end(struct lane *lane, CURLM *multi, CURLcode code)
{
    long status = 0;

    curl_easy_getinfo(lane->easy, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK || status != 200)
        bench_end("a request failed: %s, HTTP status %ld", curl_easy_strerror(code), status);
    curl_multi_remove_handle(multi, lane->easy);
    if (lane->load->answer)
        lane->load->answer(lane->number, buf_str(&lane->answer), lane->answer.len,
                           lane->load->arg);
    buf_reset(&lane->answer);
}

static void turn(CURLM *multi, const struct bench_load *load, long *begun, long *ended)
{
    CURLMsg *message;
    int running, left;
    long before = *ended;

    curl_multi_perform(multi, &running);
    while ((message = curl_multi_info_read(multi, &left))) {
        struct lane *lane = NULL;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&lane);
        end(lane, multi, code);
        ++*ended;
        if (*begun < load->count)
            start(lane, multi, (*begun)++);
    }
    if (*ended == before) /* else what was begun now wants its first turn */
        curl_multi_poll(multi, NULL, 0, 1000, NULL);
}

double bench_load_run(const struct bench_load *load)
{
    struct lane lanes[CONCURRENCY_MAX] = {0};
    CURLM *multi = curl_multi_init();
    struct curl_slist *headers =
        curl_slist_append(NULL, "Content-Type: text/xml; charset=utf-8");
    long begun = 0, ended = 0;
    int count = load->concurrency < CONCURRENCY_MAX ? load->concurrency : CONCURRENCY_MAX;

    headers = curl_slist_append(headers, "Expect:");
    for (int i = 0; i < count; i++)
        open_lane(&lanes[i], load, headers);
    double from = bench_seconds();
    for (int i = 0; i < count && begun < load->count; i++)
        start(&lanes[i], multi, begun++);
    while (ended < load->count)
        turn(multi, load, &begun, &ended);
    double seconds = bench_seconds() - from;
    for (int i = 0; i < count; i++) {
        curl_easy_cleanup(lanes[i].easy);
        buf_clear(&lanes[i].answer);
    }
    curl_multi_cleanup(multi);
    curl_slist_free_all(headers);
    return seconds;
}
