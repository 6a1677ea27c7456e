#include "base/err.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

struct kind_row {
    int exit_code;
    const char *name;
};

static const struct kind_row kinds[] = {
    [ERR_OK] = {EX_OK, "ok"},
    [ERR_USAGE] = {EX_USAGE, "usage"},
    [ERR_DATA] = {EX_DATAERR, "data"},
    [ERR_NO_INPUT] = {EX_NOINPUT, "no-input"},
    [ERR_NO_MAILBOX] = {EX_NOUSER, "no-mailbox"},
    [ERR_NO_HOST] = {EX_NOHOST, "no-host"},
    [ERR_UNAVAILABLE] = {EX_UNAVAILABLE, "unavailable"},
    [ERR_INTERNAL] = {EX_SOFTWARE, "internal"},
    [ERR_SYSTEM] = {EX_OSERR, "system"},
    [ERR_IO] = {EX_IOERR, "io"},
    [ERR_FULL] = {EX_CANTCREAT, "full"},
    [ERR_TEMPORARY] = {EX_TEMPFAIL, "temporary"},
    [ERR_PROTOCOL] = {EX_PROTOCOL, "protocol"},
    [ERR_DENIED] = {EX_NOPERM, "denied"},
    [ERR_CONFIG] = {EX_CONFIG, "config"},
    [ERR_GONE] = {EX_DATAERR, "gone"},
    [ERR_CONFLICT] = {EX_TEMPFAIL, "conflict"},
    [ERR_REFUSED] = {EX_DATAERR, "refused"},
    [ERR_CANCELLED] = {EX_TEMPFAIL, "cancelled"},
};

static_assert(sizeof kinds / sizeof kinds[0] == ERR_KINDS, "each kind has its row");

bool err_set(struct err *err, enum err_kind kind, const char *fmt, ...)
{
    va_list args;

    err_clear(err);
    err->kind = kind;
    va_start(args, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, args);
    va_end(args);
    return false;
}

bool err_prefix(struct err *err, const char *fmt, ...)
{
    char old[sizeof err->text];
    va_list args;

    memcpy(old, err->text, sizeof old);
    va_start(args, fmt);
    int n = vsnprintf(err->text, sizeof err->text, fmt, args);
    va_end(args);
    if (n >= 0 && (size_t)n < sizeof err->text)
        snprintf(err->text + n, sizeof err->text - (size_t)n, "%s", old);
    return false;
}

void err_clear(struct err *err)
{
    memset(err, 0, sizeof *err);
}

int err_exit_code(enum err_kind kind)
{
    assert(kind < ERR_KINDS);
    return kinds[kind].exit_code;
}

const char *err_kind_name(enum err_kind kind)
{
    assert(kind < ERR_KINDS);
    return kinds[kind].name;
}
