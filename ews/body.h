/* A request body of known length that is produced while it is sent: bytes before, a file in
 * base64, bytes after. Memory does not grow with the file.
 *
 * The file is opened when the body is made and its length is fixed then. */
#ifndef SIB_EWS_BODY_H
#define SIB_EWS_BODY_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

struct body;

/* Takes the memory of `bytes` (the buf is left empty). */
struct body *body_from_buf(struct buf *bytes);
/* `before`, then the file at path as base64 without line breaks, then `after`; takes both. */
struct body *body_with_file(struct buf *before, const char *path, struct buf *after,
                            struct err *err);
int64_t body_length(const struct body *body);
/* The text before the file (part 0) and after it (part 1), for a trace; NULL if there is none.
 */
const char *body_text(const struct body *body, int part, size_t *len);
/* Up to max bytes; 0 at the end; -1 when the file could not be read or became shorter. */
long body_read(struct body *body, char *out, size_t max);
bool body_rewind(struct body *body);
void body_free(struct body **body);

#endif
