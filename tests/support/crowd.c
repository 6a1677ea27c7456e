#include "tests/support/crowd.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/file.h"
#include "base/text.h"
#include "store/audio.h"
#include "store/mapping.h"
#include "tests/exchange/exchange_user.h"

enum { BATCH = 1000, LOOK_MS = 1000 };

/* Ten milliseconds of nothing: PCM, 16 bit, 8 kHz. What is large here is the number. */
static void import(struct site *site, struct audio_info *audio)
{
    static const unsigned char head[] = "RIFF\xC4\0\0\0WAVEfmt \x10\0\0\0\1\0\1\0"
                                        "\x40\x1F\0\0\x80\x3E\0\0\2\0\x10\0"
                                        "data\xA0\0\0\0";
    unsigned char wav[44 + 160] = {0};
    char path[LIMIT_PATH];
    struct err err;

    memcpy(wav, head, sizeof head - 1);
    snprintf(path, sizeof path, "%s/short.wav", site->dir);
    if (!file_replace(path, (const char *)wav, sizeof wav, 0600, &err) ||
        !audio_import(site->store, path, audio, &err))
        fail_msg("%s", err.text);
}

enum crowd_fate crowd_fate(int number, bool mixed)
{
    if (!mixed)
        return CROWD_NEW;
    if (number % 10 == 3)
        return CROWD_DELETED;
    if (number % 10 == 7)
        return CROWD_PURGED;
    return number % 3 == 0 ? CROWD_READ : CROWD_NEW;
}

static bool make(struct store *store, const struct message_new *message, enum crowd_fate fate,
                 char *id, struct err *err)
{
    return message_add(store, message, id, err) &&
           (fate != CROWD_READ || message_set_read(store, id, true, NULL, err)) &&
           (fate != CROWD_DELETED ||
            message_set_folder(store, id, FOLDER_DELETED, NULL, err)) &&
           (fate != CROWD_PURGED || message_set_folder(store, id, FOLDER_PURGED, NULL, err));
}

struct crowd crowd_here(struct site *site, const char *name, int count, bool mixed)
{
    struct crowd crowd = {.ids = calloc((size_t)count, sizeof *crowd.ids), .count = count};
    struct audio_info audio;
    struct mailbox mailbox;
    struct err err;

    assert_non_null(crowd.ids);
    import(site, &audio);
    bool ok = mailbox_find(site->store, name, &mailbox, &err);
    const struct message_new message = {
        .mailbox = mailbox.id, .from_number = "+15550100", .from_name = "Ann", .audio = &audio};
    for (int i = 0; ok && i < count;) {
        ok = store_begin(site->store, &err);
        for (int end = i + BATCH; ok && i < count && i < end; i++) {
            enum crowd_fate fate = crowd_fate(i, mixed);
            crowd.fates[fate]++;
            ok = make(site->store, &message, fate, crowd.ids[i], &err);
        }
        ok = ok && store_commit(site->store, &err);
    }
    if (!ok)
        fail_msg("%s", err.text);
    return crowd;
}

void crowd_free(struct crowd *crowd)
{
    free(crowd->ids);
    crowd->ids = NULL;
}

static void address_of(const char *mailbox, char *out)
{
    snprintf(out, LIMIT_ADDRESS, "%s@example.net", mailbox);
}

/* The item, and what is agreed about it. */
static bool put(struct site *site, const char *address, const struct message *message,
                struct err *err)
{
    const struct exchange_user_new item = {
        .subject = message->subject, .read = message->read, .message_id = message->id};
    struct agreed agreed = {.place = AGREED_INBOX,
                            .read = message->read,
                            .urgent = message->urgent,
                            .content = message->content_at};
    char key[EXCHANGE_ID_MAX];

    if (!exchange_user_compose(site->exchange, address, "Inbox", &item, key, err))
        return false;
    text_copy(agreed.subject, sizeof agreed.subject, message->subject);
    text_copy(agreed.item, sizeof agreed.item, key);
    return agreed_set(site->store, message->id, &agreed, err);
}

void crowd_there(struct site *site, const char *name, const struct crowd *crowd)
{
    char address[LIMIT_ADDRESS];
    struct err err;
    bool ok = store_begin(site->store, &err);

    address_of(name, address);
    for (int i = 0; ok && i < crowd->count; i++) {
        const struct message message = site_message(site, crowd->ids[i]);
        ok = put(site, address, &message, &err);
    }
    if (!ok || !store_commit(site->store, &err))
        fail_msg("%s", err.text);
}

void crowd_mail(struct site *site, const char *mailbox, int count)
{
    const struct exchange_user_new mail = {.subject = "Minutes", .body = "See below."};
    char address[LIMIT_ADDRESS], item[EXCHANGE_ID_MAX];
    struct err err;

    address_of(mailbox, address);
    for (int i = 0; i < count; i++) {
        if (!exchange_user_compose(site->exchange, address, "Inbox", &mail, item, &err))
            fail_msg("%s", err.text);
    }
}

static json_t *list_of(struct site *site, const char *mailbox)
{
    char address[LIMIT_ADDRESS];
    struct err err;

    address_of(mailbox, address);
    json_t *list = exchange_user_list(site->exchange, address, NULL, &err);
    if (!list)
        fail_msg("%s", err.text);
    return list;
}

static const char *message_of(const json_t *item)
{
    const char *id = json_string_value(json_object_get(item, "message_id"));

    return id ? id : "";
}

char *crowd_others(struct site *site, const char *mailbox)
{
    json_t *list = list_of(site, mailbox), *others = json_array(), *item;
    size_t i;

    json_array_foreach(json_object_get(list, "items"), i, item)
    {
        json_object_del(item, "number"); /* its place in the list */
        if (!message_of(item)[0])
            json_array_append(others, item);
    }
    char *text = json_dumps(others, JSON_SORT_KEYS);
    json_decref(others);
    json_decref(list);
    assert_non_null(text);
    return text;
}

int crowd_items(struct site *site, const char *mailbox)
{
    json_t *list = list_of(site, mailbox), *seen = json_object(), *item;
    int count = 0;
    size_t i;

    json_array_foreach(json_object_get(list, "items"), i, item)
    {
        if (!message_of(item)[0])
            continue;
        if (json_object_get(seen, message_of(item)))
            fail_msg("the message %s is there twice", message_of(item));
        json_object_set_new(seen, message_of(item), json_true());
        count++;
    }
    json_decref(seen);
    json_decref(list);
    return count;
}

int64_t crowd_settle(struct site *site, const char *name, int64_t limit_ms)
{
    struct mailbox mailbox;
    int64_t waited = 0, left = 1, oldest;
    struct err err;

    if (!mailbox_find(site->store, name, &mailbox, &err))
        fail_msg("%s", err.text);
    for (; left > 0 && waited < limit_ms; waited += LOOK_MS) {
        site_run(site, LOOK_MS);
        if (!message_dirty_count(site->store, mailbox.id, &left, &oldest, &err))
            fail_msg("%s", err.text);
    }
    if (left > 0)
        fail_msg("after %lld ms %lld messages still wait", (long long)waited, (long long)left);
    return waited;
}
