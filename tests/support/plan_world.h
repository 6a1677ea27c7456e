/* A small world in which a plan can be carried out: what both sides hold of one message.
 *
 * Plain values; subjects are borrowed. */
#ifndef SIB_TESTS_SUPPORT_PLAN_WORLD_H
#define SIB_TESTS_SUPPORT_PLAN_WORLD_H

#include "sync/plan.h"

struct world {
    struct plan_base base;
    struct plan_here here;
    struct plan_item item;
    int64_t item_content; /* what the item says */
};

/* What a run would do: both sides changed, the agreement recorded. */
void world_carry_out(struct world *w, const struct plan *plan, int64_t now_ms);
/* Plan, and carry out. */
struct plan world_run(struct world *w, int64_t now_ms);

/* Take the next digit of a number to a mixed base. */
int world_digit(int *number, int base);

#endif
