/* Mailboxes: their fields and addresses, whose address is whose, and what removal leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/people.h"

static int set_up(void **state)
{
    sf_set_up(state);
    *state = people_new(*state);
    return 0;
}

static int tear_down(void **state)
{
    struct people *p = *state;
    void *fixture = p->f;

    free(p);
    return sf_tear_down(&fixture);
}

static bool add_alias(struct people *p, const struct mailbox *mailbox, const char *address)
{
    sf_begin(p->f);
    bool ok = mailbox_add_alias(p->f->store, mailbox->id, address, &p->f->err);
    if (ok)
        sf_commit(p->f);
    else
        store_rollback(p->f->store);
    return ok;
}

static void belongs_to(struct people *p, const char *address, const char *name)
{
    struct mailbox found_mailbox;
    bool found;

    sf_ok(p->f, mailbox_find_address(p->f->store, address, &found_mailbox, &found, &p->f->err));
    assert_int_equal(found, name != NULL);
    if (name)
        assert_string_equal(found_mailbox.name, name);
}

static void a_mailbox_keeps_what_it_was_given(void **state)
{
    struct people *p = *state;
    struct mailbox mailbox;

    sf_ok(p->f, mailbox_find(p->f->store, "ben", &mailbox, &p->f->err));
    assert_string_equal(mailbox.language, "ja");
    assert_string_equal(mailbox.extension, "4134");
    assert_false(mailbox.hold_transcript || mailbox.erase || mailbox.removed);
    assert_true(mailbox.single_inbox);
}

static void what_is_changed_is_kept_and_what_is_the_same_is_no_change(void **state)
{
    struct people *p = *state;
    struct mailbox mailbox = p->ann;
    bool changed;

    snprintf(mailbox.smtp, sizeof mailbox.smtp, "anna@example.com");
    snprintf(mailbox.display, sizeof mailbox.display, "Anna");
    snprintf(mailbox.language, sizeof mailbox.language, "ja");
    mailbox.extension[0] = '\0';
    mailbox.hold_transcript = true;
    for (int i = 0; i < 2; i++) {
        struct mailbox got;
        sf_begin(p->f);
        sf_ok(p->f, mailbox_set(p->f->store, &mailbox, &changed, &p->f->err));
        sf_commit(p->f);
        assert_int_equal(changed, i == 0);
        sf_ok(p->f, mailbox_get(p->f->store, p->ann.id, &got, &p->f->err));
        assert_string_equal(got.smtp, "anna@example.com");
        assert_string_equal(got.display, "Anna");
        assert_string_equal(got.language, "ja");
        assert_string_equal(got.extension, "");
        assert_true(got.hold_transcript);
    }
}

static void a_language_or_an_address_that_is_none_is_refused(void **state)
{
    struct people *p = *state;
    struct mailbox mailbox = p->ann;

    sf_begin(p->f);
    snprintf(mailbox.language, sizeof mailbox.language, "tlh");
    assert_false(mailbox_set(p->f->store, &mailbox, NULL, &p->f->err));
    assert_int_equal(p->f->err.kind, ERR_DATA);
    mailbox = p->ann;
    snprintf(mailbox.smtp, sizeof mailbox.smtp, "ann");
    assert_false(mailbox_set(p->f->store, &mailbox, NULL, &p->f->err));
    assert_int_equal(p->f->err.kind, ERR_DATA);
    store_rollback(p->f->store);
}

static void an_address_finds_its_mailbox_however_it_is_written(void **state)
{
    struct people *p = *state;
    char long_one[LIMIT_ADDRESS + 40];

    assert_true(add_alias(p, &p->ann, "A.Example@Example.COM"));
    belongs_to(p, "ann@example.com", "ann");
    belongs_to(p, "ANN@EXAMPLE.com", "ann");
    belongs_to(p, "a.example@example.com", "ann");
    belongs_to(p, "a.EXAMPLE@example.com", "ann");
    belongs_to(p, "nobody@example.com", NULL);
    belongs_to(p, "", NULL);
    belongs_to(p, "ann", NULL);
    memset(long_one, 'a', sizeof long_one);
    snprintf(long_one + LIMIT_ADDRESS, 40, "@example.com");
    belongs_to(p, long_one, NULL);
}

static void an_address_is_one_mailboxs_only(void **state)
{
    struct people *p = *state;

    assert_true(add_alias(p, &p->ann, "desk@example.com"));
    assert_false(add_alias(p, &p->ben, "Desk@example.com"));
    assert_int_equal(p->f->err.kind, ERR_USAGE);
    assert_non_null(strstr(p->f->err.text, "belongs to the mailbox ann"));
    assert_false(add_alias(p, &p->ben, "carl@example.com")); /* a primary one */
    assert_false(add_alias(p, &p->ann, "desk@example.com"));
    assert_false(add_alias(p, &p->ann, "desk"));
    assert_int_equal(p->f->err.kind, ERR_DATA);
    belongs_to(p, "desk@example.com", "ann");
}

static void an_address_that_was_given_up_can_be_anothers(void **state)
{
    struct people *p = *state;

    assert_true(add_alias(p, &p->ann, "desk@example.com"));
    sf_begin(p->f);
    sf_ok(p->f, mailbox_remove_alias(p->f->store, p->ann.id, "DESK@example.com", &p->f->err));
    assert_false(mailbox_remove_alias(p->f->store, p->ann.id, "desk@example.com", &p->f->err));
    assert_int_equal(p->f->err.kind, ERR_USAGE);
    sf_commit(p->f);
    belongs_to(p, "desk@example.com", NULL);
    assert_true(add_alias(p, &p->ben, "desk@example.com"));
    belongs_to(p, "desk@example.com", "ben");
    sf_begin(p->f);
    sf_ok(p->f, mailbox_remove(p->f->store, "ben", &p->f->err));
    sf_commit(p->f);
    belongs_to(p, "desk@example.com", NULL);
    assert_true(add_alias(p, &p->ann, "desk@example.com"));
    belongs_to(p, "desk@example.com", "ann");
}

static bool count_one(const char *address, void *arg)
{
    (void)address;
    return ++*(int *)arg < 1000;
}

static void there_is_a_limit_to_the_addresses_of_one(void **state)
{
    struct people *p = *state;
    char address[64];
    int count = 0;

    for (int i = 0; i < LIMIT_ALIASES; i++) {
        snprintf(address, sizeof address, "a%d@example.com", i);
        assert_true(add_alias(p, &p->ann, address));
    }
    assert_false(add_alias(p, &p->ann, "last@example.com"));
    assert_int_equal(p->f->err.kind, ERR_USAGE);
    sf_ok(p->f, mailbox_each_alias(p->f->store, p->ann.id, count_one, &count, &p->f->err));
    assert_int_equal(count, LIMIT_ALIASES);
}

static void removal_leaves_a_tombstone_and_asks_for_the_copies_only_on_request(void **state)
{
    struct people *p = *state;
    struct mailbox mailbox;

    sf_begin(p->f);
    sf_ok(p->f, mailbox_remove(p->f->store, "ann", &p->f->err));
    sf_ok(p->f, mailbox_erase(p->f->store, "ben", &p->f->err));
    sf_commit(p->f);
    assert_false(mailbox_find(p->f->store, "ann", &mailbox, &p->f->err));
    sf_ok(p->f, mailbox_get(p->f->store, p->ann.id, &mailbox, &p->f->err));
    assert_true(mailbox.removed && !mailbox.erase);
    sf_ok(p->f, mailbox_get(p->f->store, p->ben.id, &mailbox, &p->f->err));
    assert_true(mailbox.removed && mailbox.erase);

    /* Asked for later, by the id. */
    sf_begin(p->f);
    sf_ok(p->f, mailbox_erase(p->f->store, p->ann.id, &p->f->err));
    sf_ok(p->f, mailbox_erased(p->f->store, p->ben.id, &p->f->err));
    sf_commit(p->f);
    sf_ok(p->f, mailbox_get(p->f->store, p->ann.id, &mailbox, &p->f->err));
    assert_true(mailbox.removed && mailbox.erase);
    sf_ok(p->f, mailbox_get(p->f->store, p->ben.id, &mailbox, &p->f->err));
    assert_true(mailbox.removed && !mailbox.erase);
}

#define PROMISE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROMISE(a_mailbox_keeps_what_it_was_given),
        PROMISE(what_is_changed_is_kept_and_what_is_the_same_is_no_change),
        PROMISE(a_language_or_an_address_that_is_none_is_refused),
        PROMISE(an_address_finds_its_mailbox_however_it_is_written),
        PROMISE(an_address_is_one_mailboxs_only),
        PROMISE(an_address_that_was_given_up_can_be_anothers),
        PROMISE(there_is_a_limit_to_the_addresses_of_one),
        PROMISE(removal_leaves_a_tombstone_and_asks_for_the_copies_only_on_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
