#include "tests/support/mark.h"

#include "queue/queue.h"

static bool push(struct store *store, const char *mailbox, const struct notification *note,
                 struct err *err)
{
    struct hint hint = {.anywhere = note->where.count == 0};

    if (note->folders)
        return queue_push(store, mailbox, QUEUE_FOLDERS, 0, err);
    for (int i = 0; i < note->where.count; i++) {
        const struct remote_spot *spot = &note->where.spots[i];
        if (!hint_add(store, mailbox, &hint, spot->folder, spot->from, err))
            return false;
    }
    return queue_push_hint(store, mailbox, &hint, 0, err);
}

bool mark_notified(struct store *store, const struct watch *watch,
                   const struct notification *notes, size_t count, struct err *err)
{
    bool ok = store_begin(store, err);

    for (size_t i = 0; ok && i < count; i++)
        ok = push(store, watch->mailbox, &notes[i], err);
    ok = ok && watch_heard(store, watch->secret, err) && store_commit(store, err);
    store_rollback(store);
    return ok;
}
