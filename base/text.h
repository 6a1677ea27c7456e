/* Text in fields of a fixed size, and what is UTF-8. */
#ifndef SIB_BASE_TEXT_H
#define SIB_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copy text into `size` bytes, always closed with NUL (size >= 1; the two must not overlap).
 * What is too long is cut after a whole UTF-8 character. True when all of it fitted. */
bool text_copy(char *out, size_t size, const char *text);

bool text_is_utf8(const char *text);
/* One character: its code point, and its length in bytes; 0 bytes when it is not UTF-8. */
size_t text_decode(const unsigned char *p, uint32_t *code);

#endif
