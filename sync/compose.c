#include "sync/compose.h"

#include <stdio.h>
#include <time.h>

#include "base/text.h"

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

void compose_body(const struct message *message, const char *transcript, struct buf *out)
{
    buf_add_str(out,
                message->secure ? "Secure voice message\r\n\r\n" : "Voice message\r\n\r\n");
    add_caller(message, out);
    add_times(message, out);
    if (message->secure) {
        buf_add_str(out,
                    "\r\nThis message is marked secure: its audio is not in this mailbox.\r\n"
                    "To hear it, call the voice mail system and log on to your mailbox.\r\n");
        return;
    }
    if (message->kind == KIND_VOICE && !message->audio[0])
        buf_add_str(out, "\r\nThe recording is no longer kept.\r\n");
    if (transcript && transcript[0])
        buf_printf(out, "\r\nTranscription:\r\n%s\r\n", transcript);
}
