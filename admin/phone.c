#include "admin/phone.h"

#include "admin/text.h"
#include "base/poke.h"
#include "queue/queue.h"
#include "store/audio.h"
#include "store/history.h"
#include "store/mailbox.h"

/* One change to a message that is there. */
struct act {
    const char *what; /* for the history */
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

static bool finish(struct store *store, bool ok, bool poke, struct err *err)
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
    return !*changed || record(store, &mailbox, id, act->what, why, err);
}

static bool perform(struct store *store, const char *id, const struct act *act, const char *why,
                    bool *changed, struct err *err)
{
    bool done = false;

    if (!store_begin(store, err))
        return false;
    bool ok = in_tx(store, id, act, why, &done, err);
    ok = finish(store, ok, done, err);
    if (changed)
        *changed = ok && done;
    return ok;
}

static bool set_read(struct store *store, const struct message *message, const void *value,
                     bool *changed, struct err *err)
{
    return message_set_read(store, message->id, *(const bool *)value, changed, err);
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
    return message_set_folder(store, message->id, folder, changed, err);
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

static bool check_text(const struct phone_deposit *deposit, struct err *err)
{
    const struct {
        const char *what, *text;
    } fields[] = {{"caller's number", deposit->from_number},
                  {"caller's name", deposit->from_name},
                  {"subject", deposit->subject},
                  {"transcription", deposit->transcript}};

    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (fields[i].text && !text_is_utf8(fields[i].text))
            return err_set(err, ERR_DATA, "the %s is not UTF-8", fields[i].what);
    return true;
}

static bool deposit_in_tx(struct store *store, const struct phone_deposit *deposit,
                          const struct audio_info *audio, const char *why, char *id,
                          struct err *err)
{
    struct mailbox mailbox;

    if (!mailbox_find(store, deposit->mailbox, &mailbox, err))
        return false;
    if (mailbox.removed)
        return err_set(err, ERR_NO_MAILBOX, "the mailbox %s was removed", mailbox.name);
    const struct message_new message = {
        .mailbox = mailbox.id,
        .kind = KIND_VOICE,
        .from_number = deposit->from_number,
        .from_name = deposit->from_name,
        .subject = deposit->subject,
        .received = deposit->received,
        .urgent = deposit->urgent,
        .private = deposit->private,
        .secure = deposit->secure,
        .transcript = deposit->transcript,
        .audio = audio,
    };
    return message_add(store, &message, id, err) &&
           record(store, &mailbox, id, "created", why, err);
}

/* The file first, outside the transaction: it may be large, and without a row it is only
 * collected later. */
static bool deposit_once(struct store *store, const struct phone_deposit *deposit,
                         const char *why, char *id, struct err *err)
{
    struct audio_info audio;
    bool with_audio = deposit->file != NULL;

    if ((with_audio && !audio_import(store, deposit->file, &audio, err)) ||
        !store_begin(store, err))
        return false;
    bool ok = deposit_in_tx(store, deposit, with_audio ? &audio : NULL, why, id, err);
    return finish(store, ok, true, err);
}

bool phone_deposit(struct store *store, const struct phone_deposit *deposit, const char *why,
                   char *id, struct err *err)
{
    char new_id[LIMIT_UUID];

    if (!check_text(deposit, err))
        return false;
    bool ok = deposit_once(store, deposit, why, new_id, err);
    if (!ok && err->kind == ERR_TEMPORARY) /* the same audio, old and named by nobody, was
                                              collected at this very moment */
        ok = deposit_once(store, deposit, why, new_id, err);
    if (ok)
        snprintf(id, LIMIT_UUID, "%s", new_id);
    return ok;
}
