/* What can stand in the way of a mailbox: what happens to it, how it is explained, which alarm
 * calls a person, and that it goes on by itself afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/status.h"
#include "base/text.h"
#include "store/alarm.h"
#include "store/db.h"
#include "tests/support/site.h"

enum { QUIET_MS = 10 * 1000, HALF_HOUR_MS = 30 * 60 * 1000, HOURS_MS = 3 * 60 * 60 * 1000 };
enum { MANY = 25 };
#define WAV "en-short-pcm16.wav"

/* The database itself, which no module but the store needs. */
static sqlite3 *database(struct store *store)
{
    struct err err;
    sqlite3_stmt *stmt = db_query(store, &err, "SELECT 1", "");

    assert_non_null(stmt);
    sqlite3 *db = sqlite3_db_handle(stmt);
    db_end(stmt);
    return db;
}

static struct mailbox find(struct site *site, const char *name)
{
    struct mailbox mailbox;
    struct err err;

    if (!mailbox_find(site->store, name, &mailbox, &err))
        fail_msg("%s", err.text);
    return mailbox;
}

static struct mailbox_status status_of(struct site *site, const char *name)
{
    struct mailbox mailbox = find(site, name);
    struct mailbox_status status;
    struct err err;

    if (!mailbox_status(site->store, &mailbox, site->config->sync.single_inbox, &status,
                        &err) ||
        !mailbox_status_account(site->store, "main", &status, &err))
        fail_msg("%s", err.text);
    return status;
}

struct wanted {
    const char *name;
    bool found;
};

static bool take_alarm(const struct alarm *alarm, void *arg)
{
    struct wanted *wanted = arg;

    wanted->found = wanted->found || strcmp(alarm->name, wanted->name) == 0;
    return true;
}

static bool has_alarm(struct site *site, const char *name)
{
    struct wanted wanted = {.name = name};
    struct err err;

    assert_true(alarm_each(site->store, take_alarm, &wanted, &err));
    return wanted.found;
}

static void faults(struct site *site, const char *spec)
{
    struct err err;

    if (!exchange_set_faults(site->exchange, spec, &err))
        fail_msg("%s", err.text);
}

/* Nothing more may be put into any mailbox there. */
static void fill(struct site *site, bool full)
{
    struct err err;

    if (!exchange_set_limits(site->exchange, full ? "quota=1" : "", &err))
        fail_msg("%s", err.text);
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

/* ---- every state is explained ---- */

struct scene {
    struct site *site;
    char ids[MANY][LIMIT_UUID];
};

static void quiet(struct scene *scene)
{
    (void)scene;
}

static void switched_off(struct scene *scene)
{
    struct err err;

    assert_true(store_begin(scene->site->store, &err));
    assert_true(mailbox_set_single_inbox(scene->site->store, "ann", false, &err));
    assert_true(store_commit(scene->site->store, &err));
}

static void new_and_never_looked_at(struct scene *scene)
{
    struct err err;

    site_kill(scene->site);
    assert_true(store_begin(scene->site->store, &err));
    assert_true(mailbox_remove(scene->site->store, "ann", &err));
    assert_true(store_commit(scene->site->store, &err));
    site_mailbox(scene->site, "ann");
}

static void many_are_removed_there(struct scene *scene)
{
    site_kill(scene->site);
    for (int i = 0; i < MANY; i++)
        site_user(scene->site, "ann", "purge", scene->ids[i], NULL);
    site_start(scene->site);
}

static void the_address_is_anothers(struct scene *scene)
{
    struct mailbox mailbox;
    char id[LIMIT_UUID];
    struct err err;

    site_mailbox(scene->site, "ben");
    site_deposit(scene->site, "ben", WAV, "", id);
    site_run(scene->site, HOURS_MS);
    site_kill(scene->site);
    mailbox = find(scene->site, "ann");
    snprintf(mailbox.smtp, sizeof mailbox.smtp, "ben@example.net");
    struct mailbox ben = find(scene->site, "ben");
    snprintf(ben.smtp, sizeof ben.smtp, "ann@example.net");
    assert_true(store_begin(scene->site->store, &err));
    assert_true(mailbox_set(scene->site->store, &mailbox, NULL, &err));
    assert_true(mailbox_set(scene->site->store, &ben, NULL, &err));
    assert_true(store_commit(scene->site->store, &err));
    site_start(scene->site);
    site_run(scene->site, QUIET_MS);
}

static void exchange_is_full(struct scene *scene)
{
    char id[LIMIT_UUID];

    faults(scene->site, "quota");
    site_deposit(scene->site, "ann", WAV, "", id);
}

static void a_message_is_refused(struct scene *scene)
{
    char id[LIMIT_UUID];

    faults(scene->site, "code:CreateItem:ErrorMessageSizeExceeded:1-3");
    site_deposit(scene->site, "ann", WAV, "", id);
}

static void the_account_may_not(struct scene *scene)
{
    char id[LIMIT_UUID];

    faults(scene->site, "fault:*:ErrorImpersonateUserDenied:*");
    site_deposit(scene->site, "ann", WAV, "", id);
}

static void the_mailbox_is_moved(struct scene *scene)
{
    char id[LIMIT_UUID];

    site_user(scene->site, "ann", "move-server", "36000000", NULL);
    site_deposit(scene->site, "ann", WAV, "", id);
}

static void exchange_went_back(struct scene *scene)
{
    char id[LIMIT_UUID];

    site_user(scene->site, "ann", "snapshot", NULL);
    site_run(scene->site, 60 * 1000);
    site_deposit(scene->site, "ann", WAV, "", id);
    site_run(scene->site, HOURS_MS);
    site_user(scene->site, "ann", "restore-backup", NULL);
}

static void the_store_went_back(struct scene *scene)
{
    sqlite3 *backup;
    sqlite3_backup *copy;
    char id[LIMIT_UUID];

    assert_int_equal(sqlite3_open(":memory:", &backup), SQLITE_OK);
    copy = sqlite3_backup_init(backup, "main", database(scene->site->store), "main");
    assert_int_equal(sqlite3_backup_step(copy, -1), SQLITE_DONE);
    sqlite3_backup_finish(copy);
    site_deposit(scene->site, "ann", WAV, "", id);
    site_run(scene->site, HOURS_MS);
    site_kill(scene->site);
    copy = sqlite3_backup_init(database(scene->site->store), "main", backup, "main");
    assert_int_equal(sqlite3_backup_step(copy, -1), SQLITE_DONE);
    sqlite3_backup_finish(copy);
    sqlite3_close(backup);
    site_start(scene->site);
}

/* How it comes to be raised: test_room.c. */
static void our_disk_is_full(struct scene *scene)
{
    struct err err;

    assert_true(store_begin(scene->site->store, &err));
    assert_true(alarm_raise(scene->site->store, ALARM_DISK_FULL, "", "",
                            "the disk of /var/lib/sib is full; free some space", &err));
    assert_true(store_commit(scene->site->store, &err));
}

static const struct {
    const char *what;
    void (*bring_about)(struct scene *);
    const char *state, *words;
    const char *alarm; /* "" : nobody has to do anything */
} states[] = {
    {"quiet", quiet, "ok", "Both sides agree.", ""},
    {"switched off", switched_off, "off", "is off for this mailbox", ""},
    {"never looked at", new_and_never_looked_at, "never", "the first run is still to come", ""},
    {"a mass loss", many_are_removed_there, "suspended",
     "25 of 25 messages vanished from Exchange", ALARM_MAILBOX_SUSPENDED},
    {"another's messages", the_address_is_anothers, "suspended",
     "carries 1 message of the mailbox ben", ALARM_MAILBOX_SUSPENDED},
    {"Exchange is full", exchange_is_full, "ok", "the Exchange mailbox is full",
     ALARM_MAILBOX_FULL},
    {"a message is refused", a_message_is_refused, "ok", "Exchange refuses the message",
     ALARM_MESSAGE_SET_ASIDE},
    {"the account may not", the_account_may_not, "parked", "mpersonat", ALARM_MAILBOX_PARKED},
    {"the mailbox is moved", the_mailbox_is_moved, "ok", "is tried again", ""},
    {"Exchange was restored", exchange_went_back, "ok", "Exchange was restored from a backup",
     ALARM_EXCHANGE_RESTORED},
    {"the store was restored", the_store_went_back, "ok", "resync ann --import",
     ALARM_UNKNOWN_ITEMS},
    {"our disk is full", our_disk_is_full, "ok", "free some space", ALARM_DISK_FULL},
};

/* rule: guard-mass-loss */
/* rule: guard-foreign */
/* rule: exchange-restored */
/* rule: connection-restored */
/* rule: exchange-full */
/* rule: store-full */
/* rule: mailbox-moved */
/* rule: account-parked */
/* rule: message-refused */
static void each_state_is_explained_and_calls_whom_it_should(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof states / sizeof states[0]; i++) {
        struct scene scene;
        scene.site = new_site(40 + i, scene.ids, MANY);
        states[i].bring_about(&scene);
        site_run(scene.site, HALF_HOUR_MS);
        struct mailbox_status status = status_of(scene.site, "ann");
        if (strcmp(status.state, states[i].state) != 0 ||
            !strstr(status.reason, states[i].words) ||
            (states[i].alarm[0] && !has_alarm(scene.site, states[i].alarm)))
            fail_msg("%s: %s: %s", states[i].what, status.state, status.reason);
        if (states[i].alarm[0] == '\0' && has_alarm(scene.site, ALARM_MAILBOX_PARKED))
            fail_msg("%s: an alarm for nothing", states[i].what);
        site_free(&scene.site);
    }
}

/* ---- Exchange is full ---- */

/* rule: exchange-full */
static void a_full_exchange_is_tried_again_when_something_was_deleted_and_hourly(void **state)
{
    char ids[2][LIMIT_UUID], waiting[LIMIT_UUID];
    struct site *site = new_site(1, ids, 2);

    (void)state;
    fill(site, true);
    site_deposit(site, "ann", WAV, "", waiting);
    site_run(site, QUIET_MS);
    assert_true(has_alarm(site, ALARM_MAILBOX_FULL));
    site_count_from_here(site);
    site_run(site, HOURS_MS);
    long hourly = site_count(site, "CreateItem");
    assert_true(hourly >= 2 && hourly <= 6);
    fill(site, false);
    site_user(site, "ann", "purge", ids[0], NULL); /* its owner made room */
    site_run(site, QUIET_MS);
    assert_int_equal(site_items(site, "ann", waiting), 1);
    assert_false(has_alarm(site, ALARM_MAILBOX_FULL));
    site_assert_agree(site);
    site_free(&site);
}

/* rule: exchange-full */
static void a_full_exchange_asks_once_a_run_and_holds_up_no_read_and_no_deletion(void **state)
{
    char ids[3][LIMIT_UUID], waiting[5][LIMIT_UUID];
    struct site *site = new_site(2, ids, 3);
    struct err err;

    (void)state;
    fill(site, true);
    site_kill(site);
    for (int i = 0; i < 5; i++)
        site_deposit(site, "ann", WAV, "", waiting[i]);
    assert_true(phone_set_read(site->store, ids[0], true, NULL, NULL, &err));
    assert_true(phone_delete(site->store, ids[1], NULL, NULL, &err));
    site_user(site, "ann", "read", ids[2], NULL);
    site_count_from_here(site);
    site_start(site);
    site_run(site, QUIET_MS);
    /* Once; and once more when our own move to Deleted Items might have made room. */
    assert_true(site_count(site, "CreateItem") <= 2);
    for (int i = 0; i < 3; i++)
        assert_int_equal(site_message(site, ids[i]).dirty_since_ms, 0);
    assert_true(site_message(site, ids[2]).read);
    fill(site, false);
    site_run(site, HOURS_MS);
    site_assert_agree(site);
    for (int i = 0; i < 5; i++)
        assert_int_equal(site_items(site, "ann", waiting[i]), 1);
    site_free(&site);
}

/* A create that was never answered and never found goes the staged way; full, it waits, too. */
/* rule: exchange-full */
static void what_is_staged_waits_for_room_as_well(void **state)
{
    char ids[1][LIMIT_UUID], waiting[LIMIT_UUID];
    struct site *site = new_site(3, ids, 1);

    (void)state;
    faults(site, "drop:CreateItem:1");
    site_deposit(site, "ann", WAV, "", waiting);
    site_run(site, QUIET_MS);
    faults(site, "quota");
    site_run(site, HOURS_MS);
    assert_int_equal(site_items(site, "ann", waiting), 0);
    assert_true(has_alarm(site, ALARM_MAILBOX_FULL));
    faults(site, "");
    site_run(site, HOURS_MS);
    assert_int_equal(site_items(site, "ann", waiting), 1);
    site_assert_agree(site);
    assert_false(has_alarm(site, ALARM_MAILBOX_FULL));
    site_free(&site);
}

/* ---- gone while it is written, moved ---- */

/* rule: item-gone */
static void an_item_that_went_elsewhere_while_we_write_is_looked_for(void **state)
{
    char ids[3][LIMIT_UUID];
    struct site *site = new_site(4, ids, 3);
    struct err err;

    (void)state;
    for (int i = 0; i < 3; i++) {
        static const char *const acts[] = {"move", "delete", "purge"};
        faults(site, "late:UpdateItem:1:3000"); /* on its way while its owner acts */
        assert_true(phone_set_read(site->store, ids[i], true, NULL, NULL, &err));
        scheduler_poke(site->scheduler);
        site_count_from_here(site);
        site_run(site, 2000);
        site_user(site, "ann", acts[i], ids[i], i ? NULL : "Inbox/Project", NULL);
        site_run(site, QUIET_MS);
        assert_int_equal(site_count(site, "UpdateItem"), i < 2 ? 2 : 1);
    }
    site_run(site, HOURS_MS);
    site_assert_agree(site);
    assert_int_equal(site_message(site, ids[0]).folder, FOLDER_INBOX);
    assert_int_equal(site_message(site, ids[1]).folder, FOLDER_DELETED);
    assert_int_equal(site_message(site, ids[2]).folder, FOLDER_DELETED);
    for (int i = 0; i < 3; i++)
        assert_true(site_message(site, ids[i]).read);
    site_free(&site);
}

/* rule: mailbox-moved */
static void a_mailbox_that_is_moved_is_waited_for(void **state)
{
    char ids[2][LIMIT_UUID], waiting[LIMIT_UUID];
    struct site *site = new_site(5, ids, 2);
    struct err err;

    (void)state;
    site_user(site, "ann", "move-server", "3600000", NULL);
    site_deposit(site, "ann", WAV, "", waiting);
    assert_true(phone_set_read(site->store, ids[0], true, NULL, NULL, &err));
    site_run(site, HALF_HOUR_MS);
    assert_int_equal(site_message(site, waiting).folder, FOLDER_INBOX);
    assert_true(site_message(site, waiting).dirty_since_ms != 0);
    assert_false(has_alarm(site, ALARM_MAILBOX_PARKED));
    site_run(site, 2 * HOURS_MS);
    site_assert_agree(site);
    assert_int_equal(site_items(site, "ann", waiting), 1);
    site_free(&site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_state_is_explained_and_calls_whom_it_should),
        cmocka_unit_test(a_full_exchange_is_tried_again_when_something_was_deleted_and_hourly),
        cmocka_unit_test(a_full_exchange_asks_once_a_run_and_holds_up_no_read_and_no_deletion),
        cmocka_unit_test(what_is_staged_waits_for_room_as_well),
        cmocka_unit_test(an_item_that_went_elsewhere_while_we_write_is_looked_for),
        cmocka_unit_test(a_mailbox_that_is_moved_is_waited_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
