/* The headers of MIME: parts, values, parameters, encoded words, dates. Private. */
#ifndef SIB_TESTS_EXCHANGE_EXCHANGE_MIME_HEADER_H
#define SIB_TESTS_EXCHANGE_EXCHANGE_MIME_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A whole message, or one part of it; borrowed. */
struct part {
    const char *head, *head_end, *body, *end;
};

/* False: there is no empty line, so it is no part. */
bool ex_mime_split(const char *start, const char *end, struct part *part);
/* The value of a header, unfolded. False: it is not there. */
bool ex_mime_header(const struct part *part, const char *name, char *value, size_t size);
/* name="value" within a header. */
bool ex_mime_parameter(const char *text, const char *name, char *value, size_t size);
/* "=?utf-8?Q?...?=" and "=?utf-8?B?...?=" in place; what is none stays. */
void ex_mime_decode_words(char *text);
/* "Mon, 22 Nov 2026 09:00:00 +0100" as milliseconds since 1970; 0 when it is none. */
int64_t ex_mime_date(const char *text);
int ex_mime_hex(char c); /* -1: no digit */

#endif
