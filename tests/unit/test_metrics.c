/* What monitoring is told: every figure with its kind, labels that cannot be broken out of, and
 * who may ask. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/metrics.h"
#include "store/alarm.h"
#include "tests/support/site.h"

static const char daemon_text[] =
    "{\"services\": [{\"name\": \"mailbox-sync\", \"state\": \"running\", \"restarts\": 2,"
    " \"counters\": {\"runs\": 7}}, {\"name\": \"x\\\"y\", \"state\": \"stopped\"}]}";

static char *figures(struct site *site, const char *daemon)
{
    json_t *status = daemon ? json_loads(daemon, 0, NULL) : NULL;
    struct buf out;
    struct err err;

    buf_init(&out, 1 << 20);
    if (!metrics_write(site->store, site->config, status, &out, &err))
        fail_msg("%s", err.text);
    json_decref(status);
    char *text = strdup(buf_str(&out));
    buf_clear(&out);
    assert_non_null(text);
    return text;
}

static void has(const char *text, const char *line)
{
    if (!strstr(text, line))
        fail_msg("missing: %s in\n%s", line, text);
}

/* Each sample has a HELP and a TYPE before it, and a number behind it. */
static void assert_well_formed(char *text)
{
    char *rest = text, *line, type[80] = "";

    while ((line = strsep(&rest, "\n")) && *line) {
        if (strncmp(line, "# TYPE ", 7) == 0)
            sscanf(line, "# TYPE %79s", type);
        if (*line == '#')
            continue;
        assert_true(strncmp(line, type, strlen(type)) == 0);
        char *end, *number = strrchr(line, ' ');
        assert_non_null(number);
        strtod(number + 1, &end);
        assert_true(end != number + 1 && *end == '\0');
    }
}

static void every_mailbox_has_its_lag_and_every_state_its_count(void **state)
{
    struct site *site = site_new(3, NULL);
    char id[LIMIT_UUID];

    (void)state;
    site_mailbox(site, "ann");
    site_mailbox(site, "ben");
    site_deposit(site, "ann", "en-short-pcm16.wav", "", id);
    loop_virtual_run(site->loop, 90 * 1000);
    char *text = figures(site, NULL);
    has(text, "sib_up 0\n");
    has(text, "sib_mailbox_lag_seconds{mailbox=\"ann\"} 90.000\n");
    has(text, "sib_mailbox_lag_seconds{mailbox=\"ben\"} 0.000\n");
    has(text, "sib_lag_seconds_max 90.000\n");
    has(text, "sib_messages_waiting 1\n");
    has(text, "sib_mailboxes{state=\"never\"} 2\n");
    has(text, "sib_queue_rows{reason=\"change\"} 2\n");
    assert_well_formed(text);
    free(text);
    site_start(site);
    site_run(site, 60 * 1000);
    text = figures(site, NULL);
    has(text, "sib_lag_seconds_max 0.000\n");
    has(text, "sib_mailboxes{state=\"ok\"} 2\n");
    free(text);
    site_free(&site);
}

static void services_and_alarms_are_told_and_no_label_breaks_out(void **state)
{
    struct site *site = site_new(3, NULL);
    struct err err;

    (void)state;
    assert_true(store_begin(site->store, &err) &&
                alarm_raise(site->store, "A\"B\\C\n", "", "x", "text", &err) &&
                store_commit(site->store, &err));
    char *text = figures(site, daemon_text);
    has(text, "sib_up 1\n");
    has(text, "sib_service_up{service=\"mailbox-sync\"} 1\n");
    has(text, "sib_service_up{service=\"x\\\"y\"} 0\n");
    has(text, "sib_service_restarts_total{service=\"mailbox-sync\"} 2\n");
    has(text, "sib_service_events_total{service=\"mailbox-sync\",event=\"runs\"} 7\n");
    has(text, "sib_alarm_raised{name=\"A\\\"B\\\\C\\n\",mailbox=\"\",subject=\"x\"} ");
    assert_well_formed(text);
    free(text);
    site_free(&site);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mailbox_has_its_lag_and_every_state_its_count),
        cmocka_unit_test(services_and_alarms_are_told_and_no_label_breaks_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
