/* The fuzzing targets over inputs that once failed and over the fixtures, without libFuzzer. A
 * property that does not hold ends this program with its file and line. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/log.h"
#include "tests/fuzz/fuzz_targets.h"

enum { INPUT_BYTES = 1024 * 1024, SELECTORS = 76 };

typedef void input_fn(const char *path, const struct buf *input, void *arg);

/* A folder of the project, from wherever below it this runs; NULL: not there. */
static const char *project_folder(const char *name)
{
    static const char *const up[] = {"", "../", "../../", "../../../"};
    static char path[256];

    for (size_t i = 0; i < sizeof up / sizeof up[0]; i++) {
        snprintf(path, sizeof path, "%s%s", up[i], name);
        if (access(path, R_OK) == 0)
            return path;
    }
    return NULL;
}

/* Each file of a folder, by no order. Returns how many. */
static int each_file(const char *name, input_fn *fn, void *arg)
{
    const char *folder = project_folder(name);
    DIR *dir = folder ? opendir(folder) : NULL;
    const struct dirent *entry;
    char path[600];
    struct stat st;
    struct err err;
    int count = 0;

    while (dir && (entry = readdir(dir))) {
        struct buf input;
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (stat(path, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > INPUT_BYTES)
            continue;
        buf_init(&input, INPUT_BYTES);
        if (!file_read(path, &input, &err))
            fail_msg("%s", err.text);
        fn(path, &input, arg);
        buf_clear(&input);
        count++;
    }
    if (dir)
        closedir(dir);
    return count;
}

static void run_plain(const char *path, const struct buf *input, void *arg)
{
    const struct fuzz_target *target = arg;
    (void)path;
    target->run((const unsigned char *)buf_str(input), input->len);
}

/* The bytes of the input behind the bytes that choose. */
static void run_chosen(fuzz_fn *run, const unsigned char *choice, size_t count,
                       const struct buf *input)
{
    unsigned char *bytes = malloc(count + input->len + 1);

    assert_non_null(bytes);
    memcpy(bytes, choice, count);
    if (input->len)
        memcpy(bytes + count, input->data, input->len);
    run(bytes, count + input->len);
    free(bytes);
}

static void run_document(const char *path, const struct buf *input, void *arg)
{
    (void)path, (void)arg;
    for (int i = 0; i < SELECTORS; i++)
        run_chosen(fuzz_ews_response, (const unsigned char[]){(unsigned char)i}, 1, input);
    run_chosen(fuzz_xml, (const unsigned char[]){0, 0}, 2, input);
    run_chosen(fuzz_xml, (const unsigned char[]){7, 2}, 2, input);
    run_chosen(fuzz_xml, (const unsigned char[]){1, 1}, 2, input);
    fuzz_notification((const unsigned char *)buf_str(input), input->len);
    fuzz_exchange((const unsigned char *)buf_str(input), input->len);
}

static void run_voice(const char *path, const struct buf *input, void *arg)
{
    (void)path, (void)arg;
    run_chosen(fuzz_wav, (const unsigned char[]){0}, 1, input);
    run_chosen(fuzz_wav, (const unsigned char[]){1}, 1, input);
}

static void kept_inputs_hold(void **state)
{
    char name[128];

    (void)state;
    for (size_t i = 0; i < fuzz_target_count; i++) {
        snprintf(name, sizeof name, "tests/fuzz/regressions/%s", fuzz_targets[i].name);
        int count = each_file(name, run_plain, (void *)&fuzz_targets[i]);
        print_message("%s: %d kept inputs\n", fuzz_targets[i].name, count);
    }
    assert_non_null(project_folder("tests/fuzz/regressions"));
}

static void empty_and_short_inputs_hold(void **state)
{
    static const unsigned char bytes[4] = {0};

    (void)state;
    for (size_t i = 0; i < fuzz_target_count; i++)
        for (size_t len = 0; len <= sizeof bytes; len++)
            fuzz_targets[i].run(bytes, len);
}

static void fixtures_hold(void **state)
{
    (void)state;
    int documents = each_file("fixtures/ews", run_document, NULL);
    int voices = each_file("fixtures/voice", run_voice, NULL);
    print_message("%d documents, %d voice messages\n", documents, voices);
    assert_true(voices > 0);
}

static void every_target_has_its_row(void **state)
{
    const char *folder = project_folder("tests/fuzz");
    const struct dirent *entry;
    size_t targets = 0;

    (void)state;
    assert_non_null(folder);
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    while ((entry = readdir(dir))) {
        char name[64];
        if (sscanf(entry->d_name, "fuzz_%60[a-z0-9_].c", name) != 1 ||
            !strstr(entry->d_name, ".c") || strcmp(name, "targets") == 0)
            continue;
        size_t row = 0;
        while (row < fuzz_target_count && strcmp(fuzz_targets[row].name, name) != 0)
            row++;
        if (row == fuzz_target_count)
            fail_msg("%s has no row in fuzz_targets.c", entry->d_name);
        targets++;
    }
    closedir(dir);
    assert_int_equal(targets, fuzz_target_count);
}

/* A property that is broken must end the process, or all of this proves nothing. */
static void a_broken_property_is_seen(void **state)
{
    (void)state;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (!freopen("/dev/null", "w", stderr))
            _exit(0);
        fuzz_check(child != 0);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
}

static void silent(enum log_level level, const char *line, void *arg)
{
    (void)level, (void)line, (void)arg;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept_inputs_hold),
        cmocka_unit_test(empty_and_short_inputs_hold),
        cmocka_unit_test(fixtures_hold),
        cmocka_unit_test(every_target_has_its_row),
        cmocka_unit_test(a_broken_property_is_seen),
    };

    log_set_sink(silent, NULL);
    return cmocka_run_group_tests_name("fuzz_regressions", tests, NULL, NULL);
}
