/* The XML reader: whatever comes, its limits hold; how the bytes are cut into pieces does not
 * matter; and no beginning of a document is taken for another document. */
#include <string.h>

#include "base/limits.h"
#include "base/xml.h"
#include "tests/fuzz/fuzz_targets.h"

enum { OPTION_NARROW = 1, OPTION_SINK = 2, OPTION_STOP_BEGIN = 4, OPTION_STOP_TEXT = 8 };
enum { PREFIXES = 16, DIGEST_BYTES = 16 * 1024 * 1024 };

static const struct xml_limits wide = {
    .max_bytes = LIMIT_RESPONSE_BYTES, .max_depth = LIMIT_XML_DEPTH, .max_nodes = 5000};
static const struct xml_limits narrow = {.max_bytes = 700, .max_depth = 5, .max_nodes = 12};

/* What came of reading a document. digest: the tree and what went to the sink, as text. */
struct outcome {
    bool accepted, recovered, stopped;
    struct err err;
    struct buf digest;
};

struct reading {
    const struct xml_limits *limits;
    int options, depth, nodes;
    struct outcome *outcome;
};

static bool sink_begin(void *arg)
{
    struct reading *reading = arg;
    fuzz_check(!reading->outcome->stopped);
    buf_add_str(&reading->outcome->digest, "[");
    reading->outcome->stopped = reading->options & OPTION_STOP_BEGIN;
    return !reading->outcome->stopped;
}

static bool sink_text(const char *bytes, size_t len, void *arg)
{
    struct reading *reading = arg;
    fuzz_check(!reading->outcome->stopped && len > 0);
    buf_add(&reading->outcome->digest, bytes, len);
    reading->outcome->stopped = reading->options & OPTION_STOP_TEXT;
    return !reading->outcome->stopped;
}

static void walk(struct reading *reading, const struct xml_node *node)
{
    struct buf *digest = &reading->outcome->digest;
    const struct xml_node *last = NULL;

    fuzz_check(++reading->depth <= reading->limits->max_depth);
    fuzz_check(++reading->nodes <= reading->limits->max_nodes);
    fuzz_check(node->ns && node->name && node->text);
    fuzz_check(strlen(node->name) <= LIMIT_XML_NAME);
    fuzz_check(node->attr_count >= 0 && node->attr_count <= LIMIT_XML_ATTRIBUTES);
    buf_printf(digest, "(%s|%s|%s", node->ns, node->name, node->text);
    for (int i = 0; i < node->attr_count; i++)
        buf_printf(digest, "|%s=%s", node->attrs[i].name, node->attrs[i].value);
    for (const struct xml_node *child = node->first_child; child; child = child->next) {
        fuzz_check(child->parent == node);
        walk(reading, child);
        last = child;
    }
    fuzz_check(node->last_child == last);
    buf_add_str(digest, ")");
    reading->depth--;
}

static void read_document(const struct xml_limits *limits, int options,
                          const unsigned char *bytes, size_t len, size_t piece,
                          struct outcome *out)
{
    struct reading reading = {.limits = limits, .options = options, .outcome = out};
    const struct xml_sink sink = {NULL, "c", sink_begin, sink_text, &reading};
    const struct xml_node *root = NULL;

    *out = (struct outcome){0};
    buf_init(&out->digest, DIGEST_BYTES);
    struct xml_reader *reader = xml_reader_new(limits, options & OPTION_SINK ? &sink : NULL);
    fuzz_check(reader);
    bool ok = true;
    for (size_t at = 0; ok && at < len; at += piece) {
        size_t n = piece && piece < len - at ? piece : len - at;
        ok = xml_reader_feed(reader, bytes + at, n, &out->err);
        if (!piece)
            break;
    }
    fuzz_check(!ok || len <= limits->max_bytes);
    if (!ok) /* once failed, it stays so */
        fuzz_check(!xml_reader_feed(reader, "<a/>", 4, &out->err));
    out->accepted = xml_reader_end(reader, &root, &out->err);
    fuzz_check(ok || !out->accepted);
    fuzz_check_result(out->accepted, &out->err);
    fuzz_check(!out->stopped || out->err.kind == ERR_CANCELLED);
    out->recovered = xml_reader_recovered(reader);
    if (out->accepted) {
        fuzz_check(root && !root->parent && !root->next);
        walk(&reading, root);
    }
    xml_reader_free(&reader);
    fuzz_check(!reader && !out->digest.failed);
}

static bool same_tree(const struct outcome *a, const struct outcome *b)
{
    return a->digest.len == b->digest.len &&
           (a->digest.len == 0 || memcmp(a->digest.data, b->digest.data, a->digest.len) == 0);
}

/* A beginning of a document is refused, or (when only white space and comments are missing)
 * says the same. */
static void check_prefixes(const struct outcome *whole, int options, const unsigned char *bytes,
                           size_t len, size_t piece)
{
    size_t step = len / PREFIXES + 1;
    for (size_t back = 1; back <= len; back += back < 8 ? 1 : step) {
        struct outcome prefix;
        read_document(&wide, options, bytes, len - back, piece, &prefix);
        fuzz_check(!prefix.accepted || same_tree(whole, &prefix));
        buf_clear(&prefix.digest);
    }
}

void fuzz_xml(const unsigned char *bytes, size_t len)
{
    struct outcome whole, pieces;

    if (len < 2)
        return;
    size_t piece = bytes[0];
    int options = bytes[1];
    const struct xml_limits *limits = options & OPTION_NARROW ? &narrow : &wide;
    bytes += 2;
    len -= 2;
    read_document(limits, options, bytes, len, 0, &whole);
    read_document(limits, options, bytes, len, piece, &pieces);
    /* What had to be recovered from is cut where the parser noticed it. */
    if (!whole.recovered && !pieces.recovered) {
        fuzz_check(whole.accepted == pieces.accepted);
        fuzz_check(!whole.accepted || same_tree(&whole, &pieces));
    }
    if (whole.accepted && !whole.recovered && limits == &wide)
        check_prefixes(&whole, options, bytes, len, piece);
    buf_clear(&whole.digest);
    buf_clear(&pieces.digest);
}
