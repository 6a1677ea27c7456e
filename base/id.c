#include "base/id.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <uuid/uuid.h>

#include "base/file.h"
#include "base/rng.h"

static bool seeded;
static struct rng source;

void id_seed(unsigned long long seed)
{
    seeded = seed != 0;
    source = rng_seed(seed);
}

static void fill_seeded(unsigned char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        bytes[i] = (unsigned char)rng_next(&source);
}

void id_new(char *text)
{
    uuid_t id;

    if (seeded) {
        fill_seeded(id, sizeof id);
        id[6] = (unsigned char)((id[6] & 0x0f) | 0x40); /* version 4 */
        id[8] = (unsigned char)((id[8] & 0x3f) | 0x80); /* RFC 4122 variant */
    } else {
        uuid_generate_random(id);
    }
    uuid_unparse_lower(id, text);
}

bool id_valid(const char *text)
{
    uuid_t id;

    return strlen(text) == LIMIT_UUID - 1 && uuid_parse(text, id) == 0;
}

static void to_hex(const unsigned char *bytes, size_t len, char *hex)
{
    for (size_t i = 0; i < len; i++)
        snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
}

void id_token(char *text)
{
    unsigned char bytes[16];

    if (seeded) {
        fill_seeded(bytes, sizeof bytes);
    } else {
        size_t have = 0;
        while (have < sizeof bytes) {
            ssize_t n = getrandom(bytes + have, sizeof bytes - have, 0);
            if (n > 0)
                have += (size_t)n;
        }
    }
    to_hex(bytes, sizeof bytes, text);
}

struct sha256 {
    EVP_MD_CTX *ctx;
};

struct sha256 *sha256_new(void)
{
    struct sha256 *sum = malloc(sizeof *sum);

    if (!sum)
        return NULL;
    sum->ctx = EVP_MD_CTX_new();
    if (!sum->ctx || EVP_DigestInit_ex(sum->ctx, EVP_sha256(), NULL) != 1) {
        sha256_free(&sum);
        return NULL;
    }
    return sum;
}

void sha256_add(struct sha256 *sum, const void *bytes, size_t len)
{
    EVP_DigestUpdate(sum->ctx, bytes, len);
}

void sha256_end(struct sha256 **sum, char *hex)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;

    EVP_DigestFinal_ex((*sum)->ctx, digest, &len);
    to_hex(digest, len, hex);
    sha256_free(sum);
}

void sha256_free(struct sha256 **sum)
{
    if (*sum) {
        EVP_MD_CTX_free((*sum)->ctx);
        free(*sum);
    }
    *sum = NULL;
}

bool sha256_file(const char *path, char *hex, struct err *err)
{
    char block[65536];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return file_error(err, "open", path);
    struct sha256 *sum = sha256_new();
    if (!sum) {
        close(fd);
        return err_set(err, ERR_SYSTEM, "out of memory");
    }
    for (;;) {
        ssize_t n = read(fd, block, sizeof block);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            file_error(err, "read", path);
            sha256_free(&sum);
            close(fd);
            return false;
        }
        if (n == 0)
            break;
        sha256_add(sum, block, (size_t)n);
    }
    close(fd);
    sha256_end(&sum, hex);
    return true;
}

bool id_token_equal(const char *a, const char *b)
{
    size_t len = strlen(a);

    return len == strlen(b) && CRYPTO_memcmp(a, b, len) == 0;
}
