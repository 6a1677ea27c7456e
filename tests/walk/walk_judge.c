/* Who judges a walk: by what is on both sides, and what people did. Nothing here knows how the
 * two are kept the same. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "store/message.h"
#include "tests/walk/walk.h"

static const char *short_id(const struct diary_message *message)
{
    static char text[9];

    text_copy(text, sizeof text, message->id);
    return text;
}

/* ---- at any moment ---- */

/* Nobody did anything about where it is, in this chapter or for a while. */
static bool is_untouched(const struct diary_message *entry)
{
    return entry->known[DIARY_PLACE].number == PLACE_INBOX && !entry->touched &&
           !entry->ambiguous && !entry->purged && !entry->last[DIARY_HERE][DIARY_PLACE].at;
}

/* While a mailbox is empty there, what is here stays: a few may pass for the act of a person.
 */
static bool judge_mass_loss(struct walk *walk, int side)
{
    struct message message;
    struct err err;
    int lost = 0;

    for (int i = 0; i < walk->diary.count; i++) {
        const struct diary_message *entry = &walk->diary.messages[i];
        if (entry->side == side && is_untouched(entry) &&
            message_get(walk->site->store, entry->id, &message, &err))
            lost += message.folder != FOLDER_INBOX;
    }
    return lost <= WALK_GUARD ||
           walk_find(walk,
                     "mass loss: %d messages of %s were deleted here, and nobody wanted that",
                     lost, walk->site->mailboxes[side].name);
}

bool judge_step(struct walk *walk)
{
    struct memory_item *item;

    /* Its creates were on their way when the right mailbox came back. */
    bool excused = walk->site->remote[0]->emptied || walk->site->remote[1]->emptied;

    for (int side = 0; side < WALK_SIDES; side++) {
        if (walk->site->remote[side]->emptied && !judge_mass_loss(walk, side))
            return false;
    }
    if (walk->site->remotes->copies_removed)
        return walk_find(walk, "a copy that a person had made was removed");
    for (int i = 0; i < walk->diary.count; i++) {
        const struct diary_message *entry = &walk->diary.messages[i];
        int count = memory_visible(walk->site->remote[entry->side], entry->id, false, &item);
        if (count > 1 && !excused)
            return walk_find(walk, "doubled: message %s is there %d times", short_id(entry),
                             count);
    }
    return true;
}

/* ---- both sides ---- */

static bool is_deleted(const struct memory_mailbox *mailbox, const struct memory_item *item)
{
    return memory_place(mailbox, item->folder) == REMOTE_DELETED;
}

/* What it says: of a secure message nothing leaves. */
static const char *wrong_content(const struct diary_message *entry,
                                 const struct memory_item *item)
{
    if (item->audio && (entry->secure || !entry->audio))
        return "it has a recording that it must not have";
    if (!item->audio && !entry->secure && entry->audio)
        return "its recording is missing";
    if (!entry->transcript[0])
        return "";
    bool told = strstr(item->body, entry->transcript) != NULL;
    if (told && entry->secure)
        return "it tells what is secret";
    return told || entry->secure ? "" : "its transcription is missing";
}

/* "" : they are the same. */
static const char *difference(const struct memory_mailbox *mailbox,
                              const struct message *message, const struct memory_item *item)
{
    if ((message->folder == FOLDER_INBOX) == is_deleted(mailbox, item))
        return "it is deleted on one side only";
    if (message->read != item->read)
        return "it is read on one side only";
    if (message->urgent != item->urgent)
        return "it is urgent on one side only";
    if (strcmp(message->subject, item->subject) != 0)
        return "it has two subjects";
    if (message->private != item->private)
        return "it is private on one side only";
    return "";
}

/* One of several must be like it; of those nobody but a person may have made more than one. */
static bool any_is_the_same(struct walk *walk, const struct diary_message *entry,
                            const struct message *message)
{
    struct memory_mailbox *mailbox = walk->site->remote[entry->side];

    for (int i = 0; i < mailbox->item_count; i++) {
        const struct memory_item *item = &mailbox->items[i];
        if (item->folder >= 0 && item->folder != MEMORY_STAGING &&
            strcmp(item->message, entry->id) == 0 && !difference(mailbox, message, item)[0])
            return true;
    }
    return message->folder == FOLDER_DELETED;
}

static bool sides_agree(struct walk *walk, const struct diary_message *entry,
                        const struct message *message)
{
    struct memory_mailbox *mailbox = walk->site->remote[entry->side];
    struct memory_item *item;
    int count = memory_visible(mailbox, entry->id, true, &item);

    if (message->dirty_since_ms)
        return walk_find(walk, "lag: message %s is still not agreed", short_id(entry));
    if (entry->twin >= 0 && !entry->accepted)
        return count == 0 ||
               walk_find(walk, "message %s is there, and nobody accepted it", short_id(entry));
    if (message->folder == FOLDER_PURGED)
        return count == 0 || entry->touched || entry->ambiguous || mailbox->emptied ||
               walk_find(walk, "message %s was purged and is still there", short_id(entry));
    if (entry->ambiguous)
        return any_is_the_same(walk, entry, message) ||
               walk_find(walk, "message %s: none of its items is like it", short_id(entry));
    if (count > 1)
        return walk_find(walk, "doubled: message %s is there %d times", short_id(entry), count);
    if (count == 0)
        return message->folder == FOLDER_DELETED ||
               walk_find(walk, "message %s is here, and not there", short_id(entry));
    const char *what = difference(mailbox, message, item);
    if (!what[0])
        what = wrong_content(entry, item);
    return !what[0] || walk_find(walk, "message %s: %s", short_id(entry), what);
}

/* ---- the diary ---- */

static void values_of(const struct message *message, struct diary_value *out)
{
    memset(out, 0, DIARY_FIELDS * sizeof *out);
    out[DIARY_PLACE].number = message->folder == FOLDER_INBOX ? PLACE_INBOX : PLACE_DELETED;
    out[DIARY_READ].number = message->read;
    out[DIARY_URGENT].number = message->urgent;
    text_copy(out[DIARY_SUBJECT].text, DIARY_TEXT, message->subject);
}

static bool same(const struct diary_value *a, const struct diary_value *b)
{
    return a->number == b->number && strcmp(a->text, b->text) == 0;
}

/* Both said something: the later word counts, where an item there knows only the time of
 * whatever was done to it last. Whoever changes his mind twice, or says what was so already,
 * may have said nothing new. */
static bool is_later_word(const struct diary_message *entry, enum diary_field field,
                          const struct diary_value *now)
{
    const struct diary_value *here = &entry->last[DIARY_HERE][field];
    const struct diary_value *there = &entry->last[DIARY_THERE][field];
    const struct diary_value *known = &entry->known[field];
    bool either = here->acts > 1 || there->acts > 1 || same(here, known) ||
                  same(there, known) ||
                  (field == DIARY_PLACE && (entry->vanished || entry->kept)) ||
                  (here->at > there->at && entry->touched_at > here->at);

    if (either)
        return same(now, here) || same(now, there);
    return same(now, here->at > there->at ? here : there);
}

/* What one side said counts when the other said nothing. What was changed on an item that then
 * vanished may or may not have been noticed before. When Exchange had forgotten how far we
 * were, or the item was not known for certain yet, what vanished may be put back. */
static bool is_justified(const struct walk *walk, const struct diary_message *entry,
                         enum diary_field field, const struct diary_value *now)
{
    const struct diary_value *here = &entry->last[DIARY_HERE][field];
    const struct diary_value *there = &entry->last[DIARY_THERE][field];
    const struct diary_value *known = &entry->known[field];

    if (field == DIARY_PLACE &&
        ((entry->vanished && now->number == PLACE_DELETED) || (entry->kept && there->acts > 1)))
        return true;
    if (field == DIARY_PLACE &&
        ((entry->vanished && entry->brief) ||
         ((entry->vanished || entry->kept) && walk->site->remote[entry->side]->forgot)))
        return true;
    /* A read flag knows no time of its own. */
    if (field == DIARY_READ && there->at && walk->site->remote[entry->side]->forgot)
        return true;
    if (field != DIARY_PLACE && entry->vanished)
        return there->acts > 1 || same(now, here->at ? here : known) ||
               (there->at && same(now, there));
    if (!here->at && !there->at)
        return same(now, known);
    if (!here->at || !there->at)
        return same(now, here->at ? here : there);
    return is_later_word(entry, field, now);
}

/* While another mailbox stood in the place of the right one, what people did met nothing, and
 * the end of a few messages was taken for the act of a person; of more it may not be. */
static bool is_excused(struct walk *walk, const struct diary_message *entry,
                       const struct diary_value *now)
{
    if (!walk->site->remote[entry->side]->emptied)
        return false;
    if (now[DIARY_PLACE].number == entry->known[DIARY_PLACE].number ||
        entry->last[DIARY_HERE][DIARY_PLACE].at || entry->touched)
        return true;
    return ++walk->lost[entry->side] <= WALK_GUARD ||
           walk_find(walk, "mass loss: more messages of a mailbox than the guard allows were "
                           "deleted, and by nobody");
}

static bool agrees_with_diary(struct walk *walk, struct diary_message *entry,
                              const struct message *message)
{
    struct diary_value now[DIARY_FIELDS];
    bool excused;

    if (entry->purged != (message->folder == FOLDER_PURGED))
        return walk_find(walk, "message %s was %s", short_id(entry),
                         entry->purged ? "purged, and came back" : "purged by nobody");
    values_of(message, now);
    excused = entry->purged || entry->ambiguous || is_excused(walk, entry, now);
    if (walk->finding[0])
        return false;
    for (int field = 0; field < DIARY_FIELDS; field++) {
        if (!excused && !is_justified(walk, entry, field, &now[field]))
            return walk_find(walk, "message %s: nobody wanted its %s to be %d %s",
                             short_id(entry), diary_field_name(field), now[field].number,
                             now[field].text);
    }
    /* What was left alone once is a person's own. */
    entry->ambiguous = entry->ambiguous || (entry->purged && (entry->touched || excused));
    diary_begin_chapter(entry, now);
    return true;
}

/* What was done here needs no call to be noticed, and no sweep. */
bool judge_lag(struct walk *walk)
{
    int64_t count, oldest;
    struct err err;

    for (int side = 0; side < WALK_SIDES; side++) {
        const struct mailbox *mailbox = &walk->site->mailboxes[side];
        if (!message_dirty_count(walk->site->store, mailbox->id, &count, &oldest, &err))
            walk_die("%s", err.text);
        if (count)
            return walk_find(walk,
                             "lag: nothing is due for %s but a sweep, and %lld of its "
                             "messages are not agreed",
                             mailbox->name, (long long)count);
    }
    return true;
}

/* ---- what was composed ---- */

static bool is_in_diary(const struct diary *diary, const char *id)
{
    for (int i = 0; i < diary->count; i++) {
        if (strcmp(diary->messages[i].id, id) == 0)
            return true;
    }
    return false;
}

/* A message that nobody deposited: it must be a letter's, and the only one of it. */
static bool take_letter(const struct message *message, void *arg)
{
    struct walk *walk = arg;
    struct diary *diary = &walk->diary;

    if (is_in_diary(diary, message->id))
        return true;
    for (int i = 0; i < diary->letter_count; i++) {
        struct diary_letter *letter = &diary->letters[i];
        const char *to = walk->site->mailboxes[letter->to].id;
        if (strcmp(letter->subject, message->subject) != 0)
            continue;
        if (letter->delivered || strcmp(to, message->mailbox) != 0)
            return walk_find(walk, "%s was delivered twice, or to somebody else",
                             letter->subject);
        letter->delivered = true;
        struct diary_message *entry = diary_add(diary, message->id, letter->to);
        entry->audio = true;
        entry->known[DIARY_URGENT].number = letter->urgent;
        text_copy(entry->known[DIARY_SUBJECT].text, DIARY_TEXT, letter->subject);
        return true;
    }
    return walk_find(walk, "message %.8s (%s): nobody sent it", message->id, message->subject);
}

static bool letters_arrived(struct walk *walk)
{
    struct err err;

    for (int side = 0; side < WALK_SIDES; side++) {
        const struct memory_mailbox *mailbox = walk->site->remote[side];
        if (!message_each(walk->site->store, walk->site->mailboxes[side].id, FOLDERS,
                          take_letter, walk, &err))
            walk_die("%s", err.text);
        for (int i = 0; i < mailbox->item_count; i++) {
            if (mailbox->items[i].folder == MEMORY_OUTBOX)
                return walk_find(walk, "%s stays in the Voice Outbox",
                                 mailbox->items[i].subject);
        }
    }
    for (int i = 0; i < walk->diary.letter_count; i++) {
        if (!walk->diary.letters[i].delivered)
            return walk_find(walk, "lost: %s was not delivered",
                             walk->diary.letters[i].subject);
    }
    return !walk->finding[0];
}

bool judge_quiet(struct walk *walk)
{
    struct message message;
    struct err err;

    if (!letters_arrived(walk))
        return false;
    for (int i = 0; i < walk->diary.count; i++) {
        struct diary_message *entry = &walk->diary.messages[i];
        if (!message_get(walk->site->store, entry->id, &message, &err))
            return walk_find(walk, "lost: message %s", short_id(entry));
        if (!sides_agree(walk, entry, &message) || !agrees_with_diary(walk, entry, &message))
            return false;
    }
    for (int side = 0; side < WALK_SIDES; side++) {
        walk->lost[side] = 0;
        walk->site->remote[side]->forgot = walk->site->remote[side]->emptied = false;
    }
    return true;
}

static bool add_row(const struct message *message, void *arg)
{
    int64_t *mark = arg;

    *mark += message->row;
    return true;
}

int64_t judge_mark(struct walk *walk)
{
    int64_t mark = walk->site->remotes->writes;
    struct err err;

    for (int side = 0; side < WALK_SIDES; side++) {
        if (!message_each(walk->site->store, walk->site->mailboxes[side].id, FOLDERS, add_row,
                          &mark, &err))
            walk_die("%s", err.text);
    }
    return mark;
}
