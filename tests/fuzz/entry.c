/* libFuzzer's way in: one program for each target, named when this file is compiled. */
#include <stdint.h>

#include "base/log.h"
#include "tests/fuzz/fuzz_targets.h"

#ifndef FUZZ_TARGET
#define FUZZ_TARGET fuzz_xml
#endif

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

static void silent(enum log_level level, const char *line, void *arg)
{
    (void)level, (void)line, (void)arg;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    log_set_sink(silent, NULL);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    FUZZ_TARGET(bytes, len);
    return 0;
}
