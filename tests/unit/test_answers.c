/* Answers that are cut short, that are no SOAP, or that hold what XML forbids; most of them
 * recorded ones (ews-traces). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/log.h"
#include "ews/envelopes.h"
#include "ews/ews_error.h"
#include "ews/ews_names.h"
#include "ews/notification.h"
#include "ews/response_stream.h"
#include "tests/support/ews_fixture.h"
#include "tests/support/traces.h"

static void need_files(void)
{
    if (!traces_there())
        skip();
}

/* ---- No SOAP ---------------------------------------------------------------------------- */

#define FAULT                                                                                  \
    "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><s:Fault>"      \
    "<faultcode>a:ErrorServerBusy</faultcode></s:Fault></s:Body></s:Envelope>"
#define PAGE "<!DOCTYPE html><html><head><title>Sign in</title></head><body><br></body></html>"

static void what_is_no_soap_is_graded_by_its_status(void **state)
{
    (void)state;
    static const struct {
        int status;
        int64_t retry_after_ms;
        const char *type, *body, *expected;
    } answers[] = {
        {200, 0, "text/html", PAGE, "HTTP 200 = config account back-off none"},
        {200, 0, "text/xml", PAGE, "HTTP 200 = config account back-off none"},
        {200, 0, "", " \r\n<HTML><BODY>x", "HTTP 200 = config account back-off none"},
        {200, 0, "text/html", "", "HTTP 200 = config account back-off none"},
        {200, 0, "text/xml", "",
         "protocol mailbox retry unknown (an XML document ends before its end)"},
        {302, 0, "text/html", PAGE, "HTTP 302 = config account back-off none"},
        {401, 0, "text/html", PAGE, "HTTP 401 = denied account back-off none"},
        {403, 0, "", "", "HTTP 403 = denied mailbox back-off none"},
        {403, 0, "text/html", PAGE, "HTTP 403 = denied mailbox back-off none"},
        {404, 0, "text/html", PAGE, "HTTP 404 = config account back-off none"},
        {429, 0, "", "", "HTTP 429 = unavailable mailbox back-off none throttled"},
        {429, 17000, "", "", "HTTP 429 = unavailable mailbox back-off none 17000 ms throttled"},
        {429, 99999999, "", "",
         "HTTP 429 = unavailable mailbox back-off none 3600000 ms throttled"},
        {503, 0, "text/html", PAGE,
         "HTTP 503 = unavailable account back-off unknown throttled"},
        {503, 30000, "text/html", PAGE,
         "HTTP 503 = unavailable account back-off none 30000 ms throttled"},
        {503, 30000, "text/xml", FAULT,
         "HTTP 503 = unavailable account back-off none 30000 ms throttled"},
        {503, 0, "text/xml", FAULT,
         "ErrorServerBusy = unavailable mailbox back-off none throttled"},
        {500, 0, "text/html", PAGE, "HTTP 500 = temporary mailbox retry unknown"},
        {500, 0, "", "", "HTTP 500 = temporary mailbox retry unknown"},
        {502, 0, "text/html", PAGE, "HTTP 502 = unavailable account back-off unknown"},
    };
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct trace trace = trace_of(answers[i].status, answers[i].type, answers[i].body);
        trace.retry_after_ms = answers[i].retry_after_ms;
        struct err err = trace_answer(&trace, trace.body_len, "MoveItemResponse");
        struct buf said;
        buf_init(&said, KIB);
        trace_say_error(&said, &err);
        assert_string_equal(buf_str(&said), answers[i].expected);
        buf_clear(&said);
        trace_clear(&trace);
    }
}

/* ---- Cut short -------------------------------------------------------------------------- */

/* Positions to cut at: all of a small file, of others some hundreds, and all of the end. */
static size_t next_cut(size_t at, size_t end)
{
    size_t step = end <= 1000 ? 1 : end / 120;
    return at + step < end && end - at > 50 ? at + step : at + 1;
}

/* Is this beginning of it a document? */
static bool is_document(const struct trace *trace, size_t len)
{
    const struct xml_node *root;
    bool recovered;
    struct trace beginning = *trace;
    beginning.body_len = len;
    struct xml_reader *reader = trace_parse(&beginning, &root, &recovered);
    bool is = root != NULL;
    xml_reader_free(&reader);
    return is;
}

static const char *operation_of(const struct trace *trace)
{
    static const char *const names[] = {"SyncFolderItemsResponse", "UpdateItemResponse",
                                        "MoveItemResponse", "DeleteItemResponse"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (memmem(trace->body, trace->body_len, names[i], strlen(names[i])))
            return names[i];
    }
    return "GetItemResponse";
}

/* Checks every cut of one; returns how many. */
static long cut_everywhere(const char *name, const struct trace *trace)
{
    size_t end = trace_end(trace);
    enum err_kind kind = trace->status == 200 ? ERR_PROTOCOL : ERR_TEMPORARY;
    long cuts = 0;
    for (size_t at = 0; at < end; at = next_cut(at, end), cuts++) {
        if (is_document(trace, at))
            fail_msg("%s cut at %zu of %zu is taken for a document", name, at, end);
        struct err err = trace_answer(trace, at, operation_of(trace));
        if (err.kind != kind || err.effect != ERR_EFFECT_UNKNOWN)
            fail_msg("%s cut at %zu of %zu: %s", name, at, end, err.text);
    }
    return cuts;
}

static void an_answer_cut_short_is_never_success_and_always_in_doubt(void **state)
{
    (void)state;
    need_files();
    long cuts = 0;
    for (int i = 0; i < traces_count(); i++) {
        struct trace trace;
        trace_read(traces_name(i), &trace);
        cuts += cut_everywhere(traces_name(i), &trace);
        trace_clear(&trace);
    }
    print_message("%ld cuts\n", cuts);
    assert_true(cuts > 10000);
}

static void a_notification_cut_short_is_refused(void **state)
{
    (void)state;
    need_files();
    for (int i = 0; i < traces_count(); i++) {
        struct notification notes[4];
        struct trace trace;
        size_t count;
        if (!strstr(traces_name(i), "SendNotification"))
            continue;
        trace_read(traces_name(i), &trace);
        for (size_t at = 0; at < trace_end(&trace); at++) {
            struct err err = {0};
            assert_false(notification_parse(trace.body, at, notes, 4, &count, &err));
        }
        trace_clear(&trace);
    }
}

/* ---- Forbidden characters --------------------------------------------------------------- */

/* Whoever gave this recording away had emptied its ids, so its row in traces_expected.inc says
 * that it has no item; here it gets one again. */
static void what_xml_forbids_costs_nothing_but_itself(void **state)
{
    (void)state;
    need_files();
    static const char empty[] = "<t:ItemId Id=\"\"", full[] = "<t:ItemId Id=\"A\"";
    struct trace trace;
    struct buf whole;
    const struct xml_node *root;
    bool recovered;
    trace_read("viewpoint-GetItem-illegal-xml-chars.xml", &trace);
    const char *id = strstr(trace.body, empty);
    assert_non_null(id);
    buf_init(&whole, MIB);
    buf_printf(&whole, "%.*s%s%s", (int)(id - trace.body), trace.body, full,
               id + strlen(empty));
    trace.body = buf_str(&whole);
    trace.body_len = whole.len;
    struct err err = trace_answer(&trace, trace.body_len, "GetItemResponse");
    assert_int_equal(err.kind, ERR_OK);
    struct xml_reader *reader = trace_parse(&trace, &root, &recovered);
    assert_true(recovered);
    const struct xml_node *item = xml_find(root, EWS_NS_TYPES, "ItemId")->parent;
    assert_string_equal(xml_child_text(item, EWS_NS_TYPES, "Subject"), "Invalid character");
    assert_string_equal(item->last_child->name, "IsOnlineMeeting");
    const char *text = xml_child_text(item, EWS_NS_TYPES, "Body");
    const char *rest = text + strlen("Invalid characters:");
    assert_memory_equal(text, "Invalid characters:", strlen("Invalid characters:"));
    assert_int_equal(strspn(rest, " "), strlen(rest));
    assert_int_equal(strlen(rest), 30); /* the blanks around 29 of them */
    xml_reader_free(&reader);
    buf_clear(&whole);
    trace_clear(&trace);
}

/* ---- A stream --------------------------------------------------------------------------- */

static int envelope_count, changed_count;

static bool on_subscription(const char *subscription, enum response_stream_word word,
                            const struct remote_where *where, void *arg)
{
    (void)arg;
    (void)where;
    assert_true(*subscription && word != STREAMED_LOSS);
    changed_count++;
    return true;
}

static bool on_envelope(const struct xml_node *root, void *arg)
{
    bool closed, lost;
    struct err err = {0};
    (void)arg;
    envelope_count++;
    assert_true(response_stream(root, on_subscription, NULL, &closed, &lost, &err));
    return true;
}

/* The recorded stream breaks off before the end of its envelope; given that end it comes twice
 * here, in pieces of every size. */
static void a_stream_is_read_envelope_by_envelope(void **state)
{
    (void)state;
    need_files();
    static const struct xml_limits limits = {
        .max_bytes = MIB, .max_depth = LIMIT_XML_DEPTH, .max_nodes = LIMIT_XML_NODES};
    struct trace trace;
    struct buf twice;
    trace_read("doc-stream-notifications-about-mailbox-events-4.txt", &trace);
    buf_init(&twice, MIB);
    for (int i = 0; i < 2; i++)
        buf_printf(&twice, "%s</s:Envelope>\r\n", trace.body);
    for (size_t piece = 1; piece < 300; piece++) {
        struct envelopes *envelopes = envelopes_new(&limits, on_envelope, NULL);
        struct err err = {0};
        envelope_count = changed_count = 0;
        for (size_t at = 0; at < twice.len; at += piece) {
            size_t n = twice.len - at < piece ? twice.len - at : piece;
            assert_true(envelopes_feed(envelopes, buf_str(&twice) + at, n, &err));
        }
        assert_true(envelopes_at_rest(envelopes));
        assert_int_equal(envelope_count, 2);
        assert_int_equal(changed_count, 2);
        envelopes_free(&envelopes);
    }
    trace_clear(&trace);
    buf_clear(&twice);
}

/* ---- Attachments ------------------------------------------------------------------------ */

enum { REFUSED = -1 };

/* How many bytes of audio came of it; REFUSED: it was refused, and no file is there. */
static long fetched(const struct trace *trace, size_t len)
{
    char path[LIMIT_PATH];
    struct stat st;
    snprintf(path, sizeof(path), "%s/sib-answers-%ld",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (long)getpid());
    struct err err = trace_fetch(trace, len, path);
    int there = stat(path, &st);
    assert_int_equal(there == 0, err.kind == ERR_OK);
    unlink(path);
    return there == 0 ? (long)st.st_size : REFUSED;
}

static void the_content_of_attachments_is_taken_whole_or_not_at_all(void **state)
{
    (void)state;
    need_files();
    static const struct {
        const char *name;
        long bytes;
    } contents[] = {
        {"ewsjs-GetAttachmentRequestResponse.xml", 9},
        {"doc-get-attachments-5.xml", 26},
        {"doc-getattachment-operation-1.xml", 5},
        {"doc-get-attachments-4.xml", REFUSED},          /* an item, no file */
        {"ewscpp-get_attachment_response.xml", REFUSED}, /* recorded without its envelope */
    };
    struct trace trace;
    struct buf inside, envelope;
    for (size_t i = 0; i < sizeof(contents) / sizeof(contents[0]); i++) {
        trace_read(contents[i].name, &trace);
        assert_int_equal(fetched(&trace, trace.body_len), contents[i].bytes);
        trace_clear(&trace);
    }
    trace_read("ewscpp-get_attachment_response.xml", &trace);
    const char *begin = strstr(trace.body, "<m:ResponseMessages>");
    const char *end = strstr(trace.body, "</GetAttachmentResponse>");
    assert_true(begin && end);
    buf_init(&inside, MIB);
    buf_printf(&inside, "<m:GetAttachmentResponse>%.*s</m:GetAttachmentResponse>",
               (int)(end - begin), begin);
    trace.body = fixture_soap(&envelope, buf_str(&inside));
    trace.body_len = strlen(trace.body);
    assert_int_equal(fetched(&trace, trace.body_len), 93525);
    assert_int_equal(fetched(&trace, trace.body_len - 1), REFUSED);
    assert_int_equal(fetched(&trace, trace.body_len / 2), REFUSED);
    trace_clear(&trace);
    buf_clear(&inside);
    buf_clear(&envelope);
}

static void silent(enum log_level level, const char *text, void *arg)
{
    (void)level, (void)text, (void)arg;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_soap_is_graded_by_its_status),
        cmocka_unit_test(an_answer_cut_short_is_never_success_and_always_in_doubt),
        cmocka_unit_test(a_notification_cut_short_is_refused),
        cmocka_unit_test(what_xml_forbids_costs_nothing_but_itself),
        cmocka_unit_test(a_stream_is_read_envelope_by_envelope),
        cmocka_unit_test(the_content_of_attachments_is_taken_whole_or_not_at_all),
    };
    log_set_sink(silent, NULL);
    return cmocka_run_group_tests(tests, traces_open, traces_close);
}
