/* Whether the disk of the message store has room: looked at often enough that an administrator
 * hears of it before callers do for long.
 *
 * Without room the alarm DiskFull is raised, in what the store's reserve gave up; while not
 * even that is possible it is tried again with every look. New messages are refused meanwhile,
 * before a caller records; what was accepted is there. With room again the alarm goes, and the
 * reserve is made anew. Ownership: borrows the loop, the store and the log. */
#ifndef SIB_SYNC_ROOM_H
#define SIB_SYNC_ROOM_H

#include "base/log.h"
#include "base/loop.h"
#include "store/store.h"

enum { ROOM_LOOK_MS = 10 * 1000 };

struct room;
/* NULL: no memory. The first look is in the next turn of the loop. */
struct room *room_new(struct loop *loop, struct store *store, const struct log_ctx *log);
void room_free(struct room **room);

#endif
