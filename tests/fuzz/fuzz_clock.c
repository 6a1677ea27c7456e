/* Times and durations as texts: what is read and written again is the same.
 * run: -max_len=64 -dict=none */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "tests/fuzz/fuzz_targets.h"

/* The years that four digits can say. */
static const struct wall first = {-62167219200000}, last = {253402300799999};

void fuzz_clock(const unsigned char *bytes, size_t len)
{
    char *text = malloc(len + 1), again[CLOCK_TEXT_MAX];
    struct wall time, same;
    int64_t ms = -1;

    fuzz_check(text);
    if (len)
        memcpy(text, bytes, len);
    text[len] = '\0';
    if (clock_parse(text, &time)) {
        clock_format(time, again);
        fuzz_check(strlen(again) < CLOCK_TEXT_MAX);
        if (time.ms >= first.ms && time.ms <= last.ms)
            fuzz_check(clock_parse(again, &same) && same.ms == time.ms);
    }
    if (clock_parse_duration(text, &ms))
        fuzz_check(ms >= 0);
    else
        fuzz_check(ms == -1);
    free(text);
}
