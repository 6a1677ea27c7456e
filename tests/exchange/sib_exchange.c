/* sib-exchange: the stand-in for Exchange as a program. */
#include <curl/curl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/log.h"
#include "tests/exchange/exchange_caller.h"
#include "tests/exchange/exchange_fault.h"
#include "tests/exchange/exchange_limit.h"
#include "tests/exchange/exchange_server.h"

struct options {
    struct exchange_server_config server;
    struct exchange_auth_config auth;
    struct ex_autodiscover autodiscover;
    const char *data, *faults, *limits, *flavour, *replay, *user, *password_file, *callback_ca;
    uint64_t seed;
    int64_t status_ms;
    bool auto_mailboxes;
    char *mailboxes[64];
    int mailbox_count;
};

static const char usage[] =
    "Usage: sib-exchange [OPTION]...\n"
    "A stand-in for Exchange: EWS with impersonation and push, for tests and the demo.\n\n"
    "  --listen HOST:PORT     where to listen (default 127.0.0.1:0, any free port)\n"
    "  --data DIR             keep the mailboxes here (default: in memory)\n"
    "  --tls CERT KEY         HTTPS with this certificate and key (PEM)\n"
    "  --user NAME            only this account may log in (default: any)\n"
    "  --password-file FILE   its password\n"
    "  --auth WAY             how callers prove themselves: basic (the default), ntlm,\n"
    "                         negotiate (the keytab in KRB5_KTNAME), or oauth2: --user is the\n"
    "                         application, --password-file its secret, and tokens are at\n"
    "                         /TENANT/oauth2/v2.0/token\n"
    "  --tenant NAME          of that endpoint (default tenant)\n"
    "  --client-certificate FILE  PEM certificate of the application, instead of a secret\n"
    "  --token-life SECONDS   how long a token is good (default 3600)\n"
    "  --token-fault NAME     down, refuse, strange or slow:MS: the endpoint's trouble\n"
    "  --mailbox ADDRESS      make this mailbox (may be repeated)\n"
    "  --auto-mailboxes       make a mailbox when it is first named (the default)\n"
    "  --no-auto-mailboxes    refuse unknown mailboxes (ErrorNonExistentMailbox)\n"
    "  --latency MS           hold every answer back so long\n"
    "  --fault SPEC           misbehave, see below\n"
    "  --limits SPEC          what a mailbox may use up, see below\n"
    "  --autodiscover SPEC    what autodiscover does, see below\n"
    "  --flavour NAME         exchange (the default), or gromox: the habits of another EWS\n"
    "                         server, see below\n"
    "  --replay DIR           answer with the recordings DIR/NNNN-OPERATION.http, in their\n"
    "                         order, each once; the mailboxes are not used\n"
    "  --seed N               for identifiers and chance (default 1)\n"
    "  --status-ms MS         instead of StatusFrequency minutes\n"
    "  --callback-ca FILE     verify the TLS of push callbacks with this CA (default: not)\n"
    "  --dump DIR             write every request body as a file\n"
    "  --log-level LEVEL      error, warning, info, debug (default warning)\n"
    "  --help, --version\n\n";

enum option_code {
    OPT_LISTEN = 256,
    OPT_DATA,
    OPT_TLS,
    OPT_USER,
    OPT_PASSWORD_FILE,
    OPT_AUTH,
    OPT_TENANT,
    OPT_CLIENT_CERTIFICATE,
    OPT_TOKEN_LIFE,
    OPT_TOKEN_FAULT,
    OPT_MAILBOX,
    OPT_AUTO,
    OPT_NO_AUTO,
    OPT_LATENCY,
    OPT_FAULT,
    OPT_LIMITS,
    OPT_AUTODISCOVER,
    OPT_FLAVOUR,
    OPT_REPLAY,
    OPT_SEED,
    OPT_STATUS_MS,
    OPT_CALLBACK_CA,
    OPT_DUMP,
    OPT_LOG_LEVEL,
    OPT_HELP,
    OPT_VERSION,
};

static const struct option long_options[] = {
    {"listen", required_argument, NULL, OPT_LISTEN},
    {"data", required_argument, NULL, OPT_DATA},
    {"tls", required_argument, NULL, OPT_TLS},
    {"user", required_argument, NULL, OPT_USER},
    {"password-file", required_argument, NULL, OPT_PASSWORD_FILE},
    {"auth", required_argument, NULL, OPT_AUTH},
    {"tenant", required_argument, NULL, OPT_TENANT},
    {"client-certificate", required_argument, NULL, OPT_CLIENT_CERTIFICATE},
    {"token-life", required_argument, NULL, OPT_TOKEN_LIFE},
    {"token-fault", required_argument, NULL, OPT_TOKEN_FAULT},
    {"mailbox", required_argument, NULL, OPT_MAILBOX},
    {"auto-mailboxes", no_argument, NULL, OPT_AUTO},
    {"no-auto-mailboxes", no_argument, NULL, OPT_NO_AUTO},
    {"latency", required_argument, NULL, OPT_LATENCY},
    {"fault", required_argument, NULL, OPT_FAULT},
    {"limits", required_argument, NULL, OPT_LIMITS},
    {"autodiscover", required_argument, NULL, OPT_AUTODISCOVER},
    {"flavour", required_argument, NULL, OPT_FLAVOUR},
    {"replay", required_argument, NULL, OPT_REPLAY},
    {"seed", required_argument, NULL, OPT_SEED},
    {"status-ms", required_argument, NULL, OPT_STATUS_MS},
    {"callback-ca", required_argument, NULL, OPT_CALLBACK_CA},
    {"dump", required_argument, NULL, OPT_DUMP},
    {"log-level", required_argument, NULL, OPT_LOG_LEVEL},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {NULL, 0, NULL, 0},
};

static int number(const char *text, int64_t *value)
{
    char *rest;
    *value = strtoll(text, &rest, 10);
    if (*text && !*rest && *value >= 0)
        return EX_OK;
    fprintf(stderr, "sib-exchange: \"%s\" is not a number\n", text);
    return EX_USAGE;
}

static int take_tls(struct options *options, int argc, char **argv)
{
    options->server.certificate = optarg;
    if (optind < argc && argv[optind][0] != '-') {
        options->server.key = argv[optind++];
        return EX_OK;
    }
    fprintf(stderr, "sib-exchange: --tls takes a certificate and a key\n");
    return EX_USAGE;
}

static int take_mailbox(struct options *options)
{
    enum { MOST = sizeof options->mailboxes / sizeof *options->mailboxes };
    if (options->mailbox_count < MOST) {
        options->mailboxes[options->mailbox_count++] = optarg;
        return EX_OK;
    }
    fprintf(stderr, "sib-exchange: at most %d times --mailbox\n", MOST);
    return EX_USAGE;
}

static int take_autodiscover(struct options *options)
{
    struct err err;
    options->server.autodiscover = &options->autodiscover;
    if (ex_autodiscover_parse(optarg, &options->autodiscover, &err))
        return EX_OK;
    fprintf(stderr, "sib-exchange: %s\n", err.text);
    return EX_USAGE;
}

static int take_log_level(void)
{
    enum log_level level;
    if (!log_parse_level(optarg, &level)) {
        fprintf(stderr, "sib-exchange: \"%s\" is not a log level\n", optarg);
        return EX_USAGE;
    }
    log_set_level(level);
    return EX_OK;
}

/* EX_OK: go on; -1: done, and well. */
static int take_option(struct options *options, int code, int argc, char **argv)
{
    int64_t value = 0;
    int rc = EX_OK;
    switch (code) {
    case OPT_LISTEN: options->server.listen = optarg; break;
    case OPT_DATA: options->data = optarg; break;
    case OPT_TLS: return take_tls(options, argc, argv);
    case OPT_USER: options->user = optarg; break;
    case OPT_PASSWORD_FILE: options->password_file = optarg; break;
    case OPT_AUTH: options->auth.scheme = optarg; break;
    case OPT_TENANT: options->auth.tenant = optarg; break;
    case OPT_CLIENT_CERTIFICATE: options->auth.certificate = optarg; break;
    case OPT_TOKEN_LIFE: return number(optarg, &options->auth.token_life_s);
    case OPT_TOKEN_FAULT: options->auth.token_fault = optarg; break;
    case OPT_MAILBOX: return take_mailbox(options);
    case OPT_AUTO: options->auto_mailboxes = true; break;
    case OPT_NO_AUTO: options->auto_mailboxes = false; break;
    case OPT_LATENCY: return number(optarg, &options->server.latency_ms);
    case OPT_FAULT: options->faults = optarg; break;
    case OPT_LIMITS: options->limits = optarg; break;
    case OPT_AUTODISCOVER: return take_autodiscover(options);
    case OPT_FLAVOUR: options->flavour = optarg; break;
    case OPT_REPLAY: options->replay = optarg; break;
    case OPT_SEED:
        rc = number(optarg, &value);
        options->seed = (uint64_t)value;
        break;
    case OPT_STATUS_MS: return number(optarg, &options->status_ms);
    case OPT_CALLBACK_CA: options->callback_ca = optarg; break;
    case OPT_DUMP: options->server.dump_dir = optarg; break;
    case OPT_LOG_LEVEL: return take_log_level();
    case OPT_HELP:
        printf("%s%s\n%s\n%s\n%s", usage, ex_faults_help, ex_limits_help, ex_flavour_help,
               ex_autodiscover_help);
        return -1;
    case OPT_VERSION: printf("sib-exchange %s\n", SIB_VERSION); return -1;
    default: fprintf(stderr, "Try \"sib-exchange --help\".\n"); return EX_USAGE;
    }
    return rc;
}

static int read_options(struct options *options, int argc, char **argv)
{
    int rc = EX_OK;
    *options = (struct options){.server.listen = "127.0.0.1:0",
                                .faults = "",
                                .limits = "",
                                .flavour = "exchange",
                                .seed = 1,
                                .auto_mailboxes = true};
    for (int code;
         rc == EX_OK && (code = getopt_long(argc, argv, "", long_options, NULL)) != -1;)
        rc = take_option(options, code, argc, argv);
    if (rc == EX_OK && optind < argc) {
        fprintf(stderr, "sib-exchange: \"%s\" is not understood; try --help\n", argv[optind]);
        rc = EX_USAGE;
    }
    if (rc == EX_OK && options->password_file && !options->user) {
        fprintf(stderr, "sib-exchange: --password-file needs --user\n");
        rc = EX_USAGE;
    }
    return rc;
}

static void stop(void *loop)
{
    loop_stop(loop);
}

static bool set_account(struct exchange *ex, const struct options *options, struct err *err)
{
    struct buf password;
    if (!options->user)
        return true;
    buf_init(&password, 1024);
    bool ok =
        !options->password_file || file_read_secret(options->password_file, &password, err);
    if (ok)
        exchange_set_account(ex, options->user,
                             options->password_file ? buf_str(&password) : NULL);
    buf_clear(&password);
    return ok;
}

static bool set_exchange(struct exchange *ex, const struct options *options, struct err *err)
{
    exchange_set_status_ms(ex, options->status_ms);
    for (int i = 0; i < options->mailbox_count; i++)
        if (!exchange_add_mailbox(ex, options->mailboxes[i], err))
            return false;
    exchange_set_auto_mailboxes(ex, options->auto_mailboxes);
    return exchange_set_faults(ex, options->faults, err) &&
           exchange_set_limits(ex, options->limits, err) &&
           exchange_set_flavour(ex, options->flavour, err) &&
           exchange_set_replay(ex, options->replay, err) && set_account(ex, options, err);
}

/* On the screen, in DIR/url, and where sib-exchange-user looks when it is told nothing. */
static bool announce(const struct exchange_server *server, const struct options *options,
                     struct err *err)
{
    char url[LIMIT_URL], path[LIMIT_PATH], host[256];
    const char *runtime = getenv("XDG_RUNTIME_DIR"), *listen = options->server.listen;
    snprintf(host, sizeof host, "%.*s", (int)(strrchr(listen, ':') - listen), listen);
    snprintf(url, sizeof url, "http%s://%s:%d/EWS/Exchange.asmx\n",
             options->server.certificate ? "s" : "", host, exchange_server_port(server));
    if (options->data) {
        snprintf(path, sizeof path, "%s/url", options->data);
        if (!file_replace(path, url, strlen(url), 0644, err))
            return false;
    }
    snprintf(path, sizeof path, "%s/sib-exchange-%ld", runtime && runtime[0] ? runtime : "/tmp",
             (long)getuid());
    struct err ignored; /* only a convenience */
    file_replace(path, url, strlen(url), 0600, &ignored);
    fputs(url, stdout);
    fflush(stdout);
    return true;
}

/* Basic is the server's own business. */
static bool open_auth(struct loop *loop, struct options *options, struct err *err)
{
    struct buf password;
    if (!options->auth.scheme || strcmp(options->auth.scheme, "basic") == 0)
        return true;
    buf_init(&password, 1024);
    bool ok =
        !options->password_file || file_read_secret(options->password_file, &password, err);
    options->auth.user = options->user;
    options->auth.password = options->password_file ? buf_str(&password) : NULL;
    if (ok)
        options->server.auth = exchange_auth_new(loop, &options->auth, err);
    buf_clear(&password);
    return options->server.auth != NULL;
}

static bool serve(struct loop *loop, struct exchange *ex, const struct options *options,
                  struct err *err)
{
    struct exchange_caller *caller = exchange_caller_new(loop, ex, options->callback_ca, err);
    struct exchange_server *server =
        caller ? exchange_server_new(loop, ex, &options->server, err) : NULL;
    struct loop_watch *term = loop_signal_new(loop, SIGTERM, stop, loop);
    struct loop_watch *interrupt = loop_signal_new(loop, SIGINT, stop, loop);
    bool ok = server && announce(server, options, err);
    if (ok)
        loop_run(loop);
    loop_watch_free(&term);
    loop_watch_free(&interrupt);
    exchange_server_free(&server);
    exchange_caller_free(&caller);
    return ok;
}

int main(int argc, char **argv)
{
    struct options options;
    struct err err;
    err_clear(&err);
    log_set_level(LOG_LEVEL_WARNING);
    int rc = read_options(&options, argc, argv);
    if (rc != EX_OK)
        return rc < 0 ? EX_OK : rc;
    signal(SIGPIPE, SIG_IGN);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    struct loop *loop = loop_system_new(&err);
    struct exchange *ex = loop ? exchange_new(options.data, loop, options.seed, &err) : NULL;
    bool ok = ex && set_exchange(ex, &options, &err) && open_auth(loop, &options, &err) &&
              serve(loop, ex, &options, &err);
    exchange_auth_free(&options.server.auth);
    exchange_free(&ex);
    loop_free(&loop);
    curl_global_cleanup();
    if (ok)
        return EX_OK;
    fprintf(stderr, "sib-exchange: %s\n", err.text);
    return err_exit_code(err.kind);
}
