#include "ews/body.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"

enum { RAW_BYTES = 3 * 2048, CODED_BYTES = 4 * 2048 };

struct body {
    char *before, *after;
    size_t before_len, after_len;
    int fd; /* -1: no file */
    int64_t file_len, coded_len;
    int64_t at;      /* position in the whole body */
    int64_t file_at; /* what was read of the file */
    unsigned char raw[RAW_BYTES];
    unsigned char coded[CODED_BYTES + 1]; /* EVP_EncodeBlock adds a NUL */
    size_t coded_at, coded_have;
};

static struct body *body_new(void)
{
    struct body *body = calloc(1, sizeof(*body));
    if (body)
        body->fd = -1;
    return body;
}

struct body *body_from_buf(struct buf *bytes)
{
    struct body *body = bytes->failed ? NULL : body_new();
    if (body)
        body->before = buf_take(bytes, &body->before_len);
    else
        buf_clear(bytes);
    return body;
}

static bool open_file(struct body *body, const char *path, struct err *err)
{
    body->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (body->fd < 0)
        return file_error(err, "open", path);
    struct stat st;
    if (fstat(body->fd, &st) != 0)
        return file_error(err, "look at", path);
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_NO_INPUT, "%s is not a file", path);
    body->file_len = st.st_size;
    body->coded_len = (body->file_len + 2) / 3 * 4;
    if (body->file_len > LIMIT_AUDIO_BYTES || body_length(body) > LIMIT_REQUEST_BYTES) {
        err_set(err, ERR_REFUSED, "%s is larger (%lld bytes) than a request may be", path,
                (long long)body->file_len);
        err->when = ERR_WHEN_NEVER;
        return false;
    }
    return true;
}

struct body *body_with_file(struct buf *before, const char *path, struct buf *after,
                            struct err *err)
{
    struct body *body = before->failed || after->failed ? NULL : body_new();
    if (!body) {
        buf_clear(before);
        buf_clear(after);
        err_set(err, ERR_SYSTEM, "no memory for a request");
        return NULL;
    }
    body->before = buf_take(before, &body->before_len);
    body->after = buf_take(after, &body->after_len);
    if (!open_file(body, path, err))
        body_free(&body);
    return body;
}

int64_t body_length(const struct body *body)
{
    return (int64_t)body->before_len + body->coded_len + (int64_t)body->after_len;
}

const char *body_text(const struct body *body, int part, size_t *len)
{
    *len = part == 0 ? body->before_len : body->after_len;
    return part == 0 ? body->before : body->after;
}

/* Read and encode the next piece of the file; false when it is not what it was. */
static bool encode_piece(struct body *body)
{
    int64_t left = body->file_len - body->file_at;
    size_t want = left < RAW_BYTES ? (size_t)left : RAW_BYTES;
    size_t have = 0;
    while (have < want) {
        ssize_t n = pread(body->fd, body->raw + have, want - have,
                          (off_t)(body->file_at + (int64_t)have));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        have += (size_t)n;
    }
    body->file_at += (int64_t)have;
    body->coded_have = (size_t)EVP_EncodeBlock(body->coded, body->raw, (int)have);
    body->coded_at = 0;
    return true;
}

static size_t copy_part(struct body *body, const char *part, int64_t begin, size_t part_len,
                        char *out, size_t max)
{
    size_t offset = (size_t)(body->at - begin);
    size_t n = part_len - offset < max ? part_len - offset : max;
    memcpy(out, part + offset, n);
    body->at += (int64_t)n;
    return n;
}

static long copy_coded(struct body *body, char *out, size_t max)
{
    if (body->coded_at == body->coded_have && !encode_piece(body))
        return -1;
    size_t left = body->coded_have - body->coded_at;
    size_t n = left < max ? left : max;
    memcpy(out, body->coded + body->coded_at, n);
    body->coded_at += n;
    body->at += (int64_t)n;
    return (long)n;
}

long body_read(struct body *body, char *out, size_t max)
{
    size_t done = 0;
    const int64_t file_begin = (int64_t)body->before_len;
    const int64_t after_begin = file_begin + body->coded_len;
    while (done < max && body->at < body_length(body)) {
        if (body->at < file_begin) {
            done += copy_part(body, body->before, 0, body->before_len, out + done, max - done);
        } else if (body->at < after_begin) {
            long n = copy_coded(body, out + done, max - done);
            if (n < 0)
                return -1;
            done += (size_t)n;
        } else {
            done += copy_part(body, body->after, after_begin, body->after_len, out + done,
                              max - done);
        }
    }
    return (long)done;
}

bool body_rewind(struct body *body)
{
    body->at = body->file_at = 0;
    body->coded_at = body->coded_have = 0;
    return true;
}

void body_free(struct body **body_pointer)
{
    struct body *body = *body_pointer;
    if (!body)
        return;
    *body_pointer = NULL;
    if (body->fd >= 0)
        close(body->fd);
    free(body->before);
    free(body->after);
    free(body);
}
