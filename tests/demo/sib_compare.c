/* sib-compare: both sides next to each other, and whether they agree.
 *
 * Reads pairs of files: what "sibctl --json message list NAME" printed, and what
 * "sib-exchange-user --json ADDRESS list" printed. A judge: it knows the rules of what must be
 * equal, and nothing of how it came to be so. Exit code 0: all agree; 1: something differs. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include <jansson.h>

#include "admin/table.h"
#include "base/clock.h"

struct row {
    const char *mailbox;
    const json_t *message; /* NULL: only in Exchange */
    const json_t *item;    /* NULL: not in Exchange */
    const char *differs;   /* "" when they agree */
};

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

static bool flag_of(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

static bool in_inbox(const json_t *item)
{
    const char *kind = text_of(item, "folder_kind");

    return strcmp(kind, "inbox") == 0 || strcmp(kind, "junkemail") == 0;
}

static bool in_deleted(const json_t *item)
{
    return strcmp(text_of(item, "folder_kind"), "deleteditems") == 0;
}

static bool same_second(const json_t *message, const json_t *item)
{
    struct wall here, there;

    return clock_parse(text_of(message, "received"), &here) &&
           clock_parse(text_of(item, "received"), &there) && here.ms / 1000 == there.ms / 1000;
}

static bool same_audio(const json_t *message, const json_t *item)
{
    const json_t *attachments = json_object_get(item, "attachments");
    const char *sha256 = text_of(message, "audio_sha256");

    if (flag_of(message, "secure") || !sha256[0])
        return json_array_size(attachments) == 0;
    return json_array_size(attachments) == 1 &&
           strcmp(text_of(json_array_get(attachments, 0), "sha256"), sha256) == 0;
}

/* What differs between a message and its item, in a word; "" when nothing does. */
static const char *difference(const json_t *message, const json_t *item)
{
    bool inbox = strcmp(text_of(message, "folder"), "inbox") == 0;

    if (!flag_of(message, "synced"))
        return "not yet synchronised";
    if (!item)
        return inbox ? "missing in Exchange" : "";
    if (inbox != in_inbox(item))
        return "folder";
    if (flag_of(message, "read") != flag_of(item, "read"))
        return "read";
    if (flag_of(message, "urgent") != flag_of(item, "urgent"))
        return "urgent";
    if (flag_of(message, "private") != flag_of(item, "private"))
        return "private";
    if (strcmp(text_of(message, "subject"), text_of(item, "subject")) != 0)
        return "subject";
    if (flag_of(item, "draft"))
        return "a draft";
    if (!same_second(message, item))
        return "received time";
    return same_audio(message, item) ? "" : "audio";
}

static const json_t *item_of(const json_t *items, const char *id, int *count)
{
    const json_t *found = NULL, *item;
    size_t i;

    *count = 0;
    json_array_foreach(items, i, item)
    {
        if (strcmp(text_of(item, "message_id"), id) == 0 &&
            (in_inbox(item) || in_deleted(item))) {
            (*count)++;
            found = item;
        }
    }
    return found;
}

static void describe(const struct row *row, char *flags, char *here, char *there, size_t size)
{
    const json_t *m = row->message;

    snprintf(flags, size, "%s%s%s", flag_of(m, "urgent") ? "urgent " : "",
             flag_of(m, "private") ? "private " : "", flag_of(m, "secure") ? "secure " : "");
    snprintf(here, size, "%s, %s", text_of(m, "folder"),
             flag_of(m, "read") ? "read" : "unread");
    if (row->item)
        snprintf(there, size, "%s, %s", text_of(row->item, "folder"),
                 flag_of(row->item, "read") ? "read" : "unread");
    else
        snprintf(there, size, "-");
}

static void print_row(struct table *table, const struct row *row)
{
    char flags[64], here[64], there[64];

    describe(row, flags, here, there, sizeof flags);
    bool agrees = row->differs[0] == '\0';

    table_cell(table, STYLE_PLAIN, "%s", row->mailbox);
    table_cell(table, STYLE_PLAIN, "%s", text_of(row->message, "subject"));
    table_cell(table, STYLE_PLAIN, "%s", flags);
    table_cell(table, STYLE_PLAIN, "%s", here);
    table_cell(table, STYLE_PLAIN, "%s", there);
    table_cell(table, agrees ? STYLE_GOOD : STYLE_BAD, "%s", agrees ? "yes" : row->differs);
}

static json_t *load(const char *path)
{
    json_error_t error;
    json_t *json = json_load_file(path, 0, &error);

    if (!json) {
        fprintf(stderr, "sib-compare: %s: %s\n", path, error.text);
        exit(EX_DATAERR);
    }
    return json;
}

/* The messages of one mailbox; how many differ. */
static int compare(struct table *table, const json_t *connection, const json_t *exchange)
{
    const json_t *message, *items = json_object_get(exchange, "items");
    size_t i;
    int differing = 0;

    json_array_foreach(json_object_get(connection, "messages"), i, message)
    {
        int count;
        struct row row = {.mailbox = text_of(message, "mailbox"), .message = message};
        row.item = item_of(items, text_of(message, "id"), &count);
        row.differs = count > 1 ? "more than once in Exchange" : difference(message, row.item);
        differing += row.differs[0] != '\0';
        print_row(table, &row);
    }
    return differing;
}

int main(int argc, char **argv)
{
    static const struct table_column columns[] = {
        {"MAILBOX", false, false},    {"SUBJECT", false, true},   {"FLAGS", false, false},
        {"CONNECTION", false, false}, {"EXCHANGE", false, false}, {"AGREE", false, false}};
    struct err err;
    int differing = 0;

    if (argc < 3 || argc % 2 == 0) {
        fprintf(stderr, "usage: sib-compare CONNECTION.json EXCHANGE.json [...]\n");
        return EX_USAGE;
    }
    struct table *table = table_new(columns, 6);
    for (int i = 1; i + 1 < argc; i += 2) {
        json_t *connection = load(argv[i]), *exchange = load(argv[i + 1]);
        differing += compare(table, connection, exchange);
        json_decref(connection);
        json_decref(exchange);
    }
    struct screen screen;
    screen_init(&screen, stdout);
    if (!table_print(table, &screen, &err)) {
        fprintf(stderr, "sib-compare: %s\n", err.text);
        return err_exit_code(err.kind);
    }
    table_free(&table);
    return differing ? 1 : 0;
}
