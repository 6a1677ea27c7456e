/* What a dry run of a resync says: as a table and a sentence for people, or as JSON.
 *
 * Borrows the store of struct sibctl; read only. */
#ifndef SIB_ADMIN_DRY_REPORT_H
#define SIB_ADMIN_DRY_REPORT_H

#include <jansson.h>

#include "admin/cli.h"
#include "queue/job.h"

/* A job that is done. */
bool dry_report_print(struct sibctl *ctl, const struct job *job, const struct mailbox *mailbox,
                      struct err *err);
/* Adds "summary" and "actions" to the object of the job. */
bool dry_report_view(struct sibctl *ctl, const struct job *job, json_t *object,
                     struct err *err);

#endif
