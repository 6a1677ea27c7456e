/* sibctl sync status, suspend and resume. */
#include <stdlib.h>
#include <string.h>

#include "admin/cli.h"
#include "admin/commands.h"
#include "admin/enabling.h"
#include "admin/table.h"
#include "admin/view.h"

static enum style state_style(const char *state)
{
    if (strcmp(state, "ok") == 0)
        return STYLE_GOOD;
    if (strcmp(state, "off") == 0)
        return STYLE_DIM;
    return strcmp(state, "never") == 0 ? STYLE_WARN : STYLE_BAD;
}

/* "push: no callback came yet" as "Exchange calls: no callback came yet". */
static const char *describe_notify(const char *notify, char *text, size_t size)
{
    static const char *const words[][2] = {
        {"push", "Exchange calls"}, {"stream", "Exchange tells (stream)"}, {"poll", "we ask"}};
    size_t len = strcspn(notify, ":");

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strlen(words[i][0]) == len && strncmp(notify, words[i][0], len) == 0) {
            snprintf(text, size, "%s%s", words[i][1], notify + len);
            return text;
        }
    }
    return notify;
}

static void add_status_row(struct table *table, const struct mailbox *mailbox,
                           const struct mailbox_status *status)
{
    char text[TEXT_SHORT], notify[96];
    bool failing = strcmp(status->state, "ok") == 0 && status->recorded.last_error[0];
    int64_t last_ok_ms = status->recorded.last_ok_ms;

    table_cell(table, STYLE_PLAIN, "%s", mailbox->name);
    table_cell(table, failing ? STYLE_WARN : state_style(status->state), "%s", status->state);
    table_cell(table, status->waiting ? STYLE_WARN : STYLE_PLAIN, "%lld",
               (long long)status->waiting);
    table_cell(table, STYLE_PLAIN, "%s", status->lag_ms ? text_span(status->lag_ms, text) : "");
    table_cell(table, STYLE_PLAIN, "%lld/%lld", (long long)status->unread,
               (long long)status->messages);
    table_cell(table, STYLE_PLAIN, "%s",
               describe_notify(status->recorded.notify, notify, sizeof notify));
    table_cell(table, STYLE_PLAIN, "%s",
               last_ok_ms ? text_time((struct wall){last_ok_ms}, text) : "never");
    table_cell(table, STYLE_PLAIN, "%s", status->reason);
}

static const struct table_column status_columns[] = {
    {.heading = "MAILBOX"},
    {.heading = "STATE"},
    {.heading = "WAITING", .right = true},
    {.heading = "LAG", .right = true},
    {.heading = "UNREAD", .right = true},
    {.heading = "CHANGES ARRIVE"},
    {.heading = "LAST AGREED"},
    {.heading = "REASON", .shrink = true},
};

/* Gather each mailbox into the JSON array or the table. */
static bool gather(struct sibctl *ctl, const struct mailbox *mailboxes, size_t count,
                   json_t *json, struct table *table, struct err *err)
{
    struct mailbox_status status;

    for (size_t i = 0; i < count; i++) {
        const struct config_exchange *exchange =
            config_exchange(ctl->config, mailboxes[i].exchange);
        if (!mailbox_status(ctl->store, &mailboxes[i], ctl->config->sync.single_inbox, &status,
                            err) ||
            (exchange && !mailbox_status_account(ctl->store, exchange->name, &status, err)))
            return false;
        if (json)
            json_array_append_new(json, view_mailbox_status(&mailboxes[i], &status));
        else
            add_status_row(table, &mailboxes[i], &status);
    }
    return true;
}

static void hint_no_daemon(struct sibctl *ctl)
{
    json_t *status;

    if (!daemon_read(ctl->config->node.state_dir, &status))
        sibctl_hint(ctl, "sibd does not run here, so nothing is synchronised now.");
    json_decref(status);
}

bool cmd_sync_status(struct sibctl *ctl, struct err *err)
{
    struct mailbox *mailboxes;
    size_t count;
    json_t *json = NULL;
    struct table *table = NULL;

    if (!sibctl_open(ctl, err) || !sibctl_mailboxes(ctl, &mailboxes, &count, err))
        return false;
    if (ctl->call.json)
        json = json_array();
    else
        table = table_new(status_columns, sizeof status_columns / sizeof status_columns[0]);
    bool ok = gather(ctl, mailboxes, count, json, table, err);
    if (ctl->call.json) {
        ok = sibctl_json_list(ctl, ok, "mailboxes", json, err);
    } else if (ok && count == 0) {
        sibctl_say(ctl, "There are no mailboxes yet; \"sibctl mailbox add\" makes one.");
    } else if (ok) {
        ok = table_print(table, &ctl->screen, err);
        hint_no_daemon(ctl);
    }
    table_free(&table);
    free(mailboxes);
    return ok;
}

/* ---- suspend and resume ---- */

typedef bool change_fn(struct store *store, const struct mailbox *mailbox, struct err *err);

/* All of them in one transaction. */
static bool change_all(struct sibctl *ctl, change_fn *change, const struct mailbox *mailboxes,
                       size_t count, struct err *err)
{
    bool ok = store_begin(ctl->store, err);

    if (!ok)
        return false;
    for (size_t i = 0; ok && i < count; i++)
        ok = change(ctl->store, &mailboxes[i], err);
    if (!ok) {
        store_rollback(ctl->store);
        return false;
    }
    if (!store_commit(ctl->store, err))
        return false;
    sibctl_poke(ctl);
    return true;
}

static bool act(struct sibctl *ctl, change_fn *change, const char *said, struct err *err)
{
    struct mailbox *mailboxes;
    size_t count;
    json_t *json = NULL;

    if (!sibctl_open(ctl, err) || !sibctl_mailboxes(ctl, &mailboxes, &count, err))
        return false;
    bool ok = change_all(ctl, change, mailboxes, count, err);
    if (ok && ctl->call.json) {
        json = json_array();
        ok = gather(ctl, mailboxes, count, json, NULL, err);
        ok = sibctl_json_list(ctl, ok, "mailboxes", json, err);
    } else if (ok && count == 0) {
        sibctl_say(ctl, "There are no mailboxes.");
    } else if (ok && count == 1) {
        sibctl_say(ctl, "The synchronisation of %s %s.", mailboxes[0].name, said);
    } else if (ok) {
        sibctl_say(ctl, "The synchronisation of %zu mailboxes %s.", count, said);
    }
    free(mailboxes);
    return ok;
}

bool cmd_sync_suspend(struct sibctl *ctl, struct err *err)
{
    return act(ctl, enabling_suspend, "is suspended; changes are kept and wait", err);
}

bool cmd_sync_resume(struct sibctl *ctl, struct err *err)
{
    return act(ctl, enabling_resume, "goes on", err);
}
