#include "ews/download.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/file.h"
#include "base/limits.h"

enum { OUT_BYTES = 16 * 1024 };

struct download {
    int fd;
    char path[LIMIT_PATH], temp[LIMIT_PATH];
    int64_t max_bytes, bytes;
    unsigned bits; /* of the group of four not yet complete */
    int have;      /* characters of that group */
    int padding;   /* '=' seen; nothing but these may follow */
    unsigned char out[OUT_BYTES];
    size_t out_len;
};

struct download *download_new(const char *path, int64_t max_bytes, struct err *err)
{
    struct download *download = calloc(1, sizeof(*download));
    if (!download) {
        err_set(err, ERR_SYSTEM, "no memory to fetch %s", path);
        return NULL;
    }
    download->max_bytes = max_bytes;
    size_t len = (size_t)snprintf(download->path, sizeof(download->path), "%s", path);
    size_t temp_len = (size_t)snprintf(download->temp, sizeof(download->temp), "%s.part", path);
    if (len >= sizeof(download->path) || temp_len >= sizeof(download->temp)) {
        err_set(err, ERR_CONFIG, "the path %s is too long", path);
        free(download);
        return NULL;
    }
    download->fd =
        open(download->temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (download->fd < 0) {
        file_error(err, "create", download->temp);
        free(download);
        return NULL;
    }
    return download;
}

static bool write_out(struct download *download, struct err *err)
{
    bool ok =
        file_write_all(download->fd, download->out, download->out_len, download->temp, err);
    download->out_len = 0;
    return ok;
}

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* A group of four characters is complete: one to three bytes. */
static bool put_group(struct download *download, struct err *err)
{
    int n = 3 - download->padding;
    for (int i = 0; i < n; i++)
        download->out[download->out_len++] = (unsigned char)(download->bits >> (16 - 8 * i));
    download->bits = 0;
    download->have = 0;
    download->bytes += n;
    if (download->bytes > download->max_bytes) {
        err_set(err, ERR_REFUSED, "an attachment is larger than is accepted (%lld bytes)",
                (long long)download->max_bytes);
        err->when = ERR_WHEN_NEVER;
        return false;
    }
    return download->out_len + 3 <= OUT_BYTES || write_out(download, err);
}

static bool not_base64(struct err *err)
{
    return err_set(err, ERR_PROTOCOL, "an attachment is not whole, or not base64");
}

bool download_add(struct download *download, const char *base64, size_t len, struct err *err)
{
    for (size_t i = 0; i < len; i++) {
        char c = base64[i];
        if (c == ' ' || c == '\t' || c == '\r' || c == '\n')
            continue;
        int value = value_of(c);
        if (c == '=' && download->have >= 2) {
            download->padding++;
            value = 0;
        } else if (value < 0 || download->padding) {
            return not_base64(err);
        }
        download->bits = download->bits << 6 | (unsigned)value;
        if (++download->have == 4 && !put_group(download, err))
            return false;
    }
    return true;
}

static bool sync_parent(const char *path, struct err *err)
{
    char dir[LIMIT_PATH];
    snprintf(dir, sizeof(dir), "%s", path);
    char *slash = strrchr(dir, '/');
    if (slash == dir)
        slash[1] = '\0';
    else if (slash)
        *slash = '\0';
    return file_sync_dir(slash ? dir : ".", err);
}

bool download_commit(struct download **download_pointer, struct err *err)
{
    struct download *download = *download_pointer;
    bool ok = download->have == 0 || not_base64(err);
    ok = ok && write_out(download, err);
    if (ok && fsync(download->fd) != 0)
        ok = file_error(err, "sync", download->temp);
    if (!ok) {
        download_abort(download_pointer);
        return false;
    }
    crash_point("download.written");
    if (rename(download->temp, download->path) != 0) {
        file_error(err, "rename", download->path);
        download_abort(download_pointer);
        return false;
    }
    crash_point("download.renamed");
    ok = sync_parent(download->path, err);
    close(download->fd);
    free(download);
    *download_pointer = NULL;
    return ok;
}

void download_abort(struct download **download_pointer)
{
    struct download *download = *download_pointer;
    if (!download)
        return;
    *download_pointer = NULL;
    close(download->fd);
    unlink(download->temp);
    free(download);
}
