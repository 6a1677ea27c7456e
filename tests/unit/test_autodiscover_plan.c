/* Whom autodiscover asks, in which order, and above all whom it never shows credentials. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "base/text.h"
#include "ews/autodiscover_plan.h"

static struct autodiscover_plan plan;
static int refusals;

static const struct autodiscover_rules basic = {.auth = "basic", .verify = true};

#define SVC "/autodiscover/autodiscover.svc"
#define XML "/autodiscover/autodiscover.xml"
#define EWS "https://mail.example.com/EWS/Exchange.asmx"

/* ---- What a server says ----------------------------------------------------------------- */

static enum autodiscover_next begin_as(const struct autodiscover_rules *rules,
                                       const char *address)
{
    refusals = 0;
    return autodiscover_plan_begin(&plan, rules, address, NULL, &refusals);
}

static void begin(void)
{
    assert_int_equal(begin_as(&basic, "ann@example.com"), AUTODISCOVER_ASK);
}

static enum autodiscover_next saw_http(int status, const char *location, const char *challenge)
{
    static const struct err ok = {0};
    const struct autodiscover_seen seen = {
        .err = &ok, .status = status, .location = location, .challenge = challenge};
    return autodiscover_plan_saw(&plan, &seen);
}

static enum autodiscover_next saw_trouble(enum err_kind kind)
{
    struct err err;
    err_set(&err, kind, "the words of the transport");
    const struct autodiscover_seen seen = {.err = &err, .location = "", .challenge = ""};
    return autodiscover_plan_saw(&plan, &seen);
}

static enum autodiscover_next saw(const struct autodiscover_answer *answer)
{
    static const struct err ok = {0};
    const struct autodiscover_seen seen = {
        .err = &ok, .status = 200, .location = "", .challenge = "", .answer = answer};
    return autodiscover_plan_saw(&plan, &seen);
}

static enum autodiscover_next saw_word(enum autodiscover_word word, const char *target)
{
    struct autodiscover_answer answer = {.word = word, .code = "Code"};
    text_copy(answer.target, sizeof(answer.target), target);
    return saw(&answer);
}

static enum autodiscover_next saw_urls(const char *external, const char *internal)
{
    struct autodiscover_answer answer = {.word = AUTODISCOVER_SETTINGS, .group = "G1"};
    text_copy(answer.external, sizeof(answer.external), external);
    text_copy(answer.internal, sizeof(answer.internal), internal);
    return saw(&answer);
}

static enum autodiscover_next saw_challenge(void)
{
    return saw_http(401, "", "Basic realm=\"x\"");
}

static void assert_asks(enum autodiscover_kind kind, const char *url, bool credentials)
{
    assert_string_equal(plan.ask.url, url);
    assert_int_equal(plan.ask.kind, kind);
    assert_int_equal(plan.credentials, credentials);
}

static void assert_why(enum err_kind kind, const char *words)
{
    struct err err;
    autodiscover_plan_error(&plan, &err);
    if (!strstr(err.text, words))
        fail_msg("\"%s\" lacks \"%s\"", err.text, words);
    assert_int_equal(err.kind, kind);
    assert_int_equal(err.effect, ERR_EFFECT_NONE);
}

/* ---- Names ------------------------------------------------------------------------------ */

static void a_host_is_read_from_nothing_but_a_plain_https_url(void **state)
{
    static const struct {
        const char *url, *host;
    } table[] = {
        {"https://mail.example.com/EWS/Exchange.asmx", "mail.example.com"},
        {"HTTPS://Mail.Example.COM", "mail.example.com"},
        {"https://mail.example.com:8443/x?y=z", "mail.example.com"},
        {"https://mail.example.com?x", "mail.example.com"},
        {"http://mail.example.com/", NULL},
        {"ftp://mail.example.com/", NULL},
        {"https:mail.example.com", NULL},
        {"https://", NULL},
        {"https:///x", NULL},
        {"https://mail.example.com@evil.example/", NULL},
        {"https://mail.example.com:pw@evil.example/", NULL},
        {"https://evil.example\\@mail.example.com/", NULL},
        {"https://evil.example#.example.com/", NULL},
        {"https://mail.example.com%2eevil.example/", NULL},
        {"https://[::1]/", NULL},
        {"https://192.168.0.1/", NULL},
        {"https://0x7f.1/", NULL},
        {"https://localhost/", NULL},
        {"https://mail.example.com./", NULL},
        {"https://mail..example.com/", NULL},
        {"https://-mail.example.com/", NULL},
        {"https://mail-.example.com/", NULL},
        {"https://mail.example.com:0/", NULL},
        {"https://mail.example.com:99999/", NULL},
        {"https://mail.example.com:/", NULL},
        {"https://mail.example.com:44 3/", NULL},
        {" https://mail.example.com/", NULL},
        {"https://mail.example.com/\r\nX: y", NULL},
        {"https://mail.example.com/a\\b", NULL},
        {"https://mail.example.com/x#y", NULL},
        {"https://m\xc3\xa4il.example.com/", NULL},
        {"", NULL},
    };
    char host[LIMIT_HOST];
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (autodiscover_host(table[i].url, host) != (table[i].host != NULL))
            fail_msg("\"%s\" is judged wrongly", table[i].url);
        assert_string_equal(host, table[i].host ? table[i].host : "");
    }
}

static void an_address_needs_a_domain_with_a_dot(void **state)
{
    static const char *const bad[] = {"",
                                      "ann",
                                      "ann@",
                                      "@example.com",
                                      "ann@com",
                                      "ann@1.2.3.4",
                                      "ann@exa mple.com",
                                      "a@b@example.com",
                                      "ann@.com",
                                      "ann@com.",
                                      "ann@ex_ample.com",
                                      "ann@[1.2.3.4]",
                                      "ann@a.com/",
                                      "ann@a.com:1",
                                      "ann\n@a.com"};
    char domain[LIMIT_HOST];
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (autodiscover_domain(bad[i], domain))
            fail_msg("\"%s\" is taken for an address", bad[i]);
        assert_int_equal(begin_as(&basic, bad[i]), AUTODISCOVER_FAILED);
        assert_why(ERR_CONFIG, "set url");
    }
    assert_true(autodiscover_domain("Ann@Sales.Example.COM", domain));
    assert_string_equal(domain, "sales.example.com");
}

static void only_the_domain_what_is_below_it_and_what_is_named_may_be_asked(void **state)
{
    const struct autodiscover_rules named = {
        .auth = "basic", .verify = true, .hosts = "mail.hoster.example, other.example"};
    const struct autodiscover_rules token = {.auth = "oauth2", .verify = true};
    (void)state;
    assert_true(autodiscover_may_ask(&basic, "example.com", "example.com"));
    assert_true(autodiscover_may_ask(&basic, "example.com", "a.b.example.com"));
    assert_false(autodiscover_may_ask(&basic, "example.com", "badexample.com"));
    assert_false(autodiscover_may_ask(&basic, "sales.example.com", "example.com"));
    assert_false(autodiscover_may_ask(&basic, "example.com", "example.com.evil.example"));
    assert_false(autodiscover_may_ask(&basic, "example.com", "com"));
    assert_true(autodiscover_may_ask(&named, "example.com", "mail.hoster.example"));
    assert_true(autodiscover_may_ask(&named, "example.com", "x.other.example"));
    assert_false(autodiscover_may_ask(&named, "example.com", "hoster.example"));
    /* Microsoft gets tokens that Microsoft made, never a password without being named. */
    assert_true(autodiscover_may_ask(&token, "example.com", "outlook.office365.com"));
    assert_true(autodiscover_may_ask(&token, "example.com", "autodiscover-s.outlook.com"));
    assert_false(autodiscover_may_ask(&token, "example.com", "office365.com"));
    assert_false(autodiscover_may_ask(&basic, "example.com", "outlook.office365.com"));
}

/* ---- The order -------------------------------------------------------------------------- */

static void the_candidates_are_asked_in_order_and_without_credentials(void **state)
{
    (void)state;
    begin();
    assert_asks(AUTODISCOVER_SOAP, "https://example.com" SVC, false);
    assert_int_equal(saw_http(404, "", ""), AUTODISCOVER_ASK);
    assert_asks(AUTODISCOVER_SOAP, "https://autodiscover.example.com" SVC, false);
    assert_int_equal(saw_http(200, "", ""), AUTODISCOVER_ASK);
    assert_asks(AUTODISCOVER_POX, "https://example.com" XML, false);
    assert_int_equal(saw_http(500, "", ""), AUTODISCOVER_ASK);
    assert_asks(AUTODISCOVER_POX, "https://autodiscover.example.com" XML, false);
    assert_int_equal(saw_http(404, "", ""), AUTODISCOVER_ASK);
    assert_asks(AUTODISCOVER_GET, "http://autodiscover.example.com" XML, false);
    assert_int_equal(saw_http(404, "", ""), AUTODISCOVER_FAILED);
    assert_why(ERR_PROTOCOL, "no server of autodiscover");
}

static void a_host_that_asks_for_credentials_in_our_way_gets_them(void **state)
{
    (void)state;
    begin();
    saw_http(404, "", "");
    assert_int_equal(saw_http(401, "", "Negotiate, NTLM, Basic realm=\"m\""), AUTODISCOVER_ASK);
    assert_asks(AUTODISCOVER_SOAP, "https://autodiscover.example.com" SVC, true);
    assert_int_equal(saw_urls(EWS, ""), AUTODISCOVER_FOUND);
    assert_string_equal(plan.url, EWS);
    assert_string_equal(plan.group, "G1");
    assert_true(autodiscover_plan_may_keep(&plan));
}

static void a_password_is_not_shown_where_its_way_is_not_offered(void **state)
{
    static const char *const challenges[] = {"", "NTLM", "Negotiate, NTLM",
                                             "Bearer realm=Basic2", "Digest realm=\"Basic\""};
    (void)state;
    for (size_t i = 0; i < sizeof(challenges) / sizeof(challenges[0]); i++) {
        begin();
        assert_int_equal(saw_http(401, "", challenges[i]), AUTODISCOVER_ASK);
        assert_asks(AUTODISCOVER_SOAP, "https://autodiscover.example.com" SVC, false);
    }
    while (saw_http(401, "", "NTLM") == AUTODISCOVER_ASK)
        assert_false(plan.credentials);
    assert_why(ERR_CONFIG, "choose another auth");
}

static void a_token_is_shown_without_being_asked_for_to_microsoft_alone(void **state)
{
    const struct autodiscover_rules token = {.auth = "oauth2", .verify = true};
    (void)state;
    begin_as(&token, "ann@example.com");
    saw_http(401, "", "Basic realm=x");
    assert_asks(AUTODISCOVER_SOAP, "https://autodiscover.example.com" SVC, false);
    assert_int_equal(saw_http(302, "https://autodiscover-s.outlook.com" XML, ""),
                     AUTODISCOVER_ASK);
    assert_asks(AUTODISCOVER_POX, "https://autodiscover-s.outlook.com" XML, false);
    saw_http(401, "", "");
    assert_asks(AUTODISCOVER_POX, "https://autodiscover-s.outlook.com" XML, true);
    assert_int_equal(saw_urls("https://outlook.office365.com/EWS/Exchange.asmx", ""),
                     AUTODISCOVER_FOUND);
}

static void the_last_candidate_is_only_believed_for_where_it_leads(void **state)
{
    (void)state;
    begin();
    for (int i = 0; i < 4; i++)
        saw_http(404, "", "");
    assert_int_equal(plan.ask.kind, AUTODISCOVER_GET);
    assert_int_equal(saw_urls(EWS, EWS), AUTODISCOVER_FAILED);
    begin();
    for (int i = 0; i < 4; i++)
        saw_http(404, "", "");
    assert_int_equal(saw_http(302, "https://mail.example.com" XML, ""), AUTODISCOVER_ASK);
    assert_asks(AUTODISCOVER_POX, "https://mail.example.com" XML, false);
    saw_challenge();
    assert_asks(AUTODISCOVER_POX, "https://mail.example.com" XML, true);
}

/* ---- Trouble ---------------------------------------------------------------------------- */

static void a_host_that_failed_is_not_asked_again(void **state)
{
    (void)state;
    begin();
    saw_trouble(ERR_CONFIG); /* the certificate */
    assert_asks(AUTODISCOVER_SOAP, "https://autodiscover.example.com" SVC, false);
    saw_trouble(ERR_NO_HOST);
    assert_asks(AUTODISCOVER_GET, "http://autodiscover.example.com" XML, false);
    assert_int_equal(saw_http(302, "https://example.com" XML, ""), AUTODISCOVER_FAILED);
    assert_why(ERR_CONFIG, "example.com cannot be asked: the words of the transport");
    assert_false(plan.answered);
}

static void one_refusal_leads_to_another_host_and_two_end_the_search(void **state)
{
    (void)state;
    begin();
    saw_challenge();
    assert_int_equal(saw_challenge(), AUTODISCOVER_ASK);
    assert_asks(AUTODISCOVER_SOAP, "https://autodiscover.example.com" SVC, false);
    saw_challenge();
    assert_int_equal(saw_challenge(), AUTODISCOVER_FAILED);
    assert_why(ERR_DENIED, "locked out");
    assert_int_equal(refusals, 2);
    /* One that is let in begins anew. */
    begin();
    saw_challenge();
    saw_challenge();
    saw_challenge();
    assert_int_equal(saw_urls(EWS, ""), AUTODISCOVER_FOUND);
    assert_int_equal(refusals, 0);
}

static void a_second_refusal_elsewhere_ends_this_search_too(void **state)
{
    (void)state;
    begin();
    refusals = 2;
    assert_int_equal(saw_challenge(), AUTODISCOVER_FAILED);
    assert_false(plan.credentials);
}

static void the_server_of_the_domain_has_the_last_word_on_an_unknown_address(void **state)
{
    (void)state;
    begin();
    saw_challenge();
    assert_int_equal(saw_word(AUTODISCOVER_NO_USER, ""), AUTODISCOVER_FAILED);
    assert_why(ERR_NO_MAILBOX, "ann@example.com");
    begin(); /* one that never asked who we are has not */
    assert_int_equal(saw_word(AUTODISCOVER_NO_USER, ""), AUTODISCOVER_ASK);
}

static void an_error_inside_an_answer_leads_to_the_next_candidate(void **state)
{
    (void)state;
    begin();
    assert_int_equal(saw_word(AUTODISCOVER_REFUSES, ""), AUTODISCOVER_ASK);
    assert_asks(AUTODISCOVER_SOAP, "https://autodiscover.example.com" SVC, false);
    assert_int_equal(saw_word(AUTODISCOVER_BUSY, ""), AUTODISCOVER_ASK);
    assert_asks(AUTODISCOVER_POX, "https://example.com" XML, false);
    assert_true(plan.answered);
}

/* ---- Redirects -------------------------------------------------------------------------- */

static void a_redirect_is_followed_within_the_domain_and_over_https_only(void **state)
{
    static const char *const bad[] = {"http://mail.example.com" XML,
                                      "https://mail.evil.example" XML,
                                      "https://evil.example/?mail.example.com",
                                      "https://example.com@evil.example" XML,
                                      "https://notexample.com" XML,
                                      "https://com" XML,
                                      "/owa/auth/logon.aspx",
                                      "//evil.example" XML,
                                      "",
                                      "https://example.com" SVC /* where we are */};
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        begin();
        assert_int_equal(saw_http(302, bad[i], ""), AUTODISCOVER_ASK);
        assert_asks(AUTODISCOVER_SOAP, "https://autodiscover.example.com" SVC, false);
        begin();
        assert_int_equal(saw_word(AUTODISCOVER_REDIRECT_URL, bad[i]), AUTODISCOVER_ASK);
        assert_asks(AUTODISCOVER_SOAP, "https://autodiscover.example.com" SVC, false);
        assert_int_equal(plan.hops, 0);
    }
    begin();
    saw_challenge();
    assert_int_equal(saw_word(AUTODISCOVER_REDIRECT_URL, "https://mail.example.com" SVC),
                     AUTODISCOVER_ASK);
    assert_asks(AUTODISCOVER_SOAP, "https://mail.example.com" SVC, false);
    assert_int_equal(plan.hops, 1);
}

static void a_host_that_may_not_be_asked_is_named_with_the_remedy(void **state)
{
    (void)state;
    begin();
    saw_http(302, "https://mail.hoster.example" XML, "");
    while (saw_http(404, "", "") == AUTODISCOVER_ASK)
        continue;
    assert_why(ERR_CONFIG, "leads to mail.hoster.example, which is not below example.com; if "
                           "it is yours, name it in autodiscover-hosts");
}

static void without_a_verified_certificate_no_redirect_sees_credentials(void **state)
{
    const struct autodiscover_rules laboratory = {.auth = "basic", .verify = false};
    (void)state;
    begin_as(&laboratory, "ann@example.com");
    saw_http(302, "https://mail.example.com" SVC, "");
    assert_int_equal(saw_challenge(), AUTODISCOVER_ASK);
    assert_asks(AUTODISCOVER_SOAP, "https://autodiscover.example.com" SVC, false);
    saw_word(AUTODISCOVER_REDIRECT_ADDRESS, "ann@sub.example.com");
    assert_asks(AUTODISCOVER_SOAP, "https://sub.example.com" SVC, false);
    while (saw_challenge() == AUTODISCOVER_ASK)
        assert_false(plan.credentials);
    begin_as(&laboratory, "ann@example.com");
    saw_challenge();
    assert_true(
        plan.credentials); /* the candidates of the address itself do, in a laboratory */
}

static void ten_hops_are_followed_and_not_eleven(void **state)
{
    char url[100];
    (void)state;
    begin();
    for (int i = 1; i <= LIMIT_AUTODISCOVER_HOPS; i++) {
        snprintf(url, sizeof(url), "https://h%d.example.com" SVC, i);
        assert_int_equal(saw_http(302, url, ""), AUTODISCOVER_ASK);
        assert_string_equal(plan.ask.url, url);
    }
    assert_int_equal(saw_http(302, "https://h11.example.com" SVC, ""), AUTODISCOVER_FAILED);
    assert_why(ERR_PROTOCOL, "one redirect too many");
}

static void hops_of_every_kind_are_counted_together(void **state)
{
    char text[100];
    (void)state;
    begin();
    for (int i = 1; i <= LIMIT_AUTODISCOVER_HOPS; i++) {
        snprintf(text, sizeof(text),
                 i % 2 ? "ann@s%d.example.com" : "https://h%d.example.com" XML, i);
        assert_int_equal(
            saw_word(i % 2 ? AUTODISCOVER_REDIRECT_ADDRESS : AUTODISCOVER_REDIRECT_URL, text),
            AUTODISCOVER_ASK);
    }
    assert_int_equal(plan.hops, LIMIT_AUTODISCOVER_HOPS);
    assert_int_equal(saw_word(AUTODISCOVER_REDIRECT_ADDRESS, "ann@x.example.com"),
                     AUTODISCOVER_FAILED);
}

static void a_circle_is_left_at_once(void **state)
{
    (void)state;
    begin();
    saw_http(302, "https://a.example.com" SVC, "");
    saw_http(302, "https://b.example.com" SVC, "");
    assert_int_equal(saw_http(302, "https://a.example.com" SVC, ""), AUTODISCOVER_ASK);
    assert_asks(AUTODISCOVER_SOAP, "https://autodiscover.example.com" SVC, false);
    assert_int_equal(plan.hops, 2);
}

static void another_address_begins_anew_and_never_the_same_twice(void **state)
{
    (void)state;
    begin();
    saw_word(AUTODISCOVER_REDIRECT_ADDRESS, "a.nn@sub.example.com");
    assert_asks(AUTODISCOVER_SOAP, "https://sub.example.com" SVC, false);
    assert_string_equal(plan.address, "a.nn@sub.example.com");
    saw_word(AUTODISCOVER_REDIRECT_ADDRESS, "ANN@example.com");
    assert_asks(AUTODISCOVER_SOAP, "https://autodiscover.sub.example.com" SVC, false);
    saw_word(AUTODISCOVER_REDIRECT_ADDRESS, "ann@evil.example");
    assert_asks(AUTODISCOVER_POX, "https://sub.example.com" XML, false);
    saw_urls(EWS, "");
    assert_false(autodiscover_plan_may_keep(&plan)); /* it is another address's door */
}

/* ---- What is found ---------------------------------------------------------------------- */

static void the_url_that_is_found_is_held_to_the_same_rule(void **state)
{
    static const char *const bad[] = {"http://mail.example.com/EWS/Exchange.asmx",
                                      "https://mail.evil.example/EWS/Exchange.asmx",
                                      "https://exchange/EWS/Exchange.asmx", "rubbish"};
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        begin();
        assert_int_equal(saw_urls(bad[i], ""), AUTODISCOVER_ASK);
        assert_string_equal(plan.url, "");
        begin();
        assert_int_equal(saw_urls(bad[i], EWS), AUTODISCOVER_FOUND);
        assert_string_equal(plan.url, EWS);
    }
}

static void the_external_url_comes_first_unless_asked_otherwise(void **state)
{
    struct autodiscover_rules inside = basic;
    (void)state;
    begin();
    assert_int_equal(saw_urls(EWS, "https://in.example.com/"), AUTODISCOVER_FOUND);
    assert_string_equal(plan.url, EWS);
    inside.internal_first = true;
    begin_as(&inside, "ann@example.com");
    assert_int_equal(saw_urls(EWS, "https://in.example.com/"), AUTODISCOVER_FOUND);
    assert_string_equal(plan.url, "https://in.example.com/");
}

static void a_door_that_is_known_is_asked_first(void **state)
{
    const struct autodiscover_endpoint door = {AUTODISCOVER_POX,
                                               "https://mail.example.com" XML};
    (void)state;
    refusals = 0;
    assert_int_equal(
        autodiscover_plan_begin(&plan, &basic, "bob@example.com", &door, &refusals),
        AUTODISCOVER_ASK);
    assert_asks(AUTODISCOVER_POX, door.url, false);
    saw_trouble(ERR_UNAVAILABLE);
    assert_asks(AUTODISCOVER_SOAP, "https://example.com" SVC, false);
}

/* ---- Any hostile server ----------------------------------------------------------------- */

static const char *const targets[] = {
    "https://mail.example.com" SVC,
    "https://a.example.com" XML,
    "https://b.example.com/x",
    "https://evil.example" SVC,
    "http://mail.example.com" XML,
    "http://evil.example" XML,
    "https://example.com@evil.example/",
    "https://example.com.evil.example/",
    "https://evilexample.com/",
    "https://named.example" SVC,
    "https://com/",
    "https://10.0.0.1/",
    "",
    "https://mail.example.com:444" SVC,
    "HTTPS://MAIL.EXAMPLE.COM/X",
    "https://evil.example\\.example.com/",
};
static const char *const people[] = {"ann@example.com",
                                     "ann@sub.example.com",
                                     "bob@sub.example.com",
                                     "ann@evil.example",
                                     "ann@com",
                                     "ann@named.example",
                                     "x",
                                     "ann@a.b.example.com"};
static const char *const challenges[] = {"Basic realm=\"x\"", "Negotiate, NTLM", "Bearer", "",
                                         "basic, Bearer"};

#define ANY(rng, table) table[rng_below(rng, sizeof(table) / sizeof(table)[0])]

static enum autodiscover_next hostile_answer(struct rng *rng)
{
    char url[LIMIT_URL];
    switch (rng_below(rng, 8)) {
    case 0: return saw_trouble(rng_below(rng, 2) ? ERR_CONFIG : ERR_UNAVAILABLE);
    case 1: return saw_http(404, "", "");
    case 2: return saw_http(401, "", ANY(rng, challenges));
    case 3: return saw_http(302, ANY(rng, targets), "");
    case 4: return saw_word(AUTODISCOVER_REDIRECT_URL, ANY(rng, targets));
    case 5: return saw_word(AUTODISCOVER_REDIRECT_ADDRESS, ANY(rng, people));
    case 6:
        snprintf(url, sizeof(url), "https://r%u.example.com" SVC,
                 (unsigned)rng_below(rng, 1000));
        return saw_http(302, url, "");
    default: return saw_urls(ANY(rng, targets), ANY(rng, targets));
    }
}

static bool ends_with(const char *text, const char *end)
{
    size_t len = strlen(text), n = strlen(end);
    return len >= n && strcmp(text + len - n, end) == 0;
}

/* Said anew here, in other words than in the plan. */
static bool is_ours(const char *url, bool named)
{
    char host[256];
    if (strncasecmp(url, "https://", 8) != 0)
        return false;
    snprintf(host, sizeof(host), ".%.*s", (int)strcspn(url + 8, "/:?"), url + 8);
    for (char *p = host; *p; p++)
        *p = *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;
    return !strpbrk(url, "@\\#") &&
           (ends_with(host, ".example.com") || (named && ends_with(host, ".named.example")));
}

static bool is_candidate(const char *url)
{
    return strcmp(url, "https://example.com" SVC) == 0 ||
           strcmp(url, "https://example.com" XML) == 0 ||
           strcmp(url, "https://autodiscover.example.com" SVC) == 0 ||
           strcmp(url, "https://autodiscover.example.com" XML) == 0;
}

static void check_question(const struct autodiscover_rules *rules)
{
    assert_true(plan.hops <= LIMIT_AUTODISCOVER_HOPS);
    if (plan.ask.kind == AUTODISCOVER_GET) {
        assert_false(plan.credentials);
        assert_true(strncmp(plan.ask.url, "http://autodiscover.", 20) == 0);
        return;
    }
    assert_true(is_ours(plan.ask.url, rules->hosts != NULL));
    if (!plan.credentials)
        return;
    assert_true(refusals < LIMIT_REFUSED_PASSWORDS);
    assert_true(rules->verify || is_candidate(plan.ask.url));
}

/* Whatever is answered: credentials go over https to allowed hosts only, and it ends. */
static void no_answer_leads_credentials_astray_and_every_search_ends(void **state)
{
    static const struct autodiscover_rules table[] = {
        {.auth = "basic", .verify = true},
        {.auth = "basic", .verify = true, .hosts = "named.example"},
        {.auth = "basic", .verify = false},
        {.auth = "ntlm", .verify = true},
    };
    long shown = 0, found = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= 200000; seed++) {
        const struct autodiscover_rules *rules = &table[seed % 4];
        struct rng rng = rng_seed(seed);
        enum autodiscover_next next = begin_as(rules, "ann@example.com");
        int questions = 0;
        for (; next == AUTODISCOVER_ASK; questions++) {
            check_question(rules);
            shown += plan.credentials;
            next = hostile_answer(&rng);
            assert_true(questions < 200);
        }
        found += next == AUTODISCOVER_FOUND;
        assert_true(next != AUTODISCOVER_FOUND || is_ours(plan.url, rules->hosts != NULL));
    }
    print_message("credentials were shown %ld times, a URL was found %ld times\n", shown,
                  found);
    assert_true(shown > 1000 && found > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_is_read_from_nothing_but_a_plain_https_url),
        cmocka_unit_test(an_address_needs_a_domain_with_a_dot),
        cmocka_unit_test(only_the_domain_what_is_below_it_and_what_is_named_may_be_asked),
        cmocka_unit_test(the_candidates_are_asked_in_order_and_without_credentials),
        cmocka_unit_test(a_host_that_asks_for_credentials_in_our_way_gets_them),
        cmocka_unit_test(a_password_is_not_shown_where_its_way_is_not_offered),
        cmocka_unit_test(a_token_is_shown_without_being_asked_for_to_microsoft_alone),
        cmocka_unit_test(the_last_candidate_is_only_believed_for_where_it_leads),
        cmocka_unit_test(a_host_that_failed_is_not_asked_again),
        cmocka_unit_test(one_refusal_leads_to_another_host_and_two_end_the_search),
        cmocka_unit_test(a_second_refusal_elsewhere_ends_this_search_too),
        cmocka_unit_test(the_server_of_the_domain_has_the_last_word_on_an_unknown_address),
        cmocka_unit_test(an_error_inside_an_answer_leads_to_the_next_candidate),
        cmocka_unit_test(a_redirect_is_followed_within_the_domain_and_over_https_only),
        cmocka_unit_test(a_host_that_may_not_be_asked_is_named_with_the_remedy),
        cmocka_unit_test(without_a_verified_certificate_no_redirect_sees_credentials),
        cmocka_unit_test(ten_hops_are_followed_and_not_eleven),
        cmocka_unit_test(hops_of_every_kind_are_counted_together),
        cmocka_unit_test(a_circle_is_left_at_once),
        cmocka_unit_test(another_address_begins_anew_and_never_the_same_twice),
        cmocka_unit_test(the_url_that_is_found_is_held_to_the_same_rule),
        cmocka_unit_test(the_external_url_comes_first_unless_asked_otherwise),
        cmocka_unit_test(a_door_that_is_known_is_asked_first),
        cmocka_unit_test(no_answer_leads_credentials_astray_and_every_search_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
