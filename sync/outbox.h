/* What is to become of a message that a person composed in Outlook. Pure: from what was
 * composed to a verdict, with the sentences that its sender reads when something is wrong with
 * it.
 *
 * One recording is needed, a WAV that phones play; other attachments are left out. What is
 * wrong with it decides where the original is afterwards, for nobody's recording may be lost:
 * with a recording that can be kept, a receipt carries it, and the item is taken away; without
 * one, the item stays in the Voice Outbox, where its owner can correct it. An item that changed
 * a moment ago may be half done: nothing is said against it before it was left in peace for a
 * while. Ownership: a letter owns its texts. Nothing here outlives a crash. */
#ifndef SIB_SYNC_OUTBOX_H
#define SIB_SYNC_OUTBOX_H

#include "base/buf.h"
#include "remote/remote.h"

/* ---- before its recording is fetched ---- */

enum outbox_step {
    OUTBOX_WAIT, /* it is perhaps half done: look at it again in a while */
    OUTBOX_KEEP, /* refused, and left where it is; reason says why */
    OUTBOX_FETCH,
};

struct outbox_look {
    enum outbox_step step;
    size_t audio; /* FETCH: which attachment it is */
    char reason[LIMIT_REASON];
};

/* quiet: it was left in peace for a while. */
void outbox_look(const struct remote_composed *composed, bool quiet, struct outbox_look *out);

/* Added to the reason of what is left in the Voice Outbox. */
#define OUTBOX_KEPT_REMEDY                                                                     \
    " The message was left in the Voice Outbox: correct it there and it is sent, or delete "   \
    "it."

/* ---- what of it is needed afterwards ---- */

struct outbox_letter {
    char *from, *subject, *body, *audio_id, *audio_name;
    char **to;
    size_t to_count;
    bool urgent, private, wants_delivery_receipt, wants_read_receipt;
    char reference[LIMIT_UUID];
    char item[LIMIT_REMOTE_ID];
    struct wall created;
};

/* A copy; audio: index of its recording, or attachment_count: none. NULL: no memory. */
struct outbox_letter *outbox_letter_new(const struct remote_composed *composed, size_t audio);
void outbox_letter_free(struct outbox_letter **letter);

/* What makes it the same message, whatever its item is called by now: its content, and when it
 * was made. what: the recording's SHA-256, or why it was refused. hex: LIMIT_SHA256. */
void outbox_digest(const struct outbox_letter *letter, const char *what, char *hex);

/* ---- its recording ---- */

/* Whether phones play it, by the first bytes of the file (up to LIMIT_WAV_HEADER_BYTES). False:
 * reason (size bytes) says what was found, and what is accepted. */
bool outbox_audio_is_good(const char *name, const unsigned char *head, size_t len,
                          int64_t file_bytes, char *reason, size_t size);

/* ---- with its recording at hand ---- */

struct outbox_person {
    const char *address;
    char mailbox[LIMIT_UUID]; /* whose address it is; "": nobody's */
};

struct outbox_verdict {
    bool wait;    /* see OUTBOX_WAIT */
    bool deliver; /* to those who are known */
    bool tell;    /* a receipt for the sender, with the recording */
};

/* reason: a buffer with room for OUTBOX_REASON bytes, filled when tell. owner: it is from the
 * owner of the mailbox. */
enum { OUTBOX_REASON = 16 * 1024 };
struct outbox_verdict outbox_judge(const struct outbox_person *people, size_t count, bool owner,
                                   const char *from, bool quiet, struct buf *reason);

#endif
