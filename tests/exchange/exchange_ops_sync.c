/* SyncFolderItems and SyncFolderHierarchy: what changed since a state.
 *
 * Every change has a number, and every item knows the number of its last change (touched), of
 * its last change that was more than a read flag (full), of its birth in this folder (born) and
 * of its end (gone). A state of a folder is two numbers: base, up to which all was told when
 * the round began, and at, up to which all is told now. The first round lists the items as they
 * are, newest first, below a cursor; what happens meanwhile is told afterwards, from the number
 * at which the listing began. */
#include <stdio.h>
#include <string.h>

#include "tests/exchange/exchange_ident.h"
#include "tests/exchange/exchange_move.h"
#include "tests/exchange/exchange_ops.h"
#include "tests/exchange/exchange_schema.h"

static const char items_magic[] = "sync-items-2", folders_magic[] = "sync-folders-2";

/* The words of a state, as sealed. */
enum { WORD_MAILBOX, WORD_FOLDER, WORD_LISTING, WORD_BASE, WORD_AT, WORD_CURSOR, WORDS };

enum { STATE_MAX = 64 + WORDS * 12 };

static bool is_good(struct call *call, const char *magic, const char *text, int64_t folder,
                    int64_t *state)
{
    return ex_ident_unseal(call->ex, magic, text, state, WORDS) &&
           state[WORD_MAILBOX] == call->mailbox && state[WORD_FOLDER] == folder &&
           state[WORD_AT] <= call->ex->seq &&
           !ex_states_are_lost(call->ex, call->mailbox, state[WORD_AT]);
}

/* A state: empty begins; one that is not ours, of another folder, void, or from the future is
 * refused, or begins too where that is the habit. */
static bool open_state(struct call *call, const char *magic, int64_t folder, int64_t *state)
{
    const char *text = xml_child_text(call->request, NS_MESSAGES, "SyncState");
    const int64_t fresh[WORDS] = {
        [WORD_MAILBOX] = call->mailbox, [WORD_FOLDER] = folder,    [WORD_LISTING] = 1,
        [WORD_BASE] = call->ex->seq,    [WORD_AT] = call->ex->seq, [WORD_CURSOR] = INT64_MAX};
    if (text[0] && is_good(call, magic, text, folder, state))
        return true;
    memcpy(state, fresh, sizeof fresh);
    return !text[0] || call->ex->flavour == FLAVOUR_GROMOX;
}

static void begin_answer(struct call *call, const char *magic, const int64_t *state, bool last,
                         bool items)
{
    char text[STATE_MAX];
    ex_ident_seal(call->ex, magic, state, WORDS, text);
    ex_soap_success(call);
    xml_element(&call->xml, "m:SyncState", text);
    xml_element(&call->xml, items ? "m:IncludesLastItemInRange" : "m:IncludesLastFolderInRange",
                last ? "true" : "false");
    xml_open(&call->xml, "m:Changes");
}

/* What one page tells, gathered before it is written: the state stands in front of it. */
struct item_page {
    int64_t ids[512];
    const char *kinds[512]; /* element names */
    int count;
};

static void add_to_page(struct item_page *page, int64_t id, const char *kind)
{
    page->ids[page->count] = id;
    page->kinds[page->count++] = kind;
}

/* The listing: items that are there now and were there when it began, newest first. */
static void list_items(struct call *call, int64_t *state, int most, struct item_page *page)
{
    struct db_query *query = ex_db_query(
        call->ex->db,
        "SELECT id FROM item WHERE folder=? AND gone=0 AND id<? AND born<=?"
        " ORDER BY id DESC LIMIT ?",
        "iiii", state[WORD_FOLDER], state[WORD_CURSOR], state[WORD_BASE], (int64_t)most + 1);
    while (ex_db_row(query)) {
        if (page->count == most) { /* one more than fits: the listing goes on */
            ex_db_end(&query);
            return;
        }
        add_to_page(page, ex_db_int(query, 0), "t:Create");
        state[WORD_CURSOR] = ex_db_int(query, 0);
    }
    ex_db_end(&query);
    state[WORD_LISTING] = 0;
}

static const char *kind_of(const int64_t *state, int64_t born, int64_t full, int64_t gone)
{
    if (gone) /* not worth a word when it came and went since the last page */
        return born > state[WORD_AT] ? NULL : "t:Delete";
    if (born > state[WORD_BASE])
        return "t:Create";
    return full > state[WORD_BASE] ? "t:Update" : "t:ReadFlagChange";
}

/* The changes after `at`, in their order. Returns whether that was all. */
static bool change_items(struct call *call, int64_t *state, int most, struct item_page *page)
{
    bool all = true;
    int64_t at = state[WORD_AT];
    struct db_query *query = ex_db_query(call->ex->db,
                                         "SELECT id, born, full, touched, gone FROM item"
                                         " WHERE folder=? AND touched>? ORDER BY touched",
                                         "ii", state[WORD_FOLDER], at);
    while (all && ex_db_row(query)) {
        const char *kind =
            kind_of(state, ex_db_int(query, 1), ex_db_int(query, 2), ex_db_int(query, 4));
        all = !kind || page->count < most;
        if (!all)
            break;
        if (kind)
            add_to_page(page, ex_db_int(query, 0), kind);
        at = ex_db_int(query, 3);
    }
    ex_db_end(&query);
    state[WORD_AT] = at;
    if (all)
        state[WORD_BASE] = state[WORD_AT] = call->ex->seq;
    return all;
}

static void show_change(struct call *call, const char *kind, const struct item *item,
                        const struct xml_node *shape)
{
    xml_open(&call->xml, kind);
    if (!strcmp(kind, "t:Create") || !strcmp(kind, "t:Update"))
        ex_shape_item(call, item, shape);
    else
        ex_shape_item_id(call, item);
    if (!strcmp(kind, "t:ReadFlagChange"))
        xml_element(&call->xml, "t:IsRead", item->read ? "true" : "false");
    xml_close(&call->xml);
}

void ex_op_sync_folder_items(struct call *call)
{
    const struct xml_node *shape = ex_ops_child(call, "ItemShape");
    int64_t state[WORDS];
    struct item_page page = {.count = 0};
    struct folder folder;
    const char *code = ex_ops_folder(call, ex_ops_list(call, "SyncFolderId"),
                                     "ErrorSyncFolderNotFound", &folder);
    if (!code)
        code = ex_shape_refused(shape, true);
    if (!code && !open_state(call, items_magic, folder.id, state))
        code = "ErrorInvalidSyncStateData";
    if (code) {
        ex_soap_error(call, code);
        return;
    }
    long most = 0; /* the schema has seen to its range */
    ex_schema_integer(xml_child_text(call->request, NS_MESSAGES, "MaxChangesReturned"), &most);
    bool last = false;
    if (state[WORD_LISTING])
        list_items(call, state, (int)most, &page);
    if (!state[WORD_LISTING])
        last = change_items(call, state, (int)most, &page);
    begin_answer(call, items_magic, state, last, true);
    for (int i = 0; i < page.count; i++) {
        struct item item;
        if (ex_item_by_id(call->ex, page.ids[i], &item))
            show_change(call, page.kinds[i], &item, shape);
        ex_item_clear(&item);
    }
    xml_close(&call->xml);
    ex_soap_done(call);
}

static void show_folder_change(struct call *call, const struct folder *folder, const char *kind)
{
    xml_open(&call->xml, kind);
    if (!strcmp(kind, "t:Delete"))
        ex_shape_folder_id(call, "t:FolderId", folder);
    else
        ex_shape_folder(call, folder, ex_ops_child(call, "FolderShape"));
    xml_close(&call->xml);
}

static void folder_changes(struct call *call, const struct folder *top, const int64_t *state)
{
    int64_t since = state[WORD_LISTING] ? 0 : state[WORD_AT];
    struct db_query *query = ex_db_query(call->ex->db,
                                         "SELECT id, born, gone, key, touched FROM folder"
                                         " WHERE mailbox=? AND touched>? ORDER BY id",
                                         "ii", top->mailbox, since);
    while (ex_db_row(query)) {
        struct folder folder = {.id = ex_db_int(query, 0), .mailbox = top->mailbox};
        bool is_new = ex_db_int(query, 1) > since, gone = ex_db_int(query, 2);
        if (gone && !is_new) {
            snprintf(folder.key, sizeof folder.key, "%s", ex_db_text(query, 3));
            folder.touched = ex_db_int(query, 4);
            show_folder_change(call, &folder, "t:Delete");
        } else if (!gone && folder.id != top->id &&
                   ex_folder_by_id(call->ex, folder.id, &folder) &&
                   ex_folder_within(call->ex, folder.id, top->id)) {
            show_folder_change(call, &folder, is_new ? "t:Create" : "t:Update");
        }
    }
    ex_db_end(&query);
}

void ex_op_sync_folder_hierarchy(struct call *call)
{
    int64_t state[WORDS], next[WORDS];
    struct folder top;
    const struct xml_node *id = ex_ops_list(call, "SyncFolderId");
    const char *code = NULL;
    if (id)
        code = ex_ops_folder(call, id, "ErrorSyncFolderNotFound", &top);
    else if (!ex_folder_by_kind(call->ex, call->mailbox, "msgfolderroot", &top))
        code = "ErrorSyncFolderNotFound";
    if (!code && !open_state(call, folders_magic, top.id, state))
        code = "ErrorInvalidSyncStateData";
    if (code) {
        ex_soap_error(call, code);
        return;
    }
    memcpy(next, state, sizeof next);
    next[WORD_LISTING] = 0;
    next[WORD_BASE] = next[WORD_AT] = call->ex->seq;
    begin_answer(call, folders_magic, next, true, false);
    folder_changes(call, &top, state);
    xml_close(&call->xml);
    ex_soap_done(call);
}
