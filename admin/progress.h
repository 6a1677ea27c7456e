/* How far a long work is: a bar that moves on a terminal, else a line now and then.
 *
 * Written to standard error, so that the answer on standard output stays whole. A plain value;
 * borrows the stream. */
#ifndef SIB_ADMIN_PROGRESS_H
#define SIB_ADMIN_PROGRESS_H

#include "admin/text.h"

struct progress_facts {
    int64_t pages;              /* of Exchange that were read, before messages are compared */
    int64_t done, total;        /* messages; total 0: not known yet */
    int64_t parts, parts_ended; /* mailboxes */
    bool started;
};

struct progress {
    struct screen screen;
    int64_t last_line_ms;
    bool drawn; /* a bar stands on the present line */
    struct progress_facts last;
};

struct progress progress_new(FILE *out);
/* elapsed_ms: since the work was asked for. */
void progress_show(struct progress *progress, const struct progress_facts *facts,
                   int64_t elapsed_ms);
/* Nothing more comes: the bar's line is wiped. */
void progress_end(struct progress *progress);

/* "[######------]  60/120 messages, 1 of 3 mailboxes": out of `size` bytes, within `columns`.
 */
void progress_format(const struct progress_facts *facts, int columns, char *out, size_t size);

#endif
