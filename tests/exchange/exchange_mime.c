/* A small reader of MIME, for CreateItem with MimeContent: headers that matter, the first text
 * as body, everything else as attachments. Two levels of multipart, base64 and
 * quoted-printable. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tests/exchange/exchange_ops.h"

struct file {
    struct file *next;
    struct attachment attachment;
    struct blob_writer *writer;
};

struct mime {
    struct blobs *blobs;
    struct file *files, **end;
    char hash[LIMIT_SHA256]; /* of the whole */
    bool have_body;
};

struct part {
    const char *head, *head_end, *body, *end;
};

static bool split_part(const char *start, const char *end, struct part *part)
{
    *part = (struct part){.head = start, .end = end};
    for (const char *p = start; p < end; p++) {
        if (*p != '\n')
            continue;
        const char *next = p + 1;
        if (next < end && *next == '\r')
            next++;
        if (next < end && *next == '\n') {
            part->head_end = p;
            part->body = next + 1;
            return true;
        }
    }
    return false;
}

/* The value of a header, unfolded. */
static bool header(const struct part *part, const char *name, char *value, size_t size)
{
    size_t len = strlen(name), used = 0;
    value[0] = '\0';
    for (const char *line = part->head; line < part->head_end;) {
        const char *stop = memchr(line, '\n', (size_t)(part->head_end - line));
        stop = stop ? stop : part->head_end;
        bool match = !strncasecmp(line, name, len) && line[len] == ':';
        for (const char *p = match ? line + len + 1 : stop; p < stop; p++)
            if (*p != '\r' && used + 1 < size && (used || !isspace((unsigned char)*p)))
                value[used++] = *p;
        line = stop + 1;
        while (match && line < part->head_end && (*line == ' ' || *line == '\t')) {
            stop = memchr(line, '\n', (size_t)(part->head_end - line));
            stop = stop ? stop : part->head_end;
            for (const char *p = line; p < stop; p++)
                if (*p != '\r' && used + 1 < size)
                    value[used++] = *p;
            line = stop + 1;
        }
        if (match) {
            value[used] = '\0';
            return true;
        }
    }
    return false;
}

/* name="value" within a header. */
static bool parameter(const char *text, const char *name, char *value, size_t size)
{
    size_t len = strlen(name);
    value[0] = '\0';
    for (const char *p = strcasestr(text, name); p; p = strcasestr(p + 1, name)) {
        if (p[len] != '=' || (p > text && isalnum((unsigned char)p[-1])))
            continue;
        p += len + 1;
        bool quoted = *p == '"';
        snprintf(value, size, "%.*s", (int)strcspn(p + quoted, quoted ? "\"" : "; \t"),
                 p + quoted);
        return true;
    }
    return false;
}

static int hex(char c)
{
    return isdigit((unsigned char)c)    ? c - '0'
           : isxdigit((unsigned char)c) ? (c | 32) - 'a' + 10
                                        : -1;
}

static void decode_quoted(struct blob_writer *writer, const char *p, const char *end)
{
    for (; p < end; p++) {
        if (*p != '=') {
            ex_blob_add(writer, p, 1);
        } else if (p + 2 < end && hex(p[1]) >= 0 && hex(p[2]) >= 0) {
            char c = (char)(hex(p[1]) << 4 | hex(p[2]));
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
    header(part, "Content-Transfer-Encoding", encoding, sizeof encoding);
    if (!strcasecmp(encoding, "base64"))
        ex_blob_add_base64(writer, part->body, (size_t)(part->end - part->body));
    else if (!strcasecmp(encoding, "quoted-printable"))
        decode_quoted(writer, part->body, part->end);
    else
        ex_blob_add(writer, part->body, (size_t)(part->end - part->body));
}

static const char *add_file(struct mime *mime, const struct part *part, const char *type)
{
    char disposition[512];
    struct file *file = calloc(1, sizeof *file);
    if (!file)
        return "ErrorInternalServerError";
    header(part, "Content-Disposition", disposition, sizeof disposition);
    if (!parameter(disposition, "filename", file->attachment.name,
                   sizeof file->attachment.name))
        parameter(type, "name", file->attachment.name, sizeof file->attachment.name);
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
            if (split_part(start, end, &inner))
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
    if (!header(part, "Content-Type", type, sizeof type))
        snprintf(type, sizeof type, "text/plain");
    if (!strncasecmp(type, "multipart/", 10) && depth < 4 &&
        parameter(type, "boundary", boundary, sizeof boundary))
        return read_multipart(mime, part, item, boundary, depth);
    header(part, "Content-Disposition", disposition, sizeof disposition);
    bool text =
        !strncasecmp(type, "text/", 5) && strncasecmp(disposition, "attachment", 10) != 0;
    if (text && mime->have_body)
        return NULL; /* the other half of multipart/alternative */
    return text ? set_body(mime, part, item, type) : add_file(mime, part, type);
}

static void read_headers(const struct part *part, struct item *item)
{
    char value[LIMIT_SUBJECT];
    if (header(part, "Subject", value, sizeof value))
        ex_item_set_text(item, ITEM_SUBJECT, value);
    if (header(part, "Message-ID", value, sizeof value))
        ex_item_set_text(item, ITEM_INTERNET_ID, value);
    if (header(part, "To", value, sizeof value))
        ex_item_set_text(item, ITEM_TO, value);
    if (header(part, "Importance", value, sizeof value) && value[0]) {
        value[0] = (char)toupper((unsigned char)value[0]);
        ex_item_set_text(item, ITEM_IMPORTANCE, value);
    }
    if (!header(part, "From", value, sizeof value))
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
    ex_item_set_text(item, ITEM_FROM_NAME, name);
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
        if (!split_part(text.data, text.data + text.len, &whole))
            whole = (struct part){.head = text.data,
                                  .head_end = text.data + text.len,
                                  .body = text.data + text.len,
                                  .end = text.data + text.len};
        read_headers(&whole, item);
        code = read_part(m, &whole, item, 0);
    }
    buf_clear(&text);
    return code;
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
    free(*mime);
    *mime = NULL;
}
