/* sibctl mailbox: who has one, and which Exchange mailbox belongs to it. */
#include "admin/cli.h"
#include "admin/commands.h"
#include "admin/table.h"
#include "admin/view.h"

/* One transaction over one mailbox, and what it is afterwards. */
static bool commit(struct sibctl *ctl, bool ok, struct err *err)
{
    if (!ok) {
        store_rollback(ctl->store);
        return false;
    }
    if (!store_commit(ctl->store, err))
        return false;
    sibctl_poke(ctl);
    return true;
}

static bool copy_field(char *out, size_t size, const char *text, const char *what,
                       struct err *err)
{
    if (!text_is_utf8(text))
        return err_set(err, ERR_DATA, "the %s is not UTF-8", what);
    int n = snprintf(out, size, "%s", text);
    return (n >= 0 && (size_t)n < size) ||
           err_set(err, ERR_DATA, "the %s is longer than %zu bytes", what, size - 1);
}

static bool fill(struct sibctl *ctl, struct mailbox *mailbox, struct err *err)
{
    const char *exchange = command_option(&ctl->call, "exchange");
    const char *display = command_option(&ctl->call, "display");

    if (exchange && !config_exchange(ctl->config, exchange))
        return err_set(err, ERR_USAGE, "%s has no section [exchange \"%.64s\"]",
                       ctl->config->path, exchange);
    mailbox->single_inbox = true;
    return copy_field(mailbox->name, sizeof mailbox->name, ctl->call.args[0], "name", err) &&
           copy_field(mailbox->smtp, sizeof mailbox->smtp, command_option(&ctl->call, "smtp"),
                      "address", err) &&
           copy_field(mailbox->exchange, sizeof mailbox->exchange, exchange ? exchange : "",
                      "name of the [exchange] section", err) &&
           copy_field(mailbox->display, sizeof mailbox->display,
                      display ? display : ctl->call.args[0], "display name", err);
}

bool cmd_mailbox_add(struct sibctl *ctl, struct err *err)
{
    struct mailbox mailbox = {0};

    if (!sibctl_open(ctl, err) || !fill(ctl, &mailbox, err) || !store_begin(ctl->store, err))
        return false;
    bool ok = mailbox_add(ctl->store, &mailbox, err) &&
              queue_push(ctl->store, mailbox.id, QUEUE_CHANGE, 0, err);
    if (!commit(ctl, ok, err))
        return false;
    if (ctl->call.json)
        return sibctl_json(ctl, view_mailbox(&mailbox), err);
    sibctl_say(ctl, "The mailbox %s belongs to %s now.", mailbox.name, mailbox.smtp);
    return true;
}

bool cmd_mailbox_remove(struct sibctl *ctl, struct err *err)
{
    struct mailbox mailbox;

    if (!sibctl_open(ctl, err) || !store_begin(ctl->store, err))
        return false;
    bool ok = mailbox_find(ctl->store, ctl->call.args[0], &mailbox, err) &&
              mailbox_remove(ctl->store, ctl->call.args[0], err);
    if (!commit(ctl, ok, err))
        return false;
    if (ctl->call.json)
        return sibctl_json(ctl, view_mailbox(&mailbox), err);
    sibctl_say(ctl, "The mailbox %s is removed; its copies in Exchange stay with %s.",
               mailbox.name, mailbox.smtp);
    return true;
}

static bool set_single_inbox(struct sibctl *ctl, bool on, struct err *err)
{
    struct mailbox mailbox;

    if (!sibctl_open(ctl, err) || !store_begin(ctl->store, err))
        return false;
    bool ok = mailbox_find(ctl->store, ctl->call.args[0], &mailbox, err) &&
              mailbox_set_single_inbox(ctl->store, ctl->call.args[0], on, err) &&
              (!on || mailbox.single_inbox ||
               queue_push(ctl->store, mailbox.id, QUEUE_CHANGE, 0, err));
    if (!commit(ctl, ok, err))
        return false;
    bool before = mailbox.single_inbox;
    mailbox.single_inbox = on;
    if (ctl->call.json)
        return sibctl_json(ctl, view_mailbox(&mailbox), err);
    sibctl_say(ctl, "Single inbox %s %s for %s.", before == on ? "was" : "is",
               on ? (before ? "on already" : "on") : (before ? "off" : "off already"),
               mailbox.name);
    return true;
}

bool cmd_mailbox_enable(struct sibctl *ctl, struct err *err)
{
    return set_single_inbox(ctl, true, err);
}

bool cmd_mailbox_disable(struct sibctl *ctl, struct err *err)
{
    return set_single_inbox(ctl, false, err);
}

static const char *exchange_name(const struct sibctl *ctl, const struct mailbox *mailbox)
{
    const struct config_exchange *exchange = config_exchange(ctl->config, mailbox->exchange);

    return exchange ? exchange->name : mailbox->exchange;
}

bool cmd_mailbox_show(struct sibctl *ctl, struct err *err)
{
    static const struct table_column columns[] = {{0}, {.shrink = true}};
    struct mailbox mailbox;

    if (!sibctl_open(ctl, err) || !mailbox_find(ctl->store, ctl->call.args[0], &mailbox, err))
        return false;
    if (ctl->call.json)
        return sibctl_json(ctl, view_mailbox(&mailbox), err);
    const char *const rows[][2] = {
        {"Mailbox", mailbox.name},
        {"User", mailbox.display},
        {"Address", mailbox.smtp},
        {"Exchange", exchange_name(ctl, &mailbox)},
        {"Single inbox", mailbox.single_inbox ? "on" : "off"},
        {"Id", mailbox.id},
    };
    struct table *table = table_new(columns, 2);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        table_cell(table, STYLE_DIM, "%s", rows[i][0]);
        table_cell(table, STYLE_PLAIN, "%s", rows[i][1]);
    }
    bool ok = table_print(table, &ctl->screen, err);
    table_free(&table);
    return ok;
}

struct listing {
    struct sibctl *ctl;
    json_t *json;
    struct table *table;
};

static bool list_one(const struct mailbox *mailbox, void *arg)
{
    struct listing *listing = arg;
    enum style style = mailbox->single_inbox ? STYLE_PLAIN : STYLE_DIM;

    if (listing->json)
        return json_array_append_new(listing->json, view_mailbox(mailbox)) == 0;
    table_cell(listing->table, STYLE_PLAIN, "%s", mailbox->name);
    table_cell(listing->table, STYLE_PLAIN, "%s", mailbox->display);
    table_cell(listing->table, STYLE_PLAIN, "%s", mailbox->smtp);
    table_cell(listing->table, STYLE_PLAIN, "%s", exchange_name(listing->ctl, mailbox));
    table_cell(listing->table, style, "%s", mailbox->single_inbox ? "on" : "off");
    return true;
}

bool cmd_mailbox_list(struct sibctl *ctl, struct err *err)
{
    static const struct table_column columns[] = {{.heading = "MAILBOX"},
                                                  {.heading = "USER", .shrink = true},
                                                  {.heading = "ADDRESS", .shrink = true},
                                                  {.heading = "EXCHANGE"},
                                                  {.heading = "SINGLE INBOX"}};
    struct listing listing = {.ctl = ctl};

    if (!sibctl_open(ctl, err))
        return false;
    if (ctl->call.json)
        listing.json = json_array();
    else
        listing.table = table_new(columns, 5);
    bool ok = mailbox_each(ctl->store, list_one, &listing, err);
    if (ctl->call.json)
        return sibctl_json_list(ctl, ok, "mailboxes", listing.json, err);
    if (ok && table_rows(listing.table) == 0)
        sibctl_say(ctl, "There are no mailboxes yet; \"sibctl mailbox add\" makes one.");
    else
        ok = ok && table_print(listing.table, &ctl->screen, err);
    table_free(&listing.table);
    return ok;
}
