#include "ews/mime.h"

#include <openssl/evp.h>
#include <string.h>

#include "base/id.h"
#include "ews/ews_names.h"

enum {
    WORD_RAW = 42,  /* bytes in an encoded word: with its frame it stays below 75 characters */
    PLAIN_MAX = 60, /* a longer value is folded, and so encoded */
    LINE_RAW = 57,
};

/* ---- Headers ----------------------------------------------------------------------------- */

/* Letters, digits and what means nothing in any header. */
static bool is_plain(const char *text)
{
    static const char harmless[] = " +-./:,()'!&*#$%_";
    size_t len = strlen(text);
    for (const char *p = text; *p; p++) {
        bool word =
            (*p >= '0' && *p <= '9') || (*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z');
        if (!word && !strchr(harmless, *p))
            return false;
    }
    return len <= PLAIN_MAX && (len == 0 || (text[0] != ' ' && text[len - 1] != ' '));
}

/* The length of the next piece: whole characters, at most WORD_RAW bytes. */
static size_t piece_length(const char *text)
{
    size_t len = strlen(text);
    if (len <= WORD_RAW)
        return len;
    len = WORD_RAW;
    while (len > WORD_RAW - 4 && ((unsigned char)text[len] & 0xC0) == 0x80)
        len--;
    return len;
}

static void add_words(struct buf *out, const char *text)
{
    unsigned char coded[WORD_RAW * 2];
    const char *between = "";
    while (*text) {
        size_t n = piece_length(text);
        EVP_EncodeBlock(coded, (const unsigned char *)text, (int)n);
        buf_printf(out, "%s=?UTF-8?B?%s?=", between, (const char *)coded);
        between = "\r\n ";
        text += n;
    }
}

static void header(struct buf *out, const char *name, const char *value)
{
    if (!*value)
        return;
    buf_printf(out, "%s: ", name);
    if (is_plain(value))
        buf_add_str(out, value);
    else
        add_words(out, value);
    buf_add_str(out, "\r\n");
}

/* RFC 5322, 3.3: in UTC, with English names whatever the locale is. */
static void date_header(struct buf *out, struct wall when)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    char text[CLOCK_TEXT_MAX];
    int month;
    clock_format(when, text); /* 2026-11-22T10:00:00Z, perhaps with a fraction */
    month = (text[5] - '0') * 10 + text[6] - '0';
    if (month < 1 || month > 12)
        return;
    buf_printf(out, "Date: %.2s %s %.4s %.8s +0000\r\n", text + 8, months[month - 1], text,
               text + 11);
}

/* An address that needs no quoting; another one is left out. */
static bool is_address(const char *text)
{
    static const char allowed[] = "@.+-_=~!#$%&'*/?^`{|}";
    for (const char *p = text; *p; p++) {
        bool word =
            (*p >= '0' && *p <= '9') || (*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z');
        if (!word && !strchr(allowed, *p))
            return false;
    }
    return strchr(text, '@') != NULL;
}

static void from_header(struct buf *out, const struct remote_new *message)
{
    const char *name = *message->from_name ? message->from_name : message->from_number;
    if (!is_address(message->from_address))
        return;
    buf_add_str(out, "From: ");
    if (*name) {
        add_words(out, name);
        buf_add_str(out, "\r\n ");
    }
    buf_printf(out, "<%s>\r\n", message->from_address);
}

static void voice_headers(struct buf *out, const struct remote_new *message)
{
    if (message->duration_ms > 0)
        buf_printf(out, "X-VoiceMessageDuration: %lld\r\n",
                   (long long)(message->duration_ms + 500) / 1000);
    header(out, "X-CallingTelephoneNumber", message->from_number);
    header(out, "X-VoiceMessageSenderName", message->from_name);
    header(out, "X-AttachmentOrder", message->audio_name);
}

/* ---- Parts ------------------------------------------------------------------------------- */

static void text_lines(struct buf *out, const char *text)
{
    unsigned char coded[LINE_RAW * 2];
    for (size_t len = strlen(text); len > 0;) {
        size_t n = len < LINE_RAW ? len : LINE_RAW;
        EVP_EncodeBlock(coded, (const unsigned char *)text, (int)n);
        buf_printf(out, "%s\r\n", (const char *)coded);
        text += n;
        len -= n;
    }
}

/* "=_" never stands in base64, so the line cannot occur in a part. */
static void boundary(struct buf *out, const struct remote_new *message, const char *after)
{
    buf_printf(out, "--=_%s%s\r\n", message->message_id, after);
}

/* A parameter between quotes: what could end it becomes "_". */
static void parameter(struct buf *out, const char *text)
{
    for (const char *p = text; *p; p++) {
        bool harmless = *p >= ' ' && *p < 0x7F && *p != '"' && *p != '\\';
        buf_add(out, harmless ? p : "_", 1);
    }
}

static void audio_headers(struct buf *out, const struct remote_new *message)
{
    buf_printf(out, "Content-Type: %s; name=\"", message->audio_type);
    parameter(out, message->audio_name);
    buf_add_str(out, "\"\r\nContent-Disposition: attachment; filename=\"");
    parameter(out, message->audio_name);
    buf_add_str(out, "\"\r\nContent-Transfer-Encoding: base64\r\n\r\n");
}

void mime_begin(struct buf *out, const struct remote_new *message)
{
    buf_add_str(out, "MIME-Version: 1.0\r\n");
    date_header(out, message->received);
    buf_printf(out, "Message-ID: <%s@" EWS_MESSAGE_ID_DOMAIN ">\r\n", message->message_id);
    if (id_valid(message->reference))
        buf_printf(out,
                   "In-Reply-To: <%s@" EWS_MESSAGE_ID_DOMAIN ">\r\n"
                   "References: <%s@" EWS_MESSAGE_ID_DOMAIN ">\r\n",
                   message->reference, message->reference);
    header(out, "Subject", message->subject);
    from_header(out, message);
    if (message->urgent)
        buf_add_str(out, "Importance: high\r\n");
    if (message->private)
        buf_add_str(out, "Sensitivity: Private\r\n");
    voice_headers(out, message);
    buf_printf(out, "Content-Type: multipart/mixed;\r\n boundary=\"=_%s\"\r\n\r\n",
               message->message_id);
    boundary(out, message, "");
    buf_add_str(out, "Content-Type: text/plain; charset=UTF-8\r\n"
                     "Content-Transfer-Encoding: base64\r\n\r\n");
    text_lines(out, message->body);
    boundary(out, message, "");
    audio_headers(out, message);
}

void mime_end(struct buf *out, const struct remote_new *message)
{
    boundary(out, message, "--");
}
