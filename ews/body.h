/* A request body of known length that is produced while it is sent: texts, and files in base64.
 * Memory does not grow with a file.
 *
 * It is put together in order, then read, perhaps several times. What stands between
 * body_begin_base64 and body_end_base64 comes out as one base64 of it all, so that a MIME
 * message with a file in it can be the content of an element. A file is opened, and its length
 * fixed, when it is added. Ownership: texts are taken. Errors: a body that could not be put
 * together is told once, by body_whole. */
#ifndef SIB_EWS_BODY_H
#define SIB_EWS_BODY_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct body;

/* NULL when there is no memory. */
struct body *body_new(void);
/* Takes the memory of `bytes` (the buf is left empty). */
void body_add_text(struct body *body, struct buf *bytes);
/* MIME wants lines (RFC 2045, 6.8: 76 characters, each closed with CR LF), XML does not. */
enum body_lines { BODY_ONE_LINE, BODY_MIME_LINES };
void body_add_file(struct body *body, const char *path, enum body_lines lines);
void body_begin_base64(struct body *body);
void body_end_base64(struct body *body);
/* body, when all of it could be added and it is not too long for a request; else it is freed,
 * NULL, and err says why. */
struct body *body_whole(struct body *body, struct err *err);

/* One text. NULL when there is no memory for it. */
struct body *body_from_buf(struct buf *bytes);
/* `before`, then the file at path as base64, then `after`; takes both. */
struct body *body_with_file(struct buf *before, const char *path, struct buf *after,
                            struct err *err);

int64_t body_length(const struct body *body);
/* The texts in their order, without the files, for a trace; NULL behind the last. */
const char *body_text(const struct body *body, int number, size_t *len);
/* Up to max bytes; 0 at the end; -1 when a file could not be read or became shorter. */
long body_read(struct body *body, char *out, size_t max);
void body_rewind(struct body *body);
/* Another owner of the same body, who frees it too; one of them reads at a time. A request that
 * may have to be sent once more keeps its body in this way. */
struct body *body_share(struct body *body);
void body_free(struct body **body);

#endif
