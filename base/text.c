#include "base/text.h"

#include <assert.h>
#include <string.h>

enum { UTF8_BYTES_MAX = 4 };

static bool continues(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

/* The longest start of text, of at most `most` bytes, that does not end within a character.
 * Bytes that are not UTF-8 are cut where it is. */
static size_t whole_start(const char *text, size_t most)
{
    size_t len = most;

    while (len > 0 && most - len < UTF8_BYTES_MAX && continues(text[len]))
        len--;
    return continues(text[len]) ? most : len;
}

bool text_copy(char *out, size_t size, const char *text)
{
    assert(size > 0);
    size_t len = strnlen(text, size);
    bool fitted = len < size;

    if (!fitted)
        len = whole_start(text, size - 1);
    memcpy(out, text, len);
    out[len] = '\0';
    return fitted;
}
