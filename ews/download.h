/* A file that arrives as base64 in pieces: whole at its path, or not there at all.
 *
 * Written beside the path under a temporary name; only download_commit (fsync, rename, fsync of
 * the folder) gives it the name. Memory does not grow with the file. What survives a crash: at
 * most the temporary file, which the next attempt overwrites. */
#ifndef SIB_EWS_DOWNLOAD_H
#define SIB_EWS_DOWNLOAD_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct download;
struct download *download_new(const char *path, int64_t max_bytes, struct err *err);
/* White space is skipped; anything else that is not base64, or too many bytes, fails. */
bool download_add(struct download *download, const char *base64, size_t len, struct err *err);
/* Ends and frees, also when it fails. */
bool download_commit(struct download **download, struct err *err);
/* Removes what was written. NULL is legal. */
void download_abort(struct download **download);

#endif
