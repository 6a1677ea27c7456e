/* The contents of attachments: kept once per content, in files or in memory.
 *
 * A content is named by its SHA-256. It is written in pieces (plain or base64) and is durable
 * once ex_blob_finish has returned. Nobody counts users here: whoever removes an attachment
 * asks its own records and calls ex_blob_forget. */
#ifndef SIB_TESTS_EXCHANGE_EXCHANGE_BLOB_H
#define SIB_TESTS_EXCHANGE_EXCHANGE_BLOB_H

#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"

struct blobs;
struct blob_writer;

/* dir NULL: in memory. */
struct blobs *ex_blobs_new(const char *dir, struct err *err);
void ex_blobs_free(struct blobs **blobs);

struct blob_writer *ex_blob_writer_new(struct blobs *blobs);
void ex_blob_add(struct blob_writer *writer, const void *bytes, size_t len);
/* base64 in pieces of any length; white space is skipped. */
void ex_blob_add_base64(struct blob_writer *writer, const char *text, size_t len);
/* Was all that came so far whole and proper base64? */
bool ex_blob_is_base64(const struct blob_writer *writer);
/* False: not base64 (ERR_DATA), or the disk refused. Frees the writer. hash: LIMIT_SHA256. */
bool ex_blob_finish(struct blob_writer **writer, char *hash, int64_t *size, struct err *err);
void ex_blob_writer_free(struct blob_writer **writer);

/* Appends the content as base64 without line breaks, or as it is. */
bool ex_blob_read_base64(struct blobs *blobs, const char *hash, struct buf *out);
bool ex_blob_read(struct blobs *blobs, const char *hash, struct buf *out);
/* Any bytes as base64. */
void ex_blob_base64(struct buf *out, const void *bytes, size_t len);
void ex_blob_forget(struct blobs *blobs, const char *hash);

#endif
