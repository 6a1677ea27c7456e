/* A write of ours whose answer was lost is not taken for a person's act. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/site.h"

enum { QUIET_MS = 10 * 1000, LONG_MS = 30 * 60 * 1000 };

static struct site *begin(const char *faults, char *id)
{
    struct site *site = site_new(1, "request-timeout = 5s");
    struct err err;

    site->expect_warnings = true;
    site_mailbox(site, "ann");
    site_deposit(site, "ann", "en-short-pcm16.wav", "", id);
    site_start(site);
    site_run(site, QUIET_MS);
    assert_true(exchange_set_faults(site->exchange, faults, &err));
    return site;
}

static void restored_by_phone_after_a_lost_answer_stays_restored(void **state)
{
    char id[LIMIT_UUID];
    struct err err;
    struct site *site = begin("lose-answer:MoveItem:1,drop:SendNotification", id);

    (void)state;
    assert_true(phone_delete(site->store, id, NULL, NULL, &err));
    site_run(site, 2000); /* moved there; nobody here knows */
    assert_int_equal(exchange_count(site->exchange, "MoveItem"), 1);
    assert_true(phone_restore(site->store, id, NULL, NULL, &err));
    site_run(site, LONG_MS);
    assert_int_equal(site_message(site, id).folder, FOLDER_INBOX);
    site_assert_agree(site);
    site_free(&site);
}

static void unread_by_phone_after_a_lost_answer_stays_unread(void **state)
{
    char id[LIMIT_UUID];
    struct err err;
    struct site *site = begin("lose-answer:UpdateItem:1,drop:SendNotification", id);

    (void)state;
    assert_true(phone_set_read(site->store, id, true, NULL, NULL, &err));
    site_run(site, 2000);
    assert_int_equal(exchange_count(site->exchange, "UpdateItem"), 1);
    assert_true(phone_set_read(site->store, id, false, NULL, NULL, &err));
    site_run(site, LONG_MS);
    assert_false(site_message(site, id).read);
    site_assert_agree(site);
    site_free(&site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(restored_by_phone_after_a_lost_answer_stays_restored),
        cmocka_unit_test(unread_by_phone_after_a_lost_answer_stays_unread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
