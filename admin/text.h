/* Text for people: widths, durations, sizes, local times; and where it is shown.
 *
 * Everything is UTF-8. Text that came from outside (subjects, names of callers) passes
 * text_clean before a terminal sees it, so that no control sequence of a caller is ever obeyed.
 */
#ifndef SIB_ADMIN_TEXT_H
#define SIB_ADMIN_TEXT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/text.h"

enum style { STYLE_PLAIN, STYLE_BOLD, STYLE_DIM, STYLE_GOOD, STYLE_WARN, STYLE_BAD, STYLES };

/* Where output goes. */
struct screen {
    FILE *out;
    bool terminal;
    bool colour;
    int columns; /* of the terminal; 0: no limit */
};

/* What `out` is: a terminal, how wide, and whether colours are wanted (NO_COLOR, TERM=dumb). */
void screen_init(struct screen *screen, FILE *out);
/* The escape sequence that begins / ends a style; "" without colour. */
const char *screen_begin(const struct screen *screen, enum style style);
const char *screen_end(const struct screen *screen, enum style style);

/* Columns that the text takes on a terminal: 2 for a wide character, 0 for a combining one. */
int text_width(const char *text);
/* Bytes of the longest start of text that fits into `columns`. */
size_t text_fit(const char *text, int columns);
/* A copy in which control characters, marks that turn the direction of writing, and bytes that
 * are not UTF-8 are replaced by "?". size >= 1; cut at a whole character. Returns out. */
const char *text_clean(const char *text, char *out, size_t size);

enum { TEXT_SHORT = 48 };
/* Each writes into TEXT_SHORT bytes and returns them. */
const char *text_duration(int64_t ms, char *out);      /* "0:12", "1:02:03" */
const char *text_size(int64_t bytes, char *out);       /* "812 B", "96.2 kB", "4.1 MB" */
const char *text_span(int64_t ms, char *out);          /* "40 ms", "12 s", "5 min", "3 h" */
const char *text_time(struct wall t, char *out);       /* local: "2026-11-22 10:00" */
const char *text_time_exact(struct wall t, char *out); /* "2026-11-22 10:00:05 +0900" */

#endif
