/* Answers about folders. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "ews/ews_names.h"
#include "ews/response.h"
#include "ews/response_private.h"
#include "ews/soap.h"

void response_folders_clear(struct response_folders *folders)
{
    for (size_t i = 0; i < folders->count; i++) {
        free((void *)folders->list[i].id);
        free((void *)folders->list[i].name);
    }
    free(folders->list);
    *folders = (struct response_folders){0};
}

static bool no_memory(struct err *err)
{
    return err_set(err, ERR_SYSTEM, "no memory for the folders of a mailbox");
}

static bool grow(struct response_folders *folders, struct err *err)
{
    if (folders->count < folders->room)
        return true;
    if (folders->count >= LIMIT_FOLDERS) {
        err_set(err, ERR_REFUSED,
                "the mailbox has more than %d folders below its Inbox and Deleted "
                "Items; remove or archive some of them",
                LIMIT_FOLDERS);
        err->scope = ERR_SCOPE_MAILBOX;
        err->when = ERR_WHEN_NEVER;
        return false;
    }
    size_t room = folders->room ? folders->room * 2 : 16;
    struct remote_folder *list = realloc(folders->list, room * sizeof(*list));
    if (!list)
        return no_memory(err);
    folders->list = list;
    folders->room = room < LIMIT_FOLDERS ? room : LIMIT_FOLDERS;
    return true;
}

/* The texts of `told` are copied. */
static bool add(struct response_folders *folders, const struct remote_folder *told,
                struct err *err)
{
    if (!grow(folders, err))
        return false;
    struct remote_folder folder = *told;
    folder.id = strdup(told->id);
    folder.name = strdup(told->name);
    if (!folder.id || !folder.name) {
        free((void *)folder.id);
        free((void *)folder.name);
        return no_memory(err);
    }
    folders->list[folders->count++] = folder;
    return true;
}

static bool append(struct response_folders *folders, const struct xml_node *node,
                   enum remote_place place, bool is_root, struct err *err)
{
    const char *id = xml_attr(xml_child(node, EWS_NS_TYPES, "FolderId"), "Id");
    if (!id || !*id || strlen(id) >= LIMIT_REMOTE_ID)
        return soap_nonsense(err, "a folder has no id");
    const struct remote_folder folder = {
        .id = id,
        .name = xml_child_text(node, EWS_NS_TYPES, "DisplayName"),
        .place = place,
        .root = is_root,
    };
    return add(folders, &folder, err);
}

bool response_add_outbox(struct response_folders *folders, const char *id, struct err *err)
{
    const struct remote_folder folder = {
        .id = id, .name = EWS_VOICE_OUTBOX, .place = REMOTE_OUTBOX, .root = true};
    return add(folders, &folder, err);
}

static bool may_be_missing(enum remote_place place, const struct err *err)
{
    return (place == REMOTE_JUNK || place == REMOTE_SENT) && err->kind == ERR_GONE;
}

bool response_get_folders(const struct xml_node *root, const enum remote_place *places,
                          size_t count, struct response_folders *folders, struct err *err)
{
    const struct xml_node *message;
    if (!soap_open_answer(root, "GetFolderResponse", (int)count, &message, err))
        return false;
    for (size_t i = 0; i < count; i++, message = soap_next_message(message)) {
        if (!soap_message_ok(message, err)) {
            if (!may_be_missing(places[i], err))
                return false;
            err_clear(err);
            continue;
        }
        const struct xml_node *list = xml_child(message, EWS_NS_MESSAGES, "Folders");
        if (!append(folders, list ? list->first_child : NULL, places[i], true, err))
            return false;
    }
    return true;
}

/* Only folders of mail are mapped; a calendar or a search below the Inbox is not. */
static bool holds_mail(const struct xml_node *node)
{
    if (strcmp(node->name, "Folder") != 0)
        return false;
    const char *class = xml_child_text(node, EWS_NS_TYPES, "FolderClass");
    return !*class || strcasecmp(class, "IPF.Note") == 0 ||
           strncasecmp(class, "IPF.Note.", 9) == 0;
}

bool response_next_page(const struct xml_node *page, long offset, long seen, long *next,
                        struct err *err)
{
    const char *last = xml_attr(page, "IncludesLastItemInRange");
    if (!last)
        return soap_nonsense(err, "it does not say whether more folders follow");
    if (strcmp(last, "true") == 0 || strcmp(last, "1") == 0) {
        *next = -1;
        return true;
    }
    const char *text = xml_attr(page, "IndexedPagingOffset");
    char *end = NULL;
    errno = 0;
    long value = text ? strtol(text, &end, 10) : offset + seen;
    if (errno || (text && (end == text || *end)) || value <= offset || seen == 0 ||
        value > 2 * LIMIT_FOLDERS)
        return soap_nonsense(err, "its pages of folders do not go on");
    *next = value;
    return true;
}

bool response_find_folders(const struct xml_node *root, enum remote_place place, long offset,
                           struct response_folders *folders, long *next, struct err *err)
{
    const struct xml_node *message;
    if (!soap_open_answer(root, "FindFolderResponse", 1, &message, err) ||
        !soap_message_ok(message, err))
        return false;
    const struct xml_node *page = xml_child(message, EWS_NS_MESSAGES, "RootFolder");
    const struct xml_node *list = xml_child(page, EWS_NS_TYPES, "Folders");
    long seen = 0;
    for (const struct xml_node *n = list ? list->first_child : NULL; n; n = n->next, seen++) {
        if (holds_mail(n) && !append(folders, n, place, false, err))
            return false;
    }
    return response_next_page(page, offset, seen, next, err);
}
