/* The guard at work over a whole site: a mass loss, and mailboxes that carry the messages of
 * others. Nothing is deleted, nothing is written, and both ways on work. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "ews/ews.h"
#include "queue/job.h"
#include "store/alarm.h"
#include "store/evidence.h"
#include "sync/account.h"
#include "tests/support/site.h"

enum { QUIET_MS = 10 * 1000, HOURS_MS = 3 * 60 * 60 * 1000, MANY = 30 };
#define WAV "en-short-pcm16.wav"

static struct mailbox find(struct site *site, const char *name)
{
    struct mailbox mailbox;
    struct err err;

    if (!mailbox_find(site->store, name, &mailbox, &err))
        fail_msg("%s", err.text);
    return mailbox;
}

static struct mailbox_state state_of(struct site *site, const char *name)
{
    struct mailbox mailbox = find(site, name);
    struct mailbox_state state;
    struct err err;

    assert_true(mailbox_state_get(site->store, mailbox.id, &state, &err));
    return state;
}

static bool is_suspended(struct site *site, const char *name)
{
    return state_of(site, name).condition == MAILBOX_SUSPENDED;
}

/* What "sibctl sync resume" does; and before it, with a kind, "sibctl sync resync". */
static void resume(struct site *site, const char *name, const char *kind)
{
    struct mailbox mailbox = find(site, name);
    struct mailbox_state state = state_of(site, name);
    int64_t job;
    struct err err;

    state.condition = MAILBOX_OK;
    state.reason[0] = '\0';
    assert_true(store_begin(site->store, &err));
    if (kind)
        assert_true(job_ask(site->store, mailbox.id, kind, &job, &err));
    assert_true(mailbox_state_set(site->store, mailbox.id, &state, &err));
    assert_true(queue_push(site->store, mailbox.id, QUEUE_RESYNC, 0, &err));
    assert_true(store_commit(site->store, &err));
}

static void set_address(struct site *site, const char *name, const char *address)
{
    struct mailbox mailbox = find(site, name);
    struct err err;

    text_copy(mailbox.smtp, sizeof mailbox.smtp, address);
    assert_true(store_begin(site->store, &err));
    assert_true(mailbox_set(site->store, &mailbox, NULL, &err));
    assert_true(queue_push(site->store, mailbox.id, QUEUE_CHANGE, 0, &err));
    assert_true(store_commit(site->store, &err));
}

static struct site *new_site(uint64_t seed, char (*ids)[LIMIT_UUID], int count)
{
    struct site *site = site_new(seed, NULL);

    site->expect_warnings = true;
    site_mailbox(site, "ann");
    for (int i = 0; i < count; i++)
        site_deposit(site, "ann", WAV, "", ids[i]);
    site_start(site);
    site_run(site, HOURS_MS);
    site_assert_agree(site);
    return site;
}

static void lose(struct site *site, char (*ids)[LIMIT_UUID], int from, int to)
{
    site_kill(site);
    for (int i = from; i < to; i++)
        site_user(site, "ann", "purge", ids[i], NULL);
    site_start(site);
    site_run(site, QUIET_MS);
}

static int in_inbox(struct site *site, char (*ids)[LIMIT_UUID], int count)
{
    int found = 0;

    for (int i = 0; i < count; i++)
        found += site_message(site, ids[i]).folder == FOLDER_INBOX;
    return found;
}

/* ---- a mass loss ---- */

/* rule: guard-mass-loss */
static void after_a_mass_loss_exchange_can_be_right(void **state)
{
    char ids[MANY][LIMIT_UUID];
    struct site *site = new_site(1, ids, MANY);

    (void)state;
    lose(site, ids, 0, 25);
    assert_true(is_suspended(site, "ann"));
    assert_non_null(strstr(state_of(site, "ann").reason, "25 of 30 messages vanished"));
    assert_int_equal(in_inbox(site, ids, MANY), MANY);
    resume(site, "ann", NULL); /* without an answer it stops again */
    site_run(site, QUIET_MS);
    assert_true(is_suspended(site, "ann"));
    assert_int_equal(in_inbox(site, ids, MANY), MANY);
    resume(site, "ann", "resync");
    site_run(site, HOURS_MS);
    assert_false(is_suspended(site, "ann"));
    assert_int_equal(in_inbox(site, ids, MANY), 5);
    site_assert_agree(site);
    site_free(&site);
}

/* rule: guard-mass-loss */
static void after_a_mass_loss_connection_can_be_right(void **state)
{
    char ids[MANY][LIMIT_UUID];
    struct site *site = new_site(2, ids, MANY);

    (void)state;
    lose(site, ids, 0, 25);
    assert_true(is_suspended(site, "ann"));
    resume(site, "ann", "from-connection");
    site_run(site, HOURS_MS);
    assert_false(is_suspended(site, "ann"));
    assert_int_equal(in_inbox(site, ids, MANY), MANY);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(site_items(site, "ann", ids[i]), 1);
    site_assert_agree(site);
    site_free(&site);
}

/* A resync that is asked for as a habit, by nobody who was told, deletes nothing. */
/* rule: guard-mass-loss */
static void a_resync_of_somebody_who_was_not_told_does_not_pass_over_it(void **state)
{
    char ids[MANY][LIMIT_UUID];
    struct site *site = new_site(3, ids, MANY);

    (void)state;
    site_kill(site);
    for (int i = 0; i < 25; i++)
        site_user(site, "ann", "purge", ids[i], NULL);
    resume(site, "ann", "resync");
    site_start(site);
    site_run(site, QUIET_MS);
    assert_true(is_suspended(site, "ann"));
    assert_int_equal(in_inbox(site, ids, MANY), MANY);
    site_free(&site);
}

/* rule: guard-mass-loss */
static void what_vanishes_in_two_runs_within_an_hour_is_added_up(void **state)
{
    char ids[MANY][LIMIT_UUID];
    struct site *site = new_site(4, ids, MANY);

    (void)state;
    lose(site, ids, 0, 12);
    assert_false(is_suspended(site, "ann"));
    assert_int_equal(in_inbox(site, ids, MANY), MANY - 12);
    lose(site, ids, 12, 24);
    assert_true(is_suspended(site, "ann"));
    assert_int_equal(in_inbox(site, ids, MANY), MANY - 12);
    site_free(&site);
}

/* rule: guard-mass-loss */
static void after_an_hour_it_is_forgotten(void **state)
{
    char ids[MANY][LIMIT_UUID];
    struct site *site = new_site(5, ids, MANY);

    (void)state;
    lose(site, ids, 0, 12);
    site_run(site, HOURS_MS);
    lose(site, ids, 12, 24);
    assert_false(is_suspended(site, "ann"));
    assert_int_equal(in_inbox(site, ids, MANY), MANY - 24);
    site_free(&site);
}

/* rule: guard-mass-loss */
static void a_person_who_removes_one_after_the_other_is_not_stopped(void **state)
{
    char ids[MANY][LIMIT_UUID];
    struct site *site = new_site(6, ids, MANY);

    (void)state;
    for (int i = 0; i < MANY; i++) {
        site_user(site, "ann", "purge", ids[i], NULL);
        site_run(site, QUIET_MS);
        assert_false(is_suspended(site, "ann"));
    }
    assert_int_equal(in_inbox(site, ids, MANY), 0);
    site_free(&site);
}

/* rule: guard-mass-loss */
static void emptying_deleted_items_is_no_loss(void **state)
{
    char ids[MANY][LIMIT_UUID];
    struct site *site = new_site(7, ids, MANY);

    (void)state;
    for (int i = 0; i < MANY; i++)
        site_user(site, "ann", "delete", ids[i], NULL);
    site_run(site, HOURS_MS);
    for (int i = 0; i < MANY; i++)
        site_user(site, "ann", "purge", ids[i], NULL);
    site_run(site, HOURS_MS);
    assert_false(is_suspended(site, "ann"));
    site_assert_agree(site);
    site_free(&site);
}

/* ---- the messages of others ---- */

static void made(const struct err *err, const struct remote_ref *ref, void *arg)
{
    (void)ref;
    if (err->kind != ERR_OK)
        fail_msg("%s", err->text);
    ++*(int *)arg;
}

struct inbox {
    char id[LIMIT_REMOTE_ID];
};

static void folders(const struct err *err, const struct remote_folder *found, size_t count,
                    void *arg)
{
    struct inbox *inbox = arg;

    assert_int_equal(err->kind, ERR_OK);
    for (size_t i = 0; i < count; i++) {
        if (found[i].root && found[i].place == REMOTE_INBOX)
            text_copy(inbox->id, sizeof inbox->id, found[i].id);
    }
}

/* A colleague drags a message over: an item with its id in the mailbox of somebody else. */
static void drag(struct site *site, const char *address, const char *message)
{
    struct remote *remote = ews_remote_new(account_ews(site->account), address);
    struct inbox inbox = {""};
    int done = 0;

    assert_non_null(remote->ops->folders(remote, 0, folders, &inbox));
    site_run(site, 1000);
    const struct remote_new item = {.message_id = message,
                                    .creation = "11111111-1111-4111-8111-111111111111",
                                    .folder = inbox.id,
                                    .subject = "dragged",
                                    .body = "",
                                    .item_class = "IPM.Note",
                                    .from_number = "",
                                    .from_name = "",
                                    .from_address = "",
                                    .reference = "",
                                    .received = {1795341600000},
                                    .audio_name = "",
                                    .audio_type = ""};
    assert_non_null(remote->ops->create(remote, &item, made, &done));
    site_run(site, 1000);
    assert_int_equal(done, 1);
    remote_free(&remote);
}

/* rule: guard-foreign */
static void a_message_that_a_colleague_dragged_over_is_left_alone(void **state)
{
    char ids[2][LIMIT_UUID];
    struct site *site = new_site(10, ids, 2);
    struct message before;

    (void)state;
    site_mailbox(site, "ben");
    site_run(site, QUIET_MS);
    drag(site, "ben@example.net", ids[0]);
    before = site_message(site, ids[0]);
    site_count_from_here(site);
    site_run(site, HOURS_MS);
    assert_int_equal(site_message(site, ids[0]).row, before.row);
    assert_int_equal(site_message(site, ids[0]).dirty_since_ms, 0);
    assert_int_equal(site_items(site, "ben", ids[0]), 1);
    assert_int_equal(site_items(site, "ann", ids[0]), 1);
    assert_false(is_suspended(site, "ben"));
    assert_false(is_suspended(site, "ann"));
    assert_int_equal(site_count(site, "UpdateItem") + site_count(site, "MoveItem") +
                         site_count(site, "DeleteItem") + site_count(site, "CreateItem"),
                     0);
    site_user(site, "ben", "read", ids[0], NULL); /* what is done to it there is ben's affair */
    site_user(site, "ben", "purge", ids[0], NULL);
    site_run(site, HOURS_MS);
    assert_int_equal(site_message(site, ids[0]).row, before.row);
    assert_int_equal(site_message(site, ids[0]).dirty_since_ms, 0);
    assert_int_equal(site_items(site, "ann", ids[0]), 1);
    site_free(&site);
}

static void assert_untouched(struct site *site, char (*ids)[LIMIT_UUID],
                             const struct message *before, int count)
{
    for (int i = 0; i < count; i++) {
        struct message now = site_message(site, ids[i]);
        assert_int_equal(now.folder, before[i].folder);
        assert_int_equal(now.read, before[i].read);
        assert_string_equal(now.subject, before[i].subject);
    }
    assert_int_equal(site_count(site, "UpdateItem") + site_count(site, "MoveItem") +
                         site_count(site, "DeleteItem") + site_count(site, "CreateItem"),
                     0);
}

/* rule: guard-foreign */
static void many_messages_of_another_suspend_and_write_nothing(void **state)
{
    char ids[MANY][LIMIT_UUID], waiting[LIMIT_UUID];
    struct site *site = new_site(11, ids, MANY);
    struct message before[MANY];

    (void)state;
    site_mailbox(site, "ben");
    site_run(site, QUIET_MS);
    site_kill(site);
    for (int i = 0; i < 21; i++)
        drag(site, "ben@example.net", ids[i]);
    for (int i = 0; i < MANY; i++)
        before[i] = site_message(site, ids[i]);
    site_count_from_here(site);
    site_start(site);
    site_run(site, HOURS_MS);
    assert_true(is_suspended(site, "ben"));
    assert_non_null(strstr(state_of(site, "ben").reason, "21 messages of the mailbox ann"));
    site_deposit(site, "ben", WAV, "", waiting);
    site_run(site, HOURS_MS);
    assert_untouched(site, ids, before, MANY);
    assert_int_equal(site_items(site, "ben", waiting), 0);
    assert_false(is_suspended(site, "ann"));
    resume(site, "ben", "resync"); /* they may be there */
    site_run(site, HOURS_MS);
    assert_false(is_suspended(site, "ben"));
    assert_int_equal(site_items(site, "ben", waiting), 1);
    assert_int_equal(in_inbox(site, ids, MANY), MANY);
    assert_int_equal(site_items(site, "ben", ids[0]), 1);
    site_free(&site);
}

/* rule: guard-foreign */
static void two_mailboxes_with_their_addresses_swapped_stand_still(void **state)
{
    char ids[6][LIMIT_UUID];
    struct site *site = new_site(12, ids, 3);
    struct message before[6];

    (void)state;
    site_mailbox(site, "ben");
    for (int i = 3; i < 6; i++)
        site_deposit(site, "ben", WAV, "u", ids[i]);
    site_run(site, HOURS_MS);
    site_assert_agree(site);
    for (int i = 0; i < 6; i++)
        before[i] = site_message(site, ids[i]);
    site_kill(site);
    site_user(site, "ann", "read", ids[0], NULL);
    site_user(site, "ben", "purge", ids[4], NULL);
    set_address(site, "ann", "ben@example.net");
    set_address(site, "ben", "ann@example.net");
    site_count_from_here(site);
    site_start(site);
    site_run(site, HOURS_MS);
    assert_true(is_suspended(site, "ann"));
    assert_true(is_suspended(site, "ben"));
    assert_non_null(strstr(state_of(site, "ann").reason, "of the mailbox ben"));
    assert_untouched(site, ids, before, 6);
    set_address(site, "ann", "ann@example.net");
    set_address(site, "ben", "ben@example.net");
    resume(site, "ann", NULL);
    resume(site, "ben", NULL);
    site_run(site, HOURS_MS);
    assert_false(is_suspended(site, "ann"));
    assert_false(is_suspended(site, "ben"));
    assert_true(site_message(site, ids[0]).read);
    assert_int_equal(site_message(site, ids[4]).folder, FOLDER_DELETED);
    site_assert_agree(site);
    site_free(&site);
}

/* One is enough when it is the very item that the other mailbox has. */
/* rule: guard-foreign */
static void a_new_mailbox_with_the_address_of_another_writes_nothing_into_it(void **state)
{
    char ids[2][LIMIT_UUID], own[LIMIT_UUID];
    struct site *site = new_site(13, ids, 2);

    (void)state;
    site_kill(site);
    site_mailbox(site, "carol");
    set_address(site, "carol", "ann@example.net");
    site_deposit(site, "carol", WAV, "", own);
    site_count_from_here(site);
    site_start(site);
    site_run(site, HOURS_MS);
    assert_true(is_suspended(site, "carol"));
    assert_false(is_suspended(site, "ann"));
    assert_int_equal(site_count(site, "CreateItem"), 0);
    set_address(site, "carol", "carol@example.net");
    resume(site, "carol", NULL);
    site_run(site, HOURS_MS);
    site_assert_agree(site);
    assert_int_equal(site_items(site, "carol", own), 1);
    site_free(&site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(after_a_mass_loss_exchange_can_be_right),
        cmocka_unit_test(after_a_mass_loss_connection_can_be_right),
        cmocka_unit_test(a_resync_of_somebody_who_was_not_told_does_not_pass_over_it),
        cmocka_unit_test(what_vanishes_in_two_runs_within_an_hour_is_added_up),
        cmocka_unit_test(after_an_hour_it_is_forgotten),
        cmocka_unit_test(a_person_who_removes_one_after_the_other_is_not_stopped),
        cmocka_unit_test(emptying_deleted_items_is_no_loss),
        cmocka_unit_test(a_message_that_a_colleague_dragged_over_is_left_alone),
        cmocka_unit_test(many_messages_of_another_suspend_and_write_nothing),
        cmocka_unit_test(two_mailboxes_with_their_addresses_swapped_stand_still),
        cmocka_unit_test(a_new_mailbox_with_the_address_of_another_writes_nothing_into_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
