/* People with Outlook. */
#include <stdio.h>
#include <string.h>

#include "tests/walk/walk.h"

/* Any of the items of a message, wherever it is but in hidden folders. */
static struct memory_item *some_item(struct walk *walk, const struct diary_message *message)
{
    struct memory_mailbox *mailbox = walk->site->remote[message->side];
    struct memory_item *found = NULL;
    int seen = 0;

    for (int i = 0; i < mailbox->item_count && !mailbox->empty; i++) {
        struct memory_item *item = &mailbox->items[i];
        if (item->folder >= 0 && item->folder != MEMORY_STAGING &&
            item->folder != MEMORY_LIMBO && strcmp(item->message, message->id) == 0 &&
            walk_draw(walk, ++seen) == 0)
            found = item;
    }
    return found;
}

/* PLACE_INBOX, PLACE_DELETED, -1: nowhere that is mapped. */
static int place_of(const struct memory_mailbox *mailbox, int folder)
{
    switch (memory_place(mailbox, folder)) {
    case REMOTE_INBOX:
    case REMOTE_BELOW:
    case REMOTE_JUNK: return PLACE_INBOX;
    case REMOTE_DELETED: return PLACE_DELETED;
    default: return -1;
    }
}

static void touch(struct walk *walk, struct diary_message *message)
{
    message->touched = true;
    message->touched_at = walk_wall(walk);
}

/* What a witness notes when an item goes from one place to another (-1: out of sight). */
static void went(struct walk *walk, struct diary_message *message,
                 const struct memory_item *item, int from, int to)
{
    touch(walk, message);
    message->vanished = message->vanished || to < 0;
    message->brief = message->brief || (to < 0 && item->created_ms >= walk->chapter_at);
    message->kept = message->kept || to == PLACE_INBOX;
    message->ambiguous = message->ambiguous || from < 0;
    if (to < 0)
        to = PLACE_DELETED;
    if (from == PLACE_DELETED && to == PLACE_DELETED)
        return;
    diary_act(message, DIARY_THERE, DIARY_PLACE, walk_wall(walk), to, "");
}

static void move(struct walk *walk, struct diary_message *message, struct memory_item *item,
                 int folder)
{
    struct memory_mailbox *mailbox = walk->site->remote[message->side];
    int from = place_of(mailbox, item->folder);

    if (item->folder == folder || folder < 0)
        return;
    memory_move(mailbox, item, folder);
    walk_say(walk->site, "outlook: %s moved to folder %d as item %d", message->id, folder,
             item->number);
    went(walk, message, item, from, place_of(mailbox, folder));
}

static void remove_item(struct walk *walk, struct diary_message *message,
                        struct memory_item *item)
{
    struct memory_mailbox *mailbox = walk->site->remote[message->side];
    int from = place_of(mailbox, item->folder);

    walk_say(walk->site, "outlook: %s removed for good (item %d)", message->id, item->number);
    memory_remove(mailbox, item);
    if (from >= 0)
        went(walk, message, item, from, -1);
}

/* A folder that people made, in which it may be; -1: none. */
static int own_folder(struct walk *walk, int side)
{
    struct memory_mailbox *mailbox = walk->site->remote[side];
    int count = mailbox->folder_count - MEMORY_FIRST_OWN;
    int folder = count > 0 ? MEMORY_FIRST_OWN + walk_draw(walk, count) : -1;

    return folder >= 0 && mailbox->folders[folder].parent >= 0 ? folder : -1;
}

static void copy(struct walk *walk, struct diary_message *message, struct memory_item *item)
{
    int to = walk_draw(walk, 2) ? MEMORY_INBOX : own_folder(walk, message->side);

    if (to < 0)
        return;
    memory_copy(walk->site->remote[message->side], item, to);
    message->ambiguous = true;
    touch(walk, message);
    walk_say(walk->site, "outlook: %s copied to folder %d", message->id, to);
}

static void set(struct walk *walk, struct diary_message *message, struct memory_item *item,
                enum diary_field field)
{
    struct memory_mailbox *mailbox = walk->site->remote[message->side];
    int on = walk_draw(walk, 2);
    char subject[32] = "";

    if ((field == DIARY_READ && item->read == on) ||
        (field == DIARY_URGENT && item->urgent == on))
        return;
    if (field == DIARY_READ)
        memory_set_read(mailbox, item, on);
    else if (field == DIARY_URGENT)
        memory_set_urgent(mailbox, item, on);
    else {
        snprintf(subject, sizeof subject, "outlook %d", walk_draw(walk, 1000));
        memory_set_subject(mailbox, item, subject);
        on = 0;
    }
    touch(walk, message);
    /* What is done where nobody looks counts only if it comes back. */
    message->vanished = message->vanished || place_of(mailbox, item->folder) < 0;
    diary_act(message, DIARY_THERE, field, walk_wall(walk), on, subject);
    walk_say(walk->site, "outlook: %s %s %d %s (item %d)", message->id, diary_field_name(field),
             on, subject, item->number);
}

void walk_outlook(struct walk *walk, struct diary_message *message)
{
    struct memory_item *item = some_item(walk, message);

    if (!item)
        return;
    switch (walk_draw(walk, 24)) {
    case 0:
    case 1:
    case 2:
    case 3:
    case 4: set(walk, message, item, DIARY_READ); break;
    case 5:
    case 6: set(walk, message, item, DIARY_URGENT); break;
    case 7:
    case 8: set(walk, message, item, DIARY_SUBJECT); break;
    case 9:
    case 10:
    case 11: move(walk, message, item, MEMORY_DELETED); break;
    case 12:
    case 13: remove_item(walk, message, item); break;
    case 14:
    case 15: move(walk, message, item, MEMORY_INBOX); break;
    case 16: move(walk, message, item, MEMORY_JUNK); break;
    case 17: move(walk, message, item, MEMORY_ARCHIVE); break;
    case 18:
        if (walk_draw(walk, 3) == 0)
            copy(walk, message, item);
        break;
    default: move(walk, message, item, own_folder(walk, message->side)); break;
    }
}

/* ---- folders ---- */

static struct diary_message *message_of(struct walk *walk, const struct memory_item *item)
{
    for (int i = 0; i < walk->diary.count; i++) {
        if (strcmp(walk->diary.messages[i].id, item->message) == 0)
            return &walk->diary.messages[i];
    }
    return NULL;
}

/* Of what is in it or below it, a witness notes where it was and where it went. */
static void note_contents(struct walk *walk, int side, int folder, int from, int to)
{
    struct memory_mailbox *mailbox = walk->site->remote[side];

    for (int i = 0; i < mailbox->item_count; i++) {
        struct memory_item *item = &mailbox->items[i];
        struct diary_message *message =
            item->folder >= 0 && memory_folder_is_below(mailbox, item->folder, folder)
                ? message_of(walk, item)
                : NULL;
        if (message && from != to)
            went(walk, message, item, from, to);
    }
}

void walk_folders(struct walk *walk)
{
    static const int parents[] = {MEMORY_INBOX, MEMORY_INBOX, MEMORY_DELETED, MEMORY_ARCHIVE};
    int side = walk_draw(walk, WALK_SIDES), parent = parents[walk_draw(walk, 4)];
    struct memory_mailbox *mailbox = walk->site->remote[side];
    int folder = own_folder(walk, side), what = walk_draw(walk, 8);
    char name[MEMORY_NAME];

    snprintf(name, sizeof name, "Folder %d", mailbox->folder_count);
    if (mailbox->empty)
        return;
    if (folder < 0 || what < 3) {
        if (mailbox->folder_count < 20)
            folder = memory_folder_add(mailbox, parent, name);
        walk_say(walk->site, "outlook: folder %d of %s made below %d", folder, mailbox->address,
                 parent);
    } else if (what < 4) {
        snprintf(mailbox->folders[folder].name, MEMORY_NAME, "Renamed %d", walk->acts);
        walk_say(walk->site, "outlook: folder %d of %s renamed", folder, mailbox->address);
    } else if (what < 7) {
        int from = place_of(mailbox, folder);
        memory_folder_move(mailbox, folder, parent);
        walk_say(walk->site, "outlook: folder %d of %s moved below %d", folder,
                 mailbox->address, parent);
        note_contents(walk, side, folder, from, place_of(mailbox, folder));
    } else {
        int from = place_of(mailbox, folder);
        if (from >= 0)
            note_contents(walk, side, folder, from, -1);
        memory_folder_remove(mailbox, folder);
        walk_say(walk->site, "outlook: folder %d of %s removed", folder, mailbox->address);
    }
}

/* Mail that does not concern us. */
void walk_mail(struct walk *walk)
{
    struct memory_mailbox *mailbox = walk->site->remote[walk_draw(walk, WALK_SIDES)];

    if (!mailbox->empty)
        memory_create(mailbox, MEMORY_INBOX, &(struct memory_item){.subject = "other mail"});
}

/* A voice message, put into the Voice Outbox. */
void walk_compose(struct walk *walk)
{
    struct diary *diary = &walk->diary;
    int side = walk_draw(walk, WALK_SIDES);
    struct memory_mailbox *mailbox = walk->site->remote[side];
    struct memory_item item = {.read = true, .audio = true, .urgent = walk_draw(walk, 4) == 0};

    if (mailbox->empty || diary->letter_count == DIARY_LETTERS)
        return;
    struct diary_letter *letter = &diary->letters[diary->letter_count];
    *letter = (struct diary_letter){.to = walk_draw(walk, WALK_SIDES), .urgent = item.urgent};
    snprintf(letter->subject, sizeof letter->subject, "letter %d", diary->letter_count++);
    snprintf(item.subject, sizeof item.subject, "%s", letter->subject);
    snprintf(item.to, sizeof item.to, "%s", walk->site->mailboxes[letter->to].smtp);
    walk_say(walk->site, "outlook: %s composed by %s for %s as item %d", letter->subject,
             mailbox->address, item.to, memory_create(mailbox, MEMORY_OUTBOX, &item)->number);
}
