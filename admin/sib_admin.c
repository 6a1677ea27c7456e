/* sib-admin: what monitoring asks over HTTP: /metrics and /health/live. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "admin/metrics.h"
#include "admin/status.h"
#include "admin/web.h"
#include "base/http.h"
#include "base/service.h"

enum { CONNECTIONS_MAX = 32, TIMEOUT_S = 10 };

static const struct log_ctx service_log = {NULL, "service", "administration"};

struct program {
    const char *config_path;
    struct config *config;
    struct loop *loop;
    struct store *store;
    struct web *web;
    struct http_server *server;
    struct service *service;
    int exit_code;
};

static void print_usage(FILE *out)
{
    fprintf(out, "usage: sib-admin [-c FILE]\n"
                 "Answer monitoring over HTTP: /metrics and /health/live. Started by sibd.\n"
                 "  -c FILE  configuration (default " CONFIG_DEFAULT_PATH ")\n"
                 "  -h       this help\n"
                 "  -V       version\n");
}

static void stop(void *arg)
{
    struct program *program = arg;

    log_info(&service_log, "stopping");
    loop_stop(program->loop);
}

/* A configuration that is right: end, and be started anew with it. One that is not: go on. */
static void reload(void *arg)
{
    struct program *program = arg;
    struct err err;
    struct config *config = config_load(program->config_path, &err);

    if (!config) {
        log_error(&service_log, "not reloaded: %s", err.text);
        return;
    }
    config_free(&config);
    log_info(&service_log, "reloading: ends, to be started with the new configuration");
    loop_stop(program->loop);
}

static void count(const char *counter, long add, void *arg)
{
    service_count(((struct program *)arg)->service, counter, add);
}

static bool open_store(struct program *program, struct err *err)
{
    const struct config_node *node = &program->config->node;
    const struct store_options options = {.state_dir = node->state_dir,
                                          .node = node->identity == CONFIG_PUBLISHER ? 1 : 2,
                                          .server = node->name};

    program->store = store_open(&options, err);
    return program->store != NULL;
}

static bool open_listener(struct program *program, struct err *err)
{
    const struct config *config = program->config;

    if (!config->admin.listen) {
        log_info(&service_log, "[admin] has no listen: nothing to do, waiting");
        return true;
    }
    const struct http_config http = {.listen = config->admin.listen,
                                     .certificate = config->admin.certificate,
                                     .key = config->admin.key,
                                     .max_header_bytes = LIMIT_CALLBACK_HEADER_BYTES,
                                     .max_body_bytes = 0,
                                     .max_connections = CONNECTIONS_MAX,
                                     .timeout_s = TIMEOUT_S};
    program->server = http_server_new(program->loop, &http, web_handle, program->web, err);
    if (!program->server)
        return false;
    log_info(&service_log, "listening on %s port %d, %s", config->admin.listen,
             http_server_port(program->server), config->admin.certificate ? "TLS" : "HTTP");
    return true;
}

static bool start(struct program *program, struct err *err)
{
    program->config = config_load(program->config_path, err);
    if (!program->config)
        return false;
    log_set_level((enum log_level)program->config->node.log_level);
    program->loop = loop_system_new(err);
    if (!program->loop || !open_store(program, err))
        return false;
    const struct web_config web = {program->store, program->config, &service_log, count,
                                   program};
    program->web = web_new(&web, err);
    program->service = service_new(program->loop, stop, reload, program, err);
    if (!program->web || !program->service || !open_listener(program, err))
        return false;
    service_ready(program->service);
    return true;
}

static void clean_up(struct program *program)
{
    http_server_free(&program->server);
    web_free(&program->web);
    service_free(&program->service);
    store_close(&program->store);
    loop_free(&program->loop);
    config_free(&program->config);
}

int main(int argc, char **argv)
{
    struct program program = {.config_path = CONFIG_DEFAULT_PATH};
    struct err err = {0};
    int option;

    signal(SIGPIPE, SIG_IGN);
    while ((option = getopt(argc, argv, "c:hV")) != -1) {
        switch (option) {
        case 'c': program.config_path = optarg; break;
        case 'h': print_usage(stdout); return EX_OK;
        case 'V': puts("sib-admin " SIB_VERSION); return EX_OK;
        default: print_usage(stderr); return EX_USAGE;
        }
    }
    if (optind < argc) {
        print_usage(stderr);
        return EX_USAGE;
    }
    if (start(&program, &err)) {
        loop_run(program.loop);
    } else {
        log_error(&service_log, "%s", err.text);
        program.exit_code = err_exit_code(err.kind);
    }
    clean_up(&program);
    return program.exit_code;
}
