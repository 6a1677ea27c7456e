#include "tests/exchange/exchange_blob.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/id.h"
#include "tests/exchange/exchange.h"

struct blob {
    struct blob *next;
    char hash[LIMIT_SHA256];
    char *bytes;
    size_t len;
};

struct blobs {
    char *dir; /* NULL: in memory */
    struct blob *first;
    long serial;
};

struct blob_writer {
    struct blobs *blobs;
    struct sha256 *sum;
    struct buf bytes; /* in memory */
    int fd;           /* on disk */
    char path[LIMIT_PATH];
    int64_t size;
    unsigned quad; /* base64: bits not written yet */
    int digits;    /* of the group that is open, "=" included */
    int pads;
    bool bad;
    bool broken; /* the disk refused: err says why */
    struct err err;
};

struct blobs *ex_blobs_new(const char *dir, struct err *err)
{
    struct blobs *blobs = calloc(1, sizeof *blobs);
    if (!blobs) {
        err_set(err, ERR_SYSTEM, "no memory for attachments");
        return NULL;
    }
    if (!dir)
        return blobs;
    char path[LIMIT_PATH];
    snprintf(path, sizeof path, "%s/audio", dir);
    blobs->dir = strdup(path);
    if (!blobs->dir || !file_make_dirs(path, 0700, err))
        ex_blobs_free(&blobs);
    return blobs;
}

void ex_blobs_free(struct blobs **blobs)
{
    if (!*blobs)
        return;
    for (struct blob *blob = (*blobs)->first, *next; blob; blob = next) {
        next = blob->next;
        free(blob->bytes);
        free(blob);
    }
    free((*blobs)->dir);
    free(*blobs);
    *blobs = NULL;
}

static struct blob *find(struct blobs *blobs, const char *hash)
{
    struct blob *blob = blobs->first;
    while (blob && strcmp(blob->hash, hash))
        blob = blob->next;
    return blob;
}

struct blob_writer *ex_blob_writer_new(struct blobs *blobs)
{
    struct blob_writer *writer = calloc(1, sizeof *writer);
    if (!writer)
        return NULL;
    writer->blobs = blobs;
    writer->sum = sha256_new();
    writer->fd = -1;
    buf_init(&writer->bytes, EXCHANGE_REQUEST_MAX);
    if (!blobs->dir)
        return writer;
    snprintf(writer->path, sizeof writer->path, "%s/new.%ld.%ld", blobs->dir, (long)getpid(),
             ++blobs->serial);
    writer->fd = open(writer->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (writer->fd < 0) {
        file_error(&writer->err, "create", writer->path);
        writer->broken = true;
    }
    return writer;
}

void ex_blob_add(struct blob_writer *writer, const void *bytes, size_t len)
{
    if (!len || writer->broken)
        return;
    sha256_add(writer->sum, bytes, len);
    writer->size += (int64_t)len;
    if (writer->fd < 0)
        buf_add(&writer->bytes, bytes, len);
    else if (!file_write_all(writer->fd, bytes, len, writer->path, &writer->err))
        writer->broken = true;
}

static int digit(unsigned char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Take one digit of a group; returns how many bytes came out. */
static size_t take_digit(struct blob_writer *writer, unsigned char c, unsigned char *out)
{
    int value = digit(c);
    if (c == '=' && writer->digits >= 2) {
        writer->pads++;
        value = 0;
    } else if (value < 0 || writer->pads) {
        writer->bad = true;
        return 0;
    }
    writer->quad = writer->quad << 6 | (unsigned)value;
    if (++writer->digits < 4)
        return 0;
    out[0] = (unsigned char)(writer->quad >> 16);
    out[1] = (unsigned char)(writer->quad >> 8);
    out[2] = (unsigned char)writer->quad;
    writer->quad = 0;
    writer->digits = 0;
    return (size_t)(3 - writer->pads);
}

void ex_blob_add_base64(struct blob_writer *writer, const char *text, size_t len)
{
    unsigned char out[4096];
    size_t used = 0;
    for (size_t i = 0; i < len && !writer->bad; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
            continue;
        used += take_digit(writer, c, out + used);
        if (used > sizeof out - 4) {
            ex_blob_add(writer, out, used);
            used = 0;
        }
    }
    ex_blob_add(writer, out, used);
}

bool ex_blob_is_base64(const struct blob_writer *writer)
{
    return !writer->bad && !writer->digits;
}

static bool keep_in_memory(struct blob_writer *writer, const char *hash, struct err *err)
{
    struct blobs *blobs = writer->blobs;
    if (find(blobs, hash))
        return true;
    struct blob *blob = calloc(1, sizeof *blob);
    if (!blob || writer->bytes.failed) {
        free(blob);
        return err_set(err, ERR_SYSTEM, "no memory for an attachment");
    }
    snprintf(blob->hash, sizeof blob->hash, "%s", hash);
    blob->bytes = buf_take(&writer->bytes, &blob->len);
    char *fitting = blob->len ? realloc(blob->bytes, blob->len) : NULL;
    if (fitting)
        blob->bytes = fitting; /* without the room that growing left */
    blob->next = blobs->first;
    blobs->first = blob;
    return true;
}

static bool keep_on_disk(struct blob_writer *writer, const char *hash, struct err *err)
{
    char path[LIMIT_PATH + LIMIT_SHA256];
    snprintf(path, sizeof path, "%s/%s", writer->blobs->dir, hash);
    if (fsync(writer->fd) != 0 || rename(writer->path, path) != 0)
        return file_error(err, "keep", path);
    return file_sync_dir(writer->blobs->dir, err);
}

bool ex_blob_finish(struct blob_writer **writer, char *hash, int64_t *size, struct err *err)
{
    struct blob_writer *w = *writer;
    bool ok = false;
    if (!ex_blob_is_base64(w))
        err_set(err, ERR_DATA, "the content of an attachment is not base64");
    else if (w->broken)
        *err = w->err;
    else {
        sha256_end(&w->sum, hash);
        *size = w->size;
        ok = w->fd < 0 ? keep_in_memory(w, hash, err) : keep_on_disk(w, hash, err);
    }
    if (ok)
        w->path[0] = '\0';
    ex_blob_writer_free(writer);
    return ok;
}

void ex_blob_writer_free(struct blob_writer **writer)
{
    struct blob_writer *w = *writer;
    if (!w)
        return;
    if (w->fd >= 0)
        close(w->fd);
    if (w->path[0])
        unlink(w->path);
    sha256_free(&w->sum);
    buf_clear(&w->bytes);
    free(w);
    *writer = NULL;
}

static const char digits64[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void add_base64(struct buf *out, const unsigned char *in, size_t len)
{
    char text[4096];
    size_t used = 0;
    for (size_t i = 0; i < len; i += 3) {
        unsigned b1 = i + 1 < len ? in[i + 1] : 0, b2 = i + 2 < len ? in[i + 2] : 0;
        unsigned quad = (unsigned)in[i] << 16 | b1 << 8 | b2;
        text[used++] = digits64[quad >> 18];
        text[used++] = digits64[quad >> 12 & 63];
        text[used++] = i + 1 < len ? digits64[quad >> 6 & 63] : '=';
        text[used++] = i + 2 < len ? digits64[quad & 63] : '=';
        if (used == sizeof text) {
            buf_add(out, text, used);
            used = 0;
        }
    }
    buf_add(out, text, used);
}

void ex_blob_base64(struct buf *out, const void *bytes, size_t len)
{
    add_base64(out, bytes, len);
}

/* Pieces are a multiple of three bytes, so that their base64 texts can be put together. */
static bool read_pieces(struct blobs *blobs, const char *hash, struct buf *out,
                        void (*put)(struct buf *, const unsigned char *, size_t))
{
    if (!blobs->dir) {
        struct blob *blob = find(blobs, hash);
        if (blob && blob->len)
            put(out, (const unsigned char *)blob->bytes, blob->len);
        return blob && !out->failed;
    }
    char path[LIMIT_PATH + LIMIT_SHA256];
    snprintf(path, sizeof path, "%s/%s", blobs->dir, hash);
    FILE *file = fopen(path, "re");
    if (!file)
        return false;
    unsigned char piece[30 * 1024];
    size_t n;
    while ((n = fread(piece, 1, sizeof piece, file)) > 0)
        put(out, piece, n);
    bool ok = !ferror(file) && !out->failed;
    fclose(file);
    return ok;
}

static void add_plain(struct buf *out, const unsigned char *in, size_t len)
{
    buf_add(out, in, len);
}

bool ex_blob_read_base64(struct blobs *blobs, const char *hash, struct buf *out)
{
    return read_pieces(blobs, hash, out, add_base64);
}

bool ex_blob_read(struct blobs *blobs, const char *hash, struct buf *out)
{
    return read_pieces(blobs, hash, out, add_plain);
}

void ex_blob_forget(struct blobs *blobs, const char *hash)
{
    if (blobs->dir) {
        char path[LIMIT_PATH + LIMIT_SHA256];
        snprintf(path, sizeof path, "%s/%s", blobs->dir, hash);
        unlink(path);
        return;
    }
    for (struct blob **at = &blobs->first; *at; at = &(*at)->next)
        if (!strcmp((*at)->hash, hash)) {
            struct blob *gone = *at;
            *at = gone->next;
            free(gone->bytes);
            free(gone);
            return;
        }
}
