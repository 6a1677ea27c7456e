/* People with a telephone. */
#include <stdio.h>
#include <string.h>

#include "admin/phone.h"
#include "base/id.h"
#include "queue/queue.h"
#include "store/history.h"
#include "tests/walk/walk.h"

/* With a recording that is in the store already, so that no file is written. */
static bool add(struct walk *walk, const struct message_new *message, char *id, struct err *err)
{
    struct store *store = walk->site ? walk->site->store : NULL;

    if (!store || !store_begin(store, err))
        return false;
    bool ok = message_add(store, message, id, err) &&
              queue_push(store, message->mailbox, QUEUE_CHANGE, 0, err) &&
              history_add(store, id, "connection", "created", "by phone", err) &&
              store_commit(store, err);
    store_rollback(store);
    return ok;
}

static int deposit(struct walk *walk, int side, const struct message_new *like)
{
    struct walk_site *site = walk->site;
    struct message_new message = *like;
    char id[LIMIT_UUID];
    struct err err;

    message.mailbox = site->mailboxes[side].id;
    if (!add(walk, &message, id, &err))
        walk_die("%s", err.text);
    struct diary_message *entry = diary_add(&walk->diary, id, side);
    entry->known[DIARY_URGENT].number = message.urgent;
    snprintf(entry->known[DIARY_SUBJECT].text, DIARY_TEXT, "%s", message.subject);
    entry->secure = message.secure;
    entry->audio = message.audio != NULL;
    entry->pending = message.transcript_pending;
    walk_say(site, "phone: %s deposited for %s%s%s", id, site->mailboxes[side].name,
             message.dispatch ? ", dispatch" : "", message.secure ? ", secure" : "");
    walk_site_poke(site);
    return walk->diary.count - 1;
}

void walk_deposit(struct walk *walk)
{
    struct diary *diary = &walk->diary;
    char subject[32], group[LIMIT_UUID];
    int side = walk_draw(walk, WALK_SIDES);

    if (diary->count >= WALK_MESSAGES)
        return;
    id_new(group);
    snprintf(subject, sizeof subject, "voice %d", diary->count);
    struct message_new message = {
        .kind = KIND_VOICE,
        .from_number = "+15550100",
        .from_name = "Ann",
        .subject = subject,
        .urgent = walk_draw(walk, 5) == 0,
        .private = walk_draw(walk, 8) == 0,
        .secure = walk_draw(walk, 8) == 0,
        .audio = walk_draw(walk, 4) ? &walk->site->audio : NULL,
        .dispatch = walk_draw(walk, 12) == 0,
    };
    message.group = message.dispatch ? group : NULL;
    message.transcript_pending = !message.private && message.audio && walk_draw(walk, 4) == 0;
    int one = deposit(walk, side, &message);
    if (!message.dispatch)
        return;
    int other = deposit(walk, !side, &message);
    diary->messages[one].twin = other;
    diary->messages[other].twin = one;
}

static void done(struct walk *walk, struct diary_message *message, enum diary_field field,
                 int number, const char *text)
{
    diary_act(message, DIARY_HERE, field, walk_wall(walk), number, text);
    walk_say(walk->site, "phone: %s %s %d %s", message->id, diary_field_name(field), number,
             text);
}

static void transcribe(struct walk *walk, struct diary_message *message)
{
    char text[DIARY_WORDS];
    bool changed = false, failed = walk_draw(walk, 4) == 0;
    struct err err;

    snprintf(text, sizeof text, "words %d", walk_draw(walk, 1000));
    if (!message->pending || !phone_set_transcript(walk->site->store, message->id,
                                                   failed ? NULL : text, NULL, &changed, &err))
        return;
    message->pending = false;
    snprintf(message->transcript, sizeof message->transcript, "%s", failed ? "" : text);
    walk_say(walk->site, "phone: %s transcribed: %s", message->id, message->transcript);
}

/* As housekeeping does. */
static void expire(struct walk *walk, struct diary_message *message)
{
    struct store *store = walk->site->store;
    bool changed = false;
    struct err err;

    if (!store_begin(store, &err) ||
        !message_expire_audio(store, message->id, &changed, &err) ||
        (changed &&
         !queue_push(store, walk->site->mailboxes[message->side].id, QUEUE_CHANGE, 0, &err)) ||
        !store_commit(store, &err))
        walk_die("%s", err.text);
    message->audio = message->audio && !changed;
    if (changed)
        walk_say(walk->site, "phone: the recording of %s expired", message->id);
}

/* Whoever says so first has it; the other copy goes. */
static void accept(struct walk *walk, struct diary_message *message)
{
    struct diary_message *twin = &walk->diary.messages[message->twin < 0 ? 0 : message->twin];
    bool changed = false;
    struct err err;

    if (message->twin < 0 || message->purged ||
        !phone_accept(walk->site->store, message->id, NULL, &changed, &err) || !changed)
        return;
    message->accepted = twin->purged = true;
    walk_say(walk->site, "phone: %s accepted", message->id);
}

static void rarely(struct walk *walk, struct diary_message *message)
{
    switch (walk_draw(walk, 4)) {
    case 0: expire(walk, message); break;
    case 1: accept(walk, message); break;
    default: transcribe(walk, message); break;
    }
    walk_site_poke(walk->site);
}

void walk_phone(struct walk *walk, struct diary_message *message)
{
    struct store *store = walk->site->store;
    const char *id = message->id;
    bool changed = false, on = walk_draw(walk, 2);
    char subject[32];
    struct err err;

    snprintf(subject, sizeof subject, "phone %d", walk_draw(walk, 1000));
    switch (walk_draw(walk, 13)) {
    case 10:
    case 11:
    case 12: rarely(walk, message); break;
    case 0:
    case 1:
    case 2:
        if (phone_set_read(store, id, on, NULL, &changed, &err) && changed)
            done(walk, message, DIARY_READ, on, "");
        break;
    case 3:
    case 4:
        if (phone_delete(store, id, NULL, &changed, &err) && changed)
            done(walk, message, DIARY_PLACE, PLACE_DELETED, "");
        break;
    case 5:
    case 6:
        if (phone_restore(store, id, NULL, &changed, &err) && changed)
            done(walk, message, DIARY_PLACE, PLACE_INBOX, "");
        break;
    case 7:
        if (phone_set_urgent(store, id, on, NULL, &changed, &err) && changed)
            done(walk, message, DIARY_URGENT, on, "");
        break;
    case 8:
        if (phone_set_subject(store, id, subject, NULL, &changed, &err) && changed)
            done(walk, message, DIARY_SUBJECT, 0, subject);
        break;
    default:
        if (walk_draw(walk, 4) == 0 && phone_purge(store, id, NULL, &changed, &err) &&
            changed) {
            message->purged = true;
            walk_say(walk->site, "phone: %s purged", id);
        }
    }
    if (changed)
        walk_site_poke(walk->site);
}
