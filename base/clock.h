/* Two kinds of time that the compiler cannot mix, and the only reader of the system's clocks.
 *
 * struct mono: time since boot, suspend included, never goes back; for intervals and deadlines.
 * struct wall: the calendar, milliseconds since 1970 UTC; for people, messages and stamps. */
#ifndef SIB_BASE_CLOCK_H
#define SIB_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct mono {
    int64_t ms;
};

struct wall {
    int64_t ms;
};

/* The system's clocks. Code that has a loop asks the loop instead (loop.h). */
struct mono clock_mono(void);
struct wall clock_wall(void);

static inline struct mono mono_add(struct mono t, int64_t ms)
{
    return (struct mono){t.ms + ms};
}

static inline int64_t mono_since(struct mono later, struct mono earlier)
{
    return later.ms - earlier.ms;
}

enum { CLOCK_TEXT_MAX = 32 };

/* RFC 3339 in UTC with milliseconds left out when zero: "2026-11-22T10:00:00Z".
 * text: at least CLOCK_TEXT_MAX bytes. Returns text. */
const char *clock_format(struct wall t, char *text);

/* Parse RFC 3339 / xs:dateTime ("Z", "+09:00", fractions; no zone means UTC). */
bool clock_parse(const char *text, struct wall *t);

/* Durations as people write them: "500ms", "10s", "5m", "1h", "2d", "0". */
bool clock_parse_duration(const char *text, int64_t *ms);

#endif
