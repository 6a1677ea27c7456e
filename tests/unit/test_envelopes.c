/* A stream of bytes taken apart into envelopes, in pieces of every size. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "ews/envelopes.h"
#include "tests/support/ews_fixture.h"

struct heard {
    struct envelopes *envelopes;
    char names[1024]; /* of the roots, each with its text */
    int count, stop_at;
    bool free_it;
};

static bool hear(const struct xml_node *root, void *arg)
{
    struct heard *heard = arg;
    size_t len = strlen(heard->names);

    snprintf(heard->names + len, sizeof heard->names - len, "%s=%s ", root->name,
             xml_text(root));
    heard->count++;
    if (heard->free_it)
        envelopes_free(&heard->envelopes);
    return heard->count != heard->stop_at;
}

static const struct xml_limits small = {.max_bytes = 4096, .max_depth = 32, .max_nodes = 200};

static void start(struct heard *heard)
{
    *heard = (struct heard){0};
    heard->envelopes = envelopes_new(&small, hear, heard);
    assert_non_null(heard->envelopes);
}

static bool feed_by(struct heard *heard, const char *text, size_t len, size_t piece,
                    struct err *err)
{
    for (size_t at = 0; at < len; at += piece) {
        size_t n = len - at < piece ? len - at : piece;
        char *exact = malloc(n); /* so that a sanitizer sees a read past its end */
        memcpy(exact, text + at, n);
        bool ok = envelopes_feed(heard->envelopes, exact, n, err);
        free(exact);
        if (!ok)
            return false;
    }
    return true;
}

static const char three[] =
    "\xEF\xBB\xBF<?xml version=\"1.0\"?>\r\n<a>1</a>\r\n"
    "<?xml version='1.0' encoding='utf-8'?><!-- - > - -x <no> --><b k='>' l=\"b>'\">"
    "<![CDATA[</b>]]>2<c/><!----></b >\n\xEF\xBB\xBF \t"
    "<d\n k='/'\n/><e><e><?pi ?> <x/></e></e>";

static void documents_are_found_whatever_the_pieces(void **state)
{
    (void)state;
    for (size_t piece = 1; piece <= sizeof three; piece++) {
        struct heard heard;
        struct err err;
        start(&heard);
        if (!feed_by(&heard, three, sizeof three - 1, piece, &err))
            fail_msg("pieces of %zu: %s", piece, err.text);
        assert_string_equal(heard.names, "a=1 b=</b>2 d= e= ");
        assert_true(envelopes_at_rest(heard.envelopes));
        envelopes_free(&heard.envelopes);
    }
}

static void the_middle_of_an_envelope_is_not_its_end(void **state)
{
    struct heard heard;
    struct err err;
    const size_t len = sizeof three - 1;
    int whole = 0;

    (void)state;
    for (size_t cut = 0; cut <= len; cut++) {
        start(&heard);
        assert_true(feed_by(&heard, three, cut, 7, &err));
        whole += envelopes_at_rest(heard.envelopes);
        envelopes_free(&heard.envelopes);
    }
    /* Before the first, between the documents, after the last; a mark is nothing yet. */
    assert_int_equal(whole, 2 + 3 + 5 + 1 + 1);
}

static void what_is_not_xml_ends_it_for_good(void **state)
{
    static const char *const wrong[] = {
        "hello",
        "<a/>x",
        "<a/>\xEF<b/>",
        "<>",
        "< a/>",
        "</a>",
        "<a></b>",
        "<a></a></a>",
        "<!DOCTYPE a><a/>",
        "<!ELEMENT a><a/>",
        "<a><!DOCTYPE b></a>",
        "<a <b/>",
        "<a b='<'/><",
        "<html><p></html>",
        "<!-x><a/>",
        "<a><![CDAT</a>",
    };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        for (size_t piece = 1; piece < 20; piece++) {
            struct heard heard;
            struct err err;
            start(&heard);
            bool ok = feed_by(&heard, wrong[i], strlen(wrong[i]), piece, &err) &&
                      envelopes_at_rest(heard.envelopes);
            if (ok)
                fail_msg("taken for right: %s", wrong[i]);
            envelopes_free(&heard.envelopes);
        }
    }
}

static void after_an_error_nothing_is_taken_any_more(void **state)
{
    struct heard heard;
    struct err err;

    (void)state;
    start(&heard);
    assert_false(envelopes_feed(heard.envelopes, "<a/>x", 5, &err));
    assert_int_equal(err.kind, ERR_PROTOCOL);
    assert_false(envelopes_feed(heard.envelopes, "<a/>", 4, &err));
    assert_int_equal(heard.count, 1);
    envelopes_free(&heard.envelopes);
}

static void each_envelope_is_bounded_and_their_number_is_not(void **state)
{
    struct heard heard;
    struct err err;
    char line[64];

    (void)state;
    start(&heard);
    for (int i = 0; i < 20000; i++) { /* some hundred times the limit of one */
        snprintf(line, sizeof line, "<beat><n>%d</n></beat>\n", i);
        assert_true(envelopes_feed(heard.envelopes, line, strlen(line), &err));
        heard.names[0] = '\0';
    }
    assert_int_equal(heard.count, 20000);
    bool ok = envelopes_feed(heard.envelopes, "<long>", 6, &err);
    for (int i = 0; ok && i < 20000; i++)
        ok = envelopes_feed(heard.envelopes, "words ", 6, &err);
    assert_false(ok);
    envelopes_free(&heard.envelopes);
}

static void memory_does_not_grow_with_time(void **state)
{
    struct heard heard;
    struct err err;
    size_t before = 0;

    (void)state;
    start(&heard);
    for (int i = 0; i < 2000; i++) {
        assert_true(envelopes_feed(heard.envelopes, three, sizeof three - 1, &err));
        heard.names[0] = '\0';
        if (i == 100)
            before = fixture_memory_in_use();
    }
    assert_true(fixture_memory_in_use() <= before + 4096);
    envelopes_free(&heard.envelopes);
}

static void the_callback_may_stop_and_may_free(void **state)
{
    struct heard heard;
    struct err err;

    (void)state;
    start(&heard);
    heard.stop_at = 2;
    assert_false(envelopes_feed(heard.envelopes, "<a/><b/><c/>", 12, &err));
    assert_int_equal(err.kind, ERR_CANCELLED);
    assert_int_equal(heard.count, 2);
    envelopes_free(&heard.envelopes);
    start(&heard);
    heard.free_it = true;
    assert_false(envelopes_feed(heard.envelopes, "<a/><b/><c/>", 12, &err));
    assert_int_equal(heard.count, 1);
    assert_null(heard.envelopes);
}

/* Every captured document, one after another, as one stream. */
static void captured_answers_are_taken_apart(void **state)
{
    static const struct xml_limits large = {
        .max_bytes = MIB, .max_depth = LIMIT_XML_DEPTH, .max_nodes = LIMIT_XML_NODES};
    char dir[512], path[1024];
    struct dirent *entry;
    int documents = 0;

    (void)state;
    snprintf(dir, sizeof dir, "%s/ews-traces", fixture_shared());
    DIR *traces = opendir(dir);
    if (!traces) {
        print_message("skipped: %s is not here\n", dir);
        skip();
    }
    while ((entry = readdir(traces))) {
        struct heard heard = {0};
        struct buf text;
        char piece[333];
        struct err err;
        size_t n, len = strlen(entry->d_name);
        if (len < 4 || strcmp(entry->d_name + len - 4, ".xml") != 0)
            continue;
        snprintf(path, sizeof path, "%s/%s", dir, entry->d_name);
        FILE *file = fopen(path, "r");
        assert_non_null(file);
        buf_init(&text, MIB);
        while ((n = fread(piece, 1, sizeof piece, file)) > 0)
            buf_add(&text, piece, n);
        fclose(file);
        heard.envelopes = envelopes_new(&large, hear, &heard);
        bool once = feed_by(&heard, buf_str(&text), text.len, 17, &err) &&
                    envelopes_at_rest(heard.envelopes);
        bool twice = once && feed_by(&heard, buf_str(&text), text.len, 1021, &err);
        documents += twice && heard.count == 2;
        buf_clear(&text);
        envelopes_free(&heard.envelopes);
    }
    closedir(traces);
    print_message("%d documents\n", documents);
    assert_true(documents > 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(documents_are_found_whatever_the_pieces),
        cmocka_unit_test(the_middle_of_an_envelope_is_not_its_end),
        cmocka_unit_test(what_is_not_xml_ends_it_for_good),
        cmocka_unit_test(after_an_error_nothing_is_taken_any_more),
        cmocka_unit_test(each_envelope_is_bounded_and_their_number_is_not),
        cmocka_unit_test(memory_does_not_grow_with_time),
        cmocka_unit_test(the_callback_may_stop_and_may_free),
        cmocka_unit_test(captured_answers_are_taken_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
