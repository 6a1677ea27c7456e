/* The hanging connection: what it says, when it ends, and what it sends with its requests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/id.h"
#include "base/loop.h"
#include "ews/affinity.h"
#include "ews/ews.h"
#include "ews/ews_stream.h"
#include "ews/request.h"
#include "tests/exchange/exchange_server.h"
#include "tests/exchange/exchange_stream.h"
#include "tests/exchange/exchange_user.h"
#include "tests/support/ews_fixture.h"

enum { SECOND = 1000, MINUTE = 60 * SECOND };

/* ---- a server whose answers are given by hand ---- */

struct transport_call {
    struct wire *wire;
    struct transport_request request;
    bool inside, cancelled;
};

struct wire {
    struct transport base;
    struct transport_call *call; /* the last that was started; NULL: none is open */
    struct buf sent, anchor, cookies;
    bool affinity;
    int started, cancelled;
};

static struct transport_call *start(struct transport *base,
                                    const struct transport_request *request)
{
    struct wire *wire = (struct wire *)base;
    struct transport_call *call = calloc(1, sizeof *call);
    struct body *body = request->body;
    char piece[512];

    buf_reset(&wire->sent);
    buf_reset(&wire->anchor);
    buf_reset(&wire->cookies);
    for (long n; (n = body_read(body, piece, sizeof piece)) > 0;)
        buf_add(&wire->sent, piece, (size_t)n);
    body_free(&body);
    buf_add_str(&wire->anchor, request->anchor_mailbox);
    buf_add_str(&wire->cookies, request->cookies ? request->cookies : "(none)");
    wire->affinity = request->prefer_affinity;
    wire->started++;
    call->wire = wire;
    call->request = *request;
    wire->call = call;
    return call;
}

static void cancel(struct transport_call *call)
{
    call->wire->cancelled++;
    if (call->wire->call == call)
        call->wire->call = NULL;
    call->cancelled = true;
    if (!call->inside)
        free(call);
}

static void wire_free(struct transport *base)
{
    (void)base;
}

/* False: it was cancelled meanwhile, or stopped by the reader. */
static bool give(struct wire *wire, const char *bytes, size_t len)
{
    struct transport_call *call = wire->call;

    assert_non_null(call);
    call->inside = true;
    bool go_on = call->request.bytes(bytes, len, call->request.arg);
    call->inside = false;
    if (call->cancelled) {
        free(call);
        return false;
    }
    return go_on;
}

static void finish(struct wire *wire, const struct err *err, int status, const char *cookies)
{
    struct transport_call *call = wire->call;
    struct transport_request request = call->request;
    struct transport_reply reply = transport_reply_none();

    wire->call = NULL;
    free(call);
    reply.status = status;
    reply.cookies = cookies;
    request.done(err, &reply, request.arg);
}

/* ---- the scene ---- */

struct scene {
    struct loop *loop;
    struct wire wire;
    struct ews_account *account;
    struct remote_stream *stream;
    char words[4096];
    struct remote_where where; /* of the last change */
    struct err err;
    int ended;
    bool close_when_changed, free_when_changed, free_when_ended;
};

static void hear(enum remote_stream_word word, const char *subscription,
                 const struct remote_where *where, const struct err *err, void *arg)
{
    static const char *const names[] = {"open", "changed:", "folders:", "lost:", "ended"};
    struct scene *s = arg;
    size_t len = strlen(s->words);

    snprintf(s->words + len, sizeof s->words - len, "%s%s ", names[word],
             subscription ? subscription : "");
    assert_int_equal(where != NULL, word == REMOTE_STREAM_CHANGED);
    if (where)
        s->where = *where;
    s->err = *err;
    s->ended += word == REMOTE_STREAM_ENDED;
    if (word == REMOTE_STREAM_CHANGED && s->close_when_changed)
        s->stream->ops->close(s->stream);
    if ((word == REMOTE_STREAM_CHANGED && s->free_when_changed) ||
        (word == REMOTE_STREAM_ENDED && s->free_when_ended))
        remote_stream_free(&s->stream);
}

static void begin(struct scene *s)
{
    static const struct transport_ops ops = {start, cancel, wire_free};
    const struct ews_config config = {.name = "main",
                                      .url = "https://x/EWS/Exchange.asmx",
                                      .impersonate = true,
                                      .auth = {.auth = "basic", .max_connections = 4}};

    memset(s, 0, sizeof *s);
    s->loop = loop_virtual_new((struct wall){1795341600000});
    s->wire.base.ops = &ops;
    buf_init(&s->wire.sent, MIB);
    buf_init(&s->wire.anchor, 1024);
    buf_init(&s->wire.cookies, 16384);
    s->account = ews_account_new(s->loop, &s->wire.base, &config, &s->err);
    assert_non_null(s->account);
    s->stream = ews_stream_new(s->account, "ann@example.net", hear, s);
}

static void open_two(struct scene *s)
{
    static const char *const subscriptions[] = {"sub-a", "sub-b"};

    assert_true(s->stream->ops->open(s->stream, subscriptions, 2, &s->err));
}

static void end(struct scene *s)
{
    remote_stream_free(&s->stream);
    ews_account_free(&s->account);
    buf_clear(&s->wire.sent);
    buf_clear(&s->wire.anchor);
    buf_clear(&s->wire.cookies);
    loop_free(&s->loop);
}

#define MESSAGE(class, code, rest)                                                             \
    "<m:GetStreamingEventsResponse><m:ResponseMessages><m:GetStreamingEventsResponseMessage "  \
    "ResponseClass=\"" class "\"><m:ResponseCode>" code "</m:ResponseCode>" rest               \
                             "</m:GetStreamingEventsResponseMessage></m:ResponseMessages>"     \
                             "</m:GetStreamingEventsResponse>"
#define OK     MESSAGE("Success", "NoError", "<m:ConnectionStatus>OK</m:ConnectionStatus>")
#define CLOSED MESSAGE("Success", "NoError", "<m:ConnectionStatus>Closed</m:ConnectionStatus>")
#define CHANGED(id)                                                                            \
    "<m:Notification><t:SubscriptionId>" id "</t:SubscriptionId><t:CreatedEvent>"              \
    "<t:TimeStamp>2013-09-16T04:31:29Z</t:TimeStamp><t:ItemId Id=\"i\"/>"                      \
    "<t:ParentFolderId Id=\"f\"/></t:CreatedEvent></m:Notification>"
#define OTHER_FOLDERS(id)                                                                      \
    "<m:Notification><t:SubscriptionId>" id "</t:SubscriptionId><t:MovedEvent>"                \
    "<t:TimeStamp>2013-09-16T04:31:29Z</t:TimeStamp><t:FolderId Id=\"i\"/>"                    \
    "<t:ParentFolderId Id=\"f\"/></t:MovedEvent></m:Notification>"
#define EVENTS(list)                                                                           \
    MESSAGE("Success", "NoError", "<m:Notifications>" list "</m:Notifications>")
#define LOST(ids, status)                                                                      \
    MESSAGE("Error", "ErrorSubscriptionNotFound",                                              \
            "<m:ErrorSubscriptionIds>" ids "</m:ErrorSubscriptionIds>"                         \
            "<m:ConnectionStatus>" status "</m:ConnectionStatus>")
#define ID(id) "<t:SubscriptionId>" id "</t:SubscriptionId>"

/* One envelope, or a part of it. */
static bool say(struct scene *s, const char *body)
{
    struct buf soap;

    fixture_soap(&soap, body);
    bool go_on = give(&s->wire, buf_str(&soap), soap.len);
    buf_clear(&soap);
    return go_on;
}

/* ---- tests ---- */

static void the_request_is_valid_and_in_the_name_of_the_anchor(void **state)
{
    struct scene s;

    (void)state;
    begin(&s);
    open_two(&s);
    const char *sent = buf_str(&s.wire.sent);
    assert_non_null(strstr(sent, "<t:SubscriptionId>sub-a</t:SubscriptionId>"
                                 "<t:SubscriptionId>sub-b</t:SubscriptionId>"));
    assert_non_null(strstr(sent, "<m:ConnectionTimeout>30</m:ConnectionTimeout>"));
    assert_non_null(
        strstr(sent, "<t:PrimarySmtpAddress>ann@example.net</t:PrimarySmtpAddress>"));
    assert_int_not_equal(fixture_schema_valid(sent, s.wire.sent.len), 0);
    assert_string_equal(buf_str(&s.wire.anchor), "ann@example.net");
    assert_true(s.wire.affinity);
    assert_int_equal(s.wire.call->request.timeout_ms,
                     30 * MINUTE + 2 * (int64_t)TIME_STREAM_BEAT_MS);
    end(&s);
}

static void a_streaming_subscription_is_a_valid_request(void **state)
{
    static const char *const folders[] = {"f1", "f2"};
    const struct soap_header header = {.version = "Exchange2013_SP1"};
    struct buf out;

    (void)state;
    buf_init(&out, MIB);
    request_subscribe_stream(&out, &header, folders, 2);
    assert_non_null(strstr(buf_str(&out), "<m:StreamingSubscriptionRequest>"));
    assert_int_not_equal(fixture_schema_valid(buf_str(&out), out.len), 0);
    buf_clear(&out);
}

static void words_come_from_pieces_of_any_size(void **state)
{
    static const char *const bodies[] = {OK, OK, EVENTS(CHANGED("sub-a") CHANGED("sub-b")),
                                         LOST(ID("sub-b"), "OK"),
                                         EVENTS(OTHER_FOLDERS("sub-a"))};
    struct buf all;

    (void)state;
    buf_init(&all, MIB);
    for (size_t i = 0; i < 5; i++) {
        struct buf soap;
        fixture_soap(&soap, bodies[i]);
        buf_add(&all, buf_str(&soap), soap.len);
        buf_clear(&soap);
    }
    for (size_t piece = 1; piece < 2 * all.len; piece = piece * 3 + 1) {
        struct scene s;
        begin(&s);
        open_two(&s);
        assert_string_equal(s.words, ""); /* never before open has returned */
        for (size_t at = 0; at < all.len; at += piece)
            assert_true(
                give(&s.wire, buf_str(&all) + at, all.len - at < piece ? all.len - at : piece));
        assert_string_equal(s.words,
                            "open changed:sub-a changed:sub-b lost:sub-b folders:sub-a ");
        assert_int_equal(s.where.count, 1);
        assert_string_equal(s.where.spots[0].folder, "f");
        assert_string_equal(s.where.spots[0].from, "");
        end(&s);
    }
    buf_clear(&all);
}

static void the_end_of_its_time_is_no_error(void **state)
{
    struct scene s;
    struct err stopped;

    (void)state;
    begin(&s);
    open_two(&s);
    assert_true(say(&s, OK));
    assert_false(say(&s, CLOSED));
    err_set(&stopped, ERR_CANCELLED, "stopped");
    finish(&s.wire, &stopped, 200, "");
    assert_string_equal(s.words, "open ended ");
    assert_int_equal(s.err.kind, ERR_OK);
    open_two(&s); /* and again */
    assert_true(say(&s, OK));
    assert_string_equal(s.words, "open ended open ");
    end(&s);
}

static void silence_ends_it_and_heartbeats_keep_it(void **state)
{
    struct scene s;

    (void)state;
    begin(&s);
    open_two(&s);
    for (int i = 0; i < 30; i++) {
        assert_true(say(&s, OK));
        loop_virtual_run(s.loop, 45 * SECOND);
    }
    assert_int_equal(s.ended, 0);
    loop_virtual_run(s.loop, TIME_STREAM_BEAT_MS - 45 * SECOND - 1);
    assert_int_equal(s.ended, 0);
    loop_virtual_run(s.loop, 1);
    assert_int_equal(s.ended, 1);
    assert_int_equal(s.err.kind, ERR_UNAVAILABLE);
    assert_int_equal(s.wire.cancelled, 1);
    loop_virtual_run(s.loop, 10 * MINUTE);
    assert_int_equal(s.ended, 1);
    end(&s);
}

static void each_way_to_break_ends_it_once_with_a_reason(void **state)
{
    static const struct {
        const char *bytes;
        int status;
        bool broken;
        enum err_kind kind;
    } ways[] = {
        {"", 503, false, ERR_UNAVAILABLE},
        {"", 401, false, ERR_DENIED},
        {"<html><body>Sign in</body></html>", 200, false, ERR_PROTOCOL},
        {"<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>", 200,
         false, ERR_UNAVAILABLE},
        {"", 0, true, ERR_UNAVAILABLE},
        {"garbage", 200, false, ERR_PROTOCOL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        struct scene s;
        struct err err;
        begin(&s);
        open_two(&s);
        if (ways[i].status == 200 && i != 2)
            assert_true(say(&s, OK));
        err_clear(&err);
        if (ways[i].broken)
            err_set(&err, ERR_UNAVAILABLE, "the line to Exchange broke");
        if (ways[i].bytes[0] && !give(&s.wire, ways[i].bytes, strlen(ways[i].bytes)))
            err_set(&err, ERR_CANCELLED, "stopped");
        finish(&s.wire, &err, ways[i].status, "");
        assert_int_equal(s.ended, 1);
        if (s.err.kind != ways[i].kind && !(i == 0 && s.err.kind == ERR_TEMPORARY) &&
            !(i == 2 && s.err.kind == ERR_CONFIG))
            fail_msg("way %zu: %s", i, s.err.text);
        assert_true(strlen(s.err.text) > 10);
        end(&s);
    }
}

static void an_error_for_all_of_it_ends_it(void **state)
{
    struct scene s;
    struct err stopped;

    (void)state;
    begin(&s);
    open_two(&s);
    assert_false(say(&s, MESSAGE("Error", "ErrorExceededConnectionCount", "")));
    err_set(&stopped, ERR_CANCELLED, "stopped");
    finish(&s.wire, &stopped, 200, "");
    assert_string_equal(s.words, "ended ");
    assert_string_equal(s.err.code, "ErrorExceededConnectionCount");
    end(&s);
}

static void lost_subscriptions_are_named_and_are_no_failure(void **state)
{
    struct scene s;
    struct err stopped;

    (void)state;
    begin(&s);
    open_two(&s);
    assert_false(say(&s, LOST(ID("sub-a") ID("sub-b"), "Closed")));
    err_set(&stopped, ERR_CANCELLED, "stopped");
    finish(&s.wire, &stopped, 200, "");
    assert_string_equal(s.words, "lost:sub-a lost:sub-b ended ");
    assert_int_equal(s.err.kind, ERR_OK);
    end(&s);
}

static void it_may_be_closed_and_freed_from_inside(void **state)
{
    struct scene s;

    (void)state;
    begin(&s);
    s.close_when_changed = true;
    open_two(&s);
    assert_false(say(&s, EVENTS(CHANGED("sub-a") CHANGED("sub-b"))));
    assert_string_equal(s.words, "open changed:sub-a ");
    assert_int_equal(s.wire.cancelled, 1);
    open_two(&s);
    s.free_when_changed = true;
    assert_false(say(&s, EVENTS(CHANGED("sub-a") CHANGED("sub-b"))));
    assert_null(s.stream);
    end(&s);
    begin(&s);
    s.free_when_ended = true;
    open_two(&s);
    loop_virtual_run(s.loop, 2 * MINUTE);
    assert_null(s.stream);
    end(&s);
}

static void an_account_has_no_more_streams_than_exchange_allows(void **state)
{
    struct scene s;
    struct remote_stream *streams[LIMIT_STREAMS + 1];
    static const char *const one[] = {"sub"};

    (void)state;
    begin(&s);
    for (int i = 0; i <= LIMIT_STREAMS; i++)
        streams[i] = ews_stream_new(s.account, "ann@example.net", hear, &s);
    for (int i = 0; i < LIMIT_STREAMS; i++)
        assert_true(streams[i]->ops->open(streams[i], one, 1, &s.err));
    assert_false(streams[LIMIT_STREAMS]->ops->open(streams[LIMIT_STREAMS], one, 1, &s.err));
    streams[3]->ops->close(streams[3]);
    assert_true(streams[LIMIT_STREAMS]->ops->open(streams[LIMIT_STREAMS], one, 1, &s.err));
    assert_int_equal(ews_account_in_flight(s.account), 0); /* no place of a request is taken */
    for (int i = 0; i <= LIMIT_STREAMS; i++)
        remote_stream_free(&streams[i]);
    end(&s);
}

static void nobody(const struct err *err, const char *subscription, void *arg)
{
    (void)subscription;
    *(enum err_kind *)arg = err->kind;
}

static const char subscribed[] =
    "<m:SubscribeResponse><m:ResponseMessages><m:SubscribeResponseMessage "
    "ResponseClass=\"Success\"><m:ResponseCode>NoError</m:ResponseCode>"
    "<m:SubscriptionId>sub</m:SubscriptionId></m:SubscribeResponseMessage>"
    "</m:ResponseMessages></m:SubscribeResponse>";

/* The whole life of a group's cookies: set by the first Subscribe, sent with all that follows,
 * unknown to another group. */
static void a_group_keeps_its_anchor_and_cookies_to_itself(void **state)
{
    static const char *const folders[] = {"f"};
    struct scene s;
    struct err none;
    enum err_kind kind = ERR_INTERNAL;

    (void)state;
    begin(&s);
    err_clear(&none);
    struct remote_stream *other = ews_stream_new(s.account, "zoe@example.net", hear, &s);
    struct remote *ben = ews_remote_new(s.account, "ben@example.net");
    const struct remote_watching how = {.stream = s.stream, .folders = folders, .count = 1};
    ben->ops->watch(ben, &how, nobody, &kind);
    assert_string_equal(buf_str(&s.wire.anchor), "ann@example.net");
    assert_string_equal(buf_str(&s.wire.cookies), "");
    assert_true(s.wire.affinity);
    assert_non_null(strstr(buf_str(&s.wire.sent), "ben@example.net")); /* impersonated */
    say(&s, subscribed);
    finish(&s.wire, &none, 200,
           "exchangecookie=1; X-BackEndOverrideCookie=one~2; X-BackEndCookie=ben=x");
    assert_int_equal(kind, ERR_OK);
    open_two(&s);
    assert_string_equal(buf_str(&s.wire.cookies),
                        "exchangecookie=1; X-BackEndOverrideCookie=one~2");
    s.stream->ops->close(s.stream);

    ben->ops->unwatch(ben, "sub", s.stream, (remote_done_fn *)NULL, NULL);
    assert_string_equal(buf_str(&s.wire.anchor), "ann@example.net");
    assert_string_equal(buf_str(&s.wire.cookies),
                        "exchangecookie=1; X-BackEndOverrideCookie=one~2");
    remote_free(&ben);
    static const char *const one[] = {"sub"};
    assert_true(other->ops->open(other, one, 1, &s.err));
    assert_string_equal(buf_str(&s.wire.anchor), "zoe@example.net");
    assert_string_equal(buf_str(&s.wire.cookies), "");
    remote_stream_free(&other);
    end(&s);
}

static void cookies_replace_those_of_their_name(void **state)
{
    struct affinity affinity = {.anchor = "a"};
    char many[LIMIT_COOKIES];

    (void)state;
    affinity_take(&affinity, "");
    assert_string_equal(affinity.cookies, "");
    affinity_take(&affinity, "a=1; b=2");
    affinity_take(&affinity, "; A=3;; c ;d=; ");
    assert_string_equal(affinity.cookies, "b=2; A=3; c ; d=");
    memset(many, 'x', sizeof many);
    many[sizeof many - 1] = '\0';
    many[1] = '=';
    affinity_take(&affinity, many); /* does not fit: the others stay */
    assert_string_equal(affinity.cookies, "b=2; A=3; c ; d=");
}

/* ---- over a real connection, chunk by chunk ---- */

struct net {
    struct loop *loop;
    struct exchange *exchange;
    struct exchange_server *server;
    struct transport *transport;
    struct ews_account *account;
    struct remote *remote;
    struct remote_stream *stream;
    char subscription[LIMIT_REMOTE_ID];
    int changed, ended;
    struct err err;
    bool late;
};

static void too_late(void *arg)
{
    struct net *net = arg;

    net->late = true;
    loop_stop(net->loop);
}

static void hear_net(enum remote_stream_word word, const char *subscription,
                     const struct remote_where *where, const struct err *err, void *arg)
{
    struct net *net = arg;
    char item[EXCHANGE_ID_MAX];
    struct err failed;

    (void)where;
    if (word == REMOTE_STREAM_OPEN)
        assert_true(exchange_user_act(net->exchange, "ann@example.net", "folder",
                                      (const char *[]){"add", "Inbox/New"}, 2, item, &failed));
    if (word == REMOTE_STREAM_FOLDERS) {
        assert_string_equal(subscription, net->subscription);
        if (net->changed++ == 0)
            exchange_break_streams(net->exchange, true);
    }
    if (word == REMOTE_STREAM_ENDED) {
        net->ended++;
        net->err = *err;
        loop_stop(net->loop);
    }
}

static void watched(const struct err *err, const char *subscription, void *arg)
{
    struct net *net = arg;

    if (err->kind != ERR_OK)
        fail_msg("%s", err->text);
    snprintf(net->subscription, sizeof net->subscription, "%s", subscription);
    const char *one[] = {net->subscription};
    assert_true(net->stream->ops->open(net->stream, one, 1, &net->err));
}

static void listed(const struct err *err, const struct remote_folder *folders, size_t count,
                   void *arg)
{
    struct net *net = arg;
    const char *ids[8];

    if (err->kind != ERR_OK)
        fail_msg("%s", err->text);
    for (size_t i = 0; i < count && i < 8; i++)
        ids[i] = folders[i].id;
    const struct remote_watching how = {
        .stream = net->stream, .folders = ids, .count = count < 8 ? count : 8};
    net->remote->ops->watch(net->remote, &how, watched, net);
}

static void open_net(struct net *net)
{
    static const struct exchange_server_config server = {.listen = "127.0.0.1:0"};
    char url[128];
    struct ews_config config = {
        .name = "main",
        .url = url,
        .impersonate = true,
        .auth = {.auth = "basic", .user = "svc", .password = "x", .max_connections = 4}};

    net->loop = loop_system_new(&net->err);
    net->exchange = exchange_new(NULL, net->loop, 7, &net->err);
    net->server = exchange_server_new(net->loop, net->exchange, &server, &net->err);
    assert_non_null(net->server);
    snprintf(url, sizeof url, "http://127.0.0.1:%d/EWS/Exchange.asmx",
             exchange_server_port(net->server));
    net->transport = transport_curl_new(net->loop, &net->err);
    net->account = ews_account_new(net->loop, net->transport, &config, &net->err);
    assert_non_null(net->account);
    net->stream = ews_stream_new(net->account, "", hear_net, net);
    net->remote = ews_remote_new(net->account, "ann@example.net");
}

static void a_stream_is_heard_over_http_and_breaks_in_the_middle(void **state)
{
    struct net net = {0};

    (void)state;
    open_net(&net);
    struct loop_timer *timer = loop_timer_new(net.loop, too_late, &net);
    loop_timer_set(timer, 20 * SECOND);
    net.remote->ops->folders(net.remote, 0, listed, &net);
    loop_run(net.loop);
    assert_false(net.late);
    assert_int_equal(net.changed, 1);
    assert_int_equal(net.ended, 1);
    assert_int_equal(net.err.kind, ERR_UNAVAILABLE);
    loop_timer_free(&timer);
    remote_free(&net.remote);
    remote_stream_free(&net.stream);
    ews_account_free(&net.account);
    transport_free(&net.transport);
    exchange_server_free(&net.server);
    exchange_free(&net.exchange);
    loop_free(&net.loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_request_is_valid_and_in_the_name_of_the_anchor),
        cmocka_unit_test(a_streaming_subscription_is_a_valid_request),
        cmocka_unit_test(words_come_from_pieces_of_any_size),
        cmocka_unit_test(the_end_of_its_time_is_no_error),
        cmocka_unit_test(silence_ends_it_and_heartbeats_keep_it),
        cmocka_unit_test(each_way_to_break_ends_it_once_with_a_reason),
        cmocka_unit_test(an_error_for_all_of_it_ends_it),
        cmocka_unit_test(lost_subscriptions_are_named_and_are_no_failure),
        cmocka_unit_test(it_may_be_closed_and_freed_from_inside),
        cmocka_unit_test(an_account_has_no_more_streams_than_exchange_allows),
        cmocka_unit_test(a_group_keeps_its_anchor_and_cookies_to_itself),
        cmocka_unit_test(cookies_replace_those_of_their_name),
        cmocka_unit_test(a_stream_is_heard_over_http_and_breaks_in_the_middle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
