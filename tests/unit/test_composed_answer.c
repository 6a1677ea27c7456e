/* The answer about a message that a person composed: cut short, hostile, or odd. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "ews/ews.h"
#include "ews/response_composed.h"
#include "tests/support/ews_fixture.h"

#define ITEM_OF(inner)                                                                         \
    "<m:GetItemResponse><m:ResponseMessages><m:GetItemResponseMessage ResponseClass="          \
    "\"Success\"><m:ResponseCode>NoError</m:ResponseCode><m:Items><t:Message><t:ItemId "       \
    "Id=\"I\" ChangeKey=\"K\"/>" inner "</t:Message></m:Items></m:GetItemResponseMessage>"     \
    "</m:ResponseMessages></m:GetItemResponse>"
#define MAILBOX(address)                                                                       \
    "<t:Mailbox><t:Name>N</t:Name><t:EmailAddress>" address "</t:EmailAddress></t:Mailbox>"
#define FILE_OF(id, inner)                                                                     \
    "<t:FileAttachment><t:AttachmentId Id=\"" id "\"/>" inner "</t:FileAttachment>"

struct parsed {
    struct buf text;
    struct xml_reader *reader;
    struct response_composed *composed;
    struct err err;
};

/* The whole answer around an item's children. */
static const struct remote_composed *read_answer(struct parsed *p, const char *body)
{
    const struct xml_node *root;
    memset(p, 0, sizeof *p);
    const char *text = fixture_soap(&p->text, body);
    p->reader = xml_reader_new(NULL, NULL);
    assert_true(xml_reader_feed(p->reader, text, strlen(text), &p->err));
    assert_true(xml_reader_end(p->reader, &root, &p->err));
    p->composed = response_composed(root, &p->err);
    assert_int_equal(p->composed != NULL, p->err.kind == ERR_OK);
    return p->composed ? &p->composed->told : NULL;
}

static void done(struct parsed *p)
{
    response_composed_free(&p->composed);
    assert_null(p->composed);
    xml_reader_free(&p->reader);
    buf_clear(&p->text);
}

static const char whole[] = ITEM_OF(
    "<t:Subject>S</t:Subject><t:Sensitivity>Private</t:Sensitivity><t:Body "
    "BodyType=\"Text\">B</t:Body><t:Attachments>" FILE_OF(
        "A",
        "<t:Name>a.wav</t:Name><t:ContentType>audio/wav</t:ContentType><t:Size>9</"
        "t:Size>") "</t:Attachments><t:Importance>High</t:Importance><t:InReplyTo>"
                   "&lt;0b8f5c3e-3a50-4a5f-9a77-0d6f0c1b2a39@sib.invalid&gt;</"
                   "t:InReplyTo>"
                   "<t:DateTimeCreated>2026-11-22T10:00:00Z</t:DateTimeCreated>"
                   "<t:ToRecipients>" MAILBOX("b@x.y") "</t:ToRecipients>"
                                                       "<t:IsReadReceiptRequested>true</"
                                                       "t:IsReadReceiptRequested>"
                                                       "<t:From>" MAILBOX("a@x.y") "</t:From>");

static void an_item_is_read_whole(void **state)
{
    (void)state;
    struct parsed p;
    const struct remote_composed *told = read_answer(&p, whole);
    assert_non_null(told);
    assert_string_equal(told->id, "I");
    assert_string_equal(told->version, "K");
    assert_string_equal(told->from, "a@x.y");
    assert_int_equal(told->to_count, 1);
    assert_string_equal(told->to[0], "b@x.y");
    assert_true(told->urgent && told->private && told->wants_read_receipt);
    assert_false(told->wants_delivery_receipt);
    assert_string_equal(told->reference, "0b8f5c3e-3a50-4a5f-9a77-0d6f0c1b2a39");
    assert_int_equal(told->attachment_count, 1);
    assert_int_equal(told->attachments[0].bytes, 9);
    assert_true(told->created.ms > 0);
    done(&p);
}

/* ---- Cut short, over the remote ---------------------------------------------------------- */

struct cut {
    const char *text;
    size_t len;
    int calls;
    struct err err;
};

static struct fake_answer give(const char *request, size_t len, void *arg)
{
    const struct cut *cut = arg;
    (void)request, (void)len;
    return (struct fake_answer){
        .status = 200, .body = cut->len ? cut->text : "", .body_len = cut->len};
}

static void saw(const struct err *err, const struct remote_composed *told, void *arg)
{
    struct cut *cut = arg;
    cut->calls++;
    cut->err = *err;
    assert_int_equal(told != NULL, err->kind == ERR_OK);
}

static void ask(struct cut *cut)
{
    const struct ews_config config = {
        .name = "main",
        .url = "https://exchange.example.com/EWS/Exchange.asmx",
        .impersonate = true,
        .auth = {.auth = "basic", .user = "u", .password = "p", .max_connections = 1},
    };
    struct err err;
    struct loop *loop = loop_virtual_new((struct wall){1795600000000});
    struct transport *transport =
        fake_transport_base(fake_transport_new(loop, give, cut, 1, 700));
    struct ews_account *account = ews_account_new(loop, transport, &config, &err);
    struct remote *remote = ews_remote_new(account, "ann@example.com");
    assert_non_null(remote->ops->composed(remote, "I", saw, cut));
    assert_int_equal(cut->calls, 0);
    loop_virtual_settle(loop, 3600 * 1000);
    assert_int_equal(cut->calls, 1);
    remote_free(&remote);
    ews_account_free(&account);
    transport_free(&transport);
    loop_free(&loop);
}

static void an_answer_cut_anywhere_is_no_item(void **state)
{
    (void)state;
    struct buf text;
    fixture_soap(&text, whole);
    for (size_t len = 0; len <= text.len; len++) {
        struct cut cut = {.text = buf_str(&text), .len = len};
        ask(&cut);
        if (cut.err.kind != (len == text.len ? ERR_OK : ERR_PROTOCOL))
            fail_msg("cut at %zu of %zu: %s", len, text.len, cut.err.text);
    }
    buf_clear(&text);
}

/* ---- Hostile ----------------------------------------------------------------------------- */

static void control_characters_do_not_come_through(void **state)
{
    (void)state;
    struct parsed p;
    const struct remote_composed *told = read_answer(
        &p,
        ITEM_OF(
            "<t:Subject>a&#10;b&#13;&#9;c&#127;d</t:Subject><t:Body BodyType=\"Text\">"
            "1&#13;&#10;2&#13;3&#10;4&#9;5&#127;6</t:Body><t:Attachments>" FILE_OF(
                "A",
                "<t:Name>../x&#10;y.wav</t:Name><t:ContentType> Audio/X-WAV;\tr=1"
                "</t:ContentType>") "</t:Attachments><t:From>" MAILBOX("a&#10;@x.y") "</"
                                                                                     "t:"
                                                                                     "From>"));
    assert_non_null(told);
    assert_string_equal(told->subject, "a b  c d");
    assert_string_equal(told->body, "1\n2\n3\n4\t5 6");
    assert_string_equal(told->attachments[0].name, "../x y.wav");
    assert_string_equal(told->attachments[0].type, "audio/x-wav");
    assert_int_equal(told->attachments[0].bytes, -1);
    assert_string_equal(told->from, "a @x.y");
    done(&p);
}

/* Many characters of three bytes each. */
static void add_long(struct buf *out, size_t bytes)
{
    for (size_t i = 0; i < bytes; i += 3)
        buf_add_str(out, "\xE2\x82\xAC");
}

static void texts_without_end_are_cut_between_characters(void **state)
{
    (void)state;
    struct parsed p;
    struct buf body;
    buf_init(&body, 8 * MIB);
    buf_add_str(&body, "<m:GetItemResponse><m:ResponseMessages><m:GetItemResponseMessage "
                       "ResponseClass=\"Success\"><m:ResponseCode>NoError</m:ResponseCode>"
                       "<m:Items><t:Message><t:ItemId Id=\"I\"/><t:Subject>");
    add_long(&body, 100000);
    buf_add_str(&body, "</t:Subject><t:Body BodyType=\"Text\">");
    add_long(&body, MIB);
    buf_add_str(&body, "</t:Body><t:Attachments>");
    for (int i = 0; i < LIMIT_ATTACHMENTS + 5; i++) {
        buf_add_str(&body, "<t:FileAttachment><t:AttachmentId Id=\"A\"/><t:Name>");
        add_long(&body, 3000);
        buf_add_str(&body, "</t:Name><t:ContentType>");
        add_long(&body, 3000);
        buf_add_str(&body, "</t:ContentType></t:FileAttachment>");
    }
    buf_add_str(&body, "</t:Attachments><t:BccRecipients>");
    for (int i = 0; i < LIMIT_RECIPIENTS + 5; i++) {
        buf_add_str(&body, "<t:Mailbox><t:EmailAddress>");
        add_long(&body, 3000);
        buf_add_str(&body, "</t:EmailAddress></t:Mailbox>");
    }
    buf_add_str(&body, "</t:BccRecipients></t:Message></m:Items></m:GetItemResponseMessage>"
                       "</m:ResponseMessages></m:GetItemResponse>");
    const struct remote_composed *told = read_answer(&p, buf_str(&body));
    assert_non_null(told);
    assert_int_equal(strlen(told->subject), (LIMIT_SUBJECT - 1) / 3 * 3);
    assert_int_equal(strlen(told->body), (LIMIT_COMPOSED_BODY - 1) / 3 * 3);
    assert_int_equal(told->attachment_count, LIMIT_ATTACHMENTS);
    assert_int_equal(strlen(told->attachments[31].name), (LIMIT_ATTACHMENT_NAME - 1) / 3 * 3);
    assert_int_equal(told->to_count, LIMIT_RECIPIENTS);
    assert_int_equal(strlen(told->to[199]), (LIMIT_LEGACY_ADDRESS - 1) / 3 * 3);
    assert_non_null(strstr(told->too_much, "bytes of text"));
    buf_clear(&body);
    done(&p);
}

static void what_cannot_be_an_item_is_nonsense(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "<m:GetItemResponse><m:ResponseMessages><m:GetItemResponseMessage ResponseClass="
        "\"Success\"><m:ResponseCode>NoError</m:ResponseCode><m:Items/>"
        "</m:GetItemResponseMessage></m:ResponseMessages></m:GetItemResponse>",
        "<m:GetItemResponse><m:ResponseMessages/></m:GetItemResponse>",
        "<m:FindItemResponse/>",
        ITEM_OF("<t:Attachments><t:FileAttachment/></t:Attachments>"),
        ITEM_OF("<t:Attachments>" FILE_OF("", "") "</t:Attachments>"),
    };
    for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
        struct parsed p;
        assert_null(read_answer(&p, bodies[i]));
        assert_int_equal(p.err.kind, ERR_PROTOCOL);
        done(&p);
    }
}

/* ---- Odd --------------------------------------------------------------------------------- */

static void a_body_that_is_no_plain_text_is_none(void **state)
{
    (void)state;
    struct parsed p;
    const struct remote_composed *told =
        read_answer(&p, ITEM_OF("<t:Body BodyType=\"HTML\">&lt;script></t:Body>"));
    assert_string_equal(told->body, "");
    done(&p);
}

static void pictures_within_the_text_are_no_attachments_but_sounds_are(void **state)
{
    (void)state;
    struct parsed p;
    const struct remote_composed *told = read_answer(
        &p,
        ITEM_OF(
            "<t:Attachments>" FILE_OF(
                "1", "<t:ContentType>image/png</t:ContentType><t:IsInline>true</t:IsInline>")
                FILE_OF("2", "<t:ContentType>audio/wav</t:ContentType>"
                             "<t:IsInline>true</t:IsInline>")
                    FILE_OF(
                        "3",
                        "<t:ContentType>image/png</t:ContentType>") "<t:ItemAttachment><t:"
                                                                    "AttachmentId "
                                                                    "Id=\"4\"/></"
                                                                    "t:ItemAttachment>"
                                                                    "<t:ReferenceAttachment><t:"
                                                                    "AttachmentId "
                                                                    "Id=\"5\"/></"
                                                                    "t:ReferenceAttachment>"
                                                                    "</t:Attachments>"));
    static const char ids[] = "2345";
    assert_int_equal(told->attachment_count, 4);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(told->attachments[i].id[0], ids[i]);
        assert_int_equal(told->attachments[i].is_file, i < 2);
    }
    done(&p);
}

static void the_sender_may_be_told_in_two_ways_or_in_none(void **state)
{
    (void)state;
    struct parsed p;
    assert_string_equal(
        read_answer(&p, ITEM_OF("<t:Sender>" MAILBOX("s@x.y") "</t:Sender>"))->from, "s@x.y");
    done(&p);
    assert_string_equal(
        read_answer(&p, ITEM_OF("<t:Sender>" MAILBOX("s@x.y") "</t:Sender><t:From>" MAILBOX(
                            "f@x.y") "</t:From>"))
            ->from,
        "f@x.y");
    done(&p);
    assert_string_equal(read_answer(&p, ITEM_OF(""))->from, "");
    done(&p);
}

static void the_last_of_our_ids_is_the_message_that_is_answered(void **state)
{
    (void)state;
#define ONE "0b8f5c3e-3a50-4a5f-9a77-0d6f0c1b2a39"
#define TWO "1c8f5c3e-3a50-4a5f-9a77-0d6f0c1b2a39"
    static const char *const rows[][2] = {
        {"", ""},
        {"<" ONE "@sib.invalid>", ONE},
        {"<x@y>\r\n <" ONE "@sib.invalid> <" TWO "@SIB.Invalid>\t<z@y>", TWO},
        {"<0B8F5C3E-3A50-4A5F-9A77-0D6F0C1B2A39@sib.invalid>", ONE},
        {ONE "@sib.invalid", ""},
        {"<" ONE "@sib.invalid", ""},
        {"<" ONE "@sib.invalid.example.com>", ""},
        {"<" ONE "x@sib.invalid>", ""},
        {"<zb8f5c3e-3a50-4a5f-9a77-0d6f0c1b2a39@sib.invalid>", ""},
        {"<<" ONE "@sib.invalid>", ONE},
        {"<" TWO "@sib.invalid> <<<<>", TWO},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char out[LIMIT_UUID];
        response_reference(rows[i][0], out);
        assert_string_equal(out, rows[i][1]);
    }
}

static void in_reply_to_goes_before_references(void **state)
{
    (void)state;
    struct parsed p;
    const struct remote_composed *told = read_answer(
        &p, ITEM_OF("<t:InReplyTo>&lt;" ONE "@sib.invalid></t:InReplyTo><t:References>&lt;" TWO
                    "@sib.invalid></t:References>"));
    assert_string_equal(told->reference, ONE);
    done(&p);
    told =
        read_answer(&p, ITEM_OF("<t:InReplyTo>&lt;x@example.com></t:InReplyTo><t:References>"
                                "&lt;" TWO "@sib.invalid> &lt;x@example.com></t:References>"));
    assert_string_equal(told->reference, TWO);
    done(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_item_is_read_whole),
        cmocka_unit_test(an_answer_cut_anywhere_is_no_item),
        cmocka_unit_test(control_characters_do_not_come_through),
        cmocka_unit_test(texts_without_end_are_cut_between_characters),
        cmocka_unit_test(what_cannot_be_an_item_is_nonsense),
        cmocka_unit_test(a_body_that_is_no_plain_text_is_none),
        cmocka_unit_test(pictures_within_the_text_are_no_attachments_but_sounds_are),
        cmocka_unit_test(the_sender_may_be_told_in_two_ways_or_in_none),
        cmocka_unit_test(the_last_of_our_ids_is_the_message_that_is_answered),
        cmocka_unit_test(in_reply_to_goes_before_references),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
