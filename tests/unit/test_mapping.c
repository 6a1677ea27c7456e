/* What is mapped to what: the agreement, the creates in doubt, the mirror of the other side;
 * and subscriptions, alarms and the history. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"
#include "remote/remote.h"
#include "store/alarm.h"
#include "store/history.h"
#include "store/mapping.h"
#include "store/watch.h"
#include "tests/support/store_fixture.h"

#define BOX "ann"

enum { TOKEN_BYTES = 100 * 1024 };

/* One step in a transaction of its own. */
#define IN_TX(f, step)                                                                         \
    do {                                                                                       \
        sf_begin(f);                                                                           \
        sf_ok(f, step);                                                                        \
        sf_commit(f);                                                                          \
    } while (0)

static struct item_row item_of(const char *message, const char *id, const char *folder)
{
    struct item_row item = {.modified_ms = 1000, .created_ms = 1000};

    snprintf(item.id, sizeof item.id, "%s", id);
    snprintf(item.folder, sizeof item.folder, "%s", folder);
    snprintf(item.message, sizeof item.message, "%s", message);
    text_copy(item.version, sizeof item.version, "v1");
    text_copy(item.creation, sizeof item.creation, "token");
    text_copy(item.subject, sizeof item.subject, "s");
    return item;
}

static void put(struct store_fixture *f, const struct item_row *item)
{
    IN_TX(f, item_put(f->store, BOX, item, &f->err));
}

static void put_own(struct store_fixture *f, const char *old_id, const struct item_row *item)
{
    IN_TX(f, item_put_own(f->store, BOX, old_id, item, &f->err));
}

static int items(struct store_fixture *f, const char *message, struct item_row *out)
{
    int count;

    sf_ok(f, item_list(f->store, BOX, message, out, 4, &count, &f->err));
    return count;
}

static struct folder_row folder_of(const char *id, enum remote_place place, bool root)
{
    struct folder_row folder = {.place = (int)place, .root = root};

    snprintf(folder.id, sizeof folder.id, "%s", id);
    snprintf(folder.name, sizeof folder.name, "name of %s", id);
    return folder;
}

static void set_folders(struct store_fixture *f, const struct folder_row *rows, int count)
{
    IN_TX(f, folder_replace_all(f->store, BOX, rows, count, &f->err));
}

/* "inbox" and "kept" below it, and "trash". */
static void usual_folders(struct store_fixture *f)
{
    const struct folder_row rows[] = {folder_of("inbox", REMOTE_INBOX, true),
                                      folder_of("kept", REMOTE_BELOW, false),
                                      folder_of("trash", REMOTE_DELETED, true)};

    set_folders(f, rows, 3);
}

static struct folder_row folder_row(struct store_fixture *f, const char *id)
{
    struct folder_row *rows, found = {.id = ""};
    int count;

    sf_ok(f, folder_list(f->store, BOX, &rows, &count, &f->err));
    for (int i = 0; i < count; i++) {
        if (strcmp(rows[i].id, id) == 0)
            found = rows[i];
    }
    free(rows);
    if (!found.id[0])
        fail_msg("there is no folder %s", id);
    return found;
}

/* A message that is agreed, with its item in the inbox. */
static const char *message_with_item(struct store_fixture *f, const char *item_id)
{
    const char *id = sf_message(f, "s");
    const struct item_row item = item_of(id, item_id, "inbox");

    put(f, &item);
    sf_clean(f, id);
    return id;
}

/* ---- what was agreed ---- */

static void nothing_is_agreed_about_a_new_message(void **state)
{
    struct store_fixture *f = *state;
    struct agreed agreed;

    sf_ok(f, agreed_get(f->store, sf_message(f, "s"), &agreed, &f->err));
    assert_int_equal(agreed.place, AGREED_NEVER);
    assert_string_equal(agreed.item, "");
    assert_int_equal(agreed.refusals, 0);
}

static void an_agreement_is_kept_as_it_was_made_and_replaced_whole(void **state)
{
    struct store_fixture *f = *state;
    struct agreed agreed = {.place = AGREED_INBOX,
                            .read = true,
                            .urgent = true,
                            .subject = "\xE2\x98\x8E",
                            .item = "AAMk=",
                            .folder = "inbox",
                            .version = "v7",
                            .refusals = 2};
    struct agreed got;

    IN_TX(f, agreed_set(f->store, "m", &agreed, &f->err));
    sf_ok(f, agreed_get(f->store, "m", &got, &f->err));
    assert_int_equal(got.place, AGREED_INBOX);
    assert_true(got.read && got.urgent);
    assert_string_equal(got.subject, agreed.subject);
    assert_string_equal(got.item, agreed.item);
    assert_string_equal(got.folder, agreed.folder);
    assert_string_equal(got.version, agreed.version);
    assert_int_equal(got.refusals, 2);
    agreed = (struct agreed){.place = AGREED_GONE};
    IN_TX(f, agreed_set(f->store, "m", &agreed, &f->err));
    sf_ok(f, agreed_get(f->store, "m", &got, &f->err));
    assert_int_equal(got.place, AGREED_GONE);
    assert_false(got.read || got.urgent);
    assert_string_equal(got.item, "");
}

/* ---- creates that were begun ---- */

static struct attempt attempt_of(const char *creation, const char *message, int64_t sent_ms)
{
    struct attempt attempt = {.sent_ms = sent_ms,
                              .unknown_until_ms = sent_ms + 90000,
                              .open = true,
                              .read = true,
                              .subject = "as sent"};

    snprintf(attempt.creation, sizeof attempt.creation, "%s", creation);
    snprintf(attempt.message, sizeof attempt.message, "%s", message);
    return attempt;
}

static void begin_attempt(struct store_fixture *f, const char *creation, const char *message,
                          int64_t sent_ms)
{
    const struct attempt attempt = attempt_of(creation, message, sent_ms);

    IN_TX(f, attempt_begin(f->store, BOX, &attempt, &f->err));
}

static int attempts(struct store_fixture *f, const char *message, struct attempt *out)
{
    int count;

    sf_ok(f, attempt_list(f->store, message, out, 4, &count, &f->err));
    return count;
}

static bool any_open(struct store_fixture *f, const char *mailbox)
{
    bool any;

    sf_ok(f, attempt_any_open(f->store, mailbox, &any, &f->err));
    return any;
}

static void an_attempt_is_open_until_its_outcome_is_known(void **state)
{
    struct store_fixture *f = *state;
    struct attempt list[4];

    assert_false(any_open(f, BOX));
    begin_attempt(f, "t1", "m", 1000);
    assert_true(any_open(f, BOX));
    assert_false(any_open(f, "ben"));
    assert_int_equal(attempts(f, "m", list), 1);
    assert_string_equal(list[0].creation, "t1");
    assert_string_equal(list[0].message, "m");
    assert_string_equal(list[0].subject, "as sent");
    assert_int_equal(list[0].sent_ms, 1000);
    assert_int_equal(list[0].unknown_until_ms, 91000);
    assert_true(list[0].open && list[0].read && !list[0].urgent);
    IN_TX(f, attempt_close(f->store, "t1", &f->err));
    assert_false(any_open(f, BOX));
    assert_int_equal(attempts(f, "m", list), 1); /* what was tried is not forgotten */
    assert_false(list[0].open);
}

static void attempts_come_in_the_order_in_which_they_were_sent(void **state)
{
    struct store_fixture *f = *state;
    struct attempt list[4];

    begin_attempt(f, "t2", "m", 2000);
    begin_attempt(f, "t1", "m", 1000);
    begin_attempt(f, "t3", "other", 500);
    assert_int_equal(attempts(f, "m", list), 2);
    assert_string_equal(list[0].creation, "t1");
    assert_string_equal(list[1].creation, "t2");
}

static void of_many_attempts_the_open_and_the_newest_are_told(void **state)
{
    struct store_fixture *f = *state;
    struct attempt list[4];
    char creation[LIMIT_UUID];

    for (int i = 0; i < 9; i++) {
        snprintf(creation, sizeof creation, "t%d", i);
        begin_attempt(f, creation, "m", i * 1000);
        if (i != 1)
            IN_TX(f, attempt_close(f->store, creation, &f->err));
    }
    assert_int_equal(attempts(f, "m", list), 4);
    assert_string_equal(list[0].creation, "t1");
    assert_true(list[0].open);
    assert_string_equal(list[1].creation, "t6");
    assert_string_equal(list[3].creation, "t8");
}

static void a_doubt_is_only_ever_made_longer(void **state)
{
    struct store_fixture *f = *state;
    struct attempt list[4];

    begin_attempt(f, "t1", "m", 1000);
    IN_TX(f, attempt_extend(f->store, "t1", 50000, &f->err));
    attempts(f, "m", list);
    assert_int_equal(list[0].unknown_until_ms, 91000);
    IN_TX(f, attempt_extend(f->store, "t1", 100000, &f->err));
    attempts(f, "m", list);
    assert_int_equal(list[0].unknown_until_ms, 100000);
}

static void a_start_extends_the_open_attempts_of_this_server_and_no_others(void **state)
{
    struct store_fixture *f = *state;
    struct attempt list[4];

    begin_attempt(f, "t1", "m", 1000);
    begin_attempt(f, "t2", "m", 2000);
    IN_TX(f, attempt_close(f->store, "t2", &f->err));
    sf_reopen(f, 2);
    begin_attempt(f, "t3", "m", 3000);
    IN_TX(f, attempt_extend(f->store, "", 500000, &f->err));
    attempts(f, "m", list);
    assert_int_equal(list[0].unknown_until_ms, 91000); /* the other server's */
    assert_int_equal(list[1].unknown_until_ms, 92000); /* closed */
    assert_int_equal(list[2].unknown_until_ms, 500000);
}

/* ---- folders ---- */

static void folders_are_kept_with_their_tokens_when_they_are_told_again(void **state)
{
    struct store_fixture *f = *state;
    struct folder_row renamed[] = {folder_of("inbox", REMOTE_INBOX, true),
                                   folder_of("kept", REMOTE_BELOW, false),
                                   folder_of("trash", REMOTE_DELETED, true)};

    usual_folders(f);
    assert_true(folder_row(f, "kept").listing); /* never read to its end */
    assert_false(folder_row(f, "kept").has_token);
    IN_TX(f, folder_set_token(f->store, BOX, "kept", "token", &f->err));
    text_copy(renamed[1].name, sizeof renamed[1].name, "another name");
    set_folders(f, renamed, 3);
    assert_string_equal(folder_row(f, "kept").name, "another name");
    assert_true(folder_row(f, "kept").has_token);
    char *token = folder_token(f->store, BOX, "kept", &f->err);
    assert_string_equal(token, "token");
    free(token);
}

static void a_token_of_100_kb_is_kept_to_the_last_byte(void **state)
{
    struct store_fixture *f = *state;
    char *long_token = malloc(TOKEN_BYTES + 1);

    assert_non_null(long_token);
    for (int i = 0; i < TOKEN_BYTES; i++)
        long_token[i] =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"[i % 64];
    long_token[TOKEN_BYTES] = '\0';
    usual_folders(f);
    IN_TX(f, folder_set_token(f->store, BOX, "inbox", long_token, &f->err));
    char *got = folder_token(f->store, BOX, "inbox", &f->err);
    assert_string_equal(got, long_token);
    free(got);
    free(long_token);
    char *none = folder_token(f->store, BOX, "no such folder", &f->err);
    assert_string_equal(none, "");
    free(none);
}

static void a_folder_that_disappears_takes_its_items_along(void **state)
{
    struct store_fixture *f = *state;
    struct item_row list[4];
    const struct folder_row rows[] = {folder_of("inbox", REMOTE_INBOX, true),
                                      folder_of("trash", REMOTE_DELETED, true)};
    char stays[LIMIT_UUID], goes[LIMIT_UUID];

    usual_folders(f);
    text_copy(stays, sizeof stays, message_with_item(f, "i1"));
    text_copy(goes, sizeof goes, message_with_item(f, "i2"));
    const struct item_row moved = item_of(goes, "i2", "kept");
    put(f, &moved);
    sf_clean(f, goes);
    set_folders(f, rows, 2);
    assert_int_equal(items(f, goes, list), 0);
    assert_true(sf_is_dirty(f, goes));
    assert_int_equal(items(f, stays, list), 1);
    assert_false(sf_is_dirty(f, stays));
}

static void a_folder_moved_into_another_place_makes_its_messages_dirty(void **state)
{
    struct store_fixture *f = *state;
    struct item_row list[4];
    struct folder_row rows[] = {folder_of("inbox", REMOTE_INBOX, true),
                                folder_of("kept", REMOTE_BELOW, false),
                                folder_of("trash", REMOTE_DELETED, true)};

    usual_folders(f);
    message_with_item(f, "i1");
    const struct item_row moved = item_of(f->id, "i1", "kept");
    put(f, &moved);
    sf_clean(f, f->id);
    rows[1].place = REMOTE_DELETED;
    set_folders(f, rows, 3);
    assert_true(sf_is_dirty(f, f->id));
    assert_int_equal(items(f, f->id, list), 1);
    assert_int_equal(list[0].place, REMOTE_DELETED);
}

static void what_a_listing_did_not_see_is_gone_at_its_end(void **state)
{
    struct store_fixture *f = *state;
    char seen[LIMIT_UUID], unseen[LIMIT_UUID];
    struct item_row list[4];
    int gone = -1;

    usual_folders(f);
    text_copy(seen, sizeof seen, message_with_item(f, "i1"));
    text_copy(unseen, sizeof unseen, message_with_item(f, "i2"));
    IN_TX(f, folder_set_token(f->store, BOX, "inbox", "token", &f->err));
    IN_TX(f, folder_end_listing(f->store, BOX, "inbox", &gone, &f->err));
    assert_int_equal(gone, 0);
    assert_false(folder_row(f, "inbox").listing);

    IN_TX(f, folder_begin_listing(f->store, BOX, "inbox", &f->err));
    assert_true(folder_row(f, "inbox").listing);
    assert_false(folder_row(f, "inbox").has_token); /* it begins at the beginning */
    const struct item_row again = item_of(seen, "i1", "inbox");
    put(f, &again);
    IN_TX(f, folder_end_listing(f->store, BOX, "inbox", &gone, &f->err));
    assert_int_equal(gone, 1);
    assert_int_equal(items(f, seen, list), 1);
    assert_false(sf_is_dirty(f, seen));
    assert_int_equal(items(f, unseen, list), 0);
    assert_true(sf_is_dirty(f, unseen));
}

static void a_listing_of_one_folder_leaves_the_others(void **state)
{
    struct store_fixture *f = *state;
    struct item_row list[4];
    int gone;

    usual_folders(f);
    message_with_item(f, "i1");
    IN_TX(f, folder_begin_listing(f->store, BOX, "kept", &f->err));
    IN_TX(f, folder_end_listing(f->store, BOX, "kept", &gone, &f->err));
    assert_int_equal(gone, 0);
    assert_int_equal(items(f, f->id, list), 1);
    IN_TX(f, folder_begin_listing(f->store, BOX, "", &f->err)); /* all of them */
    IN_TX(f, folder_end_listing(f->store, BOX, "inbox", &gone, &f->err));
    assert_int_equal(gone, 1);
}

/* ---- items ---- */

static void an_item_that_is_news_makes_its_message_dirty(void **state)
{
    struct store_fixture *f = *state;

    usual_folders(f);
    message_with_item(f, "i1");
    for (int what = 0; what < 4; what++) {
        struct item_row item = item_of(f->id, "i1", "inbox");
        put(f, &item);
        sf_clean(f, f->id);
        switch (what) {
        case 0: item.read = true; break;
        case 1: item.urgent = true; break;
        case 2: text_copy(item.subject, sizeof item.subject, "another"); break;
        default: text_copy(item.folder, sizeof item.folder, "kept");
        }
        put(f, &item);
        if (!sf_is_dirty(f, f->id))
            fail_msg("change %d was not noticed", what);
        sf_clean(f, f->id);
    }
}

static void what_is_told_again_is_no_news(void **state)
{
    struct store_fixture *f = *state;
    struct item_row list[4];

    usual_folders(f);
    message_with_item(f, "i1");
    struct item_row item = item_of(f->id, "i1", "inbox");
    put(f, &item);
    assert_false(sf_is_dirty(f, f->id));
    text_copy(item.version, sizeof item.version,
              "v2"); /* our own write changes it, and much that is not ours */
    item.modified_ms = 5000;
    put(f, &item);
    assert_false(sf_is_dirty(f, f->id));
    assert_int_equal(items(f, f->id, list), 1);
    assert_string_equal(list[0].version, "v2");
    assert_int_equal(list[0].modified_ms, 5000);
}

static void a_first_item_of_a_message_is_news_also_a_copy(void **state)
{
    struct store_fixture *f = *state;
    struct item_row list[4];

    usual_folders(f);
    message_with_item(f, "i1");
    struct item_row copy = item_of(f->id, "i2", "kept");
    copy.created_ms = 500;
    put(f, &copy);
    assert_true(sf_is_dirty(f, f->id));
    assert_int_equal(items(f, f->id, list), 2);
    assert_string_equal(list[0].id, "i2"); /* oldest first */
    assert_int_equal(list[0].place, REMOTE_BELOW);
}

static void our_own_write_is_unconfirmed_until_it_is_told(void **state)
{
    struct store_fixture *f = *state;
    struct item_row list[4];

    usual_folders(f);
    sf_message(f, "s");
    sf_clean(f, f->id);
    const struct item_row item = item_of(f->id, "i1", "inbox");
    put_own(f, "", &item);
    assert_int_equal(items(f, f->id, list), 1);
    assert_false(list[0].confirmed);
    assert_false(sf_is_dirty(f, f->id));
    put_own(f, "i1", &item); /* written once more, and still not told of */
    items(f, f->id, list);
    assert_false(list[0].confirmed);
    put(f, &item);
    items(f, f->id, list);
    assert_true(list[0].confirmed);
    assert_false(sf_is_dirty(f, f->id));
    put_own(f, "i1", &item); /* only its fields change: it stays told of */
    items(f, f->id, list);
    assert_true(list[0].confirmed);
}

static void a_move_of_ours_replaces_the_old_id(void **state)
{
    struct store_fixture *f = *state;
    struct item_row list[4];

    usual_folders(f);
    message_with_item(f, "i1");
    const struct item_row moved = item_of(f->id, "i2", "trash");
    put_own(f, "i1", &moved);
    assert_int_equal(items(f, f->id, list), 1);
    assert_string_equal(list[0].id, "i2");
    assert_int_equal(list[0].place, REMOTE_DELETED);
    assert_false(list[0].confirmed);
    assert_false(sf_is_dirty(f, f->id));
}

static void what_we_put_and_no_look_has_told_of_went_away(void **state)
{
    struct store_fixture *f = *state;
    char told[LIMIT_UUID];
    struct item_row list[4];
    int gone;

    usual_folders(f);
    text_copy(told, sizeof told, message_with_item(f, "i1"));
    sf_message(f, "s");
    const struct item_row untold = item_of(f->id, "i2", "inbox");
    put_own(f, "", &untold);
    sf_clean(f, f->id);
    IN_TX(f, item_drop_unconfirmed(f->store, BOX, "kept", &gone, &f->err));
    assert_int_equal(gone, 0);
    IN_TX(f, item_drop_unconfirmed(f->store, BOX, "inbox", &gone, &f->err));
    assert_int_equal(gone, 1);
    assert_int_equal(items(f, f->id, list), 0);
    assert_true(sf_is_dirty(f, f->id));
    assert_int_equal(items(f, told, list), 1);
    assert_false(sf_is_dirty(f, told));
}

static void only_a_read_flag_that_differs_is_news(void **state)
{
    struct store_fixture *f = *state;
    struct item_row list[4];

    usual_folders(f);
    message_with_item(f, "i1");
    IN_TX(f, item_set_read(f->store, BOX, "i1", false, &f->err));
    IN_TX(f, item_set_read(f->store, BOX, "not ours", true, &f->err));
    IN_TX(f, item_set_read(f->store, "ben", "i1", true, &f->err));
    assert_false(sf_is_dirty(f, f->id));
    IN_TX(f, item_set_read(f->store, BOX, "i1", true, &f->err));
    assert_true(sf_is_dirty(f, f->id));
    items(f, f->id, list);
    assert_true(list[0].read);
}

static void a_drop_counts_only_in_the_folder_where_the_item_is(void **state)
{
    struct store_fixture *f = *state;
    struct item_row list[4];
    bool known;

    usual_folders(f);
    message_with_item(f, "i1");
    /* It was seen in its new folder before the old one told that it left. */
    IN_TX(f, item_drop(f->store, BOX, "i1", "kept", &known, &f->err));
    assert_false(known);
    IN_TX(f, item_drop(f->store, BOX, "not ours", "inbox", &known, &f->err));
    assert_false(known);
    assert_int_equal(items(f, f->id, list), 1);
    assert_false(sf_is_dirty(f, f->id));
    IN_TX(f, item_drop(f->store, BOX, "i1", "inbox", &known, &f->err));
    assert_true(known);
    assert_int_equal(items(f, f->id, list), 0);
    assert_true(sf_is_dirty(f, f->id));
}

static void ids_that_differ_in_case_only_are_two_items(void **state)
{
    struct store_fixture *f = *state;
    struct item_row list[4];

    usual_folders(f);
    message_with_item(f, "AAMk");
    const struct item_row other = item_of(f->id, "aamk", "inbox");
    put(f, &other);
    assert_int_equal(items(f, f->id, list), 2);
}

static void missing_is_what_was_agreed_and_is_nowhere(void **state)
{
    struct store_fixture *f = *state;
    struct agreed agreed = {.place = AGREED_INBOX, .item = "i1"};
    int64_t missing, all, count;
    bool any, known;

    usual_folders(f);
    message_with_item(f, "i1");
    IN_TX(f, agreed_set(f->store, f->id, &agreed, &f->err));
    sf_ok(f, item_any_missing(f->store, BOX, &any, &f->err));
    assert_false(any);
    IN_TX(f, item_drop(f->store, BOX, "i1", "inbox", &known, &f->err));
    sf_ok(f, item_any_missing(f->store, BOX, &any, &f->err));
    assert_true(any);
    sf_ok(f, item_count_missing(f->store, BOX, &missing, &all, &f->err));
    assert_int_equal(missing, 1);
    assert_int_equal(all, 1);
    const struct item_row moved = item_of(f->id, "i9", "kept"); /* a person moved it */
    put(f, &moved);
    sf_ok(f, item_count_missing(f->store, BOX, &missing, &all, &f->err));
    assert_int_equal(missing, 0);
    sf_ok(f, item_count(f->store, BOX, &count, &f->err));
    assert_int_equal(count, 1);
    sf_message(f, "never agreed");
    sf_ok(f, item_any_missing(f->store, BOX, &any, &f->err));
    assert_false(any);
}

/* ---- subscriptions ---- */

static struct watch watch_of(const char *secret, int64_t made_ms)
{
    struct watch watch = {.mailbox = BOX, .made_ms = made_ms};

    snprintf(watch.secret, sizeof watch.secret, "%s", secret);
    return watch;
}

static void the_newest_subscription_that_has_not_ended_is_the_mailboxs(void **state)
{
    struct store_fixture *f = *state;
    const struct watch first = watch_of("one", f->now.ms),
                       second = watch_of("two", f->now.ms + 1);
    struct watch got;
    bool found = true;

    sf_ok(f, watch_current(f->store, BOX, WATCH_PUSH, &got, &found, &f->err));
    assert_false(found);
    IN_TX(f, watch_add(f->store, &first, &f->err));
    IN_TX(f, watch_add(f->store, &second, &f->err));
    IN_TX(f, watch_set_subscription(f->store, "two", "AAA=", &f->err));
    f->now.ms += 1000;
    IN_TX(f, watch_heard(f->store, "two", &f->err));
    sf_ok(f, watch_current(f->store, BOX, WATCH_PUSH, &got, &found, &f->err));
    assert_true(found);
    assert_string_equal(got.secret, "two");
    assert_string_equal(got.subscription, "AAA=");
    assert_int_equal(got.heard_ms, f->now.ms);
    IN_TX(f, watch_end(f->store, BOX, "two", &f->err));
    sf_ok(f, watch_current(f->store, BOX, WATCH_PUSH, &got, &found, &f->err));
    assert_string_equal(got.secret, "one");
    sf_ok(f, watch_find(f->store, "two", &got, &found, &f->err));
    assert_true(found && got.ended); /* its caller is told to unsubscribe */
}

static bool count_watch(const struct watch *watch, void *arg)
{
    (void)watch;
    ++*(int *)arg;
    return true;
}

static void subscriptions_that_ended_are_forgotten_after_a_day(void **state)
{
    struct store_fixture *f = *state;
    const struct watch old = watch_of("old", f->now.ms);
    struct watch got;
    bool found;
    int count = 0;

    IN_TX(f, watch_add(f->store, &old, &f->err));
    IN_TX(f, watch_end(f->store, BOX, "", &f->err));
    sf_ok(f, watch_find(f->store, "old", &got, &found, &f->err));
    assert_true(found);
    f->now.ms += 25LL * 3600 * 1000;
    const struct watch new = watch_of("new", f->now.ms);
    IN_TX(f, watch_add(f->store, &new, &f->err));
    IN_TX(f, watch_end(f->store, "ben", "", &f->err));
    sf_ok(f, watch_find(f->store, "old", &got, &found, &f->err));
    assert_false(found);
    sf_ok(f, watch_each(f->store, count_watch, &count, &f->err));
    assert_int_equal(count, 1);
}

/* ---- alarms and history ---- */

static bool join_alarm(const struct alarm *alarm, void *arg)
{
    char *text = arg;

    snprintf(text + strlen(text), 256 - strlen(text), "%s/%s/%s/%s at %lld;", alarm->name,
             alarm->mailbox, alarm->subject, alarm->text, (long long)alarm->raised_ms % 100000);
    return true;
}

static void assert_alarms(struct store_fixture *f, const char *expected)
{
    char text[256] = "";

    sf_ok(f, alarm_each(f->store, join_alarm, text, &f->err));
    assert_string_equal(text, expected);
}

static void an_alarm_raised_twice_is_one_with_the_newer_words(void **state)
{
    struct store_fixture *f = *state;

    IN_TX(f, alarm_raise(f->store, "Full", BOX, "", "first", &f->err));
    f->now.ms += 7000;
    IN_TX(f, alarm_raise(f->store, "Full", BOX, "", "second", &f->err));
    assert_alarms(f, "Full/ann//second at 0;"); /* since when does not change */
    IN_TX(f, alarm_raise(f->store, "Full", "ben", "", "his", &f->err));
    IN_TX(f, alarm_raise(f->store, "Aside", BOX, "m1", "a", &f->err));
    IN_TX(f, alarm_raise(f->store, "Aside", BOX, "m2", "b", &f->err));
    assert_alarms(f, "Full/ann//second at 0;Full/ben//his at 7000;Aside/ann/m1/a at 7000;"
                     "Aside/ann/m2/b at 7000;");
}

static void an_alarm_is_cleared_by_its_name_mailbox_and_subject(void **state)
{
    struct store_fixture *f = *state;

    IN_TX(f, alarm_clear(f->store, "Full", BOX, NULL, &f->err)); /* none is raised */
    IN_TX(f, alarm_raise(f->store, "Aside", BOX, "m1", "a", &f->err));
    IN_TX(f, alarm_raise(f->store, "Aside", BOX, "m2", "b", &f->err));
    IN_TX(f, alarm_raise(f->store, "Aside", "ben", "m3", "c", &f->err));
    IN_TX(f, alarm_clear(f->store, "Aside", BOX, "m1", &f->err));
    assert_alarms(f, "Aside/ann/m2/b at 0;Aside/ben/m3/c at 0;");
    IN_TX(f, alarm_raise(f->store, "Aside", BOX, "m1", "a", &f->err));
    IN_TX(f, alarm_clear(f->store, "Aside", BOX, NULL, &f->err));
    assert_alarms(f, "Aside/ben/m3/c at 0;");
}

static bool join_history(const struct history *entry, void *arg)
{
    char *text = arg;

    snprintf(text + strlen(text), 256 - strlen(text), "%s %s %s %s;", entry->message,
             entry->side, entry->what, entry->why);
    return true;
}

static void history_is_told_in_the_order_in_which_it_happened(void **state)
{
    struct store_fixture *f = *state;
    char text[256] = "";

    IN_TX(f, history_add(f->store, "m", "connection", "accepted", "by phone", &f->err));
    f->now.ms -= 5000; /* a clock set back does not turn it round */
    IN_TX(f, history_add(f->store, "m", "exchange", "created", "new", &f->err));
    IN_TX(f, history_add(f->store, "other", "exchange", "created", "new", &f->err));
    sf_ok(f, history_each(f->store, "m", join_history, text, &f->err));
    assert_string_equal(text, "m connection accepted by phone;m exchange created new;");
}

#define PROMISE(name) cmocka_unit_test_setup_teardown(name, sf_set_up, sf_tear_down)
#define ON_DISK(name) cmocka_unit_test_setup_teardown(name, sf_set_up_on_disk, sf_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROMISE(nothing_is_agreed_about_a_new_message),
        PROMISE(an_agreement_is_kept_as_it_was_made_and_replaced_whole),
        PROMISE(an_attempt_is_open_until_its_outcome_is_known),
        PROMISE(attempts_come_in_the_order_in_which_they_were_sent),
        PROMISE(of_many_attempts_the_open_and_the_newest_are_told),
        PROMISE(a_doubt_is_only_ever_made_longer),
        ON_DISK(a_start_extends_the_open_attempts_of_this_server_and_no_others),
        PROMISE(folders_are_kept_with_their_tokens_when_they_are_told_again),
        PROMISE(a_token_of_100_kb_is_kept_to_the_last_byte),
        PROMISE(a_folder_that_disappears_takes_its_items_along),
        PROMISE(a_folder_moved_into_another_place_makes_its_messages_dirty),
        PROMISE(what_a_listing_did_not_see_is_gone_at_its_end),
        PROMISE(a_listing_of_one_folder_leaves_the_others),
        PROMISE(an_item_that_is_news_makes_its_message_dirty),
        PROMISE(what_is_told_again_is_no_news),
        PROMISE(a_first_item_of_a_message_is_news_also_a_copy),
        PROMISE(our_own_write_is_unconfirmed_until_it_is_told),
        PROMISE(a_move_of_ours_replaces_the_old_id),
        PROMISE(what_we_put_and_no_look_has_told_of_went_away),
        PROMISE(only_a_read_flag_that_differs_is_news),
        PROMISE(a_drop_counts_only_in_the_folder_where_the_item_is),
        PROMISE(ids_that_differ_in_case_only_are_two_items),
        PROMISE(missing_is_what_was_agreed_and_is_nowhere),
        PROMISE(the_newest_subscription_that_has_not_ended_is_the_mailboxs),
        PROMISE(subscriptions_that_ended_are_forgotten_after_a_day),
        PROMISE(an_alarm_raised_twice_is_one_with_the_newer_words),
        PROMISE(an_alarm_is_cleared_by_its_name_mailbox_and_subject),
        PROMISE(history_is_told_in_the_order_in_which_it_happened),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
