#include "ews/oauth.h"

#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/queue.h>

#include "base/id.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/text.h"
#include "ews/oauth_answer.h"
#include "ews/oauth_assertion.h"

static const char entra[] = "https://login.microsoftonline.com/%s/oauth2/v2.0/token";

STAILQ_HEAD(wait_list, oauth_wait);

struct oauth_wait {
    struct wait_list *list; /* the one that it is in */
    STAILQ_ENTRY(oauth_wait) link;
    oauth_wait_fn *fn;
    void *arg;
};

struct oauth {
    struct loop *loop;
    struct transport *transport;
    char *name, *scope, *client_id, *secret, *ca_file, *proxy;
    char token_url[LIMIT_URL];
    struct oauth_key *key;
    struct transport_account account; /* to reach the token server; no credentials */
    struct log_ctx log;

    char *token; /* NULL: none */
    long number;
    struct mono got, renew_at, ends_at;

    struct transport_call *call; /* the request under way */
    struct buf answer;
    bool too_long;
    struct err err;         /* of the last attempt */
    int failures;           /* one after the other */
    struct mono pause_ends; /* no attempt before, after a failure */
    struct wait_list waiting, called;
    struct loop_timer *soon; /* to answer those who need not wait for a request */
};

/* ---- Where to ask -------------------------------------------------------------------------
 */

/* http is allowed to this machine only: the secret goes there. */
static bool may_see_secret(const char *url)
{
    struct in_addr address;
    char host[64];
    if (strncasecmp(url, "https://", 8) == 0)
        return true;
    if (strncasecmp(url, "http://", 7) != 0)
        return false;
    size_t len = url[7] == '[' ? strcspn(url + 7, "]/") + 1 : strcspn(url + 7, ":/?#");
    if (len >= sizeof(host) || (url[7 + len] && !strchr(":/", url[7 + len])))
        return false;
    memcpy(host, url + 7, len);
    host[len] = '\0';
    if (strcspn(url + 7, "@") < strcspn(url + 7, "/"))
        return false; /* what stands before it is a user, not the host */
    return strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
           (inet_pton(AF_INET, host, &address) == 1 && ntohl(address.s_addr) >> 24 == 127);
}

static bool is_tenant(const char *text)
{
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        if (!isalnum((unsigned char)text[i]) && text[i] != '.' && text[i] != '-')
            return false;
    }
    return len > 0 && len < 256;
}

static bool set_url(struct oauth *oauth, const struct oauth_config *config, struct err *err)
{
    bool ok = true;
    if (config->token_url)
        ok = text_copy(oauth->token_url, sizeof(oauth->token_url), config->token_url);
    else if (config->tenant && is_tenant(config->tenant))
        snprintf(oauth->token_url, sizeof(oauth->token_url), entra, config->tenant);
    else
        return err_set(err, ERR_CONFIG,
                       "[exchange \"%s\"] with auth = oauth2 needs tenant (example.com, or the "
                       "directory's identifier) or token-url",
                       config->name);
    if (!ok || !may_see_secret(oauth->token_url))
        return err_set(err, ERR_CONFIG,
                       "[exchange \"%s\"] token-url must begin with https://: the secret goes "
                       "there",
                       config->name);
    return true;
}

/* ---- The request --------------------------------------------------------------------------
 */

/* application/x-www-form-urlencoded. */
static void add_field(struct buf *out, const char *name, const char *value)
{
    buf_printf(out, "%s%s=", out->len ? "&" : "", name);
    for (; *value; value++) {
        if (isalnum((unsigned char)*value) || strchr("-._~", *value))
            buf_add(out, value, 1);
        else
            buf_printf(out, "%%%02X", (unsigned char)*value);
    }
}

static void wipe(struct buf *buf)
{
    if (buf->data)
        explicit_bzero(buf->data, buf->cap);
    buf_clear(buf);
}

static bool add_proof(const struct oauth *oauth, struct buf *form, struct err *err)
{
    char id[LIMIT_UUID];
    struct buf assertion;
    if (oauth->secret) {
        add_field(form, "client_secret", oauth->secret);
        return true;
    }
    id_new(id);
    const struct oauth_claims claims = {.client_id = oauth->client_id,
                                        .audience = oauth->token_url,
                                        .id = id,
                                        .now = loop_wall(oauth->loop)};
    buf_init(&assertion, LIMIT_TOKEN);
    bool ok = oauth_assertion(oauth->key, &claims, &assertion, err);
    add_field(form, "client_assertion_type",
              "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    add_field(form, "client_assertion", buf_str(&assertion));
    wipe(&assertion);
    return ok;
}

static struct body *make_form(const struct oauth *oauth, struct err *err)
{
    struct buf form;
    buf_init(&form, LIMIT_TOKEN_ANSWER);
    add_field(&form, "grant_type", "client_credentials");
    add_field(&form, "client_id", oauth->client_id);
    add_field(&form, "scope", oauth->scope);
    if (!add_proof(oauth, &form, err)) {
        wipe(&form);
        return NULL;
    }
    struct body *body = body_from_buf(&form);
    if (!body)
        err_set(err, ERR_SYSTEM, "no memory to ask for a token");
    return body;
}

/* ---- What comes of it ---------------------------------------------------------------------
 */

static void forget_token(struct oauth *oauth)
{
    if (oauth->token)
        explicit_bzero(oauth->token, strlen(oauth->token));
    free(oauth->token);
    oauth->token = NULL;
}

static bool token_is_good(const struct oauth *oauth)
{
    return oauth->token && mono_since(oauth->ends_at, loop_now(oauth->loop)) > 0;
}

static void took_token(struct oauth *oauth, struct oauth_answer *answer)
{
    int64_t late = answer->life_ms / 5 * 4, early = answer->life_ms - TIME_TOKEN_EARLY_MS;
    struct mono now = loop_now(oauth->loop);
    forget_token(oauth);
    oauth->token = answer->token;
    answer->token = NULL;
    oauth->number++;
    oauth->got = now;
    /* One that lives shorter than five minutes is renewed by its share only. */
    oauth->renew_at = mono_add(now, early > 0 && early < late ? early : late);
    oauth->ends_at = mono_add(now, answer->life_ms);
    oauth->failures = 0;
    oauth->pause_ends = now;
    log_info(&oauth->log, "a token for Exchange was fetched; it lives %lld s",
             (long long)answer->life_ms / 1000);
}

static void took_failure(struct oauth *oauth)
{
    int64_t pause = TIME_TOKEN_PAUSE_MS;
    for (int i = 0; i < oauth->failures && pause < TIME_TOKEN_PAUSE_MAX_MS; i++)
        pause *= 2;
    if (pause > TIME_TOKEN_PAUSE_MAX_MS)
        pause = TIME_TOKEN_PAUSE_MAX_MS;
    if (oauth->err.back_off_ms > pause)
        pause = oauth->err.back_off_ms;
    oauth->failures++;
    oauth->pause_ends = mono_add(loop_now(oauth->loop), pause);
    oauth->err.scope = ERR_SCOPE_ACCOUNT;
    oauth->err.when = ERR_WHEN_BACK_OFF;
    oauth->err.effect = ERR_EFFECT_NONE;
    if (token_is_good(oauth))
        log_warning(&oauth->log,
                    "the token for Exchange was not renewed, the old one is good for %lld s: "
                    "%s",
                    (long long)mono_since(oauth->ends_at, loop_now(oauth->loop)) / 1000,
                    oauth->err.text);
}

/* Those who wait now; who begins to wait in one of their callbacks waits for the next time. */
static void answer_all(struct oauth *oauth, const struct err *err)
{
    struct err copy = *err;
    struct oauth_wait *wait;
    STAILQ_FOREACH(wait, &oauth->waiting, link)
    wait->list = &oauth->called;
    STAILQ_CONCAT(&oauth->called, &oauth->waiting);
    while ((wait = STAILQ_FIRST(&oauth->called))) {
        oauth_wait_fn *fn = wait->fn;
        void *arg = wait->arg;
        STAILQ_REMOVE_HEAD(&oauth->called, link);
        free(wait);
        fn(&copy, arg);
    }
}

static bool on_bytes(const void *bytes, size_t len, void *arg)
{
    struct oauth *oauth = arg;
    oauth->too_long = !buf_add(&oauth->answer, bytes, len);
    return !oauth->too_long;
}

/* The transport's sentences are about Exchange. */
static void explain_transport(const struct oauth *oauth, struct err *err)
{
    if (err->kind == ERR_NO_HOST)
        err_set(err, ERR_UNAVAILABLE,
                "no token: the name in %.200s does not resolve; check token-url, the proxy "
                "and the DNS",
                oauth->token_url);
    else if (err->kind == ERR_UNAVAILABLE)
        err_set(err, ERR_UNAVAILABLE,
                "no token: %.200s is not reached; check firewalls and the proxy",
                oauth->token_url);
    else
        err_prefix(err, "no token from %.200s: ", oauth->token_url);
}

static void on_done(const struct err *transport_err, const struct transport_reply *reply,
                    void *arg)
{
    struct oauth *oauth = arg;
    struct oauth_answer answer = {0};
    oauth->call = NULL;
    oauth->err = *transport_err;
    if (oauth->too_long)
        err_set(&oauth->err, ERR_PROTOCOL,
                "no token: the token server's answer has no end; check token-url");
    else if (transport_err->kind != ERR_OK)
        explain_transport(oauth, &oauth->err);
    else
        oauth_answer_read(reply->status, reply->retry_after_ms, buf_str(&oauth->answer),
                          oauth->answer.len, &answer, &oauth->err);
    wipe(&oauth->answer);
    if (answer.token)
        took_token(oauth, &answer);
    else
        took_failure(oauth);
    answer_all(oauth, &oauth->err);
}

static bool ask(struct oauth *oauth)
{
    struct body *body = make_form(oauth, &oauth->err);
    if (!body)
        return false;
    const struct transport_request request = {
        .account = &oauth->account,
        .url = oauth->token_url,
        .content_type = "application/x-www-form-urlencoded",
        .anonymous = true,
        .secret = true,
        .timeout_ms = TIME_TOKEN_MS,
        .body = body,
        .bytes = on_bytes,
        .done = on_done,
        .arg = oauth,
    };
    oauth->too_long = false;
    oauth->call = oauth->transport->ops->start(oauth->transport, &request);
    return oauth->call || err_set(&oauth->err, ERR_SYSTEM, "no memory to ask for a token");
}

static bool pausing(const struct oauth *oauth)
{
    return oauth->failures > 0 && mono_since(oauth->pause_ends, loop_now(oauth->loop)) > 0;
}

/* Unless a request is under way, or the last one failed just now. */
static void renew(struct oauth *oauth)
{
    if (oauth->call || pausing(oauth))
        return;
    if (!ask(oauth))
        took_failure(oauth);
}

static void on_soon(void *arg)
{
    struct oauth *oauth = arg;
    struct err err = oauth->err;
    if (token_is_good(oauth))
        err_clear(&err);
    else if (oauth->call)
        return;
    else
        err.back_off_ms = mono_since(oauth->pause_ends, loop_now(oauth->loop));
    answer_all(oauth, &err);
}

/* ---- For who needs a token ----------------------------------------------------------------
 */

const char *oauth_token(struct oauth *oauth, long *number)
{
    *number = oauth->number;
    if (!token_is_good(oauth))
        return NULL;
    if (mono_since(loop_now(oauth->loop), oauth->renew_at) >= 0)
        renew(oauth);
    return oauth->token;
}

struct oauth_wait *oauth_wait(struct oauth *oauth, oauth_wait_fn *fn, void *arg)
{
    struct oauth_wait *wait = calloc(1, sizeof(*wait));
    if (!wait)
        return NULL;
    *wait = (struct oauth_wait){.list = &oauth->waiting, .fn = fn, .arg = arg};
    STAILQ_INSERT_TAIL(&oauth->waiting, wait, link);
    if (!token_is_good(oauth))
        renew(oauth);
    if (!oauth->call)
        loop_timer_set(oauth->soon, 0);
    return wait;
}

void oauth_wait_cancel(struct oauth_wait **wait_pointer)
{
    struct oauth_wait *wait = *wait_pointer;
    *wait_pointer = NULL;
    if (!wait)
        return;
    STAILQ_REMOVE(wait->list, wait, oauth_wait, link);
    free(wait);
}

bool oauth_refused(struct oauth *oauth, long number)
{
    if (number != oauth->number || !oauth->token)
        return true;
    if (mono_since(loop_now(oauth->loop), oauth->got) < TIME_TOKEN_FRESH_MS)
        return false;
    log_warning(&oauth->log, "Exchange refuses the token before its end; a new one is fetched");
    forget_token(oauth);
    return true;
}

/* ---- Birth and end ------------------------------------------------------------------------
 */

static bool set_proof(struct oauth *oauth, const struct oauth_config *config, struct err *err)
{
    if (config->secret && config->secret[0]) {
        oauth->secret = strdup(config->secret);
        return oauth->secret || err_set(err, ERR_SYSTEM, "no memory for a secret");
    }
    if (!config->certificate || !config->key)
        return err_set(err, ERR_CONFIG,
                       "[exchange \"%s\"] with auth = oauth2 needs client-secret-file, or "
                       "client-certificate and client-key",
                       config->name);
    oauth->key = oauth_key_load(config->certificate, config->key, loop_wall(oauth->loop), err);
    return oauth->key || err_prefix(err, "[exchange \"%s\"]: ", config->name);
}

static char *dup_or_null(const char *text)
{
    return text ? strdup(text) : NULL;
}

static bool set_texts(struct oauth *oauth, const struct oauth_config *config)
{
    oauth->name = strdup(config->name);
    oauth->scope = strdup(config->scope ? config->scope : OAUTH_SCOPE);
    oauth->client_id = strdup(config->client_id);
    oauth->ca_file = dup_or_null(config->ca_file);
    oauth->proxy = dup_or_null(config->proxy);
    oauth->account = (struct transport_account){.auth = "none",
                                                .ca_file = oauth->ca_file,
                                                .proxy = oauth->proxy,
                                                .verify = config->verify,
                                                .max_connections = 1};
    oauth->log = (struct log_ctx){.key = "exchange", .value = oauth->name};
    return oauth->name && oauth->scope && oauth->client_id &&
           !oauth->ca_file == !config->ca_file && !oauth->proxy == !config->proxy;
}

struct oauth *oauth_new(struct loop *loop, struct transport *transport,
                        const struct oauth_config *config, struct err *err)
{
    struct oauth *oauth = calloc(1, sizeof(*oauth));
    if (!oauth) {
        err_set(err, ERR_SYSTEM, "no memory for the tokens of %s", config->name);
        return NULL;
    }
    oauth->loop = loop;
    oauth->transport = transport;
    STAILQ_INIT(&oauth->waiting);
    STAILQ_INIT(&oauth->called);
    buf_init(&oauth->answer, LIMIT_TOKEN_ANSWER);
    oauth->soon = loop_timer_new(loop, on_soon, oauth);
    bool ok = oauth->soon && set_texts(oauth, config);
    if (!ok)
        err_set(err, ERR_SYSTEM, "no memory for the tokens of %s", config->name);
    if (!ok || !set_url(oauth, config, err) || !set_proof(oauth, config, err))
        oauth_free(&oauth);
    return oauth;
}

void oauth_free(struct oauth **oauth_pointer)
{
    struct oauth *oauth = *oauth_pointer;
    if (!oauth)
        return;
    *oauth_pointer = NULL;
    assert(STAILQ_EMPTY(&oauth->waiting) && STAILQ_EMPTY(&oauth->called));
    if (oauth->call)
        oauth->transport->ops->cancel(oauth->call);
    loop_timer_free(&oauth->soon);
    forget_token(oauth);
    wipe(&oauth->answer);
    oauth_key_free(&oauth->key);
    if (oauth->secret)
        explicit_bzero(oauth->secret, strlen(oauth->secret));
    free(oauth->name);
    free(oauth->scope);
    free(oauth->client_id);
    free(oauth->secret);
    free(oauth->ca_file);
    free(oauth->proxy);
    free(oauth);
}
