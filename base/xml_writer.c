/* The writing half of xml.h. */
#include "base/xml.h"

#include <assert.h>
#include <string.h>

void xml_writer_init(struct xml_writer *writer, struct buf *out)
{
    *writer = (struct xml_writer){.out = out};
}

void xml_declaration(struct xml_writer *writer)
{
    buf_add_str(writer->out, "<?xml version=\"1.0\" encoding=\"utf-8\"?>");
}

void xml_flush(struct xml_writer *writer)
{
    if (writer->tag_open)
        buf_add_str(writer->out, ">");
    writer->tag_open = false;
}

void xml_open(struct xml_writer *writer, const char *name)
{
    assert(writer->depth < (int)(sizeof(writer->open) / sizeof(writer->open[0])));
    xml_flush(writer);
    buf_printf(writer->out, "<%s", name);
    writer->open[writer->depth++] = name;
    writer->tag_open = true;
}

/* The length of the UTF-8 sequence at text if it is whole, canonical and allowed in XML 1.0;
 * 0 if not. */
static size_t good_sequence(const unsigned char *text, size_t len)
{
    unsigned c = text[0];
    if (c < 0x80)
        return c >= 0x20 || c == '\t' || c == '\n' || c == '\r';
    size_t need = (c & 0xF8) == 0xF0 ? 4 : (c & 0xF0) == 0xE0 ? 3 : (c & 0xE0) == 0xC0 ? 2 : 0;
    if (need == 0 || need > len)
        return 0;
    unsigned long point = c & (0x7Fu >> need);
    for (size_t i = 1; i < need; i++) {
        if ((text[i] & 0xC0) != 0x80)
            return 0;
        point = point << 6 | (text[i] & 0x3Fu);
    }
    static const unsigned long least[] = {0, 0, 0x80, 0x800, 0x10000};
    bool surrogate = point >= 0xD800 && point <= 0xDFFF;
    bool allowed = point >= least[need] && point <= 0x10FFFF && !surrogate && point != 0xFFFE &&
                   point != 0xFFFF;
    return allowed ? need : 0;
}

static const char *escape_of(char c, bool in_attribute)
{
    switch (c) {
    case '&': return "&amp;";
    case '<': return "&lt;";
    case '>': return "&gt;";
    case '\r': return "&#13;";
    case '"': return in_attribute ? "&quot;" : NULL;
    case '\t': return in_attribute ? "&#9;" : NULL;
    case '\n': return in_attribute ? "&#10;" : NULL;
    default: return NULL;
    }
}

static void write_escaped(struct buf *out, const char *text, size_t len, bool in_attribute)
{
    static const char replacement[] = "\xEF\xBF\xBD"; /* U+FFFD */
    const char *end = text + len;
    const char *plain = text; /* start of what can be copied as it is */
    while (text < end) {
        size_t good = good_sequence((const unsigned char *)text, (size_t)(end - text));
        const char *instead = good == 0   ? replacement
                              : good == 1 ? escape_of(*text, in_attribute)
                                          : NULL;
        if (instead) {
            buf_add(out, plain, (size_t)(text - plain));
            buf_add_str(out, instead);
            plain = text + 1;
        }
        text += good > 1 ? good : 1;
    }
    buf_add(out, plain, (size_t)(end - plain));
}

void xml_attribute(struct xml_writer *writer, const char *name, const char *value)
{
    assert(writer->tag_open);
    buf_printf(writer->out, " %s=\"", name);
    write_escaped(writer->out, value, strlen(value), true);
    buf_add_str(writer->out, "\"");
}

void xml_content_n(struct xml_writer *writer, const char *text, size_t len)
{
    xml_flush(writer);
    write_escaped(writer->out, text, len, false);
}

void xml_content(struct xml_writer *writer, const char *text)
{
    xml_content_n(writer, text, strlen(text));
}

void xml_close(struct xml_writer *writer)
{
    assert(writer->depth > 0);
    const char *name = writer->open[--writer->depth];
    if (writer->tag_open)
        buf_add_str(writer->out, "/>");
    else
        buf_printf(writer->out, "</%s>", name);
    writer->tag_open = false;
}

void xml_element(struct xml_writer *writer, const char *name, const char *text)
{
    xml_open(writer, name);
    xml_content(writer, text);
    xml_close(writer);
}
