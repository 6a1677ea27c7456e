/* The fuzzing targets: for each parser of bytes from outside, a function that feeds it one
 * input and ends the process when a property does not hold.
 *
 * tests/fuzz/run links each with libFuzzer (entry.c); tests/unit/test_fuzz_regressions.c runs
 * them all over kept inputs and fixtures without it. A target keeps nothing between two inputs,
 * so that an input fails alone as it failed among others. */
#ifndef SIB_TESTS_FUZZ_TARGETS_H
#define SIB_TESTS_FUZZ_TARGETS_H

#include <stddef.h>

#include "base/err.h"

typedef void fuzz_fn(const unsigned char *bytes, size_t len);

/* Byte 0: bytes in a piece (0: all at once); byte 1: limits and sink; then the document. */
fuzz_fn fuzz_xml;
/* The bytes of a hanging connection. */
fuzz_fn fuzz_envelopes;
/* Byte 0: which parser; then the document (or what else it reads). */
fuzz_fn fuzz_ews_response;
/* A whole POST body. */
fuzz_fn fuzz_notification;
/* A whole answer of autodiscover, SOAP or POX. */
fuzz_fn fuzz_autodiscover;
/* A whole file. */
fuzz_fn fuzz_config;
/* Byte 0: how much longer the file is than its head, in kilobytes; then the head. */
fuzz_fn fuzz_wav;
/* A text: a time, and a duration. */
fuzz_fn fuzz_clock;
/* Byte 0: bytes in a piece (0: all at once); then base64. */
fuzz_fn fuzz_download;
/* Byte 0: how the handler answers; byte 1: bytes in a piece (0: all at once); then what a
 * client sends. */
fuzz_fn fuzz_http;
/* A whole request to the stand-in for Exchange. */
fuzz_fn fuzz_exchange;
/* Byte 0: the HTTP status; then what a token server answers, or a challenge. */
fuzz_fn fuzz_oauth;
/* A server's answer that is written down for strangers. */
fuzz_fn fuzz_redact;

struct fuzz_target {
    const char *name;
    fuzz_fn *run;
};

extern const struct fuzz_target fuzz_targets[];
extern const size_t fuzz_target_count;

/* Ends the process, so that libFuzzer and the sanitizers keep the input and the stack. */
#define fuzz_check(property) ((property) ? (void)0 : fuzz_broken(__FILE__, __LINE__, #property))
_Noreturn void fuzz_broken(const char *file, int line, const char *property);

/* What must hold of every result: an error has a kind and a sentence. */
void fuzz_check_result(bool ok, const struct err *err);
/* A folder of this process in memory, made at the first call and removed at the end. */
const char *fuzz_folder(void);

#endif
