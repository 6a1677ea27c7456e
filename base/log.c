#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"

enum { LINE_MAX_BYTES = 2048 };

static const char *const level_names[] = {"error", "warning", "info", "debug"};
static enum log_level threshold = LOG_LEVEL_INFO;
static log_sink_fn *sink;
static void *sink_arg;

void log_set_level(enum log_level level)
{
    threshold = level;
}

bool log_parse_level(const char *text, enum log_level *level)
{
    for (int i = LOG_LEVEL_ERROR; i <= LOG_LEVEL_DEBUG; i++) {
        if (strcasecmp(text, level_names[i]) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    }
    return false;
}

void log_set_sink(log_sink_fn *fn, void *arg)
{
    sink = fn;
    sink_arg = arg;
}

/* Append, cutting at the end of the line rather than failing. Control characters become '?', so
 * that nothing from outside can forge a line. */
static size_t put(char *line, size_t at, const char *text)
{
    for (; *text && at < LINE_MAX_BYTES - 2; text++)
        line[at++] = (unsigned char)*text < 0x20 || *text == 0x7f ? '?' : *text;
    line[at] = '\0';
    return at;
}

static size_t put_fields(char *line, size_t at, const struct log_ctx *ctx)
{
    if (!ctx)
        return at;
    at = put_fields(line, at, ctx->parent);
    if (ctx->key) {
        at = put(line, at, " ");
        at = put(line, at, ctx->key);
        at = put(line, at, "=");
        at = put(line, at, ctx->value ? ctx->value : "");
    }
    return at;
}

void log_at(enum log_level level, const struct log_ctx *ctx, const char *fmt, ...)
{
    char line[LINE_MAX_BYTES], message[LINE_MAX_BYTES], stamp[CLOCK_TEXT_MAX];
    va_list args;
    size_t at = 0;

    if (level > threshold)
        return;
    va_start(args, fmt);
    vsnprintf(message, sizeof message, fmt, args);
    va_end(args);
    if (!sink) {
        at = put(line, at, clock_format(clock_wall(), stamp));
        at = put(line, at, " ");
    }
    at = put(line, at, level_names[level]);
    at = put_fields(line, at, ctx);
    at = put(line, at, ": ");
    at = put(line, at, message);
    if (sink) {
        sink(level, line, sink_arg);
        return;
    }
    line[at++] = '\n';
    /* One write a line keeps lines of several processes apart. Nothing can be done on failure.
     */
    ssize_t ignored = write(STDERR_FILENO, line, at);
    (void)ignored;
}
