/* sib-notify: the listener for Exchange's callbacks (Exchange Notification Web Service). */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/config.h"
#include "base/http.h"
#include "base/id.h"
#include "base/limits.h"
#include "base/service.h"
#include "notify/callback.h"

enum { CHECKPOINT_EVERY_MS = 30 * 1000 };

static const struct log_ctx service_log = {NULL, "service", "notify"};

/* The content of the files that TLS was opened with: a renewed certificate has the same name.
 */
struct tls_files {
    char certificate[LIMIT_SHA256], key[LIMIT_SHA256];
};

struct program {
    const char *config_path;
    struct config *config;
    struct tls_files files;
    struct loop *loop;
    struct store *store;
    struct callback *callback;
    struct http_server *server;
    struct service *service;
    struct loop_timer *checkpoint;
    int exit_code;
};

static void print_usage(FILE *out)
{
    fprintf(out, "usage: sib-notify [-c FILE]\n"
                 "Listen for the callbacks of Exchange, and note which mailbox changed.\n"
                 "  -c FILE  configuration (default " CONFIG_DEFAULT_PATH ")\n"
                 "  -h       this help\n"
                 "  -V       version\n");
}

/* ---- ending ---- */

static void end_with(struct program *program, const struct err *err)
{
    log_error(&service_log, "%s", err->text);
    program->exit_code = err_exit_code(err->kind);
    loop_stop(program->loop);
}

static void stop(void *arg)
{
    struct program *program = arg;

    log_info(&service_log, "stopping");
    loop_stop(program->loop);
}

static void store_broken(const struct err *err, void *arg)
{
    end_with(arg, err);
}

static void count(const char *counter, long add, void *arg)
{
    struct program *program = arg;

    service_count(program->service, counter, add);
}

/* ---- the listener ---- */

static bool read_files(const struct config *config, struct tls_files *files, struct err *err)
{
    *files = (struct tls_files){0};
    if (!config->notify.certificate ||
        (sha256_file(config->notify.certificate, files->certificate, err) &&
         sha256_file(config->notify.key, files->key, err)))
        return true;
    err->kind = ERR_CONFIG;
    return err_prefix(err, "%s: [notify] ", config->path);
}

static struct http_server *make_server(struct program *program, const struct config *config,
                                       const char *listen, struct err *err)
{
    const struct http_config http = {
        .listen = listen,
        .certificate = config->notify.certificate,
        .key = config->notify.key,
        .max_header_bytes = LIMIT_CALLBACK_HEADER_BYTES,
        .max_body_bytes = LIMIT_CALLBACK_BYTES,
        .max_connections = LIMIT_CALLBACK_CONNECTIONS,
        .timeout_s = LIMIT_CALLBACK_TIMEOUT_S,
        .max_held_bytes = LIMIT_CALLBACK_BODIES,
        .head = callback_head,
    };
    return http_server_new(program->loop, &http, callback_handle, program->callback, err);
}

/* Open what the program's configuration says; nothing when it says nothing. */
static bool open_listener(struct program *program, struct err *err)
{
    const struct config *config = program->config;

    if (!config->notify.listen) {
        log_info(&service_log, "[notify] has no listen: nothing to do, waiting");
        return true;
    }
    if (!read_files(config, &program->files, err))
        return false;
    program->server = make_server(program, config, config->notify.listen, err);
    if (!program->server)
        return false;
    log_info(&service_log, "listening for Exchange on %s port %d, %s", config->notify.listen,
             http_server_port(program->server),
             config->notify.certificate ? "TLS" : "plain HTTP");
    return true;
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_listener(const struct program *program, const struct config *config,
                          const struct tls_files *files)
{
    return same_text(program->config->notify.listen, config->notify.listen) &&
           same_text(program->config->notify.certificate, config->notify.certificate) &&
           same_text(program->config->notify.key, config->notify.key) &&
           memcmp(&program->files, files, sizeof *files) == 0;
}

/* Would the certificate and key work? Tried on a free port, while the old listener still
 * stands. */
static bool try_listener(struct program *program, const struct config *config, struct err *err)
{
    if (!config->notify.listen || !config->notify.certificate)
        return true;
    struct http_server *trial = make_server(program, config, "127.0.0.1:0", err);
    bool ok = trial != NULL;
    http_server_free(&trial);
    return ok;
}

/* Both cannot stand on one address at once, so the old one goes first. */
static void replace_listener(struct program *program, struct config **config)
{
    struct config *old = program->config;
    struct err err = {0};

    http_server_free(&program->server);
    program->config = *config;
    *config = old;
    if (open_listener(program, &err))
        return;
    log_error(&service_log, "%s; going back to what was", err.text);
    *config = program->config;
    program->config = old;
    if (!open_listener(program, &err))
        end_with(program, &err);
}

/* SIGHUP. What is wrong in the new configuration leaves the old one in force. */
static void reload(void *arg)
{
    struct program *program = arg;
    struct tls_files files;
    struct err err = {0};
    struct config *config = config_load(program->config_path, &err);

    if (!config || !read_files(config, &files, &err) || !try_listener(program, config, &err)) {
        log_error(&service_log, "not reloaded: %s", err.text);
        config_free(&config);
        return;
    }
    log_set_level((enum log_level)config->node.log_level);
    if (strcmp(config->node.state_dir, store_state_dir(program->store)) != 0 ||
        config->node.identity != program->config->node.identity)
        log_warning(&service_log,
                    "state-dir and identity are taken over only by a restart; still %s",
                    store_state_dir(program->store));
    if (!same_listener(program, config, &files)) {
        replace_listener(program, &config);
    } else {
        struct config *old = program->config;
        program->config = config;
        config = old;
    }
    config_free(&config);
    log_info(&service_log, "reloaded %s", program->config_path);
}

/* ---- starting ---- */

static void checkpoint(void *arg)
{
    struct program *program = arg;
    struct err err = {0};

    if (!store_checkpoint(program->store, &err)) {
        if (err.kind == ERR_IO) {
            end_with(program, &err);
            return;
        }
        log_warning(&service_log, "%s", err.text);
    }
    loop_timer_set(program->checkpoint, CHECKPOINT_EVERY_MS);
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

static bool start(struct program *program, struct err *err)
{
    program->config = config_load(program->config_path, err);
    if (!program->config)
        return false;
    log_set_level((enum log_level)program->config->node.log_level);
    program->loop = loop_system_new(err);
    if (!program->loop || !open_store(program, err))
        return false;
    const struct callback_config config = {.loop = program->loop,
                                           .store = program->store,
                                           .log = &service_log,
                                           .count = count,
                                           .broken = store_broken,
                                           .arg = program};
    program->callback = callback_new(&config, err);
    program->service = service_new(program->loop, stop, reload, program, err);
    program->checkpoint = loop_timer_new(program->loop, checkpoint, program);
    if (!program->callback || !program->service)
        return false;
    if (!program->checkpoint)
        return err_set(err, ERR_SYSTEM, "out of memory");
    loop_timer_set(program->checkpoint, CHECKPOINT_EVERY_MS);
    if (!open_listener(program, err))
        return false;
    service_ready(program->service);
    return true;
}

static void clean_up(struct program *program)
{
    http_server_free(&program->server);
    callback_free(&program->callback);
    loop_timer_free(&program->checkpoint);
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

    while ((option = getopt(argc, argv, "c:hV")) != -1) {
        switch (option) {
        case 'c': program.config_path = optarg; break;
        case 'h': print_usage(stdout); return EX_OK;
        case 'V': puts("sib-notify " SIB_VERSION); return EX_OK;
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
