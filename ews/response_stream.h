/* Reading one envelope of a stream (GetStreamingEvents): pure.
 *
 * Ownership: strings are borrowed from the document. */
#ifndef SIB_EWS_RESPONSE_STREAM_H
#define SIB_EWS_RESPONSE_STREAM_H

#include "base/xml.h"
#include "remote/remote.h"

/* What is said of a subscription: something has changed; a folder was made, moved or removed;
 * it is gone. */
enum response_stream_word { STREAMED_CHANGE, STREAMED_FOLDERS, STREAMED_LOSS };

/* Called for each subscription that something was said about, in the order of the document;
 * false: stop. where: with STREAMED_CHANGE, else NULL. */
typedef bool response_stream_fn(const char *subscription, enum response_stream_word word,
                                const struct remote_where *where, void *arg);

/* *closed: this was the last envelope. *lost: some subscriptions were reported lost, which is
 * also what went wrong then. False: the whole stream failed, err says why. */
bool response_stream(const struct xml_node *root, response_stream_fn *fn, void *arg,
                     bool *closed, bool *lost, struct err *err);

#endif
