/* sibctl mailbox: who has one, and which Exchange mailbox belongs to it. */
#include <string.h>

#include "admin/cli.h"
#include "admin/commands.h"
#include "admin/enabling.h"
#include "admin/table.h"
#include "admin/view.h"
#include "queue/removal.h"
#include "store/watch.h"

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

/* An option that replaces a field; not given: the field stays. */
static bool copy_option(struct sibctl *ctl, const char *option, char *out, size_t size,
                        const char *what, struct err *err)
{
    const char *text = command_option(&ctl->call, option);

    return !text || copy_field(out, size, text, what, err);
}

/* What "add" and "set" may both say. */
static bool fill_options(struct sibctl *ctl, struct mailbox *mailbox, struct err *err)
{
    return copy_option(ctl, "smtp", mailbox->smtp, sizeof mailbox->smtp, "address", err) &&
           copy_option(ctl, "display", mailbox->display, sizeof mailbox->display,
                       "display name", err) &&
           copy_option(ctl, "language", mailbox->language, sizeof mailbox->language, "language",
                       err) &&
           copy_option(ctl, "extension", mailbox->extension, sizeof mailbox->extension,
                       "extension", err);
}

static bool fill(struct sibctl *ctl, struct mailbox *mailbox, struct err *err)
{
    const char *exchange = command_option(&ctl->call, "exchange");
    const char *name = ctl->call.args[0];

    if (exchange && !config_exchange(ctl->config, exchange))
        return err_set(err, ERR_USAGE, "%s has no section [exchange \"%.64s\"]",
                       ctl->config->path, exchange);
    mailbox->single_inbox = true;
    return copy_field(mailbox->name, sizeof mailbox->name, name, "name", err) &&
           copy_field(mailbox->exchange, sizeof mailbox->exchange, exchange ? exchange : "",
                      "name of the [exchange] section", err) &&
           copy_field(mailbox->display, sizeof mailbox->display, name, "display name", err) &&
           fill_options(ctl, mailbox, err);
}

/* An address that is two mailboxes' would bring the messages of both into one Exchange mailbox,
 * and what is composed there could be either's. */
static bool address_is_free(struct store *store, const char *address, const char *id,
                            struct err *err)
{
    struct mailbox owner;
    bool found;

    if (!mailbox_find_address(store, address, &owner, &found, err))
        return false;
    return !found || strcmp(owner.id, id) == 0 ||
           err_set(err, ERR_USAGE, "the address %s belongs to the mailbox %s already", address,
                   owner.name);
}

static bool add_alias(struct sibctl *ctl, const char *option, const char *id, struct err *err)
{
    const char *address = command_option(&ctl->call, option);

    return !address || mailbox_add_alias(ctl->store, id, address, err);
}

static bool say_mailbox(struct sibctl *ctl, const struct mailbox *mailbox, struct err *err)
{
    json_t *aliases = view_aliases(ctl->store, mailbox->id, err);

    return aliases && sibctl_json(ctl, view_mailbox(mailbox, aliases), err);
}

bool cmd_mailbox_add(struct sibctl *ctl, struct err *err)
{
    struct mailbox mailbox = {0};

    if (!sibctl_open(ctl, err) || !fill(ctl, &mailbox, err) || !store_begin(ctl->store, err))
        return false;
    bool ok = address_is_free(ctl->store, mailbox.smtp, "", err) &&
              mailbox_add(ctl->store, &mailbox, err) &&
              add_alias(ctl, "alias", mailbox.id, err) &&
              queue_push(ctl->store, mailbox.id, QUEUE_CHANGE, 0, err);
    if (!commit(ctl, ok, err))
        return false;
    if (ctl->call.json)
        return say_mailbox(ctl, &mailbox, err);
    sibctl_say(ctl, "The mailbox %s belongs to %s now.", mailbox.name, mailbox.smtp);
    return true;
}

static bool set_in_tx(struct sibctl *ctl, struct mailbox *mailbox, bool *changed,
                      struct err *err)
{
    struct store *store = ctl->store;
    const char *hold = command_option(&ctl->call, "hold-transcription");
    const char *gone = command_option(&ctl->call, "remove-alias");
    char smtp[LIMIT_ADDRESS];
    bool alias = gone || command_given(&ctl->call, "add-alias");

    if (!mailbox_find(store, ctl->call.args[0], mailbox, err))
        return false;
    text_copy(smtp, sizeof smtp, mailbox->smtp);
    if (!fill_options(ctl, mailbox, err))
        return false;
    if (hold)
        mailbox->hold_transcript = strcmp(hold, "on") == 0;
    if (!address_is_free(store, mailbox->smtp, mailbox->id, err) ||
        !mailbox_set(store, mailbox, changed, err) ||
        (gone && !mailbox_remove_alias(store, mailbox->id, gone, err)) ||
        !add_alias(ctl, "add-alias", mailbox->id, err))
        return false;
    /* Another address may be another mailbox: what hears of the old one ends. */
    if (strcmp(smtp, mailbox->smtp) != 0 && !watch_end(store, mailbox->id, "", err))
        return false;
    /* What was held is let go. */
    bool look = *changed && mailbox->single_inbox;
    *changed = *changed || alias;
    return !look || queue_push(store, mailbox->id, QUEUE_CHANGE, 0, err);
}

bool cmd_mailbox_set(struct sibctl *ctl, struct err *err)
{
    struct mailbox mailbox;
    bool changed;

    if (!sibctl_open(ctl, err) || !store_begin(ctl->store, err) ||
        !commit(ctl, set_in_tx(ctl, &mailbox, &changed, err), err))
        return false;
    if (ctl->call.json)
        return say_mailbox(ctl, &mailbox, err);
    sibctl_say(ctl, changed ? "The mailbox %s is changed." : "The mailbox %s was so already.",
               mailbox.name);
    return true;
}

bool cmd_mailbox_remove(struct sibctl *ctl, struct err *err)
{
    struct mailbox mailbox;
    bool copies = command_given(&ctl->call, "copies");

    if (!sibctl_open(ctl, err) || !store_begin(ctl->store, err) ||
        !commit(ctl, removal_ask(ctl->store, ctl->call.args[0], copies, &mailbox, err), err))
        return false;
    if (ctl->call.json)
        return say_mailbox(ctl, &mailbox, err);
    if (copies)
        sibctl_say(ctl,
                   "The mailbox %s is removed; its copies in Exchange are removed from the "
                   "mailbox of %s now. \"sibctl mailbox show %s\" says when that is done.",
                   mailbox.name, mailbox.smtp, mailbox.id);
    else
        sibctl_say(ctl,
                   "The mailbox %s is removed; its copies in Exchange stay with %s. "
                   "\"sibctl mailbox remove %s --copies\" removes them.",
                   mailbox.name, mailbox.smtp, mailbox.id);
    return true;
}

static bool set_single_inbox(struct sibctl *ctl, bool on, struct err *err)
{
    struct mailbox mailbox;

    if (!sibctl_open(ctl, err) || !store_begin(ctl->store, err))
        return false;
    bool ok = mailbox_find(ctl->store, ctl->call.args[0], &mailbox, err) &&
              enabling_switch(ctl->store, &mailbox, on, err);
    if (!commit(ctl, ok, err))
        return false;
    bool before = mailbox.single_inbox;
    mailbox.single_inbox = on;
    if (ctl->call.json)
        return say_mailbox(ctl, &mailbox, err);
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

static void add_row(struct table *table, const char *name, const char *value)
{
    table_cell(table, STYLE_DIM, "%s", name);
    table_cell(table, STYLE_PLAIN, "%s", value);
}

static bool show_alias(const char *address, void *arg)
{
    add_row(arg, "Further address", address);
    return true;
}

static const char *single_inbox_text(const struct mailbox *mailbox)
{
    if (mailbox->erase)
        return "removed; the copies in Exchange are being removed";
    if (mailbox->removed)
        return "removed";
    return mailbox->single_inbox ? "on" : "off";
}

bool cmd_mailbox_show(struct sibctl *ctl, struct err *err)
{
    static const struct table_column columns[] = {{0}, {.shrink = true}};
    struct mailbox mailbox;

    if (!sibctl_open(ctl, err) || !mailbox_find(ctl->store, ctl->call.args[0], &mailbox, err))
        return false;
    if (ctl->call.json)
        return say_mailbox(ctl, &mailbox, err);
    const char *const rows[][2] = {
        {"Mailbox", mailbox.name},
        {"User", mailbox.display},
        {"Address", mailbox.smtp},
        {"Extension", mailbox.extension},
        {"Language", mailbox.language},
        {"Exchange", exchange_name(ctl, &mailbox)},
        {"Single inbox", single_inbox_text(&mailbox)},
        {"Waits for transcriptions", mailbox.hold_transcript ? "yes" : "no"},
        {"Id", mailbox.id},
    };
    struct table *table = table_new(columns, 2);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        add_row(table, rows[i][0], rows[i][1]);
    if (!mailbox_each_alias(ctl->store, mailbox.id, show_alias, table, err)) {
        table_free(&table);
        return false;
    }
    bool ok = table_print(table, &ctl->screen, err);
    table_free(&table);
    return ok;
}

struct listing {
    struct sibctl *ctl;
    json_t *json;
    struct table *table;
    struct err *err;
};

static bool list_json(struct listing *listing, const struct mailbox *mailbox)
{
    json_t *aliases = view_aliases(listing->ctl->store, mailbox->id, listing->err);

    return aliases && json_array_append_new(listing->json, view_mailbox(mailbox, aliases)) == 0;
}

static bool list_one(const struct mailbox *mailbox, void *arg)
{
    struct listing *listing = arg;
    enum style style = mailbox->single_inbox ? STYLE_PLAIN : STYLE_DIM;

    if (listing->json)
        return list_json(listing, mailbox);
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
    struct listing listing = {.ctl = ctl, .err = err};

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
