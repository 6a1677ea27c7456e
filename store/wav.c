#include "store/wav.h"

#include <stdbool.h>
#include <string.h>

#include "base/limits.h"

static uint32_t u32(const unsigned char *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static int u16(const unsigned char *p)
{
    return p[0] | p[1] << 8;
}

static bool parse_format(const unsigned char *chunk, uint32_t size, struct wav_info *out,
                         struct err *err)
{
    if (size < 16)
        return err_set(err, ERR_DATA, "its format chunk is too short");
    out->format = u16(chunk);
    out->channels = u16(chunk + 2);
    out->sample_rate = u32(chunk + 4);
    out->bytes_per_second = u32(chunk + 8);
    out->bits = u16(chunk + 14);
    bool known = (out->format == 1 && (out->bits == 8 || out->bits == 16)) ||
                 out->format == 6 || out->format == 7 || out->format == 49;
    if (!known)
        return err_set(
            err, ERR_DATA,
            "its coding (format %d, %d bits) is not one that phones play; convert it to "
            "PCM, A-law, u-law or GSM 6.10",
            out->format, out->bits);
    if (out->channels < 1 || out->channels > 2 || out->sample_rate < 4000 ||
        out->sample_rate > 96000 || out->bytes_per_second <= 0)
        return err_set(err, ERR_DATA, "its format makes no sense (%d channels, %lld Hz)",
                       out->channels, (long long)out->sample_rate);
    return true;
}

static bool parse_data(uint32_t size, int64_t have, struct wav_info *out, struct err *err)
{
    /* Recorders that stream write 0 or all ones and never come back: then the file decides. */
    bool streamed = size == 0 || size == UINT32_MAX;

    if (!out->format)
        return err_set(err, ERR_DATA, "it has no format chunk before its data");
    if (!streamed && (int64_t)size > have)
        return err_set(err, ERR_DATA, "it is truncated: %lld of %lld bytes of audio are there",
                       (long long)have, (long long)size);
    out->data_bytes = streamed ? have : (int64_t)size;
    if (out->data_bytes == 0)
        return err_set(err, ERR_DATA, "it holds no audio");
    out->duration_ms = out->data_bytes * 1000 / out->bytes_per_second;
    return true;
}

bool wav_parse(const unsigned char *head, size_t len, int64_t file_bytes, struct wav_info *out,
               struct err *err)
{
    memset(out, 0, sizeof *out);
    if (len < 12 || memcmp(head, "RIFF", 4) != 0 || memcmp(head + 8, "WAVE", 4) != 0)
        return err_set(err, ERR_DATA, "it is not a WAV file (no RIFF/WAVE header)");
    size_t at = 12;
    while (at + 8 <= len) {
        uint32_t size = u32(head + at + 4);
        size_t body = at + 8;
        if (memcmp(head + at, "data", 4) == 0)
            return parse_data(size, file_bytes - (int64_t)body, out, err);
        if (size > len - body)
            break;
        if (memcmp(head + at, "fmt ", 4) == 0 && !parse_format(head + body, size, out, err))
            return false;
        at = body + size + (size & 1);
    }
    return err_set(err, ERR_DATA, "it has no audio within its first %d bytes",
                   LIMIT_WAV_HEADER_BYTES);
}
