#include "base/http_parse.h"

#include <string.h>
#include <strings.h>

enum { BAD_REQUEST = 400, TOO_MANY_FIELDS = 431, EXPECTATION_FAILED = 417, BAD_VERSION = 505 };
enum { LENGTH_DIGITS_MAX = 15, CHUNK_DIGITS_MAX = 8, METHOD_MAX = 16 };
enum { FRAMING_FOR_EACH = 8 }; /* a chunk of one byte has five around it */

/* ---- the head ---- */

bool http_head_begins(const char *bytes, size_t len)
{
    size_t at = len >= 2 && memcmp(bytes, "\r\n", 2) == 0 ? 2 : 0;

    if (len == 1 && bytes[0] == '\r')
        return true;
    for (size_t i = at; i < len && bytes[i] != ' '; i++)
        if (bytes[i] < 'A' || bytes[i] > 'Z' || i - at == METHOD_MAX)
            return false;
    return true;
}

size_t http_head_end(const char *bytes, size_t len, size_t *looked)
{
    static const char end[] = "\r\n\r\n";
    size_t from = *looked > 3 ? *looked - 3 : 0;

    /* An empty line before a request is left over from a body that was counted badly. */
    if (from < 2 && len >= 2 && memcmp(bytes, end, 2) == 0)
        from = 2;
    *looked = len;
    const char *found = from < len ? memmem(bytes + from, len - from, end, 4) : NULL;
    return found ? (size_t)(found - bytes) + 4 : 0;
}

static bool is_token_char(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

/* The next line, closed with NUL in place of its CR; NULL when a CR or an LF stands alone, or a
 * control character anywhere. */
static char *take_line(char **at, char *end)
{
    char *line = *at;

    for (char *c = line; c < end; c++) {
        if (*c == '\r' && c + 1 < end && c[1] == '\n') {
            *c = '\0';
            *at = c + 2;
            return line;
        }
        if (((unsigned char)*c < 0x20 && *c != '\t') || *c == 0x7f)
            return NULL;
    }
    return NULL;
}

static int read_request_line(char *line, struct http_head *out)
{
    char *path = strchr(line, ' ');
    char *version = path ? strchr(path + 1, ' ') : NULL;

    if (!version || path == line || path - line > METHOD_MAX)
        return BAD_REQUEST;
    *path++ = '\0';
    *version++ = '\0';
    for (const char *c = line; *c; c++)
        if (*c < 'A' || *c > 'Z')
            return BAD_REQUEST;
    if (path[0] != '/' || strpbrk(path, "\t#"))
        return BAD_REQUEST;
    if (strncmp(version, "HTTP/", 5) != 0)
        return BAD_REQUEST;
    bool one = strcmp(version, "HTTP/1.1") == 0;
    if (!one && strcmp(version, "HTTP/1.0") != 0)
        return BAD_VERSION;
    out->method = line;
    out->path = path;
    out->keep_alive = one;
    return 0;
}

static int read_field(char *line, struct http_head *out)
{
    char *colon = line;

    while (is_token_char((unsigned char)*colon))
        colon++;
    if (colon == line || *colon != ':')
        return BAD_REQUEST;
    if (out->field_count == LIMIT_HTTP_FIELDS)
        return TOO_MANY_FIELDS;
    *colon = '\0';
    char *value = colon + 1 + strspn(colon + 1, " \t");
    size_t len = strlen(value);
    while (len && (value[len - 1] == ' ' || value[len - 1] == '\t'))
        len--;
    value[len] = '\0';
    out->fields[out->field_count++] = (struct http_field){line, value};
    return 0;
}

const char *http_head_field(const struct http_head *head, const char *name)
{
    for (int i = 0; i < head->field_count; i++)
        if (strcasecmp(head->fields[i].name, name) == 0)
            return head->fields[i].value;
    return NULL;
}

static int fields_named(const struct http_head *head, const char *name)
{
    int count = 0;

    for (int i = 0; i < head->field_count; i++)
        count += strcasecmp(head->fields[i].name, name) == 0;
    return count;
}

static bool read_length(const char *text, long long *length)
{
    size_t digits = strspn(text, "0123456789");

    *length = 0;
    if (digits == 0 || digits > LENGTH_DIGITS_MAX || text[digits])
        return false;
    for (size_t i = 0; i < digits; i++)
        *length = *length * 10 + (text[i] - '0');
    return true;
}

/* Where does the request end? */
static int read_framing(struct http_head *out)
{
    const char *encoding = http_head_field(out, "Transfer-Encoding");
    const char *length = http_head_field(out, "Content-Length");

    if (fields_named(out, "Content-Length") > 1 || fields_named(out, "Transfer-Encoding") > 1 ||
        fields_named(out, "Host") > 1)
        return BAD_REQUEST;
    if (encoding && (length || strcasecmp(encoding, "chunked") != 0 || !out->keep_alive))
        return BAD_REQUEST; /* HTTP/1.0, which keeps nothing alive yet, has no chunks */
    if (length && !read_length(length, &out->length))
        return BAD_REQUEST;
    out->chunked = encoding != NULL;
    bool may_have_body = strcmp(out->method, "POST") == 0 || strcmp(out->method, "PUT") == 0;
    return !may_have_body && (out->length || out->chunked) ? BAD_REQUEST : 0;
}

/* "close", "keep-alive", in a list or alone. */
static bool says(const char *list, const char *word)
{
    size_t len = strlen(word);

    for (const char *at = list; at && *at; at += strcspn(at, ",")) {
        at += strspn(at, ", \t");
        size_t part = strcspn(at, ", \t");
        if (part == len && strncasecmp(at, word, len) == 0)
            return true;
    }
    return false;
}

static int read_wishes(struct http_head *out)
{
    const char *connection = http_head_field(out, "Connection");
    const char *expect = http_head_field(out, "Expect");

    if (connection && says(connection, "close"))
        out->keep_alive = false;
    else if (connection && says(connection, "keep-alive"))
        out->keep_alive = true;
    if (expect && strcasecmp(expect, "100-continue") != 0)
        return EXPECTATION_FAILED;
    out->expects = expect != NULL;
    return 0;
}

int http_head_parse(char *bytes, size_t len, struct http_head *out)
{
    char *at = bytes, *end = bytes + len, *line;

    memset(out, 0, sizeof *out);
    if (len >= 2 && memcmp(at, "\r\n", 2) == 0)
        at += 2;
    line = take_line(&at, end);
    int refused = line ? read_request_line(line, out) : BAD_REQUEST;
    while (!refused && (line = take_line(&at, end)) && *line)
        refused = read_field(line, out);
    if (!refused && (!line || at != end))
        refused = BAD_REQUEST;
    if (!refused)
        refused = read_framing(out);
    return refused ? refused : read_wishes(out);
}

/* ---- chunks ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static enum http_chunks_state after_size(struct http_chunks *chunks, const struct buf *body)
{
    if (chunks->left == 0)
        return HTTP_CHUNKS_TRAILER;
    return chunks->left > chunks->max - body->len ? HTTP_CHUNKS_TOO_LONG : HTTP_CHUNKS_DATA;
}

static enum http_chunks_state in_size(struct http_chunks *chunks, char c)
{
    int digit = hex_digit(c);

    if (digit >= 0 && chunks->digits < CHUNK_DIGITS_MAX) {
        chunks->left = chunks->left * 16 + (unsigned)digit;
        chunks->digits++;
        return HTTP_CHUNKS_SIZE;
    }
    if (digit >= 0 || chunks->digits == 0)
        return HTTP_CHUNKS_BAD;
    if (c == '\r')
        return HTTP_CHUNKS_SIZE_LF;
    return c == ';' || c == ' ' || c == '\t' ? HTTP_CHUNKS_EXTENSION : HTTP_CHUNKS_BAD;
}

/* Within a line that means nothing here; a control character would be another's line end. */
static enum http_chunks_state in_line(char c, enum http_chunks_state stay,
                                      enum http_chunks_state end)
{
    if (c == '\r')
        return end;
    return (unsigned char)c < 0x20 && c != '\t' ? HTTP_CHUNKS_BAD : stay;
}

static enum http_chunks_state only(char c, char wanted, enum http_chunks_state then)
{
    return c == wanted ? then : HTTP_CHUNKS_BAD;
}

static enum http_chunks_state framing_byte(struct http_chunks *chunks, char c,
                                           const struct buf *body)
{
    if (++chunks->framing > LIMIT_HTTP_FRAMING + FRAMING_FOR_EACH * body->len)
        return HTTP_CHUNKS_BAD;
    switch (chunks->state) {
    case HTTP_CHUNKS_SIZE: return in_size(chunks, c);
    case HTTP_CHUNKS_EXTENSION: return in_line(c, HTTP_CHUNKS_EXTENSION, HTTP_CHUNKS_SIZE_LF);
    case HTTP_CHUNKS_SIZE_LF: return c == '\n' ? after_size(chunks, body) : HTTP_CHUNKS_BAD;
    case HTTP_CHUNKS_DATA_CR: return only(c, '\r', HTTP_CHUNKS_DATA_LF);
    case HTTP_CHUNKS_DATA_LF: return only(c, '\n', HTTP_CHUNKS_SIZE);
    case HTTP_CHUNKS_TRAILER: return in_line(c, HTTP_CHUNKS_TRAILER_IN, HTTP_CHUNKS_LAST_LF);
    case HTTP_CHUNKS_TRAILER_IN:
        return in_line(c, HTTP_CHUNKS_TRAILER_IN, HTTP_CHUNKS_TRAILER_LF);
    case HTTP_CHUNKS_TRAILER_LF: return only(c, '\n', HTTP_CHUNKS_TRAILER);
    case HTTP_CHUNKS_LAST_LF: return only(c, '\n', HTTP_CHUNKS_DONE);
    default: return chunks->state;
    }
}

static size_t take_data(struct http_chunks *chunks, const char *bytes, size_t len,
                        struct buf *body)
{
    size_t n = len < chunks->left ? len : (size_t)chunks->left;

    if (!buf_add(body, bytes, n))
        chunks->state = HTTP_CHUNKS_TOO_LONG;
    chunks->left -= n;
    if (chunks->left == 0 && chunks->state == HTTP_CHUNKS_DATA) {
        chunks->state = HTTP_CHUNKS_DATA_CR;
        chunks->digits = 0;
    }
    return n;
}

size_t http_chunks_feed(struct http_chunks *chunks, const char *bytes, size_t len,
                        struct buf *body)
{
    size_t used = 0;

    while (used < len && chunks->state < HTTP_CHUNKS_DONE) {
        if (chunks->state == HTTP_CHUNKS_DATA)
            used += take_data(chunks, bytes + used, len - used, body);
        else
            chunks->state = framing_byte(chunks, bytes[used++], body);
    }
    return used;
}
