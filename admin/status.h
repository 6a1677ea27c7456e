/* How things stand: a mailbox's synchronisation, and the daemon; read, never written.
 *
 * Used by sibctl for people and for programs. Ownership: plain values; the JSON document of
 * daemon_read belongs to the caller. */
#ifndef SIB_ADMIN_STATUS_H
#define SIB_ADMIN_STATUS_H

#include <jansson.h>

#include "base/config.h"
#include "store/mailbox.h"

struct mailbox_status {
    struct mailbox_state recorded;
    const char *state;         /* "ok", "suspended", "parked", "off", "never" */
    char reason[LIMIT_REASON]; /* a sentence, always */
    int64_t waiting;           /* messages that are not agreed; 0 while single inbox is off */
    int64_t lag_ms; /* how long the oldest change has waited that is not on the other side */
    int64_t messages, unread; /* of the inbox */
};

/* globally_on: [sync] single-inbox. */
bool mailbox_status(struct store *store, const struct mailbox *mailbox, bool globally_on,
                    struct mailbox_status *out, struct err *err);

/* After mailbox_status: while Exchange refuses the account of this [exchange] section, none of
 * its mailboxes is even tried, and that is what the state says. */
bool mailbox_status_account(struct store *store, const char *section,
                            struct mailbox_status *out, struct err *err);

/* Does sibd run on this state-dir? `status` becomes what it last wrote about itself (a new
 * reference), or NULL when there is nothing readable. */
bool daemon_read(const char *state_dir, json_t **status);

#endif
