/* A voice message as MIME, for a server that takes the audio of a new item only so.
 *
 * Pure. multipart/mixed of a text and the audio (RFC 2045, 2046); what is not ASCII stands in
 * encoded words (RFC 2047); the properties of a voice message in the headers of [MS-OXCMAIL]
 * 2.2.3.2.23. Everything in a message comes from outside: no header can be added by what stands
 * in a name or a subject. */
#ifndef SIB_EWS_MIME_H
#define SIB_EWS_MIME_H

#include "base/buf.h"
#include "remote/remote.h"

/* Up to the place where the lines of the audio's base64 stand; message->audio_path is set. */
void mime_begin(struct buf *out, const struct remote_new *message);
void mime_end(struct buf *out, const struct remote_new *message);

#endif
