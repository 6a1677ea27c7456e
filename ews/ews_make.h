/* Making one item and looking whether it is whole: private to ews/.
 *
 * The step that creating a message, staging one and probing a server have in common. An item
 * whose audio was dropped is removed again before this ends. Runs within a call that has no
 * request under way; `then` runs once, from the loop. What survives a crash: perhaps the item;
 * whoever calls wrote down before that it may exist. */
#ifndef SIB_EWS_EWS_MAKE_H
#define SIB_EWS_EWS_MAKE_H

#include "ews/ews_call.h"

/* `then` (ews_made_fn) hears with ERR_OK of ref, the item, whole; ref is borrowed until it
 * returns. An error with EWS_MADE_DROPPED: the server drops audio sent in this way.
 *
 * Takes body. look: LOOK_NEVER when it has no audio; LOOK_IN_DOUBT asks the account's ews_way.
 */
enum ews_make_look { LOOK_NEVER, LOOK_IN_DOUBT, LOOK_ALWAYS };
void ews_make_begin(struct remote_call *call, struct body *body, enum ews_make_look look,
                    ews_made_fn *then);

/* The same for a message, in the way that this server keeps; finds that out first when nobody
 * knows (ews_probe.h). What message points at is not needed afterwards, except the file. */
void ews_make_message(struct remote_call *call, const struct remote_new *message,
                      ews_made_fn *then);
/* Frees what was built and not sent (ews_call_free calls it). */
void ews_make_clear(struct remote_call *call);

#endif
