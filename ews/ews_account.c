/* The account: its configuration and its life. Whose turn it is to send: ews_turn.c. */
#include "ews/ews.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "ews/ews_private.h"

static bool dup_text(const char **text)
{
    if (!*text)
        return true;
    *text = strdup(*text);
    return *text != NULL;
}

static bool copy_config(struct ews_config *own)
{
    const char **texts[] = {&own->name,         &own->url,        &own->version,
                            &own->auth.auth,    &own->auth.user,  &own->auth.password,
                            &own->auth.ca_file, &own->auth.proxy, &own->autodiscover_hosts};
    bool ok = true;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        ok = dup_text(texts[i]) && ok;
    return ok;
}

static bool open_autodiscover(struct ews_account *account, struct err *err)
{
    const struct ews_config *own = &account->config;
    const struct autodiscover_config config = {.account = &own->auth,
                                               .oauth = account->oauth,
                                               .hosts = own->autodiscover_hosts,
                                               .internal_first = own->autodiscover_internal,
                                               .known = own->known_url,
                                               .found = own->found_url,
                                               .arg = own->url_arg};
    account->autodiscover =
        autodiscover_new(account->loop, account->transport, &config, &account->log);
    return account->autodiscover ||
           err_set(err, ERR_SYSTEM, "no memory for the account %s", own->name);
}

struct ews_account *ews_account_new(struct loop *loop, struct transport *transport,
                                    const struct ews_config *config, struct err *err)
{
    struct ews_account *account = calloc(1, sizeof(*account));
    if (!account) {
        err_set(err, ERR_SYSTEM, "no memory for the account %s", config->name);
        return NULL;
    }
    account->loop = loop;
    account->transport = transport;
    account->config = *config;
    TAILQ_INIT(&account->ready);
    TAILQ_INIT(&account->flying);
    if (!copy_config(&account->config)) {
        err_set(err, ERR_SYSTEM, "no memory for the account %s", config->name);
        ews_account_free(&account);
        return NULL;
    }
    if (account->config.auth.max_connections < 1)
        account->config.auth.max_connections = 1;
    if (account->config.request_timeout_ms <= 0)
        account->config.request_timeout_ms = TIME_REQUEST_MS;
    account->config.oauth = NULL; /* the caller's */
    if (!ews_turns_open(account)) {
        err_set(err, ERR_SYSTEM, "no memory for the account %s", config->name);
        ews_account_free(&account);
        return NULL;
    }
    if (config->oauth && !(account->oauth = oauth_new(loop, transport, config->oauth, err))) {
        ews_account_free(&account);
        return NULL;
    }
    ews_way_init(&account->way, config->create, config->create_known);
    account->config.create = account->config.create_known = NULL; /* borrowed, and done with */
    account->log = (struct log_ctx){.key = "exchange", .value = account->config.name};
    if (!account->config.url && !open_autodiscover(account, err))
        ews_account_free(&account);
    return account;
}

void ews_account_trace(struct ews_account *account, ews_trace_fn *fn, void *arg)
{
    account->trace = fn;
    account->trace_arg = arg;
}

void ews_account_free(struct ews_account **account_pointer)
{
    struct ews_account *account = *account_pointer;
    if (!account)
        return;
    *account_pointer = NULL;
    ews_turns_close(account);
    assert(account->pace.in_flight == 0 && account->waiting == 0);
    struct ews_config *own = &account->config;
    autodiscover_free(&account->autodiscover);
    oauth_free(&account->oauth);
    if (own->auth.password)
        explicit_bzero((void *)own->auth.password, strlen(own->auth.password));
    const char *texts[] = {own->name,         own->url,        own->version,
                           own->auth.auth,    own->auth.user,  own->auth.password,
                           own->auth.ca_file, own->auth.proxy, own->autodiscover_hosts};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        free((void *)texts[i]);
    free(account);
}

struct loop *ews_account_loop(const struct ews_account *account)
{
    return account->loop;
}

const char *ews_account_url(const struct ews_account *account, const char *address)
{
    return account->autodiscover ? autodiscover_last_url(account->autodiscover, address)
                                 : account->config.url;
}

struct soap_header ews_account_header(const struct ews_account *account, const char *address)
{
    return (struct soap_header){.version = account->config.version,
                                .impersonate = account->config.impersonate ? address : NULL};
}

const char *ews_account_delegated(const struct ews_account *account, const char *address)
{
    return account->config.impersonate ? NULL : address;
}
