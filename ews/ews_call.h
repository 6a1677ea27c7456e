/* A call of the remote interface under way, and the remote it belongs to: private to the files
 * that implement remote/remote.h over EWS. */
#ifndef SIB_EWS_EWS_CALL_H
#define SIB_EWS_EWS_CALL_H

#include "ews/download.h"
#include "ews/ews_check.h"
#include "ews/ews_hidden.h"
#include "ews/ews_outbox.h"
#include "ews/ews_stage.h"
#include "ews/ews_private.h"
#include "ews/request.h"
#include "ews/response.h"

/* What ews_make.h and ews_probe.h say. */
enum ews_made { EWS_MADE_WHOLE, EWS_MADE_DROPPED };
typedef void ews_made_fn(struct remote_call *call, const struct err *err, enum ews_made made,
                         const struct remote_ref *ref);
typedef void ews_probe_fn(struct remote_call *call, const struct err *err);

struct ews_remote {
    struct remote base;
    struct ews_mailbox mailbox;
    char address[LIMIT_ADDRESS];
    struct ews_hidden hidden;
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
        remote_composed_fn *composed;
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
    unsigned with;
    char *item, *version;
    struct { /* ews_make.c */
        struct body *bodies[REQUEST_WAYS];
        struct err unbuilt; /* why a body is missing */
        int look;           /* enum ews_make_look */
        ews_made_fn *then;  /* of the item under way */
        ews_made_fn *made;  /* of the message */
    } make;
    struct { /* ews_probe.c */
        enum request_way way;
        ews_probe_fn *then;
    } probe;
    struct { /* ews_check.c */
        ews_check_find_fn *find;
        ews_greeting_fn *greeting;
        ews_check_create_fn *create;
        struct ews_account *account;
        struct autodiscover_wait *finding;
        struct transport_call *sent;
        size_t page_bytes;
    } check;
    struct ews_hidden_search hidden;
    struct { /* ews_outbox.c */
        ews_outbox_fn *then;
        int made; /* how often it was made, or should have been */
    } outbox;
    struct ews_stage *stage;
    struct {                     /* ews_rewrite.c */
        char *body, *item_class; /* NULL: as it is */
        bool drop_audio, removed;
        int removals; /* that were asked for */
    } rewrite;
    /* ews_fetch.c */
    char *path;
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

/* A copy into a text that the call frees. False: no memory. */
bool ews_call_remember(char **place, const char *text);

struct soap_header ews_call_header(const struct remote_call *call);
/* Send what was built (takes the buffer's memory), or fail when it could not be built. */
void ews_call_send(struct remote_call *call, struct buf *request, ews_answer_fn *fn);
/* The same for a group of subscriptions; NULL: none. */
void ews_call_send_near(struct remote_call *call, struct affinity *affinity,
                        struct buf *request, ews_answer_fn *fn);
void ews_call_send_body(struct remote_call *call, struct body *body,
                        const struct xml_sink *sink, ews_answer_fn *fn);
void ews_call_fail(struct remote_call *call, const struct err *err, ews_answer_fn *fn);

/* Gives up what ews_check.c has under way (ews_call_free calls it). */
void ews_check_clear(struct remote_call *call);

/* The operations that take more than one request. */
struct remote_call *ews_folders(struct remote *remote, unsigned with, remote_folders_fn *fn,
                                void *arg);
struct remote_call *ews_create(struct remote *remote, const struct remote_new *message,
                               remote_ref_fn *fn, void *arg);
struct remote_call *ews_rewrite(struct remote *remote, const char *item, const char *version,
                                const struct remote_content *content, remote_ref_fn *fn,
                                void *arg);
struct remote_call *ews_composed(struct remote *remote, const char *item,
                                 remote_composed_fn *fn, void *arg);
struct remote_call *ews_fetch(struct remote *remote, const char *attachment, const char *path,
                              remote_done_fn *fn, void *arg);

#endif
