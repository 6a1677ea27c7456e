/* Autodiscover's requests, and what is read from answers of both kinds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "ews/autodiscover_message.h"
#include "tests/support/ews_fixture.h"

#define NS_SOAP "http://schemas.microsoft.com/exchange/2010/Autodiscover"
#define NS_POX  "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"

static struct autodiscover_answer answer;

static bool read_bytes(const char *text, size_t len)
{
    static const struct xml_limits limits = {LIMIT_AUTODISCOVER_BYTES, LIMIT_XML_DEPTH, 20000};
    struct xml_reader *reader = xml_reader_new(&limits, NULL);
    const struct xml_node *root = NULL;
    struct err err;
    bool ok = xml_reader_feed(reader, text, len, &err) && xml_reader_end(reader, &root, &err);
    ok = autodiscover_read(ok ? root : NULL, &answer);
    xml_reader_free(&reader);
    return ok;
}

static bool read_soap(const char *response)
{
    char text[8192];
    snprintf(text, sizeof(text),
             "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body>"
             "<GetUserSettingsResponseMessage xmlns='" NS_SOAP "'><Response>%s</Response>"
             "</GetUserSettingsResponseMessage></s:Body></s:Envelope>",
             response);
    return read_bytes(text, strlen(text));
}

static bool read_user(const char *user)
{
    char text[6000];
    snprintf(text, sizeof(text),
             "<ErrorCode>NoError</ErrorCode><UserResponses><UserResponse>%s</UserResponse>"
             "</UserResponses>",
             user);
    return read_soap(text);
}

static bool read_pox(const char *response)
{
    char text[8192];
    snprintf(text, sizeof(text),
             "<Autodiscover xmlns='http://schemas.microsoft.com/exchange/autodiscover/"
             "responseschema/2006'>%s</Autodiscover>",
             response);
    return read_bytes(text, strlen(text));
}

static bool read_account(const char *account)
{
    char text[6000];
    snprintf(text, sizeof(text),
             "<Response xmlns='" NS_POX "'><Account>%s</Account></Response>", account);
    return read_pox(text);
}

/* ---- Requests --------------------------------------------------------------------------- */

static const char *text_at(const struct xml_node *root, const char *name)
{
    return xml_text(xml_find(root, NULL, name));
}

static void requests_say_whose_settings_and_hostile_addresses_stay_texts(void **state)
{
    static const char *const address = "a<&>\"b@example.com";
    static const struct xml_limits limits = {LIMIT_AUTODISCOVER_BYTES, LIMIT_XML_DEPTH, 20000};
    (void)state;
    for (int soap = 0; soap < 2; soap++) {
        struct buf text;
        const struct xml_node *root;
        struct err err;
        struct xml_reader *reader = xml_reader_new(&limits, NULL);
        buf_init(&text, 65536);
        if (soap)
            autodiscover_soap_request(&text, "https://example.com/x?a&b", address);
        else
            autodiscover_pox_request(&text, address);
        assert_true(xml_reader_feed(reader, buf_str(&text), text.len, &err));
        assert_true(xml_reader_end(reader, &root, &err));
        assert_string_equal(text_at(root, soap ? "Mailbox" : "EMailAddress"), address);
        if (soap) {
            assert_string_equal(text_at(root, "To"), "https://example.com/x?a&b");
            assert_string_equal(text_at(root, "Action"),
                                NS_SOAP "/Autodiscover/GetUserSettings");
            assert_string_equal(text_at(root, "Setting"), "ExternalEwsUrl");
        } else {
            assert_string_equal(text_at(root, "AcceptableResponseSchema"), NS_POX);
        }
        xml_reader_free(&reader);
        buf_clear(&text);
    }
}

/* ---- SOAP ------------------------------------------------------------------------------- */

#define SETTING(name, value)                                                                   \
    "<UserSetting><Name>" name "</Name><Value>" value "</Value></UserSetting>"

static void settings_of_soap_are_read(void **state)
{
    (void)state;
    assert_true(
        read_user("<ErrorCode>NoError</ErrorCode><UserSettings>" SETTING(
            "ExternalEwsUrl", " https://mail.example.com/EWS/Exchange.asmx\n")
                      SETTING("InternalEwsUrl", "https://in.example.com/EWS/Exchange.asmx")
                          SETTING("GroupingInformation", "SITE-1")
                              SETTING("EwsSupportedSchemas", "Exchange2007, Exchange2010")
                                  SETTING("UserDN", "x") "</UserSettings>"));
    assert_int_equal(answer.word, AUTODISCOVER_SETTINGS);
    assert_string_equal(answer.external, "https://mail.example.com/EWS/Exchange.asmx");
    assert_string_equal(answer.internal, "https://in.example.com/EWS/Exchange.asmx");
    assert_string_equal(answer.group, "SITE-1");
    assert_string_equal(answer.schemas, "Exchange2007, Exchange2010");
}

static void errors_of_soap_are_read_at_each_of_three_levels(void **state)
{
    static const struct {
        const char *code;
        enum autodiscover_word word;
    } table[] = {
        {"InvalidUser", AUTODISCOVER_NO_USER},      {"ServerBusy", AUTODISCOVER_BUSY},
        {"InternalServerError", AUTODISCOVER_BUSY}, {"InvalidRequest", AUTODISCOVER_REFUSES},
        {"NotFederated", AUTODISCOVER_REFUSES},     {"SomethingNew", AUTODISCOVER_REFUSES},
    };
    char text[512];
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        snprintf(text, sizeof(text), "<ErrorCode>%s</ErrorCode>", table[i].code);
        assert_true(read_user(text));
        assert_int_equal(answer.word, table[i].word);
        assert_string_equal(answer.code, table[i].code);
        assert_true(read_soap(text));
        assert_int_equal(answer.word, table[i].word == AUTODISCOVER_BUSY
                                          ? AUTODISCOVER_BUSY
                                          : AUTODISCOVER_REFUSES);
    }
    assert_true(read_user("<UserSettingErrors><UserSettingError><ErrorCode>"
                          "SettingIsNotAvailable</ErrorCode><SettingName>ExternalEwsUrl"
                          "</SettingName></UserSettingError></UserSettingErrors>"));
    assert_int_equal(answer.word, AUTODISCOVER_REFUSES);
    assert_string_equal(answer.code, "SettingIsNotAvailable");
    /* A redirect of the request as such is none. */
    assert_true(read_soap("<ErrorCode>RedirectUrl</ErrorCode>"));
    assert_int_equal(answer.word, AUTODISCOVER_REFUSES);
}

static void one_url_is_enough(void **state)
{
    (void)state;
    assert_true(read_user("<UserSettingErrors><UserSettingError><ErrorCode>"
                          "SettingIsNotAvailable</ErrorCode></UserSettingError>"
                          "</UserSettingErrors><UserSettings>" SETTING(
                              "InternalEwsUrl", "https://in.example.com/") "</UserSettings>"));
    assert_int_equal(answer.word, AUTODISCOVER_SETTINGS);
    assert_string_equal(answer.external, "");
    assert_string_equal(answer.internal, "https://in.example.com/");
}

static void redirects_of_soap_are_read(void **state)
{
    (void)state;
    assert_true(read_user("<ErrorCode>RedirectAddress</ErrorCode>"
                          "<RedirectTarget>ann@mail.example.com</RedirectTarget>"));
    assert_int_equal(answer.word, AUTODISCOVER_REDIRECT_ADDRESS);
    assert_string_equal(answer.target, "ann@mail.example.com");
    assert_true(read_user("<ErrorCode>RedirectUrl</ErrorCode>"
                          "<RedirectTarget>https://mail.example.com/x</RedirectTarget>"));
    assert_int_equal(answer.word, AUTODISCOVER_REDIRECT_URL);
    assert_string_equal(answer.target, "https://mail.example.com/x");
}

static void answers_for_several_users_or_none_are_no_answer(void **state)
{
    (void)state;
    assert_false(read_soap("<UserResponses/>"));
    assert_false(read_soap("<UserResponses><UserResponse/><UserResponse/></UserResponses>"));
    assert_false(read_bytes("<html/>", 7));
    assert_false(read_bytes("", 0));
    assert_false(read_pox(""));
    assert_false(read_pox("<Response xmlns='" NS_POX "'/>"));
    assert_false(read_pox("<Response xmlns='urn:other'><Account/></Response>"));
}

static void a_fault_of_soap_is_a_refusal(void **state)
{
    static const char fault[] =
        "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body><s:Fault>"
        "<faultcode>a:InvalidMessage</faultcode><faultstring>no</faultstring></s:Fault>"
        "</s:Body></s:Envelope>";
    (void)state;
    assert_true(read_bytes(fault, strlen(fault)));
    assert_int_equal(answer.word, AUTODISCOVER_REFUSES);
    assert_string_equal(answer.code, "InvalidMessage");
}

/* ---- POX -------------------------------------------------------------------------------- */

static void settings_of_pox_are_read_by_protocol(void **state)
{
    (void)state;
    assert_true(read_account("<Action>settings</Action>"
                             "<Protocol><Type>EXCH</Type><ASUrl>https://as.example.com/</ASUrl>"
                             "<EwsUrl>https://in.example.com/</EwsUrl></Protocol>"
                             "<Protocol><Type>EXPR</Type><EwsUrl>https://out.example.com/"
                             "</EwsUrl><GroupingInformation>G</GroupingInformation></Protocol>"
                             "<Protocol><Type>WEB</Type><External><Protocol><Type>EXPR</Type>"
                             "<ASUrl>https://web.example.com/</ASUrl></Protocol></External>"
                             "</Protocol>"));
    assert_int_equal(answer.word, AUTODISCOVER_SETTINGS);
    assert_string_equal(answer.external, "https://out.example.com/");
    assert_string_equal(answer.internal, "https://in.example.com/");
    assert_string_equal(answer.group, "G");
}

static void the_urls_of_the_browsers_pages_are_the_last_resort(void **state)
{
    (void)state;
    assert_true(read_account("<Protocol><Type>EXPR</Type></Protocol><Protocol><Type>WEB</Type>"
                             "<Internal><Protocol><ASUrl>https://in.example.com/</ASUrl>"
                             "</Protocol></Internal></Protocol>"));
    assert_string_equal(answer.external, "");
    assert_string_equal(answer.internal, "https://in.example.com/");
    assert_true(read_account("<Action>settings</Action>"));
    assert_int_equal(answer.word, AUTODISCOVER_REFUSES);
}

static void errors_inside_http_200_are_read(void **state)
{
    static const struct {
        const char *code;
        enum autodiscover_word word;
    } table[] = {{"500", AUTODISCOVER_NO_USER},
                 {"600", AUTODISCOVER_REFUSES},
                 {"601", AUTODISCOVER_REFUSES},
                 {"602", AUTODISCOVER_BUSY},
                 {"603", AUTODISCOVER_BUSY}};
    char text[512];
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        snprintf(
            text, sizeof(text),
            "<Response><Error Time='x' Id='1'><ErrorCode>%s</ErrorCode><Message>m</Message>"
            "</Error></Response>",
            table[i].code);
        assert_true(read_pox(text));
        assert_int_equal(answer.word, table[i].word);
        assert_string_equal(answer.code, table[i].code);
    }
}

static void redirects_of_pox_are_read(void **state)
{
    (void)state;
    assert_true(read_account("<Action>redirectAddr</Action><RedirectAddr>a@b.example.com"
                             "</RedirectAddr>"));
    assert_int_equal(answer.word, AUTODISCOVER_REDIRECT_ADDRESS);
    assert_string_equal(answer.target, "a@b.example.com");
    assert_true(read_account("<Action>redirectUrl</Action><RedirectUrl>https://b.example.com/"
                             "</RedirectUrl>"));
    assert_int_equal(answer.word, AUTODISCOVER_REDIRECT_URL);
    assert_string_equal(answer.target, "https://b.example.com/");
}

static void what_is_too_long_or_has_control_characters_is_not_taken(void **state)
{
    char text[5000], url[LIMIT_URL + 1] = "https://example.com/";
    (void)state;
    memset(url + strlen(url), 'x', sizeof(url) - strlen(url) - 1);
    snprintf(text, sizeof(text), "<Protocol><Type>EXPR</Type><EwsUrl>%s</EwsUrl></Protocol>",
             url);
    assert_true(read_account(text));
    assert_int_equal(answer.word, AUTODISCOVER_REFUSES);
    assert_true(read_account("<Protocol><Type>EXPR</Type><EwsUrl>https://a.example.com/&#10;x"
                             "</EwsUrl></Protocol>"));
    assert_string_equal(answer.external, "");
    assert_true(read_user("<ErrorCode>Evil\"Code&#10;</ErrorCode>"));
    assert_string_equal(answer.code, "Evil?Code");
}

/* ---- Recorded answers ------------------------------------------------------------------- */

static void recorded_answers_are_understood(void **state)
{
    static const struct {
        const char *file;
        enum autodiscover_word word;
        const char *external, *internal, *target, *group;
    } table[] = {
        {"doc-use-autodiscover-to-find-connection-points-2.xml", AUTODISCOVER_REDIRECT_ADDRESS,
         "", "", "User1@mail.Contoso.com", ""},
        {"doc-use-autodiscover-to-find-connection-points-4.xml", AUTODISCOVER_SETTINGS,
         "https://server.Contoso.com/ews/exchange.asmx",
         "https://server.Contoso.com/ews/exchange.asmx", "", ""},
        {"doc-handling-autodiscover-error-messages-0.xml", AUTODISCOVER_REDIRECT_ADDRESS, "",
         "", "elvin@mail.contoso.com", ""},
        {"doc-handling-autodiscover-error-messages-1.xml", AUTODISCOVER_REDIRECT_ADDRESS, "",
         "", "elvin@mail.contoso.com", ""},
        {"doc-getusersettings-operation-soap-1.xml", AUTODISCOVER_REFUSES, "", "", "", ""},
        {"doc-get-user-settings-from-exchange-by-using-autodiscover-6.xml",
         AUTODISCOVER_SETTINGS, "", "https://mail.contoso.com/EWS/Exchange.asmx", "", ""},
        {"doc-pox-autodiscover-response-for-exchange-0.xml", AUTODISCOVER_SETTINGS,
         "https://mail.contoso.com/ews/exchange.asmx",
         "https://mail.contoso.com/ews/exchange.asmx", "", ""},
        {"doc-pox-autodiscover-response-for-exchange-1.xml", AUTODISCOVER_REFUSES, "", "", "",
         ""},
        {"ewscpp-autodiscover_response.xml", AUTODISCOVER_SETTINGS,
         "https://outlook.office365.com/EWS/Exchange.asmx",
         "https://outlook.office365.com/EWS/Exchange.asmx", "", "VI1PR09"},
        {"synthetic/autodiscover-pox-redirectUrl.xml", AUTODISCOVER_REDIRECT_URL, "", "",
         "https://autodiscover.hoster.example/autodiscover/autodiscover.xml", ""},
    };
    char path[600];
    int read = 0;
    (void)state;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct buf text;
        struct err err;
        snprintf(path, sizeof(path), "%s/ews-traces/%s", fixture_shared(), table[i].file);
        buf_init(&text, MIB);
        if (file_read(path, &text, &err)) {
            read++;
            if (!read_bytes(buf_str(&text), text.len) || answer.word != table[i].word)
                fail_msg("%s is misunderstood", table[i].file);
            assert_string_equal(answer.external, table[i].external);
            assert_string_equal(answer.internal, table[i].internal);
            assert_string_equal(answer.target, table[i].target);
            assert_string_equal(answer.group, table[i].group);
        }
        buf_clear(&text);
    }
    if (!read) {
        print_message("no recorded answers here\n");
        skip();
    }
    assert_int_equal(read, sizeof(table) / sizeof(table[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_say_whose_settings_and_hostile_addresses_stay_texts),
        cmocka_unit_test(settings_of_soap_are_read),
        cmocka_unit_test(errors_of_soap_are_read_at_each_of_three_levels),
        cmocka_unit_test(one_url_is_enough),
        cmocka_unit_test(redirects_of_soap_are_read),
        cmocka_unit_test(answers_for_several_users_or_none_are_no_answer),
        cmocka_unit_test(a_fault_of_soap_is_a_refusal),
        cmocka_unit_test(settings_of_pox_are_read_by_protocol),
        cmocka_unit_test(the_urls_of_the_browsers_pages_are_the_last_resort),
        cmocka_unit_test(errors_inside_http_200_are_read),
        cmocka_unit_test(redirects_of_pox_are_read),
        cmocka_unit_test(what_is_too_long_or_has_control_characters_is_not_taken),
        cmocka_unit_test(recorded_answers_are_understood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
