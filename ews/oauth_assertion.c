#include "ews/oauth_assertion.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "base/limits.h"

enum { RSA_BITS_MIN = 2048 };

struct oauth_key {
    EVP_PKEY *key;
    /* base64url of the certificate's digests: Entra looks it up by them */
    char sha1[32], sha256[48];
};

/* ---- The key ------------------------------------------------------------------------------
 */

/* base64url without padding (RFC 7515, appendix C). */
static bool add_base64url(struct buf *out, const void *bytes, size_t len)
{
    unsigned char *text = malloc(len / 3 * 4 + 8);
    if (!text)
        return false;
    int n = EVP_EncodeBlock(text, bytes, (int)len);
    while (n > 0 && text[n - 1] == '=')
        n--;
    for (int i = 0; i < n; i++)
        text[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
    bool ok = buf_add(out, text, (size_t)n);
    free(text);
    return ok;
}

static bool digest(const X509 *certificate, const EVP_MD *md, char *out, size_t size)
{
    unsigned char bytes[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    struct buf text;
    buf_init(&text, size - 1);
    bool ok =
        X509_digest(certificate, md, bytes, &len) == 1 && add_base64url(&text, bytes, len);
    snprintf(out, size, "%s", buf_str(&text));
    buf_clear(&text);
    return ok;
}

static X509 *load_certificate(const char *path, struct wall now, struct err *err)
{
    FILE *file = fopen(path, "re");
    time_t seconds = (time_t)(now.ms / 1000);
    if (!file) {
        file_error(err, "open", path);
        return NULL;
    }
    X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    if (!certificate) {
        err_set(err, ERR_CONFIG, "%s holds no certificate in PEM form", path);
    } else if (X509_cmp_time(X509_get0_notAfter(certificate), &seconds) < 0) {
        err_set(err, ERR_CONFIG,
                "the certificate in %s has expired; make a new one and upload it to the "
                "application",
                path);
        X509_free(certificate);
        certificate = NULL;
    }
    return certificate;
}

/* OpenSSL would ask the terminal. */
static int no_passphrase(char *out, int size, int writing, void *arg)
{
    (void)out, (void)size, (void)writing, (void)arg;
    return -1;
}

static EVP_PKEY *load_key(const char *path, struct err *err)
{
    struct stat st;
    EVP_PKEY *key = NULL;
    FILE *file = fopen(path, "re");
    if (!file) {
        file_error(err, "open", path);
        return NULL;
    }
    if (fstat(fileno(file), &st) != 0)
        file_error(err, "look at", path);
    else if (st.st_mode & 077)
        err_set(err, ERR_CONFIG, "%s can be read by others; chmod 600 it", path);
    else if (!(key = PEM_read_PrivateKey(file, NULL, no_passphrase, NULL)))
        err_set(err, ERR_CONFIG,
                "%s holds no private key in PEM form, or one with a passphrase; store it "
                "without one, mode 0600",
                path);
    fclose(file);
    return key;
}

static bool fits(const struct oauth_key *key, const X509 *certificate, const char *path,
                 struct err *err)
{
    if (EVP_PKEY_get_base_id(key->key) != EVP_PKEY_RSA ||
        EVP_PKEY_get_bits(key->key) < RSA_BITS_MIN)
        return err_set(err, ERR_CONFIG, "%s must be an RSA key of at least %d bits", path,
                       RSA_BITS_MIN);
    if (X509_check_private_key(certificate, key->key) != 1)
        return err_set(err, ERR_CONFIG, "%s is not the key of client-certificate", path);
    return true;
}

struct oauth_key *oauth_key_load(const char *certificate_path, const char *key_path,
                                 struct wall now, struct err *err)
{
    struct oauth_key *key = calloc(1, sizeof(*key));
    if (!key) {
        err_set(err, ERR_SYSTEM, "no memory for the key %s", key_path);
        return NULL;
    }
    X509 *certificate = load_certificate(certificate_path, now, err);
    if (certificate)
        key->key = load_key(key_path, err);
    bool ok = key->key && fits(key, certificate, key_path, err);
    if (ok && !(digest(certificate, EVP_sha1(), key->sha1, sizeof(key->sha1)) &&
                digest(certificate, EVP_sha256(), key->sha256, sizeof(key->sha256))))
        ok = err_set(err, ERR_SYSTEM, "the certificate %s cannot be hashed", certificate_path);
    X509_free(certificate);
    if (!ok)
        oauth_key_free(&key);
    return key;
}

void oauth_key_free(struct oauth_key **key)
{
    if (*key)
        EVP_PKEY_free((*key)->key);
    free(*key);
    *key = NULL;
}

/* ---- The assertion ------------------------------------------------------------------------
 */

/* Takes the object. */
static bool add_json(struct buf *out, json_t *object)
{
    char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
    bool ok = text && add_base64url(out, text, strlen(text));
    free(text);
    json_decref(object);
    return ok;
}

static bool add_signature(struct buf *out, const struct oauth_key *key, const char *signed_part)
{
    unsigned char *signature = NULL;
    size_t len = 0;
    size_t text_len = strlen(signed_part);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = context && EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key->key) == 1 &&
              EVP_DigestSign(context, NULL, &len, (const unsigned char *)signed_part,
                             text_len) == 1 &&
              (signature = malloc(len)) &&
              EVP_DigestSign(context, signature, &len, (const unsigned char *)signed_part,
                             text_len) == 1 &&
              buf_add_str(out, ".") && add_base64url(out, signature, len);
    EVP_MD_CTX_free(context);
    free(signature);
    return ok;
}

bool oauth_assertion(const struct oauth_key *key, const struct oauth_claims *claims,
                     struct buf *out, struct err *err)
{
    json_int_t now = claims->now.ms / 1000;
    struct buf text;
    buf_init(&text, LIMIT_TOKEN);
    bool ok = add_json(&text, json_pack("{s:s, s:s, s:s, s:s}", "alg", "RS256", "typ", "JWT",
                                        "x5t", key->sha1, "x5t#S256", key->sha256)) &&
              buf_add_str(&text, ".") &&
              add_json(&text,
                       json_pack("{s:s, s:s, s:s, s:s, s:I, s:I, s:I}", "aud", claims->audience,
                                 "iss", claims->client_id, "sub", claims->client_id, "jti",
                                 claims->id, "iat", now, "nbf", now - OAUTH_ASSERTION_EARLY_S,
                                 "exp", now + OAUTH_ASSERTION_LIFE_S));
    if (ok) {
        char *signed_part = strdup(buf_str(&text));
        ok = signed_part && add_signature(&text, key, signed_part);
        free(signed_part);
    }
    ok = ok && buf_add(out, buf_str(&text), text.len);
    buf_clear(&text);
    return ok || err_set(err, ERR_SYSTEM, "the proof for the token server cannot be signed");
}
