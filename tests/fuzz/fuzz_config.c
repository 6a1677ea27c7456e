/* The configuration file: what is accepted is complete and in range.
 * run: -max_len=4096 */
#include <stdio.h>
#include <string.h>

#include "base/config.h"
#include "base/limits.h"
#include "tests/fuzz/fuzz_targets.h"

static void check_exchange(const struct config_exchange *exchange)
{
    fuzz_check(exchange->name && exchange->auth && exchange->notify);
    fuzz_check(exchange->autodiscover == !exchange->url);
    fuzz_check(exchange->autodiscover || strncmp(exchange->url, "http", 4) == 0);
    fuzz_check(exchange->connections >= 1 && exchange->connections <= LIMIT_CONNECTIONS);
    fuzz_check(exchange->request_timeout_ms > 0);
    fuzz_check(!exchange->password_file || exchange->password_file[0] == '/');
}

static void check_config(const struct config *config)
{
    fuzz_check(config->node.name && config->node.state_dir[0] == '/');
    fuzz_check(config->exchange_count <= CONFIG_EXCHANGES_MAX);
    for (size_t i = 0; i < config->exchange_count; i++) {
        check_exchange(&config->exchange[i]);
        fuzz_check(config_exchange(config, config->exchange[i].name));
    }
    fuzz_check(!config->notify.certificate == !config->notify.key);
    fuzz_check(config->sync.sweep_ms > 0 && config->sync.status_minutes > 0);
    fuzz_check(config->sync.guard_percent >= 0 && config->sync.guard_percent <= 100);
}

void fuzz_config(const unsigned char *bytes, size_t len)
{
    char path[128];
    struct err err;

    snprintf(path, sizeof path, "%s/sib.conf", fuzz_folder());
    FILE *file = fopen(path, "we");
    fuzz_check(file && fwrite(bytes, 1, len, file) == len && fclose(file) == 0);
    struct config *config = config_load(path, &err);
    fuzz_check_result(config != NULL, &err);
    fuzz_check(config || err.kind == ERR_CONFIG);
    fuzz_check(config || strstr(err.text, "sib.conf"));
    if (config)
        check_config(config);
    config_free(&config);
    fuzz_check(!config);
}
