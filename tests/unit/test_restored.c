/* After a restore from a backup, of Exchange or of the message store: found out without being
 * told, nothing lost, nothing doubled, no deletion undone. A whole site on virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "queue/job.h"
#include "store/alarm.h"
#include "store/db.h"
#include "store/history.h"
#include "tests/support/site.h"

enum { QUIET_MS = 10 * 1000, HOURS_MS = 3 * 60 * 60 * 1000, DAY_MS = 24 * 60 * 60 * 1000 };
#define WAV "en-short-pcm16.wav"

static struct mailbox ann(struct site *site)
{
    struct mailbox mailbox;
    struct err err;

    if (!mailbox_find(site->store, "ann", &mailbox, &err))
        fail_msg("%s", err.text);
    return mailbox;
}

struct wanted {
    const char *name;
    char *text;
};

static bool take_alarm(const struct alarm *alarm, void *arg)
{
    struct wanted *wanted = arg;

    if (strcmp(alarm->name, wanted->name) != 0)
        return true;
    snprintf(wanted->text, LIMIT_REASON, "%s", alarm->text);
    return false;
}

/* "" : it is not raised. */
static const char *alarm_text(struct site *site, const char *name)
{
    static char text[LIMIT_REASON];
    struct wanted wanted = {name, text};
    struct err err;

    text[0] = '\0';
    assert_true(alarm_each(site->store, take_alarm, &wanted, &err));
    return text;
}

struct line {
    const char *what;
    int count;
};

static bool count_line(const struct history *entry, void *arg)
{
    struct line *line = arg;

    line->count += strcmp(entry->what, line->what) == 0;
    return true;
}

static int history_count(struct site *site, const char *id, const char *what)
{
    struct line line = {.what = what};
    struct err err;

    assert_true(history_each(site->store, id, count_line, &line, &err));
    return line.count;
}

static struct site *new_site(uint64_t seed, char (*ids)[LIMIT_UUID], int count)
{
    struct site *site = site_new(seed, NULL);

    site->expect_warnings = true;
    site_mailbox(site, "ann");
    site_start(site);
    for (int i = 0; i < count; i++) {
        site_deposit(site, "ann", WAV, "", ids[i]);
        site_run(site, 60 * 1000);
    }
    site_run(site, HOURS_MS);
    site_assert_agree(site);
    return site;
}

/* rule: exchange-restored */
static void what_a_restored_exchange_lacks_is_put_back(void **state)
{
    char ids[5][LIMIT_UUID];
    struct site *site = new_site(1, ids, 3);

    (void)state;
    site_user(site, "ann", "snapshot", NULL);
    site_run(site, 60 * 1000);
    site_deposit(site, "ann", WAV, "u", ids[3]);
    site_run(site, 60 * 1000);
    site_deposit(site, "ann", WAV, "", ids[4]);
    site_run(site, 60 * 1000);
    site_user(site, "ann", "read", ids[4], NULL);
    site_run(site, HOURS_MS);
    site_user(site, "ann", "restore-backup", NULL);
    assert_int_equal(site_items(site, "ann", ids[3]), 0);
    site_run(site, HOURS_MS);
    site_assert_agree(site);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(site_items(site, "ann", ids[i]), 1);
        assert_int_equal(site_message(site, ids[i]).folder, FOLDER_INBOX);
        assert_int_equal(history_count(site, ids[i], "put back"), i > 2);
    }
    assert_true(site_message(site, ids[4]).read);
    assert_true(site_message(site, ids[3]).urgent);
    site_free(&site);
}

/* rule: exchange-restored */
static void a_state_that_went_back_is_set_again_and_the_lamp_stays_off(void **state)
{
    char ids[3][LIMIT_UUID];
    struct site *site = new_site(2, ids, 3);

    (void)state;
    site_user(site, "ann", "snapshot", NULL);
    site_run(site, 60 * 1000);
    site_user(site, "ann", "read", ids[0], NULL);
    site_user(site, "ann", "subject", ids[1], "Call back", NULL);
    site_user(site, "ann", "urgent", ids[1], "on", NULL);
    site_run(site, HOURS_MS);
    site_assert_agree(site);
    site_user(site, "ann", "restore-backup", NULL);
    site_run(site, HOURS_MS);
    site_assert_agree(site);
    assert_true(site_message(site, ids[0]).read);
    assert_int_equal(history_count(site, ids[0], "unread"), 0);
    assert_string_equal(site_message(site, ids[1]).subject, "Call back");
    assert_true(site_message(site, ids[1]).urgent);
    site_free(&site);
}

/* rule: exchange-restored */
static void what_was_deleted_or_moved_after_the_backup_stays_so(void **state)
{
    char ids[5][LIMIT_UUID];
    struct site *site = new_site(3, ids, 5);
    struct err err;

    (void)state;
    site_user(site, "ann", "delete", ids[3], NULL);
    site_run(site, HOURS_MS);
    site_user(site, "ann", "snapshot", NULL);
    site_run(site, 60 * 1000);
    site_user(site, "ann", "delete", ids[0], NULL);
    site_user(site, "ann", "purge", ids[1], NULL);
    assert_true(phone_delete(site->store, ids[2], NULL, NULL, &err));
    site_user(site, "ann", "restore", ids[3], NULL);
    assert_true(phone_purge(site->store, ids[4], NULL, NULL, &err));
    site_run(site, HOURS_MS);
    site_assert_agree(site);
    site_user(site, "ann", "restore-backup", NULL);
    site_run(site, HOURS_MS);
    for (int i = 0; i < 3; i++)
        assert_int_equal(site_message(site, ids[i]).folder, FOLDER_DELETED);
    assert_int_equal(site_message(site, ids[3]).folder, FOLDER_INBOX);
    assert_int_equal(site_message(site, ids[4]).folder, FOLDER_PURGED);
    site_assert_agree(site);
    site_free(&site);
}

/* rule: exchange-restored */
static void what_a_person_does_after_the_restore_counts(void **state)
{
    char ids[8][LIMIT_UUID];
    struct site *site = new_site(4, ids, 6);

    (void)state;
    site_user(site, "ann", "snapshot", NULL);
    site_run(site, 60 * 1000);
    site_user(site, "ann", "read", ids[0], NULL);
    site_user(site, "ann", "read", ids[1], NULL);
    site_user(site, "ann", "read", ids[4], NULL);
    site_deposit(site, "ann", WAV, "", ids[6]);
    site_run(site, HOURS_MS);
    site_user(site, "ann", "restore-backup", NULL);
    site_user(site, "ann", "read", ids[4], NULL);
    site_user(site, "ann", "unread", ids[4], NULL);
    site_user(site, "ann", "delete", ids[1], NULL);
    site_user(site, "ann", "read", ids[2], NULL);
    site_user(site, "ann", "purge", ids[3], NULL); /* an old one: not the restore's doing */
    site_deposit(site, "ann", WAV, "", ids[7]);    /* before anybody looked */
    site_run(site, HOURS_MS);
    site_assert_agree(site);
    assert_true(site_message(site, ids[0]).read);
    assert_int_equal(site_message(site, ids[1]).folder, FOLDER_DELETED);
    assert_true(site_message(site, ids[2]).read);
    assert_int_equal(site_message(site, ids[3]).folder, FOLDER_DELETED);
    assert_false(site_message(site, ids[4]).read);
    assert_int_equal(site_items(site, "ann", ids[6]), 1);
    assert_int_equal(site_items(site, "ann", ids[7]), 1);
    site_free(&site);
}

/* rule: exchange-restored */
static void a_large_loss_by_a_restore_is_put_back_and_not_suspended(void **state)
{
    enum { COUNT = 60 };
    static char ids[COUNT][LIMIT_UUID];
    struct site *site = new_site(5, ids, 10);

    (void)state;
    site_user(site, "ann", "snapshot", NULL);
    site_run(site, 60 * 1000);
    for (int i = 10; i < COUNT; i++)
        site_deposit(site, "ann", WAV, "", ids[i]);
    site_run(site, HOURS_MS);
    site_assert_agree(site);
    site_user(site, "ann", "restore-backup", NULL);
    site_run(site, HOURS_MS);
    site_assert_agree(site);
    for (int i = 0; i < COUNT; i++)
        assert_int_equal(site_items(site, "ann", ids[i]), 1);
    assert_string_equal(alarm_text(site, ALARM_MAILBOX_SUSPENDED), "");
    site_free(&site);
}

/* rule: exchange-restored */
static void it_is_said_for_a_day_and_then_no_more(void **state)
{
    char ids[4][LIMIT_UUID];
    struct site *site = new_site(6, ids, 3);

    (void)state;
    site_user(site, "ann", "snapshot", NULL);
    site_run(site, 60 * 1000);
    site_deposit(site, "ann", WAV, "", ids[3]);
    site_run(site, HOURS_MS);
    site_user(site, "ann", "restore-backup", NULL);
    site_run(site, HOURS_MS);
    assert_non_null(
        strstr(alarm_text(site, ALARM_EXCHANGE_RESTORED), "1 message was put back"));
    site_run(site, DAY_MS);
    assert_string_equal(alarm_text(site, ALARM_EXCHANGE_RESTORED), "");
    site_assert_agree(site);
    site_free(&site);
}

/* The one mistake that is made: it looks the same. The message is back once; removing it again
 * stands. */
/* rule: exchange-restored */
static void the_newest_removed_while_the_states_were_lost_comes_back_once(void **state)
{
    char ids[3][LIMIT_UUID];
    struct site *site = new_site(7, ids, 3);

    (void)state;
    site_kill(site);
    site_user(site, "ann", "purge", ids[2], NULL);
    site_user(site, "ann", "lose-states", NULL);
    site_start(site);
    site_run(site, HOURS_MS);
    site_assert_agree(site);
    assert_int_equal(site_message(site, ids[2]).folder, FOLDER_INBOX);
    assert_int_equal(site_items(site, "ann", ids[2]), 1);
    site_user(site, "ann", "purge", ids[2], NULL);
    site_run(site, HOURS_MS);
    site_assert_agree(site);
    assert_int_equal(site_message(site, ids[2]).folder, FOLDER_DELETED);
    site_free(&site);
}

/* rule: refused-state */
static void states_that_were_lost_change_nothing_that_a_person_did(void **state)
{
    char ids[4][LIMIT_UUID];
    struct site *site = new_site(8, ids, 4);

    (void)state;
    site_kill(site);
    site_user(site, "ann", "read", ids[0], NULL);
    site_user(site, "ann", "delete", ids[3], NULL);
    site_user(site, "ann", "purge", ids[1], NULL);
    site_user(site, "ann", "lose-states", NULL);
    site_start(site);
    site_run(site, HOURS_MS);
    site_assert_agree(site);
    assert_true(site_message(site, ids[0]).read);
    assert_int_equal(site_message(site, ids[3]).folder, FOLDER_DELETED);
    assert_int_equal(site_message(site, ids[1]).folder, FOLDER_DELETED);
    assert_string_equal(alarm_text(site, ALARM_EXCHANGE_RESTORED), "");
    site_free(&site);
}

/* rule: exchange-restored */
static void killed_in_the_middle_it_is_still_put_back(void **state)
{
    (void)state;
    for (int at = 0; at < 12; at++) {
        char ids[6][LIMIT_UUID];
        struct site *site = new_site(9, ids, 3);

        site_user(site, "ann", "snapshot", NULL);
        site_run(site, 60 * 1000);
        for (int i = 3; i < 6; i++)
            site_deposit(site, "ann", WAV, "", ids[i]);
        site_user(site, "ann", "read", ids[0], NULL);
        site_run(site, HOURS_MS);
        site_kill(site);
        site_user(site, "ann", "restore-backup", NULL);
        site_start(site);
        site_run(site, 20 + at * 35);
        site_kill(site);
        site_start(site);
        site_run(site, HOURS_MS);
        site_assert_agree(site);
        for (int i = 0; i < 6; i++) {
            assert_int_equal(site_items(site, "ann", ids[i]), 1);
            assert_int_equal(site_message(site, ids[i]).folder, FOLDER_INBOX);
        }
        assert_true(site_message(site, ids[0]).read);
        site_free(&site);
    }
}

/* rule: exchange-restored */
static void a_full_exchange_holds_up_what_is_put_back_and_loses_none_of_it(void **state)
{
    char ids[5][LIMIT_UUID];
    struct site *site = new_site(10, ids, 3);
    struct err err;

    (void)state;
    site_user(site, "ann", "snapshot", NULL);
    site_run(site, 60 * 1000);
    site_deposit(site, "ann", WAV, "", ids[3]);
    site_deposit(site, "ann", WAV, "", ids[4]);
    site_run(site, HOURS_MS);
    site_kill(site);
    site_user(site, "ann", "restore-backup", NULL);
    assert_true(exchange_set_faults(site->exchange, "quota", &err));
    site_start(site);
    site_run(site, HOURS_MS);
    assert_int_equal(site_items(site, "ann", ids[3]), 0);
    assert_int_equal(site_message(site, ids[3]).folder, FOLDER_INBOX);
    assert_true(exchange_set_faults(site->exchange, "", &err));
    site_run(site, HOURS_MS);
    site_assert_agree(site);
    assert_int_equal(site_items(site, "ann", ids[3]), 1);
    assert_int_equal(site_items(site, "ann", ids[4]), 1);
    assert_string_equal(ann(site).name, "ann");
    site_free(&site);
}

/* ---- the message store ---- */

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

/* A backup of the message store, and the way back to it. */
struct backup {
    sqlite3 *db;
};

static void copy_database(sqlite3 *from, sqlite3 *to)
{
    sqlite3_backup *copy = sqlite3_backup_init(to, "main", from, "main");

    assert_non_null(copy);
    assert_int_equal(sqlite3_backup_step(copy, -1), SQLITE_DONE);
    assert_int_equal(sqlite3_backup_finish(copy), SQLITE_OK);
}

static struct backup back_up(struct site *site)
{
    struct backup backup;

    assert_int_equal(sqlite3_open(":memory:", &backup.db), SQLITE_OK);
    copy_database(database(site->store), backup.db);
    return backup;
}

static void restore_store(struct site *site, struct backup *backup)
{
    site_kill(site);
    copy_database(backup->db, database(site->store));
    sqlite3_close(backup->db);
    site_start(site);
    site_run(site, HOURS_MS);
}

/* rule: connection-restored */
static void what_is_here_in_an_older_state_is_brought_up_to_date(void **state)
{
    char ids[6][LIMIT_UUID];
    struct site *site = new_site(20, ids, 6);
    struct backup backup = back_up(site);
    struct err err;

    (void)state;
    assert_true(phone_set_read(site->store, ids[0], true, NULL, NULL, &err));
    site_user(site, "ann", "read", ids[1], NULL);
    assert_true(phone_delete(site->store, ids[2], NULL, NULL, &err));
    site_user(site, "ann", "delete", ids[3], NULL);
    assert_true(phone_purge(site->store, ids[4], NULL, NULL, &err));
    site_user(site, "ann", "move", ids[5], "Inbox/Project", NULL);
    site_run(site, HOURS_MS);
    site_assert_agree(site);
    restore_store(site, &backup);
    site_assert_agree(site);
    assert_true(site_message(site, ids[0]).read);
    assert_true(site_message(site, ids[1]).read);
    for (int i = 2; i < 5; i++)
        assert_int_equal(site_message(site, ids[i]).folder, FOLDER_DELETED);
    assert_int_equal(site_items(site, "ann", ids[4]), 0);
    assert_int_equal(site_message(site, ids[5]).folder, FOLDER_INBOX);
    for (int i = 0; i < 6; i++)
        assert_true(site_items(site, "ann", ids[i]) <= 1);
    site_free(&site);
}

/* rule: connection-restored */
static void a_message_of_the_backup_that_went_out_since_is_not_doubled(void **state)
{
    char ids[1][LIMIT_UUID], waiting[LIMIT_UUID];
    struct site *site = new_site(21, ids, 1);

    (void)state;
    site_kill(site);
    site_deposit(site, "ann", WAV, "", waiting);
    struct backup backup = back_up(site);
    site_start(site);
    site_run(site, HOURS_MS);
    site_user(site, "ann", "read", waiting, NULL);
    restore_store(site, &backup);
    site_assert_agree(site);
    assert_int_equal(site_items(site, "ann", waiting), 1);
    assert_true(site_message(site, waiting).read);
    site_free(&site);
}

static void ask_import(struct site *site)
{
    int64_t job;
    struct err err;

    assert_true(store_begin(site->store, &err));
    assert_true(job_ask(site->store, ann(site).id, JOB_IMPORT, &job, &err));
    assert_true(queue_push(site->store, ann(site).id, QUEUE_RESYNC, 0, &err));
    assert_true(store_commit(site->store, &err));
    site_run(site, HOURS_MS);
}

static bool is_known(struct site *site, const char *id)
{
    struct message message;
    struct err err;

    return message_get(site->store, id, &message, &err);
}

/* rule: connection-restored */
static void what_only_exchange_has_is_counted_and_taken_back_when_asked(void **state)
{
    char ids[6][LIMIT_UUID];
    struct site *site = new_site(22, ids, 1);
    struct backup backup = back_up(site);
    struct message before[6];
    struct err err;

    (void)state;
    site_deposit(site, "ann", WAV, "u", ids[1]);
    site_run(site, 60 * 1000);
    site_deposit(site, "ann", "ja-greeting-ulaw.wav", "p", ids[2]);
    site_deposit(site, "ann", WAV, "s", ids[3]);
    site_deposit(site, "ann", WAV, "", ids[4]);
    site_deposit(site, "ann", WAV, "", ids[5]);
    site_run(site, HOURS_MS);
    site_user(site, "ann", "read", ids[2], NULL);
    site_user(site, "ann", "delete", ids[4], NULL);
    assert_true(phone_purge(site->store, ids[5], NULL, NULL, &err));
    site_run(site, HOURS_MS);
    site_assert_agree(site);
    for (int i = 0; i < 6; i++)
        before[i] = site_message(site, ids[i]);
    site_count_from_here(site);
    restore_store(site, &backup);
    for (int i = 1; i < 6; i++) {
        assert_false(is_known(site, ids[i]));
        assert_int_equal(site_items(site, "ann", ids[i]), i < 5);
    }
    assert_non_null(strstr(alarm_text(site, ALARM_UNKNOWN_ITEMS), "4 messages in Exchange"));
    assert_non_null(strstr(alarm_text(site, ALARM_UNKNOWN_ITEMS), "resync ann --import"));
    ask_import(site);
    site_assert_agree(site);
    for (int i = 1; i < 5; i++) {
        struct message now = site_message(site, ids[i]);
        assert_int_equal(now.folder, before[i].folder);
        assert_int_equal(now.read, before[i].read);
        assert_int_equal(now.urgent, before[i].urgent);
        assert_int_equal(now.private, before[i].private);
        assert_int_equal(now.secure, before[i].secure);
        assert_string_equal(now.subject, before[i].subject);
        assert_int_equal(now.received.ms / 1000, before[i].received.ms / 1000);
        assert_string_equal(now.audio, before[i].secure ? "" : before[i].audio);
        if (!now.secure)
            assert_string_equal(now.from_number, before[i].from_number);
        assert_int_equal(history_count(site, ids[i], "taken back from Exchange"), 1);
    }
    assert_false(is_known(site, ids[5]));
    assert_string_equal(alarm_text(site, ALARM_UNKNOWN_ITEMS), "");
    assert_int_equal(site_count(site, "CreateItem") + site_count(site, "UpdateItem") +
                         site_count(site, "MoveItem") + site_count(site, "DeleteItem"),
                     0);
    site_user(site, "ann", "read", ids[1], NULL); /* it is one like any other */
    site_run(site, HOURS_MS);
    site_assert_agree(site);
    assert_true(site_message(site, ids[1]).read);
    site_free(&site);
}

/* rule: connection-restored */
static void what_was_purged_here_is_not_taken_back(void **state)
{
    char ids[2][LIMIT_UUID];
    struct site *site = new_site(23, ids, 2);
    struct err err;

    (void)state;
    site_kill(site);
    site_user(site, "ann", "snapshot", NULL);
    assert_true(phone_purge(site->store, ids[0], NULL, NULL, &err));
    site_start(site);
    site_run(site, HOURS_MS);
    assert_int_equal(site_items(site, "ann", ids[0]), 0);
    site_user(site, "ann", "restore-backup", NULL);
    ask_import(site);
    assert_int_equal(site_message(site, ids[0]).folder, FOLDER_PURGED);
    assert_int_equal(history_count(site, ids[0], "taken back from Exchange"), 0);
    assert_int_equal(site_items(site, "ann", ids[0]), 1); /* left alone */
    site_free(&site);
}

/* rule: connection-restored */
static void killed_while_it_takes_back_it_takes_back_all(void **state)
{
    (void)state;
    for (int at = 0; at < 10; at++) {
        char ids[4][LIMIT_UUID];
        struct site *site = new_site(24, ids, 1);
        struct backup backup = back_up(site);
        int64_t job;
        struct err err;

        for (int i = 1; i < 4; i++)
            site_deposit(site, "ann", WAV, "", ids[i]);
        site_run(site, HOURS_MS);
        restore_store(site, &backup);
        assert_true(store_begin(site->store, &err));
        assert_true(job_ask(site->store, ann(site).id, JOB_IMPORT, &job, &err));
        assert_true(queue_push(site->store, ann(site).id, QUEUE_RESYNC, 0, &err));
        assert_true(store_commit(site->store, &err));
        scheduler_poke(site->scheduler);
        site_run(site, 20 + at * 30);
        site_kill(site);
        site_start(site);
        site_run(site, HOURS_MS);
        site_assert_agree(site);
        for (int i = 1; i < 4; i++) {
            assert_int_equal(site_items(site, "ann", ids[i]), 1);
            assert_int_equal(history_count(site, ids[i], "taken back from Exchange"), 1);
        }
        site_free(&site);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_restored_exchange_lacks_is_put_back),
        cmocka_unit_test(a_state_that_went_back_is_set_again_and_the_lamp_stays_off),
        cmocka_unit_test(what_was_deleted_or_moved_after_the_backup_stays_so),
        cmocka_unit_test(what_a_person_does_after_the_restore_counts),
        cmocka_unit_test(a_large_loss_by_a_restore_is_put_back_and_not_suspended),
        cmocka_unit_test(it_is_said_for_a_day_and_then_no_more),
        cmocka_unit_test(the_newest_removed_while_the_states_were_lost_comes_back_once),
        cmocka_unit_test(states_that_were_lost_change_nothing_that_a_person_did),
        cmocka_unit_test(killed_in_the_middle_it_is_still_put_back),
        cmocka_unit_test(a_full_exchange_holds_up_what_is_put_back_and_loses_none_of_it),
        cmocka_unit_test(what_is_here_in_an_older_state_is_brought_up_to_date),
        cmocka_unit_test(a_message_of_the_backup_that_went_out_since_is_not_doubled),
        cmocka_unit_test(what_only_exchange_has_is_counted_and_taken_back_when_asked),
        cmocka_unit_test(what_was_purged_here_is_not_taken_back),
        cmocka_unit_test(killed_while_it_takes_back_it_takes_back_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
