/* The base: errors, buffers, time, chance, log, ids, files, configuration, the virtual loop. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/config.h"
#include "base/err.h"
#include "base/file.h"
#include "base/id.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/rng.h"

enum { PATH_BYTES = 256 };

/* A folder for each test, removed with all that is in it (one level deep, and "a/b/c"). */
static char folder[64];

static const char *path_in(const char *name)
{
    static char paths[8][PATH_BYTES];
    static unsigned next;
    char *path = paths[next++ % 8];

    snprintf(path, PATH_BYTES, "%s/%s", folder, name);
    return path;
}

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/test_base.XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    static const char *const names[] = {"a/b/c", "a/b",    "a",        "file",  "file.new",
                                        "conf",  "secret", "readable", "target"};

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        remove(path_in(names[i]));
    return rmdir(folder);
}

static void write_file(const char *name, const char *text, unsigned mode)
{
    const char *path = path_in(name);
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

/* errors */

static void setting_an_error_forgets_the_one_before(void **state)
{
    (void)state;
    struct err err;
    memset(&err, 0x55, sizeof err);
    assert_false(err_set(&err, ERR_FULL, "no room for %d", 3));
    assert_int_equal(err.kind, ERR_FULL);
    assert_string_equal(err.text, "no room for 3");
    assert_int_equal(err.scope, ERR_SCOPE_ITEM);
    assert_int_equal(err.when, ERR_WHEN_RETRY);
    assert_int_equal(err.effect, ERR_EFFECT_NONE);
    assert_int_equal(err.back_off_ms, 0);
    assert_string_equal(err.code, "");
    err_clear(&err);
    assert_int_equal(err.kind, ERR_OK);
    assert_string_equal(err.text, "");
}

static void a_prefix_goes_in_front_and_keeps_the_grades(void **state)
{
    (void)state;
    struct err err;
    err_set(&err, ERR_DENIED, "refused");
    err.when = ERR_WHEN_NEVER;
    assert_false(err_prefix(&err, "mailbox %s: ", "ann"));
    assert_string_equal(err.text, "mailbox ann: refused");
    assert_int_equal(err.kind, ERR_DENIED);
    assert_int_equal(err.when, ERR_WHEN_NEVER);
}

static void a_text_that_is_too_long_is_cut_and_ends_with_nul(void **state)
{
    (void)state;
    struct err err;
    char text[3 * sizeof err.text];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    err_set(&err, ERR_DATA, "%s", text);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    err_prefix(&err, "12345");
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
    assert_memory_equal(err.text, "12345xxx", 8);
    err_prefix(&err, "%s", text);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
}

static void each_kind_has_a_name_of_its_own_and_an_exit_code_of_sysexits(void **state)
{
    (void)state;
    assert_int_equal(err_exit_code(ERR_OK), EX_OK);
    assert_int_equal(err_exit_code(ERR_USAGE), EX_USAGE);
    assert_int_equal(err_exit_code(ERR_CONFIG), EX_CONFIG);
    assert_int_equal(err_exit_code(ERR_TEMPORARY), EX_TEMPFAIL);
    for (int i = 0; i < ERR_KINDS; i++) {
        int code = err_exit_code((enum err_kind)i);
        assert_true(i == ERR_OK || (code >= EX__BASE && code <= EX__MAX));
        for (int j = 0; j < i; j++)
            assert_string_not_equal(err_kind_name((enum err_kind)i),
                                    err_kind_name((enum err_kind)j));
    }
}

/* buffers */

static void a_buffer_grows_to_its_maximum_and_no_byte_further(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 1000);
    assert_string_equal(buf_str(&buf), "");
    for (int i = 0; i < 1000; i++)
        assert_true(buf_add(&buf, "y", 1));
    assert_false(buf.failed);
    assert_true(buf_add(&buf, "", 0));
    assert_false(buf_add(&buf, "z", 1));
    assert_true(buf.failed);
    assert_int_equal(buf.len, 1000);
    assert_int_equal(strspn(buf_str(&buf), "y"), 1000);
    assert_int_equal(buf_str(&buf)[1000], '\0');
    buf_clear(&buf);
    assert_int_equal(buf.max, 1000);
    assert_true(buf_add_str(&buf, "again"));
    buf_clear(&buf);
}

static void an_append_that_does_not_fit_changes_nothing_and_is_remembered(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, 8);
    assert_true(buf_add_str(&buf, "12345"));
    assert_false(buf_printf(&buf, "%d", 6789));
    assert_string_equal(buf_str(&buf), "12345");
    assert_false(buf_add_str(&buf, "6")); /* would fit, but what came before is missing */
    assert_true(buf.failed);
    buf_reset(&buf);
    assert_false(buf.failed);
    assert_true(buf_printf(&buf, "%s-%d", "abcde", 12));
    assert_string_equal(buf_str(&buf), "abcde-12");
    assert_false(buf_add(&buf, "x", SIZE_MAX));
    buf_clear(&buf);
}

static void bytes_with_nul_are_kept_and_taken_memory_is_the_callers(void **state)
{
    (void)state;
    struct buf buf;
    size_t len = 7;
    buf_init(&buf, 100);
    assert_null(buf_take(&buf, &len));
    assert_int_equal(len, 0);
    assert_true(buf_add(&buf, "a\0b", 3));
    char *bytes = buf_take(&buf, &len);
    assert_int_equal(len, 3);
    assert_memory_equal(bytes, "a\0b", 4);
    assert_string_equal(buf_str(&buf), "");
    assert_int_equal(buf.max, 100);
    free(bytes);
    buf_clear(&buf);
}

/* time */

static int64_t parsed(const char *text)
{
    struct wall t = {-1};
    if (!clock_parse(text, &t))
        fail_msg("%s was refused", text);
    return t.ms;
}

static void times_are_read_in_every_zone_and_written_in_utc(void **state)
{
    (void)state;
    char text[CLOCK_TEXT_MAX];
    assert_int_equal(parsed("1970-01-01T00:00:00Z"), 0);
    assert_int_equal(parsed("2026-11-22T10:00:00Z"), 1795341600000);
    assert_int_equal(parsed("2026-11-22T19:00:00+09:00"), 1795341600000);
    assert_int_equal(parsed("2026-11-22T04:30:00-05:30"), 1795341600000);
    assert_int_equal(parsed("2026-11-22T10:00:00"), 1795341600000);
    assert_int_equal(parsed(" 2026-11-22t10:00:00.5z "), 1795341600500);
    assert_int_equal(parsed("2026-11-22T10:00:00.0019999Z"), 1795341600001);
    assert_int_equal(parsed("1969-12-31T23:59:59.250Z"), -750);
    assert_string_equal(clock_format((struct wall){1795341600000}, text),
                        "2026-11-22T10:00:00Z");
    assert_string_equal(clock_format((struct wall){1795341600007}, text),
                        "2026-11-22T10:00:00.007Z");
    assert_string_equal(clock_format((struct wall){-750}, text), "1969-12-31T23:59:59.250Z");
}

static void what_is_written_is_read_back_the_same(void **state)
{
    (void)state;
    struct rng rng = rng_seed(4);
    for (int i = 0; i < 2000; i++) {
        char text[CLOCK_TEXT_MAX];
        int64_t ms = (int64_t)rng_below(&rng, 280000000000000u) - 30000000000000;
        assert_int_equal(parsed(clock_format((struct wall){ms}, text)), ms);
    }
}

static void a_leap_day_and_a_leap_second_are_real_and_30_february_is_not(void **state)
{
    (void)state;
    struct wall t;
    assert_int_equal(parsed("2028-02-29T00:00:00Z"), 1835395200000);
    assert_false(clock_parse("2027-02-29T00:00:00Z", &t));
    assert_false(clock_parse("2026-02-30T00:00:00Z", &t));
    assert_false(clock_parse("2026-04-31T23:59:60Z", &t));
    assert_int_equal(parsed("2016-12-31T23:59:60Z"), parsed("2017-01-01T00:00:00Z"));
}

static void what_is_not_a_time_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "now",
        "2026-11-22",
        "2026-11-22T10:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-01-32T00:00:00Z",
        "2026-01-00T00:00:00Z",
        "2026-01-01T24:00:01Z",
        "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:61Z",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00+9:00",
        "2026-01-01T00:00:00+15:00",
        "2026-01-01T00:00:00Zx",
        "-026-01-01T00:00:00Z",
        "2026-01-01T00:00:00 +09:00",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct wall t;
        if (clock_parse(bad[i], &t))
            fail_msg("%s was taken for a time", bad[i]);
    }
}

static void durations_have_a_unit(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {{"0", 0},       {"0s", 0},       {"500ms", 500},    {"10s", 10000},
                {"5m", 300000}, {"1h", 3600000}, {"2d", 172800000}, {"007s", 7000}};
    static const char *const bad[] = {"",
                                      "5",
                                      "s",
                                      "-5s",
                                      "+5s",
                                      " 5s",
                                      "5 s",
                                      "5s ",
                                      "5w",
                                      "1.5h",
                                      "5S",
                                      "0x5s",
                                      "99999999999999999999s"};
    int64_t ms;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(clock_parse_duration(good[i].text, &ms));
        assert_int_equal(ms, good[i].ms);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (clock_parse_duration(bad[i], &ms))
            fail_msg("%s was taken for a duration", bad[i]);
    }
}

static void the_system_clock_does_not_go_back(void **state)
{
    (void)state;
    struct mono before = clock_mono();
    for (int i = 0; i < 1000; i++) {
        struct mono now = clock_mono();
        assert_true(mono_since(now, before) >= 0);
        before = now;
    }
    assert_true(clock_wall().ms > 1700000000000);
    assert_int_equal(mono_since(mono_add(before, 70), before), 70);
}

/* chance */

static void the_same_seed_gives_the_same_numbers_and_another_seed_others(void **state)
{
    (void)state;
    struct rng a = rng_seed(1), b = rng_seed(1), c = rng_seed(2);
    int equal = 0;
    for (int i = 0; i < 1000; i++) {
        uint64_t n = rng_next(&a);
        assert_int_equal(n, rng_next(&b));
        equal += n == rng_next(&c);
    }
    assert_int_equal(equal, 0);
    struct rng zero = rng_seed(0); /* the published first number of splitmix64 */
    assert_true(rng_next(&zero) == 0xE220A8397B1DCDAFu);
}

static void numbers_stay_below_their_bound_and_reach_every_value(void **state)
{
    (void)state;
    struct rng rng = rng_seed(3);
    int seen[7] = {0};
    for (int i = 0; i < 7000; i++)
        seen[rng_below(&rng, 7)]++;
    for (int i = 0; i < 7; i++)
        assert_in_range(seen[i], 800, 1200);
    assert_int_equal(rng_below(&rng, 1), 0);
}

static void jitter_stays_within_its_percentage_and_uses_it(void **state)
{
    (void)state;
    struct rng rng = rng_seed(3);
    int64_t least = INT64_MAX, most = 0;
    for (int i = 0; i < 5000; i++) {
        int64_t ms = rng_jitter(&rng, 1000, 20);
        least = ms < least ? ms : least;
        most = ms > most ? ms : most;
    }
    assert_in_range(least, 800, 805);
    assert_in_range(most, 1195, 1200);
    assert_int_equal(rng_jitter(&rng, 1000, 0), 1000);
    assert_int_equal(rng_jitter(&rng, 0, 50), 0);
}

/* log */

struct heard {
    int lines;
    enum log_level level;
    char last[4096];
};

static void hear(enum log_level level, const char *line, void *arg)
{
    struct heard *heard = arg;

    heard->lines++;
    heard->level = level;
    snprintf(heard->last, sizeof heard->last, "%s", line);
}

static int quiet_again(void **state)
{
    (void)state;
    log_set_sink(NULL, NULL);
    log_set_level(LOG_LEVEL_INFO);
    return 0;
}

static void a_line_carries_the_fields_of_all_its_parents_outermost_first(void **state)
{
    (void)state;
    struct heard heard = {0};
    struct log_ctx service = {.key = "service", .value = "sync"};
    struct log_ctx plain = {.parent = &service};
    struct log_ctx mailbox = {.parent = &plain, .key = "mailbox", .value = "ann"};
    struct log_ctx none = {.parent = &mailbox, .key = "request", .value = NULL};
    log_set_sink(hear, &heard);
    log_warning(&mailbox, "took %d ms", 12);
    assert_string_equal(heard.last, "warning service=sync mailbox=ann: took 12 ms");
    assert_int_equal(heard.level, LOG_LEVEL_WARNING);
    log_error(&none, "gone");
    assert_string_equal(heard.last, "error service=sync mailbox=ann request=: gone");
    log_info(NULL, "up");
    assert_string_equal(heard.last, "info: up");
}

static void lines_above_the_level_are_not_written(void **state)
{
    (void)state;
    struct heard heard = {0};
    enum log_level level;
    log_set_sink(hear, &heard);
    log_debug(NULL, "unseen");
    assert_int_equal(heard.lines, 0);
    assert_true(log_parse_level("Debug", &level));
    log_set_level(level);
    log_debug(NULL, "seen");
    assert_int_equal(heard.lines, 1);
    log_set_level(LOG_LEVEL_ERROR);
    log_warning(NULL, "unseen");
    assert_int_equal(heard.lines, 1);
    assert_false(log_parse_level("loud", &level));
    assert_false(log_parse_level("", &level));
}

static void nothing_from_outside_can_forge_a_second_line(void **state)
{
    (void)state;
    struct heard heard = {0};
    struct log_ctx ctx = {.key = "from", .value = "x\r\nerror: forged"};
    log_set_sink(hear, &heard);
    log_info(&ctx, "subject %s", "a\nb\x1b[31m\x7f");
    assert_int_equal(heard.lines, 1);
    assert_string_equal(heard.last, "info from=x??error: forged: subject a?b?[31m?");
    log_info(NULL, "%s", "\xE3\x81\x82"); /* UTF-8 passes */
    assert_string_equal(heard.last, "info: \xE3\x81\x82");
}

static void a_line_that_is_too_long_is_cut(void **state)
{
    (void)state;
    struct heard heard = {0};
    char text[5000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct log_ctx ctx = {.key = "key", .value = text};
    log_set_sink(hear, &heard);
    log_info(NULL, "%s", text);
    assert_in_range(strlen(heard.last), 1000, 2047);
    log_info(&ctx, "%s", text);
    assert_in_range(strlen(heard.last), 1000, 2047);
}

static void without_a_sink_a_line_goes_to_stderr_with_its_time(void **state)
{
    (void)state;
    char line[256];
    int ends[2];
    int saved = dup(STDERR_FILENO);
    assert_int_equal(pipe(ends), 0);
    assert_true(saved >= 0 && dup2(ends[1], STDERR_FILENO) >= 0);
    log_info(NULL, "hello");
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(ends[1]);
    ssize_t n = read(ends[0], line, sizeof line - 1);
    close(ends[0]);
    assert_true(n > 20);
    line[n] = '\0';
    char *space = strchr(line, ' ');
    assert_non_null(space);
    assert_string_equal(space, " info: hello\n");
    *space = '\0';
    assert_true(parsed(line) > 1700000000000);
}

/* ids */

static int ids_random_again(void **state)
{
    (void)state;
    id_seed(0);
    return 0;
}

static void new_ids_are_valid_lower_case_and_never_the_same(void **state)
{
    (void)state;
    char last[LIMIT_UUID] = "", id[LIMIT_UUID];
    for (unsigned long long seed = 0; seed < 2; seed++) {
        id_seed(seed);
        for (int i = 0; i < 500; i++) {
            id_new(id);
            assert_int_equal(strlen(id), LIMIT_UUID - 1);
            assert_true(id_valid(id));
            assert_int_equal(strspn(id, "0123456789abcdef-"), LIMIT_UUID - 1);
            assert_int_equal(id[14], '4');
            assert_non_null(strchr("89ab", id[19]));
            assert_string_not_equal(id, last);
            memcpy(last, id, sizeof last);
        }
    }
}

static void a_seed_gives_the_same_ids_again_and_no_seed_does_not(void **state)
{
    (void)state;
    char a[LIMIT_UUID], b[LIMIT_UUID], t[ID_TOKEN_MAX], u[ID_TOKEN_MAX];
    id_seed(7);
    id_new(a);
    id_token(t);
    id_seed(7);
    id_new(b);
    id_token(u);
    assert_string_equal(a, b);
    assert_string_equal(t, u);
    id_seed(0);
    id_new(a);
    id_seed(0);
    id_new(b);
    id_token(u);
    assert_string_not_equal(a, b);
    assert_string_not_equal(t, u);
}

static void what_is_not_an_id_is_refused(void **state)
{
    (void)state;
    assert_true(id_valid("01234567-89ab-4def-8123-456789abcdef"));
    assert_false(id_valid(""));
    assert_false(id_valid("01234567-89ab-4def-8123-456789abcde"));
    assert_false(id_valid("01234567-89ab-4def-8123-456789abcdef0"));
    assert_false(id_valid("01234567-89ab-4def-8123-456789abcdeg"));
    assert_false(id_valid("0123456789ab-4def-8123-456789abcdef--"));
    assert_false(id_valid("../../../../../../../../../etc/shado"));
}

static void tokens_are_32_hexadecimal_digits_and_are_compared_whole(void **state)
{
    (void)state;
    char a[ID_TOKEN_MAX], b[ID_TOKEN_MAX];
    id_token(a);
    id_token(b);
    assert_int_equal(strspn(a, "0123456789abcdef"), 32);
    assert_int_equal(strlen(a), 32);
    assert_string_not_equal(a, b);
    assert_true(id_token_equal(a, a));
    assert_false(id_token_equal(a, b));
    assert_false(id_token_equal(a, ""));
    assert_true(id_token_equal("", ""));
    assert_false(id_token_equal("abc", "abcd"));
    assert_false(id_token_equal("abcd", "abc"));
    b[0] = a[0];
    b[1] = '\0';
    assert_false(id_token_equal(a, b));
}

static void sums_are_those_of_the_standard_however_the_bytes_come(void **state)
{
    (void)state;
    static const char abc[] =
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    static const char none[] =
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    char hex[LIMIT_SHA256];
    struct err err;
    struct sha256 *sum = sha256_new();
    sha256_add(sum, "a", 1);
    sha256_add(sum, "", 0);
    sha256_add(sum, "bc", 2);
    sha256_end(&sum, hex);
    assert_null(sum);
    assert_string_equal(hex, abc);
    write_file("file", "abc", 0600);
    assert_true(sha256_file(path_in("file"), hex, &err));
    assert_string_equal(hex, abc);
    write_file("file", "", 0600);
    assert_true(sha256_file(path_in("file"), hex, &err));
    assert_string_equal(hex, none);
    assert_false(sha256_file(path_in("absent"), hex, &err));
    assert_int_equal(err.kind, ERR_NO_INPUT);
    assert_false(sha256_file(folder, hex, &err));
    sum = sha256_new();
    sha256_free(&sum);
    sha256_free(&sum);
    assert_null(sum);
}

/* files */

static void folders_are_made_with_all_above_them_and_again_is_no_error(void **state)
{
    (void)state;
    struct err err;
    struct stat st;
    assert_true(file_make_dirs(path_in("a/b/c"), 0700, &err));
    assert_int_equal(stat(path_in("a/b/c"), &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    assert_int_equal(st.st_mode & 07777, 0700);
    assert_true(file_make_dirs(path_in("a/b/c"), 0700, &err));
    assert_true(file_make_dirs(path_in("a//b/c/"), 0700, &err));
    assert_true(file_make_dirs("/", 0700, &err));
}

static void a_folder_is_not_made_where_a_file_stands(void **state)
{
    (void)state;
    struct err err = {0};
    char path[2 * LIMIT_PATH];
    write_file("file", "", 0600);
    assert_false(file_make_dirs(path_in("file/x"), 0700, &err));
    assert_int_not_equal(err.kind, ERR_OK);
    err_clear(&err);
    assert_false(file_make_dirs(path_in("file"), 0700, &err));
    assert_int_not_equal(err.kind, ERR_OK);
    assert_non_null(strstr(err.text, "/file"));
    err_clear(&err);
    assert_false(file_make_dirs("", 0700, &err));
    assert_int_not_equal(err.kind, ERR_OK);
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    assert_false(file_make_dirs(path, 0700, &err));
    assert_int_equal(err.kind, ERR_CONFIG);
}

static void a_file_is_read_whole_or_refused_when_it_is_larger_than_the_buffer(void **state)
{
    (void)state;
    struct err err;
    struct buf buf;
    write_file("file", "12345678", 0600);
    buf_init(&buf, 8);
    assert_true(file_read(path_in("file"), &buf, &err));
    assert_string_equal(buf_str(&buf), "12345678");
    buf_clear(&buf);
    buf_init(&buf, 7);
    assert_false(file_read(path_in("file"), &buf, &err));
    assert_int_equal(err.kind, ERR_DATA);
    assert_non_null(strstr(err.text, "larger than 7 bytes"));
    buf_clear(&buf);
    buf_init(&buf, 7);
    assert_false(file_read(path_in("absent"), &buf, &err));
    assert_int_equal(err.kind, ERR_NO_INPUT);
    assert_non_null(strstr(err.text, path_in("absent")));
    assert_false(file_read(folder, &buf, &err));
    assert_int_equal(err.kind, ERR_IO);
    buf_clear(&buf);
}

static bool secret_reads(const char *text, unsigned mode, const char *expected, struct err *err)
{
    struct buf buf;

    write_file("secret", text, mode);
    buf_init(&buf, 64);
    bool ok = file_read_secret(path_in("secret"), &buf, err);
    if (ok)
        assert_string_equal(buf_str(&buf), expected);
    buf_clear(&buf);
    return ok;
}

static void a_secret_is_one_line_without_its_ending(void **state)
{
    (void)state;
    struct err err = {0};
    assert_true(secret_reads("pass word ", 0600, "pass word ", &err));
    assert_true(secret_reads("pass\n", 0400, "pass", &err));
    assert_true(secret_reads("pass\r\n", 0600, "pass", &err));
    assert_false(secret_reads("two\nlines\n", 0600, "", &err));
    assert_int_equal(err.kind, ERR_CONFIG);
    assert_false(secret_reads("", 0600, "", &err));
    assert_false(secret_reads("\n", 0600, "", &err));
    assert_null(strstr(err.text, "two"));
}

static void a_secret_that_others_may_read_is_refused_with_the_remedy(void **state)
{
    (void)state;
    static const unsigned modes[] = {0604, 0640, 0644, 0601, 0602, 0620, 0777};
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        struct err err = {0};
        assert_false(secret_reads("hush", modes[i], "", &err));
        assert_int_equal(err.kind, ERR_CONFIG);
        assert_non_null(strstr(err.text, "chmod 600"));
        assert_null(strstr(err.text, "hush"));
    }
}

static void replacing_leaves_the_new_content_and_no_temporary_file(void **state)
{
    (void)state;
    struct err err;
    struct buf buf;
    struct stat st;
    assert_true(file_replace(path_in("file"), "one", 3, 0600, &err));
    assert_true(file_replace(path_in("file"), "2\0", 2, 0600, &err));
    buf_init(&buf, 64);
    assert_true(file_read(path_in("file"), &buf, &err));
    assert_int_equal(buf.len, 2);
    assert_memory_equal(buf_str(&buf), "2\0", 2);
    buf_clear(&buf);
    assert_int_equal(stat(path_in("file"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_not_equal(access(path_in("file.new"), F_OK), 0);
}

static void a_replacement_that_fails_leaves_what_was_there(void **state)
{
    (void)state;
    struct err err;
    assert_int_equal(mkdir(path_in("target"), 0700), 0);
    assert_false(
        file_replace(path_in("target"), "x", 1, 0600, &err)); /* a folder stands there */
    assert_int_not_equal(err.kind, ERR_OK);
    assert_int_not_equal(access(path_in("target.new"), F_OK), 0);
    assert_false(file_replace(path_in("absent/file"), "x", 1, 0600, &err));
    assert_int_equal(err.kind, ERR_NO_INPUT);
}

static void a_full_disk_is_told_apart_from_other_failures(void **state)
{
    (void)state;
    struct err err = {0};
    FILE *full = fopen("/dev/full", "w");
    if (!full)
        skip();
    assert_false(file_write_all(fileno(full), "x", 1, "the record", &err));
    fclose(full);
    assert_int_equal(err.kind, ERR_FULL);
    assert_non_null(strstr(err.text, "the record"));
}

/* configuration */

#define EXCHANGE                                                                               \
    "[exchange \"main\"]\nurl = https://mail.example.com/EWS/Exchange.asmx\nuser = svc\n"

static struct config *loaded(const char *text, struct err *err)
{
    write_file("conf", text, 0644);
    err_set(err, ERR_INTERNAL, "left over");
    struct config *config = config_load(path_in("conf"), err);
    if (config)
        assert_int_equal(err->kind, ERR_OK);
    else
        assert_int_equal(err->kind, ERR_CONFIG);
    return config;
}

static void refuses(const char *text, int line, const char *word)
{
    struct err err;
    char place[32];
    struct config *config = loaded(text, &err);

    if (config)
        fail_msg("this was taken for a configuration:\n%s", text);
    if (line) {
        snprintf(place, sizeof place, "line %d:", line);
        if (!strstr(err.text, place))
            fail_msg("\"%s\" does not name %s", err.text, place);
    }
    if (!strstr(err.text, word))
        fail_msg("\"%s\" does not say \"%s\"", err.text, word);
}

static void a_lone_server_needs_only_a_name_and_the_rest_has_defaults(void **state)
{
    (void)state;
    struct err err;
    struct config *config = loaded("[node]\nname = one\n", &err);
    assert_non_null(config);
    assert_string_equal(config->path, path_in("conf"));
    assert_string_equal(config->node.name, "one");
    assert_int_equal(config->node.identity, CONFIG_PUBLISHER);
    assert_string_equal(config->node.state_dir, "/var/lib/sib");
    assert_int_equal(config->node.log_level, LOG_LEVEL_INFO);
    assert_null(config->node.user);
    assert_false(config->cluster.enabled);
    assert_true(config->sync.single_inbox);
    assert_false(config->sync.sent_items);
    assert_int_equal(config->sync.sweep_ms, 3600000);
    assert_int_equal(config->exchange_count, 0);
    assert_null(config_exchange(config, NULL));
    config_free(&config);
    assert_null(config);
    config_free(&config);
}

static void every_key_that_is_given_is_kept(void **state)
{
    (void)state;
    struct err err;
    char text[2048];
    write_file("secret", "hush\n", 0600);
    snprintf(text, sizeof text,
             "; a comment\n# another\n[node]\nname=two ; said so\nidentity = Subscriber\n"
             "log-level = debug\nstate-dir = /srv/sib\n\n[sync]\nsweep = 30m\nsent-items = ON\n"
             "[exchange \"main\"]\nurl = http://m/E?a=b;c#d\nuser = DOM\\svc\nverify = no\n"
             "password-file = %s\nconnections = 64\nrequest-timeout=1s\n"
             "[exchange \"other\"]\nurl = https://o/\nuser = u\nauth = Negotiate\n"
             "[exchange \"main\"]\nimpersonate = false\n",
             path_in("secret"));
    struct config *config = loaded(text, &err);
    if (!config)
        fail_msg("%s", err.text);
    assert_string_equal(config->node.name, "two");
    assert_int_equal(config->node.identity, CONFIG_SUBSCRIBER);
    assert_int_equal(config->node.log_level, LOG_LEVEL_DEBUG);
    assert_string_equal(config->node.state_dir, "/srv/sib");
    assert_int_equal(config->sync.sweep_ms, 1800000);
    assert_true(config->sync.sent_items);
    assert_int_equal(config->exchange_count, 2);
    const struct config_exchange *main_one = config_exchange(config, "main");
    assert_ptr_equal(main_one, config_exchange(config, ""));
    assert_string_equal(main_one->url, "http://m/E?a=b;c#d");
    assert_string_equal(main_one->user, "DOM\\svc");
    assert_false(main_one->verify);
    assert_false(main_one->impersonate); /* a section may be continued */
    assert_int_equal(main_one->connections, 64);
    assert_int_equal(main_one->request_timeout_ms, 1000);
    assert_true(config_exchange(config, "other")->impersonate);
    assert_string_equal(config_exchange(config, "other")->auth, "negotiate");
    assert_null(config_exchange(config, "third"));
    config_free(&config);
}

static void an_unknown_key_or_section_names_its_line(void **state)
{
    (void)state;
    refuses("[node]\nname = one\n\n# x\nnmae = two\n", 5, "nmae");
    refuses("[node]\nname = one\n[nose]\nx = 1\n", 4, "nose");
    refuses("name = one\n", 1, "section");
    refuses("[node]\nname = one\n[node \"x\"]\nuser = a\n", 4, "takes no name");
    refuses("[node]\nname = one\n[exchange main]\nuser = a\n", 4, "[exchange \"main\"]");
    refuses("[node]\nNAME = one\n", 2, "NAME");
}

static void
a_line_that_is_neither_section_nor_key_is_named_before_what_follows_from_it(void **state)
{
    (void)state;
    refuses("[node]\nname = one\nwhat is this\n", 3, "neither");
    refuses("[node]\nname = one\nwhat is this\nnmae = x\n", 3, "neither");
    refuses("[node]\nname = one\n[exchange \"main\"\nurl = https://x/\n", 3, "neither");
}

static void an_indented_line_is_a_line_of_its_own(void **state)
{
    (void)state;
    struct err err;
    struct config *config = loaded("[node]\n  name = one\n\tlog-level = debug\n", &err);
    assert_non_null(config);
    assert_string_equal(config->node.name, "one");
    assert_int_equal(config->node.log_level, LOG_LEVEL_DEBUG);
    config_free(&config);
    refuses("[node]\nname = one\n  and more\n", 3, "neither");
}

static void a_value_of_the_wrong_kind_or_out_of_range_names_line_and_key(void **state)
{
    (void)state;
#define NODE "[node]\nname = one\n"
    refuses(NODE "identity = third\n", 3, "publisher|subscriber");
    refuses(NODE "identity = pub\n", 3, "identity");
    refuses(NODE "identity = publishers\n", 3, "identity");
    refuses(NODE "state-dir = var/lib\n", 3, "absolute");
    refuses(NODE "state-dir =\n", 3, "state-dir");
    refuses(NODE "user =\n", 3, "user is empty");
    refuses(NODE "log-level = loud\n", 3, "log-level");
    refuses(NODE "[cluster]\nenabled = perhaps\n", 4, "yes or no");
    refuses(NODE "[sync]\nsweep = 60\n", 4, "10s, 5m, 1h or 30d");
    refuses(NODE "[sync]\nsweep = 59s\n", 4, "out of range");
    refuses(NODE "[sync]\nsweep = 8d\n", 4, "out of range");
    refuses(NODE "[sync]\nguard-count = 0\n", 4, "out of range");
    refuses(NODE "[sync]\nguard-count = ten\n", 4, "whole number");
    refuses(NODE "[sync]\nguard-count = 10x\n", 4, "whole number");
    refuses(NODE "[sync]\nguard-percent = 101\n", 4, "1 to 100");
    refuses(NODE "[sync]\nguard-count = 99999999999999999999\n", 4, "guard-count");
    refuses(NODE EXCHANGE "connections = 65\n", 6, "1 to 64");
    refuses(NODE EXCHANGE "notify = stream-ish\n", 6, "notify");
}

static void an_address_must_be_http_or_https_with_a_host(void **state)
{
    (void)state;
    refuses(NODE "[exchange]\nurl = mail.example.com\n", 4, "http");
    refuses(NODE "[exchange]\nurl = ftp://x/\n", 4, "http");
    refuses(NODE "[exchange]\nurl = https://\n", 4, "http");
    refuses(NODE "[exchange]\nurl = https:/x\n", 4, "http");
    refuses(NODE "[exchange]\ncallback-url = voice:7443\n", 4, "callback-url");
}

static void what_is_required_and_missing_is_named_with_its_help(void **state)
{
    (void)state;
    refuses("", 0, "[node] lacks the key \"name\"");
    refuses("[node]\nidentity = publisher\n", 0, "\"name\"");
    refuses(NODE "[exchange \"main\"]\nuser = svc\n", 0, "\"url\"");
    refuses(NODE "[exchange \"main\"]\nuser = svc\n", 0, "autodiscover = yes");
    refuses(NODE EXCHANGE "autodiscover = yes\n", 0, "both url and autodiscover");
    refuses(NODE EXCHANGE "autodiscover-hosts = mail.example.com, com\n", 0, "dot");
    refuses(NODE EXCHANGE "autodiscover-hosts = .example.com\n", 0, "dot");
    refuses(NODE EXCHANGE "autodiscover-hosts = https://mail.example.com\n", 0, "dot");
    refuses(NODE "[exchange \"main\"]\nurl = https://x/\n", 0, "\"user\"");
    refuses(NODE EXCHANGE, 0, "password-file");
    refuses(NODE "[notify]\nkey = /x\n", 0, "both certificate and key");
    refuses(NODE "[notify]\ncertificate = /x\n", 0, "both certificate and key");
}

static void a_password_file_that_others_may_read_is_refused(void **state)
{
    (void)state;
    char text[1024];
    write_file("readable", "hush\n", 0644);
    snprintf(text, sizeof text, NODE EXCHANGE "password-file = %s\n", path_in("readable"));
    refuses(text, 0, "chmod 600");
    snprintf(text, sizeof text, NODE EXCHANGE "password-file = %s\n", path_in("absent"));
    refuses(text, 0, "no such file");
    refuses(NODE EXCHANGE "password-file = relative\n", 6, "absolute");
}

/* inih cuts a longer line in two and would read its tail as another line. */
static void a_line_that_is_too_long_is_refused_and_named(void **state)
{
    (void)state;
    struct err err;
    for (size_t len = 150; len <= 700; len++) {
        char text[1024];
        size_t at = (size_t)snprintf(text, sizeof text, "[node]\nname = ");
        size_t begin = strlen("name = ");
        memset(text + at, 'x', len - begin);
        snprintf(text + at + len - begin, sizeof text - at - len + begin,
                 "\nlog-level = debug\n");
        struct config *config = loaded(text, &err);
        if (len <= 190)
            assert_non_null(config);
        if (config) {
            assert_int_equal(strlen(config->node.name), len - begin);
            assert_int_equal(config->node.log_level, LOG_LEVEL_DEBUG);
            assert_true(len < 250);
            config_free(&config);
        } else {
            assert_non_null(strstr(err.text, "line 2:"));
            assert_non_null(strstr(err.text, "longer"));
        }
    }
}

static void too_many_exchanges_are_refused(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 8192);
    buf_add_str(&text, NODE);
    for (int i = 0; i <= CONFIG_EXCHANGES_MAX; i++)
        buf_printf(&text, "[exchange \"e%d\"]\nurl = https://x/\n", i);
    refuses(buf_str(&text), 2 + 2 * (CONFIG_EXCHANGES_MAX + 1), "too many");
    buf_clear(&text);
}

static void each_way_to_authenticate_needs_its_own_keys(void **state)
{
    (void)state;
#define OAUTH NODE "[exchange]\nurl = https://x/\nauth = oauth2\n"
    struct err err;
    char text[1024];
    refuses(OAUTH, 0, "\"client-id\"");
    refuses(OAUTH "client-id = a\n", 0, "\"tenant\"");
    refuses(OAUTH "client-id = a\ntenant = t\n", 0, "\"client-secret-file\"");
    refuses(OAUTH "client-id = a\ntenant = t\nclient-certificate = /c\n", 0, "\"client-key\"");
    refuses(OAUTH "client-id = a\ntenant = t\nclient-secret-file = /nonexistent\n", 0,
            "client-secret-file: ");
    refuses(OAUTH "client-id = a\ntenant = t\nclient-certificate = /c\nclient-key = /k\n"
                  "client-secret-file = /s\n",
            0, "both client-secret-file and client-certificate");
    refuses(OAUTH "client-id = a\ntenant = t\nclient-certificate = /c\nclient-key = /k\n"
                  "impersonate = no\n",
            0, "impersonate = yes");
    refuses(NODE "[exchange]\nurl = https://x/\nauth = ntlm\n", 0, "\"user\"");
    write_file("secret", "s\n", 0600);
    snprintf(text, sizeof text,
             OAUTH "client-id = a\ntoken-url = https://t/\n"
                   "client-secret-file = %s\n",
             path_in("secret"));
    struct config *config = loaded(text, &err);
    assert_non_null(config);
    assert_null(config->exchange[0].user);
    assert_string_equal(config->exchange[0].scope, "https://outlook.office365.com/.default");
    config_free(&config);
    config = loaded(NODE "[exchange]\nurl = https://x/\nauth = negotiate\n", &err);
    assert_non_null(config); /* a ticket needs neither user nor password */
    config_free(&config);
#undef OAUTH
}

static void a_configuration_that_cannot_be_opened_names_the_file(void **state)
{
    (void)state;
    struct err err;
    assert_null(config_load(path_in("absent"), &err));
    assert_int_equal(err.kind, ERR_CONFIG);
    assert_non_null(strstr(err.text, path_in("absent")));
    assert_non_null(strstr(err.text, "no such file"));
}

/* The example with what only a person can know put in, and with each default made explicit. */
static void fill_in(const char *line, bool explicit_defaults, struct buf *out)
{
    size_t len = strlen(line);
    bool open = len >= 3 && strcmp(line + len - 3, " =\n") == 0;

    open = open || (len >= 4 && strcmp(line + len - 4, " = \n") == 0);
    if (strncmp(line, "name =", 6) == 0)
        buf_add_str(out, "name = one\n");
    else if (strncmp(line, "#url =", 6) == 0)
        buf_add_str(out, "url = https://mail.example.com/EWS/Exchange.asmx\n");
    else if (strncmp(line, "#user =", 7) == 0)
        buf_add_str(out, "user = svc\n");
    else if (strncmp(line, "#password-file =", 16) == 0)
        buf_printf(out, "password-file = %s\n", path_in("secret"));
    else if (explicit_defaults && line[0] == '#' && line[1] != ' ' && !open)
        buf_add_str(out, line + 1);
    else
        buf_add_str(out, line);
}

static void check_example(const char *example, bool explicit_defaults)
{
    struct err err;
    struct buf text;
    char line[1024];
    FILE *in = fmemopen((void *)(uintptr_t)example, strlen(example), "r");

    buf_init(&text, 65536);
    while (fgets(line, sizeof line, in))
        fill_in(line, explicit_defaults, &text);
    fclose(in);
    struct config *config = loaded(buf_str(&text), &err);
    if (!config)
        fail_msg("%s\n%s", err.text, buf_str(&text));
    assert_int_equal(config->exchange_count, 1);
    assert_string_equal(config->exchange[0].name, "main");
    assert_int_equal(config->exchange[0].connections, 8);
    assert_int_equal(config->exchange[0].request_timeout_ms, 90000);
    assert_string_equal(config->node.state_dir, "/var/lib/sib");
    assert_int_equal(config->sync.sweep_ms, 3600000);
    config_free(&config);
    buf_clear(&text);
}

static void the_example_loads_once_the_empty_keys_are_filled_in(void **state)
{
    (void)state;
    char *example = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&example, &len);
    config_print_example(out);
    fclose(out);
    write_file("secret", "hush\n", 0600);
    check_example(example, false);
    check_example(example, true);
    free(example);
}

/* the virtual loop */

struct seen {
    struct loop *loop;
    struct loop_timer *timer, *other;
    char order[32];
    size_t count;
    int64_t at_ms;
};

struct mark {
    struct seen *seen;
    char letter;
};

static void note(void *arg)
{
    struct mark *mark = arg;
    struct seen *seen = mark->seen;

    if (seen->count < sizeof seen->order - 1)
        seen->order[seen->count++] = mark->letter;
    seen->at_ms = loop_wall(seen->loop).ms;
}

static int new_loop(void **state)
{
    struct seen *seen = calloc(1, sizeof *seen);

    if (!seen)
        return -1;
    seen->loop = loop_virtual_new((struct wall){1000000});
    *state = seen;
    return seen->loop ? 0 : -1;
}

static int end_loop(void **state)
{
    struct seen *seen = *state;

    loop_timer_free(&seen->timer);
    loop_timer_free(&seen->other);
    loop_free(&seen->loop);
    loop_free(&seen->loop);
    free(seen);
    return 0;
}

static void timers_run_in_order_of_time_then_of_setting(void **state)
{
    struct seen *seen = *state;
    static const int64_t delays[] = {50, 10, 50, 0, 10, -7};
    struct mark marks[6];
    struct loop_timer *timers[6];
    for (int i = 0; i < 6; i++) {
        marks[i] = (struct mark){seen, (char)('a' + i)};
        timers[i] = loop_timer_new(seen->loop, note, &marks[i]);
        loop_timer_set(timers[i], delays[i]);
    }
    assert_int_equal(seen->count, 0); /* nothing before the call has returned */
    assert_int_equal(loop_virtual_run(seen->loop, 0), 2);
    assert_string_equal(seen->order, "df");
    assert_int_equal(loop_virtual_run(seen->loop, 49), 2);
    assert_string_equal(seen->order, "dfbe");
    assert_int_equal(loop_virtual_run(seen->loop, 1), 2);
    assert_string_equal(seen->order, "dfbeac");
    for (int i = 0; i < 6; i++)
        loop_timer_free(&timers[i]);
}

static void setting_again_replaces_and_goes_behind_the_others(void **state)
{
    struct seen *seen = *state;
    struct mark a = {seen, 'a'}, b = {seen, 'b'};
    seen->timer = loop_timer_new(seen->loop, note, &a);
    seen->other = loop_timer_new(seen->loop, note, &b);
    assert_false(loop_timer_is_set(seen->timer));
    loop_timer_set(seen->timer, 10);
    loop_timer_set(seen->other, 10);
    loop_timer_set(seen->timer, 10);
    assert_true(loop_timer_is_set(seen->timer));
    assert_int_equal(loop_virtual_run(seen->loop, 100), 2);
    assert_string_equal(seen->order, "ba");
    assert_false(loop_timer_is_set(seen->timer));
    assert_int_equal(loop_virtual_run(seen->loop, 100000), 0); /* once */
}

static void both_clocks_move_only_with_the_loop_and_stand_at_the_timer_inside_it(void **state)
{
    struct seen *seen = *state;
    struct mark a = {seen, 'a'};
    struct mono begin = loop_now(seen->loop);
    assert_int_equal(loop_wall(seen->loop).ms, 1000000);
    seen->timer = loop_timer_new(seen->loop, note, &a);
    loop_timer_set(seen->timer, 70);
    assert_int_equal(loop_virtual_run(seen->loop, 69), 0);
    assert_int_equal(loop_virtual_run(seen->loop, 31), 1);
    assert_int_equal(seen->at_ms, 1000070);
    assert_int_equal(mono_since(loop_now(seen->loop), begin), 100);
    assert_int_equal(loop_wall(seen->loop).ms, 1000100);
    loop_virtual_jump_wall(seen->loop, -5000);
    assert_int_equal(loop_wall(seen->loop).ms, 995100);
    assert_int_equal(mono_since(loop_now(seen->loop), begin), 100);
    loop_timer_set(seen->timer, 10); /* a jump of the calendar moves no timer */
    assert_int_equal(loop_virtual_run(seen->loop, 9), 0);
    assert_int_equal(loop_virtual_run(seen->loop, 1), 1);
}

static void set_both_now(void *arg)
{
    struct seen *seen = arg;

    loop_timer_set(seen->other, 0);
    if (strcmp(seen->order, "") != 0)
        return;
    loop_timer_set(seen->timer, 0);
    assert_string_equal(seen->order, ""); /* not from within the setting */
}

static void a_timer_set_to_nothing_inside_a_callback_runs_after_that_has_returned(void **state)
{
    struct seen *seen = *state;
    struct mark b = {seen, 'b'};
    struct mono begin = loop_now(seen->loop);
    seen->timer = loop_timer_new(seen->loop, set_both_now, seen);
    seen->other = loop_timer_new(seen->loop, note, &b);
    loop_timer_set(seen->timer, 5);
    assert_int_equal(loop_virtual_settle(seen->loop, 1000), 5);
    assert_string_equal(seen->order, "bb");
    assert_int_equal(mono_since(loop_now(seen->loop), begin), 5);
}

static void stop_other(void *arg)
{
    struct seen *seen = arg;

    loop_timer_stop(seen->other);
    loop_timer_stop(seen->timer); /* its own: not set any more, legal */
}

static void a_timer_stopped_or_freed_by_another_at_the_same_time_does_not_run(void **state)
{
    struct seen *seen = *state;
    struct mark b = {seen, 'b'};
    seen->timer = loop_timer_new(seen->loop, stop_other, seen);
    seen->other = loop_timer_new(seen->loop, note, &b);
    loop_timer_set(seen->timer, 5);
    loop_timer_set(seen->other, 5);
    assert_int_equal(loop_virtual_run(seen->loop, 1000), 1);
    assert_string_equal(seen->order, "");
    assert_false(loop_timer_is_set(seen->other));
}

static void free_both(void *arg)
{
    struct seen *seen = arg;

    loop_timer_free(&seen->other);
    loop_timer_free(&seen->timer);
    loop_timer_free(&seen->timer);
}

static void a_timer_may_be_freed_inside_its_own_callback(void **state)
{
    struct seen *seen = *state;
    struct mark b = {seen, 'b'};
    seen->timer = loop_timer_new(seen->loop, free_both, seen);
    seen->other = loop_timer_new(seen->loop, note, &b);
    loop_timer_set(seen->timer, 5);
    loop_timer_set(seen->other, 5);
    assert_int_equal(loop_virtual_run(seen->loop, 1000), 1);
    assert_null(seen->timer);
    assert_null(seen->other);
    assert_string_equal(seen->order, "");
}

static void stop_loop(void *arg)
{
    struct seen *seen = arg;

    loop_stop(seen->loop);
}

static void a_stop_inside_a_callback_ends_the_run_and_leaves_the_rest_for_the_next(void **state)
{
    struct seen *seen = *state;
    struct mark b = {seen, 'b'};
    seen->timer = loop_timer_new(seen->loop, stop_loop, seen);
    seen->other = loop_timer_new(seen->loop, note, &b);
    loop_timer_set(seen->timer, 5);
    loop_timer_set(seen->other, 6);
    loop_run(seen->loop);
    assert_string_equal(seen->order, "");
    assert_true(loop_timer_is_set(seen->other));
    loop_run(seen->loop);
    assert_string_equal(seen->order, "b");
}

static void settling_stops_at_its_limit_when_something_is_always_due(void **state)
{
    struct seen *seen = *state;
    struct mark b = {seen, 'b'};
    seen->other = loop_timer_new(seen->loop, note, &b);
    loop_timer_set(seen->other, 5000);
    assert_int_equal(loop_virtual_settle(seen->loop, 4999), 0);
    assert_string_equal(seen->order, "");
    assert_int_equal(loop_virtual_settle(seen->loop, 5000), 5000);
    assert_string_equal(seen->order, "b");
    assert_int_equal(loop_virtual_settle(seen->loop, 5000), 0);
}

static void unused_watch(int fd, int ready, void *arg)
{
    (void)fd;
    (void)ready;
    (void)arg;
}

static void the_virtual_loop_has_no_descriptors(void **state)
{
    struct seen *seen = *state;
    struct loop_watch *none = loop_watch_new(seen->loop, 0, LOOP_READ, unused_watch, NULL);
    assert_null(none);
    loop_watch_free(&none);
    assert_null(loop_signal_new(seen->loop, 10, note, NULL));
}

/* Many timers set, stopped and freed at random: the loop agrees with a plain count. */
static void a_random_schedule_runs_each_timer_as_often_as_it_came_due(void **state)
{
    struct seen *seen = *state;
    struct rng rng = rng_seed(11);
    enum { COUNT = 40 };
    struct mark mark = {seen, 'x'};
    struct loop_timer *timers[COUNT];
    int64_t due[COUNT];
    for (int i = 0; i < COUNT; i++) {
        timers[i] = loop_timer_new(seen->loop, note, &mark);
        due[i] = -1;
    }
    int64_t now = 0;
    for (int round = 0; round < 3000; round++) {
        int i = (int)rng_below(&rng, COUNT);
        if (rng_below(&rng, 4) == 0) {
            loop_timer_stop(timers[i]);
            due[i] = -1;
        } else {
            due[i] = now + (int64_t)rng_below(&rng, 50);
            loop_timer_set(timers[i], due[i] - now);
        }
        int64_t step = (int64_t)rng_below(&rng, 4);
        long expected = 0;
        now += step;
        for (int t = 0; t < COUNT; t++) {
            if (due[t] >= 0 && due[t] <= now) {
                expected++;
                due[t] = -1;
            }
        }
        assert_int_equal(loop_virtual_run(seen->loop, step), expected);
        for (int t = 0; t < COUNT; t++)
            assert_int_equal(loop_timer_is_set(timers[t]), due[t] >= 0);
    }
    for (int i = 0; i < COUNT; i++)
        loop_timer_free(&timers[i]);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
#define ON_LOOP(test)   cmocka_unit_test_setup_teardown(test, new_loop, end_loop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(setting_an_error_forgets_the_one_before),
        cmocka_unit_test(a_prefix_goes_in_front_and_keeps_the_grades),
        cmocka_unit_test(a_text_that_is_too_long_is_cut_and_ends_with_nul),
        cmocka_unit_test(each_kind_has_a_name_of_its_own_and_an_exit_code_of_sysexits),
        cmocka_unit_test(a_buffer_grows_to_its_maximum_and_no_byte_further),
        cmocka_unit_test(an_append_that_does_not_fit_changes_nothing_and_is_remembered),
        cmocka_unit_test(bytes_with_nul_are_kept_and_taken_memory_is_the_callers),
        cmocka_unit_test(times_are_read_in_every_zone_and_written_in_utc),
        cmocka_unit_test(what_is_written_is_read_back_the_same),
        cmocka_unit_test(a_leap_day_and_a_leap_second_are_real_and_30_february_is_not),
        cmocka_unit_test(what_is_not_a_time_is_refused),
        cmocka_unit_test(durations_have_a_unit),
        cmocka_unit_test(the_system_clock_does_not_go_back),
        cmocka_unit_test(the_same_seed_gives_the_same_numbers_and_another_seed_others),
        cmocka_unit_test(numbers_stay_below_their_bound_and_reach_every_value),
        cmocka_unit_test(jitter_stays_within_its_percentage_and_uses_it),
        cmocka_unit_test_teardown(a_line_carries_the_fields_of_all_its_parents_outermost_first,
                                  quiet_again),
        cmocka_unit_test_teardown(lines_above_the_level_are_not_written, quiet_again),
        cmocka_unit_test_teardown(nothing_from_outside_can_forge_a_second_line, quiet_again),
        cmocka_unit_test_teardown(a_line_that_is_too_long_is_cut, quiet_again),
        cmocka_unit_test(without_a_sink_a_line_goes_to_stderr_with_its_time),
        cmocka_unit_test_teardown(new_ids_are_valid_lower_case_and_never_the_same,
                                  ids_random_again),
        cmocka_unit_test_teardown(a_seed_gives_the_same_ids_again_and_no_seed_does_not,
                                  ids_random_again),
        cmocka_unit_test(what_is_not_an_id_is_refused),
        cmocka_unit_test(tokens_are_32_hexadecimal_digits_and_are_compared_whole),
        IN_FOLDER(sums_are_those_of_the_standard_however_the_bytes_come),
        IN_FOLDER(folders_are_made_with_all_above_them_and_again_is_no_error),
        IN_FOLDER(a_folder_is_not_made_where_a_file_stands),
        IN_FOLDER(a_file_is_read_whole_or_refused_when_it_is_larger_than_the_buffer),
        IN_FOLDER(a_secret_is_one_line_without_its_ending),
        IN_FOLDER(a_secret_that_others_may_read_is_refused_with_the_remedy),
        IN_FOLDER(replacing_leaves_the_new_content_and_no_temporary_file),
        IN_FOLDER(a_replacement_that_fails_leaves_what_was_there),
        cmocka_unit_test(a_full_disk_is_told_apart_from_other_failures),
        IN_FOLDER(a_lone_server_needs_only_a_name_and_the_rest_has_defaults),
        IN_FOLDER(every_key_that_is_given_is_kept),
        IN_FOLDER(an_unknown_key_or_section_names_its_line),
        IN_FOLDER(a_line_that_is_neither_section_nor_key_is_named_before_what_follows_from_it),
        IN_FOLDER(an_indented_line_is_a_line_of_its_own),
        IN_FOLDER(a_value_of_the_wrong_kind_or_out_of_range_names_line_and_key),
        IN_FOLDER(an_address_must_be_http_or_https_with_a_host),
        IN_FOLDER(what_is_required_and_missing_is_named_with_its_help),
        IN_FOLDER(a_password_file_that_others_may_read_is_refused),
        IN_FOLDER(a_line_that_is_too_long_is_refused_and_named),
        IN_FOLDER(too_many_exchanges_are_refused),
        IN_FOLDER(each_way_to_authenticate_needs_its_own_keys),
        IN_FOLDER(a_configuration_that_cannot_be_opened_names_the_file),
        IN_FOLDER(the_example_loads_once_the_empty_keys_are_filled_in),
        ON_LOOP(timers_run_in_order_of_time_then_of_setting),
        ON_LOOP(setting_again_replaces_and_goes_behind_the_others),
        ON_LOOP(both_clocks_move_only_with_the_loop_and_stand_at_the_timer_inside_it),
        ON_LOOP(a_timer_set_to_nothing_inside_a_callback_runs_after_that_has_returned),
        ON_LOOP(a_timer_stopped_or_freed_by_another_at_the_same_time_does_not_run),
        ON_LOOP(a_timer_may_be_freed_inside_its_own_callback),
        ON_LOOP(a_stop_inside_a_callback_ends_the_run_and_leaves_the_rest_for_the_next),
        ON_LOOP(settling_stops_at_its_limit_when_something_is_always_due),
        ON_LOOP(the_virtual_loop_has_no_descriptors),
        ON_LOOP(a_random_schedule_runs_each_timer_as_often_as_it_came_due),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
