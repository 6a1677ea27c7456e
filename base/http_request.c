/* The request as its handler sees it, and the bytes of an answer. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/http_private.h"

enum { REPLY_FIELDS_MAX = 4096, ANSWER_HEAD_MAX = REPLY_FIELDS_MAX + 1024 };

struct http_request *http_request_new(const char *bytes, size_t len, int *refused)
{
    struct http_request *request = calloc(1, sizeof *request);

    *refused = 0;
    if (!request)
        return NULL;
    buf_init(&request->reply_fields, REPLY_FIELDS_MAX);
    request->bytes = malloc(len);
    if (request->bytes) {
        memcpy(request->bytes, bytes, len);
        *refused = http_head_parse(request->bytes, len, &request->head);
    }
    if (!request->bytes || *refused)
        http_request_free(&request);
    return request;
}

void http_request_free(struct http_request **request)
{
    struct http_request *gone = *request;

    if (gone) {
        buf_clear(&gone->body);
        buf_clear(&gone->reply_fields);
        free(gone->bytes);
        free(gone);
    }
    *request = NULL;
}

const char *http_method(const struct http_request *request)
{
    return request->head.method;
}

const char *http_path(const struct http_request *request)
{
    return request->head.path;
}

const char *http_header(const struct http_request *request, const char *name)
{
    return http_head_field(&request->head, name);
}

unsigned long http_connection(const struct http_request *request)
{
    return request->connection;
}

const char *http_peer(const struct http_request *request)
{
    return request->peer;
}

const void *http_body(const struct http_request *request, size_t *len)
{
    *len = request->body.len;
    return buf_str(&request->body);
}

void http_reply_header(struct http_request *request, const char *name, const char *value)
{
    if (strcasecmp(name, "Connection") == 0 && strcasecmp(value, "close") == 0)
        request->close = true;
    else if (!strpbrk(value, "\r\n"))
        buf_printf(&request->reply_fields, "%s: %s\r\n", name, value);
}

static const char *reason_of(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {201, "Created"},
        {204, "No Content"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {413, "Content Too Large"},
        {417, "Expectation Failed"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "Answer";
}

bool http_answer_write(const struct http_answer *answer, struct wall now, struct buf *out)
{
    time_t seconds = (time_t)(now.ms / 1000);
    char date[64] = "";
    struct tm tm;

    if (gmtime_r(&seconds, &tm))
        strftime(date, sizeof date, "%a, %d %b %Y %H:%M:%S GMT", &tm);
    buf_init(out, ANSWER_HEAD_MAX + answer->len);
    buf_printf(out, "HTTP/1.1 %d %s\r\n%sDate: %s\r\n", answer->status,
               reason_of(answer->status), answer->fields, date);
    if (answer->type)
        buf_printf(out, "Content-Type: %s\r\n", answer->type);
    buf_printf(out, "Content-Length: %zu\r\nConnection: %s\r\n\r\n", answer->len,
               answer->close ? "close" : "keep-alive");
    if (!answer->no_body)
        buf_add(out, answer->body, answer->len);
    return !out->failed;
}
