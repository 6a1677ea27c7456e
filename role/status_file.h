/* What sibd is doing, as one JSON document in a file for sibctl: <state-dir>/status.json.
 *
 * Replaced by a rename, so that a reader finds a whole document; not synced, because it is of
 * no use after a crash and a slow disk must not hold up the role manager. It speaks of a
 * running server only while the process `pid` lives. */
#ifndef SIB_ROLE_STATUS_FILE_H
#define SIB_ROLE_STATUS_FILE_H

#include "base/buf.h"
#include "role/services.h"

struct status_file {
    const char *node, *identity;
    enum role_status status;
    pid_t pid;
    struct wall written;
    const struct services *services;
};

void status_file_format(const struct status_file *status, struct buf *out);
bool status_file_write(const struct status_file *status, const char *path, struct err *err);

#endif
