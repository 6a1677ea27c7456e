/* The recorded messages of ews-traces, and a mailbox on an Exchange that gives them as answers.
 *
 * Ownership: names are kept until traces_close; what a struct trace points at, until
 * trace_clear. */
#ifndef SIB_TESTS_TRACES_H
#define SIB_TESTS_TRACES_H

#include "base/buf.h"
#include "base/xml.h"
#include "remote/remote.h"

/* Setup and teardown of a group of tests. */
int traces_open(void **state);
int traces_close(void **state);

/* The files (.xml, .http, .txt) by name; those below synthetic/ with that in front. */
int traces_count(void);
const char *traces_name(int number);
/* Is there any? Says if not. */
bool traces_there(void);
bool traces_has(const char *name);

/* A recorded message in its parts. */
struct trace {
    struct buf bytes;
    int status; /* 200 where none was recorded */
    int64_t retry_after_ms;
    char content_type[100];
    const char *body;
    size_t body_len;
};

void trace_read(const char *name, struct trace *trace);
/* Not recorded: body is borrowed. */
struct trace trace_of(int status, const char *content_type, const char *body);
void trace_clear(struct trace *trace);
/* Up to the end of its last tag. */
size_t trace_end(const struct trace *trace);
bool trace_ends_with(const char *name, const char *end);

/* The document in it; NULL: there is none. *recovered: it holds what XML forbids. */
struct xml_reader *trace_parse(const struct trace *trace, const struct xml_node **root,
                               bool *recovered);

/* What comes of asking for something, when the first body_len bytes of this are the answer.
 * operation: the local name of the answer that is waited for ("GetItemResponse"); one that is
 * not asked for here stands for GetItem. */
struct err trace_answer(const struct trace *trace, size_t body_len, const char *operation);
/* The grade in words: code, kind, scope, when, effect, wait, and of which class it is. */
void trace_say_error(struct buf *out, const struct err *err);
/* The audio of an item into a file, when this answers GetAttachment. */
struct err trace_fetch(const struct trace *trace, size_t body_len, const char *path);

#endif
