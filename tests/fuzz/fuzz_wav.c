/* The header of a WAV file.
 * run: -max_len=1024 -dict=none */
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "store/wav.h"
#include "tests/fuzz/fuzz_targets.h"

void fuzz_wav(const unsigned char *bytes, size_t len)
{
    struct wav_info info;
    struct err err = {0};

    if (!len)
        return;
    int64_t file_bytes = (int64_t)(len - 1) + bytes[0] * KIB;
    bool ok = wav_parse(bytes + 1, len - 1, file_bytes, &info, &err);
    fuzz_check_result(ok, &err);
    if (!ok)
        return;
    fuzz_check(info.data_bytes > 0 && info.data_bytes < file_bytes);
    fuzz_check(info.duration_ms >= 0 && info.bytes_per_second > 0);
    fuzz_check(info.channels == 1 || info.channels == 2);
    /* A file that is cut off within its header is none. */
    fuzz_check(!wav_parse(bytes + 1, 12, file_bytes, &info, &err));
}
