/* Where mailboxes were found: kept by address, over a restart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "store/endpoint.h"
#include "tests/support/store_fixture.h"

#define URL   "https://mail.example.com/EWS/Exchange.asmx"
#define OTHER "https://new.example.com/EWS/Exchange.asmx"

static struct endpoint endpoint;

static bool has(struct store_fixture *f, const char *exchange, const char *address)
{
    bool found;
    sf_ok(f, endpoint_get(f->store, exchange, address, &endpoint, &found, &f->err));
    return found;
}

static void set(struct store_fixture *f, const char *exchange, const char *address,
                const char *url, const char *group)
{
    sf_begin(f);
    sf_ok(f, endpoint_set(f->store, exchange, address, url, group, &f->err));
    sf_commit(f);
}

static void what_was_found_is_there_after_a_restart(void **state)
{
    struct store_fixture *f = *state;
    set(f, "main", "Ann@Example.com", URL, "SITE-1");
    sf_reopen(f, 1);
    assert_true(has(f, "main", "ann@example.COM"));
    assert_string_equal(endpoint.url, URL);
    assert_string_equal(endpoint.group, "SITE-1");
    assert_string_equal(endpoint.address, "ann@example.com");
    assert_string_equal(endpoint.exchange, "main");
    assert_int_equal(endpoint.found_ms, f->now.ms);
}

static void what_was_not_committed_was_not_found(void **state)
{
    struct store_fixture *f = *state;
    sf_begin(f);
    sf_ok(f, endpoint_set(f->store, "main", "ann@example.com", URL, "", &f->err));
    store_rollback(f->store);
    assert_false(has(f, "main", "ann@example.com"));
}

static void another_find_replaces_the_first(void **state)
{
    struct store_fixture *f = *state;
    set(f, "main", "ann@example.com", URL, "SITE-1");
    f->now.ms += 1000;
    set(f, "main", "ANN@example.com", OTHER, "");
    assert_true(has(f, "main", "ann@example.com"));
    assert_string_equal(endpoint.url, OTHER);
    assert_string_equal(endpoint.group, "");
    assert_int_equal(endpoint.found_ms, f->now.ms);
    assert_int_equal(sf_number(f, "SELECT count(*) FROM endpoint"), 1);
}

static void each_exchange_finds_for_itself(void **state)
{
    struct store_fixture *f = *state;
    set(f, "main", "ann@example.com", URL, "");
    assert_false(has(f, "other", "ann@example.com"));
    set(f, "other", "ann@example.com", OTHER, "");
    assert_true(has(f, "main", "ann@example.com"));
    assert_string_equal(endpoint.url, URL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_found_is_there_after_a_restart,
                                        sf_set_up_on_disk, sf_tear_down),
        cmocka_unit_test_setup_teardown(what_was_not_committed_was_not_found, sf_set_up,
                                        sf_tear_down),
        cmocka_unit_test_setup_teardown(another_find_replaces_the_first, sf_set_up_on_disk,
                                        sf_tear_down),
        cmocka_unit_test_setup_teardown(each_exchange_finds_for_itself, sf_set_up,
                                        sf_tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
