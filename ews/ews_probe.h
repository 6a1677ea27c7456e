/* Finding out in which way a server keeps the audio of a new item: private to ews/.
 *
 * A small item with a short silence is made in our hidden folder, looked at, and removed, in
 * one way after the other until one keeps its attachment. Nothing of it can be seen in Outlook.
 * What survives a crash: at most that small item in the hidden folder. */
#ifndef SIB_EWS_EWS_PROBE_H
#define SIB_EWS_EWS_PROBE_H

#include "ews/ews_call.h"

/* Within a call that has no request under way. `then` runs once, from the loop: with ERR_OK
 * some way keeps it, and the account knows which (ews_way.h); with ERR_CONFIG none does; else
 * it could not be found out. Nothing was left in a visible folder. */
void ews_probe_begin(struct remote_call *call, ews_probe_fn *then);

#endif
