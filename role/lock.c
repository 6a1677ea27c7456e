#include "role/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"

static void refuse(int fd, const char *state_dir, struct err *err)
{
    char holder[32] = "";
    ssize_t n = pread(fd, holder, sizeof holder - 1, 0);
    holder[n > 0 ? strcspn(holder, "\n") : 0] = '\0';
    err_set(
        err, ERR_TEMPORARY,
        "another sibd (process %s) already runs with the state folder %s; stop it first, or "
        "give this one a state-dir of its own.",
        holder[0] ? holder : "unknown", state_dir);
}

int lock_take(const char *state_dir, struct err *err)
{
    char path[LIMIT_PATH];
    if ((size_t)snprintf(path, sizeof path, "%s/sibd.lock", state_dir) >= sizeof path) {
        err_set(err, ERR_CONFIG, "the path %s is too long.", state_dir);
        return -1;
    }
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) {
        file_error(err, "open", path);
        return -1;
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK)
            refuse(fd, state_dir, err);
        else
            file_error(err, "lock", path);
        close(fd);
        return -1;
    }
    char holder[32];
    int len = snprintf(holder, sizeof holder, "%d\n", (int)getpid());
    if (ftruncate(fd, 0) != 0 || pwrite(fd, holder, (size_t)len, 0) != len) {
        file_error(err, "write", path);
        close(fd);
        return -1;
    }
    return fd;
}
