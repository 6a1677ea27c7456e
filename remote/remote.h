/* A remote mailbox: the interface between the rules of synchronisation and a groupware.
 * (A seam.)
 *
 * sync/ knows nothing else about the other side; ews/ implements it; another groupware would
 * sit beside ews/ and implement it too. No term of a protocol crosses it.
 *
 * Ownership: everything handed to a callback is borrowed until the callback returns; everything
 * handed to a call is copied before the call returns, except files named by a path, which must
 * stay until the call has ended.
 * Callbacks: each call ends with exactly one callback, never before the starting function has
 * returned; after remote_cancel, none. err->kind is ERR_OK on success, else the other arguments
 * are NULL. A starting function returns NULL when there is no memory: then no callback comes.
 * err->effect says whether a write may have happened (or may still happen).
 * What survives a crash: nothing here; whoever calls writes the intent down first.
 *
 * Being told of changes: the other side calls us (push), or many mailboxes are heard over one
 * stream. A stream is one connection that can be opened again and again; the mailboxes that are
 * subscribed to it form a group, which the other side serves in one place. */
#ifndef SIB_REMOTE_REMOTE_H
#define SIB_REMOTE_REMOTE_H

#include <stddef.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/limits.h"

struct remote;      /* one mailbox on the other side */
struct remote_call; /* one call under way */
struct remote_stream;

/* What a remote folder is mapped to (table of sync-rules 2; docs/rules.md). */
enum remote_place {
    REMOTE_INBOX, /* the Inbox itself */
    REMOTE_BELOW, /* a folder below the Inbox */
    REMOTE_JUNK,
    REMOTE_DELETED, /* Deleted Items and folders below it */
    REMOTE_SENT,
    REMOTE_OUTBOX, /* "Voice Outbox" below the Outbox: what people compose; mapped to nothing */
    REMOTE_PLACES,
};

/* What `folders` is to look for beside those that are always mapped. */
enum { REMOTE_WITH_SENT = 1, REMOTE_WITH_OUTBOX = 2 };

struct remote_folder {
    const char *id;
    const char *name;
    enum remote_place place;
    bool root; /* the Inbox, Junk Email, Deleted Items, Sent Items, Voice Outbox themselves */
};

struct remote_item {
    const char *id;
    const char *version;    /* changes with every change of the item (a change key) */
    const char *message_id; /* our message's UUID; "" : not one of ours */
    const char *creation;   /* the token of the create that made it; "" : none */
    const char *subject;
    bool read, urgent;
    struct wall modified, created; /* 0: not told */
};

enum remote_change_kind {
    REMOTE_SEEN,      /* created or changed: item is whole */
    REMOTE_READ_FLAG, /* only item.id and item.read are set */
    REMOTE_REMOVED,   /* only item.id is set: deleted, or moved away */
};

struct remote_change {
    enum remote_change_kind kind;
    struct remote_item item;
};

struct remote_page {
    const struct remote_change *changes;
    size_t count;
    const char *token; /* store it together with these changes, in one transaction */
    bool last;         /* nothing more for now */
};

/* A message to be created, whole, in one step, not as a draft. */
struct remote_new {
    const char *message_id, *creation;
    const char *folder; /* id */
    const char *subject;
    const char *body; /* plain text */
    const char *item_class;
    const char *from_number, *from_name; /* "" when unknown */
    const char *from_address;            /* a mail address for the sender; "" : none */
    const char *reference;               /* UUID of the message that it answers; "" : none */
    struct wall received;
    int64_t duration_ms;
    bool read, urgent, private;
    const char *audio_path; /* NULL: no audio leaves (secure) */
    const char *audio_name, *audio_type;
    int generation; /* of a staged create: 1, and one more for each time it is shown anew */
};

/* A message that was staged: the copy of it that is to be shown. */
struct remote_staged {
    const char *message_id, *item;
};

/* The code of an ERR_GONE: what was staged is not there any more. */
#define REMOTE_PUBLISHED "published"

struct remote_attachment {
    const char *id;   /* for `fetch` */
    const char *name; /* as the sender called it: nothing that may be used as a path */
    const char *type; /* "audio/wav", lower case, without parameters; "" : not told */
    int64_t bytes;    /* as told, -1: not told; what comes may differ */
    bool is_file;     /* false: a message or the like that cannot be fetched */
};

/* A message that a person composed: whole but for the bytes of its attachments. Texts are valid
 * UTF-8 without control characters (the body: with line ends). */
struct remote_composed {
    const char *id, *version;
    const char *from;      /* a mail address; "" : not told, it is the mailbox's owner */
    const char *const *to; /* To, Cc and Bcc; an address that is not one of SMTP as it is */
    size_t to_count;
    const char *subject, *body;
    bool urgent, private;
    const char *reference; /* UUID of the message of ours that it answers; "" : none */
    bool wants_delivery_receipt, wants_read_receipt;
    const struct remote_attachment *attachments; /* but for pictures within the text */
    size_t attachment_count;
    struct wall created; /* 0: not told */
    /* Of a message that we created: its caller, "" unknown, and when it came, 0: not told. */
    const char *caller_number, *caller_name;
    struct wall received;
    /* "" : all is there. Else a sentence that says what of it is more than is taken in, and was
     * left out above: it cannot be delivered as it is. */
    const char *too_much;
};

/* Fields to set; only those whose set_ flag is true. */
struct remote_fields {
    bool set_read, read;
    bool set_urgent, urgent;
    bool set_subject;
    const char *subject;
};

/* What an item says, once that is different from what it was created with. */
struct remote_content {
    const char *body;       /* plain text */
    const char *item_class; /* NULL: as it is */
    bool drop_audio;        /* it carries no recording any more */
};

struct remote_ref {
    const char *id, *version;
};

/* How we want to hear about changes in some folders: url or stream, not both. */
struct remote_watching {
    const char *url; /* the other side calls us there */
    int status_minutes;
    struct remote_stream *stream; /* heard once the stream is opened with the subscription */
    const char *const *folders;
    size_t count;
};

/* Where something changed: the folders of items, and those that they were moved out of (""
 * else). count 0: anywhere. */
struct remote_where {
    int count;
    struct remote_spot {
        char folder[LIMIT_REMOTE_ID], from[LIMIT_REMOTE_ID];
    } spots[LIMIT_SPOTS];
};

/* What a stream says. subscription: borrowed; err: with REMOTE_STREAM_ENDED; where: borrowed,
 * with REMOTE_STREAM_CHANGED, else NULL. */
enum remote_stream_word {
    REMOTE_STREAM_OPEN,    /* its first word: from now on changes are heard */
    REMOTE_STREAM_CHANGED, /* in the mailbox of this subscription */
    REMOTE_STREAM_FOLDERS, /* the same, and its folders are others now */
    REMOTE_STREAM_LOST,    /* this subscription is gone on the other side */
    REMOTE_STREAM_ENDED,   /* the last word of this opening; ERR_OK: at the end of its time */
};
typedef void remote_stream_fn(enum remote_stream_word word, const char *subscription,
                              const struct remote_where *where, const struct err *err,
                              void *arg);

/* fn: never before open has returned, never after close. It may close, and open again when the
 * stream has ended, and it may free the stream. */
struct remote_stream_ops {
    /* At most LIMIT_STREAM_MAILBOXES. False: no memory, or one opening too many of the account
     * (then no word comes). */
    bool (*open)(struct remote_stream *, const char *const *subscriptions, size_t count,
                 struct err *err);
    void (*close)(struct remote_stream *); /* legal when it is not open */
    void (*free)(struct remote_stream *);
};

struct remote_stream {
    const struct remote_stream_ops *ops;
};

typedef void remote_folders_fn(const struct err *err, const struct remote_folder *folders,
                               size_t count, void *arg);
typedef void remote_changes_fn(const struct err *err, const struct remote_page *page,
                               void *arg);
typedef void remote_composed_fn(const struct err *err, const struct remote_composed *composed,
                                void *arg);
typedef void remote_ref_fn(const struct err *err, const struct remote_ref *ref, void *arg);
typedef void remote_done_fn(const struct err *err, void *arg);
typedef void remote_watch_fn(const struct err *err, const char *subscription, void *arg);

struct remote_ops {
    /* The mapped folders: the Inbox and all below it, Junk Email, Deleted Items and all below
     * it; `with`: of REMOTE_WITH_. Roots first, but for the Voice Outbox, which comes last. It
     * is made when it is missing; when that is refused (no right to it) the list comes without
     * it, and the log says why. */
    struct remote_call *(*folders)(struct remote *, unsigned with, remote_folders_fn *, void *);
    /* One page of what changed in a folder since the token ("" : from the beginning, newest
     * first). A refused token ends with ERR_GONE and code "token". */
    struct remote_call *(*changes)(struct remote *, const char *folder, const char *token,
                                   remote_changes_fn *, void *);
    /* Create with everything, in one step; never an item without its audio. */
    struct remote_call *(*create)(struct remote *, const struct remote_new *, remote_ref_fn *,
                                  void *);
    /* Creating what may have been created already, or is being created by another server at
     * this moment: stage, then publish. However often, from wherever and however late the
     * requests of both take effect, at most one item of a message and generation is ever
     * shown.
     * stage: put the message where nobody sees it (message->folder is not looked at), and
     * settle which copy is the one that will be shown; ref: the same for every caller. Nothing
     * of it can be seen, so err->effect is always NONE. ERR_GONE, REMOTE_PUBLISHED: that copy
     * was shown already, or somebody removed it. */
    struct remote_call *(*stage)(struct remote *, const struct remote_new *, remote_ref_fn *,
                                 void *);
    /* Show that copy in a folder; page: the item as it is there. ERR_GONE, REMOTE_PUBLISHED:
     * it was shown before (what a person did to it since counts), or somebody removed it. */
    struct remote_call *(*publish)(struct remote *, const struct remote_staged *,
                                   const char *folder, remote_changes_fn *, void *);
    /* Remove all that staging left behind, and the memory of what was settled: only when no
     * server can be staging this message any more. */
    struct remote_call *(*unstage)(struct remote *, const char *message_id, int generation,
                                   remote_done_fn *, void *);
    /* Set fields. version may be "" (whatever it is now). No receipt goes to the sender. */
    struct remote_call *(*set)(struct remote *, const char *item, const char *version,
                               const struct remote_fields *, remote_ref_fn *, void *);
    /* Replace the body (and the class); with drop_audio remove every audio attachment before
     * that, so that the notice in the body never stands beside a recording. Doing it twice does
     * no harm, and finishes what was begun before. version as in set. */
    struct remote_call *(*rewrite)(struct remote *, const char *item, const char *version,
                                   const struct remote_content *, remote_ref_fn *, void *);
    /* Into another folder. The item gets a new id. */
    struct remote_call *(*move)(struct remote *, const char *item, const char *folder,
                                remote_ref_fn *, void *);
    /* Remove without a trace. */
    struct remote_call *(*remove)(struct remote *, const char *item, remote_done_fn *, void *);
    /* One item's present state (ERR_GONE when it is not there). */
    struct remote_call *(*get)(struct remote *, const char *item, remote_changes_fn *, void *);
    /* One item, whole: that a person composed, or that we created (ERR_GONE: not there). */
    struct remote_call *(*composed)(struct remote *, const char *item, remote_composed_fn *,
                                    void *);
    /* The bytes of an attachment that is a file into a file (whole, or no file). ERR_GONE: it
     * is not there any more. ERR_REFUSED, ERR_WHEN_NEVER: it is none, or larger than
     * LIMIT_AUDIO_BYTES. */
    struct remote_call *(*fetch)(struct remote *, const char *attachment, const char *path,
                                 remote_done_fn *, void *);
    /* Ask to be told about changes in these folders. The stream must outlive the call. */
    struct remote_call *(*watch)(struct remote *, const struct remote_watching *,
                                 remote_watch_fn *, void *);
    /* stream: the one that it was made for, NULL: none, or not known any more. */
    struct remote_call *(*unwatch)(struct remote *, const char *subscription,
                                   struct remote_stream *stream, remote_done_fn *, void *);
    void (*cancel)(struct remote_call *);
    void (*free)(struct remote *);
};

/* The first member of every implementation. */
struct remote {
    const struct remote_ops *ops;
};

/* NULL is legal; nulls. No callback comes afterwards; a write may still have happened. */
static inline void remote_cancel(struct remote *remote, struct remote_call **call)
{
    if (*call)
        remote->ops->cancel(*call);
    *call = NULL;
}

static inline void remote_stream_free(struct remote_stream **stream)
{
    if (*stream)
        (*stream)->ops->free(*stream);
    *stream = NULL;
}

static inline void remote_free(struct remote **remote)
{
    if (*remote)
        (*remote)->ops->free(*remote);
    *remote = NULL;
}

#endif
