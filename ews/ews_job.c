/* One request: sent when its turn comes, its answer read while it arrives, and judged. */
#include "ews/ews_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/id.h"
#include "ews/challenge.h"
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

static struct xml_limits limits_of(const struct xml_sink *sink)
{
    struct xml_limits limits = {.max_bytes = LIMIT_RESPONSE_BYTES,
                                .max_depth = LIMIT_XML_DEPTH,
                                .max_nodes = LIMIT_XML_NODES};
    if (sink) /* base64 with line breaks is a third longer, and a little */
        limits.max_bytes = LIMIT_AUDIO_BYTES / 2 * 3 + MIB;
    return limits;
}

static bool new_reader(struct ews_job *job)
{
    struct xml_limits limits = limits_of(job->has_sink ? &job->sink : NULL);
    xml_reader_free(&job->reader);
    job->reader = xml_reader_new(&limits, job->has_sink ? &job->sink : NULL);
    return job->reader != NULL;
}

static void send_signed(struct ews_job *job);

/* Exchange may refuse a token before its end: then it did nothing, and the request is sent once
 * more with a new one. */
static bool sent_again(struct ews_job *job, const struct transport_reply *reply)
{
    struct oauth *oauth = job->account->oauth;
    if (!oauth || reply->status != 401 || job->again || !oauth_refused(oauth, job->token) ||
        !new_reader(job))
        return false;
    job->again = true;
    job->unreadable = false;
    job->swallowed = job->head_len = 0;
    memset(job->head, 0, sizeof(job->head));
    err_clear(&job->err);
    buf_reset(&job->trace);
    body_rewind(job->body);
    send_signed(job);
    return true;
}

/* Was the server of the mailbox reached, and did it say that the mailbox is elsewhere? */
static void note_server(const struct ews_job *job, const struct transport_reply *reply,
                        const struct err *err, const struct xml_node *root)
{
    struct autodiscover *autodiscover = job->account->autodiscover;
    const char *address = job->mailbox->address;
    const char *code = xml_text(xml_find(root, NULL, "ResponseCode"));
    struct err said = *err;
    if (!autodiscover)
        return;
    if (*code && strcmp(code, "NoError") != 0)
        ews_error_from_code(&said, code, "", 0);
    if (reply->status)
        autodiscover_reached(autodiscover, address, true);
    else if (err->kind != ERR_CANCELLED && err->effect == ERR_EFFECT_NONE)
        autodiscover_reached(autodiscover, address, false);
    if ((reply->status >= 300 && reply->status < 400) || ews_error_is_moved(&said))
        autodiscover_moved(autodiscover, address);
}

static void on_done(const struct err *transport_err, const struct transport_reply *reply,
                    void *arg)
{
    struct ews_job *job = arg;
    struct ews_account *account = job->account;
    const struct xml_node *root = NULL;
    struct err err = {0};
    job->call = NULL;
    if (job->affinity)
        affinity_take(job->affinity, reply->cookies);
    if (sent_again(job, reply))
        return;
    bool ok = judge(job, transport_err, reply, &root, &err);
    if (!ok && reply->status == 401)
        challenge_explain(&err, account->config.auth.auth, reply);
    struct log_ctx mailbox = {&account->log, "mailbox", job->mailbox->address};
    struct log_ctx ctx = {&mailbox, "request", job->request_id};
    log_debug(&ctx, "answer status=%d after_ms=%lld %s %s", reply->status,
              (long long)mono_since(loop_now(account->loop), job->started), reply->server,
              ok ? "" : err.text);
    note_server(job, reply, &err, root);
    trace_answer(job);
    if (ok)
        ews_account_heard(job, root);
    ews_account_ended(job, &err);
    job_end(job, &err, ok ? root : NULL);
}

static void on_failing(void *arg)
{
    struct ews_job *job = arg;
    if (job->begun)
        ews_account_ended(job, &job->err);
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

/* bearer: the token, NULL without OAuth. */
static void send(struct ews_job *job, const char *bearer)
{
    struct ews_account *account = job->account;
    struct transport_request request = {
        .account = &account->config.auth,
        .url = ews_account_url(account, job->mailbox->address),
        .anchor_mailbox = job->affinity ? job->affinity->anchor : job->mailbox->address,
        .prefer_affinity = job->affinity != NULL,
        .cookies = job->affinity ? job->affinity->cookies : NULL,
        .request_id = job->request_id,
        .timeout_ms = job->timeout_ms,
        .bearer = bearer,
        .body = body_share(job->body),
        .bytes = on_bytes,
        .done = on_done,
        .arg = job,
    };
    job->call = account->transport->ops->start(account->transport, &request);
    if (job->call)
        return;
    err_set(&job->err, ERR_SYSTEM, "no memory for a request");
    fail_later(job);
}

static void on_token(const struct err *err, void *arg)
{
    struct ews_job *job = arg;
    const char *bearer = NULL;
    job->token_wait = NULL;
    job->err = *err;
    if (err->kind == ERR_OK) {
        bearer = oauth_token(job->account->oauth, &job->token);
        err_set(&job->err, ERR_TEMPORARY, "the token for Exchange ended before it was used");
    }
    if (!bearer) {
        job->no_token = true;
        on_failing(job);
        return;
    }
    err_clear(&job->err);
    send(job, bearer);
}

/* With OAuth, once there is a token. */
static void send_signed(struct ews_job *job)
{
    struct oauth *oauth = job->account->oauth;
    const char *bearer = oauth ? oauth_token(oauth, &job->token) : NULL;
    if (bearer || !oauth) {
        send(job, bearer);
        return;
    }
    job->token_wait = oauth_wait(oauth, on_token, job);
    if (job->token_wait)
        return;
    err_set(&job->err, ERR_SYSTEM, "no memory for a request");
    fail_later(job);
}

/* Nothing was sent to Exchange: that says nothing about the pace that it can bear. But a
 * password that autodiscover was refused is the account's. */
static void on_server(const struct err *err, const char *url, void *arg)
{
    struct ews_job *job = arg;
    struct err given_up;
    (void)url;
    job->server_wait = NULL;
    if (err->kind == ERR_OK) {
        send_signed(job);
        return;
    }
    job->err = *err;
    bool refused = err->kind == ERR_DENIED && strcmp(err->code, "HTTP 401") == 0;
    err_set(&given_up, ERR_CANCELLED, "the request was given up");
    ews_account_ended(job, refused ? err : &given_up);
    job_end(job, &job->err, NULL);
}

/* With autodiscover, once the mailbox's server is known. */
static void find_server(struct ews_job *job)
{
    struct autodiscover *autodiscover = job->account->autodiscover;
    const char *address = job->mailbox->address;
    if (!autodiscover || autodiscover_url(autodiscover, address)) {
        send_signed(job);
        return;
    }
    job->server_wait = autodiscover_find(autodiscover, address, on_server, job);
    if (job->server_wait)
        return;
    err_set(&job->err, ERR_SYSTEM, "no memory for a request");
    fail_later(job);
}

void ews_job_begin(struct ews_job *job)
{
    job->begun = true;
    job->started = loop_now(job->account->loop);
    trace_request(job);
    find_server(job);
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
    job->timeout_ms = job->account->config.request_timeout_ms;
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

/* job NULL: there was no memory for it. */
static struct ews_job *start(struct ews_job *job, struct body *body,
                             const struct xml_sink *sink)
{
    if (!job) {
        body_free(&body);
        return NULL;
    }
    job->body = body;
    job->body_len = body_length(body);
    job->has_sink = sink != NULL;
    if (sink)
        job->sink = *sink;
    bool ready = new_reader(job);
    if (!ready)
        err_set(&job->err, ERR_SYSTEM, "no memory for a request");
    if (!ready || !ews_account_enqueue(job, &job->err))
        fail_later(job);
    return job;
}

struct ews_job *ews_job_start(struct ews_mailbox *mailbox, struct body *body,
                              const struct xml_sink *sink, ews_answer_fn *fn, void *arg)
{
    return start(job_new(mailbox, fn, arg), body, sink);
}

struct ews_job *ews_job_start_near(struct ews_mailbox *mailbox, struct affinity *affinity,
                                   struct body *body, ews_answer_fn *fn, void *arg)
{
    struct ews_job *job = job_new(mailbox, fn, arg);
    if (job)
        job->affinity = affinity;
    return start(job, body, NULL);
}

struct ews_job *ews_job_probe(struct ews_mailbox *mailbox, struct body *body, ews_answer_fn *fn,
                              void *arg)
{
    struct ews_job *job = job_new(mailbox, fn, arg);
    if (!job || !new_reader(job)) {
        body_free(&body);
        if (job)
            job_free(job);
        return NULL;
    }
    job->body = body;
    job->body_len = body_length(body);
    job->probing = true;
    if (job->timeout_ms > TIME_PROBE_MS)
        job->timeout_ms = TIME_PROBE_MS;
    ews_job_begin(job);
    return job;
}

void ews_job_refuse(struct ews_job *job, const struct err *err)
{
    job->err = *err;
    fail_later(job);
}

void ews_job_cancel(struct ews_job **job_pointer)
{
    struct ews_job *job = *job_pointer;
    *job_pointer = NULL;
    if (!job || job->calling)
        return; /* it ends when its callback returns */
    if (job->waiting)
        ews_account_withdraw(job);
    autodiscover_cancel(&job->server_wait);
    oauth_wait_cancel(&job->token_wait);
    if (job->call)
        job->account->transport->ops->cancel(job->call);
    if (job->begun) {
        struct err err;
        err_set(&err, ERR_CANCELLED, "the request was given up");
        ews_account_ended(job, &err);
    }
    job_free(job);
}
