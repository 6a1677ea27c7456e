#include "sync/compose.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "store/receipt.h"

static void add_line(struct buf *out, const char *label, const char *value)
{
    buf_printf(out, "%s: %s\r\n", label, value);
}

static void add_caller(const struct message *message, struct buf *out)
{
    char text[LIMIT_DISPLAY_NAME + LIMIT_PHONE_NUMBER + 4];
    const char *name = message->from_name, *number = message->from_number;

    if (name[0] && number[0])
        snprintf(text, sizeof text, "%s (%s)", name, number);
    else if (name[0] || number[0])
        text_copy(text, sizeof text, name[0] ? name : number);
    else
        snprintf(text, sizeof text, "unknown caller");
    add_line(out, "From", text);
}

static void add_times(const struct message *message, struct buf *out)
{
    char text[64];
    time_t seconds = (time_t)(message->received.ms / 1000);
    struct tm tm;
    long long whole = (message->duration_ms + 500) / 1000;

    gmtime_r(&seconds, &tm);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M UTC", &tm);
    add_line(out, "Received", text);
    snprintf(text, sizeof text, "%lld:%02lld", whole / 60, whole % 60);
    add_line(out, "Duration", text);
}

bool compose_has_audio(const struct message *message)
{
    return !message->secure && message->audio[0] != '\0';
}

bool compose_is_expired(const struct message *message)
{
    return message->kind != KIND_FAX && !message->audio[0] && message->duration_ms > 0;
}

bool compose_is_decoy(const struct message *message)
{
    return message->secure;
}

#define CALL_ANSWERING ".UM.CA"

const char *compose_item_class(const struct message *message, const char *voice, char *out)
{
    size_t len = strlen(voice), tail = strlen(CALL_ANSWERING);

    text_copy(out, COMPOSE_CLASS_BYTES, voice);
    if (!compose_has_audio(message) || receipt_is(message->kind))
        text_copy(out, COMPOSE_CLASS_BYTES, "IPM.Note");
    else if (message->sender[0] && len > tail && len < COMPOSE_CLASS_BYTES &&
             strcmp(voice + len - tail, CALL_ANSWERING) == 0)
        out[len - strlen(".CA")] = '\0';
    return out;
}

/* Lines of ours, or of a person, which may end with LF only. */
static void add_text(struct buf *out, const char *text)
{
    for (const char *end; *text; text = *end ? end + 1 : end) {
        end = text + strcspn(text, "\n");
        size_t len = (size_t)(end - text);
        buf_add(out, text, len && text[len - 1] == '\r' ? len - 1 : len);
        buf_add_str(out, "\r\n");
    }
}

static void add_decoy(const struct message *message, struct buf *out)
{
    buf_add_str(out,
                "\r\nThis message is marked secure: its audio is not in this mailbox.\r\n");
    buf_add_str(out,
                compose_is_expired(message)
                    ? "The recording is no longer kept.\r\n"
                    : "To hear it, call the voice mail system and log on to your mailbox.\r\n");
}

static void add_transcript(const struct message *message, const char *transcript,
                           struct buf *out)
{
    switch (message->transcript) {
    case TRANSCRIPT_NONE: return;
    case TRANSCRIPT_PENDING: buf_add_str(out, "\r\nTranscription: in progress\r\n"); return;
    case TRANSCRIPT_FAILED:
        buf_add_str(out, "\r\nTranscription: could not be made\r\n");
        return;
    case TRANSCRIPT_TEXT:
        if (transcript && transcript[0])
            buf_printf(out, "\r\nTranscription:\r\n%s\r\n", transcript);
        return;
    }
}

/* All that a receipt says is in its text, in its reader's language. The message that it is
 * about goes along with a non-delivery receipt, unless that was secure. */
static void compose_receipt(const struct message *message, const struct compose_words *words,
                            struct buf *out)
{
    add_text(out, words->text ? words->text : "");
    if (message->secure && message->duration_ms > 0)
        add_decoy(message, out);
    else if (compose_is_expired(message))
        buf_add_str(out, "\r\nThe recording is no longer kept.\r\n");
}

void compose_body(const struct message *message, const struct compose_words *words,
                  struct buf *out)
{
    if (receipt_is(message->kind)) {
        compose_receipt(message, words, out);
        return;
    }
    const char *heading = message->kind == KIND_FAX ? "Fax" : "Voice message";
    buf_printf(out, "%s\r\n\r\n", compose_is_decoy(message) ? "Secure voice message" : heading);
    add_caller(message, out);
    add_times(message, out);
    if (compose_is_decoy(message)) {
        add_decoy(message, out);
        return;
    }
    if (compose_is_expired(message))
        buf_add_str(out, "\r\nThe recording is no longer kept.\r\n");
    if (words->text && words->text[0]) {
        buf_add_str(out, "\r\n");
        add_text(out, words->text);
    }
    add_transcript(message, words->transcript, out);
}
