/* The operations of EWS, one function each; exchange_ops.c has the table. Private. */
#ifndef SIB_TESTS_EXCHANGE_EXCHANGE_OPS_H
#define SIB_TESTS_EXCHANGE_EXCHANGE_OPS_H

#include "tests/exchange/exchange_shape.h"

void ex_op_get_folder(struct call *call);
void ex_op_find_folder(struct call *call);
void ex_op_create_folder(struct call *call);
void ex_op_delete_folder(struct call *call);
void ex_op_move_folder(struct call *call);
void ex_op_sync_folder_items(struct call *call);
void ex_op_sync_folder_hierarchy(struct call *call);
void ex_op_create_item(struct call *call);
void ex_op_update_item(struct call *call);
void ex_op_move_item(struct call *call);
void ex_op_copy_item(struct call *call);
void ex_op_delete_item(struct call *call);
void ex_op_get_item(struct call *call);
void ex_op_find_item(struct call *call);
void ex_op_get_attachment(struct call *call);
void ex_op_delete_attachment(struct call *call);
void ex_op_subscribe(struct call *call);
void ex_op_unsubscribe(struct call *call);
void ex_op_get_events(struct call *call);

/* The folder that a FolderId or DistinguishedFolderId means. Returns `absent` when there is
 * none (ErrorInvalidIdMalformed keeps its own code). */
const char *ex_ops_folder(struct call *call, const struct xml_node *id, const char *absent,
                          struct folder *folder);
/* The next thing of a batch: is it stopped here? Then its response message is written. */
bool ex_ops_stops(struct call *call);
/* The first child of m:NAME, to walk over a list of the request. */
const struct xml_node *ex_ops_list(struct call *call, const char *name);
const struct xml_node *ex_ops_child(struct call *call, const char *name);

/* The page of an IndexedPage*View; without one all, up to the server's own limit. */
struct page {
    long offset, most;
    long seen, shown;
};
void ex_page_init(struct page *page, const struct xml_node *view);
/* One more that matches: is it to be shown? */
bool ex_page_shows(struct page *page);
/* Opens m:RootFolder. Its attributes are known only at the end, hence the two passes. */
void ex_page_open(struct call *call, const struct page *page);

/* Puts what a t:Message says into an item, of which `only` names the one child wanted (NULL:
 * all). Extended properties are left to the caller. */
const char *ex_message_apply(struct item *item, const struct xml_node *message,
                             const char *only);
/* Makes the item's attachments out of t:Attachments. */
const char *ex_message_attach(struct call *call, struct item *item,
                              const struct xml_node *message);
/* Fills an item from MIME, with its attachments, which ex_mime_attach adds once it is saved. */
struct mime;
const char *ex_mime_read(struct exchange *ex, const char *base64, struct item *item,
                         struct mime **mime);
/* The properties that its headers give, once the item is saved. */
const char *ex_mime_keep(struct exchange *ex, struct item *item, const struct mime *mime);
const char *ex_mime_attach(struct exchange *ex, struct item *item, struct mime *mime);
void ex_mime_free(struct mime **mime);

#endif
