#include "ews/ews.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/id.h"
#include "base/log.h"
#include "base/xml.h"
#include "ews/ews_error.h"
#include "ews/ews_names.h"
#include "ews/ews_private.h"

enum {
    MAILBOX_IN_FLIGHT = 1,
    LARGE_REQUEST_BYTES =
        28 * 1024 * 1024,        /* IIS refuses more than this with 404.13 by default */
    SWALLOW_BYTES = 1024 * 1024, /* of an answer that cannot be read */
    HEAD_BYTES = 64,
};

struct ews_account {
    struct loop *loop;
    struct transport *transport;
    struct ews_config config;        /* strings are our own */
    TAILQ_HEAD(, ews_mailbox) ready; /* have a job waiting and may start it */
    int in_flight, waiting;
    bool keeps_attachments;
    ews_trace_fn *trace;
    void *trace_arg;
    struct log_ctx log;
};

struct ews_job {
    struct ews_mailbox *mailbox;
    struct ews_account *account;
    TAILQ_ENTRY(ews_job) link;
    bool waiting;
    struct body *body;
    int64_t body_len;
    struct transport_call *call; /* in flight */
    struct loop_timer *failing;  /* fails with `err` when it fires */
    struct xml_reader *reader;
    bool unreadable, calling;
    size_t swallowed;
    struct err err; /* why it fails, or why the answer is unreadable */
    bool has_sink;
    struct xml_sink sink;
    struct buf trace;
    char head[HEAD_BYTES + 1]; /* how the answer begins */
    size_t head_len;
    char request_id[LIMIT_UUID];
    struct mono started;
    ews_answer_fn *fn;
    void *arg;
};

/* ---- The account ------------------------------------------------------------------------ */

static bool dup_text(const char **text)
{
    if (!*text)
        return true;
    *text = strdup(*text);
    return *text != NULL;
}

static bool copy_config(struct ews_config *own)
{
    const char **texts[] = {&own->name,         &own->url,       &own->version,
                            &own->auth.auth,    &own->auth.user, &own->auth.password,
                            &own->auth.ca_file, &own->auth.proxy};
    bool ok = true;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        ok = dup_text(texts[i]) && ok;
    return ok;
}

struct ews_account *ews_account_new(struct loop *loop, struct transport *transport,
                                    const struct ews_config *config, struct err *err)
{
    struct ews_account *account = calloc(1, sizeof(*account));
    if (!account) {
        err_set(err, ERR_SYSTEM, "no memory for the account %s", config->name);
        return NULL;
    }
    account->loop = loop;
    account->transport = transport;
    account->config = *config;
    TAILQ_INIT(&account->ready);
    if (!copy_config(&account->config)) {
        err_set(err, ERR_SYSTEM, "no memory for the account %s", config->name);
        ews_account_free(&account);
        return NULL;
    }
    if (account->config.auth.max_connections < 1)
        account->config.auth.max_connections = 1;
    if (account->config.request_timeout_ms <= 0)
        account->config.request_timeout_ms = TIME_REQUEST_MS;
    account->log = (struct log_ctx){.key = "exchange", .value = account->config.name};
    return account;
}

int ews_account_in_flight(const struct ews_account *account)
{
    return account->in_flight;
}

int ews_account_waiting(const struct ews_account *account)
{
    return account->waiting;
}

void ews_account_trace(struct ews_account *account, ews_trace_fn *fn, void *arg)
{
    account->trace = fn;
    account->trace_arg = arg;
}

void ews_account_free(struct ews_account **account_pointer)
{
    struct ews_account *account = *account_pointer;
    if (!account)
        return;
    *account_pointer = NULL;
    assert(account->in_flight == 0 && account->waiting == 0);
    struct ews_config *own = &account->config;
    if (own->auth.password)
        explicit_bzero((void *)own->auth.password, strlen(own->auth.password));
    const char *texts[] = {own->name,         own->url,       own->version,
                           own->auth.auth,    own->auth.user, own->auth.password,
                           own->auth.ca_file, own->auth.proxy};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        free((void *)texts[i]);
    free(account);
}

struct loop *ews_account_loop(const struct ews_account *account)
{
    return account->loop;
}

struct soap_header ews_account_header(const struct ews_account *account, const char *address)
{
    return (struct soap_header){.version = account->config.version,
                                .impersonate = account->config.impersonate ? address : NULL};
}

const char *ews_account_delegated(const struct ews_account *account, const char *address)
{
    return account->config.impersonate ? NULL : address;
}

bool ews_account_keeps_attachments(const struct ews_account *account)
{
    return account->keeps_attachments;
}

void ews_account_saw_attachment(struct ews_account *account)
{
    account->keeps_attachments = true;
}

/* ---- The answer ------------------------------------------------------------------------- */

static void keep_head(struct ews_job *job, const char *bytes, size_t len)
{
    size_t room = HEAD_BYTES - job->head_len;
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
static bool judge_http(struct ews_job *job, int status, const char *content_type,
                       int64_t retry_after_ms, const struct xml_node **root, struct err *err)
{
    if (!job->unreadable && !xml_reader_end(job->reader, root, &job->err)) {
        job->unreadable = true;
        job->err.effect = ERR_EFFECT_UNKNOWN;
        job->err.scope = ERR_SCOPE_MAILBOX;
    }
    bool envelope = !job->unreadable && soap_is_envelope(*root);
    bool waiting_time = (status == 429 || status == 503) && retry_after_ms > 0;
    if (envelope && status == 200)
        return true;
    if (envelope && !waiting_time && xml_find(*root, EWS_NS_SOAP, "Fault"))
        return true;
    if (status == 200 && looks_like_web_page(job, content_type))
        return ews_error_from_http(err, 200, "text/html", -1);
    if (status == 200 && job->unreadable) {
        *err = job->err;
        return false;
    }
    if ((status == 404 || status == 400) && job->body_len > LARGE_REQUEST_BYTES)
        status = 413;
    return ews_error_from_http(err, status, content_type, retry_after_ms);
}

static bool judge(struct ews_job *job, const struct err *transport_err, int status,
                  const char *content_type, int64_t retry_after_ms,
                  const struct xml_node **root, struct err *err)
{
    *root = NULL;
    if (job->unreadable && transport_err->kind == ERR_CANCELLED) {
        /* We stopped it ourselves. */
        if (job->err.kind == ERR_CANCELLED || status == 200)
            *err = job->err;
        else
            ews_error_from_http(err, status, content_type, retry_after_ms);
        return false;
    }
    if (transport_err->kind != ERR_OK) {
        *err = *transport_err;
        return false;
    }
    return judge_http(job, status, content_type, retry_after_ms, root, err);
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

static void make_ready(struct ews_mailbox *mailbox)
{
    bool could = !TAILQ_EMPTY(&mailbox->waiting) && mailbox->in_flight < MAILBOX_IN_FLIGHT;
    struct ews_account *account = mailbox->account;
    if (could && !mailbox->ready)
        TAILQ_INSERT_TAIL(&account->ready, mailbox, link);
    else if (!could && mailbox->ready)
        TAILQ_REMOVE(&account->ready, mailbox, link);
    mailbox->ready = could;
}

static void pump(struct ews_account *account);

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

static void on_done(const struct err *transport_err, int status, const char *content_type,
                    int64_t retry_after_ms, void *arg)
{
    struct ews_job *job = arg;
    struct ews_account *account = job->account;
    const struct xml_node *root = NULL;
    struct err err = {0};
    job->call = NULL;
    bool ok = judge(job, transport_err, status, content_type, retry_after_ms, &root, &err);
    struct log_ctx mailbox = {&account->log, "mailbox", job->mailbox->address};
    struct log_ctx ctx = {&mailbox, "request", job->request_id};
    log_debug(&ctx, "answer status=%d after_ms=%lld %s", status,
              (long long)mono_since(loop_now(account->loop), job->started), ok ? "" : err.text);
    trace_answer(job);
    account->in_flight--;
    job->mailbox->in_flight--;
    make_ready(job->mailbox);
    pump(account);
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
    for (int part = 0; part < 2; part++) {
        size_t len;
        const char *text = body_text(job->body, part, &len);
        if (text)
            job->account->trace("request", text, len, job->account->trace_arg);
    }
}

static void job_begin(struct ews_job *job)
{
    struct ews_account *account = job->account;
    job->waiting = false;
    account->waiting--;
    account->in_flight++;
    job->mailbox->in_flight++;
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
    account->in_flight--;
    job->mailbox->in_flight--;
    err_set(&job->err, ERR_SYSTEM, "no memory for a request");
    fail_later(job);
}

/* Start what may start; mailboxes take turns. */
static void pump(struct ews_account *account)
{
    while (account->in_flight < account->config.auth.max_connections) {
        struct ews_mailbox *mailbox = TAILQ_FIRST(&account->ready);
        if (!mailbox)
            return;
        struct ews_job *job = TAILQ_FIRST(&mailbox->waiting);
        TAILQ_REMOVE(&mailbox->waiting, job, link);
        TAILQ_REMOVE(&account->ready, mailbox, link);
        mailbox->ready = false;
        job_begin(job);
        make_ready(mailbox);
    }
}

void ews_mailbox_init(struct ews_mailbox *mailbox, struct ews_account *account,
                      const char *address)
{
    *mailbox = (struct ews_mailbox){.account = account, .address = address};
    TAILQ_INIT(&mailbox->waiting);
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
    if (!job->reader || account->waiting >= LIMIT_REQUESTS_WAITING) {
        err_set(&job->err, ERR_TEMPORARY, "too many requests wait for Exchange %s",
                account->config.name);
        job->err.scope = ERR_SCOPE_ACCOUNT;
        fail_later(job);
        return job;
    }
    job->waiting = true;
    account->waiting++;
    TAILQ_INSERT_TAIL(&mailbox->waiting, job, link);
    make_ready(mailbox);
    pump(account);
    return job;
}

void ews_job_cancel(struct ews_job **job_pointer)
{
    struct ews_job *job = *job_pointer;
    *job_pointer = NULL;
    if (!job || job->calling)
        return; /* it ends when its callback returns */
    struct ews_account *account = job->account;
    if (job->waiting) {
        TAILQ_REMOVE(&job->mailbox->waiting, job, link);
        account->waiting--;
        make_ready(job->mailbox);
    }
    if (job->call) {
        account->transport->ops->cancel(job->call);
        account->in_flight--;
        job->mailbox->in_flight--;
        make_ready(job->mailbox);
    }
    job_free(job);
    pump(account);
}
