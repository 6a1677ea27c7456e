/* Exchange's callbacks: what is taken from one is within its limits, and cut short it is never
 * taken at all. */
#include <string.h>

#include "ews/notification.h"
#include "tests/fuzz/fuzz_targets.h"

enum { NOTES_MAX = 4 };

static bool parse(const unsigned char *bytes, size_t len, struct notification *notes,
                  size_t *count)
{
    struct err err = {0};

    memset(notes, 0xAA, NOTES_MAX * sizeof *notes);
    bool ok = notification_parse(bytes, len, notes, NOTES_MAX, count, &err);
    fuzz_check_result(ok, &err);
    fuzz_check(*count <= NOTES_MAX && ok == (*count > 0));
    return ok;
}

static void check_note(const struct notification *note)
{
    fuzz_check(memchr(note->subscription, '\0', sizeof note->subscription));
    fuzz_check(!strpbrk(note->subscription, " \t\r\n"));
    fuzz_check(note->lost || note->subscription[0]);
    fuzz_check(note->events >= 0 && (!note->status_only || note->events > 0));
}

void fuzz_notification(const unsigned char *bytes, size_t len)
{
    struct notification notes[NOTES_MAX], cut[NOTES_MAX];
    size_t count, cut_count;

    if (!parse(bytes, len, notes, &count))
        return;
    for (size_t i = 0; i < count; i++)
        check_note(&notes[i]);
    fuzz_check(len <= LIMIT_CALLBACK_BYTES);
    fuzz_check(!parse(bytes, len / 2, cut, &cut_count) || cut_count == count);
}
