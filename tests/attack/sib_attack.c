/* sib-attack: everything that strangers may do to the callback listener, at once, while real
 * notifications are sent beside it. */
#include <getopt.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "tests/attack/attack.h"

static int usage(FILE *out, int code)
{
    fprintf(out, "usage: sib-attack prepare STATE-DIR\n"
                 "       sib-attack look STATE-DIR\n"
                 "       sib-attack run PORT SECONDS [tls] [calm]\n"
                 "  prepare  make watches to aim at, a certificate and its key\n"
                 "  look     say what is in the queue: mailbox, rows, was heard\n"
                 "  run      attack; with calm only the real notifications are sent\n");
    return code;
}

static pid_t start_probe(const struct attack_target *target, bool keep)
{
    pid_t pid = fork();

    if (pid == 0) {
        bool ok = attack_probe(target, keep);
        fflush(stdout);
        _exit(ok ? EX_OK : EX_UNAVAILABLE);
    }
    return pid;
}

static int run(const struct attack_target *target, bool calm)
{
    int code = EX_OK, status;

    signal(SIGPIPE, SIG_IGN);
    fflush(stdout);
    start_probe(target, false);
    start_probe(target, true);
    /* Attackers bring processors of their own: here they have what the others leave them. */
    if (!calm && nice(2) != -1)
        attack_run(target);
    fflush(stdout);
    while (wait(&status) > 0)
        if (status != 0)
            code = EX_UNAVAILABLE;
    return code;
}

int main(int argc, char **argv)
{
    struct attack_target target = {0};
    bool calm = false;

    if (argc == 3 && strcmp(argv[1], "prepare") == 0)
        return attack_prepare(argv[2]) ? EX_OK : EX_CANTCREAT;
    if (argc == 3 && strcmp(argv[1], "look") == 0)
        return attack_look(argv[2]) ? EX_OK : EX_IOERR;
    if (argc < 4 || strcmp(argv[1], "run") != 0)
        return usage(stderr, EX_USAGE);
    target.port = (int)strtol(argv[2], NULL, 10);
    target.seconds = (int)strtol(argv[3], NULL, 10);
    for (int i = 4; i < argc; i++) {
        if (strcmp(argv[i], "tls") == 0)
            target.tls = SSL_CTX_new(TLS_client_method());
        else if (strcmp(argv[i], "calm") == 0)
            calm = true;
        else
            return usage(stderr, EX_USAGE);
    }
    int code = run(&target, calm);
    SSL_CTX_free(target.tls);
    return code;
}
