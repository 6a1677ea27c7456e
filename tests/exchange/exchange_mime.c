/* A small reader of MIME, for CreateItem with MimeContent: headers that matter, the first text
 * as body, everything else as attachments. Four levels of multipart, base64 and
 * quoted-printable; encoded words and texts are taken for UTF-8. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/exchange/exchange_mime_header.h"
#include "tests/exchange/exchange_ops.h"

struct file {
    struct file *next;
    struct attachment attachment;
    struct blob_writer *writer;
};

enum { MIME_VOICE = 6 };

struct mime {
    struct blobs *blobs;
    struct file *files, **end;
    char hash[LIMIT_SHA256]; /* of the whole */
    bool have_body;
    struct property voice[MIME_VOICE]; /* what the headers of a voice message say */
    int voice_count;
};

static void decode_quoted(struct blob_writer *writer, const char *p, const char *end)
{
    for (; p < end; p++) {
        if (*p != '=') {
            ex_blob_add(writer, p, 1);
        } else if (p + 2 < end && ex_mime_hex(p[1]) >= 0 && ex_mime_hex(p[2]) >= 0) {
            char c = (char)(ex_mime_hex(p[1]) << 4 | ex_mime_hex(p[2]));
            ex_blob_add(writer, &c, 1);
            p += 2;
        } else {
            while (p + 1 < end && *p != '\n')
                p++;
        }
    }
}

static void add_content(struct blob_writer *writer, const struct part *part)
{
    char encoding[64];
    ex_mime_header(part, "Content-Transfer-Encoding", encoding, sizeof encoding);
    if (!strcasecmp(encoding, "base64"))
        ex_blob_add_base64(writer, part->body, (size_t)(part->end - part->body));
    else if (!strcasecmp(encoding, "quoted-printable"))
        decode_quoted(writer, part->body, part->end);
    else
        ex_blob_add(writer, part->body, (size_t)(part->end - part->body));
}

/* Without its angle brackets. */
static void add_content_id(struct attachment *attachment, const struct part *part)
{
    char id[256];
    if (ex_mime_header(part, "Content-ID", id, sizeof id))
        snprintf(attachment->content_id, sizeof attachment->content_id, "%.*s",
                 (int)strcspn(id + (id[0] == '<'), ">"), id + (id[0] == '<'));
}

static const char *add_file(struct mime *mime, const struct part *part, const char *type)
{
    char disposition[512];
    struct file *file = calloc(1, sizeof *file);
    if (!file)
        return "ErrorInternalServerError";
    ex_mime_header(part, "Content-Disposition", disposition, sizeof disposition);
    if (!ex_mime_parameter(disposition, "filename", file->attachment.name,
                           sizeof file->attachment.name))
        ex_mime_parameter(type, "name", file->attachment.name, sizeof file->attachment.name);
    ex_mime_decode_words(file->attachment.name);
    file->attachment.is_inline = !strncasecmp(disposition, "inline", 6);
    add_content_id(&file->attachment, part);
    snprintf(file->attachment.type, sizeof file->attachment.type, "%.*s",
             (int)strcspn(type, "; \t"), type);
    file->writer = ex_blob_writer_new(mime->blobs);
    *mime->end = file;
    mime->end = &file->next;
    if (!file->writer)
        return "ErrorInternalServerError";
    add_content(file->writer, part);
    return NULL;
}

static const char *set_body(struct mime *mime, const struct part *part, struct item *item,
                            const char *type)
{
    struct blob_writer *writer = ex_blob_writer_new(mime->blobs);
    char hash[LIMIT_SHA256];
    int64_t size;
    struct err err;
    struct buf text;
    if (!writer)
        return "ErrorInternalServerError";
    add_content(writer, part);
    if (!ex_blob_finish(&writer, hash, &size, &err))
        return "ErrorContentConversionFailed";
    buf_init(&text, LIMIT_RESPONSE_BYTES);
    ex_blob_read(mime->blobs, hash, &text);
    ex_item_set_text(item, ITEM_BODY, buf_str(&text));
    ex_item_set_text(item, ITEM_BODY_TYPE, strncasecmp(type, "text/html", 9) ? "Text" : "HTML");
    buf_clear(&text);
    mime->have_body = true;
    return NULL;
}

static const char *read_part(struct mime *mime, const struct part *part, struct item *item,
                             int depth);

static const char *read_multipart(struct mime *mime, const struct part *part, struct item *item,
                                  const char *boundary, int depth)
{
    char mark[200];
    size_t len = (size_t)snprintf(mark, sizeof mark, "--%.190s", boundary);
    const char *code = NULL, *start = NULL;
    for (const char *p = part->body; p && p < part->end && !code;) {
        const char *hit = memmem(p, (size_t)(part->end - p), mark, len);
        if (!hit)
            break;
        if (start) {
            struct part inner;
            const char *end = hit;
            if (end > start && end[-1] == '\n')
                end--;
            if (end > start && end[-1] == '\r')
                end--;
            if (ex_mime_split(start, end, &inner))
                code = read_part(mime, &inner, item, depth + 1);
        }
        p = memchr(hit, '\n', (size_t)(part->end - hit));
        start = p = p ? p + 1 : NULL;
    }
    return code;
}

static const char *read_part(struct mime *mime, const struct part *part, struct item *item,
                             int depth)
{
    char type[512], boundary[200], disposition[64];
    if (!ex_mime_header(part, "Content-Type", type, sizeof type))
        snprintf(type, sizeof type, "text/plain");
    if (!strncasecmp(type, "multipart/", 10) && depth < 4 &&
        ex_mime_parameter(type, "boundary", boundary, sizeof boundary))
        return read_multipart(mime, part, item, boundary, depth);
    ex_mime_header(part, "Content-Disposition", disposition, sizeof disposition);
    bool text =
        !strncasecmp(type, "text/", 5) && strncasecmp(disposition, "attachment", 10) != 0;
    if (text && mime->have_body)
        return NULL; /* the other half of multipart/alternative */
    return text ? set_body(mime, part, item, type) : add_file(mime, part, type);
}

/* "Name" <address>, or one of both. */
static void read_from(const struct part *part, struct item *item)
{
    char value[LIMIT_SUBJECT];
    if (!ex_mime_header(part, "From", value, sizeof value) &&
        !ex_mime_header(part, "Sender", value, sizeof value))
        return;
    char *open = strchr(value, '<'), *name = value;
    ex_item_set_text(item, ITEM_FROM_ADDRESS, value);
    if (open) {
        open[strcspn(open, ">")] = '\0';
        ex_item_set_text(item, ITEM_FROM_ADDRESS, open + 1);
        while (open > value && (open[-1] == ' ' || open[-1] == '"'))
            open--;
        *open = '\0';
        name += *name == '"';
    }
    ex_mime_decode_words(name);
    ex_item_set_text(item, ITEM_FROM_NAME, name[0] ? name : item->text[ITEM_FROM_ADDRESS]);
}

/* A word with a capital, as EWS writes it. */
static void read_word(const struct part *part, const char *name, struct item *item,
                      enum item_text which)
{
    char value[64];
    if (!ex_mime_header(part, name, value, sizeof value) || !value[0])
        return;
    for (char *p = value; *p; p++)
        *p = (char)tolower((unsigned char)*p);
    value[0] = (char)toupper((unsigned char)value[0]);
    ex_item_set_text(item, which,
                     !strcmp(value, "Company-confidential") ? "Confidential" : value);
}

static void read_headers(const struct part *part, struct item *item)
{
    static const struct {
        const char *name;
        enum item_text text;
    } texts[] = {{"Subject", ITEM_SUBJECT},
                 {"Message-ID", ITEM_INTERNET_ID},
                 {"To", ITEM_TO},
                 {"Cc", ITEM_CC},
                 {"In-Reply-To", ITEM_IN_REPLY_TO},
                 {"References", ITEM_REFERENCES}};
    char value[LIMIT_SUBJECT];
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (ex_mime_header(part, texts[i].name, value, sizeof value)) {
            ex_mime_decode_words(value);
            ex_item_set_text(item, texts[i].text, value);
        }
    if (ex_mime_header(part, "Date", value, sizeof value))
        item->sent = ex_mime_date(value);
    read_word(part, "Importance", item, ITEM_IMPORTANCE);
    read_word(part, "Sensitivity", item, ITEM_SENSITIVITY);
    read_from(part, item);
}

/* [MS-OXCMAIL]: headers of a voice message become properties of the item. */
static void read_voice(const struct part *part, struct mime *mime)
{
    static const struct {
        const char *name, *key;
    } known[MIME_VOICE] = {{"X-VoiceMessageDuration", "tag:0x6801:Integer"},
                           {"X-CallingTelephoneNumber", "tag:0x6802:String"},
                           {"X-VoiceMessageSenderName", "tag:0x6803:String"},
                           {"X-FaxNumberOfPages", "tag:0x6804:Integer"},
                           {"X-AttachmentOrder", "tag:0x6805:String"},
                           {"X-CallID", "tag:0x6806:String"}};
    char value[LIMIT_SUBJECT];
    for (int i = 0; i < MIME_VOICE; i++)
        if (ex_mime_header(part, known[i].name, value, sizeof value)) {
            struct property *property = &mime->voice[mime->voice_count++];
            ex_mime_decode_words(value);
            snprintf(property->key, sizeof property->key, "%s", known[i].key);
            property->value = strdup(value);
        }
}

const char *ex_mime_read(struct exchange *ex, const char *base64, struct item *item,
                         struct mime **mime)
{
    struct mime *m = calloc(1, sizeof *m);
    struct blob_writer *writer = m ? ex_blob_writer_new(ex->blobs) : NULL;
    struct buf text;
    struct part whole;
    struct err err;
    int64_t size;
    *mime = m;
    if (!writer)
        return "ErrorInternalServerError";
    m->blobs = ex->blobs;
    m->end = &m->files;
    ex_blob_add_base64(writer, base64, strlen(base64));
    if (!ex_blob_finish(&writer, m->hash, &size, &err))
        return "ErrorMimeContentInvalidBase64String";
    buf_init(&text, EXCHANGE_REQUEST_MAX);
    const char *code = "ErrorMimeContentInvalid";
    if (ex_blob_read(ex->blobs, m->hash, &text) && text.len) {
        if (!ex_mime_split(text.data, text.data + text.len, &whole))
            whole = (struct part){.head = text.data,
                                  .head_end = text.data + text.len,
                                  .body = text.data + text.len,
                                  .end = text.data + text.len};
        read_headers(&whole, item);
        read_voice(&whole, m);
        code = read_part(m, &whole, item, 0);
    }
    buf_clear(&text);
    return code;
}

const char *ex_mime_keep(struct exchange *ex, struct item *item, const struct mime *mime)
{
    for (int i = 0; i < mime->voice_count; i++)
        if (!ex_property_set(ex, false, item->id, mime->voice[i].key, mime->voice[i].value))
            return "ErrorInternalServerError";
    return NULL;
}

const char *ex_mime_attach(struct exchange *ex, struct item *item, struct mime *mime)
{
    struct err err;
    for (struct file *file = mime->files; file; file = file->next)
        if (!ex_blob_finish(&file->writer, file->attachment.hash, &file->attachment.size,
                            &err) ||
            !ex_attachment_add(ex, item, &file->attachment))
            return "ErrorContentConversionFailed";
    return ex_property_set(ex, false, item->id, "mime", mime->hash)
               ? NULL
               : "ErrorInternalServerError";
}

void ex_mime_free(struct mime **mime)
{
    if (!*mime)
        return;
    for (struct file *file = (*mime)->files, *next; file; file = next) {
        next = file->next;
        ex_blob_writer_free(&file->writer);
        free(file);
    }
    for (int i = 0; i < (*mime)->voice_count; i++)
        free((*mime)->voice[i].value);
    free(*mime);
    *mime = NULL;
}
