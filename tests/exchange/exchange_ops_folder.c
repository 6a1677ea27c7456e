/* Operations on folders. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/exchange/exchange_ops.h"

static void show_one(struct call *call, const struct folder *folder,
                     const struct xml_node *shape)
{
    ex_soap_success(call);
    xml_open(&call->xml, "m:Folders");
    ex_shape_folder(call, folder, shape);
    xml_close(&call->xml);
    ex_soap_done(call);
}

/* The shape of an answer that gives the id alone. */
static const struct xml_node id_only_base = {
    .ns = NS_TYPES, .name = "BaseShape", .text = "IdOnly"};
static const struct xml_node id_only = {
    .ns = NS_MESSAGES, .name = "FolderShape", .first_child = (struct xml_node *)&id_only_base};

void ex_op_get_folder(struct call *call)
{
    const struct xml_node *shape = ex_ops_child(call, "FolderShape");
    for (const struct xml_node *id = ex_ops_list(call, "FolderIds"); id; id = id->next) {
        if (ex_ops_stops(call))
            continue;
        struct folder folder;
        const char *code = ex_ops_folder(call, id, "ErrorFolderNotFound", &folder);
        if (code)
            ex_soap_error(call, code);
        else
            show_one(call, &folder, shape);
    }
}

static char *value_of(struct exchange *ex, const void *folder, const struct xml_node *path)
{
    return ex_shape_folder_value(ex, folder, path);
}

struct folder_search {
    const struct folder *above;
    bool deep;
    const struct xml_node *expression; /* NULL: all */
    const struct xml_node *shape;      /* NULL: count only */
    struct page page;
    const char *code;
};

static void search_folders(struct call *call, struct folder_search *search)
{
    struct exchange *ex = call->ex;
    struct db_query *query =
        ex_db_query(ex->db, "SELECT id FROM folder WHERE mailbox=? AND gone=0 ORDER BY id", "i",
                    search->above->mailbox);
    while (ex_db_row(query) && !search->code) {
        struct folder folder;
        if (!ex_folder_by_id(ex, ex_db_int(query, 0), &folder) ||
            folder.id == search->above->id ||
            (search->deep ? !ex_folder_within(ex, folder.id, search->above->id)
                          : folder.parent != search->above->id))
            continue;
        if (search->expression &&
            !ex_shape_matches(ex, &folder, value_of, search->expression, &search->code))
            continue;
        if (ex_page_shows(&search->page) && search->shape)
            ex_shape_folder(call, &folder, search->shape);
    }
    ex_db_end(&query);
}

/* Twice over the folders: RootFolder says how many there are before it shows the first. */
static void find_in(struct call *call, const struct xml_node *id)
{
    struct folder above;
    const struct xml_node *view = ex_ops_child(call, "IndexedPageFolderView");
    struct folder_search search = {
        .above = &above,
        .deep = !strcmp(xml_attr(call->request, "Traversal"), "Deep"),
        .expression = ex_ops_list(call, "Restriction"),
    };
    search.code = ex_ops_folder(call, id, "ErrorFolderNotFound", &above);
    ex_page_init(&search.page, view);
    if (!search.code)
        search_folders(call, &search);
    if (search.code) {
        ex_soap_error(call, search.code);
        return;
    }
    ex_soap_success(call);
    ex_page_open(call, &search.page);
    xml_open(&call->xml, "t:Folders");
    search.shape = ex_ops_child(call, "FolderShape");
    ex_page_init(&search.page, view);
    search_folders(call, &search);
    xml_close(&call->xml);
    xml_close(&call->xml);
    ex_soap_done(call);
}

void ex_op_find_folder(struct call *call)
{
    for (const struct xml_node *id = ex_ops_list(call, "ParentFolderIds"); id; id = id->next)
        if (!ex_ops_stops(call))
            find_in(call, id);
}

/* Looks at the extended properties, and with an owner keeps them. */
static const char *take_properties(struct call *call, const struct xml_node *wanted,
                                   int64_t owner)
{
    const struct xml_node *property = xml_child(wanted, NS_TYPES, "ExtendedProperty");
    const char *code = NULL;
    for (; property && !code; property = xml_next(property, NS_TYPES, "ExtendedProperty")) {
        char key[PROPERTY_KEY_MAX], *value;
        code = ex_property_read(property, key, &value);
        if (!code && owner && !ex_property_set(call->ex, true, owner, key, value))
            code = "ErrorInternalServerError";
        free(value);
    }
    return code;
}

/* With all its properties or not at all: they are looked at before anything is made. */
static const char *create_one(struct call *call, const struct folder *parent,
                              const struct xml_node *wanted, struct folder *folder)
{
    const char *code = take_properties(call, wanted, 0);
    if (!code)
        code = ex_folder_create(call->ex, parent->mailbox, parent->id,
                                xml_child_text(wanted, NS_TYPES, "DisplayName"),
                                xml_child_text(wanted, NS_TYPES, "FolderClass"), folder);
    return code ? code : take_properties(call, wanted, folder->id);
}

void ex_op_create_folder(struct call *call)
{
    struct folder parent, folder;
    const char *absent = ex_ops_folder(call, ex_ops_list(call, "ParentFolderId"),
                                       "ErrorParentFolderNotFound", &parent);
    for (const struct xml_node *wanted = ex_ops_list(call, "Folders"); wanted;
         wanted = wanted->next) {
        if (ex_ops_stops(call))
            continue;
        const char *code = absent ? absent : create_one(call, &parent, wanted, &folder);
        if (code)
            ex_soap_error(call, code);
        else
            show_one(call, &folder, &id_only);
    }
}

static const char *delete_one(struct call *call, struct folder *folder)
{
    struct folder deleted;
    if (folder->kind[0])
        return "ErrorDeleteDistinguishedFolder";
    if (strcmp(xml_attr(call->request, "DeleteType"), "MoveToDeletedItems") != 0)
        return ex_folder_remove(call->ex, folder);
    if (!ex_folder_by_kind(call->ex, folder->mailbox, "deleteditems", &deleted))
        return "ErrorFolderNotFound";
    return ex_folder_move(call->ex, folder, deleted.id);
}

void ex_op_delete_folder(struct call *call)
{
    for (const struct xml_node *id = ex_ops_list(call, "FolderIds"); id; id = id->next) {
        if (ex_ops_stops(call))
            continue;
        struct folder folder;
        const char *code = ex_ops_folder(call, id, "ErrorFolderNotFound", &folder);
        ex_soap_result(call, code ? code : delete_one(call, &folder));
    }
}

void ex_op_move_folder(struct call *call)
{
    struct folder to, folder;
    const char *absent =
        ex_ops_folder(call, ex_ops_list(call, "ToFolderId"), "ErrorToFolderNotFound", &to);
    for (const struct xml_node *id = ex_ops_list(call, "FolderIds"); id; id = id->next) {
        if (ex_ops_stops(call))
            continue;
        const char *code = absent;
        if (!code)
            code = ex_ops_folder(call, id, "ErrorFolderNotFound", &folder);
        if (!code)
            code = ex_folder_move(call->ex, &folder, to.id);
        if (code)
            ex_soap_error(call, code);
        else
            show_one(call, &folder, &id_only);
    }
}
