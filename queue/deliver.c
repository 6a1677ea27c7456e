#include "queue/deliver.h"

#include <string.h>

#include "base/id.h"
#include "queue/queue.h"
#include "store/history.h"
#include "store/receipt.h"

/* One delivery under way. */
struct work {
    struct store *store;
    const struct delivery *delivery;
    const struct mailbox *sender; /* NULL: an outside caller */
    char group[LIMIT_UUID];
};

static const char *first_of(const char *a, const char *b)
{
    return a && a[0] ? a : b;
}

static const char *name_of(const struct mailbox *mailbox)
{
    return first_of(mailbox->display, mailbox->name);
}

/* The message is in; its line in the history, and the wish for a look at its mailbox. */
static bool record(struct store *store, const struct mailbox *mailbox, const char *id,
                   const char *why, struct err *err)
{
    if (mailbox->single_inbox && !queue_push(store, mailbox->id, QUEUE_CHANGE, 0, err))
        return false;
    return history_add(store, id, "connection", "created", why, err);
}

static bool live_mailbox(struct store *store, const char *id, struct mailbox *out,
                         struct err *err)
{
    if (!mailbox_get(store, id, out, err))
        return false;
    return !out->removed ||
           err_set(err, ERR_NO_MAILBOX, "the mailbox %s was removed", out->name);
}

static enum language language_of(const struct mailbox *mailbox)
{
    enum language language;

    language_parse(mailbox->language, &language);
    return language;
}

static struct message_new new_message(const struct work *work)
{
    const struct delivery *d = work->delivery;
    const struct mailbox *sender = work->sender;

    return (struct message_new){
        .kind = KIND_VOICE,
        .from_number = first_of(d->from_number, sender ? sender->extension : NULL),
        .from_name = first_of(d->from_name, sender ? name_of(sender) : NULL),
        .from_address = sender ? sender->smtp : NULL,
        .received = d->received,
        .urgent = d->urgent,
        .private = d->private,
        .secure = d->secure,
        .dispatch = d->dispatch,
        .sender = sender ? sender->id : NULL,
        .reference = d->reference,
        .group = work->group,
        .text = d->text,
        .transcript = d->transcript,
        .transcript_pending = d->transcript_pending,
        .audio = d->audio,
    };
}

static void make_subject(const struct work *work, const struct message_new *message,
                         const struct mailbox *recipient, const struct mailbox *reader,
                         char *out)
{
    const struct delivery *d = work->delivery;
    const struct subject_book *book = d->book ? d->book : subject_built_in();
    bool user = work->sender && d->type == SUBJECT_OUTSIDE_CALLER;
    const struct subject_facts facts = {
        .caller_number = message->from_number,
        .called_number = first_of(d->called_number, recipient->extension),
        .name = message->from_name,
        .extension = work->sender ? work->sender->extension : NULL,
        .urgent = d->urgent,
        .private = d->private,
        .secure = d->secure,
        .dispatch = d->dispatch,
    };

    subject_make(&book->language[language_of(reader)], user ? SUBJECT_USER : d->type, &facts,
                 out, LIMIT_SUBJECT);
}

/* A receipt on its way. */
struct receipt {
    const struct mailbox *to, *from; /* from NULL: the system itself */
    struct receipt_facts facts;
    const char *reference; /* the message that it is about */
    const char *why;
    const struct audio_info *audio;
    bool secure, private;
};

static bool send_receipt(struct store *store, const struct receipt *receipt, char *id,
                         struct err *err)
{
    const struct mailbox *from = receipt->from;
    char subject[LIMIT_SUBJECT];
    struct buf text;
    bool ok = false;

    buf_init(&text, LIMIT_TRANSCRIPT - 1);
    receipt_make(language_of(receipt->to), &receipt->facts, subject, &text);
    const struct message_new message = {
        .mailbox = receipt->to->id,
        .kind = receipt->facts.kind,
        .from_number = from ? from->extension : NULL,
        .from_name = from ? name_of(from) : NULL,
        .from_address = from ? from->smtp : NULL,
        .sender = from ? from->id : NULL,
        .subject = subject,
        .text = buf_str(&text),
        .reference = receipt->reference,
        .audio = receipt->audio,
        .secure = receipt->secure,
        .private = receipt->private,
    };
    if (text.failed)
        err_set(err, ERR_DATA, "the text of the receipt is too long");
    else
        ok = message_add(store, &message, id, err) &&
             record(store, receipt->to, id, receipt->why, err);
    buf_clear(&text);
    return ok;
}

static bool send_delivery_receipt(const struct work *work, const struct mailbox *recipient,
                                  const char *message_id, const char *subject, struct err *err)
{
    char id[LIMIT_UUID];
    const struct receipt receipt = {
        .to = work->sender,
        .from = recipient,
        .facts = {.kind = KIND_DELIVERY_RECEIPT,
                  .subject = subject,
                  .name = name_of(recipient),
                  .time = store_now(work->store)},
        .reference = message_id,
        .why = "the sender asked for a delivery receipt",
    };

    return send_receipt(work->store, &receipt, id, err);
}

static bool deliver_one(const struct work *work, const struct mailbox *recipient, char *id,
                        struct err *err)
{
    const struct delivery *d = work->delivery;
    struct message_new message = new_message(work);
    char subject[LIMIT_SUBJECT];
    unsigned receipts = work->sender ? d->receipts : 0;

    make_subject(work, &message, recipient, recipient, subject);
    message.mailbox = recipient->id;
    message.subject = d->subject ? d->subject : subject;
    message.receipts = receipts & MESSAGE_WANTS_READ_RECEIPT;
    if (!message_add(work->store, &message, id, err) ||
        !record(work->store, recipient, id, d->why, err))
        return false;
    if (!(receipts & MESSAGE_WANTS_DELIVERY_RECEIPT))
        return true;
    /* As the sender would have it in a copy of his own. */
    make_subject(work, &message, recipient, work->sender, subject);
    return send_delivery_receipt(work, recipient, id, d->subject ? d->subject : subject, err);
}

/* The copy for him who sent it: in his language, read, and asking for nothing. */
static bool keep_sent(const struct work *work, const struct mailbox *recipient, char *id,
                      struct err *err)
{
    const struct delivery *d = work->delivery;
    struct message_new message = new_message(work);
    char subject[LIMIT_SUBJECT];

    make_subject(work, &message, recipient, work->sender, subject);
    message.mailbox = work->sender->id;
    message.subject = d->subject ? d->subject : subject;
    message.sent = message.read = true;
    message.dispatch = false;
    message.group = NULL;
    return message_add(work->store, &message, id, err) &&
           record(work->store, work->sender, id, d->why, err);
}

static bool came_before(const struct delivery *delivery, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(delivery->to[i], delivery->to[index]) == 0)
            return true;
    }
    return false;
}

bool deliver(struct store *store, const struct delivery *delivery, struct delivered *out,
             struct err *err)
{
    struct work work = {.store = store, .delivery = delivery};
    struct mailbox sender, recipient;

    out->count = 0;
    out->sent[0] = '\0';
    if (delivery->to_count == 0 || delivery->to_count > LIMIT_RECIPIENTS)
        return err_set(err, ERR_USAGE, "a message has 1 to %d recipients", LIMIT_RECIPIENTS);
    if (delivery->sender && !live_mailbox(store, delivery->sender, &sender, err))
        return false;
    work.sender = delivery->sender ? &sender : NULL;
    if (delivery->dispatch)
        id_new(work.group);
    for (size_t i = 0; i < delivery->to_count; i++) {
        if (came_before(delivery, i))
            continue;
        if (!live_mailbox(store, delivery->to[i], &recipient, err) ||
            !deliver_one(&work, &recipient, out->ids[out->count], err))
            return false;
        out->count++;
    }
    return !delivery->keep_sent || !work.sender || keep_sent(&work, &recipient, out->sent, err);
}

bool deliver_refusal(struct store *store, const struct refusal *refusal, char *id,
                     struct err *err)
{
    struct mailbox sender;
    const struct receipt receipt = {
        .to = &sender,
        .facts = {.kind = KIND_NON_DELIVERY_RECEIPT,
                  .subject = refusal->subject,
                  .time = store_now(store),
                  .reason = refusal->reason},
        .reference = refusal->reference,
        .why = refusal->why,
        .audio = refusal->audio,
        .secure = refusal->secure,
        .private = refusal->private,
    };

    return live_mailbox(store, refusal->sender, &sender, err) &&
           send_receipt(store, &receipt, id, err);
}

bool deliver_read_receipt(struct store *store, const char *message_id, struct err *err)
{
    struct message message;
    struct mailbox reader, sender;
    char id[LIMIT_UUID];

    if (!message_get(store, message_id, &message, err))
        return false;
    if (!message.read || !(message.receipts & MESSAGE_WANTS_READ_RECEIPT))
        return true;
    if (!message_set_receipts(store, message_id,
                              message.receipts & ~(unsigned)MESSAGE_WANTS_READ_RECEIPT, err))
        return false;
    if (receipt_is(message.kind) || !message.sender[0])
        return true;
    if (!mailbox_get(store, message.mailbox, &reader, err) ||
        !mailbox_get(store, message.sender, &sender, err))
        return false;
    const struct receipt receipt = {
        .to = &sender,
        .from = &reader,
        .facts = {.kind = KIND_READ_RECEIPT,
                  .subject = message.subject,
                  .name = name_of(&reader),
                  .time = stamp_time(message.read_at)},
        .reference = message.id,
        .why = "the message was read, and its sender had asked to be told",
    };
    return sender.removed || send_receipt(store, &receipt, id, err);
}
