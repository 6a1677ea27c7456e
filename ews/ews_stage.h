/* The staged create: private to ews/. remote/remote.h says what stage, publish and unstage do;
 * this says how.
 *
 * CreateItem has no key that a server would refuse twice; CreateFolder has one, the name of a
 * folder. So a message goes into Outlook in three requests, none of which can be sent once too
 * often, too late or by two servers at once:
 *   1. CreateItem in the hidden folder Staging, as often as it happens: nobody sees it.
 *   2. CreateFolder in the hidden folder Commits, named after the message (and from its second
 *      generation on after that), with a property that names one item of Staging: the winner.
 *      Of several the server takes one, and refuses the others with ErrorFolderExists; who is
 *      refused reads the winner from the folder that is there. It never changes.
 *   3. MoveItem of the winner into the Inbox. A move gives an item another id, so whatever is
 *      moved a second time is not found.
 * What stands in Staging afterwards was never visible, and is removed later. The folder in
 * Commits may only go when nobody can be on the way from 1 to 2 any more; a process that was
 * frozen on that way gives up when it wakes (TIME_STAGE_MS). */
#ifndef SIB_EWS_EWS_STAGE_H
#define SIB_EWS_EWS_STAGE_H

#include "remote/remote.h"

struct remote_call *ews_stage(struct remote *remote, const struct remote_new *message,
                              remote_ref_fn *fn, void *arg);
struct remote_call *ews_publish(struct remote *remote, const struct remote_staged *staged,
                                const char *folder, remote_changes_fn *fn, void *arg);
struct remote_call *ews_unstage(struct remote *remote, const char *message_id, int generation,
                                remote_done_fn *fn, void *arg);

/* What a call of these keeps (ews_call_free frees it). */
struct ews_stage;
void ews_stage_free(struct ews_stage **stage);

#endif
