#include "tests/exchange/exchange_ident.h"

#include <stdio.h>
#include <string.h>

#include "tests/exchange/exchange_mailbox.h"

uint64_t exchange_mix(const struct exchange *ex, uint64_t a, uint64_t b)
{
    struct rng rng = rng_seed(ex->seed ^ a * 0x9E3779B97F4A7C15u ^ b * 0xC2B2AE3D27D4EB4Fu);
    rng_next(&rng);
    return rng_next(&rng);
}

static size_t put64(unsigned char *out, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        out[i] = (unsigned char)(value >> (56 - 8 * i));
    return 8;
}

static uint64_t get64(const unsigned char *in)
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value = value << 8 | in[i];
    return value;
}

static void encode(const unsigned char *bytes, size_t len, char *text, size_t size)
{
    struct buf out;
    buf_init(&out, size);
    ex_blob_base64(&out, bytes, len);
    snprintf(text, size, "%s", buf_str(&out));
    buf_clear(&out);
}

/* Strict base64 without white space; false when it is none or too long. */
static bool decode(const char *text, unsigned char *bytes, size_t size, size_t *len)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t n = strlen(text), pads = 0;
    *len = 0;
    if (n == 0 || n % 4)
        return false;
    while (pads < 2 && text[n - 1 - pads] == '=')
        pads++;
    if (n / 4 * 3 > size)
        return false;
    for (size_t i = 0; i < n; i += 4) {
        uint32_t quad = 0;
        for (size_t k = 0; k < 4; k++) {
            bool pad = i + k >= n - pads;
            const char *at = pad ? digits : memchr(digits, text[i + k], 64);
            if (!at)
                return false;
            quad = quad << 6 | (uint32_t)(at - digits);
        }
        bytes[(*len)++] = (unsigned char)(quad >> 16);
        bytes[(*len)++] = (unsigned char)(quad >> 8);
        bytes[(*len)++] = (unsigned char)quad;
    }
    *len -= pads;
    return true;
}

/* "AAMk", then the mailbox's guid as text, then what only the store understands: as in the
 * field, ids of one mailbox differ only near the end. */
void ex_ident_make(const struct exchange *ex, enum ident_kind kind, int64_t mailbox,
                   int64_t row, char *text)
{
    unsigned char bytes[128] = {0x00, 0x03, 0x24, 0x00};
    uint64_t guid = exchange_mix(ex, 1, (uint64_t)mailbox);
    size_t len = 4;
    len += (size_t)snprintf((char *)bytes + len, 40, "%08x-%04x-4%03x-8%03x-%012llx",
                            (unsigned)(guid >> 32), (unsigned)(guid >> 16 & 0xffff),
                            (unsigned)(guid & 0xfff), (unsigned)(mailbox & 0xfff),
                            (unsigned long long)(exchange_mix(ex, 2, guid) >> 16));
    bytes[len++] = kind == IDENT_ITEM ? 0x46 : 0x2e;
    memset(bytes + len, 0, 7);
    len += 7;
    len += put64(bytes + len, guid);
    len += put64(bytes + len, exchange_mix(ex, (uint64_t)kind, (uint64_t)row));
    bytes[len++] = (unsigned char)kind;
    len += put64(bytes + len, (uint64_t)row);
    encode(bytes, len, text, EXCHANGE_ID_MAX);
}

bool exchange_id_well_formed(const char *key)
{
    unsigned char bytes[EXCHANGE_ID_MAX];
    size_t len;
    return !strncmp(key, "AAMk", 4) && decode(key, bytes, sizeof bytes, &len) && len > 40;
}

void ex_ident_attachment(const struct exchange *ex, const char *item_key, int64_t row,
                         char *text)
{
    unsigned char tail[12] = {0x12, 0x00, 0x10};
    put64(tail + 3, exchange_mix(ex, 9, (uint64_t)row));
    size_t len = strlen(item_key);
    while (len && item_key[len - 1] == '=')
        len--;
    len -= len % 4;
    char encoded[32];
    encode(tail, sizeof tail, encoded, sizeof encoded);
    snprintf(text, EXCHANGE_ID_MAX + 32, "%.*s%s", (int)len, item_key, encoded);
}

void ex_ident_change_key(const struct exchange *ex, enum ident_kind kind, int64_t mailbox,
                         int64_t touched, char *text)
{
    unsigned char bytes[32] = {kind == IDENT_ITEM ? 0x09 : 0x01, 0, 0, 0, 0x16, 0, 0, 0};
    size_t len = 8;
    len += put64(bytes + len, exchange_mix(ex, 3, (uint64_t)mailbox));
    len += put64(bytes + len, (uint64_t)touched);
    encode(bytes, len, text, EXCHANGE_ID_MAX);
}

static uint64_t seal_of(const struct exchange *ex, const unsigned char *bytes, size_t len)
{
    uint64_t seal = 0;
    for (size_t i = 0; i < len; i++)
        seal = exchange_mix(ex, seal, bytes[i]);
    return seal;
}

void ex_ident_seal(const struct exchange *ex, const char *magic, const int64_t *words,
                   int count, char *text)
{
    unsigned char bytes[256];
    size_t len = strlen(magic);
    memcpy(bytes, magic, len);
    for (int i = 0; i < count; i++)
        len += put64(bytes + len, (uint64_t)words[i]);
    len += put64(bytes + len, seal_of(ex, bytes, len));
    encode(bytes, len, text, 64 + (size_t)count * 12);
}

bool ex_ident_unseal(const struct exchange *ex, const char *magic, const char *text,
                     int64_t *words, int count)
{
    unsigned char bytes[256];
    size_t len, skip = strlen(magic);
    if (!decode(text, bytes, sizeof bytes, &len) || len != skip + 8 * (size_t)count + 8 ||
        memcmp(bytes, magic, skip) || get64(bytes + len - 8) != seal_of(ex, bytes, len - 8))
        return false;
    for (int i = 0; i < count; i++)
        words[i] = (int64_t)get64(bytes + skip + 8 * (size_t)i);
    return true;
}
