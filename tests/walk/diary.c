#include "tests/walk/diary.h"

#include <assert.h>
#include <string.h>

#include "base/text.h"

static const char *const field_names[DIARY_FIELDS] = {
    [DIARY_PLACE] = "folder",
    [DIARY_READ] = "read",
    [DIARY_URGENT] = "urgent",
    [DIARY_SUBJECT] = "subject",
};

const char *diary_field_name(enum diary_field field)
{
    return field_names[field];
}

struct diary_message *diary_add(struct diary *diary, const char *id, int side)
{
    assert(diary->count < DIARY_MESSAGES);
    struct diary_message *message = &diary->messages[diary->count++];
    memset(message, 0, sizeof *message);
    text_copy(message->id, sizeof message->id, id);
    message->side = side;
    message->twin = -1;
    return message;
}

void diary_act(struct diary_message *message, enum diary_side side, enum diary_field field,
               int64_t at, int number, const char *text)
{
    struct diary_value *value = &message->last[side][field];

    value->at = at;
    value->acts++;
    value->number = number;
    text_copy(value->text, sizeof value->text, text ? text : "");
}

void diary_begin_chapter(struct diary_message *message, const struct diary_value *now)
{
    memset(message->last, 0, sizeof message->last);
    memcpy(message->known, now, sizeof message->known);
    message->touched = message->vanished = message->kept = message->brief = false;
}
