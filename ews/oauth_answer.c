#include "ews/oauth_answer.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/limits.h"
#include "base/text.h"

enum { LIFE_UNTOLD_MS = 600 * 1000, WORDS_BYTES = 161 };

/* ---- Why there is none --------------------------------------------------------------------
 */

struct remedy {
    long number; /* AADSTS..., Entra's own; 0: by the word of RFC 6749 */
    const char *word;
    enum err_kind kind;
    const char *text;
};

/* The first row that fits is told. */
static const struct remedy remedies[] = {
    {7000215, "", ERR_DENIED,
     "the client secret is wrong; put the secret's Value, not its ID, into client-secret-file"},
    {7000222, "", ERR_DENIED,
     "the client secret has expired; make a new one (App registrations, Certificates & "
     "secrets), put it into client-secret-file and reload"},
    {7000216, "", ERR_DENIED,
     "this application must prove itself; set client-secret-file, or client-certificate and "
     "client-key"},
    {7000112, "", ERR_DENIED, "the application is disabled in the tenant; enable it there"},
    {7000229, "", ERR_DENIED,
     "the application is not in this tenant; an administrator must consent to it there"},
    {700016, "", ERR_DENIED,
     "there is no such application in this tenant; check client-id and tenant"},
    {700027, "", ERR_DENIED,
     "the certificate is not that of the application; upload client-certificate there (App "
     "registrations, Certificates & secrets), or set the one that is there"},
    {700024, "", ERR_DENIED,
     "the signed proof is not valid at the server's time; set the clock of this machine"},
    {700030, "", ERR_DENIED,
     "the certificate is not accepted; check that it has not expired and is the one uploaded"},
    {90002, "", ERR_DENIED, "there is no such tenant; check tenant"},
    {900023, "", ERR_DENIED, "the tenant is neither a domain nor an identifier; check tenant"},
    {500011, "", ERR_DENIED,
     "Exchange Online is not in this tenant, or scope is wrong; check scope and tenant"},
    {70011, "", ERR_DENIED, "the scope is wrong; it ends in /.default"},
    {1002012, "", ERR_DENIED, "the scope is wrong; it ends in /.default"},
    {65001, "", ERR_DENIED,
     "nobody has consented to the application; an administrator of the tenant must"},
    {53003, "", ERR_DENIED,
     "a Conditional Access policy refuses the application from here; let it through"},
    {90033, "", ERR_UNAVAILABLE, "the token server has a passing fault; it is asked again"},
    {90024, "", ERR_UNAVAILABLE, "the token server has too much to do; it is asked again"},
    {50196, "", ERR_UNAVAILABLE, "the token server was asked too often; it is asked later"},
    {0, "temporarily_unavailable", ERR_UNAVAILABLE,
     "the token server cannot answer now; it is asked again"},
    {0, "server_error", ERR_UNAVAILABLE, "the token server failed; it is asked again"},
    {0, "invalid_client", ERR_DENIED,
     "client-id or its secret or certificate is refused; check all of them"},
    {0, "unauthorized_client", ERR_DENIED,
     "the application may not fetch tokens for itself (client credentials); allow it"},
    {0, "invalid_scope", ERR_DENIED, "the scope is refused; check scope, it ends in /.default"},
    {0, "invalid_resource", ERR_DENIED, "the scope is refused; check scope and tenant"},
    {0, "unsupported_grant_type", ERR_DENIED,
     "this token server knows no client credentials; check token-url"},
    {0, "invalid_request", ERR_DENIED,
     "the request is not understood; check tenant, client-id and token-url"},
    {0, "", ERR_DENIED, "the application is refused; check tenant, client-id and its secret"},
};

/* The server's words on one line, as far as they can be printed. */
static void printable(char *out, size_t size, const char *text)
{
    size_t n = 0;
    for (; text[n] >= ' ' && text[n] != 0x7f && n < size - 1; n++)
        out[n] = text[n];
    out[n] = '\0';
}

/* AADSTS7000215 in error_codes, or at the beginning of error_description. */
static long number_of(const json_t *root, const char *description)
{
    const json_t *first = json_array_get(json_object_get(root, "error_codes"), 0);
    if (json_is_integer(first))
        return (long)json_integer_value(first);
    return strncmp(description, "AADSTS", 6) == 0 ? strtol(description + 6, NULL, 10) : 0;
}

static const struct remedy *find_remedy(long number, const char *word)
{
    const struct remedy *row = remedies;
    for (; row->number || row->word[0]; row++) {
        if (row->number ? row->number == number : strcmp(row->word, word) == 0)
            break;
    }
    return row;
}

static bool fill(struct err *err, enum err_kind kind, const char *code, int64_t back_off_ms)
{
    err->kind = kind;
    err->scope = ERR_SCOPE_ACCOUNT;
    err->when = ERR_WHEN_BACK_OFF;
    if (back_off_ms > 0)
        err->back_off_ms =
            back_off_ms < TIME_BACK_OFF_MAX_MS ? back_off_ms : TIME_BACK_OFF_MAX_MS;
    text_copy(err->code, sizeof(err->code), code);
    return false;
}

static bool refused(const json_t *root, const char *error, int64_t retry_after_ms,
                    struct err *err)
{
    const char *text = json_string_value(json_object_get(root, "error_description"));
    char words[WORDS_BYTES], code[sizeof(err->code)];
    printable(words, sizeof(words), text ? text : error);
    printable(code, sizeof(code), error);
    code[strspn(code, "abcdefghijklmnopqrstuvwxyz_ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")] =
        '\0';
    const struct remedy *row = find_remedy(number_of(root, words), code);
    err_set(err, row->kind, "no token: %s (%s).", row->text, words);
    return fill(err, row->kind, code, retry_after_ms);
}

static bool refused_by_status(int status, int64_t retry_after_ms, struct err *err)
{
    char code[32];
    enum err_kind kind = ERR_DENIED;
    snprintf(code, sizeof(code), "HTTP %d", status);
    if (status == 408 || status == 429 || status >= 500) {
        kind = ERR_UNAVAILABLE;
        err_set(err, kind,
                "no token: the token server cannot answer now (HTTP status %d); it "
                "is asked again.",
                status);
    } else if (status == 200) {
        kind = ERR_PROTOCOL;
        err_set(err, kind,
                "no token: what answers at token-url is not a token server; check "
                "token-url and tenant.");
    } else if (status < 400 || status == 404 || status == 405) {
        kind = ERR_CONFIG;
        err_set(err, kind,
                "no token: there is no token server at token-url (HTTP status %d); "
                "check token-url and tenant.",
                status);
    } else {
        err_set(err, kind,
                "no token: the token server refuses the request (HTTP status %d); "
                "check tenant, client-id and its secret.",
                status);
    }
    return fill(err, kind, code, retry_after_ms);
}

/* ---- A token ------------------------------------------------------------------------------
 */

/* Brackets within brackets, outside of strings. */
static bool too_deep(const char *bytes, size_t len)
{
    bool text = false;
    int depth = 0;
    for (size_t i = 0; i < len; i++) {
        if (text && bytes[i] == '\\')
            i++;
        else if (bytes[i] == '"')
            text = !text;
        else if (!text && (bytes[i] == '{' || bytes[i] == '['))
            depth++;
        else if (!text && (bytes[i] == '}' || bytes[i] == ']'))
            depth--;
        if (depth > LIMIT_JSON_DEPTH)
            return true;
    }
    return false;
}

/* RFC 6750, 2.1: what may follow "Bearer ". Anything else could end the header. */
static bool is_token(const char *text, size_t len)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=";
    return len > 0 && len < LIMIT_TOKEN && strspn(text, alphabet) == len;
}

/* Some servers tell a number, some a text. */
static int64_t life_of(const json_t *root)
{
    const json_t *told = json_object_get(root, "expires_in");
    double seconds =
        json_is_string(told) ? strtod(json_string_value(told), NULL) : json_number_value(told);
    if (!told || !isfinite(seconds))
        return LIFE_UNTOLD_MS;
    if (seconds * 1000 < OAUTH_LIFE_MIN_MS)
        return OAUTH_LIFE_MIN_MS;
    return seconds * 1000 > OAUTH_LIFE_MAX_MS ? OAUTH_LIFE_MAX_MS : (int64_t)(seconds * 1000);
}

static bool strange(struct err *err, const char *what)
{
    err_set(err, ERR_PROTOCOL, "no token: the token server's answer %s; check token-url.",
            what);
    return fill(err, ERR_PROTOCOL, "", 0);
}

static bool read_token(const json_t *root, struct oauth_answer *answer, struct err *err)
{
    const json_t *token = json_object_get(root, "access_token");
    const char *type = json_string_value(json_object_get(root, "token_type"));
    if (!json_is_string(token))
        return strange(err, "holds no access_token");
    if (type && strcasecmp(type, "Bearer") != 0)
        return strange(err, "holds a token of another kind than Bearer");
    if (!is_token(json_string_value(token), json_string_length(token)))
        return strange(err, "holds a token that is too long, or no token at all");
    answer->token = strdup(json_string_value(token));
    answer->life_ms = life_of(root);
    if (answer->token)
        return true;
    err_set(err, ERR_SYSTEM, "no memory for a token");
    return fill(err, ERR_SYSTEM, "", 0);
}

/* jansson gives memory back as it is. */
static void wipe(const json_t *root)
{
    const json_t *token = json_object_get(root, "access_token");
    if (json_is_string(token))
        explicit_bzero((void *)json_string_value(token), json_string_length(token));
}

bool oauth_answer_read(int status, int64_t retry_after_ms, const char *bytes, size_t len,
                       struct oauth_answer *answer, struct err *err)
{
    *answer = (struct oauth_answer){0};
    json_t *root =
        too_deep(bytes, len) ? NULL : json_loadb(bytes, len, JSON_REJECT_DUPLICATES, NULL);
    const char *error = json_string_value(json_object_get(root, "error"));
    bool busy = status == 429 || status >= 500;
    bool ok = false;
    err_clear(err);
    if (error && error[0] && !busy)
        refused(root, error, retry_after_ms, err);
    else if (status != 200 || !json_is_object(root))
        refused_by_status(status, retry_after_ms, err);
    else
        ok = read_token(root, answer, err);
    wipe(root);
    json_decref(root);
    return ok;
}

void oauth_answer_clear(struct oauth_answer *answer)
{
    if (answer->token)
        explicit_bzero(answer->token, strlen(answer->token));
    free(answer->token);
    *answer = (struct oauth_answer){0};
}
