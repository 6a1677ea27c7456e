#include "admin/phone_private.h"

#include "admin/text.h"
#include "base/poke.h"
#include "queue/dispatch.h"
#include "queue/queue.h"
#include "store/audio.h"
#include "store/history.h"
#include "store/mailbox.h"

/* One change to a message that is there. */
struct act {
    const char *what; /* for the history; NULL: `set` writes it */
    bool (*set)(struct store *, const struct message *, const void *value, bool *changed,
                struct err *);
    const void *value;
    bool also_purged; /* may be done to a purged message */
};

/* The history's line, and the wish for a look at the mailbox. */
static bool record(struct store *store, const struct mailbox *mailbox, const char *id,
                   const char *what, const char *why, struct err *err)
{
    if (mailbox->single_inbox && !mailbox->removed &&
        !queue_push(store, mailbox->id, QUEUE_CHANGE, 0, err))
        return false;
    return history_add(store, id, "connection", what, why ? why : PHONE_WHY, err);
}

bool phone_finish(struct store *store, bool ok, bool poke, struct err *err)
{
    if (!ok) {
        store_rollback(store);
        return false;
    }
    if (!store_commit(store, err))
        return false;
    if (poke)
        poke_send(store_state_dir(store), "sync");
    return true;
}

static bool in_tx(struct store *store, const char *id, const struct act *act, const char *why,
                  bool *changed, struct err *err)
{
    struct message message;
    struct mailbox mailbox;

    if (!message_get(store, id, &message, err) ||
        !mailbox_get(store, message.mailbox, &mailbox, err))
        return false;
    if (message.folder == FOLDER_PURGED && !act->also_purged)
        return err_set(err, ERR_REFUSED, "the message %s was purged; nothing of it is left",
                       message.id);
    if (!act->set(store, &message, act->value, changed, err))
        return false;
    return !*changed || !act->what || record(store, &mailbox, id, act->what, why, err);
}

static bool perform(struct store *store, const char *id, const struct act *act, const char *why,
                    bool *changed, struct err *err)
{
    bool done = false;

    if (!store_begin(store, err))
        return false;
    bool ok = in_tx(store, id, act, why, &done, err);
    ok = phone_finish(store, ok, done, err);
    if (changed)
        *changed = ok && done;
    return ok;
}

static bool set_read(struct store *store, const struct message *message, const void *value,
                     bool *changed, struct err *err)
{
    return message_set_read(store, message->id, *(const bool *)value, changed, err) &&
           deliver_read_receipt(store, message->id, err);
}

static bool set_urgent(struct store *store, const struct message *message, const void *value,
                       bool *changed, struct err *err)
{
    return message_set_urgent(store, message->id, *(const bool *)value, changed, err);
}

static bool set_subject(struct store *store, const struct message *message, const void *value,
                        bool *changed, struct err *err)
{
    return message_set_subject(store, message->id, value, changed, err);
}

static bool set_folder(struct store *store, const struct message *message, const void *value,
                       bool *changed, struct err *err)
{
    const enum message_folder folder = *(const enum message_folder *)value;

    /* Only what is deleted can be restored; a sent message stays where it is. */
    if (folder == FOLDER_INBOX && message->folder != FOLDER_DELETED) {
        *changed = false;
        return true;
    }
    enum message_folder to = folder == FOLDER_INBOX ? message->home : folder;
    if (!message_set_folder(store, message->id, to, changed, err))
        return false;
    return folder != FOLDER_PURGED || dispatch_settle(store, message->group, err);
}

static bool set_accepted(struct store *store, const struct message *message, const void *value,
                         bool *changed, struct err *err)
{
    return dispatch_accept(store, message->id, value ? value : PHONE_WHY, changed, err);
}

bool phone_set_read(struct store *store, const char *id, bool read, const char *why,
                    bool *changed, struct err *err)
{
    const struct act act = {read ? "read" : "unread", set_read, &read, false};

    return perform(store, id, &act, why, changed, err);
}

bool phone_set_urgent(struct store *store, const char *id, bool urgent, const char *why,
                      bool *changed, struct err *err)
{
    const struct act act = {urgent ? "urgent" : "normal", set_urgent, &urgent, false};

    return perform(store, id, &act, why, changed, err);
}

bool phone_set_subject(struct store *store, const char *id, const char *subject,
                       const char *why, bool *changed, struct err *err)
{
    const struct act act = {"subject", set_subject, subject, false};

    if (!text_is_utf8(subject))
        return err_set(err, ERR_DATA, "the subject is not UTF-8");
    return perform(store, id, &act, why, changed, err);
}

bool phone_accept(struct store *store, const char *id, const char *why, bool *changed,
                  struct err *err)
{
    const struct act act = {NULL, set_accepted, why, true};

    return perform(store, id, &act, why, changed, err);
}

static bool set_transcript(struct store *store, const struct message *message,
                           const void *value, bool *changed, struct err *err)
{
    if (message->private)
        return err_set(err, ERR_REFUSED,
                       "the message %s is private: private messages are never transcribed",
                       message->id);
    return message_set_transcript(
        store, message->id, value ? TRANSCRIPT_TEXT : TRANSCRIPT_FAILED, value, changed, err);
}

bool phone_set_transcript(struct store *store, const char *id, const char *text,
                          const char *why, bool *changed, struct err *err)
{
    const struct act act = {text ? "transcription" : "transcription failed", set_transcript,
                            text, false};

    if (text && !text[0])
        return err_set(err, ERR_DATA, "the transcription is empty");
    if (text && !text_is_utf8(text))
        return err_set(err, ERR_DATA, "the transcription is not UTF-8");
    return perform(store, id, &act, why ? why : "by the transcription service", changed, err);
}

bool phone_delete(struct store *store, const char *id, const char *why, bool *changed,
                  struct err *err)
{
    const enum message_folder folder = FOLDER_DELETED;
    const struct act act = {"deleted", set_folder, &folder, false};

    return perform(store, id, &act, why, changed, err);
}

bool phone_restore(struct store *store, const char *id, const char *why, bool *changed,
                   struct err *err)
{
    const enum message_folder folder = FOLDER_INBOX;
    const struct act act = {"restored", set_folder, &folder, false};

    return perform(store, id, &act, why, changed, err);
}

bool phone_purge(struct store *store, const char *id, const char *why, bool *changed,
                 struct err *err)
{
    const enum message_folder folder = FOLDER_PURGED;
    const struct act act = {"purged", set_folder, &folder, true};

    return perform(store, id, &act, why, changed, err);
}
