/* sib-sync, the service Mailbox Sync: keeps the mailboxes of this server and of Exchange the
 * same. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/id.h"
#include "base/poke.h"
#include "base/service.h"
#include "ews/record.h"
#include "ews/ews_stream.h"
#include "ews/transport.h"
#include "sync/account.h"
#include "sync/housekeeping.h"
#include "sync/room.h"
#include "sync/scheduler.h"

enum { DRAIN_MS = TIME_STOP_MS * 7 / 10 };

static_assert((int)DRAIN_MS < (int)TIME_STOP_MS,
              "drained before the supervisor loses its patience");

struct program {
    const char *record_dir; /* where what Exchange says is written down; NULL: nowhere */
    struct config *config;
    struct loop *loop;
    struct store *store;
    struct transport *transport;
    struct account *accounts[CONFIG_EXCHANGES_MAX];
    struct scheduler *scheduler;
    struct poke *poke;
    struct service *service;
    struct loop_timer *deadline;
    struct housekeeping *housekeeping;
    struct room *room;
    int exit_code;
};

static const struct log_ctx root = {NULL, "service", "mailbox-sync"};

static struct remote *open_remote(const struct mailbox *mailbox, void *arg, struct err *err)
{
    struct program *program = arg;
    const struct config_exchange *exchange =
        config_exchange(program->config, mailbox->exchange);
    size_t index = (size_t)(exchange - program->config->exchange);

    struct remote *remote =
        ews_remote_new(account_ews(program->accounts[index]), mailbox->smtp);
    if (!remote)
        err_set(err, ERR_SYSTEM, "out of memory");
    return remote;
}

static struct remote_stream *open_stream(const struct config_exchange *exchange,
                                         const char *anchor, remote_stream_fn *fn, void *fn_arg,
                                         void *arg)
{
    struct program *program = arg;
    size_t index = (size_t)(exchange - program->config->exchange);

    return ews_stream_new(account_ews(program->accounts[index]), anchor, fn, fn_arg);
}

static void health(const struct config_exchange *exchange, struct ews_health *health, void *arg)
{
    struct program *program = arg;
    struct account *account = program->accounts[exchange - program->config->exchange];

    *health = (struct ews_health){.state = PACE_OPEN};
    if (account)
        account_health(account, health);
}

static void account_changed(void *arg)
{
    struct program *program = arg;

    if (program->scheduler)
        scheduler_poke(program->scheduler);
}

static void count(const char *counter, long add, void *arg)
{
    service_count(((struct program *)arg)->service, counter, add);
}

static void end(void *arg)
{
    loop_stop(((struct program *)arg)->loop);
}

static void fatal(const struct err *err, void *arg)
{
    struct program *program = arg;

    program->exit_code = err_exit_code(err->kind);
    loop_stop(program->loop);
}

/* Finish what is under way, within DRAIN_MS; what is not finished then stays in doubt, written
 * down, and is looked at on the next start. */
static void stop(void *arg)
{
    struct program *program = arg;

    log_info(&root, "stopping: %d runs under way", scheduler_running(program->scheduler));
    loop_timer_set(program->deadline, DRAIN_MS);
    scheduler_drain(program->scheduler, end, program);
}

/* A configuration that is right: end, and be started anew with it. One that is not: go on. */
static void reload(void *arg)
{
    struct program *program = arg;
    struct err err;
    struct config *config = config_load(program->config->path, &err);

    if (!config) {
        log_error(&root, "not reloaded: %s", err.text);
        return;
    }
    config_free(&config);
    log_info(&root, "reloading: ends, to be started with the new configuration");
    stop(program);
}

static void poked(void *arg)
{
    scheduler_poke(((struct program *)arg)->scheduler);
}

static bool open_accounts(struct program *program, struct err *err)
{
    const struct account_deps deps = {program->loop, program->transport, program->store, &root};

    for (size_t i = 0;
         program->config->sync.single_inbox && i < program->config->exchange_count; i++) {
        const struct config_exchange *exchange = &program->config->exchange[i];
        program->accounts[i] = account_open(&deps, exchange, err);
        if (!program->accounts[i])
            return false;
        ews_account_watch(account_ews(program->accounts[i]), account_changed, program);
    }
    return true;
}

static bool open_store(struct program *program, struct err *err)
{
    const struct store_options options = {
        .state_dir = program->config->node.state_dir,
        .node = program->config->node.identity == CONFIG_SUBSCRIBER ? 2 : 1,
        .server = program->config->node.name,
    };

    program->store = store_open(&options, err);
    return program->store != NULL;
}

static bool open_transport(struct program *program, struct err *err)
{
    program->transport = transport_curl_new(program->loop, err);
    if (!program->transport || !program->record_dir)
        return program->transport != NULL;
    struct transport *record = record_new(program->transport, program->record_dir, &root, err);
    if (!record)
        return false;
    program->transport = record;
    log_warning(&root, "what Exchange says is written into %s until this ends",
                program->record_dir);
    return true;
}

/* What each account needs of this machine, before anybody is asked. */
static bool check_accounts(const struct config *config, struct loop *loop, struct err *err)
{
    char text[512];

    transport_curl_describe(text, sizeof text);
    log_info(&root, "%s", text);
    for (size_t i = 0; i < config->exchange_count; i++) {
        if (!account_check(loop, &config->exchange[i], &root, err))
            return false;
    }
    return true;
}

/* Asked for by sibd -n. */
static int check(const char *config_path)
{
    struct err err;
    struct config *config = config_load(config_path, &err);
    struct loop *loop = config ? loop_system_new(&err) : NULL;
    bool ok = loop && check_accounts(config, loop, &err);

    if (!ok)
        log_error(&root, "%s", err.text);
    loop_free(&loop);
    config_free(&config);
    return ok ? EX_OK : EX_CONFIG;
}

static bool open_all(struct program *program, struct err *err)
{
    program->loop = loop_system_new(err);
    if (!program->loop || !open_store(program, err))
        return false;
    if ((program->config->sync.single_inbox &&
         !check_accounts(program->config, program->loop, err)) ||
        !open_transport(program, err) || !open_accounts(program, err))
        return false;
    const struct scheduler_deps deps = {
        .loop = program->loop,
        .store = program->store,
        .config = program->config,
        .log = &root,
        .seed = (uint64_t)clock_wall().ms,
        .open_remote = open_remote,
        .open_stream = open_stream,
        .health = health,
        .count = count,
        .fatal = fatal,
        .arg = program,
    };
    program->deadline = loop_timer_new(program->loop, end, program);
    program->service = service_new(program->loop, stop, reload, program, err);
    if (!program->service)
        return false;
    program->scheduler = scheduler_new(&deps, err);
    if (!program->scheduler)
        return false;
    const struct housekeeping_deps keeping = {
        .loop = program->loop,
        .store = program->store,
        .config = program->config,
        .log = &root,
        .changed = poked,
        .arg = program,
    };
    program->housekeeping = housekeeping_new(&keeping);
    program->room = room_new(program->loop, program->store, &root);
    if (!program->housekeeping || !program->room)
        return err_set(err, ERR_SYSTEM, "out of memory");
    program->poke = poke_listen(program->loop, program->config->node.state_dir, "sync", poked,
                                program, err);
    return program->poke != NULL;
}

static void close_all(struct program *program)
{
    poke_free(&program->poke);
    housekeeping_free(&program->housekeeping);
    room_free(&program->room);
    scheduler_free(&program->scheduler);
    service_free(&program->service);
    for (size_t i = 0; i < CONFIG_EXCHANGES_MAX; i++)
        account_close(&program->accounts[i]);
    transport_free(&program->transport);
    store_close(&program->store);
    if (program->loop)
        loop_timer_free(&program->deadline);
    loop_free(&program->loop);
    config_free(&program->config);
}

static int run(const char *config_path, const char *record_dir)
{
    struct program program = {.record_dir = record_dir};
    struct err err;

    program.config = config_load(config_path, &err);
    if (!program.config) {
        log_error(&root, "%s", err.text);
        return EX_CONFIG;
    }
    log_set_level((enum log_level)program.config->node.log_level);
    if (!program.config->sync.single_inbox || !program.config->exchange_count)
        log_info(&root, "nothing to synchronise: %s",
                 program.config->exchange_count ? "single-inbox is off in [sync]"
                                                : "there is no [exchange] section");
    if (open_all(&program, &err)) {
        service_ready(program.service);
        log_info(&root, "started: %zu Exchange servers", program.config->exchange_count);
        loop_run(program.loop);
    } else {
        log_error(&root, "%s", err.text);
        program.exit_code = err_exit_code(err.kind);
    }
    close_all(&program);
    return program.exit_code;
}

static void usage(FILE *out)
{
    fprintf(out,
            "usage: sib-sync [-c FILE] [-n] [--record DIR]\n"
            "Mailbox Sync: keeps voice messages and Exchange mailboxes the same. Started by "
            "sibd.\n"
            "  -c FILE       configuration (default " CONFIG_DEFAULT_PATH ")\n"
            "  -n            check the accounts, say what libcurl here cannot do, and exit\n"
            "  --record DIR  write what Exchange answers into DIR, without secrets, addresses\n"
            "                and audio\n"
            "  -h            this help\n"
            "  -V            version\n");
}

enum { OPTION_RECORD = 256 };
static const struct option options[] = {{"record", required_argument, NULL, OPTION_RECORD},
                                        {"help", no_argument, NULL, 'h'},
                                        {"version", no_argument, NULL, 'V'},
                                        {0}};

int main(int argc, char **argv)
{
    const char *config_path = CONFIG_DEFAULT_PATH, *record_dir = NULL;
    bool only_check = false;
    int option;

    signal(SIGPIPE, SIG_IGN);
    while ((option = getopt_long(argc, argv, "c:nhV", options, NULL)) != -1) {
        switch (option) {
        case 'c': config_path = optarg; break;
        case 'n': only_check = true; break;
        case OPTION_RECORD: record_dir = optarg; break;
        case 'h': usage(stdout); return EX_OK;
        case 'V': printf("sib-sync %s\n", SIB_VERSION); return EX_OK;
        default: usage(stderr); return EX_USAGE;
        }
    }
    if (optind < argc) {
        usage(stderr);
        return EX_USAGE;
    }
    return only_check ? check(config_path) : run(config_path, record_dir);
}
