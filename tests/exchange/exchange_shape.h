/* Properties of items and folders by their EWS paths: reading, writing, comparing, showing.
 * Private to the stand-in. */
#ifndef SIB_TESTS_EXCHANGE_EXCHANGE_SHAPE_H
#define SIB_TESTS_EXCHANGE_EXCHANGE_SHAPE_H

#include "tests/exchange/exchange_soap.h"

enum { PROPERTY_KEY_MAX = 320, TIME_TEXT_MAX = 32 };

/* The canonical name of an ExtendedFieldURI ("tag:0x0e07:Integer", "set:GUID:name:X:String").
 * Returns a ResponseCode when its attributes do not go together. */
const char *ex_property_key(const struct xml_node *uri, char *key, size_t size);
/* The canonical name (PROPERTY_KEY_MAX bytes) and the value of a t:ExtendedProperty, checked;
 * the caller frees the value. Returns a ResponseCode when it cannot be. */
const char *ex_property_read(const struct xml_node *property, char *key, char **value);
/* Sets one extended property; those that Exchange computes go where they belong. is_new: during
 * creation (only then do the message flags count). */
const char *ex_shape_set_property(struct exchange *ex, struct item *item,
                                  const struct xml_node *property, bool is_new);
/* The text of a simple property by its path (FieldURI or ExtendedFieldURI); NULL when the item
 * has none. The caller frees. */
char *ex_shape_value(struct exchange *ex, const struct item *item, const struct xml_node *path);
char *ex_shape_folder_value(struct exchange *ex, const struct folder *folder,
                            const struct xml_node *path);
/* Does it satisfy the children of m:Restriction? *code: set when a filter is not supported. */
typedef char *shape_value_fn(struct exchange *ex, const void *thing,
                             const struct xml_node *path);
bool ex_shape_matches(struct exchange *ex, const void *thing, shape_value_fn *value,
                      const struct xml_node *expression, const char **code);

/* NULL, or why this shape is refused. in_list: for FindItem and SyncFolderItems. */
const char *ex_shape_refused(const struct xml_node *item_shape, bool in_list);
/* A whole t:Message. */
void ex_shape_item(struct call *call, const struct item *item,
                   const struct xml_node *item_shape);
void ex_shape_item_id(struct call *call, const struct item *item);
void ex_shape_folder(struct call *call, const struct folder *folder,
                     const struct xml_node *folder_shape);
void ex_shape_folder_id(struct call *call, const char *element, const struct folder *folder);
/* A message that is attached is an item of its own: it has no content to fetch. */
bool ex_attachment_is_file(const struct attachment *attachment);
void ex_shape_attachment_head(struct call *call, const struct attachment *attachment);
const char *ex_shape_time(int64_t ms, char *text); /* whole seconds, as Exchange */

#endif
