#include "sync/choose.h"

#include <string.h>

#include "base/bug.h"
#include "remote/remote.h"

const struct attempt *choose_attempt(const char *creation, const struct attempt *attempts,
                                     int attempt_count)
{
    for (int i = 0; i < attempt_count; i++) {
        if (strcmp(attempts[i].creation, creation) == 0)
            return &attempts[i];
    }
    return NULL;
}

bool choose_is_touched(const struct item_row *item, const struct attempt *attempts,
                       int attempt_count)
{
    const struct attempt *made = choose_attempt(item->creation, attempts, attempt_count);

    return made && (item->place != REMOTE_INBOX || item->read != made->read ||
                    item->urgent != made->urgent || strcmp(item->subject, made->subject) != 0);
}

/* The one that stands for its creation: what was agreed upon if it is there, else the oldest.
 */
static int representative(const struct item_row *items, int count, int first,
                          const char *agreed_item)
{
    for (int i = first; i < count; i++) {
        if (strcmp(items[i].creation, items[first].creation) == 0 &&
            strcmp(items[i].id, agreed_item) == 0)
            return i;
    }
    return first;
}

static bool is_first_of_creation(const struct item_row *items, int index)
{
    for (int i = 0; i < index && !bug(copies_are_ours); i++) {
        if (strcmp(items[i].creation, items[index].creation) == 0)
            return false;
    }
    return true;
}

/* Does a come before b by the rule in the header? */
static bool goes_before(const struct item_row *a, bool a_touched, const struct item_row *b,
                        bool b_touched)
{
    if (a_touched != b_touched)
        return a_touched;
    if (a->created_ms != b->created_ms)
        return a->created_ms < b->created_ms;
    return strcmp(a->creation, b->creation) < 0;
}

struct choice choose_item(const struct item_row *items, int count, const char *agreed_item,
                          const struct attempt *attempts, int attempt_count)
{
    struct choice choice = {.keep = -1};
    int groups[CHOOSE_ITEMS_MAX], group_count = 0;
    bool kept_touched = false;

    for (int i = 0; i < count && group_count < CHOOSE_ITEMS_MAX; i++) {
        if (is_first_of_creation(items, i))
            groups[group_count++] = representative(items, count, i, agreed_item);
    }
    for (int g = 0; g < group_count; g++) {
        bool touched = choose_is_touched(&items[groups[g]], attempts, attempt_count);
        if (choice.keep < 0 ||
            goes_before(&items[groups[g]], touched, &items[choice.keep], kept_touched)) {
            choice.keep = groups[g];
            kept_touched = touched;
        }
    }
    for (int g = 0; g < group_count; g++) {
        /* Only what a create of ours made is ours to remove. */
        if (groups[g] != choice.keep && items[groups[g]].creation[0] &&
            choose_attempt(items[groups[g]].creation, attempts, attempt_count))
            choice.remove[choice.remove_count++] = groups[g];
    }
    return choice;
}
