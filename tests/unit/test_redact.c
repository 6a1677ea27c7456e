/* What a recording shows, and what it never does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "ews/redact.h"

static struct buf redacted(const char *text)
{
    struct buf out;
    buf_init(&out, MIB);
    redact_body(&out, text, strlen(text), "salt");
    assert_false(out.failed);
    return out;
}

static void comes_out_as(const char *text, const char *expected)
{
    struct buf out = redacted(text);
    assert_string_equal(buf_str(&out), expected);
    buf_clear(&out);
}

static void codes_and_flags_stay_and_texts_go(void **state)
{
    (void)state;
    comes_out_as("<m:ResponseCode>ErrorItemNotFound</m:ResponseCode>",
                 "<m:ResponseCode>ErrorItemNotFound</m:ResponseCode>");
    comes_out_as("<t:Subject>Message from Ann (5000)</t:Subject>",
                 "<t:Subject>xxxxxxx xxxx xxx (0000)</t:Subject>");
    comes_out_as("<t:EmailAddress>ann@corp.example</t:EmailAddress>",
                 "<t:EmailAddress>xxx@xxxx.xxxxxxx</t:EmailAddress>");
    comes_out_as("<m:MessageText>No mailbox for ann@corp.example on EX01.</m:MessageText>",
                 "<m:MessageText>No mailbox for xxx@xxxx.xxxxxxx on xx00.</m:MessageText>");
    comes_out_as("<t:IsRead>true</t:IsRead><t:Unheard>Of</t:Unheard>",
                 "<t:IsRead>true</t:IsRead><t:Unheard>xx</t:Unheard>");
    comes_out_as("J\xC3\xB6rg 17", "xxxxx 00");
}

static void of_folders_only_our_own_keeps_its_name(void **state)
{
    (void)state;
    comes_out_as("<t:DisplayName>Voice Outbox</t:DisplayName>",
                 "<t:DisplayName>Voice Outbox</t:DisplayName>");
    comes_out_as("<t:DisplayName>Voice Outbox of Ann</t:DisplayName>",
                 "<t:DisplayName>xxxxx xxxxxx xx xxx</t:DisplayName>");
}

static void waiting_times_stay_and_phone_numbers_go(void **state)
{
    (void)state;
    comes_out_as(
        "<e:MessageXml><t:Value Name=\"BackOffMilliseconds\">30000</t:Value></e:MessageXml>",
        "<e:MessageXml><t:Value Name=\"BackOffMilliseconds\">30000</t:Value></e:MessageXml>");
    comes_out_as("<t:ExtendedProperty><t:Value>+49 30 1234</t:Value></t:ExtendedProperty>",
                 "<t:ExtendedProperty><t:Value>+00 00 0000</t:Value></t:ExtendedProperty>");
}

static void ids_become_others_the_same_for_the_same(void **state)
{
    (void)state;
    struct buf out = redacted("<t:ItemId Id=\"AAMkAGZm\" ChangeKey=\"CQAA\"/><t:FolderId "
                              "Id=\"AAMkAGZm\"/><t:ItemId Id=\"AAMkAGZn\"/>");
    char first[9], second[9], third[9];
    assert_int_equal(
        sscanf(buf_str(&out),
               "<t:ItemId Id=\"%8[0-9a-f]\" ChangeKey=\"%*4[0-9a-f]\"/><t:FolderId "
               "Id=\"%8[0-9a-f]\"/><t:ItemId Id=\"%8[0-9a-f]\"/>",
               first, second, third),
        3);
    assert_string_equal(first, second);
    assert_string_not_equal(first, third);
    buf_clear(&out);
}

static void audio_becomes_silence(void **state)
{
    (void)state;
    struct buf out = redacted("<t:Content>UklGRnNlY3JldHNlY3JldA==</t:Content>");
    assert_non_null(strstr(buf_str(&out), "<t:Content>UklGRi"));
    assert_null(strstr(buf_str(&out), "c2VjcmV0"));
    buf_clear(&out);
}

static void what_is_wrongly_formed_stays_wrong(void **state)
{
    (void)state;
    comes_out_as("<a>\x1B&#x1B;<b></a></b><", "<a>\x1B&#x0x;<b></a></b><");
    comes_out_as("<?xml version=\"1.0\"?><!DOCTYPE x SYSTEM \"http://ann\">",
                 "<?xml version=\"1.0\"?><!xxxxxxx x xxxxxx \"xxxx://xxx\">");
    comes_out_as("<ann@corp.example class=ann>", "<xxx@xxxx.xxxxxxx xxxxx=xxx>");
    comes_out_as("<t:Subject>cut in the mid", "<t:Subject>xxx xx xxx xxx");
    comes_out_as("{\"access_token\":\"eyJ0eXAi\"}", "{\"xxxxxx_xxxxx\":\"xxx0xxxx\"}");
}

static void a_redirect_and_a_challenge_tell_no_names(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, MIB);
    redact_location(&out, "https://mail.corp.example/owa/auth/logon.aspx?url=ann");
    assert_string_equal(buf_str(&out), "https://host.example/owa/auth/logon.aspx");
    buf_reset(&out);
    redact_challenge(&out, "NTLM TlRMTVNTUAAC, Negotiate, Basic realm=\"mail.corp.example\"");
    assert_string_equal(buf_str(&out), "NTLM, Negotiate, Basic");
    buf_clear(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_and_flags_stay_and_texts_go),
        cmocka_unit_test(of_folders_only_our_own_keeps_its_name),
        cmocka_unit_test(waiting_times_stay_and_phone_numbers_go),
        cmocka_unit_test(ids_become_others_the_same_for_the_same),
        cmocka_unit_test(audio_becomes_silence),
        cmocka_unit_test(what_is_wrongly_formed_stays_wrong),
        cmocka_unit_test(a_redirect_and_a_challenge_tell_no_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
