/* The readers of Exchange's answers: what they hand out is within its limits. */
#include <string.h>

#include "base/xml.h"
#include "ews/response.h"
#include "ews/soap.h"
#include "tests/fuzz/fuzz_targets.h"

static const enum remote_place all_places[] = {REMOTE_INBOX, REMOTE_DELETED, REMOTE_JUNK,
                                               REMOTE_SENT};
enum { PLACES = sizeof all_places / sizeof all_places[0] };

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
    fuzz_check_result(ok, &err);
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
    fuzz_check_result(ok, &err);
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
    fuzz_check_result(ok, &err);
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
    fuzz_check_result(ok, &err);
    fuzz_check(attachments >= 0);
    if (ok)
        check_id(written.id);
}

static void done(const struct xml_node *root, const char *name)
{
    struct err err = {0};
    fuzz_check_result(response_done(root, name, &err), &err);
}

static void subscribe(const struct xml_node *root)
{
    const char *subscription;
    struct err err = {0};

    bool ok = response_subscribe(root, &subscription, &err);
    fuzz_check_result(ok, &err);
    if (ok)
        check_id(subscription);
}

static void attachments(const struct xml_node *root)
{
    const char *audio;
    int total;
    struct err err = {0};

    bool ok = response_attachments(root, &audio, &total, &err);
    fuzz_check_result(ok, &err);
    if (ok && audio)
        check_id(audio);
    fuzz_check(!ok || !audio || total > 0);
}

static void read_answer(unsigned char which, const struct xml_node *root)
{
    switch (which % 13) {
    case 0: get_folders(root, 1 + which / 13 % PLACES); break;
    case 1: find_folders(root, which / 13); break;
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
    default: (void)soap_is_envelope(root); break;
    }
}

void fuzz_ews_response(const unsigned char *bytes, size_t len)
{
    const struct xml_node *root = NULL;
    struct err err = {0};

    if (!len)
        return;
    struct xml_reader *reader = xml_reader_new(NULL, NULL);
    fuzz_check(reader);
    bool ok = xml_reader_feed(reader, bytes + 1, len - 1, &err) &&
              xml_reader_end(reader, &root, &err);
    fuzz_check_result(ok, &err);
    if (ok)
        read_answer(bytes[0], root);
    xml_reader_free(&reader);
}
