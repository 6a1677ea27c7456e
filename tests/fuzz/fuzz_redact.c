/* A recording: whatever a server says, nothing of a text that is not known to be harmless is
 * left, and what comes out is not much longer than what went in. */
#include <string.h>

#include "base/limits.h"
#include "ews/redact.h"
#include "tests/fuzz/fuzz_targets.h"

enum { SILENCE_MAX = 80 };

static void check_masked(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bool letter = (text[i] >= 'a' && text[i] <= 'z') || (text[i] >= 'A' && text[i] <= 'Z');
        fuzz_check((!letter || text[i] == 'x') && (unsigned char)text[i] < 0x80);
        fuzz_check(text[i] < '1' || text[i] > '9');
    }
}

/* Text within an element that nobody knows, up to where the input opens or closes another. */
static void check_text(const unsigned char *bytes, size_t len)
{
    static const char begin[] = "<t:Zzz>";
    struct buf in, out;
    const unsigned char *tag = memchr(bytes, '<', len);
    size_t text = tag ? (size_t)(tag - bytes) : len;

    buf_init(&in, MIB);
    buf_init(&out, 4 * MIB);
    buf_add_str(&in, begin);
    buf_add(&in, bytes, len);
    redact_body(&out, in.data, in.len, "salt");
    fuzz_check(!out.failed && out.len >= strlen(begin) + text);
    check_masked(out.data + strlen(begin), text);
    buf_clear(&in);
    buf_clear(&out);
}

void fuzz_redact(const unsigned char *bytes, size_t len)
{
    struct buf out;

    if (len > 64 * KIB)
        return;
    buf_init(&out, 4 * MIB);
    redact_body(&out, (const char *)bytes, len, "salt");
    fuzz_check(!out.failed && out.len <= len * SILENCE_MAX);
    buf_clear(&out);
    check_text(bytes, len);
}
