/* What a token server answers, and what a 401 says: a token can stand in a header, a failure
 * has a sentence on one line. run: -max_len=4096 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "ews/challenge.h"
#include "ews/oauth_answer.h"
#include "tests/fuzz/fuzz_targets.h"

static const int statuses[] = {200, 400, 401, 429, 500, 302};
enum { STATUSES = sizeof statuses / sizeof statuses[0] };

static void check_words(const char *text)
{
    for (; *text; text++)
        fuzz_check(*text >= ' ' && *text != 0x7f);
}

static void check_failure(const struct err *err)
{
    fuzz_check(err->kind == ERR_UNAVAILABLE || err->kind == ERR_DENIED ||
               err->kind == ERR_CONFIG || err->kind == ERR_PROTOCOL);
    fuzz_check(err->scope == ERR_SCOPE_ACCOUNT && err->when == ERR_WHEN_BACK_OFF);
    fuzz_check(err->effect == ERR_EFFECT_NONE);
    fuzz_check(err->back_off_ms >= 0 && err->back_off_ms <= TIME_BACK_OFF_MAX_MS);
    for (const char *at = err->code; *at; at++)
        fuzz_check(isalnum((unsigned char)*at) || strchr("_ ", *at));
    check_words(err->text);
}

static void answer(int status, const char *bytes, size_t len)
{
    struct oauth_answer got;
    struct err err = {0};
    bool ok = oauth_answer_read(status, (int64_t)len * 1000000 - 1, bytes, len, &got, &err);
    fuzz_check_result(ok, &err);
    fuzz_check(ok == (got.token != NULL) && (!ok || status == 200));
    if (!ok) {
        check_failure(&err);
        return;
    }
    size_t token_len = strlen(got.token);
    fuzz_check(token_len > 0 && token_len < LIMIT_TOKEN);
    for (const char *at = got.token; *at; at++)
        fuzz_check(isalnum((unsigned char)*at) || strchr("-._~+/=", *at));
    fuzz_check(got.life_ms >= OAUTH_LIFE_MIN_MS && got.life_ms <= OAUTH_LIFE_MAX_MS);
    oauth_answer_clear(&got);
    fuzz_check(!got.token);
}

static void challenge(const char *text)
{
    static const char *const ways[] = {"basic", "ntlm", "negotiate", "oauth2"};
    struct transport_reply reply = transport_reply_none();
    struct err err;
    for (int i = 0; i < 8; i++) {
        err_set(&err, ERR_DENIED, "refused");
        reply.challenge = i < 4 ? text : "";
        reply.server = i < 4 ? "" : text;
        challenge_explain(&err, ways[i % 4], &reply);
        fuzz_check_result(false, &err);
        fuzz_check(err.kind == ERR_DENIED);
        check_words(err.text);
    }
}

void fuzz_oauth(const unsigned char *bytes, size_t len)
{
    if (!len)
        return;
    /* Of exactly that size, so that a sanitizer sees a read past its end. */
    char *copy = malloc(len);
    fuzz_check(copy);
    memcpy(copy, bytes + 1, len - 1);
    answer(statuses[bytes[0] % STATUSES], copy, len - 1);
    copy[len - 1] = '\0';
    challenge(copy);
    free(copy);
}
