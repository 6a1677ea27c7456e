/* Audio files, named by the SHA-256 of their content, written before any row speaks of them.
 *
 * state-dir/audio/ab/abcdef….wav. Temporary file, fsync, rename, fsync of the folder; an import
 * whose row never came is collected later. */
#ifndef SIB_STORE_AUDIO_H
#define SIB_STORE_AUDIO_H

#include "store/store.h"

struct audio_info {
    char sha256[LIMIT_SHA256];
    int64_t bytes;
    int64_t duration_ms;
};

/* Check that the file is a WAV that phones play (RIFF/WAVE, PCM 8 or 16 bit, A-law, µ-law or
 * GSM 6.10; within LIMIT_AUDIO_BYTES), and keep a copy. Refuses while the disk's reserve cannot
 * be kept. ERR_DATA says what is wrong with it. No transaction needed. */
bool audio_import(struct store *store, const char *path, struct audio_info *out,
                  struct err *err);

/* A new name for a file that is to be imported, in a folder of the store that is made here;
 * what is left there is collected as well. path: LIMIT_PATH bytes. */
bool audio_temp_path(struct store *store, char *path, struct err *err);

/* The file's path; ERR_GONE when it is not there. path: LIMIT_PATH bytes. */
bool audio_path(struct store *store, const char *sha256, char *path, struct err *err);

/* Remove files that no message names and that are older than an hour; how many in *removed. */
bool audio_collect(struct store *store, int64_t *removed, struct err *err);

#endif
