/* A call of the remote interface under way, and the remote it belongs to: private to the files
 * that implement remote/remote.h over EWS. */
#ifndef SIB_EWS_EWS_CALL_H
#define SIB_EWS_EWS_CALL_H

#include "ews/download.h"
#include "ews/ews_private.h"
#include "ews/request.h"
#include "ews/response.h"

struct ews_remote {
    struct remote base;
    struct ews_mailbox mailbox;
    char address[LIMIT_ADDRESS];
    TAILQ_HEAD(, remote_call) calls;
};

struct remote_call {
    struct ews_remote *remote;
    TAILQ_ENTRY(remote_call) link;
    struct ews_job *job;
    bool calling; /* its callback runs; it is freed when that returns */
    union {
        remote_folders_fn *folders;
        remote_changes_fn *changes;
        remote_ref_fn *ref;
        remote_done_fn *done;
        remote_watch_fn *watch;
    } fn;
    void *arg;

    const char *answer; /* a literal: "CreateItemResponse" */
    /* ews_folders.c */
    struct response_folders folders;
    size_t branch; /* which root's folders are being found */
    long offset;
    bool sent_items;
    /* ews_audio.c */
    bool with_audio;
    char *item, *version, *path;
    struct download *download;
    struct err download_err;
};

struct remote_call *ews_call_new(struct ews_remote *remote, void *arg);
/* Out of the remote's list; no cancel can hurt it any more. Follow with the callback and
 * ews_call_free. */
void ews_call_ending(struct remote_call *call);
void ews_call_free(struct remote_call *call);

void ews_call_end_ref(struct remote_call *call, const struct err *err,
                      const struct remote_ref *ref);
void ews_call_end_done(struct remote_call *call, const struct err *err);

struct soap_header ews_call_header(const struct remote_call *call);
/* Send what was built (takes the buffer's memory), or fail when it could not be built. */
void ews_call_send(struct remote_call *call, struct buf *request, ews_answer_fn *fn);
void ews_call_send_body(struct remote_call *call, struct body *body,
                        const struct xml_sink *sink, ews_answer_fn *fn);
void ews_call_fail(struct remote_call *call, const struct err *err, ews_answer_fn *fn);

/* The operations that take more than one request. */
struct remote_call *ews_folders(struct remote *remote, bool sent_items, remote_folders_fn *fn,
                                void *arg);
struct remote_call *ews_create(struct remote *remote, const struct remote_new *message,
                               remote_ref_fn *fn, void *arg);
struct remote_call *ews_fetch_audio(struct remote *remote, const char *item, const char *path,
                                    remote_done_fn *fn, void *arg);

#endif
