/* What a request of HTTP/1.0 or 1.1 says, from its bytes: no sockets, so that every kind of
 * nonsense can be tried.
 *
 * Strict where two readers could disagree about where a request ends (RFC 9112, 11.2): lines
 * end with CR LF, nothing is folded, no blank stands before a colon, there is one
 * Content-Length of digits or one Transfer-Encoding "chunked", never both. */
#ifndef SIB_BASE_HTTP_PARSE_H
#define SIB_BASE_HTTP_PARSE_H

#include "base/buf.h"
#include "base/limits.h"

struct http_field {
    const char *name, *value;
};

struct http_head {
    const char *method, *path; /* these and the fields point into the bytes */
    struct http_field fields[LIMIT_HTTP_FIELDS];
    int field_count;
    long long length; /* of the body; 0 when chunked */
    bool chunked, keep_alive;
    bool expects; /* the client waits for "100 Continue" */
};

/* Could this be the beginning of a request? What is none is refused at its first bytes. */
bool http_head_begins(const char *bytes, size_t len);

/* How many bytes the head takes, its empty line included; 0: the end has not come yet. *looked:
 * how far an earlier call has seen, 0 at first, so that each byte is looked at once. */
size_t http_head_end(const char *bytes, size_t len, size_t *looked);

/* Take a whole head apart, in place. 0, or the status to refuse it with. */
int http_head_parse(char *bytes, size_t len, struct http_head *out);

/* NULL: there is none. Of several, the first. */
const char *http_head_field(const struct http_head *head, const char *name);

/* A chunked body on its way. `max` is of the body, without what frames it. */
enum http_chunks_state {
    HTTP_CHUNKS_SIZE,
    HTTP_CHUNKS_EXTENSION,
    HTTP_CHUNKS_SIZE_LF,
    HTTP_CHUNKS_DATA,
    HTTP_CHUNKS_DATA_CR,
    HTTP_CHUNKS_DATA_LF,
    HTTP_CHUNKS_TRAILER,    /* at the beginning of a line */
    HTTP_CHUNKS_TRAILER_IN, /* within a line */
    HTTP_CHUNKS_TRAILER_LF, /* of a line with something in it */
    HTTP_CHUNKS_LAST_LF,    /* of the empty line */
    HTTP_CHUNKS_DONE,
    HTTP_CHUNKS_BAD,
    HTTP_CHUNKS_TOO_LONG,
};

struct http_chunks {
    enum http_chunks_state state; /* 0 at first */
    unsigned long long left;      /* of this chunk */
    int digits;
    size_t framing; /* bytes so far that are none of the body */
    size_t max;
};

/* Decode what came; gives how many bytes were used: all, or those up to the end of the body
 * (DONE), or to where it went wrong. */
size_t http_chunks_feed(struct http_chunks *chunks, const char *bytes, size_t len,
                        struct buf *body);

#endif
