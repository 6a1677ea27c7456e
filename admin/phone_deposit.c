#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/phone_private.h"
#include "base/text.h"

static bool check_text(const struct phone_deposit *deposit, struct err *err)
{
    const struct {
        const char *what, *text;
    } fields[] = {{"caller's number", deposit->from_number},
                  {"caller's name", deposit->from_name},
                  {"called number", deposit->called_number},
                  {"subject", deposit->subject},
                  {"transcription", deposit->transcript}};

    for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
        if (fields[i].text && !text_is_utf8(fields[i].text))
            return err_set(err, ERR_DATA, "the %s is not UTF-8", fields[i].what);
    if (deposit->receipts && !deposit->sender)
        return err_set(err, ERR_USAGE,
                       "a receipt needs a sender who has a mailbox: name one, or ask for none");
    return true;
}

/* The mailboxes that a deposit names. */
struct recipients {
    char (*ids)[LIMIT_UUID];
    const char **to;
    size_t count;
};

static bool find_recipients(struct store *store, const char *names, struct recipients *out,
                            struct err *err)
{
    struct mailbox mailbox;
    char name[LIMIT_MAILBOX_NAME];
    const char *end;

    for (const char *p = names;; p = end + 1) {
        end = p + strcspn(p, ",");
        if (out->count == LIMIT_RECIPIENTS)
            return err_set(err, ERR_USAGE, "a message has at most %d recipients",
                           LIMIT_RECIPIENTS);
        snprintf(name, sizeof name, "%.*s", (int)(end - p), p);
        if ((size_t)(end - p) >= sizeof name)
            return err_set(err, ERR_NO_MAILBOX, "there is no mailbox \"%s...\"", name);
        if (!mailbox_find(store, name, &mailbox, err))
            return false;
        snprintf(out->ids[out->count], LIMIT_UUID, "%s", mailbox.id);
        out->to[out->count] = out->ids[out->count];
        out->count++;
        if (!*end)
            return true;
    }
}

static bool deposit_to(struct store *store, const struct phone_deposit *deposit,
                       struct recipients *recipients, const struct delivery *plain,
                       struct delivered *out, struct err *err)
{
    struct delivery delivery = *plain;
    struct mailbox sender;

    if (!find_recipients(store, deposit->mailbox, recipients, err) ||
        (deposit->sender && !mailbox_find(store, deposit->sender, &sender, err)))
        return false;
    delivery.to = recipients->to;
    delivery.to_count = recipients->count;
    delivery.sender = deposit->sender ? sender.id : NULL;
    return deliver(store, &delivery, out, err);
}

static bool deposit_in_tx(struct store *store, const struct phone_deposit *deposit,
                          const struct audio_info *audio, const char *why,
                          struct delivered *out, struct err *err)
{
    struct recipients recipients = {
        .ids = calloc(LIMIT_RECIPIENTS, LIMIT_UUID),
        .to = calloc(LIMIT_RECIPIENTS, sizeof *recipients.to),
    };
    const struct delivery delivery = {
        .from_number = deposit->from_number,
        .from_name = deposit->from_name,
        .called_number = deposit->called_number,
        .book = deposit->book,
        .type = deposit->type,
        .subject = deposit->subject,
        .audio = audio,
        .transcript = deposit->transcript,
        .transcript_pending = deposit->transcript_pending,
        .urgent = deposit->urgent,
        .private = deposit->private,
        .secure = deposit->secure,
        .dispatch = deposit->dispatch,
        .keep_sent = deposit->keep_sent,
        .receipts = deposit->receipts,
        .received = deposit->received,
        .why = why ? why : PHONE_WHY,
    };
    bool ok = recipients.ids && recipients.to
                  ? deposit_to(store, deposit, &recipients, &delivery, out, err)
                  : err_set(err, ERR_SYSTEM, "out of memory");

    free(recipients.ids);
    free(recipients.to);
    return ok;
}

/* The file first, outside the transaction: it may be large, and without a row it is only
 * collected later. */
static bool deposit_once(struct store *store, const struct phone_deposit *deposit,
                         const char *why, struct delivered *out, struct err *err)
{
    struct audio_info audio;
    bool with_audio = deposit->file != NULL;

    if ((with_audio && !audio_import(store, deposit->file, &audio, err)) ||
        !store_begin(store, err))
        return false;
    bool ok = deposit_in_tx(store, deposit, with_audio ? &audio : NULL, why, out, err);
    return phone_finish(store, ok, true, err);
}

bool phone_deposit_all(struct store *store, const struct phone_deposit *deposit,
                       const char *why, struct delivered *out, struct err *err)
{
    if (!check_text(deposit, err))
        return false;
    bool ok = deposit_once(store, deposit, why, out, err);
    if (!ok && err->kind == ERR_TEMPORARY) /* the same audio, old and named by nobody, was
                                              collected at this very moment */
        ok = deposit_once(store, deposit, why, out, err);
    return ok;
}

bool phone_deposit(struct store *store, const struct phone_deposit *deposit, const char *why,
                   char *id, struct err *err)
{
    struct delivered delivered;

    if (!phone_deposit_all(store, deposit, why, &delivered, err))
        return false;
    snprintf(id, LIMIT_UUID, "%s", delivered.ids[0]);
    return true;
}
