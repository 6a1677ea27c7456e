#include "tests/exchange/exchange_stream.h"

#include <stdlib.h>
#include <string.h>

#include "tests/exchange/exchange_push.h"
#include "tests/exchange/exchange_stream_private.h"

enum { BEAT_MS = 45 * 1000, IDS_MAX = 200, STREAMS_MAX = 10, ENVELOPE_MAX = 4 * 1024 * 1024 };

struct exchange_stream {
    struct exchange_stream *next;
    struct streams *streams; /* NULL: the exchange is gone */
    char (*ids)[PUSH_ID_MAX];
    int count;
    struct loop_timer *news, *beat, *end;
    exchange_stream_fn *fn;
    void *arg;
};

struct streams {
    struct exchange *ex;
    struct exchange_stream *first;
    int max;
    bool silent;
};

struct streams *ex_streams_new(struct exchange *ex)
{
    struct streams *streams = calloc(1, sizeof *streams);
    if (streams) {
        streams->ex = ex;
        streams->max = STREAMS_MAX;
    }
    return streams;
}

static void leave(struct exchange_stream *stream)
{
    if (!stream->streams)
        return;
    for (int i = 0; i < stream->count; i++)
        ex_push_listen(stream->streams->ex->push, stream->ids[i], stream, NULL);
    for (struct exchange_stream **at = &stream->streams->first; *at; at = &(*at)->next)
        if (*at == stream) {
            *at = stream->next;
            break;
        }
    stream->streams = NULL;
    loop_timer_free(&stream->news);
    loop_timer_free(&stream->beat);
    loop_timer_free(&stream->end);
}

void exchange_stream_free(struct exchange_stream **stream)
{
    if (!*stream)
        return;
    leave(*stream);
    free((*stream)->ids);
    free(*stream);
    *stream = NULL;
}

void ex_streams_free(struct streams **streams)
{
    if (!*streams)
        return;
    while ((*streams)->first)
        leave((*streams)->first);
    free(*streams);
    *streams = NULL;
}

/* ---- envelopes ---- */

static void begin(struct call *call, struct exchange *ex, struct buf *out)
{
    *call = (struct call){.ex = ex, .operation = ex_operation_find("GetStreamingEvents")};
    buf_init(out, ENVELOPE_MAX);
    ex_soap_begin(call, out);
}

static void write_status(struct call *call, const char *status)
{
    ex_soap_success(call);
    xml_element(&call->xml, "m:ConnectionStatus", status);
    ex_soap_done(call);
}

static void write_lost(struct call *call, const char (*ids)[PUSH_ID_MAX], int count,
                       const char *status)
{
    struct xml_writer *xml = &call->xml;
    xml_open(xml, call->message);
    xml_attribute(xml, "ResponseClass", "Error");
    xml_element(xml, "m:MessageText", ex_soap_text("ErrorSubscriptionNotFound"));
    xml_element(xml, "m:ResponseCode", "ErrorSubscriptionNotFound");
    xml_element(xml, "m:DescriptiveLinkKey", "0");
    xml_open(xml, "m:ErrorSubscriptionIds");
    for (int i = 0; i < count; i++)
        xml_element(xml, "t:SubscriptionId", ids[i]);
    xml_close(xml);
    xml_element(xml, "m:ConnectionStatus", status);
    xml_close(xml);
}

/* The last thing that happens to the stream here: it may be freed inside. */
static void say(struct exchange_stream *stream, enum exchange_stream_word word, struct buf *out)
{
    size_t len = out->len;
    loop_timer_set(stream->beat, BEAT_MS);
    if (word == EXCHANGE_STREAM_CUT)
        len /= 2;
    if (word != EXCHANGE_STREAM_BYTES)
        leave(stream);
    if (stream->fn)
        stream->fn(word, buf_str(out), len, stream->arg);
    buf_clear(out);
}

static void say_status(struct exchange_stream *stream, enum exchange_stream_word word,
                       const char *status)
{
    struct call call;
    struct buf out;
    begin(&call, stream->streams->ex, &out);
    write_status(&call, status);
    ex_soap_end(&call);
    say(stream, word, &out);
}

static void on_beat(void *arg)
{
    struct exchange_stream *stream = arg;
    if (!stream->streams->silent)
        say_status(stream, EXCHANGE_STREAM_BYTES, "OK");
}

static void on_end(void *arg)
{
    struct exchange_stream *stream = arg;
    if (!stream->streams->silent)
        say_status(stream, EXCHANGE_STREAM_END, "Closed");
}

/* Takes the ids of subscriptions that are gone out of the list; returns how many there were. */
static int take_lost(struct exchange_stream *stream, char (*lost)[PUSH_ID_MAX])
{
    int count = 0, kept = 0;
    for (int i = 0; i < stream->count; i++) {
        if (ex_push_is_stream(stream->streams->ex->push, stream->ids[i]))
            memmove(stream->ids[kept++], stream->ids[i], PUSH_ID_MAX);
        else
            memcpy(lost[count++], stream->ids[i], PUSH_ID_MAX);
    }
    stream->count = kept;
    return count;
}

static bool write_news(struct exchange_stream *stream, struct call *call)
{
    bool any = false;
    ex_soap_success(call);
    xml_open(&call->xml, "m:Notifications");
    for (int i = 0; i < stream->count; i++)
        any = ex_push_write(call->ex->push, stream->ids[i], &call->xml) || any;
    xml_close(&call->xml);
    ex_soap_done(call);
    return any;
}

static void on_news(void *arg)
{
    struct exchange_stream *stream = arg;
    static char lost[IDS_MAX][PUSH_ID_MAX];
    struct call call;
    struct buf news, gone;
    if (stream->streams->silent)
        return;
    int count = take_lost(stream, lost);
    begin(&call, stream->streams->ex, &news);
    bool any = write_news(stream, &call);
    ex_soap_end(&call);
    if (!any)
        buf_reset(&news);
    if (count) { /* a second envelope in the same piece */
        begin(&call, stream->streams->ex, &gone);
        write_lost(&call, (const char(*)[PUSH_ID_MAX])lost, count,
                   stream->count ? "OK" : "Closed");
        ex_soap_end(&call);
        buf_add(&news, buf_str(&gone), gone.len);
        buf_clear(&gone);
    }
    if (news.len)
        say(stream, stream->count ? EXCHANGE_STREAM_BYTES : EXCHANGE_STREAM_END, &news);
    else
        buf_clear(&news);
}

void ex_stream_wake(struct exchange_stream *stream)
{
    if (stream->news)
        loop_timer_set(stream->news, 0);
}

/* ---- the operation ---- */

static int count_ids(const struct xml_node *list)
{
    int count = 0;
    for (const struct xml_node *id = list->first_child; id; id = id->next)
        count++;
    return count;
}

static struct exchange_stream *stream_new(struct streams *streams, const struct xml_node *list,
                                          long minutes)
{
    struct exchange_stream *stream = calloc(1, sizeof *stream);
    if (!stream)
        return NULL;
    struct loop *loop = streams->ex->loop;
    stream->ids = calloc((size_t)count_ids(list) + 1, sizeof *stream->ids);
    stream->streams = streams;
    stream->next = streams->first;
    streams->first = stream;
    stream->news = loop_timer_new(loop, on_news, stream);
    stream->beat = loop_timer_new(loop, on_beat, stream);
    stream->end = loop_timer_new(loop, on_end, stream);
    for (const struct xml_node *id = list->first_child; id; id = id->next)
        strncpy(stream->ids[stream->count++], xml_text(id), PUSH_ID_MAX - 1);
    loop_timer_set(stream->beat, BEAT_MS);
    loop_timer_set(stream->end, minutes * 60000);
    return stream;
}

static int lost_of(struct call *call, const struct xml_node *list, char (*lost)[PUSH_ID_MAX])
{
    int count = 0;
    for (const struct xml_node *id = list->first_child; id; id = id->next)
        if (!ex_push_is_stream(call->ex->push, xml_text(id)))
            strncpy(lost[count++], xml_text(id), PUSH_ID_MAX - 1);
    return count;
}

void ex_op_get_streaming_events(struct call *call)
{
    static char lost[IDS_MAX][PUSH_ID_MAX];
    const struct xml_node *list = xml_child(call->request, NS_MESSAGES, "SubscriptionIds");
    struct streams *streams = call->ex->streams;
    long minutes = 0;
    ex_schema_integer(xml_child_text(call->request, NS_MESSAGES, "ConnectionTimeout"),
                      &minutes);
    if (count_ids(list) > IDS_MAX) {
        ex_soap_error(call, "ErrorInvalidSubscription");
        return;
    }
    if (exchange_streams(call->ex) >= streams->max) {
        ex_soap_error(call, "ErrorExceededConnectionCount");
        return;
    }
    memset(lost, 0, sizeof lost);
    int count = lost_of(call, list, lost);
    if (count) { /* the others are to be asked for again without these */
        write_lost(call, (const char(*)[PUSH_ID_MAX])lost, count, "Closed");
        return;
    }
    call->stream = stream_new(streams, list, minutes);
    for (int i = 0; call->stream && i < call->stream->count; i++)
        ex_push_listen(call->ex->push, call->stream->ids[i], NULL, call->stream);
    write_status(call, "OK");
}

void exchange_stream_attach(struct exchange_stream *stream, exchange_stream_fn *fn, void *arg)
{
    stream->fn = fn;
    stream->arg = arg;
    ex_stream_wake(stream); /* what waits already */
}

/* ---- for tests ---- */

int exchange_streams(const struct exchange *ex)
{
    int count = 0;
    for (const struct exchange_stream *s = ex->streams->first; s; s = s->next)
        count++;
    return count;
}

int exchange_stream_seats(const struct exchange *ex)
{
    int count = 0;
    for (const struct exchange_stream *s = ex->streams->first; s; s = s->next)
        count += s->count;
    return count;
}

void exchange_set_streams_max(struct exchange *ex, int max)
{
    ex->streams->max = max;
}

void exchange_set_streams_silent(struct exchange *ex, bool silent)
{
    ex->streams->silent = silent;
}

void exchange_break_streams(struct exchange *ex, bool halfway)
{
    while (ex->streams->first) {
        struct exchange_stream *stream = ex->streams->first;
        struct call call;
        struct buf out;
        begin(&call, ex, &out);
        write_status(&call, "OK");
        ex_soap_end(&call);
        if (!halfway)
            buf_reset(&out);
        say(stream, EXCHANGE_STREAM_CUT, &out);
    }
}
