#include "sync/room.h"

#include <stdlib.h>

#include "store/alarm.h"

struct room {
    struct loop *loop;
    struct store *store;
    const struct log_ctx *log;
    struct loop_timer *timer;
    bool looked, full; /* as it was found and written down last */
};

static bool try_to_write(struct room *room, bool full, const char *text, struct err *err)
{
    struct store *store = room->store;

    if (!store_begin(store, err))
        return false;
    bool ok = full ? alarm_raise(store, ALARM_DISK_FULL, "", "", text, err)
                   : alarm_clear(store, ALARM_DISK_FULL, "", NULL, err);
    if (ok && store_commit(store, err))
        return true;
    store_rollback(store);
    return false;
}

/* The first try may be what gives the reserve up; the next look would take it back. */
static bool write_down(struct room *room, bool full, const char *text, struct err *err)
{
    return try_to_write(room, full, text, err) ||
           (err->kind == ERR_FULL && try_to_write(room, full, text, err));
}

static void look(void *arg)
{
    struct room *room = arg;
    struct err why, err;
    bool full = !store_has_room(room->store, &why) && why.kind == ERR_FULL;

    if (!room->looked || full != room->full) {
        if (write_down(room, full, full ? why.text : "", &err)) {
            if (full)
                log_error(room->log, "%s", why.text);
            else if (room->looked)
                log_info(room->log, "the disk of the message store has room again");
            room->full = full;
            room->looked = true;
        } else {
            log_warning(room->log, "%s", full ? why.text : err.text);
        }
    }
    loop_timer_set(room->timer, ROOM_LOOK_MS);
}

struct room *room_new(struct loop *loop, struct store *store, const struct log_ctx *log)
{
    struct room *room = calloc(1, sizeof *room);

    if (!room)
        return NULL;
    *room = (struct room){.loop = loop, .store = store, .log = log};
    room->timer = loop_timer_new(loop, look, room);
    if (!room->timer) {
        free(room);
        return NULL;
    }
    loop_timer_set(room->timer, 0);
    return room;
}

void room_free(struct room **room)
{
    if (*room)
        loop_timer_free(&(*room)->timer);
    free(*room);
    *room = NULL;
}
