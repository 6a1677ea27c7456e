/* Operations that read items: GetItem, FindItem, GetAttachment. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/exchange/exchange_ops.h"

void ex_op_get_item(struct call *call)
{
    const struct xml_node *shape = ex_ops_child(call, "ItemShape");
    const char *refused = ex_shape_refused(shape, false);
    for (const struct xml_node *id = ex_ops_list(call, "ItemIds"); id; id = id->next) {
        if (ex_ops_stops(call))
            continue;
        struct item item = {.id = 0};
        const char *code =
            refused ? refused
                    : ex_item_by_key(call->ex, call->mailbox, xml_attr(id, "Id"), &item);
        if (code) {
            ex_soap_error(call, code);
        } else {
            ex_soap_success(call);
            xml_open(&call->xml, "m:Items");
            ex_shape_item(call, &item, shape);
            xml_close(&call->xml);
            ex_soap_done(call);
        }
        ex_item_clear(&item);
    }
}

static char *value_of(struct exchange *ex, const void *item, const struct xml_node *path)
{
    return ex_shape_value(ex, item, path);
}

struct item_search {
    const struct folder *folder;
    const struct xml_node *expression; /* NULL: all */
    const struct xml_node *shape;      /* NULL: count only */
    struct page page;
    const char *code;
};

static void search_items(struct call *call, struct item_search *search)
{
    struct db_query *query = ex_db_query(
        call->ex->db,
        "SELECT id FROM item WHERE folder=? AND gone=0 ORDER BY received DESC, id DESC", "i",
        search->folder->id);
    while (ex_db_row(query) && !search->code) {
        struct item item;
        bool match =
            ex_item_by_id(call->ex, ex_db_int(query, 0), &item) &&
            (!search->expression ||
             ex_shape_matches(call->ex, &item, value_of, search->expression, &search->code));
        if (match && ex_page_shows(&search->page) && search->shape)
            ex_shape_item(call, &item, search->shape);
        ex_item_clear(&item);
    }
    ex_db_end(&query);
}

static void find_in(struct call *call, const struct xml_node *id)
{
    const struct xml_node *shape = ex_ops_child(call, "ItemShape");
    const struct xml_node *view = ex_ops_child(call, "IndexedPageItemView");
    struct folder folder;
    struct item_search search = {.folder = &folder,
                                 .expression = ex_ops_list(call, "Restriction")};
    search.code = ex_ops_folder(call, id, "ErrorFolderNotFound", &folder);
    if (!search.code)
        search.code = ex_shape_refused(shape, true);
    if (!search.code && ex_ops_child(call, "QueryString"))
        search.code = "ErrorUnsupportedQueryFilter";
    ex_page_init(&search.page, view);
    if (!search.code)
        search_items(call, &search);
    if (search.code) {
        ex_soap_error(call, search.code);
        return;
    }
    ex_soap_success(call);
    ex_page_open(call, &search.page);
    xml_open(&call->xml, "t:Items");
    search.shape = shape;
    ex_page_init(&search.page, view);
    search_items(call, &search);
    xml_close(&call->xml);
    xml_close(&call->xml);
    ex_soap_done(call);
}

void ex_op_find_item(struct call *call)
{
    for (const struct xml_node *id = ex_ops_list(call, "ParentFolderIds"); id; id = id->next)
        if (!ex_ops_stops(call))
            find_in(call, id);
}

/* Of an attached message its properties come; the stand-in keeps none but its name. */
static void show_attachment(struct call *call, const struct attachment *attachment)
{
    struct xml_writer *xml = &call->xml;
    bool is_file = ex_attachment_is_file(attachment);
    xml_open(xml, is_file ? "t:FileAttachment" : "t:ItemAttachment");
    ex_shape_attachment_head(call, attachment);
    if (is_file) {
        xml_open(xml, "t:Content");
        xml_flush(xml);
        ex_blob_read_base64(call->ex->blobs, attachment->hash, xml->out);
        xml_close(xml);
    } else {
        xml_open(xml, "t:Message");
        xml_element(xml, "t:Subject", attachment->name);
        xml_close(xml);
    }
    xml_close(xml);
}

void ex_op_get_attachment(struct call *call)
{
    struct xml_writer *xml = &call->xml;
    for (const struct xml_node *id = ex_ops_list(call, "AttachmentIds"); id; id = id->next) {
        if (ex_ops_stops(call))
            continue;
        const char *key = xml_attr(id, "Id");
        struct attachment attachment;
        if (strncmp(key, "AAMk", 4) != 0) {
            ex_soap_error(call, "ErrorInvalidAttachmentId");
        } else if (!ex_attachment_by_key(call->ex, call->mailbox, key, &attachment)) {
            ex_soap_error(call, "ErrorItemNotFound");
        } else {
            ex_soap_success(call);
            xml_open(xml, "m:Attachments");
            show_attachment(call, &attachment);
            xml_close(xml);
            ex_soap_done(call);
        }
    }
}
