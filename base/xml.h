/* XML in and out, over libxml2: base/xml.c is the only file that knows it.
 *
 * Reading: bytes are fed as they come (never the whole document at once); what comes out is a
 * small tree of our own, or a stream for one large text. The parser recovers from characters
 * that XML forbids (Exchange sends them), never from tags that do not fit together; it takes
 * no DTD at all, and stops at the limits of base/limits.h.
 *
 * Ownership: the reader owns the tree; it is valid until xml_reader_free.
 *
 * Writing: appends to a struct buf, escapes, replaces what XML 1.0 forbids, always closes. */
#ifndef SIB_BASE_XML_H
#define SIB_BASE_XML_H

#include "base/buf.h"
#include "base/err.h"

struct xml_attr {
    const char *name; /* local name */
    const char *value;
};

/* One element. Match by namespace URI and local name; prefixes are not kept. */
struct xml_node {
    const char *ns;   /* URI, "" if none */
    const char *name; /* local name */
    const char *text; /* all character data directly inside, "" if none */
    const struct xml_attr *attrs;
    int attr_count;
    struct xml_node *parent, *first_child, *last_child, *next;
};

struct xml_limits {
    size_t max_bytes; /* of the document; what goes to a text sink counts too */
    int max_depth, max_nodes;
};

/* Character data of elements (ns, name) goes to the sink as it comes instead of into the tree.
 * `begin` says that such an element opened; `text` may come in any number of pieces; return
 * false from either to stop the parse (xml_reader_feed then fails with ERR_CANCELLED). */
struct xml_sink {
    const char *ns, *name;
    bool (*begin)(void *arg);
    bool (*text)(const char *bytes, size_t len, void *arg);
    void *arg;
};

struct xml_reader;
struct xml_reader *xml_reader_new(const struct xml_limits *limits, const struct xml_sink *sink);
bool xml_reader_feed(struct xml_reader *reader, const void *bytes, size_t len, struct err *err);
/* No more bytes. Fails when the root element's end tag was not seen (a truncated document is
 * never taken for a whole one). The root, borrowed. */
bool xml_reader_end(struct xml_reader *reader, const struct xml_node **root, struct err *err);
void xml_reader_free(struct xml_reader **reader);

/* Did the parser have to recover from something not well-formed? */
bool xml_reader_recovered(const struct xml_reader *reader);

/* Walking; node may be NULL, then so is the answer (or ""). ns NULL: any namespace. */
const struct xml_node *xml_child(const struct xml_node *node, const char *ns, const char *name);
const struct xml_node *xml_next(const struct xml_node *node, const char *ns, const char *name);
/* Depth first, the node itself included. */
const struct xml_node *xml_find(const struct xml_node *node, const char *ns, const char *name);
const char *xml_text(const struct xml_node *node);
/* NULL if absent. One without a prefix goes before one with. */
const char *xml_attr(const struct xml_node *node, const char *name);
const char *xml_child_text(const struct xml_node *node, const char *ns, const char *name);

/* Writing into a buf. Names are literals of ours and are not checked. */
struct xml_writer {
    struct buf *out;
    const char *open[64];
    int depth;
    bool tag_open; /* "<a" written, ">" not yet */
};

void xml_writer_init(struct xml_writer *writer, struct buf *out);
void xml_declaration(struct xml_writer *writer);
void xml_open(struct xml_writer *writer, const char *name);
void xml_attribute(struct xml_writer *writer, const char *name, const char *value);
void xml_content(struct xml_writer *writer, const char *text);
void xml_content_n(struct xml_writer *writer, const char *text, size_t len);
void xml_close(struct xml_writer *writer);
void xml_element(struct xml_writer *writer, const char *name,
                 const char *text); /* open, content, close */
/* Ends an open start tag, so that the caller can put raw bytes (base64) into the buffer. */
void xml_flush(struct xml_writer *writer);

#endif
