/* Our hidden folders: outside the tree that a mail program shows, private to ews/.
 *
 *     root
 *      `-- sib
 *           |-- Staging   items that nobody shall see (yet)
 *           `-- Commits   one folder a message, named after it: see ews_stage.c
 *
 * They are found by their names, and made when they are missing. The ids are kept in the remote
 * (struct ews_hidden) for as long as it lives.
 * Callbacks: `then` runs exactly once and from the loop, never before ews_hidden_find has
 * returned; not after the call was cancelled.
 * What survives a crash: perhaps an empty folder, which the next one finds. */
#ifndef SIB_EWS_EWS_HIDDEN_H
#define SIB_EWS_EWS_HIDDEN_H

#include "base/err.h"
#include "base/limits.h"

struct ews_remote;
struct remote_call;

/* Ids; "" : not known yet. */
struct ews_hidden {
    char top[LIMIT_REMOTE_ID], staging[LIMIT_REMOTE_ID], commits[LIMIT_REMOTE_ID];
};

typedef void ews_hidden_fn(struct remote_call *call, const struct err *err);

/* A search under way: a part of struct remote_call. */
struct ews_hidden_search {
    ews_hidden_fn *then;
    const char *name; /* what is being made */
    int made;
};

/* Within a call that has no request under way. err->kind ERR_OK: both ids stand in
 * call->remote->hidden. Errors: those of the server; a folder that cannot be made is its. */
void ews_hidden_find(struct remote_call *call, ews_hidden_fn *then);
/* A request that named one of the ids (and no item) ended with this error: does it say that the
 * folder is not there any more? Then the ids are forgotten; ews_hidden_find finds them anew, or
 * makes them. */
bool ews_hidden_is_stale(struct ews_remote *remote, const struct err *err);

#endif
