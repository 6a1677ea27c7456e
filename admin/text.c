#include "admin/text.h"

#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

static const char *const style_codes[STYLES] = {
    [STYLE_PLAIN] = "",        [STYLE_BOLD] = "\033[1m",  [STYLE_DIM] = "\033[2m",
    [STYLE_GOOD] = "\033[32m", [STYLE_WARN] = "\033[33m", [STYLE_BAD] = "\033[31m",
};

void screen_init(struct screen *screen, FILE *out)
{
    const char *no_colour = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    struct winsize size = {0};
    int fd = fileno(out);

    *screen = (struct screen){.out = out};
    screen->terminal = fd >= 0 && isatty(fd) == 1;
    if (!screen->terminal)
        return;
    screen->colour = !(no_colour && no_colour[0]) && term && strcmp(term, "dumb") != 0;
    if (ioctl(fd, TIOCGWINSZ, &size) == 0)
        screen->columns = size.ws_col;
}

const char *screen_begin(const struct screen *screen, enum style style)
{
    return screen->colour ? style_codes[style] : "";
}

const char *screen_end(const struct screen *screen, enum style style)
{
    return screen->colour && style != STYLE_PLAIN ? "\033[0m" : "";
}

/* wcwidth by the rules of Unicode, whatever the user's locale is. */
static int code_width(uint32_t code)
{
    static locale_t utf8;

    if (code >= 0x20 && code < 0x7f)
        return 1;
    if (!utf8)
        utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (!utf8)
        return 1;
    locale_t before = uselocale(utf8);
    int width = wcwidth((wchar_t)code);
    uselocale(before);
    return width < 0 ? 1 : width;
}

size_t text_fit(const char *text, int columns)
{
    const unsigned char *p = (const unsigned char *)text;
    uint32_t code;

    while (*p) {
        size_t len = text_decode(p, &code);
        int width = len ? code_width(code) : 1;
        if (width > columns)
            break;
        columns -= width;
        p += len ? len : 1;
    }
    return (size_t)((const char *)p - text);
}

int text_width(const char *text)
{
    const unsigned char *p = (const unsigned char *)text;
    uint32_t code;
    int width = 0;

    while (*p) {
        size_t len = text_decode(p, &code);
        width += len ? code_width(code) : 1;
        p += len ? len : 1;
    }
    return width;
}

/* Control characters (C0, DEL, C1), line separators, and marks that turn the direction. */
static bool is_unwanted(uint32_t code)
{
    return code < 0x20 || (code >= 0x7f && code < 0xa0) || (code >= 0x200e && code <= 0x200f) ||
           (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

const char *text_clean(const char *text, char *out, size_t size)
{
    const unsigned char *p = (const unsigned char *)text;
    size_t used = 0;
    uint32_t code = 0;

    while (*p) {
        size_t len = text_decode(p, &code);
        bool bad = len == 0 || is_unwanted(code);
        size_t need = bad ? 1 : len;
        if (used + need >= size)
            break;
        memcpy(out + used, bad ? (const unsigned char *)"?" : p, need);
        used += need;
        p += len ? len : 1;
    }
    out[used] = '\0';
    return out;
}

const char *text_duration(int64_t ms, char *out)
{
    long long s = (long long)((ms + 500) / 1000);

    if (s < 3600)
        snprintf(out, TEXT_SHORT, "%lld:%02lld", s / 60, s % 60);
    else
        snprintf(out, TEXT_SHORT, "%lld:%02lld:%02lld", s / 3600, s / 60 % 60, s % 60);
    return out;
}

const char *text_size(int64_t bytes, char *out)
{
    static const char *const units[] = {"kB", "MB", "GB"};
    double value = (double)bytes / 1000;
    size_t unit = 0;

    if (bytes < 1000) {
        snprintf(out, TEXT_SHORT, "%lld B", (long long)bytes);
        return out;
    }
    for (; value >= 999.95 && unit < 2; unit++)
        value /= 1000;
    snprintf(out, TEXT_SHORT, "%.1f %s", value, units[unit]);
    return out;
}

const char *text_span(int64_t ms, char *out)
{
    static const struct {
        int64_t below, divide;
        const char *unit;
    } steps[] = {{1000, 1, "ms"},
                 {2 * 60000, 1000, "s"},
                 {2 * 3600000, 60000, "min"},
                 {2 * 86400000LL, 3600000, "h"},
                 {INT64_MAX, 86400000, "d"}};
    size_t i = 0;

    while (ms >= steps[i].below)
        i++;
    snprintf(out, TEXT_SHORT, "%lld %s", (long long)(ms / steps[i].divide), steps[i].unit);
    return out;
}

static const char *local_time(struct wall t, const char *format, char *out)
{
    time_t seconds = (time_t)(t.ms / 1000);
    struct tm tm;

    if (!localtime_r(&seconds, &tm) || strftime(out, TEXT_SHORT, format, &tm) == 0)
        snprintf(out, TEXT_SHORT, "?");
    return out;
}

const char *text_time(struct wall t, char *out)
{
    return local_time(t, "%Y-%m-%d %H:%M", out);
}

const char *text_time_exact(struct wall t, char *out)
{
    return local_time(t, "%Y-%m-%d %H:%M:%S %z", out);
}
