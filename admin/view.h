/* Rows of the store as JSON objects, with the keys that programs rely on (docs/man/sibctl.1).
 *
 * Ownership: each function returns a new reference; NULL only without memory. */
#ifndef SIB_ADMIN_VIEW_H
#define SIB_ADMIN_VIEW_H

#include <jansson.h>

#include "admin/status.h"
#include "queue/job.h"
#include "queue/queue.h"
#include "store/alarm.h"
#include "store/history.h"
#include "store/message.h"

/* A JSON string, also of bytes that are not UTF-8 (those become "?"). */
json_t *view_text(const char *text);
/* RFC 3339 in UTC; null for 0. */
json_t *view_time(int64_t ms);

enum { VIEW_CALLER_BYTES = LIMIT_DISPLAY_NAME + LIMIT_PHONE_NUMBER + 4 };
/* "Ann <100>", "Ann", "100" or "". Returns out. */
const char *view_caller(const struct message *message, char *out);

bool view_synced(const struct message *message, const struct mailbox *mailbox);
/* transcript NULL: none. */
json_t *view_message(const struct message *message, const struct mailbox *mailbox,
                     const char *transcript);
/* aliases: from view_aliases, taken. */
json_t *view_mailbox(const struct mailbox *mailbox, json_t *aliases);
/* NULL: err says why. */
json_t *view_aliases(struct store *store, const char *mailbox_id, struct err *err);
json_t *view_mailbox_status(const struct mailbox *mailbox, const struct mailbox_status *status);
json_t *view_history(const struct history *entry);
/* mailbox: the name to show; "" : none. */
json_t *view_queue_row(const struct queue_row *row, const char *mailbox);
json_t *view_alarm(const struct alarm *alarm, const char *mailbox);
json_t *view_job(const struct job *job, const char *mailbox);

#endif
