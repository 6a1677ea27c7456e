/* The stand-in for Exchange: what a mailbox may use up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/exchange/exchange_user.h"
#include "tests/support/stand_in.h"

static void limit(struct stand *f, const char *spec)
{
    struct err err;
    if (!exchange_set_limits(f->ex, spec, &err))
        fail_msg("%s", err.text);
}

static long back_off(struct stand *f)
{
    const struct xml_node *value = xml_find(f->root, NULL, "MessageXml");
    for (value = value ? value->first_child : NULL; value; value = value->next)
        if (!strcmp(xml_attr(value, "Name"), "BackOffMilliseconds"))
            return strtol(value->text, NULL, 10);
    return -1;
}

static void a_budget_that_is_used_up_comes_back_with_time(void **state)
{
    struct stand *f = *state;
    limit(f, "burst=100,recharge=3600000,cutoff=0"); /* a millisecond comes back in one */
    exchange_add_mailbox(f->ex, ANN, &(struct err){0});
    assert_int_equal(exchange_budget(f->ex, ANN), 100);
    assert_string_equal(stand_sync(f, "", 10), "NoError");
    assert_int_equal(exchange_budget(f->ex, ANN), 50);
    assert_string_equal(stand_sync(f, "", 10), "NoError");
    assert_string_equal(stand_sync(f, "", 10), "NoError"); /* -50: that was the last one */
    assert_string_equal(stand_sync(f, "", 10), "ErrorServerBusy");
    assert_int_equal(f->answer.status, 500);
    long wait = back_off(f);
    assert_true(wait > 50 && wait < 60);
    loop_virtual_run(f->loop, 40);
    assert_string_equal(stand_sync(f, "", 10), "ErrorServerBusy");
    assert_int_equal(f->answer.status, 200); /* the second shape */
    wait = back_off(f);
    assert_true(wait > 10 && wait < 25); /* asking again made it longer */
    assert_string_equal(xml_text(xml_find(f->root, NULL, "SyncState")), "");
    assert_string_equal(stand_sync(f, "", 10), "ErrorInternalServerError"); /* the third */
    loop_virtual_run(f->loop, wait + 20);
    assert_string_equal(stand_sync(f, "", 10), "NoError");
    loop_virtual_run(f->loop, 3600 * 1000);
    assert_int_equal(exchange_budget(f->ex, ANN), 100); /* no more than the burst */
}

static void a_budget_in_debt_slows_before_it_cuts_off(void **state)
{
    struct stand *f = *state;
    limit(f, "burst=60,recharge=0,cutoff=200");
    exchange_add_mailbox(f->ex, ANN, &(struct err){0});
    stand_sync(f, "", 10);
    assert_int_equal(f->answer.delay_ms, 0);
    stand_sync(f, "", 10);
    assert_int_equal(f->answer.delay_ms, 500);
    for (int i = 0; i < 4; i++)
        assert_string_equal(stand_sync(f, "", 10), "NoError");
    assert_string_equal(stand_sync(f, "", 10), "ErrorServerBusy");
    f->mailbox = BOB; /* a budget belongs to one mailbox */
    assert_string_equal(stand_sync(f, "", 10), "NoError");
}

static void budgets_may_be_bound_to_mailboxes(void **state)
{
    struct stand *f = *state;
    struct err err;
    limit(f, "burst=1000,burst=10@bob@*");
    exchange_add_mailbox(f->ex, ANN, &err);
    exchange_add_mailbox(f->ex, BOB, &err);
    assert_int_equal(exchange_budget(f->ex, ANN), 1000);
    assert_int_equal(exchange_budget(f->ex, BOB), 10);
    static const char *const wrong[] = {"burst",    "burst=x", "speed=1",
                                        "burst=1@", "=4",      "quota=-1"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_false(exchange_set_limits(f->ex, wrong[i], &err));
        assert_int_equal(err.kind, ERR_USAGE);
    }
    assert_int_equal(exchange_budget(f->ex, BOB), 10); /* the old ones stay */
}

/* A request that has arrived and is not executed yet. */
static struct exchange_request *arrive(struct stand *f, const char *body)
{
    char *text = stand_envelope(f->mailbox, body);
    struct exchange_request *request = exchange_request_new(f->ex, "svc");
    exchange_request_feed(request, text, strlen(text));
    free(text);
    exchange_request_late(request);
    return request;
}

static const char *finish(struct stand *f, struct exchange_request **request)
{
    exchange_answer_clear(&f->answer);
    exchange_request_end(request, &f->answer);
    return strstr(buf_str(&f->answer.body), "ErrorExceededConnectionCount") ? "too many"
           : strstr(buf_str(&f->answer.body), "ErrorServerBusy")            ? "busy"
                                                                            : "done";
}

#define SYNC                                                                                   \
    "<m:SyncFolderItems><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape>"          \
    "<m:SyncFolderId>" INBOX "</m:SyncFolderId><m:MaxChangesReturned>9</m:MaxChangesReturned>" \
    "</m:SyncFolderItems>"

static void connections_of_a_mailbox_are_counted(void **state)
{
    struct stand *f = *state;
    exchange_add_mailbox(f->ex, ANN, &(struct err){0});
    limit(f, "concurrency=2");
    struct exchange_request *one = arrive(f, SYNC), *two = arrive(f, SYNC),
                            *three = arrive(f, SYNC);
    assert_string_equal(finish(f, &three), "too many");
    assert_int_equal(f->answer.status, 500);
    exchange_request_free(&one); /* the caller hangs up */
    one = arrive(f, SYNC);
    assert_string_equal(finish(f, &one), "done");
    assert_string_equal(finish(f, &two), "done");
    stand_faults(f, "delay:*:*:1000"); /* an answer that is held back holds its connection */
    stand_sync(f, "", 9);
    stand_sync(f, "", 9);
    assert_string_equal(stand_sync(f, "", 9), "ErrorExceededConnectionCount");
    loop_virtual_run(f->loop, 1001);
    assert_string_equal(stand_sync(f, "", 9), "NoError");
}

static void only_so_many_syncs_run_at_a_time(void **state)
{
    struct stand *f = *state;
    char id[EXCHANGE_ID_MAX];
    stand_create(f, "x", id);
    limit(f, "syncs=1");
    struct exchange_request *one = arrive(f, SYNC), *two = arrive(f, SYNC),
                            *other = arrive(f, CREATE("<t:Subject>x</t:Subject>"));
    assert_string_equal(finish(f, &two), "busy");
    assert_non_null(strstr(buf_str(&f->answer.body), "5000"));
    assert_string_equal(finish(f, &other), "done");
    assert_string_equal(finish(f, &one), "done");
}

static void work_takes_time(void **state)
{
    struct stand *f = *state;
    exchange_add_mailbox(f->ex, ANN, &(struct err){0});
    limit(f, "work=1,cost=1000");
    stand_sync(f, "", 9);
    assert_int_equal(f->answer.delay_ms, 500);
}

static void subscriptions_of_a_mailbox_are_counted(void **state)
{
    struct stand *f = *state;
    static const char subscribe[] =
        "<m:Subscribe><m:PushSubscriptionRequest SubscribeToAllFolders=\"true\"><t:EventTypes>"
        "<t:EventType>CreatedEvent</t:EventType></t:EventTypes><t:StatusFrequency>1"
        "</t:StatusFrequency><t:URL>http://h/x</t:URL></m:PushSubscriptionRequest>"
        "</m:Subscribe>";
    limit(f, "subscriptions=2");
    assert_string_equal(stand_askf(f, "%s", subscribe), "NoError");
    assert_string_equal(stand_askf(f, "%s", subscribe), "NoError");
    assert_string_equal(stand_askf(f, "%s", subscribe), "ErrorExceededSubscriptionCount");
    f->mailbox = BOB;
    assert_string_equal(stand_askf(f, "%s", subscribe), "NoError");
    f->mailbox = ANN;
    assert_true(exchange_lose_subscriptions(f->ex, ANN, &(struct err){0}));
    assert_string_equal(stand_askf(f, "%s", subscribe), "NoError");
}

static void a_full_mailbox_takes_nothing_until_something_goes(void **state)
{
    struct stand *f = *state;
    struct err err;
    char id[EXCHANGE_ID_MAX];
    limit(f, "quota=1000@ann@*");
    stand_create(f, "one", id);
    assert_string_equal(stand_askf(f, CREATE("<t:Subject>two</t:Subject>" FLAGS)), "NoError");
    assert_string_equal(stand_askf(f, CREATE("<t:Subject>three</t:Subject>" FLAGS)),
                        "ErrorQuotaExceeded");
    assert_int_equal(exchange_user_count(f->ex, ANN, "Inbox"), 2);
    assert_string_equal(stand_askf(f, UPDATE_READ, "AutoResolve", id, "x", "true"), "NoError");
    assert_string_equal(stand_askf(f,
                                   "<m:CopyItem><m:ToFolderId>" INBOX "</m:ToFolderId>"
                                   "<m:ItemIds><t:ItemId Id=\"%s\"/></m:ItemIds></m:CopyItem>",
                                   id),
                        "ErrorQuotaExceeded");
    assert_true(exchange_user_do(f->ex, ANN, &err, "delete", id, NULL));
    assert_string_equal(stand_askf(f, CREATE("<t:Subject>three</t:Subject>" FLAGS)),
                        "ErrorQuotaExceeded"); /* Deleted Items count too */
    assert_true(exchange_user_do(f->ex, ANN, &err, "purge", "one", NULL));
    assert_string_equal(stand_askf(f, CREATE("<t:Subject>three</t:Subject>" FLAGS)), "NoError");
    f->mailbox = BOB;
    for (int i = 0; i < 5; i++)
        assert_string_equal(stand_askf(f, CREATE("<t:Subject>x</t:Subject>" FLAGS)), "NoError");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROMISE(a_budget_that_is_used_up_comes_back_with_time),
        PROMISE(a_budget_in_debt_slows_before_it_cuts_off),
        PROMISE(budgets_may_be_bound_to_mailboxes),
        PROMISE(connections_of_a_mailbox_are_counted),
        PROMISE(only_so_many_syncs_run_at_a_time),
        PROMISE(work_takes_time),
        PROMISE(subscriptions_of_a_mailbox_are_counted),
        PROMISE(a_full_mailbox_takes_nothing_until_something_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
