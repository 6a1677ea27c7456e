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

#include "queue/deliver.h"

#define PHONE_WHY "by phone"

struct phone_deposit {
    const char *mailbox; /* name; several are separated by commas, and each gets a copy */
    const char *file;    /* WAV; NULL: a message without audio */
    const char *sender;  /* the mailbox, by name, of the user who sends it; NULL: an outside
                            caller */
    const char *from_number, *from_name, *called_number;
    enum subject_type type;
    const struct subject_book *book; /* NULL: the built-in formats */
    const char *subject;             /* NULL: from the format */
    bool urgent, private, secure;
    bool dispatch;          /* for the one who accepts it */
    unsigned receipts;      /* MESSAGE_WANTS_ bits, with a sender */
    bool keep_sent;         /* a copy in the sender's sent messages */
    struct wall received;   /* 0: now */
    const char *transcript; /* NULL: none */
    bool transcript_pending;
};

/* id: LIMIT_UUID bytes, filled only when the message is accepted, that is committed; of several
 * copies the first one's. */
bool phone_deposit(struct store *store, const struct phone_deposit *deposit, const char *why,
                   char *id, struct err *err);
/* The same, and all ids. */
bool phone_deposit_all(struct store *store, const struct phone_deposit *deposit,
                       const char *why, struct delivered *out, struct err *err);

bool phone_set_read(struct store *store, const char *id, bool read, const char *why,
                    bool *changed, struct err *err);
bool phone_set_urgent(struct store *store, const char *id, bool urgent, const char *why,
                      bool *changed, struct err *err);
bool phone_set_subject(struct store *store, const char *id, const char *subject,
                       const char *why, bool *changed, struct err *err);

/* A dispatch message: it is this mailbox's from now on, and the others' copies go. ERR_REFUSED
 * when another has accepted it before. */
bool phone_accept(struct store *store, const char *id, const char *why, bool *changed,
                  struct err *err);

/* What a transcription service says: the text, or NULL: it cannot be made. Of a private message
 * nothing is taken (ERR_REFUSED). */
bool phone_set_transcript(struct store *store, const char *id, const char *text,
                          const char *why, bool *changed, struct err *err);

/* To deleted; what is deleted stays so. */
bool phone_delete(struct store *store, const char *id, const char *why, bool *changed,
                  struct err *err);
/* From deleted back to where it was, the inbox or what was sent; elsewhere nothing happens. */
bool phone_restore(struct store *store, const char *id, const char *why, bool *changed,
                   struct err *err);
/* Gone for good. */
bool phone_purge(struct store *store, const char *id, const char *why, bool *changed,
                 struct err *err);

#endif
