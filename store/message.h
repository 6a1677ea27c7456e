/* Messages: what was accepted, and the state that people gave it.
 *
 * From the commit of message_add on, a message is never lost: it leaves the mailbox only by
 * message_set_folder to PURGED, and then leaves a tombstone. Each field carries the stamp of
 * its last change; each change marks the message dirty (not yet agreed with the other side). */
#ifndef SIB_STORE_MESSAGE_H
#define SIB_STORE_MESSAGE_H

#include "store/store.h"

enum message_folder {
    FOLDER_INBOX,
    FOLDER_DELETED,
    FOLDER_SENT,
    FOLDER_PURGED, /* gone for good; a tombstone stays */
    FOLDERS,
};

enum message_kind {
    KIND_VOICE,
    KIND_FAX,
    KIND_DELIVERY_RECEIPT,
    KIND_READ_RECEIPT,
    KIND_NON_DELIVERY_RECEIPT,
    KINDS,
};

enum transcript_state {
    TRANSCRIPT_NONE,
    TRANSCRIPT_PENDING,
    TRANSCRIPT_TEXT,
    TRANSCRIPT_FAILED
};

struct message {
    char id[LIMIT_UUID];
    char mailbox[LIMIT_UUID]; /* mailbox id */
    enum message_kind kind;
    char from_number[LIMIT_PHONE_NUMBER], from_name[LIMIT_DISPLAY_NAME];
    char from_address[LIMIT_ADDRESS]; /* of a sender who has a mailbox; else "" */
    struct wall received;
    int64_t duration_ms;
    char audio[LIMIT_SHA256]; /* "" when there is none */
    int64_t audio_bytes;
    bool private, secure, dispatch;
    char sender[LIMIT_UUID];    /* mailbox id of the user who sent it; "": none */
    char reference[LIMIT_UUID]; /* the message that it answers; "": none */
    char group[LIMIT_UUID];     /* dispatch: the deliveries of one message share it */

    char subject[LIMIT_SUBJECT];
    bool read, urgent;
    enum message_folder folder;
    enum message_folder home; /* where it belongs when it is not deleted: inbox or sent */
    enum transcript_state transcript;
    unsigned receipts; /* MESSAGE_WANTS_ bits: asked for by the sender, not sent yet */

    /* when each field last changed (store_stamp) */
    int64_t subject_at, read_at, urgent_at, folder_at;
    int64_t content_at;     /* of what is told of it: the transcription or the audio */
    int64_t accepted_at;    /* dispatch: when its owner accepted it; 0: not */
    int64_t row;            /* number of this row's last change on this server */
    int64_t dirty_since_ms; /* wall; 0: both sides agree as far as this server knows */
};

enum { MESSAGE_WANTS_DELIVERY_RECEIPT = 1, MESSAGE_WANTS_READ_RECEIPT = 2 };

/* What a deposit gives; NULL strings are "". */
struct message_new {
    const char *id;      /* NULL: a new one; else of a message that is taken back */
    const char *mailbox; /* id */
    enum message_kind kind;
    const char *from_number, *from_name, *from_address;
    const char *subject; /* NULL: the built-in English one (queue/deliver.h makes the others) */
    struct wall received; /* 0: now */
    bool urgent, private, secure, dispatch, read;
    bool sent;                      /* a copy of what its owner sent; else into the inbox */
    const char *sender, *reference; /* ids; NULL: none */
    const char *group;              /* dispatch */
    unsigned receipts;
    const char *text;               /* of a receipt, or typed by the sender; NULL: none */
    const char *transcript;         /* NULL: none */
    bool transcript_pending;        /* it will come, or fail */
    const struct audio_info *audio; /* NULL: none */
};

struct audio_info;

const char *
message_folder_name(enum message_folder folder); /* "inbox", "deleted", "sent", "purged" */
bool message_folder_parse(const char *name, enum message_folder *folder);
const char *message_kind_name(enum message_kind kind);

/* (tx) id: LIMIT_UUID bytes, filled. */
bool message_add(struct store *store, const struct message_new *message, char *id,
                 struct err *err);

/* ERR_NO_MAILBOX when there is none. */
bool message_get(struct store *store, const char *id, struct message *out, struct err *err);
/* Newest first; folder FOLDERS: all but purged. */
typedef bool message_fn(const struct message *message, void *arg);
bool message_each(struct store *store, const char *mailbox_id, enum message_folder folder,
                  message_fn *fn, void *arg, struct err *err);
/* The messages of a mailbox that are not agreed, oldest change first, tombstones included. */
bool message_each_dirty(struct store *store, const char *mailbox_id, message_fn *fn, void *arg,
                        struct err *err);
/* How many, and since when the oldest (wall ms; 0: none). */
bool message_dirty_count(struct store *store, const char *mailbox_id, int64_t *count,
                         int64_t *oldest_ms, struct err *err);
bool message_count(struct store *store, const char *mailbox_id, enum message_folder folder,
                   int64_t *count, int64_t *unread, struct err *err);

/* Text of the transcription; malloc'ed, NULL when there is none. */
char *message_transcript(struct store *store, const char *id);
/* What a receipt or its sender says; malloc'ed, NULL when there is nothing. */
char *message_text(struct store *store, const char *id);

/* Not to be synchronised yet: a dispatch message that nobody accepted, or one that waits for
 * its transcription. */
bool message_is_held(const struct message *message, bool hold_transcript);

/* (tx) Changes by a person on this side (or by Exchange's word, taken in): a new stamp; nothing
 * happens when the value is already so. `changed` may be NULL. Restoring a purged message is
 * refused (ERR_REFUSED). */
bool message_set_read(struct store *store, const char *id, bool read, bool *changed,
                      struct err *err);
bool message_set_urgent(struct store *store, const char *id, bool urgent, bool *changed,
                        struct err *err);
bool message_set_subject(struct store *store, const char *id, const char *subject,
                         bool *changed, struct err *err);
bool message_set_folder(struct store *store, const char *id, enum message_folder folder,
                        bool *changed, struct err *err);

/* (tx) The transcription came (text), or failed (text NULL). Of a purged message nothing is
 * kept: nothing happens. */
bool message_set_transcript(struct store *store, const char *id, enum transcript_state state,
                            const char *text, bool *changed, struct err *err);
/* (tx) The recording is not kept any longer; the message stays. */
bool message_expire_audio(struct store *store, const char *id, bool *changed, struct err *err);
/* (tx) A dispatch message is its owner's from now on; nothing happens when it is already. */
bool message_accept(struct store *store, const char *id, bool *changed, struct err *err);
/* (tx) Receipts that are still to be sent. */
bool message_set_receipts(struct store *store, const char *id, unsigned receipts,
                          struct err *err);

/* (tx) Mark as not agreed / as agreed. Clean takes effect only if the row is still `row`, so
 * that a change made meanwhile is not forgotten. */
bool message_mark_dirty(struct store *store, const char *id, struct err *err);
bool message_mark_clean(struct store *store, const char *id, int64_t row, struct err *err);
/* (tx) The messages of a mailbox that wait for their transcription: they are not held any more.
 */
bool message_mark_pending_dirty(struct store *store, const char *mailbox_id, struct err *err);
/* (tx) All messages of a mailbox (a resync). */
bool message_mark_all_dirty(struct store *store, const char *mailbox_id, struct err *err);

#endif
