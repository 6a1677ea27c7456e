/* A growing byte buffer that knows its maximum from birth.
 *
 * Ownership: the struct belongs to the caller; buf_clear frees what it grew. Always followed by
 * a NUL byte that does not count. Errors: an append past the maximum, or without memory, sets
 * `failed` and changes nothing else; the caller looks once, at the end. */
#ifndef SIB_BASE_BUF_H
#define SIB_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
    char *data; /* NULL until the first append */
    size_t len; /* bytes used */
    size_t cap;
    size_t max; /* bytes; never more than this */
    bool failed;
};

void buf_init(struct buf *buf, size_t max_bytes);
void buf_clear(struct buf *buf); /* frees; the buffer may be used again with the same maximum */
void buf_reset(struct buf *buf); /* forgets the content, keeps the memory */

bool buf_add(struct buf *buf, const void *bytes, size_t len);
bool buf_add_str(struct buf *buf, const char *text);
bool buf_printf(struct buf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool buf_vprintf(struct buf *buf, const char *fmt, va_list args);

/* The text so far; "" when empty. Borrowed, valid until the next change. */
const char *buf_str(const struct buf *buf);

/* Hand the memory to the caller, who frees it with free(). NULL when nothing was added. */
char *buf_take(struct buf *buf, size_t *len);

#endif
