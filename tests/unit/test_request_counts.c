/* How many requests things take: promises about a server that others use, too. Each figure is
 * printed, with what it is made of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "queue/job.h"
#include "tests/support/crowd.h"

enum {
    QUIET_MS = 10 * 1000,
    LONG_MS = 30 * 60 * 1000,
    SETTLED_MS = 130 * 1000, /* between two status calls of Exchange */
    FOLDERS_MAPPED = 3,      /* Inbox, Junk Email, Deleted Items */
    LISTING = 3,             /* the roots in one request, and what is below two of them */
    MANY = 10 * 1000,
};

static struct mailbox mailbox_of(struct site *site)
{
    struct mailbox mailbox;
    struct err err;

    if (!mailbox_find(site->store, "ann", &mailbox, &err))
        fail_msg("%s", err.text);
    return mailbox;
}

/* One message that both sides have, and nothing to do. */
static struct site *play(uint64_t seed, char *id)
{
    struct site *site = site_new(seed, NULL);

    site_mailbox(site, "ann");
    site_deposit(site, "ann", "en-short-pcm16.wav", "", id);
    site_start(site);
    site_run(site, SETTLED_MS);
    site_assert_agree(site);
    site_count_from_here(site);
    return site;
}

static void wish(struct site *site, enum queue_reason reason)
{
    struct err err;

    if (!store_begin(site->store, &err) ||
        !queue_push(site->store, mailbox_of(site).id, reason, 0, &err) ||
        !store_commit(site->store, &err))
        fail_msg("%s", err.text);
    scheduler_poke(site->scheduler);
}

static void print_counts(struct site *site, const char *what)
{
    print_message(
        "%s: %ld creates, %ld updates, %ld moves, %ld removals, %ld looks, %ld for the "
        "folders; %ld in all\n",
        what, site_count(site, "CreateItem"), site_count(site, "UpdateItem"),
        site_count(site, "MoveItem"), site_count(site, "DeleteItem"),
        site_count(site, "SyncFolderItems"),
        site_count(site, "GetFolder") + site_count(site, "FindFolder"), site_count(site, ""));
}

/* Until the first request has been executed, or nothing comes. What follows is the look that
 * Exchange's notification of our own act asks for. */
static void run_to_first(struct site *site)
{
    for (int ms = 0; ms < 2000 && site_count(site, "") == 0; ms++)
        site_run(site, 1);
}

/* rule: new-one-request */
static void a_new_message_is_one_request(void **state)
{
    char id[LIMIT_UUID], another[LIMIT_UUID];
    struct site *site = play(1, id);

    (void)state;
    site_deposit(site, "ann", "en-short-pcm16.wav", "", another);
    run_to_first(site);
    assert_int_equal(site_count(site, "CreateItem"), 1);
    assert_int_equal(site_count(site, ""), 1);
    site_run(site, QUIET_MS);
    assert_int_equal(site_message(site, another).dirty_since_ms, 0);
    print_counts(site, "a new message, with the echo of the notification");
    assert_int_equal(site_count(site, "SyncFolderItems"), 1);
    assert_int_equal(site_count(site, ""), 2);
    site_free(&site);
}

static void what_is_done_here_is_one_request(void **state)
{
    char id[LIMIT_UUID];
    struct site *site = play(2, id);
    struct err err;

    (void)state;
    assert_true(phone_set_read(site->store, id, true, NULL, NULL, &err));
    scheduler_poke(site->scheduler);
    run_to_first(site);
    assert_int_equal(site_count(site, "UpdateItem"), 1);
    assert_int_equal(site_count(site, ""), 1);
    site_run(site, QUIET_MS);
    print_counts(site, "read here, with the echo of the notification");
    assert_int_equal(site_count(site, ""), 2);
    site_count_from_here(site);
    assert_true(phone_delete(site->store, id, NULL, NULL, &err));
    scheduler_poke(site->scheduler);
    run_to_first(site);
    assert_int_equal(site_count(site, "MoveItem"), 1);
    assert_int_equal(site_count(site, ""), 1);
    site_free(&site);
}

static void what_is_read_there_is_one_look(void **state)
{
    char id[LIMIT_UUID];
    struct site *site = play(3, id);

    (void)state;
    site_user(site, "ann", "read", id, NULL);
    site_run(site, QUIET_MS);
    print_counts(site, "read there");
    assert_true(site_message(site, id).read);
    assert_int_equal(site_count(site, "SyncFolderItems"), 1);
    assert_int_equal(site_count(site, ""), 1);
    site_free(&site);
}

/* rule: quiet */
static void a_quiet_sweep_is_one_look_a_folder_and_the_list_of_folders(void **state)
{
    char id[LIMIT_UUID];
    struct site *site = play(4, id);

    (void)state;
    wish(site, QUEUE_SWEEP);
    site_run(site, QUIET_MS);
    print_counts(site, "a quiet sweep");
    assert_int_equal(site_count(site, "SyncFolderItems"), FOLDERS_MAPPED);
    assert_int_equal(site_count(site, "GetFolder") + site_count(site, "FindFolder"), LISTING);
    assert_int_equal(site_count(site, ""), FOLDERS_MAPPED + LISTING);
    site_free(&site);
}

/* rule: quiet */
static void a_quiet_look_is_one_request_a_folder(void **state)
{
    char id[LIMIT_UUID];
    struct site *site = play(5, id);

    (void)state;
    wish(site, QUEUE_NOTIFICATION);
    site_run(site, QUIET_MS);
    print_counts(site, "a quiet look");
    assert_int_equal(site_count(site, ""), FOLDERS_MAPPED);
    assert_int_equal(site_count(site, "SyncFolderItems"), FOLDERS_MAPPED);
    site_free(&site);
}

static long pages_of(long items)
{
    return items > 0 ? (items + LIMIT_SYNC_PAGE - 1) / LIMIT_SYNC_PAGE : 1;
}

/* rule: resync */
static void a_resync_of_ten_thousand_reads_each_page_once(void **state)
{
    struct site *site = site_new(6, NULL);
    int64_t job;
    struct err err;

    (void)state;
    site_mailbox(site, "ann");
    struct crowd crowd = crowd_here(site, "ann", MANY, false);
    crowd_there(site, "ann", &crowd);
    site_start(site);
    crowd_settle(site, "ann", LONG_MS);
    site_run(site, QUIET_MS);
    assert_int_equal(exchange_count(site->exchange, "CreateItem"), 0);
    site_count_from_here(site);
    assert_true(store_begin(site->store, &err));
    assert_true(job_ask(site->store, mailbox_of(site).id, JOB_RESYNC, &job, &err));
    assert_true(store_commit(site->store, &err));
    wish(site, QUEUE_RESYNC);
    site_run(site, QUIET_MS);
    struct job done;
    assert_true(job_get(site->store, job, &done, &err));
    assert_string_equal(done.state, "done");
    assert_int_equal(done.total, MANY);
    long must = pages_of(MANY) + pages_of(0) + pages_of(0), asked;
    asked = site_count(site, "SyncFolderItems");
    print_counts(site, "a resync of 10,000 messages");
    print_message("pages that must be read: %ld; pages that were read: %ld\n", must, asked);
    assert_true(10 * asked <= 11 * must);
    assert_int_equal(done.pages, asked);
    assert_int_equal(site_count(site, ""), asked + LISTING);
    crowd_free(&crowd);
    site_free(&site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_message_is_one_request),
        cmocka_unit_test(what_is_done_here_is_one_request),
        cmocka_unit_test(what_is_read_there_is_one_look),
        cmocka_unit_test(a_quiet_sweep_is_one_look_a_folder_and_the_list_of_folders),
        cmocka_unit_test(a_quiet_look_is_one_request_a_folder),
        cmocka_unit_test(a_resync_of_ten_thousand_reads_each_page_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
