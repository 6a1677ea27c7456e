/* The stand-in for Exchange: it misbehaves as it is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "tests/exchange/exchange_transport.h"
#include "tests/exchange/exchange_user.h"
#include "tests/support/stand_in.h"

/* A request through the transport, and how it ended. */
struct caller {
    int done, status;
    struct err err;
    struct buf bytes;
    struct transport_account account;
    struct transport_call *call;
};

static bool take_bytes(const void *bytes, size_t len, void *arg)
{
    struct caller *c = arg;
    return buf_add(&c->bytes, bytes, len);
}

static void take_end(const struct err *err, const struct transport_reply *reply, void *arg)
{
    struct caller *c = arg;
    c->done++;
    c->status = reply->status;
    c->err = *err;
    c->call = NULL;
}

static void call(struct caller *c, struct transport *transport, const char *body,
                 int64_t timeout)
{
    struct buf bytes;
    *c = (struct caller){.account = {.auth = "basic", .user = "svc", .password = "secret"}};
    buf_init(&c->bytes, MIB);
    buf_init(&bytes, MIB);
    char *text = stand_envelope(ANN, body);
    buf_add_str(&bytes, text);
    free(text);
    c->call = transport->ops->start(transport,
                                    &(struct transport_request){.account = &c->account,
                                                                .url = "https://x/",
                                                                .timeout_ms = timeout,
                                                                .body = body_from_buf(&bytes),
                                                                .bytes = take_bytes,
                                                                .done = take_end,
                                                                .arg = c});
    assert_int_equal(c->done, 0);
}

static void a_lost_answer_leaves_the_effect_unknown(void **state)
{
    struct stand *f = *state;
    struct err err;
    struct caller c;
    struct transport *transport = exchange_transport_new(f->loop, f->ex, 100, &err);
    assert_true(exchange_set_faults(f->ex, "lose-answer:CreateItem:2", &err));
    call(&c, transport, VOICE("v-1", "UklGRg=="), 5000);
    loop_virtual_run(f->loop, 1000);
    assert_int_equal(c.err.kind, ERR_OK);
    assert_int_equal(c.status, 200);
    buf_clear(&c.bytes);
    call(&c, transport, VOICE("v-2", "UklGRg=="), 5000);
    loop_virtual_run(f->loop, 1000);
    assert_int_equal(c.done, 1);
    assert_int_equal(c.err.kind, ERR_UNAVAILABLE);
    assert_int_equal(c.err.effect, ERR_EFFECT_UNKNOWN);
    assert_int_equal(c.bytes.len, 0);
    assert_int_equal(exchange_user_count(f->ex, ANN, "Inbox"), 2); /* it did happen */
    buf_clear(&c.bytes);
    transport_free(&transport);
}

static void a_late_request_happens_after_its_caller_gave_up(void **state)
{
    struct stand *f = *state;
    struct err err;
    struct caller c;
    struct transport *transport = exchange_transport_new(f->loop, f->ex, 100, &err);
    assert_true(
        exchange_set_faults(f->ex, "late:CreateItem:1:3000,late:CreateItem:2:9000", &err));
    call(&c, transport, VOICE("v-1", "UklGRg=="), 2000);
    loop_virtual_run(f->loop, 2500);
    assert_int_equal(c.done, 1);
    assert_int_equal(c.err.effect, ERR_EFFECT_UNKNOWN);
    assert_int_equal(exchange_user_count(f->ex, ANN, "Inbox"), 0);
    loop_virtual_run(f->loop, 1500);
    assert_int_equal(exchange_user_count(f->ex, ANN, "Inbox"), 1);
    buf_clear(&c.bytes);
    call(&c, transport, VOICE("v-2", "UklGRg=="), 2000); /* too late: the bound holds */
    loop_virtual_run(f->loop, 60000);
    assert_int_equal(exchange_user_count(f->ex, ANN, "Inbox"), 1);
    buf_clear(&c.bytes);
    transport_free(&transport);
}

static void a_cancelled_call_is_never_answered(void **state)
{
    struct stand *f = *state;
    struct err err;
    struct caller c;
    struct transport *transport = exchange_transport_new(f->loop, f->ex, 100, &err);
    call(&c, transport, VOICE("v-1", "UklGRg=="), 2000);
    transport->ops->cancel(c.call);
    loop_virtual_run(f->loop, 10000);
    assert_int_equal(c.done, 0);
    assert_int_equal(exchange_user_count(f->ex, ANN, "Inbox"), 1); /* the bytes were out */
    exchange_transport_set_down(transport, true);
    call(&c, transport, VOICE("v-2", "UklGRg=="), 2000);
    loop_virtual_run(f->loop, 10000);
    assert_int_equal(c.err.kind, ERR_UNAVAILABLE);
    assert_int_equal(c.err.effect, ERR_EFFECT_NONE);
    transport_free(&transport);
}

static void busy_comes_in_its_three_shapes(void **state)
{
    struct stand *f = *state;
    struct err err;
    assert_true(exchange_set_faults(
        f->ex, "busy-fault:*:1:5000,busy-200:*:2:700,busy-inner:*:3,http-503:*:4:30,html:*:5",
        &err));
    assert_string_equal(stand_sync(f, "", 10), "ErrorServerBusy");
    assert_int_equal(f->answer.status, 500);
    assert_string_equal(xml_text(xml_find(f->root, NULL, "Value")), "5000");
    assert_string_equal(stand_sync(f, "", 10), "ErrorServerBusy");
    assert_int_equal(f->answer.status, 200);
    assert_string_equal(xml_text(xml_find(f->root, NULL, "SyncState")), "");
    assert_true(stand_is_last(f));
    assert_string_equal(stand_sync(f, "", 10), "ErrorInternalServerError");
    stand_sync(f, "", 10);
    assert_int_equal(f->answer.status, 503);
    assert_int_equal(f->answer.retry_after_ms, 30000);
    stand_sync(f, "", 10);
    assert_string_equal(f->answer.type, "text/html");
    assert_string_equal(stand_sync(f, "", 10), "NoError");
    assert_int_equal(exchange_count(f->ex, "SyncFolderItems"), 1);
}

static void a_wrong_fault_is_named(void **state)
{
    struct stand *f = *state;
    static const char *const wrong[] = {"explode",
                                        "lose-answer:CreateItem:x",
                                        "delay",
                                        "code:CreateItem",
                                        "http-99",
                                        "lose-answer:A:1:2:3",
                                        "drop:*:200%",
                                        "drop@",
                                        "stray:CreateItem",
                                        "move:*:1",
                                        "cut-at:*",
                                        "fault-200:*:lowercase"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct err err;
        assert_false(exchange_set_faults(f->ex, wrong[i], &err));
        assert_int_equal(err.kind, ERR_USAGE);
    }
}

/* How many requests of an operation were executed, whatever became of their answers. */
static long executed(struct stand *f, const char *operation)
{
    return exchange_count(f->ex, operation);
}

static long in_inbox(struct stand *f)
{
    return exchange_user_count(f->ex, ANN, "Inbox");
}

static void a_fault_strikes_only_the_mailboxes_it_is_bound_to(void **state)
{
    struct stand *f = *state;
    static const struct {
        const char *mailbox, *code;
    } rows[] = {{"throttled1@a.example.com", "ErrorServerBusy"},
                {"Throttled22@b.EXAMPLE.com", "ErrorServerBusy"},
                {"throttled@example.net", "NoError"},
                {"bob@example.net", "ErrorAccessDenied"},
                {"bobby@example.net", "NoError"},
                {ANN, "NoError"}};
    stand_faults(f, "busy-200:*:always@throttled*.example.com,"
                    "code:*:ErrorAccessDenied@bob@example.net,http-403:*:*@gone?@example.net");
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
            f->mailbox = rows[i].mailbox;
            assert_string_equal(stand_sync(f, "", 10), rows[i].code);
        }
    f->mailbox = "gone7@example.net";
    stand_sync(f, "", 10);
    assert_int_equal(f->answer.status, 403);
    assert_int_equal(f->answer.body.len, 0);
}

static void requests_of_other_mailboxes_do_not_count(void **state)
{
    struct stand *f = *state;
    stand_faults(f, "busy-200:*:2@ann@example.net");
    assert_string_equal(stand_sync(f, "", 10), "NoError");
    f->mailbox = BOB;
    assert_string_equal(stand_sync(f, "", 10), "NoError");
    f->mailbox = ANN;
    assert_string_equal(stand_sync(f, "", 10), "ErrorServerBusy");
    assert_string_equal(stand_sync(f, "", 10), "NoError");
}

static void a_request_may_be_executed_twice(void **state)
{
    struct stand *f = *state;
    struct err err;
    stand_faults(f, "twice:CreateItem:1,twice:CreateItem:2:5000");
    assert_string_equal(stand_askf(f, VOICE("v-1", "UklGRg==")), "NoError");
    assert_int_equal(in_inbox(f), 2);
    assert_string_equal(stand_askf(f, VOICE("v-2", "UklGRg==")), "NoError");
    assert_int_equal(in_inbox(f), 3);
    loop_virtual_run(f->loop, 4999);
    assert_int_equal(in_inbox(f), 3);
    loop_virtual_run(f->loop, 2);
    assert_int_equal(in_inbox(f), 4);
    json_t *list = exchange_user_list(f->ex, ANN, "Inbox", &err);
    for (size_t i = 0; i < 4; i++) {
        const json_t *item = json_array_get(json_object_get(list, "items"), i);
        const json_t *file = json_array_get(json_object_get(item, "attachments"), 0);
        assert_int_equal(json_integer_value(json_object_get(file, "size")), 4);
    }
    json_decref(list);
}

static void a_stray_request_is_executed_beyond_any_bound(void **state)
{
    struct stand *f = *state;
    struct err err;
    struct caller c;
    struct transport *transport = exchange_transport_new(f->loop, f->ex, 100, &err);
    stand_faults(f, "stray:CreateItem:1:3600000");
    call(&c, transport, VOICE("v-1", "UklGRg=="), 2000);
    loop_virtual_run(f->loop, 10000);
    assert_int_equal(c.done, 1);
    assert_int_equal(c.err.effect, ERR_EFFECT_UNKNOWN);
    transport_free(&transport);
    loop_virtual_run(f->loop, 3580 * 1000);
    assert_int_equal(in_inbox(f), 0);
    loop_virtual_run(f->loop, 20 * 1000);
    assert_int_equal(in_inbox(f), 1);
    buf_clear(&c.bytes);
}

static void a_stray_update_overwrites_what_a_person_did_since(void **state)
{
    struct stand *f = *state;
    struct err err;
    char id[EXCHANGE_ID_MAX], key[EXCHANGE_ID_MAX];
    stand_create(f, "x", id);
    snprintf(key, sizeof key, "%s", xml_attr(xml_find(f->root, NULL, "ItemId"), "ChangeKey"));
    stand_faults(f, "stray:UpdateItem:1:60000");
    stand_askf(f, UPDATE_READ, "AlwaysOverwrite", id, key, "true");
    assert_true(f->answer.dropped);
    assert_true(exchange_user_do(f->ex, ANN, &err, "unread", id, NULL));
    loop_virtual_run(f->loop, 60001);
    assert_int_equal(executed(f, "UpdateItem"), 1);
    json_t *list = exchange_user_list(f->ex, ANN, "Inbox", &err);
    assert_true(json_is_true(
        json_object_get(json_array_get(json_object_get(list, "items"), 0), "read")));
    json_decref(list);
}

static void what_is_left_over_ends_with_the_exchange(void **state)
{
    struct stand *f = *state;
    stand_faults(f, "stray:CreateItem:1:1000,twice:CreateItem:2:1000");
    stand_askf(f, VOICE("v-1", "UklGRg=="));
    stand_askf(f, VOICE("v-2", "UklGRg=="));
    struct err err;
    exchange_free(&f->ex);
    loop_virtual_run(f->loop, 5000);
    f->ex = exchange_new(NULL, f->loop, 7, &err);
    assert_non_null(f->ex);
}

static void requests_overtake_one_another(void **state)
{
    struct stand *f = *state;
    struct err err;
    enum { CALLS = 8 };
    struct caller callers[CALLS];
    char first[64] = "";
    struct transport *transport = exchange_transport_new(f->loop, f->ex, 0, &err);
    stand_faults(f, "shuffle:CreateItem:*:900");
    for (int i = 0; i < CALLS; i++) {
        char *body;
        assert_true(asprintf(&body, CREATE("<t:Subject>n%d</t:Subject>" FLAGS), i) > 0);
        call(&callers[i], transport, body, 5000);
        free(body);
        loop_virtual_run(f->loop, 1); /* they are sent one after the other */
    }
    loop_virtual_run(f->loop, 1000);
    assert_string_equal(stand_sync(f, "", 512), "NoError");
    const struct xml_node *changes = xml_find(f->root, NULL, "Changes");
    for (const struct xml_node *n = changes->first_child; n; n = n->next)
        snprintf(first + strlen(first), sizeof first - strlen(first), "%s ",
                 xml_text(xml_find(n, NULL, "Subject")));
    assert_int_equal(strlen(first), 3 * CALLS); /* all of them */
    assert_string_not_equal(first, "n7 n6 n5 n4 n3 n2 n1 n0 ");
    for (int i = 0; i < CALLS; i++)
        buf_clear(&callers[i].bytes);
    transport_free(&transport);
}

static void an_answer_is_spoilt_after_the_request_was_executed(void **state)
{
    struct stand *f = *state;
    char id[EXCHANGE_ID_MAX];
    stand_create(f, "fine", id);
    stand_faults(f, "cut-at:SyncFolderItems:1:200,bad-char:SyncFolderItems:2,"
                    "cut-at:SyncFolderItems:3:99999999");
    stand_sync(f, "", 10);
    assert_int_equal(f->answer.body.len, 200);
    assert_null(f->root);
    assert_string_equal(stand_sync(f, "", 10), "NoError"); /* our reader gets over it */
    assert_non_null(strstr(f->answer.body.data, "<t:Subject>&#x1B;fine"));
    assert_true(xml_reader_recovered(f->reader));
    assert_string_equal(stand_sync(f, "", 10), "NoError");
    assert_false(xml_reader_recovered(f->reader));
    assert_int_equal(executed(f, "SyncFolderItems"), 3);
}

#define THREE(children)                                                                        \
    "<m:CreateItem MessageDisposition=\"SaveOnly\"><m:SavedItemFolderId>" INBOX                \
    "</m:SavedItemFolderId><m:Items><t:Message>" children "</t:Message><t:Message>" children   \
    "</t:Message><t:Message>" children "</t:Message></m:Items></m:CreateItem>"

static const char *codes_of(struct stand *f)
{
    static char text[512];
    const struct xml_node *list = xml_find(f->root, NULL, "ResponseMessages");
    text[0] = '\0';
    for (const struct xml_node *n = list ? list->first_child : NULL; n; n = n->next)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s:%s ",
                 xml_attr(n, "ResponseClass"), xml_text(xml_find(n, NULL, "ResponseCode")));
    return text;
}

static void an_answer_may_lack_its_last_message(void **state)
{
    struct stand *f = *state;
    stand_faults(f, "short-answer:CreateItem:1-2");
    assert_string_equal(stand_askf(f, THREE("<t:Subject>x</t:Subject>" FLAGS)), "NoError");
    assert_int_equal(stand_messages(f), 2);
    assert_int_equal(in_inbox(f), 3);
    stand_askf(f, CREATE("<t:Subject>x</t:Subject>" FLAGS));
    assert_non_null(f->root);
    assert_int_equal(stand_messages(f), 0);
    assert_int_equal(in_inbox(f), 4);
}

static void a_batch_stops_in_the_middle(void **state)
{
    struct stand *f = *state;
    struct err err;
    stand_faults(f, "stop-batch:CreateItem:1:2");
    stand_askf(f, THREE("<t:Subject>x</t:Subject>" FLAGS));
    assert_string_equal(codes_of(f), "Success:NoError Error:ErrorMailboxStoreUnavailable "
                                     "Warning:ErrorBatchProcessingStopped ");
    assert_int_equal(in_inbox(f), 1);
    stand_askf(f, THREE("<t:Subject>x</t:Subject>" FLAGS));
    assert_int_equal(in_inbox(f), 4);
    assert_true(exchange_set_limits(f->ex, "quota=1", &err)); /* so do some errors by nature */
    stand_askf(f, THREE("<t:Subject>x</t:Subject>" FLAGS));
    assert_string_equal(codes_of(f), "Error:ErrorQuotaExceeded "
                                     "Warning:ErrorBatchProcessingStopped "
                                     "Warning:ErrorBatchProcessingStopped ");
}

static void a_refused_batch_says_once_why(void **state)
{
    struct stand *f = *state;
    stand_faults(f, "code:CreateItem:ErrorAccessDenied:1,code:CreateItem:ErrorItemSave:2");
    stand_askf(f, THREE("<t:Subject>x</t:Subject>" FLAGS));
    assert_string_equal(codes_of(f), "Error:ErrorAccessDenied "
                                     "Warning:ErrorBatchProcessingStopped "
                                     "Warning:ErrorBatchProcessingStopped ");
    stand_askf(f, THREE("<t:Subject>x</t:Subject>" FLAGS));
    assert_string_equal(codes_of(f),
                        "Error:ErrorItemSave Error:ErrorItemSave Error:ErrorItemSave ");
    assert_int_equal(in_inbox(f), 0);
}

static void a_stray_request_may_leave_its_caller_waiting(void **state)
{
    struct stand *f = *state;
    struct err err;
    struct caller c;
    struct transport *transport = exchange_transport_new(f->loop, f->ex, 100, &err);
    stand_faults(f, "stray:CreateItem:1:60000,delay:CreateItem:1:30000");
    call(&c, transport, VOICE("v-1", "UklGRg=="), 2000);
    loop_virtual_run(f->loop, 1999);
    assert_int_equal(c.done, 0);
    loop_virtual_run(f->loop, 2);
    assert_int_equal(c.done, 1);
    assert_int_equal(c.err.effect, ERR_EFFECT_UNKNOWN);
    loop_virtual_run(f->loop, 60000);
    assert_int_equal(in_inbox(f), 1);
    buf_clear(&c.bytes);
    transport_free(&transport);
}

static void the_oldest_kinds_still_do_what_they_say(void **state)
{
    struct stand *f = *state;
    char id[EXCHANGE_ID_MAX];
    stand_faults(f,
                 "drop:CreateItem:1,quota:CreateItem:2,cut-answer:GetItem,delay:GetItem:*:70");
    stand_askf(f, CREATE("<t:Subject>x</t:Subject>" FLAGS));
    assert_true(f->answer.dropped);
    assert_string_equal(stand_askf(f, CREATE("<t:Subject>x</t:Subject>" FLAGS)),
                        "ErrorQuotaExceeded");
    assert_int_equal(in_inbox(f), 0);
    stand_create(f, "x", id);
    stand_askf(f, GET_ITEM, id);
    assert_int_equal(f->answer.status, 200);
    assert_int_equal(f->answer.delay_ms, 70);
    assert_null(f->root); /* no end tag */
    assert_int_equal(executed(f, "GetItem"), 1);
}

static void a_fault_may_come_with_any_status(void **state)
{
    struct stand *f = *state;
    stand_faults(f,
                 "fault-200:*:ErrorAccessDenied:1,fault:*:ErrorAccessDenied:2,http-429:*:3:7,"
                 "http-429:*:4,http-403:*:5");
    assert_string_equal(stand_sync(f, "", 10), "ErrorAccessDenied");
    assert_non_null(xml_find(f->root, NULL, "Fault"));
    assert_int_equal(f->answer.status, 200);
    assert_string_equal(stand_sync(f, "", 10), "ErrorAccessDenied");
    assert_int_equal(f->answer.status, 500);
    stand_sync(f, "", 10);
    assert_int_equal(f->answer.status, 429);
    assert_int_equal(f->answer.retry_after_ms, 7000);
    stand_sync(f, "", 10);
    assert_int_equal(f->answer.retry_after_ms, -1);
    stand_sync(f, "", 10);
    assert_int_equal(f->answer.status, 403);
    assert_int_equal(f->answer.body.len, 0);
    assert_int_equal(executed(f, ""), 0);
}

static void chance_comes_from_the_seed(void **state)
{
    struct stand *f = *state;
    struct err err;
    char seen[2][65];
    for (int round = 0; round < 2; round++) {
        exchange_free(&f->ex);
        f->ex = exchange_new(NULL, f->loop, 11, &err);
        stand_faults(f, "busy-200:*:30%");
        for (int i = 0; i < 64; i++)
            seen[round][i] = strcmp(stand_sync(f, "", 10), "NoError") ? 'x' : '.';
        seen[round][64] = '\0';
    }
    assert_string_equal(seen[0], seen[1]);
    assert_non_null(strchr(seen[0], 'x'));
    assert_non_null(strchr(seen[0], '.'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROMISE(a_lost_answer_leaves_the_effect_unknown),
        PROMISE(a_late_request_happens_after_its_caller_gave_up),
        PROMISE(a_cancelled_call_is_never_answered),
        PROMISE(busy_comes_in_its_three_shapes),
        PROMISE(a_wrong_fault_is_named),
        PROMISE(a_fault_strikes_only_the_mailboxes_it_is_bound_to),
        PROMISE(requests_of_other_mailboxes_do_not_count),
        PROMISE(a_request_may_be_executed_twice),
        PROMISE(a_stray_request_is_executed_beyond_any_bound),
        PROMISE(a_stray_update_overwrites_what_a_person_did_since),
        PROMISE(what_is_left_over_ends_with_the_exchange),
        PROMISE(requests_overtake_one_another),
        PROMISE(an_answer_is_spoilt_after_the_request_was_executed),
        PROMISE(an_answer_may_lack_its_last_message),
        PROMISE(a_batch_stops_in_the_middle),
        PROMISE(a_refused_batch_says_once_why),
        PROMISE(a_stray_request_may_leave_its_caller_waiting),
        PROMISE(the_oldest_kinds_still_do_what_they_say),
        PROMISE(a_fault_may_come_with_any_status),
        PROMISE(chance_comes_from_the_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
