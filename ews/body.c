#include "ews/body.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"

enum {
    PARTS_MAX = 8,
    LINE_RAW = 57, /* bytes that make a line of 76 characters */
    LINE_CODED = 78,
    RAW_BYTES = 3 * LINE_RAW * 36, /* read from a file at a time */
    CODED_BYTES = RAW_BYTES / LINE_RAW * LINE_CODED,
    WRAP_RAW = 3 * 2048, /* of the whole that comes out as base64 */
    WRAP_CODED = 4 * 2048,
};

static_assert(RAW_BYTES % 3 == 0 && RAW_BYTES % LINE_RAW == 0, "no padding within a file");

/* A text (fd -1), or a file as base64. */
struct part {
    char *text;
    int fd;
    enum body_lines lines;
    bool wrapped; /* within body_begin_base64 and body_end_base64 */
    int64_t file_len, len;
    int64_t at; /* of len: what was read */
};

struct body {
    struct part parts[PARTS_MAX];
    int count;
    int more_owners;
    bool wrapping; /* while it is put together */
    struct err err;

    int part; /* the one that is read */
    int64_t file_at;
    unsigned char raw[RAW_BYTES];
    unsigned char coded[CODED_BYTES + 1]; /* EVP_EncodeBlock adds a NUL */
    size_t coded_at, coded_have;
    unsigned char wrap_coded[WRAP_CODED + 1];
    size_t wrap_at, wrap_have;
};

/* ---- Putting it together ----------------------------------------------------------------- */

struct body *body_new(void)
{
    return calloc(1, sizeof(struct body));
}

/* NULL when an error came before: only the first is told. */
static struct part *part_new(struct body *body)
{
    if (body->err.kind != ERR_OK)
        return NULL;
    assert(body->count < PARTS_MAX);
    struct part *part = &body->parts[body->count++];
    part->fd = -1;
    part->wrapped = body->wrapping;
    return part;
}

void body_add_text(struct body *body, struct buf *bytes)
{
    struct part *part = bytes->failed ? NULL : part_new(body);
    size_t len = 0;
    if (bytes->failed && body->err.kind == ERR_OK)
        err_set(&body->err, ERR_SYSTEM, "no memory for a request, or it is too long");
    if (part)
        part->text = buf_take(bytes, &len);
    else
        buf_clear(bytes);
    if (part)
        part->len = (int64_t)len;
}

static int64_t coded_length(int64_t bytes)
{
    return (bytes + 2) / 3 * 4;
}

static int64_t lines_length(int64_t bytes)
{
    int64_t rest = bytes % LINE_RAW;
    return bytes / LINE_RAW * LINE_CODED + (rest ? coded_length(rest) + 2 : 0);
}

static void open_file(struct body *body, struct part *part, const char *path)
{
    struct stat st;
    part->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (part->fd < 0) {
        file_error(&body->err, "open", path);
    } else if (fstat(part->fd, &st) != 0) {
        file_error(&body->err, "look at", path);
    } else if (!S_ISREG(st.st_mode)) {
        err_set(&body->err, ERR_NO_INPUT, "%s is not a file", path);
    } else if (st.st_size > LIMIT_AUDIO_BYTES) {
        err_set(&body->err, ERR_REFUSED, "%s is larger (%lld bytes) than a request may be",
                path, (long long)st.st_size);
        body->err.when = ERR_WHEN_NEVER;
    } else {
        part->file_len = st.st_size;
    }
}

void body_add_file(struct body *body, const char *path, enum body_lines lines)
{
    struct part *part = part_new(body);
    if (!part)
        return;
    part->lines = lines;
    open_file(body, part, path);
    part->len =
        lines == BODY_MIME_LINES ? lines_length(part->file_len) : coded_length(part->file_len);
}

void body_begin_base64(struct body *body)
{
    body->wrapping = true;
}

void body_end_base64(struct body *body)
{
    body->wrapping = false;
}

struct body *body_whole(struct body *body, struct err *err)
{
    if (!body) {
        err_set(err, ERR_SYSTEM, "no memory for a request");
        return NULL;
    }
    if (body->err.kind == ERR_OK && body_length(body) > LIMIT_REQUEST_BYTES) {
        err_set(&body->err, ERR_REFUSED,
                "the message is longer (%lld bytes) than a request may be",
                (long long)body_length(body));
        body->err.when = ERR_WHEN_NEVER;
    }
    if (body->err.kind != ERR_OK) {
        *err = body->err;
        body_free(&body);
    }
    return body;
}

struct body *body_from_buf(struct buf *bytes)
{
    struct body *body = body_new();
    struct err err;
    if (body)
        body_add_text(body, bytes);
    else
        buf_clear(bytes);
    return body_whole(body, &err);
}

struct body *body_with_file(struct buf *before, const char *path, struct buf *after,
                            struct err *err)
{
    struct body *body = body_new();
    if (body) {
        body_add_text(body, before);
        body_add_file(body, path, BODY_ONE_LINE);
        body_add_text(body, after);
    } else {
        buf_clear(before);
        buf_clear(after);
    }
    return body_whole(body, err);
}

/* ---- Looking at it ----------------------------------------------------------------------- */

int64_t body_length(const struct body *body)
{
    int64_t length = 0, wrapped = 0;
    for (int i = 0; i < body->count; i++) {
        if (body->parts[i].wrapped)
            wrapped += body->parts[i].len;
        else
            length += body->parts[i].len;
    }
    return length + coded_length(wrapped);
}

const char *body_text(const struct body *body, int number, size_t *len)
{
    for (int i = 0; i < body->count; i++) {
        const struct part *part = &body->parts[i];
        if (part->fd < 0 && number-- == 0) {
            *len = (size_t)part->len;
            return part->text ? part->text : "";
        }
    }
    return NULL;
}

/* ---- Reading it -------------------------------------------------------------------------- */

static void encode_lines(struct body *body, size_t len)
{
    unsigned char *out = body->coded;
    for (size_t at = 0; at < len; at += LINE_RAW) {
        size_t n = len - at < LINE_RAW ? len - at : LINE_RAW;
        out += EVP_EncodeBlock(out, body->raw + at, (int)n);
        *out++ = '\r';
        *out++ = '\n';
    }
    body->coded_have = (size_t)(out - body->coded);
}

/* Read and encode the next piece of the file; false when it is not what it was. */
static bool encode_piece(struct body *body, const struct part *part)
{
    int64_t left = part->file_len - body->file_at;
    size_t want = left < RAW_BYTES ? (size_t)left : RAW_BYTES;
    size_t have = 0;
    while (have < want) {
        ssize_t n = pread(part->fd, body->raw + have, want - have,
                          (off_t)(body->file_at + (int64_t)have));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        have += (size_t)n;
    }
    body->file_at += (int64_t)have;
    body->coded_at = 0;
    if (part->lines == BODY_MIME_LINES)
        encode_lines(body, have);
    else
        body->coded_have = (size_t)EVP_EncodeBlock(body->coded, body->raw, (int)have);
    return true;
}

/* Bytes of the part at hand, as it is before it is wrapped; 0 only when max is 0. */
static long part_read(struct body *body, struct part *part, char *out, size_t max)
{
    const char *from = part->text ? part->text + part->at : NULL;
    size_t left = (size_t)(part->len - part->at);
    if (part->fd >= 0) {
        if (body->coded_at == body->coded_have && !encode_piece(body, part))
            return -1;
        from = (const char *)body->coded + body->coded_at;
        left = body->coded_have - body->coded_at;
    }
    size_t n = left < max ? left : max;
    assert(from); /* an empty text is never read */
    memcpy(out, from, n);
    part->at += (int64_t)n;
    if (part->fd >= 0)
        body->coded_at += n;
    return (long)n;
}

/* Up to max bytes of the parts from the present one on, as long as they are wrapped alike. */
static long read_alike(struct body *body, bool wrapped, char *out, size_t max)
{
    size_t done = 0;
    while (done < max && body->part < body->count) {
        struct part *part = &body->parts[body->part];
        if (part->at == part->len) {
            body->part++;
            body->file_at = 0;
            body->coded_at = body->coded_have = 0;
            continue;
        }
        if (part->wrapped != wrapped)
            break;
        long n = part_read(body, part, out + done, max - done);
        if (n < 0)
            return -1;
        done += (size_t)n;
    }
    return (long)done;
}

static long read_wrapped(struct body *body, char *out, size_t max)
{
    unsigned char raw[WRAP_RAW];
    if (body->wrap_at == body->wrap_have) {
        long n = read_alike(body, true, (char *)raw, sizeof(raw));
        if (n <= 0)
            return n;
        body->wrap_have = (size_t)EVP_EncodeBlock(body->wrap_coded, raw, (int)n);
        body->wrap_at = 0;
    }
    size_t left = body->wrap_have - body->wrap_at;
    size_t n = left < max ? left : max;
    memcpy(out, body->wrap_coded + body->wrap_at, n);
    body->wrap_at += n;
    return (long)n;
}

long body_read(struct body *body, char *out, size_t max)
{
    size_t done = 0;
    while (done < max) {
        bool rest = body->wrap_at < body->wrap_have;
        long plain = rest ? 0 : read_alike(body, false, out + done, max - done);
        if (plain < 0)
            return -1;
        done += (size_t)plain;
        long wrapped = done < max ? read_wrapped(body, out + done, max - done) : 0;
        if (wrapped < 0)
            return -1;
        done += (size_t)wrapped;
        if (plain == 0 && wrapped == 0)
            break;
    }
    return (long)done;
}

void body_rewind(struct body *body)
{
    for (int i = 0; i < body->count; i++)
        body->parts[i].at = 0;
    body->part = 0;
    body->file_at = 0;
    body->coded_at = body->coded_have = 0;
    body->wrap_at = body->wrap_have = 0;
}

struct body *body_share(struct body *body)
{
    body->more_owners++;
    return body;
}

/* A text may be a message to a person, or hold a secret. */
static void text_free(struct part *part)
{
    if (part->text)
        explicit_bzero(part->text, (size_t)part->len);
    free(part->text);
}

void body_free(struct body **body_pointer)
{
    struct body *body = *body_pointer;
    *body_pointer = NULL;
    if (!body || body->more_owners-- > 0)
        return;
    for (int i = 0; i < body->count; i++) {
        if (body->parts[i].fd >= 0)
            close(body->parts[i].fd);
        text_free(&body->parts[i]);
    }
    free(body);
}
