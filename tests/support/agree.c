/* Do both sides agree? A judge that reads both and knows nothing of how they got there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/exchange/exchange_user.h"
#include "tests/support/site.h"

struct judge {
    struct site *site;
    json_t *items;
    char *text;
    size_t size;
    bool agrees;
    const char *mailbox;
    bool sent; /* Sent Items are synchronised */
};

static const char *string_of(const json_t *item, const char *key)
{
    const char *value = json_string_value(json_object_get(item, key));

    return value ? value : "";
}

static bool is_inbox(const json_t *item)
{
    const char *kind = string_of(item, "folder_kind");

    return strcmp(kind, "inbox") == 0 || strcmp(kind, "junkemail") == 0;
}

static bool is_deleted(const json_t *item)
{
    return strcmp(string_of(item, "folder_kind"), "deleteditems") == 0;
}

static bool is_sent(const json_t *item)
{
    return strcmp(string_of(item, "folder_kind"), "sentitems") == 0;
}

/* sent: Sent Items are synchronised. */
static bool is_mapped(const json_t *item, bool sent)
{
    return is_inbox(item) || is_deleted(item) || (sent && is_sent(item));
}

static bool is_where(const json_t *item, enum message_folder folder)
{
    if (folder == FOLDER_SENT)
        return is_sent(item);
    return folder == FOLDER_INBOX ? is_inbox(item) : is_deleted(item);
}

static const json_t *find_item(const json_t *items, bool sent, const char *id, int *count)
{
    const json_t *found = NULL, *item;
    size_t i;

    *count = 0;
    json_array_foreach(items, i, item)
    {
        if (strcmp(string_of(item, "message_id"), id) == 0 && is_mapped(item, sent)) {
            (*count)++;
            found = item;
        }
    }
    return found;
}

static bool differ(struct judge *judge, const struct message *message, const char *what)
{
    snprintf(judge->text, judge->size, "mailbox %s, message %s: %s", judge->mailbox,
             message->id, what);
    return judge->agrees = false;
}

static bool same_audio(const struct message *message, const json_t *item)
{
    const json_t *attachments = json_object_get(item, "attachments");

    if (message->secure || !message->audio[0])
        return json_array_size(attachments) == 0;
    return json_array_size(attachments) == 1 &&
           strcmp(string_of(json_array_get(attachments, 0), "sha256"), message->audio) == 0;
}

static bool check_item(struct judge *judge, const struct message *message, const json_t *item)
{
    struct wall received;

    if (!is_where(item, message->folder))
        return differ(judge, message, "in another folder");
    if (message->read != json_is_true(json_object_get(item, "read")))
        return differ(judge, message, "read on one side only");
    if (message->urgent != json_is_true(json_object_get(item, "urgent")))
        return differ(judge, message, "urgent on one side only");
    if (strcmp(message->subject, string_of(item, "subject")) != 0)
        return differ(judge, message, "another subject");
    if (json_is_true(json_object_get(item, "draft")))
        return differ(judge, message, "a draft");
    if (!same_audio(message, item))
        return differ(judge, message, "another audio");
    if (!clock_parse(string_of(item, "received"), &received) ||
        received.ms / 1000 != message->received.ms / 1000)
        return differ(judge, message, "another received time");
    return true;
}

/* Items of one creation are the message's own and a person's copies: one of them must agree. */
static bool check_copies(struct judge *judge, const struct message *message)
{
    const json_t *item;
    const char *creation = NULL;
    bool any = false;
    size_t i;

    json_array_foreach(judge->items, i, item)
    {
        if (strcmp(string_of(item, "message_id"), message->id) != 0 ||
            !is_mapped(item, judge->sent))
            continue;
        if (creation && strcmp(creation, string_of(item, "creation")) != 0)
            return differ(judge, message, "created more than once");
        creation = string_of(item, "creation");
        any = check_item(judge, message, item) || any;
    }
    judge->agrees = any;
    return any;
}

static bool check_message(const struct message *message, void *arg)
{
    struct judge *judge = arg;
    int count;
    const json_t *item = find_item(judge->items, judge->sent, message->id, &count);

    if (message->dirty_since_ms)
        return differ(judge, message, "still marked as not agreed");
    if (count > 1)
        return check_copies(judge, message);
    if (!item)
        return message->folder == FOLDER_DELETED ||
               (message->folder == FOLDER_SENT && !judge->sent) ||
               differ(judge, message, "not in Exchange");
    return check_item(judge, message, item);
}

static bool check_mailbox(const struct mailbox *mailbox, void *arg)
{
    struct judge *judge = arg;
    struct err err;
    json_t *list = exchange_user_list(judge->site->exchange, mailbox->smtp, NULL, &err);

    if (!list)
        fail_msg("%s", err.text);
    judge->mailbox = mailbox->name;
    judge->items = json_object_get(list, "items");
    if (!message_each(judge->site->store, mailbox->id, FOLDERS, check_message, judge, &err))
        fail_msg("%s", err.text);
    json_decref(list);
    return judge->agrees;
}

bool site_agrees(struct site *site, char *text, size_t size)
{
    struct judge judge = {.site = site,
                          .text = text,
                          .size = size,
                          .agrees = true,
                          .sent = site->config->sync.sent_items};
    struct err err;

    text[0] = '\0';
    if (!mailbox_each(site->store, check_mailbox, &judge, &err))
        fail_msg("%s", err.text);
    return judge.agrees;
}

void site_assert_agree(struct site *site)
{
    char text[512];

    if (!site_agrees(site, text, sizeof text))
        fail_msg("%s", text);
}

int site_items(struct site *site, const char *mailbox, const char *id)
{
    char address[LIMIT_ADDRESS];
    struct err err;
    int count;

    snprintf(address, sizeof address, "%s@example.net", mailbox);
    json_t *list = exchange_user_list(site->exchange, address, NULL, &err);
    if (!list)
        fail_msg("%s", err.text);
    find_item(json_object_get(list, "items"), site->config->sync.sent_items, id, &count);
    json_decref(list);
    return count;
}
