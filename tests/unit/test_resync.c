/* A resync that somebody asked for: everything is compared, page by page; and with Connection's
 * word, what was changed in Exchange is put back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/enabling.h"
#include "queue/job.h"
#include "tests/support/crowd.h"

enum { QUIET_MS = 10 * 1000, LONG_MS = 30 * 60 * 1000, FEW = 12, MANY = 300 };

static struct mailbox mailbox_of(struct site *site)
{
    struct mailbox mailbox;
    struct err err;

    if (!mailbox_find(site->store, "ann", &mailbox, &err))
        fail_msg("%s", err.text);
    return mailbox;
}

static int64_t ask(struct site *site, const char *kind)
{
    const struct mailbox mailbox = mailbox_of(site);
    int64_t id;
    struct err err;

    if (!store_begin(site->store, &err) || !job_ask(site->store, mailbox.id, kind, &id, &err) ||
        !queue_push(site->store, mailbox.id, QUEUE_RESYNC, 0, &err) ||
        !store_commit(site->store, &err))
        fail_msg("%s", err.text);
    if (site->scheduler)
        scheduler_poke(site->scheduler);
    return id;
}

static struct job job_of(struct site *site, int64_t id)
{
    struct job job;
    struct err err;

    if (!job_get(site->store, id, &job, &err))
        fail_msg("%s", err.text);
    return job;
}

static void assert_done(struct site *site, int64_t id)
{
    const struct job job = job_of(site, id);

    if (strcmp(job.state, "done") != 0)
        fail_msg("the %s is %s: %s", job.kind, job.state, job.error);
}

/* count messages that both sides have. The service runs. */
static void play(struct site *site, char (*ids)[LIMIT_UUID], int count)
{
    site_mailbox(site, "ann");
    for (int i = 0; i < count; i++)
        site_deposit(site, "ann", "en-short-pcm16.wav", i % 2 ? "u" : "", ids[i]);
    site_start(site);
    site_run(site, LONG_MS);
    site_assert_agree(site);
}

/* All that a person may do to messages there. */
static void change_there(struct site *site, char (*ids)[LIMIT_UUID])
{
    site_user(site, "ann", "read", ids[0], NULL);
    site_user(site, "ann", "delete", ids[1], NULL);
    site_user(site, "ann", "purge", ids[2], NULL);
    site_user(site, "ann", "move", ids[3], "Archive", NULL);
    site_user(site, "ann", "subject", ids[4], "called back", NULL);
    site_user(site, "ann", "urgent", ids[5], "off", NULL);
    site_user(site, "ann", "move", ids[6], "Inbox/Kept", NULL);
    site_user(site, "ann", "copy", ids[7], "Inbox/Kept", NULL);
}

static void assert_as_it_was(struct site *site, char (*ids)[LIMIT_UUID])
{
    for (int i = 0; i < FEW; i++) {
        const struct message message = site_message(site, ids[i]);
        assert_int_equal(message.folder, FOLDER_INBOX);
        assert_false(message.read);
        assert_int_equal(message.urgent, i % 2 == 1);
        assert_true(site_items(site, "ann", ids[i]) >= 1);
    }
}

/* rule: resync-from-connection */
static void with_connections_word_all_is_put_back(void **state)
{
    struct site *site = site_new(1, NULL);
    char ids[FEW][LIMIT_UUID];

    (void)state;
    play(site, ids, FEW);
    site_kill(site);
    change_there(site, ids);
    int64_t id = ask(site, JOB_FROM_CONNECTION);
    site_start(site);
    site_run(site, LONG_MS);
    assert_done(site, id);
    site_assert_agree(site);
    assert_as_it_was(site, ids);
    site_free(&site);
}

/* rule: resync-from-connection */
static void afterwards_the_rules_are_as_ever(void **state)
{
    struct site *site = site_new(2, NULL);
    char ids[FEW][LIMIT_UUID];

    (void)state;
    play(site, ids, FEW);
    site_kill(site);
    change_there(site, ids);
    int64_t id = ask(site, JOB_FROM_CONNECTION);
    site_start(site);
    site_run(site, LONG_MS);
    assert_done(site, id);
    site_user(site, "ann", "delete", ids[1], NULL);
    site_user(site, "ann", "read", ids[8], NULL);
    site_run(site, LONG_MS);
    assert_int_equal(site_message(site, ids[1]).folder, FOLDER_DELETED);
    assert_true(site_message(site, ids[8]).read);
    site_assert_agree(site);
    site_free(&site);
}

/* What was deleted here, and what was purged, is Connection's word, too.
 * rule: resync-from-connection */
static void what_is_deleted_here_is_deleted_there(void **state)
{
    struct site *site = site_new(3, NULL);
    char ids[FEW][LIMIT_UUID];
    struct err err;

    (void)state;
    play(site, ids, FEW);
    site_kill(site);
    assert_true(phone_delete(site->store, ids[0], NULL, NULL, &err));
    assert_true(phone_purge(site->store, ids[1], NULL, NULL, &err));
    site_run(site, 1000);
    site_user(site, "ann", "move", ids[0], "Inbox/Kept", NULL);
    int64_t id = ask(site, JOB_FROM_CONNECTION);
    site_start(site);
    site_run(site, LONG_MS);
    assert_done(site, id);
    site_assert_agree(site);
    assert_int_equal(site_message(site, ids[0]).folder, FOLDER_DELETED);
    assert_int_equal(site_items(site, "ann", ids[1]), 0);
    site_free(&site);
}

/* rule: resync-from-connection
 * rule: resync */
static void killed_in_the_middle_it_goes_on_by_the_same_rule(void **state)
{
    (void)state;
    for (int ms = 20; ms < 700; ms += 53) {
        struct site *site = site_new(4, "request-timeout = 5s");
        char ids[FEW][LIMIT_UUID];
        site->expect_warnings = true;
        play(site, ids, FEW);
        site_kill(site);
        change_there(site, ids);
        int64_t id = ask(site, JOB_FROM_CONNECTION);
        for (int i = 0; i < 3; i++) {
            site_start(site);
            site_run(site, ms);
            site_kill(site);
        }
        site_start(site);
        site_run(site, 2 * LONG_MS);
        assert_done(site, id);
        site_assert_agree(site);
        assert_as_it_was(site, ids);
        site_free(&site);
    }
}

/* rule: resync */
static void without_a_word_what_was_deleted_there_stays_deleted(void **state)
{
    struct site *site = site_new(5, NULL);
    char ids[FEW][LIMIT_UUID];

    (void)state;
    play(site, ids, FEW);
    site_kill(site);
    change_there(site, ids);
    int64_t id = ask(site, JOB_RESYNC);
    site_start(site);
    site_run(site, LONG_MS);
    assert_done(site, id);
    site_assert_agree(site);
    for (int i = 1; i < 4; i++)
        assert_int_equal(site_message(site, ids[i]).folder, FOLDER_DELETED);
    assert_true(site_message(site, ids[0]).read);
    assert_string_equal(site_message(site, ids[4]).subject, "called back");
    site_free(&site);
}

/* What the guard says to do: the resync is asked for while the mailbox is suspended.
 * rule: guard-mass-loss
 * rule: resync-from-connection */
static void asked_for_while_suspended_it_begins_when_it_goes_on(void **state)
{
    static const char *const kinds[] = {JOB_RESYNC, JOB_FROM_CONNECTION};

    (void)state;
    for (size_t k = 0; k < 2; k++) {
        struct site *site = site_new(6 + k, NULL);
        char ids[40][LIMIT_UUID];
        struct mailbox mailbox;
        struct err err;
        site->expect_warnings = true;
        play(site, ids, 40);
        mailbox = mailbox_of(site);
        site_kill(site);
        for (int i = 0; i < 30; i++)
            site_user(site, "ann", "purge", ids[i], NULL);
        site_start(site);
        site_run(site, LONG_MS);
        int64_t id = ask(site, kinds[k]);
        site_run(site, LONG_MS);
        assert_string_equal(job_of(site, id).state, "waiting");
        assert_true(store_begin(site->store, &err));
        assert_true(enabling_resume(site->store, &mailbox, &err));
        assert_true(store_commit(site->store, &err));
        scheduler_poke(site->scheduler);
        site_run(site, LONG_MS);
        assert_done(site, id);
        site_assert_agree(site);
        for (int i = 0; i < 40; i++)
            assert_int_equal(site_message(site, ids[i]).folder,
                             k == 0 && i < 30 ? FOLDER_DELETED : FOLDER_INBOX);
        site_free(&site);
    }
}

/* rule: resync */
static void its_progress_moves(void **state)
{
    struct site *site = site_new(8, NULL);
    int64_t pages = 0, done = 0;
    int moved_pages = 0, moved_done = 0;

    (void)state;
    site_mailbox(site, "ann");
    struct crowd crowd = crowd_here(site, "ann", MANY, false);
    crowd_mail(site, "ann", 4 * LIMIT_SYNC_PAGE);
    site_start(site);
    crowd_settle(site, "ann", LONG_MS);
    site_run(site, LONG_MS);
    site_kill(site);
    for (int i = 0; i < MANY; i++)
        if (i % 2)
            site_user(site, "ann", "read", crowd.ids[i], NULL);
    int64_t id = ask(site, JOB_FROM_CONNECTION);
    site_start(site);
    for (int ms = 0; ms < LONG_MS && strcmp(job_of(site, id).state, "done") != 0; ms += 5) {
        site_run(site, 5);
        const struct job job = job_of(site, id);
        assert_true(job.pages >= pages && job.done >= done && job.done <= MANY);
        assert_true(job.total == 0 || job.total == MANY);
        moved_pages += job.pages > pages;
        moved_done += job.done > done;
        pages = job.pages;
        done = job.done;
    }
    assert_done(site, id);
    assert_int_equal(done, MANY);
    assert_in_range(moved_pages, 6, 12); /* five of the Inbox, two of the others */
    assert_in_range(moved_done, 8, MANY);
    crowd_free(&crowd);
    site_free(&site);
}

/* rule: resync
 * rule: run-order */
static void several_wishes_are_done_one_after_the_other(void **state)
{
    struct site *site = site_new(9, NULL);
    char ids[FEW][LIMIT_UUID];

    (void)state;
    play(site, ids, FEW);
    site_kill(site);
    change_there(site, ids);
    int64_t plain = ask(site, JOB_RESYNC), word = ask(site, JOB_FROM_CONNECTION);
    assert_true(ask(site, JOB_FROM_CONNECTION) == word); /* asked again: the same one */
    site_start(site);
    site_run(site, LONG_MS);
    assert_done(site, word);
    assert_done(site, plain);
    assert_as_it_was(site, ids); /* Connection's word came first */
    site_assert_agree(site);
    site_free(&site);
}

/* Nothing else makes a run begin.
 * rule: resync */
static void the_next_wish_does_not_wait_for_the_sweep(void **state)
{
    struct site *site = site_new(10, NULL);
    char ids[FEW][LIMIT_UUID];

    (void)state;
    play(site, ids, FEW);
    site_run(site, 130 * 1000); /* between two status calls of Exchange */
    int64_t plain = ask(site, JOB_RESYNC), word = ask(site, JOB_FROM_CONNECTION);
    site_run(site, QUIET_MS);
    assert_done(site, word);
    assert_done(site, plain);
    site_free(&site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_connections_word_all_is_put_back),
        cmocka_unit_test(afterwards_the_rules_are_as_ever),
        cmocka_unit_test(what_is_deleted_here_is_deleted_there),
        cmocka_unit_test(killed_in_the_middle_it_goes_on_by_the_same_rule),
        cmocka_unit_test(without_a_word_what_was_deleted_there_stays_deleted),
        cmocka_unit_test(asked_for_while_suspended_it_begins_when_it_goes_on),
        cmocka_unit_test(its_progress_moves),
        cmocka_unit_test(several_wishes_are_done_one_after_the_other),
        cmocka_unit_test(the_next_wish_does_not_wait_for_the_sweep),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
