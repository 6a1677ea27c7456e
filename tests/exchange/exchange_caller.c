#include "tests/exchange/exchange_caller.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

enum { CALL_TIMEOUT_MS = 20 * 1000, ANSWER_MAX = 64 * 1024 };

struct delivery {
    struct delivery *next;
    CURL *easy;
    struct curl_slist *headers;
    struct buf answer;
    char subscription[128];
};

struct exchange_caller {
    struct loop *loop;
    struct exchange *ex;
    CURLM *multi;
    struct loop_timer *timer;
    const char *ca_file; /* NULL: not verified */
    struct delivery *deliveries;
};

static void free_delivery(struct exchange_caller *caller, struct delivery *delivery)
{
    for (struct delivery **at = &caller->deliveries; *at; at = &(*at)->next)
        if (*at == delivery) {
            *at = delivery->next;
            break;
        }
    if (delivery->easy) {
        curl_multi_remove_handle(caller->multi, delivery->easy);
        curl_easy_cleanup(delivery->easy);
    }
    curl_slist_free_all(delivery->headers);
    buf_clear(&delivery->answer);
    free(delivery);
}

static void finish(struct exchange_caller *caller, struct delivery *delivery, CURLcode rc)
{
    enum exchange_push_result result = EXCHANGE_PUSH_FAILED;
    long status = 0;
    char subscription[sizeof delivery->subscription];
    curl_easy_getinfo(delivery->easy, CURLINFO_RESPONSE_CODE, &status);
    if (rc == CURLE_OK && status == 200)
        result = exchange_push_read_answer(buf_str(&delivery->answer), delivery->answer.len);
    if (result == EXCHANGE_PUSH_FAILED)
        log_info(NULL, "push call failed status=%ld reason=\"%s\"", status,
                 curl_easy_strerror(rc));
    memcpy(subscription, delivery->subscription, sizeof subscription);
    free_delivery(caller, delivery);
    exchange_push_answered(caller->ex, subscription, result);
}

static void reap(struct exchange_caller *caller)
{
    int left;
    for (CURLMsg *message; (message = curl_multi_info_read(caller->multi, &left));) {
        char *delivery = NULL;
        if (message->msg != CURLMSG_DONE)
            continue;
        CURLcode rc = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &delivery);
        finish(caller, (struct delivery *)(void *)delivery, rc);
    }
}

static void on_ready(int fd, int ready, void *arg)
{
    struct exchange_caller *caller = arg;
    int running;
    int action =
        (ready & LOOP_READ ? CURL_CSELECT_IN : 0) | (ready & LOOP_WRITE ? CURL_CSELECT_OUT : 0);
    curl_multi_socket_action(caller->multi, fd, action, &running);
    reap(caller);
}

static void on_timer(void *arg)
{
    struct exchange_caller *caller = arg;
    int running;
    curl_multi_socket_action(caller->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    reap(caller);
}

static int set_timer(CURLM *multi, long ms, void *arg)
{
    struct exchange_caller *caller = arg;
    (void)multi;
    if (ms < 0)
        loop_timer_stop(caller->timer);
    else
        loop_timer_set(caller->timer, ms);
    return 0;
}

static int set_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *of_socket)
{
    struct exchange_caller *caller = arg;
    struct loop_watch *watch = of_socket;
    int want = (what & CURL_POLL_IN ? LOOP_READ : 0) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0);
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        loop_watch_free(&watch);
        return 0;
    }
    if (watch) {
        loop_watch_want(watch, want);
        return 0;
    }
    watch = loop_watch_new(caller->loop, fd, want, on_ready, caller);
    curl_multi_assign(caller->multi, fd, watch);
    return watch ? 0 : -1;
}

static size_t take_answer(char *bytes, size_t size, size_t count, void *arg)
{
    struct delivery *delivery = arg;
    return buf_add(&delivery->answer, bytes, size * count) ? size * count : 0;
}

static bool set_up(struct exchange_caller *caller, struct delivery *delivery, const char *url,
                   const char *body, size_t len)
{
    CURL *easy = delivery->easy = curl_easy_init();
    delivery->headers = curl_slist_append(NULL, "Content-Type: text/xml; charset=utf-8");
    curl_slist_append(delivery->headers,
                      "SOAPAction: \"http://schemas.microsoft.com/exchange/services/2006/"
                      "messages/SendNotification\"");
    curl_slist_append(delivery->headers, "Expect:");
    if (!easy || !delivery->headers)
        return false;
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_POST, 1L);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)len);
    curl_easy_setopt(easy, CURLOPT_COPYPOSTFIELDS, body);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, delivery->headers);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)CALL_TIMEOUT_MS);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, delivery);
    curl_easy_setopt(easy, CURLOPT_PRIVATE, delivery);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, caller->ca_file ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, caller->ca_file ? 2L : 0L);
    if (caller->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, caller->ca_file);
    return curl_multi_add_handle(caller->multi, easy) == CURLM_OK;
}

static void deliver(const char *url, const char *body, size_t len, const char *subscription,
                    void *arg)
{
    struct exchange_caller *caller = arg;
    struct delivery *delivery = calloc(1, sizeof *delivery);
    if (delivery) {
        buf_init(&delivery->answer, ANSWER_MAX);
        snprintf(delivery->subscription, sizeof delivery->subscription, "%s", subscription);
        delivery->next = caller->deliveries;
        caller->deliveries = delivery;
    }
    if (delivery && set_up(caller, delivery, url, body, len))
        return;
    if (delivery)
        free_delivery(caller, delivery);
    exchange_push_answered(caller->ex, subscription, EXCHANGE_PUSH_FAILED);
}

struct exchange_caller *exchange_caller_new(struct loop *loop, struct exchange *ex,
                                            const char *ca_file, struct err *err)
{
    struct exchange_caller *caller = calloc(1, sizeof *caller);
    if (caller)
        caller->multi = curl_multi_init();
    if (!caller || !caller->multi) {
        free(caller);
        err_set(err, ERR_SYSTEM, "libcurl cannot be used for push calls");
        return NULL;
    }
    caller->loop = loop;
    caller->ex = ex;
    caller->ca_file = ca_file;
    caller->timer = loop_timer_new(loop, on_timer, caller);
    curl_multi_setopt(caller->multi, CURLMOPT_SOCKETFUNCTION, set_socket);
    curl_multi_setopt(caller->multi, CURLMOPT_SOCKETDATA, caller);
    curl_multi_setopt(caller->multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(caller->multi, CURLMOPT_TIMERDATA, caller);
    exchange_set_deliver(ex, deliver, caller);
    return caller;
}

void exchange_caller_free(struct exchange_caller **caller)
{
    if (!*caller)
        return;
    exchange_set_deliver((*caller)->ex, NULL, NULL);
    while ((*caller)->deliveries)
        free_delivery(*caller, (*caller)->deliveries);
    curl_multi_cleanup((*caller)->multi);
    loop_timer_free(&(*caller)->timer);
    free(*caller);
    *caller = NULL;
}
