#include "tests/exchange/exchange_push.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/xml.h"
#include "tests/exchange/exchange_ident.h"
#include "tests/exchange/exchange_schema.h"
#include "tests/exchange/exchange_shape.h"
#include "tests/exchange/exchange_stream_private.h"

enum {
    EVENTS_IN_A_CALL = 50, /* what is more goes with the next one, and MoreEvents says so */
    EVENTS_WAITING_MAX = 10000,
    RETRY_FIRST_MS = 30 * 1000,
};

struct event {
    struct event *next;
    int64_t mark;
    char *xml;
};

/* waiting -> under way -> (answered) waiting, or failing -> under way ... until it is gone. */
struct subscription {
    struct subscription *next;
    struct push *push;
    char id[PUSH_ID_MAX];
    int64_t mailbox;
    char *url, version[24];
    int events;
    int64_t status_ms;
    int64_t *folders;
    int folder_count;
    int64_t mark, told_mark; /* numbers of the last event, and of the last one told */
    struct event *first, **end;
    int waiting;
    char *call; /* the document that is under way or to be sent again */
    size_t call_len;
    int64_t call_mark;
    bool under_way, lose_answer, failing, ends, mute;
    bool stream; /* told over a stream, as pull in all else */
    struct exchange_stream *listener;
    bool pull; /* never called: it asks, and ends when it has not asked for status_ms */
    struct mono failing_since;
    int64_t retry_ms;
    struct loop_timer *send, *status;
};

struct push {
    struct exchange *ex;
    struct subscription *first;
    exchange_deliver_fn *deliver;
    void *deliver_arg;
    int64_t status_ms; /* 0: as subscribed */
    int64_t serial;
};

struct push *ex_push_new(struct exchange *ex)
{
    struct push *push = calloc(1, sizeof *push);
    if (push)
        push->ex = ex;
    return push;
}

static void free_events(struct subscription *s)
{
    for (struct event *event = s->first, *next; event; event = next) {
        next = event->next;
        free(event->xml);
        free(event);
    }
}

static void remove_subscription(struct subscription *s)
{
    for (struct subscription **at = &s->push->first; *at; at = &(*at)->next)
        if (*at == s) {
            *at = s->next;
            break;
        }
    if (s->listener)
        ex_stream_wake(s->listener);
    loop_timer_free(&s->send);
    loop_timer_free(&s->status);
    free_events(s);
    free(s->url);
    free(s->folders);
    free(s->call);
    free(s);
}

void ex_push_free(struct push **push)
{
    if (!*push)
        return;
    while ((*push)->first)
        remove_subscription((*push)->first);
    free(*push);
    *push = NULL;
}

static struct subscription *find(struct push *push, const char *id)
{
    struct subscription *s = push->first;
    while (s && strcmp(s->id, id) != 0)
        s = s->next;
    return s;
}

static int64_t status_ms(const struct subscription *s)
{
    return s->push->status_ms ? s->push->status_ms : s->status_ms;
}

static void watermark(const struct subscription *s, int64_t mark, char *text)
{
    ex_ident_seal(s->push->ex, "wm", &mark, 1, text);
}

static void begin_call(struct subscription *s, struct xml_writer *xml, struct buf *out,
                       bool more)
{
    char mark[PUSH_WATERMARK_MAX];
    buf_init(out, 1024 * KIB);
    xml_writer_init(xml, out);
    xml_declaration(xml);
    xml_open(xml, "soap11:Envelope");
    xml_attribute(xml, "xmlns:soap11", NS_SOAP);
    xml_open(xml, "soap11:Header");
    xml_open(xml, "t:RequestServerVersion");
    xml_attribute(xml, "Version", s->version);
    xml_attribute(xml, "xmlns:t", NS_TYPES);
    xml_close(xml);
    xml_close(xml);
    xml_open(xml, "soap11:Body");
    xml_open(xml, "m:SendNotification");
    xml_attribute(xml, "xmlns:t", NS_TYPES);
    xml_attribute(xml, "xmlns:m", NS_MESSAGES);
    xml_open(xml, "m:ResponseMessages");
    xml_open(xml, "m:SendNotificationResponseMessage");
    xml_attribute(xml, "ResponseClass", "Success");
    xml_element(xml, "m:ResponseCode", "NoError");
    xml_open(xml, "m:Notification");
    xml_element(xml, "t:SubscriptionId", s->id);
    watermark(s, s->told_mark, mark);
    xml_element(xml, "t:PreviousWatermark", mark);
    xml_element(xml, "t:MoreEvents", more ? "true" : "false");
}

static void end_call(struct subscription *s, struct xml_writer *xml, struct buf *out)
{
    while (xml->depth > 0)
        xml_close(xml);
    free(s->call);
    s->call = buf_take(out, &s->call_len);
}

static void drop_first(struct subscription *s)
{
    struct event *event = s->first;
    s->first = event->next;
    if (!s->first)
        s->end = &s->first;
    free(event->xml);
    free(event);
}

static void make_call(struct subscription *s)
{
    struct xml_writer xml;
    struct buf out;
    int count = s->waiting < EVENTS_IN_A_CALL ? s->waiting : EVENTS_IN_A_CALL;
    begin_call(s, &xml, &out, s->waiting > count);
    s->call_mark = s->mark - (s->waiting - count);
    s->waiting -= count;
    while (count-- > 0) {
        xml_flush(&xml);
        buf_add_str(&out, s->first->xml);
        drop_first(s);
    }
    end_call(s, &xml, &out);
}

static void make_status_call(struct subscription *s)
{
    struct xml_writer xml;
    struct buf out;
    char mark[PUSH_WATERMARK_MAX];
    begin_call(s, &xml, &out, false);
    watermark(s, s->mark, mark);
    xml_open(&xml, "t:StatusEvent");
    xml_element(&xml, "t:Watermark", mark);
    s->call_mark = s->mark;
    end_call(s, &xml, &out);
}

/* The last thing that happens to s here: the answer may come at once and end it. */
static void send_call(struct subscription *s)
{
    struct push *push = s->push;
    struct fault_plan plan;
    char address[LIMIT_ADDRESS];
    exchange_address(push->ex, s->mailbox, address, sizeof address);
    ex_faults_ask(push->ex->faults, "SendNotification", address, &plan);
    s->under_way = true;
    s->lose_answer = plan.lose_answer;
    loop_timer_stop(s->status);
    if (!push->deliver || !s->call || plan.drop || plan.answer != FAULT_NONE)
        exchange_push_answered(push->ex, s->id, EXCHANGE_PUSH_FAILED);
    else
        push->deliver(s->url, s->call, s->call_len, s->id, push->deliver_arg);
}

static void on_send(void *arg)
{
    struct subscription *s = arg;
    if (s->ends) {
        remove_subscription(s);
        return;
    }
    if (s->under_way)
        return;
    if (!s->call && s->waiting)
        make_call(s);
    if (s->call)
        send_call(s);
}

static void on_status(void *arg)
{
    struct subscription *s = arg;
    if (s->pull) {
        remove_subscription(s);
        return;
    }
    if (s->under_way || s->failing || s->waiting)
        return;
    make_status_call(s);
    send_call(s);
}

static void answered_well(struct subscription *s)
{
    free(s->call);
    s->call = NULL;
    s->told_mark = s->call_mark;
    s->failing = false;
    if (s->waiting)
        loop_timer_set(s->send, 0);
    loop_timer_set(s->status, status_ms(s));
}

static void answered_badly(struct subscription *s)
{
    struct mono now = loop_now(s->push->ex->loop);
    int64_t limit = status_ms(s);
    if (!s->failing) {
        s->failing = true;
        s->failing_since = now;
        s->retry_ms = limit / 4 < RETRY_FIRST_MS ? limit / 4 : RETRY_FIRST_MS;
    } else {
        s->retry_ms *= 2;
    }
    int64_t left = limit - mono_since(now, s->failing_since);
    s->ends = s->retry_ms >= left;
    loop_timer_set(s->send, s->ends ? (left > 0 ? left : 0) : s->retry_ms);
}

void exchange_push_answered(struct exchange *ex, const char *subscription,
                            enum exchange_push_result result)
{
    struct subscription *s = find(ex->push, subscription);
    if (!s || !s->under_way)
        return;
    s->under_way = false;
    if (s->lose_answer)
        result = EXCHANGE_PUSH_FAILED;
    if (result == EXCHANGE_PUSH_OK)
        answered_well(s);
    else if (result == EXCHANGE_PUSH_FAILED)
        answered_badly(s);
    else
        remove_subscription(s);
}

enum exchange_push_result exchange_push_read_answer(const void *bytes, size_t len)
{
    enum exchange_push_result result = EXCHANGE_PUSH_FAILED;
    const struct xml_limits limits = {.max_bytes = 64 * 1024, .max_depth = 16, .max_nodes = 64};
    struct xml_reader *reader = xml_reader_new(&limits, NULL);
    const struct xml_node *root = NULL;
    struct err err;
    if (reader && xml_reader_feed(reader, bytes, len, &err) &&
        xml_reader_end(reader, &root, &err)) {
        const struct xml_node *status = xml_find(root, NS_MESSAGES, "SubscriptionStatus");
        if (!strcmp(xml_text(status), "OK"))
            result = EXCHANGE_PUSH_OK;
        else if (!strcmp(xml_text(status), "Unsubscribe"))
            result = EXCHANGE_PUSH_UNSUBSCRIBE;
    }
    xml_reader_free(&reader);
    return result;
}

/* Looks like the real ones: a server's name and what only the server understands, in base64. */
static void make_id(struct push *push, char *id)
{
    unsigned char bytes[64] = {0x16, 0x00};
    static const char server[] = "exch01.example.net";
    uint64_t now = (uint64_t)exchange_wall_ms(push->ex), n = (uint64_t)++push->serial;
    uint64_t parts[2] = {exchange_mix(push->ex, now, n), exchange_mix(push->ex, n, now + 1)};
    struct buf out;
    memcpy(bytes + 2, server, sizeof server);
    memcpy(bytes + 2 + sizeof server, parts, sizeof parts);
    buf_init(&out, PUSH_ID_MAX);
    ex_blob_base64(&out, bytes, 2 + sizeof server + sizeof parts);
    snprintf(id, PUSH_ID_MAX, "%s", buf_str(&out));
    buf_clear(&out);
}

bool ex_push_subscribe(struct push *push, const struct push_request *request, char *id,
                       char *mark)
{
    struct subscription *s = calloc(1, sizeof *s);
    if (!s || exchange_subscriptions(push->ex) >= PUSH_SUBSCRIPTIONS_MAX) {
        free(s);
        return false;
    }
    s->push = push;
    s->mailbox = request->mailbox;
    s->url = strdup(request->url ? request->url : "");
    s->events = request->events;
    s->mute = request->mute && !request->pull && !request->stream;
    s->stream = request->stream;
    s->pull = request->pull || request->stream;
    s->status_ms = request->stream ? PUSH_UNHEARD_MS : request->status_minutes * 60000L;
    s->end = &s->first;
    snprintf(s->version, sizeof s->version, "%s", request->version);
    s->folders = calloc((size_t)request->folder_count + 1, sizeof *s->folders);
    if (s->folders && request->folder_count)
        memcpy(s->folders, request->folders,
               (size_t)request->folder_count * sizeof *s->folders);
    s->folder_count = s->folders ? request->folder_count : 0;
    make_id(push, s->id);
    s->send = loop_timer_new(push->ex->loop, on_send, s);
    s->status = loop_timer_new(push->ex->loop, on_status, s);
    s->next = push->first;
    push->first = s;
    if (!s->mute)
        loop_timer_set(s->status, status_ms(s));
    snprintf(id, PUSH_ID_MAX, "%s", s->id);
    watermark(s, s->mark, mark);
    return true;
}

bool ex_push_unsubscribe(struct push *push, int64_t mailbox, const char *id)
{
    struct subscription *s = find(push, id);
    if (!s || s->mailbox != mailbox)
        return false;
    remove_subscription(s);
    return true;
}

/* An event without its t:Watermark, as the other server has it. */
static void write_unmarked(struct xml_writer *xml, const char *event)
{
    static const char open[] = "<t:Watermark>", close[] = "</t:Watermark>";
    const char *from = strstr(event, open), *to = from ? strstr(from, close) : NULL;
    xml_flush(xml);
    if (to)
        buf_add(xml->out, event, (size_t)(from - event));
    buf_add_str(xml->out, to ? to + sizeof close - 1 : event);
}

static void write_status(const struct subscription *s, struct xml_writer *xml, bool marked)
{
    char mark[PUSH_WATERMARK_MAX];
    watermark(s, s->mark, mark);
    xml_open(xml, "t:StatusEvent");
    if (marked)
        xml_element(xml, "t:Watermark", mark);
    xml_close(xml);
}

const char *ex_push_pull(struct push *push, const struct push_pull *pull,
                         struct xml_writer *xml)
{
    struct subscription *s = find(push, pull->id);
    int64_t mark;
    int count = 0;
    if (!s || !s->pull || s->stream || s->mailbox != pull->mailbox)
        return "ErrorSubscriptionNotFound";
    if (!ex_ident_unseal(push->ex, "wm", pull->watermark, &mark, 1) || mark > s->mark)
        return "ErrorInvalidWatermark";
    while (s->first && s->first->mark <= mark) { /* it has these */
        drop_first(s);
        s->waiting--;
    }
    xml_open(xml, "m:Notification");
    xml_element(xml, "t:SubscriptionId", s->id);
    if (pull->marked) {
        xml_element(xml, "t:PreviousWatermark", pull->watermark);
        xml_element(xml, "t:MoreEvents", s->waiting > EVENTS_IN_A_CALL ? "true" : "false");
    }
    for (const struct event *e = s->first; e && count < EVENTS_IN_A_CALL; e = e->next, count++)
        if (pull->marked) {
            xml_flush(xml);
            buf_add_str(xml->out, e->xml);
        } else {
            write_unmarked(xml, e->xml);
        }
    if (!count)
        write_status(s, xml, pull->marked);
    xml_close(xml);
    loop_timer_set(s->status, status_ms(s));
    return NULL;
}

bool ex_push_is_stream(struct push *push, const char *id)
{
    const struct subscription *s = find(push, id);
    return s && s->stream;
}

void ex_push_listen(struct push *push, const char *id, const struct exchange_stream *was,
                    struct exchange_stream *listener)
{
    struct subscription *s = find(push, id);
    if (!s || !s->stream || (was && s->listener != was))
        return;
    s->listener = listener;
    if (listener)
        loop_timer_stop(s->status);
    else
        loop_timer_set(s->status, PUSH_UNHEARD_MS);
}

bool ex_push_write(struct push *push, const char *id, struct xml_writer *xml)
{
    struct subscription *s = find(push, id);
    if (!s || !s->first)
        return false;
    xml_open(xml, "m:Notification");
    xml_element(xml, "t:SubscriptionId", s->id);
    while (s->first) {
        write_unmarked(xml, s->first->xml);
        drop_first(s);
        s->waiting--;
    }
    xml_close(xml);
    return true;
}

static void write_id(struct xml_writer *xml, const char *element, const char *id,
                     const char *change_key)
{
    xml_open(xml, element);
    xml_attribute(xml, "Id", id);
    if (change_key)
        xml_attribute(xml, "ChangeKey", change_key);
    xml_close(xml);
}

static void write_parent(struct push *push, struct xml_writer *xml, const char *element,
                         int64_t id)
{
    struct folder folder;
    char change_key[EXCHANGE_ID_MAX];
    if (!ex_folder_by_id(push->ex, id, &folder))
        return;
    ex_folder_change_key(push->ex, &folder, change_key);
    write_id(xml, element, folder.key, change_key);
}

static const char *event_name(enum push_event event)
{
    switch (event) {
    case PUSH_COPIED: return "t:CopiedEvent";
    case PUSH_CREATED: return "t:CreatedEvent";
    case PUSH_DELETED: return "t:DeletedEvent";
    case PUSH_MODIFIED: return "t:ModifiedEvent";
    case PUSH_MOVED: return "t:MovedEvent";
    case PUSH_NEW_MAIL: return "t:NewMailEvent";
    }
    return "t:ModifiedEvent";
}

static char *write_event(struct subscription *s, const struct push_news *news)
{
    struct buf out;
    struct xml_writer xml;
    char text[PUSH_WATERMARK_MAX];
    bool item = news->item != NULL;
    buf_init(&out, 16 * KIB);
    xml_writer_init(&xml, &out);
    xml_open(&xml, event_name(news->event));
    watermark(s, s->mark, text);
    xml_element(&xml, "t:Watermark", text);
    xml_element(&xml, "t:TimeStamp", ex_shape_time(exchange_wall_ms(s->push->ex), text));
    write_id(&xml, item ? "t:ItemId" : "t:FolderId", item ? news->item : news->moved_folder,
             news->change_key);
    write_parent(s->push, &xml, "t:ParentFolderId", news->folder);
    if (news->event == PUSH_MOVED || news->event == PUSH_COPIED) {
        write_id(&xml, item ? "t:OldItemId" : "t:OldFolderId",
                 item ? news->old_item : news->moved_folder, news->change_key);
        write_parent(s->push, &xml, "t:OldParentFolderId", news->old_folder);
    }
    if (news->counted) {
        snprintf(text, sizeof text, "%lld", (long long)news->unread);
        xml_element(&xml, "t:UnreadCount", text);
    }
    xml_close(&xml);
    return buf_take(&out, NULL);
}

static void add_event(struct subscription *s, const struct push_news *news)
{
    struct event *event = calloc(1, sizeof *event);
    /* The hardest case for a client: what happens while nobody listens is never told. */
    bool unheard = s->stream && !s->listener;
    if (!event || s->mute || unheard || !(s->events & (int)news->event) ||
        s->waiting >= EVENTS_WAITING_MAX) {
        free(event);
        return;
    }
    event->mark = ++s->mark;
    event->xml = write_event(s, news);
    *s->end = event;
    s->end = &event->next;
    s->waiting++;
    if (s->listener)
        ex_stream_wake(s->listener);
    if (!s->under_way && !s->failing && !s->pull)
        loop_timer_set(s->send, 0);
}

/* "All folders" are those that a person sees, not what programs hide beside them. */
static bool is_seen(struct push *push, int64_t mailbox, int64_t folder)
{
    struct folder top;
    return ex_folder_by_kind(push->ex, mailbox, "msgfolderroot", &top) &&
           ex_folder_within(push->ex, folder, top.id);
}

static bool concerns(const struct subscription *s, const struct push_news *news)
{
    for (int i = 0; i < s->folder_count; i++)
        if (s->folders[i] == news->folder ||
            (news->event == PUSH_MOVED && s->folders[i] == news->old_folder))
            return true;
    return s->folder_count == 0 && is_seen(s->push, news->mailbox, news->folder);
}

/* A subscription to all folders sees the move of an item as an end and a beginning. */
static void add_move(struct subscription *s, const struct push_news *news)
{
    struct push_news end = *news, begin = *news;
    end.event = PUSH_DELETED;
    end.item = news->old_item;
    end.folder = news->old_folder;
    begin.event = PUSH_CREATED;
    if (concerns(s, &end))
        add_event(s, &end);
    if (concerns(s, &begin))
        add_event(s, &begin);
}

static bool names(const struct subscription *s, int64_t mailbox, int64_t folder)
{
    bool named = false;
    for (int i = 0; s->mailbox == mailbox && i < s->folder_count; i++)
        named = named || s->folders[i] == folder;
    return named;
}

/* What happens to an item modifies its folder, too: its subscribers hear of that. */
static void tell_of_folder(struct push *push, int64_t mailbox, int64_t id)
{
    struct folder folder;
    char change_key[EXCHANGE_ID_MAX];
    bool heard = false;
    for (const struct subscription *s = push->first; s && !heard; s = s->next)
        heard = names(s, mailbox, id);
    if (!heard || !ex_folder_by_id(push->ex, id, &folder))
        return;
    ex_folder_change_key(push->ex, &folder, change_key);
    const struct push_news news = {.event = PUSH_MODIFIED,
                                   .mailbox = mailbox,
                                   .folder = folder.parent,
                                   .moved_folder = folder.key,
                                   .change_key = change_key,
                                   .counted = true,
                                   .unread = ex_folder_unread(push->ex, id)};
    for (struct subscription *s = push->first; s; s = s->next)
        if (names(s, mailbox, id))
            add_event(s, &news);
}

static void tell_all(struct push *push, const struct push_news *news)
{
    for (struct subscription *s = push->first; s; s = s->next) {
        if (s->mailbox != news->mailbox)
            continue;
        if (!s->folder_count && news->event == PUSH_MOVED && news->item)
            add_move(s, news);
        else if (concerns(s, news))
            add_event(s, news);
    }
}

void ex_push_tell(struct push *push, const struct push_news *news)
{
    tell_all(push, news);
    if (!news->item)
        return;
    tell_of_folder(push, news->mailbox, news->folder);
    if (news->event == PUSH_MOVED)
        tell_of_folder(push, news->mailbox, news->old_folder);
}

void exchange_set_deliver(struct exchange *ex, exchange_deliver_fn *fn, void *arg)
{
    ex->push->deliver = fn;
    ex->push->deliver_arg = arg;
}

void exchange_set_status_ms(struct exchange *ex, int64_t ms)
{
    ex->push->status_ms = ms;
}

int exchange_subscriptions(const struct exchange *ex)
{
    int count = 0;
    for (const struct subscription *s = ex->push->first; s; s = s->next)
        count++;
    return count;
}

int ex_push_count(const struct push *push, int64_t mailbox)
{
    int count = 0;
    for (const struct subscription *s = push->first; s; s = s->next)
        count += s->mailbox == mailbox;
    return count;
}

void ex_push_drop(struct push *push, int64_t mailbox)
{
    for (struct subscription *s = push->first, *next; s; s = next) {
        next = s->next;
        if (s->mailbox == mailbox)
            remove_subscription(s);
    }
}

void exchange_drop_subscriptions(struct exchange *ex)
{
    for (struct subscription *s = ex->push->first, *next; s; s = next) {
        next = s->next;
        remove_subscription(s);
    }
}
