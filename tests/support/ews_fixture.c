#include "tests/support/ews_fixture.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"

const char *fixture_shared(void)
{
    const char *shared = getenv("SIB_SHARED");
    return shared ? shared : "../shared";
}

int fixture_schema_valid(const char *text, size_t len)
{
    char path[1024], command[1200];
    snprintf(path, sizeof(path), "%s/ews-schema/ews-all.xsd", fixture_shared());
    if (access(path, R_OK) != 0 || system("command -v xmllint >/dev/null") != 0)
        return -1;
    snprintf(command, sizeof(command), "xmllint --nonet --noout --quiet --schema '%s' -", path);
    FILE *pipe = popen(command, "w");
    if (!pipe)
        return -1;
    fwrite(text, 1, len, pipe);
    return pclose(pipe) == 0;
}

const char *fixture_soap(struct buf *out, const char *body)
{
    buf_init(out, 64 * MIB);
    buf_printf(out,
               "<?xml version=\"1.0\" encoding=\"utf-8\"?>"
               "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\""
               " xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\""
               " xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\""
               " xmlns:e=\"http://schemas.microsoft.com/exchange/services/2006/errors\">"
               "<s:Body>%s</s:Body></s:Envelope>",
               body);
    return buf_str(out);
}

/* Of the address sanitizer; there only in such a build. */
size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

size_t fixture_memory_in_use(void)
{
    if (__sanitizer_get_current_allocated_bytes)
        return __sanitizer_get_current_allocated_bytes();
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

struct fake_transport {
    struct transport base;
    struct loop *loop;
    fake_answer_fn *fn;
    void *arg;
    int64_t delay_ms;
    size_t piece;
    int in_flight, most, count;
    struct buf mailboxes;
};

struct transport_call {
    struct fake_transport *fake;
    struct transport_request request;
    struct loop_timer *timer;
    struct buf sent;
};

static void call_free(struct transport_call *call)
{
    call->fake->in_flight--;
    loop_timer_free(&call->timer);
    buf_clear(&call->sent);
    free(call);
}

static void answer(void *arg)
{
    struct transport_call *call = arg;
    struct fake_transport *fake = call->fake;
    struct transport_request request = call->request;
    struct fake_answer a = fake->fn(buf_str(&call->sent), call->sent.len, fake->arg);
    size_t len = a.body_len ? a.body_len : a.body ? strlen(a.body) : 0;
    /* A copy of exactly that size, so that a sanitizer sees a read past its end. */
    char *body = malloc(len ? len : 1);
    if (len)
        memcpy(body, a.body, len);
    bool go_on = true;
    for (size_t at = 0; at < len && go_on; at += fake->piece) {
        size_t n = len - at < fake->piece ? len - at : fake->piece;
        go_on = request.bytes(body + at, n, request.arg);
    }
    free(body);
    if (!go_on)
        err_set(&a.err, ERR_CANCELLED, "stopped");
    call_free(call);
    struct transport_reply reply = transport_reply_none();
    reply.status = a.status;
    reply.content_type = a.content_type ? a.content_type : "text/xml; charset=utf-8";
    reply.retry_after_ms = a.retry_after_ms ? a.retry_after_ms : -1;
    request.done(&a.err, &reply, request.arg);
}

static struct transport_call *start(struct transport *base,
                                    const struct transport_request *request)
{
    struct fake_transport *fake = (struct fake_transport *)base;
    struct transport_call *call = calloc(1, sizeof(*call));
    char piece[4096];
    call->fake = fake;
    call->request = *request;
    buf_init(&call->sent, LIMIT_REQUEST_BYTES + MIB);
    for (long n; request->body && (n = body_read(request->body, piece, sizeof(piece))) > 0;)
        buf_add(&call->sent, piece, (size_t)n);
    struct body *body = request->body;
    body_free(&body);
    if (request->anchor_mailbox)
        buf_printf(&fake->mailboxes, "%s\n", request->anchor_mailbox);
    fake->count++;
    fake->in_flight++;
    if (fake->in_flight > fake->most)
        fake->most = fake->in_flight;
    call->timer = loop_timer_new(fake->loop, answer, call);
    loop_timer_set(call->timer, fake->delay_ms);
    return call;
}

static void end(struct transport *base)
{
    struct fake_transport *fake = (struct fake_transport *)base;
    buf_clear(&fake->mailboxes);
    free(fake);
}

struct fake_transport *fake_transport_new(struct loop *loop, fake_answer_fn *fn, void *arg,
                                          int64_t delay_ms, size_t piece)
{
    static const struct transport_ops ops = {start, call_free, end};
    struct fake_transport *fake = calloc(1, sizeof(*fake));
    *fake = (struct fake_transport){.base = {&ops},
                                    .loop = loop,
                                    .fn = fn,
                                    .arg = arg,
                                    .delay_ms = delay_ms,
                                    .piece = piece};
    buf_init(&fake->mailboxes, MIB);
    return fake;
}

struct transport *fake_transport_base(struct fake_transport *fake)
{
    return &fake->base;
}

int fake_transport_in_flight(const struct fake_transport *fake)
{
    return fake->in_flight;
}

int fake_transport_most(const struct fake_transport *fake)
{
    return fake->most;
}

int fake_transport_count(const struct fake_transport *fake)
{
    return fake->count;
}

const char *fake_transport_mailboxes(const struct fake_transport *fake)
{
    return buf_str(&fake->mailboxes);
}
