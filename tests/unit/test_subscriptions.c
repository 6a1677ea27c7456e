/* How mailboxes are heard, over the whole of Mailbox Sync and the stand-in, on virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "queue/queue.h"
#include "store/alarm.h"
#include "store/watch.h"
#include "sync/hear.h"
#include "tests/exchange/exchange_stream.h"
#include "tests/support/site.h"

enum {
    SECOND = 1000,
    MINUTE = 60 * SECOND,
    SELF_TEST = 3 * MINUTE + 30 * SECOND, /* 2 status minutes and one, and a little */
};

static void name_of(int i, char name[32])
{
    snprintf(name, 32, "m%05d", i);
}

static void make_mailboxes(struct site *site, int count)
{
    char name[32];

    for (int i = 0; i < count; i++) {
        name_of(i, name);
        site_mailbox(site, name);
    }
}

static const char *heard_by(struct site *site, const char *name)
{
    static char text[64];
    struct mailbox mailbox;
    struct mailbox_state state;
    struct err err;

    assert_true(mailbox_find(site->store, name, &mailbox, &err));
    assert_true(mailbox_state_get(site->store, mailbox.id, &state, &err));
    snprintf(text, sizeof text, "%s", state.notify);
    return text;
}

static int count_heard_by(struct site *site, int count, const char *way)
{
    char name[32];
    int found = 0;

    for (int i = 0; i < count; i++) {
        name_of(i, name);
        found += strncmp(heard_by(site, name), way, strlen(way)) == 0;
    }
    return found;
}

static bool find_alarm(const struct alarm *alarm, void *arg)
{
    *(bool *)arg = *(bool *)arg || strcmp(alarm->name, ALARM_NOTIFICATIONS_FELL_BACK) == 0;
    return true;
}

static bool has_alarm(struct site *site)
{
    bool found = false;
    struct err err;

    assert_true(alarm_each(site->store, find_alarm, &found, &err));
    return found;
}

static void faults(struct site *site, const char *spec)
{
    struct err err;

    if (!exchange_set_faults(site->exchange, spec, &err))
        fail_msg("%s", err.text);
}

static void stopped(void *arg)
{
    *(bool *)arg = true;
}

/* A change of the owner is here within so long. */
static void sees_within(struct site *site, const char *mailbox, const char *message, int64_t ms)
{
    bool was = site_message(site, message).read;

    site_user(site, mailbox, was ? "unread" : "read", message, NULL);
    site_run(site, ms);
    assert_int_equal(site_message(site, message).read, !was);
}

/* ---- streams ---- */

static void many_mailboxes_are_heard_over_few_streams(void **state)
{
    enum { COUNT = 450 };
    struct site *site = site_new(201, "notify = stream");
    char ids[COUNT][LIMIT_UUID], name[32];

    (void)state;
    make_mailboxes(site, COUNT);
    for (int i = 0; i < COUNT; i += 50) {
        name_of(i, name);
        site_deposit(site, name, "en-short-pcm16.wav", "", ids[i]);
    }
    site_start(site);
    site_run(site, 3 * MINUTE);
    assert_int_equal(exchange_streams(site->exchange), 3);
    assert_int_equal(exchange_stream_seats(site->exchange), COUNT);
    assert_int_equal(exchange_subscriptions(site->exchange), COUNT);
    assert_int_equal(count_heard_by(site, COUNT, "stream"), COUNT);
    for (int i = 0; i < COUNT; i += 50) {
        name_of(i, name);
        sees_within(site, name, ids[i], SECOND);
    }
    site_count_from_here(site);
    site_run(site, 10 * MINUTE);
    assert_int_equal(site_count(site, "SyncFolderItems"), 0); /* nobody is polled */
    assert_false(has_alarm(site));
    site_free(&site);
}

static void a_change_between_two_openings_is_not_missed(void **state)
{
    struct site *site = site_new(202, "notify = stream");
    char id[LIMIT_UUID];

    (void)state;
    site_mailbox(site, "ann");
    site_deposit(site, "ann", "en-short-pcm16.wav", "", id);
    site_start(site);
    site_run(site, MINUTE);
    for (int i = 0; i < 6; i++) {
        exchange_break_streams(site->exchange, i % 2);
        assert_int_equal(exchange_streams(site->exchange), 0);
        /* Nobody listens: this is never told. */
        site_user(site, "ann", i % 2 ? "unread" : "read", id, NULL);
        site_run(site, 65 * SECOND);
        assert_int_equal(exchange_streams(site->exchange), 1);
        assert_int_equal(site_message(site, id).read, i % 2 == 0);
    }
    site_free(&site);
}

static void a_stream_goes_on_after_the_end_of_its_time(void **state)
{
    struct site *site = site_new(203, "notify = stream");
    char id[LIMIT_UUID];

    (void)state;
    site_mailbox(site, "ann");
    site_deposit(site, "ann", "en-short-pcm16.wav", "", id);
    site_start(site);
    for (int i = 0; i < 12; i++) {
        site_run(site, 10 * MINUTE);
        assert_int_equal(exchange_streams(site->exchange), 1);
        sees_within(site, "ann", id, SECOND);
    }
    site_free(&site);
}

static void a_stream_without_heartbeat_is_opened_anew(void **state)
{
    struct site *site = site_new(204, "notify = stream");
    char id[LIMIT_UUID];

    (void)state;
    site_mailbox(site, "ann");
    site_deposit(site, "ann", "en-short-pcm16.wav", "", id);
    site_start(site);
    site_run(site, 2 * MINUTE);
    exchange_set_streams_silent(site->exchange, true);
    site_user(site, "ann", "read", id, NULL);
    site_run(site, 30 * SECOND);
    assert_false(site_message(site, id).read); /* nobody told us */
    site_run(site, 50 * SECOND);
    assert_true(site_message(site, id).read); /* opened anew, and looked */
    exchange_set_streams_silent(site->exchange, false);
    site_run(site, 3 * MINUTE);
    sees_within(site, "ann", id, SECOND);
    site_free(&site);
}

static void lost_subscriptions_of_a_stream_are_made_anew(void **state)
{
    enum { COUNT = 30 };
    struct site *site = site_new(205, "notify = stream");
    char id[LIMIT_UUID];

    (void)state;
    make_mailboxes(site, COUNT);
    site_deposit(site, "m00007", "en-short-pcm16.wav", "", id);
    site_start(site);
    site_run(site, 2 * MINUTE);
    exchange_drop_subscriptions(site->exchange);
    assert_int_equal(exchange_subscriptions(site->exchange), 0);
    site_user(site, "m00007", "read", id, NULL);
    site_run(site, 30 * SECOND);
    assert_int_equal(exchange_subscriptions(site->exchange), COUNT);
    assert_int_equal(exchange_stream_seats(site->exchange), COUNT);
    assert_true(site_message(site, id).read);
    sees_within(site, "m00007", id, SECOND);
    site_free(&site);
}

static void what_does_not_fit_into_the_streams_is_polled_and_says_so(void **state)
{
    enum { COUNT = 450 };
    struct site *site = site_new(206, "notify = stream");

    (void)state;
    site->expect_warnings = true;
    exchange_set_streams_max(site->exchange, 2);
    make_mailboxes(site, COUNT);
    site_start(site);
    site_run(site, 6 * MINUTE);
    assert_int_equal(exchange_streams(site->exchange), 2);
    assert_int_equal(count_heard_by(site, COUNT, "stream"), 400);
    assert_int_equal(count_heard_by(site, COUNT, "poll: no room in the streams"), 50);
    site_free(&site);
}

static void an_anchor_that_is_refused_does_not_keep_the_others_from_streams(void **state)
{
    struct site *site = site_new(207, "notify = stream");
    char id[LIMIT_UUID];

    (void)state;
    site->expect_warnings = true;
    make_mailboxes(site, 20);
    site_deposit(site, "m00003", "en-short-pcm16.wav", "", id);
    faults(site, "fault:*:ErrorImpersonateUserDenied@m00000*");
    site_start(site);
    site_run(site, 3 * MINUTE);
    assert_int_equal(count_heard_by(site, 20, "stream"), 19);
    assert_int_equal(exchange_streams(site->exchange), 1);
    assert_false(has_alarm(site));
    sees_within(site, "m00003", id, SECOND);
    site_free(&site);
}

static void a_mailbox_that_is_removed_leaves_its_stream(void **state)
{
    struct site *site = site_new(208, "notify = stream");
    struct err err;

    (void)state;
    make_mailboxes(site, 4);
    site_start(site);
    site_run(site, 2 * MINUTE);
    assert_true(store_begin(site->store, &err) && mailbox_remove(site->store, "m00002", &err) &&
                store_commit(site->store, &err));
    site_run(site, 40 * MINUTE);
    assert_int_equal(exchange_subscriptions(site->exchange), 3);
    assert_int_equal(exchange_stream_seats(site->exchange), 3);
    site_free(&site);
}

/* ---- falling back, and back again ---- */

static void dead_push_falls_back_to_streams_and_they_to_polling(void **state)
{
    struct site *site = site_new(210, NULL);
    char id[LIMIT_UUID];

    (void)state;
    site->expect_warnings = true;
    faults(site, "drop:SendNotification");
    make_mailboxes(site, 20);
    site_deposit(site, "m00003", "en-short-pcm16.wav", "", id);
    site_start(site);
    site_run(site, MINUTE);
    assert_int_equal(count_heard_by(site, 20, "push: no callback came yet"), 20);
    assert_int_equal(site->warnings, 0);
    sees_within(site, "m00003", id, 70 * SECOND); /* polled until push is proven */
    site_run(site, SELF_TEST - 130 * SECOND + MINUTE);
    assert_int_equal(count_heard_by(site, 20, "stream: no callback comes"), 20);
    assert_int_equal(exchange_streams(site->exchange), 1);
    assert_int_equal(site->warnings, 1); /* once for all of them */
    assert_true(has_alarm(site));
    sees_within(site, "m00003", id, SECOND);

    faults(site, "drop:SendNotification, http-503:GetStreamingEvents");
    exchange_break_streams(site->exchange, false);
    site_run(site, 4 * MINUTE);
    assert_int_equal(count_heard_by(site, 20, "poll: no callback comes, streams fail"), 20);
    assert_int_equal(site->warnings, 2);
    sees_within(site, "m00003", id, 70 * SECOND);

    faults(site, "drop:SendNotification"); /* streams work again */
    site_run(site, 12 * MINUTE);
    assert_int_equal(count_heard_by(site, 20, "stream"), 20);
    sees_within(site, "m00003", id, SECOND);

    faults(site, ""); /* and push does */
    site_run(site, 36 * MINUTE);
    assert_int_equal(count_heard_by(site, 20, "push"), 20);
    assert_int_equal(exchange_streams(site->exchange), 0);
    assert_int_equal(exchange_subscriptions(site->exchange), 20);
    assert_false(has_alarm(site));
    sees_within(site, "m00003", id, SECOND);
    site_free(&site);
}

static void push_that_dies_later_is_tested_again_before_it_is_given_up(void **state)
{
    struct site *site = site_new(211, NULL);
    char id[LIMIT_UUID];

    (void)state;
    site->expect_warnings = true;
    make_mailboxes(site, 10);
    site_deposit(site, "m00003", "en-short-pcm16.wav", "", id);
    site_start(site);
    site_run(site, 20 * MINUTE);
    assert_int_equal(count_heard_by(site, 10, "push"), 10);
    assert_int_equal(site->warnings, 0);
    exchange_drop_subscriptions(site->exchange); /* a failover: push itself works */
    site_run(site, 10 * MINUTE);
    assert_int_equal(exchange_subscriptions(site->exchange), 10);
    assert_int_equal(count_heard_by(site, 10, "push"), 10);
    assert_int_equal(site->warnings, 0);
    faults(site, "drop:SendNotification"); /* a firewall: it does not */
    site_run(site, 2 * SELF_TEST + MINUTE);
    assert_int_equal(count_heard_by(site, 10, "stream"), 10);
    assert_int_equal(site->warnings, 1);
    sees_within(site, "m00003", id, SECOND);
    site_free(&site);
}

static void the_word_push_never_becomes_a_stream(void **state)
{
    struct site *site = site_new(212, "notify = push");

    (void)state;
    site->expect_warnings = true;
    faults(site, "drop:SendNotification");
    make_mailboxes(site, 5);
    site_start(site);
    site_run(site, SELF_TEST + 2 * MINUTE);
    assert_int_equal(count_heard_by(site, 5, "poll: no callback comes"), 5);
    assert_int_equal(exchange_count(site->exchange, "GetStreamingEvents"), 0);
    assert_true(has_alarm(site));
    faults(site, "");
    site_run(site, 36 * MINUTE);
    assert_int_equal(count_heard_by(site, 5, "push"), 5);
    assert_false(has_alarm(site));
    site_free(&site);
}

static bool end_one(const struct watch *watch, void *arg)
{
    struct watch *found = arg;

    *found = *watch;
    return watch->ended;
}

/* Its callbacks get lost, those of the others arrive. */
static void one_mailbox_whose_push_is_silent_streams_alone(void **state)
{
    struct site *site = site_new(213, NULL);
    char id[LIMIT_UUID];

    (void)state;
    make_mailboxes(site, 12);
    site_deposit(site, "m00004", "en-short-pcm16.wav", "", id);
    site_start(site);
    faults(site, "drop:SendNotification@m00004*");
    site_run(site, 25 * MINUTE);
    assert_int_equal(count_heard_by(site, 12, "push"), 11);
    assert_string_equal(heard_by(site, "m00004"), "stream: no callback came for it");
    assert_int_equal(exchange_streams(site->exchange), 1);
    sees_within(site, "m00004", id, SECOND);
    assert_false(has_alarm(site));
    site_free(&site);
}

/* ---- many at once, and the end ---- */

static void thousands_that_are_lost_at_once_are_renewed_slowly(void **state)
{
    const int count = getenv("TEST_MANY") ? 5000 : 400;
    struct site *site = site_new(220, NULL);
    long before, most = 0;

    (void)state;
    make_mailboxes(site, count);
    site_start(site);
    site_run(site, 6 * MINUTE);
    assert_int_equal(exchange_subscriptions(site->exchange), count);
    exchange_drop_subscriptions(site->exchange);
    before = exchange_count(site->exchange, "Subscribe");
    for (int second = 0; second < 8 * 60; second++) {
        long from = exchange_count(site->exchange, "Subscribe");
        site_run(site, SECOND);
        long now = exchange_count(site->exchange, "Subscribe") - from;
        most = now > most ? now : most;
    }
    assert_true(most > 0 && most <= LIMIT_SUBSCRIBES_PER_SECOND);
    assert_int_equal(exchange_subscriptions(site->exchange), count);
    assert_int_equal(exchange_count(site->exchange, "Subscribe") - before, count);
    site_free(&site);
}

static void stopping_leaves_no_streaming_subscription_alive(void **state)
{
    struct site *site = site_new(221, "notify = stream");
    bool done = false;

    (void)state;
    make_mailboxes(site, 50);
    site_start(site);
    site_run(site, 2 * MINUTE);
    assert_int_equal(exchange_subscriptions(site->exchange), 50);
    scheduler_drain(site->scheduler, stopped, &done);
    site_run(site, 3 * SECOND);
    assert_true(done);
    assert_int_equal(exchange_subscriptions(site->exchange), 0);
    assert_int_equal(exchange_streams(site->exchange), 0);
    site_free(&site);
}

static void stopping_is_bounded_when_exchange_is_gone(void **state)
{
    struct site *site = site_new(222, "notify = stream");
    bool done = false;

    (void)state;
    make_mailboxes(site, 50);
    site_start(site);
    site_run(site, 2 * MINUTE);
    faults(site, "late:Unsubscribe:*:60000");
    scheduler_drain(site->scheduler, stopped, &done);
    site_run(site, TIME_UNSUBSCRIBE_MS + 100);
    assert_true(done);
    site_free(&site);
}

static void leftovers_of_a_crash_are_answered_with_unsubscribe(void **state)
{
    struct site *site = site_new(223, NULL);
    struct watch watch;
    bool found;
    struct err err;

    (void)state;
    make_mailboxes(site, 10);
    site_start(site);
    site_run(site, 5 * MINUTE);
    site_kill(site);
    assert_true(watch_each(site->store, end_one, &watch, &err));
    assert_false(watch.ended);
    site_start(site);
    assert_true(watch_find(site->store, watch.secret, &watch, &found, &err));
    assert_true(found && watch.ended);
    site_run(site, 5 * MINUTE);
    assert_int_equal(exchange_subscriptions(site->exchange), 10); /* not 20 */
    assert_int_equal(count_heard_by(site, 10, "push"), 10);
    site_free(&site);
}

static void leftover_streams_of_a_crash_are_unsubscribed_at_start(void **state)
{
    struct site *site = site_new(225, "notify = stream");

    (void)state;
    make_mailboxes(site, 10);
    site_start(site);
    site_run(site, 2 * MINUTE);
    site_kill(site);
    site_start(site);
    site_run(site, 2 * MINUTE);
    assert_int_equal(exchange_subscriptions(site->exchange), 10);
    assert_int_equal(exchange_stream_seats(site->exchange), 10);
    assert_int_equal(exchange_count(site->exchange, "Unsubscribe"), 10);
    site_free(&site);
}

struct rush {
    struct site *site;
    struct err err;
};

static bool wish(const struct mailbox *mailbox, void *arg)
{
    struct rush *rush = arg;

    return queue_push(rush->site->store, mailbox->id, QUEUE_NOTIFICATION, 0, &rush->err);
}

static void a_rush_of_runs_subscribes_no_faster(void **state)
{
    struct site *site = site_new(226, NULL);
    struct rush rush = {.site = site};
    long most = 0;

    (void)state;
    make_mailboxes(site, 600);
    site_start(site);
    site_run(site, 3 * MINUTE);
    assert_int_equal(exchange_subscriptions(site->exchange), 600);
    exchange_drop_subscriptions(site->exchange);
    assert_true(store_begin(site->store, &rush.err) && watch_end_all(site->store, &rush.err) &&
                mailbox_each(site->store, wish, &rush, &rush.err) &&
                store_commit(site->store, &rush.err));
    for (int second = 0; second < 60; second++) {
        long from = exchange_count(site->exchange, "Subscribe");
        site_run(site, SECOND);
        long now = exchange_count(site->exchange, "Subscribe") - from;
        most = now > most ? now : most;
    }
    assert_true(most > 0 && most <= LIMIT_SUBSCRIBES_PER_SECOND);
    assert_int_equal(exchange_subscriptions(site->exchange), 600);
    site_free(&site);
}

static void stopped_push_subscriptions_end_at_their_next_callback(void **state)
{
    struct site *site = site_new(224, NULL);
    bool done = false;
    struct watch watch;
    struct err err;

    (void)state;
    make_mailboxes(site, 3);
    site_start(site);
    site_run(site, 3 * MINUTE);
    scheduler_drain(site->scheduler, stopped, &done);
    site_run(site, SECOND);
    assert_true(done);
    assert_true(watch_each(site->store, end_one, &watch, &err));
    assert_true(watch.ended);
    site_run(site, 3 * MINUTE); /* the listener goes on, and says Unsubscribe */
    assert_int_equal(exchange_subscriptions(site->exchange), 0);
    site_free(&site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_mailboxes_are_heard_over_few_streams),
        cmocka_unit_test(a_change_between_two_openings_is_not_missed),
        cmocka_unit_test(a_stream_goes_on_after_the_end_of_its_time),
        cmocka_unit_test(a_stream_without_heartbeat_is_opened_anew),
        cmocka_unit_test(lost_subscriptions_of_a_stream_are_made_anew),
        cmocka_unit_test(what_does_not_fit_into_the_streams_is_polled_and_says_so),
        cmocka_unit_test(an_anchor_that_is_refused_does_not_keep_the_others_from_streams),
        cmocka_unit_test(a_mailbox_that_is_removed_leaves_its_stream),
        cmocka_unit_test(dead_push_falls_back_to_streams_and_they_to_polling),
        cmocka_unit_test(push_that_dies_later_is_tested_again_before_it_is_given_up),
        cmocka_unit_test(the_word_push_never_becomes_a_stream),
        cmocka_unit_test(one_mailbox_whose_push_is_silent_streams_alone),
        cmocka_unit_test(thousands_that_are_lost_at_once_are_renewed_slowly),
        cmocka_unit_test(stopping_leaves_no_streaming_subscription_alive),
        cmocka_unit_test(stopping_is_bounded_when_exchange_is_gone),
        cmocka_unit_test(leftovers_of_a_crash_are_answered_with_unsubscribe),
        cmocka_unit_test(leftover_streams_of_a_crash_are_unsubscribed_at_start),
        cmocka_unit_test(a_rush_of_runs_subscribes_no_faster),
        cmocka_unit_test(stopped_push_subscriptions_end_at_their_next_callback),
    };

    cmocka_set_test_filter(getenv("TEST_ONLY")); /* NULL: all; TEST_MANY=1: 5000 mailboxes */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
