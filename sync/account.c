#include "sync/account.h"

#include <string.h>

#include "base/file.h"

int64_t account_in_doubt_ms(const struct config_exchange *exchange)
{
    return exchange->request_timeout_ms + TIME_REQUEST_MARGIN_MS;
}

struct ews_account *account_open(struct loop *loop, struct transport *transport,
                                 const struct config_exchange *exchange, struct err *err)
{
    struct buf password;
    const char *lacks = transport_curl_lacks(exchange->auth);

    if (lacks) {
        err_set(err, ERR_CONFIG, "[exchange \"%s\"] auth = %s: %s", exchange->name,
                exchange->auth, lacks);
        return NULL;
    }
    buf_init(&password, 1024);
    if (exchange->password_file && !file_read_secret(exchange->password_file, &password, err)) {
        buf_clear(&password);
        return NULL;
    }
    const struct ews_config config = {
        .name = exchange->name,
        .url = exchange->url,
        .version = exchange->version,
        .impersonate = exchange->impersonate,
        .request_timeout_ms = exchange->request_timeout_ms,
        .auth =
            {
                .auth = exchange->auth,
                .user = exchange->user,
                .password = buf_str(&password),
                .ca_file = exchange->ca_file,
                .proxy = exchange->proxy,
                .verify = exchange->verify,
                .max_connections = (int)exchange->connections,
            },
    };
    struct ews_account *account = ews_account_new(loop, transport, &config, err);
    if (password.data)
        explicit_bzero(password.data, password.len);
    buf_clear(&password);
    return account;
}
