/* Reading the header of a WAV file: is it one, which coding, how long. */
#ifndef SIB_STORE_WAV_H
#define SIB_STORE_WAV_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct wav_info {
    int format; /* 1 PCM, 6 A-law, 7 µ-law, 49 GSM 6.10 */
    int channels;
    int64_t sample_rate, bytes_per_second;
    int bits;
    int64_t data_bytes;
    int64_t duration_ms;
};

/* head: the first bytes of the file (up to LIMIT_WAV_HEADER_BYTES); file_bytes: its whole size.
 */
bool wav_parse(const unsigned char *head, size_t len, int64_t file_bytes, struct wav_info *out,
               struct err *err);

#endif
