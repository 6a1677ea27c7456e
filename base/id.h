/* Identifiers and digests: UUIDs (libuuid), SHA-256 (OpenSSL), unguessable tokens. */
#ifndef SIB_BASE_ID_H
#define SIB_BASE_ID_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/limits.h"

/* A new random UUID in lower case; text: LIMIT_UUID bytes. */
void id_new(char *text);
bool id_valid(const char *text);

/* A secret of 32 hexadecimal digits (128 bits from the kernel); text: 33 bytes. */
enum { ID_TOKEN_MAX = 33 };
void id_token(char *text);

/* Replace the source of id_new and id_token by a seeded one, for tests; 0: random again. */
void id_seed(unsigned long long seed);

struct sha256;
struct sha256 *sha256_new(void);
void sha256_add(struct sha256 *sum, const void *bytes, size_t len);
/* Ends and frees; hex: LIMIT_SHA256 bytes. */
void sha256_end(struct sha256 **sum, char *hex);
void sha256_free(struct sha256 **sum);
bool sha256_file(const char *path, char *hex, struct err *err);

/* Equal without telling by time where they differ. */
bool id_token_equal(const char *a, const char *b);

#endif
