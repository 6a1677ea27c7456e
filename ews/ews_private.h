/* What the files of the EWS account and remote share: one SOAP request after another on behalf
 * of a mailbox, within the limits of the account.
 *
 * A job is one request. Its callback runs exactly once, never before ews_job_start has
 * returned, never after ews_job_cancel. At most one job of a mailbox is in flight (Exchange's
 * budgets are per mailbox), at most max_connections of an account; mailboxes take turns.
 * ews_account.c decides whose turn it is; ews_job.c sends and reads. */
#ifndef SIB_EWS_EWS_PRIVATE_H
#define SIB_EWS_EWS_PRIVATE_H

#include <sys/queue.h>

#include "base/log.h"
#include "base/xml.h"
#include "ews/ews.h"
#include "ews/soap.h"

struct ews_job;
TAILQ_HEAD(ews_job_list, ews_job);

/* root: the whole SOAP envelope, valid until the callback returns; NULL unless err is ERR_OK.
 */
typedef void ews_answer_fn(const struct err *err, const struct xml_node *root, void *arg);

enum { EWS_JOB_HEAD_BYTES = 64 };

/* A mailbox's place in the account's turn. */
struct ews_mailbox {
    struct ews_account *account;
    const char *address; /* borrowed from the remote */
    struct ews_job_list waiting;
    int in_flight;
    bool ready; /* in the account's list of those that could start a job */
    TAILQ_ENTRY(ews_mailbox) link;
};

struct ews_account {
    struct loop *loop;
    struct transport *transport;
    struct ews_config config;        /* strings are our own */
    TAILQ_HEAD(, ews_mailbox) ready; /* have a job waiting and may start it */
    int in_flight, waiting;
    bool keeps_attachments;
    ews_trace_fn *trace;
    void *trace_arg;
    struct log_ctx log;
};

struct ews_job {
    struct ews_mailbox *mailbox;
    struct ews_account *account;
    TAILQ_ENTRY(ews_job) link;
    bool waiting;
    struct body *body;
    int64_t body_len;
    struct transport_call *call; /* in flight */
    struct loop_timer *failing;  /* fails with `err` when it fires */
    struct xml_reader *reader;
    bool unreadable, calling;
    size_t swallowed;
    struct err err; /* why it fails, or why the answer is unreadable */
    bool has_sink;
    struct xml_sink sink;
    struct buf trace;
    char head[EWS_JOB_HEAD_BYTES + 1]; /* how the answer begins */
    size_t head_len;
    char request_id[LIMIT_UUID];
    struct mono started;
    ews_answer_fn *fn;
    void *arg;
};

/* ---- ews_account.c ---- */

void ews_mailbox_init(struct ews_mailbox *mailbox, struct ews_account *account,
                      const char *address);
/* The job waits for its turn; ews_job_begin is called when it comes, perhaps at once. False:
 * too many wait. */
bool ews_account_enqueue(struct ews_job *job);
/* A waiting job does not want its turn any more. */
void ews_account_withdraw(struct ews_job *job);
/* A job that had its turn has ended, as err says: the next may begin. */
void ews_account_ended(struct ews_job *job, const struct err *err);

struct loop *ews_account_loop(const struct ews_account *account);
struct soap_header ews_account_header(const struct ews_account *account, const char *address);
/* The mailbox to name in a folder's id when it is reached by delegation; NULL if not. */
const char *ews_account_delegated(const struct ews_account *account, const char *address);
/* Has this server been seen to keep an attachment that was created with its item? */
bool ews_account_keeps_attachments(const struct ews_account *account);
void ews_account_saw_attachment(struct ews_account *account);

/* ---- ews_job.c ---- */

/* Takes body. sink: copied; NULL: none. */
struct ews_job *ews_job_start(struct ews_mailbox *mailbox, struct body *body,
                              const struct xml_sink *sink, ews_answer_fn *fn, void *arg);
/* A job that fails with *err, as soon as the loop turns. */
struct ews_job *ews_job_fail(struct ews_mailbox *mailbox, const struct err *err,
                             ews_answer_fn *fn, void *arg);
void ews_job_cancel(struct ews_job **job);
/* Its turn has come (ews_account.c calls it). */
void ews_job_begin(struct ews_job *job);

#endif
