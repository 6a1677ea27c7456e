#include "tests/fuzz/fuzz_targets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const struct fuzz_target fuzz_targets[] = {
    {"xml", fuzz_xml},
    {"ews_response", fuzz_ews_response},
    {"notification", fuzz_notification},
    {"envelopes", fuzz_envelopes},
    {"autodiscover", fuzz_autodiscover},
    {"config", fuzz_config},
    {"wav", fuzz_wav},
    {"clock", fuzz_clock},
    {"download", fuzz_download},
    {"http", fuzz_http},
    {"exchange", fuzz_exchange},
    {"oauth", fuzz_oauth},
    {"redact", fuzz_redact},
};
const size_t fuzz_target_count = sizeof fuzz_targets / sizeof fuzz_targets[0];

void fuzz_broken(const char *file, int line, const char *property)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, property);
    abort();
}

void fuzz_check_result(bool ok, const struct err *err)
{
    if (ok)
        return;
    fuzz_check(err->kind > ERR_OK && err->kind < ERR_KINDS);
    fuzz_check(err->text[0] && memchr(err->text, '\0', sizeof err->text));
    fuzz_check(memchr(err->code, '\0', sizeof err->code));
    fuzz_check(err->back_off_ms >= 0);
}

static char folder[64];

static void remove_folder(void)
{
    char command[sizeof folder + 16];

    snprintf(command, sizeof command, "rm -rf %s", folder);
    if (system(command) != 0)
        fprintf(stderr, "%s stays behind\n", folder);
}

const char *fuzz_folder(void)
{
    if (!folder[0]) {
        snprintf(folder, sizeof folder, "%s/sib-fuzz-XXXXXX",
                 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        fuzz_check(mkdtemp(folder));
        atexit(remove_folder);
    }
    return folder;
}
