/* Logging as key=value lines with inherited context.
 *
 * A struct log_ctx is a link in a chain of fields ("mailbox=ann" under "service=sync"); it
 * lives where the thing it describes lives, and borrows its strings. A line carries the whole
 * chain.
 *
 * Levels: ERROR a person must act; WARNING we recovered; INFO role and service changes and one
 * line a run; DEBUG by module. Lines go to stderr (a supervisor or systemd collects them). */
#ifndef SIB_BASE_LOG_H
#define SIB_BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

struct log_ctx {
    const struct log_ctx *parent; /* NULL at the root */
    const char *key;              /* NULL: no field of its own */
    const char *value;
};

void log_at(enum log_level level, const struct log_ctx *ctx, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#define log_error(ctx, ...)   log_at(LOG_LEVEL_ERROR, (ctx), __VA_ARGS__)
#define log_warning(ctx, ...) log_at(LOG_LEVEL_WARNING, (ctx), __VA_ARGS__)
#define log_info(ctx, ...)    log_at(LOG_LEVEL_INFO, (ctx), __VA_ARGS__)
#define log_debug(ctx, ...)   log_at(LOG_LEVEL_DEBUG, (ctx), __VA_ARGS__)

void log_set_level(enum log_level level);
bool log_parse_level(const char *text, enum log_level *level);

/* Where lines go instead of stderr; NULL restores stderr. Tests use it to fail on an
 * unexpected warning. The line has no newline. */
typedef void log_sink_fn(enum log_level level, const char *line, void *arg);
void log_set_sink(log_sink_fn *fn, void *arg);

#endif
