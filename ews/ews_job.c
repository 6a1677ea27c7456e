/* One request: sent when its turn comes, its answer read while it arrives, and judged. */
#include "ews/ews_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/id.h"
#include "ews/ews_error.h"
#include "ews/ews_names.h"

enum {
    LARGE_REQUEST_BYTES =
        28 * 1024 * 1024,        /* IIS refuses more than this with 404.13 by default */
    SWALLOW_BYTES = 1024 * 1024, /* of an answer that cannot be read */
};

/* ---- The answer ------------------------------------------------------------------------- */

static void keep_head(struct ews_job *job, const char *bytes, size_t len)
{
    size_t room = EWS_JOB_HEAD_BYTES - job->head_len;
    size_t n = len < room ? len : room;
    memcpy(job->head + job->head_len, bytes, n);
    job->head_len += n;
}

static bool on_bytes(const void *bytes, size_t len, void *arg)
{
    struct ews_job *job = arg;
    keep_head(job, bytes, len);
    if (job->account->trace && !job->has_sink)
        buf_add(&job->trace, bytes, len);
    if (!job->unreadable && !xml_reader_feed(job->reader, bytes, len, &job->err)) {
        job->unreadable = true;
        job->err.effect = ERR_EFFECT_UNKNOWN;
        job->err.scope = ERR_SCOPE_MAILBOX;
    }
    /* What cannot be read is taken to its end within reason: the HTTP status explains it. */
    if (job->unreadable)
        job->swallowed += len;
    return !job->unreadable ||
           (job->err.kind != ERR_CANCELLED && job->swallowed < SWALLOW_BYTES);
}

static bool looks_like_web_page(const struct ews_job *job, const char *content_type)
{
    if (strncasecmp(content_type, "text/html", 9) == 0)
        return true;
    const char *head = job->head;
    while (*head && strchr("\xEF\xBB\xBF \t\r\n", *head))
        head++;
    return strncasecmp(head, "<!doctype html", 14) == 0 || strncasecmp(head, "<html", 5) == 0;
}

/* A whole HTTP answer came: is there SOAP in it that says more than the status? */
static bool judge_http(struct ews_job *job, const struct transport_reply *reply,
                       const struct xml_node **root, struct err *err)
{
    int status = reply->status;
    if (!job->unreadable && !xml_reader_end(job->reader, root, &job->err)) {
        job->unreadable = true;
        job->err.effect = ERR_EFFECT_UNKNOWN;
        job->err.scope = ERR_SCOPE_MAILBOX;
    }
    bool envelope = !job->unreadable && soap_is_envelope(*root);
    bool waiting_time = (status == 429 || status == 503) && reply->retry_after_ms > 0;
    if (envelope && status == 200)
        return true;
    if (envelope && !waiting_time && xml_find(*root, EWS_NS_SOAP, "Fault"))
        return true;
    if (status == 200 && looks_like_web_page(job, reply->content_type))
        return ews_error_from_http(err, 200, "text/html", -1);
    if (status == 200 && job->unreadable) {
        *err = job->err;
        return false;
    }
    if ((status == 404 || status == 400) && job->body_len > LARGE_REQUEST_BYTES)
        status = 413;
    return ews_error_from_http(err, status, reply->content_type, reply->retry_after_ms);
}

static bool judge(struct ews_job *job, const struct err *transport_err,
                  const struct transport_reply *reply, const struct xml_node **root,
                  struct err *err)
{
    *root = NULL;
    if (job->unreadable && transport_err->kind == ERR_CANCELLED) {
        /* We stopped it ourselves. */
        if (job->err.kind == ERR_CANCELLED || reply->status == 200)
            *err = job->err;
        else
            ews_error_from_http(err, reply->status, reply->content_type, reply->retry_after_ms);
        return false;
    }
    if (transport_err->kind != ERR_OK) {
        *err = *transport_err;
        return false;
    }
    return judge_http(job, reply, root, err);
}

/* ---- Jobs ------------------------------------------------------------------------------- */

static void job_free(struct ews_job *job)
{
    body_free(&job->body);
    loop_timer_free(&job->failing);
    xml_reader_free(&job->reader);
    buf_clear(&job->trace);
    free(job);
}

static void job_end(struct ews_job *job, const struct err *err, const struct xml_node *root)
{
    job->calling = true;
    job->fn(err, root, job->arg);
    job_free(job);
}

static void trace_answer(struct ews_job *job)
{
    if (job->account->trace && !job->has_sink)
        job->account->trace("response", buf_str(&job->trace), job->trace.len,
                            job->account->trace_arg);
}

static void on_done(const struct err *transport_err, const struct transport_reply *reply,
                    void *arg)
{
    struct ews_job *job = arg;
    struct ews_account *account = job->account;
    const struct xml_node *root = NULL;
    struct err err = {0};
    job->call = NULL;
    bool ok = judge(job, transport_err, reply, &root, &err);
    struct log_ctx mailbox = {&account->log, "mailbox", job->mailbox->address};
    struct log_ctx ctx = {&mailbox, "request", job->request_id};
    log_debug(&ctx, "answer status=%d after_ms=%lld %s %s", reply->status,
              (long long)mono_since(loop_now(account->loop), job->started), reply->server,
              ok ? "" : err.text);
    trace_answer(job);
    ews_account_ended(job, &err);
    job_end(job, &err, ok ? root : NULL);
}

static void on_failing(void *arg)
{
    struct ews_job *job = arg;
    job_end(job, &job->err, NULL);
}

static void fail_later(struct ews_job *job)
{
    job->failing = loop_timer_new(job->account->loop, on_failing, job);
    loop_timer_set(job->failing, 0);
}

static void trace_request(const struct ews_job *job)
{
    if (!job->account->trace)
        return;
    size_t len;
    const char *text;
    for (int i = 0; (text = body_text(job->body, i, &len)); i++)
        job->account->trace("request", text, len, job->account->trace_arg);
}

void ews_job_begin(struct ews_job *job)
{
    struct ews_account *account = job->account;
    job->started = loop_now(account->loop);
    trace_request(job);
    struct transport_request request = {
        .account = &account->config.auth,
        .url = account->config.url,
        .anchor_mailbox = job->mailbox->address,
        .request_id = job->request_id,
        .timeout_ms = account->config.request_timeout_ms,
        .body = job->body,
        .bytes = on_bytes,
        .done = on_done,
        .arg = job,
    };
    job->body = NULL;
    job->call = account->transport->ops->start(account->transport, &request);
    if (job->call)
        return;
    err_set(&job->err, ERR_SYSTEM, "no memory for a request");
    fail_later(job);
}

static struct ews_job *job_new(struct ews_mailbox *mailbox, ews_answer_fn *fn, void *arg)
{
    struct ews_job *job = calloc(1, sizeof(*job));
    if (!job)
        return NULL;
    job->mailbox = mailbox;
    job->account = mailbox->account;
    job->fn = fn;
    job->arg = arg;
    id_new(job->request_id);
    buf_init(&job->trace, LIMIT_RESPONSE_BYTES);
    return job;
}

struct ews_job *ews_job_fail(struct ews_mailbox *mailbox, const struct err *err,
                             ews_answer_fn *fn, void *arg)
{
    struct ews_job *job = job_new(mailbox, fn, arg);
    if (!job)
        return NULL;
    job->err = *err;
    fail_later(job);
    return job;
}

static struct xml_limits limits_of(const struct xml_sink *sink)
{
    struct xml_limits limits = {.max_bytes = LIMIT_RESPONSE_BYTES,
                                .max_depth = LIMIT_XML_DEPTH,
                                .max_nodes = LIMIT_XML_NODES};
    if (sink) /* base64 with line breaks is a third longer, and a little */
        limits.max_bytes = LIMIT_AUDIO_BYTES / 2 * 3 + MIB;
    return limits;
}

struct ews_job *ews_job_start(struct ews_mailbox *mailbox, struct body *body,
                              const struct xml_sink *sink, ews_answer_fn *fn, void *arg)
{
    struct ews_account *account = mailbox->account;
    struct ews_job *job = job_new(mailbox, fn, arg);
    if (!job) {
        body_free(&body);
        return NULL;
    }
    struct xml_limits limits = limits_of(sink);
    job->body = body;
    job->body_len = body_length(body);
    job->has_sink = sink != NULL;
    if (sink)
        job->sink = *sink;
    job->reader = xml_reader_new(&limits, sink ? &job->sink : NULL);
    if (!job->reader || !ews_account_enqueue(job)) {
        err_set(&job->err, ERR_TEMPORARY, "too many requests wait for Exchange %s",
                account->config.name);
        job->err.scope = ERR_SCOPE_ACCOUNT;
        fail_later(job);
    }
    return job;
}

void ews_job_cancel(struct ews_job **job_pointer)
{
    struct ews_job *job = *job_pointer;
    *job_pointer = NULL;
    if (!job || job->calling)
        return; /* it ends when its callback returns */
    if (job->waiting)
        ews_account_withdraw(job);
    if (job->call) {
        struct err err;
        err_set(&err, ERR_CANCELLED, "the request was given up");
        job->account->transport->ops->cancel(job->call);
        ews_account_ended(job, &err);
    }
    job_free(job);
}
