/* The readers of Exchange's answers: what they hand out is within its limits, and an error says
 * all that the callers decide by. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/id.h"
#include "base/xml.h"
#include "ews/ews_error.h"
#include "ews/ews_names.h"
#include "ews/response.h"
#include "ews/response_composed.h"
#include "ews/response_stage.h"
#include "ews/response_stream.h"
#include "ews/soap.h"
#include "tests/fuzz/fuzz_targets.h"

static const enum remote_place all_places[] = {REMOTE_INBOX, REMOTE_DELETED, REMOTE_JUNK,
                                               REMOTE_SENT};
enum { PLACES = sizeof all_places / sizeof all_places[0] };

enum { COPIES_MAX = 8, READERS = 20, ANY_ANSWER = 12, BEGINNINGS = 24 };

static void check_code(const char *code)
{
    for (; *code; code++)
        fuzz_check(isalnum((unsigned char)*code) || strchr("._:-? ", *code));
}

/* What holds of every verdict about an answer, good or bad. */
static void check_verdict(bool ok, const struct err *err)
{
    fuzz_check_result(ok, err);
    fuzz_check(ok == (err->kind == ERR_OK));
    if (ok)
        return;
    fuzz_check(err->scope <= ERR_SCOPE_SERVICE && err->when <= ERR_WHEN_NEVER);
    fuzz_check(err->effect == ERR_EFFECT_NONE || err->effect == ERR_EFFECT_UNKNOWN);
    fuzz_check(err->back_off_ms >= 0 && err->back_off_ms <= TIME_BACK_OFF_MAX_MS);
    fuzz_check(!err->back_off_ms || err->when == ERR_WHEN_BACK_OFF);
    fuzz_check(err->kind != ERR_PROTOCOL || err->effect == ERR_EFFECT_UNKNOWN);
    fuzz_check(!ews_error_is_moved(err) || !ews_error_is_throttled(err));
    check_code(err->code);
}

static void check_id(const char *id)
{
    fuzz_check(id && *id && strlen(id) < LIMIT_REMOTE_ID);
}

static void check_folders(const struct response_folders *folders)
{
    fuzz_check(folders->count <= LIMIT_FOLDERS && folders->count <= folders->room);
    for (size_t i = 0; i < folders->count; i++) {
        check_id(folders->list[i].id);
        fuzz_check(folders->list[i].name && folders->list[i].place < REMOTE_PLACES);
    }
}

static void check_page(const struct remote_page *page)
{
    fuzz_check(page->token && strlen(page->token) <= LIMIT_SYNC_TOKEN);
    for (size_t i = 0; i < page->count; i++) {
        const struct remote_item *item = &page->changes[i].item;
        check_id(item->id);
        fuzz_check(item->version && item->message_id && item->creation && item->subject);
        fuzz_check(strlen(item->version) < LIMIT_REMOTE_ID);
    }
}

static void get_folders(const struct xml_node *root, size_t count)
{
    struct response_folders folders = {0};
    struct err err = {0};

    bool ok = response_get_folders(root, all_places, count, &folders, &err);
    check_verdict(ok, &err);
    fuzz_check(folders.count <= count);
    check_folders(&folders);
    response_folders_clear(&folders);
}

static void find_folders(const struct xml_node *root, long offset)
{
    struct response_folders folders = {0};
    struct err err = {0};
    long next = 0;

    bool ok = response_find_folders(root, REMOTE_BELOW, offset, &folders, &next, &err);
    check_verdict(ok, &err);
    fuzz_check(!ok || next == -1 || next > offset); /* paging comes to an end */
    check_folders(&folders);
    response_folders_clear(&folders);
}

static void changes(const struct xml_node *root,
                    bool (*read)(const struct xml_node *, struct remote_page *, struct err *))
{
    struct remote_page page;
    struct err err = {0};

    bool ok = read(root, &page, &err);
    check_verdict(ok, &err);
    if (ok)
        check_page(&page);
    response_page_clear(&page);
}

static void ref(const struct xml_node *root, const char *name)
{
    struct remote_ref written;
    struct err err = {0};
    int attachments;

    bool ok = response_ref(root, name, &written, &attachments, &err);
    check_verdict(ok, &err);
    fuzz_check(attachments >= 0);
    if (ok)
        check_id(written.id);
}

static void done(const struct xml_node *root, const char *name)
{
    struct err err = {0};
    bool ok = response_done(root, name, &err);

    check_verdict(ok, &err);
}

static void subscribe(const struct xml_node *root)
{
    const char *subscription;
    struct err err = {0};

    bool ok = response_subscribe(root, &subscription, &err);
    check_verdict(ok, &err);
    if (ok)
        check_id(subscription);
}

static void attachments(const struct xml_node *root)
{
    const char *audio;
    int total;
    struct err err = {0};

    bool ok = response_attachments(root, &audio, &total, &err);
    check_verdict(ok, &err);
    if (ok && audio)
        check_id(audio);
    fuzz_check(!ok || !audio || total > 0);
}

static void create_folder(const struct xml_node *root)
{
    const char *id;
    struct err err = {0};

    bool ok = response_create_folder(root, &id, &err);
    check_verdict(ok, &err);
    if (ok)
        check_id(id);
}

static void find_hidden(const struct xml_node *root)
{
    struct response_hidden found;
    struct err err = {0};
    long next = 0;

    bool ok = response_find_hidden(root, "name", 0, &found, &next, &err);
    check_verdict(ok, &err);
    fuzz_check(!ok || next == -1 || next > 0);
    if (ok && found.id)
        check_id(found.id);
}

static void find_copies(const struct xml_node *root)
{
    struct remote_item items[COPIES_MAX];
    struct err err = {0};
    int count = 0;
    bool more;

    bool ok = response_find_copies(root, "uuid", items, COPIES_MAX, &count, &more, &err);
    check_verdict(ok, &err);
    fuzz_check(count >= 0 && count <= COPIES_MAX);
    for (int i = 0; ok && i < count; i++)
        check_id(items[i].id);
}

static bool streamed(const char *subscription, enum response_stream_word word,
                     const struct remote_where *where, void *arg)
{
    int *left = arg;

    (void)word;
    (void)where;
    fuzz_check(*left > 0); /* not called again once it said stop */
    check_id(subscription);
    return --*left > 0;
}

static void stream(const struct xml_node *root, int most)
{
    struct err err = {0};
    bool closed, lost;

    fuzz_check_result(response_stream(root, streamed, &most, &closed, &lost, &err), &err);
}

/* A text within its limit, without control characters; lines: but for ends of lines and tabs.
 */
static void check_text(const char *text, size_t size, bool lines)
{
    fuzz_check(text && strlen(text) < size);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        fuzz_check((c >= ' ' && c != 0x7F) || (lines && (c == '\n' || c == '\t')));
    }
}

static void composed(const struct xml_node *root)
{
    struct err err = {0};

    struct response_composed *composed = response_composed(root, &err);
    check_verdict(composed != NULL, &err);
    if (!composed)
        return;
    const struct remote_composed *told = &composed->told;
    check_id(told->id);
    fuzz_check(told->version && strlen(told->version) < LIMIT_REMOTE_ID);
    check_text(told->from, LIMIT_LEGACY_ADDRESS, false);
    check_text(told->subject, LIMIT_SUBJECT, false);
    check_text(told->body, LIMIT_COMPOSED_BODY, true);
    check_text(told->too_much, LIMIT_REASON, false);
    fuzz_check(!*told->reference || id_valid(told->reference));
    fuzz_check(told->to_count <= LIMIT_RECIPIENTS);
    for (size_t i = 0; i < told->to_count; i++)
        check_text(told->to[i], LIMIT_LEGACY_ADDRESS, false);
    fuzz_check(told->attachment_count <= LIMIT_ATTACHMENTS);
    for (size_t i = 0; i < told->attachment_count; i++) {
        check_id(told->attachments[i].id);
        check_text(told->attachments[i].name, LIMIT_ATTACHMENT_NAME, false);
        check_text(told->attachments[i].type, LIMIT_CONTENT_TYPE, false);
        fuzz_check(told->attachments[i].bytes >= -1);
    }
    response_composed_free(&composed);
}

static int messages_in(const struct xml_node *answer)
{
    const struct xml_node *list = xml_child(answer, EWS_NS_MESSAGES, "ResponseMessages");
    int count = 0;

    for (const struct xml_node *m = list ? list->first_child : NULL; m; m = m->next)
        count++;
    return count;
}

/* An answer to whatever question: there are as many messages as it has, and none for another
 * number of things asked. */
static struct err any_answer(const struct xml_node *root)
{
    const struct xml_node *body = xml_child(root, EWS_NS_SOAP, "Body"), *message;
    const char *name = body && body->first_child ? body->first_child->name : "none";
    int count = messages_in(xml_child(body, EWS_NS_MESSAGES, name));
    struct err err = {0}, other = {0};

    bool ok = soap_open_answer(root, name, count, &message, &err);
    check_verdict(ok, &err);
    fuzz_check(!ok || soap_is_envelope(root));
    for (int i = 0; ok && i < count; i++, message = soap_next_message(message)) {
        struct err said = {0};
        check_verdict(soap_message_ok(message, &said), &said);
    }
    fuzz_check(!ok || !message);
    bool wrong = soap_open_answer(root, name, count + 1, &message, &other);
    fuzz_check(!wrong);
    check_verdict(wrong, &other);
    return err;
}

/* Three lines: a code, the one that it wraps, and words. Before them the shape and a wait. */
static void code(const unsigned char *bytes, size_t len)
{
    if (len < 3)
        return;
    char *text = strndup((const char *)bytes + 3, len - 3), *rest = text;
    fuzz_check(text);
    const char *line[3];
    for (int i = 0; i < 3; i++) {
        const char *part = strsep(&rest, "\n");
        line[i] = part ? part : "";
    }
    int64_t wait = ((int64_t)bytes[1] << 8 | bytes[2]) * 1000;
    struct ews_said said = {bytes[0] % EWS_SHAPES, line[0], line[1], line[2], wait};
    struct err err = {0};
    bool ok = ews_error_from_answer(&err, &said);
    fuzz_check(!ok && err.kind != ERR_OK && err.back_off_ms <= TIME_BACK_OFF_MAX_MS);
    fuzz_check(!err.back_off_ms == (!wait || err.when != ERR_WHEN_BACK_OFF));
    fuzz_check(ews_error_known(line[0]) || wait || said.shape == EWS_SHAPE_ERROR ||
               err.effect == ERR_EFFECT_UNKNOWN || ews_error_known(line[1]));
    fuzz_check_result(ok, &err);
    free(text);
}

/* Two bytes of status and one of Retry-After, then a content type. */
static void status(const unsigned char *bytes, size_t len)
{
    if (len < 3)
        return;
    char *type = strndup((const char *)bytes + 3, len - 3);
    fuzz_check(type);
    int64_t wait = bytes[2] ? (int64_t)bytes[2] * 60000 : -1;
    struct err err = {0};
    bool ok = ews_error_from_http(&err, bytes[0] << 8 | bytes[1], type, wait);
    check_verdict(ok, &err);
    free(type);
}

static void read_answer(unsigned char which, const struct xml_node *root)
{
    switch (which % READERS) {
    case 0: get_folders(root, 1 + which / READERS % PLACES); break;
    case 1: find_folders(root, which / READERS); break;
    case 2: changes(root, response_sync_items); break;
    case 3: changes(root, response_get_item); break;
    case 4: ref(root, "CreateItemResponse"); break;
    case 5: ref(root, "UpdateItemResponse"); break;
    case 6: ref(root, "MoveItemResponse"); break;
    case 7: done(root, "DeleteItemResponse"); break;
    case 8: done(root, "UnsubscribeResponse"); break;
    case 9: done(root, "GetAttachmentResponse"); break;
    case 10: subscribe(root); break;
    case 11: attachments(root); break;
    case 15: create_folder(root); break;
    case 16: find_hidden(root); break;
    case 17: find_copies(root); break;
    case 18: stream(root, 1 + which / READERS); break;
    case 19: composed(root); break;
    default: break;
    }
}

/* Reads a document; false: it is none. */
static bool document(unsigned char which, const unsigned char *bytes, size_t len,
                     struct err *verdict, bool *recovered)
{
    const struct xml_node *root = NULL;
    struct err err = {0};

    struct xml_reader *reader = xml_reader_new(NULL, NULL);
    fuzz_check(reader);
    bool ok = xml_reader_feed(reader, bytes, len, &err) && xml_reader_end(reader, &root, &err);
    fuzz_check_result(ok, &err);
    *recovered = xml_reader_recovered(reader);
    if (ok && which % READERS == ANY_ANSWER)
        *verdict = any_answer(root);
    else if (ok)
        read_answer(which, root);
    xml_reader_free(&reader);
    return ok;
}

/* A beginning is no document, or (when only white space and comments are missing) says the same
 * as the whole. */
static void beginnings(const unsigned char *bytes, size_t len, const struct err *whole)
{
    size_t step = len / BEGINNINGS + 1;

    for (size_t at = len - 1; at > 0; at -= at > step ? step : at) {
        struct err verdict = {0};
        bool recovered;
        if (document(ANY_ANSWER, bytes, at, &verdict, &recovered) && !recovered)
            fuzz_check(verdict.kind == whole->kind && strcmp(verdict.code, whole->code) == 0);
    }
}

static void any_document(unsigned char which, const unsigned char *bytes, size_t len)
{
    struct err verdict = {0};
    bool recovered;

    bool ok = document(which, bytes, len, &verdict, &recovered);
    if (which % READERS == ANY_ANSWER && ok && !recovered && len > 0)
        beginnings(bytes, len, &verdict);
}

void fuzz_ews_response(const unsigned char *bytes, size_t len)
{
    if (!len)
        return;
    unsigned char which = bytes[0];
    switch (which % READERS) {
    case 13: status(bytes + 1, len - 1); break;
    case 14: code(bytes + 1, len - 1); break;
    default: any_document(which, bytes + 1, len - 1); break;
    }
}
