/* The stand-in's autodiscover over HTTP and libcurl: what the real transport hands over is what
 * the search decides by. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "ews/autodiscover_message.h"
#include "ews/challenge.h"
#include "ews/transport.h"
#include "tests/exchange/exchange_server.h"

#define SVC "/autodiscover/autodiscover.svc"
#define XML "/Autodiscover/Autodiscover.xml"

struct scene {
    struct loop *loop;
    struct exchange *ex;
    struct exchange_server_config config;
    struct ex_autodiscover how;
    struct exchange_server *server;
    struct transport *transport;
    struct transport_account account;
    struct buf body;
    struct err err;
    int status;
    char location[512];
    bool offers_basic;
    struct autodiscover_answer answer;
};

static int set_up(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    struct err err;
    *state = s;
    s->loop = loop_system_new(&err);
    s->ex = exchange_new(NULL, s->loop, 1, &err);
    exchange_set_account(s->ex, "svc", "secret");
    s->config.listen = "127.0.0.1:0";
    s->config.autodiscover = &s->how;
    s->server = exchange_server_new(s->loop, s->ex, &s->config, &err);
    s->transport = transport_curl_new(s->loop, &err);
    s->account = (struct transport_account){.auth = "basic",
                                            .user = "svc",
                                            .password = "secret",
                                            .verify = true,
                                            .max_connections = 4};
    buf_init(&s->body, MIB);
    assert_non_null(s->server);
    assert_non_null(s->transport);
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;
    transport_free(&s->transport);
    exchange_server_free(&s->server);
    exchange_free(&s->ex);
    loop_free(&s->loop);
    buf_clear(&s->body);
    free(s);
    return 0;
}

static bool on_bytes(const void *bytes, size_t len, void *arg)
{
    struct scene *s = arg;
    return buf_add(&s->body, bytes, len);
}

static void on_done(const struct err *err, const struct transport_reply *reply, void *arg)
{
    struct scene *s = arg;
    s->err = *err;
    s->status = reply->status;
    text_copy(s->location, sizeof s->location, reply->location);
    s->offers_basic = challenge_offers(reply->challenge, "Basic");
    loop_stop(s->loop);
}

static bool understood(struct scene *s)
{
    static const struct xml_limits limits = {LIMIT_AUTODISCOVER_BYTES, LIMIT_XML_DEPTH, 20000};
    struct xml_reader *reader = xml_reader_new(&limits, NULL);
    const struct xml_node *root = NULL;
    struct err err;
    bool ok = xml_reader_feed(reader, buf_str(&s->body), s->body.len, &err) &&
              xml_reader_end(reader, &root, &err);
    ok = autodiscover_read(ok ? root : NULL, &s->answer);
    xml_reader_free(&reader);
    return ok;
}

static void ask(struct scene *s, const char *path, bool anonymous)
{
    char url[256];
    struct buf text;
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", exchange_server_port(s->server), path);
    buf_init(&text, 16 * KIB);
    if (strstr(path, ".svc"))
        autodiscover_soap_request(&text, url, "ann@example.com");
    else
        autodiscover_pox_request(&text, "ann@example.com");
    const struct transport_request request = {.account = &s->account,
                                              .url = url,
                                              .anonymous = anonymous,
                                              .timeout_ms = 10000,
                                              .body = body_from_buf(&text),
                                              .bytes = on_bytes,
                                              .done = on_done,
                                              .arg = s};
    buf_reset(&s->body);
    assert_non_null(s->transport->ops->start(s->transport, &request));
    loop_run(s->loop);
    assert_int_equal(s->err.kind, ERR_OK);
}

static void misbehave(struct scene *s, const char *spec)
{
    if (!ex_autodiscover_parse(spec, &s->how, &s->err))
        fail_msg("%s", s->err.text);
}

static void both_doors_ask_who_we_are_and_then_tell_the_url(void **state)
{
    struct scene *s = *state;
    static const char *const doors[] = {SVC, XML};
    char url[256];
    snprintf(url, sizeof url, "http://127.0.0.1:%d/EWS/Exchange.asmx",
             exchange_server_port(s->server));
    for (int i = 0; i < 2; i++) {
        ask(s, doors[i], true);
        assert_int_equal(s->status, 401);
        assert_true(s->offers_basic);
        ask(s, doors[i], false);
        assert_int_equal(s->status, 200);
        assert_true(understood(s));
        assert_int_equal(s->answer.word, AUTODISCOVER_SETTINGS);
        assert_string_equal(s->answer.external, url);
        assert_string_equal(s->answer.internal, url);
        assert_string_equal(s->answer.group, "STAND-IN-1");
    }
    s->account.password = "wrong";
    ask(s, SVC, false);
    assert_int_equal(s->status, 401);
}

static void a_redirect_by_http_is_handed_over_and_not_followed(void **state)
{
    struct scene *s = *state;
    misbehave(s, "redirect-to:https://mail.example.com" SVC);
    ask(s, SVC, false);
    assert_int_equal(s->status, 302);
    assert_string_equal(s->location, "https://mail.example.com" SVC);
    misbehave(s, "redirect:2");
    ask(s, SVC, false);
    assert_non_null(strstr(s->location, "/autodiscover/step1/autodiscover.svc"));
    ask(s, "/autodiscover/step1/autodiscover.svc", false);
    assert_non_null(strstr(s->location, "/autodiscover/step2/autodiscover.svc"));
    ask(s, "/autodiscover/step2/autodiscover.svc", false);
    assert_int_equal(s->status, 200);
    assert_string_equal(s->location, "");
}

static void what_is_asked_of_the_stand_in_is_what_it_says(void **state)
{
    static const struct {
        const char *spec, *path;
        enum autodiscover_word word;
        const char *target, *code;
    } table[] = {
        {"lead-to:https://a.example/", SVC, AUTODISCOVER_REDIRECT_URL, "https://a.example/",
         "RedirectUrl"},
        {"lead-to:https://a.example/", XML, AUTODISCOVER_REDIRECT_URL, "https://a.example/",
         ""},
        {"address:ann@b.example", SVC, AUTODISCOVER_REDIRECT_ADDRESS, "ann@b.example",
         "RedirectAddress"},
        {"address:ann@b.example", XML, AUTODISCOVER_REDIRECT_ADDRESS, "ann@b.example", ""},
        {"error:500", XML, AUTODISCOVER_NO_USER, "", "500"},
        {"error:600", XML, AUTODISCOVER_REFUSES, "", "600"},
        {"error:InvalidUser", SVC, AUTODISCOVER_NO_USER, "", "InvalidUser"},
        {"slow:20", SVC, AUTODISCOVER_SETTINGS, "", ""},
    };
    struct scene *s = *state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        misbehave(s, table[i].spec);
        ask(s, table[i].path, false);
        assert_int_equal(s->status, 200);
        if (!understood(s) || s->answer.word != table[i].word)
            fail_msg("%s at %s", table[i].spec, table[i].path);
        assert_string_equal(s->answer.target, table[i].target);
        assert_string_equal(s->answer.code, table[i].code);
    }
    misbehave(s, "html");
    ask(s, SVC, false);
    assert_false(understood(s));
    misbehave(s, "http-503");
    ask(s, SVC, false);
    assert_int_equal(s->status, 503);
    assert_false(ex_autodiscover_parse("nonsense", &s->how, &s->err));
    assert_false(ex_autodiscover_parse("redirect:", &s->how, &s->err));
}

#define IN_SCENE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SCENE(both_doors_ask_who_we_are_and_then_tell_the_url),
        IN_SCENE(a_redirect_by_http_is_handed_over_and_not_followed),
        IN_SCENE(what_is_asked_of_the_stand_in_is_what_it_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
