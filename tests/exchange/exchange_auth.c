#include "tests/exchange/exchange_auth.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/exchange/exchange_negotiate.h"
#include "tests/exchange/exchange_ntlm.h"
#include "tests/exchange/exchange_oauth.h"

struct slow;

struct exchange_auth {
    struct loop *loop;
    struct exchange_ntlm *ntlm;
    struct exchange_negotiate *negotiate;
    struct exchange_oauth *oauth;
    char *client_id;
    int64_t slow_ms;
    struct slow *slow;
};

/* A request for a token that is kept back. */
struct slow {
    struct slow *next;
    struct exchange_auth *auth;
    struct http_request *request;
    struct loop_timer *timer;
};

/* ---- Tokens -------------------------------------------------------------------------------
 */

static void answer_token(struct exchange_auth *auth, struct http_request *request)
{
    struct exchange_oauth_answer answer;
    char seconds[24];
    size_t len;
    const char *form = http_body(request, &len);
    exchange_oauth_answer(auth->oauth, http_path(request), form, len, &answer);
    if (answer.retry_after_s) {
        snprintf(seconds, sizeof seconds, "%d", answer.retry_after_s);
        http_reply_header(request, "Retry-After", seconds);
    }
    http_reply_header(request, "Cache-Control", "no-store");
    http_reply(&request, answer.status,
               answer.body[0] == '<' ? "text/html" : "application/json; charset=utf-8",
               answer.body, strlen(answer.body));
}

static void slow_free(struct slow *slow)
{
    for (struct slow **at = &slow->auth->slow; *at; at = &(*at)->next)
        if (*at == slow) {
            *at = slow->next;
            break;
        }
    loop_timer_free(&slow->timer);
    free(slow);
}

static void on_slow(void *arg)
{
    struct slow *slow = arg;
    answer_token(slow->auth, slow->request);
    slow_free(slow);
}

bool exchange_auth_takes(struct exchange_auth *auth, struct http_request *request)
{
    if (!auth->oauth || !exchange_oauth_is_endpoint(http_path(request)))
        return false;
    struct slow *slow = auth->slow_ms ? calloc(1, sizeof *slow) : NULL;
    if (!slow) {
        answer_token(auth, request);
        return true;
    }
    *slow = (struct slow){.next = auth->slow, .auth = auth, .request = request};
    auth->slow = slow;
    slow->timer = loop_timer_new(auth->loop, on_slow, slow);
    loop_timer_set(slow->timer, auth->slow_ms);
    return true;
}

/* ---- Requests -----------------------------------------------------------------------------
 */

static void refuse(struct http_request *request, const char *challenge)
{
    http_reply_header(request, "WWW-Authenticate", challenge);
    http_reply(&request, 401, NULL, "", 0);
}

static const char *ntlm_user(struct exchange_auth *auth, struct http_request *request)
{
    char value[EXCHANGE_NTLM_VALUE_MAX];
    unsigned long connection = http_connection(request);
    if (exchange_ntlm_step(auth->ntlm, connection, http_header(request, "Authorization"), value,
                           sizeof value) == EXCHANGE_NTLM_IN)
        return exchange_ntlm_user(auth->ntlm, connection);
    refuse(request, value);
    return NULL;
}

static const char *negotiate_user(struct exchange_auth *auth, struct http_request *request)
{
    char value[EXCHANGE_NEGOTIATE_VALUE_MAX];
    const char *user = exchange_negotiate_user(
        auth->negotiate, http_header(request, "Authorization"), value, sizeof value);
    if (user)
        http_reply_header(request, "WWW-Authenticate", value);
    else
        refuse(request, value);
    return user;
}

const char *exchange_auth_user(struct exchange_auth *auth, struct http_request *request)
{
    const char *authorization = http_header(request, "Authorization");
    if (auth->ntlm)
        return ntlm_user(auth, request);
    if (auth->negotiate)
        return negotiate_user(auth, request);
    if (exchange_oauth_accepts(auth->oauth, authorization))
        return auth->client_id;
    refuse(request, authorization
                        ? "Bearer client_id=\"00000002-0000-0ff1-ce00-000000000000\", "
                          "error=\"invalid_token\""
                        : "Bearer client_id=\"00000002-0000-0ff1-ce00-000000000000\"");
    return NULL;
}

/* ---- Birth and end ------------------------------------------------------------------------
 */

static bool set_fault(struct exchange_auth *auth, const char *fault, struct err *err)
{
    static const struct {
        const char *name;
        enum exchange_oauth_fault fault;
    } faults[] = {{"", EXCHANGE_OAUTH_WELL},
                  {"down", EXCHANGE_OAUTH_DOWN},
                  {"refuse", EXCHANGE_OAUTH_REFUSING},
                  {"strange", EXCHANGE_OAUTH_STRANGE}};
    if (strncmp(fault, "slow:", 5) == 0) {
        auth->slow_ms = strtoll(fault + 5, NULL, 10);
        return true;
    }
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        if (strcmp(faults[i].name, fault) == 0) {
            exchange_oauth_set_fault(auth->oauth, faults[i].fault);
            return true;
        }
    }
    return err_set(err, ERR_USAGE,
                   "a token fault is down, refuse, strange or slow:MS, not \"%s\"", fault);
}

static bool open_oauth(struct exchange_auth *auth, const struct exchange_auth_config *config,
                       struct err *err)
{
    const struct exchange_oauth_config oauth = {
        .tenant = config->tenant ? config->tenant : "tenant",
        .client_id = config->user ? config->user : "",
        .secret = config->password,
        .certificate = config->certificate,
        .life_s = config->token_life_s ? config->token_life_s : 3600,
    };
    auth->client_id = strdup(oauth.client_id);
    auth->oauth = auth->client_id ? exchange_oauth_new(auth->loop, &oauth, err) : NULL;
    return auth->oauth && set_fault(auth, config->token_fault ? config->token_fault : "", err);
}

static bool open_ntlm(struct exchange_auth *auth, const struct exchange_auth_config *config,
                      struct err *err)
{
    if (!config->user || !config->password)
        return err_set(err, ERR_USAGE, "NTLM needs a user and a password");
    auth->ntlm = exchange_ntlm_new(err);
    if (auth->ntlm)
        exchange_ntlm_add(auth->ntlm, config->user, config->password);
    return auth->ntlm != NULL;
}

struct exchange_auth *
exchange_auth_new(struct loop *loop, const struct exchange_auth_config *config, struct err *err)
{
    struct exchange_auth *auth = calloc(1, sizeof *auth);
    bool ok = false;
    if (!auth) {
        err_set(err, ERR_SYSTEM, "no memory for authentication");
        return NULL;
    }
    auth->loop = loop;
    if (strcmp(config->scheme, "ntlm") == 0)
        ok = open_ntlm(auth, config, err);
    else if (strcmp(config->scheme, "negotiate") == 0)
        ok = (auth->negotiate = exchange_negotiate_new(err)) != NULL;
    else if (strcmp(config->scheme, "oauth2") == 0)
        ok = open_oauth(auth, config, err);
    else
        err_set(err, ERR_USAGE,
                "authentication is basic, ntlm, negotiate or oauth2, not \"%s\"",
                config->scheme);
    if (!ok)
        exchange_auth_free(&auth);
    return auth;
}

void exchange_auth_free(struct exchange_auth **auth_pointer)
{
    struct exchange_auth *auth = *auth_pointer;
    *auth_pointer = NULL;
    if (!auth)
        return;
    for (struct slow *slow = auth->slow, *next; slow; slow = next) {
        next = slow->next;
        http_drop(&slow->request);
        loop_timer_free(&slow->timer);
        free(slow);
    }
    exchange_ntlm_free(&auth->ntlm);
    exchange_negotiate_free(&auth->negotiate);
    exchange_oauth_free(&auth->oauth);
    free(auth->client_id);
    free(auth);
}
