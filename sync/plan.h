/* The three-way rule: what both sides last agreed, what is here, what is there -> what to do.
 *
 * Pure: no clock, no I/O; the whole input space is enumerated in tests/unit/test_plan.c. The
 * folder is decided by one table in which every cell is written (plan.c); each other field for
 * itself: changed on neither side: nothing; on one: copied; on both to the same: agreed; on
 * both to different values: the later change where both times are known, else the other side's
 * (a person did it a moment ago at a screen). Source: the rules of synchronisation, sections 2
 * and 3. */
#ifndef SIB_SYNC_PLAN_H
#define SIB_SYNC_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "store/mapping.h"
#include "store/message.h"

/* Where the item is on the other side. */
enum plan_there {
    THERE_ABSENT,  /* nowhere that is mapped */
    THERE_INBOX,   /* in the Inbox, below it or in Junk Email; where it was agreed, if it was */
    THERE_MOVED,   /* the same, but in another folder than was agreed: a person put it there */
    THERE_DELETED, /* in Deleted Items or below */
    THERE_PLACES,
};

struct plan_base {
    enum agreed_place place;
    bool read, urgent;
    const char *subject;
};

/* Times are wall milliseconds of the last change; 0: not known. */
struct plan_here {
    enum message_folder folder;
    bool held; /* not to be synchronised yet (a dispatch message that nobody accepted) */
    bool read, urgent;
    const char *subject;
    int64_t folder_ms, read_ms, urgent_ms, subject_ms;
};

struct plan_item {
    enum plan_there there;
    bool read, urgent;
    const char *subject;
    int64_t modified_ms;
};

enum plan_action {
    ACTION_NONE,
    ACTION_CREATE,
    ACTION_MOVE_TO_INBOX,
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
    const char *why; /* the rule, in words, for the history */
    bool conflict;   /* both sides had changed the folder; one lost */
};

struct plan plan_make(const struct plan_base *base, const struct plan_here *here,
                      const struct plan_item *item);

/* Is there anything to do at all? */
bool plan_is_quiet(const struct plan *plan, const struct plan_here *here);

const char *plan_action_name(enum plan_action action);

#endif
