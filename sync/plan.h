/* The three-way rule: what both sides last agreed, what is here, what is there -> what to do.
 *
 * Pure: no clock, no I/O; tests/unit/test_plan.c enumerates the whole input space, and
 * test_plan_order.c every pair of changes in both orders. Whether the message is kept, deleted
 * or gone is decided by one table in which every cell is written; where it is kept (inbox or
 * sent), and each other field, by one rule: changed on neither side: nothing; on one: copied;
 * on both to the same: agreed; on both to different values: the later change where both times
 * are known, else the other side's (a person did it a moment ago at a screen). Source: the
 * rules of synchronisation, sections 2 and 3. */
#ifndef SIB_SYNC_PLAN_H
#define SIB_SYNC_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "store/mapping.h"
#include "store/message.h"

/* By which rule the two sides are made to agree. */
enum plan_rule {
    RULE_NORMAL,
    /* This side wins everything that differs, and is never changed itself. What was purged here
     * goes by the normal rule: a person's own there is not destroyed for it. */
    RULE_CONNECTION,
    RULE_ERASE, /* the user was removed: whatever is there in a mapped folder is removed */
    PLAN_RULES,
};

/* Where the item is on the other side. */
enum plan_there {
    THERE_ABSENT,  /* nowhere that is mapped */
    THERE_INBOX,   /* in the Inbox, below it or in Junk Email; where it was agreed, if it was */
    THERE_MOVED,   /* the same, but in another folder than was agreed: a person put it there */
    THERE_DELETED, /* in Deleted Items or below */
    THERE_SENT,    /* in Sent Items */
    THERE_PLACES,
};

struct plan_base {
    enum agreed_place place;
    bool read, urgent;
    const char *subject;
    int64_t content; /* of what the item says (struct agreed) */
};

/* Times are wall milliseconds of the last change; 0: not known. */
struct plan_here {
    enum plan_rule rule;
    enum message_folder folder;
    bool held; /* not to be synchronised (yet); RULE_ERASE looks past it */
    bool read, urgent;
    const char *subject;
    int64_t folder_ms, read_ms, urgent_ms, subject_ms;
    int64_t content; /* when what is told of it last changed (a stamp) */
};

struct plan_item {
    enum plan_there there;
    bool read, urgent;
    const char *subject;
    int64_t modified_ms;
};

enum plan_action {
    ACTION_NONE,
    ACTION_CREATE, /* where plan.folder says: in the Inbox or in Sent Items */
    ACTION_MOVE_TO_INBOX,
    ACTION_MOVE_TO_SENT,
    ACTION_MOVE_TO_DELETED,
    ACTION_REMOVE, /* without a trace */
    ACTIONS,
};

/* What to take over of one field. */
enum plan_take { TAKE_NOTHING, TAKE_HERE_TO_THERE, TAKE_THERE_TO_HERE };

struct plan {
    enum plan_action action;    /* on the other side, after the fields */
    enum message_folder folder; /* where the message shall be here */
    enum agreed_place place;    /* what is agreed once all of this is done */
    enum plan_take read, urgent, subject;
    bool rewrite;    /* what the item says is no longer what is told here; last of all */
    const char *why; /* the rule, in words, for the history */
    bool conflict;   /* both sides had changed the folder; one lost */
    bool left_alone; /* held, or given up: what differs stays to be compared later */
};

struct plan plan_make(const struct plan_base *base, const struct plan_here *here,
                      const struct plan_item *item);

/* Is there anything to do at all? */
bool plan_is_quiet(const struct plan *plan, const struct plan_here *here);

const char *plan_action_name(enum plan_action action);

#endif
