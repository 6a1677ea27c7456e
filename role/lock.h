/* One sibd for one state folder: a lock that the kernel releases when its holder ends. */
#ifndef SIB_ROLE_LOCK_H
#define SIB_ROLE_LOCK_H

#include "base/err.h"

/* The descriptor that holds the lock (close it to release), or -1: err is ERR_TEMPORARY when
 * another process, which is named, holds it. */
int lock_take(const char *state_dir, struct err *err);

#endif
