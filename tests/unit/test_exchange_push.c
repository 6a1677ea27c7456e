/* The stand-in for Exchange: who is called, when, and when no longer. */
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

/* A subscriber that answers as it is told. */
struct subscriber {
    struct exchange *ex;
    enum exchange_push_result result;
    int calls;
    char last[16384];
};

static void deliver(const char *url, const char *body, size_t len, const char *subscription,
                    void *arg)
{
    struct subscriber *s = arg;
    assert_string_equal(url, "https://voice.example.net/secret");
    s->calls++;
    snprintf(s->last, sizeof s->last, "%.*s", (int)len, body);
    exchange_push_answered(s->ex, subscription, s->result);
}

static void subscribe(struct stand *f, struct subscriber *s)
{
    *s = (struct subscriber){.ex = f->ex, .result = EXCHANGE_PUSH_OK};
    exchange_set_deliver(f->ex, deliver, s);
    assert_string_equal(
        stand_askf(
            f, "<m:Subscribe><m:PushSubscriptionRequest><t:FolderIds>" INBOX "</t:FolderIds>"
               "<t:EventTypes><t:EventType>CreatedEvent</t:EventType>"
               "<t:EventType>NewMailEvent</t:EventType><t:EventType>ModifiedEvent</t:EventType>"
               "<t:EventType>MovedEvent</t:EventType><t:EventType>DeletedEvent</t:EventType>"
               "</t:EventTypes><t:StatusFrequency>2</t:StatusFrequency>"
               "<t:URL>https://voice.example.net/secret</t:URL></m:PushSubscriptionRequest>"
               "</m:Subscribe>"),
        "NoError");
}

static void calls_a_subscriber_once_for_a_turn(void **state)
{
    struct stand *f = *state;
    struct subscriber s;
    struct err err;
    char id[EXCHANGE_ID_MAX];
    subscribe(f, &s);
    stand_create(f, "ours", id);
    assert_true(exchange_user_do(f->ex, ANN, &err, "read", id, NULL));
    assert_true(exchange_user_do(f->ex, ANN, &err, "delete", id, NULL));
    assert_int_equal(s.calls, 0);
    loop_virtual_run(f->loop, 1000);
    assert_int_equal(s.calls, 1);
    assert_non_null(strstr(s.last, "CreatedEvent"));
    assert_non_null(strstr(s.last, "ModifiedEvent"));
    assert_non_null(strstr(s.last, "MovedEvent"));
    assert_null(strstr(s.last, "NewMailEvent")); /* it was our own CreateItem */
    assert_true(exchange_user_do(f->ex, ANN, &err, "compose", "Inbox", NULL));
    loop_virtual_run(f->loop, 1000);
    assert_int_equal(s.calls, 2);
    assert_non_null(strstr(s.last, "NewMailEvent"));
}

static void says_that_it_is_alive_and_ends_when_told(void **state)
{
    struct stand *f = *state;
    struct subscriber s;
    subscribe(f, &s);
    loop_virtual_run(f->loop, 119 * 1000);
    assert_int_equal(s.calls, 0);
    loop_virtual_run(f->loop, 2 * 1000);
    assert_int_equal(s.calls, 1);
    assert_non_null(strstr(s.last, "StatusEvent"));
    s.result = EXCHANGE_PUSH_UNSUBSCRIBE;
    loop_virtual_run(f->loop, 121 * 1000);
    assert_int_equal(s.calls, 2);
    assert_int_equal(exchange_subscriptions(f->ex), 0);
}

static void tries_again_and_then_drops_the_subscription_silently(void **state)
{
    struct stand *f = *state;
    struct subscriber s;
    struct err err;
    subscribe(f, &s);
    s.result = EXCHANGE_PUSH_FAILED;
    assert_true(exchange_user_do(f->ex, ANN, &err, "compose", "Inbox", NULL));
    loop_virtual_run(f->loop, 29 * 1000);
    assert_int_equal(s.calls, 1);
    loop_virtual_run(f->loop, 2 * 1000); /* 30 s */
    assert_int_equal(s.calls, 2);
    loop_virtual_run(f->loop, 60 * 1000); /* 30 + 60 s */
    assert_int_equal(s.calls, 3);
    assert_int_equal(exchange_subscriptions(f->ex), 1);
    loop_virtual_run(f->loop, 30 * 1000); /* two minutes are over */
    assert_int_equal(s.calls, 3);
    assert_int_equal(exchange_subscriptions(f->ex), 0);
}

static void a_subscriber_that_comes_back_gets_what_it_missed(void **state)
{
    struct stand *f = *state;
    struct subscriber s;
    struct err err;
    subscribe(f, &s);
    s.result = EXCHANGE_PUSH_FAILED;
    assert_true(exchange_user_do(f->ex, ANN, &err, "compose", "Inbox", NULL));
    loop_virtual_run(f->loop, 1000);
    s.result = EXCHANGE_PUSH_OK;
    loop_virtual_run(f->loop, 31 * 1000);
    assert_int_equal(s.calls, 2);
    assert_non_null(strstr(s.last, "NewMailEvent"));
    assert_int_equal(exchange_subscriptions(f->ex), 1);
}

static void reads_a_subscribers_answer_to_the_letter(void **state)
{
    (void)state;
    static const char format[] =
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>"
        "<m:SendNotificationResult"
        " xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\">"
        "<m:SubscriptionStatus>%s</m:SubscriptionStatus></m:SendNotificationResult></s:Body>"
        "</s:Envelope>";
    static const struct {
        const char *word;
        enum exchange_push_result result;
    } rows[] = {{"OK", EXCHANGE_PUSH_OK},
                {"Unsubscribe", EXCHANGE_PUSH_UNSUBSCRIBE},
                {"UNSUBSCRIBE", EXCHANGE_PUSH_FAILED},
                {"ok", EXCHANGE_PUSH_FAILED},
                {"", EXCHANGE_PUSH_FAILED}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[600];
        snprintf(text, sizeof text, format, rows[i].word);
        assert_int_equal(exchange_push_read_answer(text, strlen(text)), rows[i].result);
    }
    assert_int_equal(exchange_push_read_answer("OK", 2), EXCHANGE_PUSH_FAILED);
}

static void calls_fail_for_the_mailboxes_they_are_told_to(void **state)
{
    struct stand *f = *state;
    struct subscriber s;
    struct err err;
    stand_faults(f, "drop:SendNotification:1@ann@*,drop:SendNotification:*@bob@*");
    subscribe(f, &s);
    assert_true(exchange_user_do(f->ex, ANN, &err, "compose", "Inbox", NULL));
    loop_virtual_run(f->loop, 29 * 1000);
    assert_int_equal(s.calls, 0);
    loop_virtual_run(f->loop, 2 * 1000);
    assert_int_equal(s.calls, 1);
    assert_int_equal(exchange_subscriptions(f->ex), 1);
}

#define PULL                                                                                   \
    "<m:Subscribe><m:PullSubscriptionRequest><t:FolderIds>" INBOX "</t:FolderIds>"             \
    "<t:EventTypes><t:EventType>CreatedEvent</t:EventType></t:EventTypes>"                     \
    "<t:Timeout>10</t:Timeout></m:PullSubscriptionRequest></m:Subscribe>"
#define GET_EVENTS                                                                             \
    "<m:GetEvents><m:SubscriptionId>%s</m:SubscriptionId><m:Watermark>%s</m:Watermark>"        \
    "</m:GetEvents>"

static int events_of(struct stand *f, const char *name)
{
    const struct xml_node *list = xml_find(f->root, NULL, "Notification");
    int count = 0;
    for (const struct xml_node *n = list ? list->first_child : NULL; n; n = n->next)
        count += !strcmp(n->name, name);
    return count;
}

static void who_asks_gets_what_he_has_not_had(void **state)
{
    struct stand *f = *state;
    char id[128], mark[128], item[EXCHANGE_ID_MAX];
    assert_string_equal(stand_askf(f, PULL), "NoError");
    snprintf(id, sizeof id, "%s", xml_text(xml_find(f->root, NULL, "SubscriptionId")));
    snprintf(mark, sizeof mark, "%s", xml_text(xml_find(f->root, NULL, "Watermark")));
    assert_string_equal(stand_askf(f, GET_EVENTS, id, mark), "NoError");
    assert_int_equal(events_of(f, "StatusEvent"), 1);
    for (int i = 0; i < 51; i++)
        stand_create(f, "x", item);
    for (int round = 0; round < 2; round++) { /* asked with the same mark: the same again */
        assert_string_equal(stand_askf(f, GET_EVENTS, id, mark), "NoError");
        assert_int_equal(events_of(f, "CreatedEvent"), 50);
        assert_string_equal(xml_text(xml_find(f->root, NULL, "MoreEvents")), "true");
    }
    const struct xml_node *last = xml_find(f->root, NULL, "Notification")->last_child;
    snprintf(mark, sizeof mark, "%s", xml_child_text(last, NULL, "Watermark"));
    assert_string_equal(stand_askf(f, GET_EVENTS, id, mark), "NoError");
    assert_int_equal(events_of(f, "CreatedEvent"), 1);
    assert_string_equal(stand_askf(f, GET_EVENTS, id, "AQAA"), "ErrorInvalidWatermark");
    assert_string_equal(stand_askf(f, GET_EVENTS, "none", mark), "ErrorSubscriptionNotFound");
    f->mailbox = BOB;
    assert_string_equal(stand_askf(f, GET_EVENTS, id, mark), "ErrorSubscriptionNotFound");
}

static void who_does_not_ask_is_forgotten(void **state)
{
    struct stand *f = *state;
    char id[128], mark[128];
    stand_askf(f, PULL);
    snprintf(id, sizeof id, "%s", xml_text(xml_find(f->root, NULL, "SubscriptionId")));
    snprintf(mark, sizeof mark, "%s", xml_text(xml_find(f->root, NULL, "Watermark")));
    loop_virtual_run(f->loop, 9 * 60 * 1000);
    assert_string_equal(stand_askf(f, GET_EVENTS, id, mark), "NoError");
    loop_virtual_run(f->loop, 9 * 60 * 1000);
    assert_string_equal(stand_askf(f, GET_EVENTS, id, mark), "NoError");
    loop_virtual_run(f->loop, 11 * 60 * 1000);
    assert_string_equal(stand_askf(f, GET_EVENTS, id, mark), "ErrorSubscriptionNotFound");
}

static void the_other_server_answers_who_asks_in_its_own_way(void **state)
{
    struct stand *f = *state;
    struct err err;
    char id[128], mark[128], item[EXCHANGE_ID_MAX];
    assert_true(exchange_set_flavour(f->ex, "gromox", &err));
    stand_askf(f, PULL);
    snprintf(id, sizeof id, "%s", xml_text(xml_find(f->root, NULL, "SubscriptionId")));
    snprintf(mark, sizeof mark, "%s", xml_text(xml_find(f->root, NULL, "Watermark")));
    stand_create(f, "x", item);
    assert_string_equal(stand_askf(f, GET_EVENTS, id, mark), "NoError");
    assert_int_equal(events_of(f, "CreatedEvent"), 1);
    assert_null(xml_find(f->root, NULL, "Watermark"));
    assert_null(xml_find(f->root, NULL, "PreviousWatermark"));
    assert_null(xml_find(f->root, NULL, "GetEventsResponseMessage"));
    assert_non_null(xml_find(f->root, NULL, "TimeStamp"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROMISE(calls_a_subscriber_once_for_a_turn),
        PROMISE(says_that_it_is_alive_and_ends_when_told),
        PROMISE(tries_again_and_then_drops_the_subscription_silently),
        PROMISE(a_subscriber_that_comes_back_gets_what_it_missed),
        PROMISE(reads_a_subscribers_answer_to_the_letter),
        PROMISE(calls_fail_for_the_mailboxes_they_are_told_to),
        PROMISE(who_asks_gets_what_he_has_not_had),
        PROMISE(who_does_not_ask_is_forgotten),
        PROMISE(the_other_server_answers_who_asks_in_its_own_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
