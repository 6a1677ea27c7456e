#include "tests/support/traces.h"

#include <assert.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/limits.h"
#include "ews/ews.h"
#include "ews/ews_error.h"
#include "tests/support/ews_fixture.h"

enum { FILES_MAX = 1000 };

static char *files[FILES_MAX];
static int file_count;

static struct scene {
    struct loop *loop;
    struct transport *transport;
    struct ews_account *account;
    struct remote *remote;
    struct fake_answer answers[2]; /* the last one repeats */
    int asked;
    bool ended;
    struct err err;
} scene;

/* ---- The files -------------------------------------------------------------------------- */

bool trace_ends_with(const char *name, const char *end)
{
    size_t len = strlen(name), end_len = strlen(end);
    return len >= end_len && strcmp(name + len - end_len, end) == 0;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list_folder(const char *below)
{
    char path[LIMIT_PATH];
    const struct dirent *entry;
    snprintf(path, sizeof(path), "%s/ews-traces/%s", fixture_shared(), below);
    DIR *dir = opendir(path);
    while (dir && (entry = readdir(dir))) {
        const char *name = entry->d_name;
        if (!trace_ends_with(name, ".xml") && !trace_ends_with(name, ".http") &&
            !trace_ends_with(name, ".txt"))
            continue;
        assert(file_count < FILES_MAX);
        snprintf(path, sizeof(path), "%s%s", below, name);
        files[file_count++] = strdup(path);
    }
    if (dir)
        closedir(dir);
}

int traces_count(void)
{
    return file_count;
}

const char *traces_name(int number)
{
    return files[number];
}

bool traces_there(void)
{
    if (file_count == 0)
        printf("skipped: no recorded messages in %s/ews-traces (SIB_SHARED names the folder)\n",
               fixture_shared());
    return file_count > 0;
}

bool traces_has(const char *name)
{
    return bsearch(&name, files, (size_t)file_count, sizeof(files[0]), by_name);
}

/* ---- One of them ------------------------------------------------------------------------ */

/* The value of a header, without the blank before it; NULL: there is none. */
static const char *header(const char *head, const char *end, const char *name)
{
    size_t len = strlen(name);
    for (const char *line = head; line && line < end; line = strstr(line, "\r\n")) {
        line += line == head ? 0 : 2;
        if (strncasecmp(line, name, len) == 0 && line[len] == ':')
            return line + len + 1 + strspn(line + len + 1, " ");
    }
    return NULL;
}

/* Recorders take the chunks apart and leave the header that spoke of them. */
static void take_head(struct trace *trace)
{
    const char *head = trace->body, *end = strstr(head, "\r\n\r\n");
    assert(end && strncmp(head, "HTTP/1.1 ", 9) == 0);
    trace->status = (int)strtol(head + 9, NULL, 10);
    const char *type = header(head, end, "Content-Type");
    const char *wait = header(head, end, "Retry-After");
    snprintf(trace->content_type, sizeof(trace->content_type), "%.*s",
             type ? (int)strcspn(type, "\r\n") : 0, type ? type : "");
    trace->retry_after_ms = wait ? strtol(wait, NULL, 10) * 1000 : 0;
    trace->body = end + 4;
    trace->body_len -= (size_t)(trace->body - head);
}

struct trace trace_of(int status, const char *content_type, const char *body)
{
    struct trace trace = {.status = status, .body = body, .body_len = strlen(body)};
    buf_init(&trace.bytes, 8 * MIB);
    snprintf(trace.content_type, sizeof(trace.content_type), "%s", content_type);
    return trace;
}

void trace_read(const char *name, struct trace *trace)
{
    char path[LIMIT_PATH];
    struct err err = {0};
    snprintf(path, sizeof(path), "%s/ews-traces/%s", fixture_shared(), name);
    *trace = trace_of(200, "text/xml; charset=utf-8", "");
    if (!file_read(path, &trace->bytes, &err)) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    trace->body = buf_str(&trace->bytes);
    trace->body_len = trace->bytes.len;
    if (trace_ends_with(name, ".http"))
        take_head(trace);
}

void trace_clear(struct trace *trace)
{
    buf_clear(&trace->bytes);
}

size_t trace_end(const struct trace *trace)
{
    size_t end = trace->body_len;
    while (end && trace->body[end - 1] != '>')
        end--;
    return end;
}

struct xml_reader *trace_parse(const struct trace *trace, const struct xml_node **root,
                               bool *recovered)
{
    struct err err = {0};
    struct xml_reader *reader = xml_reader_new(NULL, NULL);
    *root = NULL;
    if (!xml_reader_feed(reader, trace->body, trace->body_len, &err) ||
        !xml_reader_end(reader, root, &err))
        *root = NULL;
    *recovered = xml_reader_recovered(reader);
    return reader;
}

/* ---- Given as answers ------------------------------------------------------------------- */

static struct fake_answer give(const char *request, size_t len, void *arg)
{
    (void)request, (void)len, (void)arg;
    return scene.answers[scene.asked++ ? 1 : 0];
}

int traces_open(void **state)
{
    (void)state;
    list_folder("");
    list_folder("synthetic/");
    qsort(files, (size_t)file_count, sizeof(files[0]), by_name);
    return 0;
}

int traces_close(void **state)
{
    (void)state;
    while (file_count > 0)
        free(files[--file_count]);
    return 0;
}

static void ended(const struct err *err)
{
    scene.ended = true;
    scene.err = *err;
}

static void on_page(const struct err *err, const struct remote_page *page, void *arg)
{
    (void)arg;
    assert(!page == (err->kind != ERR_OK));
    ended(err);
}

static void on_ref(const struct err *err, const struct remote_ref *ref, void *arg)
{
    (void)arg;
    assert(!ref == (err->kind != ERR_OK));
    ended(err);
}

static void on_end(const struct err *err, void *arg)
{
    (void)arg;
    ended(err);
}

static struct fake_answer answer_of(const struct trace *trace, size_t body_len)
{
    return (struct fake_answer){.status = trace->status,
                                .content_type = trace->content_type,
                                .retry_after_ms = trace->retry_after_ms,
                                .body = body_len ? trace->body : "",
                                .body_len = body_len};
}

/* An account of its own each time, for it remembers that it was told to wait, or was refused.
 */
static void begin(const struct fake_answer *first, const struct fake_answer *rest)
{
    struct ews_config config = {.name = "main",
                                .url = "https://exchange.example.com/EWS/Exchange.asmx",
                                .impersonate = true,
                                .request_timeout_ms = 60000,
                                .auth = {.auth = "basic",
                                         .user = "u",
                                         .password = "p",
                                         .verify = true,
                                         .max_connections = 1}};
    struct err err = {0};
    scene = (struct scene){.loop = loop_virtual_new((struct wall){1795600000000}),
                           .answers = {*first, *rest}};
    scene.transport = fake_transport_base(fake_transport_new(scene.loop, give, NULL, 1, 1000));
    scene.account = ews_account_new(scene.loop, scene.transport, &config, &err);
    assert(scene.account);
    scene.remote = ews_remote_new(scene.account, "ann@example.com");
}

static struct err end(void)
{
    loop_virtual_settle(scene.loop, 3600 * 1000);
    assert(scene.ended);
    remote_free(&scene.remote);
    ews_account_free(&scene.account);
    transport_free(&scene.transport);
    loop_free(&scene.loop);
    return scene.err;
}

struct err trace_answer(const struct trace *trace, size_t body_len, const char *operation)
{
    struct fake_answer answer = answer_of(trace, body_len);
    begin(&answer, &answer);
    struct remote *r = scene.remote;
    const struct remote_fields fields = {.set_read = true};
    if (strcmp(operation, "SyncFolderItemsResponse") == 0)
        r->ops->changes(r, "F", "", on_page, NULL);
    else if (strcmp(operation, "UpdateItemResponse") == 0)
        r->ops->set(r, "I", "V", &fields, on_ref, NULL);
    else if (strcmp(operation, "MoveItemResponse") == 0)
        r->ops->move(r, "I", "F", on_ref, NULL);
    else if (strcmp(operation, "DeleteItemResponse") == 0)
        r->ops->remove(r, "I", on_end, NULL);
    else
        r->ops->get(r, "I", on_page, NULL);
    return end();
}

struct err trace_fetch(const struct trace *trace, size_t body_len, const char *path)
{
    struct fake_answer answer = answer_of(trace, body_len);
    begin(&answer, &answer);
    scene.remote->ops->fetch(scene.remote, "A", path, on_end, NULL);
    return end();
}

void trace_say_error(struct buf *out, const struct err *err)
{
    static const char *const scopes[] = {"item", "mailbox", "account", "service"};
    static const char *const whens[] = {"retry", "back-off", "never"};
    static const char *const effects[] = {"none", "unknown"};
    if (err->code[0])
        buf_printf(out, "%s = ", err->code);
    buf_printf(out, "%s %s %s %s", err_kind_name(err->kind), scopes[err->scope],
               whens[err->when], effects[err->effect]);
    if (err->back_off_ms)
        buf_printf(out, " %lld ms", (long long)err->back_off_ms);
    if (ews_error_is_moved(err))
        buf_printf(out, " moved");
    if (ews_error_is_throttled(err))
        buf_printf(out, " throttled");
    const char *why = strrchr(err->text, ':');
    if (err->kind == ERR_PROTOCOL)
        buf_printf(out, " (%s)", why ? why + 2 : err->text);
}
