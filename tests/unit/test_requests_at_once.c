/* A thousand requests at once over one loop, real sockets, no thread. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "base/loop.h"
#include "ews/transport.h"
#include "tests/support/answer_server.h"

enum { REQUESTS = 1000, FILES = 4096, LIMIT_MS = 60 * 1000 };

struct tally {
    struct loop *loop;
    int answered, failed, most_threads;
    char first[640];
};

static int count_threads(void)
{
    DIR *dir = opendir("/proc/self/task");
    int count = 0;

    for (struct dirent *entry; dir && (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    if (dir)
        closedir(dir);
    return count;
}

static bool on_bytes(const void *bytes, size_t len, void *arg)
{
    (void)bytes;
    (void)len;
    (void)arg;
    return true;
}

static void on_done(const struct err *err, const struct transport_reply *reply, void *arg)
{
    struct tally *tally = arg;
    int threads = tally->answered % 100 ? 0 : count_threads();

    if (threads > tally->most_threads)
        tally->most_threads = threads;
    if ((err->kind != ERR_OK || reply->status != 200) && !tally->failed++)
        snprintf(tally->first, sizeof tally->first, "%d %s", reply->status, err->text);
    if (++tally->answered == REQUESTS)
        loop_stop(tally->loop);
}

static void give_up(void *arg)
{
    loop_stop(((struct tally *)arg)->loop);
}

static void send_all(struct transport *transport, int port, struct tally *tally)
{
    static const struct transport_account account = {
        .auth = "basic", .user = "svc", .password = "secret", .max_connections = REQUESTS};
    char url[64];

    snprintf(url, sizeof url, "http://127.0.0.1:%d/EWS/Exchange.asmx", port);
    for (int i = 0; i < REQUESTS; i++) {
        struct buf text;
        buf_init(&text, 4096);
        buf_printf(&text, "<request number='%d'/>", i);
        const struct transport_request request = {.account = &account,
                                                  .url = url,
                                                  .timeout_ms = LIMIT_MS,
                                                  .body = body_from_buf(&text),
                                                  .bytes = on_bytes,
                                                  .done = on_done,
                                                  .arg = tally};
        assert_non_null(transport->ops->start(transport, &request));
    }
}

/* The server answers nobody before it has them all. */
static void a_thousand_requests_are_in_flight_at_once_without_a_thread(void **state)
{
    struct rlimit files = {FILES, FILES};
    struct answer_server server;
    struct tally tally = {0};
    struct err err;

    (void)state;
    if (setrlimit(RLIMIT_NOFILE, &files) != 0) {
        print_message("%d files may not be opened here\n", FILES);
        skip();
    }
    assert_true(answer_server_start(&server, "<ok/>", REQUESTS, 0));
    tally.loop = loop_system_new(&err);
    struct transport *transport = transport_curl_new(tally.loop, &err);
    assert_non_null(transport);
    struct loop_timer *limit = loop_timer_new(tally.loop, give_up, &tally);
    loop_timer_set(limit, LIMIT_MS);
    struct mono from = clock_mono();
    send_all(transport, server.port, &tally);
    loop_run(tally.loop);
    print_message("%d requests in flight at once, all answered after %lld ms, %d thread\n",
                  tally.answered, (long long)mono_since(clock_mono(), from),
                  tally.most_threads);
    answer_server_stop(&server);
    loop_timer_free(&limit);
    transport_free(&transport);
    loop_free(&tally.loop);
    if (tally.failed)
        fail_msg("%d failed, the first: %s", tally.failed, tally.first);
    assert_int_equal(tally.answered, REQUESTS);
    assert_int_equal(tally.most_threads, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_thousand_requests_are_in_flight_at_once_without_a_thread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
