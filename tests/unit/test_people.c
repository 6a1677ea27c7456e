/* Users and their messages over the real EWS client and the stand-in: dispatch messages,
 * receipts, users who go, and what Outlook shows as voice mail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "queue/dispatch.h"
#include "queue/queue.h"
#include "queue/removal.h"
#include "store/db.h"
#include "store/history.h"
#include "store/watch.h"
#include "tests/exchange/exchange_user.h"
#include "tests/support/site.h"

enum { QUIET_MS = 10 * 1000, LONG_MS = 30 * 60 * 1000 };

#define WAV "en-greeting-ulaw.wav"

static void must(bool ok, const struct err *err)
{
    if (!ok)
        fail_msg("%s", err->text);
}

static struct site *two_people(uint64_t seed)
{
    struct site *site = site_new(seed, NULL);

    site_mailbox(site, "ann");
    site_mailbox(site, "ben");
    return site;
}

static struct mailbox mailbox_of(struct site *site, const char *name)
{
    struct mailbox mailbox;
    struct err err;

    must(mailbox_find(site->store, name, &mailbox, &err), &err);
    return mailbox;
}

static void poke(struct site *site)
{
    if (site->scheduler)
        scheduler_poke(site->scheduler);
}

static struct delivered deposit(struct site *site, const struct phone_deposit *wanted)
{
    struct phone_deposit given = *wanted;
    struct delivered delivered;
    struct err err;

    given.file = site_fixture(WAV);
    must(phone_deposit_all(site->store, &given, NULL, &delivered, &err), &err);
    poke(site);
    return delivered;
}

/* The item of a message in Exchange, wherever it is; NULL: none. The caller drops it. */
static json_t *item_of(struct site *site, const char *name, const char *id)
{
    char address[LIMIT_ADDRESS];
    struct err err;
    json_t *item, *found = NULL;
    size_t i;

    snprintf(address, sizeof address, "%s@example.net", name);
    json_t *all = exchange_user_list(site->exchange, address, NULL, &err);
    must(all != NULL, &err);
    json_array_foreach(json_object_get(all, "items"), i, item)
    {
        if (strcmp(json_string_value(json_object_get(item, "message_id")), id) == 0)
            found = json_incref(item);
    }
    json_decref(all);
    return found;
}

static const char *text_in(const json_t *item, const char *key)
{
    const char *text = json_string_value(json_object_get(item, key));

    return text ? text : "";
}

static const char *property(const json_t *item, const char *name)
{
    return text_in(json_object_get(item, "properties"), name);
}

static bool is_there(struct site *site, const char *name, const char *id)
{
    json_t *item = item_of(site, name, id);

    json_decref(item);
    return item != NULL;
}

struct search {
    enum message_kind kind;
    int count;
    char id[LIMIT_UUID];
};

static bool take_kind(const struct message *message, void *arg)
{
    struct search *search = arg;

    if (message->kind == search->kind) {
        search->count++;
        memcpy(search->id, message->id, sizeof search->id);
    }
    return true;
}

static struct search find_kind(struct site *site, const char *name, enum message_kind kind)
{
    struct search search = {.kind = kind};
    struct mailbox mailbox = mailbox_of(site, name);
    struct err err;

    must(message_each(site->store, mailbox.id, FOLDERS, take_kind, &search, &err), &err);
    return search;
}

static bool keep_why(const struct history *entry, void *arg)
{
    snprintf(arg, LIMIT_REASON + 80, "%s: %s", entry->what, entry->why);
    return true;
}

static const char *last_line(struct site *site, const char *id)
{
    static char why[LIMIT_REASON + 80];
    struct err err;

    must(history_each(site->store, id, keep_why, why, &err), &err);
    return why;
}

/* ---- dispatch ---- */

/* rule: kind-dispatch */
static void a_dispatch_message_reaches_exchange_for_him_who_accepts_it_only(void **state)
{
    struct site *site = two_people(1);
    struct err err;

    (void)state;
    site_start(site);
    const struct delivered got =
        deposit(site, &(struct phone_deposit){.mailbox = "ann,ben", .dispatch = true});
    site_run(site, LONG_MS);
    assert_false(is_there(site, "ann", got.ids[0]));
    assert_false(is_there(site, "ben", got.ids[1]));
    must(phone_accept(site->store, got.ids[1], NULL, NULL, &err), &err);
    poke(site);
    site_run(site, QUIET_MS);
    assert_int_equal(site_items(site, "ben", got.ids[1]), 1);
    assert_false(is_there(site, "ann", got.ids[0]));
    assert_int_equal(site_message(site, got.ids[0]).folder, FOLDER_PURGED);
    site_run(site, LONG_MS);
    assert_false(is_there(site, "ann", got.ids[0]));
    site_assert_agree(site);
    site_free(&site);
}

/* Both servers' rows as a merge leaves them, when ben accepted on the other one, after ann
 * here. rule: kind-dispatch-twice */
static void accepted_twice_the_losers_item_is_removed_by_the_run(void **state)
{
    struct site *site = two_people(2);
    struct err err;

    (void)state;
    site_start(site);
    const struct delivered got =
        deposit(site, &(struct phone_deposit){.mailbox = "ann,ben", .dispatch = true});
    must(phone_accept(site->store, got.ids[0], NULL, NULL, &err), &err);
    poke(site);
    site_run(site, QUIET_MS);
    assert_true(is_there(site, "ann", got.ids[0]));
    site_run(site, 60 * 1000);
    must(store_begin(site->store, &err), &err);
    must(db_run(site->store, &err, "UPDATE message SET accepted_at = ? WHERE id = ?", "is",
                store_stamp(site->store), got.ids[1]),
         &err);
    must(dispatch_settle(site->store, site_message(site, got.ids[0]).group, &err), &err);
    must(store_commit(site->store, &err), &err);
    poke(site);
    site_run(site, QUIET_MS);
    assert_false(is_there(site, "ann", got.ids[0]));
    assert_int_equal(site_items(site, "ben", got.ids[1]), 1);
    assert_int_equal(site_message(site, got.ids[0]).folder, FOLDER_PURGED);
    site_assert_agree(site);
    site_free(&site);
}

/* ---- receipts ---- */

/* rule: kind-receipts */
static void receipts_are_in_exchange_with_their_text_and_come_once(void **state)
{
    struct site *site = two_people(3);

    (void)state;
    site_start(site);
    const struct delivered got =
        deposit(site, &(struct phone_deposit){.mailbox = "ben",
                                              .sender = "ann",
                                              .subject = "Plan",
                                              .receipts = MESSAGE_WANTS_DELIVERY_RECEIPT |
                                                          MESSAGE_WANTS_READ_RECEIPT});
    site_run(site, QUIET_MS);
    struct search receipt = find_kind(site, "ann", KIND_DELIVERY_RECEIPT);
    assert_int_equal(receipt.count, 1);
    json_t *item = item_of(site, "ann", receipt.id);
    assert_non_null(item);
    assert_string_equal(text_in(item, "subject"), "Delivered: Plan");
    assert_non_null(
        strstr(text_in(item, "body"), "Your message \"Plan\" was delivered to ben"));
    assert_string_equal(text_in(item, "item_class"), "IPM.Note");
    assert_int_equal(json_array_size(json_object_get(item, "attachments")), 0);
    json_decref(item);

    /* Read in Outlook, several times. */
    for (int i = 0; i < 3; i++) {
        site_user(site, "ben", "read", got.ids[0], NULL);
        site_run(site, LONG_MS);
        site_user(site, "ben", "unread", got.ids[0], NULL);
        site_run(site, LONG_MS);
    }
    receipt = find_kind(site, "ann", KIND_READ_RECEIPT);
    assert_int_equal(receipt.count, 1);
    item = item_of(site, "ann", receipt.id);
    assert_non_null(strstr(text_in(item, "body"), "was read by ben"));
    json_decref(item);

    /* The receipts are read, and nothing comes of it. */
    site_user(site, "ann", "read", receipt.id, NULL);
    site_run(site, LONG_MS);
    assert_int_equal(find_kind(site, "ben", KIND_READ_RECEIPT).count, 0);
    site_assert_agree(site);
    site_free(&site);
}

/* rule: kind-receipts */
static void a_non_delivery_receipt_has_the_original_attached_unless_it_was_secure(void **state)
{
    struct site *site = two_people(4);
    struct audio_info audio;
    struct err err;
    char ids[2][LIMIT_UUID];

    (void)state;
    site_start(site);
    must(audio_import(site->store, site_fixture(WAV), &audio, &err), &err);
    must(store_begin(site->store, &err), &err);
    struct mailbox ann = mailbox_of(site, "ann");
    for (int i = 0; i < 2; i++)
        must(deliver_refusal(site->store,
                             &(struct refusal){.sender = ann.id,
                                               .reason = "Nobody has the address x@y.",
                                               .audio = &audio,
                                               .secure = i == 1,
                                               .why = "test"},
                             ids[i], &err),
             &err);
    must(store_commit(site->store, &err), &err);
    poke(site);
    site_run(site, QUIET_MS);
    for (int i = 0; i < 2; i++) {
        json_t *item = item_of(site, "ann", ids[i]);
        assert_non_null(item);
        assert_non_null(strstr(text_in(item, "body"), "Nobody has the address x@y."));
        assert_string_equal(text_in(item, "item_class"), "IPM.Note");
        assert_int_equal(json_array_size(json_object_get(item, "attachments")), i == 0);
        json_decref(item);
    }
    site_assert_agree(site);
    site_free(&site);
}

/* ---- users who go ---- */

static struct mailbox leave(struct site *site, const char *name, bool copies)
{
    struct mailbox mailbox;
    struct err err;

    must(store_begin(site->store, &err) &&
             removal_ask(site->store, name, copies, &mailbox, &err) &&
             store_commit(site->store, &err),
         &err);
    poke(site);
    return mailbox;
}

static bool has_watch(struct site *site, const char *mailbox_id)
{
    struct watch watch;
    struct err err;
    bool found;

    must(watch_current(site->store, mailbox_id, WATCH_PUSH, &watch, &found, &err), &err);
    return found;
}

/* rule: user-removed */
static void the_copies_of_a_user_who_goes_stay_and_no_run_touches_them(void **state)
{
    struct site *site = two_people(5);
    char read[LIMIT_UUID], purged[LIMIT_UUID];
    struct err err;

    (void)state;
    site_start(site);
    site_deposit(site, "ann", WAV, "", read);
    site_deposit(site, "ann", WAV, "", purged);
    site_run(site, QUIET_MS);
    struct mailbox ann = leave(site, "ann", false);
    assert_true(ann.removed && !ann.erase);
    site_run(site, QUIET_MS);
    assert_false(has_watch(site, ann.id));
    site_count_from_here(site);
    must(phone_purge(site->store, purged, NULL, NULL, &err), &err);
    site_user(site, "ann", "read", read, NULL);
    site_run(site, 3 * LONG_MS);
    assert_int_equal(site_count(site, "UpdateItem"), 0);
    assert_int_equal(site_count(site, "DeleteItem"), 0);
    assert_int_equal(site_count(site, "MoveItem"), 0);
    assert_int_equal(site_count(site, "CreateItem"), 0);
    assert_true(is_there(site, "ann", read));
    assert_true(is_there(site, "ann", purged));
    assert_false(site_message(site, read).read);
    site_free(&site);
}

/* Copies wherever a person put them, changed by either side and not in step. */
static void scatter(struct site *site, char ids[6][LIMIT_UUID])
{
    for (int i = 0; i < 6; i++)
        site_deposit(site, "ann", WAV, i == 3 ? "s" : "", ids[i]);
    site_run(site, QUIET_MS);
    site_user(site, "ann", "move", ids[1], "Inbox/Project", NULL);
    site_user(site, "ann", "delete", ids[2], NULL);
    site_run(site, QUIET_MS);
    site_user(site, "ann", "subject", ids[3], "mine", NULL);
    site_user(site, "ann", "move", ids[4], "Private", NULL); /* mapped to nothing */
}

static void assert_erased(struct site *site, char ids[6][LIMIT_UUID])
{
    struct mailbox ann;
    struct err err;

    must(mailbox_get(site->store, site_message(site, ids[0]).mailbox, &ann, &err), &err);
    assert_true(ann.removed && !ann.erase);
    for (int i = 0; i < 6; i++)
        if (i != 4 && is_there(site, "ann", ids[i]))
            fail_msg("message %d is still there", i);
    assert_true(is_there(site, "ann", ids[4]));
    assert_string_equal(last_line(site, ids[0]), "removed: its user was removed");
    assert_false(has_watch(site, ann.id));
}

/* rule: user-removed-copies */
static void on_request_all_copies_of_a_user_who_goes_are_removed(void **state)
{
    struct site *site = two_people(6);
    char ids[6][LIMIT_UUID], bens[LIMIT_UUID];

    (void)state;
    site_start(site);
    site_deposit(site, "ben", WAV, "", bens);
    scatter(site, ids);
    assert_true(has_watch(site, mailbox_of(site, "ann").id));
    site_count_from_here(site);
    struct mailbox ann = leave(site, "ann", true);
    assert_true(ann.removed && ann.erase);
    site_run(site, QUIET_MS);
    assert_erased(site, ids);
    assert_int_equal(site_count(site, "Subscribe"), 0);
    assert_true(is_there(site, "ben", bens));
    /* And then it is quiet. */
    site_count_from_here(site);
    site_run(site, 2 * LONG_MS);
    assert_int_equal(site_count(site, "DeleteItem"), 0);
    assert_int_equal(site_message(site, ids[0]).folder, FOLDER_INBOX); /* kept here */
    site_free(&site);
}

/* rule: user-removed-copies */
static void copies_can_be_asked_for_after_the_user_went(void **state)
{
    struct site *site = two_people(7);
    char ids[6][LIMIT_UUID];

    (void)state;
    site_start(site);
    scatter(site, ids);
    struct mailbox ann = leave(site, "ann", false);
    site_run(site, LONG_MS);
    assert_true(is_there(site, "ann", ids[0]));
    leave(site, ann.id, true);
    site_run(site, QUIET_MS);
    assert_erased(site, ids);
    site_free(&site);
}

/* rule: user-removed-copies */
static void copies_go_also_when_it_was_off_and_suspended(void **state)
{
    struct site *site = two_people(11);
    char ids[6][LIMIT_UUID];
    struct err err;

    (void)state;
    site_start(site);
    scatter(site, ids);
    struct mailbox ann = mailbox_of(site, "ann");
    const struct mailbox_state suspended = {.condition = MAILBOX_SUSPENDED};
    must(store_begin(site->store, &err) &&
             mailbox_set_single_inbox(site->store, "ann", false, &err) &&
             mailbox_state_set(site->store, ann.id, &suspended, &err) &&
             store_commit(site->store, &err),
         &err);
    leave(site, "ann", true);
    site_run(site, QUIET_MS);
    assert_erased(site, ids);
    site_free(&site);
}

/* rule: user-removed-copies */
static void killed_at_any_moment_the_copies_go_all_the_same(void **state)
{
    (void)state;
    for (int ms = 1; ms < 400; ms += 23) {
        struct site *site = two_people((uint64_t)ms + 100);
        char ids[6][LIMIT_UUID];
        site->expect_warnings = true;
        site_start(site);
        scatter(site, ids);
        leave(site, "ann", true);
        for (int times = 0; times < 3; times++) {
            site_run(site, ms);
            site_kill(site);
            site_start(site);
        }
        site_run(site, 2 * LONG_MS);
        assert_erased(site, ids);
        site_free(&site);
    }
}

/* rule: transcription-held */
static void what_is_held_goes_out_when_its_user_does_not_want_to_wait_any_more(void **state)
{
    struct site *site = two_people(12);
    struct mailbox ann = mailbox_of(site, "ann");
    struct err err;

    (void)state;
    site_start(site);
    for (int i = 0; i < 2; i++) {
        static struct delivered got;
        ann.hold_transcript = i == 0;
        must(store_begin(site->store, &err) && mailbox_set(site->store, &ann, NULL, &err) &&
                 queue_push(site->store, ann.id, QUEUE_CHANGE, 0, &err) &&
                 store_commit(site->store, &err),
             &err);
        if (i == 0)
            got = deposit(
                site, &(struct phone_deposit){.mailbox = "ann", .transcript_pending = true});
        poke(site);
        site_run(site, QUIET_MS);
        assert_int_equal(is_there(site, "ann", got.ids[0]), i == 1);
    }
    site_assert_agree(site);
    site_free(&site);
}

/* ---- what Outlook shows as voice mail ---- */

/* rule: item-class
 * rule: kind-private
 * rule: kind-urgent */
static void a_voice_message_has_the_class_and_the_properties_of_the_voice_form(void **state)
{
    struct site *site = two_people(8);
    char id[LIMIT_UUID];

    (void)state;
    site_start(site);
    site_deposit(site, "ann", WAV, "up", id);
    site_run(site, QUIET_MS);
    json_t *item = item_of(site, "ann", id);
    json_t *files = json_object_get(item, "attachments");
    assert_string_equal(text_in(item, "item_class"), "IPM.Note.Microsoft.Voicemail.UM.CA");
    assert_string_equal(property(item, "tag:0x6802:String"), "+15550100");
    assert_string_equal(property(item, "tag:0x6803:String"), "Ann \"O'Neil\" & <Sons>");
    assert_int_equal(strtol(property(item, "tag:0x6801:Integer"), NULL, 10),
                     (site_message(site, id).duration_ms + 500) / 1000);
    assert_int_equal(json_array_size(files), 1);
    assert_string_equal(property(item, "tag:0x6805:String"),
                        text_in(json_array_get(files, 0), "name"));
    assert_true(json_is_true(json_object_get(item, "urgent")));
    assert_true(json_is_true(json_object_get(item, "private")));
    assert_false(json_is_true(json_object_get(item, "draft")));
    json_decref(item);
    site_free(&site);
}

/* rule: item-class */
static void a_message_from_a_user_says_that_it_was_not_call_answering(void **state)
{
    struct site *site = two_people(9);

    (void)state;
    site_start(site);
    const struct delivered got =
        deposit(site, &(struct phone_deposit){.mailbox = "ben", .sender = "ann"});
    site_run(site, QUIET_MS);
    json_t *item = item_of(site, "ben", got.ids[0]);
    assert_string_equal(text_in(item, "item_class"), "IPM.Note.Microsoft.Voicemail.UM");
    assert_string_equal(text_in(item, "from_address"), "ann@example.net");
    json_decref(item);
    site_free(&site);
}

/* rule: item-class
 * rule: kind-secure */
static void what_has_no_audio_does_not_claim_a_player(void **state)
{
    struct site *site = two_people(10);
    char id[LIMIT_UUID];

    (void)state;
    site_start(site);
    site_deposit(site, "ann", WAV, "s", id);
    site_run(site, QUIET_MS);
    json_t *item = item_of(site, "ann", id);
    assert_string_equal(text_in(item, "item_class"), "IPM.Note");
    assert_int_equal(json_array_size(json_object_get(item, "attachments")), 0);
    for (int tag = 0x6801; tag <= 0x6806; tag++) {
        char name[32];
        snprintf(name, sizeof name, "tag:0x%04x:%s", (unsigned)tag,
                 tag == 0x6801 || tag == 0x6804 ? "Integer" : "String");
        assert_string_equal(property(item, name), "");
    }
    json_decref(item);
    site_free(&site);
}

/* rule: item-class
 * rule: audio-expired */
static void what_lost_its_audio_does_not_claim_a_player_any_more(void **state)
{
    struct site *site = two_people(13);
    struct err err;
    char id[LIMIT_UUID];

    (void)state;
    site_start(site);
    site_deposit(site, "ann", WAV, "", id);
    site_run(site, QUIET_MS);
    must(store_begin(site->store, &err) && message_expire_audio(site->store, id, NULL, &err) &&
             queue_push(site->store, mailbox_of(site, "ann").id, QUEUE_CHANGE, 0, &err) &&
             store_commit(site->store, &err),
         &err);
    poke(site);
    site_run(site, QUIET_MS);
    json_t *item = item_of(site, "ann", id);
    assert_string_equal(text_in(item, "item_class"), "IPM.Note");
    assert_int_equal(json_array_size(json_object_get(item, "attachments")), 0);
    assert_string_equal(property(item, "tag:0x6805:String"), "");
    json_decref(item);
    site_assert_agree(site);
    site_free(&site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dispatch_message_reaches_exchange_for_him_who_accepts_it_only),
        cmocka_unit_test(accepted_twice_the_losers_item_is_removed_by_the_run),
        cmocka_unit_test(receipts_are_in_exchange_with_their_text_and_come_once),
        cmocka_unit_test(a_non_delivery_receipt_has_the_original_attached_unless_it_was_secure),
        cmocka_unit_test(the_copies_of_a_user_who_goes_stay_and_no_run_touches_them),
        cmocka_unit_test(on_request_all_copies_of_a_user_who_goes_are_removed),
        cmocka_unit_test(copies_can_be_asked_for_after_the_user_went),
        cmocka_unit_test(copies_go_also_when_it_was_off_and_suspended),
        cmocka_unit_test(killed_at_any_moment_the_copies_go_all_the_same),
        cmocka_unit_test(what_is_held_goes_out_when_its_user_does_not_want_to_wait_any_more),
        cmocka_unit_test(a_voice_message_has_the_class_and_the_properties_of_the_voice_form),
        cmocka_unit_test(a_message_from_a_user_says_that_it_was_not_call_answering),
        cmocka_unit_test(what_has_no_audio_does_not_claim_a_player),
        cmocka_unit_test(what_lost_its_audio_does_not_claim_a_player_any_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
