/* The XML reader and writer: what they accept, refuse and produce. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/xml.h"

static struct xml_reader *fed(const char *text, size_t piece, bool *ok, struct err *err)
{
    struct xml_reader *reader = xml_reader_new(NULL, NULL);
    size_t len = strlen(text);
    *ok = true;
    for (size_t at = 0; at < len && *ok; at += piece)
        *ok = xml_reader_feed(reader, text + at, len - at < piece ? len - at : piece, err);
    return reader;
}

static bool accepts(const char *text)
{
    struct err err = {0};
    bool ok;
    const struct xml_node *root;
    struct xml_reader *reader = fed(text, 7, &ok, &err);
    ok = ok && xml_reader_end(reader, &root, &err);
    xml_reader_free(&reader);
    assert_true(ok || err.kind != ERR_OK);
    return ok;
}

static void a_document_read_byte_by_byte_gives_the_same_tree(void **state)
{
    (void)state;
    static const char text[] =
        "\xEF\xBB\xBF<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<!-- c -->"
        "<a:x xmlns:a=\"urn:a\" xmlns=\"urn:d\"><y "
        "k=\"1&amp;2&lt;&#38;#38;\">Gr\xC3\xBC\xC3\x9F"
        "e \xF0\x9F\x93\x9E &amp; <![CDATA[<raw>]]>\xE2\x82\xAC</y><a:z/>tail</a:x>  <!-- e "
        "-->\n";
    for (size_t piece = 1; piece < sizeof(text); piece++) {
        struct err err = {0};
        bool ok;
        const struct xml_node *root = NULL;
        struct xml_reader *reader = fed(text, piece, &ok, &err);
        assert_true(ok && xml_reader_end(reader, &root, &err));
        assert_string_equal(root->name, "x");
        assert_string_equal(root->ns, "urn:a");
        assert_string_equal(xml_text(root), "tail");
        const struct xml_node *y = xml_child(root, "urn:d", "y");
        assert_string_equal(xml_text(y), "Gr\xC3\xBC\xC3\x9F"
                                         "e \xF0\x9F\x93\x9E & <raw>\xE2\x82\xAC");
        assert_string_equal(xml_attr(y, "k"), "1&2<&#38;");
        assert_null(xml_attr(y, "absent"));
        assert_null(xml_child(root, "urn:d", "z"));
        assert_non_null(xml_find(root, "urn:a", "z"));
        assert_false(xml_reader_recovered(reader));
        xml_reader_free(&reader);
        assert_null(reader);
    }
}

static void long_text_in_any_pieces_is_kept_whole(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, MIB);
    for (int i = 0; i < 3000; i++)
        buf_add_str(&text, i % 2 ? "\xC3\xA9" : "\xF0\x9F\x93\x9E");
    struct buf doc;
    buf_init(&doc, MIB);
    buf_printf(&doc, "<a>%s</a>", buf_str(&text));
    for (size_t piece = 1; piece < 1500; piece = piece * 2 + 1) {
        struct err err = {0};
        bool ok;
        const struct xml_node *root = NULL;
        struct xml_reader *reader = fed(buf_str(&doc), piece, &ok, &err);
        assert_true(ok && xml_reader_end(reader, &root, &err));
        assert_string_equal(xml_text(root), buf_str(&text));
        assert_false(xml_reader_recovered(reader));
        xml_reader_free(&reader);
    }
    buf_clear(&text);
    buf_clear(&doc);
}

static void control_characters_are_dropped_and_the_rest_is_kept(void **state)
{
    (void)state;
    struct err err = {0};
    bool ok;
    const struct xml_node *root = NULL;
    struct xml_reader *reader = fed("<a k=\"x&#x1B;y\">b&#x0;c&#x1F;d\x01"
                                    "e<f/>&nope;g</a>",
                                    3, &ok, &err);
    assert_true(ok && xml_reader_end(reader, &root, &err));
    assert_string_equal(xml_text(root), "bcdeg");
    assert_non_null(xml_child(root, NULL, "f"));
    assert_true(xml_reader_recovered(reader));
    xml_reader_free(&reader);
}

static void a_truncated_document_is_never_taken_for_a_whole_one(void **state)
{
    (void)state;
    static const char text[] =
        "<?xml version=\"1.0\"?><a><b c=\"d\">e&#x1B;<f/></b><g>h</g></a>";
    assert_true(accepts(text));
    char part[sizeof(text)];
    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        memcpy(part, text, len);
        part[len] = '\0';
        assert_false(accepts(part));
    }
}

static void tags_that_do_not_fit_together_are_refused(void **state)
{
    (void)state;
    assert_false(accepts("<a><b></a>"));
    assert_false(accepts("<a><b></a></b></a>"));
    assert_false(accepts("<a></b>"));
    assert_false(accepts("<a>1 < 2</a>"));
    assert_false(accepts("<a b='1' b='2'/>"));
    assert_false(accepts("<a"));
    assert_false(accepts("a"));
    assert_false(accepts(""));
}

static void bytes_after_the_root_are_refused(void **state)
{
    (void)state;
    assert_true(accepts("<a/>\r\n \t<!-- fine -->\n"));
    assert_false(accepts("<a/>x"));
    assert_false(accepts("<a/><b/>"));
    assert_false(accepts("<a/><?php x?>"));
    assert_false(accepts("<a/><!-- open"));
    assert_false(accepts("<a/></a>"));
    assert_false(accepts("<a></a><"));
}

static void a_document_type_stops_the_parse(void **state)
{
    (void)state;
    assert_false(accepts("<!DOCTYPE a><a/>"));
    assert_false(accepts("<!DOCTYPE html PUBLIC \"-//W3C//DTD HTML 4.01//EN\" "
                         "\"http://www.w3.org/TR/html4/strict.dtd\"><html></html>"));
    assert_false(accepts("<!DOCTYPE a [<!ENTITY e \"boom\">]><a>&e;</a>"));
    assert_false(accepts("<!DOCTYPE a [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><a>&e;</a>"));
}

static bool within(struct xml_limits limits, const char *text)
{
    struct err err = {0};
    const struct xml_node *root;
    struct xml_reader *reader = xml_reader_new(&limits, NULL);
    bool ok = xml_reader_feed(reader, text, strlen(text), &err) &&
              xml_reader_end(reader, &root, &err);
    assert_true(ok || err.kind == ERR_PROTOCOL);
    xml_reader_free(&reader);
    return ok;
}

static void every_limit_holds(void **state)
{
    (void)state;
    struct xml_limits limits = {.max_bytes = 100, .max_depth = 3, .max_nodes = 5};
    assert_true(within(limits, "<a><b><c/></b></a>"));
    assert_false(within(limits, "<a><b><c><d/></c></b></a>"));
    assert_true(within(limits, "<a><b/><b/><b/><b/></a>"));
    assert_false(within(limits, "<a><b/><b/><b/><b/><b/></a>"));
    char longer[120];
    memset(longer, ' ', sizeof(longer));
    memcpy(longer, "<a>", 3);
    memcpy(longer + 110, "</a>", 5);
    assert_false(within(limits, longer));

    struct buf many;
    buf_init(&many, MIB);
    buf_add_str(&many, "<a");
    for (int i = 0; i <= LIMIT_XML_ATTRIBUTES; i++)
        buf_printf(&many, " a%d=''", i);
    buf_add_str(&many, "/>");
    limits = (struct xml_limits){.max_bytes = MIB, .max_depth = 3, .max_nodes = 5};
    assert_false(within(limits, buf_str(&many)));
    buf_clear(&many);
}

static void what_has_no_end_is_refused_soon(void **state)
{
    (void)state;
    static const char *const begin[] = {"<a b='", "<a ", "<a>&", "<!--", "<a><![CDATA[", "<n"};
    size_t len = 2 * MIB;
    char *text = malloc(len + 1);
    for (size_t i = 0; i < sizeof(begin) / sizeof(begin[0]); i++) {
        struct err err = {0};
        bool ok;
        memset(text, 'x', len);
        text[len] = '\0';
        memcpy(text, begin[i], strlen(begin[i]));
        struct xml_reader *reader = fed(text, 16384, &ok, &err);
        assert_false(ok);
        assert_int_equal(err.kind, ERR_PROTOCOL);
        xml_reader_free(&reader);
    }
    free(text);
}

struct collected {
    int begun;
    struct buf text;
    size_t stop_after;
};

static bool collect_begin(void *arg)
{
    struct collected *collected = arg;
    collected->begun++;
    return true;
}

static bool collect_text(const char *bytes, size_t len, void *arg)
{
    struct collected *collected = arg;
    buf_add(&collected->text, bytes, len);
    return collected->text.len < collected->stop_after;
}

static void a_sink_gets_the_text_and_the_tree_does_not(void **state)
{
    (void)state;
    for (size_t stop = 2; stop < 100; stop += 90) {
        struct collected got = {.stop_after = stop};
        buf_init(&got.text, MIB);
        struct xml_sink sink = {"urn:t", "Content", collect_begin, collect_text, &got};
        struct xml_reader *reader = xml_reader_new(NULL, &sink);
        static const char text[] = "<a xmlns=\"urn:t\"><Content>UklG<x>no</x>Rg==</Content>"
                                   "<Content xmlns=\"urn:o\">keep</Content></a>";
        struct err err = {0};
        const struct xml_node *root = NULL;
        bool ok = xml_reader_feed(reader, text, strlen(text), &err) &&
                  xml_reader_end(reader, &root, &err);
        assert_int_equal(ok, stop > 2);
        assert_int_equal(got.begun, 1);
        if (ok) {
            assert_string_equal(buf_str(&got.text), "UklGRg==");
            assert_string_equal(xml_child_text(root, "urn:t", "Content"), "");
            assert_string_equal(xml_child_text(root, "urn:o", "Content"), "keep");
        } else {
            assert_int_equal(err.kind, ERR_CANCELLED);
        }
        xml_reader_free(&reader);
        buf_clear(&got.text);
    }
}

static void what_is_written_can_be_read_again(void **state)
{
    (void)state;
    static const char odd[] = "a<b>&\"'\r\n\t \xF0\x9F\x93\x9E ]]>";
    struct buf out;
    buf_init(&out, MIB);
    struct xml_writer writer;
    xml_writer_init(&writer, &out);
    xml_declaration(&writer);
    xml_open(&writer, "t:a");
    xml_attribute(&writer, "xmlns:t", "urn:t");
    xml_attribute(&writer, "k", odd);
    xml_element(&writer, "t:b", odd);
    xml_open(&writer, "t:empty");
    xml_close(&writer);
    xml_close(&writer);
    struct err err = {0};
    bool ok;
    const struct xml_node *root = NULL;
    struct xml_reader *reader = fed(buf_str(&out), 5, &ok, &err);
    assert_true(ok && xml_reader_end(reader, &root, &err));
    assert_false(xml_reader_recovered(reader));
    assert_string_equal(xml_attr(root, "k"), odd);
    assert_string_equal(xml_child_text(root, "urn:t", "b"), odd);
    assert_non_null(xml_child(root, "urn:t", "empty"));
    xml_reader_free(&reader);
    buf_clear(&out);
}

static void what_xml_forbids_is_replaced_when_writing(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "\x01",     "\x1B",         "\xFF",         "\xC3",         "\xC0\x80",
        "\xE2\x82", "\xED\xA0\x80", "\xEF\xBF\xBE", "\xEF\xBF\xBF", "\xF5\x80\x80\x80",
        "\x80",
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct buf out, text;
        buf_init(&out, MIB);
        buf_init(&text, MIB);
        buf_printf(&text, "x%sy", bad[i]);
        struct xml_writer writer;
        xml_writer_init(&writer, &out);
        xml_element(&writer, "a", buf_str(&text));
        struct err err = {0};
        bool ok;
        const struct xml_node *root = NULL;
        struct xml_reader *reader = fed(buf_str(&out), 100, &ok, &err);
        assert_true(ok && xml_reader_end(reader, &root, &err));
        assert_false(xml_reader_recovered(reader));
        assert_true(strncmp(xml_text(root), "x\xEF\xBF\xBD", 4) == 0);
        assert_int_equal(xml_text(root)[strlen(xml_text(root)) - 1], 'y');
        xml_reader_free(&reader);
        buf_clear(&out);
        buf_clear(&text);
    }
}

static void wrongly_encoded_bytes_do_no_harm(void **state)
{
    (void)state;
    accepts("<a>\xFF\xFE\xC3</a>");
    accepts("<a b=\"\xC3(\xE2\x82\">\x80</a>");
    accepts("<\xC3\xA9>\xF0\x9F</\xC3\xA9>");
    accepts("\xFE\xFF\x01\x02");
    accepts("<?xml version='1.0' encoding='UTF-16'?><a/>");
    assert_false(accepts("<?xml version='1.0' encoding='no-such'?><a/>"));
}

static void read_trace(const char *folder, const char *name, int *read)
{
    const char *dot = strrchr(name, '.');
    if (!dot || (strcmp(dot, ".xml") != 0 && strcmp(dot, ".http") != 0))
        return;
    char path[1024];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    struct buf bytes;
    buf_init(&bytes, 8 * MIB);
    struct err err = {0};
    assert_true(file_read(path, &bytes, &err));
    const char *start = buf_str(&bytes);
    if (strcmp(dot, ".http") == 0 && strstr(start, "<?xml"))
        start = strstr(start, "<?xml");
    for (size_t piece = 1; piece <= 64; piece += 63) {
        bool ok;
        const struct xml_node *root = NULL;
        struct xml_reader *reader = fed(start, piece, &ok, &err);
        ok = ok && xml_reader_end(reader, &root, &err);
        if (strcmp(dot, ".xml") == 0 && !ok)
            print_message("%s: %s\n", name, err.text);
        if (strncmp(name, "viewpoint-", 10) == 0) {
            assert_true(ok && xml_reader_recovered(reader));
            const struct xml_node *body = xml_find(root, NULL, "CalendarItem");
            assert_string_equal(xml_child_text(body, NULL, "Sensitivity"), "Normal");
        }
        *read += ok;
        xml_reader_free(&reader);
    }
    buf_clear(&bytes);
}

static void recorded_answers_are_read_without_a_crash(void **state)
{
    (void)state;
    const char *shared = getenv("SIB_SHARED") ? getenv("SIB_SHARED") : "../shared";
    int read = 0;
    static const char *const folders[] = {"ews-traces", "ews-traces/synthetic"};
    for (size_t i = 0; i < 2; i++) {
        char folder[512];
        snprintf(folder, sizeof(folder), "%s/%s", shared, folders[i]);
        DIR *dir = opendir(folder);
        if (!dir) {
            print_message("skipped: no recorded answers in %s\n", folder);
            skip();
        }
        for (struct dirent *entry; (entry = readdir(dir));)
            read_trace(folder, entry->d_name, &read);
        closedir(dir);
    }
    assert_true(read > 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_document_read_byte_by_byte_gives_the_same_tree),
        cmocka_unit_test(long_text_in_any_pieces_is_kept_whole),
        cmocka_unit_test(control_characters_are_dropped_and_the_rest_is_kept),
        cmocka_unit_test(a_truncated_document_is_never_taken_for_a_whole_one),
        cmocka_unit_test(tags_that_do_not_fit_together_are_refused),
        cmocka_unit_test(bytes_after_the_root_are_refused),
        cmocka_unit_test(a_document_type_stops_the_parse),
        cmocka_unit_test(every_limit_holds),
        cmocka_unit_test(what_has_no_end_is_refused_soon),
        cmocka_unit_test(a_sink_gets_the_text_and_the_tree_does_not),
        cmocka_unit_test(what_is_written_can_be_read_again),
        cmocka_unit_test(what_xml_forbids_is_replaced_when_writing),
        cmocka_unit_test(wrongly_encoded_bytes_do_no_harm),
        cmocka_unit_test(recorded_answers_are_read_without_a_crash),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
