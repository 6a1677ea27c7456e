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

size_t text_decode(const unsigned char *p, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    size_t len = p[0] < 0x80 ? 1 : p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc0 ? 2 : 0;

    if (len == 0 || p[0] > 0xf4)
        return 0;
    *code = len == 1 ? p[0] : p[0] & (0x7fU >> len);
    for (size_t i = 1; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        *code = *code << 6 | (p[i] & 0x3f);
    }
    if (*code < least[len] || *code > 0x10ffff || (*code >= 0xd800 && *code <= 0xdfff))
        return 0;
    return len;
}

bool text_is_utf8(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    uint32_t code;

    while (*p) {
        size_t len = text_decode(p, &code);
        if (len == 0)
            return false;
        p += len;
    }
    return true;
}
