/* sib-bench: how fast, beside how fast it could be. Started by tests/bench/run. */
#include <curl/curl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/log.h"
#include "tests/bench/bench.h"

static const struct {
    const char *name;
    void (*run)(const struct bench_options *options);
} measurements[] = {
    {"deposit", bench_deposit}, {"drain", bench_drain}, {"notify", bench_notify},
    {"resync", bench_resync},   {"idle", bench_idle},   {"requests", bench_requests},
};
enum { MEASUREMENTS = sizeof measurements / sizeof measurements[0] };

static const char usage[] =
    "Usage: sib-bench [OPTION]... [MEASUREMENT]...\n"
    "Measurements: deposit, drain, notify, resync, idle, requests (all when none is named).\n"
    "  --folder DIR          on the disk to be measured\n"
    "  --programs DIR        where sib-sync and the others are\n"
    "  --fixtures DIR        voice messages\n"
    "  --deposits N          in one repeat (200)\n"
    "  --messages N          in the backlog (1000)\n"
    "  --notifications N     in one repeat (5000)\n"
    "  --mailbox-messages N  in the large mailbox (10000)\n"
    "  --mailboxes N         that are idle (1000)\n"
    "  --latency MS          of the stand-in for Exchange, for the backlog (20)\n"
    "  --connections N       to it (8)\n"
    "  --repeats N           of what is short (3)\n"
    "  --json\n";

static const struct option long_options[] = {
    {"folder", required_argument, NULL, 'f'},
    {"programs", required_argument, NULL, 'p'},
    {"fixtures", required_argument, NULL, 'x'},
    {"deposits", required_argument, NULL, 'd'},
    {"messages", required_argument, NULL, 'm'},
    {"notifications", required_argument, NULL, 'n'},
    {"mailbox-messages", required_argument, NULL, 'b'},
    {"mailboxes", required_argument, NULL, 'i'},
    {"latency", required_argument, NULL, 'l'},
    {"connections", required_argument, NULL, 'c'},
    {"repeats", required_argument, NULL, 'r'},
    {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static long number(void)
{
    char *end;
    long value = strtol(optarg, &end, 10);

    if (end == optarg || *end || value < 0 || value > 10000000) {
        fprintf(stderr, "sib-bench: %s is not a number\n", optarg);
        exit(EX_USAGE);
    }
    return value;
}

static void read_options(struct bench_options *options, int argc, char **argv)
{
    int code;

    while ((code = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        switch (code) {
        case 'f': options->folder = optarg; break;
        case 'p': options->programs = optarg; break;
        case 'x': options->fixtures = optarg; break;
        case 'd': options->deposits = number(); break;
        case 'm': options->messages = number(); break;
        case 'n': options->notifications = number(); break;
        case 'b': options->mailbox_messages = number(); break;
        case 'i': options->mailboxes = number(); break;
        case 'l': options->latency_ms = (int)number(); break;
        case 'c': options->connections = (int)number(); break;
        case 'r': options->repeats = (int)number(); break;
        case 'j': options->json = true; break;
        case 'h': fputs(usage, stdout); exit(EX_OK);
        default: fputs(usage, stderr); exit(EX_USAGE);
        }
    }
}

static bool is_wanted(const char *name, char **words, int count)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(words[i], name) == 0)
            return true;
    }
    return count == 0;
}

int main(int argc, char **argv)
{
    struct bench_options options = {.folder = "/var/tmp",
                                    .programs = "build/bin",
                                    .fixtures = "fixtures/voice",
                                    .deposits = 200,
                                    .messages = 1000,
                                    .notifications = 5000,
                                    .mailbox_messages = 10000,
                                    .mailboxes = 1000,
                                    .latency_ms = 20,
                                    .connections = 8,
                                    .repeats = 3};
    bool any = false;

    read_options(&options, argc, argv);
    if (options.repeats < 1)
        options.repeats = 1;
    signal(SIGPIPE, SIG_IGN);
    log_set_level(LOG_LEVEL_WARNING);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    for (int i = 0; i < MEASUREMENTS; i++) {
        if (is_wanted(measurements[i].name, argv + optind, argc - optind)) {
            measurements[i].run(&options);
            any = true;
        }
    }
    if (!any) {
        fputs(usage, stderr);
        return EX_USAGE;
    }
    bench_print(&options);
    curl_global_cleanup();
    return EX_OK;
}
