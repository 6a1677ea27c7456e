/* sibctl queue and sibctl alarm: what waits, and what a person should know. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "admin/cli.h"
#include "admin/commands.h"
#include "admin/table.h"
#include "admin/view.h"
#include "store/mapping.h"

struct listing {
    struct sibctl *ctl;
    json_t *json;
    struct table *table;
};

static bool finish_list(struct listing *listing, bool ok, const char *key, const char *empty,
                        struct err *err)
{
    struct sibctl *ctl = listing->ctl;

    if (ctl->call.json)
        return sibctl_json_list(ctl, ok, key, listing->json, err);
    if (ok && table_rows(listing->table) == 0)
        sibctl_say(ctl, "%s", empty);
    else
        ok = ok && table_print(listing->table, &ctl->screen, err);
    table_free(&listing->table);
    return ok;
}

static bool list_row(const struct queue_row *row, void *arg)
{
    struct listing *listing = arg;
    struct table *table = listing->table;
    char mailbox[LIMIT_MAILBOX_NAME], span[TEXT_SHORT];
    int64_t in_ms = row->due_ms - store_now(listing->ctl->store).ms;
    bool refused = row->reason == QUEUE_SET_ASIDE;

    sibctl_mailbox_name(listing->ctl, row->mailbox, mailbox);
    if (listing->json)
        return json_array_append_new(listing->json, view_queue_row(row, mailbox)) == 0;
    table_cell(table, STYLE_PLAIN, "%lld", (long long)row->id);
    table_cell(table, STYLE_PLAIN, "%s", mailbox);
    table_cell(table, refused ? STYLE_BAD : STYLE_PLAIN, "%s", queue_reason_name(row->reason));
    if (refused)
        table_cell(table, STYLE_PLAIN, "by a person");
    else if (row->claimed)
        table_cell(table, STYLE_GOOD, "at work");
    else if (in_ms <= 0)
        table_cell(table, STYLE_PLAIN, "now");
    else
        table_cell(table, STYLE_PLAIN, "in %s", text_span(in_ms, span));
    table_cell(table, STYLE_PLAIN, "%d", row->attempts);
    table_cell(table, STYLE_PLAIN, "%s%s%s", row->message, row->message[0] ? ": " : "",
               row->last_error);
    return true;
}

bool cmd_queue_list(struct sibctl *ctl, struct err *err)
{
    static const struct table_column columns[] = {
        {.heading = "ID", .right = true},
        {.heading = "MAILBOX"},
        {.heading = "REASON"},
        {.heading = "DUE"},
        {.heading = "ATTEMPTS", .right = true},
        {.heading = "LAST ERROR", .shrink = true},
    };
    struct listing listing = {.ctl = ctl};

    if (!sibctl_open(ctl, err))
        return false;
    if (ctl->call.json)
        listing.json = json_array();
    else
        listing.table = table_new(columns, sizeof columns / sizeof columns[0]);
    bool ok = queue_each(ctl->store, "", list_row, &listing, err);
    return finish_list(&listing, ok, "queue", "Nothing waits.", err);
}

/* A refused message is sent again: its refusals are forgotten (queue_retry wishes the look). */
static bool send_again(struct store *store, const struct queue_row *row, struct err *err)
{
    struct agreed agreed;

    if (!agreed_get(store, row->message, &agreed, err))
        return false;
    agreed.refusals = 0;
    return agreed_set(store, row->message, &agreed, err) &&
           message_mark_dirty(store, row->message, err) &&
           alarm_clear(store, ALARM_MESSAGE_SET_ASIDE, row->mailbox, row->message, err);
}

/* A refused message is given up: it stays here only. */
static bool give_up(struct store *store, const struct queue_row *row, struct err *err)
{
    struct agreed agreed;
    struct message message;

    if (!agreed_get(store, row->message, &agreed, err) ||
        !message_get(store, row->message, &message, err))
        return false;
    agreed.place = AGREED_DROPPED;
    return agreed_set(store, row->message, &agreed, err) &&
           message_mark_clean(store, row->message, message.row, err) &&
           history_add(store, row->message, "connection", "given up",
                       "by an administrator: it stays here only", err) &&
           alarm_clear(store, ALARM_MESSAGE_SET_ASIDE, row->mailbox, row->message, err);
}

typedef bool row_fn(struct store *, int64_t, struct queue_row *, struct err *);
typedef bool message_row_fn(struct store *, const struct queue_row *, struct err *);

static bool parse_id(const char *text, int64_t *id, struct err *err)
{
    char *end;

    errno = 0;
    *id = strtoll(text, &end, 10);
    if (end == text || *end || errno || *id <= 0)
        return err_set(
            err, ERR_USAGE,
            "\"%.40s\" is not a number of the queue; \"sibctl queue list\" shows them", text);
    return true;
}

static bool act(struct sibctl *ctl, row_fn *take, message_row_fn *on_message, const char *said,
                struct err *err)
{
    struct queue_row row;
    int64_t id;
    char mailbox[LIMIT_MAILBOX_NAME];

    if (!parse_id(ctl->call.args[0], &id, err) || !sibctl_open(ctl, err) ||
        !store_begin(ctl->store, err))
        return false;
    bool ok = take(ctl->store, id, &row, err);
    if (ok && row.reason == QUEUE_SET_ASIDE)
        ok = on_message(ctl->store, &row, err);
    if (!ok) {
        store_rollback(ctl->store);
        return false;
    }
    if (!store_commit(ctl->store, err))
        return false;
    sibctl_poke(ctl);
    sibctl_mailbox_name(ctl, row.mailbox, mailbox);
    if (ctl->call.json)
        return sibctl_json(ctl, view_queue_row(&row, mailbox), err);
    sibctl_say(ctl, "%s: %s %s.", mailbox,
               row.reason == QUEUE_SET_ASIDE ? "the refused message"
                                             : "the look at the mailbox",
               said);
    return true;
}

bool cmd_queue_retry(struct sibctl *ctl, struct err *err)
{
    return act(ctl, queue_retry, send_again, "is due now", err);
}

bool cmd_queue_drop(struct sibctl *ctl, struct err *err)
{
    return act(ctl, queue_drop, give_up, "is forgotten", err);
}

static bool list_alarm(const struct alarm *alarm, void *arg)
{
    struct listing *listing = arg;
    char mailbox[LIMIT_MAILBOX_NAME], time[TEXT_SHORT];

    sibctl_mailbox_name(listing->ctl, alarm->mailbox, mailbox);
    if (listing->json)
        return json_array_append_new(listing->json, view_alarm(alarm, mailbox)) == 0;
    table_cell(listing->table, STYLE_PLAIN, "%s",
               text_time((struct wall){alarm->raised_ms}, time));
    table_cell(listing->table, STYLE_BAD, "%s", alarm->name);
    table_cell(listing->table, STYLE_PLAIN, "%s", mailbox);
    table_cell(listing->table, STYLE_PLAIN, "%s", alarm->text);
    return true;
}

bool cmd_alarm_list(struct sibctl *ctl, struct err *err)
{
    static const struct table_column columns[] = {{.heading = "SINCE"},
                                                  {.heading = "ALARM"},
                                                  {.heading = "MAILBOX"},
                                                  {.heading = "WHAT", .shrink = true}};
    struct listing listing = {.ctl = ctl};

    if (!sibctl_open(ctl, err))
        return false;
    if (ctl->call.json)
        listing.json = json_array();
    else
        listing.table = table_new(columns, 4);
    bool ok = alarm_each(ctl->store, list_alarm, &listing, err);
    return finish_list(&listing, ok, "alarms", "There are no alarms.", err);
}
