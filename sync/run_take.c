/* What was composed becomes messages: its people are found, it is judged, delivered and written
 * down, all in one transaction of the caller's (run_outbox.c). */
#include "sync/run_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/bug.h"
#include "base/id.h"
#include "base/text.h"
#include "queue/deliver.h"

#define WHY     "composed in Outlook, taken from the Voice Outbox"
#define WHY_NOT "what was composed in Outlook could not be delivered"

static const char *or_null(const char *text)
{
    return text[0] ? text : NULL;
}

bool run_tell_sender(struct run *run, const char *subject, const char *reason,
                     const struct audio_info *audio, char *id, struct err *err)
{
    const struct outbox_letter *letter = run->outbox.letter;
    const struct refusal refusal = {
        .sender = run->mailbox.id,
        .subject = or_null(subject),
        .reason = reason,
        .audio = audio,
        .reference = letter ? or_null(letter->reference) : NULL,
        .private = letter && letter->private,
        .why = WHY_NOT,
    };

    return deliver_refusal(run->deps.store, &refusal, id, err);
}

/* What a letter is about to become. */
struct taking {
    struct outbox_person *people;
    size_t count;
    bool owner;
    const struct audio_info *audio;
    struct buf reason; /* for a receipt */
    struct delivered delivered;
    char receipt[LIMIT_UUID];
};

static bool find_people(struct run *run, struct taking *taking, struct err *err)
{
    const struct outbox_letter *letter = run->outbox.letter;
    struct mailbox mailbox;
    bool found = false;

    taking->people = calloc(letter->to_count + 1, sizeof *taking->people);
    if (!taking->people)
        return err_set(err, ERR_SYSTEM, "out of memory");
    taking->count = letter->to_count;
    for (size_t i = 0; i < letter->to_count; i++) {
        taking->people[i].address = letter->to[i];
        if (!mailbox_find_address(run->deps.store, letter->to[i], &mailbox, &found, err))
            return false;
        if (found)
            text_copy(taking->people[i].mailbox, sizeof taking->people[i].mailbox, mailbox.id);
    }
    taking->owner = !letter->from[0] || strcasecmp(letter->from, run->mailbox.smtp) == 0;
    if (taking->owner)
        return true;
    if (!mailbox_find_address(run->deps.store, letter->from, &mailbox, &found, err))
        return false;
    taking->owner = found && strcmp(mailbox.id, run->mailbox.id) == 0;
    return true;
}

/* The message that it answers is one of this mailbox, or it is not ours to speak of. */
static const char *reference_of(struct run *run)
{
    const char *reference = run->outbox.letter->reference;
    struct message message;
    struct err err;

    if (!id_valid(reference) || !message_get(run->deps.store, reference, &message, &err) ||
        strcmp(message.mailbox, run->mailbox.id) != 0)
        return NULL;
    return reference;
}

static bool deliver_letter(struct run *run, struct taking *taking, struct err *err)
{
    const struct outbox_letter *letter = run->outbox.letter;
    const char **to = calloc(taking->count, sizeof *to);
    size_t count = 0;

    if (!to)
        return err_set(err, ERR_SYSTEM, "out of memory");
    for (size_t i = 0; i < taking->count; i++) {
        if (taking->people[i].mailbox[0])
            to[count++] = taking->people[i].mailbox;
    }
    const struct delivery delivery = {
        .to = to,
        .to_count = count,
        .sender = run->mailbox.id,
        .book = run->deps.book,
        .subject = or_null(letter->subject),
        .audio = taking->audio,
        .text = or_null(letter->body),
        .urgent = letter->urgent,
        .private = letter->private,
        .keep_sent = run->deps.sent_items,
        .reference = reference_of(run),
        .receipts = (letter->wants_delivery_receipt ? MESSAGE_WANTS_DELIVERY_RECEIPT : 0u) |
                    (letter->wants_read_receipt ? MESSAGE_WANTS_READ_RECEIPT : 0u),
        .why = WHY,
    };
    bool ok = deliver(run->deps.store, &delivery, &taking->delivered, err);
    free(to);
    return ok;
}

/* (tx) The same message under another name: it was moved out and in again, say. Never delivered
 * twice; but the recording is not lost either. */
static bool judge_again(struct run *run, struct taking *taking, struct outbox_verdict *verdict,
                        struct err *err)
{
    struct outbox_row before;
    bool found;
    char when[CLOCK_TEXT_MAX];

    if (!outbox_find_taken(run->deps.store, run->mailbox.id, run->outbox.row.digest, &before,
                           &found, err))
        return false;
    if (!found)
        return true;
    clock_format((struct wall){before.taken_ms}, when);
    *verdict = (struct outbox_verdict){.tell = true};
    buf_reset(&taking->reason);
    return buf_printf(&taking->reason,
                      "The same message was taken from the Voice Outbox before, at %s; it was "
                      "not delivered again. To send it once more, compose it anew.",
                      when) ||
           err_set(err, ERR_SYSTEM, "out of memory");
}

/* (tx) Which messages came of it. */
static bool record(struct run *run, const struct taking *taking, struct err *err)
{
    struct outbox_row *row = &run->outbox.row;
    struct buf ids;

    buf_init(&ids, (LIMIT_RECIPIENTS + 2) * LIMIT_UUID);
    for (size_t i = 0; i < taking->delivered.count; i++)
        buf_printf(&ids, "%s%s", i ? " " : "", taking->delivered.ids[i]);
    if (taking->receipt[0])
        buf_printf(&ids, "%s%s", ids.len ? " " : "", taking->receipt);
    row->state = bug(letter_not_marked) ? row->state : OUTBOX_TAKEN;
    row->taken_ms = store_now(run->deps.store).ms;
    row->refusals = 0;
    bool ok =
        (!ids.failed || err_set(err, ERR_SYSTEM, "out of memory")) &&
        outbox_set(run->deps.store, run->mailbox.id, row, err) &&
        outbox_set_messages(run->deps.store, run->mailbox.id, row->item, buf_str(&ids), err);
    buf_clear(&ids);
    return ok;
}

static bool take(struct run *run, struct taking *taking, bool quiet, bool *wait,
                 struct err *err)
{
    const struct outbox_letter *letter = run->outbox.letter;

    if (!find_people(run, taking, err))
        return false;
    struct outbox_verdict verdict = outbox_judge(taking->people, taking->count, taking->owner,
                                                 letter->from, quiet, &taking->reason);
    *wait = verdict.wait;
    if (verdict.wait)
        return true;
    outbox_digest(letter, taking->audio->sha256, run->outbox.row.digest);
    return judge_again(run, taking, &verdict, err) &&
           (!verdict.deliver || deliver_letter(run, taking, err)) &&
           (!verdict.tell || run_tell_sender(run, letter->subject, buf_str(&taking->reason),
                                             taking->audio, taking->receipt, err)) &&
           record(run, taking, err);
}

bool run_take(struct run *run, const struct audio_info *audio, bool quiet, bool *wait,
              struct err *err)
{
    static struct taking taking; /* large; no call is made while it is in use */
    const struct outbox_row before = run->outbox.row;

    *wait = false;
    memset(&taking, 0, sizeof taking);
    taking.audio = audio;
    buf_init(&taking.reason, OUTBOX_REASON);
    bool ok = take(run, &taking, quiet, wait, err);
    buf_clear(&taking.reason);
    free(taking.people);
    if (!ok)
        run->outbox.row = before;
    return ok;
}
