#include "admin/metrics.h"

#include <stdlib.h>
#include <string.h>

#include "admin/status.h"
#include "queue/queue.h"
#include "store/alarm.h"
#include "store/mailbox.h"

enum { STATES = 5 };

static const char *const states[STATES] = {"ok", "suspended", "parked", "off", "never"};

struct metrics {
    struct store *store;
    const struct config *config;
    struct buf *out;
    struct mailbox *mailboxes; /* all of them: no other query runs inside a walk over them */
    size_t count, cap;
    long long rows[QUEUE_REASONS];
    struct err *err;
};

static void describe(struct metrics *m, const char *name, const char *type, const char *help)
{
    buf_printf(m->out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* A label's value: a backslash, a quote and a line's end are escaped. */
static void add_label(struct buf *out, const char *name, const char *value)
{
    buf_printf(out, "%s=\"", name);
    for (; *value; value++) {
        if (*value == '\n')
            buf_add_str(out, "\\n");
        else if (*value == '"' || *value == '\\')
            buf_printf(out, "\\%c", *value);
        else
            buf_add(out, value, 1);
    }
    buf_add_str(out, "\"");
}

static void add_seconds(struct buf *out, int64_t ms)
{
    buf_printf(out, "%lld.%03d\n", (long long)(ms / 1000), (int)(ms % 1000));
}

/* ---- mailboxes ---- */

static bool keep(const struct mailbox *mailbox, void *arg)
{
    struct metrics *m = arg;

    if (m->count == m->cap) {
        size_t cap = m->cap ? m->cap * 2 : 64;
        struct mailbox *grown = realloc(m->mailboxes, cap * sizeof *grown);
        if (!grown)
            return false;
        m->mailboxes = grown;
        m->cap = cap;
    }
    m->mailboxes[m->count++] = *mailbox;
    return true;
}

static void add_lag(struct metrics *m, const struct mailbox *mailbox, int64_t lag_ms)
{
    buf_add_str(m->out, "sib_mailbox_lag_seconds{");
    add_label(m->out, "mailbox", mailbox->name);
    buf_add_str(m->out, "} ");
    add_seconds(m->out, lag_ms);
}

static bool write_mailboxes(struct metrics *m)
{
    long long by_state[STATES] = {0}, waiting = 0;
    struct mailbox_status status;
    int64_t worst = 0;

    if (!mailbox_each(m->store, keep, m, m->err))
        return false;
    describe(m, "sib_mailbox_lag_seconds", "gauge",
             "Age of the oldest change of a mailbox that is not on the other side yet.");
    for (size_t i = 0; i < m->count; i++) {
        if (!mailbox_status(m->store, &m->mailboxes[i], m->config->sync.single_inbox, &status,
                            m->err))
            return false;
        for (int k = 0; k < STATES; k++)
            by_state[k] += strcmp(states[k], status.state) == 0;
        waiting += status.waiting;
        worst = status.lag_ms > worst ? status.lag_ms : worst;
        if (strcmp(status.state, "off") != 0)
            add_lag(m, &m->mailboxes[i], status.lag_ms);
    }
    describe(m, "sib_lag_seconds_max", "gauge", "The greatest lag of all mailboxes.");
    buf_add_str(m->out, "sib_lag_seconds_max ");
    add_seconds(m->out, worst);
    describe(m, "sib_messages_waiting", "gauge", "Messages on which both sides do not agree.");
    buf_printf(m->out, "sib_messages_waiting %lld\n", waiting);
    describe(m, "sib_mailboxes", "gauge", "Mailboxes by the state of their synchronisation.");
    for (int k = 0; k < STATES; k++)
        buf_printf(m->out, "sib_mailboxes{state=\"%s\"} %lld\n", states[k], by_state[k]);
    return true;
}

/* ---- queue and alarms ---- */

static bool count_row(const struct queue_row *row, void *arg)
{
    ((struct metrics *)arg)->rows[row->reason]++;
    return true;
}

static bool write_queue(struct metrics *m)
{
    if (!queue_each(m->store, "", count_row, m, m->err))
        return false;
    describe(m, "sib_queue_rows", "gauge", "Looks that wait in the queue, by reason.");
    for (int i = 0; i < QUEUE_REASONS; i++)
        buf_printf(m->out, "sib_queue_rows{reason=\"%s\"} %lld\n",
                   queue_reason_name((enum queue_reason)i), m->rows[i]);
    return true;
}

static bool add_alarm(const struct alarm *alarm, void *arg)
{
    struct metrics *m = arg;

    buf_add_str(m->out, "sib_alarm_raised{");
    add_label(m->out, "name", alarm->name);
    buf_add_str(m->out, ",");
    add_label(m->out, "mailbox", alarm->mailbox);
    buf_add_str(m->out, ",");
    add_label(m->out, "subject", alarm->subject);
    buf_printf(m->out, "} %lld\n", (long long)(alarm->raised_ms / 1000));
    return true;
}

static bool write_alarms(struct metrics *m)
{
    describe(m, "sib_alarm_raised", "gauge",
             "Alarms whose cause is not gone: when they were raised, in seconds since 1970.");
    return alarm_each(m->store, add_alarm, m, m->err);
}

/* ---- the daemon ---- */

static void add_counters(struct metrics *m, const char *service, const json_t *counters)
{
    const char *name;
    const json_t *value;

    json_object_foreach((json_t *)counters, name, value)
    {
        buf_add_str(m->out, "sib_service_events_total{");
        add_label(m->out, "service", service);
        buf_add_str(m->out, ",");
        add_label(m->out, "event", name);
        buf_printf(m->out, "} %lld\n", (long long)json_integer_value(value));
    }
}

typedef void service_fn(struct metrics *m, const char *name, const json_t *service);

static void add_up(struct metrics *m, const char *name, const json_t *service)
{
    const char *state = json_string_value(json_object_get(service, "state"));

    buf_add_str(m->out, "sib_service_up{");
    add_label(m->out, "service", name);
    buf_printf(m->out, "} %d\n", state && strcmp(state, "running") == 0);
}

static void add_restarts(struct metrics *m, const char *name, const json_t *service)
{
    buf_add_str(m->out, "sib_service_restarts_total{");
    add_label(m->out, "service", name);
    buf_printf(m->out, "} %lld\n",
               (long long)json_integer_value(json_object_get(service, "restarts")));
}

static void add_events(struct metrics *m, const char *name, const json_t *service)
{
    add_counters(m, name, json_object_get(service, "counters"));
}

static void each_service(struct metrics *m, const json_t *daemon, service_fn *fn)
{
    const json_t *services = json_object_get(daemon, "services"), *service;
    size_t i;

    json_array_foreach(services, i, service)
    {
        const char *name = json_string_value(json_object_get(service, "name"));
        fn(m, name ? name : "", service);
    }
}

static void write_daemon(struct metrics *m, const json_t *daemon)
{
    describe(m, "sib_up", "gauge", "1: sibd runs.");
    buf_printf(m->out, "sib_up %d\n", daemon != NULL);
    if (!daemon)
        return;
    describe(m, "sib_service_up", "gauge", "1: the service runs.");
    each_service(m, daemon, add_up);
    describe(m, "sib_service_restarts_total", "counter", "How often it was started again.");
    each_service(m, daemon, add_restarts);
    describe(m, "sib_service_events_total", "counter",
             "What the service has done since its start.");
    each_service(m, daemon, add_events);
}

bool metrics_write(struct store *store, const struct config *config, const json_t *daemon,
                   struct buf *out, struct err *err)
{
    struct metrics metrics = {.store = store, .config = config, .out = out, .err = err};

    err_clear(err);
    write_daemon(&metrics, daemon);
    bool ok = write_mailboxes(&metrics) && write_queue(&metrics) && write_alarms(&metrics);
    free(metrics.mailboxes);
    if (ok && out->failed)
        return err_set(err, ERR_SYSTEM, "the metrics are too long, or there is no memory");
    return ok;
}
