/* Text in fields of a fixed size. */
#ifndef SIB_BASE_TEXT_H
#define SIB_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* Copy text into `size` bytes, always closed with NUL (size >= 1; the two must not overlap).
 * What is too long is cut after a whole UTF-8 character. True when all of it fitted. */
bool text_copy(char *out, size_t size, const char *text);

#endif
