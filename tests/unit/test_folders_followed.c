/* Folders that the owner makes, renames, moves and removes in Exchange are followed within
 * seconds of the notification, not at the next sweep; and what is in them with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/phone.h"
#include "tests/exchange/exchange_user.h"
#include "tests/support/site.h"

enum { SECONDS = 10 * 1000, MESSAGES = 3 };

#define ANN "ann@example.net"

/* *state: how changes are heard, lines of the configuration. */
static struct site *begin(void **state, char ids[MESSAGES][LIMIT_UUID])
{
    struct site *site = site_new(31, *state);

    site_mailbox(site, "ann");
    for (int i = 0; i < MESSAGES; i++)
        site_deposit(site, "ann", "en-greeting-ulaw.wav", "", ids[i]);
    site_start(site);
    site_run(site, 3 * SECONDS);
    site_assert_agree(site);
    return site;
}

/* All messages are in Inbox/Project, which is known. */
static struct site *begin_in_project(void **state, char ids[MESSAGES][LIMIT_UUID])
{
    struct site *site = begin(state, ids);

    for (int i = 0; i < MESSAGES; i++)
        site_user(site, "ann", "move", ids[i], "Inbox/Project", NULL);
    site_run(site, 2 * SECONDS);
    site_assert_agree(site);
    assert_int_equal(exchange_user_count(site->exchange, ANN, "Inbox/Project"), MESSAGES);
    return site;
}

static void assert_all_in(struct site *site, char ids[MESSAGES][LIMIT_UUID],
                          enum message_folder folder)
{
    site_assert_agree(site);
    for (int i = 0; i < MESSAGES; i++)
        assert_int_equal(site_message(site, ids[i]).folder, folder);
}

/* What the owner does in that folder is heard. */
static void assert_heard(struct site *site, const char *id)
{
    bool read = site_message(site, id).read;

    site_user(site, "ann", read ? "unread" : "read", id, NULL);
    site_run(site, SECONDS);
    assert_int_equal(site_message(site, id).read, !read);
}

/* rule: map-below-made
 * rule: map-inbox */
static void a_folder_that_is_made_is_followed(void **state)
{
    char ids[MESSAGES][LIMIT_UUID];
    struct site *site = begin(state, ids);

    site_count_from_here(site);
    site_user(site, "ann", "folder", "add", "Inbox/New", NULL);
    site_run(site, 2 * SECONDS);
    assert_int_equal(site_count(site, "Subscribe"), 1);
    site_user(site, "ann", "move", ids[0], "Inbox/New", NULL);
    site_run(site, SECONDS);
    assert_all_in(site, ids, FOLDER_INBOX);
    assert_heard(site, ids[0]);
    site_user(site, "ann", "folder", "add", "Inbox/New/Deeper", NULL);
    site_run(site, 2 * SECONDS);
    site_user(site, "ann", "move", ids[0], "Inbox/New/Deeper", NULL);
    site_run(site, SECONDS);
    assert_all_in(site, ids, FOLDER_INBOX);
    assert_heard(site, ids[0]);
    site_free(&site);
}

/* rule: map-below-made */
static void made_and_used_in_the_same_moment_nothing_counts_as_deleted(void **state)
{
    char ids[MESSAGES][LIMIT_UUID];
    struct site *site = begin(state, ids);

    for (int i = 0; i < MESSAGES; i++) {
        char folder[32];
        snprintf(folder, sizeof folder, "Inbox/Made %d", i);
        site_user(site, "ann", "move", ids[i], folder, NULL);
    }
    for (int ms = 0; ms < 2 * SECONDS; ms += 100) {
        site_run(site, 100);
        for (int i = 0; i < MESSAGES; i++)
            assert_int_equal(site_message(site, ids[i]).folder, FOLDER_INBOX);
    }
    assert_all_in(site, ids, FOLDER_INBOX);
    assert_heard(site, ids[1]);
    site_free(&site);
}

/* A new name changes nothing of what is mapped: nothing is asked for because of it.
 * rule: map-below-renamed */
static void a_folder_that_is_renamed_is_followed(void **state)
{
    char ids[MESSAGES][LIMIT_UUID];
    struct site *site = begin_in_project(state, ids);

    site_user(site, "ann", "folder", "rename", "Inbox/Project", "Done", NULL);
    site_run(site, SECONDS);
    assert_all_in(site, ids, FOLDER_INBOX);
    assert_heard(site, ids[0]);
    site_user(site, "ann", "delete", ids[1], NULL);
    site_run(site, SECONDS);
    assert_int_equal(site_message(site, ids[1]).folder, FOLDER_DELETED);
    assert_int_equal(exchange_user_count(site->exchange, ANN, "Inbox/Done"), MESSAGES - 1);
    site_free(&site);
}

/* rule: map-below-moved
 * rule: map-deleted */
static void
a_folder_that_is_moved_to_deleted_items_takes_its_messages_along_and_back(void **state)
{
    char ids[MESSAGES][LIMIT_UUID];
    struct site *site = begin_in_project(state, ids);

    site_user(site, "ann", "folder", "move", "Inbox/Project", "Deleted Items", NULL);
    site_run(site, SECONDS);
    assert_all_in(site, ids, FOLDER_DELETED);
    assert_heard(site, ids[0]);
    site_user(site, "ann", "folder", "move", "Deleted Items/Project", "Inbox", NULL);
    site_run(site, SECONDS);
    assert_all_in(site, ids, FOLDER_INBOX);
    assert_int_equal(exchange_user_count(site->exchange, ANN, "Inbox/Project"), MESSAGES);
    site_free(&site);
}

/* rule: map-below-moved
 * rule: map-unmapped
 * rule: map-back
 * rule: moved-unmapped */
static void
a_folder_that_is_moved_where_nothing_is_mapped_is_deleted_here_and_back_it_returns(void **state)
{
    char ids[MESSAGES][LIMIT_UUID];
    struct site *site = begin_in_project(state, ids);

    site_user(site, "ann", "folder", "move", "Inbox/Project", "Archive", NULL);
    site_run(site, SECONDS);
    assert_all_in(site, ids, FOLDER_DELETED);
    assert_int_equal(exchange_user_count(site->exchange, ANN, "Archive/Project"), MESSAGES);
    site_count_from_here(site);
    site_user(site, "ann", "folder", "move", "Archive/Project", "Inbox/Kept", NULL);
    site_run(site, 2 * SECONDS);
    assert_all_in(site, ids, FOLDER_INBOX);
    assert_int_equal(site_count(site, "CreateItem"), 0);
    assert_heard(site, ids[2]);
    site_free(&site);
}

/* rule: map-below-moved */
static void a_folder_that_is_moved_below_another_is_followed_with_all_below_it(void **state)
{
    char ids[MESSAGES][LIMIT_UUID];
    struct site *site = begin_in_project(state, ids);

    site_user(site, "ann", "folder", "add", "Inbox/Project/Deep", NULL);
    site_user(site, "ann", "move", ids[0], "Inbox/Project/Deep", NULL);
    site_run(site, 2 * SECONDS);
    site_user(site, "ann", "folder", "move", "Inbox/Project", "Inbox/Other", NULL);
    site_run(site, 2 * SECONDS);
    assert_all_in(site, ids, FOLDER_INBOX);
    /* Its parent is a folder that was made a moment ago: that one is heard, too. */
    site_user(site, "ann", "folder", "move", "Inbox/Other/Project", "Deleted Items", NULL);
    site_run(site, SECONDS);
    assert_all_in(site, ids, FOLDER_DELETED);
    site_free(&site);
}

/* rule: map-below-removed */
static void a_folder_that_is_removed_takes_its_messages_along(void **state)
{
    char ids[MESSAGES][LIMIT_UUID];
    struct site *site = begin_in_project(state, ids);

    site_user(site, "ann", "folder", "remove", "Inbox/Project", NULL); /* to Deleted Items */
    site_run(site, SECONDS);
    assert_all_in(site, ids, FOLDER_DELETED);
    site_count_from_here(site);
    site_user(site, "ann", "folder", "remove", "Deleted Items/Project", NULL); /* for good */
    site_run(site, SECONDS);
    assert_all_in(site, ids, FOLDER_DELETED);
    assert_int_equal(site_items(site, "ann", ids[0]), 0);
    assert_int_equal(site_count(site, "CreateItem"), 0);
    site_free(&site);
}

/* rule: map-junk
 * rule: map-inbox */
static void what_is_put_into_junk_email_stays_in_the_inbox_here(void **state)
{
    char ids[MESSAGES][LIMIT_UUID];
    struct site *site = begin(state, ids);

    site_user(site, "ann", "move", ids[0], "Junk Email", NULL);
    site_run(site, SECONDS);
    assert_all_in(site, ids, FOLDER_INBOX);
    assert_heard(site, ids[0]);
    site_user(site, "ann", "move", ids[0], "Inbox", NULL);
    site_run(site, SECONDS);
    assert_all_in(site, ids, FOLDER_INBOX);
    site_free(&site);
}

/* rule: map-deleted */
static void what_is_put_below_deleted_items_is_deleted_here(void **state)
{
    char ids[MESSAGES][LIMIT_UUID];
    struct site *site = begin(state, ids);

    site_user(site, "ann", "folder", "add", "Deleted Items/Old", NULL);
    site_run(site, 2 * SECONDS);
    site_user(site, "ann", "move", ids[0], "Deleted Items/Old", NULL);
    site_user(site, "ann", "delete", ids[1], NULL);
    site_run(site, SECONDS);
    site_assert_agree(site);
    assert_int_equal(site_message(site, ids[0]).folder, FOLDER_DELETED);
    assert_int_equal(site_message(site, ids[1]).folder, FOLDER_DELETED);
    assert_int_equal(site_message(site, ids[2]).folder, FOLDER_INBOX);
    assert_heard(site, ids[0]);
    site_free(&site);
}

/* rule: map-unmapped
 * rule: map-back
 * rule: map-back-purged
 * rule: moved-unmapped */
static void what_comes_back_returns_unless_it_was_purged_meanwhile(void **state)
{
    char ids[MESSAGES][LIMIT_UUID];
    struct site *site = begin(state, ids);
    struct err err;

    site_user(site, "ann", "move", ids[0], "Archive", NULL);
    site_user(site, "ann", "move", ids[1], "Archive", NULL);
    site_run(site, SECONDS);
    assert_int_equal(site_message(site, ids[0]).folder, FOLDER_DELETED);
    assert_int_equal(site_message(site, ids[1]).folder, FOLDER_DELETED);
    assert_int_equal(exchange_user_count(site->exchange, ANN, "Archive"), 2);
    assert_true(phone_purge(site->store, ids[1], NULL, NULL, &err));
    site_run(site, SECONDS);
    site_count_from_here(site);
    site_user(site, "ann", "move", ids[0], "Inbox", NULL);
    site_user(site, "ann", "move", ids[1], "Inbox", NULL);
    site_run(site, SECONDS);
    assert_int_equal(site_message(site, ids[0]).folder, FOLDER_INBOX);
    assert_int_equal(site_message(site, ids[1]).folder, FOLDER_PURGED);
    assert_int_equal(site_items(site, "ann", ids[1]), 1); /* the owner's now */
    assert_int_equal(site_count(site, "CreateItem"), 0);
    assert_int_equal(site_count(site, "DeleteItem"), 0);
    site_free(&site);
}

/* Whoever subscribes anew has not been told of what happened to folders before.
 * rule: map-below-moved
 * rule: notify-silent */
static void what_happened_while_nobody_was_told_is_found_by_who_subscribes_anew(void **state)
{
    char ids[MESSAGES][LIMIT_UUID], extra[64];
    struct site *site;

    snprintf(extra, sizeof extra, "%s\n[sync]\nsweep = 24h", *state ? (char *)*state : "");
    *state = extra;
    site = begin_in_project(state, ids);
    site->expect_warnings = true;
    site_run(site, 60 * SECONDS);
    site_count_from_here(site);
    site_user(site, "ann", "lose-subscriptions", NULL);
    site_user(site, "ann", "folder", "move", "Inbox/Project", "Archive", NULL);
    site_run(site, SECONDS / 10);
    assert_int_equal(site_message(site, ids[0]).folder, FOLDER_INBOX);
    for (int n = 0; n < 180 && site_count(site, "Subscribe") == 0; n++)
        site_run(site, SECONDS);
    site_run(site, SECONDS / 5);
    assert_all_in(site, ids, FOLDER_DELETED);
    site_free(&site);
}

/* rule: quiet */
static void what_happens_to_items_lists_no_folders(void **state)
{
    char ids[MESSAGES][LIMIT_UUID];
    struct site *site = begin(state, ids);

    site_count_from_here(site);
    site_user(site, "ann", "read", ids[0], NULL);
    site_user(site, "ann", "delete", ids[1], NULL);
    site_run(site, 2 * SECONDS);
    assert_true(site_message(site, ids[0]).read);
    assert_int_equal(site_message(site, ids[1]).folder, FOLDER_DELETED);
    assert_int_equal(site_count(site, "FindFolder"), 0);
    assert_int_equal(site_count(site, "Subscribe"), 0);
    site_free(&site);
}

static char by_stream[] = "notify = stream";

/* Each promise, heard by callbacks and over a stream. */
#define BOTH(name)                                                                             \
    {#name " (push)", name, NULL, NULL, NULL},                                                 \
    {                                                                                          \
#name " (stream)", name, NULL, NULL, by_stream                                         \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(a_folder_that_is_made_is_followed),
        BOTH(made_and_used_in_the_same_moment_nothing_counts_as_deleted),
        BOTH(a_folder_that_is_renamed_is_followed),
        BOTH(a_folder_that_is_moved_to_deleted_items_takes_its_messages_along_and_back),
        BOTH(
            a_folder_that_is_moved_where_nothing_is_mapped_is_deleted_here_and_back_it_returns),
        BOTH(a_folder_that_is_moved_below_another_is_followed_with_all_below_it),
        BOTH(a_folder_that_is_removed_takes_its_messages_along),
        BOTH(what_is_put_into_junk_email_stays_in_the_inbox_here),
        BOTH(what_is_put_below_deleted_items_is_deleted_here),
        BOTH(what_comes_back_returns_unless_it_was_purged_meanwhile),
        BOTH(what_happened_while_nobody_was_told_is_found_by_who_subscribes_anew),
        BOTH(what_happens_to_items_lists_no_folders),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
