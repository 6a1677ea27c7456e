#include "ews/record.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/file.h"
#include "base/id.h"
#include "base/limits.h"
#include "base/text.h"
#include "ews/redact.h"

enum { NAME_BYTES = 64 };

struct record {
    struct transport base;
    struct transport *inner;
    const struct log_ctx *log;
    char dir[LIMIT_PATH], salt[ID_TOKEN_MAX];
    long number, written;
    bool failed; /* told once */
    TAILQ_HEAD(, transport_call) calls;
};

struct transport_call {
    TAILQ_ENTRY(transport_call) link;
    struct record *record;
    struct transport_call *inner;
    char operation[NAME_BYTES];
    struct buf body; /* of the answer, up to LIMIT_RECORDED_BYTES */
    bool cut;
    bool secret; /* not written */
    bool (*bytes)(const void *bytes, size_t len, void *arg);
    void (*done)(const struct err *err, const struct transport_reply *reply, void *arg);
    void *arg;
};

/* ---- What was asked ---------------------------------------------------------------------- */

/* The first element of the SOAP body: "CreateItem"; else what the path says. */
static void name_operation(struct transport_call *call, const struct transport_request *request)
{
    size_t len = 0, n;
    const char *text = request->body ? body_text(request->body, 0, &len) : NULL;
    const char *at = text ? memmem(text, len, ":Body>", 6) : NULL;
    text_copy(call->operation, sizeof(call->operation),
              request->method ? request->method : "other");
    if (!at)
        return;
    at = memchr(at + 6, '<', len - (size_t)(at + 6 - text));
    if (!at)
        return;
    at++;
    n = strcspn(at, " />");
    const char *colon = memchr(at, ':', n);
    if (colon) {
        n -= (size_t)(colon + 1 - at);
        at = colon + 1;
    }
    if (n > 0 && n < sizeof(call->operation) &&
        strspn(at, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") >= n)
        snprintf(call->operation, sizeof(call->operation), "%.*s", (int)n, at);
}

/* ---- Writing ------------------------------------------------------------------------------
 */

static void headers(struct buf *out, const struct transport_reply *reply)
{
    buf_printf(out, "HTTP/1.1 %d\r\n", reply->status);
    if (*reply->content_type)
        buf_printf(out, "Content-Type: %.200s\r\n", reply->content_type);
    if (reply->retry_after_ms >= 0)
        buf_printf(out, "Retry-After: %lld\r\n",
                   (long long)(reply->retry_after_ms + 999) / 1000);
    if (*reply->location) {
        buf_add_str(out, "Location: ");
        redact_location(out, reply->location);
        buf_add_str(out, "\r\n");
    }
    if (*reply->challenge) {
        buf_add_str(out, "WWW-Authenticate: ");
        redact_challenge(out, reply->challenge);
        buf_add_str(out, "\r\n");
    }
    buf_add_str(out, "\r\n");
}

static void write_down(struct transport_call *call, const struct transport_reply *reply)
{
    struct record *record = call->record;
    char path[LIMIT_PATH + NAME_BYTES + 32];
    struct buf out;
    struct err err;
    buf_init(&out, 2 * LIMIT_RECORDED_BYTES + LIMIT_COOKIES);
    headers(&out, reply);
    redact_body(&out, buf_str(&call->body), call->body.len, record->salt);
    snprintf(path, sizeof(path), "%s/%04ld-%s%s.http", record->dir, ++record->number,
             call->operation, call->cut ? "-cut" : "");
    if (!out.failed && file_replace(path, out.data, out.len, 0600, &err)) {
        record->written++;
    } else if (!record->failed) {
        if (out.failed)
            err_set(&err, ERR_SYSTEM, "no memory to record an answer");
        log_warning(record->log, "%s; what the server says is not recorded", err.text);
        record->failed = true;
    }
    buf_clear(&out);
}

/* ---- Passing on ---------------------------------------------------------------------------
 */

static void call_free(struct transport_call *call)
{
    TAILQ_REMOVE(&call->record->calls, call, link);
    buf_clear(&call->body);
    free(call);
}

static bool on_bytes(const void *bytes, size_t len, void *arg)
{
    struct transport_call *call = arg;
    if (!call->secret && !call->cut && call->body.len + len <= LIMIT_RECORDED_BYTES)
        buf_add(&call->body, bytes, len);
    else
        call->cut = true;
    return call->bytes(bytes, len, call->arg);
}

static void on_done(const struct err *err, const struct transport_reply *reply, void *arg)
{
    struct transport_call *call = arg;
    void (*done)(const struct err *, const struct transport_reply *, void *) = call->done;
    void *done_arg = call->arg;
    if (reply->status && !call->secret)
        write_down(call, reply);
    call_free(call);
    done(err, reply, done_arg);
}

static struct transport_call *start(struct transport *base,
                                    const struct transport_request *request)
{
    struct record *record = (struct record *)base;
    struct transport_call *call = calloc(1, sizeof(*call));
    if (!call) {
        struct body *body = request->body;
        body_free(&body);
        return NULL;
    }
    call->record = record;
    call->secret = request->secret;
    call->bytes = request->bytes;
    call->done = request->done;
    call->arg = request->arg;
    buf_init(&call->body, LIMIT_RECORDED_BYTES);
    name_operation(call, request);
    TAILQ_INSERT_TAIL(&record->calls, call, link);
    struct transport_request inner = *request;
    inner.bytes = on_bytes;
    inner.done = on_done;
    inner.arg = call;
    call->inner = record->inner->ops->start(record->inner, &inner);
    if (call->inner)
        return call;
    call_free(call);
    return NULL;
}

static void cancel(struct transport_call *call)
{
    struct record *record = call->record;
    record->inner->ops->cancel(call->inner);
    call_free(call);
}

static void record_end(struct transport *base)
{
    struct record *record = (struct record *)base;
    struct transport_call *next;
    transport_free(&record->inner);
    for (struct transport_call *call = TAILQ_FIRST(&record->calls); call; call = next) {
        next = TAILQ_NEXT(call, link);
        call_free(call);
    }
    free(record);
}

static const struct transport_ops ops = {start, cancel, record_end};

/* ---- Opening ------------------------------------------------------------------------------
 */

static long highest_number(const char *dir)
{
    long highest = 0;
    DIR *folder = opendir(dir);
    if (!folder)
        return 0;
    for (const struct dirent *entry; (entry = readdir(folder));) {
        long number = strtol(entry->d_name, NULL, 10);
        highest = number > highest && number < 1000000 ? number : highest;
    }
    closedir(folder);
    return highest;
}

struct transport *record_new(struct transport *inner, const char *dir,
                             const struct log_ctx *log, struct err *err)
{
    struct record *record = NULL;
    if (!file_make_dirs(dir, 0700, err))
        return NULL;
    if (strlen(dir) < sizeof(record->dir))
        record = calloc(1, sizeof(*record));
    if (!record) {
        err_set(err, ERR_SYSTEM, "no memory to record, or the name of the folder is too long");
        return NULL;
    }
    record->base.ops = &ops;
    record->inner = inner;
    record->log = log;
    TAILQ_INIT(&record->calls);
    text_copy(record->dir, sizeof(record->dir), dir);
    id_token(record->salt);
    record->number = highest_number(dir);
    return &record->base;
}

long record_count(const struct transport *record)
{
    return ((const struct record *)record)->written;
}
