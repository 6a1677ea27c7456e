#include "queue/removal.h"

#include "queue/job.h"
#include "queue/queue.h"
#include "store/watch.h"

bool removal_ask(struct store *store, const char *name, bool copies, struct mailbox *out,
                 struct err *err)
{
    struct mailbox before;
    int64_t job;

    if (!mailbox_find(store, name, &before, err))
        return false;
    return (copies ? mailbox_erase(store, before.id, err)
                   : mailbox_remove(store, before.id, err)) &&
           watch_end(store, before.id, "", err) &&
           (!copies || job_ask(store, before.id, JOB_ERASE, &job, err)) &&
           /* The look ends what hears of the mailbox; and removes the copies. */
           queue_push(store, before.id, copies ? QUEUE_RESYNC : QUEUE_CHANGE, 0, err) &&
           mailbox_get(store, before.id, out, err);
}
