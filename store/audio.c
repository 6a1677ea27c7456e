#include "store/audio.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crash.h"
#include "base/file.h"
#include "base/id.h"
#include "store/store_private.h"
#include "store/wav.h"

enum { COPY_BYTES = 65536, COLLECT_AFTER_S = 3600 };

static void make_path(const struct store *store, const char *sha256, char *path)
{
    snprintf(path, LIMIT_PATH, "%s/audio/%.2s/%.64s.wav", store->state_dir, sha256, sha256);
}

static bool check_wav(int fd, const char *path, int64_t bytes, struct audio_info *out,
                      struct err *err)
{
    unsigned char *head = malloc(LIMIT_WAV_HEADER_BYTES);
    struct wav_info wav;

    if (!head)
        return err_set(err, ERR_SYSTEM, "out of memory");
    ssize_t n = pread(fd, head, LIMIT_WAV_HEADER_BYTES, 0);
    bool ok = n >= 0 || file_error(err, "read", path);
    if (ok && !wav_parse(head, (size_t)n, bytes, &wav, err))
        ok = err_prefix(err, "%s cannot be taken as a voice message: ", path);
    free(head);
    if (ok)
        out->duration_ms = wav.duration_ms;
    return ok;
}

static bool check_source(int fd, const char *path, struct audio_info *out, struct err *err)
{
    struct stat st;

    if (fstat(fd, &st) != 0)
        return file_error(err, "examine", path);
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_DATA, "%s is not a file", path);
    if (st.st_size > LIMIT_AUDIO_BYTES)
        return err_set(err, ERR_DATA, "%s is larger than %ld MiB, the most that Exchange takes",
                       path, LIMIT_AUDIO_BYTES / MIB);
    out->bytes = st.st_size;
    return check_wav(fd, path, st.st_size, out, err);
}

/* Copy and hash; what is hashed is what is written, whatever happens to the source meanwhile.
 */
static bool copy(int from, int to, const char *path, const char *temp, struct audio_info *out,
                 struct err *err)
{
    char block[COPY_BYTES];
    struct sha256 *sum = sha256_new();
    int64_t total = 0;
    bool ok = sum || err_set(err, ERR_SYSTEM, "out of memory");

    while (ok) {
        ssize_t n = read(from, block, sizeof block);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            ok = file_error(err, "read", path);
        if (n <= 0)
            break;
        sha256_add(sum, block, (size_t)n);
        total += n;
        ok = file_write_all(to, block, (size_t)n, temp, err);
    }
    if (ok && total != out->bytes)
        ok = err_set(err, ERR_DATA, "%s changed while it was read", path);
    if (!ok) {
        if (sum)
            sha256_free(&sum);
        return false;
    }
    sha256_end(&sum, out->sha256);
    if (fsync(to) != 0)
        return file_error(err, "sync", temp);
    crash_point("audio.written");
    return true;
}

/* Give the temporary file its name; both folders are synced so that it is there after a power
 * cut. */
static bool publish(struct store *store, const char *temp, const char *sha256, struct err *err)
{
    char path[LIMIT_PATH], dir[LIMIT_PATH];

    make_path(store, sha256, path);
    snprintf(dir, sizeof dir, "%.*s", (int)(strrchr(path, '/') - path), path);
    bool existed = access(dir, F_OK) == 0;
    if (!file_make_dirs(dir, 0700, err))
        return false;
    if (rename(temp, path) != 0)
        return file_error(err, "rename", path);
    crash_point("audio.renamed");
    if (!file_sync_dir(dir, err))
        return false;
    snprintf(dir, sizeof dir, "%s/audio", store->state_dir);
    return existed || file_sync_dir(dir, err);
}

bool audio_temp_path(struct store *store, char *path, struct err *err)
{
    char token[ID_TOKEN_MAX];

    id_token(token);
    if ((size_t)snprintf(path, LIMIT_PATH, "%s/audio/tmp", store->state_dir) >=
        LIMIT_PATH - sizeof token - 1)
        return err_set(err, ERR_CONFIG, "state-dir %s is too long", store->state_dir);
    if (!file_make_dirs(path, 0700, err))
        return false;
    size_t len = strlen(path);
    snprintf(path + len, LIMIT_PATH - len, "/%s", token);
    return true;
}

static bool import_open(struct store *store, int from, const char *path, struct audio_info *out,
                        struct err *err)
{
    char temp[LIMIT_PATH];

    if (!store_reserve_keep(store, err) || !audio_temp_path(store, temp, err))
        return false;
    int to = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (to < 0)
        return file_error(err, "create", temp);
    bool ok = copy(from, to, path, temp, out, err);
    close(to);
    ok = ok && publish(store, temp, out->sha256, err);
    if (!ok)
        unlink(temp);
    return ok;
}

bool audio_import(struct store *store, const char *path, struct audio_info *out,
                  struct err *err)
{
    int from = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC); /* a pipe is not waited for */
    if (from < 0)
        return file_error(err, "open", path);
    memset(out, 0, sizeof *out);
    bool ok = check_source(from, path, out, err) && import_open(store, from, path, out, err);
    close(from);
    return ok;
}

bool audio_path(struct store *store, const char *sha256, char *path, struct err *err)
{
    make_path(store, sha256, path);
    if (!sha256[0] || access(path, R_OK) != 0)
        return err_set(err, ERR_GONE, "the audio file %.12s… is not in the store", sha256);
    return true;
}

/* ---- collecting what no message names ---- */

static bool is_named(struct store *store, const char *sha256, bool *named, struct err *err)
{
    sqlite3_stmt *stmt =
        db_one(store, err, named,
               "SELECT 1 FROM message WHERE audio = ? AND audio != '' LIMIT 1", "s", sha256);
    db_end(stmt);
    return stmt != NULL;
}

static bool is_old(int dir, const char *name, int64_t now_s)
{
    struct stat st;

    return fstatat(dir, name, &st, 0) == 0 && S_ISREG(st.st_mode) &&
           st.st_mtime + COLLECT_AFTER_S <= now_s;
}

/* Judged once more under the write lock: whoever imported the same audio at this moment either
 * has the file anew, which is young, or finds it gone when the message is written
 * (message_add), and imports it again. */
static bool remove_unnamed(struct store *store, int dir, const char *name, int64_t *removed,
                           struct err *err)
{
    char sha256[LIMIT_SHA256];
    bool named = false;

    snprintf(sha256, sizeof sha256, "%.64s", name);
    if (!is_named(store, sha256, &named, err))
        return false;
    if (named)
        return true;
    if (!store_begin(store, err))
        return false;
    bool ok = is_named(store, sha256, &named, err);
    if (ok && !named && is_old(dir, name, store_now(store).ms / 1000) &&
        unlinkat(dir, name, 0) == 0)
        (*removed)++;
    store_rollback(store);
    return ok;
}

static bool collect_dir(struct store *store, const char *dir, bool temporary, int64_t *removed,
                        struct err *err)
{
    DIR *d = opendir(dir);
    struct dirent *entry;
    bool ok = true;

    if (!d)
        return true;
    while (ok && (entry = readdir(d))) {
        if (entry->d_name[0] == '.' ||
            !is_old(dirfd(d), entry->d_name, store_now(store).ms / 1000))
            continue;
        if (!temporary)
            ok = remove_unnamed(store, dirfd(d), entry->d_name, removed, err);
        else if (unlinkat(dirfd(d), entry->d_name, 0) == 0)
            (*removed)++;
    }
    closedir(d);
    return ok;
}

bool audio_collect(struct store *store, int64_t *removed, struct err *err)
{
    char dir[LIMIT_PATH];
    bool ok = true;

    *removed = 0;
    for (int i = 0; ok && i < 256; i++) {
        snprintf(dir, sizeof dir, "%s/audio/%02x", store->state_dir, i);
        ok = collect_dir(store, dir, false, removed, err);
    }
    snprintf(dir, sizeof dir, "%s/audio/tmp", store->state_dir);
    return ok && collect_dir(store, dir, true, removed, err);
}
