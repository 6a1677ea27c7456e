/* Files that survive a power cut, and small helpers around paths. */
#ifndef SIB_BASE_FILE_H
#define SIB_BASE_FILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

bool file_make_dirs(const char *path, unsigned mode, struct err *err);
bool file_sync_dir(const char *path, struct err *err);

/* The whole file into buf (within buf's maximum). */
bool file_read(const char *path, struct buf *buf, struct err *err);

/* A secret: one line; refused when group or others may read it. */
bool file_read_secret(const char *path, struct buf *buf, struct err *err);

/* Write bytes to path so that after a crash there is the old file or the new one:
 * temporary file, fsync, rename, fsync of the folder. */
bool file_replace(const char *path, const void *bytes, size_t len, unsigned mode,
                  struct err *err);

/* Write all; false with errno's sentence. A full disk gives ERR_FULL. */
bool file_write_all(int fd, const void *bytes, size_t len, const char *name, struct err *err);

/* Fill err from errno: ENOSPC and EDQUOT are ERR_FULL, ENOENT is ERR_NO_INPUT, ... */
bool file_error(struct err *err, const char *doing, const char *path);

#endif
