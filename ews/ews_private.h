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
#include "ews/affinity.h"
#include "ews/autodiscover.h"
#include "ews/ews.h"
#include "ews/oauth.h"
#include "ews/ews_way.h"
#include "ews/soap.h"

struct ews_job;
TAILQ_HEAD(ews_job_list, ews_job);

/* root: the whole SOAP envelope, valid until the callback returns; NULL unless err is ERR_OK.
 */
typedef void ews_answer_fn(const struct err *err, const struct xml_node *root, void *arg);

enum { EWS_JOB_HEAD_BYTES = 64 };

/* A mailbox's place in the account's turn. Several of one address share its one place in
 * flight. */
struct ews_mailbox {
    struct ews_account *account;
    const char *address; /* borrowed from the remote */
    struct ews_job_list waiting;
    bool ready; /* in the account's list of those that have a job waiting */
    TAILQ_ENTRY(ews_mailbox) link;
};

struct ews_account {
    struct loop *loop;
    struct transport *transport;
    struct ews_config config;          /* strings are our own */
    struct oauth *oauth;               /* with auth = oauth2; else NULL */
    struct autodiscover *autodiscover; /* without url; else NULL */
    TAILQ_HEAD(, ews_mailbox) ready;   /* have a job waiting */
    struct ews_job_list flying;
    struct pace pace;
    int waiting;
    struct err cause; /* of the last failure */
    struct loop_timer *probe_due, *told;
    struct ews_mailbox probed;
    struct ews_job *probe;
    unsigned probes;
    char failed_address[LIMIT_ADDRESS], good_address[LIMIT_ADDRESS];
    char probed_address[LIMIT_ADDRESS];
    ews_health_fn *watcher;
    void *watcher_arg;
    struct ews_way way;  /* how the audio of a new item travels */
    bool told_no_outbox; /* that a mailbox has none, and why */
    int streams; /* hanging connections that are open: not in flight, and not in the queue */
    ews_trace_fn *trace;
    void *trace_arg;
    struct log_ctx log;
};

struct ews_job {
    struct ews_mailbox *mailbox;
    struct ews_account *account;
    TAILQ_ENTRY(ews_job) link;
    bool waiting, probing;
    uint64_t number, mailbox_number; /* for the pace */
    enum pace_end said;              /* what a whole answer says about the pace */
    int64_t timeout_ms;
    struct affinity *affinity; /* of the group that it belongs to; NULL: none */
    struct body *body;
    int64_t body_len;
    bool begun;                            /* it has its turn */
    struct autodiscover_wait *server_wait; /* until the mailbox's server is known */
    struct oauth_wait *token_wait;         /* until there is a token to send it with */
    long token;                            /* which one went along */
    bool again;                            /* it is sent the second time, with a new token */
    bool no_token;                         /* it was not sent: there was none to be had */
    struct transport_call *call;           /* in flight */
    struct loop_timer *failing;            /* fails with `err` when it fires */
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

/* ---- ews_turn.c ---- */

void ews_mailbox_init(struct ews_mailbox *mailbox, struct ews_account *account,
                      const char *address);
/* The job waits for its turn; ews_job_begin is called when it comes, perhaps at once. False:
 * too many wait, or nothing is to be sent now. */
bool ews_account_enqueue(struct ews_job *job, struct err *err);
/* A waiting job does not want its turn any more. */
void ews_account_withdraw(struct ews_job *job);
/* A whole answer came for a job that had its turn; ews_account_ended follows. */
void ews_account_heard(struct ews_job *job, const struct xml_node *root);
/* A job that had its turn has ended, as err says: the next may begin. */
void ews_account_ended(struct ews_job *job, const struct err *err);
bool ews_turns_open(struct ews_account *account);
void ews_turns_close(struct ews_account *account);

/* ---- ews_account.c ---- */

struct loop *ews_account_loop(const struct ews_account *account);
/* Where the mailbox's requests go; NULL: not known yet (autodiscover). */
const char *ews_account_url(const struct ews_account *account, const char *address);
struct soap_header ews_account_header(const struct ews_account *account, const char *address);
/* The mailbox to name in a folder's id when it is reached by delegation; NULL if not. */
const char *ews_account_delegated(const struct ews_account *account, const char *address);

/* ---- ews_job.c ---- */

/* Takes body. sink: copied; NULL: none. */
struct ews_job *ews_job_start(struct ews_mailbox *mailbox, struct body *body,
                              const struct xml_sink *sink, ews_answer_fn *fn, void *arg);
/* The same for a group of subscriptions, which must outlive the job: it goes where the group's
 * requests go, and its cookies are kept. affinity NULL: none. */
struct ews_job *ews_job_start_near(struct ews_mailbox *mailbox, struct affinity *affinity,
                                   struct body *body, ews_answer_fn *fn, void *arg);
/* A job that fails with *err, as soon as the loop turns. */
struct ews_job *ews_job_fail(struct ews_mailbox *mailbox, const struct err *err,
                             ews_answer_fn *fn, void *arg);
void ews_job_cancel(struct ews_job **job);
/* A job that begins at once, out of turn, and is given up sooner than others. Takes body. */
struct ews_job *ews_job_probe(struct ews_mailbox *mailbox, struct body *body, ews_answer_fn *fn,
                              void *arg);
/* A waiting job that was taken out of its queue fails with *err, as soon as the loop turns. */
void ews_job_refuse(struct ews_job *job, const struct err *err);
/* Its turn has come (ews_account.c calls it). */
void ews_job_begin(struct ews_job *job);

#endif
