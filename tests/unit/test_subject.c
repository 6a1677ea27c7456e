/* Subjects: every type and parameter in both languages, what the configuration changes, and
 * that nothing is cut inside a character. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/text.h"
#include "queue/wording.h"
#include "store/subject.h"

static const struct subject_facts all = {
    .caller_number = "100",
    .called_number = "200",
    .name = "Ben",
    .extension = "300",
    .urgent = true,
    .private = true,
    .secure = true,
    .dispatch = true,
};
static const struct subject_facts none = {.name = ""};

/* With a format of the test's, and the language's own words. */
static const char *make_in(enum language language, const char *format,
                           const struct subject_facts *facts)
{
    static char text[256];
    struct subject_texts texts = subject_built_in()->language[language];

    texts.format[SUBJECT_USER] = format;
    subject_make(&texts, SUBJECT_USER, facts, text, sizeof text);
    return text;
}

static const char *make(const char *format, const struct subject_facts *facts)
{
    return make_in(LANGUAGE_EN, format, facts);
}

static const char *built_in(enum language language, enum subject_type type,
                            const struct subject_facts *facts)
{
    static char text[256];

    subject_make(&subject_built_in()->language[language], type, facts, text, sizeof text);
    return text;
}

#define EVERY "%CALLERID%|%CALLEDID%|%NAME%|%EXTENSION%|%U%|%P%|%S%|%D%"

/* rule: subject-templates */
static void every_parameter_is_filled_in_in_both_languages(void **state)
{
    (void)state;
    assert_string_equal(make_in(LANGUAGE_EN, EVERY, &all),
                        "100|200|Ben|300|Urgent|Private|Secure|Dispatch");
    assert_string_equal(make_in(LANGUAGE_JA, EVERY, &all),
                        "100|200|Ben|300|至急|親展|セキュア|ディスパッチ");
}

/* rule: subject-templates */
static void what_is_unknown_has_its_text_and_flags_that_are_off_leave_none(void **state)
{
    (void)state;
    assert_string_equal(
        make_in(LANGUAGE_EN, EVERY, &none),
        "Unknown caller ID|Unknown called ID|Unknown name|Unknown extension||||");
    assert_string_equal(make_in(LANGUAGE_JA, EVERY, &none),
                        "発信者番号不明|着信番号不明|名前不明|内線番号不明||||");
    assert_string_equal(make("%U% %P%  %S% Message   %D%", &none), "Message");
    assert_string_equal(make("", &none), "");
}

/* rule: subject-templates */
static void each_type_has_its_format_in_both_languages(void **state)
{
    static const struct subject_facts plain = {.caller_number = "4133", .name = "田中"};

    (void)state;
    assert_string_equal(built_in(LANGUAGE_EN, SUBJECT_OUTSIDE_CALLER, &plain),
                        "Voice message from 4133");
    assert_string_equal(built_in(LANGUAGE_EN, SUBJECT_USER, &plain),
                        "Message from 田中 [4133]");
    assert_string_equal(built_in(LANGUAGE_EN, SUBJECT_INTERVIEW, &none),
                        "Message from Unknown name [Unknown caller ID]");
    assert_string_equal(built_in(LANGUAGE_EN, SUBJECT_LIVE_RECORD, &plain),
                        "Live Record message from 4133");
    assert_string_equal(built_in(LANGUAGE_JA, SUBJECT_OUTSIDE_CALLER, &plain),
                        "4133 からのボイスメッセージ");
    assert_string_equal(built_in(LANGUAGE_JA, SUBJECT_USER, &all),
                        "至急 親展 セキュア Ben [100] からのメッセージ");
    assert_string_equal(built_in(LANGUAGE_JA, SUBJECT_INTERVIEW, &none),
                        "名前不明 [発信者番号不明] からのメッセージ");
    assert_string_equal(built_in(LANGUAGE_JA, SUBJECT_LIVE_RECORD, &plain),
                        "4133 との通話の録音");
    assert_string_equal(built_in(LANGUAGE_JA, SUBJECT_OUTSIDE_CALLER, &all),
                        "至急 ディスパッチ 100 からのボイスメッセージ");
}

static void a_percent_sign_that_is_no_parameter_stays(void **state)
{
    const struct subject_facts facts = {.name = "100% %U% %NAME%"};

    (void)state;
    assert_string_equal(make("50% %X% %name% %", &facts), "50% %X% %name% %");
    /* What a caller is called is not a format. */
    assert_string_equal(make("%NAME%", &facts), "100% %U% %NAME%");
}

static void a_long_subject_is_cut_at_a_whole_character(void **state)
{
    static const char whole[] = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"
                                "b\xE7\x94\xB0 \xE4\xB8\xAD";
    const struct subject_facts facts = {.name = whole};
    const struct subject_texts texts = {.format[SUBJECT_USER] = "%NAME%"};

    (void)state;
    for (size_t size = 1; size < sizeof whole + 8; size++) {
        char *text = malloc(size); /* exactly so much, so that a byte more is seen */
        assert_non_null(text);
        subject_make(&texts, SUBJECT_USER, &facts, text, size);
        size_t len = strlen(text);
        assert_true(len < size);
        assert_memory_equal(text, whole, len);
        if (!text_is_utf8(text))
            fail_msg("cut inside a character at %zu bytes", size);
        /* No more is lost than the character that did not fit, and a space before it. */
        assert_true(size >= sizeof whole ? len == sizeof whole - 1 : len + 6 > size);
        free(text);
    }
}

/* ---- the configuration ---- */

static struct config *load(const char *sections, struct err *err)
{
    char path[] = "/tmp/sib-subject-XXXXXX";
    int fd = mkstemp(path);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;

    assert_non_null(file);
    fprintf(file, "[node]\nname = one\n%s", sections);
    fclose(file);
    struct config *config = config_load(path, err);
    unlink(path);
    return config;
}

/* Every key with its own name for a value, in one language. */
#define EVERY_KEY                                                                              \
    "outside-caller = outside-caller\nuser = user\ninterview = interview\n"                    \
    "live-record = live-record\nunknown-caller = unknown-caller\n"                             \
    "unknown-called = unknown-called\nunknown-name = unknown-name\n"                           \
    "unknown-extension = unknown-extension\nurgent = urgent\nprivate = private\n"              \
    "secure = secure\ndispatch = dispatch\n"

/* rule: subject-templates */
static void
the_configuration_changes_each_text_of_one_language_and_none_of_the_other(void **state)
{
    static const char *const formats[] = {"outside-caller", "user", "interview", "live-record"};
    static const char *const words[] = {
        "unknown-caller", "unknown-called", "unknown-name", "unknown-extension",
        "urgent",         "private",        "secure",       "dispatch"};

    (void)state;
    for (int language = 0; language < LANGUAGES; language++) {
        struct err err;
        struct subject_book book;
        char sections[1024];
        snprintf(sections, sizeof sections, "[subject \"%s\"]\n" EVERY_KEY,
                 language_name((enum language)language));
        struct config *config = load(sections, &err);
        if (!config)
            fail_msg("%s", err.text);
        wording_read(config, &book);
        for (int i = 0; i < SUBJECT_TYPES; i++)
            assert_string_equal(book.language[language].format[i], formats[i]);
        for (int i = 0; i < SUBJECT_WORDS; i++)
            assert_string_equal(book.language[language].word[i], words[i]);
        assert_memory_equal(&book.language[!language], &subject_built_in()->language[!language],
                            sizeof(struct subject_texts));
        config_free(&config);
    }
}

static void without_a_configuration_the_built_in_texts_hold(void **state)
{
    struct subject_book book;

    (void)state;
    wording_read(NULL, &book);
    assert_memory_equal(&book, subject_built_in(), sizeof book);
}

static void a_section_for_both_languages_and_written_twice_is_one(void **state)
{
    struct err err;
    struct subject_book book;
    struct config *config =
        load("[subject \"ja\"]\nurgent = 緊急\n[subject \"EN\"]\nurgent = !\n"
             "[subject \"JA\"]\nprivate = 私用\n",
             &err);

    (void)state;
    if (!config)
        fail_msg("%s", err.text);
    assert_int_equal(config->subject_count, 2);
    wording_read(config, &book);
    assert_string_equal(book.language[LANGUAGE_JA].word[SUBJECT_URGENT], "緊急");
    assert_string_equal(book.language[LANGUAGE_JA].word[SUBJECT_PRIVATE], "私用");
    assert_string_equal(book.language[LANGUAGE_EN].word[SUBJECT_URGENT], "!");
    config_free(&config);
}

static void a_section_that_makes_no_sense_is_refused_with_its_line(void **state)
{
    static const struct {
        const char *sections, *says;
    } cases[] = {
        {"[subject \"de\"]\nurgent = Eilt\n", "must be one of en|ja"},
        {"[subject]\nurgent = Eilt\n", "must be one of en|ja"},
        {"[subject \"en\"]\nsecret = x\n", "there is no key \"secret\""},
        {"[subject \"ja\"]\nurgent = \x8e\x8b\n", "is not UTF-8"},
        {"[subject \"en\"]\nurgent =\n", "urgent is empty"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err err;
        struct config *config = load(cases[i].sections, &err);
        assert_null(config);
        assert_int_equal(err.kind, ERR_CONFIG);
        if (!strstr(err.text, cases[i].says) || !strstr(err.text, "line 4"))
            fail_msg("\"%s\" does not say \"%s\" and line 4", err.text, cases[i].says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_parameter_is_filled_in_in_both_languages),
        cmocka_unit_test(what_is_unknown_has_its_text_and_flags_that_are_off_leave_none),
        cmocka_unit_test(each_type_has_its_format_in_both_languages),
        cmocka_unit_test(a_percent_sign_that_is_no_parameter_stays),
        cmocka_unit_test(a_long_subject_is_cut_at_a_whole_character),
        cmocka_unit_test(
            the_configuration_changes_each_text_of_one_language_and_none_of_the_other),
        cmocka_unit_test(without_a_configuration_the_built_in_texts_hold),
        cmocka_unit_test(a_section_for_both_languages_and_written_twice_is_one),
        cmocka_unit_test(a_section_that_makes_no_sense_is_refused_with_its_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
