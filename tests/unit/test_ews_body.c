/* A request body that is produced while it is sent. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <openssl/evp.h>

#include "base/limits.h"
#include "ews/body.h"
#include "ews/download.h"
#include "tests/support/ews_fixture.h"

static char path[64];

static void write_file(size_t len)
{
    snprintf(path, sizeof(path), "/tmp/sib-test-body-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    unsigned char byte[4096];
    for (size_t i = 0; i < sizeof(byte); i++)
        byte[i] = (unsigned char)(i * 7 + (i >> 8));
    for (size_t at = 0; at < len; at += sizeof(byte)) {
        size_t n = len - at < sizeof(byte) ? len - at : sizeof(byte);
        assert_int_equal(write(fd, byte, n), n);
    }
    close(fd);
}

static struct body *body_around_file(void)
{
    struct buf before, after;
    struct err err = {0};
    buf_init(&before, 100);
    buf_init(&after, 100);
    buf_add_str(&before, "<a>");
    buf_add_str(&after, "</a>");
    struct body *body = body_with_file(&before, path, &after, &err);
    assert_non_null(body);
    assert_null(before.data);
    return body;
}

static void a_file_of_any_length_comes_out_as_base64_between_the_texts(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 2, 3, 4, 6143, 6144, 6145, 20000};
    static const size_t pieces[] = {1, 3, 100, 65536};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        write_file(lengths[i]);
        FILE *file = fopen(path, "rb");
        unsigned char *raw = malloc(lengths[i] + 1);
        assert_int_equal(fread(raw, 1, lengths[i] + 1, file), lengths[i]);
        fclose(file);
        char *expected = malloc(lengths[i] * 2 + 16);
        memcpy(expected, "<a>", 3);
        int encoded = EVP_EncodeBlock((unsigned char *)expected + 3, raw, (int)lengths[i]);
        memcpy(expected + 3 + encoded, "</a>", sizeof "</a>");
        struct body *body = body_around_file();
        for (size_t p = 0; p < 4; p++) {
            char *got = malloc(lengths[i] * 2 + 65536 + 16);
            size_t len = 0;
            for (long n; (n = body_read(body, got + len, pieces[p])) > 0;)
                len += (size_t)n;
            assert_int_equal(len, body_length(body));
            assert_int_equal(len, strlen(expected));
            assert_memory_equal(got, expected, len);
            body_rewind(body);
            free(got);
        }
        body_free(&body);
        assert_null(body);
        body_free(&body);
        free(expected);
        free(raw);
        unlink(path);
    }
}

static void a_file_that_became_shorter_ends_the_body_with_an_error(void **state)
{
    (void)state;
    write_file(100000);
    struct body *body = body_around_file();
    char piece[1000];
    assert_int_equal(body_read(body, piece, sizeof(piece)), 1000);
    assert_int_equal(truncate(path, 50000), 0);
    long n;
    while ((n = body_read(body, piece, sizeof(piece))) > 0) {
    }
    assert_int_equal(n, -1);
    body_free(&body);
    unlink(path);
}

static void twenty_megabytes_pass_through_constant_memory(void **state)
{
    (void)state;
    write_file(20 * MIB);
    struct body *body = body_around_file();
    char piece[16384];
    size_t before = fixture_memory_in_use();
    int64_t total = 0;
    for (long n; (n = body_read(body, piece, sizeof(piece))) > 0; total += n)
        assert_true(fixture_memory_in_use() <= before + 65536);
    assert_int_equal(total, body_length(body));
    body_free(&body);
    unlink(path);
}

/* Everything of the body, read in pieces of this size. */
static char *drain(struct body *body, size_t piece, size_t *len)
{
    char *all = malloc((size_t)body_length(body) + piece + 1);
    *len = 0;
    for (long n; (n = body_read(body, all + *len, piece)) > 0;)
        *len += (size_t)n;
    all[*len] = '\0';
    assert_int_equal(*len, body_length(body));
    return all;
}

static void add_text(struct body *body, const char *text)
{
    struct buf buf;
    buf_init(&buf, 1000);
    buf_add_str(&buf, text);
    body_add_text(body, &buf);
}

/* Base64 with lines, undone by openssl's own decoder for PEM. */
static void check_lines(const char *coded, size_t coded_len, size_t raw_len)
{
    EVP_ENCODE_CTX *ctx = EVP_ENCODE_CTX_new();
    unsigned char *raw = malloc(coded_len + 1);
    int n = 0, rest = 0;
    EVP_DecodeInit(ctx);
    assert_true(EVP_DecodeUpdate(ctx, raw, &n, (const unsigned char *)coded, (int)coded_len) >=
                0);
    assert_int_equal(EVP_DecodeFinal(ctx, raw + n, &rest), 1);
    assert_int_equal(n + rest, raw_len);
    for (size_t i = 0; i < raw_len; i++)
        assert_int_equal(raw[i], (unsigned char)(i % 4096 * 7 + (i % 4096 >> 8)));
    EVP_ENCODE_CTX_free(ctx);
    free(raw);
}

static void a_file_within_mime_within_an_element_comes_out_whole(void **state)
{
    (void)state;
    static const size_t lengths[] = {0, 1, 56, 57, 58, 114, 6155, 6156, 6157, 6211, 40000};
    static const size_t pieces[] = {1, 7, 8192, 100000};
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct err err = {0};
        struct body *body = body_new();
        write_file(lengths[i]);
        add_text(body, "<m>");
        body_begin_base64(body);
        add_text(body, "Head: 1\r\n\r\n");
        body_add_file(body, path, BODY_MIME_LINES);
        add_text(body, "--tail");
        body_end_base64(body);
        add_text(body, "</m>");
        body = body_whole(body, &err);
        assert_non_null(body);
        for (size_t p = 0; p < 4; p++) {
            size_t len;
            char *all = drain(body, pieces[p], &len);
            assert_memory_equal(all, "<m>", 3);
            assert_memory_equal(all + len - 4, "</m>", 4);
            unsigned char *mime = malloc(len + 1);
            int n = EVP_DecodeBlock(mime, (unsigned char *)all + 3, (int)len - 7);
            while (n > 0 && mime[n - 1] == '\0')
                n--; /* EVP_DecodeBlock counts the padding */
            assert_memory_equal(mime, "Head: 1\r\n\r\n", 11);
            assert_memory_equal(mime + n - 6, "--tail", 6);
            check_lines((char *)mime + 11, (size_t)n - 17, lengths[i]);
            free(mime);
            free(all);
            body_rewind(body);
        }
        body_free(&body);
        unlink(path);
    }
}

static void the_first_thing_that_failed_is_told(void **state)
{
    (void)state;
    struct err err = {0};
    struct body *body = body_new();
    add_text(body, "a");
    body_add_file(body, "/nonexistent/a.wav", BODY_ONE_LINE);
    body_add_file(body, "/nonexistent/b.wav", BODY_ONE_LINE);
    add_text(body, "b");
    assert_null(body_whole(body, &err));
    assert_int_equal(err.kind, ERR_NO_INPUT);
    assert_non_null(strstr(err.text, "a.wav"));
    assert_null(body_whole(NULL, &err));
    assert_int_equal(err.kind, ERR_SYSTEM);
}

static void read_back(const char *expected, size_t len)
{
    char got[64] = "";
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fread(got, 1, sizeof(got), file), len);
    assert_memory_equal(got, expected, len);
    fclose(file);
}

static void a_download_is_whole_or_not_there(void **state)
{
    (void)state;
    struct err err = {0};
    write_file(0);
    unlink(path);
    struct download *download = download_new(path, 100, &err);
    assert_true(download_add(download, "Uk\r\nlG", 6, &err));
    assert_true(download_add(download, "R n", 3, &err));
    assert_int_equal(access(path, F_OK), -1);
    assert_true(download_add(download, "g=", 2, &err));
    assert_true(download_commit(&download, &err));
    assert_null(download);
    read_back("RIFFx", 5);
    unlink(path);

    static const char *const bad[] = {"UklGR", "Ukl=G",    "Ukl!", "=",
                                      "U===",  "Ukl=====", "Uk==x"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        download = download_new(path, 100, &err);
        bool ok = download_add(download, bad[i], strlen(bad[i]), &err);
        ok = ok && download_commit(&download, &err);
        assert_false(ok);
        download_abort(&download);
        assert_int_equal(access(path, F_OK), -1);
    }
}

static void a_download_larger_than_allowed_is_refused(void **state)
{
    (void)state;
    struct err err = {0};
    write_file(0);
    unlink(path);
    struct download *download = download_new(path, 5, &err);
    assert_false(download_add(download, "UklGRngx", 8, &err));
    assert_int_equal(err.kind, ERR_REFUSED);
    download_abort(&download);
    assert_int_equal(access(path, F_OK), -1);
    assert_null(download_new("/nonexistent/x", 5, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_of_any_length_comes_out_as_base64_between_the_texts),
        cmocka_unit_test(a_file_that_became_shorter_ends_the_body_with_an_error),
        cmocka_unit_test(twenty_megabytes_pass_through_constant_memory),
        cmocka_unit_test(a_file_within_mime_within_an_element_comes_out_whole),
        cmocka_unit_test(the_first_thing_that_failed_is_told),
        cmocka_unit_test(a_download_is_whole_or_not_there),
        cmocka_unit_test(a_download_larger_than_allowed_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
