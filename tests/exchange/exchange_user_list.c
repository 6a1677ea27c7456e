/* A mailbox as JSON, and the JSON of the control endpoint. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/exchange/exchange_user.h"
#include "tests/exchange/exchange_user_private.h"

/* Folders as a person sees them: below the top, in the order in which they were made, each
 * after the one it is in; recoverable items are not seen. */
void ex_user_walk_begin(struct user_walk *walk, struct exchange *ex, int64_t mailbox)
{
    walk->ex = ex;
    walk->query =
        ex_db_query(ex->db,
                    "WITH RECURSIVE seen (id, rank) AS ("
                    " SELECT id, '' FROM folder WHERE mailbox=? AND kind='msgfolderroot'"
                    " UNION ALL SELECT f.id, seen.rank || printf('/%09d', f.id) FROM folder f"
                    " JOIN seen ON f.parent=seen.id WHERE f.gone=0)"
                    " SELECT i.id FROM seen JOIN item i ON i.folder=seen.id WHERE i.gone=0"
                    " ORDER BY seen.rank, i.received DESC, i.id DESC",
                    "i", mailbox);
}

int64_t ex_user_walk_next(struct user_walk *walk)
{
    return ex_db_row(walk->query) ? ex_db_int(walk->query, 0) : 0;
}

void ex_user_walk_end(struct user_walk *walk)
{
    ex_db_end(&walk->query);
}

static json_t *text_or(const char *text)
{
    json_t *value = json_string(text);
    return value ? value : json_string_nocheck("(not UTF-8)");
}

static json_t *time_json(int64_t ms)
{
    char text[CLOCK_TEXT_MAX];
    return json_string(clock_format((struct wall){ms}, text));
}

static json_t *attachments_json(struct exchange *ex, const struct item *item)
{
    json_t *list = json_array();
    struct attachment attachment = {.id = 0};
    while (ex_attachment_next(ex, item->id, attachment.id, &attachment))
        json_array_append_new(
            list, json_pack("{ss so so sI ss}", "id", attachment.key, "name",
                            text_or(attachment.name), "type", text_or(attachment.type), "size",
                            (json_int_t)attachment.size, "sha256", attachment.hash));
    return list;
}

static json_t *properties_json(struct exchange *ex, const struct item *item)
{
    json_t *all = json_object();
    struct db_query *query = ex_db_query(
        ex->db, "SELECT key, value FROM property WHERE is_folder=0 AND owner=? ORDER BY key",
        "i", item->id);
    while (ex_db_row(query))
        json_object_set_new(all, ex_db_text(query, 0), text_or(ex_db_text(query, 1)));
    ex_db_end(&query);
    return all;
}

/* The distinguished name of the highest folder above that a person sees. */
static void kind_of(struct exchange *ex, int64_t folder, char *kind, size_t size)
{
    struct folder at;
    snprintf(kind, size, "other");
    while (folder && ex_folder_by_id(ex, folder, &at) &&
           strcmp(at.kind, "msgfolderroot") != 0) {
        if (at.kind[0])
            snprintf(kind, size, "%s", at.kind);
        else
            snprintf(kind, size, "other");
        folder = at.parent;
    }
}

static void add_property(struct exchange *ex, json_t *object, const char *name,
                         const struct item *item, const char *key)
{
    char *value = ex_property_get(ex, false, item->id, key);
    json_object_set_new(object, name, text_or(value ? value : ""));
    free(value);
}

static json_t *item_json(struct exchange *ex, const struct item *item, int number)
{
    char change_key[EXCHANGE_ID_MAX], path[1024], kind[40];
    char *const *t = item->text;
    ex_item_change_key(ex, item, change_key);
    ex_folder_path(ex, item->folder, path, sizeof path);
    kind_of(ex, item->folder, kind, sizeof kind);
    json_t *object = json_pack(
        "{si ss ss so ss so sb sb sb sb so so so so so so so so so so so so sb sb sI so so}",
        "number", number, "id", item->key, "change_key", change_key, "folder", text_or(path),
        "folder_kind", kind, "subject", text_or(t[ITEM_SUBJECT]), "read", item->read, "urgent",
        !strcmp(t[ITEM_IMPORTANCE], "High"), "private", !strcmp(t[ITEM_SENSITIVITY], "Private"),
        "draft", item->draft, "received", time_json(item->received), "created",
        time_json(item->created), "modified", time_json(item->modified), "item_class",
        text_or(t[ITEM_CLASS]), "body", text_or(t[ITEM_BODY]), "from_name",
        text_or(t[ITEM_FROM_NAME]), "from_address", text_or(t[ITEM_FROM_ADDRESS]), "to",
        text_or(t[ITEM_TO]), "cc", text_or(t[ITEM_CC]), "bcc", text_or(t[ITEM_BCC]),
        "in_reply_to", text_or(t[ITEM_IN_REPLY_TO]), "references", text_or(t[ITEM_REFERENCES]),
        "read_receipt", (item->receipts & ITEM_READ_RECEIPT) != 0, "delivery_receipt",
        (item->receipts & ITEM_DELIVERY_RECEIPT) != 0, "size", (json_int_t)item->size,
        "attachments", attachments_json(ex, item), "properties", properties_json(ex, item));
    add_property(ex, object, "message_id", item, USER_MESSAGE_ID);
    add_property(ex, object, "creation", item, USER_CREATION);
    return object;
}

json_t *exchange_user_list(struct exchange *ex, const char *mailbox, const char *folder,
                           struct err *err)
{
    int64_t id, item_id;
    struct folder only = {.id = 0};
    int number = 0;
    if (!ex_user_mailbox(ex, mailbox, &id, err) ||
        (folder && folder[0] && !ex_user_folder(ex, id, folder, false, &only, err)))
        return NULL;
    json_t *items = json_array();
    struct user_walk walk;
    ex_user_walk_begin(&walk, ex, id);
    while ((item_id = ex_user_walk_next(&walk))) {
        struct item item;
        number++; /* numbers are those of the whole list */
        if (ex_item_by_id(ex, item_id, &item) &&
            (!only.id || ex_folder_within(ex, item.folder, only.id)))
            json_array_append_new(items, item_json(ex, &item, number));
        ex_item_clear(&item);
    }
    ex_user_walk_end(&walk);
    return json_pack("{ss so}", "mailbox", mailbox, "items", items);
}

json_t *exchange_user_folders(struct exchange *ex, const char *mailbox, struct err *err)
{
    int64_t id;
    struct folder top;
    if (!ex_user_mailbox(ex, mailbox, &id, err) ||
        !ex_folder_by_kind(ex, id, "msgfolderroot", &top))
        return NULL;
    json_t *folders = json_array();
    struct db_query *query = ex_db_query(
        ex->db, "SELECT id FROM folder WHERE mailbox=? AND gone=0 ORDER BY id", "i", id);
    while (ex_db_row(query)) {
        struct folder folder;
        char path[1024];
        if (!ex_folder_by_id(ex, ex_db_int(query, 0), &folder) || folder.id == top.id ||
            !ex_folder_within(ex, folder.id, top.id))
            continue;
        int64_t items = ex_db_value(
            ex->db, 0, "SELECT count(*) FROM item WHERE folder=? AND gone=0", "i", folder.id);
        ex_folder_path(ex, folder.id, path, sizeof path);
        json_array_append_new(folders, json_pack("{so ss ss sI sI}", "path", text_or(path),
                                                 "kind", folder.kind, "id", folder.key, "items",
                                                 (json_int_t)items, "unread",
                                                 (json_int_t)ex_folder_unread(ex, folder.id)));
    }
    ex_db_end(&query);
    return json_pack("{ss so}", "mailbox", mailbox, "folders", folders);
}

static const char *string_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name));
}

static json_t *answer_to(struct exchange *ex, const json_t *request, struct err *err)
{
    const char *mailbox = string_of(request, "mailbox"), *act = string_of(request, "act");
    const json_t *list = json_object_get(request, "args");
    const char *args[USER_WORDS_MAX] = {NULL};
    int count = 0;
    char item[EXCHANGE_ID_MAX] = "";
    for (size_t i = 0; i < json_array_size(list) && count < USER_WORDS_MAX; i++)
        if (json_is_string(json_array_get(list, i)))
            args[count++] = json_string_value(json_array_get(list, i));
    if (!mailbox || !act) {
        err_set(err, ERR_USAGE, "a mailbox and an act are needed");
        return NULL;
    }
    if (!strcmp(act, "list"))
        return exchange_user_list(ex, mailbox, args[0], err);
    if (!strcmp(act, "folders"))
        return exchange_user_folders(ex, mailbox, err);
    bool ok = !strcmp(act, "compose") && count <= 1
                  ? ex_user_compose_json(ex, mailbox, args[0], json_object_get(request, "new"),
                                         item, err)
                  : exchange_user_act(ex, mailbox, act, args, count, item, err);
    return ok ? json_pack("{ss ss ss}", "mailbox", mailbox, "act", act, "id", item) : NULL;
}

int exchange_user_http(struct exchange *ex, const void *body, size_t len, struct buf *answer)
{
    struct err err;
    err_clear(&err);
    json_error_t where;
    json_t *request = json_loadb(body, len, 0, &where), *result = NULL;
    if (request)
        result = answer_to(ex, request, &err);
    else
        err_set(&err, ERR_DATA, "the request is not JSON: %s", where.text);
    int status = result ? 200 : err.kind == ERR_NO_MAILBOX ? 404 : 400;
    if (!result)
        result = json_pack("{ss ss si}", "error", err.text, "kind", err_kind_name(err.kind),
                           "exit", err_exit_code(err.kind));
    char *text = json_dumps(result, JSON_INDENT(2));
    buf_add_str(answer, text ? text : "{}");
    buf_add_str(answer, "\n");
    free(text);
    json_decref(result);
    json_decref(request);
    return status;
}
