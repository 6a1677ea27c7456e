/* Questions that an administrator asks of a server, one at a time ("sync test").
 *
 * Each is a call of a remote made by ews_remote_new, under the rules of remote/remote.h: its
 * callback runs once, from the loop, and never after remote_cancel. Nothing visible is left in
 * the mailbox. */
#ifndef SIB_EWS_EWS_CHECK_H
#define SIB_EWS_EWS_CHECK_H

#include "ews/ews.h"

/* Where is the mailbox? For an account without a URL (autodiscover). */
typedef void ews_check_find_fn(const struct err *err, const char *url, void *arg);
struct remote_call *ews_check_find(struct remote *remote, ews_check_find_fn *fn, void *arg);

/* What a server says to a stranger: any HTTP answer counts, a refusal most of all. */
struct ews_greeting {
    int status;
    const char *url;        /* that was asked */
    const char *offers;     /* WWW-Authenticate: the ways in which it lets itself be asked */
    const char *server;     /* its own names for the request */
    bool has_clock;         /* it told its time */
    int64_t clock_ahead_ms; /* its clock less ours */
};
typedef void ews_greeting_fn(const struct err *err, const struct ews_greeting *greeting,
                             void *arg);
/* A request without credentials. Errors: the connection, TLS, or that it could not be found
 * which server the mailbox is on. */
struct remote_call *ews_check_greet(struct remote *remote, ews_greeting_fn *fn, void *arg);

/* Is the account itself let in, whether or not it has a mailbox? */
struct remote_call *ews_check_sign_in(struct remote *remote, remote_done_fn *fn, void *arg);

/* Make a small item in our hidden folder, look whether its audio was kept, remove it. way: the
 * word for the way that works ("inline", "mime"); staging: the id of the hidden folder. */
typedef void ews_check_create_fn(const struct err *err, const char *way, const char *staging,
                                 void *arg);
struct remote_call *ews_check_create(struct remote *remote, ews_check_create_fn *fn, void *arg);

#endif
