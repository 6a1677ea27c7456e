/* Dispatch messages: held until one accepts; one has it, the others' copies go; and what two
 * servers that did not see each other wrote comes to one and the same end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/phone.h"
#include "queue/dispatch.h"
#include "store/db.h"
#include "store/group.h"
#include "tests/support/people.h"

struct scene {
    struct people *p;
    struct store_fixture *f;
    struct delivered got; /* a dispatch message for ann, ben and carl */
};

static int set_up(void **state)
{
    struct scene *s = calloc(1, sizeof *s);

    sf_set_up(state);
    s->f = *state;
    s->p = people_new(s->f);
    *state = s;
    const char *const to[] = {s->p->ann.id, s->p->ben.id, s->p->carl.id};
    s->got = people_deliver(s->p, &(struct delivery){.to = to,
                                                     .to_count = 3,
                                                     .dispatch = true,
                                                     .transcript = "the pump stands still",
                                                     .why = "test"});
    people_wished(s->p, &s->p->ann);
    return 0;
}

static int tear_down(void **state)
{
    struct scene *s = *state;
    void *fixture = s->f;

    free(s->p);
    free(s);
    return sf_tear_down(&fixture);
}

static const char *id_of(struct scene *s, int who)
{
    return s->got.ids[who];
}

static bool held(struct scene *s, int who)
{
    struct message message = sf_get(s->f, id_of(s, who));

    return message_is_held(&message, false);
}

static enum message_folder folder_of(struct scene *s, int who)
{
    return sf_get(s->f, id_of(s, who)).folder;
}

static void accept(struct scene *s, int who)
{
    bool changed = false;

    sf_ok(s->f, phone_accept(s->f->store, id_of(s, who), NULL, &changed, &s->f->err));
    assert_true(changed);
}

/* rule: kind-dispatch */
static void the_copies_share_a_group_and_are_held_until_one_accepts(void **state)
{
    struct scene *s = *state;

    for (int i = 0; i < 3; i++) {
        assert_true(held(s, i));
        assert_string_equal(sf_get(s->f, id_of(s, i)).group, sf_get(s->f, id_of(s, 0)).group);
    }
    assert_true(sf_get(s->f, id_of(s, 0)).group[0] != '\0');
    assert_string_equal(sf_get(s->f, id_of(s, 1)).subject,
                        "ディスパッチ 発信者番号不明 からのボイスメッセージ");
}

/* rule: kind-dispatch */
static void who_accepts_has_it_and_the_others_copies_go_with_the_reason(void **state)
{
    struct scene *s = *state;

    accept(s, 1);
    assert_false(held(s, 1));
    assert_int_equal(folder_of(s, 1), FOLDER_INBOX);
    assert_true(sf_is_dirty(s->f, id_of(s, 1)));
    assert_int_equal(folder_of(s, 0), FOLDER_PURGED);
    assert_int_equal(folder_of(s, 2), FOLDER_PURGED);
    assert_false(sf_is_dirty(s->f, id_of(s, 0))); /* it never was anywhere else */
    assert_string_equal(people_why(s->p, id_of(s, 0)),
                        "a dispatch message that Ben Example accepted");
    assert_true(people_wished(s->p, &s->p->ben));
}

/* rule: kind-dispatch-twice */
static void who_comes_second_is_told_who_has_it(void **state)
{
    struct scene *s = *state;
    bool changed = true;

    accept(s, 0);
    assert_false(phone_accept(s->f->store, id_of(s, 1), NULL, &changed, &s->f->err));
    assert_false(changed);
    assert_int_equal(s->f->err.kind, ERR_REFUSED);
    assert_string_equal(s->f->err.text,
                        "the message was accepted already by Ann Example (ann)");
    sf_ok(s->f, phone_accept(s->f->store, id_of(s, 0), NULL, &changed, &s->f->err));
    assert_false(changed); /* his own: nothing changes */
    assert_int_equal(folder_of(s, 0), FOLDER_INBOX);
}

static void what_is_no_dispatch_message_cannot_be_accepted(void **state)
{
    struct scene *s = *state;
    const char *const to[] = {s->p->ann.id};
    const struct delivered got =
        people_deliver(s->p, &(struct delivery){.to = to, .to_count = 1, .why = "test"});

    assert_false(phone_accept(s->f->store, got.ids[0], NULL, NULL, &s->f->err));
    assert_int_equal(s->f->err.kind, ERR_REFUSED);
}

static void who_purges_a_copy_that_nobody_accepted_leaves_it_to_the_others(void **state)
{
    struct scene *s = *state;

    sf_ok(s->f, phone_purge(s->f->store, id_of(s, 0), NULL, NULL, &s->f->err));
    assert_false(phone_accept(s->f->store, id_of(s, 0), NULL, NULL, &s->f->err));
    assert_int_equal(s->f->err.kind, ERR_REFUSED);
    accept(s, 1);
    assert_int_equal(folder_of(s, 1), FOLDER_INBOX);
}

static bool says_something(struct scene *s, int who)
{
    char *transcript = message_transcript(s->f->store, id_of(s, who));
    bool says = transcript != NULL;

    free(transcript);
    return says;
}

static void when_the_owner_purges_it_nothing_of_it_is_left_anywhere(void **state)
{
    struct scene *s = *state;

    accept(s, 0);
    assert_true(says_something(s, 1));
    sf_ok(s->f, phone_purge(s->f->store, id_of(s, 0), NULL, NULL, &s->f->err));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(folder_of(s, i), FOLDER_PURGED);
        assert_false(says_something(s, i));
    }
}

/* ---- two servers that did not see each other ---- */

/* A row as a merge leaves it: each field by its greater stamp. */
static void merge(struct scene *s, int who, enum message_folder folder, int64_t folder_at,
                  int64_t accepted_at)
{
    sf_begin(s->f);
    sf_ok(s->f, db_run(s->f->store, &s->f->err,
                       "UPDATE message SET folder = ?, folder_at = ?, accepted_at = ?"
                       " WHERE id = ?",
                       "biis", (int)folder, folder_at, accepted_at, id_of(s, who)));
    sf_commit(s->f);
}

static void settle(struct scene *s)
{
    sf_begin(s->f);
    sf_ok(s->f, dispatch_settle(s->f->store, sf_get(s->f, id_of(s, 0)).group, &s->f->err));
    sf_commit(s->f);
}

/* One server: ann accepted at 100, which withdrew the others' copies then. The other: ben
 * accepted at 200, which withdrew the others' copies then. Merged, all three are purged.
 * rule: kind-dispatch-twice */
static void accepted_on_both_sides_of_a_split_the_last_acceptor_has_it_whole(void **state)
{
    struct scene *s = *state;

    merge(s, 0, FOLDER_PURGED, 200, 100);
    merge(s, 1, FOLDER_PURGED, 100, 200);
    merge(s, 2, FOLDER_PURGED, 200, 0);
    settle(s);
    assert_int_equal(folder_of(s, 0), FOLDER_PURGED);
    assert_int_equal(folder_of(s, 1), FOLDER_INBOX);
    assert_int_equal(folder_of(s, 2), FOLDER_PURGED);
    assert_true(says_something(s, 1));
    assert_true(sf_is_dirty(s->f, id_of(s, 1)));
    assert_string_equal(people_why(s->p, id_of(s, 1)),
                        "a dispatch message that was accepted here last");
    assert_true(people_wished(s->p, &s->p->ben));
    int64_t row = sf_get(s->f, id_of(s, 1)).row;
    settle(s); /* once more: nothing changes */
    assert_int_equal(sf_get(s->f, id_of(s, 1)).row, row);
}

/* The loser's copy is still in the inbox, as a server has it that did the first acceptance and
 * was then told of a later one. rule: kind-dispatch-twice */
static void the_losers_copy_is_withdrawn_and_looked_for_in_exchange(void **state)
{
    struct scene *s = *state;

    accept(s, 0);
    sf_clean(s->f, id_of(s, 0));
    int64_t first = sf_get(s->f, id_of(s, 0)).accepted_at;
    merge(s, 1, FOLDER_PURGED, first, first + 1000);
    people_wished(s->p, &s->p->ann);
    settle(s);
    assert_int_equal(folder_of(s, 0), FOLDER_PURGED);
    assert_true(sf_is_dirty(s->f, id_of(s, 0))); /* it may be in Exchange */
    assert_int_equal(folder_of(s, 1), FOLDER_INBOX);
    assert_string_equal(people_why(s->p, id_of(s, 0)),
                        "a dispatch message that Ben Example accepted");
    assert_true(people_wished(s->p, &s->p->ann));
}

/* rule: kind-dispatch-twice */
static void what_its_last_acceptor_purged_himself_does_not_come_back(void **state)
{
    struct scene *s = *state;

    merge(s, 0, FOLDER_PURGED, 200, 100);
    merge(s, 1, FOLDER_PURGED, 300, 200);
    merge(s, 2, FOLDER_PURGED, 200, 0);
    settle(s);
    assert_int_equal(folder_of(s, 0), FOLDER_PURGED);
    assert_int_equal(folder_of(s, 1), FOLDER_PURGED);
    assert_false(says_something(s, 0));
}

/* Every group of three with stamps and folders out of a few: the rule comes to an end in one
 * step, leaves one owner's copy at most, and the order of the rows does not matter.
 * rule: kind-dispatch-twice */
static void the_rule_comes_to_the_same_end_whatever_was_merged(void **state)
{
    static const int64_t stamps[] = {0, 100, 200, 300};

    (void)state;
    for (int n = 0; n < 4 * 4 * 4 * 64; n++) {
        struct group_copy copies[3], turned[3];
        for (int i = 0; i < 3; i++) {
            copies[i] = (struct group_copy){
                .folder = n >> (6 + 2 * i) & 1 ? FOLDER_PURGED : FOLDER_INBOX,
                .folder_at = n >> (7 + 2 * i) & 1 ? 250 : 100,
                .accepted_at = stamps[n >> 2 * i & 3],
                .full = true,
            };
            copies[i].id[0] = (char)('a' + i);
        }
        int owner = group_owner(copies, 3);
        for (int i = 0; i < 3; i++) {
            turned[i] = copies[2 - i];
            assert_true(owner < 0 || copies[owner].accepted_at >= copies[i].accepted_at);
        }
        assert_int_equal(group_owner(turned, 3), owner < 0 ? -1 : 2 - owner);
        enum group_fate fates[3];
        for (int i = 0; i < 3; i++) {
            fates[i] = group_fate(copies, 3, i);
            assert_int_equal(group_fate(turned, 3, 2 - i), fates[i]);
        }
        for (int i = 0; i < 3; i++) { /* as group_apply does it */
            if (fates[i] == GROUP_WITHDRAWN) {
                copies[i].folder = FOLDER_PURGED;
                if (copies[i].folder_at < copies[owner].accepted_at)
                    copies[i].folder_at = copies[owner].accepted_at;
            }
            if (fates[i] == GROUP_REVIVED) {
                copies[i].folder = FOLDER_INBOX;
                copies[i].folder_at = copies[i].accepted_at;
            }
            if (fates[i] == GROUP_FORGOTTEN)
                copies[i].full = false;
        }
        for (int i = 0; i < 3; i++) {
            bool his = owner < 0 || i == owner || copies[i].folder == FOLDER_PURGED;
            assert_true(his);
            enum group_fate again = group_fate(copies, 3, i);
            if (again != GROUP_STAYS && again != GROUP_FORGOTTEN)
                fail_msg("case %d: copy %d is not at rest", n, i);
        }
    }
}

#define PROMISE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROMISE(the_copies_share_a_group_and_are_held_until_one_accepts),
        PROMISE(who_accepts_has_it_and_the_others_copies_go_with_the_reason),
        PROMISE(who_comes_second_is_told_who_has_it),
        PROMISE(what_is_no_dispatch_message_cannot_be_accepted),
        PROMISE(who_purges_a_copy_that_nobody_accepted_leaves_it_to_the_others),
        PROMISE(when_the_owner_purges_it_nothing_of_it_is_left_anywhere),
        PROMISE(accepted_on_both_sides_of_a_split_the_last_acceptor_has_it_whole),
        PROMISE(the_losers_copy_is_withdrawn_and_looked_for_in_exchange),
        PROMISE(what_its_last_acceptor_purged_himself_does_not_come_back),
        cmocka_unit_test(the_rule_comes_to_the_same_end_whatever_was_merged),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
