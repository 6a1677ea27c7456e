/* The callback listener: what is written down before which answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "queue/queue.h"
#include "store/db.h"
#include "tests/support/callback_fixture.h"

static const char ok_answer[] = ">OK</m:SubscriptionStatus>";
static const char unsubscribe_answer[] = ">Unsubscribe</m:SubscriptionStatus>";

#define SOAP_HEAD                                                                              \
    "<?xml version=\"1.0\" encoding=\"utf-8\"?>"                                               \
    "<soap11:Envelope xmlns:soap11=\"http://schemas.xmlsoap.org/soap/envelope/\">"             \
    "<soap11:Header><t:RequestServerVersion Version=\"Exchange2013_SP1\""                      \
    " xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\"/></soap11:Header>" \
    "<soap11:Body><m:SendNotification"                                                         \
    " xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\""                   \
    " xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\">"               \
    "<m:ResponseMessages>"
#define SOAP_TAIL "</m:ResponseMessages></m:SendNotification></soap11:Body></soap11:Envelope>"
#define MESSAGE(subscription, events)                                                          \
    "<m:SendNotificationResponseMessage ResponseClass=\"Success\">"                            \
    "<m:ResponseCode>NoError</m:ResponseCode><m:Notification>"                                 \
    "<t:SubscriptionId>" subscription "</t:SubscriptionId>"                                    \
    "<t:PreviousWatermark>AQ</t:PreviousWatermark><t:MoreEvents>false</t:MoreEvents>" events   \
    "</m:Notification></m:SendNotificationResponseMessage>"
#define NEW_MAIL                                                                               \
    "<t:NewMailEvent><t:Watermark>AR</t:Watermark>"                                            \
    "<t:TimeStamp>2026-11-22T10:00:00Z</t:TimeStamp><t:ItemId Id=\"AAMk\"/>"                   \
    "<t:ParentFolderId Id=\"AAMf\"/></t:NewMailEvent>"
#define NEW_FOLDER                                                                             \
    "<t:CreatedEvent><t:Watermark>AR</t:Watermark><t:TimeStamp>2026-11-22T10:00:01Z"           \
    "</t:TimeStamp><t:FolderId Id=\"AAMkNEW=\"/><t:ParentFolderId Id=\"AAMkINBOX=\"/>"         \
    "</t:CreatedEvent>"
#define STATUS "<t:StatusEvent><t:Watermark>AR</t:Watermark></t:StatusEvent>"

static const char mail_a[] = SOAP_HEAD MESSAGE("sub-a", NEW_MAIL) SOAP_TAIL;
static const char mail_b[] = SOAP_HEAD MESSAGE("sub-b", NEW_MAIL) SOAP_TAIL;
static const char status_a[] = SOAP_HEAD MESSAGE("sub-a", STATUS) SOAP_TAIL;
#define READ_IN(folder)                                                                        \
    "<t:ModifiedEvent><t:Watermark>AR</t:Watermark><t:TimeStamp>2026-11-22T10:00:02Z"          \
    "</t:TimeStamp><t:ItemId Id=\"AAMk\"/><t:ParentFolderId Id=\"" folder                      \
    "\"/></t:ModifiedEvent>"
static const char lost_a[] =
    SOAP_HEAD "<m:SendNotificationResponseMessage ResponseClass=\"Error\">"
              "<m:MessageText>The watermark cannot be read.</m:MessageText>"
              "<m:ResponseCode>ErrorReadEventsFailed</m:ResponseCode>"
              "<m:DescriptiveLinkKey>0</m:DescriptiveLinkKey>"
              "<m:MessageXml><t:Value Name=\"SubscriptionId\">sub-a</t:Value></m:MessageXml>"
              "</m:SendNotificationResponseMessage>" SOAP_TAIL;

static void a_notification_marks_the_mailbox_and_is_answered_after_the_commit(void **state)
{
    struct callback_fixture *f = *state;

    struct callback_client *client = cf_call(f, "POST", "/ews/" SECRET_A, mail_a);
    cf_run(f);
    assert_int_equal(cf_status_of(client), 200);
    assert_true(cf_says(client, "Content-Type: text/xml; charset=utf-8\r\n"));
    assert_true(cf_says(client, ok_answer));
    assert_int_equal(f->commits, 1);
    assert_int_equal(cf_rows_of(f, "ann"), 1);
    assert_int_equal(cf_rows_of(f, ""), 1);
    assert_int_not_equal(cf_watch_of(f, SECRET_A).heard_ms, 0);
    assert_int_equal(cf_watch_of(f, SECRET_B).heard_ms, 0);
}

static bool is_of_folders(const struct queue_row *row, void *arg)
{
    int *count = arg;

    *count += row->reason == QUEUE_FOLDERS;
    return true;
}

/* rule: map-below-made
 * rule: notify-marked */
static void a_new_folder_is_marked_so_that_the_folders_are_listed(void **state)
{
    struct callback_fixture *f = *state;
    int count = 0;
    struct err err;

    struct callback_client *client =
        cf_call(f, "POST", "/" SECRET_A, SOAP_HEAD MESSAGE("sub-a", NEW_FOLDER) SOAP_TAIL);
    cf_run(f);
    assert_true(cf_says(client, ok_answer));
    assert_true(queue_each(f->store, "", is_of_folders, &count, &err));
    assert_int_equal(count, 1);
    assert_int_equal(cf_rows_of(f, "ann"), 1);
}

static void the_secret_is_the_last_component_of_the_path(void **state)
{
    struct callback_fixture *f = *state;
    static const char *const good[] = {"/" SECRET_A, "/a/b/c/" SECRET_A, "/" SECRET_A "?x=/y"};
    static const char *const bad[] = {"/" SECRET_A "/", ("/" SECRET_A "0"), "/x" SECRET_A, "/",
                                      "/0123456789ABCDEF0123456789ABCDEF"};
    struct callback_client *client;

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        client = cf_call(f, "POST", good[i], mail_a);
        cf_run(f);
        assert_true(cf_says(client, ok_answer));
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        client = cf_call(f, "POST", bad[i], mail_a);
        cf_run(f);
        assert_int_equal(cf_status_of(client), 404);
    }
    assert_int_equal(f->commits, 1);
}

static void several_calls_in_one_turn_share_a_transaction(void **state)
{
    struct callback_fixture *f = *state;
    struct callback_client *clients[6];

    for (int i = 0; i < 6; i++)
        clients[i] =
            cf_call(f, "POST", i % 2 ? "/" SECRET_B : "/" SECRET_A, i % 2 ? mail_b : mail_a);
    cf_run(f);
    for (int i = 0; i < 6; i++)
        assert_true(cf_says(clients[i], ok_answer));
    assert_int_equal(f->commits, 1);
    assert_int_equal(cf_rows_of(f, "ann"), 1);
    assert_int_equal(cf_rows_of(f, "bob"), 1);
}

static void a_failed_commit_is_answered_503_and_leaves_no_mark(void **state)
{
    struct callback_fixture *f = *state;

    f->commit_fails = true;
    struct callback_client *a = cf_call(f, "POST", "/" SECRET_A, mail_a);
    struct callback_client *b = cf_call(f, "POST", "/" SECRET_B, mail_b);
    struct callback_client *stranger = cf_call(f, "POST", "/" STRANGER, mail_b);
    cf_run(f);
    assert_int_equal(cf_status_of(a), 503);
    assert_int_equal(cf_status_of(b), 503);
    assert_true(cf_says(stranger, unsubscribe_answer));
    assert_int_equal(cf_rows_of(f, ""), 0);
    assert_int_equal(cf_watch_of(f, SECRET_A).heard_ms, 0);
    assert_int_equal(f->broken, 0);
    assert_int_equal(f->bad_lines, 1);
    f->bad_lines = 0;

    f->commit_fails = false;
    a = cf_call(f, "POST", "/" SECRET_A, mail_a);
    cf_run(f);
    assert_true(cf_says(a, ok_answer));
    assert_int_equal(cf_rows_of(f, "ann"), 1);
}

static void refuse_bob(struct callback_fixture *f, bool refuse)
{
    struct err err = {0};

    assert_true(store_begin(f->store, &err));
    if (!refuse)
        assert_true(db_run(f->store, &err, "DROP TRIGGER refuse", ""));
    else
        assert_true(db_run(f->store, &err,
                           "CREATE TRIGGER refuse BEFORE INSERT ON queue"
                           " WHEN new.mailbox = 'bob' BEGIN SELECT RAISE(ABORT, 'no'); END",
                           ""));
    assert_true(store_commit(f->store, &err));
}

static void one_mark_that_cannot_be_made_leaves_none_of_its_turn(void **state)
{
    struct callback_fixture *f = *state;

    refuse_bob(f, true);
    struct callback_client *a = cf_call(f, "POST", "/" SECRET_A, mail_a);
    struct callback_client *b = cf_call(f, "POST", "/" SECRET_B, mail_b);
    cf_run(f);
    assert_int_equal(cf_status_of(a), 503);
    assert_int_equal(cf_status_of(b), 503);
    assert_int_equal(f->commits, 0);
    assert_int_equal(cf_rows_of(f, ""), 0);
    assert_int_equal(f->bad_lines, 1);
    f->bad_lines = 0;

    refuse_bob(f, false);
    b = cf_call(f, "POST", "/" SECRET_B, mail_b);
    cf_run(f);
    assert_true(cf_says(b, ok_answer));
    assert_int_equal(cf_rows_of(f, ""), 1);
}

static void a_store_that_failed_for_good_is_reported(void **state)
{
    struct callback_fixture *f = *state;

    f->commit_fails = f->store_dies = true;
    struct callback_client *client = cf_call(f, "POST", "/" SECRET_A, mail_a);
    cf_run(f);
    assert_int_equal(cf_status_of(client), 503);
    assert_int_equal(f->broken, 1);
    f->bad_lines = 0;
}

static void failures_are_logged_once_a_minute_at_most(void **state)
{
    struct callback_fixture *f = *state;

    f->commit_fails = true;
    for (int i = 0; i < 5; i++) {
        cf_call(f, "POST", "/" SECRET_A, mail_a);
        cf_run(f);
    }
    assert_int_equal(f->commits, 5);
    assert_int_equal(f->bad_lines, 1);
    f->bad_lines = 0;
}

static void a_sign_of_life_is_noted_and_marks_nothing(void **state)
{
    struct callback_fixture *f = *state;

    struct callback_client *client = cf_call(f, "POST", "/" SECRET_A, status_a);
    cf_run(f);
    assert_true(cf_says(client, ok_answer));
    assert_int_equal(f->commits, 1);
    assert_int_not_equal(cf_watch_of(f, SECRET_A).heard_ms, 0);
    assert_int_equal(cf_rows_of(f, ""), 0);
}

static void an_unknown_address_is_told_to_unsubscribe_and_writes_nothing(void **state)
{
    struct callback_fixture *f = *state;

    struct callback_client *leftover = cf_call(f, "POST", "/" STRANGER, mail_a);
    struct callback_client *garbage = cf_call(f, "POST", "/" STRANGER, "hello");
    struct callback_client *elsewhere = cf_call(f, "POST", "/index.php", "hello");
    cf_run(f);
    assert_int_equal(cf_status_of(leftover), 200);
    assert_true(cf_says(leftover, unsubscribe_answer));
    assert_true(cf_says(garbage, unsubscribe_answer)); /* nobody has looked into it */
    assert_int_equal(cf_status_of(elsewhere), 404);
    assert_int_equal(f->commits, 0);
    assert_int_equal(cf_rows_of(f, ""), 0);
}

/* Within a path: the end of the request line, and a header that promises a body. */
#define PROMISES_A_BODY " HTTP/1.1\r\nContent-Length: 200000\r\nX-Rest: x"

static void strangers_are_answered_without_their_body_and_lose_their_place(void **state)
{
    struct callback_fixture *f = *state;

    struct callback_client *unknown = cf_call(f, "POST", "/" STRANGER PROMISES_A_BODY, NULL);
    struct callback_client *elsewhere = cf_call(f, "POST", "/x" PROMISES_A_BODY, NULL);
    struct callback_client *put = cf_call(f, "PUT", "/" SECRET_A PROMISES_A_BODY, NULL);
    struct callback_client *exchange = cf_call(f, "POST", "/" SECRET_A, mail_a);
    cf_run(f);
    assert_true(cf_says(unknown, unsubscribe_answer));
    assert_true(cf_says(unknown, "Connection: close\r\n"));
    assert_int_equal(cf_status_of(elsewhere), 404);
    assert_true(cf_says(elsewhere, "Connection: close\r\n"));
    assert_int_equal(cf_status_of(put), 405);
    assert_true(cf_says(exchange, "Connection: keep-alive\r\n"));
}

static void any_number_of_calls_is_one_mark_and_one_transaction(void **state)
{
    struct callback_fixture *f = *state;

    for (int i = 0; i < 10; i++) {
        struct callback_client *client = cf_call(f, "POST", "/" SECRET_A, mail_a);
        cf_run(f);
        assert_true(cf_says(client, ok_answer));
    }
    assert_int_equal(f->commits, 1);
    assert_int_equal(cf_rows_of(f, ""), 1);
}

static void run_sql(struct callback_fixture *f, const char *sql)
{
    struct err err = {0};

    assert_true(store_begin(f->store, &err));
    assert_true(db_run(f->store, &err, sql, ""));
    assert_true(store_commit(f->store, &err));
}

static void being_heard_is_noted_again_only_after_a_while(void **state)
{
    struct callback_fixture *f = *state;

    cf_call(f, "POST", "/" SECRET_A, status_a);
    cf_run(f);
    int64_t heard_ms = cf_watch_of(f, SECRET_A).heard_ms;
    cf_call(f, "POST", "/" SECRET_A, status_a);
    cf_run(f);
    assert_int_equal(f->commits, 1);
    assert_int_equal(cf_watch_of(f, SECRET_A).heard_ms, heard_ms);
    static_assert(TIME_HEARD_MS == 10000, "the statement below says it, too");
    run_sql(f, "UPDATE watch SET heard = heard - 10001");
    cf_call(f, "POST", "/" SECRET_A, status_a);
    cf_run(f);
    assert_int_equal(f->commits, 2);
    assert_true(cf_watch_of(f, SECRET_A).heard_ms >= heard_ms);
    run_sql(f, "UPDATE watch SET heard = heard + 3600000"); /* the calendar was set back */
    cf_call(f, "POST", "/" SECRET_A, status_a);
    cf_run(f);
    assert_int_equal(f->commits, 3);
}

static bool due_of(const struct queue_row *row, void *arg)
{
    *(int64_t *)arg = row->due_ms;
    return true;
}

static void a_mailbox_is_looked_at_at_once_and_then_not_again_for_a_moment(void **state)
{
    struct callback_fixture *f = *state;
    int64_t due_ms = 0;
    struct err err = {0};

    cf_call(f, "POST", "/" SECRET_A, mail_a);
    cf_run(f);
    assert_true(queue_each(f->store, "ann", due_of, &due_ms, &err));
    assert_true(due_ms <= store_now(f->store).ms);
    run_sql(f, "DELETE FROM queue"); /* the look is over */
    int64_t before_ms = store_now(f->store).ms;
    cf_call(f, "POST", "/" SECRET_A, mail_a);
    cf_call(f, "POST", "/" SECRET_B, mail_b);
    cf_run(f);
    assert_true(queue_each(f->store, "ann", due_of, &due_ms, &err));
    assert_in_range(due_ms, before_ms + 1, before_ms + 2 * TIME_MARK_MS);
    assert_true(queue_each(f->store, "bob", due_of, &due_ms, &err));
    assert_true(due_ms <= store_now(f->store).ms); /* another's marks do not count */
}

/* A run that has begun may have looked already: the mark must be made anew. */
static void a_call_during_a_look_wishes_another(void **state)
{
    struct callback_fixture *f = *state;
    const struct queue_claimer claimer = {.owner = "test"};
    struct queue_claim claim;
    struct err err = {0};
    bool found;

    cf_call(f, "POST", "/" SECRET_A, mail_a);
    cf_run(f);
    assert_true(store_begin(f->store, &err));
    assert_true(queue_claim_next(f->store, &claimer, &claim, &found, &err) && found);
    assert_true(store_commit(f->store, &err));
    cf_call(f, "POST", "/" SECRET_A, mail_a);
    cf_run(f);
    assert_int_equal(f->commits, 2);
    cf_call(f, "POST", "/" SECRET_A, mail_a);
    cf_run(f);
    assert_int_equal(f->commits, 2);
    assert_true(store_begin(f->store, &err));
    assert_true(queue_done(f->store, "test", "ann", &err));
    assert_true(store_commit(f->store, &err));
    assert_int_equal(cf_rows_of(f, "ann"), 1);
}

static void add_folder(struct callback_fixture *f, const char *id)
{
    struct err err = {0};

    assert_true(store_begin(f->store, &err));
    assert_true(db_run(f->store, &err,
                       "INSERT INTO folder(mailbox, id, name, place, root, token, listing,"
                       " list_number, stamp, row) VALUES('ann', ?, '', 0, 1, 't', 0, 0, 0, 0)",
                       "s", id));
    assert_true(store_commit(f->store, &err));
}

/* What a claim of ann's wish takes along, in words; it is done at once. */
static void assert_where(struct callback_fixture *f, const char *words)
{
    const struct queue_claimer claimer = {.owner = "test"};
    struct queue_claim claim;
    struct hint_claim where;
    struct err err = {0};
    char text[256] = "";
    bool found;

    assert_true(store_begin(f->store, &err));
    assert_true(queue_claim_next(f->store, &claimer, &claim, &found, &err) && found);
    assert_string_equal(claim.mailbox, "ann");
    assert_true(hint_claimed(f->store, "ann", &where, &err));
    assert_true(queue_done(f->store, "test", "ann", &err));
    assert_true(store_commit(f->store, &err));
    for (int i = 0; i < where.count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s ", where.folders[i]);
    free(where.folders);
    assert_string_equal(text, words);
}

/* The mailbox waits for a look already; without the folder this change would be overlooked.
 * rule: notify-where */
static void a_mark_that_is_there_already_still_takes_the_folder(void **state)
{
    struct callback_fixture *f = *state;
    static const char inbox[] = SOAP_HEAD MESSAGE("sub-a", READ_IN("inbox")) SOAP_TAIL,
                      junk[] = SOAP_HEAD MESSAGE("sub-a", READ_IN("junk")) SOAP_TAIL;

    add_folder(f, "inbox");
    add_folder(f, "junk");
    for (int i = 0; i < 3; i++) {
        cf_call(f, "POST", "/" SECRET_A, inbox);
        cf_run(f);
        assert_int_equal(f->commits, 1);
    }
    for (int i = 0; i < 3; i++) {
        cf_call(f, "POST", "/" SECRET_A, junk);
        cf_run(f);
        assert_int_equal(f->commits, 2);
    }
    cf_call(f, "POST", "/" SECRET_A, inbox);
    cf_run(f);
    assert_int_equal(f->commits, 2);
    assert_int_equal(cf_rows_of(f, "ann"), 1);
    assert_where(f, "inbox junk ");
}

static void what_several_calls_of_one_turn_say_comes_together(void **state)
{
    struct callback_fixture *f = *state;

    add_folder(f, "inbox");
    add_folder(f, "junk");
    cf_call(f, "POST", "/" SECRET_A,
            SOAP_HEAD MESSAGE("sub-a", READ_IN("inbox")) MESSAGE("sub-a", STATUS) SOAP_TAIL);
    cf_call(f, "POST", "/" SECRET_A,
            SOAP_HEAD MESSAGE("sub-a", READ_IN("junk") READ_IN("inbox")) SOAP_TAIL);
    cf_run(f);
    assert_where(f, "inbox junk ");
}

/* There is not room for so many. */
static void forget_client(struct callback_fixture *f)
{
    struct callback_client *client = &f->clients[--f->client_count];

    cf_client_close(client);
    buf_clear(&client->out);
    buf_clear(&client->in);
    *client = (struct callback_client){0};
}

/* Whoever knows the address makes one mark, whatever folders he thinks of.
 * rule: notify-where */
static void any_number_of_folders_that_are_made_up_is_one_mark_anywhere(void **state)
{
    struct callback_fixture *f = *state;
    char body[4096];

    add_folder(f, "inbox");
    for (int i = 0; i < 100; i++) {
        struct buf text;
        buf_init(&text, sizeof body);
        buf_printf(&text, SOAP_HEAD MESSAGE("sub-a", READ_IN("made-up-%d")) SOAP_TAIL, i);
        snprintf(body, sizeof body, "%s", buf_str(&text));
        buf_clear(&text);
        cf_call(f, "POST", "/" SECRET_A, body);
        cf_run(f);
        forget_client(f);
    }
    assert_int_equal(f->commits, 1);
    assert_where(f, "");
}

static void marks_in_many_folders_are_bounded(void **state)
{
    struct callback_fixture *f = *state;
    struct err err = {0};
    bool found;

    for (int i = 0; i < 4 * LIMIT_HINTS; i++) {
        struct buf text;
        char id[32];
        snprintf(id, sizeof id, "folder-%d", i);
        add_folder(f, id);
        buf_init(&text, 4096);
        buf_printf(&text, SOAP_HEAD MESSAGE("sub-a", READ_IN("folder-%d")) SOAP_TAIL, i);
        cf_call(f, "POST", "/" SECRET_A, buf_str(&text));
        cf_run(f);
        buf_clear(&text);
        forget_client(f);
    }
    assert_int_equal(f->commits, LIMIT_HINTS + 1);
    sqlite3_stmt *stmt = db_one(f->store, &err, &found, "SELECT count(*) FROM queue_hint", "");
    assert_int_equal(db_int(stmt, 0), LIMIT_HINTS + 1);
    db_end(stmt);
    assert_where(f, "");
}

static void another_subscription_at_a_known_address_is_told_to_unsubscribe(void **state)
{
    struct callback_fixture *f = *state;

    struct callback_client *client = cf_call(f, "POST", "/" SECRET_A, mail_b);
    cf_run(f);
    assert_true(cf_says(client, unsubscribe_answer));
    assert_int_equal(f->commits, 0);
    assert_int_equal(cf_rows_of(f, ""), 0);
}

static void a_call_before_the_answer_to_subscribe_is_stored_is_accepted(void **state)
{
    struct callback_fixture *f = *state;

    cf_add_watch(f, STRANGER, "cleo", "");
    struct callback_client *client = cf_call(f, "POST", "/" STRANGER, mail_b);
    cf_run(f);
    assert_true(cf_says(client, ok_answer));
    assert_int_equal(cf_rows_of(f, "cleo"), 1);
}

static void a_lost_subscription_ends_the_watch_and_marks_the_mailbox(void **state)
{
    struct callback_fixture *f = *state;

    struct callback_client *client = cf_call(f, "POST", "/" SECRET_A, lost_a);
    cf_run(f);
    assert_int_equal(cf_status_of(client), 200);
    assert_int_equal(cf_rows_of(f, "ann"), 1);
    assert_true(cf_watch_of(f, SECRET_A).ended);
    assert_false(cf_watch_of(f, SECRET_B).ended);

    client = cf_call(f, "POST", "/" SECRET_A, mail_a);
    cf_run(f);
    assert_true(cf_says(client, unsubscribe_answer));
    assert_int_equal(f->commits, 1);
}

static void what_is_no_notification_is_refused(void **state)
{
    struct callback_fixture *f = *state;
    static const char half[] = SOAP_HEAD MESSAGE("sub-a", NEW_MAIL);

    struct callback_client *get = cf_call(f, "GET", "/" SECRET_A, NULL);
    struct callback_client *put = cf_call(f, "PUT", "/" SECRET_A, mail_a);
    struct callback_client *garbage = cf_call(f, "POST", "/" SECRET_A, "hello");
    struct callback_client *truncated = cf_call(f, "POST", "/" SECRET_A, half);
    struct callback_client *empty = cf_call(f, "POST", "/" SECRET_A, "");
    cf_run(f);
    assert_int_equal(cf_status_of(get), 405);
    assert_true(cf_says(get, "Allow: POST\r\n"));
    assert_int_equal(cf_status_of(put), 405);
    assert_int_equal(cf_status_of(garbage), 400);
    assert_int_equal(cf_status_of(truncated), 400);
    assert_int_equal(cf_status_of(empty), 400);
    assert_int_equal(f->commits, 0);
    assert_int_equal(cf_rows_of(f, ""), 0);
}

static void a_body_of_two_megabytes_is_refused(void **state)
{
    struct callback_fixture *f = *state;
    size_t len = 2 * MIB;
    char *body = malloc(len + 1);

    memset(body, ' ', len);
    body[len] = '\0';
    memcpy(body, mail_a, sizeof mail_a - 1);
    struct callback_client *client = cf_call(f, "POST", "/" SECRET_A, body);
    free(body);
    cf_run(f);
    assert_true(cf_status_of(client) == 413 || client->in.len == 0);
    assert_int_equal(f->commits, 0);
    assert_int_equal(cf_rows_of(f, ""), 0);
}

static void a_caller_that_has_gone_away_still_leaves_its_mark(void **state)
{
    struct callback_fixture *f = *state;

    f->stop_after_request = true;
    struct callback_client *gone = cf_call(f, "POST", "/" SECRET_A, mail_a);
    cf_run(f);
    cf_client_close(gone);
    f->open_count--;
    f->stop_after_request = false;
    f->stop_after_commit = true;
    cf_run(f);
    assert_int_equal(cf_rows_of(f, "ann"), 1);
    f->stop_after_commit = false;
    struct callback_client *next = cf_call(f, "POST", "/" SECRET_B, mail_b);
    cf_run(f);
    assert_true(cf_says(next, ok_answer));
}

static void what_waits_at_the_end_is_answered_503(void **state)
{
    struct callback_fixture *f = *state;

    f->stop_after_request = true;
    struct callback_client *client = cf_call(f, "POST", "/" SECRET_A, mail_a);
    cf_run(f);
    callback_free(&f->callback);
    assert_null(f->callback);
    cf_run(f);
    assert_int_equal(cf_status_of(client), 503);
    assert_int_equal(cf_rows_of(f, ""), 0);
}

static void sync_is_poked_for_a_mark_and_not_for_a_sign_of_life(void **state)
{
    struct callback_fixture *f = *state;

    cf_call(f, "POST", "/" SECRET_A, status_a);
    cf_run(f);
    cf_call(f, "POST", "/" STRANGER, mail_a);
    cf_run(f);
    assert_int_equal(f->pokes, 0);
    cf_call(f, "POST", "/" SECRET_A, mail_a);
    cf_run(f);
    cf_call(f, "POST", "/" SECRET_A, status_a); /* a further turn, in which the poke arrives */
    cf_run(f);
    assert_int_equal(f->pokes, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, cf_set_up, cf_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_notification_marks_the_mailbox_and_is_answered_after_the_commit),
        TEST(a_new_folder_is_marked_so_that_the_folders_are_listed),
        TEST(the_secret_is_the_last_component_of_the_path),
        TEST(several_calls_in_one_turn_share_a_transaction),
        TEST(a_failed_commit_is_answered_503_and_leaves_no_mark),
        TEST(one_mark_that_cannot_be_made_leaves_none_of_its_turn),
        TEST(a_store_that_failed_for_good_is_reported),
        TEST(failures_are_logged_once_a_minute_at_most),
        TEST(a_sign_of_life_is_noted_and_marks_nothing),
        TEST(an_unknown_address_is_told_to_unsubscribe_and_writes_nothing),
        TEST(strangers_are_answered_without_their_body_and_lose_their_place),
        TEST(any_number_of_calls_is_one_mark_and_one_transaction),
        TEST(being_heard_is_noted_again_only_after_a_while),
        TEST(a_mailbox_is_looked_at_at_once_and_then_not_again_for_a_moment),
        TEST(a_call_during_a_look_wishes_another),
        TEST(a_mark_that_is_there_already_still_takes_the_folder),
        TEST(what_several_calls_of_one_turn_say_comes_together),
        TEST(any_number_of_folders_that_are_made_up_is_one_mark_anywhere),
        TEST(marks_in_many_folders_are_bounded),
        TEST(another_subscription_at_a_known_address_is_told_to_unsubscribe),
        TEST(a_call_before_the_answer_to_subscribe_is_stored_is_accepted),
        TEST(a_lost_subscription_ends_the_watch_and_marks_the_mailbox),
        TEST(what_is_no_notification_is_refused),
        TEST(a_body_of_two_megabytes_is_refused),
        TEST(a_caller_that_has_gone_away_still_leaves_its_mark),
        TEST(what_waits_at_the_end_is_answered_503),
        TEST(sync_is_poked_for_a_mark_and_not_for_a_sign_of_life),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
