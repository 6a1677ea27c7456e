#include "tests/exchange/exchange_ntlm.h"

#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/provider.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/id.h"

enum {
    ACCOUNTS = 8,
    CONNECTIONS = 256,
    MESSAGE_MAX = 4096,
    HASH = 16,
    CHALLENGE = 8,
    TYPE_3_HEAD = 64,
    FLAG_UNICODE = 0x1,
};

static const unsigned char signature[8] = "NTLMSSP";

struct account {
    char user[128], domain[64]; /* domain "": any */
    char whole[200];            /* as it was given */
    unsigned char hash[HASH];   /* MD4 of the password */
};

struct connection {
    unsigned long number;
    bool challenged;
    unsigned char challenge[CHALLENGE];
    const struct account *account; /* whose it is */
};

struct exchange_ntlm {
    OSSL_PROVIDER *legacy, *usual;
    struct account accounts[ACCOUNTS];
    int account_count;
    struct connection connections[CONNECTIONS];
    int next;
};

/* ---- Digests ------------------------------------------------------------------------------
 */

/* Latin letters only, which is enough for names of tests. */
static size_t utf16(const char *text, bool upper, unsigned char *out)
{
    size_t n = 0;
    for (; *text; text++) {
        out[n++] = (unsigned char)(upper ? toupper((unsigned char)*text) : *text);
        out[n++] = 0;
    }
    return n;
}

static bool md4(const void *bytes, size_t len, unsigned char *out)
{
    EVP_MD *md = EVP_MD_fetch(NULL, "MD4", NULL);
    bool ok = md && EVP_Digest(bytes, len, out, NULL, md, NULL) == 1;
    EVP_MD_free(md);
    return ok;
}

static void hmac_md5(const unsigned char *key, const void *bytes, size_t len,
                     unsigned char *out)
{
    unsigned n = 0;
    HMAC(EVP_md5(), key, HASH, bytes, len, out, &n);
}

/* ---- Messages -----------------------------------------------------------------------------
 */

static unsigned read16(const unsigned char *at)
{
    return at[0] | (unsigned)at[1] << 8;
}

static uint32_t read32(const unsigned char *at)
{
    return read16(at) | (uint32_t)read16(at + 2) << 16;
}

static void write32(unsigned char *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (unsigned char)(value >> 8 * i);
}

struct field {
    const unsigned char *bytes;
    size_t len;
};

/* A length and an offset at `at`; false: they point outside. */
static bool read_field(const unsigned char *message, size_t len, size_t at, struct field *field)
{
    uint32_t offset = read32(message + at + 4);
    field->len = read16(message + at);
    field->bytes = message + offset;
    return offset <= len && field->len <= len - offset;
}

/* A name without its zeros. */
static bool read_name(const unsigned char *message, size_t len, size_t at, bool unicode,
                      char *out, size_t size)
{
    struct field field;
    size_t step = unicode ? 2 : 1;
    if (!read_field(message, len, at, &field) || field.len / step >= size)
        return false;
    for (size_t i = 0; i < field.len / step; i++)
        out[i] = (char)field.bytes[i * step];
    out[field.len / step] = '\0';
    return true;
}

static void make_challenge(struct connection *connection, char *value, size_t size)
{
    static const unsigned char info[] = {2, 0, 4, 0, 'E', 0, 'X', 0, /* NetBIOS domain */
                                         0, 0, 0, 0};
    unsigned char message[48 + sizeof info] = {0};
    unsigned char text[4 * sizeof message];
    char random[ID_TOKEN_MAX];
    id_token(random);
    memcpy(connection->challenge, random, CHALLENGE);
    connection->challenged = true;
    memcpy(message, signature, sizeof signature);
    write32(message + 8, 2);
    write32(message + 16, 48); /* no target name */
    /* Unicode, NTLM, extended session security, target info */
    write32(message + 20, 0x1 | 0x200 | 0x80000 | 0x800000);
    memcpy(message + 24, connection->challenge, CHALLENGE);
    message[40] = message[42] = sizeof info;
    write32(message + 44, 48);
    memcpy(message + 48, info, sizeof info);
    EVP_EncodeBlock(text, message, sizeof message);
    snprintf(value, size, "NTLM %s", (char *)text);
}

static const struct account *find_account(const struct exchange_ntlm *ntlm, const char *user,
                                          const char *domain)
{
    for (int i = 0; i < ntlm->account_count; i++) {
        const struct account *account = &ntlm->accounts[i];
        if (strcasecmp(account->user, user) == 0 &&
            (!account->domain[0] || strcasecmp(account->domain, domain) == 0))
            return account;
    }
    return NULL;
}

/* MS-NLMP, 3.3.2: HMAC of our challenge and the client's blob, with a key made of password,
 * user and domain. */
static bool proof_fits(const struct connection *connection, const struct account *account,
                       const char *user, const char *domain, const struct field *response)
{
    unsigned char names[512], key[HASH], proof[HASH];
    unsigned char *text = malloc(CHALLENGE + response->len);
    if (!text || response->len < HASH + 28) { /* 24 bytes are NTLMv1 */
        free(text);
        return false;
    }
    size_t n = utf16(user, true, names);
    n += utf16(domain, false, names + n);
    hmac_md5(account->hash, names, n, key);
    memcpy(text, connection->challenge, CHALLENGE);
    memcpy(text + CHALLENGE, response->bytes + HASH, response->len - HASH);
    hmac_md5(key, text, CHALLENGE + response->len - HASH, proof);
    free(text);
    return memcmp(proof, response->bytes, HASH) == 0;
}

static bool verify(const struct exchange_ntlm *ntlm, struct connection *connection,
                   const unsigned char *message, size_t len)
{
    char user[128], domain[64];
    struct field response;
    if (!connection->challenged || len < TYPE_3_HEAD)
        return false;
    connection->challenged = false; /* each serves once */
    bool unicode = read32(message + 60) & FLAG_UNICODE;
    if (!read_name(message, len, 28, unicode, domain, sizeof domain) ||
        !read_name(message, len, 36, unicode, user, sizeof user) ||
        !read_field(message, len, 20, &response))
        return false;
    const struct account *account = find_account(ntlm, user, domain);
    if (!account || !proof_fits(connection, account, user, domain, &response))
        return false;
    connection->account = account;
    return true;
}

/* ---- Steps --------------------------------------------------------------------------------
 */

static struct connection *find_connection(struct exchange_ntlm *ntlm, unsigned long number)
{
    for (int i = 0; i < CONNECTIONS; i++) {
        if (ntlm->connections[i].number == number)
            return &ntlm->connections[i];
    }
    struct connection *connection = &ntlm->connections[ntlm->next++ % CONNECTIONS];
    *connection = (struct connection){.number = number};
    return connection;
}

enum exchange_ntlm_step exchange_ntlm_step(struct exchange_ntlm *ntlm, unsigned long number,
                                           const char *authorization, char *value, size_t size)
{
    struct connection *connection = find_connection(ntlm, number);
    unsigned char message[MESSAGE_MAX];
    snprintf(value, size, "NTLM");
    if (!authorization)
        return connection->account ? EXCHANGE_NTLM_IN : EXCHANGE_NTLM_REFUSED;
    connection->account = NULL; /* who begins anew is nobody until he is through */
    if (strncmp(authorization, "NTLM ", 5) != 0 || strlen(authorization) > MESSAGE_MAX)
        return EXCHANGE_NTLM_REFUSED;
    int len = EVP_DecodeBlock(message, (const unsigned char *)authorization + 5,
                              (int)strlen(authorization + 5));
    if (len < 16 || memcmp(message, signature, sizeof signature) != 0)
        return EXCHANGE_NTLM_REFUSED;
    if (read32(message + 8) == 1) {
        make_challenge(connection, value, size);
        return EXCHANGE_NTLM_CHALLENGE;
    }
    bool in = read32(message + 8) == 3 && verify(ntlm, connection, message, (size_t)len);
    return in ? EXCHANGE_NTLM_IN : EXCHANGE_NTLM_REFUSED;
}

const char *exchange_ntlm_user(const struct exchange_ntlm *ntlm, unsigned long number)
{
    for (int i = 0; i < CONNECTIONS; i++) {
        const struct connection *connection = &ntlm->connections[i];
        if (connection->number == number && connection->account)
            return connection->account->whole;
    }
    return NULL;
}

/* ---- Birth and end ------------------------------------------------------------------------
 */

void exchange_ntlm_add(struct exchange_ntlm *ntlm, const char *user, const char *password)
{
    struct account *account = &ntlm->accounts[ntlm->account_count];
    const char *name = strchr(user, '\\');
    unsigned char text[512];
    if (ntlm->account_count == ACCOUNTS || strlen(password) > sizeof text / 2)
        return;
    ntlm->account_count++;
    snprintf(account->whole, sizeof account->whole, "%s", user);
    snprintf(account->user, sizeof account->user, "%s", name ? name + 1 : user);
    snprintf(account->domain, sizeof account->domain, "%.*s", name ? (int)(name - user) : 0,
             user);
    md4(text, utf16(password, false, text), account->hash);
}

struct exchange_ntlm *exchange_ntlm_new(struct err *err)
{
    struct exchange_ntlm *ntlm = calloc(1, sizeof *ntlm);
    unsigned char hash[HASH];
    if (!ntlm) {
        err_set(err, ERR_SYSTEM, "no memory for NTLM");
        return NULL;
    }
    ntlm->usual = OSSL_PROVIDER_load(NULL, "default");
    ntlm->legacy = OSSL_PROVIDER_load(NULL, "legacy");
    if (!md4("", 0, hash)) {
        err_set(err, ERR_SYSTEM, "OpenSSL here has no MD4, which NTLM needs");
        exchange_ntlm_free(&ntlm);
    }
    return ntlm;
}

void exchange_ntlm_free(struct exchange_ntlm **ntlm)
{
    if (*ntlm) {
        if ((*ntlm)->legacy)
            OSSL_PROVIDER_unload((*ntlm)->legacy);
        if ((*ntlm)->usual)
            OSSL_PROVIDER_unload((*ntlm)->usual);
    }
    free(*ntlm);
    *ntlm = NULL;
}
