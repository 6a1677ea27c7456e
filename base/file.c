#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/limits.h"
#include "base/text.h"

bool file_error(struct err *err, const char *doing, const char *path)
{
    int code = errno;

    switch (code) {
    case ENOSPC:
    case EDQUOT:
        return err_set(err, ERR_FULL,
                       "cannot %s %s: the disk is full; free some space and try again", doing,
                       path);
    case ENOENT:
        return err_set(err, ERR_NO_INPUT, "cannot %s %s: no such file or directory", doing,
                       path);
    case EACCES:
    case EPERM: return err_set(err, ERR_DENIED, "cannot %s %s: permission denied", doing, path);
    default: return err_set(err, ERR_IO, "cannot %s %s: %s", doing, path, strerror(code));
    }
}

bool file_make_dirs(const char *path, unsigned mode, struct err *err)
{
    char part[LIMIT_PATH];
    struct stat st;

    if (!path[0])
        return err_set(err, ERR_CONFIG, "the path of a folder is empty");
    if (!text_copy(part, sizeof part, path))
        return err_set(err, ERR_CONFIG, "the path %s is too long", path);
    for (char *p = part + 1;; p++) {
        char c = *p;
        if (c != '/' && c != '\0')
            continue;
        *p = '\0';
        if (mkdir(part, mode) != 0 && errno != EEXIST)
            return file_error(err, "make the folder", part);
        if (stat(part, &st) == 0 && !S_ISDIR(st.st_mode)) {
            errno = ENOTDIR;
            return file_error(err, "make the folder", part);
        }
        *p = c;
        if (c == '\0')
            return true;
    }
}

bool file_sync_dir(const char *path, struct err *err)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return file_error(err, "open the folder", path);
    bool ok = fsync(fd) == 0 || file_error(err, "sync the folder", path);
    close(fd);
    return ok;
}

static bool read_fd(int fd, const char *path, struct buf *buf, struct err *err)
{
    char block[16384];

    for (;;) {
        ssize_t n = read(fd, block, sizeof block);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return file_error(err, "read", path);
        if (n == 0)
            return buf_add(buf, "", 0);
        if (!buf_add(buf, block, (size_t)n))
            return err_set(err, ERR_DATA, "%s is larger than %zu bytes", path, buf->max);
    }
}

bool file_read(const char *path, struct buf *buf, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return file_error(err, "open", path);
    bool ok = read_fd(fd, path, buf, err);
    close(fd);
    return ok;
}

bool file_read_secret(const char *path, struct buf *buf, struct err *err)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return file_error(err, "open", path);
    if (fstat(fd, &st) != 0) {
        file_error(err, "examine", path);
        close(fd);
        return false;
    }
    if (st.st_mode & (S_IRWXG | S_IRWXO)) {
        close(fd);
        return err_set(
            err, ERR_CONFIG,
            "%s holds a secret but its mode is %04o: others may read it; run: chmod 600 %s",
            path, (unsigned)(st.st_mode & 07777), path);
    }
    bool ok = read_fd(fd, path, buf, err);
    close(fd);
    while (ok && buf->len &&
           (buf->data[buf->len - 1] == '\n' || buf->data[buf->len - 1] == '\r'))
        buf->data[--buf->len] = '\0';
    if (ok && (buf->len == 0 || strchr(buf_str(buf), '\n')))
        return err_set(err, ERR_CONFIG, "%s must hold the secret on one line", path);
    return ok;
}

bool file_write_all(int fd, const void *bytes, size_t len, const char *name, struct err *err)
{
    const char *p = bytes;

    while (len > 0) {
        ssize_t n = write(fd, p, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return file_error(err, "write", name);
        p += n;
        len -= (size_t)n;
    }
    return true;
}

static bool parent_of(const char *path, char *dir, size_t size)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return snprintf(dir, size, ".") > 0;
    size_t n = slash == path ? 1 : (size_t)(slash - path);
    if (n >= size)
        return false;
    memcpy(dir, path, n);
    dir[n] = '\0';
    return true;
}

bool file_replace(const char *path, const void *bytes, size_t len, unsigned mode,
                  struct err *err)
{
    char temp[LIMIT_PATH], dir[LIMIT_PATH];

    if ((size_t)snprintf(temp, sizeof temp, "%s.new", path) >= sizeof temp ||
        !parent_of(path, dir, sizeof dir))
        return err_set(err, ERR_CONFIG, "the path %s is too long", path);
    int fd = open(temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0)
        return file_error(err, "create", temp);
    bool ok = file_write_all(fd, bytes, len, temp, err);
    if (ok && fsync(fd) != 0)
        ok = file_error(err, "sync", temp);
    close(fd);
    crash_point("file.written");
    if (ok && rename(temp, path) != 0)
        ok = file_error(err, "rename", path);
    if (!ok) {
        unlink(temp);
        return false;
    }
    crash_point("file.renamed");
    return file_sync_dir(dir, err);
}
