/* Reading the answers of Exchange Web Services.
 *
 * Every function takes the root of a whole document (base/xml.h) and either fills its out
 * parameter or says in err what went wrong. Ownership: what is filled borrows its strings from
 * the document, except struct response_folders, which has its own. */
#ifndef SIB_EWS_RESPONSE_H
#define SIB_EWS_RESPONSE_H

#include "base/xml.h"
#include "remote/remote.h"

/* A list of folders that grows over several answers; strings are its own. */
struct response_folders {
    struct remote_folder *list;
    size_t count, room;
};

void response_folders_clear(struct response_folders *folders);
/* GetFolder of `count` distinguished folders, asked in the order of places. The Inbox and
 * Deleted Items must be there; another one may be missing. */
bool response_get_folders(const struct xml_node *root, const enum remote_place *places,
                          size_t count, struct response_folders *folders, struct err *err);
/* One page of FindFolder: appends the folders that hold mail. next: where the next page begins,
 * -1 after the last. */
bool response_find_folders(const struct xml_node *root, enum remote_place place, long offset,
                           struct response_folders *folders, long *next, struct err *err);

/* At the end of the list: the Voice Outbox, which was found with other requests. */
bool response_add_outbox(struct response_folders *folders, const char *id, struct err *err);

/* SyncFolderItems, GetItem. page->changes is allocated: response_page_clear. */
bool response_sync_items(const struct xml_node *root, struct remote_page *page,
                         struct err *err);
bool response_get_item(const struct xml_node *root, struct remote_page *page, struct err *err);
void response_page_clear(struct remote_page *page);

/* CreateItem, UpdateItem, MoveItem: name is that of the answer ("CreateItemResponse").
 * attachments: how many the answer names. */
bool response_ref(const struct xml_node *root, const char *name, struct remote_ref *ref,
                  int *attachments, struct err *err);
/* DeleteItem, Unsubscribe: nothing but success. */
bool response_done(const struct xml_node *root, const char *name, struct err *err);
bool response_subscribe(const struct xml_node *root, const char **subscription,
                        struct err *err);

/* GetItem of the attachments: the id of the first that is audio, NULL if there is none; total:
 * how many attachments of any kind. */
bool response_attachments(const struct xml_node *root, const char **audio, int *total,
                          struct err *err);
/* DeleteAttachment: the version that the item has now; "" when the answer does not say. */
bool response_root_item(const struct xml_node *root, const char **version, struct err *err);

#endif
