#include "base/clock.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct mono clock_mono(void)
{
    struct timespec t;

    clock_gettime(CLOCK_BOOTTIME, &t);
    return (struct mono){(int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000};
}

struct wall clock_wall(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (struct wall){(int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000};
}

const char *clock_format(struct wall t, char *text)
{
    int64_t ms = t.ms % 1000;
    time_t seconds = (time_t)(t.ms / 1000);
    struct tm tm;

    if (ms < 0) {
        ms += 1000;
        seconds--;
    }
    gmtime_r(&seconds, &tm);
    /* Not strftime: it writes the year 1, which Exchange sends for "never", as one digit. */
    int n = snprintf(text, CLOCK_TEXT_MAX, "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900,
                     tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
    if (ms)
        snprintf(text + n, CLOCK_TEXT_MAX - n, ".%03dZ", (int)ms);
    else
        snprintf(text + n, CLOCK_TEXT_MAX - n, "Z");
    return text;
}

/* Exactly `count` digits. */
static bool digits(const char **p, int count, int *value)
{
    *value = 0;
    for (int i = 0; i < count; i++, (*p)++) {
        if (!isdigit((unsigned char)**p))
            return false;
        *value = *value * 10 + (**p - '0');
    }
    return true;
}

static bool literal(const char **p, char c)
{
    if (**p != c)
        return false;
    (*p)++;
    return true;
}

static bool parse_fraction(const char **p, int *ms)
{
    int scale = 100;

    *ms = 0;
    if (**p != '.')
        return true;
    (*p)++;
    if (!isdigit((unsigned char)**p))
        return false;
    for (; isdigit((unsigned char)**p); (*p)++, scale /= 10)
        *ms += (**p - '0') * scale;
    return true;
}

static bool parse_zone(const char **p, int *offset_minutes)
{
    int hours, minutes;
    int sign = **p == '-' ? -1 : 1;

    *offset_minutes = 0;
    if (**p == '\0')
        return true;
    if (**p == 'Z' || **p == 'z') {
        (*p)++;
        return true;
    }
    if (**p != '+' && **p != '-')
        return false;
    (*p)++;
    if (!digits(p, 2, &hours) || !literal(p, ':') || !digits(p, 2, &minutes))
        return false;
    if (hours > 14 || minutes > 59)
        return false;
    *offset_minutes = sign * (hours * 60 + minutes);
    return true;
}

bool clock_parse(const char *text, struct wall *t)
{
    struct tm tm = {0};
    int year, month, ms, offset;
    const char *p = text;

    while (isspace((unsigned char)*p))
        p++;
    if (!digits(&p, 4, &year) || !literal(&p, '-') || !digits(&p, 2, &month) ||
        !literal(&p, '-') || !digits(&p, 2, &tm.tm_mday))
        return false;
    if (*p != 'T' && *p != 't' && *p != ' ')
        return false;
    p++;
    if (!digits(&p, 2, &tm.tm_hour) || !literal(&p, ':') || !digits(&p, 2, &tm.tm_min) ||
        !literal(&p, ':') || !digits(&p, 2, &tm.tm_sec))
        return false;
    if (!parse_fraction(&p, &ms) || !parse_zone(&p, &offset))
        return false;
    while (isspace((unsigned char)*p))
        p++;
    if (*p || month < 1 || month > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 ||
        tm.tm_min > 59 || tm.tm_sec > 60)
        return false;
    tm.tm_year = year - 1900;
    tm.tm_mon = month - 1;
    int day = tm.tm_mday;
    int leap_second = tm.tm_sec == 60;
    tm.tm_sec -= leap_second;
    int64_t seconds = (int64_t)timegm(&tm) + leap_second;
    if (tm.tm_mday != day)
        return false; /* 31 February */
    t->ms = (seconds - (int64_t)offset * 60) * 1000 + ms;
    return true;
}

bool clock_parse_duration(const char *text, int64_t *ms)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    char *end;

    if (!isdigit((unsigned char)text[0]))
        return false;
    long long value = strtoll(text, &end, 10);
    if (value < 0 || value > 1000000000LL)
        return false;
    if (value == 0 && !*end) { /* nothing is nothing in every unit */
        *ms = 0;
        return true;
    }
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(end, units[i].unit) == 0) {
            *ms = value * units[i].ms;
            return true;
        }
    }
    return false;
}
