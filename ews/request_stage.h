/* Requests about our hidden folders (ews_hidden.h): private to ews/. The rules of request.h
 * hold. */
#ifndef SIB_EWS_REQUEST_STAGE_H
#define SIB_EWS_REQUEST_STAGE_H

#include "ews/request.h"

/* Where a hidden folder is looked for or made: below a distinguished folder, or (root NULL)
 * below the folder with this id. */
struct request_above {
    const struct request_root *root;
    const char *id;
};

/* The folders directly above, with the item that each one names as its winner. name: only that
 * one (a server may send the others all the same); NULL: all. */
void request_find_hidden(struct buf *out, const struct soap_header *header,
                         const struct request_above *above, const char *name, long offset);
/* Refused when there is one of this name. winner: an item to be named by it; NULL: none. */
void request_create_folder(struct buf *out, const struct soap_header *header,
                           const struct request_above *above, const char *name,
                           const char *winner);
void request_delete_folder(struct buf *out, const struct soap_header *header,
                           const char *folder);
/* The items of a message in a folder. */
enum { REQUEST_STAGED_PAGE = 64 };
void request_find_copies(struct buf *out, const struct soap_header *header, const char *folder,
                         const char *message_id);

#endif
