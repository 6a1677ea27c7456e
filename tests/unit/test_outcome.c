/* What the end of a run means for its mailbox: the table, row by row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "store/alarm.h"
#include "sync/outcome.h"

enum { QUARTER_MS = 15 * 60 * 1000, HOUR_MS = 60 * 60 * 1000 };

struct row {
    const char *name;
    struct run_result result;
    struct outcome expected;
};

static void assert_outcome(const struct row *row)
{
    struct outcome got = outcome_of(&row->result);
    const struct outcome *want = &row->expected;
    const char *alarm = got.alarm ? got.alarm : "", *wanted = want->alarm ? want->alarm : "";

    if (got.condition != want->condition || got.again != want->again ||
        got.again_ms != want->again_ms || got.count_attempt != want->count_attempt ||
        got.of_account != want->of_account || got.hold != want->hold ||
        got.fatal != want->fatal || strcmp(alarm, wanted) != 0)
        fail_msg("%s: condition %d again %d in %lld counted %d hold %d fatal %d alarm \"%s\"",
                 row->name, got.condition, got.again, (long long)got.again_ms,
                 got.count_attempt, got.hold, got.fatal, alarm);
}

static void assert_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_outcome(&rows[i]);
}

#define ROWS(rows) assert_rows(rows, sizeof(rows) / sizeof((rows)[0]))

static void a_run_that_went_well_asks_for_nothing(void **state)
{
    static const struct row rows[] = {
        {"quiet", {.again = false}, {.condition = MAILBOX_OK}},
        {"busy",
         {.created = 5, .taken_in = 3, .subscribed = true, .looks = 3},
         {.condition = MAILBOX_OK}},
        {"a doubt is looked at again when its time is over",
         {.again = true, .again_ms = 7000, .deferred = 1},
         {.again = true, .again_ms = 7000}},
    };

    (void)state;
    ROWS(rows);
}

static void what_passes_is_tried_again_by_the_schedule(void **state)
{
    static const struct row rows[] = {
        {"a broken connection",
         {.err = {.kind = ERR_UNAVAILABLE, .scope = ERR_SCOPE_MAILBOX, .when = ERR_WHEN_RETRY},
          .again = true,
          .count_attempt = true},
         {.again = true, .count_attempt = true}},
        {"the item is refused for good: no matter of the mailbox",
         {.err = {.kind = ERR_REFUSED, .scope = ERR_SCOPE_ITEM, .when = ERR_WHEN_NEVER},
          .again = true,
          .count_attempt = true},
         {.again = true, .count_attempt = true}},
        {"one item is denied: no matter of the mailbox",
         {.err = {.kind = ERR_DENIED, .scope = ERR_SCOPE_ITEM, .when = ERR_WHEN_RETRY},
          .again = true,
          .count_attempt = true},
         {.again = true, .count_attempt = true}},
    };

    (void)state;
    ROWS(rows);
}

static void a_wait_that_exchange_asked_for_holds_the_whole_mailbox(void **state)
{
    static const struct row rows[] = {
        {"busy for 30 s",
         {.err = {.kind = ERR_UNAVAILABLE,
                  .scope = ERR_SCOPE_MAILBOX,
                  .when = ERR_WHEN_BACK_OFF,
                  .back_off_ms = 30000},
          .again = true,
          .again_ms = 30000,
          .count_attempt = true},
         {.again = true, .again_ms = 30000, .count_attempt = true, .hold = true}},
        {"busy without a time",
         {.err = {.kind = ERR_UNAVAILABLE,
                  .scope = ERR_SCOPE_MAILBOX,
                  .when = ERR_WHEN_BACK_OFF},
          .again = true,
          .count_attempt = true},
         {.again = true, .count_attempt = true, .hold = true}},
    };

    (void)state;
    ROWS(rows);
}

static void what_a_person_must_mend_parks_the_mailbox_with_an_alarm(void **state)
{
    static const struct {
        enum err_kind kind;
        enum err_scope scope;
        enum err_when when;
    } causes[] = {
        {ERR_DENIED, ERR_SCOPE_MAILBOX, ERR_WHEN_BACK_OFF},
        {ERR_NO_MAILBOX, ERR_SCOPE_MAILBOX, ERR_WHEN_BACK_OFF},
        {ERR_CONFIG, ERR_SCOPE_MAILBOX, ERR_WHEN_NEVER},
        {ERR_REFUSED, ERR_SCOPE_MAILBOX, ERR_WHEN_NEVER},
    };

    (void)state;
    for (size_t i = 0; i < sizeof causes / sizeof causes[0]; i++) {
        const struct row row = {"parked",
                                {.err = {.kind = causes[i].kind,
                                         .scope = causes[i].scope,
                                         .when = causes[i].when,
                                         .back_off_ms = 5},
                                 .again = true,
                                 .again_ms = 5,
                                 .count_attempt = true},
                                {.condition = MAILBOX_PARKED,
                                 .again = true,
                                 .again_ms = QUARTER_MS, /* gently, whatever was asked for */
                                 .count_attempt = true,
                                 .hold = true,
                                 .alarm = ALARM_MAILBOX_PARKED}};
        assert_outcome(&row);
    }
}

static void trouble_of_the_account_costs_its_mailboxes_nothing(void **state)
{
    static const struct {
        enum err_kind kind;
        enum mailbox_condition condition;
    } causes[] = {
        {ERR_NO_HOST, MAILBOX_OK},    {ERR_UNAVAILABLE, MAILBOX_OK},
        {ERR_TEMPORARY, MAILBOX_OK},  {ERR_DENIED, MAILBOX_PARKED},
        {ERR_CONFIG, MAILBOX_PARKED},
    };

    (void)state;
    for (size_t i = 0; i < sizeof causes / sizeof causes[0]; i++) {
        const struct row row = {"of the account",
                                {.err = {.kind = causes[i].kind,
                                         .scope = ERR_SCOPE_ACCOUNT,
                                         .when = ERR_WHEN_BACK_OFF,
                                         .back_off_ms = 5},
                                 .again = true,
                                 .again_ms = 5,
                                 .count_attempt = true},
                                {.condition = causes[i].condition,
                                 .again = true,
                                 .again_ms = 5,
                                 .of_account = true}};
        assert_outcome(&row);
    }
}

static void a_full_exchange_mailbox_is_looked_at_hourly(void **state)
{
    static const struct row rows[] = {
        {"full",
         {.full = true},
         {.again = true, .again_ms = HOUR_MS, .alarm = ALARM_MAILBOX_FULL}},
        {"full, and a doubt that ends sooner",
         {.full = true, .again = true, .again_ms = 7000},
         {.again = true, .again_ms = 7000, .alarm = ALARM_MAILBOX_FULL}},
        {"full, and busy: what was asked for goes first",
         {.full = true,
          .err = {.kind = ERR_UNAVAILABLE,
                  .scope = ERR_SCOPE_MAILBOX,
                  .when = ERR_WHEN_BACK_OFF},
          .again = true,
          .count_attempt = true},
         {.again = true, .count_attempt = true, .hold = true}},
    };

    (void)state;
    ROWS(rows);
}

static void the_guard_suspends_and_nothing_is_tried_again_by_itself(void **state)
{
    static const struct row rows[] = {
        {"mass loss",
         {.suspend = true,
          .err = {.kind = ERR_REFUSED, .text = "25 of 30 messages vanished"},
          .again = true,
          .count_attempt = true},
         {.condition = MAILBOX_SUSPENDED,
          .count_attempt = true,
          .alarm = ALARM_MAILBOX_SUSPENDED}},
    };

    (void)state;
    ROWS(rows);
}

static void only_a_store_that_failed_ends_the_process(void **state)
{
    static const struct row rows[] = {
        {"the store failed",
         {.err = {.kind = ERR_IO, .scope = ERR_SCOPE_SERVICE},
          .again = true,
          .count_attempt = true},
         {.again = true, .count_attempt = true, .fatal = true}},
        {"one audio file cannot be read",
         {.err = {.kind = ERR_IO, .scope = ERR_SCOPE_MAILBOX},
          .again = true,
          .count_attempt = true},
         {.again = true, .count_attempt = true}},
        {"our disk is full: it is tried again",
         {.err = {.kind = ERR_FULL, .scope = ERR_SCOPE_SERVICE},
          .again = true,
          .count_attempt = true},
         {.again = true, .count_attempt = true}},
    };

    (void)state;
    ROWS(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_that_went_well_asks_for_nothing),
        cmocka_unit_test(what_passes_is_tried_again_by_the_schedule),
        cmocka_unit_test(a_wait_that_exchange_asked_for_holds_the_whole_mailbox),
        cmocka_unit_test(what_a_person_must_mend_parks_the_mailbox_with_an_alarm),
        cmocka_unit_test(trouble_of_the_account_costs_its_mailboxes_nothing),
        cmocka_unit_test(a_full_exchange_mailbox_is_looked_at_hourly),
        cmocka_unit_test(the_guard_suspends_and_nothing_is_tried_again_by_itself),
        cmocka_unit_test(only_a_store_that_failed_ends_the_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
