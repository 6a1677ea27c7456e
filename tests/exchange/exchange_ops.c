/* The table of operations, and what several of them need. */
#include "tests/exchange/exchange_ops.h"
#include "tests/exchange/exchange_stream_private.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const struct operation operations[] = {
    {"GetFolder", ex_op_get_folder, "m:Folders"},
    {"FindFolder", ex_op_find_folder, NULL},
    {"CreateFolder", ex_op_create_folder, "m:Folders"},
    {"DeleteFolder", ex_op_delete_folder, NULL},
    {"MoveFolder", ex_op_move_folder, "m:Folders"},
    {"SyncFolderItems", ex_op_sync_folder_items, NULL},
    {"SyncFolderHierarchy", ex_op_sync_folder_hierarchy, NULL},
    {"CreateItem", ex_op_create_item, "m:Items"},
    {"UpdateItem", ex_op_update_item, "m:Items"},
    {"MoveItem", ex_op_move_item, "m:Items"},
    {"CopyItem", ex_op_copy_item, "m:Items"},
    {"DeleteItem", ex_op_delete_item, NULL},
    {"GetItem", ex_op_get_item, "m:Items"},
    {"FindItem", ex_op_find_item, NULL},
    {"GetAttachment", ex_op_get_attachment, "m:Attachments"},
    {"DeleteAttachment", ex_op_delete_attachment, NULL},
    {"Subscribe", ex_op_subscribe, NULL},
    {"Unsubscribe", ex_op_unsubscribe, NULL},
    {"GetEvents", ex_op_get_events, NULL},
    {"GetStreamingEvents", ex_op_get_streaming_events, NULL},
};

enum { OPERATIONS = sizeof operations / sizeof *operations };
static_assert(OPERATIONS <= sizeof((struct exchange *)0)->counts / sizeof(long),
              "every operation has a counter");

const struct operation *ex_operation_find(const char *name)
{
    for (int i = 0; i < OPERATIONS; i++)
        if (!strcmp(operations[i].name, name))
            return &operations[i];
    return NULL;
}

int ex_operation_index(const struct operation *operation)
{
    return (int)(operation - operations);
}

bool ex_ops_stops(struct call *call)
{
    if (call->stopped) {
        ex_soap_stopped(call);
        return true;
    }
    if (++call->things != call->stop_at)
        return false;
    ex_soap_error(call, "ErrorMailboxStoreUnavailable");
    return true;
}

const struct xml_node *ex_ops_child(struct call *call, const char *name)
{
    return xml_child(call->request, NS_MESSAGES, name);
}

const struct xml_node *ex_ops_list(struct call *call, const char *name)
{
    const struct xml_node *list = ex_ops_child(call, name);
    return list ? list->first_child : NULL;
}

const char *ex_ops_folder(struct call *call, const struct xml_node *id, const char *absent,
                          struct folder *folder)
{
    const char *name = xml_attr(id, "Id");
    if (strcmp(id->name, "DistinguishedFolderId") != 0) {
        const char *code = ex_folder_by_key(call->ex, call->mailbox, name, folder);
        return code && !strcmp(code, "ErrorFolderNotFound") ? absent : code;
    }
    const struct xml_node *other = xml_child(id, NS_TYPES, "Mailbox");
    int64_t mailbox = call->mailbox;
    if (other)
        mailbox = exchange_mailbox(call->ex, xml_child_text(other, NS_TYPES, "EmailAddress"));
    if (!mailbox)
        return "ErrorNonExistentMailbox";
    return ex_folder_by_kind(call->ex, mailbox, name, folder) ? NULL : absent;
}

enum { PAGE_MOST = 1000 }; /* EWSFindCountLimit */

void ex_page_init(struct page *page, const struct xml_node *view)
{
    *page = (struct page){.most = PAGE_MOST};
    const char *most = xml_attr(view, "MaxEntriesReturned"), *offset = xml_attr(view, "Offset");
    long value;
    if (most && ex_schema_integer(most, &value) && value > 0 && value < PAGE_MOST)
        page->most = value;
    if (offset && ex_schema_integer(offset, &value) && value > 0)
        page->offset = value;
}

bool ex_page_shows(struct page *page)
{
    long position = page->seen++;
    bool shows = position >= page->offset && page->shown < page->most;
    page->shown += shows;
    return shows;
}

void ex_page_open(struct call *call, const struct page *page)
{
    char number[24];
    long next = page->offset + page->shown;
    xml_open(&call->xml, "m:RootFolder");
    snprintf(number, sizeof number, "%ld", next);
    xml_attribute(&call->xml, "IndexedPagingOffset", number);
    snprintf(number, sizeof number, "%ld", page->seen);
    xml_attribute(&call->xml, "TotalItemsInView", number);
    xml_attribute(&call->xml, "IncludesLastItemInRange", next >= page->seen ? "true" : "false");
}
