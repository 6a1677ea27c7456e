#include "tests/exchange/exchange_mime_header.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

bool ex_mime_split(const char *start, const char *end, struct part *part)
{
    *part = (struct part){.head = start, .end = end};
    for (const char *p = start; p < end; p++) {
        if (*p != '\n')
            continue;
        const char *next = p + 1;
        if (next < end && *next == '\r')
            next++;
        if (next < end && *next == '\n') {
            part->head_end = p;
            part->body = next + 1;
            return true;
        }
    }
    return false;
}

bool ex_mime_header(const struct part *part, const char *name, char *value, size_t size)
{
    size_t len = strlen(name), used = 0;
    value[0] = '\0';
    for (const char *line = part->head; line < part->head_end;) {
        const char *stop = memchr(line, '\n', (size_t)(part->head_end - line));
        stop = stop ? stop : part->head_end;
        bool match = !strncasecmp(line, name, len) && line[len] == ':';
        for (const char *p = match ? line + len + 1 : stop; p < stop; p++)
            if (*p != '\r' && used + 1 < size && (used || !isspace((unsigned char)*p)))
                value[used++] = *p;
        line = stop + 1;
        while (match && line < part->head_end && (*line == ' ' || *line == '\t')) {
            stop = memchr(line, '\n', (size_t)(part->head_end - line));
            stop = stop ? stop : part->head_end;
            for (const char *p = line; p < stop; p++)
                if (*p != '\r' && used + 1 < size)
                    value[used++] = *p;
            line = stop + 1;
        }
        if (match) {
            value[used] = '\0';
            return true;
        }
    }
    return false;
}

bool ex_mime_parameter(const char *text, const char *name, char *value, size_t size)
{
    size_t len = strlen(name);
    value[0] = '\0';
    for (const char *p = strcasestr(text, name); p; p = strcasestr(p + 1, name)) {
        if (p[len] != '=' || (p > text && isalnum((unsigned char)p[-1])))
            continue;
        p += len + 1;
        bool quoted = *p == '"';
        snprintf(value, size, "%.*s", (int)strcspn(p + quoted, quoted ? "\"" : "; \t"),
                 p + quoted);
        return true;
    }
    return false;
}

int ex_mime_hex(char c)
{
    return isdigit((unsigned char)c)    ? c - '0'
           : isxdigit((unsigned char)c) ? (c | 32) - 'a' + 10
                                        : -1;
}

static int base64_digit(char c)
{
    static const char digits[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* Decoded text is never longer than encoded text, so `out` may be where `in` begins. */
static char *decode_b(char *out, const char *in, const char *end)
{
    uint32_t bits = 0;
    int count = 0;
    for (; in < end && base64_digit(*in) >= 0; in++) {
        bits = bits << 6 | (uint32_t)base64_digit(*in);
        count += 6;
        if (count >= 8) {
            count -= 8;
            *out++ = (char)(bits >> count & 0xff);
        }
    }
    return out;
}

static char *decode_q(char *out, const char *in, const char *end)
{
    for (; in < end; in++) {
        int high = *in == '=' && in + 2 < end ? ex_mime_hex(in[1]) : -1;
        int low = high >= 0 ? ex_mime_hex(in[2]) : -1;
        if (low >= 0) {
            *out++ = (char)(high * 16 + low);
            in += 2;
        } else {
            *out++ = *in == '_' ? ' ' : *in;
        }
    }
    return out;
}

/* The text between the second and the third question mark of an encoded word, and how it is
 * encoded. NULL: it is none. */
static const char *encoded_word(const char *in, char *how, const char **end)
{
    const char *charset_end = strncmp(in, "=?", 2) ? NULL : strchr(in + 2, '?');
    if (!charset_end || !charset_end[1] || charset_end[2] != '?')
        return NULL;
    *how = (char)tolower((unsigned char)charset_end[1]);
    *end = strstr(charset_end + 3, "?=");
    return *end && strchr("bq", *how) ? charset_end + 3 : NULL;
}

void ex_mime_decode_words(char *text)
{
    char *out = text, how;
    const char *end;
    for (const char *in = text; *in;) {
        const char *word = encoded_word(in, &how, &end);
        if (!word) {
            *out++ = *in++;
            continue;
        }
        out = how == 'b' ? decode_b(out, word, end) : decode_q(out, word, end);
        in = end + 2;
        const char *next = in + strspn(in, " \t");
        if (encoded_word(next, &how, &end)) /* space between two of them does not count */
            in = next;
    }
    *out = '\0';
}

int64_t ex_mime_date(const char *text)
{
    struct tm tm = {0};
    const char *day = strchr(text, ',') ? strchr(text, ',') + 1 : text;
    const char *zone = strptime(day, " %d %b %Y %H:%M:%S %z", &tm);
    long offset = tm.tm_gmtoff; /* timegm sets it to nothing */
    return zone ? ((int64_t)timegm(&tm) - offset) * 1000 : 0;
}
