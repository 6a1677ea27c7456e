/* Delivery: one message into the mailboxes of all who are to have it, with its receipts, its
 * history and the wish for a look at each of them. The one way by which messages come into
 * mailboxes, whether they were left by phone or composed in Outlook.
 *
 * Every function is (tx): it stands in the caller's transaction, and either all of it happens
 * or, when it returns false and the caller rolls back, nothing. Audio is imported before
 * (audio_import); ERR_TEMPORARY: it was collected meanwhile, import it once more. Ownership:
 * everything is borrowed for the call. After the commit the caller pokes mailbox-sync. */
#ifndef SIB_QUEUE_DELIVER_H
#define SIB_QUEUE_DELIVER_H

#include "store/audio.h"
#include "store/mailbox.h"
#include "store/message.h"
#include "store/subject.h"

/* What is delivered; NULL strings are "". */
struct delivery {
    const char *const *to; /* mailbox ids; one that comes twice gets one copy */
    size_t to_count;       /* 1..LIMIT_RECIPIENTS */
    const char *sender;    /* mailbox id of the user who sent it; NULL: an outside caller */
    /* The caller; of a sender left NULL: his extension and his name. */
    const char *from_number, *from_name;
    const char *called_number;       /* NULL: each recipient's extension */
    const struct subject_book *book; /* NULL: the built-in formats */
    /* Of an outside caller; with a sender OUTSIDE_CALLER means SUBJECT_USER. */
    enum subject_type type;
    const char *subject; /* NULL: from the format, in each recipient's language */
    const struct audio_info *audio;
    const char *text; /* typed by the sender */
    const char *transcript;
    bool transcript_pending;
    bool urgent, private, secure;
    bool dispatch;         /* for whoever accepts it first; the copies share a group */
    bool keep_sent;        /* a copy in the sender's sent messages */
    const char *reference; /* the message that it answers */
    unsigned receipts;     /* MESSAGE_WANTS_ bits; nothing without a sender */
    struct wall received;  /* 0: now */
    const char *why;       /* for the history; not NULL */
};

struct delivered {
    size_t count; /* of recipients */
    char ids[LIMIT_RECIPIENTS][LIMIT_UUID];
    char sent[LIMIT_UUID]; /* the sender's copy; "": none */
};

/* (tx) ERR_NO_MAILBOX when a recipient or the sender is not there any more. */
bool deliver(struct store *store, const struct delivery *delivery, struct delivered *out,
             struct err *err);

/* What could not be delivered, or only to some. */
struct refusal {
    const char *sender;             /* mailbox id: who is told */
    const char *subject;            /* of what was refused; NULL: unknown */
    const char *reason;             /* a sentence for the sender, with the remedy */
    const struct audio_info *audio; /* the original's, attached; NULL: none */
    const char *reference;          /* id of the message that it belongs to; NULL: none */
    bool secure, private;           /* as the original was */
    const char *why;                /* for the history; not NULL */
};

/* (tx) A non-delivery receipt into the sender's mailbox; id: LIMIT_UUID bytes. */
bool deliver_refusal(struct store *store, const struct refusal *refusal, char *id,
                     struct err *err);

/* (tx) The message is read, by a person on either side: when its sender asked to be told and
 * was not yet, he is, now and never again. Calling it for any message at any time does no harm.
 */
bool deliver_read_receipt(struct store *store, const char *message_id, struct err *err);

#endif
