/* Answers about our hidden folders: private to ews/. The rules of response.h hold; what is
 * filled borrows its strings from the document. */
#ifndef SIB_EWS_RESPONSE_STAGE_H
#define SIB_EWS_RESPONSE_STAGE_H

#include "ews/response.h"

struct response_hidden {
    const char *id;     /* NULL: there is none of this name on the page */
    const char *winner; /* "" : it names none */
};

/* One page of FindFolder: the folder of this name, among others perhaps. next: where the next
 * page begins, -1 after the last. */
bool response_find_hidden(const struct xml_node *root, const char *name, long offset,
                          struct response_hidden *found, long *next, struct err *err);
bool response_create_folder(const struct xml_node *root, const char **id, struct err *err);
/* FindItem: the items of this message, at most max of them; more: the page was not the last. */
bool response_find_copies(const struct xml_node *root, const char *message_id,
                          struct remote_item *out, int max, int *count, bool *more,
                          struct err *err);

#endif
