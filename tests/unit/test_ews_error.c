/* What each answer of Exchange means for us. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/limits.h"
#include "ews/ews_error.h"
#include "ews/ews_error_table.h"
#include "tests/support/ews_fixture.h"

static void every_code_of_the_schema_is_graded(void **state)
{
    (void)state;
    char path[1024];
    snprintf(path, sizeof(path), "%s/ews-schema/messages.xsd", fixture_shared());
    struct buf text;
    struct err err = {0};
    buf_init(&text, 8 * MIB);
    if (!file_read(path, &text, &err)) {
        print_message("skipped: no schema at %s\n", path);
        skip();
    }
    const char *at = strstr(buf_str(&text), "name=\"ResponseCodeType\"");
    const char *end = strstr(at, "</xs:simpleType>");
    int count = 0;
    while ((at = strstr(at, "enumeration value=\"")) && at < end) {
        char code[100];
        at += strlen("enumeration value=\"");
        snprintf(code, sizeof(code), "%.*s", (int)strcspn(at, "\""), at);
        if (strcmp(code, "NoError") == 0)
            continue;
        if (!ews_error_known(code))
            fail_msg("%s is not in the table", code);
        count++;
    }
    assert_int_equal(count, 520);
    buf_clear(&text);
}

static void the_table_is_sorted_and_every_row_has_a_grade_and_a_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < ews_error_table_count; i++) {
        const char *code = ews_error_table[i].code;
        struct err err = {0};
        if (i > 0)
            assert_true(strcmp(ews_error_table[i - 1].code, code) < 0);
        assert_true(ews_error_table[i].grade < EWS_GRADES);
        assert_false(ews_error_from_code(&err, code, "Some words.", 0));
        assert_true(err.kind != ERR_OK);
        assert_string_equal(err.code, code);
        assert_true(strlen(err.text) > strlen(code) + 40);
        assert_true(strlen(err.text) < sizeof(err.text) - 1);
        assert_non_null(strstr(err.text, "Some words."));
    }
}

struct expected {
    const char *code;
    enum err_kind kind;
    enum err_scope scope;
    enum err_when when;
    enum err_effect effect;
};

static void codes_that_matter_are_graded_as_the_rules_say(void **state)
{
    (void)state;
    static const struct expected rows[] = {
        {"ErrorServerBusy", ERR_UNAVAILABLE, ERR_SCOPE_MAILBOX, ERR_WHEN_BACK_OFF,
         ERR_EFFECT_NONE},
        {"ErrorTimeoutExpired", ERR_UNAVAILABLE, ERR_SCOPE_MAILBOX, ERR_WHEN_BACK_OFF,
         ERR_EFFECT_UNKNOWN},
        {"ErrorInternalServerError", ERR_TEMPORARY, ERR_SCOPE_ITEM, ERR_WHEN_RETRY,
         ERR_EFFECT_UNKNOWN},
        {"ErrorMailboxMoveInProgress", ERR_UNAVAILABLE, ERR_SCOPE_MAILBOX, ERR_WHEN_BACK_OFF,
         ERR_EFFECT_UNKNOWN},
        {"ErrorInsufficientResources", ERR_UNAVAILABLE, ERR_SCOPE_MAILBOX, ERR_WHEN_BACK_OFF,
         ERR_EFFECT_UNKNOWN},
        {"ErrorMailboxStoreUnavailable", ERR_TEMPORARY, ERR_SCOPE_MAILBOX, ERR_WHEN_RETRY,
         ERR_EFFECT_UNKNOWN},
        {"ErrorADUnavailable", ERR_TEMPORARY, ERR_SCOPE_MAILBOX, ERR_WHEN_RETRY,
         ERR_EFFECT_NONE},
        {"ErrorAccessDenied", ERR_DENIED, ERR_SCOPE_MAILBOX, ERR_WHEN_BACK_OFF,
         ERR_EFFECT_NONE},
        {"ErrorPasswordExpired", ERR_DENIED, ERR_SCOPE_ACCOUNT, ERR_WHEN_BACK_OFF,
         ERR_EFFECT_NONE},
        {"ErrorInvalidServerVersion", ERR_CONFIG, ERR_SCOPE_ACCOUNT, ERR_WHEN_BACK_OFF,
         ERR_EFFECT_NONE},
        {"ErrorExceededSubscriptionCount", ERR_UNAVAILABLE, ERR_SCOPE_MAILBOX,
         ERR_WHEN_BACK_OFF, ERR_EFFECT_NONE},
        {"ErrorSubscriptionNotFound", ERR_GONE, ERR_SCOPE_ITEM, ERR_WHEN_RETRY,
         ERR_EFFECT_NONE},
        {"ErrorQuotaExceededOnDelete", ERR_FULL, ERR_SCOPE_MAILBOX, ERR_WHEN_BACK_OFF,
         ERR_EFFECT_NONE},
        {"ErrorMoveCopyFailed", ERR_TEMPORARY, ERR_SCOPE_ITEM, ERR_WHEN_RETRY,
         ERR_EFFECT_UNKNOWN},
        {"ErrorImpersonationDenied", ERR_DENIED, ERR_SCOPE_ACCOUNT, ERR_WHEN_BACK_OFF,
         ERR_EFFECT_NONE},
        {"ErrorImpersonateUserDenied", ERR_DENIED, ERR_SCOPE_MAILBOX, ERR_WHEN_BACK_OFF,
         ERR_EFFECT_NONE},
        {"ErrorNonExistentMailbox", ERR_NO_MAILBOX, ERR_SCOPE_MAILBOX, ERR_WHEN_BACK_OFF,
         ERR_EFFECT_NONE},
        {"ErrorItemNotFound", ERR_GONE, ERR_SCOPE_ITEM, ERR_WHEN_NEVER, ERR_EFFECT_NONE},
        {"ErrorIrresolvableConflict", ERR_CONFLICT, ERR_SCOPE_ITEM, ERR_WHEN_RETRY,
         ERR_EFFECT_NONE},
        {"ErrorQuotaExceeded", ERR_FULL, ERR_SCOPE_MAILBOX, ERR_WHEN_BACK_OFF, ERR_EFFECT_NONE},
        {"ErrorMessageSizeExceeded", ERR_REFUSED, ERR_SCOPE_ITEM, ERR_WHEN_NEVER,
         ERR_EFFECT_NONE},
        {"ErrorInvalidSyncStateData", ERR_GONE, ERR_SCOPE_ITEM, ERR_WHEN_RETRY,
         ERR_EFFECT_NONE},
        {"ErrorBatchProcessingStopped", ERR_TEMPORARY, ERR_SCOPE_ITEM, ERR_WHEN_RETRY,
         ERR_EFFECT_NONE},
        {"ErrorOfTomorrow", ERR_REFUSED, ERR_SCOPE_ITEM, ERR_WHEN_NEVER, ERR_EFFECT_NONE},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err err = {0};
        ews_error_from_code(&err, rows[i].code, NULL, 0);
        assert_int_equal(err.kind, rows[i].kind);
        assert_int_equal(err.scope, rows[i].scope);
        assert_int_equal(err.when, rows[i].when);
        assert_int_equal(err.effect, rows[i].effect);
    }
    assert_false(ews_error_known("ErrorOfTomorrow"));
    assert_false(ews_error_known("NoError"));
}

static void a_sentence_names_the_remedy(void **state)
{
    (void)state;
    struct err err = {0};
    ews_error_from_code(&err, "ErrorImpersonateUserDenied", NULL, 0);
    assert_non_null(
        strstr(err.text, "New-ManagementRoleAssignment -Role ApplicationImpersonation"));
    ews_error_from_http(&err, 401, "text/html", -1);
    assert_non_null(strstr(err.text, "Extended Protection"));
    assert_int_equal(err.scope, ERR_SCOPE_ACCOUNT);
}

static void words_of_the_server_are_cut_between_characters(void **state)
{
    (void)state;
    char words[301] = "";
    for (int i = 0; i < 100; i++)
        memcpy(words + 3 * i, "\xE2\x82\xAC", 3);
    struct err err = {0};
    ews_error_from_code(&err, "ErrorItemNotFound", words, 0);
    const char *euro = strstr(err.text, "\"\xE2") + 1;
    assert_int_equal(strchr(euro, '"') - euro, 159);
}

static void a_wait_that_is_asked_for_is_kept_within_reason(void **state)
{
    (void)state;
    struct err err = {0};
    ews_error_from_code(&err, "ErrorServerBusy", NULL, 297749);
    assert_int_equal(err.back_off_ms, 297749);
    ews_error_from_code(&err, "ErrorServerBusy", NULL, INT64_MAX);
    assert_int_equal(err.back_off_ms, TIME_BACK_OFF_MAX_MS);
    ews_error_from_code(&err, "ErrorMessageSizeExceeded", NULL, 5000);
    assert_int_equal(err.when, ERR_WHEN_NEVER);
    ews_error_from_http(&err, 429, "", 30000);
    assert_int_equal(err.when, ERR_WHEN_BACK_OFF);
    assert_int_equal(err.back_off_ms, 30000);
}

static void http_statuses_without_soap_are_graded(void **state)
{
    (void)state;
    static const struct {
        int status;
        const char *type;
        enum err_kind kind;
        enum err_scope scope;
        enum err_effect effect;
    } rows[] = {
        {200, "text/html; charset=utf-8", ERR_CONFIG, ERR_SCOPE_ACCOUNT, ERR_EFFECT_NONE},
        {200, "text/xml", ERR_PROTOCOL, ERR_SCOPE_MAILBOX, ERR_EFFECT_UNKNOWN},
        {302, "text/html", ERR_CONFIG, ERR_SCOPE_ACCOUNT, ERR_EFFECT_NONE},
        {401, "", ERR_DENIED, ERR_SCOPE_ACCOUNT, ERR_EFFECT_NONE},
        {403, "", ERR_DENIED, ERR_SCOPE_MAILBOX, ERR_EFFECT_NONE},
        {404, "", ERR_CONFIG, ERR_SCOPE_ACCOUNT, ERR_EFFECT_NONE},
        {413, "", ERR_REFUSED, ERR_SCOPE_ITEM, ERR_EFFECT_NONE},
        {429, "", ERR_UNAVAILABLE, ERR_SCOPE_MAILBOX, ERR_EFFECT_NONE},
        {500, "", ERR_TEMPORARY, ERR_SCOPE_MAILBOX, ERR_EFFECT_UNKNOWN},
        {502, "", ERR_UNAVAILABLE, ERR_SCOPE_ACCOUNT, ERR_EFFECT_UNKNOWN},
        {503, "", ERR_UNAVAILABLE, ERR_SCOPE_ACCOUNT, ERR_EFFECT_UNKNOWN},
        {504, "", ERR_UNAVAILABLE, ERR_SCOPE_ACCOUNT, ERR_EFFECT_UNKNOWN},
        {400, "", ERR_REFUSED, ERR_SCOPE_ITEM, ERR_EFFECT_NONE},
        {406, "", ERR_CONFIG, ERR_SCOPE_ACCOUNT, ERR_EFFECT_NONE},
        {456, "", ERR_DENIED, ERR_SCOPE_ACCOUNT, ERR_EFFECT_NONE},
        {0, "", ERR_PROTOCOL, ERR_SCOPE_MAILBOX, ERR_EFFECT_UNKNOWN},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct err err = {0};
        assert_false(ews_error_from_http(&err, rows[i].status, rows[i].type, -1));
        assert_int_equal(err.kind, rows[i].kind);
        assert_int_equal(err.scope, rows[i].scope);
        assert_int_equal(err.effect, rows[i].effect);
        if (i == 0)
            assert_non_null(strstr(err.text,
                                   "a web page, not EWS: is the URL right, is a login "
                                   "page in front?"));
    }
    for (int status = -1; status < 1000; status++) {
        struct err err = {0};
        ews_error_from_http(&err, status, "", -1);
        assert_true(err.kind != ERR_OK && err.text[0]);
    }
}

static struct err answered(enum ews_shape shape, const char *code, const char *inner,
                           int64_t back_off_ms)
{
    struct ews_said said = {shape, code, inner, "Words.", back_off_ms};
    struct err err = {0};
    assert_false(ews_error_from_answer(&err, &said));
    return err;
}

static void a_code_of_no_table_is_graded_by_what_it_came_in(void **state)
{
    (void)state;
    struct err err = answered(EWS_SHAPE_ERROR, "ErrorOfTomorrow", "", 0);
    assert_int_equal(err.kind, ERR_REFUSED);
    assert_int_equal(err.when, ERR_WHEN_NEVER);
    assert_int_equal(err.effect, ERR_EFFECT_NONE);
    for (int shape = 0; shape < EWS_SHAPES; shape++) {
        err = answered((enum ews_shape)shape, "ErrorOfTomorrow", "", 0);
        assert_string_equal(err.code, "ErrorOfTomorrow");
        assert_int_equal(err.scope, ERR_SCOPE_ITEM);
        assert_non_null(strstr(err.text, "ErrorOfTomorrow"));
        assert_non_null(strstr(err.text, "not known here"));
        if (shape == EWS_SHAPE_ERROR)
            continue;
        assert_int_equal(err.kind, ERR_TEMPORARY);
        assert_int_equal(err.when, ERR_WHEN_RETRY);
        assert_int_equal(err.effect, ERR_EFFECT_UNKNOWN);
    }
}

static void a_code_of_no_table_that_asks_to_wait_is_waited_for(void **state)
{
    (void)state;
    for (int shape = 0; shape < EWS_SHAPES; shape++) {
        struct err err = answered((enum ews_shape)shape, "ErrorOfTomorrow", "", 7000);
        assert_int_equal(err.kind, ERR_UNAVAILABLE);
        assert_int_equal(err.scope, ERR_SCOPE_MAILBOX);
        assert_int_equal(err.when, ERR_WHEN_BACK_OFF);
        assert_int_equal(err.effect, ERR_EFFECT_UNKNOWN);
        assert_int_equal(err.back_off_ms, 7000);
        assert_true(ews_error_is_throttled(&err));
    }
}

static void a_wrapped_error_says_why_and_the_wrapping_one_how_far_it_came(void **state)
{
    (void)state;
    struct err err =
        answered(EWS_SHAPE_ERROR, "ErrorInternalServerError", "ErrorServerBusy", 0);
    assert_string_equal(err.code, "ErrorServerBusy");
    assert_int_equal(err.when, ERR_WHEN_BACK_OFF);
    assert_int_equal(err.effect, ERR_EFFECT_UNKNOWN);
    err = answered(EWS_SHAPE_ERROR, "ErrorInternalServerError", "ErrorMessageSizeExceeded", 0);
    assert_int_equal(err.when, ERR_WHEN_NEVER);
    assert_int_equal(err.effect, ERR_EFFECT_NONE);
    static const char *const useless[] = {"", "NoError", "ErrorOfTomorrow", "-2147467259"};
    for (size_t i = 0; i < sizeof(useless) / sizeof(useless[0]); i++) {
        err = answered(EWS_SHAPE_ERROR, "ErrorInternalServerError", useless[i], 0);
        assert_string_equal(err.code, "ErrorInternalServerError");
    }
    err = answered(EWS_SHAPE_ERROR, "ErrorItemNotFound", "ErrorAccessDenied", 0);
    assert_string_equal(err.code, "ErrorItemNotFound");
    err = answered(EWS_SHAPE_FAULT, "ErrorOfTomorrow", "ErrorAccessDenied", 0);
    assert_string_equal(err.code, "ErrorAccessDenied");
}

static void who_names_the_time_to_come_back_has_done_nothing(void **state)
{
    (void)state;
    struct err err = {0};
    ews_error_from_http(&err, 503, "text/html", 30000);
    assert_int_equal(err.effect, ERR_EFFECT_NONE);
    assert_int_equal(err.back_off_ms, 30000);
    ews_error_from_http(&err, 503, "text/html", -1);
    assert_int_equal(err.effect, ERR_EFFECT_UNKNOWN);
    assert_int_equal(err.when, ERR_WHEN_BACK_OFF);
    assert_int_equal(err.back_off_ms, 0);
    ews_error_from_http(&err, 429, "", -1);
    assert_int_equal(err.effect, ERR_EFFECT_NONE);
    assert_int_equal(err.when, ERR_WHEN_BACK_OFF);
    assert_int_equal(err.back_off_ms, 0);
    ews_error_from_http(&err, 502, "", 30000);
    assert_int_equal(err.effect, ERR_EFFECT_UNKNOWN);
}

static void a_moved_mailbox_and_a_busy_server_are_told_from_the_rest(void **state)
{
    (void)state;
    static const char *const moved[] = {
        "ErrorMailboxMoveInProgress", "ErrorProxyRequestNotAllowed", "ErrorWrongServerVersion",
        "ErrorCrossSiteRequest", "ErrorWrongServerVersionDelegate"};
    static const char *const throttled[] = {"ErrorServerBusy", "ErrorExceededConnectionCount",
                                            "ErrorTooManyObjectsOpened", "ErrorTimeoutExpired",
                                            "ErrorInsufficientResources"};
    static const char *const neither[] = {"ErrorItemNotFound", "ErrorExceededSubscriptionCount",
                                          "ErrorQuotaExceeded", "ErrorNonExistentMailbox",
                                          "ErrorOfTomorrow"};
    for (size_t i = 0; i < sizeof(moved) / sizeof(moved[0]); i++) {
        struct err a = answered(EWS_SHAPE_ERROR, moved[i], "", 0);
        struct err b = answered(EWS_SHAPE_FAULT, throttled[i], "", 5000);
        struct err c = answered(EWS_SHAPE_ERROR, neither[i], "", 0);
        assert_true(ews_error_is_moved(&a) && !ews_error_is_throttled(&a));
        assert_true(ews_error_is_throttled(&b) && !ews_error_is_moved(&b));
        assert_true(!ews_error_is_throttled(&c) && !ews_error_is_moved(&c));
    }
    struct err none = {0}, err;
    assert_true(!ews_error_is_moved(&none) && !ews_error_is_throttled(&none));
    for (int status = 200; status < 600; status++) {
        ews_error_from_http(&err, status, "", -1);
        bool busy = status == 408 || status == 429 || status == 503 || status == 504;
        assert_int_equal(ews_error_is_throttled(&err), busy);
        assert_false(ews_error_is_moved(&err));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_of_the_schema_is_graded),
        cmocka_unit_test(the_table_is_sorted_and_every_row_has_a_grade_and_a_sentence),
        cmocka_unit_test(codes_that_matter_are_graded_as_the_rules_say),
        cmocka_unit_test(a_sentence_names_the_remedy),
        cmocka_unit_test(words_of_the_server_are_cut_between_characters),
        cmocka_unit_test(a_wait_that_is_asked_for_is_kept_within_reason),
        cmocka_unit_test(http_statuses_without_soap_are_graded),
        cmocka_unit_test(a_code_of_no_table_is_graded_by_what_it_came_in),
        cmocka_unit_test(a_code_of_no_table_that_asks_to_wait_is_waited_for),
        cmocka_unit_test(a_wrapped_error_says_why_and_the_wrapping_one_how_far_it_came),
        cmocka_unit_test(who_names_the_time_to_come_back_has_done_nothing),
        cmocka_unit_test(a_moved_mailbox_and_a_busy_server_are_told_from_the_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
