#include "sync/account.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "store/alarm.h"
#include "store/endpoint.h"
#include "ews/oauth.h"
#include "store/server.h"

#define LEARNED_CREATE "create"

struct account {
    struct account_deps deps;
    const struct config_exchange *exchange;
    struct ews_account *ews;
    struct timespec secret_changed; /* the password file when it was read; 0: there is none */
};

int64_t account_in_doubt_ms(const struct config_exchange *exchange)
{
    return exchange->request_timeout_ms + TIME_REQUEST_MARGIN_MS;
}

/* ---- What is learned of the server ------------------------------------------------------- */

static void found_way(const char *way, void *arg)
{
    struct account *account = arg;
    struct store *store = account->deps.store;
    struct err err;

    log_info(account->deps.log, "Exchange %s keeps the audio of a new message sent %s",
             account->exchange->name, way);
    if (store_begin(store, &err) &&
        server_learn(store, account->exchange->name, LEARNED_CREATE, way, &err) &&
        store_commit(store, &err))
        return;
    store_rollback(store);
    log_warning(account->deps.log, "what was learned of a server is not remembered: %s",
                err.text);
}

/* ---- Where mailboxes are ----------------------------------------------------------------- */

static bool known_url(const char *address, char url[LIMIT_URL], void *arg)
{
    const struct account *account = arg;
    struct endpoint endpoint;
    struct err err;
    bool found;

    if (!endpoint_get(account->deps.store, account->exchange->name, address, &endpoint, &found,
                      &err)) {
        log_warning(account->deps.log, "where %s is has to be looked up: %s", address,
                    err.text);
        return false;
    }
    memcpy(url, endpoint.url, sizeof endpoint.url);
    return found;
}

static void found_url(const char *address, const char *url, const char *group, void *arg)
{
    const struct account *account = arg;
    struct store *store = account->deps.store;
    struct err err;

    if (store_begin(store, &err) &&
        endpoint_set(store, account->exchange->name, address, url, group, &err) &&
        store_commit(store, &err))
        return;
    store_rollback(store);
    log_warning(account->deps.log, "where %s is will be looked up again: %s", address,
                err.text);
}

/* ---- Opening ------------------------------------------------------------------------------
 */

static struct oauth_config oauth_config(const struct config_exchange *exchange,
                                        const char *secret)
{
    return (struct oauth_config){
        .name = exchange->name,
        .tenant = exchange->tenant,
        .token_url = exchange->token_url,
        .scope = exchange->scope,
        .client_id = exchange->client_id,
        .secret = secret,
        .certificate = exchange->client_certificate,
        .key = exchange->client_key,
        .ca_file = exchange->ca_file,
        .proxy = exchange->proxy,
        .verify = exchange->verify,
    };
}

/* secret: what stands in password-file, or in client-secret-file with oauth2; "": none. */
static bool make(struct account *account, const char *secret, struct err *err)
{
    const struct config_exchange *exchange = account->exchange;
    char way[LIMIT_LEARNED];

    if (!server_recall(account->deps.store, exchange->name, LEARNED_CREATE, way, err))
        return false;
    bool oauth2 = strcmp(exchange->auth, "oauth2") == 0;
    const struct oauth_config oauth = oauth_config(exchange, secret);
    const struct ews_config config = {
        .name = exchange->name,
        .url = exchange->url,
        .autodiscover_hosts = exchange->autodiscover_hosts,
        .autodiscover_internal = strcmp(exchange->autodiscover_prefer, "internal") == 0,
        .known_url = known_url,
        .found_url = found_url,
        .url_arg = account,
        .version = exchange->version,
        .impersonate = exchange->impersonate,
        .request_timeout_ms = exchange->request_timeout_ms,
        .auth =
            {
                .auth = exchange->auth,
                .user = oauth2 ? exchange->client_id : exchange->user,
                .password = oauth2 ? NULL : secret,
                .ca_file = exchange->ca_file,
                .proxy = exchange->proxy,
                .verify = exchange->verify,
                .max_connections = (int)exchange->connections,
            },
        .oauth = oauth2 ? &oauth : NULL,
        .create = exchange->create,
        .create_known = way,
        .found_way = found_way,
        .found_way_arg = account,
    };
    account->ews = ews_account_new(account->deps.loop, account->deps.transport, &config, err);
    return account->ews != NULL;
}

/* When a file was last changed; 0: it is not there. */
static struct timespec changed_at(const char *path)
{
    struct stat status;

    if (!path || stat(path, &status) != 0)
        return (struct timespec){0};
    return status.st_mtim;
}

static bool libcurl_can(const struct config_exchange *exchange, struct err *err)
{
    const char *lacks = transport_curl_lacks(exchange->auth);
    return !lacks || err_set(err, ERR_CONFIG, "[exchange \"%s\"] auth = %s: %s", exchange->name,
                             exchange->auth, lacks);
}

static const char *secret_file(const struct config_exchange *exchange)
{
    return strcmp(exchange->auth, "oauth2") == 0 ? exchange->client_secret_file
                                                 : exchange->password_file;
}

static void forget(struct buf *secret)
{
    if (secret->data)
        explicit_bzero(secret->data, secret->len);
    buf_clear(secret);
}

static bool open_account(struct account *account, struct err *err)
{
    const struct config_exchange *exchange = account->exchange;
    const char *path = secret_file(exchange);
    struct buf secret;

    if (!libcurl_can(exchange, err))
        return false;
    buf_init(&secret, 1024);
    account->secret_changed = changed_at(path);
    bool ok =
        (!path || file_read_secret(path, &secret, err)) && make(account, buf_str(&secret), err);
    forget(&secret);
    return ok;
}

bool account_check(struct loop *loop, const struct config_exchange *exchange,
                   const struct log_ctx *log, struct err *err)
{
    const char *path = secret_file(exchange), *warns = transport_curl_warns(exchange->auth);
    const struct log_ctx ctx = {log, "exchange", exchange->name};
    struct buf secret;

    if (!libcurl_can(exchange, err))
        return false;
    if (warns)
        log_warning(&ctx, "auth = %s: %s", exchange->auth, warns);
    buf_init(&secret, 1024);
    bool ok = !path || file_read_secret(path, &secret, err);
    if (ok && strcmp(exchange->auth, "oauth2") == 0) {
        const struct oauth_config config = oauth_config(exchange, buf_str(&secret));
        struct oauth *oauth = oauth_new(loop, NULL, &config, err);
        ok = oauth != NULL;
        oauth_free(&oauth);
    }
    forget(&secret);
    return ok;
}

struct refusal {
    const struct account *account;
    bool found;
};

static bool is_refusal(const struct alarm *alarm, void *arg)
{
    struct refusal *refusal = arg;

    refusal->found = strcmp(alarm->name, ALARM_ACCOUNT_REFUSED) == 0 &&
                     strcmp(alarm->subject, refusal->account->exchange->name) == 0;
    return !refusal->found;
}

/* Each start would else be two more refusals in the directory's count. */
static bool remember_refusal(struct account *account, struct err *err)
{
    struct refusal refusal = {.account = account};

    if (!alarm_each(account->deps.store, is_refusal, &refusal, err))
        return false;
    if (refusal.found)
        ews_account_suspect(account->ews);
    return true;
}

struct account *account_open(const struct account_deps *deps,
                             const struct config_exchange *exchange, struct err *err)
{
    struct account *account = calloc(1, sizeof *account);

    if (!account) {
        err_set(err, ERR_SYSTEM, "out of memory");
        return NULL;
    }
    account->deps = *deps;
    account->exchange = exchange;
    if (!open_account(account, err) || !remember_refusal(account, err))
        account_close(&account);
    return account;
}

struct ews_account *account_ews(const struct account *account)
{
    return account->ews;
}

/* A new password is tried at once; a file that cannot be used is told of once. */
static void look_for_password(struct account *account)
{
    struct timespec changed = changed_at(account->exchange->password_file);
    struct buf secret;
    struct err err;

    if (!changed.tv_sec || (changed.tv_sec == account->secret_changed.tv_sec &&
                            changed.tv_nsec == account->secret_changed.tv_nsec))
        return;
    account->secret_changed = changed;
    buf_init(&secret, 1024);
    if (!file_read_secret(account->exchange->password_file, &secret, &err))
        log_error(account->deps.log, "%s", err.text);
    else if (!ews_account_renew(account->ews, buf_str(&secret)))
        log_error(account->deps.log, "no memory for the new password of Exchange %s",
                  account->exchange->name);
    if (secret.data)
        explicit_bzero(secret.data, secret.len);
    buf_clear(&secret);
}

void account_health(struct account *account, struct ews_health *health)
{
    ews_account_health(account->ews, health);
    if (health->state != PACE_PARKED || !account->exchange->password_file)
        return;
    look_for_password(account);
    ews_account_health(account->ews, health);
}

void account_close(struct account **account_pointer)
{
    struct account *account = *account_pointer;

    if (account) {
        ews_account_free(&account->ews);
        free(account);
    }
    *account_pointer = NULL;
}
