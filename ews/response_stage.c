#include "ews/response_stage.h"

#include <string.h>
#include <strings.h>

#include "ews/ews_names.h"
#include "ews/response_private.h"
#include "ews/soap.h"

bool response_find_hidden(const struct xml_node *root, const char *name, long offset,
                          struct response_hidden *found, long *next, struct err *err)
{
    const struct xml_node *message;
    *found = (struct response_hidden){.winner = ""};
    if (!response_only_message(root, "FindFolderResponse", &message, err))
        return false;
    const struct xml_node *page = xml_child(message, EWS_NS_MESSAGES, "RootFolder");
    const struct xml_node *list = xml_child(page, EWS_NS_TYPES, "Folders");
    long seen = 0;
    for (const struct xml_node *n = list ? list->first_child : NULL; n; n = n->next, seen++) {
        const char *version;
        if (found->id || strcasecmp(xml_child_text(n, EWS_NS_TYPES, "DisplayName"), name) != 0)
            continue;
        if (!response_read_id(xml_child(n, EWS_NS_TYPES, "FolderId"), &found->id, &version))
            return soap_nonsense(err, "a folder has no id");
        found->winner = response_named_property(n, EWS_NAME_WINNER);
    }
    return response_next_page(page, offset, seen, next, err);
}

bool response_create_folder(const struct xml_node *root, const char **id, struct err *err)
{
    const struct xml_node *message;
    const char *version;
    if (!response_only_message(root, "CreateFolderResponse", &message, err))
        return false;
    const struct xml_node *list = xml_child(message, EWS_NS_MESSAGES, "Folders");
    const struct xml_node *folder = list ? list->first_child : NULL;
    return response_read_id(xml_child(folder, EWS_NS_TYPES, "FolderId"), id, &version) ||
           soap_nonsense(err, "it does not name the folder that was made");
}

bool response_find_copies(const struct xml_node *root, const char *message_id,
                          struct remote_item *out, int max, int *count, bool *more,
                          struct err *err)
{
    const struct xml_node *message;
    *count = 0;
    *more = false;
    if (!response_only_message(root, "FindItemResponse", &message, err))
        return false;
    const struct xml_node *page = xml_child(message, EWS_NS_MESSAGES, "RootFolder");
    const struct xml_node *list = xml_child(page, EWS_NS_TYPES, "Items");
    long seen = 0, next = -1;
    for (const struct xml_node *n = list ? list->first_child : NULL; n; n = n->next, seen++) {
        struct remote_item item;
        if (!response_read_item(n, &item))
            return soap_nonsense(err, "an item has no id");
        if (*count < max && strcmp(item.message_id, message_id) == 0)
            out[(*count)++] = item;
    }
    if (!response_next_page(page, 0, seen, &next, err))
        return false;
    *more = next >= 0;
    return true;
}
