#include "tests/support/stand_in.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/exchange/exchange_blob.h"

static const int64_t monday = 1795341600000; /* some morning in November 2026 */

int stand_begin(void **state)
{
    struct stand *f = calloc(1, sizeof *f);
    struct err err;
    f->loop = loop_virtual_new((struct wall){monday});
    f->ex = exchange_new(NULL, f->loop, 7, &err);
    f->mailbox = ANN;
    assert_non_null(f->ex);
    *state = f;
    return 0;
}

int stand_end(void **state)
{
    struct stand *f = *state;
    exchange_answer_clear(&f->answer);
    xml_reader_free(&f->reader);
    exchange_free(&f->ex);
    loop_free(&f->loop);
    free(f);
    return 0;
}

char *stand_envelope(const char *mailbox, const char *body)
{
    static const char format[] =
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\""
        " xmlns:m=\"http://schemas.microsoft.com/exchange/services/2006/messages\""
        " xmlns:t=\"http://schemas.microsoft.com/exchange/services/2006/types\">"
        "<s:Header><t:RequestServerVersion Version=\"Exchange2013_SP1\"/>"
        "<t:ExchangeImpersonation><t:ConnectingSID><t:PrimarySmtpAddress>%s"
        "</t:PrimarySmtpAddress></t:ConnectingSID></t:ExchangeImpersonation></s:Header>\n"
        "<s:Body>%s</s:Body></s:Envelope>";
    char *text;
    assert_true(asprintf(&text, format, mailbox, body) >= 0);
    return text;
}

static void read_answer(struct stand *f)
{
    struct err err;
    xml_reader_free(&f->reader);
    f->root = NULL;
    f->reader = xml_reader_new(NULL, NULL);
    if (f->answer.body.len && !strncmp(f->answer.type, "text/xml", 8) &&
        xml_reader_feed(f->reader, f->answer.body.data, f->answer.body.len, &err) &&
        !xml_reader_end(f->reader, &f->root, &err))
        f->root = NULL;
}

const struct xml_node *stand_ask(struct stand *f, const char *body)
{
    char *text = stand_envelope(f->mailbox, body);
    exchange_answer_clear(&f->answer);
    exchange_handle(f->ex, "svc", text, strlen(text), &f->answer);
    free(text);
    read_answer(f);
    return f->root;
}

const char *stand_askf(struct stand *f, const char *format, ...)
{
    char *body;
    va_list args;
    va_start(args, format);
    assert_true(vasprintf(&body, format, args) >= 0);
    va_end(args);
    const char *code = xml_text(xml_find(stand_ask(f, body), NULL, "ResponseCode"));
    free(body);
    return code;
}

void stand_refuses(struct stand *f, const char *body)
{
    assert_string_equal(stand_askf(f, "%s", body), "ErrorSchemaValidation");
    assert_int_equal(f->answer.status, 500);
    assert_non_null(xml_find(f->root, NULL, "Violation"));
    assert_non_null(xml_find(f->root, NULL, "LineNumber"));
}

void stand_faults(struct stand *f, const char *spec)
{
    struct err err;
    if (!exchange_set_faults(f->ex, spec, &err))
        fail_msg("%s", err.text);
}

void stand_create(struct stand *f, const char *subject, char *id)
{
    assert_string_equal(stand_askf(f, CREATE("<t:Subject>%s</t:Subject>" FLAGS), subject),
                        "NoError");
    snprintf(id, EXCHANGE_ID_MAX, "%s", xml_attr(xml_find(f->root, NULL, "ItemId"), "Id"));
}

const char *stand_sync(struct stand *f, const char *state, int most)
{
    return stand_askf(f,
                      "<m:SyncFolderItems><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape>"
                      "<t:AdditionalProperties><t:FieldURI FieldURI=\"item:Subject\"/>"
                      "<t:FieldURI FieldURI=\"message:IsRead\"/>" OUR_URI
                      "</t:AdditionalProperties></m:ItemShape><m:SyncFolderId>" INBOX
                      "</m:SyncFolderId><m:SyncState>%s</m:SyncState>"
                      "<m:MaxChangesReturned>%d</m:MaxChangesReturned></m:SyncFolderItems>",
                      state, most);
}

char *stand_state(struct stand *f)
{
    return strdup(xml_text(xml_find(f->root, NULL, "SyncState")));
}

bool stand_is_last(struct stand *f)
{
    return !strcmp(xml_text(xml_find(f->root, NULL, "IncludesLastItemInRange")), "true");
}

const char *stand_changes(struct stand *f)
{
    static char text[4096];
    const struct xml_node *changes = xml_find(f->root, NULL, "Changes");
    text[0] = '\0';
    for (const struct xml_node *n = changes ? changes->first_child : NULL; n; n = n->next)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s ", n->name);
    return text;
}

char *stand_catch_up(struct stand *f, const char *from)
{
    char *state = strdup(from);
    do {
        assert_string_equal(stand_sync(f, state, 512), "NoError");
        free(state);
        state = stand_state(f);
    } while (!stand_is_last(f));
    return state;
}

int stand_messages(struct stand *f)
{
    const struct xml_node *list = xml_find(f->root, NULL, "ResponseMessages");
    int count = 0;
    for (const struct xml_node *n = list ? list->first_child : NULL; n; n = n->next)
        count++;
    return count;
}

char *stand_base64(const char *text)
{
    struct buf out;
    buf_init(&out, MIB);
    ex_blob_base64(&out, text, strlen(text));
    return buf_take(&out, NULL);
}
