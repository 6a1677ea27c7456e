/* Pieces that the response files share. */
#ifndef SIB_EWS_RESPONSE_PRIVATE_H
#define SIB_EWS_RESPONSE_PRIVATE_H

#include "base/xml.h"
#include "remote/remote.h"

/* Is the one message there, and did it succeed? */
bool response_only_message(const struct xml_node *root, const char *name,
                           const struct xml_node **message, struct err *err);
/* An ItemId or FolderId within the limits; version "" when it has none. */
bool response_read_id(const struct xml_node *id, const char **text, const char **version);
/* The value of one of our named properties; "" if the item or folder has none. */
const char *response_named_property(const struct xml_node *node, const char *name);
/* An item with its state (REQUEST_STATE). */
bool response_read_item(const struct xml_node *node, struct remote_item *item);
/* Where the next page of a find begins after `seen` entries of this one; -1: it was the last.
 */
bool response_next_page(const struct xml_node *page, long offset, long seen, long *next,
                        struct err *err);

#endif
