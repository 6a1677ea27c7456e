#include "tests/exchange/exchange_oauth.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/id.h"

enum { TOKENS = 64, FIELD_MAX = 8192, ASSERTION_LIFE_MAX_S = 11 * 60 };

static const char grant[] = "client_credentials";
static const char by_assertion[] = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

struct token {
    char text[80];
    struct wall ends;
};

struct exchange_oauth {
    struct loop *loop;
    char *tenant, *client_id, *secret;
    EVP_PKEY *key; /* public */
    char thumbprint[48];
    int64_t life_s;
    enum exchange_oauth_fault fault;
    struct token tokens[TOKENS];
    long asked, issued;
    char last_id[64]; /* jti */
};

/* ---- The form -----------------------------------------------------------------------------
 */

static int hex(char c)
{
    const char *digits = "0123456789ABCDEF", *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* The field's value; false: not there, or too long. */
static bool field(const char *form, size_t len, const char *name, char *out, size_t size)
{
    size_t name_len = strlen(name), n = 0;
    const char *end = form + len;
    for (const char *at = form; at < end; at++) {
        const char *stop = memchr(at, '&', (size_t)(end - at));
        stop = stop ? stop : end;
        if ((size_t)(stop - at) > name_len && !memcmp(at, name, name_len) &&
            at[name_len] == '=') {
            for (at += name_len + 1; at < stop && n + 1 < size; at++) {
                bool coded = *at == '%' && stop - at > 2;
                out[n++] = coded        ? (char)(hex(at[1]) * 16 + hex(at[2]))
                           : *at == '+' ? ' '
                                        : *at;
                at += coded ? 2 : 0;
            }
            out[n] = '\0';
            return at == stop;
        }
        at = stop;
    }
    return false;
}

/* ---- The assertion ------------------------------------------------------------------------
 */

/* base64url without padding; -1: it is not. */
static int decode(const char *text, size_t len, unsigned char *out, size_t size)
{
    unsigned long bits = 0;
    int have = 0, n = 0;
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for (size_t i = 0; i < len; i++) {
        const char *at = text[i] ? strchr(alphabet, text[i]) : NULL;
        if (!at)
            return -1;
        bits = (bits << 6 | (unsigned long)(at - alphabet)) & 0xFFFFFF;
        have += 6;
        if (have >= 8) {
            have -= 8;
            if ((size_t)n >= size)
                return -1;
            out[n++] = (unsigned char)(bits >> have);
        }
    }
    return n;
}

static json_t *decode_json(const char *text, size_t len)
{
    unsigned char bytes[FIELD_MAX];
    int n = decode(text, len, bytes, sizeof bytes);
    return n < 0 ? NULL : json_loadb((const char *)bytes, (size_t)n, 0, NULL);
}

static bool says(const json_t *object, const char *name, const char *value)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text && strcmp(text, value) == 0;
}

static bool signature_fits(const struct exchange_oauth *oauth, const char *text,
                           size_t signed_len, const char *signature)
{
    unsigned char bytes[1024];
    int n = decode(signature, strlen(signature), bytes, sizeof bytes);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok =
        n > 0 && EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, oauth->key) == 1 &&
        EVP_DigestVerify(context, bytes, (size_t)n, (const unsigned char *)text, signed_len) ==
            1;
    EVP_MD_CTX_free(context);
    return ok;
}

/* NULL: it is right; else what is wrong. */
static const char *claims_fault(struct exchange_oauth *oauth, const json_t *claims,
                                const char *path)
{
    json_int_t now = loop_wall(oauth->loop).ms / 1000;
    json_int_t begins = json_integer_value(json_object_get(claims, "nbf"));
    json_int_t ends = json_integer_value(json_object_get(claims, "exp"));
    const char *audience = json_string_value(json_object_get(claims, "aud"));
    const char *id = json_string_value(json_object_get(claims, "jti"));
    size_t path_len = strlen(path), len = audience ? strlen(audience) : 0;
    if (!says(claims, "iss", oauth->client_id) || !says(claims, "sub", oauth->client_id))
        return "iss or sub is not the client";
    if (!audience || len < path_len || strcmp(audience + len - path_len, path) != 0)
        return "aud is not this endpoint";
    if (begins > now || ends <= now || ends - begins > ASSERTION_LIFE_MAX_S)
        return "nbf and exp do not hold now, or are far from each other";
    if (!id || !id[0] || strcmp(id, oauth->last_id) == 0)
        return "jti was seen before";
    snprintf(oauth->last_id, sizeof oauth->last_id, "%s", id);
    return NULL;
}

static const char *assertion_fault(struct exchange_oauth *oauth, const char *text,
                                   const char *path)
{
    const char *first = strchr(text, '.'), *second = first ? strchr(first + 1, '.') : NULL;
    if (!oauth->key || !second)
        return "no certificate here, or no assertion";
    json_t *head = decode_json(text, (size_t)(first - text));
    json_t *claims = decode_json(first + 1, (size_t)(second - first - 1));
    const char *fault = NULL;
    if (!says(head, "alg", "RS256") || !says(head, "typ", "JWT") ||
        !says(head, "x5t#S256", oauth->thumbprint))
        fault = "the header is wrong, or names another certificate";
    else if (!signature_fits(oauth, text, (size_t)(second - text), second + 1))
        fault = "the signature is wrong";
    else
        fault = claims_fault(oauth, claims, path);
    json_decref(head);
    json_decref(claims);
    return fault;
}

/* ---- Answers ------------------------------------------------------------------------------
 */

static void refuse(struct exchange_oauth_answer *answer, const char *error, long number,
                   const char *text)
{
    answer->status = strcmp(error, "invalid_client") == 0 ? 401 : 400;
    snprintf(answer->body, sizeof answer->body,
             "{\"error\":\"%s\",\"error_description\":\"AADSTS%ld: %s Trace ID: "
             "0b8f5c3e-3a50-4a5f-9a77-0d6f0c1b2a39\\r\\nTimestamp: now\","
             "\"error_codes\":[%ld]}",
             error, number, text, number);
}

static void issue(struct exchange_oauth *oauth, struct exchange_oauth_answer *answer)
{
    struct token *token = &oauth->tokens[oauth->issued++ % TOKENS];
    char secret[ID_TOKEN_MAX];
    id_token(secret);
    snprintf(token->text, sizeof token->text, "eyJ0.%s.token-%ld", secret, oauth->issued);
    token->ends.ms = loop_wall(oauth->loop).ms + oauth->life_s * 1000;
    answer->status = 200;
    snprintf(answer->body, sizeof answer->body,
             "{\"token_type\":\"Bearer\",\"expires_in\":%lld,\"ext_expires_in\":%lld,"
             "\"access_token\":\"%s\"}",
             (long long)oauth->life_s, (long long)oauth->life_s, token->text);
}

static void answer_form(struct exchange_oauth *oauth, const char *path, const char *form,
                        size_t len, struct exchange_oauth_answer *answer)
{
    char value[FIELD_MAX];
    const char *fault;
    if (strncmp(path + 1, oauth->tenant, strlen(oauth->tenant)) != 0 ||
        path[1 + strlen(oauth->tenant)] != '/')
        refuse(answer, "invalid_request", 90002, "Tenant not found.");
    else if (!field(form, len, "grant_type", value, sizeof value) || strcmp(value, grant) != 0)
        refuse(answer, "unsupported_grant_type", 70003, "The grant type is not supported.");
    else if (!field(form, len, "scope", value, sizeof value) || strlen(value) < 9 ||
             strcmp(value + strlen(value) - 9, "/.default") != 0)
        refuse(answer, "invalid_scope", 1002012, "The scope is not valid.");
    else if (!field(form, len, "client_id", value, sizeof value) ||
             strcmp(value, oauth->client_id) != 0)
        refuse(answer, "unauthorized_client", 700016, "Application was not found.");
    else if (field(form, len, "client_secret", value, sizeof value)) {
        if (oauth->secret && strcmp(value, oauth->secret) == 0)
            issue(oauth, answer);
        else
            refuse(answer, "invalid_client", 7000215, "Invalid client secret provided.");
    } else if (!field(form, len, "client_assertion_type", value, sizeof value) ||
               strcmp(value, by_assertion) != 0 ||
               !field(form, len, "client_assertion", value, sizeof value))
        refuse(answer, "invalid_client", 7000216,
               "client_assertion or client_secret required.");
    else if ((fault = assertion_fault(oauth, value, path)))
        refuse(answer, "invalid_client", 700027, fault);
    else
        issue(oauth, answer);
}

bool exchange_oauth_is_endpoint(const char *path)
{
    static const char tail[] = "/oauth2/v2.0/token";
    size_t len = strlen(path);
    return len > sizeof tail && strcmp(path + len - (sizeof tail - 1), tail) == 0;
}

void exchange_oauth_answer(struct exchange_oauth *oauth, const char *path, const char *form,
                           size_t len, struct exchange_oauth_answer *answer)
{
    *answer = (struct exchange_oauth_answer){0};
    oauth->asked++;
    switch (oauth->fault) {
    case EXCHANGE_OAUTH_WELL: answer_form(oauth, path, form, len, answer); break;
    case EXCHANGE_OAUTH_REFUSING:
        refuse(answer, "invalid_client", 7000222,
               "The provided client secret keys are expired.");
        break;
    case EXCHANGE_OAUTH_DOWN:
        answer->status = 503;
        answer->retry_after_s = 7;
        snprintf(answer->body, sizeof answer->body, "the service is unavailable");
        break;
    case EXCHANGE_OAUTH_STRANGE:
        answer->status = 200;
        snprintf(answer->body, sizeof answer->body, "<!DOCTYPE html><html>Sign in</html>");
        break;
    }
}

bool exchange_oauth_accepts(const struct exchange_oauth *oauth, const char *authorization)
{
    if (!authorization || strncmp(authorization, "Bearer ", 7) != 0)
        return false;
    for (int i = 0; i < TOKENS; i++) {
        const struct token *token = &oauth->tokens[i];
        if (token->text[0] && strcmp(token->text, authorization + 7) == 0)
            return loop_wall(oauth->loop).ms < token->ends.ms;
    }
    return false;
}

void exchange_oauth_revoke(struct exchange_oauth *oauth)
{
    memset(oauth->tokens, 0, sizeof oauth->tokens);
}

void exchange_oauth_set_fault(struct exchange_oauth *oauth, enum exchange_oauth_fault fault)
{
    oauth->fault = fault;
}

long exchange_oauth_asked(const struct exchange_oauth *oauth)
{
    return oauth->asked;
}

long exchange_oauth_issued(const struct exchange_oauth *oauth)
{
    return oauth->issued;
}

/* ---- Birth and end ------------------------------------------------------------------------
 */

/* The SHA-256 of the certificate as base64url, which is how a client names it. */
static void name_certificate(const X509 *certificate, char *out, size_t size)
{
    unsigned char bytes[EVP_MAX_MD_SIZE], text[48];
    unsigned len = 0;
    X509_digest(certificate, EVP_sha256(), bytes, &len);
    EVP_EncodeBlock(text, bytes, (int)len);
    for (unsigned char *at = text; *at; at++)
        *at = *at == '+' ? '-' : *at == '/' ? '_' : *at == '=' ? '\0' : *at;
    snprintf(out, size, "%s", (char *)text);
}

static bool load_certificate(struct exchange_oauth *oauth, const char *path, struct err *err)
{
    FILE *file = fopen(path, "re");
    if (!file)
        return file_error(err, "open", path);
    X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
    fclose(file);
    if (!certificate)
        return err_set(err, ERR_CONFIG, "%s holds no certificate in PEM form", path);
    oauth->key = X509_get_pubkey(certificate);
    name_certificate(certificate, oauth->thumbprint, sizeof oauth->thumbprint);
    X509_free(certificate);
    return oauth->key || err_set(err, ERR_CONFIG, "%s has no key that can be read", path);
}

struct exchange_oauth *exchange_oauth_new(struct loop *loop,
                                          const struct exchange_oauth_config *config,
                                          struct err *err)
{
    struct exchange_oauth *oauth = calloc(1, sizeof *oauth);
    bool ok = oauth && (oauth->tenant = strdup(config->tenant)) &&
              (oauth->client_id = strdup(config->client_id)) &&
              (!config->secret || (oauth->secret = strdup(config->secret)));
    if (!ok) {
        err_set(err, ERR_SYSTEM, "no memory for the token endpoint");
    } else {
        oauth->loop = loop;
        oauth->life_s = config->life_s;
        ok = !config->certificate || load_certificate(oauth, config->certificate, err);
    }
    if (!ok && oauth)
        exchange_oauth_free(&oauth);
    return oauth;
}

void exchange_oauth_free(struct exchange_oauth **oauth_pointer)
{
    struct exchange_oauth *oauth = *oauth_pointer;
    *oauth_pointer = NULL;
    if (!oauth)
        return;
    EVP_PKEY_free(oauth->key);
    free(oauth->tenant);
    free(oauth->client_id);
    free(oauth->secret);
    free(oauth);
}
