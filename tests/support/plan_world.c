#include "tests/support/plan_world.h"

static void carry_out_fields(struct world *w, const struct plan *plan, int64_t now_ms)
{
    if (plan->read == TAKE_THERE_TO_HERE) {
        w->here.read = w->item.read;
        w->here.read_ms = now_ms;
    }
    if (plan->urgent == TAKE_THERE_TO_HERE) {
        w->here.urgent = w->item.urgent;
        w->here.urgent_ms = now_ms;
    }
    if (plan->subject == TAKE_THERE_TO_HERE) {
        w->here.subject = w->item.subject;
        w->here.subject_ms = now_ms;
    }
    bool read = plan->read == TAKE_HERE_TO_THERE;
    bool urgent = plan->urgent == TAKE_HERE_TO_THERE;
    bool subject = plan->subject == TAKE_HERE_TO_THERE;
    if (read)
        w->item.read = w->here.read;
    if (urgent)
        w->item.urgent = w->here.urgent;
    if (subject)
        w->item.subject = w->here.subject;
    if (read || urgent || subject)
        w->item.modified_ms = now_ms;
}

static void put_there(struct world *w, enum plan_there there, int64_t now_ms)
{
    w->item.there = there;
    w->item.modified_ms = now_ms;
}

static void carry_out_action(struct world *w, const struct plan *plan, int64_t now_ms)
{
    switch (plan->action) {
    case ACTION_CREATE:
        put_there(w, plan->folder == FOLDER_SENT ? THERE_SENT : THERE_INBOX, now_ms);
        w->item.read = w->here.read;
        w->item.urgent = w->here.urgent;
        w->item.subject = w->here.subject;
        w->item_content = w->here.content;
        break;
    case ACTION_MOVE_TO_INBOX: put_there(w, THERE_INBOX, now_ms); break;
    case ACTION_MOVE_TO_SENT: put_there(w, THERE_SENT, now_ms); break;
    case ACTION_MOVE_TO_DELETED: put_there(w, THERE_DELETED, now_ms); break;
    case ACTION_REMOVE: w->item.there = THERE_ABSENT; break;
    default: break;
    }
}

void world_carry_out(struct world *w, const struct plan *plan, int64_t now_ms)
{
    carry_out_fields(w, plan, now_ms);
    if (plan->folder != w->here.folder)
        w->here.folder_ms = now_ms;
    w->here.folder = plan->folder;
    carry_out_action(w, plan, now_ms);
    if (plan->rewrite)
        w->item_content = w->here.content;
    w->base.place = plan->place;
    if (w->item.there != THERE_ABSENT) {
        w->base.read = w->item.read;
        w->base.urgent = w->item.urgent;
        w->base.subject = w->item.subject;
        w->base.content = w->item_content;
    }
    if (w->item.there == THERE_MOVED) /* where it is now is what is agreed */
        w->item.there = THERE_INBOX;
}

struct plan world_run(struct world *w, int64_t now_ms)
{
    struct plan plan = plan_make(&w->base, &w->here, &w->item);

    world_carry_out(w, &plan, now_ms);
    return plan;
}

int world_digit(int *number, int base)
{
    int value = *number % base;

    *number /= base;
    return value;
}
