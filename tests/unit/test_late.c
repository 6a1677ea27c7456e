/* Alarms for mailboxes that are behind: raised past the limit, one for many, cleared again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "store/alarm.h"
#include "tests/support/site.h"

enum { MINUTE = 60 * 1000, DAY = 24 * 60 * MINUTE };

struct seen {
    const char *name;
    int count;
    struct alarm last;
};

static bool see(const struct alarm *alarm, void *arg)
{
    struct seen *seen = arg;

    if (strcmp(alarm->name, seen->name) == 0) {
        seen->count++;
        seen->last = *alarm;
    }
    return true;
}

static struct seen alarms(struct site *site, const char *name)
{
    struct seen seen = {.name = name};
    struct err err;

    assert_true(alarm_each(site->store, see, &seen, &err));
    return seen;
}

static void break_exchange(struct site *site, const char *how)
{
    struct err err;

    assert_true(exchange_set_faults(site->exchange, how, &err));
}

static struct site *late_site(int mailboxes)
{
    struct site *site = site_new(7, NULL);
    char name[16], id[LIMIT_UUID];

    site->expect_warnings = true;
    for (int i = 0; i < mailboxes; i++) {
        snprintf(name, sizeof name, "user%02d", i);
        site_mailbox(site, name);
    }
    site_start(site);
    site_run(site, 2 * MINUTE);
    break_exchange(site, "http-503:*:100%");
    for (int i = 0; i < mailboxes; i++) {
        snprintf(name, sizeof name, "user%02d", i);
        site_deposit(site, name, "en-short-pcm16.wav", "", id);
    }
    return site;
}

/* rule: never-expires */
static void past_the_limit_a_mailbox_raises_an_alarm_until_it_has_caught_up(void **state)
{
    struct site *site = late_site(1);

    (void)state;
    site_run(site, 14 * MINUTE);
    assert_int_equal(alarms(site, ALARM_SYNC_DELAYED).count, 0);
    site_run(site, 3 * MINUTE);
    struct seen seen = alarms(site, ALARM_SYNC_DELAYED);
    assert_int_equal(seen.count, 1);
    assert_non_null(strstr(seen.last.text, "mailbox user00"));
    assert_int_equal(alarms(site, ALARM_SYNC_STALLED).count, 0);
    site_run(site, 5LL * DAY);
    assert_int_equal(alarms(site, ALARM_SYNC_STALLED).count, 1);
    assert_int_equal(alarms(site, ALARM_SYNC_DELAYED).count, 1);
    break_exchange(site, "");
    site_run(site, 2 * 60 * MINUTE);
    assert_int_equal(alarms(site, ALARM_SYNC_DELAYED).count, 0);
    assert_int_equal(alarms(site, ALARM_SYNC_STALLED).count, 0);
    site_assert_agree(site);
    site_free(&site);
}

static void when_many_are_behind_one_alarm_says_so(void **state)
{
    struct site *site = late_site(22);

    (void)state;
    site_run(site, 20 * MINUTE);
    struct seen seen = alarms(site, ALARM_SYNC_DELAYED);
    assert_int_equal(seen.count, 1);
    assert_non_null(strstr(seen.last.text, "22 mailboxes"));
    assert_string_equal(seen.last.mailbox, "");
    site_free(&site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(past_the_limit_a_mailbox_raises_an_alarm_until_it_has_caught_up),
        cmocka_unit_test(when_many_are_behind_one_alarm_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
