/* Audio that arrives as base64 in pieces: the file is what another decoder makes of it, or is
 * not there.
 * run: -max_len=5000 -dict=none */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "ews/download.h"
#include "tests/fuzz/fuzz_targets.h"

enum { MAX_BYTES = 3000 };

static int value_of(unsigned char c)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c ? strchr(alphabet, c) : NULL;
    return at ? (int)(at - alphabet) : -1;
}

/* The plainest decoder that there is, of what has been accepted. Returns the bytes. */
static size_t decode(const unsigned char *text, size_t len, unsigned char *out)
{
    unsigned long bits = 0;
    int have = 0;
    size_t count = 0;

    for (size_t i = 0; i < len; i++) {
        int value = value_of(text[i]);
        if (value < 0)
            continue;
        bits = (bits << 6 | (unsigned long)value) & 0xFFFFFF;
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[count++] = (unsigned char)(bits >> have);
        }
    }
    return count;
}

static bool download(const char *path, const unsigned char *text, size_t len, size_t piece)
{
    struct err err = {0};
    struct download *download = download_new(path, MAX_BYTES, &err);
    bool ok = true;

    fuzz_check(download);
    for (size_t at = 0; ok && at < len; at += piece) {
        size_t n = piece && piece < len - at ? piece : len - at;
        ok = download_add(download, (const char *)text + at, n, &err);
        if (!piece)
            break;
    }
    fuzz_check_result(ok, &err);
    if (!ok)
        download_abort(&download);
    else
        fuzz_check_result(ok = download_commit(&download, &err), &err);
    fuzz_check(!download);
    return ok;
}

static void check_file(const char *path, const unsigned char *text, size_t len)
{
    unsigned char *wanted = malloc(len + 1);
    struct buf file;
    struct err err;

    fuzz_check(wanted);
    buf_init(&file, MAX_BYTES + 1);
    fuzz_check(file_read(path, &file, &err));
    size_t count = decode(text, len, wanted);
    fuzz_check(count == file.len && count <= MAX_BYTES);
    fuzz_check(count == 0 || memcmp(wanted, file.data, count) == 0);
    buf_clear(&file);
    free(wanted);
}

void fuzz_download(const unsigned char *bytes, size_t len)
{
    char path[128];

    if (!len)
        return;
    snprintf(path, sizeof path, "%s/audio.wav", fuzz_folder());
    unlink(path);
    bool whole = download(path, bytes + 1, len - 1, 0);
    fuzz_check(whole == (access(path, F_OK) == 0));
    if (whole)
        check_file(path, bytes + 1, len - 1);
    unlink(path);
    fuzz_check(download(path, bytes + 1, len - 1, bytes[0]) == whole);
    if (whole)
        check_file(path, bytes + 1, len - 1);
}
