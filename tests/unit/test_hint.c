/* Where something changed there: what wishes say comes together, goes with a claim, and is
 * never less than what was said; and looks at no more folders than that. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "store/db.h"
#include "store/mapping.h"
#include "tests/support/queue_fixture.h"
#include "tests/support/site.h"

static char push[] = "notify = push", stream[] = "notify = stream";

enum { QUIET_MS = 10 * 1000, SETTLED_MS = 130 * 1000, FOLDERS_MAPPED = 3 };

/* ---- rows ---- */

static void set_folders(struct queue_fixture *f, int count)
{
    qf_begin(f);
    for (int i = 0; i < count; i++) {
        char id[16];
        snprintf(id, sizeof id, "f%d", i);
        qf_ok(f, db_run(f->store, &f->err,
                        "INSERT INTO folder(mailbox, id, name, place, root, token, listing,"
                        " list_number, stamp, row) VALUES('ann', ?, '', 0, 1, 't', 0, 0, 0, 0)",
                        "s", id));
    }
    qf_commit(f);
}

/* "f1 f2": in f1, and in f2; "f1<f2": moved from f2 to f1; "": anywhere. */
static struct hint hint_of(struct queue_fixture *f, const char *words)
{
    struct hint hint = {.anywhere = !*words};
    char text[256], *rest = text;

    snprintf(text, sizeof text, "%s", words);
    for (char *word; (word = strtok_r(rest, " ", &rest));) {
        char *from = strchr(word, '<');
        if (from)
            *from++ = '\0';
        qf_ok(f, hint_add(f->store, "ann", &hint, word, from ? from : "", &f->err));
    }
    return hint;
}

static bool is_wished(struct queue_fixture *f, const char *words)
{
    struct hint hint = hint_of(f, words);
    bool wished;

    qf_ok(f, queue_is_hinted(f->store, "ann", &hint, 0, &wished, &f->err));
    return wished;
}

/* As the callback listener does: what is wished already is not wished again. */
static void wish(struct queue_fixture *f, const char *words)
{
    struct hint hint = hint_of(f, words);

    if (is_wished(f, words))
        return;
    qf_begin(f);
    qf_ok(f, queue_push_hint(f->store, "ann", &hint, 0, &f->err));
    qf_commit(f);
    assert_true(is_wished(f, words));
}

static void assert_claimed(struct queue_fixture *f, const char *words)
{
    struct hint_claim claim;
    char text[256] = "";

    qf_ok(f, hint_claimed(f->store, "ann", &claim, &f->err));
    assert_int_equal(claim.anywhere, claim.count == 0);
    for (int i = 0; i < claim.count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i ? " " : "",
                 claim.folders[i]);
    free(claim.folders);
    assert_string_equal(text, words);
}

static void claim(struct queue_fixture *f, const char *words)
{
    assert_string_equal(qf_claim(f), "ann");
    assert_claimed(f, words);
}

static int64_t rows(struct queue_fixture *f)
{
    bool found;
    sqlite3_stmt *stmt =
        db_one(f->store, &f->err, &found, "SELECT count(*) FROM queue_hint", "");
    int64_t count = db_int(stmt, 0);

    db_end(stmt);
    return count;
}

static void folders_of_several_wishes_come_together(void **state)
{
    struct queue_fixture *f = *state;

    set_folders(f, 4);
    wish(f, "f1");
    wish(f, "f2<f1");
    wish(f, "f2");
    assert_int_equal(qf_count(f, "ann"), 1);
    claim(f, "f1 f2");
    qf_done(f, "ann");
    assert_int_equal(rows(f), 0);
    assert_string_equal(qf_claim(f), "-");
}

/* The row is there already; without the folder the change would be overlooked. */
static void a_wish_that_is_there_already_takes_a_further_folder(void **state)
{
    struct queue_fixture *f = *state;

    set_folders(f, 4);
    wish(f, "f1");
    assert_true(is_wished(f, "f1"));
    assert_false(is_wished(f, "f2"));
    assert_false(is_wished(f, "f1 f2"));
    assert_false(is_wished(f, ""));
    wish(f, "");
    assert_true(is_wished(f, "f3")); /* anywhere is there, too */
    claim(f, "");
}

static void a_wish_that_does_not_say_where_is_anywhere(void **state)
{
    struct queue_fixture *f = *state;

    set_folders(f, 4);
    wish(f, "f1");
    qf_push(f, "ann", QUEUE_NOTIFICATION);
    claim(f, "");
    qf_done(f, "ann");
    qf_push(f, "ann", QUEUE_NOTIFICATION);
    wish(f, "f1");
    claim(f, "");
}

static void what_is_said_during_a_look_is_for_the_next_one(void **state)
{
    struct queue_fixture *f = *state;

    set_folders(f, 4);
    wish(f, "f1");
    claim(f, "f1");
    assert_false(is_wished(f, "f1"));
    wish(f, "f1");
    wish(f, "f2");
    assert_claimed(f, "f1");
    qf_done(f, "ann");
    claim(f, "f1 f2");
    qf_done(f, "ann");
    assert_int_equal(rows(f), 0);
}

static void a_look_for_another_reason_takes_nothing_along(void **state)
{
    struct queue_fixture *f = *state;

    set_folders(f, 4);
    qf_push(f, "ann", QUEUE_CHANGE);
    assert_string_equal(qf_claim(f), "ann");
    wish(f, "f1");
    assert_claimed(f, "");
    qf_done(f, "ann");
    claim(f, "f1");
}

static void what_is_given_back_is_joined_by_what_was_said_meanwhile(void **state)
{
    struct queue_fixture *f = *state;

    set_folders(f, 4);
    wish(f, "f1");
    claim(f, "f1");
    wish(f, "f1");
    wish(f, "f3");
    qf_begin(f);
    qf_ok(f, queue_give_back(f->store, QF_ME, "ann", 0, "", &f->err));
    qf_commit(f);
    claim(f, "f1 f3");
    qf_begin(f);
    qf_ok(f, queue_done_one(f->store, QF_ME, "ann", QUEUE_RESYNC, &f->err));
    qf_commit(f);
    claim(f, "f1 f3");
}

static void anywhere_is_given_back_as_anywhere(void **state)
{
    struct queue_fixture *f = *state;

    set_folders(f, 4);
    qf_push(f, "ann", QUEUE_NOTIFICATION);
    claim(f, "");
    wish(f, "f1");
    qf_begin(f);
    qf_ok(f, queue_give_back(f->store, QF_ME, "ann", 0, "", &f->err));
    qf_commit(f);
    claim(f, "");
}

/* How far it came is not known. */
static void after_a_death_it_is_anywhere(void **state)
{
    struct queue_fixture *f = *state;

    set_folders(f, 4);
    wish(f, "f1");
    claim(f, "f1");
    wish(f, "f2");
    qf_recover(f, "its successor");
    assert_true(is_wished(f, ""));
    struct queue_claim got;
    assert_true(qf_claim_as(f, "its successor", &got));
    assert_claimed(f, "");
}

/* The retry looks at everything; what was said during the failed run is its own wish. */
static void a_look_that_failed_is_repeated_everywhere(void **state)
{
    struct queue_fixture *f = *state;
    struct queue_claim got;

    set_folders(f, 4);
    wish(f, "f1");
    claim(f, "f1");
    wish(f, "f2");
    qf_again(f, "ann", 10 * SECOND, true, "no route to host");
    assert_true(qf_claim_as(f, QF_ME, &got));
    assert_int_equal(got.reasons, 1u << QUEUE_NOTIFICATION);
    assert_claimed(f, "f2");
    qf_done(f, "ann");
    f->now.ms += 10 * SECOND;
    assert_true(qf_claim_as(f, QF_ME, &got));
    assert_int_equal(got.reasons, 1u << QUEUE_RETRY);
    assert_claimed(f, "");
}

static void a_folder_that_is_not_mapped_is_left_out_of_a_move(void **state)
{
    struct queue_fixture *f = *state;

    set_folders(f, 4);
    wish(f, "f1<elsewhere");
    wish(f, "elsewhere<f2");
    claim(f, "f1 f2");
}

static void an_event_in_no_folder_of_ours_is_anywhere(void **state)
{
    struct queue_fixture *f = *state;
    static const char *const words[] = {"elsewhere", "elsewhere<another", "f1 elsewhere"};

    set_folders(f, 4);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        wish(f, words[i]);
        claim(f, "");
        qf_done(f, "ann");
    }
}

static void too_many_folders_are_anywhere_and_few_rows(void **state)
{
    struct queue_fixture *f = *state;
    char words[16];

    set_folders(f, 3 * LIMIT_HINTS);
    wish(f, "f1 f2 f3 f4");
    claim(f, "f1 f2 f3 f4");
    qf_done(f, "ann");
    wish(f, "f1 f2 f3 f4 f5");
    claim(f, "");
    qf_done(f, "ann");
    for (int i = 0; i < 3 * LIMIT_HINTS; i++) {
        snprintf(words, sizeof words, "f%d", i);
        wish(f, words);
    }
    assert_true(rows(f) <= LIMIT_HINTS + 1);
    assert_true(is_wished(f, ""));
    claim(f, "");
}

/* ---- looks ---- */

/* *state: how changes are heard. A message that both sides have, and nothing to do. */
static struct site *play(void **state, char *id)
{
    struct site *site = site_new(3, *state);

    site_mailbox(site, "ann");
    site_deposit(site, "ann", "en-short-pcm16.wav", "", id);
    site_start(site);
    site_run(site, SETTLED_MS);
    site_assert_agree(site);
    site_count_from_here(site);
    return site;
}

static void assert_looks(struct site *site, long looks)
{
    site_run(site, QUIET_MS);
    site_assert_agree(site);
    assert_int_equal(site_count(site, "SyncFolderItems"), looks);
}

/* rule: notify-where */
static void what_is_read_there_is_one_look(void **state)
{
    char id[LIMIT_UUID];
    struct site *site = play(state, id);

    site_user(site, "ann", "read", id, NULL);
    assert_looks(site, 1);
    assert_true(site_message(site, id).read);
    assert_int_equal(site_count(site, ""), 1);
    site_free(&site);
}

static void the_echo_of_our_own_create_is_one_look(void **state)
{
    char id[LIMIT_UUID], another[LIMIT_UUID];
    struct site *site = play(state, id);

    site_deposit(site, "ann", "en-short-pcm16.wav", "", another);
    assert_looks(site, 1);
    assert_int_equal(site_count(site, ""), 2);
    site_free(&site);
}

/* rule: notify-where */
static void a_move_between_two_folders_is_two_looks(void **state)
{
    char id[LIMIT_UUID];
    struct site *site = play(state, id);

    site_user(site, "ann", "move", id, "Deleted Items", NULL);
    assert_looks(site, 2);
    assert_int_equal(site_message(site, id).folder, FOLDER_DELETED);
    assert_int_equal(site_count(site, ""), 2);
    site_count_from_here(site);
    site_user(site, "ann", "move", id, "Inbox", NULL);
    assert_looks(site, 2);
    assert_int_equal(site_message(site, id).folder, FOLDER_INBOX);
    site_free(&site);
}

/* rule: notify-where */
static void what_went_away_is_looked_for_everywhere(void **state)
{
    char id[LIMIT_UUID];
    struct site *site = play(state, id);

    site_user(site, "ann", "purge", id, NULL);
    site_run(site, QUIET_MS);
    assert_true(site_count(site, "SyncFolderItems") > FOLDERS_MAPPED);
    assert_true(site_count(site, "FindFolder") > 0);
    site_assert_agree(site);
    site_free(&site);
}

/* rule: notify-where */
static void after_a_kill_everything_is_looked_at(void **state)
{
    char id[LIMIT_UUID];
    struct site *site = play(state, id);

    site_user(site, "ann", "read", id, NULL);
    for (int ms = 0; ms < QUIET_MS && site_count(site, "SyncFolderItems") == 0; ms++)
        site_run(site, 1);
    assert_int_equal(site_count(site, "SyncFolderItems"), 1);
    site_kill(site);
    site_count_from_here(site);
    site_start(site);
    site_run(site, QUIET_MS);
    assert_true(site_message(site, id).read);
    assert_true(site_count(site, "SyncFolderItems") >= FOLDERS_MAPPED);
    site_assert_agree(site);
    site_free(&site);
}

/* While the answer of a look at the Inbox is on its way, something happens in another folder,
 * and then in the Inbox: each is found by a look of its own. */
static void what_happens_during_a_look_is_not_overlooked(void **state)
{
    char id[LIMIT_UUID], other[LIMIT_UUID];
    struct site *site = play(state, id);
    struct err err;

    site_deposit(site, "ann", "en-short-pcm16.wav", "", other);
    site_run(site, SETTLED_MS);
    site_user(site, "ann", "move", other, "Deleted Items", NULL);
    site_run(site, SETTLED_MS);
    site_assert_agree(site);
    site_count_from_here(site);
    assert_true(exchange_set_faults(site->exchange, "delay:SyncFolderItems:1:4000", &err));
    site_user(site, "ann", "read", id, NULL);
    for (int ms = 0; ms < QUIET_MS && site_count(site, "SyncFolderItems") == 0; ms++)
        site_run(site, 1);
    site_user(site, "ann", "read", other, NULL);
    site_user(site, "ann", "unread", id, NULL);
    site_run(site, QUIET_MS);
    assert_false(site_message(site, id).read);
    assert_true(site_message(site, other).read);
    assert_in_range(site_count(site, "SyncFolderItems"), 2, FOLDERS_MAPPED + 2);
    site_assert_agree(site);
    site_free(&site);
}

/* Wished by something that cannot say where, before the look: all folders. */
static void with_a_wish_of_another_kind_all_folders_are_looked_at(void **state)
{
    static const enum queue_reason reasons[] = {QUEUE_RETRY, QUEUE_NOTIFICATION, QUEUE_SWEEP};
    char id[LIMIT_UUID];
    struct mailbox mailbox;
    struct err err;

    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        struct site *site = play(state, id);
        struct folder_row *folders;
        struct hint hint = {0};
        int count;

        assert_true(mailbox_find(site->store, "ann", &mailbox, &err));
        assert_true(folder_list(site->store, mailbox.id, &folders, &count, &err));
        assert_true(hint_add(site->store, mailbox.id, &hint, folders[0].id, "", &err));
        free(folders);
        assert_false(hint.anywhere);
        assert_true(store_begin(site->store, &err));
        assert_true(queue_push(site->store, mailbox.id, reasons[i], 0, &err));
        assert_true(queue_push_hint(site->store, mailbox.id, &hint, 0, &err));
        assert_true(store_commit(site->store, &err));
        assert_looks(site, FOLDERS_MAPPED);
        site_free(&site);
    }
}

/* The state of the one folder is refused: the others may have lost theirs, too. */
static void when_a_state_is_refused_all_folders_are_looked_at(void **state)
{
    char id[LIMIT_UUID];
    struct site *site = play(state, id);
    struct err err;

    site->expect_warnings = true;
    assert_true(exchange_set_faults(site->exchange, "lose-states:SyncFolderItems:1", &err));
    site_user(site, "ann", "read", id, NULL);
    site_run(site, QUIET_MS);
    assert_true(site_message(site, id).read);
    assert_true(site_count(site, "SyncFolderItems") > FOLDERS_MAPPED);
    site_assert_agree(site);
    site_free(&site);
}

#define ROWS(test) cmocka_unit_test_setup_teardown(test, qf_set_up, qf_tear_down)
#define LOOKS(test)                                                                            \
    cmocka_unit_test_prestate(test, push), cmocka_unit_test_prestate(test, stream)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROWS(folders_of_several_wishes_come_together),
        ROWS(a_wish_that_is_there_already_takes_a_further_folder),
        ROWS(a_wish_that_does_not_say_where_is_anywhere),
        ROWS(what_is_said_during_a_look_is_for_the_next_one),
        ROWS(a_look_for_another_reason_takes_nothing_along),
        ROWS(what_is_given_back_is_joined_by_what_was_said_meanwhile),
        ROWS(anywhere_is_given_back_as_anywhere),
        ROWS(after_a_death_it_is_anywhere),
        ROWS(a_look_that_failed_is_repeated_everywhere),
        ROWS(a_folder_that_is_not_mapped_is_left_out_of_a_move),
        ROWS(an_event_in_no_folder_of_ours_is_anywhere),
        ROWS(too_many_folders_are_anywhere_and_few_rows),
        LOOKS(what_is_read_there_is_one_look),
        LOOKS(the_echo_of_our_own_create_is_one_look),
        LOOKS(a_move_between_two_folders_is_two_looks),
        LOOKS(what_went_away_is_looked_for_everywhere),
        LOOKS(after_a_kill_everything_is_looked_at),
        LOOKS(what_happens_during_a_look_is_not_overlooked),
        LOOKS(with_a_wish_of_another_kind_all_folders_are_looked_at),
        LOOKS(when_a_state_is_refused_all_folders_are_looked_at),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
