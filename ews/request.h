/* Building the requests of Exchange Web Services, each valid against the schema (a test says
 * so).
 *
 * Ownership: `out` is the caller's buffer with its maximum (buf.h: look at `failed` once).
 * Children stand in the order of the schema; text is cleaned of what XML forbids by base/xml.
 */
#ifndef SIB_EWS_REQUEST_H
#define SIB_EWS_REQUEST_H

#include "ews/body.h"
#include "ews/soap.h"
#include "remote/remote.h"

/* A distinguished folder, by its EWS name ("inbox"). mailbox: whose, when it is reached by
 * delegation; NULL: that of the (impersonated) caller. */
struct request_root {
    const char *name, *mailbox;
};

enum { REQUEST_FOLDER_PAGE = 500 };

void request_get_folders(struct buf *out, const struct soap_header *header,
                         const struct request_root *roots, size_t count);
/* One page of all folders below a root. */
void request_find_folders(struct buf *out, const struct soap_header *header,
                          const struct request_root *root, long offset);
/* token "": from the beginning. */
void request_sync_items(struct buf *out, const struct soap_header *header, const char *folder,
                        const char *token);
/* How the audio of a new item travels: as an attachment beside the properties, or, for a server
 * that drops those, within the whole message as MIME. */
enum request_way { REQUEST_INLINE, REQUEST_MIME, REQUEST_WAYS };
/* Whole, in one step; audio is read from its file while it is sent. NULL and err when the file
 * cannot be taken. */
struct body *request_create(const struct soap_header *header, const struct remote_new *message,
                            enum request_way way, struct err *err);
void request_update(struct buf *out, const struct soap_header *header, const char *item,
                    const char *version, const struct remote_fields *fields);
/* The body; with drop_audio also the property that names the recordings. */
void request_rewrite(struct buf *out, const struct soap_header *header, const char *item,
                     const char *version, const struct remote_content *content);
void request_move(struct buf *out, const struct soap_header *header, const char *item,
                  const char *folder);
void request_delete(struct buf *out, const struct soap_header *header, const char *item);
/* What to tell of an item: its state as in request_sync_items, its attachments, or all that a
 * person who composed it can have said. */
enum request_shape { REQUEST_STATE, REQUEST_ATTACHMENTS, REQUEST_COMPOSED };
void request_get_item(struct buf *out, const struct soap_header *header, const char *item,
                      enum request_shape shape);
void request_get_attachment(struct buf *out, const struct soap_header *header,
                            const char *attachment);
void request_delete_attachment(struct buf *out, const struct soap_header *header,
                               const char *attachment);
void request_subscribe(struct buf *out, const struct soap_header *header, const char *url,
                       int status_minutes, const char *const *folders, size_t count);
/* A subscription that is heard over a stream. */
void request_subscribe_stream(struct buf *out, const struct soap_header *header,
                              const char *const *folders, size_t count);
/* minutes: 1..30, how long the answer goes on. */
void request_stream(struct buf *out, const struct soap_header *header,
                    const char *const *subscriptions, size_t count, int minutes);
void request_unsubscribe(struct buf *out, const struct soap_header *header,
                         const char *subscription);

#endif
