/* The hanging connection of EWS (remote/remote.h, struct remote_stream): one GetStreamingEvents
 * for up to 200 subscriptions, whose answer goes on for half an hour.
 *
 * A stream is also the group of its subscriptions: it keeps their anchor mailbox and cookies
 * (ews/affinity.h) for as long as it lives, over many openings. It is opened in the name of its
 * anchor mailbox. An opening that gives no byte for TIME_STREAM_BEAT_MS (Exchange sends a
 * heartbeat every 45 s) has ended with an error. Streams stand beside the requests in flight:
 * they wait for no turn and take none, but an account has at most LIMIT_STREAMS of them open.
 * Who wants it opened again opens it again. */
#ifndef SIB_EWS_EWS_STREAM_H
#define SIB_EWS_EWS_STREAM_H

#include "ews/affinity.h"
#include "ews/ews.h"

struct log_ctx;

/* anchor: the address that the requests of the group name; "": its first mailbox. NULL: no
 * memory. Freed with remote_stream_free, before the account. */
struct remote_stream *ews_stream_new(struct ews_account *account, const char *anchor,
                                     remote_stream_fn *fn, void *arg);
/* NULL for NULL. A group that has no anchor yet takes this address. */
struct affinity *ews_stream_affinity(struct remote_stream *stream, const char *address);

#endif
