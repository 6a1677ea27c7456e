/* Audio: what is a voice message and what is not, and files that are named by their content. */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/id.h"
#include "store/audio.h"
#include "store/wav.h"
#include "tests/support/site.h"
#include "tests/support/store_fixture.h"

enum { HOUR_MS = 3600 * 1000 };

/* ---- reading WAV headers ---- */

/* A WAV file being put together. */
struct wav {
    unsigned char bytes[4096];
    size_t len;
};

static void put(struct wav *wav, uint32_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        wav->bytes[wav->len++] = (unsigned char)(value >> (8 * i));
}

static void put_name(struct wav *wav, const char *name)
{
    memcpy(wav->bytes + wav->len, name, 4);
    wav->len += 4;
}

static void put_zeros(struct wav *wav, size_t count)
{
    memset(wav->bytes + wav->len, 0, count);
    wav->len += count;
}

static struct wav begin_wav(void)
{
    struct wav wav = {.len = 0};

    put_name(&wav, "RIFF");
    put(&wav, 0, 4);
    put_name(&wav, "WAVE");
    return wav;
}

/* size: of the chunk; 16 or more. */
static void put_format(struct wav *wav, int format, int bits, uint32_t size)
{
    put_name(wav, "fmt ");
    put(wav, size, 4);
    put(wav, (uint32_t)format, 2);
    put(wav, 1, 2);
    put(wav, 8000, 4);
    put(wav, 8000 * (uint32_t)bits / 8, 4);
    put(wav, (uint32_t)bits / 8, 2);
    put(wav, (uint32_t)bits, 2);
    put_zeros(wav, size - 16);
}

static void put_data(struct wav *wav, uint32_t said, size_t there)
{
    put_name(wav, "data");
    put(wav, said, 4);
    put_zeros(wav, there);
}

static struct wav plain_wav(void)
{
    struct wav wav = begin_wav();

    put_format(&wav, 1, 16, 16);
    put_data(&wav, 1600, 1600);
    return wav;
}

static bool parse(const struct wav *wav, struct wav_info *info, struct err *err)
{
    return wav_parse(wav->bytes, wav->len, (int64_t)wav->len, info, err);
}

static void assert_bad(const struct wav *wav, const char *words)
{
    struct wav_info info;
    struct err err;

    assert_false(parse(wav, &info, &err));
    assert_int_equal(err.kind, ERR_DATA);
    if (!strstr(err.text, words))
        fail_msg("\"%s\" does not say \"%s\"", err.text, words);
}

static void read_fixture(const char *name, struct buf *out)
{
    struct err err;

    buf_init(out, 1 << 20);
    if (!file_read(site_fixture(name), out, &err))
        fail_msg("%s", err.text);
}

static void every_fixture_is_taken_or_refused_with_its_reason(void **state)
{
    /* format and milliseconds of fixtures/voice/README.md, or the words of the refusal */
    static const struct {
        const char *name;
        int format;
        int64_t duration_ms;
        const char *words;
    } rows[] = {
        {"en-greeting-ulaw.wav", 7, 5630, NULL},
        {"en-meeting-pcm16.wav", 1, 3160, NULL},
        {"en-urgent-ulaw.wav", 7, 7080, NULL},
        {"en-short-pcm16.wav", 1, 2630, NULL},
        {"ja-greeting-ulaw.wav", 7, 4950, NULL},
        {"ja-meeting-pcm16.wav", 1, 3410, NULL},
        {"ja-urgent-ulaw.wav", 7, 4950, NULL},
        {"ja-thanks-pcm16.wav", 1, 3560, NULL},
        {"not-a-wav.wav", 0, 0, "not a WAV file"},
        {"truncated.wav", 0, 0, "truncated: 4000 of 45055 bytes"},
        {"empty.wav", 0, 0, "not a WAV file"},
        {"mp3-inside.wav", 0, 0, "format 85"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf file;
        struct wav_info info;
        struct err err;
        read_fixture(rows[i].name, &file);
        bool ok = wav_parse((const unsigned char *)buf_str(&file), file.len, (int64_t)file.len,
                            &info, &err);
        if (ok != (rows[i].words == NULL))
            fail_msg("%s: %s", rows[i].name, ok ? "taken" : err.text);
        if (ok) {
            assert_int_equal(info.format, rows[i].format);
            assert_int_equal(info.channels, 1);
            assert_int_equal(info.sample_rate, 8000);
            assert_in_range(info.duration_ms, rows[i].duration_ms - 5, rows[i].duration_ms + 5);
        } else if (!strstr(err.text, rows[i].words)) {
            fail_msg("%s: %s", rows[i].name, err.text);
        }
        buf_clear(&file);
    }
}

static void the_codings_that_phones_play_are_taken_and_no_others(void **state)
{
    static const struct {
        int format, bits;
        bool taken;
    } rows[] = {{1, 8, true},       {1, 16, true}, {6, 8, true},   {7, 8, true},
                {1, 24, false},     {1, 0, false}, {3, 32, false}, {2, 4, false},
                {0xFFFE, 16, false} /* WAVE_FORMAT_EXTENSIBLE: no phone writes it */};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct wav wav = begin_wav();
        struct wav_info info;
        struct err err;
        put_format(&wav, rows[i].format, rows[i].bits, rows[i].format == 0xFFFE ? 40 : 16);
        put_data(&wav, 800, 800);
        if (rows[i].taken && !parse(&wav, &info, &err))
            fail_msg("format %d: %s", rows[i].format, err.text);
        if (!rows[i].taken)
            assert_bad(&wav, "convert it to PCM, A-law, u-law or GSM 6.10");
    }
}

static void gsm_is_timed_by_its_bytes_a_second(void **state)
{
    struct wav wav = begin_wav();
    struct wav_info info;
    struct err err;

    (void)state;
    put_format(&wav, 49, 0, 20);
    wav.bytes[28] = 1625 & 0xff; /* 65 bytes hold 40 ms */
    wav.bytes[29] = 1625 >> 8;
    put_data(&wav, 1625, 1625);
    assert_true(parse(&wav, &info, &err));
    assert_int_equal(info.duration_ms, 1000);
}

static void chunks_of_odd_length_and_unknown_ones_are_passed_over(void **state)
{
    struct wav wav = begin_wav();
    struct wav_info info;
    struct err err;

    (void)state;
    put_name(&wav, "LIST");
    put(&wav, 7, 4);
    put_zeros(&wav, 8); /* an odd chunk is followed by a byte that does not count */
    put_format(&wav, 7, 8, 18);
    put_name(&wav, "fact");
    put(&wav, 4, 4);
    put(&wav, 801, 4);
    put_name(&wav, "bext");
    put(&wav, 0, 4);
    put_data(&wav, 801, 801);
    put_name(&wav, "id3 ");
    put(&wav, 300, 4);
    assert_true(parse(&wav, &info, &err));
    assert_int_equal(info.data_bytes, 801);
    assert_int_equal(info.duration_ms, 100);
}

static void data_of_a_recorder_that_streamed_reaches_to_the_end(void **state)
{
    static const uint32_t sizes[] = {0, UINT32_MAX};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct wav wav = begin_wav();
        struct wav_info info;
        struct err err;
        put_format(&wav, 1, 16, 16);
        put_data(&wav, sizes[i], 1600);
        assert_true(parse(&wav, &info, &err));
        assert_int_equal(info.data_bytes, 1600);
        assert_int_equal(info.duration_ms, 100);
    }
    struct wav empty = begin_wav();
    put_format(&empty, 1, 16, 16);
    put_data(&empty, 0, 0);
    assert_bad(&empty, "no audio");
}

static void headers_that_make_no_sense_are_refused(void **state)
{
    struct wav wav = begin_wav();

    (void)state;
    put_data(&wav, 100, 100);
    assert_bad(&wav, "no format chunk before its data");
    wav = plain_wav();
    memcpy(wav.bytes, "RIFX", 4);
    assert_bad(&wav, "not a WAV file");
    wav = plain_wav();
    wav.bytes[22] = 0; /* channels */
    assert_bad(&wav, "makes no sense (0 channels");
    wav = plain_wav();
    memset(wav.bytes + 24, 0, 4); /* sample rate */
    assert_bad(&wav, "makes no sense");
    wav = plain_wav();
    memset(wav.bytes + 28, 0, 4); /* bytes a second: nothing is divided by it */
    assert_bad(&wav, "makes no sense");
    wav = begin_wav();
    put_name(&wav, "fmt ");
    put(&wav, 8, 4);
    put_zeros(&wav, 8);
    put_data(&wav, 100, 100);
    assert_bad(&wav, "format chunk is too short");
    wav = begin_wav();
    put_name(&wav, "LIST");
    put(&wav, UINT32_MAX, 4);
    put_zeros(&wav, 100);
    assert_bad(&wav, "no audio within its first");
}

/* Each prefix stands in memory of exactly its size, so that a read past its end is seen. */
static void a_header_cut_at_any_byte_is_refused_without_harm(void **state)
{
    struct wav wav = plain_wav();
    struct wav_info info;
    struct err err;

    (void)state;
    for (size_t len = 0; len < wav.len; len++) {
        unsigned char *part = malloc(len ? len : 1);
        assert_non_null(part);
        memcpy(part, wav.bytes, len);
        if (wav_parse(part, len, (int64_t)len, &info, &err))
            fail_msg("taken with %zu of %zu bytes", len, wav.len);
        assert_int_equal(err.kind, ERR_DATA);
        free(part);
    }
    assert_true(parse(&wav, &info, &err));
}

static void a_header_with_any_byte_changed_does_no_harm(void **state)
{
    (void)state;
    for (size_t at = 0; at < 44; at++) {
        for (int value = 0; value < 256; value++) {
            struct wav wav = plain_wav();
            struct wav_info info;
            struct err err;
            wav.bytes[at] = (unsigned char)value;
            if (parse(&wav, &info, &err)) {
                assert_in_range(info.data_bytes, 1, wav.len);
                assert_true(info.duration_ms >= 0);
            }
        }
    }
}

/* ---- files ---- */

static struct audio_info import(struct store_fixture *f, const char *fixture)
{
    struct audio_info info;

    sf_ok(f, audio_import(f->store, site_fixture(fixture), &info, &f->err));
    return info;
}

static int count_files(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    int count = 0;

    while (dir && (entry = readdir(dir))) {
        char below[SF_PATH * 2];
        struct stat st;
        if (entry->d_name[0] == '.')
            continue;
        snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
        assert_int_equal(stat(below, &st), 0);
        count += S_ISDIR(st.st_mode) ? count_files(below) : 1;
    }
    if (dir)
        closedir(dir);
    return count;
}

static int files_kept(struct store_fixture *f)
{
    return count_files(sf_path(f, "audio"));
}

static int64_t collect_after(struct store_fixture *f, int64_t ms)
{
    int64_t removed = -1;

    /* The files' times are the system's, the store's clock is ours. */
    f->now.ms = clock_wall().ms + ms;
    sf_ok(f, audio_collect(f->store, &removed, &f->err));
    return removed;
}

static void audio_is_kept_under_the_digest_of_its_content(void **state)
{
    struct store_fixture *f = *state;
    char path[LIMIT_PATH], digest[LIMIT_SHA256], expected[LIMIT_PATH];
    struct stat st;

    struct audio_info info = import(f, "en-greeting-ulaw.wav");
    /* the sum that fixtures/voice/README.md gives */
    assert_string_equal(info.sha256,
                        "606c95bf4f35688bf2c9b7d015cb24119687829e6cda89ec3fb34cd7029be1ab");
    assert_int_equal(info.bytes, 45114);
    assert_in_range(info.duration_ms, 5625, 5635);
    sf_ok(f, audio_path(f->store, info.sha256, path, &f->err));
    snprintf(expected, sizeof expected, "%s/audio/60/%s.wav", f->state, info.sha256);
    assert_string_equal(path, expected);
    sf_ok(f, sha256_file(path, digest, &f->err));
    assert_string_equal(digest, info.sha256);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void the_same_audio_twice_is_one_file(void **state)
{
    struct store_fixture *f = *state;

    struct audio_info first = import(f, "en-greeting-ulaw.wav");
    struct audio_info second = import(f, "en-greeting-ulaw.wav");
    assert_string_equal(first.sha256, second.sha256);
    assert_int_equal(files_kept(f), 1);
    import(f, "ja-greeting-ulaw.wav");
    assert_int_equal(files_kept(f), 2);
}

static void what_is_refused_leaves_no_file_behind(void **state)
{
    struct store_fixture *f = *state;
    static const char *const bad[] = {"not-a-wav.wav", "truncated.wav", "empty.wav",
                                      "mp3-inside.wav"};
    struct audio_info info;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(audio_import(f->store, site_fixture(bad[i]), &info, &f->err));
        assert_int_equal(f->err.kind, ERR_DATA);
        assert_non_null(strstr(f->err.text, bad[i])); /* the sentence names the file */
        assert_non_null(strstr(f->err.text, "cannot be taken as a voice message"));
    }
    assert_false(audio_import(f->store, f->dir, &info, &f->err));
    assert_int_equal(f->err.kind, ERR_DATA);
    assert_non_null(strstr(f->err.text, "is not a file"));
    assert_false(audio_import(f->store, "/nonexistent/a.wav", &info, &f->err));
    assert_int_equal(f->err.kind, ERR_NO_INPUT);
    assert_int_equal(files_kept(f), 0);
}

static void audio_larger_than_exchange_takes_is_refused(void **state)
{
    struct store_fixture *f = *state;
    struct wav wav = begin_wav();
    struct audio_info info;
    char path[SF_PATH];

    put_format(&wav, 1, 16, 16);
    put_data(&wav, 0, 0);
    snprintf(path, sizeof path, "%s/large.wav", f->dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(wav.bytes, 1, wav.len, file), wav.len);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(truncate(path, LIMIT_AUDIO_BYTES + 1), 0); /* a file of holes */
    assert_false(audio_import(f->store, path, &info, &f->err));
    assert_int_equal(f->err.kind, ERR_DATA);
    assert_non_null(strstr(f->err.text, "larger than 48 MiB"));
}

static void audio_that_is_not_there_is_said_to_be_gone(void **state)
{
    struct store_fixture *f = *state;
    char path[LIMIT_PATH];
    struct audio_info info = import(f, "en-short-pcm16.wav");

    sf_ok(f, audio_path(f->store, info.sha256, path, &f->err));
    unlink(path);
    assert_false(audio_path(f->store, info.sha256, path, &f->err));
    assert_int_equal(f->err.kind, ERR_GONE);
    assert_false(audio_path(f->store, "", path, &f->err));
    assert_int_equal(f->err.kind, ERR_GONE);
}

static void only_what_nobody_names_and_is_an_hour_old_is_collected(void **state)
{
    struct store_fixture *f = *state;
    struct audio_info named = import(f, "en-greeting-ulaw.wav");
    struct audio_info orphan = import(f, "en-short-pcm16.wav");
    const struct message_new message = {.mailbox = "ann", .audio = &named};
    char path[LIMIT_PATH];

    sf_begin(f);
    sf_ok(f, message_add(f->store, &message, f->id, &f->err));
    sf_commit(f);
    assert_int_equal(collect_after(f, HOUR_MS - 60000), 0);
    assert_int_equal(files_kept(f), 2);
    assert_int_equal(collect_after(f, HOUR_MS + 60000), 1);
    assert_false(audio_path(f->store, orphan.sha256, path, &f->err));
    sf_ok(f, audio_path(f->store, named.sha256, path, &f->err));
    assert_int_equal(collect_after(f, 1000LL * HOUR_MS), 0);
    /* A purge lets go of it. */
    sf_begin(f);
    sf_ok(f, message_set_folder(f->store, f->id, FOLDER_PURGED, NULL, &f->err));
    sf_commit(f);
    assert_int_equal(collect_after(f, 1000LL * HOUR_MS), 1);
    assert_int_equal(files_kept(f), 0);
}

/* Between its import and its row the file was taken for one that nobody wants. */
static void a_message_is_never_written_whose_audio_was_collected(void **state)
{
    struct store_fixture *f = *state;
    struct audio_info info = import(f, "en-short-pcm16.wav");
    const struct message_new message = {.mailbox = "ann", .audio = &info};

    assert_int_equal(collect_after(f, 2 * HOUR_MS), 1);
    sf_begin(f);
    assert_false(message_add(f->store, &message, f->id, &f->err));
    assert_int_equal(f->err.kind, ERR_TEMPORARY);
    store_rollback(f->store);
    import(f, "en-short-pcm16.wav");
    sf_begin(f);
    sf_ok(f, message_add(f->store, &message, f->id, &f->err));
    sf_commit(f);
}

static void a_file_that_two_messages_name_stays_until_both_let_go(void **state)
{
    struct store_fixture *f = *state;
    struct audio_info info = import(f, "en-short-pcm16.wav");
    const struct message_new message = {.mailbox = "ann", .audio = &info};
    char ids[2][LIMIT_UUID];

    for (int i = 0; i < 2; i++) {
        sf_begin(f);
        sf_ok(f, message_add(f->store, &message, ids[i], &f->err));
        sf_commit(f);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(collect_after(f, 2 * HOUR_MS), 0);
        sf_begin(f);
        sf_ok(f, message_set_folder(f->store, ids[i], FOLDER_PURGED, NULL, &f->err));
        sf_commit(f);
    }
    assert_int_equal(collect_after(f, 2 * HOUR_MS), 1);
}

static void audio_imported_again_is_young_again(void **state)
{
    struct store_fixture *f = *state;
    char path[LIMIT_PATH];
    struct audio_info info = import(f, "en-short-pcm16.wav");
    struct timespec old[2] = {{.tv_sec = SF_START_S}, {.tv_sec = SF_START_S}};

    sf_ok(f, audio_path(f->store, info.sha256, path, &f->err));
    assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
    import(f, "en-short-pcm16.wav"); /* its row is not committed yet */
    assert_int_equal(collect_after(f, 0), 0);
    sf_ok(f, audio_path(f->store, info.sha256, path, &f->err));
}

static void half_written_files_of_the_dead_are_collected(void **state)
{
    struct store_fixture *f = *state;

    import(f, "en-short-pcm16.wav");
    FILE *file = fopen(sf_path(f, "audio/tmp/0123456789abcdef"), "w");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(collect_after(f, 60000), 0);
    assert_int_equal(collect_after(f, HOUR_MS + 60000), 2);
    assert_int_equal(files_kept(f), 0);
}

#define PROMISE(name) cmocka_unit_test_setup_teardown(name, sf_set_up, sf_tear_down)
#define ON_DISK(name) cmocka_unit_test_setup_teardown(name, sf_set_up_on_disk, sf_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_fixture_is_taken_or_refused_with_its_reason),
        cmocka_unit_test(the_codings_that_phones_play_are_taken_and_no_others),
        cmocka_unit_test(gsm_is_timed_by_its_bytes_a_second),
        cmocka_unit_test(chunks_of_odd_length_and_unknown_ones_are_passed_over),
        cmocka_unit_test(data_of_a_recorder_that_streamed_reaches_to_the_end),
        cmocka_unit_test(headers_that_make_no_sense_are_refused),
        cmocka_unit_test(a_header_cut_at_any_byte_is_refused_without_harm),
        cmocka_unit_test(a_header_with_any_byte_changed_does_no_harm),
        ON_DISK(audio_is_kept_under_the_digest_of_its_content),
        PROMISE(the_same_audio_twice_is_one_file),
        PROMISE(what_is_refused_leaves_no_file_behind),
        PROMISE(audio_larger_than_exchange_takes_is_refused),
        PROMISE(audio_that_is_not_there_is_said_to_be_gone),
        PROMISE(only_what_nobody_names_and_is_an_hour_old_is_collected),
        PROMISE(a_message_is_never_written_whose_audio_was_collected),
        PROMISE(a_file_that_two_messages_name_stays_until_both_let_go),
        PROMISE(audio_imported_again_is_young_again),
        PROMISE(half_written_files_of_the_dead_are_collected),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
