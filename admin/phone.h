/* What a person does by phone: leave a message, hear it, delete it, take it back.
 *
 * Each act is one transaction: the change, its line in the history, and the wish for a look at
 * the mailbox (queue_push) when single inbox is on for it and something changed. After the
 * commit the service mailbox-sync is poked. When a function returns true, the act survives a
 * crash; when it returns false, nothing happened. `why` is what the history shows ("by phone"
 * when NULL). `changed` may be NULL; it is false when the message was so already. Ownership:
 * strings are borrowed for the call. Errors: ERR_NO_MAILBOX for an unknown mailbox or message;
 * ERR_REFUSED for a purged message. */
#ifndef SIB_ADMIN_PHONE_H
#define SIB_ADMIN_PHONE_H

#include "store/message.h"

#define PHONE_WHY "by phone"

struct phone_deposit {
    const char *mailbox; /* name */
    const char *file;    /* WAV; NULL: a message without audio */
    const char *from_number, *from_name;
    const char *subject; /* NULL: from the template */
    bool urgent, private, secure;
    struct wall received;   /* 0: now */
    const char *transcript; /* NULL: none */
};

/* id: LIMIT_UUID bytes, filled only when the message is accepted, that is committed. */
bool phone_deposit(struct store *store, const struct phone_deposit *deposit, const char *why,
                   char *id, struct err *err);

bool phone_set_read(struct store *store, const char *id, bool read, const char *why,
                    bool *changed, struct err *err);
bool phone_set_urgent(struct store *store, const char *id, bool urgent, const char *why,
                      bool *changed, struct err *err);
bool phone_set_subject(struct store *store, const char *id, const char *subject,
                       const char *why, bool *changed, struct err *err);

/* To deleted; what is deleted stays so. */
bool phone_delete(struct store *store, const char *id, const char *why, bool *changed,
                  struct err *err);
/* From deleted back to the inbox; elsewhere nothing happens. */
bool phone_restore(struct store *store, const char *id, const char *why, bool *changed,
                   struct err *err);
/* Gone for good. */
bool phone_purge(struct store *store, const char *id, const char *why, bool *changed,
                 struct err *err);

#endif
