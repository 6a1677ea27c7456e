#include "base/xml.h"

#include <libxml/parser.h>
#include <libxml/xmlerror.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"

/* Memory that is freed all at once. */
struct arena_block {
    struct arena_block *next;
    size_t used, size;
    alignas(max_align_t) char bytes[];
};

enum { ARENA_BLOCK_BYTES = 32 * 1024, FEED_PIECE_BYTES = 64 * 1024 };

struct xml_reader {
    struct xml_limits limits;
    bool has_sink;
    struct xml_sink sink;
    xmlParserCtxtPtr parser; /* its dictionary owns the names in the tree */
    struct arena_block *arena;
    struct xml_node *root, *open; /* open: the innermost element not yet closed */
    struct buf *texts;            /* one for each depth: character data so far */
    int depth, nodes, recoveries;
    int sink_depth; /* depth of the element that streams; 0: none */
    size_t bytes;
    char held[4]; /* an unfinished UTF-8 sequence at the end of a piece */
    size_t held_len;
    bool root_closed, failed;
    struct err err; /* why it failed */
};

static void *arena_alloc(struct xml_reader *reader, size_t size)
{
    size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    struct arena_block *block = reader->arena;
    if (!block || block->size - block->used < size) {
        size_t room = size > ARENA_BLOCK_BYTES ? size : ARENA_BLOCK_BYTES;
        block = malloc(sizeof(*block) + room);
        if (!block)
            return NULL;
        *block = (struct arena_block){.next = reader->arena, .size = room};
        reader->arena = block;
    }
    void *memory = block->bytes + block->used;
    block->used += size;
    return memory;
}

static void fail(struct xml_reader *reader, enum err_kind kind, const char *text)
{
    if (reader->failed)
        return;
    reader->failed = true;
    err_set(&reader->err, kind, "%s", text);
    if (reader->parser)
        xmlStopParser(reader->parser);
}

static char *arena_text(struct xml_reader *reader, const char *bytes, size_t len)
{
    char *copy = arena_alloc(reader, len + 1);
    if (!copy) {
        fail(reader, ERR_SYSTEM, "no memory for an XML document");
        return NULL;
    }
    if (len)
        memcpy(copy, bytes, len);
    copy[len] = '\0';
    return copy;
}

/* libxml2 hands an ampersand in an attribute over as "&#38;" unless it substitutes entities,
 * which we never let it do. */
static char *attribute_value(struct xml_reader *reader, const char *bytes, size_t len)
{
    char *value = arena_text(reader, bytes, len);
    if (!value)
        return NULL;
    char *to = value;
    for (const char *from = value; *from; to++) {
        *to = *from;
        from += strncmp(from, "&#38;", 5) == 0 ? 5 : 1;
    }
    *to = '\0';
    return value;
}

static bool is_sink(const struct xml_reader *reader, const char *ns, const char *name)
{
    return reader->has_sink && strcmp(reader->sink.name, name) == 0 &&
           (!reader->sink.ns || strcmp(reader->sink.ns, ns) == 0);
}

static bool read_attributes(struct xml_reader *reader, struct xml_node *node, int count,
                            const xmlChar **raw)
{
    if (count > LIMIT_XML_ATTRIBUTES) {
        fail(reader, ERR_PROTOCOL, "an XML element has too many attributes");
        return false;
    }
    if (count == 0)
        return true;
    struct xml_attr *attrs = arena_alloc(reader, sizeof(*attrs) * (size_t)count);
    if (!attrs) {
        fail(reader, ERR_SYSTEM, "no memory for an XML document");
        return false;
    }
    /* Those of no namespace first: a stranger's x:Name never stands in for Name. */
    struct xml_attr *attr = attrs;
    for (int pass = 0; pass < 2; pass++) {
        for (const xmlChar **at = raw; at < raw + 5 * count; at += 5) {
            if ((at[2] != NULL) != pass)
                continue;
            attr->name = (const char *)at[0];
            attr->value = attribute_value(reader, (const char *)at[3], (size_t)(at[4] - at[3]));
            if (!attr++->value)
                return false;
        }
    }
    node->attrs = attrs;
    node->attr_count = count;
    return true;
}

static void append_node(struct xml_reader *reader, struct xml_node *node)
{
    struct xml_node *parent = reader->open;
    node->parent = parent;
    if (!parent)
        reader->root = node;
    else if (parent->last_child)
        parent->last_child->next = node;
    else
        parent->first_child = node;
    if (parent)
        parent->last_child = node;
    reader->open = node;
}

static void on_start(void *arg, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
                     int namespaces_count, const xmlChar **namespaces, int attribute_count,
                     int defaulted, const xmlChar **attributes)
{
    (void)prefix, (void)namespaces, (void)namespaces_count, (void)defaulted;
    struct xml_reader *reader = arg;
    if (reader->failed)
        return;
    if (reader->depth >= reader->limits.max_depth)
        return fail(reader, ERR_PROTOCOL, "an XML document is nested too deeply");
    if (reader->nodes >= reader->limits.max_nodes)
        return fail(reader, ERR_PROTOCOL, "an XML document has too many elements");
    if (strlen((const char *)name) > LIMIT_XML_NAME)
        return fail(reader, ERR_PROTOCOL, "an XML element has too long a name");
    if (reader->root_closed)
        return fail(reader, ERR_PROTOCOL, "an XML document has a second root element");
    struct xml_node *node = arena_alloc(reader, sizeof(*node));
    if (!node)
        return fail(reader, ERR_SYSTEM, "no memory for an XML document");
    const char *ns = uri ? (const char *)uri : "";
    *node = (struct xml_node){.ns = ns, .name = (const char *)name, .text = ""};
    if (!read_attributes(reader, node, attribute_count, attributes))
        return;
    append_node(reader, node);
    reader->nodes++;
    buf_reset(&reader->texts[reader->depth]);
    reader->depth++;
    if (!reader->sink_depth && is_sink(reader, ns, (const char *)name)) {
        reader->sink_depth = reader->depth;
        if (reader->sink.begin && !reader->sink.begin(reader->sink.arg))
            fail(reader, ERR_CANCELLED, "reading an XML document was stopped");
    }
}

static void on_end(void *arg, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    (void)name, (void)prefix, (void)uri;
    struct xml_reader *reader = arg;
    if (reader->failed || reader->depth == 0)
        return;
    struct xml_node *node = reader->open;
    struct buf *text = &reader->texts[reader->depth - 1];
    if (text->failed)
        return fail(reader, ERR_SYSTEM, "no memory for an XML document");
    if (text->len) {
        node->text = arena_text(reader, text->data, text->len);
        if (!node->text)
            return;
    }
    if (reader->sink_depth == reader->depth)
        reader->sink_depth = 0;
    reader->open = node->parent;
    reader->depth--;
    reader->root_closed = reader->depth == 0;
}

static void on_text(void *arg, const xmlChar *bytes, int len)
{
    struct xml_reader *reader = arg;
    if (reader->failed || reader->depth == 0 || len <= 0)
        return;
    if (!reader->sink_depth) {
        buf_add(&reader->texts[reader->depth - 1], bytes, (size_t)len);
        return;
    }
    if (reader->depth == reader->sink_depth &&
        !reader->sink.text((const char *)bytes, (size_t)len, reader->sink.arg))
        fail(reader, ERR_CANCELLED, "reading an XML document was stopped");
}

static void on_doctype(void *arg, const xmlChar *name, const xmlChar *public_id,
                       const xmlChar *system_id)
{
    (void)name, (void)public_id, (void)system_id;
    fail(arg, ERR_PROTOCOL, "an XML document has a document type (DTD), which is not accepted");
}

static void on_instruction(void *arg, const xmlChar *target, const xmlChar *data)
{
    (void)target, (void)data;
    struct xml_reader *reader = arg;
    if (reader->root_closed)
        fail(reader, ERR_PROTOCOL, "there are bytes after the end of an XML document");
}

/* Recovery is for characters that XML forbids. What shakes the structure is refused: a tree in
 * which an element stands at the wrong place is worse than none. */
#if LIBXML_VERSION >= 21200
static void on_error(void *arg, const xmlError *error)
#else
static void on_error(void *arg, xmlErrorPtr error)
#endif
{
    struct xml_reader *reader = arg;
    if (error->level < XML_ERR_ERROR)
        return;
    if (++reader->recoveries > LIMIT_XML_RECOVERIES)
        return fail(reader, ERR_PROTOCOL, "an XML document has too many errors");
    switch (error->code) {
    case XML_ERR_NO_MEMORY: fail(reader, ERR_SYSTEM, "no memory for an XML document"); break;
    case XML_ERR_DOCUMENT_END:
        if (reader->root_closed)
            fail(reader, ERR_PROTOCOL, "there are bytes after the end of an XML document");
        break;
    case XML_ERR_TAG_NAME_MISMATCH:
    case XML_ERR_TAG_NOT_FINISHED:
    case XML_ERR_GT_REQUIRED:
    case XML_ERR_LT_REQUIRED:
    case XML_ERR_LTSLASH_REQUIRED:
    case XML_ERR_ATTRIBUTE_REDEFINED:
    case XML_ERR_CDATA_NOT_FINISHED:
    case XML_ERR_COMMENT_NOT_FINISHED:
    case XML_ERR_UNSUPPORTED_ENCODING:
    case XML_ERR_UNKNOWN_ENCODING:
        fail(reader, ERR_PROTOCOL, "an XML document is broken (its tags do not fit together)");
        break;
    default: break;
    }
}

static bool parser_new(struct xml_reader *reader)
{
    xmlSAXHandler handler = {
        .internalSubset = on_doctype,
        .characters = on_text,
        .ignorableWhitespace = on_text,
        .cdataBlock = on_text,
        .processingInstruction = on_instruction,
        .startElementNs = on_start,
        .endElementNs = on_end,
        .serror = on_error,
        .initialized = XML_SAX2_MAGIC,
    };
    xmlInitParser();
    reader->parser = xmlCreatePushParserCtxt(&handler, reader, NULL, 0, NULL);
    if (!reader->parser)
        return false;
    xmlCtxtUseOptions(reader->parser, XML_PARSE_RECOVER | XML_PARSE_NONET | XML_PARSE_HUGE |
                                          XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
    return true;
}

struct xml_reader *xml_reader_new(const struct xml_limits *limits, const struct xml_sink *sink)
{
    struct xml_reader *reader = calloc(1, sizeof(*reader));
    if (!reader)
        return NULL;
    reader->limits = limits ? *limits
                            : (struct xml_limits){.max_bytes = LIMIT_RESPONSE_BYTES,
                                                  .max_depth = LIMIT_XML_DEPTH,
                                                  .max_nodes = LIMIT_XML_NODES};
    reader->has_sink = sink != NULL;
    if (sink)
        reader->sink = *sink;
    reader->texts = calloc((size_t)reader->limits.max_depth + 1, sizeof(*reader->texts));
    if (!reader->texts || !parser_new(reader)) {
        xml_reader_free(&reader);
        return NULL;
    }
    for (int i = 0; i <= reader->limits.max_depth; i++)
        buf_init(&reader->texts[i], reader->limits.max_bytes + 1);
    return reader;
}

/* How many bytes at the end of a piece begin a UTF-8 sequence that is not finished in it. The
 * push parser would take such a piece for wrongly encoded. */
static size_t unfinished_tail(const unsigned char *bytes, size_t len)
{
    for (size_t back = 1; back <= 3 && back <= len; back++) {
        unsigned char c = bytes[len - back];
        if ((c & 0xC0) == 0x80)
            continue;
        size_t need = (c & 0xF8) == 0xF0   ? 4
                      : (c & 0xF0) == 0xE0 ? 3
                      : (c & 0xE0) == 0xC0 ? 2
                                           : 1;
        return need > back ? back : 0;
    }
    return 0;
}

/* What libxml2 has not been able to make anything of yet. It looks at all of it again with
 * every piece, so a tag without an end would cost time that grows with the square of its
 * length. */
static bool too_much_pending(const struct xml_reader *reader)
{
    const xmlParserInput *input = reader->parser->input;
    return input && input->end - input->cur > LIMIT_XML_PENDING;
}

static void parse(struct xml_reader *reader, const char *bytes, size_t len)
{
    while (len && !reader->failed) {
        size_t piece = len < FEED_PIECE_BYTES ? len : FEED_PIECE_BYTES;
        if (piece < len)
            piece -= unfinished_tail((const unsigned char *)bytes, piece);
        xmlParseChunk(reader->parser, bytes, (int)piece, 0);
        if (!reader->failed && too_much_pending(reader))
            fail(reader, ERR_PROTOCOL, "a tag or a comment in an XML document is too long");
        bytes += piece;
        len -= piece;
    }
}

/* Complete the sequence held back from the piece before; returns how many bytes that took. */
static size_t feed_held(struct xml_reader *reader, const char *bytes, size_t len)
{
    size_t used = 0;
    while (reader->held_len && used < len) {
        reader->held[reader->held_len++] = bytes[used++];
        size_t tail = unfinished_tail((const unsigned char *)reader->held, reader->held_len);
        if (tail == reader->held_len)
            continue;
        /* Finished; or broken by the byte that came, which may begin a sequence itself. */
        parse(reader, reader->held, reader->held_len - tail);
        memmove(reader->held, reader->held + reader->held_len - tail, tail);
        reader->held_len = tail;
    }
    return used;
}

bool xml_reader_feed(struct xml_reader *reader, const void *bytes, size_t len, struct err *err)
{
    if (!reader->failed && len > reader->limits.max_bytes - reader->bytes)
        fail(reader, ERR_PROTOCOL, "an XML document is longer than is accepted");
    if (!reader->failed) {
        reader->bytes += len;
        const char *next = bytes;
        size_t used = feed_held(reader, next, len);
        next += used;
        len -= used;
        size_t tail = unfinished_tail((const unsigned char *)next, len);
        parse(reader, next, len - tail);
        if (tail) {
            memcpy(reader->held, next + len - tail, tail);
            reader->held_len = tail;
        }
    }
    if (reader->failed)
        *err = reader->err;
    return !reader->failed;
}

bool xml_reader_end(struct xml_reader *reader, const struct xml_node **root, struct err *err)
{
    if (!reader->failed && reader->held_len)
        parse(reader, reader->held, reader->held_len);
    reader->held_len = 0;
    /* Whether the document is whole is asked before libxml2 is told that it ends: what it then
     * closes by itself does not count. */
    bool whole = reader->root_closed;
    if (!reader->failed)
        xmlParseChunk(reader->parser, NULL, 0, 1);
    if (!reader->failed && !whole)
        fail(reader, ERR_PROTOCOL, "an XML document ends before its end");
    if (reader->failed) {
        *err = reader->err;
        return false;
    }
    *root = reader->root;
    return true;
}

void xml_reader_free(struct xml_reader **reader_pointer)
{
    struct xml_reader *reader = *reader_pointer;
    if (!reader)
        return;
    *reader_pointer = NULL;
    if (reader->parser)
        xmlFreeParserCtxt(reader->parser);
    for (int i = 0; reader->texts && i <= reader->limits.max_depth; i++)
        buf_clear(&reader->texts[i]);
    free(reader->texts);
    while (reader->arena) {
        struct arena_block *next = reader->arena->next;
        free(reader->arena);
        reader->arena = next;
    }
    free(reader);
}

bool xml_reader_recovered(const struct xml_reader *reader)
{
    return reader->recoveries > 0;
}

/* ---- Walking ---------------------------------------------------------------------------- */

static bool matches(const struct xml_node *node, const char *ns, const char *name)
{
    return strcmp(node->name, name) == 0 && (!ns || strcmp(node->ns, ns) == 0);
}

static const struct xml_node *first_match(const struct xml_node *node, const char *ns,
                                          const char *name)
{
    while (node && !matches(node, ns, name))
        node = node->next;
    return node;
}

const struct xml_node *xml_child(const struct xml_node *node, const char *ns, const char *name)
{
    return node ? first_match(node->first_child, ns, name) : NULL;
}

const struct xml_node *xml_next(const struct xml_node *node, const char *ns, const char *name)
{
    return node ? first_match(node->next, ns, name) : NULL;
}

const struct xml_node *xml_find(const struct xml_node *top, const char *ns, const char *name)
{
    const struct xml_node *node = top;
    while (node && !matches(node, ns, name)) {
        if (node->first_child) {
            node = node->first_child;
            continue;
        }
        while (node != top && !node->next)
            node = node->parent;
        node = node == top ? NULL : node->next;
    }
    return node;
}

const char *xml_text(const struct xml_node *node)
{
    return node ? node->text : "";
}

const char *xml_attr(const struct xml_node *node, const char *name)
{
    for (int i = 0; node && i < node->attr_count; i++) {
        if (strcmp(node->attrs[i].name, name) == 0)
            return node->attrs[i].value;
    }
    return NULL;
}

const char *xml_child_text(const struct xml_node *node, const char *ns, const char *name)
{
    return xml_text(xml_child(node, ns, name));
}
