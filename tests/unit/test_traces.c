/* Every recorded message of ews-traces goes through what reads it, and comes out as its row of
 * traces_expected.inc says. A file without a row fails, and a row without a file.
 *
 * TRACES_PRINT=1 prints the rows as they come out. A row is what somebody read beside the file
 * and found right; one that is printed anew is to be read again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/log.h"
#include "ews/envelopes.h"
#include "ews/ews_error.h"
#include "ews/ews_names.h"
#include "ews/notification.h"
#include "ews/response_stage.h"
#include "ews/response_stream.h"
#include "ews/soap.h"
#include "tests/support/traces.h"

struct row {
    const char *file, *line;
};

static const struct row rows[] = {
#include "tests/unit/traces_expected.inc"
    {NULL, NULL}};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) - 1, NOTES_MAX = 8 };

/* ---- The line of a file ----------------------------------------------------------------- */

static struct buf line; /* of the file at hand */

static void say_error(const char *before, const struct err *err)
{
    buf_printf(&line, "%s", before);
    trace_say_error(&line, err);
}

/* Did it read? If not, says what the reader said, unless a message of the answer said it. */
static bool read_well(bool ok, const struct err *err)
{
    assert_int_equal(ok, err->kind == ERR_OK);
    if (!ok && !(err->code[0] && strstr(buf_str(&line), err->code)))
        say_error("; read: ", err);
    return ok;
}

static void say_folders(const struct xml_node *root, int count)
{
    static const enum remote_place places[] = {REMOTE_INBOX, REMOTE_DELETED, REMOTE_JUNK,
                                               REMOTE_SENT};
    struct response_folders folders = {0};
    struct err err = {0};
    if (read_well(
            response_get_folders(root, places, (size_t)(count < 4 ? count : 4), &folders, &err),
            &err)) {
        buf_printf(&line, "; read: %zu folders", folders.count);
        for (size_t i = 0; i < folders.count; i++)
            buf_printf(&line, " \"%s\"", folders.list[i].name);
    }
    response_folders_clear(&folders);
}

static void say_found_folders(const struct xml_node *root)
{
    struct response_folders folders = {0};
    struct err err = {0};
    long next = 0;
    if (read_well(response_find_folders(root, REMOTE_BELOW, 0, &folders, &next, &err), &err)) {
        buf_printf(&line, "; read: %zu folders of mail, next page %ld", folders.count, next);
        for (size_t i = 0; i < folders.count; i++)
            buf_printf(&line, " \"%s\"", folders.list[i].name);
    }
    response_folders_clear(&folders);
}

static void say_changes(const struct xml_node *root)
{
    struct remote_page page;
    struct err err = {0};
    int kinds[3] = {0};
    bool ok = read_well(response_sync_items(root, &page, &err), &err);
    for (size_t i = 0; ok && i < page.count; i++)
        kinds[page.changes[i].kind]++;
    if (ok)
        buf_printf(&line, "; read: %d seen, %d read-flag, %d removed, %s, token of %zu",
                   kinds[REMOTE_SEEN], kinds[REMOTE_READ_FLAG], kinds[REMOTE_REMOVED],
                   page.last ? "last" : "more", strlen(page.token));
    response_page_clear(&page);
}

static void say_item(const struct xml_node *root)
{
    struct remote_page page;
    struct err err = {0};
    const char *audio;
    int total;
    if (read_well(response_get_item(root, &page, &err), &err)) {
        const struct remote_item *item = &page.changes[0].item;
        buf_printf(&line, "; read: id of %zu, key of %zu, %s, %s, \"%s\"", strlen(item->id),
                   strlen(item->version), item->read ? "read" : "unread",
                   item->urgent ? "urgent" : "normal", item->subject);
        assert_true(response_attachments(root, &audio, &total, &err));
        if (total)
            buf_printf(&line, ", %d attached%s", total, audio ? ", audio" : "");
    }
    response_page_clear(&page);
}

static void say_ref(const struct xml_node *root, const char *name)
{
    struct remote_ref ref;
    struct err err = {0};
    int attachments;
    if (!read_well(response_ref(root, name, &ref, &attachments, &err), &err))
        return;
    buf_printf(&line, "; read: id of %zu, key of %zu", strlen(ref.id), strlen(ref.version));
    if (attachments)
        buf_printf(&line, ", %d attached", attachments);
}

static void say_subscription(const struct xml_node *root)
{
    const char *id;
    struct err err = {0};
    if (read_well(response_subscribe(root, &id, &err), &err))
        buf_printf(&line, "; read: subscription of %zu", strlen(id));
}

static void say_done(const struct xml_node *root, const char *name)
{
    struct err err = {0};
    if (read_well(response_done(root, name, &err), &err))
        buf_printf(&line, "; read: done");
}

static void say_new_folder(const struct xml_node *root)
{
    const char *id;
    struct err err = {0};
    if (read_well(response_create_folder(root, &id, &err), &err))
        buf_printf(&line, "; read: folder id of %zu", strlen(id));
}

/* What the reader of this operation makes of it. */
static void say_reading(const struct xml_node *root, const char *name, int count)
{
    if (strcmp(name, "GetFolderResponse") == 0)
        say_folders(root, count);
    else if (strcmp(name, "FindFolderResponse") == 0)
        say_found_folders(root);
    else if (strcmp(name, "SyncFolderItemsResponse") == 0)
        say_changes(root);
    else if (strcmp(name, "GetItemResponse") == 0)
        say_item(root);
    else if (strcmp(name, "CreateItemResponse") == 0 ||
             strcmp(name, "UpdateItemResponse") == 0 || strcmp(name, "MoveItemResponse") == 0)
        say_ref(root, name);
    else if (strcmp(name, "SubscribeResponse") == 0)
        say_subscription(root);
    else if (strcmp(name, "CreateFolderResponse") == 0)
        say_new_folder(root);
    else if (strcmp(name, "DeleteItemResponse") == 0 ||
             strcmp(name, "UnsubscribeResponse") == 0 ||
             strcmp(name, "GetAttachmentResponse") == 0)
        say_done(root, name);
}

/* One message after another; equal ones that follow each other are counted. */
static void say_messages(const struct xml_node *first)
{
    struct buf one, before;
    int times = 0;
    struct buf whole = line;
    buf_init(&before, 4096);
    for (const struct xml_node *m = first; m; m = soap_next_message(m)) {
        struct err err = {0};
        buf_init(&line, 4096);
        if (soap_message_ok(m, &err))
            buf_printf(&line, "%s", xml_attr(m, "ResponseClass"));
        else
            say_error("", &err);
        one = line;
        bool same = times && strcmp(buf_str(&one), buf_str(&before)) == 0;
        if (!same) {
            if (times > 1)
                buf_printf(&whole, " x%d", times);
            buf_printf(&whole, "; %s", buf_str(&one));
            times = 0;
        }
        times++;
        buf_clear(&before);
        before = one;
    }
    if (times > 1)
        buf_printf(&whole, " x%d", times);
    buf_clear(&before);
    line = whole;
}

static int message_count(const struct xml_node *answer)
{
    const struct xml_node *list = xml_child(answer, EWS_NS_MESSAGES, "ResponseMessages");
    int count = 0;
    for (const struct xml_node *m = list ? list->first_child : NULL; m; m = m->next)
        count++;
    return count;
}

/* No reader takes an answer for that of another operation. */
static void no_other_takes_it(const struct xml_node *root, const char *name)
{
    static const char *const names[] = {
        "GetFolderResponse",         "FindFolderResponse",    "SyncFolderItemsResponse",
        "GetItemResponse",           "CreateItemResponse",    "UpdateItemResponse",
        "MoveItemResponse",          "DeleteItemResponse",    "SubscribeResponse",
        "UnsubscribeResponse",       "GetAttachmentResponse", "CreateFolderResponse",
        "GetStreamingEventsResponse"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const struct xml_node *first;
        struct err err = {0};
        if (strcmp(names[i], name) == 0)
            continue;
        assert_false(soap_open_answer(root, names[i], 1, &first, &err));
        assert_true(err.kind != ERR_OK);
    }
}

static void say_envelope(const struct xml_node *root)
{
    const struct xml_node *body = xml_child(root, EWS_NS_SOAP, "Body");
    const struct xml_node *answer = body ? body->first_child : NULL;
    const char *name = answer ? answer->name : "nothing";
    const struct xml_node *first;
    struct err err = {0};
    bool autodiscover = answer && strcasestr(answer->ns, "autodiscover");
    buf_printf(&line, "%s%s", autodiscover ? "autodiscover " : "", name);
    no_other_takes_it(root, name);
    if (soap_open_answer(root, name, message_count(answer), &first, &err) && first) {
        say_messages(first);
        say_reading(root, name, message_count(answer));
    } else {
        say_error("; ", &err);
    }
}

static void say_notification(const struct trace *r)
{
    struct notification notes[NOTES_MAX];
    size_t count;
    struct err err = {0};
    if (!read_well(notification_parse(r->body, r->body_len, notes, NOTES_MAX, &count, &err),
                   &err))
        return;
    for (size_t i = 0; i < count; i++)
        buf_printf(&line, "; read: %d events%s%s, subscription of %zu", notes[i].events,
                   notes[i].status_only ? ", only a sign of life" : "",
                   notes[i].lost ? ", lost" : "", strlen(notes[i].subscription));
}

static const struct xml_limits envelope_limits = {
    .max_bytes = MIB, .max_depth = LIMIT_XML_DEPTH, .max_nodes = LIMIT_XML_NODES};

struct streamed {
    int envelopes, changed, lost;
};

static bool on_subscription(const char *subscription, enum response_stream_word word,
                            const struct remote_where *where, void *arg)
{
    struct streamed *streamed = arg;
    (void)where;
    assert_true(*subscription);
    streamed->changed += word != STREAMED_LOSS;
    streamed->lost += word == STREAMED_LOSS;
    return true;
}

static bool on_envelope(const struct xml_node *root, void *arg)
{
    struct streamed *streamed = arg;
    bool closed, lost;
    struct err err = {0};
    streamed->envelopes++;
    read_well(response_stream(root, on_subscription, streamed, &closed, &lost, &err), &err);
    return true;
}

/* Texts hold what may be several documents: as the bytes of a stream. */
static void say_stream(const struct trace *r)
{
    struct streamed streamed = {0};
    struct err err = {0};
    struct envelopes *envelopes = envelopes_new(&envelope_limits, on_envelope, &streamed);
    bool ok = envelopes_feed(envelopes, r->body, r->body_len, &err);
    buf_printf(&line, "; as a stream: %d envelopes, %d changed, %d lost, ", streamed.envelopes,
               streamed.changed, streamed.lost);
    buf_printf(&line, "%s",
               !ok                            ? "then refused"
               : envelopes_at_rest(envelopes) ? "at rest"
                                              : "ends in the middle");
    envelopes_free(&envelopes);
}

/* What a document is called, for those that something else reads. */
static void say_root(const struct xml_node *root, bool recovered)
{
    const struct xml_node *body = xml_child(root, EWS_NS_SOAP, "Body");
    const struct xml_node *inside = body && body->first_child ? body->first_child : root;
    bool autodiscover =
        strcasestr(inside->ns, "autodiscover") || strcmp(inside->name, "Autodiscover") == 0;
    buf_printf(&line, "%s%s; %s", autodiscover ? "autodiscover " : "no envelope ", inside->name,
               recovered ? "recovered; " : "");
}

static const char *answer_name(const struct xml_node *root)
{
    const struct xml_node *body = xml_child(root, EWS_NS_SOAP, "Body");
    return body && body->first_child ? body->first_child->name : "nothing";
}

/* The mailbox that got it as an answer says nothing else than its line: no error, one that is
 * named there, or that this answers another question. */
static void agrees(const struct err *err)
{
    bool named = err->code[0] && strstr(buf_str(&line), err->code);
    bool token = strcmp(err->code, "token") == 0;
    assert_true(err->kind == ERR_OK || err->kind == ERR_PROTOCOL || named || token);
    assert_true(err->kind != ERR_OK || strstr(buf_str(&line), "; Success; read: "));
}

static void say_file(const char *name, const struct trace *r)
{
    const struct xml_node *root;
    bool recovered;
    struct xml_reader *reader = trace_parse(r, &root, &recovered);
    struct err err = trace_answer(r, r->body_len, root ? answer_name(root) : "");
    buf_reset(&line);
    buf_printf(&line, "%d ", r->status);
    if (soap_is_envelope(root)) {
        say_envelope(root);
        agrees(&err);
        buf_printf(&line, "%s", recovered ? "; recovered" : "");
    } else {
        if (root)
            say_root(root, recovered);
        say_error("", &err);
    }
    xml_reader_free(&reader);
    if (strstr(name, "SendNotification"))
        say_notification(r);
    if (trace_ends_with(name, ".txt"))
        say_stream(r);
}

/* ---- Promises --------------------------------------------------------------------------- */

static void print_row(const char *name)
{
    printf("    {\"%s\",\n     \"", name);
    int column = 6;
    for (const char *at = buf_str(&line); *at; at++) {
        if (column > 84 && at[-1] == ' ') {
            printf("\"\n     \"");
            column = 6;
        }
        column += printf(*at == '"' || *at == '\\' ? "\\%c" : "%c", *at);
    }
    printf("\"},\n");
    fflush(stdout);
}

/* What the line of this file is wrong about; 0: nothing. */
static int check_row(const char *name, bool print, int *at)
{
    while (*at < ROWS && strcmp(rows[*at].file, name) < 0)
        ++*at;
    bool known = *at < ROWS && strcmp(rows[*at].file, name) == 0;
    bool right = known && strcmp(rows[*at].line, buf_str(&line)) == 0;
    if (print)
        print_row(name);
    else if (!known)
        print_message("%s has no row; it comes out as\n  %s\n", name, buf_str(&line));
    else if (!right)
        print_message("%s\n  expected %s\n  comes out %s\n", name, rows[*at].line,
                      buf_str(&line));
    return !right;
}

static void every_recorded_message_comes_out_as_its_row_says(void **state)
{
    (void)state;
    if (!traces_there())
        skip();
    int wrong = 0, at = 0;
    for (int i = 0; i < traces_count(); i++) {
        struct trace trace;
        trace_read(traces_name(i), &trace);
        say_file(traces_name(i), &trace);
        trace_clear(&trace);
        wrong += check_row(traces_name(i), getenv("TRACES_PRINT") != NULL, &at);
    }
    assert_int_equal(wrong, 0);
}

static void every_row_has_its_file_and_its_place(void **state)
{
    (void)state;
    if (!traces_there())
        skip();
    for (int i = 0; i < ROWS; i++) {
        if (i > 0 && strcmp(rows[i - 1].file, rows[i].file) >= 0)
            fail_msg("%s is not in its place", rows[i].file);
        if (!traces_has(rows[i].file))
            fail_msg("%s has a row and is not there", rows[i].file);
    }
    assert_int_equal(ROWS, traces_count());
}

static void a_fault_means_the_same_with_http_200_and_500(void **state)
{
    (void)state;
    if (!traces_there())
        skip();
    int faults = 0;
    for (int i = 0; i < traces_count(); i++) {
        struct trace trace;
        trace_read(traces_name(i), &trace);
        if (memmem(trace.body, trace.body_len, "<faultcode", 10)) {
            struct err err[2];
            for (int k = 0; k < 2; k++) {
                trace.status = k ? 500 : 200;
                err[k] = trace_answer(&trace, trace.body_len, "UpdateItemResponse");
            }
            assert_memory_equal(&err[0], &err[1], sizeof(err[0]));
            faults++;
        }
        trace_clear(&trace);
    }
    assert_true(faults >= 6);
}

static void silent(enum log_level level, const char *text, void *arg)
{
    (void)level, (void)text, (void)arg;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_recorded_message_comes_out_as_its_row_says),
        cmocka_unit_test(every_row_has_its_file_and_its_place),
        cmocka_unit_test(a_fault_means_the_same_with_http_200_and_500),
    };
    log_set_sink(silent, NULL);
    buf_init(&line, 64 * KIB);
    int failed = cmocka_run_group_tests(tests, traces_open, traces_close);
    buf_clear(&line);
    return failed;
}
